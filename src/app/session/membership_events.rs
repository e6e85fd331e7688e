//! What the protocol reports to a membership: what must be stored is stored, and the rest goes to the front ends.

use super::engine::Engine;
use super::membership::{Plan, Progress};
use super::{JoinRequest, KnownMembership, MembershipEvent, MembershipId, lock};
use crate::app::{HostedAt, JoinTarget, Problem, Record, clock};
use crate::crypto::Fingerprint;
use crate::net::ClientId;
use crate::protocol::limits::INVITE_ADDRESSES_MAX;
use crate::protocol::{
    Command, Ending, Event, Invite, Keep, Memory, MessageId, RoomCode, RoomCrypto, RoomId, Roster, Stop,
};
use crate::wire::Signed;

impl Engine {
    pub(super) fn client_event(&mut self, client: ClientId, event: Event) {
        let Self { address_tests, askings, clients, front_end, .. } = self;
        if address_tests.event(client, &event, clients, front_end) || askings.event(client, &event, clients, front_end)
        {
            return;
        }
        // A removed client may have reported something before it knew.
        let Some(id) = self.clients.membership_of(client) else { return };
        match &event {
            Event::FirstUse { host } if self.is_own(*host) => return self.fail(id, Problem::own_address()),
            Event::FirstUse { host } if self.offered_host(id).is_some_and(|offered| offered != *host) => {
                let offered = self.offered_host(id).unwrap_or(*host);
                return self.fail(id, Problem::host_key(&offered, host));
            }
            Event::FirstUse { host } if self.asks_first(id, *host) => return,
            Event::Knock { member } if self.turns_away(id) => return self.answer_knock(id, *member, false),
            Event::Entered { room, genesis, owner, host } => self.entered(id, *room, genesis, (*owner, *host)),
            Event::Ready { .. } => self.emit_membership(id, MembershipEvent::Protocol(event.clone())),
            Event::Offline { .. } => self.is_away(id),
            Event::Titled { title } => self.titled(id, title),
            Event::MemberNamed { member, name } => self.named(*member, name),
            Event::OnHost { id: message, .. }
            | Event::Rejected { id: message, .. }
            | Event::OutboxFull { id: message } => self.forget_unsent(id, message),
            Event::Stopped(stop) => self.stopped(id, client, stop),
            // Its sender did not know that we have it.
            Event::Message { id: message, from, .. } if self.disk.saved.borrow().has(id, from, *message) => return,
            _ => {}
        }
        self.reads(id, &event);
        match event {
            Event::Ready { .. } => self.ready(id),
            Event::InviteUsed { .. } => {
                self.emit_membership(id, MembershipEvent::Protocol(event));
                self.invite(id);
            }
            event => self.emit_membership(id, MembershipEvent::Protocol(event)),
        }
    }

    /// Who can read what is sent, and who cannot any more.
    fn reads(&self, id: MembershipId, event: &Event) {
        let mut saved = self.disk.saved.borrow_mut();
        match event {
            Event::MemberReachable { member } => saved.can_read(id, *member),
            Event::MemberJoined { .. } => saved.roster_changed(id),
            Event::MemberAway { member, .. } => saved.is_away(id, member),
            Event::MemberLeft { member } | Event::MemberRemoved { member } => {
                saved.is_away(id, member);
                saved.roster_changed(id);
            }
            _ => {}
        }
    }

    /// What a client needs stored. A member's roster entries and invites may be lost in a crash: they arrive again, or
    /// are made again, so only the owner's own entries are confirmed.
    pub(super) fn keep(&mut self, client: ClientId, kept_as: u64, what: &Keep) {
        let Some(id) = self.clients.membership_of(client) else { return };
        match what {
            Keep::SignedEntry { number, entry } => self.entry_signed(id, kept_as, *number, entry),
            Keep::Entry { number, entry, hash } => self.roster_entry(id, *number, entry, hash),
            Keep::OpenInvites(invites) => self.open_invites(id, invites),
            Keep::Received => {
                if self.disk.saved.borrow_mut().is_received(id, client, kept_as) {
                    self.clients.command(client, Command::Stored(kept_as));
                }
            }
        }
    }

    /// Whether the host of an address is asked what it allows, before the person is asked about its key.
    fn asks_first(&mut self, id: MembershipId, host: Fingerprint) -> bool {
        let Some(membership) = self.memberships.get_mut(&id) else { return false };
        self.askings.asks_first(id, membership, host, &mut self.clients, &self.inputs)
    }

    /// Whether the owner currently accepts no join requests.
    fn turns_away(&self, id: MembershipId) -> bool {
        let room = self.memberships.get(&id).and_then(|membership| membership.info.room);
        room.is_some_and(|room| self.disk.settings.turned_away.contains(&room))
    }

    /// Whether a key is one of this profile's own.
    fn is_own(&self, key: Fingerprint) -> bool {
        crate::crypto::KeyKind::ALL
            .into_iter()
            .filter_map(|suite| self.identities.ready(suite))
            .any(|identity| identity.fingerprint() == key)
    }

    /// The key that an invite to a known room names, while it is tried.
    fn offered_host(&self, id: MembershipId) -> Option<Fingerprint> {
        self.memberships.get(&id)?.offered.as_ref().map(|invite| invite.host)
    }

    fn is_away(&mut self, id: MembershipId) {
        if let Some(membership) = self.memberships.get_mut(&id) {
            membership.is_here = false;
        }
    }

    fn entered(&mut self, id: MembershipId, room: RoomId, genesis: &Signed, (owner, host): (Fingerprint, Fingerprint)) {
        let is_owner = self.is_own(owner);
        self.take_over(id, room, is_owner);
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        let joined_at = match &membership.plan {
            Plan::Join(JoinRequest { target: JoinTarget::Address(address), .. }) => Some(address.clone()),
            _ => None,
        };
        membership.plan = Plan::Known;
        membership.info.room = Some(room);
        // At an address, it was not known before which of the secure suites the room uses.
        if let Ok(suite) = Roster::open(genesis).map(|roster| roster.suite())
            && let Ok(crypto) = RoomCrypto::trusted(suite)
        {
            (membership.info.suite, membership.crypto) = (suite, crypto);
        }
        if let Some(invite) = membership.offered.take() {
            // Which address reached the host is not known here: those that worked before stay first.
            let is_same = membership.record.as_ref().is_some_and(|record| record.host == Some(invite.host));
            membership.info.addresses.truncate(if is_same { INVITE_ADDRESSES_MAX } else { 0 });
            let known = membership.info.addresses.clone();
            membership.info.addresses.extend(invite.addresses.into_iter().filter(|address| !known.contains(address)));
        }
        // An owner whose record is lost is still the owner: the relay has the room.
        let hosted_at = if is_owner { HostedAt::Relay(None) } else { HostedAt::Elsewhere };
        let record = membership
            .record
            .get_or_insert_with(|| Record::new(room, membership.info.suite, genesis.clone(), hosted_at));
        record.host = Some(host);
        record.entered_ms = clock::now_ms();
        record.addresses.clone_from(&membership.info.addresses);
        membership.info.owned = record.is_owned();
        membership.unsaved = true;
        self.disk.memories.keep(record);
        self.disk.memories.begin_again(&room);
        let memory = self.disk.memories.of(&room).unwrap_or(Memory::new(room));
        record.learn(&memory);
        // With only the owner, the roster's hash is the room's id; later entries correct it.
        self.emit_membership(id, MembershipEvent::RoomCode(RoomCode::of(memory.hash())));
        // Another membership in the same room may have seen more since this one began.
        self.command(id, Command::Remember(memory));
        // Before reporting it as ready: otherwise an owner whose program was killed now would host another room with
        // the same name, to which no invite leads.
        self.write_records();
        if let Some(address) = joined_at {
            self.disk.settings.remember_address(&address);
            self.settings_changed();
        }
    }

    /// Coming to a known room by its address makes one membership there, not two: what the other one stored continues
    /// here, and its unsent messages are still to be sent.
    fn take_over(&mut self, id: MembershipId, room: RoomId, owned: bool) {
        let Some(kind) = self.memberships.get(&id).map(|membership| membership.info.suite.key_kind()) else { return };
        let known = lock(&self.by_room).insert(room, KnownMembership { membership: id, kind, owned });
        let Some(other) = known.map(|known| known.membership).filter(|other| *other != id) else { return };
        self.stop_client(other);
        self.disk.saved.borrow_mut().moved(other, id);
        self.emit_membership(other, MembershipEvent::Forgotten);
        let other = self.memberships.remove(&other);
        let (Some(other), Some(membership)) = (other, self.memberships.get_mut(&id)) else { return };
        membership.record = membership.record.take().or(other.record);
        for surplus in membership.outbox.put_before(other.outbox.into_waiting()) {
            self.emit_membership(id, MembershipEvent::Protocol(Event::OutboxFull { id: surplus }));
        }
    }

    /// On disk before anybody hears of it: an owner who forgot an entry would sign another with the same number, and
    /// the members would see two histories. A failed write is retried.
    fn entry_signed(&mut self, id: MembershipId, kept_as: u64, number: u64, entry: &Signed) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        let Some(record) = &mut membership.record else { return };
        record.add_entry(number, entry);
        let mut memory = record.memory();
        memory.learn_entry(number, entry);
        self.disk.memories.learn(&memory);
        (membership.unsaved, membership.entry_unsaved) = (true, Some(kept_as));
        self.write_records();
        if self.memberships.get(&id).is_some_and(|membership| membership.entry_unsaved.is_some()) {
            self.warn(Problem::entry_unstored());
        }
    }

    fn roster_entry(&mut self, id: MembershipId, number: u64, entry: &Signed, hash: &[u8; 32]) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        let Some(record) = &mut membership.record else { return };
        let mut memory = record.memory();
        memory.learn(number, hash);
        let is_newer = record.learn(&memory);
        self.disk.memories.learn(&memory);
        // An entry that the owner just signed is already stored; an earlier one may be missing.
        let is_next = record.add_entry(number, entry);
        let is_newest = number == memory.number();
        // After each full sync the whole roster arrives again.
        if is_newer || is_next {
            membership.unsaved = true;
            self.disk.write_records_soon();
        }
        if is_newest {
            self.emit_membership(id, MembershipEvent::RoomCode(RoomCode::of(hash)));
        }
    }

    fn open_invites(&mut self, id: MembershipId, invites: &[Invite]) {
        if let Some(room) = self.memberships.get(&id).and_then(|membership| membership.info.room) {
            self.disk.keep_invites(room, invites);
        }
    }

    fn titled(&mut self, id: MembershipId, title: &str) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        title.clone_into(&mut membership.info.title);
        if let Some(record) = &mut membership.record {
            title.clone_into(&mut record.title);
            membership.unsaved = true;
            self.disk.write_records_soon();
        }
    }

    /// A mark made before its member announced a name is found by that name from now on.
    fn named(&mut self, member: Fingerprint, name: &str) {
        if self.disk.settings.is_marked_nameless(&member) {
            self.disk.settings.name_mark(&member, name);
            self.settings_changed();
        }
    }

    /// Forgets an unsent message: it is on the host, or never can be.
    fn forget_unsent(&mut self, id: MembershipId, message: &MessageId) {
        if let Some(membership) = self.memberships.get_mut(&id) {
            membership.outbox.remove(message);
        }
    }

    /// In the room. The first time, waiting messages are sent, and an owner gets an invite.
    fn ready(&mut self, id: MembershipId) {
        let Some(membership) = self.memberships.get_mut(&id) else { return };
        membership.is_here = true;
        let Progress::Running { client, ready: false } = membership.progress else { return };
        membership.progress = Progress::Running { client, ready: true };
        let waiting = membership.outbox.waiting();
        let invites = std::mem::take(&mut membership.invites_wanted).max(usize::from(membership.info.owned));
        for unsent in waiting {
            self.command(id, unsent.into_command());
        }
        for _ in 0..invites {
            self.invite(id);
        }
    }

    /// The client has stopped. A room that is over is forgotten; any other can be entered again.
    fn stopped(&mut self, id: MembershipId, client: ClientId, stop: &Stop) {
        log::debug!("client {} of membership {} stopped: {stop:?}", client.0, id.0);
        self.stop_client(id);
        self.offer_no_more(id);
        let ending = match stop {
            Stop::Left => Ending::Left,
            Stop::Removed => Ending::Removed,
            Stop::Closed => Ending::Closed,
            _ => return,
        };
        self.over(id, ending);
    }
}
