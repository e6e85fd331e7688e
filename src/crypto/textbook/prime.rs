//! Random primes: a sieve of small primes over a window, then Miller–Rabin on what is left.

use std::sync::LazyLock;

use num_bigint::{BigRng010, BigUint};
use rand::Rng;

/// Rounds of Miller–Rabin. A composite passes one round with a chance of at most 1/4, so all of
/// them with at most 2^-48; for random candidates of these sizes the true chance is far smaller.
const ROUNDS: u32 = 24;

/// Small primes up to here are sieved out. Beyond it, dividing costs more than the rounds it saves.
const SIEVE_LIMIT: u32 = 1 << 13;

/// Odd numbers tried from one random start. A 1024-bit prime comes after 355 on average.
const WINDOW: usize = 2048;

static SMALL_PRIMES: LazyLock<Vec<u32>> = LazyLock::new(odd_primes_below_the_sieve_limit);

/// A random prime of exactly `bits` bits with its two highest bits set, so that the product of two
/// has the full length, and with `prime - 1` not a multiple of the prime `exponent`.
///
/// It walks upwards from a random start, which slightly favours primes after a long gap. That is fine for learning.
pub(super) fn random_prime(bits: u32, exponent: u32, rng: &mut (impl Rng + ?Sized)) -> BigUint {
    let bits = u64::from(bits);
    loop {
        let mut start = rng.random_biguint(bits);
        start.set_bit(bits - 1, true);
        start.set_bit(bits - 2, true);
        start.set_bit(0, true);
        for offset in survivors(&start) {
            let candidate = &start + offset;
            if candidate.bits() > bits {
                break;
            }
            if &candidate % exponent != BigUint::from(1u8) && is_prime(&candidate, rng) {
                return candidate;
            }
        }
    }
}

/// Whether `candidate` is prime, as far as Miller–Rabin with random bases can tell.
pub(super) fn is_prime(candidate: &BigUint, rng: &mut (impl Rng + ?Sized)) -> bool {
    let (one, two, three) = (BigUint::from(1u8), BigUint::from(2u8), BigUint::from(3u8));
    if *candidate <= three {
        return *candidate >= two;
    }
    if !candidate.bit(0) {
        return false;
    }
    // candidate - 1 = odd · 2^twos
    let minus_one = candidate - &one;
    let twos = minus_one.trailing_zeros().unwrap_or(0);
    let odd = &minus_one >> twos;
    (0..ROUNDS).all(|_| {
        let base = rng.random_biguint_range(&two, &minus_one);
        let mut power = base.modpow(&odd, candidate);
        if power == one || power == minus_one {
            return true;
        }
        (1..twos).any(|_| {
            power = &power * &power % candidate;
            power == minus_one
        })
    })
}

/// The even offsets from the odd `start` within the window that no small prime divides.
fn survivors(start: &BigUint) -> impl Iterator<Item = u32> {
    let mut composite = [false; WINDOW];
    // A prime as large as the start could be the candidate itself, so it must not strike it out.
    let largest = u32::try_from(start).unwrap_or(u32::MAX);
    for &prime in SMALL_PRIMES.iter().take_while(|prime| **prime < largest) {
        let remainder = u32::try_from(start % prime).unwrap_or(0);
        // The first index i with start + 2·i ≡ 0; half of an odd distance is taken modulo the prime.
        let distance = (prime - remainder) % prime;
        let first = if distance.is_multiple_of(2) { distance / 2 } else { (distance + prime) / 2 };
        composite.iter_mut().skip(first as usize).step_by(prime as usize).for_each(|mark| *mark = true);
    }
    (0u32..).step_by(2).zip(composite).filter_map(|(offset, composite)| (!composite).then_some(offset))
}

/// The sieve of Eratosthenes.
fn odd_primes_below_the_sieve_limit() -> Vec<u32> {
    let mut composite = vec![false; SIEVE_LIMIT as usize];
    let mut primes = Vec::new();
    for number in (3..SIEVE_LIMIT).step_by(2) {
        if composite.get(number as usize).copied().unwrap_or(true) {
            continue;
        }
        primes.push(number);
        composite.iter_mut().skip(number as usize).step_by(number as usize).for_each(|mark| *mark = true);
    }
    primes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn is_prime_by_division(number: u32) -> bool {
        number >= 2
            && (2..).take_while(|divisor| divisor * divisor <= number).all(|divisor| !number.is_multiple_of(divisor))
    }

    #[test]
    fn miller_rabin_agrees_with_division() {
        let mut rng = StdRng::seed_from_u64(1);
        for number in 0..5000u32 {
            assert_eq!(is_prime(&number.into(), &mut rng), is_prime_by_division(number), "{number}");
        }
    }

    #[test]
    fn numbers_that_fool_weaker_tests_are_composite() {
        let mut rng = StdRng::seed_from_u64(2);
        // Carmichael numbers, and strong pseudoprimes to the first bases (OEIS A014233).
        for number in [561u64, 41041, 825_265, 3_215_031_751, 3_474_749_660_383, 341_550_071_728_321] {
            assert!(!is_prime(&number.into(), &mut rng), "{number}");
        }
    }

    #[test]
    fn known_large_primes_are_prime() {
        let mut rng = StdRng::seed_from_u64(3);
        let mersenne = |power: u32| (BigUint::from(1u8) << power) - 1u8;
        for power in [61, 127, 521] {
            assert!(is_prime(&mersenne(power), &mut rng), "2^{power} - 1");
        }
        assert!(!is_prime(&mersenne(67), &mut rng), "2^67 - 1 = 193707721 · 761838257287");
    }

    #[test]
    fn random_primes_are_prime_and_have_their_size() {
        let mut rng = StdRng::seed_from_u64(4);
        for bits in [8, 9, 12, 13, 14, 16, 32, 33, 128] {
            for exponent in [3, 65537] {
                let prime = random_prime(bits, exponent, &mut rng);
                assert_eq!(prime.bits(), u64::from(bits));
                assert!(prime.bit(u64::from(bits) - 2));
                assert_ne!(&prime % exponent, 1u8.into());
                assert!(is_prime(&prime, &mut rng));
            }
        }
    }

    /// The highest of eight bits is 251, and a walk that starts above it begins anew.
    #[test]
    fn small_primes_have_their_size_too() {
        let mut rng = StdRng::seed_from_u64(5);
        let found: BTreeSet<BigUint> = (0..500).map(|_| random_prime(8, 3, &mut rng)).collect();
        let expected = (192..256u32).filter(|number| is_prime_by_division(*number) && number % 3 != 1);
        assert_eq!(found, expected.map(BigUint::from).collect());
    }

    #[test]
    fn a_small_prime_does_not_strike_itself_out() {
        for prime in [3u32, 211, 8191] {
            assert_eq!(survivors(&prime.into()).next(), Some(0), "{prime}");
        }
    }

    #[test]
    fn the_sieve_keeps_every_prime_and_strikes_small_factors() {
        let start = 100_001u32;
        let kept: Vec<u32> = survivors(&start.into()).map(|offset| start + offset).collect();
        // All factors of numbers this small are below the limit, so exactly the primes are left.
        let primes: Vec<u32> =
            (0..WINDOW as u32).map(|i| start + 2 * i).filter(|number| is_prime_by_division(*number)).collect();
        assert_eq!(kept, primes);
    }
}
