use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;

use super::file::{LogFile, path_of, rooms_in, set_aside};
use super::*;
use crate::crypto::primitives::{Digest, labelled_hash, sha256};
use crate::crypto::{Fingerprint, Suite, SystemRandom};
use crate::patience::PATIENCE;
use crate::protocol::limits::{LOG_BYTES_KEPT, LOG_ITEMS_KEPT};
use crate::protocol::{Identity, ItemEffect, ItemWrite, KeptWrap, Now, new_room};
use crate::wire::{ByteArray, ItemKind, Wrap, encode};

const LISTENER: ListenerId = ListenerId(7);
/// The largest file of a room with little on its roster: what is kept, its journal, and some pages of rest.
const FILE_BYTES_MAX: u64 = 3 * LOG_BYTES_KEPT as u64;

/// A room, and what its host hands over to be kept.
struct Room {
    id: RoomId,
    owner: Fingerprint,
    genesis: Vec<u8>,
    position: u64,
    hash: Digest,
    base: (u64, Digest),
}

impl Room {
    fn new() -> Self {
        let backend = Suite::Textbook.backend();
        let (signing, decryption) = (backend.generate_signing(64).unwrap(), backend.generate_decryption(64).unwrap());
        let owner = Identity::new(signing, decryption, Now::default()).unwrap();
        let (id, genesis) =
            new_room(&owner, Suite::Textbook, true, 64, Now::default(), &mut SystemRandom::new()).unwrap();
        let (owner, genesis) = (owner.fingerprint(), encode(&genesis));
        Self { id, owner, genesis, position: 0, hash: id.0, base: (0, id.0) }
    }

    fn opened(&self) -> HostWrite {
        HostWrite::Opened { genesis: self.genesis.clone() }
    }

    fn item(&mut self, kind: ItemKind, exact: &[u8], wraps: Vec<KeptWrap>, effect: ItemEffect) -> HostWrite {
        self.position += 1;
        self.hash = labelled_hash("log", &[&self.hash, &[kind.code()], &sha256(exact)]);
        let (position, kind, exact) = (self.position, kind.code(), exact.to_vec());
        HostWrite::Item(Box::new(ItemWrite { position, kind, exact, wraps, hash: self.hash, base: self.base, effect }))
    }

    fn message(&mut self, exact: &[u8]) -> HostWrite {
        self.item(ItemKind::Msg, exact, Vec::new(), ItemEffect::Nothing)
    }
}

/// A running thread.
struct Running {
    log: Log,
    done: Receiver<LogDone>,
    _poll: mio::Poll,
    written: u64,
}

impl Running {
    fn at(directory: &Path) -> Self {
        let poll = mio::Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
        let (sender, done) = channel();
        let log = Log::start(move |done| drop(sender.send(done)), &waker).unwrap();
        log.begin(LISTENER, LogDirectory { path: directory.to_owned(), all: true });
        Self { log, done, _poll: poll, written: 0 }
    }

    fn next(&self) -> LogDone {
        self.done.recv_timeout(PATIENCE).unwrap()
    }

    /// The rooms it found, and what it told of others.
    fn begun(&self) -> (Vec<RoomId>, Vec<(RoomId, LogNews)>) {
        let LogDone::Begun { rooms, news, .. } = self.next() else { panic!("first it begins") };
        (rooms.iter().map(RestoredRoom::room).collect(), news)
    }

    fn write(&mut self, room: RoomId, what: HostWrite) -> u64 {
        self.written += 1;
        self.log.write(LISTENER, room, self.written, what);
        self.written
    }

    /// Waits until this write is on the disk.
    fn committed(&self, of: RoomId, up_to: u64) {
        loop {
            match self.next() {
                LogDone::Committed { room, number, .. } if room == of && number >= up_to => return,
                LogDone::Committed { .. } => {}
                _ => panic!("it is not written"),
            }
        }
    }

    fn failed(&self) -> LogError {
        loop {
            match self.next() {
                LogDone::Failed { error, .. } => return error,
                LogDone::Committed { .. } => {}
                _ => panic!("it does not fail"),
            }
        }
    }

    fn loaded(&self, room: RoomId) -> (Option<Box<RestoredRoom>>, Option<LogNews>) {
        self.log.load(LISTENER, room);
        match self.next() {
            LogDone::Loaded { kept, news, .. } => (kept, news),
            _ => panic!("it is not loaded"),
        }
    }
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn size(directory: &Path) -> u64 {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// A room with a few items that is written and closed.
fn written(directory: &Path, items: u8) -> Room {
    let mut running = Running::at(directory);
    running.begun();
    let mut room = Room::new();
    running.write(room.id, room.opened());
    for byte in 0..items {
        let message = room.message(&[byte]);
        running.write(room.id, message);
    }
    running.committed(room.id, running.written);
    running.log.end();
    room
}

#[test]
fn what_is_committed_is_there_when_the_program_begins_anew() {
    let place = directory();
    let logs = place.path().join("deep/host");
    let mut running = Running::at(&logs);
    assert_eq!(running.begun().0, []);
    let mut room = Room::new();
    let wrap = Wrap {
        rsa: vec![1; 40].into(),
        ephemeral: ByteArray::new([2; 32]),
        prekey_index: 3,
        ml_kem: None,
        recipient: room.owner,
        sealed: ByteArray::new([4; 48]),
    };
    let owner = room.owner;
    running.write(room.id, room.opened());
    let prekey = room.item(ItemKind::Prekey, b"prekey", vec![], ItemEffect::Prekey { member: owner, index: u64::MAX });
    let wraps = vec![KeptWrap { member: owner, exact: encode(&wrap) }];
    let chain = ItemEffect::Chain { member: owner, epoch: 5, number: u64::MAX - 1 };
    let announced = room.item(ItemKind::SkPacket, b"common", wraps.clone(), chain);
    for what in [prekey, announced, room.message(b"words")] {
        running.write(room.id, what);
    }
    running.committed(room.id, running.written);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&logs), mode(&path_of(&logs, room.id))), (0o700, 0o600));
        assert!(fs::read_dir(&logs).unwrap().all(|entry| mode(&entry.unwrap().path()) == 0o600));
    }
    // The program is gone without a word: its files are as they are.
    let copy = place.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(&logs).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let file = LogFile::open(&copy, room.id).unwrap().unwrap();
    let kept = file.snapshot().unwrap();
    assert_eq!((kept.hash, kept.base, kept.closed_ms), (room.hash, (0, room.id.0), None));
    assert_eq!(kept.items.iter().map(|item| item.position).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((&kept.items[1].wraps, &kept.items[2].exact), (&wraps, &b"words".to_vec()));
    let member = &kept.members[0];
    assert_eq!((member.member, &member.prekey), (owner, &Some((1, b"prekey".to_vec()))));
    assert_eq!((member.prekey_index, member.chain_epoch, member.chain_number), (u64::MAX, 5, u64::MAX - 1));
    drop(file);
    // It goes on with the next number, and with no other.
    let mut again = Running::at(&copy);
    assert_eq!(again.begun().0, [room.id]);
    let next = room.message(b"more");
    let number = again.write(room.id, next);
    again.committed(room.id, number);
    room.position += 1;
    let beyond = room.message(b"with a gap");
    again.write(room.id, beyond);
    assert!(matches!(again.failed(), LogError::Damaged(_)));
    let kept = again.loaded(room.id).0.map(|kept| kept.room());
    assert_eq!(kept, Some(room.id), "what was committed before is still there");
}

#[test]
fn old_items_go_and_the_file_stays_small() {
    let place = directory();
    let mut running = Running::at(place.path());
    running.begun();
    let mut room = Room::new();
    running.write(room.id, room.opened());
    let kept_items = 400;
    let bytes = vec![7; LOG_BYTES_KEPT / kept_items];
    let mut bases = std::collections::VecDeque::from([(0, room.id.0)]);
    for _ in 0..4 * kept_items {
        if bases.len() > kept_items {
            bases.pop_front();
            room.base = bases[0];
        }
        let message = room.message(&bytes);
        let number = running.write(room.id, message);
        bases.push_back((room.position, room.hash));
        if running.log.is_full() {
            running.committed(room.id, number);
        }
    }
    running.committed(room.id, running.written);
    assert!(size(place.path()) < FILE_BYTES_MAX, "{} bytes", size(place.path()));
    running.log.end();
    let file = LogFile::open(place.path(), room.id).unwrap().unwrap();
    let kept = file.snapshot().unwrap();
    assert_eq!((kept.items.len(), kept.hash), (kept_items, room.hash));
    assert!(kept_items < LOG_ITEMS_KEPT);
    file.read(room.id).unwrap();
}

#[test]
fn a_closed_room_is_kept_without_what_was_said_and_a_forgotten_one_not_at_all() {
    let place = directory();
    let mut running = Running::at(place.path());
    running.begun();
    let mut room = Room::new();
    running.write(room.id, room.opened());
    let words = room.message(b"what nobody needs any more");
    running.write(room.id, words);
    let end = room.item(ItemKind::Roster, b"the end", Vec::new(), ItemEffect::End { at_ms: 5 });
    let number = running.write(room.id, end);
    running.committed(room.id, number);
    running.log.end();
    let held = fs::read(path_of(place.path(), room.id)).unwrap();
    assert!(!held.windows(15).any(|part| part == b"what nobody nee"));
    let mut file = LogFile::open(place.path(), room.id).unwrap().unwrap();
    assert!(file.is_closed().unwrap() && file.snapshot().unwrap().items.is_empty());
    file.commit().unwrap();
    drop(file);
    let mut running = Running::at(place.path());
    // A roster that is not closed does not go with that.
    assert!(matches!(&running.begun().1[..], [(id, LogNews::Unusable(_, LogError::Damaged(_)))] if *id == room.id));
    let number = running.write(room.id, HostWrite::Forgotten);
    running.committed(room.id, number);
    assert_eq!(rooms_in(place.path()).unwrap(), []);
}

#[test]
fn a_log_that_is_damaged_or_newer_is_told_and_left_alone_and_the_others_are_read() {
    let place = directory();
    let [damaged, newer, cut, whole, moved] = [1, 2, 3, 4, 5].map(|items| written(place.path(), items));
    fs::write(path_of(place.path(), damaged.id), vec![9; 10_000]).unwrap();
    let newest = rusqlite::Connection::open(path_of(place.path(), newer.id)).unwrap();
    newest.execute_batch("PRAGMA user_version = 2").unwrap();
    drop(newest);
    let unfit = rusqlite::Connection::open(path_of(place.path(), cut.id)).unwrap();
    unfit.execute_batch("DELETE FROM item WHERE position = 2").unwrap();
    drop(unfit);
    // The file of one room under the name of another.
    let other = RoomId([6; 32]);
    fs::rename(path_of(place.path(), moved.id), path_of(place.path(), other)).unwrap();
    let bytes = |room: RoomId| fs::read(path_of(place.path(), room)).unwrap();
    let bad = [damaged.id, newer.id, cut.id, other];
    let before = bad.map(bytes);
    let running = Running::at(place.path());
    let (rooms, news) = running.begun();
    assert_eq!(rooms, [whole.id]);
    let mut told: Vec<RoomId> = news.iter().map(|(room, _)| *room).collect();
    let mut all = bad;
    told.sort_unstable();
    all.sort_unstable();
    assert_eq!(told, all);
    for (room, news) in &news {
        let LogNews::Unusable(path, error) = news else { panic!("{news:?}") };
        assert_eq!(*path, path_of(place.path(), *room));
        assert_eq!(matches!(error, LogError::Newer { found: 2, known: 1 }), *room == newer.id, "{error}");
    }
    assert_eq!(bad.map(bytes), before, "nothing of it changed");
    // Its owner opens the room: now it has to make place, as it is.
    for (room, before) in bad.into_iter().zip(before) {
        let (kept, news) = running.loaded(room);
        let Some(LogNews::SetAside(aside)) = news else { panic!("{news:?}") };
        assert!(kept.is_none());
        assert_eq!(fs::read(aside).unwrap(), before);
    }
    assert_eq!(rooms_in(place.path()).unwrap(), [whole.id]);
    running.log.end();
}

#[test]
fn nothing_that_was_set_aside_is_ever_overwritten() {
    let place = directory();
    for number in 1..=3 {
        let room = RoomId([7; 32]);
        fs::write(path_of(place.path(), room), [number]).unwrap();
        let aside = set_aside(place.path(), room).unwrap().unwrap();
        assert!(aside.to_str().unwrap().ends_with(&format!(".db.aside-{number}")));
        assert_eq!(fs::read(aside).unwrap(), [number]);
    }
    assert_eq!(set_aside(place.path(), RoomId([7; 32])).unwrap(), None);
}

#[test]
fn a_place_that_cannot_be_written_to_is_told_and_used_once_it_can() {
    let place = directory();
    let logs = place.path().join("host");
    fs::write(&logs, b"in the way").unwrap();
    let mut running = Running::at(&logs);
    assert_eq!(running.begun().0, []);
    let room = Room::new();
    running.log.load(LISTENER, room.id);
    assert!(matches!(running.failed(), LogError::Disk(_)));
    running.write(room.id, room.opened());
    assert!(matches!(running.failed(), LogError::Disk(_)));
    fs::remove_file(&logs).unwrap();
    assert!(running.loaded(room.id).0.is_none());
    let number = running.write(room.id, room.opened());
    running.committed(room.id, number);
}

#[test]
fn a_file_in_which_nothing_was_written_yet_is_none() {
    let place = directory();
    let room = RoomId([1; 32]);
    fs::write(path_of(place.path(), room), b"").unwrap();
    assert!(LogFile::open(place.path(), room).unwrap().is_none());
    assert_eq!(rooms_in(place.path()).unwrap(), []);
    // A journal without its file is something.
    fs::write(format!("{}-wal", path_of(place.path(), room).display()), b"a journal").unwrap();
    assert!(matches!(LogFile::open(place.path(), room), Err(LogError::Damaged(_))));
}

#[test]
fn so_much_waits_for_the_disk_and_no_more() {
    let waiting = Waiting::default();
    for _ in 1..WRITES_WAITING_MAX {
        waiting.add(1);
        assert!(!waiting.is_full());
    }
    waiting.add(1);
    assert!(waiting.is_full());
    waiting.remove(WRITES_WAITING_MAX, WRITES_WAITING_MAX);
    waiting.add(WRITE_BYTES_WAITING_MAX - 1);
    assert!(!waiting.is_full());
    waiting.add(1);
    assert!(waiting.is_full());
    waiting.remove(1, WRITE_BYTES_WAITING_MAX);
    assert!(!waiting.is_full());
}

#[test]
fn all_that_waits_is_written_at_the_end() {
    let place = directory();
    let mut running = Running::at(place.path());
    let mut room = Room::new();
    running.write(room.id, room.opened());
    for byte in 0..200 {
        let message = room.message(&[byte]);
        running.write(room.id, message);
    }
    running.log.end();
    let kept = LogFile::open(place.path(), room.id).unwrap().unwrap().snapshot().unwrap();
    assert_eq!(kept.items.len(), 200);
}
