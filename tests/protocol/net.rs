//! A host and some clients on a network that is only numbers: frames wait in queues, time moves
//! when the test says so, links can be cut. No socket, no sleep.

#[allow(dead_code, reason = "for the tests of time")]
#[path = "computer.rs"]
mod computer;
#[allow(dead_code, reason = "for the tests of hosts that keep their rooms")]
#[path = "room_disk.rs"]
mod room_disk;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use conversa::crypto::{Fingerprint, Random, Suite, primitives};
use conversa::protocol::{
    ByeCode, Client, Command, Content, Entry, Event, Host, HostLimits, HostOutput, HostWrite, Identity, Invite,
    ItemEffect, Keep, KeptItem, KeptMember, LearningConsent, LinkError, LinkId, Memory, MessageId, Now, OpenPolicy,
    Output, Peer, RestoredRoom, RoomCrypto, RoomId, RoomSnapshot, Stop, Timeline, new_room,
};
use conversa::wire::{Bye, Frame, FrameKind, FrameReader, Signed};
use openssl::pkey::PKey;

use self::computer::Computer;
use self::room_disk::RoomDisk;

/// Bytes that look random and are the same in each run.
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed << 32)
    }

    /// Goes on where another one was.
    #[allow(dead_code, reason = "for the tests that look for what is drawn")]
    pub(crate) const fn from_place(place: u64) -> Self {
        Self(place)
    }

    /// Where it is: what comes next is always the same.
    #[allow(dead_code, reason = "for the tests that look for what is drawn")]
    pub(crate) const fn place(&self) -> u64 {
        self.0
    }
}

impl Random for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) -> conversa::crypto::Result<()> {
        for chunk in buffer.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&primitives::sha256(&self.0.to_be_bytes())[..chunk.len()]);
        }
        Ok(())
    }
}

/// How many different people there can be.
const CROWD: usize = 64;

/// Long-term keys by number, made or read once for all tests: making RSA-3072 keys is slow.
pub(crate) fn identity(suite: Suite, index: usize) -> Arc<Identity> {
    type Made = [OnceLock<Arc<Identity>>; CROWD];
    static SECURE: Made = [const { OnceLock::new() }; CROWD];
    static TEXTBOOK: Made = [const { OnceLock::new() }; CROWD];
    let made = if suite.is_learning() { &TEXTBOOK } else { &SECURE };
    Arc::clone(made[index].get_or_init(|| Arc::new(new_identity(suite, index))))
}

fn new_identity(suite: Suite, index: usize) -> Identity {
    let backend = suite.key_kind().backend();
    if suite.is_learning() {
        let (signing, decryption) = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
        return Identity::new(signing, decryption, START).unwrap();
    }
    // Nobody's name hangs on the encryption key, so the crowd may share one.
    let signing = backend.signing_from_pkcs8(&key_in(include_str!("../data/keys/crowd.sign.pem"), index)).unwrap();
    let decryption = backend.decryption_from_pkcs8(&key_in(include_str!("../data/keys/ann.enc.pem"), 0)).unwrap();
    Identity::new(signing, decryption, START).unwrap()
}

fn key_in(file: &str, index: usize) -> Vec<u8> {
    let pem = file.split_inclusive("-----END PRIVATE KEY-----\n").nth(index).unwrap();
    PKey::private_key_from_pem(pem.as_bytes()).unwrap().private_key_to_pkcs8().unwrap()
}

pub(crate) fn crypto(suite: Suite) -> RoomCrypto {
    match suite {
        Suite::Textbook => RoomCrypto::Learning(LearningConsent::given_by_a_person()),
        suite => RoomCrypto::trusted(suite).unwrap(),
    }
}

pub(crate) const START: Now = Now::at(1_000, 1_800_000_000_000);

/// Whose computer the host's is.
pub(crate) const HOST: &str = "the host";

/// One person and their link.
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) events: Vec<Event>,
    /// What is to survive a crash.
    pub(crate) keeps: Vec<Keep>,
    /// The number of the newest of these.
    pub(crate) keep_number: u64,
    link: Option<LinkId>,
    to_host: VecDeque<Arc<[u8]>>,
    to_client: VecDeque<Arc<[u8]>>,
    host_reader: FrameReader,
    client_reader: FrameReader,
    pub(crate) online: bool,
    frozen: bool,
    pub(crate) random: Seeded,
    /// Of the last item that arrived.
    position: u64,
}

/// What happened, to be played again elsewhere.
#[derive(Clone)]
pub(crate) enum Taped {
    /// Somebody came, with this seed of chance.
    Came { name: &'static str, entry: Entry, pin: Option<Fingerprint>, looks: bool, seed: u64 },
    /// A link to the host.
    Opened { name: &'static str, link: LinkId },
    /// The end of a link, as the host saw it.
    Closed { name: &'static str, link: LinkId, clean: bool },
    /// A frame from a person.
    ToHost { name: &'static str, link: LinkId, kind: FrameKind, body: Vec<u8> },
    /// A frame to a person.
    ToClient { name: &'static str, kind: FrameKind, body: Vec<u8> },
    /// What a person asked for.
    Asked { name: &'static str, command: Command },
}

/// What an evil host does to a frame on its way to a person.
type Tamper = Box<dyn FnMut(&'static str, Frame) -> Option<Frame>>;

/// What was said over a link that ended while the host stood still, and how it ended.
struct Unread {
    name: &'static str,
    link: LinkId,
    frames: VecDeque<Arc<[u8]>>,
    clean: bool,
}

/// When a frame was sent, and its bytes.
type Sent = (u64, Arc<[u8]>);

pub(crate) struct Net {
    pub(crate) suite: Suite,
    pub(crate) host: Host,
    pub(crate) now: Now,
    pub(crate) people: BTreeMap<&'static str, Person>,
    /// Computers whose clocks are not the world's: of people, and the host's under its own name.
    computers: BTreeMap<&'static str, Computer>,
    pub(crate) random: Seeded,
    /// All that went to and fro, in order.
    pub(crate) tape: Vec<Taped>,
    next_seed: u64,
    names: Vec<&'static str>,
    next_link: u64,
    next_message: u64,
    /// May change or drop a frame on its way to a client: what an evil host does.
    pub(crate) tamper: Option<Tamper>,
    /// Whether the host's process is stopped, and what comes meanwhile over links that are given up.
    stands_still: bool,
    unread: Vec<Unread>,
    /// Whether an owner can keep the entries it signs.
    pub(crate) disk_works: bool,
    /// The host's, if it keeps its rooms, and whether it takes anything at the moment.
    pub(crate) host_disk: Option<RoomDisk>,
    pub(crate) host_disk_takes: bool,
    /// Whose frames are written down, and those that were.
    pub(crate) sent_by: Option<(&'static str, Vec<Sent>)>,
}

impl Net {
    /// A host, and the first of `names` as the owner of an open room with all the others in it.
    pub(crate) fn new(suite: Suite, names: &[&'static str]) -> Self {
        let mut net = Self::with_owner(suite, names[0], false);
        for name in &names[1..] {
            net.invite_and_join(name);
        }
        net
    }

    /// A host with one room, its owner alone in it.
    pub(crate) fn with_owner(suite: Suite, owner: &'static str, knock: bool) -> Self {
        Self::with_places(suite, owner, knock, 8)
    }

    /// The same with room for `places` members.
    pub(crate) fn with_places(suite: Suite, owner: &'static str, knock: bool, places: u16) -> Self {
        Self::with_host(suite, owner, knock, places, HostLimits::default())
    }

    /// The same at a host with other limits.
    pub(crate) fn with_host(suite: Suite, owner: &'static str, knock: bool, places: u16, limits: HostLimits) -> Self {
        let mut net = Self {
            suite,
            host: Host::new(OpenPolicy::Only(vec![identity(suite, 0).fingerprint()]), limits),
            now: START,
            people: BTreeMap::new(),
            computers: BTreeMap::new(),
            random: Seeded::new(7),
            tape: Vec::new(),
            next_seed: 100,
            names: Vec::new(),
            next_link: 0,
            next_message: 0,
            tamper: None,
            stands_still: false,
            unread: Vec::new(),
            disk_works: true,
            host_disk: None,
            host_disk_takes: true,
            sent_by: None,
        };
        let keys = identity(suite, 0);
        let (_, genesis) = new_room(&keys, suite, knock, places, START, &mut net.random).unwrap();
        let entry = Entry::Open { genesis, roster: Vec::new(), token: None, title: "Friday".to_owned() };
        net.add(owner, entry, Some(keys.fingerprint()));
        net.drive();
        net
    }

    /// A host that keeps its rooms, and the first of `names` as the owner of one with all the others in it.
    #[allow(dead_code, reason = "for the tests of hosts that keep their rooms")]
    pub(crate) fn keeping(suite: Suite, names: &[&'static str]) -> Self {
        let mut net = Self::with_owner(suite, names[0], true);
        let genesis = net.people[names[0]].events.iter().find_map(|event| match event {
            Event::Entered { genesis, .. } => Some(genesis.clone()),
            _ => None,
        });
        net.host_disk = Some(RoomDisk::default());
        net.restart_host();
        let entry =
            Entry::Open { genesis: genesis.unwrap(), roster: Vec::new(), token: None, title: "Friday".to_owned() };
        net.add(names[0], entry, Some(net.host_fingerprint()));
        net.drive();
        for name in &names[1..] {
            net.invite_and_join(name);
        }
        net
    }

    /// Puts onto the host's disk what waits for it, if it takes anything.
    fn commit(&mut self) -> bool {
        let Some(disk) = self.host_disk.as_mut().filter(|disk| self.host_disk_takes && disk.waiting() > 0) else {
            return false;
        };
        let done = disk.commit(usize::MAX);
        done.into_iter().for_each(|(room, number)| self.host.committed(room, number));
        true
    }

    /// Whatever the host's disk was to take and has not is lost.
    #[allow(dead_code, reason = "for the tests of hosts that keep their rooms")]
    pub(crate) fn fail_host_disk(&mut self) {
        self.host_disk_takes = false;
        let rooms: Vec<RoomId> = self.host.rooms().collect();
        self.host_disk.as_mut().unwrap().forget_waiting();
        let now = self.now_of(HOST);
        rooms.into_iter().for_each(|room| assert!(self.host.lost(room, now), "that is new"));
        self.settle();
    }

    /// The host's process ends and another takes its place, which reads a room when its owner opens it.
    #[allow(dead_code, reason = "for the tests of hosts that keep their rooms")]
    pub(crate) fn restart_as_the_owners(&mut self) {
        self.restart_host();
        self.host = Host::keeping(OpenPolicy::Only(vec![self.host_fingerprint()]), HostLimits::default());
        let rooms = self.host_disk.as_ref().unwrap().rooms();
        rooms.iter().for_each(|kept| self.host.expect(kept.room()));
    }

    /// The owner makes another room.
    #[allow(dead_code, reason = "for the tests of hosts that keep their rooms")]
    pub(crate) fn add_new_room(&mut self, name: &'static str) {
        let (_, genesis) =
            new_room(&identity(self.suite, 0), self.suite, false, 8, self.now, &mut self.random).unwrap();
        let entry = Entry::Open { genesis, roster: Vec::new(), token: None, title: "Friday".to_owned() };
        self.add(name, entry, Some(self.host_fingerprint()));
    }

    fn host_reads(&mut self, room: RoomId) {
        let now = self.now_of(HOST);
        if self.host_disk_takes {
            self.commit();
            let kept = self.host_disk.as_ref().unwrap().room(&room);
            self.host.loaded(room, kept, now);
        } else {
            self.host.lost(room, now);
        }
    }

    pub(crate) fn host_fingerprint(&self) -> Fingerprint {
        identity(self.suite, 0).fingerprint()
    }

    pub(crate) fn fingerprint(&self, name: &str) -> Fingerprint {
        self.people[name].client.identity().fingerprint()
    }

    /// Brings a person with new keys, or the ones that name had.
    pub(crate) fn add(&mut self, name: &'static str, entry: Entry, pin: Option<Fingerprint>) {
        let client = self.client(name, entry.clone(), pin);
        self.tape.push(Taped::Came { name, entry, pin, looks: false, seed: self.next_seed });
        self.bring(name, client);
    }

    /// The same for somebody who wants to see the room first.
    pub(crate) fn add_looking(&mut self, name: &'static str, entry: Entry) {
        let client = self.client(name, entry.clone(), None).looking_first();
        self.tape.push(Taped::Came { name, entry, pin: None, looks: true, seed: self.next_seed });
        self.bring(name, client);
    }

    /// The same for somebody who remembers the room.
    pub(crate) fn add_remembering(&mut self, name: &'static str, entry: Entry, memory: Memory) {
        let pin = Some(self.host_fingerprint());
        let client = self.client(name, entry, pin).remembering(memory);
        self.bring(name, client);
    }

    /// The same for somebody who keeps what is said. Nothing is stored before [`Command::Stored`] says so.
    pub(crate) fn add_keeping(&mut self, name: &'static str, entry: Entry) {
        let client = self.client(name, entry, None).keeping_messages();
        self.bring(name, client);
    }

    fn client(&mut self, name: &'static str, entry: Entry, pin: Option<Fingerprint>) -> Client {
        let index = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        Client::new(identity(self.suite, index), crypto(self.suite), name.to_owned(), entry, pin)
    }

    /// The same for somebody with keys of their own, which no tape can tell again.
    pub(crate) fn bring(&mut self, name: &'static str, client: Client) {
        let person = Person {
            client,
            events: Vec::new(),
            keeps: Vec::new(),
            keep_number: 0,
            link: None,
            to_host: VecDeque::new(),
            to_client: VecDeque::new(),
            host_reader: FrameReader::new(usize::MAX),
            client_reader: FrameReader::new(usize::MAX),
            online: true,
            frozen: false,
            random: Seeded::new(self.next_seed),
            position: 0,
        };
        self.next_seed += 1;
        self.people.insert(name, person);
        let now = self.now_of(name);
        self.people.get_mut(name).unwrap().client.start(now);
    }

    pub(crate) fn invite(&mut self) -> Invite {
        let owner = self.names[0];
        let addresses = vec!["127.0.0.1:9000".to_owned()];
        self.command(owner, Command::Invite { addresses, life_ms: 3_600_000 });
        self.drive();
        let made = |event: &Event| if let Event::InviteMade(invite) = event { Some(invite.clone()) } else { None };
        self.people[owner].events.iter().rev().find_map(made).expect("an invite")
    }

    pub(crate) fn invite_and_join(&mut self, name: &'static str) {
        let invite = self.invite();
        self.add(name, Entry::Invite(invite), None);
        self.drive();
        assert!(self.is_ready(name), "{name}: {:?}", self.people[name].events);
    }

    pub(crate) fn is_ready(&self, name: &str) -> bool {
        self.people[name].events.iter().any(|event| matches!(event, Event::Ready { .. }))
    }

    pub(crate) fn command(&mut self, name: &'static str, command: Command) {
        let now = self.now_of(name);
        self.tape.push(Taped::Asked { name, command: command.clone() });
        let person = self.people.get_mut(name).unwrap();
        person.client.command(command, now, &mut person.random);
    }

    pub(crate) fn send(&mut self, name: &'static str, text: &str) -> MessageId {
        self.next_message += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.next_message.to_be_bytes());
        let id = MessageId(id);
        let said_ms = self.now_of(name).unix_ms;
        self.command(name, Command::Send { id, content: Content::text(text), said_ms });
        id
    }

    pub(crate) fn add_and_join(&mut self, name: &'static str) {
        let invite = self.invite();
        self.add(name, Entry::Invite(invite), None);
        self.settle();
    }

    /// The words a person was shown, in order.
    pub(crate) fn inbox(&self, name: &str) -> Vec<String> {
        let words = |event: &Event| {
            if let Event::Message { content, .. } = event { content.words().map(str::to_owned) } else { None }
        };
        self.people[name].events.iter().filter_map(words).collect()
    }

    pub(crate) fn stop_of(&self, name: &str) -> Option<Stop> {
        let stop = |event: &Event| if let Event::Stopped(stop) = event { Some(stop.clone()) } else { None };
        self.people[name].events.iter().rev().find_map(stop)
    }

    pub(crate) fn saw(&self, name: &str, event: &Event) -> bool {
        self.people[name].events.contains(event)
    }

    /// What an evil host adds to what it sends a person, and what that person makes of it. Nothing else
    /// moves: the honest host knows nothing of it.
    pub(crate) fn inject(&mut self, name: &'static str, frame: &Frame) -> Vec<Event> {
        let told = self.people[name].events.len();
        self.people.get_mut(name).unwrap().to_client.push_back(frame.to_bytes());
        self.carry_to_client(name);
        let person = self.people.get_mut(name).unwrap();
        while let Some(output) = person.client.poll_output() {
            match output {
                Output::Event(event) => person.events.push(event),
                Output::Keep { what, .. } => person.keeps.push(what),
                Output::Send(frame) => person.to_host.push_back(frame),
                Output::Disconnect(_) | Output::Abandon | Output::Connect { .. } => {}
            }
        }
        person.events[told..].to_vec()
    }

    /// Whether a person has something for the host that has not left yet.
    pub(crate) fn has_unsent(&self, name: &str) -> bool {
        !self.people[name].to_host.is_empty()
    }

    /// The link breaks without a word; what was on its way is lost.
    pub(crate) fn cut(&mut self, name: &'static str) {
        let (now, host_now) = (self.now_of(name), self.now_of(HOST));
        let person = self.people.get_mut(name).unwrap();
        person.to_host.clear();
        person.to_client.clear();
        if let Some(link) = person.link.take() {
            person.client.disconnected(LinkError::Cut, now, &mut person.random);
            self.host.link_closed(link, false, host_now);
            self.tape.push(Taped::Closed { name, link, clean: false });
        }
    }

    /// Nothing moves on this link any more, in either direction, and nobody is told.
    pub(crate) fn freeze(&mut self, name: &'static str) {
        self.people.get_mut(name).unwrap().frozen = true;
    }

    /// What was frozen moves again.
    pub(crate) fn thaw(&mut self, name: &'static str) {
        self.people.get_mut(name).unwrap().frozen = false;
    }

    /// The host's process is stopped. What is said to it lies in its computer.
    #[allow(dead_code, reason = "for the tests of absences")]
    pub(crate) fn stop_host(&mut self) {
        self.stands_still = true;
    }

    /// The host's process goes on, with all that lies there.
    #[allow(dead_code, reason = "for the tests of absences")]
    pub(crate) fn continue_host(&mut self) {
        self.stands_still = false;
        let now = self.now_of(HOST);
        for Unread { name, link, frames, clean } in std::mem::take(&mut self.unread) {
            let mut reader = FrameReader::new(usize::MAX);
            frames.iter().for_each(|bytes| reader.push(bytes));
            while let Some((kind, body)) = reader.next_body().unwrap() {
                self.host.frame(link, kind, &body, now);
                self.tape.push(Taped::ToHost { name, link, kind, body });
            }
            self.close(name, link, clean);
        }
        self.look_at_clocks(false);
    }

    /// The host's process ends and another takes its place, without a room, or with those that are on its disk.
    pub(crate) fn restart_host(&mut self) {
        let names: Vec<&'static str> = self.people.keys().copied().collect();
        names.into_iter().for_each(|name| self.cut(name));
        let (policy, limits) = (OpenPolicy::Only(vec![self.host_fingerprint()]), HostLimits::default());
        let now = self.now_of(HOST);
        self.host = match &mut self.host_disk {
            None => Host::new(policy, limits),
            Some(disk) => {
                disk.forget_waiting();
                let mut host = Host::keeping(policy, limits);
                disk.rooms().into_iter().for_each(|kept| assert!(host.restore(kept, now)));
                host
            }
        };
    }

    /// Lets everything happen that is due now or within half a second.
    pub(crate) fn drive(&mut self) {
        for _ in 0..10 {
            self.settle();
            self.advance(50);
        }
        self.settle();
    }

    /// Lets a long time go by, with all that happens in it when it is due.
    pub(crate) fn wait(&mut self, for_ms: u64) {
        self.settle();
        let until_ms = self.now.monotonic_ms + for_ms;
        while self.now.monotonic_ms < until_ms {
            let due = self.people.values().filter(|person| !person.frozen).map(|person| person.client.next_timeout());
            let due_ms = due.chain([self.host.next_timeout()]).flatten().min().unwrap_or(until_ms);
            self.advance(due_ms.min(until_ms).saturating_sub(self.now.monotonic_ms).max(1));
            self.settle();
        }
    }

    /// The same for what needs to be looked after more often.
    pub(crate) fn wait_in_steps(&mut self, for_ms: u64, step_ms: u64) {
        let until = self.now.monotonic_ms + for_ms;
        while self.now.monotonic_ms < until {
            self.advance(step_ms);
            self.settle();
        }
    }

    pub(crate) fn advance(&mut self, by_ms: u64) {
        self.now = self.now.later(by_ms);
        self.computers.values_mut().for_each(|computer| computer.run(by_ms));
        self.look_at_clocks(false);
    }

    /// Lets the host and everybody do what is due; `all`: they look because the time broke.
    fn look_at_clocks(&mut self, all: bool) {
        let now = self.now_of(HOST);
        if !self.stands_still {
            self.host.handle_timeout(now);
        }
        for name in self.people.keys().copied().collect::<Vec<_>>() {
            let now = self.now_of(name);
            let person = self.people.get_mut(name).unwrap();
            if all || person.client.next_timeout().is_some_and(|due| due <= now.monotonic_ms) {
                person.client.handle_timeout(now, &mut person.random);
            }
        }
    }

    /// The time on somebody's computer.
    pub(crate) fn now_of(&mut self, name: &str) -> Now {
        self.computers.get_mut(name).map_or(self.now, Computer::now)
    }

    /// Does something to the clocks of somebody's computer, and lets their program look.
    #[allow(dead_code, reason = "for the tests of time")]
    pub(crate) fn on_computer(&mut self, name: &'static str, what: impl FnOnce(&mut Computer)) {
        what(self.computers.entry(name).or_insert_with(|| Computer::new(self.now)));
        self.look_at_clocks(true);
    }

    /// Time goes by for everybody, and these computers sleep meanwhile.
    #[allow(dead_code, reason = "for the tests of time")]
    pub(crate) fn sleep(&mut self, ms: u64, sleeping: &[&'static str]) {
        for name in sleeping {
            self.computers.entry(name).or_insert_with(|| Computer::new(self.now));
        }
        self.now = self.now.later(ms);
        for (name, computer) in &mut self.computers {
            if sleeping.contains(name) { computer.sleep(ms) } else { computer.run(ms) }
        }
        self.look_at_clocks(true);
    }

    /// Passes frames until nobody has any.
    pub(crate) fn settle(&mut self) {
        for _ in 0..10_000 {
            let names: Vec<&'static str> = self.people.keys().copied().collect();
            let mut busy = false;
            for name in names {
                busy |= self.client_outputs(name);
                busy |= self.carry_to_host(name);
                busy |= self.host_outputs();
                busy |= self.carry_to_client(name);
            }
            if !busy {
                return;
            }
        }
        panic!("the network never comes to rest");
    }

    fn client_outputs(&mut self, name: &'static str) -> bool {
        let mut busy = false;
        while let Some(output) = self.people.get_mut(name).unwrap().client.poll_output() {
            busy = true;
            match output {
                Output::Connect { pin } => self.connect(name, pin),
                Output::Send(frame) => self.sends(name, frame),
                Output::Disconnect(code) => self.hang_up(name, Some(code)),
                Output::Abandon => self.hang_up(name, None),
                Output::Event(event) => self.people.get_mut(name).unwrap().events.push(event),
                Output::Keep { number, what } => self.keeps(name, number, what),
            }
        }
        busy
    }

    fn sends(&mut self, name: &'static str, frame: Arc<[u8]>) {
        if let Some((_, sent)) = self.sent_by.as_mut().filter(|(of, _)| *of == name) {
            sent.push((self.now.monotonic_ms, Arc::clone(&frame)));
        }
        self.people.get_mut(name).unwrap().to_host.push_back(frame);
    }

    /// Sends a frame over somebody's link that their app knows nothing of.
    pub(crate) fn slip_in(&mut self, name: &'static str, frame: &Frame) {
        self.people.get_mut(name).unwrap().to_host.push_back(frame.to_bytes());
    }

    /// Puts a frame on its way to somebody as if the host had sent it.
    pub(crate) fn slip_to(&mut self, name: &'static str, frame: &Frame) {
        self.people.get_mut(name).unwrap().to_client.push_back(frame.to_bytes());
    }

    /// The position of the last item somebody got.
    pub(crate) fn log_end(&self, name: &str) -> u64 {
        self.people[name].position
    }

    fn keeps(&mut self, name: &'static str, number: u64, what: Keep) {
        let person = self.people.get_mut(name).unwrap();
        assert_eq!(number, person.keep_number + 1, "they count up");
        person.keep_number = number;
        let is_waited_for = matches!(what, Keep::SignedEntry { .. });
        person.keeps.push(what);
        if is_waited_for && self.disk_works {
            self.is_kept(name);
        }
    }

    /// All that somebody was to keep survives a crash.
    pub(crate) fn is_kept(&mut self, name: &'static str) {
        self.command(name, Command::Kept(self.people[name].keep_number));
    }

    /// The last of it could not be kept.
    pub(crate) fn is_not_kept(&mut self, name: &'static str) {
        self.command(name, Command::NotKept(self.people[name].keep_number));
    }

    /// The roster entries that somebody was to keep, with their numbers and the roster's hash after each.
    pub(crate) fn kept_entries(&self, name: &str) -> Vec<(u64, Signed, [u8; 32])> {
        let entry = |keep: &Keep| match keep {
            Keep::Entry { number, entry, hash } => Some((*number, entry.clone(), *hash)),
            _ => None,
        };
        self.people[name].keeps.iter().filter_map(entry).collect()
    }

    /// The newest roster entry of these: its number and the roster's hash after it.
    pub(crate) fn known_of(&self, name: &str) -> (u64, [u8; 32]) {
        self.kept_entries(name).last().map(|(number, _, hash)| (*number, *hash)).unwrap()
    }

    /// What an owner signed for the log, in order.
    pub(crate) fn signed_by(&self, name: &str) -> Vec<Signed> {
        let entry = |keep: &Keep| match keep {
            Keep::SignedEntry { entry, .. } => Some(entry.clone()),
            _ => None,
        };
        self.people[name].keeps.iter().filter_map(entry).collect()
    }

    fn connect(&mut self, name: &'static str, pin: Option<Fingerprint>) {
        let (now, host_now) = (self.now_of(name), self.now_of(HOST));
        let (suite, host) = (self.suite, self.host_fingerprint());
        let person = self.people.get_mut(name).unwrap();
        if !person.online || self.stands_still {
            let error = LinkError::Refused { address: "here".to_owned() };
            return person.client.disconnected(error, now, &mut person.random);
        }
        let Some(pin) = pin else { return person.client.host_seen(host, now) };
        if pin != host {
            let error = LinkError::HostKeyChanged { expected: pin, seen: host };
            return person.client.disconnected(error, now, &mut person.random);
        }
        self.next_link += 1;
        let link = LinkId(self.next_link);
        person.link = Some(link);
        person.to_host.clear();
        person.to_client.clear();
        (person.host_reader, person.client_reader) = (FrameReader::new(usize::MAX), FrameReader::new(usize::MAX));
        let fingerprint = person.client.identity().fingerprint();
        self.tape.push(Taped::Opened { name, link });
        self.host.link_opened(
            link,
            Peer { fingerprint, keys: suite.key_kind(), address: IpAddr::V4(Ipv4Addr::LOCALHOST) },
            host_now,
        );
        person.client.connected(now, &mut person.random);
    }

    /// A link ends, with a goodbye or without one.
    fn hang_up(&mut self, name: &'static str, code: Option<ByeCode>) {
        let person = self.people.get_mut(name).unwrap();
        person.to_host.extend(code.map(|code| Frame::Bye(Bye { code: code.code() }).to_bytes()));
        if self.stands_still {
            let frames = std::mem::take(&mut person.to_host);
            let unread = |link| Unread { name, link, frames, clean: code.is_some() };
            return self.unread.extend(person.link.take().map(unread));
        }
        self.carry_to_host(name);
        if let Some(link) = self.people.get_mut(name).unwrap().link.take() {
            self.close(name, link, code.is_some());
        }
    }

    fn close(&mut self, name: &'static str, link: LinkId, clean: bool) {
        let now = self.now_of(HOST);
        self.host.link_closed(link, clean, now);
        self.tape.push(Taped::Closed { name, link, clean });
    }

    fn carry_to_host(&mut self, name: &'static str) -> bool {
        let now = self.now_of(HOST);
        let person = self.people.get_mut(name).unwrap();
        let Some(link) = person.link.filter(|_| !person.frozen && !self.stands_still) else { return false };
        let busy = !person.to_host.is_empty();
        for bytes in person.to_host.drain(..) {
            person.host_reader.push(&bytes);
        }
        while let Some((kind, body)) = person.host_reader.next_body().unwrap() {
            self.host.frame(link, kind, &body, now);
            self.tape.push(Taped::ToHost { name, link, kind, body });
        }
        busy
    }

    fn host_outputs(&mut self) -> bool {
        let mut busy = false;
        while let Some(output) = self.host.poll_output() {
            busy = true;
            let of = |link: LinkId, people: &BTreeMap<&'static str, Person>| {
                people.iter().find(|(_, person)| person.link == Some(link)).map(|(name, _)| *name)
            };
            match output {
                HostOutput::Send { link, frame } => {
                    if let Some(name) = of(link, &self.people) {
                        self.people.get_mut(name).unwrap().to_client.push_back(frame);
                    }
                }
                HostOutput::Close { link, code } => {
                    if let Some(name) = of(link, &self.people) {
                        let bye = Frame::Bye(Bye { code: code.code() }).to_bytes();
                        self.people.get_mut(name).unwrap().to_client.push_back(bye);
                        self.carry_to_client(name);
                        let now = self.now_of(name);
                        let person = self.people.get_mut(name).unwrap();
                        if person.link == Some(link) {
                            person.link = None;
                            person.client.disconnected(LinkError::Closed, now, &mut person.random);
                        }
                    }
                }
                HostOutput::Write { room, number, what } => self.host_disk.as_mut().unwrap().write(room, number, what),
                HostOutput::Load { room } => self.host_reads(room),
                HostOutput::Member { .. }
                | HostOutput::Waiting { .. }
                | HostOutput::TurnedAway { .. }
                | HostOutput::Event(_) => {}
            }
        }
        busy | self.commit()
    }

    fn carry_to_client(&mut self, name: &'static str) -> bool {
        let now = self.now_of(name);
        let person = self.people.get_mut(name).unwrap();
        if person.frozen || self.stands_still {
            return false;
        }
        let busy = !person.to_client.is_empty();
        for bytes in person.to_client.drain(..) {
            person.client_reader.push(&bytes);
        }
        while let Some(frame) = person.client_reader.next_frame().unwrap() {
            let frame = match &mut self.tamper {
                Some(tamper) => tamper(name, frame),
                None => Some(frame),
            };
            if let Some(frame) = frame {
                match &frame {
                    Frame::Item(item) => person.position = item.position.max(person.position),
                    Frame::Welcome(welcome) => person.position = welcome.position,
                    _ => {}
                }
                let body = frame.to_bytes();
                self.tape.push(Taped::ToClient { name, kind: frame.kind(), body: body[5..].to_vec() });
                person.client.frame(frame.kind(), &body[5..], now, &mut person.random);
            }
        }
        busy
    }
}
