//! What a person is shown and asked when a key is not the one that it was, and keys that are kept elsewhere.

use conversa::app::{HostPlace, HostRequest, MembershipEvent, MembershipId, SessionEvent};
use conversa::crypto::Suite;
use conversa::gui::{
    Comparing, Confirm, Connection, Hosting, Identity, KeyStage, OpenRoom, Page, People, Questions, Sheet, Talking,
    WindowState,
};
use conversa::protocol::{Event, RoomCrypto};
use slint::Model;

use crate::guest::Guest;
use crate::person::Person;

/// A room of Ann's with Bo in it, whose key she is about to compare, and the invite that he used.
pub(crate) fn comparing() -> (Person, Guest, conversa::app::MembershipId, String) {
    let ann = Person::new("ann");
    let invite = ann.host("Friday crew", false);
    ann.press("Close");
    let mut bo = Guest::new("bo", "Bo");
    let membership = bo.join(&invite, false);
    ann.wait_with(&mut [&mut bo], "Bo is there by name", |ann, _| ann.sees("Compare keys with Bo…"));
    ann.press("Compare keys with Bo…");
    ann.wait_with(&mut [&mut bo], "the number", |ann, _| !ann.global::<Comparing>().get_view().code.is_empty());
    (ann, bo, membership, invite)
}

/// The same, and she has marked it.
fn compared() -> (Person, Guest, conversa::app::MembershipId, String) {
    let (ann, bo, membership, invite) = comparing();
    ann.press("They are the same");
    ann.press("Close");
    (ann, bo, membership, invite)
}

/// What Ann writes next goes out only when she insists, and she is asked no second time. The last of the others hears
/// it at `membership`.
fn is_asked_once(ann: &Person, others: &mut [&mut Guest], membership: MembershipId, question: Confirm, reason: &str) {
    ann.type_text("Is it still you?");
    ann.press("Send");
    assert_eq!(
        (ann.global::<WindowState>().get_sheet(), ann.global::<Questions>().get_confirm()),
        (Sheet::Confirm, question)
    );
    assert!(ann.reads(reason));
    ann.check_names("a question before it is sent");
    ann.press("Cancel");
    assert_eq!(ann.global::<Talking>().get_draft(), "Is it still you?", "nothing was sent, and nothing is lost");
    ann.press("Send");
    ann.press("Send anyway");
    ann.wait_with(others, "the words", |ann, others| {
        let heard = others.last().map(|guest| guest.heard(membership)).unwrap_or_default();
        ann.global::<Talking>().get_draft().is_empty() && heard.contains(&"Is it still you?".to_owned())
    });
    ann.type_text("Asked once");
    ann.press("Send");
    assert_eq!(
        (ann.global::<WindowState>().get_sheet(), ann.global::<Talking>().get_draft().as_str()),
        (Sheet::None, "")
    );
}

#[test]
fn somebody_with_the_name_and_another_key_is_asked_about_before_anything_is_sent() {
    let (ann, mut bo, membership, used) = compared();
    bo.session.send(membership, "It is me").unwrap();
    ann.wait_with(&mut [&mut bo], "his words", |ann, _| ann.sees("Bo: It is me"));
    ann.another_invite(&mut [&mut bo], &used);
    let mut other = Guest::new("carol", "B\u{43e}");
    let elsewhere = other.join(&ann.global::<Hosting>().get_invite().link, false);
    ann.wait_with(&mut [&mut bo, &mut other], "a question", |ann, _| {
        ann.global::<WindowState>().get_sheet() == Sheet::ChangedKey
    });
    assert!(ann.reads("is not the one you compared (Today). They may have reinstalled, or someone may be in between."));
    ann.check_names("changed key");
    // Closing it is no yes.
    ann.press("Close");

    // Both are told apart by their tags from now on, in what was said before too.
    let named = |ann: &Person, part: &str| {
        ann.global::<People>().get_members().iter().filter(|m| m.name.contains(part)).count()
    };
    assert_eq!((named(&ann, "Bo ("), named(&ann, "B\u{43e} (")), (1, 1));
    assert!(!ann.sees("Bo: It is me") && ann.reads("): It is me"));

    is_asked_once(&ann, &mut [&mut bo, &mut other], elsewhere, Confirm::SendDoubted, "has another key than the one");
}

#[test]
fn after_a_fork_nothing_is_sent_before_the_person_was_asked() {
    let (ann, mut bo, membership, _) = compared();
    let open = MembershipId(ann.global::<OpenRoom>().get_view().id.parse().unwrap());
    let from = bo.fingerprint.unwrap();
    // The only host here is honest and shows one history, so it is the event alone that is made up.
    ann.app_is_told(SessionEvent::Membership {
        membership: open,
        event: MembershipEvent::Protocol(Event::Fork { from }),
    });
    assert!(ann.reads("Bo and you saw different histories: "));
    ann.check_names("forked room");

    is_asked_once(
        &ann,
        &mut [&mut bo],
        membership,
        Confirm::SendForked,
        "Bo and you saw different histories of this room",
    );
}

#[test]
fn short_lived_keys_are_made_anew_when_the_person_asks() {
    let (ann, mut bo, membership, _) = compared();
    ann.press("Refresh keys");
    assert!(ann.reads("Your short-lived keys are refreshed"));
    bo.session.send(membership, "Sealed to the new ones").unwrap();
    ann.wait_with(&mut [&mut bo], "his words", |ann, _| ann.sees("Bo: Sealed to the new ones"));
}

#[test]
fn marks_and_the_room_code_are_there_after_a_restart() {
    let (ann, bo, membership, _) = compared();
    let code = ann.global::<OpenRoom>().get_view().code;
    assert_eq!((code.groups.row_count(), code.text.len()), (6, 35), "30 digits in groups of five");
    assert_eq!(bo.room(membership).unwrap().code().unwrap().to_string(), code.text.as_str(), "the same for both");
    let directory = ann.quit();
    let ann = Person::again(directory);
    ann.wait("the room is back", |ann| ann.global::<OpenRoom>().get_view().connection == Connection::Connected);
    ann.wait("its code", |ann| ann.global::<OpenRoom>().get_view().code.text == code.text);
    let marked = || ann.global::<People>().get_members().iter().filter(|member| member.verified).count();
    assert_eq!(marked(), 1, "the mark belongs to the key, whatever it is called by now");
    if !ann.global::<People>().get_open() {
        ann.press("People");
    }
    let bo_row = ann.global::<People>().get_members().iter().find(|member| member.verified).unwrap();
    ann.press(&format!("Compare keys with {}…", bo_row.name));
    assert!(ann.reads("You compared this key: Today."));
    ann.press("Remove the mark");
    assert_eq!(marked(), 0);
}

#[test]
fn a_host_with_another_key_is_a_full_stop_until_the_pin_is_taken_out_by_hand() {
    let bo = Person::new("bo");
    let mut ann = Guest::new("ann", "Ann");
    let membership = ann.host("Friday crew", false);
    bo.wait_with(&mut [&mut ann], "an invite", |_, guests| guests[0].invite(membership).is_some());
    let address = ann.room(membership).unwrap().hosting.as_ref().unwrap().address;
    bo.press("Join a room");
    bo.fill("Invite link", &ann.invite(membership).unwrap());
    bo.press("Continue");
    bo.wait_with(&mut [&mut ann], "the room", |bo, _| bo.reads("Is this the right room?"));
    bo.press("Join");
    bo.wait_with(&mut [&mut ann], "in the room", |bo, _| {
        bo.global::<OpenRoom>().get_view().connection == Connection::Connected
    });
    let pinned = bo.global::<OpenRoom>().get_view().host_key.text;
    ann.session.go_offline(membership);
    bo.wait_with(&mut [&mut ann], "the host is away", |bo, _| {
        bo.global::<OpenRoom>().get_view().connection == Connection::Offline
    });

    // Somebody else hosts where Ann did.
    let mut eve = Guest::new("carol", "Eve");
    let theirs = eve.session.host(HostRequest {
        title: "Friday crew".into(),
        crypto: RoomCrypto::trusted(Suite::Hybrid).unwrap(),
        place: HostPlace::Here(address),
        knock: true,
        members_max: 8,
    });
    bo.wait_with(&mut [&mut ann, &mut eve], "Eve hosts", |_, guests| guests[1].invite(theirs).is_some());
    bo.wait_with(&mut [&mut ann, &mut eve], "a full stop", |bo, _| {
        if bo.sees("Now") {
            bo.press("Now");
        }
        !bo.global::<OpenRoom>().get_view().seen_host.text.is_empty()
    });
    let room = bo.global::<OpenRoom>().get_view();
    assert_eq!((room.expected_host.text, room.connection, room.can_send), (pinned, Connection::Failed, false));
    assert!(
        bo.sees("The host's key has changed") && bo.sees("The key that you know") && bo.sees("The key that answered")
    );
    for way_on in ["Try again", "Now", "Continue", "It matches, go in"] {
        assert!(!bo.sees(way_on), "{way_on}");
    }
    bo.check_names("host key");

    if !bo.global::<People>().get_open() {
        bo.press("People");
    }
    bo.press("Remove the pinned host key…");
    assert!(bo.reads("the old key is gone for good"));
    bo.press("Remove key");
    let asked = |bo: &Person| bo.global::<WindowState>().get_sheet() == Sheet::NewHost;
    bo.wait_with(&mut [&mut ann, &mut eve], "the new key", |bo, _| asked(bo));
    assert_eq!(bo.global::<OpenRoom>().get_new_host().text, room.seen_host.text);
    bo.check_names("new host");
    bo.press("It matches, go in");
    // She does not have the room, and cannot make it up: nobody comes in.
    bo.wait_with(&mut [&mut ann, &mut eve], "her answer", |bo, _| {
        bo.global::<OpenRoom>().get_view().connection == Connection::Offline
    });
    assert!(bo.said().is_empty() && bo.global::<OpenRoom>().get_view().seen_host.text.is_empty());
}

#[test]
fn an_identity_is_backed_up_and_brought_back_in_the_window() {
    let ann = Person::new("ann");
    ann.wait("the key", |ann| ann.global::<Identity>().get_key_stage() == KeyStage::Ready);
    let code = ann.global::<Identity>().get_view().code.text;
    ann.global::<WindowState>().set_page(Page::Settings);
    ann.step();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("ann.pem").display().to_string();
    ann.press("Back up…");
    ann.check_names("backup");
    ann.fill("New file", &file);
    ann.fill("Passphrase of the backup", "battery staple");
    ann.fill("Again", "battery");
    assert!(!ann.is_enabled("Back up"));
    ann.fill("Again", "battery staple");
    ann.press("Back up");
    ann.wait("the backup", |ann| ann.global::<WindowState>().get_sheet() == Sheet::None);
    assert_eq!(ann.line(ann.global::<WindowState>().get_toast()), "The backup is written, and was read back");

    ann.press("Restore…");
    ann.check_names("restore");
    ann.fill("File of the backup", &file);
    ann.fill("Passphrase of the backup", "wrong");
    ann.click_last("Restore");
    ann.wait("a refusal", |ann| ann.reads("The passphrase does not open"));
    assert_eq!(
        (ann.global::<WindowState>().get_page(), ann.global::<WindowState>().get_sheet()),
        (Page::Settings, Sheet::Restore)
    );
    ann.fill("Passphrase of the backup", "battery staple");
    ann.click_last("Restore");
    ann.wait("the identity", |ann| ann.global::<WindowState>().get_sheet() == Sheet::None);
    assert_eq!(ann.line(ann.global::<WindowState>().get_toast()), "Your identity is back");
    assert_eq!(
        (ann.global::<Identity>().get_view().code.text, ann.global::<Identity>().get_view().has_passphrase),
        (code, true)
    );

    // From now on it is locked; and what somebody forgets, the backup brings back.
    let ann = Person::again(ann.quit());
    ann.wait("the lock", |ann| ann.global::<WindowState>().get_page() == Page::Unlock);
    ann.press("Restore an identity from a backup…");
    ann.fill("File of the backup", &file);
    ann.fill("Passphrase of the backup", "battery staple");
    ann.click_last("Restore");
    ann.wait("in again", |ann| ann.global::<WindowState>().get_page() != Page::Unlock);
}
