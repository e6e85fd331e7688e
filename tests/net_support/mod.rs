//! A world of people for tests of the net layer: real sockets on this computer's loopback, real
//! keys, no sleeps. Everything waits for an event, and not for ever.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "shared by tests, which may stop where they stand")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;

use conversa::crypto::{Fingerprint, KeyKind, Suite, SystemRandom, key_file};
use conversa::net::{ClientId, Command, Event, Handle, ListenerId, LogDirectory, NetLimits, spawn_with};
use conversa::protocol::{
    self, Client, Content, Entry, Identity, Invite, LearningConsent, LinkError, MessageId, Now, OpenPolicy, RoomCrypto,
    RoomId, Stop, new_room,
};
use conversa::wire::Signed;

use crate::events::events_of;
use crate::keys::{key_bytes, key_text};
use crate::next::next_before;
use crate::patience::deadline;
use crate::until::until;

/// The people there are, each with keys in `tests/data/keys`.
const PEOPLE: [&str; 4] = ["ann", "bo", "carol", "dave"];

pub(crate) fn identity(suite: Suite, name: &str) -> Arc<Identity> {
    static MADE: Mutex<Vec<(Suite, String, Arc<Identity>)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    if let Some((.., known)) = made.iter().find(|(of, known, _)| *of == suite && known == name) {
        return Arc::clone(known);
    }
    let backend = suite.backend();
    let (signing, decryption) = match number_in_crowd(name) {
        Some(number) => (crowd_key_bytes(number), key_bytes(suite, "ann.enc")),
        None => (key_bytes(suite, &format!("{name}.sign")), key_bytes(suite, &format!("{name}.enc"))),
    };
    let signing = backend.signing_from_pkcs8(&signing).unwrap();
    let decryption = backend.decryption_from_pkcs8(&decryption).unwrap();
    let identity = Arc::new(Identity::new(signing, decryption, now()).unwrap());
    made.push((suite, name.to_owned(), Arc::clone(&identity)));
    identity
}

fn crowd_key_bytes(number: usize) -> Vec<u8> {
    let file = key_text("crowd.sign.pem");
    let pem = file.split_inclusive("-----END PRIVATE KEY-----\n").nth(number).unwrap();
    key_file::from_pem(pem, KeyKind::Rsa, None).unwrap().to_vec()
}

/// People beyond those with names are called `crowd 0`, `crowd 1`, and so on.
fn number_in_crowd(name: &str) -> Option<usize> {
    name.strip_prefix("crowd ")?.parse().ok()
}

pub(crate) fn crypto(suite: Suite) -> RoomCrypto {
    if suite.is_learning() {
        RoomCrypto::Learning(LearningConsent::given_by_a_person())
    } else {
        RoomCrypto::trusted(suite).unwrap()
    }
}

pub(crate) fn now() -> Now {
    let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Now::at(0, u64::try_from(unix.as_millis()).unwrap())
}

pub(crate) fn id(name: &str) -> ClientId {
    let number = number_in_crowd(name).map(|number| PEOPLE.len() + number);
    ClientId(number.unwrap_or_else(|| PEOPLE.iter().position(|known| *known == name).unwrap()) as u64)
}

/// A net layer with what it has told so far.
pub(crate) struct World {
    pub(crate) suite: Suite,
    pub(crate) handle: Handle,
    events: Receiver<Event>,
    /// What nobody has asked for yet: of each client, and of none.
    told: BTreeMap<Option<ClientId>, Vec<Event>>,
    messages: u8,
}

impl World {
    pub(crate) fn new(suite: Suite) -> Self {
        Self::with_limits(suite, NetLimits::default())
    }

    pub(crate) fn with_limits(suite: Suite, limits: NetLimits) -> Self {
        let (handle, reports) = spawn_with(limits).unwrap();
        let keeper = handle.clone();
        let events = events_of(reports, move |event| keep_signed_entry(&keeper, event));
        Self { suite, handle, events, told: BTreeMap::new(), messages: 0 }
    }

    /// Ann hosts, on a port of the system's choice.
    pub(crate) fn host(&mut self) -> SocketAddr {
        self.host_at("127.0.0.1:0".parse().unwrap(), NetLimits::default())
    }

    pub(crate) fn host_at(&mut self, address: SocketAddr, limits: NetLimits) -> SocketAddr {
        self.host_as(identity(self.suite, "ann"), address, limits)
    }

    pub(crate) fn host_as(&mut self, identity: Arc<Identity>, address: SocketAddr, limits: NetLimits) -> SocketAddr {
        self.listen(identity, address, limits, None)
    }

    /// Ann hosts rooms that are kept in a directory, on a port of the system's choice.
    pub(crate) fn host_keeping(&mut self, path: &Path, limits: NetLimits) -> SocketAddr {
        let log = LogDirectory { path: path.to_owned(), all: false };
        self.listen(identity(self.suite, "ann"), "127.0.0.1:0".parse().unwrap(), limits, Some(log))
    }

    fn listen(
        &mut self,
        identity: Arc<Identity>,
        address: SocketAddr,
        limits: NetLimits,
        log: Option<LogDirectory>,
    ) -> SocketAddr {
        let policy = OpenPolicy::Only(vec![identity.fingerprint()]);
        self.handle.send(Command::Listen { listener: ListenerId(1), address, identity, policy, limits, log });
        self.wait("the listener", |event| match event {
            Event::Listening { address, .. } => Some(*address),
            Event::ListenFailed { reason, .. } => panic!("{reason}"),
            _ => None,
        })
    }

    /// A host with a room in which Ann and Bo are.
    pub(crate) fn room(suite: Suite, limits: NetLimits) -> (Self, SocketAddr) {
        let mut world = Self::new(suite);
        let address = world.host_at("127.0.0.1:0".parse().unwrap(), limits);
        world.open(address);
        world.join("bo", address);
        (world, address)
    }

    /// Ann opens a room that may be knocked at.
    pub(crate) fn open(&mut self, address: SocketAddr) -> Signed {
        let keys = identity(self.suite, "ann");
        let (_, genesis) = new_room(&keys, self.suite, true, 64, now(), &mut SystemRandom::new()).unwrap();
        self.reopen(address, genesis.clone(), Vec::new());
        genesis
    }

    pub(crate) fn reopen(&mut self, address: SocketAddr, genesis: Signed, roster: Vec<Signed>) {
        let entry = Entry::Open { genesis, roster, token: None, title: "Friday".to_owned() };
        self.add("ann", entry, Some(identity(self.suite, "ann").fingerprint()), &[&address.to_string()]);
        self.ready("ann");
    }

    pub(crate) fn add(&self, name: &str, entry: Entry, pin: Option<Fingerprint>, addresses: &[&str]) {
        let client = Client::new(identity(self.suite, name), crypto(self.suite), name.to_owned(), entry, pin);
        let addresses = addresses.iter().map(|address| (*address).to_owned()).collect();
        self.handle.send(Command::Add { id: id(name), client: Box::new(client), addresses });
    }

    pub(crate) fn invite(&mut self, address: SocketAddr) -> Invite {
        self.command("ann", protocol::Command::Invite { addresses: vec![address.to_string()], life_ms: 3_600_000 });
        self.told_to("ann", "an invite", |event| match event {
            protocol::Event::InviteMade(invite) => Some(invite.clone()),
            _ => None,
        })
    }

    pub(crate) fn join(&mut self, name: &str, address: SocketAddr) {
        let invite = self.invite(address);
        let addresses = invite.addresses.clone();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        self.add(name, Entry::Invite(invite), None, &addresses);
        self.ready(name);
    }

    pub(crate) fn command(&self, name: &str, command: protocol::Command) {
        self.handle.send(Command::Client { id: id(name), command });
    }

    pub(crate) fn ready(&mut self, name: &str) {
        self.told_to(name, "ready", |event| match event {
            protocol::Event::Ready { .. } => Some(()),
            protocol::Event::Stopped(stop) => panic!("{stop:?}"),
            _ => None,
        });
    }

    /// `from` says something new until everybody in `to` could be meant, and all of them hear it.
    pub(crate) fn says(&mut self, from: &str, to: &[&str]) {
        let others: Vec<Fingerprint> = to.iter().map(|name| identity(self.suite, name).fingerprint()).collect();
        until(&format!("a way from {from} to {to:?}"), || {
            self.messages += 1;
            let (message, text) = (MessageId([self.messages; 16]), format!("message {}", self.messages));
            let content = Content::text(text);
            self.command(from, protocol::Command::Send { id: message, content, said_ms: 0 });
            let without = self.told_to(from, "a message on the host", |event| match event {
                protocol::Event::OnHost { id, without } if *id == message => Some(without.clone()),
                protocol::Event::Stopped(stop) => panic!("{stop:?}"),
                _ => None,
            });
            let is_reached = others.iter().all(|other| !without.contains(other));
            is_reached.then(|| to.iter().for_each(|name| self.hears(name, message)))
        });
    }

    fn hears(&mut self, name: &str, message: MessageId) {
        self.told_to(name, "a message", |event| match event {
            protocol::Event::Message { id, .. } if *id == message => Some(()),
            _ => None,
        });
    }

    /// Ann and Bo talk both ways, and noticed nothing of whoever else is there.
    pub(crate) fn keeps_talking(&mut self) {
        self.says("ann", &["bo"]);
        self.says("bo", &["ann"]);
        let theirs = ["ann", "bo"].map(|name| self.told.get(&Some(id(name))));
        let lost = theirs.into_iter().flatten().flatten().find(|event| is_trouble(event));
        assert!(lost.is_none(), "the others noticed: {lost:?}");
    }

    pub(crate) fn stops(&mut self, name: &str) -> Stop {
        self.told_to(name, "the end", |event| match event {
            protocol::Event::Stopped(stop) => Some(stop.clone()),
            _ => None,
        })
    }

    /// The room somebody has entered, and its genesis.
    pub(crate) fn entered(&mut self, name: &str) -> (RoomId, Signed) {
        self.told_to(name, "a room", |event| match event {
            protocol::Event::Entered { room, genesis, .. } => Some((*room, genesis.clone())),
            _ => None,
        })
    }

    pub(crate) fn is_unreachable(&mut self, name: &str) -> LinkError {
        match self.stops(name) {
            Stop::Unreachable(error) => error,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn told_to<T>(
        &mut self,
        name: &str,
        what: &str,
        mut find: impl FnMut(&protocol::Event) -> Option<T>,
    ) -> T {
        self.wait_for(Some(id(name)), &format!("{name}: {what}"), |event| match event {
            Event::Client { event, .. } => find(event),
            _ => None,
        })
    }

    /// Waits for an event that is not a client's, which may have come already.
    pub(crate) fn wait<T>(&mut self, what: &str, find: impl FnMut(&Event) -> Option<T>) -> T {
        self.wait_for(None, what, find)
    }

    fn wait_for<T>(&mut self, whose: Option<ClientId>, what: &str, mut find: impl FnMut(&Event) -> Option<T>) -> T {
        let mut index = 0;
        let end = deadline();
        loop {
            let told = self.told.entry(whose).or_default();
            while let Some(event) = told.get(index) {
                if let Some(found) = find(event) {
                    told.remove(index);
                    return found;
                }
                index += 1;
            }
            match next_before(&self.events, end) {
                Ok(event) => self.told.entry(subject(&event)).or_default().push(event),
                Err(RecvTimeoutError::Timeout) => panic!("no {what} in time; told: {told:#?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("no {what}: all is over; told: {told:#?}"),
            }
        }
    }
}

/// These owners live no longer than their test: what they sign is kept as soon as it is told. Nothing else waits.
fn keep_signed_entry(handle: &Handle, event: &Event) {
    if let Event::Keep { id, number, what: protocol::Keep::SignedEntry { .. } } = event {
        handle.send(Command::Client { id: *id, command: protocol::Command::Kept(*number) });
    }
}

fn subject(event: &Event) -> Option<ClientId> {
    if let Event::Client { id, .. } = event { Some(*id) } else { None }
}

fn is_trouble(event: &Event) -> bool {
    use protocol::Event as E;
    let Event::Client { id: of, event } = event else { return false };
    (*of == id("ann") || *of == id("bo"))
        && matches!(event, E::Offline { .. } | E::MemberAway { .. } | E::Lost { .. } | E::Stopped(_))
}

/// Something between a client and its host that can break.
pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Wire {
    pub(crate) fn to(host: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, ends) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let kept = Arc::clone(&ends);
        thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                let host = TcpStream::connect(host).unwrap();
                let both = [client.try_clone().unwrap(), host.try_clone().unwrap()];
                kept.lock().unwrap().extend(both);
                pass_on(client.try_clone().unwrap(), host.try_clone().unwrap());
                pass_on(host, client);
            }
        });
        Self { address, ends }
    }

    /// Breaks all that goes over it at the moment.
    pub(crate) fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count) = from.read(&mut bytes) {
            if count == 0 || to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
