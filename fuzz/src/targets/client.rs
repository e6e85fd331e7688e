//! A client whose host, whose fellow members and whose person do what they like: what it does is held against what
//! holds for every client.

use conversa::crypto::{CryptoError, Domain, Fingerprint, Suite};
use conversa::protocol::{Command, Content, Entry, Invite, LinkError, Memory, MessageId, RoomId};
use conversa::wire::{
    Bye, ByteArray, Frame, FrameKind, ItemKind, Join, JoinAnswer, JoinAsk, Lobby, Ping, Refuse, Signed, SkPacket,
    Welcome, encode,
};
use zeroize::Zeroizing;

use super::chains::given;
use super::client_harness::{ClientHarness, returning, room_bytes, welcome};
use super::input::Input;
use super::payloads::{Plaintext, Prekey, Subject, bundle, knock, sign};
use super::people::{ANN, BO, CAROL, DAVE, PEOPLE, START, fingerprint, signing};
use super::rooms::{Room, entry, room};
use super::sender::{Sender, padded};
use super::words::{copies, header, signed, text};

/// What happens in one input; the secure suites' keys take milliseconds.
const ACTIONS_MAX: usize = 64;
/// Times that matter: an introduction, a receipt, a retry, a ping, a dead link, a prekey's and a chain's end.
const WAITS_MS: [u64; 8] = [1, 150, 300, 5_000, 30_000, 90_000, 300_000, 24 * 3_600_000];

/// Lets things happen to a client.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let suite = input.choose(&[Suite::Textbook, Suite::Textbook, Suite::Textbook, Suite::Classical, Suite::Hybrid]);
    let mut world = World::begin(&mut input, room(suite));
    for _ in 0..ACTIONS_MAX {
        if input.is_empty() {
            break;
        }
        world.act(&mut input);
    }
    // Whatever happened, an end is in sight, or a time to look after it again.
    world.harness.advance(3_600_000);
    world.harness.command(Command::GoOffline);
    assert!(world.harness.stopped.is_some(), "who wants to go goes");
    world.act(&mut Input::new(&[7, 0, 0]));
}

struct World {
    room: &'static Room,
    person: usize,
    harness: ClientHarness,
    sender: Option<Sender>,
    index: u64,
    /// How many of the client's frames its host has put into the log.
    echoed: usize,
}

impl World {
    fn begin(input: &mut Input<'_>, room: &'static Room) -> Self {
        let start = input.byte();
        let person = [BO, ANN, DAVE, CAROL][usize::from(start) % 4];
        let (entry, pin) = match start / 4 % 6 {
            0 => (Entry::Knock, None),
            1 => (Entry::Knock, Some(fingerprint(room.suite, ANN))),
            2 => (Entry::Invite(invite(input, room)), None),
            3 => (Entry::Return { genesis: room.genesis.clone(), memory: Memory::new(room.id) }, None),
            _ => (returning(room, person), Some(fingerprint(room.suite, ANN))),
        };
        let mut world = Self {
            room,
            person,
            harness: ClientHarness::new(room.suite, person, entry, pin),
            sender: None,
            index: 0,
            echoed: 0,
        };
        if start >= 128 && person != DAVE {
            world.harness = ClientHarness::live(room.suite, person);
            return world;
        }
        if start >= 96 {
            world.harness.client = world.harness.client.looking_first();
        }
        world.harness.client.start(START);
        world.harness.drain();
        world
    }

    fn act(&mut self, input: &mut Input<'_>) {
        let action = input.byte();
        match action % 32 {
            0 | 1 if self.harness.dialing => self.dialed(input),
            0 => self.harness.disconnect(error(input)),
            1 => self.harness.advance(input.choose(&WAITS_MS)),
            2 => self.welcome(input),
            3 => self.snapshot(input),
            4 => self.harness.pong(),
            5..=7 => self.echo(),
            8..=10 => self.message(input),
            11 => self.chain(input),
            12 => self.prekey(input),
            13 | 14 => self.roster(input),
            15 => self.harness.presence(self.somebody(input), input.byte() % 4),
            16 => self.harness.frame(&Frame::Refuse(Refuse { code: input.byte() % 14 })),
            17 => self.harness.frame(&Frame::Bye(Bye { code: input.byte() % 10 })),
            18 => self.harness.frame(&Frame::Ping(Ping { number: 5 })),
            19 => self.lobby(input),
            20 => self.ask(input),
            21 => self.harness.frame(&Frame::JoinAnswer(JoinAnswer { answer: 0, number: u64::from(input.byte() % 4) })),
            22 => {
                let kind = FrameKind::ALL[input.below(FrameKind::ALL.len())];
                self.harness.raw(kind, input.block());
            }
            23 => self.due(),
            _ => {
                let command = self.command(input);
                self.harness.command(command);
            }
        }
    }

    fn dialed(&mut self, input: &mut Input<'_>) {
        match input.byte() % 8 {
            0 => self.harness.disconnect(error(input)),
            1 => {
                self.harness.dialing = false;
                self.harness.client.host_seen(fingerprint(self.room.suite, ANN), self.harness.now);
                self.harness.drain();
            }
            _ => self.harness.connect(),
        }
    }

    /// Lets time go by until something is due.
    fn due(&mut self) {
        let now = self.harness.now.monotonic_ms;
        let due = self.harness.client.next_timeout().unwrap_or(now);
        self.harness.advance(due.saturating_sub(now));
    }

    fn welcome(&mut self, input: &mut Input<'_>) {
        if input.byte() < 160 {
            return self.harness.frame(&welcome(self.room, self.room.epoch()));
        }
        let genesis = if input.flag() { self.room.genesis.clone() } else { room(Suite::Textbook).genesis.clone() };
        let (position, hash) = (input.number(self.harness.log.position()), input.hash(self.harness.log.hash()));
        self.harness.frame(&Frame::Welcome(Welcome {
            genesis,
            prekey_index: input.number(0),
            log_hash: ByteArray::new(hash),
            chain_number: input.number(0),
            position,
            roster_length: input.number(self.room.epoch()),
        }));
    }

    /// All that follows a welcome, or one piece of it.
    fn snapshot(&mut self, input: &mut Input<'_>) {
        let entries = &self.room.entries;
        if input.flag() {
            let entry = &entries[input.below(entries.len())];
            return self.harness.snapshot(ItemKind::Roster, input.number(3), encode(entry));
        }
        for entry in entries {
            self.harness.snapshot(ItemKind::Roster, 3, encode(entry));
        }
        self.harness.pong();
    }

    /// The host puts what the client sent into the log, as it should.
    fn echo(&mut self) {
        let frames: Vec<Frame> = self.harness.sent.iter().skip(self.echoed).cloned().collect();
        self.echoed = self.harness.sent.len();
        for frame in frames {
            match frame {
                Frame::Prekey(prekey) => self.harness.item(ItemKind::Prekey, encode(&prekey), None),
                Frame::SkPacket(SkPacket { common, .. }) => {
                    self.harness.item(ItemKind::SkPacket, encode(&common), None)
                }
                Frame::Msg(message) => self.harness.item(ItemKind::Msg, encode(&message), None),
                Frame::Roster(entry) => self.harness.item(ItemKind::Roster, encode(&entry), None),
                Frame::Ping(ping) => self.harness.frame(&Frame::Pong(ping)),
                _ => {}
            }
        }
    }

    /// Carol says something, or somebody in her name.
    fn message(&mut self, input: &mut Input<'_>) {
        let log = (input.number(self.harness.log.position()), input.hash(self.harness.log.hash()));
        let plaintext = match input.byte() {
            0..128 => text(MessageId([input.byte() % 8; 16]), &String::from_utf8_lossy(input.block())),
            128..192 => body(input),
            _ => input.block().to_vec(),
        };
        let message = if let (Some(sender), false) = (&mut self.sender, self.room.suite.is_learning()) {
            let mut header = sender.header(self.room, CAROL, log);
            header.q = input.number(header.q);
            sender.seal(encode(&header), &padded(&plaintext))
        } else {
            self.index += 1;
            let mut header = header(self.room.id, CAROL, self.index, input.number(self.harness.head.0), log);
            header.i = input.number(header.i);
            signed(CAROL, encode(&header), copies(self.person, &plaintext))
        };
        let mut exact = encode(&message);
        input.bend(&mut exact);
        self.harness.item(ItemKind::Msg, exact, None);
    }

    /// Carol's chain, with the key for Bo, which fits his first prekey.
    fn chain(&mut self, input: &mut Input<'_>) {
        let (sender, wrap) = if self.room.suite.is_learning() {
            (Sender::announce(self.room, CAROL, u64::from(input.byte())), None)
        } else {
            let given = given(self.room.suite);
            (given.sender.clone(), (input.byte() < 200).then(|| given.wrap.clone()))
        };
        let mut exact = encode(&sender.common);
        input.bend(&mut exact);
        self.sender = Some(sender);
        self.harness.item(ItemKind::SkPacket, exact, wrap);
    }

    fn prekey(&mut self, input: &mut Input<'_>) {
        let prekey = Prekey {
            a: fingerprint(self.room.suite, CAROL),
            d: ByteArray::new([9; 32]),
            i: u64::from(input.byte()),
            m: None,
            r: self.room.id,
            v: 1,
            x: input.number(self.harness.now.unix_ms.saturating_add(3_600_000)),
        };
        let prekey = sign(&*signing(self.room.suite, CAROL), Domain::Prekey, encode(&prekey));
        self.harness.item(ItemKind::Prekey, encode(&prekey), None);
    }

    /// Most often the next entry, signed by the owner.
    fn roster(&mut self, input: &mut Input<'_>) {
        let person = input.below(PEOPLE);
        let member = |person| Subject::Member(ByteArray::new(*fingerprint(self.room.suite, person).as_bytes()));
        let (subject, operation) = match input.byte() % 8 {
            0 => (member(ANN), 4),
            1..=3 => (member(person), 2),
            _ => (Subject::Bundle(bundle(self.room.suite, person)), 1),
        };
        let (number, hash) = self.harness.head;
        let place = (input.number(number + 1), input.hash(hash));
        let entry = entry(self.room.suite, self.room.id, subject, operation, place);
        self.harness.item(ItemKind::Roster, encode(&entry), None);
    }

    fn lobby(&mut self, input: &mut Input<'_>) {
        let rooms: Vec<Signed> = (0..input.below(4)).map(|_| room(input.choose(&Suite::ALL)).genesis.clone()).collect();
        let members = (0..input.number(rooms.len() as u64).min(8)).map(|count| count as u16).collect();
        self.harness.frame(&Frame::Lobby(Lobby { rooms, members }));
    }

    fn ask(&mut self, input: &mut Input<'_>) {
        let (invite_id, mac) = match input.byte() % 3 {
            0 => (None, None),
            _ => (Some(ByteArray::new(input.array())), Some(ByteArray::new([2; 32]))),
        };
        let person = input.below(PEOPLE);
        let bundle = bundle(self.room.suite, person);
        let knock = invite_id.is_none().then(|| knock(self.room.suite, person, self.room.id));
        let mut join = encode(&Join { bundle, invite_id, knock, mac, room: room_bytes(self.room.id) });
        input.bend(&mut join);
        self.harness.frame(&Frame::JoinAsk(JoinAsk { join: join.into(), number: u64::from(input.byte() % 4) }));
    }

    fn somebody(&self, input: &mut Input<'_>) -> Fingerprint {
        fingerprint(self.room.suite, input.below(PEOPLE))
    }

    fn command(&self, input: &mut Input<'_>) -> Command {
        let id = MessageId([input.byte() % 8; 16]);
        match input.byte() % 20 {
            0..=3 => {
                let content = Content::text(String::from_utf8_lossy(input.block()).into_owned());
                Command::Send { id, content, said_ms: 0 }
            }
            4 => Command::Cancel(id),
            5 => Command::Rename("Somebody else".to_owned()),
            6 => Command::Retitle("Saturday".to_owned()),
            7 => {
                let addresses = vec!["127.0.0.1:9000".to_owned(); input.below(10)];
                Command::Invite { addresses, life_ms: input.number(3_600_000) }
            }
            8 => Command::WithdrawInvites,
            9 => Command::AnswerKnock { member: self.somebody(input), admit: input.flag() },
            10 | 11 => Command::Remove(self.somebody(input)),
            12 => Command::CloseRoom,
            13 if id.0 == [7; 16] => Command::Stored(u64::MAX),
            13 => Command::Kept(u64::MAX),
            14 => Command::SafetyNumber(self.somebody(input)),
            15 => Command::RefreshKeys,
            16 => Command::RetryNow,
            17 => Command::TrustHost(self.somebody(input)),
            18 => Command::Knock(RoomId(input.hash(self.room.id.0))),
            _ if input.flag() => Command::GoOffline,
            _ => Command::Leave,
        }
    }
}

/// A body that is not words.
fn body(input: &mut Input<'_>) -> Vec<u8> {
    let kind = input.byte() % 7;
    let body = match kind {
        0 | 2 => encode(&String::from_utf8_lossy(input.block()).into_owned()),
        3 => encode(&input.number(12)),
        _ => Vec::new(),
    };
    encode(&Plaintext { b: body.into(), k: kind, t: 0 })
}

fn invite(input: &mut Input<'_>, room: &Room) -> Invite {
    Invite {
        suite: room.suite,
        addresses: vec!["127.0.0.1:9000".to_owned()],
        host: fingerprint(room.suite, ANN),
        room: room.id,
        secret: Zeroizing::new([4; 32]),
        expires_ms: input.number(START.unix_ms + 3_600_000),
    }
}

fn error(input: &mut Input<'_>) -> LinkError {
    let address = String::new;
    match input.byte() % 6 {
        0 => LinkError::Refused { address: address() },
        1 => LinkError::HostKeyChanged {
            expected: Fingerprint::from_bytes([1; 32]),
            seen: Fingerprint::from_bytes([2; 32]),
        },
        2 => LinkError::Closed,
        3 => LinkError::Protocol,
        4 => LinkError::System { address: address(), reason: CryptoError::Backend.to_string() },
        _ => LinkError::Cut,
    }
}
