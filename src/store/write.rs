//! What can be written, and what came of it.

use std::fmt;

use crate::crypto::{Fingerprint, Suite};
use crate::protocol::{Content, MessageId, Private, RoomId};

/// One change of a store. All of it is written, or nothing.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// A room is there, or has another title now.
    Room {
        /// Which.
        room: RoomId,
        /// Its title.
        title: String,
        /// The suite it was founded with.
        suite: Suite,
        /// When it was entered, in milliseconds since 1970. The first that was written stays.
        entered_ms: u64,
    },
    /// A message, at the end of its room. The same room, sender and id again change nothing.
    Message(StoredMessage),
    /// How far one of our own messages has got.
    Progress {
        /// In which room.
        room: RoomId,
        /// The message.
        id: MessageId,
        /// Ourselves.
        sender: Fingerprint,
        /// How far.
        state: ProgressState,
        /// How many members have it.
        delivered: u32,
        /// How many should.
        of: u32,
        /// How it stands with members, as far as that has changed.
        members: Vec<(Fingerprint, DeliveryState)>,
    },
    /// What somebody in a room is called.
    Name {
        /// In which room.
        room: RoomId,
        /// Who.
        member: Fingerprint,
        /// The name.
        name: String,
    },
    /// A message and all rows before it were read. It only goes forward; for a message that is not there, it stays.
    ReadUpTo {
        /// In which room.
        room: RoomId,
        /// Who said it.
        sender: Fingerprint,
        /// The message.
        id: MessageId,
    },
    /// What was typed and not sent; `None` if that is nothing.
    Draft {
        /// In which room.
        room: RoomId,
        /// The words.
        text: Option<Private<String>>,
    },
    /// How long messages are kept.
    KeepDays {
        /// In which room.
        room: RoomId,
        /// Days since they arrived; `None` for ever.
        days: Option<u32>,
    },
    /// A room and everything in it goes. Nobody sees it from the commit on; its rows are erased in slices after that,
    /// also after a restart, and [`News::Erased`](super::News::Erased) says when that is done.
    Forget {
        /// Which.
        room: RoomId,
    },
    /// What has been kept for its days goes, in slices between other writes; [`News::Erased`](super::News::Erased) says
    /// when that is done. The commit says only that it has begun.
    Sweep {
        /// The date, in milliseconds since 1970.
        now_ms: u64,
    },
}

/// A message as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredMessage {
    /// In which room.
    pub room: RoomId,
    /// Who said it.
    pub sender: Fingerprint,
    /// Its id, which its sender chose.
    pub id: MessageId,
    /// What was said.
    pub content: Content,
    /// When, by the sender's clock, in milliseconds since 1970: shown, never trusted.
    pub sent_ms: u64,
    /// When it arrived, by this computer's clock, in milliseconds since 1970.
    pub got_ms: u64,
    /// For our own messages: how far it has got.
    pub own: Option<Progress>,
}

/// How far one of our own messages has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// How far.
    pub state: ProgressState,
    /// How many members have it.
    pub delivered: u32,
    /// How many should.
    pub of: u32,
}

/// The steps of one of our own messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgressState {
    /// It waits here.
    Queued,
    /// It was sealed and handed to the connection; the host has not confirmed it.
    Sealed,
    /// It was cancelled after that: it may have arrived, and is not sent again.
    Recalled,
    /// The host has it.
    OnHost,
    /// It was cancelled before it was sealed.
    Cancelled,
    /// It was too long for the room; nothing was sent.
    TooLong,
    /// Too many waited already; nothing was sent.
    OutboxFull,
}

impl ProgressState {
    /// Each with its number in the file.
    const CODES: [(Self, u8); 7] = [
        (Self::Queued, 0),
        (Self::OnHost, 1),
        (Self::Cancelled, 2),
        (Self::TooLong, 3),
        (Self::OutboxFull, 4),
        (Self::Sealed, 5),
        (Self::Recalled, 6),
    ];

    /// Its number in the file.
    pub(super) fn code(self) -> u8 {
        Self::CODES.iter().find(|(state, _)| *state == self).map_or(0, |(_, code)| *code)
    }

    /// The state with this number; `None` if this version does not know it.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::CODES.iter().find(|(_, known)| *known == code).map(|(state, _)| *state)
    }
}

/// How it stands with one of those who were members when an own message came to the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeliveryState {
    /// It was sealed for them, and they have not confirmed it.
    Awaited,
    /// They were away, or went without confirming it.
    Missed,
    /// They have it, or it was sealed for them in a room where nobody confirms.
    Confirmed,
}

impl DeliveryState {
    /// Each with its number in the file. Below 2 is what a member may lack.
    const CODES: [(Self, u8); 3] = [(Self::Awaited, 0), (Self::Missed, 1), (Self::Confirmed, 2)];

    /// Its number in the file.
    pub(super) fn code(self) -> u8 {
        Self::CODES.iter().find(|(state, _)| *state == self).map_or(0, |(_, code)| *code)
    }

    /// The state with this number; `None` if this version does not know it.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::CODES.iter().find(|(_, known)| *known == code).map(|(state, _)| *state)
    }
}

/// What came of a write that adds a message, or that could not be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placed {
    /// The message is new, and has this place.
    New(u64),
    /// It was there already, at this place. Nothing was changed.
    Known(u64),
    /// It was there, and was deleted since. Nothing was changed.
    Deleted,
    /// There is no such room. Nothing was changed.
    NoRoom,
    /// It cannot be stored, however often that is tried: it is too large. Nothing was changed.
    Refused,
}

impl fmt::Debug for Write {
    /// Shows what it is and of which room: what people say and call their rooms does not belong in logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room { room, .. } => write!(formatter, "Room({room:?})"),
            Self::Message(message) => write!(formatter, "Message({:?}, {:?})", message.room, message.id),
            Self::Progress { room, id, state, .. } => write!(formatter, "Progress({room:?}, {id:?}, {state:?})"),
            Self::Name { room, member, .. } => write!(formatter, "Name({room:?}, {member:?})"),
            Self::ReadUpTo { room, id, .. } => write!(formatter, "ReadUpTo({room:?}, {id:?})"),
            Self::Draft { room, .. } => write!(formatter, "Draft({room:?})"),
            Self::KeepDays { room, days } => write!(formatter, "KeepDays({room:?}, {days:?})"),
            Self::Forget { room } => write!(formatter, "Forget({room:?})"),
            Self::Sweep { now_ms } => write!(formatter, "Sweep({now_ms})"),
        }
    }
}

impl Write {
    /// About how many bytes it takes while it waits.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_words = match self {
            Self::Room { title, .. } => title.len(),
            Self::Name { name, .. } => name.len(),
            Self::Message(message) => message.content.size(),
            Self::Draft { text, .. } => text.as_ref().map_or(0, |text| text.len()),
            Self::Progress { members, .. } => size_of_val(members.as_slice()),
            Self::ReadUpTo { .. } | Self::KeepDays { .. } | Self::Forget { .. } | Self::Sweep { .. } => 0,
        };
        size_of::<Self>().saturating_add(of_words)
    }
}
