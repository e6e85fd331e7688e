//! Safety numbers: what two people compare, aloud or by a code, to know that nobody is between them. In the numeric
//! form that Signal made popular; 60 digits carry 199 bits.

use data_encoding::BASE32_NOPAD;

use crate::crypto::primitives::sha512;
use crate::crypto::{Fingerprint, VerifyingKey};

/// How often a key is hashed: it makes finding a key with the same digits that much slower.
const ROUNDS: usize = 5_200;
/// Digits of the whole number.
const DIGITS: usize = 60;
/// Digits in a group.
const GROUP: usize = 5;
/// How the code that can be pasted or scanned begins.
const SCHEME: &str = "conversa-check:1:";
/// The version in the code.
const VERSION: u8 = 1;
/// Its bytes: the version and two fingerprints.
const CODE_BYTES: usize = 65;
/// The most characters of pasted text that are examined: the code with some white space.
const PASTED_CHARS_MAX: usize = 1_024;

/// The number that two people share, from one's own side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SafetyNumber {
    digits: String,
    own: Fingerprint,
    other: Fingerprint,
}

/// The result of comparing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// The same: nobody is in between.
    Same,
    /// A different number or different keys.
    Different,
    /// Our own code: the other person's is needed.
    Own,
    /// Neither a number nor a code.
    Unclear,
}

impl SafetyNumber {
    /// The number of two keys: 10,400 hashes, a few milliseconds.
    #[must_use]
    pub fn between(own: &dyn VerifyingKey, other: &dyn VerifyingKey) -> Self {
        let mut halves = [half(own), half(other)];
        halves.sort();
        Self { digits: halves.concat(), own: Fingerprint::of(own.spki()), other: Fingerprint::of(other.spki()) }
    }

    /// The other person.
    #[must_use]
    pub const fn other(&self) -> Fingerprint {
        self.other
    }

    /// Its 60 digits in twelve groups of five, the same on both sides.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.digits.as_bytes().chunks(GROUP).filter_map(|group| str::from_utf8(group).ok())
    }

    /// The code to be scanned or pasted on the other side: both fingerprints, one's own first.
    #[must_use]
    pub fn code(&self) -> String {
        format!("{SCHEME}{}", BASE32_NOPAD.encode(&code_of(&self.own, &self.other)).to_ascii_lowercase())
    }

    /// Compares with what the other person's side shows: its digits, grouped in any way, or its code.
    #[must_use]
    pub fn compare(&self, pasted: &str) -> Comparison {
        let text: String = pasted.chars().filter(|c| !c.is_whitespace()).take(PASTED_CHARS_MAX).collect();
        let text = text.to_ascii_lowercase();
        if let Some(code) = text.strip_prefix(SCHEME) {
            return self.compare_code(code);
        }
        let is_between = |c: char| matches!(c, '-' | '.' | ',' | '·');
        let digits: String = text.chars().filter(|c| !is_between(*c)).collect();
        if digits.len() != DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Comparison::Unclear
        } else if digits == self.digits {
            Comparison::Same
        } else {
            Comparison::Different
        }
    }

    fn compare_code(&self, code: &str) -> Comparison {
        let bytes = BASE32_NOPAD.decode(code.to_ascii_uppercase().as_bytes()).unwrap_or_default();
        if bytes.len() != CODE_BYTES || bytes.first() != Some(&VERSION) {
            Comparison::Unclear
        } else if bytes == code_of(&self.other, &self.own) {
            Comparison::Same
        } else if bytes == code_of(&self.own, &self.other) {
            Comparison::Own
        } else {
            Comparison::Different
        }
    }
}

fn code_of(first: &Fingerprint, second: &Fingerprint) -> Vec<u8> {
    [&[VERSION][..], first.as_bytes(), second.as_bytes()].concat()
}

/// 30 digits of one key: `D = SHA-512(0x0001 || SPKI || fingerprint || SPKI)`, then 5,199 times
/// `D = SHA-512(D || SPKI)`.
fn half(key: &dyn VerifyingKey) -> String {
    let spki = key.spki();
    let fingerprint = Fingerprint::of(spki);
    let mut digest = sha512(&[&[0, 1], spki, fingerprint.as_bytes(), spki]);
    for _ in 1..ROUNDS {
        digest = sha512(&[&digest, spki]);
    }
    digits(&digest)
}

/// 30 digits of a hash: each five of its first 30 bytes are a number, whose last five digits count.
pub(super) fn digits(hash: &[u8]) -> String {
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    hash.chunks_exact(5).take(6).map(|bytes| format!("{:05}", number(bytes) % 100_000)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{KeyKind, Suite};
    use std::sync::Arc;

    fn key(name: &str) -> Arc<dyn VerifyingKey> {
        let path = format!("{}/tests/data/keys/{name}.sign.pem", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let pkcs8 = crate::crypto::key_file::from_pem(&text, KeyKind::Rsa, None).unwrap();
        Suite::Classical.backend().signing_from_pkcs8(&pkcs8).unwrap().public()
    }

    fn number(own: &str, other: &str) -> SafetyNumber {
        SafetyNumber::between(&*key(own), &*key(other))
    }

    #[test]
    fn both_sides_have_the_number_that_another_program_finds() {
        // Python: `half` as in docs/protocol.md, with hashlib, over the keys in tests/data/keys.
        let expected = "02917 89203 23560 91916 88010 38345 69000 27372 02606 31757 02197 38919";
        let joined = |number: &SafetyNumber| number.groups().collect::<Vec<_>>().join(" ");
        assert_eq!(joined(&number("ann", "bo")), expected);
        assert_eq!(joined(&number("bo", "ann")), expected);
        assert_ne!(joined(&number("ann", "carol")), expected);
    }

    #[test]
    fn what_is_pasted_is_compared_however_it_is_written() {
        let (ann, bo, other) = (number("ann", "bo"), number("bo", "ann"), number("bo", "carol"));
        let digits: Vec<&str> = bo.groups().collect();
        for same in [digits.join(" "), digits.concat(), digits.join("\n"), digits.join("-"), bo.code()] {
            assert_eq!(ann.compare(&same), Comparison::Same, "{same}");
        }
        assert_eq!(ann.compare(&bo.code().to_ascii_uppercase()), Comparison::Same);
        assert_eq!(ann.compare(&ann.code()), Comparison::Own);
        for different in [other.code(), other.groups().collect()] {
            assert_eq!(ann.compare(&different), Comparison::Different, "{different}");
        }
        let unclear = ["", "hello", "12345", "conversa-check:1:", "conversa-check:1:aaaa", "conversa-check:2:aaaa"];
        for unclear in unclear.into_iter().chain([&*"1".repeat(61), &*"9".repeat(PASTED_CHARS_MAX * 2)]) {
            assert_eq!(ann.compare(unclear), Comparison::Unclear, "{unclear}");
        }
    }
}
