//! What people say to each other, one file for each kind, and the plaintext that carries it.
//!
//! Client, session and net carry a [`Content`] and ask how large it is; only the conversation and the views look
//! inside. A new kind is a file here, a line in `contents!`, and a place in each view.

mod kind;
mod missed;
mod plaintext;
mod text;
#[cfg(test)]
mod wave;

use self::kind::Kind;
pub(super) use self::missed::Missed;
pub use self::plaintext::Body;
pub use self::text::Text;
#[cfg(test)]
pub(crate) use self::wave::Wave;
use super::MessageId;
use crate::wire::DecodeError;

macro_rules! contents {
    ($(#[doc = $doc:literal] $(#[$meta:meta])* $kind:ident)*) => {
        /// What a person said.
        #[derive(Clone, PartialEq, Eq)]
        pub enum Content { $(#[doc = $doc] $(#[$meta])* $kind($kind),)* }

        impl Content {
            /// Its number in a plaintext.
            const fn code(&self) -> u8 {
                match self { $($(#[$meta])* Self::$kind(_) => $kind::CODE,)* }
            }

            fn to_bytes(&self, id: MessageId) -> Vec<u8> {
                match self { $($(#[$meta])* Self::$kind(of_kind) => of_kind.to_bytes(id),)* }
            }

            /// Reads the payload of the kind `code`; `None` for a kind that this version does not know.
            fn from_bytes(code: u8, bytes: &[u8]) -> Option<Result<(MessageId, Self), DecodeError>> {
                match code {
                    $($(#[$meta])* $kind::CODE => {
                        Some($kind::from_bytes(bytes).map(|(id, of_kind)| (id, Self::$kind(of_kind))))
                    })*
                    _ => None,
                }
            }

            /// How many of its bytes depend on what the person wrote: what the limits apply to.
            #[must_use]
            pub fn size(&self) -> usize {
                match self { $($(#[$meta])* Self::$kind(of_kind) => of_kind.size(),)* }
            }

            /// The maximum of [`Self::size`] for its kind.
            #[must_use]
            pub const fn bytes_max(&self) -> usize {
                match self { $($(#[$meta])* Self::$kind(_) => $kind::BYTES_MAX,)* }
            }

            fn kind_name(&self) -> &'static str {
                match self { $($(#[$meta])* Self::$kind(_) => stringify!($kind),)* }
            }
        }
    };
}

contents! {
    /// Words.
    Text
    /// A kind that exists only in tests.
    #[cfg(test)]
    Wave
}

impl Content {
    /// A text.
    pub fn text(words: impl Into<String>) -> Self {
        Self::Text(Text::new(words))
    }

    /// The words, if it is a text.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            #[cfg(test)]
            Self::Wave(_) => None,
        }
    }

    /// The number of its kind, and its payload with the message's id: how it is stored.
    pub(crate) fn to_stored(&self, id: MessageId) -> (u8, Vec<u8>) {
        (self.code(), self.to_bytes(id))
    }

    /// Reads [`Self::to_stored`]; `None` for a kind that this version does not know.
    pub(crate) fn from_stored(code: u8, bytes: &[u8]) -> Option<Result<(MessageId, Self), DecodeError>> {
        Self::from_bytes(code, bytes)
    }

    /// Whether it is within the limit of its kind.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.size() <= self.bytes_max()
    }
}

impl std::fmt::Debug for Content {
    /// Shows only the kind: what people say does not belong in logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.kind_name())
    }
}
