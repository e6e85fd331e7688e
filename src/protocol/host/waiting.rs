//! Joiners who wait for a room's owner: by invite and by join request, each with their own places.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::LinkId;
use crate::protocol::limits::{INVITED_AN_ADDRESS_MAX, INVITED_WAITING_MAX, KNOCKS_AN_ADDRESS_MAX, KNOCKS_WAITING_MAX};

/// How a joiner asks to come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    /// The owner's program decides, at once.
    Invite,
    /// The owner's person decides, and may be away.
    Knock,
}

/// A join request that is not decided yet.
pub(super) struct Waiter {
    pub(super) link: LinkId,
    way: Way,
    address: IpAddr,
}

/// All waiting joiners of a room, by the number the owner knows them by.
#[derive(Default)]
pub(super) struct Waiting(BTreeMap<u64, Waiter>);

impl Waiting {
    /// Whether one more may wait. Join requests without an invite take no place from invited joiners, and one address
    /// leaves places for the others.
    pub(super) fn has_place(&self, way: Way, address: IpAddr) -> bool {
        let of_its_way = || self.0.values().filter(|waiter| waiter.way == way);
        let (all_max, an_address_max) = match way {
            Way::Invite => (INVITED_WAITING_MAX, INVITED_AN_ADDRESS_MAX),
            Way::Knock => (KNOCKS_WAITING_MAX, KNOCKS_AN_ADDRESS_MAX),
        };
        of_its_way().count() < all_max
            && of_its_way().filter(|waiter| waiter.address == address).count() < an_address_max
    }

    pub(super) fn add(&mut self, number: u64, link: LinkId, way: Way, address: IpAddr) {
        self.0.insert(number, Waiter { link, way, address });
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<LinkId> {
        self.0.remove(&number).map(|waiter| waiter.link)
    }

    /// Removes and returns everybody.
    pub(super) fn take_all(&mut self) -> Vec<(u64, LinkId)> {
        std::mem::take(&mut self.0).into_iter().map(|(number, waiter)| (number, waiter.link)).collect()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    /// Adds joiners until there is no place; returns how many got one.
    fn fill(waiting: &mut Waiting, way: Way, mut from: impl FnMut(u32) -> IpAddr) -> usize {
        let mut places = 0;
        for number in 0..1_000 {
            let address = from(number);
            if waiting.has_place(way, address) {
                waiting.add(1_000_000 * (way as u64) + u64::from(number), LinkId(0), way, address);
                places += 1;
            }
        }
        places
    }

    #[test]
    fn whoever_knocks_takes_no_place_from_the_invited_nor_the_other_way_round() {
        let mut waiting = Waiting::default();
        assert_eq!(fill(&mut waiting, Way::Knock, address), KNOCKS_WAITING_MAX);
        assert_eq!(fill(&mut waiting, Way::Invite, address), INVITED_WAITING_MAX);
        assert_eq!(waiting.len(), KNOCKS_WAITING_MAX + INVITED_WAITING_MAX);
        let mut waiting = Waiting::default();
        fill(&mut waiting, Way::Invite, address);
        assert_eq!(fill(&mut waiting, Way::Knock, address), KNOCKS_WAITING_MAX);
    }

    #[test]
    fn one_address_leaves_places_for_the_others() {
        for (way, most) in [(Way::Knock, KNOCKS_AN_ADDRESS_MAX), (Way::Invite, INVITED_AN_ADDRESS_MAX)] {
            let mut waiting = Waiting::default();
            assert_eq!(fill(&mut waiting, way, |_| address(1)), most);
            assert!(waiting.has_place(way, address(2)));
            let first = waiting.0.keys().next().copied().unwrap();
            assert!(waiting.remove(first).is_some() && waiting.has_place(way, address(1)));
        }
    }
}
