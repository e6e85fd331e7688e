//! A host that shows less of the roster than somebody saw, or says that a membership is over: nobody goes back to
//! that, whatever way they come in, and only what the owner signed ends anything.

use std::cell::Cell;
use std::rc::Rc;

use conversa::crypto::Suite;
use conversa::protocol::limits::{OLDER_ROSTER_MS, RETRY_MAX_MS};
use conversa::protocol::{ByeCode, Command, Ending, Entry, Event, Fault, LinkError, Memory, Output, Stop};
use conversa::wire::{Bye, Frame, FrameKind, FrameReader, ItemKind, Signed};

use crate::net::Net;

/// How often somebody got as far as to talk.
fn arrivals(net: &Net, name: &str) -> usize {
    net.people[name].events.iter().filter(|event| matches!(event, Event::Ready { .. })).count()
}

/// The first record and the entries that somebody was told of, and what to remember of them.
fn kept_by(net: &Net, name: &str) -> (Signed, Vec<Signed>, Memory) {
    let events = &net.people[name].events;
    let genesis = events.iter().find_map(|event| match event {
        Event::Entered { genesis, .. } => Some(genesis.clone()),
        _ => None,
    });
    let genesis = genesis.unwrap();
    let mut memory = Memory::of(&genesis, (0, [0; 32]));
    let mut entries: Vec<Signed> = Vec::new();
    for (number, entry, hash) in net.kept_entries(name) {
        memory.learn(number, &hash);
        if number == entries.len() as u64 + 1 {
            entries.push(entry);
        }
    }
    (genesis, entries, memory)
}

/// The owner's app begins with this much of the roster.
fn open_with(net: &mut Net, genesis: &Signed, roster: &[Signed], wait_ms: u64) {
    let (genesis, roster, host) = (genesis.clone(), roster.to_vec(), net.host_fingerprint());
    net.cut("ann");
    net.add("ann", Entry::Open { genesis, roster, token: None, title: String::new() }, Some(host));
    net.wait_in_steps(wait_ms, 1_000);
}

/// From now on the host shows `name` the roster of before its last entry, as long as the cell says so.
fn hide_last_entry(net: &mut Net, name: &'static str) -> Rc<Cell<bool>> {
    let lies = Rc::new(Cell::new(true));
    let (is_lying, mut left) = (Rc::clone(&lies), u64::MAX);
    net.tamper = Some(Box::new(move |to, frame| match frame {
        Frame::Welcome(mut welcome) if to == name && is_lying.get() => {
            welcome.roster_length -= 1;
            left = welcome.roster_length;
            Some(Frame::Welcome(welcome))
        }
        Frame::Welcome(welcome) => {
            left = u64::MAX;
            Some(Frame::Welcome(welcome))
        }
        Frame::Item(item) if to == name && item.kind == ItemKind::Roster.code() => {
            let is_shown = left > 0;
            left = left.saturating_sub(1);
            is_shown.then_some(Frame::Item(item))
        }
        frame => Some(frame),
    }));
    lies
}

/// The ways in that somebody has who knows a room.
const WAYS: [&str; 5] = ["the record", "an invite", "an invite, looking first", "an address", "the same run"];

/// Bo comes in by one of them, remembering the room.
fn come_in(net: &mut Net, way: &str, genesis: &Signed, memory: Memory) {
    match way {
        "the record" => {
            net.cut("bo");
            net.add_remembering("bo", Entry::Return { genesis: genesis.clone(), memory }, memory);
        }
        "an invite" => {
            let invite = net.invite();
            net.cut("bo");
            net.add_remembering("bo", Entry::Invite(invite), memory);
        }
        "an invite, looking first" => {
            let invite = net.invite();
            net.cut("bo");
            net.add_looking("bo", Entry::Invite(invite));
            net.drive();
            net.command("bo", Command::Remember(memory));
            net.command("bo", Command::Knock(memory.room()));
        }
        "an address" => {
            let host = net.host_fingerprint();
            net.cut("bo");
            net.add("bo", Entry::Knock, Some(host));
            net.drive();
            net.command("bo", Command::Remember(memory));
            net.command("bo", Command::Knock(memory.room()));
        }
        _ => {
            // Its log is gone, so that all comes anew.
            net.restart_host();
            net.wait_in_steps(5_000, 500);
        }
    }
}

/// The epochs of the chains that were sealed.
fn epochs_sealed(net: &Net) -> Vec<u64> {
    let sent = net.sent_by.iter().flat_map(|(_, sent)| sent);
    let epochs = sent.filter_map(|(_, bytes)| {
        let mut reader = FrameReader::new(usize::MAX);
        reader.push(bytes);
        match reader.next_frame().unwrap().unwrap() {
            Frame::SkPacket(packet) => Some(epoch_of(&packet.common)),
            Frame::Msg(message) => Some(epoch_in(&message.header)),
            _ => None,
        }
    });
    epochs.collect()
}

fn epoch_of(common: &Signed) -> u64 {
    epoch_in(&common.payload)
}

/// The number under "q" of a map.
fn epoch_in(map: &[u8]) -> u64 {
    let value: ciborium::Value = ciborium::from_reader(map).unwrap();
    let value = value.into_map().unwrap().into_iter().find(|(key, _)| key.as_text() == Some("q")).unwrap().1;
    value.into_integer().unwrap().try_into().unwrap()
}

#[test]
fn nobody_is_led_back_to_an_older_roster_by_any_way_in() {
    for suite in Suite::ALL {
        for way in WAYS {
            let mut net = Net::new(suite, &["ann", "bo", "mallory"]);
            net.command("ann", Command::Remove(net.fingerprint("mallory")));
            net.drive();
            let (genesis, entries, memory) = kept_by(&net, "bo");
            assert_eq!((entries.len(), memory.number()), (3, 3), "Bo, Mallory, and her removal");
            let lies = hide_last_entry(&mut net, "bo");
            let before = if way == "the same run" { arrivals(&net, "bo") } else { 0 };
            net.sent_by = Some(("bo", Vec::new()));
            come_in(&mut net, way, &genesis, memory);
            net.send("bo", "not for Mallory");
            net.wait_in_steps(OLDER_ROSTER_MS / 2, 1_000);
            let case = format!("{suite:?}, by {way}");
            assert_eq!(arrivals(&net, "bo"), before, "{case}");
            let older = LinkError::OlderRoster { known: 3, hash: *memory.hash(), shown: 2 };
            let is_told = |event: &Event| matches!(event, Event::Offline { error, .. } if *error == older);
            assert!(net.people["bo"].events.iter().any(is_told), "{case}: {:?}", net.people["bo"].events);
            assert_eq!(net.stop_of("bo"), None, "{case}: it may be that the owner is not back yet");
            // With the truth all is well.
            lies.set(false);
            net.wait_in_steps(RETRY_MAX_MS, 1_000);
            assert_eq!(arrivals(&net, "bo"), before + 1, "{case}");
            net.drive();
            assert!(epochs_sealed(&net).iter().all(|epoch| *epoch == 3), "{case}: {:?}", epochs_sealed(&net));
            assert!(net.inbox("ann").contains(&"not for Mallory".to_owned()), "{case}");
            assert!(net.inbox("mallory").is_empty(), "{case}");
        }
    }
}

#[test]
fn a_host_that_goes_on_showing_an_older_roster_is_left_and_told_of_with_the_room_code() {
    for way in WAYS {
        let mut net = Net::new(Suite::Textbook, &["ann", "bo", "mallory"]);
        net.command("ann", Command::Remove(net.fingerprint("mallory")));
        net.drive();
        let (genesis, _, memory) = kept_by(&net, "bo");
        hide_last_entry(&mut net, "bo");
        come_in(&mut net, way, &genesis, memory);
        net.wait_in_steps(3 * OLDER_ROSTER_MS, 1_000);
        let stop = Stop::RolledBack { known: 3, hash: *memory.hash(), shown: 2 };
        assert_eq!(net.stop_of("bo"), Some(stop), "by {way}");
    }
}

#[test]
fn another_roster_of_the_same_length_is_a_fork_by_any_way_in() {
    for way in WAYS.into_iter().filter(|way| *way != "the same run") {
        let mut net = Net::new(Suite::Textbook, &["ann", "bo"]);
        let (genesis, ..) = kept_by(&net, "bo");
        come_in(&mut net, way, &genesis, Memory::of(&genesis, (1, [7; 32])));
        net.drive();
        assert_eq!(net.stop_of("bo"), Some(Stop::Protocol(Fault::Fork)), "by {way}");
    }
}

#[test]
fn a_host_that_knows_less_is_left_until_the_owner_has_told_it_the_rest() {
    for suite in Suite::ALL {
        for begins_anew in [false, true] {
            let mut net = Net::new(suite, &["ann", "bo", "carol"]);
            let (genesis, roster, memory) = kept_by(&net, "bo");
            assert_eq!(roster.len(), 2, "Bo and Carol");
            net.restart_host();
            if begins_anew {
                net.add_remembering("bo", Entry::Return { genesis: genesis.clone(), memory }, memory);
            }
            let before = arrivals(&net, "bo");
            open_with(&mut net, &genesis, &roster[..1], OLDER_ROSTER_MS / 2);
            assert_eq!(arrivals(&net, "bo"), before, "{suite:?}, anew: {begins_anew}: Carol would be forgotten");
            assert_eq!(net.stop_of("bo"), None);
            open_with(&mut net, &genesis, &roster, RETRY_MAX_MS);
            assert_eq!(arrivals(&net, "bo"), before + 1, "{suite:?}, anew: {begins_anew}");
        }
    }
}

/// Her record was put back from a backup, say: another entry under a number that is taken would split the room.
#[test]
fn an_owner_who_lost_entries_signs_nothing_before_the_host_has_shown_them() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo", "carol"]);
    let (genesis, roster, memory) = kept_by(&net, "ann");
    let open = |roster: &[Signed]| {
        let (genesis, roster) = (genesis.clone(), roster.to_vec());
        Entry::Open { genesis, roster, token: None, title: String::new() }
    };
    net.cut("ann");
    net.add_remembering("ann", open(&roster[..1]), memory);
    net.drive();
    assert!(net.is_ready("ann"), "the host has all of it");
    assert_eq!(kept_by(&net, "ann").1, roster, "and gave her the rest");
    // A host that has forgotten it too.
    net.restart_host();
    net.add_remembering("ann", open(&roster[..1]), memory);
    net.drive();
    net.command("ann", Command::Remove(net.fingerprint("bo")));
    net.wait_in_steps(3 * OLDER_ROSTER_MS, 1_000);
    assert!(!net.is_ready("ann"));
    assert_eq!(net.signed_by("ann"), []);
    assert_eq!(net.stop_of("ann"), Some(Stop::RolledBack { known: 2, hash: *memory.hash(), shown: 1 }));
}

#[test]
fn what_was_kept_and_does_not_hold_together_is_no_hosts_fault() {
    let net = Net::new(Suite::Textbook, &["ann", "bo", "carol"]);
    let (genesis, roster, memory) = kept_by(&net, "bo");
    let open = |genesis: &Signed, roster: &[Signed]| {
        let (genesis, roster) = (genesis.clone(), roster.to_vec());
        Entry::Open { genesis, roster, token: None, title: String::new() }
    };
    let (mut other_genesis, mut other_entry) = (genesis.clone(), roster[0].clone());
    other_genesis.signature[0] ^= 1;
    other_entry.payload[9] ^= 1;
    let forked = Memory::of(&genesis, (1, [7; 32]));
    let wrong = [
        (open(&other_genesis, &roster), memory),
        (open(&genesis, &[other_entry, roster[1].clone()]), memory),
        (open(&genesis, &roster[1..]), memory),
        (open(&genesis, &roster), forked),
        (Entry::Return { genesis: other_genesis, memory }, memory),
    ];
    for (entry, memory) in wrong {
        let mut net = Net::new(Suite::Textbook, &["ann", "bo", "carol"]);
        let case = format!("{entry:?}");
        net.add_remembering("ann", entry, memory);
        let client = &mut net.people.get_mut("ann").unwrap().client;
        assert_eq!(client.poll_output(), Some(Output::Event(Event::Stopped(Stop::BadRecord))), "{case}");
        assert_eq!(client.poll_output(), None, "{case}: nobody was asked");
    }
}

#[test]
fn a_room_that_was_closed_is_not_entered_again_and_no_host_is_asked() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo"]);
    let (genesis, roster, mut memory) = kept_by(&net, "bo");
    memory.end(Ending::Closed);
    let invite = net.invite();
    let ways = [
        Entry::Return { genesis: genesis.clone(), memory },
        Entry::Open { genesis, roster, token: None, title: String::new() },
        Entry::Invite(invite),
    ];
    for entry in ways {
        net.cut("bo");
        net.add_remembering("bo", entry, memory);
        let told = net.people.get_mut("bo").unwrap().client.poll_output();
        assert_eq!(told, Some(Output::Event(Event::Stopped(Stop::Closed))));
    }
    let host = net.host_fingerprint();
    net.add("bo", Entry::Knock, Some(host));
    net.drive();
    net.command("bo", Command::Remember(memory));
    assert_eq!(net.stop_of("bo"), None);
    net.settle();
    assert_eq!(net.stop_of("bo"), Some(Stop::Closed));
}

#[test]
fn a_second_copy_that_knew_more_ends_a_session_with_less() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo", "mallory"]);
    let (_, _, memory) = kept_by(&net, "bo");
    let mut more = memory;
    more.learn(3, &[7; 32]);
    net.command("bo", Command::Remember(memory));
    net.drive();
    assert!(net.is_ready("bo") && net.stop_of("bo").is_none(), "it knew that");
    net.command("bo", Command::Remember(more));
    net.settle();
    let is_told =
        |event: &Event| matches!(event, Event::Offline { error: LinkError::OlderRoster { known: 3, .. }, .. });
    assert!(net.people["bo"].events.iter().any(is_told));
}

/// Whether the host's word alone ends a membership: it takes an entry that the owner signed.
#[test]
fn a_goodbye_that_only_the_host_says_ends_no_membership() {
    for suite in Suite::ALL {
        for code in [ByeCode::Removed, ByeCode::Closed] {
            let error = LinkError::Goodbye(code);
            for name in ["ann", "bo"] {
                let mut net = Net::new(suite, &["ann", "bo"]);
                net.inject(name, &Frame::Bye(Bye { code: code.code() }));
                net.cut(name);
                net.settle();
                let is_told = |event: &Event| matches!(event, Event::Offline { error: told, .. } if *told == error);
                assert!(net.people[name].events.iter().any(is_told), "{suite:?} {code:?} {name}");
                assert_eq!(net.stop_of(name), None, "{suite:?} {code:?} {name}");
                net.wait(RETRY_MAX_MS);
                assert_eq!(arrivals(&net, name), 2, "{suite:?} {code:?} {name}: back again");
            }
        }
    }
}

/// Both were away when it happened, in the same run of the app or not.
#[test]
fn who_was_away_is_shown_what_the_owner_signed() {
    for suite in Suite::ALL {
        for begins_anew in [false, true] {
            for closes in [false, true] {
                let mut net = Net::new(suite, &["ann", "bo", "carol"]);
                let (genesis, _, memory) = kept_by(&net, "bo");
                net.people.get_mut("bo").unwrap().online = false;
                net.cut("bo");
                let bo = net.fingerprint("bo");
                net.command("ann", if closes { Command::CloseRoom } else { Command::Remove(bo) });
                net.drive();
                let case = format!("{suite:?}, anew: {begins_anew}, closes: {closes}");
                if begins_anew {
                    net.add_remembering("bo", Entry::Return { genesis, memory }, memory);
                }
                net.people.get_mut("bo").unwrap().online = true;
                net.wait(RETRY_MAX_MS);
                let stop = if closes { Stop::Closed } else { Stop::Removed };
                assert_eq!(net.stop_of("bo"), Some(stop), "{case}: {:?}", net.people["bo"].events);
                assert_eq!(net.known_of("bo").0, 3, "{case}: to be remembered");
            }
        }
    }
}

/// The log after it is none of theirs.
#[test]
fn who_was_removed_is_shown_no_more_than_that() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo", "carol"]);
    let (genesis, _, memory) = kept_by(&net, "bo");
    let bo = net.fingerprint("bo");
    net.people.get_mut("bo").unwrap().online = false;
    net.cut("bo");
    net.command("ann", Command::Remove(bo));
    net.drive();
    net.invite_and_join("dave");
    net.send("ann", "without Bo");
    net.drive();
    let seen = Rc::new(Cell::new((0, 0, 0)));
    let count = Rc::clone(&seen);
    net.tamper = Some(Box::new(move |to, frame| {
        if to == "bo" {
            let (entries, others, length) = count.get();
            count.set(match &frame {
                Frame::Welcome(welcome) => (entries, others, welcome.roster_length),
                Frame::Item(item) if item.kind == ItemKind::Roster.code() => (entries + 1, others, length),
                frame => (entries, others + usize::from(frame.kind() != FrameKind::Refuse), length),
            });
        }
        Some(frame)
    }));
    net.add_remembering("bo", Entry::Return { genesis, memory }, memory);
    net.drive();
    assert_eq!(net.stop_of("bo"), Some(Stop::Removed));
    assert_eq!(seen.get(), (3, 0, 3), "Bo, Carol and his removal, and not Dave");
}
