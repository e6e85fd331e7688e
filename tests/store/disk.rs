//! A disk that is full, and one that cannot be written to. A small disk of their own is made in a namespace, for which
//! Linux asks for no privilege, unless somebody forbade that.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use conversa::store::{Answer, News, Placed, Question, StoreError};

use crate::harness::{ROOM, key, open, places, read_up_to, room, says};
use crate::output::output;
use crate::skip::skip;

/// Tells the other process where to make its disk.
const DISK: &str = "CONVERSA_STORE_DISK";

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    match in_a_namespace("disk::on_a_full_disk") {
        Ok(()) => {}
        Err(reason) => skip(&reason),
    }
}

#[test]
fn a_place_that_cannot_be_written_to_is_told() {
    match in_a_namespace("disk::on_a_disk_that_is_only_read") {
        Ok(()) => {}
        Err(reason) => skip(&reason),
    }
}

/// Runs one of the tests below where it may mount something. Fails if that test does.
fn in_a_namespace(test: &str) -> Result<(), String> {
    let allowed = Command::new("unshare").args(["-Urm", "true"]).output_within();
    if !allowed.is_some_and(|output| output.status.success()) {
        return Err(format!("{test}: no mounts without privileges here"));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.arg("-Urm").arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]).env(DISK, directory.path());
    let ran = output(&mut command);
    let texts = [&ran.stdout, &ran.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(ran.status.success() && texts[0].contains("1 passed"), "{texts:#?}");
    Ok(())
}

/// A command that may not be there.
trait Within {
    fn output_within(&mut self) -> Option<std::process::Output>;
}

impl Within for Command {
    fn output_within(&mut self) -> Option<std::process::Output> {
        let child = self.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().ok()?;
        Some(crate::output::output_of(child, "a try of unshare"))
    }
}

/// A disk of so many bytes.
fn disk(bytes: u32) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(DISK)?);
    let size = format!("size={bytes}");
    let mounted = output(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(&path));
    assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
    Some(path)
}

/// Fills what is left.
fn fill(path: &Path) {
    let mut file = File::options().create(true).append(true).open(path).unwrap();
    loop {
        match file.write(&[1; 4_096]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
#[ignore = "run in a namespace by a test above"]
fn on_a_full_disk() {
    let Some(disk) = disk(16 * 1024 * 1024) else {
        return skip("the disk of `tests/store/disk.rs`, made by that test");
    };
    let (path, filler) = (disk.join("store/a.db"), disk.join("filler"));
    let open_one = open(&path).unwrap();
    open_one.write(room(ROOM));
    open_one.write_all((0..100).map(|number| says(number, "before")));
    fill(&filler);
    // The journal has some room of its own, then a commit fails.
    let long = "words ".repeat(300);
    let last = (100..400).map(|number| open_one.store.write(says(number, &long)).unwrap()).max().unwrap();
    let error = open_one.until(|news| if let News::Failed(error) = news { Some(error.clone()) } else { None });
    assert_eq!(error, StoreError::DiskFull);
    // What is there can be read, and what is typed is taken.
    assert!(open_one.rooms()[0].count >= 100);
    let draft = open_one.store.write(read_up_to(6)).unwrap();
    // A second store finds no room, and leaves nothing.
    let other = disk.join("other/b.db");
    assert_eq!(open(&other).err(), Some(StoreError::DiskFull));
    assert!(!other.exists());

    fs::remove_file(&filler).unwrap();
    open_one.until(|news| (*news == News::Recovered).then_some(()));
    let placed = open_one.until_committed(draft);
    assert!(placed.iter().all(|(_, placed)| matches!(placed, Placed::New(_))) && draft > last);
    assert_eq!(places(&open_one.page(0, 200)), (0..200).collect::<Vec<_>>());
    let of_room = open_one.rooms().remove(0);
    assert_eq!((of_room.count, of_room.read_up_to), (400, 7), "each once, in order");
    open_one.close();
    fill(&filler);
    // It is told, whatever of it can be opened; and its bytes stay.
    let before = fs::read(&path).unwrap();
    match open(&path) {
        Err(error) => assert_eq!(error, StoreError::DiskFull),
        Ok(open) => open.close(),
    }
    assert!(fs::read(&path).unwrap() == before);
    fs::remove_file(&filler).unwrap();
    let open_two = open(&path).unwrap();
    assert_eq!(open_two.rooms()[0].count, 400);
    // At the end it is not waited for: what is not written is told.
    fill(&filler);
    (400..700).for_each(|number| _ = open_two.store.write(says(number, &long)).unwrap());
    let left = open_two.store.close(crate::patience::PATIENCE).unwrap_err();
    assert!(left.0 > 0 && left.0 <= 300, "{left}");
    fs::remove_file(&filler).unwrap();
    let open_three = open(&path).unwrap();
    let count = open_three.rooms()[0].count;
    assert_eq!(count + left.0 as u64, 700, "what was not told as lost is there");
    open_three.close();
}

#[test]
#[ignore = "run in a namespace by a test above"]
fn on_a_disk_that_is_only_read() {
    let Some(disk) = disk(4 * 1024 * 1024) else { return skip("the disk of `tests/store/disk.rs`, made by that test") };
    let path = disk.join("store/a.db");
    let open_one = open(&path).unwrap();
    open_one.write(room(ROOM));
    open_one.write(says(1, "hello"));
    open_one.close();
    let before = fs::read(&path).unwrap();
    let remount = |how: &str| {
        let done = output(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&disk));
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    remount("ro");
    assert_eq!(open(&path).err(), Some(StoreError::ReadOnly));
    assert_eq!(open(&disk.join("other/b.db")).err(), Some(StoreError::ReadOnly));
    assert_eq!(open(&disk.join("store/b.db")).err(), Some(StoreError::ReadOnly));
    assert!(fs::read(&path).unwrap() == before && fs::read_dir(&disk).unwrap().count() == 1);
    remount("rw");
    let open_two = open(&path).unwrap();
    assert!(
        matches!(open_two.ask(Question::Page { room: ROOM, from: 0, count: 1 }), Answer::Rows(rows) if rows.len() == 1)
    );
    open_two.close();
    assert_eq!(key().as_bytes().len(), 48);
}
