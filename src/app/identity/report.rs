//! What is told of the identities: how far each is, and what came of work on its files.

use std::sync::Arc;

use crate::app::{Keys, Passphrase, Problem};
use crate::crypto::{Fingerprint, KeyKind};
use crate::protocol::Identity;

/// How far an identity is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdentityState {
    /// Its keys are being made.
    Making(KeyStep),
    /// It can be used.
    Ready {
        /// The fingerprint of its signing key.
        fingerprint: Fingerprint,
        /// The size of its keys in bits.
        bits: u32,
        /// Whether its files are protected by a passphrase.
        protected: bool,
    },
    /// Its files are protected: see [`Session::unlock`](crate::app::Session::unlock).
    Locked(Problem),
    /// It cannot be used; nothing on disk was changed.
    Failed(Problem),
}

/// A step of making an identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyStep {
    /// Reading the files.
    Reading,
    /// The key that signs: 1 of 3.
    Signing,
    /// The key that opens what others send: 2 of 3.
    Decryption,
    /// Writing the files: 3 of 3.
    Saving,
}

/// Takes reports, from any thread.
pub(in crate::app) type Reporter = Arc<dyn Fn(Report) + Send + Sync>;

/// What the identities tell.
pub(in crate::app) enum Report {
    /// A worker is done, and the session's thread goes on with it.
    Work(WorkReport),
    /// An identity changed its state.
    State { kind: KeyKind, state: IdentityState },
    /// A backup was written, of whom, or why not.
    BackedUp(Result<Fingerprint, Problem>),
    /// A backup is in use now, or why not.
    Restored(Result<Fingerprint, Problem>),
    /// Something could not be kept; all else goes on.
    Warning(Problem),
}

/// What a worker of the identities is done with.
pub(in crate::app) enum WorkReport {
    /// An identity was read, made or changed, or why not.
    Found(Found),
    /// What came of keeping the passphrase in the keyring (`keep`), or of taking it out.
    Kept { keep: bool, result: Result<(), Problem> },
    /// The passphrase that the keyring had.
    Recalled(Passphrase),
    /// What was in a backup, and its passphrase.
    Opened { keys: Result<Keys, Problem>, passphrase: Passphrase },
}

/// What a worker found.
pub(in crate::app) struct Found {
    /// Which identity.
    pub(in crate::app) kind: KeyKind,
    /// The identity and whether its files are protected.
    pub(super) result: Result<Arc<Identity>, Problem>,
    /// Whether its files are under a passphrase.
    pub(super) protected: bool,
    /// The size of its keys in bits.
    pub(super) bits: u32,
}
