//! The languages of the window.

use serde::{Deserialize, Serialize};

/// The language that the window speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
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
    /// The desktop's language, or English if that is not among these. A language known only to a later version is read
    /// as this.
    #[default]
    #[serde(other)]
    System,
}

impl Language {
    /// All languages, in the order in which the window offers them.
    pub const ALL: [Self; 7] =
        [Self::System, Self::English, Self::German, Self::Spanish, Self::French, Self::Japanese, Self::Arabic];

    /// Where it is offered: its place in [`Self::ALL`].
    #[must_use]
    pub fn place(self) -> usize {
        Self::ALL.into_iter().position(|language| language == self).unwrap_or_default()
    }

    /// Its RFC 5646 tag, which is also its directory in `ui/lang`. English needs none, because the sources are in
    /// English; the system's choice has no tag of its own.
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

    /// The first of these locales that is supported, whatever the region; English if none is.
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
    fn each_language_is_offered_once_and_the_systems_first() {
        assert_eq!(Language::ALL.map(Language::place), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(Language::ALL.map(|language| language as usize), [6, 0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_language_of_a_later_version_is_the_systems() {
        for (written, read) in [("arabic", Language::Arabic), ("klingon", Language::System)] {
            let mut bytes = Vec::new();
            ciborium::into_writer(written, &mut bytes).unwrap();
            assert_eq!(ciborium::from_reader::<Language, _>(&*bytes).unwrap(), read);
        }
    }
}
