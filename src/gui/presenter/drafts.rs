//! Drafts, one for each room: whether a draft can be sent, and how long it may be.
//!
//! Sending is in `talking`. The session keeps the drafts from one run to the next.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use slint::platform::Clipboard;
use slint::private_unstable_api::re_exports::WindowInner;
use slint::{ComponentHandle, Timer};

use super::desk::Desk;
use super::views;
use crate::app::{DRAFT_BYTES_MAX, MembershipId, Problem, sendable};
use crate::gui::generated as ui;
use crate::protocol::limits::TEXT_BYTES_MAX;

/// The drafts of all rooms. The open room's draft is in the composer too.
#[derive(Default)]
pub(in crate::gui) struct Drafts {
    /// What was typed and not sent.
    written: HashMap<MembershipId, String>,
    /// Rooms whose draft from an earlier run has arrived, or is no longer wanted.
    seen: HashSet<MembershipId>,
    /// The open room's draft, while the composer gets rid of a text that is too long.
    refusal: Option<Refusal>,
}

/// A draft that refused a text, on its way back into the composer.
struct Refusal {
    membership: MembershipId,
    draft: String,
    /// Where the text was to be inserted, in bytes.
    caret: usize,
    /// What the composer holds meanwhile.
    between: &'static str,
}

impl Drafts {
    /// The person wrote.
    pub(in crate::gui) fn changed(&mut self, desk: &Desk, text: &str) {
        let Some(membership) = desk.open else { return };
        if text.len() > DRAFT_BYTES_MAX {
            return self.refuse_text(desk, membership, text);
        }
        self.seen.insert(membership);
        self.keep_written(membership, text);
        judge(desk, text);
    }

    /// Whether the clipboard's text may be pasted. A long one is refused before it reaches the composer, which would
    /// lay it out in full.
    pub(in crate::gui) fn may_paste(&self, desk: &Desk) -> bool {
        let window = WindowInner::from_pub(desk.app.window());
        let Some(text) = window.context().platform().clipboard_text(Clipboard::DefaultClipboard) else { return true };
        let bytes = desk.global::<ui::Talking>().get_draft().len() + text.len();
        if bytes > DRAFT_BYTES_MAX {
            self.refuse(desk, &Problem::no_room_to_write(bytes, DRAFT_BYTES_MAX));
        }
        bytes <= DRAFT_BYTES_MAX
    }

    /// Puts back the draft that refused a text, together with what was typed meanwhile.
    pub(in crate::gui) fn put_back(&mut self, desk: &Desk) {
        let Some(Refusal { membership, mut draft, mut caret, between }) = self.refusal.take() else { return };
        if desk.open != Some(membership) {
            return;
        }
        let state = desk.global::<ui::Talking>();
        let told = state.get_writing_trouble();
        let typed = state.get_draft();
        let typed = typed.strip_prefix(between).unwrap_or(&typed);
        if draft.len() + typed.len() <= DRAFT_BYTES_MAX {
            draft.insert_str(caret, typed);
            caret += typed.len();
        }
        self.write(desk, &draft);
        // Writing clears the trouble, but the person has not read it yet.
        state.set_writing_trouble(told);
        desk.app.invoke_place_caret(views::count(caret));
        self.keep_written(membership, &draft);
    }

    /// Puts a text into the composer, with the caret at its end.
    pub(super) fn write(&self, desk: &Desk, text: &str) {
        desk.global::<ui::Talking>().set_draft(text.into());
        desk.app.invoke_place_caret(views::count(text.len()));
        judge(desk, text);
    }

    /// Shows a problem with the text above the composer until the person goes on writing.
    pub(super) fn refuse(&self, desk: &Desk, problem: &Problem) {
        desk.global::<ui::Talking>().set_writing_trouble(views::trouble(problem));
    }

    /// Puts the draft of the room that was just opened into the composer.
    pub(super) fn open(&mut self, desk: &Desk) {
        let draft = desk.open.and_then(|membership| self.written.get(&membership)).cloned().unwrap_or_default();
        self.refusal = None;
        self.write(desk, &draft);
    }

    /// The draft was sent.
    pub(super) fn sent(&mut self, desk: &Desk, membership: MembershipId) {
        self.written.remove(&membership);
        self.write(desk, "");
        self.keep(desk);
    }

    /// The identity is unlocked now, and with it the drafts of earlier runs. They do not replace what was typed since.
    pub(super) fn came(&mut self, desk: &Desk) {
        for room in desk.chat.rooms() {
            let kept = room.info.room.and_then(|id| desk.settings.drafts.get(&id));
            let Some(text) = kept.filter(|_| !self.seen.contains(&room.membership)) else { continue };
            self.seen.insert(room.membership);
            let text = self.written.entry(room.membership).or_insert_with(|| text.clone()).clone();
            if desk.open == Some(room.membership) && desk.global::<ui::Talking>().get_draft().is_empty() {
                self.write(desk, &text);
            }
        }
    }

    /// Saves the draft of the open room: before another one opens, and at the end.
    pub(super) fn keep(&self, desk: &Desk) {
        let Some(room) = desk.room() else { return };
        let Some(id) = room.info.room else { return };
        let draft = self.written.get(&room.membership).cloned().unwrap_or_default();
        if desk.settings.drafts.get(&id).map(String::as_str).unwrap_or_default() != draft {
            desk.session.change_settings(move |settings| settings.keep_draft(id, &draft));
        }
    }

    /// A room is gone.
    pub(super) fn forget(&mut self, membership: MembershipId) {
        self.written.remove(&membership);
    }

    fn keep_written(&mut self, membership: MembershipId, text: &str) {
        if text.is_empty() {
            self.written.remove(&membership);
        } else {
            self.written.insert(membership, text.to_owned());
        }
    }

    /// A text that is too long came in without asking, such as by the middle mouse button: restores the previous draft.
    fn refuse_text(&mut self, desk: &Desk, membership: MembershipId, text: &str) {
        let draft = self.written.get(&membership).cloned().unwrap_or_default();
        let same = draft.char_indices().zip(text.chars()).find(|((_, known), new)| known != new);
        let caret = same.map_or(draft.len(), |((at, _), _)| at);
        // The composer forgets its undo history and its own text only when it sees another text, so something has to
        // come in between for one frame.
        let between = if draft.is_empty() { " " } else { "" };
        desk.global::<ui::Talking>().set_draft(between.into());
        self.refuse(desk, &Problem::no_room_to_write(text.len(), DRAFT_BYTES_MAX));
        self.refusal = Some(Refusal { membership, draft, caret, between });
        let app = desk.app.as_weak();
        Timer::single_shot(Duration::ZERO, move || {
            Timer::single_shot(Duration::from_millis(1), move || {
                if let Some(app) = app.upgrade() {
                    app.global::<ui::Talking>().invoke_draft_refused();
                }
            });
        });
    }
}

/// Shows whether the draft can be sent, and why not where that is not obvious.
fn judge(desk: &Desk, text: &str) {
    let sent = sendable(text);
    let state = desk.global::<ui::Talking>();
    state.set_sendable(sent.is_some_and(|text| text.len() <= TEXT_BYTES_MAX));
    let trouble = match sent.filter(|text| text.len() > TEXT_BYTES_MAX) {
        Some(text) => views::trouble(&Problem::too_long(text.len(), TEXT_BYTES_MAX)),
        None => ui::TroubleView::default(),
    };
    state.set_writing_trouble(trouble);
}
