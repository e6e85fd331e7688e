//! Everything by keyboard.

use conversa::gui::{OpenRoom, Page, Preferences, Rooms, Sheet, Talking, WindowState};
use slint::SharedString;
use slint::platform::Key;

use crate::person::Person;

fn control() -> [SharedString; 1] {
    [Key::Control.into()]
}

#[test]
fn keys_do_what_they_say() {
    let ann = Person::new("ann");
    ann.host("First", false);
    ann.key(Key::Escape);
    ann.step();
    assert_eq!(ann.global::<WindowState>().get_sheet(), Sheet::None);

    ann.type_text("one");
    ann.chord(&[Key::Shift.into()], Key::Return);
    ann.type_text("two");
    assert_eq!(ann.global::<Talking>().get_draft(), "one\ntwo");
    ann.key(Key::Return);
    ann.wait("the message", |ann| ann.said().len() == 1);
    assert_eq!(ann.global::<Talking>().get_draft(), "");
    ann.type_text("   ");
    ann.key(Key::Return);
    ann.step();
    assert_eq!(ann.said(), ["one\ntwo"], "white space is not sent");

    (0..3).for_each(|_| ann.key(Key::Backspace));

    ann.chord(&control(), "n");
    assert_eq!(ann.global::<WindowState>().get_sheet(), Sheet::NewRoom);
    ann.key(Key::Escape);
    ann.step();
    ann.chord(&control(), ",");
    assert_eq!(ann.global::<WindowState>().get_page(), Page::Settings);
    ann.key(Key::Escape);
    ann.step();
    assert_eq!(ann.global::<WindowState>().get_page(), Page::Chat);
    ann.chord(&control(), "f");
    ann.type_text("fir");
    assert_eq!(ann.global::<Rooms>().get_filter(), "fir");

    ann.fill("Search rooms", "");
    ann.key(Key::Backspace);
    ann.chord(&control(), "n");
    ann.host("Second", false);
    ann.key(Key::Escape);
    ann.step();
    ann.chord(&control(), "1");
    let first = ann.global::<OpenRoom>().get_view().name;
    ann.chord(&[Key::Alt.into()], Key::DownArrow);
    let other = ann.global::<OpenRoom>().get_view().name;
    assert_ne!(first, other);
    ann.chord(&[Key::Alt.into()], Key::UpArrow);
    assert_eq!(ann.global::<OpenRoom>().get_view().name, first);
    ann.chord(&control(), Key::Tab);
    assert_eq!(ann.global::<OpenRoom>().get_view().name, other);
    ann.chord(&control(), "+");
    assert!(ann.global::<Preferences>().get_zoom() > 1.05);
    ann.chord(&control(), "0");
    assert!((ann.global::<Preferences>().get_zoom() - 1.0).abs() < 0.001);

    ann.global::<Preferences>().set_enter_sends(false);
    ann.type_text("three");
    ann.key(Key::Return);
    ann.type_text("four");
    assert_eq!(ann.global::<Talking>().get_draft(), "three\nfour", "Enter makes a new line where that was chosen");
    ann.chord(&[Key::Shift.into()], Key::Return);
    assert_eq!(ann.global::<Talking>().get_draft(), "");
}

#[test]
fn tab_goes_everywhere_and_stays_in_an_open_sheet() {
    let ann = Person::new("ann");
    // The name has the keyboard; the two ways on follow.
    for (tabs, sheet) in [(1, Sheet::Host), (2, Sheet::Join)] {
        ann.click("Your name");
        (0..tabs).for_each(|_| ann.key(Key::Tab));
        ann.key(Key::Return);
        ann.step();
        assert_eq!(ann.global::<WindowState>().get_sheet(), sheet);
        ann.key(Key::Escape);
        ann.step();
    }
    // In the sheet of two choices, Tab meets the close button and both, and nothing below.
    ann.host("Room", false);
    ann.key(Key::Escape);
    ann.step();
    let mut met = Vec::new();
    for tabs in 0..8 {
        ann.chord(&control(), "n");
        assert_eq!(ann.global::<WindowState>().get_sheet(), Sheet::NewRoom);
        (0..tabs).for_each(|_| ann.key(Key::Tab));
        ann.key(Key::Return);
        ann.step();
        met.push(ann.global::<WindowState>().get_sheet());
        assert_eq!(ann.global::<WindowState>().get_page(), Page::Chat, "after {tabs} tabs");
        ann.key(Key::Escape);
        ann.step();
    }
    for sheet in [Sheet::Host, Sheet::Join, Sheet::None] {
        assert!(met.iter().filter(|other| **other == sheet).count() >= 2, "{sheet:?} in {met:?}");
    }
    assert!(!met.contains(&Sheet::NewRoom), "Return always met something: {met:?}");
}
