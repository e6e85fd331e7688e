//! What a session reports.

use std::fmt;
use std::net::SocketAddr;

use super::address_test::AddressTest;
use super::requests::{MembershipId, MembershipInfo};
use crate::app::conversation::Message;
use crate::app::identity::report::IdentityState;
use crate::app::{Problem, Settings};
use crate::crypto::{Fingerprint, KeyKind};
use crate::protocol::{self, Content, MessageId, RoomCode};

/// What happened in a session.
#[derive(Clone, PartialEq, Debug)]
pub enum SessionEvent {
    /// An identity changed its state.
    Identity {
        /// Which of the two.
        kind: KeyKind,
        /// The new state.
        state: IdentityState,
    },
    /// Something happened in a membership.
    Membership {
        /// Which.
        membership: MembershipId,
        /// What.
        event: MembershipEvent,
    },
    /// The result of [`Session::back_up`](super::Session::back_up): whose identity is now in the file.
    BackedUp(Result<Fingerprint, Problem>),
    /// The result of [`Session::restore`](super::Session::restore): the new fingerprint. The identity's new state came
    /// before it; with a problem, nothing changed.
    Restored(Result<Fingerprint, Problem>),
    /// The settings changed.
    Settings(Settings),
    /// Something could not be stored on disk; everything else goes on.
    Warning(Problem),
    /// Something still could not be stored on disk at the end, and is lost. [`Self::Ended`] follows.
    Unwritten(Problem),
    /// The session said goodbye everywhere and ended. Nothing comes after.
    Ended,
}

/// What happened in a membership.
#[derive(Clone, PartialEq)]
pub enum MembershipEvent {
    /// It starts, or starts again: at [`Session::host`](super::Session::host), [`Session::join`](super::Session::join)
    /// and [`Session::enter`](super::Session::enter). The first event of a try.
    Begun(MembershipInfo),
    /// What was said before this run, as far as it is stored: first the newest, and then what
    /// [`Session::read_earlier`](super::Session::read_earlier) asks for.
    Earlier(EarlierMessages),
    /// The identity of the member is ready.
    Identity(Fingerprint),
    /// This computer relays the room now.
    Hosting {
        /// Where it listens, with the real port.
        address: SocketAddr,
        /// What invites will carry, the best first.
        addresses: Vec<String>,
        /// The key that joiners will see.
        host: Fingerprint,
    },
    /// An address of this computer is being tested, or was.
    Reach {
        /// Which.
        address: String,
        /// What is known of it.
        test: AddressTest,
    },
    /// One of our messages was accepted and waits to be sealed: show it at once.
    Sent {
        /// Its id.
        id: MessageId,
        /// What it says.
        content: Content,
        /// When, by this computer's clock.
        sent_ms: u64,
    },
    /// One of our messages was cancelled, in time or too late.
    CancelAsked(MessageId),
    /// What the members of the room read to each other: it changes with them.
    RoomCode(RoomCode),
    /// The protocol's own events, except roster entries, which the session handles.
    Protocol(protocol::Event),
    /// It could not start. Final for this try; a known room can be entered again.
    Failed(Problem),
    /// The room was forgotten, and the membership with it.
    Forgotten,
}

/// Messages from before, which stand right above those that are known.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EarlierMessages {
    /// The oldest first.
    pub messages: Vec<EarlierMessage>,
    /// How many more are stored above them.
    pub earlier: u64,
    /// What those who wrote them were last called.
    pub names: Vec<(Fingerprint, String)>,
    /// How many of `messages`, the newest of them, are behind what was read.
    pub new: usize,
    /// How many messages of others were not read, here and further up. Only the first page of a room counts them.
    pub unread: u64,
}

/// A message from before.
#[derive(Clone, PartialEq, Debug)]
pub struct EarlierMessage {
    /// When it came, or was written here, by this computer's clock, in milliseconds since 1970.
    pub came_ms: u64,
    /// What it is.
    pub message: Message,
}

impl fmt::Debug for MembershipEvent {
    /// Without message texts, which do not belong in logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun(info) => write!(formatter, "Begun({:?})", info.room),
            Self::Earlier(page) => write!(formatter, "Earlier({}, {})", page.messages.len(), page.earlier),
            Self::Identity(fingerprint) => write!(formatter, "Identity({fingerprint:?})"),
            Self::Hosting { address, addresses, .. } => write!(formatter, "Hosting({address}, {addresses:?})"),
            Self::Reach { address, test } => write!(formatter, "Reach({address}, {test:?})"),
            Self::Sent { id, .. } => write!(formatter, "Sent({id:?})"),
            Self::CancelAsked(id) => write!(formatter, "CancelAsked({id:?})"),
            Self::RoomCode(code) => write!(formatter, "RoomCode({code})"),
            Self::Protocol(event) => write!(formatter, "Protocol({event:?})"),
            Self::Failed(problem) => write!(formatter, "Failed({problem:?})"),
            Self::Forgotten => formatter.write_str("Forgotten"),
        }
    }
}
