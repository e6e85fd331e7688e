//! The time, for this layer and the front ends: the clock's reading, and how dates are shown to a person.
//!
//! There is one [`Clock`](crate::net::Clock) for the whole program, in `net`; nothing here or above asks the system.

use chrono::{Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};

use super::{Code, Problem, Sentence, say};
use crate::net::Clock;
use crate::protocol::Now;

/// A date before this program was written, in milliseconds since 1970: an earlier clock is wrong.
const WRITTEN_MS: u64 = 1_767_225_600_000;

/// The time.
pub(crate) fn now() -> Now {
    Clock::system().now()
}

/// The date, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    now().unix_ms
}

/// A date in this computer's local time, in numbers only, which every language can read.
pub(crate) fn date(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| Local.timestamp_millis_opt(ms).earliest());
    time.map_or_else(|| unix_ms.to_string(), |time| time.format("%Y-%m-%d %H:%M").to_string())
}

/// When a day of this computer's local time begins, in milliseconds since 1970.
pub(crate) fn beginning_of(day: NaiveDate) -> u64 {
    let midnight = day.and_time(NaiveTime::MIN);
    let at = |time: NaiveDateTime| Local.from_local_datetime(&time).earliest();
    // Where clocks go forward at midnight there is none. The hour before is near enough, and misses nothing.
    let begins = at(midnight).or_else(|| midnight.checked_sub_signed(TimeDelta::hours(1)).and_then(at));
    begins.map_or(0, |time| u64::try_from(time.timestamp_millis()).unwrap_or(0))
}

/// The problem to report if the date cannot be right.
pub(super) fn doubt(now: Now) -> Option<Problem> {
    (now.unix_ms < WRITTEN_MS).then(|| {
        let what = say!("This computer's clock says {}, which cannot be right.", date(now.unix_ms));
        let hint =
            say!("Set its date and time. Until then others cannot join, and invites and messages have wrong dates.");
        Problem::new(Code::Clock, what, hint)
    })
}

/// The sentence for when the clock of somebody called `name` differs from this computer's.
pub(crate) fn differs(name: &str, theirs_ms: u64) -> Sentence {
    say!(
        "{}'s clock says {}. If this computer's clock is the wrong one, set it: invites and messages depend on it.",
        name,
        date(theirs_ms)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_told_in_numbers_whatever_it_is() {
        let told = date(1_800_000_000_000);
        assert!(told.starts_with("2027-01-1") && told.len() == "2027-01-15 08:00".len(), "{told}");
        assert_eq!(date(u64::MAX), "18446744073709551615");
    }

    #[test]
    fn a_day_begins_at_its_local_midnight() {
        let day = NaiveDate::from_ymd_opt(2027, 1, 15).unwrap();
        assert_eq!(date(beginning_of(day)), "2027-01-15 00:00");
        assert_eq!(beginning_of(NaiveDate::MIN), 0);
        assert!(beginning_of(NaiveDate::MAX) > beginning_of(day));
    }

    #[test]
    fn a_clock_from_before_this_program_is_told_and_no_other() {
        let told = doubt(Now::at(0, 3_600_000)).unwrap();
        assert!(told.code == Code::Clock && told.text().contains("clock says 1970-01-01"), "{told}");
        assert_eq!(doubt(Now::at(0, WRITTEN_MS)), None);
    }
}
