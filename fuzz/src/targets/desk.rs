//! A host and everybody who has a link to it: hands frames in, takes outputs out, and holds each output against what
//! holds for every host, whatever it is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use conversa::crypto::primitives::{Digest, labelled_hash};
use conversa::crypto::{Fingerprint, Suite};
use conversa::protocol::limits::ROOMS_MAX;
use conversa::protocol::{Host, HostEvent, HostLimits, HostOutput, LinkId, Now, OpenPolicy, Peer, RoomId};
use conversa::wire::{Frame, FrameKind, Item, ItemKind, Join, Open, Signed, Welcome, decode};

use super::client_harness::{room_bytes, whole};
use super::log::Log;
use super::payloads::{Bundle, Genesis, RosterEntry, Subject, assert_canonical, bundle};
use super::people::{ANN, BO, CAROL, START, fingerprint};
use super::rooms::Room;

/// How often a host may want to be looked after without time going on.
const ROUNDS_MAX: usize = 8;

/// What somebody with a link was sent.
pub(super) struct Line {
    pub peer: Fingerprint,
    pub frames: Vec<Frame>,
    /// The log as this link was shown it; from the welcome on.
    pub log: Option<(RoomId, Log)>,
    /// What it is still to be shown of the end of its membership.
    ending: Option<Ending>,
}

/// The end of a membership, shown to one who was away when it came.
struct Ending {
    room: RoomId,
    /// Of the newest entry shown.
    head: (u64, Digest),
    /// How many entries it is.
    length: u64,
}

pub(super) struct Desk {
    pub host: Host,
    pub now: Now,
    pub lines: BTreeMap<LinkId, Line>,
    /// Who is in each room, by the entries that its members were shown.
    pub rosters: BTreeMap<RoomId, BTreeSet<Fingerprint>>,
    /// How many entries of each room that is, and the hash of the newest.
    heads: BTreeMap<RoomId, (u64, [u8; 32])>,
    /// The hash of every entry that a member was shown, of closed rooms too.
    entries: BTreeSet<Digest>,
    /// Whom an entry removed that not everybody has been shown yet.
    removed: Vec<(RoomId, Fingerprint)>,
    next_link: u64,
}

impl Desk {
    pub(super) fn new(policy: OpenPolicy) -> Self {
        Self {
            host: Host::new(policy, HostLimits::default()),
            now: START,
            lines: BTreeMap::new(),
            rosters: BTreeMap::new(),
            heads: BTreeMap::new(),
            entries: BTreeSet::new(),
            removed: Vec::new(),
            next_link: 0,
        }
    }

    /// The kept room with all its members connected, in the order of their numbers.
    pub(super) fn with_room(room: &Room) -> (Self, [LinkId; 3]) {
        let mut desk = Self::new(OpenPolicy::Only(vec![fingerprint(room.suite, ANN)]));
        let ann = desk.link(room.suite, ANN);
        desk.frame(ann, &Frame::Open(Open { genesis: room.genesis.clone(), token: None }));
        for entry in &room.entries {
            desk.frame(ann, &Frame::Roster(entry.clone()));
        }
        let [bo, carol] = [BO, CAROL].map(|person| {
            let link = desk.link(room.suite, person);
            desk.join(link, room, bundle(room.suite, person));
            link
        });
        assert!([ann, bo, carol].iter().all(|link| desk.is_member(*link)), "the kept room is sound");
        (desk, [ann, bo, carol])
    }

    pub(super) fn join(&mut self, link: LinkId, room: &Room, bundle: Signed) {
        self.frame(
            link,
            &Frame::Join(Join { bundle, invite_id: None, knock: None, mac: None, room: room_bytes(room.id) }),
        );
    }

    pub(super) fn link(&mut self, suite: Suite, person: usize) -> LinkId {
        self.link_of(suite, fingerprint(suite, person), 1)
    }

    pub(super) fn link_of(&mut self, suite: Suite, peer: Fingerprint, address: u8) -> LinkId {
        self.next_link += 1;
        let link = LinkId(self.next_link);
        self.lines.insert(link, Line { peer, frames: Vec::new(), log: None, ending: None });
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, address));
        self.host.link_opened(link, Peer { fingerprint: peer, keys: suite.key_kind(), address }, self.now);
        self.drain();
        link
    }

    pub(super) fn close(&mut self, link: LinkId, clean: bool) {
        self.lines.remove(&link);
        self.host.link_closed(link, clean, self.now);
        self.drain();
    }

    pub(super) fn frame(&mut self, link: LinkId, frame: &Frame) {
        self.raw(link, frame.kind(), &frame.to_bytes()[5..]);
    }

    pub(super) fn raw(&mut self, link: LinkId, kind: FrameKind, body: &[u8]) {
        self.host.frame(link, kind, body, self.now);
        self.drain();
    }

    pub(super) fn advance(&mut self, by_ms: u64) {
        self.now = self.now.later(by_ms);
        for _ in 0..ROUNDS_MAX {
            if self.host.next_timeout().is_none_or(|due| due > self.now.monotonic_ms) {
                return;
            }
            self.host.handle_timeout(self.now);
            self.drain();
        }
        panic!("the host wants to be looked after again and again at one moment");
    }

    pub(super) fn is_open(&self, link: LinkId) -> bool {
        self.lines.contains_key(&link)
    }

    pub(super) fn is_member(&self, link: LinkId) -> bool {
        self.lines.get(&link).is_some_and(|line| line.log.is_some())
    }

    /// How many roster entries a room has, and the hash of the newest.
    pub(super) fn head(&self, room: RoomId) -> (u64, [u8; 32]) {
        self.heads.get(&room).copied().unwrap_or((0, room.0))
    }

    /// The items that a link was sent, in their order.
    pub(super) fn items(&self, link: LinkId) -> impl Iterator<Item = &Item> {
        let frames = self.lines.get(&link).into_iter().flat_map(|line| &line.frames);
        frames.filter_map(|frame| if let Frame::Item(item) = frame { Some(item) } else { None })
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.host.poll_output() {
            match output {
                HostOutput::Send { link, frame } => self.sent(link, whole(&frame)),
                HostOutput::Close { link, .. } => {
                    assert!(self.lines.remove(&link).is_some(), "only a link that is there is closed");
                }
                HostOutput::Member { link } => assert!(self.lines.contains_key(&link), "a member has a link"),
                HostOutput::Waiting { .. } | HostOutput::TurnedAway { .. } => {}
                HostOutput::Write { .. } | HostOutput::Load { .. } => unreachable!("a forgetful host writes nothing"),
                HostOutput::Event(HostEvent::RoomOpened(_)) => {}
                HostOutput::Event(HostEvent::RoomClosed(room)) => {
                    self.rosters.remove(&room);
                    self.heads.remove(&room);
                }
            }
        }
        for (room, member) in std::mem::take(&mut self.removed) {
            let was_there = self.rosters.get_mut(&room).is_none_or(|members| members.remove(&member));
            assert!(was_there, "who is removed was there");
        }
        assert!(self.host.rooms().count() <= ROOMS_MAX, "only so many rooms");
    }

    fn sent(&mut self, link: LinkId, frame: Frame) {
        let peer = self.lines.get(&link).expect("what is sent goes to a link that is there").peer;
        match &frame {
            Frame::Welcome(welcome) => self.welcomed(link, peer, welcome),
            Frame::Item(item) => self.item(link, peer, item),
            Frame::Presence(presence) => {
                let room = self.lines[&link].log.as_ref().map(|(room, _)| *room).expect("only members are told");
                assert!(self.rosters[&room].contains(&presence.member), "only of members");
            }
            _ => {}
        }
        if let Some(line) = self.lines.get_mut(&link) {
            line.frames.push(frame);
        }
    }

    fn welcomed(&mut self, link: LinkId, peer: Fingerprint, welcome: &Welcome) {
        let id = RoomId(labelled_hash("room", &[&welcome.genesis.payload]));
        let genesis: Genesis = assert_canonical(&welcome.genesis.payload);
        if welcome.log_hash.into_array() == [0; 32] {
            return self.shown_the_end(link, peer, id, welcome.roster_length);
        }
        let members = self.rosters.entry(id).or_insert_with(|| BTreeSet::from([owner(&genesis)]));
        assert!(members.contains(&peer), "only members are welcome");
        let (length, _) = *self.heads.entry(id).or_insert((0, id.0));
        assert_eq!(length, welcome.roster_length, "the roster is as long as its entries");
        let log = Log::at(welcome.position, welcome.log_hash.into_array());
        if let Some(line) = self.lines.get_mut(&link) {
            line.log = Some((id, log));
        }
    }

    /// A welcome without a log: the roster up to the entry that ended the membership, and nothing else.
    fn shown_the_end(&mut self, link: LinkId, peer: Fingerprint, room: RoomId, length: u64) {
        let is_member = self.rosters.get(&room).is_some_and(|members| members.contains(&peer));
        assert!(!is_member, "no membership that lasts is shown its end");
        assert!(length > 0, "an entry ended it");
        if let Some(line) = self.lines.get_mut(&link) {
            line.ending = Some(Ending { room, head: (0, room.0), length });
        }
    }

    /// One entry of that: everybody has been shown the same, and the last ends the membership.
    fn ended(&mut self, link: LinkId, peer: Fingerprint, item: &Item) {
        let ending = self.lines.get_mut(&link).and_then(|line| line.ending.as_mut()).expect("an end is shown");
        assert_eq!(item.kind, ItemKind::Roster.code(), "no more of the log than its roster");
        let signed: Signed = assert_canonical(&item.exact);
        let entry: RosterEntry = assert_canonical(&signed.payload);
        assert_eq!(entry.r, ending.room, "of one room");
        assert_eq!((entry.q, entry.p.into_array()), (ending.head.0 + 1, ending.head.1), "entries follow each other");
        ending.head = (entry.q, labelled_hash("roster", &[&signed.payload]));
        assert!(self.entries.contains(&ending.head.1), "all are shown the same entries");
        if ending.head.0 == ending.length {
            let ends = match (entry.o, &entry.d) {
                (2, Subject::Member(member)) => member.into_array() == *peer.as_bytes(),
                (operation, _) => operation == 4,
            };
            assert!(ends, "the last entry ends the membership");
            self.lines.get_mut(&link).expect("it is there").ending = None;
        }
    }

    fn item(&mut self, link: LinkId, peer: Fingerprint, item: &Item) {
        if self.lines.get(&link).is_some_and(|line| line.ending.is_some()) {
            return self.ended(link, peer, item);
        }
        let kind = ItemKind::from_code(item.kind).expect("a kind there is");
        let (room, log) = self.lines.get_mut(&link).and_then(|line| line.log.as_mut()).expect("items go to members");
        let room = *room;
        assert!(self.rosters[&room].contains(&peer), "nobody outside the roster is sent an item");
        assert!(item.wrap.as_ref().is_none_or(|wrap| wrap.recipient == peer), "everybody gets their own wrap");
        if item.position <= log.position() {
            return;
        }
        assert_eq!(item.position, log.position() + 1, "no item is left out");
        log.roll(kind, &item.exact);
        if kind == ItemKind::Roster {
            self.changed(room, item);
        }
    }

    /// The roster after an entry; whoever it removes is still shown it.
    fn changed(&mut self, room: RoomId, item: &Item) {
        let signed: Signed = assert_canonical(&item.exact);
        let entry: RosterEntry = assert_canonical(&signed.payload);
        let (number, hash) = self.head(room);
        if entry.q <= number {
            return;
        }
        assert_eq!((entry.q, entry.p.into_array()), (number + 1, hash), "entries follow each other");
        let hash = labelled_hash("roster", &[&signed.payload]);
        self.heads.insert(room, (entry.q, hash));
        self.entries.insert(hash);
        let members = self.rosters.entry(room).or_default();
        match (entry.o, &entry.d) {
            (1, Subject::Bundle(signed)) => {
                let bundle: Bundle = assert_canonical(&signed.payload);
                assert!(members.insert(Fingerprint::of(&bundle.k)), "who is added was not there");
            }
            (2, Subject::Member(member)) => self.removed.push((room, Fingerprint::from_bytes(member.into_array()))),
            _ => {}
        }
    }
}

fn owner(genesis: &Genesis) -> Fingerprint {
    let bundle: Bundle = decode(&genesis.b.payload).expect("the owner's bundle was accepted");
    Fingerprint::of(&bundle.k)
}
