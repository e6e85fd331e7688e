//! Hosting: from the sheet to a room with an invite, and the invites after that.

use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use slint::{ModelRc, VecModel};

use super::desk::Desk;
use super::views;
use crate::app::conversation::Presence;
use crate::app::{Action, HostPlace, HostRequest, MembershipId, Problem, say};
use crate::crypto::Suite;
use crate::gui::generated as ui;
use crate::gui::list;
use crate::protocol::limits::MEMBERS_DEFAULT_MAX;
use crate::protocol::{LearningConsent, RoomCrypto, check_name};

/// The sheets for a room of one's own.
pub(in crate::gui) struct Hosting {
    /// The room that is being opened.
    under_way: Option<MembershipId>,
    /// The addresses of the open room.
    addresses: Rc<VecModel<ui::AddressRow>>,
}

impl Hosting {
    pub(super) fn new(desk: &Desk) -> Self {
        let addresses = Rc::default();
        let state = desk.global::<ui::Hosting>();
        state.set_addresses(ModelRc::from(Rc::clone(&addresses)));
        state.set_invite(ui::InviteView::default());
        Self { under_way: None, addresses }
    }

    /// Opens the sheet. The person has a name by now.
    pub(super) fn open(&self, desk: &Desk) {
        let state = desk.global::<ui::Hosting>();
        // A room is being opened already: show how far it is.
        if self.under_way.is_some() {
            return desk.window().set_sheet(ui::Sheet::Host);
        }
        // A long name leaves no space for the words around it.
        let name = desk.name();
        let title = check_name(&desk.say(&say!("{}'s room", name))).unwrap_or(name);
        state.set_name(title.into());
        state.set_port(desk.global::<ui::Preferences>().get_default_port());
        state.set_suite(desk.global::<ui::Preferences>().get_default_suite());
        state.set_knocking(false);
        state.set_only_here(false);
        state.set_stage(ui::HostStage::Form);
        show_error(desk, ui::TroubleView::default(), 0);
        desk.window().set_sheet(ui::Sheet::Host);
    }

    /// The person pressed Start. A learning room needs consent first.
    pub(in crate::gui) fn start(&mut self, desk: &Desk) {
        let suite = match desk.global::<ui::Hosting>().get_suite() {
            ui::Suite::Textbook => {
                show_error(desk, ui::TroubleView::default(), 0);
                return desk.global::<ui::Hosting>().set_stage(ui::HostStage::Consent);
            }
            ui::Suite::Classical => Suite::Classical,
            ui::Suite::Hybrid => Suite::Hybrid,
        };
        match RoomCrypto::trusted(suite) {
            Ok(crypto) => self.host(desk, crypto),
            Err(error) => self.failed(desk, &Problem::from(error)),
        }
    }

    /// The person read the learning room's warning and consented.
    pub(in crate::gui) fn consent(&mut self, desk: &Desk) {
        self.host(desk, RoomCrypto::Learning(LearningConsent::given_by_a_person()));
    }

    pub(in crate::gui) fn cancel(&mut self, desk: &Desk) {
        self.give_up(desk);
        desk.global::<ui::Hosting>().set_stage(ui::HostStage::Form);
    }

    pub(in crate::gui) fn show_invite(&self, desk: &Desk) {
        if let Some(membership) = desk.open {
            desk.session.test_addresses(membership);
        }
        self.refresh_invite(desk);
        desk.window().set_sheet(ui::Sheet::Invite);
    }

    pub(in crate::gui) fn new_invite(&self, desk: &Desk) {
        if let Some(membership) = desk.open {
            desk.session.invite(membership);
        }
    }

    pub(in crate::gui) fn reset_invites(&self, desk: &Desk) {
        if let Some(membership) = desk.open {
            desk.session.reset_invites(membership);
        }
    }

    /// The room that is being opened.
    pub(super) const fn under_way(&self) -> Option<MembershipId> {
        self.under_way
    }

    /// The room could not be opened. The sheet keeps what was typed.
    pub(super) fn failed(&mut self, desk: &Desk, problem: &Problem) {
        self.give_up(desk);
        let port = match problem.action {
            Some(Action::UsePort(port)) => i32::from(port),
            _ => 0,
        };
        desk.global::<ui::Hosting>().set_stage(ui::HostStage::Form);
        show_error(desk, views::trouble(problem), port);
    }

    /// A room made progress. If it is the one being opened and has an invite to show, it is there: returns true, and
    /// the sheet is done with it.
    pub(super) fn went_on(&mut self, desk: &mut Desk, membership: MembershipId) -> bool {
        let has_invite = desk.chat.room(membership).is_some_and(|room| room.invite.is_some());
        if self.under_way != Some(membership) || !has_invite {
            return false;
        }
        self.under_way = None;
        desk.stale.rooms = true;
        desk.global::<ui::Hosting>().set_stage(ui::HostStage::Form);
        desk.window().set_page(ui::Page::Chat);
        true
    }

    /// There is another invite, or more is known about its addresses.
    pub(super) fn invite_changed(&self, desk: &Desk, membership: MembershipId) {
        if desk.open == Some(membership) && desk.window().get_sheet() == ui::Sheet::Invite {
            self.refresh_invite(desk);
        }
    }

    fn host(&mut self, desk: &Desk, crypto: RoomCrypto) {
        let state = desk.global::<ui::Hosting>();
        let title = match check_name(&state.get_name()) {
            Ok(title) => title,
            Err(error) => return self.failed(desk, &Problem::bad_name(error)),
        };
        // Port 0 lets the system choose.
        let Ok(port) = state.get_port().trim().parse::<u16>() else {
            state.set_stage(ui::HostStage::Form);
            let what = say!("A port is a number from 1 to 65535, such as 9000.");
            return show_error(desk, views::only(&what), 0);
        };
        let port = free_port(desk, port, crypto.suite());
        let ip = if state.get_only_here() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let request = HostRequest {
            title,
            crypto,
            place: HostPlace::Here(SocketAddr::new(ip.into(), port)),
            knock: state.get_knocking(),
            members_max: MEMBERS_DEFAULT_MAX,
        };
        state.set_stage(ui::HostStage::Starting);
        show_error(desk, ui::TroubleView::default(), 0);
        self.under_way = Some(desk.session.host(request));
    }

    fn give_up(&mut self, desk: &Desk) {
        if let Some(membership) = self.under_way.take() {
            desk.session.forget(membership);
        }
    }

    fn refresh_invite(&self, desk: &Desk) {
        let state = desk.global::<ui::Hosting>();
        let room = desk.room();
        let invite = room.and_then(|room| room.invite.as_ref());
        state.set_invite(views::invite(invite, desk.today));
        let tests = room.and_then(|room| room.hosting.as_ref()).map(|hosting| &hosting.tests);
        let addresses = room.into_iter().flat_map(|room| &room.info.addresses);
        let rows: Vec<ui::AddressRow> =
            addresses.map(|address| views::address_row(address, tests.and_then(|tests| tests.get(address)))).collect();
        state.set_reached_here_only(rows.iter().all(|row| row.reach == ui::Reach::Computer));
        // A router has to forward a port to this computer only if none of its addresses is public.
        let public = rows.iter().any(|row| row.reach == ui::Reach::Internet);
        let local = rows.iter().find(|row| row.reach == ui::Reach::Network && !public);
        state.set_forward_to(local.map(|row| row.address.clone()).unwrap_or_default());
        list::update(&self.addresses, rows, |row| row.address.clone());
    }
}

/// How many people are connected to rooms hosted on this computer.
pub(super) fn connected_guests(desk: &Desk) -> usize {
    let hosted = desk.chat.rooms().filter(|room| room.hosting.is_some());
    hosted.flat_map(|room| room.members()).filter(|member| !member.is_me && member.presence == Presence::Here).count()
}

/// The port for a room of `suite`: the requested one, unless that is the default and rooms of the other kind use it
/// already, because the two kinds never share a port.
fn free_port(desk: &Desk, port: u16, suite: Suite) -> u16 {
    let others = desk.chat.rooms().filter(|room| room.info.suite.key_kind() != suite.key_kind());
    let taken: Vec<u16> = others.filter_map(|room| Some(room.hosting.as_ref()?.address.port())).collect();
    if port != desk.settings.port {
        return port;
    }
    (port..=u16::MAX).find(|port| !taken.contains(port)).unwrap_or(port)
}

fn show_error(desk: &Desk, trouble: ui::TroubleView, other_port: i32) {
    let state = desk.global::<ui::Hosting>();
    state.set_error(trouble);
    state.set_other_port(other_port);
}
