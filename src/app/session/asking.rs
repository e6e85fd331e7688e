//! Asks what a host allows before a person has to compare its key: if it admits nobody, nobody need read out 64
//! digits.
//!
//! The host is not trusted yet, so it does not learn who asks: the question is sent under a key made for such
//! questions and kept in memory until the session ends. The answer is only the host's word. It decides just whether
//! the person is asked about the host's key; once they trust it, the lobby is requested again, with their own key.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use super::clients::Clients;
use super::errands::{Errand, Errands};
use super::front_end::FrontEnd;
use super::input::Input;
use super::membership::{Membership, Plan};
use super::{JoinRequest, MembershipEvent, MembershipId};
use crate::app::clock::now;
use crate::app::worker::thread;
use crate::app::{JoinTarget, Problem};
use crate::crypto::{CryptoError, Fingerprint, KeyKind};
use crate::net::ClientId;
use crate::protocol::{Client, Entry, Event, Identity};

/// The key for questions.
#[derive(Default)]
enum AskingKey {
    /// Not needed yet, or it could not be made.
    #[default]
    None,
    /// A worker is making it; these wait for it.
    Making(Vec<(MembershipId, Fingerprint)>),
    /// It can be used for hosts with this kind of keys.
    Ready(KeyKind, Arc<Identity>),
}

/// The questions under way, and what they are asked with.
#[derive(Default)]
pub(super) struct Askings {
    /// Clients that only look, each at this host.
    under_way: Errands<Fingerprint>,
    key: AskingKey,
}

impl Askings {
    /// Asks the host at an address what it allows, once for each membership. `false` if the person should be asked
    /// about its key at once.
    pub(super) fn asks_first(
        &mut self,
        id: MembershipId,
        membership: &mut Membership,
        host: Fingerprint,
        clients: &mut Clients,
        inputs: &Sender<Input>,
    ) -> bool {
        let looks =
            matches!(&membership.plan, Plan::Join(JoinRequest { target: JoinTarget::Address(_), look: true, .. }));
        if membership.asked || !looks {
            return false;
        }
        membership.asked = true;
        let kind = membership.info.suite.key_kind();
        match &mut self.key {
            AskingKey::Ready(of, identity) if *of == kind => {
                let identity = Arc::clone(identity);
                self.ask(id, membership, host, identity, clients);
                return true;
            }
            AskingKey::Making(waiting) => {
                waiting.push((id, host));
                return true;
            }
            AskingKey::None | AskingKey::Ready(..) => {}
        }
        let inputs = inputs.clone();
        let started = thread("asking-key", move || {
            let identity = make(kind).map(Arc::new).map_err(Problem::from);
            let _ = inputs.send(Input::AskingKey { kind, identity });
        });
        if let Err(problem) = started {
            log::warn!("the host is not asked: {problem:?}");
            return false;
        }
        self.key = AskingKey::Making(vec![(id, host)]);
        true
    }

    /// The key for questions is made: those who wait for it ask.
    pub(super) fn key_made(
        &mut self,
        kind: KeyKind,
        identity: Result<Arc<Identity>, Problem>,
        memberships: &BTreeMap<MembershipId, Membership>,
        clients: &mut Clients,
        front_end: &FrontEnd,
    ) {
        let AskingKey::Making(waiting) = std::mem::take(&mut self.key) else { return };
        if let Ok(identity) = &identity {
            self.key = AskingKey::Ready(kind, Arc::clone(identity));
        }
        for (id, host) in waiting {
            let membership = memberships.get(&id).filter(|membership| membership.info.suite.key_kind() == kind);
            match (&identity, membership) {
                (Ok(identity), Some(membership)) => self.ask(id, membership, host, Arc::clone(identity), clients),
                _ => front_end.tell_membership(id, MembershipEvent::Protocol(Event::FirstUse { host })),
            }
        }
    }

    /// Handles a host's answer. `false` if the client asks nothing.
    pub(super) fn event(
        &mut self,
        client: ClientId,
        event: &Event,
        clients: &mut Clients,
        front_end: &FrontEnd,
    ) -> bool {
        let Some(&Errand { membership, about: host }) = self.under_way.of(client) else { return false };
        let told = match event {
            // Nobody is admitted: report that instead of asking about the key.
            Event::Lobby(rooms) if rooms.is_empty() => event.clone(),
            // Whatever went wrong may go wrong again, or not: ask the person as if nothing had happened.
            Event::Lobby(_) | Event::Stopped(_) | Event::Offline { .. } => Event::FirstUse { host },
            _ => return true,
        };
        self.under_way.finish(client, clients);
        front_end.tell_membership(membership, MembershipEvent::Protocol(told));
        true
    }

    /// Ends a membership's questions without reporting.
    pub(super) fn end(&mut self, id: MembershipId, clients: &mut Clients) {
        self.under_way.end(id, clients);
        if let AskingKey::Making(waiting) = &mut self.key {
            waiting.retain(|(membership, _)| *membership != id);
        }
    }

    fn ask(
        &mut self,
        id: MembershipId,
        membership: &Membership,
        host: Fingerprint,
        identity: Arc<Identity>,
        clients: &mut Clients,
    ) {
        let crypto = membership.crypto.clone();
        let looking = Client::new(identity, crypto, String::new(), Entry::Knock, Some(host)).looking_first();
        let client = clients.add(looking, membership.info.addresses.clone());
        self.under_way.begin(client, id, host);
    }
}

/// An identity of the kind's default size, with one key for both uses: nobody will send it anything.
fn make(kind: KeyKind) -> Result<Identity, CryptoError> {
    let backend = kind.backend();
    let bits = backend.key_bits().first().copied().ok_or(CryptoError::KeyPolicy)?;
    let signing = backend.generate_signing(bits)?;
    let decryption = backend.decryption_from_pkcs8(&signing.to_pkcs8()?)?;
    Identity::new(signing, decryption, now())
}
