//! One listening socket with the host behind it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use rustls::{ServerConfig, ServerConnection};

use super::address::{AddressError, nobody_at, scoped};
use super::admission::Admission;
use super::limits::{ACCEPT_REST_MS, NetLimits};
use super::link::connection::Connection;
use super::link::learning_link::LearningHandshake;
use super::{ListenError, ListenerId, interfaces, tls};
use crate::crypto::KeyKind;
use crate::protocol::limits::JOINER_BODY_BYTES_MAX;
use crate::protocol::{Host, Identity, OpenPolicy};

/// A listening socket, its host, and who is admitted.
pub(super) struct Listener {
    pub(super) id: ListenerId,
    pub(super) socket: TcpListener,
    pub(super) host: Host,
    pub(super) admission: Admission,
    pub(super) limits: NetLimits,
    pub(super) kind: KeyKind,
    /// Whether the rooms that are kept were read: nobody is accepted before.
    pub(super) is_begun: bool,
    identity: Arc<Identity>,
    /// For secure rooms; a learning room's links have none.
    tls: Option<Arc<ServerConfig>>,
    /// Whether connections may be waiting to be accepted.
    pub(super) connections_waiting: bool,
    /// When it may accept again, in monotonic milliseconds.
    rests_until_ms: u64,
    /// Whether the last one could not be accepted for lack of a file descriptor.
    is_out_of_descriptors: bool,
}

/// The result of accepting.
pub(super) enum Accepted {
    /// A connection.
    Connection(TcpStream, SocketAddr),
    /// Nobody waits.
    Nobody,
    /// Not now.
    Later,
    /// The system has no file descriptor for it.
    NoDescriptor,
}

impl Listener {
    /// Listens at `address`; `keeps`: the logs of its rooms are kept, and those there are read before it begins.
    pub(super) fn open(
        id: ListenerId,
        address: SocketAddr,
        identity: Arc<Identity>,
        policy: OpenPolicy,
        limits: NetLimits,
        keeps: bool,
    ) -> Result<Self, ListenError> {
        let kind = identity.kind();
        let tls = if kind.is_learning() {
            None
        } else {
            let config = tls::host_config(identity.signing());
            Some(config.map_err(|error| ListenError::System(error.to_string()))?)
        };
        let socket = TcpListener::bind(own_address(address)?).map_err(|error| explain(&error))?;
        Ok(Self {
            id,
            socket,
            host: if keeps { Host::keeping(policy, limits.host) } else { Host::new(policy, limits.host) },
            is_begun: !keeps,
            admission: Admission::new(&limits),
            limits,
            kind,
            identity,
            tls,
            connections_waiting: false,
            rests_until_ms: 0,
            is_out_of_descriptors: false,
        })
    }

    /// Accepts one connection, if it may.
    pub(super) fn accept(&mut self, now_ms: u64) -> Accepted {
        if self.rests_until_ms > now_ms || !self.is_begun {
            return Accepted::Later;
        }
        loop {
            match self.socket.accept() {
                Ok((socket, from)) => {
                    self.is_out_of_descriptors = false;
                    return Accepted::Connection(socket, from);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.connections_waiting = false;
                    return Accepted::Nobody;
                }
                // The waiting connection has gone, or a signal came.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) if is_out_of_descriptors(&error) => return Accepted::NoDescriptor,
                Err(error) => {
                    // It may recover, and must not make us spin.
                    log::warn!("listener {} cannot accept at the moment: {error}", self.id.0);
                    self.rests_until_ms = now_ms + ACCEPT_REST_MS;
                    return Accepted::Later;
                }
            }
        }
    }

    /// There is no file descriptor for the waiting connection. It is retried in a while; returns whether that is new.
    pub(super) fn runs_out_of_descriptors(&mut self, now_ms: u64) -> bool {
        self.rests_until_ms = now_ms + ACCEPT_REST_MS;
        !std::mem::replace(&mut self.is_out_of_descriptors, true)
    }

    /// The connection for an accepted socket.
    pub(super) fn connection(&self, socket: TcpStream) -> Result<Connection, rustls::Error> {
        match &self.tls {
            None => {
                let key = self.identity.signing().public();
                let handshake = LearningHandshake::host(&*key);
                Ok(Connection::learning(socket, handshake, JOINER_BODY_BYTES_MAX))
            }
            Some(config) => {
                let tls = ServerConnection::new(Arc::clone(config))?;
                Ok(Connection::secure(socket, tls.into(), JOINER_BODY_BYTES_MAX))
            }
        }
    }

    /// When waiting connections may be accepted, if there are any and they have to wait.
    pub(super) fn opens_at(&self) -> Option<u64> {
        (self.connections_waiting && self.is_begun).then_some(self.rests_until_ms)
    }
}

/// An address of this computer as the system wants it: a link-local one with its interface number.
fn own_address(address: SocketAddr) -> Result<SocketAddr, ListenError> {
    let ip = address.ip();
    if nobody_at(ip) == Some(AddressError::Nobody) || interfaces::is_broadcast(ip) {
        return Err(ListenError::Nobody);
    }
    Ok(match ip {
        IpAddr::V6(own) if own.is_unicast_link_local() => {
            scoped(ip, address.port(), interfaces::scope_of(own).ok_or(ListenError::NotAvailable)?)
        }
        _ => address,
    })
}

/// Whether the system, or this process, has too many files open.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    // EMFILE and ENFILE, which have no kind of their own; WSAEMFILE on Windows.
    let codes: &[i32] = if cfg!(windows) { &[10_024] } else { &[24, 23] };
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

fn explain(error: &io::Error) -> ListenError {
    match error.kind() {
        _ if is_out_of_descriptors(error) => ListenError::OutOfFiles,
        ErrorKind::AddrInUse => ListenError::InUse,
        ErrorKind::AddrNotAvailable => ListenError::NotAvailable,
        ErrorKind::PermissionDenied => ListenError::Denied,
        _ => ListenError::System(error.to_string()),
    }
}
