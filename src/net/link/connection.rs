//! One TCP connection with its protection and its buffers. It knows how bytes come and go, not what they mean: it
//! hands out received frames and takes frames to send.

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;

use mio::Interest;
use mio::net::TcpStream;

use super::fault::LinkFault;
use super::first_flight::{FirstFlight, first_flight, has_record};
use super::handshake::{Handshake, HandshakeDone};
use super::learning_link::{LEARNING_BANNER, LearningHandshake};
use super::send_queue::SendQueue;
use super::streams::{decrypt, drain_plaintext, flush_plain, flush_tls};
use crate::crypto::Fingerprint;
use crate::net::limits::{AWAY_BYTES_MAX, FLIGHT_BYTES_MAX};
use crate::net::tls;
use crate::protocol::ByeCode;
use crate::wire::{Bye, DecodeError, Frame, FrameKind, FrameReader};

/// The result of one step of receiving.
pub(in crate::net) enum Received {
    /// Nothing more for now.
    Nothing,
    /// This many bytes; there may be frames now.
    Bytes(usize),
    /// The peer's first handshake flight is complete. [`Connection::begin`] continues with it.
    FirstFlight,
    /// A handshake step that the loop must not take: it costs RSA.
    Handshake(Handshake),
    /// The handshake is done and this is the peer's key.
    Keyed(Fingerprint),
    /// The peer is gone; `clean` if it said so.
    End {
        /// Whether TLS's `close_notify` or a `Bye` came first.
        clean: bool,
    },
    /// It cannot go on.
    Fault(LinkFault),
}

/// What protects the connection, and how far the handshake has got.
enum Protection {
    Tls(Box<rustls::Connection>),
    /// TLS, but with a worker.
    Away,
    LearningHandshake(Box<LearningHandshake>),
    Plain,
}

/// How far a handshake has got on the accepting side.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flight {
    /// The first flight has not arrived whole.
    First,
    /// It has arrived, and is unanswered.
    Waits,
    /// It was answered.
    Answered,
}

/// How far closing has got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Open,
    /// The queue goes out, then the goodbye.
    Flushing,
    /// Everything is sent. Now the peer has to close: closing with unread bytes would reset the connection and could
    /// lose the goodbye.
    Lingering,
}

/// A connection. Edge-triggered: it remembers whether its socket may be readable or writable.
///
/// Large because what the socket may do now and what is owed to it change with each event, together.
pub(in crate::net) struct Connection {
    socket: TcpStream,
    protection: Protection,
    frames: FrameReader,
    queue: SendQueue,
    /// Received bytes waiting for the rest of a flight, or for TLS to come back from a worker.
    backlog: Vec<u8>,
    flight: Flight,
    readable: bool,
    writable: bool,
    paused: bool,
    heard: bool,
    said_bye: bool,
    hung_up: bool,
    ending: Ending,
    interest: Interest,
}

impl Connection {
    /// What a socket is first registered for.
    pub(in crate::net) const FIRST_INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);

    /// A connection protected by TLS; frames may have `body_bytes_max` bytes.
    pub(in crate::net) fn secure(socket: TcpStream, tls: rustls::Connection, body_bytes_max: usize) -> Self {
        Self::new(socket, Protection::Tls(Box::new(tls)), body_bytes_max)
    }

    /// A learning room's connection, which says so first.
    pub(in crate::net) fn learning(socket: TcpStream, handshake: LearningHandshake, body_bytes_max: usize) -> Self {
        let mut connection = Self::new(socket, Protection::LearningHandshake(Box::new(handshake)), body_bytes_max);
        connection.queue.push(Arc::from(LEARNING_BANNER));
        connection
    }

    fn new(socket: TcpStream, protection: Protection, body_bytes_max: usize) -> Self {
        // Messages are small and should go now (RFC 896 would delay them). Without it they are only slower.
        let _ = socket.set_nodelay(true);
        Self {
            socket,
            protection,
            frames: FrameReader::new(body_bytes_max),
            queue: SendQueue::default(),
            backlog: Vec::new(),
            flight: Flight::First,
            readable: false,
            writable: false,
            paused: false,
            heard: false,
            said_bye: false,
            hung_up: false,
            ending: Ending::Open,
            interest: Self::FIRST_INTEREST,
        }
    }

    /// The socket became readable or writable.
    pub(in crate::net) fn ready(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        self.writable |= writable;
    }

    /// The system says that nothing more will arrive.
    pub(in crate::net) fn hangs_up(&mut self) {
        self.hung_up = true;
    }

    /// Whether the peer left before its handshake's turn came. Our own clients never close their half before that.
    pub(in crate::net) fn left_before_its_turn(&self) -> bool {
        self.hung_up && self.flight == Flight::Waits
    }

    /// Whether the TCP connection that was asked for exists; `None` if it is not known yet.
    pub(in crate::net) fn opened(&self) -> Option<io::Result<()>> {
        match (self.socket.take_error(), self.socket.peer_addr()) {
            (Ok(Some(error)) | Err(error), _) => Some(Err(error)),
            (Ok(None), Ok(_)) => Some(Ok(())),
            (Ok(None), Err(error)) if error.kind() == ErrorKind::NotConnected => None,
            (Ok(None), Err(error)) => Some(Err(error)),
        }
    }

    /// Takes one step: reads once, or continues with what is waiting.
    pub(in crate::net) fn receive(&mut self, scratch: &mut [u8]) -> Received {
        let away = matches!(self.protection, Protection::Away);
        let waits = self.flight == Flight::Waits;
        if self.paused || waits || (away && self.backlog.len() >= AWAY_BYTES_MAX) {
            return Received::Nothing;
        }
        if self.has_backlog_to_take() {
            let bytes = std::mem::take(&mut self.backlog);
            return self.take_in(&bytes);
        }
        if !self.readable {
            return Received::Nothing;
        }
        match self.socket.read(scratch) {
            // Whether the handshake succeeded is known only when TLS is back; the end stays pending.
            Ok(0) if away => Received::Nothing,
            Ok(0) => Received::End { clean: self.said_bye },
            Ok(count) => {
                let bytes = scratch.get(..count).unwrap_or_default();
                if self.ending == Ending::Open { self.take_in(bytes) } else { Received::Bytes(count) }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Received::Nothing
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Received::Bytes(0),
            Err(error) => Received::Fault(LinkFault::Io(error)),
        }
    }

    /// TLS has come back from a worker.
    pub(in crate::net) fn back(&mut self, done: HandshakeDone) -> Received {
        let HandshakeDone { mut tls, rest, result, .. } = done;
        let handshaking = tls.is_handshaking();
        let plain = if handshaking { Ok(()) } else { drain_plaintext(&mut tls, &mut self.frames) };
        let peer = tls::peer_fingerprint(&tls);
        self.protection = Protection::Tls(tls);
        if let Err(error) = result {
            return Received::Fault(LinkFault::Tls(error));
        }
        if let Err(error) = plain {
            return Received::Fault(LinkFault::Io(error));
        }
        let later = std::mem::replace(&mut self.backlog, rest);
        self.backlog.extend_from_slice(&later);
        match (handshaking, peer) {
            (true, _) => Received::Bytes(0),
            (false, Some(peer)) => Received::Keyed(peer),
            (false, None) => Received::Fault(LinkFault::OtherProtocol),
        }
    }

    /// The next frame that has arrived whole.
    pub(in crate::net) fn next_frame(&mut self) -> Result<Option<(FrameKind, Vec<u8>)>, DecodeError> {
        let next = self.frames.next_body();
        self.said_bye |= matches!(next, Ok(Some((FrameKind::Bye, _))));
        next
    }

    /// From now on frames may have `body_bytes_max` bytes.
    pub(in crate::net) fn allow(&mut self, body_bytes_max: usize) {
        self.frames.allow(body_bytes_max);
    }

    /// Pauses or resumes reading the socket.
    pub(in crate::net) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Queues a frame.
    pub(in crate::net) fn send(&mut self, frame: Arc<[u8]>) {
        if self.ending == Ending::Open {
            self.queue.push(frame);
        }
    }

    /// See [`SendQueue::excuse`].
    pub(in crate::net) fn excuse_queue(&mut self) {
        self.queue.excuse();
    }

    /// Says goodbye with `code`, if given, after what is queued, and closes.
    pub(in crate::net) fn finish(&mut self, code: Option<ByeCode>) {
        if let Some(code) = code {
            if code == ByeCode::Slow {
                self.queue.cut_short();
            }
            self.send(Frame::Bye(Bye { code: code.code() }).to_bytes());
        }
        self.paused = false;
        self.backlog = Vec::new();
        self.flight = Flight::Answered;
        if self.ending == Ending::Open {
            self.ending = Ending::Flushing;
        }
    }

    /// Writes as much as the socket takes.
    pub(in crate::net) fn flush(&mut self) -> io::Result<()> {
        self.flush_queue()?;
        if self.ending == Ending::Flushing && !self.has_output() {
            self.ending = Ending::Lingering;
            if let Protection::Tls(tls) = &mut self.protection {
                tls.send_close_notify();
            }
            self.flush_queue()?;
            // The peer may already be gone, and then there is nobody to tell.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        Ok(())
    }

    fn flush_queue(&mut self) -> io::Result<()> {
        match &mut self.protection {
            Protection::Away => Ok(()),
            Protection::Tls(tls) => flush_tls(tls, &mut self.socket, &mut self.queue, &mut self.writable),
            Protection::LearningHandshake(_) | Protection::Plain => {
                flush_plain(&mut self.socket, &mut self.queue, &mut self.writable)
            }
        }
    }

    fn take_in(&mut self, bytes: &[u8]) -> Received {
        let first = !std::mem::replace(&mut self.heard, true);
        match &mut self.protection {
            Protection::Away => self.backlog.extend_from_slice(bytes),
            Protection::Plain => self.frames.push(bytes),
            Protection::LearningHandshake(handshake) => match handshake.push(bytes) {
                Err(fault) => return Received::Fault(LinkFault::Learning(fault)),
                Ok(progress) => {
                    if let Some(output) = progress.output {
                        self.queue.push(Arc::from(output));
                        self.flight = Flight::Answered;
                    }
                    if let Some(peer) = progress.peer {
                        self.protection = Protection::Plain;
                        self.frames.push(&progress.rest);
                        return Received::Keyed(peer);
                    }
                }
            },
            Protection::Tls(tls) if is_shaking_hands_as_host(tls) => {
                return self.gather(bytes);
            }
            Protection::Tls(tls) if tls.is_handshaking() => {
                if first && matches!(**tls, rustls::Connection::Client(_)) && begins_the_banner(bytes) {
                    return Received::Fault(LinkFault::LearningHost);
                }
                return self.hand_over(bytes);
            }
            Protection::Tls(tls) => match decrypt(tls, bytes, &mut self.frames) {
                Err(fault) => return Received::Fault(fault),
                Ok(true) => self.said_bye = true,
                Ok(false) => {}
            },
        }
        Received::Bytes(bytes.len())
    }

    /// Whether what is waiting can be processed without more of it.
    fn has_backlog_to_take(&self) -> bool {
        match &self.protection {
            Protection::Away => false,
            Protection::Tls(tls) if is_shaking_hands_as_host(tls) => {
                self.flight == Flight::Answered && is_worth_a_step(&self.backlog)
            }
            _ => !self.backlog.is_empty(),
        }
    }

    /// A client's handshake bytes arrive. Nothing happens until they can be processed.
    fn gather(&mut self, bytes: &[u8]) -> Received {
        self.backlog.extend_from_slice(bytes);
        if self.flight == Flight::Answered {
            if is_worth_a_step(&self.backlog) {
                let flight = std::mem::take(&mut self.backlog);
                return self.hand_over(&flight);
            }
            return Received::Bytes(bytes.len());
        }
        match first_flight(&self.backlog, FLIGHT_BYTES_MAX) {
            FirstFlight::Part => Received::Bytes(bytes.len()),
            FirstFlight::Foreign => Received::Fault(LinkFault::OtherProtocol),
            FirstFlight::Whole => {
                self.flight = Flight::Waits;
                Received::FirstFlight
            }
        }
    }

    /// Continues the handshake whose first flight is complete.
    pub(in crate::net) fn begin(&mut self) -> Option<Handshake> {
        if self.flight != Flight::Waits {
            return None;
        }
        self.flight = Flight::Answered;
        let flight = std::mem::take(&mut self.backlog);
        if let Received::Handshake(handshake) = self.hand_over(&flight) { Some(handshake) } else { None }
    }

    /// Whether it was answered, having sent a complete first flight.
    pub(in crate::net) fn is_answered(&self) -> bool {
        self.flight == Flight::Answered
    }

    /// Its local address.
    pub(in crate::net) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn hand_over(&mut self, bytes: &[u8]) -> Received {
        match std::mem::replace(&mut self.protection, Protection::Away) {
            Protection::Tls(tls) => Received::Handshake(Handshake { tls, received: bytes.to_vec() }),
            other => {
                self.protection = other;
                Received::Nothing
            }
        }
    }

    /// The socket, to register it.
    pub(in crate::net) fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// What the socket should be watched for, if that has changed.
    pub(in crate::net) fn new_interest(&mut self) -> Option<Interest> {
        let blocked = !self.writable && self.has_output();
        let wanted = if blocked { Self::FIRST_INTEREST } else { Interest::READABLE };
        (std::mem::replace(&mut self.interest, wanted) != wanted).then_some(wanted)
    }

    /// Whether another turn would achieve anything, as far as is known.
    pub(in crate::net) fn wants_turn(&self) -> bool {
        let away = matches!(self.protection, Protection::Away);
        let waits = self.flight == Flight::Waits;
        !self.paused && !away && !waits && (self.readable || self.has_backlog_to_take())
    }

    /// Whether its TLS is with a worker, so that it cannot send.
    pub(in crate::net) fn is_away(&self) -> bool {
        matches!(self.protection, Protection::Away)
    }

    /// Whether the peer announced the end.
    pub(in crate::net) fn said_bye(&self) -> bool {
        self.said_bye
    }

    /// Whether the peer has sent anything at all.
    pub(in crate::net) fn heard(&self) -> bool {
        self.heard
    }

    /// Whether the peer leaves more unread than it may.
    pub(in crate::net) fn is_slow(&self, frames_max: usize, bytes_max: usize) -> bool {
        self.queue.is_over(frames_max, bytes_max)
    }

    fn has_output(&self) -> bool {
        match &self.protection {
            Protection::Away => false,
            Protection::Tls(tls) if tls.is_handshaking() => tls.wants_write(),
            Protection::Tls(tls) => tls.wants_write() || !self.queue.is_empty(),
            Protection::LearningHandshake(_) | Protection::Plain => !self.queue.is_empty(),
        }
    }
}

fn is_shaking_hands_as_host(tls: &rustls::Connection) -> bool {
    tls.is_handshaking() && matches!(tls, rustls::Connection::Server(_))
}

/// Whether a part of a client's later flight is enough to continue with, or too much to wait for more.
fn is_worth_a_step(flight: &[u8]) -> bool {
    has_record(flight) || flight.len() > FLIGHT_BYTES_MAX
}

fn begins_the_banner(bytes: &[u8]) -> bool {
    let length = bytes.len().min(LEARNING_BANNER.len());
    bytes.get(..length) == LEARNING_BANNER.get(..length)
}
