//! Deadlines. An entry is a reminder to check, not a promise: whoever set it may have changed its mind, so nothing is
//! ever removed early.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::ClientId;
use crate::protocol::LinkId;

/// What a deadline is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// A connection's own deadline.
    Link(LinkId),
    /// A client's name lookup.
    Lookup(ClientId),
    /// A client's next try at a host that cut it off.
    Redial(ClientId),
}

/// All deadlines, in milliseconds of the monotonic clock.
#[derive(Default)]
pub(super) struct Timers(BinaryHeap<Reverse<(u64, Timer)>>);

impl Timers {
    /// Reminds of `timer` at `at_ms`.
    pub(super) fn set(&mut self, at_ms: u64, timer: Timer) {
        self.0.push(Reverse((at_ms, timer)));
    }

    /// The next expired one.
    pub(super) fn due(&mut self, now_ms: u64) -> Option<Timer> {
        let Reverse((at_ms, _)) = self.0.peek()?;
        if *at_ms > now_ms {
            return None;
        }
        self.0.pop().map(|Reverse((_, timer))| timer)
    }

    /// When the next one expires.
    pub(super) fn next(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((at_ms, _))| *at_ms)
    }
}
