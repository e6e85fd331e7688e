//! What strangers do to a host, over real sockets. Each test ends with two honest members who have
//! noticed nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

#[path = "common/connect.rs"]
mod connect;
#[path = "common/events.rs"]
mod events;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/keys.rs"]
mod keys;
mod net_support;
#[path = "common/next.rs"]
mod next;
#[path = "common/output.rs"]
mod output;
#[path = "common/patience.rs"]
mod patience;
#[path = "common/read_to_end.rs"]
mod read_to_end;
#[path = "common/until.rs"]
mod until;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use conversa::crypto::{Domain, SigningKey, Suite, VerifyingKey};
use conversa::net::tls::{client_config, unnamed};
use conversa::net::{LEARNING_BANNER, NetLimits};
use conversa::protocol::{ByeCode, HostLimits, Identity};
use conversa::wire::{Bye, Frame, FrameReader, Look, Ping};
use rustls::{ClientConnection, StreamOwned};
use zeroize::Zeroizing;

use self::connect::connect;
use self::joined::joined;
use self::net_support::{World, identity};
use self::patience::PATIENCE;
use self::read_to_end::read_to_end;

/// Quick enough for a test, slow enough for honest people on a busy machine.
const SHORT_MS: u64 = 1_500;

#[test]
fn garbage_gets_an_alert_at_most() {
    let mut noise = Vec::new();
    while noise.len() < 100_000 {
        noise.push((noise.len() * noise.len() / 7) as u8);
    }
    let hello_of_nothing = [22, 3, 1, 0, 5, 1, 0, 0, 1, 0];
    let endless_record = [&[22, 3, 3, 0xff, 0xff][..], &[0; 70_000]].concat();
    let wishes: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\0",
        &noise,
        &hello_of_nothing,
        &endless_record,
        b"CONVERSA-LEARNING/2\n",
    ];
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, NetLimits::default());
        for wish in wishes {
            let mut socket = connect(address);
            // The host may hang up before all of it is sent.
            let _ = socket.write_all(wish);
            let _ = socket.shutdown(std::net::Shutdown::Write);
            let answer = read_to_end(&mut socket);
            match suite {
                Suite::Textbook => assert_eq!(answer, LEARNING_BANNER),
                _ => assert!(answer.len() <= 7 && (answer.is_empty() || answer[0] == 21), "{answer:?}"),
            }
        }
        world.keeps_talking();
    }
}

#[test]
fn whoever_opens_a_connection_and_says_nothing_is_dropped_in_time() {
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, NetLimits { first_flight_ms: SHORT_MS, ..NetLimits::default() });
        let mut silent = connect(address);
        let mut half = connect(address);
        half.write_all(&LEARNING_BANNER[..5]).unwrap();
        let mut slow = connect(address);
        let dripping = thread::spawn(move || {
            // A hello of 200 bytes, one at a time.
            for byte in [22, 3, 1, 0, 200].into_iter().cycle() {
                if slow.write_all(&[byte]).is_err() {
                    return;
                }
                // Slowly: that is what the host must not wait for.
                thread::sleep(Duration::from_millis(50));
            }
        });
        world.keeps_talking();
        read_to_end(&mut silent);
        read_to_end(&mut half);
        joined(dripping, "the end of the slow one");
        world.keeps_talking();
    }
}

/// What waits for one of them would wait until the test gives up.
#[test]
fn whoever_says_nothing_delays_nobody() {
    let endless_ms = 10 * u64::try_from(PATIENCE.as_millis()).unwrap();
    let host = HostLimits { first_frame_ms: endless_ms, ..HostLimits::default() };
    let limits = NetLimits { first_flight_ms: endless_ms, handshake_ms: endless_ms, host, ..NetLimits::default() };
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, limits.clone());
        let silent = connect(address);
        let mut half = connect(address);
        half.write_all(&LEARNING_BANNER[..5]).unwrap();
        let keyed = HostilePeer::meet(suite, address);
        world.keeps_talking();
        drop((silent, half, keyed));
        world.keeps_talking();
    }
}

#[test]
fn whoever_has_a_key_and_says_nothing_useful_is_sent_away_in_time() {
    for suite in Suite::ALL {
        let host = HostLimits { first_frame_ms: SHORT_MS, ..HostLimits::default() };
        let (mut world, address) = World::room(suite, NetLimits { host, ..NetLimits::default() });
        let mut silent = HostilePeer::meet(suite, address);
        let mut slow = HostilePeer::meet(suite, address);
        let dripping = thread::spawn(move || {
            // The frame is announced and never ends.
            for byte in [0, 0, 2, 0, 1].into_iter().cycle() {
                if slow.socket.write_all(&[byte]).and_then(|()| slow.socket.flush()).is_err() {
                    return;
                }
                // Slowly: that is what the host must not wait for.
                thread::sleep(Duration::from_millis(50));
            }
        });
        world.keeps_talking();
        assert_eq!(silent.last_words(), vec![bye(ByeCode::TimedOut)]);
        joined(dripping, "the end of the slow one");
        world.keeps_talking();
    }
}

#[test]
fn a_frame_that_must_not_be_ends_the_link() {
    let nonsense = [0, 0, 0, 4, 9, 0xff, 0xff, 0xff];
    let ping = Frame::Ping(Ping { number: 1 }).to_bytes();
    let two_values = [&[0, 0, 0, 6, 0x20][..], &ping[5..], &[0]].concat();
    let cases: [(&str, &[u8]); 7] = [
        ("too long", &[0xff, 0xff, 0xff, 0xff, 1]),
        ("longer than a stranger's may be", &[0, 1, 0, 0, 8]),
        ("empty", &[0, 0, 0, 0, 1]),
        ("of no known type", &[0, 0, 0, 2, 0x77, 0]),
        ("not CBOR", &nonsense),
        ("more than CBOR", &two_values),
        ("of a member", &[0, 0, 0, 2, 6, 0xa0]),
    ];
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, NetLimits::default());
        for (what, bytes) in cases {
            let mut peer = HostilePeer::meet(suite, address);
            peer.send(bytes);
            assert_eq!(peer.last_words(), vec![bye(ByeCode::Protocol)], "a frame {what}");
        }
        world.keeps_talking();
    }
}

#[test]
fn whoever_asks_much_and_never_reads_is_sent_away() {
    // With the limit on questions the host would part with it sooner.
    let host = HostLimits { questions_burst: u32::MAX, ..HostLimits::default() };
    for suite in Suite::ALL {
        let (mut world, address) = World::room(suite, NetLimits { host, ..NetLimits::default() });
        let mut deaf = HostilePeer::meet(suite, address);
        let question = Frame::Look(Look { room: None }).to_bytes();
        let many = question.repeat(1_000);
        // Whatever the system's buffers hold, so many answers are more.
        for _ in 0..20 {
            deaf.send(&many);
        }
        world.keeps_talking();
        let words = deaf.last_words();
        assert_eq!(words.last(), Some(&bye(ByeCode::Slow)));
        assert!(words.len() < 20_000, "not all of it was kept for the deaf one");
        world.keeps_talking();
    }
}

#[test]
fn sixteen_who_log_in_and_vanish_delay_nobody() {
    let limits = NetLimits { handshakes_a_second: 1_000, ..NetLimits::default() };
    let (mut world, address) = World::room(Suite::Classical, limits);
    for _ in 0..4 {
        let comers: Vec<_> =
            (0..16).map(|_| thread::spawn(move || drop(HostilePeer::meet(Suite::Classical, address)))).collect();
        world.keeps_talking();
        comers.into_iter().for_each(|comer| joined(comer, "a handshake"));
    }
    world.keeps_talking();
}

/// A key whose use is a bug for a while.
struct Fragile {
    key: Arc<dyn SigningKey>,
    breaks: Arc<AtomicBool>,
}

impl SigningKey for Fragile {
    fn public(&self) -> Arc<dyn VerifyingKey> {
        self.key.public()
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> conversa::crypto::Result<Vec<u8>> {
        assert!(domain != Domain::TlsHost || !self.breaks.load(Ordering::Acquire), "the bug that this test is about");
        self.key.sign(domain, message)
    }

    fn to_pkcs8(&self) -> conversa::crypto::Result<Zeroizing<Vec<u8>>> {
        self.key.to_pkcs8()
    }
}

/// A fault of ours that a stranger finds costs that stranger the connection, and nobody else anything.
#[test]
fn a_panic_while_reading_a_stranger_ends_that_connection_only() {
    let (ann, breaks) = (identity(Suite::Classical, "ann"), Arc::new(AtomicBool::new(false)));
    let signing = Fragile { key: Arc::clone(ann.signing()), breaks: Arc::clone(&breaks) };
    let backend = Suite::Classical.backend();
    let decryption = backend.decryption_from_pkcs8(&ann.decryption().to_pkcs8().unwrap()).unwrap();
    let fragile = Arc::new(Identity::new(Box::new(signing), decryption, net_support::now()).unwrap());
    let mut world = World::new(Suite::Classical);
    let address = world.host_as(fragile, "127.0.0.1:0".parse().unwrap(), NetLimits::default());
    world.open(address);
    world.join("bo", address);
    breaks.store(true, Ordering::Release);
    for _ in 0..3 {
        let mut socket = connect(address);
        let config = client_config(identity(Suite::Classical, "dave").signing(), ann.fingerprint(), &Arc::default());
        let mut tls = ClientConnection::new(config.unwrap(), unnamed()).unwrap();
        while tls.is_handshaking() && tls.complete_io(&mut socket).is_ok() {}
        assert!(tls.is_handshaking(), "there was nobody to finish it with");
    }
    world.says("ann", &["bo"]);
    world.says("bo", &["ann"]);
    breaks.store(false, Ordering::Release);
    world.join("carol", address);
}

fn bye(code: ByeCode) -> Frame {
    Frame::Bye(Bye { code: code.code() })
}

/// Someone with a key and bad manners.
struct HostilePeer {
    socket: Box<dyn ReadWrite>,
}

trait ReadWrite: Read + Write + Send {}

impl<T: Read + Write + Send> ReadWrite for T {}

impl HostilePeer {
    /// Connects and shows Dave's key.
    fn meet(suite: Suite, address: SocketAddr) -> Self {
        let (dave, host) = (identity(suite, "dave"), identity(suite, "ann").fingerprint());
        let mut socket = connect(address);
        socket.set_nodelay(true).unwrap();
        if suite.is_learning() {
            let key = dave.signing().public();
            let length = u32::try_from(key.spki().len()).unwrap().to_be_bytes();
            socket.write_all(&[LEARNING_BANNER, &length, key.spki()].concat()).unwrap();
            let mut theirs = vec![0; LEARNING_BANNER.len() + 4];
            socket.read_exact(&mut theirs).unwrap();
            let length = u32::from_be_bytes(theirs[LEARNING_BANNER.len()..].try_into().unwrap());
            socket.read_exact(&mut vec![0; length as usize]).unwrap();
            return Self { socket: Box::new(socket) };
        }
        let config = client_config(dave.signing(), host, &Arc::default()).unwrap();
        let mut tls = ClientConnection::new(config, unnamed()).unwrap();
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).unwrap();
        }
        Self { socket: Box::new(StreamOwned::new(tls, socket)) }
    }

    fn send(&mut self, bytes: &[u8]) {
        // The host may have hung up by now.
        let _ = self.socket.write_all(bytes).and_then(|()| self.socket.flush());
    }

    /// The frames that came until the host hung up.
    fn last_words(&mut self) -> Vec<Frame> {
        let mut reader = FrameReader::new(usize::MAX);
        reader.push(&read_to_end(&mut self.socket));
        std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
    }
}

/// What happens when the system has no more file descriptors for us.
#[cfg(target_os = "linux")]
mod descriptors {
    use std::fs::File;
    use std::io::{Read, Seek, SeekFrom};
    use std::net::TcpStream;
    use std::thread;
    use std::time::Duration;

    use conversa::crypto::Suite;
    use conversa::net::NetLimits;

    use super::net_support::World;
    use super::output::output;
    use super::patience::PATIENCE;

    #[test]
    fn a_host_out_of_file_descriptors_waits_and_recovers() {
        // Only a process of its own can be short of them.
        let program = std::env::current_exe().unwrap();
        let command = "ulimit -n 64; exec \"$0\" --exact --ignored --nocapture descriptors::out_of_file_descriptors";
        let output = output(std::process::Command::new("sh").args(["-c", command]).arg(program));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    }

    #[test]
    #[ignore = "a part of the test before, which runs it in a process of its own"]
    fn out_of_file_descriptors() {
        let (mut world, address) = World::room(Suite::Classical, NetLimits::default());
        // Opened now, for later it could not be.
        let mut stat = File::open("/proc/self/stat").unwrap();
        // A connection takes two here: this end, and the host's.
        let mut crowd = Vec::new();
        while let Ok(socket) = TcpStream::connect_timeout(&address, PATIENCE) {
            crowd.push(socket);
        }
        assert!(crowd.len() > 10);
        world.keeps_talking();
        let before = cpu_ticks(&mut stat);
        // What spins uses up the time that passes, so some has to pass.
        thread::sleep(Duration::from_secs(1));
        let used = cpu_ticks(&mut stat) - before;
        assert!(used < 30, "the host spins: {used} of 100 ticks");
        crowd.clear();
        world.join("carol", address);
        world.keeps_talking();
    }

    /// The time this process has used, in hundredths of a second.
    fn cpu_ticks(stat: &mut File) -> u64 {
        let mut text = String::new();
        stat.seek(SeekFrom::Start(0)).unwrap();
        stat.read_to_string(&mut text).unwrap();
        let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}
