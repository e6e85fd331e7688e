//! What is stored about each room: enough to come back, nothing of what was said.
//!
//! One CBOR file for each room in `rooms/`, named after the room's id, with a checksum, and a second copy beside it
//! (`.copy`). If one is damaged, the other is used; if both are, they are set aside and reported, and the other rooms
//! are not touched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::checked::{self, Found};
use super::record::{Record, UNCHECKED_VERSION, VERSION};
use super::{Code, Problem, files, say};
use crate::protocol::{RoomId, check_name};
use crate::wire;

/// The name's end of a record.
const EXTENSION: &str = "cbor";

/// What the files of one room give.
struct Loaded {
    record: Option<Record>,
    /// Whether both copies should be written anew.
    is_stale: bool,
    /// The copies that are damaged.
    damaged: Vec<PathBuf>,
    /// Whether the first copy is gone, and only the second was there.
    is_missing: bool,
    /// What cannot be read of them, and why.
    unreadable: Vec<Problem>,
}

/// What a profile's records give.
#[derive(Debug, Default, PartialEq)]
pub struct LoadedRecords {
    /// The records that are whole, the room entered last first.
    pub records: Vec<Record>,
    /// Rooms whose records should be written anew: a copy is missing, or older.
    pub stale: Vec<RoomId>,
    /// Rooms without a surviving record, and what is left in its place.
    pub lost: Vec<(RoomId, PathBuf)>,
    /// What a person should be told.
    pub warnings: Vec<Problem>,
}

/// The directory of records.
#[derive(Clone, Debug)]
pub struct Records {
    directory: PathBuf,
}

impl Records {
    /// The records of the profile in `profile`.
    #[must_use]
    pub fn new(profile: &Path) -> Self {
        Self { directory: profile.join("rooms") }
    }

    /// Reads all records, and sets damaged files aside.
    ///
    /// # Errors
    /// A [`Problem`] if the directory cannot be read at all. What cannot be read in it is reported by name, and the
    /// rest goes on.
    pub fn load_all(&self) -> Result<LoadedRecords, Problem> {
        let mut all = LoadedRecords::default();
        for room in self.rooms()? {
            let loaded = match self.load(&room) {
                Ok(loaded) => loaded,
                Err(problem) => {
                    all.warnings.push(problem);
                    all.lost.push((room, self.path(&room)));
                    continue;
                }
            };
            if loaded.record.is_some() && loaded.is_stale {
                all.stale.push(room);
            }
            match loaded.set_aside(&self.path(&room)) {
                Ok(told) => all.warnings.extend(told),
                Err(problem) => all.warnings.push(problem),
            }
            all.warnings.extend(loaded.unreadable);
            all.records.extend(loaded.record);
        }
        all.records.sort_by_key(|record| std::cmp::Reverse(record.entered_ms));
        let whole: BTreeSet<RoomId> = all.records.iter().map(|record| record.room).collect();
        let aside = self.entries()?.into_iter().filter_map(|path| Some((room_of_aside(&path)?, path)));
        all.lost.extend(aside.filter(|(room, _)| !whole.contains(room)));
        all.lost.sort();
        all.lost.dedup_by_key(|(room, _)| *room);
        Ok(all)
    }

    /// Reads all records that can be read, tells of the others, and changes nothing: for a look while another
    /// process uses the profile.
    ///
    /// # Errors
    /// As [`Self::load_all`].
    pub fn look(&self) -> Result<(Vec<Record>, Vec<Problem>), Problem> {
        let (mut records, mut problems) = (Vec::new(), Vec::new());
        for room in self.rooms()? {
            match self.load(&room) {
                Ok(Loaded { record: Some(record), unreadable, .. }) => {
                    records.push(record);
                    problems.extend(unreadable);
                }
                Ok(_) => {
                    let what = say!("The record of a room in {} is damaged.", self.path(&room).display());
                    problems.push(Problem::new(
                        Code::RoomCorrupt,
                        what,
                        say!("Ask the room's owner for a new invite."),
                    ));
                }
                Err(problem) => problems.push(problem),
            }
        }
        records.sort_by_key(|record| std::cmp::Reverse(record.entered_ms));
        Ok((records, problems))
    }

    /// Writes a record, and then its second copy.
    ///
    /// # Errors
    /// A [`Problem`] that names the file; the old record is still there.
    pub fn save(&self, record: &Record) -> Result<(), Problem> {
        let path = self.path(&record.room);
        files::create_directory(&self.directory).map_err(|error| Problem::cannot_write(&self.directory, &error))?;
        checked::write(&path, &wire::encode(record)).map_err(|error| Problem::cannot_write(&path, &error))
    }

    /// Forgets a room.
    ///
    /// # Errors
    /// A [`Problem`] if a file of it stays.
    pub fn remove(&self, room: &RoomId) -> Result<(), Problem> {
        let path = self.path(room);
        checked::remove(&path).map_err(|error| Problem::cannot_write(&path, &error))
    }

    /// The rooms that have a record or a second copy of one. What has another name is somebody else's.
    fn rooms(&self) -> Result<BTreeSet<RoomId>, Problem> {
        let is_record = |path: &PathBuf| path.extension().is_some_and(|end| end == EXTENSION || end == checked::COPY);
        Ok(self
            .entries()?
            .into_iter()
            .filter(is_record)
            .filter_map(|path| room_named(path.file_stem()?.to_str()?))
            .collect())
    }

    fn entries(&self) -> Result<Vec<PathBuf>, Problem> {
        match fs::read_dir(&self.directory) {
            Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Problem::cannot_read(&self.directory, &error)),
        }
    }

    /// What both copies of a room's record give together.
    fn load(&self, room: &RoomId) -> Result<Loaded, Problem> {
        let path = self.path(room);
        let copy = checked::copy_of(&path);
        let mut unreadable = Vec::new();
        let mut read = |path: &Path| {
            checked::read(path).unwrap_or_else(|error| {
                unreadable.push(Problem::cannot_read(path, &error));
                Found::Missing
            })
        };
        let found = [(&path, read(&path)), (&copy, read(&copy))];
        let is_missing =
            unreadable.is_empty() && matches!(&found, [(_, Found::Missing), (_, second)] if *second != Found::Missing);
        let mut damaged = Vec::new();
        let mut records = found.into_iter().map(|(path, found)| {
            let is_there = found != Found::Missing;
            let record = read_record(found).filter(|record| record.room == *room);
            if is_there && record.is_none() {
                damaged.push(path.clone());
            }
            record
        });
        let (first, second) = (records.next().flatten(), records.next().flatten());
        let is_stale = first != second || first.as_ref().is_some_and(|record| record.version != VERSION);
        drop(records);
        let record = match (first, second) {
            (Some(first), Some(second)) => Some(first.merged(&second)),
            (first, second) => first.or(second),
        };
        // An earlier version kept titles in other forms.
        let record = record.map(|record| {
            let title = check_name(&record.title).unwrap_or_default();
            Record { version: VERSION, title, ..record }
        });
        // One whole copy is enough, whatever lies in the place of the other.
        if record.is_none() && !unreadable.is_empty() {
            return Err(unreadable.swap_remove(0));
        }
        Ok(Loaded { record, is_stale, damaged, is_missing, unreadable })
    }

    fn path(&self, room: &RoomId) -> PathBuf {
        self.directory.join(format!("{room}.{EXTENSION}"))
    }
}

impl Loaded {
    /// Sets the damaged copies aside, and says so; the disk is to blame, and nobody else.
    fn set_aside(&self, path: &Path) -> Result<Option<Problem>, Problem> {
        let mut aside = None;
        for file in &self.damaged {
            aside = Some(files::set_aside(file).map_err(|error| Problem::cannot_write(file, &error))?);
        }
        let problem = |what, hint| Some(Problem::new(Code::RoomCorrupt, what, hint));
        Ok(match (&self.record, aside) {
            (Some(record), Some(aside)) => problem(
                say!(
                    "A record of the room “{}” in {} was damaged; its second copy is whole.",
                    record.title,
                    path.display()
                ),
                say!(
                    "Nothing was lost, but the disk may be failing. The damaged file was kept as {}.",
                    aside.display()
                ),
            ),
            (Some(record), None) if self.is_missing => problem(
                say!(
                    "The record of the room “{}” in {} was missing; its second copy is whole.",
                    record.title,
                    path.display()
                ),
                say!("Nothing was lost. To leave a room, use Conversa."),
            ),
            (None, Some(aside)) => problem(
                say!("The record of a room in {} is damaged.", path.display()),
                say!("Ask the room's owner for a new invite. The file was kept as {}.", aside.display()),
            ),
            _ => None,
        })
    }
}

fn read_record(found: Found) -> Option<Record> {
    match found {
        Found::Whole(content) => {
            ciborium::from_reader(content.as_slice()).ok().filter(|record: &Record| record.version == VERSION)
        }
        Found::Unchecked(content) => ciborium::from_reader(content.as_slice())
            .ok()
            .filter(|record: &Record| record.version == UNCHECKED_VERSION && record.holds_together()),
        Found::Damaged | Found::Missing => None,
    }
}

/// The room whose damaged record was set aside at `path`.
fn room_of_aside(path: &Path) -> Option<RoomId> {
    path.extension()?.to_str()?.starts_with(files::ASIDE).then_some(())?;
    room_named(path.file_stem()?.to_str()?)
}

fn room_named(name: &str) -> Option<RoomId> {
    let bytes = data_encoding::HEXLOWER.decode(name.as_bytes()).ok()?;
    Some(RoomId(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests;
