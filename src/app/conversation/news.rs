//! What happened in a room and is no row of it, for a front end that tells each thing as it comes.
//!
//! A front end that shows the state of a room has no use for it: every other [`Change`](super::Change) says what to
//! draw anew. Nor is it a second way to read the protocol: whatever has a row is told as that row.

use super::delivery::Step;
use crate::crypto::Fingerprint;
use crate::protocol::MessageId;

/// Something that happened. What it came to stands in the [`Room`](super::Room).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// It is connected in another way, or was connected, cut off or stopped once more: see
    /// [`Room::connection`](super::Room) and [`Room::stop`](super::Room::stop).
    Connection,
    /// This computer relays it now: see [`Room::hosting`](super::Room).
    Hosting,
    /// The owner told the title, a new one or the same again.
    Titled,
    /// Who belongs to it was told for the first time. Who comes and goes from now on is told one by one.
    Members,
    /// Something happened with somebody.
    Member {
        /// With whom: a member, somebody who was one, or who asks to become one.
        member: Fingerprint,
        /// What.
        news: MemberNews,
    },
    /// An own message took a step.
    Delivery {
        /// Which message.
        message: MessageId,
        /// What it did.
        step: Step,
    },
}

/// What happened with somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemberNews {
    /// The host says that they are connected.
    Here,
    /// They went offline with a goodbye. Whoever left the room for good does that, too.
    Away,
    /// Their connection broke.
    Cut,
    /// They told their name, as they do time and again.
    Named {
        /// The one they had told before.
        before: Option<String>,
    },
    /// They ask to come in (owner).
    Knock,
    /// They do not ask any more (owner).
    KnockOver,
    /// An invite let them in (owner).
    InviteUsed,
}
