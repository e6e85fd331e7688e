//! A store in a directory of its own, and what the tests put into it.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

use conversa::crypto::{Fingerprint, Suite};
use conversa::protocol::{Content, MessageId, Private, RoomId};
use conversa::store::{
    Answer, FileKey, Held, Hit, News, Placed, Question, Search, Store, StoreError, StoredMessage, StoredRoom,
    StoredRow, Write,
};
use rusqlite::Connection;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::next::next_before;
use crate::patience::{PATIENCE, deadline};

/// The rooms of the tests.
pub(crate) const ROOM: RoomId = RoomId([1; 32]);
pub(crate) const OTHER_ROOM: RoomId = RoomId([2; 32]);
/// A day in milliseconds.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;
/// When the tests begin.
pub(crate) const START_MS: u64 = 20_000 * DAY_MS;

/// A directory with a store's file, which may not be there yet.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("store").join("a.db")
    }

    pub(crate) fn open(&self) -> Open {
        open(&self.path()).unwrap()
    }

    /// With a room in it.
    pub(crate) fn open_room(&self) -> Open {
        let open = self.open();
        open.write(room(ROOM));
        open
    }
}

/// A store that is open, and what it tells.
pub(crate) struct Open {
    pub(crate) store: Store,
    news: Receiver<News>,
    /// News that nobody has waited for yet.
    others: RefCell<Vec<News>>,
    requests: Cell<u64>,
}

pub(crate) fn key() -> FileKey {
    FileKey::from_bytes(Zeroizing::new(std::array::from_fn(|at| at as u8)))
}

pub(crate) fn open(path: &Path) -> Result<Open, StoreError> {
    open_with(path, &key())
}

pub(crate) fn open_with(path: &Path, key: &FileKey) -> Result<Open, StoreError> {
    let (sender, news) = channel();
    let store = Store::open(path, key, move |news| _ = sender.send(news))?;
    Ok(Open { store, news, others: RefCell::default(), requests: Cell::new(0) })
}

impl Open {
    /// Writes, waits until that is on the disk, and gives what came of it.
    pub(crate) fn write(&self, write: Write) -> Option<Placed> {
        let number = self.store.write(write).unwrap();
        self.until_committed(number).into_iter().find(|(of, _)| *of == number).map(|(_, placed)| placed)
    }

    /// The same for many.
    pub(crate) fn write_all(&self, writes: impl IntoIterator<Item = Write>) -> Vec<Placed> {
        let writes: Vec<Write> = writes.into_iter().collect();
        let mut placed = Vec::new();
        for some in writes.chunks(2_000) {
            let last = some.iter().map(|write| self.store.write(write.clone()).unwrap()).max().unwrap();
            placed.extend(self.until_committed(last).into_iter().map(|(_, placed)| placed));
        }
        placed
    }

    /// Waits until a write is on the disk; gives what was placed until then.
    pub(crate) fn until_committed(&self, number: u64) -> Vec<(u64, Placed)> {
        let mut placed = Vec::new();
        loop {
            match self.next() {
                News::Placed(some) => placed.extend(some),
                News::Committed(last) if last >= number => return placed,
                News::Committed(_) => {}
                other => self.others.borrow_mut().push(other),
            }
        }
    }

    /// The answer to a question.
    pub(crate) fn ask(&self, question: Question) -> Answer {
        let number = self.requests.get() + 1;
        self.requests.set(number);
        self.store.ask(number, question).unwrap();
        loop {
            match self.next() {
                News::Answer { request, answer } if request == number => return answer,
                other => self.others.borrow_mut().push(other),
            }
        }
    }

    pub(crate) fn rooms(&self) -> Vec<StoredRoom> {
        match self.ask(Question::Rooms) {
            Answer::Rooms(rooms) => rooms,
            other => panic!("{other:?}"),
        }
    }

    /// Where what was not read begins, and how many messages of others that is.
    pub(crate) fn unread(&self, room: RoomId) -> (u64, u64) {
        match self.ask(Question::Unread { room }) {
            Answer::Unread { from, count } => (from, count),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn page(&self, from: u64, count: u16) -> Vec<StoredRow> {
        self.page_of(ROOM, from, count)
    }

    pub(crate) fn page_of(&self, room: RoomId, from: u64, count: u16) -> Vec<StoredRow> {
        rows(self.ask(Question::Page { room, from, count }))
    }

    pub(crate) fn before(&self, place: u64, count: u16) -> Vec<StoredRow> {
        rows(self.ask(Question::Before { room: ROOM, place, count }))
    }

    /// What a search finds in all, page by page.
    pub(crate) fn search(&self, search: &Search) -> Vec<Hit> {
        let (mut all, mut search) = (Vec::new(), search.clone());
        loop {
            match self.ask(Question::Search(search.clone())) {
                Answer::Hits { hits, next } => {
                    all.extend(hits);
                    search.before = next;
                }
                other => panic!("{other:?}"),
            }
            if search.before.is_none() {
                return all;
            }
        }
    }

    /// The words of what is found, the newest first.
    pub(crate) fn found(&self, text: &str) -> Vec<String> {
        self.search(&looking_for(text)).iter().map(|hit| hit.message.content.words().unwrap().to_owned()).collect()
    }

    /// Waits for the end of a sweep, or of forgetting.
    pub(crate) fn until_erased(&self) -> u64 {
        let erased = |news: &News| match news {
            News::Erased { messages, rewritten } => Some((*messages, *rewritten)),
            _ => None,
        };
        let (messages, rewritten) = self.until(erased);
        assert!(rewritten, "the file is small");
        messages
    }

    /// Waits for some news, or takes it from those that came.
    pub(crate) fn until<T>(&self, wanted: impl Fn(&News) -> Option<T>) -> T {
        let place = self.others.borrow().iter().position(|news| wanted(news).is_some());
        if let Some(place) = place {
            return wanted(&self.others.borrow_mut().remove(place)).unwrap();
        }
        loop {
            let news = self.next();
            match wanted(&news) {
                Some(found) => return found,
                None => self.others.borrow_mut().push(news),
            }
        }
    }

    pub(crate) fn next(&self) -> News {
        next_before(&self.news, deadline()).expect("news come in time")
    }

    pub(crate) fn close(self) {
        self.store.close(PATIENCE).unwrap();
    }
}

fn rows(answer: Answer) -> Vec<StoredRow> {
    match answer {
        Answer::Rows(rows) => rows,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn room(room: RoomId) -> Write {
    Write::Room { room, title: "Friday".to_owned(), suite: Suite::Hybrid, entered_ms: START_MS }
}

pub(crate) fn sender(number: u8) -> Fingerprint {
    Fingerprint::from_bytes([number; 32])
}

pub(crate) fn id(number: u64) -> MessageId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    MessageId(id)
}

/// The message with this number, a second after the one before.
pub(crate) fn message(number: u64, words: &str) -> StoredMessage {
    StoredMessage {
        room: ROOM,
        sender: sender(7),
        id: id(number),
        content: Content::text(words),
        sent_ms: START_MS + number * 1_000 - 20,
        got_ms: START_MS + number * 1_000,
        own: None,
    }
}

pub(crate) fn says(number: u64, words: &str) -> Write {
    Write::Message(message(number, words))
}

/// The message with this number was read, and all before it.
pub(crate) fn read_up_to(number: u64) -> Write {
    Write::ReadUpTo { room: ROOM, sender: sender(7), id: id(number) }
}

pub(crate) fn looking_for(text: &str) -> Search {
    Search::new(Private::new(text.to_owned()))
}

/// The words of rows that are messages.
pub(crate) fn words(rows: &[StoredRow]) -> Vec<String> {
    let words = |row: &StoredRow| match &row.held {
        Held::Message(message) => message.content.words().unwrap().to_owned(),
        other => format!("{other:?}"),
    };
    rows.iter().map(words).collect()
}

pub(crate) fn places(rows: &[StoredRow]) -> Vec<u64> {
    rows.iter().map(|row| row.place).collect()
}

/// The file as SQLite has it, for what the store itself never does. Nothing else may have it open.
pub(crate) fn raw(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap();
    let digits: String = key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    connection.key(None::<&str>, format!("x'{digits}'"), false).unwrap();
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).unwrap();
    connection
}
