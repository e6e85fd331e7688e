//! The loop's part for the logs of hosted rooms: what the hosts want written, and what the thread that writes answers.

use std::path::Path;

use super::connections::Role;
use super::event_loop::EventLoop;
use super::listener::Listener;
use super::log::{Log, LogDirectory, LogDone, LogNews};
use super::workers::Done;
use super::{Event, ListenError, ListenerId};
use crate::protocol::{HostWrite, LinkId, RoomId};

impl EventLoop {
    /// Reads what is kept for a listener; the listener accepts nobody before.
    pub(super) fn begin_log(&mut self, listener: ListenerId, log: Option<LogDirectory>) -> Result<(), ListenError> {
        let Some(directory) = log else { return Ok(()) };
        let system = |error: std::io::Error| ListenError::System(error.to_string());
        self.log_thread().map_err(system)?.begin(listener, directory);
        Ok(())
    }

    /// The thread that writes, which runs from its first use on.
    fn log_thread(&mut self) -> std::io::Result<&Log> {
        match &mut self.log {
            Some(log) => Ok(log),
            none => {
                let sender = self.done_sender.clone();
                // The loop may have ended meanwhile.
                Ok(none.insert(Log::start(move |done| drop(sender.send(Done::Log(done))), &self.waker)?))
            }
        }
    }

    pub(super) fn write_log(&self, listener: ListenerId, room: RoomId, number: u64, what: HostWrite) {
        if let Some(log) = &self.log {
            log.write(listener, room, number, what);
        }
    }

    pub(super) fn load_log(&self, listener: ListenerId, room: RoomId) {
        if let Some(log) = &self.log {
            log.load(listener, room);
        }
    }

    /// Deletes what is kept of a room that nobody hosts any more.
    pub(super) fn forget_log(&mut self, directory: &Path, room: RoomId) {
        match self.log_thread() {
            Ok(log) => log.forget(directory, room),
            Err(error) => log::warn!("the log of room {room} is not deleted: {error}"),
        }
    }

    /// Whether a member's link is left unread for now, because too much waits for the disk.
    pub(super) fn pauses(&mut self, id: LinkId) -> bool {
        let Some(log) = &self.log else { return false };
        let Some(Role::Hosted { listener, keyed: true, .. }) = self.connections.at(id).map(|link| link.role) else {
            return false;
        };
        let listener = self.listeners.get(listener).and_then(Option::as_ref);
        let holds_too_much =
            listener.is_some_and(|listener| listener.host.held_bytes() > listener.limits.held_bytes_max);
        let pauses = log.is_full() || holds_too_much;
        if pauses && !self.paused.contains(&id) {
            log::debug!("connection {} is not read until more is on the disk", id.0);
            self.paused.push(id);
        }
        pauses
    }

    /// Reads on where it was paused, as far as it is not paused again.
    pub(super) fn read_paused(&mut self) {
        for id in std::mem::take(&mut self.paused) {
            if self.pauses(id) {
                continue;
            }
            self.take_frames(id);
            self.read(id);
        }
    }

    /// The thread has done something.
    pub(super) fn log_done(&mut self, done: LogDone) {
        let now = self.now;
        match done {
            LogDone::Begun { listener: id, rooms, unopened, failing, news } => {
                let Some((_, listener)) = self.listener_of(id) else { return };
                for room in unopened {
                    listener.host.expect(room);
                }
                for room in failing {
                    listener.host.lost(room, now);
                }
                for kept in rooms {
                    let room = kept.room();
                    if !listener.host.restore(kept, now) {
                        log::warn!("room {room} has no place here");
                    }
                }
                listener.is_begun = true;
                news.into_iter().for_each(|(room, news)| self.tell(Event::Log { listener: id, room, news }));
                self.tell_listening(id);
            }
            LogDone::Loaded { listener: id, room, kept, news } => {
                let Some((place, listener)) = self.listener_of(id) else { return };
                let had_failed = listener.host.loaded(room, kept.map(|kept| *kept), now);
                for news in news.into_iter().chain(had_failed.then_some(LogNews::Recovered)) {
                    self.tell(Event::Log { listener: id, room, news });
                }
                self.drain_host(place);
            }
            LogDone::Committed { listener: id, room, number } => {
                let Some((place, listener)) = self.listener_of(id) else { return };
                listener.host.committed(room, number);
                self.drain_host(place);
            }
            LogDone::Failed { listener: id, room, file, error } => {
                let Some((place, listener)) = self.listener_of(id) else { return };
                if listener.host.lost(room, now) {
                    self.tell(Event::Log { listener: id, room, news: LogNews::Failing(file, error) });
                }
                self.drain_host(place);
            }
        }
    }

    fn listener_of(&mut self, id: ListenerId) -> Option<(usize, &mut Listener)> {
        let listeners = self.listeners.iter_mut().enumerate();
        listeners.filter_map(|(place, listener)| Some((place, listener.as_mut()?))).find(|(_, found)| found.id == id)
    }
}
