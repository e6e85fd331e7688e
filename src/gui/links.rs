//! Links in what people write: found, and opened on request. Strangers write the text, so only web addresses count, and
//! a browser gets them as one argument, never through a shell.
//!
//! Written by hand, because the crates for it do less. `linkify` 0.11 misses addresses with an IPv6 host, opens the
//! wrong page if `#` follows the host, and takes a closing quotation mark as part of the link. `webbrowser` 1.2 waits
//! for `xdg-settings` without a deadline, which would freeze the window, and leaves each browser it started as a
//! zombie.

use std::io;
use std::process::{Command, Stdio};

/// How many links of one message are shown below it: a longer list is no message.
const LINKS_MAX: usize = 8;
/// The longest link, in characters: browsers accept about as much.
const LINK_CHARS_MAX: usize = 2_000;

/// The links in a text, in order, without repeats.
pub(super) fn find(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '"')) {
        let Some(start) = ["https://", "http://"].iter().filter_map(|scheme| word.find(scheme)).min() else { continue };
        let link = trim_end(word.get(start..).unwrap_or_default());
        if is_web_address(link) && !found.iter().any(|known| known == link) {
            found.push(link.to_owned());
        }
        if found.len() == LINKS_MAX {
            break;
        }
    }
    found
}

/// Whether a text is a web address that can be handed to a browser.
pub(super) fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    !host.is_empty()
        && host.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '[')
        && text.chars().count() <= LINK_CHARS_MAX
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Opens a web address in the person's browser, without waiting for it.
///
/// # Errors
/// Those of starting the program that opens it; [`io::ErrorKind::InvalidInput`] for anything but a web address.
pub(super) fn open(link: &str) -> io::Result<()> {
    if !is_web_address(link) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut browser = if cfg!(windows) {
        // Not `explorer`: it opens the person's documents when the address has a query.
        let mut handler = Command::new("rundll32");
        handler.arg("url.dll,FileProtocolHandler");
        handler
    } else {
        Command::new(if cfg!(target_os = "macos") { "open" } else { "xdg-open" })
    };
    let mut child = browser.arg(link).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // A child that nobody waits for stays as a zombie.
    std::thread::Builder::new().name("link".to_owned()).spawn(move || drop(child.wait()))?;
    Ok(())
}

/// A link without the punctuation of the sentence around it. A closing bracket stays if the link opened it.
fn trim_end(mut link: &str) -> &str {
    loop {
        let unopened = link.ends_with(')') && link.matches('(').count() < link.matches(')').count();
        let shorter = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '”', '“', '’', '…', ']', '}', '*']);
        if shorter.len() < link.len() {
            link = shorter;
        } else if unopened {
            link = link.get(..link.len() - 1).unwrap_or_default();
        } else {
            return link;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_as_people_write_them() {
        let text = "See https://example.org/a_(b), (http://example.org/?q=1) and https://example.org/a_(b)!";
        assert_eq!(find(text), ["https://example.org/a_(b)", "http://example.org/?q=1"]);
        assert_eq!(find("<https://example.org>"), ["https://example.org"]);
        assert_eq!(find("„https://example.org/ü“: ja"), ["https://example.org/ü"]);
        assert_eq!(find("https://example.org/a\u{3000}次"), ["https://example.org/a"]);
        for whole in ["http://[2001:db8::7]:8000/x", "https://example.org#top", "https://例え.jp/道"] {
            assert_eq!(find(whole), [whole]);
        }
    }

    #[test]
    fn nothing_else_is_a_link() {
        for text in ["", "https://", "file:///etc/passwd", "javascript:alert(1)", "https:// example.org", "http://-x"] {
            assert_eq!(find(text), Vec::<String>::new(), "{text:?}");
            assert!(open(text).is_err());
        }
        assert!(!is_web_address(&format!("https://example.org/{}", "a".repeat(LINK_CHARS_MAX))));
        assert_eq!(find(&"https://a.example/1 ".repeat(50)).len(), 1);
    }
}
