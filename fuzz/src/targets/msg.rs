//! Messages: what an honest host and an honest member make of whatever a dishonest member seals.

use conversa::crypto::Suite;
use conversa::protocol::limits::TEXT_BYTES_MAX;
use conversa::protocol::{Event, MessageId};
use conversa::wire::{ByteArray, Frame, ItemKind, Msg, decode, encode};

use super::chains::listening;
use super::client_harness::ClientHarness;
use super::desk::Desk;
use super::input::Input;
use super::payloads::{Header, LearningCopy, Plaintext, Text, assert_canonical};
use super::people::{BO, CAROL, START, fingerprint};
use super::rooms::{Room, room};
use super::sender::{Sender, padded};
use super::words::{copies, header, signed};

/// Messages of one input: a host lets a member send forty at once.
const MESSAGES_MAX: usize = 32;

/// Carol says what she likes to Bo: most often in a learning room, where it costs next to nothing.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let suite = input.choose(&[Suite::Textbook, Suite::Textbook, Suite::Textbook, Suite::Classical, Suite::Hybrid]);
    let room = room(suite);
    let (mut harness, mut sender) = if suite.is_learning() {
        (ClientHarness::live(suite, BO), None)
    } else {
        let (harness, sender) = listening(suite);
        (harness, Some(sender))
    };
    let (mut desk, links) = Desk::with_room(room);
    let mut talk = Talk { room, sent: Vec::new(), index: 0 };
    for _ in 0..MESSAGES_MAX {
        if input.is_empty() || harness.stopped.is_some() {
            break;
        }
        let message = talk.next_message(&mut input, &harness, sender.as_mut());
        if !Frame::Msg(message.clone()).fits() {
            continue;
        }
        if desk.is_open(links[CAROL]) {
            let known = desk.items(links[BO]).count();
            desk.frame(links[CAROL], &Frame::Msg(message.clone()));
            if desk.items(links[BO]).count() > known {
                assert_passed_on(room, &message);
            }
        }
        let shown = harness.shown.len();
        harness.item(ItemKind::Msg, encode(&message), None);
        for shown in harness.shown.iter().skip(shown) {
            assert_eq!(shown.from, fingerprint(suite, CAROL), "only Carol speaks");
            assert!(talk.sent.contains(&(shown.id, shown.text.clone())), "only what she sealed is shown");
        }
    }
}

/// A host passes on messages of this room and epoch under their sender's name.
fn assert_passed_on(room: &Room, message: &Msg) {
    let header: Header = assert_canonical(&message.header);
    assert_eq!((header.a, header.r), (fingerprint(room.suite, CAROL), room.id));
    assert_eq!((header.q, header.v), (room.epoch(), 1));
}

struct Talk {
    room: &'static Room,
    sent: Vec<(MessageId, String)>,
    index: u64,
}

impl Talk {
    fn next_message(&mut self, input: &mut Input<'_>, harness: &ClientHarness, sender: Option<&mut Sender>) -> Msg {
        let log = (harness.log.position(), harness.log.hash());
        let right = match &sender {
            Some(sender) => sender.header(self.room, CAROL, log),
            None => self.learning_header(log),
        };
        let header = encode(&bent_header(input, right));
        let plaintext = self.plaintext(input);
        let mut message = match sender {
            Some(sender) => {
                let mut text = if input.byte() == 0xff { plaintext.clone() } else { padded(&plaintext) };
                input.bend(&mut text);
                sender.seal(header, &text)
            }
            None => Self::learning_message(input, header, &plaintext),
        };
        match input.byte() {
            1 => input.bend(&mut message.ciphertext),
            2 => input.bend(&mut message.header),
            3 => input.bend(&mut message.signature),
            _ => {}
        }
        message
    }

    fn learning_header(&mut self, log: (u64, [u8; 32])) -> Header {
        self.index += 1;
        header(self.room.id, CAROL, self.index, self.room.epoch(), log)
    }

    /// The words in RSA blocks for Bo, or whatever the input says instead.
    fn learning_message(input: &mut Input<'_>, header: Vec<u8>, plaintext: &[u8]) -> Msg {
        let ciphertext = match input.byte() {
            0xff => input.block().to_vec(),
            0xfe => {
                let ciphertext = input.block().to_vec();
                encode(&vec![LearningCopy { c: ciphertext.into(), t: fingerprint(Suite::Textbook, BO) }])
            }
            _ => copies(BO, plaintext),
        };
        signed(CAROL, header, ciphertext)
    }

    /// A plaintext: words with a name, another body, or no body at all. Words are written down.
    fn plaintext(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        let kind = input.byte();
        let plaintext = match kind {
            0..128 => {
                let id = MessageId([input.byte() % 4; 16]);
                let text = if kind == 127 { "x".repeat(TEXT_BYTES_MAX + 1) } else { lossy(input.block()) };
                Plaintext { b: encode(&Text { i: id, t: text }).into(), k: 1, t: START.unix_ms }
            }
            128..160 => Plaintext { b: encode(&lossy(input.block())).into(), k: 2 * (kind % 2), t: 0 },
            160..192 => Plaintext { b: encode(&input.number(12)).into(), k: 3, t: START.unix_ms },
            192..224 => Plaintext { b: input.block().to_vec().into(), k: input.byte() % 8, t: u64::MAX },
            _ => return self.noted(input.block().to_vec()),
        };
        self.noted(encode(&plaintext))
    }

    fn noted(&mut self, plaintext: Vec<u8>) -> Vec<u8> {
        let words = decode::<Plaintext>(&plaintext).ok().filter(|plaintext| plaintext.k == 1);
        if let Some(text) = words.and_then(|plaintext| decode::<Text>(&plaintext.b).ok()) {
            self.sent.push((text.i, text.t));
        }
        plaintext
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn bent_header(input: &mut Input<'_>, right: Header) -> Header {
    match input.byte() {
        1 => Header { i: input.number(right.i), ..right },
        2 => Header { l: ByteArray::new(input.hash(right.l.into_array())), ..right },
        3 => Header { m: input.number(right.m), ..right },
        4 => Header { q: input.number(right.q), ..right },
        5 => Header { v: input.byte(), ..right },
        6 => Header { h: ByteArray::new(input.hash(right.h.into_array())), ..right },
        7 => Header { a: fingerprint(Suite::Textbook, input.below(4)), ..right },
        8 => Header { i: right.i.saturating_add(u64::from(input.byte()) * 8), ..right },
        _ => right,
    }
}

/// Whether a member believes that the host showed different things.
pub(super) fn saw_fork(harness: &ClientHarness) -> bool {
    harness.events.iter().any(|event| matches!(event, Event::Fork { .. }))
}
