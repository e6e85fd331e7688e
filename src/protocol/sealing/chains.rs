//! The other members' chains in this epoch, as far as they can be read.

use std::collections::BTreeMap;

use super::sender_key::{Opened, ReceiveChain, Unopened};
use crate::crypto::Fingerprint;
use crate::protocol::payload::HeaderPayload;
use crate::wire::Msg;

/// Another member's chain.
enum Chain {
    /// Ours to read.
    Open(Box<ReceiveChain>),
    /// Announced, but without a key for us, or with one that does not open. `told`: the person knows.
    Closed { number: u64, told: bool },
}

impl Chain {
    const fn number(&self) -> u64 {
        match self {
            Self::Open(chain) => chain.number(),
            Self::Closed { number, .. } => *number,
        }
    }
}

/// The newest chain of each member.
#[derive(Default)]
pub(super) struct Chains(BTreeMap<Fingerprint, Chain>);

impl Chains {
    /// Whether this chain or a newer one was announced before.
    pub(super) fn knows(&self, sender: &Fingerprint, number: u64) -> bool {
        self.0.get(sender).is_some_and(|known| known.number() >= number)
    }

    /// A chain that can be read from now on.
    pub(super) fn open(&mut self, sender: Fingerprint, chain: ReceiveChain) {
        self.0.insert(sender, Chain::Open(Box::new(chain)));
    }

    /// A chain that cannot be read; `told` if the person is informed.
    pub(super) fn close(&mut self, sender: Fingerprint, number: u64, told: bool) {
        self.0.insert(sender, Chain::Closed { number, told });
    }

    /// Opens a message, given the position from which on its sender should have sealed for us too.
    pub(super) fn receive(
        &mut self,
        header: &HeaderPayload,
        message: &Msg,
        reached_since: Option<u64>,
    ) -> Result<Opened, Unopened> {
        // A chain whose announcement never came, or was invalid, counts as older than every announced one.
        let never_announced = Chain::Closed { number: 0, told: false };
        let chain = self.0.entry(header.sender).or_insert(never_announced);
        let opened = match chain {
            Chain::Open(chain) => chain.receive(header, message),
            Chain::Closed { told, .. } if !*told && reached_since.is_some_and(|at| header.position >= at) => {
                // The sender had seen our prekey: the host kept the chain or its key from us, or our prekey from it.
                *told = true;
                Err(Unopened::Unreadable)
            }
            // Sealed before we came, or while we were away: not for us.
            Chain::Closed { .. } => Err(Unopened::Dropped),
        };
        if matches!(opened, Err(Unopened::Gap)) {
            *chain = Chain::Closed { number: chain.number(), told: true };
        }
        opened
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.0.len()
    }
}
