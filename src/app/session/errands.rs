//! Errands: clients that enter no room. Each connects to an address, finds something out for a membership, and is
//! removed.
//!
//! Not here: what is found out (`address_tests`, `asking`), and the clients themselves (`clients`).

use std::collections::BTreeMap;

use super::MembershipId;
use super::clients::Clients;
use crate::net::ClientId;

/// An errand under way.
pub(super) struct Errand<About> {
    /// The membership that waits for the answer.
    pub(super) membership: MembershipId,
    /// What is to be found out.
    pub(super) about: About,
}

/// The errands of one kind under way, by the number of the client that does each.
pub(super) struct Errands<About>(BTreeMap<ClientId, Errand<About>>);

impl<About> Default for Errands<About> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<About> Errands<About> {
    /// A client that was just added does this.
    pub(super) fn begin(&mut self, client: ClientId, membership: MembershipId, about: About) {
        self.0.insert(client, Errand { membership, about });
    }

    /// What the client does; `None` if it is no errand of this kind.
    pub(super) fn of(&self, client: ClientId) -> Option<&Errand<About>> {
        self.0.get(&client)
    }

    /// An errand is done: its client is removed.
    pub(super) fn finish(&mut self, client: ClientId, clients: &mut Clients) {
        if self.0.remove(&client).is_some() {
            clients.remove(client);
        }
    }

    /// A membership no longer waits for any answer: its errands end, and nobody is told.
    pub(super) fn end(&mut self, membership: MembershipId, clients: &mut Clients) {
        self.0.retain(|client, errand| {
            let stays = errand.membership != membership;
            if !stays {
                clients.remove(*client);
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Handle, PassedOn};

    const ANN: MembershipId = MembershipId(1);
    const BO: MembershipId = MembershipId(2);

    #[test]
    fn an_errand_that_is_done_takes_its_own_client_along_and_no_other() {
        let (net, mut told) = Handle::without_net();
        let (mut clients, mut errands) = (Clients::new(net), Errands::default());
        errands.begin(ClientId(1), ANN, "this address");
        errands.begin(ClientId(2), ANN, "that address");
        let errand = errands.of(ClientId(1)).unwrap();
        assert_eq!((errand.membership, errand.about), (ANN, "this address"));
        errands.finish(ClientId(1), &mut clients);
        errands.finish(ClientId(1), &mut clients);
        errands.finish(ClientId(3), &mut clients);
        assert!(errands.of(ClientId(1)).is_none() && errands.of(ClientId(2)).is_some());
        assert_eq!(told.next(), Some((ClientId(1), PassedOn::Removed)));
        assert_eq!(told.next(), None, "it was removed once, and what is no errand is left alone");
    }

    #[test]
    fn the_errands_of_a_membership_end_in_order_and_those_of_others_go_on() {
        let (net, told) = Handle::without_net();
        let (mut clients, mut errands) = (Clients::new(net), Errands::default());
        for client in (1..=40).rev() {
            errands.begin(ClientId(client), if client % 2 == 0 { ANN } else { BO }, ());
        }
        errands.end(ANN, &mut clients);
        let ended: Vec<u64> = told.map(|(client, _)| client.0).collect();
        assert_eq!(ended, (1..=40).filter(|client| client % 2 == 0).collect::<Vec<_>>());
        let left = (1..=40).filter(|client| errands.of(ClientId(*client)).is_some());
        assert_eq!(left.collect::<Vec<_>>(), (1..=40).filter(|client| client % 2 == 1).collect::<Vec<_>>());
    }
}
