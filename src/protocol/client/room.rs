//! What a client knows of its room.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Event;
use super::missed::Missing;
use super::outputs::Outputs;
use super::receipts::Receipts;
use crate::crypto::Fingerprint;
use crate::crypto::primitives::labelled_hash;
use crate::protocol::identity::Identity;
use crate::protocol::limits::{INTRODUCE_AFTER_MS, PAUSE_MS, TALKATIVE_MEMBERS_MAX};
use crate::protocol::room::log_hash::LogHash;
use crate::protocol::room::roster::Roster;
use crate::protocol::sealing::{Reachable, Sealing, sealing_of};
use crate::protocol::{MessageId, Now};
use crate::wire::Welcome;

/// Message ids remembered, so that none is shown twice.
const SEEN_MAX: usize = 4_096;

pub(super) struct RoomState {
    pub roster: Roster,
    pub log: LogHash,
    /// Whether the missed items are enough to resume after a cut, because everything before them is here.
    pub resumable: bool,
    pub sealing: Box<dyn Sealing>,
    /// Who is connected, according to the host.
    pub present: BTreeSet<Fingerprint>,
    /// Members who left for good, and stay on the roster until the owner removes them.
    pub left: BTreeSet<Fingerprint>,
    forked: BTreeSet<Fingerprint>,
    seen: VecDeque<MessageId>,
    pub receipts: Receipts,
    pub missing: Missing,
    pub introduce_at_ms: Option<u64>,
    /// When to compare the others' clocks with ours, in monotonic milliseconds.
    pub clocks_due_ms: Option<u64>,
}

impl RoomState {
    pub(super) fn new(roster: Roster, log: LogHash, identity: &Arc<Identity>) -> Self {
        let sealing = sealing_of(&roster, identity);
        Self::with(roster, log, sealing)
    }

    fn with(roster: Roster, log: LogHash, sealing: Box<dyn Sealing>) -> Self {
        Self {
            roster,
            log,
            resumable: false,
            sealing,
            present: BTreeSet::new(),
            left: BTreeSet::new(),
            forked: BTreeSet::new(),
            seen: VecDeque::new(),
            receipts: Receipts::default(),
            missing: Missing::default(),
            introduce_at_ms: None,
            clocks_due_ms: None,
        }
    }

    /// What remains of the room that was entered earlier in this run, now that everything starts over. `lost_ms` is
    /// when the room was lost, in milliseconds since 1970.
    pub(super) fn begin_anew(self, log: LogHash, welcome: &Welcome, lost_ms: u64, out: &mut Outputs) -> Self {
        // A host that never saw a prekey of ours, although there was one, has begun a new log.
        let is_new_log = match self.sealing.reached_since() {
            Some(_) => welcome.prekey_index == 0,
            None => welcome.position < self.log.position(),
        };
        let is_talkative = self.is_talkative();
        let entries = welcome.position.saturating_sub(self.log.position());
        let Self { roster, sealing, present, seen, receipts, missing, .. } = self;
        // Messages shown in this run are remembered by id: their sender may send them again.
        let mut room = Self { seen, ..Self::with(roster, log, sealing) };
        if is_new_log {
            room.missing = missing.of_new_log(room.roster.members(), &present);
            let unconfirmed = receipts.into_unconfirmed().filter(|_| is_talkative);
            unconfirmed.for_each(|(id, by)| out.event(Event::MissedBy { id, by }));
        } else if entries > 0 {
            out.event(Event::LogGap { entries, since_ms: lost_ms });
        }
        room
    }

    pub(super) fn next_timeout(&self, now: Now) -> Option<u64> {
        let waits = [
            self.introduce_at_ms,
            self.receipts.next_timeout(),
            self.clocks_due_ms,
            self.missing.awaited.next_timeout(now),
            self.sealing.next_timeout(now),
        ];
        waits.into_iter().flatten().min()
    }

    /// The others who would get a message sent now, with the prekey each has.
    pub(super) fn reachable(&self, now: Now) -> Reachable {
        self.sealing.reachable(&self.present, now)
    }

    /// The program saw nothing for this much awake time, which on some systems includes sleep.
    pub(super) fn slept(&mut self, ms: u64) {
        if ms >= PAUSE_MS {
            self.sealing.slept(ms);
        }
    }

    /// A member is gone, or restarted: what it has not read by now it never can. Returns which of our messages it did
    /// not confirm.
    pub(super) fn give_up_reader(&mut self, member: Fingerprint) -> Vec<MessageId> {
        if !self.is_talkative() {
            // Nobody confirms in such a room: what came before it went counts as read.
            self.missing.absences.has(member, self.log.position());
        }
        self.receipts.give_up(member)
    }

    /// A member was shown everything up to `position`, as its message proves. It may not be stored there yet.
    pub(super) fn was_shown_to(&mut self, member: Fingerprint, position: u64) {
        // Nobody can have more than exists.
        self.missing.absences.has(member, position.min(self.log.position()));
    }

    /// A member confirms everything up to `position`.
    pub(super) fn confirmed_by(&mut self, member: Fingerprint, position: u64, out: &mut Outputs) {
        self.was_shown_to(member, position);
        for id in self.receipts.confirmed_by(member, position) {
            out.event(Event::Delivered { id, to: member });
        }
    }

    /// Whether a member's message with this id was already shown; from now on it was. The sender chooses the id, so it
    /// counts only together with the sender.
    pub(super) fn was_seen(&mut self, from: Fingerprint, id: MessageId) -> bool {
        let hash = labelled_hash("seen", &[from.as_bytes(), &id.0]);
        let mut short = [0; 16];
        short.copy_from_slice(hash.split_at(16).0);
        let name = MessageId(short);
        if self.seen.contains(&name) {
            return true;
        }
        if self.seen.len() == SEEN_MAX {
            self.seen.pop_front();
        }
        self.seen.push_back(name);
        false
    }

    /// A message at `position` was reported. It is confirmed soon, if the room confirms.
    pub(super) fn received(&mut self, position: u64, now: Now) {
        let confirms = self.is_talkative();
        self.receipts.received(position, confirms, now);
    }

    /// What was reported under this number or an earlier one is stored.
    pub(super) fn stored(&mut self, number: u64, now: Now) {
        if let Some(position) = self.receipts.stored(number) {
            self.received(position, now);
        }
    }

    /// Reports who is here and can read what is sealed from now on, and was not or could not with that key before.
    pub(super) fn tell_who_is_reachable(&mut self, now: Now, out: &mut Outputs) {
        let mut reachable = self.reachable(now);
        // What is sealed for somebody who was cut off may never come.
        reachable.retain(|member, _| self.present.contains(member));
        for (member, key) in &reachable {
            if self.missing.reachable.get(member) != Some(key) {
                out.event(Event::MemberReachable { member: *member });
            }
        }
        self.missing.reachable = reachable;
    }

    /// A member saw a different log or roster, which is reported once.
    pub(super) fn fork(&mut self, from: Fingerprint, out: &mut Outputs) {
        if self.forked.insert(from) {
            out.event(Event::Fork { from });
        }
    }

    /// Reports the whole roster, for whoever stores it.
    pub(super) fn keep_entries(&self, out: &mut Outputs) {
        for (entry, number) in self.roster.entries().iter().zip(1..) {
            if let Some(hash) = self.roster.hash_at(number) {
                out.keep(super::Keep::Entry { number, entry: entry.clone(), hash: *hash });
            }
        }
    }

    /// Whether everybody in the room confirms messages and introduces themselves.
    pub(super) fn is_talkative(&self) -> bool {
        self.roster.len() <= TALKATIVE_MEMBERS_MAX
    }

    pub(super) fn introduce_soon(&mut self, now: Now) {
        self.introduce_at_ms.get_or_insert(now.monotonic_ms + INTRODUCE_AFTER_MS);
    }
}

#[cfg(test)]
impl RoomState {
    /// What it keeps, counted, and the most it should keep.
    pub(super) fn held(&self) -> Vec<(&'static str, usize, usize)> {
        let members = self.roster.len();
        let Missing { absences, awaited, reachable, .. } = &self.missing;
        let mut held = self.sealing.held(members);
        held.extend(self.receipts.held());
        held.extend([
            ("people who are there", self.present.len(), members),
            ("people who can read", reachable.len(), members),
            ("names of messages", self.seen.len(), SEEN_MAX),
            ("words that others may miss", absences.held().0, super::absences::WORDS_REMEMBERED),
            ("people who may miss words", absences.held().1, members),
            ("people whom words wait for", awaited.held(), members),
            ("hashes of the log", self.log.kept_count(), crate::protocol::limits::LOG_HASHES_KEPT),
        ]);
        held
    }
}
