//! Joining: from an invite or an address, over the questions that a person has to answer, to a room.

use slint::ComponentHandle;
use slint::winit_030::{WinitWindowAccessor, winit};

use super::Presenter;
use super::views;
use crate::app::conversation::{Connection, Question};
use crate::app::{Code, JoinRequest, JoinTarget, MembershipId, Problem, say};
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;
use crate::gui::list;
use crate::protocol::{LearningConsent, LobbyRoom, RefuseCode};

/// A room that is being joined.
pub(super) struct Joining {
    target: JoinTarget,
    learning: Option<LearningConsent>,
    /// The try that is under way.
    membership: Option<MembershipId>,
    /// The host's key, once it was shown.
    host: Option<Fingerprint>,
    lobby: Vec<LobbyRoom>,
}

impl Presenter {
    pub(in crate::gui) fn open_join(&mut self) {
        if !self.commit_name() {
            return;
        }
        // What is under way goes on.
        if self.joining.is_some() {
            return self.state().set_sheet(ui::Sheet::Join);
        }
        // Whoever clicked an invite before the first choice of a name finds it here.
        let link = self.link_waiting.take().unwrap_or_default();
        let state = self.state();
        state.set_join_stage(ui::JoinStage::Form);
        state.set_join_text(link.into());
        state.set_join_error(ui::TroubleView::default());
        state.set_sheet(ui::Sheet::Join);
    }

    /// The program was started again for this profile: the window that is there comes to the front.
    pub(super) fn started_again(&mut self, link: Option<String>) {
        raise(&self.app);
        if let Some(link) = link {
            self.open_link_when_free(link);
        }
    }

    /// An invite was clicked somewhere else. It is shown and no more: going on tells the host of this
    /// computer's address, which is the person's to decide.
    pub(in crate::gui) fn open_link_when_free(&mut self, link: String) {
        self.link_waiting = Some(link);
        self.show_waiting_link();
    }

    /// Shows the invite that was clicked, as soon as no sheet is open, nor a page that has to be answered first.
    pub(super) fn show_waiting_link(&mut self) {
        let state = self.state();
        let is_free = match state.get_sheet() {
            ui::Sheet::None => matches!(state.get_page(), ui::Page::Chat | ui::Page::Settings | ui::Page::About),
            ui::Sheet::Join => state.get_join_stage() == ui::JoinStage::Form,
            _ => false,
        };
        if is_free && self.link_waiting.is_some() {
            state.set_page(ui::Page::Chat);
            self.open_join();
        }
    }

    /// An invite or address was given.
    pub(in crate::gui) fn look_up(&mut self, text: &str) {
        self.stop_joining();
        self.state().set_join_error(ui::TroubleView::default());
        let target = match text.parse::<JoinTarget>() {
            Ok(target) => target,
            Err(problem) => return self.joining_failed(&problem),
        };
        let joining = Joining { target, learning: None, membership: None, host: None, lobby: Vec::new() };
        let JoinTarget::Invite(invite) = &joining.target else {
            self.joining = Some(joining);
            self.show_join(ui::JoinStage::Looking);
            return self.begin_joining();
        };
        let known = self.chat.rooms().find(|room| room.info.room == Some(invite.room));
        if let Some((known, is_owned)) = known.map(|room| (room.membership, room.info.owned)) {
            if is_owned {
                self.session.enter(known);
                return self.joined(known);
            }
            // Its host may be elsewhere by now; what the invite says of it is tried, and asked about where it differs.
            let request = JoinRequest { target: joining.target.clone(), learning: None, pin: None, look: false };
            return match self.session.join(request) {
                Ok(membership) => self.joined(membership),
                Err(problem) => self.joining_failed(&problem),
            };
        }
        if self.identities.is_own(invite.host) {
            return self.joining_failed(&Problem::own_address());
        }
        let is_learning = invite.suite.is_learning();
        self.joining = Some(joining);
        if is_learning {
            return self.show_join(ui::JoinStage::Consent);
        }
        self.show_join(ui::JoinStage::Looking);
        self.begin_joining();
    }

    /// The learning room's warning was read and answered.
    pub(in crate::gui) fn consent_to_learning(&mut self) {
        let Some(joining) = &mut self.joining else { return };
        joining.learning = Some(LearningConsent::given_by_a_person());
        let stage = match joining.target {
            JoinTarget::Invite(_) => ui::JoinStage::Looking,
            JoinTarget::Address(_) => ui::JoinStage::Entering,
        };
        self.show_join(stage);
        self.begin_joining();
    }

    /// It is the right room: the invite's, or the host's key is the one somebody read aloud.
    pub(in crate::gui) fn confirm_join(&mut self) {
        let Some(joining) = &self.joining else { return };
        match (joining.membership, &joining.target, joining.host, joining.lobby.first()) {
            (Some(membership), JoinTarget::Address(_), Some(host), _) => self.session.trust_host(membership, host),
            (Some(membership), JoinTarget::Invite(_), _, Some(room)) => self.session.knock(membership, room.room),
            _ => return,
        }
        self.show_join(ui::JoinStage::Entering);
    }

    pub(in crate::gui) fn choose_lobby(&mut self, id: &str) {
        let Some(joining) = &self.joining else { return };
        let chosen = joining.lobby.iter().find(|room| room.room.to_string() == id);
        if let (Some(membership), Some(chosen)) = (joining.membership, chosen) {
            self.session.knock(membership, chosen.room);
            self.show_join(ui::JoinStage::Waiting);
        }
    }

    pub(in crate::gui) fn cancel_join(&mut self) {
        self.stop_joining();
        let state = self.state();
        state.set_join_stage(ui::JoinStage::Form);
        if state.get_sheet() == ui::Sheet::Join {
            state.set_sheet(ui::Sheet::None);
        }
    }

    pub(super) fn is_joining(&self, membership: MembershipId) -> bool {
        self.joining.as_ref().is_some_and(|joining| joining.membership == Some(membership))
    }

    pub(super) fn question(&mut self, membership: MembershipId, question: Question) {
        let Some(joining) = self.joining.as_mut().filter(|joining| joining.membership == Some(membership)) else {
            return self.known_host_question(membership, &question);
        };
        let is_invited = matches!(joining.target, JoinTarget::Invite(_));
        match question {
            Question::FirstUse(host) => {
                joining.host = Some(host);
                self.show_join(ui::JoinStage::Review);
            }
            Question::Lobby(rooms) => match rooms.as_slice() {
                [] if is_invited => self.joining_failed(&Problem::from(RefuseCode::NoRoom)),
                [] => {
                    let hint = say!("Ask the owner of the room for an invite.");
                    let what = say!("Nobody at this address takes people without an invite.");
                    self.joining_failed(&Problem::new(Code::NoKnocking, what, hint));
                }
                [_] if is_invited => {
                    joining.lobby = rooms;
                    self.show_join(ui::JoinStage::Review);
                }
                _ => {
                    let row = |room: &LobbyRoom| ui::LobbyRow {
                        id: room.room.to_string().into(),
                        code: views::code(&room.room.to_string()),
                        owner: views::key_code(Some(room.owner)),
                        members: i32::from(room.members),
                        round_trip: round_trip(room),
                    };
                    let rows = rooms.iter().map(row).collect();
                    joining.lobby = rooms;
                    list::update(&self.lists.lobby, rows, |row| row.id.clone());
                    self.show_join(ui::JoinStage::Choose);
                }
            },
        }
    }

    /// The room that is being joined came nearer, or is there.
    pub(super) fn joining_went_on(&mut self, membership: MembershipId) {
        if !self.is_joining(membership) {
            return;
        }
        let Some(room) = self.chat.room(membership) else { return };
        if room.owner.is_some() {
            self.joined(membership);
        } else if room.connection == Connection::WaitingForOwner {
            self.show_join(ui::JoinStage::Waiting);
        }
    }

    /// This try is over. What was typed stays.
    pub(super) fn joining_failed(&mut self, problem: &Problem) {
        let forgotten = self.joining.as_mut().and_then(|joining| joining.membership.take());
        if let Some(membership) = forgotten {
            self.session.forget(membership);
        }
        if problem.code == Code::LearningRoom && self.joining.is_some() {
            return self.show_join(ui::JoinStage::Consent);
        }
        self.joining = None;
        let state = self.state();
        state.set_join_error(views::trouble(problem));
        state.set_join_stage(ui::JoinStage::Form);
    }

    fn begin_joining(&mut self) {
        let Some(joining) = &mut self.joining else { return };
        let request = JoinRequest { target: joining.target.clone(), learning: joining.learning, pin: None, look: true };
        match self.session.join(request) {
            Ok(membership) => joining.membership = Some(membership),
            Err(problem) => self.joining_failed(&problem),
        }
    }

    fn joined(&mut self, membership: MembershipId) {
        self.joining = None;
        self.stale.rooms = true;
        let state = self.state();
        state.set_join_stage(ui::JoinStage::Form);
        state.set_join_text("".into());
        state.set_page(ui::Page::Chat);
        state.set_sheet(ui::Sheet::None);
        self.show(Some(membership));
    }

    fn stop_joining(&mut self) {
        if let Some(membership) = self.joining.take().and_then(|joining| joining.membership) {
            self.session.forget(membership);
        }
    }

    fn show_join(&self, stage: ui::JoinStage) {
        let Some(joining) = &self.joining else { return };
        let (address, room, host, invited_to_learning) = match &joining.target {
            JoinTarget::Invite(invite) => {
                let address = invite.addresses.first().cloned().unwrap_or_default();
                (address, Some(invite.room), Some(invite.host), invite.suite.is_learning())
            }
            JoinTarget::Address(address) => (address.clone(), None, joining.host, false),
        };
        // At an address the lobby is a list to choose from.
        let looked_up = joining.lobby.first().filter(|found| Some(found.room) == room);
        let state = self.state();
        state.set_join(ui::JoinView {
            room_id: room.map(|room| views::code(&room.to_string())).unwrap_or_default(),
            host_key: views::key_code(host),
            address: address.into(),
            learning: invited_to_learning || joining.learning.is_some() || stage == ui::JoinStage::Consent,
            first_use: matches!(joining.target, JoinTarget::Address(_)),
            members: looked_up.map_or(0, |room| i32::from(room.members)),
            round_trip: looked_up.map_or(0, round_trip),
        });
        state.set_join_stage(stage);
    }
}

/// Milliseconds; an answer within the same one took less than it, and not no time.
fn round_trip(room: &LobbyRoom) -> i32 {
    i32::try_from(room.round_trip_ms).unwrap_or(i32::MAX).max(1)
}

/// Brings the window to the front, where the window system lets a program do that.
fn raise(app: &ui::AppWindow) {
    app.window().set_minimized(false);
    app.window().with_winit_window(winit::window::Window::focus_window);
}
