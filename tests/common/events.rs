//! Events that are waited for up to a deadline, which the program's own channel has no call for.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

/// Passes events on from the program's channel; `on_arrival` sees each before the test does.
pub(crate) fn events_of<T: Send + 'static>(
    source: async_channel::Receiver<T>,
    mut on_arrival: impl FnMut(&T) + Send + 'static,
) -> Receiver<T> {
    let (sender, events) = channel();
    thread::spawn(move || {
        // Ends with the program's end of the channel, or with the test's.
        while let Ok(event) = source.recv_blocking() {
            on_arrival(&event);
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}

/// The next event, if it comes in time.
pub(crate) fn next_before<T>(events: &Receiver<T>, end: Instant) -> Result<T, RecvTimeoutError> {
    events.recv_timeout(end.saturating_duration_since(Instant::now()))
}
