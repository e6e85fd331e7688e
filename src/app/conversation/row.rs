//! A row of a conversation: a message, or a line that says what happened.

use super::Delivery;
use crate::app::Problem;
use crate::crypto::Fingerprint;
use crate::protocol::{Content, MessageId};

/// Which row of a room it is, for as long as the program runs: rows get higher ids in the order in which they came, and
/// none gets another's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowId(pub u64);

/// A row.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Which it is.
    pub id: RowId,
    /// When it came, by this computer's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is.
    pub kind: RowKind,
}

/// What a row is.
#[derive(Clone, PartialEq, Debug)]
pub enum RowKind {
    /// Somebody said something.
    Message(Message),
    /// Something happened.
    Notice(Notice),
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Who said it.
    pub from: Fingerprint,
    /// What was said.
    pub content: Content,
    /// When, by the sender's clock, in milliseconds since 1970: shown, never trusted.
    pub sent_ms: u64,
    /// Of own messages: how far it is.
    pub delivery: Option<Delivery>,
}

impl Message {
    /// Whether it is one's own.
    #[must_use]
    pub const fn is_mine(&self) -> bool {
        self.delivery.is_some()
    }
}

/// Something that happened in a room. The front ends put it in words.
#[derive(Clone, PartialEq, Debug)]
pub enum Notice {
    /// One made the room.
    Opened,
    /// One came into the room.
    Entered,
    /// A member is new.
    Joined(Fingerprint),
    /// A member left for good.
    Left(Fingerprint),
    /// The owner removed a member.
    Removed(Fingerprint),
    /// A member left or was removed while one was away.
    Gone(Fingerprint),
    /// A member has another name.
    Renamed {
        /// Who.
        member: Fingerprint,
        /// The name before.
        before: String,
        /// The name now.
        now: String,
    },
    /// The room has another title.
    Titled(String),
    /// A member sent something this version does not know.
    Newer(Fingerprint),
    /// A member's message cannot be read.
    Unreadable(Fingerprint),
    /// Messages of a member are missing.
    Lost {
        /// Whose.
        member: Fingerprint,
        /// How many.
        count: u64,
    },
    /// Others said something while one was away that never comes.
    Missed {
        /// How many messages, at least.
        count: u64,
        /// When the first of them was said, in milliseconds since 1970.
        since_ms: u64,
        /// The member who counted them.
        told_by: Fingerprint,
    },
    /// The host no longer had what was said while one was cut off.
    LogGap {
        /// How many entries of the room's log: messages, and all that goes with them.
        entries: u64,
        /// Since when, in milliseconds since 1970.
        since_ms: u64,
    },
    /// A member saw another history.
    Fork(Fingerprint),
    /// A member's clock differs from this computer's.
    ClockDiffers {
        /// Whose.
        member: Fingerprint,
        /// What it says, in milliseconds since 1970.
        theirs_ms: u64,
        /// What this computer's said at that moment, in milliseconds since 1970.
        ours_ms: u64,
    },
    /// It is over; `None` if one left oneself.
    Over(Option<Problem>),
}
