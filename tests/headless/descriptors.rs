//! A process that may open only a few files: what it is asked for works, or it says why it does not. It never waits
//! for files that nobody will close.

use std::process::Command;

use crate::person::{Person, Profile};

/// Few enough that nothing works, up to enough for all.
const LIMITS: [u32; 9] = [6, 8, 10, 12, 14, 16, 20, 24, 40];

/// Starts a command that may have so many files open.
fn start(profile: &Profile, files: u32, arguments: &[&str]) -> Person {
    let command = profile.command(arguments);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")]);
    limited.arg(command.get_program()).args(command.get_args());
    for variable in ["CONVERSA_PASSPHRASE", "CONVERSA_LOG", "CONVERSA_PROFILE"] {
        limited.env_remove(variable);
    }
    Person::start(limited)
}

/// Whether a command with `files` that has ended did what it was to do; it has to say why not.
fn worked(person: &mut Person, files: u32) -> bool {
    person.end_input();
    let exit = person.exit_code();
    let events = person.last_events();
    let is_told = events.iter().any(|event| event["event"] == "error") || !person.errors().trim().is_empty();
    assert!(exit == 0 || is_told, "with {files} files: exit {exit}, {events:#?}");
    assert!(!person.errors().contains("panicked"), "with {files} files: {}", person.errors());
    exit == 0 && events.iter().any(|event| event["event"] == "ready")
}

#[test]
fn with_few_files_a_host_hosts_or_says_why_not() {
    let worked: Vec<u32> = LIMITS
        .into_iter()
        .filter(|files| {
            let ann = Profile::of("ann");
            let host = ["host", "--name", "Ann", "--listen", "127.0.0.1:0", "--json"];
            worked(&mut start(&ann, *files, &host), *files)
        })
        .collect();
    assert!(worked.contains(&40) && !worked.contains(&6), "{worked:?}");
}

#[test]
fn with_few_files_a_joiner_joins_or_says_why_not() {
    let ann = Profile::of("ann");
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut invite = hosting.invite;
    for files in LIMITS {
        let bo = Profile::of("bo");
        if worked(&mut start(&bo, files, &["join", &invite, "--name", "Bo", "--json"]), files) {
            let bo = host.expect("joined")["member"].as_str().unwrap().to_owned();
            invite = host.next_invite();
            host.say(&format!("{{\"remove\":\"{bo}\"}}"));
            host.expect("removed");
        }
    }
}

#[test]
fn with_few_files_a_relay_relays_or_says_why_not() {
    for files in LIMITS {
        let mut relay = start(&Profile::empty(), files, &["relay", "--learning", "--listen", "127.0.0.1:0", "--json"]);
        let line = relay.line();
        if line.contains("\"relaying\"") {
            relay.signal("TERM");
        } else {
            assert!(line.contains("\"error\""), "with {files} files: {line}");
        }
        relay.exit_code();
        assert!(!relay.errors().contains("panicked"), "with {files} files: {}", relay.errors());
    }
}
