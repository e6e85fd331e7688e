//! As many people with keys as are wanted, and a room with all of them on its roster.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use conversa::crypto::primitives::labelled_hash;
use conversa::crypto::{Domain, Fingerprint, SigningKey, Suite, SystemRandom};
use conversa::protocol::{Identity, Now, RoomId, new_room};
use conversa::wire::{ByteArray, Bytes, Frame, Join, Msg, Open, Signed, encode};
use openssl::bn::{BigNum, BigNumContext};
use openssl::pkey::{PKey, Private};
use openssl::rsa::{Rsa, RsaPrivateKeyBuilder};
use serde::Serialize;

use crate::keys::{key_bytes, key_text};

/// A text of some 150 letters, padded and sealed as the protocol does.
const CIPHERTEXT_BYTES: usize = 256 + 16;

/// Somebody.
pub struct Person {
    signing: Arc<dyn SigningKey>,
    bundle: Signed,
}

impl Person {
    pub fn signing(&self) -> &Arc<dyn SigningKey> {
        &self.signing
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.signing.public().spki())
    }
}

/// A room and its people, the owner first.
pub struct Crowd {
    pub people: Vec<Person>,
    room: RoomId,
    genesis: Signed,
    roster: Vec<Signed>,
}

impl Crowd {
    /// A room of `count` people.
    pub fn new(count: usize) -> Self {
        let host = host_identity();
        let (room, genesis) = new_room(&host, Suite::Classical, false, 256, now(), &mut SystemRandom::new()).unwrap();
        let encryption = key_bytes(Suite::Classical, "ann.enc");
        let encryption = Suite::Classical.backend().decryption_from_pkcs8(&encryption).unwrap().public();
        let others = others(count - 1).into_iter().map(|signing| person(signing, encryption.spki()));
        let owner = Person { signing: Arc::clone(host.signing()), bundle: bundle(host.signing(), encryption.spki()) };
        let people: Vec<Person> = std::iter::once(owner).chain(others).collect();
        let mut previous = room.0;
        let mut roster = Vec::new();
        for (number, person) in people.iter().enumerate().skip(1) {
            let entry = RosterPayload {
                subject: person.bundle.clone(),
                operation: 1,
                previous: ByteArray::new(previous),
                number: number as u64,
                room,
                time_ms: now().unix_ms,
                version: 1,
            };
            let entry = signed(&**host.signing(), Domain::Roster, &entry);
            previous = labelled_hash("roster", &[&entry.payload]);
            roster.push(entry);
        }
        Self { people, room, genesis, roster }
    }

    /// The host's key; the owner has the same.
    pub fn host(&self) -> Fingerprint {
        self.people[0].fingerprint()
    }

    /// What the owner says first: the room and everybody in it.
    pub fn opening(&self) -> Vec<Arc<[u8]>> {
        let open = Frame::Open(Open { genesis: self.genesis.clone(), token: None }).to_bytes();
        let entries = self.roster.iter().map(|entry| Frame::Roster(entry.clone()).to_bytes());
        std::iter::once(open).chain(entries).collect()
    }

    /// What somebody on the roster says first.
    pub fn joining(&self, person: &Person) -> Arc<[u8]> {
        let bundle = person.bundle.clone();
        let room = ByteArray::new(self.room.0);
        Frame::Join(Join { bundle, invite_id: None, knock: None, mac: None, room }).to_bytes()
    }

    /// A message of a member. Its last byte is `mark`, so that it is known when it comes back.
    pub fn message(&self, index: usize, mark: u8) -> Arc<[u8]> {
        let header = HeaderPayload {
            sender: self.people[index].fingerprint(),
            chain: ByteArray::new([1; 32]),
            index: 0,
            log_hash: ByteArray::new([2; 32]),
            position: 0,
            epoch: self.roster.len() as u64,
            room: self.room,
            version: 1,
        };
        let mut signature = [3; 64];
        signature[63] = mark;
        let ciphertext = Bytes::from(vec![4; CIPHERTEXT_BYTES]);
        let message = Msg { ciphertext, header: encode(&header).into(), signature: signature.to_vec().into() };
        Frame::Msg(message).to_bytes()
    }
}

/// Ann's keys from the test data: the host's, and the owner's.
pub fn host_identity() -> Arc<Identity> {
    let backend = Suite::Classical.backend();
    let signing = backend.signing_from_pkcs8(&key_bytes(Suite::Classical, "ann.sign")).unwrap();
    let decryption = backend.decryption_from_pkcs8(&key_bytes(Suite::Classical, "ann.enc")).unwrap();
    Arc::new(Identity::new(signing, decryption, now()).unwrap())
}

fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Now::at(0, u64::try_from(unix.as_millis()).unwrap())
}

/// Signing keys for `count` people. Making them takes seconds each, so beyond those in the test data
/// they are put together from the primes of two others: good enough to measure with, and nothing else.
fn others(count: usize) -> Vec<Arc<dyn SigningKey>> {
    let file = key_text("crowd.sign.pem");
    let known: Vec<Rsa<Private>> = file
        .split_inclusive("-----END PRIVATE KEY-----\n")
        .filter(|pem| pem.contains("BEGIN"))
        .map(|pem| PKey::private_key_from_pem(pem.as_bytes()).unwrap().rsa().unwrap())
        .collect();
    let make = |index: usize| {
        let (first, second) = (&known[index % known.len()], &known[(index + index / known.len()) % known.len()]);
        let rsa = combined(first.p().unwrap(), second.q().unwrap());
        let pkcs8 = PKey::from_rsa(rsa).unwrap().private_key_to_pkcs8().unwrap();
        Suite::Classical.backend().signing_from_pkcs8(&pkcs8).unwrap().into()
    };
    (0..count).map(make).collect()
}

fn combined(p: &openssl::bn::BigNumRef, q: &openssl::bn::BigNumRef) -> Rsa<Private> {
    let mut context = BigNumContext::new().unwrap();
    let mut number = |act: &dyn Fn(&mut BigNum, &mut BigNumContext)| {
        let mut result = BigNum::new().unwrap();
        act(&mut result, &mut context);
        result
    };
    let one = BigNum::from_u32(1).unwrap();
    let e = BigNum::from_u32(65_537).unwrap();
    let n = number(&|r, c| r.checked_mul(p, q, c).unwrap());
    let p1 = number(&|r, _| r.checked_sub(p, &one).unwrap());
    let q1 = number(&|r, _| r.checked_sub(q, &one).unwrap());
    let phi = number(&|r, c| r.checked_mul(&p1, &q1, c).unwrap());
    let d = number(&|r, c| r.mod_inverse(&e, &phi, c).unwrap());
    let dp = number(&|r, c| r.nnmod(&d, &p1, c).unwrap());
    let dq = number(&|r, c| r.nnmod(&d, &q1, c).unwrap());
    let inverse = number(&|r, c| r.mod_inverse(q, p, c).unwrap());
    let builder = RsaPrivateKeyBuilder::new(n, e, d).unwrap();
    let builder = builder.set_factors(p.to_owned().unwrap(), q.to_owned().unwrap()).unwrap();
    builder.set_crt_params(dp, dq, inverse).unwrap().build()
}

fn person(signing: Arc<dyn SigningKey>, encryption: &[u8]) -> Person {
    let bundle = bundle(&signing, encryption);
    Person { signing, bundle }
}

fn bundle(signing: &Arc<dyn SigningKey>, encryption: &[u8]) -> Signed {
    let payload = BundlePayload {
        created_ms: now().unix_ms,
        encryption_spki: encryption.to_vec().into(),
        signing_spki: signing.public().spki().to_vec().into(),
        suite: Suite::Classical.code(),
        version: 1,
        not_after_ms: now().unix_ms + 86_400_000,
    };
    signed(&**signing, Domain::Bundle, &payload)
}

fn signed(key: &dyn SigningKey, domain: Domain, payload: &impl Serialize) -> Signed {
    let payload = encode(payload);
    let signature = key.sign(domain, &payload).unwrap();
    Signed { payload: payload.into(), signature: signature.into() }
}

// The payloads, written once more from their description.

#[derive(Serialize)]
struct BundlePayload {
    #[serde(rename = "c")]
    created_ms: u64,
    #[serde(rename = "e")]
    encryption_spki: Bytes,
    #[serde(rename = "k")]
    signing_spki: Bytes,
    #[serde(rename = "s")]
    suite: u8,
    #[serde(rename = "v")]
    version: u8,
    #[serde(rename = "x")]
    not_after_ms: u64,
}

#[derive(Serialize)]
struct RosterPayload {
    #[serde(rename = "d")]
    subject: Signed,
    #[serde(rename = "o")]
    operation: u8,
    #[serde(rename = "p")]
    previous: ByteArray<32>,
    #[serde(rename = "q")]
    number: u64,
    #[serde(rename = "r")]
    room: RoomId,
    #[serde(rename = "t")]
    time_ms: u64,
    #[serde(rename = "v")]
    version: u8,
}

#[derive(Serialize)]
struct HeaderPayload {
    #[serde(rename = "a")]
    sender: Fingerprint,
    #[serde(rename = "h")]
    chain: ByteArray<32>,
    #[serde(rename = "i")]
    index: u64,
    #[serde(rename = "l")]
    log_hash: ByteArray<32>,
    #[serde(rename = "m")]
    position: u64,
    #[serde(rename = "q")]
    epoch: u64,
    #[serde(rename = "r")]
    room: RoomId,
    #[serde(rename = "v")]
    version: u8,
}
