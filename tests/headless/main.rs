//! The headless face as scripts see it: real processes, real sockets on the loopback, JSON lines.

mod keys;
mod person;
mod refusals;
mod relay;
mod rooms;
mod talk;
