//! What the identity's own keys seal, beside the settings: the marks on compared keys, drafts, and open invites. It is
//! `private.sealed` in the profile; for learning rooms, which have their own identity, the invites are in
//! `private-learning.sealed`.
//!
//! The key is derived from the identity's private keys (HKDF-SHA256), so the passphrase that locks those locks this
//! too, and changing the passphrase changes nothing here. Somebody who can write to the disk but does not know the
//! passphrase can neither read a draft nor mark a key as compared; they can delete the file, or put an older one back.
//! Without a passphrase none of this holds, just as for the keys themselves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::settings::Verified;
use super::{Code, Problem, files, say};
use crate::crypto::primitives::{self, OneTimeKey};
use crate::crypto::{CryptoError, Fingerprint, Random, SystemRandom};
use crate::protocol::{Identity, Invite, RoomId};
use crate::wire;

/// The file's first byte.
const VERSION: u8 = 1;
/// The salt after it: each time the file is written it gets a new key.
const SALT_BYTES: usize = 32;
/// What the identity's keys are hashed to, under this label.
const SECRET: &[u8] = b"conversa/1 vault";
/// What a file's key is made under.
const FILE: &[u8] = b"conversa/1 vault file";

/// What is in it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Private {
    /// What was typed and not sent, by room.
    pub(super) drafts: BTreeMap<RoomId, String>,
    /// The people whose keys were compared.
    pub(super) verified: BTreeMap<Fingerprint, Verified>,
    /// The open invites to this profile's own rooms, by room. Whoever has one gets in, so they are secrets.
    #[serde(with = "links")]
    pub(super) invites: BTreeMap<RoomId, Vec<Invite>>,
}

/// Invites as the links that are passed on. One that cannot be read is left out.
mod links {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use zeroize::Zeroizing;

    use crate::protocol::{Invite, RoomId};

    pub(super) fn serialize<S: Serializer>(
        invites: &BTreeMap<RoomId, Vec<Invite>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let link = |invite: &Invite| Zeroizing::new(invite.to_string());
        let links: BTreeMap<&RoomId, Vec<Zeroizing<String>>> =
            invites.iter().map(|(room, invites)| (room, invites.iter().map(link).collect())).collect();
        let links: BTreeMap<&RoomId, Vec<&str>> =
            links.iter().map(|(room, links)| (*room, links.iter().map(|link| link.as_str()).collect())).collect();
        links.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<RoomId, Vec<Invite>>, D::Error> {
        let links = BTreeMap::<RoomId, Vec<String>>::deserialize(deserializer)?;
        let read =
            |links: Vec<String>| links.into_iter().map(Zeroizing::new).filter_map(|link| link.parse().ok()).collect();
        Ok(links.into_iter().map(|(room, links)| (room, read(links))).collect())
    }
}

/// The file and the secret that opens it.
pub(super) struct Vault {
    path: PathBuf,
    secret: Zeroizing<[u8; 32]>,
}

/// A secret that only the private keys of an identity give, for one purpose: HKDF-SHA256 without a salt, of both in
/// PKCS#8, under `label`.
pub(super) fn secret_of(identity: &Identity, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    let keys = [identity.signing().to_pkcs8()?, identity.decryption().to_pkcs8()?];
    let keys = Zeroizing::new([keys[0].as_slice(), keys[1].as_slice()].concat());
    primitives::hkdf_sha256(&[], &keys, &[label])
}

impl Vault {
    /// The vault of an identity in the profile in `directory`.
    pub(super) fn of(directory: &Path, identity: &Identity) -> Result<Self, CryptoError> {
        let secret = secret_of(identity, SECRET)?;
        let name = if identity.kind().is_learning() { "private-learning.sealed" } else { "private.sealed" };
        Ok(Self { path: directory.join(name), secret })
    }

    /// What is stored; empty if there is no file. A file that does not open is set aside and reported.
    pub(super) fn load(&self) -> Result<(Private, Option<Problem>), Problem> {
        let bytes = files::read(&self.path).map_err(|error| Problem::cannot_read(&self.path, &error))?;
        let Some(bytes) = bytes else { return Ok((Private::default(), None)) };
        if let Some(private) = self.open(&bytes) {
            return Ok((private, None));
        }
        let aside = files::set_aside(&self.path).map_err(|error| Problem::cannot_write(&self.path, &error))?;
        let what =
            say!("The marks on compared keys cannot be opened: the file was changed, or belongs to another identity.");
        let hint = say!(
            "Compare keys again before you rely on them. Invites that you gave out are no longer valid: give out new ones. The file was kept as {}.",
            aside.display()
        );
        Ok((Private::default(), Some(Problem::new(Code::SettingsCorrupt, what, hint))))
    }

    /// Rewrites it.
    pub(super) fn save(&self, private: &Private) -> Result<(), Problem> {
        let sealed = self.seal(private)?;
        files::write(&self.path, &sealed).map_err(|error| Problem::cannot_write(&self.path, &error))
    }

    fn seal(&self, private: &Private) -> Result<Vec<u8>, CryptoError> {
        let salt = (&mut SystemRandom::new() as &mut dyn Random).bytes::<SALT_BYTES>()?;
        let plain = Zeroizing::new(wire::encode(private));
        let sealed = primitives::seal(&self.key(&salt)?, &[VERSION], &plain)?;
        Ok([&[VERSION][..], &salt, &sealed].concat())
    }

    fn open(&self, bytes: &[u8]) -> Option<Private> {
        let (version, rest) = bytes.split_first()?;
        let (salt, sealed) = rest.split_at_checked(SALT_BYTES)?;
        if *version != VERSION {
            return None;
        }
        let plain = primitives::open(&self.key(salt).ok()?, &[VERSION], sealed).ok()?;
        ciborium::from_reader(plain.as_slice()).ok()
    }

    fn key(&self, salt: &[u8]) -> Result<OneTimeKey, CryptoError> {
        primitives::hkdf_sha256(salt, self.secret.as_slice(), &[FILE])
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::crypto::{KeyKind, Suite, key_file};
    use crate::protocol::Now;

    fn identity(name: &str) -> Identity {
        let private = |half: &str| {
            let path = format!("{}/tests/data/keys/{name}.{half}.pem", env!("CARGO_MANIFEST_DIR"));
            key_file::from_pem(&fs::read_to_string(path).unwrap(), KeyKind::Rsa, None).unwrap()
        };
        let backend = Suite::Classical.backend();
        let signing = backend.signing_from_pkcs8(&private("sign")).unwrap();
        let decryption = backend.decryption_from_pkcs8(&private("enc")).unwrap();
        Identity::new(signing, decryption, Now::at(0, 0)).unwrap()
    }

    fn invite() -> Invite {
        Invite {
            suite: Suite::Hybrid,
            addresses: vec!["192.168.1.7:9000".to_owned()],
            host: Fingerprint::from_bytes([3; 32]),
            room: RoomId([1; 32]),
            secret: Zeroizing::new([4; 32]),
            expires_ms: 5,
        }
    }

    fn private() -> Private {
        let mark = Verified { name: crate::protocol::Name::kept("Bo"), at_ms: 7 };
        Private {
            drafts: BTreeMap::from([(RoomId([1; 32]), "half a thought".to_owned())]),
            verified: BTreeMap::from([(Fingerprint::from_bytes([2; 32]), mark)]),
            invites: BTreeMap::from([(RoomId([1; 32]), vec![invite()])]),
        }
    }

    #[test]
    fn what_is_kept_comes_back_to_the_same_identity_and_is_not_to_be_read() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::of(directory.path(), &identity("ann")).unwrap();
        assert_eq!(vault.load().unwrap(), (Private::default(), None));
        vault.save(&private()).unwrap();
        let again = Vault::of(directory.path(), &identity("ann")).unwrap();
        assert_eq!(again.load().unwrap(), (private(), None));
        let bytes = fs::read(&vault.path).unwrap();
        assert!(!bytes.windows(4).any(|part| part == b"half" || part == b"conv"));
        vault.save(&private()).unwrap();
        assert_ne!(fs::read(&vault.path).unwrap(), bytes, "another key each time");
    }

    #[test]
    fn nobody_else_can_mark_a_key() {
        let directory = tempfile::tempdir().unwrap();
        let vault = Vault::of(directory.path(), &identity("ann")).unwrap();
        vault.save(&private()).unwrap();
        let good = fs::read(&vault.path).unwrap();
        let forged = [&[VERSION][..], &[0; SALT_BYTES], &wire::encode(&private())].concat();
        let changed = (0..good.len()).step_by(7).map(|place| {
            let mut changed = good.clone();
            changed[place] ^= 1;
            changed
        });
        let cut = [0, 1, SALT_BYTES, SALT_BYTES + 1, good.len() - 1].map(|length| good[..length].to_vec());
        for bytes in changed.chain(cut).chain([forged]) {
            assert_eq!(vault.open(&bytes), None, "{} bytes", bytes.len());
        }
        // Another identity's file is reported and kept, neither used nor lost.
        let other = Vault::of(directory.path(), &identity("bo")).unwrap();
        let (found, warning) = other.load().unwrap();
        assert_eq!(found, Private::default());
        assert!(warning.is_some_and(|warning| warning.hint.to_string().contains("private.corrupt-1")));
        assert_eq!(fs::read(directory.path().join("private.corrupt-1")).unwrap(), good);
    }
}
