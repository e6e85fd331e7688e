//! The questions to hosts that are under way: see [`asking`](super::asking).

use std::collections::HashMap;
use std::sync::Arc;

use super::MembershipId;
use crate::crypto::{Fingerprint, KeyKind};
use crate::net::ClientId;
use crate::protocol::Identity;

/// A question under way: a client that only looks.
pub(super) struct Asking {
    pub membership: MembershipId,
    pub host: Fingerprint,
}

/// The questions under way, and what they are asked with.
#[derive(Default)]
pub(super) struct Askings {
    pub clients: HashMap<ClientId, Asking>,
    pub key: AskingKey,
}

/// The key for questions.
#[derive(Default)]
pub(super) enum AskingKey {
    /// Nobody needed it yet, or it could not be made.
    #[default]
    None,
    /// A worker makes it; these wait for it.
    Making(Vec<(MembershipId, Fingerprint)>),
    /// It can be used for hosts of these keys.
    Ready(KeyKind, Arc<Identity>),
}
