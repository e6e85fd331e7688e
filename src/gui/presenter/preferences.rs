//! The settings: from the profile into the window when it opens, and back when they change.

use slint::{ComponentHandle, LogicalSize, ModelRc};

use super::{Presenter, views};
use crate::app::identity::keyring;
use crate::app::{Appearance, Language, Settings};
use crate::crypto::Suite;
use crate::gui::Costs;
use crate::gui::generated as ui;
use crate::gui::language::choose_language;

/// The room list's width in logical pixels, unless it was dragged.
const RAIL_WIDTH_DEFAULT: u32 = 300;
/// The least of a window that is worth remembering, in logical pixels.
const WINDOW_MIN: (u32, u32) = (400, 480);
/// From this width on the people have a place of their own, in logical pixels; more with larger words (`theme.slint`).
fn roomy_width(zoom_percent: u32) -> u32 {
    360 + 320 * zoom_percent.clamp(100, 140) / 100 + 3 * zoom_percent.clamp(100, 160)
}

impl Presenter {
    /// Fills the window with what is known when it opens: nothing in it is a dummy any more.
    pub(super) fn show_everything(&mut self) {
        let state = self.state();
        state.set_version(env!("CARGO_PKG_VERSION").into());
        state.set_toast(ui::TroubleView::default());
        state.set_rooms(ModelRc::from(self.lists.rooms.clone()));
        state.set_messages(ModelRc::from(self.stream.rows()));
        state.set_members(ModelRc::from(self.lists.members.clone()));
        state.set_knocks(ModelRc::from(self.lists.knocks.clone()));
        state.set_addresses(ModelRc::from(self.lists.addresses.clone()));
        state.set_lobby(ModelRc::from(self.lists.lobby.clone()));
        state.set_suites(ModelRc::from(self.lists.suites.clone()));
        state.set_filter("".into());
        state.set_draft("".into());
        state.set_unseen(0);
        state.set_invite(ui::InviteView::default());
        state.set_join(ui::JoinView::default());
        state.set_trouble(ui::TroubleView::default());
        state.set_key_stage(ui::KeyStage::None);
        state.set_suggested_name(self.name().into());
        state.set_profile_place((&self.place).into());
        state.set_sheet(ui::Sheet::None);
        state.set_page(self.home());
        self.show_suites(&Costs::default());
        self.show_identity();
        self.show_preferences();
        let first = self.chat.by_activity().first().map(|room| room.membership);
        self.show(first);
        self.show_room();
        self.show_rooms();
    }

    /// Something in the settings was changed in the window.
    pub(in crate::gui) fn keep_preferences(&mut self) {
        let state = self.state();
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
        let window = self.app.window().size().to_logical(self.app.window().scale_factor());
        let size = (pixels(window.width), pixels(window.height));
        // Where one pane is shown at a time, the people are closed by the window itself.
        let people_open = (size.0 >= roomy_width(zoom)).then(|| state.get_people_open());
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
        let mut changed = self.settings.clone();
        change(&mut changed);
        if changed.language != self.settings.language {
            choose_language(language);
        }
        if changed != self.settings {
            self.settings = changed;
            self.session.change_settings(change);
        }
    }

    /// The session has other settings now: what it alone changes is shown.
    pub(super) fn settings_changed(&mut self, settings: Settings) {
        let addresses = settings.recent_addresses.iter().map(Into::into).collect();
        self.state().set_recent_addresses(views::fixed(addresses));
        self.settings.recent_addresses = settings.recent_addresses;
        self.settings.hues = settings.hues;
        self.settings.turned_away = settings.turned_away;
        self.settings.drafts = settings.drafts;
        self.drafts_came();
        if self.settings.verified != settings.verified {
            self.settings.verified = settings.verified;
            self.stale.room = true;
            self.stale.people = true;
        }
        self.settings.keyring = settings.keyring;
        // On the page that unlocks, what is ticked is a wish.
        if self.state().get_page() != ui::Page::Unlock {
            self.state().set_keyring(settings.keyring);
        }
    }

    /// The page to be at when nothing else is asked: a newcomer's, or the rooms.
    pub(super) fn home(&self) -> ui::Page {
        let is_new = self.settings.name.is_empty() && self.chat.rooms().next().is_none();
        if is_new { ui::Page::FirstRun } else { ui::Page::Chat }
    }

    fn show_preferences(&self) {
        let settings = &self.settings;
        let state = self.state();
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
        state.set_keyring(settings.keyring);
        state.set_keyring_supported(keyring::is_supported());
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
            self.app.window().set_size(LogicalSize::new(length(width), length(height)));
        }
        state.set_people_open(
            settings.people_open && (width == 0 || width >= roomy_width(settings.text_zoom_percent.into())),
        );
        let addresses = settings.recent_addresses.iter().map(Into::into).collect();
        state.set_recent_addresses(views::fixed(addresses));
    }
}

/// A length or a percentage as a whole number. Nothing of a window is larger than 16 bits.
fn pixels(length: f32) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within the bounds just set")]
    let pixels = length.round().clamp(0.0, f32::from(u16::MAX)) as u32;
    pixels
}

fn length(pixels: u32) -> f32 {
    f32::from(u16::try_from(pixels).unwrap_or(u16::MAX))
}
