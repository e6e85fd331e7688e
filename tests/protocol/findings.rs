//! What the simulation of thousands of rooms found, each told once more as a story.

use conversa::crypto::{Fingerprint, Suite};
use conversa::protocol::limits::{PREKEY_OLD_MS, RETRY_MAX_MS};
use conversa::protocol::{Command, Entry, Event, Fault, Memory, Stop};
use conversa::wire::{Frame, ItemKind, Signed, Welcome};

use crate::net::Net;

const SECURE: [Suite; 2] = [Suite::Classical, Suite::Hybrid];

/// The room that somebody entered, and the hash of each roster entry they were told of.
fn memory_of(net: &Net, name: &str) -> (Signed, Vec<(u64, [u8; 32])>) {
    let events = &net.people[name].events;
    let entered = |event: &Event| if let Event::Entered { genesis, .. } = event { Some(genesis.clone()) } else { None };
    let known = net.kept_entries(name).into_iter().map(|(number, _, hash)| (number, hash)).collect();
    (events.iter().find_map(entered).unwrap(), known)
}

/// The app crashes and begins again, remembering what it knew of the roster, or less.
fn restart_knowing(net: &mut Net, name: &'static str, entries: usize) {
    let (genesis, known) = memory_of(net, name);
    let (known, host) = (known[entries - 1], net.host_fingerprint());
    net.cut(name);
    let memory = Memory::of(&genesis, known);
    net.add(name, Entry::Return { genesis, memory }, Some(host));
}

pub(crate) fn restart(net: &mut Net, name: &'static str) {
    let entries = memory_of(net, name).1.len();
    restart_knowing(net, name, entries);
}

/// The first record of the room that somebody entered.
pub(crate) fn genesis_of(net: &Net, name: &str) -> Signed {
    memory_of(net, name).0
}

fn come_back(net: &mut Net, name: &'static str) {
    net.people.get_mut(name).unwrap().online = true;
    net.wait(2 * RETRY_MAX_MS);
}

fn go_away(net: &mut Net, name: &'static str) {
    net.people.get_mut(name).unwrap().online = false;
    net.cut(name);
}

#[test]
fn words_that_cross_a_restart_are_not_said_to_have_arrived() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let bo = net.fingerprint("bo");
        net.freeze("ann");
        let id = net.send("ann", "are you there?");
        restart(&mut net, "bo");
        net.settle();
        net.thaw("ann");
        net.drive();
        net.send("bo", "here again");
        net.drive();
        assert_eq!(net.inbox("bo"), Vec::<String>::new(), "sealed for a key that is gone");
        assert_eq!(net.inbox("ann"), ["here again"]);
        assert!(net.saw("ann", &Event::OnHost { id, without: vec![bo] }), "{suite:?}: {:?}", net.people["ann"].events);
        assert!(!net.saw("ann", &Event::Delivered { id, to: bo }), "{suite:?}");
    }
}

#[test]
fn whoever_begins_anew_confirms_nothing_from_before() {
    for suite in SECURE {
        for ann_sees_it in [true, false] {
            let mut net = Net::new(suite, &["ann", "bo"]);
            let bo = net.fingerprint("bo");
            net.freeze("bo");
            let id = net.send("ann", "are you there?");
            net.settle();
            if !ann_sees_it {
                go_away(&mut net, "ann");
            }
            restart(&mut net, "bo");
            net.drive();
            come_back(&mut net, "ann");
            net.send("bo", "here again");
            net.drive();
            assert_eq!(net.inbox("ann"), ["here again"]);
            assert!(net.saw("ann", &Event::OnHost { id, without: Vec::new() }), "{suite:?}");
            assert!(!net.saw("ann", &Event::Delivered { id, to: bo }), "{suite:?}, seen: {ann_sees_it}");
        }
    }
}

#[test]
fn whoever_comes_back_after_a_cut_is_told_who_left_in_between() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let bo = net.fingerprint("bo");
        go_away(&mut net, "carol");
        net.command("bo", Command::GoOffline);
        net.drive();
        come_back(&mut net, "carol");
        carol_writes_without(&mut net, bo);
    }
}

/// Carol was told that somebody has gone, and seals nothing to them.
fn carol_writes_without(net: &mut Net, gone: Fingerprint) {
    assert!(net.saw("carol", &Event::MemberAway { member: gone, cut: false }), "{:?}", net.people["carol"].events);
    let id = net.send("carol", "who is here?");
    net.drive();
    assert!(net.saw("carol", &Event::OnHost { id, without: vec![gone] }), "{:?}", net.people["carol"].events);
}

#[test]
fn whoever_comes_back_after_a_cut_is_told_who_was_cut_off_in_between() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let member = net.fingerprint("bo");
        go_away(&mut net, "carol");
        go_away(&mut net, "bo");
        net.drive();
        come_back(&mut net, "carol");
        assert!(net.saw("carol", &Event::MemberAway { member, cut: true }), "{suite:?}");
    }
}

#[test]
fn whoever_begins_anew_is_told_who_is_there_and_of_nobody_else() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        go_away(&mut net, "carol");
        restart(&mut net, "bo");
        net.drive();
        for (name, is_there) in [("ann", true), ("bo", false), ("carol", false)] {
            let here = Event::MemberHere { member: net.fingerprint(name) };
            assert_eq!(net.saw("bo", &here), is_there, "{suite:?}: {name}");
        }
    }
}

/// Its key of before is gone, and there is no other yet.
#[test]
fn whoever_comes_back_after_a_cut_is_told_who_just_begins_anew() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let bo = net.fingerprint("bo");
        go_away(&mut net, "carol");
        net.tamper = Some(Box::new(|name, frame| (name != "bo").then_some(frame)));
        restart(&mut net, "bo");
        net.drive();
        come_back(&mut net, "carol");
        carol_writes_without(&mut net, bo);
    }
}

#[test]
fn words_said_again_after_a_hosts_restart_are_not_shown_again() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.tamper = Some(Box::new(|name, frame| {
            let is_word = matches!(&frame, Frame::Item(item) if item.kind == ItemKind::Msg.code());
            (name != "ann" || !is_word).then_some(frame)
        }));
        net.send("ann", "once");
        net.settle();
        assert_eq!(net.inbox("bo"), ["once"]);
        // Ann's app never saw its words in the log, so it says them again.
        net.tamper = None;
        net.restart_host();
        net.wait(2 * RETRY_MAX_MS);
        net.send("ann", "and on");
        net.drive();
        assert_eq!(net.inbox("bo"), ["once", "and on"], "{suite:?}");
    }
}

#[test]
fn an_owner_that_is_ahead_of_the_host_bears_words_of_whom_it_removed() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let (genesis, _) = memory_of(&net, "ann");
        // Stored, and the app ends before it is sent.
        net.disk_works = false;
        let bo = net.fingerprint("bo");
        net.command("ann", Command::Remove(bo));
        net.settle();
        let roster = net.signed_by("ann");
        assert_eq!(roster.len(), 3);
        net.cut("ann");
        net.settle();
        let host = net.host_fingerprint();
        net.add("ann", Entry::Open { genesis, roster, token: None, title: String::new() }, Some(host));
        net.send("bo", "am I still in?");
        net.drive();
        assert_eq!(net.stop_of("ann"), None, "{suite:?}");
        assert_eq!(net.stop_of("bo"), Some(Stop::Removed), "{suite:?}");
        net.send("carol", "hello");
        net.drive();
        assert_eq!(net.inbox("ann"), ["hello"], "{suite:?}");
    }
}

/// Its keys of before are erased when it comes back.
#[test]
fn words_to_somebody_who_stays_away_for_a_day_are_not_said_to_have_arrived() {
    for suite in SECURE {
        for hours in [1, 26] {
            let mut net = Net::new(suite, &["ann", "bo"]);
            net.drive();
            go_away(&mut net, "bo");
            // With a new link, Ann makes a new chain.
            net.cut("ann");
            net.wait(2 * RETRY_MAX_MS);
            let id = net.send("ann", "are you there?");
            net.drive();
            net.wait(hours * 3_600_000);
            come_back(&mut net, "bo");
            net.send("bo", "here again");
            net.drive();
            let has_arrived = !net.inbox("bo").is_empty();
            assert_eq!(has_arrived, hours == 1, "{suite:?} after {hours} hours");
            let to = net.fingerprint("bo");
            let is_told = net.saw("ann", &Event::Delivered { id, to });
            assert_eq!(is_told, has_arrived, "{suite:?} after {hours} hours: {:?}", net.people["ann"].events);
        }
    }
}

/// The others would go on with the old one, whose private half is erased in five minutes.
#[test]
fn a_prekey_that_was_lost_on_its_way_is_announced_again() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.command("bo", Command::RefreshKeys);
        net.cut("bo");
        net.wait(PREKEY_OLD_MS + 60_000);
        net.send("ann", "can you read this?");
        net.drive();
        assert_eq!(net.inbox("bo"), ["can you read this?"], "{suite:?}: {:?}", net.people["bo"].events);
    }
}

#[test]
fn whoever_begins_anew_is_heard_however_much_they_said_before() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        for word in ["one", "two", "three", "four"] {
            net.send("bo", word);
            net.drive();
        }
        restart(&mut net, "bo");
        net.drive();
        net.send("bo", "five");
        net.drive();
        assert_eq!(net.inbox("ann"), ["one", "two", "three", "four", "five"], "{suite:?}");
    }
}

fn unreadable(net: &Net, name: &str, from: Fingerprint) -> bool {
    net.saw(name, &Event::Unreadable { from })
}

#[test]
fn a_host_that_takes_a_chains_key_away_is_noticed() {
    for suite in SECURE {
        for takes in [false, true] {
            let mut net = Net::new(suite, &["ann", "bo"]);
            net.tamper = Some(Box::new(move |name, frame| match frame {
                Frame::Item(mut item) if name == "bo" && takes => {
                    item.wrap = None;
                    Some(Frame::Item(item))
                }
                frame => Some(frame),
            }));
            net.command("bo", Command::RefreshKeys);
            net.drive();
            net.send("ann", "can you read this?");
            net.drive();
            assert_eq!(net.inbox("bo").is_empty(), takes, "{suite:?}");
            let ann = net.fingerprint("ann");
            assert_eq!(unreadable(&net, "bo", ann), takes, "{suite:?}");
        }
    }
}

/// Without an announcement that holds there is no chain, and the words in it would just be missing.
#[test]
fn a_host_that_spoils_an_announcement_is_noticed() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.drive();
        net.tamper = Some(Box::new(|name, frame| match frame {
            Frame::Item(mut item) if name == "bo" && item.kind == ItemKind::SkPacket.code() => {
                *item.exact.last_mut().unwrap() ^= 1;
                Some(Frame::Item(item))
            }
            frame => Some(frame),
        }));
        restart(&mut net, "bo");
        net.settle();
        net.send("ann", "can you read this?");
        net.settle();
        assert_eq!(net.inbox("bo"), Vec::<String>::new(), "{suite:?}");
        assert!(unreadable(&net, "bo", net.fingerprint("ann")), "{suite:?}: {:?}", net.people["bo"].events);
    }
}

#[test]
fn a_host_that_hides_a_change_of_the_roster_is_found_out_by_what_is_said_after_it() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let mut entries = 0;
        net.tamper = Some(Box::new(move |name, frame| match frame {
            Frame::Welcome(welcome) if name == "bo" => {
                Some(Frame::Welcome(Welcome { roster_length: welcome.roster_length - 1, ..welcome }))
            }
            Frame::Item(item) if name == "bo" && item.kind == ItemKind::Roster.code() => {
                entries += 1;
                (entries == 1).then_some(Frame::Item(item))
            }
            frame => Some(frame),
        }));
        restart_knowing(&mut net, "bo", 1);
        net.drive();
        let ann = net.fingerprint("ann");
        assert!(net.saw("bo", &Event::Fork { from: ann }), "{suite:?}: {:?}", net.people["bo"].events);
    }
}

#[test]
fn a_host_that_sets_a_members_count_back_is_noticed() {
    for suite in SECURE {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.tamper = Some(Box::new(|_, frame| match frame {
            Frame::Welcome(welcome) => Some(Frame::Welcome(Welcome { chain_number: 0, ..welcome })),
            frame => Some(frame),
        }));
        restart(&mut net, "bo");
        net.drive();
        net.send("bo", "does anybody hear me?");
        net.drive();
        let bo = net.fingerprint("bo");
        assert!(net.inbox("ann").is_empty());
        assert!(unreadable(&net, "ann", bo), "{suite:?}: {:?}", net.people["ann"].events);
    }
}

#[test]
fn a_host_that_gives_numbers_at_their_end_stops_the_room_and_not_the_app() {
    for suite in SECURE {
        let changes: [fn(Welcome) -> Welcome; 2] = [
            |welcome| Welcome { prekey_index: u64::MAX, ..welcome },
            |welcome| Welcome { chain_number: u64::MAX, ..welcome },
        ];
        for change in changes {
            let mut net = Net::new(suite, &["ann", "bo"]);
            net.tamper = Some(Box::new(move |_, frame| match frame {
                Frame::Welcome(welcome) => Some(Frame::Welcome(change(welcome))),
                frame => Some(frame),
            }));
            restart(&mut net, "bo");
            net.drive();
            assert_eq!(net.stop_of("bo"), Some(Stop::Protocol(Fault::Limit)), "{suite:?}");
        }
    }
}
