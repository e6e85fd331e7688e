//! The link of a client: where it is on its way into the room, whether the other side still lives, and when it is
//! made again.
//!
//! Not here: what is said on it (`entering`, `sync`), and the connection itself, which is the driver's.

use super::outputs::Outputs;
use crate::crypto::Random;
use crate::protocol::Now;
use crate::protocol::limits::{ANSWER_MS, RETRY_FIRST_MS, RETRY_MAX_MS, RETRY_SOON_MAX_MS, RETRY_SOON_MS, SYNC_MS};
use crate::protocol::link::LinkError;
use crate::protocol::liveness::{Liveness, Sign};
use crate::wire::{ByeCode, Frame, Ping};

/// Where the link is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Not connected; a retry may be due.
    Down,
    /// The connection is being made.
    Dialing,
    /// The host's key is on the screen; nothing was sent.
    AskTrust,
    /// `Look` was sent.
    AwaitLobby,
    /// The rooms are on the screen; not connected.
    ChooseRoom,
    /// `Open`, `Join` or `Resume` was sent.
    AwaitWelcome { resuming: bool },
    /// Items up to the welcome's position are coming. The host has `roster_length` entries of the roster, less than
    /// is known where it began anew.
    Syncing { roster_length: u64, roster_left: u64, position: u64, resumed: bool },
    /// All is here; the host's state of the others is coming.
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
    /// When the host was asked last, to tell how long its answer takes.
    asked_ms: u64,
    /// The Ping whose Pong shows that what comes did not wait on its way.
    awaits: Option<u64>,
    /// Until when the host has to have let us in, however lively it is: the whole link's, not a frame's.
    ready_until_ms: u64,
    /// The host's goodbye.
    bye: Option<ByeCode>,
    retries: u32,
    retry_at_ms: Option<u64>,
    /// Since when it was not in the room, however often it tried.
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

    /// Takes the time, and says the one before if there was a break in it.
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

    /// The host has let us in; what it has to tell takes its time.
    pub(super) const fn welcomed(&mut self, now: Now) {
        self.ready_until_ms = now.monotonic_ms + SYNC_MS;
    }

    pub(super) const fn ready(&mut self) {
        self.phase = Phase::Live;
        (self.retries, self.lost) = (0, None);
    }

    /// It is gone. The host's goodbye, if it said one.
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

    /// Since when it was not in the room, in milliseconds since 1970.
    pub(super) fn lost_ms(&self) -> u64 {
        self.lost.map_or(0, |lost| lost.unix_ms)
    }

    /// Waits before the next try, twice as long as the last time and short at first, with some chance in it so that
    /// not everybody comes back at once. Says how many milliseconds.
    pub(super) fn retry_later(&mut self, error: &LinkError, now: Now, random: &mut dyn Random) -> u64 {
        let lost = *self.lost.get_or_insert(now);
        let is_soon = now.monotonic_ms.saturating_sub(lost.monotonic_ms) < RETRY_SOON_MS;
        let longest = if is_soon { RETRY_SOON_MAX_MS } else { RETRY_MAX_MS };
        let shortest = if *error == LinkError::Goodbye(ByeCode::Rate) { RETRY_SOON_MAX_MS } else { 0 };
        let wait = RETRY_FIRST_MS.saturating_mul(1 << self.retries.min(10)).min(longest).max(shortest);
        let chance = random.bytes::<1>().map_or(0, |[byte]| u64::from(byte));
        let retry_in_ms = wait - wait * chance / 1_024;
        // After the first minute it goes on doubling from where it was held.
        self.retries = if is_soon { (self.retries + 1).min(2) } else { self.retries.saturating_add(1) };
        self.retry_at_ms = Some(now.monotonic_ms + retry_in_ms);
        self.phase = Phase::Down;
        retry_in_ms
    }

    /// As short waits again as after a loss, which stays where it was.
    pub(super) fn begin_waits_anew(&mut self, now: Now) {
        let since = self.lost.unwrap_or(now);
        (self.retries, self.lost) = (0, Some(Now { monotonic_ms: now.monotonic_ms, ..since }));
    }

    /// Whether it waits for the next try.
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

    /// Until when the host has to have let us in.
    fn ready_until_ms(&self) -> Option<u64> {
        (self.phase != Phase::Live).then_some(self.ready_until_ms)
    }

    /// Whether a host that we said something to is at the other end.
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

    /// Whether the roster was compared with what is remembered, and found good.
    pub(super) const fn is_in_step(&self) -> bool {
        matches!(self.phase, Phase::Settling { .. } | Phase::Live)
    }

    pub(super) const fn heard(&mut self, now: Now) {
        self.life.heard(now.monotonic_ms);
    }

    /// The answer to our Ping of this number came.
    pub(super) fn answered(&mut self, number: u64, now: Now) {
        self.life.answered(number, now.monotonic_ms);
        self.awaits.take_if(|asked| *asked == number);
    }

    /// Whether what comes now may have waited on its way.
    pub(super) const fn is_answer_due(&self) -> bool {
        self.awaits.is_some()
    }

    /// How long ago the host was asked last.
    pub(super) const fn asked_ago_ms(&self, now: Now) -> u64 {
        now.monotonic_ms.saturating_sub(self.asked_ms)
    }

    /// Asks for a sign of life, which comes after all there is to tell. Says the question's number.
    pub(super) fn ask(&mut self, now: Now, out: &mut Outputs) -> u64 {
        self.note_what_was_said(now, out);
        self.asked_ms = now.monotonic_ms;
        let number = self.life.ask(now.monotonic_ms);
        send_ping(number, out);
        number
    }

    /// Asks at once, after a break: the silence meanwhile was ours.
    pub(super) fn ask_after_break(&mut self, now: Now, out: &mut Outputs) {
        let number = self.life.ask_anew(now.monotonic_ms);
        self.awaits = Some(number);
        send_ping(number, out);
    }

    /// What was said in this step the host has to show it got.
    pub(super) fn note_what_was_said(&mut self, now: Now, out: &mut Outputs) {
        let bytes = out.take_said_bytes();
        if bytes > 0 {
            self.life.said(bytes, now.monotonic_ms);
        }
    }

    /// Asks a quiet host for a sign of life. Whether it is to be given up: it is dead, or lively and never done.
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
