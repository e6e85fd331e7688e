//! The sockets: one thread with one mio loop serves every listener, every connection to it, and
//! every connection of our own clients.
//!
//! ```text
//! front ends --Handle: Command--> net thread (EventLoop) --handshakes, names--> workers
//!   ^                          |  Host of each listener   <---- done -----
//!   |                          |  sockets
//!   |                          +--frames--> client thread (Clients)
//!   +------------ Event <------+--------------'  requests back to the loop
//! ```
//!
//! Nothing slow runs on the loop: RSA of handshakes and name lookups have workers, RSA of our own clients has the
//! client thread. This layer passes keys on without looking into them; what frames mean is up to [`crate::protocol`].

mod address;
mod admission;
mod client_thread;
mod clock;
mod connections;
mod dial;
mod event_loop;
mod hosted_logs;
mod hosting;
mod interfaces;
mod joining;
mod key_exchange;
mod limits;
mod link;
mod links;
mod listener;
mod log;
mod own_client;
mod reports;
mod timers;
pub mod tls;
mod workers;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use mio::Waker;

pub use self::address::{Address, AddressError, HostPart, nobody_at};
use self::client_thread::Input;
pub use self::clock::{Clock, Readings};
use self::event_loop::EventLoop;
pub use self::interfaces::scope_number;
pub use self::limits::{NetLimits, Resolver};
pub use self::link::learning_link::LEARNING_BANNER;
pub use self::log::{LogDirectory, LogError, LogNews};
pub use self::reports::{EventReceiver, Reports};
use crate::protocol::{self, Client, HostEvent, Identity, OpenPolicy, RoomId};

/// A listener, numbered by its user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ListenerId(pub u64);

/// A client of ours, numbered by its user.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub u64);

/// What the net layer is asked to do.
pub enum Command {
    /// Listen for connections and host rooms.
    Listen {
        /// The new listener.
        listener: ListenerId,
        /// Where; port 0 lets the system choose.
        address: SocketAddr,
        /// The host's keys; their suite is the suite of the links.
        identity: Arc<Identity>,
        /// Who may open rooms.
        policy: OpenPolicy,
        /// The limits, usually the default.
        limits: NetLimits,
        /// Where the logs of its rooms are kept. `None`: nowhere, and with the end of the program they are forgotten.
        log: Option<LogDirectory>,
    },
    /// Delete what is kept of a room in this directory; nobody hosts it any more.
    ForgetLog {
        /// Where.
        directory: PathBuf,
        /// Which.
        room: RoomId,
    },
    /// Stop listening; connected peers are told.
    Unlisten(ListenerId),
    /// Run a client.
    Add {
        /// The new client.
        id: ClientId,
        /// The client itself.
        client: Box<Client>,
        /// Its host's possible addresses, the likeliest first: each a `host:port`.
        addresses: Vec<String>,
    },
    /// Pass a command on to a client.
    Client {
        /// Which.
        id: ClientId,
        /// What.
        command: protocol::Command,
    },
    /// A client's host has other possible addresses; used at its next attempt.
    Addresses {
        /// Which client.
        id: ClientId,
        /// The addresses, as in [`Self::Add`].
        addresses: Vec<String>,
    },
    /// Stop running a client.
    Remove(ClientId),
    /// Say goodbye to everybody and end.
    Shutdown,
}

/// What the net layer reports.
#[derive(Debug)]
pub enum Event {
    /// A listener is open.
    Listening {
        /// Which.
        listener: ListenerId,
        /// Where, with the port the system chose.
        address: SocketAddr,
    },
    /// A listener could not be opened.
    ListenFailed {
        /// Which.
        listener: ListenerId,
        /// Where it should have listened.
        address: SocketAddr,
        /// Why.
        reason: ListenError,
    },
    /// A connection waits at a listener and cannot be accepted, because too many files are open. Reported once, until
    /// one is accepted again.
    OutOfFiles {
        /// Which.
        listener: ListenerId,
    },
    /// A client reports something.
    Client {
        /// Which.
        id: ClientId,
        /// What.
        event: protocol::Event,
    },
    /// A client has something that must survive a crash; answer a [`protocol::Keep::SignedEntry`] with
    /// [`protocol::Command::Kept`].
    Keep {
        /// Which.
        id: ClientId,
        /// Under which number it is confirmed.
        number: u64,
        /// What.
        what: protocol::Keep,
    },
    /// A host reports something.
    Host {
        /// Which.
        listener: ListenerId,
        /// What.
        event: HostEvent,
    },
    /// Something with the log of a hosted room.
    Log {
        /// At which listener.
        listener: ListenerId,
        /// Of which room.
        room: RoomId,
        /// What.
        news: LogNews,
    },
    /// Everything has stopped; nothing comes after.
    Stopped,
}

/// Why a listener could not be opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program, or another listener of ours, has the port.
    #[error("the port is taken")]
    InUse,
    /// This computer does not have the address.
    #[error("this computer does not have that address")]
    NotAvailable,
    /// No host could be reached there: it stands for many computers at once, or for none.
    #[error("nobody can be reached at that address")]
    Nobody,
    /// The system does not allow it.
    #[error("the system does not allow this port")]
    Denied,
    /// No more files may be open.
    #[error("too many open files")]
    OutOfFiles,
    /// Something else.
    #[error("{0}")]
    System(String),
}

/// What the loop is asked to do.
enum Order {
    Listen {
        listener: ListenerId,
        address: SocketAddr,
        identity: Arc<Identity>,
        policy: OpenPolicy,
        limits: Box<NetLimits>,
        log: Option<LogDirectory>,
    },
    ForgetLog {
        directory: PathBuf,
        room: RoomId,
    },
    Unlisten(ListenerId),
    Shutdown,
}

/// Talks to the net's threads. They end when the last handle is dropped.
#[derive(Clone)]
pub struct Handle(Arc<Line>);

struct Line {
    /// To the loop, which has to be woken.
    orders: Sender<Order>,
    waker: Arc<Waker>,
    /// To the clients, straight to their thread.
    inputs: Sender<(ClientId, Input)>,
}

impl Handle {
    /// Asks for something. Never blocks.
    pub fn send(&self, command: Command) {
        self.0.send(command);
    }
}

/// What a handle to no net was asked to pass on to a client.
#[cfg(test)]
#[derive(PartialEq, Debug)]
pub(crate) enum PassedOn {
    Added,
    Addresses,
    Command(protocol::Command),
    Removed,
}

#[cfg(test)]
impl Handle {
    /// A handle to no net, for tests without threads and sockets, and what it has passed on so far.
    pub(crate) fn without_net() -> (Self, impl Iterator<Item = (ClientId, PassedOn)>) {
        let ((orders, _), (inputs, passed_on)) = (channel(), channel());
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let told = std::iter::from_fn(move || passed_on.try_recv().ok()).map(|(id, input)| {
            let what = match input {
                Input::Add { .. } => PassedOn::Added,
                Input::Addresses(_) => PassedOn::Addresses,
                Input::Command(command) => PassedOn::Command(command),
                Input::Remove => PassedOn::Removed,
                Input::Tick | Input::Stop | Input::Link { .. } => unreachable!("a handle asks for none"),
            };
            (id, what)
        });
        (Self(Arc::new(Line { orders, waker, inputs })), told)
    }
}

impl Line {
    fn send(&self, command: Command) {
        match command {
            Command::Add { id, client, addresses } => self.tell_client(id, Input::Add { client, addresses }),
            Command::Client { id, command } => self.tell_client(id, Input::Command(command)),
            Command::Addresses { id, addresses } => self.tell_client(id, Input::Addresses(addresses)),
            Command::Remove(id) => self.tell_client(id, Input::Remove),
            Command::Listen { listener, address, identity, policy, limits, log } => {
                self.order(Order::Listen { listener, address, identity, policy, limits: Box::new(limits), log });
            }
            Command::ForgetLog { directory, room } => self.order(Order::ForgetLog { directory, room }),
            Command::Unlisten(listener) => self.order(Order::Unlisten(listener)),
            Command::Shutdown => self.order(Order::Shutdown),
        }
    }

    fn tell_client(&self, id: ClientId, input: Input) {
        if self.inputs.send((id, input)).is_err() {
            ::log::debug!("the client thread has ended; a command went nowhere");
        }
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            ::log::debug!("the net thread has ended; a command went nowhere");
        } else if let Err(error) = self.waker.wake() {
            ::log::error!("the net thread could not be woken: {error}");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.order(Order::Shutdown);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Handle")
    }
}

/// Starts the net thread and its workers.
///
/// # Errors
/// Only if the system provides no thread or no poll.
pub fn spawn() -> io::Result<(Handle, EventReceiver)> {
    spawn_with(NetLimits::default())
}

/// As [`spawn`], with other limits for our own clients' connections. Each listener has its own.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_with(limits: NetLimits) -> io::Result<(Handle, EventReceiver)> {
    let (reports, events) = EventReceiver::pair();
    Ok((spawn_reporting(limits, reports)?, events))
}

/// As [`spawn_with`], for a user whose events go straight to where they are handled.
///
/// # Errors
/// As [`spawn`].
pub fn spawn_reporting(limits: NetLimits, reports: Arc<Reports>) -> io::Result<Handle> {
    let (orders, taken) = channel();
    let (event_loop, waker) = EventLoop::new(taken, reports, limits)?;
    let inputs = event_loop.client_thread.inputs();
    thread::Builder::new().name("conversa-net".into()).spawn(move || event_loop.run())?;
    Ok(Handle(Arc::new(Line { orders, waker, inputs })))
}
