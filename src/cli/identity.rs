//! `conversa identity`.

use serde_json::json;

use super::arguments::{Global, Identity, IdentityCommand};
use super::console::Console;
use super::passphrase;
use crate::app::{Code, Keys, Keystore, Making, Problem, Profile, say};
use crate::crypto::{Fingerprint, Suite};

pub(super) fn run(arguments: &Identity, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let suite = if arguments.learning { Suite::Textbook } else { Suite::Secure };
    match arguments.command.as_ref().unwrap_or(&IdentityCommand::Show) {
        IdentityCommand::New { bits } => make(suite, *bits, global, console),
        IdentityCommand::Show => show(suite, global, console),
        IdentityCommand::Export { private } => export(suite, *private, global, console),
    }
}

fn make(suite: Suite, bits: Option<u32>, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let profile = Profile::open(global.profile.clone())?;
    let store = Keystore::new(profile.directory(), suite);
    if store.exists() {
        return Err(store.is_taken());
    }
    let offered = suite.backend().key_bits();
    if let Some(bits) = bits.filter(|bits| !offered.contains(bits)) {
        let offered: Vec<String> = offered.iter().map(ToString::to_string).collect();
        let what = say!("Keys of {} bits are not offered.", bits);
        return Err(Problem::new(Code::Usage, what, say!("Choose one of: {}.", offered.join(", "))));
    }
    let passphrase = passphrase::given(global)?;
    let keys = store.generate(bits, |step| {
        console.notice(match step {
            Making::Signing => "Making the key that signs…",
            Making::Decryption => "Making the key that opens messages…",
        });
    })?;
    store.store(&keys, passphrase.as_ref())?;
    tell(&keys, &store, console);
    Ok(0)
}

fn show(suite: Suite, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let store = Keystore::new(&Profile::place(global.profile.clone())?, suite);
    // The fingerprint is of the public half; no passphrase is needed to see it.
    let passphrase = passphrase::find(global, &store)?;
    let keys = store.load(passphrase.as_ref())?.ok_or_else(|| none(&store))?;
    tell(&keys, &store, console);
    Ok(0)
}

fn export(suite: Suite, private: bool, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let store = Keystore::new(&Profile::place(global.profile.clone())?, suite);
    if !store.exists() {
        return Err(none(&store));
    }
    for text in store.export(private)? {
        console.event("key", &json!({ "pem": text.as_str() }));
        console.line(text.trim_end());
    }
    Ok(0)
}

fn tell(keys: &Keys, store: &Keystore, console: &mut Console) {
    let public = keys.signing.public();
    let fingerprint = Fingerprint::of(public.spki());
    let protected = store.is_protected();
    let fields = json!({
        "fingerprint": fingerprint.to_string(), "bits": public.bits(), "protected": protected,
        "directory": store.directory(),
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
