//! Key files as text: PEM (RFC 7468) around a private or a public key. From bytes to text and back; the keystore
//! decides where the text is kept.
//!
//! A secure private key is PKCS#8, which OpenSSL reads too: `openssl pkey -in sign.pem`. With a
//! passphrase it is encrypted by PBES2 (RFC 8018) with scrypt (RFC 7914) and AES-256-CBC. Its
//! numbers are as strong as OpenSSL will still read: it refuses N above 2^14 for their memory.
//!
//! A learning key has its own headers, so nothing mistakes it for a real key. It takes **no passphrase**: it protects
//! nothing, and a file that looks locked would suggest otherwise.

use openssl::hash::MessageDigest;
use openssl::pkcs5;
use openssl::symm::{self, Cipher};
use pkcs8::der::{Decode, Encode, asn1::OctetString, pem};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{EncryptionScheme as CipherScheme, Kdf, Parameters, Pbkdf2Prf, Salt, ScryptParams};
use pkcs8::{EncryptedPrivateKeyInfoOwned, LineEnding, PrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::{CryptoError, KeyKind, Random, SystemRandom};

/// scrypt's N: 16 MiB of memory a guess. OpenSSL reads no more (its limit is 32 MiB, and 2^15 with
/// r = 8 is just above).
const SCRYPT_N: u64 = 1 << 14;

/// scrypt's block size.
const SCRYPT_R: u16 = 8;

/// scrypt's repetitions. With 5 of them, N = 2^14 costs what OWASP asks for.
const SCRYPT_P: u16 = 5;

/// The most work (N · r · p) a file may ask of us, a good six times what our own ask: seconds, not
/// hours.
const MAX_SCRYPT_WORK: u64 = 1 << 22;

/// The most memory (128 · N · r bytes) a file may ask of us: OpenSSL's own limit.
const MAX_SCRYPT_MEMORY: u64 = 32 << 20;

/// The most rounds of PBKDF2 a file from elsewhere may ask of us: three times what OWASP asks for.
const MAX_PBKDF2_ROUNDS: u32 = 2_000_000;

/// The longest text that is read: ten times the largest key file there is.
const MAX_TEXT_BYTES: usize = 64 * 1024;

/// The headers of a suite's key files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Labels {
    /// The suite's name for people, before "key".
    pub suite: &'static str,
    /// The PEM header of a private key in the clear.
    pub private: &'static str,
    /// The PEM header of a private key under a passphrase, if the suite has such files.
    pub encrypted: Option<&'static str>,
    /// The PEM header of a public key.
    pub public: &'static str,
}

/// Why a key file could not be read or written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyFileError {
    /// A passphrase protects the file and none was given.
    #[error("the key file needs its passphrase")]
    PassphraseNeeded,
    /// The passphrase does not open the file. (A change to the encrypted part looks the same.)
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// The text is not a private key file, or is damaged.
    #[error("the key file is damaged, or is no private key")]
    Damaged,
    /// The file holds a key of this suite where another was expected.
    #[error("the key file holds a {} key", .0.backend().labels().suite)]
    OtherKind(KeyKind),
    /// The suite's key files take no passphrase.
    #[error("a learning key takes no passphrase: it protects nothing")]
    NoPassphrase,
    /// The file is encrypted in a way that is not supported, or that would take too long to open.
    #[error("the key file is encrypted in a way Conversa does not read")]
    Unsupported,
    /// The random generator or the encryption failed.
    #[error("the crypto backend failed")]
    Backend,
}

impl From<CryptoError> for KeyFileError {
    fn from(_: CryptoError) -> Self {
        Self::Backend
    }
}

/// Writes a private key (`to_pkcs8` of a key of `kind`), encrypted if there is a passphrase. That
/// takes a moment on purpose: a few tenths of a second.
///
/// # Errors
/// [`KeyFileError::NoPassphrase`] for a passphrase on a learning key; [`KeyFileError::Backend`].
pub fn to_pem(private: &[u8], kind: KeyKind, passphrase: Option<&str>) -> Result<Zeroizing<String>, KeyFileError> {
    let labels = kind.backend().labels();
    let Some(passphrase) = passphrase else { return encode(labels.private, private) };
    let label = labels.encrypted.ok_or(KeyFileError::NoPassphrase)?;
    encode(label, &encrypt(private, passphrase)?)
}

/// Reads what [`to_pem`] wrote, and what OpenSSL writes, for the backend of `kind` to take. A passphrase that is not
/// needed is ignored.
///
/// # Errors
/// Each [`KeyFileError`] but `NoPassphrase`.
pub fn from_pem(text: &str, kind: KeyKind, passphrase: Option<&str>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let (label, bytes) = decode(text)?;
    let found = kind_of_label(label).ok_or(KeyFileError::Damaged)?;
    if found != kind {
        return Err(KeyFileError::OtherKind(found));
    }
    if Some(label) != kind.backend().labels().encrypted {
        return Ok(bytes);
    }
    decrypt(&bytes, passphrase.ok_or(KeyFileError::PassphraseNeeded)?)
}

/// Whether the text is a key file protected by a passphrase.
#[must_use]
pub fn is_encrypted(text: &str) -> bool {
    let label = decode(text).ok().map(|(label, _)| label);
    label.is_some() && KeyKind::ALL.iter().any(|kind| kind.backend().labels().encrypted == label)
}

/// Whose private key the text holds, if it is a key file.
#[must_use]
pub fn kind_of(text: &str) -> Option<KeyKind> {
    decode(text).ok().and_then(|(label, _)| kind_of_label(label))
}

/// Writes a public key (`spki` of a key of `kind`).
///
/// # Errors
/// [`KeyFileError::Backend`] if it cannot be encoded.
pub fn public_pem(spki: &[u8], kind: KeyKind) -> Result<String, KeyFileError> {
    pem::encode_string(kind.backend().labels().public, LineEnding::LF, spki).map_err(|_| KeyFileError::Backend)
}

/// Reads what [`public_pem`] wrote.
///
/// # Errors
/// [`KeyFileError::Damaged`] if the text is no public key file of the kind.
pub fn from_public_pem(text: &str, kind: KeyKind) -> Result<Vec<u8>, KeyFileError> {
    let (label, bytes) = decode(text)?;
    if label == kind.backend().labels().public { Ok(bytes.to_vec()) } else { Err(KeyFileError::Damaged) }
}

fn kind_of_label(label: &str) -> Option<KeyKind> {
    KeyKind::ALL.into_iter().find(|kind| {
        let labels = kind.backend().labels();
        label == labels.private || Some(label) == labels.encrypted
    })
}

fn encode(label: &str, bytes: &[u8]) -> Result<Zeroizing<String>, KeyFileError> {
    pem::encode_string(label, LineEnding::LF, bytes).map(Zeroizing::new).map_err(|_| KeyFileError::Backend)
}

fn decode(text: &str) -> Result<(&str, Zeroizing<Vec<u8>>), KeyFileError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(KeyFileError::Damaged);
    }
    let (label, bytes) = pem::decode_vec(text.as_bytes()).map_err(|_| KeyFileError::Damaged)?;
    Ok((label, Zeroizing::new(bytes)))
}

fn encrypt(private: &[u8], passphrase: &str) -> Result<Vec<u8>, KeyFileError> {
    let random: &mut dyn Random = &mut SystemRandom::new();
    let salt = Salt::new(random.bytes::<16>()?).map_err(|_| KeyFileError::Backend)?;
    let initial_vector = random.bytes::<16>()?;
    let parameters = Parameters {
        kdf: Kdf::Scrypt(ScryptParams {
            salt,
            cost_parameter: SCRYPT_N,
            block_size: SCRYPT_R,
            parallelization: SCRYPT_P,
            key_length: None,
        }),
        encryption: CipherScheme::Aes256Cbc { iv: initial_vector },
    };
    let (cipher, _) = cipher(&parameters.encryption)?;
    let key = derive_key(&parameters.kdf, passphrase, cipher.key_len())?;
    let encrypted = symm::encrypt(cipher, &key, Some(&initial_vector), private).map_err(|_| KeyFileError::Backend)?;
    let info = EncryptedPrivateKeyInfoOwned {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetString::new(encrypted).map_err(|_| KeyFileError::Backend)?,
    };
    info.to_der().map_err(|_| KeyFileError::Backend)
}

fn decrypt(bytes: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let info = EncryptedPrivateKeyInfoOwned::from_der(bytes).map_err(|_| KeyFileError::Damaged)?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(KeyFileError::Unsupported);
    };
    let (cipher, initial_vector) = cipher(&parameters.encryption)?;
    let key = derive_key(&parameters.kdf, passphrase, cipher.key_len())?;
    let private = symm::decrypt(cipher, &key, Some(initial_vector), info.encrypted_data.as_bytes());
    let private = private.map(Zeroizing::new).map_err(|_| KeyFileError::WrongPassphrase)?;
    // One wrong passphrase in 256 leaves padding that looks right, but no valid key.
    PrivateKeyInfoRef::from_der(&private).map_err(|_| KeyFileError::WrongPassphrase)?;
    Ok(private)
}

/// The cipher of a file and its initial vector.
fn cipher(scheme: &CipherScheme) -> Result<(Cipher, &[u8]), KeyFileError> {
    match scheme {
        CipherScheme::Aes128Cbc { iv } => Ok((Cipher::aes_128_cbc(), iv)),
        CipherScheme::Aes192Cbc { iv } => Ok((Cipher::aes_192_cbc(), iv)),
        CipherScheme::Aes256Cbc { iv } => Ok((Cipher::aes_256_cbc(), iv)),
        _ => Err(KeyFileError::Unsupported),
    }
}

/// Turns a passphrase into a key, if that takes a sensible time and amount of memory.
fn derive_key(kdf: &Kdf, passphrase: &str, length: usize) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut key = Zeroizing::new(vec![0; length]);
    if kdf.key_length().is_some_and(|stated| usize::from(stated) != length) {
        return Err(KeyFileError::Damaged);
    }
    match kdf {
        Kdf::Scrypt(scrypt) => {
            let (n, r, p) = (scrypt.cost_parameter, scrypt.block_size.into(), scrypt.parallelization.into());
            let blocks = n.saturating_mul(r);
            if blocks.saturating_mul(128) >= MAX_SCRYPT_MEMORY || blocks.saturating_mul(p) > MAX_SCRYPT_WORK {
                return Err(KeyFileError::Unsupported);
            }
            let salt = scrypt.salt.as_bytes();
            pkcs5::scrypt(passphrase.as_bytes(), salt, n, r, p, MAX_SCRYPT_MEMORY, &mut key)
        }
        Kdf::Pbkdf2(pbkdf2) => {
            if pbkdf2.iteration_count > MAX_PBKDF2_ROUNDS {
                return Err(KeyFileError::Unsupported);
            }
            let digest = match pbkdf2.prf {
                Pbkdf2Prf::HmacWithSha1 => MessageDigest::sha1(),
                Pbkdf2Prf::HmacWithSha256 => MessageDigest::sha256(),
                Pbkdf2Prf::HmacWithSha384 => MessageDigest::sha384(),
                Pbkdf2Prf::HmacWithSha512 => MessageDigest::sha512(),
                _ => return Err(KeyFileError::Unsupported),
            };
            let rounds = usize::try_from(pbkdf2.iteration_count).map_err(|_| KeyFileError::Damaged)?;
            pkcs5::pbkdf2_hmac(passphrase.as_bytes(), pbkdf2.salt.as_bytes(), rounds, digest, &mut key)
        }
        _ => return Err(KeyFileError::Unsupported),
    }
    .map_err(|_| KeyFileError::Damaged)?;
    Ok(key)
}
