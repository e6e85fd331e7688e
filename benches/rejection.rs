//! Whether the time tells why a wrap did not open: `cargo bench --no-default-features --bench rejection`.
//!
//! A client takes announcements with each flaw in a random order, and each is timed from the frame
//! to the last of what it wants done. The times of two flaws are compared by Welch's t-test; |t|
//! below 4.5 is the usual bound for "no leak seen" (ISO/IEC 17825). A wrap that opens stands beside
//! them: whoever made it knows that it does.
//!
//! Samples in which the system gave the processor to somebody else tell nothing, and are left out where
//! the system counts them (Linux). `REJECTION_SAMPLES` is how many of each flaw are taken before that,
//! in each suite; a suite's name as an argument leaves the others out.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../tests/protocol/announcer.rs"]
mod announcer;
#[path = "../tests/protocol/net.rs"]
mod net;
#[path = "../tests/common/payloads.rs"]
mod payloads;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use conversa::crypto::{Random, Suite, SystemRandom};
use conversa::protocol::{Event, Output};
use conversa::wire::{Frame, Item, ItemKind, SkPacket, encode};

use self::announcer::{Announcer, Flaw};
use self::net::Net;

const SAMPLES: usize = 10_000;

/// The slowest times are the machine's, not the code's: this part of them is left out of the second
/// comparison.
const SLOWEST_PERCENT: usize = 10;

fn main() {
    let samples = std::env::var("REJECTION_SAMPLES").ok().and_then(|text| text.parse().ok()).unwrap_or(SAMPLES);
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for suite in Suite::ALL.into_iter().filter(|suite| !suite.is_learning()) {
        if !named.is_empty() && !named.contains(&format!("{suite:?}").to_lowercase()) {
            continue;
        }
        println!("\n{suite:?}, {samples} samples of each");
        let times = measure(suite, samples);
        for (flaw, times) in Flaw::ALL.iter().zip(&times) {
            let quantile = |percent: usize| times.sorted[times.sorted.len() * percent / 100] / 1_000.0;
            println!(
                "{:>16}: {} undisturbed, mean {:8.2} us, 1 % {:8.2}, 10 % {:8.2}, median {:8.2}, 90 % {:8.2}, 99 % {:8.2}",
                format!("{flaw:?}"),
                times.sorted.len(),
                Moments::of(&times.sorted).mean / 1_000.0,
                quantile(1),
                quantile(10),
                quantile(50),
                quantile(90),
                quantile(99)
            );
        }
        for first in 1..Flaw::ALL.len() {
            for second in (0..Flaw::ALL.len()).filter(|second| *second == 0 || *second > first) {
                compare(Flaw::ALL[first], &times[first], Flaw::ALL[second], &times[second]);
            }
        }
    }
}

struct Times {
    sorted: Vec<f64>,
}

fn measure(suite: Suite, samples: usize) -> Vec<Times> {
    let mut room = Room::new(suite);
    let mut order: Vec<Flaw> = Flaw::ALL.iter().flat_map(|flaw| vec![*flaw; samples]).collect();
    shuffle(&mut order);
    // The first ones warm the caches up.
    order.iter().take(200).for_each(|flaw| _ = room.time(*flaw));
    let mut times = vec![Vec::with_capacity(samples); Flaw::ALL.len()];
    for flaw in order {
        let place = Flaw::ALL.iter().position(|known| *known == flaw).unwrap();
        times[place].extend(room.time(flaw));
    }
    times
        .into_iter()
        .map(|mut sorted| {
            sorted.sort_by(f64::total_cmp);
            Times { sorted }
        })
        .collect()
}

/// Bo's client in Ann's room, and Ann, who does as she likes.
struct Room {
    net: Net,
    ann: Announcer,
    position: u64,
}

impl Room {
    fn new(suite: Suite) -> Self {
        let (mut net, ann) = Announcer::in_a_room(suite);
        // One more item tells where the log is.
        let position = Rc::new(RefCell::new(0));
        let newest = Rc::clone(&position);
        net.tamper = Some(Box::new(move |name, frame| {
            if let Frame::Item(item) = &frame
                && name == "bo"
            {
                *newest.borrow_mut() = item.position;
            }
            Some(frame)
        }));
        net.send("ann", "hello");
        net.drive();
        let position = *position.borrow();
        Self { net, ann, position }
    }

    /// How long Bo's client takes over an announcement with `flaw`, in nanoseconds, if it had the
    /// processor all the time.
    fn time(&mut self, flaw: Flaw) -> Option<f64> {
        let (SkPacket { common, wraps }, _) = self.ann.announce(flaw, &mut SystemRandom::new());
        self.position += 1;
        let (kind, wrap, exact) = (ItemKind::SkPacket.code(), wraps.into_iter().next(), encode(&common).into());
        let frame = Frame::Item(Item { kind, position: self.position, wrap, exact });
        let (kind, bytes) = (frame.kind(), frame.to_bytes());
        let bo = &mut self.net.people.get_mut("bo").unwrap().client;
        let mut outputs = Vec::with_capacity(4);
        let switches_before = switches();
        let start = Instant::now();
        bo.frame(kind, &bytes[5..], self.net.now, &mut self.net.random);
        while let Some(output) = bo.poll_output() {
            outputs.push(output);
        }
        let taken = start.elapsed();
        let undisturbed = switches_before == switches();
        let expected = usize::from(flaw != Flaw::None);
        let told = outputs.iter().filter(|output| matches!(output, Output::Event(Event::Unreadable { .. }))).count();
        assert!(told == expected && outputs.len() == expected, "{flaw:?}: {outputs:?}");
        undisturbed.then_some(taken.as_nanos() as f64)
    }
}

/// How often this thread has lost the processor, where the system says.
fn switches() -> Option<String> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    Some(status.lines().filter(|line| line.contains("ctxt_switches")).collect())
}

struct Moments {
    mean: f64,
    /// Of the mean.
    variance: f64,
}

impl Moments {
    fn of(times: &[f64]) -> Self {
        let count = times.len() as f64;
        let mean = times.iter().sum::<f64>() / count;
        let squares = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>();
        Self { mean, variance: squares / (count - 1.0) / count }
    }
}

fn compare(first: Flaw, of_first: &Times, second: Flaw, of_second: &Times) {
    let whole = welch(&of_first.sorted, &of_second.sorted);
    let quick = |times: &[f64]| times[..times.len() * (100 - SLOWEST_PERCENT) / 100].to_vec();
    let trimmed = welch(&quick(&of_first.sorted), &quick(&of_second.sorted));
    println!(
        "{:>16} / {:<16} ratio {:.5}, |t| = {:5.2}; without the slowest {SLOWEST_PERCENT} %: ratio {:.5}, |t| = {:5.2}",
        format!("{first:?}"),
        format!("{second:?}"),
        whole.0,
        whole.1,
        trimmed.0,
        trimmed.1
    );
}

/// The ratio of the means, and the absolute value of Welch's t.
fn welch(first: &[f64], second: &[f64]) -> (f64, f64) {
    let (first, second) = (Moments::of(first), Moments::of(second));
    let t = (first.mean - second.mean) / (first.variance + second.variance).sqrt();
    (first.mean / second.mean, t.abs())
}

fn shuffle(order: &mut [Flaw]) {
    let random: &mut dyn Random = &mut SystemRandom::new();
    for last in (1..order.len()).rev() {
        let drawn = u64::from_be_bytes(random.bytes().unwrap());
        order.swap(last, usize::try_from(drawn % (last as u64 + 1)).unwrap());
    }
}
