//! The directory where everything of one person on one computer lives.
//!
//! ```text
//! lock            held by the Conversa that uses the profile
//! settings.cbor   name, appearance, …
//! private.sealed  marks on compared keys, drafts and open invites, under the identity's lock
//! private-learning.sealed   the open invites to learning rooms
//! memory.cbor     how far each room's roster was seen, for ever; a second copy beside it
//! identity/       sign.pem, enc.pem and their public halves
//! identity/learning/   the same for learning rooms, of another kind
//! rooms/          one record a room, and a second copy of each
//! host/           the logs of rooms hosted here
//! ```

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::access::close_to_others;
use super::files::{create_directory, open_lock, remove_unfinished};
use super::{Code, Problem, say};

/// A directory of this name beside the program is the profile, so that both travel together: on a USB stick, say.
const PORTABLE: &str = "conversa-profile";

/// A profile in use: no other process can open it while this exists.
#[derive(Debug)]
pub struct Profile {
    directory: PathBuf,
    is_forgetful: bool,
    _lock: File,
}

impl Profile {
    /// Opens the profile in `directory`, or else the one beside the program, or else the one in the platform's
    /// standard place; creates it if there is none.
    ///
    /// # Errors
    /// A [`Problem`] if another process uses it, or it cannot be made.
    pub fn open(directory: Option<PathBuf>) -> Result<Self, Problem> {
        let directory = Self::place(directory)?;
        create_directory(&directory).map_err(|error| Problem::cannot_write(&directory, &error))?;
        close_to_others(&directory)?;
        let path = directory.join("lock");
        let lock = open_lock(&path).map_err(|error| Problem::cannot_write(&path, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(&directory)),
            Err(TryLockError::Error(error)) => return Err(Problem::cannot_write(&path, &error)),
        }
        for inside in ["", "rooms", "identity", "identity/learning"].map(|inside| directory.join(inside)) {
            remove_unfinished(&inside);
        }
        Ok(Self { directory, is_forgetful: false, _lock: lock })
    }

    /// The directory, for reading only: if it exists, it is closed to others, as by [`Self::open`].
    ///
    /// # Errors
    /// A [`Problem`] as of [`Self::place`], or if others can enter it and that cannot be changed.
    pub fn look_into(directory: Option<PathBuf>) -> Result<PathBuf, Problem> {
        let place = Self::place(directory)?;
        if place.is_dir() {
            close_to_others(&place)?;
        }
        Ok(place)
    }

    /// Where the profile is that [`Self::open`] would open: to read from it while another process
    /// uses it.
    ///
    /// # Errors
    /// A [`Problem`] on a system without a home directory.
    pub fn place(directory: Option<PathBuf>) -> Result<PathBuf, Problem> {
        let portable = || portable_beside(&std::env::current_exe().ok()?);
        // Never the directory that Windows roams between computers: a sender's keys must not be used twice.
        let default =
            || directories::ProjectDirs::from("", "", "Conversa").map(|dirs| dirs.data_local_dir().to_owned());
        directory.or_else(portable).or_else(default).ok_or_else(|| {
            let hint = say!("Say with --profile where to keep it.");
            Problem::new(Code::CannotWrite, say!("This system has no place for a profile."), hint)
        })
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether the logs of rooms that are hosted from this profile are to be forgotten with the end of the program.
    #[must_use]
    pub fn forgetful(self, is_forgetful: bool) -> Self {
        Self { is_forgetful, ..self }
    }

    /// Where the logs of rooms that `directory` of this profile hosts are kept, if they are.
    pub(in crate::app) fn logs_in(&self, directory: &Path) -> Option<PathBuf> {
        (!self.is_forgetful).then(|| directory.join("host"))
    }
}

fn portable_beside(program: &Path) -> Option<PathBuf> {
    Some(program.parent()?.join(PORTABLE)).filter(|directory| directory.is_dir())
}

fn in_use(directory: &Path) -> Problem {
    let what = say!("Another Conversa uses the profile in {}.", directory.display());
    let hint = say!("Quit it first, or give this one a profile of its own with --profile.");
    Problem::new(Code::ProfileInUse, what, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_private_and_used_by_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("deep/profile");
        let profile = Profile::open(Some(place.clone())).unwrap();
        let problem = Profile::open(Some(place.clone())).unwrap_err();
        assert_eq!((problem.code, problem.code.exit()), (Code::ProfileInUse, 7));
        assert!(problem.what.to_string().contains("deep/profile"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(profile.directory()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        drop(profile);
        assert!(Profile::open(Some(place)).is_ok());
    }

    #[test]
    fn a_directory_of_that_name_beside_the_program_is_a_portable_profile() {
        let stick = tempfile::tempdir().unwrap();
        let program = stick.path().join("conversa");
        assert_eq!(portable_beside(&program), None, "the person makes it, not we");
        let directory = stick.path().join(PORTABLE);
        std::fs::write(&directory, "a file").unwrap();
        assert_eq!(portable_beside(&program), None);
        std::fs::remove_file(&directory).unwrap();
        std::fs::create_dir(&directory).unwrap();
        assert_eq!(portable_beside(&program), Some(directory));
    }

    #[test]
    fn a_profile_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let problem = Profile::open(Some(file.path().join("profile"))).unwrap_err();
        assert_eq!(problem.code, Code::CannotWrite);
        assert!(problem.what.to_string().contains("profile"));
    }
}
