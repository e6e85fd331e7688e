//! Compares members' clocks with one's own and reports a difference: a wrong date keeps people out, spoils invites and
//! shows wrong times, and nobody suspects it.
//!
//! It compares only dates that members signed: that of a new message, and the expiry of a prekey, which is made a
//! known time before. The host's date is not used: nobody signs it, and a relay's clock does not matter.

use std::ops::RangeInclusive;

use super::link::Link;
use super::outputs::Outputs;
use super::{Client, Event, Phase};
use crate::crypto::Fingerprint;
use crate::protocol::Now;
use crate::protocol::limits::{CLOCK_DIFFERS_MS, CLOCKS_TOLD_MAX, DATES_END_MS};

/// The clock differences that were reported.
#[derive(Default)]
pub(super) struct Clocks {
    told: Vec<i64>,
}

impl Clocks {
    /// The date of `member` is in this range now. Reports each difference once, however many members have it.
    pub(super) fn compare(
        &mut self,
        member: Fingerprint,
        theirs: RangeInclusive<u64>,
        now: Now,
        link: &Link,
        out: &mut Outputs,
    ) {
        // What arrives after a break may have been waiting, and so may what arrives before we are up to date.
        if link.is_answer_due() || *theirs.start() >= DATES_END_MS {
            return;
        }
        let ours_ms = now.unix_ms;
        let nearest_ms = ours_ms.clamp(*theirs.start(), *theirs.end());
        let [least, nearest, most] = [*theirs.start(), nearest_ms, *theirs.end()].map(|date| apart_ms(date, ours_ms));
        // A difference already reported may be the exact value of what is a range here.
        let may_be = |told_ms: i64| told_ms.clamp(least, most).abs_diff(told_ms) < CLOCK_DIFFERS_MS;
        let is_told = nearest.unsigned_abs() < CLOCK_DIFFERS_MS || self.told.iter().any(|told_ms| may_be(*told_ms));
        if !is_told && self.told.len() < CLOCKS_TOLD_MAX {
            self.told.push(nearest);
            out.event(Event::ClockDiffers { member, theirs_ms: nearest_ms, ours_ms });
        }
    }
}

impl Client {
    /// Compares with the newest prekeys of connected members, once those who came back have had time to make another.
    pub(super) fn compare_prekeys(&mut self, now: Now) {
        let Some(room) = self.room.as_mut().filter(|_| self.link.phase == Phase::Live) else { return };
        if room.clocks_due_ms.take_if(|due| now.monotonic_ms >= *due).is_none() {
            return;
        }
        for (member, dates) in room.sealing.clocks(&room.present) {
            self.clocks.compare(member, dates, now, &self.link, &mut self.out);
        }
    }
}

/// How far a date is ahead of ours.
fn apart_ms(date_ms: u64, ours_ms: u64) -> i64 {
    let apart_ms = i128::from(date_ms) - i128::from(ours_ms);
    i64::try_from(apart_ms).unwrap_or(i64::MAX)
}
