//! A person of the simulation: a client that comes and goes, and what it was shown.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::computer::Computer;
use super::forger::Forger;
use super::replica::{Arriving, Replica};
use super::world::START;
use crate::crypto::Fingerprint;
use crate::crypto::primitives::Digest;
use crate::protocol::{ByeCode, Client, Event, Identity, Invite, Keep, LinkError, Memory, MessageId, RoomId};
use crate::wire::{Item, Signed};

/// The ways into a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Record,
    Invite,
    Address,
}

/// Whether a person is told that the host shows or says what it should not.
pub(super) const fn is_alarming(error: &LinkError) -> bool {
    matches!(error, LinkError::OlderRoster { .. } | LinkError::Goodbye(ByeCode::Removed | ByeCode::Closed))
}

/// One message that somebody was shown, their own included.
pub(super) struct Shown {
    pub(super) id: MessageId,
    pub(super) position: u64,
    pub(super) session: (u32, u32),
}

pub(super) struct Person {
    pub(super) identity: Arc<Identity>,
    pub(super) address: IpAddr,
    pub(super) client: Option<Client>,
    pub(super) computer: Computer,
    /// The breaks in time that its app knows of.
    pub(super) breaks: u64,
    /// How far the clocks of others are that this run was told of.
    pub(super) clocks_told: Vec<i64>,
    /// How often the app was started.
    runs: u32,
    /// How often it was welcomed anew: what was sealed before that is lost.
    sessions: u32,
    /// Whether the network lets it through.
    pub(super) reachable: bool,
    /// How slowly its link moves: one chance in so many.
    pub(super) slowness: usize,
    pub(super) link: Option<u64>,
    /// On disk: the room, for an owner the entries it made, and the newest entry that was seen.
    pub(super) genesis: Option<Signed>,
    pub(super) made: Vec<Signed>,
    pub(super) known: (u64, Digest),
    /// The newest entry that it was told of since the last full welcome.
    told_of: u64,
    /// The newest entry it was ever told of: the world's account, which no restart and no lost record makes less.
    pub(super) seen: (u64, Digest),
    /// How it came in.
    pub(super) way: Way,
    /// Whether it was in the room in this run of the app.
    pub(super) was_in: bool,
    /// What it was told to write down, and did not yet.
    pub(super) to_write: Option<(u64, Signed)>,
    /// The invite it came or wants to come by.
    pub(super) invite: Option<Invite>,
    /// How many it was given, of which it used none.
    pub(super) invites: u32,
    pub(super) shown: Vec<Shown>,
    shown_in_run: BTreeSet<MessageId>,
    /// The message that is being taken in.
    pub(super) arriving: Option<Arriving>,
    pub(super) last_message: Option<Arriving>,
    /// The log it was shown.
    pub(super) log: Option<Replica>,
    /// What it had noticed before it was first shown another log than the room's, in this session.
    pub(super) wronged_since: Option<usize>,
    /// Where that began.
    pub(super) wronged_at: u64,
    /// Words of somebody who had seen the log up to there.
    pub(super) crossed: BTreeSet<MessageId>,
    /// Where on this link its own prekey came by: whoever speaks later should know it.
    pub(super) prekey_at: Option<u64>,
    pub(super) ready: bool,
    /// It was told that there is no way back in but a new invitation.
    pub(super) over: bool,
    pub(super) was_removed: bool,
    /// Whether the host crashed since the last welcome.
    pub(super) host_crashed: bool,
    /// The epoch in which others could know its prekey first, and where that is in the log.
    pub(super) known_since: Option<(u64, u64)>,
    /// Where its first prekey of this session is in the log.
    pub(super) reads_from: Option<u64>,
    /// Where the log was when it was told last that it misses something.
    pub(super) heard_at: u64,
    /// How many words it was told to have missed, in this session.
    pub(super) missed: u64,
    /// The chain that is announced to it or spoken in, and those of which it was told that it cannot read them.
    pub(super) chain: Digest,
    pub(super) unreadable: BTreeSet<Digest>,
    /// What a person would notice: gaps, forks, things that cannot be read, an end.
    pub(super) signs: usize,
    pub(super) forks: BTreeSet<Fingerprint>,
}

impl Person {
    pub(super) fn new(identity: Arc<Identity>, number: usize) -> Self {
        Self {
            identity,
            address: IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(number).unwrap())),
            client: None,
            computer: Computer::new(START),
            breaks: 0,
            clocks_told: Vec::new(),
            runs: 0,
            sessions: 0,
            reachable: true,
            slowness: 1,
            link: None,
            genesis: None,
            made: Vec::new(),
            known: (0, [0; 32]),
            told_of: 0,
            seen: (0, [0; 32]),
            way: Way::Record,
            was_in: false,
            to_write: None,
            invite: None,
            invites: 0,
            shown: Vec::new(),
            shown_in_run: BTreeSet::new(),
            arriving: None,
            last_message: None,
            log: None,
            wronged_since: None,
            wronged_at: 0,
            crossed: BTreeSet::new(),
            prekey_at: None,
            ready: false,
            over: false,
            was_removed: false,
            host_crashed: false,
            known_since: None,
            reads_from: None,
            heard_at: 0,
            missed: 0,
            chain: [0; 32],
            unreadable: BTreeSet::new(),
            signs: 0,
            forks: BTreeSet::new(),
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint()
    }

    /// Which stretch of the log it follows now: from one full welcome to the next.
    pub(super) fn session(&self) -> (u32, u32) {
        (self.runs, self.sessions)
    }

    /// The app begins, with what is on disk.
    pub(super) fn begin(&mut self, client: Client) {
        self.client = Some(client);
        self.runs += 1;
        self.shown_in_run.clear();
        self.clocks_told.clear();
        self.forks.clear();
        (self.ready, self.over, self.to_write, self.was_in) = (false, false, None, false);
    }

    /// The app ends, and what was not on disk is lost.
    pub(super) fn end(&mut self) {
        (self.client, self.to_write, self.ready) = (None, None, false);
    }

    /// It is told everything from the beginning.
    pub(super) fn welcomed(&mut self, log: Replica) {
        self.sessions += 1;
        (self.told_of, self.reads_from) = (0, None);
        self.missed = 0;
        // Who was found to see another log in the last session may be found again.
        self.forks.clear();
        self.log = Some(log);
        self.wronged_since = None;
        self.crossed.clear();
    }

    /// The words that came last were shown.
    pub(super) fn heard(&mut self, id: MessageId) {
        let seen = self.last_message.as_ref().map_or(0, |message| message.header.position);
        if self.wronged_since.is_some() && seen >= self.wronged_at {
            self.crossed.insert(id);
        }
    }

    /// It is told that it misses something.
    pub(super) fn hears(&mut self) {
        self.heard_at = self.log.as_ref().map_or(0, |log| log.position);
    }

    /// An item comes to its client.
    pub(super) fn roll(&mut self, item: &Item) {
        if Forger::prekey_of(item) == Some(self.fingerprint()) {
            self.prekey_at.get_or_insert(item.position);
            self.known_since.get_or_insert((self.known.0, item.position));
            self.reads_from.get_or_insert(item.position);
        }
        if let Some(log) = &mut self.log {
            log.roll(item);
        }
    }

    /// Takes in what its client needs kept.
    pub(super) fn keeps(&mut self, number: u64, what: &Keep) {
        match what {
            Keep::Entry { number, hash, .. } => {
                self.told_of = *number;
                if *number >= self.known.0 {
                    self.known = (*number, *hash);
                }
                if *number > self.seen.0 {
                    self.seen = (*number, *hash);
                }
                assert!(*number != self.seen.0 || *hash == self.seen.1, "was shown another roster of this length");
            }
            Keep::SignedEntry { entry, .. } => self.to_write = Some((number, entry.clone())),
            Keep::OpenInvites(_) | Keep::Received => {}
        }
    }

    /// Takes in what its client tells.
    pub(super) fn told(&mut self, event: &Event) {
        match event {
            Event::Entered { genesis, .. } => self.genesis = Some(genesis.clone()),
            Event::Ready { .. } => {
                assert!(self.told_of >= self.seen.0, "let itself be shown an older roster by {:?}", self.way);
                (self.ready, self.was_in) = (true, true);
            }
            Event::Offline { error, .. } => {
                self.ready = false;
                self.signs += usize::from(is_alarming(error));
            }
            Event::Fork { from } => {
                self.signs += 1;
                self.forks.insert(*from);
            }
            Event::Lost { .. } | Event::Unreadable { .. } | Event::Stopped(_) => self.signs += 1,
            Event::Message { id, .. } | Event::OnHost { id, .. } => {
                assert!(self.shown_in_run.insert(*id), "a message was shown twice: {id:?}");
                let (position, session) = (self.arriving.as_ref().unwrap().position, self.session());
                self.shown.push(Shown { id: *id, position, session });
            }
            _ => {}
        }
    }

    /// What its app remembers of the room, whatever became of the record.
    pub(super) fn memory(&self, room: RoomId) -> Memory {
        let mut memory = Memory::new(room);
        memory.learn(self.known.0, &self.known.1);
        memory
    }

    /// What was signed is on disk now; under which number, if there was something.
    pub(super) fn write(&mut self) -> Option<u64> {
        let (number, entry) = self.to_write.take()?;
        self.made.push(entry);
        Some(number)
    }

    pub(super) fn was_shown(&self, id: MessageId) -> bool {
        self.shown.iter().any(|shown| shown.id == id)
    }
}
