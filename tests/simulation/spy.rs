//! Somebody who steals the keys of everybody: those of members open what was sealed for them, which
//! shows that the thief is able; those of former members must open nothing that was sealed later.

use std::sync::Arc;

use super::dice::Dice;
use super::ledger::Ledger;
use super::tally::{Chance, Tally};
use crate::crypto::{CryptoBackend, Fingerprint};
use crate::protocol::Identity;
use crate::protocol::identity::Bundle;
use crate::protocol::payload::{CommonPayload, PrekeyPayload};
use crate::protocol::sealing::prekey::PrivatePrekey;
use crate::protocol::sealing::sender_key::{Announcement, ReceiveChain};
use crate::wire::{SkPacket, decode};

/// Stolen keys of one person: all it takes to open a wrap.
struct Loot {
    identity: Arc<Identity>,
    index: u64,
    prekey: PrivatePrekey,
}

/// How many prekeys are tried on each packet; the newest are the likeliest to open something.
const LOOT_MAX: usize = 12;

pub(super) struct Spy {
    backend: Arc<dyn CryptoBackend>,
    loot: Vec<Loot>,
}

impl Spy {
    pub(super) fn new(backend: Arc<dyn CryptoBackend>) -> Self {
        Self { backend, loot: Vec::new() }
    }

    /// Takes the private half of a prekey that `dice` made just now.
    pub(super) fn steal(&mut self, identity: &Arc<Identity>, payload: &PrekeyPayload, dice: &Dice) {
        let made = dice.again().find_map(|mut dice| {
            let made = PrivatePrekey::generate(&*self.backend, &mut dice).unwrap();
            (made.public().x25519 == *payload.public).then_some(made)
        });
        let prekey = made.expect("a prekey that does not come from the dice");
        if self.loot.len() == LOOT_MAX {
            self.loot.remove(0);
        }
        self.loot.push(Loot { identity: Arc::clone(identity), index: payload.index, prekey });
    }

    /// Tries all keys on all wraps of a packet that goes out.
    pub(super) fn try_on(&self, packet: &SkPacket, sender: &Identity, ledger: &Ledger, tally: &Tally) {
        let common: CommonPayload = decode(&packet.common.payload).unwrap();
        let bundle = Bundle::read(&*self.backend, sender.bundle()).unwrap();
        let announcement = Announcement::read(&bundle, &packet.common).unwrap();
        for loot in &self.loot {
            let member = loot.identity.fingerprint();
            let is_for = |recipient: &Fingerprint, index| *recipient == member && index == loot.index;
            for wrap in &packet.wraps {
                let opens = ReceiveChain::open(&loot.identity, &loot.prekey, &announcement, wrap, &[0; 32]).is_ok();
                let may = is_for(&wrap.recipient, wrap.prekey_index) && ledger.is_member_at(member, common.epoch);
                assert!(may || !opens, "keys of {member:?} open a wrap for {:?}", wrap.recipient);
                if opens {
                    tally.count(Chance::Stolen);
                } else if !ledger.is_member_at(member, common.epoch) {
                    tally.count(Chance::StolenInVain);
                }
            }
        }
    }
}
