//! The tables of a store, and how they come to be.

use rusqlite::{Connection, TransactionBehavior};

/// The steps from one format to the next. Each is one transaction, with its number.
const MIGRATIONS: [&str; 2] = [FIRST, SECOND];

/// The newest format that this version knows.
pub(super) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// Format 1.
///
/// A room without a name is being erased, and nobody finds it any more. `cut` is what the index holds of a message: kept
/// beside it, so that it can be taken out of the index again whatever cuts words by then. A message without a kind was
/// erased, and its row is only there for the places after it.
const FIRST: &str = "
CREATE TABLE room(
    id INTEGER PRIMARY KEY,
    room BLOB UNIQUE,
    title TEXT NOT NULL,
    suite INTEGER NOT NULL,
    entered_ms INTEGER NOT NULL,
    next_place INTEGER NOT NULL DEFAULT 0,
    read_up_to INTEGER NOT NULL DEFAULT 0,
    keep_days INTEGER,
    draft TEXT
) STRICT;

CREATE TABLE person(
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES room(id),
    fingerprint BLOB NOT NULL,
    name TEXT,
    UNIQUE(room, fingerprint)
) STRICT;

CREATE TABLE message(
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES room(id),
    place INTEGER NOT NULL,
    sender INTEGER NOT NULL REFERENCES person(id),
    name BLOB NOT NULL,
    sent_ms INTEGER NOT NULL,
    got_ms INTEGER NOT NULL,
    state INTEGER,
    delivered INTEGER,
    expected INTEGER,
    kind INTEGER,
    body BLOB,
    cut TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_place ON message(room, place);
CREATE UNIQUE INDEX message_name ON message(room, sender, name);
CREATE INDEX message_got ON message(room, got_ms, place) WHERE kind IS NOT NULL;

CREATE VIRTUAL TABLE words USING fts5(cut, content='message', content_rowid='id', tokenize='ascii');
INSERT INTO words(words, rank) VALUES('secure-delete', 1);

CREATE TABLE seen(
    room INTEGER NOT NULL REFERENCES room(id),
    name BLOB NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY(room, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_day ON seen(day);
";

/// Format 2: who has an own message, who is waited for and who missed it, and which own messages are not on the host.
const SECOND: &str = "
CREATE TABLE delivery(
    message INTEGER NOT NULL REFERENCES message(id),
    person INTEGER NOT NULL REFERENCES person(id),
    state INTEGER NOT NULL,
    PRIMARY KEY(message, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_open ON delivery(person, message) WHERE state < 2;
CREATE INDEX message_unsent ON message(room, place) WHERE state IN (0, 5);
";

/// The format of a file; 0 if it has none yet.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a file up to the newest format.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found = version(connection)?;
    for (step, number) in MIGRATIONS.iter().zip(1_i64..).filter(|(_, number)| *number > found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
