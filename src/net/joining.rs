//! The loop's part for our own clients: dialling, and passing data between the socket and the client thread.

use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpStream;

use super::ClientId;
use super::client_thread::{Input, LinkEvent, LinkRequest};
use super::connections::{DialStage, Link, Role};
use super::dial::{Dial, DialStep, explain_io, is_cut};
use super::event_loop::EventLoop;
use super::limits::CLIENT_BYTES_WAITING_MAX;
use super::link::fault::LinkFault;
use super::link::learning_link::LearningFault;
use super::own_client::OwnClient;
use super::timers::Timer;
use crate::crypto::Fingerprint;
use crate::protocol::{ByeCode, LinkError, LinkId};
use crate::wire::FrameKind;

impl EventLoop {
    /// Forgets a client.
    pub(super) fn end_client(&mut self, id: ClientId) {
        self.hang_up(id, Some(ByeCode::Leaving));
        self.clients.remove(&id);
    }

    /// Carries out what a client asks for.
    pub(super) fn handle_request(&mut self, id: ClientId, request: LinkRequest) {
        match request {
            LinkRequest::Begin { identity, addresses } => {
                self.end_client(id);
                // A client that arrives during shutdown is not started.
                if !self.is_shutting_down() {
                    self.clients.insert(id, OwnClient::new(identity, addresses));
                }
            }
            LinkRequest::Addresses(addresses) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.addresses = addresses;
                }
            }
            LinkRequest::End => self.end_client(id),
            LinkRequest::Connect { attempt, pin } => {
                self.hang_up(id, Some(ByeCode::Leaving));
                let Some(client) = self.clients.get_mut(&id) else { return };
                client.attempt = attempt;
                client.pin = pin;
                client.dial = Some(Dial::new(&client.addresses));
                self.dial_on(id);
            }
            LinkRequest::Send(frame) => self.send_dialled(id, frame),
            LinkRequest::Disconnect(code) => self.hang_up(id, Some(code)),
            LinkRequest::Abandon => self.hang_up(id, None),
            LinkRequest::Taken(bytes) => self.taken(id, bytes),
        }
    }

    /// Takes the next step to a client's host.
    fn dial_on(&mut self, id: ClientId) {
        while let Some(client) = self.clients.get_mut(&id) {
            let Some(dial) = &mut client.dial else { return };
            match dial.next() {
                DialStep::Look(address) => {
                    if self.workers.look_up(id, client.attempt, address.clone()).is_ok() {
                        let until_ms = self.now.monotonic_ms + self.limits.lookup_ms;
                        client.lookup_until_ms = Some(until_ms);
                        return self.timers.set(until_ms, Timer::Lookup(id));
                    }
                    // Too many names are being looked up.
                    dial.failed(explain_io(&std::io::ErrorKind::ResourceBusy.into(), address));
                }
                DialStep::Connect(place) => {
                    let address = dial.address().to_owned();
                    match self.connect(id, place) {
                        Ok(()) => return,
                        Err(error) => self.note_failure(id, explain_io(&error, address)),
                    }
                }
                DialStep::Wait(wait_ms) => {
                    let at_ms = self.now.monotonic_ms + wait_ms;
                    client.redial_at_ms = Some(at_ms);
                    return self.timers.set(at_ms, Timer::Redial(id));
                }
                DialStep::GiveUp(error) => {
                    client.dial = None;
                    log::info!("client {}: {error}", id.0);
                    return self.tell_client(id, LinkEvent::Disconnected(error));
                }
            }
        }
    }

    fn connect(&mut self, id: ClientId, place: SocketAddr) -> std::io::Result<()> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let socket = TcpStream::connect(place)?;
        client.verdict = Arc::default();
        let connection = client.connection(socket).map_err(std::io::Error::other)?;
        let role = Role::Dialled { client: id, stage: DialStage::Connecting };
        let deadline_ms = self.now.monotonic_ms + self.limits.connect_ms;
        let link = self.take_in(Link::new(connection, role, deadline_ms));
        if let Some(client) = self.clients.get_mut(&id) {
            client.link = link;
        }
        // Without a link, no socket could be registered.
        link.map(|_| ()).ok_or_else(|| std::io::ErrorKind::ResourceBusy.into())
    }

    /// Checks whether a dialled TCP connection is up.
    pub(super) fn check_opened(&mut self, id: LinkId) -> bool {
        let Some(link) = self.connections.at(id) else { return false };
        match link.connection.opened() {
            None => false,
            Some(Err(error)) => {
                self.failed(id, &LinkFault::Io(error));
                false
            }
            Some(Ok(())) => {
                if let Role::Dialled { stage, .. } = &mut link.role {
                    *stage = DialStage::Handshaking;
                }
                self.set_deadline(id, self.limits.handshake_ms);
                true
            }
        }
    }

    /// The name look-up has answered.
    pub(super) fn found(&mut self, id: ClientId, attempt: u64, places: Vec<SocketAddr>) {
        let Some(client) = self.clients.get_mut(&id).filter(|client| client.attempt == attempt) else { return };
        if client.lookup_until_ms.take().is_none() {
            return;
        }
        if let Some(dial) = &mut client.dial {
            dial.found(places);
        }
        self.dial_on(id);
    }

    /// The name look-up may be late.
    pub(super) fn lookup_is_late(&mut self, id: ClientId) {
        let now_ms = self.now.monotonic_ms;
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.lookup_until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
            // A late answer still belongs to this attempt, but nobody waits for it.
            client.lookup_until_ms = None;
            let address = client.dial.as_ref().map(|dial| dial.address().to_owned()).unwrap_or_default();
            self.dial_failed(id, LinkError::TimedOut { address });
        }
    }

    /// The wait before another try may be over.
    pub(super) fn redial(&mut self, id: ClientId) {
        let now_ms = self.now.monotonic_ms;
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.redial_at_ms.take_if(|at_ms| *at_ms <= now_ms).is_some() {
            self.dial_on(id);
        }
    }

    /// A connection being made failed, or has told a probe what it wanted to know.
    pub(super) fn dial_link_failed(&mut self, id: ClientId, link: LinkId, fault: &LinkFault) {
        let heard = self.connections.at(link).is_some_and(|link| link.connection.heard());
        let Some(client) = self.clients.get_mut(&id) else { return self.close(link, None) };
        let probed = match fault {
            LinkFault::Tls(_) if client.pin.is_none() => client.verdict.proven(),
            LinkFault::Learning(LearningFault::Probed(host)) => Some(*host),
            _ => None,
        };
        let Some(dial) = &client.dial else { return self.close(link, None) };
        let error = dial.explain(fault, heard, client.pin, client.verdict.seen());
        self.close(link, None);
        if matches!(fault, LinkFault::Io(_)) {
            self.abort(link, &error);
        }
        match probed {
            None => {
                let was_cut = matches!(fault, LinkFault::Io(error) if is_cut(error));
                if let Some(dial) = self.clients.get_mut(&id).and_then(|client| client.dial.as_mut())
                    && was_cut
                {
                    dial.was_cut();
                }
                self.dial_failed(id, error);
            }
            Some(host) => {
                if let Some(client) = self.clients.get_mut(&id) {
                    client.dial = None;
                }
                self.tell_client(id, LinkEvent::HostSeen(host));
            }
        }
    }

    /// The attempt failed; tries the next.
    pub(super) fn dial_failed(&mut self, id: ClientId, error: LinkError) {
        self.note_failure(id, error);
        self.dial_on(id);
    }

    fn note_failure(&mut self, id: ClientId, error: LinkError) {
        if let Some(dial) = self.clients.get_mut(&id).and_then(|client| client.dial.as_mut()) {
            log::debug!("client {}: {error}", id.0);
            dial.failed(error);
        }
    }

    /// The host has proven the pinned key.
    pub(super) fn dialled_keyed(&mut self, id: ClientId, link: LinkId, host: Fingerprint) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.dial = None;
        if let Some(link) = self.connections.at(link) {
            link.role = Role::Dialled { client: id, stage: DialStage::Open };
        }
        log::debug!("client {} is connected to {}", id.0, host.tag());
        self.tell_client(id, LinkEvent::Connected);
    }

    /// A frame for a client. If too much is waiting, its socket is left unread.
    pub(super) fn dialled_frame(&mut self, id: ClientId, link: LinkId, kind: FrameKind, body: Vec<u8>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.bytes_waiting += body.len();
        if client.bytes_waiting >= CLIENT_BYTES_WAITING_MAX
            && let Some(link) = self.connections.at(link)
        {
            link.connection.pause(true);
        }
        self.tell_client(id, LinkEvent::Frame(kind, body));
    }

    fn taken(&mut self, id: ClientId, bytes: usize) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.bytes_waiting = client.bytes_waiting.saturating_sub(bytes);
        if client.bytes_waiting < CLIENT_BYTES_WAITING_MAX
            && let Some(id) = client.link
            && let Some(link) = self.connections.at(id)
        {
            link.connection.pause(false);
            self.give_another_turn(id);
        }
    }

    /// A client's connection is gone.
    pub(super) fn dialled_gone(&mut self, id: ClientId, error: &LinkError) {
        log::info!("client {}: {error}", id.0);
        self.tell_client(id, LinkEvent::Disconnected(error.clone()));
    }

    fn send_dialled(&mut self, id: ClientId, frame: Arc<[u8]>) {
        let Some(link_id) = self.clients.get(&id).and_then(|client| client.link) else { return };
        let Some(link) = self.connections.at(link_id) else { return };
        if !matches!(link.role, Role::Dialled { stage: DialStage::Open, .. }) {
            return;
        }
        link.connection.send(frame);
        self.mark_dirty(link_id);
        let (frames_max, bytes_max) = (self.limits.queue_frames_max, self.limits.queue_bytes_max);
        let is_slow = self.connections.at(link_id).is_some_and(|link| link.connection.is_slow(frames_max, bytes_max));
        if is_slow && !self.catches_up(link_id, frames_max, bytes_max) {
            self.close(link_id, Some(ByeCode::Slow));
            self.dialled_gone(id, &LinkError::Cut);
        }
    }

    /// Drops whatever connection a client has.
    fn hang_up(&mut self, id: ClientId, code: Option<ByeCode>) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.dial = None;
        client.lookup_until_ms = None;
        client.redial_at_ms = None;
        let Some(link) = client.link.take() else { return };
        match self.connections.at(link).map(|link| link.role) {
            Some(Role::Dialled { stage: DialStage::Open, .. }) if code.is_some() => self.close(link, code),
            _ => self.abort(link, &LinkError::Cut),
        }
    }

    fn tell_client(&self, id: ClientId, event: LinkEvent) {
        if let Some(client) = self.clients.get(&id) {
            self.client_thread.tell(id, Input::Link { attempt: client.attempt, event });
        }
    }
}
