//! The people of a room.

use crate::crypto::Fingerprint;

/// Whether a member is there, as the host says. Advice: nothing secret hangs on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Nobody said.
    Unknown,
    /// Connected.
    Here,
    /// Went offline with a goodbye.
    Away,
    /// The connection broke.
    Cut,
}

/// A person in a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Whose key it is: the member's one true name.
    pub fingerprint: Fingerprint,
    /// The name the member chose, once told.
    pub name: Option<String>,
    /// Whether the member is there.
    pub presence: Presence,
    /// Whether the member owns the room.
    pub is_owner: bool,
    /// Whether the member's computer hosts the room.
    pub is_host: bool,
    /// Whether it is oneself.
    pub is_me: bool,
}

impl Member {
    pub(super) const fn new(fingerprint: Fingerprint) -> Self {
        Self { fingerprint, name: None, presence: Presence::Unknown, is_owner: false, is_host: false, is_me: false }
    }
}

/// What two names have to differ in to be told apart at a glance: letters and digits, without
/// regard to case, and with look-alikes of the Latin script made equal.
pub(in crate::app) fn skeleton(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).map(plain).collect()
}

/// A letter as the Latin letter or digit it looks like, for the commonest look-alikes in Greek and
/// Cyrillic (a small part of Unicode's UTS 39).
const fn plain(letter: char) -> char {
    match letter {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'е' | 'ё' | 'ε' => 'e',
        'н' | 'һ' => 'h',
        'і' | 'ι' | 'ı' | 'l' | '1' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'м' => 'm',
        'о' | 'ο' | 'σ' | '0' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'у' | 'υ' => 'y',
        'ν' => 'v',
        'х' | 'χ' => 'x',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_have_one_skeleton() {
        assert_eq!(skeleton("Ann"), skeleton("ANN "));
        assert_eq!(skeleton("Bo"), skeleton("Bо"), "the second one is Cyrillic");
        assert_eq!(skeleton("Paul"), skeleton("Pau1"));
        assert_ne!(skeleton("Ann"), skeleton("Anna"));
    }
}
