//! A membership: how to enter the room, how far that has got, and what waits to be sent.

use super::outbox::Outbox;
use super::{HostRequest, JoinRequest, MembershipInfo};
use crate::app::Record;
use crate::net::ClientId;
use crate::protocol::{Invite, RoomCrypto};

/// How to enter, until it has succeeded once.
pub(super) enum Plan {
    /// Open a new room.
    Host(HostRequest),
    /// Join one.
    Join(JoinRequest),
    /// Come back, by the record.
    Known,
    /// There is no way: the room is over.
    Over,
}

/// How far it has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// Nothing is happening.
    Idle,
    /// Waits until the identity is read or made.
    NeedsIdentity,
    /// Waits until this computer listens.
    NeedsListener,
    /// A client runs.
    Running {
        /// Which.
        client: ClientId,
        /// Whether it was in the room at least once; before that, nothing can be sent.
        ready: bool,
    },
}

/// One profile's share in one room.
pub(super) struct Membership {
    /// What the front ends know of it.
    pub(super) info: MembershipInfo,
    /// The crypto of the room, with its consent.
    pub(super) crypto: RoomCrypto,
    /// How to enter.
    pub(super) plan: Plan,
    /// How far it has got.
    pub(super) progress: Progress,
    /// The room's record, once the room is known.
    pub(super) record: Option<Record>,
    /// Whether the record has to be written.
    pub(super) unsaved: bool,
    /// An entry the owner signed is in the record but not on disk yet; until then the client keeps
    /// it to itself. The number under which it confirms that to the client.
    pub(super) entry_unsaved: Option<u64>,
    /// Messages not yet on the host, in order. It outlives a client, so that nothing typed is lost when one has to
    /// restart.
    pub(super) outbox: Outbox,
    /// Invites asked for before the room was ready.
    pub(super) invites_wanted: usize,
    /// A fresh invite to this room that is being tried. What it says about the host is stored only once that host has
    /// shown the room.
    pub(super) offered: Option<Invite>,
    /// Whether the client is in the room at this moment.
    pub(super) is_here: bool,
    /// Whether the host was asked what it allows.
    pub(super) asked: bool,
}

impl Membership {
    pub(super) fn new(info: MembershipInfo, crypto: RoomCrypto, plan: Plan) -> Self {
        Self {
            info,
            crypto,
            plan,
            progress: Progress::Idle,
            record: None,
            unsaved: false,
            entry_unsaved: None,
            outbox: Outbox::default(),
            invites_wanted: 0,
            offered: None,
            is_here: false,
            asked: false,
        }
    }

    /// The client that runs here.
    pub(super) const fn client(&self) -> Option<ClientId> {
        match self.progress {
            Progress::Running { client, .. } => Some(client),
            _ => None,
        }
    }

    /// Whether messages can be handed to the client.
    pub(super) const fn is_ready(&self) -> bool {
        matches!(self.progress, Progress::Running { ready: true, .. })
    }
}
