//! People talk.

use std::process::Stdio;

use crate::ended::ended;
use crate::person::{Hosting, Person, Profile};

#[test]
fn two_people_talk_both_ways() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    assert!(hosting.invite.starts_with("conversa:2:"));
    assert_eq!((hosting.fingerprint.len(), hosting.room.len()), (64, 64));

    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    let joined = host.expect("joined");
    let tag: String = joined["member"].as_str().unwrap().chars().take(8).collect();
    assert_eq!(joined["name"], tag.as_str(), "whoever joined is told at once, by the tag of the key");
    let next = host.expect("invite");
    let named = host.expect("named");
    assert_eq!((&named["member"], &named["name"]), (&joined["member"], &"Bo".into()));
    assert_ne!(next["invite"], hosting.invite, "each invite is used once, and a fresh one follows");

    guest.say("hello Ann");
    let queued = guest.expect("queued");
    let on_host = guest.expect("on_host");
    assert_eq!(queued["id"], on_host["id"]);
    let message = host.expect("message");
    assert_eq!(message["id"], queued["id"]);
    assert_eq!((&message["name"], &message["text"]), (&"Bo".into(), &"hello Ann".into()));
    assert_eq!((&message["room"], &message["from"]), (&hosting.room.clone().into(), &joined["member"]));
    assert!(message["time"].as_str().is_some_and(|time| time.ends_with('Z')));
    assert_eq!(guest.expect("delivered")["id"], queued["id"]);

    host.say(r#"{"send":"hello\nBo"}"#);
    assert_eq!(guest.message(), ("Ann".into(), "hello\nBo".into()));

    assert_eq!(guest.finish(), 0);
    host.expect("away");
    assert_eq!(host.finish(), 0);
    assert_eq!((host.errors(), guest.errors()), (String::new(), String::new()));
}

#[test]
fn what_shows_nothing_is_a_mistake_wherever_a_message_is_due() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    bo.join("Bo", &hosting.invite, &[]).finish();
    for text in ["", "  ", "\t\n", "\u{200b}"] {
        let (exit, output, errors) = bo.run(&["send", &hosting.room, text]);
        assert_eq!((exit, output.as_str()), (2, ""), "{text:?}: {errors}");
        assert!(errors.contains("There is nothing to send."), "{text:?}: {errors}");
    }
    host.say(r#"{"send":" "}"#);
    assert_eq!(host.expect("error")["code"], "usage");
    // A line without a letter is neither.
    host.say("");
    host.say("  ");
    assert_eq!(host.finish(), 2);
}

/// A script that asks in vain hears of it.
#[test]
fn what_cannot_be_done_is_an_error_and_nothing_happens() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    host.expect("named");
    let nobody = "ab".repeat(32);
    let of_host = ["remove", "admit", "decline", "verify"].map(|wish| serde_json::json!({ wish: nobody }));
    for wish in of_host.into_iter().chain([serde_json::json!({ "remove": hosting.fingerprint })]) {
        host.say(&wish.to_string());
        assert_eq!(host.expect("error")["code"], "usage", "{wish}");
    }
    let of_guest = ["remove", "admit", "decline"].map(|wish| serde_json::json!({ wish: hosting.fingerprint }));
    for wish in of_guest.into_iter().chain([serde_json::json!({ "invite": true })]) {
        guest.say(&wish.to_string());
        assert_eq!(guest.expect("error")["code"], "usage", "{wish}");
    }
    guest.say("still here");
    assert_eq!(host.message().1, "still here");
}

#[test]
fn three_people_hear_each_other() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut first = bo.join("Bo", &hosting.invite, &[]);
    let invite = host.next_invite();
    let mut second = carol.join("Carol", &invite, &[]);
    first.expect("joined");
    first.expect_where("named", |event| event["name"] == "Carol");
    second.expect_where("named", |event| event["name"] == "Bo");
    host.expect_where("named", |event| event["name"] == "Carol");

    second.say("hello from Carol");
    let from_carol = ("Carol".to_owned(), "hello from Carol".to_owned());
    assert_eq!(host.message(), from_carol);
    assert_eq!(first.message(), from_carol);
    first.say("hello from Bo");
    assert_eq!(second.message(), ("Bo".into(), "hello from Bo".into()));
    assert_eq!(host.message(), ("Bo".into(), "hello from Bo".into()));
}

#[test]
fn what_is_queued_goes_out_before_the_end() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.start(&["join", &hosting.invite, "--name", "Bo", "--json"]);
    let lines: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
    lines.iter().for_each(|line| guest.say(line));
    assert_eq!(guest.finish(), 0);
    for line in &lines {
        assert_eq!(host.message().1, *line);
    }
    let events = guest.last_events();
    assert_eq!(events.iter().filter(|event| event["event"] == "on_host").count(), 100);
}

#[test]
fn plain_text_keeps_messages_apart_from_notices() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let mut host = ann.start(&["host", "--name", "Ann", "--room", "Friday", "--listen", "127.0.0.1:0"]);
    let invite = host.line().strip_prefix("Invite: ").unwrap().to_owned();
    let mut guest = bo.start(&["join", &invite, "--name", "Bo"]);
    guest.say("hello Ann");
    assert_eq!(host.line(), "<Bo> hello Ann");
    host.say("hello Bo");
    assert_eq!(guest.line(), "<Ann> hello Bo");
    assert_eq!((guest.finish(), host.finish()), (0, 0));
    assert!(host.errors().contains("\n* <Bo> went offline.\n"), "{}", host.errors());
    assert!(host.errors().contains("Next invite: conversa:2:"));
}

#[test]
fn a_learning_room_is_joined_only_with_consent() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &["--learning"]);
    assert!(hosting.invite.starts_with("conversa-learning:1:"));

    let (exit, output, _) = bo.run(&["join", &hosting.invite, "--name", "Bo", "--json"]);
    assert_eq!(exit, 4);
    assert!(output.contains(r#""code":"learning_room""#) && output.contains("anyone on the network can read"));

    let mut guest = bo.join("Bo", &hosting.invite, &["--learning"]);
    host.expect("named");
    guest.expect("named");
    guest.say("anyone can read this");
    assert_eq!(host.message(), ("Bo".into(), "anyone can read this".into()));
    host.say("yes");
    assert_eq!(guest.message(), ("Ann".into(), "yes".into()));
    assert_eq!((guest.finish(), host.finish()), (0, 0));
}

#[test]
fn a_host_that_is_killed_is_told_from_one_that_says_goodbye() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    host.expect("joined");
    host.kill();
    assert_eq!(guest.expect("offline")["code"], "cut");
    assert_eq!(guest.expect("offline")["code"], "refused");

    let (mut host, _) = ann.start_again(&hosting.address);
    guest.expect("ready");
    assert_eq!(host.finish(), 0);
    assert_eq!(guest.expect("offline")["code"], "host_closed");
    // Nobody can read it now, so it is said that it was not sent.
    guest.say("are you there?");
    guest.expect("queued");
    guest.signal("TERM");
    assert_eq!(guest.expect("error")["code"], "unsent");
    assert_eq!(guest.exit_code(), 3);
}

#[test]
fn a_signal_ends_with_a_goodbye() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &["--stay"]);
    let mut guest = bo.join("Bo", &hosting.invite, &["--stay"]);
    host.expect("named");
    guest.signal("INT");
    assert_eq!(guest.exit_code(), 0);
    let away = host.expect("away");
    assert_eq!(away["name"], "Bo");
    host.signal("TERM");
    assert_eq!(host.exit_code(), 0);
}

#[test]
fn nobody_reading_the_output_is_an_end_too() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut command = bo.command(&["join", &hosting.invite, "--name", "Bo", "--json", "--stay"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(ended(&mut child).code(), Some(0));
    host.say("still here");
    host.expect("queued");
}

#[test]
fn hosting_goes_on_after_the_end_of_input_if_asked_to() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let mut command = ann.command(&["host", "--name", "Ann", "--listen", "127.0.0.1:0", "--json", "--stay"]);
    command.arg("--room").arg("Friday");
    let mut host = Person::start(command);
    host.end_input();
    let invite = host.expect("hosting")["invite"].as_str().unwrap().to_owned();
    let mut guest = bo.join("Bo", &invite, &[]);
    guest.say("hello");
    assert_eq!(host.message().1, "hello");
}

/// Two people in a room, and the invite for a third.
struct Pair {
    host: Person,
    hosting: Hosting,
    guest: Person,
    invite: String,
    member: String,
}

impl Pair {
    /// Ann hosts, and Bo has joined.
    fn of(ann: &Profile, bo: &Profile) -> Self {
        let (mut host, hosting) = ann.host("Ann", &[]);
        let guest = bo.join("Bo", &hosting.invite, &[]);
        let member = host.expect("joined")["member"].as_str().unwrap().to_owned();
        let invite = host.next_invite();
        Self { host, hosting, guest, invite, member }
    }
}

#[test]
fn keys_are_compared_and_marked_and_another_key_of_that_name_is_told() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let Pair { mut host, hosting, mut guest, invite, member } = Pair::of(&ann, &bo);
    host.expect_where("named", |event| event["name"] == "Bo");

    host.say(&format!(r#"{{"verify":"{member}"}}"#));
    let ours = host.expect("safety_number");
    assert_eq!(ours["verified"], false);
    guest.say(&format!(r#"{{"verify":"{}"}}"#, hosting.fingerprint));
    let theirs = guest.expect("safety_number");
    assert_eq!(ours["number"], theirs["number"], "both see the same digits");
    assert_ne!(ours["code"], theirs["code"]);

    let mut compare = |with: &serde_json::Value| {
        host.say(&serde_json::json!({ "verify": member, "with": with }).to_string());
        host.expect("compared")["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(compare(&ours["code"]), "own");
    assert_eq!(compare(&"00000 ".repeat(12).into()), "different");
    assert_eq!(compare(&"hello".into()), "unclear");
    assert_eq!(compare(&theirs["number"]), "same");
    assert_eq!(compare(&theirs["code"]), "same");
    host.say(&format!(r#"{{"verify":"{member}"}}"#));
    assert_eq!(host.expect("safety_number")["verified"], true);

    let mut pretender = carol.join("Bо", &invite, &[]);
    assert_eq!(host.expect("changed_key")["name"], "Bо (".to_owned() + &tag_of(&carol) + ")");
    assert_eq!(pretender.finish(), 0);
    assert_eq!((guest.finish(), host.finish()), (0, 0));
}

/// `script` gives the program a terminal, which is where a person is asked.
#[cfg(target_os = "linux")]
#[test]
fn in_a_terminal_the_person_is_asked_before_anything_goes_to_another_key_of_that_name() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let Pair { mut host, hosting, mut guest, invite, member } = Pair::of(&ann, &bo);
    host.say(&format!(r#"{{"verify":"{member}"}}"#));
    let number = host.expect("safety_number")["number"].clone();
    guest.say(&serde_json::json!({ "verify": hosting.fingerprint, "with": number }).to_string());
    assert_eq!(guest.expect("compared")["result"], "same");
    assert_eq!(guest.finish(), 0);

    let mut guest = bo.start_in_terminal(&["join", &hosting.invite]);
    guest.read_until("In the room: 2 members: ");
    guest.read_until("is called <Ann>.");
    let mut pretender = carol.join("Ann", &invite, &[]);
    guest.read_until("has another key than the one you compared");
    let question = "Send it anyway? [y/N]";
    guest.say("For Ann alone");
    guest.read_until(question);
    guest.say("");
    guest.read_until("It was not sent.");
    guest.say("For Ann alone");
    guest.read_until(question);
    guest.say("y");
    assert_eq!(host.message(), ("Bo".to_owned(), "For Ann alone".to_owned()));
    assert_eq!(pretender.message().1, "For Ann alone");
    guest.say("Asked once");
    assert_eq!(host.message().1, "Asked once");
    assert_eq!((pretender.finish(), host.finish()), (0, 0));
}

#[test]
fn everybody_is_shown_one_room_code_until_the_members_change() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    let invite = host.next_invite();
    let mut codes = || {
        [&mut host, &mut guest].map(|person| {
            person.say(r#"{"room_code":true}"#);
            let shown = person.expect("room_code");
            (shown["code"].as_str().unwrap().to_owned(), shown["members"].as_u64().unwrap())
        })
    };
    let [first, same] = codes();
    assert_eq!((first.0.len(), first.1), (35, 2), "30 digits in six groups");
    assert_eq!(first, same);
    let mut third = carol.join("Carol", &invite, &[]);
    host.expect_where("named", |event| event["name"] == "Carol");
    guest.expect_where("named", |event| event["name"] == "Carol");
    let mut codes = || {
        [&mut host, &mut guest, &mut third].map(|person| {
            person.say(r#"{"room_code":true}"#);
            person.expect("room_code")["code"].as_str().unwrap().to_owned()
        })
    };
    let [ours, theirs, hers] = codes();
    assert_eq!((&ours, &ours), (&theirs, &hers));
    assert_ne!(ours, first.0, "another member, another code");
    assert_eq!((third.finish(), guest.finish(), host.finish()), (0, 0, 0));
}

#[test]
fn keys_are_refreshed_when_asked_for_and_the_talk_goes_on() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    for round in 0..3 {
        guest.say(r#"{"refresh_keys":true}"#);
        host.say(&format!("round {round}"));
        assert_eq!(guest.message().1, format!("round {round}"));
    }
    assert_eq!((guest.finish(), host.finish()), (0, 0));
}

/// The tag of a profile's key.
pub fn tag_of(profile: &Profile) -> String {
    let (_, out, _) = profile.run(&["identity", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    shown["fingerprint"].as_str().unwrap()[..8].to_owned()
}
