//! The state of the conversations, as both front ends show it: rooms, members, rows. Pure: events and
//! the time go in, and what changed comes out, small enough to push one row to a list.
//!
//! It is the one reader of what the session tells of a room. A front end asks what changed, and never what event it
//! came of: the window draws anew what changed, and the terminal tells each new row and each of the [`News`].
//!
//! Nothing of it is kept on disk.

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
pub use self::news::{MemberNews, News};
pub use self::outgoing::Outgoing;
pub use self::room::{Connection, Hosting, Room, Security};
pub use self::row::{Message, Notice, Row, RowId, RowKind};
pub use self::rows::{Page, ROWS_BYTES_MAX, ROWS_MAX};

/// What an event changed in a conversation. Rows are spoken of by their ids, which hold whatever came or went since.
///
/// What a session tells of itself, such as its identities, its settings and its end, changes no conversation: a front
/// end reads that in the [`SessionEvent`] itself.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// A room is new.
    RoomAdded(MembershipId),
    /// A room is gone.
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
    /// There is another invite to show, or none.
    InviteChanged(MembershipId),
    /// The people who ask to come in changed.
    KnocksChanged(MembershipId),
    /// The safety number that was asked for.
    SafetyNumber {
        /// The room.
        membership: MembershipId,
        /// The number.
        number: SafetyNumber,
    },
    /// Something happened that is no row, for a front end that tells things as they come.
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

/// What a person has to decide before it goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// The host is met for the first time: is this its key? `Session::trust_host`, or leave.
    FirstUse(Fingerprint),
    /// Which room to knock at: `Session::knock`, or leave. May be empty.
    Lobby(Vec<LobbyRoom>),
}

/// All conversations.
#[derive(Debug)]
pub struct Chat {
    rooms: BTreeMap<MembershipId, Room>,
    /// Apart from the rooms: what is typed first may come before the room does.
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
    /// The conversations of a profile, before anything happened.
    #[must_use]
    pub fn new(known: &[KnownRoom]) -> Self {
        Self::with(known, true)
    }

    /// The same for a front end that shows what comes and lets it go: a room has the rows of its last event alone.
    /// A host that runs for months on a server keeps no others, for nobody looks at them. None is told as dropped.
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

    /// Takes an event in and says what it changed. `now_ms` is the time in milliseconds since 1970.
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

    /// Says which room is on screen: nothing there counts as unread from now on.
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

    /// Counts a message that was handed to the session just now: it would be forgotten until the session tells that it
    /// took it over. Only whoever may quit before that needs to say so.
    pub fn hand_over(&mut self, membership: MembershipId, message: MessageId) {
        self.outgoing.entry(membership).or_default().step(message, &Step::Taken);
    }

    /// How far the own messages of a room have come; `None` where none was sent.
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

    /// What became of own messages is counted from what is told of them, so that both say the same.
    fn count_outgoing(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::News { membership, news: News::Delivery { message, step } } = change {
                self.outgoing.entry(*membership).or_default().step(*message, step);
            }
        }
    }

    /// Decides which rooms have a part of their id beside their title: those that could be taken for another.
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
