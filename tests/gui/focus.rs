//! Who has the keyboard: over every page, sheet and width.

use std::collections::BTreeSet;

use conversa::gui::{
    Confirm, HostStage, Hosting, Identity, JoinStage, Joining, KeyStage, Page, Questions, Rooms, Sheet, Talking,
    WindowState,
};
use slint::SharedString;
use slint::platform::Key;

use crate::person::Person;

/// All sheets. [`place`] does not compile without a new one, and the test says if it is missing here.
const SHEETS: [Sheet; 14] = [
    Sheet::NewRoom,
    Sheet::Host,
    Sheet::Invite,
    Sheet::Join,
    Sheet::KeySize,
    Sheet::LearningIdentity,
    Sheet::Passphrase,
    Sheet::Compare,
    Sheet::ChangedKey,
    Sheet::NewHost,
    Sheet::Backup,
    Sheet::Restore,
    Sheet::Confirm,
    Sheet::Trouble,
];

/// One pane, the people over the messages, all side by side.
const WIDTHS: [f32; 3] = [400.0, 820.0, 1100.0];

/// More than any sheet has stops.
const STOPS_MAX: usize = 60;

fn place(sheet: Sheet) -> Option<usize> {
    let place = match sheet {
        Sheet::None => return None,
        Sheet::NewRoom => 0,
        Sheet::Host => 1,
        Sheet::Invite => 2,
        Sheet::Join => 3,
        Sheet::KeySize => 4,
        Sheet::LearningIdentity => 5,
        Sheet::Passphrase => 6,
        Sheet::Compare => 7,
        Sheet::ChangedKey => 8,
        Sheet::NewHost => 9,
        Sheet::Backup => 10,
        Sheet::Restore => 11,
        Sheet::Confirm => 12,
        Sheet::Trouble => 13,
    };
    Some(place)
}

fn open(person: &Person, sheet: Sheet) {
    person.global::<WindowState>().set_sheet(sheet);
    person.step();
}

/// The stops of Tab from here, until the first comes again.
fn stops(person: &Person, back: bool) -> Vec<String> {
    let mut met = Vec::new();
    for _ in 0..STOPS_MAX {
        if back {
            person.chord(&[Key::Shift.into()], Key::Backtab)
        } else {
            person.key(Key::Tab)
        }
        person.step();
        let stop = person.focused().unwrap_or_else(|| panic!("the focus is lost after {met:?}"));
        if met.len() > 1 && met.first() == Some(&stop) {
            return met;
        }
        met.push(stop);
    }
    panic!("Tab does not come round: {met:?}");
}

/// Everything that holds of a sheet over the page that is open.
fn check_sheet(person: &Person, sheet: Sheet, case: &str) {
    let before = person.focused().unwrap_or_else(|| panic!("{case}: nothing has the focus before"));
    let page: BTreeSet<String> = person.exposed().into_iter().collect();
    open(person, sheet);
    assert_eq!(person.global::<WindowState>().get_sheet(), sheet, "{case}");
    let exposed: BTreeSet<String> = person.exposed().into_iter().collect();
    for behind in ["Search rooms", "Settings", "New room", "Messages", "Your name"] {
        let is_own = matches!(sheet, Sheet::NewRoom | Sheet::Host) && behind == "New room";
        assert!(is_own || !exposed.contains(behind), "{case}: “{behind}” can be found behind the sheet");
    }
    let taken = person.focused().unwrap_or_else(|| panic!("{case}: the sheet takes no focus"));
    assert!(exposed.contains(&taken), "{case}: “{taken}” has the focus and is not in the sheet");
    let forth = stops(person, false);
    assert!(forth.contains(&"Close".to_owned()), "{case}: {forth:?}");
    let outside: Vec<_> = forth.iter().filter(|stop| !exposed.contains(*stop)).collect();
    assert!(outside.is_empty(), "{case}: Tab reaches {outside:?} behind the sheet");
    let (forth, back) = (BTreeSet::from_iter(forth), BTreeSet::from_iter(stops(person, true)));
    assert_eq!(forth, back, "{case}: the same stops with Shift+Tab");
    person.key(Key::Escape);
    person.step();
    assert_eq!(person.global::<WindowState>().get_sheet(), Sheet::None, "{case}: Esc does not close it");
    assert_eq!(person.focused().as_deref(), Some(before.as_str()), "{case}: the focus is not given back");
    let after: BTreeSet<String> = person.exposed().into_iter().collect();
    let lost: Vec<_> = page.difference(&after).collect();
    assert!(lost.is_empty(), "{case}: {lost:?} cannot be found any more");
}

#[test]
fn all_sheets_are_in_the_table() {
    for (index, sheet) in SHEETS.into_iter().enumerate() {
        assert_eq!(place(sheet), Some(index), "{sheet:?}");
    }
    assert_eq!(place(Sheet::None), None);
}

#[test]
fn each_sheet_over_a_room_takes_the_focus_keeps_it_and_gives_it_back() {
    let ann = Person::in_a_room();
    for width in WIDTHS {
        ann.resize(width, 900.0);
        for sheet in SHEETS {
            let case = format!("{sheet:?} at {width}");
            check_sheet(&ann, sheet, &case);
            // Nobody has to click before they go on writing.
            ann.type_text("é");
            assert!(ann.global::<Talking>().get_draft().ends_with('é'), "{case}: what is typed then is lost");
        }
    }
}

#[test]
fn each_sheet_over_the_settings_gives_the_focus_back_too() {
    let ann = Person::in_a_room();
    for width in WIDTHS {
        ann.resize(width, 900.0);
        ann.chord(&[Key::Control.into()], ",");
        assert_eq!(ann.global::<WindowState>().get_page(), Page::Settings);
        // The stop before: a control of the page is what opened the sheet.
        (0..3).for_each(|_| ann.key(Key::Tab));
        ann.step();
        for sheet in SHEETS {
            check_sheet(&ann, sheet, &format!("{sheet:?} over the settings at {width}"));
        }
        ann.key(Key::Escape);
        ann.step();
        assert_eq!(ann.global::<WindowState>().get_page(), Page::Chat, "Esc leaves the settings at {width}");
        ann.type_text("é");
        assert!(ann.global::<Talking>().get_draft().ends_with('é'), "at {width}");
    }
}

#[test]
fn each_sheet_over_the_first_page_gives_the_focus_back_too() {
    let ann = Person::new("ann");
    ann.wait("the key", |ann| ann.reads("Your key is ready"));
    for width in WIDTHS {
        ann.resize(width, 900.0);
        for sheet in SHEETS {
            check_sheet(&ann, sheet, &format!("{sheet:?} over the first page at {width}"));
        }
        ann.key(Key::End);
        ann.type_text("x");
    }
    assert!(ann.global::<Identity>().get_view().name.ends_with("xxx"), "the name has the keyboard again");
}

/// A stage of a sheet takes the place of another, with the field that had the focus.
#[test]
fn a_sheet_keeps_the_focus_through_its_stages() {
    let ann = Person::in_a_room();
    open(&ann, Sheet::Join);
    for stage in [JoinStage::Looking, JoinStage::Review, JoinStage::Entering, JoinStage::Waiting, JoinStage::Consent] {
        ann.global::<Joining>().set_stage(stage);
        ann.step();
        let focused = ann.focused().unwrap_or_else(|| panic!("{stage:?}: nothing has the focus"));
        assert!(ann.exposed().contains(&focused), "{stage:?}: “{focused}”");
        // A key that was pressed for the stage before answers no question of trust and throws no join away.
        if stage != JoinStage::Looking {
            ann.key(Key::Return);
            ann.key(Key::Space);
            ann.step();
            assert_eq!(
                (ann.global::<WindowState>().get_sheet(), ann.global::<Joining>().get_stage()),
                (Sheet::Join, stage)
            );
        }
    }
    ann.key(Key::Escape);
    ann.step();
    open(&ann, Sheet::Host);
    for stage in [HostStage::Consent, HostStage::Form, HostStage::Starting] {
        ann.global::<Hosting>().set_stage(stage);
        ann.step();
        let focused = ann.focused().unwrap_or_else(|| panic!("{stage:?}: nothing has the focus"));
        assert!(ann.exposed().contains(&focused), "{stage:?}: “{focused}”");
    }
    ann.key(Key::Escape);
    ann.step();
    assert_eq!(ann.global::<WindowState>().get_sheet(), Sheet::None);
}

/// Of sheets that ask whom to trust, or that open by themselves, none has an answer under the Enter key.
#[test]
fn enter_answers_no_question_of_trust() {
    let ann = Person::in_a_room();
    for sheet in [Sheet::Compare, Sheet::ChangedKey, Sheet::NewHost, Sheet::Trouble] {
        open(&ann, sheet);
        ann.key(Key::Return);
        ann.key(Key::Space);
        ann.step();
        assert_eq!(ann.global::<WindowState>().get_sheet(), sheet, "Enter did something");
        ann.key(Key::Escape);
        ann.step();
    }
}

#[test]
fn what_is_typed_goes_to_the_composer_wherever_the_focus_is() {
    let ann = Person::in_a_room();
    for width in WIDTHS {
        ann.resize(width, 900.0);
        let mut typed = 0;
        for tabs in 0..STOPS_MAX {
            ann.global::<Talking>().set_draft(SharedString::new());
            ann.global::<Rooms>().set_filter(SharedString::new());
            ann.click("Message");
            (0..tabs).for_each(|_| ann.key(Key::Tab));
            ann.step();
            let stop = ann.focused().unwrap_or_default();
            ann.type_text("q?");
            let (draft, filter) = (ann.global::<Talking>().get_draft(), ann.global::<Rooms>().get_filter());
            let landed = if stop == "Search rooms" { &filter } else { &draft };
            assert_eq!(landed, "q?", "typed with the focus on “{stop}”, {tabs} stops on, at {width}");
            typed += 1;
            if tabs > 0 && stop == "Message" {
                break;
            }
        }
        assert!(typed > 5, "Tab went round at {width}");
    }
}

#[test]
fn a_click_on_empty_space_does_not_make_keys_dead() {
    let ann = Person::in_a_room();
    for width in WIDTHS {
        ann.resize(width, 900.0);
        ann.click("Messages");
        ann.type_text("k");
        assert!(ann.global::<Talking>().get_draft().ends_with('k'), "at {width}");
        ann.click("Friday");
        ann.type_text("l");
        assert!(ann.global::<Talking>().get_draft().ends_with("kl"), "at {width}");
    }
}

#[test]
fn the_page_without_rooms_has_a_place_to_type() {
    let ann = Person::new("ann");
    ann.press("Host a room");
    ann.key(Key::Escape);
    ann.step();
    let directory = ann.quit();
    let ann = Person::again(directory);
    // Until then a button waits for the key, and Tab passes it by.
    ann.wait("the key", |ann| ann.global::<Identity>().get_key_stage() == KeyStage::Ready);
    assert_eq!(ann.global::<WindowState>().get_page(), Page::Chat);
    for width in WIDTHS {
        ann.resize(width, 900.0);
        for sheet in SHEETS {
            check_sheet(&ann, sheet, &format!("{sheet:?} without rooms at {width}"));
        }
        ann.type_text("z");
        assert!(ann.global::<Rooms>().get_filter().ends_with('z'), "at {width}");
    }
}

/// What had the focus is gone when the sheet closes.
#[test]
fn the_focus_goes_home_where_its_place_is_gone() {
    let ann = Person::in_a_room();
    ann.press("Settings");
    (0..3).for_each(|_| ann.key(Key::Tab));
    open(&ann, Sheet::Confirm);
    ann.global::<Questions>().set_confirm(Confirm::ResetInvite);
    ann.global::<WindowState>().set_page(Page::Chat);
    ann.key(Key::Escape);
    ann.step();
    ann.type_text("home");
    assert_eq!(ann.global::<Talking>().get_draft(), "home");
}
