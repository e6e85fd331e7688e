//! A check that cannot fail checks nothing: each is shown a world in which its promise was broken.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::evil::Evil;
use super::story::{self, Plot};
use super::tally::Tally;
use super::world::{Cast, World};
use super::{new_identity, promises};
use crate::crypto::{Fingerprint, Suite, cheap};
use crate::protocol::{Content, MessageId};

/// A room of four at the end of its story, and what they said last.
fn told(seed: u64, evil: Option<Evil>) -> (World, Vec<MessageId>) {
    let people = (0..4).map(|_| new_identity(Suite::Classical)).collect();
    let mallory = new_identity(Suite::Classical);
    let cast = Cast {
        seed,
        suite: Suite::Classical,
        people,
        mallory,
        evil,
        is_spied_on: false,
        queue_max: 4 * 1024 * 1024,
        has_odd_clocks: false,
        keeps: false,
    };
    let mut world = World::new(cast, Arc::new(Tally::default()));
    let last_words = story::tell(&mut world, Plot { steps: 150, is_long: false, closes: false });
    (world, last_words)
}

/// Whether `check` panics.
fn is_seen(check: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(check)).is_err()
}

/// A room with somebody who is in it in the end and was shown at least three messages, and who that is.
fn told_to_a_reader() -> (World, Vec<MessageId>, usize) {
    let found = (1..100).find_map(|seed| {
        let (world, last_words) = told(seed, None);
        let is_reader = |who: &usize| world.people[*who].ready && world.people[*who].shown.len() > 2;
        let who = (1..world.people.len()).find(is_reader)?;
        Some((world, last_words, who))
    });
    found.expect("not every room ends empty")
}

#[test]
fn another_order_is_seen() {
    let _cheap = cheap::switch_on(1);
    let (mut world, _, who) = told_to_a_reader();
    promises::everybody_sees_the_order_of_the_log(&world);
    let last = world.people[who].shown.len() - 1;
    world.people[who].shown.swap(last - 1, last);
    assert!(is_seen(|| promises::everybody_sees_the_order_of_the_log(&world)));
}

#[test]
fn lost_words_are_seen() {
    let _cheap = cheap::switch_on(1);
    let (mut world, last_words, who) = told_to_a_reader();
    promises::everybody_is_back(&world, &last_words);
    promises::what_was_sealed_for_somebody_came(&world);
    world.people[who].shown.clear();
    world.people[who].signs = 0;
    assert!(is_seen(|| promises::everybody_is_back(&world, &last_words)));
    assert!(is_seen(|| promises::what_was_sealed_for_somebody_came(&world)));
}

/// Whether in some room the check sees what was made silent.
fn is_seen_once_silent(silence: impl Fn(&mut World)) -> bool {
    (1..100).any(|seed| {
        let (mut world, _) = told(seed, None);
        promises::nobody_misses_words_untold(&world);
        silence(&mut world);
        is_seen(|| promises::nobody_misses_words_untold(&world))
    })
}

#[test]
fn missed_words_that_nobody_is_told_of_are_seen() {
    let _cheap = cheap::switch_on(1);
    let deaf_readers = |world: &mut World| {
        for person in &mut world.people {
            (person.heard_at, person.missed) = (0, 0);
            person.unreadable.clear();
        }
    };
    assert!(is_seen_once_silent(deaf_readers));
    assert!(is_seen_once_silent(|world| world.spoken.iter_mut().for_each(|spoken| spoken.without.clear())));
}

#[test]
fn a_fork_that_nobody_is_told_of_is_seen() {
    let _cheap = cheap::switch_on(1);
    // Not in every room does anything cross from one history into the other.
    let is_found = (1..100).any(|seed| {
        let (mut world, last_words) = told(seed, Some(Evil::Fork));
        promises::deeds_are_seen(&world, &last_words);
        for person in &mut world.people {
            person.forks.clear();
            person.wronged_since = person.wronged_since.map(|_| person.signs);
        }
        is_seen(|| promises::deeds_are_seen(&world, &last_words))
    });
    assert!(is_found);
}

#[test]
fn words_opened_by_a_stranger_or_twice_or_changed_are_seen() {
    let _cheap = cheap::switch_on(1);
    let (mut world, last_words, who) = told_to_a_reader();
    let (reader, stranger) = (world.people[who].fingerprint(), Fingerprint::of(b"a stranger"));
    let arriving = world.people[who].last_message.take().unwrap();
    let from = arriving.header.sender;
    world.ledger.opened(reader, from, &arriving);
    assert!(is_seen(|| world.ledger.opened(stranger, from, &arriving)));
    assert!(is_seen(|| world.ledger.opened(reader, stranger, &arriving)));
    let (id, said) = world.ledger.said.iter().find(|(id, _)| last_words.contains(id)).unwrap();
    assert!(is_seen(|| world.ledger.read(*id, said.from, &Content::text("other words"))));
    let event = crate::protocol::Event::OnHost { id: world.people[who].shown.last().unwrap().id, without: Vec::new() };
    world.people[who].arriving = Some(arriving);
    assert!(is_seen(|| world.people[who].told(&event)));
}

#[test]
fn members_of_before_are_seen() {
    let _cheap = cheap::switch_on(1);
    let (mut world, _, who) = told_to_a_reader();
    let ready = crate::protocol::Event::Ready { members: 3, reachable: 2 };
    world.people[who].told(&ready);
    world.people[who].seen.0 += 1;
    assert!(is_seen(|| world.people[who].told(&ready)));
}

#[test]
fn a_member_whom_nobody_let_in_is_seen() {
    let _cheap = cheap::switch_on(1);
    let (mut world, _) = told(1, None);
    let mallory = new_identity(Suite::Classical);
    let owner = Arc::clone(&world.people[0].identity);
    let mut roster = super::super::Roster::open(world.people[0].genesis.as_ref().unwrap()).unwrap();
    for entry in &world.people[0].made {
        roster.apply(entry).unwrap();
    }
    let ghost = roster.next_entry(&owner, super::super::room::roster::Entry::Add(mallory.bundle()), world.now).unwrap();
    assert!(is_seen(|| world.ledger.entry_sent(&ghost)));
}
