//! How a client catches up with the host's log, and keeps up.

use super::awaited::Awaited;
use super::room::RoomState;
use super::{Client, Entry, Event, Keep, Phase, Stop};
use crate::crypto::{Fingerprint, Random};
use crate::protocol::Now;
use crate::protocol::limits::{RETURN_UNKNOWN_MS, ROSTER_ENTRIES_MAX, WAKE_MS};
use crate::protocol::payload::Fault;
use crate::protocol::room::log_hash::LogHash;
use crate::protocol::room::roster::{Change, Roster};
use crate::wire::{ByeCode, PresenceState};
use crate::wire::{Frame, Item, ItemKind, Presence, Signed, Welcome, decode};

impl Client {
    /// The host admits us: accept its claim on where the log is, and check the rest.
    pub(super) fn welcomed(&mut self, welcome: &Welcome, resuming: bool) -> Result<(), Fault> {
        let genesis = Roster::open(&welcome.genesis)?;
        if Some(genesis.room()) != self.way.target || genesis.suite() != self.crypto.suite() {
            return Err(Fault::WrongGenesis);
        }
        if welcome.prekey_index == u64::MAX || welcome.chain_number == u64::MAX {
            // No number would be left for the next one, and an honest host has seen nobody use that many.
            return Err(Fault::Limit);
        }
        if welcome.roster_length > ROSTER_ENTRIES_MAX || welcome.position < welcome.roster_length {
            // No roster is longer, and each of its entries has a position in the log. Waiting for it would be in vain.
            return Err(Fault::Limit);
        }
        if resuming {
            let (roster_length, position) = (welcome.roster_length, welcome.position);
            self.link.phase = Phase::Syncing { roster_length, roster_left: 0, position, resumed: true };
            return Ok(());
        }
        let log = LogHash::at(welcome.position, welcome.log_hash.into_array());
        let mut room = match (self.room.take(), &self.way.entry) {
            (Some(before), _) => before.begin_anew(log, welcome, self.link.lost_ms(), &mut self.out),
            (None, Entry::Open { roster, .. }) => {
                let mut room = RoomState::new(genesis.with_entries(roster)?, log, &self.identity);
                if welcome.position == 0 {
                    // The host starts with us. Whoever was here before our app ended is unknown, and on the way back.
                    room.missing.awaited = Awaited::new(room.roster.members().collect(), RETURN_UNKNOWN_MS);
                }
                room
            }
            (None, _) => RoomState::new(genesis, log, &self.identity),
        };
        room.sealing.begin(welcome);
        self.room = Some(room);
        let (roster_length, position) = (welcome.roster_length, welcome.position);
        self.link.phase = Phase::Syncing { roster_length, roster_left: roster_length, position, resumed: false };
        Ok(())
    }

    /// The next item of the log, or one of the snapshot that follows a welcome.
    pub(super) fn item(&mut self, item: Item, now: Now) -> Result<(), Fault> {
        let kind = ItemKind::from_code(item.kind).ok_or(Fault::Unexpected)?;
        if item.wrap.is_some() && kind != ItemKind::SkPacket {
            return Err(Fault::Unexpected);
        }
        let room = self.room.as_mut().ok_or(Fault::Unexpected)?;
        if item.position <= room.log.position() {
            return self.snapshot_item(kind, &item, now);
        }
        if item.position != room.log.position() + 1 {
            return Err(Fault::BrokenLog);
        }
        match kind {
            ItemKind::Roster => {
                room.log.roll(kind, &item.exact);
                self.roster_item(&item.exact, now)
            }
            ItemKind::Prekey => {
                room.log.roll(kind, &item.exact);
                self.prekey_item(&item.exact, item.position, now);
                if let Some(room) = &mut self.room {
                    room.sealing.prekey_logged(&item.exact, item.position);
                }
                Ok(())
            }
            ItemKind::SkPacket => {
                room.log.roll(kind, &item.exact);
                self.sk_item(&item.exact, item.wrap.as_ref());
                Ok(())
            }
            ItemKind::Msg => {
                self.message_item(&item.exact, item.position, now)?;
                if let Some(room) = &mut self.room {
                    room.log.roll(kind, &item.exact);
                }
                Ok(())
            }
        }
    }

    fn snapshot_item(&mut self, kind: ItemKind, item: &Item, now: Now) -> Result<(), Fault> {
        match (kind, &mut self.link.phase) {
            (ItemKind::Roster, Phase::Syncing { roster_left, resumed: false, .. }) if *roster_left > 0 => {
                *roster_left -= 1;
                let entry: Signed = decode(&item.exact)?;
                self.roster_entry(&entry).map(|_| ())
            }
            (ItemKind::Prekey, Phase::Syncing { resumed: false, .. } | Phase::Settling { resumed: false, .. }) => {
                self.prekey_item(&item.exact, item.position, now);
                Ok(())
            }
            _ => Err(Fault::BrokenLog),
        }
    }

    /// Whether everything up to the welcome has arrived; if so, reports it and asks for the others' presence.
    pub(super) fn go_on_syncing(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        let Phase::Syncing { roster_length, roster_left: 0, position, resumed } = self.link.phase else {
            return Ok(());
        };
        let Some(room) = &mut self.room else { return Err(Fault::Unexpected) };
        if room.log.position() < position {
            return Ok(());
        }
        let announces = !resumed || room.sealing.is_prekey_due_after_cut(now);
        if !resumed && !self.check_roster(roster_length, now, random)? {
            return Ok(());
        }
        if !resumed {
            self.enter();
        }
        if announces {
            self.announce_prekey(now, random)?;
        }
        let asked = self.link.ask(now, &mut self.out);
        self.link.phase = Phase::Settling { resumed, asked };
        Ok(())
    }

    /// Compares the roster that came with a welcome with what is remembered. `false`: we are not in the room.
    fn check_roster(&mut self, length: u64, now: Now, random: &mut dyn Random) -> Result<bool, Fault> {
        let Some(room) = &self.room else { return Ok(false) };
        let own = self.identity.fingerprint();
        let (number, is_owner) = (room.roster.number(), room.roster.owner() == own);
        // An owner may know more than the host, and sends it the rest.
        if !self.may_believe(if is_owner { number } else { length }, now, random)? {
            return Ok(false);
        }
        let Some(room) = &self.room else { return Ok(false) };
        // Unless it is the owner's own last entry, which the host never received.
        let is_closed = room.roster.is_closed() && length == number;
        if is_closed || room.roster.was_removed(&own) {
            self.shown_the_end(if is_closed { Stop::Closed } else { Stop::Removed });
            return Ok(false);
        }
        if !room.roster.contains(&own) {
            return Err(Fault::BrokenRoster);
        }
        let skip = usize::try_from(length).unwrap_or(usize::MAX);
        let missing: Vec<Signed> = room.roster.entries().iter().skip(skip).cloned().collect();
        missing.into_iter().for_each(|entry| self.out.send(&Frame::Roster(entry)));
        Ok(true)
    }

    /// A member who was away when the owner removed them or closed the room is shown what the owner signed.
    fn shown_the_end(&mut self, end: Stop) {
        if let Some(room) = &self.room {
            room.keep_entries(&mut self.out);
        }
        self.out.disconnect(ByeCode::Leaving);
        self.stop(if self.outbox.is_leaving() { Stop::Left } else { end });
    }

    fn enter(&mut self) {
        let Some(room) = &mut self.room else { return };
        let members: Vec<Fingerprint> = room.roster.members().collect();
        let entered = Event::Entered {
            room: room.roster.room(),
            genesis: room.roster.genesis().clone(),
            owner: room.roster.owner(),
            host: self.way.pin.unwrap_or_else(|| room.roster.owner()),
        };
        if !std::mem::replace(&mut self.way.entered, true) {
            self.out.event(entered);
            if self.is_owner() && !self.title.is_empty() {
                let title = self.title.clone();
                self.out.event(Event::Titled { title });
            }
        }
        if let Some(room) = &self.room {
            room.keep_entries(&mut self.out);
        }
        self.out.event(Event::Members(members));
    }

    /// The host has sent everything: what waited can go out.
    pub(super) fn ready(&mut self, resumed: bool, now: Now) {
        self.link.ready();
        self.outbox.requeue(resumed);
        let Some(room) = &mut self.room else { return };
        room.resumable = true;
        // Connected members may have come back together with us.
        room.present.iter().for_each(|member| room.sealing.member_is_back(*member, now));
        room.clocks_due_ms = Some(now.monotonic_ms + WAKE_MS);
        room.missing.awaited.begin(now);
        if !resumed || room.is_talkative() {
            room.introduce_soon(now);
        }
        let (members, reachable) = (room.roster.len(), room.reachable(now).len());
        self.out.event(Event::Ready { members, reachable });
    }

    fn roster_item(&mut self, exact: &[u8], now: Now) -> Result<(), Fault> {
        let entry: Signed = decode(exact)?;
        let Some(change) = self.roster_entry(&entry)? else {
            self.check_end(&entry);
            return Ok(());
        };
        self.outbox.requeue(true);
        let owner = self.is_owner();
        let Some(room) = &mut self.room else { return Ok(()) };
        room.sealing.new_epoch(&room.roster);
        if owner || room.is_talkative() {
            room.introduce_soon(now);
        }
        let (number, hash) = (room.roster.number(), *room.roster.hash());
        self.remembered.learn(number, &hash);
        self.out.keep(Keep::Entry { number, entry, hash });
        match change {
            Change::Added(member) => self.member_added(member),
            Change::Removed(member) => self.member_removed(member),
            Change::Updated(_) => {}
            Change::Closed => self.stop(Stop::Closed),
        }
        Ok(())
    }

    /// The owner's last entry, stored by an earlier run, has come back from the host.
    fn check_end(&mut self, entry: &Signed) {
        let Some(roster) = self.room.as_ref().map(|room| &room.roster) else { return };
        if roster.is_closed() && roster.entries().last().is_some_and(|last| last.payload == entry.payload) {
            self.stop(Stop::Closed);
        }
    }

    fn roster_entry(&mut self, entry: &Signed) -> Result<Option<Change>, Fault> {
        self.room.as_mut().ok_or(Fault::Unexpected)?.roster.apply(entry)
    }

    fn member_added(&mut self, member: Fingerprint) {
        if member != self.identity.fingerprint() {
            if let Some(room) = &mut self.room {
                room.left.remove(&member);
                let position = room.log.position();
                room.missing.absences.is_new(member, position);
            }
            if self.desk.take_used(member) {
                self.out.event(Event::InviteUsed { by: member });
            }
            self.out.event(Event::MemberJoined { member });
        }
    }

    fn member_removed(&mut self, member: Fingerprint) {
        if member == self.identity.fingerprint() {
            let left = self.outbox.is_leaving();
            self.out.disconnect(ByeCode::Leaving);
            return self.stop(if left { Stop::Left } else { Stop::Removed });
        }
        let Some(room) = &mut self.room else { return };
        // What it did not confirm it will never have.
        room.sealing.forget(&member);
        room.give_up_reader(member);
        room.missing.absences.forget(&member);
        room.present.remove(&member);
        room.missing.reachable.remove(&member);
        if !room.left.remove(&member) {
            self.out.event(Event::MemberRemoved { member });
        }
    }

    /// What the host says about who is connected: for display, and to know whom to wait for.
    pub(super) fn presence(&mut self, presence: &Presence, now: Now) {
        let own = self.identity.fingerprint();
        let is_live = self.link.phase == Phase::Live;
        let Some(room) = &mut self.room else { return };
        let member = presence.member;
        if member == own || !room.roster.contains(&member) {
            return;
        }
        let state = PresenceState::from_code(presence.state);
        match state {
            PresenceState::Connected => {
                if room.sealing.introduces_on_sight() && room.is_talkative() {
                    room.introduce_soon(now);
                }
                if room.present.insert(member) {
                    // Who is back before the owner took them off the roster has not left.
                    room.left.remove(&member);
                    if is_live {
                        room.sealing.member_is_back(member, now);
                    }
                    self.out.event(Event::MemberHere { member });
                }
            }
            PresenceState::Offline | PresenceState::Cut => {
                let cut = state == PresenceState::Cut;
                room.sealing.member_went(&member);
                let was_present = room.present.remove(&member);
                if !cut {
                    room.sealing.forget(&member);
                    self.lose_reader(member);
                }
                if was_present {
                    self.out.event(Event::MemberAway { member, cut });
                }
            }
            PresenceState::Other(_) => {}
        }
    }
}
