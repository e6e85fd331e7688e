//! The trusted suite: RSA-OAEP and RSA-PSS (RFC 8017) from OpenSSL, with the exact parameters of the
//! protocol. Which keys are good enough is decided in [`policy`], what is calculated with them in
//! [`arithmetic`]; here the two meet.

mod arithmetic;
mod policy;
#[cfg(test)]
mod wycheproof_tests;

use std::sync::Arc;

use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::Rsa;
use zeroize::Zeroizing;

use super::key_file::Labels;
use super::primitives::prefixed;
use super::{
    CryptoBackend, CryptoError, DecryptionKey, Domain, EncryptionKey, KeyKind, Result, SigningKey, Suite, VerifyingKey,
    sealed,
};

/// The one plaintext length: RSA carries a 32-byte secret and nothing else.
const SECRET_BYTES: usize = 32;

/// What TLS 1.3 has a host sign, up to the transcript's hash (RFC 8446, 4.4.3).
const TLS_HOST_PREFIX: &[u8] =
    b"                                                                TLS 1.3, server CertificateVerify\0";

/// What TLS 1.3 has a client sign, up to the transcript's hash (RFC 8446, 4.4.3).
const TLS_CLIENT_PREFIX: &[u8] =
    b"                                                                TLS 1.3, client CertificateVerify\0";

/// The backend of [`Suite::Classical`].
#[derive(Clone, Copy, Debug, Default)]
pub struct OpensslRsa;

impl sealed::Sealed for OpensslRsa {}

impl CryptoBackend for OpensslRsa {
    fn suite(&self) -> Suite {
        Suite::Classical
    }

    fn key_bits(&self) -> &'static [u32] {
        &policy::KEY_BITS
    }

    fn labels(&self) -> Labels {
        Labels {
            suite: "secure",
            private: "PRIVATE KEY",
            encrypted: Some("ENCRYPTED PRIVATE KEY"),
            public: "PUBLIC KEY",
        }
    }

    fn generate_signing(&self, bits: u32) -> Result<Box<dyn SigningKey>> {
        Ok(Box::new(Own::new(generate(bits)?)?))
    }

    fn generate_decryption(&self, bits: u32) -> Result<Box<dyn DecryptionKey>> {
        Ok(Box::new(Own::new(generate(bits)?)?))
    }

    fn signing_from_pkcs8(&self, der: &[u8]) -> Result<Box<dyn SigningKey>> {
        Ok(Box::new(Own::new(policy::private_key(der)?)?))
    }

    fn decryption_from_pkcs8(&self, der: &[u8]) -> Result<Box<dyn DecryptionKey>> {
        Ok(Box::new(Own::new(policy::private_key(der)?)?))
    }

    fn verifying_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn VerifyingKey>> {
        Ok(Arc::new(Theirs { key: policy::public_key(spki)?, spki: spki.to_vec() }))
    }

    fn encryption_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn EncryptionKey>> {
        Ok(Arc::new(Theirs { key: policy::public_key(spki)?, spki: spki.to_vec() }))
    }
}

fn generate(bits: u32) -> Result<PKey<Private>> {
    if !policy::KEY_BITS.contains(&bits) {
        return Err(CryptoError::KeyPolicy);
    }
    // The crate's `generate` takes e = 65537.
    Rsa::generate(bits).and_then(PKey::from_rsa).map_err(|_| CryptoError::Backend)
}

/// A public key with its canonical encoding. Its use is the trait object it is handed out as.
struct Theirs {
    key: PKey<Public>,
    spki: Vec<u8>,
}

impl VerifyingKey for Theirs {
    fn kind(&self) -> KeyKind {
        KeyKind::Rsa
    }

    fn spki(&self) -> &[u8] {
        &self.spki
    }

    fn bits(&self) -> u32 {
        self.key.bits()
    }

    fn verify(&self, domain: Domain, message: &[u8], signature: &[u8]) -> Result<()> {
        arithmetic::pss_verify(&self.key, &signed_bytes(domain, message)?, signature)
    }
}

impl EncryptionKey for Theirs {
    fn kind(&self) -> KeyKind {
        KeyKind::Rsa
    }

    fn spki(&self) -> &[u8] {
        &self.spki
    }

    fn max_plaintext(&self) -> usize {
        SECRET_BYTES
    }

    fn encrypt(&self, label: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        // A shorter text has no place in the protocol either, so it is a mistake of the caller.
        match plaintext.len() {
            SECRET_BYTES => arithmetic::oaep_encrypt(&self.key, label, plaintext),
            0..SECRET_BYTES => Err(CryptoError::BadEncoding),
            _ => Err(CryptoError::TooLong),
        }
    }
}

/// A private key. Its use is the trait object it is handed out as. OpenSSL clears its numbers when
/// it is dropped, blinds its operations, and allows several threads to use one key.
struct Own {
    key: PKey<Private>,
    public: Arc<Theirs>,
}

impl Own {
    fn new(key: PKey<Private>) -> Result<Self> {
        let spki = key.public_key_to_der().map_err(|_| CryptoError::Backend)?;
        let public = Arc::new(Theirs { key: policy::public_key(&spki)?, spki });
        Ok(Self { key, public })
    }

    fn pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.key.private_key_to_pkcs8().map(Zeroizing::new).map_err(|_| CryptoError::Backend)
    }
}

impl SigningKey for Own {
    fn public(&self) -> Arc<dyn VerifyingKey> {
        self.public.clone()
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> Result<Vec<u8>> {
        arithmetic::pss_sign(&self.key, &signed_bytes(domain, message)?)
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.pkcs8()
    }
}

impl DecryptionKey for Own {
    fn public(&self) -> Arc<dyn EncryptionKey> {
        self.public.clone()
    }

    fn decrypt(&self, label: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let plaintext = arithmetic::oaep_decrypt(&self.key, label, ciphertext)?;
        if plaintext.len() == SECRET_BYTES { Ok(plaintext) } else { Err(CryptoError::Decrypt) }
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.pkcs8()
    }
}

/// What goes into the signature. TLS brings its own prefix and is held to it, so that nothing that
/// is signed for TLS can be anything else; all other domains get ours.
fn signed_bytes(domain: Domain, message: &[u8]) -> Result<Vec<u8>> {
    let prefix = match domain {
        Domain::TlsHost => TLS_HOST_PREFIX,
        Domain::TlsClient => TLS_CLIENT_PREFIX,
        _ => return domain.label().map(|label| prefixed(label, &[message])).ok_or(CryptoError::Signature),
    };
    if message.starts_with(prefix) { Ok(message.to_vec()) } else { Err(CryptoError::Signature) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixes_of_tls_are_those_of_rfc_8446() {
        let spaces = [b' '; 64];
        assert_eq!(TLS_HOST_PREFIX, [&spaces[..], b"TLS 1.3, server CertificateVerify", &[0]].concat());
        assert_eq!(TLS_CLIENT_PREFIX, [&spaces[..], b"TLS 1.3, client CertificateVerify", &[0]].concat());
    }

    #[test]
    fn tls_signatures_are_only_for_tls() {
        for (domain, own, other) in [
            (Domain::TlsHost, TLS_HOST_PREFIX, TLS_CLIENT_PREFIX),
            (Domain::TlsClient, TLS_CLIENT_PREFIX, TLS_HOST_PREFIX),
        ] {
            let message = [own, &[7; 32]].concat();
            assert_eq!(signed_bytes(domain, &message), Ok(message.clone()), "unchanged");
            assert_eq!(signed_bytes(domain, &[other, &[7; 32]].concat()), Err(CryptoError::Signature));
            assert_eq!(signed_bytes(domain, &message[1..]), Err(CryptoError::Signature));
            assert_eq!(signed_bytes(domain, b""), Err(CryptoError::Signature));
        }
    }
}
