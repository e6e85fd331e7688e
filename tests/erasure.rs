//! What has to be erased is erased, in memory: a process of its own lives through a room, and this one
//! looks for its old keys in all that it has in memory, freed or not. Every random byte of the room is
//! known, so every key is; the ones in use are found, or the search would show nothing.
//!
//! The part of the stack that is not in use is left out, for it says nothing of what was kept.

#![cfg(target_os = "linux")]
#![allow(dead_code, reason = "the support is shared with tests that use more of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "common/ended.rs"]
mod ended;
#[path = "common/lines.rs"]
mod lines;
#[path = "protocol/net.rs"]
mod net;
#[path = "common/next.rs"]
mod next;
#[path = "common/patience.rs"]
mod patience;
#[path = "common/skip.rs"]
mod skip;
#[path = "common/until.rs"]
mod until;

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use conversa::crypto::primitives::{hkdf_sha256, hmac_sha256};
use conversa::crypto::{Random, Suite};
use conversa::protocol;
use conversa::protocol::limits::PREKEY_OLD_MS;

use self::ended::ended;
use self::lines::lines_of;
use self::net::{Net, Seeded};
use self::next::next_before;
use self::patience::deadline;
use self::skip::skip;

/// Tells the other process which suite to live through.
const SUITE: &str = "CONVERSA_ERASURE_SUITE";

#[test]
fn old_keys_are_nowhere_in_memory() {
    for suite in Suite::ALL.into_iter().filter(|suite| !suite.is_learning()) {
        let mut life = Life::begin(suite);

        let place = life.goes_on_to("prekey");
        let prekey = life.secrets("prekey", place, suite);
        life.has(&prekey);

        let place = life.goes_on_to("chain");
        let used_once = chain_secrets(place, suite);
        life.has_none(&used_once);
        let chain_keys = chain_keys(place);
        let live: Vec<&str> = life.found(&chain_keys);
        assert_eq!(live.len(), 1, "{suite:?}: one chain key is in use, and those before it are gone: {live:?}");
        life.has_none(&message_keys(place));

        let place = life.goes_on_to("renewed");
        let renewed = life.secrets("renewed prekey", place, suite);
        life.has_none(&prekey);
        life.has(&renewed);
        life.has_none(&chain_keys[..1]);
        life.ends();
    }
}

/// Ann and Bo in a room. Bo renews his keys twice, once more before Ann says something, and the time of
/// the old ones ends.
#[test]
#[ignore = "the other process of the test above"]
fn the_life_that_is_looked_at() {
    let Some(suite) = std::env::var(SUITE).ok().and_then(|code| Suite::from_code(code.parse().unwrap())) else {
        return skip("the life in whose memory `tests/erasure.rs` looks, which that test begins by itself");
    };
    let mut net = Net::new(suite, &["ann", "bo"]);
    net.drive();

    // The one before is erased beside the one that is looked for, which may move in memory then.
    net.command("bo", protocol::Command::RefreshKeys);
    let place = net.people["bo"].random.place();
    net.command("bo", protocol::Command::RefreshKeys);
    net.settle();
    net.wait(PREKEY_OLD_MS + 20_000);
    wait_to_be_looked_at("prekey", place);

    // With another prekey, Ann needs another chain.
    let renewed = net.people["bo"].random.place();
    net.command("bo", protocol::Command::RefreshKeys);
    net.settle();
    let place = net.people["ann"].random.place();
    net.send("ann", "hello");
    net.settle();
    assert_eq!(net.inbox("bo"), ["hello"]);
    wait_to_be_looked_at("chain", place);

    net.wait(PREKEY_OLD_MS + 20_000);
    wait_to_be_looked_at("renewed", renewed);
    assert!(net.people["bo"].client.next_timeout().is_some(), "the room is still there");
}

fn wait_to_be_looked_at(what: &str, place: u64) {
    clear_unused_stack();
    let mut output = std::io::stdout();
    writeln!(output, "\nlook {what} {place}").and_then(|()| output.flush()).unwrap();
    // It ends with whoever looks, too: their end of the pipe is closed then.
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[inline(never)]
fn clear_unused_stack() {
    black_box(&mut [0_u8; 512 * 1024]);
}

/// A secret that is looked for, by a name for people.
type Named = (String, Vec<u8>);

/// All that Ann draws for a chain and needs no more once it is announced and used.
fn chain_secrets(place: u64, suite: Suite) -> Vec<Named> {
    let names = ["first chain key", "Ed25519 seed", "ephemeral", "RSA's secret", "ML-KEM's message"];
    let count = if suite == Suite::Hybrid { 5 } else { 4 };
    names.iter().zip(draws(place, count)).map(|(name, bytes)| ((*name).to_owned(), inner(&bytes))).collect()
}

/// The first chain key and those that follow from it.
fn chain_keys(place: u64) -> Vec<Named> {
    let first = draws(place, 1).remove(0);
    let keys = std::iter::successors(Some(first), |key| Some(hmac_sha256(key, &[2]))).take(8);
    keys.enumerate().map(|(index, key)| (format!("chain key {index}"), inner(&key))).collect()
}

/// The keys of the first messages, and what each is derived from.
fn message_keys(place: u64) -> Vec<Named> {
    let first = draws(place, 1).remove(0);
    let chain = std::iter::successors(Some(first), |key| Some(hmac_sha256(key, &[2]))).take(2);
    chain
        .enumerate()
        .flat_map(|(index, chain_key)| {
            let seed = hmac_sha256(&chain_key, &[1]);
            let key = hkdf_sha256::<44>(&[], &seed, &[b"conversa/1 msg"]).unwrap();
            [(format!("seed {index}"), inner(&seed)), (format!("message key {index}"), inner(&key[..32]))]
        })
        .collect()
}

/// The same generator as the other process has, from where it was.
fn draws(place: u64, count: usize) -> Vec<[u8; 32]> {
    let random: &mut dyn Random = &mut Seeded::from_place(place);
    (0..count).map(|_| random.bytes().unwrap()).collect()
}

/// Without the ends, which X25519 changes in its private keys (RFC 7748, 5).
fn inner(secret: &[u8]) -> Vec<u8> {
    secret[1..31].to_vec()
}

/// The other process, stopped at a place of its story.
struct Life {
    child: Child,
    lines: Receiver<String>,
    suite: Suite,
}

impl Life {
    fn begin(suite: Suite) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_life_that_is_looked_at", "--ignored", "--nocapture", "--test-threads=1"])
            .env(SUITE, suite.code().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        Self { child, lines, suite }
    }

    /// Lets it go on to its next place: where its randomness was when that part began.
    fn goes_on_to(&mut self, place: &str) -> u64 {
        if place != "prekey" {
            self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        }
        let start = format!("look {place} ");
        let end = deadline();
        loop {
            let line = next_before(&self.lines, end).unwrap_or_else(|error| panic!("no “{start}” came: {error}"));
            if let Some(place) = line.strip_prefix(&start) {
                return place.parse().unwrap();
            }
        }
    }

    /// What Bo draws for a prekey.
    fn secrets(&self, name: &str, place: u64, suite: Suite) -> Vec<Named> {
        let parts = ["X25519", "ML-KEM d", "ML-KEM z"];
        let count = if suite == Suite::Hybrid { 3 } else { 1 };
        parts.iter().zip(draws(place, count)).map(|(part, bytes)| (format!("{name}: {part}"), inner(&bytes))).collect()
    }

    fn has(&self, secrets: &[Named]) {
        assert_eq!(self.found(secrets).len(), secrets.len(), "{:?}: found only {:?}", self.suite, self.found(secrets));
    }

    fn has_none(&self, secrets: &[Named]) {
        assert_eq!(self.found(secrets), Vec::<&str>::new(), "{:?}: still in memory", self.suite);
    }

    /// Which of them its memory holds.
    fn found<'a>(&self, secrets: &'a [Named]) -> Vec<&'a str> {
        let mut found = vec![false; secrets.len()];
        for region in self.memory() {
            for start in 0..region.len().saturating_sub(32) {
                for (secret, found) in secrets.iter().zip(&mut found) {
                    *found |= region[start] == secret.1[0] && region[start..].starts_with(&secret.1);
                }
            }
        }
        secrets.iter().zip(found).filter(|(_, found)| *found).map(|((name, _), _)| name.as_str()).collect()
    }

    /// All that it can write to.
    fn memory(&self) -> Vec<Vec<u8>> {
        let process = format!("/proc/{}", self.child.id());
        let maps = std::fs::read_to_string(format!("{process}/maps")).unwrap();
        let memory = File::open(format!("{process}/mem")).expect("a process may read the memory of its child");
        let writable =
            maps.lines().filter(|line| line.split_whitespace().nth(1).is_some_and(|mode| mode.contains('w')));
        let regions = writable.filter_map(|line| {
            let (start, rest) = line.split_once('-')?;
            let (start, end) = (parse(start), parse(rest.split_whitespace().next()?));
            let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
            memory.read_exact_at(&mut bytes, start).ok().map(|()| bytes)
        });
        regions.filter(|region| region.iter().any(|byte| *byte != 0)).collect()
    }

    fn ends(mut self) {
        drop(self.child.stdin.take());
        // Its output goes on to the end, or it could not write.
        while next_before(&self.lines, deadline()) != Err(RecvTimeoutError::Disconnected) {}
        assert!(ended(&mut self.child).success());
    }
}

fn parse(address: &str) -> u64 {
    u64::from_str_radix(address, 16).unwrap()
}
