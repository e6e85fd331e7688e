//! Payloads made by hand from the specification, with the keys of people who are really in the room: what
//! a member, an owner or a host with an evil program could send. It shares no code with the protocol.

use conversa::crypto::primitives::{
    Ed25519Key, OneTimeKey, hkdf_sha256, hmac_sha256, labelled_hash, prefixed, seal, sha256,
};
use conversa::crypto::{Domain, Fingerprint, Random, SigningKey, x25519};
use conversa::protocol::Identity;
use conversa::wire::{ByteArray, Frame, FrameKind, Item, ItemKind, Msg, Signed, Wrap, decode, encode};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::net::{Net, Seeded, Taped};
use crate::payloads::{self, Common, Header, Prekey};

/// Signs any payload for any purpose.
pub(crate) fn sign<T: Serialize>(key: &dyn SigningKey, domain: Domain, payload: &T) -> Signed {
    let payload = encode(payload);
    let signature = key.sign(domain, &payload).unwrap();
    Signed { payload: payload.into(), signature: signature.into() }
}

/// Words of kind 1, with some name.
pub(crate) fn words(text: &str) -> Vec<u8> {
    let mut name = [0; 16];
    name.copy_from_slice(&sha256(text.as_bytes())[..16]);
    payloads::text(name, text)
}

/// The mark and zeros up to 256 bytes.
pub(crate) fn pad(mut plaintext: Vec<u8>) -> Vec<u8> {
    plaintext.push(0x80);
    plaintext.resize(256, 0);
    plaintext
}

/// The items that went to `name`.
fn items<'a>(net: &'a Net, name: &'a str) -> impl DoubleEndedIterator<Item = Item> + 'a {
    net.tape.iter().filter_map(move |taped| match taped {
        Taped::ToClient { name: of, kind: FrameKind::Item, body } if *of == name => decode(body).ok(),
        _ => None,
    })
}

/// The position after the newest item that `name` got.
pub(crate) fn next_position(net: &Net, name: &str) -> u64 {
    items(net, name).map(|item| item.position).max().unwrap() + 1
}

/// The newest prekey of `member`, as `reader` was given it.
pub(crate) fn prekey_of(net: &Net, member: Fingerprint, reader: &str) -> Prekey {
    let prekeys = items(net, reader).filter(|item| item.kind == ItemKind::Prekey.code());
    let read = |item: Item| decode::<Prekey>(&decode::<Signed>(&item.exact).unwrap().payload).unwrap();
    prekeys.rev().map(read).find(|prekey| prekey.a == member).unwrap()
}

/// A chain of Ann's in a classical room, made by hand for Bo alone.
pub(crate) struct Chain {
    pub(crate) common: Common,
    key: [u8; 32],
    ed25519: Ed25519Key,
    pub(crate) hash: [u8; 32],
    step: u64,
}

impl Chain {
    /// Made and not announced yet; `change` may spoil what is announced.
    pub(crate) fn new(net: &Net, ann: &Identity, change: impl FnOnce(&mut Common)) -> Self {
        let key = [0x42; 32];
        let ed25519 = Ed25519Key::from_seed(&Zeroizing::new([0x43; 32])).unwrap();
        let (q, hash) = net.known_of("ann");
        let room = net.host.rooms().next().unwrap();
        let mut common = Common {
            a: ann.fingerprint(),
            c: ByteArray::new(hmac_sha256(&key, &[3])),
            g: ByteArray::new(ed25519.public()),
            h: ByteArray::new(hash),
            n: 1_000,
            q,
            r: room,
            v: 1,
        };
        change(&mut common);
        let hash = labelled_hash("com", &[&encode(&common)]);
        Self { common, key, ed25519, hash, step: 0 }
    }

    /// The announcement as Bo gets it; `change` may spoil the wrap.
    pub(crate) fn announcement(
        &self,
        net: &Net,
        ann: &Identity,
        bo: &Identity,
        change: impl FnOnce(&mut Wrap),
    ) -> Frame {
        let signed = sign(&**ann.signing(), Domain::SenderKey, &self.common);
        let prekey = prekey_of(net, bo.fingerprint(), "ann");
        let mut random = Seeded::new(77);
        let ephemeral = x25519::PrivateKey::generate(&mut random).unwrap();
        let secret: [u8; 32] = (&mut random as &mut dyn Random).bytes().unwrap();
        let encryption = bo.decryption().public();
        let (of, spki) = (bo.fingerprint(), sha256(encryption.spki()));
        let context =
            labelled_hash("wrap", &[&self.hash, of.as_bytes(), &spki, prekey.d.as_slice(), ephemeral.public()]);
        let rsa = encryption.encrypt(&context, &secret).unwrap();
        let agreed = ephemeral.agree(&prekey.d).unwrap();
        let secrets = [&agreed[..], &secret].concat();
        let key: OneTimeKey = hkdf_sha256(&context, &secrets, &[b"conversa/1 kw\0", &context, &sha256(&rsa)]).unwrap();
        let sealed = seal(&key, &self.hash, &self.key).unwrap();
        let mut wrap = Wrap {
            rsa: rsa.into(),
            ephemeral: ByteArray::new(*ephemeral.public()),
            prekey_index: prekey.i,
            ml_kem: None,
            recipient: of,
            sealed: ByteArray::new(sealed.try_into().unwrap()),
        };
        change(&mut wrap);
        item(net, "bo", ItemKind::SkPacket, encode(&signed), Some(wrap))
    }

    /// The next message, with this padded plaintext; `change` may spoil the header before it is signed.
    pub(crate) fn message(&mut self, net: &Net, padded: &[u8], change: impl FnOnce(&mut Header)) -> Msg {
        let mut header = Header {
            a: self.common.a,
            h: ByteArray::new(self.hash),
            i: self.step,
            l: ByteArray::new([0; 32]),
            m: 0,
            q: self.common.q,
            r: net.host.rooms().next().unwrap(),
            v: 1,
        };
        change(&mut header);
        while self.step < header.i {
            self.skip();
        }
        let seed = hmac_sha256(&self.key, &[1]);
        self.skip();
        let key: OneTimeKey = hkdf_sha256(&[], &seed, &[b"conversa/1 msg"]).unwrap();
        let header = encode(&header);
        let ciphertext = seal(&key, &header, padded).unwrap();
        let length = u32::try_from(header.len()).unwrap().to_be_bytes();
        let signature = self.ed25519.sign(&prefixed("msg", &[&length, &header, &ciphertext]));
        Msg { ciphertext: ciphertext.into(), header: header.into(), signature: signature.to_vec().into() }
    }

    fn skip(&mut self) {
        self.key = hmac_sha256(&self.key, &[2]);
        self.step += 1;
    }
}

/// An item at the next position of `name`'s log.
pub(crate) fn item(net: &Net, name: &str, kind: ItemKind, exact: Vec<u8>, wrap: Option<Wrap>) -> Frame {
    Frame::Item(Item { kind: kind.code(), position: next_position(net, name), wrap, exact: exact.into() })
}
