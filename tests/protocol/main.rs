//! The protocol's state machines as stories, without sockets or sleeps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod admission;
mod bounds;
mod crowd;
mod findings;
mod hostile;
mod messaging;
mod net;
mod rogue;
