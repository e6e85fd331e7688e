//! Which RSA keys the secure suite accepts, and in which encoding. A key has exactly one encoding
//! here, so its fingerprint cannot change under it.

use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::rsa::Rsa;
use pkcs8::der::asn1::{AnyRef, UintRef};
use pkcs8::der::{Decode, Reader};
use pkcs8::{ObjectIdentifier, SubjectPublicKeyInfoRef};
use zeroize::Zeroizing;

use super::super::{CryptoError, Result};

/// The accepted sizes in bits, the default first. 3072 bits stand for 128 bits of security (NIST SP
/// 800-57, part 1, table 2); above 4096 every operation costs more than it is worth.
pub(super) const KEY_BITS: [u32; 2] = [3072, 4096];

/// The accepted public exponent.
const EXPONENT: u32 = 65537;

/// The longest encoding that is read: above that of an 8192-bit public key, so that such a key is refused for its
/// size.
const MAX_SPKI_BYTES: usize = 2048;

/// The longest private encoding that is read: a 4096-bit key takes 2.4 KB.
const MAX_PKCS8_BYTES: usize = 8192;

/// `rsaEncryption` (RFC 8017, appendix C).
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Reads another person's public key. The bytes are parsed in Rust; OpenSSL only gets two numbers.
pub(super) fn public_key(spki: &[u8]) -> Result<PKey<Public>> {
    if spki.len() > MAX_SPKI_BYTES {
        return Err(CryptoError::BadEncoding);
    }
    let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| CryptoError::BadEncoding)?;
    if info.algorithm.oid != RSA_ENCRYPTION || info.algorithm.parameters != Some(AnyRef::NULL) {
        return Err(CryptoError::BadEncoding);
    }
    let sequence = info.subject_public_key.as_bytes().ok_or(CryptoError::BadEncoding)?;
    let (modulus, exponent) = numbers(sequence).map_err(|_| CryptoError::BadEncoding)?;
    let assemble = || {
        let rsa = Rsa::from_public_components(BigNum::from_slice(modulus)?, BigNum::from_slice(exponent)?)?;
        let numbers_are_good = is_accepted(&rsa)?;
        let key = PKey::from_rsa(rsa)?;
        let canonical = key.public_key_to_der()?;
        Ok((key, numbers_are_good, canonical))
    };
    let (key, numbers_are_good, canonical) = assemble().map_err(|_: ErrorStack| CryptoError::BadEncoding)?;
    if canonical != spki {
        return Err(CryptoError::BadEncoding);
    }
    if numbers_are_good { Ok(key) } else { Err(CryptoError::KeyPolicy) }
}

/// Reads one's own private key.
pub(super) fn private_key(pkcs8: &[u8]) -> Result<PKey<Private>> {
    if pkcs8.len() > MAX_PKCS8_BYTES {
        return Err(CryptoError::BadEncoding);
    }
    let key = PKey::private_key_from_pkcs8(pkcs8).map_err(|_| CryptoError::BadEncoding)?;
    if key.id() != Id::RSA {
        return Err(CryptoError::BadEncoding);
    }
    let canonical = key.private_key_to_pkcs8().map(Zeroizing::new).map_err(|_| CryptoError::BadEncoding)?;
    if *canonical != pkcs8 {
        return Err(CryptoError::BadEncoding);
    }
    let rsa = key.rsa().map_err(|_| CryptoError::BadEncoding)?;
    let public = Rsa::from_public_components(copy(rsa.n())?, copy(rsa.e())?).map_err(|_| CryptoError::Backend)?;
    if !is_accepted(&public).map_err(|_| CryptoError::Backend)? {
        return Err(CryptoError::KeyPolicy);
    }
    // Last, because it is slow: both primes are tested.
    match rsa.check_key() {
        Ok(true) => Ok(key),
        Ok(false) | Err(_) => Err(CryptoError::BadEncoding),
    }
}

/// The two numbers of an `RSAPublicKey` (RFC 8017, A.1.1), and nothing after them.
fn numbers(sequence: &[u8]) -> pkcs8::der::Result<(&[u8], &[u8])> {
    AnyRef::from_der(sequence)?.sequence(|reader| {
        let modulus: UintRef<'_> = reader.decode()?;
        let exponent: UintRef<'_> = reader.decode()?;
        Ok((modulus.as_bytes(), exponent.as_bytes()))
    })
}

fn is_accepted(rsa: &Rsa<Public>) -> std::result::Result<bool, ErrorStack> {
    let size_fits = KEY_BITS.iter().any(|bits| i32::try_from(*bits) == Ok(rsa.n().num_bits()));
    Ok(size_fits && rsa.n().is_bit_set(0) && *rsa.e() == *BigNum::from_u32(EXPONENT)?)
}

fn copy(number: &openssl::bn::BigNumRef) -> Result<BigNum> {
    number.to_owned().map_err(|_| CryptoError::Backend)
}
