//! Each kind of frame, from a real room, with each byte flipped, doubled, or the last before a cut, and
//! given to whoever it was for: the host, a member, the owner. Nobody panics, is shown words that were
//! not sent, takes anybody else for a member, or loses the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use conversa::crypto::{DecryptionKey, Domain, EncryptionKey, Fingerprint, SigningKey, Suite, VerifyingKey};
use conversa::protocol::{
    ByeCode, Client, Command, Entry, Event, Host, HostLimits, HostOutput, Identity, Keep, LinkError, LinkId, Now,
    OpenPolicy, Output, Peer, Stop,
};
use conversa::wire::{DecodeError, Frame, FrameKind, FrameReader, Item, Join, Look, Ping};

use zeroize::Zeroizing;

use crate::net::{Net, START, Seeded, Taped, crypto};

/// Steps played after the changed frame: a few, to see what it led to.
const PLAYED_ON: usize = 8;
/// Of the frames that do not decode, which end the link before anything of them is looked at, one of so
/// many is played: a part played again costs some RSA.
const PLAYED_OF_BAD: usize = 8;

/// What may happen to a byte, besides that the link ends before it.
#[derive(Clone, Copy, Debug)]
enum Change {
    Flipped,
    Doubled,
}

/// What a reader makes of a frame that was changed on its way: nothing, a body, an error, or several.
fn read(bytes: &[u8]) -> Vec<Result<(FrameKind, Vec<u8>), DecodeError>> {
    let mut reader = FrameReader::new(usize::MAX);
    reader.push(bytes);
    let mut read = Vec::new();
    while let Some(body) = reader.next_body().transpose() {
        let ends = body.is_err();
        read.push(body);
        if ends {
            break;
        }
    }
    read
}

fn whole(kind: FrameKind, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 1).unwrap().to_be_bytes();
    [&length[..], &[kind.code()], body].concat()
}

/// Every way to change one byte of a frame. Which bit is flipped goes round with the offset.
fn changed(kind: FrameKind, body: &[u8]) -> impl Iterator<Item = (Change, usize, Vec<u8>)> {
    let frame = whole(kind, body);
    let unchanged = frame.clone();
    let changes = (0..frame.len()).flat_map(move |offset| {
        let (mut flipped, mut doubled) = (frame.clone(), frame.clone());
        flipped[offset] ^= 1 << (offset % 8);
        doubled.insert(offset, frame[offset]);
        [(Change::Flipped, offset, flipped), (Change::Doubled, offset, doubled)]
    });
    // The last byte doubled is the frame itself, and the beginning of another.
    changes.filter(move |(_, _, bytes)| !bytes.starts_with(&unchanged))
}

/// A frame that ends too early never arrives, and one whose length says that it is whole is refused.
fn cut_everywhere(kind: FrameKind, body: &[u8]) {
    let frame = whole(kind, body);
    for end in 0..frame.len() {
        assert_eq!(read(&frame[..end]), [], "{kind:?} cut at {end}");
    }
    for end in 0..body.len() {
        assert!(Frame::decode(kind, &body[..end]).is_err(), "{kind:?} short of {end}");
    }
}

/// Ann's room, into which Bo and Carol come; things are said, Dave looks around, knocks on a closed
/// door, and comes in; Bo loses the link and resumes; time passes; the end.
fn story(suite: Suite) -> Net {
    let mut net = Net::with_owner(suite, "ann", true);
    for name in ["bo", "carol"] {
        net.invite_and_join(name);
    }
    for (name, words) in [("ann", "hello"), ("bo", "hi Ann"), ("carol", "and me")] {
        net.send(name, words);
        net.drive();
    }
    let invite = net.invite();
    net.add_looking("dave", Entry::Invite(invite.clone()));
    net.drive();
    let mut withdrawn = invite.clone();
    withdrawn.secret[0] ^= 1;
    net.add("dave", Entry::Invite(withdrawn), None);
    net.drive();
    net.add("dave", Entry::Invite(invite), None);
    net.drive();
    net.wait(45_000);
    net.cut("bo");
    net.wait(5_000);
    net.add("eve", Entry::Knock, Some(net.host_fingerprint()));
    net.drive();
    let room = net.host.rooms().next().unwrap();
    net.command("eve", Command::Knock(room));
    net.drive();
    net.command("eve", Command::GoOffline);
    net.drive();
    net.command("ann", Command::CloseRoom);
    net.drive();
    assert_eq!(net.stop_of("bo"), Some(Stop::Closed));
    net
}

/// A person's side of the story up to the first end of a link, to be played again: the same keys and the
/// same chance make the same client.
struct Part {
    client: Box<dyn Fn() -> Client>,
    seed: u64,
    steps: Vec<Taped>,
}

impl Part {
    /// The part of whoever came as the `index`th of that name.
    fn of(net: &Net, name: &'static str, index: usize) -> Self {
        let came = |taped: &Taped| matches!(taped, Taped::Came { name: of, .. } if *of == name);
        let start = net.tape.iter().enumerate().filter(|(_, taped)| came(taped)).nth(index).unwrap().0;
        let Taped::Came { entry, pin, looks, seed, .. } = net.tape[start].clone() else { unreachable!() };
        let is_end = |taped: &Taped| came(taped) || matches!(taped, Taped::Closed { name: of, .. } if *of == name);
        let rest = net.tape[start + 1..].iter().take_while(|taped| !is_end(taped));
        let is_own = |taped: &&Taped| match taped {
            Taped::ToClient { name: of, .. } => *of == name,
            Taped::Asked { name: of, command } => {
                *of == name && matches!(command, Command::Invite { .. } | Command::Kept(_))
            }
            _ => false,
        };
        let steps = rest.filter(is_own).cloned().collect();
        let (suite, own) = (net.suite, remembering(net.people[name].client.identity()));
        let client = move || {
            let client = Client::new(Arc::clone(&own), crypto(suite), name.to_owned(), entry.clone(), pin);
            if looks { client.looking_first() } else { client }
        };
        Self { client: Box::new(client), seed, steps }
    }

    /// Where frames of a kind come first.
    fn kinds(&self) -> BTreeMap<(u8, Option<u8>), usize> {
        let mut kinds = BTreeMap::new();
        for (index, step) in self.steps.iter().enumerate() {
            if let Taped::ToClient { kind, body, .. } = step {
                kinds.entry(code_of(*kind, body)).or_insert(index);
            }
        }
        kinds
    }

    /// What the client tells if the frame at `place` is another.
    fn play(&self, place: usize, instead: &[Result<(FrameKind, Vec<u8>), DecodeError>]) -> Vec<Output> {
        let (mut client, mut random) = ((self.client)(), Seeded::new(self.seed));
        client.start(START);
        client.connected(START, &mut random);
        for (index, step) in self.steps.iter().enumerate().take(place + PLAYED_ON) {
            match step {
                Taped::ToClient { .. } if index == place => {
                    for frame in instead {
                        match frame {
                            Ok((kind, body)) => client.frame(*kind, body, START, &mut random),
                            Err(_) => client.disconnected(LinkError::Protocol, START, &mut random),
                        }
                    }
                    if instead.is_empty() {
                        client.disconnected(LinkError::Cut, START, &mut random);
                    }
                }
                Taped::ToClient { kind, body, .. } => client.frame(*kind, body, START, &mut random),
                Taped::Asked { command, .. } => client.command(command.clone(), START, &mut random),
                _ => {}
            }
        }
        std::iter::from_fn(|| client.poll_output()).collect()
    }
}

/// A key that remembers what it did: a part is played a thousand times, and RSA takes most of that time.
struct Remembering<K: ?Sized> {
    key: Arc<K>,
    done: Mutex<HashMap<Vec<u8>, conversa::crypto::Result<Vec<u8>>>>,
}

impl<K: ?Sized> Remembering<K> {
    fn once(
        &self,
        question: Vec<u8>,
        answer: impl FnOnce(&K) -> conversa::crypto::Result<Vec<u8>>,
    ) -> conversa::crypto::Result<Vec<u8>> {
        self.done.lock().unwrap().entry(question).or_insert_with(|| answer(&self.key)).clone()
    }
}

impl SigningKey for Remembering<dyn SigningKey> {
    fn public(&self) -> Arc<dyn VerifyingKey> {
        self.key.public()
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> conversa::crypto::Result<Vec<u8>> {
        self.once([format!("{domain:?}").as_bytes(), message].concat(), |key| key.sign(domain, message))
    }

    fn to_pkcs8(&self) -> conversa::crypto::Result<Zeroizing<Vec<u8>>> {
        self.key.to_pkcs8()
    }
}

impl DecryptionKey for Remembering<dyn DecryptionKey> {
    fn public(&self) -> Arc<dyn EncryptionKey> {
        self.key.public()
    }

    fn decrypt(&self, label: &[u8], ciphertext: &[u8]) -> conversa::crypto::Result<Zeroizing<Vec<u8>>> {
        let opened = self.once([label, ciphertext].concat(), |key| Ok(key.decrypt(label, ciphertext)?.to_vec()));
        opened.map(Zeroizing::new)
    }

    fn to_pkcs8(&self) -> conversa::crypto::Result<Zeroizing<Vec<u8>>> {
        self.key.to_pkcs8()
    }
}

/// The same person, with keys that remember.
fn remembering(identity: &Identity) -> Arc<Identity> {
    let signing = Remembering { key: Arc::clone(identity.signing()), done: Mutex::default() };
    let decryption = Remembering { key: Arc::clone(identity.decryption()), done: Mutex::default() };
    Arc::new(Identity::new(Box::new(signing), Box::new(decryption), START).unwrap())
}

fn code_of(kind: FrameKind, body: &[u8]) -> (u8, Option<u8>) {
    match Frame::decode(kind, body) {
        Ok(Frame::Item(Item { kind: of, .. })) => (kind.code(), Some(of)),
        _ => (kind.code(), None),
    }
}

/// What people may be told in the story, and nothing else.
struct Truth {
    people: BTreeSet<Fingerprint>,
    names: BTreeMap<Fingerprint, &'static str>,
}

impl Truth {
    fn of(net: &Net) -> Self {
        let names: BTreeMap<_, _> = net.people.keys().map(|name| (net.fingerprint(name), *name)).collect();
        Self { people: names.keys().copied().collect(), names }
    }

    fn allows(&self, event: &Event) -> bool {
        let said = [("ann", "hello"), ("bo", "hi Ann"), ("carol", "and me")];
        match event {
            Event::Message { from, content, .. } => {
                let words = content.words().unwrap_or_default();
                self.names.get(from).is_some_and(|name| said.contains(&(name, words)))
            }
            Event::MemberNamed { member, name } => self.names.get(member) == Some(&name.as_str()),
            Event::Titled { title } => title == "Friday",
            Event::Members(members) => members.iter().all(|member| self.people.contains(member)),
            Event::MemberJoined { member } | Event::MemberHere { member } | Event::Knock { member } => {
                self.people.contains(member)
            }
            Event::MemberRemoved { .. } | Event::MemberLeft { .. } => false,
            _ => true,
        }
    }
}

/// Plays each change of the frames at these places of a part.
fn change_what_comes(net: &Net, part: &Part, kinds: &[(FrameKind, Option<u8>)]) {
    let truth = Truth::of(net);
    let places = part.kinds();
    for (kind, of) in kinds {
        let place = *places.get(&(kind.code(), *of)).unwrap_or_else(|| panic!("no {kind:?} {of:?} in this part"));
        let Taped::ToClient { kind, body, .. } = &part.steps[place] else { unreachable!() };
        cut_everywhere(*kind, body);
        let unchanged = part.play(place, &read(&whole(*kind, body)));
        assert!(
            !unchanged.iter().any(|output| matches!(output, Output::Event(Event::Stopped(Stop::Protocol(_))))),
            "{unchanged:?}"
        );
        part.play(place, &[]);
        for (change, offset, bytes) in changed(*kind, body) {
            let instead = read(&bytes);
            if arrives_as_nothing(&instead) && offset % PLAYED_OF_BAD != 0 {
                continue;
            }
            let outputs = part.play(place, &instead);
            let untrue = outputs.iter().find(|output| matches!(output, Output::Event(event) if !truth.allows(event)));
            assert_eq!(untrue, None, "{kind:?} {of:?}, byte {offset} {change:?}");
            let signs = |output: &Output| matches!(output, Output::Keep { what: Keep::SignedEntry { .. }, .. });
            let admits = *kind == FrameKind::JoinAsk && outputs.iter().any(signs);
            assert!(!admits || asks_the_same(&instead, body), "{kind:?}, byte {offset} {change:?} admits somebody");
        }
    }
}

/// Whether nothing that arrived can be decoded: the machine looks at no more of it than that.
fn arrives_as_nothing(instead: &[Result<(FrameKind, Vec<u8>), DecodeError>]) -> bool {
    instead.iter().flatten().all(|(kind, body)| Frame::decode(*kind, body).is_err())
}

/// Whether the owner is still asked about the same join, be it under another number.
fn asks_the_same(instead: &[Result<(FrameKind, Vec<u8>), DecodeError>], body: &[u8]) -> bool {
    let join = |kind, body: &[u8]| match Frame::decode(kind, body) {
        Ok(Frame::JoinAsk(ask)) => Some(ask.join),
        _ => None,
    };
    instead.iter().flatten().any(|(kind, other)| join(*kind, other) == join(FrameKind::JoinAsk, body))
}

/// A host that has seen the story so far.
struct Stage<'a> {
    host: Host,
    net: &'a Net,
    now: Now,
    links: BTreeMap<&'static str, LinkId>,
    next_link: u64,
}

impl<'a> Stage<'a> {
    /// Before the step at `place`.
    fn at(net: &'a Net, place: usize) -> Self {
        let policy = OpenPolicy::Only(vec![net.host_fingerprint()]);
        let host = Host::new(policy, HostLimits::default());
        let mut stage = Self { host, net, now: START, links: BTreeMap::new(), next_link: 10_000 };
        for step in &net.tape[..place] {
            stage.step(step);
        }
        stage.outputs();
        stage
    }

    fn step(&mut self, step: &Taped) {
        self.now = self.now.later(100);
        match step {
            Taped::Opened { name, link } => self.open(name, *link),
            Taped::Closed { link, clean, .. } => self.host.link_closed(*link, *clean, self.now),
            Taped::ToHost { link, kind, body, .. } => self.host.frame(*link, *kind, body, self.now),
            _ => {}
        }
    }

    fn open(&mut self, name: &'static str, link: LinkId) {
        let fingerprint = self.net.fingerprint(name);
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.host.link_opened(link, Peer { fingerprint, keys: self.net.suite.key_kind(), address }, self.now);
        self.links.insert(name, link);
    }

    fn outputs(&mut self) -> Vec<HostOutput> {
        std::iter::from_fn(|| self.host.poll_output()).collect()
    }

    /// What comes of it if `name` sends this.
    fn hears(&mut self, name: &'static str, frames: &[Result<(FrameKind, Vec<u8>), DecodeError>]) -> Vec<HostOutput> {
        // Time enough that nobody is over any rate.
        self.now = self.now.later(10_000);
        let link = self.links[name];
        for frame in frames {
            match frame {
                Ok((kind, body)) => self.host.frame(link, *kind, body, self.now),
                Err(_) => self.host.link_closed(link, false, self.now),
            }
        }
        self.outputs()
    }

    /// Whether the host answers them on the link they have.
    fn answers(&mut self, name: &'static str) -> bool {
        let ping = Frame::Ping(Ping { number: 7 }).to_bytes();
        let outputs = self.hears(name, &read(&ping));
        outputs
            .iter()
            .any(|output| matches!(output, HostOutput::Send { frame, .. } if frame[4] == FrameKind::Pong.code()))
    }

    /// How many members the room has, as a stranger is told.
    fn members(&mut self) -> Vec<u16> {
        self.next_link += 1;
        self.open("dave", LinkId(self.next_link));
        let outputs = self.hears("dave", &read(&Frame::Look(Look { room: None }).to_bytes()));
        let sent = outputs
            .iter()
            .find_map(|output| if let HostOutput::Send { frame, .. } = output { Some(frame) } else { None });
        match sent.map(|frame| Frame::decode(FrameKind::Lobby, &frame[5..])) {
            Some(Ok(Frame::Lobby(lobby))) => lobby.members,
            other => panic!("no lobby: {other:?}"),
        }
    }

    /// A link was ended for what it sent: they come again, as they were before.
    fn comes_again(&mut self, name: &'static str, first: Option<&(FrameKind, Vec<u8>)>) {
        self.next_link += 1;
        self.open(name, LinkId(self.next_link));
        if let Some((kind, body)) = first {
            self.hears(name, &[Ok((*kind, body.clone()))]);
        }
    }
}

/// Where in the story a kind of frame first comes from `name`.
fn first_sent(net: &Net, name: &str, wanted: FrameKind) -> usize {
    let is_it = |taped: &Taped| matches!(taped, Taped::ToHost { name: of, kind, .. } if *of == name && *kind == wanted);
    net.tape.iter().position(is_it).unwrap_or_else(|| panic!("no {wanted:?} from {name}"))
}

/// What brings `name` back to where they were before `place`: nothing for a stranger.
fn way_in(net: &Net, name: &str, place: usize) -> Option<(FrameKind, Vec<u8>)> {
    let entered = |taped: &&Taped| matches!(taped, Taped::ToHost { name: of, kind: FrameKind::Join | FrameKind::Open | FrameKind::Resume, .. } if *of == name);
    net.tape[..place].iter().rfind(entered)?;
    let first = net.tape.iter().find(entered)?;
    let Taped::ToHost { kind, body, .. } = first else { return None };
    // Whoever is a member needs no invite.
    match Frame::decode(*kind, body) {
        Ok(Frame::Join(join)) => {
            let again = Frame::Join(Join { invite_id: None, knock: None, mac: None, ..join }).to_bytes();
            Some((*kind, again[5..].to_vec()))
        }
        _ => Some((*kind, body.clone())),
    }
}

/// Plays each change of a frame that `name` sends, while `other` listens.
fn change_what_goes(net: &Net, name: &'static str, wanted: FrameKind, other: Option<&'static str>) {
    let place = first_sent(net, name, wanted);
    let Taped::ToHost { kind, body, .. } = &net.tape[place] else { unreachable!() };
    cut_everywhere(*kind, body);
    let back = way_in(net, name, place);
    let mut stage = Stage::at(net, place);
    let members = if wanted == FrameKind::Open { Vec::new() } else { stage.members() };
    let is_member = back.is_some();
    for (change, offset, bytes) in changed(*kind, body) {
        let what = format!("{wanted:?}, byte {offset} {change:?}");
        let (instead, own) = (read(&bytes), stage.links[name]);
        let outputs = stage.hears(name, &instead);
        let others = |output: &&HostOutput| matches!(output, HostOutput::Close { link, .. } if *link != own);
        assert_eq!(outputs.iter().find(others), None, "{what}: somebody else is thrown out");
        let seated = outputs.iter().any(|output| matches!(output, HostOutput::Member { .. }));
        assert!(!seated || matches!(wanted, FrameKind::Open | FrameKind::Resume), "{what}: a stranger is a member");
        let refused = outputs.iter().all(|output| match output {
            HostOutput::Close { code, .. } => *code == ByeCode::Protocol,
            HostOutput::Send { link, frame } => *link != own && frame[4] == FrameKind::Presence.code(),
            _ => false,
        });
        let ended = outputs.iter().any(|output| matches!(output, HostOutput::Close { .. }))
            || instead.iter().any(Result::is_err);
        if !refused {
            stage = Stage::at(net, place);
        } else if ended || !is_member {
            stage.comes_again(name, back.as_ref());
        }
        if let Some(other) = other {
            assert!(stage.answers(other), "{what}: {other} is not answered any more");
        }
        if offset % 64 == 0 && wanted != FrameKind::Open {
            assert_eq!(stage.members(), members, "{what}: the members changed");
        }
    }
    let mut stage = Stage::at(net, place);
    net.tape[place..].iter().for_each(|step| stage.step(step));
    let faults =
        |output: &HostOutput| matches!(output, HostOutput::Close { code: ByeCode::Protocol | ByeCode::Rate, .. });
    assert!(!stage.outputs().iter().any(faults), "unchanged, the story goes on to its end");
}

const ROSTER: (FrameKind, Option<u8>) = (FrameKind::Item, Some(1));
const PREKEY: (FrameKind, Option<u8>) = (FrameKind::Item, Some(2));
const SK_PACKET: (FrameKind, Option<u8>) = (FrameKind::Item, Some(3));
const MSG: (FrameKind, Option<u8>) = (FrameKind::Item, Some(4));

#[test]
fn a_members_welcome_roster_and_prekeys_changed_at_every_byte() {
    let net = story(Suite::Classical);
    let part = Part::of(&net, "bo", 0);
    let small = [FrameKind::Presence, FrameKind::Pong, FrameKind::Ping].map(|kind| (kind, None));
    change_what_comes(&net, &part, &[&[(FrameKind::Welcome, None), ROSTER, PREKEY], &small[..]].concat());
}

#[test]
fn a_members_key_packets_and_messages_changed_at_every_byte() {
    let net = story(Suite::Classical);
    change_what_comes(&net, &Part::of(&net, "bo", 0), &[SK_PACKET, MSG]);
}

#[test]
fn what_is_different_in_hybrid_rooms_changed_at_every_byte() {
    let net = story(Suite::Hybrid);
    change_what_comes(&net, &Part::of(&net, "bo", 0), &[PREKEY, SK_PACKET]);
}

#[test]
fn learning_rooms_changed_at_every_byte() {
    let net = story(Suite::Textbook);
    change_what_comes(&net, &Part::of(&net, "bo", 0), &[(FrameKind::Welcome, None), ROSTER, MSG]);
}

#[test]
fn what_an_owner_is_asked_changed_at_every_byte() {
    let net = story(Suite::Classical);
    let kinds = [FrameKind::JoinAsk, FrameKind::JoinAnswer, FrameKind::Bye].map(|kind| (kind, None));
    change_what_comes(&net, &Part::of(&net, "ann", 0), &kinds);
}

#[test]
fn what_a_stranger_is_answered_changed_at_every_byte() {
    let net = story(Suite::Classical);
    change_what_comes(&net, &Part::of(&net, "dave", 0), &[(FrameKind::Lobby, None)]);
    change_what_comes(&net, &Part::of(&net, "dave", 1), &[(FrameKind::Refuse, None)]);
}

#[test]
fn what_a_host_is_sent_by_strangers_changed_at_every_byte() {
    let net = story(Suite::Classical);
    change_what_goes(&net, "ann", FrameKind::Open, None);
    for (name, kind) in [("bo", FrameKind::Join), ("dave", FrameKind::Look), ("bo", FrameKind::Resume)] {
        change_what_goes(&net, name, kind, Some("ann"));
    }
}

#[test]
fn what_a_host_is_sent_by_its_owner_changed_at_every_byte() {
    let net = story(Suite::Classical);
    change_what_goes(&net, "ann", FrameKind::Roster, None);
    change_what_goes(&net, "ann", FrameKind::JoinAnswer, Some("carol"));
}

#[test]
fn what_a_host_is_sent_by_members_changed_at_every_byte() {
    let net = story(Suite::Classical);
    for kind in [FrameKind::Prekey, FrameKind::SkPacket, FrameKind::Msg, FrameKind::Ping, FrameKind::Pong] {
        change_what_goes(&net, "bo", kind, Some("ann"));
    }
    change_what_goes(&net, "dave", FrameKind::Bye, Some("carol"));
}

#[test]
fn what_a_hybrid_rooms_host_is_sent_changed_at_every_byte() {
    let net = story(Suite::Hybrid);
    for kind in [FrameKind::Prekey, FrameKind::SkPacket] {
        change_what_goes(&net, "bo", kind, Some("ann"));
    }
}
