//! What waits for a thread of the store, within its limits.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Full;

/// How much may wait. What a thread has taken and not finished counts too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Limits {
    /// How many items.
    pub(super) items: usize,
    /// How many bytes they may take together.
    pub(super) bytes: usize,
}

/// Items with numbers, in their order, from many threads to one.
#[derive(Debug)]
pub(super) struct Queue<T> {
    limits: Limits,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<Item<T>>,
    /// How many items are not finished, and their bytes.
    items: usize,
    bytes: usize,
    /// The number of the newest.
    last: u64,
    /// Whether no more will come, and how the thread is asked to end.
    is_ending: bool,
    has_ended: bool,
}

/// One item.
#[derive(Debug)]
pub(super) struct Item<T> {
    /// Its number: the first has 1.
    pub(super) number: u64,
    /// What it is.
    pub(super) what: T,
    bytes: usize,
}

/// What a thread that looked for work found.
#[derive(Debug)]
pub(super) enum Next<T> {
    /// An item.
    Item(Item<T>),
    /// Nothing came in time.
    Nothing,
    /// Everything is done, and nothing will come.
    End,
}

impl<T> Queue<T> {
    pub(super) fn new(limits: Limits) -> Self {
        let state = State { waiting: VecDeque::new(), items: 0, bytes: 0, last: 0, is_ending: false, has_ended: false };
        Self { limits, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Adds an item that takes so many bytes; gives its number. One that is larger than all may be together fits where
    /// nothing else waits.
    pub(super) fn push(&self, what: T, bytes: usize) -> Result<u64, Full<T>> {
        let mut state = self.state();
        let is_full = state.items >= self.limits.items || state.bytes.saturating_add(bytes) > self.limits.bytes;
        if state.is_ending || state.has_ended || (is_full && state.items > 0) {
            return Err(Full(Box::new(what)));
        }
        state.items += 1;
        state.bytes = state.bytes.saturating_add(bytes);
        state.last += 1;
        let number = state.last;
        state.waiting.push_back(Item { number, what, bytes });
        self.changed.notify_all();
        Ok(number)
    }

    /// Waits for the next item, up to `patience`, or for ever.
    pub(super) fn next(&self, patience: Option<Duration>) -> Next<T> {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut state = self.state();
        loop {
            if let Some(item) = state.waiting.pop_front() {
                return Next::Item(item);
            }
            if state.is_ending {
                return Next::End;
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Next::Nothing;
            }
            state = self.wait(state, left);
        }
    }

    /// The next item, if there is one.
    pub(super) fn next_now(&self) -> Option<Item<T>> {
        self.state().waiting.pop_front()
    }

    /// These items are finished and count no more.
    pub(super) fn finish<'a>(&self, items: impl IntoIterator<Item = &'a Item<T>>)
    where
        T: 'a,
    {
        let mut state = self.state();
        for item in items {
            state.items = state.items.saturating_sub(1);
            state.bytes = state.bytes.saturating_sub(item.bytes);
        }
    }

    /// Waits so long, or until the end is asked for.
    pub(super) fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut state = self.state();
        while !state.is_ending {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, Some(left));
        }
    }

    /// Takes no more items, and asks the thread to end when it has finished those there are.
    pub(super) fn end(&self) {
        self.state().is_ending = true;
        self.changed.notify_all();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.state().is_ending
    }

    /// The thread says that it has ended.
    pub(super) fn has_ended(&self) {
        self.state().has_ended = true;
        self.changed.notify_all();
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().has_ended
    }

    /// Waits until the thread has ended, no longer than `within`. Gives how many items were not finished.
    pub(super) fn wait_for_end(&self, within: Duration) -> usize {
        let until = Instant::now().checked_add(within);
        let mut state = self.state();
        while !state.has_ended {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                break;
            }
            state = self.wait(state, left);
        }
        state.items
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>, left: Option<Duration>) -> MutexGuard<'a, State<T>> {
        match left {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
        }
    }

    /// Nothing panics while it holds the lock, and what is inside is whole at every step.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Limits = Limits { items: 3, bytes: 100 };

    fn taken(queue: &Queue<u8>) -> Item<u8> {
        queue.next_now().unwrap()
    }

    #[test]
    fn items_come_in_order_and_count_until_they_are_finished() {
        let queue = Queue::new(SMALL);
        assert_eq!([7, 8, 9].map(|what| queue.push(what, 1).unwrap()), [1, 2, 3]);
        assert_eq!(queue.push(10, 1), Err(Full(Box::new(10))));
        let first = taken(&queue);
        assert_eq!((first.number, first.what), (1, 7));
        assert!(queue.push(10, 1).is_err(), "what was taken may come back");
        queue.finish([&first]);
        assert_eq!(queue.push(10, 1), Ok(4));
    }

    #[test]
    fn bytes_are_bounded_and_one_large_item_fits_alone() {
        let queue = Queue::new(SMALL);
        queue.push(1, 60).unwrap();
        assert!(queue.push(2, 41).is_err());
        queue.push(2, 40).unwrap();
        let both = [taken(&queue), taken(&queue)];
        queue.finish(&both);
        queue.push(3, 1_000).unwrap();
        assert!(queue.push(4, 0).is_err());
        queue.finish([&taken(&queue)]);
        queue.push(5, 100).unwrap();
    }

    #[test]
    fn at_the_end_what_waits_is_still_taken_and_nothing_new() {
        let queue = Queue::new(SMALL);
        queue.push(1, 1).unwrap();
        queue.end();
        assert!(queue.push(2, 1).is_err() && queue.is_ending());
        queue.pause(Duration::from_secs(3_600));
        assert!(matches!(queue.next(None), Next::Item(Item { number: 1, .. })));
        assert!(matches!(queue.next(None), Next::End));
        assert_eq!(queue.wait_for_end(Duration::ZERO), 1, "it was not finished");
    }

    #[test]
    fn whoever_waits_is_told() {
        let queue = std::sync::Arc::new(Queue::new(SMALL));
        assert!(matches!(queue.next(Some(Duration::ZERO)), Next::Nothing));
        let other = queue.clone();
        let thread = std::thread::spawn(move || {
            let Next::Item(item) = other.next(None) else { panic!("an item comes") };
            other.finish([&item]);
            assert!(matches!(other.next(None), Next::End));
            other.has_ended();
        });
        queue.push(1, 1).unwrap();
        queue.end();
        assert_eq!(queue.wait_for_end(crate::patience::PATIENCE), 0);
        crate::joined::joined(thread, "the thread that takes");
    }
}
