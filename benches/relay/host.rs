//! The host in a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use conversa::net::{self, Event, ListenerId, LogDirectory, NetLimits};
use conversa::protocol::{HostLimits, OpenPolicy};

use crate::crowd;

/// Makes this program the host.
pub const ARGUMENT: &str = "--host";
/// Makes it a host that takes as many logins as come.
const ANY_PACE: &str = "--any-pace";
/// Makes it a host that keeps its rooms on the disk.
const KEPT: &str = "--kept";

/// Hosts until standard input ends.
pub fn run() {
    let is_asked_for = |what: &str| std::env::args().any(|argument| argument == what);
    let any_pace = is_asked_for(ANY_PACE);
    // Beside the program, for a system's temporary directory may be in memory.
    let place = std::env::current_exe().unwrap();
    let place = is_asked_for(KEPT).then(|| tempfile::tempdir_in(place.parent().unwrap()).unwrap());
    let (handle, mut events) = net::spawn().unwrap();
    // The limits for one member and for unauthenticated peers are not what is measured here.
    let host = HostLimits {
        questions_burst: u32::MAX,
        messages_a_second: 10_000_000,
        messages_burst: 10_000_000,
        bytes_a_second: u32::MAX,
        bytes_burst: u32::MAX,
        keys_burst: 1_000_000,
        first_frame_ms: 600_000,
        ..HostLimits::default()
    };
    let usual = NetLimits::default();
    let handshakes_a_second = if any_pace { 1_000 } else { usual.handshakes_a_second };
    let limits = NetLimits { unauthenticated_max: 1_000, queued_max: 1_000, handshakes_a_second, host, ..usual };
    handle.send(net::Command::Listen {
        listener: ListenerId(1),
        address: "127.0.0.1:0".parse().unwrap(),
        identity: crowd::host_identity(),
        policy: OpenPolicy::Anyone,
        limits,
        log: place.as_ref().map(|place| LogDirectory { path: place.path().join("host"), all: true }),
    });
    match events.next() {
        Some(Event::Listening { address, .. }) => println!("{address}"),
        other => panic!("{other:?}"),
    }
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// A host's process, seen from outside.
pub struct HostProcess {
    pub address: SocketAddr,
    child: Child,
}

impl HostProcess {
    /// Starts one, with the usual limit on logins or without, whose rooms are kept on the disk or in memory only.
    pub fn start(usual_pace: bool, keeps: bool) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
        if !usual_pace {
            command.arg(ANY_PACE);
        }
        if keeps {
            command.arg(KEPT);
        }
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { address: line.trim().parse().unwrap(), child }
    }

    /// The processor time all its threads have used.
    pub fn processor_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanoseconds = |task: std::fs::DirEntry| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap();
            text.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        Duration::from_nanos(tasks.map(Result::unwrap).map(nanoseconds).sum())
    }

    /// The memory it has, in KiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
