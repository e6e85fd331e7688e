//! Entering rooms: new ones, others' and known ones. Each step either goes on at once or leaves the
//! seat in the state of what it waits for.

use std::net::SocketAddr;
use std::sync::Arc;

use super::engine::Engine;
use super::membership::{Plan, Progress, Seat};
use super::{HostPlace, HostRequest, JoinRequest, SeatEvent, SeatId, SeatInfo, lock};
use crate::app::{Code, HostedAt, JoinTarget, Problem, Record, addresses, clock, say};
use crate::crypto::{Fingerprint, Suite, SystemRandom};
use crate::net::{self, ClientId};
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
    pub(super) fn host(&mut self, id: SeatId, mut request: HostRequest) {
        let addresses = match &request.place {
            HostPlace::Here(_) => Vec::new(),
            HostPlace::Relay { address, .. } => vec![address.clone()],
        };
        let title = check_name(&request.title);
        let info = SeatInfo {
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
        self.seats.insert(id, Seat::new(info.clone(), crypto, Plan::Host(request)));
        self.emit_seat(id, SeatEvent::Taken(info));
        match title {
            Ok(_) => self.start(id),
            Err(error) => self.fail(id, Problem::bad_name(error)),
        }
    }

    pub(super) fn join(&mut self, id: SeatId, request: JoinRequest) {
        let (suite, room, addresses) = match &request.target {
            JoinTarget::Invite(invite) => (invite.suite, Some(invite.room), invite.addresses.clone()),
            JoinTarget::Address(address) => {
                // Which of the trusted ones the room has is known once it is there.
                let suite = if request.learning.is_some() { Suite::Textbook } else { Suite::Classical };
                (suite, None, vec![address.clone()])
            }
        };
        let info = SeatInfo {
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
        self.emit_seat(id, SeatEvent::Taken(info.clone()));
        match crypto {
            Ok(crypto) => {
                self.seats.insert(id, Seat::new(info, crypto, Plan::Join(request)));
                self.start(id);
            }
            Err(problem) => self.emit_seat(id, SeatEvent::Failed(problem)),
        }
    }

    /// Takes the seat again, or makes a running client try at once.
    pub(super) fn enter(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get(&id) else { return };
        match (seat.progress, &seat.plan) {
            (Progress::Running { .. }, _) => self.command(id, Command::RetryNow),
            (Progress::Idle, Plan::Over) => {}
            (Progress::Idle, _) => {
                self.emit_seat(id, SeatEvent::Taken(seat.info.clone()));
                self.start(id);
            }
            (Progress::NeedsIdentity, _) => drop(self.identities.want(seat.info.suite.key_kind(), None)),
            (Progress::NeedsListener, _) => {}
        }
    }

    /// Goes back into a known room by a fresh invite: its host may be elsewhere by now.
    pub(super) fn enter_by(&mut self, id: SeatId, invite: &Invite) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        if seat.is_here || matches!(seat.plan, Plan::Over) {
            return;
        }
        // Whoever knows the room's id can write such an invite: it is tried, and nothing is kept of it yet.
        seat.offered = Some(invite.clone());
        if seat.client().is_some() {
            self.stop_client(id);
        }
        self.enter(id);
    }

    /// A room was chosen at an address, or confirmed. What is remembered of it goes before the question.
    pub(super) fn knock(&mut self, id: SeatId, room: RoomId) {
        let known = lock(&self.by_room).get(&room).copied();
        if known.is_some_and(|known| known.owned && known.seat != id) {
            return self.fail(id, Problem::own_address());
        }
        if let Some(memory) = self.memories.of(&room) {
            self.command(id, Command::Remember(memory));
        }
        self.command(id, Command::Knock(room));
    }

    /// The host's pinned key is taken away by hand; the one that is there now will be asked about.
    pub(super) fn forget_host(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get_mut(&id).filter(|seat| seat.progress == Progress::Idle) else { return };
        let Some(record) = seat.record.as_mut().filter(|record| !matches!(record.hosted_at, HostedAt::Here(_))) else {
            return;
        };
        record.host = None;
        seat.unsaved = true;
        self.write_records_soon();
        self.enter(id);
    }

    /// An owned room moves to another address of this computer.
    pub(super) fn host_at(&mut self, id: SeatId, address: SocketAddr) {
        let Some(seat) = self.seats.get_mut(&id).filter(|seat| seat.progress == Progress::Idle) else { return };
        if let Some(record) = seat.record.as_mut().filter(|record| matches!(record.hosted_at, HostedAt::Here(_))) {
            record.hosted_at = HostedAt::Here(address);
        }
    }

    /// The first step: the identity, then the listener if there is to be one.
    pub(super) fn start(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let bits = (!seat.info.suite.is_learning() && self.settings.key_bits > 0).then_some(self.settings.key_bits);
        let Some(identity) = self.identities.want(seat.info.suite.key_kind(), bits) else {
            seat.progress = Progress::NeedsIdentity;
            return;
        };
        let listen = match (&seat.plan, &seat.record) {
            (Plan::Host(HostRequest { place: HostPlace::Here(address), .. }), _)
            | (Plan::Known, Some(Record { hosted_at: HostedAt::Here(address), .. })) => Some(*address),
            _ => None,
        };
        seat.progress = Progress::NeedsListener;
        let member = identity.fingerprint();
        self.emit_seat(id, SeatEvent::Identity(member));
        self.emit_seat(id, SeatEvent::Protocol(Event::MemberNamed { member, name: self.name() }));
        match listen {
            Some(address) => {
                if let Some(bound) = self.listeners.share(id, address, &identity, &self.net) {
                    self.listening(id, bound);
                }
            }
            None => self.start_client(id, &identity, None),
        }
    }

    /// This computer listens for the room of a seat.
    pub(super) fn listening(&mut self, id: SeatId, address: SocketAddr) {
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let Some(identity) = self.identities.ready(seat.info.suite.key_kind()).map(Arc::clone) else { return };
        seat.info.addresses = addresses::for_invites(address);
        let waits = seat.progress == Progress::NeedsListener;
        if let Some(record) = seat.record.as_mut().filter(|_| waits) {
            record.hosted_at = HostedAt::Here(address);
        }
        let hosting =
            SeatEvent::Hosting { address, addresses: seat.info.addresses.clone(), host: identity.fingerprint() };
        if waits {
            self.emit_seat(id, hosting);
            self.start_client(id, &identity, Some(address));
        }
    }

    fn start_client(&mut self, id: SeatId, identity: &Arc<Identity>, listening: Option<SocketAddr>) {
        let name = self.name();
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let prepared = match &seat.plan {
            Plan::Host(request) => prepare_host(request, identity, listening).map(|(start, record)| {
                seat.info.room = Some(record.room);
                seat.record = Some(record);
                start
            }),
            Plan::Join(request) => prepare_join(request, identity),
            Plan::Known if seat.entry_unsaved => Err(self.records_failed.clone().unwrap_or_else(unsaved)),
            Plan::Known => {
                let memory = seat.info.room.and_then(|room| self.memories.of(&room));
                prepare_return(seat, identity, listening, memory)
            }
            Plan::Over => return,
        };
        let start = match prepared {
            Ok(start) => start,
            Err(problem) => return self.fail(id, problem),
        };
        let client = ClientId(self.next_client);
        self.next_client += 1;
        seat.progress = Progress::Running { client, ready: false };
        self.by_client.insert(client, id);
        let looks = matches!(&seat.plan, Plan::Join(JoinRequest { look: true, .. }));
        let made = Client::new(Arc::clone(identity), seat.crypto.clone(), name, start.entry, start.pin);
        // One place for every way in but an address, whose room is not known yet: see `knock`.
        let memory = seat.info.room.and_then(|room| self.memories.of(&room));
        let made = if let Some(memory) = memory { made.remembering(memory) } else { made };
        let invites = seat.info.room.and_then(|room| self.invites.get(&room)).cloned().unwrap_or_default();
        let made = match made.with_invites(invites, clock::now()) {
            Ok(made) => made,
            Err(error) => return self.fail(id, error.into()),
        };
        let made = if looks { made.looking_first() } else { made };
        self.net.send(net::Command::Add { id: client, client: Box::new(made), addresses: start.addresses });
    }

    /// Ends a try with a problem. The seat stays, to be tried again or forgotten.
    pub(super) fn fail(&mut self, id: SeatId, problem: Problem) {
        self.stop_client(id);
        self.offer_no_more(id);
        self.emit_seat(id, SeatEvent::Failed(problem));
    }

    /// An invite to a known room came to nothing: all is as before.
    pub(super) fn offer_no_more(&mut self, id: SeatId) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.offered = None;
        }
    }

    pub(super) fn leave(&mut self, id: SeatId) {
        let Some(seat) = self.seats.get(&id) else { return };
        if seat.client().is_some() {
            return self.command(id, Command::Leave);
        }
        self.over(id, Ending::Left);
        self.emit_seat(id, SeatEvent::Protocol(Event::Stopped(Stop::Left)));
    }

    pub(super) fn forget(&mut self, id: SeatId) {
        self.stop_client(id);
        self.over(id, Ending::Left);
        if self.seats.remove(&id).is_some() {
            self.emit_seat(id, SeatEvent::Forgotten);
        }
    }

    /// The room of a seat is over: nothing is kept of it but how far its roster was seen, and how it ended.
    pub(super) fn over(&mut self, id: SeatId, ending: Ending) {
        self.unlist(id);
        let Some(seat) = self.seats.get_mut(&id) else { return };
        seat.plan = Plan::Over;
        seat.outbox.clear();
        let Some(record) = seat.record.take() else { return };
        let room = record.room;
        self.memories.keep(&record);
        self.memories.end(&room, ending);
        self.keep_invites(room, &[]);
        // Before the record goes.
        self.write_memories();
        let removed = self.records.remove(&room);
        if self.settings.forget_room(&room) {
            self.settings_changed();
        }
        if let Err(problem) = removed {
            self.emit(super::SessionEvent::Warning(problem));
        }
    }

    /// Takes the client of a seat away from the net, and the listener it alone used.
    pub(super) fn stop_client(&mut self, id: SeatId) {
        self.end_probes(|probe| probe.seat == id);
        self.end_askings(id);
        let Some(seat) = self.seats.get_mut(&id) else { return };
        if let Some(client) = seat.client() {
            self.by_client.remove(&client);
            self.net.send(net::Command::Remove(client));
        }
        (seat.progress, seat.is_here) = (Progress::Idle, false);
        self.listeners.release(id, &self.net);
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

/// An entry was signed that may not go out before it is on disk.
fn unsaved() -> Problem {
    let hint = say!("Try again in a moment.");
    Problem::new(Code::Unexpected, say!("A change of the members is not saved yet."), hint)
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
    seat: &Seat,
    identity: &Identity,
    listening: Option<SocketAddr>,
    memory: Option<Memory>,
) -> Result<Start, Problem> {
    let gone = || {
        let hint = say!("Ask its owner for an invite.");
        Problem::new(Code::UnknownRoom, say!("Nothing is known of this room."), hint)
    };
    let record = seat.record.as_ref().ok_or_else(gone)?;
    let memory = memory.unwrap_or(record.memory());
    if matches!(record.hosted_at, HostedAt::Here(_)) && record.lacks_entries(&memory) {
        // Nobody else has them: to sign others of the same numbers would split the room.
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
    if let Some(invite) = &seat.offered {
        // Another key than the pinned one is shown to the person first.
        let is_same = pin.is_none_or(|pin| pin == invite.host);
        let known = std::mem::replace(&mut addresses, invite.addresses.clone());
        addresses.extend(known.into_iter().filter(|address| is_same && !invite.addresses.contains(address)));
        pin = is_same.then_some(invite.host);
    }
    Ok(Start { entry, pin, addresses })
}
