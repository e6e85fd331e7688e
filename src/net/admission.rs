//! Whom a listener keeps of those who are not members yet, and whose handshake comes next. Pure: time
//! comes in.
//!
//! Nobody is turned away at the door, for a full one would keep out everybody who comes later, members who
//! come back too. All are let in, and where that makes one too many, another goes: of the network that has
//! most, whoever is there longest. An honest peer is through each [`Stage`] within moments, so it is seldom
//! there longest; it takes new connections from many networks at once, faster than its own answers travel,
//! to push it out. Each stage has places of its own, so that whoever got further is not pushed out by those
//! who only open sockets, nor the other way round; and so have the networks that members came from.
//!
//! The same goes for handshakes, which cost RSA: they have a pace, and networks take turns, the newest first
//! within one, for the oldest are the ones that may be gone.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use super::limits::{NETWORKS_KEPT, NetLimits};
use crate::protocol::LinkId;

/// The width of a network that counts as one address: what an IPv6 customer is given.
const IPV6_NETWORK_BITS: u32 = 64;

/// How far a connection got that is not a member's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// It has not said all that a handshake begins with.
    Silent,
    /// It has, and waits for its turn.
    Queued,
    /// It was answered and has not shown its key.
    Answered,
    /// It has shown its key and not asked for anything that was granted.
    Keyed,
    /// It is sent away and has its goodbye to take.
    Leaving,
}

/// All connections of a listener that are not members', but for those that wait for an owner, which the
/// host counts, and for our own.
pub(super) struct Admission {
    places: usize,
    peers: BTreeMap<LinkId, Peer>,
    /// Counts whoever enters a stage: the lowest is there longest.
    entered: u64,
    pace: Pace,
    /// Networks that members came from.
    known: Recent,
    /// Networks by their last handshake.
    served: Recent,
    /// Whether the last handshake was of a known network.
    served_known: bool,
}

#[derive(Clone, Copy)]
struct Peer {
    network: IpAddr,
    is_known: bool,
    stage: Stage,
    entered: u64,
}

/// Whose handshake comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Nobody waits.
    Nobody,
    /// This one's.
    Of(LinkId),
    /// Somebody's, but not before then, in monotonic milliseconds.
    At(u64),
}

impl Admission {
    /// Nobody is there yet.
    pub(super) fn new(limits: &NetLimits) -> Self {
        Self {
            places: limits.unauthenticated_max,
            peers: BTreeMap::new(),
            entered: 0,
            pace: Pace::new(limits.handshakes_a_second),
            known: Recent::default(),
            served: Recent::default(),
            served_known: false,
        }
    }

    /// A connection from `network` comes to a stage, from outside or from another. Gives whoever has to go
    /// for it.
    pub(super) fn enter(&mut self, link: LinkId, network: IpAddr, stage: Stage) -> Option<LinkId> {
        self.entered += 1;
        let peer = Peer { network, is_known: self.known.has(&network), stage, entered: self.entered };
        let peer = match self.peers.get(&link) {
            Some(before) => Peer { is_known: before.is_known, ..peer },
            None => peer,
        };
        self.peers.insert(link, peer);
        let is_beside = |other: &Peer| other.stage == stage && other.is_known == peer.is_known;
        let goes = if self.peers.values().filter(|other| is_beside(other)).count() > self.places {
            self.longest_there(is_beside)
        } else {
            None
        };
        goes.inspect(|goes| self.leave(*goes))
    }

    /// It is gone, or no business of this any more.
    pub(super) fn leave(&mut self, link: LinkId) {
        self.peers.remove(&link);
    }

    /// It is a member's now: its network is one that members come from.
    pub(super) fn becomes_member(&mut self, link: LinkId, network: IpAddr) {
        self.leave(link);
        self.known.note(network);
    }

    /// Where it is, if it is here.
    pub(super) fn stage(&self, link: LinkId) -> Option<Stage> {
        self.peers.get(&link).map(|peer| peer.stage)
    }

    /// Who should go where the system has no place for one more: whoever got least far.
    pub(super) fn least(&self) -> Option<LinkId> {
        let worth =
            |peer: &Peer| if peer.stage == Stage::Leaving { (false, 0) } else { (peer.is_known, peer.stage as u8 + 1) };
        let least = self.peers.values().map(worth).min()?;
        self.longest_there(|peer| worth(peer) == least)
    }

    /// Whose handshake may be gone on with now. It counts as begun; the caller has it enter
    /// [`Stage::Answered`].
    pub(super) fn next_handshake(&mut self, now_ms: u64) -> Turn {
        let waits = |peer: &Peer| peer.stage == Stage::Queued;
        let both = [true, false].map(|known| self.peers.values().any(|peer| waits(peer) && peer.is_known == known));
        // They take turns where there are both.
        let is_known = match both {
            [false, false] => return Turn::Nobody,
            [true, true] => !self.served_known,
            [known, _] => known,
        };
        let opens_ms = self.pace.opens_at();
        if opens_ms > now_ms {
            return Turn::At(opens_ms);
        }
        let waiting = self.peers.iter().filter(|(_, peer)| waits(peer) && peer.is_known == is_known);
        let next = waiting.min_by_key(|(_, peer)| (self.served.when(&peer.network), u64::MAX - peer.entered));
        let Some((link, peer)) = next.map(|(link, peer)| (*link, *peer)) else { return Turn::Nobody };
        self.served_known = is_known;
        self.served.note(peer.network);
        self.pace.take(now_ms);
        Turn::Of(link)
    }

    /// Of those who are meant: of the network that has most of them, the one that is there longest.
    fn longest_there(&self, is_meant: impl Fn(&Peer) -> bool) -> Option<LinkId> {
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        let meant = || self.peers.iter().filter(|(_, peer)| is_meant(peer));
        meant().for_each(|(_, peer)| *counts.entry(peer.network).or_default() += 1);
        let count = |peer: &Peer| counts.get(&peer.network).copied().unwrap_or_default();
        meant().max_by_key(|(_, peer)| (count(peer), u64::MAX - peer.entered)).map(|(link, _)| *link)
    }
}

/// So many a second, and as many at once.
struct Pace {
    interval_ms: u64,
    burst_ms: u64,
    /// Up to when it is used.
    used_ms: u64,
}

impl Pace {
    fn new(a_second: u32) -> Self {
        let interval_ms = 1_000 / u64::from(a_second.max(1));
        Self { interval_ms, burst_ms: 1_000 - interval_ms.min(1_000), used_ms: 0 }
    }

    fn opens_at(&self) -> u64 {
        self.used_ms.saturating_sub(self.burst_ms)
    }

    fn take(&mut self, now_ms: u64) {
        self.used_ms = self.used_ms.max(now_ms) + self.interval_ms;
    }
}

/// The networks that were noted last, and in which order.
#[derive(Default)]
struct Recent {
    noted: u64,
    networks: HashMap<IpAddr, u64>,
}

impl Recent {
    fn note(&mut self, network: IpAddr) {
        self.noted += 1;
        self.networks.insert(network, self.noted);
        if self.networks.len() > NETWORKS_KEPT {
            // The older half at once: one by one would look at all of them each time.
            let mut order: Vec<u64> = self.networks.values().copied().collect();
            order.sort_unstable();
            let middle = order.get(order.len() / 2).copied().unwrap_or_default();
            self.networks.retain(|_, noted| *noted > middle);
        }
    }

    fn has(&self, network: &IpAddr) -> bool {
        self.networks.contains_key(network)
    }

    /// 0 if never, as far as is remembered.
    fn when(&self, network: &IpAddr) -> u64 {
        self.networks.get(network).copied().unwrap_or_default()
    }
}

/// What counts as one address.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (u128::BITS - IPV6_NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests;
