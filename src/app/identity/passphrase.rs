//! A passphrase on its way from a person to the key files.
//!
//! It can come from a file, standard input, the environment, a prompt, a field of the window or the keyring.
//! [`Passphrase::read`] is the only reader for all of them: it takes the passphrase exactly as it is, or refuses it
//! and says why. Nothing is dropped, changed or guessed, and a refused passphrase never counts as none, because that
//! would leave the key in the clear.

use zeroize::Zeroizing;

use crate::app::{Code, Problem, Sentence, say};
use crate::protocol::Private;

/// The longest passphrase in bytes: as much as OpenSSL accepts, which reads the same key files.
const PASSPHRASE_BYTES_MAX: usize = 1_024;

/// The passphrase of an identity's files. Cleared when dropped, and never in logs.
#[derive(Clone, Debug)]
pub struct Passphrase(Private<Zeroizing<String>>);

impl Passphrase {
    /// Wraps a text that is already known to be a passphrase.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Private::new(Zeroizing::new(text)))
    }

    /// Reads a passphrase, wherever it came from. `bytes` are all of it, without a line end.
    ///
    /// # Errors
    /// A [`Problem`] that says what is wrong with it, and never what it is.
    pub fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let text = str::from_utf8(bytes).map_err(|_| {
            refused(say!("It is not UTF-8 text. Save it as UTF-8, or set the terminal to UTF-8, and try again."))
        })?;
        if text.is_empty() {
            return Err(refused(say!("It is empty, and would protect nothing.")));
        }
        if text.starts_with('\u{feff}') {
            return Err(refused(say!("It begins with a byte order mark. Save it as UTF-8 without one.")));
        }
        if text.chars().any(char::is_control) {
            return Err(refused(say!("It contains a line break or another control character. Remove it.")));
        }
        if text.chars().all(char::is_whitespace) {
            return Err(refused(say!("It is nothing but blanks. Choose one that can be seen.")));
        }
        if text.len() > PASSPHRASE_BYTES_MAX {
            return Err(refused(say!("It is longer than {} bytes. Choose a shorter one.", PASSPHRASE_BYTES_MAX)));
        }
        Ok(Self::new(text.to_owned()))
    }

    /// Reads the first line of a file or of standard input. The Unix or Windows line end is not part of it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_first_line(bytes: &[u8]) -> Result<Self, Problem> {
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        Self::read(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The words.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn refused(why: Sentence) -> Problem {
    Problem::new(Code::BadPassphrase, say!("This passphrase cannot be used."), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_not_shown() {
        assert_eq!(format!("{:?}", Passphrase::new("secret".into())), "Passphrase(…)");
    }

    #[test]
    fn a_passphrase_is_taken_exactly_or_refused() {
        let longest = "x".repeat(PASSPHRASE_BYTES_MAX);
        for right in
            ["secret", " spaces stay ", "grün ü", "g\u{72}u\u{308}n", "日本語", "'\"$`\\", "a\u{200d}b", &longest]
        {
            assert_eq!(Passphrase::read(right.as_bytes()).unwrap().expose(), right);
        }
        let too_long = "x".repeat(PASSPHRASE_BYTES_MAX + 1);
        let wrong: [(&[u8], &str); 12] = [
            (b"gr\xfcn-secret", "UTF-8"),
            (b"\xff\xfes\0e\0", "UTF-8"),
            (b"\xed\xa0\x80", "UTF-8"),
            (b"", "empty"),
            ("\u{feff}secret".as_bytes(), "byte order mark"),
            (b"sec\0ret", "control character"),
            (b"secret\r", "control character"),
            (b"secret\nmore", "control character"),
            (b"sec\x1b[Dret", "control character"),
            (b"   ", "blanks"),
            ("\u{a0}\u{3000}".as_bytes(), "blanks"),
            (too_long.as_bytes(), "1024 bytes"),
        ];
        for (bytes, why) in wrong {
            let problem = Passphrase::read(bytes).unwrap_err();
            assert_eq!(problem.code, Code::BadPassphrase);
            assert!(problem.hint.to_string().contains(why), "{bytes:?}: {problem}");
            assert!(!problem.text().contains("secret"), "what it is is not said");
        }
    }

    #[test]
    fn of_a_file_the_first_line_counts_however_it_ends() {
        for text in ["secret", "secret\n", "secret\r\n", "secret\nuser: ann\n", "secret\r\n\r\nmore"] {
            assert_eq!(Passphrase::read_first_line(text.as_bytes()).unwrap().expose(), "secret", "{text:?}");
        }
        assert_eq!(Passphrase::read_first_line(b" secret \n").unwrap().expose(), " secret ");
        for text in ["", "\n", "\r\n", "\nsecret\n", "sec\rret\n", "secret\r\r\n", "\u{feff}secret\n"] {
            assert_eq!(Passphrase::read_first_line(text.as_bytes()).unwrap_err().code, Code::BadPassphrase, "{text:?}");
        }
    }
}
