//! The newest prekey of another member, as it came in the log, and how long it can be used.

use std::ops::RangeInclusive;

use super::own_prekeys::PREKEY_USED_MS;
use super::prekey::PublicPrekey;
use crate::crypto::{Domain, Fingerprint};
use crate::protocol::Now;
use crate::protocol::limits::WAKE_MS;
use crate::protocol::payload::{PrekeyPayload, VERSION, verify};
use crate::protocol::room::roster::Roster;
use crate::wire::{Signed, decode};

/// Another member's prekey.
pub(super) struct MemberPrekey {
    pub(super) index: u64,
    pub(super) public: PublicPrekey,
    /// When it expires, in time passed here: its member's date matters only if the two dates agree.
    until_ms: u64,
    /// The same by its member's date.
    not_after_ms: u64,
    /// When it arrived, in monotonic milliseconds, minus the pauses since.
    came_ms: u64,
    /// Its member was away when it expired and is back: by when it should announce another, in monotonic milliseconds.
    renewed_by_ms: Option<u64>,
}

impl MemberPrekey {
    /// Reads another member's prekey and returns whose it is. Even an expired one tells that an older one is gone; and
    /// its member's clock is not ours to judge, so no date is refused.
    pub(super) fn read(roster: &Roster, exact: &[u8], now: Now) -> Option<(Fingerprint, Self)> {
        let signed: Signed = decode(exact).ok()?;
        let unchecked: PrekeyPayload = decode(&signed.payload).ok()?;
        let bundle = roster.bundle(&unchecked.sender)?;
        let payload: PrekeyPayload = verify(bundle.verifying.as_ref(), Domain::Prekey, &signed).ok()?;
        let public = PublicPrekey::read(roster.backend(), &payload).ok()?;
        if payload.version != VERSION || payload.room != roster.room() {
            return None;
        }
        // Further ahead than a prekey may live: its member's clock is ahead of ours. Already expired: that clock is
        // behind, or the key was delayed; it is valid while its member is connected.
        let left_ms = payload.not_after_ms.saturating_sub(now.unix_ms).min(PREKEY_USED_MS);
        let until_ms = now.passed_ms.saturating_add(left_ms);
        let (index, not_after_ms) = (payload.index, payload.not_after_ms);
        let prekey = Self { index, public, until_ms, not_after_ms, came_ms: now.monotonic_ms, renewed_by_ms: None };
        Some((bundle.fingerprint, prekey))
    }

    pub(super) const fn is_over(&self, now: Now) -> bool {
        now.passed_ms >= self.until_ms
    }

    /// Whether text may be sealed for it.
    pub(super) fn is_live(&self, is_present: bool, now: Now) -> bool {
        !self.is_over(now) || (is_present && self.outlives_date(now))
    }

    /// Whether it is live although expired by our date: a connected member renews its key in time, or as soon as it is
    /// back, so it is our date that is wrong. Awake time never runs ahead, so after a day of it the key has expired
    /// all the same: a host that holds the next one back gains no more.
    fn outlives_date(&self, now: Now) -> bool {
        now.monotonic_ms < self.came_ms.saturating_add(PREKEY_USED_MS) && !self.may_be_renewed(now)
    }

    /// What its connected member's date may be now: the key was made a known time before its expiry, and is renewed
    /// before that.
    pub(super) const fn dates(&self) -> RangeInclusive<u64> {
        self.made_ms()..=self.not_after_ms
    }

    pub(super) const fn made_ms(&self) -> u64 {
        self.not_after_ms.saturating_sub(PREKEY_USED_MS)
    }

    /// Its member is connected again. If the key expired while the member was away, another comes at once.
    pub(super) fn member_is_back(&mut self, now: Now) {
        if self.is_over(now) {
            self.renewed_by_ms = Some(now.monotonic_ms + WAKE_MS);
        }
    }

    /// Whether its member came back after it had expired.
    pub(super) const fn is_to_be_renewed(&self) -> bool {
        self.renewed_by_ms.is_some()
    }

    /// Whether its member came back just now and has not had time to announce another.
    fn may_be_renewed(&self, now: Now) -> bool {
        self.is_over(now) && self.renewed_by_ms.is_some_and(|due| now.monotonic_ms < due)
    }

    /// By when its member may announce another, in monotonic milliseconds.
    pub(super) fn renewed_by_ms(&self, now: Now) -> Option<u64> {
        self.renewed_by_ms.filter(|_| self.may_be_renewed(now))
    }

    /// The same, whether it has expired or not.
    pub(super) fn next_timeout(&self, now: Now) -> Option<u64> {
        self.renewed_by_ms.filter(|due| *due > now.monotonic_ms)
    }

    /// During a pause its member could not have announced a new one.
    pub(super) const fn slept(&mut self, ms: u64) {
        self.came_ms = self.came_ms.saturating_add(ms);
    }
}
