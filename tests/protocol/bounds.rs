//! What happens at each limit, and that it is where it should be.

use std::cell::Cell;
use std::rc::Rc;

use conversa::crypto::{Domain, Fingerprint, Suite, primitives};
use conversa::protocol::limits::{
    BYTES_BURST, CHAIN_MESSAGES_MAX, INVITES_MAX, KEYS_BURST, LOG_BYTES_KEPT, LOG_ITEMS_KEPT, MESSAGES_BURST,
    OUTBOX_MAX, PREKEY_LIFE_MS, PREKEY_OLD_MS, QUESTIONS_BURST, RETRY_MAX_MS, WAITING_MS,
};
use conversa::protocol::{
    ByeCode, Command, Entry, Event, Host, HostLimits, LinkId, OpenPolicy, RefuseCode, RoomId, Stop, new_room,
};
use conversa::wire::{
    ByteArray, Frame, FrameKind, ItemKind, Look, Msg, Open, Ping, Resume, Signed, SkPacket, Wrap, encode,
};

use crate::net::{Net, START, Seeded, identity};
use crate::payloads::{Common, Header};
use crate::rogue::Rogue;

#[test]
fn an_outbox_takes_so_many_and_says_when_it_is_full() {
    let mut net = Net::with_owner(Suite::Textbook, "ann", false);
    let ids: Vec<_> = (0..=OUTBOX_MAX).map(|n| net.send("ann", &n.to_string())).collect();
    net.drive();
    assert!(net.saw("ann", &Event::Queued { id: ids[OUTBOX_MAX - 1] }));
    assert!(net.saw("ann", &Event::OutboxFull { id: ids[OUTBOX_MAX] }));
}

#[test]
fn what_was_not_sealed_yet_can_be_called_back() {
    let mut net = Net::with_owner(Suite::Classical, "ann", false);
    let id = net.send("ann", "oops");
    net.send("ann", "fine");
    net.command("ann", Command::Cancel(id));
    net.invite_and_join("bo");
    net.drive();
    assert_eq!(net.inbox("bo"), ["fine"]);
}

#[test]
fn what_was_called_back_on_its_way_goes_no_second_time() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    let id = net.send("bo", "oops");
    net.command("bo", Command::Cancel(id));
    net.send("bo", "fine");
    net.cut("bo");
    for _ in 0..10 {
        net.drive();
    }
    assert_eq!(net.inbox("ann"), ["fine"]);
}

#[test]
fn a_chain_ends_after_a_thousand_words_and_another_goes_on() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    let announcements = Rc::new(Cell::new(0));
    let count = Rc::clone(&announcements);
    net.tamper = Some(Box::new(move |name, frame| {
        if let Frame::Item(item) = &frame
            && name == "bo"
            && item.kind == ItemKind::SkPacket.code()
        {
            count.set(count.get() + 1);
        }
        Some(frame)
    }));
    let words = usize::try_from(CHAIN_MESSAGES_MAX).unwrap() + 20;
    let sent: Vec<String> = (0..words).map(|n| n.to_string()).collect();
    for chunk in sent.chunks(500) {
        for text in chunk {
            net.send("ann", text);
        }
        net.wait_in_steps(40_000, 500);
    }
    assert!(net.inbox("bo") == sent, "{} of {words} arrived", net.inbox("bo").len());
    assert!(announcements.get() >= 1, "the first chain was announced before, the second now");
}

#[test]
fn whoever_misses_more_than_is_kept_starts_anew_and_hears_the_rest() {
    const KEPT: usize = 1_000;
    let limits = HostLimits { log_items: KEPT, ..HostLimits::default() };
    let mut net = Net::with_host(Suite::Textbook, "ann", false, 8, limits);
    net.invite_and_join("bo");
    net.invite_and_join("carol");
    net.people.get_mut("bo").unwrap().online = false;
    net.cut("bo");
    for n in 0..KEPT + 10 {
        net.send("ann", &n.to_string());
        if n % 400 == 399 {
            net.wait_in_steps(30_000, 500);
        }
    }
    net.wait_in_steps(30_000, 500);
    net.people.get_mut("bo").unwrap().online = true;
    net.wait(2 * RETRY_MAX_MS);
    net.send("carol", "still with us?");
    net.drive();
    assert_eq!(net.inbox("bo"), ["still with us?"]);
    assert_eq!(net.inbox("carol").len(), KEPT + 10);
}

#[test]
fn prekeys_are_renewed_every_day_and_words_go_on() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    let renewed = Rc::new(Cell::new(0));
    let count = Rc::clone(&renewed);
    net.tamper = Some(Box::new(move |name, frame| {
        if let Frame::Item(item) = &frame
            && name == "ann"
            && item.kind == ItemKind::Prekey.code()
        {
            count.set(count.get() + 1);
        }
        Some(frame)
    }));
    net.wait(PREKEY_LIFE_MS + 60_000);
    assert_eq!(renewed.get(), 2, "one of each");
    net.send("ann", "good morning");
    net.drive();
    assert_eq!(net.inbox("bo"), ["good morning"]);
}

#[test]
fn keys_can_be_refreshed_by_hand_without_losing_words() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    for round in 0..10 {
        net.command("bo", Command::RefreshKeys);
        net.send("ann", &round.to_string());
        net.wait(10_000);
    }
    assert_eq!(net.inbox("bo"), (0..10).map(|round| round.to_string()).collect::<Vec<_>>());
}

/// It would live on until the next ping otherwise, or for as long as nothing else is due.
#[test]
fn whoever_runs_a_client_is_asked_to_wake_it_when_a_private_prekey_is_to_go() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    net.command("bo", Command::RefreshKeys);
    net.settle();
    let due = net.now.monotonic_ms + PREKEY_OLD_MS;
    net.wait(PREKEY_OLD_MS - 10_000);
    net.send("ann", "a sign of life");
    // Until nobody asks whether that arrived.
    net.wait(5_000);
    assert_eq!(net.people["bo"].client.next_timeout(), Some(due));
    net.wait(10_000);
    assert_ne!(net.people["bo"].client.next_timeout(), Some(due), "it is gone");
}

/// A key nobody is told of is no key: it is made when there is somebody to tell, and the old one stays until then.
#[test]
fn keys_refreshed_while_away_are_announced_on_the_way_back() {
    for suite in [Suite::Classical, Suite::Hybrid] {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.people.get_mut("bo").unwrap().online = false;
        net.cut("bo");
        net.command("bo", Command::RefreshKeys);
        net.people.get_mut("bo").unwrap().online = true;
        net.wait(PREKEY_OLD_MS + 60_000);
        net.add_and_join("carol");
        net.send("ann", "welcome back");
        net.drive();
        assert_eq!(net.inbox("bo"), ["welcome back"], "{suite:?}: {:?}", net.people["bo"].events);
    }
}

#[test]
fn the_oldest_of_too_many_invites_goes() {
    let mut net = Net::with_owner(Suite::Textbook, "ann", false);
    let first = net.invite();
    for _ in 0..INVITES_MAX {
        net.advance(1);
        net.command("ann", Command::Invite { addresses: vec!["127.0.0.1:9000".to_owned()], life_ms: 3_600_000 });
        net.settle();
    }
    let last = net.invite();
    net.add("bo", Entry::Invite(first), None);
    net.drive();
    assert_eq!(net.stop_of("bo"), Some(Stop::Refused(RefuseCode::Invite)));
    net.add("carol", Entry::Invite(last), None);
    net.drive();
    assert!(net.is_ready("carol"));
}

#[test]
fn a_flood_of_keys_ends_the_link() {
    let (mut host, genesis, _) = host_and_room();
    let mut rogue = Rogue::link(&mut host, LinkId(1), &identity(Suite::Textbook, 0));
    rogue.send(&Frame::Open(Open { genesis, token: None }));
    let garbage = || Signed { payload: vec![1].into(), signature: vec![2].into() };
    for _ in 0..KEYS_BURST {
        rogue.send(&Frame::Prekey(garbage()));
    }
    assert_eq!(rogue.closed(), None, "a prekey that does not hold is only dropped");
    rogue.send(&Frame::Prekey(garbage()));
    assert_eq!(rogue.closed(), Some(ByeCode::Rate));
}

#[test]
fn a_flood_of_questions_ends_the_link() {
    for question in [Frame::Ping(Ping { number: 1 }), Frame::Look(Look { room: None })] {
        let (mut host, _, _) = host_and_room();
        let mut rogue = Rogue::link(&mut host, LinkId(1), &identity(Suite::Textbook, 1));
        (0..QUESTIONS_BURST).for_each(|_| rogue.send(&question));
        assert_eq!(rogue.closed(), None);
        rogue.send(&question);
        assert_eq!(rogue.closed(), Some(ByeCode::Rate), "{:?}", question.kind());
    }
}

#[test]
fn a_flood_of_messages_or_bytes_ends_the_link() {
    for (bytes, most) in [(10, MESSAGES_BURST), (60_000, BYTES_BURST / 60_000)] {
        let (mut host, genesis, room) = host_and_room();
        let owner = identity(Suite::Textbook, 0);
        let mut rogue = Rogue::link(&mut host, LinkId(1), &owner);
        rogue.send(&Frame::Open(Open { genesis, token: None }));
        let message = Frame::Msg(Msg {
            ciphertext: vec![0; bytes].into(),
            header: header(owner.fingerprint(), room).into(),
            signature: vec![0; 64].into(),
        });
        let taken = (0..100).take_while(|_| {
            rogue.send(&message);
            rogue.closed().is_none()
        });
        assert!((most - 1..=most).contains(&taken.count().try_into().unwrap()), "messages of {bytes} bytes");
        assert_eq!(rogue.closed(), Some(ByeCode::Rate));
    }
}

/// A host keeps so many bytes and items of its log; who missed more comes back with `Join`.
#[test]
fn a_log_keeps_its_newest_bytes_and_who_missed_older_ones_starts_anew() {
    let messages = LOG_BYTES_KEPT / 60_000 + 10;
    come_back_to(60_000, messages, |position| match messages as u64 - position {
        0..=100 => Some(true),
        _ if position <= 3 => Some(false),
        _ => None,
    });
}

#[test]
fn a_log_keeps_its_newest_items_and_who_missed_older_ones_starts_anew() {
    let messages = LOG_ITEMS_KEPT + 10;
    come_back_to(10, messages, |position| match messages - usize::try_from(position).unwrap() {
        0 | 1 | LOG_ITEMS_KEPT => Some(true),
        missed if missed > LOG_ITEMS_KEPT => Some(false),
        _ => None,
    });
}

/// Fills a log, and resumes it from each position of which it is known whether that works.
fn come_back_to(bytes: usize, messages: usize, works: impl Fn(u64) -> Option<bool>) {
    let (mut host, genesis, room) = host_and_room();
    let owner = identity(Suite::Textbook, 0);
    let open = Frame::Open(Open { genesis, token: None });
    let message = Frame::Msg(Msg {
        ciphertext: vec![0; bytes].into(),
        header: header(owner.fingerprint(), room).into(),
        signature: vec![0; 64].into(),
    });
    let mut talker = Rogue::link(&mut host, LinkId(1), &owner);
    talker.send(&open);
    for _ in 0..messages {
        talker.now = talker.now.later(1_000);
        talker.send(&message);
    }
    assert_eq!(talker.closed(), None);
    let (now, mut hash) = (talker.now, room.0);
    for position in 1..=messages as u64 {
        let exact = primitives::sha256(&message.to_bytes()[5..]);
        hash = primitives::labelled_hash("log", &[&hash, &[ItemKind::Msg.code()], &exact]);
        let Some(works) = works(position) else { continue };
        let mut back = Rogue::link_at(&mut host, LinkId(10_000 + position), &owner, now);
        back.send(&Frame::Resume(Resume { log_hash: ByteArray::new(hash), position, room: ByteArray::new(room.0) }));
        let refused = if works { None } else { Some(RefuseCode::Gone) };
        assert_eq!(back.refused(), refused, "position {position} of {messages}");
    }
}

/// An announcement counts as what it takes to send it to everybody, and no more.
#[test]
fn a_log_keeps_many_announcements_for_who_was_cut_off() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo", "carol"]);
    net.people.get_mut("carol").unwrap().online = false;
    net.cut("carol");
    let words: Vec<String> = (0..20).map(|round| round.to_string()).collect();
    for word in &words {
        net.command("bo", Command::RefreshKeys);
        net.wait(2_000);
        net.send("ann", word);
        net.drive();
    }
    net.people.get_mut("carol").unwrap().online = true;
    net.wait(2 * RETRY_MAX_MS);
    assert_eq!(net.inbox("carol"), words);
}

#[test]
fn who_knocks_waits_two_minutes_for_the_owner_and_no_longer() {
    let mut net = Net::with_owner(Suite::Textbook, "ann", true);
    let (room, host) = (net.host.rooms().next().unwrap(), net.host_fingerprint());
    net.add("bo", Entry::Knock, Some(host));
    net.drive();
    net.command("bo", Command::Knock(room));
    net.drive();
    net.wait(WAITING_MS - 20_000);
    assert_eq!(net.stop_of("bo"), None);
    net.wait(40_000);
    assert_eq!(net.stop_of("bo"), Some(Stop::Refused(RefuseCode::OwnerAway)));
    assert!(net.saw("ann", &Event::KnockOver { member: net.fingerprint("bo") }));
}

/// Whoever runs them would never sleep otherwise.
#[test]
fn machines_at_rest_ask_to_be_woken_later_and_not_at_once() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.drive();
        let now_ms = net.now.monotonic_ms;
        let clients = net.people.values().map(|person| person.client.next_timeout());
        for due in clients.chain([net.host.next_timeout()]) {
            assert!(due.is_some_and(|due| due > now_ms), "{suite:?}: {due:?} at {now_ms}");
        }
    }
}

/// Its recipient could not be sent it: the item would be longer than the link lets through.
#[test]
fn a_wrap_too_long_for_its_recipients_item_ends_the_link_of_its_sender() {
    let owner = identity(Suite::Textbook, 0);
    for (rsa_bytes, is_taken) in [(1_700, true), (2_048, false), (80_000, false)] {
        let (mut host, genesis, room) = host_and_room();
        let mut rogue = Rogue::link(&mut host, LinkId(1), &owner);
        rogue.send(&Frame::Open(Open { genesis, token: None }));
        let zeros = ByteArray::new([0; 32]);
        let (a, h) = (owner.fingerprint(), ByteArray::new(room.0));
        let payload = encode(&Common { a, c: zeros, g: zeros, h, n: 1, q: 0, r: room, v: 1 });
        let signature = owner.signing().sign(Domain::SenderKey, &payload).unwrap();
        let common = Signed { payload: payload.into(), signature: signature.into() };
        let wrap = Wrap {
            rsa: vec![1; rsa_bytes].into(),
            ephemeral: zeros,
            prekey_index: 1,
            ml_kem: None,
            recipient: a,
            sealed: ByteArray::new([0; 48]),
        };
        let packet = Frame::SkPacket(SkPacket { common, wraps: vec![wrap] });
        assert!(packet.fits());
        rogue.send(&packet);
        assert_eq!(rogue.closed().is_none(), is_taken, "{rsa_bytes}: {:?}", rogue.closed());
        assert_eq!(rogue.frames().iter().any(|frame| matches!(frame, Frame::Item(_))), is_taken);
    }
}

/// What a host can see of an announcement has to hold; what it was told already it passes over.
#[test]
fn an_announcement_is_passed_on_once_and_for_the_roster_that_holds() {
    let owner = identity(Suite::Textbook, 0);
    let (mut host, genesis, room) = host_and_room();
    let mut rogue = Rogue::link(&mut host, LinkId(1), &owner);
    rogue.send(&Frame::Open(Open { genesis, token: None }));
    let zeros = ByteArray::new([0; 32]);
    let good =
        Common { a: owner.fingerprint(), c: zeros, g: zeros, h: ByteArray::new(room.0), n: 2, q: 0, r: room, v: 1 };
    let announce = |rogue: &mut Rogue<'_>, common: Common| {
        let before = rogue.frames().len();
        let payload = encode(&common);
        let signature = owner.signing().sign(Domain::SenderKey, &payload).unwrap();
        let common = Signed { payload: payload.into(), signature: signature.into() };
        rogue.send(&Frame::SkPacket(SkPacket { common, wraps: Vec::new() }));
        rogue.frames()[before..].iter().map(Frame::kind).collect::<Vec<_>>()
    };
    assert_eq!(announce(&mut rogue, Common { h: zeros, ..good.clone() }), [FrameKind::Refuse]);
    assert_eq!(announce(&mut rogue, Common { q: 1, ..good.clone() }), [FrameKind::Refuse]);
    assert_eq!(rogue.refused(), Some(RefuseCode::Stale));
    assert_eq!(announce(&mut rogue, good.clone()), [FrameKind::Item]);
    for old in [1, 2] {
        assert_eq!(announce(&mut rogue, Common { n: old, ..good.clone() }), [], "number {old} after 2");
    }
    assert_eq!(announce(&mut rogue, Common { n: 3, ..good.clone() }), [FrameKind::Item]);
    assert_eq!(rogue.closed(), None);
    announce(&mut rogue, Common { r: RoomId([9; 32]), n: 4, ..good });
    assert_eq!(rogue.closed(), Some(ByeCode::Protocol));
}

fn host_and_room() -> (Host, Signed, RoomId) {
    let owner = identity(Suite::Textbook, 0);
    let host = Host::new(OpenPolicy::Only(vec![owner.fingerprint()]), HostLimits::default());
    let (room, genesis) = new_room(&owner, Suite::Textbook, true, 64, START, &mut Seeded::new(5)).unwrap();
    (host, genesis, room)
}

fn header(sender: Fingerprint, room: RoomId) -> Vec<u8> {
    let zeros = ByteArray::new([0; 32]);
    encode(&Header { a: sender, h: zeros, i: 0, l: zeros, m: 0, q: 0, r: room, v: 1 })
}
