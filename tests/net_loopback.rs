//! Rooms over real sockets on this computer, on every suite.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

#[path = "common/accept.rs"]
mod accept;
#[path = "common/events.rs"]
mod events;
#[path = "common/free_port.rs"]
mod free_port;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/keys.rs"]
mod keys;
mod net_support;
#[path = "common/next.rs"]
mod next;
#[path = "common/patience.rs"]
mod patience;
#[path = "common/skip.rs"]
mod skip;
#[path = "common/until.rs"]
mod until;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;

#[cfg(target_os = "linux")]
use socket2::{Domain, Socket, Type};

use conversa::crypto::{Fingerprint, Suite, SystemRandom};
use conversa::net::{Command, Event, ListenError, ListenerId, NetLimits, Resolver};
use conversa::protocol::{
    self, ByeCode, Client, Entry, HostEvent, Keep, LinkError, OpenPolicy, RoomId, Stop, new_room,
};

use self::accept::accept;
use self::events::events_of;
use self::free_port::free_address;
use self::joined::joined;
use self::net_support::{Wire, World, crypto, id, identity, now};
use self::next::next_before;
use self::patience::{PATIENCE, deadline};
use self::skip::skip;

#[test]
fn three_people_talk() {
    for suite in Suite::ALL {
        let mut world = World::new(suite);
        let address = world.host();
        world.open(address);
        world.wait("the room", |event| match event {
            Event::Host { event: HostEvent::RoomOpened(room), .. } => Some(*room),
            _ => None,
        });
        world.join("bo", address);
        world.join("carol", address);
        world.says("ann", &["bo", "carol"]);
        world.says("bo", &["ann", "carol"]);
        world.says("carol", &["bo", "ann"]);
    }
}

#[test]
fn sixty_four_people_are_in_one_room() {
    let mut world = World::new(Suite::Classical);
    let address = world.host();
    world.open(address);
    let others: Vec<String> = (0..63).map(|number| format!("crowd {number}")).collect();
    others.iter().for_each(|name| world.join(name, address));
    let names: Vec<&str> = others.iter().map(String::as_str).collect();
    world.says("ann", &names);
    world.says("crowd 62", &["ann", "crowd 0", "crowd 31"]);
}

#[test]
fn thirty_two_rooms_are_on_one_host() {
    let mut world = World::new(Suite::Classical);
    let address = world.host_at("127.0.0.1:0".parse().unwrap(), NetLimits::default());
    let keys = identity(Suite::Classical, "ann");
    // Ann owns each of them, under the numbers of others.
    for number in 0..32 {
        let (_, genesis) = new_room(&keys, Suite::Classical, false, 8, now(), &mut SystemRandom::new()).unwrap();
        let entry = Entry::Open { genesis, roster: Vec::new(), token: None, title: format!("room {number}") };
        let crypto = crypto(Suite::Classical);
        let client = Client::new(Arc::clone(&keys), crypto, "ann".to_owned(), entry, Some(keys.fingerprint()));
        let (id, addresses) = (id(&format!("crowd {number}")), vec![address.to_string()]);
        world.handle.send(Command::Add { id, client: Box::new(client), addresses });
    }
    (0..32).for_each(|number| world.ready(&format!("crowd {number}")));
    let rooms: BTreeSet<RoomId> = (0..32)
        .map(|_| {
            world.wait("a room", |event| match event {
                Event::Host { event: HostEvent::RoomOpened(room), .. } => Some(*room),
                _ => None,
            })
        })
        .collect();
    assert_eq!(rooms.len(), 32);
}

#[test]
fn a_taken_port_and_a_foreign_address_are_told() {
    let mut world = World::new(Suite::Classical);
    let taken = world.host();
    let mut why = |address: SocketAddr| {
        let keys = identity(Suite::Classical, "bo");
        let policy = OpenPolicy::Anyone;
        let (listener, limits) = (ListenerId(2), NetLimits::default());
        world.handle.send(Command::Listen { listener, address, identity: keys, policy, limits, log: None });
        world.wait("a refusal", |event| match event {
            Event::ListenFailed { listener: ListenerId(2), address: at, reason } if *at == address => {
                Some(reason.clone())
            }
            _ => None,
        })
    };
    assert_eq!(why(taken), ListenError::InUse);
    // An address that belongs to nobody (RFC 5737).
    assert_eq!(why("192.0.2.1:0".parse().unwrap()), ListenError::NotAvailable);
}

#[test]
fn a_freed_port_can_be_listened_on_again() {
    let mut world = World::new(Suite::Classical);
    let address = world.host();
    world.open(address);
    world.handle.send(Command::Unlisten(ListenerId(1)));
    world.told_to("ann", "offline", |event| matches!(event, protocol::Event::Offline { .. }).then_some(()));
    assert_eq!(world.host_at(address, NetLimits::default()), address);
    world.ready("ann");
}

#[test]
fn a_room_goes_on_after_its_host_was_restarted() {
    for suite in Suite::ALL {
        let mut hosting = World::new(suite);
        let address = hosting.host();
        let genesis = hosting.open(address);
        let mut away = World::new(suite);
        let invite = hosting.invite(address);
        away.add("bo", Entry::Invite(invite), None, &[&address.to_string()]);
        away.ready("bo");
        let entry = hosting.wait("a roster entry", |event| match event {
            Event::Keep { what: Keep::Entry { entry, .. }, .. } => Some(entry.clone()),
            _ => None,
        });
        hosting.handle.send(Command::Shutdown);
        hosting.wait("the end", |event| matches!(event, Event::Stopped).then_some(()));
        let error = away.told_to("bo", "offline", |event| match event {
            protocol::Event::Offline { error, .. } => Some(error.clone()),
            _ => None,
        });
        assert_eq!(error, LinkError::Goodbye(ByeCode::GoingAway));

        let mut again = World::new(suite);
        again.host_at(address, NetLimits::default());
        again.reopen(address, genesis, vec![entry]);
        away.command("bo", protocol::Command::RetryNow);
        away.ready("bo");
    }
}

#[test]
fn a_host_that_dies_without_a_word_is_a_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let worker = thread::spawn(move || drop(accept(&listener)));
    let mut world = World::new(Suite::Classical);
    world.add("bo", Entry::Knock, None, &[&address.to_string()]);
    assert_eq!(world.is_unreachable("bo"), LinkError::Cut);
    joined(worker, "the end of the other program");
}

#[test]
fn a_broken_wire_is_a_cut_for_both_sides_and_mended() {
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, NetLimits::default());
        let wire = Wire::to(address);
        world.join("carol", wire.address);
        wire.cut();
        let error = world.told_to("carol", "offline", |event| match event {
            protocol::Event::Offline { error, .. } => Some(error.clone()),
            _ => None,
        });
        assert_eq!(error, LinkError::Cut);
        let cut = world.told_to("bo", "carol is away", |event| match event {
            protocol::Event::MemberAway { cut, .. } => Some(*cut),
            _ => None,
        });
        assert!(cut);
        world.command("carol", protocol::Command::RetryNow);
        world.ready("carol");
        world.says("carol", &["ann", "bo"]);
    }
}

#[test]
fn what_keeps_a_host_from_being_reached_is_told() {
    let free = free_address().to_string();
    let cases = [
        (free.as_str(), LinkError::Refused { address: free.clone() }),
        ("no-such-name.invalid:9000", LinkError::NoSuchHost { address: "no-such-name.invalid:9000".into() }),
        ("nonsense", LinkError::NoSuchHost { address: "nonsense".into() }),
    ];
    for suite in Suite::ALL {
        for (address, expected) in &cases {
            let mut world = World::new(suite);
            world.add("bo", Entry::Knock, None, &[address]);
            assert_eq!(world.is_unreachable("bo"), *expected);
        }
    }
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for suite in Suite::ALL {
        let mut world = World::with_limits(suite, NetLimits { handshake_ms: 200, ..NetLimits::default() });
        world.add("bo", Entry::Knock, None, &[&address]);
        assert_eq!(world.is_unreachable("bo"), LinkError::TimedOut { address: address.clone() });
    }
}

/// A listener that takes nobody and whose queue is full: the system drops what asks to be let in,
/// as a firewall does.
#[cfg(target_os = "linux")]
fn black_hole() -> (Socket, Vec<Socket>, SocketAddr) {
    let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let listener = socket();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let queued = (0..4)
        .map(|_| {
            let client = socket();
            client.set_nonblocking(true).unwrap();
            // It is under way, or already in the queue; both is right.
            let _ = client.connect(&address);
            client
        })
        .collect();
    (listener, queued, address.as_socket().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_swallows_everything_is_given_up() {
    let (_listener, _queued, address) = black_hole();
    let address = address.to_string();
    for suite in Suite::ALL {
        // The handshake's patience is not what ends it.
        let limits = NetLimits { connect_ms: 200, handshake_ms: u64::from(u32::MAX), ..NetLimits::default() };
        let mut world = World::with_limits(suite, limits);
        world.add("bo", Entry::Knock, None, &[&address]);
        assert_eq!(world.is_unreachable("bo"), LinkError::TimedOut { address: address.clone() });
    }
}

#[test]
fn a_name_that_is_looked_up_for_too_long_is_given_up() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let resolver: Resolver = |_| {
        ASKED.fetch_add(1, Ordering::SeqCst);
        // Longer than anybody waits here; the thread ends with the test program.
        thread::sleep(PATIENCE * 2);
        Ok(Vec::new())
    };
    let limits = NetLimits { lookup_ms: 200, resolver, ..NetLimits::default() };
    let mut world = World::with_limits(Suite::Classical, limits);
    let free = free_address().to_string();
    world.add("bo", Entry::Knock, None, &["slow.example:9000"]);
    assert_eq!(world.is_unreachable("bo"), LinkError::TimedOut { address: "slow.example:9000".into() });
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
    // What comes after it in the list is tried, with the resolver still at the name.
    world.add("carol", Entry::Knock, None, &["slow.example:9000", &free]);
    assert_eq!(world.is_unreachable("carol"), LinkError::Refused { address: free });
}

#[test]
fn something_else_at_the_address_is_not_taken_for_a_host() {
    for suite in Suite::ALL {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let worker = thread::spawn(move || {
            let mut socket = accept(&listener);
            socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            socket
        });
        let mut world = World::new(suite);
        world.add("bo", Entry::Knock, None, &[&address]);
        assert_eq!(world.is_unreachable("bo"), LinkError::NotConversa { address });
        joined(worker, "the end of the other program");
    }
}

#[test]
fn secure_and_learning_never_meet_by_mistake() {
    let mut secure = World::new(Suite::Classical);
    let mut learning = World::new(Suite::Textbook);
    let (at_secure, at_learning) = (secure.host().to_string(), learning.host().to_string());
    secure.add("bo", Entry::Knock, None, &[&at_learning]);
    assert_eq!(secure.is_unreachable("bo"), LinkError::LearningHost { address: at_learning });
    learning.add("bo", Entry::Knock, None, &[&at_secure]);
    assert_eq!(learning.is_unreachable("bo"), LinkError::SecureHost { address: at_secure });
}

#[test]
fn another_key_at_the_address_is_a_full_stop() {
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, NetLimits::default());
        let expected = Fingerprint::of(b"another key");
        world.add("carol", Entry::Knock, Some(expected), &[&address.to_string()]);
        let seen = identity(suite, "ann").fingerprint();
        assert_eq!(world.is_unreachable("carol"), LinkError::HostKeyChanged { expected, seen });
        world.keeps_talking();
    }
}

#[test]
fn an_unknown_host_is_shown_before_anything_is_said() {
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, NetLimits::default());
        world.add("carol", Entry::Knock, None, &[&address.to_string()]);
        let host = world.told_to("carol", "the host's key", |event| match event {
            protocol::Event::FirstUse { host } => Some(*host),
            _ => None,
        });
        assert_eq!(host, identity(suite, "ann").fingerprint());
        world.command("carol", protocol::Command::TrustHost(host));
        let room = world.told_to("carol", "the lobby", |event| match event {
            protocol::Event::Lobby(rooms) => Some(rooms[0].room),
            _ => None,
        });
        world.command("carol", protocol::Command::Knock(room));
        let member = world.told_to("ann", "a knock", |event| match event {
            protocol::Event::Knock { member } => Some(*member),
            _ => None,
        });
        world.command("ann", protocol::Command::AnswerKnock { member, admit: true });
        world.ready("carol");
        world.says("carol", &["ann", "bo"]);
    }
}

#[test]
fn the_first_address_that_works_is_used() {
    let mut world = World::new(Suite::Classical);
    let address = world.host();
    world.open(address);
    let free = free_address().to_string();
    let invite = world.invite(address);
    let by_name = format!("localhost:{}", address.port());
    world.add("bo", Entry::Invite(invite), None, &["nonsense", &free, &by_name]);
    world.ready("bo");
    world.says("bo", &["ann"]);
}

#[test]
fn ipv6_works_where_there_is_ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        return skip("IPv6, which this computer does not have");
    }
    let mut world = World::new(Suite::Classical);
    let address = world.host_at("[::]:0".parse().unwrap(), NetLimits::default());
    let over_six: SocketAddr = format!("[::1]:{}", address.port()).parse().unwrap();
    world.open(over_six);
    world.join("bo", format!("127.0.0.1:{}", address.port()).parse().unwrap());
    world.says("bo", &["ann"]);
}

#[test]
fn leaving_being_removed_and_closing_are_told_apart() {
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, NetLimits::default());
        world.join("carol", address);
        world.join("dave", address);
        world.command("bo", protocol::Command::Leave);
        assert_eq!(world.stops("bo"), Stop::Left);
        world.command("ann", protocol::Command::Remove(identity(suite, "carol").fingerprint()));
        assert_eq!(world.stops("carol"), Stop::Removed);
        world.command("ann", protocol::Command::CloseRoom);
        assert_eq!(world.stops("dave"), Stop::Closed);
    }
}

#[test]
fn a_second_link_of_the_same_person_replaces_the_first() {
    let (mut world, address) = World::room(Suite::Classical, NetLimits::default());
    let mut elsewhere = World::new(Suite::Classical);
    let invite = world.invite(address);
    elsewhere.add("bo", Entry::Invite(invite), None, &[&address.to_string()]);
    elsewhere.ready("bo");
    assert_eq!(world.stops("bo"), Stop::Replaced);
}

#[test]
fn removing_a_client_says_goodbye_for_it() {
    let (mut world, _) = World::room(Suite::Classical, NetLimits::default());
    world.handle.send(Command::Remove(id("bo")));
    let cut = world.told_to("ann", "bo is away", |event| match event {
        protocol::Event::MemberAway { cut, .. } => Some(*cut),
        _ => None,
    });
    assert!(!cut);
}

#[test]
fn dropping_the_last_handle_ends_all() {
    let (handle, reports) = conversa::net::spawn().unwrap();
    let other = handle.clone();
    drop(handle);
    drop(other);
    let events = events_of(reports, |_| ());
    assert_eq!(format!("{:?}", next_before(&events, deadline()).unwrap()), "Stopped");
    assert_eq!(next_before(&events, deadline()).unwrap_err(), RecvTimeoutError::Disconnected);
}
