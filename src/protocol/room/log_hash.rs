//! The running hash over a room's numbered log, and whether other members saw the same.

use std::collections::VecDeque;

use crate::crypto::primitives::{Digest, labelled_hash, sha256};
use crate::protocol::RoomId;
use crate::protocol::limits::LOG_HASHES_KEPT;
use crate::wire::ItemKind;

/// `T_0 = room`; `T_p = H("log", T_{p-1} || kind || SHA-256(exact bytes))`.
#[derive(Clone, Debug)]
pub(in crate::protocol) struct LogHash {
    position: u64,
    hash: Digest,
    /// The hashes at `position - len + 1 ..= position`.
    kept: VecDeque<Digest>,
}

impl LogHash {
    /// The hash of an empty log.
    pub(in crate::protocol) fn new(room: RoomId) -> Self {
        Self::at(0, room.0)
    }

    /// The hash of a log known from `position` on.
    pub(in crate::protocol) fn at(position: u64, hash: Digest) -> Self {
        Self { position, hash, kept: VecDeque::from([hash]) }
    }

    /// Adds the next item's exact bytes.
    pub(in crate::protocol) fn roll(&mut self, kind: ItemKind, exact: &[u8]) {
        self.hash = labelled_hash("log", &[&self.hash, &[kind.code()], &sha256(exact)]);
        self.position += 1;
        if self.kept.len() == LOG_HASHES_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(self.hash);
    }

    pub(in crate::protocol) const fn position(&self) -> u64 {
        self.position
    }

    pub(in crate::protocol) const fn hash(&self) -> &Digest {
        &self.hash
    }

    #[cfg(test)]
    pub(in crate::protocol) fn kept_count(&self) -> usize {
        self.kept.len()
    }

    /// The hash at `position`, if it is still kept.
    pub(in crate::protocol) fn hash_at(&self, position: u64) -> Option<&Digest> {
        let back = usize::try_from(self.position.checked_sub(position)?).ok()?;
        self.kept.len().checked_sub(back + 1).and_then(|index| self.kept.get(index))
    }

    /// Whether somebody who reports `hash` at `position` saw a different log. A position too old to compare counts
    /// against nobody.
    pub(in crate::protocol) fn differs(&self, position: u64, hash: &Digest) -> bool {
        position > self.position || self.hash_at(position).is_some_and(|own| own != hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_agree_until_one_item_differs() {
        let (mut ann, mut bo) = (LogHash::new(RoomId([1; 32])), LogHash::new(RoomId([1; 32])));
        for item in 0..20_000_u32 {
            ann.roll(ItemKind::Msg, &item.to_be_bytes());
            bo.roll(ItemKind::Msg, &item.to_be_bytes());
        }
        assert!(!ann.differs(bo.position(), bo.hash()));
        assert!(!ann.differs(19_000, bo.hash_at(19_000).unwrap()));
        assert_eq!(ann.hash_at(20_000 - LOG_HASHES_KEPT as u64), None, "only so many are kept");
        assert!(!ann.differs(1, &[0; 32]), "too old to compare");
        ann.roll(ItemKind::Msg, b"yes");
        bo.roll(ItemKind::Msg, b"no");
        assert!(ann.differs(bo.position(), bo.hash()));
        assert!(ann.differs(bo.position() + 1, bo.hash()), "a position that is yet to come");
    }
}
