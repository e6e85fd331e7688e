//! A wave: a kind of content that exists only in tests, and shows what a new kind takes.

use serde::{Deserialize, Serialize};

use super::kind::Kind;
use crate::protocol::MessageId;
use crate::wire::{DecodeError, decode, encode};

/// Somebody waves with this many hands.
#[derive(Clone, PartialEq, Eq)]
pub struct Wave {
    /// How many.
    pub hands: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WavePayload {
    #[serde(rename = "h")]
    hands: u8,
    #[serde(rename = "i")]
    id: MessageId,
}

impl Kind for Wave {
    const CODE: u8 = 200;
    const BYTES_MAX: usize = 1;

    fn to_bytes(&self, id: MessageId) -> Vec<u8> {
        encode(&WavePayload { hands: self.hands, id })
    }

    fn from_bytes(bytes: &[u8]) -> Result<(MessageId, Self), DecodeError> {
        let WavePayload { hands, id } = decode(bytes)?;
        Ok((id, Self { hands }))
    }

    fn size(&self) -> usize {
        1
    }
}
