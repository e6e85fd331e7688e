//! Finds an invite in whatever text people copy: an email that was wrapped and quoted, a link in brackets or HTML,
//! percent-encoded behind a tracker, with invisible characters, in capital letters.
//!
//! An invite has no checksum, so nothing is guessed: characters between its letters are skipped only if that loses and
//! adds no letter, and its own structure says where it ends. One gap remains: an invite cut within its last letters,
//! followed by prose of exactly the right length, gets a different expiry date; everything else in it is right.

use std::str::FromStr;

use data_encoding::BASE32_NOPAD;

use super::invite::{Invite, InviteError, LINK_CHARS_MAX};

/// The most characters of a text that are examined: far more than a long email.
pub(super) const TEXT_CHARS_MAX: usize = 64 * 1024;
/// How every link starts; a version and a colon follow, and before them what marks a learning room.
const NAME: &str = "conversa";
const LEARNING: &str = "-learning";
/// Digits of a version: anything longer is a port.
const VERSION_DIGITS_MAX: usize = 3;
/// The last letters of a link hold its expiry, for which any value would do.
const TAIL_CHARS: usize = 13;
/// How often a text may have been encoded: by one program that passed it to another, and by that one.
const CODED_MAX: usize = 3;
/// The most letters with which some programs mark whom they quote, before a `>`.
const INITIALS_MAX: usize = 4;

/// What came before a character and means nothing, the least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Gap {
    None,
    /// Something invisible.
    Invisible,
    /// Blanks, within a line.
    Blank,
    /// A line end, and quotation marks such as `>`.
    Line,
}

/// A character that means something, in lower case.
#[derive(Clone, Copy, Debug)]
struct Mark {
    letter: char,
    /// What came before it.
    gap: Gap,
}

impl FromStr for Invite {
    type Err = InviteError;

    /// Finds the invite in any text that people copy: docs/protocol.md, section 6.
    fn from_str(text: &str) -> Result<Self, InviteError> {
        find(text)
    }
}

/// The invite in a text. Of several to the same room, the one that expires last.
///
/// # Errors
/// [`InviteError::NotAnInvite`] if nothing in it starts like one, [`InviteError::Several`] if it has invites to
/// several rooms, and otherwise what is wrong with the first.
pub(super) fn find(text: &str) -> Result<Invite, InviteError> {
    let mut text: String = text.chars().take(TEXT_CHARS_MAX).collect();
    let mut first_problem = None;
    for _ in 0..=CODED_MAX {
        for takes_initials in [false, true] {
            match find_in(&marks(&text, takes_initials)) {
                Err(problem @ (InviteError::NotAnInvite | InviteError::Newer | InviteError::Damaged)) => {
                    // A damaged invite is better news than none at all.
                    let known = first_problem.filter(|known| *known != InviteError::NotAnInvite);
                    first_problem = Some(known.unwrap_or(problem));
                }
                found => return found,
            }
        }
        let decoded = decode(&text);
        if decoded == text {
            break;
        }
        text = decoded;
    }
    Err(first_problem.unwrap_or(InviteError::NotAnInvite))
}

fn find_in(marks: &[Mark]) -> Result<Invite, InviteError> {
    let is_start = |start: &usize| {
        let rest = start + NAME.len();
        begins(marks, *start, NAME) && (begins(marks, rest, ":") || begins(marks, rest, LEARNING))
    };
    let starts: Vec<usize> = (0..marks.len()).filter(is_start).collect();
    let mut found: Option<Invite> = None;
    let mut problem = InviteError::NotAnInvite;
    for (index, start) in starts.iter().enumerate() {
        // A truncated invite is not completed from the next one.
        let end = starts.get(index + 1).copied().unwrap_or(marks.len());
        match read(marks.get(*start..end).unwrap_or_default()) {
            Ok(invite) => match &found {
                Some(known) if (known.room, known.host) != (invite.room, invite.host) => {
                    return Err(InviteError::Several);
                }
                Some(known) if known.expires_ms >= invite.expires_ms => {}
                _ => found = Some(invite),
            },
            Err(InviteError::NotAnInvite) => {}
            Err(error) if problem == InviteError::NotAnInvite => problem = error,
            Err(_) => {}
        }
    }
    found.ok_or(problem)
}

/// Whether the marks from `start` on are these letters.
fn begins(marks: &[Mark], start: usize, letters: &str) -> bool {
    let mut rest = marks.get(start..).unwrap_or_default().iter();
    letters.chars().all(|letter| rest.next().is_some_and(|mark| mark.letter == letter))
}

/// Reads the link that starts with the first of `marks`.
fn read(marks: &[Mark]) -> Result<Invite, InviteError> {
    let is_learning = begins(marks, NAME.len(), LEARNING);
    let name_length = if is_learning { NAME.len() + LEARNING.len() } else { NAME.len() };
    let letters = |from: usize| marks.get(from..).unwrap_or_default().iter().map(|mark| mark.letter);
    let digits: String = letters(name_length + 1).take_while(char::is_ascii_digit).collect();
    let code_start = name_length + 1 + digits.len() + 1;
    let colons = [name_length, code_start - 1].map(|place| marks.get(place).map(|mark| mark.letter));
    // `conversa:9000` is a computer's name and port.
    if digits.is_empty() || digits.len() > VERSION_DIGITS_MAX || colons != [Some(':'); 2] {
        return Err(InviteError::NotAnInvite);
    }
    let scheme: String = letters(0).take(code_start).collect();
    let (code, behind) = code(marks.get(code_start..).unwrap_or_default());
    let text: String = code.iter().map(|mark| mark.letter.to_ascii_uppercase()).collect();
    let (invite, length) = Invite::from_code(&scheme, &whole_bytes(&text))?;
    // Left-over bits are zero unless something was changed.
    let exact = text.get(..length).filter(|exact| BASE32_NOPAD.decode(exact.as_bytes()).is_ok());
    let follows = code.get(length).or(behind);
    let tail = code.get(length.saturating_sub(TAIL_CHARS)..length).unwrap_or_default();
    if exact.is_none() || runs_on(follows) || is_prose(tail, follows) {
        return Err(InviteError::Damaged);
    }
    Ok(invite)
}

/// The consecutive base32 letters, ignoring hyphens at line ends; and what follows them.
fn code(marks: &[Mark]) -> (Vec<Mark>, Option<&Mark>) {
    let mut code = Vec::new();
    for (place, mark) in marks.iter().enumerate() {
        looked();
        let ends_line = || marks.get(place + 1).is_some_and(|next| next.gap == Gap::Line);
        match mark.letter {
            'a'..='z' | '2'..='7' if code.len() < LINK_CHARS_MAX => code.push(*mark),
            '-' if ends_line() => {}
            _ => return (code, Some(mark)),
        }
    }
    (code, None)
}

/// The whole bytes in the letters. How many letters belong to the invite is not known yet.
fn whole_bytes(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        bits = (bits << 5 | u32::from(value)) & 0xfff;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap_or_default());
        }
    }
    bytes
}

/// Whether a letter follows directly after the end: then something was changed or added.
fn runs_on(follows: Option<&Mark>) -> bool {
    follows.is_some_and(|next| next.gap == Gap::None && next.letter.is_alphanumeric())
}

/// Whether the end may be prose: blanks separate it, and words follow on its line.
fn is_prose(tail: &[Mark], follows: Option<&Mark>) -> bool {
    tail.iter().any(|mark| mark.gap == Gap::Blank)
        && follows.is_some_and(|next| next.gap < Gap::Line && next.letter.is_alphanumeric())
}

/// The meaningful characters of a text, and what came between them.
fn marks(text: &str, takes_initials: bool) -> Vec<Mark> {
    let text: Vec<char> = text.chars().collect();
    let (mut marks, mut gap, mut is_line_start, mut place) = (Vec::new(), Gap::None, true, 0);
    while let Some(&letter) = text.get(place) {
        let rest = text.get(place + 1..).unwrap_or_default();
        place += 1;
        if is_line_end(letter) {
            (gap, is_line_start) = (Gap::Line, true);
        } else if letter.is_whitespace() {
            gap = gap.max(Gap::Blank);
        } else if let Some(length) = escape(letter, rest) {
            (gap, place) = (gap.max(Gap::Invisible), place + length);
        } else if is_invisible(letter) || letter == '\\' {
            gap = gap.max(Gap::Invisible);
        } else if matches!(letter, '=' | '|' | '│' | '┃') && is_at_line_end(rest) {
            gap = gap.max(Gap::Blank);
        } else if is_line_start && let Some(length) = quote(letter, rest, takes_initials) {
            (gap, place) = (Gap::Line, place + length);
        } else {
            marks.push(Mark { letter: plain(letter), gap });
            (gap, is_line_start) = (Gap::None, false);
        }
    }
    marks
}

const fn is_line_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether only blanks follow on this line, and another line comes.
fn is_at_line_end(rest: &[char]) -> bool {
    rest.iter()
        .inspect(|_| looked())
        .find(|letter| is_line_end(**letter) || !letter.is_whitespace())
        .is_some_and(|letter| is_line_end(*letter))
}

/// How much longer the quotation mark is that starts here, at the start of a line.
fn quote(letter: char, rest: &[char], takes_initials: bool) -> Option<usize> {
    if matches!(letter, '>' | '|' | '│' | '┃' | '»' | '›' | '#' | '*') {
        return Some(0);
    }
    let initials = rest.iter().take(INITIALS_MAX).take_while(|letter| letter.is_ascii_alphanumeric()).count();
    let is_mark = letter.is_ascii_alphanumeric() && initials < INITIALS_MAX && rest.get(initials) == Some(&'>');
    // `<conversa:2:…` may end with `ab>` on a line of its own.
    let goes_on = || !is_at_line_end(rest.get(initials + 1..).unwrap_or_default());
    (takes_initials && is_mark && goes_on()).then_some(initials + 1)
}

/// How much longer the terminal escape sequence is that starts here, such as for a colour.
fn escape(letter: char, rest: &[char]) -> Option<usize> {
    if letter != '\u{1b}' || rest.first() != Some(&'[') {
        return None;
    }
    let end = rest.iter().skip(1).inspect(|_| looked()).position(|letter| ('\u{40}'..='\u{7e}').contains(letter))?;
    Some(end + 2)
}

/// Invisible characters, which programs insert so that long words can break, or for no reason.
const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e0fff}')
}

/// A letter in lower case and in its ASCII form.
const fn plain(letter: char) -> char {
    match letter {
        '\u{ff01}'..='\u{ff5e}' => plain_ascii(letter),
        '\u{2010}'..='\u{2013}' | '\u{2212}' | '\u{fe63}' => '-',
        '\u{2236}' | '\u{a789}' | '\u{fe55}' | '\u{fe13}' => ':',
        letter => letter.to_ascii_lowercase(),
    }
}

/// The letter of ASCII that a wide one stands for.
const fn plain_ascii(wide: char) -> char {
    match char::from_u32(wide as u32 - 0xfee0) {
        Some(letter) => letter.to_ascii_lowercase(),
        None => wide,
    }
}

/// The text with one layer of encoding removed: HTML, percent-encoding, quoted-printable, and string escapes.
fn decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let coded = match letter {
            '%' | '=' => hexadecimal(rest),
            '&' => entity(rest),
            '<' => tag(rest),
            '\\' => string_escape(rest),
            _ => None,
        };
        let (meant, length) = coded.unwrap_or((Some(letter), letter.len_utf8()));
        decoded.extend(meant);
        rest = rest.get(length..).unwrap_or_default();
    }
    decoded
}

/// A character, or none, and how many bytes encode it.
type Coded = Option<(Option<char>, usize)>;

/// `%3A` or `=3A`: ASCII only, because an invite is ASCII.
fn hexadecimal(text: &str) -> Coded {
    let value = u8::from_str_radix(text.get(1..3)?, 16).ok().filter(u8::is_ascii)?;
    Some((Some(char::from(value)), 3))
}

/// `&colon;`, `&#58;`, `&#x3a;`, and invisible ones.
fn entity(text: &str) -> Coded {
    /// The longest known one, in bytes.
    const LONGEST: usize = 12;
    let name = up_to(text, b';', LONGEST)?;
    let number = name.strip_prefix('#').map(|number| match number.strip_prefix(['x', 'X']) {
        Some(number) => u32::from_str_radix(number, 16),
        None => number.parse(),
    });
    let letter = match (number, name) {
        (Some(number), _) => char::from_u32(number.ok()?)?,
        (None, "amp") => '&',
        (None, "lt") => '<',
        (None, "gt") => '>',
        (None, "quot") => '"',
        (None, "apos") => '\'',
        (None, "colon") => ':',
        (None, "hyphen" | "dash") => '-',
        (None, "nbsp") => ' ',
        (None, "NewLine") => '\n',
        (None, "shy" | "zwj" | "zwnj" | "ZeroWidthSpace") => '\u{200b}',
        _ => return None,
    };
    Some((Some(letter), name.len() + 2))
}

/// An HTML tag, unless the invite is inside it. Some end a line.
fn tag(text: &str) -> Coded {
    /// The longest that is skipped, in bytes: generated tags carry styles.
    const LONGEST: usize = 300;
    let inner = up_to(text, b'>', LONGEST)?;
    let name = inner.trim_start_matches('/').split(|c: char| !c.is_ascii_alphanumeric()).next()?.to_ascii_lowercase();
    let is_tag = name.starts_with(|c: char| c.is_ascii_lowercase()) && !inner.contains('<');
    if !is_tag || inner.to_ascii_lowercase().contains(NAME) {
        return None;
    }
    let ends_line = matches!(name.as_str(), "br" | "p" | "div" | "li" | "td" | "tr" | "blockquote");
    Some((Some(if ends_line { '\n' } else { '\u{200b}' }), inner.len() + 2))
}

/// What is between the first character and `end`, if `end` comes within this many bytes.
fn up_to(text: &str, end: u8, longest: usize) -> Option<&str> {
    let length = text.bytes().skip(1).take(longest + 1).inspect(|_| looked()).position(|byte| byte == end)?;
    text.get(1..=length)
}

/// `\n` and the like, as in string literals.
fn string_escape(text: &str) -> Coded {
    match text.as_bytes().get(1)? {
        b'n' | b'r' => Some((Some('\n'), 2)),
        b't' => Some((Some(' '), 2)),
        b'u' => {
            let letter = u32::from_str_radix(text.get(2..6)?, 16).ok().and_then(char::from_u32)?;
            Some((Some(letter), 6))
        }
        _ => None,
    }
}

/// Counts, in tests, how often a character is examined again: how much work a text causes.
#[cfg(not(test))]
const fn looked() {}

#[cfg(test)]
use self::tests::looked;

#[cfg(test)]
mod tests;
