//! How a link becomes a member's: opening a room, joining by invite or by join request, coming back.

use super::keeping::Absent;
use super::room::{Entered, Room};
use super::waiting::Way;
use super::{Host, HostEvent, HostOutput, LinkId, LinkState, OpenPolicy, Peer};
use crate::crypto::Fingerprint;
use crate::protocol::identity::Bundle;
use crate::protocol::limits::{LOOK_AFTER_SAYING_MS, ROOMS_MAX};
use crate::protocol::room::roster::Roster;
use crate::protocol::{Now, RoomId};
use crate::wire::{Answer, ByeCode, RefuseCode};
use crate::wire::{Frame, FrameKind, Join, JoinAnswer, JoinAsk, Lobby, Look, Open, Resume, encode};

/// A lobby's size in bytes without its rooms: the heads of its map and of two lists.
const LOBBY_HEAD_BYTES: usize = 16;
/// The size of a room's member count in a lobby, in bytes.
const LOBBY_COUNT_BYTES: usize = 3;

impl Host {
    /// Shows the rooms that accept join requests with the link's kind of keys.
    pub(super) fn look(&mut self, link: LinkId, look: &Look) {
        let Some(peer) = self.peer(link) else { return };
        // Only people who were invited, or were members, know the id of a room that takes no join requests.
        let is_meant = |roster: &Roster| match &look.room {
            Some(room) => roster.room().0 == room.into_array(),
            None => roster.may_knock(),
        };
        let rosters = self.rooms.values().map(Room::roster);
        let meant = rosters.filter(|roster| roster.suite().key_kind() == peer.keys && is_meant(roster));
        // As many as the answer may hold: with unusual keys, 32 geneses at the limit of their own frame are too many.
        let mut left = FrameKind::Lobby.limit().saturating_sub(LOBBY_HEAD_BYTES);
        let shown = meant.take_while(|roster| {
            let rest = left.checked_sub(encode(roster.genesis()).len() + LOBBY_COUNT_BYTES);
            left = rest.unwrap_or_default();
            rest.is_some()
        });
        let count = |roster: &Roster| u16::try_from(roster.len()).unwrap_or(u16::MAX);
        let (rooms, members) = shown.map(|roster| (roster.genesis().clone(), count(roster))).unzip();
        self.send(link, &Frame::Lobby(Lobby { rooms, members }));
    }

    /// The owner opens a room, or comes back to it.
    pub(super) fn open(&mut self, link: LinkId, open: &Open, now: Now) {
        let Some(peer) = self.peer(link) else { return };
        let Ok(roster) = Roster::open(&open.genesis) else { return self.close(link, ByeCode::Protocol, now) };
        if roster.owner() != peer.fingerprint || roster.suite().key_kind() != peer.keys || !self.allows(&peer, open) {
            return self.refuse(link, RefuseCode::Open);
        }
        let room = roster.room();
        if !self.turns_to(link, room) {
            return self.refuse(link, RefuseCode::Busy);
        }
        if self.show_closed(link, room) {
            return;
        }
        if self.rooms.contains_key(&room) {
            return self.connect(link, room, None, now);
        }
        let is_full = self.rooms.len() + self.absent.taking_place() >= ROOMS_MAX;
        match self.absent.get_mut(&room) {
            Some(Absent::Failing { .. }) => return self.refuse(link, RefuseCode::Busy),
            Some(Absent::Opening { links, .. }) => links.push(link),
            Some(Absent::Unopened) | None if is_full => return self.refuse(link, RefuseCode::Busy),
            Some(Absent::Unopened) | None if self.outputs.keeps() => {
                self.absent.insert(room, Absent::Opening { roster: Box::new(roster), links: vec![link] });
                self.outputs.push(HostOutput::Load { room });
            }
            Some(Absent::Unopened) | None => {
                self.rooms.insert(room, Room::new(roster, self.limits));
                self.outputs.push(HostOutput::Event(HostEvent::RoomOpened(room)));
                return self.connect(link, room, None, now);
            }
        }
        self.set_state(link, LinkState::Opening { room }, now);
    }

    /// From here on a link has to do with this room, and its frames keep their order with the room's. `false` if what it
    /// had to do with another room before is not sent yet.
    fn turns_to(&mut self, link: LinkId, room: RoomId) -> bool {
        let Some(entry) = self.links.get_mut(&link) else { return false };
        if entry.room.is_some_and(|before| before != room && self.outputs.are_held(&before)) {
            return false;
        }
        entry.room = Some(room);
        true
    }

    fn allows(&self, peer: &Peer, open: &Open) -> bool {
        match &self.policy {
            OpenPolicy::Only(people) => people.contains(&peer.fingerprint),
            OpenPolicy::Token(token) => open.token.as_ref() == Some(token),
            OpenPolicy::Anyone => true,
        }
    }

    /// A joiner, or a member who comes back after a restart.
    pub(super) fn join(&mut self, link: LinkId, join: &Join, exact: &[u8], now: Now) {
        if let Err(code) = self.try_join(link, join, exact, now) {
            self.refuse(link, code);
        }
    }

    fn try_join(&mut self, link: LinkId, join: &Join, exact: &[u8], now: Now) -> Result<(), RefuseCode> {
        let peer = self.peer(link).ok_or(RefuseCode::NoRoom)?;
        let room_id = RoomId(join.room.into_array());
        if !self.turns_to(link, room_id) || self.absent.contains(&room_id) {
            return Err(RefuseCode::Busy);
        }
        if self.show_closed(link, room_id) {
            return Ok(());
        }
        let room = self.rooms.get(&room_id).ok_or(RefuseCode::NoRoom)?;
        if room.roster().suite().key_kind() != peer.keys {
            return Err(RefuseCode::NoRoom);
        }
        let bundle = Bundle::read(room.roster().backend(), &join.bundle).map_err(|_| RefuseCode::Bundle)?;
        if bundle.fingerprint != peer.fingerprint {
            return Err(RefuseCode::Bundle);
        }
        // A member's bundle is on the roster; a clock that has gone wrong since does not keep it out.
        if room.roster().contains(&peer.fingerprint) {
            self.connect(link, room_id, None, now);
            return Ok(());
        }
        let is_invited = join.invite_id.is_some() && join.mac.is_some();
        if !is_invited
            && join.knock.is_none()
            && room.show_the_end(&peer.fingerprint, link, &mut self.outputs.of(room_id))
        {
            return Ok(());
        }
        if !bundle.is_current(now) {
            return Err(RefuseCode::Bundle);
        }
        if room.roster().is_full() {
            return Err(RefuseCode::Full);
        }
        let way = if is_invited { Way::Invite } else { Way::Knock };
        if way == Way::Knock && (join.knock.is_none() || !room.roster().may_knock()) {
            return Err(RefuseCode::NoKnocking);
        }
        if way == Way::Invite && self.wrong_invites.are_too_many(&peer, now) {
            return Err(RefuseCode::Busy);
        }
        let owner = room.owner_link().ok_or(RefuseCode::OwnerAway)?;
        if !room.waiting.has_place(way, peer.address) {
            return Err(RefuseCode::Busy);
        }
        self.asks += 1;
        let number = self.asks;
        if let Some(room) = self.rooms.get_mut(&room_id) {
            room.waiting.add(number, link, way, peer.address);
        }
        self.set_state(link, LinkState::Waiting { room: room_id, number }, now);
        self.push_to(link, HostOutput::Waiting { link });
        self.ask_owner(owner, &Frame::JoinAsk(JoinAsk { join: exact.to_vec().into(), number }), now);
        Ok(())
    }

    /// The owner has to show that it is alive: the joiner waits for it.
    fn ask_owner(&mut self, owner: LinkId, ask: &Frame, now: Now) {
        let frame = ask.to_bytes();
        if let Some(entry) = self.links.get_mut(&owner) {
            entry.life.said(frame.len() as u64, now.monotonic_ms);
        }
        self.push_to(owner, HostOutput::Send { link: owner, frame });
    }

    /// The owner has decided. A yes is the roster entry itself; here only a no matters.
    pub(super) fn answered(&mut self, link: LinkId, room_id: RoomId, answer: &JoinAnswer, now: Now) {
        let Some(peer) = self.peer(link) else { return };
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        if room.roster().owner() != peer.fingerprint {
            return self.close(link, ByeCode::Protocol, now);
        }
        let Some(joiner) = room.waiting.remove(answer.number) else { return };
        let code = match Answer::from_code(answer.answer) {
            Answer::Yes | Answer::Declined => RefuseCode::Declined,
            Answer::Bundle => RefuseCode::Bundle,
            Answer::Full => RefuseCode::Full,
            Answer::Unstored => RefuseCode::Unstored,
            Answer::NoSuchInvite | Answer::Other(_) => RefuseCode::Invite,
        };
        if code == RefuseCode::Invite
            && let Some(joiner) = self.peer(joiner)
        {
            self.wrong_invites.count(&joiner, now);
        }
        self.turn_away(joiner, code, now);
    }

    /// A member is on the roster now: a joiner who waited with that key is welcomed.
    pub(super) fn admit_waiting(&mut self, room_id: RoomId, member: Fingerprint, now: Now) {
        let waits = |state: LinkState| matches!(state, LinkState::Waiting { room, .. } if room == room_id);
        let waiting = self.links.iter().find(|(_, link)| waits(link.state) && link.peer.fingerprint == member);
        let Some(link) = waiting.map(|(link, _)| *link) else { return };
        if let (LinkState::Waiting { number, .. }, Some(room)) = (self.state(link), self.rooms.get_mut(&room_id)) {
            room.waiting.remove(number);
        }
        self.connect(link, room_id, None, now);
    }

    /// The last place is taken: refuse waiting joiners, and spare the owner the answer.
    pub(super) fn refuse_waiting_when_full(&mut self, room_id: RoomId, now: Now) {
        let Some(room) = self.rooms.get_mut(&room_id).filter(|room| room.roster().is_full()) else { return };
        for joiner in room.end_waiting(&mut self.outputs.of(room_id)) {
            self.turn_away(joiner, RefuseCode::Full, now);
        }
    }

    /// A closed room is shown to those who were in it then, so that they learn it from the owner.
    pub(super) fn show_closed(&mut self, link: LinkId, room_id: RoomId) -> bool {
        let Some(peer) = self.peer(link) else { return false };
        let closed = self.closed.iter().find(|room| room.roster().room() == room_id);
        closed.is_some_and(|room| room.show_the_end(&peer.fingerprint, link, &mut self.outputs.of(room_id)))
    }

    /// A member comes back within one run of its app.
    pub(super) fn resume(&mut self, link: LinkId, resume: &Resume, now: Now) {
        let Some(peer) = self.peer(link) else { return };
        let room_id = RoomId(resume.room.into_array());
        if !self.turns_to(link, room_id) || self.absent.contains(&room_id) {
            return self.refuse(link, RefuseCode::Busy);
        }
        let Some(room) = self.rooms.get(&room_id) else { return self.refuse(link, RefuseCode::NoRoom) };
        if !room.roster().contains(&peer.fingerprint) || room.roster().suite().key_kind() != peer.keys {
            return self.refuse(link, RefuseCode::NoRoom);
        }
        if room.can_resume(resume.position, &resume.log_hash) {
            self.connect(link, room_id, Some(resume.position), now);
        } else {
            self.refuse(link, RefuseCode::Gone);
        }
    }

    pub(super) fn connect(&mut self, link: LinkId, room_id: RoomId, from: Option<u64>, now: Now) {
        let Some(peer) = self.peer(link) else { return };
        if let Some(old) = self.rooms.get(&room_id).and_then(|room| room.link_of(&peer.fingerprint)) {
            self.close(old, ByeCode::Replaced, now);
        }
        self.set_state(link, LinkState::Member { room: room_id }, now);
        self.push_to(link, HostOutput::Member { link });
        let Some(room) = self.rooms.get_mut(&room_id) else { return };
        let entered = from.map_or(Entered::Anew, Entered::After);
        room.connect(peer.fingerprint, link, entered, now, &mut self.outputs.of(room_id));
    }

    fn peer(&self, link: LinkId) -> Option<Peer> {
        self.links.get(&link).map(|entry| entry.peer)
    }

    pub(super) fn state(&self, link: LinkId) -> LinkState {
        self.links.get(&link).map_or(LinkState::Keyed, |entry| entry.state)
    }

    pub(super) fn set_state(&mut self, link: LinkId, state: LinkState, now: Now) {
        if let Some(entry) = self.links.get_mut(&link) {
            entry.state = state;
            entry.since_ms = now.monotonic_ms;
        }
        self.check_by(now.monotonic_ms + LOOK_AFTER_SAYING_MS);
    }
}
