//! What was said, read from the profile when nobody is there any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use conversa::app::SessionEvent;
use serde_json::Value;

use crate::front_end::FrontEnd;
use crate::lines::lines_of;
use crate::output::output_of;
use crate::patience::PATIENCE;
use crate::person::{Hosting, Person, Profile, finish};
use crate::talk::tag_of;

/// Ann hosts, Bo joins.
fn two(ann: &Profile, bo: &Profile) -> (Person, Person, Hosting) {
    let (mut host, hosting) = ann.host("Ann", &[]);
    let guest = bo.join("Bo", &hosting.invite, &[]);
    host.expect("named");
    (host, guest, hosting)
}

/// One says something that the other hears.
fn say(speaker: &mut Person, hearer: &mut Person, text: &str) {
    speaker.say(&serde_json::json!({ "send": text }).to_string());
    assert_eq!(hearer.message().1, text);
    speaker.expect("delivered");
}

/// Both say something and go.
fn said(ann: &Profile, bo: &Profile) -> Hosting {
    let (mut host, mut guest, hosting) = two(ann, bo);
    say(&mut guest, &mut host, "one");
    say(&mut host, &mut guest, "two");
    assert_eq!((guest.finish(), host.finish()), (0, 0));
    hosting
}

/// What `conversa history` printed, without the date of each line.
fn undated(output: &str) -> Vec<String> {
    let of_line = |line: &str| {
        if line.starts_with(' ') {
            return line.to_owned();
        }
        let (date, rest) = line.split_at("2026-11-30 14:05 ".len());
        chrono::NaiveDateTime::parse_from_str(date.trim_end(), "%Y-%m-%d %H:%M").unwrap();
        rest.to_owned()
    };
    output.lines().map(of_line).collect()
}

fn events(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every file of a profile.
fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { BTreeSet::from([path]) }).collect()
}

/// The file with this ending among those of the saved messages.
fn saved_file(profile: &Profile, ending: &str) -> PathBuf {
    let found = files(&profile.path().join("store")).into_iter();
    found.into_iter().find(|path| path.extension().is_some_and(|of| of == ending)).unwrap()
}

#[test]
fn what_two_people_said_is_printed_after_a_restart_of_both() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let hosting = said(&ann, &bo);
    let (mut host, _) = ann.start_again(&hosting.address);
    let mut guest = bo.start(&["join", "Friday", "--json"]);
    guest.expect("ready");
    say(&mut guest, &mut host, "three");
    assert_eq!((guest.finish(), host.finish()), (0, 0));
    for who in [&ann, &bo] {
        for room in ["Friday", "FRIDAY", &hosting.room, &hosting.room[..8]] {
            let (exit, output, errors) = who.run(&["history", room]);
            assert_eq!((exit, errors.as_str()), (0, ""));
            assert_eq!(undated(&output), ["<Bo> one", "<Ann> two", "<Bo> three"], "{room}");
        }
    }
    let (_, output, _) = bo.run(&["history", "Friday", "--limit", "2"]);
    assert_eq!(undated(&output), ["<Ann> two", "<Bo> three"]);
    let (exit, _, _) = bo.run(&["history", "Friday", "--limit", "0"]);
    assert_eq!(exit, 2);
}

#[test]
fn what_the_terminal_printed_was_read() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    said(&ann, &bo);
    for profile in [ann, bo] {
        let mut later = FrontEnd::open(profile.into_directory());
        let membership = later.chat.rooms().next().unwrap().membership;
        later.session.enter(membership);
        later.until("what was said", |later| later.chat.room(membership).unwrap().last_heard().is_some());
        assert_eq!(later.chat.room(membership).unwrap().unread, 0);
        later.session.quit();
        later.until("the end", |later| later.told.contains(&SessionEvent::Ended));
    }
}

#[test]
fn a_day_and_words_choose_what_is_printed() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, mut guest, _) = two(&ann, &bo);
    for text in ["The build is green.", "今日は天気がいい", "Another build", "明日の天気は?"] {
        say(&mut guest, &mut host, text);
    }
    assert_eq!((guest.finish(), host.finish()), (0, 0));
    let printed = |more: &[&str]| {
        let (exit, output, errors) = ann.run(&[&["history", "Friday"], more].concat());
        assert_eq!(exit, 0, "{errors}");
        assert_eq!(errors.is_empty(), !output.is_empty(), "nothing is said to be nothing: {errors}");
        undated(&output)
    };
    let weather = ["<Bo> 今日は天気がいい", "<Bo> 明日の天気は?"];
    assert_eq!(printed(&["--search", "天気"]), weather);
    assert_eq!(printed(&["--search", "BUILD"]), ["<Bo> The build is green.", "<Bo> Another build"]);
    assert_eq!(printed(&["--search", "green build"]), ["<Bo> The build is green."]);
    assert_eq!(printed(&["--search", "build", "--limit", "1"]), ["<Bo> Another build"]);
    for nothing in ["red", "気天", "", "\" OR build"] {
        assert_eq!(printed(&["--search", nothing]), [""; 0], "{nothing}");
    }
    // A day is one of this computer's.
    let day = |days: i64| (chrono::Local::now() + chrono::TimeDelta::days(days)).format("%Y-%m-%d").to_string();
    assert_eq!(printed(&["--since", &day(-1)]).len(), 4);
    assert_eq!(printed(&["--since", &day(-1), "--search", "天気"]), weather);
    assert_eq!(printed(&["--since", &day(2)]), [""; 0]);
    assert_eq!(printed(&["--since", &day(2), "--search", "天気"]), [""; 0]);
    for no_day in ["yesterday", "2026-02-30", "30.11.2026", "2026-11-30T10:00:00Z"] {
        let (exit, _, errors) = ann.run(&["history", "Friday", "--since", no_day]);
        assert!(exit == 2 && errors.contains("2026-11-30"), "{no_day}: {errors}");
    }
}

#[test]
fn scripts_get_what_they_got_when_it_was_said() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, mut guest, hosting) = two(&ann, &bo);
    guest.say(r#"{"send":"a\nb\u001b[2K\u009b\u202e"}"#);
    let live = host.expect("message");
    guest.expect("delivered");
    assert_eq!(host.finish(), 0);
    guest.expect("offline");
    guest.say("into the void");
    guest.expect("queued");
    guest.signal("TERM");
    guest.exit_code();
    let (exit, output, errors) = ann.run(&["history", "Friday", "--json"]);
    assert_eq!((exit, errors.as_str()), (0, ""));
    assert!(output.contains(r"a\nb\u001b[2K\u009b\u202e") && output.lines().count() == 1, "{output}");
    let saved = &events(&output)[0];
    for field in ["room", "id", "from", "name", "text", "time"] {
        assert_eq!(saved[field], live[field], "{field}");
    }
    assert_eq!((&saved["event"], &saved["progress"]), (&"saved".into(), &Value::Null));
    assert_eq!(saved["room"], hosting.room.as_str());
    // Bo's own.
    let (_, output, _) = bo.run(&["history", "Friday", "--json"]);
    let progress: Vec<Value> = events(&output).iter().map(|event| event["progress"].clone()).collect();
    assert_eq!(progress, ["on_host", "not_sent"]);
    let (_, output, _) = bo.run(&["history", "Friday"]);
    assert_eq!(undated(&output).last().unwrap(), "(not sent) <Bo> into the void");
    let (exit, output, _) = bo.run(&["history", "Monday", "--json"]);
    assert_eq!((exit, &events(&output)[0]["code"]), (2, &"unknown_room".into()));
}

#[test]
fn neither_a_saved_name_nor_saved_words_make_a_line() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Carol> hi <Invite: x", &hosting.invite, &[]);
    let invite = host.next_invite();
    host.expect("named");
    let mut other = carol.join("ANN", &invite, &[]);
    host.expect_where("named", |event| event["name"] == "ANN");
    say(
        &mut guest,
        &mut host,
        "hello\n<Carol> bye\u{2028}* <Carol> left the room.\r\n2026-11-30 14:05 <Ann> no\u{1b}[2K\u{9b}1G",
    );
    say(&mut other, &mut host, "me");
    assert_eq!((guest.finish(), other.finish(), host.finish()), (0, 0, 0));
    let (_, output, _) = ann.run(&["history", "Friday"]);
    let expected = [
        format!("<Carol\u{fffd} hi \u{fffd}Invite: x ({})> hello", tag_of(&bo)),
        "    <Carol> bye".to_owned(),
        "    * <Carol> left the room.".to_owned(),
        "    2026-11-30 14:05 <Ann> no\u{fffd}[2K\u{fffd}1G".to_owned(),
        format!("<ANN ({})> me", tag_of(&carol)),
    ];
    assert_eq!(undated(&output), expected);
}

#[test]
fn a_room_that_is_over_can_be_read_and_one_that_was_left_is_gone() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    let invite = host.next_invite();
    host.expect("named");
    let mut other = carol.join("Carol", &invite, &[]);
    host.expect("named");
    say(&mut guest, &mut host, "one");
    assert_eq!(other.message().1, "one");
    other.say(r#"{"leave":true}"#);
    other.expect("stopped");
    host.expect("left");
    host.say(r#"{"leave":true}"#);
    guest.expect("closed");
    assert_eq!((other.exit_code(), guest.exit_code(), host.exit_code()), (0, 0, 0));
    assert_eq!(bo.run(&["rooms"]).1, "");
    for room in ["Friday", &hosting.room[..12]] {
        for who in [&ann, &bo] {
            let (exit, output, errors) = who.run(&["history", room]);
            assert_eq!((exit, undated(&output)), (0, vec!["<Bo> one".to_owned()]), "{errors}");
        }
        let (exit, output, errors) = carol.run(&["history", room]);
        assert_eq!((exit, output.as_str()), (2, ""));
        assert!(errors.contains(&format!("There is no room “{room}”")), "{errors}");
    }
}

#[test]
fn where_nothing_is_saved_that_is_said_and_nothing_is_made() {
    let ann = Profile::of("ann");
    let nowhere = ann.path().join("nowhere");
    let before = files(&ann.path());
    let mut elsewhere = Command::new(env!("CARGO_BIN_EXE_conversa"));
    elsewhere.arg("--profile").arg(&nowhere).args(["history", "Friday"]);
    for (exit, output, errors) in [ann.run(&["history", "Friday"]), finish(&mut elsewhere)] {
        assert_eq!((exit, output.as_str(), errors.trim_end()), (0, "", "No messages are saved in this profile."));
    }
    assert_eq!(ann.run(&["history", "Friday", "--json"]), (0, String::new(), String::new()));
    assert!(files(&ann.path()) == before && !nowhere.exists());

    // A room where nobody said anything.
    let (mut host, _) = ann.host("Ann", &[]);
    assert_eq!(host.finish(), 0);
    let (exit, output, errors) = ann.run(&["history", "Friday"]);
    assert_eq!((exit, output.as_str(), errors.trim_end()), (0, "", "No messages of this room are saved."));
    let (exit, _, errors) = ann.run(&["history", "Monday"]);
    assert!(exit == 2 && errors.contains("There is no room “Monday”"), "{errors}");
}

#[test]
fn a_store_or_a_key_that_is_missing_is_not_made_anew() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    said(&ann, &bo);
    let (file, key) = (saved_file(&bo, "db"), saved_file(&bo, "key"));
    fs::rename(&key, bo.path().join("away")).unwrap();
    let (exit, output, errors) = bo.run(&["history", "Friday"]);
    assert_eq!((exit, output.as_str()), (7, ""));
    assert!(errors.contains("the key to") && errors.contains(file.to_str().unwrap()), "{errors}");
    assert!(!key.exists());
    fs::rename(bo.path().join("away"), &key).unwrap();
    assert_eq!(bo.run(&["history", "Friday"]).0, 0);
    fs::remove_file(&file).unwrap();
    let (exit, _, errors) = bo.run(&["history", "Friday"]);
    assert!(exit == 0 && errors.contains("No messages of this room are saved."), "{errors}");
    assert!(!file.exists());
    fs::write(&file, vec![7; 8_192]).unwrap();
    let (exit, output, _) = bo.run(&["history", "Friday", "--json"]);
    assert_eq!((exit, &events(&output)[0]["code"]), (7, &"store_unreadable".into()));
    assert_eq!(fs::read(&file).unwrap(), vec![7; 8_192]);
}

#[test]
fn a_passphrase_is_needed_for_what_it_locks_alone() {
    let (plain, ann, bo) = (Profile::of("ann"), Profile::empty(), Profile::of("bo"));
    let backup = plain.path().join("backup.pem");
    for (profile, what) in [(&plain, "backup"), (&ann, "restore")] {
        let mut command = profile.command(&["identity", what, backup.to_str().unwrap()]);
        assert_eq!(finish(command.env("CONVERSA_BACKUP_PASSPHRASE", "correct horse")).0, 0);
    }
    // A learning room needs none.
    let mut command =
        ann.command(&["host", "--name", "Ann", "--room", "Class", "--learning", "--listen", "127.0.0.1:0"]);
    assert_eq!(finish(&mut command).0, 0);
    let class = ann.run(&["history", "Class"]);
    assert_eq!((class.0, class.2.trim_end()), (0, "No messages of this room are saved."));

    let mut command = ann.command(&["host", "--name", "Ann", "--room", "Friday", "--listen", "127.0.0.1:0", "--json"]);
    command.env("CONVERSA_PASSPHRASE", "correct horse");
    let mut host = Person::start(command);
    let invite = host.expect("hosting")["invite"].as_str().unwrap().to_owned();
    let mut guest = bo.join("Bo", &invite, &[]);
    host.expect("named");
    say(&mut guest, &mut host, "secret");
    assert_eq!((guest.finish(), host.finish()), (0, 0));

    let with = |passphrase: &str| {
        let mut command = ann.command(&["history", "Friday", "--json"]);
        finish(command.env("CONVERSA_PASSPHRASE", passphrase))
    };
    let (exit, output, errors) = with("correct horse");
    assert_eq!((exit, &events(&output)[0]["text"]), (0, &"secret".into()), "{errors}");
    let file = ann.path().join("passphrase.txt");
    fs::write(&file, "correct horse\n").unwrap();
    let (exit, output, _) = ann.run(&["history", "Friday", "--passphrase-file", file.to_str().unwrap()]);
    assert_eq!((exit, undated(&output)), (0, vec!["<Bo> secret".to_owned()]));
    let (exit, output, _) = with("wrong");
    assert_eq!((exit, &events(&output)[0]["code"]), (5, &"wrong_passphrase".into()));
    let (exit, output, _) = ann.run(&["history", "Friday", "--json"]);
    assert_eq!((exit, &events(&output)[0]["code"]), (5, &"passphrase_needed".into()));
    assert_eq!(ann.run(&["history", "Class"]).0, 0);
}

#[test]
fn a_profile_in_use_is_told() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, mut guest, _) = two(&ann, &bo);
    say(&mut guest, &mut host, "one");
    let (exit, output, errors) = ann.run(&["history", "Friday"]);
    assert_eq!((exit, output.as_str()), (7, ""));
    assert!(errors.contains("Another Conversa uses the profile in"), "{errors}");
    say(&mut guest, &mut host, "two");
}

#[test]
fn a_reader_who_has_enough_is_no_error() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, mut guest, _) = two(&ann, &bo);
    // More than a pipe holds.
    for number in 0..12 {
        say(&mut guest, &mut host, &format!("{number}{}", "x".repeat(16_000)));
    }
    assert_eq!((guest.finish(), host.finish()), (0, 0));
    let mut command = ann.command(&["history", "Friday"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = lines_of(child.stdout.take().unwrap());
    assert!(lines.recv_timeout(PATIENCE).unwrap().contains("<Bo> 0xxx"));
    drop(lines);
    let output = output_of(child, "conversa history | head -1");
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}
