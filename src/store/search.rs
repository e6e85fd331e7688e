//! The search over messages.

use std::collections::HashMap;

use rusqlite::{Connection, Row};

use super::cut::{Query, room_word};
use super::messages::{COLUMNS, read};
use super::question::{Answer, Cursor, HITS_MAX, Held, Hit, Search};
use super::rooms::{self, clamped};
use crate::protocol::RoomId;

/// The most rows that one answer looks at: a frequent word of a rare sender is looked for in several, so that others
/// are answered and the journal can be emptied in between.
const LOOKED_AT_MAX: usize = 5_000;

/// What a search takes from the index, the newest first. The joins are crossed so that it begins there: left to itself,
/// the planner reads a whole room.
fn statement() -> String {
    format!(
        "SELECT {COLUMNS}, message.id, message.room
         FROM words CROSS JOIN message ON message.id = words.rowid LEFT JOIN person ON person.id = message.sender
         WHERE words MATCH ?1 AND words.rowid < ?2 ORDER BY words.rowid DESC"
    )
}

/// Answers a search.
pub(super) fn answer(connection: &Connection, search: &Search) -> rusqlite::Result<Answer> {
    let none = Answer::Hits { hits: Vec::new(), next: None };
    let query = Query::of(&search.text);
    let Some(expression) = query.expression() else { return Ok(none) };
    let limit = usize::from(search.limit.min(HITS_MAX));
    let filter = match search.room.map(|room| rooms::find(connection, &room)).transpose()? {
        Some(None) => return Ok(none),
        room => Filter::new(search, room.flatten()),
    };
    let expression = match filter.room {
        Some(room) => format!("\"{}\" AND {expression}", room_word(room)),
        None => expression,
    };
    let before = search.before.map_or(i64::MAX, |cursor| cursor.0);
    let mut select = connection.prepare_cached(&statement())?;
    let mut rows = select.query((expression, before))?;
    let (mut hits, mut looked_at, mut names) = (Vec::new(), 0, HashMap::new());
    while let Some(row) = rows.next()? {
        looked_at += 1;
        if filter.takes(row)?
            && let Some(room) = name_of(connection, &mut names, row.get(11)?)?
        {
            hits.extend(hit(row, room, &query)?);
        }
        if hits.len() >= limit || looked_at >= LOOKED_AT_MAX {
            return Ok(Answer::Hits { hits, next: Some(Cursor(row.get(10)?)) });
        }
    }
    Ok(Answer::Hits { hits, next: None })
}

/// What else a hit has to be, beside its words.
struct Filter {
    room: Option<i64>,
    sender: Option<[u8; 32]>,
    from_ms: i64,
    to_ms: Option<i64>,
}

impl Filter {
    fn new(search: &Search, room: Option<i64>) -> Self {
        Self {
            room,
            sender: search.sender.map(|sender| *sender.as_bytes()),
            from_ms: search.from_ms.map_or(i64::MIN, clamped),
            to_ms: search.to_ms.map(clamped),
        }
    }

    fn takes(&self, row: &Row<'_>) -> rusqlite::Result<bool> {
        let got_ms: i64 = row.get(4)?;
        let is_in_time = got_ms >= self.from_ms && self.to_ms.is_none_or(|to_ms| got_ms < to_ms);
        let is_in_room = self.room.is_none_or(|room| row.get(11) == Ok(room));
        // A fingerprint is no secret; and one that cannot be read is nobody's.
        Ok(is_in_time && is_in_room && self.sender.is_none_or(|sender| row.get(1) == Ok(sender)))
    }
}

/// The room of a row, looked up once; none for one that is being erased.
fn name_of(
    connection: &Connection,
    names: &mut HashMap<i64, Option<RoomId>>,
    room: i64,
) -> rusqlite::Result<Option<RoomId>> {
    if let Some(name) = names.get(&room) {
        return Ok(*name);
    }
    let name = rooms::name(connection, room)?;
    names.insert(room, name);
    Ok(name)
}

fn hit(row: &Row<'_>, room: RoomId, query: &Query) -> rusqlite::Result<Option<Hit>> {
    let row = read(row, room)?;
    let Held::Message(message) = row.held else { return Ok(None) };
    let ranges = message.content.words().map(|words| query.ranges(words)).unwrap_or_default();
    Ok(Some(Hit { place: row.place, message, ranges }))
}
