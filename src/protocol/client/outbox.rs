//! What waits to be sent and what is on its way: a person's messages and the program's own, at the rate that the host
//! allows.
//!
//! Not here: how a message is sealed (`sealing`), and whether it arrived (`receipts`).

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::Event;
use crate::crypto::Fingerprint;
use crate::protocol::content::{Body, Content};
use crate::protocol::limits::{
    BYTES_A_SECOND, BYTES_BURST, IN_FLIGHT_MAX, KEYS_BURST, MESSAGES_A_SECOND, MESSAGES_BURST, OUTBOX_MAX,
};
use crate::protocol::rate::Bucket;
use crate::protocol::{MessageId, Now};
use crate::wire::{Bytes, FRAME_HEADER_BYTES, FrameKind};

/// The largest message in bytes, with its frame header.
#[allow(clippy::cast_possible_truncation, reason = "64 KiB and five")]
const MESSAGE_BYTES_MAX: u32 = (FrameKind::Msg.limit() + FRAME_HEADER_BYTES) as u32;

/// Those who may read what is sent again.
type Readers = Arc<BTreeSet<Fingerprint>>;

/// What a person said, until it is sealed.
struct Queued {
    id: MessageId,
    content: Content,
    /// When, in milliseconds since 1970.
    said_ms: u64,
    /// Who may read it, if not everybody: it is sent again.
    readers: Option<Readers>,
}

/// What goes next.
pub(super) struct Next {
    pub(super) body: Body,
    /// When it was said, in milliseconds since 1970.
    pub(super) said_ms: u64,
    readers: Option<Readers>,
}

/// A sealed message on its way to the host.
pub(super) struct InFlight {
    pub(super) signature: Bytes,
    pub(super) body: Body,
    /// When it was said, in milliseconds since 1970.
    said_ms: u64,
    /// Who may read it, if not everybody.
    readers: Option<Readers>,
    /// Whom it was sealed for.
    pub(super) recipients: BTreeSet<Fingerprint>,
    /// The other members, whom it does not reach.
    pub(super) without: Vec<Fingerprint>,
    /// Cancelled on its way: not sent a second time, should this time fail.
    is_cancelled: bool,
}

impl InFlight {
    pub(super) fn new(
        signature: Bytes,
        Next { body, said_ms, readers }: Next,
        recipients: BTreeSet<Fingerprint>,
        without: Vec<Fingerprint>,
    ) -> Self {
        Self { signature, body, said_ms, readers, recipients, without, is_cancelled: false }
    }

    /// Nobody sealed for `member` in time: it has begun anew since, or said goodbye.
    fn leave_out(&mut self, member: Fingerprint) {
        if self.recipients.remove(&member) {
            self.without.push(member);
        }
    }
}

/// Stays below the host's limits, which count a little differently because of the network in between.
struct Pace {
    messages: Bucket,
    bytes: Bucket,
    keys: Bucket,
    /// When more may be sent, if something waits for that.
    due_ms: Option<u64>,
}

impl Pace {
    fn new(now: Now) -> Self {
        Self {
            messages: Bucket::new(MESSAGES_A_SECOND * 9 / 10, MESSAGES_BURST * 3 / 4, now),
            bytes: Bucket::new(BYTES_A_SECOND / 10 * 9, BYTES_BURST / 4 * 3, now),
            keys: Bucket::new(1, KEYS_BURST * 3 / 4, now),
            due_ms: None,
        }
    }
}

pub(super) struct Outbox {
    queued: VecDeque<Queued>,
    /// The program's own messages; they go before people's.
    controls: VecDeque<Body>,
    in_flight: VecDeque<InFlight>,
    pace: Pace,
    /// By when a leaving member's goodbye must be in the log, in monotonic milliseconds.
    leaving_until_ms: Option<u64>,
}

impl Outbox {
    pub(super) fn new(now: Now) -> Self {
        Self {
            queued: VecDeque::new(),
            controls: VecDeque::new(),
            in_flight: VecDeque::new(),
            pace: Pace::new(now),
            leaving_until_ms: None,
        }
    }

    /// Nothing was sent yet: the rate counts from now on.
    pub(super) fn start(&mut self, now: Now) {
        self.pace = Pace::new(now);
    }

    /// Accepts a person's message, and reports whether it did. One that waits or is on its way is not sent twice.
    pub(super) fn queue(&mut self, id: MessageId, content: Content, said_ms: u64) -> Event {
        self.take(Queued { id, content, said_ms, readers: None })
    }

    /// Accepts one that was on the host, for these readers and nobody else.
    pub(super) fn queue_again(
        &mut self,
        id: MessageId,
        content: Content,
        said_ms: u64,
        readers: BTreeSet<Fingerprint>,
    ) -> Event {
        self.take(Queued { id, content, said_ms, readers: Some(Arc::new(readers)) })
    }

    fn take(&mut self, queued: Queued) -> Event {
        let Queued { id, content, .. } = &queued;
        let id = *id;
        if !content.fits() {
            return Event::Rejected { id, limit: content.bytes_max() };
        }
        if self.holds(id) {
            return Event::Queued { id };
        }
        if self.queued.len() >= OUTBOX_MAX {
            return Event::OutboxFull { id };
        }
        self.queued.push_back(queued);
        Event::Queued { id }
    }

    fn holds(&self, id: MessageId) -> bool {
        let is_it = |sent: &InFlight| matches!(&sent.body, Body::Said { id: sealed, .. } if *sealed == id);
        self.queued.iter().any(|queued| queued.id == id) || self.in_flight.iter().any(is_it)
    }

    /// Cancelled messages are not sealed; those on their way are not sent a second time.
    pub(super) fn cancel(&mut self, id: MessageId) {
        self.queued.retain(|queued| queued.id != id);
        for sent in &mut self.in_flight {
            sent.is_cancelled |= matches!(&sent.body, Body::Said { id: sealed, .. } if *sealed == id);
        }
    }

    /// Queues a name or a title, replacing an older one that still waits.
    pub(super) fn tell_anew(&mut self, body: Body) {
        let kind = std::mem::discriminant(&body);
        self.controls.retain(|waiting| std::mem::discriminant(waiting) != kind);
        self.controls.push_back(body);
    }

    /// Queues something behind what the program already has to say.
    pub(super) fn tell(&mut self, body: Body) {
        self.controls.push_back(body);
    }

    /// Queues something before everything else.
    pub(super) fn tell_first(&mut self, body: Body) {
        self.controls.push_front(body);
    }

    /// Queues a final goodbye, which has this long to get into the log.
    pub(super) fn leave(&mut self, until_ms: u64) {
        self.leaving_until_ms = Some(until_ms);
        self.controls.push_back(Body::Leave);
    }

    pub(super) const fn is_leaving(&self) -> bool {
        self.leaving_until_ms.is_some()
    }

    /// Nobody is there to hear the program's own messages: they are queued again when somebody comes. Returns whether
    /// the goodbye was among them.
    pub(super) fn drop_controls(&mut self) -> bool {
        let leaves = self.controls.contains(&Body::Leave);
        self.controls.clear();
        leaves
    }

    /// Whether something is to be sent; `holds_words` if people's messages wait for somebody.
    pub(super) fn has_next(&self, holds_words: bool) -> bool {
        let waits = !self.controls.is_empty() || !(holds_words || self.queued.is_empty());
        waits && self.in_flight.len() < IN_FLIGHT_MAX
    }

    /// Takes what goes next, and when it was said. The program says its own things now.
    pub(super) fn next(&mut self, now: Now) -> Option<Next> {
        if let Some(body) = self.controls.pop_front() {
            return Some(Next { body, said_ms: now.unix_ms, readers: None });
        }
        let Queued { id, content, said_ms, readers } = self.queued.pop_front()?;
        Some(Next { body: Body::Said { id, content }, said_ms, readers })
    }

    /// What would be read by somebody who came after it was on the host is not sent again.
    pub(super) fn keep_from_newcomers(&mut self, others: &BTreeSet<Fingerprint>) {
        self.queued.retain(|queued| queued.readers.as_ref().is_none_or(|readers| others.is_subset(readers)));
    }

    /// Whether anything is sent again.
    pub(super) fn sends_again(&self) -> bool {
        self.queued.iter().any(|queued| queued.readers.is_some())
    }

    /// It was sealed, as a frame of this many bytes.
    pub(super) fn sent(&mut self, message: InFlight, bytes: usize, now: Now) {
        self.in_flight.push_back(message);
        self.pace.bytes.take(u32::try_from(bytes).unwrap_or(u32::MAX), now);
    }

    /// The message with this signature came back from the host: it has arrived.
    pub(super) fn arrived(&mut self, signature: &Bytes) -> Option<InFlight> {
        let index = self.in_flight.iter().position(|sent| sent.signature == *signature)?;
        self.in_flight.remove(index)
    }

    /// `member` can no longer read what is on its way.
    pub(super) fn leave_out(&mut self, member: Fingerprint) {
        self.in_flight.iter_mut().for_each(|sent| sent.leave_out(member));
    }

    /// What the host has not logged is sealed again, in the then current epoch; what refers to log positions, only in
    /// the same log.
    pub(super) fn requeue(&mut self, in_same_log: bool) {
        while let Some(sent) = self.in_flight.pop_back() {
            match sent.body {
                Body::Said { .. } if sent.is_cancelled => {}
                Body::Said { id, content } => {
                    self.queued.push_front(Queued { id, content, said_ms: sent.said_ms, readers: sent.readers });
                }
                Body::Leave => self.controls.push_front(Body::Leave),
                body @ (Body::Receipt(_) | Body::Missed(_)) if in_same_log => self.controls.push_front(body),
                _ => {}
            }
        }
    }

    /// Whether one more message may be sent now; if so, it counts. Its size is known once it is sealed.
    pub(super) fn may_send(&mut self, now: Now) -> bool {
        let has_room = self.pace.bytes.next_ms(MESSAGE_BYTES_MAX, now) <= now.monotonic_ms;
        has_room && self.pace.messages.take(1, now)
    }

    /// How many keys may be announced.
    pub(super) const fn keys(&mut self) -> &mut Bucket {
        &mut self.pace.keys
    }

    /// Nothing waits for the rate any more.
    pub(super) const fn begin_turn(&mut self) {
        self.pace.due_ms = None;
    }

    /// What cannot be sent now is tried when the rate allows it.
    pub(super) fn again_later(&mut self, now: Now) {
        let Pace { messages, bytes, keys, .. } = &mut self.pace;
        let due = messages.next_ms(1, now).max(bytes.next_ms(MESSAGE_BYTES_MAX, now)).max(keys.next_ms(1, now));
        self.pace.due_ms = Some(self.pace.due_ms.map_or(due, |known| known.min(due)));
    }

    /// When the rate allows more, in monotonic milliseconds.
    pub(super) const fn next_timeout(&self) -> Option<u64> {
        self.pace.due_ms
    }

    /// By when the goodbye must be logged, in monotonic milliseconds.
    pub(super) const fn leaving_until_ms(&self) -> Option<u64> {
        self.leaving_until_ms
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> [(&'static str, usize, usize); 2] {
        [
            // What was on its way when the link was lost comes first.
            ("messages that wait", self.queued.len(), OUTBOX_MAX + IN_FLIGHT_MAX),
            ("messages on their way", self.in_flight.len(), IN_FLIGHT_MAX),
        ]
    }
}
