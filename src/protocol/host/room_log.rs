//! A room's numbered log at its host: it gives each item its position, and keeps the newest for members who were cut
//! off.
//!
//! Not here: who an item goes to, and what it says; the room relays it, and only members read it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::crypto::Fingerprint;
use crate::crypto::primitives::Digest;
use crate::protocol::RoomId;
use crate::protocol::limits::{LOG_BYTES_KEPT, LOG_HASHES_KEPT};
use crate::protocol::room::log_hash::LogHash;
use crate::wire::{Frame, Item, ItemKind, Wrap, encode};

/// Numbers a room's items, and keeps the newest of them.
pub(super) trait RoomLog: Send {
    /// Gives the next position to an item of these exact bytes. `wraps` is what each recipient gets beside them.
    fn append(&mut self, kind: ItemKind, exact: &[u8], wraps: Vec<Wrap>) -> Arc<Numbered>;

    /// The newest position; 0 for an empty log.
    fn position(&self) -> u64;

    /// The hash over all items up to the newest.
    fn hash(&self) -> Digest;

    /// The position before the oldest item that is kept, and the hash there.
    fn base(&self) -> (u64, Digest);

    /// Whether a member who has the log up to `position`, with that hash, can be given the rest.
    fn can_resume(&self, position: u64, hash: &Digest) -> bool;

    /// The items after `position` that are kept, the oldest first.
    fn after(&self, position: u64) -> Vec<Arc<Numbered>>;

    /// The room is closed: nobody comes back to its items.
    fn forget_items(&mut self);

    /// How many items are kept, recounted, and how many bytes they have.
    #[cfg(test)]
    fn held(&self) -> (usize, usize);
}

/// An item with its position in the log.
pub(super) struct Numbered {
    /// From 1 on, without a gap.
    pub(super) position: u64,
    size: usize,
    form: Form,
}

enum Form {
    /// The same frame for everybody.
    Same(Arc<[u8]>),
    /// An announcement: everybody gets their own wrap.
    Wrapped { common: Vec<u8>, wraps: BTreeMap<Fingerprint, Wrap> },
}

impl Numbered {
    pub(super) fn new(position: u64, kind: ItemKind, exact: &[u8], wraps: Vec<Wrap>) -> Self {
        if kind != ItemKind::SkPacket {
            let frame = item_frame(kind, position, None, exact);
            return Self { position, size: frame.len(), form: Form::Same(frame) };
        }
        let wraps: BTreeMap<Fingerprint, Wrap> = wraps.into_iter().map(|wrap| (wrap.recipient, wrap)).collect();
        let size = exact.len() + wraps.values().map(|wrap| encode(wrap).len()).sum::<usize>();
        Self { position, size, form: Form::Wrapped { common: exact.to_vec(), wraps } }
    }

    /// The frame in which `member` gets it.
    pub(super) fn frame_for(&self, member: &Fingerprint) -> Arc<[u8]> {
        match &self.form {
            Form::Same(frame) => Arc::clone(frame),
            Form::Wrapped { common, wraps } => {
                item_frame(ItemKind::SkPacket, self.position, wraps.get(member).cloned(), common)
            }
        }
    }

    /// The frame of an item that is the same for everybody.
    pub(super) fn same(&self) -> Arc<[u8]> {
        match &self.form {
            Form::Same(frame) => Arc::clone(frame),
            Form::Wrapped { common, .. } => item_frame(ItemKind::SkPacket, self.position, None, common),
        }
    }

    #[cfg(test)]
    fn bytes(&self) -> usize {
        match &self.form {
            Form::Same(frame) => frame.len(),
            Form::Wrapped { common, wraps } => {
                common.len() + wraps.values().map(|wrap| encode(wrap).len()).sum::<usize>()
            }
        }
    }
}

fn item_frame(kind: ItemKind, position: u64, wrap: Option<Wrap>, exact: &[u8]) -> Arc<[u8]> {
    Frame::Item(Item { kind: kind.code(), position, wrap, exact: exact.to_vec().into() }).to_bytes()
}

/// A log in memory. If it is also kept elsewhere, that follows what happens here.
pub(super) struct MemoryLog {
    hash: LogHash,
    kept: VecDeque<Arc<Numbered>>,
    kept_bytes: usize,
    items_max: usize,
}

impl MemoryLog {
    /// A room's empty log, which keeps the newest `items_max` items, up to [`LOG_BYTES_KEPT`] bytes.
    pub(super) fn new(room: RoomId, items_max: usize) -> Self {
        Self::restored(LogHash::new(room), VecDeque::new(), items_max)
    }

    /// The log of before: its hashes, and the items that they go over, but for the first.
    pub(super) fn restored(hash: LogHash, kept: VecDeque<Arc<Numbered>>, items_max: usize) -> Self {
        let kept_bytes = kept.iter().map(|item| item.size).sum();
        // An item whose predecessor's hash is not known any more helps nobody.
        let mut log = Self { hash, kept, kept_bytes, items_max: items_max.min(LOG_HASHES_KEPT - 1) };
        log.trim();
        log
    }

    fn trim(&mut self) {
        while self.kept.len() > self.items_max || self.kept_bytes > LOG_BYTES_KEPT {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.size;
        }
    }
}

impl RoomLog for MemoryLog {
    fn append(&mut self, kind: ItemKind, exact: &[u8], wraps: Vec<Wrap>) -> Arc<Numbered> {
        self.hash.roll(kind, exact);
        let item = Arc::new(Numbered::new(self.hash.position(), kind, exact, wraps));
        self.kept_bytes += item.size;
        self.kept.push_back(Arc::clone(&item));
        self.trim();
        item
    }

    fn position(&self) -> u64 {
        self.hash.position()
    }

    fn hash(&self) -> Digest {
        *self.hash.hash()
    }

    fn base(&self) -> (u64, Digest) {
        let position = self.kept.front().map_or(self.position(), |item| item.position - 1);
        // It is there, for no more items are kept than hashes.
        (position, self.hash.hash_at(position).copied().unwrap_or_else(|| self.hash()))
    }

    fn can_resume(&self, position: u64, hash: &Digest) -> bool {
        let newest = self.position();
        let oldest_kept = self.kept.front().map_or(newest + 1, |item| item.position);
        position <= newest && position + 1 >= oldest_kept && self.hash.hash_at(position) == Some(hash)
    }

    fn after(&self, position: u64) -> Vec<Arc<Numbered>> {
        self.kept.iter().filter(|item| item.position > position).map(Arc::clone).collect()
    }

    fn forget_items(&mut self) {
        (self.kept, self.kept_bytes) = (VecDeque::new(), 0);
    }

    #[cfg(test)]
    fn held(&self) -> (usize, usize) {
        (self.kept.len(), self.kept.iter().map(|item| item.bytes()).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_items_are_kept_and_whoever_missed_more_cannot_resume() {
        let mut log = MemoryLog::new(RoomId([1; 32]), 3);
        let mut hashes = vec![log.hash()];
        for byte in 0..5 {
            assert_eq!(log.append(ItemKind::Msg, &[byte], Vec::new()).position, u64::from(byte) + 1);
            hashes.push(log.hash());
        }
        let can_resume: Vec<bool> = (0..=5).map(|from| log.can_resume(from, &hashes[from as usize])).collect();
        assert_eq!(can_resume, [false, false, true, true, true, true]);
        assert!(!log.can_resume(3, &hashes[4]), "another log");
        assert!(!log.can_resume(6, &hashes[5]), "more than there is");
        let positions = |from| log.after(from).iter().map(|item| item.position).collect::<Vec<_>>();
        assert_eq!((positions(0), positions(4), positions(5)), (vec![3, 4, 5], vec![5], vec![]));
        log.forget_items();
        assert_eq!((log.held(), log.position()), ((0, 0), 5));
    }

    #[test]
    fn large_items_push_out_more_than_small_ones() {
        let mut log = MemoryLog::new(RoomId([1; 32]), usize::MAX);
        let half = vec![7; LOG_BYTES_KEPT / 2 - 200];
        (0..3).for_each(|_| drop(log.append(ItemKind::Msg, &half, Vec::new())));
        let (items, bytes) = log.held();
        assert_eq!(items, 2);
        assert!(bytes <= LOG_BYTES_KEPT && log.kept_bytes == bytes, "{bytes}");
    }
}
