//! What clients tell their people, held against the world's own account.

use super::person::{Person, is_alarming};
use super::tally::Chance;
use super::world::World;
use crate::crypto::Fingerprint;
use crate::crypto::primitives::Digest;
use crate::protocol::limits::CLOCK_SKEW_MS;
use crate::protocol::{Command, Event, Keep, LinkError, MessageId, RefuseCode, Stop};

/// A message that is in the log, and somebody it was sealed for, in the session they had then.
pub(super) struct Owed {
    pub(super) message: MessageId,
    pub(super) to: usize,
    session: (u32, u32),
}

/// Words that are in the log, and how those stood to them who were members then.
pub(super) struct Spoken {
    pub(super) message: MessageId,
    pub(super) from: usize,
    pub(super) epoch: u64,
    pub(super) chain: Digest,
    pub(super) position: u64,
    /// Whom the sender was told they do not reach, then or later.
    pub(super) without: Vec<Fingerprint>,
    /// Everybody's session then, if they were ever in.
    pub(super) sessions: Vec<Option<(u32, u32)>>,
}

impl World {
    /// Keeps what a client needs kept, as far as the world is to remember it.
    pub(super) fn keeps(&mut self, who: usize, number: u64, what: &Keep) {
        self.tell(who, what);
        self.people[who].keeps(number, what);
        if let Keep::Entry { number, entry, hash } = what {
            self.ledger.believed(*number, entry, hash);
        }
    }

    /// Does what a client tells its front end, and holds it against the world's own account.
    pub(super) fn told(&mut self, who: usize, event: Event) {
        self.tell(who, &event);
        let person = &mut self.people[who];
        person.told(&event);
        let reader = person.fingerprint();
        match event {
            Event::InviteMade(invite) => self.hand_out(invite),
            Event::InviteUsed { by } => {
                let joiner = self.people.iter_mut().find(|person| person.fingerprint() == by);
                // Of several, nobody knows which it came by.
                let is_only = |joiner: &mut Person| std::mem::take(&mut joiner.invites) == 1;
                let used = joiner.and_then(|joiner| joiner.invite.take().filter(|_| is_only(joiner)));
                self.spent.extend(used);
            }
            Event::Lobby(rooms) => {
                for room in rooms.iter().filter(|room| room.room == self.room).map(|room| room.room).collect::<Vec<_>>()
                {
                    let memory = self.people[who].memory(room);
                    self.command(who, Command::Remember(memory));
                    self.command(who, Command::Knock(room));
                }
            }
            Event::Knock { member } => self.answer(member),
            Event::Message { id, from, content, .. } => {
                self.tally.count(Chance::Shown);
                self.ledger.read(id, from, &content);
                self.opened(who, from);
                self.people[who].heard(id);
            }
            Event::MemberNamed { member, .. } | Event::MemberLeft { member } if member != reader => {
                self.opened(who, member);
            }
            Event::OnHost { id, without } => self.owe(who, id, &without),
            Event::MissedBy { id, by } => {
                self.tally.count(Chance::MissedBy);
                let spoken = self.spoken.iter_mut().filter(|spoken| spoken.message == id);
                spoken.for_each(|spoken| spoken.without.push(by));
            }
            Event::Missed { count, .. } => {
                self.tally.count(Chance::Missed);
                assert!(count > 0, "p{who} is told that it missed nothing");
                self.people[who].hears();
                self.people[who].missed = count;
            }
            Event::LogGap { .. } => self.people[who].hears(),
            Event::Unreadable { .. } => {
                let person = &mut self.people[who];
                person.hears();
                person.unreadable.insert(person.chain);
            }
            Event::Delivered { id, to } if self.evil.is_none() && !self.suite.is_learning() => {
                let reader = self.people.iter().find(|person| person.fingerprint() == to).unwrap();
                assert!(reader.was_shown(id), "{id:?} is said to have arrived at {to:?}");
            }
            Event::ClockDiffers { member, theirs_ms, ours_ms } => self.clock_told(who, member, theirs_ms, ours_ms),
            Event::OutboxFull { .. } => self.tally.count(Chance::OutboxFull),
            Event::Stopped(stop) => self.stopped(who, &stop),
            Event::Offline { error, .. } if is_alarming(&error) => {
                assert!(self.evil.is_some(), "p{who} is told at an honest host: {error:?}");
                let is_said = matches!(error, LinkError::Goodbye(_));
                if is_said {
                    self.tally.count(Chance::SaidToBeOver);
                }
            }
            Event::Fork { .. } | Event::Lost { .. } if self.evil.is_none() => self.check_alarm(who, &event),
            _ => {}
        }
    }

    /// Half of those who knock are strangers.
    fn answer(&mut self, member: Fingerprint) {
        self.tally.count(Chance::Knocked);
        let admit = self.dice.happens(60);
        if admit {
            self.ledger.lets_in(member);
        } else {
            self.tally.count(Chance::Declined);
        }
        self.command(0, Command::AnswerKnock { member, admit });
    }

    /// An honest host gives no cause for alarm. In a learning room, a cut does: nothing is counted anew.
    fn check_alarm(&self, who: usize, event: &Event) {
        let is_learning_loss = matches!(event, Event::Lost { .. }) && self.suite.is_learning();
        assert!(is_learning_loss, "p{who} is told at an honest host: {event:?}");
    }

    /// A message was opened: as the ledger allows, and if its sender had seen another log, as an
    /// independent count has it, with a warning.
    fn opened(&mut self, who: usize, from: Fingerprint) {
        let person = &self.people[who];
        let arriving = person.arriving.as_ref().expect("words out of nothing");
        self.ledger.opened(person.fingerprint(), from, arriving);
        if self.evil.is_none() {
            self.ledger.placed(arriving);
        }
        let is_warned = person.forks.contains(&from);
        assert!(!arriving.differs || is_warned, "p{who} was not told that another log was shown");
        let last_message = person.arriving.clone();
        self.people[who].last_message = last_message;
    }

    fn owe(&mut self, who: usize, message: MessageId, without: &[Fingerprint]) {
        if self.evil.is_some() {
            return;
        }
        let arriving = self.people[who].arriving.as_ref().unwrap();
        let readers = self.ledger.readers_of(&arriving.item, without, self.suite.is_learning());
        let place = arriving.position;
        let sessions = self.people.iter().map(|person| {
            let was_in =
                |(epoch, at): &(u64, u64)| *at < place && self.ledger.was_member_since(person.fingerprint(), *epoch);
            person.known_since.filter(was_in).map(|_| person.session())
        });
        let sessions = sessions.collect();
        let (epoch, chain) = (arriving.header.epoch, *arriving.header.chain);
        let without = without.to_vec();
        self.spoken.push(Spoken { message, from: who, epoch, chain, position: place, without, sessions });
        for (to, person) in self.people.iter().enumerate() {
            // What lies in the log from before somebody began anew is not for them, nor what was sealed for the prekey that
            // they had before: that they missed it is told.
            let was_there = person.log.as_ref().is_some_and(|log| log.began < arriving.position);
            if was_there
                && person.reads_from.is_some_and(|at| at < arriving.position)
                && readers.contains(&person.fingerprint())
            {
                self.owed.push(Owed { message, to, session: person.session() });
            }
        }
    }

    /// Whether somebody who is owed a message is still in the session of then.
    pub(super) fn is_due(&self, owed: &Owed) -> bool {
        let person = &self.people[owed.to];
        person.ready && owed.session == person.session()
    }

    /// Whether the host's date, or the owner's, is more than a day from somebody's.
    fn is_of_another_day(&mut self, who: usize) -> bool {
        let own = self.people[who].computer.now().unix_ms;
        let others = [self.host_now().unix_ms, self.people[0].computer.now().unix_ms];
        others.into_iter().any(|date| date.abs_diff(own) >= CLOCK_SKEW_MS)
    }

    /// Somebody is told that a member's clock differs: it does, and by as much at least.
    fn clock_told(&mut self, who: usize, member: Fingerprint, theirs_ms: u64, ours_ms: u64) {
        self.tally.count(Chance::ClockTold);
        let told_ms = theirs_ms.cast_signed() - ours_ms.cast_signed();
        self.people[who].clocks_told.push(told_ms);
        let other = self.people.iter().position(|person| person.fingerprint() == member).unwrap();
        let is_ms = self.clocks_apart(who, other);
        // What was said in the storm may have been on its way while a date was set.
        let is_true = told_ms.signum() == is_ms.signum() && told_ms.abs() <= is_ms.abs() + 60_000;
        assert!(
            !self.is_quiet || is_true,
            "p{who} is told that the clock of p{other} is off by {told_ms}, not {is_ms}"
        );
    }

    fn stopped(&mut self, who: usize, stop: &Stop) {
        let is_fair = match stop {
            // In the storm a date may have been set since.
            Stop::Refused(RefuseCode::Bundle) => (self.storm && self.has_odd_clocks) || self.is_of_another_day(who),
            Stop::Removed | Stop::Refused(_) | Stop::Left | Stop::Offline | Stop::Replaced | Stop::Unreachable(_) => {
                true
            }
            Stop::InviteOver { expires_ms, ours_ms } => {
                ours_ms > expires_ms && self.people[who].computer.now().unix_ms == *ours_ms
            }
            Stop::Closed => self.is_closed,
            Stop::Protocol(_) | Stop::WrongRoom | Stop::Crypto(_) | Stop::RolledBack { .. } | Stop::BadRecord => false,
        };
        assert!(is_fair || self.evil.is_some(), "p{who} stopped at an honest host: {stop:?}");
        // Whatever a host says: only what the owner signed ends a membership, and no host damages a disk.
        let is_signed = match stop {
            Stop::Removed => self.ledger.was_put_out(&self.people[who].fingerprint()),
            Stop::Closed => self.is_closed,
            Stop::BadRecord => false,
            _ => true,
        };
        assert!(is_signed, "p{who} believes {stop:?}, which the owner never signed");
        match stop {
            Stop::Removed => self.tally.count(Chance::Removed),
            Stop::Left => self.tally.count(Chance::Left),
            Stop::Refused(RefuseCode::Invite) => self.tally.count(Chance::BadInvite),
            Stop::InviteOver { .. } | Stop::Refused(RefuseCode::Bundle) => self.tally.count(Chance::ClockRefused),
            _ => {}
        }
        let person = &mut self.people[who];
        person.end();
        person.was_removed |= *stop == Stop::Removed;
        person.over = matches!(
            stop,
            Stop::Removed
                | Stop::Refused(_)
                | Stop::InviteOver { .. }
                | Stop::Unreachable(_)
                | Stop::WrongRoom
                | Stop::Closed
                | Stop::Protocol(_)
                | Stop::RolledBack { .. }
        );
    }
}
