//! The one writer of standard output and standard error.
//!
//! A command ends with an error if output could not be written; a reader who went away is no error, because `conversa
//! rooms | head -1` has what it wants. A reader who is too slow, or does not read at all, cannot keep the program from
//! ending on a signal: output not taken by then is abandoned, and that is reported.
//!
//! It knows bytes and lines, not their meaning.

use std::io;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::app::Problem;

/// How long output may wait for its reader after a signal, of the five seconds that a command then has.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a command may take to end after a signal if nobody takes its output: it is ended the hard way then.
const STUCK_END: Duration = Duration::from_millis(4_500);
/// The same however it goes: more than all goodbyes take together.
const END: Duration = Duration::from_secs(20);

/// When the first signal came.
static SIGNALLED: OnceLock<Instant> = OnceLock::new();

/// One of the two outputs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// How the writing went so far.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// Nobody reads standard output any more, or it takes nothing any more.
    broken: bool,
    /// The same for standard error.
    error_broken: bool,
    /// Why standard output is incomplete, if that is an error.
    failed: Option<Problem>,
}

impl Output {
    /// Writes a line, unless the stream is broken already.
    pub(super) fn line(&mut self, stream: Stream, line: &str) {
        let broken = match stream {
            Stream::Output => &mut self.broken,
            Stream::Error => &mut self.error_broken,
        };
        if *broken {
            return;
        }
        let Err(error) = write(stream, format!("{line}\n").as_bytes()) else { return };
        *broken = true;
        // Whoever reads errors and went away can be told nothing, and by nobody.
        if stream == Stream::Output && error.kind() != io::ErrorKind::BrokenPipe {
            self.failed = Some(Problem::cannot_print(&error));
        }
    }

    /// Whether standard output takes nothing any more.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Why standard output is incomplete, if that is an error; once.
    pub(super) const fn take_failure(&mut self) -> Option<Problem> {
        self.failed.take()
    }
}

/// A signal asks the program to end. From here on it does, whatever happens.
pub(super) fn signalled() {
    if SIGNALLED.set(Instant::now()).is_ok() {
        // Without a thread there is only the goodbye, which is enough while nothing is stuck.
        let watch = std::thread::Builder::new().name("end".to_owned()).spawn(|| {
            std::thread::sleep(STUCK_END);
            if is_stuck() {
                std::process::exit(STUCK_EXIT);
            }
            std::thread::sleep(END.saturating_sub(STUCK_END));
            std::process::exit(STUCK_EXIT);
        });
        watch.map_or_else(|error| log::warn!("a goodbye may take long: {error}"), drop);
    }
}

/// Output is missing: as [`Problem::cannot_print`] has it.
const STUCK_EXIT: i32 = 7;

/// Whether the time for output is over, since a signal came and nobody takes it.
fn is_over() -> bool {
    SIGNALLED.get().is_some_and(|since| since.elapsed() >= PATIENCE)
}

/// Whether one of the outputs takes nothing now.
fn is_stuck() -> bool {
    [Stream::Output, Stream::Error].into_iter().any(|stream| !takes_more(stream, Duration::ZERO))
}

#[cfg(unix)]
fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    use std::os::fd::AsFd;
    match stream {
        Stream::Output => write_to(&io::stdout().lock().as_fd(), bytes, is_over),
        Stream::Error => write_to(&io::stderr().lock().as_fd(), bytes, is_over),
    }
}

/// Whether a stream takes more within `wait`; also where writing to it tells what is wrong with it.
#[cfg(unix)]
fn takes_more(stream: Stream, wait: Duration) -> bool {
    use std::os::fd::AsFd;
    // Unlocked: whoever is stuck holds the lock.
    match stream {
        Stream::Output => has_room(&io::stdout().as_fd(), wait),
        Stream::Error => has_room(&io::stderr().as_fd(), wait),
    }
}

/// Writes all of `bytes`, waiting for the reader as long as `is_over` says no.
#[cfg(unix)]
fn write_to(stream: &std::os::fd::BorrowedFd<'_>, bytes: &[u8], is_over: impl Fn() -> bool) -> io::Result<()> {
    use nix::errno::Errno;
    /// Where there is room at all, so much can be written without waiting (POSIX: `PIPE_BUF`).
    const AT_ONCE: usize = 512;
    /// How often is looked whether the time is over.
    const LOOK: Duration = Duration::from_millis(50);

    let mut rest = bytes;
    while !rest.is_empty() {
        if !has_room(stream, LOOK) {
            if is_over() {
                return Err(io::Error::other("nobody took it in time"));
            }
            continue;
        }
        let (next, _) = rest.split_at(rest.len().min(AT_ONCE));
        match nix::unistd::write(stream, next) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            // Somebody else writes there too, or made it such that it does not wait.
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn has_room(stream: &std::os::fd::BorrowedFd<'_>, wait: Duration) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let timeout = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
    let mut waits = [PollFd::new(*stream, PollFlags::POLLOUT)];
    // What cannot be waited for is written to, and says what is wrong.
    poll(&mut waits, timeout).map_or_else(|error| error != nix::errno::Errno::EINTR, |ready| ready > 0)
}

/// On Windows nothing says whether a pipe has room; a signal ends the program in the end.
#[cfg(not(unix))]
fn write(stream: Stream, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let write = |output: &mut dyn Write| output.write_all(bytes).and_then(|()| output.flush());
    match stream {
        Stream::Output => write(&mut io::stdout().lock()),
        Stream::Error => write(&mut io::stderr().lock()),
    }
}

/// Nobody knows: [`END`] comes for all.
#[cfg(not(unix))]
const fn takes_more(_stream: Stream, _wait: Duration) -> bool {
    true
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::AsFd;

    use super::*;
    use crate::joined::joined;

    /// All that comes until the other end is closed.
    fn all_of(mut reader: io::PipeReader) -> Vec<u8> {
        let reading = std::thread::spawn(move || {
            let mut found = Vec::new();
            reader.read_to_end(&mut found).map(|_| found)
        });
        joined(reading, "all that was written").unwrap()
    }

    #[test]
    fn a_reader_who_is_slow_gets_all_of_it() {
        let (reader, writer) = io::pipe().unwrap();
        let text: Vec<u8> = (0..300_000_u32).map(|number| b'a' + (number % 26) as u8).collect();
        let expected = text.clone();
        let writing = std::thread::spawn(move || write_to(&writer.as_fd(), &text, || false));
        let found = all_of(reader);
        joined(writing, "the end of what is written").unwrap();
        assert!(found == expected);
    }

    #[test]
    fn what_nobody_takes_is_given_up_when_the_time_is_over() {
        let (reader, writer) = io::pipe().unwrap();
        let writing = std::thread::spawn(move || {
            let result = write_to(&writer.as_fd(), &[b'x'; 300_000], || true);
            (writer, result)
        });
        let (writer, result) = joined(writing, "the end of what is written");
        let error = result.unwrap_err();
        assert_ne!(error.kind(), io::ErrorKind::BrokenPipe, "it is an error, not a reader who has enough");
        assert!(!has_room(&writer.as_fd(), Duration::ZERO));
        drop(writer);
        let found = all_of(reader);
        assert!(!found.is_empty() && found.len() < 300_000);
    }

    #[test]
    fn a_reader_who_went_away_and_a_full_disk_are_told_apart() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let gone = write_to(&writer.as_fd(), b"x", || false).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::BrokenPipe);
        if cfg!(target_os = "linux") {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let error = write_to(&full.as_fd(), b"x", || false).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
    }
}
