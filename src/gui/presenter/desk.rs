//! What all parts of the window work on: the window itself, the session, the conversations and the settings.
//!
//! Each part keeps what belongs to its own topic and receives the desk for everything else, so nothing exists twice.
//! The desk knows no part and shows no page; the presenter coordinates what concerns several parts.

use chrono::NaiveDate;
use slint::ComponentHandle;

use super::views;
use crate::app::clock::now_ms;
use crate::app::conversation::{Change, Chat, Room};
use crate::app::policy::doubts;
use crate::app::{MembershipId, Sentence, Session, Settings, say, suggested_name};
use crate::crypto::Fingerprint;
use crate::gui::clipboard::Clipboard;
use crate::gui::generated as ui;
use crate::gui::{format, links};

/// What to show anew once all waiting events are taken in.
#[derive(Default)]
pub(in crate::gui) struct Stale {
    pub(super) rooms: bool,
    pub(super) room: bool,
    pub(super) people: bool,
}

/// What every part may use.
pub(in crate::gui) struct Desk {
    pub(super) app: ui::AppWindow,
    pub(super) session: Session,
    pub(super) chat: Chat,
    /// As the person sees them. The session keeps its own copy, and reports what only the session changes.
    pub(super) settings: Settings,
    /// The room that is open.
    pub(super) open: Option<MembershipId>,
    pub(super) stale: Stale,
    /// Whether the window has the keyboard.
    pub(super) active: bool,
    pub(super) today: NaiveDate,
    clipboard: Clipboard,
}

impl Desk {
    pub(super) fn new(app: ui::AppWindow, session: Session, chat: Chat, settings: Settings) -> Self {
        Self {
            app,
            session,
            chat,
            settings,
            open: None,
            stale: Stale::default(),
            // Nothing in it counts as read before somebody looks at it.
            active: false,
            today: format::day_of(now_ms()),
            clipboard: Clipboard::default(),
        }
    }

    pub(in crate::gui) fn copy(&mut self, text: &str) {
        if !self.clipboard.copy(text) {
            // The window system's own way, which does not report success.
            self.app.invoke_copy(text.into());
        }
        self.toast(views::only(&say!("Copied")));
    }

    pub(in crate::gui) fn open_link(&self, link: &str) {
        if let Err(error) = links::open(link) {
            log::warn!("a link cannot be opened: {error}");
            let told = say!("No browser could be started. Select the link and copy it instead.");
            self.toast_that_stays(views::only(&told));
        }
    }

    /// A topic's global on the window's side, in `ui/globals/`.
    pub(super) fn global<'a, Global: slint::Global<'a, ui::AppWindow>>(&'a self) -> Global {
        self.app.global::<Global>()
    }

    /// The window's state: which page and which sheet are open.
    pub(super) fn window(&self) -> ui::WindowState<'_> {
        self.global::<ui::WindowState>()
    }

    /// The room that is open.
    pub(super) fn room(&self) -> Option<&Room> {
        self.chat.room(self.open?)
    }

    /// Changes the settings here and in the session. The session's may differ by now, so each side applies the change
    /// to its own.
    pub(super) fn change_settings(&mut self, change: impl Fn(&mut Settings) + Send + 'static) {
        change(&mut self.settings);
        self.session.change_settings(change);
    }

    /// Tells the conversations which room the person sees.
    pub(super) fn view_open(&mut self) {
        // Nobody looks at a window without the keyboard, so messages that arrive meanwhile count as unread.
        let seen = self.open.filter(|_| self.active);
        for change in self.chat.view(seen) {
            if let Change::RoomChanged(_) = change {
                self.stale.rooms = true;
            }
        }
    }

    /// The name others see.
    pub(super) fn name(&self) -> String {
        if !self.settings.name.is_empty() {
            return self.settings.name.clone();
        }
        suggested_name().unwrap_or_else(|| self.say(&say!("Somebody")))
    }

    /// The page to show when nothing else is asked for: the first-run page, or the rooms.
    pub(super) fn home(&self) -> ui::Page {
        let is_new = self.settings.name.is_empty() && self.chat.rooms().next().is_none();
        if is_new { ui::Page::FirstRun } else { ui::Page::Chat }
    }

    /// When a key of somebody with this member's name was compared, if it is not the member's key.
    pub(super) fn doubt(&self, room: &Room, member: &Fingerprint) -> Option<u64> {
        doubts::compared_otherwise(room, &self.settings, member)
    }

    /// Shows for a moment that something was done.
    pub(super) fn toast(&self, told: ui::TroubleView) {
        self.window().set_toast_stays(false);
        self.window().set_toast(told);
    }

    /// A sentence in the person's language, for places where no binding says it.
    pub(super) fn say(&self, sentence: &Sentence) -> String {
        self.app.global::<ui::Words>().invoke_say(views::sentence(sentence)).into()
    }

    /// Shows that something was not done, until the person has read it.
    fn toast_that_stays(&self, told: ui::TroubleView) {
        self.window().set_toast_stays(true);
        self.window().set_toast(told);
    }
}
