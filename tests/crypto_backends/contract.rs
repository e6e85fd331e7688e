//! What every suite promises. A new suite is held to it by being in `Suite::ALL`.

use std::sync::Arc;
use std::thread;

use conversa::crypto::{CryptoError, Domain, Suite};

use super::{backends, decryption, key_bytes, signing};

/// The domains that every suite signs for; TLS is the secure suite's alone.
const DOMAINS: [Domain; 6] =
    [Domain::Bundle, Domain::Genesis, Domain::Roster, Domain::Prekey, Domain::SenderKey, Domain::Learning];

#[test]
fn a_suite_is_what_its_backend_says() {
    for suite in Suite::ALL {
        assert_eq!(suite.backend().suite(), suite);
        assert_eq!(Suite::from_code(suite.code()), Some(suite));
        assert_eq!(signing(suite, "ann").public().kind(), suite.key_kind());
        assert_eq!(decryption(suite, "ann").public().kind(), suite.key_kind());
    }
    assert_eq!(Suite::from_code(77), None);
}

#[test]
fn a_suite_makes_the_keys_of_its_key_kind() {
    for suite in Suite::ALL {
        let (backend, of_keys) = (suite.backend(), suite.key_kind().backend());
        assert_eq!((backend.key_bits(), backend.labels()), (of_keys.key_bits(), of_keys.labels()), "{suite:?}");
        assert!(backend.key_bits().len() > 1 && !backend.key_bits().contains(&1));
        assert_eq!(backend.generate_signing(1).err(), Some(CryptoError::KeyPolicy), "{suite:?}");
        assert_eq!(backend.generate_decryption(1).err(), Some(CryptoError::KeyPolicy), "{suite:?}");
        let least = backend.key_bits().iter().copied().filter(|bits| *bits >= 256).min().unwrap();
        let made = backend.generate_signing(least).unwrap();
        assert_eq!((made.public().kind(), made.public().bits()), (suite.key_kind(), least));
    }
}

#[test]
fn a_signature_holds_for_its_key_domain_and_message_only() {
    for suite in Suite::ALL {
        let (ann, bo) = (signing(suite, "ann"), signing(suite, "bo"));
        for domain in DOMAINS {
            let signature = ann.sign(domain, b"hello").unwrap();
            assert_eq!(ann.public().verify(domain, b"hello", &signature), Ok(()));
            assert_eq!(bo.public().verify(domain, b"hello", &signature), Err(CryptoError::Signature));
            for message in [&b"hellp"[..], b"hell", b"hello\0", b""] {
                assert_eq!(ann.public().verify(domain, message, &signature), Err(CryptoError::Signature));
            }
            for other in DOMAINS.into_iter().filter(|other| *other != domain) {
                assert_eq!(ann.public().verify(other, b"hello", &signature), Err(CryptoError::Signature));
            }
        }
    }
}

#[test]
fn a_signature_with_any_bit_flipped_is_refused() {
    for suite in Suite::ALL {
        let ann = signing(suite, "ann");
        let signature = ann.sign(Domain::Roster, b"hello").unwrap();
        for byte in 0..signature.len() {
            let mut changed = signature.clone();
            changed[byte] ^= 1 << (byte % 8);
            assert_eq!(ann.public().verify(Domain::Roster, b"hello", &changed), Err(CryptoError::Signature), "{byte}");
        }
        for length in 0..signature.len() {
            assert!(ann.public().verify(Domain::Roster, b"hello", &signature[..length]).is_err());
        }
        let longer = [signature.as_slice(), &[0]].concat();
        assert_eq!(ann.public().verify(Domain::Roster, b"hello", &longer), Err(CryptoError::Signature));
    }
}

#[test]
fn tls_signatures_are_the_secure_suites_alone() {
    let message =
        |side: &str| [&[b' '; 64], format!("TLS 1.3, {side} CertificateVerify\0").as_bytes(), &[7; 32]].concat();
    for (domain, own, other) in [
        (Domain::TlsHost, message("server"), message("client")),
        (Domain::TlsClient, message("client"), message("server")),
    ] {
        let ann = signing(Suite::Classical, "ann");
        let signature = ann.sign(domain, &own).unwrap();
        assert_eq!(ann.public().verify(domain, &own, &signature), Ok(()));
        for wrong in [other.as_slice(), b"", b"conversa/1 bundle\0", &own[1..]] {
            assert_eq!(ann.sign(domain, wrong), Err(CryptoError::Signature));
            assert_eq!(ann.public().verify(domain, wrong, &signature), Err(CryptoError::Signature));
        }
        assert_eq!(signing(Suite::Textbook, "ann").sign(domain, &own), Err(CryptoError::Signature));
    }
}

#[test]
fn what_is_encrypted_opens_for_its_key_only() {
    for suite in Suite::ALL {
        let (ann, bo) = (decryption(suite, "ann"), decryption(suite, "bo"));
        for secret in [[1; 32], [255; 32], core::array::from_fn(|index| index as u8)] {
            let ciphertext = ann.public().encrypt(b"label", &secret).unwrap();
            assert_eq!(*ann.decrypt(b"label", &ciphertext).unwrap(), secret);
            let by_another = bo.decrypt(b"label", &ciphertext);
            assert!(by_another.is_err() || *by_another.unwrap() != secret);
        }
    }
}

#[test]
fn malformed_ciphertexts_fail_alike() {
    for suite in Suite::ALL {
        let ann = decryption(suite, "ann");
        let ciphertext = ann.public().encrypt(b"label", &[7; 32]).unwrap();
        let longer = [ciphertext.as_slice(), &[0]].concat();
        for bad in
            [&ciphertext[1..], &ciphertext[..ciphertext.len() - 1], &longer, &[], &[0; 384], &[255; 384], b"hello"]
        {
            assert_eq!(ann.decrypt(b"label", bad).err(), Some(CryptoError::Decrypt));
        }
    }
}

/// One in 256 begins with a zero: without it the number is the same, and the bytes are others.
#[test]
fn leading_zeros_cannot_be_left_out() {
    let begins_with_zero = |make: &dyn Fn() -> Vec<u8>| {
        std::iter::repeat_with(make).take(5_000).find(|bytes| bytes.first() == Some(&0)).unwrap()
    };
    let ann = decryption(Suite::Classical, "ann");
    let public = ann.public();
    let ciphertext = begins_with_zero(&|| public.encrypt(b"label", &[7; 32]).unwrap());
    assert_eq!(*ann.decrypt(b"label", &ciphertext).unwrap(), [7; 32]);
    assert_eq!(ann.decrypt(b"label", &ciphertext[1..]).err(), Some(CryptoError::Decrypt));
    let ann = signing(Suite::Classical, "ann");
    let signature = begins_with_zero(&|| ann.sign(Domain::Bundle, b"message").unwrap());
    assert_eq!(ann.public().verify(Domain::Bundle, b"message", &signature), Ok(()));
    let shorter = ann.public().verify(Domain::Bundle, b"message", &signature[1..]);
    assert_eq!(shorter, Err(CryptoError::Signature));
}

#[test]
fn what_the_secure_suite_adds() {
    let ann = decryption(Suite::Classical, "ann");
    let public = ann.public();
    let ciphertext = public.encrypt(b"label", &[7; 32]).unwrap();
    assert_ne!(public.encrypt(b"label", &[7; 32]).unwrap(), ciphertext, "the same words never look the same");
    for label in [&b"other"[..], b"", b"label\0"] {
        assert_eq!(ann.decrypt(label, &ciphertext).err(), Some(CryptoError::Decrypt), "the label is bound");
    }
    for byte in (0..ciphertext.len()).step_by(7) {
        let mut changed = ciphertext.clone();
        changed[byte] ^= 0x10;
        assert_eq!(ann.decrypt(b"label", &changed).err(), Some(CryptoError::Decrypt));
    }
    assert_eq!(public.max_plaintext(), 32);
    assert_eq!(public.encrypt(b"", &[7; 33]), Err(CryptoError::TooLong));
    assert_eq!(public.encrypt(b"", &[7; 31]), Err(CryptoError::BadEncoding), "exactly 32 bytes");
}

#[test]
fn what_the_textbook_suite_lacks() {
    let ann = decryption(Suite::Textbook, "ann");
    let public = ann.public();
    let ciphertext = public.encrypt(b"label", b"hello").unwrap();
    assert_eq!(public.encrypt(b"label", b"hello").unwrap(), ciphertext, "the same words always look the same");
    assert_eq!(ann.decrypt(b"other", &ciphertext).unwrap().as_slice(), b"hello", "the label binds nothing");
    let zero = public.encrypt(b"", &[0; 32]).unwrap();
    assert_eq!(zero, decryption(Suite::Textbook, "bo").public().encrypt(b"", &[0; 32]).unwrap(), "zero is always zero");
    assert_eq!(public.encrypt(b"", b"").unwrap(), [0x80], "nothing is an empty list");
    assert_eq!(ann.decrypt(b"", &[0x80]).unwrap().as_slice(), b"");
    let text = vec![b'x'; 20_000];
    let ciphertext = public.encrypt(b"", &text).unwrap();
    assert_eq!(*ann.decrypt(b"", &ciphertext).unwrap(), text, "any length");
    let too_long = vec![0; public.max_plaintext() + 1];
    assert_eq!(public.encrypt(b"", &too_long), Err(CryptoError::TooLong), "but not without end");
}

#[test]
fn keys_read_back_as_they_were() {
    for suite in Suite::ALL {
        let backend = suite.backend();
        let sign = key_bytes(suite, "ann.sign");
        let key = backend.signing_from_pkcs8(&sign).unwrap();
        assert_eq!(*key.to_pkcs8().unwrap(), sign);
        let spki = key.public().spki().to_vec();
        assert_eq!(backend.verifying_from_spki(&spki).unwrap().spki(), spki);
        let signature = key.sign(Domain::Bundle, b"x").unwrap();
        assert_eq!(backend.verifying_from_spki(&spki).unwrap().verify(Domain::Bundle, b"x", &signature), Ok(()));

        let enc = key_bytes(suite, "ann.enc");
        let key = backend.decryption_from_pkcs8(&enc).unwrap();
        assert_eq!(*key.to_pkcs8().unwrap(), enc);
        let spki = key.public().spki().to_vec();
        let ciphertext = backend.encryption_from_spki(&spki).unwrap().encrypt(b"l", &[1; 32]).unwrap();
        assert_eq!(*key.decrypt(b"l", &ciphertext).unwrap(), [1; 32]);
    }
}

#[test]
fn a_suite_refuses_the_others_keys() {
    let pairs = backends().into_iter().flat_map(|own| backends().map(|other| (Arc::clone(&own), other)));
    for (own, other) in pairs.filter(|(own, other)| own.suite().key_kind() != other.suite().key_kind()) {
        let private = key_bytes(other.suite(), "ann.sign");
        let spki = signing(other.suite(), "ann").public().spki().to_vec();
        assert_eq!(own.signing_from_pkcs8(&private).err(), Some(CryptoError::BadEncoding));
        assert_eq!(own.decryption_from_pkcs8(&private).err(), Some(CryptoError::BadEncoding));
        assert_eq!(own.verifying_from_spki(&spki).err(), Some(CryptoError::BadEncoding));
        assert_eq!(own.encryption_from_spki(&spki).err(), Some(CryptoError::BadEncoding));
    }
}

#[test]
fn cut_and_longer_keys_are_refused_and_nothing_panics() {
    for suite in Suite::ALL {
        let backend = suite.backend();
        let private = key_bytes(suite, "ann.sign");
        let spki = signing(suite, "ann").public().spki().to_vec();
        for length in 0..private.len() {
            assert!(backend.signing_from_pkcs8(&private[..length]).is_err(), "{length}");
            assert!(backend.decryption_from_pkcs8(&private[..length]).is_err(), "{length}");
        }
        for length in 0..spki.len() {
            assert!(backend.verifying_from_spki(&spki[..length]).is_err(), "{length}");
            assert!(backend.encryption_from_spki(&spki[..length]).is_err(), "{length}");
        }
        for end in [&[0][..], &[0; 10_000]] {
            assert!(backend.signing_from_pkcs8(&[&private, end].concat()).is_err());
            assert!(backend.verifying_from_spki(&[&spki, end].concat()).is_err());
        }
    }
}

#[test]
fn changed_public_keys_never_pass_for_the_same_and_never_panic() {
    for suite in Suite::ALL {
        let backend = suite.backend();
        let spki = signing(suite, "ann").public().spki().to_vec();
        for byte in 0..spki.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = spki.clone();
                changed[byte] ^= flip;
                // Another modulus may be a fine key; whatever is accepted has this one encoding.
                if let Ok(key) = backend.verifying_from_spki(&changed) {
                    assert_eq!(key.spki(), changed);
                    assert!(key.verify(Domain::Roster, b"x", &[0; 384]).is_err());
                }
                if let Ok(key) = backend.encryption_from_spki(&changed) {
                    assert!(key.encrypt(b"", &[1; 32]).is_ok());
                }
            }
        }
    }
}

#[test]
fn made_keys_work_and_have_their_size() {
    for (suite, bits) in
        [(Suite::Classical, 3072), (Suite::Textbook, 16), (Suite::Textbook, 17), (Suite::Textbook, 333)]
    {
        let backend = suite.backend();
        let key = backend.generate_signing(bits).unwrap();
        let signature = key.sign(Domain::Bundle, b"hello").unwrap();
        assert_eq!(key.public().verify(Domain::Bundle, b"hello", &signature), Ok(()));
        let pkcs8 = key.to_pkcs8().unwrap();
        assert_eq!(backend.signing_from_pkcs8(&pkcs8).unwrap().public().spki(), key.public().spki());
    }
    for bits in Suite::Textbook.backend().key_bits() {
        let key = Suite::Textbook.backend().generate_decryption(*bits).unwrap();
        let ciphertext = key.public().encrypt(b"", &[9; 32]).unwrap();
        assert_eq!(*key.decrypt(b"", &ciphertext).unwrap(), [9; 32]);
    }
}

#[test]
fn sizes_outside_the_range_are_not_made() {
    for (suite, sizes) in [
        (Suite::Classical, [0, 16, 1024, 2048, 3071, 3073, 8192, u32::MAX].as_slice()),
        (Suite::Textbook, &[0, 1, 15, 2049, 3072, u32::MAX]),
    ] {
        for bits in sizes {
            assert_eq!(suite.backend().generate_signing(*bits).err(), Some(CryptoError::KeyPolicy), "{bits}");
            assert_eq!(suite.backend().generate_decryption(*bits).err(), Some(CryptoError::KeyPolicy), "{bits}");
        }
    }
}

#[test]
fn one_key_serves_several_threads() {
    for suite in Suite::ALL {
        let (sign, decrypt) = (signing(suite, "ann"), decryption(suite, "ann"));
        thread::scope(|scope| {
            for number in 0..4u8 {
                let (sign, decrypt) = (&sign, &decrypt);
                scope.spawn(move || {
                    for _ in 0..5 {
                        let signature = sign.sign(Domain::Prekey, &[number]).unwrap();
                        assert_eq!(sign.public().verify(Domain::Prekey, &[number], &signature), Ok(()));
                        let ciphertext = decrypt.public().encrypt(b"l", &[number; 32]).unwrap();
                        assert_eq!(*decrypt.decrypt(b"l", &ciphertext).unwrap(), [number; 32]);
                    }
                });
            }
        });
    }
}
