//! Items of a host's log, whatever it puts into them: a member that goes on has hashed exactly what it was given.

use conversa::crypto::Suite;
use conversa::protocol::MessageId;
use conversa::wire::{Frame, FrameKind, Item, ItemKind, Msg, decode, encode};

use super::input::Input;
use super::msg::saw_fork;
use super::people::{BO, CAROL};
use super::rooms::{Room, room};
use super::seat::Seat;
use super::words::{copies, header, signed, text};

/// Items of one input.
const ITEMS_MAX: usize = 32;

/// Shows Bo items; then Carol tells him which log she saw, and it is his.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let suite = input.choose(&[Suite::Textbook, Suite::Textbook, Suite::Classical, Suite::Hybrid]);
    let mut seat = if suite.is_learning() { Seat::live(suite, BO) } else { Seat::syncing(suite, BO, 1) };
    for _ in 0..ITEMS_MAX {
        if input.is_empty() || seat.stopped.is_some() {
            break;
        }
        show(&mut input, &mut seat);
    }
    let room = room(suite);
    if seat.stopped.is_some() || !suite.is_learning() || seat.members.len() != 3 || saw_fork(&seat) {
        return;
    }
    let (message, shown) = (probe(room, &seat), seat.shown.len());
    seat.item(ItemKind::Msg, encode(&message), None);
    assert!(!saw_fork(&seat), "the same log is no fork");
    assert!(seat.stopped.is_none() && seat.shown.len() <= shown + 1);
}

/// One item: as it stands in the input, or with the right place, or twice.
fn show(input: &mut Input<'_>, seat: &mut Seat) {
    let choice = input.byte();
    let next = seat.log.position() + 1;
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
        seat.log.roll(kind, &item.exact);
    }
    seat.raw(FrameKind::Item, &body);
}

/// A message of Carol's over the log that Bo was shown, with an index that is above any other.
fn probe(room: &Room, seat: &Seat) -> Msg {
    let header = header(room.id, CAROL, u64::MAX - 1, room.epoch(), (seat.log.position(), seat.log.hash()));
    signed(CAROL, encode(&header), copies(BO, &text(MessageId([0x77; 16]), "the same as yours")))
}
