//! Writing what changed: settings and records, soon after they did, and again where it failed.

use std::time::{Duration, Instant};

use super::SessionEvent;
use super::engine::Engine;
use crate::protocol::Command;

/// How long changed settings wait for more changes before they are written: a draft changes with
/// every key.
const SETTINGS_WAIT: Duration = Duration::from_secs(1);
/// How long changed records wait for more changes.
const RECORDS_WAIT: Duration = Duration::from_millis(20);
/// How long until a failed write is tried again.
const RETRY_WRITE: Duration = Duration::from_secs(10);

impl Engine {
    /// Lets the changed settings be written soon, and tells the faces.
    pub(super) fn settings_changed(&mut self) {
        self.settings_due.get_or_insert_with(|| Instant::now() + SETTINGS_WAIT);
        self.emit(SessionEvent::Settings(self.settings.clone()));
    }

    /// Writes what is due.
    pub(super) fn write_due(&mut self) {
        let now = Instant::now();
        if self.settings_due.is_some_and(|due| due <= now) {
            self.write_settings();
        }
        if self.records_due.is_some_and(|due| due <= now) {
            self.write_records();
        }
    }

    fn write_settings(&mut self) {
        self.settings_due = None;
        let failed = self.settings.save(&self.directory).err();
        if failed.is_some() {
            self.settings_due = Some(Instant::now() + RETRY_WRITE);
        }
        if self.settings_failed != failed {
            self.settings_failed.clone_from(&failed);
            failed.into_iter().for_each(|problem| self.emit(SessionEvent::Warning(problem)));
        }
    }

    /// Lets the changed records be written in a moment: a room's roster comes entry by entry.
    pub(super) fn write_records_soon(&mut self) {
        let due = Instant::now() + RECORDS_WAIT;
        self.records_due = Some(self.records_due.map_or(due, |known| known.min(due)));
    }

    /// Writes the records that changed. What cannot be written stays in memory and is tried again.
    pub(super) fn write_records(&mut self) {
        self.records_due = None;
        let (mut failed, mut entries_saved) = (None, Vec::new());
        for (id, seat) in self.seats.iter_mut().filter(|(_, seat)| seat.unsaved) {
            let Some(record) = &seat.record else { continue };
            match self.records.save(record) {
                Ok(()) => {
                    seat.unsaved = false;
                    if std::mem::take(&mut seat.entry_unsaved) {
                        entries_saved.push(*id);
                    }
                }
                Err(problem) => failed = Some(problem),
            }
        }
        if failed.is_some() {
            self.records_due = Some(Instant::now() + RETRY_WRITE);
        }
        if self.records_failed != failed {
            self.records_failed.clone_from(&failed);
            failed.into_iter().for_each(|problem| self.emit(SessionEvent::Warning(problem)));
        }
        entries_saved.into_iter().for_each(|id| self.command(id, Command::EntryStored));
    }

    /// Writes all that changed, before the end.
    pub(super) fn write_all(&mut self) {
        if self.settings_due.is_some() {
            self.write_settings();
        }
        self.write_records();
    }
}
