//! A member's sending side, written a second time from the specification, so that a fuzzer can wrap, seal and sign
//! what no honest member would.

use conversa::crypto::ml_kem::EncapsulationKey;
use conversa::crypto::primitives::{
    Digest, Ed25519Key, OneTimeKey, hkdf_sha256, hmac_sha256, labelled_hash, prefixed, seal, sha256,
};
use conversa::crypto::x25519::PrivateKey;
use conversa::crypto::{Domain, Suite};
use conversa::wire::{ByteArray, Msg, Signed, Wrap, encode};
use zeroize::Zeroizing;

use super::payloads::{Common, Header, Prekey, sign};
use super::people::{Seeded, fingerprint, identity, signing};
use super::rooms::Room;

/// A chain of a member, at its next message.
#[derive(Clone)]
pub(super) struct Sender {
    chain_key: Digest,
    seed: [u8; 32],
    hash: Digest,
    index: u64,
    pub common: Signed,
}

impl Sender {
    /// Chain `number` of `person` in a room's newest epoch.
    pub(super) fn announce(room: &Room, person: usize, number: u64) -> Self {
        let seed = sha256(&[&room.id.0[..], &[person as u8], &number.to_be_bytes()].concat());
        let common = Self::common(room, person, number, &seed);
        let common = sign(&*signing(room.suite, person), Domain::SenderKey, encode(&common));
        let hash = labelled_hash("com", &[&common.payload]);
        Self { chain_key: seed, seed, hash, index: 0, common }
    }

    fn common(room: &Room, person: usize, number: u64, seed: &[u8; 32]) -> Common {
        Common {
            a: fingerprint(room.suite, person),
            c: ByteArray::new(hmac_sha256(seed, &[3])),
            g: ByteArray::new(ed25519(seed).public()),
            h: ByteArray::new(room.roster_hash()),
            n: number,
            q: room.epoch(),
            r: room.id,
            v: 1,
        }
    }

    /// The chain's key for `person`, who announced `prekey`.
    pub(super) fn wrap(&self, suite: Suite, person: usize, prekey: &Prekey) -> Wrap {
        let encryption = identity(suite, person).decryption().public();
        let recipient = fingerprint(suite, person);
        let ephemeral = PrivateKey::from_scalar(&Zeroizing::new(sha256(&self.hash))).unwrap();
        let spki = sha256(encryption.spki());
        let parts: [&[u8]; 5] =
            [&self.hash, recipient.as_bytes(), &spki, prekey.d.as_slice(), ephemeral.public().as_slice()];
        let encapsulated = prekey.m.as_ref().map(|key| {
            let (ciphertext, secret) =
                EncapsulationKey::from_bytes(key).unwrap().encapsulate(&mut Seeded::new(5)).unwrap();
            (sha256(key), ciphertext, secret)
        });
        let context = match &encapsulated {
            None => labelled_hash("wrap", &parts),
            Some((key, sent, _)) => labelled_hash("wrap-hybrid", &[&parts.concat(), key, &sha256(sent)]),
        };
        let secret = [7; 32];
        let rsa = encryption.encrypt(&context, &secret).unwrap();
        let agreed = ephemeral.agree(&prekey.d.into_array()).unwrap();
        let third = encapsulated.as_ref().map_or(&[][..], |(_, _, secret)| secret.as_slice());
        let joined = [agreed.as_slice(), &secret, third].concat();
        let key: OneTimeKey = hkdf_sha256(&context, &joined, &[b"conversa/1 kw\0", &context, &sha256(&rsa)]).unwrap();
        let sealed = seal(&key, &self.hash, &self.chain_key).unwrap();
        Wrap {
            rsa: rsa.into(),
            ephemeral: ByteArray::new(*ephemeral.public()),
            prekey_index: prekey.i,
            ml_kem: encapsulated.map(|(_, ciphertext, _)| ciphertext.into()),
            recipient,
            sealed: ByteArray::new(sealed.try_into().unwrap()),
        }
    }

    /// The header of the next message, for a log at `position` with `hash`.
    pub(super) fn header(&self, room: &Room, person: usize, log: (u64, Digest)) -> Header {
        Header {
            a: fingerprint(room.suite, person),
            h: ByteArray::new(self.hash),
            i: self.index,
            l: ByteArray::new(log.1),
            m: log.0,
            q: room.epoch(),
            r: room.id,
            v: 1,
        }
    }

    /// Seals bytes that are padded already as the next message, under any header.
    pub(super) fn seal(&mut self, header: Vec<u8>, padded: &[u8]) -> Msg {
        let seed = hmac_sha256(&self.chain_key, &[1]);
        self.chain_key = hmac_sha256(&self.chain_key, &[2]);
        self.index += 1;
        let key: OneTimeKey = hkdf_sha256(&[], &seed, &[b"conversa/1 msg"]).unwrap();
        let ciphertext = seal(&key, &header, padded).unwrap();
        let length = u32::try_from(header.len()).unwrap().to_be_bytes();
        let signature = ed25519(&self.seed).sign(&prefixed("msg", &[&length, &header, &ciphertext]));
        Msg { ciphertext: ciphertext.into(), header: header.into(), signature: signature.to_vec().into() }
    }
}

fn ed25519(seed: &[u8; 32]) -> Ed25519Key {
    Ed25519Key::from_seed(&Zeroizing::new(*seed)).unwrap()
}

/// Pads as the specification says: a mark, and zeros up to Padmé's length, at least 256 bytes.
pub(super) fn padded(plaintext: &[u8]) -> Vec<u8> {
    let length = plaintext.len() + 1;
    let exponent = length.ilog2();
    let mask = (1_usize << (exponent - exponent.checked_ilog2().map_or(0, |bits| bits + 1).min(exponent))) - 1;
    let mut padded = plaintext.to_vec();
    padded.push(0x80);
    padded.resize(if length <= 256 { 256 } else { (length + mask) & !mask }, 0);
    padded
}
