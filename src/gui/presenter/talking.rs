//! The conversation of the open room: messages out of the composer, and rows into the list.

use std::time::Duration;

use slint::{ComponentHandle, Timer, Weak};

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

/// With fewer rows above what is read, earlier ones are asked for: some screens of them.
const EARLIER_ROWS: usize = 200;

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
        let app = desk.app.as_weak();
        let stream = Stream::new(move |place| read_later(&app, place));
        let state = desk.global::<ui::Talking>();
        state.set_rows(stream.rows());
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
        if let Some((membership, id, _)) = waiting(desk, id) {
            desk.session.cancel(membership, id);
        }
    }

    /// Calls back a message that is still queued, or was never sent by an earlier run, and gives its words back to the
    /// composer, below what was typed there meanwhile.
    pub(in crate::gui) fn edit(&mut self, desk: &Desk, id: &str) {
        let Some((membership, id, text)) = waiting(desk, id) else { return };
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
        desk.global::<ui::Talking>().set_came_above(0);
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
        let is_message = row.is_heard();
        let is_told = is_message || matches!(row.kind, RowKind::Notice(_));
        let state = desk.global::<ui::Talking>();
        let at_end = state.get_at_end();
        let is_seen = desk.active && at_end;
        self.stream.push(room, row, is_message && !is_seen, at_end);
        if let RowKind::Message(message) = &row.kind
            && is_message
            && is_seen
        {
            desk.session.read_up_to(room.membership, message.from, message.id);
        }
        if is_message && !at_end {
            state.set_unseen(state.get_unseen() + 1);
        }
        if is_told {
            self.news = Some((views::message_row(room, row), self.news.take().map_or(1, |(_, count)| count + 1)));
        }
    }

    /// The reader is at a place of the list, or will be as soon as it is drawn.
    pub(in crate::gui) fn read_at(&self, desk: &mut Desk, place: i32) {
        if let (Some(room), Ok(place)) = (desk.room(), usize::try_from(place)) {
            self.stream.read_at(room, place);
            if room.has_earlier() && place < EARLIER_ROWS {
                desk.session.read_earlier(room.membership);
            }
        }
    }

    /// Rows from before this run came above the others of the open room. Those from `new_from` on are new.
    pub(super) fn rows_came_before(&mut self, desk: &Desk, count: usize, new_from: Option<RowId>) {
        if let Some(room) = desk.room() {
            let state = desk.global::<ui::Talking>();
            state.set_came_above(state.get_came_above() + views::count(self.stream.put_before(room, count, new_from)));
        }
        self.note_seen(desk);
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
    pub(super) fn row_dropped(&self, desk: &Desk) {
        if let Some(room) = desk.room() {
            let state = desk.global::<ui::Talking>();
            state.set_came_above(state.get_came_above() - views::count(self.stream.drop_gone(room)));
        }
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
            if let Some((room, newest)) = desk.room().and_then(|room| Some((room, room.last_heard()?))) {
                desk.session.read_up_to(room.membership, newest.from, newest.id);
            }
        }
    }
}

/// Lets rows come once what asks for them is done: the window asks while it draws.
fn read_later(app: &Weak<ui::AppWindow>, place: usize) {
    let (app, place) = (app.clone(), i32::try_from(place).unwrap_or(i32::MAX));
    Timer::single_shot(Duration::ZERO, move || {
        if let Some(app) = app.upgrade() {
            app.global::<ui::Talking>().invoke_read_at(place);
        }
    });
}

/// A message of the open room that has not left, and its text; `None` if it left meanwhile.
fn waiting(desk: &Desk, id: &str) -> Option<(MembershipId, MessageId, String)> {
    let room = desk.room()?;
    let message = room.own_message(&id.parse().ok()?).filter(|message| is_waiting(message))?;
    Some((room.membership, message.id, content::words(&message.content).to_owned()))
}

fn is_waiting(message: &Message) -> bool {
    let delivery = message.delivery.as_ref();
    delivery.is_some_and(|delivery| matches!(delivery.progress, Progress::Queued | Progress::Unsent))
}
