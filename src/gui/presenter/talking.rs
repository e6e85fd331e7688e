//! The conversation of the open room: messages out of the composer, and rows into the list.

use slint::ModelRc;

use super::desk::Desk;
use super::doubts::Doubts;
use super::drafts::Drafts;
use super::stream::Stream;
use super::views;
use crate::app::conversation::{Message, Progress, RowId, RowKind};
use crate::app::{DRAFT_BYTES_MAX, MembershipId, Problem, sendable};
use crate::gui::content;
use crate::gui::generated as ui;
use crate::protocol::MessageId;

/// What is being written and read.
pub(in crate::gui) struct Talking {
    pub(in crate::gui) drafts: Drafts,
    doubts: Doubts,
    stream: Stream,
    /// The newest row of the open room that screen readers were not told of, and how many rows those are.
    news: Option<(ui::MessageRow, i32)>,
}

impl Talking {
    pub(super) fn new(desk: &Desk) -> Self {
        let stream = Stream::new();
        let state = desk.global::<ui::Talking>();
        state.set_rows(ModelRc::from(stream.rows()));
        state.set_draft("".into());
        state.set_unseen(0);
        Self { drafts: Drafts::default(), doubts: Doubts::default(), stream, news: None }
    }

    /// Sends what was written. It stays in the composer if it cannot be sent.
    pub(in crate::gui) fn send(&mut self, desk: &mut Desk, text: &str) {
        let Some(membership) = desk.open else { return };
        // What shows nothing is no message, and no reason to say anything.
        let Some(text) = sendable(text) else { return };
        if self.doubts.ask(desk, membership) {
            return;
        }
        match desk.session.send(membership, text) {
            Ok(_) => {
                self.stream.remove_line();
                self.drafts.sent(desk, membership);
            }
            Err(problem) => self.drafts.refuse(desk, &problem),
        }
    }

    /// The person was asked, and sends what is in the composer.
    pub(in crate::gui) fn send_anyway(&mut self, desk: &mut Desk) {
        let Some(membership) = desk.open else { return };
        self.doubts.accept(desk, membership);
        let draft = desk.global::<ui::Talking>().get_draft();
        self.send(desk, &draft);
    }

    /// Calls back a message that is still queued.
    pub(in crate::gui) fn cancel(&self, desk: &Desk, id: &str) {
        if let Some((membership, id, _)) = queued(desk, id) {
            desk.session.cancel(membership, id);
        }
    }

    /// Calls back a message that is still queued, and gives its words back to the composer, below
    /// what was typed there meanwhile.
    pub(in crate::gui) fn edit(&mut self, desk: &Desk, id: &str) {
        let Some((membership, id, text)) = queued(desk, id) else { return };
        let draft = desk.global::<ui::Talking>().get_draft();
        let draft = if draft.is_empty() { text } else { format!("{draft}\n{text}") };
        if draft.len() > DRAFT_BYTES_MAX {
            return self.drafts.refuse(desk, &Problem::no_room_to_write(draft.len(), DRAFT_BYTES_MAX));
        }
        desk.session.cancel(membership, id);
        self.drafts.write(desk, &draft);
        self.drafts.changed(desk, &draft);
        desk.app.invoke_focus_composer_at_end();
    }

    /// The end of the list is in view.
    pub(in crate::gui) fn reached_end(&mut self, desk: &mut Desk) {
        desk.view_open();
        self.note_seen(desk);
    }

    /// Shows the conversation of the room that was just opened. The last `unread` messages of others are new.
    pub(super) fn open(&mut self, desk: &Desk, unread: usize) {
        self.show(desk, unread);
        self.drafts.open(desk);
        self.news = None;
        let state = desk.global::<ui::Talking>();
        state.set_news_count(0);
        state.set_unseen(0);
        state.set_at_end(true);
        self.note_seen(desk);
    }

    /// Shows all rows anew.
    pub(super) fn show(&mut self, desk: &Desk, unread: usize) {
        self.stream.show(desk.room(), unread, desk.today);
        self.rows_moved(desk);
    }

    /// A room is gone.
    pub(super) fn forget(&mut self, membership: MembershipId) {
        self.doubts.forget(membership);
        self.drafts.forget(membership);
    }

    /// The window got the keyboard, or lost it.
    pub(super) fn activated(&mut self, desk: &Desk) {
        if desk.active {
            self.note_seen(desk);
        } else {
            self.stream.leave();
        }
    }

    /// The newest row of the open room comes into the list.
    pub(super) fn row_added(&mut self, desk: &Desk, row: RowId) {
        // It may be gone again: many events come at once.
        let Some((room, row)) = desk.room().and_then(|room| Some((room, room.row(row)?))) else { return };
        let is_message = matches!(&row.kind, RowKind::Message(message) if !message.is_mine());
        let is_told = is_message || matches!(row.kind, RowKind::Notice(_));
        let state = desk.global::<ui::Talking>();
        let at_end = state.get_at_end();
        self.stream.push(room, row, is_message && !(desk.active && at_end), at_end, desk.today);
        if is_message && !at_end {
            state.set_unseen(state.get_unseen() + 1);
        }
        if is_told {
            self.news = Some((views::message_row(room, row), self.news.take().map_or(1, |(_, count)| count + 1)));
        }
        self.rows_moved(desk);
    }

    /// The reader comes near the beginning of the list.
    pub(in crate::gui) fn older(&mut self, desk: &mut Desk) {
        let came = desk.room().map_or(0, |room| self.stream.older(room));
        desk.global::<ui::Talking>().set_came_above(i32::try_from(came).unwrap_or(i32::MAX));
        self.rows_moved(desk);
    }

    /// The reader comes near the end of the list.
    pub(in crate::gui) fn newer(&mut self, desk: &mut Desk) {
        if let Some(room) = desk.room() {
            self.stream.newer(room);
        }
        self.rows_moved(desk);
    }

    /// The reader wants to the oldest row.
    pub(in crate::gui) fn show_start(&mut self, desk: &mut Desk) {
        if let Some(room) = desk.room() {
            self.stream.show_start(room);
        }
        self.rows_moved(desk);
    }

    /// The reader wants to the newest row.
    pub(in crate::gui) fn show_end(&mut self, desk: &mut Desk) {
        if let Some(room) = desk.room() {
            self.stream.show_end(room);
        }
        self.rows_moved(desk);
    }

    /// Other rows are in the list than before.
    fn rows_moved(&self, desk: &Desk) {
        desk.global::<ui::Talking>().set_has_newest(self.stream.has_newest());
    }

    /// Somebody in the open room is called otherwise.
    pub(super) fn names_changed(&self, desk: &Desk) {
        if let Some(room) = desk.room() {
            self.stream.refresh_all(room);
        }
    }

    /// It is another day.
    pub(super) fn day_changed(&mut self, desk: &Desk) {
        self.stream.day_changed(desk.today);
    }

    /// A row of the open room changed.
    pub(super) fn row_changed(&self, desk: &Desk, row: RowId) {
        if let Some(room) = desk.room() {
            self.stream.refresh(room, row);
        }
    }

    /// The oldest row of the open room is gone.
    pub(super) fn row_dropped(&mut self, row: RowId) {
        self.stream.remove(row);
    }

    /// Lets screen readers say what came in, all at once.
    pub(super) fn announce(&mut self, desk: &Desk) {
        let Some((row, count)) = self.news.take() else { return };
        let state = desk.global::<ui::Talking>();
        state.set_news(row);
        state.set_news_count(count);
        // The same words twice are two messages all the same.
        state.set_news_turn(!state.get_news_turn());
    }

    /// What is new was seen if its end is in view of somebody who looks.
    fn note_seen(&mut self, desk: &Desk) {
        if desk.active && desk.global::<ui::Talking>().get_at_end() {
            self.stream.seen();
        }
    }
}

/// A message of the open room that still waits, and its text; `None` if it left meanwhile.
fn queued(desk: &Desk, id: &str) -> Option<(MembershipId, MessageId, String)> {
    let room = desk.room()?;
    let message = room.own_message(&id.parse().ok()?).filter(|message| is_queued(message))?;
    Some((room.membership, message.id, content::words(&message.content).to_owned()))
}

fn is_queued(message: &Message) -> bool {
    message.delivery.as_ref().is_some_and(|delivery| delivery.progress == Progress::Queued)
}
