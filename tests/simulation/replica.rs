//! The log that somebody was shown, counted by nobody but this: what the clients' own count is held
//! against.

use std::collections::BTreeMap;

use crate::crypto::primitives::{Digest, labelled_hash, sha256};
use crate::protocol::payload::HeaderPayload;
use crate::wire::{Item, ItemKind, Msg, Signed, Welcome, decode};

/// The hashes of a log as docs/protocol.md has them.
pub(super) struct Replica {
    /// The position of the welcome.
    pub(super) began: u64,
    pub(super) position: u64,
    pub(super) hash: Digest,
    all: BTreeMap<u64, Digest>,
}

impl Replica {
    pub(super) fn begin(welcome: &Welcome) -> Self {
        let hash = *welcome.log_hash;
        let began = welcome.position;
        Self { began, position: began, hash, all: BTreeMap::from([(began, hash)]) }
    }

    /// Takes in the next item; what comes with a welcome, or out of its place, is none.
    pub(super) fn roll(&mut self, item: &Item) {
        if self.position.checked_add(1) == Some(item.position) {
            self.position += 1;
            self.hash = labelled_hash("log", &[&self.hash, &[item.kind], &sha256(&item.exact)]);
            self.all.insert(self.position, self.hash);
        }
    }

    /// Whether another was shown another log, where both know it.
    pub(super) fn is_unlike(&self, other: &Self) -> bool {
        other.all.iter().any(|(position, hash)| self.all.get(position).is_some_and(|own| own != hash))
    }

    /// Whether somebody who saw this hash at this position saw another log.
    fn differs(&self, position: u64, hash: &Digest) -> bool {
        position > self.position || self.all.get(&position).is_some_and(|own| own != hash)
    }
}

/// The chain that an item announces or speaks in, if it does.
pub(super) fn chain_of(item: &Item) -> Option<Digest> {
    if item.kind == ItemKind::SkPacket.code() {
        let common: Signed = decode(&item.exact).ok()?;
        return Some(labelled_hash("com", &[&common.payload]));
    }
    Arriving::of(item, None).map(|arriving| *arriving.header.chain)
}

/// A message on its way into a client.
#[derive(Clone)]
pub(super) struct Arriving {
    /// SHA-256 of its exact bytes.
    pub(super) item: Digest,
    pub(super) position: u64,
    pub(super) header: HeaderPayload,
    /// Whether its sender says that it saw another log than whoever it comes to.
    pub(super) differs: bool,
}

impl Arriving {
    /// The message in an item, if it is one, as it comes to somebody who was shown `log`.
    pub(super) fn of(item: &Item, log: Option<&Replica>) -> Option<Self> {
        if item.kind != ItemKind::Msg.code() {
            return None;
        }
        let message: Msg = decode(&item.exact).ok()?;
        let header: HeaderPayload = decode(&message.header).ok()?;
        let differs = log.is_some_and(|log| log.differs(header.position, &header.log_hash));
        Some(Self { item: sha256(&item.exact), position: item.position, header, differs })
    }
}
