//! Reads a fuzzer's bytes as choices. What is missing at the end reads as zeros, so every input means something.

/// What is left of an input.
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *byte
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// A number below `count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count.max(1)
    }

    /// One of `choices`.
    pub(super) fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Up to `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A length in two bytes and so many bytes.
    pub(super) fn block(&mut self) -> &'a [u8] {
        let length = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
        self.take(length)
    }

    /// Everything that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    /// Most often `right`, else something near it, at an edge, or anywhere.
    pub(super) fn number(&mut self, right: u64) -> u64 {
        match self.byte() {
            1 => right.wrapping_add(1),
            2 => right.wrapping_sub(1),
            3 => 0,
            4 => 1,
            5 => u64::MAX,
            6 => right.wrapping_add(u64::from(self.byte())),
            7 => right.wrapping_sub(u64::from(self.byte())),
            8 => u64::from_be_bytes(self.array()),
            _ => right,
        }
    }

    /// Most often `right`, else 32 other bytes.
    pub(super) fn hash(&mut self, right: [u8; 32]) -> [u8; 32] {
        match self.byte() {
            1 => [0; 32],
            2 => [self.byte(); 32],
            3 => {
                let mut near = right;
                near[self.below(32)] ^= 1;
                near
            }
            _ => right,
        }
    }

    /// Most often leaves `bytes` as they are; else cuts, lengthens, or changes some.
    pub(super) fn bend(&mut self, bytes: &mut Vec<u8>) {
        match self.byte() {
            1 => bytes.truncate(bytes.len().saturating_sub(self.below(256))),
            2 => bytes.extend_from_slice(self.block()),
            3 => {
                let index = usize::from(u16::from_be_bytes([self.byte(), self.byte()])) % bytes.len().max(1);
                let change = self.byte().max(1);
                if let Some(byte) = bytes.get_mut(index) {
                    *byte ^= change;
                }
            }
            4 => *bytes = self.block().to_vec(),
            5 => bytes.clear(),
            _ => {}
        }
    }
}
