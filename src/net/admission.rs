//! Which connections a listener keeps before they are members', and whose handshake comes next. Pure: the time is an
//! argument.
//!
//! No connection is refused on arrival, because a full listener would keep out everybody who comes later, including
//! returning members. All are accepted, and if that is one too many, another is dropped: the oldest from the network
//! that has the most. An honest peer passes each [`Stage`] within moments, so it is seldom the oldest; pushing it out
//! takes new connections from many networks at once, arriving faster than its own answers travel. Each stage has its
//! own places, so that peers who only open sockets cannot push out those who got further, nor the other way round; and
//! so have the networks that members came from.
//!
//! Handshakes cost RSA, so their rate is limited, and only there does an honest peer have to wait for others. Networks
//! take turns. Within one it is first come, first served, and if too many wait, the last to arrive is dropped and
//! tries again: so those who wait get their turn. Once, the newest came first; then hostile peers kept pushing each
//! other out and reconnecting as fast as they could, and an honest peer, who seldom connects, was hardly ever the
//! newest.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};

use self::crowd::Crowd;
use super::limits::{NETWORKS_KEPT, NetLimits};
use crate::protocol::LinkId;

mod crowd;

/// The width of a network that counts as one address: what an IPv6 customer is given.
const IPV6_NETWORK_BITS: u32 = 64;

/// How far a connection that is not a member's has got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Stage {
    /// Its first handshake flight is incomplete.
    Silent,
    /// The flight is complete, and it waits for its turn.
    Queued,
    /// It was answered and has not proven its key.
    Answered,
    /// It has proven its key, and nothing it asked for was granted yet.
    Keyed,
    /// It was refused and still has its goodbye to read.
    Leaving,
}

/// All connections of a listener that are not members', except those that wait for an owner, which the host counts,
/// and our own.
pub(super) struct Admission {
    places: usize,
    places_queued: usize,
    peers: BTreeMap<LinkId, Peer>,
    /// The same, by what has its own places: whether the network is known, and the stage.
    crowds: BTreeMap<(bool, Stage), Crowd>,
    /// Numbers each entry into a stage: the lowest is the oldest.
    entered: u64,
    pace: Pace,
    /// Networks that members came from.
    known: Recent,
    /// Networks by their last handshake.
    served: Recent,
    /// Whether the last handshake was from a known network.
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
    /// Somebody's, but not before this time, in monotonic milliseconds.
    At(u64),
}

impl Admission {
    /// Empty at first.
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

    /// A connection from `network` enters a stage, from outside or from another stage. Returns the one to drop for it,
    /// which may be the connection itself.
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

    /// It is gone, or no longer counted here.
    pub(super) fn leave(&mut self, link: LinkId) {
        let Some(peer) = self.peers.remove(&link) else { return };
        if let Some(crowd) = self.crowds.get_mut(&(peer.is_known, peer.stage)) {
            crowd.remove(peer.network, peer.entered);
        }
    }

    /// It is a member's now: its network becomes a known one.
    pub(super) fn becomes_member(&mut self, link: LinkId, network: IpAddr) {
        self.leave(link);
        self.known.note(network);
    }

    /// Its stage, if it is counted here.
    pub(super) fn stage(&self, link: LinkId) -> Option<Stage> {
        self.peers.get(&link).map(|peer| peer.stage)
    }

    /// The one to drop when the system has no room for another connection: whoever got least far.
    pub(super) fn least(&self) -> Option<LinkId> {
        let leaving = [false, true].map(|is_known| (is_known, Stage::Leaving));
        let order = leaving.iter().chain(self.crowds.keys());
        order.filter_map(|group| self.one_too_many(*group)).next()
    }

    /// Whose handshake may proceed now. It counts as begun; the caller moves it to [`Stage::Answered`].
    pub(super) fn next_handshake(&mut self, now_ms: u64) -> Turn {
        let waits = |is_known| self.crowds.get(&(is_known, Stage::Queued)).is_some_and(|crowd| crowd.len() > 0);
        // They take turns if there are both.
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

    /// Whom to drop from a crowd: in the network that has the most, whoever had the longest time to get further; but
    /// while waiting for a turn, a long wait, and a network that had none for long, count in its favour.
    fn one_too_many(&self, group: (bool, Stage)) -> Option<LinkId> {
        let crowd = self.crowds.get(&group)?;
        match group {
            (_, Stage::Queued) => crowd.last_of_most(|network| self.served.when(network)),
            _ => crowd.first_of_most(),
        }
    }
}

/// At most this many a second, and as many at once.
struct Pace {
    interval_ms: u64,
    burst_ms: u64,
    /// The time up to which the rate is used up.
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

/// The most recently noted networks, in order.
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
            // Drops the older half at once: one by one would scan all of them each time.
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
