//! The window's language, and the direction in which texts are read. The words themselves are in `ui/`, and their
//! translations in `ui/lang/`.

use slint::ComponentHandle;

use super::generated::{AppWindow, Direction};
use crate::app::Language;

/// The Unicode blocks whose letters are written from right to left (`DerivedBidiClass.txt`): Hebrew to Arabic
/// Extended-A, their presentation forms, and the historic and minority scripts of the first supplementary plane.
const RIGHT_TO_LEFT: [std::ops::RangeInclusive<char>; 5] = [
    '\u{590}'..='\u{8ff}',
    '\u{fb1d}'..='\u{fdff}',
    '\u{fe70}'..='\u{feff}',
    '\u{10800}'..='\u{10fff}',
    '\u{1e800}'..='\u{1efff}',
];

/// Switches the windows of this thread to a language at once. Texts without a translation stay English.
pub fn choose_language(language: Language) {
    let spoken = match language {
        Language::System => Language::of_locales(sys_locale::get_locales()),
        chosen => chosen,
    };
    let tag = spoken.tag().unwrap_or_default();
    if let Err(error) = slint::select_bundled_translation(tag) {
        log::error!("the window does not speak {spoken:?}: {error}");
    }
}

/// Lets the window ask in which direction a text that people wrote is read.
pub fn bind_direction(app: &AppWindow) {
    app.global::<Direction>().on_is_right_to_left(|text, otherwise| is_right_to_left(&text).unwrap_or(otherwise));
}

/// Whether a text is read from right to left, judged by its first letter or direction mark; `None` if it has neither.
/// Isolated parts do not count, by rule P2 of the bidirectional algorithm (UAX 9).
fn is_right_to_left(text: &str) -> Option<bool> {
    let mut isolates = 0_usize;
    let first = text.chars().find(|&letter| {
        match letter {
            '\u{2066}'..='\u{2068}' => isolates += 1,
            '\u{2069}' => isolates = isolates.saturating_sub(1),
            _ => {}
        }
        isolates == 0 && (letter.is_alphabetic() || matches!(letter, '\u{200e}' | '\u{200f}'))
    })?;
    Some(first == '\u{200f}' || RIGHT_TO_LEFT.iter().any(|block| block.contains(&first)))
}
