//! The connections at one stage, by network, each network's in the order in which they came.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::protocol::LinkId;

/// Whenever there is one too many, a crowd is asked for its largest network, perhaps thousands of times a second: so
/// it is kept by network, and nothing has to be counted.
#[derive(Default)]
pub(super) struct Crowd {
    networks: BTreeMap<IpAddr, BTreeMap<u64, LinkId>>,
    count: usize,
}

impl Crowd {
    /// How many are in it.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Adds one of `network`. A lower number came earlier.
    pub(super) fn add(&mut self, network: IpAddr, number: u64, link: LinkId) {
        if self.networks.entry(network).or_default().insert(number, link).is_none() {
            self.count += 1;
        }
    }

    /// Removes the one of `network` with that number.
    pub(super) fn remove(&mut self, network: IpAddr, number: u64) {
        let Some(links) = self.networks.get_mut(&network) else { return };
        if links.remove(&number).is_some() {
            self.count -= 1;
        }
        if links.is_empty() {
            self.networks.remove(&network);
        }
    }

    /// In the network that has the most, the one that came first.
    pub(super) fn first_of_most(&self) -> Option<LinkId> {
        let ends = self.networks.values().filter_map(|links| Some((links.len(), links.first_key_value()?)));
        ends.max_by_key(|(count, (number, _))| (*count, Reverse(**number))).map(|(_, (_, link))| *link)
    }

    /// In the network that has the most, the one that came last; of equal networks, the one with the latest `when`.
    pub(super) fn last_of_most(&self, when: impl Fn(&IpAddr) -> u64) -> Option<LinkId> {
        let ends = self.networks.iter().filter_map(|(network, links)| Some((network, links, links.last_key_value()?)));
        let goes = ends.max_by_key(|(network, links, (number, _))| (links.len(), when(network), **number));
        goes.map(|(_, _, (_, link))| *link)
    }

    /// The one that came first in each network, with its number.
    pub(super) fn firsts(&self) -> impl Iterator<Item = (IpAddr, u64, LinkId)> {
        let first = |links: &BTreeMap<u64, LinkId>| links.first_key_value().map(|(number, link)| (*number, *link));
        self.networks.iter().filter_map(move |(network, links)| {
            let (number, link) = first(links)?;
            Some((*network, number, link))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn the_largest_network_has_to_give_and_of_equal_ones_the_first_or_the_last_to_come() {
        let mut crowd = Crowd::default();
        let never = |_: &IpAddr| 0;
        assert_eq!((crowd.first_of_most(), crowd.last_of_most(never)), (None, None));
        for (number, last) in [(1, 1), (2, 2), (3, 2), (4, 1), (5, 3)] {
            crowd.add(address(last), number, LinkId(number));
        }
        assert_eq!(crowd.len(), 5);
        assert_eq!((crowd.first_of_most(), crowd.last_of_most(never)), (Some(LinkId(1)), Some(LinkId(4))));
        assert_eq!(crowd.firsts().map(|(_, number, _)| number).collect::<Vec<_>>(), [1, 2, 5]);
        crowd.remove(address(1), 4);
        assert_eq!((crowd.first_of_most(), crowd.last_of_most(never)), (Some(LinkId(2)), Some(LinkId(3))));
        crowd.remove(address(2), 3);
        assert_eq!(crowd.last_of_most(never), Some(LinkId(5)));
        let when = |network: &IpAddr| u64::from(*network == address(2));
        assert_eq!(crowd.last_of_most(when), Some(LinkId(2)), "the others never had it");
    }

    #[test]
    fn whoever_left_is_not_counted_and_an_empty_network_is_none() {
        let mut crowd = Crowd::default();
        crowd.add(address(1), 1, LinkId(1));
        crowd.add(address(1), 1, LinkId(1));
        assert_eq!(crowd.len(), 1);
        crowd.remove(address(2), 1);
        crowd.remove(address(1), 2);
        assert_eq!(crowd.len(), 1);
        crowd.remove(address(1), 1);
        crowd.remove(address(1), 1);
        assert!(crowd.len() == 0 && crowd.networks.is_empty());
    }
}
