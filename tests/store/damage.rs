//! Files that cannot be used: each is told for what it is, and stays as it was.

use std::fs;
use std::path::{Path, PathBuf};

use conversa::crypto::SystemRandom;
use conversa::store::{Answer, FileKey, News, Question, StoreError};
use zeroize::Zeroizing;

use crate::harness::{Open, Place, ROOM, key, looking_for, open, open_with, places, raw, read_up_to, says};
use crate::patience::PATIENCE;

/// A store with a few hundred messages, closed.
fn filled() -> Place {
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..300).map(|number| says(number, &format!("some words of number {number}"))));
    open.close();
    place
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Opens what is there, which fails, and holds that its bytes stay.
fn error_of(path: &Path) -> StoreError {
    let read = || [path.to_owned(), beside(path, "-wal")].map(|path| fs::read(path).unwrap_or_default());
    let before = read();
    let error = open(path).err().expect("it cannot be opened");
    assert!(read() == before, "what was there is as it was");
    error
}

#[test]
fn another_key_opens_nothing_and_changes_nothing() {
    let place = filled();
    let before = fs::read(place.path()).unwrap();
    let other = FileKey::new(&mut SystemRandom::new()).unwrap();
    assert_eq!(open_with(&place.path(), &other).err(), Some(StoreError::WrongKey));
    // With the same salt it would be damage; nobody has such a key.
    let mut same_salt = Zeroizing::new(*key().as_bytes());
    same_salt[0] ^= 1;
    assert_eq!(open_with(&place.path(), &FileKey::from_bytes(same_salt)).err(), Some(StoreError::Damaged));
    assert!(fs::read(place.path()).unwrap() == before);
    place.open().close();
}

#[test]
fn what_is_no_store_is_never_written_over() {
    let place = Place::new();
    let path = place.path();
    fs::create_dir(path.parent().unwrap()).unwrap();
    for (bytes, error) in [
        (vec![], StoreError::Damaged),
        (b"not a database".to_vec(), StoreError::WrongKey),
        (vec![0; 10_000], StoreError::WrongKey),
        (b"SQLite format 3\0".repeat(1_000), StoreError::WrongKey),
    ] {
        fs::write(&path, &bytes).unwrap();
        assert_eq!(error_of(&path), error, "{} bytes", bytes.len());
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(open(&path).err(), Some(StoreError::Other(_))));
    assert!(path.is_dir());
}

/// A database of SQLite without a key would open, had it no seal to check.
#[test]
fn a_database_in_the_clear_is_not_taken() {
    let place = Place::new();
    fs::create_dir(place.path().parent().unwrap()).unwrap();
    let plain = rusqlite::Connection::open(place.path()).unwrap();
    plain.execute_batch("CREATE TABLE room(id); PRAGMA user_version = 1;").unwrap();
    drop(plain);
    assert_eq!(error_of(&place.path()), StoreError::WrongKey);
}

#[test]
fn a_file_that_lost_its_end_is_told_and_kept() {
    let place = filled();
    let whole = fs::read(place.path()).unwrap();
    let lengths = [1, 15, 16, 100, 4_095, 4_096, 4_097, 8_192, whole.len() / 2, whole.len() - 4_096, whole.len() - 1];
    for length in lengths {
        fs::write(place.path(), &whole[..length]).unwrap();
        assert_eq!(error_of(&place.path()), StoreError::Damaged, "{length} bytes");
    }
}

/// What was not yet moved out of the journal belongs to the file that is gone.
#[test]
fn a_journal_without_its_file_is_not_given_to_a_new_one() {
    let place = filled();
    fs::remove_file(place.path()).unwrap();
    fs::write(beside(&place.path(), "-wal"), b"what a crash left").unwrap();
    assert_eq!(error_of(&place.path()), StoreError::Damaged);
    assert!(!place.path().exists());
}

#[test]
fn a_newer_store_is_told_and_never_written_to() {
    let place = filled();
    raw(&place.path()).pragma_update(None, "user_version", 99).unwrap();
    assert_eq!(error_of(&place.path()), StoreError::Newer { found: 99, known: 2 });
    // Nor if a crash left something in its journal.
    let file = raw(&place.path());
    file.pragma_update(None, "user_version", 100).unwrap();
    let other = image(&place);
    assert!(fs::metadata(beside(&other.path(), "-wal")).unwrap().len() > 0);
    assert_eq!(error_of(&other.path()), StoreError::Newer { found: 100, known: 2 });
    file.pragma_update(None, "user_version", 0).unwrap();
    drop(file);
    assert_eq!(error_of(&place.path()), StoreError::Damaged, "no store was ever without a format");
}

/// Wherever a byte is not what it was: what is told then is an error, and never anything that nobody wrote.
#[test]
fn no_changed_byte_is_ever_taken_for_a_message() {
    let place = filled();
    let whole = fs::read(place.path()).unwrap();
    let questions = || {
        let pages = (0..300).step_by(50).map(|from| Question::Page { room: ROOM, from, count: 50 });
        pages.chain([Question::Rooms, Question::Search(looking_for("words"))])
    };
    let truth: Vec<Answer> = {
        let open = place.open();
        let truth = questions().map(|question| open.ask(question)).collect();
        open.close();
        truth
    };
    let (mut at_open, mut later, mut some) = (0, 0, 0);
    let places = (0..32).step_by(5).chain((32..whole.len()).step_by(1_237)).chain([whole.len() - 1]);
    for at in places {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        let place = Place::new();
        fs::create_dir(place.path().parent().unwrap()).unwrap();
        fs::write(place.path(), &changed).unwrap();
        match open(&place.path()) {
            Err(error) => {
                assert_eq!(error, StoreError::Damaged, "at {at}");
                at_open += 1;
            }
            Ok(open) => {
                let asked = |open: &Open, (question, truth): (Question, &Answer)| {
                    let answer = open.ask(question);
                    let is_told = answer == Answer::Failed(StoreError::Damaged);
                    assert!(answer == *truth || is_told, "at {at}: {answer:?}");
                    is_told
                };
                let told: Vec<bool> = questions().zip(&truth).map(|pair| asked(&open, pair)).collect();
                open.close();
                // One damaged page hides nothing that is in others, whatever is asked before.
                let open = place.open();
                let pairs: Vec<_> = questions().zip(&truth).collect();
                let mut again: Vec<bool> = pairs.into_iter().rev().map(|pair| asked(&open, pair)).collect();
                again.reverse();
                assert_eq!(told, again, "at {at}");
                later += told.iter().filter(|told| **told).count();
                some += usize::from(told.contains(&true) && told.contains(&false));
                open.close();
            }
        }
        assert!(fs::read(place.path()).unwrap() == changed, "at {at}: to read it changed it");
    }
    assert!(at_open > 0 && later > 0 && some > 10, "{at_open} were found at once, {later} later, {some} with others");
}

/// It may be the person's last copy: what can be read is shown, and nothing that was typed is taken for stored.
#[test]
fn a_write_that_meets_a_damaged_page_is_told_and_the_rest_can_be_read() {
    let place = filled();
    let bytes = damage(&place, "leaf");
    let open = place.open();
    open.store.write(says(1_000, "one more")).unwrap();
    let error = open.until(|news| if let News::Failed(error) = news { Some(error.clone()) } else { None });
    assert_eq!(error, StoreError::Damaged);
    assert_eq!(open.ask(Question::Page { room: ROOM, from: 298, count: 9 }), Answer::Failed(StoreError::Damaged));
    assert_eq!(places(&open.page(0, 5)), [0, 1, 2, 3, 4]);
    assert_eq!(open.store.close(PATIENCE).unwrap_err().0, 1);
    assert!(fs::read(place.path()).unwrap() == bytes);
}

/// SQLCipher has zeros in the place of a damaged page, which are as good as any text at the end of a long one.
#[test]
fn a_long_text_whose_end_is_damaged_is_no_text() {
    let place = Place::new();
    let open = place.open_room();
    // Nothing of it is for the index, so its own end is at the end of its row.
    open.write(says(0, &"!".repeat(15_000)));
    open.close();
    let bytes = damage(&place, "overflow");
    let open = place.open();
    assert_eq!(open.ask(Question::Rooms), Answer::Failed(StoreError::Damaged));
    assert_eq!(open.ask(Question::Page { room: ROOM, from: 0, count: 1 }), Answer::Failed(StoreError::Damaged));
    open.close();
    assert!(fs::read(place.path()).unwrap() == bytes);
}

/// Changes a byte in the last page of a kind that messages are in; gives the file's bytes.
fn damage(place: &Place, kind: &str) -> Vec<u8> {
    let file = raw(&place.path());
    let select = "SELECT pageno FROM dbstat WHERE name = 'message' AND pagetype = ?1 ORDER BY path DESC LIMIT 1";
    let page: u32 = file.query_row(select, [kind], |row| row.get(0)).unwrap();
    drop(file);
    let mut bytes = fs::read(place.path()).unwrap();
    bytes[(page as usize - 1) * 4_096 + 100] ^= 1;
    fs::write(place.path(), &bytes).unwrap();
    bytes
}

/// After a crash every page is looked at, also those that nobody would read for months.
#[test]
fn after_a_crash_the_whole_file_is_looked_at() {
    let place = filled();
    let open_one = place.open();
    open_one.write(read_up_to(4));
    let left = image(&place);
    open_one.close();
    let (path, journal) = (left.path(), beside(&left.path(), "-wal"));
    let (file, written) = (fs::read(&path).unwrap(), fs::read(&journal).unwrap());
    assert!(!written.is_empty());
    let open_two = left.open();
    assert_eq!(open_two.rooms()[0].read_up_to, 5, "what the journal had is there");
    open_two.close();

    let last_page = file.len() - 2_000;
    let mut changed = file;
    changed[last_page] ^= 1;
    fs::write(&path, &changed).unwrap();
    fs::write(&journal, &written).unwrap();
    assert_eq!(open(&path).err(), Some(StoreError::Damaged));
    let now = fs::read(&path).unwrap();
    assert_eq!(now[last_page], changed[last_page], "nothing is put in its place");
    // It is a closed file now, whose damage is told when somebody reads it.
    fs::write(&path, &changed).unwrap();
    open(&path).unwrap().close();
}

/// What a crash would leave of an open store.
fn image(place: &Place) -> Place {
    let image = Place::new();
    fs::create_dir(image.path().parent().unwrap()).unwrap();
    for ending in ["", "-wal"] {
        fs::copy(beside(&place.path(), ending), beside(&image.path(), ending)).unwrap();
    }
    image
}
