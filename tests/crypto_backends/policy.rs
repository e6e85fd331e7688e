//! Which keys the secure suite refuses, and how the refusal is called.

use conversa::crypto::{CryptoError, Suite};
use openssl::bn::BigNum;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

use super::{key_bytes, signing};

fn verdict(spki: &[u8]) -> Option<CryptoError> {
    let backend = Suite::Classical.backend();
    let verdict = backend.verifying_from_spki(spki).err();
    assert_eq!(backend.encryption_from_spki(spki).err(), verdict, "both uses judge alike");
    verdict
}

/// The SPKI of an odd number of `bits` bits and an exponent. Nobody needs its factors.
fn spki(bits: i32, exponent: u32) -> Vec<u8> {
    let mut modulus = BigNum::new().unwrap();
    modulus.set_bit(bits - 1).unwrap();
    modulus.set_bit(bits / 2).unwrap();
    modulus.set_bit(0).unwrap();
    encode(modulus, exponent)
}

fn encode(modulus: BigNum, exponent: u32) -> Vec<u8> {
    let rsa = Rsa::from_public_components(modulus, BigNum::from_u32(exponent).unwrap()).unwrap();
    PKey::from_rsa(rsa).unwrap().public_key_to_der().unwrap()
}

#[test]
fn only_two_sizes_are_accepted() {
    assert_eq!(Suite::Classical.backend().key_bits(), [3072, 4096]);
    for bits in [3072, 4096] {
        assert_eq!(verdict(&spki(bits, 65537)), None, "{bits}");
    }
    for bits in [64, 512, 1024, 2048, 3064, 3071, 3073, 3080, 4095, 4097, 6144, 8192] {
        assert_eq!(verdict(&spki(bits, 65537)), Some(CryptoError::KeyPolicy), "{bits}");
    }
    assert_eq!(verdict(&spki(65536, 65537)), Some(CryptoError::BadEncoding), "too long to be looked at");
}

#[test]
fn only_one_exponent_and_odd_moduli_are_accepted() {
    for exponent in [1, 2, 3, 5, 17, 257, 65535, 65536, 65539, u32::MAX] {
        assert_eq!(verdict(&spki(3072, exponent)), Some(CryptoError::KeyPolicy), "{exponent}");
    }
    let mut even = BigNum::new().unwrap();
    even.set_bit(3071).unwrap();
    even.set_bit(1).unwrap();
    assert_eq!(verdict(&encode(even, 65537)), Some(CryptoError::KeyPolicy));
}

/// The DER of one item.
fn item(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let head = match content.len() {
        0..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [head, content.to_vec()].concat()
}

/// A public key put together by hand, so that each part can be spoiled.
fn by_hand(oid: &[u8], parameters: &[u8], unused_bits: u8, modulus: &[u8], exponent: &[u8], after: &[u8]) -> Vec<u8> {
    let numbers = item(0x30, &[item(0x02, modulus), item(0x02, exponent), after.to_vec()].concat());
    let algorithm = item(0x30, &[item(0x06, oid), parameters.to_vec()].concat());
    item(0x30, &[algorithm, item(0x03, &[vec![unused_bits], numbers].concat())].concat())
}

#[test]
fn a_key_has_one_encoding_only() {
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    const RSA_OAEP: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x07];
    const NULL: &[u8] = &[0x05, 0x00];
    const F4: &[u8] = &[1, 0, 1];
    let key = signing(Suite::Classical, "ann").public();
    let bytes = key_bytes(Suite::Classical, "ann.sign");
    let modulus = PKey::private_key_from_pkcs8(&bytes).unwrap().rsa().unwrap().n().to_vec();
    let modulus = [&[0], modulus.as_slice()].concat();
    let good = by_hand(RSA, NULL, 0, &modulus, F4, &[]);
    assert_eq!(good, key.spki(), "the parts are right");
    assert_eq!(verdict(&good), None);

    let wide_modulus = [&[0], modulus.as_slice()].concat();
    let odd = [
        ("no parameters", by_hand(RSA, &[], 0, &modulus, F4, &[])),
        ("other parameters", by_hand(RSA, &[0x30, 0x00], 0, &modulus, F4, &[])),
        ("a NULL with content", by_hand(RSA, &[0x05, 0x01, 0x00], 0, &modulus, F4, &[])),
        ("two NULLs", by_hand(RSA, &[0x05, 0x00, 0x05, 0x00], 0, &modulus, F4, &[])),
        ("RSASSA-PSS", by_hand(RSA_PSS, NULL, 0, &modulus, F4, &[])),
        ("RSASSA-PSS without parameters", by_hand(RSA_PSS, &[], 0, &modulus, F4, &[])),
        ("RSAES-OAEP", by_hand(RSA_OAEP, NULL, 0, &modulus, F4, &[])),
        ("unused bits", by_hand(RSA, NULL, 1, &modulus, F4, &[])),
        ("a modulus with a zero more", by_hand(RSA, NULL, 0, &wide_modulus, F4, &[])),
        ("a negative modulus", by_hand(RSA, NULL, 0, &modulus[1..], F4, &[])),
        ("an exponent with a zero more", by_hand(RSA, NULL, 0, &modulus, &[0, 1, 0, 1], &[])),
        ("no exponent", by_hand(RSA, NULL, 0, &modulus, &[], &[])),
        ("a third number", by_hand(RSA, NULL, 0, &modulus, F4, &[0x02, 0x01, 0x01])),
        ("a byte after", [good.as_slice(), &[0]].concat()),
        ("a byte before", [&[0], good.as_slice()].concat()),
        ("a length in a longer form", [&[0x30, 0x83, 0x00], &good[2..]].concat()),
        ("an endless length", [&[0x30, 0x80], &good[4..], &[0, 0]].concat()),
        ("the bare numbers", item(0x30, &[item(0x02, &modulus), item(0x02, F4)].concat())),
        ("nothing", Vec::new()),
    ];
    for (why, spki) in odd {
        assert_eq!(verdict(&spki), Some(CryptoError::BadEncoding), "{why}");
    }
}

#[test]
fn keys_of_other_algorithms_are_refused() {
    for key in [PKey::generate_ed25519().unwrap(), PKey::generate_x25519().unwrap(), PKey::ec_gen("P-256").unwrap()] {
        assert_eq!(verdict(&key.public_key_to_der().unwrap()), Some(CryptoError::BadEncoding));
        let pkcs8 = key.private_key_to_pkcs8().unwrap();
        assert_eq!(Suite::Classical.backend().signing_from_pkcs8(&pkcs8).err(), Some(CryptoError::BadEncoding));
    }
}

#[test]
fn private_keys_meet_the_same_policy() {
    let backend = Suite::Classical.backend();
    for (bits, exponent) in [(1024, 65537), (2048, 65537), (3072, 3)] {
        let rsa = Rsa::generate_with_e(bits, &BigNum::from_u32(exponent).unwrap()).unwrap();
        let pkcs8 = PKey::from_rsa(rsa).unwrap().private_key_to_pkcs8().unwrap();
        assert_eq!(backend.signing_from_pkcs8(&pkcs8).err(), Some(CryptoError::KeyPolicy), "{bits} {exponent}");
        assert_eq!(backend.decryption_from_pkcs8(&pkcs8).err(), Some(CryptoError::KeyPolicy), "{bits} {exponent}");
    }
}

#[test]
fn a_private_key_whose_numbers_do_not_belong_together_is_refused() {
    let good = key_bytes(Suite::Classical, "ann.sign");
    // Across all its numbers: modulus, d, both primes, both exponents and the coefficient.
    for byte in (60..good.len()).step_by(200) {
        let mut changed = good.clone();
        changed[byte] ^= 2;
        assert!(Suite::Classical.backend().signing_from_pkcs8(&changed).is_err(), "byte {byte}");
    }
}
