//! The trusted suite with ML-KEM-768 (FIPS 203) beside RSA and X25519: what is recorded today is not
//! opened by a quantum computer later. People's long-term keys are those of the secure suite; what
//! is new is short-lived.

use std::sync::Arc;

use super::key_file::Labels;
use super::{CryptoBackend, DecryptionKey, EncryptionKey, OpensslRsa, Result, SigningKey, Suite, VerifyingKey, sealed};

/// The backend of [`Suite::Hybrid`].
#[derive(Clone, Copy, Debug, Default)]
pub struct HybridRsa(OpensslRsa);

impl sealed::Sealed for HybridRsa {}

impl CryptoBackend for HybridRsa {
    fn suite(&self) -> Suite {
        Suite::Hybrid
    }

    fn has_ml_kem(&self) -> bool {
        true
    }

    fn key_bits(&self) -> &'static [u32] {
        self.0.key_bits()
    }

    fn labels(&self) -> Labels {
        self.0.labels()
    }

    fn generate_signing(&self, bits: u32) -> Result<Box<dyn SigningKey>> {
        self.0.generate_signing(bits)
    }

    fn generate_decryption(&self, bits: u32) -> Result<Box<dyn DecryptionKey>> {
        self.0.generate_decryption(bits)
    }

    fn signing_from_pkcs8(&self, der: &[u8]) -> Result<Box<dyn SigningKey>> {
        self.0.signing_from_pkcs8(der)
    }

    fn decryption_from_pkcs8(&self, der: &[u8]) -> Result<Box<dyn DecryptionKey>> {
        self.0.decryption_from_pkcs8(der)
    }

    fn verifying_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn VerifyingKey>> {
        self.0.verifying_from_spki(spki)
    }

    fn encryption_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn EncryptionKey>> {
        self.0.encryption_from_spki(spki)
    }
}
