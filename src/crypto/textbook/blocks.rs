//! Messages of any length as blocks, each a number below the modulus, and their CBOR:
//! `[[length, number], …]`, where the length keeps a block's leading zeros and the number has the
//! modulus's size.

use std::collections::LinkedList;

use num_bigint::BigUint;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::super::{CryptoError, Result};
use super::encoding;
use super::rsa::{KeyPair, PublicKey};

/// The most blocks of one message: one for each byte of the longest frame (64 KiB) at the smallest
/// key. Without it, one message could keep a receiver calculating for hours.
pub const MAX_BLOCKS: usize = 64 * 1024;

/// CBOR's bytes around a block's number, at most: an array head, a length and a string head.
const BLOCK_OVERHEAD: usize = 1 + 3 + 3;

/// CBOR's bytes before the first block, at most: an array head with a 32-bit count.
const LIST_OVERHEAD: usize = 5;

/// One block: the plaintext's length in bytes, and the number it became.
#[derive(Serialize, Deserialize)]
struct Block(u16, #[serde(with = "serde_bytes")] Vec<u8>);

/// The longest message `key` can take in [`MAX_BLOCKS`].
pub(super) fn max_message(key: &PublicKey) -> usize {
    key.block_bytes() * MAX_BLOCKS
}

/// Encrypts `message` block by block: `m^e mod n`.
pub(super) fn encrypt(key: &PublicKey, message: &[u8]) -> Result<Vec<u8>> {
    apply(key, message, |number| key.raise(number))
}

/// Signs `message` block by block: `m^d mod n`.
pub(super) fn sign(key: &KeyPair, message: &[u8]) -> Result<Vec<u8>> {
    apply(key.public(), message, |number| key.raise(number))
}

/// Opens what [`encrypt`] made. `None` for anything malformed.
pub(super) fn decrypt(key: &KeyPair, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let public = key.public();
    let mut message = Zeroizing::new(Vec::new());
    for Block(length, number) in decode(public, ciphertext)? {
        let opened = key.raise(&number_below_modulus(public, &number)?);
        let length = usize::from(length);
        if !(1..=public.block_bytes()).contains(&length) {
            return None;
        }
        message.extend_from_slice(&Zeroizing::new(fixed_width(&opened, length)?));
    }
    Some(message)
}

/// Whether `signature` is what [`sign`] makes of `message`.
pub(super) fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    let Some(blocks) = decode(key, signature) else { return false };
    let chunks = message.chunks(key.block_bytes());
    if chunks.len() != blocks.len() {
        return false;
    }
    chunks.zip(blocks).all(|(chunk, Block(length, number))| {
        usize::from(length) == chunk.len()
            && number_below_modulus(key, &number).is_some_and(|s| key.raise(&s) == BigUint::from_bytes_be(chunk))
    })
}

fn apply(key: &PublicKey, message: &[u8], raise: impl Fn(&BigUint) -> BigUint) -> Result<Vec<u8>> {
    if message.len() > max_message(key) {
        return Err(CryptoError::TooLong);
    }
    let blocks: Option<Vec<Block>> = message
        .chunks(key.block_bytes())
        .map(|chunk| {
            let number = raise(&BigUint::from_bytes_be(chunk));
            Some(Block(u16::try_from(chunk.len()).ok()?, fixed_width(&number, key.modulus_bytes())?))
        })
        .collect();
    encoding::to_cbor(&blocks.ok_or(CryptoError::Backend)?)
}

/// Reads blocks: few enough, and in the one encoding there is for them.
fn decode(key: &PublicKey, bytes: &[u8]) -> Option<Vec<Block>> {
    if bytes.len() > LIST_OVERHEAD + MAX_BLOCKS * (BLOCK_OVERHEAD + key.modulus_bytes()) {
        return None;
    }
    // Not a `Vec`, which would allocate for as many as the bytes claim.
    let blocks: LinkedList<Block> = encoding::from_cbor(bytes).ok()?;
    (blocks.len() <= MAX_BLOCKS).then(|| blocks.into_iter().collect())
}

/// A number of the modulus's width and below it: then a block has one encoding only.
fn number_below_modulus(key: &PublicKey, bytes: &[u8]) -> Option<BigUint> {
    if bytes.len() != key.modulus_bytes() {
        return None;
    }
    let number = BigUint::from_bytes_be(bytes);
    (number < *key.modulus()).then_some(number)
}

/// `number` in big-endian bytes with leading zeros up to `width`, if it is not longer.
fn fixed_width(number: &BigUint, width: usize) -> Option<Vec<u8>> {
    if *number == BigUint::ZERO {
        return Some(vec![0; width]);
    }
    let bytes = Zeroizing::new(number.to_bytes_be());
    let mut padded = vec![0; width.checked_sub(bytes.len())?];
    padded.reserve_exact(bytes.len());
    padded.extend_from_slice(&bytes);
    Some(padded)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::super::rsa::Exponent;
    use super::*;

    fn key(bits: u32) -> KeyPair {
        KeyPair::generate(bits, Exponent::Three, &mut StdRng::seed_from_u64(u64::from(bits))).unwrap()
    }

    #[test]
    fn messages_of_every_length_come_back_with_their_zeros() {
        for bits in [16, 17, 24, 25, 65, 120] {
            let key = key(bits);
            for length in 0..40u8 {
                for message in [vec![0; length.into()], vec![255; length.into()], (0..length).collect()] {
                    let ciphertext = encrypt(key.public(), &message).unwrap();
                    assert_eq!(*decrypt(&key, &ciphertext).unwrap(), message);
                    let signature = sign(&key, &message).unwrap();
                    assert!(verify(key.public(), &message, &signature));
                }
            }
        }
    }

    #[test]
    fn an_empty_message_is_an_empty_list() {
        let key = key(64);
        assert_eq!(encrypt(key.public(), b"").unwrap(), [0x80]);
        assert_eq!(decrypt(&key, &[0x80]).unwrap().as_slice(), b"");
    }

    #[test]
    fn the_lessons_hold() {
        let key = key(128);
        let text = b"yes";
        assert_eq!(encrypt(key.public(), text).unwrap(), encrypt(key.public(), text).unwrap(), "same in, same out");
        let signed_one = sign(&key, &[1]).unwrap();
        assert_eq!(signed_one.last(), Some(&1), "1 signs itself");
    }

    #[test]
    fn malformed_blocks_are_refused() {
        let key = key(24); // three-byte numbers, two-byte blocks
        let good = encrypt(key.public(), b"ab").unwrap();
        assert_eq!(good[..4], [0x81, 0x82, 0x02, 0x43]);
        let modulus = fixed_width(key.public().modulus(), 3).unwrap();
        let block = |length: &[u8], number: &[u8]| {
            let mut bytes = vec![0x81, 0x82];
            bytes.extend_from_slice(length);
            bytes.push(0x40 + number.len() as u8);
            bytes.extend_from_slice(number);
            bytes
        };
        assert!(decrypt(&key, &block(&[2], &good[4..])).is_some());
        let bad = [
            block(&[0], &good[4..]),                            // no length
            block(&[3], &good[4..]),                            // longer than a block
            block(&[0x18, 2], &good[4..]),                      // the length in a long form
            block(&[1], &good[4..]),                            // more than the length says
            block(&[2], &modulus),                              // not below the modulus
            block(&[2], &good[5..]),                            // a number too narrow
            block(&[2], &[&[0], &good[4..]].concat()),          // a number too wide
            [good.as_slice(), &[0]].concat(),                   // a byte more
            [&[0x9f], &good[1..], &[0xff]].concat(),            // an endless list
            vec![0xa0],                                         // a map
            vec![0x9b, 255, 255, 255, 255, 255, 255, 255, 255], // a list of 2^64 - 1
            vec![],
        ];
        for bytes in bad {
            assert!(decrypt(&key, &bytes).is_none(), "{bytes:?}");
            assert!(!verify(key.public(), b"ab", &bytes), "{bytes:?}");
        }
    }

    #[test]
    fn the_number_of_blocks_is_limited() {
        let key = key(16);
        assert_eq!(max_message(key.public()), MAX_BLOCKS);
        let too_long = vec![1; MAX_BLOCKS + 1];
        assert_eq!(encrypt(key.public(), &too_long).err(), Some(CryptoError::TooLong));
        let mut blocks: Vec<Block> = too_long.iter().map(|_| Block(1, vec![0, 1])).collect();
        assert!(decode(key.public(), &encoding::to_cbor(&blocks).unwrap()).is_none());
        assert!(decode(key.public(), &encoding::to_cbor(&blocks.split_off(1)).unwrap()).is_some());
    }

    /// Two bytes a number, seven around it and five before all of them: more is not even read.
    #[test]
    fn the_bytes_of_blocks_are_limited() {
        let longest = 5 + 65_536 * 9;
        let read = |bytes: usize| {
            let head = encoding::to_cbor(&[Block(1, vec![0; 65_536])]).unwrap().len() - 65_536;
            let block = encoding::to_cbor(&[Block(1, vec![0; bytes - head])]).unwrap();
            assert_eq!(block.len(), bytes);
            decode(key(16).public(), &block).is_some()
        };
        assert!(read(longest));
        assert!(!read(longest + 1));
    }
}
