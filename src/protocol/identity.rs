//! Who people are: one's own long-term keys, and other people's bundles of public ones.

use std::sync::Arc;

use super::Now;
use super::limits::{BUNDLE_LIFE_MS, CLOCK_SKEW_MS};
use super::payload::{BundlePayload, Fault, VERSION, sign, verify};
use crate::crypto::{
    CryptoBackend, CryptoError, DecryptionKey, Domain, EncryptionKey, Fingerprint, KeyKind, SigningKey, VerifyingKey,
};
use crate::wire::{Signed, decode, encode};

/// One's own long-term keys. The signing key is the identity; it certifies the decryption key.
pub struct Identity {
    signing: Arc<dyn SigningKey>,
    decryption: Arc<dyn DecryptionKey>,
    fingerprint: Fingerprint,
    kind: KeyKind,
    bundle: Signed,
}

impl Identity {
    /// Puts two keys of one kind together and signs their bundle: one private RSA operation.
    ///
    /// # Errors
    /// [`CryptoError::WrongSuite`] for keys of two suites, or what signing gives.
    pub fn new(
        signing: Box<dyn SigningKey>,
        decryption: Box<dyn DecryptionKey>,
        now: Now,
    ) -> Result<Self, CryptoError> {
        let (verifying, encryption) = (signing.public(), decryption.public());
        let bundle = certify(signing.as_ref(), encryption.as_ref(), now)?;
        let kind = verifying.kind();
        let fingerprint = Fingerprint::of(verifying.spki());
        Ok(Self { signing: signing.into(), decryption: decryption.into(), fingerprint, kind, bundle })
    }

    /// The kind of its keys.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The fingerprint of its signing key.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The key that signs, for links too.
    #[must_use]
    pub const fn signing(&self) -> &Arc<dyn SigningKey> {
        &self.signing
    }

    /// The key that opens what others send.
    #[must_use]
    pub const fn decryption(&self) -> &Arc<dyn DecryptionKey> {
        &self.decryption
    }

    /// The signed bundle.
    pub(super) const fn bundle(&self) -> &Signed {
        &self.bundle
    }

    /// The signed bundle, renewed if the clock was set and it no longer fits the date: one private RSA operation.
    pub(super) fn bundle_at(&self, now: Now) -> Result<Signed, CryptoError> {
        let dates = decode::<BundlePayload>(&self.bundle.payload);
        if dates.is_ok_and(|dates| (dates.created_ms..=dates.not_after_ms).contains(&now.unix_ms)) {
            return Ok(self.bundle.clone());
        }
        certify(self.signing.as_ref(), self.decryption.public().as_ref(), now)
    }
}

/// The signing key certifies the encryption key: a signed bundle.
fn certify(signing: &dyn SigningKey, encryption: &dyn EncryptionKey, now: Now) -> Result<Signed, CryptoError> {
    let verifying = signing.public();
    let kind = verifying.kind();
    if encryption.kind() != kind {
        return Err(CryptoError::WrongSuite);
    }
    let payload = BundlePayload {
        created_ms: now.unix_ms,
        encryption_spki: encryption.spki().to_vec().into(),
        signing_spki: verifying.spki().to_vec().into(),
        suite: kind.code(),
        version: VERSION,
        not_after_ms: now.unix_ms.saturating_add(BUNDLE_LIFE_MS),
    };
    sign(signing, Domain::Bundle, &payload)
}

/// A signed bundle as bytes: stored beside two private keys, it proves that they belong together.
///
/// # Errors
/// As [`Identity::new`].
pub fn certificate(signing: &dyn SigningKey, encryption: &dyn EncryptionKey, now: Now) -> Result<Vec<u8>, CryptoError> {
    certify(signing, encryption, now).map(|bundle| encode(&bundle))
}

/// Whether a [`certificate`] belongs to these two keys, whenever it was made.
#[must_use]
pub fn certifies(certificate: &[u8], signing: &dyn SigningKey, encryption: &dyn EncryptionKey) -> bool {
    let verifying = signing.public();
    let bundle = decode::<Signed>(certificate).map_err(Fault::from);
    let bundle = bundle.and_then(|signed| Bundle::read(&*verifying.kind().backend(), &signed));
    bundle.is_ok_and(|bundle| {
        bundle.verifying.spki() == verifying.spki() && bundle.encryption.spki() == encryption.spki()
    })
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

/// A person's public keys, checked.
#[derive(Clone)]
pub(super) struct Bundle {
    pub fingerprint: Fingerprint,
    pub verifying: Arc<dyn VerifyingKey>,
    pub encryption: Arc<dyn EncryptionKey>,
    not_after_ms: u64,
    created_ms: u64,
}

impl Bundle {
    /// Reads and checks a signed bundle with keys of the backend's kind.
    pub(super) fn read(backend: &dyn CryptoBackend, signed: &Signed) -> Result<Self, Fault> {
        let unchecked: BundlePayload = decode(&signed.payload)?;
        if unchecked.version != VERSION || unchecked.suite != backend.suite().key_kind().code() {
            return Err(Fault::Version);
        }
        let verifying = backend.verifying_from_spki(&unchecked.signing_spki)?;
        let payload: BundlePayload = verify(verifying.as_ref(), Domain::Bundle, signed)?;
        if payload.encryption_spki == payload.signing_spki {
            // Two keys for each person, never one for both: no cross-protocol use.
            return Err(CryptoError::KeyPolicy.into());
        }
        let encryption = backend.encryption_from_spki(&payload.encryption_spki)?;
        Ok(Self {
            fingerprint: Fingerprint::of(verifying.spki()),
            verifying,
            encryption,
            not_after_ms: payload.not_after_ms,
            created_ms: payload.created_ms,
        })
    }

    /// Whether it is valid now. Peers' clocks may differ.
    pub(super) fn is_current(&self, now: Now) -> bool {
        self.created_ms <= now.unix_ms.saturating_add(CLOCK_SKEW_MS) && now.unix_ms <= self.not_after_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::OpensslRsa;

    const DAY_MS: u64 = 24 * 3_600_000;
    const NOW: Now = Now::at(0, 20_000 * DAY_MS);

    fn keys() -> (Box<dyn SigningKey>, Box<dyn DecryptionKey>) {
        let backend = KeyKind::Textbook.backend();
        (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap())
    }

    /// A bundle's content, changed and signed again.
    fn changed(change: impl FnOnce(&mut BundlePayload)) -> Result<Bundle, Fault> {
        let (signing, decryption) = keys();
        let identity = Identity::new(signing, decryption, NOW).unwrap();
        let mut payload: BundlePayload = decode(&identity.bundle().payload).unwrap();
        change(&mut payload);
        let signed = sign(identity.signing().as_ref(), Domain::Bundle, &payload).unwrap();
        Bundle::read(&*KeyKind::Textbook.backend(), &signed)
    }

    #[test]
    fn an_identity_has_two_keys_of_one_suite() {
        let secure = include_str!("../../tests/data/keys/ann.enc.pem");
        let der = crate::crypto::key_file::from_pem(secure, KeyKind::Rsa, None).unwrap();
        let decryption = OpensslRsa.decryption_from_pkcs8(&der).unwrap();
        assert_eq!(Identity::new(keys().0, decryption, NOW).err(), Some(CryptoError::WrongSuite));
    }

    #[test]
    fn a_bundle_holds_only_as_it_was_meant() {
        assert!(changed(|_| ()).is_ok());
        let refused = |change: fn(&mut BundlePayload)| changed(change).err();
        assert_eq!(refused(|payload| payload.version = 2), Some(Fault::Version));
        assert_eq!(refused(|payload| payload.suite = KeyKind::Rsa.code()), Some(Fault::Version));
        let one_for_both = refused(|payload| payload.encryption_spki = payload.signing_spki.clone());
        assert_eq!(one_for_both, Some(CryptoError::KeyPolicy.into()));
        let of_another = refused(|payload| payload.signing_spki = keys().0.public().spki().to_vec().into());
        assert_eq!(of_another, Some(CryptoError::Signature.into()));
    }

    #[test]
    fn a_bundle_is_used_in_its_time_as_clocks_differ() {
        let bundle = changed(|_| ()).unwrap();
        let at = |unix_ms: u64| bundle.is_current(Now::at(0, unix_ms));
        let (made, end) = (NOW.unix_ms, NOW.unix_ms + BUNDLE_LIFE_MS);
        assert!(at(made) && at(made - CLOCK_SKEW_MS) && at(end));
        assert!(!at(made - CLOCK_SKEW_MS - 1) && !at(end + 1));
    }
}
