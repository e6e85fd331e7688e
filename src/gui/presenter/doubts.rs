//! What makes a person think before something goes out: a room whose members were shown different
//! things, somebody with another key than the one that was compared, a host with another key.

use super::{Presenter, views};
use crate::app::MembershipId;
use crate::app::conversation::Question;
use crate::app::policy::doubts::Doubt;
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;

impl Presenter {
    /// Asks before the first message that goes out in spite of a doubt.
    pub(super) fn asks_before_sending(&self, membership: MembershipId) -> bool {
        let open = self.open_doubts(membership);
        let (Some(first), Some(room)) = (open.first(), self.chat.room(membership)) else { return false };
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
        let state = self.state();
        state.set_confirm(confirm);
        state.set_confirm_name(views::names(room, &members));
        state.set_confirm_count(views::count(members.len()));
        state.set_sheet(ui::Sheet::Confirm);
        true
    }

    /// The person was asked and sends what is in the composer.
    pub(in crate::gui) fn send_anyway(&mut self) {
        let Some(membership) = self.open else { return };
        let asked = match self.state().get_confirm() {
            ui::Confirm::SendForked => |doubt: &Doubt| matches!(doubt, Doubt::Fork(_)),
            _ => |doubt: &Doubt| matches!(doubt, Doubt::Key(_)),
        };
        let doubts: Vec<Doubt> = self.open_doubts(membership).into_iter().filter(asked).collect();
        self.accepted.accept(membership, doubts);
        let draft = self.state().get_draft();
        self.send(&draft);
    }

    fn open_doubts(&self, membership: MembershipId) -> Vec<Doubt> {
        self.chat.room(membership).map(|room| self.accepted.open(room, &self.settings)).unwrap_or_default()
    }

    /// The pin of the host of the open room is taken away.
    pub(in crate::gui) fn forget_host(&self) {
        if let Some(membership) = self.open {
            self.session.forget_host(membership);
        }
    }

    /// The host of a known room has no pin any more: is it this key?
    pub(super) fn known_host_question(&mut self, membership: MembershipId, question: &Question) {
        let (Question::FirstUse(host), Some(_)) = (question, self.chat.room(membership)) else { return };
        self.host_asked = Some((membership, *host));
        let state = self.state();
        state.set_new_host(views::key_code(Some(*host)));
        state.set_sheet(ui::Sheet::NewHost);
    }

    /// The answer; without a yes nothing is sent.
    pub(in crate::gui) fn answer_host(&mut self, is_right: bool) {
        let Some((membership, host)) = self.host_asked.take() else { return };
        if is_right {
            self.session.trust_host(membership, host);
        } else {
            self.session.go_offline(membership);
        }
    }
}
