//! Why a link failed or ended, as the side that connected sees it.

use crate::crypto::Fingerprint;
use crate::wire::{ByeCode, RefuseCode};

/// Why a link failed or ended, as the side that connected sees it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody listens there.
    #[error("nobody is hosting at {address}")]
    Refused {
        /// The address that was tried.
        address: String,
    },
    /// No answer.
    #[error("no answer from {address}")]
    TimedOut {
        /// The address that was tried.
        address: String,
    },
    /// The name is not known, or the address has no port.
    #[error("{address} is not an address that can be found")]
    NoSuchHost {
        /// The address that was tried.
        address: String,
    },
    /// No host can ever be reached at such an address.
    #[error("nobody can be reached at {address}")]
    Nobody {
        /// The address as it was given.
        address: String,
    },
    /// This process, or the system, has too many files open.
    #[error("too many open files")]
    OutOfFiles,
    /// The host's key is not the pinned one. Nothing was sent.
    #[error("the host's key is not the expected one")]
    HostKeyChanged {
        /// The pinned fingerprint.
        expected: Fingerprint,
        /// The fingerprint seen.
        seen: Fingerprint,
    },
    /// What answers there does not speak this protocol.
    #[error("what answers at {address} is not Conversa, or another version of it")]
    NotConversa {
        /// The address that was tried.
        address: String,
    },
    /// A learning room's host answered where a secure one was expected.
    #[error("{address} hosts a learning room")]
    LearningHost {
        /// The address that was tried.
        address: String,
    },
    /// A secure room's host answered where a learning one was expected.
    #[error("{address} hosts secure rooms")]
    SecureHost {
        /// The address that was tried.
        address: String,
    },
    /// The connection broke without a goodbye.
    #[error("the connection was cut")]
    Cut,
    /// The host closed the connection cleanly, without a reason.
    #[error("the host closed the connection")]
    Closed,
    /// The host said goodbye, and why.
    #[error("the host said goodbye: {0:?}")]
    Goodbye(ByeCode),
    /// The host is there, but does not let a member in now; it may later.
    #[error("the host does not let us in now: {0:?}")]
    TurnedAway(RefuseCode),
    /// The host sent something it must not send.
    #[error("the host broke the protocol")]
    Protocol,
    /// The host shows an older roster than the one seen before.
    #[error("the host shows {shown} roster entries, and {known} were seen")]
    OlderRoster {
        /// How many entries were seen.
        known: u64,
        /// The roster's hash after them, from which the room code is made.
        hash: [u8; 32],
        /// How many the host shows.
        shown: u64,
    },
    /// Some other error of the system.
    #[error("{address}: {reason}")]
    System {
        /// The address that was tried.
        address: String,
        /// The system's message.
        reason: String,
    },
}
