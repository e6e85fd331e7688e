//! The member thread. It owns all our clients: their state machines do RSA for keys they hand out
//! and take in, and the loop must not wait for that.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mio::Waker;

use super::clock::Clock;
use super::limits::EVENTS_WAITING_MAX;
use super::{ClientId, Event};
use crate::crypto::{Fingerprint, SystemRandom};
use crate::protocol::{self, ByeCode, Client, Command, LinkError, Output};
use crate::wire::FrameKind;

/// How long the thread rests while the face does not take its events, in milliseconds.
const FACE_IS_BUSY_MS: u64 = 10;
/// Inputs handled before the loop is told; more would delay what was sent first.
const INPUTS_A_BATCH: usize = 64;

/// Something for a client. What comes from a link carries the number of the attempt that made it,
/// so that a link's last words never reach a client that has already turned to another.
pub(super) enum Input {
    /// A new client.
    Add(Box<Client>),
    /// No longer a client.
    Remove,
    /// For all: time to look at the clock.
    Tick,
    /// From its face.
    Command(Command),
    /// From its link.
    Link {
        /// Which attempt.
        attempt: u64,
        /// What.
        news: News,
    },
}

/// What a link has to tell a client.
pub(super) enum News {
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
pub(super) enum Wish {
    /// Connect; answers carry this number.
    Connect {
        /// The attempt's number.
        attempt: u64,
        /// The key to insist on; none to look only.
        pin: Option<Fingerprint>,
    },
    /// Send a frame.
    Send(Arc<[u8]>),
    /// Say goodbye and close.
    Disconnect(ByeCode),
    /// Close without a word.
    Abandon,
    /// So many bytes of frames are dealt with.
    Taken(usize),
}

/// The loop's end of the member thread.
pub(super) struct Members {
    inputs: Sender<(ClientId, Input)>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Members {
    /// Starts the thread.
    pub(super) fn start(
        clock: Clock,
        wishes: Sender<(ClientId, Wish)>,
        waker: Arc<Waker>,
        events: async_channel::Sender<Event>,
    ) -> io::Result<Self> {
        let (inputs, waiting) = channel();
        let stopping = Arc::new(AtomicBool::new(false));
        let desk = Desk {
            seats: BTreeMap::new(),
            breaks: clock.now().breaks,
            clock,
            random: SystemRandom::new(),
            wishes,
            waker,
            events,
            stopping: Arc::clone(&stopping),
            wished: false,
        };
        let thread = thread::Builder::new().name("conversa-members".into()).spawn(move || desk.run(&waiting))?;
        Ok(Self { inputs, stopping, thread })
    }

    /// Hands `input` to a client.
    pub(super) fn tell(&self, client: ClientId, input: Input) {
        if let Err(SendError(_)) = self.inputs.send((client, input)) {
            log::error!("the member thread is gone");
        }
    }

    /// Lets the thread look at the time.
    pub(super) fn tick(&self) {
        // It ends before the loop only if it panicked, which is told elsewhere.
        let _ = self.inputs.send((ClientId(0), Input::Tick));
    }

    /// Ends the thread; after this no client says anything.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::Release);
        drop(self.inputs);
        if self.thread.join().is_err() {
            log::error!("the member thread ended in a panic");
        }
    }
}

struct Seat {
    client: Box<Client>,
    /// Counts the links asked for and given up.
    attempt: u64,
}

struct Desk {
    seats: BTreeMap<ClientId, Seat>,
    clock: Clock,
    random: SystemRandom,
    wishes: Sender<(ClientId, Wish)>,
    waker: Arc<Waker>,
    events: async_channel::Sender<Event>,
    stopping: Arc<AtomicBool>,
    wished: bool,
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
            if std::mem::take(&mut self.wished) && self.waker.wake().is_err() {
                return;
            }
            self.wait_for_the_face();
        }
    }

    fn wait(&self, waiting: &Receiver<(ClientId, Input)>) -> Result<(ClientId, Input), RecvTimeoutError> {
        let Some(due_ms) = self.seats.values().filter_map(|seat| seat.client.next_timeout()).min() else {
            return waiting.recv().map_err(|_| RecvTimeoutError::Disconnected);
        };
        let patience_ms = due_ms.saturating_sub(self.clock.now().monotonic_ms);
        waiting.recv_timeout(Duration::from_millis(patience_ms))
    }

    fn handle(&mut self, id: ClientId, input: Input) {
        match input {
            Input::Add(client) => {
                self.seats.insert(id, Seat { client, attempt: 0 });
                self.with_client(id, |client, now, _| client.start(now));
            }
            Input::Remove => {
                self.seats.remove(&id);
            }
            // After each batch of inputs it is done anyway.
            Input::Tick => {}
            Input::Command(command) => self.with_client(id, |client, now, random| client.command(command, now, random)),
            Input::Link { attempt, news } => self.handle_news(id, attempt, news),
        }
    }

    fn handle_news(&mut self, id: ClientId, attempt: u64, news: News) {
        let taken = if let News::Frame(_, body) = &news { Some(body.len()) } else { None };
        if self.seats.get(&id).is_some_and(|seat| seat.attempt == attempt) {
            self.with_client(id, |client, now, random| match news {
                News::Connected => client.connected(now, random),
                News::HostSeen(host) => client.host_seen(host, now),
                News::Frame(kind, body) => client.frame(kind, &body, now, random),
                News::Disconnected(error) => client.disconnected(error, now, random),
            });
        }
        if let Some(taken) = taken {
            self.wish(id, Wish::Taken(taken));
        }
    }

    fn handle_timeouts(&mut self) {
        let now = self.clock.now();
        let broke = std::mem::replace(&mut self.breaks, now.breaks) != now.breaks;
        let is_due = |seat: &Seat| broke || seat.client.next_timeout().is_some_and(|due_ms| due_ms <= now.monotonic_ms);
        let due: Vec<ClientId> = self.seats.iter().filter(|(_, seat)| is_due(seat)).map(|(id, _)| *id).collect();
        for id in due {
            self.with_client(id, |client, now, random| client.handle_timeout(now, random));
        }
    }

    /// Lets `act` happen to a client, then does all it asks for.
    fn with_client(&mut self, id: ClientId, act: impl FnOnce(&mut Client, protocol::Now, &mut SystemRandom)) {
        let now = self.clock.now();
        let Some(seat) = self.seats.get_mut(&id) else { return };
        // A panic would be a fault of ours in reading what a host sent. It costs that one room.
        let random = &mut self.random;
        if catch_unwind(AssertUnwindSafe(|| act(&mut seat.client, now, random))).is_err() {
            log::error!("client {} ended in a panic", id.0);
            self.seats.remove(&id);
            let stop = protocol::Stop::Unreachable(LinkError::Protocol);
            self.tell_face(id, protocol::Event::Stopped(stop));
            return self.wish(id, Wish::Disconnect(ByeCode::Protocol));
        }
        while let Some(seat) = self.seats.get_mut(&id) {
            match seat.client.poll_output() {
                None => return,
                Some(Output::Event(event)) => self.tell_face(id, event),
                Some(Output::Send(frame)) => self.wish(id, Wish::Send(frame)),
                Some(Output::Connect { pin }) => {
                    seat.attempt += 1;
                    let attempt = seat.attempt;
                    self.wish(id, Wish::Connect { attempt, pin });
                }
                Some(Output::Disconnect(code)) => {
                    seat.attempt += 1;
                    self.wish(id, Wish::Disconnect(code));
                }
                Some(Output::Abandon) => {
                    seat.attempt += 1;
                    self.wish(id, Wish::Abandon);
                }
            }
        }
    }

    fn wish(&mut self, id: ClientId, wish: Wish) {
        self.wished |= self.wishes.send((id, wish)).is_ok();
    }

    fn tell_face(&self, id: ClientId, event: protocol::Event) {
        if self.events.try_send(Event::Client { id, event }).is_err() {
            log::debug!("nobody takes events any more");
        }
    }

    /// A face that does not take its events makes the clients stop taking frames, and with them
    /// the hosts: memory stays bounded.
    fn wait_for_the_face(&self) {
        let busy = || self.events.len() > EVENTS_WAITING_MAX && !self.events.is_closed();
        while busy() && !self.stopping.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(FACE_IS_BUSY_MS));
        }
    }
}
