//! A client and whoever plays its host: hands frames in, takes outputs out, and holds each output against what holds
//! for every client, whatever it is sent.

use std::collections::BTreeSet;

use conversa::crypto::{Fingerprint, Suite};
use conversa::protocol::limits::TEXT_BYTES_MAX;
use conversa::protocol::{
    Client, Command, Entry, Event, Keep, LinkError, Memory, MessageId, Now, Output, RoomId, Stop, check_name,
};
use conversa::wire::{
    ByteArray, Frame, FrameKind, FrameReader, Item, ItemKind, Ping, Presence, Signed, Welcome, Wrap, encode,
};

use super::log::Log;
use super::people::{ANN, BO, CAROL, START, Seeded, crypto, fingerprint, identity};
use super::rooms::{Room, room};

/// Where the kept room's log stands when somebody comes in.
const FIRST_POSITION: u64 = 100;
/// Its hash there: the host's word.
const FIRST_HASH: [u8; 32] = [0x33; 32];
/// How often a client may want to be looked after without time going on.
const ROUNDS_MAX: usize = 8;

/// Words that a client showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    pub from: Fingerprint,
    pub id: MessageId,
    pub text: String,
}

pub(super) struct ClientHarness {
    pub client: Client,
    pub me: Fingerprint,
    pub now: Now,
    pub random: Seeded,
    pub log: Log,
    /// Whether the client believes that it is connected.
    pub linked: bool,
    /// The number of the last Ping that it sent.
    asked: u64,
    /// Whether it wants to be connected.
    pub dialing: bool,
    pub stopped: Option<Stop>,
    pub events: Vec<Event>,
    pub sent: Vec<Frame>,
    pub shown: Vec<Shown>,
    names: BTreeSet<(Fingerprint, MessageId)>,
    pub members: BTreeSet<Fingerprint>,
    /// How many roster entries the client has taken, and the hash of the newest.
    pub head: (u64, [u8; 32]),
    /// Who said goodbye; their removal is no news.
    left: BTreeSet<Fingerprint>,
    /// The number of the newest thing that it had kept.
    keep_number: u64,
}

impl ClientHarness {
    pub(super) fn new(suite: Suite, person: usize, entry: Entry, pin: Option<Fingerprint>) -> Self {
        let identity = identity(suite, person);
        let me = identity.fingerprint();
        let client = Client::new(identity, crypto(suite), "Somebody".to_owned(), entry, pin);
        Self {
            client,
            me,
            now: START,
            random: Seeded::new(11 + person as u64),
            log: Log::at(FIRST_POSITION, FIRST_HASH),
            linked: false,
            asked: 0,
            dialing: false,
            stopped: None,
            events: Vec::new(),
            sent: Vec::new(),
            shown: Vec::new(),
            names: BTreeSet::new(),
            members: BTreeSet::new(),
            head: (0, [0; 32]),
            left: BTreeSet::new(),
            keep_number: 0,
        }
    }

    /// A member of the kept room, connected and up to date.
    pub(super) fn live(suite: Suite, person: usize) -> Self {
        let mut harness = Self::syncing(suite, person, 0);
        for other in [ANN, BO, CAROL].into_iter().filter(|other| *other != person) {
            harness.presence(fingerprint(suite, other), 1);
        }
        harness.pong();
        assert!(harness.events.iter().any(|event| matches!(event, Event::Ready { .. })), "the kept room lets us in");
        harness
    }

    /// A member of the kept room who was promised `more` roster entries than there are: it has read those there are,
    /// and waits. Up to here a client uses no private key.
    pub(super) fn syncing(suite: Suite, person: usize, more: u64) -> Self {
        let room = room(suite);
        let mut harness = Self::new(suite, person, returning(room, person), Some(fingerprint(suite, ANN)));
        harness.client.start(harness.now);
        harness.drain();
        harness.connect();
        harness.frame(&welcome(room, room.epoch() + more));
        for (entry, position) in room.entries.iter().zip(1..) {
            harness.snapshot(ItemKind::Roster, position, encode(entry));
        }
        assert_eq!(harness.stopped, None, "the kept room is sound");
        harness
    }

    pub(super) fn connect(&mut self) {
        assert!(self.dialing, "a link is made when it is wanted");
        self.linked = true;
        self.dialing = false;
        self.client.connected(self.now, &mut self.random);
        self.drain();
    }

    pub(super) fn disconnect(&mut self, error: LinkError) {
        if !self.linked && !self.dialing {
            return;
        }
        self.linked = false;
        self.dialing = false;
        self.client.disconnected(error, self.now, &mut self.random);
        self.drain();
    }

    pub(super) fn command(&mut self, command: Command) {
        self.client.command(command, self.now, &mut self.random);
        self.drain();
    }

    /// All that it had kept survives a crash.
    pub(super) fn is_kept(&mut self) {
        self.command(Command::Kept(self.keep_number));
    }

    pub(super) fn frame(&mut self, frame: &Frame) {
        self.raw(frame.kind(), &frame.to_bytes()[5..]);
    }

    /// A frame's body as it came, if there is a link for it to come by.
    pub(super) fn raw(&mut self, kind: FrameKind, body: &[u8]) {
        if !self.linked {
            return;
        }
        self.client.frame(kind, body, self.now, &mut self.random);
        self.drain();
    }

    pub(super) fn presence(&mut self, member: Fingerprint, state: u8) {
        self.frame(&Frame::Presence(Presence { member, state }));
    }

    pub(super) fn pong(&mut self) {
        self.frame(&Frame::Pong(Ping { number: self.asked }));
    }

    /// An item from before the welcome.
    pub(super) fn snapshot(&mut self, kind: ItemKind, position: u64, exact: Vec<u8>) {
        self.frame(&Frame::Item(Item { kind: kind.code(), position, wrap: None, exact: exact.into() }));
    }

    /// The log's next item.
    pub(super) fn item(&mut self, kind: ItemKind, exact: Vec<u8>, wrap: Option<Wrap>) {
        if !self.linked {
            return;
        }
        self.log.roll(kind, &exact);
        let position = self.log.position();
        self.frame(&Frame::Item(Item { kind: kind.code(), position, wrap, exact: exact.into() }));
    }

    /// Lets time go by and does what is due then.
    pub(super) fn advance(&mut self, by_ms: u64) {
        self.now = self.now.later(by_ms);
        for _ in 0..ROUNDS_MAX {
            if self.client.next_timeout().is_none_or(|due| due > self.now.monotonic_ms) {
                return;
            }
            self.client.handle_timeout(self.now, &mut self.random);
            self.drain();
        }
        panic!("the client wants to be looked after again and again at one moment");
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            assert_eq!(self.stopped, None, "the end is the last thing a client says: {output:?}");
            match output {
                Output::Connect { .. } => self.dialing = true,
                Output::Send(frame) => {
                    assert!(self.linked, "nothing is sent without a link");
                    let frame = whole(&frame);
                    if let Frame::Ping(ping) = &frame {
                        self.asked = ping.number;
                    }
                    self.sent.push(frame);
                }
                Output::Disconnect(_) | Output::Abandon => self.linked = false,
                Output::Event(event) => self.told(event),
                Output::Keep { number, what } => {
                    assert_eq!(number, self.keep_number + 1, "what is to be kept is counted");
                    self.keep_number = number;
                    if let Keep::Entry { number, hash, .. } = what {
                        self.head = (number, hash);
                    }
                }
            }
        }
        if self.stopped.is_some() {
            assert_eq!(self.client.next_timeout(), None, "who has stopped waits for nothing");
        }
    }

    fn told(&mut self, event: Event) {
        match &event {
            Event::Message { id, from, content, .. } => {
                let text = content.words().expect("there are no other kinds");
                assert!(text.len() <= TEXT_BYTES_MAX, "words within their limit");
                assert!(self.members.contains(from) && *from != self.me, "words come from another member");
                assert!(self.names.insert((*from, *id)), "no message is shown twice");
                self.shown.push(Shown { from: *from, id: *id, text: text.to_owned() });
            }
            Event::MemberNamed { name: text, .. } => assert_eq!(check_name(text).as_ref(), Ok(text)),
            Event::Members(members) => self.members = members.iter().copied().collect(),
            Event::MemberLeft { member } => drop(self.left.insert(*member)),
            Event::MemberJoined { member } => {
                let is_new = self.members.insert(*member);
                assert!(is_new || self.left.remove(member), "who joins was not there");
            }
            Event::MemberRemoved { member } => assert!(self.members.remove(member), "who is removed was there"),
            Event::Stopped(stop) => self.stopped = Some(stop.clone()),
            _ => {}
        }
        self.events.push(event);
    }
}

/// Somebody of the kept room, after a restart.
pub(super) fn returning(room: &Room, person: usize) -> Entry {
    let genesis = room.genesis.clone();
    if person == ANN {
        return Entry::Open { genesis, roster: room.entries.clone(), token: None, title: "Friday".to_owned() };
    }
    let memory = Memory::of(&genesis, (room.epoch(), room.roster_hash()));
    Entry::Return { genesis, memory }
}

/// The host's welcome to the kept room.
pub(super) fn welcome(room: &Room, roster_length: u64) -> Frame {
    Frame::Welcome(Welcome {
        genesis: room.genesis.clone(),
        prekey_index: 0,
        log_hash: ByteArray::new(FIRST_HASH),
        chain_number: 0,
        position: FIRST_POSITION,
        roster_length,
    })
}

/// Reads a frame that one of us sent: it is whole, within its type's limit, and in its one encoding.
pub(super) fn whole(bytes: &[u8]) -> Frame {
    let mut reader = FrameReader::new(usize::MAX);
    reader.push(bytes);
    let frame = reader.next_frame().expect("what is sent can be read").expect("what is sent is whole");
    assert!(reader.is_empty(), "one frame at a time");
    assert!(frame.fits(), "what is sent is within its limit");
    frame
}

/// The newest prekey that a client announced.
pub(super) fn newest_prekey(sent: &[Frame]) -> Option<&Signed> {
    sent.iter().rev().find_map(|frame| if let Frame::Prekey(prekey) = frame { Some(prekey) } else { None })
}

/// A room's id as frames carry it.
pub(super) fn room_bytes(room: RoomId) -> ByteArray<32> {
    ByteArray::new(room.0)
}
