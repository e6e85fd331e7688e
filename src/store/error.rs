//! Why a store cannot be opened, read or written.

use std::io;

use rusqlite::{ErrorCode, ffi};

/// Why a store cannot be opened, read or written. It says what is wrong, never whose words were in it; the app makes
/// the sentences.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is of another key, or no database at all. Nothing was changed.
    #[error("the file is of another key, or is no database")]
    WrongKey,
    /// The file is of this key, and what is in it is not what was written.
    #[error("the file is damaged")]
    Damaged,
    /// A newer version of this program wrote it. It is never written to by this one.
    #[error("the file has the format {found}, and this version knows {known}")]
    Newer {
        /// The format of the file.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// Another process has it open, or this one has.
    #[error("the file is open already")]
    InUse,
    /// The place cannot be written to.
    #[error("the place cannot be written to")]
    ReadOnly,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// Anything else that the system or SQLite said.
    #[error("{0}")]
    Other(String),
}

impl StoreError {
    /// What an error of the system means.
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    /// What an error of SQLite means for a file that was opened with its own key. Its text may quote SQL, which is ours,
    /// and never a value.
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // A page whose seal is broken is no page: after the first read, "no database" is damage.
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged,
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            // The index of the journal, which SQLite makes when it opens one, finds no room.
            Some(ErrorCode::SystemIoFailure)
                if error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHMSIZE) =>
            {
                Self::DiskFull
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// Whether an error is the fault of what was to be written, so that it would come again however often that is tried.
pub(super) fn is_of_the_row(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch)
    ) || matches!(error, rusqlite::Error::ToSqlConversionFailure(_) | rusqlite::Error::FromSqlConversionFailure(..))
}
