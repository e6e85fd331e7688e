//! A room's numbered log as one receiver is shown it, hashed a second time.

use conversa::crypto::primitives::{Digest, labelled_hash, sha256};
use conversa::wire::ItemKind;

/// The log's hashes from where the receiver came in.
#[derive(Clone)]
pub(super) struct Log {
    from: u64,
    hashes: Vec<Digest>,
}

impl Log {
    /// A log that is known from `position` on.
    pub(super) fn at(position: u64, hash: Digest) -> Self {
        Self { from: position, hashes: vec![hash] }
    }

    pub(super) fn position(&self) -> u64 {
        self.from + self.hashes.len() as u64 - 1
    }

    pub(super) fn hash(&self) -> Digest {
        self.hashes[self.hashes.len() - 1]
    }

    pub(super) fn roll(&mut self, kind: ItemKind, exact: &[u8]) {
        self.hashes.push(labelled_hash("log", &[&self.hash(), &[kind.code()], &sha256(exact)]));
    }

    /// The hash at `position`, if it is known here.
    pub(super) fn hash_at(&self, position: u64) -> Option<Digest> {
        let index = usize::try_from(position.checked_sub(self.from)?).ok()?;
        self.hashes.get(index).copied()
    }
}
