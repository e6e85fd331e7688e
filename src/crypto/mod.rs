//! Bytes and mathematics: the interchangeable backends, and the fixed algorithms that every room shares.
//!
//! A [`CryptoBackend`] makes and reads RSA keys; the keys carry their own operations, so a key of
//! one suite cannot be used by another, and a signing key cannot decrypt. Which backend a room
//! uses is part of the room's identity (its genesis), chosen once and never negotiated.
//!
//! This layer opens no file and no socket, and knows no frame.

#[cfg(test)]
#[path = "../../tests/simulation/cheap.rs"]
pub(crate) mod cheap;
pub mod cost;
mod fingerprint;
mod hybrid;
pub mod key_file;
pub mod ml_kem;
mod openssl;
pub mod primitives;
mod random;
pub mod textbook;
pub mod x25519;

use std::sync::Arc;

use zeroize::Zeroizing;

pub use self::fingerprint::Fingerprint;
pub use self::hybrid::HybridRsa;
pub use self::openssl::OpensslRsa;
pub use self::random::{Random, SystemRandom};
pub use self::textbook::TextbookRsa;

/// Which crypto backend a room or an identity uses. It is signed into the room's genesis.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Suite {
    /// OpenSSL: RSA-OAEP and RSA-PSS (RFC 8017) with X25519, meant to be trusted.
    Classical,
    /// The same with ML-KEM-768 (FIPS 203) in each wrap: what is recorded today stays closed to the
    /// quantum computers of later.
    Hybrid,
    /// Textbook RSA by hand, for learning: anyone on the network can read it.
    Textbook,
}

impl Suite {
    /// Every suite there is: what contract tests loop over.
    pub const ALL: [Self; 3] = [Self::Classical, Self::Hybrid, Self::Textbook];

    /// The backend of this suite. The only place that matches a suite to its backend.
    #[must_use]
    pub fn backend(self) -> Arc<dyn CryptoBackend> {
        #[cfg(test)]
        if let Some(cheap) = cheap::in_place_of(self) {
            return cheap;
        }
        match self {
            Self::Classical => Arc::new(OpensslRsa),
            Self::Hybrid => Arc::new(HybridRsa::default()),
            Self::Textbook => Arc::new(TextbookRsa),
        }
    }

    /// The number that stands for this suite in a genesis and a bundle.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Textbook => 0,
            Self::Classical => 1,
            Self::Hybrid => 2,
        }
    }

    /// Whether it protects nothing: textbook RSA, for learning.
    #[must_use]
    pub const fn is_learning(self) -> bool {
        matches!(self, Self::Textbook)
    }

    /// Whether its rooms have prekeys and sender keys; without, each message is encrypted to each member by itself.
    #[must_use]
    pub const fn has_sender_keys(self) -> bool {
        !self.is_learning()
    }

    /// The kind of the long-term keys that people have in its rooms. Both suites that protect share one: what a
    /// signature or a wrap is for is bound to the room, and so to the suite.
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Classical | Self::Hybrid => KeyKind::Rsa,
            Self::Textbook => KeyKind::Textbook,
        }
    }

    /// The suite of a number from the wire, if this version knows it.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.code() == code)
    }
}

/// The kind of a person's long-term keys. A person has one identity of each kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum KeyKind {
    /// RSA as OpenSSL does it, for rooms of every suite that protects.
    Rsa,
    /// Textbook RSA, for learning rooms.
    Textbook,
}

impl KeyKind {
    /// Every kind there is.
    pub const ALL: [Self; 2] = [Self::Rsa, Self::Textbook];

    /// The suite whose backend makes and reads such keys.
    const fn suite(self) -> Suite {
        match self {
            Self::Rsa => Suite::Classical,
            Self::Textbook => Suite::Textbook,
        }
    }

    /// The backend that makes and reads such keys.
    #[must_use]
    pub fn backend(self) -> Arc<dyn CryptoBackend> {
        self.suite().backend()
    }

    /// The number that stands for this kind in a bundle.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.suite().code()
    }

    /// Whether it protects nothing: textbook RSA, for learning.
    #[must_use]
    pub const fn is_learning(self) -> bool {
        matches!(self, Self::Textbook)
    }
}

/// What a signature is for. Each purpose has its own prefix, so no signature of one kind is valid
/// as another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Domain {
    /// The host's `CertificateVerify` of TLS 1.3 (RFC 8446, 4.4.3).
    TlsHost,
    /// The client's `CertificateVerify` of TLS 1.3 (RFC 8446, 4.4.3).
    TlsClient,
    /// A person's bundle of public keys.
    Bundle,
    /// The first record of a room.
    Genesis,
    /// A change of a room's members.
    Roster,
    /// A short-lived X25519 key.
    Prekey,
    /// The announcement of a sender's chain.
    SenderKey,
    /// A message of a learning room.
    Learning,
    /// The join request of somebody without an invite.
    Knock,
}

impl Domain {
    /// The label that goes into the prefix, or `None` where TLS brings its own.
    #[must_use]
    pub const fn label(self) -> Option<&'static str> {
        match self {
            Self::TlsHost | Self::TlsClient => None,
            Self::Bundle => Some("bundle"),
            Self::Genesis => Some("genesis"),
            Self::Roster => Some("roster"),
            Self::Prekey => Some("prekey"),
            Self::SenderKey => Some("sk"),
            Self::Learning => Some("learning"),
            Self::Knock => Some("knock"),
        }
    }
}

/// Why a cryptographic operation failed. Deliberately without detail: detail makes oracles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CryptoError {
    /// The key belongs to another suite.
    #[error("the key belongs to another crypto suite")]
    WrongSuite,
    /// The key's size or exponent is not one this suite accepts.
    #[error("the RSA key's size or exponent is not accepted by this suite")]
    KeyPolicy,
    /// The key's encoding is damaged or not canonical.
    #[error("the key is damaged or oddly encoded")]
    BadEncoding,
    /// The plaintext is longer than the key can take.
    #[error("the plaintext is too long for this key")]
    TooLong,
    /// The ciphertext did not decrypt.
    #[error("decryption failed")]
    Decrypt,
    /// The signature is not valid.
    #[error("the signature is not valid")]
    Signature,
    /// The backend or the random generator failed.
    #[error("the crypto backend failed")]
    Backend,
}

/// The result of a cryptographic operation.
pub type Result<T> = std::result::Result<T, CryptoError>;

/// A public key that checks signatures.
pub trait VerifyingKey: Send + Sync {
    /// What kind of key it is.
    fn kind(&self) -> KeyKind;
    /// The canonical encoding: `SubjectPublicKeyInfo` DER (RFC 5280) for the secure suite.
    fn spki(&self) -> &[u8];
    /// The size of its modulus in bits, for people.
    fn bits(&self) -> u32;
    /// Checks `signature` over `message` for `domain`.
    ///
    /// # Errors
    /// [`CryptoError::Signature`] if it does not hold.
    fn verify(&self, domain: Domain, message: &[u8], signature: &[u8]) -> Result<()>;
}

/// A private key that signs.
pub trait SigningKey: Send + Sync {
    /// The public half.
    fn public(&self) -> Arc<dyn VerifyingKey>;
    /// Signs `message` for `domain`.
    ///
    /// # Errors
    /// [`CryptoError::Signature`] if a TLS domain is asked for something that is not a TLS 1.3
    /// `CertificateVerify`; [`CryptoError::Backend`] if the backend fails.
    fn sign(&self, domain: Domain, message: &[u8]) -> Result<Vec<u8>>;
    /// The private key's plain encoding: PKCS#8 DER (RFC 5958) for the secure suite.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the backend fails.
    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>>;
}

/// A public key that encrypts.
pub trait EncryptionKey: Send + Sync {
    /// What kind of key it is.
    fn kind(&self) -> KeyKind;
    /// The canonical encoding, as [`VerifyingKey::spki`].
    fn spki(&self) -> &[u8];
    /// The longest plaintext in bytes.
    fn max_plaintext(&self) -> usize;
    /// Encrypts `plaintext`, bound to `label` where the suite can bind.
    ///
    /// # Errors
    /// [`CryptoError::TooLong`] above [`Self::max_plaintext`].
    fn encrypt(&self, label: &[u8], plaintext: &[u8]) -> Result<Vec<u8>>;
}

/// A private key that decrypts.
pub trait DecryptionKey: Send + Sync {
    /// The public half.
    fn public(&self) -> Arc<dyn EncryptionKey>;
    /// Opens what [`EncryptionKey::encrypt`] made with the same `label`.
    ///
    /// # Errors
    /// [`CryptoError::Decrypt`], whatever was wrong.
    fn decrypt(&self, label: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>>;
    /// The private key's plain encoding, as [`SigningKey::to_pkcs8`].
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the backend fails.
    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>>;
}

mod sealed {
    /// Keeps [`super::CryptoBackend`] to the backends of this crate: which suites exist is part of
    /// the protocol.
    pub trait Sealed {}
}

/// A crypto suite's RSA: makes keys and reads them.
pub trait CryptoBackend: sealed::Sealed + std::fmt::Debug + Send + Sync {
    /// The suite this backend is for. Its keys are of [`Suite::key_kind`].
    fn suite(&self) -> Suite;
    /// Whether prekeys and wraps carry [`ml_kem`] beside X25519 and RSA.
    fn has_ml_kem(&self) -> bool {
        false
    }
    /// The RSA key sizes in bits it offers to a person, the default first.
    fn key_bits(&self) -> &'static [u32];
    /// The headers of its key files.
    fn labels(&self) -> key_file::Labels;
    /// Makes a signing key of `bits` bits. Slow: seconds for large keys.
    ///
    /// # Errors
    /// [`CryptoError::KeyPolicy`] for a size the suite does not allow.
    fn generate_signing(&self, bits: u32) -> Result<Box<dyn SigningKey>>;
    /// Makes a decryption key of `bits` bits. Slow: seconds for large keys.
    ///
    /// # Errors
    /// [`CryptoError::KeyPolicy`] for a size the suite does not allow.
    fn generate_decryption(&self, bits: u32) -> Result<Box<dyn DecryptionKey>>;
    /// Reads [`SigningKey::to_pkcs8`].
    ///
    /// # Errors
    /// [`CryptoError::BadEncoding`] or [`CryptoError::KeyPolicy`].
    fn signing_from_pkcs8(&self, der: &[u8]) -> Result<Box<dyn SigningKey>>;
    /// Reads [`DecryptionKey::to_pkcs8`].
    ///
    /// # Errors
    /// [`CryptoError::BadEncoding`] or [`CryptoError::KeyPolicy`].
    fn decryption_from_pkcs8(&self, der: &[u8]) -> Result<Box<dyn DecryptionKey>>;
    /// Reads [`VerifyingKey::spki`].
    ///
    /// # Errors
    /// [`CryptoError::BadEncoding`] or [`CryptoError::KeyPolicy`].
    fn verifying_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn VerifyingKey>>;
    /// Reads [`EncryptionKey::spki`].
    ///
    /// # Errors
    /// [`CryptoError::BadEncoding`] or [`CryptoError::KeyPolicy`].
    fn encryption_from_spki(&self, spki: &[u8]) -> Result<Arc<dyn EncryptionKey>>;
}
