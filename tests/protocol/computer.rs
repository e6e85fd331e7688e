//! A computer whose clocks do what clocks do: it sleeps, its programs are stopped, its date is wrong and is set.

use super::{Now, Timeline};

/// How often a program asks for the time while it runs, in milliseconds.
const TICK_MS: u64 = 5_000;

pub(crate) struct Computer {
    timeline: Timeline,
    base: Now,
    monotonic_ms: i64,
    unix_ms: u64,
}

impl Computer {
    /// Its clocks are right, and go on from `now`.
    pub(crate) fn new(now: Now) -> Self {
        Self { timeline: Timeline::begin(0, now.unix_ms), base: now, monotonic_ms: 0, unix_ms: now.unix_ms }
    }

    /// What its program is told.
    pub(crate) fn now(&mut self) -> Now {
        let now = self.timeline.read(self.monotonic_ms, self.unix_ms);
        let Now { monotonic_ms, passed_ms, breaks, .. } = self.base;
        Now {
            monotonic_ms: monotonic_ms + now.monotonic_ms,
            unix_ms: now.unix_ms,
            passed_ms: passed_ms + now.passed_ms,
            breaks: breaks + now.breaks,
        }
    }

    /// Time goes by, and its program runs.
    pub(crate) fn run(&mut self, mut ms: u64) {
        while ms > 0 {
            let step = ms.min(TICK_MS);
            self.stop(step);
            ms -= step;
        }
    }

    /// Time goes by, and its program is stopped.
    pub(crate) fn stop(&mut self, ms: u64) {
        self.monotonic_ms += i64::try_from(ms).unwrap();
        self.sleep(ms);
    }

    /// Time goes by, and it sleeps.
    pub(crate) fn sleep(&mut self, ms: u64) {
        self.unix_ms += ms;
        self.now();
    }

    /// Its date is set by so much.
    pub(crate) fn set_date_by(&mut self, ms: i64) {
        self.unix_ms = self.unix_ms.saturating_add_signed(ms);
        self.now();
    }
}
