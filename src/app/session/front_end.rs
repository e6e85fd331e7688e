//! The channel to whoever listens to the session.

use super::{MembershipEvent, MembershipId, SessionEvent};

/// Takes events, in order, for a front end that may be busy.
#[derive(Clone)]
pub(super) struct FrontEnd(pub(super) async_channel::Sender<SessionEvent>);

impl FrontEnd {
    /// Sends an event. A front end that stays busy makes the session wait, and with it the net. If nobody listens any
    /// more, the session still ends in order.
    pub(super) fn tell(&self, event: SessionEvent) {
        let _ = self.0.send_blocking(event);
    }

    pub(super) fn tell_membership(&self, membership: MembershipId, event: MembershipEvent) {
        self.tell(SessionEvent::Membership { membership, event });
    }
}
