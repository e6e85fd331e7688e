//! What is said, kept from one run to the next: each message goes to the store of the identity that is a member of its
//! room, and what earlier runs kept comes back as an event.
//!
//! It reads the conversation as a front end does, and keeps of it what a person would miss. Nothing waits for it: while
//! a disk is full or slow, messages go out and come in as before.
//!
//! Not here: what is in a store's file and how it is written (`store`), and how its key is kept (`store_key`).

mod room;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use self::room::SavedRoom;
use super::input::Input;
use super::{EarlierMessages, MembershipEvent, MembershipId, SessionEvent};
use crate::app::conversation::{Change, Chat, News as Told};
use crate::app::store_key::{STORES, StoreKeyFile, store_path};
use crate::app::{Problem, clock, files};
use crate::crypto::{Fingerprint, KeyKind, SystemRandom};
use crate::protocol::{Event, Identity, RoomId};
use crate::store::{Answer, FileKey, News, Placed, Question, ROWS_MAX, Store, Write};

/// How long reading what rooms begin with may take, before they go on without.
const OPENING: Duration = Duration::from_secs(5);
/// How long the last writes may take at the end.
const CLOSING: Duration = Duration::from_secs(5);
/// How many writes wait here for a store whose own queue is full, and how many bytes of them: as much as there. A store
/// that takes nothing for so long has told why.
const WAITING_MAX: usize = 4_096;
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The number of the first question that is asked when a store is opened. Others begin at 0.
const FIRST_QUESTION: u64 = 1 << 63;

/// A store that is open.
struct Opened {
    store: Store,
    /// Whose it is.
    me: Fingerprint,
}

/// Writes that a store has no room for, in order.
#[derive(Default)]
struct Backlog {
    writes: VecDeque<Write>,
    /// What they take in memory, about.
    bytes: usize,
}

impl Backlog {
    /// Adds one; `false` if there is no room. That something is to be erased is never left out.
    fn add(&mut self, write: Write) -> bool {
        let bytes = self.bytes + write.bytes();
        let is_full = self.writes.len() >= WAITING_MAX || bytes > WAITING_BYTES_MAX;
        if is_full && !matches!(write, Write::Forget { .. }) {
            return false;
        }
        self.bytes = bytes;
        self.writes.push_back(write);
        true
    }

    fn next(&mut self) -> Option<Write> {
        let write = self.writes.pop_front()?;
        self.bytes = self.bytes.saturating_sub(write.bytes());
        Some(write)
    }

    fn put_back(&mut self, write: Write) {
        self.bytes += write.bytes();
        self.writes.push_front(write);
    }
}

/// The stores, and what they know of the rooms.
pub(super) struct SavedMessages {
    directory: PathBuf,
    inputs: Sender<Input>,
    stores: BTreeMap<KeyKind, Opened>,
    /// What waits for a store to take it, because its own queue is full. Each has its own, so that one that is stuck
    /// holds up nobody else.
    waiting: BTreeMap<KeyKind, Backlog>,
    /// Those that could not be opened. What is said in their rooms is not saved, and waits for nothing.
    unusable: BTreeSet<KeyKind>,
    /// The conversations, read as a front end reads them.
    chat: Chat,
    rooms: BTreeMap<MembershipId, SavedRoom>,
    /// The numbers of what is to be erased. There may be nothing of it.
    erasing: BTreeSet<(KeyKind, u64)>,
    /// Whether something did not fit there, and was left out.
    has_lost: bool,
    /// Which rooms' earlier messages were asked for, by the number of the question.
    asked: BTreeMap<u64, MembershipId>,
    next_question: u64,
}

impl SavedMessages {
    /// That of a profile. Its stores are opened with the identities; answers come to `inputs`.
    pub(super) fn new(profile: &Path, inputs: Sender<Input>) -> Self {
        Self {
            directory: profile.join(STORES),
            inputs,
            stores: BTreeMap::new(),
            waiting: BTreeMap::new(),
            unusable: BTreeSet::new(),
            chat: Chat::with_passing_rows(&[]),
            rooms: BTreeMap::new(),
            erasing: BTreeSet::new(),
            has_lost: false,
            asked: BTreeMap::new(),
            next_question: 0,
        }
    }

    /// Opens the store of an identity, or makes it; does nothing if it is open. Returns what earlier runs kept of
    /// `rooms`, those of this identity.
    ///
    /// # Errors
    /// A [`Problem`] if there is a store that cannot be used. It stays as it is, and nothing is stored.
    pub(super) fn open(
        &mut self,
        identity: &Identity,
        rooms: &[(MembershipId, RoomId)],
    ) -> Result<Vec<(MembershipId, EarlierMessages)>, Problem> {
        let (kind, me) = (identity.kind(), identity.fingerprint());
        if self.stores.get(&kind).is_some_and(|opened| opened.me == me) {
            return Ok(Vec::new());
        }
        // Until it is open.
        self.unusable.insert(kind);
        for (membership, room) in rooms {
            self.rooms.entry(*membership).or_default().entered = Some((kind, *room));
        }
        let path = store_path(&self.directory, &me);
        let key = self.key(identity, &path)?;
        let (first, answers) = mpsc::channel();
        let inputs = self.inputs.clone();
        // The first answers are waited for: what was said before stands above what is said now.
        let tell = move |news| {
            let news = match news {
                News::Answer { request, answer } if request >= FIRST_QUESTION => {
                    return drop(first.send((request, answer)));
                }
                news => news,
            };
            let _ = inputs.send(Input::Store { kind, news });
        };
        let store = Store::open(&path, &FileKey::from_bytes(key), tell)
            .map_err(|error| Problem::unusable_store(&path, &error))?;
        let mut pages = Vec::new();
        for (membership, answer) in first_answers(&store, rooms, &answers) {
            let room = self.rooms.entry(membership).or_default();
            match answer {
                Answer::Names(names) => room.know(names),
                Answer::Rows(rows) if !rows.is_empty() => pages.push((membership, room.page(&rows))),
                answer => log::debug!("no earlier messages{}", why(&answer)),
            }
        }
        self.stores.insert(kind, Opened { store, me });
        self.unusable.remove(&kind);
        self.go_on();
        rooms.iter().for_each(|(membership, _)| self.write(*membership));
        Ok(pages)
    }

    /// The key of a store, made if neither it nor the store is there.
    fn key(&self, identity: &Identity, store: &Path) -> Result<Zeroizing<[u8; FileKey::BYTES]>, Problem> {
        files::create_directory(&self.directory).map_err(|error| Problem::cannot_write(&self.directory, &error))?;
        let file = StoreKeyFile::of(&self.directory, identity)?;
        match file.load()? {
            Some(key) => Ok(key),
            None if files::is_there(store) => Err(Problem::store_without_key(store)),
            None => file.make(&mut SystemRandom::new()),
        }
    }

    /// Keeps what an event says.
    pub(super) fn record(&mut self, event: &SessionEvent) {
        let SessionEvent::Membership { membership, event: told } = event else { return };
        if matches!(told, MembershipEvent::Earlier(_)) {
            return;
        }
        for change in self.chat.apply(event, clock::now_ms()) {
            self.take(change);
        }
        if let MembershipEvent::Protocol(Event::Entered { room, .. }) = told
            && let Some(kind) = self.chat.room(*membership).map(|room| room.info.suite.key_kind())
        {
            self.rooms.entry(*membership).or_default().entered = Some((kind, *room));
        }
        self.write(*membership);
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::RowAdded { membership, row } => {
                if let Some(row) = self.chat.room(membership).and_then(|room| room.row(row)) {
                    self.rooms.entry(membership).or_default().said(row);
                }
            }
            Change::News { membership, news: Told::Delivery { message, step } } => {
                let readers = self.chat.room(membership).map_or(0, |room| room.readers());
                self.rooms.entry(membership).or_default().step(&message, &step, readers);
            }
            Change::RoomRemoved(membership) => drop(self.rooms.remove(&membership)),
            _ => {}
        }
    }

    /// Hands in what waits for a room to be known, or for its store to be open.
    fn write(&mut self, membership: MembershipId) {
        let (Some(room), Some(known)) = (self.chat.room(membership), self.rooms.get_mut(&membership)) else { return };
        // What is typed before somebody is in the room is saved once they are.
        let Some((kind, id)) = known.entered else { return };
        if self.unusable.contains(&kind) {
            return known.wait_no_more();
        }
        let Some(opened) = self.stores.get(&kind) else { return };
        for write in known.writes(id, opened.me, room) {
            self.hand_in(kind, write);
        }
    }

    fn hand_in(&mut self, kind: KeyKind, write: Write) {
        if self.waiting.entry(kind).or_default().add(write) {
            self.go_on();
        } else {
            self.left_out();
        }
    }

    /// Something is not saved. It may have been what a room is called: that is written again.
    fn left_out(&mut self) {
        self.has_lost = true;
        self.rooms.values_mut().for_each(SavedRoom::tell_again);
    }

    /// Hands in what full queues left over, in order. What is for a store that is not open waits.
    fn go_on(&mut self) {
        for (kind, waiting) in &mut self.waiting {
            let Some(opened) = self.stores.get(kind) else { continue };
            while let Some(write) = waiting.next() {
                let erases = matches!(write, Write::Forget { .. });
                match opened.store.write(write) {
                    Ok(number) if erases => drop(self.erasing.insert((*kind, number))),
                    Ok(_) => {}
                    Err(full) => {
                        waiting.put_back(*full.0);
                        break;
                    }
                }
            }
        }
    }

    /// Asks for messages above those that are known; does nothing if there are none.
    pub(super) fn read_earlier(&mut self, membership: MembershipId) {
        let Some(room) = self.rooms.get_mut(&membership) else { return };
        let (Some((kind, id)), Some(place)) = (room.entered, room.ask()) else { return };
        let request = self.next_question;
        self.next_question += 1;
        let question = Question::Before { room: id, place, count: ROWS_MAX };
        let is_asked = self.stores.get(&kind).is_some_and(|opened| opened.store.ask(request, question).is_ok());
        if is_asked {
            self.asked.insert(request, membership);
        } else if let Some(room) = self.rooms.get_mut(&membership) {
            room.asking = false;
        }
    }

    /// A store told something. Returns a page that was asked for.
    ///
    /// # Errors
    /// A [`Problem`] to tell, if what is said is not stored for now.
    pub(super) fn told(
        &mut self,
        kind: KeyKind,
        news: News,
    ) -> Result<Option<(MembershipId, EarlierMessages)>, Problem> {
        match news {
            News::Answer { request, answer } => {
                let Some(membership) = self.asked.remove(&request) else { return Ok(None) };
                Ok(self.answered(membership, answer))
            }
            News::Failed(error) => Err(Problem::messages_not_saved(&error)),
            News::Committed(last) => {
                // What became of each was told right before.
                self.erasing.retain(|(of, number)| *of != kind || *number > last);
                self.go_on();
                Ok(None)
            }
            News::Recovered => Ok(None),
            News::Placed(placed) => {
                let erasing = &mut self.erasing;
                let left_out = placed.into_iter().filter(|(number, placed)| {
                    !erasing.remove(&(kind, *number)) && matches!(placed, Placed::NoRoom | Placed::Refused)
                });
                if left_out.count() > 0 {
                    self.left_out();
                }
                Ok(None)
            }
            News::Erased { .. } => Ok(None),
        }
    }

    fn answered(&mut self, membership: MembershipId, answer: Answer) -> Option<(MembershipId, EarlierMessages)> {
        let room = self.rooms.get_mut(&membership)?;
        let Answer::Rows(rows) = answer else {
            log::warn!("earlier messages could not be read{}", why(&answer));
            room.asking = false;
            return None;
        };
        let page = room.page(&rows);
        if page.messages.is_empty() && page.earlier > 0 {
            // All of them were deleted, or are of a newer version.
            self.read_earlier(membership);
            return None;
        }
        Some((membership, page))
    }

    /// A membership is over for us: nothing of its room stays, unless another membership is in that room.
    pub(super) fn forget(&mut self, membership: MembershipId) {
        let Some(forgotten) = self.rooms.get_mut(&membership) else { return };
        forgotten.wait_no_more();
        let Some((kind, room)) = forgotten.entered.take() else { return };
        if self.rooms.values().all(|other| other.entered != Some((kind, room))) {
            self.erase(kind, room);
        }
    }

    /// Nothing of a room stays in a store, which may not be open yet.
    pub(super) fn erase(&mut self, kind: KeyKind, room: RoomId) {
        self.hand_in(kind, Write::Forget { room });
    }

    /// What was one membership's is another's in the same room from now on: also what was saved before.
    pub(super) fn moved(&mut self, from: MembershipId, to: MembershipId) {
        if let Some(mut room) = self.rooms.remove(&from) {
            room.take_over(self.rooms.remove(&to).unwrap_or_default());
            self.rooms.insert(to, room);
            self.read_earlier(to);
        }
    }

    /// Writes what waits and closes the stores, before the end; returns what to report.
    pub(super) fn close(&mut self) -> Option<Problem> {
        let deadline = Instant::now() + CLOSING;
        let memberships: Vec<MembershipId> = self.rooms.keys().copied().collect();
        memberships.into_iter().for_each(|membership| self.write(membership));
        self.go_on();
        let left = self.stores.keys().filter(|kind| self.waits(**kind)).count();
        let stores = std::mem::take(&mut self.stores).into_values();
        let close = |opened: Opened| opened.store.close(deadline.saturating_duration_since(Instant::now()));
        let unstored: usize = stores.map(|opened| close(opened).map_or_else(|left| left.0, |()| 0)).sum();
        (left + unstored > 0 || self.has_lost).then(|| Problem::messages_unwritten(&self.directory))
    }

    fn waits(&self, kind: KeyKind) -> bool {
        self.waiting.get(&kind).is_some_and(|waiting| !waiting.writes.is_empty())
    }
}

/// Asks for the names and the newest rows of each of these rooms; gives what comes in time, the names of a room before
/// its rows.
fn first_answers(
    store: &Store,
    rooms: &[(MembershipId, RoomId)],
    answers: &mpsc::Receiver<(u64, Answer)>,
) -> Vec<(MembershipId, Answer)> {
    let mut asked = BTreeMap::new();
    let questions = rooms.iter().flat_map(|(membership, room)| {
        let rows = Question::Before { room: *room, place: u64::MAX, count: ROWS_MAX };
        [(*membership, Question::Names { room: *room }), (*membership, rows)]
    });
    for (request, (membership, question)) in (FIRST_QUESTION..).zip(questions) {
        if store.ask(request, question).is_ok() {
            asked.insert(request, membership);
        }
    }
    let deadline = Instant::now() + OPENING;
    let mut came = BTreeMap::new();
    while came.len() < asked.len() {
        let Ok((request, answer)) = answers.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
            log::warn!("earlier messages were not read in time");
            break;
        };
        came.insert(request, answer);
    }
    came.into_iter().filter_map(|(request, answer)| Some((*asked.get(&request)?, answer))).collect()
}

/// Why there is no answer, for the log: nothing of what is stored.
fn why(answer: &Answer) -> String {
    match answer {
        Answer::Failed(error) => format!(": {error}"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;
