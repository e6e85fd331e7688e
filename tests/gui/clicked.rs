//! An invite that was clicked outside the window.

use conversa::gui::{JoinStage, Joining, Page, Sheet, WindowState};

use crate::person::Person;

const LINK: &str = "conversa:2:ABC";

/// What stands in the join sheet, if that is open and nothing has been asked for yet.
fn asked(person: &Person) -> Option<String> {
    let state = person.global::<Joining>();
    let is_form = person.global::<WindowState>().get_sheet() == Sheet::Join && state.get_stage() == JoinStage::Form;
    is_form.then(|| state.get_text().into())
}

#[test]
fn a_newcomer_chooses_a_name_first_and_finds_the_invite_at_join() {
    let ann = Person::new("ann");
    ann.click_elsewhere(LINK);
    assert_eq!(
        (ann.global::<WindowState>().get_page(), ann.global::<WindowState>().get_sheet()),
        (Page::FirstRun, Sheet::None)
    );
    ann.fill("Your name", "Ann");
    ann.press("Join a room");
    assert_eq!(asked(&ann).as_deref(), Some(LINK));
    ann.press("Cancel");
    ann.press("Join a room");
    assert_eq!(asked(&ann).as_deref(), Some(""), "once");
}

#[test]
fn an_invite_is_shown_at_once_where_nothing_else_is_asked_and_goes_nowhere_by_itself() {
    let ann = Person::new("ann");
    ann.host("Friday crew", false);
    ann.click_elsewhere(LINK);
    assert_eq!(ann.global::<WindowState>().get_sheet(), Sheet::Invite, "what is open stays open");
    ann.press("Close");
    ann.wait("the invite", |ann| asked(ann).as_deref() == Some(LINK));
    ann.click_elsewhere("conversa:2:DEF");
    assert_eq!(asked(&ann).as_deref(), Some("conversa:2:DEF"), "the newest is the one that is wanted");
    ann.press("Continue");
    assert!(ann.reads("This invite cannot be read."), "what is wrong with it is said when the person goes on");
}

#[test]
fn a_window_that_closes_takes_no_invite_any_more() {
    let ann = Person::new("ann");
    let start_again = ann.starter();
    assert!(start_again(None));
    ann.quit();
    assert!(!start_again(Some(LINK.to_owned())), "the second start has to open a window of its own");
}
