//! The key files of an identity: two private keys and, beside them, their public halves.
//!
//! A damaged, incomplete or locked identity is reported and never replaced: otherwise somebody who lost a key would
//! appear in their rooms as a new person.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::app::{Action, Code, Passphrase, Problem, Sentence, files, say};
use crate::crypto::key_file::{self, KeyFileError};
use crate::crypto::{CryptoError, DecryptionKey, Fingerprint, KeyKind, SigningKey};

/// The largest allowed key file in bytes: several times the largest there is.
const FILE_BYTES_MAX: u64 = 64 * 1024;

const SIGN: &str = "sign.pem";
const SIGN_PUBLIC: &str = "sign.pub.pem";
const ENC: &str = "enc.pem";
const ENC_PUBLIC: &str = "enc.pub.pem";

/// A key file's text.
type KeyText = Zeroizing<String>;

/// The two keys of an identity.
pub struct Keys {
    /// The key that signs: the identity itself.
    pub signing: Box<dyn SigningKey>,
    /// The key that opens what others send.
    pub decryption: Box<dyn DecryptionKey>,
}

impl Keys {
    /// Whether these are the same two keys: a private key has one public half.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.signing.public().spki() == other.signing.public().spki()
            && self.decryption.public().spki() == other.decryption.public().spki()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Keys(…)")
    }
}

/// The key files of one kind in a profile.
#[derive(Clone, Debug)]
pub struct Keystore {
    directory: PathBuf,
    kind: KeyKind,
}

impl Keystore {
    /// The key files of `kind` in the profile in `profile`.
    #[must_use]
    pub fn new(profile: &Path, kind: KeyKind) -> Self {
        let identity = profile.join("identity");
        let directory = if kind.is_learning() { identity.join("learning") } else { identity };
        Self { directory, kind }
    }

    /// Whether any key file is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        [SIGN, ENC].iter().any(|name| files::is_there(&self.directory.join(name)))
            || files::has_whole_set(&self.directory)
    }

    /// Whose identity it is according to the public key file: readable without a passphrase, and only a claim.
    #[must_use]
    pub fn said_fingerprint(&self) -> Option<Fingerprint> {
        let text = self.read(SIGN_PUBLIC).ok().flatten()?;
        let spki = key_file::from_public_pem(&text, self.kind).ok()?;
        let key = self.kind.backend().verifying_from_spki(&spki).ok()?;
        Some(Fingerprint::of(key.spki()))
    }

    /// Where the files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether a passphrase protects the files.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        let text = |name: &str| self.read(name).ok().flatten();
        [SIGN, ENC].into_iter().filter_map(text).any(|text| key_file::is_encrypted(&text))
    }

    /// Reads the keys; `None` if there are none. Slow with a passphrase, on purpose.
    ///
    /// # Errors
    /// A [`Problem`] that names the file and says what to do.
    pub fn load(&self, passphrase: Option<&Passphrase>) -> Result<Option<Keys>, Problem> {
        files::finish_set(&self.directory).map_err(|error| Problem::cannot_write(&self.directory, &error))?;
        let (sign, enc) = match (self.read(SIGN)?, self.read(ENC)?) {
            (None, None) => return Ok(None),
            (Some(sign), Some(enc)) => (sign, enc),
            (None, Some(_)) => return Err(self.half_missing(SIGN)),
            (Some(_), None) => return Err(self.half_missing(ENC)),
        };
        let backend = self.kind.backend();
        let signing = self.decode(SIGN, &sign, passphrase, |der| backend.signing_from_pkcs8(der))?;
        let decryption = self.decode(ENC, &enc, passphrase, |der| backend.decryption_from_pkcs8(der))?;
        Ok(Some(Keys { signing, decryption }))
    }

    /// Makes two keys of `bits` bits, or of the kind's default size. Slow; calls `step` before each. Writes nothing.
    ///
    /// # Errors
    /// [`CryptoError::KeyPolicy`] for a size the kind does not offer, or a failed backend.
    pub fn generate(&self, bits: Option<u32>, mut step: impl FnMut(Making)) -> Result<Keys, CryptoError> {
        let backend = self.kind.backend();
        let bits = bits.or_else(|| backend.key_bits().first().copied()).ok_or(CryptoError::KeyPolicy)?;
        step(Making::Signing);
        let signing = backend.generate_signing(bits)?;
        step(Making::Decryption);
        let decryption = backend.generate_decryption(bits)?;
        Ok(Keys { signing, decryption })
    }

    /// Writes new keys. Never over others.
    ///
    /// # Errors
    /// A [`Problem`] if an identity is there, or a file cannot be written.
    pub fn store(&self, keys: &Keys, passphrase: Option<&Passphrase>) -> Result<(), Problem> {
        if self.exists() {
            return Err(self.is_taken());
        }
        self.write(&self.encode(keys, passphrase)?)
    }

    /// Rewrites the existing keys under a different passphrase, or none.
    ///
    /// # Errors
    /// As [`Self::load`] and [`Self::store`].
    pub fn protect(&self, keys: &Keys, passphrase: Option<&Passphrase>) -> Result<(), Problem> {
        self.write(&self.encode(keys, passphrase)?)
    }

    /// Replaces the existing keys by new ones; a copy of the old stays in `set-aside-<n>` beside them.
    ///
    /// # Errors
    /// A [`Problem`] if a file cannot be copied or written.
    pub fn replace(&self, keys: &Keys, passphrase: Option<&Passphrase>) -> Result<(), Problem> {
        let texts = self.encode(keys, passphrase)?;
        files::finish_set(&self.directory).map_err(|error| Problem::cannot_write(&self.directory, &error))?;
        let aside = files::free_name(&self.directory, "set-aside");
        files::create_directory(&aside).map_err(|error| Problem::cannot_write(&aside, &error))?;
        for name in [ENC_PUBLIC, SIGN_PUBLIC, ENC, SIGN] {
            let (from, to) = (self.directory.join(name), aside.join(name));
            let bytes = files::read_at_most(&from, FILE_BYTES_MAX);
            let bytes = bytes.map_err(|error| Problem::cannot_read(&from, &error))?.map(Zeroizing::new);
            let copied = bytes.map_or(Ok(()), |bytes| files::write(&to, &bytes));
            copied.map_err(|error| Problem::cannot_write(&to, &error))?;
        }
        self.write(&texts)
    }

    /// The key files as they are stored: the public ones, or the private ones for a backup.
    ///
    /// # Errors
    /// A [`Problem`] that names a file that cannot be read.
    pub fn export(&self, private: bool) -> Result<Vec<Zeroizing<String>>, Problem> {
        let names = if private { [SIGN, ENC] } else { [SIGN_PUBLIC, ENC_PUBLIC] };
        names.into_iter().map(|name| self.read(name)?.ok_or_else(|| self.half_missing(name))).collect()
    }

    /// There is an identity already, and it is not replaced.
    #[must_use]
    pub fn is_taken(&self) -> Problem {
        let what = say!("There is an identity in {} already.", self.directory.display());
        let hint =
            say!("Move its files away first, if it really should be replaced: its rooms will not know the new one.");
        Problem::new(Code::Identity, what, hint)
    }

    /// The files' texts, by their names.
    fn encode(&self, keys: &Keys, passphrase: Option<&Passphrase>) -> Result<[(&'static str, KeyText); 4], Problem> {
        let passphrase = passphrase.map(Passphrase::expose);
        let private = |pkcs8: Zeroizing<Vec<u8>>| {
            key_file::to_pem(&pkcs8, self.kind, passphrase).map_err(|error| self.key_file_problem(SIGN, error))
        };
        let public = |spki: &[u8]| {
            let text = key_file::public_pem(spki, self.kind).map(Zeroizing::new);
            text.map_err(|error| self.key_file_problem(SIGN_PUBLIC, error))
        };
        Ok([
            (ENC_PUBLIC, public(keys.decryption.public().spki())?),
            (SIGN_PUBLIC, public(keys.signing.public().spki())?),
            (ENC, private(keys.decryption.to_pkcs8()?)?),
            (SIGN, private(keys.signing.to_pkcs8()?)?),
        ])
    }

    /// Writes the files as a unit: after half a change, such as two keys under two passphrases, there would be no
    /// identity.
    fn write(&self, texts: &[(&'static str, KeyText)]) -> Result<(), Problem> {
        let cannot_write = |error: std::io::Error| Problem::cannot_write(&self.directory, &error);
        files::create_directory(&self.directory).map_err(cannot_write)?;
        let set: Vec<(&str, &[u8])> = texts.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
        files::write_set(&self.directory, &set).map_err(cannot_write)
    }

    fn read(&self, name: &str) -> Result<Option<Zeroizing<String>>, Problem> {
        let path = self.directory.join(name);
        let bytes = files::read_at_most(&path, FILE_BYTES_MAX).map_err(|error| Problem::cannot_read(&path, &error))?;
        let Some(bytes) = bytes else { return Ok(None) };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Zeroizing::new(text))),
            Err(_) => Err(self.key_file_problem(name, KeyFileError::Damaged)),
        }
    }

    fn decode<K>(
        &self,
        name: &str,
        text: &str,
        passphrase: Option<&Passphrase>,
        read: impl Fn(&[u8]) -> Result<K, CryptoError>,
    ) -> Result<K, Problem> {
        let der = key_file::from_pem(text, self.kind, passphrase.map(Passphrase::expose))
            .map_err(|error| self.key_file_problem(name, error))?;
        read(&der).map_err(|error| self.damaged(name).with_detail(error))
    }

    fn key_file_problem(&self, name: &str, error: KeyFileError) -> Problem {
        let path = self.directory.join(name);
        match error {
            KeyFileError::PassphraseNeeded => Problem::new(
                Code::PassphraseNeeded,
                say!("The key in {} is protected by a passphrase.", path.display()),
                say!("Type it, or give --passphrase-file or CONVERSA_PASSPHRASE."),
            )
            .with_action(Action::Unlock),
            // The file's encryption has no tag: damage inside it looks like a wrong passphrase.
            KeyFileError::WrongPassphrase => Problem::new(
                Code::WrongPassphrase,
                say!("The passphrase does not open {}.", path.display()),
                say!(
                    "It may be mistyped: try again, and mind capital letters and the keyboard's language. Or the file is \
                     damaged, which looks the same: put it back from a backup. Nothing was changed."
                ),
            )
            .with_action(Action::Unlock),
            KeyFileError::NoPassphrase => Problem::new(
                Code::Identity,
                say!("A learning key takes no passphrase."),
                say!("It protects nothing, so there is nothing to protect."),
            ),
            KeyFileError::OtherKind(_) | KeyFileError::Damaged | KeyFileError::Unsupported | KeyFileError::Backend => {
                self.damaged(name).with_detail(error)
            }
        }
    }

    fn damaged(&self, name: &str) -> Problem {
        let what = say!("The key file {} cannot be used.", self.directory.join(name).display());
        Problem::new(Code::IdentityDamaged, what, self.way_out())
    }

    fn half_missing(&self, name: &str) -> Problem {
        let what = say!("Half of the identity is missing: {}.", self.directory.join(name).display());
        Problem::new(Code::IdentityDamaged, what, self.way_out())
    }

    fn way_out(&self) -> Sentence {
        say!(
            "Put it back from a backup. Or, to start as somebody new, move sign.pem and enc.pem out of {}; rooms will \
             not know the new identity. Nothing was changed.",
            self.directory.display()
        )
    }
}

/// Which of the two keys is being made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Making {
    /// The key that signs.
    Signing,
    /// The key that opens what others send.
    Decryption,
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Small learning keys are made in an instant; the files work the same for both suites.
    fn stored(kind: KeyKind) -> (tempfile::TempDir, Keystore) {
        let directory = tempfile::tempdir().unwrap();
        let store = Keystore::new(directory.path(), kind);
        let keys = store.generate((kind.is_learning()).then_some(256), |_| ()).unwrap();
        store.store(&keys, None).unwrap();
        (directory, store)
    }

    #[test]
    fn an_identity_comes_back_and_is_never_replaced() {
        let (_directory, store) = stored(KeyKind::Textbook);
        let keys = store.load(None).unwrap().unwrap();
        assert_eq!(store.said_fingerprint(), Some(Fingerprint::of(keys.signing.public().spki())));
        let again = store.load(None).unwrap().unwrap();
        assert_eq!(keys.signing.public().spki(), again.signing.public().spki());
        assert_eq!(store.store(&keys, None).unwrap_err().code, Code::Identity);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |name: &str| fs::metadata(store.directory().join(name)).unwrap().permissions().mode();
            assert_eq!(mode(SIGN) & 0o777, 0o600);
            assert_eq!(mode(ENC) & 0o777, 0o600);
        }
    }

    #[test]
    fn a_replaced_identity_is_set_aside_whole() {
        let (_directory, store) = stored(KeyKind::Textbook);
        let old = fs::read(store.directory().join(SIGN)).unwrap();
        for n in 1..=2 {
            let before = fs::read(store.directory().join(SIGN)).unwrap();
            let keys = store.generate(Some(256), |_| ()).unwrap();
            store.replace(&keys, None).unwrap();
            let now = store.load(None).unwrap().unwrap();
            assert_eq!(now.signing.public().spki(), keys.signing.public().spki());
            let aside = store.directory().join(format!("set-aside-{n}"));
            assert_eq!(fs::read(aside.join(SIGN)).unwrap(), before);
            assert!([ENC, ENC_PUBLIC, SIGN_PUBLIC].iter().all(|name| aside.join(name).exists()));
        }
        assert_eq!(fs::read(store.directory().join("set-aside-1").join(SIGN)).unwrap(), old);
    }

    /// Somebody who is neither the old nor the new identity after a crash would start over as a new person.
    #[test]
    fn a_crash_while_an_identity_is_replaced_leaves_the_old_one_or_the_new_one() {
        let spki = |store: &Keystore| store.load(None).unwrap().unwrap().signing.public().spki().to_vec();
        let (_elsewhere, other) = stored(KeyKind::Textbook);
        for (set, is_new) in [(".unfinished-set", false), (".whole-set", true)] {
            let (directory, store) = stored(KeyKind::Textbook);
            let old = spki(&store);
            let set = store.directory().join(set);
            fs::create_dir(&set).unwrap();
            for name in [SIGN, ENC, SIGN_PUBLIC, ENC_PUBLIC] {
                fs::copy(other.directory().join(name), set.join(name)).unwrap();
            }
            // The crash came when half of the new files were in place.
            if is_new {
                fs::rename(set.join(ENC), store.directory().join(ENC)).unwrap();
            }
            drop(crate::app::Profile::open(Some(directory.path().to_owned())).unwrap());
            assert_eq!(spki(&store), if is_new { spki(&other) } else { old });
            assert!(!set.exists(), "what the crash left is tidied up");
        }
    }

    #[test]
    fn an_identity_that_was_written_whole_and_not_put_in_its_place_is_one() {
        let (_directory, store) = stored(KeyKind::Textbook);
        let keys = store.load(None).unwrap().unwrap();
        let set = store.directory().join(".whole-set");
        fs::create_dir(&set).unwrap();
        for name in [SIGN, ENC] {
            fs::rename(store.directory().join(name), set.join(name)).unwrap();
        }
        assert!(store.exists());
        assert_eq!(store.store(&keys, None).unwrap_err().code, Code::Identity, "and is not written over");
        assert_eq!(store.load(None).unwrap().unwrap().signing.public().spki(), keys.signing.public().spki());
    }

    #[test]
    fn an_identity_that_cannot_be_replaced_stays() {
        let (_directory, store) = stored(KeyKind::Textbook);
        let old = store.load(None).unwrap().unwrap();
        let new = store.generate(Some(256), |_| ()).unwrap();
        // A learning key takes no passphrase, so nothing can be written.
        assert!(store.replace(&new, Some(&Passphrase::new("no".into()))).is_err());
        let now = store.load(None).unwrap().unwrap();
        assert_eq!(now.signing.public().spki(), old.signing.public().spki());
    }

    #[test]
    fn no_identity_is_not_a_problem() {
        let directory = tempfile::tempdir().unwrap();
        let store = Keystore::new(directory.path(), KeyKind::Rsa);
        assert!(!store.exists() && store.load(None).unwrap().is_none());
    }

    #[test]
    fn damage_names_the_file_and_changes_nothing() {
        for name in [SIGN, ENC] {
            for damage in
                [b"".as_slice(), b"\xff\xfe", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
            {
                let (_directory, store) = stored(KeyKind::Textbook);
                fs::write(store.directory().join(name), damage).unwrap();
                let problem = store.load(None).unwrap_err();
                assert_eq!((problem.code, problem.code.exit()), (Code::IdentityDamaged, 5));
                assert!(problem.what.to_string().contains(name), "{}", problem.what);
                assert_eq!(fs::read(store.directory().join(name)).unwrap(), damage);
            }
        }
    }

    /// Somebody whose keys are on a disconnected disk would start over as a new person.
    #[cfg(unix)]
    #[test]
    fn what_is_no_key_file_is_named_and_never_replaced() {
        use std::os::unix::fs::symlink;
        for odd in ["a link to nothing", "a link to itself", "a pipe", "a directory", "endless"] {
            let (_directory, store) = stored(KeyKind::Textbook);
            let keys = store.load(None).unwrap().unwrap();
            for name in [SIGN, ENC] {
                let path = store.directory().join(name);
                fs::remove_file(&path).unwrap();
                match odd {
                    "a link to nothing" => symlink("/nonexistent/sign.pem", &path).unwrap(),
                    "a link to itself" => symlink(&path, &path).unwrap(),
                    "a pipe" => nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
                    "a directory" => fs::create_dir(&path).unwrap(),
                    _ => symlink("/dev/zero", &path).unwrap(),
                }
            }
            assert!(store.exists(), "{odd}");
            let problem = store.load(None).unwrap_err();
            assert!(problem.code == Code::CannotRead && problem.what.to_string().contains(SIGN), "{odd}: {problem}");
            assert_eq!(store.store(&keys, None).unwrap_err().code, Code::Identity, "{odd}");
            assert!(!fs::symlink_metadata(store.directory().join(SIGN)).unwrap().is_file(), "{odd}");
        }
    }

    #[test]
    fn a_missing_half_is_named() {
        for name in [SIGN, ENC] {
            let (_directory, store) = stored(KeyKind::Textbook);
            fs::remove_file(store.directory().join(name)).unwrap();
            assert!(store.exists());
            let problem = store.load(None).unwrap_err();
            assert!(problem.code == Code::IdentityDamaged && problem.what.to_string().contains(name));
        }
    }

    #[test]
    fn a_learning_key_is_not_taken_for_a_secure_one() {
        let (directory, learning) = stored(KeyKind::Textbook);
        let secure = Keystore::new(directory.path(), KeyKind::Rsa);
        assert!(!secure.exists(), "the two have places of their own");
        for name in [SIGN, ENC] {
            fs::copy(learning.directory().join(name), secure.directory().join(name)).unwrap();
        }
        assert_eq!(secure.load(None).unwrap_err().code, Code::IdentityDamaged);
    }

    #[test]
    fn a_passphrase_locks_and_opens_a_secure_identity() {
        let (_directory, store) = stored(KeyKind::Rsa);
        let keys = store.load(None).unwrap().unwrap();
        let right = Passphrase::new("correct horse".into());
        store.protect(&keys, Some(&right)).unwrap();
        assert!(store.is_protected());
        assert_eq!(store.load(None).unwrap_err().code, Code::PassphraseNeeded);
        let wrong = store.load(Some(&Passphrase::new("wrong".into()))).unwrap_err();
        assert_eq!(wrong.code, Code::WrongPassphrase);
        for cause in ["mistyped: try again", "damaged, which looks the same: put it back from a backup"] {
            assert!(wrong.hint.to_string().contains(cause), "{}", wrong.hint);
        }
        let again = store.load(Some(&right)).unwrap().unwrap();
        assert_eq!(keys.signing.public().spki(), again.signing.public().spki());
        store.protect(&again, None).unwrap();
        assert!(!store.is_protected() && store.load(None).is_ok());
    }
}
