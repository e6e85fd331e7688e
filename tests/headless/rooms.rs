//! Coming, going, and what the owner decides.

use crate::person::Profile;

#[test]
fn an_owner_removes_a_member() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    let member = host.expect("joined")["member"].as_str().unwrap().to_owned();
    host.say(&format!(r#"{{"remove":"{member}"}}"#));
    assert_eq!(host.expect("removed")["member"], member.as_str());
    assert_eq!(guest.expect("stopped")["reason"], "removed");
    assert_eq!(guest.expect("error")["code"], "removed");
    assert_eq!(guest.exit_code(), 4);
    let (exit, output, _) = bo.run(&["rooms", "--json"]);
    assert_eq!((exit, output.as_str()), (0, ""), "a room one was removed from is not kept");
}

#[test]
fn an_owner_closes_the_room() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    host.expect("joined");
    host.say(r#"{"leave":true}"#);
    guest.expect("closed");
    assert_eq!((guest.exit_code(), host.exit_code()), (0, 0));
    assert_eq!(ann.run(&["rooms"]).1, "");
}

#[test]
fn a_member_leaves_for_good() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    host.expect("named");
    guest.say(r#"{"leave":true}"#);
    assert_eq!(guest.expect("stopped")["reason"], "left");
    assert_eq!(guest.exit_code(), 0);
    assert_eq!(host.expect("left")["name"], "Bo");
}

#[test]
fn members_come_back_without_a_new_invite() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    guest.expect("titled");
    assert_eq!(guest.finish(), 0);

    let (exit, listed, _) = bo.run(&["rooms"]);
    assert!(exit == 0 && listed.contains("Friday") && listed.contains("member") && listed.contains(&hosting.address));
    let mut guest = bo.start(&["join", "Friday", "--json"]);
    guest.expect("ready");
    guest.say("back again");
    assert_eq!(host.message(), ("Bo".into(), "back again".into()));
    guest.finish();

    // The host's computer was off; its owner opens the same room again.
    assert_eq!(host.finish(), 0);
    let (mut host, again) = ann.start_again(&hosting.address);
    assert_eq!(again.room, hosting.room);
    let mut guest = bo.start(&["join", &hosting.room[..10], "--json"]);
    assert_eq!(guest.expect("ready")["members"], 2);
    host.expect("here");
    host.say("welcome back");
    assert_eq!(guest.message().1, "welcome back");
}

#[test]
fn one_message_is_sent_to_a_known_room_or_with_an_invite() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let (exit, output, errors) = bo.run(&["send", &hosting.invite, "by invite", "--name", "Bo", "--json"]);
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    assert_eq!(host.message(), ("Bo".into(), "by invite".into()));
    let (exit, output, _) = bo.run(&["send", &hosting.room[..8], "by id"]);
    assert_eq!((exit, output.as_str()), (0, ""));
    assert_eq!(host.message().1, "by id");
    let (exit, _, errors) = bo.run(&["send", "Monday", "nobody hears this"]);
    assert!(exit == 2 && errors.contains("There is no room “Monday”"), "{errors}");
}

#[test]
fn the_owner_lets_in_who_knocks() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let way = ["join", &hosting.address, "--json", "--accept-fingerprint", &hosting.fingerprint, "--name"];
    let mut guest = bo.start(&[&way[..], &["Bo"]].concat());
    guest.expect("lobby");
    guest.expect("waiting");
    let knock = host.expect("knock");
    host.say(&format!(r#"{{"admit":{}}}"#, knock["member"]));
    guest.expect("ready");
    guest.say("thank you");
    assert_eq!(host.message(), ("Bo".into(), "thank you".into()));

    let mut other = carol.start(&[&way[..], &["Carol"]].concat());
    let knock = host.expect("knock");
    host.say(&format!(r#"{{"decline":{}}}"#, knock["member"]));
    assert_eq!(other.expect("error")["code"], "declined");
    assert_eq!(other.exit_code(), 4);
}

#[test]
fn a_knock_is_answered_in_plain_words() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    host.finish();
    let mut host = ann.start(&["host", "--room", "Friday", "--listen", &hosting.address]);
    assert!(host.line().starts_with("Invite: "));
    let way = ["join", &hosting.address, "--accept-fingerprint", &hosting.fingerprint, "--name", "Bo", "--json"];
    let mut guest = bo.start(&way);
    guest.expect("waiting");
    let tag = host.expect_error(" asks to join.");
    host.say(&format!("/admit {tag}"));
    guest.expect("ready");
    guest.say("thanks");
    assert_eq!(host.line(), "<Bo> thanks");
}

#[test]
fn a_bot_admits_everybody_or_nobody() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let (_host, hosting) = ann.host("Ann", &["--knock", "admit"]);
    let way = |address: &str, fingerprint: &str| {
        ["join", address, "--accept-fingerprint", fingerprint, "--json", "--name"].map(str::to_owned)
    };
    let open = way(&hosting.address, &hosting.fingerprint);
    let mut open: Vec<&str> = open.iter().map(String::as_str).collect();
    open.push("Bo");
    bo.start(&open).expect("ready");

    let (_host, hosting) = carol.host("Carol", &["--knock", "refuse"]);
    let closed = way(&hosting.address, &hosting.fingerprint);
    let mut closed: Vec<&str> = closed.iter().map(String::as_str).collect();
    closed.push("Bo");
    let (exit, output, _) = bo.run(&closed);
    assert!(exit == 4 && output.contains(r#""code":"no_knocking""#), "{output}");
}

#[test]
fn names_that_look_alike_are_told_apart() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("ANN", &hosting.invite, &[]);
    host.expect("named");
    guest.say("it is me");
    let message = host.expect("message");
    let tag: String = message["from"].as_str().unwrap().chars().take(8).collect();
    assert_eq!(message["name"], format!("ANN ({tag})").as_str());
}

#[test]
fn a_host_with_another_key_is_refused_until_its_pin_is_taken_out() {
    let (ann, bo, eve) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    guest.expect("titled");
    assert_eq!(guest.finish(), 0);
    assert_eq!(host.finish(), 0);
    let (_other, theirs) = eve.start_again(&hosting.address);
    let (exit, output, _) = bo.run(&["join", "Friday", "--json"]);
    assert!(exit == 6 && output.contains(r#""code":"host_key""#), "{output}");
    let (exit, output, _) = bo.run(&["rooms", "--forget-host-key", "Friday", "--json"]);
    assert!(exit == 0 && output.contains(&hosting.fingerprint), "{output}");
    // The new key is not taken by itself either; and its host does not have the room.
    let (exit, output, _) = bo.run(&["join", "Friday", "--json"]);
    assert!(exit == 6 && output.contains(r#""code":"first_use""#) && output.contains(&theirs.fingerprint), "{output}");
    let accepted = ["join", "Friday", "--accept-fingerprint", &theirs.fingerprint, "--json"];
    bo.start(&accepted).expect("offline");
    let (exit, _, errors) = ann.run(&["rooms", "--forget-host-key", "Friday"]);
    assert!(exit == 2 && errors.contains("that somebody else hosts"), "{errors}");
}
