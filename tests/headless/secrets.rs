//! Passphrases and invites, by every way they come in.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::output::output_of;
use crate::person::{Profile, finish, parts};

/// What is no passphrase, and a word of the reason; as the first line of a file and as a variable.
const REFUSED: [(&[u8], &str); 8] = [
    (b"gr\xfcn-secret", "UTF-8"),
    (b"\xff\xfes\x01e\x01", "UTF-8"),
    (b"\xef\xbb\xbfsecret", "byte order mark"),
    (b"", "empty"),
    (b"  \t ", "control character"),
    (b"   ", "blanks"),
    (b"sec\rret", "control character"),
    (b"sec\x1bret", "control character"),
];

/// Runs a command with these bytes as its standard input.
fn finish_with(command: &mut std::process::Command, input: &[u8]) -> (i32, String, String) {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    parts(output_of(child, "a command with input"))
}

/// The ways a passphrase comes to `identity new`, each with what it does with these bytes.
fn by_every_way(profile: &Profile, bytes: &[u8]) -> Vec<(&'static str, (i32, String, String))> {
    let file = profile.path().join("passphrase.txt");
    let file_text = file.to_str().unwrap();
    let new = ["identity", "new"];
    let mut ways = Vec::new();
    for (name, end) in [("a file", "\n"), ("a file of Windows", "\r\n"), ("a file without an end", "")] {
        fs::write(&file, [bytes, end.as_bytes()].concat()).unwrap();
        ways.push((name, profile.run(&[&new[..], &["--passphrase-file", file_text]].concat())));
    }
    let input = [bytes, b"\n"].concat();
    let mut command = profile.command(&[&new[..], &["--passphrase-file", "-"]].concat());
    ways.push(("standard input", finish_with(&mut command, &input)));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let mut command = profile.command(&[&new[..], &["--passphrase-file", "/dev/stdin"]].concat());
        ways.push(("a pipe", finish_with(&mut command, &input)));
        let mut command = profile.command(&new);
        command.env("CONVERSA_PASSPHRASE", std::ffi::OsStr::from_bytes(bytes)).stdin(Stdio::null());
        ways.push(("the environment", finish(&mut command)));
    }
    fs::remove_file(&file).unwrap();
    ways
}

#[test]
fn a_passphrase_that_cannot_be_used_is_refused_by_every_way_and_no_key_is_made() {
    let longest = "x".repeat(1_025);
    let refused = REFUSED.into_iter().chain([(longest.as_bytes(), "1024 bytes")]);
    for (bytes, why) in refused {
        let profile = Profile::empty();
        for (way, (exit, output, errors)) in by_every_way(&profile, bytes) {
            assert_eq!(exit, 5, "{why} by {way}: {output}{errors}");
            assert!(errors.contains(why) && errors.contains("The passphrase in "), "{why} by {way}: {errors}");
            assert!(!profile.path().join("identity/sign.pem").exists(), "{why} by {way}");
        }
    }
}

/// What is typed with an accent, blanks and quotes opens what it locked, whichever way it came first.
#[test]
fn a_passphrase_is_the_same_by_every_way() {
    let profile = Profile::of("ann");
    fs::remove_dir_all(profile.path().join("identity")).unwrap();
    let secret = " grün 'secret' ";
    let (exit, _, errors) = finish(profile.command(&["identity", "new"]).env("CONVERSA_PASSPHRASE", secret));
    assert_eq!(exit, 0, "{errors}");
    let file = profile.path().join("passphrase.txt");
    for end in ["\n", "\r\n", ""] {
        fs::write(&file, format!("{secret}{end}")).unwrap();
        let (exit, output, errors) = profile.run(&["identity", "--passphrase-file", file.to_str().unwrap()]);
        assert!(exit == 0 && output.contains("Passphrase:  yes"), "{end:?}: {errors}");
    }
    let mut command = profile.command(&["identity", "--passphrase-file", "-"]);
    assert_eq!(finish_with(&mut command, format!("{secret}\nmore").as_bytes()).0, 0);
    // A backup's takes the next line.
    let backup = profile.path().join("backup.pem");
    let backup = backup.to_str().unwrap();
    let ways = ["--passphrase-file", "-", "--backup-passphrase-file", "-"];
    let mut command = profile.command(&[&["identity", "backup", backup][..], &ways].concat());
    let (exit, _, errors) = finish_with(&mut command, format!("{secret}\nother\n").as_bytes());
    assert_eq!(exit, 0, "{errors}");
    let bo = Profile::empty();
    let mut restore = bo.command(&["identity", "restore", backup]);
    assert_eq!(finish(restore.env("CONVERSA_BACKUP_PASSPHRASE", "other").stdin(Stdio::null())).0, 0);
    for (bytes, _) in REFUSED {
        fs::write(&file, [bytes, b"\n"].concat()).unwrap();
        let again = ["identity", "restore", backup, "--replace", "--backup-passphrase-file", file.to_str().unwrap()];
        assert_eq!(bo.run(&again).0, 5);
    }
}

#[test]
fn a_token_is_taken_exactly_or_refused() {
    let ann = Profile::of("ann");
    let file = ann.path().join("token.txt");
    let host = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        ann.run(&["host", "--name", "Ann", "--relay", "127.0.0.1:1", "--relay-token", file.to_str().unwrap()])
    };
    let token = "ab".repeat(32);
    for wrong in [&b""[..], b"\xff\xfe", &token.as_bytes()[1..], format!("\u{feff}{token}").as_bytes(), b"\0"] {
        let (exit, _, errors) = host(wrong);
        assert!(exit == 2 && errors.contains("There is no token in"), "{wrong:?}: {errors}");
    }
    let (exit, _, errors) = host(format!(" {token}\r\n").as_bytes());
    assert_ne!(exit, 2, "{errors}");
}

/// Nothing secret has to stand where the other people of a computer read it.
#[test]
fn an_invite_and_a_message_come_from_standard_input_or_a_file() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.start(&["join", "-", "--name", "Bo", "--json"]);
    let (front, back) = hosting.invite.split_at(70);
    guest.say(front);
    guest.say(back);
    guest.expect("ready");
    guest.say("hello");
    assert_eq!(host.message(), ("Bo".into(), "hello".into()));
    assert_eq!(guest.finish(), 0);
    host.expect("away");

    let carol = Profile::of("carol");
    let invite = newest(&mut host);
    let mail = carol.path().join("mail.txt");
    fs::write(&mail, format!("Hi Carol,\r\n\r\n> {}\r\n> {}\r\n\r\nAnn", &invite[..64], &invite[64..])).unwrap();
    let mail = mail.to_str().unwrap();
    let (exit, _, errors) = carol.run(&["send", "--invite-file", mail, "from a file", "--name", "Carol"]);
    assert_eq!(exit, 0, "{errors}");
    assert_eq!(host.message(), ("Carol".into(), "from a file".into()));
    let mut command = carol.command(&["send", &hosting.room[..12], "-"]);
    assert_eq!(finish_with(&mut command, "one\ntwo\n".as_bytes()).0, 0);
    assert_eq!(host.message(), ("Carol".into(), "one\ntwo".into()));

    // Of a letter nothing is said.
    let dave = Profile::of("dave");
    let letter = format!("Hi Dave,\n\n{}\n\nSee you, Ann\n", newest(&mut host));
    let mut command = dave.command(&["join", "-", "--name", "Dave"]);
    let (exit, _, errors) = finish_with(&mut command, letter.as_bytes());
    assert_eq!(exit, 0, "{errors}");
    assert!(dave.run(&["rooms"]).1.contains(&hosting.room[..12]), "he is in");
    assert_eq!(host.finish(), 0);
    assert!(!host.last_events().iter().any(|event| event["text"] == "See you, Ann"));

    for arguments in
        [&["join", "--invite-file", "/nonexistent"][..], &["join", "-"], &["join", "--invite-file", mail, "x"]]
    {
        let (exit, _, errors) = Profile::of("dave").run(arguments);
        assert!(exit != 0 && !errors.is_empty(), "{arguments:?}");
    }
}

/// The newest invite, asked for.
fn newest(host: &mut crate::person::Person) -> String {
    host.say(r#"{"invite":true}"#);
    host.next_invite()
}

#[test]
fn an_invite_is_read_as_a_mail_program_left_it() {
    let bo = Profile::of("bo");
    let (mut host, hosting) = Profile::of("ann").host("Ann", &[]);
    host.finish();
    let lines: Vec<&str> = hosting.invite.as_bytes().chunks(72).map(|line| str::from_utf8(line).unwrap()).collect();
    let dressed = [
        lines.join("\n"),
        lines.join("\r\n"),
        lines.join(" \n"),
        lines.join("=\r\n"),
        lines.join("\n> "),
        format!("{} {}", &hosting.invite[..60], &hosting.invite[60..]),
        format!("Hi Bo,\n\n{}\n\nSee you, Ann", lines.join("\n")),
        format!("https://safe.example.org/?url={}&data=1", hosting.invite.replace(':', "%3A")),
        format!("[Join]({})", hosting.invite),
        hosting.invite.to_uppercase(),
    ];
    for text in dressed {
        let (exit, _, errors) = bo.run(&["join", &text, "--name", "Bo"]);
        // The host is gone, which is known by the address in the invite.
        assert!(exit == 3 && errors.contains(&hosting.address), "{text:?}: {exit} {errors}");
        let file = bo.path().join("invite.txt");
        fs::write(&file, &text).unwrap();
        let (exit, _, errors) = bo.run(&["join", "--invite-file", file.to_str().unwrap(), "--name", "Bo"]);
        assert!(exit == 3 && errors.contains(&hosting.address), "{text:?}: {exit} {errors}");
    }
}
