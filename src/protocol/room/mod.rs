//! What defines a room: the roster its owner signs, the hash of the host's log, the room code.
//!
//! Not here: what a member (`client`) or a host (`host`) does with them.

pub(super) mod log_hash;
pub(super) mod room_code;
pub(super) mod roster;
