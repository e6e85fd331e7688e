//! Every number on the wire that stands for something, as an enum.
//!
//! Not here: the numbers of suites, which a key carries (`crypto`), and what a number leads to (`protocol`).

/// Numbers of which a newer version may have more: an unknown one is reported as it is.
macro_rules! open_codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
            /// A number that this version does not know: reported as it is.
            Other(u8),
        }

        impl $name {
            /// Its number on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* Self::Other(code) => code }
            }

            /// The meaning of a number from the wire.
            #[must_use]
            pub const fn from_code(code: u8) -> Self {
                match code { $($code => Self::$variant,)* other => Self::Other(other) }
            }
        }
    };
}

/// Numbers of which there are no others in this version of the protocol.
macro_rules! closed_codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its number on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The meaning of a number from the wire, if this version knows it.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

closed_codes! {
    /// A frame's type; each is documented at its body.
    FrameKind {
        /// [`super::Join`].
        Join = 0x01,
        /// [`super::Resume`].
        Resume = 0x02,
        /// [`super::Welcome`].
        Welcome = 0x03,
        /// [`super::Refuse`].
        Refuse = 0x04,
        /// [`super::Signed`].
        Roster = 0x05,
        /// [`super::Signed`].
        Prekey = 0x06,
        /// [`super::SkPacket`].
        SkPacket = 0x07,
        /// [`super::Msg`].
        Msg = 0x08,
        /// [`super::Look`].
        Look = 0x09,
        /// [`super::Lobby`].
        Lobby = 0x0a,
        /// [`super::Open`].
        Open = 0x0b,
        /// [`super::Item`].
        Item = 0x10,
        /// [`super::JoinAsk`].
        JoinAsk = 0x11,
        /// [`super::JoinAnswer`].
        JoinAnswer = 0x12,
        /// [`super::Presence`].
        Presence = 0x13,
        /// [`super::Ping`].
        Ping = 0x20,
        /// [`super::Ping`].
        Pong = 0x21,
        /// [`super::Bye`].
        Bye = 0x22,
    }
}

closed_codes! {
    /// What an item of the log is.
    ItemKind {
        /// A roster entry.
        Roster = 1,
        /// A prekey.
        Prekey = 2,
        /// A chain's announcement.
        SkPacket = 3,
        /// A message.
        Msg = 4,
    }
}

closed_codes! {
    /// What a roster entry does.
    RosterOperation {
        /// A member is added.
        Add = 1,
        /// A member is removed.
        Remove = 2,
        /// A member's bundle is replaced by a newer one.
        Update = 3,
        /// The room ends.
        Close = 4,
    }
}

open_codes! {
    /// The owner's answer to a join that the host asks about.
    Answer {
        /// The invite is wrong, used, withdrawn or expired.
        NoSuchInvite = 0,
        /// Yes; it comes after the roster entry.
        Yes = 1,
        /// The person declined.
        Declined = 2,
        /// The joiner's bundle is not valid.
        Bundle = 3,
        /// The room is full.
        Full = 4,
        /// The entry that would let the joiner in cannot be stored.
        Unstored = 5,
    }
}

open_codes! {
    /// How a member is connected, as the host says.
    PresenceState {
        /// The member said goodbye.
        Offline = 0,
        /// The member is connected.
        Connected = 1,
        /// The connection broke; the member may come back and read what it missed.
        Cut = 2,
    }
}

open_codes! {
    /// Why a link ends.
    ByeCode {
        /// The member's app goes offline; the member stays in the room.
        Leaving = 0,
        /// The peer broke the protocol.
        Protocol = 1,
        /// The peer does not read what it is sent.
        Slow = 2,
        /// The owner removed this member.
        Removed = 3,
        /// The owner closed the room.
        Closed = 4,
        /// The host's app is quitting; the room may come back.
        GoingAway = 5,
        /// The same identity connected again.
        Replaced = 6,
        /// The peer took too long.
        TimedOut = 7,
        /// The peer sent more than it may.
        Rate = 8,
    }
}

open_codes! {
    /// Why a host refuses.
    RefuseCode {
        /// The invite is wrong, used, withdrawn or expired: one code for all.
        Invite = 1,
        /// The joiner's bundle is not valid.
        Bundle = 2,
        /// The room is full.
        Full = 3,
        /// The owner, who alone can admit, is not connected.
        OwnerAway = 4,
        /// The host no longer has what was missed; come back with `Join`.
        Gone = 5,
        /// The message is of an epoch that is over; it is sealed again.
        Stale = 6,
        /// The owner declined.
        Declined = 7,
        /// No such room here.
        NoRoom = 8,
        /// Too many at once; try later.
        Busy = 9,
        /// This host does not let this peer open rooms.
        Open = 10,
        /// This room takes invites only.
        NoKnocking = 11,
        /// The owner cannot store the entry that would admit the joiner.
        Unstored = 12,
    }
}
