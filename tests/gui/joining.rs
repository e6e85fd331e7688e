//! Joining, and what becomes of what was typed for it.

use conversa::gui::{JoinStage, Joining, OpenRoom, Page, RoomEvent, Rooms, RowKind, Sheet, Talking, WindowState};
use slint::platform::Key;
use slint::{ComponentHandle, Model};

use crate::drawer::click_at;
use crate::guest::Guest;
use crate::person::Person;

#[test]
fn an_invite_leaves_the_search_once_it_is_used() {
    let bo = Person::new("bo");
    bo.host("Own", false);
    bo.key(Key::Escape);
    bo.step();
    let mut ann = Guest::new("ann", "Ann");
    let membership = ann.host("Friday crew", false);
    bo.wait_with(&mut [&mut ann], "an invite", |_, guests| guests[0].invite(membership).is_some());
    let invite = ann.invite(membership).unwrap();
    bo.fill("Search rooms", &invite);
    assert_eq!(bo.global::<WindowState>().get_sheet(), Sheet::Join, "an invite is understood there");
    bo.wait_with(&mut [&mut ann], "the room is shown", |bo, _| bo.global::<Joining>().get_stage() == JoinStage::Review);
    assert_eq!(bo.text_of("Search rooms"), "", "the invite is still in the search");
    // The one in the sheet, not the one behind it.
    bo.click_last("Join");
    bo.wait_with(&mut [&mut ann], "in the room", |bo, _| bo.global::<OpenRoom>().get_view().name == "Friday crew");
    assert_eq!((bo.text_of("Search rooms").as_str(), bo.global::<Rooms>().get_filter().as_str()), ("", ""));
    assert_eq!(bo.global::<Rooms>().get_list().iter().count(), 2, "and hides no room");
    assert_eq!(bo.focused().as_deref(), Some("Message"));
    let entered = bo
        .global::<Talking>()
        .get_rows()
        .iter()
        .filter(|row| row.kind == RowKind::Event && row.event == RoomEvent::Entered)
        .count();
    assert_eq!(entered, 1, "the room is shown with what happened in it, once");
}

#[test]
fn what_is_under_way_is_not_thrown_away() {
    let bo = Person::new("bo");
    let mut ann = Guest::new("ann", "Ann");
    let membership = ann.host("Friday crew", false);
    bo.wait_with(&mut [&mut ann], "the room is open", |_, guests| guests[0].invite(membership).is_some());
    bo.press("Join a room");
    bo.press("Address");
    bo.fill("Address of the host", &ann.address(membership).unwrap());
    bo.press("Continue");
    bo.wait_with(&mut [&mut ann], "a question", |bo, _| bo.global::<Joining>().get_stage() == JoinStage::Review);
    // Whatever asks for the sheet again finds it as it is.
    bo.app().global::<Joining>().invoke_open();
    bo.step();
    assert_eq!(
        (bo.global::<WindowState>().get_sheet(), bo.global::<Joining>().get_stage()),
        (Sheet::Join, JoinStage::Review)
    );
    bo.press("It matches, join");
    bo.wait_with(&mut [&mut ann], "the room", |bo, _| bo.global::<Joining>().get_stage() == JoinStage::Choose);
    // A click beside the sheet is no answer either; Esc is one.
    click_at(&bo, 5.0, 5.0);
    assert_eq!(
        (bo.global::<WindowState>().get_sheet(), bo.global::<Joining>().get_stage()),
        (Sheet::Join, JoinStage::Choose)
    );
    bo.key(Key::Escape);
    bo.step();
    assert_eq!(
        (bo.global::<WindowState>().get_sheet(), bo.global::<WindowState>().get_page()),
        (Sheet::None, Page::FirstRun)
    );
}

#[test]
fn a_host_that_lets_nobody_ask_says_so_before_its_key_is_compared() {
    let ann = Person::new("ann");
    ann.fill("Your name", "Ann");
    ann.host("Invited only", false);
    let address = ann.global::<OpenRoom>().get_view().address;
    assert!(ann.reads("People can only join with an invite"), "and the owner can see it");
    let directory = crate::person::english_profile_of("bo");
    let bo = Person::again(directory);
    bo.press("Join a room");
    bo.press("Address");
    bo.fill("Address of the host", &address);
    bo.press("Continue");
    bo.wait("an answer", |bo| {
        ann.step();
        assert_ne!(bo.global::<Joining>().get_stage(), JoinStage::Review, "64 digits for nothing");
        !bo.line(bo.global::<Joining>().get_error()).is_empty()
    });
    assert_eq!(
        bo.line(bo.global::<Joining>().get_error()),
        "No room at this address accepts people without an invite. Ask the owner of the room for an invite."
    );
}
