//! A host, its people, and what they decide.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::computer::Computer;
use super::dice::Dice;
use super::evil::{Evil, EvilHost};
use super::forger::Forger;
use super::front_end::{Owed, Spoken};
use super::ledger::{Ledger, Said};
use super::network::Link;
use super::person::{Person, Way};
use super::room_disk::RoomDisk;
use super::spy::Spy;
use super::tally::{Chance, Tally};
use super::truth::Truth;
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::payload::room_of;
use crate::protocol::{
    Client, Command, Content, Entry, Host, HostLimits, Identity, Invite, LearningConsent, MessageId, Now, OpenPolicy,
    RoomCrypto, RoomId, Wave, new_room,
};

/// When every world begins.
pub(super) const START: Now = Now::at(1_000, 1_800_000_000_000);
/// Items that the host keeps of a log: few enough that a room says more.
pub(super) const LOG_ITEMS: usize = 1_000;
/// Stands in all words, and so must not stand in anything that goes over the wire.
pub(super) const MARK: &str = "between us";

/// From so long on no bytes wait on the link of somebody who is awake: they came, or the link was found dead.
const LONG_MS: u64 = 10_000;

/// The host without a room.
pub(super) fn host_of(owner: Fingerprint, keeps: bool) -> Host {
    let (policy, limits) =
        (OpenPolicy::Only(vec![owner]), HostLimits { log_items: LOG_ITEMS, ..HostLimits::default() });
    if keeps { Host::keeping(policy, limits) } else { Host::new(policy, limits) }
}

/// What a computer does for some time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    Sleep,
    /// It runs, and its program is stopped.
    Stop,
    Run,
}

impl Course {
    const ALL: [Self; 3] = [Self::Sleep, Self::Stop, Self::Run];
}

/// Who is in a world, and what it is like.
pub(super) struct Cast {
    pub(super) seed: u64,
    pub(super) suite: Suite,
    pub(super) people: Vec<Arc<Identity>>,
    /// In no room; the host's own.
    pub(super) mallory: Arc<Identity>,
    pub(super) evil: Option<Evil>,
    /// Whether somebody steals keys all the time, which takes time.
    pub(super) is_spied_on: bool,
    /// Bytes that may wait for somebody who does not read.
    pub(super) queue_max: usize,
    /// Whether computers sleep, programs are stopped, and dates are wrong.
    pub(super) has_odd_clocks: bool,
    /// Whether the host keeps its log.
    pub(super) keeps: bool,
}

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) suite: Suite,
    /// The true time, whatever the clocks say.
    pub(super) now: Now,
    pub(super) has_odd_clocks: bool,
    pub(super) host: Host,
    pub(super) host_computer: Computer,
    /// The host's, if it keeps its log.
    pub(super) disk: Option<RoomDisk>,
    pub(super) room: RoomId,
    pub(super) people: Vec<Person>,
    pub(super) links: BTreeMap<u64, Link>,
    pub(super) last_link: u64,
    pub(super) queue_max: usize,
    pub(super) ledger: Ledger,
    pub(super) truth: Truth,
    pub(super) evil: Option<EvilHost>,
    pub(super) spy: Option<Spy>,
    pub(super) tally: Arc<Tally>,
    pub(super) owed: Vec<Owed>,
    /// Words in the log of an honest host.
    pub(super) spoken: Vec<Spoken>,
    /// Anything may happen.
    pub(super) storm: bool,
    /// Nothing of the storm is on its way any more.
    pub(super) is_quiet: bool,
    pub(super) may_knock: bool,
    pub(super) is_closed: bool,
    /// Who gets the next invite.
    wants: VecDeque<usize>,
    /// Invites that let nobody in any more.
    pub(super) spent: Vec<Invite>,
    /// Whether to print what happens: one room is run again.
    is_told: bool,
}

impl World {
    /// A host with an open room and its owner, and others who are not in it yet.
    pub(super) fn new(cast: Cast, tally: Arc<Tally>) -> Self {
        let mut dice = Dice::new(cast.seed);
        let owner = cast.people.first().unwrap();
        let may_knock = dice.happens(40);
        let (room, genesis) = new_room(owner, cast.suite, may_knock, 256, START, &mut dice).unwrap();
        assert_eq!(room, room_of(&genesis));
        let side: BTreeSet<Fingerprint> =
            cast.people.iter().map(|person| person.fingerprint()).filter(|_| dice.happens(50)).collect();
        let victim = cast.people.last().unwrap().fingerprint();
        let forger = Forger { mallory: cast.mallory, room, victim, newest: (0, room.0) };
        let mut world = Self {
            suite: cast.suite,
            now: START,
            has_odd_clocks: cast.has_odd_clocks,
            host_computer: Computer::new(START),
            host: host_of(owner.fingerprint(), cast.keeps),
            disk: cast.keeps.then(RoomDisk::default),
            room,
            ledger: Ledger::new(room, owner.fingerprint()),
            truth: Truth::new(room),
            evil: cast.evil.map(|evil| EvilHost::new(evil, forger, side)),
            spy: cast.is_spied_on.then(|| Spy::new(cast.suite.backend())),
            people: cast.people.into_iter().enumerate().map(|(who, identity)| Person::new(identity, who)).collect(),
            dice,
            links: BTreeMap::new(),
            last_link: 0,
            queue_max: cast.queue_max,
            tally,
            owed: Vec::new(),
            spoken: Vec::new(),
            storm: true,
            is_quiet: false,
            may_knock,
            is_closed: false,
            wants: VecDeque::new(),
            spent: Vec::new(),
            is_told: std::env::var_os("CONVERSA_SEED").is_some(),
        };
        world.people.first_mut().unwrap().genesis = Some(genesis);
        world.come_back(0);
        world
    }

    pub(super) fn is_member(&self, who: usize) -> bool {
        self.ledger.members().contains(&self.people[who].fingerprint())
    }

    /// Whether somebody is a member, and knows it.
    pub(super) fn may_come_back(&self, who: usize) -> bool {
        self.is_member(who) && self.people[who].genesis.is_some()
    }

    /// Starts somebody's app again: the owner's opens the room, a member's comes back to it.
    pub(super) fn come_back(&mut self, who: usize) {
        let person = &self.people[who];
        let Some(genesis) = person.genesis.clone() else { return };
        let entry = if who == 0 {
            Entry::Open { genesis, roster: person.made.clone(), token: None, title: "Friday".to_owned() }
        } else {
            let memory = person.memory(self.room);
            Entry::Return { genesis, memory }
        };
        self.start(who, entry);
    }

    pub(super) fn start(&mut self, who: usize, entry: Entry) {
        let crypto = match self.suite {
            Suite::Textbook => RoomCrypto::Learning(LearningConsent::given_by_a_person()),
            suite => RoomCrypto::trusted(suite).unwrap(),
        };
        let pin = Some(self.people[0].fingerprint());
        let person = &mut self.people[who];
        person.way = match entry {
            Entry::Open { .. } | Entry::Return { .. } => Way::Record,
            Entry::Invite(_) => Way::Invite,
            Entry::Knock => Way::Address,
        };
        let client = Client::new(Arc::clone(&person.identity), crypto, format!("p{who}"), entry, pin);
        // At an address, which room it is is not known yet.
        let client = if person.way == Way::Address { client } else { client.remembering(person.memory(self.room)) };
        person.begin(client);
        if person.computer.now().unix_ms < START.unix_ms / 2 {
            self.tally.count(Chance::Began1970);
        }
        self.act(who, |client, now, _| client.start(now));
    }

    /// Lets somebody's client do something, and does what comes of it.
    pub(super) fn act(&mut self, who: usize, act: impl FnOnce(&mut Client, Now, &mut Dice)) {
        self.dice.begin();
        let Person { client, computer, .. } = &mut self.people[who];
        if let Some(client) = client {
            act(client, computer.now(), &mut self.dice);
        }
        self.drain(who);
    }

    pub(super) fn command(&mut self, who: usize, command: Command) {
        self.tell(who, &command);
        self.act(who, |client, now, dice| client.command(command, now, dice));
    }

    /// The app ends, and the disk loses the record of the room.
    pub(super) fn lose_record(&mut self, who: usize) {
        self.crash(who);
        self.tell(who, &"loses the record");
        self.tally.count(Chance::RecordLost);
        self.people[who].genesis = None;
    }

    /// The app ends without a word.
    pub(super) fn crash(&mut self, who: usize) {
        self.tell(who, &"crashes");
        self.tally.count(Chance::Crash);
        self.cut(who);
        self.people[who].end();
    }

    /// The owner gives somebody an invite as soon as it is made.
    pub(super) fn invite(&mut self, who: usize) {
        if !self.wants.contains(&who) {
            self.wants.push_back(who);
        }
        self.command(0, Command::Invite { addresses: vec!["here:9000".to_owned()], life_ms: 3_600_000 });
    }

    pub(super) fn hand_out(&mut self, invite: Invite) {
        let Some(who) = self.wants.pop_front() else { return };
        if self.people[who].client.is_none() {
            self.ledger.lets_in(self.people[who].fingerprint());
            let person = &mut self.people[who];
            person.genesis = None;
            person.invite = Some(invite.clone());
            person.invites += 1;
            self.start(who, Entry::Invite(invite));
        }
    }

    /// All invites that were given away are worth nothing any more.
    pub(super) fn withdraw_invites(&mut self) {
        if self.people[0].client.is_some() {
            self.command(0, Command::WithdrawInvites);
            self.people.iter_mut().for_each(|person| person.invites = 0);
            self.spent.extend(self.people.iter_mut().filter_map(|person| person.invite.take()));
        }
    }

    /// Somebody tries an invite that holds no more, or never did.
    pub(super) fn try_bad_invite(&mut self, who: usize) {
        let chosen = self.dice.below(self.spent.len());
        let Some(mut invite) = self.spent.get(chosen).cloned() else { return };
        if self.dice.happens(50) {
            invite.secret[self.dice.below(32)] ^= 1;
        }
        self.people[who].genesis = None;
        self.start(who, Entry::Invite(invite));
    }

    pub(super) fn say(&mut self, who: usize, length: usize) -> MessageId {
        let id = MessageId(self.dice.id());
        // Some wave: to a client it makes no difference what kind of thing is said.
        let content = match id.0 {
            [.., last] if last % 4 == 0 => Content::Wave(Wave { hands: last }),
            _ => Content::text(format!("{MARK} {}", "x".repeat(length))),
        };
        self.ledger.said.insert(id, Said { from: self.people[who].fingerprint(), content: content.clone() });
        let said_ms = self.people[who].computer.now().unix_ms;
        self.command(who, Command::Send { id, content, said_ms });
        id
    }

    pub(super) fn remove(&mut self, who: usize) {
        let member = self.people[who].fingerprint();
        self.ledger.puts_out(member);
        self.command(0, Command::Remove(member));
    }

    pub(super) fn leave(&mut self, who: usize) {
        self.ledger.puts_out(self.people[who].fingerprint());
        self.command(who, Command::Leave);
    }

    /// What was signed gets on disk.
    pub(super) fn write(&mut self) {
        if let Some(number) = self.people[0].write() {
            self.command(0, Command::Kept(number));
        }
    }

    /// Time goes by. Computers may sleep meanwhile, and programs be stopped.
    pub(super) fn pass(&mut self, ms: u64) {
        let is_long = ms >= LONG_MS;
        let is_odd = is_long && self.storm && self.has_odd_clocks;
        let mut course = || if is_odd { self.dice.one_of(&Course::ALL).unwrap() } else { Course::Run };
        let (of_host, of_people): (_, Vec<Course>) = (course(), self.people.iter().map(|_| course()).collect());
        if is_long {
            let awake = (0..self.people.len()).filter(|who| of_people[*who] == Course::Run);
            awake.for_each(|who| self.end_what_waits(who, of_host == Course::Run));
        }
        self.now = self.now.later(ms);
        self.spend(None, of_host, ms);
        of_people.into_iter().enumerate().for_each(|(who, course)| self.spend(Some(who), course, ms));
        self.look_at_clocks();
    }

    fn spend(&mut self, who: Option<usize>, course: Course, ms: u64) {
        match course {
            Course::Sleep => {
                self.tally.count(Chance::Slept);
                self.computer(who).sleep(ms);
            }
            Course::Stop => {
                self.tally.count(Chance::Stopped);
                self.computer(who).stop(ms);
            }
            Course::Run => self.computer(who).run(ms),
        }
    }

    /// The computer of somebody, or the host's.
    fn computer(&mut self, who: Option<usize>) -> &mut Computer {
        match who {
            Some(who) => &mut self.people[who].computer,
            None => &mut self.host_computer,
        }
    }

    pub(super) fn host_now(&mut self) -> Now {
        self.host_computer.now()
    }

    fn look_at_clocks(&mut self) {
        let now = self.host_now();
        self.host.handle_timeout(now);
        let due = self.host.next_timeout();
        assert!(due.is_none_or(|due| due > now.monotonic_ms), "the host wants to be called again at once");
        self.drain_host();
        for who in 0..self.people.len() {
            let person = &mut self.people[who];
            let now = person.computer.now();
            let broke = std::mem::replace(&mut person.breaks, now.breaks) != now.breaks;
            let due = person.client.as_ref().and_then(Client::next_timeout);
            if broke || due.is_some_and(|due| due <= now.monotonic_ms) {
                self.act(who, |client, now, dice| client.handle_timeout(now, dice));
                let due = self.people[who].client.as_ref().and_then(Client::next_timeout);
                assert!(due.is_none_or(|due| due > now.monotonic_ms), "p{who} wants to be called again at once");
            }
        }
    }

    /// Somebody's date, or the host's, is set: to something, to what it should be, or to what a dead battery gives.
    pub(super) fn set_a_date(&mut self) {
        let who = Some(self.dice.below(self.people.len() + 1)).filter(|who| *who < self.people.len());
        let (right_ms, dice) = (self.now.unix_ms.cast_signed(), &mut self.dice);
        let hours = [2, 25, 48, 72, 720][dice.below(5)];
        let by_ms = hours * 3_600_000 * if dice.happens(50) { 1 } else { -1 };
        let set_ms = match dice.below(5) {
            0 => right_ms,
            1 => 3_600_000,
            _ => self.computer(who).now().unix_ms.cast_signed() + by_ms,
        };
        let computer = self.computer(who);
        let is_ms = computer.now().unix_ms.cast_signed();
        computer.set_date_by(set_ms - is_ms);
        self.tally.count(Chance::DateSet);
        self.tell(
            who.unwrap_or(self.people.len()),
            &format_args!("has the date set by {} h", (set_ms - is_ms) / 3_600_000),
        );
        self.look_at_clocks();
    }

    /// How far one's own date is from somebody's, in milliseconds: positive if theirs is ahead.
    pub(super) fn clocks_apart(&mut self, own: usize, other: usize) -> i64 {
        let date = |who: usize, people: &mut Vec<Person>| people[who].computer.now().unix_ms.cast_signed();
        date(other, &mut self.people) - date(own, &mut self.people)
    }

    /// One line of the story, for whoever reads it again.
    pub(super) fn tell(&self, who: usize, what: &dyn std::fmt::Debug) {
        if self.is_told {
            eprintln!("{:9} p{who} {what:?}", self.now.monotonic_ms);
        }
    }
}
