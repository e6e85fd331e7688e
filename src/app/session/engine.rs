//! The session's thread: takes inputs one by one, from the user's handle, the net and the workers, and owns all state.
//! Files are written here, and a room's first signature is made here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::address_tests::AddressTests;
use super::asking::Askings;
use super::clients::Clients;
use super::disk::{Disk, WrittenRecords};
use super::front_end::FrontEnd;
use super::input::Input;
use super::listeners::Listeners;
use super::membership::{Membership, Plan, Progress};
use super::quitting::Quitting;
use super::{MembershipEvent, MembershipId, Memberships, SessionEvent, lock};
use crate::app::identity::identities::{Identities, is_locked};
use crate::app::identity::report::{Found, Report, Reporter, WorkReport};
use crate::app::{Code, Keys, Memories, Passphrase, Problem, Profile, Record, Records, Settings, say};
use crate::crypto::{Fingerprint, KeyKind, Suite};
use crate::net::{self, Handle, ListenerId, Reports};
use crate::protocol::limits::INVITE_LIFE_MS;
use crate::protocol::{Command, Event, LearningConsent, MessageId, RoomCrypto, RoomId, Stop, check_name};

/// What the profile gives a session.
pub(super) struct Parts {
    pub(super) profile: Profile,
    pub(super) settings: Settings,
    pub(super) records: Records,
    pub(super) memories: Memories,
    pub(super) known: Vec<(MembershipId, Record)>,
    /// Rooms whose records should be written anew.
    pub(super) stale: Vec<RoomId>,
    pub(super) by_room: Memberships,
}

/// The session's state.
///
/// Large because each input is one function that brings the parts together; what concerns one part alone is that part's.
pub(super) struct Engine {
    pub(super) disk: Disk,
    pub(super) identities: Identities,
    pub(super) memberships: BTreeMap<MembershipId, Membership>,
    pub(super) by_room: Memberships,
    pub(super) clients: Clients,
    pub(super) listeners: Listeners,
    pub(super) address_tests: AddressTests,
    pub(super) askings: Askings,
    pub(super) inputs: Sender<Input>,
    pub(super) front_end: FrontEnd,
    reports: Arc<Reports>,
    quitting: Quitting,
}

impl Engine {
    pub(super) fn new(
        parts: Parts,
        net: Handle,
        reports: Arc<Reports>,
        inputs: Sender<Input>,
        events: async_channel::Sender<SessionEvent>,
    ) -> Self {
        let Parts { profile, settings, records, memories, known, stale, by_room } = parts;
        let directory = profile.directory().to_owned();
        let front_end = FrontEnd(events);
        let reporter = reporter(inputs.clone(), front_end.clone());
        let mut engine = Self {
            identities: Identities::new(&directory, settings.keyring, reporter),
            listeners: Listeners::new(&profile),
            disk: Disk::new(profile, settings, records, memories, inputs.clone()),
            memberships: BTreeMap::new(),
            by_room,
            clients: Clients::new(net),
            address_tests: AddressTests::default(),
            askings: Askings::default(),
            inputs,
            front_end,
            reports,
            quitting: Quitting::No,
        };
        for (id, record) in known {
            let is_stale = stale.contains(&record.room);
            engine.add_known(id, record, is_stale);
        }
        engine.disk.write_records_soon();
        engine
    }

    /// Takes inputs until the session was asked to quit and all goodbyes have been said.
    pub(super) fn run(mut self, inbox: &Receiver<Input>) {
        loop {
            let owed = self.disk.saved.borrow().next_due();
            let next_due = [self.disk.next_due(), self.quitting.due(), owed].into_iter().flatten().min();
            let wait = next_due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            match inbox.recv_timeout(wait) {
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
                // Every handle is gone: nobody is left who could quit.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.write_due();
            self.stores_due();
            self.quitting.go_on(&self.clients);
            if self.quitting.is_done() {
                break;
            }
        }
        let mut unwritten = self.disk.write_all(&mut self.memberships);
        unwritten.extend(self.disk.saved.borrow_mut().close());
        // The profile is free before anybody hears of the end.
        let front_end = self.front_end.clone();
        drop(self);
        unwritten.into_iter().for_each(|problem| front_end.tell(SessionEvent::Unwritten(problem)));
        front_end.tell(SessionEvent::Ended);
    }

    pub(super) fn emit(&self, event: SessionEvent) {
        self.front_end.tell(event);
    }

    /// Tells the front ends, and keeps what a person would miss.
    pub(super) fn emit_membership(&self, membership: MembershipId, event: MembershipEvent) {
        let event = SessionEvent::Membership { membership, event };
        self.disk.saved.borrow_mut().record(&event);
        self.emit(event);
    }

    pub(super) fn warn(&self, problem: Problem) {
        self.emit(SessionEvent::Warning(problem));
    }

    /// Schedules the changed settings to be written, and tells the front ends.
    pub(super) fn settings_changed(&mut self) {
        self.disk.write_settings_soon();
        self.emit(SessionEvent::Settings(self.disk.settings.clone()));
    }

    /// Writes what is due.
    fn write_due(&mut self) {
        let now = Instant::now();
        let news = self.disk.write_due_settings(now);
        news.into_iter().for_each(|problem| self.warn(problem));
        if self.disk.are_records_due(now) {
            self.write_records();
        }
    }

    /// Writes the changed records, and releases the entries that are now on disk.
    pub(super) fn write_records(&mut self) {
        let WrittenRecords { news, kept, not_kept } = self.disk.write_records(&mut self.memberships);
        kept.into_iter().for_each(|(id, number)| self.command(id, Command::Kept(number)));
        not_kept.into_iter().for_each(|(id, number)| self.command(id, Command::NotKept(number)));
        news.into_iter().for_each(|problem| self.warn(problem));
    }

    /// An identity is open, and so is what it seals.
    fn open_vault(&mut self, kind: KeyKind) {
        let Some(identity) = self.identities.ready(kind) else { return };
        match self.disk.open_vault(identity, &self.by_room) {
            Ok(warning) => warning.into_iter().for_each(|problem| self.warn(problem)),
            Err(problem) => return self.warn(problem),
        }
        if kind == KeyKind::Rsa {
            // Marks and drafts.
            self.settings_changed();
        }
    }

    fn test_addresses(&mut self, id: MembershipId) {
        let Some(membership) = self.memberships.get(&id).filter(|membership| membership.info.hosted_here) else {
            return;
        };
        let Some(identity) = self.identities.ready(membership.info.suite.key_kind()) else { return };
        self.address_tests.begin(id, membership, identity, &mut self.clients, &self.front_end);
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Net(event) => {
                self.net_event(event);
                self.reports.taken();
            }
            Input::Identity(report) => self.worker_is_done(report),
            Input::AskingKey { kind, identity } => {
                self.askings.key_made(kind, identity, &self.memberships, &mut self.clients, &self.front_end);
            }
            Input::Store { kind, news } => self.store_told(kind, news),
            Input::StoreOpened(kind) => self.store_opened(kind),
            Input::EnsureIdentity { kind, bits } => drop(self.identities.want(kind, bits)),
            Input::ReplaceIdentity { kind, bits } => self.replace_identity(kind, bits),
            Input::Unlock(passphrase) => self.unlock(passphrase),
            Input::Protect { kind, passphrase } => self.identities.protect(kind, passphrase),
            Input::KeepInKeyring(keep) => self.keep_in_keyring(keep),
            Input::BackUp { file, passphrase } => self.identities.back_up(file, passphrase),
            Input::Restore { file, passphrase } => self.identities.open_backup(file, passphrase),
            Input::Host { membership, request } => self.host(membership, request),
            Input::Join { membership, request } => self.join(membership, request),
            Input::Enter(membership) => self.enter(membership),
            Input::ForgetHost(membership) => self.forget_host(membership),
            Input::EnterBy { membership, invite } => self.enter_by(membership, &invite),
            Input::HostAt { membership, address } => self.host_at(membership, address),
            Input::TestAddresses(membership) => self.test_addresses(membership),
            Input::Command { membership, command: Command::Knock(room) } => self.knock(membership, room),
            Input::Command { membership, command } => self.command(membership, command),
            Input::Send { membership, id, content } => self.send(membership, id, content),
            Input::Cancel { membership, id } => self.cancel(membership, id),
            Input::Read { membership, reading } => self.disk.saved.borrow_mut().reads(membership, reading),
            Input::Invite(membership) => self.invite(membership),
            Input::AnswerKnock { membership, member, admit } => self.answer_knock(membership, member, admit),
            Input::Retitle { membership, title } => self.retitle(membership, &title),
            Input::Leave(membership) => self.leave(membership),
            Input::Forget(membership) => self.forget(membership),
            Input::RetryAll => self.clients.command_all(&Command::RetryNow),
            Input::ChangeSettings(change) => self.change_settings(change),
            Input::Quit => self.quitting.begin(&self.clients),
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
                for membership in self.listeners.bound(listener, address) {
                    self.listening(membership, address);
                }
            }
            net::Event::ListenFailed { listener, address, reason } => {
                for membership in self.listeners.failed(listener) {
                    self.fail(membership, Problem::of_listen(address, &reason));
                }
            }
            net::Event::OutOfFiles { listener } => self.out_of_files(listener),
            net::Event::Client { id, event } => self.client_event(id, event),
            net::Event::Keep { id, number, what } => self.keep(id, number, &what),
            event @ (net::Event::Host { .. } | net::Event::Log { .. }) => self.hosting_event(&event),
            net::Event::Stopped => self.quitting = Quitting::Done,
        }
    }

    /// A listener cannot accept anybody new. An owner who hosts there and is not in the room yet never will be.
    fn out_of_files(&mut self, listener: ListenerId) {
        let memberships = self.listeners.memberships_of(listener);
        let waiting: Vec<MembershipId> = memberships
            .into_iter()
            .filter(|id| self.memberships.get(id).is_some_and(|membership| !membership.is_ready()))
            .collect();
        if waiting.is_empty() {
            return self.warn(Problem::out_of_files());
        }
        waiting.into_iter().for_each(|membership| self.fail(membership, Problem::out_of_files()));
    }

    /// A worker is done with an identity.
    fn found(&mut self, found: Found) {
        let kind = found.kind;
        let outcome = self.identities.found(found);
        if outcome.is_ok() {
            self.open_vault(kind);
            if self.open_store(kind) {
                // What was said before comes first.
                return;
            }
        }
        self.start_waiting(kind, &outcome);
    }

    /// Memberships that wait for an identity and its store continue, fail, or wait for a passphrase.
    pub(super) fn start_waiting(&mut self, kind: KeyKind, outcome: &Result<(), Problem>) {
        let waits = |membership: &Membership| {
            membership.progress == Progress::NeedsIdentity && membership.info.suite.key_kind() == kind
        };
        let waiting: Vec<MembershipId> =
            self.memberships.iter().filter(|(_, membership)| waits(membership)).map(|(id, _)| *id).collect();
        for membership in waiting {
            match outcome {
                Ok(()) => self.start(membership),
                Err(problem) if is_locked(problem) => {}
                Err(problem) => self.fail(membership, problem.clone()),
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

    /// A record of the profile becomes a membership. Its learning consent was given when it was made.
    fn add_known(&mut self, id: MembershipId, record: Record, is_stale: bool) {
        let crypto = match record.suite() {
            Suite::Textbook => RoomCrypto::Learning(LearningConsent::given_by_a_person()),
            suite => match RoomCrypto::trusted(suite) {
                Ok(crypto) => crypto,
                Err(error) => return log::error!("a room is left out: {error}"),
            },
        };
        self.disk.saved.borrow_mut().knows(id, record.suite().key_kind(), record.room);
        let mut membership = Membership::new(record.info(), crypto, Plan::Known);
        (membership.record, membership.unsaved) = (Some(record), is_stale);
        self.memberships.insert(id, membership);
    }

    /// Hands a command to the membership's client, if one runs.
    pub(super) fn command(&mut self, id: MembershipId, command: Command) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        match (membership.client(), command) {
            (Some(client), command) => self.clients.command(client, command),
            (None, Command::GoOffline) if membership.progress != Progress::Idle => {
                membership.progress = Progress::Idle;
                self.listeners.release(id, self.clients.net());
                self.emit_membership(id, MembershipEvent::Protocol(Event::Stopped(Stop::Offline)));
            }
            (None, command) => log::debug!("nobody is there to take {command:?}"),
        }
    }

    fn replace_identity(&mut self, kind: KeyKind, bits: u32) {
        let known = self.memberships.values().any(|membership| membership.info.suite.key_kind() == kind);
        if known || !kind.backend().key_bits().contains(&bits) {
            return log::warn!("the identity is not replaced: it has rooms, or no key has {bits} bits");
        }
        if kind == KeyKind::Rsa {
            self.change_settings(Box::new(move |settings| settings.key_bits = bits));
        }
        self.identities.replace(kind, bits);
    }

    /// The keyring may ask the person something, so a worker waits for it.
    fn keep_in_keyring(&self, keep: bool) {
        if let Err(problem) = self.identities.keep_in_keyring(keep) {
            self.warn(problem);
            self.emit(SessionEvent::Settings(self.disk.settings.clone()));
        }
    }

    fn kept(&mut self, keep: bool, result: Result<(), Problem>) {
        if let Err(problem) = result {
            self.warn(problem);
        } else {
            self.disk.settings.keyring = keep;
            self.identities.use_keyring(keep);
        }
        self.settings_changed();
    }

    /// A backup was opened. Its keys are installed, unless a room knows a different identity.
    fn restore(&mut self, keys: Result<Keys, Problem>, passphrase: Passphrase) {
        let has_rooms = self.memberships.values().any(|membership| !membership.info.suite.is_learning());
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

    fn cancel(&mut self, id: MembershipId, message: MessageId) {
        self.show_held(id);
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        let ready = membership.is_ready();
        membership.outbox.remove(&message);
        if ready {
            self.command(id, Command::Cancel(message));
        }
        self.emit_membership(id, MembershipEvent::CancelAsked(message));
    }

    pub(super) fn invite(&mut self, id: MembershipId) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        if !membership.is_ready() {
            membership.invites_wanted += 1;
            return;
        }
        let addresses = membership.info.addresses.clone();
        self.command(id, Command::Invite { addresses, life_ms: INVITE_LIFE_MS });
    }

    pub(super) fn answer_knock(&mut self, id: MembershipId, member: Fingerprint, admit: bool) {
        self.command(id, Command::AnswerKnock { member, admit });
        if !admit {
            self.emit_membership(id, MembershipEvent::Protocol(Event::KnockOver { member }));
        }
    }

    fn retitle(&mut self, id: MembershipId, title: &str) {
        match check_name(title) {
            Ok(title) => self.command(id, Command::Retitle(title)),
            Err(error) => self.warn(Problem::bad_name(error)),
        }
    }

    fn change_settings(&mut self, change: Box<dyn FnOnce(&mut Settings) + Send>) {
        let name = self.disk.settings.name.clone();
        change(&mut self.disk.settings);
        match check_name(&self.disk.settings.name) {
            Ok(checked) => self.disk.settings.name = checked,
            Err(_) if self.disk.settings.name.is_empty() => {}
            Err(error) => {
                self.disk.settings.name.clone_from(&name);
                self.warn(Problem::bad_name(error));
            }
        }
        if self.disk.settings.name != name {
            self.renamed();
        }
        self.settings_changed();
    }

    /// Announces the new name to every room.
    fn renamed(&self) {
        let name = self.name();
        self.clients.command_all(&Command::Rename(name.clone()));
        for (id, membership) in self.memberships.iter().filter(|(_, membership)| membership.client().is_some()) {
            if let Some(identity) = self.identities.ready(membership.info.suite.key_kind()) {
                let (member, name) = (identity.fingerprint(), name.clone());
                self.emit_membership(*id, MembershipEvent::Protocol(Event::MemberNamed { member, name }));
            }
        }
    }

    /// The name others see.
    pub(super) fn name(&self) -> String {
        if !self.disk.settings.name.is_empty() {
            return self.disk.settings.name.clone();
        }
        // The window asks for a name first; the terminal does not.
        crate::app::suggested_name().unwrap_or_else(|| "Somebody".to_owned())
    }
}

/// Forgetting a room's membership in the shared map.
impl Engine {
    pub(super) fn unlist(&self, id: MembershipId) {
        lock(&self.by_room).retain(|_, known| known.membership != id);
    }
}

/// Delivers the identities' reports to the session's thread or to the session's listener.
fn reporter(inputs: Sender<Input>, front_end: FrontEnd) -> Reporter {
    Arc::new(move |report| {
        front_end.tell(match report {
            Report::Work(report) => return drop(inputs.send(Input::Identity(report))),
            Report::State { kind, state } => SessionEvent::Identity { kind, state },
            Report::BackedUp(result) => SessionEvent::BackedUp(result),
            Report::Restored(result) => SessionEvent::Restored(result),
            Report::Warning(problem) => SessionEvent::Warning(problem),
        });
    })
}
