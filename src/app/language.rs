//! The languages of the window.

use serde::{Deserialize, Serialize};

/// The language that the window speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// As the desktop says, or English where that is none of the others.
    #[default]
    System,
    /// English.
    English,
    /// German.
    German,
    /// Spanish.
    Spanish,
    /// French.
    French,
    /// Japanese.
    Japanese,
    /// Arabic.
    Arabic,
}

impl Language {
    /// All of them, in the order in which the window offers them.
    pub const ALL: [Self; 7] =
        [Self::System, Self::English, Self::German, Self::Spanish, Self::French, Self::Japanese, Self::Arabic];

    /// Its tag, by RFC 5646, which is also its directory in `ui/lang`. English needs none, for it is what
    /// the sources are written in; the system's has no tag of its own.
    #[must_use]
    pub const fn tag(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::English => Some("en"),
            Self::German => Some("de"),
            Self::Spanish => Some("es"),
            Self::French => Some("fr"),
            Self::Japanese => Some("ja"),
            Self::Arabic => Some("ar"),
        }
    }

    /// The first of these locales that is spoken here, whatever the region; English if none is.
    #[must_use]
    pub fn of_locales(locales: impl IntoIterator<Item = String>) -> Self {
        let of_locale = |locale: String| {
            let language = locale.split(['-', '_', '.', '@']).next().unwrap_or_default().to_ascii_lowercase();
            Self::ALL.into_iter().find(|known| known.tag() == Some(language.as_str()))
        };
        locales.into_iter().find_map(of_locale).unwrap_or(Self::English)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_that_is_spoken_here_decides() {
        let of = |locales: &[&str]| Language::of_locales(locales.iter().map(|&locale| locale.to_owned()));
        assert_eq!(of(&["de-AT"]), Language::German);
        assert_eq!(of(&["ar_EG.UTF-8"]), Language::Arabic);
        assert_eq!(of(&["FR"]), Language::French);
        assert_eq!(of(&["ja-JP@mac"]), Language::Japanese);
        assert_eq!(of(&["eo", "es-419", "de"]), Language::Spanish);
        assert_eq!(of(&["en-GB", "de"]), Language::English);
        for broken in ["", "C", "POSIX", "tlh-Latn", "-", "\u{fffd}", "deutsch", "arc"] {
            assert_eq!(of(&[broken]), Language::English, "{broken}");
        }
        assert_eq!(of(&[]), Language::English);
    }

    #[test]
    fn each_language_is_offered_once() {
        for (place, language) in Language::ALL.into_iter().enumerate() {
            assert_eq!(language as usize, place);
        }
    }
}
