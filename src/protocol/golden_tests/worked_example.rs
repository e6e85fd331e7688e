//! The worked example of `docs/protocol.md`: our host makes exactly these frames of what Ann and Bo
//! send, and our client, in Bo's place, reads Ann's words from them.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use super::{FILE, Fixed, after, identity, unhex};
use crate::crypto::{Fingerprint, KeyKind, Suite};
use crate::protocol::consent::RoomCrypto;
use crate::protocol::payload::{Fault, PrekeyPayload};
use crate::protocol::{
    ByeCode, Client, Entry, Event, Host, HostLimits, HostOutput, Identity, LinkId, OpenPolicy, Output, Peer, Stop,
};
use crate::wire::{Frame, FrameKind, FrameReader, Ping, Signed, Welcome, decode, encode};

/// The values of the example by name.
struct Example(Value);

impl Example {
    fn read() -> Self {
        let mut file: Value = serde_json::from_str(FILE).unwrap();
        Self(file["example"].take())
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        unhex(self.0[name].as_str().unwrap_or_else(|| panic!("no value is called {name}")))
    }

    fn fingerprint(&self, name: &str) -> Fingerprint {
        Fingerprint::from_bytes(self.bytes(name).try_into().unwrap())
    }

    /// A frame's type and body.
    fn frame(&self, name: &str) -> (FrameKind, Vec<u8>) {
        let mut reader = FrameReader::new(usize::MAX);
        reader.push(&self.bytes(name));
        reader.next_body().unwrap().unwrap()
    }
}

/// What Bo receives, in order.
const TO_BO: [&str; 9] = [
    "Welcome frame to Bo",
    "Item frame_2",
    "Item frame_1",
    "Presence frame",
    "Item frame_3",
    "Item frame_4",
    "Item frame_5",
    "Item frame_6",
    "Item frame_7",
];

const ANN: LinkId = LinkId(1);
const BO: LinkId = LinkId(2);

fn connect(host: &mut Host, link: LinkId, fingerprint: Fingerprint) {
    let peer = Peer { fingerprint, keys: KeyKind::Rsa, address: IpAddr::V4(Ipv4Addr::LOCALHOST) };
    host.link_opened(link, peer, after(0));
}

/// Hands a frame of the example to the host; what it sends to Ann and to Bo.
fn hand(host: &mut Host, example: &Example, from: LinkId, name: &str) -> [Vec<Vec<u8>>; 2] {
    let (kind, body) = example.frame(name);
    host.frame(from, kind, &body, after(0));
    let mut sent = [Vec::new(), Vec::new()];
    while let Some(output) = host.poll_output() {
        match output {
            HostOutput::Send { link, frame } => sent[usize::from(link == BO)].push(frame.to_vec()),
            HostOutput::Close { link, code } => panic!("{name}: {link:?} is closed with {code:?}"),
            HostOutput::Member { .. }
            | HostOutput::Waiting { .. }
            | HostOutput::TurnedAway { .. }
            | HostOutput::Event(_) => {}
            HostOutput::Write { .. } | HostOutput::Load { .. } => panic!("a forgetful host writes nothing"),
        }
    }
    sent
}

#[test]
fn our_host_numbers_and_passes_on_exactly_these_bytes() {
    let example = Example::read();
    let [ann, bo] = ["Ann's fingerprint", "Bo's fingerprint"].map(|name| example.fingerprint(name));
    let mut host = Host::new(OpenPolicy::Only(vec![ann]), HostLimits::default());
    connect(&mut host, ANN, ann);
    let [to_ann, _] = hand(&mut host, &example, ANN, "Open frame");
    assert_eq!(to_ann, [example.bytes("Welcome frame to Ann")]);
    let [to_ann, _] = hand(&mut host, &example, ANN, "Ann's prekey frame");
    assert_eq!(to_ann, [example.bytes("Item frame_1")]);
    connect(&mut host, BO, bo);
    let [to_ann, to_bo] = hand(&mut host, &example, BO, "Join frame");
    assert_eq!((to_ann, to_bo), (vec![example.bytes("JoinAsk frame")], vec![]));
    let mut received = Vec::new();
    for (from, name) in [
        (ANN, "Roster frame"),
        (BO, "Bo's prekey frame"),
        (ANN, "SkPacket frame"),
        (ANN, "Msg frame_0"),
        (ANN, "Msg frame_1"),
        (ANN, "Msg frame_2"),
    ] {
        let [_, mut to_bo] = hand(&mut host, &example, from, name);
        received.append(&mut to_bo);
    }
    assert_eq!(received, TO_BO.map(|name| example.bytes(name)));
}

/// Bo's client, with what it asked for since.
struct Bo {
    client: Client,
    random: Fixed,
    sent: Vec<Frame>,
    events: Vec<Event>,
}

impl Bo {
    fn new(example: &Example, identity: std::sync::Arc<Identity>) -> Self {
        let link = String::from_utf8(example.bytes("link")).unwrap();
        let entry = Entry::Invite(link.parse().unwrap());
        let crypto = RoomCrypto::trusted(Suite::Hybrid).unwrap();
        let client = Client::new(identity, crypto, "Bo".to_owned(), entry, None);
        // A prekey, and the secret that takes the place of what does not decrypt.
        let drawn = [example.bytes("Bo's X25519 scalar"), example.bytes("Bo's ML-KEM seed"), vec![9; 32]].concat();
        Self { client, random: Fixed(drawn), sent: Vec::new(), events: Vec::new() }
    }

    fn receive(&mut self, kind: FrameKind, body: &[u8]) {
        self.client.frame(kind, body, after(0), &mut self.random);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll_output() {
            match output {
                Output::Send(bytes) => {
                    let mut reader = FrameReader::new(usize::MAX);
                    reader.push(&bytes);
                    self.sent.push(reader.next_frame().unwrap().unwrap());
                }
                Output::Event(event) => self.events.push(event),
                Output::Connect { .. } | Output::Keep { .. } => {}
                Output::Disconnect(code) => panic!("hung up with {code:?}: {:?}", self.events),
                Output::Abandon => panic!("gave up: {:?}", self.events),
            }
        }
    }
}

#[test]
fn our_client_in_bos_place_reads_what_ann_wrote() {
    let example = Example::read();
    let mut bo = Bo::new(&example, identity("bo", Suite::Classical));
    bo.client.start(after(0));
    bo.client.connected(after(0), &mut bo.random);
    bo.drain();
    let [Frame::Join(join)] = &bo.sent[..] else { panic!("no Join: {:?}", bo.sent) };
    assert_eq!(join.invite_id.unwrap()[..], example.bytes("invite id"));
    // RSA-PSS is randomised, so the signature and the MAC over it differ each time.
    assert_eq!(*join.bundle.payload, example.bytes("Bo's bundle payload"));
    for name in TO_BO {
        let (kind, body) = example.frame(name);
        bo.receive(kind, &body);
        if name == "Presence frame" {
            bo.receive(FrameKind::Pong, &encode(&Ping { number: 0 }));
        }
    }
    let prekeys: Vec<&Signed> = bo
        .sent
        .iter()
        .filter_map(|frame| if let Frame::Prekey(signed) = frame { Some(signed) } else { None })
        .collect();
    assert_eq!(
        prekeys.iter().map(|signed| signed.payload.to_vec()).collect::<Vec<_>>(),
        [example.bytes("Bo's prekey payload")]
    );
    assert!(decode::<PrekeyPayload>(&prekeys[0].payload).is_ok());
    let ann = example.fingerprint("Ann's fingerprint");
    let has = |event: &dyn Fn(&Event) -> bool| bo.events.iter().any(event);
    assert!(has(&|event| matches!(event, Event::MemberNamed { member, name } if *member == ann && name == "Ann")));
    assert!(has(&|event| matches!(event, Event::Titled { title } if title == "Friday")));
    assert!(has(&|event| {
        matches!(event, Event::Message { from, content, .. } if *from == ann && content.words() == Some("Good evening, Bo! \u{1f511}"))
    }));
    assert!(!has(&|event| matches!(event, Event::Unreadable { .. } | Event::Fork { .. } | Event::Lost { .. })));
}

#[test]
fn a_welcome_that_leaves_no_number_for_what_comes_next_ends_the_link() {
    let example = Example::read();
    let (kind, body) = example.frame("Welcome frame to Bo");
    let Ok(Frame::Welcome(honest)) = Frame::decode(kind, &body) else { panic!("no welcome") };
    for welcome in [Welcome { prekey_index: u64::MAX, ..honest.clone() }, Welcome { chain_number: u64::MAX, ..honest }]
    {
        let mut bo = Bo::new(&example, identity("bo", Suite::Classical));
        bo.client.start(after(0));
        bo.client.connected(after(0), &mut bo.random);
        bo.client.frame(FrameKind::Welcome, &encode(&welcome), after(0), &mut bo.random);
        let outputs: Vec<Output> = std::iter::from_fn(|| bo.client.poll_output()).collect();
        assert!(outputs.contains(&Output::Disconnect(ByeCode::Protocol)), "{outputs:?}");
        assert!(outputs.contains(&Output::Event(Event::Stopped(Stop::Protocol(Fault::Limit)))), "{outputs:?}");
    }
}
