//! Prekeys in a room: the others', as they come in the log, and one's own, which are announced, renewed
//! and erased.

use super::{Client, Phase};
use crate::crypto::{Domain, Fingerprint, Random};
use crate::protocol::Now;
use crate::protocol::limits::{CLOCK_SKEW_MS, PREKEY_LIFE_MS, PREKEY_OLD_MS, PREKEYS_KEPT_MAX};
use crate::protocol::payload::{Fault, PrekeyPayload, VERSION, sign, verify};
use crate::protocol::prekey::{PrivatePrekey, PublicPrekey};
use crate::protocol::roster::Roster;
use crate::wire::{ByteArray, Frame, Signed, decode};

/// Another member's prekey.
pub(super) struct LivePrekey {
    pub index: u64,
    pub public: PublicPrekey,
    pub not_after_ms: u64,
}

/// One's own prekey with its private half.
pub(super) struct OwnPrekey {
    pub index: u64,
    pub key: PrivatePrekey,
    /// When it is erased, in monotonic milliseconds, whether a link is up then or not.
    pub erase_at_ms: u64,
}

impl Client {
    /// A prekey that does not hold is dropped: its member just cannot be reached.
    pub(super) fn prekey_item(&mut self, exact: &[u8], position: u64, now: Now) {
        let own = self.identity.fingerprint();
        let owner = self.is_owner();
        let missed_presence = matches!(self.phase, Phase::Syncing { resumed: true, .. });
        let Some(room) = &mut self.room else { return };
        let Some((member, prekey)) = read_prekey(&room.roster, exact, now) else { return };
        if member == own || room.prekeys.get(&member).is_some_and(|known| known.index >= prekey.index) {
            return;
        }
        // It erased the private half of its last one before it came back, and with it what it had not read.
        let has_lapsed = room.prekeys.get(&member).is_some_and(|known| known.not_after_ms <= now.unix_ms);
        if missed_presence || has_lapsed {
            // A new run of its app looks like a renewal from here: nothing it says later tells what came before.
            self.lose_reader(member);
        }
        let Some(room) = &mut self.room else { return };
        if room.prekeys.insert(member, prekey).is_none() {
            room.absences.is_back(member, position);
        }
        if owner || room.is_talkative() {
            room.introduce_soon(now);
        }
    }

    /// Our own prekey has its place in the log: whoever speaks from there on has it.
    pub(super) fn own_prekey_item(&mut self, exact: &[u8], position: u64) {
        let own = self.identity.fingerprint();
        let payload = decode::<Signed>(exact).and_then(|signed| decode::<PrekeyPayload>(&signed.payload));
        let Some((room, payload)) = self.room.as_mut().zip(payload.ok()) else { return };
        let newest = room.own_prekeys.last().map(|prekey| prekey.index);
        if payload.sender == own && Some(payload.index) == newest {
            room.prekey_logged = true;
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
            room.reached_since = None;
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
            not_after_ms: now.unix_ms.saturating_add(PREKEY_LIFE_MS + PREKEY_OLD_MS),
        };
        for old in &mut room.own_prekeys {
            old.erase_at_ms = old.erase_at_ms.min(now.monotonic_ms + PREKEY_OLD_MS);
        }
        if room.own_prekeys.len() >= PREKEYS_KEPT_MAX {
            room.own_prekeys.remove(0);
        }
        let until_ms = now.monotonic_ms + PREKEY_LIFE_MS;
        room.own_prekeys.push(OwnPrekey { index: payload.index, key, erase_at_ms: until_ms + PREKEY_OLD_MS });
        room.prekey_until_ms = Some(until_ms);
        (room.prekey_wanted, room.prekey_logged) = (false, false);
        let signed = sign(self.identity.signing().as_ref(), Domain::Prekey, &payload)?;
        self.send(&Frame::Prekey(signed));
        Ok(())
    }

    /// Renews the prekey when it is old, or when another is wanted.
    pub(super) fn renew_prekey(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        let Some(room) = &mut self.room else { return Ok(()) };
        if room.prekey_until_ms.take_if(|due| now.monotonic_ms >= *due).is_some() {
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

fn read_prekey(roster: &Roster, exact: &[u8], now: Now) -> Option<(Fingerprint, LivePrekey)> {
    let signed: Signed = decode(exact).ok()?;
    let unchecked: PrekeyPayload = decode(&signed.payload).ok()?;
    let bundle = roster.bundle(&unchecked.sender)?;
    let payload: PrekeyPayload = verify(bundle.verifying.as_ref(), Domain::Prekey, &signed).ok()?;
    let life_max = now.unix_ms.saturating_add(PREKEY_LIFE_MS + PREKEY_OLD_MS + CLOCK_SKEW_MS);
    let public = PublicPrekey::read(roster.backend(), &payload).ok()?;
    let holds = payload.version == VERSION
        && payload.room == roster.room()
        // One that is past its time serves nobody, and tells all the same that an older one is gone.
        && payload.not_after_ms <= life_max;
    holds.then_some((
        bundle.fingerprint,
        LivePrekey { index: payload.index, public, not_after_ms: payload.not_after_ms },
    ))
}
