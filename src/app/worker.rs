//! Threads for slow work: making keys, files, services that may hang.
//!
//! Not here: the net's threads, which the net starts itself.

use super::Problem;

/// Starts a thread with a name for debuggers. It ends when `work` does.
///
/// # Errors
/// A [`Problem`] if the system provides no thread.
pub(super) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| Problem::cannot_start(&error))
}
