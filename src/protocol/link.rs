//! How links end and why hosts say no: the numbers on the wire and what they mean.

use crate::crypto::Fingerprint;

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// A number that this version does not know: told as it is.
            Other(u8),
        }

        impl $name {
            /// Its number on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* Self::Other(code) => code }
            }

            /// The meaning of a number from the wire.
            #[must_use]
            pub const fn from_code(code: u8) -> Self {
                match code { $($code => Self::$variant,)* other => Self::Other(other) }
            }
        }
    };
}

codes! {
    /// Why a link ends.
    ByeCode {
        /// The member's app goes offline; the member stays in the room.
        Leaving = 0,
        /// The peer broke the protocol.
        Protocol = 1,
        /// The peer does not read what it is sent.
        Slow = 2,
        /// The owner removed this member.
        Removed = 3,
        /// The owner closed the room.
        Closed = 4,
        /// The host's app is quitting; the room may come back.
        GoingAway = 5,
        /// The same identity connected again.
        Replaced = 6,
        /// The peer took too long.
        TimedOut = 7,
        /// The peer sent more than it may.
        Rate = 8,
    }
}

codes! {
    /// Why a host says no.
    RefuseCode {
        /// The invite is wrong, used, withdrawn or expired: one code for all.
        Invite = 1,
        /// The joiner's bundle is not valid.
        Bundle = 2,
        /// The room is full.
        Full = 3,
        /// The owner, who alone admits, is not connected.
        OwnerAway = 4,
        /// The host no longer has what was missed; come back with `Join`.
        Gone = 5,
        /// The message is of an epoch that is over; it is sealed again.
        Stale = 6,
        /// The owner declined.
        Declined = 7,
        /// No such room here.
        NoRoom = 8,
        /// Too many at once; try later.
        Busy = 9,
        /// This host does not let this peer open rooms.
        Open = 10,
        /// This room takes invites only.
        NoKnocking = 11,
        /// The owner cannot store the entry that would let one in.
        Unstored = 12,
    }
}

/// A member said goodbye, in a presence frame.
pub(super) const PRESENCE_OFFLINE: u8 = 0;
/// A member is connected.
pub(super) const PRESENCE_CONNECTED: u8 = 1;
/// A member's connection broke; it may come back and read what it missed.
pub(super) const PRESENCE_CUT: u8 = 2;

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
    /// Nobody can be reached at such an address, whoever hosts.
    #[error("nobody can be reached at {address}")]
    Nobody {
        /// The address as it was given.
        address: String,
    },
    /// This process, or the system, has as many files open as it may.
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
    /// The host closed the connection in order, and gave no reason.
    #[error("the host closed the connection")]
    Closed,
    /// The host said goodbye, and why.
    #[error("the host said goodbye: {0:?}")]
    Goodbye(ByeCode),
    /// The host is there, and does not let a member in now; later it may.
    #[error("the host does not let us in now: {0:?}")]
    TurnedAway(RefuseCode),
    /// The host sent something it must not.
    #[error("the host broke the protocol")]
    Protocol,
    /// The host shows a roster that is older than the one that was seen.
    #[error("the host shows {shown} roster entries, and {known} were seen")]
    OlderRoster {
        /// How many entries were seen.
        known: u64,
        /// The roster's hash after them, of which the room code is made.
        hash: [u8; 32],
        /// How many the host shows.
        shown: u64,
    },
    /// Something else the system reported.
    #[error("{address}: {reason}")]
    System {
        /// The address that was tried.
        address: String,
        /// The system's words.
        reason: String,
    },
}
