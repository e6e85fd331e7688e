//! The way to whoever listens to the session.

use super::{MembershipEvent, MembershipId, SessionEvent};

/// Takes events, in order, for a front end that may be busy.
#[derive(Clone)]
pub(super) struct FrontEnd(pub(super) async_channel::Sender<SessionEvent>);

impl FrontEnd {
    /// Tells it. One that is busy for long makes the session wait, and with it the net. Nobody may listen any more; the
    /// session still ends in order.
    pub(super) fn tell(&self, event: SessionEvent) {
        let _ = self.0.send_blocking(event);
    }

    pub(super) fn tell_membership(&self, membership: MembershipId, event: MembershipEvent) {
        self.tell(SessionEvent::Membership { membership, event });
    }
}
