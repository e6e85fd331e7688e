//! The protocol's state machines as stories, without sockets or sleeps.

mod admission;
mod bounds;
mod crowd;
mod hostile;
mod messaging;
mod net;
mod rogue;
