//! What a client remembers about a room for ever: how far its roster was seen, and how it ended. It only grows, and
//! however somebody enters, a roster that has less does not count.
//!
//! A client is given it at the start or before it asks to join, keeps it up to date, and reports each step by
//! [`Keep::Entry`](super::Keep::Entry). The app stores it where a restart, a lost record and leaving the room do not
//! affect it. Section 6 of the protocol's document has the rule.

use serde::{Deserialize, Serialize};

use super::RoomId;
use super::payload::room_of;
use super::room::roster::Roster;
use crate::crypto::primitives::{Digest, labelled_hash};
use crate::wire::{ByteArray, Signed};

/// How a room ended for this person. Only what its owner signed, or the person, ends one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// They left it, or removed it from their list.
    Left,
    /// The owner's entry that removes them was seen.
    Removed,
    /// The owner's entry that closes the room was seen. Nothing comes after it.
    Closed,
}

/// What is remembered of one room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Memory {
    room: RoomId,
    /// The highest number of a roster entry that was seen, and the roster's hash after it.
    number: u64,
    hash: ByteArray<32>,
    ended: Option<Ending>,
}

/// How a roster compares with what is remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// It has all of it.
    Holds,
    /// It has less.
    Behind,
    /// It has something different under a number that was seen.
    Forked,
}

impl Memory {
    /// For a room of which only the first record was seen.
    #[must_use]
    pub const fn new(room: RoomId) -> Self {
        Self { room, number: 0, hash: ByteArray::new(room.0), ended: None }
    }

    /// For the room of `genesis`, whose roster was seen up to an entry with this number and hash.
    #[must_use]
    pub fn of(genesis: &Signed, (number, hash): (u64, [u8; 32])) -> Self {
        let mut memory = Self::new(room_of(genesis));
        memory.learn(number, &hash);
        memory
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// The highest number of a roster entry that was seen.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The roster's hash after that entry; the room's id where there was none.
    #[must_use]
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// How the room ended, if it has.
    #[must_use]
    pub const fn ended(&self) -> Option<Ending> {
        self.ended
    }

    /// A valid roster entry was seen. An older one changes nothing.
    pub fn learn(&mut self, number: u64, hash: &Digest) {
        if number > self.number {
            (self.number, self.hash) = (number, ByteArray::new(*hash));
        }
    }

    /// The owner signed this entry: it counts from now on, whether anybody has seen it or not.
    pub fn learn_entry(&mut self, number: u64, entry: &Signed) {
        self.learn(number, &labelled_hash("roster", &[&entry.payload]));
    }

    /// The room ended. A closed room stays closed.
    pub fn end(&mut self, ending: Ending) {
        if self.ended != Some(Ending::Closed) {
            self.ended = Some(ending);
        }
    }

    /// The room was entered again, with a roster that has everything that was seen; a closed room has no such roster.
    pub fn begin_again(&mut self) {
        if self.ended != Some(Ending::Closed) {
            self.ended = None;
        }
    }

    /// Merges what another copy knows about the same room: the longer roster, and the end that either has seen with
    /// it. Of two different rosters of one length ours stays, so that the difference is noticed.
    pub fn merge(&mut self, other: &Self) {
        if other.room != self.room {
            return;
        }
        let is_closed = [self.ended, other.ended].contains(&Some(Ending::Closed));
        if other.number > self.number {
            (self.number, self.hash, self.ended) = (other.number, other.hash, other.ended);
        }
        if is_closed {
            self.ended = Some(Ending::Closed);
        }
    }

    /// Whether to believe a roster of which the host shows `shown` entries. Every way into a room asks here.
    pub(super) fn judge(&self, roster: &Roster, shown: u64) -> Standing {
        match roster.hash_at(self.number) {
            Some(hash) if *hash != *self.hash => Standing::Forked,
            Some(_) if shown >= self.number.max(roster.number()) => Standing::Holds,
            _ => Standing::Behind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([7; 32]);

    fn seen(number: u64, ended: Option<Ending>) -> Memory {
        let mut memory = Memory::new(ROOM);
        memory.learn(number, &[u8::try_from(number).unwrap(); 32]);
        memory.ended = ended;
        memory
    }

    #[test]
    fn it_never_goes_back_whatever_is_learned_or_merged() {
        let endings = [None, Some(Ending::Left), Some(Ending::Removed), Some(Ending::Closed)];
        for (one, ended) in (0..5).flat_map(|number| endings.map(|ended| (number, ended))) {
            for (other, ended_there) in (0..5).flat_map(|number| endings.map(|ended| (number, ended))) {
                let mut memory = seen(one, ended);
                memory.merge(&seen(other, ended_there));
                let longer = one.max(other);
                assert_eq!((memory.number, memory.hash), (longer, seen(longer, None).hash));
                let is_closed = [ended, ended_there].contains(&Some(Ending::Closed));
                assert_eq!(memory.ended == Some(Ending::Closed), is_closed, "{one} {ended:?} {other} {ended_there:?}");
                memory.learn(other, &[0xee; 32]);
                assert_eq!((memory.number, memory.hash), (longer, seen(longer, None).hash));
                memory.begin_again();
                memory.end(Ending::Left);
                assert_eq!(memory.ended == Some(Ending::Closed), is_closed);
            }
        }
        let mut memory = seen(2, None);
        memory.merge(&Memory { room: RoomId([8; 32]), ..seen(9, Some(Ending::Closed)) });
        assert_eq!(memory, seen(2, None), "another room's");
    }
}
