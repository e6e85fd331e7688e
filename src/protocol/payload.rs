//! What is signed and sealed: the payloads' exact shapes, fields in bytewise key order.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::RoomId;
use crate::crypto::primitives::labelled_hash;
use crate::crypto::{CryptoError, Domain, Fingerprint, SigningKey, VerifyingKey};
use crate::wire::{ByteArray, Bytes, DecodeError, Signed, decode, encode};

/// The version in every payload.
pub(super) const VERSION: u8 = 1;

/// What a peer did that ends the link or drops the item.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// The bytes are not what they should be.
    #[error("malformed data: {0}")]
    Decode(#[from] DecodeError),
    /// A key or signature does not hold.
    #[error("{0}")]
    Crypto(#[from] CryptoError),
    /// A frame that has no place in this state.
    #[error("an unexpected frame")]
    Unexpected,
    /// A payload of another version or suite.
    #[error("another version or crypto suite")]
    Version,
    /// A payload of another room.
    #[error("data of another room")]
    OtherRoom,
    /// The genesis is not the one the invite names.
    #[error("not the room that was expected")]
    WrongGenesis,
    /// The roster's chain is broken.
    #[error("the list of members does not hold together")]
    BrokenRoster,
    /// Two roster entries for one number.
    #[error("two lists of members for one moment")]
    Fork,
    /// The log has a gap, or its hash is another.
    #[error("the log does not hold together")]
    BrokenLog,
    /// Something is over its limit.
    #[error("over a limit")]
    Limit,
    /// A bundle or invite past its time.
    #[error("expired")]
    Expired,
}

/// A person's public keys, signed by the signing one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BundlePayload {
    #[serde(rename = "c")]
    pub created_ms: u64,
    #[serde(rename = "e")]
    pub encryption_spki: Bytes,
    #[serde(rename = "k")]
    pub signing_spki: Bytes,
    #[serde(rename = "s")]
    pub suite: u8,
    #[serde(rename = "v")]
    pub version: u8,
    #[serde(rename = "x")]
    pub not_after_ms: u64,
}

/// The first record of a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GenesisPayload {
    #[serde(rename = "b")]
    pub owner: Signed,
    #[serde(rename = "c")]
    pub created_ms: u64,
    /// 0 invites only, 1 knocking allowed.
    #[serde(rename = "j")]
    pub joining: u8,
    #[serde(rename = "m")]
    pub members_max: u16,
    #[serde(rename = "r")]
    pub random: ByteArray<32>,
    #[serde(rename = "s")]
    pub suite: u8,
    #[serde(rename = "v")]
    pub version: u8,
}

/// A change of a room's members.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RosterPayload {
    #[serde(rename = "d")]
    pub subject: Subject,
    /// The number of a [`RosterOperation`](crate::wire::RosterOperation).
    #[serde(rename = "o")]
    pub operation: u8,
    #[serde(rename = "p")]
    pub previous: ByteArray<32>,
    #[serde(rename = "q")]
    pub number: u64,
    #[serde(rename = "r")]
    pub room: RoomId,
    #[serde(rename = "t")]
    pub time_ms: u64,
    #[serde(rename = "v")]
    pub version: u8,
}

/// Whom a roster entry is about: a bundle to add or update, a fingerprint to remove, the owner's to
/// close.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Subject {
    Bundle(Signed),
    Member(ByteArray<32>),
}

/// Somebody asks the owner of this room, at this time, to be let in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnockPayload {
    #[serde(rename = "a")]
    pub sender: Fingerprint,
    #[serde(rename = "r")]
    pub room: RoomId,
    #[serde(rename = "t")]
    pub time_ms: u64,
    #[serde(rename = "v")]
    pub version: u8,
}

/// A member's short-lived keys.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrekeyPayload {
    #[serde(rename = "a")]
    pub sender: Fingerprint,
    #[serde(rename = "d")]
    pub public: ByteArray<32>,
    #[serde(rename = "i")]
    pub index: u64,
    /// An ML-KEM-768 encapsulation key; in a hybrid room, and in no other.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub ml_kem: Option<Bytes>,
    #[serde(rename = "r")]
    pub room: RoomId,
    #[serde(rename = "v")]
    pub version: u8,
    #[serde(rename = "x")]
    pub not_after_ms: u64,
}

/// The part of a chain's announcement that is the same for everybody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommonPayload {
    #[serde(rename = "a")]
    pub sender: Fingerprint,
    #[serde(rename = "c")]
    pub commitment: ByteArray<32>,
    #[serde(rename = "g")]
    pub ed25519: ByteArray<32>,
    #[serde(rename = "h")]
    pub roster_hash: ByteArray<32>,
    #[serde(rename = "n")]
    pub chain_number: u64,
    #[serde(rename = "q")]
    pub epoch: u64,
    #[serde(rename = "r")]
    pub room: RoomId,
    #[serde(rename = "v")]
    pub version: u8,
}

/// The part of a message that the host sees.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderPayload {
    #[serde(rename = "a")]
    pub sender: Fingerprint,
    #[serde(rename = "h")]
    pub chain: ByteArray<32>,
    #[serde(rename = "i")]
    pub index: u64,
    #[serde(rename = "l")]
    pub log_hash: ByteArray<32>,
    #[serde(rename = "m")]
    pub position: u64,
    #[serde(rename = "q")]
    pub epoch: u64,
    #[serde(rename = "r")]
    pub room: RoomId,
    #[serde(rename = "v")]
    pub version: u8,
}

/// The part of a message that only members see.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaintextPayload {
    #[serde(rename = "b")]
    body: Bytes,
    #[serde(rename = "k")]
    kind: u8,
    #[serde(rename = "t")]
    time_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextPayload {
    #[serde(rename = "i")]
    id: super::MessageId,
    #[serde(rename = "t")]
    text: String,
}

/// Words of others that a member missed, as another member counted them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// Who missed them.
    #[serde(rename = "a")]
    pub member: Fingerprint,
    /// How many stand in the log before it came back, at least.
    #[serde(rename = "c")]
    pub count: u64,
    /// How many stand after that, sealed by somebody who did not know of it yet.
    #[serde(rename = "o")]
    pub crossed: u64,
    /// The log position of the prekey with which it came back.
    #[serde(rename = "p")]
    pub until: u64,
    /// When the first of them came, by the clock of who tells, in milliseconds since 1970.
    #[serde(rename = "t")]
    pub since_ms: u64,
}

impl Missed {
    /// How many it was in all.
    pub(super) const fn all(&self) -> u64 {
        self.count.saturating_add(self.crossed)
    }
}

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Kind 0: the sender's display name, first in each chain.
    Name(String),
    /// Kind 1: words.
    Text {
        /// The message's name.
        id: super::MessageId,
        /// The words, at most [`super::limits::TEXT_BYTES_MAX`] bytes.
        text: String,
    },
    /// Kind 2: the room's title; only the owner's counts.
    Title(String),
    /// Kind 3: everything up to this log position has arrived at the sender.
    Receipt(u64),
    /// Kind 4: the sender leaves for good.
    Leave,
    /// Kind 5: what a member missed until it came back.
    Missed(Missed),
    /// A kind that this version does not know: from a newer app.
    Newer,
}

impl Body {
    /// The plaintext of this body, sent at `time_ms` of the sender's clock.
    pub(super) fn to_plaintext(&self, time_ms: u64) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Name(name) => (0, encode(name)),
            Self::Text { id, text } => (1, encode(&TextPayload { id: *id, text: text.clone() })),
            Self::Title(title) => (2, encode(title)),
            Self::Receipt(position) => (3, encode(position)),
            Self::Leave => (4, Vec::new()),
            Self::Missed(missed) => (5, encode(missed)),
            Self::Newer => (u8::MAX, Vec::new()),
        };
        encode(&PlaintextPayload { body: body.into(), kind, time_ms })
    }

    /// Reads a plaintext: the body and the sender's clock.
    pub(super) fn from_plaintext(plaintext: &[u8]) -> Result<(Self, u64), DecodeError> {
        let PlaintextPayload { body, kind, time_ms } = decode(plaintext)?;
        let body = match kind {
            0 => Self::Name(decode(&body)?),
            1 => {
                let TextPayload { id, text } = decode(&body)?;
                Self::Text { id, text }
            }
            2 => Self::Title(decode(&body)?),
            3 => Self::Receipt(decode(&body)?),
            4 if body.is_empty() => Self::Leave,
            4 => return Err(DecodeError::Malformed),
            5 => Self::Missed(decode(&body)?),
            _ => Self::Newer,
        };
        Ok((body, time_ms))
    }
}

impl std::fmt::Debug for Body {
    /// Says the kind only: words do not belong in logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Name(_) => "Name",
            Self::Text { .. } => "Text",
            Self::Title(_) => "Title",
            Self::Receipt(_) => "Receipt",
            Self::Leave => "Leave",
            Self::Missed(_) => "Missed",
            Self::Newer => "Newer",
        })
    }
}

/// Encodes and signs `payload`.
pub(super) fn sign<T: Serialize>(key: &dyn SigningKey, domain: Domain, payload: &T) -> Result<Signed, CryptoError> {
    let payload = encode(payload);
    let signature = key.sign(domain, &payload)?;
    Ok(Signed { payload: payload.into(), signature: signature.into() })
}

/// Checks the signature over the received bytes, then decodes them.
pub(super) fn verify<T: Serialize + DeserializeOwned>(
    key: &dyn VerifyingKey,
    domain: Domain,
    signed: &Signed,
) -> Result<T, Fault> {
    key.verify(domain, &signed.payload, &signed.signature)?;
    Ok(decode(&signed.payload)?)
}

/// The room of a genesis: the hash of its payload.
pub(super) fn room_of(genesis: &Signed) -> RoomId {
    RoomId(labelled_hash("room", &[&genesis.payload]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_reads_back_with_its_time() {
        let id = super::super::MessageId([7; 16]);
        let bodies = [
            Body::Name("Ann".to_owned()),
            Body::Text { id, text: "hello".to_owned() },
            Body::Title("Friday".to_owned()),
            Body::Receipt(u64::MAX),
            Body::Leave,
            Body::Missed(Missed {
                member: Fingerprint::from_bytes([7; 32]),
                count: 2,
                crossed: 1,
                until: 3,
                since_ms: 4,
            }),
            Body::Newer,
        ];
        for body in bodies {
            assert_eq!(Body::from_plaintext(&body.to_plaintext(5)), Ok((body, 5)));
        }
    }

    #[test]
    fn a_body_that_is_not_its_kinds_is_refused_and_an_unknown_kind_is_not_looked_into() {
        let plaintext = |kind, body: &[u8]| encode(&PlaintextPayload { body: body.to_vec().into(), kind, time_ms: 1 });
        for kind in (0..=3).chain([5]) {
            assert_eq!(Body::from_plaintext(&plaintext(kind, b"\xff")), Err(DecodeError::Malformed), "{kind}");
        }
        assert_eq!(Body::from_plaintext(&plaintext(4, b"\x00")), Err(DecodeError::Malformed));
        for kind in 6..=u8::MAX {
            assert_eq!(Body::from_plaintext(&plaintext(kind, b"\xff")), Ok((Body::Newer, 1)));
        }
    }

    #[test]
    fn a_signature_holds_for_the_received_bytes_and_their_purpose() {
        let backend = crate::crypto::Suite::Textbook.backend();
        let (key, other) = (backend.generate_signing(256).unwrap(), backend.generate_signing(256).unwrap());
        let payload = TextPayload { id: super::super::MessageId([7; 16]), text: "hello".to_owned() };
        let signed = sign(key.as_ref(), Domain::Roster, &payload).unwrap();
        assert_eq!(verify::<TextPayload>(&*key.public(), Domain::Roster, &signed), Ok(payload));
        let refused = Err(Fault::Crypto(CryptoError::Signature));
        assert_eq!(verify::<TextPayload>(&*key.public(), Domain::Prekey, &signed), refused);
        assert_eq!(verify::<TextPayload>(&*other.public(), Domain::Roster, &signed), refused);
    }
}
