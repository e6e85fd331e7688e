//! A relay hosts rooms of others and is in none of them.

use std::fs;

use crate::person::Profile;

#[test]
fn a_room_on_a_relay_is_talked_in_and_survives_its_owner_going() {
    let (relay, ann, bo) = (Profile::of("dave"), Profile::of("ann"), Profile::of("bo"));
    // A ready-made key for the relay too.
    fs::create_dir_all(relay.path().join("relay")).unwrap();
    fs::rename(relay.path().join("identity"), relay.path().join("relay/identity")).unwrap();
    let token = relay.path().join("token.txt");
    let token = token.to_str().unwrap();
    let mut running = relay.start(&["relay", "--listen", "127.0.0.1:0", "--token", token, "--json"]);
    let relaying = running.expect("relaying");
    let (address, fingerprint) = (relaying["address"].as_str().unwrap(), relaying["fingerprint"].as_str().unwrap());

    let way = ["host", "--name", "Ann", "--room", "Friday", "--json", "--relay", address];
    let known = ["--accept-fingerprint", fingerprint];
    let (exit, output, _) = ann.run(&[&way[..], &known].concat());
    assert!(exit == 4 && output.contains(r#""code":"open""#), "no token, no room: {output}");
    let (exit, output, _) = ann.run(&[&way[..], &["--relay-token", token]].concat());
    assert!(exit == 6 && output.contains(r#""code":"first_use""#), "{output}");

    let mut owner = ann.start(&[&way[..], &known, &["--relay-token", token]].concat());
    let hosting = owner.expect("hosting");
    assert_eq!((&hosting["address"], &hosting["fingerprint"]), (&address.into(), &fingerprint.into()));
    running.expect("room_opened");
    let mut guest = bo.join("Bo", hosting["invite"].as_str().unwrap(), &[]);
    guest.say("over the relay");
    assert_eq!(owner.message(), ("Bo".into(), "over the relay".into()));
    owner.say("yes");
    assert_eq!(guest.message(), ("Ann".into(), "yes".into()));

    assert_eq!(owner.finish(), 0);
    assert_eq!(guest.expect("away")["name"], "Ann");
    let mut owner = ann.start(&["host", "--room", "Friday", "--json"]);
    assert_eq!(owner.expect("ready")["members"], 2);
    owner.say("back");
    assert_eq!(guest.message().1, "back");

    running.signal("TERM");
    assert_eq!(running.exit_code(), 0);
    assert_eq!(guest.expect("offline")["code"], "host_closed");
}

#[test]
fn a_relay_says_when_its_port_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Profile::of("dave");
    fs::create_dir_all(relay.path().join("relay")).unwrap();
    fs::rename(relay.path().join("identity"), relay.path().join("relay/identity")).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (exit, output, _) = relay.run(&["relay", "--listen", &address, "--json"]);
    assert!(exit == 3 && output.contains(r#""code":"port_in_use""#), "{output}");
    assert!(relay.path().join("relay/token").exists(), "the token's file is made by itself");
}
