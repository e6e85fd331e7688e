//! What became of one's own messages, so that the end of a command tells the truth about each.

use std::collections::{HashSet, VecDeque};

use serde_json::{Value, json};

use crate::app::{Code, Problem, Sentence, say};
use crate::protocol::MessageId;

/// Messages on the host that may still be told as delivered: as many as the protocol waits for.
const UNDELIVERED_MAX: usize = 1_000;

/// Own messages, by how far each is known to have come.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Not sealed: nobody else can have them.
    waiting: HashSet<MessageId>,
    /// Sealed and given to the connection; the host said nothing yet.
    under_way: HashSet<MessageId>,
    /// How many are on the host.
    on_host: u64,
    /// How many of those are on another member's computer.
    delivered: u64,
    /// The newest of those that are not.
    undelivered: VecDeque<MessageId>,
}

impl Outgoing {
    /// A message was taken over.
    pub(super) fn taken(&mut self, id: MessageId) {
        self.waiting.insert(id);
    }

    /// It is on its way.
    pub(super) fn sealed(&mut self, id: MessageId) {
        self.waiting.remove(&id);
        self.under_way.insert(id);
    }

    /// The host has it.
    pub(super) fn on_host(&mut self, id: MessageId) {
        self.forget(&id);
        self.on_host += 1;
        if self.undelivered.len() == UNDELIVERED_MAX {
            self.undelivered.pop_front();
        }
        self.undelivered.push_back(id);
    }

    /// A member has it.
    pub(super) fn delivered(&mut self, id: MessageId) {
        if let Some(place) = self.undelivered.iter().position(|waiting| *waiting == id) {
            self.undelivered.remove(place);
            self.delivered += 1;
        }
    }

    /// It can never be sent, as was told.
    pub(super) fn forget(&mut self, id: &MessageId) {
        self.waiting.remove(id);
        self.under_way.remove(id);
    }

    /// How many are not known to be on the host.
    pub(super) fn unsent(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    /// What a script is told when some are left.
    pub(super) fn fields(&self) -> Value {
        let ids = |ids: &HashSet<MessageId>| {
            let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            ids.sort_unstable();
            ids
        };
        json!({
            "on_host": self.on_host, "delivered": self.delivered,
            "not_known": ids(&self.under_way), "not_sent": ids(&self.waiting),
        })
    }

    /// What a person is told when some are left: how many arrived, too.
    pub(super) fn tally(&self) -> String {
        format!("On the host: {}. Delivered to somebody: {}.", self.on_host, self.delivered)
    }

    /// What is wrong where some are left. `entered` is whether the room was there to send them to, and `apart` why
    /// it is not now.
    pub(super) fn problem(&self, entered: bool, apart: Option<Sentence>) -> Option<Problem> {
        let what = match (self.waiting.len(), self.under_way.len()) {
            (0, 0) => return None,
            (1, 0) => say!("One message was not sent."),
            (count, 0) => say!("{} messages were not sent.", count),
            (0, 1) => say!("One message left here, but the host did not confirm it."),
            (0, count) => say!("{} messages left here, but the host did not confirm them.", count),
            (waiting, under_way) => {
                say!("Not sent: {}. Sent, but not confirmed by the host: {}.", waiting, under_way)
            }
        };
        let hint = match apart {
            Some(apart) => apart,
            None if self.waiting.is_empty() => say!("Nobody can tell whether that arrived."),
            None if entered => say!("Nobody else was in the room to read it, or there was no time."),
            None => say!("The room could not be entered in time."),
        };
        Some(Problem::new(Code::Unsent, what, hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_told_once_as_far_as_it_is_known_to_have_come() {
        let id = |number: u8| MessageId([number; 16]);
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.problem(true, None), None);
        (1..=7).for_each(|number| outgoing.taken(id(number)));
        (1..=5).for_each(|number| outgoing.sealed(id(number)));
        // Sealed anew after a cut, and told twice.
        outgoing.sealed(id(5));
        (1..=3).for_each(|number| outgoing.on_host(id(number)));
        outgoing.delivered(id(1));
        outgoing.delivered(id(1));
        outgoing.forget(&id(7));
        assert_eq!(outgoing.unsent(), 3);
        let fields = outgoing.fields();
        assert_eq!((&fields["on_host"], &fields["delivered"]), (&json!(3), &json!(1)));
        assert_eq!(fields["not_known"], json!([id(4).to_string(), id(5).to_string()]));
        assert_eq!(fields["not_sent"], json!([id(6).to_string()]));
        let what = outgoing.problem(true, None).unwrap().what.to_string();
        assert_eq!(what, "Not sent: 1. Sent, but not confirmed by the host: 2.");
        (4..=6).for_each(|number| outgoing.on_host(id(number)));
        assert_eq!((outgoing.problem(true, None), outgoing.unsent()), (None, 0));
        (0..=255).cycle().take(2 * UNDELIVERED_MAX).for_each(|number| outgoing.on_host(id(number)));
        assert_eq!(outgoing.undelivered.len(), UNDELIVERED_MAX);
    }
}
