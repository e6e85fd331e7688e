//! Thousands of hostile peers, one after another and at once, against a host where two people talk: outsiders
//! who send noise, members who send whatever they like, hosts of rooms that are not theirs. The same seed
//! gives the same peers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use conversa::crypto::{Random, Suite};
use conversa::protocol::{Event, LinkId, Peer, RelayToken};
use conversa::wire::{
    ByteArray, Frame, FrameKind, Item, Join, JoinAnswer, Look, Msg, Open, Ping, Presence, Resume, Signed, encode,
};

use crate::net::{Net, Seeded, Taped, identity};
use crate::payloads::Header;

/// How many connect.
const PEERS: u64 = 3_000;
/// The most frames each sends before it disconnects.
const FRAMES: usize = 6;

/// What a peer is up to.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Sends frames of any type, filled with noise.
    Noise,
    /// Replays other people's frames exactly as they crossed the wire.
    Replay,
    /// Replays them with one byte changed.
    Corrupt,
    /// An outsider who acts as a member, an owner or a host.
    Impostor,
    /// An outsider who asks again and again.
    Flooder,
    /// A member of the room with a malicious program.
    RogueMember,
}

const KINDS: [Kind; 6] = [Kind::Noise, Kind::Replay, Kind::Corrupt, Kind::Impostor, Kind::Flooder, Kind::RogueMember];

struct Dice(Seeded);

impl Dice {
    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        let bytes: [u8; 8] = (&mut self.0 as &mut dyn Random).bytes().unwrap();
        (u64::from_be_bytes(bytes) % end as u64) as usize
    }

    fn noise(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.below(300)];
        self.0.fill(&mut bytes).unwrap();
        bytes
    }
}

/// One peer's next frame.
fn frame(kind: Kind, net: &Net, seen: &[(FrameKind, Vec<u8>)], dice: &mut Dice) -> (FrameKind, Vec<u8>) {
    let any = FrameKind::ALL[dice.below(FrameKind::ALL.len())];
    match kind {
        Kind::Noise => (any, dice.noise()),
        Kind::Replay => seen[dice.below(seen.len())].clone(),
        Kind::Corrupt => {
            let (kind, mut body) = seen[dice.below(seen.len())].clone();
            let at = dice.below(body.len().max(1));
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
            (kind, body)
        }
        Kind::Impostor | Kind::Flooder | Kind::RogueMember => {
            let frame = made_up(net, dice, matches!(kind, Kind::Flooder));
            (frame.kind(), frame.to_bytes()[5..].to_vec())
        }
    }
}

/// Well-formed, and wrong in what it says.
fn made_up(net: &Net, dice: &mut Dice, asks: bool) -> Frame {
    let room = net.host.rooms().next().unwrap();
    let names = ["ann", "bo", "carol"];
    let someone = net.fingerprint(names[dice.below(names.len())]);
    let any32 = |dice: &mut Dice| ByteArray::new([dice.below(256) as u8; 32]);
    let signed = |dice: &mut Dice| Signed { payload: dice.noise().into(), signature: dice.noise().into() };
    match if asks { dice.below(4) } else { 4 + dice.below(8) } {
        0 => Frame::Look(Look { room: Some(ByteArray::new(room.0)) }),
        1 => {
            let secret = dice.below(256) as u8;
            let bundle = signed(dice);
            let (invite_id, mac) = (Some(ByteArray::new([secret; 16])), Some(any32(dice)));
            Frame::Join(Join { bundle, invite_id, knock: None, mac, room: ByteArray::new(room.0) })
        }
        2 => Frame::Ping(Ping { number: dice.below(1_000) as u64 }),
        3 => {
            let position = dice.below(100) as u64;
            Frame::Resume(Resume { log_hash: any32(dice), position, room: ByteArray::new(room.0) })
        }
        4 => Frame::Roster(signed(dice)),
        5 => Frame::Prekey(signed(dice)),
        6 => Frame::Open(Open { genesis: signed(dice), token: Some(RelayToken::new(any32(dice).into_array())) }),
        7 => Frame::JoinAnswer(JoinAnswer { answer: dice.below(6) as u8, number: dice.below(9) as u64 }),
        8 => Frame::Item(Item { kind: 1 + dice.below(5) as u8, position: 1, wrap: None, exact: dice.noise().into() }),
        9 => Frame::Presence(Presence { member: someone, state: dice.below(4) as u8 }),
        10 => {
            let (epoch, index) = (dice.below(4) as u64, dice.below(2_000) as u64);
            let (chain, log) = (any32(dice), any32(dice));
            let header = Header { a: someone, h: chain, i: index, l: log, m: index, q: epoch, r: room, v: 1 };
            let (ciphertext, signature) = (dice.noise().into(), dice.noise().into());
            Frame::Msg(Msg { ciphertext, header: encode(&header).into(), signature })
        }
        _ => Frame::Pong(Ping { number: 0 }),
    }
}

fn withstands(suite: Suite) {
    let mut net = Net::new(suite, &["ann", "bo", "carol"]);
    net.send("ann", "before");
    net.drive();
    let sent = net.tape.iter().filter_map(|taped| match taped {
        Taped::ToHost { kind, body, .. } | Taped::ToClient { kind, body, .. } => Some((*kind, body.clone())),
        _ => None,
    });
    let seen: Vec<(FrameKind, Vec<u8>)> = sent.collect();
    let members: BTreeSet<_> = ["ann", "bo", "carol"].iter().map(|name| net.fingerprint(name)).collect();
    let mut dice = Dice(Seeded::new(4_711));
    for number in 0..PEERS {
        let kind = KINDS[dice.below(KINDS.len())];
        let is_rogue = matches!(kind, Kind::RogueMember);
        // Carol's keys are with the rogue members; the others have some of their own.
        let own = identity(suite, if is_rogue { 2 } else { 4 + dice.below(8) });
        let address = IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap()));
        let link = LinkId(1_000_000 + number);
        let peer = Peer { fingerprint: own.fingerprint(), keys: suite.key_kind(), address };
        net.host.link_opened(link, peer, net.now);
        if is_rogue && let Some((kind, body)) = join_of(&net, "carol") {
            net.host.frame(link, kind, &body, net.now);
        }
        for _ in 0..=dice.below(FRAMES) {
            let (kind, body) = frame(kind, &net, &seen, &mut dice);
            net.host.frame(link, kind, &body, net.now);
        }
        net.settle();
        if dice.below(2) == 0 {
            net.host.link_closed(link, dice.below(2) == 0, net.now);
        }
        net.advance(200);
        if number % 500 == 499 {
            still_talking(&mut net, suite, number);
        }
    }
    let told = net.people.values().flat_map(|person| &person.events);
    for event in told {
        match event {
            Event::MemberJoined { member } => assert!(members.contains(member)),
            Event::Message { content, .. } => {
                let words = content.words().unwrap();
                assert!(words == "before" || words.starts_with("still "));
            }
            Event::MemberRemoved { .. } => panic!("nobody was removed"),
            _ => {}
        }
    }
}

/// What Carol's app first said, with no need for an invite any more.
fn join_of(net: &Net, name: &str) -> Option<(FrameKind, Vec<u8>)> {
    net.tape.iter().find_map(|taped| match taped {
        Taped::ToHost { name: of, kind: FrameKind::Join, body, .. } if *of == name => {
            Some((FrameKind::Join, body.clone()))
        }
        _ => None,
    })
}

fn still_talking(net: &mut Net, suite: Suite, number: u64) {
    for (from, to) in [("ann", "bo"), ("bo", "ann")] {
        let words = format!("still here after {number}");
        net.send(from, &words);
        net.drive();
        assert_eq!(net.inbox(to).last(), Some(&words), "{suite:?}: {from} to {to}");
        assert_eq!(net.stop_of(to), None);
    }
}

#[test]
fn three_thousand_hostile_peers_at_a_classical_room() {
    withstands(Suite::Classical);
}

#[test]
fn three_thousand_hostile_peers_at_a_hybrid_room() {
    withstands(Suite::Hybrid);
}

#[test]
fn three_thousand_hostile_peers_at_a_learning_room() {
    withstands(Suite::Textbook);
}
