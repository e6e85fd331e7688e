//! Compares the clocks of members with one's own, and tells when they differ: a wrong date keeps people out, spoils
//! invites and shows wrong times, and nobody looks for it there.
//!
//! What is compared are dates that members signed: of a message that was just said, and the end of a prekey, which is
//! made a known time before it. The word of the host is not asked: it is signed by nobody, and a relay has no date
//! that matters.

use std::ops::RangeInclusive;

use super::{Client, Event, Phase};
use crate::crypto::Fingerprint;
use crate::protocol::Now;
use crate::protocol::limits::{CLOCK_DIFFERS_MS, CLOCKS_TOLD_MAX, DATES_END_MS};

impl Client {
    /// The date of `member` is in this range now. Tells a difference once, however many members have it.
    pub(super) fn compare_clocks(&mut self, member: Fingerprint, theirs: RangeInclusive<u64>, now: Now) {
        // What comes after a break may have waited meanwhile, and so may what comes before we are up to date.
        if self.awaits.is_some() || *theirs.start() >= DATES_END_MS {
            return;
        }
        let ours_ms = now.unix_ms;
        let nearest_ms = ours_ms.clamp(*theirs.start(), *theirs.end());
        let [least, nearest, most] = [*theirs.start(), nearest_ms, *theirs.end()].map(|date| apart_ms(date, ours_ms));
        // What was told may be the exact difference of what is a range here.
        let may_be = |told_ms: i64| told_ms.clamp(least, most).abs_diff(told_ms) < CLOCK_DIFFERS_MS;
        let is_told =
            nearest.unsigned_abs() < CLOCK_DIFFERS_MS || self.clocks_told.iter().any(|told_ms| may_be(*told_ms));
        if !is_told && self.clocks_told.len() < CLOCKS_TOLD_MAX {
            self.clocks_told.push(nearest);
            self.event(Event::ClockDiffers { member, theirs_ms: nearest_ms, ours_ms });
        }
    }

    /// Compares with the newest prekeys of who is connected, once those who came back had the time to make another.
    pub(super) fn compare_prekeys(&mut self, now: Now) {
        let Some(room) = self.room.as_mut().filter(|_| self.phase == Phase::Live) else { return };
        if room.clocks_due_ms.take_if(|due| now.monotonic_ms >= *due).is_none() {
            return;
        }
        let connected = room.prekeys.iter().filter(|(member, _)| room.present.contains(*member));
        for (member, dates) in connected.map(|(member, prekey)| (*member, prekey.dates())).collect::<Vec<_>>() {
            self.compare_clocks(member, dates, now);
        }
    }
}

/// How far a date is ahead of ours.
fn apart_ms(date_ms: u64, ours_ms: u64) -> i64 {
    let apart_ms = i128::from(date_ms) - i128::from(ours_ms);
    i64::try_from(apart_ms).unwrap_or(i64::MAX)
}
