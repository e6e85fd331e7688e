//! OpenSSL against textbook RSA by hand: `cargo bench --no-default-features --bench crypto`.
//!
//! The secure suite makes no key as small as textbook's largest, so at equal sizes it is their
//! arithmetic that is compared: `m^e` is an encryption or a check, `m^d` a signature or a
//! decryption. The suites as rooms use them follow, at the sizes they offer.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a benchmark prints, and may stop")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use conversa::crypto::ml_kem::DecapsulationKey;
use conversa::crypto::textbook::{Exponent, KeyPair};
use conversa::crypto::{DecryptionKey, Domain, SigningKey, Suite, SystemRandom};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use num_bigint::BigUint;
use openssl::rsa::{Padding, Rsa};
use rand::SeedableRng;
use rand::rngs::StdRng;

const MESSAGE: [u8; 32] = [0x5a; 32];

/// Runs of each operation for a ratio; the quickest counts.
const RUNS: usize = 200;

/// The same number through both, and how many times OpenSSL's time textbook takes.
fn equal_sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("equal sizes");
    let mut ratios = Vec::new();
    for bits in [1024, 2048] {
        let textbook = KeyPair::generate(bits, Exponent::Fermat4, &mut StdRng::seed_from_u64(1)).unwrap();
        let openssl = Rsa::generate(bits).unwrap();
        // Below every modulus of the size, and about as long.
        let block = vec![0x5a; bits as usize / 8];
        let number = BigUint::from_bytes_be(&block);
        let public_textbook = || textbook.public().raise(black_box(&number));
        let private_textbook = || textbook.raise(black_box(&number));
        let mut output = vec![0; block.len()];
        let mut public_openssl = || openssl.public_encrypt(black_box(&block), &mut output, Padding::NONE).unwrap();
        let mut output = vec![0; block.len()];
        let mut private_openssl = || openssl.private_decrypt(black_box(&block), &mut output, Padding::NONE).unwrap();

        group.bench_function(BenchmarkId::new("m^e, textbook", bits), |bencher| bencher.iter(public_textbook));
        group.bench_function(BenchmarkId::new("m^e, openssl", bits), |bencher| bencher.iter(&mut public_openssl));
        group.bench_function(BenchmarkId::new("m^d, textbook", bits), |bencher| bencher.iter(private_textbook));
        group.bench_function(BenchmarkId::new("m^d, openssl", bits), |bencher| bencher.iter(&mut private_openssl));
        ratios.push((bits, "m^e", ratio(public_textbook, &mut public_openssl)));
        ratios.push((bits, "m^d", ratio(private_textbook, &mut private_openssl)));
    }
    group.finish();
    for (bits, operation, ratio) in ratios {
        println!("{operation} at {bits} bits: textbook takes {ratio:.1} times as long as OpenSSL");
    }
}

/// The suites as rooms use them: 32 bytes signed, checked, encrypted, decrypted.
fn suites(criterion: &mut Criterion) {
    let offered =
        [(Suite::Classical, 3072), (Suite::Classical, 4096), (Suite::Textbook, 1024), (Suite::Textbook, 2048)];
    let mut group = criterion.benchmark_group("suites");
    for (suite, bits) in offered {
        let backend = suite.backend();
        let signing: Box<dyn SigningKey> = backend.generate_signing(bits).unwrap();
        let decryption: Box<dyn DecryptionKey> = backend.generate_decryption(bits).unwrap();
        let (verifying, encryption) = (signing.public(), decryption.public());
        let signature = signing.sign(Domain::Bundle, &MESSAGE).unwrap();
        let ciphertext = encryption.encrypt(b"label", &MESSAGE).unwrap();
        let name = format!("{suite:?} {bits}");
        group.bench_function(BenchmarkId::new("sign", &name), |bencher| {
            bencher.iter(|| signing.sign(Domain::Bundle, black_box(&MESSAGE)).unwrap());
        });
        group.bench_function(BenchmarkId::new("verify", &name), |bencher| {
            bencher.iter(|| verifying.verify(Domain::Bundle, &MESSAGE, black_box(&signature)).unwrap());
        });
        group.bench_function(BenchmarkId::new("encrypt", &name), |bencher| {
            bencher.iter(|| encryption.encrypt(b"label", black_box(&MESSAGE)).unwrap());
        });
        group.bench_function(BenchmarkId::new("decrypt", &name), |bencher| {
            bencher.iter(|| decryption.decrypt(b"label", black_box(&ciphertext)).unwrap());
        });
    }
    group.finish();
}

/// What the hybrid suite adds for each recipient of a room key, beside what RSA takes there.
fn ml_kem(criterion: &mut Criterion) {
    let random = &mut SystemRandom::new();
    let key = DecapsulationKey::generate(random).unwrap();
    let public = key.encapsulation_key();
    let (ciphertext, _) = public.encapsulate(random).unwrap();
    let decryption = Suite::Hybrid.backend().generate_decryption(3072).unwrap();
    let encryption = decryption.public();
    let wrapped = encryption.encrypt(b"label", &MESSAGE).unwrap();
    let mut group = criterion.benchmark_group("ML-KEM-768");
    group.bench_function("key", |bencher| bencher.iter(|| DecapsulationKey::generate(&mut SystemRandom::new())));
    group.bench_function("encapsulate", |bencher| {
        bencher.iter(|| public.encapsulate(&mut SystemRandom::new()).unwrap());
    });
    group.bench_function("decapsulate", |bencher| bencher.iter(|| key.decapsulate(black_box(&ciphertext)).unwrap()));
    group.finish();
    let sender = ratio(|| public.encapsulate(&mut SystemRandom::new()), || encryption.encrypt(b"label", &MESSAGE));
    let receiver = ratio(|| key.decapsulate(&ciphertext), || decryption.decrypt(b"label", &wrapped));
    println!("for a sender ML-KEM-768 takes {sender:.2} times as long as RSA-3072, for a receiver {receiver:.3} times");
}

fn ratio<A, B>(one: impl FnMut() -> A, other: impl FnMut() -> B) -> f64 {
    quickest(one).as_secs_f64() / quickest(other).as_secs_f64()
}

fn quickest<T>(mut operation: impl FnMut() -> T) -> Duration {
    let mut run = |_| {
        let start = Instant::now();
        black_box(operation());
        start.elapsed()
    };
    (0..RUNS).map(&mut run).min().unwrap()
}

criterion_group!(benches, equal_sizes, suites, ml_kem);
criterion_main!(benches);
