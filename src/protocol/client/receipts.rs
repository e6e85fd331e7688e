//! Delivery receipts: what this member confirms to others, and what they confirm of its messages.

use std::collections::{BTreeSet, VecDeque};

use crate::crypto::Fingerprint;
use crate::protocol::limits::RECEIPT_AFTER_MS;
use crate::protocol::{MessageId, Now};

/// Our messages that wait for confirmation; beyond that, the oldest is given up.
const SENT_MAX: usize = 1_000;

/// Messages that wait to be stored one by one; beyond that, the newest wait for each other. A store that goes on takes
/// fewer than this together.
const UNSTORED_MAX: usize = 1_000;

/// A message of ours that others may still confirm.
struct Sent {
    id: MessageId,
    position: u64,
    awaiting: BTreeSet<Fingerprint>,
}

#[derive(Default)]
pub(super) struct Receipts {
    /// Our messages, the oldest first.
    sent: VecDeque<Sent>,
    /// The newest position of a message, and the newest that we confirmed.
    received: u64,
    confirmed: u64,
    /// Messages that are confirmed once they are stored, by the number under which that is told: up to which position.
    unstored: VecDeque<(u64, u64)>,
    /// When the next receipt is due, in monotonic milliseconds.
    due_ms: Option<u64>,
}

impl Receipts {
    /// A message of ours is at `position` of the log, sealed for these members.
    pub(super) fn sent(&mut self, id: MessageId, position: u64, awaiting: BTreeSet<Fingerprint>) {
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { id, position, awaiting });
    }

    /// A member has everything up to `position`. Returns which of our messages that confirms.
    pub(super) fn confirmed_by(&mut self, member: Fingerprint, position: u64) -> Vec<MessageId> {
        let sent = self.sent.iter_mut().take_while(|sent| sent.position <= position);
        let confirmed = sent.filter_map(|sent| sent.awaiting.remove(&member).then_some(sent.id)).collect();
        while self.sent.front().is_some_and(|sent| sent.awaiting.is_empty()) {
            self.sent.pop_front();
        }
        confirmed
    }

    /// A member is no longer waited for. Returns which of our messages it did not confirm.
    pub(super) fn give_up(&mut self, member: Fingerprint) -> Vec<MessageId> {
        self.sent.iter_mut().filter_map(|sent| sent.awaiting.remove(&member).then_some(sent.id)).collect()
    }

    /// What was not confirmed in a log that is gone, and by whom.
    pub(super) fn into_unconfirmed(self) -> impl Iterator<Item = (MessageId, Fingerprint)> {
        self.sent.into_iter().flat_map(|sent| sent.awaiting.into_iter().map(move |by| (sent.id, by)))
    }

    /// A message arrived at `position`; it is confirmed soon if the room confirms.
    pub(super) fn received(&mut self, position: u64, confirms: bool, now: Now) {
        self.received = self.received.max(position);
        if confirms {
            self.due_ms.get_or_insert(now.monotonic_ms + RECEIPT_AFTER_MS);
        }
    }

    /// A message at `position` is confirmed once the session says that what it was told under `number` is stored.
    pub(super) fn waits_to_be_stored(&mut self, number: u64, position: u64) {
        if self.unstored.len() == UNSTORED_MAX {
            self.unstored.pop_back();
        }
        self.unstored.push_back((number, position));
    }

    /// What was told under this number and earlier ones is stored. Up to which position, if that is news.
    pub(super) fn stored(&mut self, number: u64) -> Option<u64> {
        let stored = self.unstored.iter().take_while(|(waits_for, _)| *waits_for <= number).count();
        self.unstored.drain(..stored).next_back().map(|(_, position)| position)
    }

    /// The position to confirm, if it is due.
    pub(super) fn take_due(&mut self, now: Now) -> Option<u64> {
        self.due_ms.take_if(|due| now.monotonic_ms >= *due)?;
        if self.received <= self.confirmed {
            return None;
        }
        self.confirmed = self.received;
        Some(self.received)
    }

    /// Makes a pending confirmation due now. Whether there is one.
    pub(super) fn hurry(&mut self, now: Now) -> bool {
        if let Some(due) = &mut self.due_ms {
            *due = now.monotonic_ms;
        }
        self.due_ms.is_some()
    }

    pub(super) const fn next_timeout(&self) -> Option<u64> {
        self.due_ms
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [(&'static str, usize, usize); 2] {
        [
            ("messages to be confirmed", self.sent.len(), SENT_MAX),
            ("messages to be stored", self.unstored.len(), UNSTORED_MAX),
        ]
    }
}
