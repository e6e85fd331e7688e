//! The loop's part for connections that others make to our listeners.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mio::Interest;
use mio::net::TcpStream;

use super::connections::{Link, Role};
use super::event_loop::{EventLoop, listener_token};
use super::limits::{ACCEPTS_A_TURN, NetLimits};
use super::listener::{Accepted, Listener};
use super::{Event, ListenError, ListenerId};
use crate::crypto::Fingerprint;
use crate::protocol::limits::MEMBER_BODY_BYTES_MAX;
use crate::protocol::{ByeCode, HostOutput, Identity, LinkError, LinkId, OpenPolicy, Peer};
use crate::wire::FrameKind;

impl EventLoop {
    /// Opens a listener.
    pub(super) fn listen(
        &mut self,
        id: ListenerId,
        address: SocketAddr,
        identity: Arc<Identity>,
        policy: OpenPolicy,
        limits: NetLimits,
    ) {
        let opened = Listener::open(id, address, identity, policy, limits).and_then(|listener| self.keep(listener));
        match opened {
            Ok(address) => {
                log::info!("listening at {address}");
                self.tell(Event::Listening { listener: id, address });
            }
            Err(reason) => {
                log::info!("cannot listen at {address}: {reason}");
                self.tell(Event::ListenFailed { listener: id, address, reason });
            }
        }
    }

    fn keep(&mut self, mut listener: Listener) -> Result<SocketAddr, ListenError> {
        let system = |error: std::io::Error| ListenError::System(error.to_string());
        let address = listener.socket.local_addr().map_err(system)?;
        let place = self.listeners.iter().position(Option::is_none).unwrap_or(self.listeners.len());
        let registry = self.poll.registry();
        registry.register(&mut listener.socket, listener_token(place), Interest::READABLE).map_err(system)?;
        match self.listeners.get_mut(place) {
            Some(empty) => *empty = Some(listener),
            None => self.listeners.push(Some(listener)),
        }
        Ok(address)
    }

    /// Closes a listener and says goodbye to its members.
    pub(super) fn unlisten(&mut self, id: ListenerId) {
        let is_it = |listener: &Option<Listener>| listener.as_ref().is_some_and(|listener| listener.id == id);
        let Some(place) = self.listeners.iter().position(is_it) else { return };
        for link in self.connections.ids() {
            match self.connections.at(link).map(|link| link.role) {
                Some(Role::Hosted { listener, keyed: true, .. }) if listener == place => {
                    self.part(link, Some(ByeCode::GoingAway));
                }
                Some(Role::Hosted { listener, .. }) if listener == place => self.drop_link(link, &LinkError::Cut),
                _ => {}
            }
        }
        if let Some(mut listener) = self.listeners.get_mut(place).and_then(Option::take)
            && let Err(error) = self.poll.registry().deregister(&mut listener.socket)
        {
            log::debug!("listener {} was not watched: {error}", id.0);
        }
    }

    /// Lets in who waits at the doors, as many as a turn allows.
    pub(super) fn accept_all(&mut self) {
        for place in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_A_TURN {
                let Some(Some(listener)) = self.listeners.get_mut(place).filter(|listener| knocked(listener)) else {
                    break;
                };
                match listener.accept(self.now.monotonic_ms) {
                    Accepted::Connection(socket, from) => self.admit(place, socket, from),
                    Accepted::Nobody | Accepted::Later => break,
                }
            }
        }
    }

    fn admit(&mut self, place: usize, socket: TcpStream, from: SocketAddr) {
        let Some(Some(listener)) = self.listeners.get_mut(place) else { return };
        let address = from.ip().to_canonical();
        if !listener.admission.admit(address, self.now.monotonic_ms) {
            log::debug!("too many connections from {address}");
            return;
        }
        let connection = match listener.connection(socket) {
            Ok(connection) => connection,
            Err(error) => {
                listener.admission.settled(address);
                return log::error!("TLS could not start: {error}");
            }
        };
        let role = Role::Hosted { listener: place, address, stranger: true, keyed: false };
        let deadline_ms = self.now.monotonic_ms + listener.limits.handshake_ms;
        if self.take_in(Link::new(connection, role, deadline_ms)).is_none()
            && let Some(Some(listener)) = self.listeners.get_mut(place)
        {
            listener.admission.settled(address);
        }
    }

    /// A peer has proven its key (in a learning room: shown one).
    pub(super) fn hosted_keyed(&mut self, id: LinkId, fingerprint: Fingerprint) {
        let Some(link) = self.connections.at(id) else { return };
        let Role::Hosted { listener: place, address, keyed, .. } = &mut link.role else { return };
        *keyed = true;
        let (place, address) = (*place, *address);
        if let Some(Some(listener)) = self.listeners.get_mut(place) {
            log::debug!("connection {} is {}", id.0, fingerprint.tag());
            let peer = Peer { fingerprint, suite: listener.suite, address };
            listener.host.link_opened(id, peer, self.now);
            self.drain_host(place);
        }
    }

    /// A frame for the host.
    pub(super) fn hosted_frame(&mut self, place: usize, id: LinkId, kind: FrameKind, body: &[u8]) {
        let Some(Some(listener)) = self.listeners.get_mut(place) else { return };
        let now = self.now;
        // A panic would be a fault of ours in reading what a peer sent. It costs that peer the
        // connection; the host goes on.
        let read = catch_unwind(AssertUnwindSafe(|| listener.host.frame(id, kind, body, now)));
        if read.is_err() {
            log::error!("a frame of type {kind:?} ended in a panic");
            listener.host.link_closed(id, false, now);
            self.part(id, Some(ByeCode::Protocol));
        }
        self.drain_host(place);
    }

    /// A peer of the host is gone.
    pub(super) fn hosted_gone(&mut self, place: usize, id: LinkId, clean: bool) {
        if let Some(Some(listener)) = self.listeners.get_mut(place) {
            listener.host.link_closed(id, clean, self.now);
            self.drain_host(place);
        }
    }

    /// Does all that a host asks for.
    pub(super) fn drain_host(&mut self, place: usize) {
        while let Some(Some(listener)) = self.listeners.get_mut(place) {
            let Some(output) = listener.host.poll_output() else { break };
            match output {
                HostOutput::Send { link, frame } => {
                    let (frames_max, bytes_max) = (listener.limits.queue_frames_max, listener.limits.queue_bytes_max);
                    self.send_hosted(place, link, frame, frames_max, bytes_max);
                }
                HostOutput::Close { link, code } => self.part(link, Some(code)),
                HostOutput::Member { link } => self.settle_member(place, link),
                HostOutput::Event(event) => {
                    let listener = listener.id;
                    self.tell(Event::Host { listener, event });
                }
            }
        }
        for link in std::mem::take(&mut self.newcomers) {
            if let Some(link) = self.connections.at(link) {
                link.catching_up = false;
                link.connection.excuse_queue();
            }
        }
    }

    fn send_hosted(&mut self, place: usize, id: LinkId, frame: Arc<[u8]>, frames_max: usize, bytes_max: usize) {
        let Some(link) = self.connections.at(id) else { return };
        link.connection.send(frame);
        let is_slow = !link.catching_up && link.connection.is_slow(frames_max, bytes_max);
        if !link.dirty {
            self.mark_dirty(id);
        }
        if is_slow && !self.catches_up(id, frames_max, bytes_max) {
            log::info!("connection {} does not read what it is sent", id.0);
            self.part(id, Some(ByeCode::Slow));
            if let Some(Some(listener)) = self.listeners.get_mut(place) {
                listener.host.link_closed(id, false, self.now);
            }
        }
    }

    /// Whether a peer whose queue is full takes enough of it at once: a busy turn may fill a queue
    /// before its end.
    pub(super) fn catches_up(&mut self, id: LinkId, frames_max: usize, bytes_max: usize) -> bool {
        self.connections
            .at(id)
            .is_some_and(|link| link.connection.flush().is_ok() && !link.connection.is_slow(frames_max, bytes_max))
    }

    fn settle_member(&mut self, place: usize, id: LinkId) {
        let Some(link) = self.connections.at(id) else { return };
        link.connection.allow(MEMBER_BODY_BYTES_MAX);
        link.catching_up = true;
        self.newcomers.push(id);
        if let Role::Hosted { address, stranger, .. } = &mut link.role
            && std::mem::take(stranger)
            && let Some(Some(listener)) = self.listeners.get_mut(place)
        {
            listener.admission.settled(*address);
        }
    }
}

fn knocked(listener: &Option<Listener>) -> bool {
    listener.as_ref().is_some_and(|listener| listener.knocked)
}
