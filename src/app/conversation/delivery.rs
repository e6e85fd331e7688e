//! How far an own message is, told truthfully.

use crate::crypto::Fingerprint;

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It waits here.
    Queued,
    /// The host has it and passes it on.
    OnHost,
    /// It was called back before it was sealed.
    Cancelled,
    /// It is too long for the room; nothing was sent.
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Too many wait already; nothing was sent.
    OutboxFull,
}

/// The delivery of an own message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// How far it is.
    pub progress: Progress,
    /// Who confirmed it.
    pub to: Vec<Fingerprint>,
    /// Who cannot read it, for they were offline when it was sealed.
    pub without: Vec<Fingerprint>,
    /// Who was to get it, and went or began anew without having confirmed it.
    pub missed: Vec<Fingerprint>,
    /// How many were to get it when it reached the host.
    pub of: usize,
}

impl Delivery {
    pub(super) const fn queued() -> Self {
        Self { progress: Progress::Queued, to: Vec::new(), without: Vec::new(), missed: Vec::new(), of: 0 }
    }

    /// Whether everybody confirmed it who could. Large rooms do not confirm.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.of > 0 && self.to.len() >= self.of
    }
}
