//! The messages of a room: in their places, each once.
//!
//! Not here: with whom an own message stands how (`deliveries`).

use rusqlite::{Connection, OptionalExtension, Row};

use super::cut::{Cutting, room_word};
use super::question::{Held, ROWS_MAX, StoredRow};
use super::rooms::{self, clamped};
use super::write::{DeliveryState, Placed, Progress, ProgressState, StoredMessage};
use super::{deliveries, people};
use crate::crypto::Fingerprint;
use crate::crypto::primitives::labelled_hash;
use crate::protocol::{Content, MessageId, RoomId};

/// What a row is read from, in the order of [`read`].
pub(super) const COLUMNS: &str = "message.place, person.fingerprint, message.name, message.sent_ms, message.got_ms,
    message.state, message.delivered, message.expected, message.kind, message.body";

/// How many bytes a name in `seen` has: of messages that are gone only a hash stays, and only for a while.
const SEEN_BYTES: usize = 16;

/// Adds a message at the end of its room, unless it is there or was.
pub(super) fn add(connection: &Connection, message: &StoredMessage) -> rusqlite::Result<Placed> {
    let Some(room) = rooms::find(connection, &message.room)? else { return Ok(Placed::NoRoom) };
    if let Some(known) = known(connection, room, &message.sender, message.id)? {
        return Ok(known);
    }
    let sender = people::put(connection, room, &message.sender)?;
    let mut next = connection
        .prepare_cached("UPDATE room SET next_place = next_place + 1 WHERE id = ?1 RETURNING next_place - 1")?;
    let place: i64 = next.query_row([room], |row| row.get(0))?;
    let (kind, body) = message.content.to_stored(message.id);
    let cut = message.content.words().map(Cutting::for_index).filter(|cut| !cut.is_empty());
    let cut = cut.map(|cut| format!("{} {cut}", room_word(room))).unwrap_or_default();
    let own = message.own;
    let mut insert = connection.prepare_cached(
        "INSERT INTO message(room, place, sender, name, sent_ms, got_ms, state, delivered, expected, kind, body, cut)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let id = insert.insert((
        room,
        place,
        sender,
        message.id.0,
        // The sender's own date, whatever it is: all 64 bits are kept.
        message.sent_ms.cast_signed(),
        clamped(message.got_ms),
        own.map(|own| own.state.code()),
        own.map(|own| own.delivered),
        own.map(|own| own.of),
        kind,
        body,
        &cut,
    ))?;
    if !cut.is_empty() {
        connection.prepare_cached("INSERT INTO words(rowid, cut) VALUES(?1, ?2)")?.execute((id, &cut))?;
    }
    Ok(Placed::New(place.cast_unsigned()))
}

/// What became of a message that came before; `None` if it never did. `room` is the row of its room.
pub(super) fn known(
    connection: &Connection,
    room: i64,
    sender: &Fingerprint,
    id: MessageId,
) -> rusqlite::Result<Option<Placed>> {
    let mut find = connection.prepare_cached(
        "SELECT place FROM message WHERE room = ?1 AND name = ?3
           AND sender = (SELECT id FROM person WHERE room = ?1 AND fingerprint = ?2)",
    )?;
    let place = find.query_row((room, sender.as_bytes(), id.0), |row| row.get::<_, i64>(0)).optional()?;
    if let Some(place) = place {
        return Ok(Some(Placed::Known(place.cast_unsigned())));
    }
    let mut seen = connection.prepare_cached("SELECT 1 FROM seen WHERE room = ?1 AND name = ?2")?;
    Ok(seen.exists((room, seen_name(sender, id)))?.then_some(Placed::Deleted))
}

/// Notes how far an own message has got. Of one that is not there, or not our own, there is nothing to note.
pub(super) fn note_progress(
    connection: &Connection,
    room: &RoomId,
    sender: &Fingerprint,
    id: MessageId,
    progress: Progress,
    members: &[(Fingerprint, DeliveryState)],
) -> rusqlite::Result<()> {
    let mut set = connection.prepare_cached(
        "UPDATE message SET state = ?4, delivered = ?5, expected = ?6
         WHERE room = (SELECT id FROM room WHERE room = ?1) AND name = ?3 AND state IS NOT NULL
           AND sender = (SELECT person.id FROM person JOIN room ON room.id = person.room
                         WHERE room.room = ?1 AND person.fingerprint = ?2)
         RETURNING id, room",
    )?;
    let progress = (progress.state.code(), progress.delivered, progress.of);
    let values = (room.0, sender.as_bytes(), id.0, progress.0, progress.1, progress.2);
    let found = set.query_row(values, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
    let Some((message, room)) = found else { return Ok(()) };
    deliveries::note(connection, message, room, members)
}

/// The rows from a place on.
pub(super) fn page(connection: &Connection, room: RoomId, from: u64, count: u16) -> rusqlite::Result<Vec<StoredRow>> {
    let Some(id) = rooms::find(connection, &room)? else { return Ok(Vec::new()) };
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM message LEFT JOIN person ON person.id = message.sender
         WHERE message.room = ?1 AND message.place >= ?2 ORDER BY message.place LIMIT ?3"
    ))?;
    let rows = select.query_map((id, clamped(from), count.min(ROWS_MAX)), |row| read(row, room))?;
    rows.map(|row| deliveries::add_to(connection, id, row?)).collect()
}

/// Own messages from a place on that came at `since_ms` or later and are not on the host, the oldest first.
pub(super) fn unsent(
    connection: &Connection,
    room: RoomId,
    from: u64,
    since_ms: u64,
) -> rusqlite::Result<Vec<StoredRow>> {
    let Some(id) = rooms::find(connection, &room)? else { return Ok(Vec::new()) };
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM message LEFT JOIN person ON person.id = message.sender
         WHERE message.room = ?1 AND message.place >= ?2 AND message.state IN (0, 5) AND message.got_ms >= ?3
         ORDER BY message.place LIMIT ?4"
    ))?;
    let rows = select.query_map((id, clamped(from), clamped(since_ms), ROWS_MAX), |row| read(row, room))?;
    rows.collect()
}

/// Own messages from a place on that came to the host, that `member` has not confirmed, and that came here at `since_ms`
/// or later; the oldest first.
pub(super) fn owed(
    connection: &Connection,
    room: RoomId,
    member: &Fingerprint,
    from: u64,
    since_ms: u64,
) -> rusqlite::Result<Vec<StoredRow>> {
    let Some(id) = rooms::find(connection, &room)? else { return Ok(Vec::new()) };
    // The index of the deliveries first: most messages were confirmed long ago.
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM delivery CROSS JOIN message ON message.id = delivery.message
         LEFT JOIN person ON person.id = message.sender
         WHERE delivery.person = (SELECT id FROM person WHERE room = ?1 AND fingerprint = ?2)
           AND delivery.state < 2 AND message.got_ms >= ?3 AND message.state = 1 AND message.place >= ?4
         ORDER BY delivery.message LIMIT ?5"
    ))?;
    let values = (id, member.as_bytes(), clamped(since_ms), clamped(from), ROWS_MAX);
    let rows = select.query_map(values, |row| read(row, room))?;
    rows.map(|row| deliveries::add_to(connection, id, row?)).collect()
}

/// The newest rows before a place, the oldest first.
pub(super) fn before(
    connection: &Connection,
    room: RoomId,
    place: u64,
    count: u16,
) -> rusqlite::Result<Vec<StoredRow>> {
    let Some(id) = rooms::find(connection, &room)? else { return Ok(Vec::new()) };
    let mut rows = back(connection, id, room, clamped(place), count.min(ROWS_MAX))?;
    rows.reverse();
    Ok(rows)
}

/// The newest row of a room.
pub(super) fn newest(connection: &Connection, id: i64, room: RoomId) -> rusqlite::Result<Option<StoredRow>> {
    Ok(back(connection, id, room, i64::MAX, 1)?.pop())
}

/// The newest rows before a place, the newest first.
fn back(connection: &Connection, id: i64, room: RoomId, place: i64, count: u16) -> rusqlite::Result<Vec<StoredRow>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM message LEFT JOIN person ON person.id = message.sender
         WHERE message.room = ?1 AND message.place < ?2 ORDER BY message.place DESC LIMIT ?3"
    ))?;
    let rows = select.query_map((id, place, count), |row| read(row, room))?;
    rows.map(|row| deliveries::add_to(connection, id, row?)).collect()
}

/// The place of the first message that arrived at `from_ms` or later.
pub(super) fn place_of(connection: &Connection, room: &RoomId, from_ms: u64) -> rusqlite::Result<Option<u64>> {
    let mut select = connection.prepare_cached(
        "SELECT place FROM message WHERE room = (SELECT id FROM room WHERE room = ?1) AND got_ms >= ?2
           AND kind IS NOT NULL
         ORDER BY got_ms, place LIMIT 1",
    )?;
    let place = select.query_row((room.0, clamped(from_ms)), |row| row.get::<_, i64>(0)).optional()?;
    Ok(place.map(i64::cast_unsigned))
}

/// Reads [`COLUMNS`]. What is in them is input like any other: only the place has to be one.
pub(super) fn read(row: &Row<'_>, room: RoomId) -> rusqlite::Result<StoredRow> {
    let place = row.get::<_, i64>(0)?.cast_unsigned();
    let held = held(row, room).unwrap_or_else(|error| {
        log::warn!("row {place} of {room:?} in the store cannot be read: {error}");
        Held::Unreadable
    });
    Ok(StoredRow { place, held, members: Vec::new() })
}

/// Why a row is not what this program writes.
#[derive(Debug, thiserror::Error)]
enum RowError {
    #[error(transparent)]
    Column(#[from] rusqlite::Error),
    #[error("its content is {0}")]
    Content(crate::wire::DecodeError),
    #[error("its content has another id")]
    OtherId,
    #[error("it has the unknown state {0}")]
    State(u8),
}

fn held(row: &Row<'_>, room: RoomId) -> Result<Held, RowError> {
    let Some(kind) = row.get::<_, Option<u8>>(8)? else { return Ok(Held::Erased) };
    let sender = Fingerprint::from_bytes(row.get(1)?);
    let got_ms = row.get::<_, i64>(4)?.cast_unsigned();
    let body: Vec<u8> = row.get(9)?;
    let Some(content) = Content::from_stored(kind, &body) else { return Ok(Held::Newer { sender, got_ms }) };
    let (id, content) = content.map_err(RowError::Content)?;
    if row.get::<_, [u8; 16]>(2)? != id.0 {
        return Err(RowError::OtherId);
    }
    let own = match row.get::<_, Option<u8>>(5)? {
        None => None,
        Some(code) => Some(Progress {
            state: ProgressState::from_code(code).ok_or(RowError::State(code))?,
            delivered: row.get(6)?,
            of: row.get(7)?,
        }),
    };
    let sent_ms = row.get::<_, i64>(3)?.cast_unsigned();
    Ok(Held::Message(StoredMessage { room, sender, id, content, sent_ms, got_ms, own }))
}

/// What stays of the name of a message that is gone, so that it is not taken again.
pub(super) fn seen_name(sender: &Fingerprint, id: MessageId) -> [u8; SEEN_BYTES] {
    let hash = labelled_hash("seen", &[sender.as_bytes(), &id.0]);
    hash.first_chunk().copied().unwrap_or_default()
}
