//! What is said, kept from one run to the next: each message goes to the store of the identity that is a member of its
//! room, and what earlier runs kept comes back as an event.
//!
//! It reads the conversation as a front end does, and keeps of it what a person would miss. Nothing waits for it: while
//! a disk is full or slow, messages go out and come in as before.
//!
//! Not here: what is in a store's file and how it is written (`store`), and how its key is kept (`store_key`).

mod answers;
mod backlog;
mod held;
mod opening;
mod owed;
mod reading;
mod room;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

pub(super) use self::answers::Outcome;
use self::answers::{Asked, why};
use self::backlog::Backlog;
use self::held::Held;
use self::opening::{Beginning, Opened, Opening};
pub(super) use self::reading::Reading;
use self::room::SavedRoom;
use super::input::Input;
use super::outbox::Unsent;
use super::{EarlierMessages, MembershipEvent, MembershipId, SessionEvent};
use crate::app::conversation::{Change, Chat, News as Told, Step};
use crate::app::store_key::STORES;
use crate::app::worker::thread;
use crate::app::{Problem, clock};
use crate::crypto::{Fingerprint, KeyKind};
use crate::net::ClientId;
use crate::protocol::{Event, Identity, MessageId, RoomId};
use crate::store::{Question, ROWS_MAX, Store, Write};

/// How long the last writes may take at the end, and the opening of a store before them.
const CLOSING: Duration = Duration::from_secs(5);
/// How long an own message is sent, and sent again, after it was said. Whoever gets it twice in that time knows it: a
/// store forgets none for twice as long.
const SENT_FOR_MS: u64 = 30 * 24 * 3_600_000;

/// A store that is open.
struct InUse {
    store: Store,
    /// Whose it is.
    me: Fingerprint,
    /// The newest write that it took, and the newest that is on the disk.
    taken: u64,
    committed: u64,
    /// Whether everything that was to be stored was handed in.
    is_whole: bool,
    /// Whether its disk takes nothing at the moment.
    is_failing: bool,
}

/// A store that a worker opens.
struct ToOpen {
    me: Fingerprint,
    opened: Receiver<Result<Opened, Problem>>,
}

/// Messages that a client is told to be stored once the store has everything up to a write.
struct Unconfirmed {
    kind: KeyKind,
    after: u64,
    client: ClientId,
    number: u64,
}

/// What earlier runs kept of a room.
pub(super) struct Kept {
    pub(super) membership: MembershipId,
    /// The newest messages.
    pub(super) page: EarlierMessages,
    /// Own ones that are not on the host, in order.
    pub(super) unsent: Vec<Unsent>,
}

/// The stores, and what they know of the rooms.
///
/// Large because what a store says, what a conversation says and what a client waits for meet here.
pub(super) struct SavedMessages {
    directory: PathBuf,
    inputs: Sender<Input>,
    stores: BTreeMap<KeyKind, InUse>,
    opening: BTreeMap<KeyKind, ToOpen>,
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
    /// What was asked, by the number of the question.
    asked: BTreeMap<u64, Asked>,
    next_question: u64,
    /// No more than writes wait.
    unconfirmed: VecDeque<Unconfirmed>,
    /// What was said and is not shown yet, in order. No more than an outbox takes.
    held: VecDeque<Held>,
    /// When what was read is to be stored.
    read_due: Option<Instant>,
}

impl SavedMessages {
    /// That of a profile. Its stores are opened with the identities; what they tell comes to `inputs`.
    pub(super) fn new(profile: &Path, inputs: Sender<Input>) -> Self {
        Self {
            directory: profile.join(STORES),
            inputs,
            stores: BTreeMap::new(),
            opening: BTreeMap::new(),
            waiting: BTreeMap::new(),
            unusable: BTreeSet::new(),
            chat: Chat::with_passing_rows(&[]),
            rooms: BTreeMap::new(),
            erasing: BTreeSet::new(),
            has_lost: false,
            asked: BTreeMap::new(),
            next_question: 0,
            unconfirmed: VecDeque::new(),
            held: VecDeque::new(),
            read_due: None,
        }
    }

    /// A room is known from earlier runs. What is said there before its store is open waits for that.
    pub(super) fn knows(&mut self, membership: MembershipId, kind: KeyKind, room: RoomId) {
        self.rooms.entry(membership).or_default().entered = Some((kind, room));
    }

    /// Begins to open the store of an identity, or to make it; `false` if it is open. [`Input::StoreOpened`] follows, and
    /// [`Self::opened`] then gives what earlier runs kept of `rooms`, those of this identity.
    pub(super) fn open(&mut self, identity: &Arc<Identity>, rooms: Vec<(MembershipId, RoomId)>) -> bool {
        let (kind, me) = (identity.kind(), identity.fingerprint());
        let is_it = |whose: Option<Fingerprint>| whose == Some(me);
        if is_it(self.stores.get(&kind).map(|open| open.me)) || is_it(self.opening.get(&kind).map(|opening| opening.me))
        {
            return false;
        }
        self.unusable.remove(&kind);
        for (membership, room) in &rooms {
            self.rooms.entry(*membership).or_default().entered = Some((kind, *room));
        }
        let since_ms = sent_since_ms();
        let opening = Opening { directory: self.directory.clone(), identity: Arc::clone(identity), rooms, since_ms };
        let (done, opened) = mpsc::channel();
        self.opening.insert(kind, ToOpen { me, opened });
        let (inputs, news) = (self.inputs.clone(), self.inputs.clone());
        let no_thread = done.clone();
        let begun = thread("store opening", move || {
            let opened = opening.run(move |told| drop(news.send(Input::Store { kind, news: told })));
            drop(done.send(opened));
            drop(inputs.send(Input::StoreOpened(kind)));
        });
        if let Err(problem) = begun {
            drop(no_thread.send(Err(problem)));
            drop(self.inputs.send(Input::StoreOpened(kind)));
        }
        true
    }

    /// Whether the store of such an identity is being opened: what is entered before it is open may repeat itself.
    pub(super) fn is_opening(&self, kind: KeyKind) -> bool {
        self.opening.contains_key(&kind)
    }

    /// Whether what is said in the rooms of such an identity is kept.
    pub(super) fn keeps(&self, kind: KeyKind) -> bool {
        self.stores.contains_key(&kind)
    }

    /// A store is open. Returns what earlier runs kept of its rooms.
    ///
    /// # Errors
    /// A [`Problem`] if there is a store that cannot be used. It stays as it is, and nothing is stored.
    pub(super) fn opened(&mut self, kind: KeyKind) -> Result<Vec<Kept>, Problem> {
        let Some(ToOpen { opened, .. }) = self.opening.remove(&kind) else { return Ok(Vec::new()) };
        // It was sent before whoever calls this was told.
        let opened = opened.recv_timeout(CLOSING).unwrap_or_else(|_| Err(Problem::messages_unwritten(&self.directory)));
        let Opened { store, me, beginnings } = opened.inspect_err(|_| {
            self.unusable.insert(kind);
            self.rooms.values_mut().filter(|room| room.is_of(kind)).for_each(SavedRoom::wait_no_more);
            self.holds_no_longer(kind);
        })?;
        self.unconfirmed.retain(|waits| waits.kind != kind);
        self.stores.insert(kind, InUse { store, me, taken: 0, committed: 0, is_whole: true, is_failing: false });
        let kept = beginnings.into_iter().map(|(membership, beginning)| self.begins(membership, beginning)).collect();
        self.go_on();
        let memberships: Vec<MembershipId> = self.rooms.keys().copied().collect();
        memberships.into_iter().for_each(|membership| self.write(membership));
        self.write_reads();
        self.holds_no_longer(kind);
        Ok(kept)
    }

    fn begins(&mut self, membership: MembershipId, beginning: Beginning) -> Kept {
        let Beginning { names, unread, rows, unsent } = beginning;
        let room = self.rooms.entry(membership).or_default();
        room.know(names);
        if let Some((from, count)) = unread {
            room.read.begin(from, count);
        }
        // Before they are shown: as what waits.
        let unsent = room.go_on_sending(unsent);
        let page = if rows.is_empty() { EarlierMessages::default() } else { room.page(&rows) };
        Kept { membership, page, unsent }
    }

    /// Keeps what an event says.
    pub(super) fn record(&mut self, event: &SessionEvent) {
        let SessionEvent::Membership { membership, event: told } = event else { return };
        if matches!(told, MembershipEvent::Earlier(_)) {
            return;
        }
        let mut steps = Vec::new();
        for change in self.chat.apply(event, clock::now_ms()) {
            steps.extend(self.take(change));
        }
        if let MembershipEvent::Protocol(Event::Entered { room, .. }) = told
            && let Some(kind) = self.chat.room(*membership).map(|room| room.info.suite.key_kind())
        {
            self.rooms.entry(*membership).or_default().entered = Some((kind, *room));
        }
        self.write(*membership);
        steps.into_iter().for_each(|(message, step)| self.delivers(*membership, message, &step));
    }

    /// Takes a change in. Returns the step of an own message.
    fn take(&mut self, change: Change) -> Option<(MessageId, Step)> {
        match change {
            Change::RowAdded { membership, row } => {
                if let Some(row) = self.chat.room(membership).and_then(|room| room.row(row)) {
                    self.rooms.entry(membership).or_default().said(row);
                }
            }
            Change::News { membership, news: Told::Delivery { message, step } } => {
                let readers = self.readers(membership);
                self.rooms.entry(membership).or_default().step(&message, &step, &readers);
                return Some((message, step));
            }
            Change::RoomRemoved(membership) => drop(self.rooms.remove(&membership)),
            _ => {}
        }
        None
    }

    /// Hands in what waits for a room to be known, or for its store to be open.
    fn write(&mut self, membership: MembershipId) {
        let (Some(room), Some(known)) = (self.chat.room(membership), self.rooms.get_mut(&membership)) else { return };
        // What is typed before somebody is in the room is saved once they are.
        let Some((kind, id)) = known.entered else { return };
        if self.unusable.contains(&kind) {
            return known.wait_no_more();
        }
        let Some(open) = self.stores.get(&kind) else { return };
        for write in known.writes(id, open.me, room) {
            self.hand_in(kind, write);
        }
    }

    fn hand_in(&mut self, kind: KeyKind, write: Write) {
        if self.waiting.entry(kind).or_default().add(write) {
            self.go_on();
        } else {
            self.left_out(kind);
        }
    }

    /// Something is not saved. It may have been what a room is called: that is written again. And it may have been what
    /// somebody said: nothing is confirmed any more.
    fn left_out(&mut self, kind: KeyKind) {
        self.has_lost = true;
        self.rooms.values_mut().for_each(SavedRoom::tell_again);
        if let Some(open) = self.stores.get_mut(&kind) {
            open.is_whole = false;
        }
        self.unconfirmed.retain(|waits| waits.kind != kind);
    }

    /// Hands in what full queues left over, in order. What is for a store that is not open waits.
    fn go_on(&mut self) {
        for (kind, waiting) in &mut self.waiting {
            let Some(open) = self.stores.get_mut(kind) else { continue };
            while let Some(write) = waiting.next() {
                let erases = matches!(write, Write::Forget { .. });
                match open.store.write(write) {
                    Ok(number) => {
                        open.taken = number;
                        if erases {
                            self.erasing.insert((*kind, number));
                        }
                    }
                    Err(full) => {
                        waiting.put_back(*full.0);
                        break;
                    }
                }
            }
        }
    }

    /// Which room a membership is in, and whose store has it; `None` before it is known.
    fn entered(&self, membership: MembershipId) -> Option<(KeyKind, RoomId)> {
        self.rooms.get(&membership)?.entered
    }

    /// The others in a room who confirm what they get.
    fn readers(&self, membership: MembershipId) -> Vec<Fingerprint> {
        self.chat.room(membership).map(|room| room.readers()).unwrap_or_default()
    }

    /// The number that the newest write gets, also where it waits for a full queue.
    fn newest(&self, kind: KeyKind) -> u64 {
        let waiting = self.waiting.get(&kind).map_or(0, Backlog::len);
        self.stores.get(&kind).map_or(0, |open| open.taken).saturating_add(u64::try_from(waiting).unwrap_or(u64::MAX))
    }

    /// Whether a message came before, in this run or an earlier one.
    pub(super) fn has(&self, membership: MembershipId, sender: &Fingerprint, id: MessageId) -> bool {
        let Some((kind, room)) = self.entered(membership) else { return false };
        let Some(open) = self.stores.get(&kind) else { return false };
        let waits = self.waiting.get(&kind).is_some_and(|waiting| waiting.has(&room, sender, id));
        waits
            || open.store.has(&room, sender, id).unwrap_or_else(|error| {
                log::warn!("whether a message came before cannot be found out: {error}");
                false
            })
    }

    /// A client waits until what it reported is stored. Whether it is.
    pub(super) fn is_received(&mut self, membership: MembershipId, client: ClientId, number: u64) -> bool {
        let Some((kind, open)) = self.entered(membership).and_then(|(kind, _)| Some((kind, self.stores.get(&kind)?)))
        else {
            // There is nothing that would store it.
            return true;
        };
        let after = self.newest(kind);
        if !open.is_whole || open.committed >= after {
            return open.is_whole;
        }
        self.unconfirmed.push_back(Unconfirmed { kind, after, client, number });
        false
    }

    /// Asks for messages above those that are known; does nothing if there are none.
    pub(super) fn read_earlier(&mut self, membership: MembershipId) {
        let Some(room) = self.rooms.get_mut(&membership) else { return };
        let (Some((kind, id)), Some(place)) = (room.entered, room.ask()) else { return };
        let question = Question::Before { room: id, place, count: ROWS_MAX };
        if !self.ask(kind, question, Asked::Earlier(membership))
            && let Some(room) = self.rooms.get_mut(&membership)
        {
            room.asking = false;
        }
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
            let entered = room.entered;
            self.rooms.insert(to, room);
            if let Some((kind, room)) = entered {
                self.ask(kind, Question::Unread { room }, Asked::Unread(to));
            }
            self.read_earlier(to);
        }
    }

    /// Writes what waits and closes the stores, before the end; returns what to report.
    pub(super) fn close(&mut self) -> Option<Problem> {
        let deadline = Instant::now() + CLOSING;
        let opening: Vec<KeyKind> = self.opening.keys().copied().collect();
        for kind in opening {
            if let Err(problem) = self.opened(kind) {
                log::warn!("a store was not opened before the end: {problem:?}");
            }
        }
        let memberships: Vec<MembershipId> = self.rooms.keys().copied().collect();
        memberships.into_iter().for_each(|membership| self.write(membership));
        self.write_reads();
        self.go_on();
        let left = self.stores.keys().filter(|kind| self.waits(**kind)).count();
        let stores = std::mem::take(&mut self.stores).into_values();
        let close = |open: InUse| open.store.close(deadline.saturating_duration_since(Instant::now()));
        let unstored: usize = stores.map(|open| close(open).map_or_else(|left| left.0, |()| 0)).sum();
        (left + unstored > 0 || self.has_lost).then(|| Problem::messages_unwritten(&self.directory))
    }

    fn waits(&self, kind: KeyKind) -> bool {
        self.waiting.get(&kind).is_some_and(|waiting| waiting.len() > 0)
    }
}

/// Own messages that were said before this are not sent any more; in milliseconds since 1970.
fn sent_since_ms() -> u64 {
    clock::now_ms().saturating_sub(SENT_FOR_MS)
}

#[cfg(test)]
mod tests;
