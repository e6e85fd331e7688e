//! A client's link: how far it is on its way into the room, whether the other side is alive, and when to reconnect.
//!
//! Not here: what is sent over it (`entering`, `sync`), and the connection itself, which belongs to the driver.

use super::outputs::Outputs;
use crate::crypto::Random;
use crate::protocol::Now;
use crate::protocol::limits::{ANSWER_MS, RETRY_FIRST_MS, RETRY_MAX_MS, RETRY_SOON_MAX_MS, RETRY_SOON_MS, SYNC_MS};
use crate::protocol::link::LinkError;
use crate::protocol::liveness::{Liveness, Sign};
use crate::wire::{ByeCode, Frame, Ping};

/// How far the link has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Not connected; a retry may be due.
    Down,
    /// The connection is being made.
    Dialing,
    /// The person is shown the host's key; nothing was sent.
    AskTrust,
    /// `Look` was sent.
    AwaitLobby,
    /// The person is shown the rooms; not connected.
    ChooseRoom,
    /// `Open`, `Join` or `Resume` was sent.
    AwaitWelcome { resuming: bool },
    /// Items up to the welcome's position are arriving. The host has `roster_length` entries of the roster, fewer than
    /// we know if it restarted.
    Syncing { roster_length: u64, roster_left: u64, position: u64, resumed: bool },
    /// All items are here; the others' presence is arriving.
    Settling { resumed: bool, asked: u64 },
    /// Ready.
    Live,
    /// Over.
    Ended,
}

/// The link of a client, one at a time.
pub(super) struct Link {
    pub(super) phase: Phase,
    life: Liveness,
    /// When the host was last asked something, to measure how long it takes to answer.
    asked_ms: u64,
    /// The Ping whose Pong shows that what arrives is not stale.
    awaits: Option<u64>,
    /// By when the host has to let us in, however lively it is: a limit on the whole link, not on a frame.
    ready_until_ms: u64,
    /// The host's goodbye.
    bye: Option<ByeCode>,
    retries: u32,
    retry_at_ms: Option<u64>,
    /// Since when the client has been out of the room, however often it tried.
    lost: Option<Now>,
    /// The newest time that was handed in.
    time: Now,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Down,
            life: Liveness::new(0),
            asked_ms: 0,
            awaits: None,
            ready_until_ms: 0,
            bye: None,
            retries: 0,
            retry_at_ms: None,
            lost: None,
            time: Now::default(),
        }
    }

    /// The newest time that was handed in.
    pub(super) const fn time(&self) -> Now {
        self.time
    }

    /// Takes the time, and returns the previous one if there was a break.
    pub(super) fn take_time(&mut self, now: Now) -> Option<Now> {
        let before = std::mem::replace(&mut self.time, now);
        (before.breaks != now.breaks).then_some(before)
    }

    pub(super) const fn dial(&mut self) {
        self.phase = Phase::Dialing;
        self.retry_at_ms = None;
    }

    pub(super) fn is_up(&mut self, now: Now) {
        self.awaits = None;
        (self.life, self.asked_ms) = (Liveness::new(now.monotonic_ms), now.monotonic_ms);
        self.ready_until_ms = now.monotonic_ms + ANSWER_MS;
        self.bye = None;
    }

    /// The host has let us in; bringing us up to date takes time.
    pub(super) const fn welcomed(&mut self, now: Now) {
        self.ready_until_ms = now.monotonic_ms + SYNC_MS;
    }

    pub(super) const fn ready(&mut self) {
        self.phase = Phase::Live;
        (self.retries, self.lost) = (0, None);
    }

    /// The link is gone. Returns the host's goodbye, if any.
    pub(super) const fn down(&mut self) -> Option<ByeCode> {
        self.awaits = None;
        self.bye.take()
    }

    pub(super) const fn end(&mut self) {
        self.phase = Phase::Ended;
        self.retry_at_ms = None;
    }

    pub(super) const fn said_bye(&mut self, code: ByeCode) {
        self.bye = Some(code);
    }

    /// Since when the client has been out of the room, in milliseconds since 1970.
    pub(super) fn lost_ms(&self) -> u64 {
        self.lost.map_or(0, |lost| lost.unix_ms)
    }

    /// Waits before the next try: short at first, then twice as long each time, with some jitter so that not everybody
    /// comes back at once. Returns the milliseconds.
    pub(super) fn retry_later(&mut self, error: &LinkError, now: Now, random: &mut dyn Random) -> u64 {
        let lost = *self.lost.get_or_insert(now);
        let is_soon = now.monotonic_ms.saturating_sub(lost.monotonic_ms) < RETRY_SOON_MS;
        let longest = if is_soon { RETRY_SOON_MAX_MS } else { RETRY_MAX_MS };
        let shortest = if *error == LinkError::Goodbye(ByeCode::Rate) { RETRY_SOON_MAX_MS } else { 0 };
        let wait = RETRY_FIRST_MS.saturating_mul(1 << self.retries.min(10)).min(longest).max(shortest);
        let chance = random.bytes::<1>().map_or(0, |[byte]| u64::from(byte));
        let retry_in_ms = wait - wait * chance / 1_024;
        // After the first minute it keeps doubling from where it was held.
        self.retries = if is_soon { (self.retries + 1).min(2) } else { self.retries.saturating_add(1) };
        self.retry_at_ms = Some(now.monotonic_ms + retry_in_ms);
        self.phase = Phase::Down;
        retry_in_ms
    }

    /// Makes the waits as short again as right after a loss; the time of the loss stays.
    pub(super) fn begin_waits_anew(&mut self, now: Now) {
        let since = self.lost.unwrap_or(now);
        (self.retries, self.lost) = (0, Some(Now { monotonic_ms: now.monotonic_ms, ..since }));
    }

    /// Whether the client waits for the next try.
    pub(super) const fn is_waiting(&self) -> bool {
        self.retry_at_ms.is_some()
    }

    pub(super) fn is_retry_due(&self, now: Now) -> bool {
        self.retry_at_ms.is_some_and(|due| now.monotonic_ms >= due)
    }

    /// When the next try is due, or a sign of life, in monotonic milliseconds.
    pub(super) fn next_timeout(&self) -> Option<u64> {
        let life = self.ready_until_ms().into_iter().fold(self.life.due_ms(), u64::min);
        [self.retry_at_ms, self.is_linked().then_some(life)].into_iter().flatten().min()
    }

    /// By when the host has to let us in.
    fn ready_until_ms(&self) -> Option<u64> {
        (self.phase != Phase::Live).then_some(self.ready_until_ms)
    }

    /// Whether a host that we have sent something to is at the other end.
    pub(super) const fn is_linked(&self) -> bool {
        matches!(
            self.phase,
            Phase::AwaitLobby
                | Phase::AwaitWelcome { .. }
                | Phase::Syncing { .. }
                | Phase::Settling { .. }
                | Phase::Live
        )
    }

    /// Whether the roster was compared with what is remembered and matched.
    pub(super) const fn is_in_step(&self) -> bool {
        matches!(self.phase, Phase::Settling { .. } | Phase::Live)
    }

    pub(super) const fn heard(&mut self, now: Now) {
        self.life.heard(now.monotonic_ms);
    }

    /// The answer to our Ping with this number arrived.
    pub(super) fn answered(&mut self, number: u64, now: Now) {
        self.life.answered(number, now.monotonic_ms);
        self.awaits.take_if(|asked| *asked == number);
    }

    /// Whether what arrives now may be stale.
    pub(super) const fn is_answer_due(&self) -> bool {
        self.awaits.is_some()
    }

    /// How long ago the host was asked last.
    pub(super) const fn asked_ago_ms(&self, now: Now) -> u64 {
        now.monotonic_ms.saturating_sub(self.asked_ms)
    }

    /// Sends a `Ping`, whose answer comes after everything else. Returns its number.
    pub(super) fn ask(&mut self, now: Now, out: &mut Outputs) -> u64 {
        self.note_what_was_said(now, out);
        self.asked_ms = now.monotonic_ms;
        let number = self.life.ask(now.monotonic_ms);
        send_ping(number, out);
        number
    }

    /// Pings at once, after a break: the silence was ours.
    pub(super) fn ask_after_break(&mut self, now: Now, out: &mut Outputs) {
        let number = self.life.ask_anew(now.monotonic_ms);
        self.awaits = Some(number);
        send_ping(number, out);
    }

    /// The host has to show that it received what this step sent.
    pub(super) fn note_what_was_said(&mut self, now: Now, out: &mut Outputs) {
        let bytes = out.take_said_bytes();
        if bytes > 0 {
            self.life.said(bytes, now.monotonic_ms);
        }
    }

    /// Pings a quiet host. Whether to give it up: it is dead, or alive but never finishes.
    pub(super) fn is_dead(&mut self, now: Now, out: &mut Outputs) -> bool {
        if !self.is_linked() {
            return false;
        }
        let is_overdue = self.ready_until_ms().is_some_and(|until_ms| now.monotonic_ms >= until_ms);
        match self.life.check(now.monotonic_ms) {
            Sign::Dead => return true,
            _ if is_overdue => return true,
            Sign::Ask(number) => {
                self.awaits = Some(number);
                send_ping(number, out);
            }
            Sign::Fine => {}
        }
        false
    }
}

fn send_ping(number: u64, out: &mut Outputs) {
    out.send_sign(&Frame::Ping(Ping { number }));
}
