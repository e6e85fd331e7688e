//! The file of one room's log: made, checked, written and read.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::error::LogError;
use crate::crypto::Fingerprint;
use crate::protocol::limits::{LOG_HASHES_KEPT, MEMBER_BODY_BYTES_MAX, MEMBERS_HARD_MAX, ROSTER_ENTRIES_MAX};
use crate::protocol::{
    HostWrite, ItemEffect, ItemWrite, KeptItem, KeptMember, KeptWrap, RestoredRoom, RoomId, RoomSnapshot,
};

/// The newest format that this version knows.
const NEWEST: i64 = 1;
/// Format 1. An index or a number that a member chose may have all 64 bits.
const TABLES: &str = "
CREATE TABLE room(
    id INTEGER PRIMARY KEY CHECK (id = 1),
    genesis BLOB NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    base INTEGER NOT NULL,
    base_hash BLOB NOT NULL,
    closed_ms INTEGER
) STRICT;

CREATE TABLE entry(position INTEGER PRIMARY KEY, exact BLOB NOT NULL) STRICT;

CREATE TABLE item(position INTEGER PRIMARY KEY, kind INTEGER NOT NULL, exact BLOB NOT NULL) STRICT;

CREATE TABLE wrap(
    position INTEGER NOT NULL,
    member BLOB NOT NULL,
    exact BLOB NOT NULL,
    PRIMARY KEY(position, member)
) STRICT, WITHOUT ROWID;

CREATE TABLE member(
    member BLOB PRIMARY KEY,
    prekey_position INTEGER,
    prekey BLOB,
    prekey_index INTEGER NOT NULL DEFAULT 0,
    chain_epoch INTEGER NOT NULL DEFAULT 0,
    chain_number INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
";
/// Nobody else opens a file of a profile in use, so the journal's index stays in memory. Each commit is on the disk when
/// it returns, on macOS too. What is deleted is overwritten.
const SETTINGS: &str = "
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA secure_delete = ON;
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA mmap_size = 0;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -1024;
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 1000;
PRAGMA journal_size_limit = 4194304;
";
/// How many statements stay prepared: all there are.
const STATEMENTS: usize = 16;
/// How many logs of one room may be set aside before somebody has to look after them.
const ASIDE_MAX: usize = 100;

/// One room's log, open to be written.
pub(super) struct LogFile {
    connection: Connection,
    /// The position of the newest item, written or to be committed.
    position: u64,
    /// What the row of the room is to say with the next commit.
    end: Option<End>,
    is_in_transaction: bool,
    /// Whether anything is in the journal.
    pub(super) is_dirty: bool,
}

struct End {
    hash: [u8; 32],
    base: (u64, [u8; 32]),
}

impl LogFile {
    /// Makes the file of a new room. What is left of an earlier one must be out of the way.
    pub(super) fn create(directory: &Path, room: RoomId, genesis: &[u8]) -> Result<Self, LogError> {
        make_directory(directory)?;
        let path = path_of(directory, room);
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Closed before SQLite opens it: to close it later would give up SQLite's own locks.
        drop(options.open(&path)?);
        let connection = connect(&path)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;")?;
        connection.execute_batch(TABLES)?;
        connection.execute(
            "INSERT INTO room(id, genesis, position, hash, base, base_hash) VALUES(1, ?1, 0, ?2, 0, ?2)",
            params![genesis, room.0],
        )?;
        connection.execute_batch("COMMIT")?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        sync_directory(directory)?;
        Ok(Self { connection, position: 0, end: None, is_in_transaction: false, is_dirty: true })
    }

    /// Opens a room's file; `None` if there is none, or nothing in it, as after a crash while it was made. A file that is
    /// damaged, or of a newer version, is not written to.
    pub(super) fn open(directory: &Path, room: RoomId) -> Result<Option<Self>, LogError> {
        let path = path_of(directory, room);
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // What was written and not yet moved into the file is in its journal.
                let is_half = fs::metadata(beside(&path, "-wal")).is_ok_and(|journal| journal.len() > 0);
                return if is_half { Err(LogError::Damaged("only its journal is there".to_owned())) } else { Ok(None) };
            }
            metadata => metadata?,
        };
        if !metadata.is_file() {
            return Err(LogError::Damaged("it is no plain file".to_owned()));
        }
        let connection = connect(&path)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > NEWEST {
            return Err(LogError::Newer { found, known: NEWEST });
        }
        let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if found == 0 && tables == 0 {
            drop(connection);
            remove(directory, room)?;
            return Ok(None);
        }
        let is_whole: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if found < NEWEST || is_whole != "ok" {
            return Err(LogError::Damaged(is_whole));
        }
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        let position: i64 = connection.query_row("SELECT position FROM room", [], |row| row.get(0))?;
        let position = position.cast_unsigned();
        Ok(Some(Self { connection, position, end: None, is_in_transaction: false, is_dirty: true }))
    }

    /// Whether the room was closed.
    pub(super) fn is_closed(&self) -> Result<bool, LogError> {
        Ok(self.connection.query_row("SELECT closed_ms IS NOT NULL FROM room", [], |row| row.get(0))?)
    }

    /// Fails if the file cannot be written to.
    pub(super) fn probe(&self) -> Result<(), LogError> {
        Ok(self.connection.execute_batch("BEGIN IMMEDIATE; UPDATE room SET id = id; COMMIT")?)
    }

    /// All that is kept of the room, checked.
    pub(super) fn read(&self, room: RoomId) -> Result<RestoredRoom, LogError> {
        let restored = RestoredRoom::new(self.snapshot()?)?;
        if restored.room() != room {
            return Err(LogError::Damaged("it is another room".to_owned()));
        }
        Ok(restored)
    }

    pub(super) fn snapshot(&self) -> Result<RoomSnapshot, LogError> {
        let room = "SELECT genesis, hash, base, base_hash, closed_ms, position FROM room";
        let (genesis, hash, base, closed_ms, position) = self.connection.query_row(room, [], |row| {
            let base = (row.get::<_, i64>(2)?.cast_unsigned(), row.get(3)?);
            let closed_ms = row.get::<_, Option<i64>>(4)?.map(i64::cast_unsigned);
            Ok((row.get(0)?, row.get(1)?, base, closed_ms, row.get::<_, i64>(5)?))
        })?;
        let entries = self.rows("SELECT position, exact FROM entry ORDER BY position", ENTRIES_MAX, |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
        })?;
        let members = self.rows(
            "SELECT member, prekey_position, prekey, prekey_index, chain_epoch, chain_number FROM member",
            usize::from(MEMBERS_HARD_MAX),
            kept_member,
        )?;
        let mut items =
            self.rows("SELECT position, kind, exact FROM item ORDER BY position", LOG_HASHES_KEPT, |row| {
                let (position, kind, exact) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?, row.get(2)?);
                Ok(KeptItem { position, kind, exact, wraps: Vec::new() })
            })?;
        let mut wraps = self.connection.prepare("SELECT member, exact FROM wrap WHERE position = ?1")?;
        for item in &mut items {
            let found = wraps.query_map([item.position.cast_signed()], |row| {
                Ok(KeptWrap { member: Fingerprint::from_bytes(row.get(0)?), exact: row.get(1)? })
            })?;
            item.wraps = found.take(usize::from(MEMBERS_HARD_MAX)).collect::<Result<_, _>>()?;
        }
        let newest = items.last().map_or(base.0, |item| item.position);
        if newest.cast_signed() != position {
            return Err(LogError::Damaged("the newest item is missing".to_owned()));
        }
        Ok(RoomSnapshot { genesis, entries, members, base, items, hash, closed_ms })
    }

    fn rows<T>(
        &self,
        sql: &str,
        most: usize,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LogError> {
        let mut statement = self.connection.prepare(sql)?;
        let rows = statement.query_map([], read)?.take(most + 1).collect::<Result<Vec<T>, _>>()?;
        if rows.len() > most {
            return Err(LogError::Damaged("it holds more than was written".to_owned()));
        }
        Ok(rows)
    }

    /// Writes something; it is kept once [`Self::commit`] has returned.
    pub(super) fn write(&mut self, what: &HostWrite) -> Result<(), LogError> {
        if !self.is_in_transaction {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
            (self.is_in_transaction, self.is_dirty) = (true, true);
        }
        match what {
            HostWrite::Item(item) => self.write_item(item)?,
            HostWrite::PrekeyGone(member) => {
                let sql = "UPDATE member SET prekey = NULL, prekey_position = NULL WHERE member = ?1";
                self.connection.prepare_cached(sql)?.execute([member.as_bytes()])?;
            }
            HostWrite::Opened { .. } | HostWrite::Forgotten => {
                return Err(LogError::Damaged("a file that is open was to be made or deleted".to_owned()));
            }
        }
        Ok(())
    }

    fn write_item(&mut self, item: &ItemWrite) -> Result<(), LogError> {
        if self.position.checked_add(1) != Some(item.position) {
            return Err(LogError::Damaged(format!("item {} after item {}", item.position, self.position)));
        }
        let position = item.position.cast_signed();
        let connection = &self.connection;
        let sql = "INSERT INTO item(position, kind, exact) VALUES(?1, ?2, ?3)";
        connection.prepare_cached(sql)?.execute(params![position, item.kind, item.exact])?;
        for wrap in &item.wraps {
            let sql = "INSERT INTO wrap(position, member, exact) VALUES(?1, ?2, ?3)";
            connection.prepare_cached(sql)?.execute(params![position, wrap.member.as_bytes(), wrap.exact])?;
        }
        match item.effect {
            ItemEffect::Entry { removed } => {
                write_entry(connection, item)?;
                if let Some(member) = removed {
                    connection.execute("DELETE FROM member WHERE member = ?1", [member.as_bytes()])?;
                }
            }
            ItemEffect::End { at_ms } => {
                write_entry(connection, item)?;
                connection.execute("UPDATE room SET closed_ms = ?1", [at_ms.cast_signed()])?;
                connection.execute_batch("DELETE FROM member")?;
                // No item is kept any more, not even this one.
                self.end = Some(End { hash: item.hash, base: (item.position, item.hash) });
                self.position = item.position;
                return Ok(());
            }
            ItemEffect::Prekey { member, index } => {
                let sql = "INSERT INTO member(member, prekey_position, prekey, prekey_index) VALUES(?1, ?2, ?3, ?4) \
                           ON CONFLICT DO UPDATE SET prekey_position = ?2, prekey = ?3, prekey_index = ?4";
                let values = params![member.as_bytes(), position, item.exact, index.cast_signed()];
                connection.prepare_cached(sql)?.execute(values)?;
            }
            ItemEffect::Chain { member, epoch, number } => {
                let sql = "INSERT INTO member(member, chain_epoch, chain_number) VALUES(?1, ?2, ?3) \
                           ON CONFLICT DO UPDATE SET chain_epoch = ?2, chain_number = ?3";
                let values = params![member.as_bytes(), epoch.cast_signed(), number.cast_signed()];
                connection.prepare_cached(sql)?.execute(values)?;
            }
            ItemEffect::Nothing => {}
        }
        self.position = item.position;
        self.end = Some(End { hash: item.hash, base: item.base });
        Ok(())
    }

    /// Where the log ends and where it begins, and whatever is older is deleted: once for all items of a commit.
    fn write_end(&mut self) -> Result<(), LogError> {
        let Some(End { hash, base: (base, base_hash) }) = self.end.take() else { return Ok(()) };
        let (position, base) = (self.position.cast_signed(), base.cast_signed());
        let sql = "UPDATE room SET position = ?1, hash = ?2, base = ?3, base_hash = ?4";
        self.connection.prepare_cached(sql)?.execute(params![position, hash, base, base_hash])?;
        for sql in ["DELETE FROM item WHERE position <= ?1", "DELETE FROM wrap WHERE position <= ?1"] {
            self.connection.prepare_cached(sql)?.execute([base])?;
        }
        Ok(())
    }

    /// Everything that was written is on the disk when this returns.
    pub(super) fn commit(&mut self) -> Result<(), LogError> {
        if self.is_in_transaction {
            self.write_end()?;
            self.connection.execute_batch("COMMIT")?;
            self.is_in_transaction = false;
        }
        Ok(())
    }

    /// Writes the file anew, without what was deleted.
    pub(super) fn rewrite(&mut self) -> Result<(), LogError> {
        self.connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
        self.connection.execute_batch("VACUUM")?;
        self.empty_journal()
    }

    /// Moves what the journal holds into the file.
    pub(super) fn empty_journal(&mut self) -> Result<(), LogError> {
        self.is_dirty = false;
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        self.connection.query_row(checkpoint, [], |_| Ok(())).optional()?;
        Ok(())
    }
}

/// More entries than a roster has.
const ENTRIES_MAX: usize = ROSTER_ENTRIES_MAX as usize;

fn write_entry(connection: &Connection, item: &ItemWrite) -> rusqlite::Result<()> {
    let sql = "INSERT INTO entry(position, exact) VALUES(?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![item.position.cast_signed(), item.exact]).map(drop)
}

fn kept_member(row: &rusqlite::Row<'_>) -> rusqlite::Result<KeptMember> {
    let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
    let prekey = row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned).zip(row.get(2)?);
    let member = Fingerprint::from_bytes(row.get(0)?);
    let (prekey_index, chain_epoch, chain_number) = (number(3)?, number(4)?, number(5)?);
    Ok(KeptMember { member, prekey, prekey_index, chain_epoch, chain_number })
}

/// The rooms whose logs are in a directory, in the order of their names.
pub(super) fn rooms_in(directory: &Path) -> io::Result<Vec<RoomId>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut rooms = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(ENDING)).and_then(room_of);
        rooms.extend(id);
    }
    rooms.sort_unstable();
    Ok(rooms)
}

fn room_of(name: &str) -> Option<RoomId> {
    let bytes = data_encoding::HEXLOWER.decode(name.as_bytes()).ok()?;
    bytes.try_into().ok().map(RoomId)
}

/// How the name of a log ends.
const ENDING: &str = ".db";

/// The file of a room's log.
pub(super) fn path_of(directory: &Path, room: RoomId) -> PathBuf {
    directory.join(format!("{room}{ENDING}"))
}

/// Deletes a room's log.
pub(super) fn remove(directory: &Path, room: RoomId) -> io::Result<()> {
    let path = path_of(directory, room);
    for path in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Gives a room's log another name, never that of something that is there. `None` if there is no log.
pub(super) fn set_aside(directory: &Path, room: RoomId) -> io::Result<Option<PathBuf>> {
    let path = path_of(directory, room);
    if !is_there(&path) && !is_there(&beside(&path, "-wal")) {
        return Ok(None);
    }
    let free = (1..=ASIDE_MAX).map(|number| beside(&path, &format!(".aside-{number}")));
    let free = free.into_iter().find(|aside| !is_there(aside) && !is_there(&beside(aside, "-wal")));
    let aside = free.ok_or_else(|| io::Error::other("too many logs of this room were set aside"))?;
    // The journal belongs to the file of its name.
    for ending in ["-wal", "-shm", ""] {
        match fs::rename(beside(&path, ending), beside(&aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(aside))
}

/// Fails if nothing can be written in a directory.
pub(super) fn probe(directory: &Path) -> Result<(), LogError> {
    make_directory(directory)?;
    let file = tempfile::tempfile_in(directory)?;
    file.set_len(PROBE_BYTES)?;
    io::Write::write_all(&mut &file, &[0; PROBE_BYTES as usize])?;
    Ok(file.sync_all()?)
}

/// What a new log takes.
const PROBE_BYTES: u64 = 64 * 1024;

fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mut permissions = fs::metadata(directory)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o700);
            fs::set_permissions(directory, permissions)?;
        }
    }
    Ok(())
}

/// On Unix a name is durable only once its directory is written too; Windows cannot flush one.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory).and_then(|directory| directory.sync_all()) } else { Ok(()) }
}

/// Opens a connection that changes nothing by being closed.
fn connect(path: &Path) -> Result<Connection, LogError> {
    // SQLite takes a name that begins with `file:` for something else, which an absolute one never does.
    let path = std::path::absolute(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, i32::try_from(2 * MEMBER_BODY_BYTES_MAX).unwrap_or(i32::MAX))?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.execute_batch(SETTINGS)?;
    Ok(connection)
}

fn is_there(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
