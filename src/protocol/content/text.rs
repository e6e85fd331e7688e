//! A text: what people type.

use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::protocol::MessageId;
use crate::protocol::limits::TEXT_BYTES_MAX;
use crate::wire::{DecodeError, decode, encode};

/// A text, at most [`TEXT_BYTES_MAX`] bytes of UTF-8. It may hold anything that UTF-8 can.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    /// A text of these words, whatever their length: see [`Content::fits`](super::Content::fits).
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// The words. They are somebody else's: never treat them as anything but text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TextPayload {
    #[serde(rename = "i")]
    id: MessageId,
    #[serde(rename = "t")]
    text: String,
}

impl Kind for Text {
    const CODE: u8 = 1;
    const BYTES_MAX: usize = TEXT_BYTES_MAX;

    fn to_bytes(&self, id: MessageId) -> Vec<u8> {
        encode(&TextPayload { id, text: self.0.clone() })
    }

    fn from_bytes(bytes: &[u8]) -> Result<(MessageId, Self), DecodeError> {
        let TextPayload { id, text } = decode(bytes)?;
        Ok((id, Self(text)))
    }

    fn size(&self) -> usize {
        self.0.len()
    }
}
