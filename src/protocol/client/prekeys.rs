//! Prekeys in a room: the others', as they come in the log, and one's own, which are announced, renewed
//! and erased.

use std::ops::RangeInclusive;

use super::{Client, Phase};
use crate::crypto::{Domain, Fingerprint, Random};
use crate::protocol::Now;
use crate::protocol::limits::{JUMP_MS, PREKEY_LIFE_MS, PREKEY_OLD_MS, PREKEYS_KEPT_MAX};
use crate::protocol::payload::{Fault, PrekeyPayload, VERSION, sign, verify};
use crate::protocol::room::roster::Roster;
use crate::protocol::sealing::prekey::{PrivatePrekey, PublicPrekey};
use crate::wire::{ByteArray, Frame, Signed, decode};

/// How long a prekey is of use to others, from when it was made.
const PREKEY_USED_MS: u64 = PREKEY_LIFE_MS + PREKEY_OLD_MS;

/// Another member's prekey.
pub(super) struct LivePrekey {
    pub index: u64,
    pub public: PublicPrekey,
    /// When it ends, in time that passed here: its member's date says so only where the two dates agree.
    until_ms: u64,
    /// The same by its member's date.
    not_after_ms: u64,
    /// When it came, in monotonic milliseconds, less the pauses since.
    pub came_ms: u64,
    /// Its member was away when it ended and is back: by when it should have told of another, in monotonic
    /// milliseconds.
    pub renewed_by_ms: Option<u64>,
}

impl LivePrekey {
    pub(super) const fn is_over(&self, now: Now) -> bool {
        now.passed_ms >= self.until_ms
    }

    /// Whether it is live although it is over by our date: whoever is connected renews a key in time, or as soon
    /// as it is back, so that it is our date that is wrong. Time we were awake is never too much, so after a day
    /// of that it is over all the same: a host that holds the next one back gains no more.
    pub(super) fn outlives_date(&self, now: Now) -> bool {
        now.monotonic_ms < self.came_ms.saturating_add(PREKEY_USED_MS) && !self.may_be_renewed(now)
    }

    /// What the date of its member, who is connected, may be now: it was made a known time before its end, and is
    /// renewed before that.
    pub(super) const fn dates(&self) -> RangeInclusive<u64> {
        self.made_ms()..=self.not_after_ms
    }

    const fn made_ms(&self) -> u64 {
        self.not_after_ms.saturating_sub(PREKEY_USED_MS)
    }

    /// Whether its member came back just now and did not have time to tell of another.
    pub(super) fn may_be_renewed(&self, now: Now) -> bool {
        self.is_over(now) && self.renewed_by_ms.is_some_and(|due| now.monotonic_ms < due)
    }
}

/// One's own prekey with its private half.
pub(super) struct OwnPrekey {
    pub index: u64,
    pub key: PrivatePrekey,
    /// When it is past its time, in time that passed.
    pub until_ms: u64,
    /// The same, and five minutes more, by the date of then: what the others were told.
    not_after_ms: u64,
    /// When it is erased, once it was replaced or found past its time, whether a link is up then or not: in
    /// monotonic milliseconds, less the pauses since, for what was sealed for it may lie unread meanwhile.
    pub erase_at_ms: Option<u64>,
}

impl Client {
    /// A prekey that does not hold is dropped: its member just cannot be reached.
    pub(super) fn prekey_item(&mut self, exact: &[u8], position: u64, now: Now) {
        let own = self.identity.fingerprint();
        let owner = self.is_owner();
        let missed_presence = matches!(self.phase, Phase::Syncing { resumed: true, .. });
        // What comes while we are up to date was made just now.
        let is_new = self.phase == Phase::Live;
        let Some(room) = &mut self.room else { return };
        let Some((member, prekey)) = read_prekey(&room.roster, exact, now) else { return };
        if member == own || room.prekeys.get(&member).is_some_and(|known| known.index >= prekey.index) {
            return;
        }
        // It erased the private half of its last one before it came back, and with it what it had not read.
        let is_present = room.present.contains(&member);
        let known = room.prekeys.get(&member);
        // Whoever is there already when we come may have come back just before.
        let was_away = !is_present || !is_new;
        let has_lapsed = known.is_some_and(|known| known.renewed_by_ms.is_some() || (was_away && known.is_over(now)));
        if missed_presence || has_lapsed {
            // A new run of its app looks like a renewal from here: nothing it says later tells what came before.
            self.lose_reader(member);
        }
        let Some(room) = &mut self.room else { return };
        let made_ms = prekey.made_ms();
        if room.prekeys.insert(member, prekey).is_none() {
            room.absences.is_back(member, position);
        }
        if owner || room.is_talkative() {
            room.introduce_soon(now);
        }
        if is_new {
            self.compare_clocks(member, made_ms..=made_ms, now);
        }
    }

    /// Our own prekey has its place in the log: whoever speaks from there on has it.
    pub(super) fn own_prekey_item(&mut self, exact: &[u8], position: u64) {
        let own = self.identity.fingerprint();
        let payload = decode::<Signed>(exact).and_then(|signed| decode::<PrekeyPayload>(&signed.payload));
        let Some((room, payload)) = self.room.as_mut().zip(payload.ok()) else { return };
        let newest = room.own_prekeys.last().map(|prekey| prekey.index);
        if payload.sender != own {
            return;
        }
        room.prekey_logged |= Some(payload.index) == newest;
        // Another may be on its way already.
        if room.reaching_index.is_some_and(|first| payload.index >= first) {
            room.reached_since.get_or_insert(position);
        }
    }

    /// Makes and announces a new prekey; the old one's private half goes in five minutes.
    pub(super) fn new_prekey(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        if self.crypto.suite().is_learning() {
            return Ok(());
        }
        let Some(room) = &mut self.room else { return Ok(()) };
        let key = PrivatePrekey::generate(room.roster.backend(), random)?;
        if room.own_prekeys.is_empty() {
            // Until the others have this one, they have none of ours.
            (room.reached_since, room.reaching_index) = (None, None);
        }
        let public = key.public();
        if room.local_secret.iter().all(|byte| *byte == 0) {
            room.local_secret = random.secret()?;
        }
        // It goes on from the host's word.
        room.prekey_index = room.prekey_index.checked_add(1).ok_or(Fault::Limit)?;
        let payload = PrekeyPayload {
            sender: self.identity.fingerprint(),
            public: ByteArray::new(public.x25519),
            index: room.prekey_index,
            ml_kem: public.ml_kem.map(|key| key.to_bytes().into()),
            room: room.roster.room(),
            version: VERSION,
            not_after_ms: now.unix_ms.saturating_add(PREKEY_USED_MS),
        };
        for old in &mut room.own_prekeys {
            old.erase_at_ms.get_or_insert(now.monotonic_ms.saturating_add(PREKEY_OLD_MS));
        }
        if room.own_prekeys.len() >= PREKEYS_KEPT_MAX {
            room.own_prekeys.remove(0);
        }
        let until_ms = now.passed_ms.saturating_add(PREKEY_LIFE_MS);
        room.own_prekeys.push(OwnPrekey {
            index: payload.index,
            key,
            until_ms,
            not_after_ms: payload.not_after_ms,
            erase_at_ms: None,
        });
        room.prekey_until_ms = Some(until_ms);
        (room.prekey_wanted, room.prekey_logged) = (false, false);
        room.reaching_index.get_or_insert(room.prekey_index);
        let signed = sign(self.identity.signing().as_ref(), Domain::Prekey, &payload)?;
        self.send(&Frame::Prekey(signed));
        Ok(())
    }

    /// Renews the prekey when it is old, or when another is wanted.
    pub(super) fn renew_prekey(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        let Some(room) = &mut self.room else { return Ok(()) };
        // A date that was set back since would have the others take our clock for wrong.
        let latest_ms = now.unix_ms.saturating_add(PREKEY_USED_MS + JUMP_MS);
        let is_of_another_time = room.own_prekeys.last().is_some_and(|newest| newest.not_after_ms > latest_ms);
        if is_of_another_time || room.prekey_until_ms.take_if(|due| now.passed_ms >= *due).is_some() {
            room.prekey_wanted = true;
        }
        if !room.prekey_wanted || room.roster.suite().is_learning() {
            return Ok(());
        }
        if !self.pace.keys.take(1, now) {
            self.again_later(now);
            return Ok(());
        }
        self.new_prekey(now, random)
    }

    /// The person wants another prekey: at once, or when the link is up again.
    pub(super) fn refresh_keys(&mut self) {
        if let Some(room) = &mut self.room {
            room.prekey_wanted = true;
        }
    }
}

/// Reads another's prekey. One that is past its time tells all the same
/// that an older one is gone; and what its member's clock says is not ours to judge, so no date is refused.
fn read_prekey(roster: &Roster, exact: &[u8], now: Now) -> Option<(Fingerprint, LivePrekey)> {
    let signed: Signed = decode(exact).ok()?;
    let unchecked: PrekeyPayload = decode(&signed.payload).ok()?;
    let bundle = roster.bundle(&unchecked.sender)?;
    let payload: PrekeyPayload = verify(bundle.verifying.as_ref(), Domain::Prekey, &signed).ok()?;
    let public = PublicPrekey::read(roster.backend(), &payload).ok()?;
    if payload.version != VERSION || payload.room != roster.room() {
        return None;
    }
    // Further than one may live: its member's clock is ahead of ours. Over already: it is behind, or the key waited
    // on its way; it holds while its member is connected.
    let left_ms = payload.not_after_ms.saturating_sub(now.unix_ms).min(PREKEY_USED_MS);
    let until_ms = now.passed_ms.saturating_add(left_ms);
    let (index, not_after_ms) = (payload.index, payload.not_after_ms);
    Some((
        bundle.fingerprint,
        LivePrekey { index, public, until_ms, not_after_ms, came_ms: now.monotonic_ms, renewed_by_ms: None },
    ))
}
