//! Signed payloads as a fuzzer makes them up: bytes as they are, or a payload that we sign for it, so that it gets
//! past the signature to what reads the payload.

use conversa::crypto::{Domain, Suite};
use conversa::wire::{Signed, decode};

use super::input::Input;
use super::payloads::sign;
use super::people::{PEOPLE, signing};

/// Whose keys sign, and whether they do.
pub(super) struct Source {
    pub suite: Suite,
    pub person: usize,
    pub signs: bool,
}

impl Source {
    /// Signing costs next to nothing with learning keys and milliseconds with the others, which therefore come
    /// less often.
    pub(super) fn read(input: &mut Input<'_>) -> Self {
        let choice = input.byte();
        let (suite, signs) = match choice % 16 {
            0 => (Suite::Classical, true),
            1 => (Suite::Hybrid, true),
            2 | 3 => (Suite::Classical, false),
            4 | 5 => (Suite::Hybrid, false),
            6 | 7 => (Suite::Textbook, false),
            _ => (Suite::Textbook, true),
        };
        Self { suite, person: usize::from(choice / 16) % PEOPLE, signs }
    }

    /// The byte that reads as this source.
    pub(super) fn code(&self) -> u8 {
        let kind = match (self.suite, self.signs) {
            (Suite::Classical, true) => 0,
            (Suite::Hybrid, true) => 1,
            (Suite::Classical, false) => 2,
            (Suite::Hybrid, false) => 4,
            (Suite::Textbook, false) => 6,
            (Suite::Textbook, true) => 8,
        };
        self.person as u8 * 16 + kind
    }

    /// `bytes` as a signed payload: their own signature, or ours.
    pub(super) fn signed(&self, domain: Domain, bytes: &[u8]) -> Option<Signed> {
        if self.signs {
            return Some(sign(&*signing(self.suite, self.person), domain, bytes.to_vec()));
        }
        decode(bytes).ok()
    }
}
