//! One room's messages that are not on its host yet: the only owner of unsent messages. Clients are handed copies, and
//! may stop and restart without losing a message or sending it twice.

use std::collections::BTreeSet;

use crate::crypto::Fingerprint;
use crate::protocol::limits::OUTBOX_MAX;
use crate::protocol::{Command, Content, MessageId};

/// A message that is not on the host.
#[derive(Clone)]
pub(super) struct Unsent {
    pub(super) id: MessageId,
    pub(super) content: Content,
    /// When it was said, in milliseconds since 1970.
    pub(super) said_ms: u64,
}

impl Unsent {
    /// What its client is told.
    pub(super) fn into_command(self) -> Command {
        let Self { id, content, said_ms } = self;
        Command::Send { id, content, said_ms }
    }
}

/// A message that was on the host, and is sent again.
pub(super) struct Again {
    pub(super) unsent: Unsent,
    /// The others who were members then.
    pub(super) readers: BTreeSet<Fingerprint>,
}

impl Again {
    /// What its client is told.
    pub(super) fn into_command(self) -> Command {
        let Unsent { id, content, said_ms } = self.unsent;
        Command::SendAgain { id, content, said_ms, readers: self.readers }
    }
}

/// Waiting messages in order.
#[derive(Default)]
pub(super) struct Outbox {
    waiting: Vec<Unsent>,
    /// Those of them that are not stored yet, which come last: they are handed out when they are.
    unstored: usize,
}

impl Outbox {
    /// Accepts something. `false` if too much is already waiting.
    pub(super) fn take(&mut self, unsent: Unsent) -> bool {
        if self.waiting.iter().any(|waiting| waiting.id == unsent.id) {
            return true;
        }
        let has_room = self.waiting.len() < OUTBOX_MAX;
        if has_room {
            self.waiting.push(unsent);
        }
        has_room
    }

    /// Removes a message that is on the host, was cancelled, or can never be sent.
    pub(super) fn remove(&mut self, id: &MessageId) {
        let Some(place) = self.waiting.iter().position(|waiting| waiting.id == *id) else { return };
        let is_unstored = place >= self.waiting.len() - self.unstored;
        self.unstored -= usize::from(is_unstored);
        self.waiting.remove(place);
    }

    /// Puts what an earlier run, or another membership in the same room, could not send before what was said here.
    /// Returns the newest messages, for which there is no more room: they are not sent, and whoever calls says so.
    #[must_use]
    pub(super) fn put_before(&mut self, earlier: Vec<Unsent>) -> Vec<MessageId> {
        let new: Vec<Unsent> =
            earlier.into_iter().filter(|earlier| self.waiting.iter().all(|waiting| waiting.id != earlier.id)).collect();
        self.waiting.splice(0..0, new);
        let kept = self.waiting.len().min(OUTBOX_MAX);
        self.unstored = self.unstored.saturating_sub(self.waiting.len() - kept);
        self.waiting.split_off(kept).into_iter().map(|unsent| unsent.id).collect()
    }

    /// What was accepted last is not handed out before it is stored.
    pub(super) fn hold(&mut self) {
        self.unstored = (self.unstored + 1).min(self.waiting.len());
    }

    /// A message that was held is stored, and so are those before it. Whether it still waits.
    pub(super) fn release(&mut self, id: &MessageId) -> bool {
        let Some(place) = self.waiting.iter().position(|waiting| waiting.id == *id) else { return false };
        self.unstored = self.unstored.min(self.waiting.len() - place - 1);
        true
    }

    /// Everything that may go out, for a client that has none of it.
    pub(super) fn waiting(&self) -> Vec<Unsent> {
        self.waiting.iter().take(self.waiting.len() - self.unstored).cloned().collect()
    }

    /// Everything, for another outbox.
    pub(super) fn into_waiting(self) -> Vec<Unsent> {
        self.waiting
    }

    /// The room is over: nobody will ever read it.
    pub(super) fn clear(&mut self) {
        (self.waiting, self.unstored) = (Vec::new(), 0);
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

    fn unsent(number: u16, text: &str) -> Unsent {
        Unsent { id: id(number), content: Content::text(text), said_ms: 1 }
    }

    fn texts(outbox: &Outbox) -> Vec<String> {
        outbox.waiting().iter().filter_map(|unsent| unsent.content.words().map(str::to_owned)).collect()
    }

    #[test]
    fn what_is_dropped_goes_and_the_rest_keeps_its_order() {
        let mut outbox = Outbox::default();
        for (number, text) in [(1, "one"), (2, "two"), (3, "three")] {
            assert!(outbox.take(unsent(number, text)));
            assert!(outbox.take(unsent(number, "again")), "it waits already");
        }
        outbox.remove(&id(2));
        assert_eq!(texts(&outbox), ["one", "three"]);
        assert_eq!(outbox.put_before(vec![unsent(9, "before"), unsent(3, "again")]), []);
        assert_eq!(texts(&outbox), ["before", "one", "three"]);
        outbox.clear();
        assert_eq!(texts(&outbox), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_stored_is_not_handed_out() {
        let mut outbox = Outbox::default();
        for (number, text) in [(1, "one"), (2, "two"), (3, "three"), (4, "four")] {
            outbox.take(unsent(number, text));
            if number > 1 {
                outbox.hold();
            }
        }
        assert_eq!(texts(&outbox), ["one"]);
        outbox.remove(&id(3));
        assert!(outbox.release(&id(2)) && !outbox.release(&id(3)));
        assert_eq!(texts(&outbox), ["one", "two"]);
        outbox.remove(&id(1));
        assert_eq!(outbox.put_before(vec![unsent(9, "before")]), []);
        assert_eq!(texts(&outbox), ["before", "two"]);
        assert!(outbox.release(&id(4)));
        assert_eq!(texts(&outbox), ["before", "two", "four"]);
    }

    #[test]
    fn so_much_waits_and_no_more() {
        let mut outbox = Outbox::default();
        let taken = (0..OUTBOX_MAX as u16 + 5).filter(|number| outbox.take(unsent(*number, "word"))).count();
        assert_eq!((taken, outbox.waiting().len()), (OUTBOX_MAX, OUTBOX_MAX));
        outbox.remove(&id(0));
        assert!(outbox.take(unsent(7_000, "there is room again")));
        let earlier = (8_000..8_003).map(|number| unsent(number, "earlier")).collect();
        let last = OUTBOX_MAX as u16 - 1;
        assert_eq!(outbox.put_before(earlier), [id(last - 1), id(last), id(7_000)], "the newest do not fit");
        assert_eq!(outbox.waiting().len(), OUTBOX_MAX);
        assert_eq!(texts(&outbox)[..4], ["earlier", "earlier", "earlier", "word"]);
    }
}
