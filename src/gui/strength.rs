//! How hard a new passphrase is to guess, by zxcvbn, which knows the words and patterns that guessers try first. It
//! only rates: the window decides which passphrase it takes, and `app/identity` which can be none at all.

use zxcvbn::zxcvbn;

/// How many characters of a passphrase are rated: the time grows faster than the length, and further characters only
/// make it harder to guess.
const CHARS_MAX: usize = 64;

/// From 0 (guessed at once) to 4 (very hard to guess); -1 for no passphrase. `known` is what a guesser knows about the
/// person, such as their name.
pub(super) fn score(passphrase: &str, known: &[&str]) -> i32 {
    if passphrase.is_empty() {
        return -1;
    }
    i32::from(u8::from(zxcvbn(looked_at(passphrase), known).score()))
}

/// The part of a passphrase that is rated.
fn looked_at(passphrase: &str) -> &str {
    let end = passphrase.char_indices().nth(CHARS_MAX).map(|(end, _)| end);
    passphrase.get(..end.unwrap_or(passphrase.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_guessers_try_first_is_weak_whatever_it_looks_like() {
        for weak in
            ["abc", "123456789012", "password1", "P@ssw0rd!", "qwertyuiop", "aaaaaaaaaaaaaaaa", "Ann", "conversa"]
        {
            assert!(score(weak, &["Ann", "conversa"]) < 2, "{weak}");
        }
        for strong in ["staple orbit fennel quartz", "Vj4-kQ9_zz2%Lm", "ungewöhnlich lange Wörter im Regen"] {
            assert!(score(strong, &["Ann", "conversa"]) >= 3, "{strong}");
        }
        assert_eq!(score("", &[]), -1);
    }

    #[test]
    fn of_a_very_long_one_no_more_is_looked_at() {
        let long = "correct horse battery staple ".repeat(10_000);
        assert_eq!(looked_at(&long), &long[..CHARS_MAX]);
        assert_eq!(score(&long, &["Ann"]), score(&long[..CHARS_MAX], &["Ann"]));
        assert_eq!(looked_at(&"ß".repeat(CHARS_MAX + 1)), "ß".repeat(CHARS_MAX));
        assert_eq!((looked_at(""), looked_at("ß")), ("", "ß"));
    }
}
