//! Key files: what is written reads back, and each thing that can be wrong has its own name.

use conversa::crypto::key_file::{self, KeyFileError, from_pem, is_encrypted, kind_of, public_pem, to_pem};
use conversa::crypto::{CryptoError, KeyKind, Suite};
use openssl::pkey::PKey;
use openssl::symm::Cipher;

use super::{data, key_bytes, signing};

#[test]
fn plain_files_read_back_and_say_whose_they_are() {
    for suite in Suite::ALL {
        let (bytes, kind) = (key_bytes(suite, "ann.sign"), suite.key_kind());
        let text = to_pem(&bytes, kind, None).unwrap();
        assert_eq!(*from_pem(&text, kind, None).unwrap(), bytes);
        assert_eq!(*from_pem(&text, kind, Some("not needed")).unwrap(), bytes);
        assert_eq!(kind_of(&text), Some(kind));
        assert!(!is_encrypted(&text));
        let windows = text.replace('\n', "\r\n");
        assert_eq!(*from_pem(&windows, kind, None).unwrap(), bytes, "however its lines end");
    }
    let learning = data("keys/ann.sign.learning.pem");
    assert!(learning.starts_with("-----BEGIN CONVERSA LEARNING INSECURE KEY-----\n"));
    assert_eq!(*to_pem(&key_bytes(Suite::Textbook, "ann.sign"), KeyKind::Textbook, None).unwrap(), learning);
}

#[test]
fn a_passphrase_locks_a_secure_file() {
    let bytes = key_bytes(Suite::Classical, "ann.sign");
    for passphrase in ["correct horse", "pässwörd 🔑", ""] {
        let text = to_pem(&bytes, KeyKind::Rsa, Some(passphrase)).unwrap();
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert!(is_encrypted(&text));
        assert_eq!(kind_of(&text), Some(KeyKind::Rsa));
        assert_eq!(*from_pem(&text, KeyKind::Rsa, Some(passphrase)).unwrap(), bytes);
        assert_eq!(from_pem(&text, KeyKind::Rsa, None), Err(KeyFileError::PassphraseNeeded));
        assert_eq!(from_pem(&text, KeyKind::Rsa, Some("wrong")), Err(KeyFileError::WrongPassphrase));
        assert_eq!(from_pem(&text, KeyKind::Textbook, Some(passphrase)), Err(KeyFileError::OtherKind(KeyKind::Rsa)));
    }
    let again = |()| to_pem(&bytes, KeyKind::Rsa, Some("same")).unwrap();
    assert_ne!(again(()), again(()), "the salt is new each time");
}

#[test]
fn a_learning_file_takes_no_passphrase() {
    let bytes = key_bytes(Suite::Textbook, "ann.sign");
    assert_eq!(to_pem(&bytes, KeyKind::Textbook, Some("x")), Err(KeyFileError::NoPassphrase));
}

#[test]
fn the_suites_files_are_told_apart() {
    let (secure, learning) = (data("keys/ann.sign.pem"), data("keys/ann.sign.learning.pem"));
    assert_eq!(from_pem(&secure, KeyKind::Textbook, None), Err(KeyFileError::OtherKind(KeyKind::Rsa)));
    assert_eq!(from_pem(&learning, KeyKind::Rsa, None), Err(KeyFileError::OtherKind(KeyKind::Textbook)));
    assert_eq!(KeyFileError::OtherKind(KeyKind::Textbook).to_string(), "the key file holds a learning key");
    // Even under the wrong header, the bytes themselves are refused.
    let disguised = learning.replace("CONVERSA LEARNING INSECURE KEY", "PRIVATE KEY");
    let bytes = from_pem(&disguised, KeyKind::Rsa, None).unwrap();
    assert_eq!(Suite::Classical.backend().signing_from_pkcs8(&bytes).err(), Some(CryptoError::BadEncoding));
    let disguised = secure.replace("PRIVATE KEY", "CONVERSA LEARNING INSECURE KEY");
    let bytes = from_pem(&disguised, KeyKind::Textbook, None).unwrap();
    assert_eq!(Suite::Textbook.backend().signing_from_pkcs8(&bytes).err(), Some(CryptoError::BadEncoding));
}

#[test]
fn damaged_files_say_so() {
    let good = data("keys/ann.sign.pem");
    let other_header = good.replace("PRIVATE KEY", "EC PRIVATE KEY");
    let public = public_pem(signing(Suite::Classical, "ann").public().spki(), KeyKind::Rsa).unwrap();
    let odd_letter = good.replacen("MII", "M!I", 1);
    let long = good.clone() + &" ".repeat(100_000);
    for text in ["", "hello", &good[..100], &good[40..], &other_header, &public, &odd_letter, &long] {
        assert_eq!(from_pem(text, KeyKind::Rsa, None), Err(KeyFileError::Damaged), "{text:.60}");
        assert_eq!(from_pem(text, KeyKind::Rsa, Some("x")), Err(KeyFileError::Damaged), "{text:.60}");
        assert!(!is_encrypted(text));
        assert_eq!(kind_of(text), None);
    }
    // What stands before the key is not looked at, and not read through for ever.
    let after = |lines: usize| from_pem(&("x\n".repeat(lines) + &good), KeyKind::Rsa, None).map(|bytes| bytes.len());
    let bytes = from_pem(&good, KeyKind::Rsa, None).unwrap().len();
    assert_eq!((after(1), after(40_000)), (Ok(bytes), Err(KeyFileError::Damaged)));
    for length in 0..good.len() - 1 {
        assert_eq!(from_pem(&good[..length], KeyKind::Rsa, None), Err(KeyFileError::Damaged), "{length}");
    }
    let not_encrypted = good.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(from_pem(&not_encrypted, KeyKind::Rsa, Some("x")), Err(KeyFileError::Damaged));
}

#[test]
fn what_openssl_encrypts_is_read_too() {
    let bytes = key_bytes(Suite::Classical, "bo.enc");
    let key = PKey::private_key_from_pkcs8(&bytes).unwrap();
    for cipher in [Cipher::aes_256_cbc(), Cipher::aes_128_cbc()] {
        let text = key.private_key_to_pem_pkcs8_passphrase(cipher, b"secret").unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(*from_pem(&text, KeyKind::Rsa, Some("secret")).unwrap(), bytes);
        assert_eq!(from_pem(&text, KeyKind::Rsa, Some("Secret")), Err(KeyFileError::WrongPassphrase));
    }
}

#[test]
fn a_file_that_would_take_for_ever_is_not_tried() {
    let text = to_pem(&key_bytes(Suite::Classical, "ann.sign"), KeyKind::Rsa, Some("x")).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let der = data_encoding::BASE64.decode(body.as_bytes()).unwrap();
    // scrypt's N = 16384, r = 8, p = 5 as DER integers.
    let cost = [0x02, 0x02, 0x40, 0x00, 0x02, 0x01, 0x08, 0x02, 0x01, 0x05];
    let at = der.windows(cost.len()).position(|window| window == cost).unwrap();
    for (offset, value) in [(6, 0x10), (6, 0x7f), (9, 0x7f)] {
        let mut greedy = der.clone();
        greedy[at + offset] = value;
        let text = format!(
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n",
            data_encoding::BASE64
                .encode(&greedy)
                .as_bytes()
                .chunks(64)
                .map(|line| str::from_utf8(line).unwrap())
                .collect::<Vec<_>>()
                .join("\n")
        );
        assert_eq!(key_file::from_pem(&text, KeyKind::Rsa, Some("x")), Err(KeyFileError::Unsupported));
    }
}
