//! Tells what was missed: whoever missed it, and whoever said it.

use std::collections::BTreeMap;

use super::awaited::Awaited;
use super::room::RoomState;
use super::{Client, Event};
use crate::crypto::Fingerprint;
use crate::protocol::Now;
use crate::protocol::content::{Body, Missed};
use crate::protocol::limits::RETURN_MS;
use crate::protocol::room::log_hash::LogHash;
use crate::wire::Welcome;

impl Client {
    /// What stays of the room that one was in before in this run, now that everything begins anew.
    pub(super) fn go_on_from(&mut self, before: RoomState, log: LogHash, welcome: &Welcome) -> RoomState {
        // A host that never saw a prekey of ours, although there was one, has begun a new log.
        let is_new_log = match before.reached_since {
            Some(_) => welcome.prekey_index == 0,
            None => welcome.position < before.log.position(),
        };
        let is_talkative = before.is_talkative();
        let missed = welcome.position.saturating_sub(before.log.position());
        let mut room = RoomState::new(before.roster, log);
        // Words that were shown in this run stay known by name: their sender may say them again.
        room.seen = before.seen;
        if is_new_log {
            room.absences = before.absences.new_log(room.roster.members(), &before.present);
            room.awaited = Awaited::new(&before.present | &before.awaited.into_members(), RETURN_MS);
            let unconfirmed = before.sent.into_iter().filter(|_| is_talkative);
            let lost = unconfirmed.flat_map(|sent| sent.awaiting.into_iter().map(move |by| (sent.id, by)));
            lost.for_each(|(id, by)| self.event(Event::MissedBy { id, by }));
        } else if missed > 0 {
            let since_ms = self.lost.map_or(0, |lost| lost.unix_ms);
            self.event(Event::LogGap { entries: missed, since_ms });
        }
        room
    }

    /// Whether words wait for those who are on the way back.
    pub(super) fn holds_words(&mut self, reachable: &BTreeMap<Fingerprint, u64>, now: Now) -> bool {
        let own = self.identity.fingerprint();
        let Some(room) = &mut self.room else { return false };
        room.awaited.holds_words(&room.roster, own, reachable, now)
    }

    /// A member cannot read any more what was sealed for it and is not confirmed.
    pub(super) fn lose_reader(&mut self, member: Fingerprint) {
        self.in_flight.iter_mut().for_each(|sent| sent.leave_out(member));
        let Some(room) = &mut self.room else { return };
        let is_told = room.is_talkative();
        let lost = room.forget_prekey(member);
        lost.into_iter().filter(|_| is_told).for_each(|id| self.event(Event::MissedBy { id, by: member }));
    }

    /// Tells those who came back how much they missed, in a chain that they read.
    pub(super) fn tell_what_was_missed(&mut self, reachable: &BTreeMap<Fingerprint, u64>, now: Now) {
        let Some(room) = &mut self.room else { return };
        let epoch = room.epoch();
        if self.chain.as_ref().is_some_and(|chain| chain.serves(&epoch, reachable, now)) {
            self.controls.extend(room.absences.take_untold(reachable).into_iter().map(Body::Missed));
        }
    }

    /// A member says how much somebody missed. What counts is what is said of ourselves, and of this time:
    /// until the prekey with which we came back.
    pub(super) fn missed(&mut self, from: Fingerprint, missed: &Missed) {
        let Some(room) = &mut self.room else { return };
        let is_meant = missed.member == self.identity.fingerprint() && room.reached_since == Some(missed.until);
        if is_meant && let Some(count) = room.heard.take_in(missed) {
            self.event(Event::Missed { told_by: from, count, since_ms: missed.since_ms });
        }
    }
}
