//! A message as it is stored, and as it is shown: each made of the other.

use std::collections::BTreeMap;

use super::EarlierMessage;
use super::conversation::{Delivery, Message, Progress as Shown};
use crate::crypto::Fingerprint;
use crate::protocol::RoomId;
use crate::store::{DeliveryState, Progress, ProgressState, StoredMessage};

/// How an own message stands with each of those of whom something is known.
pub(super) fn members(delivery: &Delivery) -> BTreeMap<Fingerprint, DeliveryState> {
    let Delivery { to, awaited, without, missed, .. } = delivery;
    let all = [
        (awaited, DeliveryState::Awaited),
        (without, DeliveryState::Missed),
        (missed, DeliveryState::Missed),
        (to, DeliveryState::Confirmed),
    ];
    all.into_iter().flat_map(|(members, state)| members.iter().map(move |member| (*member, state))).collect()
}

/// What is stored of a message that came, or was said, at `got_ms`.
pub(super) fn stored(room: RoomId, sender: Fingerprint, message: Message, got_ms: u64) -> StoredMessage {
    let own = message.delivery.as_ref().map(|delivery| progress(delivery, false));
    StoredMessage { room, sender, id: message.id, content: message.content, sent_ms: message.sent_ms, got_ms, own }
}

/// What is stored of a delivery.
pub(super) fn progress(delivery: &Delivery, is_sealed: bool) -> Progress {
    let state = match delivery.progress {
        Shown::Queued if is_sealed => ProgressState::Sealed,
        Shown::Queued | Shown::Unsent => ProgressState::Queued,
        // Too late: it may have arrived.
        Shown::Cancelled if is_sealed => ProgressState::Recalled,
        Shown::Unconfirmed => ProgressState::Recalled,
        Shown::OnHost => ProgressState::OnHost,
        Shown::Cancelled => ProgressState::Cancelled,
        Shown::TooLong { .. } => ProgressState::TooLong,
        Shown::OutboxFull => ProgressState::OutboxFull,
    };
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Progress { state, delivered: count(delivery.reached()), of: count(delivery.of) }
}

/// A message of an earlier run, as whoever sends nothing shows it: what is not on the host was not sent.
pub(super) fn from_before(message: &StoredMessage, members: &[(Fingerprint, DeliveryState)]) -> EarlierMessage {
    let delivery = message.own.map(|own| delivery(message, own, members));
    let StoredMessage { sender, id, content, sent_ms, got_ms, .. } = message.clone();
    EarlierMessage { came_ms: got_ms, message: Message { id, from: sender, content, sent_ms, delivery } }
}

/// How far an own message of an earlier run had got.
pub(super) fn delivery(message: &StoredMessage, own: Progress, members: &[(Fingerprint, DeliveryState)]) -> Delivery {
    let Progress { state, delivered, of } = own;
    let progress = match state {
        ProgressState::Queued => Shown::Unsent,
        ProgressState::Sealed | ProgressState::Recalled => Shown::Unconfirmed,
        ProgressState::OnHost => Shown::OnHost,
        ProgressState::Cancelled => Shown::Cancelled,
        ProgressState::TooLong => Shown::TooLong { limit: message.content.bytes_max() },
        ProgressState::OutboxFull => Shown::OutboxFull,
    };
    let those = |wanted| members.iter().filter(move |(_, state)| *state == wanted).map(|(member, _)| *member).collect();
    let to: Vec<Fingerprint> = those(DeliveryState::Confirmed);
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let (awaited, missed) = (those(DeliveryState::Awaited), those(DeliveryState::Missed));
    // Before the store had names, it had a number.
    let before = count(delivered).saturating_sub(to.len());
    Delivery { to, awaited, missed, ..Delivery::from_before(progress, before, count(of)) }
}
