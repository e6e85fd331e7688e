//! Identities, passphrases, and a profile's files in a bad state.

use std::fs;

use crate::output::output;
use crate::person::{Profile, finish};
use crate::until::until;

#[test]
fn a_new_identity_is_made_where_there_is_none_and_only_there() {
    let profile = Profile::empty();
    let (exit, _, errors) = profile.run(&["identity", "show"]);
    assert!(exit == 5 && errors.contains("conversa identity new"), "{errors}");
    let (exit, output, _) = profile.run(&["identity", "new", "--learning", "--json"]);
    assert!(exit == 0 && output.contains(r#""event":"identity""#));
    let (exit, _, errors) = profile.run(&["identity", "new", "--learning"]);
    assert!(exit == 5 && errors.contains("already"), "{errors}");
    let (exit, _, errors) = profile.run(&["identity", "new", "--bits", "1024"]);
    assert!(exit == 2 && errors.contains("3072"), "{errors}");
}

#[test]
fn the_fingerprint_is_the_hash_that_anyone_can_check() {
    let profile = Profile::of("ann");
    let (exit, output, _) = profile.run(&["identity", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(output.trim()).unwrap();
    assert_eq!((exit, shown["bits"].as_u64(), &shown["protected"]), (0, Some(3072), &false.into()));
    assert_eq!(shown["fingerprint"].as_str().map(str::len), Some(64));
}

#[test]
fn keys_are_exported_as_they_are_stored() {
    let profile = Profile::empty();
    assert_eq!(profile.run(&["identity", "new", "--learning"]).0, 0);
    let (exit, public, _) = profile.run(&["identity", "export", "--learning"]);
    assert!(exit == 0 && public.contains("-----BEGIN") && !public.contains("PRIVATE"));
    let (_, private, _) = profile.run(&["identity", "export", "--learning", "--private"]);
    let stored = fs::read_to_string(profile.path().join("identity/learning/sign.pem")).unwrap();
    assert!(private.contains(stored.trim()));
}

#[test]
fn a_passphrase_comes_from_a_file_or_the_environment() {
    let profile = Profile::empty();
    let file = profile.path().join("passphrase.txt");
    fs::write(&file, "correct horse\n").unwrap();
    let with_file = ["--passphrase-file", file.to_str().unwrap()];
    assert_eq!(profile.run(&[&["identity", "new"][..], &with_file].concat()).0, 0);
    let (exit, _, errors) = profile.run(&["identity"]);
    assert!(exit == 5 && errors.contains("sign.pem is protected by a passphrase"), "{errors}");
    assert_eq!(profile.run(&[&["identity"][..], &with_file].concat()).0, 0);
    let (exit, output, _) = finish(profile.command(&["identity"]).env("CONVERSA_PASSPHRASE", "correct horse"));
    assert!(exit == 0 && output.contains("Passphrase:  yes"));

    let wrong = |arguments: &[&str]| finish(profile.command(arguments).env("CONVERSA_PASSPHRASE", "wrong"));
    let (exit, _, errors) = wrong(&["identity"]);
    assert!(exit == 5 && errors.contains("The passphrase does not open"), "{errors}");
    let (exit, output, _) = wrong(&["host", "--json", "--listen", "127.0.0.1:0"]);
    assert!(exit == 5 && output.contains(r#""code":"wrong_passphrase""#), "{output}");
    let (exit, output, _) = profile.run(&["host", "--json", "--listen", "127.0.0.1:0"]);
    assert!(exit == 5 && output.contains(r#""code":"passphrase_needed""#), "{output}");
}

#[test]
fn a_damaged_key_file_is_named_and_not_replaced() {
    let profile = Profile::of("ann");
    let path = profile.path().join("identity/enc.pem");
    fs::write(&path, "damaged").unwrap();
    let (exit, output, _) = profile.run(&["host", "--json", "--listen", "127.0.0.1:0"]);
    assert!(exit == 5 && output.contains(r#""code":"identity_damaged""#) && output.contains("enc.pem"), "{output}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "damaged");
    fs::remove_file(&path).unwrap();
    let (exit, output, _) = profile.run(&["host", "--json", "--listen", "127.0.0.1:0"]);
    assert!(exit == 5 && output.contains("Half of the identity is missing"), "{output}");
    assert!(!path.exists());
}

#[test]
fn damaged_settings_and_records_are_set_aside() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    guest.expect("titled");
    guest.finish();
    fs::write(bo.path().join("settings.cbor"), "damaged").unwrap();
    let record = bo.path().join(format!("rooms/{}.cbor", hosting.room));
    fs::write(&record, "damaged").unwrap();
    let invite = host.next_invite();
    let mut guest = bo.start(&["join", &invite, "--name", "Bo", "--json"]);
    assert_eq!(guest.expect("error")["code"], "settings_corrupt");
    assert_eq!(guest.expect("error")["code"], "room_corrupt");
    // Still a member in the host's eyes, so it is let in.
    guest.expect("ready");
    assert_eq!(guest.finish(), 0);
    assert_eq!(fs::read_to_string(bo.path().join("settings.corrupt-1")).unwrap(), "damaged");
    assert_eq!(fs::read_to_string(record.with_extension("corrupt-1")).unwrap(), "damaged");
}

#[test]
fn a_profile_is_used_by_one_at_a_time() {
    let ann = Profile::of("ann");
    let (_host, _) = ann.host("Ann", &[]);
    let (exit, output, _) = ann.run(&["host", "--json", "--listen", "127.0.0.1:0"]);
    assert!(exit == 7 && output.contains(r#""code":"profile_in_use""#) && output.contains("--profile"), "{output}");
    // Looking is allowed.
    assert_eq!(ann.run(&["rooms"]).0, 0);
    assert_eq!(ann.run(&["identity"]).0, 0);
}

#[test]
fn a_disk_that_takes_no_files_is_told_and_the_talk_goes_on() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    // No file can be made where a file stands in the way of the directory.
    fs::write(bo.path().join("rooms"), "in the way").unwrap();
    let (exit, output, _) = bo.run(&["join", &hosting.invite, "--name", "Bo", "--json"]);
    assert!(exit == 7 && output.contains("rooms"), "{output}");
    fs::remove_file(bo.path().join("rooms")).unwrap();
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    until("the directory of rooms", || bo.path().join("rooms").exists().then_some(()));
    fs::remove_dir_all(bo.path().join("rooms")).unwrap();
    fs::write(bo.path().join("rooms"), "in the way").unwrap();
    let third = Profile::of("carol");
    let invite = host.next_invite();
    let _third = third.join("Carol", &invite, &[]);
    let error = guest.expect("error");
    assert_eq!(error["code"], "cannot_write");
    guest.say("still talking");
    assert_eq!(host.message().1, "still talking");
}

/// A command about a backup, under a passphrase of the backup's.
fn with_backup(profile: &Profile, passphrase: &str, arguments: &[&str]) -> (i32, String, String) {
    finish(profile.command(arguments).env("CONVERSA_BACKUP_PASSPHRASE", passphrase).stdin(std::process::Stdio::null()))
}

#[test]
fn an_identity_is_backed_up_and_restored_elsewhere() {
    let (ann, elsewhere) = (Profile::of("ann"), Profile::empty());
    let file = ann.path().join("ann-backup.pem");
    let file = file.to_str().unwrap();
    let (exit, output, _) = with_backup(&ann, "battery staple", &["identity", "backup", file, "--json"]);
    let told: serde_json::Value = serde_json::from_str(output.trim()).unwrap();
    assert_eq!((exit, told["event"].as_str()), (0, Some("backup")));
    let fingerprint = told["fingerprint"].as_str().unwrap();
    let (exit, _, errors) = with_backup(&ann, "other", &["identity", "backup", file]);
    assert!(exit == 7 && errors.contains("There is a file at"), "{errors}");
    let (exit, _, errors) = ann.run(&["identity", "backup", "nowhere.pem"]);
    assert!(exit == 5 && errors.contains("--backup-passphrase-file"), "{errors}");
    let (exit, _, errors) = with_backup(&ann, "x", &["identity", "backup", "nowhere.pem", "--learning"]);
    assert!(exit == 2 && errors.contains("learning identity"), "{errors}");

    let (exit, _, errors) = with_backup(&elsewhere, "wrong", &["identity", "restore", file]);
    assert!(exit == 5 && errors.contains("The passphrase does not open"), "{errors}");
    assert!(!elsewhere.path().join("identity/sign.pem").exists(), "a wrong passphrase makes nobody");
    let (exit, output, _) = with_backup(&elsewhere, "battery staple", &["identity", "restore", file, "--json"]);
    let told: serde_json::Value = serde_json::from_str(output.lines().next().unwrap()).unwrap();
    assert_eq!((exit, told["fingerprint"].as_str(), &told["protected"]), (0, Some(fingerprint), &true.into()));
    assert!(told["before"].is_null());

    // Nobody is replaced unless that was asked for, and then is set aside.
    let bo = Profile::of("bo");
    let old = fs::read_to_string(bo.path().join("identity/sign.pem")).unwrap();
    let (exit, _, errors) = with_backup(&bo, "battery staple", &["identity", "restore", file]);
    assert!(exit == 5 && errors.contains("--replace"), "{errors}");
    assert_eq!(fs::read_to_string(bo.path().join("identity/sign.pem")).unwrap(), old);
    let restore = ["identity", "restore", file, "--replace", "--json"];
    let (exit, output, _) = with_backup(&bo, "battery staple", &restore);
    let told: serde_json::Value = serde_json::from_str(output.lines().next().unwrap()).unwrap();
    assert_eq!((exit, told["fingerprint"].as_str()), (0, Some(fingerprint)));
    assert!(told["before"].as_str().is_some_and(|before| before != fingerprint));
    assert_eq!(fs::read_to_string(bo.path().join("identity/set-aside-1/sign.pem")).unwrap(), old);
    let (exit, output, _) = finish(bo.command(&["identity", "--json"]).env("CONVERSA_PASSPHRASE", "battery staple"));
    assert!(exit == 0 && output.contains(fingerprint), "{output}");
}

#[test]
fn openssl_reads_both_keys_of_a_backup() {
    let ann = Profile::of("ann");
    let file = ann.path().join("ann-backup.pem");
    let file = file.to_str().unwrap();
    assert_eq!(with_backup(&ann, "battery staple", &["identity", "backup", file]).0, 0);
    let openssl = |arguments: &[&str]| {
        let output = output(std::process::Command::new("openssl").args(arguments).stdin(std::process::Stdio::null()));
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (done, keys) = openssl(&["storeutl", "-keys", "-noout", "-passin", "pass:battery staple", file]);
    assert!(done && keys.contains("Total found: 2"), "{keys}");
    let public = openssl(&["pkey", "-in", file, "-passin", "pass:battery staple", "-pubout"]);
    let stored = ann.path().join("identity/sign.pem");
    assert_eq!(public, openssl(&["pkey", "-in", stored.to_str().unwrap(), "-pubout"]));
    assert!(!openssl(&["pkey", "-in", file, "-passin", "pass:wrong"]).0);
}

#[test]
fn where_there_is_no_keyring_that_is_said_and_nothing_is_kept() {
    let profile = Profile::empty();
    let file = profile.path().join("passphrase.txt");
    fs::write(&file, "correct horse\n").unwrap();
    assert_eq!(profile.run(&["identity", "new", "--passphrase-file", file.to_str().unwrap()]).0, 0);
    fs::remove_file(&file).unwrap();
    // No bus, and none that could be started.
    let without = |arguments: &[&str]| {
        let mut command = profile.command(arguments);
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus").env_remove("XDG_RUNTIME_DIR");
        finish(command.stdin(std::process::Stdio::null()))
    };
    for arguments in [&["identity", "--keyring", "--json"][..], &["identity", "forget", "--json"]] {
        let (exit, output, _) = without(arguments);
        assert!(exit == 5 && output.contains(r#""code":"keyring""#), "{output}");
        assert!(output.contains("There is no usable keyring here"), "{output}");
    }
    let (exit, output, _) = without(&["identity", "--json"]);
    assert!(exit == 5 && output.contains("passphrase_needed"), "{output}");
    let files: Vec<_> = fs::read_dir(profile.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| name != "passphrase.txt" && name != "settings.cbor"), "{files:?}");
}
