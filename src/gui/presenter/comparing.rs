//! Comparing keys with a member: the safety number, the marks on compared keys, and the question when somebody appears
//! with another key than before.

use std::collections::HashSet;

use super::desk::Desk;
use super::views;
use crate::app::clock::now_ms;
use crate::app::{MembershipId, Settings};
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;
use crate::protocol::{Comparison, SafetyNumber};

/// The sheets about somebody's key.
#[derive(Default)]
pub(in crate::gui) struct Comparing {
    /// The member whose key is being compared.
    pair: Option<Pair>,
    /// Changed keys that the person was asked about.
    asked: HashSet<(MembershipId, Fingerprint)>,
}

/// The person and a member of a room.
struct Pair {
    membership: MembershipId,
    member: Fingerprint,
    /// `None` until it is worked out.
    number: Option<SafetyNumber>,
}

impl Comparing {
    /// Opens the sheet for a member of the open room.
    pub(in crate::gui) fn open(&mut self, desk: &Desk, id: &str) {
        let (Some(membership), Ok(member)) = (desk.open, id.parse::<Fingerprint>()) else { return };
        desk.session.safety_number(membership, member);
        self.pair = Some(Pair { membership, member, number: None });
        desk.global::<ui::Comparing>().set_result(ui::Compared::Nothing);
        self.show(desk);
        desk.window().set_sheet(ui::Sheet::Compare);
    }

    /// The person pasted or typed what the other side shows.
    pub(in crate::gui) fn compare_with(&self, desk: &Desk, pasted: &str) {
        let Some(number) = self.pair.as_ref().and_then(|pair| pair.number.as_ref()) else { return };
        let compared = match number.compare(pasted) {
            _ if pasted.trim().is_empty() => ui::Compared::Nothing,
            Comparison::Same => ui::Compared::Same,
            Comparison::Different => ui::Compared::Different,
            Comparison::Own => ui::Compared::Own,
            Comparison::Unclear => ui::Compared::Unclear,
        };
        desk.global::<ui::Comparing>().set_result(compared);
    }

    /// The person confirms that the numbers are the same, or takes that back.
    pub(in crate::gui) fn mark_verified(&self, desk: &mut Desk, verified: bool) {
        let Some(Pair { membership, member, .. }) = self.pair else { return };
        // The mark contains the name: it recognizes somebody who comes later with this name and another key.
        let name = desk.chat.room(membership).and_then(|room| room.chosen_name(&member)).map(ToString::to_string);
        let name = name.unwrap_or_default();
        // One time for both, or the two marks would differ by a few milliseconds.
        let at_ms = now_ms();
        desk.change_settings(move |settings: &mut Settings| {
            if verified {
                settings.mark_verified(member, &name, at_ms);
            } else {
                settings.unmark_verified(&member);
            }
        });
        self.show(desk);
        desk.stale.people = true;
        desk.stale.room = true;
    }

    /// The safety number we asked for is ready.
    pub(super) fn number_came(&mut self, desk: &Desk, membership: MembershipId, number: SafetyNumber) {
        if let Some(pair) = &mut self.pair
            && pair.membership == membership
            && pair.member == number.other()
        {
            pair.number = Some(number);
            self.show(desk);
        }
    }

    /// If somebody in the open room has a name whose key was compared, but another key, asks about them: once for each,
    /// and not over another sheet.
    pub(super) fn show_doubt(&mut self, desk: &Desk) {
        let Some(room) = desk.room() else { return };
        if desk.window().get_sheet() != ui::Sheet::None || desk.window().get_page() != ui::Page::Chat {
            return;
        }
        let membership = room.membership;
        let mut doubts = room.members().iter().filter_map(|member| {
            let since = desk.doubt(room, &member.fingerprint)?;
            Some((member.fingerprint, since))
        });
        let Some((member, since)) = doubts.find(|(member, _)| !self.asked.contains(&(membership, *member))) else {
            return;
        };
        let view = views::compare_view(room, member, None, Some(since), desk.today);
        self.asked.insert((membership, member));
        desk.global::<ui::Comparing>().set_view(view);
        desk.window().set_sheet(ui::Sheet::ChangedKey);
    }

    fn show(&self, desk: &Desk) {
        let Some(Pair { membership, member, number }) = &self.pair else { return };
        let Some(room) = desk.chat.room(*membership) else { return };
        let since = desk.settings.verified.get(member).map(|mark| mark.at_ms);
        desk.global::<ui::Comparing>().set_view(views::compare_view(room, *member, number.as_ref(), since, desk.today));
    }
}
