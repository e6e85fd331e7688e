//! One link: a TCP connection with its handshake, its protection and its buffers.
//!
//! Not here: what the frames mean, whose link it is, and how long it may take; the event loop knows that.

pub(super) mod connection;
pub(super) mod fault;
mod first_flight;
pub(super) mod handshake;
pub(super) mod learning_link;
mod send_queue;
mod streams;
