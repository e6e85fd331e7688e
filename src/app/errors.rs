//! What went wrong, in words a person can act on: what happened, the most likely cause, one thing
//! to do; and for scripts a stable code and an exit code.
//!
//! Both faces show the same [`Problem`]. Detail that only a developer needs goes to `detail`.

use std::fmt;
use std::path::Path;

use crate::crypto::{CryptoError, Fingerprint};
use crate::net::ListenError;
use crate::protocol::{LinkError, NameError, RefuseCode, Stop};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $exit:literal;)*) => {
        /// What kind of problem it is. The text and the exit code of each are stable.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code in `{"event":"error","code":…}`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The exit code of a headless command that ends with this problem.
            #[must_use]
            pub const fn exit(self) -> u8 {
                match self { $(Self::$variant => $exit,)* }
            }
        }
    };
}

codes! {
    /// Something nobody expected.
    Unexpected = "unexpected", 1;
    /// There is no display, or this program was built without the window.
    NoWindow = "no_window", 1;
    /// What was asked for makes no sense.
    Usage = "usage", 2;
    /// The address is this computer's own room.
    OwnAddress = "own_address", 2;
    /// No room of that name or id.
    UnknownRoom = "unknown_room", 2;
    /// The invite is damaged or cut off.
    BadInvite = "bad_invite", 2;
    /// Nobody listens at the address.
    Refused = "refused", 3;
    /// No answer from the address.
    TimedOut = "timeout", 3;
    /// The address cannot be found.
    NoSuchHost = "no_such_host", 3;
    /// What answers there is not Conversa.
    NotConversa = "not_conversa", 3;
    /// The connection broke without a goodbye.
    Cut = "cut", 3;
    /// The host said goodbye.
    HostClosed = "host_closed", 3;
    /// The network said something else.
    Network = "network", 3;
    /// The address to host at is in use.
    PortInUse = "port_in_use", 3;
    /// The address to host at is not one of this computer's, or not allowed.
    CannotListen = "cannot_listen", 3;
    /// What was typed could not be handed over in time.
    Unsent = "unsent", 3;
    /// The invite is wrong, used, withdrawn or expired.
    InviteRefused = "invite", 4;
    /// The room is full.
    Full = "full", 4;
    /// The owner, who alone admits, is not there.
    OwnerAway = "owner_away", 4;
    /// The owner said no.
    Declined = "declined", 4;
    /// No such room at this host.
    NoRoom = "no_room", 4;
    /// The host is busy.
    Busy = "busy", 4;
    /// The host lets only some open rooms.
    OpenRefused = "open", 4;
    /// The room takes invites only.
    NoKnocking = "no_knocking", 4;
    /// The host does not accept this identity's keys.
    BundleRefused = "bundle", 4;
    /// A learning room, and no consent.
    LearningRoom = "learning_room", 4;
    /// A secure room where a learning one was asked for.
    SecureRoom = "secure_room", 4;
    /// The owner removed this member.
    Removed = "removed", 4;
    /// The owner closed the room.
    Closed = "closed", 4;
    /// The same identity came in elsewhere.
    Replaced = "replaced", 4;
    /// The room speaks a later protocol.
    Newer = "newer", 4;
    /// A message is longer than the room allows.
    TooLong = "too_long", 4;
    /// Too many messages wait already.
    OutboxFull = "outbox_full", 4;
    /// The identity's file is damaged, incomplete or of another kind.
    IdentityDamaged = "identity_damaged", 5;
    /// The identity is locked by a passphrase that was not given.
    PassphraseNeeded = "passphrase_needed", 5;
    /// The passphrase is not the right one.
    WrongPassphrase = "wrong_passphrase", 5;
    /// Keys could not be made or used.
    Crypto = "crypto", 5;
    /// There is no identity, or there is one already.
    Identity = "identity", 5;
    /// The host's key is not the expected one.
    HostKey = "host_key", 6;
    /// The host is new, and nobody said that its key is right.
    FirstUse = "first_use", 6;
    /// What answered is not the room that was asked for.
    WrongRoom = "wrong_room", 6;
    /// The host or a member broke the protocol.
    Protocol = "protocol", 6;
    /// Another Conversa uses this profile.
    ProfileInUse = "profile_in_use", 7;
    /// A file cannot be written.
    CannotWrite = "cannot_write", 7;
    /// A file cannot be read.
    CannotRead = "cannot_read", 7;
    /// The settings were damaged and set aside.
    SettingsCorrupt = "settings_corrupt", 7;
    /// A room's record was damaged and set aside.
    RoomCorrupt = "room_corrupt", 7;
}

/// The one button that goes with a problem.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Try the same again.
    Retry,
    /// Look at the network settings.
    CheckNetwork,
    /// Host at this port instead.
    UsePort(u16),
    /// Join after the learning room's warning.
    JoinForLearning,
    /// Join without the learning choice.
    JoinSecurely,
    /// Type another invite or address.
    EditAddress,
    /// Give the passphrase.
    Unlock,
    /// Forget the room.
    Forget,
}

impl Action {
    /// A stable name, for the window's buttons.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::CheckNetwork => "check-network",
            Self::UsePort(_) => "use-port",
            Self::JoinForLearning => "join-for-learning",
            Self::JoinSecurely => "join-securely",
            Self::EditAddress => "edit-address",
            Self::Unlock => "unlock",
            Self::Forget => "forget",
        }
    }
}

/// Something that went wrong, for a person and for a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// What happened, one sentence.
    pub what: String,
    /// The likely cause or what to do, one or two sentences; may be empty.
    pub hint: String,
    /// The button that goes with it.
    pub action: Option<Action>,
    /// Raw detail behind *Details*; may be empty.
    pub detail: String,
}

impl Problem {
    /// A problem without button and detail.
    #[must_use]
    pub fn new(code: Code, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, what: what.into(), hint: hint.into(), action: None, detail: String::new() }
    }

    /// With a button.
    #[must_use]
    pub fn with_action(mut self, action: Action) -> Self {
        self.action = Some(action);
        self
    }

    /// With raw detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl fmt::Display) -> Self {
        self.detail = detail.to_string();
        self
    }

    /// What happened and what to do, on one line.
    #[must_use]
    pub fn text(&self) -> String {
        if self.hint.is_empty() { self.what.clone() } else { format!("{} {}", self.what, self.hint) }
    }

    /// A learning room was met without consent.
    #[must_use]
    pub fn learning_room() -> Self {
        let what = "This is a learning room: anyone on the network can read what is said in it.";
        let hint = "It shows how textbook RSA fails. Join only to learn, and never say anything private there.";
        Self::new(Code::LearningRoom, what, hint).with_action(Action::JoinForLearning)
    }

    /// Somebody tries to join their own room.
    #[must_use]
    pub fn own_address() -> Self {
        let hint = "You are in this room already; give the invite to somebody else.";
        Self::new(Code::OwnAddress, "That is you.", hint)
    }

    /// A name or title that cannot be one.
    #[must_use]
    pub fn bad_name(error: NameError) -> Self {
        Self::new(Code::Usage, "This name cannot be used.", format!("Choose another: {error}."))
    }

    /// A room of a later protocol.
    #[must_use]
    pub fn newer_protocol() -> Self {
        let what = "This room needs a newer Conversa: it does not speak protocol 1, as this one does.";
        Self::new(Code::Newer, what, "Update Conversa, then use the invite again.")
    }

    /// The system gave no thread or no loop.
    #[must_use]
    pub fn cannot_start(error: &std::io::Error) -> Self {
        let hint = format!("The system says: {error}.");
        Self::new(Code::Unexpected, "Conversa could not start.", hint).with_detail(error)
    }

    /// A message is longer than a room of this size allows.
    #[must_use]
    pub fn over_limit(limit: usize) -> Self {
        let what = format!("This message is too long: in this room it may have about {limit} bytes.");
        Self::new(Code::TooLong, what, "Send it in parts.")
    }

    /// Too many messages wait already.
    #[must_use]
    pub fn outbox_full() -> Self {
        let hint = "Wait until the room is connected again; this one was not taken.";
        Self::new(Code::OutboxFull, "Too many messages wait to be sent.", hint)
    }

    /// A text is longer than a room allows.
    #[must_use]
    pub fn too_long(bytes: usize, limit: usize) -> Self {
        let what = format!("This message has {bytes} bytes; a message may have {limit}.");
        Self::new(Code::TooLong, what, "Send it in parts.")
    }

    /// A file cannot be written.
    #[must_use]
    pub fn cannot_write(path: &Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "The disk is full. Free some space; nothing stored before is lost, and sending goes on."
            }
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "Conversa may not write there. Nothing stored before is lost, and sending goes on."
            }
            _ => "Nothing stored before is lost, and sending goes on.",
        };
        let what = format!("{} cannot be written.", path.display());
        Self::new(Code::CannotWrite, what, hint).with_action(Action::Retry).with_detail(error)
    }

    /// A file cannot be read.
    #[must_use]
    pub fn cannot_read(path: &Path, error: &std::io::Error) -> Self {
        let what = format!("{} cannot be read.", path.display());
        Self::new(Code::CannotRead, what, format!("The system says: {error}.")).with_detail(error)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl std::error::Error for Problem {}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_and_exit_codes_are_the_documented_ones() {
        let mut texts: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| (1..=7).contains(&code.exit())));
    }

    #[test]
    fn problems_say_what_happened_and_what_to_do() {
        let refused = Problem::from(&LinkError::Refused { address: "192.168.1.7:9000".into() });
        assert_eq!(refused.text(), "Nobody is hosting at 192.168.1.7:9000. The host may have closed the room.");
        assert_eq!((refused.code.as_str(), refused.code.exit()), ("refused", 3));
        let taken = Problem::of_listen(([0, 0, 0, 0], 9_000).into(), &ListenError::InUse);
        assert_eq!(taken.what, "Port 9000 is used by another program.");
        assert_eq!(taken.action, Some(Action::UsePort(9_001)));
        assert_eq!(Problem::of_stop(&Stop::Left), None);
        assert_eq!(Problem::from(RefuseCode::Invite).code.exit(), 4);
    }

    #[test]
    fn a_full_disk_is_named() {
        let error = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let problem = Problem::cannot_write(Path::new("/profile/settings.cbor"), &error);
        assert!(problem.text().contains("/profile/settings.cbor") && problem.text().contains("disk is full"));
        assert_eq!(problem.code.exit(), 7);
    }
}
