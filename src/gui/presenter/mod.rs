//! Shows what the session reports, and passes on what the person wants: the window's side of every verb. It lives on
//! the window's thread.
//!
//! Each topic of the window is a part that keeps its own state and its own lasting lists: a list that is replaced
//! flickers. All parts work on the [`Desk`]. A part never changes another part's state; it may only ask another part
//! something: whether a key is the person's own, how many people are connected, which colour a room gets. What concerns
//! several parts, such as opening another room, is arranged here and nowhere else.
//!
//! Nothing here blocks: files, keys and sockets belong to the session, and a worker measures.

mod backups;
mod comparing;
mod desk;
mod doubts;
mod drafts;
mod ending;
mod hosting;
mod identities;
mod joining;
mod people;
mod preferences;
mod room;
mod rooms;
mod stream;
mod talking;
mod troubles;
mod views;

use slint::ComponentHandle;
use slint::winit_030::{WinitWindowAccessor, winit};

use self::backups::Backups;
use self::desk::{Desk, Stale};
use self::ending::Ending;
use self::hosting::Hosting;
use self::identities::Identities;
use self::joining::Joining;
use self::people::People;
use self::preferences::Preferences;
use self::room::{OpenRoom, is_waiting_to_retry};
use self::rooms::{Rooms, UnderWay};
use self::talking::Talking;
use self::troubles::Troubles;
pub(super) use self::views::trouble;
use super::generated as ui;
use super::{Work, format};
use crate::app::clock::now_ms;
use crate::app::conversation::{Change, Chat, Question};
use crate::app::{JoinTarget, MembershipId, Opening, Problem, Session, SessionEvent, Settings};

/// The parts of the window, and the desk they work on.
pub(super) struct Presenter {
    pub(super) desk: Desk,
    pub(super) rooms: Rooms,
    pub(super) room: OpenRoom,
    pub(super) talking: Talking,
    pub(super) people: People,
    pub(super) hosting: Hosting,
    pub(super) joining: Joining,
    pub(super) identities: Identities,
    pub(super) backups: Backups,
    pub(super) preferences: Preferences,
    pub(super) troubles: Troubles,
    ending: Ending,
}

impl Presenter {
    /// Fills the window with what is known when it opens: no dummy value is left in it.
    pub(super) fn new(
        app: ui::AppWindow,
        session: Session,
        opening: Opening,
        place: String,
        work: async_channel::Sender<Work>,
    ) -> Self {
        let desk = Desk::new(app, session, Chat::new(&opening.rooms), opening.settings);
        show_first_page(&desk);
        let mut presenter = Self {
            rooms: Rooms::new(&desk),
            room: OpenRoom::default(),
            talking: Talking::new(&desk),
            people: People::new(&desk),
            hosting: Hosting::new(&desk),
            joining: Joining::new(&desk),
            identities: Identities::new(&desk, place),
            backups: Backups::new(work.clone()),
            preferences: Preferences::new(&desk, work.clone()),
            troubles: Troubles::new(&desk, opening.warnings),
            ending: Ending::new(work),
            desk,
        };
        presenter.joining.show_recent_addresses(&presenter.desk);
        let first = presenter.desk.chat.by_activity().first().map(|room| room.membership);
        presenter.show(first);
        presenter.room.show(&mut presenter.desk);
        presenter.show_rooms();
        presenter
    }

    /// Runs once the window is open, `active` if it has the keyboard: reads or creates the key, and enters the known
    /// rooms.
    pub(super) fn start(&mut self, active: bool) {
        if active {
            self.activated(active);
        }
        self.identities.start(&self.desk);
        for room in self.desk.chat.rooms() {
            self.desk.session.enter(room.membership);
        }
        self.troubles.show_next(&self.desk);
        if self.desk.window().get_page() == ui::Page::Chat {
            self.desk.app.invoke_focus_composer();
        }
    }

    /// Takes in an event of the session. [`Self::refresh`] has to follow, once for many events.
    pub(super) fn take(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Membership { .. } => {
                for change in self.desk.chat.apply(&event, now_ms()) {
                    self.change(change);
                }
            }
            SessionEvent::Identity { kind, state } => {
                if let Some(problem) = self.identities.changed(&self.desk, kind, state) {
                    self.troubles.add(&self.desk, problem);
                }
            }
            SessionEvent::BackedUp(result) => self.backups.backed_up(&self.desk, result),
            SessionEvent::Restored(result) => self.backups.restored(&self.desk, result),
            SessionEvent::Settings(settings) => self.settings_changed(settings),
            SessionEvent::Warning(problem) => self.troubles.add(&self.desk, problem),
            SessionEvent::Unwritten(problem) => {
                self.ending.lost(problem.clone());
                self.troubles.add(&self.desk, problem);
            }
            SessionEvent::Ended => self.ending.session_ended(),
        }
    }

    /// Takes in the result of a worker.
    pub(super) fn take_work(&mut self, work: Work) {
        match work {
            Work::Measured(costs) => self.preferences.measured(&self.desk, &costs),
            Work::Quit => self.quit(),
            Work::FileDialogs(there) => self.backups.dialogs_found(&self.desk, there),
            Work::FileChosen(file) => self.backups.file_chosen(&self.desk, &file),
            Work::StartedAgain(link) => self.started_again(link),
        }
    }

    /// Shows what the last events changed.
    pub(super) fn refresh(&mut self) {
        self.talking.announce(&self.desk);
        let stale = std::mem::take(&mut self.desk.stale);
        if stale.rooms {
            self.show_rooms();
        }
        if stale.room {
            self.room.show(&mut self.desk);
        }
        if stale.people {
            self.people.show(&self.desk);
            self.people.comparing.show_doubt(&self.desk);
        }
    }

    /// Runs twice a second, for what changes without an event.
    pub(super) fn tick(&mut self, active: bool) {
        if active != self.desk.active {
            self.activated(active);
        }
        let today = format::day_of(now_ms());
        if today != self.desk.today {
            // “Today” has become “yesterday” in every row.
            self.desk.today = today;
            self.desk.stale = Stale { rooms: true, room: true, people: false };
            self.talking.day_changed(&self.desk);
        }
        if is_waiting_to_retry(&self.desk) {
            self.desk.stale.room = true;
        }
        self.refresh();
        // What had to wait until a sheet closed.
        self.troubles.show_next(&self.desk);
        self.show_waiting_link();
        self.people.comparing.show_doubt(&self.desk);
    }

    /// What could not be written at the end, and is lost.
    pub(super) fn unwritten(&self) -> Option<Problem> {
        self.ending.unwritten()
    }

    /// Whether the session has ended.
    pub(super) const fn is_ended(&self) -> bool {
        self.ending.is_over()
    }

    /// Whether the window may close now; asks the person otherwise.
    pub(super) fn close_requested(&mut self) -> bool {
        let may_close = self.ending.may_close(&self.desk);
        if may_close {
            self.quit();
        }
        may_close
    }

    /// Says goodbye everywhere. The window closes at once, the program once that is done.
    pub(super) fn quit(&mut self) {
        if !self.ending.begin() {
            return;
        }
        self.talking.drafts.keep(&self.desk);
        self.preferences.keep(&mut self.desk);
        if let Err(error) = self.desk.app.hide() {
            log::warn!("the window does not close: {error}");
        }
        self.desk.session.quit();
    }

    /// Shows an invite that was clicked elsewhere, as soon as possible.
    pub(super) fn open_link_when_free(&mut self, link: String) {
        self.joining.keep_link(link);
        self.show_waiting_link();
    }

    /// Opens a room by its id in the list.
    pub(super) fn select_room(&mut self, id: &str) {
        let membership = id.parse().ok().map(MembershipId);
        if let Some(membership) = membership.filter(|membership| self.desk.chat.room(*membership).is_some()) {
            self.show(Some(membership));
        }
    }

    /// Opens the room before or after the open one.
    pub(super) fn step_room(&mut self, by: i32) {
        let beside = self.rooms.beside_open(&self.desk, self.under_way(), by);
        self.open_listed(beside);
    }

    /// Opens the room at a position in the list.
    pub(super) fn pick_room(&mut self, place: i32) {
        let listed = self.rooms.listed(&self.desk, self.under_way());
        let picked = usize::try_from(place).ok().and_then(|place| listed.get(place).copied());
        self.open_listed(picked);
    }

    /// Shows the rooms whose name contains a text. A pasted invite is looked up instead.
    pub(super) fn find_rooms(&mut self, text: &str) {
        let is_invite = matches!(text.parse(), Ok(JoinTarget::Invite(_)));
        self.rooms.filter(&self.desk, if is_invite { "" } else { text });
        self.show_rooms();
        if is_invite {
            self.open_join();
            self.desk.global::<ui::Joining>().set_tab(ui::JoinTab::Invite);
            self.desk.global::<ui::Joining>().set_text(text.trim().into());
            self.look_up(text);
        }
    }

    /// Opens the sheet to host a room, once the person has a name.
    pub(super) fn open_host(&mut self) {
        if self.identities.commit_name(&mut self.desk) {
            self.hosting.open(&self.desk);
        }
    }

    /// Opens the sheet to join a room, once the person has a name.
    pub(super) fn open_join(&mut self) {
        if self.identities.commit_name(&mut self.desk) {
            self.joining.open(&self.desk);
        }
    }

    /// The person gave an invite or an address.
    pub(super) fn look_up(&mut self, text: &str) {
        let known = self.joining.look_up(&mut self.desk, &self.identities, text);
        if known.is_some() {
            self.show(known);
        }
    }

    fn change(&mut self, change: Change) {
        let open = self.desk.open;
        let is_open = |membership: MembershipId| open == Some(membership);
        match change {
            Change::RoomAdded(_) => self.desk.stale.rooms = true,
            Change::RoomRemoved(membership) => self.room_removed(membership),
            Change::RoomChanged(membership) => self.room_changed(membership),
            Change::RowAdded { membership, row } if is_open(membership) => self.talking.row_added(&self.desk, row),
            Change::RowsBefore { membership, count, new_from } if is_open(membership) => {
                self.talking.rows_came_before(&self.desk, count, new_from);
            }
            Change::RowDropped { membership, .. } if is_open(membership) => self.talking.row_dropped(&self.desk),
            Change::RowChanged { membership, row } if is_open(membership) => self.talking.row_changed(&self.desk, row),
            Change::NamesChanged(membership) if is_open(membership) => self.talking.names_changed(&self.desk),
            Change::MembersChanged(membership) | Change::KnocksChanged(membership) if is_open(membership) => {
                self.desk.stale.people = true;
                self.desk.stale.room = true;
            }
            Change::InviteChanged(membership) => {
                self.hosting_went_on(membership);
                self.hosting.invite_changed(&self.desk, membership);
            }
            Change::SafetyNumber { membership, number } => {
                self.people.comparing.number_came(&self.desk, membership, number);
            }
            Change::Question { membership, question } => self.ask(membership, question),
            Change::Problem { membership, problem } => self.problem(membership, &problem),
            Change::RowAdded { .. }
            | Change::RowsBefore { .. }
            | Change::RowDropped { .. }
            | Change::RowChanged { .. }
            | Change::NamesChanged(_)
            | Change::MembersChanged(_)
            | Change::KnocksChanged(_)
            // The other changes show what the news did.
            | Change::News { .. } => {}
        }
    }

    fn room_removed(&mut self, membership: MembershipId) {
        self.room.forget(membership);
        self.talking.forget(membership);
        self.desk.stale.rooms = true;
        if self.desk.open == Some(membership) {
            let listed = self.rooms.listed(&self.desk, self.under_way());
            self.show(listed.into_iter().find(|other| *other != membership));
        }
    }

    fn room_changed(&mut self, membership: MembershipId) {
        self.desk.stale.rooms = true;
        self.desk.stale.room |= self.desk.open == Some(membership);
        self.hosting_went_on(membership);
        let joined = self.joining.went_on(&mut self.desk, membership);
        if joined.is_some() {
            self.show(joined);
        }
        self.room.left(&self.desk, membership);
    }

    /// A new hosted room opens with its invite, which the person wants next.
    fn hosting_went_on(&mut self, membership: MembershipId) {
        if self.hosting.went_on(&mut self.desk, membership) {
            self.show(Some(membership));
            self.hosting.show_invite(&self.desk);
        }
    }

    /// Asks a question where it belongs: in the join sheet, or on a sheet of its own.
    fn ask(&mut self, membership: MembershipId, question: Question) {
        if self.joining.under_way() == Some(membership) {
            self.joining.ask(&self.desk, question);
        } else {
            self.room.ask_about_host(&self.desk, membership, &question);
        }
    }

    /// Shows a room's problem where it belongs: in the sheet that started it, or in the room.
    fn problem(&mut self, membership: MembershipId, problem: &Problem) {
        if self.hosting.under_way() == Some(membership) {
            self.hosting.failed(&self.desk, problem);
        } else if self.joining.under_way() == Some(membership) {
            self.joining.failed(&self.desk, problem);
        } else {
            // The room itself says why it is not connected.
            self.desk.stale = Stale { rooms: true, room: true, people: true };
        }
    }

    fn settings_changed(&mut self, settings: Settings) {
        self.preferences.changed(&mut self.desk, settings);
        self.joining.show_recent_addresses(&self.desk);
        self.talking.drafts.came(&self.desk);
        self.identities.keyring_changed(&self.desk);
    }

    /// The window gained or lost the keyboard.
    fn activated(&mut self, active: bool) {
        self.desk.active = active;
        self.desk.view_open();
        self.talking.activated(&self.desk);
        if active {
            // A person who comes back, perhaps on another network, does not want to wait for the next try.
            self.desk.session.retry_all();
        }
    }

    /// The program was started again for this profile: brings this window to the front.
    fn started_again(&mut self, link: Option<String>) {
        raise(&self.desk.app);
        if let Some(link) = link {
            self.open_link_when_free(link);
        }
    }

    fn show_waiting_link(&mut self) {
        if self.joining.may_show_link(&self.desk) {
            self.desk.window().set_page(ui::Page::Chat);
            self.open_join();
        }
    }

    fn open_listed(&mut self, membership: Option<MembershipId>) {
        if membership.is_some() {
            self.desk.window().set_page(ui::Page::Chat);
            self.show(membership);
        }
    }

    /// Opens a room, or none.
    fn show(&mut self, membership: Option<MembershipId>) {
        if membership == self.desk.open {
            return;
        }
        self.talking.drafts.keep(&self.desk);
        self.desk.open = membership;
        // Viewing a room clears its count of unread messages, which says where the new ones begin.
        let unread = self.desk.room().map_or(0, |room| room.unread);
        self.desk.view_open();
        self.talking.open(&self.desk, unread);
        self.room.show(&mut self.desk);
        self.people.show(&self.desk);
        self.show_rooms();
    }

    fn show_rooms(&mut self) {
        let under_way = self.under_way();
        self.rooms.show(&mut self.desk, under_way);
    }

    /// Rooms that have a sheet of their own and are not in the list yet.
    fn under_way(&self) -> UnderWay {
        [self.hosting.under_way(), self.joining.under_way()]
    }
}

fn show_first_page(desk: &Desk) {
    let window = desk.window();
    window.set_version(env!("CARGO_PKG_VERSION").into());
    window.set_toast(ui::TroubleView::default());
    window.set_sheet(ui::Sheet::None);
    window.set_page(desk.home());
}

/// Brings the window to the front, if the window system allows that.
fn raise(app: &ui::AppWindow) {
    app.window().set_minimized(false);
    app.window().with_winit_window(winit::window::Window::focus_window);
}
