//! What a person said, held until it is stored: it is shown and sent then, or when that takes too long.
//!
//! Not here: what is sent, which the outbox knows, and in which order.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Outcome, SavedMessages};
use crate::app::session::MembershipId;
use crate::app::session::outbox::Unsent;
use crate::crypto::KeyKind;

/// How long what a person said waits at most to be stored before it is shown: longer than a disk that is in use takes, and
/// not so long that somebody would wonder where it is.
const HELD_MAX: Duration = Duration::from_secs(1);
/// The same while the store is not open yet: longer than the keys and a large file take.
const OPENING_MAX: Duration = Duration::from_secs(10);

/// What a person said, until it is stored.
pub(super) struct Held {
    pub(super) kind: KeyKind,
    /// The write by which it is; none of them while the store is not open.
    pub(super) after: Option<u64>,
    membership: MembershipId,
    unsent: Unsent,
    pub(super) until: Instant,
}

impl SavedMessages {
    /// A person said something, which was handed in. Whether it waits to be stored before it is shown; then
    /// [`Outcome::Said`] follows, after a time in any case.
    pub(in crate::app::session) fn holds(&mut self, membership: MembershipId, unsent: Unsent) -> bool {
        let Some((kind, _)) = self.entered(membership) else { return false };
        // What is said now comes after what was said before.
        let is_first = self.held.iter().all(|held| held.membership != membership);
        let (after, held_max) = match self.stores.get(&kind) {
            Some(open) if is_first && (!open.is_whole || open.is_failing) => return false,
            Some(_) => (Some(self.newest(kind)), HELD_MAX),
            None if self.unusable.contains(&kind) => return false,
            None if self.is_opening(kind) => (None, OPENING_MAX),
            // Until the identity is read; one that is locked may stay so.
            None => (None, HELD_MAX),
        };
        self.held.push_back(Held { kind, after, membership, unsent, until: Instant::now() + held_max });
        true
    }

    /// A store is open and has what was said before, or cannot be opened.
    pub(super) fn holds_no_longer(&mut self, kind: KeyKind) {
        let (is_open, newest, now) = (self.stores.contains_key(&kind), self.newest(kind), Instant::now());
        for held in self.held.iter_mut().filter(|held| held.kind == kind) {
            held.after = is_open.then_some(newest);
            held.until = if is_open { now + HELD_MAX } else { now };
        }
    }

    /// What is held in a room is held no longer: something comes after it that is shown at once.
    pub(in crate::app::session) fn held_in(&mut self, membership: MembershipId) -> Vec<Outcome> {
        self.release(|held| held.membership == membership)
    }

    /// What was held for too long: the disk takes its time, and nobody waits for it.
    pub(in crate::app::session) fn overdue(&mut self) -> Vec<Outcome> {
        let now = Instant::now();
        self.release(|held| held.until <= now)
    }

    /// What is held no longer.
    pub(super) fn release(&mut self, goes: impl Fn(&Held) -> bool) -> Vec<Outcome> {
        let (gone, kept): (VecDeque<Held>, VecDeque<Held>) = std::mem::take(&mut self.held).into_iter().partition(goes);
        self.held = kept;
        gone.into_iter().map(|held| Outcome::Said(held.membership, held.unsent)).collect()
    }
}
