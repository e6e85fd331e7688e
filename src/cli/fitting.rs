//! Whether what is asked for can be done here and now: what cannot is said, and not passed over in silence.

use super::input::Request;
use crate::app::conversation::Room;
use crate::app::{Code, Problem, say};

/// Whether the request fits the room as it is.
///
/// # Errors
/// A [`Problem`] for what only an owner may do, and for people who are not there.
pub(super) fn check(request: &Request, room: &Room) -> Result<(), Problem> {
    // On the way in nothing is known yet.
    let Some(owner) = room.owner else { return Ok(()) };
    let is_owner = room.me == Some(owner);
    let is_for_owners =
        matches!(request, Request::Remove(_) | Request::Invite | Request::Admit(_) | Request::Decline(_));
    if is_for_owners && !is_owner {
        return Err(refused(say!("Only the owner of the room can do that.")));
    }
    match request {
        Request::Remove(member) if room.me == Some(*member) => {
            Err(refused(say!("The owner cannot be removed from the room.")))
        }
        Request::Remove(member) | Request::Verify { member, .. } if room.member(member).is_none() => {
            Err(refused(say!("Nobody with this key is in the room.")))
        }
        Request::Admit(member) | Request::Decline(member) if !room.knocks.contains(member) => {
            Err(refused(say!("Nobody with this key asks to come in.")))
        }
        _ => Ok(()),
    }
}

fn refused(what: crate::app::Sentence) -> Problem {
    Problem::new(Code::Usage, what, say!("Nothing was done."))
}
