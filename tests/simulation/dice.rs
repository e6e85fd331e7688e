//! Chance that comes out the same for the same seed.

use crate::crypto::{self, Random};

/// A generator of numbers (SplitMix64), and of bytes for the machines.
pub(super) struct Dice {
    state: u64,
    /// The states in which bytes were drawn since [`Self::begin`]: whoever knows them knows every
    /// secret that was made since.
    marks: Vec<u64>,
}

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed, marks: Vec::new() }
    }

    /// Forgets what was drawn so far.
    pub(super) fn begin(&mut self) {
        self.marks.clear();
    }

    /// Dice for each draw since [`Self::begin`], which come out as that one did.
    pub(super) fn again(&self) -> impl Iterator<Item = Self> + '_ {
        self.marks.iter().map(|mark| Self::new(*mark))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, or 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// Whether something happens that does in `percent` of a hundred cases.
    pub(super) fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        if all.is_empty() { None } else { all.get(self.below(all.len())).copied() }
    }

    pub(super) fn id(&mut self) -> [u8; 16] {
        (u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes()
    }
}

impl Random for Dice {
    fn fill(&mut self, buffer: &mut [u8]) -> crypto::Result<()> {
        self.marks.push(self.state);
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
