//! The encrypted store of one identity's rooms: one SQLCipher file, which one thread writes and another reads.
//!
//! Whoever has a [`Store`] hands it [`Write`]s and [`Question`]s and goes on; what came of them is told as [`News`]. A
//! write is on the disk once its number, or a later one, was told as [`News::Committed`]: not before, and then for
//! good, whatever happens to the program or the computer. Many writes share one commit, and so one wait for the disk.
//!
//! It knows of no window, no settings and no network, keeps no key, and decides nothing about people. What is in the
//! file, and what is promised of it, stands in `docs/store.md`.

mod cut;
mod deliveries;
mod erase;
mod error;
mod file;
mod key;
mod messages;
mod names;
mod people;
mod question;
mod queue;
mod reader;
mod rooms;
mod schema;
mod search;
mod write;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{fmt, thread};

use self::file::StoreFile;
use self::names::{Lookup, Names};
use self::queue::Queue;
use self::reader::{Interrupt, Reader, Request};
use self::writer::Writer;

use crate::crypto::Fingerprint;
use crate::protocol::{MessageId, RoomId};

pub use self::error::StoreError;
pub use self::key::FileKey;
pub use self::question::{
    Answer, Cursor, HITS_MAX, Held, Hit, Question, ROWS_MAX, Search, StoredRoom, StoredRow, UNREAD_MAX,
};
pub use self::write::{DeliveryState, Placed, Progress, ProgressState, StoredMessage, Write};

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
    /// A sweep, or the forgetting of rooms, is done: messages are gone. One that comes while another goes on is done with
    /// it.
    Erased {
        /// How many.
        messages: u64,
        /// Whether the file was written anew, so that nothing of them is in it any more. Otherwise, for it is too large or
        /// the disk too full, whoever has the key may still find pieces of them in unused parts of its pages.
        rewritten: bool,
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

/// Hands news to whoever opened the store, from both threads, one at a time.
#[derive(Clone)]
struct Teller(Arc<Mutex<dyn Fn(News) + Send>>);

impl Teller {
    fn tell(&self, news: News) {
        let tell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tell(news);
    }
}

/// A store that is open. Dropped without [`Store::close`], it writes what was handed in and ends by itself, without
/// anybody waiting for it.
pub struct Store {
    writes: Arc<Queue<Write>>,
    questions: Arc<Queue<Request>>,
    /// Messages that wait to be written.
    unwritten: Arc<Names>,
    lookup: Lookup,
    /// Ends a long answer.
    interrupt: Interrupt,
    /// The reader, then the writer.
    threads: Vec<JoinHandle<()>>,
}

impl Store {
    /// Opens the store at `path`, or makes it where there is none: the file for its owner only, in a directory for its
    /// owner only. What it tells comes from its threads, one at a time; whoever is slow to take it slows the store down.
    ///
    /// # Errors
    /// Any [`StoreError`]; the file is as it was then. An old file is never replaced and never deleted.
    pub fn open(path: &Path, key: &FileKey, tell: impl Fn(News) + Send + 'static) -> Result<Self, StoreError> {
        let file = StoreFile::open(path, key)?;
        let tell = Teller(Arc::new(Mutex::new(tell)));
        let (writes, questions) = (Arc::new(Queue::new(writer::LIMITS)), Arc::new(Queue::new(reader::LIMITS)));
        let reader = Reader::new(file.access.reader()?, file.access.clone(), questions.clone(), tell.clone());
        let interrupt = reader.interrupt();
        let unwritten = Arc::<Names>::default();
        let lookup = Lookup::new(file.access.clone(), unwritten.clone())?;
        let writer = Writer::new(file, writes.clone(), unwritten.clone(), tell);
        let mut store = Self { writes, questions, unwritten, lookup, interrupt, threads: Vec::new() };
        store.threads.push(begin("store reader", store.questions.clone(), || reader.run())?);
        store.threads.push(begin("store writer", store.writes.clone(), || writer.run())?);
        Ok(store)
    }

    /// Hands in a write; gives its number. Numbers start at 1 and increase by one.
    ///
    /// # Errors
    /// [`Full`], with the write, if as much waits as may.
    pub fn write(&self, write: Write) -> Result<u64, Full<Write>> {
        let bytes = write.bytes();
        // Before it can be written.
        self.unwritten.waits(&write);
        self.writes.push(write, bytes).inspect_err(|Full(write)| self.unwritten.are_written([&**write].into_iter()))
    }

    /// Whether a message was handed in before, by its room, sender and id; also if it was deleted less than 60 days ago.
    /// It is looked up at once, in the time that one page of the file takes.
    ///
    /// # Errors
    /// A [`StoreError`] if the file cannot be read there.
    pub fn has(&self, room: &RoomId, sender: &Fingerprint, id: MessageId) -> Result<bool, StoreError> {
        self.lookup.has(room, sender, id)
    }

    /// Asks something, under a number of the caller's choice. It sees what was told as committed before.
    ///
    /// # Errors
    /// [`Full`], with the question, if as many wait as may.
    pub fn ask(&self, request: u64, question: Question) -> Result<(), Full<Question>> {
        let bytes = question.bytes();
        let pushed = self.questions.push((request, question), bytes);
        pushed.map(drop).map_err(|Full(what)| Full(Box::new(what.1)))
    }

    /// Writes what was handed in, empties the journal, and ends both threads. Waits no longer than `within`.
    ///
    /// # Errors
    /// [`Unwritten`], if something could not be written in time; that may be lost.
    pub fn close(mut self, within: Duration) -> Result<(), Unwritten> {
        let start = Instant::now();
        // The reader first: what it looks at holds back the journal.
        self.lookup.close();
        self.questions.end();
        self.interrupt.now();
        self.questions.wait_for_end(within);
        self.writes.end();
        let left = self.writes.wait_for_end(within.saturating_sub(start.elapsed()));
        // One that has said its end is about to go; one that has not is left alone.
        for thread in self.threads.drain(..).filter(|_| left == 0) {
            if self.writes.is_over() && self.questions.is_over() && thread.join().is_err() {
                log::error!("a thread of the store has failed");
            }
        }
        if left == 0 { Ok(()) } else { Err(Unwritten(left)) }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.lookup.close();
        self.questions.end();
        self.writes.end();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Tells a queue that its thread has ended, however it did.
struct Ending<T>(Arc<Queue<T>>);

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.has_ended();
    }
}

/// Begins a thread that takes from a queue.
fn begin<T: Send + 'static>(
    name: &str,
    queue: Arc<Queue<T>>,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let body = move || {
        let _ending = Ending(queue);
        run();
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|error| StoreError::of_io(&error))
}
