//! What is said and what the stores of messages tell: what earlier runs kept, what is stored, and what is to be sent
//! again.

use std::time::Instant;

use super::engine::Engine;
use super::membership::Membership;
use super::outbox::{Again, Unsent};
use super::saved_messages::{Kept, Outcome};
use super::{MembershipEvent, MembershipId, SessionEvent};
use crate::app::clock;
use crate::crypto::KeyKind;
use crate::protocol::{Command, Content, Event, MessageId};
use crate::store::News;

impl Engine {
    /// The store of an identity is opened by a worker; `false` if it is open.
    pub(super) fn open_store(&self, kind: KeyKind) -> bool {
        let Some(identity) = self.identities.ready(kind) else { return false };
        let known = self.memberships.iter().filter(|(_, membership)| membership.info.suite.key_kind() == kind);
        // Those that were entered: nothing is known of others yet.
        let rooms = known.filter_map(|(id, membership)| Some((*id, membership.record.as_ref()?.room))).collect();
        let is_opening = self.disk.saved.borrow_mut().open(identity, rooms);
        // It may not have been possible when they were left.
        self.disk.memories.left().for_each(|room| self.disk.saved.borrow_mut().erase(kind, room));
        is_opening
    }

    /// What earlier runs kept is told, and what they could not send is sent. Without a store nothing is kept.
    pub(super) fn store_opened(&mut self, kind: KeyKind) {
        let opened = self.disk.saved.borrow_mut().opened(kind);
        match opened {
            Ok(kept) => kept.into_iter().for_each(|Kept { membership, page, unsent }| {
                if !page.messages.is_empty() {
                    self.emit_membership(membership, MembershipEvent::Earlier(page));
                }
                if let Some(known) = self.memberships.get_mut(&membership) {
                    for surplus in known.outbox.put_before(unsent) {
                        self.emit_membership(membership, MembershipEvent::Protocol(Event::OutboxFull { id: surplus }));
                    }
                }
            }),
            Err(problem) => self.warn(problem),
        }
        self.start_waiting(kind, &Ok(()));
    }

    pub(super) fn store_told(&mut self, kind: KeyKind, news: News) {
        let outcomes = self.disk.saved.borrow_mut().told(kind, news);
        self.follow(outcomes);
    }

    /// Does what waits for a time.
    pub(super) fn stores_due(&mut self) {
        let mut saved = self.disk.saved.borrow_mut();
        saved.ask_due();
        saved.write_due(Instant::now());
        let overdue = saved.overdue();
        drop(saved);
        self.follow(overdue);
    }

    fn follow(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Earlier(membership, page) => {
                    self.emit_membership(membership, MembershipEvent::Earlier(page));
                }
                Outcome::Stored(client, number) => self.clients.command(client, Command::Stored(number)),
                Outcome::Said(membership, unsent) => self.said(membership, unsent),
                Outcome::SendAgain(membership, messages) => self.send_again(membership, messages),
                Outcome::Problem(problem) => self.warn(problem),
            }
        }
    }

    /// Somebody lacks these, and can read now. They do not wait in the outbox: what does not go out is found in the store
    /// when somebody can read the next time.
    fn send_again(&mut self, id: MembershipId, messages: Vec<Again>) {
        if self.memberships.get(&id).is_some_and(Membership::is_ready) {
            messages.into_iter().for_each(|again| self.command(id, again.into_command()));
        }
    }

    /// Says something. It is shown and sent once it is stored, if it is: what a person saw themselves say is never lost.
    pub(super) fn send(&mut self, id: MembershipId, message: MessageId, content: Content) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        let unsent = Unsent { id: message, content: content.clone(), said_ms: clock::now_ms() };
        let sent_ms = unsent.said_ms;
        if !membership.outbox.take(unsent.clone()) {
            self.show_held(id);
            self.emit_membership(id, MembershipEvent::Sent { id: message, content, sent_ms });
            return self.emit_membership(id, MembershipEvent::Protocol(Event::OutboxFull { id: message }));
        }
        let sent =
            SessionEvent::Membership { membership: id, event: MembershipEvent::Sent { id: message, content, sent_ms } };
        let mut saved = self.disk.saved.borrow_mut();
        saved.record(&sent);
        let is_held = saved.holds(id, unsent.clone());
        drop(saved);
        if is_held {
            membership.outbox.hold();
        } else {
            self.said(id, unsent);
        }
    }

    /// What was said before is shown before what follows.
    pub(super) fn show_held(&mut self, id: MembershipId) {
        let held = self.disk.saved.borrow_mut().held_in(id);
        self.follow(held);
    }

    /// What was said is stored, or will not be: it is shown, and sent.
    pub(super) fn said(&mut self, id: MembershipId, unsent: Unsent) {
        let Unsent { id: message, content, said_ms: sent_ms } = unsent.clone();
        let event = MembershipEvent::Sent { id: message, content, sent_ms };
        self.emit(SessionEvent::Membership { membership: id, event });
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        if membership.outbox.release(&message) && membership.is_ready() {
            self.command(id, unsent.into_command());
        }
    }
}
