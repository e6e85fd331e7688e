//! The people over the page, where there is no room beside it.

use conversa::gui::{People, Preferences, Talking};
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition};

use crate::person::Person;

pub(crate) fn click_at(person: &Person, x: f32, y: f32) {
    let (position, button) = (LogicalPosition::new(x, y), PointerEventButton::Left);
    let window = person.app().window();
    window.dispatch_event(WindowEvent::PointerMoved { position });
    window.dispatch_event(WindowEvent::PointerPressed { position, button });
    window.dispatch_event(WindowEvent::PointerReleased { position, button });
    person.step();
}

#[test]
fn the_people_do_not_lie_over_the_composer_by_themselves() {
    let ann = Person::in_a_room();
    assert!(ann.global::<People>().get_open(), "there is room for them");
    for width in [979.0, 820.0, 700.0, 400.0] {
        ann.resize(1100.0, 900.0);
        assert!(ann.global::<People>().get_open(), "they come back with the room for them");
        ann.resize(width, 900.0);
        assert!(!ann.global::<People>().get_open(), "at {width}");
        assert!(ann.exposed().contains(&"Send".to_owned()), "at {width}");
    }
    // Larger words need more room for the same.
    ann.resize(1100.0, 900.0);
    ann.global::<Preferences>().set_zoom(2.0);
    ann.step();
    assert!(!ann.global::<People>().get_open());
}

#[test]
fn the_drawer_holds_the_focus_and_hides_what_is_behind_it() {
    let ann = Person::in_a_room();
    for width in [820.0, 400.0] {
        ann.resize(width, 900.0);
        ann.press("People");
        let exposed = ann.exposed();
        for behind in ["Message", "Send", "Search rooms"] {
            assert!(!exposed.contains(&behind.to_owned()), "“{behind}” behind the drawer at {width}");
        }
        for _ in 0..20 {
            let focused = ann.focused().unwrap();
            assert!(exposed.contains(&focused), "“{focused}” is behind the drawer at {width}");
            ann.key(Key::Tab);
        }
        // A sheet over it, and back: the drawer has the focus again.
        ann.press("Close room…");
        assert!(!ann.exposed().contains(&"Close room…".to_owned()), "behind the sheet at {width}");
        ann.key(Key::Escape);
        ann.step();
        let focused = ann.focused().unwrap();
        assert!(ann.exposed().contains(&focused), "{focused} at {width}");
        assert!(ann.exposed().contains(&"Close room…".to_owned()), "at {width}");
        ann.key(Key::Escape);
        ann.step();
        assert!(!ann.global::<People>().get_open(), "Esc at {width}");
        ann.type_text("é");
        assert!(ann.global::<Talking>().get_draft().ends_with('é'), "typed after the drawer at {width}");
    }
}

#[test]
fn a_click_beside_the_drawer_closes_it_and_does_nothing_else() {
    let ann = Person::in_a_room();
    ann.resize(820.0, 900.0);
    ann.press("People");
    // The search field, the messages.
    for (x, y) in [(100.0, 90.0), (400.0, 500.0)] {
        if !ann.global::<People>().get_open() {
            ann.press("People");
        }
        click_at(&ann, x, y);
        assert!(!ann.global::<People>().get_open());
        assert_eq!(ann.focused().as_deref(), Some("Message"));
    }
    ann.press("People");
    click_at(&ann, 700.0, 850.0);
    assert!(ann.global::<People>().get_open(), "a click in the drawer");
}
