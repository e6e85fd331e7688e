//! The relay: numbers what members send and passes it on. It checks who may be where and that
//! nobody floods, and it holds no key that opens a message.

mod admission;
mod keeping;
mod kept;
mod outputs;
mod room;
mod room_log;
mod waiting;
mod wrong_invites;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use self::keeping::Absences;
pub use self::kept::{
    HostWrite, ItemEffect, ItemWrite, KeptItem, KeptMember, KeptWrap, RestoredRoom, RoomSnapshot, Unfit,
};
use self::outputs::Outputs;
pub use self::outputs::{HostEvent, HostOutput};
use self::room::Room;
use self::wrong_invites::WrongInvites;
use super::limits::{
    BYTES_A_SECOND, BYTES_BURST, FIRST_FRAME_MS, KEYS_BURST, LOG_ITEMS_KEPT, LOOK_AFTER_SAYING_MS, MESSAGES_A_SECOND,
    MESSAGES_BURST, QUESTIONS_BURST, WAITING_MS,
};
use super::liveness::{Liveness, Sign};
use super::rate::Bucket;
use super::{Now, RoomId};
use crate::crypto::{Fingerprint, KeyKind};
use crate::wire::{ByeCode, RefuseCode};
use crate::wire::{Frame, FrameKind, Ping, Refuse, RelayToken};

/// A link to this host, numbered by whoever owns the sockets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub u64);

/// Who is at the other end of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its signing key, proven by the link (in a learning room: merely claimed).
    pub fingerprint: Fingerprint,
    /// The kind of its keys, and so of the link.
    pub keys: KeyKind,
    /// Where it connects from; for IPv6 the network, because one customer has all of it.
    pub address: IpAddr,
}

/// Who may open rooms here.
#[derive(Clone, PartialEq, Eq)]
pub enum OpenPolicy {
    /// These people: the ones this computer belongs to.
    Only(Vec<Fingerprint>),
    /// Anybody with this token.
    Token(RelayToken),
    /// Anybody.
    Anyone,
}

/// How fast members may send. The defaults are the protocol's; a benchmark may lift them.
#[derive(Clone, Copy, Debug)]
pub struct HostLimits {
    /// Messages of a member in a second, over time.
    pub messages_a_second: u32,
    /// Messages of a member at once.
    pub messages_burst: u32,
    /// Bytes of a member in a second, over time.
    pub bytes_a_second: u32,
    /// Bytes of a member at once.
    pub bytes_burst: u32,
    /// Prekeys and chain announcements of a member at once; one more each second.
    pub keys_burst: u32,
    /// Pings, pongs and looks of a link at once; one more each second.
    pub questions_burst: u32,
    /// Log items kept for members who come back after a cut; their bytes have a separate limit.
    pub log_items: usize,
    /// From a link's proven key to its first frame, in milliseconds.
    pub first_frame_ms: u64,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            messages_a_second: MESSAGES_A_SECOND,
            messages_burst: MESSAGES_BURST,
            bytes_a_second: BYTES_A_SECOND,
            bytes_burst: BYTES_BURST,
            keys_burst: KEYS_BURST,
            questions_burst: QUESTIONS_BURST,
            log_items: LOG_ITEMS_KEPT,
            first_frame_ms: FIRST_FRAME_MS,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LinkState {
    /// The key is proven; nothing was sent yet.
    Keyed,
    /// An owner, whose room's log is being read.
    Opening { room: RoomId },
    /// The owner is deciding about it.
    Waiting { room: RoomId, number: u64 },
    /// A member.
    Member { room: RoomId },
}

struct Link {
    peer: Peer,
    state: LinkState,
    /// The room that it has had to do with, from its first word about one.
    room: Option<RoomId>,
    since_ms: u64,
    life: Liveness,
    /// How many of the bytes its room sent to it are counted in `life`.
    said_bytes: u64,
    /// The peer's last frame.
    said_bye: Option<ByeCode>,
    /// Pings and looks, which cost the peer less than us.
    questions: Bucket,
}

/// The host's state machine, for all rooms of one listener.
///
/// Large because a link, on its way in and until it ends, and a disk, that works or fails, change the same rooms.
pub struct Host {
    policy: OpenPolicy,
    limits: HostLimits,
    rooms: BTreeMap<RoomId, Room>,
    /// Rooms that their owners closed, the one closed last at the end.
    closed: VecDeque<Room>,
    links: BTreeMap<LinkId, Link>,
    wrong_invites: WrongInvites,
    asks: u64,
    next_check_ms: Option<u64>,
    /// The breaks in time handled so far.
    breaks: u64,
    /// Rooms that are kept, and not in memory at the moment.
    absent: Absences,
    outputs: Outputs,
}

impl Host {
    /// A host without rooms, which forgets all it gets with the end of the program.
    #[must_use]
    pub fn new(policy: OpenPolicy, limits: HostLimits) -> Self {
        Self {
            policy,
            limits,
            rooms: BTreeMap::new(),
            closed: VecDeque::new(),
            links: BTreeMap::new(),
            wrong_invites: WrongInvites::default(),
            asks: 0,
            next_check_ms: None,
            breaks: 0,
            absent: Absences::default(),
            outputs: Outputs::new(false),
        }
    }

    /// A peer has proven its key.
    pub fn link_opened(&mut self, link: LinkId, peer: Peer, now: Now) {
        if self.links.is_empty() {
            self.breaks = now.breaks;
        }
        let since_ms = now.monotonic_ms;
        let state = LinkState::Keyed;
        let questions = Bucket::new(1, self.limits.questions_burst, now);
        let life = Liveness::new(since_ms);
        self.links
            .insert(link, Link { peer, state, room: None, since_ms, life, said_bytes: 0, said_bye: None, questions });
        self.check_by(since_ms + self.limits.first_frame_ms);
    }

    /// A frame has arrived whole.
    pub fn frame(&mut self, link: LinkId, kind: FrameKind, body: &[u8], now: Now) {
        let Some(entry) = self.links.get_mut(&link) else { return };
        entry.life.heard(now.monotonic_ms);
        let state = entry.state;
        if matches!(kind, FrameKind::Ping | FrameKind::Pong | FrameKind::Look) && !entry.questions.take(1, now) {
            return self.close(link, ByeCode::Rate, now);
        }
        let frame = match Frame::decode(kind, body) {
            Ok(frame) => frame,
            Err(error) => {
                log::debug!("link {}: {kind:?}: {error}", link.0);
                return self.close(link, ByeCode::Protocol, now);
            }
        };
        match (frame, state) {
            (Frame::Ping(ping), _) => self.send(link, &Frame::Pong(ping)),
            (Frame::Pong(pong), _) => self.answered_ping(link, pong.number, now),
            (Frame::Bye(bye), _) => self.said_bye(link, ByeCode::from_code(bye.code)),
            (Frame::Look(look), LinkState::Keyed) => self.look(link, &look),
            (Frame::Open(open), LinkState::Keyed) => self.open(link, &open, now),
            (Frame::Join(join), LinkState::Keyed) => self.join(link, &join, body, now),
            (Frame::Resume(resume), LinkState::Keyed) => self.resume(link, &resume, now),
            (Frame::JoinAnswer(answer), LinkState::Member { room }) => self.answered(link, room, &answer, now),
            (frame, LinkState::Member { room }) => self.member_frame(link, room, frame, body, now),
            (frame, state) => {
                log::debug!("link {}: {:?} has no place in {state:?}", link.0, frame.kind());
                self.close(link, ByeCode::Protocol, now);
            }
        }
    }

    fn answered_ping(&mut self, link: LinkId, number: u64, now: Now) {
        if let Some(entry) = self.links.get_mut(&link) {
            entry.life.answered(number, now.monotonic_ms);
        }
    }

    fn said_bye(&mut self, link: LinkId, code: ByeCode) {
        if let Some(entry) = self.links.get_mut(&link) {
            entry.said_bye = Some(code);
        }
    }

    /// The connection is gone; `clean` if the peer said so (`Bye` or `close_notify`).
    pub fn link_closed(&mut self, link: LinkId, clean: bool, now: Now) {
        self.forget(link, clean, now);
    }

    /// Handles every expired deadline. Call it at [`Self::next_timeout`]; earlier does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        let broke = std::mem::replace(&mut self.breaks, now.breaks) != now.breaks;
        if !broke && self.next_check_ms.is_none_or(|due| now.monotonic_ms < due) {
            return;
        }
        self.next_check_ms = None;
        self.retry_logs(now);
        let links: Vec<LinkId> = self.links.keys().copied().collect();
        for link in links {
            if broke {
                self.ask_after_break(link, now);
            }
            self.check(link, now);
        }
    }

    /// When to call [`Self::handle_timeout`], in monotonic milliseconds.
    #[must_use]
    pub const fn next_timeout(&self) -> Option<u64> {
        self.next_check_ms
    }

    /// The next thing to do; call until `None`.
    pub fn poll_output(&mut self) -> Option<HostOutput> {
        self.outputs.next()
    }

    /// The rooms here.
    pub fn rooms(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.rooms.keys().copied()
    }

    fn member_frame(&mut self, link: LinkId, room: RoomId, frame: Frame, body: &[u8], now: Now) {
        let Some(peer) = self.links.get(&link).map(|entry| entry.peer) else { return };
        let Some(place) = self.rooms.get_mut(&room) else { return };
        let said = place.member_frame(peer.fingerprint, frame, body, now, &mut self.outputs.of(room));
        self.check_by(now.monotonic_ms + LOOK_AFTER_SAYING_MS);
        match said {
            Ok(room::Next::Done) => {}
            Ok(room::Next::Refuse(code)) => self.refuse(link, code),
            Ok(room::Next::Added(member)) => {
                self.admit_waiting(room, member, now);
                self.refuse_waiting_when_full(room, now);
            }
            Ok(room::Next::Removed(gone)) => {
                if let Some(gone) = gone {
                    self.close(gone, ByeCode::Removed, now);
                }
            }
            Ok(room::Next::Closed) => self.close_room(room, now),
            Err(code) => self.close(link, code, now),
        }
    }

    fn close_room(&mut self, room: RoomId, now: Now) {
        if let Some(closed) = self.rooms.remove(&room) {
            self.keep_closed(room, closed.close());
        }
        let in_room = |entry: &Link| match entry.state {
            LinkState::Member { room: of } | LinkState::Waiting { room: of, .. } => of == room,
            LinkState::Keyed | LinkState::Opening { .. } => false,
        };
        let links: BTreeSet<LinkId> =
            self.links.iter().filter(|(_, entry)| in_room(entry)).map(|(link, _)| *link).collect();
        for link in links {
            self.close(link, ByeCode::Closed, now);
        }
        self.outputs.of(room).push(HostOutput::Event(HostEvent::RoomClosed(room)));
    }

    /// After sleep or a pause nobody knows who is still there, and the silence was ours.
    fn ask_after_break(&mut self, link: LinkId, now: Now) {
        let Some(entry) = self.links.get_mut(&link) else { return };
        if matches!(entry.state, LinkState::Member { .. }) {
            let number = entry.life.ask_anew(now.monotonic_ms);
            self.send(link, &Frame::Ping(Ping { number }));
        }
    }

    fn check(&mut self, link: LinkId, now: Now) {
        let Some(entry) = self.links.get(&link) else { return };
        let due = match entry.state {
            LinkState::Keyed | LinkState::Opening { .. } => entry.since_ms + self.limits.first_frame_ms,
            LinkState::Waiting { .. } => entry.since_ms + WAITING_MS,
            LinkState::Member { room } => return self.check_member(link, room, now),
        };
        if now.monotonic_ms < due {
            return self.check_by(due);
        }
        if matches!(entry.state, LinkState::Waiting { .. }) {
            self.refuse(link, RefuseCode::OwnerAway);
        }
        self.close(link, ByeCode::TimedOut, now);
    }

    /// Pings a quiet member, sooner if something was sent to it, and drops a dead one.
    fn check_member(&mut self, link: LinkId, room: RoomId, now: Now) {
        let Some(entry) = self.links.get_mut(&link) else { return };
        let said_bytes = self.rooms.get(&room).map_or(0, |room| room.said_bytes(&entry.peer.fingerprint));
        if said_bytes > entry.said_bytes {
            entry.life.said(said_bytes - entry.said_bytes, now.monotonic_ms);
            entry.said_bytes = said_bytes;
        }
        let (sign, due_ms) = (entry.life.check(now.monotonic_ms), entry.life.due_ms());
        match sign {
            Sign::Fine => {}
            Sign::Ask(number) => self.send(link, &Frame::Ping(Ping { number })),
            Sign::Dead => return self.close(link, ByeCode::TimedOut, now),
        }
        self.check_by(due_ms);
    }

    fn check_by(&mut self, due_ms: u64) {
        self.next_check_ms = Some(self.next_check_ms.map_or(due_ms, |next| next.min(due_ms)));
    }

    fn send(&mut self, link: LinkId, frame: &Frame) {
        self.push_to(link, HostOutput::Send { link, frame: frame.to_bytes() });
    }

    /// An output for a link, which comes after all that it was sent before.
    fn push_to(&mut self, link: LinkId, output: HostOutput) {
        match self.links.get(&link).and_then(|entry| entry.room) {
            Some(room) => self.outputs.of(room).push(output),
            None => self.outputs.push(output),
        }
    }

    fn refuse(&mut self, link: LinkId, code: RefuseCode) {
        self.send(link, &Frame::Refuse(Refuse { code: code.code() }));
    }

    fn close(&mut self, link: LinkId, code: ByeCode, now: Now) {
        if self.links.contains_key(&link) {
            self.push_to(link, HostOutput::Close { link, code });
            // A member disconnected for what it did is cut, not gone: its prekey stays.
            self.forget(link, false, now);
        }
    }

    fn forget(&mut self, link: LinkId, clean: bool, now: Now) {
        let Some(entry) = self.links.remove(&link) else { return };
        // A peer that heard nothing from us for too long has given up this link and returns on another.
        let clean = entry.said_bye.map_or(clean, |code| code != ByeCode::TimedOut);
        match entry.state {
            LinkState::Keyed | LinkState::Opening { .. } => {}
            LinkState::Waiting { room, number } => {
                if let Some(place) = self.rooms.get_mut(&room) {
                    place.stop_waiting(number, &mut self.outputs.of(room));
                }
            }
            LinkState::Member { room } => {
                let Some(place) = self.rooms.get_mut(&room) else { return };
                let waiting = place.member_gone(entry.peer.fingerprint, link, clean, &mut self.outputs.of(room));
                for (_, joiner) in waiting {
                    self.turn_away(joiner, RefuseCode::OwnerAway, now);
                }
            }
        }
    }

    /// Refuses a waiting joiner, who may ask for something else.
    fn turn_away(&mut self, joiner: LinkId, code: RefuseCode, now: Now) {
        if let Some(entry) = self.links.get_mut(&joiner) {
            entry.state = LinkState::Keyed;
            entry.since_ms = now.monotonic_ms;
        }
        self.check_by(now.monotonic_ms + self.limits.first_frame_ms);
        self.push_to(joiner, HostOutput::TurnedAway { link: joiner });
        self.refuse(joiner, code);
    }
}

#[cfg(test)]
impl Host {
    /// What it keeps, recounted, and the most it should keep.
    pub(super) fn held(&self) -> Vec<(&'static str, usize, usize)> {
        use super::limits::ROOMS_MAX;
        let rooms = [
            ("rooms", self.rooms.len(), ROOMS_MAX),
            ("closed rooms", self.closed.len(), ROOMS_MAX),
            ("outputs", self.outputs.len(), 0),
            ("outputs that wait for the disk", usize::from(!self.outputs.keeps()) * self.held_bytes(), 0),
        ];
        rooms.into_iter().chain(self.rooms.values().flat_map(Room::held)).collect()
    }
}
