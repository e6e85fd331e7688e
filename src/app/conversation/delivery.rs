//! How far one of our messages has got, reported truthfully.

use crate::crypto::Fingerprint;

/// How far it has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It waits here.
    Queued,
    /// The host has it and passes it on.
    OnHost,
    /// It was cancelled before it was sealed.
    Cancelled,
    /// It is too long for the room; nothing was sent.
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many wait already; nothing was sent.
    OutboxFull,
    /// It still waited when the program ended, in an earlier run: it was never sent.
    Unsent,
    /// It was sealed, and the program ended before the host confirmed it: it may have arrived.
    Unconfirmed,
}

/// A step on the way of one of our messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// The session accepted it; it waits to be sealed.
    Taken,
    /// It was sealed and handed to the connection. After a cut that happens again.
    Sealed,
    /// The host has it.
    OnHost {
        /// Who cannot read it, for they were offline when it was sealed.
        without: Vec<Fingerprint>,
    },
    /// A member has it.
    Delivered {
        /// Who.
        to: Fingerprint,
    },
    /// A member went or began anew without having confirmed it.
    MissedBy {
        /// Who.
        member: Fingerprint,
    },
    /// It was cancelled, which is too late once sealed.
    CalledBack,
    /// It is too long for the room; nothing was sent.
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many wait already; nothing was sent.
    OutboxFull,
}

/// The delivery of one of our messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// How far it has got.
    pub progress: Progress,
    /// Who confirmed it.
    pub to: Vec<Fingerprint>,
    /// Who cannot read it, for they were offline when it was sealed.
    pub without: Vec<Fingerprint>,
    /// Who was to get it, and went or began anew without having confirmed it.
    pub missed: Vec<Fingerprint>,
    /// How many confirmed it in an earlier run of the program, which did not keep who.
    pub before: usize,
    /// How many should have received it when it reached the host.
    pub of: usize,
}

impl Delivery {
    pub(super) const fn queued() -> Self {
        Self { progress: Progress::Queued, to: Vec::new(), without: Vec::new(), missed: Vec::new(), before: 0, of: 0 }
    }

    /// As an earlier run left it: so many of so many have it.
    #[must_use]
    pub fn from_before(progress: Progress, before: usize, of: usize) -> Self {
        Self { progress, before, of, ..Self::queued() }
    }

    /// How many have confirmed it.
    #[must_use]
    pub const fn reached(&self) -> usize {
        self.before + self.to.len()
    }

    /// Whether everybody who could has confirmed it. Large rooms do not confirm.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.of > 0 && self.reached() >= self.of
    }

    /// It took a step. `readers` is how many others should confirm what is on the host by now.
    pub(in crate::app) fn step(&mut self, step: &Step, readers: usize) {
        match step {
            Step::Taken => self.progress = Progress::Queued,
            Step::OnHost { without } => {
                self.progress = Progress::OnHost;
                self.without.clone_from(without);
                self.of = readers.saturating_sub(without.len());
            }
            Step::Delivered { to } if !self.to.contains(to) => {
                self.progress = Progress::OnHost;
                self.to.push(*to);
                self.of = self.of.max(self.reached());
            }
            Step::MissedBy { member } if !self.to.contains(member) && !self.missed.contains(member) => {
                self.missed.push(*member);
            }
            // A cancellation that came too late changes nothing.
            Step::CalledBack if self.progress != Progress::OnHost => self.progress = Progress::Cancelled,
            Step::TooLong { limit } => self.progress = Progress::TooLong { limit: *limit },
            Step::OutboxFull => self.progress = Progress::OutboxFull,
            // To the person it still waits until the host has it.
            Step::Sealed | Step::Delivered { .. } | Step::MissedBy { .. } | Step::CalledBack => {}
        }
    }
}
