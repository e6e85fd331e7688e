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
    /// The bytes are malformed.
    #[error("malformed data: {0}")]
    Decode(#[from] DecodeError),
    /// A key or signature is invalid.
    #[error("{0}")]
    Crypto(#[from] CryptoError),
    /// A frame that is not allowed in this state.
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
    /// The log has a gap, or a different hash.
    #[error("the log does not hold together")]
    BrokenLog,
    /// Something is over its limit.
    #[error("over a limit")]
    Limit,
    /// An expired bundle or invite.
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
    /// 0: invites only; 1: join requests allowed.
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

/// The subject of a roster entry: a bundle to add or update, a fingerprint to remove, the owner's to close.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Subject {
    Bundle(Signed),
    Member(ByteArray<32>),
}

/// A joiner asks the owner of this room, at this time, to be let in.
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
    fn a_signature_holds_for_the_received_bytes_and_their_purpose() {
        let backend = crate::crypto::Suite::Textbook.backend();
        let (key, other) = (backend.generate_signing(256).unwrap(), backend.generate_signing(256).unwrap());
        let payload = ("hello".to_owned(), 7_u8);
        let signed = sign(key.as_ref(), Domain::Roster, &payload).unwrap();
        assert_eq!(verify::<(String, u8)>(&*key.public(), Domain::Roster, &signed), Ok(payload));
        let refused = Err(Fault::Crypto(CryptoError::Signature));
        assert_eq!(verify::<(String, u8)>(&*key.public(), Domain::Prekey, &signed), refused);
        assert_eq!(verify::<(String, u8)>(&*other.public(), Domain::Roster, &signed), refused);
    }
}
