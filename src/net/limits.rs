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
/// Bytes kept for a connection whose TLS state is with a worker; what comes beyond stays in the system.
pub(super) const AWAY_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a flight of a client's handshake: ours take 2 KiB, and those of others not much more.
pub(super) const FLIGHT_BYTES_MAX: usize = 8 * 1024;
/// Connections accepted in a turn of the loop, so that a flood of them delays nobody; half of what the system lets
/// wait, for what comes beyond that is not answered and asks again only a second later.
pub(super) const ACCEPTS_A_TURN: usize = 64;
/// How long a listener rests after the system refused it a connection (too many open files), in
/// milliseconds: long enough not to spin, short enough that a person waiting does not notice.
pub(super) const ACCEPT_REST_MS: u64 = 200;
/// Readiness events taken from the system in a turn.
pub(super) const EVENTS_A_TURN: usize = 1_024;
/// Threads that do the RSA of handshakes. One is enough for 300 logins a second, and leaves the
/// other cores to the conversation.
pub(super) const HANDSHAKE_WORKERS: usize = 1;
/// Handshakes of a listener's peers that are begun at once: one that is worked at, and one that comes next. The
/// others wait where their turn can still be chosen.
pub(super) const HANDSHAKES_BEGUN_MAX: usize = 2;
/// Handshake steps that wait for a worker; connections that are not yet members are fewer.
pub(super) const HANDSHAKES_WAITING_MAX: usize = 1_024;
/// Threads that look up names: a lookup may block for many seconds, and another should not wait.
pub(super) const RESOLVERS: usize = 2;
/// Lookups that wait for a thread.
pub(super) const LOOKUPS_WAITING_MAX: usize = 256;
/// Places tried for one name: a name that stands for more is a mistake or a farm. Networks looked into for a number
/// of one network that does not say which: most computers are in one or two.
pub(super) const ADDRESSES_A_NAME_MAX: usize = 4;
/// Received bytes that may wait for one of our own clients before its socket is left unread: a
/// largest frame, and a little more.
pub(super) const CLIENT_BYTES_WAITING_MAX: usize = 256 * 1024;
/// Events that wait for the front end before our clients stop taking frames: a room's whole log.
pub(super) const EVENTS_WAITING_MAX: usize = 4_096;
/// Bytes of a public key in a learning link: a 2048-bit key takes 300.
pub(super) const LEARNING_KEY_BYTES_MAX: usize = 2 * 1024;
/// Pieces handed to one write: enough that small messages fill a TLS record of 16 KiB.
pub(super) const PIECES_A_WRITE: usize = 128;
/// How often the loop asks for the time while it hosts or has a client, in milliseconds. After sleep the system's
/// own waits go on where they stood, so this is how soon a break is noticed; well below the protocol's pause.
pub(super) const TICK_MS: u64 = 5_000;
/// Networks of which is remembered that members came from there, or when they had their last handshake; some
/// 100 bytes each.
pub(super) const NETWORKS_KEPT: usize = 4_096;
/// How often a place that took our connection and cut it before its handshake was done is tried again in one
/// attempt: with the wait, for twelve seconds. Where somebody fills a host's door from our own network, as behind a
/// tunnel, each try is one of few that get a turn.
pub(super) const CUT_TRIES_MAX: u32 = 96;
/// The wait before each of these tries, in milliseconds: it does not grow, for a door is full as long as somebody
/// fills it, and a try costs a full host next to nothing.
pub(super) const CUT_WAIT_MS: u64 = 125;

/// What can be set otherwise than usual, by tests and by load generators.
///
/// Large because a field is a limit, and each can be set by itself in a test.
#[derive(Clone, Debug)]
pub struct NetLimits {
    /// Places of a listener for connections that are not members', for each stage on their way but the wait for a
    /// handshake, and twice: for networks that members came from, and for all others. At the pace of handshakes nobody
    /// is pushed out for taking less than 1.2 seconds over a stage.
    pub unauthenticated_max: usize,
    /// Places for those who wait for their handshake, also twice: a second and a half's worth, which is how long an
    /// honest peer may have to wait. With those of the other stages they bound the memory of all to some 40 MiB.
    pub queued_max: usize,
    /// Handshakes a listener begins in a second: each costs a worker an RSA signature, two to three milliseconds, so
    /// this bounds what unauthenticated peers can take from one core to a half. More wait for their turn.
    pub handshakes_a_second: u32,
    /// How long a peer may take to say all that a handshake begins with, in milliseconds: an honest one says it in
    /// one piece, so only lost packets explain more.
    pub first_flight_ms: u64,
    /// How long a handshake may take after that, in milliseconds: two round trips and a phone on a bad day.
    pub handshake_ms: u64,
    /// How long a TCP connection to one address may take to open, in milliseconds: above three
    /// seconds only lost packets explain it.
    pub connect_ms: u64,
    /// How long a name lookup may take, in milliseconds.
    pub lookup_ms: u64,
    /// What looks names up: the system and its networks, but for tests of its slowness.
    pub resolver: Resolver,
    /// Frames that wait for a peer; above it the peer is too slow and is sent away.
    pub queue_frames_max: usize,
    /// The same in bytes.
    pub queue_bytes_max: usize,
    /// How long a goodbye may take to go out, in milliseconds.
    pub goodbye_ms: u64,
    /// What tells the time: the system, but for tests of sleep, pauses and dates. It is the net layer's; a
    /// listener has no other.
    pub clock: Clock,
    /// The limits inside the protocol.
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
            goodbye_ms: 2_000,
            clock: Clock::system(),
            host: HostLimits::default(),
        }
    }
}
