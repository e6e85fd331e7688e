//! Names of people and titles of rooms: which are valid, in what form they are kept, and when two look alike.
//!
//! [`check_name`] decides what a name may be, and [`characters`] which characters it may have. Names are kept and sent
//! in normal form (NFC), with one space for each run of spaces. What a name looks like is its [`Likeness`] (UTS 39):
//! wherever names appear, two people whose names look alike are told apart by the tags of their keys.

mod characters;
mod likeness;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt::{self, Display};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

pub use self::characters::is_unseen;
pub use self::likeness::{Likeness, look_of};
use super::limits::{NAME_BYTES_MAX, NAME_CHARS_MAX};

/// Why a name was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// It has no visible characters.
    #[error("a name needs at least one visible character")]
    Empty,
    /// Longer than [`NAME_CHARS_MAX`] or [`NAME_BYTES_MAX`].
    #[error("a name has at most {NAME_CHARS_MAX} characters and {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// Has control, invisible, undefined or direction-changing characters, which could disguise it.
    #[error("a name has no invisible, undefined or direction-changing characters")]
    Invisible,
    /// Begins with a combining mark, repeats one, or has too many on a character.
    #[error("a name has at most four marks on a character, each once, and none at its beginning")]
    Marks,
}

/// The name as it is kept and sent, if it is valid: in normal form, without surrounding white space.
///
/// # Errors
/// Any [`NameError`].
///
/// ```
/// use conversa::protocol::check_name;
///
/// assert_eq!(check_name(" Jose\u{301} ").as_deref(), Ok("Jos\u{e9}"));
/// assert!(check_name("\u{3164}").is_err(), "a filler shows nothing");
/// ```
pub fn check_name(name: &str) -> Result<String, NameError> {
    let name = tidy(name);
    if name.len() > NAME_BYTES_MAX || name.graphemes(true).count() > NAME_CHARS_MAX {
        return Err(NameError::TooLong);
    }
    let characters: Vec<char> = name.chars().collect();
    if !characters.iter().copied().any(characters::is_visible) {
        return Err(NameError::Empty);
    }
    if !characters::have_their_place(&characters) {
        return Err(NameError::Invisible);
    }
    if !characters::marks_hold(&name) {
        return Err(NameError::Marks);
    }
    Ok(name)
}

/// A text in normal form, without surrounding blanks and with one space for each run of blanks inside.
fn tidy(text: &str) -> String {
    let mut tidy = String::new();
    // White space that breaks a line stays inside the text, to be refused.
    let is_around = |c: char| c.is_whitespace() || characters::is_blank(c);
    for character in text.trim_matches(is_around).nfc() {
        match characters::is_blank(character) {
            true if tidy.ends_with(' ') => {}
            true => tidy.push(' '),
            false => tidy.push(character),
        }
    }
    tidy
}

/// The search key of a text, whatever its case and form: for looking up rooms and people.
#[must_use]
pub fn search_key(text: &str) -> String {
    let small: String = tidy(text).nfkc().collect::<String>().to_lowercase();
    // Again via capitals, which unify letters that have several lower-case forms.
    tidy(&small.to_uppercase()).nfkc().collect::<String>().to_lowercase()
}

/// A name or a title, with what it looks like. Computed once, when it arrives.
#[derive(Clone, Debug)]
pub struct Name {
    text: String,
    likeness: Likeness,
}

impl Name {
    /// One that was accepted by [`check_name`], now or by an earlier version.
    #[must_use]
    pub fn kept(text: &str) -> Self {
        let text = tidy(text);
        Self { likeness: Likeness::of(&text), text }
    }

    /// As it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether somebody could mistake one for the other.
    #[must_use]
    pub fn looks_like(&self, other: &Self) -> bool {
        self.likeness.is_shared_with(&other.likeness)
    }

    /// Whether it could mislead, whoever else is there: it mixes scripts as no language does, or could be read as a
    /// name with a tag, or as a tag.
    #[must_use]
    pub const fn may_mislead(&self) -> bool {
        self.likeness.may_mislead()
    }
}

impl Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Name {}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::kept(&text))
    }
}
