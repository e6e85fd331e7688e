//! One window per profile: a second start hands its invite to the first, and ends.
//!
//! They meet at a socket in the profile, which nobody else can reach; on Windows at a named pipe, named after the
//! profile's place, which only the same person may write to. The second start writes one line, an invite or nothing.
//! The first answers with one byte: it has taken the invite, or it is saying its goodbyes. In that case the second
//! waits until the profile is free and opens a window itself.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{ListenerOptions, Name};

use crate::app::{Code, Problem, Profile, say};
use crate::protocol::Invite;

/// An invite and its line break, in bytes: several times the longest invite, which has a list of addresses.
const LINE_BYTES_MAX: u64 = 8_192;
/// The limit in characters for a text that is no invite: the window shows it and says so.
const LINK_CHARS_MAX: usize = 1_024;
/// The socket in the profile.
#[cfg(unix)]
const SOCKET: &str = "window.socket";
/// The longest socket path that every Unix accepts: 104 bytes with the zero at its end.
#[cfg(unix)]
const SOCKET_PATH_BYTES_MAX: usize = 103;
/// How long a second start looks for the first, which may still be starting and not listening yet; on a busy computer
/// that takes seconds. If a terminal uses the profile, nobody ever listens.
const START_WAIT: Duration = Duration::from_secs(3);
/// How long it waits for a first start that is saying goodbye: twice as long as goodbyes may take.
const GOODBYE_WAIT: Duration = Duration::from_secs(10);
/// The wait between two tries.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the first waits for the line of a second start, which writes at once or never.
const LINE_WAIT: Duration = Duration::from_secs(1);
/// How long a second start waits for the answer: longer than the first may spend on others before it.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// What the first start answers to a second, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Answer {
    /// It shows the invite, or only the window.
    Taken = b'.',
    /// Its window is closed, and it will end soon.
    Closing = b'!',
}

/// Opens the profile in `place`. Returns `None` if a window is already open on it: that one shows `link`, or comes to
/// the front.
///
/// # Errors
/// The [`Problem`] with the profile; also where a terminal uses it.
pub(super) fn open_or_hand_over(place: &Path, link: Option<&str>) -> Result<Option<Profile>, Problem> {
    let started = Instant::now();
    loop {
        let problem = match Profile::open(Some(place.to_owned())) {
            Err(problem) if problem.code == Code::ProfileInUse => problem,
            result => return result.map(Some),
        };
        let wait = match hand_over(place, link) {
            Ok(Answer::Taken) => return Ok(None),
            Ok(Answer::Closing) => GOODBYE_WAIT,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(unreachable(place)),
            Err(error) => {
                log::debug!("no window answers for this profile: {error}");
                START_WAIT
            }
        };
        if started.elapsed() >= wait {
            return Err(problem);
        }
        std::thread::sleep(PAUSE);
    }
}

/// The problem when no second start can reach the window that uses this profile.
fn unreachable(place: &Path) -> Problem {
    let what = say!("Another Conversa uses the profile in {}.", place.display());
    let hint = say!("The path is too long for the system to reach its window. Open that, and paste the invite there.");
    Problem::new(Code::ProfileInUse, what, hint)
}

/// Asks the window that is open on `profile` to come to the front and to show the link, if there is one.
fn hand_over(profile: &Path, link: Option<&str>) -> io::Result<Answer> {
    // The link goes as one line. If it is no invite, the window says what is wrong with it.
    let link = link.map(|link| match link.parse::<Invite>() {
        Ok(invite) => invite.to_string(),
        Err(_) => link.chars().filter(|c| !c.is_control()).take(LINK_CHARS_MAX).collect(),
    });
    let meeting = Meeting::at(profile)?;
    let line = format!("{}\n", link.unwrap_or_default());
    let answer = within(ANSWER_WAIT, move || ask(&meeting, &line))?;
    let known = [Answer::Taken, Answer::Closing].into_iter().find(|&known| known as u8 == answer);
    known.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn ask(meeting: &Meeting, line: &str) -> io::Result<u8> {
    let mut stream = LocalSocketStream::connect(meeting.name.borrow())?;
    // One write, so that the line arrives whole or not at all.
    stream.write_all(line.as_bytes())?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(u8::from_be_bytes(answer))
}

/// Listens for later starts on `profile`, which this process holds, and calls `asked` for each on a thread of its own
/// until the program ends. `asked` returns whether the window takes over.
///
/// # Errors
/// Those of the socket.
pub(super) fn listen(profile: &Path, asked: impl Fn(Option<String>) -> bool + Send + 'static) -> io::Result<()> {
    // A killed run may have left its socket in the way. It belongs to nobody: the profile is ours.
    let meeting = Meeting::at(profile)?;
    let listener = private(ListenerOptions::new().name(meeting.name.borrow()).try_overwrite(true)).create_sync()?;
    let take_all = move || {
        // Dropping the listener removes the socket by the name it was created under, which must stay valid until then.
        let _meeting = meeting;
        for stream in listener.incoming() {
            if let Err(error) = stream.and_then(|stream| take(stream, &asked)) {
                log::info!("a second start said nothing of use: {error}");
            }
        }
    };
    std::thread::Builder::new().name("instance".to_owned()).spawn(take_all).map(drop)
}

/// Reads what a second start wants, and answers.
fn take(stream: LocalSocketStream, asked: impl Fn(Option<String>) -> bool) -> io::Result<()> {
    let (mut stream, link) = within(LINE_WAIT, || read_link(stream))?;
    let answer = if asked(link) { Answer::Taken } else { Answer::Closing };
    stream.write_all(&[answer as u8])
}

fn read_link(stream: LocalSocketStream) -> io::Result<(LocalSocketStream, Option<String>)> {
    let mut reader = BufReader::new(stream.take(LINE_BYTES_MAX));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let link = line.strip_suffix('\n').ok_or(io::ErrorKind::InvalidData)?.trim().to_owned();
    Ok((reader.into_inner().into_inner(), (!link.is_empty()).then_some(link)))
}

/// Waits for another program no longer than `time`. Windows has no timeout for its pipes, so a thread waits. If it
/// takes too long it is abandoned, and ends with the other program, which belongs to the same person.
fn within<T: Send + 'static>(time: Duration, read: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    let (done, result) = mpsc::channel();
    // The receiver may have given up by now.
    let work = move || drop(done.send(read()));
    std::thread::Builder::new().name("instance wait".to_owned()).spawn(work)?;
    result.recv_timeout(time).map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// For this person alone, whatever the umask.
#[cfg(unix)]
fn private(options: ListenerOptions<'_>) -> ListenerOptions<'_> {
    use interprocess::os::unix::local_socket::ListenerOptionsExt;
    options.mode(0o600)
}

/// A Windows pipe belongs to the person who creates it.
#[cfg(windows)]
const fn private(options: ListenerOptions<'_>) -> ListenerOptions<'_> {
    options
}

/// Where the starts on one profile meet.
struct Meeting {
    name: Name<'static>,
    /// Keeps the directory open, through which the short path leads.
    #[cfg(unix)]
    _directory: Option<std::fs::File>,
}

impl Meeting {
    /// A socket in the profile. Systems allow only about a hundred bytes for its path. For a longer one the profile's
    /// directory is held open and named through `/proc`, if the system has that.
    #[cfg(unix)]
    fn at(profile: &Path) -> io::Result<Self> {
        use std::os::fd::AsRawFd;

        use interprocess::local_socket::GenericFilePath;
        let socket = |directory: &Path| directory.join(SOCKET).to_fs_name::<GenericFilePath>().map(Name::into_owned);
        if profile.join(SOCKET).as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return Ok(Self { name: socket(profile)?, _directory: None });
        }
        let directory = std::fs::File::open(profile)?;
        let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string());
        if !short.exists() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self { name: socket(&short)?, _directory: Some(directory) })
    }

    #[cfg(windows)]
    fn at(profile: &Path) -> io::Result<Self> {
        use interprocess::local_socket::GenericNamespaced;
        // The same place can be written in several ways.
        let place = profile.canonicalize()?;
        let digest = crate::crypto::primitives::sha256(place.to_string_lossy().to_lowercase().as_bytes());
        let name = format!("conversa-{}", data_encoding::HEXLOWER.encode(&digest));
        name.to_ns_name::<GenericNamespaced>().map(|name| Self { name: name.into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joined::joined;
    use crate::next::next_before;
    use crate::patience::deadline;

    type Asks = mpsc::Receiver<Option<String>>;

    /// The next request that the first start receives.
    fn next<T>(asks: &mpsc::Receiver<T>) -> T {
        next_before(asks, deadline()).unwrap()
    }

    /// The first start on a profile, which takes over from later ones.
    fn first() -> (tempfile::TempDir, Asks) {
        let profile = tempfile::tempdir().unwrap();
        let asks = listen_to(profile.path());
        (profile, asks)
    }

    fn listen_to(profile: &Path) -> Asks {
        let (asked, asks) = mpsc::channel();
        listen(profile, move |link| asked.send(link).is_ok()).unwrap();
        asks
    }

    #[test]
    fn a_second_start_hands_over_its_link_or_only_asks_for_the_window() {
        let (place, asks) = first();
        let profile = open_or_hand_over(place.path(), Some("of the first")).unwrap();
        assert!(profile.is_some(), "nobody uses the profile yet");
        assert!(open_or_hand_over(place.path(), Some("conversa:2:ABC")).unwrap().is_none());
        assert!(open_or_hand_over(place.path(), None).unwrap().is_none());
        assert_eq!([next(&asks), next(&asks)], [Some("conversa:2:ABC".to_owned()), None]);
    }

    #[test]
    fn a_second_start_waits_for_a_window_that_closes() {
        let place = tempfile::tempdir().unwrap();
        let profile = open_or_hand_over(place.path(), None).unwrap();
        let (asked, asks) = mpsc::channel();
        listen(place.path(), move |_| asked.send(()).is_err()).unwrap();
        let end = std::thread::spawn(move || {
            // The first ends only once the second has its answer.
            next(&asks);
            drop(profile);
            asks
        });
        assert!(open_or_hand_over(place.path(), Some("conversa:2:ABC")).unwrap().is_some());
        drop(joined(end, "the end of the first"));
    }

    #[test]
    fn where_a_terminal_uses_the_profile_there_is_nobody_to_hand_over_to() {
        let place = tempfile::tempdir().unwrap();
        let _terminal = Profile::open(Some(place.path().to_owned())).unwrap();
        let problem = open_or_hand_over(place.path(), None).unwrap_err();
        assert_eq!(problem.code, Code::ProfileInUse);
    }

    // On Windows a pipe ends with its program.
    #[cfg(unix)]
    #[test]
    fn a_socket_that_a_killed_run_left_is_not_in_the_way() {
        let (profile, asks) = first();
        let later_asks = listen_to(profile.path());
        assert_eq!(hand_over(profile.path(), None).unwrap(), Answer::Taken);
        assert_eq!(next(&later_asks), None);
        assert!(asks.try_recv().is_err(), "the old one is not asked any more");
    }

    #[test]
    fn whoever_connects_and_says_nothing_is_not_waited_for_without_end() {
        let (profile, asks) = first();
        let silent = LocalSocketStream::connect(Meeting::at(profile.path()).unwrap().name).unwrap();
        hand_over(profile.path(), Some("behind it")).unwrap();
        assert_eq!(next(&asks).as_deref(), Some("behind it"));
        drop(silent);
    }

    #[test]
    fn whoever_listens_and_answers_nothing_is_not_waited_for_without_end() {
        let profile = tempfile::tempdir().unwrap();
        let _silent = ListenerOptions::new().name(Meeting::at(profile.path()).unwrap().name).create_sync().unwrap();
        assert_eq!(hand_over(profile.path(), None).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[cfg(unix)]
    #[test]
    fn the_socket_is_for_its_owner_alone_and_no_path_is_too_long_for_it() {
        use std::os::unix::fs::PermissionsExt;
        let outside = tempfile::tempdir().unwrap();
        let long = outside.path().join("p".repeat(100)).join("q".repeat(100));
        for place in [outside.path().join("short"), long] {
            let profile = open_or_hand_over(&place, None).unwrap().unwrap();
            let asks = listen_to(profile.directory());
            let mode = std::fs::metadata(place.join(SOCKET)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", place.display());
            assert!(open_or_hand_over(&place, Some("conversa:2:ABC")).unwrap().is_none());
            assert_eq!(next(&asks).as_deref(), Some("conversa:2:ABC"));
        }
    }

    #[test]
    fn a_link_over_several_lines_arrives_as_one() {
        let (profile, asks) = first();
        hand_over(profile.path(), Some("conversa:2:AB\r\nC")).unwrap();
        assert_eq!(next(&asks).as_deref(), Some("conversa:2:ABC"));
    }

    #[test]
    fn too_long_and_broken_lines_are_passed_over() {
        let (profile, asks) = first();
        let too_long = "a".repeat(usize::try_from(LINE_BYTES_MAX).unwrap());
        assert!(ask(&Meeting::at(profile.path()).unwrap(), &too_long).is_err());
        let mut broken = LocalSocketStream::connect(Meeting::at(profile.path()).unwrap().name).unwrap();
        broken.write_all(b"\xff\xfe\n").unwrap();
        drop(broken);
        hand_over(profile.path(), Some("after that")).unwrap();
        assert_eq!(next(&asks).as_deref(), Some("after that"));
    }
}
