//! How the window shows what people say, kind by kind: the one place of the window that knows the kinds.

use crate::protocol::Content;

/// The words of a message's bubble. Of strangers: never take them for anything but text.
pub(super) fn words(content: &Content) -> &str {
    match content {
        Content::Text(text) => text.as_str(),
        #[cfg(test)]
        Content::Wave(_) => "\u{1f44b}",
    }
}
