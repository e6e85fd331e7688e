//! Hosts and relays that are killed: rooms outlive them, members go on where they were, and nothing is lost or doubled.

use std::fs;
use std::path::{Path, PathBuf};

use crate::free_port::free_address;
use crate::person::{Person, Profile};

/// A relay on a port of its own, with its token.
struct Relay {
    profile: Profile,
    address: String,
    fingerprint: String,
    running: Person,
}

impl Relay {
    fn start(more: &[&str]) -> Self {
        let profile = Profile::of("dave");
        fs::create_dir_all(profile.path().join("relay")).unwrap();
        fs::rename(profile.path().join("identity"), profile.path().join("relay/identity")).unwrap();
        let address = free_address().to_string();
        let (running, fingerprint) = Self::run(&profile, &address, more);
        Self { profile, address, fingerprint, running }
    }

    fn run(profile: &Profile, address: &str, more: &[&str]) -> (Person, String) {
        let mut running = profile.start(&[&["relay", "--listen", address, "--json"], more].concat());
        let relaying = running.expect("relaying");
        (running, relaying["fingerprint"].as_str().unwrap().to_owned())
    }

    /// Ends it without a word, and starts it again.
    fn kill_and_start(&mut self, more: &[&str]) {
        self.running.kill();
        self.running = Self::run(&self.profile, &self.address, more).0;
    }

    /// Makes a room here.
    fn host(&self, owner: &Profile) -> (Person, String) {
        let token = self.profile.path().join("relay/token");
        let way = ["host", "--name", "Ann", "--room", "Friday", "--json", "--relay", &self.address];
        let known = ["--accept-fingerprint", &self.fingerprint, "--relay-token", token.to_str().unwrap()];
        let mut owner = owner.start(&[&way[..], &known].concat());
        let invite = owner.expect("hosting")["invite"].as_str().unwrap().to_owned();
        (owner, invite)
    }

    fn logs(&self) -> Vec<PathBuf> {
        files_in(&self.profile.path().join("relay/host"))
    }
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Everybody hears what one of them says, as the next message; whoever rejoined or missed anything is told so before.
fn says(from: usize, people: &mut [&mut Person], words: &str) {
    people[from].say(words);
    for (who, person) in people.iter_mut().enumerate() {
        if who != from {
            let event = person.expect_where("message", |_| true);
            assert_eq!(event["text"], words);
        }
    }
}

/// Both others have it, and have stored it: it does not come again to one whose program is killed then.
fn confirmed(sender: &mut Person) {
    (0..2).for_each(|_| drop(sender.expect("delivered")));
}

/// A member that prints nothing of what one does who could not go on where it was.
fn went_on(mut person: Person) {
    person.finish();
    for name in ["missed", "log_gap", "lost", "fork", "unreadable"] {
        let told = person.last_events().into_iter().find(|event| event["event"] == name);
        assert_eq!(told, None);
    }
}

#[test]
fn a_relay_that_is_killed_in_the_middle_of_talk_loses_and_doubles_nothing() {
    let mut relay = Relay::start(&[]);
    let [ann, bo, carol] = ["ann", "bo", "carol"].map(Profile::of);
    let (mut owner, invite) = relay.host(&ann);
    let mut bo = bo.join("Bo", &invite, &[]);
    let mut carol = carol.join("Carol", &owner.next_invite(), &[]);
    says(0, &mut [&mut owner, &mut bo, &mut carol], "the room is there");
    let mut number = 0;
    for round in 0..4 {
        // Some is on its way when the relay ends, and some is said while it is away.
        let mut said = Vec::new();
        for _ in 0..5 {
            number += 1;
            said.push(format!("number {number}"));
            bo.say(said.last().unwrap());
        }
        relay.running.kill();
        number += 1;
        said.push(format!("number {number}, into the void"));
        bo.say(said.last().unwrap());
        relay.kill_and_start(&[]);
        for person in [&mut owner, &mut carol] {
            for words in &said {
                assert_eq!(person.message(), ("Bo".into(), words.clone()), "round {round}");
            }
        }
        says(1, &mut [&mut owner, &mut bo, &mut carol], &format!("round {round} is over"));
    }
    says(2, &mut [&mut owner, &mut bo, &mut carol], "all there");
    let logs = relay.logs();
    assert!(logs[0].file_name().unwrap().to_str().unwrap().ends_with(".db"), "{logs:?}");
    for person in [owner, bo, carol] {
        went_on(person);
    }
}

#[test]
fn members_talk_on_at_a_relay_that_began_anew_while_the_owner_is_away() {
    let mut relay = Relay::start(&[]);
    let [ann, bo, carol] = ["ann", "bo", "carol"].map(Profile::of);
    let (mut owner, invite) = relay.host(&ann);
    let mut one = bo.join("Bo", &invite, &[]);
    let mut other = carol.join("Carol", &owner.next_invite(), &[]);
    says(0, &mut [&mut owner, &mut one, &mut other], "I am off");
    assert_eq!(owner.finish(), 0);
    one.expect("away");
    other.expect("away");
    relay.kill_and_start(&[]);
    says(1, &mut [&mut other, &mut one], "without her");
    // One whose own program begins anew gets in, too.
    one.kill();
    relay.kill_and_start(&[]);
    let mut one = bo.start(&["join", "Friday", "--json"]);
    one.expect("ready");
    says(0, &mut [&mut one, &mut other], "back");
    let mut owner = ann.start(&["host", "--room", "Friday", "--json"]);
    assert_eq!(owner.expect("ready")["members"], 3);
    says(0, &mut [&mut owner, &mut one, &mut other], "and me");
    went_on(other);
}

#[test]
fn a_host_that_is_killed_goes_on_with_the_room_it_had() {
    let [ann, bo, carol] = ["ann", "bo", "carol"].map(Profile::of);
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut one = bo.join("Bo", &hosting.invite, &[]);
    let mut other = carol.join("Carol", &host.next_invite(), &[]);
    says(1, &mut [&mut host, &mut one, &mut other], "before");
    confirmed(&mut one);
    assert_eq!(files_in(&ann.path().join("host")).len(), 2, "a log and its journal");
    for how in ["KILL", "TERM"] {
        host.signal(how);
        host.exit_code();
        one.say("while nobody hosts");
        (host, _) = ann.start_again(&hosting.address);
        assert_eq!(host.message().1, "while nobody hosts");
        assert_eq!(other.message().1, "while nobody hosts");
        confirmed(&mut one);
        says(2, &mut [&mut host, &mut one, &mut other], "after");
        confirmed(&mut other);
    }
    went_on(one);
    went_on(other);
}

#[test]
fn a_forgetful_host_and_a_forgetful_relay_leave_nothing_on_the_disk() {
    let mut relay = Relay::start(&["--forgetful"]);
    let [ann, bo] = ["ann", "bo"].map(Profile::of);
    let (mut owner, invite) = relay.host(&ann);
    let mut guest = bo.join("Bo", &invite, &[]);
    says(1, &mut [&mut owner, &mut guest], "before");
    assert_eq!(owner.finish(), 0);
    relay.kill_and_start(&["--forgetful"]);
    guest.expect_where("offline", |event| event["code"] == "no_room");
    assert!(!relay.profile.path().join("relay/host").exists());
    let (host, _) = Profile::of("carol").host("Carol", &["--forgetful"]);
    drop(host);
    let carol = Profile::of("carol");
    let (host, _) = carol.host("Carol", &["--forgetful"]);
    assert!(!carol.path().join("host").exists());
    drop(host);
    let (learning, _) = carol.host("Carol", &["--learning", "--new"]);
    assert!(!carol.path().join("host").exists(), "what anybody can read is not left on a disk");
    drop(learning);
}

#[test]
fn a_damaged_log_is_set_aside_and_the_other_rooms_go_on() {
    let mut relay = Relay::start(&[]);
    let [ann, bo, carol] = ["ann", "bo", "carol"].map(Profile::of);
    let (mut owner, invite) = relay.host(&ann);
    let mut guest = bo.join("Bo", &invite, &[]);
    says(0, &mut [&mut owner, &mut guest], "before");
    let first = relay.logs();
    let (mut other_owner, other_invite) = relay.host(&carol);
    other_owner.expect("ready");
    drop(other_invite);
    relay.running.kill();
    for file in &first {
        fs::write(file, b"not what was written").unwrap();
    }
    relay.running = Relay::run(&relay.profile, &relay.address, &[]).0;
    let problem = relay.running.last_events().into_iter().find(|event| event["event"] == "error").unwrap();
    assert_eq!(problem["code"], "room_corrupt");
    let name = first[0].file_name().unwrap().to_str().unwrap();
    assert!(problem["text"].as_str().unwrap().contains(name), "{problem}");
    // Its owner begins another log, and what is left of the first stays.
    let aside = relay.running.expect("error");
    assert!(aside["text"].as_str().unwrap().contains(&format!("{name}.aside-1")), "{aside}");
    says(0, &mut [&mut owner, &mut guest], "after");
    assert_eq!(fs::read(format!("{}.aside-1", first[0].display())).unwrap(), b"not what was written");
    other_owner.expect("ready");
}

#[test]
fn a_disk_that_cannot_be_written_to_is_told_and_nobody_is_in_the_room_until_it_can() {
    let mut relay = Relay::start(&[]);
    let [ann, bo] = ["ann", "bo"].map(Profile::of);
    // Something else is where the logs should be.
    let place = relay.profile.path().join("relay/host");
    fs::write(&place, b"in the way").unwrap();
    let token = relay.profile.path().join("relay/token");
    let way = ["host", "--name", "Ann", "--room", "Friday", "--json", "--relay", &relay.address];
    let known = ["--accept-fingerprint", &relay.fingerprint, "--relay-token", token.to_str().unwrap()];
    let mut owner = ann.start(&[&way[..], &known].concat());
    let problem = relay.running.expect("error");
    assert_eq!(problem["code"], "cannot_write");
    owner.expect_where("offline", |event| event["code"] == "busy");
    fs::remove_file(&place).unwrap();
    let invite = owner.expect("hosting")["invite"].as_str().unwrap().to_owned();
    let mut guest = bo.join("Bo", &invite, &[]);
    says(0, &mut [&mut owner, &mut guest], "there is room now");
}
