//! The thread that writes and reads the logs of all rooms: many writes to a commit, each room's in their order.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use mio::Waker;

use super::error::LogError;
use super::file::{self, LogFile};
use super::{Job, LogDirectory, LogDone, LogNews, Tell, Waiting, WriteJob};
use crate::net::ListenerId;
use crate::protocol::limits::ROOMS_MAX;
use crate::protocol::{HostWrite, ItemEffect, ItemWrite, RestoredRoom, RoomId};

/// The most jobs of one round, whose writes share their commits: more make it no cheaper for each.
const JOBS_A_ROUND: usize = 512;
/// After so long without a job the journals are emptied.
const IDLE: Duration = Duration::from_secs(10);

/// A room's file that is open.
struct Open {
    listener: ListenerId,
    file: LogFile,
    /// The newest write that is not committed yet.
    written: Option<u64>,
    /// Whether the room is closed with that.
    is_closed: bool,
}

/// What the thread has.
pub(super) struct LogThread {
    jobs: Receiver<Job>,
    waiting: Arc<Waiting>,
    done: Tell,
    waker: Arc<Waker>,
    directories: BTreeMap<ListenerId, PathBuf>,
    files: BTreeMap<RoomId, Open>,
}

impl LogThread {
    pub(super) fn new(jobs: Receiver<Job>, waiting: Arc<Waiting>, done: Tell, waker: Arc<Waker>) -> Self {
        Self { jobs, waiting, done, waker, directories: BTreeMap::new(), files: BTreeMap::new() }
    }

    /// Writes until no more will come.
    pub(super) fn run(mut self) {
        loop {
            match self.jobs.recv_timeout(IDLE) {
                Ok(first) => self.round(first),
                Err(RecvTimeoutError::Timeout) => self.empty_journals(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// Does a job and those that wait behind it.
    fn round(&mut self, first: Job) {
        let (mut writes, mut bytes) = (0, 0);
        let mut next = Some(first);
        for _ in 0..JOBS_A_ROUND {
            let Some(job) = next.take().or_else(|| self.jobs.try_recv().ok()) else { break };
            match job {
                Job::Write(write) => {
                    (writes, bytes) = (writes + 1, bytes + write.bytes);
                    self.write(write);
                }
                job => {
                    // Whatever comes before it is to be found in the files.
                    self.commit();
                    self.do_other(job);
                }
            }
        }
        self.commit();
        self.waiting.remove(writes, bytes);
        if let Err(error) = self.waker.wake() {
            log::error!("the net thread could not be woken: {error}");
        }
    }

    fn do_other(&mut self, job: Job) {
        match job {
            Job::Begin { listener, directory } => self.begin(listener, &directory),
            Job::End(listener) => {
                self.directories.remove(&listener);
                self.files.retain(|_, open| open.listener != listener);
            }
            Job::Load { listener, room } => self.load(listener, room),
            // What another listener still hosts is left to it.
            Job::Forget { room, .. } if self.files.contains_key(&room) => {}
            Job::Forget { directory, room } => {
                if let Err(error) = file::remove(&directory, room) {
                    log::warn!("the log of room {room} cannot be deleted: {error}");
                }
            }
            Job::Write(write) => self.write(write),
        }
    }

    fn write(&mut self, WriteJob { listener, room, number, what, .. }: WriteJob) {
        let Some(directory) = self.directories.get(&listener) else { return };
        let done = match what {
            HostWrite::Opened { genesis } => match LogFile::create(directory, room, &genesis) {
                Ok(file) => {
                    self.files.insert(room, Open { listener, file, written: Some(number), is_closed: false });
                    Ok(())
                }
                Err(error) => Err(error),
            },
            HostWrite::Forgotten => {
                self.files.remove(&room);
                let removed = file::remove(directory, room).map_err(LogError::from);
                if removed.is_ok() {
                    self.tell(LogDone::Committed { listener, room, number });
                }
                removed
            }
            what => {
                // After something failed, what else was under way for this room goes nowhere.
                let Some(open) = self.files.get_mut(&room).filter(|open| open.listener == listener) else { return };
                let closes = |item: &ItemWrite| matches!(item.effect, ItemEffect::End { .. });
                open.is_closed |= matches!(&what, HostWrite::Item(item) if closes(item));
                open.written = Some(number);
                open.file.write(&what)
            }
        };
        if let Err(error) = done {
            self.fail(listener, room, error);
        }
    }

    /// Commits what was written, of each room.
    fn commit(&mut self) {
        let written: Vec<RoomId> =
            self.files.iter().filter(|(_, open)| open.written.is_some()).map(|(room, _)| *room).collect();
        for room in written {
            let Some(open) = self.files.get_mut(&room) else { continue };
            let Some(number) = open.written.take() else { continue };
            let (listener, is_closed) = (open.listener, open.is_closed);
            match open.file.commit() {
                Ok(()) => self.tell(LogDone::Committed { listener, room, number }),
                Err(error) => self.fail(listener, room, error),
            }
            if is_closed && let Some(mut open) = self.files.remove(&room) {
                // Nothing more is written to it; and of what was said nothing is to be left.
                if let Err(error) = open.file.rewrite() {
                    log::warn!("the log of closed room {room} cannot be written anew: {error}");
                }
            }
        }
    }

    /// What a room's file holds is not known for sure: it is closed, and read again when that is asked for.
    fn fail(&mut self, listener: ListenerId, room: RoomId, error: LogError) {
        log::warn!("the log of room {room} cannot be written or read: {error}");
        if self.files.get(&room).is_some_and(|open| open.listener == listener) {
            self.files.remove(&room);
        }
        let Some(directory) = self.directories.get(&listener) else { return };
        self.tell(LogDone::Failed { listener, room, file: file::path_of(directory, room), error });
    }

    /// Reads what is kept of a room and gets ready to write to it.
    fn load(&mut self, listener: ListenerId, room: RoomId) {
        let Some(directory) = self.directories.get(&listener).cloned() else { return };
        if self.files.contains_key(&room) {
            return self.fail(listener, room, LogError::Disk("the log is in use".to_owned()));
        }
        let found = LogFile::open(&directory, room).and_then(|found| {
            let Some(file) = found else {
                file::probe(&directory)?;
                return Ok(None);
            };
            let kept = file.read(room)?;
            file.probe()?;
            Ok(Some((file, kept)))
        });
        let (kept, news) = match found {
            Ok(None) => (None, None),
            Ok(Some((file, kept))) => {
                if kept.closed_ms().is_none() {
                    self.files.insert(room, Open { listener, file, written: None, is_closed: false });
                }
                (Some(Box::new(kept)), None)
            }
            Err(error @ LogError::Disk(_)) => return self.fail(listener, room, error),
            Err(error) => match file::set_aside(&directory, room) {
                Ok(aside) => {
                    log::warn!("the log of room {room} is set aside: {error}");
                    (None, aside.map(LogNews::SetAside))
                }
                Err(error) => return self.fail(listener, room, error.into()),
            },
        };
        self.tell(LogDone::Loaded { listener, room, kept, news });
    }

    /// Looks through a directory, and reads what is hosted from the start: closed rooms, whose members may come to see
    /// the end, and, if that is wanted, all others.
    fn begin(&mut self, listener: ListenerId, directory: &LogDirectory) {
        self.directories.insert(listener, directory.path.clone());
        let (mut rooms, mut closed, mut news) = (Vec::new(), Vec::new(), Vec::new());
        let (mut unopened, mut failing) = (Vec::new(), Vec::new());
        let names = file::rooms_in(&directory.path).unwrap_or_else(|error| {
            log::warn!("{} cannot be read: {error}", directory.path.display());
            Vec::new()
        });
        for room in names {
            // Another listener hosts it.
            if self.files.contains_key(&room) {
                continue;
            }
            let all = directory.all && rooms.len() < ROOMS_MAX;
            match self.look(listener, directory, room, all) {
                Ok(Looked::Restored(kept)) if kept.closed_ms().is_some() => closed.push(*kept),
                Ok(Looked::Restored(kept)) => rooms.push(*kept),
                Ok(Looked::Unopened) if directory.all => log::warn!("there is no place for room {room}"),
                Ok(Looked::Unopened) => unopened.push(room),
                Ok(Looked::Nothing) => {}
                Err(error) => {
                    let path = file::path_of(&directory.path, room);
                    log::warn!("{} cannot be used: {error}", path.display());
                    // What a disk says that does not work may be otherwise another time.
                    if matches!(error, LogError::Disk(_)) {
                        if directory.all { failing.push(room) } else { unopened.push(room) }
                    }
                    news.push((room, LogNews::Unusable(path, error)));
                }
            }
        }
        closed.sort_by_key(RestoredRoom::closed_ms);
        for old in closed.drain(..closed.len().saturating_sub(ROOMS_MAX)) {
            if let Err(error) = file::remove(&directory.path, old.room()) {
                log::warn!("the log of closed room {} cannot be deleted: {error}", old.room());
            }
        }
        rooms.extend(closed);
        self.tell(LogDone::Begun { listener, rooms, unopened, failing, news });
    }

    fn look(
        &mut self,
        listener: ListenerId,
        directory: &LogDirectory,
        room: RoomId,
        all: bool,
    ) -> Result<Looked, LogError> {
        let Some(file) = LogFile::open(&directory.path, room)? else { return Ok(Looked::Nothing) };
        let is_closed = file.is_closed()?;
        if !is_closed && !all {
            return Ok(Looked::Unopened);
        }
        let kept = Box::new(file.read(room)?);
        if !is_closed {
            self.files.insert(room, Open { listener, file, written: None, is_closed: false });
        }
        Ok(Looked::Restored(kept))
    }

    fn empty_journals(&mut self) {
        for (room, open) in self.files.iter_mut().filter(|(_, open)| open.file.is_dirty) {
            if let Err(error) = open.file.empty_journal() {
                log::warn!("the journal of room {room} cannot be emptied: {error}");
            }
        }
    }

    /// The loop is woken at the end of the round.
    fn tell(&self, what: LogDone) {
        (self.done)(what);
    }
}

/// What was found under the name of a log.
enum Looked {
    Nothing,
    Unopened,
    Restored(Box<RestoredRoom>),
}
