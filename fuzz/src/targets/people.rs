//! Four people with fixed keys of each suite, and randomness that repeats itself.

use std::sync::{Arc, LazyLock};

use conversa::crypto::{Fingerprint, Random, Result, SigningKey, Suite, key_file, primitives};
use conversa::protocol::{Identity, LearningConsent, Now, RoomCrypto};

/// The time at which every target begins.
pub(super) const START: Now = Now::at(1_000, 1_800_000_000_000);

/// The owner of every room, whose computer also is the host's.
pub(super) const ANN: usize = 0;
/// A member.
pub(super) const BO: usize = 1;
/// A member.
pub(super) const CAROL: usize = 2;
/// Nobody's guest yet.
pub(super) const DAVE: usize = 3;
/// How many people there are.
pub(super) const PEOPLE: usize = 4;

macro_rules! key_files {
    ($ending:literal; $($name:literal)*) => {
        [$((
            include_str!(concat!("../../../tests/data/keys/", $name, ".sign", $ending)),
            include_str!(concat!("../../../tests/data/keys/", $name, ".enc", $ending)),
        ),)*]
    };
}

const SECURE: [(&str, &str); PEOPLE] = key_files!(".pem"; "ann" "bo" "carol" "dave");
const LEARNING: [(&str, &str); PEOPLE] = key_files!(".learning.pem"; "ann" "bo" "carol" "dave");

/// The keys of a person for rooms of `suite`.
pub(super) fn identity(suite: Suite, person: usize) -> Arc<Identity> {
    static WITH_SECURE: LazyLock<Vec<Arc<Identity>>> = LazyLock::new(|| identities(Suite::Classical, &SECURE));
    static WITH_LEARNING: LazyLock<Vec<Arc<Identity>>> = LazyLock::new(|| identities(Suite::Textbook, &LEARNING));
    let people = if suite.is_learning() { &WITH_LEARNING } else { &WITH_SECURE };
    Arc::clone(&people[person])
}

fn identities(suite: Suite, files: &[(&str, &str)]) -> Vec<Arc<Identity>> {
    let backend = suite.backend();
    let read = |text: &str| key_file::from_pem(text, suite.key_kind(), None).unwrap();
    let made = files.iter().map(|(sign, enc)| {
        let signing = backend.signing_from_pkcs8(&read(sign)).unwrap();
        let decryption = backend.decryption_from_pkcs8(&read(enc)).unwrap();
        Arc::new(Identity::new(signing, decryption, START).unwrap())
    });
    made.collect()
}

pub(super) fn fingerprint(suite: Suite, person: usize) -> Fingerprint {
    identity(suite, person).fingerprint()
}

/// The key with which a fuzzer signs what it made up, so that it gets past the signature.
pub(super) fn signing(suite: Suite, person: usize) -> Arc<dyn SigningKey> {
    Arc::clone(identity(suite, person).signing())
}

pub(super) fn crypto(suite: Suite) -> RoomCrypto {
    match suite {
        Suite::Textbook => RoomCrypto::Learning(LearningConsent::given_by_a_person()),
        suite => RoomCrypto::trusted(suite).unwrap(),
    }
}

/// Bytes that look random and are the same in each run.
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed << 32)
    }
}

impl Random for Seeded {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        for chunk in buffer.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&primitives::sha256(&self.0.to_be_bytes())[..chunk.len()]);
        }
        Ok(())
    }
}
