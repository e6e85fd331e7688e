//! Textbook RSA by hand, for learning. **INSECURE**: whoever listens can read it.
//!
//! Encryption is `m^e mod n` and a signature is `m^d mod n`, block by block, on the words
//! themselves. That is the RSA of the first page of every textbook, and it fails in practice, because
//!
//! - it is **deterministic**: the same words give the same bytes, so a guess can be checked by
//!   encrypting it;
//! - it has **no padding**: 0 and 1 encrypt to themselves, a short message under e = 3 is just a
//!   cube root away, and products of ciphertexts are ciphertexts of products (**malleable**);
//! - its signatures have **no hash**: anyone can make a number and its "signature" from thin air, and
//!   blocks can be swapped, dropped and repeated;
//! - the label of an encryption binds nothing, because there is nowhere to put it;
//! - its time depends on the key, and `BigUint` **cannot be cleared** from memory;
//! - its keys go down to 16 bits, which a pocket calculator can factor.
//!
//! The secure suite fixes each of these. This one is kept well apart from it: other types, other key sizes, and key
//! encodings that nothing else can read.

mod blocks;
mod encoding;
mod prime;
mod rsa;

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use zeroize::Zeroizing;

pub use self::blocks::MAX_BLOCKS;
pub use self::rsa::{Exponent, KeyPair, MAX_BITS, MIN_BITS, PublicKey};
use super::key_file::Labels;
use super::primitives::prefixed;
use super::{
    CryptoBackend, CryptoError, DecryptionKey, Domain, EncryptionKey, KeyKind, Result, SigningKey, Suite, VerifyingKey,
    sealed,
};

/// The backend of [`Suite::Textbook`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TextbookRsa;

impl sealed::Sealed for TextbookRsa {}

impl CryptoBackend for TextbookRsa {
    fn suite(&self) -> Suite {
        Suite::Textbook
    }

    fn key_bits(&self) -> &'static [u32] {
        &[1024, 2048, 512, 256, 64, 16]
    }

    fn labels(&self) -> Labels {
        Labels { suite: "learning", private: encoding::PRIVATE_WORDS, encrypted: None, public: encoding::PUBLIC_WORDS }
    }

    fn generate_signing(&self, bits: u32) -> Result<Box<dyn SigningKey>> {
        Ok(Box::new(Private::new(generate(bits)?)?))
    }

    fn generate_decryption(&self, bits: u32) -> Result<Box<dyn DecryptionKey>> {
        Ok(Box::new(Private::new(generate(bits)?)?))
    }

    fn signing_from_pkcs8(&self, der: &[u8]) -> Result<Box<dyn SigningKey>> {
        Ok(Box::new(Private::new(encoding::decode_private(der, &mut system_rng()?)?)?))
    }

    fn decryption_from_pkcs8(&self, der: &[u8]) -> Result<Box<dyn DecryptionKey>> {
        Ok(Box::new(Private::new(encoding::decode_private(der, &mut system_rng()?)?)?))
    }

    fn verifying_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn VerifyingKey>> {
        Ok(Arc::new(Public::new(encoding::decode_public(spki)?)?))
    }

    fn encryption_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn EncryptionKey>> {
        Ok(Arc::new(Public::new(encoding::decode_public(spki)?)?))
    }
}

impl KeyPair {
    /// This key pair as a signing key, for lessons that need its numbers too.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if it cannot be encoded.
    pub fn into_signing(self) -> Result<Box<dyn SigningKey>> {
        Ok(Box::new(Private::new(self)?))
    }

    /// This key pair as a decryption key, for lessons that need its numbers too.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if it cannot be encoded.
    pub fn into_decryption(self) -> Result<Box<dyn DecryptionKey>> {
        Ok(Box::new(Private::new(self)?))
    }
}

fn generate(bits: u32) -> Result<KeyPair> {
    // 65537 is not below a modulus of 16 bits.
    let exponent = if bits == MIN_BITS { Exponent::Three } else { Exponent::Fermat4 };
    KeyPair::generate(bits, exponent, &mut system_rng()?)
}

/// A generator seeded by the operating system; unlike `rand::rng()`, it fails without a panic.
fn system_rng() -> Result<StdRng> {
    StdRng::try_from_rng(&mut SysRng).map_err(|_| CryptoError::Backend)
}

/// A public key with its encoding. In textbook RSA one operation both encrypts and verifies.
struct Public {
    key: PublicKey,
    encoded: Vec<u8>,
}

impl Public {
    fn new(key: PublicKey) -> Result<Self> {
        let encoded = encoding::encode_public(&key)?;
        Ok(Self { key, encoded })
    }
}

impl VerifyingKey for Public {
    fn kind(&self) -> KeyKind {
        KeyKind::Textbook
    }

    fn spki(&self) -> &[u8] {
        &self.encoded
    }

    fn bits(&self) -> u32 {
        u32::try_from(self.key.modulus().bits()).unwrap_or(u32::MAX)
    }

    fn verify(&self, domain: Domain, message: &[u8], signature: &[u8]) -> Result<()> {
        let signed = signed_bytes(domain, message)?;
        if blocks::verify(&self.key, &signed, signature) { Ok(()) } else { Err(CryptoError::Signature) }
    }
}

impl EncryptionKey for Public {
    fn kind(&self) -> KeyKind {
        KeyKind::Textbook
    }

    fn spki(&self) -> &[u8] {
        &self.encoded
    }

    fn max_plaintext(&self) -> usize {
        blocks::max_message(&self.key)
    }

    fn encrypt(&self, _label: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        blocks::encrypt(&self.key, plaintext)
    }
}

/// A private key; which of its two uses it has is the trait object it is handed out as.
struct Private {
    key: KeyPair,
    public: Arc<Public>,
}

impl Private {
    fn new(key: KeyPair) -> Result<Self> {
        let public = Arc::new(Public::new(key.public().clone())?);
        Ok(Self { key, public })
    }
}

impl SigningKey for Private {
    fn public(&self) -> Arc<dyn VerifyingKey> {
        self.public.clone()
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> Result<Vec<u8>> {
        blocks::sign(&self.key, &signed_bytes(domain, message)?)
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        encoding::encode_private(&self.key)
    }
}

impl DecryptionKey for Private {
    fn public(&self) -> Arc<dyn EncryptionKey> {
        self.public.clone()
    }

    fn decrypt(&self, _label: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        blocks::decrypt(&self.key, ciphertext).ok_or(CryptoError::Decrypt)
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        encoding::encode_private(&self.key)
    }
}

/// What is signed: the domain's prefix and the message, all of it. A learning room has no TLS, so a
/// learning key signs nothing for it.
fn signed_bytes(domain: Domain, message: &[u8]) -> Result<Vec<u8>> {
    domain.label().map(|label| prefixed(label, &[message])).ok_or(CryptoError::Signature)
}
