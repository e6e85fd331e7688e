//! The desktop's keyring, as a place for the identity's passphrase: used only on request.
//!
//! On Linux it is the Secret Service (GNOME Keyring, KWallet, KeePassXC), over D-Bus. If there is none, the program
//! says so, and asks for the passphrase as usual: nothing else is ever used instead. Anybody who can use the person's
//! account while the keyring is open can get the passphrase.
//!
//! Each call connects afresh. The `keyring` crate 4 looks for a store once per process, so it never finds a keyring
//! that starts later; and it keeps one connection behind a lock, so one hung call would block all later ones.

use std::sync::mpsc;
use std::time::Duration;

use crate::app::worker::thread;
use crate::app::{Code, Passphrase, Problem, say};
use crate::crypto::Fingerprint;

/// How long a keyring may take: it may ask the person to unlock it, but must not block us for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether this program was built to use a keyring. Whether there is one becomes clear on use.
#[must_use]
pub const fn is_supported() -> bool {
    cfg!(all(feature = "keyring", target_os = "linux"))
}

/// The passphrase of an identity, if the keyring has it.
///
/// # Errors
/// A [`Problem`] if there is no keyring, or it does not answer or open.
pub fn recall(identity: Fingerprint) -> Result<Option<Passphrase>, Problem> {
    let secret = within_patience(move || service::recall(&identity.to_string()))?;
    secret.map(|secret| Passphrase::read(&secret)).transpose()
}

/// Stores an identity's passphrase in the keyring.
///
/// # Errors
/// As [`recall`].
pub fn remember(identity: Fingerprint, passphrase: Passphrase) -> Result<(), Problem> {
    within_patience(move || service::remember(&identity.to_string(), &passphrase))
}

/// Removes an identity's passphrase from the keyring, if it is there.
///
/// # Errors
/// As [`recall`].
pub fn forget(identity: Fingerprint) -> Result<(), Problem> {
    within_patience(move || service::forget(&identity.to_string()))
}

/// Runs on its own thread, because a hung service never answers.
fn within_patience<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, Problem> {
    let (sender, receiver) = mpsc::channel();
    thread("keyring", move || {
        // A caller that timed out no longer listens.
        let _ = sender.send(work());
    })?;
    match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(reason)) => Err(no_keyring().with_detail(reason)),
        Err(_) => Err(no_keyring().with_detail("it does not answer")),
    }
}

fn no_keyring() -> Problem {
    let hint = say!("Nothing is kept anywhere else instead. Without a keyring Conversa asks for your passphrase.");
    Problem::new(Code::Keyring, say!("There is no usable keyring here."), hint)
}

#[cfg(all(feature = "keyring", target_os = "linux"))]
mod service {
    use std::collections::HashMap;

    use secret_service::blocking::{Item, SecretService};
    use secret_service::{EncryptionType, Error};
    use zeroize::Zeroizing;

    use crate::app::Passphrase;

    /// The attributes by which our items are found.
    const APPLICATION: &str = "io.github.conversa.conversa";
    /// Their label in the keyring's own window.
    const LABEL: &str = "Conversa: the passphrase of your identity";

    fn attributes(identity: &str) -> HashMap<&str, &str> {
        HashMap::from([("application", APPLICATION), ("identity", identity)])
    }

    /// It goes over the bus encrypted, because other programs may listen there.
    fn open<'a>() -> Result<SecretService<'a>, String> {
        SecretService::connect(EncryptionType::Dh).map_err(said)
    }

    fn said(error: Error) -> String {
        error.to_string()
    }

    pub(in crate::app) fn recall(identity: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        let service = open()?;
        let found = service.search_items(attributes(identity)).map_err(said)?;
        let Some(item) = found.unlocked.first().or(found.locked.first()) else { return Ok(None) };
        unlocked(item)?;
        Ok(Some(Zeroizing::new(item.get_secret().map_err(said)?)))
    }

    pub(in crate::app) fn remember(identity: &str, passphrase: &Passphrase) -> Result<(), String> {
        let service = open()?;
        let collection = service.get_default_collection().map_err(said)?;
        if collection.is_locked().map_err(said)? {
            collection.unlock().map_err(said)?;
        }
        let secret = passphrase.expose().as_bytes();
        collection.create_item(LABEL, attributes(identity), secret, true, "text/plain").map_err(said)?;
        // A keyring that forgets at once does not count.
        match recall(identity)? {
            Some(kept) if kept.as_slice() == passphrase.expose().as_bytes() => Ok(()),
            _ => Err("it does not keep what it is given".to_owned()),
        }
    }

    pub(in crate::app) fn forget(identity: &str) -> Result<(), String> {
        let service = open()?;
        let found = service.search_items(attributes(identity)).map_err(said)?;
        for item in found.unlocked.iter().chain(&found.locked) {
            unlocked(item)?;
            item.delete().map_err(said)?;
        }
        Ok(())
    }

    fn unlocked(item: &Item<'_>) -> Result<(), String> {
        if item.is_locked().map_err(said)? { item.unlock().map_err(said) } else { Ok(()) }
    }
}

#[cfg(not(all(feature = "keyring", target_os = "linux")))]
mod service {
    use zeroize::Zeroizing;

    use crate::app::Passphrase;

    const ABSENT: &str = "this Conversa was built without one";

    pub(in crate::app) fn recall(_identity: &str) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
        Err(ABSENT.to_owned())
    }

    pub(in crate::app) fn remember(_identity: &str, _passphrase: &Passphrase) -> Result<(), String> {
        Err(ABSENT.to_owned())
    }

    pub(in crate::app) fn forget(_identity: &str) -> Result<(), String> {
        Err(ABSENT.to_owned())
    }
}
