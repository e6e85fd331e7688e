//! One room at its host: the roster, the numbered log, and who is connected.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kept::{HostWrite, ItemEffect, ItemWrite, KeptWrap, RestoredRoom};
use super::outputs::RoomOutputs;
use super::room_log::{MemoryLog, Numbered, RoomLog};
use super::waiting::Waiting;
use super::{HostLimits, LinkId};
use crate::crypto::Domain;
use crate::crypto::Fingerprint;
use crate::protocol::Now;
use crate::protocol::limits::WRAP_BYTES_MAX;
use crate::protocol::payload::{Fault, HeaderPayload, PrekeyPayload, VERSION, verify};
use crate::protocol::rate::Bucket;
use crate::protocol::room::roster::{Change, Roster};
use crate::protocol::sealing::sender_key::Announcement;
use crate::wire::{
    Answer, ByteArray, Frame, ItemKind, JoinAnswer, Msg, Presence, Signed, SkPacket, Welcome, Wrap, decode, encode,
};
use crate::wire::{ByeCode, PresenceState, RefuseCode};

/// What a member's frame leads to.
pub(super) enum Next {
    Done,
    Refuse(RefuseCode),
    Added(Fingerprint),
    Removed(Option<LinkId>),
    Closed,
}

/// From where a member is brought up to date.
pub(super) enum Entered {
    /// From the roster on: a new run of the app.
    Anew,
    /// After this position: the same run, after a cut.
    After(u64),
}

/// What is kept about a member, even while it is away.
struct MemberState {
    link: Option<LinkId>,
    /// How many bytes were sent to it since it came.
    said_bytes: u64,
    prekey: Option<(u64, Arc<[u8]>)>,
    prekey_index: u64,
    chain_epoch: u64,
    chain_number: u64,
    messages: Bucket,
    bytes: Bucket,
    keys: Bucket,
}

pub(super) struct Room {
    roster: Roster,
    /// Each with its position in the log.
    roster_items: Vec<(u64, Arc<[u8]>)>,
    log: Box<dyn RoomLog>,
    members: BTreeMap<Fingerprint, MemberState>,
    pub(super) waiting: Waiting,
    limits: HostLimits,
}

impl Room {
    pub(super) fn new(roster: Roster, limits: HostLimits) -> Self {
        Self {
            log: Box::new(MemoryLog::new(roster.room(), limits.log_items)),
            roster,
            roster_items: Vec::new(),
            members: BTreeMap::new(),
            waiting: Waiting::default(),
            limits,
        }
    }

    /// The room of before, with everybody cut off.
    pub(super) fn restored(kept: RestoredRoom, limits: HostLimits, now: Now) -> Self {
        let members = kept.members.into_iter().map(|known| {
            let frame = |exact: &[u8], position| Numbered::new(position, ItemKind::Prekey, exact, Vec::new()).same();
            let state = MemberState {
                prekey: known.prekey.map(|(position, exact)| (position, frame(&exact, position))),
                prekey_index: known.prekey_index,
                chain_epoch: known.chain_epoch,
                chain_number: known.chain_number,
                ..MemberState::new(&limits, now)
            };
            (known.member, state)
        });
        Self {
            members: members.collect(),
            log: Box::new(MemoryLog::restored(kept.hash, kept.items, limits.log_items)),
            roster: kept.roster,
            roster_items: kept.roster_items,
            waiting: Waiting::default(),
            limits,
        }
    }

    /// Its founding document, encoded.
    pub(super) fn genesis(&self) -> Vec<u8> {
        encode(self.roster.genesis())
    }

    pub(super) fn member_frame(
        &mut self,
        member: Fingerprint,
        frame: Frame,
        body: &[u8],
        now: Now,
        outputs: &mut RoomOutputs<'_>,
    ) -> Result<Next, ByeCode> {
        let state = self.members.get_mut(&member).ok_or(ByeCode::Protocol)?;
        let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if !state.bytes.take(size, now) {
            return Err(ByeCode::Rate);
        }
        match frame {
            Frame::Roster(entry) if member == self.roster.owner() => self.roster_entry(&entry, body, now, outputs),
            Frame::Prekey(prekey) => self.prekey(member, &prekey, body, now, outputs),
            Frame::SkPacket(packet) => self.sk_packet(member, packet, now, outputs),
            Frame::Msg(message) => self.message(member, &message, body, now, outputs),
            _ => Err(ByeCode::Protocol),
        }
    }

    fn roster_entry(
        &mut self,
        entry: &Signed,
        exact: &[u8],
        now: Now,
        outputs: &mut RoomOutputs<'_>,
    ) -> Result<Next, ByeCode> {
        let change = match self.roster.apply(entry) {
            Ok(Some(change)) => change,
            Ok(None) => return Ok(Next::Done),
            Err(error) => {
                log::debug!("roster entry refused: {error}");
                return Err(ByeCode::Protocol);
            }
        };
        let effect = match change {
            Change::Removed(member) => ItemEffect::Entry { removed: Some(member) },
            Change::Added(_) | Change::Updated(_) => ItemEffect::Entry { removed: None },
            Change::Closed => ItemEffect::End { at_ms: now.unix_ms },
        };
        let item = self.append(ItemKind::Roster, exact, effect, outputs);
        self.roster_items.push((item.position, item.frame_for(&self.roster.owner())));
        Ok(match change {
            Change::Added(member) => Next::Added(member),
            Change::Removed(member) => Next::Removed(self.members.remove(&member).and_then(|state| state.link)),
            Change::Updated(_) => Next::Done,
            Change::Closed => Next::Closed,
        })
    }

    /// An invalid prekey is dropped: the member counts as having none.
    fn prekey(
        &mut self,
        member: Fingerprint,
        signed: &Signed,
        exact: &[u8],
        now: Now,
        outputs: &mut RoomOutputs<'_>,
    ) -> Result<Next, ByeCode> {
        let bundle = self.roster.bundle(&member).ok_or(ByeCode::Protocol)?;
        let state = self.members.get_mut(&member).ok_or(ByeCode::Protocol)?;
        if !state.keys.take(1, now) {
            return Err(ByeCode::Rate);
        }
        let payload: Result<PrekeyPayload, Fault> = verify(bundle.verifying.as_ref(), Domain::Prekey, signed);
        let good = payload.ok().filter(|payload| {
            payload.version == VERSION
                && payload.sender == member
                && payload.room == self.roster.room()
                && payload.index > state.prekey_index
        });
        let Some(payload) = good else { return Ok(Next::Done) };
        state.prekey_index = payload.index;
        let effect = ItemEffect::Prekey { member, index: payload.index };
        let item = self.append(ItemKind::Prekey, exact, effect, outputs);
        if let Some(state) = self.members.get_mut(&member) {
            state.prekey = Some((item.position, item.frame_for(&member)));
        }
        Ok(Next::Done)
    }

    fn sk_packet(
        &mut self,
        member: Fingerprint,
        packet: SkPacket,
        now: Now,
        outputs: &mut RoomOutputs<'_>,
    ) -> Result<Next, ByeCode> {
        let bundle = self.roster.bundle(&member).ok_or(ByeCode::Protocol)?;
        let state = self.members.get_mut(&member).ok_or(ByeCode::Protocol)?;
        if !state.keys.take(1, now) {
            return Err(ByeCode::Rate);
        }
        let announcement = Announcement::read(bundle, &packet.common).map_err(|_| ByeCode::Protocol)?;
        let common = &announcement.common;
        let are_short = packet.wraps.iter().all(|wrap| encode(wrap).len() <= WRAP_BYTES_MAX);
        if common.room != self.roster.room() || packet.wraps.len() > self.roster.len() || !are_short {
            return Err(ByeCode::Protocol);
        }
        if common.epoch != self.roster.number() || *common.roster_hash != *self.roster.hash() {
            return Ok(Next::Refuse(RefuseCode::Stale));
        }
        if state.chain_epoch == common.epoch && common.chain_number <= state.chain_number {
            return Ok(Next::Done);
        }
        (state.chain_epoch, state.chain_number) = (common.epoch, common.chain_number);
        let effect = ItemEffect::Chain { member, epoch: common.epoch, number: common.chain_number };
        self.number(ItemKind::SkPacket, &encode(&packet.common), packet.wraps, effect, outputs);
        Ok(Next::Done)
    }

    fn message(
        &mut self,
        member: Fingerprint,
        message: &Msg,
        exact: &[u8],
        now: Now,
        outputs: &mut RoomOutputs<'_>,
    ) -> Result<Next, ByeCode> {
        let state = self.members.get_mut(&member).ok_or(ByeCode::Protocol)?;
        if !state.messages.take(1, now) {
            return Err(ByeCode::Rate);
        }
        let header: HeaderPayload = decode(&message.header).map_err(|_| ByeCode::Protocol)?;
        if header.sender != member || header.room != self.roster.room() || header.version != VERSION {
            return Err(ByeCode::Protocol);
        }
        if header.epoch != self.roster.number() {
            return Ok(Next::Refuse(RefuseCode::Stale));
        }
        self.append(ItemKind::Msg, exact, ItemEffect::Nothing, outputs);
        Ok(Next::Done)
    }

    /// Numbers an item that is the same for everybody, and relays it.
    fn append(
        &mut self,
        kind: ItemKind,
        exact: &[u8],
        effect: ItemEffect,
        outputs: &mut RoomOutputs<'_>,
    ) -> Arc<Numbered> {
        self.number(kind, exact, Vec::new(), effect, outputs)
    }

    /// Numbers an item, has it kept, and relays it once it is.
    fn number(
        &mut self,
        kind: ItemKind,
        exact: &[u8],
        wraps: Vec<Wrap>,
        effect: ItemEffect,
        outputs: &mut RoomOutputs<'_>,
    ) -> Arc<Numbered> {
        let kept_wraps = if outputs.keeps() { wraps.iter().map(KeptWrap::of).collect() } else { Vec::new() };
        let item = self.log.append(kind, exact, wraps);
        outputs.write(|| {
            HostWrite::Item(Box::new(ItemWrite {
                position: item.position,
                kind: kind.code(),
                exact: exact.to_vec(),
                wraps: kept_wraps,
                hash: self.log.hash(),
                base: self.log.base(),
                effect,
            }))
        });
        self.pass_on(&item, outputs);
        item
    }

    /// Sends an item to everybody who is connected.
    fn pass_on(&mut self, item: &Numbered, outputs: &mut RoomOutputs<'_>) {
        for (member, state) in self.members.iter_mut().filter(|(_, state)| state.link.is_some()) {
            state.say(item.frame_for(member), outputs);
        }
    }

    /// Whether a member who has the log up to `position` can be given the rest.
    pub(super) fn can_resume(&self, position: u64, hash: &[u8; 32]) -> bool {
        self.log.can_resume(position, hash)
    }

    pub(super) fn connect(
        &mut self,
        member: Fingerprint,
        link: LinkId,
        entered: Entered,
        now: Now,
        outputs: &mut RoomOutputs<'_>,
    ) {
        let (limits, epoch) = (self.limits, self.roster.number());
        let state = self.members.entry(member).or_insert_with(|| MemberState::new(&limits, now));
        state.link = Some(link);
        let chain_number = if state.chain_epoch == epoch { state.chain_number } else { 0 };
        let welcome = Welcome {
            genesis: self.roster.genesis().clone(),
            prekey_index: state.prekey_index,
            log_hash: ByteArray::new(self.log.hash()),
            chain_number,
            position: self.log.position(),
            roster_length: self.roster.number(),
        };
        let mut frames = vec![Frame::Welcome(welcome).to_bytes()];
        match entered {
            Entered::Anew => {
                // Another run of the app: the private half of its old prekey is gone.
                if self.members.get_mut(&member).is_some_and(|state| state.prekey.take().is_some()) {
                    outputs.write(|| HostWrite::PrekeyGone(member));
                    self.tell_presence(member, PresenceState::Offline, outputs);
                }
                frames.extend(self.snapshot_for(&member));
            }
            Entered::After(position) => {
                frames.extend(self.log.after(position).iter().map(|item| item.frame_for(&member)));
                frames.extend(self.absences_for(&member));
            }
        }
        let others = self.members.iter().filter(|(other, state)| **other != member && state.link.is_some());
        frames.extend(others.map(|(other, _)| presence(*other, PresenceState::Connected)));
        if let Some(state) = self.members.get_mut(&member) {
            state.said_bytes = frames.iter().map(|frame| frame.len() as u64).sum();
        }
        frames.into_iter().for_each(|frame| outputs.send(link, frame));
        self.tell_presence(member, PresenceState::Connected, outputs);
    }

    /// Who said goodbye or restarted while `member` was away, which no log item tells: what is sealed under the
    /// earlier prekey can no longer be read.
    fn absences_for(&self, member: &Fingerprint) -> Vec<Arc<[u8]>> {
        let has_prekeys = self.roster.suite().has_sender_keys();
        let others = self.members.iter().filter(|(other, _)| *other != member);
        let absent = others.filter_map(|(other, state)| {
            let is_gone = state.prekey.is_none() && (has_prekeys || state.link.is_none());
            let how = if is_gone { PresenceState::Offline } else { PresenceState::Cut };
            (is_gone || state.link.is_none()).then(|| presence(*other, how))
        });
        absent.collect()
    }

    fn snapshot_for(&self, member: &Fingerprint) -> Vec<Arc<[u8]>> {
        let prekeys = self.members.iter().filter(|(other, _)| *other != member);
        let prekeys = prekeys.filter_map(|(_, state)| state.prekey.as_ref().map(|(_, frame)| frame));
        self.roster_items.iter().map(|(_, frame)| frame).chain(prekeys).map(Arc::clone).collect()
    }

    /// What the owner signed up to the end of somebody's membership, for a member who was away then; like a welcome,
    /// with no more of the log than that. `false`: it has not ended.
    pub(super) fn show_the_end(&self, member: &Fingerprint, link: LinkId, outputs: &mut RoomOutputs<'_>) -> bool {
        let Some(length) = self.roster.end_of(member) else { return false };
        let count = usize::try_from(length).unwrap_or(usize::MAX);
        let last = count.checked_sub(1).and_then(|last| self.roster_items.get(last));
        let position = last.map_or(0, |(position, _)| *position);
        let welcome = Welcome {
            genesis: self.roster.genesis().clone(),
            prekey_index: 0,
            log_hash: ByteArray::new([0; 32]),
            chain_number: 0,
            position,
            roster_length: length,
        };
        outputs.send(link, Frame::Welcome(welcome).to_bytes());
        for (_, frame) in self.roster_items.iter().take(count) {
            outputs.send(link, Arc::clone(frame));
        }
        true
    }

    /// The room is closed: only what its owner signed is kept, to show to members who were away.
    pub(super) fn close(mut self) -> Self {
        self.log.forget_items();
        (self.members, self.waiting) = (BTreeMap::new(), Waiting::default());
        self
    }

    /// A member's link is gone. If it was the owner's, returns the joiners who waited for a decision.
    pub(super) fn member_gone(
        &mut self,
        member: Fingerprint,
        link: LinkId,
        clean: bool,
        outputs: &mut RoomOutputs<'_>,
    ) -> Vec<(u64, LinkId)> {
        let Some(state) = self.members.get_mut(&member).filter(|state| state.link == Some(link)) else {
            return Vec::new();
        };
        state.link = None;
        if clean && state.prekey.take().is_some() {
            outputs.write(|| HostWrite::PrekeyGone(member));
        }
        self.tell_presence(member, if clean { PresenceState::Offline } else { PresenceState::Cut }, outputs);
        if member == self.roster.owner() { self.waiting.take_all() } else { Vec::new() }
    }

    fn tell_presence(&self, member: Fingerprint, state: PresenceState, outputs: &mut RoomOutputs<'_>) {
        let frame = presence(member, state);
        let others = self.members.iter().filter(|(other, _)| **other != member);
        for link in others.filter_map(|(_, state)| state.link) {
            outputs.send(link, Arc::clone(&frame));
        }
    }

    /// A waiting joiner has gone: the owner need not answer.
    pub(super) fn stop_waiting(&mut self, number: u64, outputs: &mut RoomOutputs<'_>) {
        if self.waiting.remove(number).is_some() {
            self.call_back(number, outputs);
        }
    }

    /// Clears the waiting joiners and returns them.
    pub(super) fn end_waiting(&mut self, outputs: &mut RoomOutputs<'_>) -> Vec<LinkId> {
        let waited = self.waiting.take_all();
        waited.iter().for_each(|(number, _)| self.call_back(*number, outputs));
        waited.into_iter().map(|(_, link)| link).collect()
    }

    fn call_back(&self, number: u64, outputs: &mut RoomOutputs<'_>) {
        if let Some(link) = self.owner_link() {
            let frame = Frame::JoinAnswer(JoinAnswer { answer: Answer::NoSuchInvite.code(), number }).to_bytes();
            outputs.send(link, frame);
        }
    }

    pub(super) fn owner_link(&self) -> Option<LinkId> {
        self.link_of(&self.roster.owner())
    }

    /// How many bytes were sent to a member since it came.
    pub(super) fn said_bytes(&self, member: &Fingerprint) -> u64 {
        self.members.get(member).map_or(0, |state| state.said_bytes)
    }

    pub(super) fn link_of(&self, member: &Fingerprint) -> Option<LinkId> {
        self.members.get(member).and_then(|state| state.link)
    }

    pub(super) const fn roster(&self) -> &Roster {
        &self.roster
    }
}

impl MemberState {
    fn new(limits: &HostLimits, now: Now) -> Self {
        Self {
            link: None,
            said_bytes: 0,
            prekey: None,
            prekey_index: 0,
            chain_epoch: 0,
            chain_number: 0,
            messages: Bucket::new(limits.messages_a_second, limits.messages_burst, now),
            bytes: Bucket::new(limits.bytes_a_second, limits.bytes_burst, now),
            keys: Bucket::new(1, limits.keys_burst, now),
        }
    }

    /// Sends a frame, if its member is connected.
    fn say(&mut self, frame: Arc<[u8]>, outputs: &mut RoomOutputs<'_>) {
        if let Some(link) = self.link {
            self.said_bytes += frame.len() as u64;
            outputs.send(link, frame);
        }
    }
}

fn presence(member: Fingerprint, state: PresenceState) -> Arc<[u8]> {
    Frame::Presence(Presence { member, state: state.code() }).to_bytes()
}

#[cfg(test)]
impl Room {
    /// What it keeps, recounted, and the most it should keep.
    pub(super) fn held(&self) -> [(&'static str, usize, usize); 4] {
        use crate::protocol::limits::{INVITED_WAITING_MAX, KNOCKS_WAITING_MAX, LOG_BYTES_KEPT};
        let (items, bytes) = self.log.held();
        [
            ("items of a log", items, self.limits.log_items),
            ("bytes of a log", bytes, LOG_BYTES_KEPT),
            ("members", self.members.len(), self.roster.len()),
            ("people who wait", self.waiting.len(), INVITED_WAITING_MAX + KNOCKS_WAITING_MAX),
        ]
    }
}
