//! One conversation as it is now.

use std::collections::BTreeMap;

use super::member::Member;
use super::names::{Names, Told};
use super::row::{Message, Notice, Row, RowId, RowKind};
use super::rows::{MemoryRows, Page, Rows};
use super::{Change, Presence, Question};
use crate::app::{AddressTest, MembershipId, MembershipInfo, Problem};
use crate::crypto::Fingerprint;
use crate::protocol::{Invite, MessageId, Name, RoomCode, Stop};

/// How many rows are looked through at a time for the newest message.
const LOOKED_THROUGH: usize = 32;

/// How a room is connected.
#[derive(Clone, PartialEq, Debug)]
pub enum Connection {
    /// Not connected, and nobody asked for it.
    Idle,
    /// The identity, or our listener, is being prepared.
    Preparing,
    /// Connecting to the host.
    Connecting,
    /// The person has to decide something.
    Asking(Question),
    /// The owner has to decide.
    WaitingForOwner,
    /// In the room.
    Connected {
        /// How many members it has.
        members: usize,
        /// How many of them can get messages now.
        reachable: usize,
    },
    /// The host is away.
    Offline {
        /// Why.
        problem: Problem,
        /// When it is retried, in milliseconds since 1970.
        retry_at_ms: u64,
    },
    /// It ended; `None` if the person asked for it.
    Ended(Option<Problem>),
}

/// The one line about security.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// End-to-end encrypted. The settings, not the room, hold which keys were compared.
    Encrypted,
    /// A learning room: nothing is private.
    Learning,
    /// Members were shown different histories.
    Forked,
}

impl Security {
    /// The line.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Encrypted => "End-to-end encrypted.",
            Self::Learning => "Learning room: anyone on the network can read this.",
            Self::Forked => "Members saw different histories: the host or one app is faulty or malicious.",
        }
    }
}

/// This computer relays the room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hosting {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    /// What invites carry.
    pub addresses: Vec<String>,
    /// How the tested ones answer.
    pub tests: BTreeMap<String, AddressTest>,
}

/// A conversation.
///
/// Large because it is not divided yet: what is shown of a room, and how its events change that, are one type.
#[derive(Debug)]
pub struct Room {
    /// Its membership.
    pub membership: MembershipId,
    /// What is known of it.
    pub info: MembershipInfo,
    /// The local person's key, once the identity is ready.
    pub me: Option<Fingerprint>,
    /// Its owner, once entered.
    pub owner: Option<Fingerprint>,
    /// The key of its host, once known.
    pub host: Option<Fingerprint>,
    /// How it is connected.
    pub connection: Connection,
    /// Where this computer listens for it, if it does.
    pub hosting: Option<Hosting>,
    /// Others' messages that have not been on screen yet.
    pub unread: usize,
    /// The invite to give to the next person (owner).
    pub invite: Option<Invite>,
    /// Joiners who ask to join (owner).
    pub knocks: Vec<Fingerprint>,
    /// When something was last said, in milliseconds since 1970.
    pub active_ms: u64,
    pub(super) members: Vec<Member>,
    /// Messages and notices.
    pub(super) rows: Box<dyn Rows>,
    /// How many messages are stored that are not among the rows, all of them older.
    pub(super) earlier: u64,
    /// Whether messages from before this run are among the rows.
    pub(super) shows_past: bool,
    /// Members who saw a different history.
    pub(super) forked_by: Vec<Fingerprint>,
    /// What the members read to each other.
    pub(super) code: Option<RoomCode>,
    /// The host's pinned key and the one it showed instead, while that keeps us out.
    pub(super) changed_host: Option<(Fingerprint, Fingerprint)>,
    /// Whether the members are known: before, nobody counts as new.
    pub(super) members_told: bool,
    /// How our last visit ended.
    pub(super) stop: Option<Stop>,
    pub(super) names: Names,
    /// Whether the title of another room looks like this one's.
    pub(super) has_namesake: bool,
}

impl Room {
    /// A room that was not entered yet; `keeps_rows` if rows should outlive the event that brought them.
    pub(super) fn new(membership: MembershipId, info: MembershipInfo, keeps_rows: bool) -> Self {
        Self {
            membership,
            info,
            me: None,
            owner: None,
            host: None,
            connection: Connection::Idle,
            hosting: None,
            unread: 0,
            invite: None,
            knocks: Vec::new(),
            active_ms: 0,
            members: Vec::new(),
            rows: Box::new(MemoryRows::new(keeps_rows)),
            earlier: 0,
            shows_past: false,
            forked_by: Vec::new(),
            code: None,
            changed_host: None,
            members_told: false,
            stop: None,
            names: Names::default(),
            has_namesake: false,
        }
    }

    /// The title, or the room's address until the title is known.
    #[must_use]
    pub fn title(&self) -> &str {
        match (self.info.title.as_str(), self.info.addresses.first()) {
            ("", Some(address)) => address,
            // No room without either is reported.
            ("", None) => "…",
            (title, _) => title,
        }
    }

    /// The room's displayed name: its title, with the beginning of its id beside it if another room's title looks the
    /// same.
    #[must_use]
    pub fn name(&self) -> String {
        match self.info.room.filter(|_| self.has_namesake) {
            Some(id) => format!("{} ({:.8})", self.title(), id.to_string()),
            None => self.title().to_owned(),
        }
    }

    /// Whether it is a learning room.
    #[must_use]
    pub fn is_learning(&self) -> bool {
        self.info.suite.is_learning()
    }

    /// The one line about security.
    #[must_use]
    pub fn security(&self) -> Security {
        if self.is_learning() {
            Security::Learning
        } else if !self.forked_by.is_empty() {
            Security::Forked
        } else {
            Security::Encrypted
        }
    }

    /// The members who saw a different history from ours, in order of discovery.
    #[must_use]
    pub fn forked_by(&self) -> &[Fingerprint] {
        &self.forked_by
    }

    /// What the members read to each other, once entered.
    #[must_use]
    pub const fn code(&self) -> Option<&RoomCode> {
        self.code.as_ref()
    }

    /// The host's pinned key and the one it showed instead, if that keeps us out.
    #[must_use]
    pub const fn changed_host(&self) -> Option<(Fingerprint, Fingerprint)> {
        self.changed_host
    }

    /// How our last visit ended; `None` while it lasts, and if there was none.
    #[must_use]
    pub const fn stop(&self) -> Option<&Stop> {
        self.stop.as_ref()
    }

    /// The members: the owner first, then the local person, then by name.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// A member.
    #[must_use]
    pub fn member(&self, fingerprint: &Fingerprint) -> Option<&Member> {
        self.members.iter().find(|member| member.fingerprint == *fingerprint)
    }

    /// How many rows are kept.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.rows.count()
    }

    /// Whether more messages are stored above the oldest row, to be had by
    /// [`Session::read_earlier`](crate::app::Session::read_earlier).
    #[must_use]
    pub const fn has_earlier(&self) -> bool {
        self.earlier > 0
    }

    /// The place of a row among those that are kept, counted from the oldest. A row that is gone had the first.
    #[must_use]
    pub fn place_of(&self, id: RowId) -> usize {
        self.rows.older_than(id)
    }

    /// At most `count` of the rows that are kept, the oldest first.
    #[must_use]
    pub fn page(&self, page: Page, count: usize) -> Vec<&Row> {
        self.rows.page(page, count)
    }

    /// A row, if it is still kept.
    #[must_use]
    pub fn row(&self, id: RowId) -> Option<&Row> {
        self.rows.get(id)
    }

    /// Whether messages from before this run are among the rows.
    #[must_use]
    pub const fn shows_past(&self) -> bool {
        self.shows_past
    }

    /// The newest message, for a preview.
    #[must_use]
    pub fn last_message(&self) -> Option<&Message> {
        self.newest(|_| true)
    }

    /// The newest message of somebody else.
    #[must_use]
    pub fn last_heard(&self) -> Option<&Message> {
        self.newest(|message| !message.is_mine())
    }

    fn newest(&self, is_wanted: impl Fn(&Message) -> bool) -> Option<&Message> {
        let mut page = Page::Newest;
        loop {
            let rows = self.page(page, LOOKED_THROUGH);
            let message = rows.iter().rev().find_map(|row| match &row.kind {
                RowKind::Message(message) => Some(message).filter(|message| is_wanted(message)),
                RowKind::Notice(_) => None,
            });
            if message.is_some() {
                return message;
            }
            page = Page::Before(rows.first()?.id);
        }
    }

    /// One of our messages. Others' cannot be looked up: an id counts only together with its sender.
    #[must_use]
    pub fn own_message(&self, id: &MessageId) -> Option<&Message> {
        match &self.rows.own(id)?.kind {
            RowKind::Message(message) => Some(message),
            RowKind::Notice(_) => None,
        }
    }

    /// How to call somebody: the name, with the tag beside it if the name of somebody else who is or was here looks
    /// the same or if it may mislead by itself; or the tag alone.
    #[must_use]
    pub fn name_of(&self, fingerprint: &Fingerprint) -> String {
        self.names.call(fingerprint)
    }

    /// The name somebody chose, if announced.
    #[must_use]
    pub fn chosen_name(&self, fingerprint: &Fingerprint) -> Option<&Name> {
        self.names.chosen(fingerprint)
    }
}

/// What the events do, in steps.
impl Room {
    pub(super) fn push(&mut self, at_ms: u64, kind: RowKind) -> Vec<Change> {
        let (row, dropped) = self.rows.push(at_ms, kind);
        if !dropped.is_empty() {
            // What is above the rows that go would not follow on them.
            self.earlier = 0;
        }
        let membership = self.membership;
        let dropped = dropped.into_iter().map(|row| Change::RowDropped { membership, row });
        dropped.chain([Change::RowAdded { membership, row }]).collect()
    }

    pub(super) fn notice(&mut self, at_ms: u64, notice: Notice) -> Vec<Change> {
        self.push(at_ms, RowKind::Notice(notice))
    }

    /// Sets the local person's key, also in the rows typed before.
    pub(super) fn is_me(&mut self, me: Fingerprint) {
        self.me = Some(me);
        self.rows.own_are_from(me);
    }

    /// Changes one of our messages, if it is still kept.
    pub(super) fn change_message(&mut self, id: &MessageId, mut change: impl FnMut(&mut Message)) -> Vec<Change> {
        let row = self.rows.change_own(id, &mut change);
        row.map(|row| Change::RowChanged { membership: self.membership, row }).into_iter().collect()
    }

    /// The member with this key, added if missing.
    pub(super) fn member_mut(&mut self, fingerprint: Fingerprint) -> &mut Member {
        let found = self.members.iter().position(|member| member.fingerprint == fingerprint);
        let index = found.unwrap_or_else(|| {
            let mut member = Member::new(fingerprint);
            member.name = self.names.chosen(&fingerprint).map(ToString::to_string);
            member.is_me = self.me == Some(fingerprint);
            member.is_owner = self.owner == Some(fingerprint);
            member.is_host = self.host == Some(fingerprint);
            if member.is_me {
                member.presence = Presence::Here;
            }
            self.members.push(member);
            self.members.len() - 1
        });
        // The index was just found or made.
        #[expect(clippy::indexing_slicing, reason = "the index is of this list")]
        &mut self.members[index]
    }

    pub(super) fn remove_member(&mut self, fingerprint: &Fingerprint) {
        self.members.retain(|member| member.fingerprint != *fingerprint);
    }

    /// Stores a name; returns what that changed.
    pub(super) fn name_member(&mut self, fingerprint: Fingerprint, name: &str) -> Told {
        self.member_mut(fingerprint).name = Some(name.to_owned());
        self.sort_members();
        self.names.tell(fingerprint, name)
    }

    pub(super) fn sort_members(&mut self) {
        self.members.sort_by_cached_key(|member| {
            let name = member.name.as_deref().map(str::to_lowercase);
            (!member.is_owner, !member.is_me, name.is_none(), name, member.fingerprint)
        });
    }
}
