//! Announcements of chains: a host passes on what its sender may announce, and a member opens its own wrap, whole or
//! not at all.

use conversa::crypto::{Domain, Suite};
use conversa::protocol::{Event, MessageId};
use conversa::wire::{Frame, ItemKind, Signed, SkPacket, Wrap, decode, encode};

use super::chains::given;
use super::client_harness::ClientHarness;
use super::desk::Desk;
use super::input::Input;
use super::made_up::Source;
use super::payloads::{Common, assert_canonical};
use super::people::{ANN, BO, CAROL, fingerprint};
use super::rooms::{Room, room};
use super::sender::padded;
use super::words::text;

/// Announcements of one input.
const PACKETS_MAX: usize = 8;

/// With our signature in a suite that has chains, changes a good wrap; otherwise announces what the input says.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let source = Source::read(&mut input);
    if source.signs && !source.suite.is_learning() {
        changed_wrap(&mut input, source.suite);
    } else {
        announced(&mut input, &source);
    }
}

fn announced(input: &mut Input<'_>, source: &Source) {
    let room = room(source.suite);
    let (mut desk, links) = Desk::with_room(room);
    let mut harness = ClientHarness::syncing(room.suite, BO, 1);
    let (person, link) = (source.person % links.len(), links[source.person % links.len()]);
    let mut number = 0;
    for _ in 0..PACKETS_MAX {
        if input.is_empty() || !desk.is_open(link) {
            return;
        }
        let Some(common) = source.signed(Domain::SenderKey, input.block()) else { continue };
        let wraps: Vec<Wrap> = decode(input.block()).unwrap_or_default();
        let packet = SkPacket { common: common.clone(), wraps: wraps.clone() };
        if Frame::SkPacket(packet.clone()).fits() {
            let known = desk.items(links[ANN]).count();
            desk.frame(link, &Frame::SkPacket(packet));
            if desk.items(links[ANN]).count() > known {
                number = assert_sound(room, person, &common, number);
            }
        }
        let own = wraps.into_iter().find(|wrap| wrap.recipient == harness.me);
        harness.item(ItemKind::SkPacket, encode(&common), own);
        assert_eq!(harness.stopped, None, "an announcement stops nobody");
    }
}

/// Its number, which is above the last.
fn assert_sound(room: &Room, person: usize, common: &Signed, last: u64) -> u64 {
    let payload: Common = assert_canonical(&common.payload);
    assert_eq!((payload.a, payload.r, payload.v), (fingerprint(room.suite, person), room.id, 1));
    assert_eq!((payload.q, payload.h.into_array()), (room.epoch(), room.roster_hash()), "of this epoch");
    assert!(payload.n > last, "a chain's number rises");
    payload.n
}

/// A wrap that differs anywhere from the one that was made opens nothing; what follows is not shown.
fn changed_wrap(input: &mut Input<'_>, suite: Suite) {
    let given = given(suite);
    let mut bytes = encode(&given.wrap);
    input.bend(&mut bytes);
    let wrap: Option<Wrap> = decode(&bytes).ok();
    let is_good = wrap.as_ref() == Some(&given.wrap);
    let mut harness = ClientHarness::live(suite, BO);
    harness.item(ItemKind::SkPacket, encode(&given.sender.common), wrap);
    assert_eq!(harness.stopped, None, "a wrap stops nobody");
    let mut sender = given.sender.clone();
    let header = sender.header(room(suite), CAROL, (harness.log.position(), harness.log.hash()));
    let message = sender.seal(encode(&header), &padded(&text(MessageId([1; 16]), "hello")));
    harness.item(ItemKind::Msg, encode(&message), None);
    assert_eq!(harness.shown.len(), usize::from(is_good), "a wrap opens whole or not at all");
    assert!(!harness.events.iter().any(|event| matches!(event, Event::Fork { .. })), "the logs are the same");
}
