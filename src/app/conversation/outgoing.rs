//! Counts how far our own messages are known to have got, so that a person who quits can be told the truth about each.
//!
//! It holds no texts and no members. Who has a particular message is in its [`Delivery`](super::Delivery).

use std::collections::{HashSet, VecDeque};

use super::delivery::Step;
use crate::protocol::MessageId;

/// Messages on the host that may still be reported as delivered: as many as the protocol waits for.
const UNDELIVERED_MAX: usize = 1_000;

/// Our messages in one room, by how far each has got.
#[derive(Debug, Default)]
pub struct Outgoing {
    /// Not sealed: nobody else can have them.
    waiting: HashSet<MessageId>,
    /// Sealed and handed to the connection; the host has not confirmed it.
    under_way: HashSet<MessageId>,
    /// How many are on the host.
    on_host: u64,
    /// How many of those are on another member's computer.
    delivered: u64,
    /// The newest of those that are not.
    undelivered: VecDeque<MessageId>,
}

impl Outgoing {
    /// How many are not known to be on the host.
    #[must_use]
    pub fn unsent(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    /// Those that never left this computer, in no order.
    #[must_use]
    pub const fn waiting(&self) -> &HashSet<MessageId> {
        &self.waiting
    }

    /// Those that left and were not confirmed by the host, in no order: they may have arrived.
    #[must_use]
    pub const fn under_way(&self) -> &HashSet<MessageId> {
        &self.under_way
    }

    /// How many are on the host.
    #[must_use]
    pub const fn on_host(&self) -> u64 {
        self.on_host
    }

    /// How many of those at least one other member has.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// A message took a step.
    pub(super) fn step(&mut self, id: MessageId, step: &Step) {
        match step {
            Step::Taken => {
                self.waiting.insert(id);
            }
            // After a cut it is sealed again, and may have arrived before that. One that has been on the host is sent
            // again to those who missed it, and is not waited for.
            Step::Sealed => {
                if self.waiting.remove(&id) {
                    self.under_way.insert(id);
                }
            }
            Step::OnHost { .. } => self.is_on_host(id),
            Step::Delivered { .. } => self.is_delivered(&id),
            // What was sealed cannot be cancelled.
            Step::CalledBack => {
                self.waiting.remove(&id);
            }
            // It can never be sent, as was reported.
            Step::TooLong { .. } | Step::OutboxFull => drop(self.forget(&id)),
            Step::MissedBy { .. } => {}
        }
    }

    fn is_on_host(&mut self, id: MessageId) {
        if !self.forget(&id) {
            return;
        }
        self.on_host += 1;
        if self.undelivered.len() == UNDELIVERED_MAX {
            self.undelivered.pop_front();
        }
        self.undelivered.push_back(id);
    }

    /// The first member who has it counts; the others find it already removed.
    fn is_delivered(&mut self, id: &MessageId) {
        if let Some(place) = self.undelivered.iter().position(|waiting| waiting == id) {
            self.undelivered.remove(place);
            self.delivered += 1;
        }
    }

    /// Whether it was waited for.
    fn forget(&mut self, id: &MessageId) -> bool {
        self.waiting.remove(id) | self.under_way.remove(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Fingerprint;

    #[test]
    fn each_message_is_counted_once_as_far_as_it_is_known_to_have_come() {
        let id = |number: u8| MessageId([number; 16]);
        let ids = |numbers: &[u8]| numbers.iter().map(|number| id(*number)).collect::<HashSet<_>>();
        let on_host = Step::OnHost { without: Vec::new() };
        let delivered = Step::Delivered { to: Fingerprint::of(b"bo") };
        let mut outgoing = Outgoing::default();
        (1..=9).for_each(|number| outgoing.step(id(number), &Step::Taken));
        (1..=5).for_each(|number| outgoing.step(id(number), &Step::Sealed));
        // Sealed again after a cut.
        outgoing.step(id(5), &Step::Sealed);
        (1..=3).for_each(|number| outgoing.step(id(number), &on_host));
        // Two members have it.
        outgoing.step(id(1), &delivered);
        outgoing.step(id(1), &delivered);
        outgoing.step(id(7), &Step::TooLong { limit: 1 });
        outgoing.step(id(8), &Step::OutboxFull);
        // In time, and too late.
        outgoing.step(id(9), &Step::CalledBack);
        outgoing.step(id(5), &Step::CalledBack);
        assert_eq!((outgoing.on_host(), outgoing.delivered(), outgoing.unsent()), (3, 1, 3));
        assert_eq!((outgoing.under_way(), outgoing.waiting()), (&ids(&[4, 5]), &ids(&[6])));
        (4..=6).for_each(|number| outgoing.step(id(number), &on_host));
        assert_eq!(outgoing.unsent(), 0);
        // To somebody who missed it.
        outgoing.step(id(1), &Step::Sealed);
        outgoing.step(id(1), &on_host);
        assert_eq!((outgoing.on_host(), outgoing.unsent()), (6, 0));
        for number in 0..2 * UNDELIVERED_MAX {
            let id = MessageId([(number / 256) as u8, (number % 256) as u8].repeat(8).try_into().unwrap());
            outgoing.step(id, &Step::Taken);
            outgoing.step(id, &on_host);
        }
        assert_eq!(outgoing.undelivered.len(), UNDELIVERED_MAX);
    }
}
