//! The payloads of docs/protocol.md, field by field as the document has them: for tests that make by hand what the
//! program would not. They share no code with the protocol.

use conversa::crypto::Fingerprint;
use conversa::protocol::RoomId;
use conversa::wire::{ByteArray, Bytes, Signed, encode};
use serde::{Deserialize, Serialize};

/// A person's keys.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Bundle {
    pub(crate) c: u64,
    pub(crate) e: Bytes,
    pub(crate) k: Bytes,
    pub(crate) s: u8,
    pub(crate) v: u8,
    pub(crate) x: u64,
}

/// A room's founding document.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Genesis {
    pub(crate) b: Signed,
    pub(crate) c: u64,
    pub(crate) j: u8,
    pub(crate) m: u16,
    pub(crate) r: ByteArray<32>,
    pub(crate) s: u8,
    pub(crate) v: u8,
}

/// A roster entry that removes somebody.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Removal {
    pub(crate) d: ByteArray<32>,
    pub(crate) o: u8,
    pub(crate) p: ByteArray<32>,
    pub(crate) q: u64,
    pub(crate) r: RoomId,
    pub(crate) t: u64,
    pub(crate) v: u8,
}

/// A member's prekey, with one of ML-KEM where the suite has it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Prekey {
    pub(crate) a: Fingerprint,
    pub(crate) d: ByteArray<32>,
    pub(crate) i: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) m: Option<Bytes>,
    pub(crate) r: RoomId,
    pub(crate) v: u8,
    pub(crate) x: u64,
}

/// The part of an announcement that is the same for everybody.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Common {
    pub(crate) a: Fingerprint,
    pub(crate) c: ByteArray<32>,
    pub(crate) g: ByteArray<32>,
    pub(crate) h: ByteArray<32>,
    pub(crate) n: u64,
    pub(crate) q: u64,
    pub(crate) r: RoomId,
    pub(crate) v: u8,
}

/// A message's header.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) a: Fingerprint,
    pub(crate) h: ByteArray<32>,
    pub(crate) i: u64,
    pub(crate) l: ByteArray<32>,
    pub(crate) m: u64,
    pub(crate) q: u64,
    pub(crate) r: RoomId,
    pub(crate) v: u8,
}

#[derive(Serialize)]
struct Plaintext {
    b: Bytes,
    k: u8,
    t: u64,
}

#[derive(Serialize)]
struct Text<'a> {
    i: ByteArray<16>,
    t: &'a str,
}

/// What a message says: kind, body and the sender's clock.
pub(crate) fn plaintext(kind: u8, body: Vec<u8>, clock_ms: u64) -> Vec<u8> {
    encode(&Plaintext { b: body.into(), k: kind, t: clock_ms })
}

/// The body of kind 1: a text and its id.
pub(crate) fn text(id: [u8; 16], text: &str) -> Vec<u8> {
    encode(&Text { i: ByteArray::new(id), t: text })
}
