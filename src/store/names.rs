//! Which messages a store has: those in its file, and those that wait to be written.
//!
//! Not here: what the messages say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::error::StoreError;
use super::file::{Access, meaning, require_sealed};
use super::messages::{self, seen_name};
use super::rooms;
use super::write::Write;
use crate::crypto::Fingerprint;
use crate::protocol::{MessageId, RoomId};

/// A message's name: its room, and a hash of who said it and its id.
type Name = (RoomId, [u8; 16]);

/// The names of messages that were handed in and are not in the file yet, each with how often it was. As many as may wait
/// to be written.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<BTreeMap<Name, usize>>);

impl Names {
    /// This was handed in.
    pub(super) fn waits(&self, write: &Write) {
        if let Some(name) = name_of(write) {
            *self.names().entry(name).or_default() += 1;
        }
    }

    /// These are in the file, or will never be.
    pub(super) fn are_written<'a>(&self, writes: impl Iterator<Item = &'a Write>) {
        let mut names = self.names();
        for name in writes.filter_map(name_of) {
            if let Some(count) = names.get_mut(&name) {
                *count -= 1;
                if *count == 0 {
                    names.remove(&name);
                }
            }
        }
    }

    fn has(&self, name: &Name) -> bool {
        self.names().contains_key(name)
    }

    fn names(&self) -> MutexGuard<'_, BTreeMap<Name, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(write: &Write) -> Option<Name> {
    let Write::Message(message) = write else { return None };
    Some((message.room, seen_name(&message.sender, message.id)))
}

/// Answers at once whether a store has a message, on a connection of its own.
pub(super) struct Lookup {
    /// None once the store is being closed.
    connection: Mutex<Option<Connection>>,
    access: Arc<Access>,
    unwritten: Arc<Names>,
}

impl Lookup {
    pub(super) fn new(access: Arc<Access>, unwritten: Arc<Names>) -> rusqlite::Result<Self> {
        Ok(Self { connection: Mutex::new(Some(access.reader()?)), access, unwritten })
    }

    /// Whether a message was handed in before, also if it was deleted since.
    pub(super) fn has(&self, room: &RoomId, sender: &Fingerprint, id: MessageId) -> Result<bool, StoreError> {
        // What waits goes into the file, and never the other way: asked in this order, nothing slips through.
        if self.unwritten.has(&(*room, seen_name(sender, id))) {
            return Ok(true);
        }
        let mut place = self.connection();
        let Some(connection) = place.as_ref() else { return Ok(false) };
        let found = rooms::find(connection, room).and_then(|room| match room {
            Some(room) => messages::known(connection, room, sender, id).map(|known| known.is_some()),
            None => Ok(false),
        });
        let sealed = found.and_then(|found| require_sealed(connection).map(|()| found));
        let error = match sealed {
            Ok(found) => return Ok(found),
            Err(error) => meaning(connection, error),
        };
        if error == StoreError::Damaged
            && let Ok(another) = self.access.reader()
        {
            *place = Some(another);
        }
        Err(error)
    }

    /// Lets go of the file: whoever closes it last tidies up.
    pub(super) fn close(&self) {
        *self.connection() = None;
    }

    fn connection(&self) -> MutexGuard<'_, Option<Connection>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
