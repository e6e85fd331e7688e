//! A light-weight member: a TLS connection that joins, and then sends and counts frames.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use conversa::crypto::{Fingerprint, SigningKey};
use conversa::net::tls::{client_config, unnamed};
use conversa::protocol::ByeCode;
use conversa::wire::{Bye, Frame, FrameKind, FrameReader};
use rustls::{ClientConnection, StreamOwned};

use crate::crowd::{Crowd, Person};

/// How the CBOR of an item that is a message begins: a map of four, "k": 4.
const MESSAGE_ITEM: [u8; 4] = [0xa4, 0x61, b'k', 0x04];

/// A connection with a proven key.
pub struct Member {
    pub socket: mio::net::TcpStream,
    tls: ClientConnection,
    reader: FrameReader,
}

impl Member {
    /// Connects and proves its key.
    pub fn connect(address: SocketAddr, key: &Arc<dyn SigningKey>, host: Fingerprint) -> Self {
        let (tls, socket) = shake_hands(address, key, host).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket: mio::net::TcpStream::from_std(socket), tls, reader: FrameReader::new(usize::MAX) }
    }

    /// Joins the room and goes again; whether it got in.
    pub fn log_in_and_out(address: SocketAddr, person: &Person, crowd: &Crowd) -> bool {
        let Ok((tls, socket)) = shake_hands(address, person.signing(), crowd.host()) else { return false };
        let mut stream = StreamOwned::new(tls, socket);
        let mut reader = FrameReader::new(usize::MAX);
        let mut bytes = [0; 4096];
        if stream.write_all(&crowd.joining(person)).is_err() {
            return false;
        }
        while let Ok(count) = stream.read(&mut bytes) {
            reader.push(&bytes[..count]);
            if let Some((kind, _)) = reader.next_body().unwrap() {
                let bye = Frame::Bye(Bye { code: ByeCode::Leaving.code() }).to_bytes();
                let _ = stream.write_all(&bye);
                stream.conn.send_close_notify();
                let _ = stream.flush();
                return kind == FrameKind::Welcome;
            }
            if count == 0 {
                break;
            }
        }
        false
    }

    /// Queues bytes and sends what goes.
    pub fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let count = self.tls.writer().write(bytes).unwrap();
            bytes = &bytes[count..];
            self.flush();
        }
    }

    /// Sends what waits.
    pub fn flush(&mut self) {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads what is there; `message` hears the last byte of each message.
    pub fn receive(&mut self, scratch: &mut [u8], mut message: impl FnMut(u8)) {
        loop {
            let count = match self.socket.read(scratch) {
                Ok(0) => panic!("the host hung up"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let mut bytes = &scratch[..count];
            while !bytes.is_empty() {
                self.tls.read_tls(&mut bytes).unwrap();
                let waiting = self.tls.process_new_packets().unwrap().plaintext_bytes_to_read();
                let mut plain = vec![0; waiting];
                self.tls.reader().read_exact(&mut plain).unwrap();
                self.reader.push(&plain);
            }
            while let Some((kind, body)) = self.reader.next_body().unwrap() {
                match kind {
                    FrameKind::Item if body.starts_with(&MESSAGE_ITEM) => message(body[body.len() - 1]),
                    FrameKind::Bye | FrameKind::Refuse => panic!("{:?}", Frame::decode(kind, &body)),
                    FrameKind::Ping => {
                        if let Ok(Frame::Ping(ping)) = Frame::decode(kind, &body) {
                            self.send(&Frame::Pong(ping).to_bytes());
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

fn shake_hands(
    address: SocketAddr,
    key: &Arc<dyn SigningKey>,
    host: Fingerprint,
) -> std::io::Result<(ClientConnection, TcpStream)> {
    let config = client_config(key, host, &Arc::default()).unwrap();
    let mut tls = ClientConnection::new(config, unnamed()).unwrap();
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    while tls.is_handshaking() {
        tls.complete_io(&mut socket)?;
    }
    Ok((tls, socket))
}
