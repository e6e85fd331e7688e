//! Finding a room of the profile by what a person typed: an id, the beginning of one, or a title.
//!
//! Ids come first, because anybody can give their room any title. Text that could mean two rooms means none.
//!
//! It only looks at known rooms: [`target`](super::target) finds an invite or an address.

use crate::app::{Code, KnownRoom, Problem, say};
use crate::protocol::limits::NAME_BYTES_MAX;
use crate::protocol::{Name, search_key};

/// How much of a room's id is shown, and enough to name it by.
pub(super) const ROOM_ID_DIGITS: usize = 12;
/// The fewest digits of an id that are looked at: fewer are words.
const ID_DIGITS_MIN: usize = 4;

/// What was found.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// One room.
    Room(&'a KnownRoom),
    /// None.
    Nothing,
    /// Several, by id or title.
    Several(Vec<&'a KnownRoom>),
    /// None of just this title; these look like it.
    Alike(Vec<&'a KnownRoom>),
    /// None of this id, which these have as their title.
    TitledLikeAnId(Vec<&'a KnownRoom>),
    /// One whose title is the address of a computer, too.
    TitledLikeAnAddress(&'a KnownRoom),
}

impl<'a> Found<'a> {
    /// The room that `meant` is.
    pub(super) fn look(rooms: &'a [KnownRoom], meant: &str) -> Self {
        let by_id = by_id(rooms, meant);
        let by_title = by_title(rooms, meant);
        if by_id.is_empty() && !by_title.is_empty() && is_id(meant, ROOM_ID_DIGITS) {
            return Self::TitledLikeAnId(by_title);
        }
        let mut found = by_id;
        for room in by_title {
            if !found.iter().any(|other| std::ptr::eq(*other, room)) {
                found.push(room);
            }
        }
        match found.as_slice() {
            [] => Self::alike(rooms, meant),
            [room] if is_address(meant) => Self::TitledLikeAnAddress(room),
            [room] => Self::Room(room),
            _ => Self::Several(found),
        }
    }

    fn alike(rooms: &'a [KnownRoom], meant: &str) -> Self {
        if meant.len() > NAME_BYTES_MAX || is_address(meant) {
            return Self::Nothing;
        }
        let meant = Name::kept(meant);
        let is_alike = |room: &&KnownRoom| Name::kept(&room.info.title).looks_like(&meant);
        let alike: Vec<&KnownRoom> = rooms.iter().filter(is_alike).collect();
        if alike.is_empty() || meant.as_str().is_empty() { Self::Nothing } else { Self::Alike(alike) }
    }

    /// The room, if it is clear which is meant.
    ///
    /// # Errors
    /// A [`Problem`] that shows the rooms that could be meant.
    pub(super) fn room(self, meant: &str) -> Result<Option<&'a KnownRoom>, Problem> {
        let (what, rooms) = match self {
            Self::Room(room) => return Ok(Some(room)),
            Self::Nothing => return Ok(None),
            Self::Several(rooms) => (say!("“{}” could mean several rooms.", meant), rooms),
            Self::Alike(rooms) => (say!("No room is called just “{}”, but one looks the same.", meant), rooms),
            Self::TitledLikeAnId(rooms) => {
                (say!("No room has the id “{}”, but one has it as its title.", meant), rooms)
            }
            Self::TitledLikeAnAddress(room) => {
                (say!("“{}” is the address of a computer and the title of a room.", meant), vec![room])
            }
        };
        let hint = say!("Name the room that is meant by its id: {}.", Self::list(&rooms));
        Err(Problem::new(Code::UnknownRoom, what, hint))
    }

    /// Rooms by their ids and titles.
    pub(super) fn list(rooms: &[&KnownRoom]) -> String {
        rooms.iter().map(|room| shown(room)).collect::<Vec<_>>().join(", ")
    }
}

/// A room by its id and title.
fn shown(room: &KnownRoom) -> String {
    let id: String = room.info.room.map(|id| id.to_string()).unwrap_or_default();
    let short: String = id.chars().take(ROOM_ID_DIGITS).collect();
    format!("{short} (“{}”)", room.info.title)
}

fn is_id(meant: &str, digits_min: usize) -> bool {
    let meant = meant.trim();
    (digits_min..=64).contains(&meant.len()) && meant.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn by_id<'a>(rooms: &'a [KnownRoom], meant: &str) -> Vec<&'a KnownRoom> {
    if !is_id(meant, ID_DIGITS_MIN) {
        return Vec::new();
    }
    let id = meant.trim().to_ascii_lowercase();
    rooms.iter().filter(|room| room.info.room.is_some_and(|room| room.to_string().starts_with(&id))).collect()
}

/// The rooms of just this title, in the form that titles are kept in; where there are none, those that differ
/// from it by case or width alone.
fn by_title<'a>(rooms: &'a [KnownRoom], meant: &str) -> Vec<&'a KnownRoom> {
    if meant.len() > NAME_BYTES_MAX {
        return Vec::new();
    }
    let (title, key) = (Name::kept(meant), search_key(meant));
    let titled = rooms.iter().filter(|room| !room.info.title.is_empty());
    let exact: Vec<&KnownRoom> = titled.clone().filter(|room| Name::kept(&room.info.title) == title).collect();
    if !exact.is_empty() {
        return exact;
    }
    titled.filter(|room| search_key(&room.info.title) == key).collect()
}

/// Whether a text names a computer and a port, or is a number of one: a title would stand in the way of it.
fn is_address(meant: &str) -> bool {
    let meant = meant.trim();
    let has_port = meant.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let is_number = |text: &str| text.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok();
    (has_port && !meant.contains(char::is_whitespace)) || is_number(meant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{MembershipId, MembershipInfo};
    use crate::crypto::Suite;
    use crate::protocol::RoomId;

    fn rooms(titles: &[(u8, &str)]) -> Vec<KnownRoom> {
        let info = |number: u8, title: &str| MembershipInfo {
            room: Some(RoomId([number; 32])),
            suite: Suite::Hybrid,
            title: title.to_owned(),
            addresses: Vec::new(),
            owned: false,
            hosted_here: false,
            knocking: false,
        };
        titles
            .iter()
            .map(|(number, title)| KnownRoom {
                membership: MembershipId(u64::from(*number)),
                info: info(*number, title),
            })
            .collect()
    }

    fn found(titles: &[(u8, &str)], meant: &str) -> Result<Option<u64>, String> {
        let rooms = rooms(titles);
        let room = Found::look(&rooms, meant).room(meant);
        room.map(|room| room.map(|room| room.membership.0)).map_err(|problem| problem.text().to_string())
    }

    #[test]
    fn a_room_is_found_by_its_id_and_by_what_its_title_becomes() {
        let known = [(0x0a, "Friday"), (0x0b, "Caf\u{e9}"), (0x0c, "Decade")];
        for (meant, room) in [
            ("Friday", Some(0x0a)),
            (" Friday\u{3000}", Some(0x0a)),
            ("FRIDAY", Some(0x0a)),
            ("Ｆｒｉｄａｙ", Some(0x0a)),
            ("Cafe\u{301}", Some(0x0b)),
            ("0a0a", Some(0x0a)),
            (" 0B0B0B0B0B0B ", Some(0x0b)),
            (&"0c".repeat(32), Some(0x0c)),
            ("decade", Some(0x0c)),
            ("0a0", None),
            ("Monday", None),
            ("", None),
            ("\u{3164}", None),
            ("ann:9000", None),
            (&"x".repeat(5_000), None),
        ] {
            assert_eq!(found(&known, meant), Ok(room), "{meant:.40}");
        }
        assert_eq!(found(&[(1, "friday"), (2, "Friday")], "Friday"), Ok(Some(2)), "just so before in another case");
    }

    #[test]
    fn what_could_mean_two_rooms_means_none_and_both_are_shown() {
        let long = "0a0a0a0a0a0a";
        for (known, meant, shown) in [
            // A title like the id of another room.
            (
                vec![(0x0a, "Friday"), (0x0b, long)],
                long,
                vec!["0a0a0a0a0a0a (“Friday”)", "0b0b0b0b0b0b (“0a0a0a0a0a0a”)"],
            ),
            (vec![(0x0a, "Friday"), (0x0b, "0A0A")], "0a0a", vec!["(“Friday”)", "(“0A0A”)"]),
            // The same when that room is not here any more.
            (vec![(0x0b, long)], long, vec!["0b0b0b0b0b0b"]),
            (vec![(1, "Friday"), (2, "Friday")], "Friday", vec!["010101010101", "020202020202"]),
            (vec![(1, "friday"), (2, "FRIDAY")], "Friday", vec!["010101010101", "020202020202"]),
            (vec![(0x0a, "x"), (0x0a, "y")], "0a0a", vec!["(“x”)", "(“y”)"]),
            // Another alphabet's Friday.
            (vec![(1, "Frid\u{430}y")], "Friday", vec!["010101010101"]),
            (vec![(1, "192.168.1.7:9000")], "192.168.1.7:9000", vec!["010101010101"]),
            (vec![(1, "ann:9000")], "ann:9000", vec!["010101010101"]),
            (vec![(1, "::1")], "::1", vec!["010101010101"]),
        ] {
            let problem = found(&known, meant).unwrap_err();
            assert!(shown.iter().all(|shown| problem.contains(shown)), "{problem}");
        }
    }
}
