//! The payloads' shapes, written a second time: what makes up payloads for the decoders, and holds against what
//! they accept.

use std::sync::LazyLock;

use conversa::crypto::{Domain, Fingerprint, SigningKey, Suite};
use conversa::protocol::{MessageId, RoomId};
use conversa::wire::{ByteArray, Bytes, Signed, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::people::{PEOPLE, START, fingerprint, identity, signing};

/// A person's public keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bundle {
    pub c: u64,
    pub e: Bytes,
    pub k: Bytes,
    pub s: u8,
    pub v: u8,
    pub x: u64,
}

/// Somebody's question whether they may come in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Knock {
    pub a: Fingerprint,
    pub r: RoomId,
    pub t: u64,
    pub v: u8,
}

/// The first record of a room.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Genesis {
    pub b: Signed,
    pub c: u64,
    pub j: u8,
    pub m: u16,
    pub r: ByteArray<32>,
    pub s: u8,
    pub v: u8,
}

/// A change of a room's members.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterEntry {
    pub d: Subject,
    pub o: u8,
    pub p: ByteArray<32>,
    pub q: u64,
    pub r: RoomId,
    pub t: u64,
    pub v: u8,
}

/// Whom a roster entry is about.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Subject {
    Bundle(Signed),
    Member(ByteArray<32>),
}

/// A member's short-lived keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prekey {
    pub a: Fingerprint,
    pub d: ByteArray<32>,
    pub i: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub m: Option<Bytes>,
    pub r: RoomId,
    pub v: u8,
    pub x: u64,
}

/// The part of a chain's announcement that is the same for everybody.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Common {
    pub a: Fingerprint,
    pub c: ByteArray<32>,
    pub g: ByteArray<32>,
    pub h: ByteArray<32>,
    pub n: u64,
    pub q: u64,
    pub r: RoomId,
    pub v: u8,
}

/// The part of a message that the host sees.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub a: Fingerprint,
    pub h: ByteArray<32>,
    pub i: u64,
    pub l: ByteArray<32>,
    pub m: u64,
    pub q: u64,
    pub r: RoomId,
    pub v: u8,
}

/// The part of a message that only members see.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plaintext {
    pub b: Bytes,
    pub k: u8,
    pub t: u64,
}

/// The body of a message with words.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text {
    pub i: MessageId,
    pub t: String,
}

/// The words for one member of a learning room.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LearningCopy {
    pub c: Bytes,
    pub t: Fingerprint,
}

/// Signs a payload's bytes, whatever they are.
pub(super) fn sign(key: &dyn SigningKey, domain: Domain, payload: Vec<u8>) -> Signed {
    let signature = key.sign(domain, &payload).unwrap();
    Signed { payload: payload.into(), signature: signature.into() }
}

/// A person's question whether they may come into a room, at the time at which everything begins.
pub(super) fn knock(suite: Suite, person: usize, room: RoomId) -> Signed {
    let payload = Knock { a: fingerprint(suite, person), r: room, t: START.unix_ms, v: 1 };
    sign(&*signing(suite, person), Domain::Knock, encode(&payload))
}

/// A person's bundle, signed once.
pub(super) fn bundle(suite: Suite, person: usize) -> Signed {
    static SECURE: LazyLock<Vec<Signed>> = LazyLock::new(|| bundles(Suite::Classical));
    static LEARNING: LazyLock<Vec<Signed>> = LazyLock::new(|| bundles(Suite::Textbook));
    if suite.is_learning() { LEARNING[person].clone() } else { SECURE[person].clone() }
}

fn bundles(suite: Suite) -> Vec<Signed> {
    let made = (0..PEOPLE).map(|person| {
        let identity = identity(suite, person);
        let payload = Bundle {
            c: START.unix_ms,
            e: identity.decryption().public().spki().to_vec().into(),
            k: identity.signing().public().spki().to_vec().into(),
            s: suite.code(),
            v: 1,
            x: START.unix_ms + 1_000_000_000,
        };
        sign(&*signing(suite, person), Domain::Bundle, encode(&payload))
    });
    made.collect()
}

/// What was accepted has our shape, and nothing but its own bytes says the same.
pub(super) fn assert_canonical<T: Serialize + DeserializeOwned>(accepted: &[u8]) -> T {
    let read: T = decode(accepted).expect("an accepted payload has the specified shape");
    assert_eq!(encode(&read), accepted, "accepted bytes encode again to themselves");
    read
}
