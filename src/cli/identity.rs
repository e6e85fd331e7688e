//! `conversa identity`: the identity on disk. It makes, shows, exports, backs up and restores keys.
//!
//! No session runs: it works on a profile's files, holding the profile while it writes, and reports the result once.

use std::path::Path;

use serde_json::json;
use zeroize::Zeroizing;

use super::arguments::{Global, Identity, IdentityCommand};
use super::console::Console;
use super::passphrase;
use crate::app::identity::{backup, keyring};
use crate::app::{Code, Keys, Keystore, Making, Passphrase, Problem, Profile, Records, say};
use crate::crypto::{Fingerprint, KeyKind};

/// Does what was asked for; without a subcommand it shows the identity.
///
/// # Errors
/// A [`Problem`] with the files, the passphrase or the backup.
pub(super) fn run(arguments: &Identity, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let kind = if arguments.learning { KeyKind::Textbook } else { KeyKind::Rsa };
    match arguments.command.as_ref().unwrap_or(&IdentityCommand::Show) {
        IdentityCommand::New { bits } => make(kind, *bits, global, console),
        IdentityCommand::Show => show(kind, global, console),
        IdentityCommand::Export { private, output } => export(kind, *private, output.as_deref(), global, console),
        IdentityCommand::Forget => forget(kind, global, console),
        IdentityCommand::Backup { .. } | IdentityCommand::Restore { .. } if kind.is_learning() => {
            Err(backup::of_learning())
        }
        IdentityCommand::Backup { file, backup_passphrase_file } => {
            back_up(file, backup_passphrase_file.as_deref(), global, console)
        }
        IdentityCommand::Restore { file, backup_passphrase_file, replace } => {
            restore(file, backup_passphrase_file.as_deref(), *replace, global, console)
        }
    }
}

fn make(kind: KeyKind, bits: Option<u32>, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let profile = Profile::open(global.profile.clone())?;
    let store = Keystore::new(profile.directory(), kind);
    if store.exists() {
        return Err(store.is_taken());
    }
    let offered = kind.backend().key_bits();
    if let Some(bits) = bits.filter(|bits| !offered.contains(bits)) {
        let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
        let what = say!("Keys of {} bits are not offered.", bits);
        return Err(Problem::new(Code::Usage, what, say!("Choose one of: {}.", offered.join(", "))));
    }
    // Before keys are made, which takes a moment: a passphrase that cannot be used is told at once.
    let passphrase = passphrase::given(global)?;
    let keys = store.generate(bits, |step| {
        console.notice(match step {
            Making::Signing => "Creating the signing key…",
            Making::Decryption => "Creating the decryption key…",
        });
    })?;
    store.store(&keys, passphrase.as_ref())?;
    tell(&keys, &store, console);
    Ok(0)
}

fn show(kind: KeyKind, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let store = Keystore::new(&Profile::look_into(global.profile.clone())?, kind);
    // The fingerprint is of the public half; no passphrase is needed to see it.
    let passphrase = passphrase::find(global, &store)?;
    let keys = store.load(passphrase.as_ref())?.ok_or_else(|| none(&store))?;
    tell(&keys, &store, console);
    Ok(0)
}

fn export(
    kind: KeyKind,
    private: bool,
    output: Option<&Path>,
    global: &Global,
    console: &mut Console,
) -> Result<u8, Problem> {
    let store = Keystore::new(&Profile::look_into(global.profile.clone())?, kind);
    if !store.exists() {
        return Err(none(&store));
    }
    let texts = store.export(private)?;
    if let Some(path) = output {
        // A new file for its owner alone, and never one in the place of another.
        let whole =
            Zeroizing::new(texts.iter().map(|text| text.trim_end()).flat_map(|text| [text, "\n"]).collect::<String>());
        backup::write_new(path, whole.as_bytes())?;
        console.event("exported", &json!({ "file": path.to_string_lossy(), "private": private }));
        console.line(&format!("Exported: {}", path.display()));
        return Ok(0);
    }
    for text in texts {
        console.event("key", &json!({ "pem": text.as_str() }));
        console.line(text.trim_end());
    }
    Ok(0)
}

fn forget(kind: KeyKind, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let store = Keystore::new(&Profile::look_into(global.profile.clone())?, kind);
    let identity = store.said_fingerprint().ok_or_else(|| none(&store))?;
    keyring::forget(identity)?;
    console.event("forgotten", &json!({ "fingerprint": identity.to_string() }));
    console.line("The keyring no longer has this identity's passphrase.");
    Ok(0)
}

fn back_up(file: &Path, passphrase_file: Option<&Path>, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let store = Keystore::new(&Profile::look_into(global.profile.clone())?, KeyKind::Rsa);
    let passphrase = passphrase::find(global, &store)?;
    let keys = store.load(passphrase.as_ref())?.ok_or_else(|| none(&store))?;
    let of_backup = passphrase::of_backup(passphrase_file, true)?;
    // It was read back from disk and opened, so it can be relied on.
    let fingerprint = backup::write(file, &keys, &of_backup)?;
    console.event("backup", &json!({ "fingerprint": fingerprint.to_string(), "file": file.to_string_lossy() }));
    console.line(&format!("Backup:      {}, read back and whole", file.display()));
    console.line(&format!("Fingerprint: {}", fingerprint.grouped()));
    Ok(0)
}

fn restore(
    file: &Path,
    passphrase_file: Option<&Path>,
    replace: bool,
    global: &Global,
    console: &mut Console,
) -> Result<u8, Problem> {
    let profile = Profile::open(global.profile.clone())?;
    let store = Keystore::new(profile.directory(), KeyKind::Rsa);
    let before = store.said_fingerprint().or_else(|| {
        let open = store.load(None).ok().flatten()?;
        Some(Fingerprint::of(open.signing.public().spki()))
    });
    if store.exists() && !replace {
        let what = say!("There is an identity in {} already.", store.directory().display());
        let hint = say!("With --replace, the backup's identity takes its place, and its files are set aside.");
        return Err(Problem::new(Code::Identity, what, hint));
    }
    console.notice(&format!("The backup says that it belongs to {}", backup::said_fingerprint(file)?.grouped()));
    let of_backup = passphrase::of_backup(passphrase_file, false)?;
    let keys = backup::read(file, &of_backup)?;
    // Under a lock as good as the one it came under, unless the person gave another.
    let passphrase = passphrase::given(global)?.unwrap_or(of_backup);
    put(&store, &keys, &passphrase)?;
    let fingerprint = Fingerprint::of(keys.signing.public().spki());
    let fields = json!({
        "fingerprint": fingerprint.to_string(), "before": before.map(|before| before.to_string()),
        "protected": store.is_protected(),
    });
    console.event("restored", &fields);
    if let Some(before) = before {
        console.line(&format!("Before:      {}", before.grouped()));
    }
    tell(&keys, &store, console);
    let others =
        Records::new(profile.directory()).look()?.0.iter().filter(|record| !record.suite().is_learning()).count();
    if others > 0 && before != Some(fingerprint) {
        console.notice(&format!(
            "These rooms know this profile by its earlier key, and do not know the new one: {others}"
        ));
    }
    Ok(0)
}

/// Installs the keys; the previous ones are set aside.
fn put(store: &Keystore, keys: &Keys, passphrase: &Passphrase) -> Result<(), Problem> {
    if store.exists() { store.replace(keys, Some(passphrase)) } else { store.store(keys, Some(passphrase)) }
}

/// Says whose keys these are.
fn tell(keys: &Keys, store: &Keystore, console: &mut Console) {
    let public = keys.signing.public();
    let fingerprint = Fingerprint::of(public.spki());
    let protected = store.is_protected();
    let fields = json!({
        "fingerprint": fingerprint.to_string(), "bits": public.bits(), "protected": protected,
        "directory": store.directory().to_string_lossy(),
    });
    console.event("identity", &fields);
    console.line(&format!("Fingerprint: {}", fingerprint.grouped()));
    console.line(&format!("Keys:        RSA, {} bits, in {}", public.bits(), store.directory().display()));
    console.line(if protected { "Passphrase:  yes" } else { "Passphrase:  none" });
}

fn none(store: &Keystore) -> Problem {
    let what = say!("There is no identity in {}.", store.directory().display());
    Problem::new(Code::Identity, what, say!("Make one with `conversa identity new`, or just host or join."))
}
