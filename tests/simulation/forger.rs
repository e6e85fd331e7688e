//! Makes what nobody signed: entries, words, numbers, keys.

use std::sync::Arc;

use super::dice::Dice;
use crate::crypto::primitives::{Digest, labelled_hash};
use crate::crypto::{Domain, Fingerprint};
use crate::protocol::payload::{CommonPayload, HeaderPayload, PrekeyPayload, RosterPayload, Subject, VERSION, sign};
use crate::protocol::{Identity, RoomId};
use crate::wire::{ByteArray, Item, ItemKind, Msg, Signed, Welcome, Wrap, decode, encode};

pub(super) struct Forger {
    /// Somebody whose keys belong to the host alone, and who is in no room.
    pub(super) mallory: Arc<Identity>,
    pub(super) room: RoomId,
    /// A member, to speak in their name.
    pub(super) victim: Fingerprint,
    /// The number and hash of the newest roster entry.
    pub(super) newest: (u64, Digest),
}

impl Forger {
    /// An item of the host's own making: as good as it gets without the owner's or a member's key.
    pub(super) fn ghost(&self, dice: &mut Dice) -> Item {
        let (kind, exact) = match dice.below(4) {
            0 => (ItemKind::Roster, self.entry(1, Subject::Bundle(self.mallory.bundle().clone()))),
            1 => (ItemKind::Roster, self.entry(2, Subject::Member(ByteArray::new(*self.victim.as_bytes())))),
            2 => (ItemKind::Prekey, self.prekey()),
            _ => (ItemKind::Msg, self.words(dice)),
        };
        Item { kind: kind.code(), position: 0, wrap: None, exact: exact.into() }
    }

    /// The next entry of the roster, but for its signature.
    fn entry(&self, operation: u8, subject: Subject) -> Vec<u8> {
        let (number, hash) = self.newest;
        let payload = RosterPayload {
            subject,
            operation,
            previous: ByteArray::new(hash),
            number: number + 1,
            room: self.room,
            time_ms: 0,
            version: VERSION,
        };
        encode(&sign(self.mallory.signing().as_ref(), Domain::Roster, &payload).unwrap())
    }

    /// A prekey of the victim's with the private half in the host's hands, but for its signature.
    fn prekey(&self) -> Vec<u8> {
        let payload = PrekeyPayload {
            sender: self.victim,
            public: ByteArray::new([9; 32]),
            index: 1_000_000,
            ml_kem: None,
            room: self.room,
            version: VERSION,
            not_after_ms: u64::MAX,
        };
        encode(&sign(self.mallory.signing().as_ref(), Domain::Prekey, &payload).unwrap())
    }

    /// Words in the victim's name under a signature that the host invented.
    fn words(&self, dice: &mut Dice) -> Vec<u8> {
        let header = HeaderPayload {
            sender: self.victim,
            chain: ByteArray::new([7; 32]),
            index: 0,
            log_hash: ByteArray::new([7; 32]),
            position: 1,
            epoch: self.newest.0,
            room: self.room,
            version: VERSION,
        };
        let signature = dice.id().repeat(4);
        encode(&Msg { ciphertext: vec![7; 300].into(), header: encode(&header).into(), signature: signature.into() })
    }

    /// Changes one thing in an item.
    pub(super) fn change(&self, item: &mut Item, dice: &mut Dice) {
        let message = decode::<Msg>(&item.exact).ok().filter(|_| dice.happens(50));
        if let Some(message) = message {
            let signature = dice.id().repeat(4).into();
            item.exact = encode(&Msg { signature, ..message }).into();
        } else {
            let at = dice.below(item.exact.len());
            item.exact[at] ^= 1 << dice.below(8);
        }
    }

    /// Changes one thing in a welcome.
    pub(super) fn welcome(&self, welcome: &mut Welcome, dice: &mut Dice) {
        let number = if dice.happens(50) { u64::MAX } else { dice.next() % 4 };
        match dice.below(6) {
            0 => welcome.prekey_index = number,
            1 => welcome.chain_number = number,
            2 => welcome.roster_length = number,
            3 => welcome.position = number,
            4 => {
                let at = dice.below(welcome.genesis.payload.len());
                welcome.genesis.payload[at] ^= 1 << dice.below(8);
            }
            _ => welcome.log_hash = ByteArray::new([7; 32]),
        }
    }

    /// Takes a chain's key away, or makes it one that opens nothing.
    pub(super) fn spoil(wrap: &mut Option<Wrap>, dice: &mut Dice) {
        match (dice.below(3), wrap) {
            (0, Some(wrap)) => {
                let at = dice.below(wrap.rsa.len());
                wrap.rsa[at] ^= 1 << dice.below(8);
            }
            (1, Some(wrap)) => wrap.prekey_index += 1,
            (_, wrap) => *wrap = None,
        }
    }

    /// The chain that an item announces.
    pub(super) fn chain_of(item: &Item) -> Option<Digest> {
        let signed: Signed = decode(&item.exact).ok()?;
        decode::<CommonPayload>(&signed.payload).ok()?;
        Some(labelled_hash("com", &[&signed.payload]))
    }

    /// Whose prekey an item is.
    pub(super) fn prekey_of(item: &Item) -> Option<Fingerprint> {
        let signed: Signed = decode(&item.exact).ok().filter(|_| item.kind == ItemKind::Prekey.code())?;
        decode::<PrekeyPayload>(&signed.payload).ok().map(|payload| payload.sender)
    }
}
