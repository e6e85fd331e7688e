//! What a line of input asks for, and whether that can be done here and now: what cannot is reported, not silently
//! ignored.
//!
//! Not here: how a line is parsed; see [`plain_input`](super::plain_input) and [`json_input`](super::json_input).

use crate::app::conversation::Room;
use crate::app::{Code, Problem, Sentence, say};
use crate::crypto::Fingerprint;

/// What a line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Request {
    /// Say this.
    Send(String),
    /// Leave for good.
    Leave,
    /// Make new short-lived keys.
    RefreshKeys,
    /// Show what the members can read to each other.
    RoomCode,
    /// Remove a member (owner).
    Remove(Fingerprint),
    /// Make another invite (owner).
    Invite,
    /// Admit somebody who knocks (owner).
    Admit(Fingerprint),
    /// Decline them (owner).
    Decline(Fingerprint),
    /// Show the safety number, or compare it with what is shown on the other side.
    Verify {
        /// With whom.
        member: Fingerprint,
        /// What is shown there; nothing to show it here.
        pasted: String,
    },
    /// Remove the mark from a compared key.
    Unverify(Fingerprint),
}

impl Request {
    /// Whether it fits the room as it is.
    ///
    /// # Errors
    /// A [`Problem`] for what only an owner may do, and for people who are not there.
    pub(super) fn check(&self, room: &Room) -> Result<(), Problem> {
        // On the way in nothing is known yet.
        let Some(owner) = room.owner else { return Ok(()) };
        let is_for_owners = matches!(self, Self::Remove(_) | Self::Invite | Self::Admit(_) | Self::Decline(_));
        if is_for_owners && room.me != Some(owner) {
            return Err(refused(say!("Only the owner of the room can do that.")));
        }
        match self {
            Self::Remove(member) if room.me == Some(*member) => {
                Err(refused(say!("The owner cannot be removed from the room.")))
            }
            Self::Remove(member) | Self::Verify { member, .. } if room.member(member).is_none() => {
                Err(refused(say!("Nobody with this key is in the room.")))
            }
            Self::Admit(member) | Self::Decline(member) if !room.knocks.contains(member) => {
                Err(refused(say!("Nobody with this key asks to join.")))
            }
            _ => Ok(()),
        }
    }
}

fn refused(what: Sentence) -> Problem {
    Problem::new(Code::Usage, what, say!("Nothing was done."))
}
