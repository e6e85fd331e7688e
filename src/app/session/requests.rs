//! What a session finds, and what it is asked for.

use std::net::SocketAddr;

use crate::app::{JoinTarget, LostRoom, Problem, Settings};
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::{LearningConsent, RelayToken, RoomCrypto, RoomId};

/// A membership in a room, known or about to be, during this run of the app. It identifies a room before the room's id
/// is known, and stays the same when the person comes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MembershipId(pub u64);

/// What [`Session::open`](super::Session::open) found in the profile.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The settings, or the defaults.
    pub settings: Settings,
    /// The rooms this profile is a member of, the newest first. None is connected yet: see
    /// [`Session::enter`](super::Session::enter).
    pub rooms: Vec<KnownRoom>,
    /// Rooms that this profile owns and whose record is lost: no new room replaces them unasked.
    pub lost: Vec<LostRoom>,
    /// What could not be read and was set aside; to show once.
    pub warnings: Vec<Problem>,
}

/// A room of the profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownRoom {
    /// The membership in it.
    pub membership: MembershipId,
    /// What is known of it.
    pub info: MembershipInfo,
}

/// What is known about a membership's room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MembershipInfo {
    /// Its id; when joining by an address, unknown until entered.
    pub room: Option<RoomId>,
    /// Its suite.
    pub suite: Suite,
    /// Its title; empty until it is known.
    pub title: String,
    /// Where it is hosted: the addresses, the best first.
    pub addresses: Vec<String>,
    /// Whether this profile's identity owns it.
    pub owned: bool,
    /// Whether this computer relays it.
    pub hosted_here: bool,
    /// Whether joiners without an invite may ask. The genesis says so, so it never changes.
    pub knocking: bool,
}

/// Where a new room is hosted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostPlace {
    /// On this computer, listening at an address; port 0 lets the system choose.
    Here(SocketAddr),
    /// On a relay.
    Relay {
        /// Its `host:port`.
        address: String,
        /// The token it asks for before it lets somebody open a room.
        token: Option<RelayToken>,
        /// Its key, if known; otherwise it is asked for by `Event::FirstUse`.
        pin: Option<Fingerprint>,
    },
}

/// A room to open.
#[derive(Clone)]
pub struct HostRequest {
    /// Its title, as [`crate::protocol::check_name`] allows.
    pub title: String,
    /// Its suite, with consent where one is needed.
    pub crypto: RoomCrypto,
    /// Where it is hosted.
    pub place: HostPlace,
    /// Whether joiners without an invite may ask.
    pub knock: bool,
    /// The most members it may have: at most [`crate::protocol::limits::MEMBERS_HARD_MAX`].
    pub members_max: u16,
}

/// A room to join.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    /// An invite or an address.
    pub target: JoinTarget,
    /// The answer to the learning room's warning; without it only secure rooms can be joined.
    pub learning: Option<LearningConsent>,
    /// The host's key, if the person supplied it; an invite brings its own.
    pub pin: Option<Fingerprint>,
    /// Whether to show an invite's room before joining it: `Event::Lobby` follows, and
    /// [`Session::knock`](super::Session::knock) continues. For an address that is always so.
    pub look: bool,
}
