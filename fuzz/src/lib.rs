//! What the fuzz targets share: their bodies, and the limit on the memory that a body may take.

pub mod targets;

use peak_alloc::PeakAlloc;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What an input is to a target.
#[derive(Clone, Copy)]
pub enum Fed {
    /// What a peer sends, or most of it: it cannot make us hold more than 1 MiB for each KiB, begun KiB included.
    Bytes,
    /// Choices: a few of its bytes may stand for 16 KiB of words on their way to three people, and there is a room
    /// with its people besides.
    Choices,
}

impl Fed {
    /// How many bytes of memory a body may take for an input of `length` bytes.
    fn limit(self, length: usize) -> usize {
        match self {
            Self::Bytes => length.div_ceil(1 << 10).max(1) << 20,
            Self::Choices => (4 << 20) + (length << 16),
        }
    }
}

/// Runs a target's body and holds it to its memory.
///
/// # Panics
/// If the body does, or takes more memory than its input allows.
pub fn run(body: fn(&[u8]), fed: Fed, input: &[u8]) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    body(input);
    let taken = HEAP.peak_usage().saturating_sub(before);
    assert!(taken <= fed.limit(input.len()), "{taken} bytes of memory for {} bytes of input", input.len());
}
