//! The only place that asks the system for the time, for this layer and all above it.
//!
//! It reads two clocks. `Instant` only goes forward, but on most systems stops while the computer sleeps; the date
//! runs during sleep, but can be wrong and can be set. [`Timeline`] combines the two. It is *not* for measuring how
//! long this process waits for its own threads or files, for which an `Instant` will do.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::protocol::{Now, Timeline};

/// The readings of a computer's two clocks: milliseconds of the monotonic one, from any origin, and milliseconds since
/// 1970 (UTC).
pub type Readings = (i64, u64);

/// Tells the time. Its clones are the same clock, so that all threads see the same breaks.
#[derive(Clone)]
pub struct Clock {
    read: Arc<dyn Fn() -> Readings + Send + Sync>,
    timeline: Arc<Mutex<Timeline>>,
}

impl Clock {
    /// This computer's.
    #[must_use]
    pub fn system() -> Self {
        static SYSTEM: OnceLock<Clock> = OnceLock::new();
        SYSTEM.get_or_init(|| Self::of(system_readings)).clone()
    }

    /// A clock with other readings, for tests of sleep, pauses and dates.
    #[must_use]
    pub fn of(read: impl Fn() -> Readings + Send + Sync + 'static) -> Self {
        let (monotonic_ms, unix_ms) = read();
        Self { read: Arc::new(read), timeline: Arc::new(Mutex::new(Timeline::begin(monotonic_ms, unix_ms))) }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        let mut timeline = self.timeline.lock().unwrap_or_else(PoisonError::into_inner);
        // Read under the lock: otherwise a thread could hand in an older reading after a newer one.
        let (monotonic_ms, unix_ms) = (self.read)();
        timeline.read(monotonic_ms, unix_ms)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Clock")
    }
}

fn system_readings() -> Readings {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = *START.get_or_init(Instant::now);
    let instant = Instant::now();
    let milliseconds = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    // It should never be before the start; if somebody tampers with it, time has to go on all the same.
    let monotonic_ms = match instant.checked_duration_since(start) {
        Some(since) => milliseconds(since),
        None => -milliseconds(start.duration_since(instant)),
    };
    // A date before 1970 is 1970.
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (monotonic_ms, u64::try_from(unix.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn the_system_has_one_clock_that_goes_forward() {
        let (first, second) = (Clock::system().now(), Clock::system().now());
        assert!(second.monotonic_ms >= first.monotonic_ms && second.passed_ms >= first.passed_ms);
        assert!(first.unix_ms > 1_700_000_000_000, "a date");
    }

    #[test]
    fn clones_see_the_same_breaks() {
        let date = Arc::new(AtomicU64::new(1_000_000));
        let set = Arc::clone(&date);
        let clock = Clock::of(move || (0, date.load(Ordering::Relaxed)));
        let other = clock.clone();
        assert_eq!(clock.now().breaks, 0);
        set.store(9_000_000, Ordering::Relaxed);
        assert_eq!((other.now().breaks, clock.now().breaks), (1, 1));
        assert_eq!(clock.now().passed_ms, 8_000_000);
    }
}
