//! The events of a session or a net layer, whose own channel has no call that waits up to a deadline.

use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// Passes events on; `on_arrival` sees each before the test does.
pub(crate) fn events_of<T: Send + 'static>(
    source: impl Iterator<Item = T> + Send + 'static,
    mut on_arrival: impl FnMut(&T) + Send + 'static,
) -> Receiver<T> {
    let (sender, events) = channel();
    thread::spawn(move || {
        // Ends with the program's end of the channel, or with the test's.
        for event in source {
            on_arrival(&event);
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}
