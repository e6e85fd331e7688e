//! What a host allows, asked before a person has to compare its key: who is not let in anyway need not read 64 digits
//! to anybody.
//!
//! Nobody has said yet that the host is the right one, so it does not learn who asks: the question goes out under a key
//! that is made for such questions and kept in memory until the session ends. The answer is the host's word and proves
//! nothing. It decides only whether the person is asked about the host's key; once they trust it, the lobby is asked for
//! again, with their own key.

use std::sync::Arc;

use super::engine::Engine;
use super::input::Input;
use super::membership::Plan;
use super::questions::{Asking, AskingKey};
use super::{JoinRequest, MembershipEvent, MembershipId};
use crate::app::clock::now;
use crate::app::worker::thread;
use crate::app::{JoinTarget, Problem};
use crate::crypto::{CryptoError, Fingerprint, KeyKind};
use crate::net::{self, ClientId};
use crate::protocol::{Client, Entry, Event, Identity};

impl Engine {
    /// Asks the host of an address what it allows, once for each membership. `false` if the person is to be asked
    /// about its key at once.
    pub(super) fn asks_first(&mut self, id: MembershipId, host: Fingerprint) -> bool {
        let Some(membership) = self.memberships.get_mut(&id).filter(|membership| !membership.asked) else {
            return false;
        };
        if !matches!(&membership.plan, Plan::Join(JoinRequest { target: JoinTarget::Address(_), look: true, .. })) {
            return false;
        }
        membership.asked = true;
        let kind = membership.info.suite.key_kind();
        match &mut self.asking.key {
            AskingKey::Ready(of, identity) if *of == kind => {
                let identity = Arc::clone(identity);
                self.ask(id, host, identity);
                return true;
            }
            AskingKey::Making(waiting) => {
                waiting.push((id, host));
                return true;
            }
            AskingKey::None | AskingKey::Ready(..) => {}
        }
        let inputs = self.inputs.clone();
        let started = thread("asking-key", move || {
            let identity = make(kind).map(Arc::new).map_err(Problem::from);
            let _ = inputs.send(Input::AskingKey { kind, identity });
        });
        if let Err(problem) = started {
            log::warn!("the host is not asked: {problem:?}");
            return false;
        }
        self.asking.key = AskingKey::Making(vec![(id, host)]);
        true
    }

    /// The key for questions is made: those who wait for it ask.
    pub(super) fn asking_key_made(&mut self, kind: KeyKind, identity: Result<Arc<Identity>, Problem>) {
        let AskingKey::Making(waiting) = std::mem::take(&mut self.asking.key) else { return };
        if let Ok(identity) = &identity {
            self.asking.key = AskingKey::Ready(kind, Arc::clone(identity));
        }
        for (id, host) in waiting {
            match &identity {
                Ok(identity)
                    if self.memberships.get(&id).is_some_and(|membership| membership.info.suite.key_kind() == kind) =>
                {
                    self.ask(id, host, Arc::clone(identity));
                }
                _ => self.emit_membership(id, MembershipEvent::Protocol(Event::FirstUse { host })),
            }
        }
    }

    /// What a host answered. `false` if the client asks nothing.
    pub(super) fn asking_event(&mut self, client: ClientId, event: &Event) -> bool {
        let Some(&Asking { membership, host }) = self.asking.clients.get(&client) else { return false };
        let told = match event {
            // Nobody is let in: that is said in place of the question about the key.
            Event::Lobby(rooms) if rooms.is_empty() => event.clone(),
            // Whatever went wrong will go wrong again, or not: the person is asked as if nothing had been.
            Event::Lobby(_) | Event::Stopped(_) | Event::Offline { .. } => Event::FirstUse { host },
            _ => return true,
        };
        self.end_asking(client);
        self.emit_membership(membership, MembershipEvent::Protocol(told));
        true
    }

    /// Ends the questions of a membership without a word.
    pub(super) fn end_askings(&mut self, id: MembershipId) {
        let over = self.asking.clients.iter().filter(|(_, asking)| asking.membership == id).map(|(client, _)| *client);
        let over: Vec<ClientId> = over.collect();
        over.into_iter().for_each(|client| self.end_asking(client));
        if let AskingKey::Making(waiting) = &mut self.asking.key {
            waiting.retain(|(membership, _)| *membership != id);
        }
    }

    fn ask(&mut self, id: MembershipId, host: Fingerprint, identity: Arc<Identity>) {
        let Some(membership) = self.memberships.get(&id) else { return };
        let (crypto, addresses) = (membership.crypto.clone(), membership.info.addresses.clone());
        let client = ClientId(self.next_client);
        self.next_client += 1;
        let asker = Client::new(identity, crypto, String::new(), Entry::Knock, Some(host)).looking_first();
        self.asking.clients.insert(client, Asking { membership: id, host });
        self.net.send(net::Command::Add { id: client, client: Box::new(asker), addresses });
    }

    fn end_asking(&mut self, client: ClientId) {
        self.asking.clients.remove(&client);
        self.net.send(net::Command::Remove(client));
    }
}

/// An identity of the kind's default size, with one key for both of its uses: nobody will send it anything.
fn make(kind: KeyKind) -> Result<Identity, CryptoError> {
    let backend = kind.backend();
    let bits = backend.key_bits().first().copied().ok_or(CryptoError::KeyPolicy)?;
    let signing = backend.generate_signing(bits)?;
    let decryption = backend.decryption_from_pkcs8(&signing.to_pkcs8()?)?;
    Identity::new(signing, decryption, now())
}
