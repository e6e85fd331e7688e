//! Sleep, pauses, and dates that are wrong or set: whoever is in a room hears and is heard, or is told why not.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use conversa::crypto::{Fingerprint, Suite};
use conversa::protocol::limits::{
    ANSWER_PING_MS, CLOCK_DIFFERS_MS, DEAD_AFTER_MS, PREKEY_LIFE_MS, PREKEY_OLD_MS, WAKE_MS,
};
use conversa::protocol::{Client, Command, Entry, Event, Identity, Now, RefuseCode, Stop};
use conversa::wire::{Frame, Item, ItemKind};

use crate::net::{HOST, Net, START, crypto};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Steps that are short enough for signs of life.
const STEP_MS: u64 = 25_000;

/// Ann, who hosts, and Bo and Carol say something, and the others hear it.
fn everybody_talks(net: &mut Net, when: &str) {
    for name in ["ann", "bo", "carol"] {
        let text = format!("{name} {when}");
        net.send(name, &text);
        net.drive();
        for other in ["ann", "bo", "carol"].into_iter().filter(|other| *other != name) {
            let heard = net.inbox(other);
            assert_eq!(heard.last(), Some(&text), "{other} hears {name} {when}: {:?}", tail(net, other));
        }
        let told = &net.people[name].events;
        let without = |event: &Event| matches!(event, Event::OnHost { without, .. } if !without.is_empty());
        assert!(!told.iter().rev().take(8).any(without), "{name} {when}: {:?}", tail(net, name));
    }
}

fn tail(net: &Net, name: &str) -> Vec<Event> {
    net.people[name].events.iter().rev().take(12).rev().cloned().collect()
}

fn clocks_told(net: &Net, name: &str) -> usize {
    net.people[name].events.iter().filter(|event| matches!(event, Event::ClockDiffers { .. })).count()
}

fn three(suite: Suite) -> Net {
    Net::new(suite, &["ann", "bo", "carol"])
}

#[test]
fn whoever_slept_hears_and_is_heard_again() {
    let everybody: &[&'static str] = &["ann", "bo", "carol", HOST];
    for (who, sleeping) in [
        ("everybody", everybody),
        ("the members", &["bo", "carol"]),
        ("one member", &["bo"]),
        ("the host's computer", &["ann", HOST]),
        ("all but one", &["ann", "bo", HOST]),
    ] {
        for ms in [8 * HOUR, DAY, 25 * HOUR, 3 * DAY, 30 * DAY] {
            let mut net = three(Suite::Classical);
            everybody_talks(&mut net, "before");
            net.sleep(ms, sleeping);
            // Those who were cut come back.
            net.wait_in_steps(2 * WAKE_MS, 500);
            everybody_talks(&mut net, &format!("after {who} slept {} h", ms / HOUR));
            assert_eq!(
                ["ann", "bo", "carol"].map(|name| clocks_told(&net, name)),
                [0; 3],
                "{who}: nobody's clock is wrong"
            );
        }
    }
}

#[test]
fn words_said_at_the_very_moment_of_waking_are_heard() {
    for suite in [Suite::Classical, Suite::Hybrid] {
        let mut net = three(suite);
        net.sleep(3 * DAY, &["ann", "bo", "carol", HOST]);
        everybody_talks(&mut net, "at once");
    }
}

/// How many prekeys `reader` is told of from now on.
fn count_prekeys(net: &mut Net, reader: &'static str) -> Rc<Cell<u32>> {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    net.tamper = Some(Box::new(move |name, frame| {
        let is_prekey = matches!(&frame, Frame::Item(item) if item.kind == ItemKind::Prekey.code());
        counted.set(counted.get() + u32::from(name == reader && is_prekey));
        Some(frame)
    }));
    count
}

#[test]
fn half_a_day_asleep_and_half_a_day_awake_is_a_day() {
    let mut net = three(Suite::Classical);
    let told = count_prekeys(&mut net, "ann");
    for day in 1..=4 {
        net.sleep(12 * HOUR, &["ann", "bo", "carol", HOST]);
        everybody_talks(&mut net, &format!("in the morning of day {day}"));
        net.wait_in_steps(12 * HOUR, STEP_MS);
        everybody_talks(&mut net, &format!("in the evening of day {day}"));
    }
    // Each of the three renews once a day.
    assert!((9..=15).contains(&told.get()), "{} prekeys in four days", told.get());
}

#[test]
fn a_date_that_jumps_stops_no_talk() {
    let day = DAY.cast_signed();
    let hour = HOUR.cast_signed();
    let to_1970 = -START.unix_ms.cast_signed();
    let whose: [&[&'static str]; 5] =
        [&["bo"], &["carol", "bo"], &["ann", HOST], &["ann", "bo", "carol", HOST], &[HOST]];
    let jumps: [&[i64]; 9] = [
        &[day],
        &[25 * hour],
        &[30 * day],
        &[-2 * day],
        &[3 * day, -3 * day],
        &[-2 * day, 5 * day, -3 * day, 30 * day],
        &[to_1970],
        &[to_1970, -to_1970],
        &[3 * 365 * day],
    ];
    for who in whose {
        for jumps in jumps {
            let mut net = three(Suite::Classical);
            for jump in jumps {
                for name in who {
                    net.on_computer(name, |computer| computer.set_date_by(*jump));
                }
                everybody_talks(&mut net, &format!("after {who:?} jumped {jumps:?}"));
            }
            net.cut("bo");
            net.wait(MINUTE);
            everybody_talks(&mut net, &format!("after {who:?} jumped {jumps:?} and Bo was cut"));
        }
    }
}

#[test]
fn keys_are_renewed_by_whichever_date() {
    for (who, jump) in [("bo", -2 * DAY.cast_signed()), ("ann", 2 * DAY.cast_signed())] {
        let mut net = three(Suite::Classical);
        net.on_computer(who, |computer| computer.set_date_by(jump));
        net.wait_in_steps(DAY + HOUR, STEP_MS);
        everybody_talks(&mut net, &format!("a day after {who}'s date was set by {jump}"));
    }
}

/// Somebody's app is started again, and comes back as a member.
fn restart(net: &mut Net, name: &'static str) {
    crate::findings::restart(net, name);
    net.drive();
}

#[test]
fn a_member_whose_date_is_wrong_comes_back_and_talks_and_both_are_told() {
    let day = DAY.cast_signed();
    for wrong in [-30 * day, -3 * day, 2 * day, 400 * day, 3 * 365 * day, -START.unix_ms.cast_signed()] {
        let mut net = three(Suite::Classical);
        net.on_computer("bo", |computer| computer.set_date_by(wrong));
        restart(&mut net, "bo");
        // By his date their keys are over, and for so long they may tell of others.
        net.wait(WAKE_MS + 1_000);
        everybody_talks(&mut net, "with a wrong date");
        for name in ["ann", "bo", "carol"] {
            assert_eq!(clocks_told(&net, name), 1, "{name} is told once, of {wrong}: {:?}", tail(&net, name));
        }
        let (bos, anns) = (net.now_of("bo").unix_ms, net.now_of("ann").unix_ms);
        let told = net.people["bo"].events.iter().find_map(|event| match event {
            Event::ClockDiffers { theirs_ms, ours_ms, .. } => Some((*theirs_ms, *ours_ms)),
            _ => None,
        });
        let (theirs, ours) = told.unwrap();
        assert!(theirs.abs_diff(anns) < MINUTE && ours.abs_diff(bos) < MINUTE, "{wrong}: {theirs} {ours}");
    }
}

#[test]
fn clocks_that_differ_by_less_than_an_hour_are_nobodys_business() {
    for (ms, told) in [(CLOCK_DIFFERS_MS - MINUTE, 0), (CLOCK_DIFFERS_MS + MINUTE, 1)] {
        for ms in [ms.cast_signed(), -ms.cast_signed()] {
            let mut net = three(Suite::Hybrid);
            net.on_computer("carol", |computer| computer.set_date_by(ms));
            everybody_talks(&mut net, "a little off");
            net.wait(MINUTE);
            everybody_talks(&mut net, "still a little off");
            assert_eq!(["ann", "bo", "carol"].map(|name| clocks_told(&net, name)), [told; 3], "{ms}");
        }
    }
}

/// As with an app that finds Bo's keys too old and wraps nothing for them: the ends of prekeys tell.
#[test]
fn a_wrong_date_shows_in_the_prekeys_alone() {
    let day = DAY.cast_signed();
    for wrong in [-4 * day, 4 * day] {
        let mut net = three(Suite::Classical);
        net.on_computer("bo", |computer| computer.set_date_by(wrong));
        net.tamper = Some(Box::new(|name, frame| match frame {
            Frame::Item(item) if name == "bo" => Some(Frame::Item(Item { wrap: None, ..item })),
            frame => Some(frame),
        }));
        restart(&mut net, "bo");
        net.wait(WAKE_MS + 1_000);
        assert_eq!(clocks_told(&net, "bo"), 1, "{wrong}: {:?}", tail(&net, "bo"));
    }
}

/// Bo is cut off, and what Ann says then is sealed for the key that he had.
fn bo_is_cut_and_sent(net: &mut Net, text: &str) {
    net.people.get_mut("bo").unwrap().online = false;
    net.cut("bo");
    // Carol's new key has Ann begin another chain, and announce it.
    net.command("carol", Command::RefreshKeys);
    net.settle();
    net.send("ann", text);
    net.drive();
}

/// Whether Bo, who slept for so long with a key that was a day old at most, reads what was sealed for it if he is
/// back so long after waking. He may have replaced it just before, which nobody heard of.
fn reads_after_waking(asleep_ms: u64, awake_ms: u64, is_replaced: bool) -> bool {
    let mut net = three(Suite::Classical);
    if is_replaced {
        net.command("bo", Command::RefreshKeys);
    }
    bo_is_cut_and_sent(&mut net, "have a nice weekend");
    net.sleep(asleep_ms, &["bo"]);
    net.wait_in_steps(awake_ms, 5_000);
    net.people.get_mut("bo").unwrap().online = true;
    net.wait(MINUTE);
    let reads = net.inbox("bo") == ["have a nice weekend"];
    let is_told = net.saw("bo", &Event::Unreadable { from: net.fingerprint("ann") });
    assert!(reads || is_told, "{:?}", tail(&net, "bo"));
    net.send("ann", "welcome back");
    net.drive();
    assert_eq!(net.inbox("bo").last().map(String::as_str), Some("welcome back"));
    reads
}

#[test]
fn a_prekey_that_ended_in_sleep_is_erased_five_minutes_after_it() {
    assert!(reads_after_waking(3 * DAY, PREKEY_OLD_MS - 2 * MINUTE, false), "what was under way is read");
    assert!(!reads_after_waking(3 * DAY, PREKEY_OLD_MS + MINUTE, false), "the private half is gone");
}

#[test]
fn a_prekey_replaced_just_before_sleep_has_its_five_minutes_awake() {
    for asleep in [HOUR, 3 * DAY] {
        assert!(reads_after_waking(asleep, PREKEY_OLD_MS - 2 * MINUTE, true), "{asleep}: what was under way is read");
        assert!(!reads_after_waking(asleep, PREKEY_OLD_MS + MINUTE, true), "{asleep}: the private half is gone");
    }
}

#[test]
fn a_prekey_grows_old_awake_and_asleep() {
    let mut net = three(Suite::Classical);
    bo_is_cut_and_sent(&mut net, "for the key of yesterday");
    // Three quarters of its life, twice: more than all of it, by no clock alone.
    net.sleep(PREKEY_LIFE_MS / 2, &["bo"]);
    net.wait_in_steps(PREKEY_LIFE_MS / 2 + PREKEY_OLD_MS + MINUTE, STEP_MS);
    net.people.get_mut("bo").unwrap().online = true;
    net.wait(MINUTE);
    assert_eq!(net.inbox("bo"), [""; 0], "the private half is gone");
    assert!(net.saw("bo", &Event::Unreadable { from: net.fingerprint("ann") }));
}

#[test]
fn a_link_that_died_in_sleep_is_found_dead_soon_and_made_again() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    // Nothing comes through any more, and the host's word of the end neither.
    net.freeze("bo");
    net.on_computer("bo", |computer| computer.sleep(HOUR));
    let known = net.people["bo"].events.len();
    net.wait_in_steps(ANSWER_PING_MS - 1_000, 500);
    assert!(!net.people["bo"].events[known..].iter().any(|event| matches!(event, Event::Offline { .. })), "not yet");
    net.wait_in_steps(2_000, 1_000);
    assert!(net.people["bo"].events[known..].iter().any(|event| matches!(event, Event::Offline { .. })));
    net.thaw("bo");
    net.wait_in_steps(3_000, 500);
    net.send("ann", "there you are");
    net.drive();
    assert_eq!(net.inbox("bo"), ["there you are"]);
}

#[test]
fn whoever_wakes_without_a_link_connects_at_once() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    net.people.get_mut("bo").unwrap().online = false;
    net.cut("bo");
    // By now it tries each half a minute.
    net.wait(10 * MINUTE);
    net.people.get_mut("bo").unwrap().online = true;
    let known = net.people["bo"].events.len();
    net.sleep(HOUR, &["bo"]);
    net.settle();
    assert!(net.people["bo"].events[known..].contains(&Event::Connecting));
    // The others, for whom the hour went by at once, may be back later.
    net.wait_in_steps(3_000, 500);
    net.send("ann", "good morning");
    net.drive();
    assert_eq!(net.inbox("bo"), ["good morning"]);
}

#[test]
fn a_pause_of_ones_own_is_not_the_hosts_silence() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    let known = net.people["bo"].events.len();
    net.on_computer("bo", |computer| computer.stop(DEAD_AFTER_MS + MINUTE));
    net.settle();
    assert_eq!(net.people["bo"].events[known..], [], "the link is asked, and holds");
    net.send("ann", "still there?");
    net.drive();
    assert_eq!(net.inbox("bo"), ["still there?"]);
}

/// As where the monotonic clock counts sleep: a member seems to have had the time to renew, and had not.
#[test]
fn a_long_pause_of_ones_own_makes_nobodys_key_old() {
    let mut net = three(Suite::Classical);
    net.on_computer("bo", |computer| computer.stop(3 * DAY));
    everybody_talks(&mut net, "after a pause of three days that only Bo had");
}

#[test]
fn a_host_that_wakes_asks_its_members_and_lets_go_of_the_silent() {
    let mut net = three(Suite::Classical);
    net.freeze("bo");
    net.on_computer(HOST, |computer| computer.sleep(HOUR));
    net.wait_in_steps(WAKE_MS + 1_000, 1_000);
    let (bo, carol) = (net.fingerprint("bo"), net.fingerprint("carol"));
    assert!(net.saw("ann", &Event::MemberAway { member: bo, cut: true }), "{:?}", tail(&net, "ann"));
    assert!(!net.saw("ann", &Event::MemberAway { member: carol, cut: true }));
}

#[test]
fn an_invite_ends_asleep_and_with_a_date_that_is_set_back() {
    let back = -(2 * HOUR).cast_signed();
    let set_back = |net: &mut Net| {
        net.on_computer("ann", |computer| computer.set_date_by(2 * back));
        net.wait_in_steps(2 * HOUR, STEP_MS);
    };
    let asleep = |net: &mut Net| net.sleep(2 * HOUR, &["ann", HOST]);
    let ways: [&dyn Fn(&mut Net); 2] = [&set_back, &asleep];
    for (number, way) in ways.into_iter().enumerate() {
        let mut net = Net::with_owner(Suite::Classical, "ann", false);
        // It holds for an hour.
        let invite = net.invite();
        way(&mut net);
        net.wait_in_steps(2 * WAKE_MS, 1_000);
        // Bo's own clock is late, and does not find it too old.
        net.on_computer("bo", |computer| computer.set_date_by(2 * back));
        net.add("bo", Entry::Invite(invite), None);
        net.drive();
        assert_eq!(net.stop_of("bo"), Some(Stop::Refused(RefuseCode::Invite)), "way {number}");
    }
}

#[test]
fn whoever_finds_an_invite_too_old_is_told_by_which_clock() {
    let mut net = Net::with_owner(Suite::Classical, "ann", false);
    let invite = net.invite();
    net.on_computer("bo", |computer| computer.set_date_by(DAY.cast_signed()));
    let (expires_ms, ours_ms) = (invite.expires_ms, net.now_of("bo").unix_ms);
    net.add("bo", Entry::Invite(invite), None);
    net.drive();
    assert_eq!(net.stop_of("bo"), Some(Stop::InviteOver { expires_ms, ours_ms }));
}

/// Somebody new, whose app made its bundle then.
fn client_started_at(now: Now, entry: Entry, pin: Option<Fingerprint>) -> Client {
    let backend = Suite::Textbook.backend();
    let keys = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
    let identity = Arc::new(Identity::new(keys.0, keys.1, now).unwrap());
    Client::new(identity, crypto(Suite::Textbook), "bo".to_owned(), entry, pin)
}

#[test]
fn whoever_comes_from_another_time_is_told_of_the_clock() {
    let day = DAY.cast_signed();
    for wrong in [2 * day, -3 * 365 * day, -START.unix_ms.cast_signed()] {
        let mut net = Net::with_owner(Suite::Textbook, "ann", true);
        net.on_computer("bo", |computer| computer.set_date_by(wrong));
        let now = net.now_of("bo");
        let client = client_started_at(now, Entry::Knock, Some(net.host_fingerprint()));
        net.bring("bo", client);
        net.drive();
        let room = net.host.rooms().next().unwrap();
        net.command("bo", Command::Knock(room));
        net.drive();
        assert_eq!(net.stop_of("bo"), Some(Stop::Refused(RefuseCode::Bundle)), "{wrong}");
    }
}

#[test]
fn an_app_that_was_started_in_1970_joins_once_the_date_is_right() {
    let mut net = Net::with_owner(Suite::Textbook, "ann", false);
    let entry = Entry::Invite(net.invite());
    net.bring("bo", client_started_at(Now::at(0, 5_000), entry, None));
    net.drive();
    assert!(net.is_ready("bo"), "{:?}", net.people["bo"].events);
}

/// For a host that hides them from Ann: the prekeys of Bo from here on, and what it numbers anew for that.
fn hold_back_prekeys(net: &mut Net) {
    let bo = net.fingerprint("bo");
    let mut hidden = 0;
    net.tamper = Some(Box::new(move |name, frame| match frame {
        Frame::Item(item) if name == "ann" && is_prekey_of(&item, bo) => {
            hidden += 1;
            None
        }
        Frame::Item(item) if name == "ann" => Some(Frame::Item(Item { position: item.position - hidden, ..item })),
        frame => Some(frame),
    }));
}

fn is_prekey_of(item: &Item, member: Fingerprint) -> bool {
    item.kind == ItemKind::Prekey.code() && item.exact.windows(32).any(|window| window == member.as_bytes())
}

#[test]
fn a_prekey_whose_successor_is_held_back_serves_a_day_and_no_longer() {
    let mut net = three(Suite::Classical);
    hold_back_prekeys(&mut net);
    net.wait_in_steps(PREKEY_LIFE_MS + PREKEY_OLD_MS - MINUTE, STEP_MS);
    let without = |net: &mut Net, text: &str| {
        let id = net.send("ann", text);
        net.drive();
        let told = net.people["ann"].events.iter().find_map(|event| match event {
            Event::OnHost { id: of, without } if *of == id => Some(without.clone()),
            _ => None,
        });
        told.unwrap_or_else(|| panic!("{:?}", tail(net, "ann")))
    };
    assert_eq!(without(&mut net, "still for all"), []);
    net.wait_in_steps(2 * MINUTE, STEP_MS);
    let bo = net.fingerprint("bo");
    assert_eq!(without(&mut net, "without Bo, and Ann knows"), [bo]);
}

#[test]
fn a_date_that_is_set_back_takes_the_key_of_the_later_date_with_it() {
    for (by, renewed) in [(-(2 * DAY).cast_signed(), 1), (MINUTE.cast_signed(), 0), (DAY.cast_signed(), 1)] {
        let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
        let told = count_prekeys(&mut net, "ann");
        net.on_computer("bo", |computer| computer.set_date_by(by));
        net.drive();
        assert_eq!(told.get(), renewed, "set by {by}");
        net.send("ann", "in your new time");
        net.drive();
        assert_eq!(net.inbox("bo"), ["in your new time"]);
    }
}

/// Whoever waits for a welcome when the time breaks has asked already when the welcome comes.
#[test]
fn the_answer_to_an_earlier_question_makes_nobody_ready() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    restart_without_a_word(&mut net, "bo");
    net.on_computer("bo", |computer| computer.sleep(HOUR));
    // The answer to that one comes right after the welcome, and the one that counts never.
    let mut answers = 0;
    net.tamper = Some(Box::new(move |name, frame| {
        answers += u32::from(name == "bo" && matches!(frame, Frame::Pong(_)));
        (name != "bo" || answers < 2 || !matches!(frame, Frame::Pong(_))).then_some(frame)
    }));
    net.settle();
    assert!(
        net.people["bo"].events.iter().any(|event| matches!(event, Event::Entered { .. })),
        "{:?}",
        tail(&net, "bo")
    );
    assert!(!net.is_ready("bo"), "{:?}", tail(&net, "bo"));
}

/// Bo's app begins again and has its link, over which nothing came yet.
fn restart_without_a_word(net: &mut Net, name: &'static str) {
    crate::findings::restart(net, name);
    net.freeze(name);
    net.settle();
    net.thaw(name);
}
