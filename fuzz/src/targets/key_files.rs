//! Key files, and the encodings inside them: what is read is written again as it was.

use conversa::crypto::key_file::{from_pem, is_encrypted, kind_of, public_pem, to_pem};
use conversa::crypto::{CryptoBackend, KeyKind};

use super::input::Input;

/// Reads a file's text, or bytes as what a file may hold: two private keys, two public ones, an encrypted one.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let choice = input.byte();
    let kind = [KeyKind::Rsa, KeyKind::Textbook][usize::from(choice % 2)];
    let passphrase = (choice & 2 != 0).then_some("correct horse");
    match choice / 4 % 3 {
        0 => file(&String::from_utf8_lossy(input.rest()), kind, passphrase),
        1 => keys(input.rest(), kind),
        _ => encrypted(input.rest(), passphrase),
    }
}

fn file(text: &str, kind: KeyKind, passphrase: Option<&str>) {
    let read = from_pem(text, kind, passphrase);
    if is_encrypted(text) {
        assert!(passphrase.is_some() || read.is_err(), "no passphrase, no key");
    }
    if let Ok(key) = read {
        assert_eq!(kind_of(text), Some(kind), "a key is of the kind that its file names");
        keys(&key, kind);
    }
}

fn keys(bytes: &[u8], kind: KeyKind) {
    let backend = kind.backend();
    if let Ok(key) = backend.signing_from_pkcs8(bytes) {
        written_again(&key.to_pkcs8().expect("a key that was read is written"), kind);
    }
    if let Ok(key) = backend.decryption_from_pkcs8(bytes) {
        written_again(&key.to_pkcs8().expect("a key that was read is written"), kind);
    }
    public_keys(&*backend, bytes, kind);
}

fn written_again(key: &[u8], kind: KeyKind) {
    let backend = kind.backend();
    let text = to_pem(key, kind, None).expect("a key is written as a file");
    assert_eq!(from_pem(&text, kind, None).expect("a file reads back").as_slice(), key);
    let other = [KeyKind::Textbook, KeyKind::Rsa][usize::from(kind.is_learning())];
    assert!(from_pem(&text, other, None).is_err(), "no key is taken for one of the other kind");
    let again = backend.signing_from_pkcs8(key).expect("a key reads back").to_pkcs8().expect("and is written");
    assert_eq!(again.as_slice(), key, "a key has one encoding");
}

fn public_keys(backend: &dyn CryptoBackend, bytes: &[u8], kind: KeyKind) {
    let verifying = backend.verifying_from_spki(bytes);
    let encryption = backend.encryption_from_spki(bytes);
    assert_eq!(verifying.is_ok(), encryption.is_ok(), "both read the same keys");
    if let (Ok(verifying), Ok(encryption)) = (verifying, encryption) {
        assert_eq!((verifying.spki(), encryption.spki()), (bytes, bytes), "a key has one encoding");
        assert!(public_pem(bytes, kind).is_ok());
    }
}

/// PKCS#8 under a passphrase, with the text around it that the file needs.
fn encrypted(bytes: &[u8], passphrase: Option<&str>) {
    let plain = to_pem(bytes, KeyKind::Rsa, None).expect("any bytes are written as a file");
    file(&plain.replace(" PRIVATE KEY", " ENCRYPTED PRIVATE KEY"), KeyKind::Rsa, passphrase);
}
