//! The arithmetic of textbook RSA: keys, and raising numbers to their exponents.

use num_bigint::{BigInt, BigUint, Sign};
use rand::Rng;

use super::super::{CryptoError, Result};
use super::prime::{is_prime, random_prime};

/// The smallest modulus in bits: two primes of a byte each, and blocks of one byte.
pub const MIN_BITS: u32 = 16;

/// The largest modulus in bits. It stays below the secure suite's smallest, so that no learning key
/// can pass as a secure one even under a wrong label.
pub const MAX_BITS: u32 = 2048;

/// Public exponents up to this many bits are raised by plain square-and-multiply, which beats the
/// general method when the exponent is short.
const SHORT_EXPONENT_BITS: u64 = 64;

/// The public exponents a key can be made with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exponent {
    /// 3: fast, and without padding the door to several attacks, which is what it is here for.
    Three,
    /// 65537, the fourth Fermat prime: what nearly every RSA key uses.
    Fermat4,
}

impl Exponent {
    /// The exponent as a number.
    #[must_use]
    pub const fn value(self) -> u32 {
        match self {
            Self::Three => 3,
            Self::Fermat4 => 65537,
        }
    }
}

/// A textbook RSA public key: a modulus and an exponent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    modulus: BigUint,
    exponent: BigUint,
}

impl PublicKey {
    /// The key of an odd `modulus` of 16 to 2048 bits and an odd `exponent` from 3 to below it.
    /// Anything a peer sends is safe to calculate with once it has passed here.
    ///
    /// # Errors
    /// [`CryptoError::KeyPolicy`] for other numbers.
    pub fn new(modulus: BigUint, exponent: BigUint) -> Result<Self> {
        let bits_fit = (u64::from(MIN_BITS)..=u64::from(MAX_BITS)).contains(&modulus.bits());
        let exponent_fits = exponent.bit(0) && exponent >= BigUint::from(3u8) && exponent < modulus;
        if !bits_fit || !modulus.bit(0) || !exponent_fits {
            return Err(CryptoError::KeyPolicy);
        }
        Ok(Self { modulus, exponent })
    }

    /// n, the modulus.
    #[must_use]
    pub fn modulus(&self) -> &BigUint {
        &self.modulus
    }

    /// e, the public exponent.
    #[must_use]
    pub fn exponent(&self) -> &BigUint {
        &self.exponent
    }

    /// The size of the modulus in bytes: what one encrypted block takes.
    #[must_use]
    pub fn modulus_bytes(&self) -> usize {
        usize::try_from(self.modulus.bits().div_ceil(8)).unwrap_or(usize::MAX)
    }

    /// The bytes of a message that go into one block, so that each block is below the modulus.
    #[must_use]
    pub fn block_bytes(&self) -> usize {
        usize::try_from((self.modulus.bits() - 1) / 8).unwrap_or(usize::MAX)
    }

    /// `value^e mod n`: raw encryption, and the check of a raw signature.
    #[must_use]
    pub fn raise(&self, value: &BigUint) -> BigUint {
        if self.exponent.bits() > SHORT_EXPONENT_BITS {
            return value.modpow(&self.exponent, &self.modulus);
        }
        let base = value % &self.modulus;
        let mut power = BigUint::from(1u8);
        for bit in (0..self.exponent.bits()).rev() {
            power = &power * &power % &self.modulus;
            if self.exponent.bit(bit) {
                power = power * &base % &self.modulus;
            }
        }
        power
    }
}

/// A textbook RSA key pair. Its numbers cannot be cleared from memory: `BigUint` has no way to.
#[derive(Clone)]
pub struct KeyPair {
    public: PublicKey,
    private_exponent: BigUint,
    prime_p: BigUint,
    prime_q: BigUint,
    // For the Chinese remainder theorem: d mod p-1, d mod q-1, and q^-1 mod p.
    exponent_p: BigUint,
    exponent_q: BigUint,
    inverse_q: BigUint,
}

impl KeyPair {
    /// Makes a key of exactly `bits` bits from `rng`. Any size from [`MIN_BITS`] to [`MAX_BITS`] will
    /// do, odd ones too; at 16 bits only [`Exponent::Three`] is smaller than the modulus.
    ///
    /// # Errors
    /// [`CryptoError::KeyPolicy`] for other sizes.
    pub fn generate(bits: u32, exponent: Exponent, rng: &mut (impl Rng + ?Sized)) -> Result<Self> {
        let exponent_fits = bits > MIN_BITS || exponent == Exponent::Three;
        if !(MIN_BITS..=MAX_BITS).contains(&bits) || !exponent_fits {
            return Err(CryptoError::KeyPolicy);
        }
        let prime_p = random_prime(bits.div_ceil(2), exponent.value(), rng);
        loop {
            let prime_q = random_prime(bits / 2, exponent.value(), rng);
            if prime_q != prime_p {
                return Self::assemble(prime_p, prime_q, exponent.value().into());
            }
        }
    }

    /// The key pair of two different primes and a public exponent, for worked examples. `rng` picks
    /// the bases of the primality test.
    ///
    /// # Errors
    /// [`CryptoError::KeyPolicy`] if a number is not prime, the size does not fit, or the exponent
    /// has no inverse.
    pub fn from_primes(
        prime_p: BigUint,
        prime_q: BigUint,
        exponent: BigUint,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Self> {
        // Sizes first: a primality test of a huge number would never end.
        PublicKey::new(&prime_p * &prime_q, exponent.clone())?;
        if prime_p == prime_q || !is_prime(&prime_p, rng) || !is_prime(&prime_q, rng) {
            return Err(CryptoError::KeyPolicy);
        }
        Self::assemble(prime_p, prime_q, exponent)
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// d, the private exponent.
    #[must_use]
    pub fn private_exponent(&self) -> &BigUint {
        &self.private_exponent
    }

    /// p and q, the primes.
    #[must_use]
    pub fn primes(&self) -> (&BigUint, &BigUint) {
        (&self.prime_p, &self.prime_q)
    }

    /// `value^d mod n`: raw decryption, and a raw signature. It works modulo each prime and joins the
    /// two halves by the Chinese remainder theorem, in about a quarter of the time.
    #[must_use]
    pub fn raise(&self, value: &BigUint) -> BigUint {
        let power_p = value.modpow(&self.exponent_p, &self.prime_p);
        let power_q = value.modpow(&self.exponent_q, &self.prime_q);
        // power_q + q · ((power_p - power_q) · q^-1 mod p); p is added first, to stay above zero.
        let difference = power_p + &self.prime_p - &power_q % &self.prime_p;
        power_q + &self.prime_q * (difference * &self.inverse_q % &self.prime_p)
    }

    fn assemble(prime_p: BigUint, prime_q: BigUint, exponent: BigUint) -> Result<Self> {
        let public = PublicKey::new(&prime_p * &prime_q, exponent)?;
        let (order_p, order_q) = (&prime_p - 1u8, &prime_q - 1u8);
        let common = extended_euclid(&order_p, &order_q).0;
        let order = &order_p * &order_q / common;
        let private_exponent = inverse(public.exponent(), &order).ok_or(CryptoError::KeyPolicy)?;
        let inverse_q = inverse(&prime_q, &prime_p).ok_or(CryptoError::KeyPolicy)?;
        let (exponent_p, exponent_q) = (&private_exponent % order_p, &private_exponent % order_q);
        Ok(Self { public, private_exponent, prime_p, prime_q, exponent_p, exponent_q, inverse_q })
    }
}

/// The inverse of `value` modulo `modulus`, if they have no common divisor.
fn inverse(value: &BigUint, modulus: &BigUint) -> Option<BigUint> {
    let (divisor, factor) = extended_euclid(value, modulus);
    if divisor != BigUint::from(1u8) {
        return None;
    }
    let modulus = BigInt::from(modulus.clone());
    let reduced = factor % &modulus;
    if reduced.sign() == Sign::Minus { (reduced + modulus).to_biguint() } else { reduced.to_biguint() }
}

/// The greatest common divisor g of `a` and `b`, and an x with `a · x ≡ g` modulo `b`.
fn extended_euclid(a: &BigUint, b: &BigUint) -> (BigUint, BigInt) {
    let (mut remainder, mut next_remainder) = (a.clone(), b.clone());
    let (mut factor, mut next_factor) = (BigInt::from(1), BigInt::from(0));
    while next_remainder != BigUint::ZERO {
        let quotient = &remainder / &next_remainder;
        let rest = &remainder - &quotient * &next_remainder;
        remainder = std::mem::replace(&mut next_remainder, rest);
        let rest = factor - BigInt::from(quotient) * &next_factor;
        factor = std::mem::replace(&mut next_factor, rest);
    }
    (remainder, factor)
}

#[cfg(test)]
mod tests {
    use num_bigint::BigRng010;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn the_example_of_every_textbook() {
        let mut rng = StdRng::seed_from_u64(1);
        // 61 · 53 is in every book, and too small for a key here: lcm(60, 52) = 780, and 17 · 413 = 9 · 780 + 1.
        assert_eq!(inverse(&17u8.into(), &780u32.into()), Some(413u32.into()));
        // 241 · 251 = 60491 is large enough: lcm(240, 250) = 6000, and 7 · 5143 = 6 · 6000 + 1.
        let key = KeyPair::from_primes(241u8.into(), 251u8.into(), 7u8.into(), &mut rng).unwrap();
        assert_eq!(*key.private_exponent(), 5143u32.into());
        for message in [0u32, 1, 2, 240, 241, 251, 60490] {
            let message = BigUint::from(message);
            assert_eq!(key.raise(&key.public().raise(&message)), message);
        }
    }

    #[test]
    fn both_operations_undo_each_other_at_every_size_and_exponent() {
        let mut rng = StdRng::seed_from_u64(2);
        for bits in [16, 17, 18, 19, 31, 64, 129, 255, 512] {
            for exponent in [Exponent::Three, Exponent::Fermat4] {
                if bits == 16 && exponent == Exponent::Fermat4 {
                    assert_eq!(KeyPair::generate(bits, exponent, &mut rng).err(), Some(CryptoError::KeyPolicy));
                    continue;
                }
                let key = KeyPair::generate(bits, exponent, &mut rng).unwrap();
                assert_eq!(key.public().modulus().bits(), u64::from(bits));
                let message = rng.random_biguint_below(key.public().modulus());
                assert_eq!(key.raise(&key.public().raise(&message)), message);
                assert_eq!(key.public().raise(&key.raise(&message)), message);
                let plain = message.modpow(key.private_exponent(), key.public().modulus());
                assert_eq!(key.raise(&message), plain, "the remainder theorem gives what the plain power gives");
            }
        }
    }

    #[test]
    fn short_and_long_public_exponents_agree_with_the_general_power() {
        let mut rng = StdRng::seed_from_u64(3);
        let modulus = KeyPair::generate(200, Exponent::Three, &mut rng).unwrap().public().modulus().clone();
        for bits in [2, 17, 63, 64, 65, 190] {
            let mut exponent = rng.random_biguint(bits);
            exponent.set_bit(0, true);
            exponent.set_bit(bits - 1, true);
            let key = PublicKey::new(modulus.clone(), exponent.clone()).unwrap();
            let value = rng.random_biguint(300);
            assert_eq!(key.raise(&value), value.modpow(&exponent, &modulus));
        }
    }

    #[test]
    fn sizes_and_numbers_outside_the_policy_are_refused() {
        let mut rng = StdRng::seed_from_u64(4);
        let refused = |result: Result<KeyPair>| assert_eq!(result.err(), Some(CryptoError::KeyPolicy));
        for bits in [0, 1, 15, 2049, 3072, u32::MAX] {
            refused(KeyPair::generate(bits, Exponent::Three, &mut rng));
        }
        refused(KeyPair::from_primes(241u8.into(), 241u8.into(), 7u8.into(), &mut rng));
        refused(KeyPair::from_primes(243u8.into(), 251u8.into(), 7u8.into(), &mut rng));
        refused(KeyPair::from_primes(241u8.into(), 251u8.into(), 3u8.into(), &mut rng)); // divides p - 1
        refused(KeyPair::from_primes(BigUint::ZERO, 251u8.into(), 3u8.into(), &mut rng));
        let public = |modulus: u32, exponent: u32| PublicKey::new(modulus.into(), exponent.into());
        assert!(public(32769, 3).is_ok());
        for (modulus, exponent) in [(32767, 3), (32770, 3), (0, 3), (32769, 0), (32769, 1), (32769, 4), (32769, 32769)]
        {
            assert_eq!(public(modulus, exponent).err(), Some(CryptoError::KeyPolicy), "{modulus} {exponent}");
        }
        let huge = (BigUint::from(1u8) << MAX_BITS) + 1u8;
        assert_eq!(PublicKey::new(huge, 3u8.into()).err(), Some(CryptoError::KeyPolicy));
    }
}
