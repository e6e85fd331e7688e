//! What is kept of each room: enough to come back, nothing of what was said.
//!
//! One CBOR file a room in `rooms/`, named after the room's id. A damaged one is set aside and
//! reported; the others are not touched.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::session::SeatInfo;
use super::{Code, Problem, files, say};
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::{RelayToken, RoomId};
use crate::wire::{self, ByteArray, Signed};

/// The version of the files this program writes.
const VERSION: u64 = 1;
/// The name's end of a record.
const EXTENSION: &str = "cbor";

/// Where an owned room is hosted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostedAt {
    /// On this computer, listening here.
    Here(SocketAddr),
    /// On a relay, which asks for this token.
    Relay(Option<RelayToken>),
    /// By somebody else: the room is not owned.
    Elsewhere,
}

/// A room as it is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    version: u64,
    /// Its id.
    pub room: RoomId,
    suite: u8,
    /// Its title; empty if nobody told.
    pub title: String,
    /// Its first record, signed by its owner.
    pub genesis: Signed,
    /// Where it is hosted.
    pub hosted_at: HostedAt,
    /// The addresses to reach its host at, the best first.
    pub addresses: Vec<String>,
    /// The host's key.
    pub host: Option<Fingerprint>,
    /// The owner keeps the whole roster, for the host forgets it when it quits.
    pub roster: Vec<Signed>,
    /// The number and hash of the newest roster entry: an older roster is not believed.
    pub known: (u64, ByteArray<32>),
    /// When it was last entered, in milliseconds since 1970.
    pub entered_ms: u64,
}

impl Record {
    /// A record of a room that was just made or entered.
    #[must_use]
    pub fn new(room: RoomId, suite: Suite, genesis: Signed, hosted_at: HostedAt) -> Self {
        Self {
            version: VERSION,
            room,
            suite: suite.code(),
            title: String::new(),
            genesis,
            hosted_at,
            addresses: Vec::new(),
            host: None,
            roster: Vec::new(),
            known: (0, ByteArray::new([0; 32])),
            entered_ms: 0,
        }
    }

    /// Its suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        // Checked when it was read.
        Suite::from_code(self.suite).unwrap_or(Suite::Textbook)
    }

    /// Whether this profile's identity owns it.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.hosted_at != HostedAt::Elsewhere
    }

    /// What the faces see of it.
    #[must_use]
    pub fn info(&self) -> SeatInfo {
        SeatInfo {
            room: Some(self.room),
            suite: self.suite(),
            title: self.title.clone(),
            addresses: self.addresses.clone(),
            owned: self.is_owned(),
            hosted_here: matches!(self.hosted_at, HostedAt::Here(_)),
        }
    }
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

    /// Reads all records, the room entered last first, and sets damaged ones aside.
    ///
    /// # Errors
    /// A [`Problem`] if the directory or a file cannot be read at all.
    pub fn load_all(&self) -> Result<(Vec<Record>, Vec<Problem>), Problem> {
        let (mut records, mut warnings) = (Vec::new(), Vec::new());
        for path in self.paths()? {
            match Self::load(&path)? {
                Some(record) => records.push(record),
                None => warnings.push(set_aside(&path)?),
            }
        }
        records.sort_by_key(|record| std::cmp::Reverse(record.entered_ms));
        Ok((records, warnings))
    }

    /// Reads all records that can be read, and changes nothing: for a look while another process
    /// uses the profile.
    ///
    /// # Errors
    /// As [`Self::load_all`].
    pub fn look(&self) -> Result<Vec<Record>, Problem> {
        let mut records = Vec::new();
        for path in self.paths()? {
            records.extend(Self::load(&path)?);
        }
        records.sort_by_key(|record| std::cmp::Reverse(record.entered_ms));
        Ok(records)
    }

    /// Writes a record.
    ///
    /// # Errors
    /// A [`Problem`] that names the file; the old record is still there.
    pub fn save(&self, record: &Record) -> Result<(), Problem> {
        let path = self.path(&record.room);
        files::create_directory(&self.directory).map_err(|error| Problem::cannot_write(&self.directory, &error))?;
        files::write(&path, &wire::encode(record)).map_err(|error| Problem::cannot_write(&path, &error))
    }

    /// Forgets a room.
    ///
    /// # Errors
    /// A [`Problem`] if its file stays.
    pub fn remove(&self, room: &RoomId) -> Result<(), Problem> {
        let path = self.path(room);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Problem::cannot_write(&path, &error)),
            _ => Ok(()),
        }
    }

    fn paths(&self) -> Result<Vec<PathBuf>, Problem> {
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Problem::cannot_read(&self.directory, &error)),
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == EXTENSION));
        paths.sort();
        Ok(paths)
    }

    /// The record at `path`, or `None` if it is damaged.
    fn load(path: &Path) -> Result<Option<Record>, Problem> {
        let bytes = files::read(path).map_err(|error| Problem::cannot_read(path, &error))?.unwrap_or_default();
        let record: Option<Record> = ciborium::from_reader(bytes.as_slice()).ok();
        Ok(record.filter(|record| {
            let named = path.file_stem().is_some_and(|stem| stem.to_string_lossy() == record.room.to_string());
            record.version == VERSION && Suite::from_code(record.suite).is_some() && named
        }))
    }

    fn path(&self, room: &RoomId) -> PathBuf {
        self.directory.join(format!("{room}.{EXTENSION}"))
    }
}

fn set_aside(path: &Path) -> Result<Problem, Problem> {
    let aside = files::set_aside(path).map_err(|error| Problem::cannot_write(path, &error))?;
    let what = say!("The record of a room in {} is damaged.", path.display());
    let hint = say!("Ask the room's owner for a new invite. The file was kept as {}.", aside.display());
    Ok(Problem::new(Code::RoomCorrupt, what, hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u8) -> Record {
        let genesis = Signed { payload: vec![number].into(), signature: vec![1, 2].into() };
        let mut record = Record::new(RoomId([number; 32]), Suite::Secure, genesis, HostedAt::Elsewhere);
        record.title = format!("Room {number}");
        record.addresses = vec!["ann:9000".into()];
        record.entered_ms = u64::from(number);
        record
    }

    #[test]
    fn records_come_back_the_newest_first() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        assert_eq!(records.load_all().unwrap(), (vec![], vec![]));
        let mut owned = record(2);
        owned.hosted_at = HostedAt::Here(([127, 0, 0, 1], 9_000).into());
        owned.roster = vec![owned.genesis.clone()];
        let mut relayed = record(3);
        relayed.hosted_at = HostedAt::Relay(Some(RelayToken::new([9; 32])));
        for record in [&record(1), &owned, &relayed] {
            records.save(record).unwrap();
        }
        assert_eq!(records.load_all().unwrap(), (vec![relayed, owned.clone(), record(1)], vec![]));
        assert!(owned.is_owned() && owned.info().hosted_here && !record(1).is_owned());
        records.remove(&owned.room).unwrap();
        records.remove(&owned.room).unwrap();
        assert_eq!(records.look().unwrap().len(), 2);
    }

    #[test]
    fn a_damaged_record_is_set_aside_and_the_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        for number in 1..=3 {
            records.save(&record(number)).unwrap();
        }
        fs::write(records.path(&RoomId([2; 32])), b"damaged").unwrap();
        fs::copy(records.path(&RoomId([1; 32])), records.path(&RoomId([3; 32]))).unwrap();
        assert_eq!(records.look().unwrap(), vec![record(1)]);
        let (whole, warnings) = records.load_all().unwrap();
        assert_eq!((whole, warnings.len()), (vec![record(1)], 2));
        assert!(
            warnings
                .iter()
                .all(|warning| warning.code == Code::RoomCorrupt && warning.hint.to_string().contains("corrupt-1"))
        );
        assert_eq!(records.load_all().unwrap().1, vec![], "a set aside record is not reported again");
    }
}
