//! The threads for work that must not block the loop: the RSA of handshakes, and name lookups.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use mio::Waker;

use super::ClientId;
use super::limits::{HANDSHAKE_WORKERS, HANDSHAKES_WAITING_MAX, LOOKUPS_WAITING_MAX, RESOLVERS, Resolver};
use super::link::handshake::{Handshake, HandshakeDone};
use super::log::LogDone;
use crate::protocol::LinkId;

/// What a worker has done.
pub(super) enum Done {
    /// A step of a handshake.
    Handshake(Box<HandshakeDone>),
    /// A handshake that hit a bug of ours: the connection cannot go on.
    Broken(LinkId),
    /// A name lookup.
    Lookup {
        /// For whom.
        client: ClientId,
        /// Which of its attempts.
        attempt: u64,
        /// The name's addresses, if any.
        places: Vec<SocketAddr>,
    },
    /// Something with the log of a hosted room.
    Log(LogDone),
}

/// The workers' threads. They end when this is dropped and their current work is done.
pub(super) struct Workers {
    handshakes: SyncSender<(LinkId, Handshake)>,
    lookups: SyncSender<Lookup>,
    resolver: Resolver,
}

/// The workers' queue is full.
#[derive(Debug)]
pub(super) struct Overloaded;

struct Lookup {
    client: ClientId,
    attempt: u64,
    address: String,
    resolver: Resolver,
}

impl Workers {
    /// Starts them; finished work goes to `done`, and the loop is woken.
    pub(super) fn start(done: &Sender<Done>, waker: &Arc<Waker>, resolver: Resolver) -> io::Result<Self> {
        let (handshakes, waiting) = sync_channel(HANDSHAKES_WAITING_MAX);
        start_pool("handshake", HANDSHAKE_WORKERS, waiting, done, waker, shake_hands)?;
        let (lookups, waiting) = sync_channel(LOOKUPS_WAITING_MAX);
        start_pool("lookup", RESOLVERS, waiting, done, waker, look_up)?;
        Ok(Self { handshakes, lookups, resolver })
    }

    /// Takes a step of a handshake.
    pub(super) fn shake_hands(&self, link: LinkId, handshake: Handshake) -> Result<(), Overloaded> {
        offer(&self.handshakes, (link, handshake))
    }

    /// Looks up `address`, a `host:port`.
    pub(super) fn look_up(&self, client: ClientId, attempt: u64, address: String) -> Result<(), Overloaded> {
        offer(&self.lookups, Lookup { client, attempt, address, resolver: self.resolver })
    }
}

fn offer<T>(queue: &SyncSender<T>, job: T) -> Result<(), Overloaded> {
    queue.try_send(job).map_err(|error| match error {
        TrySendError::Full(_) | TrySendError::Disconnected(_) => Overloaded,
    })
}

fn start_pool<T: Send + 'static>(
    name: &str,
    threads: usize,
    waiting: Receiver<T>,
    done: &Sender<Done>,
    waker: &Arc<Waker>,
    work: fn(T) -> Done,
) -> io::Result<()> {
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..threads {
        let (waiting, done, waker) = (Arc::clone(&waiting), done.clone(), Arc::clone(waker));
        thread::Builder::new().name(format!("conversa-{name}")).spawn(move || {
            while let Some(job) = next(&waiting) {
                if done.send(work(job)).is_err() || waker.wake().is_err() {
                    return;
                }
            }
        })?;
    }
    Ok(())
}

fn next<T>(waiting: &Mutex<Receiver<T>>) -> Option<T> {
    waiting.lock().ok()?.recv().ok()
}

fn shake_hands((link, handshake): (LinkId, Handshake)) -> Done {
    // A panic would be our own bug in reading what a peer sent. It costs that peer the connection, and nobody else
    // anything.
    match catch_unwind(AssertUnwindSafe(|| handshake.run(link))) {
        Ok(done) => Done::Handshake(Box::new(done)),
        Err(_) => {
            log::error!("a handshake ended in a panic");
            Done::Broken(link)
        }
    }
}

fn look_up(Lookup { client, attempt, address, resolver }: Lookup) -> Done {
    let places = resolver(&address).unwrap_or_else(|error| {
        log::info!("{address} was not found: {error}");
        Vec::new()
    });
    Done::Lookup { client, attempt, places }
}
