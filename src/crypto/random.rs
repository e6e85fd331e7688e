//! Where randomness comes from: an argument, so that tests can repeat themselves.

use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::{CryptoError, Result};

/// A source of random bytes that is handed to whoever needs some.
pub trait Random: Send {
    /// Fills `buffer`.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] if the source fails; the caller gives up what it was doing.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()>;
}

impl dyn Random + '_ {
    /// `N` random bytes.
    ///
    /// # Errors
    /// As [`Random::fill`].
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// `N` random bytes that are a secret: drawn where they are cleared when they are dropped.
    ///
    /// # Errors
    /// As [`Random::fill`].
    pub fn secret<const N: usize>(&mut self) -> Result<Zeroizing<[u8; N]>> {
        let mut bytes = Zeroizing::new([0; N]);
        self.fill(bytes.as_mut())?;
        Ok(bytes)
    }
}

/// The operating system's generator.
#[derive(Debug)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    /// A handle to the generator; cheap.
    #[must_use]
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for SystemRandom {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.0.fill(buffer).map_err(|_| CryptoError::Backend)
    }
}
