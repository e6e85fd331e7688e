//! What a client takes and what it reports.

use std::sync::Arc;

use crate::crypto::{CryptoError, Fingerprint, Suite};
use crate::protocol::content::Content;
use crate::protocol::invite::Invite;
use crate::protocol::link::LinkError;
use crate::protocol::memory::Memory;
use crate::protocol::payload::Fault;
use crate::protocol::safety_number::SafetyNumber;
use crate::protocol::{MessageId, RoomId};
use crate::wire::{ByeCode, RefuseCode};
use crate::wire::{RelayToken, Signed};

/// How a client gets into its room.
#[derive(Clone)]
pub enum Entry {
    /// As its owner: opens it at the host, or returns to it.
    Open {
        /// The room's first record.
        genesis: Signed,
        /// The changes since, as far as known.
        roster: Vec<Signed>,
        /// The token a relay asks for.
        token: Option<RelayToken>,
        /// The room's title, for the members only.
        title: String,
    },
    /// By an invite.
    Invite(Invite),
    /// By asking at an address.
    Knock,
    /// As an existing member, after a restart of the app.
    Return {
        /// The room's first record.
        genesis: Signed,
        /// What is remembered of it: the host may not show less.
        memory: Memory,
    },
}

impl Entry {
    /// Whether to keep trying from the start: the room is ours, or we were in it.
    pub(super) const fn is_lasting(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Return { .. })
    }
}

impl std::fmt::Debug for Entry {
    /// Without titles, which are for the members only, and tokens.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Open { roster, .. } => write!(formatter, "Open(roster of {})", roster.len()),
            Self::Invite(invite) => write!(formatter, "{invite:?}"),
            Self::Knock => formatter.write_str("Knock"),
            Self::Return { memory, .. } => write!(formatter, "Return(roster of {})", memory.number()),
        }
    }
}

/// A room that accepts join requests, or the one that an invite was looked up for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LobbyRoom {
    /// The room.
    pub room: RoomId,
    /// Its suite.
    pub suite: Suite,
    /// Who made it.
    pub owner: Fingerprint,
    /// How many members it has, according to its host.
    pub members: u16,
    /// How long the host took to answer, in milliseconds.
    pub round_trip_ms: u64,
}

/// What happened, for a front end to show.
#[derive(Clone, PartialEq, Eq)]
pub enum Event {
    /// A connection is being made.
    Connecting,
    /// The host's key is not trusted yet; answer with [`Command::TrustHost`](super::Command::TrustHost).
    FirstUse {
        /// The key the host has proven to hold.
        host: Fingerprint,
    },
    /// The rooms that accept join requests, or the one that was looked up; answer with
    /// [`Command::Knock`](super::Command::Knock).
    Lobby(Vec<LobbyRoom>),
    /// The owner was asked and is deciding.
    Waiting,
    /// In the room for the first time in this run.
    Entered {
        /// The room.
        room: RoomId,
        /// Its first record.
        genesis: Signed,
        /// Who made it.
        owner: Fingerprint,
        /// Who relays it.
        host: Fingerprint,
    },
    /// The current members, oneself included; comes before [`Event::Ready`] after each full sync.
    Members(Vec<Fingerprint>),
    /// Connected and up to date.
    Ready {
        /// How many members the room has.
        members: usize,
        /// How many others would get a message sent now.
        reachable: usize,
    },
    /// Somebody was admitted.
    MemberJoined {
        /// Who.
        member: Fingerprint,
    },
    /// A member is connected.
    MemberHere {
        /// Who.
        member: Fingerprint,
    },
    /// What is sealed from now on can be read by a member: one who came, came back, or has a new key.
    MemberReachable {
        /// Who.
        member: Fingerprint,
    },
    /// A member is no longer connected.
    MemberAway {
        /// Who.
        member: Fingerprint,
        /// Whether the connection broke without a goodbye.
        cut: bool,
    },
    /// A member left for good.
    MemberLeft {
        /// Who.
        member: Fingerprint,
    },
    /// The owner removed a member.
    MemberRemoved {
        /// Who.
        member: Fingerprint,
    },
    /// A member's display name.
    MemberNamed {
        /// Who.
        member: Fingerprint,
        /// The name, checked.
        name: String,
    },
    /// The room's title.
    Titled {
        /// The title, checked.
        title: String,
    },
    /// Somebody sent a message.
    Message {
        /// The message.
        id: MessageId,
        /// Who sent it.
        from: Fingerprint,
        /// What was said.
        content: Content,
        /// The sender's clock, in milliseconds since 1970; shown, never trusted.
        sent_ms: u64,
    },
    /// A message of a kind that this version does not know.
    Newer {
        /// Who sent it.
        from: Fingerprint,
    },
    /// A message or key packet that cannot be read.
    Unreadable {
        /// Who sent it.
        from: Fingerprint,
    },
    /// Messages that never arrived.
    Lost {
        /// Whose.
        from: Fingerprint,
        /// How many.
        count: u64,
    },
    /// Messages that others sent while this member was away, and that will never arrive, as counted by a member.
    Missed {
        /// Who tells it.
        told_by: Fingerprint,
        /// How many, at least; more than was reported before in this session.
        count: u64,
        /// When the first of them was said, by that member's clock, in milliseconds since 1970.
        since_ms: u64,
    },
    /// The host no longer had the log items that came while this client was cut off.
    LogGap {
        /// How many log items: messages, and everything that goes with them.
        entries: u64,
        /// Since when, by this computer's clock, in milliseconds since 1970.
        since_ms: u64,
    },
    /// This member saw a different log or roster: the host shows different histories, or the member's app is faulty.
    Fork {
        /// Who reported it.
        from: Fingerprint,
    },
    /// A member's clock and ours differ by more than an hour: one of them is wrong. Reported once, however many
    /// members have that difference.
    ClockDiffers {
        /// Whose.
        member: Fingerprint,
        /// Their date, in milliseconds since 1970, or of its possible values the nearest to ours.
        theirs_ms: u64,
        /// Ours.
        ours_ms: u64,
    },
    /// One of our messages waits to be sent.
    Queued {
        /// The message.
        id: MessageId,
    },
    /// One of our messages was sealed and handed to the connection. Only [`Self::OnHost`] says that it arrived: after
    /// a cut it is sealed again.
    Sealed {
        /// The message.
        id: MessageId,
    },
    /// One of our messages is in the room's log.
    OnHost {
        /// The message.
        id: MessageId,
        /// Members it was not sealed for, because they were away.
        without: Vec<Fingerprint>,
    },
    /// One of our messages has reached a member.
    Delivered {
        /// The message.
        id: MessageId,
        /// Whom.
        to: Fingerprint,
    },
    /// A member left or restarted without confirming a message of ours that was sealed for it: as far as we can know,
    /// it never had it and never will.
    MissedBy {
        /// The message.
        id: MessageId,
        /// Who.
        by: Fingerprint,
    },
    /// One of our messages is too long and was not accepted.
    Rejected {
        /// The message.
        id: MessageId,
        /// The most bytes it may have.
        limit: usize,
    },
    /// Too many messages are waiting; this one was not accepted.
    OutboxFull {
        /// The message.
        id: MessageId,
    },
    /// A new invite.
    InviteMade(Invite),
    /// An invite admitted somebody.
    InviteUsed {
        /// Whom.
        by: Fingerprint,
    },
    /// Somebody asks to join; answer with [`Command::AnswerKnock`](super::Command::AnswerKnock).
    Knock {
        /// Who.
        member: Fingerprint,
    },
    /// The joiner who asked has gone.
    KnockOver {
        /// Who.
        member: Fingerprint,
    },
    /// The safety number with a member.
    SafetyNumber(SafetyNumber),
    /// Not connected; the client will try again.
    Offline {
        /// Why.
        error: LinkError,
        /// In how many milliseconds.
        retry_in_ms: u64,
    },
    /// The end; nothing comes after it.
    Stopped(Stop),
}

impl std::fmt::Debug for Event {
    /// Without message texts, names and invites, which do not belong in logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Offline { error, .. } => write!(formatter, "Offline({error})"),
            Self::Stopped(stop) => write!(formatter, "Stopped({stop:?})"),
            Self::FirstUse { host } => write!(formatter, "FirstUse({host:?})"),
            Self::Entered { room, .. } => write!(formatter, "Entered({room:?})"),
            Self::Ready { members, reachable } => write!(formatter, "Ready({members}, {reachable})"),
            Self::MemberJoined { member } => write!(formatter, "MemberJoined({member:?})"),
            Self::MemberHere { member } => write!(formatter, "MemberHere({member:?})"),
            Self::MemberReachable { member } => write!(formatter, "MemberReachable({member:?})"),
            Self::MemberAway { member, cut } => write!(formatter, "MemberAway({member:?}, cut: {cut})"),
            Self::MemberLeft { member } => write!(formatter, "MemberLeft({member:?})"),
            Self::MemberRemoved { member } => write!(formatter, "MemberRemoved({member:?})"),
            Self::MemberNamed { member, .. } => write!(formatter, "MemberNamed({member:?})"),
            Self::Message { id, from, .. } => write!(formatter, "Message({id:?} from {from:?})"),
            Self::Newer { from } => write!(formatter, "Newer({from:?})"),
            Self::Unreadable { from } => write!(formatter, "Unreadable({from:?})"),
            Self::Lost { from, count } => write!(formatter, "Lost({count} from {from:?})"),
            Self::Missed { told_by, count, .. } => write!(formatter, "Missed({count}, told by {told_by:?})"),
            Self::LogGap { entries, .. } => write!(formatter, "LogGap({entries})"),
            Self::Fork { from } => write!(formatter, "Fork({from:?})"),
            Self::ClockDiffers { member, .. } => write!(formatter, "ClockDiffers({member:?})"),
            Self::Queued { id } => write!(formatter, "Queued({id:?})"),
            Self::Sealed { id } => write!(formatter, "Sealed({id:?})"),
            Self::OnHost { id, without } => write!(formatter, "OnHost({id:?}, without {})", without.len()),
            Self::Delivered { id, to } => write!(formatter, "Delivered({id:?} to {to:?})"),
            Self::MissedBy { id, by } => write!(formatter, "MissedBy({id:?} by {by:?})"),
            Self::Rejected { id, limit } => write!(formatter, "Rejected({id:?}, {limit})"),
            Self::OutboxFull { id } => write!(formatter, "OutboxFull({id:?})"),
            Self::Knock { member } => write!(formatter, "Knock({member:?})"),
            Self::KnockOver { member } => write!(formatter, "KnockOver({member:?})"),
            Self::InviteUsed { by } => write!(formatter, "InviteUsed({by:?})"),
            Self::Lobby(rooms) => write!(formatter, "Lobby({} rooms)", rooms.len()),
            Self::Members(members) => write!(formatter, "Members({})", members.len()),
            Self::Connecting => formatter.write_str("Connecting"),
            Self::Waiting => formatter.write_str("Waiting"),
            Self::SafetyNumber(number) => write!(formatter, "SafetyNumber({:?})", number.other()),
            Self::Titled { .. } => formatter.write_str("Titled"),
            Self::InviteMade(_) => formatter.write_str("InviteMade"),
        }
    }
}

/// Why a client ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    /// Left for good.
    Left,
    /// The owner removed us.
    Removed,
    /// The owner closed the room.
    Closed,
    /// The same identity connected from elsewhere.
    Replaced,
    /// Went offline as asked; still a member.
    Offline,
    /// The host said no.
    Refused(RefuseCode),
    /// The invite has expired, by our clock.
    InviteOver {
        /// When it expired, in milliseconds since 1970.
        expires_ms: u64,
        /// Our date.
        ours_ms: u64,
    },
    /// The host could not be reached before the room was ever entered, or its key has changed.
    Unreachable(LinkError),
    /// The host, or a member through it, broke the protocol.
    Protocol(Fault),
    /// Not the room the invite names.
    WrongRoom,
    /// The host keeps showing an older roster than the one seen before.
    RolledBack {
        /// How many entries were seen.
        known: u64,
        /// The roster's hash after them, from which the room code is made.
        hash: [u8; 32],
        /// How many the host shows.
        shown: u64,
    },
    /// What this computer stored of the room is inconsistent: no host is to blame.
    BadRecord,
    /// Our own cryptography failed.
    Crypto(CryptoError),
}

/// What has to survive a crash. If it could not be stored, the caller tries again. The client waits for a signed entry
/// alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Keep {
    /// An entry of the roster, as the host shows it. If it is lost in a crash, it arrives again.
    Entry {
        /// Its number, from 1.
        number: u64,
        /// The entry.
        entry: Signed,
        /// The roster's hash after it.
        hash: [u8; 32],
    },
    /// The owner has signed the roster's next entry. Nobody else sees it before it is stored: an owner who forgot an
    /// entry would sign another with the same number, and a host that held back the first could show both.
    SignedEntry {
        /// Its number, from 1.
        number: u64,
        /// The entry, to be handed in again by [`Entry::Open`].
        entry: Signed,
    },
    /// All open invites, whenever they change: to be stored sealed.
    OpenInvites(Vec<Invite>),
    /// A message was reported, right before, that is not confirmed to its sender until
    /// [`Command::Stored`](super::Command::Stored) says that it is stored. Only of a client that is
    /// [`keeping_messages`](super::Client::keeping_messages).
    Received,
}

impl std::fmt::Debug for Keep {
    /// Without invites, which do not belong in logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry { number, .. } => write!(formatter, "Entry({number})"),
            Self::SignedEntry { number, .. } => write!(formatter, "SignedEntry({number})"),
            Self::OpenInvites(invites) => write!(formatter, "OpenInvites({})", invites.len()),
            Self::Received => formatter.write_str("Received"),
        }
    }
}

/// What a client wants done.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Connect. With a pin: to that host and no other. Without: learn the host's key, send nothing of ours, hang up
    /// and report it.
    Connect {
        /// The host's key.
        pin: Option<Fingerprint>,
    },
    /// Send a whole frame.
    Send(Arc<[u8]>),
    /// Say `Bye`, flush and close; no reply is needed.
    Disconnect(ByeCode),
    /// Close without a goodbye: the link is dead, and another takes over. If a goodbye arrived after all, the host
    /// could take it for leaving the room.
    Abandon,
    /// Store this. If it is a [`Keep::SignedEntry`], answer with [`Command::Kept`](super::Command::Kept) once it would
    /// survive a crash, and with [`Command::NotKept`](super::Command::NotKept) after each try that failed.
    Keep {
        /// Its number: they count up from 1, in order.
        number: u64,
        /// What.
        what: Keep,
    },
    /// Tell the front end.
    Event(Event),
}

impl std::fmt::Debug for Output {
    /// Without the bytes of frames, which may hold a token.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Connect { pin } => write!(formatter, "Connect({pin:?})"),
            Self::Send(frame) => write!(formatter, "Send({} bytes)", frame.len()),
            Self::Disconnect(code) => write!(formatter, "Disconnect({code:?})"),
            Self::Abandon => formatter.write_str("Abandon"),
            Self::Keep { number, what } => write!(formatter, "Keep({number}: {what:?})"),
            Self::Event(event) => write!(formatter, "Event({event:?})"),
        }
    }
}
