//! Waiting for what tells nobody that it changed: files, processes, threads. Events are taken by `next_before`.

use std::thread;
use std::time::{Duration, Instant};

use crate::patience::{PATIENCE, deadline};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks again and again until there is something; nothing if there is none in time.
pub(crate) fn try_until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = deadline();
    loop {
        let found = look();
        if found.is_some() || Instant::now() > end {
            return found;
        }
        // Nobody tells when it is worth another look.
        thread::sleep(PAUSE);
    }
}

/// Looks again and again until there is `what`, which has to come.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    try_until(look).unwrap_or_else(|| panic!("{what} did not come in {PATIENCE:?}"))
}
