//! How a client enters a room, from dialling to a welcome or a refusal.

use super::{Client, Entry, Event, LobbyRoom, Phase, Stop};
use crate::crypto::{Domain, Fingerprint, Random, Suite};
use crate::protocol::consent::RoomCrypto;
use crate::protocol::invite::Invite;
use crate::protocol::link::LinkError;
use crate::protocol::payload::{Fault, KnockPayload, VERSION, room_of, sign};
use crate::protocol::room::roster::Roster;
use crate::protocol::{Now, RoomId};
use crate::wire::{ByeCode, ByteArray, Frame, Join, Lobby, Look, Open, RefuseCode, Resume, Signed};

/// How the client enters the room, and what it knows so far.
pub(super) struct Way {
    pub(super) entry: Entry,
    /// The host's key, once known.
    pub(super) pin: Option<Fingerprint>,
    /// The room, once known.
    pub(super) target: Option<RoomId>,
    /// Whether to look at the room before joining it.
    pub(super) looks: bool,
    /// The rooms that were shown.
    shown: Vec<LobbyRoom>,
    /// Whether the room was entered in this run.
    pub(super) entered: bool,
}

impl Way {
    /// `pin` is the host's key, if known; an invite brings its own.
    pub(super) fn new(entry: Entry, pin: Option<Fingerprint>) -> Self {
        let (pin, target) = match &entry {
            Entry::Invite(invite) => (Some(invite.host), Some(invite.room)),
            Entry::Open { genesis, .. } | Entry::Return { genesis, .. } => (pin, Some(room_of(genesis))),
            Entry::Knock => (pin, None),
        };
        Self { entry, pin, target, looks: false, shown: Vec::new(), entered: false }
    }

    /// Whether to keep trying: the room was entered before, or it is one's own.
    pub(super) const fn is_lasting(&self) -> bool {
        self.entered || self.entry.is_lasting()
    }

    /// The invite, until it is used.
    const fn invite(&self) -> Option<&Invite> {
        match &self.entry {
            Entry::Invite(invite) if !self.entered => Some(invite),
            _ => None,
        }
    }
}

impl Client {
    pub(super) fn dial(&mut self) {
        self.link.dial();
        self.out.event(Event::Connecting);
        self.out.connect(self.way.pin);
    }

    /// The first frame on a new link.
    pub(super) fn greet(&mut self, now: Now) -> Result<(), Fault> {
        if let Some(room) = self.room.as_ref().filter(|room| room.resumable) {
            let resume = Resume {
                log_hash: ByteArray::new(*room.log.hash()),
                position: room.log.position(),
                room: ByteArray::new(room.roster.room().0),
            };
            self.link.phase = Phase::AwaitWelcome { resuming: true };
            self.out.send(&Frame::Resume(resume));
            return Ok(());
        }
        self.greet_anew(now)
    }

    fn greet_anew(&mut self, now: Now) -> Result<(), Fault> {
        if let Entry::Open { genesis, token, .. } = &self.way.entry {
            let open = Open { genesis: genesis.clone(), token: token.clone() };
            self.link.phase = Phase::AwaitWelcome { resuming: false };
            self.out.send(&Frame::Open(open));
            return Ok(());
        }
        match self.way.target {
            Some(room) if !self.way.looks => self.join(room, now),
            room => {
                self.link.phase = Phase::AwaitLobby;
                self.out.send(&Frame::Look(Look { room: room.map(|room| ByteArray::new(room.0)) }));
                Ok(())
            }
        }
    }

    fn join(&mut self, room: RoomId, now: Now) -> Result<(), Fault> {
        let bundle = self.identity.bundle_at(now)?;
        let invite = self.way.invite();
        if let Some(expires_ms) = invite.filter(|invite| invite.is_expired(now)).map(|invite| invite.expires_ms) {
            self.out.disconnect(ByeCode::Leaving);
            self.stop(Stop::InviteOver { expires_ms, ours_ms: now.unix_ms });
            return Ok(());
        }
        let (invite_id, mac) = match invite {
            Some(invite) => (Some(ByteArray::new(invite.id()?)), Some(ByteArray::new(invite.mac(&bundle)?))),
            None => (None, None),
        };
        self.link.phase = Phase::AwaitWelcome { resuming: false };
        let knocks = !self.way.entered && matches!(self.way.entry, Entry::Knock);
        let knock = if knocks { Some(self.knock(room, now)?) } else { None };
        self.out.send(&Frame::Join(Join { bundle, invite_id, knock, mac, room: ByteArray::new(room.0) }));
        if !self.way.is_lasting() {
            self.out.event(Event::Waiting);
        }
        Ok(())
    }

    /// Asks the owner of this room and no other, now and at no other time.
    fn knock(&self, room: RoomId, now: Now) -> Result<Signed, Fault> {
        let sender = self.identity.fingerprint();
        let payload = KnockPayload { sender, room, time_ms: now.unix_ms, version: VERSION };
        Ok(sign(self.identity.signing().as_ref(), Domain::Knock, &payload)?)
    }

    pub(super) fn show_lobby(&mut self, lobby: &Lobby, now: Now) -> Result<(), Fault> {
        let (suite, target) = (self.crypto.suite(), self.way.target);
        // An invite names the suite; a joiner who knocks takes any suite of the kind they trust.
        let is_meant = |of: Suite| if target.is_some() { of == suite } else { of.key_kind() == suite.key_kind() };
        let mut rooms = Vec::new();
        // Nothing was sent since the `Look` that the link began with.
        let round_trip_ms = self.link.asked_ago_ms(now);
        if lobby.rooms.len() != lobby.members.len() {
            return Err(Fault::Unexpected);
        }
        for (genesis, members) in lobby.rooms.iter().zip(&lobby.members) {
            let roster = Roster::open(genesis)?;
            let room = roster.room();
            if is_meant(roster.suite()) && target.is_none_or(|target| target == room) {
                let (suite, owner) = (roster.suite(), roster.owner());
                rooms.push(LobbyRoom { room, suite, owner, members: *members, round_trip_ms });
            }
        }
        // Disconnected while the person decides: the host gives a peer five seconds.
        self.out.disconnect(ByeCode::Leaving);
        self.link.phase = Phase::ChooseRoom;
        self.way.shown.clone_from(&rooms);
        self.out.event(Event::Lobby(rooms));
        Ok(())
    }

    /// The person wants to join a room of the lobby, with its suite.
    pub(super) fn choose_room(&mut self, room: RoomId) -> Result<(), Fault> {
        let shown = self.way.shown.iter().find(|shown| shown.room == room);
        if let Some(suite) = shown.map(|shown| shown.suite).filter(|suite| !suite.is_learning()) {
            self.crypto = RoomCrypto::trusted(suite)?;
        }
        self.way.target = Some(room);
        self.way.looks = false;
        Ok(())
    }

    pub(super) fn refused(&mut self, code: RefuseCode, now: Now, random: &mut dyn Random) {
        let Phase::AwaitWelcome { resuming } = self.link.phase else {
            // Stale: the roster item before it has already put the message back into the queue.
            return log::debug!("the host refused: {code:?}");
        };
        match code {
            RefuseCode::Gone | RefuseCode::NoRoom if resuming => {
                if let Some(room) = &mut self.room {
                    room.resumable = false;
                }
                if let Err(fault) = self.greet_anew(now) {
                    self.finish_step(Err(fault), now, random);
                }
            }
            // The host is back before the owner has opened the room again, or before all members
            // are on its roster again.
            RefuseCode::NoRoom | RefuseCode::NoKnocking | RefuseCode::OwnerAway | RefuseCode::Busy
                if self.way.is_lasting() =>
            {
                self.out.disconnect(ByeCode::Leaving);
                self.retry_later(LinkError::TurnedAway(code), now, random);
            }
            code => {
                self.out.disconnect(ByeCode::Leaving);
                self.stop(Stop::Refused(code));
            }
        }
    }

    /// Connects again after a wait.
    pub(super) fn retry_later(&mut self, error: LinkError, now: Now, random: &mut dyn Random) {
        let retry_in_ms = self.link.retry_later(&error, now, random);
        self.out.event(Event::Offline { error, retry_in_ms });
    }
}
