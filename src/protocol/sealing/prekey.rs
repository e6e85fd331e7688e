//! Prekeys: a member's short-lived keys, which make what was recorded unreadable once they are
//! erased. X25519 in every secure room; in a hybrid one ML-KEM-768 beside it.

use crate::crypto::ml_kem::{DecapsulationKey, EncapsulationKey};
use crate::crypto::x25519::{self, PrivateKey, PublicKey};
use crate::crypto::{CryptoBackend, CryptoError, Random};
use crate::protocol::payload::PrekeyPayload;

/// One's own prekey. It is cleared when it is dropped.
pub(in crate::protocol) struct PrivatePrekey {
    pub x25519: PrivateKey,
    /// In a hybrid room.
    pub ml_kem: Option<DecapsulationKey>,
}

impl PrivatePrekey {
    /// A new prekey for a room of `backend`.
    pub(in crate::protocol) fn generate(
        backend: &dyn CryptoBackend,
        random: &mut dyn Random,
    ) -> Result<Self, CryptoError> {
        let x25519 = PrivateKey::generate(random)?;
        let ml_kem = backend.has_ml_kem().then(|| DecapsulationKey::generate(random)).transpose()?;
        Ok(Self { x25519, ml_kem })
    }

    pub(in crate::protocol) fn public(&self) -> PublicPrekey {
        let ml_kem = self.ml_kem.as_ref().map(DecapsulationKey::encapsulation_key);
        PublicPrekey { x25519: *self.x25519.public(), ml_kem }
    }
}

/// Another member's prekey.
#[derive(Clone)]
pub(in crate::protocol) struct PublicPrekey {
    pub x25519: PublicKey,
    /// In a hybrid room.
    pub ml_kem: Option<EncapsulationKey>,
}

impl PublicPrekey {
    /// Reads the keys of a prekey whose signature holds, if they can be used in a room of `backend`: not a key that
    /// gives everybody the same secret, nor one key too few or too many.
    pub(in crate::protocol) fn read(backend: &dyn CryptoBackend, payload: &PrekeyPayload) -> Result<Self, CryptoError> {
        let x25519 = payload.public.into_array();
        x25519::check_public(&x25519)?;
        let ml_kem = payload.ml_kem.as_ref().map(|key| EncapsulationKey::from_bytes(key)).transpose()?;
        if ml_kem.is_some() == backend.has_ml_kem() {
            Ok(Self { x25519, ml_kem })
        } else {
            Err(CryptoError::WrongSuite)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Fingerprint, Suite, SystemRandom};
    use crate::protocol::RoomId;
    use crate::protocol::payload::VERSION;
    use crate::wire::ByteArray;

    fn payload(suite: Suite) -> PrekeyPayload {
        let public = PrivatePrekey::generate(&*suite.backend(), &mut SystemRandom::new()).unwrap().public();
        PrekeyPayload {
            sender: Fingerprint::of(b"ann"),
            public: ByteArray::new(public.x25519),
            index: 1,
            ml_kem: public.ml_kem.map(|key| key.to_bytes().into()),
            room: RoomId([0; 32]),
            version: VERSION,
            not_after_ms: 0,
        }
    }

    #[test]
    fn only_keys_of_the_rooms_own_suite_are_taken() {
        for own in [Suite::Classical, Suite::Hybrid] {
            for of in [Suite::Classical, Suite::Hybrid] {
                assert_eq!(PublicPrekey::read(&*own.backend(), &payload(of)).is_ok(), own == of, "{own:?} {of:?}");
            }
        }
    }

    #[test]
    fn keys_that_cannot_be_used_are_refused() {
        let read = |payload: &PrekeyPayload| PublicPrekey::read(&*Suite::Hybrid.backend(), payload).err();
        let low_order = [[0; 32], core::array::from_fn(|index| u8::from(index == 0))];
        for point in low_order {
            let payload = PrekeyPayload { public: ByteArray::new(point), ..payload(Suite::Hybrid) };
            assert_eq!(read(&payload), Some(CryptoError::BadEncoding));
        }
        for bytes in [vec![], vec![0; 1_183], vec![0xff; 1_184]] {
            let payload = PrekeyPayload { ml_kem: Some(bytes.into()), ..payload(Suite::Hybrid) };
            assert_eq!(read(&payload), Some(CryptoError::BadEncoding));
        }
    }
}
