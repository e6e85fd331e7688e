//! What comes next from somewhere, if it comes in time.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

/// The next of what comes, or why there is none.
pub(crate) fn next_before<T>(source: &Receiver<T>, end: Instant) -> Result<T, RecvTimeoutError> {
    source.recv_timeout(end.saturating_duration_since(Instant::now()))
}
