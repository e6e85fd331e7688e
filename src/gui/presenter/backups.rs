//! Backups of the identity, and identities that come back from them.

use std::path::PathBuf;

use super::{Presenter, views};
use crate::app::{Passphrase, Problem, say};
use crate::crypto::Fingerprint;
use crate::gui::Work;
use crate::gui::file_dialog::{self, Wanted};
use crate::gui::generated as ui;

impl Presenter {
    /// Opens the sheet for a backup, with a place for it: the home directory, under the key's tag.
    pub(in crate::gui) fn open_backup(&self) {
        let state = self.state();
        state.set_backup_error(ui::TroubleView::default());
        state.set_backup_busy(false);
        let place = crate::app::identity::backup::suggested_place(state.get_identity().code.tag.as_str());
        state.set_backup_file(place.display().to_string().into());
        state.set_sheet(ui::Sheet::Backup);
        self.look_for_file_dialogs();
    }

    pub(in crate::gui) fn open_restore(&self) {
        let state = self.state();
        state.set_backup_error(ui::TroubleView::default());
        state.set_backup_busy(false);
        state.set_backup_file("".into());
        state.set_sheet(ui::Sheet::Restore);
        self.look_for_file_dialogs();
    }

    /// Asks for the file of the open sheet with the desktop's own dialog.
    pub(in crate::gui) fn choose_backup_file(&self) {
        let state = self.state();
        let (title, wanted) = match state.get_sheet() {
            ui::Sheet::Backup => (say!("New file for the backup"), Wanted::Save(self.backup_file())),
            ui::Sheet::Restore => (say!("File of the backup"), Wanted::Open),
            _ => return,
        };
        let chosen = file_dialog::ask(&self.app, &self.say(&title), &wanted);
        let work = self.work.clone();
        let asked = slint::spawn_local(async move {
            if let Some(file) = chosen.await {
                // The window may be gone by now.
                let _ = work.send(Work::FileChosen(file)).await;
            }
        });
        if let Err(error) = asked {
            log::warn!("no dialog for a file: {error}");
        }
    }

    /// Finds out on a worker whether there is such a dialog.
    fn look_for_file_dialogs(&self) {
        let work = self.work.clone();
        let look = move || {
            let _ = work.send_blocking(Work::FileDialogs(file_dialog::is_there()));
        };
        if let Err(error) = std::thread::Builder::new().name("file-dialogs".to_owned()).spawn(look) {
            log::warn!("it is not known whether there is a dialog for files: {error}");
        }
    }

    pub(in crate::gui) fn back_up(&self, passphrase: &str) {
        if let Some(passphrase) = self.backup_passphrase(passphrase) {
            self.begin_backup();
            self.session.back_up(self.backup_file(), passphrase);
        }
    }

    pub(in crate::gui) fn restore(&self, passphrase: &str) {
        if let Some(passphrase) = self.backup_passphrase(passphrase) {
            self.begin_backup();
            self.session.restore(self.backup_file(), passphrase);
        }
    }

    /// What was typed, or nothing if it can be none.
    fn backup_passphrase(&self, typed: &str) -> Option<Passphrase> {
        let read = Passphrase::read(typed.as_bytes());
        read.map_err(|problem| self.state().set_backup_error(views::trouble(&problem))).ok()
    }

    fn begin_backup(&self) {
        let state = self.state();
        state.set_backup_error(ui::TroubleView::default());
        state.set_backup_busy(true);
    }

    fn backup_file(&self) -> PathBuf {
        PathBuf::from(self.state().get_backup_file().trim())
    }

    pub(super) fn backed_up(&self, result: Result<Fingerprint, Problem>) {
        self.backup_ended(ui::Sheet::Backup, result, &say!("The backup is written, and was read back"));
    }

    pub(super) fn restored(&mut self, result: Result<Fingerprint, Problem>) {
        if result.is_ok() {
            let state = self.state();
            if state.get_page() == ui::Page::Unlock {
                state.set_page(self.home());
            }
        }
        self.backup_ended(ui::Sheet::Restore, result, &say!("Your identity is back"));
    }

    fn backup_ended(&self, sheet: ui::Sheet, result: Result<Fingerprint, Problem>, done: &crate::app::Sentence) {
        let state = self.state();
        state.set_backup_busy(false);
        match result {
            Ok(_) => {
                if state.get_sheet() == sheet {
                    state.set_sheet(ui::Sheet::None);
                }
                self.toast(views::only(done));
            }
            Err(problem) => {
                state.set_backup_error(views::trouble(&problem));
                // Whoever closed the sheet meanwhile is still told.
                if state.get_sheet() == ui::Sheet::None {
                    state.set_sheet(sheet);
                }
            }
        }
    }
}
