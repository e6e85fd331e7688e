//! A room whose record is gone.

use std::path::PathBuf;

use crate::protocol::RoomId;

/// A room that this profile owns or was in, whose record is gone or damaged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LostRoom {
    /// The room.
    pub room: RoomId,
    /// Its title, if known.
    pub title: Option<String>,
    /// The file that is missing, or what is left of it.
    pub path: PathBuf,
}
