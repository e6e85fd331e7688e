//! The local user's verbs, one session for each open profile.
//!
//! A [`Session`] is a cheap handle that can be cloned and moved to any thread. No call of it
//! blocks: the work is done on a thread of its own (files, signatures), on workers (making keys)
//! and on the net's threads. What happened comes as [`SessionEvent`]s, in order, over one channel;
//! feed each to [`Chat::apply`](super::chat::Chat::apply) to get rows to show.
//!
//! ```text
//! let (session, opening, events) = Session::open(profile)?;
//! let seat = session.host(HostRequest { title, crypto: RoomCrypto::secure()?, … });
//! while let Ok(event) = events.recv().await { for change in chat.apply(&event, now_ms) { … } }
//! session.quit();   // … until SessionEvent::Ended
//! ```
//!
//! Identities are made by themselves when a room needs one; [`Session::ensure_identity`] only
//! starts that earlier. Owners get a fresh invite by themselves: after the first `Ready`, and each
//! time one was used.

mod engine;
mod entering;
mod identities;
mod listeners;
mod seat;
mod seat_events;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::settings::Settings;
use super::{Code, JoinTarget, Passphrase, Problem, Profile, Records};
use crate::crypto::{Fingerprint, Random, Suite, SystemRandom};
use crate::net;
use crate::protocol::limits::TEXT_BYTES_MAX;
use crate::protocol::{self, LearningConsent, MessageId, RoomCrypto, RoomId};
pub(in crate::app) use engine::now;
use engine::{Engine, Input, Parts};

/// Events that may wait for the session or its face: a burst of a large room, below a megabyte.
const EVENTS_WAITING_MAX: usize = 4_096;
/// How long the net's events wait while that many do.
const BUSY_WAIT: Duration = Duration::from_millis(5);

/// One's place at a room, known or about to be, during this run of the app. It names a room before
/// the room's id is known, and stays the same when one comes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SeatId(pub u64);

/// What [`Session::open`] found in the profile.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The settings, or the defaults.
    pub settings: Settings,
    /// The rooms this profile is a member of, the newest first. None is connected yet: see
    /// [`Session::enter`].
    pub rooms: Vec<KnownRoom>,
    /// What could not be read and was set aside; to be shown once.
    pub warnings: Vec<Problem>,
}

/// A room of the profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownRoom {
    /// The seat in it.
    pub seat: SeatId,
    /// What is known of it.
    pub info: SeatInfo,
}

/// What is known of the room at a seat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeatInfo {
    /// Its id; unknown until entered when one joins by an address.
    pub room: Option<RoomId>,
    /// Its suite.
    pub suite: Suite,
    /// Its title; empty until a member told it.
    pub title: String,
    /// Where it is hosted: the addresses, the best first.
    pub addresses: Vec<String>,
    /// Whether this profile's identity owns it.
    pub owned: bool,
    /// Whether this computer relays it.
    pub hosted_here: bool,
}

/// Where a new room is hosted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostPlace {
    /// On this computer, listening at an address; port 0 lets the system choose.
    Here(SocketAddr),
    /// On a relay.
    Relay {
        /// Its `host:port`.
        address: String,
        /// What it asks for before it lets somebody open a room.
        token: Option<[u8; 32]>,
        /// Its key, if known; otherwise it is asked for by `Event::FirstUse`.
        pin: Option<Fingerprint>,
    },
}

/// A room to open.
#[derive(Clone)]
pub struct HostRequest {
    /// Its title, as [`protocol::check_name`] allows.
    pub title: String,
    /// Its suite, with consent where one is needed.
    pub crypto: RoomCrypto,
    /// Where it is hosted.
    pub place: HostPlace,
    /// Whether people without an invite may ask to come in.
    pub knock: bool,
    /// The most members it may have: at most [`protocol::limits::MEMBERS_HARD_MAX`].
    pub members_max: u16,
}

/// A room to join.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// An invite or an address.
    pub target: JoinTarget,
    /// The answer to the learning room's warning; without it only secure rooms are joined.
    pub learning: Option<LearningConsent>,
    /// The host's key, if the person brought it; an invite brings its own.
    pub pin: Option<Fingerprint>,
}

/// What happened in a session.
#[derive(Clone, PartialEq, Debug)]
pub enum SessionEvent {
    /// An identity changed its state.
    Identity {
        /// Whose: each suite has its own.
        suite: Suite,
        /// The new state.
        state: IdentityState,
    },
    /// Something happened at a seat.
    Seat {
        /// Which.
        seat: SeatId,
        /// What.
        event: SeatEvent,
    },
    /// The settings changed.
    Settings(Settings),
    /// Something could not be kept on disk; everything else goes on.
    Warning(Problem),
    /// The session said goodbye everywhere and ended. Nothing comes after.
    Ended,
}

/// How far an identity is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IdentityState {
    /// Its keys are being made.
    Making(KeyStep),
    /// It can be used.
    Ready {
        /// The fingerprint of its signing key.
        fingerprint: Fingerprint,
        /// The size of its keys in bits.
        bits: u32,
        /// Whether its files are protected by a passphrase.
        protected: bool,
    },
    /// Its files are protected: see [`Session::unlock`].
    Locked(Problem),
    /// It cannot be used; nothing on disk was changed.
    Failed(Problem),
}

/// A step of making an identity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyStep {
    /// Reading the files.
    Reading,
    /// The key that signs: 1 of 3.
    Signing,
    /// The key that opens what others send: 2 of 3.
    Decryption,
    /// Writing the files: 3 of 3.
    Saving,
}

/// What happened at a seat.
#[derive(Clone, PartialEq, Debug)]
pub enum SeatEvent {
    /// The seat is taken or taken again: at [`Session::host`], [`Session::join`] and
    /// [`Session::enter`]. First of all events of a try.
    Taken(SeatInfo),
    /// The identity that sits here is ready.
    Identity(Fingerprint),
    /// This computer relays the room now.
    Hosting {
        /// Where it listens, with the real port.
        address: SocketAddr,
        /// What invites will carry, the best first.
        addresses: Vec<String>,
        /// The key that joiners will see.
        host: Fingerprint,
    },
    /// An own message was taken over and waits to be sealed: show it at once.
    Sent {
        /// Its id.
        id: MessageId,
        /// Its words.
        text: String,
        /// When, by this computer's clock.
        sent_ms: u64,
    },
    /// An own message was called back before it was sealed, or not any more.
    CancelAsked(MessageId),
    /// The protocol's own events, but for roster entries, which the session keeps.
    Protocol(protocol::Event),
    /// The seat could not be taken. Final for this try; a known room can be entered again.
    Failed(Problem),
    /// The room was forgotten: its seat is gone.
    Forgotten,
}

/// The handle to a session.
#[derive(Clone)]
pub struct Session {
    inputs: mpsc::Sender<Input>,
    next_seat: Arc<AtomicU64>,
    seats: Seats,
}

/// Which seat is at which known room: shared, so that an invite to a known room finds its seat.
type Seats = Arc<Mutex<HashMap<RoomId, SeatId>>>;

impl Session {
    /// Opens a session on a profile: reads the settings and the rooms' records, starts the threads.
    /// Identities are read when they are needed.
    ///
    /// # Errors
    /// A [`Problem`] if the profile cannot be read or the system gives no threads.
    pub fn open(profile: Profile) -> Result<(Self, Opening, async_channel::Receiver<SessionEvent>), Problem> {
        let mut warnings = Vec::new();
        let (settings, warning) = Settings::load(profile.directory())?;
        warnings.extend(warning);
        let records = Records::new(profile.directory());
        let (known, damaged) = records.load_all()?;
        warnings.extend(damaged);

        let (handle, net_events) = net::spawn().map_err(|error| Problem::cannot_start(&error))?;
        let (inputs, inbox) = mpsc::channel();
        let (events, receiver) = async_channel::unbounded();
        let next_seat = Arc::new(AtomicU64::new(1));
        let seats = Seats::default();
        let session = Self { inputs: inputs.clone(), next_seat, seats: Arc::clone(&seats) };

        let with_seats: Vec<_> = known.into_iter().map(|record| (session.new_seat(), record)).collect();
        let rooms = with_seats.iter().map(|(seat, record)| KnownRoom { seat: *seat, info: record.info() }).collect();
        for (seat, record) in &with_seats {
            lock(&seats).insert(record.room, *seat);
        }
        let waiting = Arc::new(AtomicUsize::new(0));
        forward(net_events, inputs.clone(), Arc::clone(&waiting), events.clone())?;
        let parts = Parts { profile, settings: settings.clone(), records, known: with_seats, by_room: seats };
        let engine = Engine::new(parts, handle, waiting, inputs, events);
        thread("session", move || engine.run(&inbox))?;
        Ok((session, Opening { settings, rooms, warnings }, receiver))
    }

    /// Reads the identity of `suite`, or makes one of `bits` bits (the suite's default without)
    /// where there is none. A damaged identity is reported, never replaced.
    pub fn ensure_identity(&self, suite: Suite, bits: Option<u32>) {
        self.input(Input::EnsureIdentity { suite, bits });
    }

    /// Gives the passphrase of the identity's files, and reads on what waits for it.
    pub fn unlock(&self, passphrase: Passphrase) {
        self.input(Input::Unlock(passphrase));
    }

    /// Writes the identity of `suite` anew under a passphrase, or under none.
    pub fn protect_identity(&self, suite: Suite, passphrase: Option<Passphrase>) {
        self.input(Input::Protect { suite, passphrase });
    }

    /// Opens a new room. `Hosting` (if on this computer), `Entered`, `Ready` and an invite follow.
    #[must_use]
    pub fn host(&self, request: HostRequest) -> SeatId {
        let seat = self.new_seat();
        self.input(Input::Host { seat, request });
        seat
    }

    /// Joins a room. An invite to a room of this profile goes back to the seat there.
    ///
    /// # Errors
    /// A [`Problem`] that can be told without asking anybody: a learning invite without consent.
    pub fn join(&self, request: JoinRequest) -> Result<SeatId, Problem> {
        if let JoinTarget::Invite(invite) = &request.target {
            if let Some(seat) = lock(&self.seats).get(&invite.room).copied() {
                self.enter(seat);
                return Ok(seat);
            }
            if invite.suite == Suite::Textbook && request.learning.is_none() {
                return Err(Problem::learning_room());
            }
        }
        let seat = self.new_seat();
        self.input(Input::Join { seat, request });
        Ok(seat)
    }

    /// Goes back into a room of this profile, or tries a failed seat again. Does nothing while the
    /// seat is connected or connecting, but for a retry at once.
    pub fn enter(&self, seat: SeatId) {
        self.input(Input::Enter(seat));
    }

    /// Hosts an owned room of this profile at another address from the next [`Self::enter`] on.
    pub fn host_at(&self, seat: SeatId, address: SocketAddr) {
        self.input(Input::HostAt { seat, address });
    }

    /// Answers `Event::FirstUse`: this is the host's key.
    pub fn trust_host(&self, seat: SeatId, host: Fingerprint) {
        self.command(seat, protocol::Command::TrustHost(host));
    }

    /// Answers `Event::Lobby`: asks to be let into this room.
    pub fn knock(&self, seat: SeatId, room: RoomId) {
        self.command(seat, protocol::Command::Knock(room));
    }

    /// Says something. The text waits if the host is away.
    ///
    /// # Errors
    /// A [`Problem`] for white space only or a text that is too long; nothing was sent.
    pub fn send(&self, seat: SeatId, text: &str) -> Result<MessageId, Problem> {
        let text = text.trim_end();
        if text.trim().is_empty() {
            return Err(Problem::new(Code::Usage, "There is nothing to send.", ""));
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(Problem::too_long(text.len(), TEXT_BYTES_MAX));
        }
        let id = MessageId((&mut SystemRandom::new() as &mut dyn Random).bytes()?);
        self.input(Input::Send { seat, id, text: text.to_owned() });
        Ok(id)
    }

    /// Calls a message back that was not sealed yet.
    pub fn cancel(&self, seat: SeatId, id: MessageId) {
        self.input(Input::Cancel { seat, id });
    }

    /// Makes another invite (owner).
    pub fn invite(&self, seat: SeatId) {
        self.input(Input::Invite(seat));
    }

    /// Withdraws all open invites and makes a fresh one (owner).
    pub fn reset_invites(&self, seat: SeatId) {
        self.command(seat, protocol::Command::WithdrawInvites);
        self.input(Input::Invite(seat));
    }

    /// Answers `Event::Knock` (owner).
    pub fn answer_knock(&self, seat: SeatId, member: Fingerprint, admit: bool) {
        self.input(Input::AnswerKnock { seat, member, admit });
    }

    /// Removes a member (owner).
    pub fn remove(&self, seat: SeatId, member: Fingerprint) {
        self.command(seat, protocol::Command::Remove(member));
    }

    /// Closes the room for everybody and for good (owner).
    pub fn close_room(&self, seat: SeatId) {
        self.command(seat, protocol::Command::CloseRoom);
    }

    /// Gives the room another title (owner).
    pub fn retitle(&self, seat: SeatId, title: String) {
        self.input(Input::Retitle { seat, title });
    }

    /// Leaves a room for good.
    pub fn leave(&self, seat: SeatId) {
        self.input(Input::Leave(seat));
    }

    /// Says goodbye for now; the room stays known.
    pub fn go_offline(&self, seat: SeatId) {
        self.command(seat, protocol::Command::GoOffline);
    }

    /// Forgets a room without telling anybody: for a seat that failed or is over.
    pub fn forget(&self, seat: SeatId) {
        self.input(Input::Forget(seat));
    }

    /// Tries to reach the host at once.
    pub fn retry(&self, seat: SeatId) {
        self.input(Input::Enter(seat));
    }

    /// Tries to reach every host at once: when the window gets the focus or the network returns.
    pub fn retry_all(&self) {
        self.input(Input::RetryAll);
    }

    /// Changes the settings; `SessionEvent::Settings` follows, and they are written soon. A new
    /// name is told to every room.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings) + Send + 'static) {
        self.input(Input::ChangeSettings(Box::new(change)));
    }

    /// Says goodbye everywhere, writes what is unwritten, and ends; `SessionEvent::Ended` follows
    /// within a few seconds.
    pub fn quit(&self) {
        self.input(Input::Quit);
    }

    fn command(&self, seat: SeatId, command: protocol::Command) {
        self.input(Input::Command { seat, command });
    }

    fn input(&self, input: Input) {
        // A session that ended takes nothing any more, and its user was told so.
        let _ = self.inputs.send(input);
    }

    fn new_seat(&self) -> SeatId {
        SeatId(self.next_seat.fetch_add(1, Ordering::Relaxed))
    }
}

/// Moves the net's events into the session's one inbox. While too many wait there, or for a face
/// that is busy, the net keeps the rest, and in the end lets its peers wait.
fn forward(
    events: async_channel::Receiver<net::Event>,
    inputs: mpsc::Sender<Input>,
    waiting: Arc<AtomicUsize>,
    face: async_channel::Sender<SessionEvent>,
) -> Result<(), Problem> {
    thread("session-events", move || {
        while let Ok(event) = events.recv_blocking() {
            let is_busy = || waiting.load(Ordering::Acquire) >= EVENTS_WAITING_MAX || face.len() >= EVENTS_WAITING_MAX;
            while is_busy() && !face.is_closed() {
                std::thread::sleep(BUSY_WAIT);
            }
            waiting.fetch_add(1, Ordering::AcqRel);
            if inputs.send(Input::Net(event)).is_err() {
                return;
            }
        }
    })
}

/// Starts a named thread.
pub(in crate::app) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| Problem::cannot_start(&error))
}

/// A map of seats is whole after any panic: it is only ever changed by single calls.
fn lock(seats: &Seats) -> std::sync::MutexGuard<'_, HashMap<RoomId, SeatId>> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}
