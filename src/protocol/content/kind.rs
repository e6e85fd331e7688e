//! What each kind of content provides.

use crate::protocol::MessageId;
use crate::wire::DecodeError;

/// A kind of content.
pub(super) trait Kind: Sized {
    /// Its number in a plaintext.
    const CODE: u8;
    /// The maximum of [`Self::size`].
    const BYTES_MAX: usize;

    /// Its payload, with the message's id.
    fn to_bytes(&self, id: MessageId) -> Vec<u8>;

    /// Reads [`Self::to_bytes`].
    ///
    /// # Errors
    /// Any [`DecodeError`]; whoever sent it is faulty.
    fn from_bytes(bytes: &[u8]) -> Result<(MessageId, Self), DecodeError>;

    /// How many of its bytes depend on what the person wrote.
    fn size(&self) -> usize;
}
