//! Lines that a person types: messages, except for a few commands.
//!
//! Those of scripts are in [`json_input`](super::json_input). Not here: whether what a line asks for can be done; see
//! [`Request::check`].

use super::compare;
use super::request::Request;
use crate::app::conversation::Room;
use crate::app::{Code, Problem, say};

/// What a line asks for in a room, which may not be there yet: `/verify`, `/unverify`, `/room-code` and `/refresh-keys`
/// are commands, `/admit` and `/decline` are while somebody knocks, and all else is said.
///
/// # Errors
/// A [`Problem`] for what was meant as a command and is none.
pub(super) fn understand(line: &str, room: Option<&Room>) -> Result<Request, Problem> {
    match line.trim_end() {
        "/refresh-keys" => return Ok(Request::RefreshKeys),
        "/room-code" => return Ok(Request::RoomCode),
        _ => {}
    }
    if let Some(request) = room.and_then(|room| compare::request(line, room)) {
        return request;
    }
    let knocks = room.map(|room| room.knocks.as_slice()).unwrap_or_default();
    let (word, tag) = line.split_once(' ').unwrap_or((line, ""));
    if knocks.is_empty() || !matches!(word, "/admit" | "/decline") {
        return if is_meant_as_command(line) { Err(not_understood()) } else { Ok(Request::Send(line.to_owned())) };
    }
    let tag = tag.trim().to_ascii_lowercase();
    let mut meant = knocks.iter().filter(|knock| !tag.is_empty() && knock.to_string().starts_with(&tag));
    match (meant.next(), meant.next()) {
        (Some(member), None) if word == "/admit" => Ok(Request::Admit(*member)),
        (Some(member), None) => Ok(Request::Decline(*member)),
        _ => {
            let what = say!("Nobody with this tag asks to join.");
            Err(Problem::new(Code::Usage, what, say!("The line was not sent.")))
        }
    }
}

/// Whether a line that is no command was meant as one: words to the room hardly begin so.
fn is_meant_as_command(line: &str) -> bool {
    const WORDS: [&str; 10] =
        ["verify", "unverify", "room-code", "refresh-keys", "admit", "decline", "invite", "help", "leave", "quit"];
    let Some(rest) = line.trim_start().strip_prefix('/') else { return false };
    rest.split_whitespace().next().is_some_and(|word| WORDS.contains(&word.to_lowercase().as_str()))
}

fn not_understood() -> Problem {
    Problem::new(Code::Usage, say!("This line of input is not understood."), say!("The line was not sent."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_command_is_no_message() {
        for line in ["/verify", "/VERIFY Bo", " /verify Bo", "/ verify Bo", "/admit zz", "/Decline", "/invite", "/quit"]
        {
            assert_eq!(understand(line, None).map_err(|problem| problem.code), Err(Code::Usage), "{line}");
        }
        for line in
            ["/shrug", "/etc/hosts is right", "verify", "a /verify", "//verify", "/verifying is tedious", "/", ""]
        {
            assert_eq!(understand(line, None), Ok(Request::Send(line.to_owned())), "{line}");
        }
        assert_eq!(understand("/room-code ", None), Ok(Request::RoomCode));
        assert_eq!(understand("/refresh-keys", None), Ok(Request::RefreshKeys));
    }
}
