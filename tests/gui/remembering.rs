//! What was said before the window was closed is there when it opens again.

use std::time::Duration;

use conversa::gui::{Delivery, Hosting, MessageRow, OpenRoom, Rooms, Talking, When};
use i_slint_core::input::{BackendMouseEvent, TouchPhase};
use i_slint_core::lengths::LogicalPoint;
use i_slint_core::platform::InternalEvent;
use slint::platform::WindowEvent;
use slint::{ComponentHandle, Model};

use crate::guest::Guest;
use crate::person::Person;
use crate::scrolling::NOTCH;

fn rows(ann: &Person) -> Vec<MessageRow> {
    ann.global::<Talking>().get_rows().iter().collect()
}

fn texts(ann: &Person) -> Vec<String> {
    rows(ann).into_iter().map(|row| row.text.into()).filter(|text: &String| !text.is_empty()).collect()
}

fn say(ann: &Person, texts: impl Iterator<Item = String>) {
    texts.for_each(|text| ann.global::<Talking>().invoke_send(text.into()));
}

#[test]
fn what_was_said_is_there_when_the_window_opens_again() {
    let (ann, mut bo) = (Person::new("ann"), Guest::new("bo", "Bo"));
    ann.host("Friday", false);
    let invite: String = ann.global::<Hosting>().get_invite().link.into();
    ann.press("Close");
    let membership = bo.join(&invite, false);
    ann.wait_with(&mut [&mut bo], "Bo", |ann, _| ann.global::<OpenRoom>().get_view().here == 2);
    bo.session.send(membership, "one").unwrap();
    ann.wait_with(&mut [&mut bo], "what Bo says", |ann, _| texts(ann) == ["one"]);
    say(&ann, std::iter::once("two".to_owned()));
    ann.wait_with(&mut [&mut bo], "a receipt", |ann, _| {
        rows(ann).last().is_some_and(|row| row.delivery == Delivery::Delivered)
    });
    let ann = Person::again(ann.quit());
    ann.wait("what was said", |ann| texts(ann) == ["one", "two"]);
    assert!(ann.sees("Bo: one") && ann.sees("You: two"));
    assert_eq!(rows(&ann).last().unwrap().delivery, Delivery::Delivered);
    // Whoever hears it, and when: it is one conversation, and nothing of it is lost.
    say(&ann, std::iter::once("three".to_owned()));
    ann.wait("what is said now", |ann| texts(ann) == ["one", "two", "three"]);
    let days = rows(&ann).iter().filter(|row| row.day_above != When::default()).count();
    assert_eq!(days, 1, "it is one conversation");
    let ann = Person::again(ann.quit());
    ann.wait("what was said", |ann| texts(ann).len() == 3);
    assert_ne!(rows(&ann).last().unwrap().delivery, Delivery::Unsent, "it goes out, or has");
}

#[test]
fn whoever_reads_upwards_comes_to_the_first_message() {
    // More than come at once.
    const SAID: usize = 230;
    let ann = Person::in_a_room();
    say(&ann, (1..=SAID).map(|number| format!("m{number}.")));
    ann.wait("all in the list", |ann| texts(ann).len() == SAID);
    let ann = Person::again(ann.quit());
    ann.wait("what was said", |ann| texts(ann).last().is_some_and(|text| *text == format!("m{SAID}.")));
    assert!(ann.sees(&format!("You: m{SAID}.")), "the end is what one sees first");
    ann.wait("the first message", |ann| {
        for _ in 0..10 {
            let position = LogicalPoint::new(550.0, 1_000.0);
            let turn = BackendMouseEvent::Wheel { position, delta_x: 0.0, delta_y: NOTCH, phase: TouchPhase::Moved };
            ann.app().window().dispatch_event(WindowEvent::internal(InternalEvent::from(turn)));
            ann.step();
        }
        ann.sees("You: m1.")
    });
    assert_eq!(rows(&ann).len(), SAID, "each once");
}

/// The window gets the keyboard, or loses it, and has had the time to see that.
fn activate(ann: &Person, active: bool) {
    ann.app().window().dispatch_event(WindowEvent::WindowActiveChanged(active));
    i_slint_backend_testing::mock_elapsed_time(Duration::from_millis(600));
    ann.step();
}

/// How many messages of a room are unread, as the list of rooms says.
fn unread(ann: &Person, name: &str) -> i32 {
    ann.global::<Rooms>().get_list().iter().find(|room| room.name == name).map_or(-1, |room| room.unread)
}

/// Above which message the line stands.
fn line(ann: &Person) -> Option<String> {
    rows(ann).into_iter().find(|row| row.new_above).map(|row| row.text.into())
}

#[test]
fn what_was_not_read_is_new_when_the_window_opens_again() {
    let (ann, mut bo) = (Person::new("ann"), Guest::new("bo", "Bo"));
    let mut of_bo = Vec::new();
    for name in ["First", "Second"] {
        let invite = if name == "First" {
            ann.host(name, false)
        } else {
            ann.press("Host");
            ann.fill("Room name", name);
            ann.fill("Port", "0");
            ann.press("Only this computer");
            ann.press("Start");
            ann.wait("an invite", |ann| {
                ann.global::<OpenRoom>().get_view().name == name
                    && !ann.global::<Hosting>().get_invite().link.is_empty()
            });
            ann.global::<Hosting>().get_invite().link.into()
        };
        ann.press("Close");
        of_bo.push(bo.join(&invite, false));
        ann.wait_with(&mut [&mut bo], "Bo", |ann, _| ann.global::<OpenRoom>().get_view().here == 2);
    }
    bo.session.send(of_bo[1], "seen").unwrap();
    ann.wait_with(&mut [&mut bo], "what is seen", |ann, _| texts(ann) == ["seen"]);
    // Ann looks elsewhere, with the second room open.
    activate(&ann, false);
    for text in ["one", "two"] {
        for membership in &of_bo {
            bo.session.send(*membership, text).unwrap();
        }
    }
    ann.wait_with(&mut [&mut bo], "four unread", |ann, _| (unread(ann, "First"), unread(ann, "Second")) == (2, 2));
    assert_eq!(line(&ann).as_deref(), Some("one"));

    // In a run without the keyboard nothing is read, whatever is open.
    let ann = Person::behind(ann.quit());
    ann.wait("unread", |ann| (unread(ann, "First"), unread(ann, "Second")) == (2, 2));
    assert_eq!(line(&ann).as_deref(), Some("one"));
    activate(&ann, true);
    let open = String::from(ann.global::<OpenRoom>().get_view().name);
    let other = if open == "First" { "Second" } else { "First" };
    assert_eq!((unread(&ann, &open), unread(&ann, other)), (0, 2));
    assert_eq!(line(&ann).as_deref(), Some("one"), "it is still to be found");
    activate(&ann, false);
    assert_eq!(line(&ann), None, "seen and left");

    let ann = Person::again(ann.quit());
    ann.wait("the other room's", |ann| (unread(ann, &open), unread(ann, other)) == (0, 2) || line(ann).is_some());
    ann.wait("its messages", |ann| texts(ann).len() >= 2);
    if ann.global::<OpenRoom>().get_view().name != other {
        assert_eq!(line(&ann), None, "it was read");
        ann.press(other);
    }
    assert_eq!((line(&ann).as_deref(), unread(&ann, other)), (Some("one"), 0));
    let ann = Person::again(ann.quit());
    for name in [other, &open] {
        ann.click_last(name);
        ann.wait("its messages", |ann| texts(ann).len() >= 2);
        assert_eq!((line(&ann), unread(&ann, name)), (None, 0), "{name}");
    }
}

#[test]
fn what_came_below_what_one_reads_is_unread_until_one_goes_there() {
    let (ann, mut bo) = (Person::new("ann"), Guest::new("bo", "Bo"));
    let invite = ann.host("Friday", false);
    ann.press("Close");
    let membership = bo.join(&invite, false);
    ann.wait_with(&mut [&mut bo], "Bo", |ann, _| ann.global::<OpenRoom>().get_view().here == 2);
    bo.session.send(membership, "one").unwrap();
    ann.wait_with(&mut [&mut bo], "what is seen", |ann, _| texts(ann) == ["one"]);
    ann.global::<Talking>().set_at_end(false);
    bo.session.send(membership, "two").unwrap();
    ann.wait_with(&mut [&mut bo], "what is below", |ann, _| texts(ann).len() == 2);
    let ann = Person::behind(ann.quit());
    ann.wait("what was said", |ann| texts(ann) == ["one", "two"]);
    assert_eq!((unread(&ann, "Friday"), line(&ann).as_deref()), (1, Some("two")));
    activate(&ann, true);
    let ann = Person::behind(ann.quit());
    ann.wait("what was said", |ann| texts(ann) == ["one", "two"]);
    assert_eq!((unread(&ann, "Friday"), line(&ann)), (0, None));
}
