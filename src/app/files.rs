//! Files that are either the old ones or the new ones, whatever happens in between.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// How a file that is being written starts. Only a crash leaves one behind.
const UNFINISHED: &str = ".unfinished-";

/// Where the files of a set are while they are written.
const UNFINISHED_SET: &str = ".unfinished-set";

/// Where they are once all of them are on disk, until each is in its place.
const WHOLE_SET: &str = ".whole-set";

/// The most bytes a profile's file may have to be read: far above the largest roster, and a guard
/// against a file that is something else.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How the name's end of a file starts that was set aside.
pub(super) const ASIDE: &str = "corrupt-";

/// How often a file that another program holds is asked for again, and how long is waited each time: a
/// virus scanner is done with so small a file in less than this second.
const ATTEMPTS: u32 = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// Replaces the file at `path`, readable for its owner only, and comes back when it is on disk.
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

/// Writes a new file at `path`, as [`write`] does, and never over another.
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
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    create_directory(&unfinished)?;
    let written = files.iter().try_for_each(|(name, bytes)| write(&unfinished.join(name), bytes));
    // The moment of truth: from here on the new ones count.
    let whole = written.and_then(|()| patiently(|| fs::rename(&unfinished, directory.join(WHOLE_SET))));
    if let Err(error) = whole {
        let removed = fs::remove_dir_all(&unfinished);
        log::debug!("removed what was not written whole: {removed:?}");
        return Err(error);
    }
    sync_directory(directory)?;
    finish_set(directory)
}

/// Puts a set that was written whole into its place, where a crash came between. Does nothing where
/// there is none; several processes may do it at once.
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

/// Whether a whole set waits in `directory`.
pub(super) fn has_whole_set(directory: &Path) -> bool {
    directory.join(WHOLE_SET).exists()
}

fn gone_is_done(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Reads the file at `path`; `None` if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => Err(io::ErrorKind::FileTooLarge.into()),
        Ok(_) => patiently(|| fs::read(path)).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Moves a damaged file out of the way as `<stem>.corrupt-<n>`, and says where to. It is never
/// deleted: somebody may want to repair it.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let aside = path.with_extension(format!("{ASIDE}{number}"));
        if !aside.exists() {
            return fs::rename(path, &aside).map(|()| aside);
        }
        number += 1;
    }
}

/// The first of `<stem>-1`, `<stem>-2`, … in `directory` that is not taken.
pub(super) fn free_name(directory: &Path, stem: &str) -> PathBuf {
    (1_u32..).map(|n| directory.join(format!("{stem}-{n}"))).find(|path| !path.exists()).unwrap_or_default()
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

/// The directory of a file; of a bare name the one we are in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Moves a file to its place, over the one that is there.
fn move_file(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| fs::rename(from, to))?;
    // Windows cannot flush a directory. It flushes a file's name with the file.
    if cfg!(windows) { File::options().write(true).open(to)?.sync_all() } else { Ok(()) }
}

/// On Unix a rename is kept only when its directory is written too.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Tries again as long as another program holds the file: on Windows a virus scanner that reads it is
/// enough, and the file can be neither read nor replaced.
fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if is_held(&error) => thread::sleep(BETWEEN_ATTEMPTS),
            done => return done,
        }
    }
    attempt()
}

/// `ERROR_ACCESS_DENIED`, `ERROR_SHARING_VIOLATION` and `ERROR_LOCK_VIOLATION`: which of them comes hangs on
/// how the other program opened the file.
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
        // Shared with nobody, as scanners and backups may have it, and closed at the third attempt.
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
