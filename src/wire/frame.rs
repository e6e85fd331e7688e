//! The frames of a link: `u32 length of type and body | u8 type | body`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::codec::{DecodeError, decode, encode, list};
use super::codes::FrameKind;
use super::{ByteArray, Bytes, RelayToken};
use crate::crypto::Fingerprint;

/// The exact bytes of a payload and a signature over them. Verify over the received bytes, then
/// decode: encoding again to verify would sign what was never sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// The payload's exact bytes.
    #[serde(rename = "p")]
    pub payload: Bytes,
    /// The signature over them.
    #[serde(rename = "s")]
    pub signature: Bytes,
}

/// Asks to become a member, or to come back as one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The joiner's bundle.
    #[serde(rename = "b")]
    pub bundle: Signed,
    /// The invite's id; absent when knocking or coming back.
    #[serde(rename = "i")]
    pub invite_id: Option<ByteArray<16>>,
    /// The signed join request, if the joiner has no invite; otherwise absent.
    #[serde(rename = "k", skip_serializing_if = "Option::is_none")]
    pub knock: Option<Signed>,
    /// Proof of the invite's secret; absent when knocking or coming back.
    #[serde(rename = "m")]
    pub mac: Option<ByteArray<32>>,
    /// The room.
    #[serde(rename = "r")]
    pub room: ByteArray<32>,
}

/// Resumes after a cut, in the same run of the app.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// The log hash at that position.
    #[serde(rename = "l")]
    pub log_hash: ByteArray<32>,
    /// The last position received.
    #[serde(rename = "p")]
    pub position: u64,
    /// The room.
    #[serde(rename = "r")]
    pub room: ByteArray<32>,
}

/// Admits a link to its room; items follow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Welcome {
    /// The room's genesis.
    #[serde(rename = "g")]
    pub genesis: Signed,
    /// The highest prekey index seen of this member.
    #[serde(rename = "i")]
    pub prekey_index: u64,
    /// The log hash at `position`.
    #[serde(rename = "l")]
    pub log_hash: ByteArray<32>,
    /// The highest chain number seen of this member in this epoch.
    #[serde(rename = "n")]
    pub chain_number: u64,
    /// The newest position.
    #[serde(rename = "p")]
    pub position: u64,
    /// How many roster entries there are after the genesis.
    #[serde(rename = "q")]
    pub roster_length: u64,
}

/// Refuses the frame before it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refuse {
    /// The number of a [`RefuseCode`](super::RefuseCode).
    #[serde(rename = "c")]
    pub code: u8,
}

/// A chain's key for one recipient.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrap {
    /// RSA-OAEP ciphertext.
    #[serde(rename = "c")]
    pub rsa: Bytes,
    /// The sender's ephemeral X25519 public key.
    #[serde(rename = "e")]
    pub ephemeral: ByteArray<32>,
    /// Which prekey of the recipient it is for.
    #[serde(rename = "i")]
    pub prekey_index: u64,
    /// An ML-KEM-768 ciphertext; in a hybrid room, and in no other.
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub ml_kem: Option<Bytes>,
    /// The recipient.
    #[serde(rename = "t")]
    pub recipient: Fingerprint,
    /// The sealed chain key.
    #[serde(rename = "w")]
    pub sealed: ByteArray<48>,
}

/// Announces a sender's chain to the members of an epoch.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkPacket {
    /// The part that is the same for everybody.
    #[serde(rename = "c")]
    pub common: Signed,
    /// One wrap a recipient.
    #[serde(rename = "w", deserialize_with = "list")]
    pub wraps: Vec<Wrap>,
}

/// A sealed message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Msg {
    /// The ciphertext.
    #[serde(rename = "c")]
    pub ciphertext: Bytes,
    /// The header's exact bytes.
    #[serde(rename = "h")]
    pub header: Bytes,
    /// The sender's signature over both.
    #[serde(rename = "s")]
    pub signature: Bytes,
}

/// Asks which rooms accept join requests, or about one room known by its id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// The room asked about; absent for all that accept join requests.
    #[serde(rename = "r")]
    pub room: Option<ByteArray<32>>,
}

/// The rooms asked about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lobby {
    /// Their geneses.
    #[serde(rename = "g", deserialize_with = "list")]
    pub rooms: Vec<Signed>,
    /// How many members each of them has.
    #[serde(rename = "n", deserialize_with = "list")]
    pub members: Vec<u16>,
}

/// Opens a room on this host; only its owner can.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The room's genesis.
    #[serde(rename = "g")]
    pub genesis: Signed,
    /// The token a relay asks for before it lets somebody open a room.
    #[serde(rename = "t")]
    pub token: Option<RelayToken>,
}

/// One item of the host's numbered log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The number of its [`ItemKind`](super::ItemKind).
    #[serde(rename = "k")]
    pub kind: u8,
    /// Its position, from 1.
    #[serde(rename = "p")]
    pub position: u64,
    /// The receiver's wrap of a chain's announcement.
    #[serde(rename = "w")]
    pub wrap: Option<Wrap>,
    /// The exact bytes the sender gave.
    #[serde(rename = "x")]
    pub exact: Bytes,
}

/// The host asks the owner about a join.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinAsk {
    /// The exact bytes of the [`Join`].
    #[serde(rename = "j")]
    pub join: Bytes,
    /// The number of the question.
    #[serde(rename = "n")]
    pub number: u64,
}

/// The owner's answer; a yes comes after the roster entry.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JoinAnswer {
    /// The number of an [`Answer`](super::Answer).
    #[serde(rename = "a")]
    pub answer: u8,
    /// The number of the question.
    #[serde(rename = "n")]
    pub number: u64,
}

/// The host says whether a member is connected. Advice only: nothing secret depends on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// The member.
    #[serde(rename = "f")]
    pub member: Fingerprint,
    /// The number of a [`PresenceState`](super::PresenceState).
    #[serde(rename = "s")]
    pub state: u8,
}

/// Asks for a sign of life, or gives it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// Comes back in the answer.
    #[serde(rename = "n")]
    pub number: u64,
}

/// The last frame of a link.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bye {
    /// The number of a [`ByeCode`](super::ByeCode).
    #[serde(rename = "c")]
    pub code: u8,
}

macro_rules! frames {
    ($($variant:ident($body:ty), $limit:expr;)*) => {
        impl FrameKind {
            /// The most bytes its body may have.
            #[must_use]
            pub const fn limit(self) -> usize {
                match self { $(Self::$variant => $limit,)* }
            }
        }

        /// A frame with its decoded body.
        #[derive(Clone, PartialEq, Eq, Debug)]
        #[expect(missing_docs, reason = "each is documented at its body")]
        pub enum Frame { $($variant($body),)* }

        impl Frame {
            /// Its type.
            #[must_use]
            pub const fn kind(&self) -> FrameKind {
                match self { $(Self::$variant(_) => FrameKind::$variant,)* }
            }

            /// Reads the body of a frame of type `kind`.
            ///
            /// # Errors
            /// Any [`DecodeError`] of the body.
            pub fn decode(kind: FrameKind, body: &[u8]) -> Result<Self, DecodeError> {
                match kind { $(FrameKind::$variant => decode(body).map(Self::$variant),)* }
            }

            fn body(&self) -> Vec<u8> {
                match self { $(Self::$variant(body) => encode(body),)* }
            }
        }
    };
}

/// Bytes before a frame's body: the length and the type.
pub const FRAME_HEADER_BYTES: usize = 5;

const KIB: usize = 1024;

frames! {
    Join(Join), 4 * KIB;
    Resume(Resume), 256;
    Welcome(Welcome), 8 * KIB;
    Refuse(Refuse), 64;
    // 2.3 KiB with RSA-4096 keys; 5.5 KiB with a 16-bit learning key, which signs each byte separately.
    Roster(Signed), 8 * KIB;
    // With an ML-KEM-768 key and an RSA-4096 signature, 1.9 KiB.
    Prekey(Signed), 2 * KIB;
    // 255 wraps with ML-KEM-768 for RSA-4096 keys are 438 KiB.
    SkPacket(SkPacket), 512 * KIB;
    Msg(Msg), 64 * KIB;
    Look(Look), 64;
    // A host has at most 32 rooms, and each genesis came in an Open.
    Lobby(Lobby), 128 * KIB;
    Open(Open), 8 * KIB;
    Item(Item), 66 * KIB;
    // A Join at its limit and the frame around it.
    JoinAsk(JoinAsk), 5 * KIB;
    JoinAnswer(JoinAnswer), 64;
    Presence(Presence), 64;
    Ping(Ping), 64;
    Pong(Ping), 64;
    Bye(Bye), 64;
}

impl Frame {
    /// The whole frame as it goes over the link.
    #[must_use]
    pub fn to_bytes(&self) -> Arc<[u8]> {
        let body = self.body();
        let length = u32::try_from(body.len() + 1).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(body.len() + FRAME_HEADER_BYTES);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.push(self.kind().code());
        bytes.extend_from_slice(&body);
        bytes.into()
    }

    /// Whether its body is within its type's limit, as a peer will insist.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.body().len() <= self.kind().limit()
    }
}
