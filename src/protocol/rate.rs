//! How fast a member may send: a token bucket.

use super::Now;

/// Fills steadily up to its burst; each use takes some out.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    a_second: u32,
    burst_milli: u64,
    milli: u64,
    filled_ms: u64,
}

impl Bucket {
    /// A full bucket that gains `a_second` and holds `burst`.
    pub(super) fn new(a_second: u32, burst: u32, now: Now) -> Self {
        let burst_milli = u64::from(burst) * 1_000;
        Self { a_second, burst_milli, milli: burst_milli, filled_ms: now.monotonic_ms }
    }

    /// Takes `amount` out if available.
    pub(super) fn take(&mut self, amount: u32, now: Now) -> bool {
        self.fill(now);
        let Some(rest) = self.milli.checked_sub(u64::from(amount) * 1_000) else { return false };
        self.milli = rest;
        true
    }

    /// When `amount` will be available, in monotonic milliseconds.
    pub(super) fn next_ms(&mut self, amount: u32, now: Now) -> u64 {
        self.fill(now);
        let missing = (u64::from(amount) * 1_000).saturating_sub(self.milli);
        now.monotonic_ms + missing.div_ceil(u64::from(self.a_second.max(1)))
    }

    fn fill(&mut self, now: Now) {
        let passed = now.monotonic_ms.saturating_sub(self.filled_ms);
        self.filled_ms = self.filled_ms.max(now.monotonic_ms);
        self.milli = self.burst_milli.min(self.milli.saturating_add(passed.saturating_mul(self.a_second.into())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(monotonic_ms: u64) -> Now {
        Now::at(monotonic_ms, 0)
    }

    #[test]
    fn a_burst_goes_at_once_and_then_one_at_a_time() {
        let mut bucket = Bucket::new(2, 3, at(0));
        assert_eq!((0..4).map(|_| bucket.take(1, at(0))).collect::<Vec<_>>(), [true, true, true, false]);
        assert_eq!((bucket.next_ms(1, at(0)), bucket.next_ms(3, at(0))), (500, 1_500));
        assert!(!bucket.take(1, at(499)));
        assert!(bucket.take(1, at(500)));
        assert!(bucket.take(3, at(100_000)));
        assert!(!bucket.take(1, at(100_000)), "it holds no more than its burst");
    }
}
