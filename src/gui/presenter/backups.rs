//! Backs up the identity, and restores one from a backup.
//!
//! The session writes and reads the file; here the person chooses it and is told the result.

use std::path::{Path, PathBuf};

use super::desk::Desk;
use super::views;
use crate::app::identity::backup;
use crate::app::{Passphrase, Problem, Sentence, say};
use crate::crypto::Fingerprint;
use crate::gui::Work;
use crate::gui::file_dialog::{self, Wanted};
use crate::gui::generated as ui;

/// The two sheets for a file with an identity.
pub(in crate::gui) struct Backups {
    work: async_channel::Sender<Work>,
}

impl Backups {
    pub(super) const fn new(work: async_channel::Sender<Work>) -> Self {
        Self { work }
    }

    /// Opens the backup sheet with a suggested file: in the home directory, named after the key's tag.
    pub(in crate::gui) fn open_backup(&self, desk: &Desk) {
        let place = backup::suggested_place(desk.global::<ui::Identity>().get_view().code.tag.as_str());
        self.open(desk, ui::Sheet::Backup, &place);
    }

    pub(in crate::gui) fn open_restore(&self, desk: &Desk) {
        self.open(desk, ui::Sheet::Restore, Path::new(""));
    }

    /// Asks for the open sheet's file with the desktop's own dialog.
    pub(in crate::gui) fn choose_file(&self, desk: &Desk) {
        let (title, wanted) = match desk.window().get_sheet() {
            ui::Sheet::Backup => (say!("New file for the backup"), Wanted::Save(file(desk))),
            ui::Sheet::Restore => (say!("File of the backup"), Wanted::Open),
            _ => return,
        };
        let chosen = file_dialog::ask(&desk.app, &desk.say(&title), &wanted);
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

    pub(in crate::gui) fn back_up(&self, desk: &Desk, passphrase: &str) {
        if let Some(passphrase) = read_passphrase(desk, passphrase) {
            begin(desk);
            desk.session.back_up(file(desk), passphrase);
        }
    }

    pub(in crate::gui) fn restore(&self, desk: &Desk, passphrase: &str) {
        if let Some(passphrase) = read_passphrase(desk, passphrase) {
            begin(desk);
            desk.session.restore(file(desk), passphrase);
        }
    }

    /// A worker found out whether the desktop has a file dialog.
    pub(super) fn dialogs_found(&self, desk: &Desk, there: bool) {
        desk.global::<ui::Backups>().set_dialogs(there);
    }

    pub(super) fn file_chosen(&self, desk: &Desk, file: &Path) {
        desk.global::<ui::Backups>().set_file(file.display().to_string().into());
    }

    pub(super) fn backed_up(&self, desk: &Desk, result: Result<Fingerprint, Problem>) {
        ended(desk, ui::Sheet::Backup, result, &say!("The backup is written, and was read back"));
    }

    pub(super) fn restored(&self, desk: &Desk, result: Result<Fingerprint, Problem>) {
        let window = desk.window();
        // The restored identity has replaced the one whose passphrase this page asks for.
        if result.is_ok() && window.get_page() == ui::Page::Unlock {
            window.set_page(desk.home());
        }
        ended(desk, ui::Sheet::Restore, result, &say!("Your identity is back"));
    }

    fn open(&self, desk: &Desk, sheet: ui::Sheet, file: &Path) {
        let state = desk.global::<ui::Backups>();
        state.set_error(ui::TroubleView::default());
        state.set_busy(false);
        state.set_file(file.display().to_string().into());
        desk.window().set_sheet(sheet);
        self.look_for_dialogs();
    }

    /// Finds out on a worker whether there is a file dialog: the desktop may take a while to answer.
    fn look_for_dialogs(&self) {
        let work = self.work.clone();
        let look = move || {
            let _ = work.send_blocking(Work::FileDialogs(file_dialog::is_there()));
        };
        if let Err(error) = std::thread::Builder::new().name("file-dialogs".to_owned()).spawn(look) {
            log::warn!("it is not known whether there is a dialog for files: {error}");
        }
    }
}

/// The typed passphrase, or `None` if it cannot be one.
fn read_passphrase(desk: &Desk, typed: &str) -> Option<Passphrase> {
    let read = Passphrase::read(typed.as_bytes());
    read.map_err(|problem| desk.global::<ui::Backups>().set_error(views::trouble(&problem))).ok()
}

fn begin(desk: &Desk) {
    let state = desk.global::<ui::Backups>();
    state.set_error(ui::TroubleView::default());
    state.set_busy(true);
}

fn file(desk: &Desk) -> PathBuf {
    PathBuf::from(desk.global::<ui::Backups>().get_file().trim())
}

fn ended(desk: &Desk, sheet: ui::Sheet, result: Result<Fingerprint, Problem>, done: &Sentence) {
    let state = desk.global::<ui::Backups>();
    state.set_busy(false);
    match result {
        Ok(_) => {
            if desk.window().get_sheet() == sheet {
                desk.window().set_sheet(ui::Sheet::None);
            }
            desk.toast(views::only(done));
        }
        Err(problem) => {
            state.set_error(views::trouble(&problem));
            // A person who closed the sheet meanwhile is still told.
            if desk.window().get_sheet() == ui::Sheet::None {
                desk.window().set_sheet(sheet);
            }
        }
    }
}
