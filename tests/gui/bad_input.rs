//! What goes wrong is said, with a way out, and nothing typed is lost.

use std::net::TcpListener;

use conversa::app::Settings;
use conversa::gui::{
    Connection, Hosting, Identity, JoinStage, Joining, OpenRoom, Page, Questions, Rooms, Sheet, WindowState,
};
use slint::ComponentHandle;

use crate::accept::accept;
use crate::free_port::free_address;
use crate::joined::joined;
use crate::person::{Person, english_profile_of};

#[test]
fn what_is_no_invite_and_who_is_not_there() {
    let ann = Person::new("ann");
    ann.press("Join a room");
    for (text, said) in [
        ("two words", "is neither an invite nor an address"),
        ("conversa:1:abcdef", "This invite cannot be read."),
        ("conversa:7:abcdef", "This room needs a newer Conversa"),
    ] {
        ann.fill("Invite link", text);
        ann.press("Continue");
        assert!(
            ann.line(ann.global::<Joining>().get_error()).contains(said),
            "{}",
            ann.line(ann.global::<Joining>().get_error())
        );
        assert_eq!(ann.global::<Joining>().get_text(), text, "what was typed stays");
    }
    let nobody = free_address();
    ann.press("Address");
    ann.fill("Address of the host", &nobody.to_string());
    ann.press("Continue");
    ann.wait("nobody is there", |ann| !ann.line(ann.global::<Joining>().get_error()).is_empty());
    assert_eq!(
        ann.line(ann.global::<Joining>().get_error()),
        format!("Nobody is hosting at {nobody}. The host may have closed the room.")
    );
    assert_eq!((ann.global::<Joining>().get_stage(), ann.global::<Rooms>().get_count()), (JoinStage::Form, 0));

    // Somebody who answers, and is no Conversa.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut peer = accept(&other);
        let _ = peer.read(&mut [0; 512]);
        let _ = peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    ann.fill("Address of the host", &address.to_string());
    ann.press("Continue");
    ann.wait("no Conversa", |ann| ann.line(ann.global::<Joining>().get_error()).contains("is not Conversa"));
    joined(server, "the end of the other program");
    ann.press("Cancel");
    assert_eq!(ann.global::<WindowState>().get_page(), Page::FirstRun);
}

#[test]
fn a_port_that_is_taken_and_another_that_is_not() {
    let ann = Person::new("ann");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    ann.press("Host a room");
    ann.fill("Room name", "Friday");
    ann.press("Only this computer");
    ann.fill("Port", "ninety");
    ann.press("Start");
    assert!(ann.line(ann.global::<Hosting>().get_error()).contains("A port is a number"));
    ann.fill("Port", &port.to_string());
    ann.press("Start");
    ann.wait("the port is taken", |ann| !ann.line(ann.global::<Hosting>().get_error()).is_empty());
    assert!(
        ann.line(ann.global::<Hosting>().get_error()).contains(&format!("Port {port} is used by another program."))
    );
    assert_eq!(ann.global::<Hosting>().get_name(), "Friday", "nothing typed is lost");
    let other = ann.global::<Hosting>().get_other_port();
    ann.press(&format!("Use {other}"));
    ann.wait("an answer", |ann| {
        !ann.global::<Hosting>().get_invite().link.is_empty()
            || !ann.line(ann.global::<Hosting>().get_error()).is_empty()
    });
}

#[test]
fn ones_own_room_is_ones_own() {
    let ann = Person::new("ann");
    let invite = ann.host("Friday", false);
    ann.press("Close");
    let address = ann.global::<OpenRoom>().get_view().address;
    ann.press("Join");
    ann.press("Address");
    ann.fill("Address of the host", &address);
    ann.press("Continue");
    ann.wait("told", |ann| ann.line(ann.global::<Joining>().get_error()).starts_with("That is you."));
    ann.press("Cancel");
    // An invite to a room where one is opens that room, wherever it is pasted.
    ann.press("Settings");
    ann.app().global::<Rooms>().invoke_find(invite.into());
    ann.step();
    assert_eq!(
        (ann.global::<WindowState>().get_page(), ann.global::<WindowState>().get_sheet()),
        (Page::Chat, Sheet::None)
    );
    assert_eq!(ann.global::<OpenRoom>().get_view().name, "Friday");
}

#[test]
fn a_name_that_cannot_be_one_is_not_taken() {
    let ann = Person::new("ann");
    ann.fill("Your name", &"x".repeat(33));
    assert!(ann.line(ann.global::<Identity>().get_name_error()).contains("at most 32 characters"));
    ann.press("Host a room");
    assert_eq!(ann.global::<WindowState>().get_sheet(), Sheet::None);
    ann.fill("Your name", "Ann");
    assert_eq!(ann.line(ann.global::<Identity>().get_name_error()), "");
    ann.press("Host a room");
    assert_eq!(ann.global::<Hosting>().get_name(), "Ann's room");
}

#[test]
fn a_key_under_a_passphrase_is_asked_for() {
    let ann = Person::new("ann");
    ann.host("Friday", false);
    ann.press("Close");
    ann.press("Settings");
    ann.press("Set…");
    ann.fill("New passphrase", "correct horse");
    ann.fill("Again", "correct house");
    assert!(!ann.is_enabled("Set passphrase"));
    ann.fill("Again", "correct horse");
    ann.press("Set passphrase");
    ann.wait("it is set", |ann| ann.global::<Identity>().get_view().has_passphrase);
    assert_eq!(ann.global::<WindowState>().get_sheet(), Sheet::None);
    let directory = ann.quit();

    let ann = Person::again(directory);
    ann.wait("asked", |ann| ann.global::<WindowState>().get_page() == Page::Unlock);
    ann.check_names("unlock");
    ann.fill("Passphrase", "wrong");
    ann.press("Unlock");
    ann.wait("wrong", |ann| ann.line(ann.global::<Identity>().get_unlock_error()).contains("the file is damaged"));
    ann.fill("Passphrase", "correct horse");
    ann.press("Unlock");
    ann.wait("in the room again", |ann| {
        ann.global::<WindowState>().get_page() == Page::Chat
            && ann.global::<OpenRoom>().get_view().connection == Connection::Connected
    });
}

/// The settings were edited by hand.
#[test]
fn a_stored_name_that_none_can_have_is_told_and_another_is_asked_for() {
    let directory = english_profile_of("ann");
    let (mut settings, _) = Settings::load(directory.path());
    settings.name = "x".repeat(600);
    settings.save(directory.path()).unwrap();
    let ann = Person::at(directory);
    ann.wait("told", |ann| ann.global::<WindowState>().get_sheet() == Sheet::Trouble);
    assert_eq!(
        ann.line(ann.global::<Questions>().get_trouble()),
        "This name cannot be used. Choose another: a name has at most 32 characters."
    );
    ann.press("Close");
    ann.wait("asked", |ann| ann.global::<WindowState>().get_page() == Page::FirstRun);
}

#[test]
fn a_damaged_key_is_told_and_left_alone() {
    let directory = english_profile_of("ann");
    let path = directory.path().join("identity/sign.pem");
    std::fs::write(&path, "nonsense").unwrap();
    std::fs::write(directory.path().join("settings.cbor"), "nonsense").unwrap();
    let ann = Person::at(directory);
    ann.wait("told", |ann| ann.global::<WindowState>().get_sheet() == Sheet::Trouble);
    assert!(
        ann.line(ann.global::<Questions>().get_trouble()).contains("settings.cbor"),
        "{:?}",
        ann.global::<Questions>().get_trouble()
    );
    ann.check_names("trouble");
    ann.press("Close");
    ann.wait("told", |ann| ann.line(ann.global::<Questions>().get_trouble()).contains("sign.pem"));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "nonsense");
}
