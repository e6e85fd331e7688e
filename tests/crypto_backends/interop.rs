//! The secure suite and OpenSSL's command line, both ways: what one writes, the other reads. This
//! is also how anyone can check an identity without Conversa. `openssl` (1.1.1 or newer) must be
//! installed; it is a separate program from the library inside Conversa.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use conversa::crypto::key_file::{self, KeyFileError};
use conversa::crypto::{Domain, Fingerprint, KeyKind, Suite};
use tempfile::TempDir;

use super::output::output;
use super::{data, decryption, key_bytes, signing};

const PSS: [&str; 6] =
    ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32", "-sigopt", "rsa_mgf1_md:sha256"];

fn run(directory: &Path, arguments: &[&str]) -> Output {
    // It must be installed for this.
    output(Command::new("openssl").args(arguments).current_dir(directory).stdin(Stdio::null()))
}

/// Runs `openssl` in `directory` and gives what it prints.
fn openssl(directory: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = run(directory, arguments);
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A directory with ann's two private and public keys as files.
fn ann() -> TempDir {
    let directory = TempDir::new().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("sign.pem", &data("keys/ann.sign.pem"));
    write("enc.pem", &data("keys/ann.enc.pem"));
    write("sign.pub", &key_file::public_pem(signing(Suite::Classical, "ann").public().spki(), KeyKind::Rsa).unwrap());
    write("enc.pub", &key_file::public_pem(decryption(Suite::Classical, "ann").public().spki(), KeyKind::Rsa).unwrap());
    directory
}

#[test]
fn signatures_both_ways() {
    let directory = ann();
    let at = |name: &str| directory.path().join(name);
    let key = signing(Suite::Classical, "ann");
    fs::write(at("signed"), b"conversa/1 bundle\0a message").unwrap();

    fs::write(at("signature"), key.sign(Domain::Bundle, b"a message").unwrap()).unwrap();
    let verify =
        [&["dgst", "-sha256", "-verify", "sign.pub", "-signature", "signature"][..], &PSS, &["signed"]].concat();
    assert_eq!(openssl(directory.path(), &verify), b"Verified OK\n");

    let sign = [&["dgst", "-sha256", "-sign", "sign.pem", "-out", "signature"][..], &PSS, &["signed"]].concat();
    openssl(directory.path(), &sign);
    let signature = fs::read(at("signature")).unwrap();
    assert_eq!(key.public().verify(Domain::Bundle, b"a message", &signature), Ok(()));
}

#[test]
fn encryptions_both_ways() {
    let directory = ann();
    let at = |name: &str| directory.path().join(name);
    let key = decryption(Suite::Classical, "ann");
    let options = [
        "-pkeyopt",
        "rsa_padding_mode:oaep",
        "-pkeyopt",
        "rsa_oaep_md:sha256",
        "-pkeyopt",
        "rsa_mgf1_md:sha256",
        "-pkeyopt",
        "rsa_oaep_label:6c6162656c", // "label" in hexadecimal
    ];
    fs::write(at("ciphertext"), key.public().encrypt(b"label", &[b'x'; 32]).unwrap()).unwrap();
    let decrypt = [&["pkeyutl", "-decrypt", "-inkey", "enc.pem", "-in", "ciphertext"][..], &options].concat();
    assert_eq!(openssl(directory.path(), &decrypt), [b'x'; 32]);

    fs::write(at("secret"), [b'y'; 32]).unwrap();
    let encrypt = [&["pkeyutl", "-encrypt", "-pubin", "-inkey", "enc.pub", "-in", "secret"][..], &options].concat();
    let ciphertext = openssl(directory.path(), &encrypt);
    assert_eq!(*key.decrypt(b"label", &ciphertext).unwrap(), [b'y'; 32]);
}

#[test]
fn anyone_can_check_a_fingerprint() {
    let directory = ann();
    let der = openssl(directory.path(), &["pkey", "-pubin", "-in", "sign.pub", "-outform", "DER"]);
    fs::write(directory.path().join("sign.der"), der).unwrap();
    let digest = openssl(directory.path(), &["dgst", "-sha256", "-r", "sign.der"]);
    let fingerprint = Fingerprint::of(signing(Suite::Classical, "ann").public().spki());
    assert_eq!(str::from_utf8(&digest).unwrap().split_once(' ').unwrap().0, fingerprint.to_string());
}

#[test]
fn key_files_both_ways() {
    let directory = ann();
    let at = |name: &str| directory.path().join(name);
    let bytes = key_bytes(Suite::Classical, "ann.sign");

    // Ours, under a passphrase, in OpenSSL's hands.
    fs::write(at("locked.pem"), &*key_file::to_pem(&bytes, KeyKind::Rsa, Some("correct horse")).unwrap()).unwrap();
    let read = ["pkey", "-in", "locked.pem", "-passin", "pass:correct horse", "-outform", "DER"];
    openssl(directory.path(), &read);
    let public = openssl(directory.path(), &[&read[..], &["-pubout"]].concat());
    assert_eq!(public, signing(Suite::Classical, "ann").public().spki());

    // Its own, in ours: PBKDF2 by default, scrypt when asked.
    let locked = |kind: &[&str]| {
        let lock = ["pkcs8", "-topk8", "-in", "sign.pem", "-out", "theirs.pem", "-passout", "pass:hello"];
        openssl(directory.path(), &[&lock[..], kind].concat());
        fs::read_to_string(at("theirs.pem")).unwrap()
    };
    let read: [&[&str]; 7] = [
        &["-v2", "aes-256-cbc"],
        &["-v2", "aes-192-cbc"],
        &["-v2", "aes-128-cbc"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA512"],
        &["-scrypt"],
    ];
    for kind in read {
        let opened = key_file::from_pem(&locked(kind), KeyKind::Rsa, Some("hello"));
        assert!(opened.is_ok_and(|opened| *opened == bytes), "{kind:?}");
    }
    // An old cipher, an old hash, and more rounds than anybody waits for.
    let refused: [(&[&str], KeyFileError); 3] = [
        (&["-v2", "des3"], KeyFileError::Damaged),
        (&["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA224"], KeyFileError::Unsupported),
        (&["-v2", "aes-256-cbc", "-iter", "2000001"], KeyFileError::Unsupported),
    ];
    for (kind, error) in refused {
        assert_eq!(key_file::from_pem(&locked(kind), KeyKind::Rsa, Some("hello")), Err(error), "{kind:?}");
    }
}

#[test]
fn openssl_cannot_read_a_learning_key() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("key.pem"), data("keys/ann.sign.learning.pem")).unwrap();
    assert!(!run(directory.path(), &["pkey", "-in", "key.pem"]).status.success());
}
