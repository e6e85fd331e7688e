//! The loop's part for connections that others make to our listeners.

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use mio::Interest;
use mio::net::TcpStream;

use super::admission::{Stage, Turn, network};
use super::connections::{Link, Role};
use super::event_loop::{EventLoop, listener_token};
use super::limits::{ACCEPTS_A_TURN, HANDSHAKES_BEGUN_MAX};
use super::listener::{Accepted, Listener};
use super::log::LogDirectory;
use super::{Event, ListenError, ListenerId};
use crate::crypto::Fingerprint;
use crate::protocol::limits::MEMBER_BODY_BYTES_MAX;
use crate::protocol::{ByeCode, HostOutput, LinkError, LinkId, Peer};
use crate::wire::FrameKind;

impl EventLoop {
    /// Begins to listen. What is kept of rooms is read first, and meanwhile whoever connects waits.
    pub(super) fn listen(
        &mut self,
        id: ListenerId,
        address: SocketAddr,
        opened: Result<Listener, ListenError>,
        log: Option<LogDirectory>,
    ) {
        match opened.and_then(|listener| self.keep(listener)).and_then(|bound| self.begin_log(id, log).map(|()| bound))
        {
            Ok(address) => {
                log::info!("listening at {address}");
                self.tell_listening(id);
            }
            Err(reason) => {
                log::info!("cannot listen at {address}: {reason}");
                self.unlisten(id);
                self.tell(Event::ListenFailed { listener: id, address, reason });
            }
        }
    }

    /// Tells that a listener listens, unless its rooms are still being read.
    pub(super) fn tell_listening(&self, id: ListenerId) {
        let listener = self.listeners.iter().flatten().find(|listener| listener.id == id && listener.is_begun);
        if let Some(Ok(address)) = listener.map(|listener| listener.socket.local_addr()) {
            self.tell(Event::Listening { listener: id, address });
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
                    self.close(link, Some(ByeCode::GoingAway));
                }
                Some(Role::Hosted { listener, .. }) if listener == place => self.abort(link, &LinkError::Cut),
                _ => {}
            }
        }
        if let Some(mut listener) = self.listeners.get_mut(place).and_then(Option::take)
            && let Err(error) = self.poll.registry().deregister(&mut listener.socket)
        {
            log::debug!("listener {} was not watched: {error}", id.0);
        }
        if let Some(log) = &self.log {
            log.end_listener(id);
        }
    }

    /// Accepts waiting connections, as many as a turn allows.
    pub(super) fn accept_all(&mut self) {
        for place in 0..self.listeners.len() {
            for _ in 0..ACCEPTS_A_TURN {
                let Some(Some(listener)) =
                    self.listeners.get_mut(place).filter(|listener| connections_waiting(listener))
                else {
                    break;
                };
                match listener.accept(self.now.monotonic_ms) {
                    Accepted::Connection(socket, from) => self.admit(place, socket, from),
                    Accepted::NoDescriptor => self.make_place_in_the_system(place),
                    Accepted::Nobody | Accepted::Later => break,
                }
            }
        }
    }

    /// Drops whoever got least far, to make room for a waiting connection.
    fn make_place_in_the_system(&mut self, place: usize) {
        let Some(Some(listener)) = self.listeners.get_mut(place) else { return };
        if let Some(least) = listener.admission.least() {
            return self.push_out(least);
        }
        if listener.runs_out_of_descriptors(self.now.monotonic_ms) {
            log::warn!("too many open files: nobody new can come in");
            let listener = listener.id;
            self.tell(Event::OutOfFiles { listener });
        }
    }

    fn admit(&mut self, place: usize, socket: TcpStream, from: SocketAddr) {
        let own = self.is_own(from);
        let Some(Some(listener)) = self.listeners.get_mut(place) else { return };
        let connection = match listener.connection(socket) {
            Ok(connection) => connection,
            Err(error) => return log::error!("TLS could not start: {error}"),
        };
        let network = network(from.ip());
        let role = Role::Hosted { listener: place, network, own, keyed: false };
        let deadline_ms = self.now.monotonic_ms + listener.limits.first_flight_ms;
        if let Some(id) = self.take_in(Link::new(connection, role, deadline_ms)) {
            self.reaches(id, Stage::Silent);
            // Its first bytes often arrive with it, so read now instead of a turn later.
            if let Some(link) = self.connections.at(id) {
                link.connection.ready(true, true);
                self.read(id);
            }
        }
    }

    /// Whether a connection comes from one of our own clients: nobody else has its address and port at the other end.
    fn is_own(&mut self, from: SocketAddr) -> bool {
        let links: Vec<LinkId> = self.clients.values().filter_map(|client| client.link).collect();
        let place = |address: SocketAddr| (address.ip().to_canonical(), address.port());
        links.into_iter().any(|link| {
            let local = self.connections.at(link).and_then(|link| link.connection.local_addr().ok());
            local.is_some_and(|local| place(local) == place(from))
        })
    }

    /// An unauthenticated connection enters a stage, and another may be dropped for it. Our own are exempt.
    pub(super) fn reaches(&mut self, id: LinkId, stage: Stage) {
        let Some(Role::Hosted { listener, network, own: false, .. }) = self.connections.at(id).map(|link| link.role)
        else {
            return;
        };
        if let Some(Some(listener)) = self.listeners.get_mut(listener)
            && let Some(goes) = listener.admission.enter(id, network, stage)
        {
            self.push_out(goes);
        }
    }

    fn push_out(&mut self, id: LinkId) {
        log::debug!("connection {} makes place for another", id.0);
        self.report_closed(id, false, &LinkError::Cut);
        self.abort(id, &LinkError::Cut);
    }

    /// A connection leaves the admission count. If it still exists, it only has to read its goodbye.
    pub(super) fn leave_door(&mut self, id: LinkId, place: usize, network: IpAddr) {
        let Some(Some(listener)) = self.listeners.get_mut(place) else { return };
        if listener.admission.stage(id).is_none() {
            return;
        }
        let Some(link) = self.connections.at(id) else { return listener.admission.leave(id) };
        link.role = Role::Leaving { listener: Some(place) };
        if let Some(goes) = listener.admission.enter(id, network, Stage::Leaving) {
            self.abort(goes, &LinkError::Cut);
        }
    }

    /// A peer that left before its turn gets none: its handshake would be taken from somebody else.
    pub(super) fn abort_if_it_left(&mut self, id: LinkId) -> bool {
        let left = self.connections.at(id).is_some_and(|link| link.connection.left_before_its_turn());
        if left {
            self.abort(id, &LinkError::Cut);
        }
        left
    }

    /// A peer's first handshake flight is complete.
    pub(super) fn first_flight_came(&mut self, id: LinkId) {
        if self.abort_if_it_left(id) {
            return;
        }
        let Some(Role::Hosted { listener, own, .. }) = self.connections.at(id).map(|link| link.role) else { return };
        let Some(Some(listener)) = self.listeners.get(listener) else { return };
        self.set_deadline(id, listener.limits.handshake_ms);
        if own { self.begin_handshake(id) } else { self.reaches(id, Stage::Queued) }
    }

    /// A learning link needs no worker: it is answered at once.
    pub(super) fn follow_door(&mut self, id: LinkId) {
        let Some(link) = self.connections.at(id) else { return };
        let Role::Hosted { listener, keyed: false, .. } = link.role else { return };
        let is_answered = link.connection.is_answered();
        if let Some(Some(listener)) = self.listeners.get(listener)
            && is_answered
            && listener.admission.stage(id) == Some(Stage::Silent)
        {
            self.set_deadline(id, listener.limits.handshake_ms);
            self.reaches(id, Stage::Answered);
        }
    }

    /// Begins the handshakes whose turn it is.
    pub(super) fn begin_handshakes(&mut self) {
        self.handshakes_at_ms = None;
        for place in 0..self.listeners.len() {
            while self.begun.len() < HANDSHAKES_BEGUN_MAX
                && let Some(Some(listener)) = self.listeners.get_mut(place)
            {
                match listener.admission.next_handshake(self.now.monotonic_ms) {
                    Turn::Nobody => break,
                    Turn::At(at_ms) => {
                        self.handshakes_at_ms = Some(self.handshakes_at_ms.map_or(at_ms, |known| known.min(at_ms)));
                        break;
                    }
                    Turn::Of(id) => {
                        self.begun.insert(id);
                        self.reaches(id, Stage::Answered);
                        self.begin_handshake(id);
                    }
                }
            }
        }
    }

    fn begin_handshake(&mut self, id: LinkId) {
        let Some(handshake) = self.connections.at(id).and_then(|link| link.connection.begin()) else {
            self.begun.remove(&id);
            return;
        };
        self.shake_hands(id, handshake);
    }

    /// A peer has proven its key (in a learning room: shown one).
    pub(super) fn hosted_keyed(&mut self, id: LinkId, fingerprint: Fingerprint) {
        let Some(link) = self.connections.at(id) else { return };
        let Role::Hosted { listener: place, network, keyed, .. } = &mut link.role else { return };
        *keyed = true;
        let (place, address) = (*place, *network);
        self.reaches(id, Stage::Keyed);
        if let Some(Some(listener)) = self.listeners.get_mut(place) {
            log::debug!("connection {} is {}", id.0, fingerprint.tag());
            let peer = Peer { fingerprint, keys: listener.kind, address };
            listener.host.link_opened(id, peer, self.now);
            self.drain_host(place);
        }
    }

    /// A frame for the host.
    pub(super) fn hosted_frame(&mut self, place: usize, id: LinkId, kind: FrameKind, body: &[u8]) {
        let Some(Some(listener)) = self.listeners.get_mut(place) else { return };
        let now = self.now;
        // A panic would be our own bug in reading what a peer sent. It costs that peer the connection; the host goes
        // on.
        let read = catch_unwind(AssertUnwindSafe(|| listener.host.frame(id, kind, body, now)));
        if read.is_err() {
            log::error!("a frame of type {kind:?} ended in a panic");
            listener.host.link_closed(id, false, now);
            self.close(id, Some(ByeCode::Protocol));
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

    /// Carries out everything a host asks for.
    pub(super) fn drain_host(&mut self, place: usize) {
        while let Some(Some(listener)) = self.listeners.get_mut(place) {
            let Some(output) = listener.host.poll_output() else { break };
            match output {
                HostOutput::Send { link, frame } => {
                    let (frames_max, bytes_max) = (listener.limits.queue_frames_max, listener.limits.queue_bytes_max);
                    self.send_hosted(place, link, frame, frames_max, bytes_max);
                }
                HostOutput::Close { link, code } => self.close(link, Some(code)),
                HostOutput::Member { link } => self.becomes_member(place, link),
                HostOutput::Waiting { link } => {
                    if let Some(Some(listener)) = self.listeners.get_mut(place) {
                        listener.admission.leave(link);
                    }
                }
                HostOutput::TurnedAway { link } => self.reaches(link, Stage::Keyed),
                HostOutput::Write { room, number, what } => {
                    let listener = listener.id;
                    self.write_log(listener, room, number, what);
                }
                HostOutput::Load { room } => {
                    let listener = listener.id;
                    self.load_log(listener, room);
                }
                HostOutput::Event(event) => {
                    let listener = listener.id;
                    self.tell(Event::Host { listener, event });
                }
            }
        }
        for link in std::mem::take(&mut self.just_admitted) {
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
            self.close(id, Some(ByeCode::Slow));
            if let Some(Some(listener)) = self.listeners.get_mut(place) {
                listener.host.link_closed(id, false, self.now);
            }
        }
    }

    /// Whether a peer whose queue is full takes enough of it now: a busy turn may fill a queue before it ends.
    pub(super) fn catches_up(&mut self, id: LinkId, frames_max: usize, bytes_max: usize) -> bool {
        self.connections
            .at(id)
            .is_some_and(|link| link.connection.flush().is_ok() && !link.connection.is_slow(frames_max, bytes_max))
    }

    fn becomes_member(&mut self, place: usize, id: LinkId) {
        let Some(link) = self.connections.at(id) else { return };
        link.connection.allow(MEMBER_BODY_BYTES_MAX);
        link.catching_up = true;
        self.just_admitted.push(id);
        if let Role::Hosted { network, own: false, .. } = link.role
            && let Some(Some(listener)) = self.listeners.get_mut(place)
        {
            listener.admission.becomes_member(id, network);
        }
    }
}

fn connections_waiting(listener: &Option<Listener>) -> bool {
    listener.as_ref().is_some_and(|listener| listener.connections_waiting)
}
