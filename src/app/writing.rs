//! Which part of a typed text is sent.

use crate::protocol::is_unseen;

/// The text as a person means it: without surrounding white space, which is only a slip of the hand. Inner lines keep
/// theirs. `None` if nothing of the text is visible.
#[must_use]
pub fn sendable(text: &str) -> Option<&str> {
    let text = text.trim_matches(is_margin);
    if text.chars().all(is_empty) { None } else { Some(text) }
}

/// Any white space, and two zero-width characters that programs put at a text's start or where a line may break.
fn is_margin(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{200b}' | '\u{feff}')
}

/// Characters that would leave a bubble empty. The Braille pattern without dots counts as a symbol.
fn is_empty(character: char) -> bool {
    character.is_whitespace() || character == '\u{2800}' || is_unseen(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_text_is_not_sent() {
        for (typed, sent) in [
            ("hello", "hello"),
            ("  hello ", "hello"),
            ("\n\n\thello\r\n", "hello"),
            ("\u{a0}\u{2003}\u{3000}hello\u{2028}\u{85}", "hello"),
            ("\u{feff}hello\u{200b}", "hello"),
            ("if a {\n    b\n}\n", "if a {\n    b\n}"),
            ("مرحبا \n", "مرحبا"),
            // What follows the last letter belongs to it.
            ("❤\u{fe0f} ", "❤\u{fe0f}"),
        ] {
            assert_eq!(sendable(typed), Some(sent), "{typed:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_not_sent() {
        let every_white_space =
            (0..=0x10_ffff).filter_map(char::from_u32).filter(|character| character.is_whitespace());
        let others = "\u{0}\u{7f}\u{ad}\u{115f}\u{1160}\u{180e}\u{200b}\u{200d}\u{200f}\u{2060}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{e0020}";
        for character in every_white_space.chain(others.chars()) {
            assert_eq!(sendable(&character.to_string()), None, "{character:?}");
            assert_eq!(sendable(&format!(" {character}\n{character}")), None, "{character:?}");
        }
        for seen in [".", "ü", "字", "👍🏽", "\u{301}", "\u{200f}ا", "a\u{200b}b"] {
            assert!(sendable(seen).is_some(), "{seen:?}");
        }
    }
}
