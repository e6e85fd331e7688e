//! The headless front end as scripts see it: real processes, real sockets on the loopback, JSON lines.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a test program has no outside")]

#[path = "../common/connect.rs"]
mod connect;
mod contract;
#[cfg(unix)]
mod descriptors;
#[path = "../common/ended.rs"]
mod ended;
#[path = "../common/events.rs"]
mod events;
mod files;
#[path = "../common/free_port.rs"]
mod free_port;
#[path = "../common/front_end.rs"]
mod front_end;
mod history;
mod kept_rooms;
mod keys;
mod killed;
#[path = "../common/lines.rs"]
mod lines;
mod logs;
mod membership;
mod names;
#[path = "../common/next.rs"]
mod next;
#[path = "../common/output.rs"]
mod output;
mod page;
#[path = "../common/patience.rs"]
mod patience;
mod person;
#[path = "../common/profiles.rs"]
mod profiles;
#[path = "../common/read_to_end.rs"]
mod read_to_end;
mod refusals;
mod relay;
mod rooms;
#[cfg(unix)] // Where Python is called python3.
mod second_client;
mod secrets;
mod talk;
#[path = "../common/until.rs"]
mod until;
