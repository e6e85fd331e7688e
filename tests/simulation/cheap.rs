//! A stand-in for the secure backends in this crate's own unit tests: keys that cost nothing, so that
//! a simulation affords thousands of rooms. It is compiled for unit tests only, so no program can
//! have it, and serves only threads that ask for it.
//!
//! A key's secret half is found by its public half in a book that only this file reads: what a real
//! algorithm would find by mathematics. Whoever does not hold the secret can neither sign nor open.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::key_file::Labels;
use super::primitives::{hmac_sha256, hmac_sha256_verify, sha256};
use super::{
    CryptoBackend, CryptoError, DecryptionKey, Domain, EncryptionKey, KeyKind, Result, SigningKey, Suite, VerifyingKey,
    sealed,
};

/// The keys of one room, and the number that they come from.
struct Book {
    seed: u64,
    secrets: BTreeMap<[u8; 32], [u8; 32]>,
}

thread_local! {
    static BOOK: RefCell<Option<Book>> = const { RefCell::new(None) };
}

/// Until the guard goes, all secure suites of this thread have cheap keys, the same for the same seed.
pub(crate) fn switch_on(seed: u64) -> impl Drop {
    BOOK.set(Some(Book { seed, secrets: BTreeMap::new() }));
    SwitchedOn
}

struct SwitchedOn;

impl Drop for SwitchedOn {
    fn drop(&mut self) {
        BOOK.set(None);
    }
}

/// The backend that serves instead of a secure suite's own, if this thread asked for it.
pub(super) fn in_place_of(suite: Suite) -> Option<Arc<dyn CryptoBackend>> {
    let is_on = BOOK.with_borrow(Option::is_some) && !suite.is_learning();
    is_on.then(|| Arc::new(Cheap { suite }) as Arc<dyn CryptoBackend>)
}

#[derive(Debug)]
struct Cheap {
    suite: Suite,
}

/// A key of either kind. Of somebody else's, only the public half is used but by verifying and by
/// encrypting.
#[derive(Clone)]
struct Key {
    secret: [u8; 32],
    public: [u8; 32],
}

impl Key {
    fn new() -> Result<Self> {
        BOOK.with_borrow_mut(|book| {
            let book = book.as_mut().ok_or(CryptoError::Backend)?;
            let number = book.secrets.len() as u64;
            let secret = sha256(&[book.seed.to_be_bytes(), number.to_be_bytes()].concat());
            let public = sha256(&secret);
            book.secrets.insert(public, secret);
            Ok(Self { secret, public })
        })
    }

    fn read(public: &[u8]) -> Result<Self> {
        let public: [u8; 32] = public.try_into().map_err(|_| CryptoError::BadEncoding)?;
        let secret = BOOK.with_borrow(|book| book.as_ref().and_then(|book| book.secrets.get(&public).copied()));
        Ok(Self { secret: secret.ok_or(CryptoError::BadEncoding)?, public })
    }

    fn signature(&self, domain: Domain, message: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.secret, &[format!("{domain:?}").as_bytes(), message].concat())
    }

    /// What hides 32 bytes under a label, which is never used twice.
    fn pad(&self, label: &[u8]) -> [u8; 32] {
        hmac_sha256(&self.secret, label)
    }
}

impl sealed::Sealed for Cheap {}

impl CryptoBackend for Cheap {
    fn suite(&self) -> Suite {
        self.suite
    }

    fn has_ml_kem(&self) -> bool {
        self.suite == Suite::Hybrid
    }

    fn key_bits(&self) -> &'static [u32] {
        &[256]
    }

    fn labels(&self) -> Labels {
        super::OpensslRsa.labels()
    }

    fn generate_signing(&self, _: u32) -> Result<Box<dyn SigningKey>> {
        Ok(Box::new(Key::new()?))
    }

    fn generate_decryption(&self, _: u32) -> Result<Box<dyn DecryptionKey>> {
        Ok(Box::new(Key::new()?))
    }

    fn signing_from_pkcs8(&self, _: &[u8]) -> Result<Box<dyn SigningKey>> {
        Err(CryptoError::BadEncoding)
    }

    fn decryption_from_pkcs8(&self, _: &[u8]) -> Result<Box<dyn DecryptionKey>> {
        Err(CryptoError::BadEncoding)
    }

    fn verifying_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn VerifyingKey>> {
        Ok(Arc::new(Key::read(spki)?))
    }

    fn encryption_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn EncryptionKey>> {
        Ok(Arc::new(Key::read(spki)?))
    }
}

impl VerifyingKey for Key {
    fn kind(&self) -> KeyKind {
        KeyKind::Rsa
    }

    fn spki(&self) -> &[u8] {
        &self.public
    }

    fn bits(&self) -> u32 {
        256
    }

    fn verify(&self, domain: Domain, message: &[u8], signature: &[u8]) -> Result<()> {
        if self.signature(domain, message) == *signature { Ok(()) } else { Err(CryptoError::Signature) }
    }
}

impl SigningKey for Key {
    fn public(&self) -> Arc<dyn VerifyingKey> {
        Arc::new(self.clone())
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> Result<Vec<u8>> {
        Ok(self.signature(domain, message).to_vec())
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        Err(CryptoError::Backend)
    }
}

impl EncryptionKey for Key {
    fn kind(&self) -> KeyKind {
        KeyKind::Rsa
    }

    fn spki(&self) -> &[u8] {
        &self.public
    }

    fn max_plaintext(&self) -> usize {
        32
    }

    fn encrypt(&self, label: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        if plaintext.len() > self.max_plaintext() {
            return Err(CryptoError::TooLong);
        }
        let hidden = plaintext.iter().zip(self.pad(label)).map(|(byte, pad)| byte ^ pad);
        Ok(hidden.chain(hmac_sha256(&self.pad(label), plaintext)).collect())
    }
}

impl DecryptionKey for Key {
    fn public(&self) -> Arc<dyn EncryptionKey> {
        Arc::new(self.clone())
    }

    fn decrypt(&self, label: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (hidden, tag) = ciphertext.split_at_checked(32).ok_or(CryptoError::Decrypt)?;
        let plaintext: Vec<u8> = hidden.iter().zip(self.pad(label)).map(|(byte, pad)| byte ^ pad).collect();
        let holds = hmac_sha256_verify(&self.pad(label), &plaintext, tag);
        if holds { Ok(Zeroizing::new(plaintext)) } else { Err(CryptoError::Decrypt) }
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>> {
        Err(CryptoError::Backend)
    }
}

#[test]
fn whoever_lacks_the_key_neither_opens_nor_signs() {
    let _cheap = switch_on(1);
    let backend = Suite::Classical.backend();
    let (ann, eve) = (backend.generate_decryption(256).unwrap(), backend.generate_decryption(256).unwrap());
    let sealed = ann.public().encrypt(b"for ann", &[7; 32]).unwrap();
    assert_eq!(ann.decrypt(b"for ann", &sealed).unwrap().as_slice(), [7; 32]);
    assert_eq!(eve.decrypt(b"for ann", &sealed), Err(CryptoError::Decrypt));
    assert_eq!(ann.decrypt(b"for bo", &sealed), Err(CryptoError::Decrypt));
    let (ann, eve) = (backend.generate_signing(256).unwrap(), backend.generate_signing(256).unwrap());
    let signature = ann.sign(Domain::Roster, b"bo is in").unwrap();
    assert_eq!(ann.public().verify(Domain::Roster, b"bo is in", &signature), Ok(()));
    assert_eq!(eve.public().verify(Domain::Roster, b"bo is in", &signature), Err(CryptoError::Signature));
    assert_eq!(ann.public().verify(Domain::Prekey, b"bo is in", &signature), Err(CryptoError::Signature));
}

#[test]
fn cheap_keys_serve_only_the_thread_that_asked_and_only_as_long() {
    let key_bits = || Suite::Classical.backend().key_bits();
    let cheap = switch_on(1);
    assert_eq!(key_bits(), [256]);
    assert!(std::thread::spawn(move || key_bits().iter().all(|bits| *bits >= 3_072)).join().unwrap());
    drop(cheap);
    assert!(key_bits().iter().all(|bits| *bits >= 3_072));
    assert!(Key::new().is_err());
}
