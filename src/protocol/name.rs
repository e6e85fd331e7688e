//! Names and titles that people give themselves and their rooms.

use super::limits::NAME_CHARS_MAX;

/// Why a name was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// Nothing but white space.
    #[error("a name needs at least one visible character")]
    Empty,
    /// Longer than [`NAME_CHARS_MAX`].
    #[error("a name has at most {NAME_CHARS_MAX} characters")]
    TooLong,
    /// Has control or direction-changing characters, which could disguise it.
    #[error("a name has no control or direction-changing characters")]
    Invisible,
}

/// The name without white space around it, if it is one.
///
/// # Errors
/// Any [`NameError`].
pub fn check_name(name: &str) -> Result<String, NameError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(NameError::TooLong);
    }
    if name.chars().any(is_disguise) {
        return Err(NameError::Invisible);
    }
    Ok(name.to_owned())
}

/// Control characters, line separators, and what Unicode's bidirectional algorithm (UAX 9) and
/// zero-width joining use invisibly.
fn is_disguise(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_visible_and_trimmed() {
        assert_eq!(check_name("  Ann "), Ok("Ann".to_owned()));
        assert_eq!(check_name("أمينة خليل"), Ok("أمينة خليل".to_owned()));
        assert_eq!(check_name(" \t"), Err(NameError::Empty));
        assert_eq!(check_name(&"x".repeat(33)), Err(NameError::TooLong));
        assert_eq!(check_name(&"ü".repeat(32)), Ok("ü".repeat(32)));
        for disguise in ["a\nb", "a\u{202e}b", "a\u{200b}b", "\u{7}", "a\u{2066}b"] {
            assert_eq!(check_name(disguise), Err(NameError::Invisible), "{disguise:?}");
        }
    }
}
