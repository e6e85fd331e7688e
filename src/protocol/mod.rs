//! The protocol's state machines: [`Client`] (a person in a room) and [`Host`] (whoever relays it).
//!
//! They are sans-I/O: no socket, no clock, no randomness of their own, no thread. Time and randomness come in as
//! arguments; what to do comes out as [`Output`]s. They start above the link: a peer is a proven key plus frames.
//!
//! A [`Host`] never opens an envelope; it holds no key that could.

mod client;
mod consent;
mod content;
#[cfg(test)]
mod golden_tests;
mod host;
mod identity;
mod invite;
mod invite_text;
pub mod limits;
mod link;
mod liveness;
mod memory;
mod name;
mod payload;
mod private;
mod rate;
mod room;
mod safety_number;
mod sealing;
#[cfg(test)]
#[path = "../../tests/simulation/mod.rs"]
mod simulation;
mod time;

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

pub use self::client::{Client, Command, Entry, Event, Keep, LobbyRoom, Output, Stop};
pub use self::consent::{LearningConsent, RoomCrypto, Vetted};
#[cfg(test)]
pub(crate) use self::content::Wave;
pub use self::content::{Body, Content, Text};
pub use self::host::{
    Host, HostEvent, HostLimits, HostOutput, HostWrite, ItemEffect, ItemWrite, KeptItem, KeptMember, KeptWrap, LinkId,
    OpenPolicy, Peer, RestoredRoom, RoomSnapshot, Unfit,
};
pub use self::identity::{Identity, certificate, certifies};
pub use self::invite::{Invite, InviteError};
pub use self::link::LinkError;
pub use self::memory::{Ending, Memory};
#[cfg(test)]
pub(crate) use self::name::tests::confusable_pairs;
pub use self::name::{Likeness, Name, NameError, check_name, is_unseen, look_of, search_key};
pub use self::payload::Fault;
pub use self::private::Private;
pub use self::room::room_code::RoomCode;
pub use self::room::roster::{Roster, new_room};
pub use self::safety_number::{Comparison, SafetyNumber};
pub use self::time::{Now, Timeline};
use crate::wire::DecodeError;
pub use crate::wire::{ByeCode, RefuseCode, RelayToken};

/// A room: the hash of its genesis.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RoomId(#[serde(with = "serde_bytes")] pub [u8; 32]);

impl fmt::Display for RoomId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RoomId({:.8})", self.to_string())
    }
}

/// A message's id, chosen by its sender at random.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(#[serde(with = "serde_bytes")] pub [u8; 16]);

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl std::str::FromStr for MessageId {
    type Err = DecodeError;

    /// Reads what [`Display`](fmt::Display) writes: 32 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, DecodeError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| DecodeError::Malformed)?;
        bytes.try_into().map(Self).map_err(|_| DecodeError::Malformed)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MessageId({:.8})", self.to_string())
    }
}
