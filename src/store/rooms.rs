//! The rooms of a store.

use rusqlite::{Connection, OptionalExtension, Row};

use super::question::{StoredRoom, UNREAD_MAX};
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::{MessageId, Private, RoomId};

/// The most rooms of one answer, of those that are longest there: far more than anybody is in.
const ROOMS_MAX: i64 = 1_000;

/// A number as SQLite has it. Dates beyond its end, which nobody has, become its end.
pub(super) fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The row of a room that is there.
pub(super) fn find(connection: &Connection, room: &RoomId) -> rusqlite::Result<Option<i64>> {
    let mut find = connection.prepare_cached("SELECT id FROM room WHERE room = ?1")?;
    find.query_row([room.0], |row| row.get(0)).optional()
}

/// The room with this row; `None` for one that is being erased.
pub(super) fn name(connection: &Connection, id: i64) -> rusqlite::Result<Option<RoomId>> {
    let mut find = connection.prepare_cached("SELECT room FROM room WHERE id = ?1")?;
    let name = find.query_row([id], |row| row.get::<_, Option<[u8; 32]>>(0)).optional()?;
    Ok(name.flatten().map(RoomId))
}

/// Adds a room, or gives it another title.
pub(super) fn put(
    connection: &Connection,
    room: &RoomId,
    title: &str,
    suite: Suite,
    entered_ms: u64,
) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO room(room, title, suite, entered_ms) VALUES(?1, ?2, ?3, ?4)
         ON CONFLICT(room) DO UPDATE SET title = excluded.title",
    )?;
    put.execute((room.0, title, suite.code(), clamped(entered_ms))).map(drop)
}

/// A message and all rows before it were read. Tells whether there is such a room.
pub(super) fn read_up_to(
    connection: &Connection,
    room: &RoomId,
    sender: &Fingerprint,
    id: MessageId,
) -> rusqlite::Result<bool> {
    let mut set = connection.prepare_cached(
        "UPDATE room SET read_up_to = max(read_up_to, coalesce(
            (SELECT message.place + 1 FROM message JOIN person ON person.id = message.sender
             WHERE message.room = room.id AND message.name = ?3
               AND person.room = room.id AND person.fingerprint = ?2), 0))
         WHERE room = ?1",
    )?;
    Ok(set.execute((room.0, sender.as_bytes(), id.0))? > 0)
}

/// The place of the first row of a room that was not read, and how many messages of others are from there on: no more
/// than [`UNREAD_MAX`] count. Nothing, if there is no such room.
pub(super) fn unread(connection: &Connection, room: &RoomId) -> rusqlite::Result<(u64, u64)> {
    let mut select = connection.prepare_cached(
        "SELECT read_up_to, (SELECT count(*) FROM (
            SELECT 1 FROM message WHERE message.room = room.id AND place >= read_up_to
               AND state IS NULL AND kind IS NOT NULL LIMIT ?2))
         FROM room WHERE room = ?1",
    )?;
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()));
    Ok(select.query_row((room.0, UNREAD_MAX), read).optional()?.unwrap_or_default())
}

/// What was typed. Tells whether there is such a room.
pub(super) fn draft(connection: &Connection, room: &RoomId, text: Option<&str>) -> rusqlite::Result<bool> {
    let mut set = connection.prepare_cached("UPDATE room SET draft = ?2 WHERE room = ?1")?;
    Ok(set.execute((room.0, text))? > 0)
}

/// How long messages are kept. Tells whether there is such a room.
pub(super) fn keep_days(connection: &Connection, room: &RoomId, days: Option<u32>) -> rusqlite::Result<bool> {
    let mut set = connection.prepare_cached("UPDATE room SET keep_days = ?2 WHERE room = ?1")?;
    Ok(set.execute((room.0, days))? > 0)
}

/// Takes a room's name and all that is in its row. Tells whether there was such a room. Its rows are still there, and
/// nobody finds them: [`erase`](super::erase).
pub(super) fn forget(connection: &Connection, room: &RoomId) -> rusqlite::Result<bool> {
    let mut forget = connection.prepare_cached(
        "UPDATE room SET room = NULL, title = '', draft = NULL, keep_days = NULL, entered_ms = 0, read_up_to = 0
         WHERE room = ?1",
    )?;
    Ok(forget.execute([room.0])? > 0)
}

/// Every room with its row, in the order in which they came, without its newest message.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<(i64, StoredRoom)>> {
    let mut select = connection.prepare_cached(
        "SELECT id, room, title, suite, entered_ms, next_place, read_up_to, keep_days, draft,
                (SELECT place FROM message WHERE message.room = room.id ORDER BY place LIMIT 1)
         FROM room WHERE room IS NOT NULL ORDER BY id LIMIT ?1",
    )?;
    let mut rows = select.query([ROOMS_MAX])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        match of_row(row) {
            Ok(room) => found.push(room),
            Err(error) => log::warn!("a room in the store cannot be read: {error}"),
        }
    }
    Ok(found)
}

fn of_row(row: &Row<'_>) -> rusqlite::Result<(i64, StoredRoom)> {
    let next = row.get::<_, i64>(5)?.cast_unsigned();
    let first = row.get::<_, Option<i64>>(9)?.map_or(next, i64::cast_unsigned);
    let room = StoredRoom {
        room: RoomId(row.get(1)?),
        title: row.get(2)?,
        suite: row.get::<_, i64>(3)?.try_into().ok().and_then(Suite::from_code),
        entered_ms: row.get::<_, i64>(4)?.cast_unsigned(),
        count: next.saturating_sub(first),
        first,
        read_up_to: row.get::<_, i64>(6)?.cast_unsigned(),
        draft: row.get::<_, Option<String>>(8)?.map(Private::new),
        keep_days: row.get(7)?,
        newest: None,
    };
    Ok((row.get(0)?, room))
}
