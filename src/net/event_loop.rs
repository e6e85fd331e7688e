//! The loop: waits for sockets, timers and messages from other threads, and gives each its turn. How connections come
//! and go is in `links`, what happens to hosted ones in `hosting`, and to our own clients' in `joining`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use mio::event::Event as Readiness;
use mio::{Events, Poll, Token, Waker};

use super::client_thread::{ClientThread, Input, LinkRequest};
use super::clock::Clock;
use super::connections::{Connections, DialStage, Role, index};
use super::limits::{EVENTS_A_TURN, NetLimits, READ_BYTES_A_TURN, SCRATCH_BYTES, TICK_MS};
use super::link::connection::Received;
use super::link::fault::LinkFault;
use super::link::handshake::Handshake;
use super::listener::Listener;
use super::log::Log;
use super::own_client::OwnClient;
use super::reports::Reports;
use super::timers::{Timer, Timers};
use super::workers::{Done, Workers};
use super::{ClientId, Event, Order};
use crate::protocol::{ByeCode, LinkError, LinkId, Now};

/// The token of the waker. Connections have even tokens, listeners odd ones.
const WAKER: Token = Token(usize::MAX);

/// Everything the net thread has.
///
/// Large because it is not divided yet: the sockets, our own clients and what waits for a time are one type.
pub(super) struct EventLoop {
    pub(super) poll: Poll,
    clock: Clock,
    pub(super) now: Now,
    pub(super) limits: NetLimits,
    orders: Receiver<Order>,
    done: Receiver<Done>,
    requests: Receiver<(ClientId, LinkRequest)>,
    reports: Arc<Reports>,
    pub(super) connections: Connections,
    pub(super) listeners: Vec<Option<Listener>>,
    pub(super) clients: BTreeMap<ClientId, OwnClient>,
    pub(super) client_thread: ClientThread,
    pub(super) workers: Workers,
    /// The thread that writes the logs of hosted rooms, once any are kept; and what it answers with.
    pub(super) log: Option<Log>,
    pub(super) done_sender: Sender<Done>,
    pub(super) waker: Arc<Waker>,
    pub(super) timers: Timers,
    /// Connections with something to send.
    pub(super) dirty: Vec<LinkId>,
    /// Connections with more to read than one turn allows.
    pub(super) waiting: Vec<LinkId>,
    /// Members that are not read while too much of their rooms waits for the disk.
    pub(super) paused: Vec<LinkId>,
    /// Connections that the host is bringing up to date.
    pub(super) just_admitted: Vec<LinkId>,
    /// Peers whose first flight is with a worker.
    pub(super) begun: BTreeSet<LinkId>,
    /// When the next handshake may begin, if one waits for its turn.
    pub(super) handshakes_at_ms: Option<u64>,
    scratch: Box<[u8]>,
    stops_at_ms: Option<u64>,
    /// When to check the time again, and the breaks reported so far.
    ticks_at_ms: u64,
    breaks: u64,
}

impl EventLoop {
    /// Prepares everything; [`Self::run`] starts it. Also gives what wakes it.
    pub(super) fn new(
        orders: Receiver<Order>,
        reports: Arc<Reports>,
        limits: NetLimits,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let clock = limits.clock.clone();
        let now = clock.now();
        let (done_sender, done) = channel();
        let (request_sender, requests) = channel();
        let event_loop = Self {
            poll,
            workers: Workers::start(&done_sender, &waker, limits.resolver)?,
            log: None,
            done_sender,
            waker: Arc::clone(&waker),
            limits,
            orders,
            done,
            requests,
            connections: Connections::default(),
            listeners: Vec::new(),
            clients: BTreeMap::new(),
            client_thread: ClientThread::start(
                clock.clone(),
                request_sender,
                Arc::clone(&waker),
                Arc::clone(&reports),
            )?,
            reports,
            timers: Timers::default(),
            dirty: Vec::new(),
            waiting: Vec::new(),
            paused: Vec::new(),
            just_admitted: Vec::new(),
            begun: BTreeSet::new(),
            handshakes_at_ms: None,
            scratch: vec![0; SCRATCH_BYTES].into_boxed_slice(),
            stops_at_ms: None,
            ticks_at_ms: 0,
            breaks: now.breaks,
            now,
            clock,
        };
        Ok((event_loop, waker))
    }

    /// Runs until it is told to shut down.
    pub(super) fn run(mut self) {
        let mut readiness = Events::with_capacity(EVENTS_A_TURN);
        while !self.is_over() {
            // 1. Wait until something happens or the nearest deadline has come.
            if let Err(error) = self.poll.poll(&mut readiness, self.patience())
                && error.kind() != ErrorKind::Interrupted
            {
                log::error!("the system does not let us wait for sockets: {error}");
                break;
            }
            self.now = self.clock.now();
            self.tick();
            // 2. Continue with connections that had more to read than their last turn allowed.
            for id in std::mem::take(&mut self.waiting) {
                if let Some(link) = self.connections.at(id) {
                    link.listed = false;
                    self.read(id);
                }
            }
            // 3. Read from the sockets that became readable, and feed what arrived frame by frame.
            for event in &readiness {
                self.handle_readiness(event);
            }
            // 4. Accept waiting connections.
            self.accept_all();
            // 5. Handle what the other threads sent.
            self.handle_messages();
            // 6. Handle expired deadlines.
            self.handle_timeouts();
            self.begin_handshakes();
            // 7. Send what the turn produced, once for each connection; watch sockets for what they wait for.
            self.flush_all();
        }
        self.client_thread.stop();
        if let Some(log) = self.log.take() {
            log.end();
        }
        log::debug!("the net thread ends");
        self.reports.tell(Event::Stopped);
    }

    pub(super) const fn is_shutting_down(&self) -> bool {
        self.stops_at_ms.is_some()
    }

    fn is_over(&self) -> bool {
        self.stops_at_ms.is_some_and(|at_ms| self.connections.is_empty() || at_ms <= self.now.monotonic_ms)
    }

    fn patience(&self) -> Option<Duration> {
        if !self.waiting.is_empty() {
            return Some(Duration::ZERO);
        }
        let now_ms = self.clock.now().monotonic_ms;
        let hosts = self.listeners.iter().flatten().filter_map(|listener| listener.host.next_timeout());
        let doors = self.listeners.iter().flatten().filter_map(Listener::opens_at).chain(self.handshakes_at_ms);
        let has_work = !self.clients.is_empty() || self.listeners.iter().flatten().next().is_some();
        let tick = has_work.then_some(self.ticks_at_ms);
        let due_ms = hosts.chain(doors).chain(self.timers.next()).chain(self.stops_at_ms).chain(tick).min()?;
        Some(Duration::from_millis(due_ms.saturating_sub(now_ms)))
    }

    /// Makes the clients check the time now and then, and the hosts after a break: the system's timers stop while the
    /// computer sleeps.
    fn tick(&mut self) {
        let broke = std::mem::replace(&mut self.breaks, self.now.breaks) != self.now.breaks;
        if !broke && self.now.monotonic_ms < self.ticks_at_ms {
            return;
        }
        self.ticks_at_ms = self.now.monotonic_ms + TICK_MS;
        self.client_thread.tick();
        if broke {
            log::info!("the time broke: sleep, a pause, or the date was set");
            for place in 0..self.listeners.len() {
                self.host_timeout(place);
            }
        }
    }

    fn handle_readiness(&mut self, event: &Readiness) {
        let Token(number) = event.token();
        if event.token() == WAKER {
            return;
        }
        if number % 2 == 1 {
            if let Some(Some(listener)) = self.listeners.get_mut(number / 2) {
                listener.connections_waiting = true;
            }
            return;
        }
        let Some(id) = self.connections.id_at(number / 2) else { return };
        let Some(link) = self.connections.at(id) else { return };
        let readable = event.is_readable() || event.is_read_closed() || event.is_error();
        let writable = event.is_writable() || event.is_write_closed() || event.is_error();
        link.connection.ready(readable, writable);
        if event.is_read_closed() || event.is_error() {
            link.connection.hangs_up();
        }
        if matches!(link.role, Role::Dialled { stage: DialStage::Connecting, .. }) && !self.check_opened(id) {
            return;
        }
        if writable {
            self.mark_dirty(id);
        }
        self.read(id);
        self.abort_if_it_left(id);
    }

    /// Reads until nothing is there or the turn is used up.
    pub(super) fn read(&mut self, id: LinkId) {
        let mut budget = READ_BYTES_A_TURN;
        while budget > 0 && !self.pauses(id) {
            let Some(link) = self.connections.at(id) else { return };
            let received = link.connection.receive(&mut self.scratch);
            match received {
                Received::Nothing => return,
                Received::Bytes(count) => budget = budget.saturating_sub(count.max(1)),
                _ => {}
            }
            self.handle_received(id, received);
        }
        self.give_another_turn(id);
    }

    fn handle_received(&mut self, id: LinkId, received: Received) {
        match received {
            Received::Nothing => {}
            Received::Bytes(_) => {
                self.follow_door(id);
                self.take_frames(id);
            }
            Received::FirstFlight => self.first_flight_came(id),
            Received::Handshake(handshake) => self.shake_hands(id, handshake),
            Received::Keyed(peer) => {
                let Some(link) = self.connections.at(id) else { return };
                link.deadline_ms = None;
                match link.role {
                    Role::Hosted { .. } => self.hosted_keyed(id, peer),
                    Role::Dialled { client, .. } => self.dialled_keyed(client, id, peer),
                    Role::Leaving { .. } => {}
                }
                self.take_frames(id);
            }
            Received::End { clean } => self.peer_closed(id, clean),
            Received::Fault(fault) => self.failed(id, &fault),
        }
        // Even reading may have produced something to send: an alert, or a learning link's key.
        self.mark_dirty(id);
    }

    /// Gives the next step of a handshake to a worker.
    pub(super) fn shake_hands(&mut self, id: LinkId, handshake: Handshake) {
        if self.workers.shake_hands(id, handshake).is_err() {
            log::warn!("more handshakes than the workers can take on");
            self.begun.remove(&id);
            self.abort(id, &LinkError::Cut);
        }
    }

    pub(super) fn take_frames(&mut self, id: LinkId) {
        while !self.pauses(id)
            && let Some(link) = self.connections.at(id)
        {
            let role = link.role;
            if matches!(role, Role::Leaving { .. }) {
                return;
            }
            match link.connection.next_frame() {
                Ok(Some((kind, body))) => match role {
                    Role::Hosted { listener, .. } => self.hosted_frame(listener, id, kind, &body),
                    Role::Dialled { client, .. } => self.dialled_frame(client, id, kind, body),
                    Role::Leaving { .. } => {}
                },
                Ok(None) if link.connection.said_bye() => {
                    self.report_closed(id, true, &LinkError::Closed);
                    return self.close(id, None);
                }
                Ok(None) => return,
                Err(error) => {
                    log::debug!("connection {}: {error}", id.0);
                    self.report_closed(id, false, &LinkError::Protocol);
                    return self.close(id, Some(ByeCode::Protocol));
                }
            }
        }
    }

    fn handle_messages(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            self.handle_order(order);
        }
        while let Ok(done) = self.done.try_recv() {
            match done {
                Done::Handshake(done) => {
                    let id = done.link;
                    self.begun.remove(&id);
                    if let Some(link) = self.connections.at(id) {
                        let received = link.connection.back(*done);
                        self.handle_received(id, received);
                        self.read(id);
                    }
                }
                Done::Broken(id) => {
                    self.begun.remove(&id);
                    self.abort(id, &LinkError::Cut);
                }
                Done::Lookup { client, attempt, places } => self.found(client, attempt, places),
                Done::Log(done) => self.log_done(done),
            }
        }
        self.read_paused();
        while let Ok((client, request)) = self.requests.try_recv() {
            self.handle_request(client, request);
        }
    }

    fn handle_order(&mut self, order: Order) {
        match order {
            Order::Listen { listener, address, identity, policy, limits, log } => {
                let opened = Listener::open(listener, address, identity, policy, *limits, log.is_some());
                self.listen(listener, address, opened, log);
            }
            Order::ForgetLog { directory, room } => self.forget_log(&directory, room),
            Order::Unlisten(listener) => self.unlisten(listener),
            Order::Shutdown => self.shut_down(),
        }
    }

    fn shut_down(&mut self) {
        if self.is_shutting_down() {
            return;
        }
        self.stops_at_ms = Some(self.now.monotonic_ms + self.limits.goodbye_ms);
        let listeners: Vec<_> = self.listeners.iter().flatten().map(|listener| listener.id).collect();
        for listener in listeners {
            self.unlisten(listener);
        }
        let clients: Vec<_> = self.clients.keys().copied().collect();
        for client in clients {
            self.client_thread.tell(client, Input::Remove);
            self.end_client(client);
        }
    }

    fn handle_timeouts(&mut self) {
        let now_ms = self.now.monotonic_ms;
        while let Some(timer) = self.timers.due(now_ms) {
            match timer {
                Timer::Link(id) => self.link_is_late(id),
                Timer::Lookup(client) => self.lookup_is_late(client),
                Timer::Redial(client) => self.redial(client),
            }
        }
        for place in 0..self.listeners.len() {
            if let Some(Some(listener)) = self.listeners.get(place)
                && listener.host.next_timeout().is_some_and(|due_ms| due_ms <= now_ms)
            {
                self.host_timeout(place);
            }
        }
    }

    fn host_timeout(&mut self, place: usize) {
        if let Some(Some(listener)) = self.listeners.get_mut(place) {
            listener.host.handle_timeout(self.now);
            self.drain_host(place);
        }
    }

    fn flush_all(&mut self) {
        // A peer that cannot be written to is gone, which the others have to be told, so they are flushed too.
        while let Some(id) = self.dirty.pop() {
            let Some(link) = self.connections.at(id) else { continue };
            link.dirty = false;
            if let Err(error) = link.connection.flush() {
                self.failed(id, &LinkFault::Io(error));
                continue;
            }
            if let Some(interest) = link.connection.new_interest()
                && let Err(error) = self.poll.registry().reregister(link.connection.socket(), token(id), interest)
            {
                self.failed(id, &LinkFault::Io(error));
            }
        }
    }

    /// Tells the front end.
    pub(super) fn tell(&self, event: Event) {
        self.reports.tell(event);
    }
}

/// The token of a connection.
pub(super) fn token(id: LinkId) -> Token {
    Token(index(id) * 2)
}

/// The token of a listener at its place.
pub(super) fn listener_token(place: usize) -> Token {
    Token(place * 2 + 1)
}
