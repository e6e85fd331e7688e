//! What can be asked, and what the answers hold.

use std::fmt;
use std::ops::Range;

use super::StoreError;
use super::write::{DeliveryState, StoredMessage};
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::{Private, RoomId};

/// The most rows of one answer: a longer read would hold back the checkpoint.
pub const ROWS_MAX: u16 = 200;
/// The most hits of one answer: a list shows no more at once.
pub const HITS_MAX: u16 = 50;
/// The most messages that are counted as unread: nobody wants to know it better, and a longer count would hold back other
/// answers.
pub const UNREAD_MAX: u16 = 1_000;

/// Something that is asked of a store. The answer comes as [`News::Answer`](super::News::Answer).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Which rooms there are; an [`Answer::Rooms`].
    Rooms,
    /// What the people of a room are called; an [`Answer::Names`].
    Names {
        /// Of which room.
        room: RoomId,
    },
    /// How much of a room was not read; an [`Answer::Unread`].
    Unread {
        /// Of which room.
        room: RoomId,
    },
    /// The rows from a place on, the oldest first; an [`Answer::Rows`].
    Page {
        /// Of which room.
        room: RoomId,
        /// The place of the first.
        from: u64,
        /// How many at most; no more than [`ROWS_MAX`] count.
        count: u16,
    },
    /// The newest rows before a place, the oldest first; an [`Answer::Rows`].
    Before {
        /// Of which room.
        room: RoomId,
        /// The place after the last.
        place: u64,
        /// How many at most; no more than [`ROWS_MAX`] count.
        count: u16,
    },
    /// Own messages that are not on the host, the oldest first, no more than [`ROWS_MAX`]; an [`Answer::Rows`].
    Unsent {
        /// Of which room.
        room: RoomId,
        /// From which place on.
        from: u64,
        /// What came here before this is left out; in milliseconds since 1970.
        since_ms: u64,
    },
    /// Own messages that came to the host and that a member has not confirmed, the oldest first, no more than
    /// [`ROWS_MAX`]; an [`Answer::Rows`].
    Owed {
        /// Of which room.
        room: RoomId,
        /// To whom.
        member: Fingerprint,
        /// From which place on.
        from: u64,
        /// What came here before this is left out; in milliseconds since 1970.
        since_ms: u64,
    },
    /// Where the messages of a day begin; an [`Answer::Place`].
    PlaceOf {
        /// In which room.
        room: RoomId,
        /// The beginning of the day, in milliseconds since 1970.
        day_ms: u64,
    },
    /// Which messages hold some words; an [`Answer::Hits`].
    Search(Search),
}

impl Question {
    /// About how many bytes it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        let of_text = if let Self::Search(search) = self { search.text.len() } else { 0 };
        size_of::<Self>().saturating_add(of_text)
    }
}

/// A search. Every word of `text` has to be in the message, in whatever case and with or without its accents; the last
/// one may be the beginning of a word. What is written without spaces, as Japanese is, is found wherever it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Search {
    /// In which room; `None` for all.
    pub room: Option<RoomId>,
    /// What is looked for. No sign in it has a meaning of its own.
    pub text: Private<String>,
    /// Who said it; `None` for anybody.
    pub sender: Option<Fingerprint>,
    /// What arrived before this is left out; in milliseconds since 1970.
    pub from_ms: Option<u64>,
    /// What arrived at this or later is left out; in milliseconds since 1970.
    pub to_ms: Option<u64>,
    /// Where an earlier answer stopped.
    pub before: Option<Cursor>,
    /// How many hits at most; no more than [`HITS_MAX`] count.
    pub limit: u16,
}

impl Search {
    /// For words that anybody said in any room at any time: the newest of them first.
    #[must_use]
    pub const fn new(text: Private<String>) -> Self {
        Self { room: None, text, sender: None, from_ms: None, to_ms: None, before: None, limit: HITS_MAX }
    }
}

/// Where a search goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor(pub(super) i64);

/// The answer to a [`Question`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The rooms, in the order in which they came.
    Rooms(Vec<StoredRoom>),
    /// The newest name of each who has one.
    Names(Vec<(Fingerprint, String)>),
    /// What was not read of a room.
    Unread {
        /// The place of the first row that was not read.
        from: u64,
        /// How many messages of others are from there on; no more than [`UNREAD_MAX`] count.
        count: u64,
    },
    /// Rows of a room, the oldest first, their places without a gap. None if there is no such room.
    Rows(Vec<StoredRow>),
    /// The first row that arrived on that day or later; `None` if all are older.
    Place(Option<u64>),
    /// What was found, the newest first, and where the search goes on. It may go on where an answer has few hits, or
    /// none: after so many rows it stops to let others read.
    Hits {
        /// What was found.
        hits: Vec<Hit>,
        /// For [`Search::before`]; `None` where everything was looked at.
        next: Option<Cursor>,
    },
    /// There is no answer.
    Failed(StoreError),
}

/// A room of the store.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRoom {
    /// Which.
    pub room: RoomId,
    /// Its title.
    pub title: String,
    /// The suite it was founded with; `None` if this version does not know it.
    pub suite: Option<Suite>,
    /// When it was entered, in milliseconds since 1970.
    pub entered_ms: u64,
    /// How many rows it has.
    pub count: u64,
    /// The place of the first of them; those before were deleted.
    pub first: u64,
    /// The place of the first row that was not read.
    pub read_up_to: u64,
    /// What was typed and not sent.
    pub draft: Option<Private<String>>,
    /// How long messages are kept, in days; `None` for ever.
    pub keep_days: Option<u32>,
    /// The newest row.
    pub newest: Option<StoredRow>,
}

impl fmt::Debug for StoredRoom {
    /// Shows which it is, and not what it is called.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("StoredRoom");
        shown.field("room", &self.room).field("first", &self.first).field("count", &self.count);
        shown.finish_non_exhaustive()
    }
}

/// A row of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredRow {
    /// Its place: 0, 1, 2, … in the order in which they came, never used again.
    pub place: u64,
    /// What is there.
    pub held: Held,
    /// Of an own message that came to the host: how it stands with those who were members then.
    pub members: Vec<(Fingerprint, DeliveryState)>,
}

/// What is in a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Held {
    /// A message.
    Message(StoredMessage),
    /// A message of a kind that a newer version wrote. It is kept as it is.
    Newer {
        /// Who said it.
        sender: Fingerprint,
        /// When it arrived, by this computer's clock, in milliseconds since 1970.
        got_ms: u64,
    },
    /// A message that was kept for its days and is gone.
    Erased,
    /// Something that nobody wrote so. The log says more.
    Unreadable,
}

/// A message that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Its place in its room.
    pub place: u64,
    /// The message.
    pub message: StoredMessage,
    /// Where in its words the hits are: ranges of bytes, in order, between characters.
    pub ranges: Vec<Range<usize>>,
}
