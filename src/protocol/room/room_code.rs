//! Room codes: what members read to each other to know that the host shows all of them the same list of members.
//! Nothing on the wire reveals a host that splits a room for ever and lets nothing cross.

use crate::crypto::primitives::Digest;
use crate::protocol::safety_number::digits;

/// Digits in a group.
const GROUP: usize = 5;

/// 30 digits of the roster's hash `R_q`. They are the same for everybody in the room, until the next change to its
/// members.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomCode(String);

impl RoomCode {
    /// The code of a roster whose hash after the newest entry is `hash`; with only the owner, that is the room's id,
    /// `R_0`.
    #[must_use]
    pub fn of(hash: &Digest) -> Self {
        Self(digits(hash))
    }

    /// Its digits in six groups of five.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.as_bytes().chunks(GROUP).filter_map(|group| str::from_utf8(group).ok())
    }
}

impl std::fmt::Display for RoomCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.groups().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_digits_that_another_program_finds() {
        // Python: ' '.join('%05d' % (int.from_bytes(bytes(range(i, i + 5)), 'big') % 100000) for i in range(0, 30, 5))
        let hash = std::array::from_fn(|index| index as u8);
        let code = RoomCode::of(&hash);
        assert_eq!(code.to_string(), "09060 60585 12110 63635 15160 66685");
        let mut other = hash;
        other[29] ^= 1;
        assert_ne!(RoomCode::of(&other), code);
    }
}
