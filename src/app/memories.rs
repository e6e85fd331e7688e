//! What is remembered about every room for ever: `memory.cbor` in the profile, with a checksum and a second copy.
//!
//! It outlives the rooms' records, which are deleted when a room is left, or lost with a disk. So no old invite,
//! address or lost file leads anybody back to an older roster, and no new room replaces an owned one whose record is
//! gone. It holds no messages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checked::{self, Found};
use super::lost_room::LostRoom;
use super::{Code, Problem, Record, files, say};
use crate::protocol::{Ending, Memory, RoomId};
use crate::wire;

/// The version of the file.
const VERSION: u64 = 1;
/// The most rooms remembered, about 150 bytes each: more than anybody enters. Beyond it, rooms that were left are
/// dropped first, the longest unused before others.
const ROOMS_REMEMBERED: usize = 16_384;

/// What is remembered of a room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Remembered {
    memory: Memory,
    /// Its title, to name a lost record.
    title: String,
    /// Whether this profile's identity owns it.
    owned: bool,
    /// When it was last entered, in milliseconds since 1970.
    entered_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Content {
    version: u64,
    rooms: Vec<Remembered>,
}

/// What is remembered of all rooms.
#[derive(Debug)]
pub struct Memories {
    path: PathBuf,
    rooms: BTreeMap<RoomId, Remembered>,
    unsaved: bool,
}

impl Memories {
    /// Reads what is remembered, and merges what the records know in addition. Damaged copies are set aside and
    /// reported.
    ///
    /// # Errors
    /// A [`Problem`] if the file cannot be read, or a damaged one stays where it is.
    pub fn load(profile: &Path, records: &[Record]) -> Result<(Self, Vec<Problem>), Problem> {
        let path = profile.join("memory.cbor");
        let mut memories = Self { path: path.clone(), rooms: BTreeMap::new(), unsaved: false };
        let (mut whole, mut damaged, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        for copy in [checked::copy_of(&path), path] {
            match checked::read(&copy) {
                Ok(Found::Whole(content)) => match read_content(&content) {
                    Some(rooms) => whole.push(rooms),
                    None => damaged.push(copy),
                },
                Ok(Found::Unchecked(_) | Found::Damaged) => damaged.push(copy),
                Ok(Found::Missing) => {}
                Err(error) => unreadable.push((copy, error)),
            }
        }
        // Without an intact second copy, one that cannot be read now may be all there is.
        if let Some((copy, error)) = unreadable.first().filter(|_| whole.is_empty()) {
            return Err(Problem::cannot_read(copy, error));
        }
        damaged.extend(unreadable.into_iter().map(|(copy, _)| copy));
        memories.unsaved = whole.len() != 2 || whole.first() != whole.last();
        let is_lost = whole.is_empty() && !damaged.is_empty();
        whole.into_iter().flatten().for_each(|room| memories.take(room));
        records.iter().for_each(|record| memories.keep(record));
        let mut warnings = Vec::new();
        for copy in damaged {
            let aside = files::set_aside(&copy).map_err(|error| Problem::cannot_write(&copy, &error))?;
            warnings.push(damage(&copy, &aside, is_lost));
        }
        memories.unsaved &= !memories.rooms.is_empty();
        Ok((memories, warnings))
    }

    /// What is remembered of a room.
    #[must_use]
    pub fn of(&self, room: &RoomId) -> Option<Memory> {
        self.rooms.get(room).map(|remembered| remembered.memory)
    }

    /// Whether this profile's identity owns a room that has not ended.
    #[must_use]
    pub fn owns(&self, room: &RoomId) -> bool {
        self.rooms.get(room).is_some_and(|known| known.owned && known.memory.ended().is_none())
    }

    /// Merges a record. It may know more of the roster, and never reduces what is remembered.
    pub fn keep(&mut self, record: &Record) {
        let memory = self.of(&record.room).unwrap_or(record.memory());
        let (title, owned, entered_ms) = (record.title.clone(), record.is_owned(), record.entered_ms);
        self.take(Remembered { memory, title, owned, entered_ms });
        self.learn(&record.memory());
    }

    /// The roster was seen that far.
    pub fn learn(&mut self, seen: &Memory) {
        if let Some(known) = self.rooms.get_mut(&seen.room()) {
            let before = known.memory;
            known.memory.learn(seen.number(), seen.hash());
            self.unsaved |= known.memory != before;
        }
    }

    /// A room ended.
    pub fn end(&mut self, room: &RoomId, ending: Ending) {
        self.change(room, |memory| memory.end(ending));
    }

    /// A room was entered again.
    pub fn begin_again(&mut self, room: &RoomId) {
        self.change(room, Memory::begin_again);
    }

    /// Rooms that the person has left.
    pub fn left(&self) -> impl Iterator<Item = RoomId> + '_ {
        self.rooms.iter().filter(|(_, known)| known.memory.ended() == Some(Ending::Left)).map(|(room, _)| *room)
    }

    /// Rooms of this profile that have not ended and have no record among `records`; `left` is what is left of damaged
    /// ones.
    #[must_use]
    pub fn lost(&self, records: &[Record], left: &[(RoomId, PathBuf)]) -> Vec<LostRoom> {
        let is_whole = |room: &RoomId| records.iter().any(|record| record.room == *room);
        let place = |room: &RoomId| {
            let file = left.iter().find(|(lost, _)| lost == room).map(|(_, path)| path.clone());
            file.unwrap_or_else(|| self.path.with_file_name("rooms").join(format!("{room}.cbor")))
        };
        let owned = self.rooms.keys().filter(|room| self.owns(room) && !is_whole(room));
        let owned = owned.map(|room| (room, self.rooms.get(room).map(|known| known.title.clone())));
        // Nothing is remembered about it: it may be any room.
        let unknown = left.iter().filter(|(room, _)| !self.rooms.contains_key(room)).map(|(room, _)| (room, None));
        owned.chain(unknown).map(|(room, title)| LostRoom { room: *room, title, path: place(room) }).collect()
    }

    /// Writes what changed, and then the second copy.
    ///
    /// # Errors
    /// A [`Problem`] that names the file; what was written before is still there.
    pub fn save(&mut self) -> Result<(), Problem> {
        if !self.unsaved {
            return Ok(());
        }
        self.forget_beyond(ROOMS_REMEMBERED);
        let content = wire::encode(&Content { version: VERSION, rooms: self.rooms.values().cloned().collect() });
        checked::write(&self.path, &content).map_err(|error| Problem::cannot_write(&self.path, &error))?;
        self.unsaved = false;
        Ok(())
    }

    fn change(&mut self, room: &RoomId, change: impl FnOnce(&mut Memory)) {
        if let Some(known) = self.rooms.get_mut(room) {
            let before = known.memory;
            change(&mut known.memory);
            self.unsaved |= known.memory != before;
        }
    }

    /// Merges what another copy says about a room.
    fn take(&mut self, other: Remembered) {
        let room = other.memory.room();
        let known = self.rooms.entry(room).or_insert_with(|| {
            self.unsaved = true;
            other.clone()
        });
        let before = known.clone();
        let mut memory = known.memory;
        memory.merge(&other.memory);
        *known = Remembered { memory, ..other };
        self.unsaved |= *known != before;
    }

    fn forget_beyond(&mut self, most: usize) {
        while self.rooms.len() > most {
            let age = |known: &Remembered| (known.memory.ended().is_none(), known.entered_ms);
            let Some(room) = self.rooms.iter().min_by_key(|(_, known)| age(known)).map(|(room, _)| *room) else {
                return;
            };
            self.rooms.remove(&room);
        }
    }
}

fn read_content(content: &[u8]) -> Option<Vec<Remembered>> {
    let content: Content = ciborium::from_reader(content).ok()?;
    (content.version == VERSION).then_some(content.rooms)
}

fn damage(path: &Path, aside: &Path, is_lost: bool) -> Problem {
    let what = say!("What is remembered of rooms, in {}, was damaged.", path.display());
    let hint = if is_lost {
        say!(
            "Compare the room code before you rely on a room that you left before. The damaged file was kept as {}.",
            aside.display()
        )
    } else {
        say!("Nothing was lost, but the disk may be failing. The damaged file was kept as {}.", aside.display())
    };
    Problem::new(Code::RoomCorrupt, what, hint)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::app::HostedAt;
    use crate::crypto::Suite;
    use crate::wire::Signed;

    fn record(number: u8, seen: u64) -> Record {
        let genesis = Signed { payload: vec![number].into(), signature: vec![1].into() };
        let hosted_at = HostedAt::Here(([127, 0, 0, 1], 9_000).into());
        let mut record = Record::new(RoomId([number; 32]), Suite::Classical, genesis, hosted_at);
        record.title = format!("Room {number}");
        record.entered_ms = u64::from(number);
        record.learn(&memory(number, seen));
        record
    }

    fn memory(room: u8, seen: u64) -> Memory {
        let mut memory = Memory::new(RoomId([room; 32]));
        memory.learn(seen, &[u8::try_from(seen).unwrap(); 32]);
        memory
    }

    #[test]
    fn what_was_seen_outlives_leaving_and_a_lost_record_and_never_shrinks() {
        let directory = tempfile::tempdir().unwrap();
        let load = |records: &[Record]| Memories::load(directory.path(), records).unwrap().0;
        let mut memories = load(&[record(1, 5), record(2, 3)]);
        memories.end(&RoomId([2; 32]), Ending::Left);
        memories.save().unwrap();
        assert_eq!(load(&[]).of(&RoomId([1; 32])), Some(memory(1, 5)), "the record is lost");
        let left = load(&[]).of(&RoomId([2; 32])).unwrap();
        assert_eq!((left.number(), left.ended()), (3, Some(Ending::Left)));
        // An older record was restored; a newer one knows more.
        assert_eq!(load(&[record(1, 4)]).of(&RoomId([1; 32])), Some(memory(1, 5)));
        assert_eq!(load(&[record(1, 6)]).of(&RoomId([1; 32])), Some(memory(1, 6)));
        let mut memories = load(&[]);
        memories.learn(&memory(1, 2));
        assert_eq!(memories.of(&RoomId([1; 32])), Some(memory(1, 5)));
        memories.begin_again(&RoomId([2; 32]));
        assert_eq!(memories.of(&RoomId([2; 32])), Some(memory(2, 3)));
        assert_eq!(memories.of(&RoomId([9; 32])), None);
    }

    #[test]
    fn an_owned_room_without_a_record_is_known_to_be_lost_unless_it_ended() {
        let directory = tempfile::tempdir().unwrap();
        let (mut memories, _) = Memories::load(directory.path(), &[record(1, 5), record(2, 3), record(3, 1)]).unwrap();
        memories.end(&RoomId([3; 32]), Ending::Closed);
        let missing = directory.path().join("rooms").join(format!("{}.cbor", RoomId([1; 32])));
        let lost = LostRoom { room: RoomId([1; 32]), title: Some("Room 1".to_owned()), path: missing };
        assert_eq!(memories.lost(&[record(2, 3)], &[]), std::slice::from_ref(&lost));
        assert_eq!(memories.lost(&[record(1, 5), record(2, 3)], &[]), []);
        let unknown = (RoomId([8; 32]), PathBuf::from("8.corrupt-1"));
        let other = LostRoom { room: unknown.0, title: None, path: unknown.1.clone() };
        assert_eq!(memories.lost(&[record(2, 3)], std::slice::from_ref(&unknown)), [lost, other]);
    }

    #[test]
    fn any_flipped_bit_is_healed_from_the_other_copy_and_told() {
        let directory = tempfile::tempdir().unwrap();
        let (mut memories, _) = Memories::load(directory.path(), &[record(1, 5)]).unwrap();
        memories.save().unwrap();
        let first = directory.path().join("memory.cbor");
        let second = checked::copy_of(&first);
        let good = fs::read(&first).unwrap();
        for place in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            let (hit, other) = if place % 2 == 0 { (&first, &second) } else { (&second, &first) };
            fs::write(hit, &flipped).unwrap();
            fs::write(other, &good).unwrap();
            let (mut loaded, warnings) = Memories::load(directory.path(), &[]).unwrap();
            assert_eq!((loaded.of(&RoomId([1; 32])), warnings.len()), (Some(memory(1, 5)), 1), "bit {place}");
            fs::remove_file(directory.path().join("memory.corrupt-1")).unwrap();
            // Making sure that it is on disk takes a while.
            if place % 101 == 0 {
                loaded.save().unwrap();
                assert_eq!((fs::read(hit).unwrap(), fs::read(other).unwrap()), (good.clone(), good.clone()));
            }
        }
        fs::write(&first, b"damaged").unwrap();
        fs::write(&second, b"damaged").unwrap();
        let (loaded, warnings) = Memories::load(directory.path(), &[record(1, 4)]).unwrap();
        assert_eq!((loaded.of(&RoomId([1; 32])), warnings.len()), (Some(memory(1, 4)), 2), "what the record knows");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_set_aside_if_the_other_copy_is_whole_and_else_stops() {
        let directory = tempfile::tempdir().unwrap();
        let first = directory.path().join("memory.cbor");
        for odd in [first.clone(), checked::copy_of(&first)] {
            let (mut memories, _) = Memories::load(directory.path(), &[record(1, 5)]).unwrap();
            memories.save().unwrap();
            fs::remove_file(&odd).unwrap();
            fs::create_dir(&odd).unwrap();
            let (mut loaded, warnings) = Memories::load(directory.path(), &[]).unwrap();
            assert_eq!((loaded.of(&RoomId([1; 32])), warnings.len()), (Some(memory(1, 5)), 1), "{}", odd.display());
            loaded.save().unwrap();
            assert!(odd.is_file(), "the copy is made anew");
        }
        fs::remove_file(&first).unwrap();
        fs::create_dir(&first).unwrap();
        fs::remove_file(checked::copy_of(&first)).unwrap();
        Memories::load(directory.path(), &[record(1, 5)]).map(|_| ()).expect_err("it may be all there is");
        assert!(first.is_dir(), "and stays where it is");
    }

    #[test]
    fn so_many_rooms_are_remembered_and_those_that_were_left_go_first() {
        let directory = tempfile::tempdir().unwrap();
        let (mut memories, _) = Memories::load(directory.path(), &[record(1, 1), record(2, 1), record(3, 1)]).unwrap();
        memories.end(&RoomId([3; 32]), Ending::Left);
        memories.forget_beyond(2);
        assert_eq!(memories.rooms.keys().copied().collect::<Vec<_>>(), [RoomId([1; 32]), RoomId([2; 32])]);
        memories.forget_beyond(1);
        assert_eq!(memories.rooms.keys().copied().collect::<Vec<_>>(), [RoomId([2; 32])]);
    }
}
