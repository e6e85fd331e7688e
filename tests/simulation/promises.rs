//! What must hold in the end, beside all that the ledger holds at each step.

use super::person::Person;
use super::tally::Chance;
use super::world::World;
use crate::protocol::MessageId;
use crate::protocol::limits::{CLOCK_DIFFERS_MS, CLOCKS_TOLD_MAX, TALKATIVE_MEMBERS_MAX};

/// Checks everything that can be said once nothing happens any more.
pub(super) fn check(world: &mut World, last_words: &[MessageId]) {
    memory_is_within_its_limits(world);
    if world.evil.is_none() {
        everybody_sees_the_order_of_the_log(world);
        everybody_is_back(world, last_words);
        what_was_sealed_for_somebody_came(world);
        wrong_clocks_are_told(world, last_words);
        nobody_misses_words_untold(world);
    } else {
        deeds_are_seen(world, last_words);
    }
}

/// Neither the host nor a client keeps more than its limits say.
pub(super) fn memory_is_within_its_limits(world: &World) {
    let clients = world.people.iter().filter_map(|person| person.client.as_ref());
    let held = world.host.held().into_iter().chain(clients.flat_map(|client| client.held()));
    for (what, held, most) in held {
        assert!(held <= most, "{held} {what} are kept, and {most} at most should be");
    }
}

/// Nobody is shown a message before one that stands earlier in the log. Each has one place there for
/// everybody, as the ledger saw to.
pub(super) fn everybody_sees_the_order_of_the_log(world: &World) {
    for person in &world.people {
        for (one, next) in person.shown.iter().zip(person.shown.iter().skip(1)) {
            let is_new = one.session != next.session;
            assert!(is_new || one.position < next.position, "{:?} was shown after {:?}", next.id, one.id);
        }
    }
}

/// After the storm all members are in, know the same roster, and hear each other.
pub(super) fn everybody_is_back(world: &World, last_words: &[MessageId]) {
    let newest = world.ledger.newest();
    // Words to nobody wait.
    let is_heard = world.people.iter().filter(|person| person.ready).count() > 1;
    for (who, person) in world.people.iter().enumerate().filter(|(who, _)| world.may_come_back(*who)) {
        assert!(person.ready, "p{who} does not come back");
        assert!(newest.0 == 0 || person.known == newest, "p{who} knows another roster");
        for id in last_words.iter().filter(|_| is_heard) {
            let from = world.ledger.said[id].from;
            assert!(person.was_shown(*id), "p{who} never saw the last words of {from:?}");
        }
    }
}

/// Whoever stayed in the room has every message that was sealed for them.
pub(super) fn what_was_sealed_for_somebody_came(world: &World) {
    for owed in world.owed.iter().filter(|owed| world.is_due(owed)) {
        let person = &world.people[owed.to];
        let came = person.was_shown(owed.message) || world.suite.is_learning();
        assert!(came || person.signs > 0, "p{} never saw {:?}", owed.to, owed.message);
    }
}

/// Words that somebody missed are told to who said them, if their app lived on, and to who missed them, if
/// anybody who had them, or said them, lived on until they were back. In large rooms nobody confirms, and
/// the owner alone tells.
pub(super) fn nobody_misses_words_untold(world: &World) {
    if world.suite.is_learning() || world.people.len() > TALKATIVE_MEMBERS_MAX {
        return;
    }
    let lives_on = |who: usize, since: &[Option<(u32, u32)>]| {
        let person = &world.people[who];
        person.ready && since[who] == Some(person.session())
    };
    for spoken in &world.spoken {
        for (who, person) in world.people.iter().enumerate().filter(|(who, person)| *who != spoken.from && person.ready)
        {
            let key = person.fingerprint();
            // Whoever came for the first time was not away.
            let was_here = spoken.sessions[who].is_some();
            let is_member = world.ledger.was_member_since(key, spoken.epoch);
            if person.was_shown(spoken.message) || !was_here || !is_member {
                continue;
            }
            let from = world.people[spoken.from].fingerprint();
            let is_sender_told = spoken.without.contains(&key);
            assert!(
                is_sender_told || !lives_on(spoken.from, &spoken.sessions),
                "{from:?} is not told that p{who} missed {:?}",
                spoken.message
            );
            let mut witnesses = (0..world.people.len()).filter(|witness| *witness != who);
            let is_witnessed = witnesses.any(|witness| {
                let had_it = witness == spoken.from || world.people[witness].was_shown(spoken.message);
                had_it && lives_on(witness, &spoken.sessions)
            });
            if is_witnessed {
                world.tally.count(Chance::MissedAndWitnessed);
                let is_counted = person.heard_at > spoken.position || crossed_return(world, who) <= person.missed;
                // Of a chain that cannot be read somebody is told once.
                let is_told = is_counted || person.unreadable.contains(&spoken.chain);
                assert!(is_told, "p{who} is not told that it missed {:?}", spoken.message);
            }
        }
    }
}

/// Words that were on their way when somebody came back, for whom they were not sealed: they are told with those of
/// before, and who counts them all need not say anything again.
fn crossed_return(world: &World, who: usize) -> u64 {
    let person = &world.people[who];
    let missed = world.spoken.iter().filter(|spoken| spoken.from != who && !person.was_shown(spoken.message));
    missed.filter(|spoken| spoken.sessions[who] == Some(person.session())).count() as u64
}

/// Whoever was shown another log than the room's has noticed, or somebody noticed for them, as soon as
/// anything crossed from one log into the other.
pub(super) fn deeds_are_seen(world: &World, last_words: &[MessageId]) {
    let Some(evil) = &world.evil else { return };
    let mut is_noticed = false;
    for (who, person) in world.people.iter().enumerate() {
        is_noticed |= person.signs > 0;
        let Some(since) = person.wronged_since.filter(|_| person.ready) else { continue };
        let key = person.fingerprint();
        // Who was shown the same other log sees no difference.
        let is_unlike = |other: &&Person| person.log.iter().zip(&other.log).any(|(own, other)| own.is_unlike(other));
        let others = world.people.iter().filter(|other| other.ready && other.fingerprint() != key).filter(is_unlike);
        let crossed = last_words.iter().any(|id| {
            let from = world.ledger.said[id].from;
            let mut others = others.clone();
            let is_from_one = person.crossed.contains(id) && others.clone().any(|other| other.fingerprint() == from);
            is_from_one || (from == key && others.any(|other| other.was_shown(*id)))
        });
        let mut others = world.people.iter().filter(|other| other.fingerprint() != key);
        // Of another's log somebody is told once.
        let noticed =
            person.signs > since || !person.forks.is_empty() || others.any(|other| other.forks.contains(&key));
        assert!(noticed || !crossed, "p{who}: {:?} was not noticed", evil.evil);
    }
    if is_noticed {
        world.tally.noticed(evil.evil);
    }
}

/// Whoever hears somebody whose clock differs was told of such a difference, or of so many that it is clear.
pub(super) fn wrong_clocks_are_told(world: &mut World, last_words: &[MessageId]) {
    for id in last_words {
        let from = world.ledger.said[id].from;
        let sender = world.people.iter().position(|person| person.fingerprint() == from).unwrap();
        for reader in (0..world.people.len()).filter(|reader| *reader != sender) {
            let apart_ms = world.clocks_apart(reader, sender);
            let person = &world.people[reader];
            let hears = person.ready && person.was_shown(*id);
            let limit_ms = CLOCK_DIFFERS_MS + 60_000;
            let is_told = person.clocks_told.len() == CLOCKS_TOLD_MAX
                || person.clocks_told.iter().any(|told_ms| told_ms.abs_diff(apart_ms) < limit_ms);
            let differs = apart_ms.unsigned_abs() >= limit_ms;
            assert!(
                !hears || !differs || is_told,
                "p{reader} is not told that the clock of p{sender} is off by {apart_ms}"
            );
        }
    }
}
