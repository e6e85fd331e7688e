//! The key of a store's file.

use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::crypto::{CryptoError, Random};
use crate::protocol::Private;

/// The bytes of the key itself, for AES-256 and what authenticates the pages.
const KEY_BYTES: usize = 32;
/// The bytes that the file begins with, in the clear, which belong to this key alone.
pub(super) const SALT_BYTES: usize = 16;
/// How SQLCipher is told that a key is not a passphrase: `x'`, the digits, `'`.
const SPELLED_BYTES: usize = 2 * FileKey::BYTES + 3;

/// The key of one store: drawn at random, never derived, so that whoever deletes it has deleted what it locks. The app
/// wraps its bytes with the identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileKey(Private<Zeroizing<[u8; FileKey::BYTES]>>);

impl FileKey {
    /// How many bytes it has: 32 of the key, then 16 of the salt.
    pub const BYTES: usize = KEY_BYTES + SALT_BYTES;

    /// A new key.
    ///
    /// # Errors
    /// Those of the source of randomness.
    pub fn new(random: &mut dyn Random) -> Result<Self, CryptoError> {
        Ok(Self(Private::new(random.secret()?)))
    }

    /// The key with these bytes: see [`Self::as_bytes`].
    #[must_use]
    pub const fn from_bytes(bytes: Zeroizing<[u8; Self::BYTES]>) -> Self {
        Self(Private::new(bytes))
    }

    /// Its bytes, which are the secret.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// What the file begins with.
    pub(super) fn salt(&self) -> &[u8] {
        self.as_bytes().split_at_checked(KEY_BYTES).map_or(&[], |(_, salt)| salt)
    }

    /// As SQLCipher takes it: `x'…'` with 96 digits is a raw key and a salt. Anything else would be a passphrase, and be
    /// stretched for a tenth of a second.
    pub(super) fn spelled(&self) -> Zeroizing<[u8; SPELLED_BYTES]> {
        let mut spelled = Zeroizing::new([b'\''; SPELLED_BYTES]);
        if let [x, _, digits @ .., _] = spelled.as_mut() {
            *x = b'x';
            HEXLOWER.encode_mut(self.as_bytes(), digits);
        }
        spelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemRandom;

    #[test]
    fn a_key_comes_back_from_its_bytes_and_shows_nothing() {
        let key = FileKey::new(&mut SystemRandom::new()).unwrap();
        assert_eq!(FileKey::from_bytes(Zeroizing::new(*key.as_bytes())), key);
        assert_ne!(FileKey::new(&mut SystemRandom::new()).unwrap(), key);
        assert_eq!(format!("{key:?}"), "FileKey(…)");
    }

    #[test]
    fn a_key_is_spelled_as_a_raw_one_with_its_salt() {
        let mut bytes = Zeroizing::new([0xab; FileKey::BYTES]);
        bytes[KEY_BYTES..].fill(0x01);
        let key = FileKey::from_bytes(bytes);
        let expected = format!("x'{}{}'", "ab".repeat(KEY_BYTES), "01".repeat(SALT_BYTES));
        assert_eq!(key.spelled().as_slice(), expected.as_bytes());
        assert_eq!(key.salt(), [1; SALT_BYTES]);
    }
}
