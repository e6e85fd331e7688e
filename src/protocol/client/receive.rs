//! Reads other members' chains and messages.

use super::{Client, Event, Keep, Phase};
use crate::crypto::Fingerprint;
use crate::protocol::content::{Body, Content};
use crate::protocol::limits::DATES_END_MS;
use crate::protocol::name::check_name;
use crate::protocol::payload::{Fault, HeaderPayload, VERSION};
use crate::protocol::sealing::{Announced, Unopened};
use crate::protocol::{MessageId, Now};
use crate::wire::{Msg, Wrap, decode};

/// Where a message is in the log, and when it arrived.
#[derive(Clone, Copy)]
struct Place {
    position: u64,
    /// How far its sender had seen the log.
    seen: u64,
    /// The sender's clock, in milliseconds since 1970.
    sent_ms: u64,
    now: Now,
}

impl Client {
    /// A chain's announcement. An invalid one is dropped; nothing is sent back.
    pub(super) fn sk_item(&mut self, exact: &[u8], wrap: Option<&Wrap>) {
        let Some(room) = &mut self.room else { return };
        match room.sealing.announced(exact, wrap, &room.roster) {
            Announced::Taken => {}
            Announced::Fork(sender) => room.fork(sender, &mut self.out),
            Announced::Unreadable(sender) => self.out.event(Event::Unreadable { from: sender }),
        }
    }

    /// A message; our own confirms that it is on the host, another's is opened.
    pub(super) fn message_item(&mut self, exact: &[u8], position: u64, now: Now) -> Result<(), Fault> {
        let message: Msg = decode(exact)?;
        let header: HeaderPayload = decode(&message.header)?;
        let room = self.room.as_mut().ok_or(Fault::Unexpected)?;
        let (sender, seen) = (header.sender, header.position);
        if header.version != VERSION || header.room != room.roster.room() {
            return Err(Fault::OtherRoom);
        }
        if sender == self.identity.fingerprint() {
            self.own_message(&message, position, seen, now);
            return Ok(());
        }
        // An owner may be ahead of the host, by an entry that was stored and not sent yet.
        if header.epoch != room.roster.number() {
            return Ok(());
        }
        if !room.roster.contains(&sender) {
            return Err(Fault::OtherRoom);
        }
        let differs = room.log.differs(seen, &header.log_hash);
        match room.sealing.open(&header, &message, position, &room.roster) {
            Ok(opened) => {
                if differs {
                    room.fork(sender, &mut self.out);
                }
                if opened.lost > 0 {
                    self.out.event(Event::Lost { from: sender, count: opened.lost });
                }
                if self.link.phase == Phase::Live {
                    // What a person said may have waited; it was not said later than now.
                    let may_be_old = matches!(opened.body, Body::Said { .. });
                    let theirs = opened.sent_ms..=if may_be_old { u64::MAX } else { opened.sent_ms };
                    self.clocks.compare(sender, theirs, now, &self.link, &mut self.out);
                }
                room.was_shown_to(sender, seen);
                self.body(sender, opened.body, Place { position, seen, sent_ms: opened.sent_ms, now });
            }
            Err(Unopened::Dropped) => {}
            // An honest host only passes on what the sender's link gave it, and an honest sender
            // signs: which of the two it was cannot be told from here.
            Err(Unopened::Forged | Unopened::Unreadable | Unopened::Gap) => {
                self.out.event(Event::Unreadable { from: sender });
            }
        }
        Ok(())
    }

    /// What a message says.
    fn body(&mut self, from: Fingerprint, body: Body, place: Place) {
        match body {
            Body::Name(name) => {
                if let Ok(name) = check_name(&name) {
                    self.out.event(Event::MemberNamed { member: from, name });
                }
            }
            Body::Title(title) => {
                let owner = self.room.as_ref().map(|room| room.roster.owner());
                if owner == Some(from)
                    && let Ok(title) = check_name(&title)
                {
                    self.title.clone_from(&title);
                    self.out.event(Event::Titled { title });
                }
            }
            Body::Said { id, content } => self.said(from, id, content, place),
            Body::Receipt(position) => {
                if let Some(room) = &mut self.room {
                    room.confirmed_by(from, position, &mut self.out);
                }
            }
            Body::Leave => {
                if let Some(room) = &mut self.room {
                    room.left.insert(from);
                }
                self.desk.remove(from);
                self.out.event(Event::MemberLeft { member: from });
            }
            Body::Missed(missed) => self.missed(from, &missed),
            Body::Newer => self.out.event(Event::Newer { from }),
        }
    }

    fn said(&mut self, from: Fingerprint, id: MessageId, content: Content, place: Place) {
        let Place { position, seen, sent_ms, now } = place;
        let Some(room) = &mut self.room else { return };
        if !content.fits() {
            return self.out.event(Event::Unreadable { from });
        }
        // Its sender may have missed our confirmation, and sends it again.
        if room.was_seen(from, id) {
            return self.received(position, now);
        }
        room.missing.absences.said(from, position, seen, now.unix_ms);
        // A time that is no date is shown as the time of arrival.
        let sent_ms = if sent_ms < DATES_END_MS { sent_ms } else { now.unix_ms };
        self.out.event(Event::Message { id, from, content, sent_ms });
        self.received(position, now);
    }

    /// A message at `position` was reported. It is confirmed at once, or when it is stored.
    fn received(&mut self, position: u64, now: Now) {
        let Some(room) = &mut self.room else { return };
        if self.keeps_messages {
            let number = self.out.keep(Keep::Received);
            room.receipts.waits_to_be_stored(number, position);
        } else {
            room.received(position, now);
        }
    }
}
