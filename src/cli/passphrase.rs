//! The passphrase, from where it was put: a file, the environment, or a person at a terminal.

use std::io::IsTerminal;
use std::path::Path;

use super::arguments::Global;
use super::read_text;
use crate::app::{Code, Keystore, Passphrase, Problem, keyring, say};

/// The environment variable with the passphrase.
const VARIABLE: &str = "CONVERSA_PASSPHRASE";
/// The same for a backup.
const BACKUP_VARIABLE: &str = "CONVERSA_BACKUP_PASSPHRASE";

/// The passphrase for the key files in `store`: what was given, or, if the files need one, what a
/// person types.
pub(super) fn find(global: &Global, store: &Keystore) -> Result<Option<Passphrase>, Problem> {
    if let Some(given) = given(global)? {
        return Ok(Some(given));
    }
    if !store.is_protected() {
        return Ok(None);
    }
    let identity = store.said_fingerprint().filter(|_| global.keyring);
    if let Some(identity) = identity
        && let Some(kept) = keyring::recall(identity)?
    {
        return Ok(Some(kept));
    }
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let typed = ask("Passphrase of your identity: ")?;
    if let Some(identity) = identity {
        // Only one that opens the files is worth keeping.
        store.load(Some(&typed))?;
        keyring::remember(identity, typed.clone())?;
    }
    Ok(Some(typed))
}

/// The passphrase from a file or the environment.
pub(super) fn given(global: &Global) -> Result<Option<Passphrase>, Problem> {
    from(global.passphrase_file.as_deref(), VARIABLE)
}

/// The passphrase of a backup: what was given, or what a person types, twice for a new one.
pub(super) fn of_backup(file: Option<&Path>, is_new: bool) -> Result<Passphrase, Problem> {
    if let Some(given) = from(file, BACKUP_VARIABLE)? {
        return Ok(given);
    }
    if !std::io::stdin().is_terminal() {
        let hint = say!("Give it with --backup-passphrase-file or CONVERSA_BACKUP_PASSPHRASE.");
        return Err(Problem::new(Code::PassphraseNeeded, say!("The backup needs its passphrase."), hint));
    }
    let typed = ask("Passphrase of the backup: ")?;
    if is_new && ask("Again: ")?.expose() != typed.expose() {
        let hint = say!("Nothing was written. Try again.");
        return Err(Problem::new(Code::Usage, say!("The two passphrases are not the same."), hint));
    }
    Ok(typed)
}

fn ask(question: &str) -> Result<Passphrase, Problem> {
    let typed = rpassword::prompt_password(question).map_err(|error| {
        let hint = say!("Give it with a file or an environment variable instead: `conversa identity --help`.");
        Problem::new(Code::PassphraseNeeded, say!("The passphrase could not be asked for."), hint).with_detail(error)
    })?;
    Ok(Passphrase::new(typed))
}

/// The first line of a file, or else an environment variable.
fn from(file: Option<&Path>, variable: &str) -> Result<Option<Passphrase>, Problem> {
    if let Some(path) = file {
        let text = zeroize::Zeroizing::new(read_text(path)?);
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            let what = say!("There is no passphrase in the first line of {}.", path.display());
            let hint = say!("Put it there, or leave the option out.");
            return Err(Problem::new(Code::PassphraseNeeded, what, hint));
        }
        return Ok(Some(Passphrase::new(line.to_owned())));
    }
    let from_environment = std::env::var(variable).ok().filter(|text| !text.is_empty());
    Ok(from_environment.map(Passphrase::new))
}
