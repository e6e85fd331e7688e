//! What a member missed, as another member counted it.

use serde::{Deserialize, Serialize};

use crate::crypto::Fingerprint;

/// Others' messages that a member missed, as another member counted them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    /// Who missed them.
    #[serde(rename = "a")]
    pub member: Fingerprint,
    /// How many are in the log before it came back, at least.
    #[serde(rename = "c")]
    pub count: u64,
    /// How many come after that, sealed by somebody who did not know yet that it was back.
    #[serde(rename = "o")]
    pub crossed: u64,
    /// The log position of the prekey with which it came back.
    #[serde(rename = "p")]
    pub until: u64,
    /// When the first of them arrived, by the reporting member's clock, in milliseconds since 1970.
    #[serde(rename = "t")]
    pub since_ms: u64,
}

impl Missed {
    /// How many it was in all.
    pub(in crate::protocol) const fn all(&self) -> u64 {
        self.count.saturating_add(self.crossed)
    }
}
