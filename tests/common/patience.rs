//! How long a test waits for anything.

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up: far more than it does, for computers that do ten things at once.
/// It says how soon a test that fails ends, and nothing of how fast anything is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// When whoever begins to wait now gives up.
pub(crate) fn deadline() -> Instant {
    Instant::now() + PATIENCE
}
