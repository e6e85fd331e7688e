//! What was said before the window was closed is there when it opens again.

use conversa::gui::{Delivery, Hosting, MessageRow, OpenRoom, Talking, When};
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
    // Nobody is here now.
    say(&ann, std::iter::once("three".to_owned()));
    ann.wait("what is said now", |ann| texts(ann) == ["one", "two", "three"]);
    let days = rows(&ann).iter().filter(|row| row.day_above != When::default()).count();
    assert_eq!(days, 1, "it is one conversation");
    let ann = Person::again(ann.quit());
    ann.wait("what was said", |ann| texts(ann).len() == 3);
    assert_eq!(rows(&ann).last().unwrap().delivery, Delivery::Unsent);
    ann.press("Edit message");
    assert_eq!(ann.global::<Talking>().get_draft(), "three", "it can be sent after all");
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
