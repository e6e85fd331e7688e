//! Hosting: from the sheet to a room with an invite.

use std::net::{Ipv4Addr, SocketAddr};

use super::Presenter;
use super::views;
use crate::app::{Action, HostPlace, HostRequest, MembershipId, Problem, say};
use crate::crypto::Suite;
use crate::gui::generated as ui;
use crate::gui::list;
use crate::protocol::limits::MEMBERS_DEFAULT_MAX;
use crate::protocol::{LearningConsent, RoomCrypto, check_name};

/// A room that is being opened.
pub(super) struct Hosting {
    membership: MembershipId,
}

impl Presenter {
    pub(in crate::gui) fn open_host(&mut self) {
        if !self.commit_name() {
            return;
        }
        // What is under way goes on.
        if self.hosting.is_some() {
            return self.state().set_sheet(ui::Sheet::Host);
        }
        // A long name leaves no place for more.
        let name = self.name();
        let title = check_name(&self.say(&say!("{}'s room", name))).unwrap_or(name);
        let state = self.state();
        state.set_host_name(title.into());
        state.set_host_port(state.get_default_port());
        state.set_host_suite(state.get_default_suite());
        state.set_host_knocking(false);
        state.set_host_only_here(false);
        state.set_host_stage(ui::HostStage::Form);
        self.host_error(ui::TroubleView::default(), 0);
        self.state().set_sheet(ui::Sheet::Host);
    }

    /// Start was pressed. A learning room is asked about first.
    pub(in crate::gui) fn start_hosting(&mut self) {
        if self.state().get_host_suite() == ui::Suite::Textbook {
            self.host_error(ui::TroubleView::default(), 0);
            return self.state().set_host_stage(ui::HostStage::Consent);
        }
        let suite = match self.state().get_host_suite() {
            ui::Suite::Classical => Suite::Classical,
            _ => Suite::Hybrid,
        };
        match RoomCrypto::trusted(suite) {
            Ok(crypto) => self.host(crypto),
            Err(error) => self.hosting_failed(&Problem::from(error)),
        }
    }

    /// The learning room's warning was read and answered.
    pub(in crate::gui) fn consent_to_hosting(&mut self) {
        self.host(RoomCrypto::Learning(LearningConsent::given_by_a_person()));
    }

    pub(in crate::gui) fn cancel_hosting(&mut self) {
        if let Some(hosting) = self.hosting.take() {
            self.session.forget(hosting.membership);
        }
        self.state().set_host_stage(ui::HostStage::Form);
    }

    pub(in crate::gui) fn show_invite(&mut self) {
        if let Some(membership) = self.open {
            self.session.test_addresses(membership);
        }
        self.refresh_invite();
        self.state().set_sheet(ui::Sheet::Invite);
    }

    pub(in crate::gui) fn new_invite(&self) {
        if let Some(membership) = self.open {
            self.session.invite(membership);
        }
    }

    pub(in crate::gui) fn reset_invites(&self) {
        if let Some(membership) = self.open {
            self.session.reset_invites(membership);
        }
    }

    pub(super) fn is_hosting(&self, membership: MembershipId) -> bool {
        self.hosting.as_ref().is_some_and(|hosting| hosting.membership == membership)
    }

    /// The room is not there; the sheet is, with what was typed.
    pub(super) fn hosting_failed(&mut self, problem: &Problem) {
        if let Some(hosting) = self.hosting.take() {
            self.session.forget(hosting.membership);
        }
        let port = match problem.action {
            Some(Action::UsePort(port)) => i32::from(port),
            _ => 0,
        };
        self.state().set_host_stage(ui::HostStage::Form);
        self.host_error(views::trouble(problem), port);
    }

    /// The room that is being opened came nearer; with an invite to show, it is there.
    pub(super) fn hosting_went_on(&mut self, membership: MembershipId) {
        let is_open = self.chat.room(membership).is_some_and(|room| room.invite.is_some());
        if !self.is_hosting(membership) || !is_open {
            return;
        }
        self.hosting = None;
        self.stale.rooms = true;
        self.state().set_host_stage(ui::HostStage::Form);
        self.state().set_page(ui::Page::Chat);
        self.show(Some(membership));
        self.show_invite();
    }

    pub(super) fn invite_changed(&mut self, membership: MembershipId) {
        self.hosting_went_on(membership);
        if self.open == Some(membership) && self.state().get_sheet() == ui::Sheet::Invite {
            self.refresh_invite();
        }
    }

    fn host(&mut self, crypto: RoomCrypto) {
        let state = self.state();
        let title = match check_name(&state.get_host_name()) {
            Ok(title) => title,
            Err(error) => return self.hosting_failed(&Problem::bad_name(error)),
        };
        // Port 0 lets the system choose.
        let Ok(port) = state.get_host_port().trim().parse::<u16>() else {
            self.state().set_host_stage(ui::HostStage::Form);
            let what = say!("A port is a number from 1 to 65535, such as 9000.");
            return self.host_error(views::only(&what), 0);
        };
        let port = self.free_port(port, crypto.suite());
        let ip = if state.get_host_only_here() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let request = HostRequest {
            title,
            crypto,
            place: HostPlace::Here(SocketAddr::new(ip.into(), port)),
            knock: state.get_host_knocking(),
            members_max: MEMBERS_DEFAULT_MAX,
        };
        state.set_host_stage(ui::HostStage::Starting);
        self.host_error(ui::TroubleView::default(), 0);
        let membership = self.session.host(request);
        self.hosting = Some(Hosting { membership });
    }

    /// The port for a room of `suite`: what was asked for, unless it is the usual one and rooms of the
    /// other suite are hosted there, for the two never share one.
    fn free_port(&self, port: u16, suite: Suite) -> u16 {
        let others = self.chat.rooms().filter(|room| room.info.suite.key_kind() != suite.key_kind());
        let taken: Vec<u16> = others.filter_map(|room| Some(room.hosting.as_ref()?.address.port())).collect();
        if port != self.settings.port {
            return port;
        }
        (port..=u16::MAX).find(|port| !taken.contains(port)).unwrap_or(port)
    }

    fn host_error(&self, trouble: ui::TroubleView, other_port: i32) {
        let state = self.state();
        state.set_host_error(trouble);
        state.set_host_other_port(other_port);
    }

    fn refresh_invite(&mut self) {
        let room = self.open.and_then(|membership| self.chat.room(membership));
        let invite = room.and_then(|room| room.invite.as_ref());
        self.state().set_invite(views::invite(invite, self.today));
        let tests = room.and_then(|room| room.hosting.as_ref()).map(|hosting| &hosting.tests);
        let addresses = room.into_iter().flat_map(|room| &room.info.addresses);
        let rows: Vec<ui::AddressRow> =
            addresses.map(|address| views::address_row(address, tests.and_then(|tests| tests.get(address)))).collect();
        self.state().set_reached_here_only(rows.iter().all(|row| row.reach == ui::Reach::Computer));
        let public = rows.iter().any(|row| row.reach == ui::Reach::Internet);
        let local = rows.iter().find(|row| row.reach == ui::Reach::Network && !public);
        self.state().set_forward_to(local.map(|row| row.address.clone()).unwrap_or_default());
        list::update(&self.lists.addresses, rows, |row| row.address.clone());
    }
}
