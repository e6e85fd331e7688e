//! How many strangers a listener lets in, in all and from one address. Pure: time comes in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use super::limits::{NetLimits, VISITORS_KEPT};

/// The width of a network that counts as one address: what an IPv6 customer is given.
const IPV6_NETWORK_BITS: u32 = 64;

/// Counts the connections that are not yet members, and how fast they come.
pub(super) struct Admission {
    strangers: usize,
    strangers_max: usize,
    strangers_an_address_max: u32,
    loopback_is_exempt: bool,
    all: Pace,
    an_address: Pace,
    /// When the next handshake may start, by the pace of all.
    all_at_ms: u64,
    visitors: HashMap<IpAddr, Visitor>,
}

/// A pace of so many a second, and so many at once.
#[derive(Clone, Copy)]
struct Pace {
    interval_ms: u64,
    burst_ms: u64,
}

#[derive(Default)]
struct Visitor {
    open: u32,
    at_ms: u64,
}

impl Admission {
    /// Nobody is there yet.
    pub(super) fn new(limits: &NetLimits) -> Self {
        Self {
            strangers: 0,
            strangers_max: limits.strangers_max,
            strangers_an_address_max: limits.strangers_an_address_max,
            loopback_is_exempt: limits.loopback_is_exempt,
            all: Pace::new(limits.handshakes_a_second, limits.handshakes_a_second),
            an_address: Pace::new(limits.handshakes_an_address_a_second, limits.handshakes_an_address_burst),
            all_at_ms: 0,
            visitors: HashMap::new(),
        }
    }

    /// Whether another stranger may be let in now; if not, from when on, `u64::MAX` being when one
    /// has left.
    pub(super) fn opens_at(&self, now_ms: u64) -> u64 {
        if self.strangers >= self.strangers_max { u64::MAX } else { self.all.opens_at(self.all_at_ms).max(now_ms) }
    }

    /// A connection came from `address`: whether it may stay.
    pub(super) fn admit(&mut self, address: IpAddr, now_ms: u64) -> bool {
        if let Some(network) = self.counted(address) {
            self.forget_old_visitors(now_ms);
            if self.visitors.len() >= VISITORS_KEPT && !self.visitors.contains_key(&network) {
                return false;
            }
            let visitor = self.visitors.entry(network).or_default();
            if visitor.open >= self.strangers_an_address_max || self.an_address.opens_at(visitor.at_ms) > now_ms {
                return false;
            }
            visitor.open += 1;
            visitor.at_ms = self.an_address.after(visitor.at_ms, now_ms);
        }
        self.strangers += 1;
        self.all_at_ms = self.all.after(self.all_at_ms, now_ms);
        true
    }

    /// A stranger from `address` has become a member, or has gone.
    pub(super) fn settled(&mut self, address: IpAddr) {
        self.strangers = self.strangers.saturating_sub(1);
        if let Some(visitor) = self.counted(address).and_then(|network| self.visitors.get_mut(&network)) {
            visitor.open = visitor.open.saturating_sub(1);
        }
    }

    fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        (!(self.loopback_is_exempt && address.is_loopback())).then(|| network(address))
    }

    fn forget_old_visitors(&mut self, now_ms: u64) {
        if self.visitors.len() >= VISITORS_KEPT {
            self.visitors.retain(|_, visitor| visitor.open > 0 || visitor.at_ms > now_ms);
        }
    }
}

impl Pace {
    fn new(a_second: u32, burst: u32) -> Self {
        let interval_ms = 1_000 / u64::from(a_second.max(1));
        Self { interval_ms, burst_ms: interval_ms * u64::from(burst.saturating_sub(1)) }
    }

    /// When the next may come, if the pace is used up to `at_ms`.
    fn opens_at(self, at_ms: u64) -> u64 {
        at_ms.saturating_sub(self.burst_ms)
    }

    /// Up to when the pace is used once one more came.
    fn after(self, at_ms: u64, now_ms: u64) -> u64 {
        at_ms.max(now_ms) + self.interval_ms
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let mask = u128::MAX << (u128::BITS - IPV6_NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        let limits =
            NetLimits { strangers_max: 6, strangers_an_address_max: 3, handshakes_a_second: 5, ..NetLimits::default() };
        Admission::new(&limits)
    }

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn one_address_may_have_so_many_strangers_until_they_settle() {
        let mut admission = admission();
        assert_eq!([(); 4].map(|()| admission.admit(ANN, 0)), [true, true, true, false]);
        admission.settled(ANN);
        assert!(admission.admit(ANN, 0));
    }

    #[test]
    fn one_address_may_come_so_often() {
        let mut admission = admission();
        let mut come = |now_ms| {
            let stays = admission.admit(ANN, now_ms);
            if stays {
                admission.settled(ANN);
            }
            stays
        };
        assert_eq!((0..9).filter(|_| come(0)).count(), 8);
        assert!(!come(499) && come(500) && !come(501));
    }

    #[test]
    fn in_all_there_is_a_limit_and_a_pace() {
        let mut admission = admission();
        for _ in 0..5 {
            assert_eq!(admission.opens_at(0), 0);
            assert!(admission.admit(LOOPBACK, 0), "this computer is exempt from the limits for an address");
        }
        assert_eq!(admission.opens_at(0), 200);
        assert!(admission.admit(LOOPBACK, 200));
        assert_eq!(admission.opens_at(10_000), u64::MAX);
        admission.settled(LOOPBACK);
        assert_eq!(admission.opens_at(10_000), 10_000);
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_one_is_ipv4() {
        let [a, b, c] = ["2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
        assert_eq!(network(a), network(b));
        assert_ne!(network(a), network(c));
        assert_eq!(admission().counted("::ffff:192.0.2.1".parse().unwrap()), Some(ANN));
    }
}
