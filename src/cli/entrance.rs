//! Entering a room that needs a confirmation first: its host is new, or it is requested at an address.
//!
//! It decides by what was given on the command line. [`Questions`](super::questions) asks a person.

use crate::app::{Code, Problem, say};
use crate::crypto::Fingerprint;
use crate::protocol::{LobbyRoom, RoomId};

/// What the command line said about entering.
#[derive(Debug)]
pub(super) struct Entrance {
    /// The host key named on the command line, if none is pinned.
    accept: Option<Fingerprint>,
    /// The beginning of the id of the room to ask for at an address.
    room: Option<String>,
}

impl Entrance {
    pub(super) fn new(accept: Option<Fingerprint>, room: Option<&str>) -> Self {
        Self { accept, room: room.map(str::to_ascii_lowercase) }
    }

    /// Whether the key of a new host is the one that was named.
    pub(super) fn trusts(&self, host: Fingerprint) -> bool {
        self.accept == Some(host)
    }

    /// The one room of a lobby that is meant.
    ///
    /// # Errors
    /// A [`Problem`] if there is none, or more than one.
    pub(super) fn choose(&self, rooms: &[LobbyRoom]) -> Result<RoomId, Problem> {
        let is_meant =
            |room: &&LobbyRoom| self.room.as_ref().is_none_or(|wanted| room.room.to_string().starts_with(wanted));
        let mut meant = rooms.iter().filter(is_meant);
        match (meant.next(), meant.next()) {
            (Some(room), None) => Ok(room.room),
            (None, _) => {
                let what = say!("There is no such room at this address.");
                Err(Problem::new(Code::NoKnocking, what, say!("Ask its owner for an invite.")))
            }
            (Some(_), Some(_)) => {
                let list: Vec<String> = rooms.iter().map(|room| format!("{:.12}", room.room.to_string())).collect();
                let hint = say!("Say which with --room: {}.", list.join(", "));
                Err(Problem::new(Code::UnknownRoom, say!("There are several rooms at this address."), hint))
            }
        }
    }
}

/// The problem with a host whose key nobody has confirmed.
pub(super) fn unknown_host(host: Fingerprint) -> Problem {
    let what = say!("The host's key is not known here, and nobody has confirmed it. Nothing was sent.");
    let hint = say!("Compare it with what the host shows, then use --accept-fingerprint {}", host);
    Problem::new(Code::FirstUse, what, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Suite;

    #[test]
    fn the_room_that_is_meant_is_the_only_one_or_the_one_of_that_id() {
        let room = |byte: u8| LobbyRoom {
            room: RoomId([byte; 32]),
            suite: Suite::Hybrid,
            owner: Fingerprint::of(b"ann"),
            members: 1,
            round_trip_ms: 1,
        };
        let choose = |given, rooms: &[LobbyRoom]| Entrance::new(None, given).choose(rooms).map_err(|error| error.code);
        assert_eq!(choose(None, &[room(1)]), Ok(RoomId([1; 32])));
        assert_eq!(choose(None, &[]), Err(Code::NoKnocking));
        assert_eq!(choose(None, &[room(1), room(2)]), Err(Code::UnknownRoom));
        assert_eq!(choose(Some("ABAB"), &[room(1), room(0xab)]), Ok(RoomId([0xab; 32])));
        assert_eq!(choose(Some("cd"), &[room(1), room(0xab)]), Err(Code::NoKnocking));
    }

    #[test]
    fn only_the_key_that_was_named_is_trusted() {
        let (named, other) = (Fingerprint::of(b"named"), Fingerprint::of(b"other"));
        assert!(Entrance::new(Some(named), None).trusts(named));
        assert!(!Entrance::new(Some(named), None).trusts(other) && !Entrance::new(None, None).trusts(named));
    }
}
