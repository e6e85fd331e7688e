//! Who has what: what this member confirms to others, and what they confirm of its own messages.

use std::collections::{BTreeSet, VecDeque};

use crate::crypto::Fingerprint;
use crate::protocol::limits::RECEIPT_AFTER_MS;
use crate::protocol::{MessageId, Now};

/// Own messages that wait for confirmation; the oldest is given up.
const SENT_MAX: usize = 1_000;

/// An own message that others may still confirm.
struct Sent {
    id: MessageId,
    position: u64,
    awaiting: BTreeSet<Fingerprint>,
}

#[derive(Default)]
pub(super) struct Receipts {
    /// Own messages, the oldest first.
    sent: VecDeque<Sent>,
    /// The newest position with words in it, and the newest that was confirmed.
    received: u64,
    confirmed: u64,
    /// When the next receipt is due, in monotonic milliseconds.
    due_ms: Option<u64>,
}

impl Receipts {
    /// An own message stands at `position` of the log, sealed for these members.
    pub(super) fn sent(&mut self, id: MessageId, position: u64, awaiting: BTreeSet<Fingerprint>) {
        if self.sent.len() == SENT_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { id, position, awaiting });
    }

    /// A member has everything up to `position`. Which of one's own messages that confirms.
    pub(super) fn confirmed_by(&mut self, member: Fingerprint, position: u64) -> Vec<MessageId> {
        let sent = self.sent.iter_mut().take_while(|sent| sent.position <= position);
        let confirmed = sent.filter_map(|sent| sent.awaiting.remove(&member).then_some(sent.id)).collect();
        while self.sent.front().is_some_and(|sent| sent.awaiting.is_empty()) {
            self.sent.pop_front();
        }
        confirmed
    }

    /// A member is waited for no more. Which of one's own messages it did not confirm.
    pub(super) fn give_up(&mut self, member: Fingerprint) -> Vec<MessageId> {
        self.sent.iter_mut().filter_map(|sent| sent.awaiting.remove(&member).then_some(sent.id)).collect()
    }

    /// What nobody confirmed in a log that is gone, and who did not.
    pub(super) fn into_unconfirmed(self) -> impl Iterator<Item = (MessageId, Fingerprint)> {
        self.sent.into_iter().flat_map(|sent| sent.awaiting.into_iter().map(move |by| (sent.id, by)))
    }

    /// Words came at `position`; they are confirmed soon where people confirm.
    pub(super) fn received(&mut self, position: u64, confirms: bool, now: Now) {
        self.received = self.received.max(position);
        if confirms {
            self.due_ms.get_or_insert(now.monotonic_ms + RECEIPT_AFTER_MS);
        }
    }

    /// The position to confirm, if it is time.
    pub(super) fn take_due(&mut self, now: Now) -> Option<u64> {
        self.due_ms.take_if(|due| now.monotonic_ms >= *due)?;
        if self.received <= self.confirmed {
            return None;
        }
        self.confirmed = self.received;
        Some(self.received)
    }

    /// Has what waits to be confirmed confirmed now. Whether something does.
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
    pub(super) fn held(&self) -> (&'static str, usize, usize) {
        ("messages to be confirmed", self.sent.len(), SENT_MAX)
    }
}
