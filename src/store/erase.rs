//! What goes for good: rooms that are forgotten, and what has been kept for its days. In slices, between which others
//! write.
//!
//! Rows only go from the oldest on, so that the places of a room have no gap. What is old behind something younger, where
//! somebody's clock was wrong, loses all that was said in it and keeps its row.

use std::time::{Duration, Instant};

use rusqlite::{Connection, Row};

use super::deliveries;
use super::messages::seen_name;
use super::rooms::clamped;
use crate::crypto::Fingerprint;
use crate::protocol::MessageId;

/// The most rows of one slice.
pub(super) const SLICE_ROWS: usize = 500;
/// The longest that a slice goes on taking rows: whoever writes waits for it.
const SLICE_TIME: Duration = Duration::from_millis(50);
/// How long the name of a message that is gone stays, in days: nobody sends one again after that.
pub(super) const SEEN_DAYS: u64 = 60;
/// A day in milliseconds.
const DAY_MS: u64 = 24 * 3_600_000;

/// What came of a slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slice {
    /// How many messages are gone.
    pub(super) messages: u64,
    /// Whether there may be more to do.
    pub(super) is_more: bool,
}

/// A message that goes.
struct Going {
    id: i64,
    place: i64,
    cut: String,
    name: Option<[u8; 16]>,
    got_ms: i64,
}

impl Going {
    const COLUMNS: &str = "message.id, message.place, message.cut, person.fingerprint, message.name,
        message.got_ms";

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        // Whatever else is wrong with a row, it can go.
        let name = row.get(3).and_then(|sender| Ok((Fingerprint::from_bytes(sender), MessageId(row.get(4)?))));
        Ok(Self {
            id: row.get(0)?,
            place: row.get(1)?,
            cut: row.get(2)?,
            name: name.map(|(sender, id)| seen_name(&sender, id)).ok(),
            got_ms: row.get(5)?,
        })
    }
}

/// Whether a room that was forgotten has still rows.
pub(super) fn is_forgetting(connection: &Connection) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM room WHERE room IS NULL")?.exists([])
}

/// Erases rows of a room that was forgotten, or the room when it has none.
pub(super) fn forget(connection: &Connection) -> rusqlite::Result<Slice> {
    let mut find = connection.prepare_cached("SELECT id FROM room WHERE room IS NULL LIMIT 1")?;
    let Some(room) = find.query_map([], |row| row.get::<_, i64>(0))?.next().transpose()? else {
        return Ok(Slice { messages: 0, is_more: false });
    };
    let messages = erase_oldest(connection, room, None)?;
    if messages == 0 {
        for table in ["seen", "person"] {
            connection.prepare_cached(&format!("DELETE FROM {table} WHERE room = ?1"))?.execute([room])?;
        }
        connection.prepare_cached("DELETE FROM room WHERE id = ?1")?.execute([room])?;
    }
    Ok(Slice { messages, is_more: true })
}

/// Erases what is older than its room keeps messages.
pub(super) fn sweep(connection: &Connection, now_ms: u64) -> rusqlite::Result<Slice> {
    let mut keeping = connection.prepare_cached("SELECT id, keep_days FROM room WHERE keep_days IS NOT NULL")?;
    let rooms: Vec<(i64, u32)> =
        keeping.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    let today = now_ms / DAY_MS;
    for (room, days) in rooms {
        let limit_ms = clamped(now_ms.saturating_sub(u64::from(days) * DAY_MS));
        let mut messages = erase_oldest(connection, room, Some((limit_ms, today)))?;
        if messages == 0 {
            messages = empty_later(connection, room, limit_ms)?;
        }
        if messages > 0 {
            return Ok(Slice { messages, is_more: true });
        }
    }
    let mut old = connection.prepare_cached(
        "DELETE FROM seen WHERE (room, name) IN (SELECT room, name FROM seen WHERE day < ?1 LIMIT ?2)",
    )?;
    let names = old.execute((clamped(today.saturating_sub(SEEN_DAYS)), SLICE_ROWS as i64))?;
    Ok(Slice { messages: 0, is_more: names > 0 })
}

/// Deletes the oldest rows of a room: with a limit those up to the first that arrived at it or later, whose names are
/// noted for the day. Gives how many went.
fn erase_oldest(connection: &Connection, room: i64, limit: Option<(i64, u64)>) -> rusqlite::Result<u64> {
    let end = Instant::now() + SLICE_TIME;
    let mut oldest = connection.prepare_cached(&format!(
        "SELECT {} FROM message LEFT JOIN person ON person.id = message.sender
         WHERE message.room = ?1 AND message.place > ?2 ORDER BY message.place LIMIT 1",
        Going::COLUMNS
    ))?;
    let mut delete = connection.prepare_cached("DELETE FROM message WHERE id = ?1")?;
    let mut note = connection.prepare_cached("INSERT OR REPLACE INTO seen(room, name, day) VALUES(?1, ?2, ?3)")?;
    let (mut erased, mut last) = (0_u64, -1_i64);
    while erased < SLICE_ROWS as u64 && Instant::now() < end {
        let Some(going) = oldest.query_map((room, last), Going::read)?.next().transpose()? else { break };
        if let Some((limit_ms, day)) = limit {
            if going.got_ms >= limit_ms {
                break;
            }
            if let Some(name) = going.name {
                note.execute((room, name, clamped(day)))?;
            }
        }
        unindex(connection, &going)?;
        deliveries::erase(connection, going.id)?;
        delete.execute([going.id])?;
        (erased, last) = (erased + 1, going.place);
    }
    Ok(erased)
}

/// Takes what was said out of rows that are old and stand behind younger ones. Gives how many those are.
fn empty_later(connection: &Connection, room: i64, limit_ms: i64) -> rusqlite::Result<u64> {
    let end = Instant::now() + SLICE_TIME;
    let mut next = connection.prepare_cached(&format!(
        "SELECT {} FROM message LEFT JOIN person ON person.id = message.sender
         WHERE message.room = ?1 AND message.got_ms < ?2 AND message.kind IS NOT NULL LIMIT 1",
        Going::COLUMNS
    ))?;
    let mut empty = connection.prepare_cached(
        "UPDATE message SET kind = NULL, body = NULL, cut = '', sent_ms = 0, state = NULL, delivered = NULL,
         expected = NULL WHERE id = ?1",
    )?;
    let mut emptied = 0;
    while emptied < SLICE_ROWS as u64 && Instant::now() < end {
        let Some(going) = next.query_map((room, limit_ms), Going::read)?.next().transpose()? else { break };
        unindex(connection, &going)?;
        deliveries::erase(connection, going.id)?;
        empty.execute([going.id])?;
        emptied += 1;
    }
    Ok(emptied)
}

/// Takes a message's words out of the index. They have to be exactly those that went in.
fn unindex(connection: &Connection, going: &Going) -> rusqlite::Result<()> {
    if going.cut.is_empty() {
        return Ok(());
    }
    let mut delete = connection.prepare_cached("INSERT INTO words(words, rowid, cut) VALUES('delete', ?1, ?2)")?;
    delete.execute((going.id, &going.cut)).map(drop)
}
