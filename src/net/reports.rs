//! Events on their way from the net to whoever uses it.
//!
//! They go straight to where they are handled. This module counts how many wait there: while there are too many, our
//! own clients take no more frames, and in the end their hosts wait. So memory stays bounded.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::Event;
use super::limits::EVENTS_WAITING_MAX;

/// Takes the net's events, and knows how many of them wait.
pub struct Reports {
    tell: Box<dyn Fn(Event) + Send + Sync>,
    waiting: Mutex<Waiting>,
    fewer: Condvar,
}

#[derive(Default)]
struct Waiting {
    count: usize,
    /// Whether events are no longer taken, or no longer waited for.
    is_over: bool,
}

impl Reports {
    /// Hands each event to `tell`, on the net's threads; it must not block. Call [`Self::taken`] once for each event
    /// that has been handled.
    pub fn new(tell: impl Fn(Event) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { tell: Box::new(tell), waiting: Mutex::default(), fewer: Condvar::new() })
    }

    /// One event was handled.
    pub fn taken(&self) {
        let mut waiting = self.waiting();
        waiting.count = waiting.count.saturating_sub(1);
        if waiting.count <= EVENTS_WAITING_MAX {
            self.fewer.notify_all();
        }
    }

    /// Stop waiting for events to be taken: nobody takes them any more, or the net ends.
    pub fn end(&self) {
        self.waiting().is_over = true;
        self.fewer.notify_all();
    }

    /// Reports an event. Never blocks.
    pub(super) fn tell(&self, event: Event) {
        self.waiting().count += 1;
        (self.tell)(event);
    }

    /// Blocks while too many events wait.
    pub(super) fn wait_until_few(&self) {
        let is_full = |waiting: &mut Waiting| waiting.count > EVENTS_WAITING_MAX && !waiting.is_over;
        drop(self.fewer.wait_while(self.waiting(), is_full).unwrap_or_else(PoisonError::into_inner));
    }

    /// A counter stays valid after any panic.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The net's events, for a user who takes them one by one.
pub struct EventReceiver {
    events: Receiver<Event>,
    /// Whether the last event was taken.
    is_over: bool,
    reports: Arc<Reports>,
}

impl EventReceiver {
    /// Reports that come out at the receiver.
    pub(super) fn pair() -> (Arc<Reports>, Self) {
        let (sender, events) = channel();
        // Nobody may be listening any more.
        let reports = Reports::new(move |event| drop(sender.send(event)));
        (Arc::clone(&reports), Self { events, is_over: false, reports })
    }
}

impl Iterator for EventReceiver {
    type Item = Event;

    /// Waits for the next event; `None` after [`Event::Stopped`].
    fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        let event = self.events.recv().ok()?;
        self.reports.taken();
        self.is_over = matches!(event, Event::Stopped);
        Some(event)
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        self.reports.end();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::joined::joined;

    #[test]
    fn whoever_tells_waits_while_too_many_events_do() {
        let (reports, mut events) = EventReceiver::pair();
        (0..=EVENTS_WAITING_MAX).for_each(|_| reports.tell(Event::Stopped));
        let waiter = {
            let reports = Arc::clone(&reports);
            thread::spawn(move || reports.wait_until_few())
        };
        // Long enough to end if it did not wait; a slow machine makes this pass, never fail.
        thread::sleep(Duration::from_millis(50));
        assert!(!waiter.is_finished());
        assert!(events.next().is_some());
        joined(waiter, "the end of the wait");
    }

    #[test]
    fn nobody_waits_for_a_user_who_is_gone() {
        let (reports, events) = EventReceiver::pair();
        (0..=2 * EVENTS_WAITING_MAX).for_each(|_| reports.tell(Event::Stopped));
        drop(events);
        joined(thread::spawn(move || reports.wait_until_few()), "the end of the wait");
    }
}
