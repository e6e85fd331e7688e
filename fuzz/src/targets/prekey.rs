//! Prekeys: one that does not hold is dropped, by the host and by members, and ends nothing.

use conversa::crypto::Domain;
use conversa::wire::{Frame, ItemKind, Signed, encode};

use super::client_harness::ClientHarness;
use super::desk::Desk;
use super::input::Input;
use super::made_up::Source;
use super::payloads::{Prekey, assert_canonical};
use super::people::{ANN, BO, fingerprint};
use super::rooms::room;

/// Prekeys of one input; a host lets a member announce sixteen at once.
const PREKEYS_MAX: usize = 16;

/// Announces prekeys to the host, and shows all of them to a member.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let source = Source::read(&mut input);
    let room = room(source.suite);
    let (mut desk, links) = Desk::with_room(room);
    let mut harness = ClientHarness::syncing(room.suite, BO, 1);
    let (person, link) = (source.person % links.len(), links[source.person % links.len()]);
    let mut index = 0;
    for _ in 0..PREKEYS_MAX {
        if input.is_empty() {
            break;
        }
        let Some(prekey) = source.signed(Domain::Prekey, input.block()) else { continue };
        if !Frame::Prekey(prekey.clone()).fits() {
            continue;
        }
        let known = desk.items(links[ANN]).count();
        desk.frame(link, &Frame::Prekey(prekey.clone()));
        assert!(desk.is_open(link), "a prekey that does not hold ends no link");
        if desk.items(links[ANN]).count() > known {
            index = assert_sound(&prekey, index);
            let payload: Prekey = assert_canonical(&prekey.payload);
            assert_eq!((payload.a, payload.r, payload.v), (fingerprint(room.suite, person), room.id, 1));
        }
        harness.item(ItemKind::Prekey, encode(&prekey), None);
        harness.snapshot(ItemKind::Prekey, 5, encode(&prekey));
        assert_eq!(harness.stopped, None, "a prekey stops nobody");
    }
    harness.item(ItemKind::Prekey, input.rest().to_vec(), None);
    assert_eq!(harness.stopped, None, "a prekey stops nobody");
}

/// Its index, which is above the last.
fn assert_sound(prekey: &Signed, last: u64) -> u64 {
    let payload: Prekey = assert_canonical(&prekey.payload);
    assert!(payload.i > last, "a prekey's index rises");
    payload.i
}
