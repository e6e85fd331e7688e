//! What goes over a link: frames, and the strict CBOR inside them.
//!
//! This layer knows bytes and shapes. What a frame means is the protocol's business.

mod codec;
mod codes;
mod frame;
mod reader;
mod relay_token;

pub use self::codec::{DecodeError, decode, decode_first, encode, list};
pub use self::codes::{Answer, ByeCode, FrameKind, ItemKind, PresenceState, RefuseCode, RosterOperation};
pub use self::frame::{
    Bye, FRAME_HEADER_BYTES, Frame, Item, Join, JoinAnswer, JoinAsk, Lobby, Look, Msg, Open, Ping, Presence, Refuse,
    Resume, Signed, SkPacket, Welcome, Wrap,
};
pub use self::reader::FrameReader;
pub use self::relay_token::{NotAToken, RelayToken};

/// A byte string of any length in a frame or payload.
pub type Bytes = serde_bytes::ByteBuf;

/// A byte string of exactly `N` bytes in a frame or payload.
pub type ByteArray<const N: usize> = serde_bytes::ByteArray<N>;
