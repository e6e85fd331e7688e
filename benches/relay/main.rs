//! How much a host carries: `cargo bench --no-default-features --bench relay`.
//!
//! The host is this crate's own net layer with a real room in it, in a process of its own, whose
//! processor time and memory are read from `/proc` (so: Linux only). The members are light-weight:
//! they speak the real protocol over real TLS, with real keys and a real roster, but seal no
//! messages and open none, so that 256 of them fit on one computer. Each figure is one line.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark prints, and may stop"
)]

mod crowd;
mod host;
#[path = "../../tests/common/keys.rs"]
mod keys;
mod load;
mod member;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::crowd::Crowd;
use self::host::HostProcess;
use self::load::Load;
use self::member::Member;

/// How long each figure is measured.
const MEASURE: Duration = Duration::from_secs(3);
/// How long it is warmed up before.
const WARM_UP: Duration = Duration::from_millis(700);
/// How long latency is measured; a message every [`BEAT`].
const LATENCY: Duration = Duration::from_secs(6);
const BEAT: Duration = Duration::from_millis(10);
/// People who log in again and again.
const COMERS: usize = 16;
/// Connections whose memory is measured: below the usual limit of 1,024 open files.
const IDLE: usize = 500;

fn main() {
    if std::env::args().any(|argument| argument == host::ARGUMENT) {
        return host::run();
    }
    for members in [10, 64, 256] {
        for keeps in [false, true] {
            relay(members, keeps);
        }
    }
    memory();
    latency(false, false);
    latency(true, false);
    latency(false, true);
}

/// Messages delivered in a second of the host's processor time.
fn relay(members: usize, keeps: bool) {
    let host = HostProcess::start(false, keeps);
    let how = if keeps { "kept" } else { "forgetful" };
    let crowd = Crowd::new(members);
    let mut load = Load::enter(&crowd, host.address, members);
    for senders in [1, 8] {
        load.talk(senders, WARM_UP);
        let (start, before) = (Instant::now(), host.processor_time());
        let delivered = load.talk(senders, MEASURE);
        let (wall, used) = (start.elapsed(), host.processor_time() - before);
        println!(
            "relay, {how}: {members} members, {senders} sending: {:.0} messages delivered per second of host processor time \
             ({:.0} per second of wall time, host at {:.0} % of a core, {:.2} µs a delivery)",
            delivered as f64 / used.as_secs_f64(),
            delivered as f64 / wall.as_secs_f64(),
            100.0 * used.as_secs_f64() / wall.as_secs_f64(),
            1e6 * used.as_secs_f64() / delivered as f64,
        );
    }
}

/// Memory of an idle connection, the key proven.
fn memory() {
    let host = HostProcess::start(false, false);
    let crowd = Crowd::new(2);
    let connect = |_| Member::connect(host.address, crowd.people[1].signing(), crowd.host());
    // What is allocated once and kept for all.
    drop((0..IDLE / 5).map(connect).collect::<Vec<_>>());
    thread::sleep(WARM_UP);
    let before = host.memory();
    let idle: Vec<Member> = (0..IDLE).map(connect).collect();
    thread::sleep(WARM_UP);
    let after = host.memory();
    println!(
        "memory: {:.1} KiB per idle connection ({} connections, the host's process {} KiB before and {} KiB with them)",
        after.saturating_sub(before) as f64 / IDLE as f64,
        idle.len(),
        before,
        after,
    );
}

/// How long a message takes in a calm room, and while others log in without pause.
fn latency(unlimited: bool, keeps: bool) {
    let host = HostProcess::start(!unlimited, keeps);
    let how = if keeps { "kept" } else { "forgetful" };
    let crowd = Arc::new(Crowd::new(10 + COMERS));
    let mut load = Load::enter(&crowd, host.address, 10);
    load.beat(BEAT, WARM_UP);
    let calm = percentiles(load.beat(BEAT, LATENCY));
    let (stop, logins) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let comers: Vec<_> = (0..COMERS)
        .map(|index| {
            let (crowd, stop, logins, address) =
                (Arc::clone(&crowd), Arc::clone(&stop), Arc::clone(&logins), host.address);
            thread::spawn(move || {
                let person = &crowd.people[10 + index];
                while !stop.load(Ordering::Relaxed) {
                    if Member::log_in_and_out(address, person, &crowd) {
                        logins.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    load.beat(BEAT, WARM_UP);
    let before = logins.load(Ordering::Relaxed);
    let busy = percentiles(load.beat(BEAT, LATENCY));
    let rate = (logins.load(Ordering::Relaxed) - before) as f64 / LATENCY.as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    comers.into_iter().for_each(|comer| comer.join().unwrap());
    println!(
        "latency, {how}: p50 {:.3} ms calm, {:.3} ms while {COMERS} log in without pause ({rate:.0} logins a second{}): \
         ratio {:.2}; p99 {:.3} and {:.3} ms",
        calm.0,
        busy.0,
        if unlimited { ", no limit on them" } else { "" },
        busy.0 / calm.0,
        calm.1,
        busy.1,
    );
}

/// The 50th and the 99th, in milliseconds.
fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
    (at(50), at(99))
}
