//! Shows what the session tells, and passes on what the person wants: the window's side of every
//! verb. It owns the conversations' state and one lasting list for each list of the window, and
//! lives on the window's thread.
//!
//! Nothing here blocks: files, keys and sockets are the session's, and measuring is a worker's.

mod backups;
mod comparing;
mod doubts;
mod drafts;
mod hosting;
mod identities;
mod joining;
mod preferences;
mod rooms;
mod stream;
mod talking;
mod views;

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use chrono::NaiveDate;
use slint::{ComponentHandle, VecModel};

use self::comparing::Comparing;
use self::drafts::Refusal;
use self::hosting::Hosting;
use self::identities::Identities;
use self::joining::Joining;
use self::stream::Stream;
pub(super) use self::views::trouble;
use super::clipboard::Clipboard;
use super::generated as ui;
use super::{Work, format};
use crate::app::clock::now_ms;
use crate::app::conversation::{Change, Chat};
use crate::app::policy::doubts::Accepted;
use crate::app::{MembershipId, Opening, Problem, Sentence, Session, SessionEvent, Settings, say};
use crate::crypto::Fingerprint;

/// The lists of the window. Each lives as long as the window: a list that is replaced flickers.
struct Lists {
    rooms: Rc<VecModel<ui::RoomRow>>,
    members: Rc<VecModel<ui::MemberRow>>,
    knocks: Rc<VecModel<ui::KnockRow>>,
    addresses: Rc<VecModel<ui::AddressRow>>,
    lobby: Rc<VecModel<ui::LobbyRow>>,
    suites: Rc<VecModel<ui::SuiteRow>>,
}

/// What has to be shown anew once all events that wait are in.
#[derive(Default)]
struct Stale {
    rooms: bool,
    room: bool,
    people: bool,
}

/// The window's state beside what it shows.
pub(super) struct Presenter {
    app: ui::AppWindow,
    session: Session,
    chat: Chat,
    settings: Settings,
    place: String,
    lists: Lists,
    stream: Stream,
    stale: Stale,
    /// The room that is open.
    open: Option<MembershipId>,
    comparing: Option<Comparing>,
    hosting: Option<Hosting>,
    joining: Option<Joining>,
    identities: Identities,
    /// An invite that was clicked elsewhere, until it can be shown.
    link_waiting: Option<String>,
    /// What was typed and not sent.
    drafts: HashMap<MembershipId, String>,
    /// Rooms whose draft of an earlier run is there, or is not wanted any more.
    drafts_seen: HashSet<MembershipId>,
    /// The draft of the open room while it makes a long text go again.
    refusal: Option<Refusal>,
    /// The newest row of the open room that screen readers were not told of, and how many rows those are.
    news: Option<(ui::MessageRow, i32)>,
    filter: String,
    /// Rooms that go from the list as soon as they are left.
    leaving: HashSet<MembershipId>,
    /// Doubts that the person was asked about before something was sent in spite of them.
    accepted: Accepted,
    /// Changed keys that the person was asked about.
    doubts_shown: HashSet<(MembershipId, Fingerprint)>,
    /// The host's key that the person is asked about, at a known room without a pin.
    host_asked: Option<(MembershipId, Fingerprint)>,
    /// The problem that the trouble sheet shows.
    trouble: Option<Problem>,
    /// Problems that wait until no sheet is open.
    troubles_waiting: Vec<Problem>,
    clipboard: Clipboard,
    work: async_channel::Sender<Work>,
    /// Whether the window has the keyboard.
    active: bool,
    today: NaiveDate,
    quitting: bool,
    ended: bool,
    /// What could not be written at the end.
    unwritten: Option<Problem>,
}

impl Presenter {
    pub(super) fn new(
        app: ui::AppWindow,
        session: Session,
        opening: Opening,
        place: String,
        work: async_channel::Sender<Work>,
    ) -> Self {
        let lists = Lists {
            rooms: Rc::default(),
            members: Rc::default(),
            knocks: Rc::default(),
            addresses: Rc::default(),
            lobby: Rc::default(),
            suites: Rc::default(),
        };
        let chat = Chat::new(&opening.rooms);
        let mut presenter = Self {
            session,
            chat,
            place,
            lists,
            stream: Stream::new(),
            stale: Stale::default(),
            open: None,
            comparing: None,
            hosting: None,
            joining: None,
            identities: Identities::default(),
            link_waiting: None,
            drafts: HashMap::new(),
            drafts_seen: HashSet::new(),
            refusal: None,
            news: None,
            filter: String::new(),
            leaving: HashSet::new(),
            accepted: Accepted::default(),
            doubts_shown: HashSet::new(),
            host_asked: None,
            trouble: None,
            troubles_waiting: opening.warnings,
            clipboard: Clipboard::default(),
            work,
            active: true,
            today: format::day_of(now_ms()),
            quitting: false,
            ended: false,
            unwritten: None,
            settings: opening.settings,
            app,
        };
        presenter.show_everything();
        presenter
    }

    /// What happens once the window is there: the key is read or made, and known rooms are entered.
    pub(super) fn start(&mut self) {
        self.start_identities();
        let memberships: Vec<MembershipId> = self.chat.rooms().map(|room| room.membership).collect();
        for membership in memberships {
            self.session.enter(membership);
        }
        self.next_trouble();
        if self.state().get_page() == ui::Page::Chat {
            self.app.invoke_focus_composer();
        }
    }

    /// Takes an event of the session in. [`Self::refresh`] has to follow, once for many.
    pub(super) fn take(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Membership { .. } => {
                for change in self.chat.apply(&event, now_ms()) {
                    self.change(change);
                }
            }
            SessionEvent::Identity { kind, state } => self.identity_changed(kind, state),
            SessionEvent::BackedUp(result) => self.backed_up(result),
            SessionEvent::Restored(result) => self.restored(result),
            SessionEvent::Settings(settings) => self.settings_changed(settings),
            SessionEvent::Warning(problem) => self.warn(problem),
            SessionEvent::Unwritten(problem) => {
                self.unwritten = Some(problem.clone());
                self.warn(problem);
            }
            SessionEvent::Ended => self.ended = true,
        }
    }

    /// Takes the result of a worker in.
    pub(super) fn take_work(&mut self, work: Work) {
        match work {
            Work::Measured(costs) => self.measured(costs),
            Work::Quit => self.quit(),
            Work::FileDialogs(there) => self.state().set_file_dialogs(there),
            Work::FileChosen(file) => self.state().set_backup_file(file.display().to_string().into()),
            Work::StartedAgain(link) => self.started_again(link),
        }
    }

    /// Shows anew what the last events changed.
    pub(super) fn refresh(&mut self) {
        self.announce();
        let stale = std::mem::take(&mut self.stale);
        if stale.rooms {
            self.show_rooms();
        }
        if stale.room {
            self.show_room();
        }
        if stale.people {
            self.show_people();
            self.show_doubt();
        }
    }

    /// Twice a second: what changes without an event.
    pub(super) fn tick(&mut self, active: bool) {
        if active != self.active {
            self.active = active;
            self.window_activated(active);
        }
        let today = format::day_of(now_ms());
        if today != self.today {
            self.today = today;
            self.stale = Stale { rooms: true, room: true, people: false };
            self.show_stream(0);
        }
        if self.is_waiting_to_retry() {
            self.stale.room = true;
        }
        self.refresh();
        self.next_trouble();
        self.show_waiting_link();
        self.show_doubt();
    }

    /// What could not be written at the end, and is lost.
    pub(super) fn unwritten(&self) -> Option<Problem> {
        self.unwritten.clone()
    }

    /// Whether the session has ended.
    pub(super) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether the person may close the window now; asks otherwise.
    pub(super) fn close_requested(&mut self) -> bool {
        let connected = self.connected_guests();
        if connected == 0 || self.quitting {
            self.quit();
            return true;
        }
        let state = self.state();
        state.set_confirm(ui::Confirm::Quit);
        state.set_confirm_count(views::count(connected));
        state.set_sheet(ui::Sheet::Confirm);
        false
    }

    /// Says goodbye everywhere; the window closes at once, and the program once that is done.
    pub(super) fn quit(&mut self) {
        if self.quitting {
            return;
        }
        self.quitting = true;
        // From here on a second start has to open a window of its own.
        self.work.close();
        self.keep_draft();
        self.keep_preferences();
        if let Err(error) = self.app.hide() {
            log::warn!("the window does not close: {error}");
        }
        self.session.quit();
    }

    pub(super) fn copy(&mut self, text: &str) {
        if !self.clipboard.copy(text) {
            // The window system's own way, which tells nothing.
            self.app.invoke_copy(text.into());
        }
        self.toast(views::only(&say!("Copied")));
    }

    pub(super) fn open_link(&self, link: &str) {
        if let Err(error) = super::links::open(link) {
            log::warn!("a link cannot be opened: {error}");
            let told = say!("No browser could be started. Select the link and copy it instead.");
            self.toast_that_stays(views::only(&told));
        }
    }

    pub(super) fn trouble_action(&mut self) {
        let action = self.trouble.take().and_then(|problem| problem.action);
        if let Some(crate::app::Action::Unlock) = action {
            self.state().set_page(ui::Page::Unlock);
        }
        self.next_trouble();
    }

    fn change(&mut self, change: Change) {
        let is_open = |membership: MembershipId| self.open == Some(membership);
        match change {
            Change::RoomAdded(_) => self.stale.rooms = true,
            Change::RoomRemoved(membership) => self.room_removed(membership),
            Change::RoomChanged(membership) => self.room_changed(membership),
            Change::RowAdded { membership, row } if is_open(membership) => self.row_added(membership, row),
            Change::RowDropped { membership, row } if is_open(membership) => self.stream.remove(row),
            Change::RowChanged { membership, row } if is_open(membership) => {
                if let Some(room) = self.chat.room(membership) {
                    self.stream.refresh(room, row);
                }
            }
            Change::MembersChanged(membership) | Change::KnocksChanged(membership) if is_open(membership) => {
                self.stale.people = true;
                self.stale.room = true;
            }
            Change::InviteChanged(membership) => self.invite_changed(membership),
            Change::SafetyNumber { membership, number } => self.number_came(membership, number),
            Change::Question { membership, question } => self.question(membership, question),
            Change::Problem { membership, problem } => self.problem(membership, &problem),
            Change::RowAdded { .. }
            | Change::RowDropped { .. }
            | Change::RowChanged { .. }
            | Change::MembersChanged(_)
            | Change::KnocksChanged(_)
            // What it came to is drawn anew by the other changes.
            | Change::News { .. } => {}
        }
    }

    /// A room's problem is shown where it belongs: in the sheet that asked, or in the room.
    fn problem(&mut self, membership: MembershipId, problem: &Problem) {
        if self.is_hosting(membership) {
            self.hosting_failed(problem);
        } else if self.is_joining(membership) {
            self.joining_failed(problem);
        } else {
            // The room itself says why it is not connected.
            self.stale = Stale { rooms: true, room: true, people: true };
        }
    }

    /// A problem that belongs to no room is shown by itself.
    fn warn(&mut self, problem: Problem) {
        self.troubles_waiting.push(problem);
        self.next_trouble();
    }

    /// Shows the next problem that waits, unless the person is busy with something else.
    fn next_trouble(&mut self) {
        if self.troubles_waiting.is_empty() || self.state().get_sheet() != ui::Sheet::None {
            return;
        }
        let problem = self.troubles_waiting.remove(0);
        self.troubles_waiting.retain(|other| *other != problem);
        let state = self.state();
        state.set_trouble(views::trouble(&problem));
        state.set_sheet(ui::Sheet::Trouble);
        self.trouble = Some(problem);
    }

    fn state(&self) -> ui::ChatState<'_> {
        self.app.global::<ui::ChatState>()
    }

    /// Tells for a moment that something was done.
    fn toast(&self, told: ui::TroubleView) {
        self.state().set_toast_stays(false);
        self.state().set_toast(told);
    }

    /// Tells that something was not done, until the person has read it.
    fn toast_that_stays(&self, told: ui::TroubleView) {
        self.state().set_toast_stays(true);
        self.state().set_toast(told);
    }

    /// A sentence in the person's language, where it is no binding that says it.
    fn say(&self, sentence: &Sentence) -> String {
        self.app.global::<ui::Words>().invoke_say(views::sentence(sentence)).into()
    }
}
