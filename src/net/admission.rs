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
//! Handshakes cost RSA, so they have a pace, and there alone an honest peer has to wait for others. Networks take
//! turns. Within one it is first come, first served, and where too many wait, whoever came last goes, to try again:
//! so a turn comes to those who wait for it. It came to the newest once; then peers that stay pushed each other out
//! and came again as fast as they could, and an honest peer, who comes seldom, was hardly ever the newest.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use self::crowd::Crowd;
use super::limits::{NETWORKS_KEPT, NetLimits};
use crate::protocol::LinkId;

mod crowd;

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
    places_queued: usize,
    peers: BTreeMap<LinkId, Peer>,
    /// The same by what has places of its own: whether the network is known, and the stage.
    crowds: BTreeMap<(bool, Stage), Crowd>,
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
            places_queued: limits.queued_max,
            peers: BTreeMap::new(),
            crowds: BTreeMap::new(),
            entered: 0,
            pace: Pace::new(limits.handshakes_a_second),
            known: Recent::default(),
            served: Recent::default(),
            served_known: false,
        }
    }

    /// A connection from `network` comes to a stage, from outside or from another. Gives whoever has to go
    /// for it, which may be the connection itself.
    pub(super) fn enter(&mut self, link: LinkId, network: IpAddr, stage: Stage) -> Option<LinkId> {
        self.entered += 1;
        let is_known = self.peers.get(&link).map_or_else(|| self.known.has(&network), |before| before.is_known);
        self.leave(link);
        self.peers.insert(link, Peer { network, is_known, stage, entered: self.entered });
        let crowd = self.crowds.entry((is_known, stage)).or_default();
        crowd.add(network, self.entered, link);
        let places = if stage == Stage::Queued { self.places_queued } else { self.places };
        let is_full = crowd.len() > places;
        let goes = is_full.then(|| self.one_too_many((is_known, stage))).flatten();
        goes.inspect(|goes| self.leave(*goes))
    }

    /// It is gone, or no business of this any more.
    pub(super) fn leave(&mut self, link: LinkId) {
        let Some(peer) = self.peers.remove(&link) else { return };
        if let Some(crowd) = self.crowds.get_mut(&(peer.is_known, peer.stage)) {
            crowd.remove(peer.network, peer.entered);
        }
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
        let leaving = [false, true].map(|is_known| (is_known, Stage::Leaving));
        let order = leaving.iter().chain(self.crowds.keys());
        order.filter_map(|group| self.one_too_many(*group)).next()
    }

    /// Whose handshake may be gone on with now. It counts as begun; the caller has it enter
    /// [`Stage::Answered`].
    pub(super) fn next_handshake(&mut self, now_ms: u64) -> Turn {
        let waits = |is_known| self.crowds.get(&(is_known, Stage::Queued)).is_some_and(|crowd| crowd.len() > 0);
        // They take turns where there are both.
        let is_known = match [true, false].map(waits) {
            [false, false] => return Turn::Nobody,
            [true, true] => !self.served_known,
            [known, _] => known,
        };
        let opens_ms = self.pace.opens_at();
        if opens_ms > now_ms {
            return Turn::At(opens_ms);
        }
        let firsts = self.crowds.get(&(is_known, Stage::Queued)).into_iter().flat_map(Crowd::firsts);
        let next = firsts.min_by_key(|(network, entered, _)| (self.served.when(network), *entered));
        let Some((network, _, link)) = next else { return Turn::Nobody };
        self.served_known = is_known;
        self.served.note(network);
        self.pace.take(now_ms);
        Turn::Of(link)
    }

    /// Who goes of a crowd: of the network that has most whoever had the longest time to get further; but whoever
    /// waits for a turn does that the better, the longer it has waited, and the better, the longer its network had none.
    fn one_too_many(&self, group: (bool, Stage)) -> Option<LinkId> {
        let crowd = self.crowds.get(&group)?;
        match group {
            (_, Stage::Queued) => crowd.last_of_most(|network| self.served.when(network)),
            _ => crowd.first_of_most(),
        }
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
