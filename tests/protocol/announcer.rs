//! A member that announces chains by its own hand, after the specification, and spoils a wrap in one
//! chosen place: what an attacker on the inside could send to learn from how it is taken.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use conversa::crypto::ml_kem::EncapsulationKey;
use conversa::crypto::primitives::{Ed25519Key, hkdf_sha256, hmac_sha256, labelled_hash, prefixed, seal, sha256};
use conversa::crypto::x25519::PrivateKey;
use conversa::crypto::{Domain, EncryptionKey, Fingerprint, Random, Suite};
use conversa::protocol::{Identity, RoomId};
use conversa::wire::{ByteArray, Frame, ItemKind, Msg, Signed, SkPacket, Wrap, decode, encode};
use openssl::bn::{BigNum, BigNumContext};
use openssl::pkey::PKey;

use crate::net::Net;
use crate::payloads::{Common, Header, Prekey, plaintext};

/// What is wrong with a wrap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// Nothing.
    None,
    /// The RSA text decrypts to a number with a padding that is not one.
    Padding,
    /// The same, and its first byte is the zero it should be: the other side of Manger's question.
    PaddingAfterZero,
    /// The RSA text is bound to another label.
    Label,
    /// The RSA text is right, and the sealed key is not.
    Seal,
    /// All of it opens, and the key in it is another than everybody was promised.
    Commitment,
}

impl Flaw {
    pub(crate) const ALL: [Self; 6] =
        [Self::None, Self::Padding, Self::PaddingAfterZero, Self::Label, Self::Seal, Self::Commitment];
}

/// Whom the chains are for.
pub(crate) struct Victim {
    fingerprint: Fingerprint,
    encryption: Arc<dyn EncryptionKey>,
    index: u64,
    x25519: [u8; 32],
    ml_kem: Option<EncapsulationKey>,
    room: RoomId,
}

impl Victim {
    /// What everybody knows of somebody, and the prekey they announced.
    pub(crate) fn new(identity: &Identity, prekey: &[u8]) -> Self {
        let signed: Signed = decode(prekey).unwrap();
        let prekey: Prekey = decode(&signed.payload).unwrap();
        Self {
            fingerprint: identity.fingerprint(),
            encryption: identity.decryption().public(),
            index: prekey.i,
            x25519: prekey.d.into_array(),
            ml_kem: prekey.m.map(|key| EncapsulationKey::from_bytes(&key).unwrap()),
            room: prekey.r,
        }
    }
}

pub(crate) struct Announcer {
    pub(crate) keys: Arc<Identity>,
    pub(crate) victim: Victim,
    /// The number and the hash of the newest roster entry.
    pub(crate) roster: (u64, [u8; 32]),
    pub(crate) chain_number: u64,
}

/// A chain that was announced.
pub(crate) struct Chain {
    key: [u8; 32],
    ed25519: Ed25519Key,
    hash: [u8; 32],
    /// Of the next message.
    pub(crate) index: u64,
}

impl Announcer {
    /// A room of Ann and Bo, and Ann as the announcer, with Bo as the one who is to take it.
    pub(crate) fn in_a_room(suite: Suite) -> (Net, Self) {
        let mut net = Net::with_owner(suite, "ann", false);
        let prekey = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&prekey);
        net.tamper = Some(Box::new(move |name, frame| {
            if let Frame::Item(item) = &frame
                && name == "ann"
                && item.kind == ItemKind::Prekey.code()
            {
                *seen.borrow_mut() = item.exact.to_vec();
            }
            Some(frame)
        }));
        net.invite_and_join("bo");
        net.drive();
        net.tamper = None;
        let announcer = Self {
            keys: net.people["ann"].client.identity().clone(),
            victim: Victim::new(net.people["bo"].client.identity(), &prekey.borrow()),
            roster: net.known_of("bo"),
            // Above what her app has used up.
            chain_number: 100,
        };
        (net, announcer)
    }

    /// The next chain, wrapped for the victim with `flaw`.
    pub(crate) fn announce(&mut self, flaw: Flaw, random: &mut dyn Random) -> (SkPacket, Chain) {
        self.chain_number += 1;
        let chain_key: [u8; 32] = random.bytes().unwrap();
        let ed25519 = Ed25519Key::from_seed(&random.secret().unwrap()).unwrap();
        let payload = encode(&Common {
            a: self.keys.fingerprint(),
            c: ByteArray::new(hmac_sha256(&chain_key, &[3])),
            g: ByteArray::new(ed25519.public()),
            h: ByteArray::new(self.roster.1),
            n: self.chain_number,
            q: self.roster.0,
            r: self.victim.room,
            v: 1,
        });
        let hash = labelled_hash("com", &[&payload]);
        let mut wrapped = chain_key;
        wrapped[0] ^= u8::from(flaw == Flaw::Commitment);
        let wrap = self.wrap(&hash, &wrapped, flaw, random);
        // Last, so that whoever measures finds the processor's caches in the same state whatever the flaw.
        let signature = self.keys.signing().sign(Domain::SenderKey, &payload).unwrap();
        let common = Signed { payload: payload.into(), signature: signature.into() };
        (SkPacket { common, wraps: vec![wrap] }, Chain { key: chain_key, ed25519, hash, index: 0 })
    }

    /// The next message of a chain: `body` of a `kind`, in the plaintext's own encoding.
    pub(crate) fn say(&self, chain: &mut Chain, kind: u8, body: Vec<u8>) -> Msg {
        let header = encode(&Header {
            a: self.keys.fingerprint(),
            h: ByteArray::new(chain.hash),
            i: chain.index,
            l: ByteArray::new(self.victim.room.0),
            m: 0,
            q: self.roster.0,
            r: self.victim.room,
            v: 1,
        });
        let seed = hmac_sha256(&chain.key, &[1]);
        chain.key = hmac_sha256(&chain.key, &[2]);
        chain.index += 1;
        let key = hkdf_sha256(&[], &seed, &[b"conversa/1 msg"]).unwrap();
        let plaintext = padded(plaintext(kind, body, 0));
        let ciphertext = seal(&key, &header, &plaintext).unwrap();
        let length = u32::try_from(header.len()).unwrap().to_be_bytes();
        let signature = chain.ed25519.sign(&prefixed("msg", &[&length, &header, &ciphertext]));
        Msg { ciphertext: ciphertext.into(), header: header.into(), signature: signature.to_vec().into() }
    }

    fn wrap(&self, common_hash: &[u8; 32], chain_key: &[u8; 32], flaw: Flaw, random: &mut dyn Random) -> Wrap {
        let victim = &self.victim;
        let ephemeral = PrivateKey::generate(random).unwrap();
        let secret: [u8; 32] = random.bytes().unwrap();
        let encapsulated = victim.ml_kem.as_ref().map(|key| key.encapsulate(random).unwrap());
        let spki = sha256(victim.encryption.spki());
        let common: [&[u8]; 5] =
            [common_hash, victim.fingerprint.as_bytes(), &spki, &victim.x25519, ephemeral.public()];
        let common = common.concat();
        let context = match victim.ml_kem.as_ref().zip(encapsulated.as_ref()) {
            None => labelled_hash("wrap", &[&common]),
            Some((key, (sent, _))) => labelled_hash("wrap-hybrid", &[&common, &sha256(&key.to_bytes()), &sha256(sent)]),
        };
        // All of them each time: making one should leave no other traces than making another.
        let encrypted = |label: &[u8; 32]| victim.encryption.encrypt(label, &secret).unwrap();
        let (good, mislabelled) = (encrypted(&context), encrypted(&sha256(&context)));
        // A number of full length is no padding, whatever its other bytes are.
        let [spoilt, spoilt_after_zero] = [1, 0].map(|first| raised(victim.encryption.spki(), first, random));
        let rsa = match flaw {
            Flaw::None | Flaw::Seal | Flaw::Commitment => good,
            Flaw::Label => mislabelled,
            Flaw::Padding => spoilt,
            Flaw::PaddingAfterZero => spoilt_after_zero,
        };
        let agreed = ephemeral.agree(&victim.x25519).unwrap();
        let ml_kem_secret = encapsulated.as_ref().map(|(_, secret)| secret.to_vec()).unwrap_or_default();
        let joined = [&agreed[..], &secret, &ml_kem_secret].concat();
        let key = hkdf_sha256(&context, &joined, &[b"conversa/1 kw\0", &context, &sha256(&rsa)]).unwrap();
        let mut sealed = seal(&key, common_hash, chain_key).unwrap();
        sealed[0] ^= u8::from(flaw == Flaw::Seal);
        Wrap {
            rsa: rsa.into(),
            ephemeral: ByteArray::new(*ephemeral.public()),
            prekey_index: victim.index,
            ml_kem: encapsulated.map(|(sent, _)| sent.into()),
            recipient: victim.fingerprint,
            sealed: ByteArray::new(sealed.try_into().unwrap()),
        }
    }
}

/// `m^e mod n` of a number as long as `n` that begins with `first` and goes on at random.
fn raised(spki: &[u8], first: u8, random: &mut dyn Random) -> Vec<u8> {
    let rsa = PKey::public_key_from_der(spki).unwrap().rsa().unwrap();
    let mut number = vec![0; rsa.size() as usize];
    random.fill(&mut number).unwrap();
    number[0] = first;
    let (mut text, context) = (BigNum::new().unwrap(), &mut BigNumContext::new().unwrap());
    text.mod_exp(&BigNum::from_slice(&number).unwrap(), rsa.e(), rsa.n(), context).unwrap();
    text.to_vec_padded(rsa.size() as i32).unwrap()
}

/// ISO/IEC 7816-4 up to the lengths of Padmé, 256 bytes at least.
fn padded(mut plaintext: Vec<u8>) -> Vec<u8> {
    plaintext.push(0x80);
    let length = plaintext.len().max(256);
    let exponent = length.ilog2();
    let step = 1_usize << (exponent - exponent.ilog2() - 1);
    plaintext.resize(if length == 256 { length } else { length.next_multiple_of(step) }, 0);
    plaintext
}
