//! Files and outputs that cannot be read or written: each is told by name, and nothing ends with 0 that is missing.

#![cfg(unix)]

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::ended::ended;
use crate::output::output_of;
use crate::person::{Profile, finish};

/// Ann, with key files that the program made, which have their public halves beside them.
fn with_learning_keys() -> Profile {
    let ann = Profile::of("ann");
    fs::remove_dir_all(ann.path().join("identity/learning")).unwrap();
    assert_eq!(ann.run(&["identity", "new", "--learning"]).0, 0);
    ann
}

/// The program where no file can have a byte: as good as a full disk, and it needs no rights.
fn limited(profile: &Profile, arguments: &[&str]) -> Command {
    let program = profile.command(arguments);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]).arg(program.get_program());
    command.args(program.get_args());
    command
}

fn fifo(path: &std::path::Path) {
    assert_eq!(finish(Command::new("mkfifo").arg(path)).0, 0);
}

/// Whatever command comes first to a profile that was copied without its modes.
#[test]
fn a_profile_that_others_can_enter_is_closed_by_whoever_looks_into_it() {
    let ann = with_learning_keys();
    let backup = ann.path().join("backup.pem");
    let commands: [&[&str]; 5] = [
        &["identity", "--learning"],
        &["identity", "export", "--learning"],
        &["identity", "export", "--learning", "--private"],
        &["identity", "backup", backup.to_str().unwrap()],
        &["rooms"],
    ];
    for arguments in commands {
        fs::set_permissions(ann.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let (_, _, errors) = ann.run(arguments);
        let mode = fs::metadata(ann.path()).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{arguments:?}: {errors}");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_told_and_no_success() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (_host, hosting) = ann.host("Ann", &[]);
    for more in [&["--json"][..], &[]] {
        let mut command = bo.command(&[&["join", &hosting.invite, "--name", "Bo"], more].concat());
        let (exit, _, errors) = finish(command.stdin(File::open(bo.path()).unwrap()));
        assert_eq!(exit, 7, "{more:?}: {errors}");
    }
}

/// A path may be no text at all.
#[cfg(target_os = "linux")]
#[test]
fn a_path_that_is_not_utf8_is_told_as_far_as_it_can_be() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let ann = Profile::of("ann");
    let odd = |name: &[u8]| ann.path().join(OsStr::from_bytes(name));
    let at = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conversa"));
        command.stdin(Stdio::null()).arg("--profile").arg(odd(b"p\xff")).args(arguments);
        command
    };
    let (exit, output, errors) = finish(&mut at(&["identity", "new", "--learning", "--json"]));
    assert_eq!(exit, 0, "{errors}");
    assert!(output.contains("p\u{fffd}"), "{output}");
    let mut export = at(&["identity", "export", "--learning", "--json", "--output"]);
    export.arg(odd(b"e\xff"));
    let (exit, output, errors) = finish(&mut export);
    assert_eq!(exit, 0, "{errors}");
    assert!(output.contains("e\u{fffd}"), "{output}");
}

/// What all commands print that print and end, on an output that takes nothing.
#[cfg(target_os = "linux")]
#[test]
fn every_output_that_cannot_be_written_is_an_error() {
    let ann = with_learning_keys();
    let (mut host, _) = ann.host("Ann", &[]);
    host.finish();
    let backup = ann.path().join("backup.pem");
    let commands: [&[&str]; 16] = [
        &["identity"],
        &["identity", "--json"],
        &["identity", "export", "--learning"],
        &["identity", "export", "--learning", "--private"],
        &["identity", "export", "--learning", "--json"],
        &["identity", "new", "--learning"],
        &["identity", "backup", backup.to_str().unwrap()],
        &["rooms"],
        &["rooms", "--json"],
        &["completions", "bash"],
        &["--help"],
        &["host", "--help"],
        &["--version"],
        &["host", "--room", "Friday", "--listen", "127.0.0.1:0"],
        &["host", "--room", "Friday", "--listen", "127.0.0.1:0", "--json"],
        &["relay", "--listen", "127.0.0.1:0"],
    ];
    for arguments in commands {
        if arguments.contains(&"new") {
            fs::remove_dir_all(ann.path().join("identity/learning")).unwrap();
        }
        let mut command = ann.command(arguments);
        command.env("CONVERSA_BACKUP_PASSPHRASE", "battery staple").stdin(Stdio::null());
        command.stdout(File::options().write(true).open("/dev/full").unwrap()).stderr(Stdio::piped());
        let output = output_of(command.spawn().unwrap(), arguments[0]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{arguments:?}: {errors}");
        assert!(errors.contains("The output could not be written") && errors.contains("disk is full"), "{errors}");
    }
}

/// A reader who has what it wants is no error.
#[test]
fn a_reader_who_went_away_is_none() {
    let ann = with_learning_keys();
    for arguments in
        [&["identity", "export", "--learning"][..], &["completions", "bash"], &["--help"], &["rooms", "--json"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = ann.command(arguments);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = output_of(child, arguments[0]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(0) && errors.is_empty(), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_file_that_cannot_be_written_whole_is_not_there_and_none_is_written_over() {
    let ann = with_learning_keys();
    let good = ann.path().join("good.pem");
    fs::write(&good, "the good old one").unwrap();
    let limited = |arguments: &[&str]| {
        let mut command = limited(&ann, arguments);
        finish(command.env("CONVERSA_BACKUP_PASSPHRASE", "battery staple").stdin(Stdio::null()))
    };
    let bad = ann.path().join("bad.pem");
    for (file, words) in [(&bad, "no file of this size"), (&good, "")] {
        let file = file.to_str().unwrap();
        for arguments in [&["identity", "backup", file][..], &["identity", "export", "--learning", "--output", file]] {
            let (exit, output, errors) = limited(arguments);
            assert!(exit == 7 && errors.contains(words), "{arguments:?}: {exit} {output}{errors}");
        }
    }
    assert!(!bad.exists());
    assert_eq!(fs::read_to_string(&good).unwrap(), "the good old one");
    let names: Vec<_> = fs::read_dir(ann.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("unfinished")), "{names:?}");
    // Without the limit it is whole.
    assert_eq!(ann.run(&["identity", "export", "--learning", "--output", bad.to_str().unwrap()]).0, 0);
    assert_eq!(fs::read_to_string(&bad).unwrap(), ann.run(&["identity", "export", "--learning"]).1);
    assert_eq!(fs::metadata(&bad).unwrap().permissions().mode() & 0o777, 0o600);
}

/// A room that could not be kept is lost when its owner's program ends, and the exit code says so.
#[test]
fn a_new_room_that_cannot_be_written_ends_with_seven() {
    for is_json in [false, true] {
        let ann = Profile::of("ann");
        // A host that keeps its log would let nobody into the room, not even its owner.
        let arguments = ["host", "--name", "Ann", "--room", "R", "--listen", "127.0.0.1:0", "--forgetful"];
        let arguments = [&arguments[..], if is_json { &["--json"] } else { &[] }].concat();
        let (exit, output, errors) = finish(limited(&ann, &arguments).stdin(Stdio::null()));
        assert_eq!(exit, 7, "{output}{errors}");
        let told = if is_json { &output } else { &errors };
        assert!(told.contains(".cbor cannot be written. The system allows no file of this size"), "{told}");
        assert!(!told.contains("sending goes on"), "{told}");
        assert_eq!(fs::read_dir(ann.path().join("rooms")).unwrap().count(), 0, "nothing half is left");
    }
    let ann = Profile::of("ann");
    fs::create_dir(ann.path().join("settings.cbor")).unwrap();
    let (exit, _, errors) = ann.run(&["host", "--name", "Ann", "--room", "R", "--listen", "127.0.0.1:0"]);
    assert!(exit == 0 && errors.contains("settings.cbor cannot be read; the defaults are used"), "{exit} {errors}");
}

/// Whatever lies among the records, the rooms are there, and it is told by its name.
#[test]
fn one_odd_thing_among_the_records_locks_nothing_away() {
    let ann = Profile::of("ann");
    let (mut host, hosting) = ann.host("Ann", &[]);
    host.finish();
    let place = |number: u8| ann.path().join("rooms").join(format!("{}.cbor", format!("{number:02x}").repeat(32)));
    fs::create_dir(place(1)).unwrap();
    fifo(&place(2));
    let _socket = UnixListener::bind(place(3)).unwrap();
    symlink(place(4), place(4)).unwrap();
    symlink("/dev/zero", place(5)).unwrap();
    File::create(place(6)).unwrap().set_len(1 << 40).unwrap();
    fs::create_dir(ann.path().join("rooms/x.cbor")).unwrap();
    for arguments in [&["rooms"][..], &["host", "--room", "Friday", "--listen", "127.0.0.1:0"], &["rooms"]] {
        let (exit, output, errors) = ann.run(arguments);
        assert_eq!(exit, 0, "{errors}");
        assert!(arguments != ["rooms"] || output.contains("Friday"), "{output}");
        for number in 1..=6 {
            let told = format!("{} cannot be read.", place(number).display());
            assert!(errors.contains(&told), "{told}: {errors}");
        }
    }
    let (_, output, _) = ann.run(&["rooms", "--json"]);
    assert!(output.contains(&hosting.room) && output.contains("cannot_read"), "{output}");
}

/// A pipe in the place of any file of a profile would keep a program waiting that opens it.
#[test]
fn no_odd_thing_in_a_profile_is_waited_for() {
    for name in [
        "lock",
        "settings.cbor",
        "private.sealed",
        "identity/sign.pem",
        "identity/enc.pem",
        "identity/sign.pub.pem",
        "window.socket",
        "relay/token",
    ] {
        for odd in ["a pipe", "endless"] {
            let ann = Profile::of("ann");
            let path = ann.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let _ = fs::remove_file(&path);
            if odd == "a pipe" {
                fifo(&path)
            } else {
                symlink("/dev/zero", &path).unwrap()
            }
            let host: &[&str] = &["host", "--name", "Ann", "--room", "R", "--listen", "127.0.0.1:0"];
            let is_token = name == "relay/token";
            let (exit, _, errors) =
                if is_token { ann.run(&["relay", "--listen", "127.0.0.1:0"]) } else { ann.run(host) };
            let is_told = errors.contains(&ann.path().join(name).display().to_string());
            // What is not read by this command is no matter.
            assert!(
                is_told || matches!(name, "window.socket" | "identity/sign.pub.pem"),
                "{name}, {odd}: {exit} {errors}"
            );
            assert!(matches!(exit, 0 | 7) || (is_token && exit == 2), "{name}, {odd}: {exit} {errors}");
        }
    }
}

/// Words that got out, that may have, and that did not, are told apart, however the program is ended.
#[test]
fn whoever_stops_the_program_hears_what_became_of_each_message() {
    for signal in ["INT", "TERM", "HUP"] {
        let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
        let (mut host, hosting) = ann.host("Ann", &[]);
        let mut guest = bo.join("Bo", &hosting.invite, &[]);
        guest.say("on the host");
        guest.expect("delivered");
        host.kill();
        guest.expect("offline");
        for number in 0..3 {
            guest.say(&format!("lost {number}"));
            guest.expect("queued");
        }
        guest.signal(signal);
        let unsent = guest.expect("unsent");
        assert_eq!((unsent["on_host"].as_u64(), unsent["delivered"].as_u64()), (Some(1), Some(1)));
        let count = |key: &str| unsent[key].as_array().unwrap().len();
        assert_eq!((count("not_sent"), count("not_known")), (3, 0), "{unsent}");
        assert_eq!(guest.expect("error")["code"], "unsent");
        assert_eq!(guest.exit_code(), 3, "{signal}");
    }
}

#[test]
fn what_is_under_way_when_a_signal_comes_still_arrives() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &["--stay"]);
    let mut guest = bo.join("Bo", &hosting.invite, &["--stay"]);
    host.expect("named");
    (0..20).for_each(|number| guest.say(&format!("line {number}")));
    (0..20).for_each(|_| drop(guest.expect("queued")));
    guest.signal("TERM");
    assert_eq!(guest.exit_code(), 0);
    (0..20).for_each(|number| assert_eq!(host.message().1, format!("line {number}")));
}

/// Nobody takes its output, and it ends all the same.
#[test]
fn a_signal_ends_a_program_whose_output_is_full() {
    for signal in ["TERM", "INT"] {
        let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
        let (mut host, hosting) = ann.host("Ann", &[]);
        let (_reader, writer) = std::io::pipe().unwrap();
        let mut command = bo.command(&["join", &hosting.invite, "--name", "Bo", "--json", "--stay"]);
        let mut child = command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::null()).spawn().unwrap();
        host.expect("named");
        let long = "x".repeat(16_000);
        for _ in 0..12 {
            host.say(&long);
            host.expect("on_host");
        }
        // It is stuck soon: more than the 64 KiB of a pipe came. Nobody tells when.
        std::thread::sleep(Duration::from_secs(1));
        let kill = format!("kill -s {signal} {}", child.id());
        assert_eq!(finish(Command::new("sh").args(["-c", &kill])).0, 0);
        let status = ended(&mut child);
        assert_eq!(status.code(), Some(7), "some of the output is missing");
    }
}

#[test]
fn a_profile_that_others_can_enter_is_closed_or_refused() {
    let ann = Profile::of("ann");
    fs::set_permissions(ann.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(ann.run(&["host", "--name", "Ann", "--listen", "127.0.0.1:0"]).0, 0);
    assert_eq!(fs::metadata(ann.path()).unwrap().permissions().mode() & 0o777, 0o700);
    let other = Profile::empty();
    fs::write(other.path().join("notes.txt"), "").unwrap();
    fs::set_permissions(other.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (exit, _, errors) = other.run(&["host", "--name", "Ann", "--listen", "127.0.0.1:0"]);
    assert!(exit == 7 && errors.contains("Others on this computer can enter"), "{errors}");
}

/// Errors of the system are told with their cause and what to do.
#[test]
fn where_a_profile_cannot_be_the_cause_is_named() {
    let ann = Profile::of("ann");
    let file = ann.path().join("file");
    fs::write(&file, "").unwrap();
    let circle = ann.path().join("circle");
    symlink(&circle, &circle).unwrap();
    let table = [
        (file.join("profile"), "A file is where a directory should be. Check the path."),
        (ann.path().join("n".repeat(300)), "Choose a shorter one."),
        (circle.join("profile"), "lead in a circle. Check the path."),
        (file, "Something else is in its place. Move it away."),
    ];
    for (place, words) in table {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conversa"));
        let (exit, _, errors) =
            finish(command.stdin(Stdio::null()).args(["--profile", place.to_str().unwrap(), "identity", "new"]));
        assert!(exit == 7 && errors.contains(words), "{}: {exit} {errors}", place.display());
    }
}
