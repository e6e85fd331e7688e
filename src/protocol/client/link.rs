//! The link's way from dialling to a welcome, and what happens when it ends.

use super::{Client, Entry, Event, LobbyRoom, Output, Phase, Stop};
use crate::crypto::{Domain, Random, Suite};
use crate::protocol::consent::RoomCrypto;
use crate::protocol::limits::{RETRY_FIRST_MS, RETRY_MAX_MS, RETRY_SOON_MAX_MS, RETRY_SOON_MS};
use crate::protocol::link::LinkError;
use crate::protocol::liveness::Sign;
use crate::protocol::payload::{Fault, KnockPayload, VERSION, sign};
use crate::protocol::room::roster::Roster;
use crate::protocol::{Now, RoomId};
use crate::wire::{ByeCode, RefuseCode};
use crate::wire::{ByteArray, Frame, Join, Lobby, Look, Open, Resume, Signed};

impl Client {
    pub(super) fn dial(&mut self) {
        self.phase = Phase::Dialing;
        self.retry_at_ms = None;
        self.event(Event::Connecting);
        self.outputs.push_back(Output::Connect { pin: self.pin });
    }

    /// The first frame on a new link.
    pub(super) fn greet(&mut self, now: Now) -> Result<(), Fault> {
        if let Some(room) = self.room.as_ref().filter(|room| room.resumable) {
            let resume = Resume {
                log_hash: ByteArray::new(*room.log.hash()),
                position: room.log.position(),
                room: ByteArray::new(room.roster.room().0),
            };
            self.phase = Phase::AwaitWelcome { resuming: true };
            self.send(&Frame::Resume(resume));
            return Ok(());
        }
        self.greet_anew(now)
    }

    fn greet_anew(&mut self, now: Now) -> Result<(), Fault> {
        if let Entry::Open { genesis, token, .. } = &self.entry {
            let open = Open { genesis: genesis.clone(), token: token.clone() };
            self.phase = Phase::AwaitWelcome { resuming: false };
            self.send(&Frame::Open(open));
            return Ok(());
        }
        match self.target {
            Some(room) if !self.looks => self.join(room, now),
            room => {
                self.phase = Phase::AwaitLobby;
                self.send(&Frame::Look(Look { room: room.map(|room| ByteArray::new(room.0)) }));
                Ok(())
            }
        }
    }

    fn join(&mut self, room: RoomId, now: Now) -> Result<(), Fault> {
        let bundle = self.identity.bundle_at(now)?;
        let invite = match &self.entry {
            Entry::Invite(invite) if !self.entered => Some(invite),
            _ => None,
        };
        if let Some(expires_ms) = invite.filter(|invite| invite.is_expired(now)).map(|invite| invite.expires_ms) {
            self.outputs.push_back(Output::Disconnect(ByeCode::Leaving));
            self.stop(Stop::InviteOver { expires_ms, ours_ms: now.unix_ms });
            return Ok(());
        }
        let (invite_id, mac) = match invite {
            Some(invite) => (Some(ByteArray::new(invite.id()?)), Some(ByteArray::new(invite.mac(&bundle)?))),
            None => (None, None),
        };
        self.phase = Phase::AwaitWelcome { resuming: false };
        let knock =
            if self.entered || !matches!(self.entry, Entry::Knock) { None } else { Some(self.knock(room, now)?) };
        self.send(&Frame::Join(Join { bundle, invite_id, knock, mac, room: ByteArray::new(room.0) }));
        if !self.entered && !self.entry.is_lasting() {
            self.event(Event::Waiting);
        }
        Ok(())
    }

    /// Asks the owner of this room, and of no other, now, and not another time.
    fn knock(&self, room: RoomId, now: Now) -> Result<Signed, Fault> {
        let sender = self.identity.fingerprint();
        let payload = KnockPayload { sender, room, time_ms: now.unix_ms, version: VERSION };
        Ok(sign(self.identity.signing().as_ref(), Domain::Knock, &payload)?)
    }

    pub(super) fn show_lobby(&mut self, lobby: &Lobby, now: Now) -> Result<(), Fault> {
        let suite = self.crypto.suite();
        // Whoever was invited knows the suite; whoever knocks takes any of the kind they trust.
        let is_meant = |of: Suite| if self.target.is_some() { of == suite } else { of.key_kind() == suite.key_kind() };
        let mut rooms = Vec::new();
        // Nothing was sent since the question, which the link began with.
        let round_trip_ms = now.monotonic_ms.saturating_sub(self.asked_ms);
        if lobby.rooms.len() != lobby.members.len() {
            return Err(Fault::Unexpected);
        }
        for (genesis, members) in lobby.rooms.iter().zip(&lobby.members) {
            let roster = Roster::open(genesis)?;
            let room = roster.room();
            if is_meant(roster.suite()) && self.target.is_none_or(|target| target == room) {
                let (suite, owner) = (roster.suite(), roster.owner());
                rooms.push(LobbyRoom { room, suite, owner, members: *members, round_trip_ms });
            }
        }
        // Not connected while a person thinks: the host gives a stranger five seconds.
        self.outputs.push_back(Output::Disconnect(ByeCode::Leaving));
        self.phase = Phase::ChooseRoom;
        self.shown.clone_from(&rooms);
        self.event(Event::Lobby(rooms));
        Ok(())
    }

    /// The person wants into a room of the lobby, with its suite.
    pub(super) fn choose_room(&mut self, room: RoomId) -> Result<(), Fault> {
        let shown = self.shown.iter().find(|shown| shown.room == room);
        if let Some(suite) = shown.map(|shown| shown.suite).filter(|suite| !suite.is_learning()) {
            self.crypto = RoomCrypto::trusted(suite)?;
        }
        self.target = Some(room);
        self.looks = false;
        Ok(())
    }

    pub(super) fn refused(&mut self, code: RefuseCode, phase: Phase, now: Now, random: &mut dyn Random) {
        let Phase::AwaitWelcome { resuming } = phase else {
            // Stale: the roster item before it has put the message back into the queue already.
            return log::debug!("the host refused: {code:?}");
        };
        let member = self.entered || self.entry.is_lasting();
        match code {
            RefuseCode::Gone | RefuseCode::NoRoom if resuming => {
                if let Some(room) = &mut self.room {
                    room.resumable = false;
                }
                if let Err(fault) = self.greet_anew(now) {
                    self.settle(Err(fault), now, random);
                }
            }
            // The host is back before the owner has opened the room again, or before all members
            // are on its roster again.
            RefuseCode::NoRoom | RefuseCode::NoKnocking | RefuseCode::OwnerAway | RefuseCode::Busy if member => {
                self.outputs.push_back(Output::Disconnect(ByeCode::Leaving));
                self.retry_later(LinkError::TurnedAway(code), now, random);
            }
            code => {
                self.outputs.push_back(Output::Disconnect(ByeCode::Leaving));
                self.stop(Stop::Refused(code));
            }
        }
    }

    /// Connects again after a wait that doubles, and is short at first, with some chance in it so that not
    /// everybody comes back at once.
    pub(super) fn retry_later(&mut self, error: LinkError, now: Now, random: &mut dyn Random) {
        let lost = *self.lost.get_or_insert(now);
        let is_soon = now.monotonic_ms.saturating_sub(lost.monotonic_ms) < RETRY_SOON_MS;
        let longest = if is_soon { RETRY_SOON_MAX_MS } else { RETRY_MAX_MS };
        let shortest = if error == LinkError::Goodbye(ByeCode::Rate) { RETRY_SOON_MAX_MS } else { 0 };
        let wait = RETRY_FIRST_MS.saturating_mul(1 << self.retries.min(10)).min(longest).max(shortest);
        let chance = random.bytes::<1>().map_or(0, |[byte]| u64::from(byte));
        let retry_in_ms = wait - wait * chance / 1_024;
        // After the first minute it goes on doubling from where it was held.
        self.retries = if is_soon { (self.retries + 1).min(2) } else { self.retries.saturating_add(1) };
        self.retry_at_ms = Some(now.monotonic_ms + retry_in_ms);
        self.phase = Phase::Down;
        self.event(Event::Offline { error, retry_in_ms });
    }

    /// Takes the time. After a break in it nothing that was known need still hold: a link that was up is
    /// asked at once, for the silence meanwhile was ours, and one that is down is made again without a wait.
    pub(super) fn look_at(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.time, now);
        if before.breaks == now.breaks || self.phase == Phase::Ended {
            return;
        }
        if let Some(room) = &mut self.room {
            room.slept(now.monotonic_ms.saturating_sub(before.monotonic_ms));
        }
        if self.retry_at_ms.is_some() {
            // As short waits again as after a loss, which stays where it was.
            let since = self.lost.unwrap_or(now);
            (self.retries, self.lost) = (0, Some(Now { monotonic_ms: now.monotonic_ms, ..since }));
            self.dial();
        } else if self.is_linked() {
            let number = self.life.ask_anew(now.monotonic_ms);
            self.awaits = Some(number);
            self.send_ping(number);
        }
    }

    /// Asks a quiet host for a sign of life, and gives up on one that is dead, or lively and never done.
    pub(super) fn check_life(&mut self, now: Now, random: &mut dyn Random) {
        if !self.is_linked() {
            return;
        }
        let is_overdue = self.ready_until_ms().is_some_and(|until_ms| now.monotonic_ms >= until_ms);
        match self.life.check(now.monotonic_ms) {
            Sign::Dead => self.give_up_link(now, random),
            _ if is_overdue => self.give_up_link(now, random),
            Sign::Ask(number) => {
                self.awaits = Some(number);
                self.send_ping(number);
            }
            Sign::Fine => {}
        }
    }

    fn give_up_link(&mut self, now: Now, random: &mut dyn Random) {
        self.outputs.push_back(Output::Abandon);
        self.disconnected(LinkError::Cut, now, random);
    }

    pub(super) fn life_timeout(&self) -> Option<u64> {
        let due_ms = self.ready_until_ms().into_iter().fold(self.life.due_ms(), u64::min);
        self.is_linked().then_some(due_ms)
    }

    /// Until when the host has to have let us in.
    fn ready_until_ms(&self) -> Option<u64> {
        (self.phase != Phase::Live).then_some(self.ready_until_ms)
    }

    const fn is_linked(&self) -> bool {
        matches!(
            self.phase,
            Phase::AwaitLobby
                | Phase::AwaitWelcome { .. }
                | Phase::Syncing { .. }
                | Phase::Settling { .. }
                | Phase::Live
        )
    }
}
