//! Items of a host's log, whatever it puts into them: a member that goes on has hashed exactly what it was given.

use conversa::crypto::Suite;
use conversa::protocol::MessageId;
use conversa::wire::{Frame, FrameKind, Item, ItemKind, Msg, decode, encode};

use super::client_harness::ClientHarness;
use super::input::Input;
use super::msg::saw_fork;
use super::people::{BO, CAROL};
use super::rooms::{Room, room};
use super::words::{copies, header, signed, text};

/// Items of one input.
const ITEMS_MAX: usize = 32;

/// Shows Bo items; then Carol tells him which log she saw, and it is his.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let suite = input.choose(&[Suite::Textbook, Suite::Textbook, Suite::Classical, Suite::Hybrid]);
    let mut harness =
        if suite.is_learning() { ClientHarness::live(suite, BO) } else { ClientHarness::syncing(suite, BO, 1) };
    for _ in 0..ITEMS_MAX {
        if input.is_empty() || harness.stopped.is_some() {
            break;
        }
        show(&mut input, &mut harness);
    }
    let room = room(suite);
    if harness.stopped.is_some() || !suite.is_learning() || harness.members.len() != 3 || saw_fork(&harness) {
        return;
    }
    let (message, shown) = (probe(room, &harness), harness.shown.len());
    harness.item(ItemKind::Msg, encode(&message), None);
    assert!(!saw_fork(&harness), "the same log is no fork");
    assert!(harness.stopped.is_none() && harness.shown.len() <= shown + 1);
}

/// One item: as it stands in the input, or with the right place, or twice.
fn show(input: &mut Input<'_>, harness: &mut ClientHarness) {
    let choice = input.byte();
    let next = harness.log.position() + 1;
    let body = if choice >= 192 {
        input.block().to_vec()
    } else {
        let kind = if choice >= 160 { input.byte() } else { choice % 4 + 1 };
        let position = input.number(next);
        let exact = input.block().to_vec();
        let wrap = if choice % 8 >= 4 { decode(input.block()).ok() } else { None };
        encode(&Item { kind, position, wrap, exact: exact.into() })
    };
    if let Ok(Frame::Item(item)) = Frame::decode(FrameKind::Item, &body)
        && item.position == next
        && let Some(kind) = ItemKind::from_code(item.kind)
    {
        harness.log.roll(kind, &item.exact);
    }
    harness.raw(FrameKind::Item, &body);
}

/// A message of Carol's over the log that Bo was shown, with an index that is above any other.
fn probe(room: &Room, harness: &ClientHarness) -> Msg {
    let header = header(room.id, CAROL, u64::MAX - 1, room.epoch(), (harness.log.position(), harness.log.hash()));
    signed(CAROL, encode(&header), copies(BO, &text(MessageId([0x77; 16]), "the same as yours")))
}
