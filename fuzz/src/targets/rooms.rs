//! A room of each suite, made once and kept: the signatures of the secure suites are salted, so a room made anew
//! would have another id, and no stored input would fit it.

use std::sync::LazyLock;

use conversa::crypto::primitives::labelled_hash;
use conversa::crypto::{Domain, Suite};
use conversa::protocol::{RoomId, new_room};
use conversa::wire::{ByteArray, Signed, decode, encode};

use super::payloads::{RosterEntry, Subject, bundle, sign};
use super::people::{ANN, BO, CAROL, START, Seeded, identity, signing};

/// A room with Ann, Bo and Carol in it, which may be knocked at.
pub(super) struct Room {
    pub suite: Suite,
    pub id: RoomId,
    pub genesis: Signed,
    pub entries: Vec<Signed>,
    /// The roster's hash after each number of entries.
    pub hashes: Vec<[u8; 32]>,
}

impl Room {
    /// How many roster entries there are.
    pub(super) fn epoch(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn roster_hash(&self) -> [u8; 32] {
        self.hashes[self.entries.len()]
    }
}

/// The kept room of `suite`.
pub(super) fn room(suite: Suite) -> &'static Room {
    static SECURE: LazyLock<Room> = LazyLock::new(|| read(Suite::Classical, include_bytes!("../../rooms/secure.cbor")));
    static HYBRID: LazyLock<Room> = LazyLock::new(|| read(Suite::Hybrid, include_bytes!("../../rooms/hybrid.cbor")));
    static LEARNING: LazyLock<Room> =
        LazyLock::new(|| read(Suite::Textbook, include_bytes!("../../rooms/learning.cbor")));
    match suite {
        Suite::Classical => &SECURE,
        Suite::Hybrid => &HYBRID,
        Suite::Textbook => &LEARNING,
    }
}

fn read(suite: Suite, bytes: &[u8]) -> Room {
    let (genesis, entries): (Signed, Vec<Signed>) = decode(bytes).expect("the kept room reads back");
    let id = RoomId(labelled_hash("room", &[&genesis.payload]));
    let after = entries.iter().map(|entry| labelled_hash("roster", &[&entry.payload]));
    let hashes = std::iter::once(id.0).chain(after).collect();
    Room { suite, id, genesis, entries, hashes }
}

/// Makes a room anew, to be kept.
pub(super) fn make(suite: Suite) -> Vec<u8> {
    let (id, genesis) = new_room(&identity(suite, ANN), suite, true, 8, START, &mut Seeded::new(7)).unwrap();
    let (mut hash, mut entries) = (id.0, Vec::new());
    for (person, number) in [BO, CAROL].into_iter().zip(1..) {
        let subject = Subject::Bundle(bundle(suite, person));
        let entry = entry(suite, id, subject, 1, (number, hash));
        hash = labelled_hash("roster", &[&entry.payload]);
        entries.push(entry);
    }
    encode(&(genesis, entries))
}

/// A roster entry signed by Ann, as `number` after the entry with the hash `previous`.
pub(super) fn entry(suite: Suite, room: RoomId, subject: Subject, operation: u8, place: (u64, [u8; 32])) -> Signed {
    let (number, previous) = place;
    let payload = RosterEntry {
        d: subject,
        o: operation,
        p: ByteArray::new(previous),
        q: number,
        r: room,
        t: START.unix_ms,
        v: 1,
    };
    sign(&*signing(suite, ANN), Domain::Roster, encode(&payload))
}
