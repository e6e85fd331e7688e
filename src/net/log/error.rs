//! Why a room's log cannot be written or read.

use std::io;

use rusqlite::ErrorCode;

use crate::protocol::Unfit;

/// Why a room's log cannot be written or read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogError {
    /// What is in the file is not what was written.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// A newer version of this program wrote it.
    #[error("the file has the format {found}, and this version knows {known}")]
    Newer {
        /// The format of the file.
        found: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// What the system or SQLite said; another time it may work.
    #[error("{0}")]
    Disk(String),
}

impl From<rusqlite::Error> for LogError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            None | Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig) => {
                Self::Damaged(error.to_string())
            }
            Some(_) => Self::Disk(error.to_string()),
        }
    }
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<Unfit> for LogError {
    fn from(unfit: Unfit) -> Self {
        Self::Damaged(unfit.to_string())
    }
}
