//! Messages: out of the composer, into the list.

use super::Presenter;
use crate::app::conversation::{Message, Progress, RowId, RowKind};
use crate::app::{DRAFT_BYTES_MAX, MembershipId, Problem, sendable};
use crate::gui::content;
use crate::protocol::MessageId;

impl Presenter {
    /// Sends what was written. It stays in the composer if it cannot be sent.
    pub(in crate::gui) fn send(&mut self, text: &str) {
        let Some(membership) = self.open else { return };
        // What shows nothing is no message, and no reason to say anything.
        let Some(text) = sendable(text) else { return };
        if self.asks_before_sending(membership) {
            return;
        }
        match self.session.send(membership, text) {
            Ok(_) => {
                self.drafts.remove(&membership);
                if let Some(room) = self.chat.room(membership) {
                    self.stream.remove_line(room);
                }
                self.write("");
                self.keep_draft();
            }
            Err(problem) => self.writing_failed(&problem),
        }
    }

    /// Calls back a message that is still queued.
    pub(in crate::gui) fn cancel_message(&self, id: &str) {
        if let Some((membership, id, _)) = self.queued(id) {
            self.session.cancel(membership, id);
        }
    }

    /// Calls back a message that is still queued, and gives its words back to the composer, below
    /// what was typed there meanwhile.
    pub(in crate::gui) fn edit_message(&mut self, id: &str) {
        let Some((membership, id, text)) = self.queued(id) else { return };
        let draft = self.state().get_draft();
        let draft = if draft.is_empty() { text } else { format!("{draft}\n{text}") };
        if draft.len() > DRAFT_BYTES_MAX {
            return self.writing_failed(&Problem::no_room_to_write(draft.len(), DRAFT_BYTES_MAX));
        }
        self.session.cancel(membership, id);
        self.write(&draft);
        self.draft_changed(&draft);
        self.app.invoke_focus_composer_at_end();
    }

    /// A message of the open room that still waits, and its text; `None` if it left meanwhile.
    fn queued(&self, id: &str) -> Option<(MembershipId, MessageId, String)> {
        let room = self.chat.room(self.open?)?;
        room.rows().iter().rev().find_map(|row| match &row.kind {
            RowKind::Message(message) if is_queued(message) && message.id.to_string() == id => {
                Some((room.membership, message.id, content::words(&message.content).to_owned()))
            }
            _ => None,
        })
    }

    /// The end of the list is in view.
    pub(in crate::gui) fn reached_end(&mut self) {
        self.view_open();
        self.note_seen();
        self.refresh();
    }

    /// What is new was seen if its end is in view of somebody who looks.
    pub(super) fn note_seen(&mut self) {
        if self.active && self.state().get_at_end() {
            self.stream.seen();
        }
    }

    /// The chat's newest row comes into the list of the open room.
    pub(super) fn row_added(&mut self, membership: MembershipId, row: RowId) {
        let Some(room) = self.chat.room(membership) else { return };
        // It may be gone again: many events come at once.
        let Some(row) = room.row(row) else { return };
        let is_message = matches!(&row.kind, RowKind::Message(message) if !message.is_mine());
        let is_told = is_message || matches!(row.kind, RowKind::Notice(_));
        let at_end = self.state().get_at_end();
        self.stream.push(room, row, is_message && !(self.active && at_end), self.today);
        if is_message && !at_end {
            let state = self.state();
            state.set_unseen(state.get_unseen() + 1);
        }
        if is_told && let Some(row) = self.stream.newest() {
            self.news = Some((row, self.news.take().map_or(1, |(_, count)| count + 1)));
        }
    }

    /// Lets screen readers say what came in, all at once.
    pub(super) fn announce(&mut self) {
        let Some((row, count)) = self.news.take() else { return };
        let state = self.state();
        state.set_news(row);
        state.set_news_count(count);
        // The same words twice are two messages all the same.
        state.set_news_turn(!state.get_news_turn());
    }
}

fn is_queued(message: &Message) -> bool {
    message.delivery.as_ref().is_some_and(|delivery| delivery.progress == Progress::Queued)
}
