//! The key of an identity's store, sealed by the identity's own keys: `store/FP8.key` in the profile, where FP8 is how
//! the identity's fingerprint begins.
//!
//! The key is drawn at random, not derived. So a new passphrase changes no byte of the store, and whoever deletes this
//! one small file has deleted what the store holds, copies of it included.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::vault::secret_of;
use super::{Code, Problem, files, say};
use crate::crypto::primitives::{self, OneTimeKey};
use crate::crypto::{CryptoError, Fingerprint, Random};
use crate::protocol::Identity;
use crate::wire::{self, ByteArray, Bytes};

/// Where the stores of a profile are, and their keys.
pub(super) const STORES: &str = "store";
/// The file's version.
const VERSION: u64 = 1;
const SALT_BYTES: usize = 32;
/// What the identity's keys are hashed to, under this label.
const SECRET: &[u8] = b"conversa/2 store";
/// What a file's wrapping key is made under.
const WRAP: &[u8] = b"conversa/2 store key";
/// What is sealed: a store's key and the salt of its file.
pub(super) const KEY_BYTES: usize = 48;

/// What is in the file.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// The salt of the wrapping keys.
    #[serde(rename = "s")]
    salt: ByteArray<SALT_BYTES>,
    #[serde(rename = "v")]
    version: u64,
    /// The key, once for each identity that may open it.
    #[serde(rename = "w")]
    wraps: Vec<Wrap>,
}

/// The key as one identity can open it.
#[derive(Serialize, Deserialize)]
struct Wrap {
    #[serde(rename = "c")]
    sealed: Bytes,
    #[serde(rename = "f")]
    identity: Fingerprint,
}

/// The file, and what opens it.
pub(super) struct StoreKeyFile {
    path: PathBuf,
    identity: Fingerprint,
    /// What the wrapping keys are made of.
    secret: Zeroizing<[u8; 32]>,
}

impl StoreKeyFile {
    /// That of an identity, in the directory of a profile's stores.
    pub(super) fn of(stores: &Path, identity: &Identity) -> Result<Self, CryptoError> {
        Ok(Self {
            path: stores.join(format!("{}.key", file_name(&identity.fingerprint()))),
            identity: identity.fingerprint(),
            secret: secret_of(identity, SECRET)?,
        })
    }

    /// The stored key; `None` if there is no file.
    ///
    /// # Errors
    /// A [`Problem`] if it cannot be read, or does not open: then the store cannot be read either, and both are left
    /// as they are.
    pub(super) fn load(&self) -> Result<Option<Zeroizing<[u8; KEY_BYTES]>>, Problem> {
        let bytes = files::read(&self.path).map_err(|error| Problem::cannot_read(&self.path, &error))?;
        bytes.map(|bytes| self.open(&bytes).ok_or_else(|| self.does_not_open())).transpose()
    }

    /// Makes a key where there is none.
    ///
    /// # Errors
    /// A [`Problem`] if it cannot be written; a file that is there is never written over.
    pub(super) fn make(&self, random: &mut dyn Random) -> Result<Zeroizing<[u8; KEY_BYTES]>, Problem> {
        let key = Zeroizing::new(random.bytes::<KEY_BYTES>()?);
        let salt = random.bytes::<SALT_BYTES>()?;
        let sealed = primitives::seal(&self.wrapping_key(&salt)?, &self.associated_data(), key.as_slice())?;
        let wrap = Wrap { sealed: Bytes::from(sealed), identity: self.identity };
        let stored = Stored { salt: ByteArray::new(salt), version: VERSION, wraps: vec![wrap] };
        files::write_new(&self.path, &wire::encode(&stored))
            .map_err(|error| Problem::cannot_write(&self.path, &error))?;
        Ok(key)
    }

    fn open(&self, bytes: &[u8]) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
        let stored: Stored = wire::decode(bytes).ok().filter(|stored: &Stored| stored.version == VERSION)?;
        let wrap = stored.wraps.iter().find(|wrap| wrap.identity == self.identity)?;
        let key = self.wrapping_key(&stored.salt[..]).ok()?;
        let opened = primitives::open(&key, &self.associated_data(), &wrap.sealed).ok()?;
        Some(Zeroizing::new(opened.as_slice().try_into().ok()?))
    }

    fn wrapping_key(&self, salt: &[u8]) -> Result<OneTimeKey, CryptoError> {
        primitives::hkdf_sha256(salt, self.secret.as_slice(), &[WRAP])
    }

    fn associated_data(&self) -> Vec<u8> {
        [self.identity.as_bytes().as_slice(), b"store"].concat()
    }

    fn does_not_open(&self) -> Problem {
        let what = say!("Earlier messages cannot be read: their key was changed, or belongs to another identity.");
        let hint = say!(
            "New messages are not saved either. Put {} back from a backup, or move it away together with the .db file of the same name; then restart Conversa. Nothing was deleted.",
            self.path.display()
        );
        Problem::new(Code::StoreUnreadable, what, hint)
    }
}

/// The store of an identity, in the directory of a profile's stores.
pub(super) fn store_path(stores: &Path, identity: &Fingerprint) -> PathBuf {
    stores.join(format!("{}.db", file_name(identity)))
}

/// How the files of an identity's store are called, without what tells them apart.
fn file_name(identity: &Fingerprint) -> String {
    identity.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Suite, SystemRandom};
    use crate::protocol::Now;

    fn identity() -> Identity {
        let backend = Suite::Textbook.backend();
        let (signing, decryption) = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
        Identity::new(signing, decryption, Now::default()).unwrap()
    }

    #[test]
    fn the_key_comes_back_to_its_identity_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (ann, bo) = (identity(), identity());
        let file = StoreKeyFile::of(directory.path(), &ann).unwrap();
        assert!(file.load().unwrap().is_none());
        let key = file.make(&mut SystemRandom::new()).unwrap();
        assert_eq!(StoreKeyFile::of(directory.path(), &ann).unwrap().load().unwrap(), Some(key.clone()));
        let good = std::fs::read(&file.path).unwrap();
        assert!(!good.windows(8).any(|part| key.windows(8).any(|secret| part == secret)), "it is sealed");
        let of_another = StoreKeyFile { path: file.path.clone(), ..StoreKeyFile::of(directory.path(), &bo).unwrap() };
        assert_eq!(of_another.load().unwrap_err().code, Code::StoreUnreadable);
        assert!(file.make(&mut SystemRandom::new()).is_err(), "nothing is written over it");
        assert_eq!(std::fs::read(&file.path).unwrap(), good);
    }

    #[test]
    fn a_changed_file_opens_nothing_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let ann = identity();
        let file = StoreKeyFile::of(directory.path(), &ann).unwrap();
        file.make(&mut SystemRandom::new()).unwrap();
        let good = std::fs::read(&file.path).unwrap();
        let changed = (0..good.len()).map(|place| {
            let mut changed = good.clone();
            changed[place] ^= 1;
            changed
        });
        let cut = (0..good.len()).map(|length| good[..length].to_vec());
        for bytes in changed.chain(cut) {
            assert!(file.open(&bytes).is_none());
        }
    }
}
