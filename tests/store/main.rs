//! The store of messages, from outside: what it promises of its file, whatever happens to the program, the disk and the
//! bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod damage;
mod deliveries;
#[cfg(target_os = "linux")]
mod disk;
mod erasing;
mod harness;
mod killed;
#[path = "../common/lines.rs"]
mod lines;
mod model;
#[path = "../common/next.rs"]
mod next;
#[cfg(target_os = "linux")]
#[path = "../common/output.rs"]
mod output;
#[path = "../common/patience.rs"]
mod patience;
mod places;
mod queue;
mod searching;
#[path = "../common/skip.rs"]
mod skip;
#[path = "../common/until.rs"]
mod until;
