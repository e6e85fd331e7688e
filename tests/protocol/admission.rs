//! Who gets in, and who does not.

use std::sync::Arc;

use conversa::crypto::{CryptoError, Fingerprint, Suite};
use conversa::protocol::{
    Client, Command, Entry, Event, Invite, LinkError, LinkId, LobbyRoom, Memory, Output, RefuseCode, RoomId, Stop,
};
use conversa::wire::{ByteArray, Frame, Item, ItemKind, Resume, Signed, encode};

use crate::net::{Net, START, crypto, identity};
use crate::rogue::Rogue;

#[test]
fn an_invite_lets_one_person_in_once() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", false);
        let invite = net.invite();
        net.add("bo", Entry::Invite(invite.clone()), None);
        net.drive();
        assert!(net.is_ready("bo"), "{suite:?}");
        assert!(net.saw("ann", &Event::InviteUsed { by: net.fingerprint("bo") }));
        assert!(net.saw("ann", &Event::MemberJoined { member: net.fingerprint("bo") }));
        net.add("carol", Entry::Invite(invite), None);
        net.drive();
        assert_eq!(net.stop_of("carol"), Some(Stop::Refused(RefuseCode::Invite)), "{suite:?}");
    }
}

#[test]
fn wrong_withdrawn_and_expired_invites_look_alike_to_the_joiner() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", true);
        let mut wrong = net.invite();
        wrong.secret[0] ^= 1;
        net.add("bo", Entry::Invite(wrong), None);
        net.drive();
        let withdrawn = net.invite();
        net.command("ann", Command::WithdrawInvites);
        net.add("carol", Entry::Invite(withdrawn), None);
        net.drive();
        let mut expired = net.invite();
        net.wait(3_600_001);
        expired.expires_ms = u64::MAX;
        net.add("dave", Entry::Invite(expired), None);
        net.drive();
        for name in ["bo", "carol", "dave"] {
            assert_eq!(net.stop_of(name), Some(Stop::Refused(RefuseCode::Invite)), "{suite:?}: {name}");
        }
    }
}

#[test]
fn guessing_invites_ends_after_five_tries() {
    let mut net = Net::with_owner(Suite::Textbook, "ann", false);
    let good = net.invite();
    guess(&mut net, &good);
    net.wait(60_000);
    net.add("bo", Entry::Invite(good), None);
    net.drive();
    assert!(net.is_ready("bo"), "a minute later a good invite works");
}

/// All of these come from one address, as through a tunnel or from behind one router.
#[test]
fn whoever_guesses_invites_keeps_out_nobody_else_of_that_address() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "dave"]);
        let good = net.invite();
        guess(&mut net, &good);
        net.command("dave", Command::GoOffline);
        net.drive();
        let genesis = genesis_of(&net, "dave");
        let memory = Memory::of(&genesis, net.known_of("dave"));
        net.add("dave", Entry::Return { genesis, memory }, Some(net.host_fingerprint()));
        net.drive();
        assert!(net.is_ready("dave"), "{suite:?}: a member comes back");
        net.add("carol", Entry::Invite(good), None);
        net.drive();
        assert!(net.is_ready("carol"), "{suite:?}: a good invite works");
    }
}

/// Bo tries six wrong invites, and one would be too many.
fn guess(net: &mut Net, good: &Invite) {
    let mut wrong = good.clone();
    wrong.secret[0] ^= 1;
    for attempt in 0..6 {
        net.add("bo", Entry::Invite(wrong.clone()), None);
        net.drive();
        let code = if attempt < 5 { RefuseCode::Invite } else { RefuseCode::Busy };
        assert_eq!(net.stop_of("bo"), Some(Stop::Refused(code)), "try {attempt}");
    }
}

/// The rooms that somebody was shown last.
fn lobby_of(net: &Net, name: &str) -> Vec<LobbyRoom> {
    let Some(Event::Lobby(rooms)) = net.people[name].events.last() else { panic!("{name} is shown no rooms") };
    rooms.clone()
}

#[test]
fn knocking_shows_the_host_first_and_asks_the_owner() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", true);
        net.add("bo", Entry::Knock, None);
        net.drive();
        let host = net.host_fingerprint();
        assert_eq!(net.people["bo"].events.last(), Some(&Event::FirstUse { host }), "{suite:?}");
        net.command("bo", Command::TrustHost(host));
        net.drive();
        let rooms = lobby_of(&net, "bo");
        assert_eq!(rooms.len(), 1);
        assert_eq!(rooms[0].owner, host);
        net.command("bo", Command::Knock(rooms[0].room));
        net.drive();
        let member = net.fingerprint("bo");
        assert!(net.saw("ann", &Event::Knock { member }));
        assert!(!net.is_ready("bo"));
        net.command("ann", Command::AnswerKnock { member, admit: true });
        net.drive();
        assert!(net.is_ready("bo"), "{suite:?}");
    }
}

/// An invite's room can be seen before it is joined, and whoever does not know a room's id sees only
/// what may be knocked at.
#[test]
fn a_room_can_be_looked_at_before_it_is_joined() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let invite = net.invite();
        let (room, owner) = (invite.room, net.fingerprint("ann"));
        net.add_looking("carol", Entry::Invite(invite));
        net.drive();
        let rooms = lobby_of(&net, "carol");
        assert_eq!(rooms, [LobbyRoom { room, suite, owner, members: 2, round_trip_ms: 0 }], "{suite:?}");
        assert!(!net.saw("ann", &Event::MemberJoined { member: net.fingerprint("carol") }));
        net.command("carol", Command::Knock(room));
        net.drive();
        assert!(net.is_ready("carol"), "{suite:?}");

        net.add("dave", Entry::Knock, Some(net.host_fingerprint()));
        net.drive();
        assert_eq!(net.people["dave"].events.last(), Some(&Event::Lobby(Vec::new())), "it takes invites only");
    }
}

#[test]
fn the_owner_may_decline_and_the_joiner_may_give_up() {
    let mut net = Net::with_owner(Suite::Classical, "ann", true);
    let room = room_of(&mut net);
    let host = net.host_fingerprint();
    for name in ["bo", "carol"] {
        net.add(name, Entry::Knock, Some(host));
        net.drive();
        net.command(name, Command::Knock(room));
        net.drive();
    }
    let (bo, carol) = (net.fingerprint("bo"), net.fingerprint("carol"));
    net.command("ann", Command::AnswerKnock { member: bo, admit: false });
    net.command("carol", Command::GoOffline);
    net.drive();
    assert_eq!(net.stop_of("bo"), Some(Stop::Refused(RefuseCode::Declined)));
    assert!(net.saw("ann", &Event::KnockOver { member: carol }));
}

fn room_of(net: &mut Net) -> RoomId {
    net.host.rooms().next().unwrap()
}

#[test]
fn nobody_decides_while_the_owner_is_away() {
    let mut net = Net::with_owner(Suite::Classical, "ann", true);
    let invite = net.invite();
    net.people.get_mut("ann").unwrap().online = false;
    net.cut("ann");
    net.add("bo", Entry::Invite(invite), None);
    net.drive();
    assert_eq!(net.stop_of("bo"), Some(Stop::Refused(RefuseCode::OwnerAway)));
}

#[test]
fn a_room_takes_no_more_than_it_has_places() {
    for suite in Suite::ALL {
        let mut net = Net::with_places(suite, "ann", true, 2);
        net.invite_and_join("bo");
        let invite = net.invite();
        net.add("carol", Entry::Invite(invite), None);
        net.drive();
        assert_eq!(net.stop_of("carol"), Some(Stop::Refused(RefuseCode::Full)), "{suite:?}");
    }
}

#[test]
fn whoever_waits_for_the_last_place_is_told_when_it_is_taken() {
    let mut net = Net::with_places(Suite::Classical, "ann", true, 2);
    let (room, host) = (room_of(&mut net), net.host_fingerprint());
    for name in ["bo", "carol", "dave"] {
        net.add(name, Entry::Knock, Some(host));
        net.drive();
        net.command(name, Command::Knock(room));
        net.drive();
    }
    let [bo, carol, dave] = ["bo", "carol", "dave"].map(|name| net.fingerprint(name));
    net.command("ann", Command::AnswerKnock { member: bo, admit: true });
    net.command("ann", Command::AnswerKnock { member: carol, admit: true });
    net.drive();
    assert!(net.is_ready("bo"));
    for name in ["carol", "dave"] {
        assert_eq!(net.stop_of(name), Some(Stop::Refused(RefuseCode::Full)), "{name}");
    }
    assert!(net.saw("ann", &Event::KnockOver { member: dave }), "nobody is left to be answered");
    assert!(!net.saw("ann", &Event::MemberJoined { member: carol }));
}

#[test]
fn another_host_key_is_a_full_stop() {
    let mut net = Net::with_owner(Suite::Classical, "ann", true);
    let mut invite = net.invite();
    let expected = Fingerprint::of(b"somebody else");
    invite.host = expected;
    net.add("bo", Entry::Invite(invite), None);
    net.drive();
    let seen = net.host_fingerprint();
    let stop = Stop::Unreachable(LinkError::HostKeyChanged { expected, seen });
    assert_eq!(net.stop_of("bo"), Some(stop));
}

#[test]
fn an_invite_to_a_room_that_is_not_there_says_so() {
    let mut net = Net::with_owner(Suite::Classical, "ann", true);
    let mut invite = net.invite();
    invite.room = RoomId([1; 32]);
    net.add("bo", Entry::Invite(invite), None);
    net.drive();
    assert_eq!(net.stop_of("bo"), Some(Stop::Refused(RefuseCode::NoRoom)));
}

#[test]
fn a_member_comes_back_after_a_restart_without_an_invite() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let (genesis, known) = (genesis_of(&net, "bo"), net.known_of("bo"));
        net.command("bo", Command::GoOffline);
        net.drive();
        let host = net.host_fingerprint();
        let memory = Memory::of(&genesis, known);
        net.add("bo", Entry::Return { genesis, memory }, Some(host));
        net.drive();
        assert!(net.is_ready("bo"), "{suite:?}: {:?}", net.people["bo"].events);
        net.send("ann", "welcome back");
        net.send("bo", "hello again");
        net.drive();
        assert_eq!(net.inbox("bo"), ["welcome back"], "{suite:?}");
        assert_eq!(net.inbox("ann"), ["hello again"], "{suite:?}");
    }
}

/// Their app in the other place would fight for the seat otherwise, and so would this one.
#[test]
fn who_comes_in_from_somewhere_else_takes_the_seat_and_keeps_it() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let (genesis, known) = (genesis_of(&net, "bo"), net.known_of("bo"));
        let (keys, host) = (Arc::clone(net.people["bo"].client.identity()), net.host_fingerprint());
        let memory = Memory::of(&genesis, known);
        let entry = Entry::Return { genesis, memory };
        net.bring("bo's laptop", Client::new(keys, crypto(suite), "bo".to_owned(), entry, Some(host)));
        net.wait(10_000);
        assert_eq!(net.stop_of("bo"), Some(Stop::Replaced), "{suite:?}");
        assert_eq!(net.stop_of("bo's laptop"), None, "{suite:?}");
        net.send("bo's laptop", "here I am");
        net.drive();
        assert_eq!(net.inbox("ann"), ["here I am"], "{suite:?}");
    }
}

fn genesis_of(net: &Net, name: &str) -> Signed {
    let entered = |event: &Event| if let Event::Entered { genesis, .. } = event { Some(genesis.clone()) } else { None };
    net.people[name].events.iter().find_map(entered).unwrap()
}

/// What Ann signed for the log, in order.
fn signed(net: &Net) -> Vec<Signed> {
    net.signed_by("ann")
}

fn logged(net: &Net, name: &str) -> Vec<Signed> {
    net.kept_entries(name).into_iter().map(|(_, entry, _)| entry).collect()
}

#[test]
fn an_entry_is_shown_to_nobody_before_it_is_stored() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", true);
        net.disk_works = false;
        net.add_and_join("bo");
        assert_eq!(signed(&net).len(), 1, "{suite:?}");
        assert!(!net.is_ready("bo") && logged(&net, "ann").is_empty(), "{suite:?}");
        net.is_kept("ann");
        net.drive();
        assert!(net.is_ready("bo"), "{suite:?}: {:?}", net.people["bo"].events);
        assert_eq!(logged(&net, "bo"), signed(&net), "{suite:?}");
    }
}

/// An owner that signed two entries for one number would give a host two histories to show.
#[test]
fn after_a_cut_the_owner_sends_the_same_entry_again() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", true);
        net.disk_works = false;
        let invite = net.invite();
        net.add("bo", Entry::Invite(invite.clone()), None);
        net.settle();
        net.cut("ann");
        net.wait(5_000);
        let [before, after] = &*signed(&net) else { panic!("{suite:?}: not told again") };
        assert_eq!(before, after, "{suite:?}: while it is not stored it is told again");
        // Stored, and lost on the way.
        net.freeze("ann");
        net.is_kept("ann");
        net.settle();
        net.thaw("ann");
        net.cut("ann");
        net.drive();
        assert!(logged(&net, "ann").is_empty(), "{suite:?}: it was lost");
        net.wait(10_000);
        assert_eq!(logged(&net, "ann"), signed(&net)[..1], "{suite:?}");
        // The owner was away for a moment, so Bo had to try again, and is on the roster already.
        net.add("bo", Entry::Invite(invite), None);
        net.drive();
        assert!(net.is_ready("bo"), "{suite:?}: {:?}", net.people["bo"].events);
    }
}

/// Nobody waits for a disk that is full: not whose entry it is, nor who comes meanwhile.
#[test]
fn who_joins_while_the_owner_cannot_store_it_is_told_and_comes_in_later() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", true);
        let told = Some(Stop::Refused(RefuseCode::Unstored));
        net.disk_works = false;
        let invites = [("bo", net.invite()), ("carol", net.invite())];
        net.add("bo", Entry::Invite(invites[0].1.clone()), None);
        net.settle();
        assert_eq!(net.stop_of("bo"), None, "{suite:?}: it may work at the second try");
        net.is_not_kept("ann");
        net.settle();
        assert_eq!(net.stop_of("bo"), told, "{suite:?}");
        for (name, invite) in invites.clone() {
            net.add(name, Entry::Invite(invite), None);
            net.settle();
            assert_eq!(net.stop_of(name), told, "{suite:?}: {name}");
        }
        net.disk_works = true;
        net.is_kept("ann");
        net.drive();
        for (name, invite) in invites {
            net.add(name, Entry::Invite(invite), None);
            net.drive();
            assert!(net.is_ready(name), "{suite:?}: {:?}", net.people[name].events);
        }
        assert_eq!(logged(&net, "ann").len(), 2, "{suite:?}");
    }
}

/// Only the answer to the try under way says whether the entry is stored; and once it is logged, nobody waits for that.
#[test]
fn an_answer_about_an_earlier_try_changes_nothing() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", true);
        net.disk_works = false;
        let [first, second, third, fourth] = [net.invite(), net.invite(), net.invite(), net.invite()];
        net.add("bo", Entry::Invite(first), None);
        net.settle();
        let earlier = net.people["ann"].keep_number;
        net.cut("ann");
        net.wait(5_000);
        let now = net.people["ann"].keep_number;
        assert!(now > earlier, "{suite:?}: it is tried again");
        net.add("carol", Entry::Invite(second), None);
        net.settle();
        // Her invite has to be removed from the disk, too.
        let later = net.people["ann"].keep_number;
        assert!(later > now, "{suite:?}");
        for other in [earlier, later] {
            net.command("ann", Command::NotKept(other));
            net.settle();
            assert_eq!(net.stop_of("carol"), None, "{suite:?}: it may work yet");
        }
        let told = Some(Stop::Refused(RefuseCode::Unstored));
        net.command("ann", Command::NotKept(now));
        net.settle();
        assert_eq!(net.stop_of("carol"), told, "{suite:?}");
        net.command("ann", Command::NotKept(earlier));
        net.add("dave", Entry::Invite(third), None);
        net.settle();
        assert_eq!(net.stop_of("dave"), told, "{suite:?}: still not stored");
        // Whoever showed it to the host, it is everybody's now.
        let (position, exact) = (net.log_end("ann") + 1, encode(&signed(&net)[0]).into());
        net.slip_to("ann", &Frame::Item(Item { kind: ItemKind::Roster.code(), position, wrap: None, exact }));
        net.add("erin", Entry::Invite(fourth), None);
        net.settle();
        assert_eq!(net.stop_of("erin"), None, "{suite:?}: the next entry may work");
    }
}

/// An invite works once, so who used one must get in though others are before them.
#[test]
fn whoever_used_an_invite_before_the_owners_cut_gets_in_after_it() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", true);
        net.disk_works = false;
        let [first, second] = [net.invite(), net.invite()];
        net.add("bo", Entry::Invite(first), None);
        net.settle();
        // Carol's entry has to wait until Bo's is stored and logged.
        net.add("carol", Entry::Invite(second.clone()), None);
        net.settle();
        net.cut("ann");
        net.wait(5_000);
        net.add("carol", Entry::Invite(second), None);
        net.settle();
        assert_eq!(net.stop_of("carol"), None, "{suite:?}: the invite that she used is hers");
        net.disk_works = true;
        net.is_kept("ann");
        net.drive();
        assert_eq!(logged(&net, "ann").len(), 2, "{suite:?}");
        assert!(net.is_ready("carol"), "{suite:?}: {:?}", net.people["carol"].events);
    }
}

/// The next wish waits for the first one's entry, and builds on it.
#[test]
fn an_entry_that_the_host_logged_before_a_cut_is_not_signed_again() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo", "carol"]);
    let known = signed(&net).len();
    let (bo, carol) = (net.fingerprint("bo"), net.fingerprint("carol"));
    // The host logs the removal; its echo to Ann is lost with the link.
    net.tamper = Some(Box::new(|name, frame| (name != "ann").then_some(frame)));
    net.command("ann", Command::Remove(bo));
    net.command("ann", Command::Remove(carol));
    net.settle();
    assert_eq!(net.stop_of("bo"), Some(Stop::Removed));
    net.cut("ann");
    net.tamper = None;
    net.wait(10_000);
    assert_eq!(net.stop_of("carol"), Some(Stop::Removed));
    assert_eq!(signed(&net).len(), known + 2);
}

#[test]
fn an_entry_that_was_stored_and_never_sent_goes_out_after_a_restart() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", true);
        net.disk_works = false;
        let invite = net.invite();
        net.add("bo", Entry::Invite(invite.clone()), None);
        net.settle();
        let roster = signed(&net);
        let genesis = genesis_of(&net, "ann");
        net.cut("ann");
        let host = net.host_fingerprint();
        net.disk_works = true;
        let entry = Entry::Open { genesis, roster: roster.clone(), token: None, title: "Friday".to_owned() };
        net.add("ann", entry, Some(host));
        net.drive();
        net.add("bo", Entry::Invite(invite), None);
        net.drive();
        assert!(net.is_ready("bo"), "{suite:?}: {:?}", net.people["bo"].events);
        assert_eq!(logged(&net, "bo"), roster, "{suite:?}");
        assert!(signed(&net).is_empty(), "{suite:?}: nothing had to be signed again");
        net.send("ann", "welcome");
        net.drive();
        assert_eq!(net.inbox("bo"), ["welcome"], "{suite:?}");
    }
}

#[test]
fn a_room_without_a_title_has_none_for_anybody() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", false);
        let (genesis, host) = (genesis_of(&net, "ann"), net.host_fingerprint());
        net.cut("ann");
        net.add("ann", Entry::Open { genesis, roster: Vec::new(), token: None, title: String::new() }, Some(host));
        net.drive();
        net.invite_and_join("bo");
        net.drive();
        for name in ["ann", "bo"] {
            let is_title = |event: &Event| matches!(event, Event::Titled { .. });
            assert!(!net.people[name].events.iter().any(is_title), "{suite:?}: {name}");
        }
    }
}

#[test]
fn a_room_whose_end_was_stored_and_never_sent_ends_after_a_restart() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo"]);
    net.disk_works = false;
    net.command("ann", Command::CloseRoom);
    net.drive();
    assert_eq!(net.stop_of("bo"), None);
    let roster = signed(&net);
    let genesis = genesis_of(&net, "ann");
    net.cut("ann");
    let host = net.host_fingerprint();
    net.add("ann", Entry::Open { genesis, roster, token: None, title: String::new() }, Some(host));
    net.drive();
    assert_eq!(net.stop_of("bo"), Some(Stop::Closed));
    assert_eq!(net.stop_of("ann"), Some(Stop::Closed));
}

#[test]
fn the_safety_number_of_two_people_is_told_to_both_alike_and_in_learning_rooms_to_nobody() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let number = |net: &mut Net, of: &'static str, with: &str| {
            let member = net.fingerprint(with);
            net.command(of, Command::SafetyNumber(member));
            net.settle();
            net.people[of].events.iter().rev().find_map(|event| match event {
                Event::SafetyNumber(number) => {
                    Some((number.groups().map(str::to_owned).collect::<Vec<_>>(), number.other()))
                }
                _ => None,
            })
        };
        let (anns, bos) = (number(&mut net, "ann", "bo"), number(&mut net, "bo", "ann"));
        assert_eq!(anns.as_ref().map(|(text, _)| text), bos.as_ref().map(|(text, _)| text), "{suite:?}");
        assert_eq!(anns.map(|(_, other)| other), (!suite.is_learning()).then(|| net.fingerprint("bo")));
        let stranger = Fingerprint::of(b"stranger");
        let before = net.people["ann"].events.len();
        net.command("ann", Command::SafetyNumber(stranger));
        net.settle();
        assert_eq!(net.people["ann"].events.len(), before);
    }
}

#[test]
fn keys_of_another_suite_get_nobody_into_a_room() {
    let keys = identity(Suite::Textbook, 0);
    let mut client = Client::new(keys, crypto(Suite::Classical), "ann".to_owned(), Entry::Knock, None);
    client.start(START);
    let stop = Stop::Crypto(CryptoError::WrongSuite);
    assert_eq!(client.poll_output(), Some(Output::Event(Event::Stopped(stop))));
    assert_eq!((client.poll_output(), client.next_timeout()), (None, None), "nothing goes out");
}

#[test]
fn another_log_is_not_gone_on_with() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    let bo = net.people["bo"].client.identity().clone();
    let (room, log_hash) = (net.host.rooms().next().unwrap(), [0; 32]);
    let mut second = Rogue::link_at(&mut net.host, LinkId(99), &bo, net.now);
    let resume = Resume { log_hash: ByteArray::new(log_hash), position: 0, room: ByteArray::new(room.0) };
    second.send(&Frame::Resume(resume));
    assert_eq!(second.refused(), Some(RefuseCode::Gone));
    assert!(net.stop_of("bo").is_none());
}
