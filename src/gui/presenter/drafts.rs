//! What is written and not sent: one draft a room, whether it can be sent, and how much of it there may be.

use std::time::Duration;

use slint::platform::Clipboard;
use slint::private_unstable_api::re_exports::WindowInner;
use slint::{ComponentHandle, Timer};

use super::{Presenter, views};
use crate::app::{DRAFT_BYTES_MAX, MembershipId, Problem, sendable};
use crate::gui::generated as ui;
use crate::protocol::limits::TEXT_BYTES_MAX;

/// A draft that did not take in a text, on its way back into the composer.
pub(super) struct Refusal {
    membership: MembershipId,
    draft: String,
    /// Where the text would have come, in bytes.
    caret: usize,
    /// What stands in the composer meanwhile.
    between: &'static str,
}

impl Presenter {
    /// The person wrote.
    pub(in crate::gui) fn draft_changed(&mut self, text: &str) {
        let Some(membership) = self.open else { return };
        if text.len() > DRAFT_BYTES_MAX {
            return self.refuse_text(membership, text);
        }
        self.drafts_seen.insert(membership);
        self.keep_written(membership, text);
        self.judge_draft(text);
    }

    /// Whether what the clipboard holds may be pasted. A long text is refused before the composer takes it in, which
    /// would lay all of it out.
    pub(in crate::gui) fn may_paste(&self) -> bool {
        let window = WindowInner::from_pub(self.app.window());
        let Some(text) = window.context().platform().clipboard_text(Clipboard::DefaultClipboard) else { return true };
        let bytes = self.state().get_draft().len() + text.len();
        if bytes > DRAFT_BYTES_MAX {
            self.writing_failed(&Problem::no_room_to_write(bytes, DRAFT_BYTES_MAX));
        }
        bytes <= DRAFT_BYTES_MAX
    }

    /// Puts a text into the composer, with the caret at its end.
    pub(super) fn write(&self, text: &str) {
        self.state().set_draft(text.into());
        self.app.invoke_place_caret(views::count(text.len()));
        self.judge_draft(text);
    }

    /// What went wrong with what is being written stands above the composer until it is written on.
    pub(super) fn writing_failed(&self, problem: &Problem) {
        self.state().set_writing_trouble(views::trouble(problem));
    }

    /// What was typed before lies under the identity's lock, which is open now. It does not come over
    /// what was typed since.
    pub(super) fn drafts_came(&mut self) {
        for room in self.chat.rooms() {
            let kept = room.info.room.and_then(|id| self.settings.drafts.get(&id));
            let Some(text) = kept.filter(|_| !self.drafts_seen.contains(&room.membership)) else { continue };
            self.drafts_seen.insert(room.membership);
            let text = self.drafts.entry(room.membership).or_insert_with(|| text.clone()).clone();
            if self.open == Some(room.membership) && self.state().get_draft().is_empty() {
                self.write(&text);
            }
        }
    }

    /// Remembers the draft of the open room: on the way to another one, and at the end.
    pub(super) fn keep_draft(&self) {
        let Some(room) = self.open.and_then(|membership| self.chat.room(membership)) else { return };
        let Some(id) = room.info.room else { return };
        let draft = self.drafts.get(&room.membership).cloned().unwrap_or_default();
        if self.settings.drafts.get(&id).map(String::as_str).unwrap_or_default() != draft {
            self.session.change_settings(move |settings| settings.keep_draft(id, &draft));
        }
    }

    fn keep_written(&mut self, membership: MembershipId, text: &str) {
        if text.is_empty() {
            self.drafts.remove(&membership);
        } else {
            self.drafts.insert(membership, text.to_owned());
        }
    }

    /// Says whether the draft can be sent, and why not where that is not plain to see.
    fn judge_draft(&self, text: &str) {
        let sent = sendable(text);
        let state = self.state();
        state.set_sendable(sent.is_some_and(|text| text.len() <= TEXT_BYTES_MAX));
        match sent.filter(|text| text.len() > TEXT_BYTES_MAX) {
            Some(text) => self.writing_failed(&Problem::too_long(text.len(), TEXT_BYTES_MAX)),
            None => state.set_writing_trouble(ui::TroubleView::default()),
        }
    }

    /// A text came in some way that does not ask, as from the mouse's own clipboard, and is too long: what was there
    /// before comes back.
    fn refuse_text(&mut self, membership: MembershipId, text: &str) {
        let draft = self.drafts.get(&membership).cloned().unwrap_or_default();
        let same = draft.char_indices().zip(text.chars()).find(|((_, known), new)| known != new);
        let caret = same.map_or(draft.len(), |((at, _), _)| at);
        // The composer forgets what could be undone, and what it says by then, only where it sees another text:
        // something has to come in between, for the time of a frame.
        let between = if draft.is_empty() { " " } else { "" };
        self.state().set_draft(between.into());
        self.writing_failed(&Problem::no_room_to_write(text.len(), DRAFT_BYTES_MAX));
        self.refusal = Some(Refusal { membership, draft, caret, between });
        let app = self.app.as_weak();
        Timer::single_shot(Duration::ZERO, move || {
            Timer::single_shot(Duration::from_millis(1), move || {
                if let Some(app) = app.upgrade() {
                    app.global::<ui::Backend>().invoke_draft_refused();
                }
            });
        });
    }

    /// Puts the draft back that did not take a text in, with what was typed meanwhile.
    pub(in crate::gui) fn draft_refused(&mut self) {
        let Some(Refusal { membership, mut draft, mut caret, between }) = self.refusal.take() else { return };
        if self.open != Some(membership) {
            return;
        }
        let state = self.state();
        let told = state.get_writing_trouble();
        let typed = state.get_draft();
        let typed = typed.strip_prefix(between).unwrap_or(&typed);
        if draft.len() + typed.len() <= DRAFT_BYTES_MAX {
            draft.insert_str(caret, typed);
            caret += typed.len();
        }
        self.write(&draft);
        let state = self.state();
        state.set_writing_trouble(told);
        self.app.invoke_place_caret(views::count(caret));
        self.keep_written(membership, &draft);
    }
}
