//! Files that are either the old ones or the new ones, whatever happens in between.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How a file that is being written starts. Only a crash leaves one behind.
const UNFINISHED: &str = ".unfinished-";

/// The most bytes a profile's file may have to be read: far above the largest roster, and a guard
/// against a file that is something else.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Replaces the file at `path`, readable for its owner only, and comes back when it is on disk.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    // Made with mode 0600.
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// Reads the file at `path`; `None` if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => Err(io::ErrorKind::FileTooLarge.into()),
        Ok(_) => fs::read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Moves a damaged file out of the way as `<stem>.corrupt-<n>`, and says where to. It is never
/// deleted: somebody may want to repair it.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut number = 1;
    loop {
        let aside = path.with_extension(format!("corrupt-{number}"));
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
            let removed = fs::remove_file(entry.path());
            log::debug!("removed {} of a crash: {removed:?}", entry.path().display());
        }
    }
}

/// On Unix a rename is kept only when its directory is written too.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
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
