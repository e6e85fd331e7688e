//! Messages: out of the composer, into the list.

use super::{Presenter, views};
use crate::app::chat::{Message, Progress, Row, RowKind};
use crate::app::{Code, SeatId};

impl Presenter {
    /// Sends what was written. It stays in the composer if it cannot be sent.
    pub(in crate::gui) fn send(&mut self, text: &str) {
        let Some(seat) = self.open else { return };
        if !text.trim().is_empty() && self.asks_before_sending(seat) {
            return;
        }
        match self.session.send(seat, text) {
            Ok(_) => {
                self.drafts.remove(&seat);
                self.stream.seen();
                self.state().set_draft("".into());
                self.keep_draft();
            }
            // White space is no message, and no reason to say anything.
            Err(problem) if problem.code == Code::Usage => {}
            Err(problem) => self.toast(views::trouble(&problem)),
        }
    }

    pub(in crate::gui) fn draft_changed(&mut self, text: &str) {
        let Some(seat) = self.open else { return };
        self.drafts_seen.insert(seat);
        if text.is_empty() {
            self.drafts.remove(&seat);
        } else {
            self.drafts.insert(seat, text.to_owned());
        }
    }

    /// Calls back a message that is still queued.
    pub(in crate::gui) fn cancel_message(&self, id: &str) {
        self.call_back(id);
    }

    /// Calls back a message that is still queued, and gives its words back to the composer, below
    /// what was typed there meanwhile.
    pub(in crate::gui) fn edit_message(&mut self, id: &str) {
        let Some(text) = self.call_back(id) else { return };
        let state = self.state();
        let draft = state.get_draft();
        let draft = if draft.is_empty() { text } else { format!("{draft}\n{text}") };
        state.set_draft((&draft).into());
        self.draft_changed(&draft);
        self.app.invoke_focus_composer_at_end();
    }

    /// The words of the message that was called back; `None` if it left meanwhile.
    fn call_back(&self, id: &str) -> Option<String> {
        let room = self.chat.room(self.open?)?;
        let (id, text) = room.rows().iter().rev().find_map(|row| match &row.kind {
            RowKind::Message(message) if is_queued(message) && message.id.to_string() == id => {
                Some((message.id, message.text.clone()))
            }
            _ => None,
        })?;
        self.session.cancel(room.seat, id);
        Some(text)
    }

    /// The end of the list is in view.
    pub(in crate::gui) fn reached_end(&mut self) {
        self.view_open();
        self.refresh();
    }

    /// What was typed before lies under the identity's lock, which is open now. It does not come over
    /// what was typed since.
    pub(super) fn drafts_came(&mut self) {
        for room in self.chat.rooms() {
            let kept = room.info.room.and_then(|id| self.settings.drafts.get(&id));
            let Some(text) = kept.filter(|_| !self.drafts_seen.contains(&room.seat)) else { continue };
            self.drafts_seen.insert(room.seat);
            let text = self.drafts.entry(room.seat).or_insert_with(|| text.clone()).clone();
            if self.open == Some(room.seat) && self.state().get_draft().is_empty() {
                self.state().set_draft(text.into());
            }
        }
    }

    /// Remembers the draft of the open room: on the way to another one, and at the end.
    pub(super) fn keep_draft(&self) {
        let Some(room) = self.open.and_then(|seat| self.chat.room(seat)) else { return };
        let Some(id) = room.info.room else { return };
        let draft = self.drafts.get(&room.seat).cloned().unwrap_or_default();
        if self.settings.drafts.get(&id).map(String::as_str).unwrap_or_default() != draft {
            self.session.change_settings(move |settings| settings.keep_draft(id, &draft));
        }
    }

    /// The chat's newest row comes into the list of the open room.
    pub(super) fn row_added(&mut self, seat: SeatId, dropped: u64) {
        let Some(room) = self.chat.room(seat) else { return };
        let of_others = |row: &Row| matches!(&row.kind, RowKind::Message(message) if !message.is_mine());
        let is_message = room.rows().back().is_some_and(of_others);
        self.stream.push(room, is_message && !self.active, dropped, self.today);
        let state = self.state();
        if is_message && !state.get_at_end() {
            state.set_unseen(state.get_unseen() + 1);
        }
    }
}

fn is_queued(message: &Message) -> bool {
    message.delivery.as_ref().is_some_and(|delivery| delivery.progress == Progress::Queued)
}
