//! The durable logs of hosted rooms: a file for each room, and one thread that writes them all.
//!
//! The loop hands over what is to be written and goes on; the thread answers through the loop's waker, like the workers.
//! What waits shares one commit for each room, and so one wait for the disk. In the files is what a host knows anyway:
//! sealed messages, who is on the roster, who said something when. No key opens them, and none is needed.

mod error;
mod file;
mod thread;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;
use std::{io, thread as threads};

use mio::Waker;

pub use self::error::LogError;
use self::thread::LogThread;
use super::ListenerId;
use crate::protocol::{HostWrite, RestoredRoom, RoomId};

/// Writes that may wait for the disk, of all rooms; while there are more, members' links are not read. Fewer than frames
/// may wait for a peer, so that nobody is too slow for what is released at once.
pub(super) const WRITES_WAITING_MAX: usize = 1_024;
/// The same in bytes: some of the largest announcements.
pub(super) const WRITE_BYTES_WAITING_MAX: usize = 16 * 1024 * 1024;
/// How long the thread may take to write what waits when the net ends: longer than a disk takes that works.
const END: Duration = Duration::from_secs(2);

/// Where the logs of the rooms at a listener are kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogDirectory {
    /// The directory, which only its owner can enter; made when the first room is opened.
    pub path: PathBuf,
    /// Whether every room there is hosted from the start, as a relay does. Otherwise each is once its owner opens it, for
    /// it may be hosted at another listener.
    pub all: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum LogNews {
    /// The log in this file cannot be written or read at the moment. It is tried again every five seconds; until then nobody is in
    /// the room.
    Failing(PathBuf, LogError),
    /// It can be again.
    Recovered,
    /// The log in this file cannot be used. It stays as it is.
    Unusable(PathBuf, LogError),
    /// It was set aside under this name, because the room's owner began another log.
    SetAside(PathBuf),
}

/// What the thread answers.
pub(super) enum LogDone {
    /// The directory was read.
    Begun {
        listener: ListenerId,
        rooms: Vec<RestoredRoom>,
        /// Rooms whose log is there and was not read.
        unopened: Vec<RoomId>,
        /// Rooms whose log is there and could not be read this time.
        failing: Vec<RoomId>,
        news: Vec<(RoomId, LogNews)>,
    },
    /// A room's log was read.
    Loaded { listener: ListenerId, room: RoomId, kept: Option<Box<RestoredRoom>>, news: Option<LogNews> },
    /// A room's writes up to this number are on the disk.
    Committed { listener: ListenerId, room: RoomId, number: u64 },
    /// A room could not be written or read.
    Failed { listener: ListenerId, room: RoomId, file: PathBuf, error: LogError },
}

/// Takes what the thread has done.
type Tell = Box<dyn Fn(LogDone) + Send>;

/// What the thread is asked to do.
enum Job {
    Begin { listener: ListenerId, directory: LogDirectory },
    End(ListenerId),
    Load { listener: ListenerId, room: RoomId },
    Write(WriteJob),
    Forget { directory: PathBuf, room: RoomId },
}

struct WriteJob {
    listener: ListenerId,
    room: RoomId,
    number: u64,
    bytes: usize,
    what: HostWrite,
}

/// How much waits to be written.
#[derive(Default)]
struct Waiting {
    writes: AtomicUsize,
    bytes: AtomicUsize,
}

impl Waiting {
    fn add(&self, bytes: usize) {
        self.writes.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn remove(&self, writes: usize, bytes: usize) {
        self.writes.fetch_sub(writes, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn is_full(&self) -> bool {
        self.writes.load(Ordering::Relaxed) >= WRITES_WAITING_MAX
            || self.bytes.load(Ordering::Relaxed) >= WRITE_BYTES_WAITING_MAX
    }
}

/// The thread that writes, seen from the loop.
pub(super) struct Log {
    jobs: Sender<Job>,
    waiting: Arc<Waiting>,
    /// Ends with the thread.
    alive: Receiver<()>,
}

impl Log {
    /// Starts the thread; what it has done is handed to `done`, and the loop is woken.
    pub(super) fn start(done: impl Fn(LogDone) + Send + 'static, waker: &Arc<Waker>) -> io::Result<Self> {
        let (jobs, taken) = channel();
        let (alive_sender, alive) = channel();
        let waiting = Arc::new(Waiting::default());
        let thread = LogThread::new(taken, Arc::clone(&waiting), Box::new(done), Arc::clone(waker));
        threads::Builder::new().name("conversa-log".into()).spawn(move || {
            thread.run();
            drop::<Sender<()>>(alive_sender);
        })?;
        Ok(Self { jobs, waiting, alive })
    }

    /// Reads what is kept for a listener.
    pub(super) fn begin(&self, listener: ListenerId, directory: LogDirectory) {
        self.ask(Job::Begin { listener, directory });
    }

    /// A listener has closed: its files are closed, too.
    pub(super) fn end_listener(&self, listener: ListenerId) {
        self.ask(Job::End(listener));
    }

    /// Reads what is kept of a room.
    pub(super) fn load(&self, listener: ListenerId, room: RoomId) {
        self.ask(Job::Load { listener, room });
    }

    /// Writes something of a room.
    pub(super) fn write(&self, listener: ListenerId, room: RoomId, number: u64, what: HostWrite) {
        let bytes = bytes(&what);
        self.waiting.add(bytes);
        self.ask(Job::Write(WriteJob { listener, room, number, bytes, what }));
    }

    /// Deletes what is kept of a room that nobody hosts any more.
    pub(super) fn forget(&self, directory: &Path, room: RoomId) {
        self.ask(Job::Forget { directory: directory.to_owned(), room });
    }

    /// Whether so much waits to be written that no more is to be taken.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.is_full()
    }

    /// Waits until everything is written, but no longer than a disk takes that works.
    pub(super) fn end(self) {
        drop(self.jobs);
        if self.alive.recv_timeout(END) == Err(RecvTimeoutError::Timeout) {
            log::warn!("the disk did not take the logs of all rooms in time");
        }
    }

    fn ask(&self, job: Job) {
        if self.jobs.send(job).is_err() {
            log::error!("the thread of the logs has ended");
        }
    }
}

/// What a write takes in memory, in bytes.
fn bytes(what: &HostWrite) -> usize {
    let more = match what {
        HostWrite::Item(item) => {
            item.exact.len() + item.wraps.iter().map(|wrap| wrap.exact.len() + size_of_val(wrap)).sum::<usize>()
        }
        HostWrite::Opened { genesis } => genesis.len(),
        _ => 0,
    };
    more + size_of::<Job>()
}

#[cfg(test)]
mod tests;
