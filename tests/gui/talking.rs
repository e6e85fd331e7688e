//! Writing, and what is read of a conversation: what is sent, what is said about it, what is new.

use conversa::app::conversation::Presence;
use conversa::app::{DRAFT_BYTES_MAX, MembershipEvent, MembershipId, SessionEvent};
use conversa::crypto::Fingerprint;
use conversa::gui::{DateForm, Delivery, MessageRow, OpenRoom, People, RowKind, Talking, WindowState};
use conversa::protocol::limits::TEXT_BYTES_MAX;
use conversa::protocol::{Content, Event, MessageId};
use i_slint_backend_testing::ElementHandle;
use slint::platform::{Clipboard, Key, WindowEvent};
use slint::private_unstable_api::re_exports::WindowInner;
use slint::{ComponentHandle, Model, SharedString};

use crate::person::Person;

const MINUTE: u64 = 60 * 1_000;

fn control() -> [SharedString; 1] {
    [Key::Control.into()]
}

/// Puts a text where Ctrl+V finds it.
fn put_on_clipboard(ann: &Person, text: &str) {
    let window = WindowInner::from_pub(ann.app().window());
    window.context().platform().set_clipboard_text(text, Clipboard::DefaultClipboard);
}

fn trouble(ann: &Person) -> String {
    ann.line(ann.global::<Talking>().get_writing_trouble())
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// Somebody with a room of their own, where a member called Bo is on paper only.
pub(crate) fn room_with_bo() -> (Person, MembershipId, Fingerprint) {
    let ann = Person::new("ann");
    ann.host("Friday crew", false);
    ann.press("Close");
    let membership = MembershipId(ann.global::<OpenRoom>().get_view().id.parse().unwrap());
    let bo = Fingerprint::from_bytes([7; 32]);
    for event in [
        Event::MemberJoined { member: bo },
        Event::MemberNamed { member: bo, name: "Bo".into() },
        Event::MemberHere { member: bo },
    ] {
        told(&ann, membership, event);
    }
    (ann, membership, bo)
}

fn told(ann: &Person, membership: MembershipId, event: Event) {
    ann.app_is_told(SessionEvent::Membership { membership, event: MembershipEvent::Protocol(event) });
}

fn says(ann: &Person, membership: MembershipId, from: Fingerprint, text: &str, sent_ms: u64) -> MessageRow {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&(ann.global::<Talking>().get_rows().row_count() as u64).to_be_bytes());
    told(ann, membership, Event::Message { id: MessageId(id), from, content: Content::text(text), sent_ms });
    ann.global::<Talking>().get_rows().iter().last().unwrap()
}

fn activate(ann: &Person, active: bool) {
    ann.app().window().dispatch_event(WindowEvent::WindowActiveChanged(active));
    // The window looks twice a second.
    (0..12).for_each(|_| ann.step());
}

#[test]
fn what_is_sent_has_no_white_space_around_it() {
    let ann = Person::new("ann");
    ann.host("Friday crew", false);
    ann.press("Close");
    for nothing in ["  ", "\u{3000}\u{a0}", "\u{2028}\u{85}", "\u{200b}", "\u{3164}", "\u{2800}"] {
        ann.type_text(nothing);
        assert!(!ann.is_enabled("Send"), "{nothing:?}");
        ann.key(Key::Return);
        ann.step();
        assert!(
            ann.said().is_empty() && !ann.global::<Talking>().get_draft().is_empty(),
            "{nothing:?} stays where it was typed"
        );
        ann.chord(&control(), "a");
        ann.key(Key::Backspace);
    }
    put_on_clipboard(&ann, "\n  if a {\n      b\n  }\n\n");
    ann.chord(&control(), "v");
    assert!(ann.is_enabled("Send"));
    ann.press("Send");
    ann.wait("the message", |ann| ann.said().len() == 1);
    assert_eq!(ann.said(), ["if a {\n      b\n  }"], "inner lines keep their own");
    assert_eq!(ann.global::<Talking>().get_draft(), "");
}

#[test]
fn what_is_too_long_is_said_above_the_composer_and_nothing_is_lost() {
    let ann = Person::new("ann");
    ann.host("Friday crew", false);
    ann.press("Close");
    ann.type_text("Look: ");
    let long = "words ".repeat(TEXT_BYTES_MAX / 6 + 10);
    put_on_clipboard(&ann, &long);
    ann.chord(&control(), "v");
    let draft = ann.global::<Talking>().get_draft();
    assert_eq!(draft.len(), 6 + long.len());
    let told = format!("This message has {} bytes; a message may have {TEXT_BYTES_MAX}.", draft.trim().len());
    assert!(trouble(&ann).starts_with(&told) && ann.reads(&told), "{}", trouble(&ann));
    assert!(!ann.is_enabled("Send"));
    ann.key(Key::Return);
    ann.step();
    assert!(ann.said().is_empty());
    assert_eq!(ann.global::<Talking>().get_draft(), draft, "it can be shortened");
    // Long enough to read it, however long that takes.
    (0..20).for_each(|_| i_slint_backend_testing::mock_elapsed_time(std::time::Duration::from_secs(1)));
    assert!(ann.reads(&told));
    ann.chord(&control(), "a");
    ann.type_text("short");
    assert_eq!((trouble(&ann).as_str(), ann.is_enabled("Send")), ("", true));

    // Much too long: it does not come in, by whichever way.
    put_on_clipboard(&ann, &"x".repeat(431_000));
    // What does not ask is laid out before it goes again, which takes a test a while.
    let more = "xx ".repeat(DRAFT_BYTES_MAX / 3 + 10);
    let ways: [(&str, &dyn Fn()); 3] = [
        ("pasted", &|| ann.chord(&control(), "v")),
        ("pasted in the old way", &|| ann.chord(&[Key::Shift.into()], Key::Insert)),
        ("dropped in from elsewhere", &|| ann.key(more.as_str())),
    ];
    for (way, comes) in ways {
        ann.key(Key::LeftArrow);
        comes();
        (0..3).for_each(|_| ann.step());
        assert_eq!(ann.global::<Talking>().get_draft(), "short", "{way}");
        let told = trouble(&ann);
        assert!(told.contains("too long to write here") && ann.reads("too long to write here"), "{way}: {told}");
        ann.type_text("+");
        assert_eq!(
            (ann.global::<Talking>().get_draft().as_str(), trouble(&ann).as_str()),
            ("shor+t", ""),
            "{way}: the caret stays"
        );
        for _ in 0..4 {
            ann.chord(&control(), "z");
            assert!(!ann.global::<Talking>().get_draft().contains("xx"), "{way}: it does not come back");
        }
        ann.chord(&control(), "a");
        ann.type_text("short");
    }
    // The same where nothing was there.
    ann.chord(&control(), "a");
    ann.key(Key::Backspace);
    ann.key(more.as_str());
    (0..3).for_each(|_| ann.step());
    assert_eq!(ann.global::<Talking>().get_draft(), "");
    ann.chord(&control(), "z");
    ann.type_text("a");
    assert_eq!(ann.global::<Talking>().get_draft().len(), 1);
}

#[test]
fn a_long_draft_is_there_after_a_restart_with_the_caret_at_its_end() {
    let ann = Person::new("ann");
    ann.host("Friday crew", false);
    ann.press("Close");
    let long = "words ".repeat(TEXT_BYTES_MAX / 6 + 10);
    put_on_clipboard(&ann, &long);
    ann.chord(&control(), "v");
    let ann = Person::again(ann.quit());
    ann.wait("the draft", |ann| ann.global::<Talking>().get_draft() == long.as_str());
    assert!(trouble(&ann).contains("a message may have"), "it is still too long");
    ann.type_text("!");
    assert_eq!(ann.global::<Talking>().get_draft(), format!("{long}!"));

    ann.chord(&control(), "a");
    ann.type_text("half a thou");
    let ann = Person::again(ann.quit());
    ann.wait("the draft", |ann| ann.global::<Talking>().get_draft() == "half a thou");
    ann.type_text("ght");
    assert_eq!(ann.global::<Talking>().get_draft(), "half a thought");
}

#[test]
fn a_word_goes_and_a_failure_stays_until_it_is_dismissed() {
    let ann = Person::new("ann");
    ann.host("Friday crew", false);
    ann.press("Copy invite");
    let wait =
        || (0..200).for_each(|_| i_slint_backend_testing::mock_elapsed_time(std::time::Duration::from_millis(50)));
    assert!(ann.sees("Copied") && !ann.sees("Dismiss"));
    wait();
    assert!(!ann.sees("Copied"));
    ann.press("Close");

    let failed = conversa::gui::TroubleView {
        title: conversa::gui::Sentence {
            english: "No browser could be started. ".repeat(8).into(),
            ..Default::default()
        },
        ..Default::default()
    };
    let size = slint::LogicalSize::new(400.0, 740.0);
    ann.app().window().set_size(size);
    ann.app().window().dispatch_event(WindowEvent::Resized { size });
    for dismiss in
        [|ann: &Person| ann.press("Dismiss"), |ann: &Person| ann.key(Key::Escape), |ann: &Person| ann.click("Dismiss")]
    {
        ann.global::<WindowState>().set_toast_stays(true);
        ann.global::<WindowState>().set_toast(failed.clone());
        ann.step();
        wait();
        let toast = ElementHandle::find_by_accessible_label(ann.app(), failed.title.english.as_str()).next().unwrap();
        let (corner, size) = (toast.absolute_position(), toast.size());
        assert!(
            corner.x >= 0.0 && corner.x + size.width <= 400.0 && size.height > 60.0,
            "it wraps: {corner:?} {size:?}"
        );
        dismiss(&ann);
        ann.step();
        assert!(!ann.sees("Dismiss") && ann.line(ann.global::<WindowState>().get_toast()).is_empty());
        assert_eq!(ann.global::<OpenRoom>().get_view().name, "Friday crew", "and nothing else happens");
    }
}

#[test]
fn the_line_above_what_is_new_goes_once_it_was_seen_and_left() {
    let (ann, membership, bo) = room_with_bo();
    let shape = |ann: &Person| -> String {
        let rows = ann.global::<Talking>().get_rows();
        let sign = |row: MessageRow| {
            let new = if row.new_above { "N" } else { "" };
            format!("{new}{}m{}", if row.first { "(" } else { "" }, if row.last { ")" } else { "" })
        };
        rows.iter().filter(|row| row.kind == RowKind::Message).map(sign).collect()
    };
    says(&ann, membership, bo, "one", now_ms());
    assert_eq!(shape(&ann), "(m)", "seen as it came");
    activate(&ann, false);
    says(&ann, membership, bo, "two", now_ms());
    says(&ann, membership, bo, "three", now_ms());
    assert_eq!(shape(&ann), "(m)N(mm)");
    activate(&ann, true);
    assert_eq!(shape(&ann), "(m)N(mm)", "to be found");
    says(&ann, membership, bo, "four", now_ms());
    assert_eq!(shape(&ann), "(m)N(mmm)");
    activate(&ann, false);
    assert_eq!(shape(&ann), "(mmmm)", "seen and left");
    says(&ann, membership, bo, "five", now_ms());
    assert_eq!(shape(&ann), "(mmmm)N(m)", "later news");

    // With the keyboard here, but reading further up.
    activate(&ann, true);
    ann.global::<Talking>().set_at_end(false);
    says(&ann, membership, bo, "six", now_ms());
    assert_eq!(shape(&ann), "(mmmmm)N(m)", "the line is where one left off");
    activate(&ann, false);
    assert_eq!(shape(&ann), "(mmmmm)N(m)", "it was not in view");
    activate(&ann, true);
    ann.global::<Talking>().set_at_end(true);
    ann.app().global::<Talking>().invoke_reached_end();
    activate(&ann, false);
    assert_eq!(shape(&ann), "(mmmmmm)");
}

#[test]
fn the_written_time_is_shown_and_the_other_where_they_differ() {
    let (ann, membership, bo) = room_with_bo();
    let now = now_ms();
    let row = says(&ann, membership, bo, "now", now);
    let forms = |row: &MessageRow| (row.shown.form, row.came.form, row.claimed.form);
    assert_eq!(forms(&row), (DateForm::None, DateForm::None, DateForm::None));
    assert!(!ann.reads("came") && !ann.reads("clock says"));
    let clock = |ms: u64| says(&ann, membership, bo, "at its time", ms).time;

    let late = says(&ann, membership, bo, "late", now - 10 * MINUTE);
    assert_eq!((late.came.form, late.claimed.form), (DateForm::Clock, DateForm::None));
    assert_ne!(late.time, late.came.clock);
    let old = says(&ann, membership, bo, "old", now - 3 * 24 * 60 * MINUTE);
    assert_eq!(forms(&old), (DateForm::LongClock, DateForm::Clock, DateForm::None));

    // What cannot be is not shown, and moves nothing.
    for claimed in [0, 1, 4_000_000_000_000, u64::MAX, now + 60 * MINUTE] {
        let rows = ann.global::<Talking>().get_rows().row_count();
        let row = says(&ann, membership, bo, &format!("claims {claimed}"), claimed);
        assert_eq!(forms(&row), (DateForm::None, DateForm::None, DateForm::LongYear), "{claimed}");
        let (before, after) = (clock(now_ms()), clock(now_ms()));
        assert!(row.time == before || row.time == after, "{claimed}: {}", row.time);
        assert_eq!(ann.global::<Talking>().get_rows().row_count(), rows + 3, "no other day");
    }
    let described = |text: &str| {
        let bubble = ElementHandle::find_by_accessible_label(ann.app(), &format!("Bo: {text}")).next().unwrap();
        String::from(bubble.accessible_description().unwrap())
    };
    assert!(
        described("late").contains(&format!("Written {}, came {}", late.time, late.came.clock)),
        "{}",
        described("late")
    );
    assert!(described("claims 0").contains("The sender's clock says 1 January 1970"), "{}", described("claims 0"));
}

#[test]
fn who_comes_and_goes_is_told_of_the_people_and_not_among_the_messages() {
    let (ann, membership, bo) = room_with_bo();
    let rows = ann.global::<Talking>().get_rows().row_count();
    assert_eq!(ann.global::<OpenRoom>().get_view().here, 2);
    for _ in 0..4 {
        for (event, presence, here) in [
            (Event::MemberAway { member: bo, cut: false }, Presence::Away, 1),
            (Event::MemberHere { member: bo }, Presence::Here, 2),
            (Event::MemberAway { member: bo, cut: true }, Presence::Cut, 1),
            (Event::MemberHere { member: bo }, Presence::Here, 2),
        ] {
            told(&ann, membership, event);
            assert_eq!(ann.global::<OpenRoom>().get_view().here, here);
            let row = ann.global::<People>().get_members().iter().find(|member| member.name == "Bo").unwrap();
            assert_eq!((row.here, row.cut), (presence == Presence::Here, presence == Presence::Cut));
            assert!(ann.reads(&format!("2 members, {here} here")));
        }
    }
    assert_eq!(ann.global::<Talking>().get_rows().row_count(), rows);
}

#[test]
fn screen_readers_are_told_of_what_comes_and_how_far_what_goes_is() {
    let (ann, membership, bo) = room_with_bo();
    let news = |ann: &Person, words: &str| ann.count(words) + ann.count(&format!("{words} "));
    says(&ann, membership, bo, "hello", now_ms());
    assert_eq!(news(&ann, "Bo: hello"), 2, "the bubble, and what is said of it");
    // The same again: what is said differs from what was said.
    let said = || (ann.count("Bo: hello"), ann.count("Bo: hello "));
    let first = said();
    says(&ann, membership, bo, "hello", now_ms());
    let second = said();
    assert_ne!(first.1, second.1, "{first:?} {second:?}");
    told(&ann, membership, Event::MemberRemoved { member: bo });
    assert_eq!(news(&ann, "The owner removed Bo"), 2);

    ann.type_text("Mine");
    ann.press("Send");
    // Nobody else is here.
    ann.wait("it waits", |ann| {
        ann.global::<Talking>().get_rows().iter().last().is_some_and(|row| row.delivery == Delivery::Queued)
    });
    let own = ElementHandle::find_by_accessible_label(ann.app(), "You: Mine").next().unwrap();
    assert!(own.accessible_description().unwrap().starts_with("Queued · "), "{:?}", own.accessible_description());
}
