//! The state of the conversations, as both front ends show it: rooms, members, rows. Pure: events and
//! the time go in, and what changed comes out, small enough to push one row to a list.
//!
//! It is the only reader of a room's session events. A front end asks what changed, never which event caused it: the
//! window redraws what changed, and the terminal prints each new row and each of the [`News`].
//!
//! None of it is saved here: earlier messages come as an event of the session.

mod comings;
mod delivery;
mod events;
mod member;
mod names;
mod news;
mod outgoing;
mod room;
mod row;
mod rows;

use std::collections::BTreeMap;

use super::{KnownRoom, MembershipEvent, MembershipId, MembershipInfo, Problem, SessionEvent};
use crate::crypto::Fingerprint;
use crate::protocol::{Event, LobbyRoom, MessageId, Name, SafetyNumber};

pub use self::delivery::{Delivery, Progress, Step};
pub use self::member::{Member, Presence};
pub(in crate::app) use self::names::Names;
pub use self::news::{MemberNews, News};
pub use self::outgoing::Outgoing;
pub use self::room::{Connection, Hosting, Room, Security};
pub use self::row::{Message, Notice, Row, RowId, RowKind};
pub use self::rows::{Page, ROWS_BYTES_MAX, ROWS_MAX};

/// What an event changed in a conversation. Rows are identified by ids, which stay valid whatever was added or dropped
/// since.
///
/// What a session reports about itself, such as its identities, its settings and its end, changes no conversation: a
/// front end reads that in the [`SessionEvent`] itself.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// A room was added.
    RoomAdded(MembershipId),
    /// A room was removed.
    RoomRemoved(MembershipId),
    /// What the list or the header shows of a room changed: title, connection, unread, preview,
    /// security, hosting.
    RoomChanged(MembershipId),
    /// A row was added at the end.
    RowAdded {
        /// The room.
        membership: MembershipId,
        /// Which row.
        row: RowId,
    },
    /// Rows from before this run were added above all others.
    RowsBefore {
        /// The room.
        membership: MembershipId,
        /// How many.
        count: usize,
        /// The first of them that is a message of somebody else and was not read before this run.
        new_from: Option<RowId>,
    },
    /// The oldest row was dropped.
    RowDropped {
        /// The room.
        membership: MembershipId,
        /// Which row it was.
        row: RowId,
    },
    /// A row changed.
    RowChanged {
        /// The room.
        membership: MembershipId,
        /// Which row.
        row: RowId,
    },
    /// Somebody is called otherwise, so that any row that speaks of them reads differently.
    NamesChanged(MembershipId),
    /// The members, their names or their presence changed.
    MembersChanged(MembershipId),
    /// There is a new invite to show, or none.
    InviteChanged(MembershipId),
    /// The joiners who ask to join changed.
    KnocksChanged(MembershipId),
    /// The requested safety number.
    SafetyNumber {
        /// The room.
        membership: MembershipId,
        /// The number.
        number: SafetyNumber,
    },
    /// Something happened that is not a row, for a front end that reports things as they come.
    News {
        /// The room.
        membership: MembershipId,
        /// What.
        news: News,
    },
    /// The person has to decide something.
    Question {
        /// The room.
        membership: MembershipId,
        /// What.
        question: Question,
    },
    /// Something went wrong at a room.
    Problem {
        /// The room.
        membership: MembershipId,
        /// What.
        problem: Problem,
    },
}

/// What a person has to decide before the room can continue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// The host's key is new: is it right? Answer with `Session::trust_host`, or leave.
    FirstUse(Fingerprint),
    /// Which room to knock at: `Session::knock`, or leave. May be empty.
    Lobby(Vec<LobbyRoom>),
}

/// All conversations.
#[derive(Debug)]
pub struct Chat {
    rooms: BTreeMap<MembershipId, Room>,
    /// Separate from the rooms: what is typed first may come before the room does.
    outgoing: BTreeMap<MembershipId, Outgoing>,
    viewed: Option<MembershipId>,
    keeps_rows: bool,
}

impl Default for Chat {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Chat {
    /// The conversations of a profile, before anything has happened.
    #[must_use]
    pub fn new(known: &[KnownRoom]) -> Self {
        Self::with(known, true)
    }

    /// The same for a front end that prints rows and forgets them: a room has only the rows of its last event. A host
    /// that runs for months on a server keeps no others, because nobody looks at them. None is reported as dropped.
    #[must_use]
    pub fn with_passing_rows(known: &[KnownRoom]) -> Self {
        Self::with(known, false)
    }

    fn with(known: &[KnownRoom], keeps_rows: bool) -> Self {
        let room = |room: &KnownRoom| (room.membership, Room::new(room.membership, room.info.clone(), keeps_rows));
        let rooms = known.iter().map(room).collect();
        let mut chat = Self { rooms, outgoing: BTreeMap::new(), viewed: None, keeps_rows };
        chat.tell_titles_apart();
        chat
    }

    /// Applies an event and returns what it changed. `now_ms` is the time in milliseconds since 1970.
    pub fn apply(&mut self, event: &SessionEvent, now_ms: u64) -> Vec<Change> {
        match event {
            SessionEvent::Membership { membership, event } => self.apply_membership(*membership, event, now_ms),
            SessionEvent::Identity { .. }
            | SessionEvent::BackedUp(_)
            | SessionEvent::Restored(_)
            | SessionEvent::Settings(_)
            | SessionEvent::Warning(_)
            | SessionEvent::Unwritten(_)
            | SessionEvent::Ended => Vec::new(),
        }
    }

    /// Sets which room is on screen: nothing in it counts as unread from now on.
    pub fn view(&mut self, membership: Option<MembershipId>) -> Vec<Change> {
        self.viewed = membership;
        match membership.and_then(|membership| self.rooms.get_mut(&membership)) {
            Some(room) if room.unread > 0 => {
                room.unread = 0;
                vec![Change::RoomChanged(room.membership)]
            }
            _ => Vec::new(),
        }
    }

    /// Counts a message that was just handed to the session, before the session reports that it accepted it. Needed
    /// only if the front end may quit before that.
    pub fn hand_over(&mut self, membership: MembershipId, message: MessageId) {
        self.outgoing.entry(membership).or_default().step(message, &Step::Taken);
    }

    /// How far our messages in a room have got; `None` if none was sent.
    #[must_use]
    pub fn outgoing(&self, membership: MembershipId) -> Option<&Outgoing> {
        self.outgoing.get(&membership)
    }

    /// A room.
    #[must_use]
    pub fn room(&self, membership: MembershipId) -> Option<&Room> {
        self.rooms.get(&membership)
    }

    /// All rooms, in the order of their memberships.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }

    /// All rooms as a list shows them: the one with the newest activity first.
    #[must_use]
    pub fn by_activity(&self) -> Vec<&Room> {
        let mut rooms: Vec<&Room> = self.rooms.values().collect();
        rooms.sort_by_key(|room| (std::cmp::Reverse(room.active_ms), room.membership));
        rooms
    }

    fn apply_membership(&mut self, membership: MembershipId, event: &MembershipEvent, now_ms: u64) -> Vec<Change> {
        let mut changes = match event {
            MembershipEvent::Begun(info) => self.taken(membership, info, now_ms),
            MembershipEvent::Forgotten => {
                self.outgoing.remove(&membership);
                self.rooms.remove(&membership).map(|_| Change::RoomRemoved(membership)).into_iter().collect()
            }
            event => match self.rooms.get_mut(&membership) {
                Some(room) => {
                    room.rows.next_event();
                    room.apply(event, self.viewed == Some(membership), now_ms)
                }
                None => Vec::new(),
            },
        };
        self.count_outgoing(&changes);
        let is_titling = match event {
            MembershipEvent::Begun(_) | MembershipEvent::Forgotten => true,
            MembershipEvent::Protocol(event) => matches!(event, Event::Titled { .. } | Event::Entered { .. }),
            _ => false,
        };
        if is_titling {
            changes.extend(self.tell_titles_apart());
        }
        changes
    }

    /// Our messages are counted from their reported steps, so that both always agree.
    fn count_outgoing(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::News { membership, news: News::Delivery { message, step } } = change {
                self.outgoing.entry(*membership).or_default().step(*message, step);
            }
        }
    }

    /// Decides which rooms show part of their id beside their title: those that could be mistaken for another.
    fn tell_titles_apart(&mut self) -> Vec<Change> {
        let titled = self.rooms.values().filter(|room| !room.info.title.is_empty());
        let titles: Vec<(MembershipId, Name)> =
            titled.map(|room| (room.membership, Name::kept(&room.info.title))).collect();
        let mut changes = Vec::new();
        for (membership, title) in &titles {
            let is_alike = titles.iter().any(|(other, name)| other != membership && name.looks_like(title));
            if let Some(room) = self.rooms.get_mut(membership)
                && std::mem::replace(&mut room.has_namesake, is_alike) != is_alike
            {
                changes.push(Change::RoomChanged(*membership));
            }
        }
        changes
    }

    fn taken(&mut self, membership: MembershipId, info: &MembershipInfo, now_ms: u64) -> Vec<Change> {
        if let Some(room) = self.rooms.get_mut(&membership) {
            room.taken(info);
            return vec![Change::RoomChanged(membership)];
        }
        let mut room = Room::new(membership, info.clone(), self.keeps_rows);
        room.taken(info);
        room.active_ms = now_ms;
        self.rooms.insert(membership, room);
        vec![Change::RoomAdded(membership)]
    }
}
