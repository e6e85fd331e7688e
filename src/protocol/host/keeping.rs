//! A host whose rooms are kept: rooms that it knows of and does not have in memory, and what comes of writing and reading.
//!
//! If a write fails, the room goes back to what is known to be kept: as after a crash of that one room. Nothing of what
//! it numbered since was shown to anybody, so nobody misses it, and whoever sent it sends it again.

use std::collections::BTreeMap;

use super::kept::{HostWrite, RestoredRoom};
use super::outputs::Outputs;
use super::room::Room;
use super::{Host, HostEvent, HostLimits, HostOutput, Link, LinkId, LinkState, OpenPolicy};
use crate::protocol::limits::{LOG_RETRY_MS, ROOMS_MAX};
use crate::protocol::room::roster::Roster;
use crate::protocol::{Now, RoomId};
use crate::wire::{ByeCode, RefuseCode};

/// A room that is not in memory.
pub(super) enum Absent {
    /// Its log is kept, and its owner has not opened it yet.
    Unopened,
    /// Its owner opens it. What is kept of it is being read.
    Opening {
        /// As its owner brought it.
        roster: Box<Roster>,
        /// The owner's links.
        links: Vec<LinkId>,
    },
    /// It could not be written or read. It is tried again.
    Failing {
        /// When; `None` while it is being tried.
        retry_at_ms: Option<u64>,
    },
}

/// All rooms that are known and not in memory.
#[derive(Default)]
pub(super) struct Absences(BTreeMap<RoomId, Absent>);

impl Absences {
    pub(super) fn get_mut(&mut self, room: &RoomId) -> Option<&mut Absent> {
        self.0.get_mut(room)
    }

    pub(super) fn contains(&self, room: &RoomId) -> bool {
        self.0.contains_key(room)
    }

    pub(super) fn insert(&mut self, room: RoomId, absent: Absent) {
        self.0.insert(room, absent);
    }

    /// How many take a room's place.
    pub(super) fn taking_place(&self) -> usize {
        self.0.values().filter(|absent| !matches!(absent, Absent::Unopened)).count()
    }

    /// The rooms that are to be tried again.
    fn take_due(&mut self, now_ms: u64) -> Vec<RoomId> {
        let due = self.0.iter_mut().filter_map(|(room, absent)| match absent {
            Absent::Failing { retry_at_ms } => retry_at_ms.take_if(|due| *due <= now_ms).map(|_| *room),
            _ => None,
        });
        due.collect()
    }

    pub(super) fn next_retry_ms(&self) -> Option<u64> {
        let times = self.0.values().filter_map(|absent| match absent {
            Absent::Failing { retry_at_ms } => *retry_at_ms,
            _ => None,
        });
        times.min()
    }
}

impl Host {
    /// A host without rooms, whose rooms are to be kept: it gives [`HostOutput::Write`] and [`HostOutput::Load`], and
    /// shows nobody an item before it was [`Self::committed`].
    #[must_use]
    pub fn keeping(policy: OpenPolicy, limits: HostLimits) -> Self {
        Self { outputs: Outputs::new(true), ..Self::new(policy, limits) }
    }

    /// Takes a room that was kept, at the start; closed rooms in the order in which they were closed. `false` if there
    /// are too many.
    pub fn restore(&mut self, kept: RestoredRoom, now: Now) -> bool {
        let room = kept.room();
        let (is_closed, restored) = (kept.closed_ms().is_some(), Room::restored(kept, self.limits, now));
        if is_closed {
            self.keep_closed(room, restored);
            return true;
        }
        if self.rooms.len() >= ROOMS_MAX {
            return false;
        }
        self.rooms.insert(room, restored);
        true
    }

    /// At the start, where the rooms' owner begins anew together with the host: this room's log is kept, and is read when
    /// it is opened. Until then its members are asked to come again.
    pub fn expect(&mut self, room: RoomId) {
        self.absent.insert(room, Absent::Unopened);
    }

    /// A room's writes up to `number` are on the disk.
    pub fn committed(&mut self, room: RoomId, number: u64) {
        self.outputs.committed(room, number);
    }

    /// A room could not be written, or not be read: what is on the disk of it is not known for sure. Everybody leaves it
    /// until it is. Returns whether that is new.
    pub fn lost(&mut self, room: RoomId, now: Now) -> bool {
        self.outputs.lost(room);
        let retry_at_ms = Some(now.monotonic_ms + LOG_RETRY_MS);
        self.check_by(now.monotonic_ms + LOG_RETRY_MS);
        let before = self.absent.0.insert(room, Absent::Failing { retry_at_ms });
        self.rooms.remove(&room);
        self.closed.retain(|closed| closed.roster().room() != room);
        let in_room = |link: &Link| link.room == Some(room) && link.state != LinkState::Keyed;
        let links: Vec<LinkId> = self.links.iter().filter(|(_, link)| in_room(link)).map(|(link, _)| *link).collect();
        for link in links {
            if !matches!(self.state(link), LinkState::Member { .. }) {
                self.refuse(link, RefuseCode::Busy);
            }
            self.close(link, ByeCode::GoingAway, now);
        }
        !matches!(before, Some(Absent::Failing { .. }))
    }

    /// What is kept of a room: nothing, or all this. Returns whether it could not be written or read before.
    pub fn loaded(&mut self, room: RoomId, kept: Option<RestoredRoom>, now: Now) -> bool {
        let Some(absent) = self.absent.0.remove(&room) else { return false };
        let has_failed = matches!(absent, Absent::Failing { .. });
        let (roster, links) = match absent {
            Absent::Opening { roster, links } => (Some(roster), links),
            _ => (None, Vec::new()),
        };
        match (kept, roster) {
            (Some(kept), _) => {
                self.restore(kept, now);
            }
            (None, Some(roster)) => {
                let new = Room::new(*roster, self.limits);
                self.outputs.of(room).write(|| HostWrite::Opened { genesis: new.genesis() });
                self.rooms.insert(room, new);
            }
            (None, None) => {}
        }
        if !links.is_empty() && self.rooms.contains_key(&room) {
            self.outputs.push(HostOutput::Event(HostEvent::RoomOpened(room)));
        }
        for link in links {
            if self.state(link) != (LinkState::Opening { room }) {
                continue;
            }
            self.set_state(link, LinkState::Keyed, now);
            if !self.show_closed(link, room) {
                self.connect(link, room, None, now);
            }
        }
        has_failed
    }

    /// What waits to go out until it is on the disk, in bytes. Whoever hands in frames stops while that is too much.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.outputs.held_bytes()
    }

    /// Tries again what could not be written or read.
    pub(super) fn retry_logs(&mut self, now: Now) {
        for room in self.absent.take_due(now.monotonic_ms) {
            self.outputs.push(HostOutput::Load { room });
        }
        if let Some(due_ms) = self.absent.next_retry_ms() {
            self.check_by(due_ms);
        }
    }

    /// A room is over. Only the newest of these are kept.
    pub(super) fn keep_closed(&mut self, id: RoomId, room: Room) {
        debug_assert!(room.roster().is_closed(), "room {id} goes on");
        self.closed.push_back(room);
        while self.closed.len() > ROOMS_MAX
            && let Some(oldest) = self.closed.pop_front()
        {
            self.outputs.of(oldest.roster().room()).write(|| HostWrite::Forgotten);
        }
    }
}
