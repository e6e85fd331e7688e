//! CBOR (RFC 8949) with exactly one accepted encoding for each value.

use std::collections::LinkedList;
use std::io::Cursor;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// How deep a payload may nest. The deepest of ours has four levels.
const DEPTH_MAX: usize = 8;

/// Why bytes from a peer were not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not CBOR, or not the expected map.
    #[error("malformed or unexpected structure")]
    Malformed,
    /// The right values in a different encoding from the one we would write.
    #[error("not the canonical encoding")]
    NotCanonical,
    /// A frame of a type this version does not know.
    #[error("unknown frame type {0:#04x}")]
    UnknownFrame(u8),
    /// A frame that claims more bytes than its type may have, or none.
    #[error("frame length {length} is outside 1..={limit}")]
    FrameLength {
        /// The claimed length in bytes, of type and body.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// Writes `value`. Structs are written in the order of their fields, which is therefore the
/// bytewise order of their keys (RFC 8949, 4.2).
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory cannot fail, and every type of ours is plain data.
    if ciborium::into_writer(value, &mut bytes).is_err() {
        log::error!("a value could not be encoded");
    }
    bytes
}

/// Reads one value that takes up all of `bytes`.
///
/// # Errors
/// [`DecodeError::Malformed`], or [`DecodeError::NotCanonical`] if writing the value again would
/// give other bytes: ciborium by itself takes long forms, indefinite lengths, tags and trailing
/// bytes.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    match decode_first(bytes)? {
        (value, length) if length == bytes.len() => Ok(value),
        _ => Err(DecodeError::NotCanonical),
    }
}

/// Reads one value from the start of `bytes`, and returns how many of them it takes up.
///
/// # Errors
/// As [`decode`].
pub fn decode_first<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    let value: T = ciborium::de::from_reader_with_recursion_limit(&mut Cursor::new(bytes), DEPTH_MAX)
        .map_err(|_| DecodeError::Malformed)?;
    let canonical = encode(&value);
    if bytes.starts_with(&canonical) { Ok((value, canonical.len())) } else { Err(DecodeError::NotCanonical) }
}

/// Reads a list without trusting the length it states: serde's `Vec` allocates for up to 1 MiB of elements before the
/// first has arrived, whatever a few bytes claim.
///
/// # Errors
/// Those of its elements.
pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    LinkedList::deserialize(deserializer).map(|list| list.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ByteArray, Bytes};

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        a: Bytes,
        b: u64,
        c: Option<ByteArray<2>>,
    }

    fn sample() -> Sample {
        Sample { a: Bytes::from(vec![1, 2, 3]), b: 7, c: Some(ByteArray::new([8, 9])) }
    }

    #[test]
    fn a_value_reads_back() {
        let bytes = encode(&sample());
        assert_eq!(bytes, b"\xa3\x61a\x43\x01\x02\x03\x61b\x07\x61c\x42\x08\x09");
        assert_eq!(decode::<Sample>(&bytes), Ok(sample()));
    }

    #[test]
    fn odd_encodings_of_the_same_value_are_refused() {
        let odd: [&[u8]; 9] = [
            b"\xa3\x61a\x43\x01\x02\x03\x61b\x07\x61c\x42\x08\x09\x00", // trailing byte
            b"\xa3\x61a\x43\x01\x02\x03\x61b\x18\x07\x61c\x42\x08\x09", // long-form integer
            b"\xbf\x61a\x43\x01\x02\x03\x61b\x07\x61c\x42\x08\x09\xff", // indefinite map
            b"\xa3\x61a\x5f\x43\x01\x02\x03\xff\x61b\x07\x61c\x42\x08\x09", // indefinite bytes
            b"\xa3\x61b\x07\x61a\x43\x01\x02\x03\x61c\x42\x08\x09",     // other key order
            b"\xa3\x61a\x43\x01\x02\x03\x61b\xc2\x41\x07\x61c\x42\x08\x09", // bignum
            b"\xa3\x61a\x43\x01\x02\x03\x61b\xd8\x2a\x07\x61c\x42\x08\x09", // tag
            b"\xa4\x61a\x43\x01\x02\x03\x61b\x07\x61b\x07\x61c\x42\x08\x09", // doubled key
            b"\xa3\x61a\x43\x01\x02\x03\x61b\xf9\x47\x00\x61c\x42\x08\x09", // float
        ];
        for bytes in odd {
            assert!(decode::<Sample>(bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused_or_reads_as_another_value() {
        let bytes = encode(&sample());
        for end in 0..bytes.len() {
            assert!(decode::<Sample>(&bytes[..end]).is_err(), "cut at {end}");
        }
        for index in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[index / 8] ^= 1 << (index % 8);
            assert_ne!(decode::<Sample>(&flipped), Ok(sample()), "bit {index}");
        }
    }

    #[test]
    fn huge_claimed_lengths_and_deep_nesting_end_in_an_error() {
        assert!(decode::<Sample>(b"\xa3\x61a\x5b\x7f\xff\xff\xff\xff\xff\xff\xff").is_err());
        assert!(decode::<Sample>(&[0x81; 10_000]).is_err());
    }
}
