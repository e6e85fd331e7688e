//! A person with a window.

use std::time::Duration;

use conversa::app::{Language, Profile, SessionEvent, Settings};
use conversa::gui::{
    AppWindow, FrontEnd, Hosting, Joining, OpenRoom, Questions, Sheet, Talking, TroubleView, WindowState, Words,
};
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery};
use i_slint_core::accessibility::{AccessibleStringProperty, accessible_descendents, nearest_accessible_item};
use i_slint_core::item_tree::ItemRc;
use i_slint_core::window::WindowInner;
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, LogicalSize, Model, SharedString};

use crate::guest::Guest;
use crate::profiles::profile_of;
use crate::until::{try_until, until};

/// The window in logical pixels.
const SIZE: LogicalSize = LogicalSize::new(1100.0, 2200.0);

pub(crate) struct Person {
    front_end: FrontEnd,
    directory: tempfile::TempDir,
}

/// A profile of somebody whose window speaks English, whatever the computer does.
pub(crate) fn english_profile_of(name: &str) -> tempfile::TempDir {
    let directory = profile_of(name);
    let mut settings = Settings::default();
    settings.language = Language::English;
    settings.save(directory.path()).unwrap();
    directory
}

/// As the window's adapter does it: what is hidden is left out, with all that is in it.
fn collect_names(parent: &ItemRc, names: &mut Vec<String>) {
    for child in accessible_descendents(parent).filter(ItemRc::is_visible) {
        names.extend(child.accessible_string_property(AccessibleStringProperty::Label).map(String::from));
        collect_names(&child, names);
    }
}

impl Person {
    /// Opens a window on a profile with the keys of `name`. One in each test: the window system of
    /// a test belongs to its thread.
    pub(crate) fn new(name: &str) -> Self {
        Self::at(english_profile_of(name))
    }

    /// Ann in a room of her own, with nothing over the page.
    pub(crate) fn in_a_room() -> Self {
        let ann = Self::new("ann");
        ann.host("Friday", false);
        ann.key(Key::Escape);
        ann.step();
        ann
    }

    /// Asks for an invite after `used`, and closes the sheet that shows it.
    pub(crate) fn another_invite(&self, guests: &mut [&mut Guest], used: &str) {
        self.press("Invite people…");
        self.wait_with(guests, "another invite", |person, _| {
            let link = person.global::<Hosting>().get_invite().link;
            !link.is_empty() && link != used
        });
        self.press("Close");
    }

    pub(crate) fn at(directory: tempfile::TempDir) -> Self {
        i_slint_backend_testing::init_no_event_loop();
        Self::again(directory)
    }

    /// A window in a thread that has had one.
    pub(crate) fn again(directory: tempfile::TempDir) -> Self {
        Self::looking(directory, true)
    }

    /// The same behind other windows.
    pub(crate) fn behind(directory: tempfile::TempDir) -> Self {
        Self::looking(directory, false)
    }

    fn looking(directory: tempfile::TempDir, active: bool) -> Self {
        let app = AppWindow::new().unwrap();
        let profile = Profile::open(Some(directory.path().to_owned())).unwrap();
        let front_end = FrontEnd::open(app, profile).unwrap();
        front_end.app().show().unwrap();
        // Tall enough for whole pages: what is scrolled away cannot be found.
        front_end.app().window().set_size(SIZE);
        front_end.app().window().dispatch_event(WindowEvent::Resized { size: SIZE });
        front_end.app().window().dispatch_event(WindowEvent::WindowActiveChanged(active));
        front_end.start();
        let person = Self { front_end, directory };
        person.step();
        person
    }

    /// Closes the window and waits for the goodbyes.
    pub(crate) fn quit(self) -> tempfile::TempDir {
        self.front_end.app().global::<WindowState>().invoke_quit();
        until("the end of the session", || self.front_end.pump().then_some(()));
        self.directory
    }

    pub(crate) fn app(&self) -> &AppWindow {
        self.front_end.app()
    }

    /// What the window knows of a topic.
    pub(crate) fn global<'a, Global: slint::Global<'a, AppWindow>>(&'a self) -> Global {
        self.app().global::<Global>()
    }

    /// A trouble as the window says it.
    pub(crate) fn line(&self, trouble: TroubleView) -> String {
        self.app().global::<Words>().invoke_line(trouble).into()
    }

    /// Tells the window what its session did not, and lets it show that.
    pub(crate) fn app_is_told(&self, event: SessionEvent) {
        self.app_will_show(event);
        self.step();
    }

    /// Tells the window what its session did not, one of many such things.
    pub(crate) fn app_will_show(&self, event: SessionEvent) {
        self.front_end.tell(event);
    }

    /// An invite is clicked outside the window, which is open.
    pub(crate) fn click_elsewhere(&self, link: &str) {
        assert!(self.starter()(Some(link.to_owned())), "the window takes the invite");
        self.step();
    }

    /// What a second start reaches: says whether this window takes over what that was for.
    pub(crate) fn starter(&self) -> impl Fn(Option<String>) -> bool + use<> {
        self.front_end.starter()
    }

    /// A few frames: events come in, and what follows from them is done.
    pub(crate) fn step(&self) {
        for _ in 0..3 {
            self.front_end.pump();
            i_slint_backend_testing::mock_elapsed_time(Duration::from_millis(20));
        }
    }

    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        self.wait_with(&mut [], what, |person, _| is_so(person));
    }

    /// Waits together with others, whose events are taken in meanwhile.
    pub(crate) fn wait_with(
        &self,
        guests: &mut [&mut Guest],
        what: &str,
        is_so: impl Fn(&Self, &[&mut Guest]) -> bool,
    ) {
        // The window's events are taken in by hand here, so nothing of it can be slept for.
        let found = try_until(|| {
            guests.iter_mut().for_each(|guest| guest.pump());
            self.step();
            is_so(self, guests).then_some(())
        });
        if found.is_none() {
            let rooms = guests.iter().map(|guest| format!("{:#?}", guest.chat)).collect::<Vec<_>>();
            panic!("never: {what}\n{}\n{}", self.describe(), rooms.join("\n"));
        }
    }

    /// What can be seen, for a test that failed.
    fn describe(&self) -> String {
        let state = self.global::<WindowState>();
        let names: Vec<_> = ElementQuery::from_root(self.app())
            .match_descendants()
            .match_accessible_role(AccessibleRole::Button)
            .find_all()
            .iter()
            .filter_map(ElementHandle::accessible_label)
            .collect();
        let rows: Vec<_> =
            self.global::<Talking>().get_rows().iter().map(|row| (row.event, row.text, row.delivery)).collect();
        format!(
            "{:?} {:?} room {:?} {:?}\nhost {:?} {:?} join {:?} {:?} trouble {:?}\n{rows:?}\n{names:?}",
            state.get_page(),
            state.get_sheet(),
            self.global::<OpenRoom>().get_view().name,
            self.global::<OpenRoom>().get_view().connection,
            self.global::<Hosting>().get_stage(),
            self.global::<Hosting>().get_error(),
            self.global::<Joining>().get_stage(),
            self.global::<Joining>().get_error(),
            self.global::<Questions>().get_trouble(),
        )
    }

    /// The texts of the messages on screen, in order.
    pub(crate) fn said(&self) -> Vec<String> {
        let rows = self.global::<Talking>().get_rows();
        rows.iter().filter(|row| row.kind == conversa::gui::RowKind::Message).map(|row| row.text.into()).collect()
    }

    pub(crate) fn sees(&self, label: &str) -> bool {
        ElementHandle::find_by_accessible_label(self.app(), label).next().is_some()
    }

    /// Whether any text on screen contains `part`.
    pub(crate) fn reads(&self, part: &str) -> bool {
        let part = part.to_owned();
        let has = move |element: &ElementHandle| element.accessible_label().is_some_and(|label| label.contains(&part));
        ElementQuery::from_root(self.app()).match_descendants().match_predicate(has).find_first().is_some()
    }

    /// What a field shows, as a screen reader reads it.
    pub(crate) fn text_of(&self, label: &str) -> String {
        let label = label.to_owned();
        let is_it = move |field: &ElementHandle| field.accessible_label().is_some_and(|name| name == label);
        let fields = ElementQuery::from_root(self.app()).match_descendants();
        let field = fields.match_accessible_role(AccessibleRole::TextInput).match_predicate(is_it).find_first();
        field.and_then(|field| field.accessible_value()).unwrap_or_default().into()
    }

    fn one(&self, label: &str) -> ElementHandle {
        let found = ElementHandle::find_by_accessible_label(self.app(), label).next();
        found.unwrap_or_else(|| panic!("no “{label}”\n{}", self.describe()))
    }

    /// Does what a screen reader does to press something.
    pub(crate) fn press(&self, label: &str) {
        let element = self.one(label);
        assert_ne!(element.accessible_enabled(), Some(false), "“{label}” cannot be pressed");
        element.invoke_accessible_default_action();
        self.step();
    }

    pub(crate) fn is_enabled(&self, label: &str) -> bool {
        self.one(label).accessible_enabled() != Some(false)
    }

    /// Clicks with the mouse.
    pub(crate) fn click(&self, label: &str) {
        self.click_on(&self.one(label));
    }

    /// Clicks the last of those with this name.
    pub(crate) fn click_last(&self, label: &str) {
        let found = ElementHandle::find_by_accessible_label(self.app(), label).last();
        self.click_on(&found.unwrap_or_else(|| panic!("no “{label}”\n{}", self.describe())));
    }

    pub(crate) fn count(&self, label: &str) -> usize {
        ElementHandle::find_by_accessible_label(self.app(), label).count()
    }

    fn click_on(&self, element: &ElementHandle) {
        let (corner, size) = (element.absolute_position(), element.size());
        let position = LogicalPosition::new(corner.x + size.width / 2.0, corner.y + size.height / 2.0);
        let button = PointerEventButton::Left;
        let window = self.app().window();
        window.dispatch_event(WindowEvent::PointerMoved { position });
        window.dispatch_event(WindowEvent::PointerPressed { position, button });
        window.dispatch_event(WindowEvent::PointerReleased { position, button });
        self.step();
    }

    /// Fills a field in: clicks into it, selects what is there, and types.
    pub(crate) fn fill(&self, label: &str, text: &str) {
        let fields = ElementQuery::from_root(self.app()).match_descendants();
        let label_owned = label.to_owned();
        let field = fields
            .match_accessible_role(AccessibleRole::TextInput)
            .match_predicate(move |field| field.accessible_label().is_some_and(|label| label == label_owned))
            .find_first();
        let field = field.unwrap_or_else(|| panic!("no field “{label}”\n{}", self.describe()));
        self.click_on(&field);
        self.chord(&[Key::Control.into()], "a");
        self.type_text(text);
        self.step();
    }

    pub(crate) fn type_text(&self, text: &str) {
        for letter in text.chars() {
            self.key(SharedString::from(letter));
        }
        self.step();
    }

    pub(crate) fn key(&self, text: impl Into<SharedString>) {
        let text = text.into();
        self.app().window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        self.app().window().dispatch_event(WindowEvent::KeyReleased { text });
    }

    /// A key while others are held.
    pub(crate) fn chord(&self, held: &[SharedString], key: impl Into<SharedString>) {
        for text in held {
            self.app().window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        }
        self.key(key);
        for text in held {
            self.app().window().dispatch_event(WindowEvent::KeyReleased { text: text.clone() });
        }
        self.step();
    }

    /// Another size of the window, in logical pixels.
    pub(crate) fn resize(&self, width: f32, height: f32) {
        let size = LogicalSize::new(width, height);
        self.app().window().set_size(size);
        self.app().window().dispatch_event(WindowEvent::Resized { size });
        self.step();
    }

    /// The name of what has the keyboard, as a screen reader says it; `None` if nothing on screen has it.
    pub(crate) fn focused(&self) -> Option<String> {
        let item = WindowInner::from_pub(self.app().window()).focus_item.borrow().upgrade()?;
        if !item.is_visible() {
            return None;
        }
        let named = nearest_accessible_item(item);
        Some(named.accessible_string_property(AccessibleStringProperty::Label).unwrap_or_default().into())
    }

    /// The names of all that a screen reader finds on screen, in its order.
    pub(crate) fn exposed(&self) -> Vec<String> {
        let mut names = Vec::new();
        let window = WindowInner::from_pub(self.app().window());
        collect_names(&ItemRc::new_root(window.component()), &mut names);
        names
    }

    /// Nothing that can be pressed or filled in is nameless.
    pub(crate) fn check_names(&self, page: &str) {
        let roles = [AccessibleRole::Button, AccessibleRole::Switch, AccessibleRole::RadioButton];
        for role in roles.into_iter().chain([AccessibleRole::TextInput, AccessibleRole::ListItem]) {
            for control in
                ElementQuery::from_root(self.app()).match_descendants().match_accessible_role(role).find_all()
            {
                assert!(!control.accessible_label().unwrap_or_default().is_empty(), "{page}: a {role:?} without name");
            }
        }
    }

    /// From the first page to a room of one's own, with its invite on screen; the invite.
    pub(crate) fn host(&self, room: &str, learning: bool) -> String {
        self.press("Host a room");
        self.fill("Room name", room);
        self.fill("Port", "0");
        self.press("Only this computer");
        if learning {
            self.press("Learning room");
            self.press("Start learning room");
            self.press("Host for learning");
        } else {
            self.press("Secure room");
            self.press("Start");
        }
        // An invite of an earlier room may still be there.
        self.wait("an invite to the new room", |person| {
            person.global::<WindowState>().get_sheet() == Sheet::Invite
                && person.global::<OpenRoom>().get_view().name == room
                && !person.global::<Hosting>().get_invite().link.is_empty()
        });
        self.global::<Hosting>().get_invite().link.into()
    }
}
