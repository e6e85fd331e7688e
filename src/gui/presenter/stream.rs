//! The rows of the open room as the list shows them: in groups, with the day above the first of each, and a line above
//! what is new. Of a long conversation those around the reader are here, and others when the reader comes near them.
//!
//! It knows no window: where a row stands and what it looks like beside its neighbours is all. Whether somebody has seen
//! it is told from outside.

mod list;

use std::rc::Rc;

use chrono::NaiveDate;
use slint::ModelRc;

use self::list::List;
use crate::app::conversation::{Page, Room, Row, RowId};
use crate::gui::generated as ui;

/// How many rows are looked through at a time for the first that is new.
const LOOKED_THROUGH: usize = 100;

/// The list of the open room.
pub(super) struct Stream {
    list: Rc<List>,
    /// The first row that is new, wherever it is: the line stands above it.
    new_from: Option<RowId>,
    /// Whether what is below that line was seen.
    line_seen: bool,
    /// Whether what is new may begin among rows that have yet to come above the others.
    may_begin_above: bool,
    today: NaiveDate,
}

impl Stream {
    /// The list of no room. `ask` is told the place around which rows are missing; [`Self::read_at`] has to follow, but
    /// not at once.
    pub(super) fn new(ask: impl Fn(usize) + 'static) -> Self {
        let list = Rc::new(List::new(ask));
        Self { list, new_from: None, line_seen: false, may_begin_above: false, today: NaiveDate::default() }
    }

    /// The list for the window.
    pub(super) fn rows(&self) -> ModelRc<ui::MessageRow> {
        ModelRc::from(Rc::clone(&self.list))
    }

    /// Shows another room, or none, with its newest rows. The last `unread` messages of others are new.
    pub(super) fn show(&mut self, room: Option<&Room>, unread: usize, today: NaiveDate) {
        (self.today, self.line_seen) = (today, false);
        let (new_from, above) = room.map_or((None, 0), |room| first_new(room, unread));
        self.new_from = new_from;
        self.may_begin_above = above > 0 || room.is_some_and(|room| !room.shows_past());
        self.list.show(room);
        self.tidy();
    }

    /// The reader is at this place of the list, or will be: the rows around it are here from now on.
    pub(super) fn read_at(&self, room: &Room, place: usize) {
        self.list.load(room, place);
        self.tidy();
    }

    /// Adds the conversation's next row, unless it is here already: a room that is opened is shown with the newest that
    /// it has, and hears of that once more. `is_new` if nobody saw it, `follows` if the end of the list is what is
    /// read.
    pub(super) fn push(&mut self, room: &Room, row: &Row, is_new: bool, follows: bool) {
        if !self.list.push(room, row.id, follows) {
            return;
        }
        if is_new && self.line_seen {
            (self.line_seen, self.new_from, self.may_begin_above) = (false, None, false);
        }
        if is_new {
            self.new_from.get_or_insert(row.id);
        }
        self.tidy();
    }

    /// So many rows came above all others; gives how many of them were not in the list yet. Those from `new_from` on are
    /// new, unless the line has been taken away by now.
    pub(super) fn put_before(&mut self, room: &Room, count: usize, new_from: Option<RowId>) -> usize {
        let count = self.list.put_before(room, count);
        if self.may_begin_above {
            self.new_from = new_from.or(self.new_from);
        }
        self.tidy();
        count
    }

    /// The oldest rows of the conversation are gone; gives how many went from the list.
    pub(super) fn drop_gone(&self, room: &Room) -> usize {
        let count = self.list.drop_gone(room);
        self.tidy();
        count
    }

    /// It is another day: what was “today” is “yesterday” now.
    pub(super) fn day_changed(&mut self, today: NaiveDate) {
        self.today = today;
        self.tidy();
    }

    /// Shows a row anew.
    pub(super) fn refresh(&self, room: &Room, id: RowId) {
        self.list.refresh(room, |shown| shown == id);
        self.tidy();
    }

    /// Shows all rows anew: somebody is called otherwise.
    pub(super) fn refresh_all(&self, room: &Room) {
        self.list.refresh(room, |_| true);
        self.tidy();
    }

    /// What is below the line above what is new is in view. The line stays to be found, until [`Self::leave`].
    pub(super) const fn seen(&mut self) {
        self.line_seen = true;
    }

    /// The person looks elsewhere: what was seen is not new any more.
    pub(super) fn leave(&mut self) {
        if self.line_seen {
            self.remove_line();
        }
    }

    /// Takes the line above what is new away. The group that it parted is one again.
    pub(super) fn remove_line(&mut self) {
        (self.line_seen, self.new_from, self.may_begin_above) = (false, None, false);
        self.tidy();
    }

    fn tidy(&self) {
        self.list.tidy(self.new_from, self.today);
    }
}

/// Where the last `unread` messages of others begin, or the oldest of fewer that are kept; and how many are above that.
fn first_new(room: &Room, unread: usize) -> (Option<RowId>, usize) {
    let (mut page, mut left, mut found) = (Page::Newest, unread, None);
    while left > 0 {
        let rows = room.page(page, LOOKED_THROUGH);
        let Some(oldest) = rows.first() else { break };
        for row in rows.iter().rev().filter(|row| row.is_heard()).take(left) {
            (left, found) = (left - 1, Some(row.id));
        }
        page = Page::Before(oldest.id);
    }
    (found, left)
}

#[cfg(test)]
mod tests;
