//! Rooms by the thousands, each from a number: people who join, talk, crash, are cut off, removed and
//! come again, over a network that splits and delays, at a host that is honest or not. Each must keep
//! what docs/protocol.md promises.
//!
//! `CONVERSA_SEED=7 cargo test --lib simulation` tells one of them again; `CONVERSA_SEEDS=100000` tells
//! more, and `CONVERSA_TALLY=1` prints what happened in them.

#![allow(clippy::panic, clippy::indexing_slicing, reason = "tests stop where they stand")]

#[path = "../protocol/computer.rs"]
mod computer;
mod detectors;
mod dice;
mod disk;
mod evil;
mod forger;
mod front_end;
mod ledger;
mod network;
mod person;
mod promises;
mod replica;
#[allow(dead_code, reason = "for the stories")]
#[path = "../protocol/room_disk.rs"]
mod room_disk;
mod spy;
mod story;
mod tally;
mod truth;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use self::dice::Dice;
use self::evil::Evil;
use self::story::Plot;
use self::tally::Tally;
use self::world::{Cast, START, World};
use super::{HostWrite, Identity, ItemEffect, KeptItem, KeptMember, Now, RestoredRoom, RoomId, RoomSnapshot, Timeline};
use crate::crypto::{Fingerprint, KeyKind, Suite, cheap, key_file};

/// How many rooms with cheap keys: what takes a minute or two. Whoever changes the protocol plays ten thousand.
const SEEDS: u64 = 3_000;
/// How many with the real keys of each suite.
const REAL_SEEDS: u64 = 200;
/// The most people in a room with real keys.
const REAL_CROWD: usize = 5;

#[test]
fn thousands_of_rooms_keep_their_promises() {
    let (seeds, tally) = (number("CONVERSA_SEEDS").unwrap_or(SEEDS), Arc::new(Tally::default()));
    run("cheap keys", seeds, |seed| {
        play_cheaply(seed, &tally);
    });
    if std::env::var_os("CONVERSA_TALLY").is_some() {
        tally.print();
    }
    if seeds >= SEEDS && number("CONVERSA_SEED").is_none() {
        tally.check(seeds);
    }
}

#[test]
fn two_hundred_rooms_of_each_suite_keep_them_with_real_keys() {
    let tally = Arc::new(Tally::default());
    for suite in Suite::ALL {
        run(&format!("{suite:?} keys"), number("CONVERSA_SEEDS").unwrap_or(REAL_SEEDS).min(REAL_SEEDS), |seed| {
            let people = (0..crowd_of(seed).min(REAL_CROWD)).map(|number| real_identity(suite, number)).collect();
            let plot = Plot { is_long: false, ..plot_of(seed) };
            play(cast_of(seed, suite, people, real_identity(suite, REAL_CROWD)), plot, &tally);
        });
    }
}

#[test]
fn a_room_is_told_again_word_for_word() {
    let tally = Arc::new(Tally::default());
    for seed in 0..20 {
        assert_eq!(play_cheaply(seed, &tally), play_cheaply(seed, &tally), "seed {seed}");
    }
}

/// Plays each seed, or the one that the environment names, and says which one fails.
fn run(test: &str, seeds: u64, play: impl Fn(u64) + Sync) {
    if let Some(seed) = number("CONVERSA_SEED") {
        return play(seed);
    }
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while failed.load(Ordering::Relaxed) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    if catch_unwind(AssertUnwindSafe(|| play(seed))).is_err() {
                        failed.fetch_min(seed, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    assert!(
        failed == u64::MAX,
        "{test}: room {failed} broke a promise; to hear how: CONVERSA_SEED={failed} cargo test --lib simulation"
    );
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Tells one room's story with cheap keys; a number that any other story would change.
fn play_cheaply(seed: u64, tally: &Arc<Tally>) -> u64 {
    let _cheap = cheap::switch_on(seed);
    // ML-KEM has no cheap stand-in.
    let suite = if seed.is_multiple_of(10) { Suite::Hybrid } else { Suite::Classical };
    let people = (0..crowd_of(seed)).map(|_| new_identity(suite)).collect();
    let cast = cast_of(seed, suite, people, new_identity(suite));
    play(cast, plot_of(seed), tally)
}

fn play(cast: Cast, plot: Plot, tally: &Arc<Tally>) -> u64 {
    let mut world = World::new(cast, Arc::clone(tally));
    let last_words = story::tell(&mut world, plot);
    promises::check(&mut world, &last_words);
    if plot.closes && world.evil.is_none() {
        story::close(&mut world);
    }
    world.dice.next()
}

fn cast_of(seed: u64, suite: Suite, people: Vec<Arc<Identity>>, mallory: Arc<Identity>) -> Cast {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let evil = if dice.happens(55) { dice.one_of(&Evil::ALL) } else { None };
    // It has four ways to lead somebody back, and each is to be tried often.
    let evil = if dice.happens(6) { Some(Evil::Rollback) } else { evil };
    let queue_max = if dice.happens(20) { 8 * 1024 } else { 4 * 1024 * 1024 };
    let is_spied_on = dice.happens(if suite.is_learning() { 0 } else { 15 });
    let has_odd_clocks = Dice::new(seed ^ 0xc10c).happens(25);
    // What an evil host shows is no matter of its disk.
    let keeps = evil.is_none() && Dice::new(seed ^ 0xd15c).happens(75);
    Cast { seed, suite, people, mallory, evil, is_spied_on, queue_max, has_odd_clocks, keeps }
}

fn plot_of(seed: u64) -> Plot {
    let mut dice = Dice::new(seed ^ 0x9107);
    let steps = if crowd_of(seed) > 6 { 70 } else { 50 + dice.below(80) };
    Plot { steps, is_long: seed % 1_000 == 7, closes: dice.happens(30) }
}

/// How many people there are: mostly few, now and then a class.
fn crowd_of(seed: u64) -> usize {
    match (seed % 1_000, seed % 8) {
        (999, _) => 64,
        (998, _) => 16,
        (997, _) => 9,
        (_, 0 | 1) => 2,
        (_, 2..=5) => 3,
        (_, 6) => 4,
        _ => 5,
    }
}

fn new_identity(suite: Suite) -> Arc<Identity> {
    let backend = suite.backend();
    let (signing, decryption) = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
    Arc::new(Identity::new(signing, decryption, START).unwrap())
}

/// Keys that were made before: making RSA-3072 takes seconds.
fn real_identity(suite: Suite, number: usize) -> Arc<Identity> {
    type Made = [OnceLock<Arc<Identity>>; REAL_CROWD + 1];
    static SECURE: Made = [const { OnceLock::new() }; REAL_CROWD + 1];
    static LEARNING: Made = [const { OnceLock::new() }; REAL_CROWD + 1];
    if suite.is_learning() {
        return Arc::clone(LEARNING[number].get_or_init(|| new_identity(suite)));
    }
    let read = |file: &str, number: usize| {
        let pem = file.split_inclusive("-----END PRIVATE KEY-----\n").nth(number).unwrap();
        key_file::from_pem(pem, KeyKind::Rsa, None).unwrap()
    };
    let made = SECURE[number].get_or_init(|| {
        let backend = suite.backend();
        let signing = backend.signing_from_pkcs8(&read(include_str!("../data/keys/crowd.sign.pem"), number)).unwrap();
        let own = [
            include_str!("../data/keys/ann.enc.pem"),
            include_str!("../data/keys/bo.enc.pem"),
            include_str!("../data/keys/carol.enc.pem"),
            include_str!("../data/keys/dave.enc.pem"),
        ];
        let decryption = backend.decryption_from_pkcs8(&read(own[number % own.len()], 0)).unwrap();
        Arc::new(Identity::new(signing, decryption, START).unwrap())
    });
    Arc::clone(made)
}
