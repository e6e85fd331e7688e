//! The encrypted store of one identity's rooms: one SQLCipher file, which one thread writes and another reads.
//!
//! Whoever has a [`Store`] hands it [`Write`]s and [`Question`]s and goes on; what came of them is told as [`News`]. A
//! write is on the disk once its number, or a later one, was told as [`News::Committed`]: not before, and then for
//! good, whatever happens to the program or the computer. Many writes share one commit, and so one wait for the disk.
//!
//! It knows of no window, no settings and no network, keeps no key, and decides nothing about people. What is in the
//! file, and what is promised of it, stands in `docs/store.md`.

mod error;
mod key;
mod question;
mod write;

use std::path::Path;
use std::time::Duration;

pub use self::error::StoreError;
pub use self::key::FileKey;
pub use self::question::{Answer, Cursor, HITS_MAX, Held, Hit, Question, ROWS_MAX, Search, StoredRoom, StoredRow};
pub use self::write::{Placed, Progress, ProgressState, StoredMessage, Write};

/// What a store tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// What came of messages, and of writes that could not be done, by their numbers. It comes right before the
    /// `Committed` that it belongs to.
    Placed(Vec<(u64, Placed)>),
    /// Every write up to this number is on the disk.
    Committed(u64),
    /// A commit failed. It is tried again every five seconds, and nothing of it is lost; this is told once.
    Failed(StoreError),
    /// A commit that had failed was done after all.
    Recovered,
    /// A sweep, or the forgetting of rooms, is done: so many messages are gone, and nothing of them is in the file.
    Erased {
        /// How many.
        messages: u64,
    },
    /// The answer to a question.
    Answer {
        /// The number that the question came with.
        request: u64,
        /// The answer.
        answer: Answer,
    },
}

/// Too much waits to be written, or asked; what was handed in comes back. It helps to wait for the next [`News`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("too much waits already")]
pub struct Full<T>(pub Box<T>);

/// So many writes were not on the disk in time when the store was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0} writes were not stored")]
pub struct Unwritten(pub usize);

/// A store that is open. Dropped without [`Store::close`], it writes what was handed in and ends by itself, without
/// anybody waiting for it.
#[derive(Debug)]
pub struct Store {}

impl Store {
    /// Opens the store at `path`, or makes it where there is none: the file for its owner only, in a directory for its
    /// owner only. What it tells comes from its threads, one at a time; whoever is slow to take it slows the store down.
    ///
    /// # Errors
    /// Any [`StoreError`]; the file is as it was then. An old file is never replaced and never deleted.
    pub fn open(path: &Path, key: &FileKey, tell: impl Fn(News) + Send + 'static) -> Result<Self, StoreError> {
        drop((path, key, tell));
        Err(StoreError::ReadOnly)
    }

    /// Hands in a write; gives its number. Numbers start at 1 and increase by one.
    ///
    /// # Errors
    /// [`Full`], with the write, if as much waits as may.
    pub fn write(&self, write: Write) -> Result<u64, Full<Write>> {
        Err(Full(Box::new(write)))
    }

    /// Asks something, under a number of the caller's choice. It sees what was told as committed before.
    ///
    /// # Errors
    /// [`Full`], with the question, if as many wait as may.
    pub fn ask(&self, request: u64, question: Question) -> Result<(), Full<Question>> {
        drop(request);
        Err(Full(Box::new(question)))
    }

    /// Writes what was handed in and ends both threads. Waits no longer than `within`.
    ///
    /// # Errors
    /// [`Unwritten`], if something could not be written in time; that is lost.
    pub fn close(self, within: Duration) -> Result<(), Unwritten> {
        drop((self, within));
        Ok(())
    }
}
