//! A host whose door is full of hostile connections, over real sockets: whoever comes honestly gets in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

#[path = "common/events.rs"]
mod events;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/keys.rs"]
mod keys;
mod net_support;
#[path = "common/next.rs"]
mod next;
#[path = "common/patience.rs"]
mod patience;
#[path = "common/read_to_end.rs"]
mod read_to_end;
#[path = "common/until.rs"]
mod until;

use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use conversa::crypto::Suite;
use conversa::net::tls::{client_config, unnamed};
use conversa::net::{LEARNING_BANNER, NetLimits};
use conversa::protocol::{self, Entry, LinkError, Memory};
use conversa::wire::{Frame, Look};
use rustls::{ClientConnection, StreamOwned};

use self::joined::joined;
use self::net_support::{World, identity};
use self::patience::PATIENCE;
use self::read_to_end::read_to_end;
use self::until::until;

/// Hostile sockets at once. A process has both ends of them here, and some systems give it 1,024 files.
const SOCKETS: usize = 300;
/// So many open them, each a thousand a second at most.
const THREADS: usize = 3;
/// Once so many came, a host of the usual limits has no place left.
const DOOR: usize = 256;
/// Hostile sockets after which it is looked who is there still.
const BURST: usize = 25;
/// How long a hostile peer waits for its connection: where the host's queue is full the system would ask again
/// after a second, and another socket comes sooner.
const IMPATIENCE: Duration = Duration::from_millis(50);

/// How long it waits for an answer.
const HOSTILE_PATIENCE: Duration = Duration::from_secs(2);

/// What a hostile peer does with a connection.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// Nothing.
    Silent,
    /// It begins the handshake, a byte at a time.
    Drips,
    /// What begins no handshake.
    Garbage,
    /// It says all that a handshake begins with, and nothing more.
    Half,
    /// It shows its key, and says nothing.
    Keyed,
    /// It shows its key, and looks around once a second.
    Looks,
    /// All of these.
    Mixed,
}

const KINDS: [Kind; 7] = [Kind::Silent, Kind::Drips, Kind::Garbage, Kind::Half, Kind::Keyed, Kind::Looks, Kind::Mixed];

/// How hostile peers go on.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Manner {
    /// They stay until they are sent away, and come again at once.
    Stay,
    /// They leave for another connection as fast as they can, whatever becomes of the one before.
    Hurry,
}

/// A crowd that comes again and again, until it is dropped.
struct Crowd {
    ends: Arc<AtomicBool>,
    /// How many sockets it opened.
    came: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

/// What a crowd does.
#[derive(Clone, Copy, Debug)]
struct Storm {
    suite: Suite,
    kind: Kind,
    manner: Manner,
    /// From so many addresses of this computer.
    addresses: u8,
    host: SocketAddr,
}

impl Crowd {
    fn storm(storm: Storm) -> Self {
        let (ends, came) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = (0..THREADS).map(|thread| {
            let (ends, came) = (Arc::clone(&ends), Arc::clone(&came));
            thread::spawn(move || storm.rage(thread, &ends, &came))
        });
        let crowd = Self { threads: threads.collect(), ends, came };
        until("a full door", || (crowd.came.load(Ordering::Relaxed) >= DOOR).then_some(()));
        crowd
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        self.threads.drain(..).for_each(|thread| joined(thread, "the end of the crowd"));
    }
}

/// A hostile peer's end of a connection.
struct Hostile {
    voice: Box<dyn Voice>,
    /// When it has the next to say.
    speaks: Instant,
}

/// What a hostile peer speaks with.
trait Voice: Write {
    fn socket(&self) -> &TcpStream;
}

impl Voice for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Voice for StreamOwned<ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref()
    }
}

impl Storm {
    fn rage(self, thread: usize, ends: &AtomicBool, came: &AtomicUsize) {
        let mut crowd: VecDeque<Hostile> = VecDeque::new();
        let mut number = thread;
        while !ends.load(Ordering::Acquire) {
            crowd.retain_mut(|hostile| self.goes_on(hostile));
            let wanted = if self.manner == Manner::Stay { SOCKETS / THREADS - crowd.len() } else { BURST };
            for _ in 0..wanted {
                number += THREADS;
                came.fetch_add(1, Ordering::Relaxed);
                let last = 1 + u8::try_from(number % usize::from(self.addresses)).unwrap();
                let socket = connect(Ipv4Addr::new(127, 0, 0, last).into(), self.host);
                crowd.extend(socket.and_then(|socket| self.begin(socket, number)));
                crowd.drain(..crowd.len().saturating_sub(SOCKETS / THREADS));
                // In a stream and not at once, so that nobody's luck is to come between two bursts.
                thread::sleep(Duration::from_millis(1));
            }
            // The computer is the host's, too.
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether the host has it still. It says the next of what it has to say.
    fn goes_on(self, hostile: &mut Hostile) -> bool {
        let socket = hostile.voice.socket();
        socket.set_nonblocking(true).unwrap();
        let is_there = match socket.peek(&mut [0; 1]) {
            Ok(count) => count > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        socket.set_nonblocking(false).unwrap();
        let (pause_ms, more): (u64, &[u8]) = match self.kind {
            Kind::Drips => (100, &[22]),
            Kind::Looks => (1_000, &Frame::Look(Look { room: None }).to_bytes()),
            _ => return is_there,
        };
        if !is_there || Instant::now() < hostile.speaks {
            return is_there;
        }
        hostile.speaks = Instant::now() + Duration::from_millis(pause_ms);
        hostile.voice.write_all(more).and_then(|()| hostile.voice.flush()).is_ok()
    }

    /// Goes as far as its kind goes, if it gets that far.
    fn begin(self, mut socket: TcpStream, number: usize) -> Option<Hostile> {
        let kind = if self.kind == Kind::Mixed { KINDS[number % (KINDS.len() - 1)] } else { self.kind };
        let first: Vec<u8> = match kind {
            Kind::Silent | Kind::Drips => Vec::new(),
            Kind::Garbage => b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            _ if self.suite.is_learning() => {
                let key = identity(self.suite, "dave").signing().public();
                let length = u32::try_from(key.spki().len()).unwrap().to_be_bytes();
                let shown = if kind == Kind::Half { Vec::new() } else { [&length, key.spki()].concat() };
                [LEARNING_BANNER, &shown].concat()
            }
            Kind::Half => hello().to_vec(),
            _ => return Some(Hostile { voice: Box::new(keyed(socket)?), speaks: Instant::now() }),
        };
        socket.write_all(&first).ok()?;
        Some(Hostile { voice: Box::new(socket), speaks: Instant::now() })
    }
}

fn keyed(mut socket: TcpStream) -> Option<StreamOwned<ClientConnection, TcpStream>> {
    let (dave, host) = (identity(Suite::Classical, "dave"), identity(Suite::Classical, "ann").fingerprint());
    let config = client_config(dave.signing(), host, &Arc::default()).unwrap();
    let mut tls = ClientConnection::new(config, unnamed()).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).ok()?;
    }
    Some(StreamOwned::new(tls, socket))
}

fn connect(from: IpAddr, host: SocketAddr) -> Option<TcpStream> {
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
        socket.bind(&SocketAddr::new(from, 0).into()).ok()?;
        socket.connect_timeout(&host.into(), IMPATIENCE).ok()?;
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(HOSTILE_PATIENCE)).ok()?;
        socket.set_write_timeout(Some(HOSTILE_PATIENCE)).ok()?;
        Some(socket)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = from;
        let socket = TcpStream::connect_timeout(&host, HOSTILE_PATIENCE).ok()?;
        socket.set_read_timeout(Some(HOSTILE_PATIENCE)).ok()?;
        socket.set_write_timeout(Some(HOSTILE_PATIENCE)).ok()?;
        Some(socket)
    }
}

/// What a handshake begins with; hostile peers need only one.
fn hello() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| {
        let (dave, host) = (identity(Suite::Classical, "dave"), identity(Suite::Classical, "ann").fingerprint());
        let config = client_config(dave.signing(), host, &Arc::default()).unwrap();
        let mut bytes = Vec::new();
        ClientConnection::new(config, unnamed()).unwrap().write_tls(&mut bytes).unwrap();
        bytes
    })
}

/// Both come from another process's point of view: their clients are none of the host's own.
#[test]
fn a_full_door_keeps_out_neither_newcomers_nor_members_who_come_back() {
    let learning = [Kind::Silent, Kind::Garbage, Kind::Half, Kind::Mixed];
    for (suite, kinds) in [(Suite::Classical, &KINDS[..]), (Suite::Textbook, &learning)] {
        for (kind, addresses) in kinds.iter().flat_map(|kind| [(*kind, 1), (*kind, 20)]) {
            for manner in [Manner::Stay, Manner::Hurry] {
                withstands(suite, kind, manner, addresses);
            }
        }
    }
}

fn withstands(suite: Suite, kind: Kind, manner: Manner, addresses: u8) {
    let (mut world, host) = World::room(suite, NetLimits::default());
    let address = host.to_string();
    let mut elsewhere = World::new(suite);
    elsewhere.add("carol", Entry::Invite(world.invite(host)), None, &[&address]);
    elsewhere.ready("carol");
    let invite = world.invite(host);

    let crowd = Crowd::storm(Storm { suite, kind, manner, addresses, host });
    let start = Instant::now();
    elsewhere.add("dave", Entry::Invite(invite), None, &[&address]);
    elsewhere.ready("dave");
    let newcomer = start.elapsed();
    elsewhere.command("carol", protocol::Command::GoOffline);
    elsewhere.stops("carol");
    let (room, genesis) = elsewhere.entered("carol");
    let pin = Some(identity(suite, "ann").fingerprint());
    let start = Instant::now();
    elsewhere.add("carol", Entry::Return { genesis, memory: Memory::new(room) }, pin, &[&address]);
    elsewhere.ready("carol");
    let member = start.elapsed();
    world.says("ann", &["bo"]);
    world.says("bo", &["ann"]);
    // Where it fails, one should know at which.
    let what = format!("{suite:?} {kind:?} {manner:?} from {addresses} addresses");
    let came = crowd.came.load(Ordering::Relaxed);
    let _ = writeln!(std::io::stdout(), "{what}: {newcomer:?}, {member:?} beside {came}");
    drop(crowd);
}

/// A turn for each of these would take a minute, and nothing else would end them before.
#[test]
fn whoever_hangs_up_before_its_turn_takes_no_handshake_from_others() {
    let limits = NetLimits { handshakes_a_second: 1, handshake_ms: 120_000, ..NetLimits::default() };
    let (mut world, address) = World::room(Suite::Classical, limits);
    let mut elsewhere = World::new(Suite::Classical);
    let invite = world.invite(address);
    let crowd: Vec<TcpStream> = (0..60).map(|_| connect(Ipv4Addr::LOCALHOST.into(), address).unwrap()).collect();
    crowd.iter().for_each(|mut socket| socket.write_all(hello()).unwrap());
    drop(crowd);
    elsewhere.add("carol", Entry::Invite(invite), None, &[&address.to_string()]);
    elsewhere.ready("carol");
}

/// A host that has no place for anybody still has one for itself.
#[test]
fn the_hosts_own_member_needs_no_place() {
    for suite in Suite::ALL {
        let limits = NetLimits { unauthenticated_max: 0, ..NetLimits::default() };
        let (mut world, address) = World::room(suite, limits);
        world.keeps_talking();
        let mut elsewhere = World::new(suite);
        let invite = world.invite(address);
        elsewhere.add("carol", Entry::Invite(invite), None, &[&address.to_string()]);
        assert_eq!(elsewhere.is_unreachable("carol"), LinkError::Cut, "{suite:?}: nobody else has");
    }
}

/// Nobody is told more than that the connection ended, and what was sent does not come back.
#[test]
fn whoever_is_pushed_out_is_cut_without_a_word() {
    let limits = NetLimits { unauthenticated_max: 1, ..NetLimits::default() };
    let (_world, address) = World::room(Suite::Classical, limits);
    let mut first = connect(Ipv4Addr::LOCALHOST.into(), address).unwrap();
    let _second = connect(Ipv4Addr::LOCALHOST.into(), address).unwrap();
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    // Reset or ended, whichever the system makes of it.
    assert_eq!(read_to_end(&mut first), b"");
}
