use std::cell::Cell;

use slint::Model;

use super::list::{AHEAD_ROWS, WINDOW_ROWS};
use super::*;
use crate::app::conversation::{Change, Chat, Message, ROWS_MAX};
use crate::app::{EarlierMessage, EarlierMessages, MembershipEvent, MembershipId, MembershipInfo, SessionEvent};
use crate::crypto::{Fingerprint, Suite};
use crate::gui::format;
use crate::protocol::{Content, Event, MessageId};

const MEMBERSHIP: MembershipId = MembershipId(1);
/// The middle of a day wherever this runs.
const NOON: u64 = 1_750_000_000_000;
const DAY: u64 = 24 * 3_600_000;
/// What parts two groups of one sender.
const GROUP_MS: u64 = 5 * 60 * 1_000;

/// A room whose rows come one by one.
struct Talk {
    chat: Chat,
    stream: Stream,
    now_ms: u64,
    said: u32,
    /// Whether the end is what is read.
    follows: bool,
    /// The place around which the list asked for rows.
    asked: Rc<Cell<Option<usize>>>,
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
        let asked = Rc::new(Cell::new(None));
        let asks = Rc::clone(&asked);
        let mut stream = Stream::new(move |place| asks.set(Some(place)));
        stream.show(chat.room(MEMBERSHIP), 0, format::day_of(NOON));
        Self { chat, stream, now_ms: NOON, said: 0, follows: true, asked }
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
        let newest = room.page(Page::Newest, 1)[0];
        self.stream.push(room, newest, is_new, self.follows);
    }

    fn show(&mut self, unread: usize) {
        self.stream.show(self.chat.room(MEMBERSHIP), unread, format::day_of(NOON));
    }

    fn room(&self) -> &Room {
        self.chat.room(MEMBERSHIP).unwrap()
    }

    /// What the window draws at a place, at once; rows that are asked for come before it draws again.
    fn draw(&self, place: usize) -> ui::MessageRow {
        let row = self.stream.list.row_data(place).unwrap();
        if let Some(place) = self.asked.take() {
            self.stream.read_at(self.room(), place);
        }
        row
    }

    fn newest(&self) -> ui::MessageRow {
        self.draw(self.stream.list.row_count() - 1)
    }

    fn leave(&mut self) {
        self.stream.leave();
    }

    fn send(&mut self) {
        self.stream.remove_line();
    }

    /// The rows that are here: `D` a day begins, `N` what is new begins, and a message: `(` first and `)` last of its
    /// group.
    fn shape(&self) -> String {
        let shape = |row: ui::MessageRow| {
            let day = if row.day_above == ui::When::default() { "" } else { "D" };
            let new = if row.new_above { "N" } else { "" };
            format!("{day}{new}{}m{}", if row.first { "(" } else { "" }, if row.last { ")" } else { "" })
        };
        self.here().map(shape).collect()
    }

    fn here(&self) -> impl Iterator<Item = ui::MessageRow> + use<> {
        let rows: Vec<_> = self.stream.list.window.borrow().rows.iter().map(|shown| shown.view.clone()).collect();
        rows.into_iter()
    }

    /// The numbers of the messages that are here, which are told by their texts.
    fn numbers(&self) -> Vec<usize> {
        self.here().map(|row| number(&row).unwrap()).collect()
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
    for row in room.page(Page::Newest, 2) {
        talk.stream.push(room, row, true, true);
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

fn number(row: &ui::MessageRow) -> Option<usize> {
    row.text.strip_prefix("message ")?.parse().ok()
}

/// A room of many messages in groups, with a day now and then.
fn long_talk(messages: usize) -> Talk {
    let mut talk = Talk::new();
    for number in 0..messages {
        talk.now_ms += if number % 50 == 0 { DAY } else { 1_000 };
        talk.say(u8::from(number % 5 < 3));
    }
    talk.show(0);
    talk
}

#[test]
fn whoever_reads_row_by_row_sees_each_as_if_all_were_here() {
    const MESSAGES: usize = 3_000;
    let talk = long_talk(MESSAGES);
    let count = talk.stream.list.row_count();
    let mut seen: Vec<ui::MessageRow> = (0..count).rev().map(|place| talk.draw(place)).collect();
    seen.reverse();
    assert!(talk.numbers().len() <= WINDOW_ROWS);
    let numbers: Vec<usize> = seen.iter().filter_map(number).collect();
    assert!(numbers.iter().copied().eq(1..=MESSAGES), "no row was blank, missing or there twice");
    for (place, row) in seen.iter().enumerate() {
        let message = place + 1;
        let (begins_day, begins_group) = (place % 50 == 0, [0, 3].contains(&(place % 5)));
        assert_eq!(row.day_above != ui::When::default(), begins_day, "message {message}");
        assert_eq!(row.first, begins_day || begins_group, "message {message}");
    }
    // And down again they are the same.
    (0..count).for_each(|place| assert_eq!(number(&talk.draw(place)), Some(place + 1)));
    assert_eq!(seen[count - 1].text, talk.newest().text);
}

#[test]
fn whoever_jumps_sees_blank_rows_once_and_none_if_it_was_told_before() {
    let talk = long_talk(3_000);
    assert_eq!(talk.draw(1_000).kind, ui::RowKind::Blank);
    assert_eq!(number(&talk.draw(1_000)), Some(1_001));
    assert_eq!(talk.numbers().len(), WINDOW_ROWS);
    for place in [0, 1, 2_000, 2_999, 150, usize::MAX] {
        talk.stream.read_at(talk.room(), place);
        let place = place.min(2_999);
        for place in place.saturating_sub(AHEAD_ROWS)..(place + AHEAD_ROWS).min(3_000) {
            assert_eq!(number(&talk.stream.list.row_data(place).unwrap()), Some(place + 1));
        }
        assert_eq!((talk.asked.take(), talk.numbers().len()), (None, WINDOW_ROWS), "enough for a reader at {place}");
    }
    assert!(talk.stream.list.row_data(3_000).is_none());
}

#[test]
fn the_list_asks_once_until_it_is_answered() {
    let talk = long_talk(3_000);
    talk.stream.list.row_data(10);
    assert_eq!(talk.asked.take(), Some(10));
    talk.stream.list.row_data(11);
    assert_eq!(talk.asked.take(), None);
    talk.stream.read_at(talk.room(), 10);
    talk.stream.list.row_data(2_000);
    assert_eq!(talk.asked.take(), Some(2_000));
}

#[test]
fn what_comes_while_one_reads_further_up_is_there_when_one_comes_back() {
    let mut talk = Talk::new();
    (0..1_000).for_each(|_| talk.say(1));
    talk.show(0);
    (0..9).for_each(|_| drop(talk.draw(500)));
    talk.follows = false;
    let before = talk.numbers();
    (0..50).for_each(|_| talk.come(2, true));
    assert_eq!(talk.numbers(), before, "nothing moves");
    assert_eq!(talk.stream.list.row_count(), 1_050, "but the list is longer");
    talk.stream.read_at(talk.room(), usize::MAX);
    assert_eq!(talk.numbers().last(), Some(&1_050));
    let line = |talk: &Talk| talk.here().filter(|row| row.new_above).map(|row| row.text).collect::<Vec<_>>();
    assert_eq!(line(&talk), ["message 1001"]);
    talk.stream.read_at(talk.room(), 0);
    assert!(line(&talk).is_empty(), "the line is further down");
    (0..1_050).for_each(|place| drop(talk.draw(place)));
    assert_eq!(line(&talk), ["message 1001"], "and there for whoever comes down to it");
    talk.stream.read_at(talk.room(), 0);
    talk.stream.remove_line();
    talk.stream.read_at(talk.room(), usize::MAX);
    assert!(line(&talk).is_empty(), "and gone once what is new was seen");
}

#[test]
fn whoever_reads_the_end_has_so_many_rows_above_it_and_no_more() {
    let mut talk = Talk::new();
    (0..2 * WINDOW_ROWS).for_each(|_| talk.come(1, false));
    assert_eq!(talk.numbers().len(), WINDOW_ROWS);
    assert_eq!(talk.numbers().last(), Some(&(2 * WINDOW_ROWS)));
    talk.show(2 * WINDOW_ROWS);
    assert!(!talk.shape().contains('N'), "the first that is new is further up");
    talk.stream.read_at(talk.room(), 0);
    assert!(talk.shape().starts_with("DN("), "{}", talk.shape());
}

#[test]
fn the_oldest_rows_go_and_the_others_are_still_found() {
    let mut talk = Talk::new();
    (0..ROWS_MAX).for_each(|_| talk.say(1));
    talk.show(0);
    let at = |talk: &Talk, place| number(&talk.draw(place));
    // Whoever reads the very beginning of a full room loses the first row, and keeps the others.
    talk.stream.read_at(talk.room(), 0);
    talk.follows = false;
    for gone in 1..2 * WINDOW_ROWS {
        talk.say(2);
        let (room, newest) =
            (talk.chat.room(MEMBERSHIP).unwrap(), talk.chat.room(MEMBERSHIP).unwrap().page(Page::Newest, 1)[0]);
        talk.stream.drop_gone(room);
        talk.stream.push(room, newest, false, false);
        assert_eq!((talk.stream.list.row_count(), at(&talk, 0)), (ROWS_MAX, Some(gone + 1)));
        assert!(talk.draw(0).day_above != ui::When::default(), "its day stands above the first");
        assert_eq!(at(&talk, 20), Some(gone + 21));
    }
    // In which order it is told does not count.
    talk.say(2);
    let (room, newest) = (talk.room(), talk.room().page(Page::Newest, 1)[0].clone());
    talk.stream.drop_gone(room);
    talk.stream.drop_gone(room);
    assert_eq!(talk.stream.list.row_count(), ROWS_MAX - 1);
    let room = talk.chat.room(MEMBERSHIP).unwrap();
    talk.stream.push(room, &newest, false, false);
    assert_eq!(talk.stream.list.row_count(), ROWS_MAX);
    talk.stream.refresh(talk.room(), newest.id);
    talk.stream.refresh_all(talk.room());
    talk.stream.read_at(talk.room(), usize::MAX);
    assert_eq!(number(&talk.newest()), Some(ROWS_MAX + 2 * WINDOW_ROWS));
}

/// What a list of Slint's does with what it is told must come to what the list is.
#[test]
fn the_window_is_told_of_each_change_of_a_place() {
    let mut talk = Talk::new();
    (0..ROWS_MAX - 5).for_each(|_| talk.say(1));
    talk.show(0);
    let drawn = Rc::new(slint::MapModel::new(talk.stream.rows(), |row: ui::MessageRow| row.text));
    for _ in 0..20 {
        talk.come(2, false);
        assert_eq!(drawn.row_count(), talk.stream.list.row_count());
    }
    assert_eq!(drawn.row_data(ROWS_MAX - 1), Some(talk.newest().text));
}

#[test]
fn another_day_is_another_word_for_it() {
    let mut talk = Talk::new();
    talk.come(1, false);
    let day = |talk: &Talk| talk.draw(0).day_above.form;
    assert_eq!(day(&talk), ui::DateForm::Today);
    talk.stream.day_changed(format::day_of(NOON + DAY));
    assert_eq!(day(&talk), ui::DateForm::Yesterday);
}

/// So many messages from before this run, from this number on.
fn earlier(from: u64, count: u64, more: u64) -> EarlierMessages {
    let said = |number: u64| {
        let content = Content::text(format!("message {number}"));
        let from = Fingerprint::from_bytes([1; 32]);
        let message = Message { id: MessageId([9; 16]), from, content, sent_ms: 1, delivery: None };
        EarlierMessage { came_ms: NOON - DAY + number, message }
    };
    let messages = (from..from + count).map(said).collect();
    EarlierMessages { messages, earlier: more, ..EarlierMessages::default() }
}

fn tell(talk: &mut Talk, page: EarlierMessages) {
    let event = MembershipEvent::Earlier(page);
    let changes = talk.chat.apply(&SessionEvent::Membership { membership: MEMBERSHIP, event }, NOON);
    for change in changes {
        if let Change::RowsBefore { count, new_from, .. } = change {
            talk.stream.put_before(talk.chat.room(MEMBERSHIP).unwrap(), count, new_from);
        }
    }
}

#[test]
fn the_line_goes_up_to_where_what_was_not_read_begins() {
    let mut talk = Talk::new();
    let line = |talk: &Talk| talk.here().position(|row| row.new_above).map(|at| talk.numbers()[at]);
    let new = |page, new| EarlierMessages { new, unread: 25, ..page };
    // The open room: what it had is told after it was shown, page by page.
    tell(&mut talk, new(earlier(30, 10, 30), 10));
    assert_eq!(line(&talk), Some(30));
    talk.stream.seen();
    tell(&mut talk, EarlierMessages { new: 10, ..earlier(20, 10, 20) });
    assert_eq!(line(&talk), Some(20), "seen, and still to be found");
    tell(&mut talk, EarlierMessages { new: 5, ..earlier(10, 10, 10) });
    assert_eq!(line(&talk), Some(15));
    tell(&mut talk, earlier(5, 5, 5));
    assert_eq!(line(&talk), Some(15), "what was read stands above it");
    talk.leave();
    assert_eq!(line(&talk), None);

    // A room that is opened later, with fewer of them than there are.
    let mut talk = Talk::new();
    talk.stream.show(None, 0, format::day_of(NOON));
    let event = MembershipEvent::Earlier(new(earlier(30, 10, 30), 10));
    talk.chat.apply(&SessionEvent::Membership { membership: MEMBERSHIP, event }, NOON);
    talk.show(talk.room().unread);
    assert_eq!((talk.room().unread, line(&talk)), (25, Some(30)));
    tell(&mut talk, EarlierMessages { new: 10, ..earlier(20, 10, 20) });
    assert_eq!(line(&talk), Some(20));
    talk.send();
    tell(&mut talk, EarlierMessages { new: 5, ..earlier(10, 10, 10) });
    assert_eq!(line(&talk), None, "it was taken away");
    // Opened again, nothing of it is new; and what came meanwhile begins where it begins.
    talk.show(0);
    tell(&mut talk, EarlierMessages { new: 5, ..earlier(5, 5, 5) });
    assert_eq!(line(&talk), None);
    talk.said = 39;
    talk.say(1);
    talk.show(1);
    tell(&mut talk, EarlierMessages { new: 5, ..earlier(0, 5, 0) });
    assert_eq!(line(&talk), Some(40));
}

#[test]
fn rows_from_before_get_places_above_the_others() {
    let mut talk = Talk::new();
    // Before anything else is there, and then above what was said since.
    tell(&mut talk, earlier(1_400, 100, 1_400));
    assert_eq!(talk.numbers(), (1_400..1_500).collect::<Vec<_>>());
    talk.said = 1_499;
    talk.come(2, false);
    assert_eq!(talk.shape().matches('D').count(), 2, "another day: {}", talk.shape());
    for from in (400..1_400).step_by(200).collect::<Vec<_>>().into_iter().rev() {
        tell(&mut talk, earlier(from, 200, from));
        assert!(talk.numbers().len() <= WINDOW_ROWS);
    }
    let count = talk.stream.list.row_count();
    assert_eq!(count, 1_101);
    let drawn: Vec<_> = (0..count).rev().map(|place| number(&talk.draw(place))).collect();
    assert!(drawn.into_iter().rev().eq((400..=1_500).map(Some)), "each once, in order, and none blank");
    // A list that is shown anew has their places already.
    talk.show(0);
    let room = talk.chat.room(MEMBERSHIP).unwrap();
    talk.stream.put_before(room, 200, None);
    assert_eq!(talk.stream.list.row_count(), 1_101);
}
