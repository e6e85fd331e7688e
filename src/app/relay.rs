//! A relay: hosts other people's rooms. It has its own key in the profile, which is nobody's identity, and no key that
//! opens a message.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::clock::now;
use super::{Code, Keystore, Passphrase, Problem, Profile, files, say, source};
use crate::crypto::{Fingerprint, KeyKind, Random, SystemRandom};
use crate::net::{self, Command, Handle, ListenerId, LogDirectory, NetLimits, Reports};
use crate::protocol::{HostEvent, Identity, OpenPolicy, RelayToken, RoomId};

/// What a relay reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RelayEvent {
    /// It listens, at this address with its real port.
    Listening(SocketAddr),
    /// It cannot listen.
    Failed(Problem),
    /// It goes on, but with a problem.
    Warning(Problem),
    /// Somebody opened a room here.
    RoomOpened(RoomId),
    /// A room was closed.
    RoomClosed(RoomId),
    /// It ended. Nothing comes after.
    Stopped,
}

/// A running relay.
pub struct Relay {
    net: Handle,
    events: async_channel::Receiver<RelayEvent>,
    fingerprint: Fingerprint,
}

impl Relay {
    /// Reads the relay's key, or makes one, and starts to listen. Slow the first time.
    ///
    /// # Errors
    /// A [`Problem`] with the key files or the system; a failure to listen comes as an event.
    pub fn start(
        profile: &Profile,
        kind: KeyKind,
        passphrase: Option<&Passphrase>,
        address: SocketAddr,
        token: RelayToken,
    ) -> Result<Self, Problem> {
        let store = Keystore::new(&directory(profile), kind);
        let keys = match store.load(passphrase)? {
            Some(keys) => keys,
            None => {
                let keys = store.generate(None, |_| ())?;
                store.store(&keys, passphrase.filter(|_| !kind.is_learning()))?;
                keys
            }
        };
        let identity = Arc::new(Identity::new(keys.signing, keys.decryption, now())?);
        let fingerprint = identity.fingerprint();
        let (sender, events) = async_channel::unbounded();
        // What is said in a learning room anybody can read, so it is not left on a disk.
        let logs = profile.logs_in(&directory(profile)).filter(|_| !kind.is_learning());
        // A relay has no clients, so nothing waits for these to be taken.
        let reports = Reports::new(move |event| {
            relay_event(event).into_iter().for_each(|event| drop(sender.try_send(event)));
        });
        let net = net::spawn_reporting(NetLimits::default(), reports);
        let net = net.map_err(|error| Problem::cannot_start(&error))?;
        net.send(Command::Listen {
            listener: ListenerId(0),
            address,
            identity,
            policy: OpenPolicy::Token(token),
            limits: NetLimits::default(),
            log: logs.map(|path| LogDirectory { path, all: true }),
        });
        Ok(Self { net, events, fingerprint })
    }

    /// The fingerprint of the relay's key.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What it reports.
    #[must_use]
    pub fn events(&self) -> async_channel::Receiver<RelayEvent> {
        self.events.clone()
    }

    /// Says goodbye to everybody and ends; [`RelayEvent::Stopped`] follows.
    pub fn stop(&self) {
        self.net.send(Command::Shutdown);
    }
}

/// Where a profile keeps what its relay needs.
#[must_use]
pub fn directory(profile: &Profile) -> PathBuf {
    profile.directory().join("relay")
}

/// Reads the token in `path`, 64 hexadecimal digits; makes the file with a new one if there is none.
///
/// # Errors
/// A [`Problem`] that names the file.
pub fn token(path: &Path) -> Result<RelayToken, Problem> {
    if !files::is_there(path) {
        let token = RelayToken::new((&mut SystemRandom::new() as &mut dyn Random).bytes()?);
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            files::create_directory(directory).map_err(|error| Problem::cannot_write(directory, &error))?;
        }
        let text = Zeroizing::new(format!("{}\n", *token.expose()));
        files::write(path, text.as_bytes()).map_err(|error| Problem::cannot_write(path, &error))?;
        return Ok(token);
    }
    read_token(path)
}

/// Reads the token in the file at `path`, 64 hexadecimal digits and nothing else but blanks around them.
///
/// # Errors
/// A [`Problem`] that names the file.
pub fn read_token(path: &Path) -> Result<RelayToken, Problem> {
    let bytes = source::whole(path)?;
    let token = str::from_utf8(bytes.trim_ascii()).ok().and_then(|text| text.parse().ok());
    token.ok_or_else(|| {
        let what = say!("There is no token in {}.", path.display());
        Problem::new(
            Code::Usage,
            what,
            say!("It is 64 hexadecimal digits, as the relay made them; whoever runs the relay has it."),
        )
    })
}

fn relay_event(event: net::Event) -> Option<RelayEvent> {
    match event {
        net::Event::Listening { address, .. } => Some(RelayEvent::Listening(address)),
        net::Event::ListenFailed { address, reason, .. } => {
            Some(RelayEvent::Failed(Problem::of_listen(address, &reason)))
        }
        net::Event::OutOfFiles { .. } => Some(RelayEvent::Warning(Problem::out_of_files())),
        net::Event::Host { event: HostEvent::RoomOpened(room), .. } => Some(RelayEvent::RoomOpened(room)),
        net::Event::Host { event: HostEvent::RoomClosed(room), .. } => Some(RelayEvent::RoomClosed(room)),
        net::Event::Log { news, .. } => Problem::of_hosted_log(&news).map(RelayEvent::Warning),
        net::Event::Client { .. } | net::Event::Keep { .. } => None,
        net::Event::Stopped => Some(RelayEvent::Stopped),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/token");
        let made = token(&path).unwrap();
        assert_eq!(token(&path).unwrap(), made);
        assert_ne!(made, RelayToken::new([0; 32]));
        std::fs::write(&path, "not a token").unwrap();
        assert_eq!(token(&path).unwrap_err().code, Code::Usage);
        assert_eq!(std::fs::read(&path).unwrap(), b"not a token");
    }
}
