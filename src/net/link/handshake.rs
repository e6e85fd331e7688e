//! One step of a TLS handshake, to be taken by a worker: it may cost an RSA operation, and the loop
//! must not wait for that.

use crate::protocol::LinkId;

/// A connection's TLS with the bytes to continue with.
pub(in crate::net) struct Handshake {
    pub(in crate::net) tls: Box<rustls::Connection>,
    pub(in crate::net) received: Vec<u8>,
}

/// How the step went.
pub(in crate::net) struct HandshakeDone {
    /// Which connection it belongs to.
    pub(in crate::net) link: LinkId,
    /// Back to the connection, perhaps with output or an alert to send.
    pub(in crate::net) tls: Box<rustls::Connection>,
    /// Received bytes from after the handshake.
    pub(in crate::net) rest: Vec<u8>,
    /// Whether the handshake may go on.
    pub(in crate::net) result: Result<(), rustls::Error>,
}

impl Handshake {
    /// Takes the step.
    pub(in crate::net) fn run(mut self, link: LinkId) -> HandshakeDone {
        let (rest, result) = advance(&mut self.tls, &self.received);
        HandshakeDone { link, rest: rest.to_vec(), tls: self.tls, result }
    }
}

fn advance<'a>(tls: &mut rustls::Connection, mut bytes: &'a [u8]) -> (&'a [u8], Result<(), rustls::Error>) {
    while !bytes.is_empty() && tls.is_handshaking() {
        // Reading from memory fails only if the peer's handshake is longer than rustls allows.
        let read = tls.read_tls(&mut bytes).map_err(|error| rustls::Error::General(error.to_string()));
        match read.and_then(|count| tls.process_new_packets().map(|_| count)) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return (bytes, Err(error)),
        }
    }
    (bytes, Ok(()))
}
