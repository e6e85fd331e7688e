//! What is deleted is gone: from the answers, from the index, and from the file for whoever has its key.

use std::fs;
use std::path::{Path, PathBuf};

use conversa::protocol::Private;
use conversa::store::{Answer, Held, Placed, Question, StoredMessage, Write};
use openssl::symm::{Cipher, Crypter, Mode};

use crate::harness::{DAY_MS, OTHER_ROOM, Place, ROOM, START_MS, key, message, places, raw, room, says, sender, words};

/// A page of the file, and what SQLCipher takes of it for itself.
const PAGE_BYTES: usize = 4096;
const RESERVED_BYTES: usize = 80;

#[test]
fn what_was_kept_for_its_days_goes_from_the_oldest_on() {
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..10).map(|day| at_day(day, &format!("word{day}"))));
    open.write(Write::Sweep { now_ms: START_MS + 100 * DAY_MS });
    assert_eq!(open.until_erased(), 0, "without days all are kept");
    open.write(Write::KeepDays { room: ROOM, days: Some(7) });
    open.write(Write::Sweep { now_ms: START_MS + 10 * DAY_MS });
    assert_eq!(open.until_erased(), 3);
    assert_eq!(places(&open.page(0, 20)), (3..10).collect::<Vec<_>>());
    assert_eq!((open.found("word2").len(), open.found("word3").len(), open.found("word").len()), (0, 1, 7));
    let of_room = open.rooms().remove(0);
    assert_eq!((of_room.first, of_room.count), (3, 7));
    // What is gone is not taken again, and no place is used twice.
    assert_eq!(open.write(at_day(2, "word2")), Some(Placed::Deleted));
    assert_eq!(open.write(at_day(3, "word3")), Some(Placed::Known(3)));
    assert_eq!(open.write(at_day(10, "word10")), Some(Placed::New(10)));
    open.write(Write::Sweep { now_ms: START_MS + 1_000 * DAY_MS });
    assert_eq!(open.until_erased(), 8);
    let of_room = open.rooms().remove(0);
    assert_eq!((of_room.first, of_room.count, of_room.newest), (11, 0, None));
    assert_eq!(open.write(at_day(1_000, "new")), Some(Placed::New(11)));
    // For 60 days its name is remembered.
    open.write(Write::Sweep { now_ms: START_MS + 1_060 * DAY_MS });
    assert_eq!(open.until_erased(), 1);
    assert_eq!(open.write(at_day(4, "word4")), Some(Placed::Deleted));
    open.write(Write::Sweep { now_ms: START_MS + 1_061 * DAY_MS });
    open.until_erased();
    let seen: i64 = {
        open.close();
        raw(&place.path()).query_row("SELECT count(*) FROM seen", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(seen, 1, "that of the last one");
    let open = place.open();
    assert_eq!(open.write(at_day(4, "word4")), Some(Placed::New(12)));
    open.close();
}

/// Somebody's clock was wrong when a message arrived.
#[test]
fn what_is_old_behind_something_younger_is_emptied_and_keeps_its_place() {
    let place = Place::new();
    let open = place.open_room();
    open.write(Write::KeepDays { room: ROOM, days: Some(7) });
    open.write_all([(0, "old"), (300, "future"), (1, "hidden"), (9, "young")].map(|(day, words)| at_day(day, words)));
    for expected in [2, 0] {
        open.write(Write::Sweep { now_ms: START_MS + 10 * DAY_MS });
        assert_eq!(open.until_erased(), expected);
        let rows = open.page(0, 9);
        assert_eq!((places(&rows), &rows[1].held), (vec![1, 2, 3], &Held::Erased));
        assert_eq!([words(&rows[..1]), words(&rows[2..])], [["future"], ["young"]]);
        assert_eq!(open.found("hidden"), [""; 0]);
        assert_eq!(open.write(at_day(1, "hidden")), Some(Placed::Known(2)));
        assert_eq!(open.ask(Question::PlaceOf { room: ROOM, day_ms: 0 }), Answer::Place(Some(3)));
    }
    // When its turn comes, the row goes like others.
    open.write(Write::Sweep { now_ms: START_MS + 400 * DAY_MS });
    assert_eq!(open.until_erased(), 3);
    assert_eq!(open.page(0, 9), []);
    open.close();
}

#[test]
fn a_room_that_is_forgotten_is_gone_at_once_and_may_come_again() {
    let place = Place::new();
    let open = place.open_room();
    open.write(room(OTHER_ROOM));
    open.write(Write::Draft { room: ROOM, text: Some(Private::new("draft".to_owned())) });
    open.write_all((0..1_200).map(|number| says(number, "hello")));
    open.write(Write::Message(StoredMessage { room: OTHER_ROOM, ..message(1, "hello there") }));
    open.write(Write::Forget { room: ROOM });
    assert_eq!((open.rooms().len(), open.page(0, 9)), (1, vec![]));
    assert_eq!(open.found("hello"), ["hello there"]);
    assert_eq!(open.write(says(5_000, "late")), Some(Placed::NoRoom));
    open.write(room(ROOM));
    assert_eq!(open.write(says(1, "again")), Some(Placed::New(0)), "nothing is remembered of the one before");
    assert_eq!(open.until_erased(), 1_200);
    assert_eq!((words(&open.page(0, 9)), open.found("hello").len()), (vec!["again".to_owned()], 1));
    assert_eq!(open.write(Write::Forget { room: conversa::protocol::RoomId([9; 32]) }), Some(Placed::NoRoom));
    open.close();
    let file = raw(&place.path());
    let count = |table: &str| -> i64 {
        file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(["room", "message", "person", "seen"].map(count), [2, 2, 2, 0]);
    file.execute("INSERT INTO words(words, rank) VALUES('integrity-check', 1)", []).unwrap();
}

/// It was asked for, and the program ended before it was done.
#[test]
fn forgetting_goes_on_after_a_restart() {
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..100).map(|number| says(number, "hello")));
    open.close();
    raw(&place.path()).execute("UPDATE room SET room = NULL", []).unwrap();
    let open = place.open();
    assert_eq!(open.until_erased(), 100);
    open.close();
    let left: i64 = raw(&place.path())
        .query_row("SELECT (SELECT count(*) FROM room) + (SELECT count(*) FROM message)", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

/// Found in the decrypted pages while it is there, so that not to find it means something.
#[test]
fn nothing_of_what_was_deleted_is_in_the_file_for_whoever_has_its_key() {
    let place = Place::new();
    let open = place.open_room();
    open.write(room(OTHER_ROOM));
    let kept = |number: u64| {
        let kept = message(number + 10_000, &format!("kept words number {number}"));
        Write::Message(StoredMessage { got_ms: START_MS + 800 * DAY_MS, ..kept })
    };
    open.write_all((0..400).flat_map(|number| {
        let day = if number % 2 == 0 { 0 } else { 300 };
        let sweeps =
            StoredMessage { id: crate::harness::id(number), ..at(day, &format!("zirconium{number} 秘密会議")) };
        let forgotten = StoredMessage { room: OTHER_ROOM, sender: sender(77), ..message(number, "xylophone nocturne") };
        [Write::Message(sweeps), Write::Message(forgotten), kept(number)]
    }));
    open.write(Write::Draft { room: OTHER_ROOM, text: Some(Private::new("quixotic".to_owned())) });
    open.close();
    // Of the index, which holds words without the letters that they share with the word before, and of the rows.
    let gone =
        ["zirconium", "irconium", "xylophone", "nocturne", "quixotic", "秘密会議", "秘密", "密会"].map(str::as_bytes);
    let senders = [[77_u8; 32]];
    let all = || gone.into_iter().chain(senders.iter().map(<[u8; 32]>::as_slice));
    let before = decrypted(&place.path());
    assert!(all().all(|bytes| has(&before, bytes)), "they are found while they are there");

    let open = place.open();
    open.write(Write::KeepDays { room: ROOM, days: Some(400) });
    open.write_all([Write::Forget { room: OTHER_ROOM }, Write::Sweep { now_ms: START_MS + 900 * DAY_MS }]);
    assert_eq!(open.until_erased(), 800);
    let journal = fs::metadata(wal(&place.path())).map_or(0, |metadata| metadata.len());
    assert_eq!(journal, 0, "the journal has no old pages when that is told");
    let after = decrypted(&place.path());
    let left: Vec<_> = all().filter(|bytes| has(&after, bytes)).map(String::from_utf8_lossy).collect();
    assert_eq!(left, [""; 0]);
    open.close();
}

/// Neither in the file nor in its journal, while it is open and after.
#[test]
fn nothing_that_was_written_is_in_the_bytes_for_whoever_lacks_the_key() {
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..500).map(|number| says(number, "the quick brown fox 秘密会議")));
    open.write(Write::Draft { room: ROOM, text: Some(Private::new("jumps over".to_owned())) });
    let plain: [&[u8]; 9] = [
        b"quick",
        b"brown",
        b"jumps",
        "秘密".as_bytes(),
        b"Friday",
        b"CREATE TABLE",
        b"SQLite format",
        &[7; 32],
        &[1; 32],
    ];
    let look = || {
        for file in fs::read_dir(place.path().parent().unwrap()).unwrap() {
            let path = file.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            for words in plain {
                assert!(!has(&bytes, words), "{} has {}", path.display(), String::from_utf8_lossy(words));
            }
        }
    };
    assert!(fs::metadata(wal(&place.path())).unwrap().len() > 10_000, "the journal is in use");
    look();
    open.close();
    assert!(fs::metadata(place.path()).unwrap().len() > 50_000);
    look();
    let decrypted = decrypted(&place.path());
    assert!(plain.iter().filter(|words| **words != b"SQLite format").all(|words| has(&decrypted, words)));
}

fn at(day: u64, words: &str) -> StoredMessage {
    StoredMessage { got_ms: START_MS + day * DAY_MS, ..message(day, words) }
}

fn at_day(day: u64, words: &str) -> Write {
    Write::Message(at(day, words))
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|part| part == wanted)
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Every page of the file, in the clear, as its format is published.
fn decrypted(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    assert_eq!(bytes.len() % PAGE_BYTES, 0);
    let mut all = Vec::new();
    for (number, page) in bytes.chunks(PAGE_BYTES).enumerate() {
        let (data, reserved) = page.split_at(PAGE_BYTES - RESERVED_BYTES);
        // The first begins with the salt.
        let data = if number == 0 { &data[16..] } else { data };
        let mut crypter =
            Crypter::new(Cipher::aes_256_cbc(), Mode::Decrypt, &key().as_bytes()[..32], Some(&reserved[..16])).unwrap();
        crypter.pad(false);
        let mut plain = vec![0; data.len() + 16];
        let mut length = crypter.update(data, &mut plain).unwrap();
        length += crypter.finalize(&mut plain[length..]).unwrap();
        all.extend_from_slice(&plain[..length]);
    }
    all
}
