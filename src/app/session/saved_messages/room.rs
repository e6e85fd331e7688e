//! What is known of one room's saved messages: what waits to be saved, and which of them are shown.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::owed::Owed;
use super::reading::ReadSoFar;
use crate::app::conversation::{self, Delivery, Message, Room, Row, RowKind, Step};
use crate::app::saved_message::{delivery, from_before, members, progress, stored};
use crate::app::session::outbox::{Again, Unsent};
use crate::app::{EarlierMessage, EarlierMessages};
use crate::crypto::{Fingerprint, KeyKind};
use crate::protocol::limits::{OUTBOX_MAX, TEXT_BYTES_MAX};
use crate::protocol::{MessageId, RoomId};
use crate::store::{DeliveryState, Held, Progress, ProgressState, StoredMessage, StoredRow, Write};

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
    /// How far an own one has got, and how it stands with members with whom that has changed.
    Step(MessageId, Progress, Vec<(Fingerprint, DeliveryState)>),
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
    members: BTreeMap<Fingerprint, DeliveryState>,
    /// Whether it is under way in this run, so that `delivery` says who is waited for.
    is_of_this_run: bool,
}

impl Followed {
    fn new(id: MessageId, delivery: Delivery, is_of_this_run: bool) -> Self {
        let stored = progress(&delivery, false);
        Self { id, stored, members: members(&delivery), delivery, is_of_this_run }
    }

    /// What is to be stored of it, if that is not what is stored.
    fn news(&mut self, is_sealed: bool) -> Option<Waiting> {
        let (now, members) = (progress(&self.delivery, is_sealed), members(&self.delivery));
        let changed: Vec<_> = members
            .iter()
            .filter(|(member, state)| self.members.get(member) != Some(state))
            .map(|(member, state)| (*member, *state))
            .collect();
        if now == self.stored && changed.is_empty() {
            return None;
        }
        (self.stored, self.members) = (now, members);
        Some(Waiting::Step(self.id, now, changed))
    }
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
    /// What members lack of it.
    pub(super) owed: Owed,
    pub(super) read: ReadSoFar,
}

impl SavedRoom {
    /// A row was added: if it is a message, it is kept.
    pub(super) fn said(&mut self, row: &Row) {
        let RowKind::Message(message) = &row.kind else { return };
        if let Some(delivery) = &message.delivery {
            self.make_room();
            self.followed.push_back(Followed::new(message.id, delivery.clone(), true));
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

    /// An own message took a step. `readers` are the others who confirm what they get.
    pub(super) fn step(&mut self, id: &MessageId, step: &Step, readers: &[Fingerprint]) {
        let Some(followed) = self.followed.iter_mut().rev().find(|followed| followed.id == *id) else {
            // One of an earlier run, which is not sent any more, is taken back.
            if *step == Step::CalledBack {
                let cancelled = Progress { state: ProgressState::Cancelled, delivered: 0, of: 0 };
                self.wait(Waiting::Step(*id, cancelled, Vec::new()));
            }
            return;
        };
        let was_sealed = followed.stored.state == ProgressState::Sealed;
        followed.is_of_this_run |= matches!(step, Step::OnHost { .. });
        followed.delivery.step(step, readers);
        let is_sealed = was_sealed || *step == Step::Sealed;
        let news = followed.news(is_sealed);
        news.into_iter().for_each(|news| self.wait(news));
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
        self.owed = Owed::default();
        (self.shown_from, self.asking) = (Some(u64::MAX), false);
    }

    /// Whether its messages go to the store of such an identity.
    pub(super) fn is_of(&self, kind: KeyKind) -> bool {
        self.entered.is_some_and(|(of, _)| of == kind)
    }

    /// What waits will never be saved.
    pub(super) fn wait_no_more(&mut self) {
        self.read.wait_no_more();
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
                Waiting::Step(message, Progress { state, delivered, of }, members) => {
                    writes.push(Write::Progress { room: id, id: message, sender: me, state, delivered, of, members });
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

    /// What a stored message is shown as. One that is being sent waits, whatever it was when the program ended.
    fn earlier(&self, message: &StoredMessage, members: &[(Fingerprint, DeliveryState)]) -> EarlierMessage {
        let mut earlier = from_before(message, members);
        if let Some(followed) = self.followed.iter().find(|followed| followed.id == message.id)
            && message.own.is_some()
        {
            earlier.message.delivery = Some(followed.delivery.clone());
        }
        earlier
    }

    /// Own messages that were not on the host when the last run ended are sent now. Returns them.
    pub(super) fn go_on_sending(&mut self, rows: Vec<StoredRow>) -> Vec<Unsent> {
        let mut unsent = Vec::new();
        for row in rows {
            let Held::Message(message) = row.held else { continue };
            let Some(own) = message.own else { continue };
            let mut delivery = delivery(&message, own, &row.members);
            delivery.progress = conversation::Progress::Queued;
            let mut followed = Followed::new(message.id, delivery, true);
            followed.stored = own;
            self.make_room();
            self.followed.push_back(followed);
            unsent.push(Unsent { id: message.id, content: message.content, said_ms: message.sent_ms });
        }
        unsent
    }

    /// Which of these, which the store says that `member` lacks, are to be sent again: no more than so many, none that
    /// is under way to them, and none that was said before somebody came who would read it, too. The `readers` are
    /// those who would.
    pub(super) fn send_again(
        &mut self,
        rows: Vec<StoredRow>,
        member: Fingerprint,
        readers: &[Fingerprint],
        count: usize,
    ) -> Vec<Again> {
        let mut again = Vec::new();
        for StoredRow { held, members, .. } in rows {
            let Held::Message(message) = held else { continue };
            let Some(own) = message.own else { continue };
            let were_members = readers.iter().all(|reader| members.iter().any(|(member, _)| member == reader));
            let followed = self.followed.iter().find(|followed| followed.id == message.id);
            let is_under_way =
                followed.is_some_and(|followed| followed.is_of_this_run && followed.delivery.awaited.contains(&member));
            if !were_members || is_under_way || again.len() == count {
                continue;
            }
            if followed.is_none() {
                let followed = Followed::new(message.id, delivery(&message, own, &members), false);
                self.make_room();
                self.followed.push_back(followed);
            }
            let unsent = Unsent { id: message.id, content: message.content, said_ms: message.sent_ms };
            let readers = members.into_iter().map(|(member, _)| member).collect();
            again.push(Again { unsent, readers });
        }
        again
    }

    /// Rows came from the store, right above those that are shown.
    pub(super) fn page(&mut self, rows: &[StoredRow]) -> EarlierMessages {
        self.asking = false;
        let earlier = rows.first().map_or(0, |oldest| oldest.place);
        self.shown_from = Some(earlier);
        let shown = rows.iter().filter_map(|row| match &row.held {
            Held::Message(message) => Some((self.earlier(message, &row.members), self.read.is_new(row))),
            Held::Newer { .. } | Held::Erased | Held::Unreadable => None,
        });
        let (messages, are_new): (Vec<EarlierMessage>, Vec<bool>) = shown.unzip();
        let new = are_new.into_iter().filter(|is_new| *is_new).count();
        let members: BTreeSet<Fingerprint> = messages.iter().map(|past| past.message.from).collect();
        let named = |member: Fingerprint| Some((member, self.names.get(&member)?.clone()));
        let names = members.into_iter().filter_map(named).collect();
        EarlierMessages { messages, earlier, names, new, unread: self.read.tell() }
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
