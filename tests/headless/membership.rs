//! What is remembered of rooms, whatever becomes of a profile's files, and whatever way leads back.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use conversa::crypto::Fingerprint;
use conversa::protocol::Invite;

use crate::person::{Person, Profile, event_in};

/// Copies a profile as a backup does.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files_of_rooms(profile: &Profile) -> Vec<std::path::PathBuf> {
    fs::read_dir(profile.path().join("rooms")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn lose_records(profile: &Profile) {
    files_of_rooms(profile).into_iter().for_each(|file| fs::remove_file(file).unwrap());
}

/// Ann puts a backup of before back, so her host shows Carol again, whom she had removed. Bo has seen that.
#[test]
fn nobody_comes_back_to_members_of_before_by_any_way() {
    let [ann, bo, carol] = ["ann", "bo", "carol"].map(Profile::of);
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    guest.expect("titled");
    let invite = host.next_invite();
    carol.join("Carol", &invite, &[]).finish();
    let member = guest.expect("joined")["member"].clone();
    assert_eq!((guest.finish(), host.finish()), (0, 0));
    let backup = Profile::empty();
    copy(&ann.path(), &backup.path());
    let (mut host, _) = ann.start_again(&hosting.address);
    let mut guest = bo.start(&["join", "Friday", "--json"]);
    guest.expect("ready");
    host.say(&format!(r#"{{"remove":{member}}}"#));
    guest.expect("removed");
    assert_eq!((guest.finish(), host.finish()), (0, 0));

    let (_host, again) = backup.start_again(&hosting.address);
    let by_address = ["join", &hosting.address, "--accept-fingerprint", &hosting.fingerprint, "--json"];
    let ways: [(&str, &[&str], bool); 5] = [
        ("the record", &["join", "Friday", "--json"], false),
        ("an invite", &["join", &again.invite, "--json"], false),
        ("an address", &by_address, false),
        ("an address, without a record", &by_address, true),
        ("an invite, without a record", &["join", &again.invite, "--json"], true),
    ];
    for (way, arguments, is_lost) in ways {
        if is_lost {
            lose_records(&bo);
        }
        let mut guest = bo.start(arguments);
        let told = guest.expect("offline");
        assert_eq!(told["code"], "rolled_back", "by {way}: {told}");
        guest.kill();
    }
    let (exit, output, errors) = bo.run(&by_address);
    assert_eq!(exit, 6, "{output}{errors}");
    assert!(output.contains(r#""reason":"rolled_back""#) && !output.contains(r#""event":"ready""#), "{output}");
    let code = output.lines().find(|line| line.contains(r#""code":"rolled_back","text":"The host shows an older list of members than you have seen. The room was stopped."#));
    let digits = code.unwrap_or_default().matches(|c: char| c.is_ascii_digit()).count();
    assert!(digits >= 30, "the room code stands there: {output}");
}

#[test]
fn a_lost_record_of_an_owned_room_is_not_replaced_by_a_new_room() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    bo.join("Bo", &hosting.invite, &[]).finish();
    host.finish();
    let open = ["host", "--room", "Friday", "--listen", "127.0.0.1:0", "--json"];
    let room = |profile: &Profile| {
        let (exit, output, errors) = profile.run(&open);
        assert_eq!(exit, 0, "{output}{errors}");
        event_in(&output, "hosting")["room"].clone()
    };
    let whole = Profile::empty();
    copy(&ann.path(), &whole.path());
    let before = room(&ann);
    // One copy gone or damaged: the room is there, and the disk is to blame.
    for name in ["cbor", "copy"] {
        for is_gone in [true, false] {
            let file =
                files_of_rooms(&ann).into_iter().find(|file| file.extension().is_some_and(|end| end == name)).unwrap();
            if is_gone {
                fs::remove_file(&file).unwrap();
            } else {
                let mut bytes = fs::read(&file).unwrap();
                bytes[200] ^= 4;
                fs::write(&file, bytes).unwrap();
            }
            let (exit, output, errors) = ann.run(&["host", "--room", "Friday", "--listen", "127.0.0.1:0"]);
            assert_eq!(exit, 0, "{output}{errors}");
            assert!(errors.contains("second copy") || (is_gone && name == "copy"), "{errors}");
            assert!(!errors.contains("changed the host's program"), "{errors}");
            assert_eq!(room(&ann), before);
        }
    }
    // Both: no other takes its place unasked.
    for is_gone in [true, false] {
        let lost = Profile::empty();
        copy(&whole.path(), &lost.path());
        for file in files_of_rooms(&lost) {
            if is_gone { fs::remove_file(file).unwrap() } else { fs::write(file, b"damaged").unwrap() }
        }
        for _ in 0..2 {
            let (exit, output, errors) = lost.run(&open);
            assert_eq!(exit, 7, "gone: {is_gone}: {output}{errors}");
            assert!(output.contains("room_corrupt") && output.contains("rooms/"), "{output}");
            assert!(!output.contains(r#""hosting""#), "{output}");
        }
        let (exit, ..) = lost.run(&["host", "--room", "Another", "--listen", "127.0.0.1:0"]);
        assert_eq!(exit, 0, "another title is another room");
        let (exit, output, errors) = lost.run(&[&open[..], &["--new"]].concat());
        assert_eq!(exit, 0, "{output}{errors}");
    }
}

/// Whoever knows a room's id can write such an invite.
#[test]
fn an_invite_to_a_known_room_changes_nothing_before_its_host_has_shown_the_room() {
    let [ann, bo, carol] = ["ann", "bo", "carol"].map(Profile::of);
    let (_host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    guest.expect("titled");
    guest.finish();
    let (_other, elsewhere) = carol.host("Carol", &[]);
    let known = |bo: &Profile| bo.run(&["rooms", "--json"]).1;
    let before = known(&bo);
    let mut forged = Invite::from_str(&hosting.invite).unwrap();
    forged.addresses = vec![elsewhere.address.clone()];
    // Another key: asked about, as when it is met for the first time, and a script says no.
    forged.host = elsewhere.fingerprint.parse::<Fingerprint>().unwrap();
    let (exit, output, errors) = bo.run(&["join", &forged.to_string(), "--json"]);
    assert_eq!(exit, 6, "{output}{errors}");
    assert!(output.contains("first_use"), "{output}");
    assert_eq!(known(&bo), before);
    // A key that nobody there has.
    forged.host = Fingerprint::of(b"nobody");
    let (exit, output, errors) = bo.run(&["join", &forged.to_string(), "--json"]);
    assert_eq!(exit, 6, "{output}{errors}");
    assert!(output.contains("host_key"), "{output}");
    assert_eq!(known(&bo), before);
    let mut guest = bo.start(&["join", "Friday", "--json"]);
    guest.expect("ready");
    assert_eq!(guest.finish(), 0);
    // The right one elsewhere: the true address is still tried.
    forged.host = hosting.fingerprint.parse().unwrap();
    forged.addresses = vec!["127.0.0.1:1".to_owned()];
    let mut guest = bo.start(&["join", &forged.to_string(), "--json"]);
    guest.expect("ready");
    assert_eq!(guest.finish(), 0);
    let addresses = known(&bo);
    assert!(addresses.contains(&format!(r#""addresses":["{}","127.0.0.1:1"]"#, hosting.address)), "{addresses}");
}

#[test]
fn an_open_invite_outlives_its_owners_restart_and_a_used_one_does_not() {
    for learning in [false, true] {
        let more: &[&str] = if learning { &["--learning"] } else { &[] };
        let [ann, bo, carol, dave] = ["ann", "bo", "carol", "dave"].map(Profile::of);
        let (mut host, hosting) = ann.host("Ann", more);
        let again = |host: &mut Person| {
            host.kill();
            let open = ["host", "--room", "Friday", "--listen", &hosting.address, "--json"];
            let mut host = ann.start(&[&open[..], more].concat());
            host.expect("ready");
            host
        };
        let mut host = again(&mut host);
        let mut guest = bo.join("Bo", &hosting.invite, more);
        // Used now; the next one is withdrawn by nobody.
        let open = host.next_invite();
        let mut host = again(&mut host);
        guest.expect("ready");
        let (exit, output, _) = carol.run(&[&["join", &hosting.invite, "--name", "Carol", "--json"], more].concat());
        assert_eq!(exit, 4, "learning: {learning}: a used one is back: {output}");
        dave.join("Dave", &open, more).finish();
        host.finish();
        let sealed =
            fs::read(ann.path().join(if learning { "private-learning.sealed" } else { "private.sealed" })).unwrap();
        assert!(!sealed.windows(9).any(|part| part == b"conversa:"), "in the clear");
    }
}
