//! The session's thread without a net: its inputs are there from the start, and what it has told comes after.

use std::sync::{Arc, mpsc};

use super::engine::{Engine, Parts};
use super::input::Input;
use super::membership::{Membership, Plan, Progress};
use super::{JoinRequest, KnownMembership, MembershipEvent, MembershipId, Memberships, SessionEvent, lock};
use crate::app::{HostedAt, JoinTarget, Memories, Profile, Record, Records, Settings};
use crate::crypto::{Suite, SystemRandom};
use crate::net::{self, Handle, PassedOn, Reports};
use crate::protocol::limits::OUTBOX_MAX;
use crate::protocol::{
    Client, Command, Content, Entry, Event, Identity, LearningConsent, MessageId, Now, RoomCrypto, RoomId, new_room,
};
use crate::wire::Signed;

/// The membership that knows the room, and the one that comes to it by an address.
const KNOWN: MembershipId = MembershipId(1);
const NEW: MembershipId = MembershipId(2);

/// A profile that knows one learning room, of somebody else.
struct Story {
    directory: tempfile::TempDir,
    identity: Arc<Identity>,
    room: RoomId,
    genesis: Signed,
}

impl Story {
    fn new() -> Self {
        let backend = Suite::Textbook.backend();
        let (signing, decryption) = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
        let identity = Arc::new(Identity::new(signing, decryption, Now::default()).unwrap());
        let random = &mut SystemRandom::new();
        let (room, genesis) = new_room(&identity, Suite::Textbook, true, 8, Now::default(), random).unwrap();
        Self { directory: tempfile::tempdir().unwrap(), identity, room, genesis }
    }

    fn parts(&self) -> Parts {
        let record = Record::new(self.room, Suite::Textbook, self.genesis.clone(), HostedAt::Elsewhere);
        let by_room = Memberships::default();
        let known = KnownMembership { membership: KNOWN, kind: record.suite().key_kind(), owned: false };
        lock(&by_room).insert(self.room, known);
        let place = self.directory.path();
        Parts {
            profile: Profile::open(Some(place.to_owned())).unwrap(),
            settings: Settings::default(),
            records: Records::new(place),
            memories: Memories::load(place, &[]).unwrap().0,
            known: vec![(KNOWN, record)],
            stale: Vec::new(),
            by_room,
        }
    }

    /// Another membership, whose client is on its way to an address.
    fn add_newcomer(&self, engine: &mut Engine) -> net::ClientId {
        let crypto = RoomCrypto::Learning(LearningConsent::given_by_a_person());
        let target = JoinTarget::Address("127.0.0.1:9000".to_owned());
        let learning = Some(LearningConsent::given_by_a_person());
        let plan = Plan::Join(JoinRequest { target, learning, pin: None, look: false });
        let info = super::MembershipInfo { room: None, ..engine.memberships[&KNOWN].info.clone() };
        let client = Client::new(Arc::clone(&self.identity), crypto.clone(), String::new(), Entry::Knock, None);
        let client = engine.clients.run(NEW, client, Vec::new());
        let mut membership = Membership::new(info, crypto, plan);
        membership.progress = Progress::Running { client, ready: false };
        engine.memberships.insert(NEW, membership);
        client
    }

    /// The room lets the client in.
    fn enter(&self, client: net::ClientId) -> [Input; 2] {
        let (room, genesis, owner) = (self.room, self.genesis.clone(), self.identity.fingerprint());
        [Event::Entered { room, genesis, owner, host: owner }, Event::Ready { members: 1, reachable: 0 }]
            .map(|event| Input::Net(net::Event::Client { id: client, event }))
    }
}

fn message(number: usize) -> MessageId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&u32::try_from(number).unwrap().to_be_bytes());
    MessageId(id)
}

fn says(membership: MembershipId, number: usize) -> Input {
    Input::Send { membership, id: message(number), content: Content::text("are you there?") }
}

/// Two memberships have as much waiting as each may, and turn out to be in the same room: the oldest messages go out,
/// and of each of the others it is said that it does not.
#[test]
fn what_waits_twice_for_a_room_goes_out_or_is_said_to_be_too_much() {
    let story = Story::new();
    let (net, told) = Handle::without_net();
    let (inputs, inbox) = mpsc::channel();
    let (events, heard) = async_channel::unbounded();
    let mut engine = Engine::new(story.parts(), net, Reports::new(drop), inputs.clone(), events);
    let client = story.add_newcomer(&mut engine);
    let known = (0..OUTBOX_MAX - 2).map(|number| says(KNOWN, number));
    let new = (OUTBOX_MAX - 2..OUTBOX_MAX + 3).map(|number| says(NEW, number));
    let end = [Input::Quit, Input::Net(net::Event::Stopped)];
    known.chain(new).chain(story.enter(client)).chain(end).for_each(|input| inputs.send(input).unwrap());
    engine.run(&inbox);

    let sent = told.filter_map(|(_, what)| match what {
        PassedOn::Command(Command::Send { id, .. }) => Some(id),
        _ => None,
    });
    let sent: Vec<MessageId> = sent.collect();
    assert_eq!(sent.len(), OUTBOX_MAX);
    assert_eq!(sent, (0..OUTBOX_MAX).map(message).collect::<Vec<_>>(), "in order, and those that waited there first");
    let refused = std::iter::from_fn(|| heard.try_recv().ok()).filter_map(|event| match event {
        SessionEvent::Membership { membership, event: MembershipEvent::Protocol(Event::OutboxFull { id }) } => {
            Some((membership, id))
        }
        _ => None,
    });
    let surplus: Vec<_> = (OUTBOX_MAX..OUTBOX_MAX + 3).map(|number| (NEW, message(number))).collect();
    assert_eq!(refused.collect::<Vec<_>>(), surplus, "each is told, where it was said");
}
