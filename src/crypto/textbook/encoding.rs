//! How learning keys are written: CBOR lists that begin with words which say what they are, so that
//! neither OpenSSL nor the secure suite can take one for a key of its own.

use num_bigint::BigUint;
use rand::Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::super::{CryptoError, Result};
use super::rsa::{KeyPair, PublicKey};

/// The first item of an encoded public key, and the header of its file.
pub(super) const PUBLIC_WORDS: &str = "CONVERSA LEARNING INSECURE PUBLIC KEY";

/// The first item of an encoded private key, and the header of its file.
pub(super) const PRIVATE_WORDS: &str = "CONVERSA LEARNING INSECURE KEY";

/// The longest encoded key: five numbers of at most 256 bytes each, the words, and room to spare.
/// Nothing longer is looked at.
const MAX_KEY_BYTES: usize = 2048;

/// The longest public exponent in bits. The keys made here have 2 or 17; a longer one would only make
/// each block a peer sends a hundred times as dear to check.
const MAX_EXPONENT_BITS: u64 = 64;

/// How deep CBOR may nest: a list of lists is all there is.
const MAX_DEPTH: usize = 8;

/// The words, n, e.
#[derive(Serialize, Deserialize)]
struct PublicForm(String, #[serde(with = "serde_bytes")] Vec<u8>, #[serde(with = "serde_bytes")] Vec<u8>);

/// The words, n, e, d, p, q.
#[derive(Serialize, Deserialize)]
struct PrivateForm(
    String,
    #[serde(with = "serde_bytes")] Vec<u8>,
    #[serde(with = "serde_bytes")] Vec<u8>,
    #[serde(with = "serde_bytes")] Vec<u8>,
    #[serde(with = "serde_bytes")] Vec<u8>,
    #[serde(with = "serde_bytes")] Vec<u8>,
);

impl Drop for PrivateForm {
    fn drop(&mut self) {
        [&mut self.3, &mut self.4, &mut self.5].into_iter().for_each(Zeroize::zeroize);
    }
}

/// Writes a public key.
pub(super) fn encode_public(key: &PublicKey) -> Result<Vec<u8>> {
    to_cbor(&PublicForm(PUBLIC_WORDS.to_owned(), key.modulus().to_bytes_be(), key.exponent().to_bytes_be()))
}

/// Reads a public key: only what [`encode_public`] writes.
pub(super) fn decode_public(bytes: &[u8]) -> Result<PublicKey> {
    let PublicForm(words, modulus, exponent) = bounded_from_cbor(bytes)?;
    if words != PUBLIC_WORDS {
        return Err(CryptoError::BadEncoding);
    }
    let key = PublicKey::new(BigUint::from_bytes_be(&modulus), short(BigUint::from_bytes_be(&exponent))?)?;
    // A second time over the numbers: leading zeros are lost on the way.
    if encode_public(&key)? == bytes { Ok(key) } else { Err(CryptoError::BadEncoding) }
}

/// Writes a private key.
pub(super) fn encode_private(key: &KeyPair) -> Result<Zeroizing<Vec<u8>>> {
    let (prime_p, prime_q) = key.primes();
    to_cbor(&PrivateForm(
        PRIVATE_WORDS.to_owned(),
        key.public().modulus().to_bytes_be(),
        key.public().exponent().to_bytes_be(),
        key.private_exponent().to_bytes_be(),
        prime_p.to_bytes_be(),
        prime_q.to_bytes_be(),
    ))
    .map(Zeroizing::new)
}

/// Reads a private key: only what [`encode_private`] writes, and only if its numbers belong
/// together.
pub(super) fn decode_private(bytes: &[u8], rng: &mut impl Rng) -> Result<KeyPair> {
    let form: PrivateForm = bounded_from_cbor(bytes)?;
    if form.0 != PRIVATE_WORDS {
        return Err(CryptoError::BadEncoding);
    }
    let [exponent, prime_p, prime_q] = [&form.2, &form.4, &form.5].map(|bytes| BigUint::from_bytes_be(bytes));
    let key = KeyPair::from_primes(prime_p, prime_q, short(exponent)?, rng)?;
    // The modulus and d are calculated anew, so this also finds numbers that do not belong together.
    if *encode_private(&key)? == bytes { Ok(key) } else { Err(CryptoError::BadEncoding) }
}

/// Writes CBOR.
pub(super) fn to_cbor<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).map_err(|_| CryptoError::Backend)?;
    Ok(bytes)
}

/// Reads CBOR in its one canonical form: encoded again, it gives the same bytes.
pub(super) fn from_cbor<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let value = ciborium::de::from_reader_with_recursion_limit(bytes, MAX_DEPTH);
    let value: T = value.map_err(|_| CryptoError::BadEncoding)?;
    if *Zeroizing::new(to_cbor(&value)?) == bytes { Ok(value) } else { Err(CryptoError::BadEncoding) }
}

fn short(exponent: BigUint) -> Result<BigUint> {
    if exponent.bits() > MAX_EXPONENT_BITS { Err(CryptoError::KeyPolicy) } else { Ok(exponent) }
}

fn bounded_from_cbor<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    if bytes.len() > MAX_KEY_BYTES { Err(CryptoError::BadEncoding) } else { from_cbor(bytes) }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::super::rsa::{Exponent, MAX_BITS};
    use super::*;

    #[test]
    fn the_longest_key_fits_the_limit() {
        let ones = (BigUint::from(1u8) << MAX_BITS) - 1u8;
        let bytes = ones.to_bytes_be();
        let form =
            PrivateForm(PRIVATE_WORDS.to_owned(), bytes.clone(), bytes.clone(), bytes.clone(), bytes.clone(), bytes);
        assert!(to_cbor(&form).unwrap().len() <= MAX_KEY_BYTES);
    }

    #[test]
    fn keys_read_back_and_oddities_do_not() {
        let mut rng = StdRng::seed_from_u64(1);
        let key = KeyPair::generate(64, Exponent::Fermat4, &mut rng).unwrap();
        let (modulus, exponent) = (key.public().modulus().to_bytes_be(), key.public().exponent().to_bytes_be());
        let form = |words: &str, modulus: &[u8], exponent: &[u8]| {
            to_cbor(&PublicForm(words.to_owned(), modulus.to_vec(), exponent.to_vec())).unwrap()
        };
        assert_eq!(decode_public(&form(PUBLIC_WORDS, &modulus, &exponent)).as_ref(), Ok(key.public()));
        let zero_first = [&[0], modulus.as_slice()].concat();
        for bytes in [form("", &modulus, &exponent), form(PUBLIC_WORDS, &zero_first, &exponent)] {
            assert_eq!(decode_public(&bytes).err(), Some(CryptoError::BadEncoding));
        }
        assert_eq!(decode_public(&form(PUBLIC_WORDS, &modulus, &[])).err(), Some(CryptoError::KeyPolicy));
        assert_eq!(decode_public(&form(PUBLIC_WORDS, &[], &[])).err(), Some(CryptoError::KeyPolicy));
        let (long_modulus, longest, too_long) = ([0xff; 16], [0xff; 8], [&[1], [0xff; 8].as_slice()].concat());
        assert!(decode_public(&form(PUBLIC_WORDS, &long_modulus, &longest)).is_ok());
        let refused = decode_public(&form(PUBLIC_WORDS, &long_modulus, &too_long)).err();
        assert_eq!(refused, Some(CryptoError::KeyPolicy));
        assert_eq!(decode_public(&vec![0; MAX_KEY_BYTES + 1]).err(), Some(CryptoError::BadEncoding));
    }

    #[test]
    fn a_private_key_whose_numbers_do_not_belong_together_is_refused() {
        let mut rng = StdRng::seed_from_u64(2);
        let key = KeyPair::generate(64, Exponent::Fermat4, &mut rng).unwrap();
        let good = encode_private(&key).unwrap();
        assert_eq!(decode_private(&good, &mut rng).unwrap().private_exponent(), key.private_exponent());
        for position in 0..good.len() {
            let mut changed = good.to_vec();
            changed[position] ^= 1;
            assert!(decode_private(&changed, &mut rng).is_err(), "byte {position}");
        }
    }
}
