//! Reasons to ask before a message goes out: a room whose members saw different histories, and somebody with another
//! key than the one that was compared.
//!
//! `app/policy` defines a doubt; here the person is asked.

use super::desk::Desk;
use super::views;
use crate::app::MembershipId;
use crate::app::policy::doubts::{Accepted, Doubt};
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;

/// Doubts that the person was asked about and sent in spite of.
#[derive(Default)]
pub(super) struct Doubts {
    accepted: Accepted,
}

impl Doubts {
    /// Asks before the first message that goes out in spite of a doubt. Returns whether it asked.
    pub(super) fn ask(&self, desk: &Desk, membership: MembershipId) -> bool {
        let open = self.open(desk, membership);
        let (Some(first), Some(room)) = (open.first(), desk.chat.room(membership)) else { return false };
        // One question covers one kind of doubt; the next try asks about the rest.
        let (confirm, of_kind): (_, fn(&Doubt) -> Option<Fingerprint>) = match first {
            Doubt::Fork(_) => (ui::Confirm::SendForked, |doubt| match doubt {
                Doubt::Fork(member) => Some(*member),
                Doubt::Key(_) => None,
            }),
            Doubt::Key(_) => (ui::Confirm::SendDoubted, |doubt| match doubt {
                Doubt::Key(member) => Some(*member),
                Doubt::Fork(_) => None,
            }),
        };
        let members: Vec<Fingerprint> = open.iter().filter_map(of_kind).collect();
        let state = desk.global::<ui::Questions>();
        state.set_confirm(confirm);
        state.set_confirm_name(views::names(room, &members));
        state.set_confirm_count(views::count(members.len()));
        desk.window().set_sheet(ui::Sheet::Confirm);
        true
    }

    /// The person was asked, and sends anyway.
    pub(super) fn accept(&mut self, desk: &Desk, membership: MembershipId) {
        let asked = match desk.global::<ui::Questions>().get_confirm() {
            ui::Confirm::SendForked => |doubt: &Doubt| matches!(doubt, Doubt::Fork(_)),
            _ => |doubt: &Doubt| matches!(doubt, Doubt::Key(_)),
        };
        let doubts: Vec<Doubt> = self.open(desk, membership).into_iter().filter(asked).collect();
        self.accepted.accept(membership, doubts);
    }

    /// A room is gone.
    pub(super) fn forget(&mut self, membership: MembershipId) {
        self.accepted.forget(membership);
    }

    fn open(&self, desk: &Desk, membership: MembershipId) -> Vec<Doubt> {
        desk.chat.room(membership).map(|room| self.accepted.open(room, &desk.settings)).unwrap_or_default()
    }
}
