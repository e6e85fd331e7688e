//! How prekeys come, are renewed and go: what was recorded must not be readable for longer than is
//! promised, and nobody may become unreadable by a cut at the wrong moment.

use std::cell::Cell;
use std::rc::Rc;

use conversa::crypto::Suite;
use conversa::protocol::limits::{PREKEY_LIFE_MS, PREKEY_OLD_MS};
use conversa::protocol::{Command, Event};
use conversa::wire::{Frame, ItemKind};

use crate::net::Net;

const SUITES: [Suite; 2] = [Suite::Classical, Suite::Hybrid];
/// Steps that are short enough for signs of life.
const STEP_MS: u64 = 25_000;
const MINUTE_MS: u64 = 60_000;

/// How many prekeys `reader` is told of from now on.
fn count_prekeys(net: &mut Net, reader: &'static str) -> Rc<Cell<u32>> {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    net.tamper = Some(Box::new(move |name, frame| {
        let is_prekey = matches!(&frame, Frame::Item(item) if item.kind == ItemKind::Prekey.code());
        if name == reader && is_prekey {
            counted.set(counted.get() + 1);
        }
        Some(frame)
    }));
    count
}

/// Bo makes new keys, and the link breaks before anybody hears of them.
fn refresh_and_lose_it(net: &mut Net) {
    net.command("bo", Command::RefreshKeys);
    net.cut("bo");
}

#[test]
fn a_prekey_whose_announcement_was_lost_is_announced_again() {
    for suite in SUITES {
        let mut net = Net::new(suite, &["ann", "bo"]);
        refresh_and_lose_it(&mut net);
        // By now the private half of the one that the others knew is gone.
        net.wait(PREKEY_OLD_MS + MINUTE_MS);
        net.send("ann", "can you read this?");
        net.drive();
        assert_eq!(net.inbox("bo"), ["can you read this?"], "{suite:?}: {:?}", net.people["bo"].events);
    }
}

#[test]
fn keys_refreshed_without_a_link_are_announced_once_it_is_up() {
    for suite in SUITES {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let told = count_prekeys(&mut net, "ann");
        net.people.get_mut("bo").unwrap().online = false;
        net.cut("bo");
        net.command("bo", Command::RefreshKeys);
        net.drive();
        net.people.get_mut("bo").unwrap().online = true;
        net.wait(MINUTE_MS);
        assert_eq!(told.get(), 1, "{suite:?}");
        net.send("ann", "welcome back");
        net.drive();
        assert_eq!(net.inbox("bo"), ["welcome back"], "{suite:?}");
    }
}

#[test]
fn who_keeps_asking_for_new_keys_is_slowed_down_and_stays() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    let told = count_prekeys(&mut net, "ann");
    for _ in 0..100 {
        net.command("bo", Command::RefreshKeys);
        net.settle();
    }
    assert!((1..20).contains(&told.get()), "{} prekeys at once", told.get());
    net.wait(MINUTE_MS);
    net.send("ann", "still with us?");
    net.drive();
    assert_eq!(net.inbox("bo"), ["still with us?"]);
    assert!(!net.saw("ann", &Event::MemberAway { member: net.fingerprint("bo"), cut: true }));
}

/// Whether Bo, away for so long, can still read what was sealed for the prekey of before.
fn reads_after(suite: Suite, away_ms: u64, refreshed: bool) -> bool {
    let mut net = Net::new(suite, &["ann", "bo", "carol"]);
    net.people.get_mut("bo").unwrap().online = false;
    if refreshed {
        refresh_and_lose_it(&mut net);
    } else {
        net.cut("bo");
    }
    // Carol's new key has Ann begin another chain, and announce it.
    net.command("carol", Command::RefreshKeys);
    net.settle();
    net.send("ann", "sealed for the old prekey");
    net.drive();
    net.wait_in_steps(away_ms, STEP_MS);
    net.people.get_mut("bo").unwrap().online = true;
    net.wait(MINUTE_MS);
    let reads = net.inbox("bo") == ["sealed for the old prekey"];
    assert_eq!(reads, !net.saw("bo", &Event::Unreadable { from: net.fingerprint("ann") }), "{suite:?} {away_ms}");
    net.send("ann", "and this?");
    net.drive();
    assert_eq!(net.inbox("bo").last().map(String::as_str), Some("and this?"), "{suite:?} {away_ms}");
    reads
}

#[test]
fn a_replaced_prekey_is_erased_after_five_minutes_with_or_without_a_link() {
    for suite in SUITES {
        assert!(reads_after(suite, PREKEY_OLD_MS - 2 * MINUTE_MS, true), "{suite:?}: packets under way are read");
        assert!(!reads_after(suite, PREKEY_OLD_MS + MINUTE_MS, true), "{suite:?}: the private half is gone");
    }
}

#[test]
fn a_prekey_is_erased_a_day_and_five_minutes_after_it_was_made_with_or_without_a_link() {
    assert!(reads_after(Suite::Classical, PREKEY_LIFE_MS - 2 * MINUTE_MS, false));
    assert!(!reads_after(Suite::Classical, PREKEY_LIFE_MS + PREKEY_OLD_MS + MINUTE_MS, false));
}
