//! What a client remembers of its room, and the one place where a roster is compared with it.

use super::{Client, Entry, Stop};
use crate::crypto::Random;
use crate::protocol::limits::OLDER_ROSTER_MS;
use crate::protocol::link::LinkError;
use crate::protocol::memory::{Ending, Memory, Standing};
use crate::protocol::payload::Fault;
use crate::protocol::room::roster::Roster;
use crate::protocol::{Now, RoomId};
use crate::wire::ByeCode;

/// What is remembered of a room. It only grows, and a roster that has less does not count.
#[derive(Default)]
pub(super) struct Remembered {
    memory: Option<Memory>,
    /// Since when hosts have shown less, in monotonic milliseconds.
    behind_since_ms: Option<u64>,
}

impl Remembered {
    /// Takes what is remembered of the `target`, from earlier or from elsewhere.
    pub(super) fn merge(&mut self, memory: &Memory, target: Option<RoomId>) {
        if target.is_some_and(|target| target != memory.room()) {
            return;
        }
        match &mut self.memory {
            Some(known) if known.room() == memory.room() => known.merge(memory),
            known => *known = Some(*memory),
        }
    }

    /// The roster has grown.
    pub(super) fn learn(&mut self, number: u64, hash: &[u8; 32]) {
        if let Some(memory) = &mut self.memory {
            memory.learn(number, hash);
        }
    }

    /// Whether the room was closed for good.
    fn is_closed(&self) -> bool {
        self.memory.is_some_and(|memory| memory.ended() == Some(Ending::Closed))
    }

    /// Since when hosts have shown less.
    fn behind_for_ms(&mut self, now: Now) -> u64 {
        let since = *self.behind_since_ms.get_or_insert(now.monotonic_ms);
        now.monotonic_ms.saturating_sub(since)
    }
}

impl Client {
    /// Another copy knew more: a client already in the room with less has to leave it.
    pub(super) fn check_memory(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        if self.remembered.is_closed() {
            self.out.disconnect(ByeCode::Leaving);
            self.stop(Stop::Closed);
            return Ok(());
        }
        if self.link.is_in_step()
            && let Some(number) = self.room.as_ref().map(|room| room.roster.number())
        {
            self.may_believe(number, now, random)?;
        }
        Ok(())
    }

    /// Whether what was stored of the room is consistent, before a host is asked anything: if it is not, no host is to
    /// blame.
    pub(super) fn check_what_was_kept(&self) -> Result<(), Stop> {
        if self.remembered.is_closed() {
            return Err(Stop::Closed);
        }
        let (genesis, entries) = match &self.way.entry {
            Entry::Open { genesis, roster, .. } => (genesis, roster.as_slice()),
            Entry::Return { genesis, .. } => (genesis, [].as_slice()),
            Entry::Invite(_) | Entry::Knock => return Ok(()),
        };
        let roster = Roster::open(genesis).and_then(|roster| roster.with_entries(entries));
        let roster = roster.map_err(|_| Stop::BadRecord)?;
        let is_other =
            |memory: Memory| memory.room() != roster.room() || memory.judge(&roster, u64::MAX) == Standing::Forked;
        let is_wrong = roster.suite() != self.crypto.suite() || self.remembered.memory.is_some_and(is_other);
        if is_wrong { Err(Stop::BadRecord) } else { Ok(()) }
    }

    /// Whether to believe the roster that arrived, of which the host shows `shown` entries. However a room is entered,
    /// nobody is in it before this says so. `false`: we have hung up.
    pub(super) fn may_believe(&mut self, shown: u64, now: Now, random: &mut dyn Random) -> Result<bool, Fault> {
        let Some(roster) = self.room.as_ref().map(|room| &room.roster) else { return Ok(false) };
        let room = roster.room();
        let mut memory = self.remembered.memory.filter(|memory| memory.room() == room).unwrap_or(Memory::new(room));
        let standing = memory.judge(roster, shown);
        memory.learn(roster.number(), roster.hash());
        match standing {
            Standing::Holds => {
                self.remembered = Remembered { memory: Some(memory), behind_since_ms: None };
                Ok(true)
            }
            Standing::Forked => Err(Fault::Fork),
            Standing::Behind => {
                self.fall_back(&memory, shown, now, random);
                Ok(false)
            }
        }
    }

    /// The host shows less than was seen: it may get the rest from the owner soon. If not, a person has to decide.
    fn fall_back(&mut self, memory: &Memory, shown: u64, now: Now, random: &mut dyn Random) {
        let (known, hash) = (memory.number(), *memory.hash());
        self.out.disconnect(ByeCode::Leaving);
        if self.remembered.behind_for_ms(now) >= OLDER_ROSTER_MS {
            self.stop(Stop::RolledBack { known, hash, shown });
        } else {
            self.retry_later(LinkError::OlderRoster { known, hash, shown }, now, random);
        }
    }
}
