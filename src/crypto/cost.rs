//! What a suite's operations cost on this computer, for people who choose between them.

use std::time::{Duration, Instant};

use super::{CryptoError, DecryptionKey, Domain, Result, SigningKey, Suite};

/// How often each operation is run. The quickest run counts: other load on the computer can only make one slower.
const RUNS: usize = 5;

/// As much as a room key's wrap carries, so both suites are measured on the same work.
const MESSAGE: [u8; 32] = [0x5a; 32];

/// What a suite's operations cost at one key size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// One signature of 32 bytes.
    pub sign: Duration,
    /// One check of it.
    pub verify: Duration,
    /// One encryption of 32 bytes.
    pub encrypt: Duration,
    /// One decryption of it.
    pub decrypt: Duration,
}

/// Measures `suite` with new keys of `bits` bits. It takes as long as making two keys does, up to
/// several seconds, so it belongs on a worker thread.
///
/// # Errors
/// [`CryptoError::KeyPolicy`] for a size the suite does not allow.
pub fn measure(suite: Suite, bits: u32) -> Result<Cost> {
    let backend = suite.backend();
    measure_with(&*backend.generate_signing(bits)?, &*backend.generate_decryption(bits)?)
}

/// Measures with existing keys, which takes a few hundredths of a second.
///
/// # Errors
/// Those of the operations, if the backend fails.
pub fn measure_with(signing: &dyn SigningKey, decryption: &dyn DecryptionKey) -> Result<Cost> {
    let (verifying, encryption) = (signing.public(), decryption.public());
    let signature = signing.sign(Domain::Bundle, &MESSAGE)?;
    let ciphertext = encryption.encrypt(&[], &MESSAGE)?;
    Ok(Cost {
        sign: quickest(|| signing.sign(Domain::Bundle, &MESSAGE).map(drop))?,
        verify: quickest(|| verifying.verify(Domain::Bundle, &MESSAGE, &signature))?,
        encrypt: quickest(|| encryption.encrypt(&[], &MESSAGE).map(drop))?,
        decrypt: quickest(|| decryption.decrypt(&[], &ciphertext).map(drop))?,
    })
}

fn quickest(operation: impl Fn() -> Result<()>) -> Result<Duration> {
    let run = || {
        let start = Instant::now();
        operation().map(|()| start.elapsed())
    };
    let times: Vec<Duration> = (0..RUNS).map(|_| run()).collect::<Result<_>>()?;
    times.into_iter().min().ok_or(CryptoError::Backend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_keys_cost_more() {
        let (small, large) = (measure(Suite::Textbook, 128).unwrap(), measure(Suite::Textbook, 1024).unwrap());
        assert!(small.sign > Duration::ZERO);
        assert!(large.decrypt > large.encrypt, "the private exponent is the long one");
        assert!(large.sign > large.verify);
    }

    #[test]
    fn a_size_the_suite_does_not_allow_is_not_measured() {
        assert_eq!(measure(Suite::Classical, 1024), Err(CryptoError::KeyPolicy));
        assert_eq!(measure(Suite::Textbook, 3072), Err(CryptoError::KeyPolicy));
    }
}
