//! Opening a store: its key, its file, and what its rooms begin with. How long that takes the disk decides, so a worker
//! does it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::why;
use crate::app::session::MembershipId;
use crate::app::store_key::{StoreKeyFile, store_path};
use crate::app::{Problem, files};
use crate::crypto::{Fingerprint, SystemRandom};
use crate::protocol::limits::OUTBOX_MAX;
use crate::protocol::{Identity, RoomId};
use crate::store::{Answer, FileKey, News, Question, ROWS_MAX, Store, StoredRow};

/// How long reading what rooms begin with may take, before they go on without.
const READING: Duration = Duration::from_secs(30);
/// The number of the first question that is asked here. Those of the session begin at 0.
const FIRST_QUESTION: u64 = 1 << 63;

/// A store that is open.
pub(super) struct Opened {
    pub(super) store: Store,
    /// Whose it is.
    pub(super) me: Fingerprint,
    /// What each of its rooms begins with.
    pub(super) beginnings: Vec<(MembershipId, Beginning)>,
}

/// What earlier runs kept of a room.
#[derive(Default)]
pub(super) struct Beginning {
    pub(super) names: Vec<(Fingerprint, String)>,
    /// The place of the first row that was not read, and how many messages of others are from there on.
    pub(super) unread: Option<(u64, u64)>,
    /// The newest rows.
    pub(super) rows: Vec<StoredRow>,
    /// Own messages that are not on the host.
    pub(super) unsent: Vec<StoredRow>,
}

/// What opening a store takes.
pub(super) struct Opening {
    pub(super) directory: PathBuf,
    pub(super) identity: Arc<Identity>,
    /// Those of its rooms that are known.
    pub(super) rooms: Vec<(MembershipId, RoomId)>,
    /// Own messages that were said earlier are not sent any more; in milliseconds since 1970.
    pub(super) since_ms: u64,
}

impl Opening {
    /// Opens the store, or makes it. What it tells later goes to `tell`.
    ///
    /// # Errors
    /// A [`Problem`] if there is a store that cannot be used. It stays as it is.
    pub(super) fn run(self, tell: impl Fn(News) + Send + 'static) -> Result<Opened, Problem> {
        let me = self.identity.fingerprint();
        let path = store_path(&self.directory, &me);
        let key = self.key(&path)?;
        let (first, answers) = mpsc::channel();
        // The first answers are waited for: what was said before stands above what is said now.
        let tell = move |news| match news {
            News::Answer { request, answer } if request >= FIRST_QUESTION => drop(first.send((request, answer))),
            news => tell(news),
        };
        let store = Store::open(&path, &FileKey::from_bytes(key), tell)
            .map_err(|error| Problem::unusable_store(&path, &error))?;
        let mut asker = Asker { store: &store, answers, next: FIRST_QUESTION, until: Instant::now() + READING };
        let beginnings = self.rooms.iter().map(|(id, room)| (*id, asker.beginning(*room, self.since_ms))).collect();
        Ok(Opened { store, me, beginnings })
    }

    /// The key of a store, made if neither it nor the store is there.
    fn key(&self, store: &Path) -> Result<Zeroizing<[u8; FileKey::BYTES]>, Problem> {
        files::create_directory(&self.directory).map_err(|error| Problem::cannot_write(&self.directory, &error))?;
        let file = StoreKeyFile::of(&self.directory, &self.identity)?;
        match file.load()? {
            Some(key) => Ok(key),
            None if files::is_there(store) => Err(Problem::store_without_key(store)),
            None => file.make(&mut SystemRandom::new()),
        }
    }
}

/// Asks one question after the other.
struct Asker<'a> {
    store: &'a Store,
    answers: Receiver<(u64, Answer)>,
    next: u64,
    until: Instant,
}

impl Asker<'_> {
    fn beginning(&mut self, room: RoomId, since_ms: u64) -> Beginning {
        let names = match self.ask(Question::Names { room }) {
            Some(Answer::Names(names)) => names,
            _ => Vec::new(),
        };
        let unread = match self.ask(Question::Unread { room }) {
            Some(Answer::Unread { from, count }) => Some((from, count)),
            _ => None,
        };
        let rows = self.rows(Question::Before { room, place: u64::MAX, count: ROWS_MAX });
        Beginning { names, unread, rows, unsent: self.unsent(room, since_ms) }
    }

    /// As many as may wait to be sent.
    fn unsent(&mut self, room: RoomId, since_ms: u64) -> Vec<StoredRow> {
        let mut unsent: Vec<StoredRow> = Vec::new();
        loop {
            let from = unsent.last().map_or(0, |newest| newest.place + 1);
            let rows = self.rows(Question::Unsent { room, from, since_ms });
            let is_last = rows.len() < usize::from(ROWS_MAX);
            unsent.extend(rows);
            if is_last || unsent.len() >= OUTBOX_MAX {
                return unsent;
            }
        }
    }

    fn rows(&mut self, question: Question) -> Vec<StoredRow> {
        match self.ask(question) {
            Some(Answer::Rows(rows)) => rows,
            Some(answer) => {
                log::warn!("earlier messages could not be read{}", why(&answer));
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    fn ask(&mut self, question: Question) -> Option<Answer> {
        let request = self.next;
        self.next += 1;
        self.store.ask(request, question).ok()?;
        loop {
            match self.answers.recv_timeout(self.until.saturating_duration_since(Instant::now())) {
                Ok((answered, answer)) if answered == request => return Some(answer),
                // To a question that was given up.
                Ok(_) => {}
                Err(_) => {
                    log::warn!("earlier messages were not read in time");
                    return None;
                }
            }
        }
    }
}
