//! One's own prekeys in a room: made, announced, renewed, and erased in time.

use super::prekey::PrivatePrekey;
use crate::crypto::{Domain, Fingerprint, Random};
use crate::protocol::Now;
use crate::protocol::identity::Identity;
use crate::protocol::limits::{JUMP_MS, PREKEY_LIFE_MS, PREKEY_OLD_MS, PREKEYS_KEPT_MAX};
use crate::protocol::payload::{Fault, PrekeyPayload, VERSION, sign};
use crate::protocol::room::roster::Roster;
use crate::wire::{ByteArray, Signed, decode};

/// How long a prekey is of use to others, from when it was made.
pub(super) const PREKEY_USED_MS: u64 = PREKEY_LIFE_MS + PREKEY_OLD_MS;

/// One's own prekey with its private half.
struct OwnPrekey {
    index: u64,
    key: PrivatePrekey,
    /// When it is past its time, in time that passed.
    until_ms: u64,
    /// The same, and five minutes more, by the date of then: what the others were told.
    not_after_ms: u64,
    /// When it is erased, once it was replaced or found past its time, whether a link is up then or not: in
    /// monotonic milliseconds, less the pauses since, for what was sealed for it may lie unread meanwhile.
    erase_at_ms: Option<u64>,
}

/// All that are kept, the newest last.
#[derive(Default)]
pub(super) struct OwnPrekeys {
    kept: Vec<OwnPrekey>,
    /// The index of the newest ever made here.
    index: u64,
    /// When the newest is to be renewed, in time that passed.
    until_ms: Option<u64>,
    /// Another is due: the person asks for one, or the last is past its time.
    is_wanted: bool,
    /// Whether the others have our newest: it has come back with its place in the log.
    is_logged: bool,
    /// The position of the one from which on whoever speaks should seal for us too.
    reached_since: Option<u64>,
    /// The index of the one that is to bring that about: the first since the others had none of ours.
    reaching_index: Option<u64>,
}

impl OwnPrekeys {
    /// None yet, in a room whose host has seen us use indices up to this one.
    pub(super) fn new(index: u64) -> Self {
        Self { index, ..Self::default() }
    }

    /// Makes a new one, to be announced; the old one's private half goes in five minutes.
    pub(super) fn make(
        &mut self,
        identity: &Identity,
        roster: &Roster,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<Signed, Fault> {
        let key = PrivatePrekey::generate(roster.backend(), random)?;
        if self.kept.is_empty() {
            // Until the others have this one, they have none of ours.
            (self.reached_since, self.reaching_index) = (None, None);
        }
        let public = key.public();
        // It goes on from the host's word.
        self.index = self.index.checked_add(1).ok_or(Fault::Limit)?;
        let payload = PrekeyPayload {
            sender: identity.fingerprint(),
            public: ByteArray::new(public.x25519),
            index: self.index,
            ml_kem: public.ml_kem.map(|key| key.to_bytes().into()),
            room: roster.room(),
            version: VERSION,
            not_after_ms: now.unix_ms.saturating_add(PREKEY_USED_MS),
        };
        self.keep(key, payload.not_after_ms, now);
        Ok(sign(identity.signing().as_ref(), Domain::Prekey, &payload)?)
    }

    fn keep(&mut self, key: PrivatePrekey, not_after_ms: u64, now: Now) {
        for old in &mut self.kept {
            old.erase_at_ms.get_or_insert(now.monotonic_ms.saturating_add(PREKEY_OLD_MS));
        }
        if self.kept.len() >= PREKEYS_KEPT_MAX {
            self.kept.remove(0);
        }
        let until_ms = now.passed_ms.saturating_add(PREKEY_LIFE_MS);
        self.kept.push(OwnPrekey { index: self.index, key, until_ms, not_after_ms, erase_at_ms: None });
        self.until_ms = Some(until_ms);
        (self.is_wanted, self.is_logged) = (false, false);
        self.reaching_index.get_or_insert(self.index);
    }

    /// The private half of the one with this index, if it is still there.
    pub(super) fn private(&self, index: u64) -> Option<&PrivatePrekey> {
        self.kept.iter().find(|prekey| prekey.index == index).map(|prekey| &prekey.key)
    }

    /// A prekey has its place in the log; if it is ours, whoever speaks from there on has it.
    pub(super) fn logged(&mut self, own: Fingerprint, exact: &[u8], position: u64) {
        let payload = decode::<Signed>(exact).and_then(|signed| decode::<PrekeyPayload>(&signed.payload));
        let Some(payload) = payload.ok().filter(|payload| payload.sender == own) else { return };
        self.is_logged |= Some(payload.index) == self.kept.last().map(|newest| newest.index);
        // Another may be on its way already.
        if self.reaching_index.is_some_and(|first| payload.index >= first) {
            self.reached_since.get_or_insert(position);
        }
    }

    pub(super) const fn reached_since(&self) -> Option<u64> {
        self.reached_since
    }

    pub(super) const fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Whether another is due, as time and the person will have it.
    pub(super) fn is_due(&mut self, now: Now) -> bool {
        // A date that was set back since would have the others take our clock for wrong.
        let latest_ms = now.unix_ms.saturating_add(PREKEY_USED_MS + JUMP_MS);
        let is_of_another_time = self.kept.last().is_some_and(|newest| newest.not_after_ms > latest_ms);
        if is_of_another_time || self.until_ms.take_if(|due| now.passed_ms >= *due).is_some() {
            self.is_wanted = true;
        }
        self.is_wanted
    }

    /// Whether it is due after a cut: the others may lack the last one, too.
    pub(super) fn is_due_after_cut(&self, now: Now) -> bool {
        self.is_wanted || !self.is_logged || self.until_ms.is_some_and(|due| now.passed_ms >= due)
    }

    /// Erases those whose time has come. Each has its last minutes, in which what is under way can be read, while the
    /// program runs.
    pub(super) fn erase(&mut self, now: Now) {
        for prekey in self.kept.iter_mut().filter(|prekey| now.passed_ms >= prekey.until_ms) {
            prekey.erase_at_ms.get_or_insert(now.monotonic_ms.saturating_add(PREKEY_OLD_MS));
        }
        self.kept.retain(|prekey| prekey.erase_at_ms.is_none_or(|due| now.monotonic_ms < due));
    }

    /// When the next is past its time or to be erased, in monotonic milliseconds.
    pub(super) fn next_erasure(&self, now: Now) -> Option<u64> {
        self.kept.iter().map(|prekey| prekey.erase_at_ms.unwrap_or(now.awake_at(prekey.until_ms))).min()
    }

    /// When the newest is to be renewed, in monotonic milliseconds.
    pub(super) fn next_timeout(&self, now: Now) -> Option<u64> {
        self.until_ms.map(|due| now.awake_at(due))
    }

    /// In a pause nothing that came was read.
    pub(super) fn slept(&mut self, ms: u64) {
        let erasures = self.kept.iter_mut().filter_map(|prekey| prekey.erase_at_ms.as_mut());
        erasures.for_each(|due| *due = due.saturating_add(ms));
    }

    #[cfg(test)]
    pub(super) const fn held(&self) -> usize {
        self.kept.len()
    }
}
