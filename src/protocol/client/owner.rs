//! What only a room's owner does: invites, admissions, removals, the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use zeroize::Zeroizing;

use super::{Client, Event};
use crate::crypto::{Fingerprint, Random};
use crate::protocol::identity::Bundle;
use crate::protocol::invite::Invite;
use crate::protocol::limits::{INVITE_ADDRESSES_MAX, INVITES_MAX, WAITING_MAX};
use crate::protocol::payload::Fault;
use crate::protocol::roster::{Change, Entry};
use crate::protocol::{Now, RoomId};
use crate::wire::{Frame, Join, JoinAnswer, JoinAsk, Signed, decode};

/// A change of the roster that is to be made.
#[derive(PartialEq)]
enum Wish {
    Add { bundle: Signed, member: Fingerprint },
    Remove(Fingerprint),
    Close,
}

/// The owner's answers, as numbers of the protocol.
const NO_SUCH_INVITE: u8 = 0;
const DECLINED: u8 = 2;
const BAD_BUNDLE: u8 = 3;
const FULL: u8 = 4;

/// Open invites, open questions, and changes under way.
#[derive(Default)]
pub(super) struct OwnerDesk {
    invites: BTreeMap<[u8; 16], Invite>,
    knocks: BTreeMap<u64, (Fingerprint, Signed)>,
    wishes: VecDeque<Wish>,
    /// The first wish's entry is on its way. One at a time: each builds on the hash of the last.
    sent: bool,
    invited: BTreeSet<Fingerprint>,
}

impl OwnerDesk {
    pub(super) fn withdraw_invites(&mut self) {
        self.invites.clear();
    }

    pub(super) fn remove(&mut self, member: Fingerprint) {
        self.wish(Wish::Remove(member));
    }

    pub(super) fn close(&mut self) {
        self.wish(Wish::Close);
    }

    fn wish(&mut self, wish: Wish) {
        if !self.wishes.contains(&wish) {
            self.wishes.push_back(wish);
        }
    }

    /// What was on its way may not have arrived; it is looked at again.
    pub(super) fn link_lost(&mut self) {
        self.sent = false;
        self.knocks.clear();
        self.wishes.retain(|wish| !matches!(wish, Wish::Add { .. }));
    }

    /// The log has the change.
    pub(super) fn changed(&mut self, change: Change) {
        let done = |wish: &Wish| match (wish, change) {
            (Wish::Add { member, .. }, Change::Added(added)) => *member == added,
            (Wish::Remove(member), Change::Removed(removed)) => *member == removed,
            (Wish::Close, Change::Closed) => true,
            _ => false,
        };
        if self.wishes.front().is_some_and(done) {
            self.wishes.pop_front();
        }
        self.sent = false;
    }

    /// Whether `member` came by an invite; asked once.
    pub(super) fn take_used(&mut self, member: Fingerprint) -> bool {
        self.invited.remove(&member)
    }

    /// Whoever asked under `number` has gone.
    pub(super) fn asker_gone(&mut self, number: u64) -> Option<Fingerprint> {
        self.knocks.remove(&number).map(|(member, _)| member)
    }
}

impl Client {
    pub(super) fn make_invite(
        &mut self,
        mut addresses: Vec<String>,
        life_ms: u64,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(), Fault> {
        let (Some(room), Some(host), true) = (self.target, self.pin, self.is_owner()) else { return Ok(()) };
        addresses.truncate(INVITE_ADDRESSES_MAX);
        self.desk.invites.retain(|_, invite| !invite.is_expired(now));
        if self.desk.invites.len() >= INVITES_MAX {
            let oldest = self.desk.invites.iter().min_by_key(|(_, invite)| invite.expires_ms).map(|(id, _)| *id);
            oldest.and_then(|id| self.desk.invites.remove(&id));
        }
        let invite = new_invite(self.suite(), addresses, host, room, now.unix_ms.saturating_add(life_ms), random)?;
        self.desk.invites.insert(invite.id()?, invite.clone());
        self.event(Event::InviteMade(invite));
        Ok(())
    }

    /// Somebody wants to join: an invite decides by itself, a knock asks the person.
    pub(super) fn join_ask(&mut self, ask: &JoinAsk, now: Now) -> Result<(), Fault> {
        let join: Join = decode(&ask.join)?;
        let Some(room) = &self.room else { return Ok(()) };
        let bundle = Bundle::read(room.roster.backend(), &join.bundle).ok().filter(|bundle| bundle.is_current(now));
        let full = room.roster.is_full();
        let knocks_allowed = room.roster.may_knock();
        let Some(bundle) = bundle else {
            self.answer(ask.number, BAD_BUNDLE);
            return Ok(());
        };
        let member = bundle.fingerprint;
        if room.roster.contains(&member) {
            // Its entry is on the way to the host already, which lets it in by itself.
            return Ok(());
        }
        if full {
            self.answer(ask.number, FULL);
            return Ok(());
        }
        match (join.invite_id, join.mac) {
            (Some(id), Some(mac)) if self.accepts_invite(&id, &mac, &join.bundle, now)? => {
                self.desk.invited.insert(member);
                self.desk.wish(Wish::Add { bundle: join.bundle, member });
            }
            (None, None) if knocks_allowed && self.desk.knocks.len() < WAITING_MAX => {
                self.desk.knocks.insert(ask.number, (member, join.bundle));
                self.event(Event::Knock { member });
            }
            _ => self.answer(ask.number, NO_SUCH_INVITE),
        }
        Ok(())
    }

    /// Whether the invite holds for this bundle; it is used up then.
    fn accepts_invite(&mut self, id: &[u8; 16], mac: &[u8; 32], bundle: &Signed, now: Now) -> Result<bool, Fault> {
        let Some(invite) = self.desk.invites.get(id) else { return Ok(false) };
        let holds = invite.proves(bundle, mac)? && !invite.is_expired(now);
        if holds {
            self.desk.invites.remove(id);
        }
        Ok(holds)
    }

    pub(super) fn answer_knock(&mut self, member: Fingerprint, admit: bool) {
        let asked = self.desk.knocks.iter().find(|(_, (asker, _))| *asker == member).map(|(number, _)| *number);
        let Some((number, (_, bundle))) = asked.and_then(|number| self.desk.knocks.remove_entry(&number)) else {
            return;
        };
        if admit {
            self.desk.wish(Wish::Add { bundle, member });
        } else {
            self.answer(number, DECLINED);
        }
    }

    /// Sends the entry of the first wish that still makes sense.
    pub(super) fn change_roster(&mut self, now: Now) -> Result<(), Fault> {
        if self.desk.sent || !self.is_owner() {
            return Ok(());
        }
        let Some(room) = &self.room else { return Ok(()) };
        let roster = &room.roster;
        let own = self.identity.fingerprint();
        while let Some(wish) = self.desk.wishes.front() {
            let change = match wish {
                Wish::Add { bundle, member } if !roster.contains(member) && !roster.is_full() => Entry::Add(bundle),
                Wish::Remove(member) if roster.contains(member) && *member != own => Entry::Remove(*member),
                Wish::Close if !roster.is_closed() => Entry::Close,
                _ => {
                    self.desk.wishes.pop_front();
                    continue;
                }
            };
            let entry = roster.next_entry(&self.identity, change, now)?;
            self.desk.sent = true;
            self.send(&Frame::Roster(entry));
            return Ok(());
        }
        Ok(())
    }

    fn answer(&mut self, number: u64, answer: u8) {
        self.send(&Frame::JoinAnswer(JoinAnswer { answer, number }));
    }
}

fn new_invite(
    suite: crate::crypto::Suite,
    addresses: Vec<String>,
    host: Fingerprint,
    room: RoomId,
    expires_ms: u64,
    random: &mut dyn Random,
) -> Result<Invite, Fault> {
    let secret = Zeroizing::new(random.bytes()?);
    Ok(Invite { suite, addresses, host, room, secret, expires_ms })
}
