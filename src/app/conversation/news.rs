//! What happened in a room and is not a row, for a front end that reports each thing as it comes.
//!
//! A front end that shows a room's state does not need it: every other [`Change`](super::Change) says what to redraw.
//! Nor is it a second way to read the protocol: whatever has a row is reported as that row.

use super::delivery::Step;
use crate::crypto::Fingerprint;
use crate::protocol::MessageId;

/// Something that happened. Its result is in the [`Room`](super::Room).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// Its connection changed, or it was connected, cut off or stopped once more: see
    /// [`Room::connection`](super::Room) and [`Room::stop`](super::Room::stop).
    Connection,
    /// This computer relays it now: see [`Room::hosting`](super::Room).
    Hosting,
    /// The owner announced the title, a new one or the same again.
    Titled,
    /// The members are known for the first time. From now on each join and departure is reported separately.
    Members,
    /// Something happened to somebody.
    Member {
        /// To whom: a member, a former one, or a joiner.
        member: Fingerprint,
        /// What.
        news: MemberNews,
    },
    /// One of our messages took a step.
    Delivery {
        /// Which message.
        message: MessageId,
        /// What it did.
        step: Step,
    },
}

/// What happened to somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MemberNews {
    /// The host says that they are connected.
    Here,
    /// They went offline with a goodbye, as does a member who left the room for good.
    Away,
    /// Their connection broke.
    Cut,
    /// They announced their name, as members do repeatedly.
    Named {
        /// The one they had announced before.
        before: Option<String>,
    },
    /// They ask to join (owner).
    Knock,
    /// They no longer ask (owner).
    KnockOver,
    /// An invite let them in (owner).
    InviteUsed,
}
