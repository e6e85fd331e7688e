//! One window for each profile: a second start hands what it was asked for to the first, and ends.
//!
//! They meet at a socket in the profile, which nobody else can reach; on Windows at a named pipe whose
//! name comes from the profile's place, which only the same person may write to. The second writes one
//! line, an invite or nothing, and the first answers with one byte, so that neither ends too early.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{ListenerOptions, Name};

/// An invite and its end of line, in bytes: several times the longest invite, which has a list of addresses.
const LINE_BYTES_MAX: u64 = 8_192;
/// How often a second start tries: the first may just be starting, and not listen yet, for seconds on a busy computer.
const TRIES: u32 = 30;
/// The wait between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the first waits for the line of a start that says nothing: it writes at once, or never.
const LINE_WAIT: Duration = Duration::from_secs(1);
/// How long a second start waits for the answer: longer than the first may wait for others before.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// What the first answers when it has taken the line.
const TAKEN: u8 = b'.';

/// Asks the window that is open on `profile` to come to the front, and with a link to show it.
///
/// # Errors
/// Those of the socket; also where no window is open, because a terminal uses the profile.
pub(super) fn hand_over(profile: &Path, link: Option<&str>) -> io::Result<()> {
    let mut tried = 1;
    let mut stream = loop {
        match LocalSocketStream::connect(name_of(profile)?) {
            Ok(stream) => break stream,
            Err(error) if tried == TRIES => return Err(error),
            Err(_) => {
                tried += 1;
                std::thread::sleep(PAUSE);
            }
        }
    };
    wait_at_most(&stream, ANSWER_WAIT);
    // One write, so that it arrives as one or not at all.
    stream.write_all(format!("{}\n", link.unwrap_or_default()).as_bytes())?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    if answer == [TAKEN] { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Listens for later starts on `profile`, which this process holds, and calls `asked` for each from a
/// thread of its own, until the program ends.
///
/// # Errors
/// Those of the socket, such as a profile with a longer path than a socket may have.
pub(super) fn listen(profile: &Path, asked: impl Fn(Option<String>) + Send + 'static) -> io::Result<()> {
    // What is left of a run that was killed is in the way, and is nobody's: the profile is ours.
    let listener = ListenerOptions::new().name(name_of(profile)?).try_overwrite(true).create_sync()?;
    let take_all = move || {
        for stream in listener.incoming() {
            match stream.and_then(take) {
                Ok(link) => asked(link),
                Err(error) => log::info!("a second start said nothing of use: {error}"),
            }
        }
    };
    std::thread::Builder::new().name("instance".to_owned()).spawn(take_all).map(drop)
}

/// Lets no read wait for longer. Windows has no such limit for its pipes, which only the same person's
/// programs can reach.
fn wait_at_most(stream: &LocalSocketStream, time: Duration) {
    if let Err(error) = stream.set_recv_timeout(Some(time)) {
        log::debug!("a start may wait for long: {error}");
    }
}

/// Reads what a second start wants.
fn take(stream: LocalSocketStream) -> io::Result<Option<String>> {
    wait_at_most(&stream, LINE_WAIT);
    let mut reader = BufReader::new(stream.take(LINE_BYTES_MAX));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let link = line.strip_suffix('\n').ok_or(io::ErrorKind::InvalidData)?.trim().to_owned();
    reader.into_inner().into_inner().write_all(&[TAKEN])?;
    Ok((!link.is_empty()).then_some(link))
}

#[cfg(unix)]
fn name_of(profile: &Path) -> io::Result<Name<'static>> {
    use interprocess::local_socket::GenericFilePath;
    profile.join("window.socket").to_fs_name::<GenericFilePath>().map(Name::into_owned)
}

#[cfg(windows)]
fn name_of(profile: &Path) -> io::Result<Name<'static>> {
    use interprocess::local_socket::GenericNamespaced;
    // The same place may be written in several ways.
    let place = profile.canonicalize()?;
    let digest = crate::crypto::primitives::sha256(place.to_string_lossy().to_lowercase().as_bytes());
    let name = format!("conversa-{}", data_encoding::HEXLOWER.encode(&digest));
    name.to_ns_name::<GenericNamespaced>().map(Name::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first start on a profile, and what it was asked for.
    fn first() -> (tempfile::TempDir, std::sync::mpsc::Receiver<Option<String>>) {
        let profile = tempfile::tempdir().unwrap();
        let (asked, asks) = std::sync::mpsc::channel();
        listen(profile.path(), move |link| asked.send(link).unwrap()).unwrap();
        (profile, asks)
    }

    #[test]
    fn a_second_start_hands_over_its_link_or_only_asks_for_the_window() {
        let (profile, asks) = first();
        hand_over(profile.path(), Some("conversa:2:ABC")).unwrap();
        hand_over(profile.path(), None).unwrap();
        assert_eq!([asks.recv().unwrap(), asks.recv().unwrap()], [Some("conversa:2:ABC".to_owned()), None]);
    }

    #[test]
    fn without_a_first_start_there_is_nobody_to_hand_over_to() {
        let profile = tempfile::tempdir().unwrap();
        assert!(hand_over(profile.path(), None).is_err());
    }

    // On Windows a pipe ends with its program.
    #[cfg(unix)]
    #[test]
    fn a_socket_that_a_killed_run_left_is_not_in_the_way() {
        let (profile, asks) = first();
        let (asked, later_asks) = std::sync::mpsc::channel();
        listen(profile.path(), move |link| asked.send(link).unwrap()).unwrap();
        hand_over(profile.path(), None).unwrap();
        assert_eq!(later_asks.recv().unwrap(), None);
        assert!(asks.try_recv().is_err(), "the old one is not asked any more");
    }

    #[test]
    #[cfg(unix)]
    fn whoever_connects_and_says_nothing_is_not_waited_for_without_end() {
        let (profile, asks) = first();
        let silent = LocalSocketStream::connect(name_of(profile.path()).unwrap()).unwrap();
        hand_over(profile.path(), Some("behind it")).unwrap();
        assert_eq!(asks.recv().unwrap().as_deref(), Some("behind it"));
        drop(silent);
    }

    #[test]
    fn too_long_and_broken_lines_are_passed_over() {
        let (profile, asks) = first();
        let too_long = "a".repeat(usize::try_from(LINE_BYTES_MAX).unwrap());
        assert!(hand_over(profile.path(), Some(&too_long)).is_err());
        let mut broken = LocalSocketStream::connect(name_of(profile.path()).unwrap()).unwrap();
        broken.write_all(b"\xff\xfe\n").unwrap();
        drop(broken);
        hand_over(profile.path(), Some("after that")).unwrap();
        assert_eq!(asks.recv().unwrap().as_deref(), Some("after that"));
    }
}
