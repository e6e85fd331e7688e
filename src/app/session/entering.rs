//! Entering rooms: new ones, others' and known ones. Each step either continues at once or leaves the membership in a
//! state that says what it waits for.

use std::net::SocketAddr;
use std::sync::Arc;

use super::engine::Engine;
use super::membership::{Membership, Plan, Progress};
use super::{HostPlace, HostRequest, JoinRequest, MembershipEvent, MembershipId, MembershipInfo, lock};
use crate::app::{Code, HostedAt, JoinTarget, Problem, Record, addresses, clock, say};
use crate::crypto::{Fingerprint, Suite, SystemRandom};
use crate::protocol::limits::MEMBERS_HARD_MAX;
use crate::protocol::{
    Client, Command, Ending, Entry, Event, Identity, Invite, Memory, RoomCrypto, RoomId, Stop, check_name, new_room,
};

/// What a client is made of.
struct Start {
    entry: Entry,
    pin: Option<Fingerprint>,
    addresses: Vec<String>,
}

impl Engine {
    pub(super) fn host(&mut self, id: MembershipId, mut request: HostRequest) {
        let addresses = match &request.place {
            HostPlace::Here(_) => Vec::new(),
            HostPlace::Relay { address, .. } => vec![address.clone()],
        };
        let title = check_name(&request.title);
        let info = MembershipInfo {
            room: None,
            suite: request.crypto.suite(),
            title: title.as_ref().cloned().unwrap_or_default(),
            addresses,
            owned: true,
            hosted_here: matches!(request.place, HostPlace::Here(_)),
            knocking: request.knock,
        };
        let crypto = request.crypto.clone();
        request.members_max = request.members_max.clamp(1, MEMBERS_HARD_MAX);
        self.memberships.insert(id, Membership::new(info.clone(), crypto, Plan::Host(request)));
        self.emit_membership(id, MembershipEvent::Begun(info));
        match title {
            Ok(_) => self.start(id),
            Err(error) => self.fail(id, Problem::bad_name(error)),
        }
    }

    pub(super) fn join(&mut self, id: MembershipId, request: JoinRequest) {
        let (suite, room, addresses) = match &request.target {
            JoinTarget::Invite(invite) => (invite.suite, Some(invite.room), invite.addresses.clone()),
            JoinTarget::Address(address) => {
                // Which of the secure suites the room uses is known once it is found.
                let suite = if request.learning.is_some() { Suite::Textbook } else { Suite::Classical };
                (suite, None, vec![address.clone()])
            }
        };
        let info = MembershipInfo {
            room,
            suite,
            title: String::new(),
            addresses,
            owned: false,
            hosted_here: false,
            knocking: false,
        };
        let crypto = match (suite, request.learning) {
            (Suite::Textbook, Some(consent)) => Ok(RoomCrypto::Learning(consent)),
            (Suite::Textbook, None) => Err(Problem::learning_room()),
            (suite, _) => RoomCrypto::trusted(suite).map_err(Problem::from),
        };
        self.emit_membership(id, MembershipEvent::Begun(info.clone()));
        match crypto {
            Ok(crypto) => {
                self.memberships.insert(id, Membership::new(info, crypto, Plan::Join(request)));
                self.start(id);
            }
            Err(problem) => self.emit_membership(id, MembershipEvent::Failed(problem)),
        }
    }

    /// Starts it again, or makes a running client retry at once.
    pub(super) fn enter(&mut self, id: MembershipId) {
        let Some(membership) = self.memberships.get(&id) else { return };
        match (membership.progress, &membership.plan) {
            (Progress::Running { .. }, _) => self.command(id, Command::RetryNow),
            (Progress::Idle, Plan::Over) => {}
            (Progress::Idle, _) => {
                self.emit_membership(id, MembershipEvent::Begun(membership.info.clone()));
                self.start(id);
            }
            (Progress::NeedsIdentity, _) => drop(self.identities.want(membership.info.suite.key_kind(), None)),
            (Progress::NeedsListener, _) => {}
        }
    }

    /// Returns to a known room with a fresh invite: its host may have moved.
    pub(super) fn enter_by(&mut self, id: MembershipId, invite: &Invite) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        if membership.is_here || matches!(membership.plan, Plan::Over) {
            return;
        }
        // Anybody who knows the room's id can forge such an invite: it is tried, and nothing of it is stored yet.
        membership.offered = Some(invite.clone());
        if membership.client().is_some() {
            self.stop_client(id);
        }
        self.enter(id);
    }

    /// A room was chosen at an address, or confirmed. What is remembered of it goes before the join request.
    pub(super) fn knock(&mut self, id: MembershipId, room: RoomId) {
        let known = lock(&self.by_room).get(&room).copied();
        if known.is_some_and(|known| known.owned && known.membership != id) {
            return self.fail(id, Problem::own_address());
        }
        if let Some(memory) = self.disk.memory_of(Some(room)) {
            self.command(id, Command::Remember(memory));
        }
        self.command(id, Command::Knock(room));
    }

    /// The host's pinned key is removed by the person, who will be asked about the current one.
    pub(super) fn forget_host(&mut self, id: MembershipId) {
        let Some(membership) = self.memberships.get_mut(&id).filter(|membership| membership.progress == Progress::Idle)
        else {
            return;
        };
        let Some(record) = membership.record.as_mut().filter(|record| !matches!(record.hosted_at, HostedAt::Here(_)))
        else {
            return;
        };
        record.host = None;
        membership.unsaved = true;
        self.disk.write_records_soon();
        self.enter(id);
    }

    /// An owned room moves to another address of this computer.
    pub(super) fn host_at(&mut self, id: MembershipId, address: SocketAddr) {
        let Some(membership) = self.memberships.get_mut(&id).filter(|membership| membership.progress == Progress::Idle)
        else {
            return;
        };
        if let Some(record) = membership.record.as_mut().filter(|record| matches!(record.hosted_at, HostedAt::Here(_)))
        {
            record.hosted_at = HostedAt::Here(address);
        }
    }

    /// The first step: the identity, then the listener if there is to be one.
    pub(super) fn start(&mut self, id: MembershipId) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        let bits = Some(self.disk.settings.key_bits).filter(|bits| *bits > 0 && !membership.info.suite.is_learning());
        let kind = membership.info.suite.key_kind();
        let identity = self.identities.want(kind, bits).filter(|_| !self.disk.saved.borrow().is_opening(kind));
        let Some(identity) = identity else {
            membership.progress = Progress::NeedsIdentity;
            return;
        };
        let listen = match (&membership.plan, &membership.record) {
            (Plan::Host(HostRequest { place: HostPlace::Here(address), .. }), _)
            | (Plan::Known, Some(Record { hosted_at: HostedAt::Here(address), .. })) => Some(*address),
            _ => None,
        };
        membership.progress = Progress::NeedsListener;
        let member = identity.fingerprint();
        self.emit_membership(id, MembershipEvent::Identity(member));
        self.emit_membership(id, MembershipEvent::Protocol(Event::MemberNamed { member, name: self.name() }));
        match listen {
            Some(address) => {
                if let Some(bound) = self.listeners.share(id, address, &identity, self.clients.net()) {
                    self.listening(id, bound);
                }
            }
            None => self.start_client(id, &identity, None),
        }
    }

    /// This computer listens for the room of a membership.
    pub(super) fn listening(&mut self, id: MembershipId, address: SocketAddr) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        let Some(identity) = self.identities.ready(membership.info.suite.key_kind()).map(Arc::clone) else { return };
        membership.info.addresses = addresses::for_invites(address);
        let waits = membership.progress == Progress::NeedsListener;
        if let Some(record) = membership.record.as_mut().filter(|_| waits) {
            record.hosted_at = HostedAt::Here(address);
        }
        let hosting = MembershipEvent::Hosting {
            address,
            addresses: membership.info.addresses.clone(),
            host: identity.fingerprint(),
        };
        if waits {
            self.emit_membership(id, hosting);
            self.start_client(id, &identity, Some(address));
        }
    }

    fn start_client(&mut self, id: MembershipId, identity: &Arc<Identity>, listening: Option<SocketAddr>) {
        let name = self.name();
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        let prepared = match &membership.plan {
            Plan::Host(request) => prepare_host(request, identity, listening).map(|(start, record)| {
                membership.info.room = Some(record.room);
                membership.record = Some(record);
                start
            }),
            Plan::Join(request) => prepare_join(request, identity),
            Plan::Known if membership.entry_unsaved.is_some() => {
                Err(self.disk.records_failed().cloned().unwrap_or_else(unsaved))
            }
            Plan::Known => {
                let memory = self.disk.memory_of(membership.info.room);
                prepare_return(membership, identity, listening, memory)
            }
            Plan::Over => return,
        };
        let start = match prepared {
            Ok(start) => start,
            Err(problem) => return self.fail(id, problem),
        };
        let looks = matches!(&membership.plan, Plan::Join(JoinRequest { look: true, .. }));
        let made = Client::new(Arc::clone(identity), membership.crypto.clone(), name, start.entry, start.pin);
        // The single place for every way in except an address, whose room is not known yet: see `knock`.
        let memory = self.disk.memory_of(membership.info.room);
        let made = if let Some(memory) = memory { made.remembering(memory) } else { made };
        let invites = self.disk.invites_of(membership.info.room);
        let made = match made.with_invites(invites, clock::now()) {
            Ok(made) => made,
            Err(error) => return self.fail(id, error.into()),
        };
        let made = if looks { made.looking_first() } else { made };
        let made = if self.disk.saved.borrow().keeps(identity.kind()) { made.keeping_messages() } else { made };
        let client = self.clients.run(id, made, start.addresses);
        membership.progress = Progress::Running { client, ready: false };
    }

    /// Ends a try with a problem. The membership stays, to be retried or forgotten.
    pub(super) fn fail(&mut self, id: MembershipId, problem: Problem) {
        self.stop_client(id);
        self.offer_no_more(id);
        self.emit_membership(id, MembershipEvent::Failed(problem));
    }

    /// An invite to a known room led nowhere: everything is as before.
    pub(super) fn offer_no_more(&mut self, id: MembershipId) {
        if let Some(membership) = self.memberships.get_mut(&id) {
            membership.offered = None;
        }
    }

    pub(super) fn leave(&mut self, id: MembershipId) {
        let Some(membership) = self.memberships.get(&id) else { return };
        if membership.client().is_some() {
            return self.command(id, Command::Leave);
        }
        self.over(id, Ending::Left);
        self.emit_membership(id, MembershipEvent::Protocol(Event::Stopped(Stop::Left)));
    }

    pub(super) fn forget(&mut self, id: MembershipId) {
        self.stop_client(id);
        self.disk.saved.borrow_mut().forget(id);
        self.over(id, Ending::Left);
        if let Some(room) = self.memberships.get(&id).and_then(|membership| membership.info.room) {
            self.listeners.forget_log(room, self.clients.net());
        }
        if self.memberships.remove(&id).is_some() {
            self.emit_membership(id, MembershipEvent::Forgotten);
        }
    }

    /// A membership's room is over: only how far its roster was seen, and how it ended, is kept.
    pub(super) fn over(&mut self, id: MembershipId, ending: Ending) {
        self.unlist(id);
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        membership.plan = Plan::Over;
        membership.outbox.clear();
        let Some(record) = membership.record.take() else { return };
        let room = record.room;
        self.disk.memories.keep(&record);
        self.disk.memories.end(&room, ending);
        self.disk.keep_invites(room, &[]);
        if ending == Ending::Left {
            self.disk.saved.borrow_mut().forget(id);
        }
        // Before the record goes.
        self.disk.write_memories();
        let removed = self.disk.records.remove(&room);
        if self.disk.settings.forget_room(&room) {
            self.settings_changed();
        }
        if let Err(problem) = removed {
            self.warn(problem);
        }
    }

    /// Removes a membership's client from the net, and the listener that only it used.
    pub(super) fn stop_client(&mut self, id: MembershipId) {
        self.address_tests.end(id, &mut self.clients);
        self.askings.end(id, &mut self.clients);
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        if let Some(client) = membership.client() {
            self.clients.remove(client);
        }
        (membership.progress, membership.is_here) = (Progress::Idle, false);
        self.listeners.release(id, self.clients.net());
    }
}

/// A new room: its genesis, signed here, and its record.
fn prepare_host(
    request: &HostRequest,
    identity: &Identity,
    listening: Option<SocketAddr>,
) -> Result<(Start, Record), Problem> {
    let (suite, random) = (request.crypto.suite(), &mut SystemRandom::new());
    let (room, genesis) = new_room(identity, suite, request.knock, request.members_max, clock::now(), random)?;
    let (hosted_at, own_addresses, invite_addresses, pin, token) = match (&request.place, listening) {
        (HostPlace::Here(_), Some(address)) => {
            let pin = Some(identity.fingerprint());
            (HostedAt::Here(address), addresses::for_oneself(address), addresses::for_invites(address), pin, None)
        }
        (HostPlace::Relay { address, token, pin }, _) => {
            let at = vec![address.clone()];
            (HostedAt::Relay(token.clone()), at.clone(), at, *pin, token.clone())
        }
        (HostPlace::Here(_), None) => {
            return Err(Problem::new(Code::Unexpected, say!("The room has no listener."), say!("Try again.")));
        }
    };
    let mut record = Record::new(room, suite, genesis.clone(), hosted_at);
    record.title.clone_from(&request.title);
    record.addresses = invite_addresses;
    record.host = pin;
    let entry = Entry::Open { genesis, roster: Vec::new(), token, title: request.title.clone() };
    Ok((Start { entry, pin, addresses: own_addresses }, record))
}

/// An entry was signed that must not be sent before it is on disk.
fn unsaved() -> Problem {
    let hint = say!("Try again in a moment.");
    Problem::new(Code::Unexpected, say!("A change to the members is not saved yet."), hint)
}

fn prepare_join(request: &JoinRequest, identity: &Identity) -> Result<Start, Problem> {
    match &request.target {
        JoinTarget::Invite(invite) => {
            if invite.host == identity.fingerprint() {
                return Err(Problem::own_address());
            }
            if let Some(brought) = request.pin.filter(|brought| *brought != invite.host) {
                return Err(Problem::host_key(&brought, &invite.host));
            }
            let addresses = invite.addresses.clone();
            let pin = Some(invite.host);
            Ok(Start { entry: Entry::Invite(Invite::clone(invite)), pin, addresses })
        }
        JoinTarget::Address(address) => {
            Ok(Start { entry: Entry::Knock, pin: request.pin, addresses: vec![address.clone()] })
        }
    }
}

/// A known room: owners open it again, members come back.
fn prepare_return(
    membership: &Membership,
    identity: &Identity,
    listening: Option<SocketAddr>,
    memory: Option<Memory>,
) -> Result<Start, Problem> {
    let gone = || {
        let hint = say!("Ask its owner for an invite.");
        Problem::new(Code::UnknownRoom, say!("Nothing is known of this room."), hint)
    };
    let record = membership.record.as_ref().ok_or_else(gone)?;
    let memory = memory.unwrap_or(record.memory());
    if matches!(record.hosted_at, HostedAt::Here(_)) && record.lacks_entries(&memory) {
        // Nobody else has them: signing others with the same numbers would split the room.
        return Err(Problem::record_of_before(&record.title));
    }
    let (token, mut addresses) = match (&record.hosted_at, listening) {
        (HostedAt::Here(_), Some(address)) => (None, addresses::for_oneself(address)),
        (HostedAt::Relay(token), _) => (token.clone(), record.addresses.clone()),
        _ => (None, record.addresses.clone()),
    };
    let genesis = record.genesis.clone();
    let entry = if record.is_owned() {
        Entry::Open { genesis, roster: record.roster().to_vec(), token, title: record.title.clone() }
    } else {
        Entry::Return { genesis, memory }
    };
    let mut pin = if listening.is_some() { Some(identity.fingerprint()) } else { record.host };
    if let Some(invite) = &membership.offered {
        // A key other than the pinned one is shown to the person first.
        let is_same = pin.is_none_or(|pin| pin == invite.host);
        let known = std::mem::replace(&mut addresses, invite.addresses.clone());
        addresses.extend(known.into_iter().filter(|address| is_same && !invite.addresses.contains(address)));
        pin = is_same.then_some(invite.host);
    }
    Ok(Start { entry, pin, addresses })
}
