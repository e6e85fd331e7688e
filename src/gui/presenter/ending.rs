//! How the program ends: whether the window may close, and what was lost at the end.

use super::desk::Desk;
use super::hosting::connected_guests;
use super::views;
use crate::app::Problem;
use crate::gui::Work;
use crate::gui::generated as ui;

/// How far the program is on its way out.
pub(in crate::gui) struct Ending {
    work: async_channel::Sender<Work>,
    quitting: bool,
    ended: bool,
    /// What could not be written at the end.
    unwritten: Option<Problem>,
}

impl Ending {
    pub(super) const fn new(work: async_channel::Sender<Work>) -> Self {
        Self { work, quitting: false, ended: false, unwritten: None }
    }

    /// Whether the window may close without a question; asks it otherwise.
    pub(super) fn may_close(&self, desk: &Desk) -> bool {
        let connected = connected_guests(desk);
        if connected == 0 || self.quitting {
            return true;
        }
        let state = desk.global::<ui::Questions>();
        state.set_confirm(ui::Confirm::Quit);
        state.set_confirm_count(views::count(connected));
        desk.window().set_sheet(ui::Sheet::Confirm);
        false
    }

    /// Begins the end. Returns false if it had begun before.
    pub(super) fn begin(&mut self) -> bool {
        if std::mem::replace(&mut self.quitting, true) {
            return false;
        }
        // From here on a second start has to open a window of its own.
        self.work.close();
        true
    }

    pub(super) fn lost(&mut self, problem: Problem) {
        self.unwritten = Some(problem);
    }

    pub(super) const fn session_ended(&mut self) {
        self.ended = true;
    }

    /// Whether the session has ended.
    pub(super) const fn is_over(&self) -> bool {
        self.ended
    }

    /// What could not be written at the end, and is lost.
    pub(super) fn unwritten(&self) -> Option<Problem> {
        self.unwritten.clone()
    }
}
