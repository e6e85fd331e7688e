//! The people of a room.

use crate::crypto::Fingerprint;

/// Whether a member is connected, according to the host. Advice only: nothing secret depends on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Unknown.
    Unknown,
    /// Connected.
    Here,
    /// Went offline with a goodbye.
    Away,
    /// The connection broke.
    Cut,
}

/// A person in a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The member's key: their one true name.
    pub fingerprint: Fingerprint,
    /// The name the member chose, once announced.
    pub name: Option<String>,
    /// The member's presence.
    pub presence: Presence,
    /// Whether the member owns the room.
    pub is_owner: bool,
    /// Whether the member's computer hosts the room.
    pub is_host: bool,
    /// Whether it is the local person.
    pub is_me: bool,
}

impl Member {
    pub(super) const fn new(fingerprint: Fingerprint) -> Self {
        Self { fingerprint, name: None, presence: Presence::Unknown, is_owner: false, is_host: false, is_me: false }
    }
}
