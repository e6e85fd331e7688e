//! The first conversation, from nothing.

use conversa::gui::{
    Comparing, Connection, Delivery, Hosting, Identity, KeyStage, KeyStep, OpenRoom, Page, People, Preferences,
    Questions, Rooms, Sheet, Suite, Talking, WindowState,
};
use slint::platform::{Key, WindowEvent};
use slint::{ComponentHandle, Model};

use crate::guest::Guest;
use crate::person::Person;
use crate::trust::comparing;

#[test]
fn somebody_new_hosts_and_two_talk() {
    let ann = Person::new("ann");
    assert_eq!(ann.global::<WindowState>().get_page(), Page::FirstRun);
    ann.check_names("first run");
    ann.fill("Your name", "Ann");
    let invite = ann.host("Friday crew", false);
    assert_eq!(
        (ann.global::<WindowState>().get_page(), ann.global::<WindowState>().get_sheet()),
        (Page::Chat, Sheet::Invite)
    );
    assert!(ann.global::<Hosting>().get_invite().modules > 20 && ann.sees("The invite as a QR code"));
    ann.check_names("invite");
    ann.wait("an answer at its address", |ann| ann.reads("This computer answers here."));
    ann.press("Copy invite");
    assert_eq!(ann.line(ann.global::<WindowState>().get_toast()), "Copied");
    ann.press("Close");
    assert_eq!(ann.global::<OpenRoom>().get_view().name, "Friday crew");
    assert_eq!(ann.global::<OpenRoom>().get_view().connection, Connection::Connected);
    assert!(ann.reads("Only you are here"));

    let mut bo = Guest::new("bo", "Bo");
    let membership = bo.join(&invite, false);
    ann.wait_with(&mut [&mut bo], "Bo joined", |ann, guests| {
        ann.global::<People>().get_members().iter().any(|member| member.name == "Bo" && member.here)
            && guests[0].room(membership).is_some_and(|room| room.title() == "Friday crew")
    });
    assert!(!ann.reads("Only you are here"));

    // The invite was used, so there is another one already.
    ann.press("Invite people…");
    ann.wait_with(&mut [&mut bo], "a fresh invite", |ann, _| {
        let link = ann.global::<Hosting>().get_invite().link;
        !link.is_empty() && link != invite
    });
    ann.press("Close");

    bo.session.send(membership, "Hello Ann, look: https://example.org/a.").unwrap();
    ann.wait_with(&mut [&mut bo], "Bo's words", |ann, _| ann.said().len() == 1);
    assert!(ann.sees("Bo: Hello Ann, look: https://example.org/a."));
    assert!(ann.sees("Open https://example.org/a"), "the link without the full stop");

    ann.type_text("Hello Bo!");
    assert_eq!(ann.global::<Talking>().get_draft(), "Hello Bo!", "the composer has the keyboard after a sheet");
    ann.press("Send");
    assert_eq!(ann.global::<Talking>().get_draft(), "");
    ann.wait_with(&mut [&mut bo], "Ann's words, confirmed", |ann, guests| {
        let delivered =
            ann.global::<Talking>().get_rows().iter().any(|row| row.own && row.delivery == Delivery::Delivered);
        delivered && guests[0].heard(membership).contains(&"Hello Bo!".to_owned())
    });
    let own = ann.global::<Talking>().get_rows().iter().last().unwrap();
    assert_eq!((own.delivered, own.recipients, own.reached.as_str()), (1, 1, "Bo"));
    ann.check_names("room");

    // Whoever hosts is asked before the others lose their room.
    ann.app().window().dispatch_event(WindowEvent::CloseRequested);
    ann.step();
    assert_eq!(
        (ann.global::<WindowState>().get_sheet(), ann.global::<Questions>().get_confirm_count()),
        (Sheet::Confirm, 1)
    );
    assert!(ann.reads("Quit Conversa?"));
    ann.press("Cancel");

    bo.session.go_offline(membership);
    ann.wait_with(&mut [&mut bo], "Bo is away", |ann, _| ann.global::<OpenRoom>().get_view().here == 1);

    ann.press("Remove Bo…");
    ann.press("Remove");
    ann.wait("Bo is out", |ann| ann.global::<OpenRoom>().get_view().members == 1);
    ann.press("Close room…");
    ann.press("Close room");
    ann.wait("it is over", |ann| ann.global::<OpenRoom>().get_view().connection == Connection::Closed);
    assert!(!ann.global::<OpenRoom>().get_view().can_send && ann.said().len() == 2, "it can still be read");
    ann.press("Remove from the list…");
    ann.press("Leave room");
    ann.wait("it is gone", |ann| ann.global::<Rooms>().get_count() == 0);
    assert!(ann.sees("Host a room"));
}

#[test]
fn a_larger_key_is_chosen_before_the_first_room_and_not_after() {
    let ann = Person::new("ann");
    ann.wait("the key", |ann| ann.global::<Identity>().get_key_stage() == KeyStage::Ready);
    let old = ann.global::<Identity>().get_view().code.text;
    ann.press("Key size…");
    ann.check_names("key size");
    ann.press("RSA-4096");
    ann.press("Create new key");
    ann.wait("the first half", |ann| ann.global::<Identity>().get_key_step() == KeyStep::Decryption);
    ann.wait("the new key", |ann| ann.global::<Identity>().get_view().key_bits == 4096);
    assert_ne!(ann.global::<Identity>().get_view().code.text, old);
    ann.host("Friday crew", false);
    ann.press("Close");
    ann.press("Settings");
    ann.press("Key size…");
    assert!(ann.reads("1 room knows you by your old key") && !ann.is_enabled("Create new key"));
    ann.press("Cancel");
    let directory = ann.quit();
    let aside = directory.path().join("identity/set-aside-1");
    assert!(["sign.pem", "enc.pem"].iter().all(|name| aside.join(name).exists()), "the old key is still there");
}

#[test]
fn what_was_there_is_there_after_a_restart() {
    let ann = Person::new("ann");
    ann.host("Friday crew", false);
    ann.press("Close");
    ann.type_text("half a thou");
    ann.press("Settings");
    ann.press("Dark");
    ann.press("Larger text");
    ann.press("Enter sends");
    ann.fill("Port for new rooms", "9123");
    let directory = ann.quit();

    let ann = Person::again(directory);
    assert_eq!(ann.global::<WindowState>().get_page(), Page::Chat);
    ann.wait("the room is back", |ann| ann.global::<OpenRoom>().get_view().connection == Connection::Connected);
    assert_eq!(ann.global::<OpenRoom>().get_view().name, "Friday crew");
    assert_eq!(ann.global::<Talking>().get_draft(), "half a thou");
    assert_eq!(ann.global::<Preferences>().get_appearance(), conversa::gui::Appearance::Dark);
    assert!(
        (ann.global::<Preferences>().get_zoom() - 1.1).abs() < 0.01 && !ann.global::<Preferences>().get_enter_sends()
    );
    assert_eq!(ann.global::<Preferences>().get_default_port(), "9123");
    assert_eq!(ann.global::<Preferences>().get_default_suite(), Suite::Hybrid);
}

#[test]
fn unread_messages_are_counted_and_marked() {
    let ann = Person::new("ann");
    let invite = ann.host("First", false);
    ann.press("Close");
    let mut bo = Guest::new("bo", "Bo");
    let membership = bo.join(&invite, false);
    ann.wait_with(&mut [&mut bo], "Bo joined", |ann, guests| {
        ann.global::<OpenRoom>().get_view().here == 2
            && guests[0].room(membership).is_some_and(|room| !room.members().is_empty())
    });
    let first = ann.global::<OpenRoom>().get_view().id;
    ann.press("Host");
    ann.fill("Room name", "Second");
    ann.fill("Port", "0");
    ann.press("Only this computer");
    ann.press("Start");
    ann.wait("the second room", |ann| ann.global::<OpenRoom>().get_view().name == "Second");
    ann.press("Close");
    for text in ["one", "two", "three"] {
        bo.session.send(membership, text).unwrap();
    }
    let unread = |ann: &Person| {
        let rooms = ann.global::<Rooms>().get_list();
        rooms.iter().find(|room| room.id == first).map_or(0, |room| room.unread)
    };
    ann.wait_with(&mut [&mut bo], "three unread", |ann, _| unread(ann) == 3);
    let newest = ann.global::<Rooms>().get_list().row_data(0).unwrap();
    assert_eq!((newest.preview_from.as_str(), newest.preview.as_str()), ("Bo", "three"), "the newest is first");
    assert!(ann.said().is_empty());
    ann.press("First");
    assert_eq!((unread(&ann), ann.said().len()), (0, 3));
    let rows: Vec<_> = ann.global::<Talking>().get_rows().iter().collect();
    let new = rows.iter().position(|row| row.new_above).unwrap();
    assert_eq!(rows[new].text, "one");
    assert!((rows[new].first, rows[new].last) == (true, false) && rows[new + 2].last, "one group");
}

#[test]
fn the_host_goes_away_and_comes_back_and_nothing_is_lost() {
    let bo = Person::new("bo");
    let mut ann = Guest::new("ann", "Ann");
    let membership = ann.host("Friday crew", false);
    bo.wait_with(&mut [&mut ann], "an invite", |_, guests| guests[0].invite(membership).is_some());
    bo.press("Join a room");
    bo.fill("Invite link", &ann.invite(membership).unwrap());
    bo.press("Continue");
    bo.wait_with(&mut [&mut ann], "the room", |bo, _| bo.reads("Is this the right room?"));
    assert!(bo.reads("The host says: 1 member. It answers in"));
    bo.check_names("review");
    assert_eq!(ann.room(membership).unwrap().members().len(), 1, "nobody came in by looking");
    bo.press("Join");
    bo.wait_with(&mut [&mut ann], "in the room", |bo, _| {
        bo.global::<OpenRoom>().get_view().connection == Connection::Connected
    });

    ann.session.go_offline(membership);
    bo.wait_with(&mut [&mut ann], "the host is away", |bo, _| {
        bo.global::<OpenRoom>().get_view().connection == Connection::Offline
            && bo.global::<OpenRoom>().get_view().retry_seconds > 0
    });
    assert!(bo.reads("The host went offline. Retrying in"));
    bo.type_text("Are you there?");
    bo.press("Send");
    bo.wait_with(&mut [&mut ann], "queued", |bo, _| {
        bo.global::<Talking>().get_rows().iter().any(|row| row.own && row.delivery == Delivery::Queued)
    });
    think_again(&bo);
    ann.session.enter(membership);
    bo.wait_with(&mut [&mut ann], "the host is back", |bo, _| {
        if bo.sees("Now") {
            bo.press("Now");
        }
        bo.global::<OpenRoom>().get_view().connection == Connection::Connected
    });
    bo.wait_with(&mut [&mut ann], "the message is there", |bo, guests| {
        let delivered =
            bo.global::<Talking>().get_rows().iter().any(|row| row.own && row.delivery == Delivery::Delivered);
        delivered && guests[0].heard(membership) == ["Are you there?"]
    });
    assert!(!bo.sees("Cancel message"), "what was sent cannot be called back");
}

/// Of two messages that wait after the first, one is cancelled with the mouse and one taken back by
/// keyboard; the first goes on waiting.
fn think_again(bo: &Person) {
    let progress = |bo: &Person, text: &str| {
        let row = bo.global::<Talking>().get_rows().iter().find(|row| row.text == text);
        row.map(|row| row.delivery)
    };
    let cancelled = |text: &'static str| move |bo: &Person| progress(bo, text) == Some(Delivery::Cancelled);
    bo.wait("what can be done with it", |bo| bo.sees("Cancel message") && bo.sees("Edit message"));
    bo.check_names("queued");
    bo.type_text("Hurry");
    bo.press("Send");
    bo.wait("it can be cancelled", |bo| bo.count("Cancel message") == 2);
    bo.click_last("Cancel message");
    bo.wait("the second is cancelled", cancelled("Hurry"));
    assert_eq!(bo.count("Cancel message"), 1);

    bo.type_text("See you at eigth");
    bo.press("Send");
    bo.wait("it can be edited", |bo| bo.count("Edit message") == 2);
    bo.type_text("Typed meanwhile");
    // Back from the composer: the last thing before it is the last message's action.
    bo.chord(&[Key::Shift.into()], Key::Tab);
    bo.key(Key::Return);
    bo.wait("the third is cancelled", cancelled("See you at eigth"));
    assert_eq!(bo.global::<Talking>().get_draft(), "Typed meanwhile\nSee you at eigth");
    bo.type_text("!");
    assert_eq!(
        bo.global::<Talking>().get_draft(),
        "Typed meanwhile\nSee you at eigth!",
        "the composer has the keyboard"
    );
    assert_eq!(progress(bo, "Are you there?"), Some(Delivery::Queued));
}

#[test]
fn keys_are_compared_and_marked() {
    let (ann, mut bo, membership, invite) = comparing();
    ann.check_names("compare");
    let host = ann.global::<Identity>().get_view().code.text.replace(' ', "").parse().unwrap();
    bo.session.safety_number(membership, host);
    ann.wait_with(&mut [&mut bo], "the number of the other side", |_, guests| guests[0].number.is_some());
    let theirs = bo.number.clone().unwrap();
    assert_eq!(ann.global::<Comparing>().get_view().number.text, theirs.groups().collect::<Vec<_>>().join(" "));

    ann.fill("What they see", "12345");
    assert!(ann.reads("This is neither a number of 60 digits nor a code."));
    ann.fill("What they see", &"00000 ".repeat(12));
    assert!(ann.reads("Not the same.") && !ann.is_enabled("They are the same"));
    ann.fill("What they see", &theirs.code());
    assert!(ann.reads("The same. Nobody stands between you."));
    ann.press("They are the same");
    assert!(ann.reads("You compared this key: Today."));
    ann.press("Close");
    ann.wait_with(&mut [&mut bo], "the line says so", |ann, _| ann.reads("End-to-end encrypted, keys compared"));

    // Somebody else comes under a name that looks the same.
    ann.another_invite(&mut [&mut bo], &invite);
    let mut other = Guest::new("carol", "Во");
    other.join(&ann.global::<Hosting>().get_invite().link, false);
    ann.wait_with(&mut [&mut bo, &mut other], "a warning", |ann, _| {
        ann.global::<WindowState>().get_sheet() == Sheet::ChangedKey
    });
    assert!(ann.reads("is not the one you compared (Today)"));
    ann.press("Compare…");
    assert_eq!(ann.global::<WindowState>().get_sheet(), Sheet::Compare);
    ann.press("Close");
    assert_eq!(ann.global::<People>().get_members().iter().filter(|member| member.doubtful).count(), 1);
    assert!(!ann.reads("End-to-end encrypted, keys compared"));

    // The mark is kept, and can be taken away.
    let marked = ann.global::<People>().get_members().iter().find(|member| member.verified).unwrap();
    ann.press(&format!("Compare keys with {}…", marked.name));
    ann.press("Remove the mark");
    assert!(!ann.reads("You compared this key"));
}
