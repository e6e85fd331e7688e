//! What happens in one room: a storm in which anything may, a calm, and the end.

use super::person::Person;
use super::tally::Chance;
use super::world::{LOG_ITEMS, World};
use crate::protocol::limits::OUTBOX_MAX;
use crate::protocol::{Command, Entry, MessageId};

/// How a room's story goes.
#[derive(Clone, Copy)]
pub(super) struct Plot {
    pub(super) steps: usize,
    /// Whether more is said than a host keeps.
    pub(super) is_long: bool,
    pub(super) closes: bool,
}

/// Tells it. What everybody said last, when nothing bad happened any more.
pub(super) fn tell(world: &mut World, plot: Plot) -> Vec<MessageId> {
    for step in 0..plot.steps {
        storm(world);
        if step % 16 == 0 {
            super::promises::memory_is_within_its_limits(world);
        }
    }
    if plot.is_long {
        chatter(world);
    }
    calm(world)
}

fn storm(world: &mut World) {
    let ms = match world.dice.below(200) {
        0 => 26 * 3_600_000,
        1..4 => 40_000,
        4..20 => 1_500,
        20..120 => 20,
        _ => 0,
    };
    world.pass(ms);
    world.carry(false);
    let who = world.dice.below(world.people.len());
    if world.leads_back() && who > 0 && world.may_come_back(who) && world.dice.happens(20) {
        begin_again(world, who);
    }
    let person = &world.people[who];
    match world.dice.below(100) {
        0..32 if person.ready => speak(world, who),
        0..32 if person.client.is_none() && who > 0 => joiner(world, who),
        32..37 => world.cut(who),
        37..40 => world.people[who].reachable ^= true,
        40..46 if person.client.is_none() && who > 0 => joiner(world, who),
        46..49 if person.client.is_none() && who > 0 => world.try_bad_invite(who),
        49..52 if who > 0 && world.is_member(who) => world.remove(who),
        52..54 if who > 0 && person.ready => world.leave(who),
        54..57 => world.crash(who),
        57..58 if who > 0 && world.may_come_back(who) => world.lose_record(who),
        58..60 if who > 0 => world.command(who, Command::GoOffline),
        60..63 if person.ready => world.command(who, Command::RefreshKeys),
        63..65 if person.ready => world.command(who, Command::Rename(format!("n{}", world.now.unix_ms))),
        65..66 => world.command(0, Command::Retitle(format!("t{}", world.now.unix_ms))),
        66..67 => world.withdraw_invites(),
        67..75 => world.command(who, Command::RetryNow),
        75..90 if person.client.is_none() => world.come_back(who),
        90..92 => world.people[who].slowness = 1 + world.dice.below(12),
        _ => {}
    }
    if world.has_odd_clocks && world.dice.happens(5) {
        world.set_a_date();
    }
    if world.dice.happens(30) {
        world.write();
    }
    world.trouble_the_disk();
}

/// A host that leads people back to the members of before has most of those who begin anew, by any way.
fn begin_again(world: &mut World, who: usize) {
    if world.dice.happens(70) {
        world.lose_record(who);
    } else {
        world.crash(who);
    }
    joiner(world, who);
}

fn speak(world: &mut World, who: usize) {
    let length = if world.dice.happens(5) { 9_000 } else { world.dice.below(40) };
    let id = world.say(who, length);
    if world.dice.happens(5) {
        world.tally.count(Chance::Cancelled);
        world.command(who, Command::Cancel(id));
    }
    if world.dice.below(2_000) == 0 {
        let ids: Vec<MessageId> = (0..=OUTBOX_MAX).map(|_| world.say(who, 0)).collect();
        ids.into_iter().for_each(|id| world.command(who, Command::Cancel(id)));
    }
}

/// Whoever was never in, or is no more, is invited or knocks; others come back.
fn joiner(world: &mut World, who: usize) {
    if world.may_come_back(who) {
        world.come_back(who);
    } else if world.may_knock && world.dice.happens(40) {
        world.people[who].genesis = None;
        world.start(who, Entry::Knock);
    } else {
        world.invite(who);
    }
}

/// So much is said that the host forgets the first of it.
fn chatter(world: &mut World) {
    for person in &mut world.people {
        (person.reachable, person.slowness) = (true, 1);
    }
    settle(world, 10_000);
    let Some(who) = (0..world.people.len()).find(|who| world.people[*who].ready) else { return };
    let away = world.people.len() - 1;
    world.people[away].reachable = false;
    world.cut(away);
    let before = world.people[who].log.as_ref().map_or(0, |log| log.position);
    for _ in 0..LOG_ITEMS / 15 + 8 {
        let words = if world.people[who].ready { 15 } else { 0 };
        for _ in 0..words {
            world.say(who, 10);
        }
        world.carry(true);
        world.pass(1_000);
        world.carry(true);
    }
    let after = world.people[who].log.as_ref().map_or(0, |log| log.position);
    if after > before + LOG_ITEMS as u64 {
        world.tally.count(Chance::LogFull);
    }
}

/// Nothing bad happens any more: everybody comes back and says one thing.
fn calm(world: &mut World) -> Vec<MessageId> {
    world.storm = false;
    world.drain_host();
    for person in &mut world.people {
        (person.reachable, person.slowness) = (true, 1);
    }
    settle(world, 25_000);
    world.is_quiet = true;
    let ready: Vec<usize> = (0..world.people.len()).filter(|who| world.people[*who].ready).collect();
    let last_words = ready.into_iter().map(|who| world.say(who, 0)).collect();
    settle(world, 12_000);
    last_words
}

/// The owner closes the room, and it is closed for everybody.
pub(super) fn close(world: &mut World) {
    let is_in: Vec<usize> = (0..world.people.len()).filter(|who| world.people[*who].ready).collect();
    if !is_in.contains(&0) {
        return;
    }
    world.is_closed = true;
    world.ledger.puts_out(world.people[0].fingerprint());
    world.command(0, Command::CloseRoom);
    for _ in 0..4 {
        world.write();
        world.carry(true);
        world.pass(250);
    }
    assert_eq!(world.host.rooms().count(), 0, "a closed room is gone from its host");
    assert!(is_in.into_iter().all(|who| world.people[who].client.is_none()), "somebody is in a closed room");
    world.tally.count(Chance::Closed);
}

fn settle(world: &mut World, ms: u64) {
    for _ in 0..ms / 500 {
        for who in 0..world.people.len() {
            let Person { client, ready, .. } = &world.people[who];
            match client {
                None if world.may_come_back(who) => world.come_back(who),
                Some(_) if !ready => world.command(who, Command::RetryNow),
                _ => {}
            }
        }
        world.write();
        world.carry(true);
        world.pass(500);
    }
    (0..8).for_each(|_| world.carry(true));
}
