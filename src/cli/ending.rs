//! When a talk ends, and with which exit code.
//!
//! It only decides: it is told the time, what is unsent and what happened, and says whether it is time to say goodbye.
//! [`Talk`](super::talk) then says it.

use std::time::{Duration, Instant};

use crate::app::conversation::{Connection, Room};
use crate::app::{Code, Problem, Sentence, say};
use crate::protocol::Stop;
use crate::protocol::limits::WAITING_MS;

/// How long what is queued may take to go out after the end of input.
const DRAIN: Duration = Duration::from_secs(30);
/// The same after a signal: whoever sent it is waiting, and may use force.
const SIGNAL_DRAIN: Duration = Duration::from_secs(2);
/// The same while the owner of a room decides, which the host gives two minutes for.
const KNOCK: Duration = Duration::from_millis(WAITING_MS + 30_000);

/// How far a talk has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Input is taken.
    Talking,
    /// Input ended; what is queued goes out, until then.
    Draining(Instant),
    /// A signal came; the same for a moment.
    Stopping(Instant),
    /// The session says goodbye.
    Over,
}

/// How the room itself ends a talk.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct End {
    /// What is still to be told.
    pub(super) problem: Option<Problem>,
    /// The exit code.
    pub(super) exit: u8,
}

/// What decides when it ends.
#[derive(Debug)]
pub(super) struct Ending {
    stage: Stage,
    /// Whether to stay after the end of input.
    stay: bool,
    /// Whether the room was entered and, for its owner, has an invite.
    ready: bool,
    /// Whether the owner of a room is asked to let us in: a person may take a while.
    knocking: bool,
    /// Why it is not in the room at the moment.
    apart: Option<Problem>,
    exit: u8,
}

impl Ending {
    /// A talk begins; `stay` if it goes on after the end of input.
    pub(super) const fn new(stay: bool) -> Self {
        Self { stage: Stage::Talking, stay, ready: false, knocking: false, apart: None, exit: 0 }
    }

    /// How long to wait for what comes next; `None` for any time.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Draining(until) | Stage::Stopping(until) => Some(until),
            Stage::Talking | Stage::Over => None,
        }
    }

    /// Whether the goodbye was said.
    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether the room was entered and, for its owner, has an invite.
    pub(super) const fn is_ready(&self) -> bool {
        self.ready
    }

    /// Why it is not in the room, for people.
    pub(super) fn apart(&self) -> Option<Sentence> {
        self.apart.as_ref().map(|problem| problem.what.clone())
    }

    /// The exit code as it is known by now.
    pub(super) const fn exit(&self) -> u8 {
        self.exit
    }

    /// Everything needed before ending was done.
    pub(super) const fn mark_ready(&mut self) {
        self.ready = true;
    }

    /// The room's connection changed. Returns how that ends the talk, if it does.
    pub(super) fn connection(&mut self, room: &Room) -> Option<End> {
        if let Some(stop) = room.stop() {
            return self.stopped(stop);
        }
        match &room.connection {
            Connection::Connected { .. } => {
                self.apart = None;
                // An owner is ready when there is an invite.
                self.ready |= !room.info.owned;
            }
            Connection::Offline { problem, .. } => self.apart = Some(problem.clone()),
            // It could not start, as was reported.
            Connection::Ended(Some(problem)) => return Some(End { problem: None, exit: problem.code.exit() }),
            _ => {}
        }
        None
    }

    fn stopped(&self, stop: &Stop) -> Option<End> {
        // Where the goodbye was said, it is the answer to that.
        if self.is_over() {
            return None;
        }
        // A room that its owner closed has ended as rooms do.
        let problem = Problem::of_stop(stop).filter(|_| *stop != Stop::Closed);
        Some(End { exit: problem.as_ref().map_or(0, |problem| problem.code.exit()), problem })
    }

    /// The owner is asked, and gets the time that the host gives for that.
    pub(super) fn knocks(&mut self, now: Instant) {
        self.knocking = true;
        if let Stage::Draining(until) = self.stage {
            self.stage = Stage::Draining(until.max(now + KNOCK));
        }
    }

    /// Something went wrong that ends nothing: the exit code says so in the end.
    pub(super) fn note(&mut self, exit: u8) {
        self.exit = self.exit.max(exit);
    }

    /// There is no input but a single message, which may take this long.
    pub(super) fn only_once(&mut self, now: Instant, patience: Duration) {
        // Unless it could not even be queued, and all is over.
        if self.stage == Stage::Talking {
            self.stage = Stage::Draining(now + patience);
        }
    }

    /// There is no more input.
    pub(super) fn end_of_input(&mut self, now: Instant) {
        if !self.stay && self.stage == Stage::Talking {
            self.stage = Stage::Draining(now + if self.knocking { KNOCK } else { DRAIN });
        }
    }

    /// Whether input ended, the room was entered, and everything is said.
    pub(super) const fn is_drained(&self, unsent: usize) -> bool {
        matches!(self.stage, Stage::Draining(_) | Stage::Stopping(_)) && self.ready && unsent == 0
    }

    /// Somebody who stops the program should not wait long, and a second time not at all. Returns the exit code if it
    /// should end at once.
    pub(super) fn signal(&mut self, now: Instant, unsent: usize) -> Option<u8> {
        match self.stage {
            Stage::Talking | Stage::Draining(_) if unsent > 0 => {
                self.stage = Stage::Stopping(now + SIGNAL_DRAIN);
                None
            }
            Stage::Talking | Stage::Draining(_) | Stage::Stopping(_) => Some(self.exit_apart()),
            Stage::Over => None,
        }
    }

    /// The problem if the room was not entered in time. Unsent messages are reported at the very end: until then they
    /// may still arrive.
    pub(super) fn late(&self, unsent: usize) -> Option<Problem> {
        if unsent > 0 || !matches!(self.stage, Stage::Draining(_)) {
            return None;
        }
        let what = say!("Input ended before the room was entered.");
        let hint = self.apart().unwrap_or_else(|| say!("The room could not be entered in time."));
        Some(Problem::new(Code::Unsent, what, hint))
    }

    /// The exit code of a room that was never entered: of the reason.
    pub(super) fn exit_apart(&self) -> u8 {
        self.apart.as_ref().filter(|_| !self.ready).map_or(0, |problem| problem.code.exit())
    }

    /// Ends with this exit code, unless something went wrong before. Returns whether the goodbye still has to be said.
    pub(super) fn end(&mut self, exit: u8) -> bool {
        if self.is_over() {
            return false;
        }
        self.stage = Stage::Over;
        self.exit = if exit == 0 { self.exit } else { exit };
        true
    }

    /// Some messages are not known to be on the host.
    pub(super) fn leaves(&mut self, problem: &Problem) {
        self.exit = if self.exit == 0 { problem.code.exit() } else { self.exit };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn offline() -> Problem {
        Problem::new(Code::Cut, say!("There is nothing to send."), say!(""))
    }

    #[test]
    fn after_the_end_of_input_what_is_queued_goes_out_and_then_it_ends() {
        let (mut ending, now) = (Ending::new(false), Instant::now());
        assert_eq!(ending.deadline(), None);
        ending.end_of_input(now);
        assert_eq!(ending.deadline(), Some(now + DRAIN));
        assert!(!ending.is_drained(0), "the room was not entered");
        ending.mark_ready();
        assert!(!ending.is_drained(1) && ending.is_drained(0));
        assert!(ending.end(0) && !ending.end(3), "one goodbye is enough");
        assert_eq!((ending.exit(), ending.deadline()), (0, None));
    }

    #[test]
    fn whoever_stays_has_no_end_of_input_and_whoever_knocks_gets_more_time() {
        let (mut stays, now) = (Ending::new(true), Instant::now());
        stays.end_of_input(now);
        assert_eq!(stays.deadline(), None);
        for knocks_first in [true, false] {
            let mut ending = Ending::new(false);
            if knocks_first {
                ending.knocks(now);
            }
            ending.end_of_input(now);
            if !knocks_first {
                ending.knocks(now);
            }
            assert_eq!(ending.deadline(), Some(now + KNOCK));
        }
    }

    #[test]
    fn a_signal_waits_a_moment_for_what_is_unsent_and_the_second_one_does_not() {
        let (mut ending, now) = (Ending::new(false), Instant::now());
        assert_eq!(ending.signal(now, 1), None);
        assert_eq!(ending.deadline(), Some(now + SIGNAL_DRAIN));
        ending.apart = Some(offline());
        assert_eq!(ending.signal(now, 1), Some(Code::Cut.exit()), "the room was never entered");
        ending.mark_ready();
        assert_eq!(ending.signal(now, 1), Some(0));
        ending.end(0);
        assert_eq!(ending.signal(now, 1), None);
    }

    #[test]
    fn a_room_that_was_not_entered_in_time_is_told_with_the_reason() {
        let (mut ending, now) = (Ending::new(false), Instant::now());
        assert_eq!(ending.late(0), None);
        ending.only_once(now, DRAIN);
        ending.apart = Some(offline());
        assert_eq!((ending.late(0).unwrap().code, ending.late(1)), (Code::Unsent, None));
        ending.note(Code::TooLong.exit());
        assert!(ending.end(0));
        ending.leaves(&offline());
        assert_eq!(ending.exit(), Code::TooLong.exit(), "what went wrong first stays");
    }
}
