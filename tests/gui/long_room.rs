//! A room of many messages, of which the window has a part: it is read like any other, whichever way one goes, and
//! nothing in it moves by itself.

use conversa::app::conversation::Message;
use conversa::app::{EarlierMessage, EarlierMessages, MembershipEvent, MembershipId, SessionEvent};
use conversa::crypto::Fingerprint;
use conversa::gui::Talking;
use conversa::protocol::{Content, Event, MessageId};
use i_slint_core::input::{BackendMouseEvent, TouchPhase};
use i_slint_core::lengths::LogicalPoint;
use i_slint_core::platform::InternalEvent;
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::private_unstable_api::re_exports::WindowInner;
use slint::{ComponentHandle, LogicalPosition, LogicalSize, Model, SharedString};

use crate::person::Person;
use crate::scrolling::{CLOSE, FRAME, NOTCH, NOTCH_FRAMES, messages, seen};
use crate::talking::room_with_bo;

/// Three times what the window has of it.
const MESSAGES: usize = 1_200;
const SIZE: LogicalSize = LogicalSize::new(520.0, 560.0);

/// Somebody who reads a long room.
struct Reader {
    ann: Person,
    membership: MembershipId,
    bo: Fingerprint,
    said: usize,
    /// Where the messages are on screen. To find that takes as long as a frame.
    top: f32,
    bottom: f32,
}

impl Reader {
    fn new() -> Self {
        let (ann, membership, bo) = room_with_bo();
        ann.app().window().set_size(SIZE);
        ann.app().window().dispatch_event(WindowEvent::Resized { size: SIZE });
        let mut reader = Self { ann, membership, bo, said: 0, top: 0.0, bottom: 0.0 };
        (0..MESSAGES).for_each(|_| reader.says());
        reader.frames(20);
        let list = messages(reader.ann.app());
        reader.top = list.absolute_position().y;
        reader.bottom = reader.top + list.size().height;
        reader.is_whole("opened");
        assert_eq!(reader.newest_seen(), MESSAGES, "the newest message is what one sees first");
        reader
    }

    /// Bo says something: a line, or up to eight.
    fn says(&mut self) {
        self.said += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(self.said as u64).to_be_bytes());
        let text = format!("m{}.{}", self.said, " and a few words more".repeat(self.said * 7 % 23));
        let event = Event::Message { id: MessageId(id), from: self.bo, content: Content::text(text), sent_ms: 1 };
        let event = MembershipEvent::Protocol(event);
        self.ann.app_will_show(SessionEvent::Membership { membership: self.membership, event });
    }

    /// Messages from before this run come above all others.
    fn remembers(&self, count: u64) {
        let said = |number: u64| {
            let id = MessageId([u8::try_from(number % 256).unwrap(); 16]);
            let content = Content::text(format!("earlier {number}"));
            EarlierMessage { came_ms: 1, message: Message { id, from: self.bo, content, sent_ms: 1, delivery: None } }
        };
        let page = EarlierMessages { messages: (0..count).map(said).collect(), ..EarlierMessages::default() };
        let event = MembershipEvent::Earlier(page);
        self.ann.app_will_show(SessionEvent::Membership { membership: self.membership, event });
    }

    fn frames(&self, count: usize) {
        for _ in 0..count {
            i_slint_backend_testing::mock_elapsed_time(FRAME);
            self.draw();
        }
    }

    fn draw(&self) {
        WindowInner::from_pub(self.ann.app().window()).ensure_tree_instantiated();
    }

    fn seen(&self) -> Vec<(usize, f32, f32)> {
        seen(self.ann.app()).into_iter().filter(|(_, top, bottom)| *bottom > self.top && *top < self.bottom).collect()
    }

    fn newest_seen(&self) -> usize {
        self.seen().last().unwrap().0
    }

    /// Message stands below message, from the top to the bottom, and none is missing.
    fn is_whole(&self, what: &str) {
        let seen = self.seen();
        for pair in seen.windows(2) {
            let ((above, _, bottom), (below, top, _)) = (pair[0], pair[1]);
            // A time and a day may stand between two.
            assert!(below == above + 1 && (0.0..60.0).contains(&(top - bottom)), "{what}: {seen:?}");
        }
        let (Some(first), Some(last)) = (seen.first(), seen.last()) else { panic!("{what}: nothing is seen") };
        let is_full = (first.0 == 1 || first.1 < self.top + 60.0) && last.2 > self.bottom - 60.0;
        assert!(is_full, "{what}: {seen:?} between {} and {}", self.top, self.bottom);
    }

    /// Whatever is read stays where it is, also when messages come.
    fn stays(&mut self, what: &str) {
        let before = self.seen();
        for _ in 0..4 {
            self.says();
            self.frames(10);
            let after = self.seen();
            assert_eq!(after.len(), before.len(), "{what}");
            let is_there = |((was, top, _), (is, now, _)): (&(usize, f32, f32), &(usize, f32, f32))| {
                was == is && (top - now).abs() < CLOSE
            };
            assert!(before.iter().zip(&after).all(is_there), "{what}: {before:?} became {after:?}");
        }
    }

    fn wheel(&self, notches: usize, up: bool) {
        let position = LogicalPoint::new(SIZE.width / 2.0, (self.top + self.bottom) / 2.0);
        let delta_y = if up { NOTCH } else { -NOTCH };
        for _ in 0..notches {
            let turn = BackendMouseEvent::Wheel { position, delta_x: 0.0, delta_y, phase: TouchPhase::Moved };
            self.ann.app().window().dispatch_event(WindowEvent::internal(InternalEvent::from(turn)));
        }
    }

    /// Turns the wheel until a message is seen, and watches: whatever is still seen a few frames later moved by the same
    /// way, and nothing is missing.
    fn turn(&self, up: bool, wanted: usize) {
        let mut before = self.seen();
        for step in 0..300 {
            if before.iter().any(|(number, ..)| *number == wanted) {
                return;
            }
            self.wheel(6, up);
            for frame in [4, 8] {
                self.frames(4);
                let after = self.seen();
                let what = format!("step {step}, frame {frame}: {before:?} became {after:?}");
                let ways: Vec<f32> = before.iter().filter_map(|one| way(one, &after)).collect();
                let way = *ways.first().unwrap_or_else(|| panic!("nothing stayed in {what}"));
                assert!(ways.iter().all(|other| (other - way).abs() < CLOSE), "{what}");
                assert!(if up { way > -CLOSE } else { way < CLOSE }, "it went {way}: {what}");
                before = after;
            }
            self.is_whole(&format!("step {step}"));
        }
        panic!("message {wanted} was never seen, but {before:?}");
    }

    fn key(&self, key: Key) {
        let text: SharedString = key.into();
        self.ann.app().window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        self.ann.app().window().dispatch_event(WindowEvent::KeyReleased { text });
    }

    fn at_end(&self) -> bool {
        self.ann.global::<Talking>().get_at_end()
    }
}

/// By how much a message went down, if it is still seen.
fn way((number, before, _): &(usize, f32, f32), after: &[(usize, f32, f32)]) -> Option<f32> {
    after.iter().find(|(other, ..)| other == number).map(|(_, now, _)| now - before)
}

#[test]
fn the_wheel_goes_up_and_down_through_a_long_room_without_a_jump() {
    let mut reader = Reader::new();
    // Past what the window had of it.
    reader.turn(true, MESSAGES - 450);
    reader.frames(NOTCH_FRAMES);
    reader.stays("further up");
    reader.turn(false, MESSAGES - 300);
    reader.frames(NOTCH_FRAMES);
    reader.stays("on the way down");
    reader.ann.app().invoke_scroll_to_end();
    reader.frames(20);
    assert!(reader.at_end() && reader.newest_seen() == reader.said);
}

#[test]
fn keys_go_to_both_ends_of_a_long_room_and_page_from_there() {
    let mut reader = Reader::new();
    // From where one writes, a page; the list itself is the last place but one before that.
    reader.ann.app().invoke_focus_composer();
    reader.key(Key::PageUp);
    reader.frames(2);
    reader.is_whole("a page up");
    let shift: SharedString = Key::Shift.into();
    for _ in 0..30 {
        reader.ann.app().window().dispatch_event(WindowEvent::KeyPressed { text: shift.clone() });
        reader.key(Key::Tab);
        reader.ann.app().window().dispatch_event(WindowEvent::KeyReleased { text: shift.clone() });
        reader.key(Key::Home);
        reader.frames(2);
        if reader.seen().first().is_some_and(|(number, ..)| *number == 1) {
            break;
        }
    }
    reader.is_whole("the beginning");
    assert_eq!(reader.seen()[0].0, 1, "the first message");
    reader.stays("the beginning");
    for pages in 1..12 {
        let before = reader.newest_seen();
        reader.key(Key::PageDown);
        reader.frames(2);
        reader.is_whole(&format!("{pages} pages down"));
        assert!(reader.newest_seen() > before);
    }
    reader.stays("some pages down");
    reader.key(Key::End);
    reader.frames(8);
    reader.is_whole("the end");
    assert!(reader.at_end() && reader.newest_seen() == reader.said);
    for pages in 1..40 {
        reader.key(Key::PageUp);
        reader.frames(2);
        reader.is_whole(&format!("{pages} pages up"));
    }
    reader.stays("some pages up");
}

#[test]
fn the_scroll_bar_covers_a_long_room_and_shows_it_wherever_it_is_dragged() {
    let mut reader = Reader::new();
    let window = |event| reader.ann.app().window().dispatch_event(event);
    let button = PointerEventButton::Left;
    let (x, way) = (SIZE.width - 6.0, reader.bottom - reader.top);
    let from = LogicalPosition::new(x, reader.bottom - 10.0);
    window(WindowEvent::PointerMoved { position: from });
    window(WindowEvent::PointerPressed { position: from, button });
    for (part, about) in [(0.9, 0.9), (0.5, 0.5), (0.25, 0.25), (0.75, 0.75), (0.03, 0.0), (0.0, 0.0), (0.5, 0.5)] {
        window(WindowEvent::PointerMoved { position: LogicalPosition::new(x, reader.top + part * way) });
        // Drawn at once: no time passes in which rows that are missing could come.
        reader.draw();
        reader.is_whole(&format!("dragged to {part}"));
        reader.frames(1);
        let middle = reader.seen()[0].0 as f32 / MESSAGES as f32;
        assert!((middle - about).abs() < 0.12, "{part} of the bar is message {middle} of the room");
    }
    window(WindowEvent::PointerReleased { position: LogicalPosition::new(x, reader.top + 0.5 * way), button });
    reader.frames(40);
    reader.stays("let go in the middle");
    let rows = reader.ann.global::<Talking>().get_rows().row_count();
    assert!(rows > reader.said, "all of it: {rows} rows");
}

#[test]
fn whoever_comes_back_to_the_end_has_seen_what_is_new_there() {
    let mut reader = Reader::new();
    let activate = |reader: &Reader, active| {
        reader.ann.app().window().dispatch_event(WindowEvent::WindowActiveChanged(active));
        reader.frames(40);
    };
    let line = |reader: &Reader| reader.ann.global::<Talking>().get_rows().iter().any(|row| row.new_above);
    activate(&reader, false);
    (0..4).for_each(|_| reader.says());
    reader.frames(20);
    reader.wheel(6, true);
    reader.frames(60);
    activate(&reader, true);
    assert!(!reader.at_end());
    activate(&reader, false);
    assert!(line(&reader), "its end was not in view");
    activate(&reader, true);
    reader.wheel(12, false);
    reader.frames(60);
    assert!(reader.at_end());
    activate(&reader, false);
    assert!(!line(&reader), "seen and left");
}

#[test]
fn earlier_messages_that_come_while_the_end_is_left_do_not_lead_back_to_it() {
    let reader = Reader::new();
    let rows = reader.ann.global::<Talking>().get_rows().row_count();
    let before = reader.seen();
    for (frames, notches) in [(0, 1.0), (2, 2.0)] {
        reader.wheel(1, true);
        // They were asked for by that, and the store has them at once.
        reader.frames(frames);
        reader.remembers(200);
        // Until the list has come to rest, and some more.
        reader.frames(60);
        reader.is_whole("earlier messages");
        let after = reader.seen();
        let ways: Vec<f32> = before.iter().filter_map(|one| way(one, &after)).collect();
        let wanted = notches * NOTCH;
        assert!(
            !ways.is_empty() && ways.iter().all(|way| (way - wanted).abs() < 2.0 * CLOSE),
            "{ways:?}, not {wanted}"
        );
        assert!(!reader.at_end());
    }
    assert_eq!(reader.ann.global::<Talking>().get_rows().row_count(), rows + 400);
}
