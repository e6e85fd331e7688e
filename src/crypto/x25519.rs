//! X25519 (RFC 7748) with keys that can be used more than once, which ring's cannot: from OpenSSL.

use openssl::derive::Deriver;
use openssl::pkey::{Id, PKey, Private, Public};
use zeroize::Zeroizing;

use super::{CryptoError, Random, Result};

/// An X25519 public key, 32 bytes.
pub type PublicKey = [u8; 32];

/// An X25519 private key. OpenSSL clears it when it is dropped.
pub struct PrivateKey {
    key: PKey<Private>,
    public: PublicKey,
}

impl PrivateKey {
    /// A new key from `random`.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the source or OpenSSL fails.
    pub fn generate(random: &mut dyn Random) -> Result<Self> {
        let scalar = Zeroizing::new(random.bytes::<32>()?);
        Self::from_scalar(&scalar)
    }

    /// The key of a 32-byte scalar (clamped by X25519 itself).
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if OpenSSL fails.
    pub fn from_scalar(scalar: &Zeroizing<[u8; 32]>) -> Result<Self> {
        let key = PKey::private_key_from_raw_bytes(scalar.as_ref(), Id::X25519).map_err(|_| CryptoError::Backend)?;
        let raw = key.raw_public_key().map_err(|_| CryptoError::Backend)?;
        let public = raw.try_into().map_err(|_| CryptoError::Backend)?;
        Ok(Self { key, public })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The shared secret with `peer`.
    ///
    /// # Errors
    /// [`CryptoError::BadEncoding`] for a low-order point, whose secret would be all zeros.
    pub fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<[u8; 32]>> {
        let peer: PKey<Public> =
            PKey::public_key_from_raw_bytes(peer, Id::X25519).map_err(|_| CryptoError::BadEncoding)?;
        let mut deriver = Deriver::new(&self.key).map_err(|_| CryptoError::Backend)?;
        deriver.set_peer(&peer).map_err(|_| CryptoError::BadEncoding)?;
        let mut secret = Zeroizing::new([0; 32]);
        let length = deriver.derive(secret.as_mut()).map_err(|_| CryptoError::BadEncoding)?;
        if length != 32 || secret.iter().all(|byte| *byte == 0) {
            return Err(CryptoError::BadEncoding);
        }
        Ok(secret)
    }
}
