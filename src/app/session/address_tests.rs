//! Tests whether this computer answers at the addresses where it hosts: each is connected to as a stranger
//! would, and has to show the host's own key. It proves that the listener is up there and that nothing
//! on this computer stops it. What a router or a firewall in between does cannot be seen from here,
//! and nobody else's computer is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use super::MembershipId;
use super::address_probe::{AddressProbe, reach_of};
use super::address_test::Reach;
use super::engine::Engine;
use crate::app::addresses;
use crate::net::{self, ClientId};
use crate::protocol::{Client, Entry, Event};

impl Engine {
    /// Tests each address of a room that is hosted here; tests that still run begin anew.
    pub(super) fn test_addresses(&mut self, id: MembershipId) {
        self.end_probes(|probe| probe.membership == id);
        let Some(membership) = self.memberships.get(&id).filter(|membership| membership.info.hosted_here) else {
            return;
        };
        let Some(identity) = self.identities.ready(membership.info.suite.key_kind()).map(Arc::clone) else { return };
        let (crypto, addresses) = (membership.crypto.clone(), membership.info.addresses.clone());
        let tunnels = addresses::tunnels();
        // As many as an invite takes, and no more.
        for address in addresses {
            let client = ClientId(self.next_client);
            self.next_client += 1;
            let asking = Client::new(Arc::clone(&identity), crypto.clone(), String::new(), Entry::Knock, None);
            let tunnel = address.parse().is_ok_and(|address: SocketAddr| tunnels.contains(&address.ip()));
            let probe = AddressProbe { membership: id, address: address.clone(), tunnel, own: identity.fingerprint() };
            self.emit_membership(id, probe.says(Reach::Testing));
            self.address_probes.insert(client, probe);
            self.net.send(net::Command::Add { id: client, client: Box::new(asking), addresses: vec![address] });
        }
    }

    /// What a test found. `false` if the client is none of a test.
    pub(super) fn probe_event(&mut self, client: ClientId, event: &Event) -> bool {
        let Some(probe) = self.address_probes.get(&client) else { return false };
        let Some(reach) = reach_of(probe.own, event) else { return true };
        log::info!("{}: {event:?}, so {reach:?}", probe.address);
        self.emit_membership(probe.membership, probe.says(reach));
        self.end_probe(client);
        true
    }

    /// Ends the tests of which this holds, without a word.
    pub(super) fn end_probes(&mut self, is_over: impl Fn(&AddressProbe) -> bool) {
        let over: Vec<ClientId> =
            self.address_probes.iter().filter(|(_, probe)| is_over(probe)).map(|(client, _)| *client).collect();
        over.into_iter().for_each(|client| self.end_probe(client));
    }

    fn end_probe(&mut self, client: ClientId) {
        self.address_probes.remove(&client);
        self.net.send(net::Command::Remove(client));
    }
}
