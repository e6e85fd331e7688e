//! How the window shows what people say, kind by kind.

use crate::protocol::Content;

/// The words of a message's bubble. Of strangers: never take them for anything but text.
pub(super) fn words(content: &Content) -> &str {
    match content {
        Content::Text(text) => text.as_str(),
        #[cfg(test)]
        Content::Wave(_) => "\u{1f44b}",
    }
}
