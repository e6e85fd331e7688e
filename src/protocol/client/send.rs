//! Sends what waits: introductions, confirmations and messages, in the epoch current at that time.

use super::outbox::{InFlight, Next};
use super::{Client, Event, Phase, Stop};
use crate::crypto::Random;
use crate::protocol::Now;
use crate::protocol::content::Body;
use crate::protocol::payload::Fault;
use crate::protocol::sealing::{Introduction, Reachable, Unsealed};
use crate::wire::{ByeCode, Frame, Msg};

/// How long a final goodbye may take to get into the log, in milliseconds.
const LEAVE_MS: u64 = 5_000;

impl Client {
    pub(super) fn leave(&mut self, now: Now) {
        if self.is_owner() {
            return self.desk.close();
        }
        if self.link.phase != Phase::Live {
            self.out.disconnect(ByeCode::Leaving);
            return self.stop(Stop::Left);
        }
        self.outbox.leave(now.monotonic_ms + LEAVE_MS);
    }

    /// Sends everything that may go now.
    pub(super) fn pump(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        self.outbox.begin_turn();
        if self.link.phase != Phase::Live {
            return Ok(());
        }
        self.change_roster(now)?;
        self.renew_prekey(now, random)?;
        let Some(room) = &mut self.room else { return Ok(()) };
        room.tell_who_is_reachable(now, &mut self.out);
        if let Some(position) = room.receipts.take_due(now) {
            self.outbox.tell(Body::Receipt(position));
        }
        let introduce = room.introduce_at_ms.is_some_and(|due| now.monotonic_ms >= due);
        if let Some(due) = room.sealing.awaits_keys(&room.present, now).filter(|_| !self.outbox.is_leaving()) {
            room.introduce_at_ms = introduce.then_some(due).or(room.introduce_at_ms);
            return Ok(());
        }
        let reachable = room.reachable(now);
        if introduce {
            room.introduce_at_ms = None;
        }
        if reachable.is_empty() {
            return self.nobody_there();
        }
        if introduce && !self.introduced(&reachable, now, random)? {
            self.outbox.again_later(now);
        }
        self.tell_what_was_missed(&reachable, now);
        while self.send_next(&reachable, now, random)? {}
        Ok(())
    }

    fn change_roster(&mut self, now: Now) -> Result<(), Fault> {
        let Some(room) = self.room.as_ref().filter(|_| self.is_owner()) else { return Ok(()) };
        self.desk.change_roster(&room.roster, &self.identity, now, &mut self.out)
    }

    /// Messages wait until somebody can read them; everything else is sent again when somebody comes.
    fn nobody_there(&mut self) -> Result<(), Fault> {
        if self.outbox.drop_controls() {
            self.out.disconnect(ByeCode::Leaving);
            self.stop(Stop::Left);
        }
        Ok(())
    }

    /// Confirms what was read and is still unconfirmed: its sender would otherwise believe it lost.
    pub(super) fn confirm_before_goodbye(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        if self.room.as_mut().is_some_and(|room| room.receipts.hurry(now)) {
            return self.pump(now, random);
        }
        Ok(())
    }

    /// Whether everybody present knows our name or is about to, and can read what follows.
    fn introduced(&mut self, reachable: &Reachable, now: Now, random: &mut dyn Random) -> Result<bool, Fault> {
        let Some(room) = &mut self.room else { return Ok(false) };
        match room.sealing.introduce(&room.roster, reachable, self.outbox.keys(), now, random)? {
            Introduction::Done => Ok(true),
            Introduction::Later => Ok(false),
            Introduction::First(frame) => {
                frame.iter().for_each(|frame| self.out.send(frame));
                self.say_who();
                Ok(true)
            }
        }
    }

    /// Queues our name, and the owner's title for the room, before everything else.
    fn say_who(&mut self) {
        if self.is_owner() && !self.title.is_empty() {
            self.outbox.tell_first(Body::Title(self.title.clone()));
        }
        self.outbox.tell_first(Body::Name(self.name.clone()));
    }

    /// Sends one more thing; `false` if nothing is left or nothing more may go now.
    fn send_next(&mut self, reachable: &Reachable, now: Now, random: &mut dyn Random) -> Result<bool, Fault> {
        self.keep_from_newcomers();
        let holds_words = self.holds_words(reachable, now);
        if !self.outbox.has_next(holds_words) {
            return Ok(false);
        }
        if !self.introduced(reachable, now, random)? || !self.outbox.may_send(now) {
            self.outbox.again_later(now);
            return Ok(false);
        }
        let Some(next) = self.outbox.next(now) else { return Ok(false) };
        self.send_body(next, reachable, now)?;
        Ok(true)
    }

    /// Whether messages wait for members on their way back.
    fn holds_words(&mut self, reachable: &Reachable, now: Now) -> bool {
        let own = self.identity.fingerprint();
        let Some(room) = &mut self.room else { return false };
        room.missing.awaited.holds_words(&room.roster, own, reachable, now)
    }

    /// Who came after something was on the host is not sent it.
    fn keep_from_newcomers(&mut self) {
        let Some(room) = self.room.as_ref().filter(|_| self.outbox.sends_again()) else { return };
        let own = self.identity.fingerprint();
        let others = room.roster.members().filter(|member| *member != own).collect();
        self.outbox.keep_from_newcomers(&others);
    }

    fn send_body(&mut self, next: Next, reachable: &Reachable, now: Now) -> Result<(), Fault> {
        let room = self.room.as_mut().ok_or(Fault::Unexpected)?;
        let message = match room.sealing.seal(&next.body, &room.roster, &room.log, reachable, next.said_ms) {
            Ok(message) => message,
            Err(Unsealed::TooLarge { limit }) => {
                match next.body {
                    Body::Said { id, .. } => self.out.event(Event::Rejected { id, limit }),
                    body => log::debug!("{body:?} is not sent: it fits no frame"),
                }
                return Ok(());
            }
            Err(Unsealed::Fault(fault)) => return Err(fault),
        };
        let own = self.identity.fingerprint();
        let others = room.roster.members().filter(|member| *member != own);
        let without = others.filter(|member| !reachable.contains_key(member)).collect();
        let recipients = reachable.keys().copied().collect();
        if let Body::Said { id, .. } = &next.body {
            self.out.event(Event::Sealed { id: *id });
        }
        let signature = message.signature.clone();
        let bytes = Frame::Msg(message).to_bytes();
        self.outbox.sent(InFlight::new(signature, next, recipients, without), bytes.len(), now);
        self.out.send_bytes(bytes);
        Ok(())
    }

    /// Our own message came back with its position in the log.
    pub(super) fn own_message(&mut self, message: &Msg, position: u64, seen: u64, now: Now) {
        let Some(sent) = self.outbox.arrived(&message.signature) else { return };
        match sent.body {
            Body::Said { id, .. } => {
                if let Some(room) = &mut self.room {
                    room.receipts.sent(id, position, sent.recipients);
                    room.missing.absences.said(self.identity.fingerprint(), position, seen, now.unix_ms);
                }
                self.out.event(Event::OnHost { id, without: sent.without });
            }
            // It was sealed for a key that was gone by then, so nobody could read it.
            Body::Missed(missed) => {
                if let Some(room) = self.room.as_mut().filter(|_| sent.recipients.contains(&missed.member)) {
                    room.missing.absences.told(&missed, position);
                }
            }
            Body::Leave => {
                self.out.disconnect(ByeCode::Leaving);
                self.stop(Stop::Left);
            }
            _ => {}
        }
    }
}
