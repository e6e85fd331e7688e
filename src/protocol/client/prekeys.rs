//! Prekeys in a room: when another member's arrives, and when one's own is announced.

use super::{Client, Phase};
use crate::crypto::Random;
use crate::protocol::Now;
use crate::protocol::payload::Fault;
use crate::protocol::sealing::Arrival;
use crate::wire::Frame;

impl Client {
    /// Another member's prekey, or our own.
    pub(super) fn prekey_item(&mut self, exact: &[u8], position: u64, now: Now) {
        let (is_owner, own) = (self.is_owner(), self.identity.fingerprint());
        // One that arrives while we are up to date was made just now.
        let is_live = self.link.phase == Phase::Live;
        let missed_presence = matches!(self.link.phase, Phase::Syncing { resumed: true, .. });
        let Some(room) = &mut self.room else { return };
        let arrival = Arrival { present: &room.present, is_live, missed_presence };
        let Some(news) = room.sealing.prekey(exact, &arrival, &room.roster, now) else { return };
        if news.begins_anew {
            self.lose_reader(news.member);
        }
        let Some(room) = &mut self.room else { return };
        if news.is_back {
            if self.keeps_messages && room.is_talkative() {
                // So do those who are here, and others when they come back: until then, their words are missed.
                let here = room.present.iter().copied().chain([own]).collect();
                room.missing.absences.will_be_sent_again(here);
            }
            room.missing.absences.is_back(news.member, position);
        }
        if is_owner || room.is_talkative() {
            room.introduce_soon(now);
        }
        if is_live {
            self.clocks.compare(news.member, news.made_ms..=news.made_ms, now, &self.link, &mut self.out);
        }
    }

    /// Makes and announces a new prekey; the old one's private half is erased in five minutes.
    pub(super) fn announce_prekey(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        let Some(room) = &mut self.room else { return Ok(()) };
        if let Some(prekey) = room.sealing.new_prekey(&room.roster, now, random)? {
            self.out.send(&Frame::Prekey(prekey));
        }
        Ok(())
    }

    /// Renews the prekey when it is old, or when another is wanted.
    pub(super) fn renew_prekey(&mut self, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        let Some(room) = &mut self.room else { return Ok(()) };
        if !room.sealing.is_prekey_due(now) {
            return Ok(());
        }
        if !self.outbox.keys().take(1, now) {
            self.outbox.again_later(now);
            return Ok(());
        }
        self.announce_prekey(now, random)
    }
}
