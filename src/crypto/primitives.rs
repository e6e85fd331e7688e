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

/// `H(label, parts…) = SHA-256("conversa/1 " || label || 0x00 || parts…)`. The caller keeps the
/// parts at fixed lengths, or puts a length before them.
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
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
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
