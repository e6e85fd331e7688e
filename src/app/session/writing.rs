//! Writing what changed: settings and records, soon after they did, and again where it failed.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::engine::Engine;
use super::{SessionEvent, lock};
use crate::app::vault::{Private, Vault};
use crate::app::{Problem, say};
use crate::crypto::KeyKind;
use crate::protocol::{Command, Invite, RoomId};

/// How long changed settings wait for more changes before they are written: a draft changes with
/// every key.
const SETTINGS_WAIT: Duration = Duration::from_secs(1);
/// How long changed records wait for more changes.
const RECORDS_WAIT: Duration = Duration::from_millis(20);
/// How long until a failed write is tried again.
const RETRY_WRITE: Duration = Duration::from_secs(10);

impl Engine {
    /// Lets the changed settings be written soon, and tells the front ends.
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
        let failed = self.try_settings();
        if self.settings_failed != failed {
            self.settings_failed.clone_from(&failed);
            failed.into_iter().for_each(|problem| self.emit(SessionEvent::Warning(tried_again(problem))));
        }
    }

    /// Writes the settings and what is under the lock; each even where the other fails.
    fn try_settings(&mut self) -> Option<Problem> {
        let (settings, vault) = (self.settings.save(&self.directory).err(), self.write_vaults().err());
        let failed = settings.or(vault);
        self.settings_due = failed.is_some().then(|| Instant::now() + RETRY_WRITE);
        failed
    }

    /// The secure identity is open, and so is what lies under its lock. Of another identity than before
    /// it is written anew: what a person knows of others does not change with their own key.
    pub(super) fn open_vault(&mut self) {
        let Some(identity) = self.identities.ready(KeyKind::Rsa) else { return };
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
                    self.take_invites(&private);
                    self.vault = Some((vault, private));
                }
                // It is left alone as long as it cannot be read.
                Err(problem) => return self.emit(SessionEvent::Warning(problem)),
            }
        }
        self.settings_changed();
    }

    /// The learning identity is there: so are the invites to its rooms.
    pub(super) fn open_learning_vault(&mut self) {
        let Some(identity) = self.identities.ready(KeyKind::Textbook) else { return };
        let vault = Vault::of(&self.directory, identity).map_err(Problem::from);
        let is_other = self.learning_vault.is_some();
        let opened = vault
            .and_then(|vault| if is_other { Ok(Default::default()) } else { vault.load() }.map(|found| (vault, found)));
        match opened {
            Ok((vault, (private, warning))) => {
                warning.into_iter().for_each(|problem| self.emit(SessionEvent::Warning(problem)));
                self.take_invites(&private);
                self.learning_vault = Some((vault, private));
            }
            Err(problem) => self.emit(SessionEvent::Warning(problem)),
        }
    }

    /// Invites that were open when the last run ended.
    fn take_invites(&mut self, private: &Private) {
        let known = lock(&self.by_room).keys().copied().collect::<BTreeSet<_>>();
        for (room, invites) in private.invites.iter().filter(|(room, _)| known.contains(*room)) {
            self.invites.entry(*room).or_insert_with(|| invites.clone());
        }
    }

    /// The open invites of a room changed. What was used or withdrawn is off the disk at once, or it would be
    /// back after a crash; and what is given away is there before anybody sees it.
    pub(super) fn keep_invites(&mut self, room: RoomId, invites: &[Invite]) {
        self.invites.insert(room, invites.to_vec());
        if self.write_vaults().is_ok() {
            return;
        }
        let due = Instant::now() + RECORDS_WAIT;
        self.settings_due = Some(self.settings_due.map_or(due, |known| known.min(due)));
    }

    /// Writes what is under the locks, as far as it changed and they are open.
    fn write_vaults(&mut self) -> Result<(), Problem> {
        let invites_of = |is_learning: bool| {
            let is_meant =
                |invites: &[Invite]| invites.first().is_some_and(|one| one.suite.is_learning() == is_learning);
            let meant = self.invites.iter().filter(|(_, invites)| is_meant(invites));
            meant.map(|(room, invites)| (*room, invites.clone())).collect()
        };
        let (drafts, verified) = (self.settings.drafts.clone(), self.settings.verified.clone());
        let private = Private { drafts, verified, invites: invites_of(false) };
        let learning = Private { invites: invites_of(true), ..Private::default() };
        for (vault, private) in [(&mut self.vault, private), (&mut self.learning_vault, learning)] {
            if let Some((vault, kept)) = vault.as_mut().filter(|(_, kept)| *kept != private) {
                vault.save(&private)?;
                *kept = private;
            }
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
        let failed = self.try_records();
        if self.records_failed != failed {
            self.records_failed.clone_from(&failed);
            failed.into_iter().for_each(|problem| self.emit(SessionEvent::Warning(tried_again(problem))));
        }
    }

    /// Writes the records that changed, and lets the entries go out that are on disk now.
    fn try_records(&mut self) -> Option<Problem> {
        let (mut entries_saved, mut entries_unsaved) = (Vec::new(), Vec::new());
        // An entry may have used up an invite, which must not be back if this is all that gets to the disk.
        let uses_invite = self.memberships.values().any(|membership| membership.entry_unsaved.is_some());
        let mut failed = if uses_invite { self.write_vaults().err() } else { None };
        let is_blocked = failed.is_some();
        for (id, membership) in self.memberships.iter_mut().filter(|(_, membership)| membership.unsaved) {
            let Some(record) = &membership.record else { continue };
            if is_blocked && let Some(number) = membership.entry_unsaved {
                entries_unsaved.push((*id, number));
                continue;
            }
            match self.records.save(record) {
                Ok(()) => {
                    membership.unsaved = false;
                    entries_saved.extend(membership.entry_unsaved.take().map(|number| (*id, number)));
                }
                Err(problem) => {
                    failed = Some(problem);
                    entries_unsaved.extend(membership.entry_unsaved.map(|number| (*id, number)));
                }
            }
        }
        // After the records: an owner's entry that is remembered is one that is kept.
        let failed = failed.or_else(|| self.memories.save().err());
        self.records_due = failed.is_some().then(|| Instant::now() + RETRY_WRITE);
        entries_saved.into_iter().for_each(|(id, number)| self.command(id, Command::Kept(number)));
        entries_unsaved.into_iter().for_each(|(id, number)| self.command(id, Command::NotKept(number)));
        failed
    }

    /// Writes what is remembered at once; if that fails, it is tried again and told with the records.
    pub(super) fn write_memories(&mut self) {
        if let Err(problem) = self.memories.save() {
            log::debug!("{problem}");
            self.write_records_soon();
        }
    }

    /// Writes all that changed, before the end, and says what could not be written: it is lost.
    pub(super) fn write_all(&mut self) -> Vec<Problem> {
        let settings = if self.settings_due.is_some() { self.try_settings() } else { None };
        self.try_records().into_iter().chain(settings).collect()
    }
}

/// What failed will be tried again, and nothing waits for it.
fn tried_again(problem: Problem) -> Problem {
    let path = problem.what.values().join(" ");
    Problem {
        what: say!("{} cannot be written yet. Messages go out as before, and it is tried again.", path),
        ..problem
    }
}
