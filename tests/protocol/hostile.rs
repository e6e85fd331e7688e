//! Peers that break the rules: the host closes their link, and nobody else notices. Hosts that
//! break them: members find out, or see nothing they should not.

use std::cell::RefCell;
use std::rc::Rc;

use conversa::crypto::{CryptoError, Domain, Fingerprint, Suite};
use conversa::protocol::limits::{
    ANSWER_MS, DEAD_AFTER_MS, FIRST_FRAME_MS, KNOCKS_AN_ADDRESS_MAX, KNOCKS_WAITING_MAX, ROOMS_MAX, ROSTER_ENTRIES_MAX,
    SYNC_MS,
};
use conversa::protocol::{
    ByeCode, Command, Content, Entry, Event, Fault, Host, HostLimits, Identity, LinkError, LinkId, OpenPolicy,
    RefuseCode, RoomId, Stop, new_room,
};
use conversa::wire::{
    Bye, ByteArray, Bytes, Frame, FrameKind, Item, ItemKind, Join, JoinAnswer, JoinAsk, Lobby, Look, Msg, Open,
    RelayToken, Resume, Signed, Welcome, decode, encode,
};

use crate::forge::sign;
use crate::net::{Net, START, Seeded, identity};
use crate::rogue::Rogue;

fn host_with_room(suite: Suite) -> Host {
    let owner = identity(suite, 0);
    let mut host = Host::new(OpenPolicy::Only(vec![owner.fingerprint()]), HostLimits::default());
    let (_, genesis) = new_room(&owner, suite, true, 64, START, &mut Seeded::new(3)).unwrap();
    Rogue::link(&mut host, LinkId(0), &owner).send(&Frame::Open(Open { genesis, token: None }));
    host
}

#[test]
fn every_frame_out_of_place_ends_the_link() {
    let signed = || Signed { payload: Bytes::from(vec![1]), signature: Bytes::from(vec![2]) };
    let message = Msg { ciphertext: vec![1].into(), header: vec![2].into(), signature: vec![3].into() };
    let frames = [
        Frame::Roster(signed()),
        Frame::Prekey(signed()),
        Frame::Msg(message),
        Frame::Item(Item { kind: 1, position: 1, wrap: None, exact: vec![1].into() }),
    ];
    for frame in frames {
        let mut host = host_with_room(Suite::Textbook);
        let mut rogue = Rogue::link(&mut host, LinkId(9), &identity(Suite::Textbook, 1));
        rogue.send(&frame);
        assert_eq!(rogue.closed(), Some(ByeCode::Protocol), "{:?}", frame.kind());
        assert_eq!(host.rooms().count(), 1);
    }
}

#[test]
fn bodies_cut_at_every_byte_end_the_link_and_nothing_else() {
    let owner = identity(Suite::Textbook, 0);
    let (_, genesis) = new_room(&owner, Suite::Textbook, true, 64, START, &mut Seeded::new(4)).unwrap();
    let open = Frame::Open(Open { genesis, token: None }).to_bytes();
    for end in 5..open.len() {
        let mut host = host_with_room(Suite::Textbook);
        let mut rogue = Rogue::link(&mut host, LinkId(9), &owner);
        rogue.send_raw(FrameKind::Open, &open[5..end]);
        assert_eq!(rogue.closed(), Some(ByeCode::Protocol), "cut at {end}");
    }
    for kind in FrameKind::ALL {
        let mut host = host_with_room(Suite::Textbook);
        let mut rogue = Rogue::link(&mut host, LinkId(9), &owner);
        rogue.send_raw(*kind, b"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(rogue.closed(), Some(ByeCode::Protocol), "{kind:?}");
    }
}

#[test]
fn only_the_people_of_this_computer_or_the_token_open_rooms() {
    let (owner, other) = (identity(Suite::Textbook, 0), identity(Suite::Textbook, 1));
    let genesis_of = |identity| new_room(identity, Suite::Textbook, true, 64, START, &mut Seeded::new(5)).unwrap().1;
    let mut host = host_with_room(Suite::Textbook);
    let mut rogue = Rogue::link(&mut host, LinkId(9), &other);
    rogue.send(&Frame::Open(Open { genesis: genesis_of(&other), token: None }));
    assert_eq!(rogue.refused(), Some(RefuseCode::Open));
    rogue.send(&Frame::Open(Open { genesis: genesis_of(&owner), token: None }));
    assert_eq!(rogue.refused(), Some(RefuseCode::Open), "a room of somebody else");
    let mut relay = Host::new(OpenPolicy::Token(RelayToken::new([7; 32])), HostLimits::default());
    for (number, token, allowed) in [(1, None, false), (2, Some([8; 32]), false), (3, Some([7; 32]), true)] {
        let mut link = Rogue::link(&mut relay, LinkId(number), &other);
        link.send(&Frame::Open(Open { genesis: genesis_of(&other), token: token.map(RelayToken::new) }));
        assert_eq!(link.refused().is_none(), allowed, "{token:?}");
    }
}

/// Keys of few bits make signatures of many blocks, and so geneses three times as long as usual.
#[test]
fn a_lobby_is_never_longer_than_its_frame_may_be() {
    let backend = Suite::Textbook.backend();
    let keys = (backend.generate_signing(16).unwrap(), backend.generate_decryption(32).unwrap());
    let owner = Identity::new(keys.0, keys.1, START).unwrap();
    let mut host = Host::new(OpenPolicy::Anyone, HostLimits::default());
    for number in 0..ROOMS_MAX as u64 {
        let (_, genesis) = new_room(&owner, Suite::Textbook, true, 8, START, &mut Seeded::new(number)).unwrap();
        let open = Frame::Open(Open { genesis, token: None });
        assert!(open.fits());
        Rogue::link(&mut host, LinkId(number), &owner).send(&open);
    }
    assert_eq!(host.rooms().count(), ROOMS_MAX);
    let mut rogue = Rogue::link(&mut host, LinkId(99), &owner);
    rogue.send(&Frame::Look(Look { room: None }));
    let frames = rogue.frames();
    let Some(Frame::Lobby(lobby)) = frames.last() else { panic!("a lobby") };
    assert!(frames[0].fits() && lobby.rooms.len() < ROOMS_MAX && lobby.rooms.len() >= 16, "{}", lobby.rooms.len());
    assert_eq!(lobby.rooms.len(), lobby.members.len());
}

#[test]
fn whoever_says_nothing_is_let_go() {
    let mut host = host_with_room(Suite::Textbook);
    let mut rogue = Rogue::link(&mut host, LinkId(9), &identity(Suite::Textbook, 1));
    rogue.wait(FIRST_FRAME_MS - 1);
    assert_eq!(rogue.closed(), None);
    rogue.wait(1);
    assert_eq!(rogue.closed(), Some(ByeCode::TimedOut));
}

/// As clients of before do: whoever gave up a silent link says so, and is no less on the way back than after a cut.
#[test]
fn who_gave_up_a_silent_link_is_cut_and_not_gone() {
    let bye = |code: ByeCode| Frame::Bye(Bye { code: code.code() });
    for (code, cut) in [(ByeCode::TimedOut, true), (ByeCode::Leaving, false), (ByeCode::Protocol, false)] {
        let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
        net.people.get_mut("bo").unwrap().online = false;
        net.slip_in("bo", &bye(code));
        net.settle();
        net.cut("bo");
        net.settle();
        assert!(net.saw("ann", &Event::MemberAway { member: net.fingerprint("bo"), cut }), "{code:?}");
    }
}

/// A message's name is its sender's choice: another's words of the same name are other words.
#[test]
fn the_id_of_another_members_message_hides_no_words() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let id = net.send("bo", "of Bo");
        net.drive();
        net.command("carol", Command::Send { id, content: Content::text("of Carol"), said_ms: 0 });
        net.drive();
        assert_eq!(net.inbox("ann"), ["of Bo", "of Carol"], "{suite:?}");
    }
}

#[test]
fn a_member_that_stops_answering_counts_as_cut() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo", "carol"]);
    net.freeze("bo");
    net.wait(DEAD_AFTER_MS + 20_000);
    assert!(net.saw("ann", &Event::MemberAway { member: net.fingerprint("bo"), cut: true }));
    assert!(!net.saw("ann", &Event::MemberAway { member: net.fingerprint("carol"), cut: true }));
}

/// A host that is lively, and never gives what it promised: that wait ends too. Whoever never was
/// in is told; whoever was tries again later.
#[test]
fn a_host_that_promises_more_than_it_gives_is_given_up() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        promise_too_much(&mut net);
        let invite = net.invite();
        net.add("carol", Entry::Invite(invite), None);
        net.cut("bo");
        net.wait(SYNC_MS - 20_000);
        assert_eq!(net.stop_of("carol"), None);
        let lost = Event::Offline { error: LinkError::Cut, retry_in_ms: 0 };
        let times = |net: &Net| net.people["bo"].events.iter().filter(|event| is_like(event, &lost)).count();
        assert_eq!(times(&net), 1, "the cut itself");
        net.wait(60_000);
        assert_eq!(net.stop_of("carol"), Some(Stop::Unreachable(LinkError::Cut)));
        assert_eq!(times(&net), 2);
        net.tamper = None;
        net.cut("bo");
        net.wait(60_000);
        net.send("ann", "still there?");
        net.drive();
        assert_eq!(net.inbox("bo").last().map(String::as_str), Some("still there?"));
    }
}

/// What cannot be true is not waited for.
#[test]
fn a_welcome_that_promises_more_than_a_roster_may_have_ends_the_link_at_once() {
    let too_long =
        |welcome: Welcome| Welcome { roster_length: ROSTER_ENTRIES_MAX + 1, position: u64::MAX / 2, ..welcome };
    let no_place = |welcome: Welcome| Welcome { roster_length: welcome.position + 1, ..welcome };
    let changes: [fn(Welcome) -> Welcome; 2] = [too_long, no_place];
    for change in changes {
        let mut net = Net::new(Suite::Textbook, &["ann", "bo"]);
        let invite = net.invite();
        net.tamper = Some(Box::new(move |name, frame| match frame {
            Frame::Welcome(welcome) if name == "carol" => Some(Frame::Welcome(change(welcome))),
            frame => Some(frame),
        }));
        net.add("carol", Entry::Invite(invite), None);
        net.settle();
        assert_eq!(net.stop_of("carol"), Some(Stop::Protocol(Fault::Limit)));
    }
}

/// Who comes anew is promised more roster, who resumes more log.
fn promise_too_much(net: &mut Net) {
    net.tamper = Some(Box::new(|name, frame| match frame {
        Frame::Welcome(welcome) if name == "bo" => {
            Some(Frame::Welcome(Welcome { position: welcome.position + 5, ..welcome }))
        }
        Frame::Welcome(welcome) => {
            Some(Frame::Welcome(Welcome { roster_length: welcome.roster_length + 1, ..welcome }))
        }
        frame => Some(frame),
    }));
}

fn is_like(event: &Event, other: &Event) -> bool {
    std::mem::discriminant(event) == std::mem::discriminant(other)
}

/// The same before the welcome: the host neither lets in nor says no.
#[test]
fn a_host_that_never_decides_is_given_up() {
    let mut net = Net::new(Suite::Textbook, &["ann"]);
    net.tamper = Some(Box::new(|name, frame| {
        let is_life = matches!(frame, Frame::Ping(_) | Frame::Pong(_));
        (name == "ann" || is_life).then_some(frame)
    }));
    let invite = net.invite();
    net.add("carol", Entry::Invite(invite), None);
    net.wait(ANSWER_MS - 20_000);
    assert_eq!(net.stop_of("carol"), None);
    net.wait(40_000);
    assert_eq!(net.stop_of("carol"), Some(Stop::Unreachable(LinkError::Cut)));
}

/// Only an owner is asked who may come in; the rest is for hosts, or for another time.
#[test]
fn every_frame_out_of_place_stops_a_member() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo"]);
    let room = ByteArray::new(net.host.rooms().next().unwrap().0);
    let signed = Signed { payload: vec![1].into(), signature: vec![2].into() };
    let join = Join { bundle: signed.clone(), invite_id: None, knock: None, mac: None, room };
    let frames = [
        Frame::Look(Look { room: None }),
        Frame::Open(Open { genesis: signed.clone(), token: None }),
        Frame::Join(join.clone()),
        Frame::Resume(Resume { log_hash: room, position: 0, room }),
        Frame::Lobby(Lobby { rooms: Vec::new(), members: Vec::new() }),
        Frame::JoinAsk(JoinAsk { join: encode(&join).into(), number: 1 }),
        Frame::JoinAnswer(JoinAnswer { answer: 0, number: 1 }),
        Frame::Roster(signed.clone()),
        Frame::Prekey(signed),
    ];
    for frame in frames {
        net.add_and_join("carol");
        net.inject("carol", &frame);
        assert_eq!(net.stop_of("carol"), Some(Stop::Protocol(Fault::Unexpected)), "{:?}", frame.kind());
        let carol = net.fingerprint("carol");
        net.cut("carol");
        net.command("ann", Command::Remove(carol));
        net.drive();
    }
}

#[test]
fn a_stranger_cannot_resume_as_a_member() {
    let mut host = host_with_room(Suite::Textbook);
    let room = host.rooms().next().unwrap();
    let mut rogue = Rogue::link(&mut host, LinkId(9), &identity(Suite::Textbook, 1));
    let resume = Resume { log_hash: ByteArray::new(room.0), position: 0, room: ByteArray::new(room.0) };
    rogue.send(&Frame::Resume(resume));
    assert_eq!(rogue.refused(), Some(RefuseCode::NoRoom));
}

#[test]
fn only_so_many_wait_for_the_owner() {
    let mut net = Net::with_owner(Suite::Textbook, "ann", true);
    let (room, host) = (net.host.rooms().next().unwrap(), net.host_fingerprint());
    let names: Vec<&'static str> =
        (0..=KNOCKS_AN_ADDRESS_MAX).map(|n| &*Box::leak(format!("w{n:02}").into_boxed_str())).collect();
    for name in &names {
        net.add(name, Entry::Knock, Some(host));
        net.settle();
        net.command(name, Command::Knock(room));
        net.settle();
    }
    assert_eq!(net.stop_of(names[KNOCKS_AN_ADDRESS_MAX]), Some(Stop::Refused(RefuseCode::Busy)));
    assert!(names[..KNOCKS_AN_ADDRESS_MAX].iter().all(|name| net.stop_of(name).is_none()));
    // Whoever knocks keeps out nobody who was invited, not even from the same address.
    net.add_and_join("bo");
    net.drive();
    assert!(net.is_ready("bo"), "{:?}", net.people["bo"].events);
}

/// The question of somebody without an invite, as the document has it.
#[derive(serde::Serialize)]
struct Knock {
    a: Fingerprint,
    r: RoomId,
    t: u64,
    v: u8,
}

/// The same at the owner, should the host let more through.
#[test]
fn an_owner_is_asked_by_so_many_and_says_no_to_the_rest() {
    let mut net = Net::with_owner(Suite::Textbook, "ann", true);
    let (room, host) = (net.host.rooms().next().unwrap(), net.host_fingerprint());
    let asked = Rc::new(RefCell::new(None));
    let ask = Rc::clone(&asked);
    net.tamper = Some(Box::new(move |_, frame| {
        if let Frame::JoinAsk(seen) = &frame {
            ask.replace(Some(seen.clone()));
        }
        Some(frame)
    }));
    net.add("bo", Entry::Knock, Some(host));
    net.drive();
    net.command("bo", Command::Knock(room));
    net.drive();
    let knock: JoinAsk = asked.borrow().clone().unwrap();
    for others in 1..=KNOCKS_WAITING_MAX as u64 {
        let mut join: Join = decode(&knock.join).unwrap();
        let again = Knock { a: net.fingerprint("bo"), r: room, t: net.now.unix_ms + others, v: 1 };
        join.knock = Some(sign(identity(Suite::Textbook, 1).signing().as_ref(), Domain::Knock, &again));
        let ask = JoinAsk { number: knock.number + others, join: encode(&join).into() };
        let events = net.inject("ann", &Frame::JoinAsk(ask));
        assert_eq!(events.len(), usize::from(others < KNOCKS_WAITING_MAX as u64), "with {others} others");
    }
}

/// Lets `change` alter each message item on its way to `victim`.
fn tamper_messages(net: &mut Net, victim: &'static str, mut change: impl FnMut(&mut Item) -> bool + 'static) {
    net.tamper = Some(Box::new(move |name, frame| match frame {
        Frame::Item(mut item) if name == victim && item.kind == ItemKind::Msg.code() => {
            change(&mut item).then_some(Frame::Item(item))
        }
        frame => Some(frame),
    }));
}

#[test]
fn a_dropped_item_is_noticed() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let mut first = true;
        tamper_messages(&mut net, "bo", move |_| !std::mem::take(&mut first));
        net.send("ann", "dropped");
        net.settle();
        net.send("ann", "next");
        net.settle();
        assert_eq!(net.stop_of("bo"), Some(Stop::Protocol(Fault::BrokenLog)), "{suite:?}");
        assert_eq!(net.inbox("carol"), ["dropped", "next"]);
    }
}

#[test]
fn a_dropped_item_with_the_rest_renumbered_is_seen_as_lost_words_and_as_a_fork() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.settle();
        let dropped = Rc::new(RefCell::new(0));
        let count = Rc::clone(&dropped);
        net.tamper = Some(Box::new(move |name, frame| match frame {
            Frame::Item(mut item) if name == "bo" => {
                let mut count = count.borrow_mut();
                if item.kind == ItemKind::Msg.code() && *count == 0 {
                    *count = 1;
                    return None;
                }
                item.position -= *count;
                Some(Frame::Item(item))
            }
            frame => Some(frame),
        }));
        net.send("ann", "dropped");
        net.settle();
        assert_eq!(*dropped.borrow(), 1);
        net.send("ann", "next");
        net.settle();
        assert_eq!(net.inbox("bo"), ["next"], "{suite:?}");
        let ann = net.fingerprint("ann");
        assert!(net.saw("bo", &Event::Lost { from: ann, count: 1 }), "{suite:?}: {:?}", net.people["bo"].events);
        net.send("carol", "I saw both");
        net.settle();
        let carol = net.fingerprint("carol");
        assert!(net.saw("bo", &Event::Fork { from: carol }) || net.saw("bo", &Event::Fork { from: ann }), "{suite:?}");
    }
}

#[test]
fn a_changed_message_is_not_shown() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        tamper_messages(&mut net, "bo", |item| {
            let middle = item.exact.len() / 2;
            item.exact[middle] ^= 1;
            true
        });
        net.send("ann", "pay Bo 10");
        net.settle();
        assert_eq!(net.inbox("bo"), Vec::<String>::new(), "{suite:?}");
    }
}

#[test]
fn a_repeated_message_is_not_shown_twice() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let kept: Rc<RefCell<Option<Bytes>>> = Rc::default();
        let keep = Rc::clone(&kept);
        tamper_messages(&mut net, "bo", move |item| {
            let mut kept = keep.borrow_mut();
            match kept.clone() {
                None => *kept = Some(item.exact.clone()),
                Some(first) => item.exact = first,
            }
            true
        });
        net.send("ann", "once");
        net.send("ann", "never arrives");
        net.settle();
        assert_eq!(net.inbox("bo"), ["once"], "{suite:?}");
    }
}

#[test]
fn a_roster_entry_the_owner_did_not_sign_stops_the_room() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.tamper = Some(Box::new(|name, frame| match frame {
            Frame::Item(mut item) if name == "bo" && item.kind == ItemKind::Roster.code() => {
                let last = item.exact.len() - 1;
                item.exact[last] ^= 1;
                Some(Frame::Item(item))
            }
            frame => Some(frame),
        }));
        net.add_and_join("carol");
        net.drive();
        let stop = net.stop_of("bo");
        let refused =
            [CryptoError::Signature, CryptoError::BadEncoding].map(|error| Some(Stop::Protocol(error.into())));
        assert!(refused.contains(&stop), "{suite:?}: {stop:?}");
        assert_eq!(net.stop_of("ann"), None);
    }
}

#[test]
fn another_room_than_the_invited_one_is_refused() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", false);
        let other = new_room(&identity(suite, 0), suite, false, 8, START, &mut Seeded::new(99)).unwrap().1;
        net.tamper = Some(Box::new(move |name, frame| match frame {
            Frame::Welcome(mut welcome) if name == "bo" => {
                welcome.genesis = other.clone();
                Some(Frame::Welcome(welcome))
            }
            frame => Some(frame),
        }));
        let invite = net.invite();
        net.add("bo", Entry::Invite(invite), None);
        net.drive();
        assert_eq!(net.stop_of("bo"), Some(Stop::WrongRoom), "{suite:?}");
    }
}
