//! How hard a new passphrase is to guess, by zxcvbn, which knows the words and patterns that guessers try first.

use zxcvbn::zxcvbn;

/// What is looked at of a passphrase, in characters: the time grows faster than the length, and what comes after these
/// makes it only harder to guess.
const CHARS_MAX: usize = 64;

/// From 0, guessed at once, to 4, very hard to guess; -1 for no passphrase. `known` is what a guesser knows of the
/// person, such as their name.
pub(super) fn score(passphrase: &str, known: &[&str]) -> i32 {
    if passphrase.is_empty() {
        return -1;
    }
    let looked_at: String = passphrase.chars().take(CHARS_MAX).collect();
    i32::from(u8::from(zxcvbn(&looked_at, known).score()))
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
    fn a_very_long_one_takes_no_longer() {
        let started = std::time::Instant::now();
        let long = "correct horse battery staple ".repeat(10_000);
        assert_eq!(score(&long, &["Ann"]), score(&long[..CHARS_MAX], &["Ann"]));
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "it hangs the window");
    }
}
