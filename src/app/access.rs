//! Nobody else on this computer may enter a profile: it holds keys and drafts.

use std::path::Path;

use super::Problem;

/// Lets nobody but its owner enter the profile in `directory`. A profile, or an empty directory that becomes one, is
/// closed to others; any other directory is left as it is and refused, because others may need it.
///
/// # Errors
/// A [`Problem`] if others can enter it, and that is not ours to change.
#[cfg(unix)]
pub(super) fn close_to_others(directory: &Path) -> Result<(), Problem> {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    let cannot_read = |error| Problem::cannot_read(directory, &error);
    let mode = || fs::metadata(directory).map(|metadata| metadata.permissions().mode()).map_err(cannot_read);
    let before = mode()?;
    if before & OTHERS == 0 {
        return Ok(());
    }
    if before & STICKY != 0 || !is_profile(directory).map_err(cannot_read)? {
        return Err(shared(directory));
    }
    let changed = fs::set_permissions(directory, Permissions::from_mode(0o700));
    if mode()? & OTHERS == 0 {
        log::info!("others could enter {}; now only you can", directory.display());
        return Ok(());
    }
    // A disk without permissions, such as a USB stick: whoever mounted it decides who may enter.
    if is_own(directory).map_err(cannot_read)? {
        log::warn!("{} is on a disk without permissions: others may be able to read it", directory.display());
        return Ok(());
    }
    Err(changed.map_or_else(|error| shared(directory).with_detail(error), |()| shared(directory)))
}

/// On Windows a directory has the rights of the one above it, which is the person's own.
#[cfg(not(unix))]
pub(super) fn close_to_others(_directory: &Path) -> Result<(), Problem> {
    Ok(())
}

/// What the group and everybody else may do.
#[cfg(unix)]
const OTHERS: u32 = 0o077;
/// A directory for everybody, such as `/tmp`.
#[cfg(unix)]
const STICKY: u32 = 0o1000;
/// What only a profile has.
#[cfg(unix)]
const PARTS: [&str; 6] = ["settings.cbor", "identity", "rooms", "relay", "memory.cbor", "window.socket"];

/// Whether a directory is a profile, or empty and about to become one.
#[cfg(unix)]
fn is_profile(directory: &Path) -> std::io::Result<bool> {
    let has_parts = PARTS.iter().any(|part| super::files::is_there(&directory.join(part)));
    Ok(has_parts || std::fs::read_dir(directory)?.next().is_none())
}

#[cfg(unix)]
fn is_own(directory: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(directory)?.uid() == nix::unistd::geteuid().as_raw())
}

#[cfg(unix)]
fn shared(directory: &Path) -> Problem {
    use super::{Code, say};
    let what = say!("Others on this computer can enter {}, so no profile is kept there.", directory.display());
    let hint = say!("Name a directory that does not exist yet, or make it private with `chmod 700`.");
    Problem::new(Code::CannotWrite, what, hint)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::app::Profile;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_profile_that_others_can_enter_is_closed_to_them() {
        for before in [0o755, 0o777, 0o750, 0o711, 0o770, 0o704, 0o702] {
            for part in [""].into_iter().chain(PARTS) {
                let directory = tempfile::tempdir().unwrap();
                if !part.is_empty() {
                    fs::create_dir(directory.path().join(part)).unwrap();
                }
                fs::set_permissions(directory.path(), Permissions::from_mode(before)).unwrap();
                drop(Profile::open(Some(directory.path().to_owned())).unwrap());
                assert_eq!(mode(directory.path()), 0o700, "{before:o} {part}");
            }
        }
    }

    #[test]
    fn a_directory_that_is_no_profile_is_refused_and_left_as_it_is() {
        for (before, inside) in [(0o755, "notes.txt"), (0o1777, "identity"), (0o1777, "")] {
            let directory = tempfile::tempdir().unwrap();
            if !inside.is_empty() {
                fs::write(directory.path().join(inside), "").unwrap();
            }
            fs::set_permissions(directory.path(), Permissions::from_mode(before)).unwrap();
            let problem = Profile::open(Some(directory.path().to_owned())).unwrap_err();
            assert!(problem.code.exit() == 7 && problem.hint.to_string().contains("chmod 700"), "{problem}");
            assert_eq!(mode(directory.path()), before);
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), usize::from(!inside.is_empty()));
        }
        // What only its owner can enter may hold anything else.
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
        fs::write(directory.path().join("notes.txt"), "").unwrap();
        assert!(Profile::open(Some(directory.path().to_owned())).is_ok());
    }
}
