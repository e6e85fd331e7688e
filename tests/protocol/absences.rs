//! Silence is a fault: whoever misses words is told how many and from when, and so is who said them.

use conversa::crypto::Suite;
use conversa::protocol::limits::{RETRY_SOON_MAX_MS, RETURN_MS, RETURN_UNKNOWN_MS};
use conversa::protocol::{Command, Entry, Event, Fault, HostLimits, MessageId, Stop};
use conversa::wire::{Frame, ItemKind};

use crate::findings::{genesis_of, restart};
use crate::net::Net;

const SECURE: [Suite; 2] = [Suite::Classical, Suite::Hybrid];

/// What somebody was told to have missed: how many words, and since when.
fn missed(net: &Net, name: &str) -> Vec<(u64, u64)> {
    let told = |event: &Event| match event {
        Event::Missed { count, since_ms, .. } => Some((*count, *since_ms)),
        _ => None,
    };
    net.people[name].events.iter().filter_map(told).collect()
}

/// Which own messages somebody was told that `by` missed.
fn missed_by(net: &Net, name: &str, by: &str) -> Vec<MessageId> {
    let by = net.fingerprint(by);
    let told = |event: &Event| match event {
        Event::MissedBy { id, by: member } if *member == by => Some(*id),
        _ => None,
    };
    net.people[name].events.iter().filter_map(told).collect()
}

fn gaps(net: &Net, name: &str) -> Vec<(u64, u64)> {
    let told = |event: &Event| match event {
        Event::LogGap { entries, since_ms } => Some((*entries, *since_ms)),
        _ => None,
    };
    net.people[name].events.iter().filter_map(told).collect()
}

fn go_away(net: &mut Net, name: &'static str) {
    net.people.get_mut(name).unwrap().online = false;
    net.cut(name);
}

fn come_back(net: &mut Net, name: &'static str) {
    net.people.get_mut(name).unwrap().online = true;
    net.wait_in_steps(35_000, 250);
}

#[test]
fn whoever_comes_back_is_told_how_many_words_were_said_and_from_when() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.send("ann", "Bo has this");
        net.drive();
        net.send("bo", "and this is Bo's");
        net.drive();
        net.command("bo", Command::GoOffline);
        net.drive();
        let id = net.send("ann", "one");
        let since_ms = net.now.unix_ms;
        net.drive();
        assert!(net.saw("ann", &Event::OnHost { id, without: vec![net.fingerprint("bo")] }), "who says it is told");
        net.wait_in_steps(5_000, 100);
        for text in ["two", "three"] {
            net.send("carol", text);
            net.drive();
        }
        restart(&mut net, "bo");
        net.wait_in_steps(5_000, 100);
        assert_eq!(missed(&net, "bo"), [(3, since_ms)], "{suite:?}: two count it, and it is told once");
        assert_eq!([missed(&net, "ann"), missed(&net, "carol")], [vec![], vec![]]);
        net.send("ann", "four");
        net.drive();
        assert_eq!((net.inbox("bo").pop().unwrap(), missed(&net, "bo").len()), ("four".to_owned(), 1));
    }
}

#[test]
fn whoever_missed_nothing_is_told_nothing() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.send("ann", "before Dave came");
        net.drive();
        net.add_and_join("dave");
        net.drive();
        net.send("ann", "hello");
        net.drive();
        net.command("bo", Command::GoOffline);
        net.drive();
        restart(&mut net, "bo");
        net.drive();
        go_away(&mut net, "carol");
        net.send("ann", "while Carol is cut off");
        net.drive();
        come_back(&mut net, "carol");
        net.command("carol", Command::RefreshKeys);
        net.drive();
        for name in ["ann", "bo", "carol", "dave"] {
            assert_eq!((missed(&net, name), gaps(&net, name)), (vec![], vec![]), "{suite:?}: {name}");
        }
        assert_eq!(net.inbox("carol").last().unwrap(), "while Carol is cut off");
        assert!(["bo", "carol", "dave"].iter().all(|by| missed_by(&net, "ann", by).is_empty()), "{suite:?}");
    }
}

/// Everybody gives up the silent link and comes back, which is no goodbye: what they said meanwhile waits for all.
#[test]
fn a_host_that_stands_still_loses_no_words_and_tells_of_no_losses() {
    const PEOPLE: [&str; 3] = ["ann", "bo", "carol"];
    for (suite, seconds) in SECURE.into_iter().flat_map(|suite| [5, 9, 15, 40].map(|seconds| (suite, seconds))) {
        let mut net = Net::new(suite, &PEOPLE);
        net.stop_host();
        for second in 0..seconds {
            PEOPLE.iter().for_each(|name| _ = net.send(name, &format!("{second}")));
            net.wait_in_steps(1_000, 250);
        }
        net.continue_host();
        net.wait_in_steps(45_000, 250);
        for name in PEOPLE {
            assert_eq!(net.inbox(name).len(), 2 * seconds, "{suite:?}, {seconds} s: {name}");
            let untrue = |event: &Event| match event {
                Event::Missed { .. } | Event::MissedBy { .. } | Event::LogGap { .. } | Event::Unreadable { .. } => true,
                Event::OnHost { without, .. } => !without.is_empty(),
                _ => false,
            };
            let told = net.people[name].events.iter().find(|event| untrue(event));
            assert_eq!(told, None, "{suite:?}, {seconds} s: {name}");
        }
    }
}

/// To Ann, who was cut off meanwhile, a renewal of Bo's keys looks like another return; Bo knows better.
#[test]
fn whoever_renews_keys_before_they_were_told_is_told_all_the_same() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.send("ann", "Bo has this");
        net.drive();
        go_away(&mut net, "bo");
        net.send("ann", "but not this, for he began anew");
        net.drive();
        let since_ms = net.now.unix_ms;
        restart(&mut net, "bo");
        // What Ann would have told never leaves.
        net.tamper = Some(Box::new(|name, frame| (name != "ann").then_some(frame)));
        net.people.get_mut("bo").unwrap().online = true;
        net.wait_in_steps(5_000, 250);
        go_away(&mut net, "ann");
        net.tamper = None;
        for _ in 0..2 {
            net.command("bo", Command::RefreshKeys);
            net.wait_in_steps(2_000, 250);
        }
        come_back(&mut net, "ann");
        let told = missed(&net, "bo");
        assert_eq!(told.iter().map(|(count, _)| *count).collect::<Vec<_>>(), [1], "{suite:?} {told:?}");
        assert!(told[0].1 <= since_ms, "{suite:?}");
    }
}

/// What the field found: a cut longer than the log lost words, and nobody was told.
#[test]
fn a_cut_longer_than_the_log_is_told_to_the_reader_and_to_who_said_the_words() {
    for suite in SECURE {
        let limits = HostLimits { log_items: 40, ..HostLimits::default() };
        let mut net = Net::with_host(suite, "ann", false, 8, limits);
        net.invite_and_join("bo");
        net.invite_and_join("carol");
        net.send("bo", "I am here");
        net.drive();
        let (position, since_ms) = (net.log_end("bo"), net.now.unix_ms);
        go_away(&mut net, "bo");
        let mut said = Vec::new();
        for round in 0..20 {
            said.push(net.send("ann", &round.to_string()));
            net.drive();
            net.send("carol", &round.to_string());
            net.drive();
        }
        let entries = net.log_end("ann") - position;
        come_back(&mut net, "bo");
        assert_eq!(net.inbox("bo"), Vec::<String>::new(), "{suite:?}");
        let [(told, since)] = gaps(&net, "bo")[..] else { panic!("{:?}", gaps(&net, "bo")) };
        assert!(told >= entries && told <= entries + 8 && since.abs_diff(since_ms) <= 50, "{told} of {entries}");
        let [(count, _)] = missed(&net, "bo")[..] else { panic!("{:?}", missed(&net, "bo")) };
        assert_eq!(count, 40, "{suite:?}");
        assert_eq!(missed_by(&net, "ann", "bo"), said, "{suite:?}");
        assert_eq!(missed_by(&net, "ann", "carol"), []);
    }
}

#[test]
fn words_that_cross_a_return_are_told_by_who_said_them() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.command("bo", Command::GoOffline);
        net.drive();
        net.freeze("ann");
        restart(&mut net, "bo");
        net.drive();
        let id = net.send("ann", "on its way as Bo comes");
        net.drive();
        assert_eq!(missed(&net, "bo"), []);
        net.thaw("ann");
        net.drive();
        assert!(net.saw("ann", &Event::OnHost { id, without: vec![net.fingerprint("bo")] }), "{suite:?}");
        assert_eq!(missed(&net, "bo").len(), 1, "{suite:?}");
        assert_eq!(missed(&net, "bo")[0].0, 1, "{suite:?}");
    }
}

/// The first one back would otherwise talk without the others.
#[test]
fn after_a_restart_of_the_host_words_wait_for_those_who_were_here() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.drive();
        net.restart_host();
        net.people.get_mut("carol").unwrap().online = false;
        net.wait_in_steps(2 * RETRY_SOON_MAX_MS, 100);
        let id = net.send("bo", "anybody?");
        net.wait_in_steps(2 * RETRY_SOON_MAX_MS, 100);
        assert_eq!(net.inbox("ann"), Vec::<String>::new(), "{suite:?}");
        net.people.get_mut("carol").unwrap().online = true;
        net.wait_in_steps(2 * RETRY_SOON_MAX_MS, 100);
        assert!(net.saw("bo", &Event::OnHost { id, without: Vec::new() }), "{suite:?}");
        assert_eq!([net.inbox("ann"), net.inbox("carol")], [["anybody?"], ["anybody?"]], "{suite:?}");
        assert_eq!(missed(&net, "carol"), []);
    }
}

#[test]
fn words_wait_for_nobody_for_longer_than_half_a_minute_and_who_came_later_is_told() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.drive();
        net.restart_host();
        net.people.get_mut("carol").unwrap().online = false;
        let id = net.send("bo", "anybody?");
        net.wait_in_steps(RETURN_MS - 1_000, 250);
        assert_eq!(net.inbox("ann"), Vec::<String>::new(), "{suite:?}");
        net.wait_in_steps(2 * RETRY_SOON_MAX_MS, 250);
        assert_eq!(net.inbox("ann"), ["anybody?"], "{suite:?}");
        assert!(net.saw("bo", &Event::OnHost { id, without: vec![net.fingerprint("carol")] }), "{suite:?}");
        come_back(&mut net, "carol");
        assert_eq!(missed(&net, "carol").len(), 1, "{suite:?}");
        assert_eq!(missed(&net, "carol")[0].0, 1);
        net.send("bo", "at once");
        net.drive();
        assert_eq!(net.inbox("carol"), ["at once"]);
    }
}

#[test]
fn an_owner_whose_app_is_the_host_waits_for_the_members_too() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.drive();
        let roster = net.signed_by("ann");
        let (genesis, host) = (genesis_of(&net, "ann"), net.host_fingerprint());
        net.restart_host();
        let entry = Entry::Open { genesis, roster, token: None, title: "Friday".to_owned() };
        net.add("ann", entry, Some(host));
        net.people.get_mut("carol").unwrap().online = false;
        net.send("ann", "good morning");
        net.wait_in_steps(RETRY_SOON_MAX_MS, 100);
        assert_eq!(net.inbox("bo"), Vec::<String>::new(), "{suite:?}");
        net.people.get_mut("carol").unwrap().online = true;
        net.wait_in_steps(RETURN_UNKNOWN_MS, 100);
        assert_eq!([net.inbox("bo"), net.inbox("carol")], [["good morning"], ["good morning"]], "{suite:?}");
    }
}

/// Or whoever said it would have to believe that it was never read.
#[test]
fn whoever_says_goodbye_confirms_what_it_has_read() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let id = net.send("ann", "the last word");
        net.settle();
        assert_eq!(net.inbox("bo"), ["the last word"]);
        net.command("bo", Command::GoOffline);
        net.drive();
        assert!(net.saw("ann", &Event::Delivered { id, to: net.fingerprint("bo") }), "{suite:?}");
        assert_eq!(missed_by(&net, "ann", "bo"), [], "{suite:?}");
    }
}

#[test]
fn what_was_not_confirmed_before_a_crash_is_told_to_who_said_it() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.freeze("bo");
        let id = net.send("ann", "are you there?");
        net.settle();
        restart(&mut net, "bo");
        net.drive();
        assert_eq!(missed_by(&net, "ann", "bo"), [id], "{suite:?}");
        assert_eq!(missed_by(&net, "ann", "carol"), []);
        assert_eq!(missed(&net, "bo").len(), 1, "{suite:?}: and so is Bo");
    }
}

/// The confirmation was on its way when the roster changed, and is sealed again with everything else.
#[test]
fn a_change_of_the_roster_loses_no_confirmation() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let invite = net.invite();
        let id = net.send("ann", "hello");
        net.settle();
        // Bo confirms in the epoch of before, and nothing comes through yet.
        net.freeze("bo");
        net.advance(300);
        net.advance(10);
        net.add("dave", Entry::Invite(invite), None);
        net.settle();
        net.thaw("bo");
        net.drive();
        assert!(net.saw("ann", &Event::Delivered { id, to: net.fingerprint("bo") }), "{suite:?}");
    }
}

/// A wrap has its place in an announcement alone.
#[test]
fn a_wrap_in_another_item_ends_the_link() {
    for kind in [ItemKind::Roster, ItemKind::Prekey, ItemKind::Msg] {
        let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
        let mut wrap = None;
        net.tamper = Some(Box::new(move |name, mut frame| {
            if let Frame::Item(item) = &mut frame
                && name == "bo"
            {
                if item.wrap.is_some() {
                    wrap.clone_from(&item.wrap);
                } else if item.kind == kind.code() {
                    item.wrap.clone_from(&wrap);
                }
            }
            Some(frame)
        }));
        // Bo's new prekey brings him a wrap, Ann's an item of each other kind.
        for name in ["bo", "ann"] {
            net.command(name, Command::RefreshKeys);
            net.send("ann", "hello");
            net.drive();
        }
        net.add_and_join("carol");
        net.drive();
        assert_eq!(net.stop_of("bo"), Some(Stop::Protocol(Fault::Unexpected)), "{kind:?}");
    }
}
