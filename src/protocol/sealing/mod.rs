//! How the text of a room is closed to everybody but its members: sender keys wrapped under prekeys, padding, and
//! what a learning room has in their place.
//!
//! Not here: who is a member (`room`), and when a key is made, announced or dropped (`client`).

pub(super) mod learning;
pub(super) mod padding;
pub(super) mod prekey;
pub(super) mod sender_key;
