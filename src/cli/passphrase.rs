//! The passphrase, from where it was put: a file, standard input, the environment, or a person at a terminal. All of
//! them go through the one reader, [`Passphrase::read`].
//!
//! Never from the command line, which every program on the computer may read. Not here: what it opens, which is up to
//! the key store.

use std::fmt::Display;
use std::io::IsTerminal;
use std::path::Path;

use zeroize::Zeroizing;

use super::arguments::Global;
use crate::app::identity::keyring;
use crate::app::{Code, Keystore, Passphrase, Problem, say, source};

/// The environment variable with the passphrase.
const VARIABLE: &str = "CONVERSA_PASSPHRASE";
/// The same for a backup.
const BACKUP_VARIABLE: &str = "CONVERSA_BACKUP_PASSPHRASE";

/// The passphrase for the key files in `store`: what was given, or, if the files need one, what a
/// person types.
///
/// # Errors
/// A [`Problem`] with the place that it is in, or with itself.
pub(super) fn find(global: &Global, store: &Keystore) -> Result<Option<Passphrase>, Problem> {
    match given(global)? {
        Some(given) => Ok(Some(given)),
        None => of_files(global, store),
    }
}

/// The passphrase for the key files in `store`, where none was given: from the keyring, or typed by a person.
pub(super) fn of_files(global: &Global, store: &Keystore) -> Result<Option<Passphrase>, Problem> {
    if !store.is_protected() {
        return Ok(None);
    }
    let identity = store.said_fingerprint().filter(|_| global.keyring);
    if let Some(identity) = identity
        && let Some(kept) = keyring::recall(identity)?
    {
        return Ok(Some(kept));
    }
    // Nobody is there to ask. The session says that it needs one, as it does in the window.
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

/// What a person types, who does not see it.
fn ask(question: &str) -> Result<Passphrase, Problem> {
    match rpassword::prompt_password(question).map(Zeroizing::new) {
        Ok(typed) => Passphrase::read(typed.as_bytes()),
        // What is typed on a terminal that is not UTF-8.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Passphrase::read(b"\xff"),
        Err(error) => {
            let hint = say!("Give it with a file or an environment variable instead: `conversa identity --help`.");
            let what = say!("The passphrase could not be asked for.");
            Err(Problem::new(Code::PassphraseNeeded, what, hint).with_detail(error))
        }
    }
}

/// The first line of a file, or else an environment variable.
fn from(file: Option<&Path>, variable: &str) -> Result<Option<Passphrase>, Problem> {
    if let Some(path) = file {
        let read = Passphrase::read_first_line(&source::first_line(path)?);
        return read.map(Some).map_err(|problem| in_place(&path.display(), problem));
    }
    // An unusable one is a mistake and never counts as none: that would leave the key in the clear.
    let Some(value) = std::env::var_os(variable) else { return Ok(None) };
    let value = Zeroizing::new(value.into_encoded_bytes());
    Passphrase::read(&value).map(Some).map_err(|problem| in_place(&variable, problem))
}

/// Says where the passphrase is that cannot be used.
fn in_place(place: &dyn Display, problem: Problem) -> Problem {
    Problem { what: say!("The passphrase in {} cannot be used.", place), ..problem }
}
