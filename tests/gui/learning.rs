//! Learning rooms: never without having been asked.

use conversa::gui::{
    Connection, HostStage, Hosting, Identity, JoinStage, Joining, OpenRoom, Page, Preferences, Rooms, Security, Sheet,
    Suite, WindowState,
};
use slint::Model;

use crate::guest::Guest;
use crate::person::Person;

#[test]
fn the_backend_is_switched_and_a_learning_room_hosted_after_its_warning() {
    let ann = Person::new("ann");
    ann.fill("Your name", "Ann");
    ann.host("Secret things", false);
    ann.press("Close");
    ann.press("Settings");
    ann.check_names("settings");
    ann.press("Learning rooms · Textbook RSA-1024");
    assert_eq!(ann.global::<Preferences>().get_default_suite(), Suite::Textbook);
    ann.press("Measure");
    assert!(!ann.is_enabled("Measuring…"));
    ann.wait("what both cost", |ann| !ann.global::<Preferences>().get_measuring());
    assert!(ann.reads("Measure"));

    ann.press("Host");
    assert_eq!(ann.global::<Hosting>().get_suite(), Suite::Textbook, "as the settings say");
    ann.fill("Room name", "Workshop");
    ann.fill("Port", "0");
    ann.press("Only this computer");
    ann.press("Start learning room");
    assert_eq!(ann.global::<Hosting>().get_stage(), HostStage::Consent);
    assert!(ann.reads("This will not be a private room") && ann.sees("Host for learning"));
    // The one in the sheet, not the settings’.
    ann.click_last("Back");
    assert_eq!(ann.global::<Hosting>().get_name(), "Workshop", "nothing typed is lost");
    ann.press("Start learning room");
    ann.press("Host for learning");
    ann.wait("an invite", |ann| {
        ann.global::<OpenRoom>().get_view().name == "Workshop" && !ann.global::<Hosting>().get_invite().link.is_empty()
    });
    let link = ann.global::<Hosting>().get_invite().link;
    assert!(link.starts_with("conversa-learning:1:"), "{link}");
    assert!(ann.sees("Learning room: anyone on the network can read this."), "on the invite itself");
    ann.press("Close");
    let room = ann.global::<OpenRoom>().get_view();
    assert!(room.learning && room.security == Security::Learning);
    assert!(ann.sees("Learning room: anyone on the network can read this."));

    let mut bo = Guest::new("bo", "Bo");
    let membership = bo.join(&link, true);
    ann.wait_with(&mut [&mut bo], "Bo joined", |ann, guests| {
        ann.global::<OpenRoom>().get_view().here == 2
            && guests[0].room(membership).is_some_and(|room| room.title() == "Workshop")
    });
    ann.type_text("two primes walk into a bar");
    ann.press("Send");
    bo.session.send(membership, "and everybody hears it").unwrap();
    ann.wait_with(&mut [&mut bo], "both heard", |ann, guests| {
        ann.said().len() == 2 && guests[0].heard(membership).len() == 2
    });
}

#[test]
fn a_learning_room_is_joined_by_invite_after_its_warning() {
    let bo = Person::new("bo");
    let mut ann = Guest::new("ann", "Ann");
    let membership = ann.host("Workshop", true);
    bo.wait_with(&mut [&mut ann], "an invite", |_, guests| guests[0].invite(membership).is_some());
    let invite = ann.invite(membership).unwrap();

    bo.fill("Your name", "Bo");
    bo.press("Join a room");
    bo.fill("Invite link", &format!("Come in: {invite}"));
    bo.press("Continue");
    assert_eq!(bo.global::<Joining>().get_stage(), JoinStage::Consent);
    assert!(bo.reads("This is not a private room") && bo.global::<Rooms>().get_count() == 0);
    bo.check_names("consent");
    bo.press("Leave");
    assert_eq!(
        (bo.global::<WindowState>().get_sheet(), bo.global::<WindowState>().get_page()),
        (Sheet::None, Page::FirstRun)
    );

    bo.press("Join a room");
    bo.fill("Invite link", &invite);
    bo.press("Continue");
    bo.press("Join for learning");
    bo.wait_with(&mut [&mut ann], "the room", |bo, _| bo.global::<Joining>().get_stage() == JoinStage::Review);
    assert!(bo.global::<Joining>().get_view().learning && bo.global::<Joining>().get_view().members == 1);
    bo.press("Join");
    bo.wait_with(&mut [&mut ann], "in the room", |bo, _| {
        bo.global::<OpenRoom>().get_view().connection == Connection::Connected
            && bo.global::<OpenRoom>().get_view().name == "Workshop"
    });
    assert!(bo.global::<OpenRoom>().get_view().learning && !bo.global::<OpenRoom>().get_view().owner);
    ann.session.send(membership, "Welcome").unwrap();
    bo.type_text("Thanks");
    bo.press("Send");
    bo.wait_with(&mut [&mut ann], "both heard", |bo, guests| {
        bo.said().len() == 2 && guests[0].heard(membership).len() == 2
    });

    // Leaving for good takes the room from the list.
    bo.press("Leave room…");
    bo.press("Leave room");
    bo.wait_with(&mut [&mut ann], "gone", |bo, guests| {
        bo.global::<Rooms>().get_count() == 0
            && guests[0].room(membership).is_some_and(|room| room.members().len() == 1)
    });
}

#[test]
fn a_room_is_joined_by_its_address_after_the_first_use_question() {
    let bo = Person::new("bo");
    let mut ann = Guest::new("ann", "Ann");
    let membership = ann.host("Friday crew", false);
    bo.wait_with(&mut [&mut ann], "the room is open", |_, guests| guests[0].invite(membership).is_some());
    let address = ann.address(membership).unwrap();

    bo.press("Join a room");
    bo.press("Address");
    bo.fill("Address of the host", &address);
    bo.press("Continue");
    bo.wait_with(&mut [&mut ann], "the first-use question", |bo, _| {
        bo.global::<Joining>().get_stage() == JoinStage::Review
    });
    let join = bo.global::<Joining>().get_view();
    assert_eq!(join.host_key.text, ann.fingerprint.unwrap().grouped());
    assert!(join.first_use && bo.sees("It matches, join"));
    bo.press("It matches, join");
    // The room is shown before its owner is asked.
    bo.wait_with(&mut [&mut ann], "the room to ask for", |bo, _| {
        bo.global::<Joining>().get_stage() == JoinStage::Choose
    });
    assert!(ann.room(membership).unwrap().knocks.is_empty());
    bo.check_names("the lobby");
    let rooms = bo.global::<Joining>().get_lobby();
    let room = rooms.row_data(0).unwrap();
    assert!(room.members == 1 && room.round_trip > 0);
    bo.press(&format!("Room {}, made by {}", room.code.tag, room.owner.tag));
    bo.wait_with(&mut [&mut ann], "Ann is asked", |bo, guests| {
        let knocks = guests[0].room(membership).map_or(0, |room| room.knocks.len());
        bo.global::<Joining>().get_stage() == JoinStage::Waiting && knocks == 1
    });
    assert!(bo.reads("Waiting for the room's owner to let you in…"));
    let knock = ann.room(membership).unwrap().knocks[0];
    assert_eq!(bo.global::<Identity>().get_view().code.text, knock.grouped(), "the code that Ann sees");
    ann.session.answer_knock(membership, knock, true);
    bo.wait_with(&mut [&mut ann], "in the room", |bo, _| bo.global::<OpenRoom>().get_view().name == "Friday crew");
    assert_eq!(bo.global::<WindowState>().get_sheet(), Sheet::None);
    bo.wait_with(&mut [&mut ann], "remembered", |bo, _| {
        bo.global::<Joining>().get_recent_addresses().row_data(0).is_some_and(|known| known == address)
    });
}

#[test]
fn somebody_who_knocks_is_let_in_from_the_people() {
    let ann = Person::new("ann");
    ann.fill("Your name", "Ann");
    ann.press("Host a room");
    ann.fill("Port", "0");
    ann.press("Only this computer");
    ann.press("People may ask to join");
    ann.press("Start");
    ann.wait("an invite", |ann| !ann.global::<Hosting>().get_invite().link.is_empty());
    ann.press("Close");
    assert_eq!(ann.global::<OpenRoom>().get_view().name, "Ann's room");
    let address = ann.global::<OpenRoom>().get_view().address;
    for (let_in, name) in [(false, "bo"), (true, "carol")] {
        let mut guest = Guest::new(name, name);
        let membership = guest.join(&address, false);
        ann.wait_with(&mut [&mut guest], "the first-use question", |_, guests| !guests[0].questions.is_empty());
        let Some(conversa::app::conversation::Question::FirstUse(host)) = guest.questions.first().cloned() else {
            panic!()
        };
        guest.session.trust_host(membership, host);
        ann.wait_with(&mut [&mut guest], "the lobby", |_, guests| guests[0].questions.len() > 1);
        let Some(conversa::app::conversation::Question::Lobby(rooms)) = guest.questions.get(1).cloned() else {
            panic!()
        };
        guest.session.knock(membership, rooms[0].room);
        ann.wait_with(&mut [&mut guest], "a knock", |ann, _| ann.reads("Someone asks to join"));
        ann.check_names("knock");
        ann.press(if let_in { "Let in" } else { "Decline" });
        let members = if let_in { 2 } else { 1 };
        ann.wait_with(&mut [&mut guest], "answered", |ann, _| {
            !ann.reads("Someone asks to join") && ann.global::<OpenRoom>().get_view().members == members
        });
    }
}
