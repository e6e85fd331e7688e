//! The room code: what members read to each other to know that all of them are in the same room, with
//! the same people. 30 digits of the hash of the newest roster entry carry 99 bits.

use std::fmt;

/// Bytes of the hash that are a group of digits.
const GROUP_BYTES: usize = 5;
/// Groups.
const GROUPS: usize = 6;
/// One more than the largest number of a group.
const GROUP_LIMIT: u64 = 100_000;

/// The code of a room at one state of its roster: it changes whenever somebody comes or goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomCode([u64; GROUPS]);

impl RoomCode {
    /// The code of the roster with this hash (R_q; of the owner alone the room's id).
    #[must_use]
    pub fn of(roster_hash: &[u8; 32]) -> Self {
        let mut groups = [0; GROUPS];
        for (group, bytes) in groups.iter_mut().zip(roster_hash.chunks_exact(GROUP_BYTES)) {
            *group = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % GROUP_LIMIT;
        }
        Self(groups)
    }

    /// Its 30 digits in six groups of five.
    pub fn groups(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().map(|group| format!("{group:05}"))
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.groups().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_one_that_another_program_finds() {
        // Python: [int.from_bytes(h[i:i+5], "big") % 100000 for i in range(0, 30, 5)], h = bytes(range(32)).
        let mut hash = [0; 32];
        for (byte, number) in hash.iter_mut().zip(0..) {
            *byte = number;
        }
        assert_eq!(RoomCode::of(&hash).to_string(), "09060 60585 12110 63635 15160 66685");
        assert_eq!(RoomCode::of(&[0; 32]).to_string(), "00000 00000 00000 00000 00000 00000");
    }

    #[test]
    fn another_roster_has_another_code() {
        let code = |place: usize| {
            let mut hash = [7; 32];
            hash[place] ^= 1;
            RoomCode::of(&hash)
        };
        assert!((0..30).all(|place| code(place) != RoomCode::of(&[7; 32])));
    }
}
