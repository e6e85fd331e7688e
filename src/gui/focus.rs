//! Which element has the keyboard focus, and which gets it when that one disappears.
//!
//! Slint knows one element that has the focus, and forgets it when that element hides or disappears: keys then go
//! nowhere. The window says what opens over what (`ui/focus.slint`); this file remembers which element had the focus
//! before, which one holds it now, and where the focus is at home.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use slint::platform::WindowEvent;
use slint::private_unstable_api::re_exports::{FocusReason, ItemWeak, WindowInner};
use slint::{ComponentHandle, SharedString, Timer, TimerMode, Weak};

use super::generated::{AppWindow, Focus};

/// The layers over a page: the drawer (1) and the sheet (2). Each remembers one element.
const LAYERS: usize = 3;

/// The elements that we remember, none of them kept alive by that.
#[derive(Default)]
struct Known {
    /// What had the focus when a layer opened.
    before: [ItemWeak; LAYERS],
    /// What holds the focus while a layer is open.
    holders: [ItemWeak; LAYERS],
    /// Where the focus is at home on a page without a conversation.
    home: ItemWeak,
}

/// Keeps the focus of one window.
#[derive(Clone)]
pub(super) struct FocusKeeper {
    app: Weak<AppWindow>,
    known: Rc<RefCell<Known>>,
    soon: Rc<Timer>,
}

impl FocusKeeper {
    /// Answers what the window asks about its focus.
    pub(super) fn bind(app: &AppWindow) -> Self {
        let keeper = Self { app: app.as_weak(), known: Rc::default(), soon: Rc::default() };
        let focus = app.global::<Focus>();
        let by = || keeper.clone();
        let (remember, give_back, hold, to_holder) = (by(), by(), by(), by());
        focus.on_remember(move |layer, nothing| remember.remember(layer, nothing));
        focus.on_give_back(move |layer, there| give_back.give_back(layer, there));
        focus.on_hold(move |layer| hold.hold(layer));
        focus.on_to_holder(move || {
            to_holder.to_holder();
        });
        let (settle, to_home, step, write) = (by(), by(), by(), by());
        focus.on_settle(move || settle.known.borrow_mut().home = settle.current());
        focus.on_to_home(move || {
            let home = to_home.known.borrow().home.clone();
            to_home.give(&home);
        });
        focus.on_step(move |backwards| step.step(backwards));
        focus.on_is_text(|text| is_text(&text));
        focus.on_write(move |text| write.write(text));
        keeper
    }

    /// If nothing on screen has the focus, gives it to an element, as soon as the current work is done.
    pub(super) fn look_after_it(&self) {
        let keeper = self.clone();
        self.soon.start(TimerMode::SingleShot, Duration::ZERO, move || keeper.recover());
    }

    fn recover(&self) {
        let Some(app) = self.app.upgrade() else { return };
        let inner = WindowInner::from_pub(app.window());
        // An element that its condition removed still exists until Slint evaluates the condition again.
        inner.ensure_tree_instantiated();
        // A menu has its own focus.
        if inner.active_popups().is_empty() && !is_there(&self.current()) && !self.to_holder() {
            app.invoke_home();
        }
    }

    fn remember(&self, layer: i32, nothing: bool) {
        let current = if nothing { ItemWeak::default() } else { self.current() };
        let mut known = self.known.borrow_mut();
        if let Some(before) = place(layer).and_then(|layer| known.before.get_mut(layer)) {
            *before = current;
        }
    }

    fn give_back(&self, layer: i32, there: bool) -> bool {
        let mut known = self.known.borrow_mut();
        let Some(layer) = place(layer) else { return false };
        // The layer's element still exists until Slint evaluates its condition again.
        if let Some(holder) = known.holders.get_mut(layer) {
            *holder = ItemWeak::default();
        }
        let before = known.before.get_mut(layer).map(std::mem::take);
        // Giving the focus calls back into the window, which may ask again at once.
        drop(known);
        before.is_some_and(|before| there && self.give(&before))
    }

    fn hold(&self, layer: i32) {
        let current = self.current();
        let mut known = self.known.borrow_mut();
        if let Some(holder) = place(layer).and_then(|layer| known.holders.get_mut(layer)) {
            *holder = current;
        }
    }

    fn to_holder(&self) -> bool {
        let holders = self.known.borrow().holders.clone();
        holders.iter().rev().any(|holder| self.give(holder))
    }

    fn step(&self, backwards: bool) {
        let Some(app) = self.app.upgrade() else { return };
        let inner = WindowInner::from_pub(app.window());
        if backwards { inner.focus_previous_item() } else { inner.focus_next_item() }
    }

    /// Types a text into the field that is the home for writing.
    fn write(&self, text: SharedString) {
        let Some(app) = self.app.upgrade() else { return };
        app.invoke_home();
        app.window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        app.window().dispatch_event(WindowEvent::KeyReleased { text });
    }

    fn current(&self) -> ItemWeak {
        let app = self.app.upgrade();
        app.map(|app| WindowInner::from_pub(app.window()).focus_item.borrow().clone()).unwrap_or_default()
    }

    /// Gives the focus to an element, if it is on screen.
    fn give(&self, element: &ItemWeak) -> bool {
        let (Some(app), Some(element)) = (self.app.upgrade(), element.upgrade()) else { return false };
        if !element.is_visible() {
            return false;
        }
        WindowInner::from_pub(app.window()).set_focus_item(&element, true, FocusReason::Programmatic);
        true
    }
}

fn place(layer: i32) -> Option<usize> {
    usize::try_from(layer).ok()
}

fn is_there(element: &ItemWeak) -> bool {
    element.upgrade().is_some_and(|element| element.is_visible())
}

/// Whether a key writes a character that a text could begin with. Slint reports keys without a character as Unicode's
/// private-use characters, and a space presses the focused element.
fn is_text(key: &str) -> bool {
    let writes =
        |letter: char| !letter.is_control() && !letter.is_whitespace() && !matches!(letter, '\u{e000}'..='\u{f8ff}');
    key.chars().next().is_some_and(writes)
}

#[cfg(test)]
mod tests {
    use slint::platform::Key;

    use super::*;

    #[test]
    fn only_what_is_written_is_text() {
        ["a", "É", "ß", "7", "?", "漢", "ع", "😀"].iter().for_each(|key| assert!(is_text(key), "{key}"));
        let others =
            [Key::Return, Key::Escape, Key::Tab, Key::Backspace, Key::UpArrow, Key::F6, Key::Control, Key::Space];
        others.into_iter().for_each(|key| assert!(!is_text(&SharedString::from(key)), "{key:?}"));
        assert!(!is_text(""));
    }
}
