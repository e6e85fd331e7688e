//! A listener under attack, on a simulated clock: whatever sockets hostile peers open, honest peers get in.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::*;
use crate::net::limits::{CUT_TRIES_MAX, CUT_WAIT_MS};

/// How long an honest peer's answers take, from half the world away.
const ROUND_TRIP_MS: u64 = 250;
/// How long after connecting an honest peer's first flight arrives: sent at once, from a slow computer.
const FIRST_WORDS_MS: u64 = 30;
/// How long one handshake keeps the worker.
const HANDSHAKE_MS: u64 = 3;
/// How many hostile peers reconnect in a millisecond: about as many as one computer manages against a real host.
const AGAIN_MAX: usize = 2;

/// What a hostile peer does once it is connected.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// Nothing, or a byte now and then.
    Silence,
    /// Bytes that begin no handshake; it is refused.
    Garbage,
    /// The first flight, and no answer to what comes back.
    HalfHandshake,
    /// The first flight, and it leaves before its turn comes.
    HitAndRun,
    /// The whole handshake, and nothing after it.
    KeyOnly,
    /// Each of these in turn.
    Mixed,
}

/// Where hostile peers come from.
#[derive(Clone, Copy, Debug)]
enum From {
    /// The joiner's own network: a tunnel, or one computer on which all of this is tried.
    Same,
    /// This many networks.
    Networks(u32),
}

const ALL_ATTACKS: [Attack; 6] =
    [Attack::Silence, Attack::Garbage, Attack::HalfHandshake, Attack::HitAndRun, Attack::KeyOnly, Attack::Mixed];
const ALL_ORIGINS: [From; 5] =
    [From::Same, From::Networks(1), From::Networks(20), From::Networks(500), From::Networks(100_000)];

fn address(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(0x0a00_0000 + number).into()
}

/// Where honest peers come from: most tests have one.
fn home() -> IpAddr {
    honest(1)
}

fn honest(number: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, number).into()
}

/// A listener, its clock, and whoever is on the way through it.
struct Door {
    admission: Admission,
    now_ms: u64,
    links: u64,
    hostile: u32,
    /// Where honest peers come from at present.
    home: IpAddr,
    /// What is under way: when, who, from where, and where to, if not away.
    events: Vec<(u64, LinkId, IpAddr, Option<Stage>)>,
    attackers: BTreeMap<LinkId, Attack>,
    worker_free_ms: u64,
    gone: BTreeSet<LinkId>,
    /// Makes randomness that is the same each time.
    chance: u64,
}

impl Door {
    fn new() -> Self {
        Self {
            admission: Admission::new(&NetLimits::default()),
            now_ms: 100_000,
            links: 0,
            hostile: 0,
            home: home(),
            events: Vec::new(),
            attackers: BTreeMap::new(),
            worker_free_ms: 0,
            gone: BTreeSet::new(),
            chance: 1,
        }
    }

    /// A number below `end`: without randomness, a peer that connects at fixed intervals could meet the same luck for
    /// ever.
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's constants.
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.chance >> 33) % end
    }

    fn arrive(&mut self, network: IpAddr) -> LinkId {
        self.links += 1;
        let link = LinkId(self.links);
        self.enter(link, network, Stage::Silent);
        link
    }

    fn enter(&mut self, link: LinkId, network: IpAddr, stage: Stage) {
        let goes = self.admission.enter(link, network, stage);
        assert!(goes != Some(link) || stage == Stage::Queued, "whoever comes is not the one to go");
        self.gone.extend(goes);
        for ((_, stage), crowd) in &self.admission.crowds {
            let limits = NetLimits::default();
            let places = if *stage == Stage::Queued { limits.queued_max } else { limits.unauthenticated_max };
            assert!(crowd.len() <= places, "{stage:?}");
        }
    }

    fn attack(&mut self, attack: Attack, from: From) {
        self.hostile += 1;
        let network = match from {
            From::Same => self.home,
            From::Networks(count) => address(self.hostile % count),
        };
        let attack = match attack {
            Attack::Mixed => ALL_ATTACKS[self.hostile as usize % (ALL_ATTACKS.len() - 1)],
            attack => attack,
        };
        let link = self.arrive(network);
        self.attackers.insert(link, attack);
        // They are nearby, and quicker than any honest peer.
        let now_ms = self.now_ms;
        match attack {
            Attack::Silence => {}
            Attack::Garbage => self.events.push((now_ms + 1, link, network, Some(Stage::Leaving))),
            _ => self.events.push((now_ms + 1, link, network, Some(Stage::Queued))),
        }
        if matches!(attack, Attack::HitAndRun) {
            self.events.push((now_ms + 10, link, network, None));
        }
    }

    /// An honest peer begins; returns how long until it has proven its key, or `None` if it was pushed out.
    fn comes_in(&mut self, network: IpAddr, meanwhile: &mut impl FnMut(&mut Self)) -> Option<u64> {
        let began_ms = self.now_ms;
        let link = self.arrive(network);
        self.events.push((self.now_ms + FIRST_WORDS_MS, link, network, Some(Stage::Queued)));
        for _ in 0..20_000 {
            meanwhile(self);
            self.turn();
            if self.gone.contains(&link) {
                return None;
            }
            if self.admission.stage(link) == Some(Stage::Keyed) {
                self.admission.leave(link);
                return Some(self.now_ms - began_ms);
            }
        }
        panic!("it was forgotten");
    }

    /// The same, with the retries that our own dialling makes.
    fn comes_in_at_last(&mut self, network: IpAddr, meanwhile: &mut impl FnMut(&mut Self)) -> Option<u64> {
        let began_ms = self.now_ms;
        for _ in 0..=CUT_TRIES_MAX {
            if self.comes_in(network, meanwhile).is_some() {
                return Some(self.now_ms - began_ms);
            }
            // It learns of it half a round trip later, and so does the host of the next try.
            let wait_ms = CUT_WAIT_MS + ROUND_TRIP_MS + self.below(20);
            (0..wait_ms).for_each(|_| {
                meanwhile(self);
                self.turn();
            });
        }
        None
    }

    /// A millisecond.
    fn turn(&mut self) {
        self.now_ms += 1;
        let now_ms = self.now_ms;
        let events = std::mem::take(&mut self.events).into_iter();
        let (mut due, later): (Vec<_>, Vec<_>) = events.partition(|(at_ms, ..)| *at_ms <= now_ms);
        // Being slow does not make anybody first in a millisecond.
        let first = self.below(due.len().max(1) as u64);
        due.rotate_left(first as usize);
        self.events = later;
        for (_, link, network, stage) in due {
            match stage.filter(|_| self.admission.stage(link).is_some()) {
                Some(stage) => self.enter(link, network, stage),
                None => {
                    self.admission.leave(link);
                    self.gone.insert(link);
                }
            }
        }
        while self.worker_free_ms <= now_ms {
            let Turn::Of(link) = self.admission.next_handshake(now_ms) else { break };
            self.worker_free_ms = now_ms + HANDSHAKE_MS;
            let network = self.admission.peers[&link].network;
            self.enter(link, network, Stage::Answered);
            let answers_ms = match self.attackers.get(&link) {
                None => Some(ROUND_TRIP_MS),
                Some(Attack::KeyOnly) => Some(2),
                Some(_) => None,
            };
            if let Some(answers_ms) = answers_ms {
                self.events.push((now_ms + HANDSHAKE_MS + answers_ms, link, network, Some(Stage::Keyed)));
            }
        }
    }
}

#[test]
fn five_hundred_hostile_sockets_of_any_kind_from_anywhere_keep_nobody_out() {
    for attack in ALL_ATTACKS {
        for from in ALL_ORIGINS {
            let mut door = Door::new();
            (0..500).for_each(|_| door.attack(attack, from));
            (0..50).for_each(|_| door.turn());
            let taken_ms = door.comes_in(home(), &mut |_| ());
            assert!(taken_ms.is_some_and(|taken_ms| taken_ms < 3_000), "{attack:?} {from:?}: {taken_ms:?}");
        }
    }
}

/// They keep coming, a thousand a second, whatever happens to the earlier ones.
#[test]
fn a_stream_of_hostile_sockets_keeps_nobody_out() {
    for (attack, from) in ALL_ATTACKS.into_iter().flat_map(|attack| ALL_ORIGINS.map(|from| (attack, from))) {
        let stream = |door: &mut Door| (0..door.below(3)).for_each(|_| door.attack(attack, from));
        everybody_comes_in(attack, from, stream);
    }
}

/// They stay as long as they may, and reconnect as soon as they are pushed out.
#[test]
fn hostile_sockets_that_come_again_at_once_keep_nobody_out() {
    for (attack, from) in ALL_ATTACKS.into_iter().flat_map(|attack| ALL_ORIGINS.map(|from| (attack, from))) {
        let mut absent = 500;
        let again = |door: &mut Door| {
            let before = door.gone.len();
            door.gone.retain(|link| !door.attackers.contains_key(link));
            absent += before - door.gone.len();
            let come = absent.min(AGAIN_MAX);
            absent -= come;
            (0..come).for_each(|_| door.attack(attack, from));
        };
        everybody_comes_in(attack, from, again);
    }
}

fn everybody_comes_in(attack: Attack, from: From, mut hostile: impl FnMut(&mut Door)) {
    let mut door = Door::new();
    (0..1_500).for_each(|_| {
        hostile(&mut door);
        door.turn();
    });
    // It shares turns with peers of its own network; and if each comes from a different network, with all.
    let patience_ms = if matches!(from, From::Same | From::Networks(100_000)) { 15_000 } else { 1_000 };
    for number in 1..=4 {
        if !matches!(from, From::Same) {
            door.home = honest(number);
        }
        let taken_ms = door.comes_in_at_last(door.home, &mut hostile);
        assert!(taken_ms.is_some_and(|taken_ms| taken_ms < patience_ms), "{attack:?} {from:?}: {taken_ms:?}");
    }
}

/// Much faster than any answer travels.
#[test]
fn a_member_comes_back_to_a_door_where_no_newcomer_gets_in() {
    for attack in ALL_ATTACKS {
        let mut door = Door::new();
        let member = door.arrive(home());
        door.admission.becomes_member(member, home());
        let mut flood = |door: &mut Door| (0..10).for_each(|_| door.attack(attack, From::Networks(100_000)));
        (0..500).for_each(|_| {
            flood(&mut door);
            door.turn();
        });
        let taken_ms = door.comes_in(home(), &mut flood);
        assert!(taken_ms.is_some_and(|taken_ms| taken_ms < 1_000), "{attack:?}: {taken_ms:?}");
    }
}

#[test]
fn a_class_behind_one_address_comes_in_at_once() {
    let mut door = Door::new();
    let class: Vec<LinkId> = (0..30).map(|_| door.arrive(home())).collect();
    for link in &class {
        door.enter(*link, home(), Stage::Queued);
    }
    (0..400).for_each(|_| door.turn());
    assert!(door.gone.is_empty());
    assert!(class.iter().all(|link| door.admission.stage(*link) == Some(Stage::Keyed)), "all of them");
}

#[test]
fn the_pace_of_handshakes_holds_whoever_asks() {
    let limits = NetLimits { handshakes_a_second: 5, ..NetLimits::default() };
    let mut admission = Admission::new(&limits);
    for number in 0..20 {
        assert_eq!(admission.enter(LinkId(number), address(number as u32), Stage::Queued), None);
    }
    let mut begun = Vec::new();
    for now_ms in 0..3_000 {
        while let Turn::Of(link) = admission.next_handshake(now_ms) {
            admission.leave(link);
            begun.push(now_ms);
        }
    }
    assert_eq!(begun.iter().filter(|at_ms| **at_ms == 0).count(), 5, "a second's worth at once");
    assert_eq!(begun[5..10], [200, 400, 600, 800, 1_000]);
    assert_eq!(admission.next_handshake(2_999), Turn::At(3_000));
}

#[test]
fn networks_take_turns_and_so_do_the_known_and_the_others() {
    let mut admission = Admission::new(&NetLimits::default());
    admission.becomes_member(LinkId(0), address(9));
    for (number, network) in [(1, 1), (2, 1), (3, 1), (4, 2), (5, 9), (6, 9), (7, 3)] {
        assert_eq!(admission.enter(LinkId(number), address(network), Stage::Queued), None);
    }
    let mut order = Vec::new();
    while let Turn::Of(LinkId(number)) = admission.next_handshake(0) {
        admission.leave(LinkId(number));
        order.push(number);
    }
    assert_eq!(order, [5, 1, 6, 4, 7, 2, 3]);
}

#[test]
fn whoever_waits_for_a_handshake_keeps_its_place_and_a_network_that_had_none_yet_comes_first() {
    let mut admission = Admission::new(&NetLimits::default());
    let places = NetLimits::default().queued_max as u64;
    for number in 0..places {
        assert_eq!(admission.enter(LinkId(number), address(1), Stage::Queued), None);
    }
    assert_eq!(admission.enter(LinkId(places), address(1), Stage::Queued), Some(LinkId(places)), "the last to come");
    assert_eq!(admission.enter(LinkId(places), address(2), Stage::Queued), Some(LinkId(places - 1)), "of the most");
    assert_eq!(admission.next_handshake(0), Turn::Of(LinkId(0)), "the longest there");

    let mut admission = Admission::new(&NetLimits::default());
    for number in 1..=places {
        assert_eq!(admission.enter(LinkId(number), address(number as u32), Stage::Queued), None);
    }
    assert_eq!(admission.next_handshake(0), Turn::Of(LinkId(1)));
    assert_eq!(admission.enter(LinkId(0), address(0), Stage::Queued), Some(LinkId(1)), "it had its turn");
}

#[test]
fn where_the_system_has_no_more_sockets_the_least_go_first() {
    let mut admission = Admission::new(&NetLimits::default());
    admission.becomes_member(LinkId(0), address(9));
    let order = [
        (1, 1, Stage::Leaving),
        (2, 1, Stage::Silent),
        (3, 1, Stage::Silent),
        (4, 2, Stage::Silent),
        (5, 1, Stage::Queued),
        (6, 1, Stage::Answered),
        (7, 1, Stage::Keyed),
        (8, 9, Stage::Silent),
        (9, 9, Stage::Keyed),
    ];
    for (number, network, stage) in order.into_iter().rev() {
        admission.enter(LinkId(number), address(network), stage);
    }
    let mut went = Vec::new();
    while let Some(LinkId(number)) = admission.least() {
        admission.leave(LinkId(number));
        went.push(number);
    }
    assert_eq!(went, [1, 3, 4, 2, 5, 6, 7, 8, 9]);
}

#[test]
fn so_many_networks_are_remembered_and_the_newest_of_them() {
    let mut recent = Recent::default();
    for number in 0..100_000 {
        recent.note(address(number));
        assert!(recent.networks.len() <= NETWORKS_KEPT && recent.has(&address(number)));
    }
    assert!(!recent.has(&address(0)) && recent.has(&address(100_000 - NETWORKS_KEPT as u32 / 4)));
}

#[test]
fn an_ipv6_network_is_one_address_and_a_mapped_one_is_ipv4() {
    let [a, b, c] = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
    assert_eq!(network(a), network(b));
    assert_ne!(network(a), network(c));
    assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), home());
}
