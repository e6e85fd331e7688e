//! The protocol's state machines as stories, without sockets or sleeps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod absences;
mod admission;
mod announcer;
mod bounds;
mod bytes;
mod crowd;
mod failures;
mod findings;
mod forge;
mod hostile;
mod hostile_peers;
mod insider;
mod keeping;
mod kept_rooms;
mod knocks;
mod messaging;
mod net;
#[path = "../common/payloads.rs"]
mod payloads;
mod prekeys;
mod reasons;
mod rejection;
mod rogue;
mod rollback;
mod time;
mod waits;
