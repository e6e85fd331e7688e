//! What waits for a store to take it: because its own queue is full, or because it is not open yet.

use std::collections::VecDeque;

use crate::crypto::Fingerprint;
use crate::protocol::{MessageId, RoomId};
use crate::store::Write;

/// How many writes wait here for a store whose own queue is full, and how many bytes of them: as much as there. A store
/// that takes nothing for so long has told why.
pub(super) const WAITING_MAX: usize = 4_096;
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Writes that a store has no room for, in order.
#[derive(Default)]
pub(super) struct Backlog {
    writes: VecDeque<Write>,
    /// What they take in memory, about.
    pub(super) bytes: usize,
}

impl Backlog {
    /// Adds one; `false` if there is no room. That something is to be erased is never left out.
    pub(super) fn add(&mut self, write: Write) -> bool {
        let bytes = self.bytes + write.bytes();
        let is_full = self.writes.len() >= WAITING_MAX || bytes > WAITING_BYTES_MAX;
        if is_full && !matches!(write, Write::Forget { .. }) {
            return false;
        }
        self.bytes = bytes;
        self.writes.push_back(write);
        true
    }

    pub(super) fn next(&mut self) -> Option<Write> {
        let write = self.writes.pop_front()?;
        self.bytes = self.bytes.saturating_sub(write.bytes());
        Some(write)
    }

    pub(super) fn put_back(&mut self, write: Write) {
        self.bytes += write.bytes();
        self.writes.push_front(write);
    }

    pub(super) fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether a message waits here.
    pub(super) fn has(&self, room: &RoomId, sender: &Fingerprint, id: MessageId) -> bool {
        self.writes.iter().any(|write| {
            matches!(write, Write::Message(message)
                if message.room == *room && message.sender == *sender && message.id == id)
        })
    }
}
