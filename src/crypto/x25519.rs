//! X25519 (RFC 7748) with keys that can be used more than once, which ring's cannot: from OpenSSL.

use openssl::derive::Deriver;
use openssl::pkey::{Id, PKey, Private, Public};
use subtle::ConstantTimeEq;
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
        Self::from_scalar(&random.secret()?)
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
        if length != 32 || bool::from(secret.as_ref().ct_eq(&[0; 32])) {
            return Err(CryptoError::BadEncoding);
        }
        Ok(secret)
    }
}

/// Whether `public` can be agreed with at all: the shared secret with a low-order point is zero
/// whatever the other key is.
///
/// # Errors
/// [`CryptoError::BadEncoding`] for a low-order point.
pub fn check_public(public: &PublicKey) -> Result<()> {
    PrivateKey::from_scalar(&Zeroizing::new([1; 32]))?.agree(public).map(drop)
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::super::SystemRandom;
    use super::*;

    fn unhex(text: &str) -> [u8; 32] {
        HEXLOWER.decode(text.as_bytes()).unwrap().try_into().unwrap()
    }

    fn key(scalar: &str) -> PrivateKey {
        PrivateKey::from_scalar(&Zeroizing::new(unhex(scalar))).unwrap()
    }

    #[test]
    fn the_example_of_rfc_7748() {
        let alice = key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
        let bob = key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        assert_eq!(*alice.public(), unhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
        assert_eq!(*bob.public(), unhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
        let shared = unhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
        assert_eq!(*alice.agree(bob.public()).unwrap(), shared);
        assert_eq!(*bob.agree(alice.public()).unwrap(), shared);
        assert_eq!(*alice.agree(bob.public()).unwrap(), shared, "a key can be used more than once");
    }

    #[test]
    fn low_order_points_are_refused() {
        let alice = PrivateKey::generate(&mut SystemRandom::new()).unwrap();
        let minus_one = unhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
        let order_eight = unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
        let one = core::array::from_fn(|index| u8::from(index == 0));
        for point in [[0; 32], one, minus_one, order_eight] {
            assert_eq!(alice.agree(&point).err(), Some(CryptoError::BadEncoding));
            assert_eq!(check_public(&point), Err(CryptoError::BadEncoding));
        }
    }

    #[test]
    fn generated_keys_differ_and_agree() {
        let [alice, bob] = [(); 2].map(|()| PrivateKey::generate(&mut SystemRandom::new()).unwrap());
        assert_ne!(alice.public(), bob.public());
        assert_eq!(alice.agree(bob.public()).unwrap(), bob.agree(alice.public()).unwrap());
        assert_eq!(check_public(alice.public()), Ok(()));
    }
}
