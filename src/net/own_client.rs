//! A client of ours as the event loop knows it: its host's possible addresses, how far dialling has got, what waits
//! for it.

use std::sync::Arc;

use mio::net::TcpStream;
use rustls::ClientConnection;

use super::dial::Dial;
use super::link::connection::Connection;
use super::link::learning_link::LearningHandshake;
use super::tls::{self, Verdict};
use crate::crypto::Fingerprint;
use crate::protocol::limits::MEMBER_BODY_BYTES_MAX;
use crate::protocol::{Identity, LinkId};

/// What the loop knows about a client of ours; the client itself lives on a thread of its own.
pub(super) struct OwnClient {
    pub(super) addresses: Vec<String>,
    pub(super) link: Option<LinkId>,
    pub(super) attempt: u64,
    pub(super) pin: Option<Fingerprint>,
    pub(super) verdict: Arc<Verdict>,
    pub(super) dial: Option<Dial>,
    pub(super) lookup_until_ms: Option<u64>,
    pub(super) redial_at_ms: Option<u64>,
    pub(super) bytes_waiting: usize,
    identity: Arc<Identity>,
}

impl OwnClient {
    /// A client that has not connected yet, and its host's possible addresses.
    pub(super) fn new(identity: Arc<Identity>, addresses: Vec<String>) -> Self {
        Self {
            addresses,
            link: None,
            attempt: 0,
            pin: None,
            verdict: Arc::default(),
            dial: None,
            lookup_until_ms: None,
            redial_at_ms: None,
            bytes_waiting: 0,
            identity,
        }
    }

    /// A connection over `socket`, as the client's suite and pin require.
    pub(super) fn connection(&self, socket: TcpStream) -> Result<Connection, rustls::Error> {
        let key = self.identity.signing();
        if self.identity.kind().is_learning() {
            let handshake = LearningHandshake::client(&*key.public(), self.pin);
            return Ok(Connection::learning(socket, handshake, MEMBER_BODY_BYTES_MAX));
        }
        let config = match self.pin {
            Some(pin) => tls::client_config(key, pin, &self.verdict)?,
            None => tls::probe_config(key.public().kind().backend(), &self.verdict)?,
        };
        let tls = ClientConnection::new(config, tls::unnamed())?;
        Ok(Connection::secure(socket, tls.into(), MEMBER_BODY_BYTES_MAX))
    }
}
