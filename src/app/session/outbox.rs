//! One room's messages that are not on its host yet: the only owner of unsent messages. Clients are handed copies, and
//! may stop and restart without losing a message or sending it twice.

use crate::protocol::limits::OUTBOX_MAX;
use crate::protocol::{Content, MessageId};

/// Waiting messages in order, each with its id.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Vec<(MessageId, Content)>,
}

impl Outbox {
    /// Accepts something. `false` if too much is already waiting.
    pub(super) fn take(&mut self, id: MessageId, content: Content) -> bool {
        let has_room = self.waiting.len() < OUTBOX_MAX;
        if has_room {
            self.waiting.push((id, content));
        }
        has_room
    }

    /// Removes a message that is on the host, was cancelled, or can never be sent.
    pub(super) fn remove(&mut self, id: &MessageId) {
        self.waiting.retain(|(waiting, _)| waiting != id);
    }

    /// Puts what another membership in the same room could not send before what was said here. Returns the newest
    /// messages, for which there is no more room: they are not sent, and whoever calls says so.
    #[must_use]
    pub(super) fn put_before(&mut self, other: Self) -> Vec<MessageId> {
        self.waiting.splice(0..0, other.waiting);
        let kept = self.waiting.len().min(OUTBOX_MAX);
        self.waiting.split_off(kept).into_iter().map(|(id, _)| id).collect()
    }

    /// Everything that waits, for a client that has none of it.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (MessageId, Content)> + '_ {
        self.waiting.iter().cloned()
    }

    /// The room is over: nobody will ever read it.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> MessageId {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        MessageId(id)
    }

    fn texts(outbox: &Outbox) -> Vec<String> {
        outbox.waiting().filter_map(|(_, content)| content.words().map(str::to_owned)).collect()
    }

    #[test]
    fn what_is_dropped_goes_and_the_rest_keeps_its_order() {
        let mut outbox = Outbox::default();
        for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
            assert!(outbox.take(id(number), Content::text(text)));
        }
        outbox.remove(&id(2));
        assert_eq!(texts(&outbox), ["one", "three"]);
        let mut other = Outbox::default();
        other.take(id(9), Content::text("before"));
        assert_eq!(outbox.put_before(other), []);
        assert_eq!(texts(&outbox), ["before", "one", "three"]);
        outbox.clear();
        assert_eq!(texts(&outbox), Vec::<String>::new());
    }

    #[test]
    fn so_much_waits_and_no_more() {
        let mut outbox = Outbox::default();
        let taken = (0..OUTBOX_MAX as u16 + 5).filter(|number| outbox.take(id(*number), Content::text("word"))).count();
        assert_eq!((taken, outbox.waiting().count()), (OUTBOX_MAX, OUTBOX_MAX));
        outbox.remove(&id(0));
        assert!(outbox.take(id(7_000), Content::text("there is room again")));
        let mut other = Outbox::default();
        (8_000..8_003).for_each(|number| assert!(other.take(id(number), Content::text("earlier"))));
        let last = OUTBOX_MAX as u16 - 1;
        assert_eq!(outbox.put_before(other), [id(last - 1), id(last), id(7_000)], "the newest do not fit");
        assert_eq!(outbox.waiting().count(), OUTBOX_MAX);
        assert_eq!(texts(&outbox)[..4], ["earlier", "earlier", "earlier", "word"]);
    }
}
