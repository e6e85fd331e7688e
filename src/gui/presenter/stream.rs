//! The rows of the open room as the list shows them: a window over the conversation's rows, in groups, with the lines
//! between days and above what is new. It holds a bounded number of rows around what is read, and moves when the reader
//! comes near its ends.
//!
//! Rows are inserted and removed one by one and out of view: then the list keeps what is read where it is.
//!
//! It knows no window: where a row stands and what it looks like beside its neighbours is all. Whether somebody has seen
//! it is told from outside.

use std::collections::VecDeque;
use std::rc::Rc;

use chrono::NaiveDate;
use slint::{Model, VecModel};

use super::views;
use crate::app::conversation::{Page, Room, Row, RowId, RowKind};
use crate::crypto::Fingerprint;
use crate::gui::format;
use crate::gui::generated as ui;

/// Messages of one sender within this time stand in one group, in milliseconds.
const GROUP_MS: u64 = 5 * 60 * 1_000;
/// How many rows come at a time: some screens of them.
pub(super) const PAGE_ROWS: usize = 80;
/// How many rows are in the list at most. A row there costs a kilobyte, and the list a little for each; with so many
/// there are pages above and below what is read, whichever way one goes.
pub(super) const WINDOW_ROWS: usize = 400;

/// A row of the conversation that is in the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shown {
    id: RowId,
    /// When it came, in milliseconds since 1970.
    at_ms: u64,
    /// Who said it, if it is a message.
    from: Option<Fingerprint>,
}

impl Shown {
    fn of(row: &Row) -> Self {
        let from = match &row.kind {
            RowKind::Message(message) => Some(message.from),
            RowKind::Notice(_) => None,
        };
        Self { id: row.id, at_ms: row.at_ms, from }
    }

    fn day(&self) -> NaiveDate {
        format::day_of(self.at_ms)
    }

    /// Whether `next`, right below it, stands in one group with it.
    fn goes_on_with(&self, next: &Self) -> bool {
        self.from.is_some()
            && self.from == next.from
            && self.day() == next.day()
            && next.at_ms.saturating_sub(self.at_ms) < GROUP_MS
    }
}

/// What a row of the list is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slot {
    Day,
    New,
    /// A row of the conversation.
    Row(Shown),
}

impl Slot {
    const fn row(&self) -> Option<&Shown> {
        match self {
            Self::Row(shown) => Some(shown),
            Self::Day | Self::New => None,
        }
    }
}

/// The list of the open room.
pub(super) struct Stream {
    rows: Rc<VecModel<ui::MessageRow>>,
    /// What each row of the list is. A day stands above the first.
    slots: VecDeque<Slot>,
    /// How many of them are rows of the conversation.
    shown: usize,
    /// Whether the newest row is among them.
    has_newest: bool,
    /// The first row that is new, wherever it is: the line stands above it.
    new_from: Option<RowId>,
    /// Whether what is below that line was seen.
    line_seen: bool,
    today: NaiveDate,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self {
            rows: Rc::new(VecModel::default()),
            slots: VecDeque::new(),
            shown: 0,
            has_newest: true,
            new_from: None,
            line_seen: false,
            today: NaiveDate::default(),
        }
    }

    /// The list for the window.
    pub(super) fn rows(&self) -> Rc<VecModel<ui::MessageRow>> {
        Rc::clone(&self.rows)
    }

    /// Shows another room from its newest row up, or none. The last `unread` messages of others are new.
    pub(super) fn show(&mut self, room: Option<&Room>, unread: usize, today: NaiveDate) {
        (self.today, self.line_seen) = (today, false);
        self.new_from = room.and_then(|room| first_new(room, unread));
        self.show_page(room, Page::Newest);
    }

    /// Shows the newest rows, if they are not there.
    pub(super) fn show_end(&mut self, room: &Room) {
        if !self.has_newest {
            self.show_page(Some(room), Page::Newest);
        }
    }

    /// Shows the oldest rows, if they are not there.
    pub(super) fn show_start(&mut self, room: &Room) {
        let is_there = self.first().is_none_or(|first| room.page(Page::Before(first.id), 1).is_empty());
        if !is_there {
            self.show_page(Some(room), Page::Oldest);
        }
    }

    /// Shows the rows at one end, and as many as are read before the reader comes to the end of the list.
    fn show_page(&mut self, room: Option<&Room>, page: Page) {
        self.slots.clear();
        self.shown = 0;
        self.has_newest = true;
        // In one go: a list that is new has nothing to keep in place.
        let mut rows = Vec::new();
        if let Some(room) = room {
            room.page(page, 2 * PAGE_ROWS).into_iter().for_each(|row| self.add(room, row, &mut rows));
            self.has_newest = self.ends_with_newest(room);
        }
        self.rows.set_vec(rows);
    }

    /// Adds the conversation's next row, unless it is here already: a room that is opened is shown with the newest that
    /// it has, and hears of that once more. `is_new` if nobody saw it, `follows` if the end of the list is what is
    /// read; otherwise it may be left for when the reader comes there.
    pub(super) fn push(&mut self, room: &Room, row: &Row, is_new: bool, follows: bool, today: NaiveDate) {
        self.today = today;
        if self.last().is_some_and(|last| row.id <= last.id) {
            return;
        }
        if is_new && self.line_seen {
            self.remove_line();
        }
        if is_new {
            self.new_from.get_or_insert(row.id);
        }
        if !self.has_newest {
            return;
        }
        if self.shown >= WINDOW_ROWS && !follows {
            self.has_newest = false;
            return;
        }
        self.append(room, row);
        while self.shown > WINDOW_ROWS {
            self.drop_first();
        }
    }

    /// The reader comes near the beginning of the list: older rows come, and those furthest below go. Says how many rows
    /// of the list came above the others.
    pub(super) fn older(&mut self, room: &Room) -> usize {
        let Some(first) = self.first().map(|first| first.id) else { return 0 };
        let before = self.slots.len();
        for row in room.page(Page::Before(first), PAGE_ROWS).into_iter().rev() {
            self.prepend(room, row);
        }
        let came = self.slots.len() - before;
        while self.shown > WINDOW_ROWS {
            self.drop_last();
        }
        came
    }

    /// The reader comes near the end of the list: newer rows come, if there are any, and those furthest above go.
    pub(super) fn newer(&mut self, room: &Room) {
        let Some(last) = self.last().map(|last| last.id).filter(|_| !self.has_newest) else { return };
        room.page(Page::After(last), PAGE_ROWS).into_iter().for_each(|row| self.append(room, row));
        self.has_newest = self.ends_with_newest(room);
        while self.shown > WINDOW_ROWS {
            self.drop_first();
        }
    }

    /// Removes the oldest row of the conversation, if it is here.
    pub(super) fn remove(&mut self, oldest: RowId) {
        if self.first().is_some_and(|first| first.id == oldest) {
            self.drop_first();
        }
    }

    /// Whether the newest row is in the list.
    pub(super) const fn has_newest(&self) -> bool {
        self.has_newest
    }

    /// It is another day: what was “today” is “yesterday” now.
    pub(super) fn day_changed(&mut self, today: NaiveDate) {
        self.today = today;
        for (place, slot) in self.slots.iter().enumerate() {
            let below = self.slots.iter().skip(place).find_map(Slot::row);
            if let (Slot::Day, Some(below)) = (slot, below) {
                self.rows.set_row_data(place, views::day_row(below.day(), today));
            }
        }
    }

    /// Shows a row anew.
    pub(super) fn refresh(&self, room: &Room, id: RowId) {
        let place = self.slots.iter().position(|slot| slot.row().is_some_and(|shown| shown.id == id));
        if let (Some(place), Some(row)) = (place, room.row(id)) {
            self.change(place, |shown| {
                let (first, last) = (shown.first, shown.last);
                *shown = ui::MessageRow { first, last, ..views::message_row(room, row) };
            });
        }
    }

    /// Shows all rows anew: somebody is called otherwise.
    pub(super) fn refresh_all(&self, room: &Room) {
        self.slots.iter().filter_map(Slot::row).for_each(|shown| self.refresh(room, shown.id));
    }

    /// What is below the line above what is new is in view. The line stays to be found, until [`Self::leave`].
    pub(super) fn seen(&mut self) {
        self.line_seen |= self.has_newest;
    }

    /// The person looks elsewhere: what was seen is not new any more.
    pub(super) fn leave(&mut self) {
        if self.line_seen {
            self.remove_line();
        }
    }

    /// Takes the line above what is new away. The group that it parted is one again.
    pub(super) fn remove_line(&mut self) {
        (self.line_seen, self.new_from) = (false, None);
        let Some(place) = self.slots.iter().rposition(|slot| *slot == Slot::New) else { return };
        self.slots.remove(place);
        self.rows.remove(place);
        let above = place.checked_sub(1).and_then(|above| self.slots.get(above)).and_then(Slot::row);
        let below = self.slots.get(place).and_then(Slot::row);
        if above.zip(below).is_some_and(|(above, below)| above.goes_on_with(below)) {
            self.change(place - 1, |row| row.last = false);
            self.change(place, |row| row.first = false);
        }
    }

    /// Adds a row below all others, and what has to stand above it.
    fn append(&mut self, room: &Room, row: &Row) {
        let mut added = Vec::new();
        let above = self.slots.back().and_then(Slot::row);
        let goes_on = above.is_some_and(|above| above.goes_on_with(&Shown::of(row)));
        let count = self.slots.len();
        self.add(room, row, &mut added);
        // A line in between parts them.
        if goes_on && added.len() == 1 {
            self.change(count - 1, |row| row.last = false);
        }
        added.into_iter().for_each(|row| self.rows.push(row));
    }

    /// Prepares a row for the end of the list, and what has to stand above it.
    fn add(&mut self, room: &Room, row: &Row, added: &mut Vec<ui::MessageRow>) {
        let shown = Shown::of(row);
        if self.last().is_none_or(|last| last.day() != shown.day()) {
            self.slots.push_back(Slot::Day);
            added.push(views::day_row(shown.day(), self.today));
        }
        if self.new_from == Some(shown.id) {
            self.slots.push_back(Slot::New);
            added.push(views::new_line());
        }
        let above = self.slots.back().and_then(Slot::row);
        let goes_on = above.is_some_and(|above| above.goes_on_with(&shown));
        if goes_on && let Some(above) = added.last_mut() {
            above.last = false;
        }
        self.slots.push_back(Slot::Row(shown));
        self.shown += 1;
        added.push(ui::MessageRow { first: !goes_on, last: true, ..views::message_row(room, row) });
    }

    /// Adds a row above all others, below the line of its day.
    fn prepend(&mut self, room: &Room, row: &Row) {
        let shown = Shown::of(row);
        let is_same_day = self.first().is_some_and(|first| first.day() == shown.day());
        // The line of the day is there, or comes once its row is.
        let place = usize::from(is_same_day);
        let below = self.slots.get(place).and_then(Slot::row);
        let goes_on = below.is_some_and(|below| shown.goes_on_with(below));
        self.insert(
            place,
            Slot::Row(shown),
            ui::MessageRow { first: true, last: !goes_on, ..views::message_row(room, row) },
        );
        self.shown += 1;
        if goes_on {
            self.change(place + 1, |row| row.first = false);
        }
        if self.new_from == Some(shown.id) {
            self.insert(place, Slot::New, views::new_line());
        }
        if !is_same_day {
            self.insert(0, Slot::Day, views::day_row(shown.day(), self.today));
        }
    }

    fn insert(&mut self, place: usize, slot: Slot, row: ui::MessageRow) {
        self.slots.insert(place, slot);
        self.rows.insert(place, row);
    }

    /// Removes the first row, and the lines above it that have nothing of theirs below them any more.
    fn drop_first(&mut self) {
        let Some(place) = self.slots.iter().position(|slot| slot.row().is_some()) else { return };
        self.remove_at(place);
        self.shown -= 1;
        for above in (0..place).rev() {
            let has_rows = self.slots.get(above + 1).is_some_and(|below| *below != Slot::Day);
            // The line above what is new was above that row, and comes back with it.
            if self.slots.get(above) == Some(&Slot::New) || !has_rows {
                self.remove_at(above);
            }
        }
    }

    /// Removes the last row, and the lines right above it.
    fn drop_last(&mut self) {
        let Some(last) = self.slots.len().checked_sub(1) else { return };
        self.remove_at(last);
        self.shown -= 1;
        self.has_newest = false;
        while self.slots.back().is_some_and(|slot| slot.row().is_none()) {
            self.remove_at(self.slots.len() - 1);
        }
    }

    fn remove_at(&mut self, place: usize) {
        self.slots.remove(place);
        self.rows.remove(place);
    }

    fn first(&self) -> Option<&Shown> {
        self.slots.iter().find_map(Slot::row)
    }

    fn last(&self) -> Option<&Shown> {
        self.slots.iter().rev().find_map(Slot::row)
    }

    fn ends_with_newest(&self, room: &Room) -> bool {
        let newest = room.page(Page::Newest, 1).first().map(|row| row.id);
        newest == self.last().map(|last| last.id)
    }

    fn change(&self, place: usize, change: impl FnOnce(&mut ui::MessageRow)) {
        if let Some(mut row) = self.rows.row_data(place) {
            change(&mut row);
            self.rows.set_row_data(place, row);
        }
    }
}

/// Where the last `unread` messages of others begin, or the oldest of fewer that are kept.
fn first_new(room: &Room, unread: usize) -> Option<RowId> {
    let (mut page, mut left, mut found) = (Page::Newest, unread, None);
    while left > 0 {
        let rows = room.page(page, PAGE_ROWS);
        let Some(oldest) = rows.first() else { break };
        for row in rows.iter().rev().filter(|row| is_of_others(row)).take(left) {
            (left, found) = (left - 1, Some(row.id));
        }
        page = Page::Before(oldest.id);
    }
    found
}

fn is_of_others(row: &Row) -> bool {
    matches!(&row.kind, RowKind::Message(message) if !message.is_mine())
}

#[cfg(test)]
mod tests;
