//! Counts wrong invites by who showed them. No number of tries finds an invite, whose secret has 256 bits; but each
//! try is a request to the owner's computer, so there has to be a limit.
//!
//! They are counted mainly by key: behind one address may be a whole school, or everybody who uses a tunnel, and one
//! of them must not use up the others' tries. An address has a limit too, because keys are cheap; it is high, and soon
//! forgotten.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Peer;
use crate::crypto::Fingerprint;
use crate::protocol::Now;
use crate::protocol::limits::{
    WRONG_INVITES_AN_ADDRESS_MAX, WRONG_INVITES_AN_ADDRESS_MS, WRONG_INVITES_KEPT, WRONG_INVITES_MAX, WRONG_INVITES_MS,
    WRONG_INVITES_WAIT_MS,
};

/// What is remembered of wrong invites.
#[derive(Default)]
pub(super) struct WrongInvites {
    keys: Kept<Fingerprint>,
    addresses: Kept<IpAddr>,
}

impl WrongInvites {
    /// One more.
    pub(super) fn count(&mut self, peer: &Peer, now: Now) {
        let now_ms = now.monotonic_ms;
        let of_key = self.keys.entry(peer.fingerprint, now_ms, WRONG_INVITES_MS);
        // The wait starts with the last of them.
        *of_key = Tries { count: of_key.count.saturating_add(1), at_ms: now_ms };
        let of_address = self.addresses.entry(peer.address, now_ms, WRONG_INVITES_AN_ADDRESS_MS);
        of_address.count = of_address.count.saturating_add(1);
    }

    /// Whether its tries are refused at present, without asking the owner.
    pub(super) fn are_too_many(&self, peer: &Peer, now: Now) -> bool {
        let passed_ms = |tries: &Tries| now.monotonic_ms.saturating_sub(tries.at_ms);
        let of_key = self.keys.0.get(&peer.fingerprint);
        let of_address = self.addresses.0.get(&peer.address);
        of_key.is_some_and(|tries| passed_ms(tries) < wait_ms(tries.count))
            || of_address.is_some_and(|tries| {
                tries.count >= WRONG_INVITES_AN_ADDRESS_MAX && passed_ms(tries) < WRONG_INVITES_AN_ADDRESS_MS
            })
    }
}

/// How long to wait after this many wrong invites: not at all at first, because anybody may mistype or hold an old
/// one.
fn wait_ms(count: u32) -> u64 {
    let Some(too_many) = count.checked_sub(WRONG_INVITES_MAX) else { return 0 };
    let doubled = 1_u64.checked_shl(too_many).and_then(|factor| WRONG_INVITES_WAIT_MS.checked_mul(factor));
    doubled.map_or(WRONG_INVITES_MS, |wait_ms| wait_ms.min(WRONG_INVITES_MS))
}

#[derive(Clone, Copy)]
struct Tries {
    count: u32,
    at_ms: u64,
}

/// Wrong invites by origin.
struct Kept<K>(BTreeMap<K, Tries>);

impl<K> Default for Kept<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Copy> Kept<K> {
    /// The count of one origin, which restarts after `life_ms`. If there are too many, the oldest are forgotten.
    fn entry(&mut self, whose: K, now_ms: u64, life_ms: u64) -> &mut Tries {
        if self.0.len() >= WRONG_INVITES_KEPT
            && !self.0.contains_key(&whose)
            && let Some(oldest) = self.0.iter().min_by_key(|(_, tries)| tries.at_ms).map(|(whose, _)| *whose)
        {
            self.0.remove(&oldest);
        }
        let none = Tries { count: 0, at_ms: now_ms };
        let tries = self.0.entry(whose).or_insert(none);
        if now_ms.saturating_sub(tries.at_ms) >= life_ms {
            *tries = none;
        }
        tries
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::crypto::KeyKind;

    fn at(monotonic_ms: u64) -> Now {
        Now::at(monotonic_ms, 0)
    }

    fn peer(key: usize, address: usize) -> Peer {
        let address = IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(address).unwrap()));
        Peer { fingerprint: Fingerprint::of(&key.to_be_bytes()), keys: KeyKind::Rsa, address }
    }

    #[test]
    fn wrong_invites_are_counted_for_so_many_keys_and_the_oldest_is_forgotten() {
        let mut wrong = WrongInvites::default();
        for number in 0..=WRONG_INVITES_KEPT {
            (0..WRONG_INVITES_MAX).for_each(|_| wrong.count(&peer(number, number), at(number as u64)));
        }
        let now = at(WRONG_INVITES_KEPT as u64);
        assert_eq!((wrong.keys.0.len(), wrong.addresses.0.len()), (WRONG_INVITES_KEPT, WRONG_INVITES_KEPT));
        assert!(!wrong.are_too_many(&peer(0, 0), now), "the oldest");
        assert!(wrong.are_too_many(&peer(1, 1), now) && wrong.are_too_many(&peer(1, 2_000), now), "whatever address");
        assert!(!wrong.are_too_many(&peer(2_000, 1), now), "another key from there");
    }

    #[test]
    fn the_wait_doubles_up_to_an_hour() {
        let waits = (0..13).map(|count| wait_ms(count) / 60_000).collect::<Vec<_>>();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(wait_ms(u32::MAX), WRONG_INVITES_MS);
        let mut wrong = WrongInvites::default();
        (0..WRONG_INVITES_MAX).for_each(|_| wrong.count(&peer(1, 1), at(7)));
        assert!(wrong.are_too_many(&peer(1, 1), at(6 + WRONG_INVITES_WAIT_MS)));
        assert!(!wrong.are_too_many(&peer(1, 1), at(7 + WRONG_INVITES_WAIT_MS)));
        wrong.count(&peer(1, 1), at(7 + WRONG_INVITES_MS));
        assert!(!wrong.are_too_many(&peer(1, 1), at(7 + WRONG_INVITES_MS)), "an hour later it begins anew");
    }

    #[test]
    fn many_keys_of_one_address_are_too_many_for_a_minute() {
        let mut wrong = WrongInvites::default();
        for number in 0..WRONG_INVITES_AN_ADDRESS_MAX {
            assert!(!wrong.are_too_many(&peer(5_000, 1), at(0)));
            wrong.count(&peer(number as usize, 1), at(u64::from(number)));
        }
        assert!(wrong.are_too_many(&peer(5_000, 1), at(WRONG_INVITES_AN_ADDRESS_MS - 1)));
        assert!(!wrong.are_too_many(&peer(5_000, 2), at(100)));
        assert!(!wrong.are_too_many(&peer(5_000, 1), at(WRONG_INVITES_AN_ADDRESS_MS)));
    }
}
