//! The loop's part that all connections share: how they open, and the ways they close.

use std::io::ErrorKind;

use super::connections::{DialStage, Link, Role};
use super::event_loop::{EventLoop, token};
use super::link::connection::Connection;
use super::link::fault::LinkFault;
use super::timers::Timer;
use crate::protocol::{ByeCode, LinkError, LinkId};

impl EventLoop {
    /// Adds a connection and registers its socket; returns its number, or none if the system refuses.
    pub(super) fn take_in(&mut self, link: Link) -> Option<LinkId> {
        let deadline_ms = link.deadline_ms;
        let id = self.connections.insert(link);
        let link = self.connections.at(id)?;
        let interest = Connection::FIRST_INTEREST;
        if let Err(error) = self.poll.registry().register(link.connection.socket(), token(id), interest) {
            log::warn!("a socket cannot be watched: {error}");
            self.connections.remove(id);
            return None;
        }
        if let Some(deadline_ms) = deadline_ms {
            self.timers.set(deadline_ms, Timer::Link(id));
        }
        Some(id)
    }

    /// Sets how long a connection may take for its current step.
    pub(super) fn set_deadline(&mut self, id: LinkId, patience_ms: u64) {
        let deadline_ms = self.now.monotonic_ms + patience_ms;
        if let Some(link) = self.connections.at(id) {
            link.deadline_ms = Some(deadline_ms);
            self.timers.set(deadline_ms, Timer::Link(id));
        }
    }

    /// Closes a connection with a goodbye, with `code` if it gets that far. Reports nothing to the machines above.
    pub(super) fn close(&mut self, id: LinkId, code: Option<ByeCode>) {
        let Some(link) = self.connections.at(id) else { return };
        let role = link.role;
        if matches!(role, Role::Leaving { .. }) {
            return;
        }
        link.role = Role::Leaving { listener: None };
        link.connection.finish(code);
        let is_lost = link.connection.is_away();
        self.leave_role(id, role);
        if is_lost {
            return self.abort(id, &LinkError::Cut);
        }
        self.set_deadline(id, self.limits.goodbye_ms);
        self.mark_dirty(id);
        self.give_another_turn(id);
    }

    /// Closes a connection at once, without a goodbye. A client that was still dialling is told `error`.
    pub(super) fn abort(&mut self, id: LinkId, error: &LinkError) {
        let Some(mut link) = self.connections.remove(id) else { return };
        if let Err(error) = self.poll.registry().deregister(link.connection.socket()) {
            log::debug!("connection {} was not watched: {error}", id.0);
        }
        self.leave_role(id, link.role);
        if let Role::Dialled { client, stage: DialStage::Connecting | DialStage::Handshaking } = link.role {
            self.dial_failed(client, error.clone());
        }
    }

    /// A connection has left its role. If it still exists, it says goodbye.
    fn leave_role(&mut self, id: LinkId, role: Role) {
        match role {
            Role::Hosted { listener, network, .. } => self.leave_door(id, listener, network),
            Role::Leaving { listener: Some(listener) } => {
                if let Some(Some(listener)) = self.listeners.get_mut(listener) {
                    listener.admission.leave(id);
                }
            }
            Role::Dialled { client, .. } => {
                if let Some(client) = self.clients.get_mut(&client).filter(|client| client.link == Some(id)) {
                    client.link = None;
                }
            }
            Role::Leaving { listener: None } => {}
        }
    }

    /// Lists a connection for the flush at the end of the turn.
    pub(super) fn mark_dirty(&mut self, id: LinkId) {
        if let Some(link) = self.connections.at(id).filter(|link| !link.dirty) {
            link.dirty = true;
            self.dirty.push(id);
        }
    }

    /// Lists a connection for another turn, if that would achieve anything.
    pub(super) fn give_another_turn(&mut self, id: LinkId) {
        let link = self.connections.at(id).filter(|link| !link.listed && link.connection.wants_turn());
        if let Some(link) = link {
            link.listed = true;
            self.waiting.push(id);
        }
    }

    /// The peer has closed the connection.
    pub(super) fn peer_closed(&mut self, id: LinkId, clean: bool) {
        let Some(link) = self.connections.at(id) else { return };
        if let Role::Dialled { stage: DialStage::Handshaking, .. } = link.role {
            return self.failed(id, &LinkFault::Io(ErrorKind::UnexpectedEof.into()));
        }
        // The peer may have closed only its half: what is queued for it goes out, if it goes at once.
        if let Err(error) = link.connection.flush() {
            log::debug!("connection {}: {error}", id.0);
        }
        let error = if clean { LinkError::Closed } else { LinkError::Cut };
        self.report_closed(id, clean, &error);
        self.abort(id, &error);
    }

    /// A connection has failed.
    pub(super) fn failed(&mut self, id: LinkId, fault: &LinkFault) {
        log::debug!("connection {}: {fault}", id.0);
        let Some(link) = self.connections.at(id) else { return };
        if let Role::Dialled { client, stage: DialStage::Connecting | DialStage::Handshaking } = link.role {
            return self.dial_link_failed(client, id, fault);
        }
        self.report_closed(id, false, &LinkError::Cut);
        match fault {
            LinkFault::Io(_) => self.abort(id, &LinkError::Cut),
            // There is an alert to be sent first.
            _ => self.close(id, None),
        }
    }

    /// Reports to the host or client above that a connection is closed, or as good as closed.
    pub(super) fn report_closed(&mut self, id: LinkId, clean: bool, error: &LinkError) {
        match self.connections.at(id).map(|link| link.role) {
            Some(Role::Hosted { listener, keyed: true, .. }) => self.hosted_gone(listener, id, clean),
            Some(Role::Dialled { client, stage: DialStage::Open }) => self.dialled_gone(client, error),
            _ => {}
        }
    }

    /// A connection's deadline may have passed.
    pub(super) fn link_is_late(&mut self, id: LinkId) {
        let Some(link) = self.connections.at(id) else { return };
        let Some(deadline_ms) = link.deadline_ms else { return };
        if deadline_ms > self.now.monotonic_ms {
            return self.timers.set(deadline_ms, Timer::Link(id));
        }
        if let Role::Dialled { client, .. } = link.role {
            return self.dial_link_failed(client, id, &LinkFault::Io(ErrorKind::TimedOut.into()));
        }
        self.abort(id, &LinkError::Cut);
    }
}
