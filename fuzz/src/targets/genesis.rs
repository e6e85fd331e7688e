//! A room's first record: as anybody reads it, as a host opens it, and as a client is welcomed with it.

use conversa::crypto::Domain;
use conversa::crypto::primitives::labelled_hash;
use conversa::protocol::limits::MEMBERS_HARD_MAX;
use conversa::protocol::{Entry, Invite, Memory, OpenPolicy, RoomId, Roster, Stop};
use conversa::wire::{ByteArray, Frame, Lobby, Open, Signed, Welcome};
use zeroize::Zeroizing;

use super::client_harness::ClientHarness;
use super::desk::Desk;
use super::input::Input;
use super::made_up::Source;
use super::payloads::{Genesis, assert_canonical};
use super::people::{BO, fingerprint};

/// Opens a room: all three of them take it, or none does.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let source = Source::read(&mut input);
    let Some(genesis) = source.signed(Domain::Genesis, input.rest()) else { return };
    let roster = Roster::open(&genesis);
    if let Ok(roster) = &roster {
        assert_sound(roster, &genesis);
    }
    let owner = roster.as_ref().map_or_else(|_| fingerprint(source.suite, source.person), Roster::owner);
    let suite = roster.as_ref().map_or(source.suite, Roster::suite);
    let mut desk = Desk::new(OpenPolicy::Anyone);
    let link = desk.link_of(suite, owner, 1);
    let open = Frame::Open(Open { genesis: genesis.clone(), token: None });
    if open.fits() {
        desk.frame(link, &open);
        assert_eq!(desk.is_member(link), roster.is_ok(), "a host opens what anybody can read");
    }
    let mut harness = knocking(&source, &genesis, 3);
    assert_eq!(harness.stopped.is_some(), roster.is_err(), "one bad room makes the lobby bad");
    harness = welcomed(&source, genesis.clone());
    let stops = roster.is_err() || suite != source.suite;
    assert_eq!(
        kept(&source, &genesis),
        stops.then_some(Stop::BadRecord),
        "what was kept is read before anybody is asked"
    );
    assert_eq!(harness.stopped.is_some(), stops, "a client enters what anybody can read, in the suite it came for");
    assert!(!stops || matches!(harness.stopped, Some(Stop::Protocol(_) | Stop::WrongRoom)));
}

fn assert_sound(roster: &Roster, genesis: &Signed) {
    let payload: Genesis = assert_canonical(&genesis.payload);
    assert_eq!(roster.room().0, labelled_hash("room", &[&genesis.payload]));
    assert_eq!((roster.len(), roster.number(), roster.is_closed()), (1, 0, false), "its owner alone");
    assert!(roster.contains(&roster.owner()));
    assert_eq!((roster.suite().code(), payload.v), (payload.s, 1));
    assert!((1..=MEMBERS_HARD_MAX).contains(&payload.m) && payload.j <= 1);
}

/// Somebody who looks at the rooms of a host.
fn knocking(source: &Source, genesis: &Signed, members: u16) -> ClientHarness {
    let mut harness = ClientHarness::new(source.suite, BO, Entry::Knock, Some(fingerprint(source.suite, 0)));
    harness.client.start(harness.now);
    harness.drain();
    harness.connect();
    harness.frame(&Frame::Lobby(Lobby { rooms: vec![genesis.clone()], members: vec![members] }));
    harness
}

/// Whether somebody who kept it can return to the room.
fn kept(source: &Source, genesis: &Signed) -> Option<Stop> {
    let entry = Entry::Return { genesis: genesis.clone(), memory: Memory::of(genesis, (0, [0; 32])) };
    let mut harness = ClientHarness::new(source.suite, BO, entry, Some(fingerprint(source.suite, 0)));
    harness.client.start(harness.now);
    harness.drain();
    harness.stopped
}

/// Somebody who was invited to the room, which has one entry more than is shown, so that it does not become ready.
fn welcomed(source: &Source, genesis: Signed) -> ClientHarness {
    let room = RoomId(labelled_hash("room", &[&genesis.payload]));
    let (host, addresses) = (fingerprint(source.suite, 0), vec!["127.0.0.1:9000".to_owned()]);
    let secret = Zeroizing::new([7; 32]);
    let invite = Invite { suite: source.suite, addresses, host, room, secret, expires_ms: u64::MAX };
    let mut harness = ClientHarness::new(source.suite, BO, Entry::Invite(invite), Some(host));
    harness.client.start(harness.now);
    harness.drain();
    harness.connect();
    harness.frame(&Frame::Welcome(Welcome {
        genesis,
        prekey_index: 0,
        log_hash: ByteArray::new([1; 32]),
        chain_number: 0,
        position: 3,
        roster_length: 1,
    }));
    harness
}
