//! Bad input and bad luck: each says what happened and what to do, with a stable code.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use crate::connect::connect;
use crate::free_port::free_address;
use crate::person::{Profile, event_in, finish};
use crate::read_to_end::read_to_end;

/// Runs a command that fails, and says its exit code and its error's code and text.
fn refused(profile: &Profile, arguments: &[&str]) -> (i32, String, String) {
    let (exit, output, errors) = profile.run(arguments);
    assert!(output.contains(r#""event":"error""#), "no error event: {output}\n{errors}");
    let error = event_in(&output, "error");
    let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    (exit, text("code"), text("text"))
}

#[test]
fn an_invite_lets_one_person_in() {
    let (ann, bo, carol) = (Profile::of("ann"), Profile::of("bo"), Profile::of("carol"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let _guest = bo.join("Bo", &hosting.invite, &[]);
    host.expect("joined");
    let (exit, code, text) = refused(&carol, &["join", &hosting.invite, "--name", "Carol", "--json"]);
    assert_eq!((exit, code.as_str()), (4, "invite"));
    assert!(text.contains("Ask the person who sent it for a new one"), "{text}");
    host.say("nobody noticed");
    host.expect("on_host");
}

#[test]
fn a_damaged_invite_is_told() {
    let bo = Profile::of("bo");
    let (exit, code, text) = refused(&bo, &["join", "conversa:1:abcdefgh", "--json"]);
    assert_eq!((exit, code.as_str()), (2, "bad_invite"));
    assert!(text.contains("Copy the whole link"));
    let (exit, code, _) = refused(&bo, &["join", "conversa:9:abcdefgh", "--json"]);
    assert_eq!((exit, code.as_str()), (4, "newer"));
}

#[test]
fn a_taken_port_is_told_and_another_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let ann = Profile::of("ann");
    let host = ["host", "--name", "Ann", "--json", "--listen", &address.to_string()];
    let (exit, code, text) = refused(&ann, &host);
    assert_eq!((exit, code.as_str()), (3, "port_in_use"));
    assert!(text.contains(&format!("Port {} is used by another program.", address.port())), "{text}");
    assert!(text.contains(&(address.port().wrapping_add(1)).to_string()));
}

#[test]
fn an_address_of_another_computer_cannot_be_hosted_at() {
    let (exit, code, text) = refused(&Profile::of("ann"), &["host", "--json", "--listen", "192.0.2.7:9000"]);
    assert_eq!((exit, code.as_str()), (3, "cannot_listen"), "{text}");
}

#[test]
fn nobody_hosting_is_told_from_nobody_there() {
    let bo = Profile::of("bo");
    let free = free_address().to_string();
    let (exit, code, text) = refused(&bo, &["join", &free, "--name", "Bo", "--json"]);
    assert_eq!((exit, code.as_str()), (3, "refused"));
    assert!(text.starts_with(&format!("Nobody is hosting at {free}.")), "{text}");
    let (exit, code, _) = refused(&bo, &["join", "no-such-host.invalid:9000", "--name", "Bo", "--json"]);
    assert_eq!((exit, code.as_str()), (3, "no_such_host"));
    let (exit, code, _) = refused(&bo, &["join", "not an address", "--json"]);
    assert_eq!((exit, code.as_str()), (3, "no_such_host"));
}

#[test]
fn what_is_not_conversa_is_told() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let _ = stream.read(&mut [0; 512]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    for more in [&[][..], &["--learning"]] {
        let (exit, code, text) = refused(&Profile::of("bo"), &[&["join", &address, "--json"], more].concat());
        assert_eq!((exit, code.as_str()), (3, "not_conversa"), "{text}");
    }
}

#[test]
fn strangers_bytes_do_not_disturb_a_room() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let address = hosting.address.parse().unwrap();
    let mut half_open = connect(address);
    half_open.write_all(&[0x16, 0x03]).unwrap();
    for bytes in [b"GET / HTTP/1.1\r\nHost: ann\r\n\r\n".as_slice(), &[0xff; 4_096], b"CONVERSA-LEARNING/1\n"] {
        let mut stream = connect(address);
        stream.write_all(bytes).unwrap();
        // It hangs up; what it says before is its business.
        read_to_end(&mut stream);
    }
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    guest.say("all is well");
    assert_eq!(host.message().1, "all is well");
    drop(half_open);
}

#[test]
fn an_unknown_host_is_not_trusted_by_a_script() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (_host, hosting) = ann.host("Ann", &[]);
    let (exit, code, text) = refused(&bo, &["join", &hosting.address, "--name", "Bo", "--json"]);
    assert_eq!((exit, code.as_str()), (6, "first_use"));
    assert!(text.contains(&format!("--accept-fingerprint {}", hosting.fingerprint)), "{text}");
}

#[test]
fn a_host_with_another_key_is_not_joined() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let other = "ab".repeat(32);
    let way = ["join", &hosting.address, "--name", "Bo", "--json", "--accept-fingerprint", &other];
    let (exit, code, text) = refused(&bo, &way);
    assert_eq!((exit, code.as_str()), (6, "host_key"));
    assert!(text.contains("Nothing was sent"));
    let way = ["join", &hosting.invite, "--name", "Bo", "--json", "--accept-fingerprint", &other];
    assert_eq!(refused(&bo, &way).0, 6);

    // A member meets another key at the room's address.
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    guest.expect("titled");
    guest.finish();
    host.finish();
    let carol = Profile::of("carol");
    let mut impostor = carol.start(&["host", "--name", "Ann", "--json", "--listen", &hosting.address]);
    impostor.expect("hosting");
    let (exit, code, _) = refused(&bo, &["join", "Friday", "--json"]);
    assert_eq!((exit, code.as_str()), (6, "host_key"));
}

#[test]
fn the_other_kind_of_room_is_told() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (_host, learning) = ann.host("Ann", &["--learning"]);
    let (exit, code, _) = refused(&bo, &["join", &learning.address, "--json"]);
    assert_eq!((exit, code.as_str()), (4, "learning_room"));
    let carol = Profile::of("carol");
    let (_host, secure) = carol.host("Carol", &[]);
    let (exit, code, _) = refused(&bo, &["join", &secure.address, "--json", "--learning"]);
    assert_eq!((exit, code.as_str()), (4, "secure_room"));
}

#[test]
fn ones_own_room_is_not_joined() {
    let (ann, again) = (Profile::of("ann"), Profile::of("ann"));
    let (_host, hosting) = ann.host("Ann", &[]);
    let (exit, code, text) = refused(&again, &["join", &hosting.invite, "--json"]);
    assert_eq!((exit, code.as_str(), text.starts_with("That is you.")), (2, "own_address", true));
    let (exit, code, _) = refused(&again, &["join", &hosting.address, "--json"]);
    assert_eq!((exit, code.as_str()), (2, "own_address"));
}

#[test]
fn a_text_that_is_too_long_is_told_with_its_limit() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    guest.say(&"x".repeat(16 * 1024 + 1));
    let error = guest.expect("error");
    assert_eq!(error["code"], "too_long");
    assert!(error["text"].as_str().is_some_and(|text| text.contains("16385") && text.contains("16384")));
    guest.say(&"y".repeat(16 * 1024));
    assert_eq!(host.message().1.len(), 16 * 1024);
    guest.say(r#"{"jump":true}"#);
    assert_eq!(guest.expect("error")["code"], "usage");
}

#[test]
fn usage_errors_exit_with_two() {
    let bo = Profile::empty();
    for arguments in [&["join"][..], &["dance"], &["host", "--listen", "x"], &["host", "--members", "1"]] {
        let (exit, output, errors) = bo.run(arguments);
        assert_eq!((exit, output.as_str(), errors.is_empty()), (2, "", false), "{arguments:?}");
    }
    let (exit, _, errors) = bo.run(&["host", "--name", "a\u{202e}b"]);
    assert!(exit == 2 && errors.contains("This name cannot be used."), "{errors}");
}

#[test]
fn help_shows_an_example_for_each_command_and_the_version_is_told() {
    let profile = Profile::empty();
    for command in ["host", "join", "send", "identity", "rooms", "relay"] {
        let (exit, help, _) = profile.run(&[command, "--help"]);
        assert!(exit == 0 && help.contains("Examples:") && help.contains(&format!("conversa {command}")));
    }
    assert_eq!(profile.run(&["--version"]).1.trim(), concat!("conversa ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_display_the_headless_commands_are_named() {
    let profile = Profile::empty();
    let mut command = profile.command(&[]);
    let (exit, output, errors) = finish(command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY"));
    assert_eq!((exit, output.as_str()), (1, ""));
    assert!(errors.contains("conversa host") && errors.contains("conversa join"), "{errors}");
}
