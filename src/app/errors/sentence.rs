//! One sentence of the program, in English, with its values separate from its words.
//!
//! The terminal shows it as it is. The window looks its words up in the person's language and inserts the values
//! there: `ui/words.slint`.

use std::fmt;

/// Where a value goes in the words.
const PLACE: &str = "{}";
/// Values in one sentence: more are hard to read, and the window does not support them.
pub const SENTENCE_VALUES_MAX: usize = 2;

/// A sentence, or a few that belong together. `say!` makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sentence {
    english: &'static str,
    values: Box<[String]>,
}

impl Sentence {
    /// Only for `say!`, which checks the values and can be found in the sources.
    pub(crate) const fn of(english: &'static str, values: Box<[String]>) -> Self {
        Self { english, values }
    }

    /// The words, with `{}` for each value: the key for looking them up.
    #[must_use]
    pub const fn english(&self) -> &'static str {
        self.english
    }

    /// What goes into the words: names, numbers, addresses, and what the system says. Never words of our own, because
    /// those would stay English.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether nothing is said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.english.is_empty()
    }

    /// Whether a sentence of these words has a place for each of this many values, and not too many.
    pub(crate) const fn takes(english: &str, values: usize) -> bool {
        let bytes = english.as_bytes();
        let (mut places, mut at) = (0, 1);
        while at < bytes.len() {
            #[expect(clippy::indexing_slicing, reason = "within the bounds, and only while compiling")]
            if bytes[at - 1] == b'{' && bytes[at] == b'}' {
                places += 1;
            }
            at += 1;
        }
        places == values && values <= SENTENCE_VALUES_MAX
    }
}

impl fmt::Display for Sentence {
    /// The sentence in English.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut values = self.values.iter();
        for (index, words) in self.english.split(PLACE).enumerate() {
            if index > 0 {
                formatter.write_str(values.next().map_or("", String::as_str))?;
            }
            formatter.write_str(words)?;
        }
        Ok(())
    }
}

/// A [`Sentence`]: its words as one literal, then a value for each `{}` in them. What `app` and
/// `gui` say has to be in `ui/words.slint`, too; a test of the window tells when it is not.
macro_rules! say {
    ($english:literal $(, $value:expr)* $(,)?) => {{
        const { assert!($crate::app::Sentence::takes($english, <[&str]>::len(&[$(stringify!($value)),*]))) };
        $crate::app::Sentence::of($english, Box::new([$($value.to_string()),*]))
    }};
}

pub(crate) use say;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_where_the_words_have_places() {
        assert_eq!(say!("Plain.").to_string(), "Plain.");
        assert_eq!(say!("{} of {}.", 1, "{}").to_string(), "1 of {}.", "a value is no template");
        assert_eq!(say!("It is {}", "{2}").to_string(), "It is {2}");
        assert!(say!("").is_empty() && say!("").to_string().is_empty());
    }

    #[test]
    fn a_sentence_takes_as_many_values_as_it_has_places_and_two_at_most() {
        assert!(Sentence::takes("", 0) && Sentence::takes("{} {}", 2) && Sentence::takes("{\"a\":1}", 0));
        assert!(!Sentence::takes("{}", 0) && !Sentence::takes("{}", 2) && !Sentence::takes("{} {} {}", 3));
    }
}
