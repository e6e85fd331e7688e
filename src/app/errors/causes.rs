//! What each layer's errors mean for a person.

use super::{Action, Code, Problem, say};
use crate::app::clock;
use crate::crypto::{CryptoError, Fingerprint};
use crate::net::{AddressError, ListenError};
use crate::protocol::{ByeCode, Fault, LinkError, RefuseCode, RoomCode, Stop};

impl From<&LinkError> for Problem {
    fn from(error: &LinkError) -> Self {
        let (code, what, hint, action) = match error {
            LinkError::Refused { address } => (
                Code::Refused,
                say!("Nobody is hosting at {}.", address),
                say!("The host may have closed the room."),
                Some(Action::Retry),
            ),
            LinkError::TimedOut { address } => (
                Code::TimedOut,
                say!("No answer from {}.", address),
                say!("Usually a firewall, a guest Wi-Fi that isolates devices, or a VPN."),
                Some(Action::CheckNetwork),
            ),
            LinkError::NoSuchHost { address } => (
                Code::NoSuchHost,
                say!("{} cannot be found.", address),
                say!("Check the spelling. An address is a name or number and a port, as in 192.168.1.7:9000."),
                Some(Action::EditAddress),
            ),
            LinkError::Nobody { address } => return Self::of_address(address, AddressError::Nobody),
            LinkError::OutOfFiles => return Self::out_of_files(),
            LinkError::HostKeyChanged { expected, seen } => return Self::host_key(expected, seen),
            LinkError::NotConversa { address } => (
                Code::NotConversa,
                say!("What answers at {} is not Conversa, or another version of it.", address),
                say!("Check the address and the port, and that both sides have the newest Conversa."),
                Some(Action::EditAddress),
            ),
            LinkError::LearningHost { .. } => return Self::learning_room().with_detail(error),
            LinkError::SecureHost { address } => (
                Code::SecureRoom,
                say!("The rooms at {} are secure, not learning rooms.", address),
                say!("Join without the learning choice."),
                Some(Action::JoinSecurely),
            ),
            LinkError::Cut => (
                Code::Cut,
                say!("The connection to the host was cut."),
                say!("The network failed, or the host's computer stopped without a goodbye."),
                Some(Action::Retry),
            ),
            LinkError::Closed => return Self::goodbye(ByeCode::GoingAway).with_detail(error),
            LinkError::Goodbye(code) => return Self::goodbye(*code).with_detail(error),
            LinkError::TurnedAway(code) => return Self::turned_away(*code).with_detail(error),
            LinkError::Protocol => (
                Code::Protocol,
                say!("The host sent something it must not."),
                say!("It may be another version of Conversa, or dishonest."),
                Some(Action::Retry),
            ),
            LinkError::OlderRoster { .. } => (
                Code::RolledBack,
                say!("The host shows an older list of members than you have seen."),
                say!(
                    "Nothing was sent: somebody who was removed may be on that list. The host may be waiting for the owner."
                ),
                Some(Action::Retry),
            ),
            LinkError::System { address, reason } => (
                Code::Network,
                say!("The connection to {} failed.", address),
                say!("The system says: {}.", reason),
                Some(Action::Retry),
            ),
        };
        Self { action, ..Self::new(code, what, hint).with_detail(error) }
    }
}

impl Problem {
    /// The host's key is not the pinned one. No button leads on from here.
    #[must_use]
    pub fn host_key(expected: &Fingerprint, seen: &Fingerprint) -> Self {
        let what = say!("The host's key is not the expected one. Nothing was sent.");
        let hint = say!(
            "Another computer may answer at this address, or somebody may be in between. Ask the host for a new invite, \
             over a way you trust."
        );
        let detail = say!("expected {}\nseen     {}", expected.grouped(), seen.grouped());
        Self { detail, ..Self::new(Code::HostKey, what, hint) }
    }
}

/// What a host says about itself and about us. Each reason it gives has its own sentence.
impl Problem {
    /// The host ended the connection with this code.
    #[must_use]
    pub fn goodbye(code: ByeCode) -> Self {
        let network = || say!("Usually the network is slow, or broken.");
        let (problem, what, hint) = match code {
            ByeCode::Leaving | ByeCode::GoingAway => {
                (Code::HostClosed, say!("The host went offline."), say!("Messages wait here until it is back."))
            }
            ByeCode::Protocol => (
                Code::Rejected,
                say!("The host says that this Conversa broke the protocol."),
                say!("One of the two may be another version of Conversa, or faulty."),
            ),
            ByeCode::Slow => {
                (Code::TooSlow, say!("The host cut the connection: this computer did not keep up."), network())
            }
            ByeCode::TimedOut => {
                (Code::Silent, say!("The host cut the connection: it heard nothing from this computer."), network())
            }
            ByeCode::Rate => (
                Code::TooFast,
                say!("The host cut the connection: too much was sent at once."),
                say!("It takes more in a few seconds."),
            ),
            // The owner's entry would already have ended it. This is only the host's word.
            ByeCode::Removed => (
                Code::RemovalUnproven,
                say!("The host says that the owner removed you, but shows nothing that the owner signed."),
                say!(
                    "Only the owner can remove you, so you still count as a member here. Ask the owner over another channel."
                ),
            ),
            ByeCode::Closed => (
                Code::ClosingUnproven,
                say!("The host says that the owner closed this room, but shows nothing that the owner signed."),
                say!("Only the owner can close it. Ask the owner over another channel."),
            ),
            ByeCode::Replaced => return Self::replaced(),
            ByeCode::Other(code) => (
                Code::UnknownReason,
                say!("The host ended the connection for a reason that this version does not know: {}.", code),
                say!("Check that both sides have the newest Conversa."),
            ),
        };
        Self::new(problem, what, hint).with_action(Action::Retry)
    }

    /// The host does not let a member in now, for this reason; it is retried.
    #[must_use]
    pub fn turned_away(code: RefuseCode) -> Self {
        let (problem, what, hint) = match code {
            RefuseCode::NoRoom => (
                Code::NoRoom,
                say!("The host is there, but this room is not open."),
                say!("Its owner opens it again on coming back."),
            ),
            RefuseCode::NoKnocking => (
                Code::NoKnocking,
                say!("The host does not know yet that you are a member."),
                say!("It learns that when the room's owner comes back."),
            ),
            RefuseCode::Busy => (
                Code::Busy,
                say!("The host is full or busy."),
                say!("It holds as many rooms, or as many people wait there, as it can take."),
            ),
            code => return Self::from(code),
        };
        Self::new(problem, what, hint).with_action(Action::Retry)
    }

    fn removed() -> Self {
        let hint = say!("Only the owner can let you in again.");
        Self::new(Code::Removed, say!("The owner removed you from this room."), hint)
    }

    fn closed() -> Self {
        Self::new(Code::Closed, say!("The owner closed this room."), say!(""))
    }

    fn replaced() -> Self {
        let hint =
            say!("One identity can be in a room once. Quit the other Conversa, or give it an identity of its own.");
        Self::new(Code::Replaced, say!("You joined this room from somewhere else."), hint)
    }
}

impl Problem {
    /// A text, as given, is not an address at which a host can be reached.
    #[must_use]
    pub fn of_address(text: &str, error: AddressError) -> Self {
        let nobody = || say!("Nobody can be reached at {}.", text);
        let (what, hint) = match error {
            AddressError::Malformed | AddressError::Port => (
                say!("“{}” is neither an invite nor an address.", text),
                say!(
                    "Paste an invite that starts with conversa:, or type a name or number and a port, as in \
                     192.168.1.7:9000."
                ),
            ),
            AddressError::Unspecified => (
                nobody(),
                say!(
                    "It stands for all addresses of the computer that hosts. Ask for one of them, as in \
                     192.168.1.7:9000; on that computer itself it is 127.0.0.1."
                ),
            ),
            AddressError::Nobody => (
                nobody(),
                say!(
                    "It stands for many computers at once, or for none. Ask for the address of the computer that \
                     hosts, as in 192.168.1.7:9000."
                ),
            ),
        };
        Self::new(Code::NoSuchHost, what, hint).with_action(Action::EditAddress)
    }

    /// An address to listen at, as given, is not valid.
    #[must_use]
    pub fn nobody_to_listen(text: &str) -> Self {
        let hint = say!("Use 0.0.0.0 to be reachable at all addresses of this computer.");
        Self::new(Code::CannotListen, say!("Nobody can be reached at {}.", text), hint)
    }

    /// An address names a network that this computer is not in.
    #[must_use]
    pub fn no_such_scope(scope: &str) -> Self {
        let hint = say!("Leave out the % and what follows it, and Conversa looks in each network.");
        Self::new(Code::NoSuchHost, say!("This computer has no network interface “{}”.", scope), hint)
            .with_action(Action::EditAddress)
    }

    /// Too many files are open.
    #[must_use]
    pub fn out_of_files() -> Self {
        let what = say!("Conversa may not open more files or connections.");
        let hint = say!("Close other programs, or let it open more: `ulimit -n 1024` before it starts.");
        Self::new(Code::Network, what, hint).with_action(Action::Retry)
    }
}

impl From<RefuseCode> for Problem {
    fn from(code: RefuseCode) -> Self {
        let (problem, what, hint) = match code {
            RefuseCode::Invite => (
                Code::InviteRefused,
                say!("This invite was used or withdrawn, or has expired."),
                say!("Each invite lets one person in. Ask the person who sent it for a new one."),
            ),
            RefuseCode::Bundle => (
                Code::BundleRefused,
                say!("The host does not accept this computer's date, which is {}.", clock::date(clock::now_ms())),
                say!(
                    "If the clock is wrong, set it and try again. If it is right, the host's clock is wrong by more than \
                     a day: tell whoever hosts."
                ),
            ),
            RefuseCode::Full => {
                (Code::Full, say!("The room is full."), say!("Ask its owner to make room, or to open another."))
            }
            RefuseCode::OwnerAway => (
                Code::OwnerAway,
                say!("The room's owner is not there, and only the owner can let you in."),
                say!("Try again when the owner is connected."),
            ),
            RefuseCode::Declined => {
                (Code::Declined, say!("The room's owner declined."), say!("Ask the owner why, or for an invite."))
            }
            RefuseCode::NoRoom => (
                Code::NoRoom,
                say!("This room is no longer here."),
                say!("The host may have closed it. Ask its owner for a new invite."),
            ),
            RefuseCode::Busy => (Code::Busy, say!("The host is busy."), say!("Try again in a minute.")),
            RefuseCode::Unstored => (
                Code::Unstored,
                say!("The owner's computer cannot save new members at the moment."),
                say!("Its disk may be full. Tell the owner, then try again."),
            ),
            RefuseCode::Open => (
                Code::OpenRefused,
                say!("This host does not let you open rooms."),
                say!("Check the relay's token; whoever runs the relay knows it."),
            ),
            RefuseCode::NoKnocking => (
                Code::NoKnocking,
                say!("This room only accepts people with an invite."),
                say!("Ask its owner for an invite."),
            ),
            RefuseCode::Gone | RefuseCode::Stale => {
                (Code::Unexpected, say!("The host lost track of the conversation."), say!("Join again."))
            }
            RefuseCode::Other(code) => (
                Code::UnknownReason,
                say!("The host refused for a reason that this version does not know: {}.", code),
                say!("Check that both sides have the newest Conversa."),
            ),
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
        let hint = say!("Nothing was sent. If it happens again, restart Conversa.");
        Self::new(Code::Crypto, say!("A key could not be created or used."), hint).with_detail(error)
    }
}

impl Problem {
    /// How a room ended, or `None` where the person asked for it.
    #[must_use]
    pub fn of_stop(stop: &Stop) -> Option<Self> {
        let problem = match stop {
            Stop::Left | Stop::Offline => return None,
            Stop::Removed => Self::removed(),
            Stop::Closed => Self::closed(),
            Stop::Replaced => Self::replaced(),
            Stop::Refused(code) => Self::from(*code),
            Stop::InviteOver { expires_ms, ours_ms } => Self::new(
                Code::InviteRefused,
                say!(
                    "This invite was valid until {}, and this computer's clock says {}.",
                    clock::date(*expires_ms),
                    clock::date(*ours_ms)
                ),
                say!(
                    "If the clock is wrong, set it and try again. Otherwise ask the person who sent the invite for a \
                     new one."
                ),
            )
            .with_action(Action::EditAddress),
            Stop::Unreachable(error) => Self::from(error),
            Stop::Protocol(Fault::Fork) => Self::new(
                Code::Protocol,
                say!("There are two conflicting lists of members. The room was stopped."),
                say!(
                    "The owner or the host shows different members different things. Compare the room code with them."
                ),
            ),
            Stop::Protocol(fault) => Self::new(
                Code::Protocol,
                say!("The host sent something that an honest host does not send. The room was stopped."),
                say!("It may be another version of Conversa, or somebody may have changed the host's program."),
            )
            .with_detail(format!("{fault:?}")),
            Stop::RolledBack { known, hash, shown } => Self::rolled_back(*known, hash, *shown),
            Stop::BadRecord => Self::new(
                Code::RoomCorrupt,
                say!("What this computer stores about this room is damaged."),
                say!(
                    "The disk may be failing. Restore the profile from a backup, or ask the room's owner for a new invite."
                ),
            ),
            Stop::WrongRoom => Self::new(
                Code::WrongRoom,
                say!("This is not the room you were invited to."),
                say!("Ask the person who sent the invite for a new one."),
            ),
            Stop::Crypto(error) => Self::from(*error),
        };
        Some(problem)
    }

    /// The record of an owned room is an older copy: it lacks entries that were signed since.
    #[must_use]
    pub fn record_of_before(title: &str) -> Self {
        let what = say!("The record of your room “{}” is older than what you signed.", title);
        let hint =
            say!("An older copy of the profile was restored. With it, members who were removed would be back, too.");
        Self::new(Code::RoomCorrupt, what, hint)
    }

    /// The record of an owned room is gone.
    #[must_use]
    pub fn lost_record(title: &str, path: &std::path::Path) -> Self {
        let what = say!("The record of your room “{}” in {} is missing or damaged.", title, path.display());
        let hint = say!("Put the file back from a backup. To open another room of that name all the same, use --new.");
        Self::new(Code::RoomCorrupt, what, hint)
    }

    fn rolled_back(known: u64, hash: &[u8; 32], shown: u64) -> Self {
        let what = say!("The host shows an older list of members than you have seen. The room was stopped.");
        let hint = say!(
            "Somebody who was removed may be on that list. Compare the room code with the owner over another channel; yours is {}.",
            RoomCode::of(hash)
        );
        let detail = format!("{known} roster entries were seen, {shown} are shown");
        Self::new(Code::RolledBack, what, hint).with_detail(detail).with_action(Action::Retry)
    }

    /// Hosting at `address` failed.
    #[must_use]
    pub fn of_listen(address: std::net::SocketAddr, reason: &ListenError) -> Self {
        let port = address.port();
        let next = if port == u16::MAX { 9_000 } else { port + 1 };
        match reason {
            ListenError::InUse => {
                let what = say!("Port {} is used by another program.", port);
                Self::new(Code::PortInUse, what, say!("Use another one, such as {}.", next))
                    .with_action(Action::UsePort(next))
            }
            ListenError::NotAvailable => Self::new(
                Code::CannotListen,
                say!("{} is not an address of this computer.", address.ip()),
                say!("Use 0.0.0.0 to be reachable at all its addresses."),
            ),
            ListenError::Nobody => Self::nobody_to_listen(&address.ip().to_string()),
            ListenError::OutOfFiles => Self::out_of_files(),
            ListenError::Denied => Self::new(
                Code::CannotListen,
                say!("The system does not let Conversa host at port {}.", port),
                say!("Ports below 1024 are usually reserved. Use a larger one, such as 9000."),
            )
            .with_action(Action::UsePort(9_000)),
            ListenError::System(reason) => Self::new(
                Code::CannotListen,
                say!("Hosting at {} failed.", address),
                say!("The system says: {}.", reason),
            ),
        }
    }
}
