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
mod tests {
    use super::*;
    use crate::app::HostedAt;
    use crate::crypto::Suite;
    use crate::protocol::{Identity, Memory, Now, RelayToken, new_room};
    use crate::wire::Signed;

    fn record(number: u8) -> Record {
        let genesis = Signed { payload: vec![number].into(), signature: vec![1, 2].into() };
        let mut record = Record::new(RoomId([number; 32]), Suite::Classical, genesis, HostedAt::Elsewhere);
        record.title = format!("Room {number}");
        record.addresses = vec!["ann:9000".into()];
        record.entered_ms = u64::from(number);
        record
    }

    fn owned(number: u8) -> Record {
        let mut record = record(number);
        record.hosted_at = HostedAt::Here(([127, 0, 0, 1], 9_000).into());
        assert!(record.add_entry(1, &record.genesis.clone()));
        record
    }

    #[test]
    fn records_come_back_the_newest_first() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        assert_eq!(records.load_all().unwrap(), LoadedRecords::default());
        let mut relayed = record(3);
        relayed.hosted_at = HostedAt::Relay(Some(RelayToken::new([9; 32])));
        let owned = owned(2);
        for record in [&record(1), &owned, &relayed] {
            records.save(record).unwrap();
        }
        let expected = LoadedRecords { records: vec![relayed, owned.clone(), record(1)], ..LoadedRecords::default() };
        assert_eq!(records.load_all().unwrap(), expected);
        assert!(owned.is_owned() && owned.info().hosted_here && !record(1).is_owned());
        records.remove(&owned.room).unwrap();
        records.remove(&owned.room).unwrap();
        assert_eq!(records.look().unwrap().0.len(), 2);
    }

    #[test]
    fn a_title_of_an_earlier_version_comes_back_in_the_form_of_today() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        for (before, today) in [("Cafe\u{301} ", "Caf\u{e9}"), ("\u{3164}", "")] {
            records.save(&Record { title: before.to_owned(), ..record(1) }).unwrap();
            assert_eq!(records.load(&RoomId([1; 32])).unwrap().record.unwrap().title, today);
        }
    }

    #[test]
    fn a_record_that_is_damaged_in_both_copies_is_set_aside_and_the_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        for number in 1..=3 {
            records.save(&record(number)).unwrap();
        }
        let path = |number: u8| records.path(&RoomId([number; 32]));
        for copy in [path(2), checked::copy_of(&path(2))] {
            fs::write(copy, b"damaged").unwrap();
        }
        for (from, to) in [(path(1), path(3)), (path(1), checked::copy_of(&path(3)))] {
            fs::copy(from, to).unwrap();
        }
        assert_eq!(records.look().unwrap().0, vec![record(1)]);
        let loaded = records.load_all().unwrap();
        assert_eq!((loaded.records, loaded.warnings.len()), (vec![record(1)], 2));
        for warning in loaded.warnings {
            assert!(warning.code == Code::RoomCorrupt && warning.hint.to_string().contains("corrupt-2"), "{warning}");
        }
        let rooms = |lost: Vec<(RoomId, PathBuf)>| lost.into_iter().map(|(room, _)| room).collect::<Vec<_>>();
        assert_eq!(rooms(loaded.lost), [RoomId([2; 32]), RoomId([3; 32])]);
        let again = records.load_all().unwrap();
        assert_eq!(again.warnings, vec![], "a set aside record is not reported again");
        assert_eq!(rooms(again.lost), [RoomId([2; 32]), RoomId([3; 32])], "and not forgotten");
    }

    /// Whatever bit of whichever file flips, and wherever a file is cut or gone: the record is there all the same,
    /// or, with both damaged, told as damaged. It is never another one.
    #[test]
    fn any_flipped_bit_of_a_record_is_healed_from_the_other_copy_and_told() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        let good = owned(2);
        records.save(&good).unwrap();
        let path = records.path(&good.room);
        let (first, second) = (path.clone(), checked::copy_of(&path));
        let bytes = fs::read(&path).unwrap();
        for place in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            let (hit, other) = if place % 2 == 0 { (&first, &second) } else { (&second, &first) };
            fs::write(hit, &flipped).unwrap();
            fs::write(other, &bytes).unwrap();
            let loaded = records.load_all().unwrap();
            assert_eq!(loaded.records, vec![good.clone()], "bit {place}");
            assert_eq!(
                (loaded.warnings.len(), loaded.stale, loaded.lost.len()),
                (1, vec![good.room], 0),
                "bit {place}"
            );
            assert!(loaded.warnings[0].text().contains("damaged"));
            fs::write(hit, &flipped).unwrap();
            fs::write(other, &flipped).unwrap();
            let loaded = records.load_all().unwrap();
            assert_eq!((loaded.records, loaded.warnings.len(), loaded.lost.len()), (vec![], 1, 1), "bit {place}");
            for entry in fs::read_dir(directory.path().join("rooms")).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
    }

    #[test]
    fn a_copy_that_is_missing_or_older_is_written_anew_and_the_roster_never_shrinks() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        let old = owned(2);
        let mut new = old.clone();
        assert!(new.add_entry(2, &new.genesis.clone()) && !new.add_entry(2, &new.genesis.clone()));
        let mut memory = Memory::new(new.room);
        memory.learn(2, &[7; 32]);
        assert!(new.learn(&memory) && !new.learn(&Memory::new(new.room)) && !new.learn(&old.memory()));
        assert!(old.lacks_entries(&memory) && !new.lacks_entries(&memory));
        let path = records.path(&new.room);
        // A crash between the two copies, or somebody who restored an older one.
        for (first, second) in [(&new, &old), (&old, &new)] {
            records.save(second).unwrap();
            let kept = fs::read(checked::copy_of(&path)).unwrap();
            records.save(first).unwrap();
            fs::write(checked::copy_of(&path), kept).unwrap();
            let loaded = records.load_all().unwrap();
            let [found] = loaded.records.as_slice() else { panic!("{loaded:?}") };
            assert_eq!((found.roster(), found.memory()), (new.roster(), new.memory()));
            assert_eq!((loaded.stale, loaded.warnings), (vec![new.room], vec![]));
        }
        records.save(&new).unwrap();
        fs::remove_file(checked::copy_of(&path)).unwrap();
        let loaded = records.load_all().unwrap();
        assert_eq!((loaded.records, loaded.stale, loaded.warnings), (vec![new.clone()], vec![new.room], vec![]));
        records.save(&new).unwrap();
        fs::remove_file(&path).unwrap();
        let loaded = records.load_all().unwrap();
        assert_eq!((loaded.records, loaded.stale, loaded.warnings.len()), (vec![new.clone()], vec![new.room], 1));
    }

    /// Of a Conversa before there were checksums: what does not hold by its signatures is damaged.
    #[test]
    fn a_record_without_a_checksum_is_read_once_and_checked_by_its_signatures() {
        let backend = Suite::Textbook.backend();
        let (signing, decryption) = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
        let owner = Identity::new(signing, decryption, Now::default()).unwrap();
        let random = &mut crate::crypto::SystemRandom::new();
        let (room, genesis) = new_room(&owner, Suite::Textbook, false, 8, Now::default(), random).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        let record = Record::new(room, Suite::Textbook, genesis, HostedAt::Elsewhere);
        files::create_directory(&directory.path().join("rooms")).unwrap();
        let write = |record: &Record| fs::write(records.path(&room), wire::encode(record)).unwrap();
        write(&Record { version: UNCHECKED_VERSION, ..record.clone() });
        let loaded = records.load_all().unwrap();
        assert_eq!((loaded.records, loaded.stale, loaded.warnings), (vec![record.clone()], vec![room], vec![]));
        let mut other = record.genesis.clone();
        other.signature[3] ^= 1;
        for wrong in [
            Record { version: VERSION, ..record.clone() },
            Record { version: UNCHECKED_VERSION, genesis: other, ..record.clone() },
            Record { version: UNCHECKED_VERSION, suite: Suite::Hybrid, ..record.clone() },
        ] {
            write(&wrong);
            assert_eq!(records.load_all().unwrap().records, vec![]);
        }
    }

    /// None is mistaken for another, least of all for the one without security.
    #[test]
    fn a_suite_that_is_not_known_makes_a_record_unreadable() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        let record = record(1);
        records.save(&record).unwrap();
        let mut map: ciborium::Value = ciborium::from_reader(wire::encode(&record).as_slice()).unwrap();
        let fields = map.as_map_mut().unwrap();
        for code in (0..=u8::MAX).filter(|code| Suite::from_code(*code).is_none()) {
            let field = fields.iter_mut().find(|(key, _)| key.as_text() == Some("suite")).unwrap();
            field.1 = ciborium::Value::from(code);
            let mut content = Vec::new();
            ciborium::into_writer(&ciborium::Value::Map(fields.clone()), &mut content).unwrap();
            checked::write(&records.path(&record.room), &content).unwrap();
            assert_eq!(records.look().unwrap().0, vec![], "suite {code}");
        }
    }

    /// Whatever is in a record's place is reported by name and left alone, and one intact copy is enough.
    #[cfg(unix)]
    #[test]
    fn what_is_no_file_in_the_place_of_a_record_is_named_and_the_others_are_read() {
        use std::os::unix::fs::symlink;
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        (1..=2).for_each(|number| records.save(&record(number)).unwrap());
        let place = |number: u8| records.path(&RoomId([number; 32]));
        // The second copy is whole.
        fs::remove_file(place(2)).unwrap();
        fs::create_dir(place(2)).unwrap();
        fs::create_dir(place(3)).unwrap();
        nix::unistd::mkfifo(&place(4), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(place(5)).unwrap();
        symlink(place(6), place(6)).unwrap();
        symlink("/dev/zero", place(7)).unwrap();
        symlink("/nonexistent", place(8)).unwrap();
        fs::File::create(place(9)).unwrap().set_len(1 << 40).unwrap();
        for _ in 0..2 {
            let (found, problems) = records.look().unwrap();
            assert_eq!(found, [record(2), record(1)]);
            let loaded = records.load_all().unwrap();
            assert_eq!(loaded.records, [record(2), record(1)]);
            for told in [problems, loaded.warnings] {
                assert_eq!(told.len(), 8, "{told:?}");
                for number in 2..=9 {
                    let is_it =
                        |problem: &&Problem| problem.what.to_string().contains(&place(number).display().to_string());
                    let told = told.iter().find(is_it).unwrap();
                    assert!(told.code == Code::CannotRead && !told.hint.is_empty(), "{told}");
                }
            }
            assert_eq!(loaded.lost.len(), 7, "none is taken for a room that never was");
        }
    }

    #[test]
    fn what_is_named_like_no_record_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let records = Records::new(directory.path());
        records.save(&record(1)).unwrap();
        fs::create_dir(directory.path().join("rooms/x.cbor")).unwrap();
        fs::write(directory.path().join("rooms/notes.corrupt-1"), b"mine").unwrap();
        let expected = LoadedRecords { records: vec![record(1)], ..LoadedRecords::default() };
        assert_eq!(records.load_all().unwrap(), expected);
    }
}
