//! Text from a source that a person names: a file, or `-` for standard input. A pipe such as `<(pass show chat)` works
//! too, because whoever names one wants it read; but no wait is endless, and nothing is read without limit.

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::worker::thread;
use super::{Code, Problem, files, say};

/// The most bytes of such a text: a long email with an invite in it.
const TEXT_BYTES_MAX: u64 = 256 * 1024;
/// How long a pipe may take: the program that fills it may have to ask a person first.
const PATIENCE: Duration = Duration::from_secs(30);
/// The name for standard input.
const STANDARD_INPUT: &str = "-";

/// How much is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    /// Up to the end of the first line, which belongs to it. The next reader of standard input goes on from there.
    Line,
    /// All there is.
    Whole,
}

/// Whether this is a name for standard input.
#[must_use]
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT)
}

/// All of the text that `path` names.
///
/// # Errors
/// A [`Problem`] that names it, if it does not exist, cannot be read, is too long or does not arrive in time.
pub fn whole(path: &Path) -> Result<Zeroizing<Vec<u8>>, Problem> {
    read(path, Part::Whole)
}

/// The first line of the text that `path` names, with its end.
///
/// # Errors
/// As [`whole`].
pub fn first_line(path: &Path) -> Result<Zeroizing<Vec<u8>>, Problem> {
    read(path, Part::Line)
}

fn read(path: &Path, part: Part) -> Result<Zeroizing<Vec<u8>>, Problem> {
    if is_standard_input(path) {
        let read = read_from(&mut io::stdin().lock(), part);
        return read.map_err(|error| Problem::cannot_read(Path::new("standard input"), &error));
    }
    if is_stream(path) {
        return read_stream(path, part);
    }
    match files::read_at_most(path, TEXT_BYTES_MAX) {
        Ok(Some(bytes)) => Ok(Zeroizing::new(bytes)),
        Ok(None) => {
            let what = say!("There is no file at {}.", path.display());
            Err(Problem::new(Code::CannotRead, what, say!("Check the path.")))
        }
        Err(error) => Err(Problem::cannot_read(path, &error)),
    }
}

/// A pipe or a terminal may stay silent for ever, so a thread waits for it; one that is too late ends with the
/// program.
fn read_stream(path: &Path, part: Part) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let (done, result) = mpsc::channel();
    let place = path.to_owned();
    thread("source", move || {
        let read = std::fs::File::open(place).and_then(|file| read_from(&mut io::BufReader::new(file), part));
        // The reader may have stopped waiting.
        drop(done.send(read));
    })?;
    match result.recv_timeout(PATIENCE) {
        Ok(read) => read.map_err(|error| Problem::cannot_read(path, &error)),
        Err(_) => {
            let what = say!("Nothing came from {} within {} seconds.", path.display(), PATIENCE.as_secs());
            Err(Problem::new(Code::CannotRead, what, say!("Check what should write to it.")))
        }
    }
}

fn read_from(input: &mut impl BufRead, part: Part) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut limited = input.take(TEXT_BYTES_MAX + 1);
    match part {
        Part::Line => limited.read_until(b'\n', &mut bytes)?,
        Part::Whole => limited.read_to_end(&mut bytes)?,
    };
    if limited.limit() == 0 { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Sources read as data arrives: a pipe, or a terminal and the like.
#[cfg(unix)]
fn is_stream(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = std::fs::metadata(path).map(|metadata| metadata.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device())
}

#[cfg(not(unix))]
const fn is_stream(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joined::joined;

    #[test]
    fn a_line_or_all_is_read_and_the_rest_is_left() {
        let mut input = io::Cursor::new(b"one\r\ntwo\nthree".as_slice());
        assert_eq!(read_from(&mut input, Part::Line).unwrap().as_slice(), b"one\r\n");
        assert_eq!(read_from(&mut input, Part::Whole).unwrap().as_slice(), b"two\nthree");
        assert_eq!(read_from(&mut input, Part::Line).unwrap().as_slice(), b"");
        let long = vec![b'x'; TEXT_BYTES_MAX as usize + 1];
        for part in [Part::Line, Part::Whole] {
            assert!(read_from(&mut io::Cursor::new(&long[1..]), part).is_ok());
            assert_eq!(read_from(&mut io::Cursor::new(&long), part).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_read_and_what_has_no_end_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        // Each waits for the other to open it.
        let writer = {
            let pipe = pipe.clone();
            std::thread::spawn(move || std::fs::write(pipe, "secret\n"))
        };
        let reader = std::thread::spawn(move || first_line(&pipe));
        assert_eq!(joined(reader, "a line").unwrap().as_slice(), b"secret\n");
        joined(writer, "the end of what is written").unwrap();
        assert_eq!(whole(Path::new("/dev/null")).unwrap().as_slice(), b"");
        assert_eq!(whole(Path::new("/dev/zero")).unwrap_err().code, Code::CannotRead);
        assert_eq!(whole(directory.path()).unwrap_err().code, Code::CannotRead);
        assert!(whole(&directory.path().join("nothing")).unwrap_err().what.to_string().contains("There is no file"));
    }
}
