//! The net layer's clock: the one place that asks the system for the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::protocol::Now;

/// Tells the time since the net layer was started, and the date.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time.
    pub(super) fn now(self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { monotonic_ms: whole_milliseconds(self.start.elapsed()), unix_ms: whole_milliseconds(unix) }
    }
}

fn whole_milliseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
