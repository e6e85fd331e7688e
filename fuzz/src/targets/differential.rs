//! Two honest people, and between them a host that swaps, drops, repeats, forges and shows different things. Neither
//! is ever shown words that the other did not say, none twice, and a log that differs is told as soon as they hear
//! each other.

use std::collections::BTreeSet;

use conversa::crypto::{Fingerprint, Suite};
use conversa::protocol::{Command, Content, Event, LinkError, MessageId};
use conversa::wire::{ByteArray, Frame, ItemKind, Msg, SkPacket, Welcome, Wrap, decode, encode};

use super::client_harness::{ClientHarness, Shown};
use super::input::Input;
use super::payloads::Header;
use super::people::{ANN, BO, CAROL, fingerprint};
use super::rooms::{Room, room};

/// What happens in one input; the secure suites' keys take milliseconds.
const ACTIONS_MAX: usize = 80;
/// Rounds in which everything that an honest host has is delivered at the end, a second each.
const LAST_ROUNDS: usize = 12;

/// Lets a host do to two people what the input says.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let suite = input.choose(&[Suite::Textbook, Suite::Textbook, Suite::Textbook, Suite::Classical, Suite::Hybrid]);
    let mut between = Between::new(room(suite));
    for _ in 0..ACTIONS_MAX {
        if input.is_empty() {
            break;
        }
        between.act(&mut input);
    }
    if !between.evil {
        between.assert_all_arrives();
    }
}

/// Something that one of the two sent, for the log.
#[derive(Clone)]
struct Sent {
    kind: ItemKind,
    exact: Vec<u8>,
    wraps: Vec<Wrap>,
}

/// One of the two.
struct Side {
    harness: ClientHarness,
    /// How many of its frames the host has taken.
    taken: usize,
    /// Which of everything that was sent it is given next.
    next: usize,
    /// Whether it was given a message that says another log than it knows.
    may_fork: bool,
}

struct Between {
    room: &'static Room,
    sides: [Side; 2],
    sent: Vec<Sent>,
    said: BTreeSet<(Fingerprint, MessageId, String)>,
    count: u64,
    /// Whether the host did anything that an honest one does not.
    evil: bool,
}

impl Between {
    fn new(room: &'static Room) -> Self {
        let sides = [ANN, BO].map(|person| {
            let mut harness = ClientHarness::live(room.suite, person);
            harness.presence(fingerprint(room.suite, CAROL), 0);
            Side { harness, taken: 0, next: 0, may_fork: false }
        });
        let mut between = Self { room, sides, sent: Vec::new(), said: BTreeSet::new(), count: 0, evil: false };
        between.collect();
        between
    }

    fn act(&mut self, input: &mut Input<'_>) {
        let action = input.byte();
        let side = usize::from(action / 128);
        match action % 32 {
            0..=5 => self.say(side, input),
            6..=11 => [0, 1].into_iter().for_each(|side| self.give_next(side)),
            12..=15 => self.advance(input.choose(&[1, 150, 300, 1_000, 10_000])),
            16 | 17 => self.deliver_all(),
            18 => self.cut(side, input),
            19 => self.remove_carol(),
            20..=31 => {
                self.evil = true;
                self.harm(side, action % 32, input);
            }
            _ => {}
        }
        self.collect();
    }

    /// What no honest host does.
    fn harm(&mut self, side: usize, action: u8, input: &mut Input<'_>) {
        match action {
            20 | 21 => self.give_next(side),
            22 | 23 => self.sides[side].next += 1,
            24 => {
                let next = self.sides[side].next;
                if next + 1 < self.sent.len() {
                    self.give(side, next + 1, |_| {});
                    self.give_next(side);
                    self.sides[side].next += 1;
                }
            }
            25 => self.give(side, input.below(self.sent.len()), |_| {}),
            26 | 27 => {
                let next = self.sides[side].next;
                self.give(side, next, |exact| input.bend(exact));
                self.sides[side].next += 1;
            }
            28 => {
                let other = self.sides[1 - side].harness.me;
                self.sides[side].harness.presence(other, input.byte() % 4);
            }
            29 => {
                let (index, at) = (self.sides[side].next, input.below(self.sent.len()));
                if index < self.sent.len() {
                    self.sent[index].wraps = self.sent[at].wraps.clone();
                }
                self.give_next(side);
            }
            _ => self.advance(60_000),
        }
    }

    fn say(&mut self, side: usize, input: &mut Input<'_>) {
        self.count += 1;
        let mut id = [input.byte() % 2; 16];
        id[..8].copy_from_slice(&self.count.to_be_bytes());
        let length = usize::from(input.byte());
        let (id, text) = (MessageId(id), String::from_utf8_lossy(input.take(length)).into_owned());
        let harness = &mut self.sides[side].harness;
        self.said.insert((harness.me, id, text.clone()));
        harness.command(Command::Send { id, content: Content::text(text), said_ms: 0 });
    }

    /// Takes what both have sent since, and stores what an owner must store.
    fn collect(&mut self) {
        for side in &mut self.sides {
            for frame in side.harness.sent.iter().skip(side.taken) {
                let (kind, exact, wraps) = match frame {
                    Frame::Prekey(prekey) => (ItemKind::Prekey, encode(prekey), Vec::new()),
                    Frame::Roster(entry) => (ItemKind::Roster, encode(entry), Vec::new()),
                    Frame::SkPacket(SkPacket { common, wraps }) => (ItemKind::SkPacket, encode(common), wraps.clone()),
                    Frame::Msg(message) => (ItemKind::Msg, encode(message), Vec::new()),
                    _ => continue,
                };
                self.sent.push(Sent { kind, exact, wraps });
            }
            side.taken = side.harness.sent.len();
        }
    }

    fn give_next(&mut self, side: usize) {
        let next = self.sides[side].next;
        if next < self.sent.len() && self.sides[side].harness.linked {
            self.sides[side].next += 1;
            self.give(side, next, |_| {});
        }
    }

    /// Gives one of the two something that was sent, as the next item of its log.
    fn give(&mut self, side: usize, index: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let Some(mut sent) = self.sent.get(index).cloned() else { return };
        change(&mut sent.exact);
        let side = &mut self.sides[side];
        let harness = &mut side.harness;
        let (shown, position) = (harness.shown.len(), harness.log.position());
        let differs = differing_sender(harness, &sent);
        side.may_fork |= differs.is_some();
        let wrap = sent.wraps.into_iter().find(|wrap| wrap.recipient == harness.me);
        harness.item(sent.kind, sent.exact, wrap);
        for Shown { from, id, text } in harness.shown.iter().skip(shown) {
            assert!(self.said.contains(&(*from, *id, text.clone())), "only what was said is shown");
            let is_told = harness.events.iter().any(|event| *event == Event::Fork { from: *from });
            assert!(differs != Some(*from) || is_told, "who hears of another log tells: at {position}");
        }
        let is_told = harness.events.iter().any(|event| matches!(event, Event::Fork { .. }));
        assert!(side.may_fork || !is_told, "the same log is no fork");
    }

    fn advance(&mut self, by_ms: u64) {
        for side in &mut self.sides {
            side.harness.advance(by_ms);
        }
    }

    /// The link breaks and comes back; the host says that nothing was missed.
    fn cut(&mut self, side: usize, input: &mut Input<'_>) {
        let harness = &mut self.sides[side].harness;
        harness.disconnect(LinkError::Cut);
        harness.command(Command::RetryNow);
        if !harness.dialing {
            return;
        }
        harness.connect();
        let position = harness.log.position();
        let claimed = input.number(position);
        self.evil |= claimed != position;
        harness.frame(&Frame::Welcome(Welcome {
            genesis: self.room.genesis.clone(),
            prekey_index: 0,
            log_hash: ByteArray::new(harness.log.hash()),
            chain_number: 0,
            position: claimed,
            roster_length: harness.head.0,
        }));
        harness.pong();
    }

    fn remove_carol(&mut self) {
        let harness = &mut self.sides[0].harness;
        harness.command(Command::Remove(fingerprint(self.room.suite, CAROL)));
        harness.is_kept();
    }

    fn deliver_all(&mut self) {
        for _ in 0..self.sent.len() {
            (0..self.sides.len()).for_each(|side| self.give_next(side));
        }
    }

    /// With an honest host everything that was said is shown, once, and nobody tells of a fork.
    fn assert_all_arrives(&mut self) {
        for _ in 0..LAST_ROUNDS {
            self.advance(1_000);
            for side in &mut self.sides {
                if side.harness.dialing {
                    return;
                }
            }
            self.collect();
            self.deliver_all();
            self.collect();
        }
        for (side, other) in [(0, 1), (1, 0)] {
            let (from, to) = (&self.sides[side].harness, &self.sides[other].harness);
            assert_eq!((&from.stopped, &to.stopped), (&None, &None), "an honest host stops nobody");
            let said: BTreeSet<_> = self.said.iter().filter(|(by, ..)| *by == from.me).cloned().collect();
            let shown = to.shown.iter().map(|shown| (shown.from, shown.id, shown.text.clone()));
            assert_eq!(shown.collect::<BTreeSet<_>>(), said, "with an honest host everything arrives");
        }
    }
}

/// Who says in a message that it knows another log than its reader was shown.
fn differing_sender(reader: &ClientHarness, sent: &Sent) -> Option<Fingerprint> {
    let message: Msg = decode(&sent.exact).ok().filter(|_| sent.kind == ItemKind::Msg)?;
    let header: Header = decode(&message.header).ok()?;
    let own = reader.log.hash_at(header.m);
    let differs = header.m > reader.log.position() || own.is_some_and(|own| own != header.l.into_array());
    differs.then_some(header.a)
}
