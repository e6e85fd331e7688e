//! A person in a room: connects, joins or opens, keeps up with the log, seals and opens messages.
//!
//! Private RSA operations happen here, so keep a client off every loop that others wait for.

mod absences;
mod awaited;
mod clocks;
mod commands;
mod entering;
mod events;
mod link;
mod missed;
mod outbox;
mod outputs;
mod owner;
mod prekeys;
mod receipts;
mod receive;
mod remember;
mod room;
mod send;
mod sync;

use std::sync::Arc;

use self::clocks::Clocks;
pub use self::commands::Command;
use self::entering::Way;
pub use self::events::{Entry, Event, Keep, LobbyRoom, Output, Stop};
use self::link::{Link, Phase};
use self::outbox::Outbox;
use self::outputs::Outputs;
use self::owner::OwnerDesk;
use self::remember::Remembered;
use self::room::RoomState;
use super::Now;
use super::consent::RoomCrypto;
use super::identity::Identity;
use super::invite::Invite;
use super::link::LinkError;
use super::memory::Memory;
use super::payload::Fault;
use crate::crypto::{CryptoError, Fingerprint, Random, Suite};
use crate::wire::{ByeCode, Frame, FrameKind, RefuseCode};

/// The client's state machine: one person, one room, one link at a time.
///
/// Large because each frame and command takes a step through several of its parts; what concerns one part alone is that
/// part's.
pub struct Client {
    identity: Arc<Identity>,
    crypto: RoomCrypto,
    name: String,
    title: String,
    way: Way,
    link: Link,
    remembered: Remembered,
    room: Option<RoomState>,
    desk: OwnerDesk,
    outbox: Outbox,
    clocks: Clocks,
    /// See [`Self::keeping_messages`].
    keeps_messages: bool,
    out: Outputs,
}

impl Client {
    /// A client that will enter a room by `entry` as `name`. `pin` is the host's key, if known; an invite brings its
    /// own.
    #[must_use]
    pub fn new(
        identity: Arc<Identity>,
        crypto: RoomCrypto,
        name: String,
        entry: Entry,
        pin: Option<Fingerprint>,
    ) -> Self {
        let title = if let Entry::Open { title, .. } = &entry { title.clone() } else { String::new() };
        let mut remembered = Remembered::default();
        if let Entry::Return { memory, .. } = &entry {
            remembered.merge(memory, None);
        }
        Self {
            identity,
            crypto,
            name,
            title,
            way: Way::new(entry, pin),
            link: Link::new(),
            remembered,
            room: None,
            desk: OwnerDesk::default(),
            outbox: Outbox::new(Now::default()),
            clocks: Clocks::default(),
            keeps_messages: false,
            out: Outputs::default(),
        }
    }

    /// Asks the host about the room before joining it: [`Event::Lobby`] follows, and [`Command::Knock`] continues.
    #[must_use]
    pub const fn looking_first(mut self) -> Self {
        self.way.looks = true;
        self
    }

    /// For a session that keeps what is said: a message is confirmed to its sender once it is stored, as
    /// [`Command::Stored`] tells, and what somebody missed is sent again when they can read it, as
    /// [`Event::MemberReachable`] tells, instead of being counted to them.
    #[must_use]
    pub const fn keeping_messages(mut self) -> Self {
        self.keeps_messages = true;
        self
    }

    /// Begins with what is remembered of the room, however it is entered.
    #[must_use]
    pub fn remembering(mut self, memory: Memory) -> Self {
        self.remembered.merge(&memory, self.way.target);
        self
    }

    /// Begins with the invites that were open in the last run; the owner only. They come from where
    /// [`Keep::OpenInvites`] was stored.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] in theory.
    pub fn with_invites(mut self, invites: Vec<Invite>, now: Now) -> Result<Self, CryptoError> {
        let (target, suite) = (self.way.target, self.suite());
        let invites = invites.into_iter().filter(|invite| Some(invite.room) == target && invite.suite == suite);
        for invite in invites {
            self.desk.open_invite(invite, now)?;
        }
        Ok(self)
    }

    /// Begins: asks for a connection.
    pub fn start(&mut self, now: Now) {
        if self.identity.kind() != self.crypto.suite().key_kind() {
            return self.stop(Stop::Crypto(CryptoError::WrongSuite));
        }
        self.link.take_time(now);
        if let Err(stop) = self.check_what_was_kept() {
            return self.stop(stop);
        }
        self.outbox.start(now);
        self.dial();
    }

    /// The probe found the host's key, proven.
    pub fn host_seen(&mut self, host: Fingerprint, _now: Now) {
        if self.link.phase == Phase::Dialing && self.way.pin.is_none() {
            self.link.phase = Phase::AskTrust;
            self.out.event(Event::FirstUse { host });
        }
    }

    /// The link is up and the host's key is the pinned one.
    pub fn connected(&mut self, now: Now, random: &mut dyn Random) {
        self.look_at(now);
        if self.link.phase != Phase::Dialing {
            return;
        }
        self.link.is_up(now);
        let greeted = self.greet(now);
        self.finish_step(greeted, now, random);
    }

    /// A frame has arrived whole.
    pub fn frame(&mut self, kind: FrameKind, body: &[u8], now: Now, random: &mut dyn Random) {
        if matches!(self.link.phase, Phase::Ended | Phase::Down | Phase::Dialing) {
            return;
        }
        self.look_at(now);
        self.link.heard(now);
        let taken = Frame::decode(kind, body).map_err(Fault::from);
        let taken = taken.and_then(|frame| self.take(frame, now, random));
        self.finish_step(taken, now, random);
    }

    /// The link is gone, or was never established.
    pub fn disconnected(&mut self, error: LinkError, now: Now, random: &mut dyn Random) {
        if matches!(self.link.phase, Phase::Ended | Phase::ChooseRoom | Phase::AskTrust | Phase::Down) {
            return;
        }
        self.look_at(now);
        let bye = self.link.down();
        if let Some(room) = &mut self.room {
            room.sealing.link_lost();
        }
        self.desk.link_lost();
        // The host's goodbye says more than how the link ended. Only what the owner signed ends a membership or a
        // room: such an entry comes before the goodbye and would already have ended it, so these two count as a cut.
        let error = bye.map_or(error, LinkError::Goodbye);
        match error {
            LinkError::Goodbye(ByeCode::Replaced) => return self.stop(Stop::Replaced),
            _ if self.outbox.is_leaving() => return self.stop(Stop::Left),
            _ => {}
        }
        let is_final = match error {
            LinkError::HostKeyChanged { .. } => true,
            // A client that was in the room keeps trying; at the start there is nothing to wait for.
            LinkError::OutOfFiles => !self.way.entered,
            _ => !self.way.is_lasting(),
        };
        if is_final {
            return self.stop(Stop::Unreachable(error));
        }
        self.retry_later(error, now, random);
    }

    /// Does what a front end asks for.
    pub fn command(&mut self, command: Command, now: Now, random: &mut dyn Random) {
        if self.link.phase == Phase::Ended {
            return;
        }
        self.look_at(now);
        let done = self.obey(command, now, random);
        self.finish_step(done, now, random);
    }

    /// Handles every expired deadline. Call it at [`Self::next_timeout`]; earlier does no harm.
    pub fn handle_timeout(&mut self, now: Now, random: &mut dyn Random) {
        if self.link.phase == Phase::Ended {
            return;
        }
        self.look_at(now);
        if self.link.is_retry_due(now) {
            self.dial();
        }
        if self.outbox.leaving_until_ms().is_some_and(|due| now.monotonic_ms >= due) {
            self.out.disconnect(ByeCode::Leaving);
            return self.stop(Stop::Left);
        }
        if let Some(room) = &mut self.room {
            room.sealing.erase(now);
        }
        if self.link.is_dead(now, &mut self.out) {
            self.out.abandon();
            self.disconnected(LinkError::Cut, now, random);
        }
        self.compare_prekeys(now);
        self.finish_step(Ok(()), now, random);
    }

    /// When to call [`Self::handle_timeout`], in monotonic milliseconds.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        let time = self.link.time();
        let of_room = self.room.as_ref().filter(|_| self.link.phase == Phase::Live);
        let waits = [
            self.link.next_timeout(),
            self.outbox.leaving_until_ms(),
            self.outbox.next_timeout(),
            of_room.and_then(|room| room.next_timeout(time)),
            self.room.as_ref().and_then(|room| room.sealing.next_erasure(time)),
        ];
        if self.link.phase == Phase::Ended { None } else { waits.into_iter().flatten().min() }
    }

    /// The next thing to do; call until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.out.pop()
    }

    /// The suite of its room.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.crypto.suite()
    }

    /// Whom it speaks for.
    #[must_use]
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    fn take(&mut self, frame: Frame, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        match (frame, self.link.phase) {
            (Frame::Ping(ping), _) => self.out.send_sign(&Frame::Pong(ping)),
            (Frame::Bye(bye), _) => self.link.said_bye(ByeCode::from_code(bye.code)),
            (Frame::Lobby(lobby), Phase::AwaitLobby) => self.show_lobby(&lobby, now)?,
            (Frame::Refuse(refuse), _) => self.refused(RefuseCode::from_code(refuse.code), now, random),
            (Frame::Welcome(welcome), Phase::AwaitWelcome { resuming }) => {
                self.link.welcomed(now);
                self.welcomed(&welcome, resuming)?;
            }
            (Frame::Item(item), Phase::Syncing { .. } | Phase::Settling { .. } | Phase::Live) => {
                self.item(item, now)?;
            }
            (Frame::Presence(presence), _) => self.presence(&presence, now),
            (Frame::Pong(pong), phase) => {
                self.link.answered(pong.number, now);
                // An earlier ping may be answered late; only this answer comes after everything else.
                if let Phase::Settling { resumed, asked } = phase
                    && asked == pong.number
                {
                    self.ready(resumed, now);
                }
            }
            (Frame::JoinAsk(ask), Phase::Settling { .. } | Phase::Live) if self.is_owner() => {
                let room = self.room.as_ref().ok_or(Fault::Unexpected)?;
                self.desk.join_ask(&ask, &room.roster, now, &mut self.out)?;
            }
            (Frame::JoinAnswer(answer), _) if self.is_owner() => {
                if let Some(member) = self.desk.joiner_gone(answer.number) {
                    self.out.event(Event::KnockOver { member });
                }
            }
            _ => return Err(Fault::Unexpected),
        }
        self.go_on_syncing(now, random)
    }

    /// After every input: a fault ends the room, otherwise what can go out goes out.
    fn finish_step(&mut self, result: Result<(), Fault>, now: Now, random: &mut dyn Random) {
        let result = result.and_then(|()| self.pump(now, random));
        self.link.note_what_was_said(now, &mut self.out);
        if let Err(fault) = result {
            log::debug!("client stops: {fault}");
            self.out.disconnect(ByeCode::Protocol);
            self.stop(match fault {
                Fault::WrongGenesis => Stop::WrongRoom,
                Fault::Crypto(CryptoError::Backend) => Stop::Crypto(CryptoError::Backend),
                fault => Stop::Protocol(fault),
            });
        }
    }

    /// Takes the time. After a break nothing that was known need still hold: a link that was up is pinged at once,
    /// because the silence was ours, and one that is down reconnects without a wait.
    fn look_at(&mut self, now: Now) {
        let Some(before) = self.link.take_time(now).filter(|_| self.link.phase != Phase::Ended) else { return };
        if let Some(room) = &mut self.room {
            room.slept(now.monotonic_ms.saturating_sub(before.monotonic_ms));
        }
        if self.link.is_waiting() {
            self.link.begin_waits_anew(now);
            self.dial();
        } else if self.link.is_linked() {
            self.link.ask_after_break(now, &mut self.out);
        }
    }

    fn stop(&mut self, stop: Stop) {
        if self.link.phase != Phase::Ended {
            self.link.end();
            self.room = None;
            self.out.event(Event::Stopped(stop));
        }
    }

    fn is_owner(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.roster.owner() == self.identity.fingerprint())
    }
}

#[cfg(test)]
impl Client {
    /// Whether somebody is connected, as far as this client knows, or knew in a room that it has left.
    pub(super) fn sees(&self, member: &Fingerprint) -> bool {
        self.room.as_ref().is_none_or(|room| room.present.contains(member))
    }

    /// What it keeps, counted, and the most it should keep.
    pub(super) fn held(&self) -> Vec<(&'static str, usize, usize)> {
        let own = [("outputs", self.out.held(), 0)];
        let of_room = self.room.iter().flat_map(RoomState::held);
        own.into_iter().chain(self.outbox.held()).chain(of_room).collect()
    }
}
