//! The client thread. It owns all our clients: their state machines do RSA to wrap and unwrap keys, and the loop must
//! not wait for that.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::Waker;

use super::clock::Clock;
use super::reports::Reports;
use super::{ClientId, Event};
use crate::crypto::{Fingerprint, SystemRandom};
use crate::protocol::{self, ByeCode, Client, Command, Identity, LinkError, Output};
use crate::wire::FrameKind;

/// Inputs handled before the loop is told; more would delay what was sent first.
const INPUTS_A_BATCH: usize = 64;

/// Something for a client. What comes from a link carries the number of the attempt that made it, so that a link's
/// last frames never reach a client that has already moved on to another.
pub(super) enum Input {
    /// A new client, and its host's possible addresses.
    Add { client: Box<Client>, addresses: Vec<String> },
    /// Its host's possible addresses have changed.
    Addresses(Vec<String>),
    /// Remove the client.
    Remove,
    /// For all: check the clock.
    Tick,
    /// For all: stop.
    Stop,
    /// From its front end.
    Command(Command),
    /// From its link.
    Link {
        /// Which attempt.
        attempt: u64,
        /// What.
        event: LinkEvent,
    },
}

/// What a link reports to a client.
pub(super) enum LinkEvent {
    /// It is up.
    Connected,
    /// A probe has seen this key.
    HostSeen(Fingerprint),
    /// A frame has arrived.
    Frame(FrameKind, Vec<u8>),
    /// It failed or ended.
    Disconnected(LinkError),
}

/// What a client wants from the loop.
pub(super) enum LinkRequest {
    /// Add the client, with its host's possible addresses.
    Begin {
        /// The keys of its links.
        identity: Arc<Identity>,
        /// The likeliest first.
        addresses: Vec<String>,
    },
    /// Its host's possible addresses have changed; used at its next attempt.
    Addresses(Vec<String>),
    /// Say goodbye, and forget the client.
    End,
    /// Connect; answers carry this number.
    Connect {
        /// The attempt's number.
        attempt: u64,
        /// The key to insist on; none for a probe.
        pin: Option<Fingerprint>,
    },
    /// Send a frame.
    Send(Arc<[u8]>),
    /// Say goodbye and close.
    Disconnect(ByeCode),
    /// Close without a goodbye.
    Abandon,
    /// This many bytes of frames have been processed.
    Taken(usize),
}

/// The loop's end of the client thread.
pub(super) struct ClientThread {
    inputs: Sender<(ClientId, Input)>,
    reports: Arc<Reports>,
    thread: JoinHandle<()>,
}

impl ClientThread {
    /// Starts the thread.
    pub(super) fn start(
        clock: Clock,
        requests: Sender<(ClientId, LinkRequest)>,
        waker: Arc<Waker>,
        reports: Arc<Reports>,
    ) -> io::Result<Self> {
        let (inputs, waiting) = channel();
        let desk = Desk {
            clients: BTreeMap::new(),
            breaks: clock.now().breaks,
            clock,
            random: SystemRandom::new(),
            requests,
            waker,
            reports: Arc::clone(&reports),
            requested: false,
            stopped: false,
        };
        let thread = thread::Builder::new().name("conversa-clients".into()).spawn(move || desk.run(&waiting))?;
        Ok(Self { inputs, reports, thread })
    }

    /// The channel to the clients, for whoever gives them commands.
    pub(super) fn inputs(&self) -> Sender<(ClientId, Input)> {
        self.inputs.clone()
    }

    /// Hands `input` to a client.
    pub(super) fn tell(&self, client: ClientId, input: Input) {
        if let Err(SendError(_)) = self.inputs.send((client, input)) {
            log::error!("the client thread is gone");
        }
    }

    /// Makes the thread check the time.
    pub(super) fn tick(&self) {
        // It ends before the loop only if it panicked, which is reported elsewhere.
        let _ = self.inputs.send((ClientId(0), Input::Tick));
    }

    /// Ends the thread; after this no client sends or reports anything.
    pub(super) fn stop(self) {
        self.reports.end();
        // Others may still hold its channel.
        let _ = self.inputs.send((ClientId(0), Input::Stop));
        if self.thread.join().is_err() {
            log::error!("the client thread ended in a panic");
        }
    }
}

struct Running {
    client: Box<Client>,
    /// Counts the links requested and abandoned.
    attempt: u64,
}

struct Desk {
    clients: BTreeMap<ClientId, Running>,
    clock: Clock,
    random: SystemRandom,
    requests: Sender<(ClientId, LinkRequest)>,
    waker: Arc<Waker>,
    reports: Arc<Reports>,
    requested: bool,
    stopped: bool,
    /// The breaks in time that the clients know of.
    breaks: u64,
}

impl Desk {
    fn run(mut self, waiting: &Receiver<(ClientId, Input)>) {
        loop {
            match self.wait(waiting) {
                Ok((id, input)) => self.handle(id, input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for (id, input) in waiting.try_iter().take(INPUTS_A_BATCH) {
                self.handle(id, input);
            }
            self.handle_timeouts();
            if std::mem::take(&mut self.requested) && self.waker.wake().is_err() || self.stopped {
                return;
            }
            // If a front end does not take its events, the clients stop taking frames, and then their hosts stop
            // sending.
            self.reports.wait_until_few();
        }
    }

    fn wait(&self, waiting: &Receiver<(ClientId, Input)>) -> Result<(ClientId, Input), RecvTimeoutError> {
        let Some(due_ms) = self.clients.values().filter_map(|running| running.client.next_timeout()).min() else {
            return waiting.recv().map_err(|_| RecvTimeoutError::Disconnected);
        };
        let patience_ms = due_ms.saturating_sub(self.clock.now().monotonic_ms);
        waiting.recv_timeout(Duration::from_millis(patience_ms))
    }

    fn handle(&mut self, id: ClientId, input: Input) {
        match input {
            Input::Add { client, addresses } => {
                self.request(id, LinkRequest::Begin { identity: Arc::clone(client.identity()), addresses });
                self.clients.insert(id, Running { client, attempt: 0 });
                self.with_client(id, |client, now, _| client.start(now));
            }
            Input::Addresses(addresses) => self.request(id, LinkRequest::Addresses(addresses)),
            Input::Remove => {
                // The loop still knows a client that panicked.
                self.clients.remove(&id);
                self.request(id, LinkRequest::End);
            }
            // After each batch of inputs it is done anyway.
            Input::Tick => {}
            Input::Stop => self.stopped = true,
            Input::Command(command) => self.with_client(id, |client, now, random| client.command(command, now, random)),
            Input::Link { attempt, event } => self.handle_link_event(id, attempt, event),
        }
    }

    fn handle_link_event(&mut self, id: ClientId, attempt: u64, event: LinkEvent) {
        let taken = if let LinkEvent::Frame(_, body) = &event { Some(body.len()) } else { None };
        if self.clients.get(&id).is_some_and(|running| running.attempt == attempt) {
            self.with_client(id, |client, now, random| match event {
                LinkEvent::Connected => client.connected(now, random),
                LinkEvent::HostSeen(host) => client.host_seen(host, now),
                LinkEvent::Frame(kind, body) => client.frame(kind, &body, now, random),
                LinkEvent::Disconnected(error) => client.disconnected(error, now, random),
            });
        }
        if let Some(taken) = taken {
            self.request(id, LinkRequest::Taken(taken));
        }
    }

    fn handle_timeouts(&mut self) {
        let now = self.clock.now();
        let broke = std::mem::replace(&mut self.breaks, now.breaks) != now.breaks;
        let is_due =
            |running: &Running| broke || running.client.next_timeout().is_some_and(|due_ms| due_ms <= now.monotonic_ms);
        let due: Vec<ClientId> =
            self.clients.iter().filter(|(_, running)| is_due(running)).map(|(id, _)| *id).collect();
        for id in due {
            self.with_client(id, |client, now, random| client.handle_timeout(now, random));
        }
    }

    /// Runs `act` on a client, then carries out everything it asks for.
    fn with_client(&mut self, id: ClientId, act: impl FnOnce(&mut Client, protocol::Now, &mut SystemRandom)) {
        let now = self.clock.now();
        let Some(running) = self.clients.get_mut(&id) else { return };
        // A panic would be our own bug in reading what a host sent. It costs only that room.
        let random = &mut self.random;
        if catch_unwind(AssertUnwindSafe(|| act(&mut running.client, now, random))).is_err() {
            log::error!("client {} ended in a panic", id.0);
            self.clients.remove(&id);
            let stop = protocol::Stop::Unreachable(LinkError::Protocol);
            self.tell_front_end(id, protocol::Event::Stopped(stop));
            return self.request(id, LinkRequest::Disconnect(ByeCode::Protocol));
        }
        while let Some(running) = self.clients.get_mut(&id) {
            match running.client.poll_output() {
                None => return,
                Some(Output::Event(event)) => self.tell_front_end(id, event),
                Some(Output::Keep { number, what }) => self.reports.tell(Event::Keep { id, number, what }),
                Some(Output::Send(frame)) => self.request(id, LinkRequest::Send(frame)),
                Some(Output::Connect { pin }) => {
                    running.attempt += 1;
                    let attempt = running.attempt;
                    self.request(id, LinkRequest::Connect { attempt, pin });
                }
                Some(Output::Disconnect(code)) => {
                    running.attempt += 1;
                    self.request(id, LinkRequest::Disconnect(code));
                }
                Some(Output::Abandon) => {
                    running.attempt += 1;
                    self.request(id, LinkRequest::Abandon);
                }
            }
        }
    }

    fn request(&mut self, id: ClientId, request: LinkRequest) {
        self.requested |= self.requests.send((id, request)).is_ok();
    }

    fn tell_front_end(&self, id: ClientId, event: protocol::Event) {
        self.reports.tell(Event::Client { id, event });
    }
}
