//! Sends what waits: introductions, confirmations, words; in the epoch that holds when they go.

use std::collections::{BTreeMap, BTreeSet};

use super::room::Sent;
use super::{Client, Event, Output, Phase, Stop};
use crate::crypto::textbook::MAX_BLOCKS;
use crate::crypto::{CryptoError, Fingerprint, Random};
use crate::protocol::content::{Body, Content};
use crate::protocol::limits::{
    BYTES_A_SECOND, BYTES_BURST, IN_FLIGHT_MAX, KEYS_BURST, MESSAGES_A_SECOND, MESSAGES_BURST, OUTBOX_MAX,
};
use crate::protocol::payload::{Fault, HeaderPayload, VERSION};
use crate::protocol::rate::Bucket;
use crate::protocol::sealing::learning;
use crate::protocol::sealing::sender_key::{Recipient, SendChain};
use crate::protocol::{MessageId, Now};
use crate::wire::ByeCode;
use crate::wire::{ByteArray, Bytes, FRAME_HEADER_BYTES, Frame, FrameKind, Msg};

/// How long a goodbye may take to get into the log, in milliseconds.
const LEAVE_MS: u64 = 5_000;
/// The largest message in bytes, with its frame's head.
#[allow(clippy::cast_possible_truncation, reason = "64 KiB and five")]
const MESSAGE_BYTES_MAX: u32 = (FrameKind::Msg.limit() + FRAME_HEADER_BYTES) as u32;
/// Own messages that wait for confirmation; the oldest is given up.
pub(super) const SENT_MAX: usize = 1_000;

/// The least size of a learning message whose signature would have more blocks than one may: five bytes each.
const LEARNING_UNSIGNED_BYTES: usize = 5 * MAX_BLOCKS;
/// What does not grow with the words of a learning message, as if it were words.
const LEARNING_FIXED_BYTES: usize = 256;

/// Words that wait.
pub(super) struct Queued {
    pub id: MessageId,
    pub content: Content,
}

/// A sealed message on its way to the host.
pub(super) struct InFlight {
    signature: Bytes,
    body: Body,
    recipients: BTreeSet<Fingerprint>,
    without: Vec<Fingerprint>,
    /// Called back on its way: not sent a second time, should this time fail.
    cancelled: bool,
}

impl InFlight {
    /// Nobody sealed for `member` in time: it has begun anew since, or said goodbye.
    pub(super) fn leave_out(&mut self, member: Fingerprint) {
        if self.recipients.remove(&member) {
            self.without.push(member);
        }
    }
}

/// Keeps below the host's limits, which count a little differently because of the way in between.
pub(super) struct Pace {
    messages: Bucket,
    bytes: Bucket,
    pub keys: Bucket,
    /// When more may go, if something waits for that.
    pub due_ms: Option<u64>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(Now::default())
    }
}

impl Pace {
    pub(super) fn new(now: Now) -> Self {
        Self {
            messages: Bucket::new(MESSAGES_A_SECOND * 9 / 10, MESSAGES_BURST * 3 / 4, now),
            bytes: Bucket::new(BYTES_A_SECOND / 10 * 9, BYTES_BURST / 4 * 3, now),
            keys: Bucket::new(1, KEYS_BURST * 3 / 4, now),
            due_ms: None,
        }
    }
}

impl Client {
    pub(super) fn queue(&mut self, id: MessageId, content: Content) {
        if !content.fits() {
            return self.event(Event::Rejected { id, limit: content.bytes_max() });
        }
        if self.outbox.len() >= OUTBOX_MAX {
            return self.event(Event::OutboxFull { id });
        }
        self.outbox.push_back(Queued { id, content });
        self.event(Event::Queued { id });
    }

    pub(super) fn leave(&mut self, now: Now) {
        if self.is_owner() {
            return self.desk.close();
        }
        if self.phase != Phase::Live {
            self.outputs.push_back(Output::Disconnect(ByeCode::Leaving));
            return self.stop(Stop::Left);
        }
        self.leaving = Some(now.monotonic_ms + LEAVE_MS);
        self.controls.push_back(Body::Leave);
    }

    /// Sends all that may go now.
    pub(super) fn pump(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        self.pace.due_ms = None;
        if self.phase != Phase::Live {
            return Ok(());
        }
        self.change_roster(now)?;
        self.renew_prekey(now, random)?;
        self.confirm(now);
        let own = self.identity.fingerprint();
        let Some(room) = &mut self.room else { return Ok(()) };
        let introduce = room.introduce_at_ms.is_some_and(|due| now.monotonic_ms >= due);
        if let Some(due) = room.awaits_keys(now).filter(|_| self.leaving.is_none()) {
            room.introduce_at_ms = introduce.then_some(due).or(room.introduce_at_ms);
            return Ok(());
        }
        let reachable = room.reachable(own, now);
        if introduce {
            room.introduce_at_ms = None;
        }
        if reachable.is_empty() {
            return self.nobody_there();
        }
        if introduce && !self.introduced(&reachable, now, random)? {
            self.again_later(now);
        }
        self.tell_what_was_missed(&reachable, now);
        while self.send_next(&reachable, now, random)? {}
        Ok(())
    }

    /// Words wait for somebody to read them; everything else is said again when somebody comes.
    fn nobody_there(&mut self) -> Result<(), Fault> {
        let leaves = self.controls.contains(&Body::Leave);
        self.controls.clear();
        if leaves {
            self.outputs.push_back(Output::Disconnect(ByeCode::Leaving));
            self.stop(Stop::Left);
        }
        Ok(())
    }

    fn confirm(&mut self, now: Now) {
        let Some(room) = &mut self.room else { return };
        if room.receipt_at_ms.is_some_and(|due| now.monotonic_ms >= due) {
            room.receipt_at_ms = None;
            if room.received > room.confirmed {
                room.confirmed = room.received;
                self.controls.push_back(Body::Receipt(room.received));
            }
        }
    }

    /// Confirms what was read and waits to be confirmed: whoever said it would have to believe that it is lost.
    pub(super) fn confirm_before_goodbye(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        if let Some(room) = self.room.as_mut().filter(|room| room.receipt_at_ms.is_some()) {
            room.receipt_at_ms = Some(now.monotonic_ms);
            return self.pump(now, random);
        }
        Ok(())
    }

    /// Whether everybody who is there knows our name or is about to, and can read what follows.
    fn introduced(
        &mut self,
        reachable: &BTreeMap<Fingerprint, u64>,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<bool, Fault> {
        if !self.suite().is_learning() {
            return self.ensure_chain(reachable, now, random);
        }
        let Some(room) = &mut self.room else { return Ok(false) };
        let told = room.learning_told.len();
        room.learning_told.extend(reachable.keys());
        if room.learning_told.len() > told {
            self.say_who(0);
        }
        Ok(true)
    }

    /// Puts our name, and an owner's title of the room, before what is to be said.
    fn say_who(&mut self, at: usize) {
        if self.is_owner() && !self.title.is_empty() {
            self.controls.insert(at, Body::Title(self.title.clone()));
        }
        self.controls.insert(at, Body::Name(self.name.clone()));
    }

    /// Whether there is a chain now that everybody who is there can read.
    fn ensure_chain(
        &mut self,
        reachable: &BTreeMap<Fingerprint, u64>,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<bool, Fault> {
        let Some(room) = &self.room else { return Ok(false) };
        let epoch = room.epoch();
        if self.chain.as_ref().is_some_and(|chain| chain.serves(&epoch, reachable, now)) {
            return Ok(true);
        }
        if !self.pace.keys.take(1, now) {
            return Ok(false);
        }
        let recipients: Vec<Recipient> = reachable
            .keys()
            .filter_map(|member| {
                let (bundle, prekey) = (room.roster.bundle(member)?, room.prekeys.get(member)?);
                let (prekey_index, prekey) = (prekey.index, prekey.public.clone());
                Some(Recipient { member: *member, encryption: bundle.encryption.clone(), prekey_index, prekey })
            })
            .collect();
        // It goes on from the host's word.
        self.chain_number = self.chain_number.checked_add(1).ok_or(Fault::Limit)?;
        let (chain, packet) = SendChain::start(&self.identity, epoch, self.chain_number, &recipients, now, random)?;
        self.chain = Some(chain);
        self.send(&Frame::SkPacket(packet));
        self.say_who(0);
        Ok(true)
    }

    /// Sends one more thing; `false` if nothing is left or nothing more may go now.
    fn send_next(
        &mut self,
        reachable: &BTreeMap<Fingerprint, u64>,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<bool, Fault> {
        let holds_words = self.holds_words(reachable, now);
        let waits = !self.controls.is_empty() || !(holds_words || self.outbox.is_empty());
        if !waits || self.in_flight.len() >= IN_FLIGHT_MAX {
            return Ok(false);
        }
        if !self.introduced(reachable, now, random)? {
            self.again_later(now);
            return Ok(false);
        }
        // How many bytes it takes is known once it is sealed.
        let has_room = self.pace.bytes.next_ms(MESSAGE_BYTES_MAX, now) <= now.monotonic_ms;
        if !has_room || !self.pace.messages.take(1, now) {
            self.again_later(now);
            return Ok(false);
        }
        let body = match self.controls.pop_front() {
            Some(body) => body,
            None => match self.outbox.pop_front() {
                Some(Queued { id, content }) => Body::Said { id, content },
                None => return Ok(false),
            },
        };
        self.send_body(body, reachable, now)?;
        Ok(true)
    }

    fn send_body(&mut self, body: Body, reachable: &BTreeMap<Fingerprint, u64>, now: Now) -> Result<(), Fault> {
        let sealed = self.seal(&body, reachable, now);
        if sealed.as_ref().is_err_and(|fault| *fault == CryptoError::TooLong.into()) {
            self.reject(&body, LEARNING_UNSIGNED_BYTES);
            return Ok(());
        }
        let message = sealed?;
        let frame = Frame::Msg(message.clone());
        if !frame.fits() {
            self.reject(&body, frame.to_bytes().len());
            return Ok(());
        }
        if let Some(room) = self.room.as_mut().filter(|room| room.roster.suite().is_learning()) {
            room.learning_sent += 1;
        }
        let own = self.identity.fingerprint();
        let members = self.room.iter().flat_map(|room| room.roster.members());
        let without = members.filter(|member| *member != own && !reachable.contains_key(member)).collect();
        let recipients = reachable.keys().copied().collect();
        if let Body::Said { id, .. } = &body {
            self.event(Event::Sealed { id: *id });
        }
        self.in_flight.push_back(InFlight {
            signature: message.signature,
            body,
            recipients,
            without,
            cancelled: false,
        });
        let bytes = frame.to_bytes();
        self.pace.bytes.take(u32::try_from(bytes.len()).unwrap_or(u32::MAX), now);
        self.send_bytes(bytes);
        Ok(())
    }

    /// Words that would have become a frame of `size` bytes are too long, as happens in learning rooms.
    fn reject(&mut self, body: &Body, size: usize) {
        if let Body::Said { id, content } = body {
            let limit = (content.size() * FrameKind::Msg.limit() / size).saturating_sub(LEARNING_FIXED_BYTES);
            self.event(Event::Rejected { id: *id, limit });
        }
    }

    fn seal(&mut self, body: &Body, reachable: &BTreeMap<Fingerprint, u64>, now: Now) -> Result<Msg, Fault> {
        let own = self.identity.fingerprint();
        let room = self.room.as_mut().ok_or(Fault::Unexpected)?;
        let log = (room.log.position(), room.log.hash());
        if let Some(chain) = self.chain.as_mut().filter(|_| !room.roster.suite().is_learning()) {
            return Ok(chain.seal(own, body, log, now)?);
        }
        let header = HeaderPayload {
            sender: own,
            chain: ByteArray::new([0; 32]),
            index: room.learning_sent,
            log_hash: ByteArray::new(*log.1),
            position: log.0,
            epoch: room.roster.number(),
            room: room.roster.room(),
            version: VERSION,
        };
        let recipients = reachable.keys().filter_map(|member| room.roster.bundle(member));
        Ok(learning::seal(&self.identity, recipients, &header, body, now.unix_ms)?)
    }

    /// Our own message came back with its place in the log.
    pub(super) fn own_message(&mut self, message: &Msg, position: u64, seen: u64, now: Now) {
        let index = self.in_flight.iter().position(|sent| sent.signature == message.signature);
        let Some(sent) = index.and_then(|index| self.in_flight.remove(index)) else { return };
        match sent.body {
            Body::Said { id, .. } => {
                if let Some(room) = &mut self.room {
                    if room.sent.len() == SENT_MAX {
                        room.sent.pop_front();
                    }
                    room.sent.push_back(Sent { id, position, awaiting: sent.recipients });
                    room.absences.said(self.identity.fingerprint(), position, seen, now.unix_ms);
                }
                self.event(Event::OnHost { id, without: sent.without });
            }
            // Sealed for a key that was gone by then, it told nobody.
            Body::Missed(missed) => {
                if let Some(room) = self.room.as_mut().filter(|_| sent.recipients.contains(&missed.member)) {
                    room.absences.told(&missed, position);
                }
            }
            Body::Leave => {
                self.outputs.push_back(Output::Disconnect(ByeCode::Leaving));
                self.stop(Stop::Left);
            }
            _ => {}
        }
    }

    /// Words that are called back are not sealed; those on their way go no second time.
    pub(super) fn cancel(&mut self, id: MessageId) {
        self.outbox.retain(|queued| queued.id != id);
        for sent in &mut self.in_flight {
            sent.cancelled |= matches!(&sent.body, Body::Said { id: sealed, .. } if *sealed == id);
        }
    }

    /// What the host has not logged is sealed again, in the epoch that holds then; what speaks of places in
    /// the log, only in the same log.
    pub(super) fn requeue_in_flight(&mut self, in_same_log: bool) {
        while let Some(sent) = self.in_flight.pop_back() {
            match sent.body {
                Body::Said { .. } if sent.cancelled => {}
                Body::Said { id, content } => self.outbox.push_front(Queued { id, content }),
                Body::Leave => self.controls.push_front(Body::Leave),
                body @ (Body::Receipt(_) | Body::Missed(_)) if in_same_log => self.controls.push_front(body),
                _ => {}
            }
        }
    }

    pub(super) fn again_later(&mut self, now: Now) {
        let Pace { messages, bytes, keys, .. } = &mut self.pace;
        let due = messages.next_ms(1, now).max(bytes.next_ms(MESSAGE_BYTES_MAX, now)).max(keys.next_ms(1, now));
        self.pace.due_ms = Some(self.pace.due_ms.map_or(due, |known| known.min(due)));
    }
}
