//! Problems that belong to no room and no sheet: shown one at a time, and never over something else.

use super::desk::Desk;
use super::views;
use crate::app::{Action, Problem};
use crate::gui::generated as ui;

/// The trouble sheet, and the problems that wait for it.
pub(in crate::gui) struct Troubles {
    /// The problem that the sheet shows.
    shown: Option<Problem>,
    /// Problems that wait until no sheet is open.
    waiting: Vec<Problem>,
}

impl Troubles {
    pub(super) fn new(desk: &Desk, waiting: Vec<Problem>) -> Self {
        desk.global::<ui::Questions>().set_trouble(ui::TroubleView::default());
        Self { shown: None, waiting }
    }

    /// The person pressed the sheet's button, or closed the sheet.
    pub(in crate::gui) fn act(&mut self, desk: &Desk) {
        let action = self.shown.take().and_then(|problem| problem.action);
        if action == Some(Action::Unlock) {
            desk.window().set_page(ui::Page::Unlock);
        }
        self.show_next(desk);
    }

    pub(super) fn add(&mut self, desk: &Desk, problem: Problem) {
        self.waiting.push(problem);
        self.show_next(desk);
    }

    /// Shows the next waiting problem, unless the person is busy with something else.
    pub(super) fn show_next(&mut self, desk: &Desk) {
        let window = desk.window();
        if self.waiting.is_empty() || window.get_sheet() != ui::Sheet::None {
            return;
        }
        let problem = self.waiting.remove(0);
        // A full disk fails for every file: the person reads it once.
        self.waiting.retain(|other| *other != problem);
        desk.global::<ui::Questions>().set_trouble(views::trouble(&problem));
        window.set_sheet(ui::Sheet::Trouble);
        self.shown = Some(problem);
    }
}
