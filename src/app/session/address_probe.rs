//! One test of one address: who should answer there, and what an answer means.

use super::MembershipEvent;
use super::address_test::{AddressTest, Reach};
use crate::crypto::Fingerprint;
use crate::protocol::{Event, LinkError, Stop};

/// A test under way: a client that only asks for the host's key.
pub(super) struct AddressProbe {
    pub(super) address: String,
    pub(super) tunnel: bool,
    /// The key that should answer.
    pub(super) own: Fingerprint,
}

impl AddressProbe {
    /// What to report when the address answers like this.
    pub(super) fn says(&self, reach: Reach) -> MembershipEvent {
        MembershipEvent::Reach { address: self.address.clone(), test: AddressTest { tunnel: self.tunnel, reach } }
    }
}

/// What an event says about an address where this computer hosts with the key `own`; `None` if nothing yet.
pub(super) fn reach_of(own: Fingerprint, event: &Event) -> Option<Reach> {
    match event {
        Event::FirstUse { host } if *host == own => Some(Reach::Answers),
        Event::FirstUse { .. } => Some(Reach::Another),
        Event::Stopped(Stop::Unreachable(
            LinkError::NotConversa { .. } | LinkError::LearningHost { .. } | LinkError::SecureHost { .. },
        )) => Some(Reach::Another),
        Event::Stopped(_) => Some(Reach::Silent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_key_counts_as_an_answer() {
        let (own, other) = (Fingerprint::of(b"own"), Fingerprint::of(b"other"));
        let address = || "192.168.1.7:9000".to_owned();
        let stopped = |error| reach_of(own, &Event::Stopped(Stop::Unreachable(error)));
        assert_eq!(reach_of(own, &Event::Connecting), None);
        assert_eq!(reach_of(own, &Event::FirstUse { host: own }), Some(Reach::Answers));
        assert_eq!(reach_of(own, &Event::FirstUse { host: other }), Some(Reach::Another));
        assert_eq!(stopped(LinkError::NotConversa { address: address() }), Some(Reach::Another));
        assert_eq!(stopped(LinkError::SecureHost { address: address() }), Some(Reach::Another));
        assert_eq!(stopped(LinkError::Refused { address: address() }), Some(Reach::Silent));
        assert_eq!(stopped(LinkError::TimedOut { address: address() }), Some(Reach::Silent));
    }
}
