//! Reports missed messages: to whoever missed them, and to whoever sent them.

use std::collections::BTreeSet;

use super::absences::{Absences, Heard};
use super::awaited::Awaited;
use super::outputs::Outputs;
use super::{Client, Event};
use crate::crypto::Fingerprint;
use crate::protocol::Now;
use crate::protocol::content::{Body, Missed};
use crate::protocol::limits::RETURN_MS;
use crate::protocol::sealing::Reachable;

/// Messages that somebody missed, or must not miss.
#[derive(Default)]
pub(super) struct Missing {
    /// Messages that others missed.
    pub(super) absences: Absences,
    /// Those that we missed before this session.
    heard: Heard,
    /// Whom messages wait for.
    pub(super) awaited: Awaited,
    /// Who was told to be reachable, and by which key: they can be sent again what they missed.
    pub(super) reachable: Reachable,
}

impl Missing {
    /// What remains of it when the host has begun a new log: those who `were_present` are on their way back.
    pub(super) fn of_new_log(
        self,
        members: impl Iterator<Item = Fingerprint>,
        were_present: &BTreeSet<Fingerprint>,
    ) -> Self {
        Self {
            absences: self.absences.new_log(members, were_present),
            heard: Heard::default(),
            awaited: Awaited::new(were_present | &self.awaited.into_members(), RETURN_MS),
            reachable: Reachable::new(),
        }
    }

    /// A member says how much we missed until our prekey was at `reached_since`. Only a higher count than before
    /// matters.
    fn take_in(&mut self, from: Fingerprint, missed: &Missed, reached_since: Option<u64>, out: &mut Outputs) {
        if reached_since == Some(missed.until)
            && let Some(count) = self.heard.take_in(missed)
        {
            out.event(Event::Missed { told_by: from, count, since_ms: missed.since_ms });
        }
    }
}

impl Client {
    /// A member can no longer read what was sealed for it and is unconfirmed.
    pub(super) fn lose_reader(&mut self, member: Fingerprint) {
        self.outbox.leave_out(member);
        let Some(room) = &mut self.room else { return };
        let is_told = room.is_talkative();
        let lost = room.give_up_reader(member);
        lost.into_iter().filter(|_| is_told).for_each(|id| self.out.event(Event::MissedBy { id, by: member }));
    }

    /// Tells those who came back how much they missed, in a chain that they can read.
    pub(super) fn tell_what_was_missed(&mut self, reachable: &Reachable, now: Now) {
        let Some(room) = &mut self.room else { return };
        if room.sealing.is_read_by(&room.roster, reachable, now) {
            let untold = room.missing.absences.take_untold(reachable);
            untold.into_iter().for_each(|missed| self.outbox.tell(Body::Missed(missed)));
        }
    }

    /// A member says how much somebody missed. Only what concerns us and this return counts: up to the prekey with
    /// which we came back.
    pub(super) fn missed(&mut self, from: Fingerprint, missed: &Missed) {
        let Some(room) = self.room.as_mut().filter(|_| missed.member == self.identity.fingerprint()) else { return };
        let reached_since = room.sealing.reached_since();
        room.missing.take_in(from, missed, reached_since, &mut self.out);
    }
}
