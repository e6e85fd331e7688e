//! What a room is by its owner's signatures and the host's log: roster, log hash, room code.
//!
//! Not here: what a member (`client`) or a host (`host`) does with them.

pub(super) mod log_hash;
pub(super) mod room_code;
pub(super) mod roster;
