//! A stranger's bundle of keys: as a host reads it in a join, and then the owner.

use conversa::crypto::{Domain, Fingerprint};
use conversa::protocol::Event;
use conversa::wire::{Frame, Join, JoinAsk, Signed, decode, encode};

use super::client_harness::{ClientHarness, room_bytes};
use super::desk::Desk;
use super::input::Input;
use super::made_up::Source;
use super::payloads::{Bundle, assert_canonical, knock};
use super::people::{ANN, fingerprint};
use super::rooms::{Room, room};

/// Knocks with a bundle. Whoever lets it through has read it in its one encoding, with keys in theirs.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let source = Source::read(&mut input);
    let Some(bundle) = source.signed(Domain::Bundle, input.rest()) else { return };
    let room = room(source.suite);
    // The link proves whatever key the bundle names: a peer can have any.
    let peer = decode::<Bundle>(&bundle.payload)
        .map_or_else(|_| fingerprint(source.suite, source.person), |payload| Fingerprint::of(&payload.k));
    let knock = Some(knock(source.suite, source.person, room.id));
    let join = Join { bundle: bundle.clone(), invite_id: None, knock, mac: None, room: room_bytes(room.id) };
    if is_asked_about(room, peer, &join) {
        assert_sound(room, peer, &bundle);
    }
    // To become an owner costs a signature, which is cheap with learning keys alone.
    if !room.suite.is_learning() {
        return;
    }
    let mut owner = ClientHarness::live(room.suite, ANN);
    owner.frame(&Frame::JoinAsk(JoinAsk { join: encode(&join).into(), number: 1 }));
    assert_eq!(owner.stopped, None, "a stranger's bundle stops nobody");
    if owner.events.iter().any(|event| matches!(event, Event::Knock { .. })) {
        assert_sound(room, peer, &bundle);
    }
}

/// Whether the host asks the owner about the join.
fn is_asked_about(room: &Room, peer: Fingerprint, join: &Join) -> bool {
    let (mut desk, [ann, ..]) = Desk::with_room(room);
    let link = desk.link_of(room.suite, peer, 2);
    desk.frame(link, &Frame::Join(join.clone()));
    // The owner herself may have come a second time, and taken her own place.
    let mut frames = desk.lines.get(&ann).into_iter().flat_map(|line| &line.frames);
    frames.any(|frame| matches!(frame, Frame::JoinAsk(_)))
}

fn assert_sound(room: &Room, peer: Fingerprint, bundle: &Signed) {
    let payload: Bundle = assert_canonical(&bundle.payload);
    let backend = room.suite.backend();
    let (verifying, encryption) =
        (backend.verifying_from_spki(&payload.k).unwrap(), backend.encryption_from_spki(&payload.e).unwrap());
    assert_eq!(verifying.spki(), payload.k.as_slice(), "a key has one encoding");
    assert_eq!(encryption.spki(), payload.e.as_slice(), "a key has one encoding");
    assert!(payload.k != payload.e && Fingerprint::of(&payload.k) == peer);
    assert_eq!((payload.s, payload.v), (room.suite.key_kind().code(), 1));
    assert!(verifying.verify(Domain::Bundle, &bundle.payload, &bundle.signature).is_ok());
}
