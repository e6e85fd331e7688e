//! Reads chains and messages of others.

use super::room::Chain;
use super::{Client, Event, Phase};
use crate::crypto::Fingerprint;
use crate::crypto::primitives::labelled_hash;
use crate::protocol::content::{Body, Content};
use crate::protocol::limits::{DATES_END_MS, RECEIPT_AFTER_MS};
use crate::protocol::name::check_name;
use crate::protocol::payload::{CommonPayload, Fault, HeaderPayload, VERSION};
use crate::protocol::sealing::learning;
use crate::protocol::sealing::sender_key::{Announcement, Opened, ReceiveChain, Unopened};
use crate::protocol::{MessageId, Now};
use crate::wire::{Msg, Signed, Wrap, decode};

/// Message names remembered, so that none is shown twice.
pub(super) const SEEN_MAX: usize = 4_096;

impl Client {
    /// A chain's announcement. What does not hold is dropped; nothing is sent back.
    pub(super) fn sk_item(&mut self, exact: &[u8], wrap: Option<&Wrap>) {
        let Some(announcement) = self.announcement(exact) else { return };
        let sender = announcement.common.sender;
        let Some(room) = &mut self.room else { return };
        if sender == self.identity.fingerprint() || announcement.common.epoch < room.roster.number() {
            return;
        }
        // A host that is honest shows a change of the roster before what is said after it.
        if announcement.common.epoch > room.roster.number() || *announcement.common.roster_hash != *room.roster.hash() {
            return self.fork(sender);
        }
        let number = announcement.common.chain_number;
        if room.chains.get(&sender).is_some_and(|known| known.number() >= number) {
            return;
        }
        let opened = wrap.filter(|wrap| wrap.recipient == self.identity.fingerprint()).map(|wrap| {
            let prekey = room.own_prekeys.iter().find(|prekey| prekey.index == wrap.prekey_index);
            prekey.and_then(|prekey| {
                ReceiveChain::open(&self.identity, &prekey.key, &announcement, wrap, &room.local_secret).ok()
            })
        });
        let unreadable = matches!(opened, Some(None));
        let closed = Chain::Closed { number, told: unreadable };
        let chain = opened.flatten().map_or(closed, |chain| Chain::Open(Box::new(chain)));
        room.chains.insert(sender, chain);
        if unreadable {
            self.event(Event::Unreadable { from: sender });
        }
    }

    fn announcement(&self, exact: &[u8]) -> Option<Announcement> {
        let room = self.room.as_ref()?;
        let signed: Signed = decode(exact).ok()?;
        let unchecked: CommonPayload = decode(&signed.payload).ok()?;
        let bundle = room.roster.bundle(&unchecked.sender)?;
        let announcement = Announcement::read(bundle, &signed).ok()?;
        (announcement.common.room == room.roster.room()).then_some(announcement)
    }

    /// A message; ours tells that it is on the host, another's is opened.
    pub(super) fn message_item(&mut self, exact: &[u8], position: u64, now: Now) -> Result<(), Fault> {
        let message: Msg = decode(exact)?;
        let header: HeaderPayload = decode(&message.header)?;
        let room = self.room.as_mut().ok_or(Fault::Unexpected)?;
        let sender = header.sender;
        if header.version != VERSION || header.room != room.roster.room() {
            return Err(Fault::OtherRoom);
        }
        if sender == self.identity.fingerprint() {
            self.own_message(&message, position, header.position, now);
            return Ok(());
        }
        // An owner may be ahead of the host, by an entry that was stored and not sent yet.
        if header.epoch != room.roster.number() {
            return Ok(());
        }
        if !room.roster.contains(&sender) {
            return Err(Fault::OtherRoom);
        }
        let differs = room.log.differs(header.position, &header.log_hash);
        match self.open(&header, &message, position) {
            Ok(opened) => {
                if differs {
                    self.fork(sender);
                }
                if opened.lost > 0 {
                    self.event(Event::Lost { from: sender, count: opened.lost });
                }
                if self.phase == Phase::Live {
                    self.compare_clocks(sender, opened.sent_ms..=opened.sent_ms, now);
                }
                self.arrived_at(sender, header.position);
                self.body(sender, opened.body, opened.sent_ms, (position, header.position), now);
            }
            Err(Unopened::Dropped) => {}
            // An honest host only passes on what the sender's link gave it, and an honest sender
            // signs: which of the two it was cannot be told from here.
            Err(Unopened::Forged | Unopened::Unreadable) => self.event(Event::Unreadable { from: sender }),
            Err(Unopened::Gap) => {
                if let Some(room) = &mut self.room {
                    let number = room.chains.get(&sender).map_or(0, Chain::number);
                    room.chains.insert(sender, Chain::Closed { number, told: true });
                }
                self.event(Event::Unreadable { from: sender });
            }
        }
        Ok(())
    }

    fn open(&mut self, header: &HeaderPayload, message: &Msg, position: u64) -> Result<Opened, Unopened> {
        let room = self.room.as_mut().ok_or(Unopened::Dropped)?;
        if room.roster.suite().is_learning() {
            let sender = room.roster.bundle(&header.sender).ok_or(Unopened::Dropped)?;
            let (body, sent_ms) = learning::open(&self.identity, sender, message)?;
            let (next, newest) = room.learning_seen.get(&header.sender).copied().unwrap_or((header.index, 0));
            // A new run of the sender's app counts from 0, having seen where the last one ended.
            let next = if header.position >= newest { next.min(header.index) } else { next };
            let lost = header.index.checked_sub(next).ok_or(Unopened::Dropped)?;
            room.learning_seen.insert(header.sender, (header.index.saturating_add(1), position));
            return Ok(Opened { body, sent_ms, lost });
        }
        // A chain whose announcement never came, or did not hold, is older than every announced one.
        let never_announced = Chain::Closed { number: 0, told: false };
        match room.chains.entry(header.sender).or_insert(never_announced) {
            Chain::Open(chain) => chain.receive(header, message),
            Chain::Closed { told, .. } if !*told && room.reached_since.is_some_and(|at| header.position >= at) => {
                // The sender had seen our prekey: the host kept the chain or its key from us, or our prekey from it.
                *told = true;
                Err(Unopened::Unreadable)
            }
            // Sealed before we came, or while we were away: not for us.
            Chain::Closed { .. } => Err(Unopened::Dropped),
        }
    }

    /// What a message says that stands `at` a position of the log, up to another of which its sender had seen it.
    fn body(&mut self, from: Fingerprint, body: Body, sent_ms: u64, at: (u64, u64), now: Now) {
        match body {
            Body::Name(name) => {
                if let Ok(name) = check_name(&name) {
                    self.event(Event::MemberNamed { member: from, name });
                }
            }
            Body::Title(title) => {
                let owner = self.room.as_ref().map(|room| room.roster.owner());
                if owner == Some(from)
                    && let Ok(title) = check_name(&title)
                {
                    self.title.clone_from(&title);
                    self.event(Event::Titled { title });
                }
            }
            Body::Said { id, content } => self.said(from, id, content, sent_ms, at, now),
            Body::Receipt(position) => self.arrived_at(from, position),
            Body::Leave => {
                if let Some(room) = &mut self.room {
                    room.left.insert(from);
                }
                self.desk.remove(from);
                self.event(Event::MemberLeft { member: from });
            }
            Body::Missed(missed) => self.missed(from, &missed),
            Body::Newer => self.event(Event::Newer { from }),
        }
    }

    fn said(&mut self, from: Fingerprint, id: MessageId, content: Content, sent_ms: u64, at: (u64, u64), now: Now) {
        let (position, seen) = at;
        let Some(room) = &mut self.room else { return };
        if !content.fits() {
            return self.event(Event::Unreadable { from });
        }
        let seen_as = seen_as(from, id);
        if room.seen.contains(&seen_as) {
            return;
        }
        if room.seen.len() == SEEN_MAX {
            room.seen.pop_front();
        }
        room.seen.push_back(seen_as);
        room.received = room.received.max(position);
        room.absences.said(from, position, seen, now.unix_ms);
        if room.is_talkative() {
            room.receipt_at_ms.get_or_insert(now.monotonic_ms + RECEIPT_AFTER_MS);
        }
        // What is no date is shown as when it came.
        let sent_ms = if sent_ms < DATES_END_MS { sent_ms } else { now.unix_ms };
        self.event(Event::Message { id, from, content, sent_ms });
    }

    /// A member has everything up to `position`: it says so, or its message shows it.
    fn arrived_at(&mut self, member: Fingerprint, position: u64) {
        let Some(room) = &mut self.room else { return };
        // Nobody has more than there is.
        room.absences.has(member, position.min(room.log.position()));
        let sent = room.sent.iter_mut().take_while(|sent| sent.position <= position);
        let delivered: Vec<MessageId> =
            sent.filter_map(|sent| sent.awaiting.remove(&member).then_some(sent.id)).collect();
        while room.sent.front().is_some_and(|sent| sent.awaiting.is_empty()) {
            room.sent.pop_front();
        }
        for id in delivered {
            self.event(Event::Delivered { id, to: member });
        }
    }

    fn fork(&mut self, from: Fingerprint) {
        if self.room.as_mut().is_some_and(|room| room.forked.insert(from)) {
            self.event(Event::Fork { from });
        }
    }
}

/// A message's name is its sender's choice, so it counts only together with the sender.
fn seen_as(from: Fingerprint, id: MessageId) -> MessageId {
    let hash = labelled_hash("seen", &[from.as_bytes(), &id.0]);
    let mut short = [0; 16];
    short.copy_from_slice(hash.split_at(16).0);
    MessageId(short)
}
