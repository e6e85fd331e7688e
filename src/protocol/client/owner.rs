//! What only a room's owner does: invites, admissions, removals, the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Client, Event};
use crate::crypto::primitives::{Digest, sha256};
use crate::crypto::{CryptoError, Domain, Fingerprint, Random};
use crate::protocol::identity::Bundle;
use crate::protocol::invite::Invite;
use crate::protocol::limits::{
    CLOCK_SKEW_MS, INVITE_ADDRESSES_MAX, INVITES_MAX, KNOCKS_REMEMBERED, KNOCKS_WAITING_MAX,
};
use crate::protocol::payload::{Fault, KnockPayload, VERSION, verify};
use crate::protocol::room::roster::Entry;
use crate::protocol::{Now, RoomId};
use crate::wire::{Answer, Frame, Join, JoinAnswer, JoinAsk, Signed, decode};

/// A change of the roster that is to be made.
#[derive(PartialEq)]
enum PendingChange {
    Add {
        bundle: Signed,
        member: Fingerprint,
        /// The join request, as long as whoever made it waits for an answer.
        request: Option<u64>,
    },
    Remove(Fingerprint),
    Close,
}

/// An entry of the owner's on its way to the log.
struct SignedEntry {
    number: u64,
    entry: Signed,
    /// It survives a crash, so the host may see it.
    stored: bool,
    /// It is being stored, or it was sent on this link.
    waiting: bool,
}

/// An invite that was given away. It ends by the date, which stands in it, or when its life has passed, whichever
/// comes first: a date that is set back makes none live longer.
struct OpenInvite {
    invite: Invite,
    until_ms: u64,
}

impl OpenInvite {
    fn is_over(&self, now: Now) -> bool {
        self.invite.is_expired(now) || now.passed_ms >= self.until_ms
    }
}

/// Open invites, open questions, and changes under way.
#[derive(Default)]
pub(super) struct OwnerDesk {
    invites: BTreeMap<[u8; 16], OpenInvite>,
    knocks: BTreeMap<u64, (Fingerprint, Signed)>,
    pending: VecDeque<PendingChange>,
    /// The first change's entry, once it is signed. One at a time: each builds on the hash of the last.
    /// Only one is ever signed for a number, or a host that held back the first could show both.
    signed: Option<SignedEntry>,
    /// Whether the signed entry could not be stored. It is tried again; until then nobody comes in.
    unstored: bool,
    invited: BTreeSet<Fingerprint>,
    /// Knocks that were shown to the person, the oldest first.
    knocked: VecDeque<Digest>,
}

impl OwnerDesk {
    /// An invite holds from now on. Those whose time is over go, and if there are too many, the one that would go
    /// first.
    pub(super) fn open_invite(&mut self, invite: Invite, now: Now) -> Result<(), CryptoError> {
        self.invites.retain(|_, open| !open.is_over(now));
        if self.invites.len() >= INVITES_MAX {
            let oldest = self.invites.iter().min_by_key(|(_, open)| open.until_ms).map(|(id, _)| *id);
            oldest.and_then(|id| self.invites.remove(&id));
        }
        if !invite.is_expired(now) {
            let left_ms = invite.expires_ms.saturating_sub(now.unix_ms);
            let until_ms = now.passed_ms.saturating_add(left_ms);
            self.invites.insert(invite.id()?, OpenInvite { invite, until_ms });
        }
        Ok(())
    }

    pub(super) fn withdraw_invites(&mut self) {
        self.invites.clear();
    }

    pub(super) fn remove(&mut self, member: Fingerprint) {
        self.add_pending(PendingChange::Remove(member));
    }

    pub(super) fn close(&mut self) {
        self.add_pending(PendingChange::Close);
    }

    fn add_pending(&mut self, change: PendingChange) {
        if !self.pending.contains(&change) {
            self.pending.push_back(change);
        }
    }

    /// The entry that was on its way may not have arrived; the same one goes out again.
    pub(super) fn link_lost(&mut self) {
        if let Some(signed) = &mut self.signed {
            signed.waiting = false;
        }
        self.knocks.clear();
        // Who knocked and was not answered knocks again; an invite works once, so its entry is still to be made.
        let Self { pending, invited, .. } = self;
        pending.retain(|change| !matches!(change, PendingChange::Add { member, .. } if !invited.contains(member)));
    }

    /// Whether the entry that lets `member` in is on its way.
    fn is_adding(&self, newcomer: &Fingerprint) -> bool {
        self.pending.iter().any(|change| matches!(change, PendingChange::Add { member, .. } if member == newcomer))
    }

    /// The signed entry is where a crash does not reach it.
    pub(super) fn entry_stored(&mut self) {
        self.unstored = false;
        if let Some(signed) = &mut self.signed {
            (signed.stored, signed.waiting) = (true, false);
        }
    }

    /// It could not be stored. The join requests that wait for that; who made them should not.
    fn requests_in_vain(&mut self) -> Vec<u64> {
        self.unstored = self.signed.as_ref().is_some_and(|signed| !signed.stored);
        let waiting = self.pending.iter_mut().filter(|_| self.unstored).filter_map(|change| match change {
            PendingChange::Add { request, .. } => request.take(),
            PendingChange::Remove(_) | PendingChange::Close => None,
        });
        waiting.collect()
    }

    /// Whether `member` came by an invite; asked once.
    pub(super) fn take_used(&mut self, member: Fingerprint) -> bool {
        self.invited.remove(&member)
    }

    /// Whether a knock was not seen before; it is from now on.
    fn is_new_knock(&mut self, knock: Digest) -> bool {
        if self.knocked.contains(&knock) {
            return false;
        }
        if self.knocked.len() >= KNOCKS_REMEMBERED {
            self.knocked.pop_front();
        }
        self.knocked.push_back(knock);
        true
    }

    /// Whoever asked under `number` has gone.
    pub(super) fn asker_gone(&mut self, number: u64) -> Option<Fingerprint> {
        self.knocks.remove(&number).map(|(member, _)| member)
    }
}

impl Client {
    pub(super) fn make_invite(
        &mut self,
        mut addresses: Vec<String>,
        life_ms: u64,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(), Fault> {
        let (Some(room), Some(host), true) = (self.target, self.pin, self.is_owner()) else { return Ok(()) };
        addresses.truncate(INVITE_ADDRESSES_MAX);
        let invite = new_invite(self.suite(), addresses, host, room, now.unix_ms.saturating_add(life_ms), random)?;
        self.desk.open_invite(invite.clone(), now)?;
        self.tell_open_invites();
        self.event(Event::InviteMade(invite));
        Ok(())
    }

    pub(super) fn tell_open_invites(&mut self) {
        let invites = self.desk.invites.values().map(|open| open.invite.clone()).collect();
        self.event(Event::OpenInvites(invites));
    }

    /// Somebody wants to join: an invite decides by itself, a knock asks the person.
    pub(super) fn join_ask(&mut self, ask: &JoinAsk, now: Now) -> Result<(), Fault> {
        let join: Join = decode(&ask.join)?;
        let Some(room) = &self.room else { return Ok(()) };
        let bundle = Bundle::read(room.roster.backend(), &join.bundle).ok().filter(|bundle| bundle.is_current(now));
        let full = room.roster.is_full();
        let knocks_allowed = room.roster.may_knock();
        let Some(bundle) = bundle else {
            self.answer(ask.number, Answer::Bundle);
            return Ok(());
        };
        let member = bundle.fingerprint;
        if room.roster.contains(&member) {
            // Its entry is on the way to the host already, which lets it in by itself.
            return Ok(());
        }
        if self.desk.unstored {
            // Neither is an invite used up nor the person asked: nobody can be let in at present.
            self.answer(ask.number, Answer::Unstored);
            return Ok(());
        }
        if self.desk.is_adding(&member) {
            return Ok(());
        }
        if full {
            self.answer(ask.number, Answer::Full);
            return Ok(());
        }
        if join.room.into_array() != room.roster.room().0 {
            // It was meant for another room than the one the host asks about.
            self.answer(ask.number, Answer::NoSuchInvite);
            return Ok(());
        }
        match (join.invite_id, join.mac) {
            (Some(id), Some(mac)) if self.accepts_invite(&id, &mac, &join.bundle, now)? => {
                self.desk.invited.insert(member);
                self.desk.add_pending(PendingChange::Add { bundle: join.bundle, member, request: Some(ask.number) });
            }
            (None, None)
                if knocks_allowed
                    && self.desk.knocks.len() < KNOCKS_WAITING_MAX
                    && self.accepts_knock(join.knock.as_ref(), &bundle, now) =>
            {
                self.desk.knocks.insert(ask.number, (member, join.bundle));
                self.event(Event::Knock { member });
            }
            // Whoever asks is told to look at the clock.
            _ if join.knock.as_ref().is_some_and(|knock| is_of_another_day(knock, now)) => {
                self.answer(ask.number, Answer::Bundle);
            }
            _ => self.answer(ask.number, Answer::NoSuchInvite),
        }
        Ok(())
    }

    /// Whether whoever asks has said so, of this room and lately: the host alone cannot make anybody ask, nor
    /// show a question twice.
    fn accepts_knock(&mut self, knock: Option<&Signed>, bundle: &Bundle, now: Now) -> bool {
        let Some((room, knock)) = self.target.zip(knock) else { return false };
        let payload: Result<KnockPayload, Fault> = verify(bundle.verifying.as_ref(), Domain::Knock, knock);
        let holds = payload.is_ok_and(|payload| {
            payload.version == VERSION
                && payload.sender == bundle.fingerprint
                && payload.room == room
                && payload.time_ms.abs_diff(now.unix_ms) <= CLOCK_SKEW_MS
        });
        holds && self.desk.is_new_knock(sha256(&knock.payload))
    }

    /// Whether the invite holds for this bundle; it is used up then.
    fn accepts_invite(&mut self, id: &[u8; 16], mac: &[u8; 32], bundle: &Signed, now: Now) -> Result<bool, Fault> {
        let Some(open) = self.desk.invites.get(id) else { return Ok(false) };
        let holds = open.invite.proves(bundle, mac)? && !open.is_over(now);
        if holds {
            self.desk.invites.remove(id);
            self.tell_open_invites();
        }
        Ok(holds)
    }

    pub(super) fn answer_knock(&mut self, member: Fingerprint, admit: bool) {
        let asked = self.desk.knocks.iter().find(|(_, (asker, _))| *asker == member).map(|(number, _)| *number);
        let Some((number, (_, bundle))) = asked.and_then(|number| self.desk.knocks.remove_entry(&number)) else {
            return;
        };
        match (admit, self.desk.unstored) {
            (false, _) => self.answer(number, Answer::Declined),
            (true, true) => self.answer(number, Answer::Unstored),
            (true, false) => self.desk.add_pending(PendingChange::Add { bundle, member, request: Some(number) }),
        }
    }

    /// The entry that was to be stored was not: whoever waits for it is told.
    pub(super) fn entry_unstored(&mut self) {
        for request in self.desk.requests_in_vain() {
            self.answer(request, Answer::Unstored);
        }
    }

    /// Brings the first change on its way: signs its entry, has it stored, sends it, each once.
    pub(super) fn change_roster(&mut self, now: Now) -> Result<(), Fault> {
        let Some(room) = self.room.as_ref().filter(|_| self.is_owner()) else { return Ok(()) };
        let logged = room.roster.number();
        self.desk.signed.take_if(|signed| signed.number <= logged);
        if self.desk.signed.is_none() {
            self.desk.signed = self.sign_next_entry(now)?;
        }
        let Some(signed) = self.desk.signed.as_mut().filter(|signed| !signed.waiting) else { return Ok(()) };
        signed.waiting = true;
        let (number, entry) = (signed.number, signed.entry.clone());
        if signed.stored {
            self.send(&Frame::Roster(entry));
        } else {
            self.event(Event::EntrySigned { number, entry });
        }
        Ok(())
    }

    /// The entry of the first change that still makes sense.
    fn sign_next_entry(&mut self, now: Now) -> Result<Option<SignedEntry>, Fault> {
        let Some(room) = &self.room else { return Ok(None) };
        let roster = &room.roster;
        let own = self.identity.fingerprint();
        while let Some(change) = self.desk.pending.front() {
            let change = match change {
                PendingChange::Add { bundle, member, .. } if !roster.contains(member) && !roster.is_full() => {
                    Entry::Add(bundle)
                }
                PendingChange::Remove(member) if roster.contains(member) && *member != own => Entry::Remove(*member),
                PendingChange::Close if !roster.is_closed() => Entry::Close,
                _ => {
                    self.desk.pending.pop_front();
                    continue;
                }
            };
            let entry = roster.next_entry(&self.identity, change, now)?;
            return Ok(Some(SignedEntry { number: roster.number() + 1, entry, stored: false, waiting: false }));
        }
        Ok(None)
    }

    fn answer(&mut self, number: u64, answer: Answer) {
        self.send(&Frame::JoinAnswer(JoinAnswer { answer: answer.code(), number }));
    }
}

fn is_of_another_day(knock: &Signed, now: Now) -> bool {
    let payload = decode::<KnockPayload>(&knock.payload);
    payload.is_ok_and(|payload| payload.time_ms.abs_diff(now.unix_ms) > CLOCK_SKEW_MS)
}

fn new_invite(
    suite: crate::crypto::Suite,
    addresses: Vec<String>,
    host: Fingerprint,
    room: RoomId,
    expires_ms: u64,
    random: &mut dyn Random,
) -> Result<Invite, Fault> {
    let secret = random.secret()?;
    Ok(Invite { suite, addresses, host, room, secret, expires_ms })
}
