//! One's own prekeys in a room: made, announced, renewed, and erased in time.

use super::prekey::PrivatePrekey;
use crate::crypto::{Domain, Fingerprint, Random};
use crate::protocol::Now;
use crate::protocol::identity::Identity;
use crate::protocol::limits::{JUMP_MS, PREKEY_LIFE_MS, PREKEY_OLD_MS, PREKEYS_KEPT_MAX};
use crate::protocol::payload::{Fault, PrekeyPayload, VERSION, sign};
use crate::protocol::room::roster::Roster;
use crate::wire::{ByteArray, Signed, decode};

/// How long others may use a prekey, from when it was made.
pub(super) const PREKEY_USED_MS: u64 = PREKEY_LIFE_MS + PREKEY_OLD_MS;

/// One's own prekey with its private half.
struct OwnPrekey {
    index: u64,
    key: PrivatePrekey,
    /// When it expires, in passed time.
    until_ms: u64,
    /// The same plus five minutes, by the date at the time: what the others were told.
    not_after_ms: u64,
    /// When it is erased, after it was replaced or found expired, whether or not a link is up: in monotonic
    /// milliseconds, minus the pauses since, because messages sealed for it may be waiting unread.
    erase_at_ms: Option<u64>,
}

/// All kept prekeys, the newest last.
#[derive(Default)]
pub(super) struct OwnPrekeys {
    kept: Vec<OwnPrekey>,
    /// The index of the newest ever made here.
    index: u64,
    /// When to renew the newest, in passed time.
    until_ms: Option<u64>,
    /// A new one is due: the person asked for it, or the last has expired.
    is_wanted: bool,
    /// Whether the others have our newest: it has come back with its position in the log.
    is_logged: bool,
    /// The position of our prekey from which on speakers should seal for us too.
    reached_since: Option<u64>,
    /// The index of the prekey that sets that position: the first since the others had none of ours.
    reaching_index: Option<u64>,
}

impl OwnPrekeys {
    /// None yet, in a room whose host has seen us use indices up to this one.
    pub(super) fn new(index: u64) -> Self {
        Self { index, ..Self::default() }
    }

    /// Makes a new one to announce; the old one's private half is erased in five minutes.
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

    /// A prekey is now in the log; if it is ours, whoever speaks after it has it.
    pub(super) fn logged(&mut self, own: Fingerprint, exact: &[u8], position: u64) {
        let payload = decode::<Signed>(exact).and_then(|signed| decode::<PrekeyPayload>(&signed.payload));
        let Some(payload) = payload.ok().filter(|payload| payload.sender == own) else { return };
        self.is_logged |= Some(payload.index) == self.kept.last().map(|newest| newest.index);
        // Another may already be on its way.
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

    /// Whether a new one is due, by time or by the person's request.
    pub(super) fn is_due(&mut self, now: Now) -> bool {
        // If the date was set back since, the others would think our clock wrong.
        let latest_ms = now.unix_ms.saturating_add(PREKEY_USED_MS + JUMP_MS);
        let is_of_another_time = self.kept.last().is_some_and(|newest| newest.not_after_ms > latest_ms);
        if is_of_another_time || self.until_ms.take_if(|due| now.passed_ms >= *due).is_some() {
            self.is_wanted = true;
        }
        self.is_wanted
    }

    /// Whether it is due after a cut: the others may also lack the last one.
    pub(super) fn is_due_after_cut(&self, now: Now) -> bool {
        self.is_wanted || !self.is_logged || self.until_ms.is_some_and(|due| now.passed_ms >= due)
    }

    /// Erases those that are due. Each keeps its last minutes of running time, in which messages already on their way
    /// can be read.
    pub(super) fn erase(&mut self, now: Now) {
        for prekey in self.kept.iter_mut().filter(|prekey| now.passed_ms >= prekey.until_ms) {
            prekey.erase_at_ms.get_or_insert(now.monotonic_ms.saturating_add(PREKEY_OLD_MS));
        }
        self.kept.retain(|prekey| prekey.erase_at_ms.is_none_or(|due| now.monotonic_ms < due));
    }

    /// When the next one expires or is to be erased, in monotonic milliseconds.
    pub(super) fn next_erasure(&self, now: Now) -> Option<u64> {
        self.kept.iter().map(|prekey| prekey.erase_at_ms.unwrap_or(now.awake_at(prekey.until_ms))).min()
    }

    /// When to renew the newest, in monotonic milliseconds.
    pub(super) fn next_timeout(&self, now: Now) -> Option<u64> {
        self.until_ms.map(|due| now.awake_at(due))
    }

    /// During a pause nothing that arrived was read.
    pub(super) fn slept(&mut self, ms: u64) {
        let erasures = self.kept.iter_mut().filter_map(|prekey| prekey.erase_at_ms.as_mut());
        erasures.for_each(|due| *due = due.saturating_add(ms));
    }

    #[cfg(test)]
    pub(super) const fn held(&self) -> usize {
        self.kept.len()
    }
}
