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
    /// Whether the end is what is read.
    follows: bool,
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
        Self { chat, stream: Stream::new(), now_ms: NOON, said: 0, follows: true }
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
        self.stream.push(room, newest, is_new, self.follows, format::day_of(NOON));
    }

    fn show(&mut self, unread: usize) {
        self.stream.show(self.chat.room(MEMBERSHIP), unread, format::day_of(NOON));
    }

    fn older(&mut self, times: usize) {
        for _ in 0..times {
            let before = self.stream.slots.len();
            let came = self.stream.older(self.chat.room(MEMBERSHIP).unwrap());
            assert!(came > 0 || self.stream.slots.len() == before);
        }
    }

    fn newest(&self) -> ui::MessageRow {
        self.stream.rows.row_data(self.stream.rows.row_count() - 1).unwrap()
    }

    fn leave(&mut self) {
        self.stream.leave();
    }

    fn send(&mut self) {
        self.stream.remove_line();
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
    for row in room.page(Page::Newest, 2) {
        talk.stream.push(room, row, true, true, format::day_of(NOON));
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
    talk.stream.remove(RowId(1));
    talk.stream.remove(RowId(2));
    assert_eq!(talk.shape(), "");
}

/// The numbers of the messages in the list, which are told by their texts.
fn numbers(talk: &Talk) -> Vec<usize> {
    let number = |row: ui::MessageRow| row.text.strip_prefix("message ")?.parse().ok();
    talk.stream.rows.iter().filter_map(number).collect()
}

fn is_in_order(numbers: &[usize]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

#[test]
fn a_long_room_is_a_window_that_goes_up_and_down_again() {
    const MESSAGES: usize = 3_000;
    let mut talk = Talk::new();
    for number in 0..MESSAGES {
        // Groups, and a day now and then.
        talk.now_ms += if number % 50 == 0 { DAY } else { 1_000 };
        talk.say(u8::from(number % 5 < 3));
    }
    talk.show(0);
    assert_eq!(numbers(&talk).last(), Some(&MESSAGES));
    let mut seen = numbers(&talk).len();
    for _ in 0..MESSAGES.div_ceil(PAGE_ROWS) {
        talk.older(1);
        let numbers = numbers(&talk);
        assert!(is_in_order(&numbers) && numbers.len() <= WINDOW_ROWS, "{} rows", numbers.len());
        assert!(talk.shape().starts_with("D("), "a day stands above the first");
        seen += 1;
    }
    assert!(seen > 1 && numbers(&talk)[0] == 1, "{:?}", numbers(&talk)[0]);
    let top = talk.shape();
    talk.older(1);
    assert_eq!(talk.shape(), top, "there is nothing above the first message");
    for _ in 0..MESSAGES.div_ceil(PAGE_ROWS) {
        talk.stream.newer(talk.chat.room(MEMBERSHIP).unwrap());
        let numbers = numbers(&talk);
        assert!(is_in_order(&numbers) && numbers.len() <= WINDOW_ROWS, "{} rows", numbers.len());
    }
    assert_eq!(numbers(&talk).last(), Some(&MESSAGES));
    // As it is shown at once, but for what is above.
    let shape = talk.shape();
    talk.show(0);
    let at_once = talk.shape();
    let from = shape.len() - at_once.len();
    let (_, same) = at_once.split_at(at_once.find(')').unwrap());
    assert!(shape[from..].ends_with(same), "{shape} and {at_once}");
}

#[test]
fn what_comes_while_one_reads_further_up_is_there_when_one_comes_back() {
    let mut talk = Talk::new();
    (0..1_000).for_each(|_| talk.say(1));
    talk.show(0);
    talk.older(6);
    talk.follows = false;
    let before = numbers(&talk);
    (0..50).for_each(|_| talk.come(2, true));
    assert_eq!(numbers(&talk), before, "nothing moves");
    talk.stream.show_end(talk.chat.room(MEMBERSHIP).unwrap());
    assert_eq!(numbers(&talk).last(), Some(&1_050));
    assert!(talk.shape().contains("N("), "and it has its line: {}", talk.shape());
    assert_eq!(talk.shape().matches('N').count(), 1);
    let line = talk.stream.slots.iter().position(|slot| *slot == Slot::New).unwrap();
    assert_eq!(talk.stream.rows.row_data(line + 1).unwrap().text, "message 1001");
    talk.stream.show_start(talk.chat.room(MEMBERSHIP).unwrap());
    assert_eq!(numbers(&talk)[0], 1);
    // Down to the line again, page by page.
    (0..20).for_each(|_| talk.stream.newer(talk.chat.room(MEMBERSHIP).unwrap()));
    assert_eq!((numbers(&talk).last(), talk.shape().matches('N').count()), (Some(&1_050), 1));
    talk.older(20);
    assert_eq!(talk.shape().matches('N').count(), 0, "out of the window");
    talk.stream.remove_line();
    talk.stream.show_end(talk.chat.room(MEMBERSHIP).unwrap());
    assert_eq!(talk.shape().matches('N').count(), 0, "and gone once what is new was seen");
}

#[test]
fn whoever_reads_the_end_has_so_many_rows_above_it_and_no_more() {
    let mut talk = Talk::new();
    (0..2 * WINDOW_ROWS).for_each(|_| talk.come(1, false));
    assert_eq!(numbers(&talk).len(), WINDOW_ROWS);
    assert_eq!(numbers(&talk).last(), Some(&(2 * WINDOW_ROWS)));
    assert!(talk.shape().starts_with("Dm"), "the group goes on above the list");
    talk.show(2 * WINDOW_ROWS);
    assert_eq!(talk.shape().matches('N').count(), 0, "the first that is new is further up");
    talk.older(9);
    assert!(talk.shape().starts_with("DN("), "{}", talk.shape());
}

#[test]
fn the_oldest_row_goes_from_a_full_room_and_the_list_goes_on() {
    let mut talk = Talk::new();
    (0..ROWS_MAX).for_each(|_| talk.say(1));
    talk.show(0);
    talk.come(2, false);
    talk.stream.remove(RowId(0));
    assert_eq!(numbers(&talk).last(), Some(&(ROWS_MAX + 1)));
    let room = talk.chat.room(MEMBERSHIP).unwrap();
    let newest = room.page(Page::Newest, 1)[0];
    let last = talk.newest();
    talk.stream.refresh(room, newest.id);
    talk.stream.refresh_all(room);
    assert_eq!(talk.newest(), last);
    talk.stream.show_start(room);
    assert_eq!(numbers(&talk)[0], 2, "the oldest that is kept");
}
