//! The settings: from the profile into the window when it opens, and back when they change. And what the suites cost on
//! this computer.
//!
//! `ui/theme.slint` turns them into colours, sizes and motion.

use std::rc::Rc;

use slint::{ComponentHandle, LogicalSize, ModelRc, VecModel};

use super::desk::Desk;
use super::views;
use crate::app::{Appearance, Language, Settings};
use crate::crypto::Suite;
use crate::crypto::cost::Cost;
use crate::gui::generated as ui;
use crate::gui::language::choose_language;
use crate::gui::{Costs, Work, measure};

/// The room list's width in logical pixels, until the person drags it.
const RAIL_WIDTH_DEFAULT: u32 = 300;
/// The smallest window size worth remembering, in logical pixels.
const WINDOW_MIN: (u32, u32) = (400, 480);

/// The settings page.
pub(in crate::gui) struct Preferences {
    suites: Rc<VecModel<ui::SuiteRow>>,
    work: async_channel::Sender<Work>,
}

impl Preferences {
    pub(super) fn new(desk: &Desk, work: async_channel::Sender<Work>) -> Self {
        let preferences = Self { suites: Rc::default(), work };
        desk.global::<ui::Preferences>().set_suites(ModelRc::from(Rc::clone(&preferences.suites)));
        preferences.show_suites(&Costs::default());
        show(desk);
        preferences
    }

    /// The person changed a setting in the window.
    pub(in crate::gui) fn keep(&self, desk: &mut Desk) {
        let state = desk.global::<ui::Preferences>();
        let appearance = match state.get_appearance() {
            ui::Appearance::System => Appearance::System,
            ui::Appearance::Light => Appearance::Light,
            ui::Appearance::Dark => Appearance::Dark,
        };
        let suite = match state.get_default_suite() {
            ui::Suite::Hybrid => Suite::Hybrid,
            ui::Suite::Classical => Suite::Classical,
            ui::Suite::Textbook => Suite::Textbook,
        };
        let chosen = usize::try_from(state.get_language()).ok().and_then(|place| Language::ALL.get(place).copied());
        let language = chosen.unwrap_or_default();
        let zoom = pixels(state.get_zoom() * 100.0);
        let rail_width = pixels(state.get_rail_width());
        let port = state.get_default_port().trim().parse::<u16>().ok().filter(|port| *port > 0);
        let (enter_sends, still) = (state.get_enter_sends(), state.get_still());
        let window = desk.app.window().size().to_logical(desk.app.window().scale_factor());
        let size = (pixels(window.width), pixels(window.height));
        // In a window too narrow for the people panel, the window itself closes the panel.
        let people_open = (size.0 >= roomy_width(zoom)).then(|| desk.global::<ui::People>().get_open());
        let change = move |settings: &mut Settings| {
            settings.appearance = appearance;
            settings.language = language;
            settings.choose_new_room_suite(suite);
            settings.text_zoom_percent = u16::try_from(zoom).unwrap_or(100);
            settings.rail_width = rail_width;
            settings.port = port.unwrap_or(settings.port);
            settings.enter_sends = enter_sends;
            settings.reduced_motion = still;
            settings.people_open = people_open.unwrap_or(settings.people_open);
            if size.0 >= WINDOW_MIN.0 && size.1 >= WINDOW_MIN.1 {
                settings.window_size = size;
            }
        };
        let mut changed = desk.settings.clone();
        change(&mut changed);
        if changed.language != desk.settings.language {
            choose_language(language);
        }
        if changed != desk.settings {
            desk.settings = changed;
            desk.session.change_settings(change);
        }
    }

    /// Measures both suites on a worker: creating keys takes seconds.
    pub(in crate::gui) fn measure(&self, desk: &Desk) {
        if let Err(error) = measure(self.work.clone()) {
            log::warn!("nothing can be measured: {error}");
            return;
        }
        desk.global::<ui::Preferences>().set_measuring(true);
    }

    pub(super) fn measured(&self, desk: &Desk, costs: &Costs) {
        desk.global::<ui::Preferences>().set_measuring(false);
        self.show_suites(costs);
    }

    /// The session's settings changed. Takes over only what the session alone changes, because what the person changes
    /// here may be newer.
    pub(super) fn changed(&self, desk: &mut Desk, settings: Settings) {
        desk.settings.recent_addresses = settings.recent_addresses;
        desk.settings.hues = settings.hues;
        desk.settings.turned_away = settings.turned_away;
        desk.settings.drafts = settings.drafts;
        if desk.settings.verified != settings.verified {
            desk.settings.verified = settings.verified;
            desk.stale.room = true;
            desk.stale.people = true;
        }
        desk.settings.keyring = settings.keyring;
    }

    fn show_suites(&self, costs: &Costs) {
        self.suites.set_vec(vec![
            suite_row(ui::Suite::Hybrid, Suite::Hybrid, costs.secure.as_ref()),
            suite_row(ui::Suite::Classical, Suite::Classical, costs.secure.as_ref()),
            suite_row(ui::Suite::Textbook, Suite::Textbook, costs.learning.as_ref()),
        ]);
    }
}

/// Fills the settings page, and restores the window's size and panels.
fn show(desk: &Desk) {
    let settings = &desk.settings;
    let state = desk.global::<ui::Preferences>();
    state.set_appearance(match settings.appearance {
        Appearance::System => ui::Appearance::System,
        Appearance::Light => ui::Appearance::Light,
        Appearance::Dark => ui::Appearance::Dark,
    });
    state.set_language(i32::try_from(settings.language.place()).unwrap_or_default());
    choose_language(settings.language);
    state.set_zoom(f32::from(settings.text_zoom_percent.clamp(70, 200)) / 100.0);
    state.set_enter_sends(settings.enter_sends);
    state.set_still(settings.reduced_motion);
    state.set_default_suite(match settings.new_room_suite() {
        Suite::Hybrid => ui::Suite::Hybrid,
        Suite::Classical => ui::Suite::Classical,
        Suite::Textbook => ui::Suite::Textbook,
    });
    state.set_default_port(settings.port.to_string().into());
    let rail = if settings.rail_width == 0 { RAIL_WIDTH_DEFAULT } else { settings.rail_width };
    state.set_rail_width(length(rail));
    let (width, height) = settings.window_size;
    if width >= WINDOW_MIN.0 && height >= WINDOW_MIN.1 {
        desk.app.window().set_size(LogicalSize::new(length(width), length(height)));
    }
    desk.global::<ui::People>()
        .set_open(settings.people_open && (width == 0 || width >= roomy_width(settings.text_zoom_percent.into())));
}

fn suite_row(shown: ui::Suite, suite: Suite, cost: Option<&Cost>) -> ui::SuiteRow {
    let bits = suite.backend().key_bits().first().and_then(|bits| i32::try_from(*bits).ok()).unwrap_or_default();
    let mut row = ui::SuiteRow { suite: shown, bits, ..ui::SuiteRow::default() };
    if let Some(cost) = cost {
        row.sign = views::span(cost.sign);
        row.verify = views::span(cost.verify);
        row.encrypt = views::span(cost.encrypt);
        row.decrypt = views::span(cost.decrypt);
    }
    row
}

/// From this width on the people panel has a column of its own, in logical pixels; larger text needs more
/// (`theme.slint`).
fn roomy_width(zoom_percent: u32) -> u32 {
    360 + 320 * zoom_percent.clamp(100, 140) / 100 + 3 * zoom_percent.clamp(100, 160)
}

/// A length or a percentage as a whole number. Nothing about a window needs more than 16 bits.
fn pixels(length: f32) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds just set")]
    let pixels = length.round().clamp(0.0, f32::from(u16::MAX)) as u32;
    pixels
}

fn length(pixels: u32) -> f32 {
    f32::from(u16::try_from(pixels).unwrap_or(u16::MAX))
}
