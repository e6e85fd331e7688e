//! How long a test waits for anything.

use std::time::Duration;

/// How long anything may take before a test gives up: far more than it does, for computers that do ten things at once.
/// It says how soon a test that fails ends, and nothing of how fast anything is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
