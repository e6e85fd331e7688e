//! Threads for what takes long: keys that are made, files, services that may hang.
//!
//! Not here: the net's threads, which the net starts itself.

use super::Problem;

/// Starts a thread with a name, which a debugger shows. It ends by itself when `work` does.
///
/// # Errors
/// A [`Problem`] if the system gives no thread.
pub(super) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| Problem::cannot_start(&error))
}
