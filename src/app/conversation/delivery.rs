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
    /// It was said in an earlier run, was never sent, and is too old to be sent now.
    Unsent,
    /// It was sealed in an earlier run, and the host never confirmed it: it may have arrived. It is not sent again, for it
    /// was taken back too late or is too old.
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
    /// Who should confirm it and has not yet.
    pub awaited: Vec<Fingerprint>,
    /// Who cannot read it, for they were offline when it was sealed.
    pub without: Vec<Fingerprint>,
    /// Who was to get it, and went or began anew without having confirmed it.
    pub missed: Vec<Fingerprint>,
    /// How many confirmed it in an earlier run of the program, which did not keep who.
    pub before: usize,
    /// How many should have received it when it reached the host, and those who have it besides.
    pub of: usize,
}

impl Delivery {
    pub(super) const fn queued() -> Self {
        Self {
            progress: Progress::Queued,
            to: Vec::new(),
            awaited: Vec::new(),
            without: Vec::new(),
            missed: Vec::new(),
            before: 0,
            of: 0,
        }
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

    /// It took a step. `readers` are the others who confirm what they get.
    pub(in crate::app) fn step(&mut self, step: &Step, readers: &[Fingerprint]) {
        match step {
            Step::OnHost { without } => self.is_on_host(without, readers),
            Step::Delivered { to } if !self.to.contains(to) => {
                self.progress = Progress::OnHost;
                self.no_longer_lacks(to);
                self.to.push(*to);
                self.of = self.of.max(self.reached() + self.awaited.len() + self.missed.len());
            }
            Step::MissedBy { member } if !self.to.contains(member) && !self.missed.contains(member) => {
                self.no_longer_lacks(member);
                self.missed.push(*member);
            }
            // It is sent again, to those who missed it: whatever happens now, it has been on the host.
            _ if self.progress == Progress::OnHost => {}
            Step::Taken => self.progress = Progress::Queued,
            Step::CalledBack => self.progress = Progress::Cancelled,
            Step::TooLong { limit } => self.progress = Progress::TooLong { limit: *limit },
            Step::OutboxFull => self.progress = Progress::OutboxFull,
            // To the person it still waits until the host has it.
            Step::Sealed | Step::Delivered { .. } | Step::MissedBy { .. } => {}
        }
    }

    /// The host has it, for the first time or again.
    fn is_on_host(&mut self, without: &[Fingerprint], readers: &[Fingerprint]) {
        self.progress = Progress::OnHost;
        let lacks = |member: &&Fingerprint| !self.to.contains(member);
        let is_read_by = |member: &&Fingerprint| lacks(member) && !without.contains(member);
        self.awaited = readers.iter().filter(is_read_by).copied().collect();
        self.without = without.iter().filter(lacks).copied().collect();
        let Self { awaited, without, missed, .. } = self;
        missed.retain(|member| !awaited.contains(member) && !without.contains(member));
        self.of = self.of.max(self.reached() + self.awaited.len() + self.missed.len());
    }

    fn no_longer_lacks(&mut self, member: &Fingerprint) {
        for lacking in [&mut self.awaited, &mut self.without, &mut self.missed] {
            lacking.retain(|other| other != member);
        }
    }
}
