//! Whether this computer answers at the addresses where it hosts: each is connected to as a stranger
//! would, and has to show the host's own key. It proves that the listener is up there and that nothing
//! on this computer stops it. What a router or a firewall in between does cannot be seen from here,
//! and nobody else's computer is asked.

use std::net::SocketAddr;
use std::sync::Arc;

use super::engine::Engine;
use super::{SeatEvent, SeatId};
use crate::app::addresses;
use crate::crypto::Fingerprint;
use crate::net::{self, ClientId};
use crate::protocol::{Client, Entry, Event, LinkError, Stop};

/// What is known of an address at which this computer hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressTest {
    /// Whether it belongs to a tunnel, such as a VPN's.
    pub tunnel: bool,
    /// How it answers.
    pub reach: Reach,
}

/// How an address answers. Each test ends within the time-outs of dialling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// It is being tried.
    Testing,
    /// This computer answers there, with its own key.
    Answers,
    /// Somebody else does.
    Another,
    /// Nobody does: it is refused, or swallowed by a firewall.
    Silent,
}

/// A test under way: a client that only asks for the host's key.
pub(super) struct Trial {
    pub(super) seat: SeatId,
    address: String,
    tunnel: bool,
    own: Fingerprint,
}

impl Trial {
    fn says(&self, reach: Reach) -> SeatEvent {
        SeatEvent::Reach { address: self.address.clone(), test: AddressTest { tunnel: self.tunnel, reach } }
    }
}

impl Engine {
    /// Tests each address of a room that is hosted here; tests that still run begin anew.
    pub(super) fn test_addresses(&mut self, id: SeatId) {
        self.end_trials(|trial| trial.seat == id);
        let Some(seat) = self.seats.get(&id).filter(|seat| seat.info.hosted_here) else { return };
        let Some(identity) = self.identities.ready(seat.info.suite).map(Arc::clone) else { return };
        let (crypto, addresses) = (seat.crypto.clone(), seat.info.addresses.clone());
        let tunnels = addresses::tunnels();
        // As many as an invite takes, and no more.
        for address in addresses {
            let client = ClientId(self.next_client);
            self.next_client += 1;
            let probe = Client::new(Arc::clone(&identity), crypto.clone(), String::new(), Entry::Knock, None);
            let tunnel = address.parse().is_ok_and(|address: SocketAddr| tunnels.contains(&address.ip()));
            let trial = Trial { seat: id, address: address.clone(), tunnel, own: identity.fingerprint() };
            self.emit_seat(id, trial.says(Reach::Testing));
            self.trials.insert(client, trial);
            self.net.send(net::Command::Add { id: client, client: Box::new(probe), addresses: vec![address] });
        }
    }

    /// What a test found. `false` if the client is none of a test.
    pub(super) fn trial_event(&mut self, client: ClientId, event: &Event) -> bool {
        let Some(trial) = self.trials.get(&client) else { return false };
        let Some(reach) = reach_of(trial.own, event) else { return true };
        log::info!("{}: {event:?}, so {reach:?}", trial.address);
        self.emit_seat(trial.seat, trial.says(reach));
        self.end_trial(client);
        true
    }

    /// Ends the tests of which this holds, without a word.
    pub(super) fn end_trials(&mut self, is_over: impl Fn(&Trial) -> bool) {
        let over: Vec<ClientId> =
            self.trials.iter().filter(|(_, trial)| is_over(trial)).map(|(client, _)| *client).collect();
        over.into_iter().for_each(|client| self.end_trial(client));
    }

    fn end_trial(&mut self, client: ClientId) {
        self.trials.remove(&client);
        self.net.send(net::Command::Remove(client));
    }
}

/// What an event says of an address where this computer hosts with the key `own`; `None` if it is
/// not known yet.
fn reach_of(own: Fingerprint, event: &Event) -> Option<Reach> {
    match event {
        Event::FirstUse { host } if *host == own => Some(Reach::Answers),
        Event::FirstUse { .. } => Some(Reach::Another),
        Event::Stopped(Stop::Unreachable(
            LinkError::NotConversa { .. } | LinkError::LearningHost { .. } | LinkError::SecureHost { .. },
        )) => Some(Reach::Another),
        Event::Stopped(_) => Some(Reach::Silent),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::app::session::address_test::*;

    #[test]
    fn only_the_own_key_counts_as_an_answer() {
        let (own, other) = (Fingerprint::of(b"own"), Fingerprint::of(b"other"));
        let address = || "192.168.1.7:9000".to_owned();
        let stopped = |error| reach_of(own, &Event::Stopped(Stop::Unreachable(error)));
        assert_eq!(reach_of(own, &Event::Connecting), None);
        assert_eq!(reach_of(own, &Event::FirstUse { host: own }), Some(Reach::Answers));
        assert_eq!(reach_of(own, &Event::FirstUse { host: other }), Some(Reach::Another));
        assert_eq!(stopped(LinkError::NotConversa { address: address() }), Some(Reach::Another));
        assert_eq!(stopped(LinkError::SecureHost { address: address() }), Some(Reach::Another));
        assert_eq!(stopped(LinkError::Refused { address: address() }), Some(Reach::Silent));
        assert_eq!(stopped(LinkError::TimedOut { address: address() }), Some(Reach::Silent));
    }
}
