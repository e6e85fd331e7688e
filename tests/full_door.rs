//! A host whose door is full of hostile connections, over real sockets: whoever comes honestly gets in.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

mod net_support;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use conversa::crypto::Suite;
use conversa::net::tls::{client_config, unnamed};
use conversa::net::{LEARNING_BANNER, NetLimits};
use conversa::protocol::{self, Entry, LinkError, Memory};
use conversa::wire::{Frame, Look};
use rustls::{ClientConnection, StreamOwned};

use self::net_support::{PATIENCE, World, identity};

/// Hostile sockets at once. A process has both ends of them here, and some systems give it 1,024 files.
const SOCKETS: usize = 300;

/// What a hostile peer does with a connection.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// Nothing.
    Silent,
    /// It begins the handshake, a byte at a time.
    Drips,
    /// It says all that a handshake begins with, and nothing more.
    Half,
    /// It shows its key, and says nothing.
    Keyed,
    /// It shows its key, and looks around once a second.
    Looks,
}

const KINDS: [Kind; 5] = [Kind::Silent, Kind::Drips, Kind::Half, Kind::Keyed, Kind::Looks];

/// A crowd that comes again whenever it is sent away, until it is dropped.
struct Crowd {
    ends: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    /// `SOCKETS` connections of that kind, from so many addresses of this computer.
    fn storm(suite: Suite, kind: Kind, addresses: u8, host: SocketAddr) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let threads = (0..2).map(|thread| {
            let ends = Arc::clone(&ends);
            thread::spawn(move || attack(suite, kind, thread, addresses, host, &ends))
        });
        let crowd = Self { threads: threads.collect(), ends };
        // Until the door is full.
        thread::sleep(Duration::from_millis(500));
        crowd
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn attack(suite: Suite, kind: Kind, thread: u8, addresses: u8, host: SocketAddr, ends: &AtomicBool) {
    let mut sockets: Vec<Box<dyn Write>> = Vec::new();
    let mut number = thread;
    while !ends.load(Ordering::Acquire) {
        while sockets.len() < SOCKETS / 2 && !ends.load(Ordering::Acquire) {
            number = number.wrapping_add(1);
            let from = Ipv4Addr::new(127, 0, 0, 1 + number % addresses);
            sockets.extend(connect(from.into(), host).and_then(|socket| begin(suite, kind, socket)));
        }
        thread::sleep(Duration::from_millis(100));
        let more: &[u8] = match kind {
            Kind::Drips => &[22],
            Kind::Looks => &Frame::Look(Look { room: None }).to_bytes(),
            _ => &[],
        };
        sockets.retain_mut(|socket| socket.write_all(more).and_then(|()| socket.flush()).is_ok());
        if matches!(kind, Kind::Looks) {
            thread::sleep(Duration::from_millis(900));
        }
        // Whoever was sent away without a word does not know until it writes; so some come anew all the time.
        sockets.truncate(sockets.len().saturating_sub(1));
    }
}

fn connect(from: IpAddr, host: SocketAddr) -> Option<TcpStream> {
    #[cfg(target_os = "linux")]
    {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).ok()?;
        socket.bind(&SocketAddr::new(from, 0).into()).ok()?;
        socket.connect_timeout(&host.into(), PATIENCE).ok()?;
        let socket = TcpStream::from(socket);
        socket.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        Some(socket)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = from;
        let socket = TcpStream::connect(host).ok()?;
        socket.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        Some(socket)
    }
}

/// Goes as far as its kind goes, if it gets that far.
fn begin(suite: Suite, kind: Kind, mut socket: TcpStream) -> Option<Box<dyn Write>> {
    if matches!(kind, Kind::Silent | Kind::Drips) {
        return Some(Box::new(socket));
    }
    let dave = identity(suite, "dave");
    if suite.is_learning() {
        let key = dave.signing().public();
        socket.write_all(LEARNING_BANNER).ok()?;
        if kind != Kind::Half {
            let length = u32::try_from(key.spki().len()).unwrap().to_be_bytes();
            socket.write_all(&[&length, key.spki()].concat()).ok()?;
        }
        return Some(Box::new(socket));
    }
    if kind == Kind::Half {
        socket.write_all(hello()).ok()?;
        return Some(Box::new(socket));
    }
    let host = identity(suite, "ann").fingerprint();
    let mut tls =
        ClientConnection::new(client_config(dave.signing(), host, &Arc::default()).unwrap(), unnamed()).unwrap();
    while tls.is_handshaking() {
        tls.complete_io(&mut socket).ok()?;
    }
    Some(Box::new(StreamOwned::new(tls, socket)))
}

/// What a handshake begins with; hostile peers need only one.
fn hello() -> &'static [u8] {
    static HELLO: OnceLock<Vec<u8>> = OnceLock::new();
    HELLO.get_or_init(|| {
        let (dave, host) = (identity(Suite::Secure, "dave"), identity(Suite::Secure, "ann").fingerprint());
        let config = client_config(dave.signing(), host, &Arc::default()).unwrap();
        let mut bytes = Vec::new();
        ClientConnection::new(config, unnamed()).unwrap().write_tls(&mut bytes).unwrap();
        bytes
    })
}

/// Both come from another process's point of view: their clients are none of the host's own.
#[test]
fn a_full_door_keeps_out_neither_newcomers_nor_members_who_come_back() {
    for (suite, kinds) in [(Suite::Secure, &KINDS[..]), (Suite::Textbook, &[Kind::Silent, Kind::Half])] {
        for (kind, addresses) in kinds.iter().flat_map(|kind| [(*kind, 1), (*kind, 20)]) {
            let (mut world, address) = World::room(suite, NetLimits::default());
            let mut elsewhere = World::new(suite);
            let invite = world.invite(address);
            elsewhere.add("carol", Entry::Invite(invite), None, &[&address.to_string()]);
            elsewhere.ready("carol");
            let invite = world.invite(address);

            // Where it fails, one should know at which.
            let _ = writeln!(std::io::stdout(), "{suite:?} {kind:?} from {addresses} addresses");
            let crowd = Crowd::storm(suite, kind, addresses, address);
            elsewhere.add("dave", Entry::Invite(invite), None, &[&address.to_string()]);
            elsewhere.ready("dave");
            elsewhere.command("carol", protocol::Command::GoOffline);
            elsewhere.stops("carol");
            let (room, genesis) = elsewhere.entered("carol");
            let pin = Some(identity(suite, "ann").fingerprint());
            let entry = Entry::Return { genesis, memory: Memory::new(room) };
            elsewhere.add("carol", entry, pin, &[&address.to_string()]);
            elsewhere.ready("carol");
            world.says("ann", &["bo"]);
            world.says("bo", &["ann"]);
            drop(crowd);
        }
    }
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
    let (_world, address) = World::room(Suite::Secure, limits);
    let mut first = connect(Ipv4Addr::LOCALHOST.into(), address).unwrap();
    let _second = connect(Ipv4Addr::LOCALHOST.into(), address).unwrap();
    let mut rest = Vec::new();
    // Reset or ended, whichever the system makes of it.
    let _ = first.read_to_end(&mut rest);
    assert!(rest.is_empty());
}
