//! The rows of a conversation as a list of the window: it has a place for each row of the conversation, and the rows
//! around the reader. So the scroll bar covers the whole conversation, and no row moves when others come in from it.
//!
//! The window asks for the rows that it draws, and by that tells where the reader is. Where a row is not here yet, a
//! blank one is drawn, and the row is asked for; before the reader comes to the last that is here, more are.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;

use chrono::NaiveDate;
use slint::{Model, ModelNotify, ModelTracker};

use super::super::views;
use crate::app::conversation::{Page, Room, Row, RowId, RowKind};
use crate::crypto::Fingerprint;
use crate::gui::format;
use crate::gui::generated as ui;

/// Messages of one sender within this time stand in one group, in milliseconds.
const GROUP_MS: u64 = 5 * 60 * 1_000;
/// How many rows are here at most, at about a kilobyte each: some screens of them, whichever way one goes.
pub(super) const WINDOW_ROWS: usize = 400;
/// With fewer rows between what is read and those that are missing, more are asked for: more than a screen holds.
pub(super) const AHEAD_ROWS: usize = 100;

/// See the head of this file.
pub(super) struct List {
    pub(super) window: RefCell<Window>,
    notify: ModelNotify,
    /// Whether rows were asked for and have not come.
    asked: Cell<bool>,
    ask: Box<dyn Fn(usize)>,
}

/// What the list has of its conversation.
#[derive(Default)]
pub(super) struct Window {
    /// How many rows the conversation has.
    count: usize,
    /// The newest of them.
    newest: Option<RowId>,
    /// The place of the first row that is here.
    start: usize,
    pub(super) rows: VecDeque<Shown>,
}

/// A row that is here.
pub(super) struct Shown {
    id: RowId,
    /// When it came, in milliseconds since 1970.
    at_ms: u64,
    /// Who said it, if it is a message.
    from: Option<Fingerprint>,
    pub(super) view: ui::MessageRow,
    /// Whether the window was not told of it yet.
    is_fresh: bool,
}

impl Shown {
    fn of(room: &Room, row: &Row) -> Self {
        let from = match &row.kind {
            RowKind::Message(message) => Some(message.from),
            RowKind::Notice(_) => None,
        };
        Self { id: row.id, at_ms: row.at_ms, from, view: views::message_row(room, row), is_fresh: true }
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

impl Window {
    fn end(&self) -> usize {
        self.start + self.rows.len()
    }

    fn has_newest(&self) -> bool {
        self.end() == self.count
    }

    fn at(&self, place: usize) -> Option<&Shown> {
        self.rows.get(place.checked_sub(self.start)?)
    }

    /// Whether a reader at this place soon sees rows that are not here.
    fn is_near_its_ends(&self, place: usize) -> bool {
        let is_near_start = self.start > 0 && place < self.start + AHEAD_ROWS;
        is_near_start || !self.has_newest() && place + AHEAD_ROWS >= self.end()
    }

    /// Shows what is at the newest place.
    fn append(&mut self, room: &Room) {
        let row = room.page(Page::From(self.end()), 1).first().map(|row| Shown::of(room, row));
        self.rows.extend(row);
    }

    /// Has the rows at these places, and no others.
    fn hold(&mut self, room: &Room, wanted: Range<usize>) {
        let (before, mut known) = (self.start, std::mem::take(&mut self.rows));
        known.drain(..wanted.start.saturating_sub(before).min(known.len()));
        self.start = wanted.start;
        for row in room.page(Page::From(wanted.start), wanted.len()) {
            while known.front().is_some_and(|shown| shown.id < row.id) {
                known.pop_front();
            }
            let is_known = known.front().is_some_and(|shown| shown.id == row.id);
            let shown = if is_known { known.pop_front() } else { None };
            self.rows.push_back(shown.unwrap_or_else(|| Shown::of(room, row)));
        }
    }

    /// What a row looks like between its neighbours. Above the first that is here nothing is known, unless it is the
    /// very first.
    fn in_place(&self, place: usize, new_from: Option<RowId>, today: NaiveDate) -> Option<ui::MessageRow> {
        let shown = self.at(place)?;
        let above = place.checked_sub(1).and_then(|above| self.at(above));
        let is_new = |row: &Shown| new_from == Some(row.id);
        let is_other_day = above.map_or(place == 0, |above| above.day() != shown.day());
        let goes_on = above.is_some_and(|above| above.goes_on_with(shown)) && !is_new(shown);
        let is_gone_on = self.at(place + 1).is_some_and(|below| shown.goes_on_with(below) && !is_new(below));
        Some(ui::MessageRow {
            day_above: if is_other_day { views::day_line(shown.day(), today) } else { ui::When::default() },
            new_above: is_new(shown),
            first: !goes_on,
            last: !is_gone_on,
            ..shown.view.clone()
        })
    }
}

impl List {
    pub(super) fn new(ask: impl Fn(usize) + 'static) -> Self {
        Self { window: RefCell::default(), notify: ModelNotify::default(), asked: Cell::new(false), ask: Box::new(ask) }
    }

    /// Shows the newest rows of a room, or nothing.
    pub(super) fn show(&self, room: Option<&Room>) {
        let mut window = Window::default();
        if let Some(room) = room {
            window.count = room.row_count();
            window.newest = room.page(Page::Newest, 1).first().map(|row| row.id);
            window.hold(room, around(window.count, window.count));
        }
        self.window.replace(window);
        self.asked.set(false);
        self.notify.reset();
    }

    /// Has the rows around this place, if some are missing there.
    pub(super) fn load(&self, room: &Room, place: usize) {
        self.asked.set(false);
        self.drop_gone(room);
        let mut window = self.window.borrow_mut();
        let place = place.min(window.count.saturating_sub(1));
        if window.is_near_its_ends(place) {
            let wanted = around(place, window.count);
            window.hold(room, wanted);
        }
    }

    /// Adds the next row; `false` if it is here already. With `follows` the end is what is read, and the first row that
    /// is here goes if there are too many; otherwise the new one may be left for when the reader comes there.
    pub(super) fn push(&self, room: &Room, id: RowId, follows: bool) -> bool {
        self.drop_gone(room);
        let (before, added) = {
            let mut window = self.window.borrow_mut();
            let (before, count) = (window.count, room.place_of(id) + 1);
            if count <= before {
                return false;
            }
            for _ in before..count {
                if window.has_newest() && (follows || window.rows.len() < WINDOW_ROWS) {
                    window.append(room);
                }
                window.count += 1;
                if window.rows.len() > WINDOW_ROWS {
                    window.rows.pop_front();
                    window.start += 1;
                }
            }
            window.newest = Some(id);
            (before, count - before)
        };
        self.notify.row_added(before, added);
        true
    }

    /// Makes places for rows that came above all others, and gives how many. They are here if there is room for them below
    /// the limit.
    pub(super) fn put_before(&self, room: &Room, count: usize) -> usize {
        let mut window = self.window.borrow_mut();
        // A list that was shown with them has their places.
        let count = room.row_count().saturating_sub(window.count).min(count);
        let had_first = window.start == 0;
        window.count += count;
        window.start += count;
        if had_first && window.rows.len() < WINDOW_ROWS {
            let end = window.end();
            window.hold(room, end.saturating_sub(WINDOW_ROWS)..end);
        }
        window.newest = window.newest.or_else(|| room.page(Page::Newest, 1).first().map(|row| row.id));
        drop(window);
        if count > 0 {
            self.notify.row_added(0, count);
        }
        count
    }

    /// Takes the places of rows away that the conversation has no more, its oldest; gives how many.
    pub(super) fn drop_gone(&self, room: &Room) -> usize {
        let gone = {
            let mut window = self.window.borrow_mut();
            let kept = window.newest.filter(|newest| room.row(*newest).is_some());
            let gone = window.count - kept.map_or(0, |newest| room.place_of(newest) + 1).min(window.count);
            let were_here = gone.saturating_sub(window.start).min(window.rows.len());
            window.rows.drain(..were_here);
            window.start = window.start.saturating_sub(gone);
            window.count -= gone;
            gone
        };
        if gone > 0 {
            self.notify.row_removed(0, gone);
        }
        gone
    }

    /// Reads rows anew.
    pub(super) fn refresh(&self, room: &Room, which: impl Fn(RowId) -> bool) {
        for shown in self.window.borrow_mut().rows.iter_mut().filter(|shown| which(shown.id)) {
            if let Some(row) = room.row(shown.id) {
                *shown = Shown::of(room, row);
            }
        }
    }

    /// Shows each row as it is between its neighbours, of which some may be others now. Whatever changes rows ends with
    /// this.
    pub(super) fn tidy(&self, new_from: Option<RowId>, today: NaiveDate) {
        let mut changed = Vec::new();
        let mut window = self.window.borrow_mut();
        for place in window.start..window.end() {
            let Some(view) = window.in_place(place, new_from, today) else { continue };
            let start = window.start;
            let Some(shown) = window.rows.get_mut(place - start) else { continue };
            if std::mem::take(&mut shown.is_fresh) || shown.view != view {
                shown.view = view;
                changed.push(place);
            }
        }
        drop(window);
        changed.into_iter().for_each(|place| self.notify.row_changed(place));
    }
}

/// The places of the rows that are to be here for a reader at `place`.
fn around(place: usize, count: usize) -> Range<usize> {
    let end = place.saturating_add(WINDOW_ROWS / 2).max(WINDOW_ROWS).min(count);
    end.saturating_sub(WINDOW_ROWS)..end
}

impl Model for List {
    type Data = ui::MessageRow;

    fn row_count(&self) -> usize {
        self.window.borrow().count
    }

    fn row_data(&self, place: usize) -> Option<ui::MessageRow> {
        let window = self.window.borrow();
        if place >= window.count {
            return None;
        }
        if window.is_near_its_ends(place) && !self.asked.replace(true) {
            (self.ask)(place);
        }
        let blank = || ui::MessageRow { kind: ui::RowKind::Blank, ..ui::MessageRow::default() };
        Some(window.at(place).map_or_else(blank, |shown| shown.view.clone()))
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
