//! Fixed numbers: both suites against a second implementation in Python (`tests/data/crypto/*.py`).
//! Wycheproof's files run next to the arithmetic itself.

use std::collections::BTreeMap;

use conversa::crypto::{CryptoError, Domain, Suite};
use serde_json::Value;

use super::{data, decryption, signing, unhex};

/// The messages of each key in `textbook.json`, and the keys.
const TEXTBOOK_KEYS: usize = 9;
const TEXTBOOK_MESSAGES: usize = 7;

/// Of each kind in `rfc8017.json`: twelve cases for each of four keys.
const RFC8017_CASES: usize = 48;

fn field(value: &Value, name: &str) -> Vec<u8> {
    unhex(value[name].as_str().unwrap())
}

/// The person in a key's name, such as `ann` in `ann.sign`.
fn person(value: &Value) -> &str {
    value["key"].as_str().unwrap().split('.').next().unwrap()
}

#[test]
fn textbook_numbers_are_those_of_pythons_pow() {
    let backend = Suite::Textbook.backend();
    let vectors: Vec<Value> = serde_json::from_str(&data("crypto/textbook.json")).unwrap();
    assert_eq!(vectors.len(), TEXTBOOK_KEYS);
    for vector in &vectors {
        let (private, public) = (field(vector, "private"), field(vector, "public"));
        let decrypts = backend.decryption_from_pkcs8(&private).unwrap();
        let signs = backend.signing_from_pkcs8(&private).unwrap();
        assert_eq!(decrypts.public().spki(), public);
        let messages = vector["messages"].as_array().unwrap();
        assert_eq!(messages.len(), TEXTBOOK_MESSAGES);
        for case in messages {
            let [message, ciphertext, signature] = ["message", "ciphertext", "signature"].map(|name| field(case, name));
            let bits = &vector["bits"];
            assert_eq!(decrypts.public().encrypt(b"", &message).unwrap(), ciphertext, "{bits} bits");
            assert_eq!(*decrypts.decrypt(b"", &ciphertext).unwrap(), message, "{bits} bits");
            assert_eq!(signs.sign(Domain::Learning, &message).unwrap(), signature, "{bits} bits");
            assert_eq!(signs.public().verify(Domain::Learning, &message, &signature), Ok(()), "{bits} bits");
        }
    }
}

#[test]
fn oaep_is_that_of_rfc_8017() {
    let file: Value = serde_json::from_str(&data("crypto/rfc8017.json")).unwrap();
    let cases = file["oaep"].as_array().unwrap();
    assert_eq!(cases.len(), RFC8017_CASES);
    let mut keys = BTreeMap::new(); // Reading a key takes a tenth of a second: both primes are tested.
    for case in cases {
        let key = keys.entry(person(case)).or_insert_with_key(|person| decryption(Suite::Classical, person));
        let opened = key.decrypt(&field(case, "label"), &field(case, "ciphertext")).map(|text| text.to_vec());
        let good = case["good"].as_bool().unwrap();
        let expected = if good { Ok(field(case, "message")) } else { Err(CryptoError::Decrypt) };
        assert_eq!(opened, expected, "{}: {}", case["key"], case["why"]);
    }
}

#[test]
fn pss_is_that_of_rfc_8017() {
    let file: Value = serde_json::from_str(&data("crypto/rfc8017.json")).unwrap();
    let cases = file["pss"].as_array().unwrap();
    assert_eq!(cases.len(), RFC8017_CASES);
    let mut keys = BTreeMap::new();
    for case in cases {
        let key = keys.entry(person(case)).or_insert_with_key(|person| signing(Suite::Classical, person).public());
        let held = key.verify(Domain::Roster, &field(case, "message"), &field(case, "signature"));
        let expected = if case["good"].as_bool().unwrap() { Ok(()) } else { Err(CryptoError::Signature) };
        assert_eq!(held, expected, "{}: {}", case["key"], case["why"]);
    }
}
