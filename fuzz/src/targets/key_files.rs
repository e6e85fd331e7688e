//! Key files, and the encodings inside them: what is read is written again as it was.

use conversa::crypto::key_file::{from_pem, is_encrypted, public_pem, suite_of, to_pem};
use conversa::crypto::{CryptoBackend, Suite};

use super::input::Input;

/// Reads a file's text, or bytes as what a file may hold: two private keys, two public ones, an encrypted one.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let choice = input.byte();
    let suite = [Suite::Classical, Suite::Textbook][usize::from(choice % 2)];
    let passphrase = (choice & 2 != 0).then_some("correct horse");
    match choice / 4 % 3 {
        0 => file(&String::from_utf8_lossy(input.rest()), suite, passphrase),
        1 => keys(input.rest(), suite),
        _ => encrypted(input.rest(), passphrase),
    }
}

fn file(text: &str, suite: Suite, passphrase: Option<&str>) {
    let read = from_pem(text, suite, passphrase);
    if is_encrypted(text) {
        assert!(passphrase.is_some() || read.is_err(), "no passphrase, no key");
    }
    if let Ok(key) = read {
        assert_eq!(suite_of(text), Some(suite), "a key is of the suite that its file names");
        keys(&key, suite);
    }
}

fn keys(bytes: &[u8], suite: Suite) {
    let backend = suite.backend();
    if let Ok(key) = backend.signing_from_pkcs8(bytes) {
        written_again(&key.to_pkcs8().expect("a key that was read is written"), suite);
    }
    if let Ok(key) = backend.decryption_from_pkcs8(bytes) {
        written_again(&key.to_pkcs8().expect("a key that was read is written"), suite);
    }
    public_keys(&*backend, bytes, suite);
}

fn written_again(key: &[u8], suite: Suite) {
    let backend = suite.backend();
    let text = to_pem(key, suite, None).expect("a key is written as a file");
    assert_eq!(from_pem(&text, suite, None).expect("a file reads back").as_slice(), key);
    let other = [Suite::Textbook, Suite::Classical][usize::from(suite.is_learning())];
    assert!(from_pem(&text, other, None).is_err(), "no key is taken for one of the other suite");
    let again = backend.signing_from_pkcs8(key).expect("a key reads back").to_pkcs8().expect("and is written");
    assert_eq!(again.as_slice(), key, "a key has one encoding");
}

fn public_keys(backend: &dyn CryptoBackend, bytes: &[u8], suite: Suite) {
    let verifying = backend.verifying_from_spki(bytes);
    let encryption = backend.encryption_from_spki(bytes);
    assert_eq!(verifying.is_ok(), encryption.is_ok(), "both read the same keys");
    if let (Ok(verifying), Ok(encryption)) = (verifying, encryption) {
        assert_eq!((verifying.spki(), encryption.spki()), (bytes, bytes), "a key has one encoding");
        assert!(public_pem(bytes, suite).is_ok());
    }
}

/// PKCS#8 under a passphrase, with the text around it that the file needs.
fn encrypted(bytes: &[u8], passphrase: Option<&str>) {
    let plain = to_pem(bytes, Suite::Classical, None).expect("any bytes are written as a file");
    file(&plain.replace(" PRIVATE KEY", " ENCRYPTED PRIVATE KEY"), Suite::Classical, passphrase);
}
