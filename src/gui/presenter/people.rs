//! The people of the open room, and those who ask to join.
//!
//! Whether somebody is who they say they are is up to `comparing`.

use std::rc::Rc;

use slint::{ModelRc, VecModel};

use super::comparing::Comparing;
use super::desk::Desk;
use super::views;
use crate::app::MembershipId;
use crate::app::conversation::{Member, Room};
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;
use crate::gui::list;

/// The two lists of the people panel.
pub(in crate::gui) struct People {
    pub(in crate::gui) comparing: Comparing,
    members: Rc<VecModel<ui::MemberRow>>,
    knocks: Rc<VecModel<ui::KnockRow>>,
}

impl People {
    pub(super) fn new(desk: &Desk) -> Self {
        let (members, knocks) = (Rc::default(), Rc::default());
        desk.global::<ui::People>().set_members(ModelRc::from(Rc::clone(&members)));
        desk.global::<ui::People>().set_knocks(ModelRc::from(Rc::clone(&knocks)));
        Self { comparing: Comparing::default(), members, knocks }
    }

    pub(in crate::gui) fn remove(&self, desk: &Desk, id: &str) {
        if let Some((membership, member)) = somebody(desk, id) {
            desk.session.remove(membership, member);
        }
    }

    pub(in crate::gui) fn answer_knock(&self, desk: &Desk, id: &str, admit: bool) {
        if let Some((membership, member)) = somebody(desk, id) {
            desk.session.answer_knock(membership, member, admit);
        }
    }

    pub(super) fn show(&self, desk: &Desk) {
        let room = desk.room();
        let members = room.map(|room| room.members().iter().map(|member| member_row(desk, room, member)).collect());
        list::update(&self.members, members.unwrap_or_default(), |row| row.id.clone());
        let knock =
            |member: &Fingerprint| ui::KnockRow { id: member.to_string().into(), code: views::key_code(Some(*member)) };
        let knocks = room.map(|room| room.knocks.iter().map(knock).collect()).unwrap_or_default();
        list::update(&self.knocks, knocks, |row| row.id.clone());
    }
}

/// The member or joiner that a row of the open room is about.
fn somebody(desk: &Desk, id: &str) -> Option<(MembershipId, Fingerprint)> {
    Some((desk.open?, id.parse().ok()?))
}

fn member_row(desk: &Desk, room: &Room, member: &Member) -> ui::MemberRow {
    let verified = desk.settings.is_verified(&member.fingerprint) && !member.is_me;
    views::member_row(room, member, verified, desk.doubt(room, &member.fingerprint).is_some())
}
