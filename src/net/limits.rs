//! Every bound of the net layer, once, with its reason.

use std::io;
use std::net::SocketAddr;

use super::clock::Clock;
use super::interfaces;
use crate::protocol::HostLimits;

/// Finds the addresses of a `host:port`. It may block, and runs on a thread of its own.
pub type Resolver = fn(&str) -> io::Result<Vec<SocketAddr>>;

/// Bytes of the one buffer that all reads go through; it is the loop's, no connection has its own.
pub(super) const SCRATCH_BYTES: usize = 64 * 1024;
/// Bytes one connection may read in a turn of the loop, so that a flood from one peer delays the
/// others by some 100 microseconds at most.
pub(super) const READ_BYTES_A_TURN: usize = 64 * 1024;
/// Bytes kept for a connection whose TLS state is with a worker; anything more stays in the system's buffers.
pub(super) const AWAY_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one flight of a client's handshake: ours take 2 KiB, and others' not much more.
pub(super) const FLIGHT_BYTES_MAX: usize = 8 * 1024;
/// Connections accepted in a turn of the loop, so that a flood of them delays nobody; half of the system's backlog,
/// because beyond that connections go unanswered and retry only a second later.
pub(super) const ACCEPTS_A_TURN: usize = 64;
/// How long a listener rests after the system refused it a connection (too many open files), in
/// milliseconds: long enough not to spin, short enough that a person waiting does not notice.
pub(super) const ACCEPT_REST_MS: u64 = 200;
/// Readiness events taken from the system in a turn.
pub(super) const EVENTS_A_TURN: usize = 1_024;
/// Threads that do the RSA of handshakes. One is enough for 300 logins a second, and leaves the
/// other cores to the conversation.
pub(super) const HANDSHAKE_WORKERS: usize = 1;
/// A listener's handshakes in progress at once: one being processed, and the next one. The others wait where their
/// turn can still be chosen.
pub(super) const HANDSHAKES_BEGUN_MAX: usize = 2;
/// Handshake steps that wait for a worker; connections that are not yet members are fewer.
pub(super) const HANDSHAKES_WAITING_MAX: usize = 1_024;
/// Threads that look up names: a lookup may block for many seconds, and another should not wait.
pub(super) const RESOLVERS: usize = 2;
/// Lookups that wait for a thread.
pub(super) const LOOKUPS_WAITING_MAX: usize = 256;
/// IP addresses tried for one name: a name with more is a mistake or a server farm. Also the networks tried for a
/// link-local number without a scope: most computers are in one or two.
pub(super) const ADDRESSES_A_NAME_MAX: usize = 4;
/// Received bytes that may wait for one of our own clients before its socket is left unread: the largest frame and a
/// little more.
pub(super) const CLIENT_BYTES_WAITING_MAX: usize = 256 * 1024;
/// Events that wait for the front end before our clients stop taking frames: a room's whole log.
pub(super) const EVENTS_WAITING_MAX: usize = 4_096;
/// Bytes of a public key in a learning link: a 2048-bit key takes 300.
pub(super) const LEARNING_KEY_BYTES_MAX: usize = 2 * 1024;
/// Pieces handed to one write: enough that small messages fill a TLS record of 16 KiB.
pub(super) const PIECES_A_WRITE: usize = 128;
/// How often the loop checks the time while it hosts or has a client, in milliseconds. After sleep the system's own
/// timers continue where they were, so this is how soon a break is noticed; well below the protocol's pause.
pub(super) const TICK_MS: u64 = 5_000;
/// Networks remembered as members' networks, or for when they had their last handshake; about 100 bytes each.
pub(super) const NETWORKS_KEPT: usize = 4_096;
/// How often one attempt retries a host that accepted our connection and cut it before the handshake was done: with
/// the wait, for twelve seconds. If somebody floods a host from our own network, as behind a tunnel, only a few tries
/// get a turn.
pub(super) const CUT_TRIES_MAX: u32 = 96;
/// The wait before each of these tries, in milliseconds: it does not grow, because the host is full for as long as the
/// flood lasts, and a try costs a full host next to nothing.
pub(super) const CUT_WAIT_MS: u64 = 125;

/// Limits that tests and load generators can change.
///
/// Large because a field is a limit, and each can be set by itself in a test.
#[derive(Clone, Debug)]
pub struct NetLimits {
    /// A listener's places for connections that are not members', for each stage except the wait for a handshake, and
    /// twice: for networks that members came from, and for all others. At the rate of handshakes nobody is pushed out
    /// for taking less than 1.2 seconds over a stage.
    pub unauthenticated_max: usize,
    /// Places for connections that wait for their handshake, also twice: a second and a half's worth, which is how
    /// long an honest peer may have to wait. Together with the other stages they bound the total memory to about 40
    /// MiB.
    pub queued_max: usize,
    /// Handshakes a listener begins in a second: each costs a worker an RSA signature, two to three milliseconds, so
    /// unauthenticated peers can use at most half of one core. The rest wait for their turn.
    pub handshakes_a_second: u32,
    /// How long a peer may take to send its first handshake flight, in milliseconds: an honest one sends it in one
    /// piece, so only lost packets explain more.
    pub first_flight_ms: u64,
    /// How long a handshake may take after that, in milliseconds: two round trips and a phone on a bad day.
    pub handshake_ms: u64,
    /// How long a TCP connection to one address may take to open, in milliseconds: only lost packets explain more than
    /// three seconds.
    pub connect_ms: u64,
    /// How long a name lookup may take, in milliseconds.
    pub lookup_ms: u64,
    /// What looks names up: the system, except in tests of a slow one.
    pub resolver: Resolver,
    /// Frames that may wait for a peer; a peer with more is too slow and is disconnected.
    pub queue_frames_max: usize,
    /// The same in bytes.
    pub queue_bytes_max: usize,
    /// Bytes of frames that a listener's rooms may hold back until what comes before them is on the disk, each counted
    /// for each receiver; while there are more, members' links are not read. A room of 256 gets 500 messages of the usual
    /// size into it, which is as many as share one wait for the disk.
    pub held_bytes_max: usize,
    /// How long a goodbye may take to go out, in milliseconds.
    pub goodbye_ms: u64,
    /// What tells the time: the system, except in tests of sleep, pauses and dates. The whole net layer shares it; a
    /// listener has no other.
    pub clock: Clock,
    /// The protocol's own limits.
    pub host: HostLimits,
}

impl Default for NetLimits {
    fn default() -> Self {
        Self {
            unauthenticated_max: 256,
            queued_max: 300,
            handshakes_a_second: 200,
            first_flight_ms: 3_000,
            handshake_ms: 10_000,
            connect_ms: 5_000,
            lookup_ms: 10_000,
            resolver: interfaces::resolve,
            queue_frames_max: 2_000,
            queue_bytes_max: 4 * 1024 * 1024,
            held_bytes_max: 64 * 1024 * 1024,
            goodbye_ms: 2_000,
            clock: Clock::system(),
            host: HostLimits::default(),
        }
    }
}
