//! A person in a room: connects, joins or opens, keeps up with the log, seals and opens messages.
//!
//! Private RSA operations happen in here, so whoever runs a client keeps it off every loop that
//! others wait for.

mod absences;
mod awaited;
mod clocks;
mod commands;
mod events;
mod link;
mod missed;
mod owner;
mod prekeys;
mod receive;
mod remember;
mod room;
mod send;
mod sync;

use std::collections::VecDeque;
use std::sync::Arc;

pub use self::commands::Command;
pub use self::events::{Entry, Event, LobbyRoom, Output, Stop};
use self::owner::OwnerDesk;
use self::room::RoomState;
use self::send::{InFlight, Pace, Queued};
use super::consent::RoomCrypto;
use super::content::Body;
use super::identity::Identity;
use super::invite::Invite;
use super::limits::{ANSWER_MS, SYNC_MS};
use super::link::LinkError;
use super::liveness::Liveness;
use super::memory::Memory;
use super::payload::Fault;
use super::sealing::sender_key::SendChain;
use super::{Now, RoomId};
use crate::crypto::{CryptoError, Fingerprint, Random, Suite};
use crate::wire::{ByeCode, RefuseCode};
use crate::wire::{Frame, FrameKind, Ping};

/// Where the link is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Not connected; a retry may be due.
    Down,
    /// The connection is being made.
    Dialing,
    /// The host's key is on the screen; nothing was sent.
    AskTrust,
    /// `Look` was sent.
    AwaitLobby,
    /// The rooms are on the screen; not connected.
    ChooseRoom,
    /// `Open`, `Join` or `Resume` was sent.
    AwaitWelcome { resuming: bool },
    /// Items up to the welcome's position are coming.
    Syncing { roster_left: u64, position: u64, resumed: bool },
    /// All is here; the host's state of the others is coming.
    Settling { resumed: bool, asked: u64 },
    /// Ready.
    Live,
    /// Over.
    Ended,
}

/// The client's state machine: one person, one room, one link at a time.
pub struct Client {
    identity: Arc<Identity>,
    crypto: RoomCrypto,
    name: String,
    title: String,
    entry: Entry,
    pin: Option<Fingerprint>,
    target: Option<RoomId>,
    /// What is remembered of the room. It only grows, and no roster counts that has less.
    memory: Option<Memory>,
    /// Since when hosts have shown less.
    behind_since_ms: Option<u64>,
    /// Whether the room is to be seen before it is joined.
    looks: bool,
    /// The rooms that were shown.
    shown: Vec<LobbyRoom>,
    phase: Phase,
    entered: bool,
    leaving: Option<u64>,
    room: Option<RoomState>,
    /// What the last welcome said; less than what is known after a host's restart.
    roster_length_at_host: u64,
    desk: OwnerDesk,
    chain: Option<SendChain>,
    chain_number: u64,
    outbox: VecDeque<Queued>,
    controls: VecDeque<Body>,
    in_flight: VecDeque<InFlight>,
    pace: Pace,
    bye: Option<ByeCode>,
    life: Liveness,
    /// What was sent in this step that the host has to show it got, in bytes.
    said_bytes: u64,
    /// When the host was asked last, to tell how long its answer takes.
    asked_ms: u64,
    /// The Ping whose Pong shows that what comes did not wait on its way.
    awaits: Option<u64>,
    /// The newest time that was handed in.
    time: Now,
    /// How far the clocks of members are from ours, of those that were told.
    clocks_told: Vec<i64>,
    /// Until when the host has to have let us in, however lively it is: the whole link's, not a frame's.
    ready_until_ms: u64,
    retries: u32,
    retry_at_ms: Option<u64>,
    /// Since when it was not in the room, however often it tried.
    lost: Option<Now>,
    outputs: VecDeque<Output>,
}

impl Client {
    /// A client that will enter a room by `entry` as `name`. `pin` is the host's key where it is
    /// known; an invite brings its own.
    #[must_use]
    pub fn new(
        identity: Arc<Identity>,
        crypto: RoomCrypto,
        name: String,
        entry: Entry,
        pin: Option<Fingerprint>,
    ) -> Self {
        let (pin, target) = match &entry {
            Entry::Invite(invite) => (Some(invite.host), Some(invite.room)),
            Entry::Open { genesis, .. } | Entry::Return { genesis, .. } => {
                (pin, Some(super::payload::room_of(genesis)))
            }
            Entry::Knock => (pin, None),
        };
        let title = if let Entry::Open { title, .. } = &entry { title.clone() } else { String::new() };
        let memory = if let Entry::Return { memory, .. } = &entry { Some(*memory) } else { None };
        Self {
            identity,
            crypto,
            name,
            title,
            entry,
            pin,
            target,
            memory,
            behind_since_ms: None,
            looks: false,
            shown: Vec::new(),
            phase: Phase::Down,
            entered: false,
            leaving: None,
            room: None,
            roster_length_at_host: 0,
            desk: OwnerDesk::default(),
            chain: None,
            chain_number: 0,
            outbox: VecDeque::new(),
            controls: VecDeque::new(),
            in_flight: VecDeque::new(),
            pace: Pace::default(),
            bye: None,
            life: Liveness::new(0),
            said_bytes: 0,
            asked_ms: 0,
            awaits: None,
            time: Now::default(),
            clocks_told: Vec::new(),
            ready_until_ms: 0,
            retries: 0,
            retry_at_ms: None,
            lost: None,
            outputs: VecDeque::new(),
        }
    }

    /// Asks the host about the room before joining it: [`Event::Lobby`] comes, and
    /// [`Command::Knock`] goes on.
    #[must_use]
    pub const fn looking_first(mut self) -> Self {
        self.looks = true;
        self
    }

    /// Begins with what is remembered of the room, whatever way leads into it.
    #[must_use]
    pub fn remembering(mut self, memory: Memory) -> Self {
        self.remember(&memory);
        self
    }

    /// Begins with invites that were open in the last run; the owner only. They come from where
    /// [`Event::OpenInvites`] was kept.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] in theory.
    pub fn with_invites(mut self, invites: Vec<Invite>, now: Now) -> Result<Self, CryptoError> {
        let (target, suite) = (self.target, self.suite());
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
        self.time = now;
        if let Err(stop) = self.check_what_was_kept() {
            return self.stop(stop);
        }
        self.pace = Pace::new(now);
        self.dial();
    }

    /// What the probe found: the host's key, proven.
    pub fn host_seen(&mut self, host: Fingerprint, _now: Now) {
        if self.phase == Phase::Dialing && self.pin.is_none() {
            self.phase = Phase::AskTrust;
            self.event(Event::FirstUse { host });
        }
    }

    /// The link is up and the host's key is the pinned one.
    pub fn connected(&mut self, now: Now, random: &mut dyn Random) {
        self.look_at(now);
        if self.phase != Phase::Dialing {
            return;
        }
        self.awaits = None;
        (self.life, self.asked_ms) = (Liveness::new(now.monotonic_ms), now.monotonic_ms);
        self.ready_until_ms = now.monotonic_ms + ANSWER_MS;
        self.bye = None;
        let greeted = self.greet(now);
        self.settle(greeted, now, random);
    }

    /// A frame has arrived whole.
    pub fn frame(&mut self, kind: FrameKind, body: &[u8], now: Now, random: &mut dyn Random) {
        if matches!(self.phase, Phase::Ended | Phase::Down | Phase::Dialing) {
            return;
        }
        self.look_at(now);
        self.life.heard(now.monotonic_ms);
        let taken = Frame::decode(kind, body).map_err(Fault::from);
        let taken = taken.and_then(|frame| self.take(frame, now, random));
        self.settle(taken, now, random);
    }

    /// The link is gone, or never came up.
    pub fn disconnected(&mut self, error: LinkError, now: Now, random: &mut dyn Random) {
        if matches!(self.phase, Phase::Ended | Phase::ChooseRoom | Phase::AskTrust | Phase::Down) {
            return;
        }
        self.look_at(now);
        self.awaits = None;
        self.chain = None;
        self.desk.link_lost();
        // How the link ended says less than the host's word on it. Only what the owner signed ends a membership or
        // a room: such an entry comes before the goodbye and would have ended it, so these two are a cut.
        let error = self.bye.take().map_or(error, LinkError::Goodbye);
        match error {
            LinkError::Goodbye(ByeCode::Replaced) => return self.stop(Stop::Replaced),
            _ if self.leaving.is_some() => return self.stop(Stop::Left),
            _ => {}
        }
        let is_final = match error {
            LinkError::HostKeyChanged { .. } => true,
            // Whoever is in a room waits for better times; at the start there is nothing to wait for.
            LinkError::OutOfFiles => !self.entered,
            _ => !(self.entered || self.entry.is_lasting()),
        };
        if is_final {
            return self.stop(Stop::Unreachable(error));
        }
        self.retry_later(error, now, random);
    }

    /// Does what a front end asks for.
    pub fn command(&mut self, command: Command, now: Now, random: &mut dyn Random) {
        if self.phase == Phase::Ended {
            return;
        }
        self.look_at(now);
        let done = self.obey(command, now, random);
        self.settle(done, now, random);
    }

    /// Looks after every wait. Call it when [`Self::next_timeout`] has come; sooner does no harm.
    pub fn handle_timeout(&mut self, now: Now, random: &mut dyn Random) {
        if self.phase == Phase::Ended {
            return;
        }
        self.look_at(now);
        if self.retry_at_ms.is_some_and(|due| now.monotonic_ms >= due) {
            self.dial();
        }
        if self.leaving.is_some_and(|due| now.monotonic_ms >= due) {
            self.outputs.push_back(Output::Disconnect(ByeCode::Leaving));
            return self.stop(Stop::Left);
        }
        if let Some(room) = &mut self.room {
            room.erase_prekeys(now);
        }
        self.check_life(now, random);
        self.compare_prekeys(now);
        self.settle(Ok(()), now, random);
    }

    /// When [`Self::handle_timeout`] wants to be called, in monotonic milliseconds.
    #[must_use]
    pub fn next_timeout(&self) -> Option<u64> {
        let room = self.room.as_ref().filter(|_| self.phase == Phase::Live);
        let of_room = room.and_then(|room| room.next_timeout(self.time));
        let erasure = self.room.as_ref().and_then(|room| room.next_erasure(self.time));
        let waits = [self.retry_at_ms, self.leaving, self.life_timeout(), of_room, erasure, self.pace.due_ms];
        if self.phase == Phase::Ended { None } else { waits.into_iter().flatten().min() }
    }

    /// The next thing to do; call until `None`.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The suite of its room.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.crypto.suite()
    }

    /// Who it speaks for.
    #[must_use]
    pub const fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    fn take(&mut self, frame: Frame, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        match (frame, self.phase) {
            (Frame::Ping(ping), _) => self.outputs.push_back(Output::Send(Frame::Pong(ping).to_bytes())),
            (Frame::Bye(bye), _) => self.bye = Some(ByeCode::from_code(bye.code)),
            (Frame::Lobby(lobby), Phase::AwaitLobby) => self.show_lobby(&lobby, now)?,
            (Frame::Refuse(refuse), phase) => self.refused(RefuseCode::from_code(refuse.code), phase, now, random),
            (Frame::Welcome(welcome), Phase::AwaitWelcome { resuming }) => {
                self.ready_until_ms = now.monotonic_ms + SYNC_MS;
                self.welcomed(&welcome, resuming)?;
            }
            (Frame::Item(item), Phase::Syncing { .. } | Phase::Settling { .. } | Phase::Live) => {
                self.item(item, now)?;
            }
            (Frame::Presence(presence), _) => self.presence(&presence, now),
            (Frame::Pong(pong), phase) => {
                self.life.answered(pong.number, now.monotonic_ms);
                self.awaits.take_if(|asked| *asked == pong.number);
                // An earlier question may be answered late; only this answer comes after all there is to tell.
                if let Phase::Settling { resumed, asked } = phase
                    && asked == pong.number
                {
                    self.ready(resumed, now);
                }
            }
            (Frame::JoinAsk(ask), Phase::Settling { .. } | Phase::Live) if self.is_owner() => {
                self.join_ask(&ask, now)?
            }
            (Frame::JoinAnswer(answer), _) if self.is_owner() => {
                if let Some(member) = self.desk.asker_gone(answer.number) {
                    self.event(Event::KnockOver { member });
                }
            }
            _ => return Err(Fault::Unexpected),
        }
        self.go_on_syncing(now, random)
    }

    /// After every input: a fault ends the room, otherwise what can go out goes out.
    fn settle(&mut self, result: Result<(), Fault>, now: Now, random: &mut dyn Random) {
        let result = result.and_then(|()| self.pump(now, random));
        self.note_what_was_said(now);
        if let Err(fault) = result {
            log::debug!("client stops: {fault}");
            self.outputs.push_back(Output::Disconnect(ByeCode::Protocol));
            self.stop(match fault {
                Fault::WrongGenesis => Stop::WrongRoom,
                Fault::Crypto(CryptoError::Backend) => Stop::Crypto(CryptoError::Backend),
                fault => Stop::Protocol(fault),
            });
        }
    }

    /// Learning rooms have none: their keys are worth nothing.
    fn send(&mut self, frame: &Frame) {
        self.send_bytes(frame.to_bytes());
    }

    fn send_bytes(&mut self, frame: Arc<[u8]>) {
        self.said_bytes += frame.len() as u64;
        self.outputs.push_back(Output::Send(frame));
    }

    fn ask_for_life(&mut self, now: Now) -> u64 {
        self.note_what_was_said(now);
        self.asked_ms = now.monotonic_ms;
        let number = self.life.ask(now.monotonic_ms);
        self.send_ping(number);
        number
    }

    fn send_ping(&mut self, number: u64) {
        self.outputs.push_back(Output::Send(Frame::Ping(Ping { number }).to_bytes()));
    }

    fn note_what_was_said(&mut self, now: Now) {
        let bytes = std::mem::take(&mut self.said_bytes);
        if bytes > 0 {
            self.life.said(bytes, now.monotonic_ms);
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn stop(&mut self, stop: Stop) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Ended;
            self.room = None;
            self.chain = None;
            self.retry_at_ms = None;
            self.event(Event::Stopped(stop));
        }
    }

    /// Whether the roster was compared with what is remembered, and found good.
    const fn is_in_step(&self) -> bool {
        matches!(self.phase, Phase::Settling { .. } | Phase::Live)
    }

    fn is_owner(&self) -> bool {
        self.room.as_ref().is_some_and(|room| room.roster.owner() == self.identity.fingerprint())
    }
}

#[cfg(test)]
impl Client {
    /// Whether somebody is connected, as it knows, or knew in a room that it has left.
    pub(super) fn sees(&self, member: &Fingerprint) -> bool {
        self.room.as_ref().is_none_or(|room| room.present.contains(member))
    }

    /// What it keeps, counted, and the most it should keep.
    pub(super) fn held(&self) -> Vec<(&'static str, usize, usize)> {
        use super::limits::{IN_FLIGHT_MAX, OUTBOX_MAX};
        let own = [
            // What was on its way when the link was lost comes on top.
            ("messages that wait", self.outbox.len(), OUTBOX_MAX + IN_FLIGHT_MAX),
            ("messages on their way", self.in_flight.len(), IN_FLIGHT_MAX),
            ("outputs", self.outputs.len(), 0),
        ];
        own.into_iter().chain(self.room.iter().flat_map(RoomState::held)).collect()
    }
}
