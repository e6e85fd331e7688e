//! The part of a message that only members see: a kind, its payload, and the sender's clock.

use serde::{Deserialize, Serialize};

use super::{Content, Missed};
use crate::protocol::MessageId;
use crate::wire::{Bytes, DecodeError, decode, encode};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaintextPayload {
    #[serde(rename = "b")]
    body: Bytes,
    #[serde(rename = "k")]
    kind: u8,
    #[serde(rename = "t")]
    time_ms: u64,
}

/// The numbers of what programs tell each other; those of content are in its files.
const NAME: u8 = 0;
const TITLE: u8 = 2;
const RECEIPT: u8 = 3;
const LEAVE: u8 = 4;
const MISSED: u8 = 5;

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Kind 0: the sender's display name, first in each chain.
    Name(String),
    /// What the person said; the kind is the content's.
    Said {
        /// The message's id.
        id: MessageId,
        /// What was said.
        content: Content,
    },
    /// Kind 2: the room's title; only the owner's counts.
    Title(String),
    /// Kind 3: the sender has everything up to this log position.
    Receipt(u64),
    /// Kind 4: the sender leaves for good.
    Leave,
    /// Kind 5: what a member missed until it came back.
    Missed(Missed),
    /// A kind that this version does not know: from a newer app.
    Newer,
}

impl Body {
    /// The plaintext of this body, sent at `time_ms` of the sender's clock.
    pub(in crate::protocol) fn to_plaintext(&self, time_ms: u64) -> Vec<u8> {
        let (kind, body) = match self {
            Self::Name(name) => (NAME, encode(name)),
            Self::Said { id, content } => (content.code(), content.to_bytes(*id)),
            Self::Title(title) => (TITLE, encode(title)),
            Self::Receipt(position) => (RECEIPT, encode(position)),
            Self::Leave => (LEAVE, Vec::new()),
            Self::Missed(missed) => (MISSED, encode(missed)),
            Self::Newer => (u8::MAX, Vec::new()),
        };
        encode(&PlaintextPayload { body: body.into(), kind, time_ms })
    }

    /// Reads a plaintext: the body and the sender's clock.
    pub(in crate::protocol) fn from_plaintext(plaintext: &[u8]) -> Result<(Self, u64), DecodeError> {
        let PlaintextPayload { body, kind, time_ms } = decode(plaintext)?;
        let body = match kind {
            NAME => Self::Name(decode(&body)?),
            TITLE => Self::Title(decode(&body)?),
            RECEIPT => Self::Receipt(decode(&body)?),
            LEAVE if body.is_empty() => Self::Leave,
            LEAVE => return Err(DecodeError::Malformed),
            MISSED => Self::Missed(decode(&body)?),
            kind => match Content::from_bytes(kind, &body).transpose()? {
                Some((id, content)) => Self::Said { id, content },
                None => Self::Newer,
            },
        };
        Ok((body, time_ms))
    }
}

impl std::fmt::Debug for Body {
    /// Shows only the kind: message texts do not belong in logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Name(_) => "Name",
            Self::Said { content, .. } => content.kind_name(),
            Self::Title(_) => "Title",
            Self::Receipt(_) => "Receipt",
            Self::Leave => "Leave",
            Self::Missed(_) => "Missed",
            Self::Newer => "Newer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Fingerprint;
    use crate::protocol::content::Wave;

    #[test]
    fn every_body_reads_back_with_its_time() {
        let id = MessageId([7; 16]);
        let member = Fingerprint::from_bytes([7; 32]);
        let bodies = [
            Body::Name("Ann".to_owned()),
            Body::Said { id, content: Content::text("hello") },
            Body::Said { id, content: Content::Wave(Wave { hands: 2 }) },
            Body::Title("Friday".to_owned()),
            Body::Receipt(u64::MAX),
            Body::Leave,
            Body::Missed(Missed { member, count: 2, crossed: 1, until: 3, since_ms: 4 }),
            Body::Newer,
        ];
        for body in bodies {
            assert_eq!(Body::from_plaintext(&body.to_plaintext(5)), Ok((body, 5)));
        }
    }

    #[test]
    fn a_body_that_is_not_its_kinds_is_refused_and_an_unknown_kind_is_not_looked_into() {
        let plaintext = |kind, body: &[u8]| encode(&PlaintextPayload { body: body.to_vec().into(), kind, time_ms: 1 });
        let wave = Content::Wave(Wave { hands: 2 }).code();
        for kind in (0..=3).chain([5, wave]) {
            assert_eq!(Body::from_plaintext(&plaintext(kind, b"\xff")), Err(DecodeError::Malformed), "{kind}");
        }
        assert_eq!(Body::from_plaintext(&plaintext(4, b"\x00")), Err(DecodeError::Malformed));
        for kind in (6..=u8::MAX).filter(|kind| *kind != wave) {
            assert_eq!(Body::from_plaintext(&plaintext(kind, b"\xff")), Ok((Body::Newer, 1)));
        }
    }
}
