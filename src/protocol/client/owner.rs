//! What only a room's owner does: invites, admissions, removals, the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::outputs::Outputs;
use super::{Event, Keep};
use crate::crypto::primitives::{Digest, sha256};
use crate::crypto::{CryptoError, Domain, Fingerprint, Random};
use crate::protocol::identity::{Bundle, Identity};
use crate::protocol::invite::Invite;
use crate::protocol::limits::{
    CLOCK_SKEW_MS, INVITE_ADDRESSES_MAX, INVITES_MAX, KNOCKS_REMEMBERED, KNOCKS_WAITING_MAX,
};
use crate::protocol::payload::{Fault, KnockPayload, VERSION, verify};
use crate::protocol::room::roster::{Entry, Roster};
use crate::protocol::{Now, RoomId};
use crate::wire::{Answer, Frame, Join, JoinAnswer, JoinAsk, Signed, decode};

/// A change to the roster that is still to be made.
#[derive(PartialEq)]
enum PendingChange {
    Add {
        bundle: Signed,
        member: Fingerprint,
        /// The join request, as long as the joiner waits for an answer.
        request: Option<u64>,
    },
    Remove(Fingerprint),
    Close,
}

/// An entry of the owner's on its way to the log.
struct SignedEntry {
    number: u64,
    entry: Signed,
    /// The number under which it is stored, once that was requested.
    kept_as: Option<u64>,
    /// It survives a crash, so the host may see it.
    stored: bool,
    /// It is being stored, or was sent on this link.
    waiting: bool,
    /// The last try to store it that was answered failed. Until it is stored or logged, nobody is admitted.
    unstored: bool,
}

impl SignedEntry {
    /// Whether it is among what is now stored up to this number, and was not before.
    fn is_kept_as(&self, number: u64) -> bool {
        !self.stored && self.kept_as.is_some_and(|kept_as| kept_as <= number)
    }

    /// Whether the try to store it that is under way has exactly this number.
    fn is_tried_as(&self, number: u64) -> bool {
        !self.stored && self.kept_as == Some(number)
    }
}

/// An invite that was given out. It expires at the date it carries, or when its lifetime has passed, whichever comes
/// first: setting the clock back does not prolong it.
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
    /// The first change's entry, once signed. One at a time: each builds on the hash of the last. Only one is ever
    /// signed for a number, or a host that held back the first could show both.
    signed: Option<SignedEntry>,
    invited: BTreeSet<Fingerprint>,
    /// Knocks that were shown to the person, the oldest first.
    knocked: VecDeque<Digest>,
}

impl OwnerDesk {
    /// Opens an invite. Expired ones are dropped, and if there are too many, the one that expires first.
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

    /// The entry that was on its way may not have arrived; the same one is sent again.
    pub(super) fn link_lost(&mut self) {
        if let Some(signed) = &mut self.signed {
            signed.waiting = false;
        }
        self.knocks.clear();
        // A joiner whose knock was not answered knocks again; an invite works once, so its entry is still to be made.
        let Self { pending, invited, .. } = self;
        pending.retain(|change| !matches!(change, PendingChange::Add { member, .. } if !invited.contains(member)));
    }

    /// Whether the entry that admits `joiner` is on its way.
    fn is_adding(&self, joiner: &Fingerprint) -> bool {
        self.pending.iter().any(|change| matches!(change, PendingChange::Add { member, .. } if member == joiner))
    }

    /// Everything to be stored under numbers up to this one survives a crash.
    pub(super) fn kept(&mut self, number: u64) {
        let Some(signed) = self.signed.as_mut().filter(|signed| signed.is_kept_as(number)) else { return };
        (signed.stored, signed.waiting, signed.unstored) = (true, false, false);
    }

    /// Whether nobody can be admitted at present: the signed entry could not be stored.
    fn is_unstored(&self) -> bool {
        self.signed.as_ref().is_some_and(|signed| signed.unstored)
    }

    /// What is in the log is no longer on its way, however it got there.
    fn take_logged(&mut self, roster: &Roster) {
        self.signed.take_if(|signed| signed.number <= roster.number());
    }

    /// Whether `member` came by an invite; to be asked once.
    pub(super) fn take_used(&mut self, member: Fingerprint) -> bool {
        self.invited.remove(&member)
    }

    /// Whether a knock is new; from now on it is not.
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

    /// The joiner who asked under `number` has gone.
    pub(super) fn joiner_gone(&mut self, number: u64) -> Option<Fingerprint> {
        self.knocks.remove(&number).map(|(member, _)| member)
    }

    /// Makes an invite to the room, whose host has this key.
    pub(super) fn make_invite(
        &mut self,
        mut addresses: Vec<String>,
        life_ms: u64,
        (roster, host): (&Roster, Fingerprint),
        now: Now,
        random: &mut dyn Random,
        out: &mut Outputs,
    ) -> Result<(), Fault> {
        addresses.truncate(INVITE_ADDRESSES_MAX);
        let (suite, room, secret) = (roster.suite(), roster.room(), random.secret()?);
        let expires_ms = now.unix_ms.saturating_add(life_ms);
        let invite = Invite { suite, addresses, host, room, secret, expires_ms };
        self.open_invite(invite.clone(), now)?;
        self.keep_invites(out);
        out.event(Event::InviteMade(invite));
        Ok(())
    }

    pub(super) fn withdraw_invites(&mut self, out: &mut Outputs) {
        self.invites.clear();
        self.keep_invites(out);
    }

    fn keep_invites(&self, out: &mut Outputs) {
        out.keep(Keep::OpenInvites(self.invites.values().map(|open| open.invite.clone()).collect()));
    }

    /// Somebody wants to join: an invite is enough, a knock asks the person.
    pub(super) fn join_ask(
        &mut self,
        ask: &JoinAsk,
        roster: &Roster,
        now: Now,
        out: &mut Outputs,
    ) -> Result<(), Fault> {
        self.take_logged(roster);
        let join: Join = decode(&ask.join)?;
        let bundle = Bundle::read(roster.backend(), &join.bundle).ok().filter(|bundle| bundle.is_current(now));
        let Some(bundle) = bundle else {
            answer(ask.number, Answer::Bundle, out);
            return Ok(());
        };
        let member = bundle.fingerprint;
        if roster.contains(&member) {
            // Its entry is already on its way to the host, which admits it by itself.
            return Ok(());
        }
        if self.is_unstored() {
            // The invite is not used up and the person is not asked: nobody can be admitted at present.
            answer(ask.number, Answer::Unstored, out);
            return Ok(());
        }
        if self.is_adding(&member) {
            return Ok(());
        }
        if roster.is_full() {
            answer(ask.number, Answer::Full, out);
            return Ok(());
        }
        if join.room.into_array() != roster.room().0 {
            // It was meant for a different room from the one the host asks about.
            answer(ask.number, Answer::NoSuchInvite, out);
            return Ok(());
        }
        match (join.invite_id, join.mac) {
            (Some(id), Some(mac)) if self.accepts_invite(&id, &mac, &join.bundle, now, out)? => {
                self.invited.insert(member);
                self.add_pending(PendingChange::Add { bundle: join.bundle, member, request: Some(ask.number) });
            }
            (None, None)
                if roster.may_knock()
                    && self.knocks.len() < KNOCKS_WAITING_MAX
                    && self.accepts_knock(join.knock.as_ref(), &bundle, roster.room(), now) =>
            {
                self.knocks.insert(ask.number, (member, join.bundle));
                out.event(Event::Knock { member });
            }
            // The joiner is told to check the clock.
            _ if join.knock.as_ref().is_some_and(|knock| is_of_another_day(knock, now)) => {
                answer(ask.number, Answer::Bundle, out);
            }
            _ => answer(ask.number, Answer::NoSuchInvite, out),
        }
        Ok(())
    }

    /// Whether the joiner signed the request, for this room and recently: the host alone cannot invent a request, nor
    /// show one twice.
    fn accepts_knock(&mut self, knock: Option<&Signed>, bundle: &Bundle, room: RoomId, now: Now) -> bool {
        let Some(knock) = knock else { return false };
        let payload: Result<KnockPayload, Fault> = verify(bundle.verifying.as_ref(), Domain::Knock, knock);
        let holds = payload.is_ok_and(|payload| {
            payload.version == VERSION
                && payload.sender == bundle.fingerprint
                && payload.room == room
                && payload.time_ms.abs_diff(now.unix_ms) <= CLOCK_SKEW_MS
        });
        holds && self.is_new_knock(sha256(&knock.payload))
    }

    /// Whether the invite is valid for this bundle; if so, it is used up.
    fn accepts_invite(
        &mut self,
        id: &[u8; 16],
        mac: &[u8; 32],
        bundle: &Signed,
        now: Now,
        out: &mut Outputs,
    ) -> Result<bool, Fault> {
        let Some(open) = self.invites.get(id) else { return Ok(false) };
        let holds = open.invite.proves(bundle, mac)? && !open.is_over(now);
        if holds {
            self.invites.remove(id);
            self.keep_invites(out);
        }
        Ok(holds)
    }

    pub(super) fn answer_knock(&mut self, member: Fingerprint, admit: bool, out: &mut Outputs) {
        let asked = self.knocks.iter().find(|(_, (joiner, _))| *joiner == member).map(|(number, _)| *number);
        let Some((number, (_, bundle))) = asked.and_then(|number| self.knocks.remove_entry(&number)) else {
            return;
        };
        match (admit, self.is_unstored()) {
            (false, _) => answer(number, Answer::Declined, out),
            (true, true) => answer(number, Answer::Unstored, out),
            (true, false) => self.add_pending(PendingChange::Add { bundle, member, request: Some(number) }),
        }
    }

    /// The signed entry could not be stored: whoever waits for it is told. The answer to any other try says nothing
    /// about this one.
    pub(super) fn entry_unkept(&mut self, number: u64, out: &mut Outputs) {
        let Some(signed) = self.signed.as_mut().filter(|signed| signed.is_tried_as(number)) else { return };
        signed.unstored = true;
        for change in &mut self.pending {
            if let PendingChange::Add { request, .. } = change
                && let Some(request) = request.take()
            {
                answer(request, Answer::Unstored, out);
            }
        }
    }

    /// Moves the first change forward: signs its entry, has it stored, sends it, each once.
    pub(super) fn change_roster(
        &mut self,
        roster: &Roster,
        identity: &Identity,
        now: Now,
        out: &mut Outputs,
    ) -> Result<(), Fault> {
        self.take_logged(roster);
        if self.signed.is_none() {
            self.signed = self.sign_next_entry(roster, identity, now)?;
        }
        let Some(signed) = self.signed.as_mut().filter(|signed| !signed.waiting) else { return Ok(()) };
        signed.waiting = true;
        let (number, entry) = (signed.number, signed.entry.clone());
        if signed.stored {
            out.send(&Frame::Roster(entry));
        } else {
            signed.kept_as = Some(out.keep(Keep::SignedEntry { number, entry }));
        }
        Ok(())
    }

    /// The entry of the first change that still makes sense.
    fn sign_next_entry(
        &mut self,
        roster: &Roster,
        identity: &Identity,
        now: Now,
    ) -> Result<Option<SignedEntry>, Fault> {
        let own = identity.fingerprint();
        while let Some(change) = self.pending.front() {
            let change = match change {
                PendingChange::Add { bundle, member, .. } if !roster.contains(member) && !roster.is_full() => {
                    Entry::Add(bundle)
                }
                PendingChange::Remove(member) if roster.contains(member) && *member != own => Entry::Remove(*member),
                PendingChange::Close if !roster.is_closed() => Entry::Close,
                _ => {
                    self.pending.pop_front();
                    continue;
                }
            };
            let entry = roster.next_entry(identity, change, now)?;
            let number = roster.number() + 1;
            return Ok(Some(SignedEntry {
                number,
                entry,
                kept_as: None,
                stored: false,
                waiting: false,
                unstored: false,
            }));
        }
        Ok(None)
    }
}

fn answer(number: u64, answer: Answer, out: &mut Outputs) {
    out.send(&Frame::JoinAnswer(JoinAnswer { answer: answer.code(), number }));
}

fn is_of_another_day(knock: &Signed, now: Now) -> bool {
    let payload = decode::<KnockPayload>(&knock.payload);
    payload.is_ok_and(|payload| payload.time_ms.abs_diff(now.unix_ms) > CLOCK_SKEW_MS)
}
