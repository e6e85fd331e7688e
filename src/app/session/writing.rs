//! Writing what changed: settings and records, soon after they did, and again where it failed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::engine::Engine;
use super::{SessionEvent, lock};
use crate::app::Problem;
use crate::app::vault::{Private, Vault};
use crate::crypto::Suite;
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
        let failed = self.settings.save(&self.directory).err().or(self.write_vault().err());
        if failed.is_some() {
            self.settings_due = Some(Instant::now() + RETRY_WRITE);
        }
        if self.settings_failed != failed {
            self.settings_failed.clone_from(&failed);
            failed.into_iter().for_each(|problem| self.emit(SessionEvent::Warning(problem)));
        }
    }

    /// The secure identity is open, and so is what lies under its lock. Of another identity than before
    /// it is written anew: what a person knows of others does not change with their own key.
    pub(super) fn open_vault(&mut self) {
        let Some(identity) = self.identities.ready(Suite::Secure) else { return };
        let vault = match Vault::of(&self.directory, identity) {
            Ok(vault) => vault,
            Err(error) => return self.emit(SessionEvent::Warning(error.into())),
        };
        if self.vault.is_some() {
            self.vault = Some((vault, Private::default()));
        } else {
            match vault.load() {
                Ok((private, warning)) => {
                    warning.into_iter().for_each(|problem| self.emit(SessionEvent::Warning(problem)));
                    // What was typed or marked meanwhile is newer.
                    let known = lock(&self.by_room).keys().copied().collect::<BTreeSet<_>>();
                    for (room, text) in private.drafts.iter().filter(|(room, _)| known.contains(*room)) {
                        self.settings.drafts.entry(*room).or_insert_with(|| text.clone());
                    }
                    for (member, mark) in &private.verified {
                        self.settings.verified.entry(*member).or_insert_with(|| mark.clone());
                    }
                    self.vault = Some((vault, private));
                }
                // It is left alone as long as it cannot be read.
                Err(problem) => return self.emit(SessionEvent::Warning(problem)),
            }
        }
        self.settings_changed();
    }

    /// Writes what is under the lock, if it changed and the lock is open.
    fn write_vault(&mut self) -> Result<(), Problem> {
        let Some((vault, kept)) = &mut self.vault else { return Ok(()) };
        let (drafts, verified) = (self.settings.drafts.clone(), self.settings.verified.clone());
        let private = Private { drafts, verified };
        if private != *kept {
            vault.save(&private)?;
            *kept = private;
        }
        Ok(())
    }

    /// Lets the changed records be written in a moment: a room's roster comes entry by entry.
    pub(super) fn write_records_soon(&mut self) {
        let due = Instant::now() + RECORDS_WAIT;
        self.records_due = Some(self.records_due.map_or(due, |known| known.min(due)));
    }

    /// Writes the records that changed. What cannot be written stays in memory and is tried again.
    pub(super) fn write_records(&mut self) {
        self.records_due = None;
        let (mut failed, mut entries_saved, mut entries_unsaved) = (None, Vec::new(), Vec::new());
        for (id, seat) in self.seats.iter_mut().filter(|(_, seat)| seat.unsaved) {
            let Some(record) = &seat.record else { continue };
            match self.records.save(record) {
                Ok(()) => {
                    seat.unsaved = false;
                    if std::mem::take(&mut seat.entry_unsaved) {
                        entries_saved.push(*id);
                    }
                }
                Err(problem) => {
                    failed = Some(problem);
                    entries_unsaved.extend(seat.entry_unsaved.then_some(*id));
                }
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
        entries_unsaved.into_iter().for_each(|id| self.command(id, Command::EntryUnstored));
    }

    /// Writes all that changed, before the end.
    pub(super) fn write_all(&mut self) {
        if self.settings_due.is_some() {
            self.write_settings();
        }
        self.write_records();
    }
}
