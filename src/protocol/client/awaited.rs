//! Members for whom messages wait a moment after the host restarted: they were here before and are on their way back.
//! Whatever is sealed without them never reaches them.

use std::collections::{BTreeMap, BTreeSet};

use crate::crypto::Fingerprint;
use crate::protocol::Now;
use crate::protocol::room::roster::Roster;

#[derive(Default)]
pub(super) struct Awaited {
    members: BTreeSet<Fingerprint>,
    wait_ms: u64,
    until_ms: Option<u64>,
}

impl Awaited {
    /// Waits for `members` once the room is ready, but no longer than `wait_ms`.
    pub(super) fn new(members: BTreeSet<Fingerprint>, wait_ms: u64) -> Self {
        Self { members, wait_ms, until_ms: None }
    }

    /// Those who were not back when the wait ended.
    pub(super) fn into_members(self) -> BTreeSet<Fingerprint> {
        self.members
    }

    /// The room is ready: the wait starts now.
    pub(super) fn begin(&mut self, now: Now) {
        self.until_ms = (!self.members.is_empty()).then_some(now.monotonic_ms + self.wait_ms);
    }

    /// Whether messages wait for members who are not among the `reachable`.
    pub(super) fn holds_words(
        &mut self,
        roster: &Roster,
        own: Fingerprint,
        reachable: &BTreeMap<Fingerprint, u64>,
        now: Now,
    ) -> bool {
        self.members.retain(|member| *member != own && roster.contains(member) && !reachable.contains_key(member));
        if self.members.is_empty() || self.until_ms.is_some_and(|until_ms| now.monotonic_ms >= until_ms) {
            *self = Self::default();
        }
        !self.members.is_empty()
    }

    /// When the wait ends, if it has not yet.
    pub(super) fn next_timeout(&self, now: Now) -> Option<u64> {
        self.until_ms.filter(|until_ms| *until_ms > now.monotonic_ms)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.members.len()
    }
}
