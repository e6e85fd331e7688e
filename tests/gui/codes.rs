//! Codes that people compare are whole at every size of text and window.

use conversa::gui::{Comparing, KeyCode, OpenRoom, People, Preferences, Sheet, WindowState};
use i_slint_backend_testing::ElementHandle;
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};

use crate::person::Person;

/// Checks what of codes is on screen: every group has the room it needs, in the window, and lies over no other.
fn check_codes(person: &Person, case: &str) {
    let zoom = person.global::<Preferences>().get_zoom();
    let width = person.app().window().size().to_logical(person.app().window().scale_factor()).width;
    let groups: Vec<ElementHandle> = ElementHandle::find_by_element_id(person.app(), "KeyCodeView::digits").collect();
    assert!(!groups.is_empty(), "{case}: no code");
    let boxes: Vec<_> = groups.iter().map(|group| (group.absolute_position(), group.size())).collect();
    for (place, (at, size)) in boxes.iter().enumerate() {
        assert!(size.width >= 50.0 * zoom - 0.5, "{case}: a group has {} of the {} it needs", size.width, 50.0 * zoom);
        assert!(size.height >= 20.0 * zoom, "{case}: a row of {}", size.height);
        assert!(at.x >= 0.0 && at.x + size.width <= width, "{case}: a group is cut at the side, {}", at.x);
        for (other, other_size) in &boxes[place + 1..] {
            let beside = at.x + size.width <= other.x + 0.5 || other.x + other_size.width <= at.x + 0.5;
            let below = at.y + size.height <= other.y + 0.5 || other.y + other_size.height <= at.y + 0.5;
            assert!(beside || below, "{case}: a group lies over another");
        }
    }
}

fn code(groups: usize, digits: &str) -> KeyCode {
    let groups: Vec<SharedString> = (0..groups).map(|_| digits.into()).collect();
    KeyCode { text: groups.join(" ").into(), groups: ModelRc::new(VecModel::from(groups)), tag: "81d0bb47".into() }
}

#[test]
fn a_code_is_never_cut_nor_overlaps() {
    let ann = Person::new("ann");
    ann.host("Friday", false);
    ann.press("Close");
    for zoom in [0.7, 1.0, 1.3, 1.6, 2.0] {
        ann.global::<Preferences>().set_zoom(zoom);
        for width in [400.0, 699.0, 701.0, 820.0, 979.0, 1100.0, 1600.0] {
            ann.resize(width, 2200.0);
            ann.global::<People>().set_open(true);
            ann.step();
            check_codes(&ann, &format!("people at {width} and {zoom}"));
            ann.global::<People>().set_open(false);
            let mut compare = ann.global::<Comparing>().get_view();
            (compare.number, compare.code) = (code(12, "00000"), "conversa-check:1:a".into());
            ann.global::<Comparing>().set_view(compare);
            ann.global::<OpenRoom>().set_new_host(code(16, "dddd"));
            for sheet in [Sheet::Compare, Sheet::NewHost, Sheet::Restore] {
                ann.global::<WindowState>().set_sheet(sheet);
                ann.step();
                check_codes(&ann, &format!("{sheet:?} at {width} and {zoom}"));
                ann.global::<WindowState>().set_sheet(Sheet::None);
                ann.step();
            }
        }
    }
}

/// A name that is too long for its place goes on in the next line; only at usual sizes does it give way to “Owner”.
#[test]
fn large_words_leave_names_whole() {
    let ann = Person::new("ann");
    ann.fill("Your name", "Annabel Quincewick");
    ann.host("Friday", false);
    ann.press("Close");
    ann.global::<Preferences>().set_zoom(2.0);
    for width in [400.0, 820.0, 1300.0] {
        ann.resize(width, 2200.0);
        ann.global::<People>().set_open(true);
        ann.step();
        let name = ElementHandle::find_by_element_id(ann.app(), "MemberLine::whole-name").next().unwrap();
        // Two words of nine and ten letters at 28 pixels: in one line, or one below the other.
        assert!(name.size().width >= 160.0, "at {width}: {}", name.size().width);
    }
}

/// A code is read with its name, and its digits as text.
#[test]
fn a_code_is_read_with_its_name() {
    let ann = Person::new("ann");
    ann.host("Friday", false);
    ann.press("Close");
    ann.wait("the code", |ann| !ann.global::<OpenRoom>().get_view().code.text.is_empty());
    let exposed = ann.exposed();
    let at = exposed.iter().position(|name| name == "Room code").unwrap();
    assert_eq!(exposed[at + 1], ann.global::<OpenRoom>().get_view().code.text.as_str());
}
