//! How far a room was read: what earlier runs left unread, and what is read now.

use std::time::{Duration, Instant};

use super::SavedMessages;
use crate::app::MembershipId;
use crate::crypto::Fingerprint;
use crate::protocol::{MessageId, RoomId};
use crate::store::{StoredRow, Write};

/// How long what was read waits for more before it is stored: whoever reads along reads every message.
const READ_WAIT: Duration = Duration::from_secs(1);

/// What a front end wants with a room's saved messages.
pub(in crate::app::session) enum Reading {
    /// Those above the ones it has.
    Earlier,
    /// This message of somebody else was read, and all before it.
    UpTo { from: Fingerprint, message: MessageId },
}

/// See the head of this file.
#[derive(Default)]
pub(super) struct ReadSoFar {
    /// Where earlier runs left off: the place of the first row that was not read. `None` until that is known.
    left_off: Option<u64>,
    /// How many messages of others are from there on, until it was told.
    unread: u64,
    /// The newest message that was read and is not stored as such.
    waiting: Option<(Fingerprint, MessageId)>,
}

impl ReadSoFar {
    /// This is where earlier runs left off.
    pub(super) const fn begin(&mut self, from: u64, unread: u64) {
        (self.left_off, self.unread) = (Some(from), unread);
    }

    /// What earlier runs left unread, for the first who asks.
    pub(super) const fn tell(&mut self) -> u64 {
        std::mem::replace(&mut self.unread, 0)
    }

    /// It could not be told after all.
    pub(super) const fn tell_again(&mut self, unread: u64) {
        self.unread = unread;
    }

    /// Whether earlier runs left a row unread.
    pub(super) fn is_new(&self, row: &StoredRow) -> bool {
        self.left_off.is_some_and(|place| row.place >= place)
    }

    pub(super) const fn read(&mut self, from: Fingerprint, message: MessageId) {
        self.waiting = Some((from, message));
    }

    /// What is to be stored of it.
    pub(super) fn write(&mut self, room: RoomId) -> Option<Write> {
        let (sender, id) = self.waiting.take()?;
        Some(Write::ReadUpTo { room, sender, id })
    }

    /// Nothing of it will ever be stored.
    pub(super) const fn wait_no_more(&mut self) {
        self.waiting = None;
    }

    pub(super) const fn waits(&self) -> bool {
        self.waiting.is_some()
    }
}

/// Storing what is read.
impl SavedMessages {
    /// What a front end wants with the saved messages of a room.
    pub(in crate::app::session) fn reads(&mut self, membership: MembershipId, reading: Reading) {
        match reading {
            Reading::Earlier => self.read_earlier(membership),
            Reading::UpTo { from, message } => {
                let Some(room) = self.rooms.get_mut(&membership) else { return };
                room.read.read(from, message);
                self.read_due.get_or_insert_with(|| Instant::now() + READ_WAIT);
            }
        }
    }

    /// Stores how far rooms were read, if that is due.
    pub(in crate::app::session) fn write_due(&mut self, now: Instant) {
        if self.read_due.is_some_and(|due| due <= now) {
            self.write_reads();
        }
    }

    pub(super) fn write_reads(&mut self) {
        self.read_due = None;
        let rooms = self.rooms.iter().filter(|(_, room)| room.read.waits());
        let known: Vec<_> = rooms.filter_map(|(membership, room)| Some((*membership, room.entered?))).collect();
        for (membership, (kind, id)) in known {
            if !self.stores.contains_key(&kind) {
                continue;
            }
            // One that takes nothing now would only get more and more of it.
            if self.waits(kind) {
                self.read_due = Some(Instant::now() + READ_WAIT);
                continue;
            }
            let write = self.rooms.get_mut(&membership).and_then(|room| room.read.write(id));
            write.into_iter().for_each(|write| self.hand_in(kind, write));
        }
    }
}
