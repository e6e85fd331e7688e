//! Hosts that keep their rooms: what members notice of a crash, which is nothing, and of a disk that fails.

use conversa::crypto::Suite;
use conversa::protocol::limits::{LOG_RETRY_MS, RETRY_MAX_MS, RETRY_SOON_MAX_MS, ROOMS_MAX};
use conversa::protocol::{Command, Entry, Event, LinkError, RefuseCode, RoomId, Stop};
use conversa::wire::{Frame, FrameKind, Ping};

use crate::findings::genesis_of;
use crate::net::Net;

/// Suites whose rooms are kept.
const SECURE: [Suite; 2] = [Suite::Hybrid, Suite::Classical];

/// Whether somebody was told that anything is missing.
fn misses_anything(net: &Net, name: &str) -> bool {
    let misses = |event: &&Event| {
        matches!(event, Event::Missed { .. } | Event::LogGap { .. } | Event::Lost { .. } | Event::Unreadable { .. })
    };
    net.people[name].events.iter().any(|event| misses(&event))
}

fn settle_down(net: &mut Net) {
    net.wait_in_steps(2 * RETRY_MAX_MS, 500);
}

#[test]
fn after_a_crash_of_the_host_everybody_goes_on_where_they_were() {
    for suite in SECURE {
        let mut net = Net::keeping(suite, &["ann", "bo", "carol"]);
        net.send("bo", "before");
        net.drive();
        for round in 0..3 {
            let ready = net.people["carol"].events.len();
            net.restart_host();
            // She is not back yet, and gets it all the same: her key is known.
            net.people.get_mut("carol").unwrap().online = false;
            net.wait_in_steps(2 * RETRY_SOON_MAX_MS, 100);
            let id = net.send("bo", &format!("after crash {round}"));
            net.drive();
            assert!(net.saw("bo", &Event::OnHost { id, without: Vec::new() }), "{suite:?}: nobody waits for anybody");
            net.people.get_mut("carol").unwrap().online = true;
            net.wait_in_steps(2 * RETRY_MAX_MS, 500);
            let entered = net.people["carol"].events[ready..].iter().filter(|e| matches!(e, Event::Entered { .. }));
            assert_eq!(entered.count(), 0, "{suite:?}: she did not begin anew");
        }
        let said = ["before", "after crash 0", "after crash 1", "after crash 2"];
        assert_eq!([net.inbox("ann"), net.inbox("carol")], [said, said], "{suite:?}");
        assert!(["ann", "bo", "carol"].iter().all(|name| !misses_anything(&net, name)), "{suite:?}");
    }
}

#[test]
fn nobody_sees_what_is_not_on_the_disk_and_after_a_crash_it_is_sent_again() {
    for suite in SECURE {
        let mut net = Net::keeping(suite, &["ann", "bo"]);
        net.send("bo", "kept");
        net.drive();
        net.host_disk_takes = false;
        net.send("bo", "not kept");
        net.settle();
        assert_eq!(net.inbox("ann"), ["kept"], "{suite:?}");
        let end = net.log_end("ann");
        net.restart_host();
        net.host_disk_takes = true;
        settle_down(&mut net);
        assert_eq!(net.inbox("ann"), ["kept", "not kept"], "{suite:?}");
        assert!(net.log_end("ann") > end && !misses_anything(&net, "ann"), "{suite:?}");
    }
}

#[test]
fn nothing_overtakes_an_item_on_its_way_to_the_disk() {
    let mut net = Net::keeping(Suite::Textbook, &["ann", "bo"]);
    net.host_disk_takes = false;
    net.send("bo", "first");
    net.settle();
    net.slip_in("bo", &Frame::Ping(Ping { number: 77 }));
    net.settle();
    let to_bo = |net: &Net| {
        let frames = net.tape.iter().filter_map(|taped| match taped {
            crate::net::Taped::ToClient { name: "bo", kind, .. } => Some(*kind),
            _ => None,
        });
        frames.filter(|kind| matches!(kind, FrameKind::Item | FrameKind::Pong)).collect::<Vec<_>>()
    };
    let before = to_bo(&net).len();
    net.host_disk_takes = true;
    net.settle();
    assert_eq!(to_bo(&net)[before..], [FrameKind::Item, FrameKind::Pong]);
}

#[test]
fn a_room_whose_log_cannot_be_kept_rests_until_it_can() {
    for suite in SECURE {
        let mut net = Net::keeping(suite, &["ann", "bo"]);
        net.send("bo", "kept");
        net.drive();
        net.host_disk_takes = false;
        net.send("bo", "while the disk is full");
        net.settle();
        net.fail_host_disk();
        assert_eq!(net.host.rooms().count(), 0, "{suite:?}");
        net.wait_in_steps(4 * LOG_RETRY_MS, 500);
        let busy =
            |event: &Event| matches!(event, Event::Offline { error: LinkError::TurnedAway(RefuseCode::Busy), .. });
        assert!(["ann", "bo"].iter().all(|name| net.people[name].events.iter().any(busy)), "{suite:?}");
        assert_eq!(net.inbox("ann"), ["kept"], "{suite:?}");
        net.host_disk_takes = true;
        settle_down(&mut net);
        assert_eq!(net.inbox("ann"), ["kept", "while the disk is full"], "{suite:?}");
        assert!(!misses_anything(&net, "ann"), "{suite:?}");
    }
}

#[test]
fn members_wait_for_an_owner_whose_room_is_kept_and_not_read_yet() {
    for suite in SECURE {
        let mut net = Net::keeping(suite, &["ann", "bo"]);
        net.send("bo", "before");
        net.drive();
        let (genesis, roster, host) = (genesis_of(&net, "ann"), net.signed_by("ann"), net.host_fingerprint());
        net.restart_as_the_owners();
        net.people.get_mut("ann").unwrap().online = false;
        net.cut("ann");
        net.wait_in_steps(3 * RETRY_SOON_MAX_MS, 100);
        assert!(net.stop_of("bo").is_none() && net.host.rooms().count() == 0, "{suite:?}");
        net.add("ann", Entry::Open { genesis, roster, token: None, title: "Friday".to_owned() }, Some(host));
        settle_down(&mut net);
        net.send("ann", "here I am");
        net.drive();
        assert_eq!(net.inbox("bo"), ["here I am"], "{suite:?}");
        assert!(!misses_anything(&net, "bo"), "{suite:?}: he goes on where he was");
    }
}

#[test]
fn who_was_away_is_shown_the_end_after_a_crash_too() {
    for suite in Suite::ALL {
        for closes in [true, false] {
            let mut net = Net::keeping(suite, &["ann", "bo", "carol"]);
            net.people.get_mut("bo").unwrap().online = false;
            net.cut("bo");
            let bo = net.fingerprint("bo");
            net.command("ann", if closes { Command::CloseRoom } else { Command::Remove(bo) });
            net.drive();
            net.restart_host();
            assert_eq!(net.host.rooms().count(), usize::from(!closes), "{suite:?}");
            net.people.get_mut("bo").unwrap().online = true;
            settle_down(&mut net);
            assert_eq!(net.stop_of("bo"), Some(if closes { Stop::Closed } else { Stop::Removed }), "{suite:?}");
        }
    }
}

#[test]
fn an_owner_who_knows_more_than_the_disk_brings_it() {
    for suite in SECURE {
        let mut net = Net::keeping(suite, &["ann", "bo"]);
        net.drive();
        let older = net.host_disk.as_ref().unwrap().image();
        net.invite_and_join("carol");
        net.send("carol", "hello");
        net.drive();
        // An older image of the disk is put back.
        net.host_disk.as_mut().unwrap().put_back(older);
        net.restart_host();
        settle_down(&mut net);
        for (from, to) in [("carol", "bo"), ("bo", "carol"), ("ann", "carol")] {
            let words = format!("{from} to {to}");
            net.send(from, &words);
            net.drive();
            assert!(net.inbox(to).contains(&words), "{suite:?}: {words}");
        }
    }
}

#[test]
fn so_many_closed_rooms_are_kept_and_no_more() {
    let mut net = Net::keeping(Suite::Textbook, &["ann"]);
    let disk = |net: &Net| net.host_disk.as_ref().unwrap().rooms().len();
    for _ in 0..ROOMS_MAX + 3 {
        net.command("ann", Command::CloseRoom);
        net.drive();
        net.add_new_room("ann");
        net.drive();
    }
    assert_eq!(disk(&net), ROOMS_MAX + 1, "the open one, and the newest of the others");
    let rooms: Vec<RoomId> = net.host.rooms().collect();
    net.restart_host();
    assert_eq!(net.host.rooms().collect::<Vec<_>>(), rooms);
}
