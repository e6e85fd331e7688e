//! Why a file could not be read or written, and what to do about it.

use std::io::{Error, ErrorKind};
use std::path::Path;

use super::{Action, Code, Problem, Sentence, say};
use crate::app::files::{LooseLink, NotAFile};

impl Problem {
    /// A file cannot be written. The caller has to say what still works.
    #[must_use]
    pub fn cannot_write(path: &Path, error: &Error) -> Self {
        let what = say!("{} cannot be written.", path.display());
        Self::new(Code::CannotWrite, what, cause(error)).with_action(Action::Retry).with_detail(error)
    }

    /// A file cannot be read.
    #[must_use]
    pub fn cannot_read(path: &Path, error: &Error) -> Self {
        let what = say!("{} cannot be read.", path.display());
        let hint = match error.kind() {
            ErrorKind::FileTooLarge => say!("It is too large for what should be there. Move it away."),
            _ => cause(error),
        };
        Self::new(Code::CannotRead, what, hint).with_detail(error)
    }

    /// Standard output cannot be written.
    #[must_use]
    pub fn cannot_print(error: &Error) -> Self {
        let what = say!("The output could not be written, so some of it is missing.");
        Self::new(Code::CannotWrite, what, cause(error)).with_detail(error)
    }
}

/// The cause, and what to do.
fn cause(error: &Error) -> Sentence {
    if let Some(inner) = error.get_ref() {
        if inner.is::<NotAFile>() {
            return say!("It is not a file, but a pipe, a socket or a device. Move it away.");
        }
        if inner.is::<LooseLink>() {
            return say!("It is a link to something that is not there. Connect the disk it is on, or remove the link.");
        }
    }
    if let Some(sentence) = error.raw_os_error().and_then(cause_by_number) {
        return sentence;
    }
    match error.kind() {
        ErrorKind::StorageFull => say!("The disk is full. Free some space."),
        ErrorKind::QuotaExceeded => say!("Your share of the disk is used up. Free some space, or ask for more."),
        ErrorKind::FileTooLarge => say!("The system allows no file of this size here. Ask whoever set the limit."),
        ErrorKind::PermissionDenied => {
            say!("Conversa is not allowed to do that there. Check its owner and permissions.")
        }
        ErrorKind::ReadOnlyFilesystem => {
            say!("The disk is read-only. Make it writable, or keep the profile somewhere else.")
        }
        ErrorKind::NotADirectory => say!("A file is where a directory should be. Check the path."),
        ErrorKind::IsADirectory => say!("A directory is where a file should be. Move it away."),
        ErrorKind::AlreadyExists => say!("Something else is in its place. Move it away."),
        ErrorKind::NotFound => say!("A directory on the way there does not exist. Check the path."),
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => {
            say!("The system does not allow this name, or a path this long. Choose a shorter one.")
        }
        ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy | ErrorKind::Deadlock => {
            say!("Another program uses it. Close that program, then try again.")
        }
        ErrorKind::OutOfMemory => say!("The computer has no memory left. Close other programs."),
        ErrorKind::TimedOut
        | ErrorKind::StaleNetworkFileHandle
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::NotConnected => say!("The network drive does not answer. Check its connection."),
        ErrorKind::BrokenPipe => say!("The program reading it has stopped."),
        _ => say!("The system says: {}.", error),
    }
}

/// Errors for which the standard library has no stable kind.
#[cfg(unix)]
fn cause_by_number(number: i32) -> Option<Sentence> {
    use nix::errno::Errno;
    Some(match Errno::from_raw(number) {
        Errno::ELOOP => say!("Links on the way there lead in a circle. Check the path."),
        Errno::ENAMETOOLONG => {
            say!("The system does not allow this name, or a path this long. Choose a shorter one.")
        }
        Errno::EMFILE | Errno::ENFILE => {
            say!("Too many files are open. Close other programs, or raise the limit: see `ulimit -n`.")
        }
        Errno::EIO | Errno::EUCLEAN => {
            say!("The disk is not working properly. Check it, and save what is on it somewhere else.")
        }
        Errno::ENXIO | Errno::ENODEV => say!("The disk or device is not there any more. Connect it again."),
        _ => return None,
    })
}

/// Errors for which the standard library has no kind: `ERROR_TOO_MANY_OPEN_FILES`, `ERROR_SHARING_VIOLATION`,
/// `ERROR_LOCK_VIOLATION`.
#[cfg(windows)]
fn cause_by_number(number: i32) -> Option<Sentence> {
    match number {
        4 => Some(say!("Too many files are open. Close other programs, or raise the limit: see `ulimit -n`.")),
        32 | 33 => Some(say!("Another program uses it. Close that program, then try again.")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each cause has its own words, which say what to do; none promises anything that only the caller can know.
    #[cfg(unix)]
    #[test]
    fn each_cause_is_named_with_what_to_do() {
        use nix::errno::Errno;
        let table = [
            (Errno::ENOSPC, "The disk is full. Free some space"),
            (Errno::EDQUOT, "Your share of the disk is used up. Free some space"),
            (Errno::EFBIG, "no file of this size"),
            (Errno::EACCES, "Check its owner and permissions"),
            (Errno::EPERM, "Check its owner and permissions"),
            (Errno::EROFS, "The disk is read-only. Make it writable"),
            (Errno::ENOTDIR, "A file is where a directory should be. Check the path"),
            (Errno::EISDIR, "A directory is where a file should be. Move it away"),
            (Errno::EEXIST, "Something else is in its place. Move it away"),
            (Errno::ENOENT, "does not exist. Check the path"),
            (Errno::ENAMETOOLONG, "Choose a shorter one"),
            (Errno::ELOOP, "lead in a circle. Check the path"),
            (Errno::EMFILE, "Too many files are open. Close other programs"),
            (Errno::ENFILE, "Too many files are open. Close other programs"),
            (Errno::EIO, "The disk is not working properly. Check it"),
            (Errno::ENODEV, "not there any more. Connect it again"),
            (Errno::ENXIO, "not there any more. Connect it again"),
            (Errno::EBUSY, "Another program uses it. Close that program"),
            (Errno::ETXTBSY, "Another program uses it. Close that program"),
            (Errno::ENOMEM, "no memory left. Close other programs"),
            (Errno::ESTALE, "The network drive does not answer. Check its connection"),
            (Errno::ETIMEDOUT, "The network drive does not answer. Check its connection"),
            (Errno::EPIPE, "The program reading it has stopped"),
            (Errno::EPROTO, "The system says: "),
        ];
        for (number, words) in table {
            let error = Error::from_raw_os_error(number as i32);
            for problem in [
                Problem::cannot_write(Path::new("/profile/settings.cbor"), &error),
                Problem::cannot_read(Path::new("/profile/settings.cbor"), &error),
            ] {
                let text = problem.text();
                let is_size = problem.code == Code::CannotRead && number == Errno::EFBIG;
                assert!(
                    text.contains("/profile/settings.cbor") && (is_size || text.contains(words)),
                    "{number}: {text}"
                );
                assert!(!text.contains("goes on") && !text.contains("lost"), "{number}: {text}");
                assert_eq!(problem.code.exit(), 7);
                assert!(!problem.detail.is_empty());
            }
        }
    }
}
