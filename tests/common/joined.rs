//! The end of a thread.

use std::thread::JoinHandle;

use crate::until::until;

/// Waits for the end of a thread, and fails where it failed.
pub(crate) fn joined<T>(thread: JoinHandle<T>, what: &str) -> T {
    until(what, || thread.is_finished().then_some(()));
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
