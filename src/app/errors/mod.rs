//! What went wrong, in words a person can act on: what happened, the most likely cause, one thing to do; and for
//! scripts, a stable code and an exit code.
//!
//! Both front ends show the same [`Problem`]. Detail that only a developer needs goes to `detail`.

mod causes;
mod files;
mod logs;
mod sentence;
mod stores;

use std::fmt;

pub(crate) use self::sentence::say;
pub use self::sentence::{SENTENCE_VALUES_MAX, Sentence};
use crate::protocol::NameError;
use crate::protocol::limits::NAME_CHARS_MAX;

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
    /// The request makes no sense.
    Usage = "usage", 2;
    /// This computer itself hosts at the address.
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
    /// The host says that this program broke the protocol.
    Rejected = "rejected", 3;
    /// This computer did not take what the host sent fast enough.
    TooSlow = "too_slow", 3;
    /// The host heard nothing from this computer.
    Silent = "silent", 3;
    /// More was sent at once than the host accepts.
    TooFast = "too_fast", 3;
    /// The host gave a reason that this version does not know.
    UnknownReason = "unknown_reason", 3;
    /// The host says that the owner removed this member, and shows nothing that the owner signed.
    RemovalUnproven = "removal_unproven", 3;
    /// The host says that the owner closed the room, and shows nothing that the owner signed.
    ClosingUnproven = "closing_unproven", 3;
    /// The network said something else.
    Network = "network", 3;
    /// The address to host at is in use.
    PortInUse = "port_in_use", 3;
    /// The address to host at is not one of this computer's, or not allowed.
    CannotListen = "cannot_listen", 3;
    /// Messages could not be handed over in time.
    Unsent = "unsent", 3;
    /// The invite is wrong, used, withdrawn or expired.
    InviteRefused = "invite", 4;
    /// The room is full.
    Full = "full", 4;
    /// The owner, who alone can admit, is away.
    OwnerAway = "owner_away", 4;
    /// The owner said no.
    Declined = "declined", 4;
    /// No such room at this host.
    NoRoom = "no_room", 4;
    /// The host is busy.
    Busy = "busy", 4;
    /// The owner's computer cannot save who joins.
    Unstored = "unstored", 4;
    /// The host lets only some people open rooms.
    OpenRefused = "open", 4;
    /// The room takes invites only.
    NoKnocking = "no_knocking", 4;
    /// This computer's date cannot be right.
    Clock = "clock", 4;
    /// The host does not accept this identity's keys.
    BundleRefused = "bundle", 4;
    /// A learning room, without consent.
    LearningRoom = "learning_room", 4;
    /// A secure room where a learning one was asked for.
    SecureRoom = "secure_room", 4;
    /// The owner removed this member.
    Removed = "removed", 4;
    /// The owner closed the room.
    Closed = "closed", 4;
    /// The same identity connected from elsewhere.
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
    /// The passphrase cannot be used.
    BadPassphrase = "bad_passphrase", 5;
    /// The passphrase is wrong.
    WrongPassphrase = "wrong_passphrase", 5;
    /// There is no usable keyring.
    Keyring = "keyring", 5;
    /// Keys could not be made or used.
    Crypto = "crypto", 5;
    /// There is no identity, or there is one already.
    Identity = "identity", 5;
    /// The host's key is not the expected one.
    HostKey = "host_key", 6;
    /// The host is new, and nobody confirmed its key.
    FirstUse = "first_use", 6;
    /// A different room answered.
    WrongRoom = "wrong_room", 6;
    /// The host shows an older list of members than was seen.
    RolledBack = "rolled_back", 6;
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
    /// The messages of earlier runs cannot be read.
    StoreUnreadable = "store_unreadable", 7;
}

/// The button that goes with a problem.
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
}

/// Something that went wrong, for a person and for a script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What kind.
    pub code: Code,
    /// What happened, one sentence.
    pub what: Sentence,
    /// The likely cause or what to do, one or two sentences; may be empty.
    pub hint: Sentence,
    /// The button that goes with it.
    pub action: Option<Action>,
    /// Raw detail behind *Details*, for whoever helps: usually the error itself, in English; may be empty.
    pub detail: Sentence,
}

impl Problem {
    /// A problem without button and detail.
    #[must_use]
    pub fn new(code: Code, what: Sentence, hint: Sentence) -> Self {
        Self { code, what, hint, action: None, detail: say!("") }
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
        self.detail = say!("{}", detail);
        self
    }

    /// What happened and what to do, on one line.
    #[must_use]
    pub fn text(&self) -> String {
        if self.hint.is_empty() { self.what.to_string() } else { format!("{} {}", self.what, self.hint) }
    }

    /// A learning room was found, without consent.
    #[must_use]
    pub fn learning_room() -> Self {
        let what = say!("This is a learning room: anyone on the network can read what is said in it.");
        let hint = say!("It shows how textbook RSA fails. Join only to learn, and never say anything private there.");
        Self::new(Code::LearningRoom, what, hint).with_action(Action::JoinForLearning)
    }

    /// Somebody tries to join their own room.
    #[must_use]
    pub fn own_address() -> Self {
        let hint = say!("You are in this room already; give the invite to somebody else.");
        Self::new(Code::OwnAddress, say!("That is you."), hint)
    }

    /// An invalid name or title.
    #[must_use]
    pub fn bad_name(error: NameError) -> Self {
        let hint = match error {
            NameError::Empty => say!("Choose another: a name needs at least one visible character."),
            NameError::TooLong => say!("Choose another: a name has at most {} characters.", NAME_CHARS_MAX),
            NameError::Invisible => {
                say!(
                    "Choose another: a name cannot have invisible characters, or ones that change the direction of text."
                )
            }
            NameError::Marks => {
                say!(
                    "Choose another: a name has at most four accents on a letter, each once, and none at its beginning."
                )
            }
        };
        Self::new(Code::Usage, say!("This name cannot be used."), hint)
    }

    /// A room of a later protocol.
    #[must_use]
    pub fn newer_protocol() -> Self {
        let what = say!("This room needs a newer Conversa: it does not speak protocol 1, as this one does.");
        Self::new(Code::Newer, what, say!("Update Conversa, then use the invite again."))
    }

    /// The system provided no thread or no event loop.
    #[must_use]
    pub fn cannot_start(error: &std::io::Error) -> Self {
        let hint = say!("The system says: {}.", error);
        Self::new(Code::Unexpected, say!("Conversa could not start."), hint).with_detail(error)
    }

    /// A message is longer than a room of this size allows.
    #[must_use]
    pub fn over_limit(limit: usize) -> Self {
        let what = say!("This message is too long: in this room it may have about {} bytes.", limit);
        Self::new(Code::TooLong, what, say!("Send it in parts."))
    }

    /// Too many messages wait already.
    #[must_use]
    pub fn outbox_full() -> Self {
        let hint = say!("Wait until the room is connected again; this one was not accepted.");
        Self::new(Code::OutboxFull, say!("Too many messages wait to be sent."), hint)
    }

    /// A text is longer than a room allows.
    #[must_use]
    pub fn too_long(bytes: usize, limit: usize) -> Self {
        let what = say!("This message has {} bytes; a message may have {}.", bytes, limit);
        Self::new(Code::TooLong, what, say!("Send it in parts."))
    }

    /// A text that does not fit where it is written.
    #[must_use]
    pub fn no_room_to_write(bytes: usize, limit: usize) -> Self {
        let what = say!("This text is too long to write here: {} of at most {} bytes.", bytes, limit);
        Self::new(Code::TooLong, what, say!("It was left out. Take a smaller part, or send what is there first."))
    }

    /// An owner's change to the members cannot be written, so nobody else sees it yet.
    #[must_use]
    pub fn entry_unstored() -> Self {
        let what = say!("A change to the members cannot be saved. Until it can, nobody is added or removed.");
        let hint = say!("Free some space, or let Conversa write to its profile. It tries again every few seconds.");
        Self::new(Code::CannotWrite, what, hint)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ListenError;
    use crate::protocol::{LinkError, RefuseCode, Stop};

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
        assert_eq!(taken.what.to_string(), "Port 9000 is used by another program.");
        assert_eq!(taken.action, Some(Action::UsePort(9_001)));
        assert_eq!(Problem::of_stop(&Stop::Left), None);
        assert_eq!(Problem::from(RefuseCode::Invite).code.exit(), 4);
    }
}
