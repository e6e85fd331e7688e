//! The rows of the open room as the list shows them: the chat's own rows in groups, with the lines
//! between days and above what is new.
//!
//! It knows no window: where a row stands and what it looks like beside its neighbours is all. Whether somebody has seen
//! it is told from outside.

use std::collections::VecDeque;
use std::rc::Rc;

use chrono::NaiveDate;
use slint::{Model, VecModel};

use super::views;
use crate::app::conversation::{Room, Row, RowId, RowKind};
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
    /// A row of the chat.
    Row(RowId),
}

/// The list of the open room.
pub(super) struct Stream {
    rows: Rc<VecModel<ui::MessageRow>>,
    slots: VecDeque<Slot>,
    /// The day of the last row.
    day: Option<NaiveDate>,
    /// Who said the last row, and when, if it is a message that the next one can go on.
    said: Option<Said>,
    /// Whether what is below the line above what is new was seen.
    line_seen: bool,
}

/// Who said something, and when it came.
type Said = (Fingerprint, u64);

impl Stream {
    pub(super) fn new() -> Self {
        Self { rows: Rc::new(VecModel::default()), slots: VecDeque::new(), day: None, said: None, line_seen: false }
    }

    /// The list for the window.
    pub(super) fn rows(&self) -> Rc<VecModel<ui::MessageRow>> {
        Rc::clone(&self.rows)
    }

    /// Shows another room, or none. The last `unread` messages of others are new.
    pub(super) fn show(&mut self, room: Option<&Room>, unread: usize, today: NaiveDate) {
        self.slots.clear();
        (self.day, self.said, self.line_seen) = (None, None, false);
        let mut rows = Vec::new();
        if let Some(room) = room {
            rows.reserve(room.rows().len() + 8);
            let first_new = first_new(room, unread);
            for row in room.rows() {
                self.add(room, row, first_new == Some(row.id), today, &mut rows);
            }
        }
        self.rows.set_vec(rows);
    }

    /// Adds the chat's next row, unless it is here already: a room that is opened is shown with all that it has, and
    /// hears of the newest of that once more.
    pub(super) fn push(&mut self, room: &Room, row: &Row, is_new: bool, today: NaiveDate) {
        let newest = self.slots.iter().rev().find_map(|slot| if let Slot::Row(id) = slot { Some(*id) } else { None });
        if newest.is_some_and(|newest| row.id <= newest) {
            return;
        }
        if is_new && self.line_seen {
            self.remove_line(room);
        }
        let mut added = Vec::new();
        // The line stands above the newest rows, if it does.
        let begins_new = is_new && !self.slots.iter().rev().any(|slot| *slot == Slot::New);
        let continued = self.add(room, row, begins_new, today, &mut added);
        if continued && let Some(last) = self.rows.row_count().checked_sub(1) {
            self.change(last, |row| row.last = false);
        }
        for row in added {
            self.rows.push(row);
        }
    }

    /// Removes the oldest row, if it is here, and the line of a day that has no rows any more.
    pub(super) fn remove(&mut self, oldest: RowId) {
        // Above it stand two lines at most.
        if let Some(place) = self.slots.iter().take(3).position(|slot| *slot == Slot::Row(oldest)) {
            self.slots.remove(place);
            self.rows.remove(place);
        }
        if self.slots.front() == Some(&Slot::Day) && self.slots.get(1) == Some(&Slot::Day) {
            self.slots.pop_front();
            self.rows.remove(0);
        }
    }

    /// Shows a row anew.
    pub(super) fn refresh(&self, room: &Room, id: RowId) {
        let Some(row) = room.row(id) else { return };
        if let Some(place) = self.place_of(id) {
            self.change(place, |shown| {
                let (first, last) = (shown.first, shown.last);
                *shown = ui::MessageRow { first, last, ..views::message_row(room, row) };
            });
        }
    }

    /// The newest row as the window shows it.
    pub(super) fn newest(&self) -> Option<ui::MessageRow> {
        self.rows.row_data(self.rows.row_count().checked_sub(1)?)
    }

    /// What is below the line above what is new is in view. The line stays to be found, until [`Self::leave`].
    pub(super) fn seen(&mut self) {
        self.line_seen = true;
    }

    /// The person looks elsewhere: what was seen is not new any more.
    pub(super) fn leave(&mut self, room: &Room) {
        if self.line_seen {
            self.remove_line(room);
        }
    }

    /// Takes the line above what is new away. The group that it parted is one again.
    pub(super) fn remove_line(&mut self, room: &Room) {
        self.line_seen = false;
        let Some(place) = self.slots.iter().rposition(|slot| *slot == Slot::New) else { return };
        self.slots.remove(place);
        self.rows.remove(place);
        let Some(before) = place.checked_sub(1) else { return };
        if goes_on(self.said_at(room, before), self.said_at(room, place)) {
            self.change(before, |row| row.last = false);
            self.change(place, |row| row.first = false);
        }
    }

    /// Prepares a row and what has to stand above it; says whether it goes on the group before it.
    fn add(
        &mut self,
        room: &Room,
        row: &Row,
        begins_new: bool,
        today: NaiveDate,
        added: &mut Vec<ui::MessageRow>,
    ) -> bool {
        let day = format::day_of(row.at_ms);
        if self.day != Some(day) {
            self.day = Some(day);
            self.said = None;
            self.slots.push_back(Slot::Day);
            added.push(views::day_row(day, today));
        }
        if begins_new {
            self.said = None;
            self.slots.push_back(Slot::New);
            added.push(views::new_line());
        }
        let mut shown = views::message_row(room, row);
        let said = said(row);
        let continued = goes_on(self.said, said);
        shown.first = !continued;
        shown.last = true;
        if continued && let Some(last) = added.last_mut() {
            last.last = false;
        }
        let changes_shown = continued && added.is_empty();
        self.said = said;
        self.slots.push_back(Slot::Row(row.id));
        added.push(shown);
        changes_shown
    }

    fn place_of(&self, id: RowId) -> Option<usize> {
        let first =
            self.slots.iter().find_map(|slot| if let Slot::Row(first) = slot { Some(first.0) } else { None })?;
        // The lines between the rows are few, so the row is a little further than its id says.
        let start = usize::try_from(id.0.checked_sub(first)?).ok()?;
        let found = self.slots.iter().skip(start).position(|slot| *slot == Slot::Row(id))?;
        Some(start + found)
    }

    /// Who said what stands at a place of the list, if it is a message.
    fn said_at(&self, room: &Room, place: usize) -> Option<Said> {
        let Some(Slot::Row(id)) = self.slots.get(place) else { return None };
        said(room.row(*id)?)
    }

    fn change(&self, place: usize, change: impl FnOnce(&mut ui::MessageRow)) {
        if let Some(mut row) = self.rows.row_data(place) {
            change(&mut row);
            self.rows.set_row_data(place, row);
        }
    }
}

fn said(row: &Row) -> Option<Said> {
    match &row.kind {
        RowKind::Message(message) => Some((message.from, row.at_ms)),
        RowKind::Notice(_) => None,
    }
}

/// Whether a message stands in one group with what is right above it.
fn goes_on(before: Option<Said>, now: Option<Said>) -> bool {
    match (before, now) {
        (Some((before, then)), Some((now, at))) => before == now && at.saturating_sub(then) < GROUP_MS,
        _ => false,
    }
}

/// Where the last `unread` messages of others begin.
fn first_new(room: &Room, unread: usize) -> Option<RowId> {
    let of_others = |row: &Row| matches!(&row.kind, RowKind::Message(message) if !message.is_mine());
    room.rows().iter().rev().filter(|row| of_others(row)).take(unread).last().map(|row| row.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::conversation::{Chat, ROWS_MAX};
    use crate::app::{MembershipEvent, MembershipId, MembershipInfo, SessionEvent};
    use crate::crypto::Suite;
    use crate::protocol::{Content, Event, MessageId};

    const MEMBERSHIP: MembershipId = MembershipId(1);
    /// The middle of a day wherever this runs.
    const NOON: u64 = 1_750_000_000_000;
    const DAY: u64 = 24 * 3_600_000;

    /// A room whose rows come one by one.
    struct Talk {
        chat: Chat,
        stream: Stream,
        now_ms: u64,
        said: u32,
    }

    impl Talk {
        fn new() -> Self {
            let info = MembershipInfo {
                room: None,
                suite: Suite::Hybrid,
                title: "Room".into(),
                addresses: Vec::new(),
                owned: false,
                hosted_here: false,
                knocking: false,
            };
            let mut chat = Chat::default();
            chat.apply(&SessionEvent::Membership { membership: MEMBERSHIP, event: MembershipEvent::Begun(info) }, NOON);
            Self { chat, stream: Stream::new(), now_ms: NOON, said: 0 }
        }

        fn say(&mut self, from: u8) {
            self.said += 1;
            let mut id = [0; 16];
            id[..4].copy_from_slice(&self.said.to_be_bytes());
            let event = Event::Message {
                id: MessageId(id),
                from: Fingerprint::from_bytes([from; 32]),
                content: Content::text(format!("message {}", self.said)),
                sent_ms: self.now_ms,
            };
            self.chat.apply(
                &SessionEvent::Membership { membership: MEMBERSHIP, event: MembershipEvent::Protocol(event) },
                self.now_ms,
            );
        }

        fn come(&mut self, from: u8, is_new: bool) {
            self.say(from);
            let room = self.chat.room(MEMBERSHIP).unwrap();
            self.stream.push(room, room.rows().back().unwrap(), is_new, format::day_of(NOON));
        }

        fn show(&mut self, unread: usize) {
            self.stream.show(self.chat.room(MEMBERSHIP), unread, format::day_of(NOON));
        }

        fn leave(&mut self) {
            self.stream.leave(self.chat.room(MEMBERSHIP).unwrap());
        }

        fn send(&mut self) {
            self.stream.remove_line(self.chat.room(MEMBERSHIP).unwrap());
        }

        /// `D` a day, `N` the line above what is new, else a message: `(` first and `)` last of its group.
        fn shape(&self) -> String {
            let shape = |row: ui::MessageRow| match row.kind {
                ui::RowKind::Day => "D".to_owned(),
                ui::RowKind::NewLine => "N".to_owned(),
                _ => format!("{}m{}", if row.first { "(" } else { "" }, if row.last { ")" } else { "" }),
            };
            self.stream.rows.iter().map(shape).collect()
        }
    }

    #[test]
    fn rows_that_come_one_by_one_are_as_those_that_come_at_once() {
        let mut talk = Talk::new();
        for (from, later_ms) in [(1, 0), (1, 1_000), (2, 1_000), (2, GROUP_MS), (2, 1), (1, DAY), (1, 1)] {
            talk.now_ms += later_ms;
            talk.come(from, false);
        }
        let shape = "D(mm)(m)(mm)D(mm)";
        assert_eq!(talk.shape(), shape);
        talk.show(0);
        assert_eq!(talk.shape(), shape);
    }

    #[test]
    fn a_row_that_was_shown_with_its_room_does_not_come_again() {
        let mut talk = Talk::new();
        talk.say(1);
        talk.say(2);
        talk.show(0);
        let room = talk.chat.room(MEMBERSHIP).unwrap();
        for row in room.rows() {
            talk.stream.push(room, row, true, format::day_of(NOON));
        }
        assert_eq!(talk.shape(), "D(m)(m)");
        talk.come(2, false);
        assert_eq!(talk.shape(), "D(m)(mm)");
    }

    #[test]
    fn what_is_new_has_a_line_above_it() {
        let mut talk = Talk::new();
        talk.come(1, false);
        talk.come(1, true);
        talk.come(1, true);
        assert_eq!(talk.shape(), "D(m)N(mm)");
        talk.show(2);
        assert_eq!(talk.shape(), "D(m)N(mm)");
        talk.show(10);
        assert_eq!(talk.shape(), "DN(mmm)", "more than there are");
        talk.stream.show(None, 0, format::day_of(NOON));
        assert_eq!(talk.shape(), "");
    }

    #[test]
    fn the_line_goes_once_seen_and_left_and_comes_anew() {
        let mut talk = Talk::new();
        talk.come(1, false);
        talk.come(1, true);
        talk.leave();
        talk.come(1, true);
        assert_eq!(talk.shape(), "D(m)N(mm)", "nobody saw it");
        talk.stream.seen();
        assert_eq!(talk.shape(), "D(m)N(mm)", "seen, and still to be found");
        talk.come(1, false);
        talk.leave();
        assert_eq!(talk.shape(), "D(mmmm)", "the group is one again");
        talk.come(1, true);
        talk.come(1, true);
        assert_eq!(talk.shape(), "D(mmmm)N(mm)", "later news have a line of their own");
        talk.stream.seen();
        talk.come(1, true);
        assert_eq!(talk.shape(), "D(mmmmmm)N(m)", "news after what was seen, which was not left");
        talk.leave();
        assert_eq!(talk.shape(), "D(mmmmmm)N(m)");
        talk.send();
        assert_eq!(talk.shape(), "D(mmmmmmm)");
    }

    #[test]
    fn without_the_line_only_what_belongs_together_is_one_group() {
        for (first, second, later_ms, shape) in [
            (1, 1, 1, "D(mm)"),
            (1, 2, 1, "D(m)(m)"),
            (1, 1, GROUP_MS - 1, "D(mm)"),
            (1, 1, GROUP_MS, "D(m)(m)"),
            (1, 1, DAY, "D(m)D(m)"),
        ] {
            let mut talk = Talk::new();
            talk.come(first, false);
            talk.now_ms += later_ms;
            talk.come(second, true);
            talk.send();
            assert_eq!(talk.shape(), shape, "{later_ms} later");
        }
    }

    #[test]
    fn the_oldest_rows_go_and_the_others_are_still_found() {
        let mut talk = Talk::new();
        for _ in 0..3 {
            talk.come(1, false);
            talk.now_ms += DAY;
        }
        assert_eq!(talk.shape(), "D(m)D(m)D(m)");
        talk.stream.remove(RowId(0));
        talk.stream.remove(RowId(0));
        assert_eq!(talk.shape(), "D(m)D(m)");
        let places = [0, 1, 2].map(|id| talk.stream.place_of(RowId(id)));
        assert_eq!(places, [None, Some(1), Some(3)]);
    }

    #[test]
    fn a_full_room_is_shown_at_once_and_goes_on() {
        let mut talk = Talk::new();
        (0..ROWS_MAX).for_each(|_| talk.say(1));
        talk.show(0);
        assert_eq!(talk.stream.rows.row_count(), ROWS_MAX + 1);
        talk.say(2);
        talk.stream.remove(RowId(0));
        let room = talk.chat.room(MEMBERSHIP).unwrap();
        let newest = room.rows().back().unwrap();
        talk.stream.push(room, newest, false, format::day_of(NOON));
        assert_eq!(talk.stream.rows.row_count(), ROWS_MAX + 1);
        let last = talk.stream.rows.row_data(ROWS_MAX).unwrap();
        assert_eq!(last.text, format!("message {}", ROWS_MAX + 1));
        talk.stream.refresh(room, newest.id);
        assert_eq!(talk.stream.rows.row_data(ROWS_MAX).unwrap(), last);
    }
}
