//! What was said in the rooms of a profile, read from its stores while no session runs.
//!
//! It makes nothing: no identity, no store and no key. The messages of a room come page by page, so that a long room is
//! never in memory as a whole.
//!
//! Not here: what is in a store's file (`store`), and how its key is kept (`store_key`).

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::clock::now;
use super::conversation::Names;
use super::saved_message::from_before;
use super::store_key::{STORES, StoreKeyFile, store_path};
use super::{EarlierMessage, Keystore, KnownRoom, MembershipId, MembershipInfo, Passphrase, Problem, Profile, files};
use crate::crypto::{Fingerprint, KeyKind, Suite};
use crate::protocol::{Identity, Private, RoomId};
use crate::store::{Answer, FileKey, Held, News, Question, ROWS_MAX, Search, Store, StoreError, StoredRow};

/// How long an answer may take: more than the slowest disk needs for a page.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a store may take to close.
const CLOSING: Duration = Duration::from_secs(5);

/// The stores of a profile's identities, open to read. No other process can use the profile while this exists.
pub struct Archive {
    stores: Vec<OpenStore>,
    /// What the person is called.
    own_name: String,
    /// Held until the stores are closed.
    profile: Profile,
}

/// The store of one identity.
struct OpenStore {
    path: PathBuf,
    /// Whose it is.
    me: Fingerprint,
    store: Store,
    answers: Receiver<Answer>,
}

/// Which of a room's messages are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Those that came at this or later; in milliseconds since 1970.
    pub since_ms: Option<u64>,
    /// Those with all of these words.
    pub words: Option<Private<String>>,
    /// The newest so many.
    pub limit: Option<u64>,
}

/// Something that was saved.
#[derive(Clone, PartialEq, Debug)]
pub enum SavedRow {
    /// A message.
    Message(EarlierMessage),
    /// Something that only a newer version can show.
    Newer {
        /// Who said it.
        from: Fingerprint,
        /// When it came, by this computer's clock, in milliseconds since 1970.
        came_ms: u64,
    },
}

impl Archive {
    /// Whether anything may be saved in the profile in `directory`.
    #[must_use]
    pub fn is_there(directory: &Path) -> bool {
        files::is_there(&directory.join(STORES))
    }

    /// Opens what is saved for the identities of these kinds of a person called `own_name`. `passphrase` is asked for each
    /// that has one.
    ///
    /// # Errors
    /// A [`Problem`] with an identity, its passphrase, or its store. Everything stays as it is.
    pub fn open(
        profile: Profile,
        kinds: &[KeyKind],
        own_name: &str,
        mut passphrase: impl FnMut(&Keystore) -> Result<Option<Passphrase>, Problem>,
    ) -> Result<Self, Problem> {
        let directory = profile.directory().join(STORES);
        let mut archive = Self { stores: Vec::new(), own_name: own_name.to_owned(), profile };
        for kind in kinds {
            let keys = Keystore::new(archive.profile.directory(), *kind);
            // Only a claim: but whoever can change it could delete the store, too.
            let is_without = |me: Fingerprint| !files::is_there(&store_path(&directory, &me));
            if keys.said_fingerprint().is_some_and(is_without) {
                continue;
            }
            let passphrase = if keys.is_protected() { passphrase(&keys)? } else { None };
            let Some(keys) = keys.load(passphrase.as_ref())? else { continue };
            let identity = Identity::new(keys.signing, keys.decryption, now())?;
            archive.stores.extend(OpenStore::of(&directory, &identity)?);
        }
        Ok(archive)
    }

    /// Whether nothing was ever saved for these identities.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.stores.is_empty()
    }

    /// The rooms whose messages are saved; also those that the profile knows no more.
    ///
    /// # Errors
    /// A [`Problem`] if they cannot be read.
    pub fn rooms(&self) -> Result<Vec<KnownRoom>, Problem> {
        let mut all = Vec::new();
        for store in &self.stores {
            let Answer::Rooms(rooms) = store.ask(Question::Rooms)? else { return Err(store.wrong_answer()) };
            all.extend(rooms.into_iter().map(|room| KnownRoom {
                membership: MembershipId(0),
                info: MembershipInfo {
                    room: Some(room.room),
                    suite: room.suite.unwrap_or(Suite::Hybrid),
                    title: room.title,
                    addresses: Vec::new(),
                    owned: false,
                    hosted_here: false,
                    knocking: false,
                },
            }));
        }
        Ok(all)
    }

    /// Begins to read what is saved of a room; `None` if nothing is.
    ///
    /// # Errors
    /// A [`Problem`] if it cannot be read.
    pub fn read(&self, room: RoomId, wanted: &Wanted) -> Result<Option<Reading<'_>>, Problem> {
        for store in &self.stores {
            let Answer::Rooms(rooms) = store.ask(Question::Rooms)? else { return Err(store.wrong_answer()) };
            if rooms.iter().any(|stored| stored.room == room && stored.count > 0) {
                return Reading::new(store, room, &self.own_name, wanted).map(Some);
            }
        }
        Ok(None)
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        for open in self.stores.drain(..) {
            if let Err(error) = open.store.close(CLOSING) {
                log::warn!("a store could not be closed: {error}");
            }
        }
    }
}

impl OpenStore {
    /// That of an identity, if it has one.
    fn of(stores: &Path, identity: &Identity) -> Result<Option<Self>, Problem> {
        let path = store_path(stores, &identity.fingerprint());
        if !files::is_there(&path) {
            return Ok(None);
        }
        let key = StoreKeyFile::of(stores, identity)?.load()?;
        let key = FileKey::from_bytes(key.ok_or_else(|| Problem::store_without_key(&path))?);
        let (sender, answers) = mpsc::channel();
        let tell = move |news| {
            if let News::Answer { answer, .. } = news {
                let _ = sender.send(answer);
            }
        };
        let store = Store::open(&path, &key, tell).map_err(|error| Problem::unusable_store(&path, &error))?;
        Ok(Some(Self { path, me: identity.fingerprint(), store, answers }))
    }

    /// Asks, and waits for the answer. One question at a time.
    fn ask(&self, question: Question) -> Result<Answer, Problem> {
        let other = |error: String| self.failed(&StoreError::Other(error));
        self.store.ask(0, question).map_err(|full| other(full.to_string()))?;
        match self.answers.recv_timeout(ANSWER) {
            Ok(Answer::Failed(error)) => Err(self.failed(&error)),
            Ok(answer) => Ok(answer),
            Err(error) => Err(other(error.to_string())),
        }
    }

    fn rows(&self, question: Question) -> Result<Vec<StoredRow>, Problem> {
        let Answer::Rows(rows) = self.ask(question)? else { return Err(self.wrong_answer()) };
        Ok(rows)
    }

    fn failed(&self, error: &StoreError) -> Problem {
        Problem::unusable_store(&self.path, error)
    }

    fn wrong_answer(&self) -> Problem {
        self.failed(&StoreError::Other("the answer is to another question".to_owned()))
    }
}

/// What is still to be read.
enum Rest {
    /// Everything from this place on.
    From(u64),
    /// The rows at these places, the last first.
    Places(Vec<u64>),
}

/// Reads a room from its oldest wanted message to its newest.
pub struct Reading<'a> {
    store: &'a OpenStore,
    room: RoomId,
    names: Names,
    rest: Rest,
}

impl<'a> Reading<'a> {
    fn new(store: &'a OpenStore, room: RoomId, own_name: &str, wanted: &Wanted) -> Result<Self, Problem> {
        let mut names = Names::default();
        let Answer::Names(told) = store.ask(Question::Names { room })? else { return Err(store.wrong_answer()) };
        // One's own is saved with one's first message, and nobody else may pass for oneself before that.
        if !own_name.is_empty() {
            names.tell(store.me, own_name);
        }
        for (member, name) in told {
            names.tell(member, &name);
        }
        let mut reading = Self { store, room, names, rest: Rest::Places(Vec::new()) };
        let first = match wanted.since_ms {
            None => Some(0),
            Some(day_ms) => match store.ask(Question::PlaceOf { room, day_ms })? {
                Answer::Place(place) => place,
                _ => return Err(store.wrong_answer()),
            },
        };
        if let Some(first) = first {
            reading.rest = match (&wanted.words, wanted.limit) {
                (Some(words), limit) => Rest::Places(reading.found(words, first, limit)?),
                (None, Some(limit)) => Rest::From(reading.newest(first, limit)?),
                (None, None) => Rest::From(first),
            };
        }
        Ok(reading)
    }

    /// What somebody was last called, with the tag of their key where the name could be taken for another's: as in the
    /// conversation.
    #[must_use]
    pub fn name_of(&self, member: &Fingerprint) -> String {
        self.names.call(member)
    }

    /// The next rows, the oldest first; `None` at the end.
    ///
    /// # Errors
    /// A [`Problem`] if they cannot be read.
    pub fn page(&mut self) -> Result<Option<Vec<SavedRow>>, Problem> {
        loop {
            let rows = match &mut self.rest {
                Rest::From(from) => {
                    let rows = self.store.rows(Question::Page { room: self.room, from: *from, count: ROWS_MAX })?;
                    let Some(last) = rows.last() else { return Ok(None) };
                    *from = last.place.saturating_add(1);
                    rows
                }
                Rest::Places(places) => {
                    let Some(from) = places.last().copied() else { return Ok(None) };
                    // As many of them as one page reaches.
                    let end = from.saturating_add(ROWS_MAX.into());
                    let near = places.split_off(places.partition_point(|place| *place >= end));
                    let span = near.first().map_or(0, |last| last.saturating_sub(from)).saturating_add(1);
                    let count = u16::try_from(span).unwrap_or(ROWS_MAX);
                    let mut rows = self.store.rows(Question::Page { room: self.room, from, count })?;
                    rows.retain(|row| near.contains(&row.place));
                    rows
                }
            };
            let rows: Vec<SavedRow> = rows.iter().filter_map(shown).collect();
            if !rows.is_empty() {
                return Ok(Some(rows));
            }
        }
    }

    /// Where the messages with these words are, from the place `first` on: the newest so many, the newest first.
    fn found(&self, words: &Private<String>, first: u64, limit: Option<u64>) -> Result<Vec<u64>, Problem> {
        let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let (mut places, mut before) = (Vec::new(), None);
        loop {
            let search = Search { room: Some(self.room), before, ..Search::new(words.clone()) };
            let Answer::Hits { hits, next } = self.store.ask(Question::Search(search))? else {
                return Err(self.store.wrong_answer());
            };
            for hit in hits {
                if hit.place < first || places.len() >= limit {
                    return Ok(places);
                }
                places.push(hit.place);
            }
            before = next;
            if before.is_none() {
                return Ok(places);
            }
        }
    }

    /// Where the newest so many rows begin that can be shown; no earlier than `first`.
    fn newest(&self, first: u64, limit: u64) -> Result<u64, Problem> {
        let (mut place, mut left) = (u64::MAX, limit);
        loop {
            let rows = self.store.rows(Question::Before { room: self.room, place, count: ROWS_MAX })?;
            if rows.is_empty() {
                return Ok(first);
            }
            for row in rows.iter().rev() {
                if left == 0 || row.place < first {
                    return Ok(place.max(first));
                }
                left -= u64::from(shown(row).is_some());
                place = row.place;
            }
        }
    }
}

/// What of a row can be shown. One that cannot be read is told in the log.
fn shown(row: &StoredRow) -> Option<SavedRow> {
    match &row.held {
        Held::Message(message) => Some(SavedRow::Message(from_before(message, &row.members))),
        Held::Newer { sender, got_ms } => Some(SavedRow::Newer { from: *sender, came_ms: *got_ms }),
        Held::Erased | Held::Unreadable => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemRandom;
    use crate::protocol::{Content, MessageId};
    use crate::store::{StoredMessage, Write};

    const ROOM: RoomId = RoomId([1; 32]);
    const OTHER_ROOM: RoomId = RoomId([2; 32]);
    /// How many messages are saved: a few pages, and many answers to a search.
    const SAVED: u64 = 450;
    const HOUR_MS: u64 = 3_600_000;

    /// A profile with a learning identity, and what these writes save for it.
    fn profile(writes: impl IntoIterator<Item = Write>) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(directory.path().to_owned())).unwrap();
        let keystore = Keystore::new(profile.directory(), KeyKind::Textbook);
        let keys = keystore.generate(Some(256), |_| {}).unwrap();
        keystore.store(&keys, None).unwrap();
        let identity = Identity::new(keys.signing, keys.decryption, now()).unwrap();
        let stores = profile.directory().join(STORES);
        files::create_directory(&stores).unwrap();
        let key = StoreKeyFile::of(&stores, &identity).unwrap().make(&mut SystemRandom::new()).unwrap();
        let path = store_path(&stores, &identity.fingerprint());
        let (sender, news) = mpsc::channel();
        let store = Store::open(&path, &FileKey::from_bytes(key), move |news| drop(sender.send(news))).unwrap();
        for write in writes {
            let sweeps = matches!(write, Write::Sweep { .. });
            store.write(write).unwrap();
            // It goes on after its commit.
            while sweeps && !matches!(news.recv_timeout(ANSWER).unwrap(), News::Erased { .. }) {}
        }
        store.close(CLOSING).unwrap();
        directory
    }

    fn room(room: RoomId, title: &str) -> Write {
        Write::Room { room, title: title.to_owned(), suite: Suite::Textbook, entered_ms: 0 }
    }

    fn message(room: RoomId, number: u64, text: &str) -> Write {
        let id = MessageId(u128::from(number).to_be_bytes());
        let (content, sender) = (Content::text(text), Fingerprint::from_bytes([7; 32]));
        Write::Message(StoredMessage { room, sender, id, content, sent_ms: 5, got_ms: number * HOUR_MS, own: None })
    }

    /// A message an hour, every fifth with the word that is looked for; another room between them.
    fn long_room() -> tempfile::TempDir {
        let messages = (0..SAVED).flat_map(|number| {
            let word = if number % 5 == 0 { "needle" } else { "hay" };
            [message(ROOM, number, &format!("{word} {number}")), message(OTHER_ROOM, number, "needle")]
        });
        profile([room(ROOM, "Friday"), room(OTHER_ROOM, "Monday")].into_iter().chain(messages))
    }

    fn open(directory: &Path) -> Archive {
        let profile = Profile::open(Some(directory.to_owned())).unwrap();
        Archive::open(profile, &KeyKind::ALL, "Ann", |_| panic!("nothing has a passphrase")).unwrap()
    }

    /// The numbers of the messages that are read, page by page.
    fn read(archive: &Archive, wanted: &Wanted) -> Vec<Vec<u64>> {
        let mut reading = archive.read(ROOM, wanted).unwrap().unwrap();
        let number = |row: SavedRow| match row {
            SavedRow::Message(EarlierMessage { message, .. }) => {
                message.content.words().unwrap().rsplit(' ').next().unwrap().parse().unwrap()
            }
            SavedRow::Newer { .. } => panic!("nothing is newer"),
        };
        std::iter::from_fn(|| reading.page().unwrap()).map(|page| page.into_iter().map(number).collect()).collect()
    }

    fn all_of(archive: &Archive, wanted: &Wanted) -> Vec<u64> {
        read(archive, wanted).concat()
    }

    #[test]
    fn a_long_room_is_read_page_by_page_from_its_oldest_message_on() {
        let directory = long_room();
        let archive = open(directory.path());
        let titles: Vec<String> = archive.rooms().unwrap().into_iter().map(|room| room.info.title).collect();
        assert_eq!(titles, ["Friday", "Monday"]);
        let pages = read(&archive, &Wanted::default());
        assert!(pages.iter().all(|page| page.len() <= ROWS_MAX.into()) && pages.len() == 3);
        assert_eq!(pages.concat(), (0..SAVED).collect::<Vec<_>>());
        assert!(archive.read(RoomId([3; 32]), &Wanted::default()).unwrap().is_none());
    }

    #[test]
    fn a_day_words_and_a_number_choose_together() {
        let directory = long_room();
        let archive = open(directory.path());
        let since_ms = Some(101 * HOUR_MS);
        let needles = |from: u64| (from..SAVED).filter(|number| number % 5 == 0).collect::<Vec<_>>();
        let words = || Some(Private::new("needle".to_owned()));
        let since = Wanted { since_ms, ..Wanted::default() };
        assert_eq!(all_of(&archive, &since), (101..SAVED).collect::<Vec<_>>());
        assert_eq!(all_of(&archive, &Wanted { since_ms: Some(SAVED * HOUR_MS), ..Wanted::default() }), [0; 0]);
        assert_eq!(all_of(&archive, &Wanted { words: words(), ..Wanted::default() }), needles(0));
        assert_eq!(all_of(&archive, &Wanted { words: words(), since_ms, limit: None }), needles(101));
        for limit in [1, 2, 50, 51, 200, 201, 349] {
            let newest = |limit| Wanted { limit: Some(limit), ..since.clone() };
            assert_eq!(all_of(&archive, &newest(limit)), (SAVED - limit..SAVED).collect::<Vec<_>>(), "{limit}");
        }
        for limit in [349, 350, u64::MAX] {
            let newest = Wanted { limit: Some(limit), ..since.clone() };
            assert_eq!(all_of(&archive, &newest).first(), Some(&101), "{limit}");
        }
        for limit in [1, 49, 51] {
            let newest = Wanted { words: words(), since_ms, limit: Some(limit) };
            assert_eq!(all_of(&archive, &newest), needles(SAVED - 5 * limit), "{limit}");
        }
    }

    #[test]
    fn what_was_kept_for_its_days_is_passed_over() {
        let days = |number: u64| number * 24;
        let messages = (0..600).map(|number| message(ROOM, days(number), &format!("hay {number}")));
        // The first stays, and a whole page of nothing is behind it.
        let first = std::iter::once(message(ROOM, days(1_000), "hay 1000"));
        let writes = [room(ROOM, "Friday")].into_iter().chain(first).chain(messages);
        let keep = [Write::KeepDays { room: ROOM, days: Some(10) }, Write::Sweep { now_ms: days(600) * HOUR_MS }];
        let directory = profile(writes.chain(keep));
        let archive = open(directory.path());
        let left = all_of(&archive, &Wanted::default());
        assert_eq!((left.first(), left.last()), (Some(&1_000), Some(&599)));
        assert!(left.len() < 20, "{left:?}");
        let newest = Wanted { limit: Some(3), ..Wanted::default() };
        assert_eq!(all_of(&archive, &newest), [597, 598, 599]);
    }

    #[test]
    fn whoever_took_ones_own_name_has_a_tag() {
        let name = |number, name: &str| Write::Name {
            room: ROOM,
            member: Fingerprint::from_bytes([number; 32]),
            name: name.to_owned(),
        };
        let directory = profile([room(ROOM, "x"), name(7, "ANN"), name(8, "Bo"), message(ROOM, 1, "hay 1")]);
        let archive = open(directory.path());
        let reading = archive.read(ROOM, &Wanted::default()).unwrap().unwrap();
        let called = |number| reading.name_of(&Fingerprint::from_bytes([number; 32]));
        assert_eq!((called(7), called(8), called(9)), ("ANN (07070707)".into(), "Bo".into(), "09090909".into()));
    }
}
