//! The headless face as scripts see it: real processes, real sockets on the loopback, JSON lines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a test program has no outside")]

mod contract;
#[cfg(unix)]
mod descriptors;
mod files;
mod keys;
mod logs;
mod membership;
mod names;
mod page;
mod person;
mod refusals;
mod relay;
mod rooms;
#[cfg(unix)] // Where Python is called python3.
mod second_client;
mod secrets;
mod talk;
