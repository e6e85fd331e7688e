//! The fixed algorithms every secure room shares, all from ring: SHA-256, HMAC-SHA256 (RFC 2104),
//! HKDF-SHA256 (RFC 5869), ChaCha20-Poly1305 (RFC 8439) and Ed25519 (RFC 8032).

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use ring::{digest, hkdf, hmac};
use zeroize::Zeroizing;

use super::{CryptoError, Result};

/// Begins everything that is hashed or signed, so that no other protocol's bytes can be ours.
pub const PREFIX: &[u8] = b"conversa/1 ";

/// A SHA-256 digest, 32 bytes.
pub type Digest = [u8; 32];

/// `SHA-256(bytes)`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    sha256_of(&[bytes])
}

/// `H(label, parts…) = SHA-256("conversa/1 " || label || 0x00 || parts…)`. The caller keeps
/// the parts at fixed lengths, or has one alone, so that no two lists of parts are hashed alike.
#[must_use]
pub fn labelled_hash(label: &str, parts: &[&[u8]]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(PREFIX);
    context.update(label.as_bytes());
    context.update(&[0]);
    parts.iter().for_each(|part| context.update(part));
    digest_of(context)
}

/// `label` as a prefix of a signed or authenticated input: `"conversa/1 " || label || 0x00`.
#[must_use]
pub fn prefixed(label: &str, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(PREFIX.len() + label.len() + 1 + length);
    bytes.extend_from_slice(PREFIX);
    bytes.extend_from_slice(label.as_bytes());
    bytes.push(0);
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

fn sha256_of(parts: &[&[u8]]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    digest_of(context)
}

fn digest_of(context: digest::Context) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// `SHA-512(parts…)`, for safety numbers.
#[must_use]
pub fn sha512(parts: &[&[u8]]) -> [u8; 64] {
    let mut context = digest::Context::new(&digest::SHA512);
    parts.iter().for_each(|part| context.update(part));
    let mut bytes = [0; 64];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// HMAC-SHA256 of `message`.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Digest {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}

/// Whether `tag` is the HMAC-SHA256 of `message`, in constant time.
#[must_use]
pub fn hmac_sha256_verify(key: &[u8], message: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), message, tag).is_ok()
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA256: extract with `salt` from `secret`, then expand with the joined `info` to `N` bytes.
///
/// # Errors
/// [`CryptoError::Backend`] if `N` is over 255 · 32 bytes (RFC 5869, 2.3).
pub fn hkdf_sha256<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> Result<Zeroizing<[u8; N]>> {
    let mut output = Zeroizing::new([0; N]);
    hkdf::Salt::new(hkdf::HKDF_SHA256, salt)
        .extract(secret)
        .expand(info, Length(N))
        .and_then(|okm| okm.fill(output.as_mut()))
        .map_err(|_| CryptoError::Backend)?;
    Ok(output)
}

/// A ChaCha20-Poly1305 key with its one nonce: 32 + 12 bytes from a key derivation, used once.
pub type OneTimeKey = Zeroizing<[u8; 44]>;

/// Bytes the authentication tag adds to a ciphertext.
pub const TAG_BYTES: usize = 16;
/// Bytes of an Ed25519 signature.
pub const ED25519_SIGNATURE_BYTES: usize = 64;

/// Seals `plaintext` with a key that is used for nothing else.
///
/// # Errors
/// [`CryptoError::Backend`] if ring refuses.
pub fn seal(key: &OneTimeKey, associated_data: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let (key, nonce) = aead(key)?;
    let mut buffer = Vec::with_capacity(plaintext.len() + TAG_BYTES);
    buffer.extend_from_slice(plaintext);
    key.seal_in_place_append_tag(nonce, Aad::from(associated_data), &mut buffer).map_err(|_| CryptoError::Backend)?;
    Ok(buffer)
}

/// Opens what [`seal`] made.
///
/// # Errors
/// [`CryptoError::Decrypt`], whatever was wrong.
pub fn open(key: &OneTimeKey, associated_data: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let (key, nonce) = aead(key)?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length =
        key.open_in_place(nonce, Aad::from(associated_data), &mut buffer).map_err(|_| CryptoError::Decrypt)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

fn aead(key: &OneTimeKey) -> Result<(LessSafeKey, Nonce)> {
    let (key, nonce) = key.split_at(32);
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| CryptoError::Backend)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CryptoError::Backend)?;
    Ok((LessSafeKey::new(key), nonce))
}

/// An Ed25519 key pair that signs one chain's messages.
pub struct Ed25519Key(Ed25519KeyPair);

impl Ed25519Key {
    /// The key pair of a 32-byte seed.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if ring refuses the seed.
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Result<Self> {
        Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).map(Self).map_err(|_| CryptoError::Backend)
    }

    /// The public half, 32 bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        bytes
    }

    /// Signs `message`.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; ED25519_SIGNATURE_BYTES] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.0.sign(message).as_ref());
        bytes
    }
}

/// Checks an Ed25519 signature.
///
/// # Errors
/// [`CryptoError::Signature`] if it does not hold.
pub fn ed25519_verify(public: &[u8; 32], message: &[u8], signature: &[u8]) -> Result<()> {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).map_err(|_| CryptoError::Signature)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn unhex(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    fn unhex_array<const N: usize>(text: &str) -> [u8; N] {
        unhex(text).try_into().unwrap()
    }

    #[test]
    fn sha256_of_fips_180() {
        let expected = unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256(b"abc").as_slice(), expected);
    }

    #[test]
    fn labelled_hashes_are_what_the_protocol_says() {
        // SHA-256 of "conversa/1 room", a zero byte and "ab".
        let expected = unhex("886ed82a69142ae521cf8bb98632873b6bc02e55f0ccd1dd2f24b0cad31bd04f");
        assert_eq!(labelled_hash("room", &[b"a", b"b"]).as_slice(), expected);
        assert_eq!(sha256(&prefixed("room", &[b"a", b"b"])).as_slice(), expected);
        assert_eq!(prefixed("msg", &[]), b"conversa/1 msg\0");
    }

    #[test]
    fn hmac_of_rfc_4231() {
        let (jefe, question) = (b"Jefe", b"what do ya want for nothing?");
        let expected = unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(hmac_sha256(jefe, question).as_slice(), expected);
        assert!(hmac_sha256_verify(jefe, question, &expected));
        assert!(!hmac_sha256_verify(jefe, question, &expected[..31]));
        assert!(!hmac_sha256_verify(b"jefe", question, &expected));
        let expected = unhex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
        let long_key = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(hmac_sha256(&[0xaa; 131], long_key).as_slice(), expected);
    }

    #[test]
    fn hkdf_of_rfc_5869() {
        let (salt, info): (Vec<u8>, Vec<u8>) = ((0..13).collect(), (0xf0..0xfa).collect());
        let first = hkdf_sha256::<42>(&salt, &[0x0b; 22], &[&info]).unwrap();
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(first.as_slice(), unhex(expected));
        let in_parts = hkdf_sha256::<42>(&salt, &[0x0b; 22], &[&info[..3], &info[3..]]).unwrap();
        assert_eq!(first, in_parts, "the parts of the info are joined");
        let third = hkdf_sha256::<42>(b"", &[0x0b; 22], &[]).unwrap();
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        assert_eq!(third.as_slice(), unhex(expected));
        assert!(hkdf_sha256::<8160>(b"", b"", &[]).is_ok());
        assert_eq!(hkdf_sha256::<8161>(b"", b"", &[]).err(), Some(CryptoError::Backend));
    }

    #[test]
    fn chacha20_poly1305_of_rfc_8439() {
        let key_and_nonce: Vec<u8> = (0x80..0xa0).chain([7, 0, 0, 0]).chain(0x40..0x48).collect();
        let key = OneTimeKey::new(key_and_nonce.try_into().unwrap());
        let associated_data = unhex("50515253c0c1c2c3c4c5c6c7");
        let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                          sunscreen would be it.";
        let expected = unhex(concat!(
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b",
            "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc",
            "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691",
        ));
        let sealed = seal(&key, &associated_data, plaintext).unwrap();
        assert_eq!(sealed, expected);
        assert_eq!(sealed.len(), plaintext.len() + TAG_BYTES);
        assert_eq!(open(&key, &associated_data, &sealed).unwrap().as_slice(), plaintext);
        assert_eq!(open(&key, b"other", &sealed).err(), Some(CryptoError::Decrypt));
        for length in 0..sealed.len() {
            assert_eq!(open(&key, &associated_data, &sealed[..length]).err(), Some(CryptoError::Decrypt));
        }
    }

    #[test]
    fn ed25519_of_rfc_8032() {
        let seed = Zeroizing::new(unhex_array("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
        let key = Ed25519Key::from_seed(&seed).unwrap();
        let public = unhex_array("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature: [u8; 64] = unhex_array(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ));
        assert_eq!(key.public(), public);
        assert_eq!(key.sign(&[0x72]), signature);
        assert_eq!(ed25519_verify(&public, &[0x72], &signature), Ok(()));
        for (message, signature) in [(&[0x73][..], &signature[..]), (&[0x72], &signature[..63]), (&[0x72], &[0; 64])] {
            assert_eq!(ed25519_verify(&public, message, signature), Err(CryptoError::Signature));
        }
    }
}
