//! Tests whether this computer answers at the addresses where it hosts: each is connected to as an unauthenticated
//! peer would, and has to show the host's own key. It proves that the listener is up and that nothing on this computer
//! blocks it. It cannot see what a router or firewall in between does, and asks nobody else's computer.

use std::net::SocketAddr;
use std::sync::Arc;

use super::MembershipId;
use super::address_probe::{AddressProbe, reach_of};
use super::address_test::Reach;
use super::clients::Clients;
use super::errands::{Errand, Errands};
use super::front_end::FrontEnd;
use super::membership::Membership;
use crate::app::addresses;
use crate::net::ClientId;
use crate::protocol::{Client, Entry, Event, Identity};

/// The running tests.
#[derive(Default)]
pub(super) struct AddressTests(Errands<AddressProbe>);

impl AddressTests {
    /// Tests each address of a room hosted here; restarts tests that are still running.
    pub(super) fn begin(
        &mut self,
        id: MembershipId,
        membership: &Membership,
        identity: &Arc<Identity>,
        clients: &mut Clients,
        front_end: &FrontEnd,
    ) {
        self.end(id, clients);
        let tunnels = addresses::tunnels();
        // As many as an invite holds, and no more.
        for address in membership.info.addresses.clone() {
            let crypto = membership.crypto.clone();
            let client = Client::new(Arc::clone(identity), crypto, String::new(), Entry::Knock, None);
            let tunnel = address.parse().is_ok_and(|address: SocketAddr| tunnels.contains(&address.ip()));
            let probe = AddressProbe { address: address.clone(), tunnel, own: identity.fingerprint() };
            front_end.tell_membership(id, probe.says(Reach::Testing));
            self.0.begin(clients.add(client, vec![address]), id, probe);
        }
    }

    /// Handles a test's result. `false` if the client belongs to no test.
    pub(super) fn event(
        &mut self,
        client: ClientId,
        event: &Event,
        clients: &mut Clients,
        front_end: &FrontEnd,
    ) -> bool {
        let Some(Errand { membership, about: probe }) = self.0.of(client) else { return false };
        let Some(reach) = reach_of(probe.own, event) else { return true };
        log::info!("{}: {event:?}, so {reach:?}", probe.address);
        front_end.tell_membership(*membership, probe.says(reach));
        self.0.finish(client, clients);
        true
    }

    /// Ends a membership's tests without reporting.
    pub(super) fn end(&mut self, id: MembershipId, clients: &mut Clients) {
        self.0.end(id, clients);
    }
}
