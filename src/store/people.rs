//! The people of each room, who said something there or have a name.

use rusqlite::{Connection, OptionalExtension};

use super::rooms;
use crate::crypto::Fingerprint;
use crate::protocol::RoomId;

/// The most names of one answer: as many people as a room may ever have had, and more.
const NAMES_MAX: i64 = 10_000;

/// The row of somebody in the room with the row `room`, added if missing.
pub(super) fn put(connection: &Connection, room: i64, member: &Fingerprint) -> rusqlite::Result<i64> {
    let mut find = connection.prepare_cached("SELECT id FROM person WHERE room = ?1 AND fingerprint = ?2")?;
    if let Some(known) = find.query_row((room, member.as_bytes()), |row| row.get(0)).optional()? {
        return Ok(known);
    }
    let mut add = connection.prepare_cached("INSERT INTO person(room, fingerprint) VALUES(?1, ?2)")?;
    add.insert((room, member.as_bytes()))
}

/// What somebody is called from now on. Tells whether there is such a room.
pub(super) fn call(connection: &Connection, room: &RoomId, member: &Fingerprint, name: &str) -> rusqlite::Result<bool> {
    let Some(room) = rooms::find(connection, room)? else { return Ok(false) };
    let person = put(connection, room, member)?;
    let mut set = connection.prepare_cached("UPDATE person SET name = ?2 WHERE id = ?1")?;
    set.execute((person, name)).map(|_| true)
}

/// What the people of a room are called.
pub(super) fn names(connection: &Connection, room: &RoomId) -> rusqlite::Result<Vec<(Fingerprint, String)>> {
    let mut select = connection.prepare_cached(
        "SELECT fingerprint, name FROM person
         WHERE room = (SELECT id FROM room WHERE room = ?1) AND name IS NOT NULL LIMIT ?2",
    )?;
    let name = |row: &rusqlite::Row<'_>| Ok((Fingerprint::from_bytes(row.get(0)?), row.get(1)?));
    select.query_map((room.0, NAMES_MAX), name)?.collect()
}
