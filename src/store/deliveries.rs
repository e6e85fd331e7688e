//! How an own message stands with each of those who were members when it came to the host.

use rusqlite::Connection;

use super::people;
use super::question::{Held, StoredRow};
use super::rooms::clamped;
use super::write::DeliveryState;
use crate::crypto::Fingerprint;

/// Notes how the message with the row `message` stands with members of the room with the row `room`. Who has it once has
/// it for good.
pub(super) fn note(
    connection: &Connection,
    message: i64,
    room: i64,
    members: &[(Fingerprint, DeliveryState)],
) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT INTO delivery(message, person, state) VALUES(?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET state = excluded.state WHERE state < 2",
    )?;
    for (member, state) in members {
        let person = people::put(connection, room, member)?;
        put.execute((message, person, state.code()))?;
    }
    Ok(())
}

/// Adds to a row of the room with the row `room` how it stands with the members. What is in the table is input like any
/// other: what nobody writes so is left out.
pub(super) fn add_to(connection: &Connection, room: i64, mut row: StoredRow) -> rusqlite::Result<StoredRow> {
    if !matches!(&row.held, Held::Message(message) if message.own.is_some()) {
        return Ok(row);
    }
    let mut select = connection.prepare_cached(
        "SELECT person.fingerprint, delivery.state FROM message
         JOIN delivery ON delivery.message = message.id JOIN person ON person.id = delivery.person
         WHERE message.room = ?1 AND message.place = ?2 ORDER BY person.id",
    )?;
    let states = select.query_map((room, clamped(row.place)), |row| {
        Ok((Fingerprint::from_bytes(row.get(0)?), DeliveryState::from_code(row.get(1)?)))
    })?;
    for state in states {
        if let (member, Some(state)) = state? {
            row.members.push((member, state));
        }
    }
    Ok(row)
}

/// The message with the row `message` goes.
pub(super) fn erase(connection: &Connection, message: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM delivery WHERE message = ?1")?.execute([message]).map(drop)
}
