//! Files that are always either the old version or the new one, whatever happens in between.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The name prefix of a file being written. Only a crash leaves one behind.
const UNFINISHED: &str = ".unfinished-";

/// Where a set's files are while they are being written.
const UNFINISHED_SET: &str = ".unfinished-set";

/// Where they are once all of them are on disk, until each is in its place.
const WHOLE_SET: &str = ".whole-set";

/// The most bytes a profile's file may have to be read: far above the largest roster, and a guard
/// against a file that is something else.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How the suffix of a set-aside file starts.
pub(super) const ASIDE: &str = "corrupt-";
/// A pipe, a socket or a device is in a file's place: it is never opened, because that may block for ever or have
/// effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a file, but a pipe, a socket or a device")]
pub(super) struct NotAFile;

/// A dangling link is in a file's place: the file may be on a disk that is not connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a link that leads nowhere")]
pub(super) struct LooseLink;

/// How often to retry a file that another program holds, and how long to wait each time: a virus scanner finishes a
/// file this small in less than this second.
const ATTEMPTS: u32 = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Replaces the file at `path`, readable only by its owner, and returns when it is on disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = parent(path);
    // Made with mode 0600.
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let unfinished = file.into_temp_path().keep().map_err(|error| error.error)?;
    if let Err(error) = move_file(&unfinished, path) {
        let removed = fs::remove_file(&unfinished);
        log::debug!("removed what was not put into its place: {removed:?}");
        return Err(error);
    }
    sync_directory(directory)
}

/// Writes a new file at `path`, as [`write`] does, but never over another.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = parent(path);
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// Replaces files in `directory` that belong together, each by its name: after a crash at any point
/// all of them are the old ones, or, once [`finish_set`] was called, all the new ones.
pub(super) fn write_set(directory: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    finish_set(directory)?;
    let unfinished = directory.join(UNFINISHED_SET);
    if is_there(&unfinished) {
        fs::remove_dir_all(&unfinished)?;
    }
    create_directory(&unfinished)?;
    let written = files.iter().try_for_each(|(name, bytes)| write(&unfinished.join(name), bytes));
    // The commit point: from here on the new ones count.
    let whole = written.and_then(|()| patiently(|| fs::rename(&unfinished, directory.join(WHOLE_SET))));
    if let Err(error) = whole {
        let removed = fs::remove_dir_all(&unfinished);
        log::debug!("removed what was not written whole: {removed:?}");
        return Err(error);
    }
    sync_directory(directory)?;
    finish_set(directory)
}

/// Moves a completely written set into place, if a crash came in between. Does nothing if there is none; several
/// processes may do it at once.
pub(super) fn finish_set(directory: &Path) -> io::Result<()> {
    let whole = directory.join(WHOLE_SET);
    let entries = match fs::read_dir(&whole) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        gone_is_done(move_file(&entry.path(), &directory.join(entry.file_name())))?;
    }
    sync_directory(directory)?;
    gone_is_done(fs::remove_dir(&whole))
}

/// Whether a complete set waits in `directory`.
pub(super) fn has_whole_set(directory: &Path) -> bool {
    is_there(&directory.join(WHOLE_SET))
}

fn gone_is_done(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Reads the file at `path`; `None` if there is none.
///
/// # Errors
/// Those of the system; also for anything but a plain file, or one that is too large.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    read_at_most(path, FILE_BYTES_MAX)
}

/// Reads the file at `path`, which has no more than `bytes_max` bytes; `None` if there is none.
///
/// # Errors
/// As [`read`].
pub(super) fn read_at_most(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match patiently(|| open_plain(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_there(path) => {
            return Err(io::Error::new(io::ErrorKind::NotFound, LooseLink));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    // Allocate once, so that moving the bytes leaves no copies of a key.
    let length = file.metadata()?.len().min(bytes_max);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default().saturating_add(1));
    // The length of a generated file, as in some file systems, is not known beforehand.
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= bytes_max) {
        Ok(Some(bytes))
    } else {
        Err(io::ErrorKind::FileTooLarge.into())
    }
}

/// Whether anything has this name, including what cannot be read and a dangling link.
pub(super) fn is_there(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Opens a plain file to read from it.
fn open_plain(path: &Path) -> io::Result<File> {
    require_plain(&fs::metadata(path)?)?;
    let mut options = File::options();
    options.read(true);
    let file = without_waiting(&mut options).open(path)?;
    // It may have become something else in between.
    require_plain(&file.metadata()?)?;
    Ok(file)
}

/// Only a plain file will do.
fn require_plain(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        Ok(())
    } else if metadata.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, NotAFile))
    }
}

/// Opens, or makes, the file at `path` to hold a lock on it.
pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        known => require_plain(&known?)?,
    }
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = without_waiting(&mut options).open(path)?;
    require_plain(&file.metadata()?)?;
    Ok(file)
}

/// Makes opening never block: a pipe would wait for its other end.
fn without_waiting(options: &mut fs::OpenOptions) -> &mut fs::OpenOptions {
    #[cfg(unix)]
    {
        use nix::fcntl::OFlag;
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits());
    }
    options
}

/// Moves a damaged file out of the way to `<stem>.corrupt-<n>`, and returns where. It is never deleted: somebody may
/// want to repair it.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let aside = path.with_extension(format!("{ASIDE}{number}"));
        if !is_there(&aside) {
            return fs::rename(path, &aside).map(|()| aside);
        }
        number += 1;
    }
}

/// The first of `<stem>-1`, `<stem>-2`, … in `directory` that is not taken.
pub(super) fn free_name(directory: &Path, stem: &str) -> PathBuf {
    (1_u32..).map(|n| directory.join(format!("{stem}-{n}"))).find(|path| !is_there(path)).unwrap_or_default()
}

/// Makes a directory for its owner only, and those above it.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes what a crash left half written in `directory`.
pub(super) fn remove_unfinished(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let is_set = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_set { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
            log::debug!("removed {} of a crash: {removed:?}", entry.path().display());
        }
    }
}

/// A file's directory; for a bare name, the current one.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Moves a file into place, over the existing one.
fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| fs::rename(from, to))?;
    // Windows cannot flush a directory. It flushes a file's name with the file.
    if cfg!(windows) { File::options().write(true).open(to)?.sync_all() } else { Ok(()) }
}

/// On Unix a rename is durable only once its directory is written too.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Retries while another program holds the file: on Windows, a virus scanner reading it is enough to prevent reading
/// or replacing it.
fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if is_held(&error) => thread::sleep(BETWEEN_ATTEMPTS),
            done => return done,
        }
    }
    attempt()
}

/// `ERROR_ACCESS_DENIED`, `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`: which of them comes depends on how the
/// other program opened the file.
fn is_held(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32 | 33))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_file_and_leaves_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.cbor");
        assert_eq!(read(&path).unwrap(), None);
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap().as_deref(), Some(b"two".as_slice()));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_write_that_fails_keeps_the_old_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.cbor");
        write(&path, b"one").unwrap();
        let taken = directory.path().join("taken");
        create_directory(&taken.join("inside")).unwrap();
        assert!(write(&taken, b"a file cannot replace a directory").is_err());
        assert!(write(&directory.path().join("nowhere/file.cbor"), b"two").is_err());
        assert_eq!(read(&path).unwrap().as_deref(), Some(b"one".as_slice()));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing unfinished stays");
    }

    #[test]
    fn a_new_file_is_never_written_over_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backup.pem");
        write_new(&path, b"one").unwrap();
        assert_eq!(write_new(&path, b"two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path).unwrap().as_deref(), Some(b"one".as_slice()));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing unfinished stays");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[cfg(windows)]
    #[test]
    fn a_file_that_a_virus_scanner_holds_is_waited_for() {
        use std::os::windows::fs::OpenOptionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.cbor");
        write(&path, b"one").unwrap();
        // Opened exclusively, as scanners and backup programs may do, and closed at the third attempt.
        let mut scanner = Some(File::options().read(true).share_mode(0).open(&path).unwrap());
        assert!(is_held(&fs::read(&path).unwrap_err()));
        let mut attempts = 0;
        let bytes = patiently(|| {
            attempts += 1;
            scanner.take_if(|_| attempts == 3);
            fs::read(&path)
        });
        assert_eq!((bytes.unwrap().as_slice(), attempts), (b"one".as_slice(), 3));
    }

    /// What a crash at each point of [`write_set`] leaves, and what is found afterwards.
    #[test]
    fn a_set_is_the_old_one_or_the_new_one_wherever_the_crash_came() {
        let old: [(&str, &[u8]); 2] = [("enc", b"old enc"), ("sign", b"old sign")];
        let new: [(&str, &[u8]); 2] = [("enc", b"new enc"), ("sign", b"new sign")];
        // `moved` is how many of the new files were in their place; `whole` whether all were written.
        for (whole, written, moved) in
            [(false, 0, 0), (false, 1, 0), (false, 2, 0), (true, 2, 0), (true, 2, 1), (true, 2, 2)]
        {
            let directory = tempfile::tempdir().unwrap();
            write_set(directory.path(), &old).unwrap();
            let set = directory.path().join(if whole { WHOLE_SET } else { UNFINISHED_SET });
            create_directory(&set).unwrap();
            for (index, (name, bytes)) in new.iter().take(written).enumerate() {
                let place = if index < moved { directory.path() } else { &set };
                fs::write(place.join(name), bytes).unwrap();
            }
            finish_set(directory.path()).unwrap();
            let expected = if whole { new } else { old };
            for (name, bytes) in expected {
                assert_eq!(fs::read(directory.path().join(name)).unwrap(), bytes, "{whole} {written} {moved}");
            }
            // The next set finds nothing in its way.
            write_set(directory.path(), &new).unwrap();
            assert!(new.iter().all(|(name, bytes)| fs::read(directory.path().join(name)).unwrap() == *bytes));
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2, "nothing else stays");
        }
    }

    /// Each of them would block `fs::read` for ever, or until memory is full.
    #[cfg(unix)]
    #[test]
    fn only_plain_files_are_read_and_nothing_is_waited_for() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| directory.path().join(name);
        nix::unistd::mkfifo(&place("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = UnixListener::bind(place("socket")).unwrap();
        create_directory(&place("directory")).unwrap();
        symlink("/dev/zero", place("endless")).unwrap();
        symlink("/dev/null", place("empty")).unwrap();
        symlink(place("fifo"), place("to a fifo")).unwrap();
        symlink(place("circle"), place("circle")).unwrap();
        symlink(place("nowhere"), place("loose")).unwrap();
        for name in ["fifo", "socket", "endless", "empty", "to a fifo"] {
            let error = read(&place(name)).unwrap_err();
            assert!(error.get_ref().is_some_and(|inner| inner.is::<NotAFile>()), "{name}: {error}");
            let error = open_lock(&place(name)).unwrap_err();
            assert!(error.get_ref().is_some_and(|inner| inner.is::<NotAFile>()), "{name}: {error}");
        }
        assert_eq!(read(&place("directory")).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(open_lock(&place("directory")).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        let circle = read(&place("circle")).unwrap_err();
        assert_eq!(circle.raw_os_error(), Some(nix::errno::Errno::ELOOP as i32));
        let loose = read(&place("loose")).unwrap_err();
        assert!(
            loose.get_ref().is_some_and(|inner| inner.is::<LooseLink>()),
            "a link that leads nowhere is no absence"
        );
        // A link to a file is as good as the file.
        write(&place("file"), b"one").unwrap();
        symlink(place("file"), place("link")).unwrap();
        assert_eq!(read(&place("link")).unwrap().as_deref(), Some(b"one".as_slice()));
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write(&path, b"12345").unwrap();
        assert_eq!(read_at_most(&path, 5).unwrap().as_deref(), Some(b"12345".as_slice()));
        assert_eq!(read_at_most(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        // It takes no room on the disk, and would take it in memory.
        File::create(&path).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn damaged_files_are_set_aside_side_by_side() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.cbor");
        for number in 1..=3 {
            write(&path, b"damaged").unwrap();
            let aside = set_aside(&path).unwrap();
            assert!(aside.ends_with(format!("settings.corrupt-{number}")) && aside.exists());
        }
        write(&directory.path().join(format!("{UNFINISHED}x")), b"half").unwrap();
        remove_unfinished(directory.path());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 3);
    }
}
