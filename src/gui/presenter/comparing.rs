//! Comparing keys with somebody: the safety number, the marks on those that were compared, and the
//! question when somebody has another key than before.

use super::{Presenter, views};
use crate::app::clock::now_ms;
use crate::app::conversation::Room;
use crate::app::policy::doubts;
use crate::app::{MembershipId, Settings};
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;
use crate::protocol::{Comparison, SafetyNumber};

/// With whom keys are being compared.
pub(super) struct Comparing {
    membership: MembershipId,
    member: Fingerprint,
    /// Once it is worked out.
    number: Option<SafetyNumber>,
}

impl Presenter {
    /// Opens the sheet for a member of the open room.
    pub(in crate::gui) fn open_compare(&mut self, id: &str) {
        let (Some(membership), Ok(member)) = (self.open, id.parse::<Fingerprint>()) else { return };
        self.session.safety_number(membership, member);
        self.comparing = Some(Comparing { membership, member, number: None });
        self.state().set_compared(ui::Compared::Nothing);
        self.show_compare();
        self.state().set_sheet(ui::Sheet::Compare);
    }

    /// What the other side shows was pasted or typed.
    pub(in crate::gui) fn compare_with(&mut self, pasted: &str) {
        let Some(number) = self.comparing.as_ref().and_then(|comparing| comparing.number.as_ref()) else { return };
        let compared = match number.compare(pasted) {
            _ if pasted.trim().is_empty() => ui::Compared::Nothing,
            Comparison::Same => ui::Compared::Same,
            Comparison::Different => ui::Compared::Different,
            Comparison::Own => ui::Compared::Own,
            Comparison::Unclear => ui::Compared::Unclear,
        };
        self.state().set_compared(compared);
    }

    /// The person says that the numbers are the same, or takes that back.
    pub(in crate::gui) fn mark_verified(&mut self, verified: bool) {
        let Some(Comparing { membership, member, .. }) = self.comparing else { return };
        let name = self.chat.room(membership).and_then(|room| room.chosen_name(&member)).map(ToString::to_string);
        let name = name.unwrap_or_default();
        let change = move |settings: &mut Settings| {
            if verified {
                settings.mark_verified(member, &name, now_ms());
            } else {
                settings.unmark_verified(&member);
            }
        };
        change(&mut self.settings);
        self.session.change_settings(change);
        self.show_compare();
        self.show_people();
        self.show_room();
    }

    pub(super) fn number_came(&mut self, membership: MembershipId, number: SafetyNumber) {
        if let Some(comparing) = &mut self.comparing
            && comparing.membership == membership
            && comparing.member == number.other()
        {
            comparing.number = Some(number);
            self.show_compare();
        }
    }

    fn show_compare(&self) {
        let Some(Comparing { membership, member, number }) = &self.comparing else { return };
        let Some(room) = self.chat.room(*membership) else { return };
        let since = self.settings.verified.get(member).map(|mark| mark.at_ms);
        self.state().set_compare(views::compare_view(room, *member, number.as_ref(), since, self.today));
    }

    /// Asks about somebody in the open room who has another key than the one of that name which was
    /// compared: once for each, and not over another sheet.
    pub(super) fn show_doubt(&mut self) {
        let Some(room) = self.open.and_then(|membership| self.chat.room(membership)) else { return };
        if self.state().get_sheet() != ui::Sheet::None || self.state().get_page() != ui::Page::Chat {
            return;
        }
        let membership = room.membership;
        let doubts = room.members().iter().filter_map(|member| {
            let since = self.doubt(room, &member.fingerprint)?;
            Some((member.fingerprint, since))
        });
        let Some((member, since)) =
            doubts.into_iter().find(|(member, _)| !self.doubts_shown.contains(&(membership, *member)))
        else {
            return;
        };
        let view = views::compare_view(room, member, None, Some(since), self.today);
        self.doubts_shown.insert((membership, member));
        self.state().set_compare(view);
        self.state().set_sheet(ui::Sheet::ChangedKey);
    }

    /// When the key of somebody with that name was compared, if it is not this one.
    pub(super) fn doubt(&self, room: &Room, member: &Fingerprint) -> Option<u64> {
        doubts::compared_otherwise(room, &self.settings, member)
    }
}
