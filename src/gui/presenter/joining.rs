//! Joining: from an invite or an address, through the questions that the person has to answer, to a room.
//!
//! Nothing is sent before the person asks for it: an invite that was clicked elsewhere is only shown.

use std::rc::Rc;

use slint::{ModelRc, VecModel};

use super::desk::Desk;
use super::identities::Identities;
use super::views;
use crate::app::conversation::{Connection, Question};
use crate::app::{Code, JoinRequest, JoinTarget, MembershipId, Problem, say};
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;
use crate::gui::list;
use crate::protocol::{Invite, LearningConsent, LobbyRoom, RefuseCode};

/// The sheet for joining somebody else's room.
pub(in crate::gui) struct Joining {
    attempt: Option<Attempt>,
    /// An invite that was clicked elsewhere and cannot be shown yet.
    link_waiting: Option<String>,
    lobby: Rc<VecModel<ui::LobbyRow>>,
}

/// A room that is being joined.
struct Attempt {
    target: JoinTarget,
    learning: Option<LearningConsent>,
    /// The membership that this attempt has begun.
    membership: Option<MembershipId>,
    /// The host's key, once the host has shown it.
    host: Option<Fingerprint>,
    lobby: Vec<LobbyRoom>,
}

impl Joining {
    pub(super) fn new(desk: &Desk) -> Self {
        let lobby = Rc::default();
        desk.global::<ui::Joining>().set_lobby(ModelRc::from(Rc::clone(&lobby)));
        desk.global::<ui::Joining>().set_view(ui::JoinView::default());
        Self { attempt: None, link_waiting: None, lobby }
    }

    /// Opens the sheet. The person has a name by now.
    pub(super) fn open(&mut self, desk: &Desk) {
        // A room is being joined already: show how far it is.
        if self.attempt.is_some() {
            return desk.window().set_sheet(ui::Sheet::Join);
        }
        // An invite that was clicked before the person had a name appears here.
        let link = self.link_waiting.take().unwrap_or_default();
        let state = desk.global::<ui::Joining>();
        state.set_stage(ui::JoinStage::Form);
        state.set_text(link.into());
        state.set_error(ui::TroubleView::default());
        desk.window().set_sheet(ui::Sheet::Join);
    }

    /// An invite was clicked elsewhere. It is only shown: continuing tells the host this computer's address, and that
    /// is for the person to decide.
    pub(super) fn keep_link(&mut self, link: String) {
        self.link_waiting = Some(link);
    }

    /// Whether a waiting invite can be shown now: no other sheet is open, nor a page that has to be answered first.
    pub(super) fn may_show_link(&self, desk: &Desk) -> bool {
        let window = desk.window();
        let is_free = match window.get_sheet() {
            ui::Sheet::None => matches!(window.get_page(), ui::Page::Chat | ui::Page::Settings | ui::Page::About),
            ui::Sheet::Join => desk.global::<ui::Joining>().get_stage() == ui::JoinStage::Form,
            _ => false,
        };
        is_free && self.link_waiting.is_some()
    }

    /// The person gave an invite or address. Returns the room to open, if it is known already.
    pub(super) fn look_up(&mut self, desk: &mut Desk, identities: &Identities, text: &str) -> Option<MembershipId> {
        self.stop(desk);
        desk.global::<ui::Joining>().set_error(ui::TroubleView::default());
        let target = match text.parse::<JoinTarget>() {
            Ok(target) => target,
            Err(problem) => {
                self.failed(desk, &problem);
                return None;
            }
        };
        let mut stage = ui::JoinStage::Looking;
        if let JoinTarget::Invite(invite) = &target {
            let known = desk.chat.rooms().find(|room| room.info.room == Some(invite.room));
            if let Some((known, is_owned)) = known.map(|room| (room.membership, room.info.owned)) {
                return self.return_to(desk, known, is_owned, invite);
            }
            if identities.is_own(invite.host) {
                self.failed(desk, &Problem::own_address());
                return None;
            }
            if invite.suite.is_learning() {
                stage = ui::JoinStage::Consent;
            }
        }
        self.attempt = Some(Attempt { target, learning: None, membership: None, host: None, lobby: Vec::new() });
        self.show(desk, stage);
        // A learning room needs consent before anything is sent.
        if stage == ui::JoinStage::Looking {
            self.begin(desk);
        }
        None
    }

    /// The person read the learning room's warning and consented.
    pub(in crate::gui) fn consent(&mut self, desk: &Desk) {
        let Some(attempt) = &mut self.attempt else { return };
        attempt.learning = Some(LearningConsent::given_by_a_person());
        let stage = match attempt.target {
            JoinTarget::Invite(_) => ui::JoinStage::Looking,
            JoinTarget::Address(_) => ui::JoinStage::Entering,
        };
        self.show(desk, stage);
        self.begin(desk);
    }

    /// The person confirms: it is the right room, or the host's key is the one that somebody read aloud.
    pub(in crate::gui) fn confirm(&self, desk: &Desk) {
        let Some(attempt) = &self.attempt else { return };
        match (attempt.membership, &attempt.target, attempt.host, attempt.lobby.first()) {
            (Some(membership), JoinTarget::Address(_), Some(host), _) => desk.session.trust_host(membership, host),
            (Some(membership), JoinTarget::Invite(_), _, Some(room)) => desk.session.knock(membership, room.room),
            _ => return,
        }
        self.show(desk, ui::JoinStage::Entering);
    }

    pub(in crate::gui) fn choose(&self, desk: &Desk, id: &str) {
        let Some(attempt) = &self.attempt else { return };
        let chosen = attempt.lobby.iter().find(|room| room.room.to_string() == id);
        if let (Some(membership), Some(chosen)) = (attempt.membership, chosen) {
            desk.session.knock(membership, chosen.room);
            self.show(desk, ui::JoinStage::Waiting);
        }
    }

    pub(in crate::gui) fn cancel(&mut self, desk: &Desk) {
        self.stop(desk);
        let window = desk.window();
        desk.global::<ui::Joining>().set_stage(ui::JoinStage::Form);
        if window.get_sheet() == ui::Sheet::Join {
            window.set_sheet(ui::Sheet::None);
        }
    }

    /// The room that is being joined.
    pub(super) fn under_way(&self) -> Option<MembershipId> {
        self.attempt.as_ref().and_then(|attempt| attempt.membership)
    }

    /// The host asks something about the room being joined.
    pub(super) fn ask(&mut self, desk: &Desk, question: Question) {
        let Some(attempt) = &mut self.attempt else { return };
        let is_invited = matches!(attempt.target, JoinTarget::Invite(_));
        match question {
            Question::FirstUse(host) => {
                attempt.host = Some(host);
                self.show(desk, ui::JoinStage::Review);
            }
            Question::Lobby(rooms) => match rooms.as_slice() {
                [] if is_invited => self.failed(desk, &Problem::from(RefuseCode::NoRoom)),
                [] => {
                    let hint = say!("Ask the owner of the room for an invite.");
                    let what = say!("No room at this address accepts people without an invite.");
                    self.failed(desk, &Problem::new(Code::NoKnocking, what, hint));
                }
                [_] if is_invited => {
                    attempt.lobby = rooms;
                    self.show(desk, ui::JoinStage::Review);
                }
                _ => {
                    let rows = rooms.iter().map(lobby_row).collect();
                    attempt.lobby = rooms;
                    list::update(&self.lobby, rows, |row| row.id.clone());
                    self.show(desk, ui::JoinStage::Choose);
                }
            },
        }
    }

    /// A room made progress. If it is the one being joined and it is there, returns it, to be opened.
    pub(super) fn went_on(&mut self, desk: &mut Desk, membership: MembershipId) -> Option<MembershipId> {
        if self.under_way() != Some(membership) {
            return None;
        }
        let room = desk.chat.room(membership)?;
        if room.owner.is_some() {
            return Some(self.joined(desk, membership));
        }
        if room.connection == Connection::WaitingForOwner {
            self.show(desk, ui::JoinStage::Waiting);
        }
        None
    }

    /// This attempt has failed. What was typed stays.
    pub(super) fn failed(&mut self, desk: &Desk, problem: &Problem) {
        let forgotten = self.attempt.as_mut().and_then(|attempt| attempt.membership.take());
        if let Some(membership) = forgotten {
            desk.session.forget(membership);
        }
        // An address does not say what kind of room is there. If the host says it is a learning room, consent comes
        // next.
        if problem.code == Code::LearningRoom && self.attempt.is_some() {
            return self.show(desk, ui::JoinStage::Consent);
        }
        self.attempt = None;
        let state = desk.global::<ui::Joining>();
        state.set_error(views::trouble(problem));
        state.set_stage(ui::JoinStage::Form);
    }

    /// Offers the addresses that were joined recently.
    pub(super) fn show_recent_addresses(&self, desk: &Desk) {
        let addresses = desk.settings.recent_addresses.iter().map(Into::into).collect();
        desk.global::<ui::Joining>().set_recent_addresses(views::fixed(addresses));
    }

    /// The invite leads to a room that is known already.
    fn return_to(
        &mut self,
        desk: &mut Desk,
        known: MembershipId,
        is_owned: bool,
        invite: &Invite,
    ) -> Option<MembershipId> {
        if is_owned {
            desk.session.enter(known);
            return Some(self.joined(desk, known));
        }
        // Its host may have moved: try what the invite says about it, and ask if that differs from what is known.
        let target = JoinTarget::Invite(Box::new(invite.clone()));
        match desk.session.join(JoinRequest { target, learning: None, pin: None, look: false }) {
            Ok(membership) => Some(self.joined(desk, membership)),
            Err(problem) => {
                self.failed(desk, &problem);
                None
            }
        }
    }

    fn begin(&mut self, desk: &Desk) {
        let Some(attempt) = &mut self.attempt else { return };
        let request = JoinRequest { target: attempt.target.clone(), learning: attempt.learning, pin: None, look: true };
        match desk.session.join(request) {
            Ok(membership) => attempt.membership = Some(membership),
            Err(problem) => self.failed(desk, &problem),
        }
    }

    fn joined(&mut self, desk: &mut Desk, membership: MembershipId) -> MembershipId {
        self.attempt = None;
        desk.stale.rooms = true;
        let state = desk.global::<ui::Joining>();
        state.set_stage(ui::JoinStage::Form);
        state.set_text("".into());
        desk.window().set_page(ui::Page::Chat);
        desk.window().set_sheet(ui::Sheet::None);
        membership
    }

    fn stop(&mut self, desk: &Desk) {
        if let Some(membership) = self.attempt.take().and_then(|attempt| attempt.membership) {
            desk.session.forget(membership);
        }
    }

    fn show(&self, desk: &Desk, stage: ui::JoinStage) {
        let Some(attempt) = &self.attempt else { return };
        let (address, room, host, invited_to_learning) = match &attempt.target {
            JoinTarget::Invite(invite) => {
                let address = invite.addresses.first().cloned().unwrap_or_default();
                (address, Some(invite.room), Some(invite.host), invite.suite.is_learning())
            }
            JoinTarget::Address(address) => (address.clone(), None, attempt.host, false),
        };
        // Behind an address, the lobby is a list to choose from.
        let looked_up = attempt.lobby.first().filter(|found| Some(found.room) == room);
        let state = desk.global::<ui::Joining>();
        state.set_view(ui::JoinView {
            room_id: room.map(|room| views::code(&room.to_string())).unwrap_or_default(),
            host_key: views::key_code(host),
            address: address.into(),
            learning: invited_to_learning || attempt.learning.is_some() || stage == ui::JoinStage::Consent,
            first_use: matches!(attempt.target, JoinTarget::Address(_)),
            members: looked_up.map_or(0, |room| i32::from(room.members)),
            round_trip: looked_up.map_or(0, round_trip),
        });
        state.set_stage(stage);
    }
}

fn lobby_row(room: &LobbyRoom) -> ui::LobbyRow {
    ui::LobbyRow {
        id: room.room.to_string().into(),
        code: views::code(&room.room.to_string()),
        owner: views::key_code(Some(room.owner)),
        members: i32::from(room.members),
        round_trip: round_trip(room),
    }
}

/// In milliseconds. An answer within the same millisecond still took some time, so at least 1.
fn round_trip(room: &LobbyRoom) -> i32 {
    i32::try_from(room.round_trip_ms).unwrap_or(i32::MAX).max(1)
}
