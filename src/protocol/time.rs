//! Time as the state machines see it: awake time, the date, and how much time passed in the world.

use super::limits::{JUMP_MS, PAUSE_MS};

/// The time, handed in by whoever has clocks. Section 9 of `docs/protocol.md` says which clock each wait uses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Now {
    /// Milliseconds of a clock that only goes forward and may stop while the computer sleeps; for waits on a peer,
    /// whom we cannot hear while asleep.
    pub monotonic_ms: u64,
    /// Milliseconds since 1970 (UTC), as the computer believes; for dates that people and peers see.
    pub unix_ms: u64,
    /// Milliseconds that passed in the world, by whichever of the two clocks went further at each step; it only goes
    /// forward. For the lifetimes of keys, which age while we sleep.
    pub passed_ms: u64,
    /// How many breaks there were: the computer slept, the program was stopped, or the date was set. What was known
    /// before may be stale.
    pub breaks: u64,
}

impl Now {
    /// The time on a computer that was switched on this long ago and has not slept since.
    #[must_use]
    pub const fn at(monotonic_ms: u64, unix_ms: u64) -> Self {
        Self { monotonic_ms, unix_ms, passed_ms: monotonic_ms, breaks: 0 }
    }

    /// This much later, on a computer whose clocks agree.
    #[must_use]
    pub const fn later(self, ms: u64) -> Self {
        Self {
            monotonic_ms: self.monotonic_ms.saturating_add(ms),
            unix_ms: self.unix_ms.saturating_add(ms),
            passed_ms: self.passed_ms.saturating_add(ms),
            breaks: self.breaks,
        }
    }

    /// When `passed_ms` will reach `at_ms`, by the monotonic clock, if there is no break before.
    pub(super) const fn awake_at(self, at_ms: u64) -> u64 {
        self.monotonic_ms.saturating_add(at_ms.saturating_sub(self.passed_ms))
    }
}

/// The last readings of a computer's two clocks, and what follows from them. Pure: the readings come in.
#[derive(Clone, Debug)]
pub struct Timeline {
    now: Now,
    /// The monotonic clock's last reading. Even that can go back, if somebody tampers with it.
    read_ms: i64,
    /// How far the date was from the monotonic clock when they were last found to agree.
    lead_ms: i64,
}

impl Timeline {
    /// Starts with a first reading: of the monotonic clock, from any origin, and the date.
    #[must_use]
    pub fn begin(monotonic_ms: i64, unix_ms: u64) -> Self {
        let now = Now { monotonic_ms: 0, unix_ms, passed_ms: 0, breaks: 0 };
        Self { now, read_ms: monotonic_ms, lead_ms: lead(unix_ms, 0) }
    }

    /// Takes the next reading.
    pub fn read(&mut self, monotonic_ms: i64, unix_ms: u64) -> Now {
        let awake_ms = u64::try_from(monotonic_ms.saturating_sub(self.read_ms)).unwrap_or(0);
        self.read_ms = monotonic_ms;
        self.now.monotonic_ms = self.now.monotonic_ms.saturating_add(awake_ms);
        self.now.passed_ms = self.now.passed_ms.saturating_add(awake_ms);
        self.now.unix_ms = unix_ms;
        let lead_ms = lead(unix_ms, self.now.monotonic_ms);
        let jumped_ms = lead_ms.saturating_sub(self.lead_ms);
        // Two clocks never agree to the millisecond; if each small difference counted, the passed time would run ahead
        // of both.
        let jumped = jumped_ms.unsigned_abs() >= JUMP_MS;
        if jumped {
            self.lead_ms = lead_ms;
            self.now.passed_ms = self.now.passed_ms.saturating_add(u64::try_from(jumped_ms).unwrap_or(0));
        }
        if jumped || awake_ms >= PAUSE_MS {
            self.now.breaks += 1;
        }
        self.now
    }
}

/// How far the date is from a clock that began at 0.
fn lead(unix_ms: u64, monotonic_ms: u64) -> i64 {
    let clamp = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    clamp(unix_ms).saturating_sub(clamp(monotonic_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 24 * HOUR;
    const START: u64 = 20_000 * DAY;

    /// Steps of a computer: how far its monotonic clock and its date advance in each. Returns what passed, and the
    /// breaks.
    fn after(steps: &[(i64, i64)]) -> (u64, u64, u64) {
        let (mut awake, mut date) = (500_i64, START);
        let mut timeline = Timeline::begin(awake, date);
        let mut now = Now::default();
        for (monotonic, unix) in steps {
            awake += monotonic;
            date = date.saturating_add_signed(*unix);
            now = timeline.read(awake, date);
            assert_eq!(now.unix_ms, date);
        }
        (now.monotonic_ms, now.passed_ms, now.breaks)
    }

    const fn signed(ms: u64) -> i64 {
        ms.cast_signed()
    }

    #[test]
    fn while_both_clocks_agree_nothing_breaks() {
        assert_eq!(after(&[(1_000, 1_000), (5_000, 5_000)]), (6_000, 6_000, 0));
        assert_eq!(after(&[(0, 0)]), (0, 0, 0));
    }

    #[test]
    fn clocks_that_tick_one_after_the_other_do_not_run_ahead() {
        let steps: Vec<_> = (0..20_000).flat_map(|_| [(1, 0), (0, 1)]).collect();
        assert_eq!(after(&steps), (20_000, 20_000, 0));
    }

    #[test]
    fn sleep_passes_although_the_monotonic_clock_stands_still() {
        let night = signed(8 * HOUR);
        assert_eq!(after(&[(1_000, 1_000), (10, night)]), (1_010, 8 * HOUR + 1_000, 1));
        // A computer whose monotonic clock runs during sleep.
        assert_eq!(after(&[(night, night)]), (8 * HOUR, 8 * HOUR, 1));
    }

    #[test]
    fn a_pause_is_a_break_and_a_slow_turn_is_none() {
        assert_eq!(after(&[(100_000, 100_000)]), (100_000, 100_000, 1));
        assert_eq!(after(&[(signed(PAUSE_MS) - 1, signed(PAUSE_MS) - 1)]).2, 0);
    }

    #[test]
    fn a_date_that_is_set_back_takes_nothing_away_and_passes_nothing() {
        let back = -signed(2 * DAY);
        assert_eq!(after(&[(1_000, 1_000), (1_000, back)]), (2_000, 2_000, 1));
        assert_eq!(after(&[(1_000, back), (1_000, 1_000)]), (2_000, 2_000, 1));
        // And from there on it counts again at once, not only after it has caught up.
        assert_eq!(after(&[(0, back), (10, signed(HOUR))]).1, HOUR);
    }

    #[test]
    fn a_date_that_goes_back_and_forth_only_goes_forward() {
        let steps: Vec<_> = [1, -1, 1, -1].into_iter().map(|days| (0, days * signed(DAY))).collect();
        assert_eq!(after(&steps), (0, 2 * DAY, 4));
    }

    #[test]
    fn a_clock_that_started_in_1970_and_is_set_right_passes_it_all_once() {
        let mut timeline = Timeline::begin(0, 0);
        assert_eq!(timeline.read(1_000, 1_000).passed_ms, 1_000);
        assert_eq!(
            timeline.read(2_000, START),
            Now { monotonic_ms: 2_000, unix_ms: START, passed_ms: START, breaks: 1 }
        );
        assert_eq!(timeline.read(3_000, START + 1_000).passed_ms, START + 1_000);
    }

    #[test]
    fn a_monotonic_clock_that_goes_back_does_not_stop_the_time() {
        let back = -signed(3 * DAY);
        assert_eq!(after(&[(1_000, 1_000), (back, 0), (1_000, 1_000)]), (2_000, 2_000, 0));
        assert_eq!(after(&[(back, back), (5_000, 5_000)]), (5_000, 5_000, 1));
    }

    #[test]
    fn a_slow_drift_is_counted_once_it_is_large() {
        let steps: Vec<_> = (0..100).map(|_| (1_000, 1_100)).collect();
        assert_eq!(after(&steps), (100_000, 110_000, 2));
    }

    #[test]
    fn the_ends_of_the_numbers_are_no_end_of_the_program() {
        for (monotonic, unix) in [(i64::MAX, u64::MAX), (i64::MIN, 0), (0, u64::MAX), (i64::MAX, 0)] {
            let mut timeline = Timeline::begin(0, START);
            let first = timeline.read(monotonic, unix);
            let second = timeline.read(0, START);
            assert!(second.passed_ms >= first.passed_ms && second.monotonic_ms >= first.monotonic_ms);
        }
    }

    #[test]
    fn a_wait_for_what_passes_is_put_in_awake_time() {
        let now = Now { monotonic_ms: 10, unix_ms: 0, passed_ms: 1_000, breaks: 3 };
        assert_eq!((now.awake_at(1_500), now.awake_at(900)), (510, 10));
        assert_eq!(now.later(5), Now { monotonic_ms: 15, unix_ms: 5, passed_ms: 1_005, breaks: 3 });
    }
}
