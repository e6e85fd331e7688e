//! Logs hold no secret at any level. The rest of what is logged at `trace` is looked at in
//! `tests/trace_logs.rs`; here it is the program with its own logger, from end to end.

use std::fs;

use conversa::app::{Keystore, Passphrase};
use conversa::crypto::KeyKind;
use conversa::protocol::Invite;
use data_encoding::{BASE64, HEXLOWER};

use crate::person::Profile;

const PASSPHRASE: &str = "tawny owl at dusk";
const TITLE: &str = "Kestrel Friday";
const NAMES: [&str; 2] = ["Annabel Quincewick", "Bohumil Zelenka"];
const WORDS: [&str; 2] = ["the goldcrest has flown", "then bring the nightjar"];

#[test]
fn what_the_program_logs_at_trace_holds_no_secret() {
    let (relay, ann, bo) = (Profile::of("dave"), Profile::of("ann"), Profile::of("bo"));
    fs::create_dir_all(relay.path().join("relay")).unwrap();
    fs::rename(relay.path().join("identity"), relay.path().join("relay/identity")).unwrap();
    lock(&ann);
    let file = |name: &str, text: &str| {
        let path = ann.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let token = "c0ffee".repeat(10) + "0123";
    let (token_file, passphrase_file) = (file("token.txt", &token), file("passphrase.txt", PASSPHRASE));

    let loud = |profile: &Profile, arguments: &[&str]| profile.start(&[&["--log", "trace"], arguments].concat());
    let mut running = loud(&relay, &["relay", "--listen", "127.0.0.1:0", "--token", &token_file, "--json"]);
    let relaying = running.expect("relaying");
    let (address, fingerprint) = (relaying["address"].as_str().unwrap(), relaying["fingerprint"].as_str().unwrap());
    let place = ["--relay", address, "--accept-fingerprint", fingerprint, "--relay-token", &token_file];
    let way = ["host", "--name", NAMES[0], "--room", TITLE, "--json", "--passphrase-file", &passphrase_file];
    let mut owner = loud(&ann, &[&way[..], &place].concat());
    let link = owner.expect("hosting")["invite"].as_str().unwrap().to_owned();
    let mut guest = loud(&bo, &["join", &link, "--name", NAMES[1], "--json"]);
    guest.expect("ready");
    guest.say(WORDS[0]);
    assert_eq!(owner.message(), (NAMES[1].to_owned(), WORDS[0].to_owned()));
    owner.say(WORDS[1]);
    assert_eq!(guest.message(), (NAMES[0].to_owned(), WORDS[1].to_owned()));
    assert_eq!((guest.finish(), owner.finish()), (0, 0));
    running.signal("TERM");
    assert_eq!(running.exit_code(), 0);

    let logs = [running.errors(), owner.errors(), guest.errors()];
    for log in &logs {
        assert!(log.contains("TRACE") && log.contains("DEBUG"), "something was logged: {log}");
    }
    let log = logs.concat();
    for secret in secrets(&token, &link, &[&relay.path().join("relay/identity"), &bo.path().join("identity")]) {
        assert!(!log.to_lowercase().contains(&secret.to_lowercase()), "{secret} in the log:\n{log}");
    }
}

/// Puts a profile's keys under [`PASSPHRASE`].
fn lock(profile: &Profile) {
    let store = Keystore::new(&profile.path(), KeyKind::Rsa);
    let keys = store.load(None).unwrap().unwrap();
    store.protect(&keys, Some(&Passphrase::new(PASSPHRASE.to_owned()))).unwrap();
}

/// All that was secret, in each form that a log could show it in.
fn secrets(token: &str, link: &str, key_files: &[&std::path::Path]) -> Vec<String> {
    let invite: Invite = link.parse().unwrap();
    let body = link.rsplit(':').next().unwrap();
    let token_bytes = HEXLOWER.decode(token.as_bytes()).unwrap();
    let mut secrets: Vec<String> = [PASSPHRASE, TITLE, body, token].map(str::to_owned).to_vec();
    secrets.extend([NAMES, WORDS].concat().into_iter().map(str::to_owned));
    for bytes in [&invite.secret[..], &token_bytes] {
        secrets.extend([HEXLOWER.encode(bytes), BASE64.encode(bytes), decimals(bytes)]);
    }
    for directory in key_files {
        for name in ["sign.pem", "enc.pem"] {
            let pem = fs::read_to_string(directory.join(name)).unwrap();
            // The first line is the same for all RSA keys of a size.
            secrets.extend(pem.lines().filter(|line| !line.starts_with('-')).skip(1).map(str::to_owned));
        }
    }
    secrets
}

/// As `{:?}` writes bytes.
fn decimals(bytes: &[u8]) -> String {
    bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
}
