//! The clients that run on the net, and what for: most belong to a membership, some only ask a host something.

use std::collections::BTreeMap;

use super::MembershipId;
use crate::net::{ClientId, Command, Handle};
use crate::protocol::{self, Client};

pub(super) struct Clients {
    net: Handle,
    next: u64,
    /// In the order in which they began, so that whatever goes to all of them always goes out in the same order.
    memberships: BTreeMap<ClientId, MembershipId>,
}

impl Clients {
    pub(super) fn new(net: Handle) -> Self {
        Self { net, next: 1, memberships: BTreeMap::new() }
    }

    pub(super) const fn net(&self) -> &Handle {
        &self.net
    }

    /// Starts a client that belongs to no membership.
    pub(super) fn add(&mut self, client: Client, addresses: Vec<String>) -> ClientId {
        let id = ClientId(self.next);
        self.next += 1;
        self.net.send(Command::Add { id, client: Box::new(client), addresses });
        id
    }

    /// Starts a membership's client.
    pub(super) fn run(&mut self, membership: MembershipId, client: Client, addresses: Vec<String>) -> ClientId {
        let id = self.add(client, addresses);
        self.memberships.insert(id, membership);
        id
    }

    /// Removes a client. What it reports before it learns of that is ignored.
    pub(super) fn remove(&mut self, client: ClientId) {
        self.memberships.remove(&client);
        self.net.send(Command::Remove(client));
    }

    /// The client's membership, if it has one.
    pub(super) fn membership_of(&self, client: ClientId) -> Option<MembershipId> {
        self.memberships.get(&client).copied()
    }

    /// Whether no client runs for a membership.
    pub(super) fn is_empty(&self) -> bool {
        self.memberships.is_empty()
    }

    pub(super) fn command(&self, client: ClientId, command: protocol::Command) {
        self.net.send(Command::Client { id: client, command });
    }

    /// Hands a command to the client of each membership.
    pub(super) fn command_all(&self, command: &protocol::Command) {
        self.memberships.keys().for_each(|client| self.command(*client, command.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::crypto::Suite;
    use crate::net::PassedOn;
    use crate::protocol::{Entry, Identity, LearningConsent, Now, RoomCrypto};

    #[test]
    fn what_goes_to_all_clients_goes_out_in_the_order_in_which_they_began() {
        let backend = Suite::Textbook.backend();
        let (signing, decryption) = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
        let identity = Arc::new(Identity::new(signing, decryption, Now::default()).unwrap());
        let crypto = RoomCrypto::Learning(LearningConsent::given_by_a_person());
        let (net, told) = Handle::without_net();
        let mut clients = Clients::new(net);
        let run = |membership| {
            let client = Client::new(Arc::clone(&identity), crypto.clone(), String::new(), Entry::Knock, None);
            clients.run(MembershipId(membership), client, Vec::new())
        };
        let began: Vec<ClientId> = (1..=40).rev().map(run).collect();
        clients.remove(began[7]);
        let retry = protocol::Command::RetryNow;
        clients.command_all(&retry);
        let told = told.filter(|(_, what)| *what == PassedOn::Command(retry.clone())).map(|(client, _)| client);
        assert_eq!(told.collect::<Vec<_>>(), [&began[..7], &began[8..]].concat());
    }
}
