//! A row of a conversation: a message, or a line that says what happened.

use super::Delivery;
use crate::app::Problem;
use crate::crypto::Fingerprint;
use crate::protocol::{Content, MessageId};

/// Identifies a row of a room, for as long as the program runs: ids increase in the order in which rows came, and are
/// never reused. Rows from before the program ran have negative ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowId(pub i64);

/// A row.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// Which it is.
    pub id: RowId,
    /// When it arrived, by this computer's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// What it is.
    pub kind: RowKind,
}

impl Row {
    /// Whether it is a message of somebody else.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        matches!(&self.kind, RowKind::Message(message) if !message.is_mine())
    }
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
    /// For our own messages: how far it has got.
    pub delivery: Option<Delivery>,
}

impl Message {
    /// Whether it is our own.
    #[must_use]
    pub const fn is_mine(&self) -> bool {
        self.delivery.is_some()
    }
}

/// Something that happened in a room. The front ends put it into words.
#[derive(Clone, PartialEq, Debug)]
pub enum Notice {
    /// The local person made the room.
    Opened,
    /// The local person joined the room.
    Entered,
    /// A member joined.
    Joined(Fingerprint),
    /// A member left for good.
    Left(Fingerprint),
    /// The owner removed a member.
    Removed(Fingerprint),
    /// A member left or was removed while we were away.
    Gone(Fingerprint),
    /// A member has a new name.
    Renamed {
        /// Who.
        member: Fingerprint,
        /// The name before.
        before: String,
        /// The name now.
        now: String,
    },
    /// The room has a new title.
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
    /// Others sent messages while we were away that will never arrive.
    Missed {
        /// How many messages, at least.
        count: u64,
        /// When the first of them was said, in milliseconds since 1970.
        since_ms: u64,
        /// The member who counted them.
        told_by: Fingerprint,
    },
    /// The host no longer had what was said while we were cut off.
    LogGap {
        /// How many entries of the room's log: messages, and all that goes with them.
        entries: u64,
        /// Since when, in milliseconds since 1970.
        since_ms: u64,
    },
    /// A member saw a different history.
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
    /// The room is over; `None` if the local person left.
    Over(Option<Problem>),
}
