//! The network: bytes that arrive in pieces, late, or never, and what each side does with them.

use super::evil::{Deeds, Evil};
use super::person::Way;
use super::replica::{Arriving, Replica, chain_of};
use super::tally::Chance;
use super::world::{MARK, World};
use crate::crypto::Fingerprint;
use crate::protocol::limits::{JOINER_BODY_BYTES_MAX, MEMBER_BODY_BYTES_MAX};
use crate::protocol::payload::{CommonPayload, HeaderPayload, PrekeyPayload};
use crate::protocol::{ByeCode, Client, HostOutput, LinkError, LinkId, Output, Peer, RefuseCode};
use crate::wire::{Bye, Frame, FrameKind, FrameReader, Refuse, decode};

/// How often all that waits is carried both ways, until nothing more is said.
const COME_AND_GO: usize = 8;

/// Both directions of a connection, as bytes.
pub(super) struct Link {
    pub(super) person: usize,
    to_host: Vec<u8>,
    to_client: Vec<u8>,
    host_reader: FrameReader,
    client_reader: FrameReader,
    /// Each side may have finished with it before the other has read the last of it.
    host_done: bool,
    client_done: bool,
    /// Whether the client said goodbye.
    is_clean: bool,
    /// Whether it was begun to go on where the last one ended.
    resuming: bool,
    /// Bytes that wait because the room is large, and not because the reader is slow.
    excused: usize,
    pub(super) deeds: Deeds,
}

impl Link {
    fn of(person: usize) -> Self {
        Self {
            person,
            to_host: Vec::new(),
            to_client: Vec::new(),
            host_reader: FrameReader::new(JOINER_BODY_BYTES_MAX),
            client_reader: FrameReader::new(MEMBER_BODY_BYTES_MAX),
            host_done: false,
            client_done: false,
            is_clean: false,
            resuming: false,
            excused: 0,
            deeds: Deeds::default(),
        }
    }
}

impl World {
    /// Does what somebody's client wants.
    pub(super) fn drain(&mut self, who: usize) {
        loop {
            let Some(output) = self.people[who].client.as_mut().and_then(Client::poll_output) else { return };
            match output {
                Output::Connect { .. } => self.connect(who),
                Output::Send(frame) => self.send(who, &frame),
                Output::Disconnect(code) => self.hang_up(who, Some(code)),
                Output::Abandon => self.hang_up(who, None),
                Output::Event(event) => self.told(who, event),
                Output::Keep { number, what } => self.keeps(who, number, &what),
            }
        }
    }

    fn connect(&mut self, who: usize) {
        let host_now = self.host_now();
        let person = &mut self.people[who];
        let now = person.computer.now();
        let Some(client) = &mut person.client else { return };
        if !person.reachable {
            return client.disconnected(LinkError::Refused { address: String::new() }, now, &mut self.dice);
        }
        self.last_link += 1;
        person.link = Some(self.last_link);
        person.prekey_at = None;
        let peer =
            Peer { fingerprint: person.identity.fingerprint(), keys: self.suite.key_kind(), address: person.address };
        client.connected(now, &mut self.dice);
        self.links.insert(self.last_link, Link::of(who));
        self.host.link_opened(LinkId(self.last_link), peer, host_now);
        self.drain_host();
    }

    fn send(&mut self, who: usize, bytes: &[u8]) {
        let mut reader = FrameReader::new(usize::MAX);
        reader.push(bytes);
        let (kind, body) = reader.next_body().unwrap().unwrap();
        let frame = Frame::decode(kind, &body).unwrap();
        self.witness(who, &frame, &body);
        let forgets = self.storm && self.dice.happens(if self.leads_back() { 60 } else { 10 });
        let Some(link) = self.people[who].link.and_then(|id| self.links.get_mut(&id)) else { return };
        match frame {
            Frame::Resume(_) if forgets => {
                let refuse = Refuse { code: RefuseCode::Gone.code() };
                return link.to_client.extend_from_slice(&Frame::Refuse(refuse).to_bytes());
            }
            Frame::Resume(_) => link.resuming = true,
            Frame::Join(_) | Frame::Open(_) => link.resuming = false,
            _ => {}
        }
        link.to_host.extend_from_slice(bytes);
    }

    /// Writes down what somebody puts on the wire.
    fn witness(&mut self, who: usize, frame: &Frame, body: &[u8]) {
        let person = &self.people[who];
        match frame {
            Frame::Roster(entry) => {
                assert!(person.made.contains(entry), "an entry was sent before it was stored");
                self.ledger.entry_sent(entry);
            }
            Frame::Prekey(prekey) => {
                let payload: PrekeyPayload = decode(&prekey.payload).unwrap();
                self.ledger.prekey_sent(&payload, self.now);
                if let Some(spy) = &mut self.spy {
                    spy.steal(&person.identity, &payload, &self.dice);
                }
            }
            Frame::SkPacket(packet) => {
                let common: CommonPayload = decode(&packet.common.payload).unwrap();
                assert!(common.epoch >= person.seen.0, "p{who} seals for the members of before");
                let sees = |member: &Fingerprint| {
                    self.has_odd_clocks || person.client.as_ref().is_some_and(|client| client.sees(member))
                };
                self.ledger.packet_sent(packet, self.now, sees);
                if let Some(spy) = &self.spy {
                    spy.try_on(packet, &person.identity, &self.ledger, &self.tally);
                }
            }
            Frame::Msg(message) => {
                let header: HeaderPayload = decode(&message.header).unwrap();
                assert!(header.epoch >= person.seen.0, "p{who} speaks to the members of before");
                let log = person.log.as_ref().expect("words before a welcome");
                self.ledger.message_sent(person.fingerprint(), message, body, log);
                let leaks = body.windows(MARK.len()).any(|window| window == MARK.as_bytes());
                assert!(!leaks, "words in the clear");
            }
            _ => {}
        }
    }

    /// A link ends, with a goodbye or without one.
    fn hang_up(&mut self, who: usize, code: Option<ByeCode>) {
        let Some(link) = self.people[who].link.take().and_then(|id| self.links.get_mut(&id)) else { return };
        link.to_host
            .extend(code.into_iter().flat_map(|code| Frame::Bye(Bye { code: code.code() }).to_bytes().to_vec()));
        (link.client_done, link.is_clean) = (true, code.is_some());
    }

    /// The link breaks; what was on its way is lost.
    pub(super) fn cut(&mut self, who: usize) {
        let Some(link) = self.people[who].link.take() else { return };
        self.tell(who, &"is cut off");
        self.tally.count(Chance::Cut);
        self.links.remove(&link);
        let now = self.host_now();
        self.host.link_closed(LinkId(link), false, now);
        self.drain_host();
        self.lose_link(who, LinkError::Cut);
    }

    pub(super) fn lose_link(&mut self, who: usize, error: LinkError) {
        self.people[who].link = None;
        self.act(who, |client, now, dice| client.disconnected(error, now, dice));
    }

    /// What is on its way on the link of somebody who is awake comes in the end, or the link is found dead: by
    /// them, if the host does not run, and else by either.
    pub(super) fn end_what_waits(&mut self, who: usize, host_runs: bool) {
        if host_runs && self.dice.happens(50) {
            (0..COME_AND_GO).for_each(|_| self.carry_both_ways(who));
        }
        let waits = |link: &Link| !link.to_host.is_empty() || !link.to_client.is_empty();
        let link = self.people[who].link.and_then(|id| self.links.get(&id));
        if link.is_some_and(|link| !host_runs || waits(link)) {
            self.cut(who);
        }
    }

    fn carry_both_ways(&mut self, who: usize) {
        for to_host in [true, false] {
            let Some(id) = self.people[who].link else { return };
            let Some(link) = self.links.get(&id) else { return };
            let (waiting_there, waiting_here) = (link.to_host.len(), link.to_client.len());
            if to_host { self.carry_to_host(id, waiting_there) } else { self.carry_to_client(id, waiting_here) }
        }
    }

    /// Whether the host wants everybody to begin anew, to show them the members of before.
    pub(super) fn leads_back(&self) -> bool {
        self.evil.as_ref().is_some_and(|evil| evil.evil == Evil::Rollback)
    }

    /// Moves bytes on every link: some of them, or all if nothing is slow any more.
    pub(super) fn carry(&mut self, all: bool) {
        for id in self.links.keys().copied().collect::<Vec<_>>() {
            for to_host in [true, false] {
                let Some(link) = self.links.get(&id) else { break };
                let waiting = if to_host { link.to_host.len() } else { link.to_client.len() };
                let slowness = self.people[link.person].slowness;
                if !all && (waiting == 0 || self.dice.below(slowness) > 0) {
                    continue;
                }
                let is_whole = all || self.dice.happens(60);
                let count = if is_whole { waiting } else { 1 + self.dice.below(waiting) };
                if count < waiting {
                    self.tally.count(Chance::Split);
                }
                if to_host { self.carry_to_host(id, count) } else { self.carry_to_client(id, count) }
            }
        }
    }

    fn carry_to_host(&mut self, id: u64, count: usize) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let bytes: Vec<u8> = link.to_host.drain(..count).collect();
        link.host_reader.push(&bytes);
        while let Some(link) = self.links.get_mut(&id).filter(|link| !link.host_done) {
            let Some((kind, body)) = link.host_reader.next_body().unwrap() else { break };
            let now = self.host_now();
            self.host.frame(LinkId(id), kind, &body, now);
            self.drain_host();
        }
        let is_over = |link: &Link| link.client_done && link.to_host.is_empty();
        if self.links.get(&id).is_some_and(is_over)
            && let Some(link) = self.links.remove(&id).filter(|link| !link.host_done)
        {
            let now = self.host_now();
            self.host.link_closed(LinkId(id), link.is_clean, now);
            self.drain_host();
        }
    }

    fn carry_to_client(&mut self, id: u64, count: usize) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let bytes: Vec<u8> = link.to_client.drain(..count).collect();
        link.excused = link.excused.saturating_sub(count);
        link.client_reader.push(&bytes);
        while let Some(link) = self.links.get_mut(&id).filter(|link| !link.client_done) {
            let (who, resuming) = (link.person, link.resuming);
            match link.client_reader.next_body() {
                Ok(None) => break,
                Ok(Some((kind, body))) => self.take_in(who, id, resuming, kind, &body),
                Err(error) => {
                    assert!(self.evil.is_some(), "an honest host sends no frames: {error}");
                    self.links.remove(&id);
                    let now = self.host_now();
                    self.host.link_closed(LinkId(id), false, now);
                    self.drain_host();
                    return self.lose_link(who, LinkError::Protocol);
                }
            }
        }
        let is_over = |link: &Link| link.host_done && link.to_client.is_empty();
        if self.links.get(&id).is_some_and(is_over)
            && let Some(link) = self.links.remove(&id)
            && self.people[link.person].link == Some(id)
        {
            self.lose_link(link.person, LinkError::Closed);
        }
    }

    /// A frame has come to somebody whole.
    fn take_in(&mut self, who: usize, id: u64, resuming: bool, kind: FrameKind, body: &[u8]) {
        let frame = Frame::decode(kind, body);
        assert!(frame.is_ok() || self.evil.is_some(), "an honest host sends {frame:?}");
        self.people[who].arriving = None;
        let mut spoilt = None;
        if let Ok(frame) = frame {
            self.tell(who, &format_args!("<- {}", brief(&frame)));
            spoilt = self.follow(who, id, &frame, resuming);
        }
        self.act(who, |client, now, dice| client.frame(kind, body, now, dice));
        if let Some(since) = spoilt {
            assert!(self.people[who].signs > since, "p{who} cannot read a member's words, and is not told");
        }
    }

    /// Keeps an account of what somebody is shown that is independent of the client's own. Says how many
    /// signs there were before a chain's key was spoilt, if this is a message of that chain.
    fn follow(&mut self, who: usize, id: u64, frame: &Frame, resuming: bool) -> Option<usize> {
        let person = &mut self.people[who];
        match frame {
            Frame::Welcome(_) if resuming => {
                self.tally.count(Chance::Resumed);
                if std::mem::take(&mut person.host_crashed) {
                    self.tally.count(Chance::ResumedAfterCrash);
                }
            }
            Frame::Welcome(welcome) => {
                person.host_crashed = false;
                person.welcomed(Replica::begin(welcome));
                // Not where it is shown what ended its membership.
                if self.ledger.members().contains(&person.fingerprint()) && std::mem::take(&mut person.was_removed) {
                    self.tally.count(Chance::Rejoined);
                }
            }
            Frame::Refuse(refuse) if refuse.code == RefuseCode::Gone.code() => self.tally.count(Chance::Gone),
            Frame::Item(item) => {
                person.arriving = Arriving::of(item, person.log.as_ref());
                person.chain = chain_of(item).unwrap_or_default();
                person.roll(item);
                let log = person.log.as_ref().filter(|_| self.evil.is_some());
                if log.is_some_and(|log| self.truth.differs(log)) && person.wronged_since.is_none() {
                    (person.wronged_since, person.wronged_at) = (Some(person.signs), item.position);
                }
                let header = person.arriving.as_ref().map(|arriving| &arriving.header)?;
                let is_known = person.prekey_at.is_some_and(|prekey_at| header.position >= prekey_at);
                let spoilt = self.links.get_mut(&id).map(|link| &mut link.deeds.spoilt).filter(|_| is_known)?;
                return spoilt.remove(&*header.chain);
            }
            _ => {}
        }
        None
    }

    /// Does what the host wants.
    pub(super) fn drain_host(&mut self) {
        let mut admitted = Vec::new();
        while let Some(output) = self.next_of_host() {
            match output {
                HostOutput::Send { link, frame } => self.host_sends(link.0, &frame, admitted.contains(&link.0)),
                HostOutput::Close { link, code } => self.close(link.0, code),
                HostOutput::Member { link } => {
                    admitted.push(link.0);
                    if let Some(link) = self.links.get_mut(&link.0) {
                        link.host_reader.allow(MEMBER_BODY_BYTES_MAX);
                    }
                }
                HostOutput::Waiting { .. } | HostOutput::TurnedAway { .. } | HostOutput::Event(_) => {}
                HostOutput::Write { room, number, what } => self.host_writes(room, number, what),
                HostOutput::Load { room } => self.host_reads(room),
            }
        }
        for link in admitted {
            if let Some(link) = self.links.get_mut(&link) {
                link.excused = link.to_client.len();
            }
        }
    }

    fn close(&mut self, id: u64, code: ByeCode) {
        if let Some(link) = self.links.get_mut(&id).filter(|link| !link.host_done) {
            link.to_client.extend_from_slice(&Frame::Bye(Bye { code: code.code() }).to_bytes());
            link.host_done = true;
        }
    }

    fn host_sends(&mut self, id: u64, bytes: &[u8], is_admitted: bool) {
        let evil = self.evil.as_mut().map(|evil| (evil, whole(bytes)));
        if let Some((_, Frame::Item(item))) = &evil {
            self.truth.roll(item);
        }
        let Some(link) = self.links.get_mut(&id).filter(|link| !link.host_done) else { return };
        if let Some((evil, frame)) = evil {
            evil.knows(self.ledger.newest());
            let deeds = link.deeds.count;
            let reader = &self.people[link.person];
            for changed in evil.pass_on(&mut link.deeds, reader, frame, self.storm, &mut self.dice) {
                link.to_client.extend_from_slice(&changed);
            }
            (deeds..link.deeds.count).for_each(|_| self.tally.struck(evil.evil));
            if link.deeds.roster_shown.take().is_some_and(|shown| shown < reader.seen.0) {
                self.tally.count(match reader.way {
                    _ if reader.was_in => Chance::LedBackInTheSameRun,
                    Way::Record => Chance::LedBackByRecord,
                    Way::Invite => Chance::LedBackByInvite,
                    Way::Address => Chance::LedBackByAddress,
                });
            }
            if std::mem::take(&mut link.deeds.ends) {
                link.host_done = true;
                self.host.link_closed(LinkId(id), false, self.now);
            }
        } else {
            link.to_client.extend_from_slice(bytes);
        }
        let is_slow = link.to_client.len() > link.excused + self.queue_max;
        if is_slow && !is_admitted {
            self.tally.count(Chance::Slow);
            self.close(id, ByeCode::Slow);
            let now = self.host_now();
            self.host.link_closed(LinkId(id), false, now);
        }
    }
}

fn whole(bytes: &[u8]) -> Frame {
    let mut reader = FrameReader::new(usize::MAX);
    reader.push(bytes);
    reader.next_frame().unwrap().unwrap()
}

/// A frame in a few words.
fn brief(frame: &Frame) -> String {
    match frame {
        Frame::Item(item) => format!("item {} of kind {}, wrapped: {}", item.position, item.kind, item.wrap.is_some()),
        Frame::Welcome(welcome) => format!("welcome at {}, roster {}", welcome.position, welcome.roster_length),
        Frame::Refuse(refuse) => format!("refused: {}", refuse.code),
        frame => format!("{:?}", frame.kind()),
    }
}
