//! Changes of a room's members: whatever the owner signs, its host and its members take it alike.

use conversa::crypto::primitives::labelled_hash;
use conversa::crypto::{Domain, Suite};
use conversa::protocol::Stop;
use conversa::wire::{ByteArray, Frame, ItemKind, Signed, decode, encode};

use super::client_harness::ClientHarness;
use super::desk::Desk;
use super::input::Input;
use super::made_up::Source;
use super::payloads::{RosterEntry, Subject, bundle, sign};
use super::people::{ANN, BO, PEOPLE, START, fingerprint, signing};
use super::rooms::{Room, room};

/// Changes of one input; signing each takes milliseconds in the secure suites.
const CHANGES_MAX: usize = 24;

/// Sends the same entries to a host and to a member.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let source = Source::read(&mut input);
    let room = room(source.suite);
    let (mut desk, [ann, ..]) = Desk::with_room(room);
    // To become ready costs a signature, which is cheap with learning keys alone.
    let learning = room.suite.is_learning();
    let mut harness = if learning {
        ClientHarness::live(room.suite, BO)
    } else {
        ClientHarness::syncing(room.suite, BO, CHANGES_MAX as u64 + 1)
    };
    let mut entries: Vec<Signed> = room.entries.clone();
    for _ in 0..CHANGES_MAX {
        if input.is_empty() {
            break;
        }
        let Some(entry) = next_entry(&mut input, room, &source, &entries) else { continue };
        if !Frame::Roster(entry.clone()).fits() {
            continue;
        }
        let known = desk.items(ann).count();
        desk.frame(ann, &Frame::Roster(entry.clone()));
        if learning {
            harness.item(ItemKind::Roster, encode(&entry), None);
        } else {
            harness.snapshot(ItemKind::Roster, 5, encode(&entry));
        }
        if !desk.is_open(ann) {
            let closed = desk.host.rooms().count() == 0;
            let stop_of_member = if closed && learning { Some(Stop::Closed) } else { harness.stopped.clone() };
            assert_eq!(harness.stopped, stop_of_member);
            assert_eq!(harness.stopped.is_some(), !closed || learning, "both refuse it, or both close the room");
            return;
        }
        if desk.items(ann).count() > known {
            entries.push(entry);
        }
        assert!(matches!(harness.stopped, None | Some(Stop::Removed)), "both take it: {:?}", harness.stopped);
        if harness.stopped.is_some() {
            return;
        }
    }
    if learning {
        assert_eq!(harness.members, desk.rosters[&room.id], "both have the same members");
        let newest = entries.last().map(|entry| labelled_hash("roster", &[&entry.payload]));
        let shown = (harness.head.0 > 0).then_some(harness.head.1);
        assert_eq!(shown, newest, "both have the same chain");
    }
}

/// The next entry: most often one that fits.
fn next_entry(input: &mut Input<'_>, room: &Room, source: &Source, entries: &[Signed]) -> Option<Signed> {
    let operation = input.byte();
    match operation {
        200.. => return decode(input.block()).ok(),
        180.. => return source.signed(Domain::Roster, input.block()),
        160.. => return entries.get(input.below(entries.len())).cloned(),
        _ => {}
    }
    let previous = entries.last().map_or(room.id.0, |entry| labelled_hash("roster", &[&entry.payload]));
    let person = input.below(PEOPLE);
    let payload = RosterEntry {
        d: subject(input, room.suite, operation, person),
        o: operation % 8,
        p: ByteArray::new(input.hash(previous)),
        q: input.number(entries.len() as u64 + 1),
        r: room.id,
        t: input.number(START.unix_ms),
        v: input.number(1) as u8,
    };
    let signer = if input.byte() == 0xff { BO } else { ANN };
    Some(sign(&*signing(room.suite, signer), Domain::Roster, encode(&payload)))
}

fn subject(input: &mut Input<'_>, suite: Suite, operation: u8, person: usize) -> Subject {
    let with_bundle = matches!(operation % 8, 1 | 3) != (input.byte() == 0xff);
    if with_bundle {
        Subject::Bundle(bundle(suite, person))
    } else if operation % 8 == 4 {
        Subject::Member(ByteArray::new(*fingerprint(suite, ANN).as_bytes()))
    } else {
        Subject::Member(ByteArray::new(*fingerprint(suite, person).as_bytes()))
    }
}
