//! A room's stored record: what it takes to come back. How far its roster was seen only grows, whatever is written.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::session::MembershipInfo;
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::{Memory, RelayToken, RoomId, Roster};
use crate::wire::{ByteArray, Signed};

/// The version of the records this program writes.
pub(super) const VERSION: u64 = 2;
/// The version before records had a checksum.
pub(super) const UNCHECKED_VERSION: u64 = 1;
/// Where an owned room is hosted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostedAt {
    /// On this computer, listening here.
    Here(SocketAddr),
    /// On a relay, which asks for this token.
    Relay(Option<RelayToken>),
    /// By somebody else: the room is not owned.
    Elsewhere,
}

/// A room's stored record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    pub(super) version: u64,
    /// Its id.
    pub room: RoomId,
    #[serde(with = "suite_code")]
    pub(super) suite: Suite,
    /// Its title; empty if unknown.
    pub title: String,
    /// Its first record, signed by its owner.
    pub genesis: Signed,
    /// Where it is hosted.
    pub hosted_at: HostedAt,
    /// The addresses to reach its host at, the best first.
    pub addresses: Vec<String>,
    /// The host's key.
    pub host: Option<Fingerprint>,
    /// The owner stores the whole roster, because the host forgets it when it quits.
    pub(super) roster: Vec<Signed>,
    /// The number and hash of the newest roster entry: an older roster is rejected.
    pub(super) known: (u64, ByteArray<32>),
    /// When it was last entered, in milliseconds since 1970.
    pub entered_ms: u64,
}

impl Record {
    /// A record of a room that was just made or entered.
    #[must_use]
    pub fn new(room: RoomId, suite: Suite, genesis: Signed, hosted_at: HostedAt) -> Self {
        Self {
            version: VERSION,
            room,
            suite,
            title: String::new(),
            genesis,
            hosted_at,
            addresses: Vec::new(),
            host: None,
            roster: Vec::new(),
            known: (0, ByteArray::new(room.0)),
            entered_ms: 0,
        }
    }

    /// Its suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// Whether this profile's identity owns it.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.hosted_at != HostedAt::Elsewhere
    }

    /// The roster's entries, if the room is owned.
    #[must_use]
    pub fn roster(&self) -> &[Signed] {
        &self.roster
    }

    /// How far the roster was seen.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::new(self.room);
        memory.learn(self.known.0, &self.known.1);
        memory
    }

    /// The roster was seen that far. Less than before changes nothing; returns whether it was more.
    pub fn learn(&mut self, memory: &Memory) -> bool {
        let is_newer = memory.room() == self.room && memory.number() > self.known.0;
        if is_newer {
            self.known = (memory.number(), ByteArray::new(*memory.hash()));
        }
        is_newer
    }

    /// Stores an owner's entry `number` of the roster, if it is the next; returns whether it was.
    pub fn add_entry(&mut self, number: u64, entry: &Signed) -> bool {
        let is_next = self.is_owned() && usize::try_from(number).is_ok_and(|number| number == self.roster.len() + 1);
        if is_next {
            self.roster.push(entry.clone());
        }
        is_next
    }

    /// Whether the owner's roster lacks entries that were seen: an older copy was restored.
    #[must_use]
    pub fn lacks_entries(&self, memory: &Memory) -> bool {
        self.is_owned() && usize::try_from(memory.number()).is_ok_and(|number| number > self.roster.len())
    }

    /// What the front ends see of it.
    #[must_use]
    pub fn info(&self) -> MembershipInfo {
        MembershipInfo {
            room: Some(self.room),
            suite: self.suite,
            title: self.title.clone(),
            addresses: self.addresses.clone(),
            owned: self.is_owned(),
            hosted_here: matches!(self.hosted_at, HostedAt::Here(_)),
            knocking: Roster::open(&self.genesis).is_ok_and(|roster| roster.may_knock()),
        }
    }

    /// This record, merged with what its other copy knows in addition.
    pub(super) fn merged(mut self, other: &Self) -> Self {
        self.learn(&other.memory());
        if other.roster.len() > self.roster.len() && other.roster.starts_with(&self.roster) {
            self.roster.clone_from(&other.roster);
        }
        self
    }

    /// Whether a record without a checksum is consistent by its signatures.
    pub(super) fn holds_together(&self) -> bool {
        let roster = Roster::open(&self.genesis).and_then(|roster| roster.with_entries(&self.roster));
        roster.is_ok_and(|roster| {
            let has_other = roster.hash_at(self.known.0).is_some_and(|hash| *hash != *self.memory().hash());
            roster.room() == self.room && roster.suite() == self.suite && !has_other
        })
    }
}

/// A suite by its number. An unknown one makes the record unreadable: no weaker one replaces it.
mod suite_code {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::crypto::Suite;

    pub(super) fn serialize<S: Serializer>(suite: &Suite, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(suite.code())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Suite, D::Error> {
        let code = u8::deserialize(deserializer)?;
        Suite::from_code(code).ok_or_else(|| D::Error::custom("no such suite"))
    }
}
