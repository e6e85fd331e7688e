//! What is reported about the identities: the state of each, and the results of work on its files.

use std::sync::Arc;

use crate::app::{Keys, Passphrase, Problem};
use crate::crypto::{Fingerprint, KeyKind};
use crate::protocol::Identity;

/// The state of an identity.
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

/// What the identities report.
pub(in crate::app) enum Report {
    /// A worker is done, and the session's thread continues with the result.
    Work(WorkReport),
    /// An identity changed its state.
    State { kind: KeyKind, state: IdentityState },
    /// A backup was written, and whose, or why not.
    BackedUp(Result<Fingerprint, Problem>),
    /// A backup was restored, or why not.
    Restored(Result<Fingerprint, Problem>),
    /// Something could not be stored; everything else goes on.
    Warning(Problem),
}

/// What a worker of the identities has finished.
pub(in crate::app) enum WorkReport {
    /// An identity was read, made or changed, or why not.
    Found(Found),
    /// The result of storing the passphrase in the keyring (`keep`), or of removing it.
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
    /// Whether a passphrase protects its files.
    pub(super) protected: bool,
    /// The size of its keys in bits.
    pub(super) bits: u32,
}
