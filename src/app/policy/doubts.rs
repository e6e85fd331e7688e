//! Reasons to ask a person before something is sent: members who saw different histories, and somebody whose key
//! differs from the one that was compared.

use std::collections::HashSet;

use crate::app::conversation::Room;
use crate::app::{MembershipId, Settings};
use crate::crypto::Fingerprint;

/// A reason not to send without being asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Doubt {
    /// This member saw a different history.
    Fork(Fingerprint),
    /// This member's key is not the one that was compared.
    Key(Fingerprint),
}

/// The doubts that a person was asked about and chose to ignore. Each asks only once: otherwise a liar could block the
/// room for good. They last as long as the program.
#[derive(Default, Debug)]
pub struct Accepted(HashSet<(MembershipId, Doubt)>);

impl Accepted {
    /// What to ask the person about before something is sent in `room`; forks first.
    #[must_use]
    pub fn open(&self, room: &Room, settings: &Settings) -> Vec<Doubt> {
        let forks = room.forked_by().iter().map(|member| Doubt::Fork(*member));
        let members = room.members().iter().map(|member| member.fingerprint);
        let keys = members.filter(|member| compared_otherwise(room, settings, member).is_some()).map(Doubt::Key);
        forks.chain(keys).filter(|doubt| !self.0.contains(&(room.membership, *doubt))).collect()
    }

    /// The person was asked about these and sends anyway.
    pub fn accept(&mut self, membership: MembershipId, doubts: impl IntoIterator<Item = Doubt>) {
        self.0.extend(doubts.into_iter().map(|doubt| (membership, doubt)));
    }

    /// The room is forgotten.
    pub fn forget(&mut self, membership: MembershipId) {
        self.0.retain(|(of, _)| *of != membership);
    }
}

/// When somebody of this member's name was compared under another key, in milliseconds since 1970. Keys of learning
/// rooms are never compared.
#[must_use]
pub fn compared_otherwise(room: &Room, settings: &Settings, member: &Fingerprint) -> Option<u64> {
    if room.is_learning() || room.me == Some(*member) {
        return None;
    }
    settings.compared_otherwise(member, room.chosen_name(member)?)
}
