//! What is known of one room's saved messages: what waits to be saved, and which of them are shown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::app::conversation::{self, Delivery, Message, Room, Row, RowKind, Step};
use crate::app::{EarlierMessage, EarlierMessages};
use crate::crypto::{Fingerprint, KeyKind};
use crate::protocol::limits::{OUTBOX_MAX, TEXT_BYTES_MAX};
use crate::protocol::{MessageId, RoomId};
use crate::store::{Held, Progress, ProgressState, StoredMessage, StoredRow, Write};

/// Own messages whose progress is followed: as many as may wait to be sent, and as many that are on the host. Of these
/// the older ones keep what is known of them.
const FOLLOWED_MAX: usize = 2 * OUTBOX_MAX;
/// What waits until a room is known and its store is open: as many messages as may wait to be sent, with a few steps
/// each.
const WAITING_MAX: usize = 4 * OUTBOX_MAX;
/// How many bytes of words wait so, at most: as many as a full outbox of the longest messages.
const WAITING_BYTES_MAX: usize = OUTBOX_MAX * TEXT_BYTES_MAX;

/// Something that waits to be stored.
enum Waiting {
    /// A message, and when it came, in milliseconds since 1970.
    Said(Message, u64),
    /// How far an own one has got.
    Step(MessageId, Progress),
}

impl Waiting {
    /// How many bytes of words it has.
    fn bytes(&self) -> usize {
        match self {
            Self::Said(message, _) => message.content.size(),
            Self::Step(..) => 0,
        }
    }
}

/// An own message that is followed.
struct Followed {
    id: MessageId,
    delivery: Delivery,
    /// What was stored of it last.
    stored: Progress,
}

/// See the head of this file.
#[derive(Default)]
pub(super) struct SavedRoom {
    /// Which room it is, once somebody is in it, and whose store it belongs to.
    pub(super) entered: Option<(KeyKind, RoomId)>,
    waiting: VecDeque<Waiting>,
    /// How many bytes of words are among that.
    waiting_bytes: usize,
    followed: VecDeque<Followed>,
    /// The title that is stored.
    title: Option<String>,
    /// The names that are stored.
    names: BTreeMap<Fingerprint, String>,
    /// The place of the oldest row that is shown, if any is stored.
    shown_from: Option<u64>,
    /// Whether rows above that were asked for.
    pub(super) asking: bool,
}

impl SavedRoom {
    /// A row was added: if it is a message, it is kept.
    pub(super) fn said(&mut self, row: &Row) {
        let RowKind::Message(message) = &row.kind else { return };
        if let Some(delivery) = &message.delivery {
            self.make_room();
            let delivery = delivery.clone();
            self.followed.push_back(Followed { id: message.id, stored: progress(&delivery, false), delivery });
        }
        self.wait(Waiting::Said(message.clone(), row.at_ms));
    }

    /// Follows one less if there are too many: the oldest of which no more is to be feared, and never one that may still
    /// be sent.
    fn make_room(&mut self) {
        let may_go =
            |followed: &Followed| !matches!(followed.stored.state, ProgressState::Queued | ProgressState::Sealed);
        if self.followed.len() >= FOLLOWED_MAX {
            let oldest = self.followed.iter().position(may_go).unwrap_or_default();
            self.followed.remove(oldest);
        }
    }

    /// An own message took a step. `readers` others should confirm it.
    pub(super) fn step(&mut self, id: &MessageId, step: &Step, readers: usize) {
        let Some(followed) = self.followed.iter_mut().rev().find(|followed| followed.id == *id) else {
            // One of an earlier run, which was never sent, is taken back.
            if *step == Step::CalledBack {
                self.wait(Waiting::Step(*id, Progress { state: ProgressState::Cancelled, delivered: 0, of: 0 }));
            }
            return;
        };
        let was_sealed = followed.stored.state == ProgressState::Sealed;
        if was_sealed && *step == Step::CalledBack {
            // Too late: it may have arrived.
            return;
        }
        followed.delivery.step(step, readers);
        let now = progress(&followed.delivery, was_sealed || *step == Step::Sealed);
        if now != followed.stored {
            followed.stored = now;
            let id = followed.id;
            self.wait(Waiting::Step(id, now));
        }
    }

    fn wait(&mut self, waiting: Waiting) {
        let bytes = self.waiting_bytes + waiting.bytes();
        if self.waiting.len() < WAITING_MAX && bytes <= WAITING_BYTES_MAX {
            self.waiting_bytes = bytes;
            self.waiting.push_back(waiting);
        } else {
            log::debug!("too much waits to be saved: something is left out");
        }
    }

    /// Something of it was left out: what the room and its people are called is written again.
    pub(super) fn tell_again(&mut self) {
        self.title = None;
        self.names.clear();
    }

    /// It goes on as another membership, which had this much. Nothing that was saved is shown there yet.
    pub(super) fn take_over(&mut self, other: Self) {
        other.waiting.into_iter().for_each(|waiting| self.wait(waiting));
        self.followed.extend(other.followed);
        (self.shown_from, self.asking) = (Some(u64::MAX), false);
    }

    /// What waits will never be saved.
    pub(super) fn wait_no_more(&mut self) {
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    /// What is to be written, now that the room is known and its store open. `me` is whose it is.
    pub(super) fn writes(&mut self, id: RoomId, me: Fingerprint, room: &Room) -> Vec<Write> {
        let mut writes = Vec::new();
        if self.waiting.is_empty() {
            return writes;
        }
        if self.title.as_ref() != Some(&room.info.title) {
            self.title = Some(room.info.title.clone());
            let (title, suite, entered_ms) = (room.info.title.clone(), room.info.suite, room.active_ms);
            writes.push(Write::Room { room: id, title, suite, entered_ms });
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        for waiting in waiting {
            match waiting {
                Waiting::Said(message, got_ms) => {
                    let sender = if message.is_mine() { me } else { message.from };
                    writes.extend(self.name(id, room, sender));
                    writes.push(Write::Message(stored(id, sender, message, got_ms)));
                }
                Waiting::Step(message, Progress { state, delivered, of }) => {
                    writes.push(Write::Progress { room: id, id: message, sender: me, state, delivered, of });
                }
            }
        }
        writes
    }

    /// What somebody who says something is called, if that is not stored.
    fn name(&mut self, id: RoomId, room: &Room, member: Fingerprint) -> Option<Write> {
        let name = room.chosen_name(&member)?.to_string();
        if self.names.get(&member) == Some(&name) {
            return None;
        }
        self.names.insert(member, name.clone());
        Some(Write::Name { room: id, member, name })
    }

    /// The place above which messages are to be read; `None` if there are none, or if they were asked for.
    pub(super) fn ask(&mut self) -> Option<u64> {
        let place = self.shown_from.filter(|place| *place > 0 && !self.asking)?;
        self.asking = true;
        Some(place)
    }

    /// What people are called, as it is saved.
    pub(super) fn know(&mut self, names: Vec<(Fingerprint, String)>) {
        self.names.extend(names);
    }

    /// Rows came from the store, right above those that are shown.
    pub(super) fn page(&mut self, rows: &[StoredRow]) -> EarlierMessages {
        self.asking = false;
        let earlier = rows.first().map_or(0, |oldest| oldest.place);
        self.shown_from = Some(earlier);
        let messages = rows.iter().filter_map(|row| match &row.held {
            Held::Message(message) => Some(message.into()),
            Held::Newer { .. } | Held::Erased | Held::Unreadable => None,
        });
        let messages: Vec<EarlierMessage> = messages.collect();
        let members: BTreeSet<Fingerprint> = messages.iter().map(|past| past.message.from).collect();
        let named = |member: Fingerprint| Some((member, self.names.get(&member)?.clone()));
        EarlierMessages { messages, earlier, names: members.into_iter().filter_map(named).collect() }
    }
}

fn stored(room: RoomId, sender: Fingerprint, message: Message, got_ms: u64) -> StoredMessage {
    let own = message.delivery.as_ref().map(|delivery| progress(delivery, false));
    StoredMessage { room, sender, id: message.id, content: message.content, sent_ms: message.sent_ms, got_ms, own }
}

/// What is stored of a delivery.
fn progress(delivery: &Delivery, is_sealed: bool) -> Progress {
    let state = match delivery.progress {
        conversation::Progress::Queued if is_sealed => ProgressState::Sealed,
        conversation::Progress::Queued | conversation::Progress::Unsent => ProgressState::Queued,
        conversation::Progress::Unconfirmed => ProgressState::Sealed,
        conversation::Progress::OnHost => ProgressState::OnHost,
        conversation::Progress::Cancelled => ProgressState::Cancelled,
        conversation::Progress::TooLong { .. } => ProgressState::TooLong,
        conversation::Progress::OutboxFull => ProgressState::OutboxFull,
    };
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Progress { state, delivered: count(delivery.reached()), of: count(delivery.of) }
}

impl From<&StoredMessage> for EarlierMessage {
    /// A message of an earlier run. What still waited then was not sent, for nothing sends it any more.
    fn from(message: &StoredMessage) -> Self {
        let delivery = message.own.map(|Progress { state, delivered, of }| {
            let progress = match state {
                ProgressState::Queued => conversation::Progress::Unsent,
                ProgressState::Sealed => conversation::Progress::Unconfirmed,
                ProgressState::OnHost => conversation::Progress::OnHost,
                ProgressState::Cancelled => conversation::Progress::Cancelled,
                ProgressState::TooLong => conversation::Progress::TooLong { limit: message.content.bytes_max() },
                ProgressState::OutboxFull => conversation::Progress::OutboxFull,
            };
            let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
            Delivery::from_before(progress, count(delivered), count(of))
        });
        let StoredMessage { sender, id, content, sent_ms, got_ms, .. } = message.clone();
        Self { came_ms: got_ms, message: Message { id, from: sender, content, sent_ms, delivery } }
    }
}

#[cfg(test)]
impl SavedRoom {
    pub(super) fn waits(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn follows(&self) -> usize {
        self.followed.len()
    }

    pub(super) fn progress_of(&self, id: &MessageId) -> Option<ProgressState> {
        self.followed.iter().find(|followed| followed.id == *id).map(|followed| followed.stored.state)
    }
}
