//! A host among people who do what they like: what it sends is held against what holds for every host.

use conversa::crypto::{Domain, Fingerprint, Suite};
use conversa::protocol::{LinkId, MessageId, OpenPolicy, RelayToken, RoomId, new_room};
use conversa::wire::{
    Bye, ByteArray, Frame, FrameKind, Join, JoinAnswer, Look, Open, Ping, Resume, Signed, SkPacket, Wrap, decode,
    encode,
};

use super::desk::Desk;
use super::input::Input;
use super::payloads::{Common, Prekey, Subject, bundle, sign};
use super::people::{ANN, PEOPLE, START, Seeded, fingerprint, identity, signing};
use super::rooms::{entry, room};
use super::words::{copies, header, signed, text};

/// What happens in one input.
const ACTIONS_MAX: usize = 96;
/// Links at once; a person may have several.
const LINKS_MAX: usize = 12;
/// Everybody's keys are of this suite: a host does the same for all, and here it costs next to nothing.
const SUITE: Suite = Suite::Textbook;
/// What a relay asks for.
const TOKEN: [u8; 32] = [9; 32];
/// Times that matter: a bucket's refill, the first frame, a ping, a dead link, a wait for the owner, wrong invites.
const WAITS_MS: [u64; 8] = [1, 50, 1_000, 5_000, 30_000, 90_000, 120_000, 3_600_000];

/// Lets things happen at a host.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let start = input.byte();
    let desk = match start % 4 {
        0 => Desk::new(OpenPolicy::Token(RelayToken::new(TOKEN))),
        1 => Desk::new(OpenPolicy::Anyone),
        _ => Desk::with_room(room(SUITE)).0,
    };
    let mut crowd = Crowd { desk, chain: 0, index: 0, last: None };
    for _ in 0..ACTIONS_MAX {
        if input.is_empty() {
            break;
        }
        crowd.act(&mut input);
    }
    // Who waited for an owner that went gets a moment to ask again; and a host that looks late asks first, for the
    // silence was its own.
    [3_600_000].into_iter().chain([1_000; 30]).for_each(|ms| crowd.desk.advance(ms));
    assert!(crowd.desk.lines.is_empty(), "who says nothing is let go");
}

struct Crowd {
    desk: Desk,
    chain: u64,
    index: u64,
    last: Option<Frame>,
}

impl Crowd {
    fn act(&mut self, input: &mut Input<'_>) {
        let action = input.byte();
        match action % 20 {
            0 => return self.come(input),
            1 => return self.desk.advance(input.choose(&WAITS_MS)),
            _ => {}
        }
        let links: Vec<LinkId> = self.desk.lines.keys().copied().collect();
        if links.is_empty() {
            return self.come(input);
        }
        let link = input.choose(&links);
        let frame = match action % 20 {
            2 => return self.desk.close(link, input.flag()),
            3 => {
                let kind = FrameKind::ALL[input.below(FrameKind::ALL.len())];
                return self.desk.raw(link, kind, input.block());
            }
            4 => open(input),
            5 | 6 => self.join(input, link),
            7 => self.resume(input),
            8 | 9 => self.roster(input),
            10 => self.prekey(input, link),
            11 | 12 => self.sk_packet(input, link),
            13 | 14 => self.message(input, link),
            15 => Frame::JoinAnswer(JoinAnswer { answer: input.byte() % 6, number: u64::from(input.byte() % 16) }),
            16 => Frame::Look(Look { room: input.flag().then(|| ByteArray::new(self.room().0)) }),
            17 => Frame::Ping(Ping { number: 1 }),
            18 => Frame::Bye(Bye { code: input.byte() % 2 }),
            _ => self.last.clone().unwrap_or(Frame::Pong(Ping { number: 1 })),
        };
        if frame.fits() {
            self.desk.frame(link, &frame);
            self.last = Some(frame);
        }
    }

    fn come(&mut self, input: &mut Input<'_>) {
        if self.desk.lines.len() < LINKS_MAX {
            let person = input.below(PEOPLE);
            let suite = if input.byte() == 0xff { Suite::Classical } else { SUITE };
            self.desk.link_of(suite, fingerprint(SUITE, person), input.byte() % 4);
        }
    }

    /// The room that things happen in.
    fn room(&self) -> RoomId {
        self.desk.host.rooms().next().unwrap_or(room(SUITE).id)
    }

    fn person(&self, link: LinkId) -> usize {
        let peer = self.desk.lines.get(&link).map(|line| line.peer);
        (0..PEOPLE).find(|person| Some(fingerprint(SUITE, *person)) == peer).unwrap_or(ANN)
    }

    fn join(&self, input: &mut Input<'_>, link: LinkId) -> Frame {
        let person = if input.byte() == 0xff { input.below(PEOPLE) } else { self.person(link) };
        let (invite_id, mac) = match input.byte() % 4 {
            0 => (None, None),
            1 => (Some(ByteArray::new([1; 16])), None),
            _ => (Some(ByteArray::new([1; 16])), Some(ByteArray::new([2; 32]))),
        };
        let room = ByteArray::new(input.hash(self.room().0));
        // Only the owner reads it.
        let knock = invite_id.is_none().then(|| bundle(SUITE, person));
        Frame::Join(Join { bundle: bundle(SUITE, person), invite_id, knock, mac, room })
    }

    fn resume(&self, input: &mut Input<'_>) -> Frame {
        let newest = self.desk.lines.values().rev().find_map(|line| line.log.as_ref());
        let log = newest.map_or((0, self.room().0), |(_, log)| (log.position(), log.hash()));
        Frame::Resume(Resume {
            log_hash: ByteArray::new(input.hash(log.1)),
            position: input.number(log.0),
            room: ByteArray::new(self.room().0),
        })
    }

    /// Most often the next entry, signed by the owner.
    fn roster(&self, input: &mut Input<'_>) -> Frame {
        let (number, hash) = self.desk.head(self.room());
        let person = input.below(PEOPLE);
        let member = |person| Subject::Member(ByteArray::new(*fingerprint(SUITE, person).as_bytes()));
        let (subject, operation) = match input.byte() % 16 {
            0 => (member(ANN), 4),
            1..=6 => (member(person), 2),
            7 => (Subject::Bundle(bundle(SUITE, person)), 3),
            _ => (Subject::Bundle(bundle(SUITE, person)), 1),
        };
        let place = (input.number(number + 1), input.hash(hash));
        Frame::Roster(entry(SUITE, self.room(), subject, operation, place))
    }

    fn prekey(&mut self, input: &mut Input<'_>, link: LinkId) -> Frame {
        self.chain += 1;
        let prekey = Prekey {
            a: self.author(input, link),
            d: ByteArray::new([input.byte(); 32]),
            i: input.number(self.chain),
            m: input.flag().then(|| input.block().to_vec().into()),
            r: self.room(),
            v: input.number(1) as u8,
            x: input.number(START.unix_ms + 1_000_000),
        };
        Frame::Prekey(sign(&*signing(SUITE, self.person(link)), Domain::Prekey, encode(&prekey)))
    }

    fn sk_packet(&mut self, input: &mut Input<'_>, link: LinkId) -> Frame {
        self.chain += 1;
        let (number, hash) = self.desk.head(self.room());
        let common = Common {
            a: self.author(input, link),
            c: ByteArray::new([1; 32]),
            g: ByteArray::new([2; 32]),
            h: ByteArray::new(input.hash(hash)),
            n: input.number(self.chain),
            q: input.number(number),
            r: self.room(),
            v: input.number(1) as u8,
        };
        let common = sign(&*signing(SUITE, self.person(link)), Domain::SenderKey, encode(&common));
        let wraps = (0..input.below(6)).map(|_| wrap(input)).collect();
        Frame::SkPacket(SkPacket { common, wraps })
    }

    fn message(&mut self, input: &mut Input<'_>, link: LinkId) -> Frame {
        self.index += 1;
        let person = self.person(link);
        let (number, _) = self.desk.head(self.room());
        let mut header = header(self.room(), person, self.index, input.number(number), (1, [1; 32]));
        header.a = self.author(input, link);
        header.v = input.number(1) as u8;
        let words = String::from_utf8_lossy(input.block()).into_owned();
        Frame::Msg(signed(person, encode(&header), copies(ANN, &text(MessageId([3; 16]), &words))))
    }

    fn author(&self, input: &mut Input<'_>, link: LinkId) -> Fingerprint {
        let person = if input.byte() == 0xff { input.below(PEOPLE) } else { self.person(link) };
        fingerprint(SUITE, person)
    }
}

/// The kept room, one that somebody makes now, or something else.
fn open(input: &mut Input<'_>) -> Frame {
    let token = match input.byte() % 3 {
        0 => None,
        1 => Some(RelayToken::new(TOKEN)),
        _ => Some(RelayToken::new(input.hash(TOKEN))),
    };
    let genesis = match input.byte() % 4 {
        0 => {
            let (owner, seed) = (identity(SUITE, input.below(PEOPLE)), u64::from(input.byte()));
            let places = u16::from(input.byte());
            new_room(&owner, SUITE, input.flag(), places, START, &mut Seeded::new(seed)).unwrap().1
        }
        1 => decode::<Signed>(input.block()).unwrap_or_else(|_| room(SUITE).genesis.clone()),
        _ => room(SUITE).genesis.clone(),
    };
    Frame::Open(Open { genesis, token })
}

/// A wrap for somebody, of any size.
fn wrap(input: &mut Input<'_>) -> Wrap {
    let length = if input.byte() == 0xff { 80_000 } else { input.below(64) };
    Wrap {
        rsa: vec![1; length].into(),
        ephemeral: ByteArray::new([2; 32]),
        prekey_index: input.number(1),
        ml_kem: input.flag().then(|| input.block().to_vec().into()),
        recipient: fingerprint(SUITE, input.below(PEOPLE)),
        sealed: ByteArray::new([3; 48]),
    }
}
