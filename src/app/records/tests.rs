//! What records give back after every kind of damage.

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
        assert_eq!((loaded.warnings.len(), loaded.stale, loaded.lost.len()), (1, vec![good.room], 0), "bit {place}");
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
