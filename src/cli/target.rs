//! Where to go: from the command line, or an invite from a file or standard input, where other users of the computer
//! cannot read it in the process list.
//!
//! It returns text with an invite in it. [`JoinTarget`] finds the invite in that.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::Path;

use super::console::Console;
use crate::app::{Code, JoinTarget, Problem, say, source};

/// The most bytes of standard input that an invite is looked for in: a long mail.
const INPUT_BYTES_MAX: u64 = 256 * 1024;
/// The most bytes of an invite however it is broken over lines and marked: several times the longest.
const BROKEN_BYTES_MAX: usize = 16 * 1024;

/// The target of a command: its argument, or what is in the file or in standard input that it names.
///
/// # Errors
/// A [`Problem`] if there is no invite, or it cannot be read.
pub(super) fn find(argument: Option<&str>, file: Option<&Path>, console: &mut Console) -> Result<String, Problem> {
    match (argument, file) {
        (Some(argument), None) if !source::is_standard_input(Path::new(argument)) => Ok(argument.to_owned()),
        (_, Some(file)) if !source::is_standard_input(file) => {
            let text = text_of(&source::whole(file)?);
            if is_invite(&text) { Ok(text) } else { Err(no_invite(&file.display())) }
        }
        _ => {
            // A script knows what it pipes in.
            if io::stdin().is_terminal() {
                console.notice("Paste the invite, and press Enter:");
            }
            let text = from_lines(&mut io::stdin().lock(), io::stdin().is_terminal());
            let text = text.map_err(|error| Problem::cannot_read(Path::new("standard input"), &error))?;
            if is_invite(&text) { Ok(text) } else { Err(no_invite(&"standard input")) }
        }
    }
}

/// Reads lines until an invite is whole. Lines after it are messages, unless something stood before it: then it is a
/// letter with an invite in it, and nothing of a letter is said in the room. In a terminal a blank line ends it, too.
fn from_lines(input: &mut impl BufRead, ends_blank: bool) -> io::Result<String> {
    let (mut bytes, mut before) = (Vec::new(), 0);
    let mut limited = input.take(INPUT_BYTES_MAX);
    while limited.read_until(b'\n', &mut bytes)? > 0 {
        let is_blank = bytes.get(before..).is_some_and(|line| line.trim_ascii().is_empty());
        before = bytes.len();
        let text = text_of(bytes.get(..BROKEN_BYTES_MAX).unwrap_or(&bytes));
        let begins = text.trim_start().to_ascii_lowercase().starts_with("conversa");
        let is_whole = || matches!(text.parse(), Ok(JoinTarget::Invite(_)));
        let is_short = bytes.len() <= BROKEN_BYTES_MAX;
        if (is_short && begins && is_whole()) || (ends_blank && is_blank && !text.trim().is_empty()) {
            break;
        }
    }
    Ok(text_of(&bytes))
}

/// Mail in any encoding: an invite is the same in all of them but one, which Windows writes files in.
fn text_of(bytes: &[u8]) -> String {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|unit| from(*unit)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Whether there is an invite, whole or not, rather than nothing.
fn is_invite(text: &str) -> bool {
    matches!(text.parse(), Ok(JoinTarget::Invite(_)))
        || matches!(text.parse::<JoinTarget>(), Err(Problem { code: Code::BadInvite | Code::Newer, .. }))
}

fn no_invite(place: &dyn std::fmt::Display) -> Problem {
    let what = say!("There is no invite in {}.", place);
    Problem::new(Code::BadInvite, what, say!("An invite starts with conversa: and lets one person in."))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of a hybrid room.
    fn link() -> String {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/protocol/vectors.json")).unwrap();
        let text = file.to_string();
        let start = text.find("conversa:2:").unwrap();
        text[start..].split('"').next().unwrap().to_owned()
    }

    /// What is read as the invite, and what is left for messages.
    fn split(text: &str, ends_blank: bool) -> (String, String) {
        let mut input = io::Cursor::new(text.as_bytes());
        let found = from_lines(&mut input, ends_blank).unwrap();
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        (found, rest)
    }

    #[test]
    fn what_follows_an_invite_is_said_and_nothing_of_a_letter_is() {
        let link = link();
        let broken = format!("{}\r\n{}\r\n", &link[..70], &link[70..]);
        for invite in [format!("{link}\n"), broken.clone(), format!("\n  {broken}")] {
            let (found, rest) = split(&format!("{invite}hello\nthere\n"), false);
            assert_eq!((found.as_str(), rest.as_str()), (invite.as_str(), "hello\nthere\n"));
            assert!(is_invite(&found));
        }
        let letter = format!("Hi Bo,\n\n{broken}\nSee you, Ann\n");
        assert_eq!(split(&letter, false), (letter.clone(), String::new()));
        assert!(is_invite(&letter));
        let (found, rest) = split("nothing here\nor here\n", false);
        assert!(!is_invite(&found) && rest.is_empty());
        // A person who pasted a half sees that it is one after a blank line.
        let half = format!("{}\n\n", &link[..100]);
        assert_eq!(split(&format!("{half}more"), true), (half, "more".to_owned()));
    }

    #[test]
    fn an_invite_is_found_in_a_file_of_windows() {
        let link = link();
        let wide: Vec<u16> = format!("\u{feff}Invite: {link}\r\n").encode_utf16().collect();
        let little: Vec<u8> = wide.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = wide.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for bytes in [little, big, [b"gr\xfc\xdfe ", link.as_bytes()].concat()] {
            assert!(is_invite(&text_of(&bytes)));
        }
    }
}
