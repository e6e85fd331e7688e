//! The session's thread: takes one input after the other, from the user's handle, the net and the
//! workers, and owns all state. Files are written here, and a room's first signature is made here.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::address_probe::AddressProbe;
use super::input::Input;
use super::listeners::Listeners;
use super::membership::{Plan, Progress, Seat};
use super::questions::Askings;
use super::{SeatEvent, SeatId, Seats, SessionEvent, lock};
use crate::app::identity::identities::{Identities, is_locked};
use crate::app::identity::report::{Found, Report, Reporter, WorkReport};
use crate::app::vault::{Private, Vault};
use crate::app::{Code, Keys, Memories, Passphrase, Problem, Profile, Record, Records, Settings, clock, say};
use crate::crypto::{Fingerprint, KeyKind, Suite};
use crate::net::{self, ClientId, Handle, ListenerId};
use crate::protocol::limits::INVITE_LIFE_MS;
use crate::protocol::{
    Command, Content, Event, Invite, LearningConsent, MessageId, RoomCrypto, RoomId, Stop, check_name,
};

/// How long a goodbye may take: the net itself gives links two seconds to flush.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long the net may take to end after that.
const NET_END: Duration = Duration::from_secs(3);

/// How the session ends.
enum Quitting {
    /// Not at all.
    No,
    /// Clients say goodbye, until then.
    Clients(Instant),
    /// The net flushes and ends, until then.
    Net(Instant),
    /// It ended.
    Done,
}

/// What the profile gives a session.
pub(super) struct Parts {
    pub(super) profile: Profile,
    pub(super) settings: Settings,
    pub(super) records: Records,
    pub(super) memories: Memories,
    pub(super) known: Vec<(SeatId, Record)>,
    /// Rooms whose records should be written anew.
    pub(super) stale: Vec<RoomId>,
    pub(super) by_room: Seats,
}

/// The session's state.
pub(super) struct Engine {
    pub(super) directory: PathBuf,
    pub(super) settings: Settings,
    pub(super) records: Records,
    /// What is remembered of every room, whatever became of its record.
    pub(super) memories: Memories,
    pub(super) identities: Identities,
    pub(super) listeners: Listeners,
    pub(super) seats: BTreeMap<SeatId, Seat>,
    pub(super) by_client: HashMap<ClientId, SeatId>,
    /// Tests of addresses by the client that makes them.
    pub(super) address_probes: HashMap<ClientId, AddressProbe>,
    pub(super) asking: Askings,
    pub(super) inputs: Sender<Input>,
    pub(super) by_room: Seats,
    pub(super) net: Handle,
    pub(super) next_client: u64,
    /// How many of the net's events are in the inbox.
    waiting: Arc<AtomicUsize>,
    events: async_channel::Sender<SessionEvent>,
    /// What is kept under the secure identity's lock, once that is open, and how it was kept last.
    pub(super) vault: Option<(Vault, Private)>,
    /// The same under the learning identity's.
    pub(super) learning_vault: Option<(Vault, Private)>,
    /// The invites that are open, by room.
    pub(super) invites: BTreeMap<RoomId, Vec<Invite>>,
    pub(super) settings_due: Option<Instant>,
    pub(super) records_due: Option<Instant>,
    /// What was said about writing last: each failure is told once, not at each retry.
    pub(super) settings_failed: Option<Problem>,
    pub(super) records_failed: Option<Problem>,
    quitting: Quitting,
    /// Keeps the profile locked for as long as the session lives.
    _profile: Profile,
}

impl Engine {
    pub(super) fn new(
        parts: Parts,
        net: Handle,
        waiting: Arc<AtomicUsize>,
        inputs: Sender<Input>,
        events: async_channel::Sender<SessionEvent>,
    ) -> Self {
        let Parts { profile, settings, records, memories, known, stale, by_room } = parts;
        let directory = profile.directory().to_owned();
        let mut engine = Self {
            identities: Identities::new(&directory, settings.keyring, reporter(inputs.clone(), events.clone())),
            directory,
            settings,
            records,
            memories,
            listeners: Listeners::default(),
            seats: BTreeMap::new(),
            by_client: HashMap::new(),
            address_probes: HashMap::new(),
            asking: Askings::default(),
            inputs,
            by_room,
            net,
            next_client: 1,
            waiting,
            events,
            vault: None,
            learning_vault: None,
            invites: BTreeMap::new(),
            settings_due: None,
            records_due: None,
            settings_failed: None,
            records_failed: None,
            quitting: Quitting::No,
            _profile: profile,
        };
        for (id, record) in known {
            let is_stale = stale.contains(&record.room);
            engine.add_known(id, record, is_stale);
        }
        engine.write_records_soon();
        engine
    }

    /// Takes inputs until the session was asked to quit and all goodbyes were said.
    pub(super) fn run(mut self, inbox: &Receiver<Input>) {
        loop {
            let wait = self.next_due().map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            match inbox.recv_timeout(wait) {
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
                // Every handle is gone: nobody is left who could quit.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.write_due();
            self.go_on_quitting();
            if matches!(self.quitting, Quitting::Done) {
                break;
            }
        }
        let unwritten = self.write_all();
        // The profile is free before anybody hears of the end.
        let events = self.events.clone();
        drop(self);
        unwritten.into_iter().for_each(|problem| drop(events.try_send(SessionEvent::Unwritten(problem))));
        let _ = events.try_send(SessionEvent::Ended);
    }

    pub(super) fn emit(&self, event: SessionEvent) {
        // Nobody may listen any more; the session still ends in order.
        let _ = self.events.try_send(event);
    }

    pub(super) fn emit_seat(&self, seat: SeatId, event: SeatEvent) {
        self.emit(SessionEvent::Seat { seat, event });
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Net(event) => {
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                self.net_event(event);
            }
            Input::Identity(report) => self.worker_is_done(report),
            Input::AskingKey { kind, identity } => self.asking_key_made(kind, identity),
            Input::EnsureIdentity { kind, bits } => drop(self.identities.want(kind, bits)),
            Input::ReplaceIdentity { kind, bits } => self.replace_identity(kind, bits),
            Input::Unlock(passphrase) => self.unlock(passphrase),
            Input::Protect { kind, passphrase } => self.identities.protect(kind, passphrase),
            Input::KeepInKeyring(keep) => self.keep_in_keyring(keep),
            Input::BackUp { file, passphrase } => self.identities.back_up(file, passphrase),
            Input::Restore { file, passphrase } => self.identities.open_backup(file, passphrase),
            Input::Host { seat, request } => self.host(seat, request),
            Input::Join { seat, request } => self.join(seat, request),
            Input::Enter(seat) => self.enter(seat),
            Input::ForgetHost(seat) => self.forget_host(seat),
            Input::EnterBy { seat, invite } => self.enter_by(seat, &invite),
            Input::HostAt { seat, address } => self.host_at(seat, address),
            Input::TestAddresses(seat) => self.test_addresses(seat),
            Input::Command { seat, command: Command::Knock(room) } => self.knock(seat, room),
            Input::Command { seat, command } => self.command(seat, command),
            Input::Send { seat, id, content } => self.send(seat, id, content),
            Input::Cancel { seat, id } => self.cancel(seat, id),
            Input::Invite(seat) => self.invite(seat),
            Input::AnswerKnock { seat, member, admit } => self.answer_knock(seat, member, admit),
            Input::Retitle { seat, title } => self.retitle(seat, &title),
            Input::Leave(seat) => self.leave(seat),
            Input::Forget(seat) => self.forget(seat),
            Input::RetryAll => self.command_all(&Command::RetryNow),
            Input::ChangeSettings(change) => self.change_settings(change),
            Input::Quit => self.quit(),
        }
    }

    fn worker_is_done(&mut self, report: WorkReport) {
        match report {
            WorkReport::Found(found) => self.found(found),
            WorkReport::Kept { keep, result } => self.kept(keep, result),
            WorkReport::Recalled(passphrase) => self.identities.unlock(passphrase),
            WorkReport::Opened { keys, passphrase } => self.restore(keys, passphrase),
        }
    }

    fn net_event(&mut self, event: net::Event) {
        match event {
            net::Event::Listening { listener, address } => {
                for seat in self.listeners.bound(listener, address) {
                    self.listening(seat, address);
                }
            }
            net::Event::ListenFailed { listener, address, reason } => {
                for seat in self.listeners.failed(listener) {
                    self.fail(seat, Problem::of_listen(address, &reason));
                }
            }
            net::Event::OutOfFiles { listener } => self.out_of_files(listener),
            net::Event::Client { id, event } => self.client_event(id, event),
            net::Event::Host { listener, event } => log::debug!("listener {}: {event:?}", listener.0),
            net::Event::Stopped => self.quitting = Quitting::Done,
        }
    }

    /// Nobody new can come in at a listener. Who hosts there and is not in its own room yet never will be.
    fn out_of_files(&mut self, listener: ListenerId) {
        let seats = self.listeners.seats_of(listener);
        let waiting: Vec<SeatId> =
            seats.into_iter().filter(|id| self.seats.get(id).is_some_and(|seat| !seat.is_ready())).collect();
        if waiting.is_empty() {
            return self.emit(SessionEvent::Warning(Problem::out_of_files()));
        }
        waiting.into_iter().for_each(|seat| self.fail(seat, Problem::out_of_files()));
    }

    /// A worker is done with an identity: those who wait for it go on, fail, or wait for a
    /// passphrase.
    fn found(&mut self, found: Found) {
        let kind = found.kind;
        let outcome = self.identities.found(found);
        if outcome.is_ok() {
            if kind == KeyKind::Rsa { self.open_vault() } else { self.open_learning_vault() }
        }
        let waits = |seat: &Seat| seat.progress == Progress::NeedsIdentity && seat.info.suite.key_kind() == kind;
        let waiting: Vec<SeatId> = self.seats.iter().filter(|(_, seat)| waits(seat)).map(|(id, _)| *id).collect();
        for seat in waiting {
            match &outcome {
                Ok(()) => self.start(seat),
                Err(problem) if is_locked(problem) => {}
                Err(problem) => self.fail(seat, problem.clone()),
            }
        }
    }

    fn unlock(&mut self, passphrase: Passphrase) {
        self.identities.unlock(passphrase);
        for kind in KeyKind::ALL {
            if self.identities.is_stuck(kind) {
                drop(self.identities.want(kind, None));
            }
        }
    }

    /// A record of the profile becomes a seat. Its learning consent was given when it was made.
    fn add_known(&mut self, id: SeatId, record: Record, is_stale: bool) {
        let crypto = match record.suite() {
            Suite::Textbook => RoomCrypto::Learning(LearningConsent::given_by_a_person()),
            suite => match RoomCrypto::trusted(suite) {
                Ok(crypto) => crypto,
                Err(error) => return log::error!("a room is left out: {error}"),
            },
        };
        let mut seat = Seat::new(record.info(), crypto, Plan::Known);
        (seat.record, seat.unsaved) = (Some(record), is_stale);
        self.seats.insert(id, seat);
    }

    /// Hands a command to the seat's client, if one runs.
    pub(super) fn command(&mut self, id: SeatId, command: Command) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        match (seat.client(), command) {
            (Some(client), command) => self.net.send(net::Command::Client { id: client, command }),
            (None, Command::GoOffline) if seat.progress != Progress::Idle => {
                seat.progress = Progress::Idle;
                self.listeners.release(id, &self.net);
                self.emit_seat(id, SeatEvent::Protocol(Event::Stopped(Stop::Offline)));
            }
            (None, command) => log::debug!("nobody is there to take {command:?}"),
        }
    }

    fn command_all(&self, command: &Command) {
        for client in self.seats.values().filter_map(Seat::client) {
            self.net.send(net::Command::Client { id: client, command: command.clone() });
        }
    }

    fn send(&mut self, id: SeatId, message: MessageId, content: Content) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        seat.outbox.push((message, content.clone()));
        let ready = seat.is_ready();
        let sent = SeatEvent::Sent { id: message, content: content.clone(), sent_ms: clock::now_ms() };
        self.emit_seat(id, sent);
        if ready {
            self.command(id, Command::Send { id: message, content });
        }
    }

    fn replace_identity(&mut self, kind: KeyKind, bits: u32) {
        let known = self.seats.values().any(|seat| seat.info.suite.key_kind() == kind);
        if known || !kind.backend().key_bits().contains(&bits) {
            return log::warn!("the identity is not replaced: it has rooms, or no key has {bits} bits");
        }
        if kind == KeyKind::Rsa {
            self.change_settings(Box::new(move |settings| settings.key_bits = bits));
        }
        self.identities.replace(kind, bits);
    }

    /// The keyring may ask the person something, so it is a worker that waits for it.
    fn keep_in_keyring(&self, keep: bool) {
        if let Err(problem) = self.identities.keep_in_keyring(keep) {
            self.emit(SessionEvent::Warning(problem));
            self.emit(SessionEvent::Settings(self.settings.clone()));
        }
    }

    fn kept(&mut self, keep: bool, result: Result<(), Problem>) {
        if let Err(problem) = result {
            self.emit(SessionEvent::Warning(problem));
        } else {
            self.settings.keyring = keep;
            self.identities.use_keyring(keep);
        }
        self.settings_changed();
    }

    /// A backup was opened. Its keys take their place, unless a room knows somebody else.
    fn restore(&mut self, keys: Result<Keys, Problem>, passphrase: Passphrase) {
        let has_rooms = self.seats.values().any(|seat| !seat.info.suite.is_learning());
        let is_other = |keys: &Keys| {
            self.identities.known().is_some_and(|known| known != Fingerprint::of(keys.signing.public().spki()))
        };
        match keys {
            Ok(keys) if has_rooms && is_other(&keys) => {
                let what = say!("The backup is of another identity, which your rooms do not know.");
                let hint = say!("Leave them and remove them from the list first. Nothing was changed.");
                let problem = Problem::new(Code::Identity, what, hint);
                self.emit(SessionEvent::Restored(Err(problem)));
            }
            Ok(keys) => self.identities.restore(keys, passphrase),
            Err(problem) => self.emit(SessionEvent::Restored(Err(problem))),
        }
    }

    fn cancel(&mut self, id: SeatId, message: MessageId) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let ready = seat.is_ready();
        seat.outbox.retain(|(waiting, _)| *waiting != message);
        if ready {
            self.command(id, Command::Cancel(message));
        }
        self.emit_seat(id, SeatEvent::CancelAsked(message));
    }

    pub(super) fn invite(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        if !seat.is_ready() {
            seat.invites_wanted += 1;
            return;
        }
        let addresses = seat.info.addresses.clone();
        self.command(id, Command::Invite { addresses, life_ms: INVITE_LIFE_MS });
    }

    pub(super) fn answer_knock(&mut self, id: SeatId, member: Fingerprint, admit: bool) {
        self.command(id, Command::AnswerKnock { member, admit });
        if !admit {
            self.emit_seat(id, SeatEvent::Protocol(Event::KnockOver { member }));
        }
    }

    fn retitle(&mut self, id: SeatId, title: &str) {
        match check_name(title) {
            Ok(title) => self.command(id, Command::Retitle(title)),
            Err(error) => self.emit(SessionEvent::Warning(Problem::bad_name(error))),
        }
    }

    fn change_settings(&mut self, change: Box<dyn FnOnce(&mut Settings) + Send>) {
        let name = self.settings.name.clone();
        change(&mut self.settings);
        match check_name(&self.settings.name) {
            Ok(checked) => self.settings.name = checked,
            Err(_) if self.settings.name.is_empty() => {}
            Err(error) => {
                self.settings.name.clone_from(&name);
                self.emit(SessionEvent::Warning(Problem::bad_name(error)));
            }
        }
        if self.settings.name != name {
            self.renamed();
        }
        self.settings_changed();
    }

    /// Tells every room the new name; nobody but oneself says how one is called.
    fn renamed(&self) {
        let name = self.name();
        self.command_all(&Command::Rename(name.clone()));
        for (id, seat) in self.seats.iter().filter(|(_, seat)| seat.client().is_some()) {
            if let Some(identity) = self.identities.ready(seat.info.suite.key_kind()) {
                let (member, name) = (identity.fingerprint(), name.clone());
                self.emit_seat(*id, SeatEvent::Protocol(Event::MemberNamed { member, name }));
            }
        }
    }

    /// The name others see.
    pub(super) fn name(&self) -> String {
        if !self.settings.name.is_empty() {
            return self.settings.name.clone();
        }
        // The window asks for a name before anybody is met; the terminal does not.
        crate::app::suggested_name().unwrap_or_else(|| "Somebody".to_owned())
    }
}

/// Waiting and quitting.
impl Engine {
    fn next_due(&self) -> Option<Instant> {
        let quitting = match self.quitting {
            Quitting::Clients(due) | Quitting::Net(due) => Some(due),
            Quitting::No | Quitting::Done => None,
        };
        [self.settings_due, self.records_due, quitting].into_iter().flatten().min()
    }

    fn quit(&mut self) {
        if matches!(self.quitting, Quitting::No) {
            self.command_all(&Command::GoOffline);
            self.quitting = Quitting::Clients(Instant::now() + GOODBYE);
        }
    }

    /// First the clients say goodbye, then the net, which may relay their words, ends.
    fn go_on_quitting(&mut self) {
        match self.quitting {
            Quitting::Clients(due) if self.by_client.is_empty() || due <= Instant::now() => {
                self.net.send(net::Command::Shutdown);
                self.quitting = Quitting::Net(Instant::now() + NET_END);
            }
            Quitting::Net(due) if due <= Instant::now() => self.quitting = Quitting::Done,
            _ => {}
        }
    }
}

/// Forgetting a room's seat in the shared map.
impl Engine {
    pub(super) fn unlist(&self, id: SeatId) {
        lock(&self.by_room).retain(|_, known| known.seat != id);
    }
}

/// Brings what the identities report to whom it is for: the session's thread, or whoever listens to the session.
fn reporter(inputs: Sender<Input>, events: async_channel::Sender<SessionEvent>) -> Reporter {
    Arc::new(move |report| {
        let event = match report {
            Report::Work(report) => return drop(inputs.send(Input::Identity(report))),
            Report::State { kind, state } => SessionEvent::Identity { kind, state },
            Report::BackedUp(result) => SessionEvent::BackedUp(result),
            Report::Restored(result) => SessionEvent::Restored(result),
            Report::Warning(problem) => SessionEvent::Warning(problem),
        };
        // Nobody may listen any more; the session still ends in order.
        let _ = events.try_send(event);
    })
}
