//! What waits to be sent on one connection. The pieces are shared between receivers, never copied.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

/// An empty queue with more capacity than this is freed.
const CAPACITY_KEPT: usize = 16;

/// Frames in order, the first of them perhaps half sent.
#[derive(Default)]
pub(in crate::net) struct SendQueue {
    pieces: VecDeque<Arc<[u8]>>,
    /// Bytes of the first piece already sent. Less than its length.
    sent: usize,
    /// Bytes waiting in total.
    bytes: usize,
    /// Bytes and pieces at the front that do not count against the limits: how much a new member has to catch up with
    /// is the room's doing, not the member's.
    excused: (usize, usize),
}

impl SendQueue {
    /// Puts a frame at the end.
    pub(in crate::net) fn push(&mut self, piece: Arc<[u8]>) {
        if !piece.is_empty() {
            self.bytes += piece.len();
            self.pieces.push_back(piece);
        }
    }

    /// What waits now was sent by the host all at once to bring a new member up to date: it does not count against the
    /// member.
    pub(in crate::net) fn excuse(&mut self) {
        self.excused = (self.bytes, self.pieces.len());
    }

    /// Removes `count` sent bytes.
    pub(in crate::net) fn advance(&mut self, count: usize) {
        self.bytes = self.bytes.saturating_sub(count);
        self.excused.0 = self.excused.0.saturating_sub(count);
        self.sent += count;
        while let Some(first) = self.pieces.front().map(|piece| piece.len()).filter(|first| *first <= self.sent) {
            self.sent -= first;
            self.excused.1 = self.excused.1.saturating_sub(1);
            self.pieces.pop_front();
        }
        if self.pieces.is_empty() && self.pieces.capacity() > CAPACITY_KEPT {
            self.pieces = VecDeque::new();
        }
    }

    /// Drops all but the frame that is half sent: the peer is too slow and only a goodbye follows.
    pub(in crate::net) fn cut_short(&mut self) {
        self.pieces.truncate(usize::from(self.sent > 0));
        self.bytes = self.pieces.front().map_or(0, |first| first.len().saturating_sub(self.sent));
        self.excused = (0, 0);
    }

    /// Fills `slices` with the waiting bytes, as many as fit; returns how many.
    pub(in crate::net) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.sent;
        let mut filled = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece.get(skip..).unwrap_or_default());
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// Whether nothing waits.
    pub(in crate::net) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether more is waiting than a peer may leave unread.
    pub(in crate::net) fn is_over(&self, frames_max: usize, bytes_max: usize) -> bool {
        self.bytes - self.excused.0.min(self.bytes) > bytes_max
            || self.pieces.len() - self.excused.1.min(self.pieces.len()) > frames_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(pieces: &[&[u8]]) -> SendQueue {
        let mut queue = SendQueue::default();
        pieces.iter().for_each(|piece| queue.push(Arc::from(*piece)));
        queue
    }

    fn waiting(queue: &SendQueue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let filled = queue.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn short_writes_lose_and_repeat_nothing() {
        for step in 1..=9 {
            let mut queue = queue(&[b"abc", b"d", b"", b"efgh"]);
            let mut sent = Vec::new();
            while !queue.is_empty() {
                let next = waiting(&queue);
                let count = step.min(next.len());
                sent.extend_from_slice(&next[..count]);
                queue.advance(count);
            }
            assert_eq!(sent, b"abcdefgh", "steps of {step}");
            assert_eq!(queue.bytes, 0);
        }
    }

    #[test]
    fn limits_count_what_waits_but_not_what_a_newcomer_must_catch_up_with() {
        let mut queue = queue(&[b"12345", b"12345", b"12345"]);
        assert!(queue.is_over(2, 100) && queue.is_over(100, 14));
        assert!(!queue.is_over(3, 15));
        queue.excuse();
        assert!(!queue.is_over(0, 0));
        queue.advance(7);
        queue.push(Arc::from(&b"123"[..]));
        assert!(!queue.is_over(1, 3));
        assert!(queue.is_over(0, 3) && queue.is_over(1, 2));
    }

    #[test]
    fn a_queue_cut_short_still_ends_the_frame_it_began() {
        let mut queue = queue(&[b"begun", b"never", b"never"]);
        queue.advance(2);
        queue.cut_short();
        queue.push(Arc::from(&b"bye"[..]));
        assert_eq!(waiting(&queue), b"gunbye");
        queue.advance(6);
        assert!(queue.is_empty());
    }

    #[test]
    fn an_empty_queue_holds_no_memory() {
        let mut queue = queue(&[&b"x"[..]; 1000]);
        queue.advance(1000);
        assert_eq!(queue.pieces.capacity(), 0);
    }
}
