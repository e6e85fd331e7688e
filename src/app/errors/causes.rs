//! What each layer's errors mean for a person.

use super::{Action, Code, Problem};
use crate::crypto::{CryptoError, Fingerprint};
use crate::net::ListenError;
use crate::protocol::{LinkError, RefuseCode, Stop};

impl From<&LinkError> for Problem {
    fn from(error: &LinkError) -> Self {
        let (code, what, hint, action) = match error {
            LinkError::Refused { address } => (
                Code::Refused,
                format!("Nobody is hosting at {address}."),
                "The host may have closed the room.".to_owned(),
                Some(Action::Retry),
            ),
            LinkError::TimedOut { address } => (
                Code::TimedOut,
                format!("No answer from {address}."),
                "Usually a firewall, a guest Wi-Fi that isolates devices, or a VPN.".to_owned(),
                Some(Action::CheckNetwork),
            ),
            LinkError::NoSuchHost { address } => (
                Code::NoSuchHost,
                format!("{address} cannot be found."),
                "Check the spelling. An address is a name or number and a port, as in 192.168.1.7:9000.".to_owned(),
                Some(Action::EditAddress),
            ),
            LinkError::HostKeyChanged { expected, seen } => return Self::host_key(expected, seen),
            LinkError::NotConversa { address } => (
                Code::NotConversa,
                format!("What answers at {address} is not Conversa, or another version of it."),
                "Check the address and the port, and that both sides have the newest Conversa.".to_owned(),
                Some(Action::EditAddress),
            ),
            LinkError::LearningHost { .. } => return Self::learning_room().with_detail(error),
            LinkError::SecureHost { address } => (
                Code::SecureRoom,
                format!("The rooms at {address} are secure, not learning rooms."),
                "Join without the learning choice.".to_owned(),
                Some(Action::JoinSecurely),
            ),
            LinkError::Cut => (
                Code::Cut,
                "The connection to the host was cut.".to_owned(),
                "The network failed, or the host's computer stopped without a goodbye.".to_owned(),
                Some(Action::Retry),
            ),
            LinkError::Closed => (
                Code::HostClosed,
                "The host went offline.".to_owned(),
                "Messages wait here until it is back.".to_owned(),
                Some(Action::Retry),
            ),
            LinkError::Protocol => (
                Code::Protocol,
                "The host sent something it must not.".to_owned(),
                "It may be another version of Conversa, or not be honest.".to_owned(),
                Some(Action::Retry),
            ),
            LinkError::System { address, reason } => (
                Code::Network,
                format!("The connection to {address} failed."),
                format!("The system says: {reason}."),
                Some(Action::Retry),
            ),
        };
        Self { code, what, hint, action, detail: error.to_string() }
    }
}

impl Problem {
    /// The host's key is not the pinned one. There is no way to go on from here by a button.
    #[must_use]
    pub fn host_key(expected: &Fingerprint, seen: &Fingerprint) -> Self {
        let what = "The host's key is not the expected one. Nothing was sent.";
        let hint = "Another computer may answer at this address, or somebody may be in between. Ask the host for a \
                    new invite, over a way you trust.";
        let detail = format!("expected {}\nseen     {}", expected.grouped(), seen.grouped());
        Self::new(Code::HostKey, what, hint).with_detail(detail)
    }
}

impl From<RefuseCode> for Problem {
    fn from(code: RefuseCode) -> Self {
        let (problem, what, hint) = match code {
            RefuseCode::Invite => (
                Code::InviteRefused,
                "This invite was used, withdrawn, or is too old.",
                "Each invite lets one person in. Ask the person who sent it for a new one.",
            ),
            RefuseCode::Bundle => (
                Code::BundleRefused,
                "The host does not accept this identity.",
                "Check that this computer's clock and date are right.",
            ),
            RefuseCode::Full => (Code::Full, "The room is full.", "Ask its owner to make room, or to open another."),
            RefuseCode::OwnerAway => (
                Code::OwnerAway,
                "The room's owner is not there, and only the owner can let you in.",
                "Try again when the owner is connected.",
            ),
            RefuseCode::Declined => {
                (Code::Declined, "The room's owner declined.", "Ask the owner why, or for an invite.")
            }
            RefuseCode::NoRoom => (
                Code::NoRoom,
                "This room is not here any more.",
                "The host may have closed it. Ask its owner for a new invite.",
            ),
            RefuseCode::Busy => (Code::Busy, "The host is busy.", "Try again in a minute."),
            RefuseCode::Open => (
                Code::OpenRefused,
                "This host does not let you open rooms.",
                "Check the relay's token; whoever runs the relay knows it.",
            ),
            RefuseCode::NoKnocking => {
                (Code::NoKnocking, "This room takes people with an invite only.", "Ask its owner for an invite.")
            }
            RefuseCode::Gone | RefuseCode::Stale => {
                (Code::Unexpected, "The host lost the thread of the conversation.", "Join again.")
            }
        };
        let action = match problem {
            Code::InviteRefused | Code::NoKnocking | Code::OpenRefused => Action::EditAddress,
            _ => Action::Retry,
        };
        Self::new(problem, what, hint).with_action(action).with_detail(format!("{code:?}"))
    }
}

impl From<CryptoError> for Problem {
    fn from(error: CryptoError) -> Self {
        let hint = "Nothing was sent. If it happens again, restart Conversa.";
        Self::new(Code::Crypto, "A key could not be made or used.", hint).with_detail(error)
    }
}

impl Problem {
    /// How a room ended, or `None` where the person asked for it.
    #[must_use]
    pub fn of_stop(stop: &Stop) -> Option<Self> {
        let problem = match stop {
            Stop::Left | Stop::Offline => return None,
            Stop::Removed => Self::new(
                Code::Removed,
                "The owner removed you from this room.",
                "Only the owner can let you in again.",
            ),
            Stop::Closed => Self::new(Code::Closed, "The owner closed this room.", ""),
            Stop::Replaced => Self::new(
                Code::Replaced,
                "You came into this room from somewhere else.",
                "One identity can be in a room once. Quit the other Conversa, or give it an identity of its own.",
            ),
            Stop::Refused(code) => Self::from(*code),
            Stop::Unreachable(error) => Self::from(error),
            Stop::Protocol(fault) => Self::new(
                Code::Protocol,
                "The host sent something that an honest host does not send. The room was stopped.",
                "It may be another version of Conversa, or somebody may have changed the host's program.",
            )
            .with_detail(format!("{fault:?}")),
            Stop::WrongRoom => Self::new(
                Code::WrongRoom,
                "This is not the room you were invited to.",
                "Ask the person who sent the invite for a new one.",
            ),
            Stop::Crypto(error) => Self::from(*error),
        };
        Some(problem)
    }

    /// Hosting at `address` failed.
    #[must_use]
    pub fn of_listen(address: std::net::SocketAddr, reason: &ListenError) -> Self {
        let port = address.port();
        let next = if port == u16::MAX { 9_000 } else { port + 1 };
        match reason {
            ListenError::InUse => {
                let what = format!("Port {port} is used by another program.");
                Self::new(Code::PortInUse, what, format!("Use another one, such as {next}."))
                    .with_action(Action::UsePort(next))
            }
            ListenError::NotAvailable => Self::new(
                Code::CannotListen,
                format!("{} is not an address of this computer.", address.ip()),
                "Use 0.0.0.0 to be reachable at all its addresses.",
            ),
            ListenError::Denied => Self::new(
                Code::CannotListen,
                format!("The system does not let Conversa host at port {port}."),
                "Ports below 1024 are usually reserved. Use a larger one, such as 9000.",
            )
            .with_action(Action::UsePort(9_000)),
            ListenError::System(reason) => Self::new(
                Code::CannotListen,
                format!("Hosting at {address} failed."),
                format!("The system says: {reason}."),
            ),
        }
    }
}
