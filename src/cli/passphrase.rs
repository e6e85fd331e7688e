//! The passphrase, from where it was put: a file, the environment, or a person at a terminal.

use std::io::IsTerminal;

use super::arguments::Global;
use super::read_text;
use crate::app::{Code, Keystore, Passphrase, Problem, say};

/// The environment variable with the passphrase.
const VARIABLE: &str = "CONVERSA_PASSPHRASE";

/// The passphrase for the key files in `store`: what was given, or, if the files need one, what a
/// person types.
pub(super) fn find(global: &Global, store: &Keystore) -> Result<Option<Passphrase>, Problem> {
    if let Some(given) = given(global)? {
        return Ok(Some(given));
    }
    if !store.is_protected() || !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password("Passphrase of your identity: ").map_err(|error| {
        let hint = say!("Give it with --passphrase-file or CONVERSA_PASSPHRASE instead.");
        Problem::new(Code::PassphraseNeeded, say!("The passphrase could not be asked for."), hint).with_detail(error)
    })?;
    Ok(Some(Passphrase::new(typed)))
}

/// The passphrase from a file or the environment.
pub(super) fn given(global: &Global) -> Result<Option<Passphrase>, Problem> {
    if let Some(path) = &global.passphrase_file {
        let text = zeroize::Zeroizing::new(read_text(path)?);
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            let what = say!("There is no passphrase in the first line of {}.", path.display());
            let hint = say!("Put it there, or leave the option out.");
            return Err(Problem::new(Code::PassphraseNeeded, what, hint));
        }
        return Ok(Some(Passphrase::new(line.to_owned())));
    }
    let from_environment = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    Ok(from_environment.map(Passphrase::new))
}
