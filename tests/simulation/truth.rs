//! The log as the room has it, whatever an evil host makes of it on the way.

use std::collections::BTreeMap;

use super::replica::Replica;
use crate::crypto::primitives::{Digest, labelled_hash, sha256};
use crate::protocol::RoomId;
use crate::wire::Item;

pub(super) struct Truth {
    hashes: BTreeMap<u64, Digest>,
}

impl Truth {
    pub(super) fn new(room: RoomId) -> Self {
        Self { hashes: BTreeMap::from([(0, room.0)]) }
    }

    /// An item leaves the room, to one of many.
    pub(super) fn roll(&mut self, item: &Item) {
        let (newest, hash) = self.hashes.last_key_value().unwrap();
        if item.position == newest + 1 {
            let hash = labelled_hash("log", &[hash, &[item.kind], &sha256(&item.exact)]);
            self.hashes.insert(item.position, hash);
        }
    }

    /// Whether somebody was shown another log.
    pub(super) fn differs(&self, log: &Replica) -> bool {
        self.hashes.get(&log.position) != Some(&log.hash)
    }
}
