//! Everything a headless command waits for, in one queue: the session's events, lines of standard
//! input, and the signals that end it.
//!
//! One queue, because a thread that waits for one of them would miss the others. Not here: what a line means; see
//! [`plain_input`](super::plain_input) and [`json_input`](super::json_input).

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use super::output::signalled;
use crate::app::{Code, Problem, SessionEvent, say};
use crate::protocol::limits::TEXT_BYTES_MAX;

/// The longest line that is read: a message at its limit, with each byte as a JSON escape.
const LINE_BYTES_MAX: u64 = TEXT_BYTES_MAX as u64 * 6 + 64;

/// Something to take care of.
#[derive(Debug)]
pub(super) enum Incoming {
    /// The session tells.
    Session(SessionEvent),
    /// A line of input.
    Line(String),
    /// A line that is no text, or longer than any message.
    BadLine(Problem),
    /// No more input.
    EndOfInput,
    /// Input that cannot be read, so that there is no more either.
    BrokenInput(Problem),
    /// Ctrl+C, SIGTERM or SIGHUP.
    Signal,
}

/// The queue's ends.
pub(super) struct Inbox {
    incoming: Receiver<Incoming>,
    sender: Sender<Incoming>,
    /// Each lets one more line be read: input waits while too much is unsent.
    permits: Sender<()>,
    /// Permits that the reader used up and did not get anew.
    used: usize,
}

impl Inbox {
    /// Starts to listen to the session and to signals.
    pub(super) fn open(events: async_channel::Receiver<SessionEvent>) -> Self {
        let (sender, incoming) = channel();
        let (permits, _) = channel();
        // A thread for each source, because all of them block.
        let forward = sender.clone();
        thread::spawn(move || {
            while let Ok(event) = events.recv_blocking() {
                if forward.send(Incoming::Session(event)).is_err() {
                    return;
                }
            }
        });
        on_signal(sender.clone());
        Self { incoming, sender, permits, used: 0 }
    }

    /// Starts to read standard input, one line for each permit.
    pub(super) fn read_lines(&mut self) {
        let (permits, permitted) = channel();
        (self.permits, self.used) = (permits, 1);
        let sender = self.sender.clone();
        thread::spawn(move || {
            let mut input = io::stdin().lock();
            while permitted.recv().is_ok() {
                let incoming = next_line(&mut input);
                let is_end = matches!(incoming, Incoming::EndOfInput | Incoming::BrokenInput(_));
                if sender.send(incoming).is_err() || is_end {
                    return;
                }
            }
        });
    }

    /// The next input, waiting until the deadline if there is one.
    ///
    /// # Errors
    /// That it was too late, or that nothing comes any more.
    pub(super) fn next(&mut self, until: Option<Instant>) -> Result<Incoming, RecvTimeoutError> {
        let incoming = match until {
            Some(until) => self.incoming.recv_timeout(until.saturating_duration_since(Instant::now())),
            None => self.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        if matches!(incoming, Ok(Incoming::Line(_) | Incoming::BadLine(_))) {
            self.used += 1;
        }
        incoming
    }

    /// Lets the next line be read.
    pub(super) fn permit(&mut self) {
        for _ in 0..std::mem::take(&mut self.used) {
            // The reader may be through.
            let _ = self.permits.send(());
        }
    }
}

/// Delivers the signals that end a program as [`Incoming::Signal`].
pub(super) fn on_signal(sender: Sender<Incoming>) {
    let installed = ctrlc::set_handler(move || {
        signalled();
        // A receiver that no longer waits is already ending.
        let _ = sender.send(Incoming::Signal);
    });
    if let Err(error) = installed {
        log::warn!("signals end this program without a goodbye: {error}");
    }
}

/// The next line, without its end; what is no text is skipped and told.
fn next_line(input: &mut impl BufRead) -> Incoming {
    let mut bytes = Vec::new();
    match input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes) {
        Ok(0) => return Incoming::EndOfInput,
        Ok(_) => {}
        Err(error) => return Incoming::BrokenInput(Problem::cannot_read(Path::new("standard input"), &error)),
    }
    if !bytes.ends_with(b"\n") && u64::try_from(bytes.len()).is_ok_and(|length| length >= LINE_BYTES_MAX) {
        let rest = skip_line(input);
        return Incoming::BadLine(Problem::too_long(bytes.len().saturating_add(rest), TEXT_BYTES_MAX));
    }
    match String::from_utf8(bytes) {
        Ok(line) => Incoming::Line(line.trim_end_matches(['\r', '\n']).to_owned()),
        Err(_) => {
            let what = say!("A line of input is not UTF-8 text.");
            Incoming::BadLine(Problem::new(Code::Usage, what, say!("It was not sent.")))
        }
    }
}

/// Reads over the rest of a line, and says how long it was.
fn skip_line(input: &mut impl BufRead) -> usize {
    let mut skipped = 0;
    loop {
        let Ok(buffer) = input.fill_buf() else { return skipped };
        let (length, done) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(index) => (index + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        skipped += length;
        if done {
            return skipped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_one_by_one_and_bad_ones_are_skipped() {
        let long = "x".repeat(LINE_BYTES_MAX as usize + 10);
        let bytes = [b"one\r\n\xff\n".as_slice(), long.as_bytes(), b"\nlast"].concat();
        let mut input = io::Cursor::new(bytes);
        assert!(matches!(next_line(&mut input), Incoming::Line(line) if line == "one"));
        assert!(matches!(next_line(&mut input), Incoming::BadLine(problem) if problem.code == Code::Usage));
        assert!(matches!(next_line(&mut input), Incoming::BadLine(problem) if problem.code == Code::TooLong));
        assert!(matches!(next_line(&mut input), Incoming::Line(line) if line == "last"));
        assert!(matches!(next_line(&mut input), Incoming::EndOfInput));
    }
}
