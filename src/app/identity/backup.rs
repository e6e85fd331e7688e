//! An identity as one file, to store elsewhere and to restore: both private keys under a passphrase of the backup's
//! own.
//!
//! ```text
//! Conversa identity backup 1
//! Fingerprint: 3fa9 10c2 …                  for people; what counts is the keys' own
//! Certificate: omFwWQ…                      the first key's signature over both, in Base64
//!
//! -----BEGIN ENCRYPTED PRIVATE KEY-----     the key that signs
//! -----BEGIN ENCRYPTED PRIVATE KEY-----     the key that opens
//! ```
//!
//! The key blocks are those of the key files, and OpenSSL ignores what comes before them: `openssl storeutl -keys`
//! reads both. The certificate is a signed bundle: it exposes halves of two different identities, even under one
//! passphrase. A learning identity has no backup, because its files take no passphrase and protect nothing.

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::keystore::Keys;
use crate::app::clock::now;
use crate::app::{Code, Passphrase, Problem, files, say};
use crate::crypto::key_file::{self, KeyFileError};
use crate::crypto::{Fingerprint, KeyKind};
use crate::protocol::{certificate, certifies};

/// The first line.
const HEAD: &str = "Conversa identity backup 1";
/// How the line with the fingerprint begins.
const FINGERPRINT: &str = "Fingerprint: ";
/// How the line with the certificate begins.
const CERTIFICATE: &str = "Certificate: ";
/// The kind of the keys: the one whose files take a passphrase.
const KIND: KeyKind = KeyKind::Rsa;
/// The longest file that is read: several times the largest backup there is.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Writes a backup of `keys` to a new file at `path`, reads it back, and returns whose it is.
///
/// # Errors
/// A [`Problem`] if the passphrase is empty, the file already exists, or it cannot be written or read back.
pub fn write(path: &Path, keys: &Keys, passphrase: &Passphrase) -> Result<Fingerprint, Problem> {
    if passphrase.is_empty() {
        let hint = say!("It holds your private keys, and whoever finds it could use them.");
        return Err(Problem::new(Code::PassphraseNeeded, say!("A backup needs a passphrase."), hint));
    }
    let fingerprint = Fingerprint::of(keys.signing.public().spki());
    let text = encode(keys, passphrase, fingerprint)?;
    write_new(path, text.as_bytes())?;
    // A backup that cannot be read is worse than none.
    match read(path, passphrase) {
        Ok(kept) if kept.is_same(keys) => Ok(fingerprint),
        other => {
            let removed = std::fs::remove_file(path);
            log::debug!("removed what does not read back: {removed:?}");
            let what = say!("The backup at {} does not read back as it was written.", path.display());
            let hint = say!("The disk may be failing. Write it somewhere else.");
            let problem = Problem::new(Code::CannotWrite, what, hint);
            Err(match other {
                Err(error) => problem.with_detail(error),
                Ok(_) => problem,
            })
        }
    }
}

/// Writes a new file at `path` for its owner only, whole or not at all, and never over another.
///
/// # Errors
/// A [`Problem`] that names it; nothing is left behind.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    files::write_new(path, bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let what = say!("There is a file at {} already.", path.display());
            Problem::new(Code::CannotWrite, what, say!("Choose another name: nothing is written over."))
        }
        _ => Problem::cannot_write(path, &error),
    })
}

/// Reads a backup. Slow, on purpose.
///
/// # Errors
/// A [`Problem`] for a wrong passphrase, or a file that is not a complete backup.
pub fn read(path: &Path, passphrase: &Passphrase) -> Result<Keys, Problem> {
    let text = text_of(path)?;
    let parts = Parts::of(&text).ok_or_else(|| damaged(path))?;
    let private = |block: &str| {
        key_file::from_pem(block, KIND, Some(passphrase.expose())).map_err(|error| key_problem(path, error))
    };
    let backend = KIND.backend();
    let unusable = |error| damaged(path).with_detail(error);
    let signing = backend.signing_from_pkcs8(&private(parts.signing)?).map_err(unusable)?;
    let decryption = backend.decryption_from_pkcs8(&private(parts.decryption)?).map_err(unusable)?;
    if !certifies(&parts.certificate, signing.as_ref(), decryption.public().as_ref()) {
        let what = say!("The two keys in {} do not belong together.", path.display());
        let hint = say!("Somebody put the file together from others. Use another backup. Nothing was changed.");
        return Err(Problem::new(Code::IdentityDamaged, what, hint));
    }
    Ok(Keys { signing, decryption })
}

/// Whose backup it claims to be: readable without the passphrase, and only a claim.
///
/// # Errors
/// A [`Problem`] for a file that is not a complete backup.
pub fn said_fingerprint(path: &Path) -> Result<Fingerprint, Problem> {
    let text = text_of(path)?;
    Parts::of(&text).and_then(|parts| parts.fingerprint).ok_or_else(|| damaged(path))
}

/// The suggested place for a backup of the key with this tag: the person's own directory.
#[must_use]
pub fn suggested_place(tag: &str) -> PathBuf {
    let home = directories::UserDirs::new().map(|directories| directories.home_dir().to_owned());
    home.unwrap_or_default().join(format!("conversa-{tag}.pem"))
}

fn text_of(path: &Path) -> Result<Zeroizing<String>, Problem> {
    let bytes = match files::read_at_most(path, FILE_BYTES_MAX) {
        Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => return Err(damaged(path)),
        bytes => bytes.map_err(|error| Problem::cannot_read(path, &error))?,
    };
    let bytes = bytes.ok_or_else(|| {
        let what = say!("There is no file at {}.", path.display());
        Problem::new(Code::CannotRead, what, say!("Check the path."))
    })?;
    String::from_utf8(bytes).map(Zeroizing::new).map_err(|_| damaged(path))
}

fn encode(keys: &Keys, passphrase: &Passphrase, fingerprint: Fingerprint) -> Result<Zeroizing<String>, Problem> {
    let certificate = certificate(keys.signing.as_ref(), keys.decryption.public().as_ref(), now())?;
    let private = |pkcs8: Zeroizing<Vec<u8>>| {
        key_file::to_pem(&pkcs8, KIND, Some(passphrase.expose())).map_err(|error| match error {
            KeyFileError::NoPassphrase => of_learning(),
            error => not_made(error),
        })
    };
    if keys.signing.public().kind() != KIND {
        return Err(of_learning());
    }
    let signing = private(keys.signing.to_pkcs8()?)?;
    let decryption = private(keys.decryption.to_pkcs8()?)?;
    let certificate = BASE64.encode(&certificate);
    let head = format!("{HEAD}\n{FINGERPRINT}{}\n{CERTIFICATE}{certificate}\n\n", fingerprint.grouped());
    Ok(Zeroizing::new([head.as_str(), signing.as_str(), decryption.as_str()].concat()))
}

/// The parts of a backup's text, unparsed.
struct Parts<'a> {
    fingerprint: Option<Fingerprint>,
    signing: &'a str,
    decryption: &'a str,
    certificate: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// `None` unless the text is a complete header and exactly two complete blocks.
    fn of(text: &'a str) -> Option<Self> {
        let (head, rest) = text.split_at(text.find("-----BEGIN ")?);
        let mut lines = head.lines();
        if lines.next()? != HEAD {
            return None;
        }
        let digits: String = lines.next()?.strip_prefix(FINGERPRINT)?.split_whitespace().collect();
        let certificate = BASE64.decode(lines.next()?.strip_prefix(CERTIFICATE)?.as_bytes()).ok()?;
        let (signing, rest) = block(rest)?;
        let (decryption, rest) = block(rest)?;
        // Encrypted keys only: a plain key was put here by somebody else.
        let are_locked = [signing, decryption].into_iter().all(key_file::is_encrypted);
        (rest.is_empty() && are_locked).then(|| Self {
            fingerprint: digits.parse().ok(),
            signing,
            decryption,
            certificate,
        })
    }
}

/// The first block of PEM, from its first line to its last, and what follows it.
fn block(text: &str) -> Option<(&str, &str)> {
    const END: &str = "-----END ";
    let text = text.strip_prefix("-----BEGIN ").map(|_| text)?;
    let end = text.find(END)?;
    let line = text.get(end..)?.split_inclusive('\n').next()?;
    let (block, rest) = text.split_at(end + line.len());
    Some((block, rest.trim_start()))
}

fn key_problem(path: &Path, error: KeyFileError) -> Problem {
    match error {
        // The keys' encryption has no tag: damage inside it looks like a wrong passphrase.
        KeyFileError::WrongPassphrase => {
            let what = say!("The passphrase does not open {}.", path.display());
            let hint = say!(
                "It is the one that was given when the backup was made. Or the file is damaged, which looks the same. \
                 Nothing was changed."
            );
            Problem::new(Code::WrongPassphrase, what, hint)
        }
        error => damaged(path).with_detail(error),
    }
}

fn damaged(path: &Path) -> Problem {
    let what = say!("{} is not a backup of an identity, or only part of one.", path.display());
    Problem::new(Code::IdentityDamaged, what, say!("Use another copy of it. Nothing was changed."))
}

fn not_made(error: KeyFileError) -> Problem {
    let hint = say!("Nothing was written. Try again.");
    Problem::new(Code::Crypto, say!("The backup could not be made."), hint).with_detail(error)
}

/// A learning identity has no backup.
#[must_use]
pub fn of_learning() -> Problem {
    let hint = say!("It protects nothing, so there is nothing to lose: copy its files, or make another.");
    Problem::new(Code::Usage, say!("A learning identity has no backup."), hint)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn keys(name: &str, kind: KeyKind) -> Keys {
        let learning = if kind.is_learning() { ".learning" } else { "" };
        let private = |half: &str| {
            let path = format!("{}/tests/data/keys/{name}.{half}{learning}.pem", env!("CARGO_MANIFEST_DIR"));
            key_file::from_pem(&fs::read_to_string(path).unwrap(), kind, None).unwrap()
        };
        Keys {
            signing: kind.backend().signing_from_pkcs8(&private("sign")).unwrap(),
            decryption: kind.backend().decryption_from_pkcs8(&private("enc")).unwrap(),
        }
    }

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned())
    }

    /// A backup of somebody, under "correct horse", and its text.
    fn backup(name: &str) -> (tempfile::TempDir, std::path::PathBuf, String) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backup.pem");
        write(&path, &keys(name, KIND), &passphrase("correct horse")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        (directory, path, text)
    }

    #[test]
    fn an_identity_goes_into_one_file_and_comes_back() {
        let (_directory, path, text) = backup("ann");
        let ann = keys("ann", KIND);
        let fingerprint = Fingerprint::of(ann.signing.public().spki());
        assert_eq!(said_fingerprint(&path).unwrap(), fingerprint);
        assert!(read(&path, &passphrase("correct horse")).unwrap().is_same(&ann));
        assert!(!read(&path, &passphrase("correct horse")).unwrap().is_same(&keys("bo", KIND)));
        assert!(text.starts_with("Conversa identity backup 1\nFingerprint: ") && !text.contains("BEGIN PRIVATE"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::write(&path, text.replace('\n', "\r\n")).unwrap();
        assert!(read(&path, &passphrase("correct horse")).is_ok(), "however its lines end");
    }

    #[test]
    fn nothing_is_written_over_and_nothing_without_a_passphrase() {
        let (directory, path, text) = backup("ann");
        let problem = write(&path, &keys("bo", KIND), &passphrase("other")).unwrap_err();
        assert!(problem.code == Code::CannotWrite && problem.text().contains("already"), "{problem}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        let open = directory.path().join("open.pem");
        assert_eq!(write(&open, &keys("bo", KIND), &passphrase("")).unwrap_err().code, Code::PassphraseNeeded);
        let learning = write(&open, &keys("ann", KeyKind::Textbook), &passphrase("x")).unwrap_err();
        assert!(learning.text().contains("learning identity"), "{learning}");
        let nowhere = directory.path().join("nowhere/backup.pem");
        assert_eq!(write(&nowhere, &keys("bo", KIND), &passphrase("x")).unwrap_err().code, Code::CannotWrite);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "only the backup is there");
    }

    #[test]
    fn a_wrong_passphrase_is_told_from_a_file_that_is_no_backup() {
        let (directory, path, _) = backup("ann");
        for wrong in ["", "correct horse ", "Correct horse"] {
            let problem = read(&path, &passphrase(wrong)).err().unwrap();
            assert_eq!(problem.code, Code::WrongPassphrase, "{wrong:?}");
        }
        let absent = read(&directory.path().join("absent.pem"), &passphrase("x")).err().unwrap();
        assert_eq!(absent.code, Code::CannotRead);
    }

    #[test]
    fn a_part_of_a_backup_is_none_wherever_it_was_cut() {
        let (_directory, path, text) = backup("ann");
        let is_damaged = |text: &str| {
            fs::write(&path, text).unwrap();
            let code = read(&path, &passphrase("correct horse")).err().map(|problem| problem.code);
            assert_eq!(code, Some(Code::IdentityDamaged), "{} bytes", text.len());
        };
        // Cut at every line, and in the last lines at every letter. Only the final line end may be missing.
        let cuts = text.match_indices('\n').map(|(at, _)| at + 1).filter(|at| *at < text.len());
        for cut in cuts.chain(text.len() - 200..text.len() - 1) {
            is_damaged(&text[..cut]);
        }
        for (from, to) in [
            ("backup 1", "backup 2"),
            ("Certificate: ", "Certificate: !"),
            ("ENCRYPTED PRIVATE KEY", "PRIVATE KEY"),
            ("Fingerprint: ", "Name: "),
        ] {
            is_damaged(&text.replace(from, to));
        }
        is_damaged(&format!("{text}{text}"));
        is_damaged(&format!("{text}more"));
        is_damaged(&" ".repeat(64 * 1024 + 1));
        is_damaged("");
    }

    #[test]
    fn halves_of_two_identities_are_told() {
        let ((_ann, path, ann), (_bo, _, bo)) = (backup("ann"), backup("bo"));
        let (ann, bo) = (Parts::of(&ann).unwrap(), Parts::of(&bo).unwrap());
        let code = |signing: &str, decryption: &str, certificate: &[u8]| {
            let head = format!("{HEAD}\n{FINGERPRINT}{}\n{CERTIFICATE}", "0000 ".repeat(16));
            fs::write(&path, [&head, &*BASE64.encode(certificate), "\n\n", signing, decryption].concat()).unwrap();
            read(&path, &passphrase("correct horse")).err().map(|problem| problem.text())
        };
        for mixed in [
            code(ann.signing, bo.decryption, &ann.certificate),
            code(bo.signing, ann.decryption, &ann.certificate),
            code(ann.signing, ann.decryption, &bo.certificate),
            code(ann.decryption, ann.signing, &ann.certificate),
            code(ann.signing, ann.signing, &ann.certificate),
        ] {
            assert!(mixed.as_ref().is_some_and(|text| text.contains("do not belong together")), "{mixed:?}");
        }
        assert_eq!(code(bo.signing, bo.decryption, &bo.certificate), None);
    }

    #[test]
    fn a_learning_key_does_not_pass_for_a_secure_one() {
        let (_directory, path, text) = backup("ann");
        let learning =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/keys/ann.sign.learning.pem"));
        let learning = learning.unwrap();
        let parts = Parts::of(&text).unwrap();
        for disguised in [learning.clone(), learning.replace("CONVERSA LEARNING INSECURE KEY", "ENCRYPTED PRIVATE KEY")]
        {
            fs::write(&path, text.replace(parts.signing, &disguised)).unwrap();
            let code = read(&path, &passphrase("correct horse")).err().map(|problem| problem.code);
            assert_eq!(code, Some(Code::IdentityDamaged));
        }
    }
}
