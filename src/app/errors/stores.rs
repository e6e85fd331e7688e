//! Why messages cannot be saved, or read again, and what to do about it.

use std::path::Path;

use super::{Code, Problem, say};
use crate::store::StoreError;

impl Problem {
    /// A store cannot be opened or read. It stays as it is.
    pub(in crate::app) fn unusable_store(path: &Path, error: &StoreError) -> Self {
        let path = path.display();
        let (what, hint) = match error {
            StoreError::WrongKey => (
                say!("Earlier messages cannot be read: {} belongs to another identity, or is damaged.", path),
                say!(
                    "New messages are not saved either. Put the file back from a backup, or move it away to start without it; then restart Conversa. Nothing was deleted."
                ),
            ),
            StoreError::Damaged => (
                say!("Earlier messages cannot be read: {} is damaged.", path),
                say!(
                    "New messages are not saved either. Put the file back from a backup, or move it away to start without it; then restart Conversa. Nothing was deleted."
                ),
            ),
            StoreError::Newer { .. } => (
                say!("Earlier messages cannot be read: a newer Conversa wrote {}.", path),
                say!("Update Conversa. Until then, new messages are not saved."),
            ),
            StoreError::InUse => (
                say!("Earlier messages cannot be read: another program is using {}.", path),
                say!("Close that program, then restart Conversa. Until then, new messages are not saved."),
            ),
            StoreError::ReadOnly | StoreError::DiskFull | StoreError::Other(_) => (
                say!("Earlier messages cannot be read, and new ones are not saved: {} cannot be opened.", path),
                say!("Free some space, or let Conversa write to its profile. Then restart Conversa."),
            ),
        };
        Self::new(Code::StoreUnreadable, what, hint).with_detail(error)
    }

    /// The key of a store is gone, and with it what it locked.
    pub(in crate::app) fn store_without_key(store: &Path) -> Self {
        let what = say!("Earlier messages cannot be read: the key to {} is missing.", store.display());
        let hint = say!(
            "The key is a file with the same name that ends in .key. Put it back from a backup, or move the other file away to start without it; then restart Conversa. Until then, new messages are not saved."
        );
        Self::new(Code::StoreUnreadable, what, hint)
    }

    /// Messages cannot be saved for now. It is tried again.
    pub(in crate::app) fn messages_not_saved(error: &StoreError) -> Self {
        let what = say!("Messages cannot be saved at the moment. They are still sent and received.");
        let hint = say!("Free some space, or let Conversa write to its profile. It tries again every few seconds.");
        Self::new(Code::CannotWrite, what, hint).with_detail(error)
    }

    /// Messages of this run are not saved, and the run ends.
    pub(in crate::app) fn messages_unwritten(stores: &Path) -> Self {
        let what = say!("Some of the latest messages could not be saved in {}.", stores.display());
        Self::new(Code::CannotWrite, what, say!("They will be missing the next time Conversa starts."))
    }
}
