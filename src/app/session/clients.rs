//! The clients that run on the net, and what for: most belong to a membership, some only ask a host something.

use std::collections::HashMap;

use super::MembershipId;
use crate::net::{ClientId, Command, Handle};
use crate::protocol::{self, Client};

pub(super) struct Clients {
    net: Handle,
    next: u64,
    memberships: HashMap<ClientId, MembershipId>,
}

impl Clients {
    pub(super) fn new(net: Handle) -> Self {
        Self { net, next: 1, memberships: HashMap::new() }
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
