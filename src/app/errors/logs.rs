//! Why the log of a room that is hosted here cannot be kept, or not be used again.

use std::path::Path;

use super::{Code, Problem, say};
use crate::net::{LogError, LogNews};

impl Problem {
    /// What a person should know of the log of a room that is hosted here, if it is a problem.
    pub(in crate::app) fn of_hosted_log(news: &LogNews) -> Option<Self> {
        Some(match news {
            LogNews::Failing(file, error) | LogNews::Unusable(file, error @ LogError::Disk(_)) => {
                let what = say!("Nobody can be in a room that is hosted here: {} cannot be written.", file.display());
                let hint =
                    say!("Free some space, or let Conversa write to its profile. It tries again every few seconds.");
                Self::new(Code::CannotWrite, what, hint).with_detail(error)
            }
            LogNews::Unusable(file, error) => Self::unusable_log(file, error),
            LogNews::SetAside(file) => {
                let what = say!(
                    "The log of a room that is hosted here could not be used. It was set aside as {}.",
                    file.display()
                );
                let hint = say!("The room has begun a new log. Members may miss messages of before.");
                Self::new(Code::RoomCorrupt, what, hint)
            }
            LogNews::Recovered => return None,
        })
    }

    fn unusable_log(file: &Path, error: &LogError) -> Self {
        let file = file.display();
        let (code, what) = match error {
            LogError::Newer { .. } => {
                (Code::CannotRead, say!("A newer Conversa wrote the log of a room that is hosted here: {}.", file))
            }
            _ => (Code::RoomCorrupt, say!("The log of a room that is hosted here is damaged: {}.", file)),
        };
        let hint = say!(
            "Nothing was deleted. When its owner opens the room, it begins a new log, and members may miss messages."
        );
        Self::new(code, what, hint).with_detail(error)
    }
}
