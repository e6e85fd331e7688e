//! The rows of the open room as the list shows them: the chat's own rows in groups, with the lines
//! between days and above what is new.

use std::collections::VecDeque;
use std::rc::Rc;

use chrono::NaiveDate;
use slint::{Model, VecModel};

use super::views;
use crate::app::chat::{Room, Row, RowKind};
use crate::crypto::Fingerprint;
use crate::gui::format;
use crate::gui::generated as ui;

/// Messages of one sender within this time stand in one group, in milliseconds.
const GROUP_MS: u64 = 5 * 60 * 1_000;

/// What a row of the list is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Slot {
    Day,
    New,
    /// A row of the chat, by its number since the room was opened.
    Row(u64),
}

/// The list of the open room.
pub(super) struct Stream {
    rows: Rc<VecModel<ui::MessageRow>>,
    slots: VecDeque<Slot>,
    /// The number of the chat's first row, and of the next that will come.
    first: u64,
    next: u64,
    /// The day of the last row.
    day: Option<NaiveDate>,
    /// Who said the last row, and when, if it is a message.
    said: Option<(Fingerprint, u64)>,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { rows: Rc::new(VecModel::default()), slots: VecDeque::new(), first: 0, next: 0, day: None, said: None }
    }

    /// The list for the window.
    pub(super) fn rows(&self) -> Rc<VecModel<ui::MessageRow>> {
        Rc::clone(&self.rows)
    }

    /// Shows another room, or none. The last `unread` messages of others are new.
    pub(super) fn show(&mut self, room: Option<&Room>, unread: usize, today: NaiveDate) {
        self.slots.clear();
        (self.first, self.next, self.day, self.said) = (0, 0, None, None);
        let mut rows = Vec::new();
        if let Some(room) = room {
            rows.reserve(room.rows().len() + 8);
            let first_new = first_new(room, unread);
            for (index, row) in room.rows().iter().enumerate() {
                if first_new == Some(index) {
                    self.new_line(&mut rows);
                }
                self.add(room, row, today, &mut rows);
            }
        }
        self.rows.set_vec(rows);
    }

    /// Adds the chat's next row, where `dropped` of the rows before it went meanwhile.
    pub(super) fn push(&mut self, room: &Room, is_new: bool, dropped: u64, today: NaiveDate) {
        let place = self.next.saturating_sub(self.first + dropped);
        let Some(row) = usize::try_from(place).ok().and_then(|place| room.rows().get(place)) else { return };
        let mut added = Vec::new();
        if is_new && !self.slots.contains(&Slot::New) {
            self.new_line(&mut added);
        }
        let continued = self.add(room, row, today, &mut added);
        if continued && let Some(last) = self.rows.row_count().checked_sub(1) {
            self.change(last, |row| row.last = false);
        }
        for row in added {
            self.rows.push(row);
        }
    }

    /// Drops the chat's first row, and the line of a day that has no rows any more.
    pub(super) fn drop_first(&mut self) {
        self.first += 1;
        let is_gone = |slot: &Slot| matches!(slot, Slot::Row(number) if *number < self.first);
        // Above it stand two lines at most.
        if let Some(place) = self.slots.iter().take(3).position(is_gone) {
            self.slots.remove(place);
            self.rows.remove(place);
        }
        if self.slots.front() == Some(&Slot::Day) && self.slots.get(1) == Some(&Slot::Day) {
            self.slots.pop_front();
            self.rows.remove(0);
        }
    }

    /// Shows the chat's row at `index` anew.
    pub(super) fn refresh(&self, room: &Room, index: usize) {
        let Some(row) = room.rows().get(index) else { return };
        let number = self.first + u64::try_from(index).unwrap_or(u64::MAX);
        if let Some(place) = self.place_of(number) {
            self.change(place, |shown| {
                let (first, last) = (shown.first, shown.last);
                *shown = ui::MessageRow { first, last, ..views::message_row(room, row) };
            });
        }
    }

    /// Takes the line above what is new away.
    pub(super) fn seen(&mut self) {
        if let Some(place) = self.slots.iter().position(|slot| *slot == Slot::New) {
            self.slots.remove(place);
            self.rows.remove(place);
        }
    }

    /// Prepares a row and what has to stand above it; says whether it goes on the group before it.
    fn add(&mut self, room: &Room, row: &Row, today: NaiveDate, added: &mut Vec<ui::MessageRow>) -> bool {
        let day = format::day_of(row.at_ms);
        if self.day != Some(day) {
            self.day = Some(day);
            self.said = None;
            self.slots.push_back(Slot::Day);
            added.push(views::day_row(day, today));
        }
        let mut shown = views::message_row(room, row);
        let said = match &row.kind {
            RowKind::Message(message) => Some((message.from, row.at_ms)),
            RowKind::Notice(_) => None,
        };
        let continued = match (self.said, said) {
            (Some((before, then)), Some((now, at))) => before == now && at.saturating_sub(then) < GROUP_MS,
            _ => false,
        };
        shown.first = !continued;
        shown.last = true;
        if continued && let Some(last) = added.last_mut() {
            last.last = false;
        }
        let changes_shown = continued && added.is_empty();
        self.said = said;
        self.slots.push_back(Slot::Row(self.next));
        self.next += 1;
        added.push(shown);
        changes_shown
    }

    fn new_line(&mut self, added: &mut Vec<ui::MessageRow>) {
        self.said = None;
        self.slots.push_back(Slot::New);
        added.push(views::new_line());
    }

    fn place_of(&self, number: u64) -> Option<usize> {
        // The lines between the rows are few, so the row is a little further than its number says.
        let start = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let found = self.slots.iter().skip(start).position(|slot| *slot == Slot::Row(number))?;
        Some(start + found)
    }

    fn change(&self, place: usize, change: impl FnOnce(&mut ui::MessageRow)) {
        if let Some(mut row) = self.rows.row_data(place) {
            change(&mut row);
            self.rows.set_row_data(place, row);
        }
    }
}

/// Where the last `unread` messages of others begin.
fn first_new(room: &Room, unread: usize) -> Option<usize> {
    let of_others = |row: &Row| matches!(&row.kind, RowKind::Message(message) if !message.is_mine());
    let places = room.rows().iter().enumerate().rev().filter(|(_, row)| of_others(row)).map(|(index, _)| index);
    places.take(unread).last()
}
