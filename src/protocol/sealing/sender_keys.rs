//! A secure room's sealing: our own chain, the others' chains, and the prekeys that both are wrapped under.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::chains::Chains;
use super::member_prekey::MemberPrekey;
use super::own_prekeys::OwnPrekeys;
use super::sender_key::{Announcement, Epoch, Opened, ReceiveChain, Recipient, SendChain, Unopened};
use super::{Announced, Arrival, Introduction, PrekeyNews, Reachable, Sealing, Unsealed};
use crate::crypto::{Fingerprint, Random};
use crate::protocol::Now;
use crate::protocol::content::Body;
use crate::protocol::identity::Identity;
#[cfg(test)]
use crate::protocol::limits::PREKEYS_KEPT_MAX;
use crate::protocol::payload::{CommonPayload, Fault, HeaderPayload};
use crate::protocol::rate::Bucket;
use crate::protocol::room::log_hash::LogHash;
use crate::protocol::room::roster::Roster;
use crate::wire::{Frame, Msg, Signed, Welcome, Wrap, decode};

pub(super) struct SenderKeys {
    identity: Arc<Identity>,
    /// One's own chain, once there is something to say.
    sending: Option<SendChain>,
    /// The number of the newest chain that was ever announced here.
    chain_number: u64,
    receiving: Chains,
    own: OwnPrekeys,
    prekeys: BTreeMap<Fingerprint, MemberPrekey>,
    /// Replaces a secret that does not open, so that nobody can tell that it did not.
    local_secret: Zeroizing<[u8; 32]>,
}

impl SenderKeys {
    pub(super) fn new(identity: Arc<Identity>) -> Self {
        Self {
            identity,
            sending: None,
            chain_number: 0,
            receiving: Chains::default(),
            own: OwnPrekeys::default(),
            prekeys: BTreeMap::new(),
            local_secret: Zeroizing::new([0; 32]),
        }
    }

    /// The signed part of an announcement by a member of this room.
    fn read_announcement(exact: &[u8], roster: &Roster) -> Option<Announcement> {
        let signed: Signed = decode(exact).ok()?;
        let unchecked: CommonPayload = decode(&signed.payload).ok()?;
        let bundle = roster.bundle(&unchecked.sender)?;
        let announcement = Announcement::read(bundle, &signed).ok()?;
        (announcement.common.room == roster.room()).then_some(announcement)
    }

    /// Opens our wrap of a chain's key; `None` if it does not open.
    fn unwrap(&self, announcement: &Announcement, wrap: &Wrap) -> Option<ReceiveChain> {
        let prekey = self.own.private(wrap.prekey_index)?;
        ReceiveChain::open(&self.identity, prekey, announcement, wrap, &self.local_secret).ok()
    }
}

impl Sealing for SenderKeys {
    fn begin(&mut self, welcome: &Welcome) {
        let chain_number = self.chain_number.max(welcome.chain_number);
        let own = OwnPrekeys::new(welcome.prekey_index);
        *self = Self { chain_number, own, ..Self::new(Arc::clone(&self.identity)) };
    }

    fn link_lost(&mut self) {
        self.sending = None;
    }

    fn new_epoch(&mut self, _roster: &Roster) {
        self.sending = None;
        self.receiving.clear();
    }

    fn slept(&mut self, ms: u64) {
        self.prekeys.values_mut().for_each(|prekey| prekey.slept(ms));
        self.own.slept(ms);
    }

    fn reachable(&self, present: &BTreeSet<Fingerprint>, now: Now) -> Reachable {
        let own = self.identity.fingerprint();
        let others = self.prekeys.iter().filter(|(member, _)| **member != own);
        let live = others.filter(|(member, prekey)| prekey.is_live(present.contains(*member), now));
        live.map(|(member, prekey)| (*member, prekey.index)).collect()
    }

    fn awaits_keys(&self, present: &BTreeSet<Fingerprint>, now: Now) -> Option<u64> {
        let returned = present.iter().filter_map(|member| self.prekeys.get(member));
        returned.filter_map(|prekey| prekey.renewed_by_ms(now)).max()
    }

    fn introduces_on_sight(&self) -> bool {
        false
    }

    fn introduce(
        &mut self,
        roster: &Roster,
        reachable: &Reachable,
        keys: &mut Bucket,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<Introduction, Fault> {
        if self.is_read_by(roster, reachable, now) {
            return Ok(Introduction::Done);
        }
        if !keys.take(1, now) {
            return Ok(Introduction::Later);
        }
        let recipients: Vec<Recipient> = reachable
            .keys()
            .filter_map(|member| {
                let (bundle, prekey) = (roster.bundle(member)?, self.prekeys.get(member)?);
                let (prekey_index, prekey) = (prekey.index, prekey.public.clone());
                Some(Recipient { member: *member, encryption: bundle.encryption.clone(), prekey_index, prekey })
            })
            .collect();
        // It goes on from the host's word.
        self.chain_number = self.chain_number.checked_add(1).ok_or(Fault::Limit)?;
        let epoch = Epoch::of(roster);
        let (chain, packet) = SendChain::start(&self.identity, epoch, self.chain_number, &recipients, now, random)?;
        self.sending = Some(chain);
        Ok(Introduction::First(Some(Box::new(Frame::SkPacket(packet)))))
    }

    fn is_read_by(&self, roster: &Roster, reachable: &Reachable, now: Now) -> bool {
        let epoch = Epoch::of(roster);
        self.sending.as_ref().is_some_and(|chain| chain.serves(&epoch, reachable, now))
    }

    fn seal(
        &mut self,
        body: &Body,
        _roster: &Roster,
        log: &LogHash,
        _reachable: &Reachable,
        said_ms: u64,
    ) -> Result<Msg, Unsealed> {
        // Nothing is sealed before it has been introduced.
        let chain = self.sending.as_mut().ok_or(Unsealed::Fault(Fault::Unexpected))?;
        chain.seal(self.identity.fingerprint(), body, (log.position(), log.hash()), said_ms)
    }

    fn open(
        &mut self,
        header: &HeaderPayload,
        message: &Msg,
        _position: u64,
        _roster: &Roster,
    ) -> Result<Opened, Unopened> {
        self.receiving.receive(header, message, self.own.reached_since())
    }

    fn announced(&mut self, exact: &[u8], wrap: Option<&Wrap>, roster: &Roster) -> Announced {
        let Some(announcement) = Self::read_announcement(exact, roster) else { return Announced::Taken };
        let CommonPayload { sender, epoch, chain_number: number, roster_hash, .. } = announcement.common;
        let own = self.identity.fingerprint();
        if sender == own || epoch < roster.number() {
            return Announced::Taken;
        }
        // An honest host delivers a roster change before the messages after it.
        if epoch > roster.number() || *roster_hash != *roster.hash() {
            return Announced::Fork(sender);
        }
        if self.receiving.knows(&sender, number) {
            return Announced::Taken;
        }
        let Some(wrap) = wrap.filter(|wrap| wrap.recipient == own) else {
            self.receiving.close(sender, number, false);
            return Announced::Taken;
        };
        if let Some(chain) = self.unwrap(&announcement, wrap) {
            self.receiving.open(sender, chain);
            return Announced::Taken;
        }
        self.receiving.close(sender, number, true);
        Announced::Unreadable(sender)
    }

    fn prekey(&mut self, exact: &[u8], arrival: &Arrival<'_>, roster: &Roster, now: Now) -> Option<PrekeyNews> {
        let (member, prekey) = MemberPrekey::read(roster, exact, now)?;
        let known = self.prekeys.get(&member);
        if member == self.identity.fingerprint() || known.is_some_and(|known| known.index >= prekey.index) {
            return None;
        }
        // It erased the private half of its last one before it came back, and with it what it had not read. A member
        // who is already there when we arrive may have come back just before.
        let was_away = !arrival.present.contains(&member) || !arrival.is_live;
        let has_lapsed = known.is_some_and(|known| known.is_to_be_renewed() || (was_away && known.is_over(now)));
        // After a cut, a restart of its app looks like a renewal to us: nothing it says later reveals what came
        // before.
        let begins_anew = arrival.missed_presence || has_lapsed;
        let made_ms = prekey.made_ms();
        let is_first = self.prekeys.insert(member, prekey).is_none();
        Some(PrekeyNews { member, begins_anew, is_back: begins_anew || is_first, made_ms })
    }

    fn member_is_back(&mut self, member: Fingerprint, now: Now) {
        if let Some(prekey) = self.prekeys.get_mut(&member) {
            prekey.member_is_back(now);
        }
    }

    /// Its prekey stays: a member who was cut off may come back with it.
    fn member_went(&mut self, _member: &Fingerprint) {}

    fn forget(&mut self, member: &Fingerprint) {
        self.prekeys.remove(member);
    }

    fn clocks(&self, present: &BTreeSet<Fingerprint>) -> Vec<(Fingerprint, RangeInclusive<u64>)> {
        let connected = self.prekeys.iter().filter(|(member, _)| present.contains(*member));
        connected.map(|(member, prekey)| (*member, prekey.dates())).collect()
    }

    fn new_prekey(&mut self, roster: &Roster, now: Now, random: &mut dyn Random) -> Result<Option<Signed>, Fault> {
        let prekey = self.own.make(&self.identity, roster, now, random)?;
        if self.local_secret.iter().all(|byte| *byte == 0) {
            self.local_secret = random.secret()?;
        }
        Ok(Some(prekey))
    }

    fn want_prekey(&mut self) {
        self.own.want();
    }

    fn is_prekey_due(&mut self, now: Now) -> bool {
        self.own.is_due(now)
    }

    fn is_prekey_due_after_cut(&self, now: Now) -> bool {
        self.own.is_due_after_cut(now)
    }

    fn prekey_logged(&mut self, exact: &[u8], position: u64) {
        self.own.logged(self.identity.fingerprint(), exact, position);
    }

    fn reached_since(&self) -> Option<u64> {
        self.own.reached_since()
    }

    fn erase(&mut self, now: Now) {
        self.own.erase(now);
    }

    fn next_erasure(&self, now: Now) -> Option<u64> {
        self.own.next_erasure(now)
    }

    fn next_timeout(&self, now: Now) -> Option<u64> {
        let renewals = self.prekeys.values().filter_map(|prekey| prekey.next_timeout(now));
        renewals.chain(self.own.next_timeout(now)).min()
    }

    #[cfg(test)]
    fn held(&self, members: usize) -> Vec<(&'static str, usize, usize)> {
        vec![
            ("prekeys of one's own", self.own.held(), PREKEYS_KEPT_MAX),
            ("prekeys of others", self.prekeys.len(), members),
            ("chains of others", self.receiving.held(), members),
        ]
    }
}
