//! The file of a store: made, locked, looked at before anything is written, and its two connections.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags, ffi};

use super::error::StoreError;
use super::key::{FileKey, SALT_BYTES};
use super::schema;

/// How long one connection waits for the other. What they hold each other up with takes milliseconds.
const BUSY: Duration = Duration::from_secs(1);
/// The longest value in bytes, which bounds what a damaged file can make SQLite allocate. A text has 16 KiB at most, the
/// blocks of its index have 4.
const VALUE_BYTES_MAX: i32 = 4 * 1024 * 1024;
/// How many statements stay prepared: all there are.
const STATEMENTS: usize = 64;
/// What SQLCipher seals by itself, and a closed file has some of.
const PAGE_BYTES: u64 = 4_096;
/// The largest file that is written anew, which is in memory and in the journal meanwhile, while whoever writes waits.
const REWRITE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The name prefix of a file that is being made. Only a crash leaves one behind, with nothing in it.
const UNFINISHED: &str = ".unfinished-";

/// For every connection. SQLite's own defaults are named where they matter, so that no build can change them.
const SETTINGS: &str = "
PRAGMA foreign_keys = ON;
PRAGMA secure_delete = ON;
PRAGMA trusted_schema = OFF;
PRAGMA cell_size_check = ON;
PRAGMA mmap_size = 0;
PRAGMA temp_store = MEMORY;
PRAGMA cache_size = -16384;
";
/// For the one that writes: each commit is on the disk when it returns, on macOS too.
const WRITER_SETTINGS: &str = "
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 1000;
";

/// A file that is open, and was looked at.
#[derive(Debug)]
pub(super) struct StoreFile {
    /// The connection that writes.
    pub(super) writer: Connection,
    /// Keeps every other process out, for as long as it is there.
    pub(super) lock: File,
    /// For connections in the place of these.
    pub(super) access: Arc<Access>,
}

/// How to open a file again that was looked at. SQLCipher answers nothing more on a connection that met a damaged page, not
/// even from the others.
#[derive(Debug)]
pub(super) struct Access {
    path: PathBuf,
    key: FileKey,
}

impl Access {
    /// A connection that only reads.
    pub(super) fn reader(&self) -> rusqlite::Result<Connection> {
        let reader = connect(&self.path, &self.key, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        reader.execute_batch(SETTINGS)?;
        Ok(reader)
    }

    /// A connection that writes.
    pub(super) fn writer(&self) -> rusqlite::Result<Connection> {
        let writer = connect(&self.path, &self.key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        writer.execute_batch(SETTINGS)?;
        begin_writing(&writer)?;
        Ok(writer)
    }
}

/// Makes a writer of a connection.
fn begin_writing(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(WRITER_SETTINGS)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
}

impl StoreFile {
    /// Opens the file at `path`, or makes it where there is none.
    pub(super) fn open(path: &Path, key: &FileKey) -> Result<Self, StoreError> {
        // SQLite takes a name that begins with `file:` for something else, which an absolute one never does.
        let path = std::path::absolute(path).map_err(|error| StoreError::of_io(&error))?;
        make_private(&path).map_err(|error| StoreError::of_io(&error))?;
        let lock = locked(&path)?;
        if !is_there(&path) {
            // What was written and not yet moved into the file is in its journal; a new file would replay it, or end it.
            if size(&beside(&path, "-wal")) > 0 {
                return Err(StoreError::Damaged);
            }
            create(&path, key)?;
        }
        let writer = checked(&path, key)?;
        begin_writing(&writer)?;
        let access = Arc::new(Access { path, key: key.clone() });
        Ok(Self { writer, lock, access })
    }
}

/// Moves what the journal holds into the file, and empties the journal. An error of its own if somebody reads it just now.
pub(super) fn empty_journal(connection: &Connection) -> rusqlite::Result<()> {
    let is_busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if is_busy { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None)) } else { Ok(()) }
}

/// Writes the whole file anew. SQLite overwrites what it deletes, but not the copies that it leaves in unused parts of pages
/// when it moves rows from one to another; after this there are none. `false` if the file is too large for that.
pub(super) fn rewrite(connection: &Connection) -> rusqlite::Result<bool> {
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages.cast_unsigned().saturating_mul(PAGE_BYTES) > REWRITE_BYTES_MAX {
        return Ok(false);
    }
    // The copy is attached while it is made.
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)?;
    let rewritten = connection.execute_batch("VACUUM");
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    rewritten.map(|()| true)
}

/// Fails if a page was read whose seal is broken. SQLCipher hands zeros to SQLite in the place of such a page, and that may
/// take them for the end of a long text; so whatever was read, or is to be written, counts only after this.
pub(super) fn require_sealed(connection: &Connection) -> rusqlite::Result<()> {
    // Not kept prepared: the answer is found when it is prepared.
    let is_sealed = connection.query_row("PRAGMA cipher_status", [], |row| Ok(row.get::<_, String>(0)? == "1"))?;
    if is_sealed { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), None)) }
}

/// What an error means: after a page with a broken seal, all others follow from that.
pub(super) fn meaning(connection: &Connection, error: rusqlite::Error) -> StoreError {
    if require_sealed(connection).is_ok() { error.into() } else { StoreError::Damaged }
}

/// Opens an old file, and finds out whether it is one to be written to. Until that is clear, nothing of it changes.
fn checked(path: &Path, key: &FileKey) -> Result<Connection, StoreError> {
    let beginning = beginning(path).map_err(|error| StoreError::of_io(&error))?;
    let is_unclean = size(&beside(path, "-wal")) > 0;
    let mut connection =
        connect(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|error| match error.sqlite_error_code() {
            // The seal of the first page is broken. The salt before it tells whether this key ever made it.
            Some(rusqlite::ErrorCode::NotADatabase) if !key.salt().starts_with(&beginning) => StoreError::WrongKey,
            _ => error.into(),
        })?;
    let found = schema::version(&connection)?;
    if found > schema::NEWEST {
        return Err(StoreError::Newer { found, known: schema::NEWEST });
    }
    // A file gets its name when it has its tables.
    if found < 1 {
        return Err(StoreError::Damaged);
    }
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(StoreError::ReadOnly);
    }
    connection.execute_batch(SETTINGS)?;
    // Half a page is none, and SQLite would find that only when it needs it.
    if !is_unclean && !size(path).is_multiple_of(PAGE_BYTES) {
        return Err(StoreError::Damaged);
    }
    if is_unclean {
        // First what was being moved when it ended: a page of that may be half written, and is whole in the journal.
        empty_journal(&connection)?;
        if !is_whole(&connection)? {
            return Err(StoreError::Damaged);
        }
    }
    schema::migrate(&mut connection)?;
    Ok(connection)
}

/// Whether the seal of each page is whole.
fn is_whole(connection: &Connection) -> rusqlite::Result<bool> {
    let mut check = connection.prepare("PRAGMA cipher_integrity_check")?;
    let mut complaints = check.query([])?;
    Ok(complaints.next()?.is_none())
}

/// Makes a file with empty tables, under another name until it is whole, and never in the place of another.
fn create(path: &Path, key: &FileKey) -> Result<(), StoreError> {
    let directory = directory_of(path);
    let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory);
    // Closed before SQLite opens it: to close it later would give up SQLite's own locks.
    let unfinished = file.map_err(|error| StoreError::of_io(&error))?.into_temp_path();
    let mut connection = connect(&unfinished, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(SETTINGS)?;
    connection.execute_batch("PRAGMA journal_mode = WAL;")?;
    begin_writing(&connection)?;
    schema::migrate(&mut connection)?;
    empty_journal(&connection)?;
    connection.close().map_err(|(_, error)| StoreError::from(error))?;
    let synced = File::options().write(true).open(&unfinished).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::of_io(&error))?;
    unfinished.persist_noclobber(path).map_err(|error| StoreError::of_io(&error.error))?;
    // On Unix a name is durable only once its directory is written too; Windows cannot flush one.
    let named = if cfg!(unix) { File::open(directory).and_then(|directory| directory.sync_all()) } else { Ok(()) };
    named.map_err(|error| StoreError::of_io(&error))
}

/// Opens a connection and reads something, for a wrong key is noticed only then. It moves nothing when it is closed.
fn connect(path: &Path, key: &FileKey, access: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // SQLCipher would write to the standard error output of whatever broken page it finds.
    connection.query_row("PRAGMA cipher_log_level = NONE", [], |_| Ok(()))?;
    connection.key(None::<&str>, key.spelled().as_slice(), false)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Makes the place of a file private before anything is in it.
fn make_private(path: &Path) -> io::Result<()> {
    let directory = directory_of(path);
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    close_to_others(directory)?;
    if is_there(path) {
        require_plain(path)?;
        close_to_others(path)?;
    }
    Ok(())
}

/// Locks a file against every other store. It is not the file itself that is locked, whose locks are SQLite's.
fn locked(path: &Path) -> Result<File, StoreError> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options.open(beside(path, ".lock")).map_err(|error| StoreError::of_io(&error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(StoreError::of_io(&error)),
    }
}

/// Takes away what others may do with a file or directory, if they may anything.
#[cfg(unix)]
fn close_to_others(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(());
    }
    permissions.set_mode(permissions.mode() & 0o700);
    fs::set_permissions(path, permissions)
}

/// Windows gives a profile's files to their owner by where they are.
#[cfg(not(unix))]
fn close_to_others(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Only a plain file will do: to open anything else may block for ever.
fn require_plain(path: &Path) -> io::Result<()> {
    if fs::metadata(path)?.is_file() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "something else is in the place of the file"))
}

/// The first bytes of a file, which are the salt of its key; fewer, if it is shorter.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(SALT_BYTES);
    File::open(path)?.take(SALT_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether anything has this name, including a link that leads nowhere.
fn is_there(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// How many bytes a file has; none if there is no such file.
fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// The name of a file with something behind it.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// The directory of a file with an absolute path.
fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
