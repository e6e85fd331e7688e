//! The protocol's state machines as stories, without sockets or sleeps.

mod admission;
mod messaging;
mod net;
