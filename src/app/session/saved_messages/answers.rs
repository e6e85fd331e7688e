//! What the stores are asked, and what follows from their answers and their commits: pages for the person, messages to
//! send again, and what a client may confirm.

use std::collections::BTreeMap;
use std::time::Instant;

use super::owed::AT_A_TIME;
use super::{SavedMessages, sent_since_ms};
use crate::app::Problem;
use crate::app::conversation::Step;
use crate::app::session::outbox::{Again, Unsent};
use crate::app::session::{EarlierMessages, MembershipId};
use crate::crypto::{Fingerprint, KeyKind};
use crate::net::ClientId;
use crate::protocol::MessageId;
use crate::store::{Answer, News, Placed, Question, ROWS_MAX};

/// Something that was asked.
pub(super) enum Asked {
    /// Earlier messages.
    Earlier(MembershipId),
    /// What earlier runs left unread.
    Unread(MembershipId),
    /// What is owed to somebody.
    Owed(MembershipId, Fingerprint),
}

/// What follows from what a store told.
pub(in crate::app::session) enum Outcome {
    /// A page that was asked for.
    Earlier(MembershipId, EarlierMessages),
    /// What a client reported up to this number is stored.
    Stored(ClientId, u64),
    /// What a person said is stored, or is not going to be for now.
    Said(MembershipId, Unsent),
    /// Messages that somebody lacks, and can read now.
    SendAgain(MembershipId, Vec<Again>),
    /// What is said is not stored for now.
    Problem(Problem),
}

impl SavedMessages {
    pub(super) fn ask(&mut self, kind: KeyKind, question: Question, about: Asked) -> bool {
        let request = self.next_question;
        self.next_question += 1;
        let is_asked = self.stores.get(&kind).is_some_and(|open| open.store.ask(request, question).is_ok());
        if is_asked {
            self.asked.insert(request, about);
        }
        is_asked
    }

    /// A member can read what is sent from now on: what they lack is sent again, if the store says that they do.
    pub(in crate::app::session) fn can_read(&mut self, membership: MembershipId, member: Fingerprint) {
        let Some((kind, _)) = self.entered(membership) else { return };
        let newest = self.newest(kind);
        if let Some(room) = self.rooms.get_mut(&membership) {
            room.owed.can_read(member, newest, Instant::now());
        }
    }

    /// A member cannot read any more, for now.
    pub(in crate::app::session) fn is_away(&mut self, membership: MembershipId, member: &Fingerprint) {
        if let Some(room) = self.rooms.get_mut(&membership) {
            room.owed.is_away(member);
        }
    }

    /// Somebody new came, who may not read what is on its way to others, or somebody went who might not have.
    pub(in crate::app::session) fn roster_changed(&mut self, membership: MembershipId) {
        let Some((kind, _)) = self.entered(membership) else { return };
        let newest = self.newest(kind);
        if let Some(room) = self.rooms.get_mut(&membership) {
            room.owed.roster_changed(newest, Instant::now());
        }
    }

    /// An own message took a step, which was handed in.
    pub(super) fn delivers(&mut self, membership: MembershipId, message: MessageId, step: &Step) {
        let Some((kind, _)) = self.entered(membership) else { return };
        let (newest, now) = (self.newest(kind), Instant::now());
        let Some(room) = self.rooms.get_mut(&membership) else { return };
        match step {
            Step::OnHost { without } => room.owed.was_not_for(without, newest, now),
            Step::Delivered { to } => room.owed.has(to, &message, newest, now),
            _ => {}
        }
    }

    /// When somebody may be owed something next, something was held for long enough, or what was read is to be stored.
    pub(in crate::app::session) fn next_due(&self) -> Option<Instant> {
        let owed = self.rooms.values().filter_map(|room| {
            let (kind, _) = room.entered?;
            room.owed.next_due(self.stores.get(&kind)?.committed)
        });
        owed.chain(self.held.iter().map(|held| held.until)).chain(self.read_due).min()
    }

    /// Asks the stores what is owed to those who can read by now.
    pub(in crate::app::session) fn ask_due(&mut self) {
        let (now, since_ms) = (Instant::now(), sent_since_ms());
        let mut due = Vec::new();
        for (membership, room) in &mut self.rooms {
            let Some((kind, id)) = room.entered else { continue };
            let committed = self.stores.get(&kind).map_or(0, |open| open.committed);
            let members = room.owed.take_due(committed, now);
            due.extend(members.into_iter().map(|member| (*membership, kind, id, member)));
        }
        for (membership, kind, room, member) in due {
            let question = Question::Owed { room, member, from: 0, since_ms };
            if !self.ask(kind, question, Asked::Owed(membership, member))
                && let Some(room) = self.rooms.get_mut(&membership)
            {
                room.owed.was_not_answered(&member);
            }
        }
    }

    /// A store told something.
    pub(in crate::app::session) fn told(&mut self, kind: KeyKind, news: News) -> Vec<Outcome> {
        match news {
            News::Answer { request, answer } => self.answered(request, answer).into_iter().collect(),
            News::Failed(error) => {
                if let Some(open) = self.stores.get_mut(&kind) {
                    open.is_failing = true;
                }
                // Talking goes on.
                let mut outcomes = self.release(|held| held.kind == kind);
                outcomes.push(Outcome::Problem(Problem::messages_not_saved(&error)));
                outcomes
            }
            News::Committed(last) => self.is_committed(kind, last),
            News::Placed(placed) => {
                let erasing = &mut self.erasing;
                let left_out = placed.into_iter().filter(|(number, placed)| {
                    !erasing.remove(&(kind, *number)) && matches!(placed, Placed::NoRoom | Placed::Refused)
                });
                if left_out.count() > 0 {
                    self.left_out(kind);
                }
                Vec::new()
            }
            News::Recovered => {
                if let Some(open) = self.stores.get_mut(&kind) {
                    open.is_failing = false;
                }
                Vec::new()
            }
            News::Erased { .. } => Vec::new(),
        }
    }

    fn is_committed(&mut self, kind: KeyKind, last: u64) -> Vec<Outcome> {
        if let Some(open) = self.stores.get_mut(&kind) {
            open.committed = last;
        }
        // What became of each was told right before.
        self.erasing.retain(|(of, number)| *of != kind || *number > last);
        self.go_on();
        let mut stored = BTreeMap::new();
        self.unconfirmed.retain(|waits| {
            let is_stored = waits.kind == kind && waits.after <= last;
            if is_stored {
                stored.insert(waits.client, waits.number);
            }
            !is_stored
        });
        let mut outcomes = self.release(|held| held.kind == kind && held.after.is_some_and(|after| after <= last));
        outcomes.extend(stored.into_iter().map(|(client, number)| Outcome::Stored(client, number)));
        outcomes
    }

    fn answered(&mut self, request: u64, answer: Answer) -> Option<Outcome> {
        match self.asked.remove(&request)? {
            Asked::Earlier(membership) => self.earlier(membership, answer),
            Asked::Unread(membership) => {
                if let (Some(room), Answer::Unread { from, count }) = (self.rooms.get_mut(&membership), answer) {
                    room.read.begin(from, count);
                }
                None
            }
            Asked::Owed(membership, member) => self.owed(membership, member, answer),
        }
    }

    fn earlier(&mut self, membership: MembershipId, answer: Answer) -> Option<Outcome> {
        let room = self.rooms.get_mut(&membership)?;
        let Answer::Rows(rows) = answer else {
            log::warn!("earlier messages could not be read{}", why(&answer));
            room.asking = false;
            return None;
        };
        let page = room.page(&rows);
        if page.messages.is_empty() && page.earlier > 0 {
            // All of them were deleted, or are of a newer version.
            room.read.tell_again(page.unread);
            self.read_earlier(membership);
            return None;
        }
        Some(Outcome::Earlier(membership, page))
    }

    fn owed(&mut self, membership: MembershipId, member: Fingerprint, answer: Answer) -> Option<Outcome> {
        let readers = self.readers(membership);
        let room = self.rooms.get_mut(&membership)?;
        let Answer::Rows(rows) = answer else {
            log::warn!("what is owed to a member could not be read{}", why(&answer));
            room.owed.was_not_answered(&member);
            return None;
        };
        // In a large room nobody confirms: what somebody has there is not known.
        let rows = if readers.is_empty() { Vec::new() } else { rows };
        let next = rows.get(usize::from(ROWS_MAX) - 1).map(|last| last.place + 1);
        let again = room.send_again(rows, member, &readers, AT_A_TIME);
        // None of these may be sent to all who are here, and there are more.
        if again.is_empty()
            && let (Some(from), Some((kind, room))) = (next, room.entered)
        {
            let question = Question::Owed { room, member, from, since_ms: sent_since_ms() };
            if self.ask(kind, question, Asked::Owed(membership, member)) {
                return None;
            }
        }
        let room = self.rooms.get_mut(&membership)?;
        let ids = again.iter().map(|again| again.unsent.id).collect();
        room.owed.begins(member, &ids, Instant::now()).then_some(Outcome::SendAgain(membership, again))
    }
}

/// Why there is no answer, for the log: nothing of what is stored.
pub(super) fn why(answer: &Answer) -> String {
    match answer {
        Answer::Failed(error) => format!(": {error}"),
        _ => String::new(),
    }
}
