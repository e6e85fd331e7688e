//! How the window shows each kind of content. No other file of the window knows the kinds.

use crate::protocol::Content;

/// The text of a message's bubble. Strangers wrote it: never treat it as anything but text.
pub(super) fn words(content: &Content) -> &str {
    match content {
        Content::Text(text) => text.as_str(),
        #[cfg(test)]
        Content::Wave(_) => "\u{1f44b}",
    }
}
