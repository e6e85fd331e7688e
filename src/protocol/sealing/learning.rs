//! A learning room's messages: the text in raw RSA blocks, once for each member, under a textbook signature. No chain,
//! no padding, no forward secrecy: that is the lesson.

use std::collections::{BTreeMap, BTreeSet, LinkedList};
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Announced, Arrival, Introduction, Opened, PrekeyNews, Reachable, Sealing, Unopened, Unsealed, check_size,
    content_limit,
};
use crate::crypto::textbook::MAX_BLOCKS;
use crate::crypto::{CryptoError, Domain, Fingerprint, Random};
use crate::protocol::Now;
use crate::protocol::content::Body;
use crate::protocol::identity::{Bundle, Identity};
use crate::protocol::payload::{Fault, HeaderPayload, VERSION};
use crate::protocol::rate::Bucket;
use crate::protocol::room::log_hash::LogHash;
use crate::protocol::room::roster::Roster;
use crate::wire::{ByteArray, Bytes, Msg, Signed, Welcome, Wrap, decode, encode};

/// The smallest message whose signature would have more blocks than allowed: five bytes each.
const UNSIGNED_BYTES: usize = 5 * MAX_BLOCKS;

/// A learning room's sealing: there are no keys but the members' own, so it only counts.
pub(super) struct Learning {
    identity: Arc<Identity>,
    /// Messages sent; no chain counts them.
    sent: u64,
    /// For each other member, the next expected message and the position of the last.
    seen: BTreeMap<Fingerprint, (u64, u64)>,
    /// Who has been told our name.
    told: BTreeSet<Fingerprint>,
}

impl Learning {
    pub(super) fn new(identity: Arc<Identity>) -> Self {
        Self { identity, sent: 0, seen: BTreeMap::new(), told: BTreeSet::new() }
    }

    fn header(&self, roster: &Roster, log: &LogHash) -> HeaderPayload {
        HeaderPayload {
            sender: self.identity.fingerprint(),
            chain: ByteArray::new([0; 32]),
            index: self.sent,
            log_hash: ByteArray::new(*log.hash()),
            position: log.position(),
            epoch: roster.number(),
            room: roster.room(),
            version: VERSION,
        }
    }
}

impl Sealing for Learning {
    fn begin(&mut self, _welcome: &Welcome) {
        *self = Self::new(Arc::clone(&self.identity));
    }

    fn link_lost(&mut self) {}

    fn new_epoch(&mut self, roster: &Roster) {
        self.seen.retain(|member, _| roster.contains(member));
    }

    fn slept(&mut self, _ms: u64) {}

    fn reachable(&self, present: &BTreeSet<Fingerprint>, _now: Now) -> Reachable {
        let own = self.identity.fingerprint();
        present.iter().filter(|member| **member != own).map(|member| (*member, 0)).collect()
    }

    fn awaits_keys(&self, _present: &BTreeSet<Fingerprint>, _now: Now) -> Option<u64> {
        None
    }

    fn introduces_on_sight(&self) -> bool {
        true
    }

    fn introduce(
        &mut self,
        _roster: &Roster,
        reachable: &Reachable,
        _keys: &mut Bucket,
        _now: Now,
        _random: &mut dyn Random,
    ) -> Result<Introduction, Fault> {
        let told = self.told.len();
        self.told.extend(reachable.keys());
        Ok(if self.told.len() > told { Introduction::First(None) } else { Introduction::Done })
    }

    /// Reading is not assured here: a connected member may go at any moment, and nothing waits for them.
    fn is_read_by(&self, _roster: &Roster, _reachable: &Reachable, _now: Now) -> bool {
        false
    }

    fn seal(
        &mut self,
        body: &Body,
        roster: &Roster,
        log: &LogHash,
        reachable: &Reachable,
        said_ms: u64,
    ) -> Result<Msg, Unsealed> {
        let recipients = reachable.keys().filter_map(|member| roster.bundle(member));
        let message = seal(&self.identity, recipients, &self.header(roster, log), body, said_ms);
        let message = message.map_err(|error| match error {
            CryptoError::TooLong => Unsealed::TooLarge { limit: content_limit(body, UNSIGNED_BYTES) },
            error => error.into(),
        })?;
        check_size(body, &message)?;
        self.sent += 1;
        Ok(message)
    }

    fn open(
        &mut self,
        header: &HeaderPayload,
        message: &Msg,
        position: u64,
        roster: &Roster,
    ) -> Result<Opened, Unopened> {
        let sender = roster.bundle(&header.sender).ok_or(Unopened::Dropped)?;
        let (body, sent_ms) = open(&self.identity, sender, message)?;
        let (next, newest) = self.seen.get(&header.sender).copied().unwrap_or((header.index, 0));
        // A restarted sender counts from 0, having seen where its last run ended.
        let next = if header.position >= newest { next.min(header.index) } else { next };
        let lost = header.index.checked_sub(next).ok_or(Unopened::Dropped)?;
        self.seen.insert(header.sender, (header.index.saturating_add(1), position));
        Ok(Opened { body, sent_ms, lost })
    }

    fn announced(&mut self, _exact: &[u8], _wrap: Option<&Wrap>, _roster: &Roster) -> Announced {
        Announced::Taken
    }

    fn prekey(&mut self, _exact: &[u8], _arrival: &Arrival<'_>, _roster: &Roster, _now: Now) -> Option<PrekeyNews> {
        None
    }

    fn member_is_back(&mut self, _member: Fingerprint, _now: Now) {}

    fn member_went(&mut self, member: &Fingerprint) {
        self.told.remove(member);
    }

    fn forget(&mut self, member: &Fingerprint) {
        self.told.remove(member);
    }

    fn clocks(&self, _present: &BTreeSet<Fingerprint>) -> Vec<(Fingerprint, RangeInclusive<u64>)> {
        Vec::new()
    }

    fn new_prekey(&mut self, _roster: &Roster, _now: Now, _random: &mut dyn Random) -> Result<Option<Signed>, Fault> {
        Ok(None)
    }

    fn want_prekey(&mut self) {}

    fn is_prekey_due(&mut self, _now: Now) -> bool {
        false
    }

    fn is_prekey_due_after_cut(&self, _now: Now) -> bool {
        false
    }

    fn prekey_logged(&mut self, _exact: &[u8], _position: u64) {}

    fn reached_since(&self) -> Option<u64> {
        None
    }

    fn erase(&mut self, _now: Now) {}

    fn next_erasure(&self, _now: Now) -> Option<u64> {
        None
    }

    fn next_timeout(&self, _now: Now) -> Option<u64> {
        None
    }

    #[cfg(test)]
    fn held(&self, members: usize) -> Vec<(&'static str, usize, usize)> {
        vec![
            ("people who were told a name", self.told.len(), members),
            ("people whose messages are counted", self.seen.len(), members),
        ]
    }
}

/// The text for one member.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    #[serde(rename = "c")]
    ciphertext: Bytes,
    #[serde(rename = "t")]
    recipient: Fingerprint,
}

/// Encrypts `body` for each of `recipients` and signs the lot.
pub(in crate::protocol) fn seal<'a>(
    identity: &Identity,
    recipients: impl Iterator<Item = &'a Bundle>,
    header: &HeaderPayload,
    body: &Body,
    time_ms: u64,
) -> Result<Msg, CryptoError> {
    let plaintext = body.to_plaintext(time_ms);
    let copies = recipients.map(|recipient| {
        let ciphertext = recipient.encryption.encrypt(&[], &plaintext)?;
        Ok(Copy { ciphertext: ciphertext.into(), recipient: recipient.fingerprint })
    });
    let ciphertext = encode(&copies.collect::<Result<Vec<_>, CryptoError>>()?);
    let header = encode(header);
    let signature = identity.signing().sign(Domain::Learning, &signed_input(&header, &ciphertext))?;
    Ok(Msg { ciphertext: ciphertext.into(), header: header.into(), signature: signature.into() })
}

/// Checks the signature and opens one's own copy: the body and the sender's clock.
pub(in crate::protocol) fn open(identity: &Identity, sender: &Bundle, message: &Msg) -> Result<(Body, u64), Unopened> {
    let input = signed_input(&message.header, &message.ciphertext);
    sender.verifying.verify(Domain::Learning, &input, &message.signature).map_err(|_| Unopened::Forged)?;
    // Not a `Vec`, which would allocate for as many as the message claims.
    let copies: LinkedList<Copy> = decode(&message.ciphertext).map_err(|_| Unopened::Unreadable)?;
    let own = copies.iter().find(|copy| copy.recipient == identity.fingerprint()).ok_or(Unopened::Dropped)?;
    let plaintext = identity.decryption().decrypt(&[], &own.ciphertext).map_err(|_| Unopened::Unreadable)?;
    Body::from_plaintext(&plaintext).map_err(|_| Unopened::Unreadable)
}

fn signed_input(header: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length, header, ciphertext].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Domain;
    use crate::crypto::{Suite, SystemRandom};
    use crate::protocol::payload::{KnockPayload, sign};
    use crate::protocol::room::roster::{Entry, Roster};
    use crate::protocol::{Now, new_room};
    use crate::wire::{ByteArray, Frame, Join, JoinAsk, Open, Welcome};

    fn person(bits: u32) -> Identity {
        let backend = Suite::Textbook.backend();
        let signing = backend.generate_signing(bits).unwrap();
        // There are so few of the smallest keys that both may be the same, which a bundle must not have.
        let mut decryption = std::iter::repeat_with(|| backend.generate_decryption(bits).unwrap());
        let decryption = decryption.find(|key| key.public().spki() != signing.public().spki()).unwrap();
        Identity::new(signing, decryption, Now::default()).unwrap()
    }

    /// Otherwise a room that many have passed through would count for ever.
    #[test]
    fn messages_are_counted_for_members_and_for_nobody_else() {
        let owner = Arc::new(person(256));
        let guests = [person(256), person(256)].map(Arc::new);
        let (_, genesis) =
            new_room(&owner, Suite::Textbook, true, 4, Now::default(), &mut SystemRandom::new()).unwrap();
        let mut roster = Roster::open(&genesis).unwrap();
        let change = |roster: &mut Roster, change: Entry<'_>| {
            let entry = roster.next_entry(&owner, change, Now::default()).unwrap();
            roster.apply(&entry).unwrap();
        };
        guests.iter().for_each(|guest| change(&mut roster, Entry::Add(guest.bundle())));
        let mut sealing = Learning::new(Arc::clone(&owner));
        for (guest, position) in guests.iter().zip(1..) {
            let (log, reachable) = (LogHash::new(roster.room()), Reachable::from([(owner.fingerprint(), 0)]));
            let mut at_guest = Learning::new(Arc::clone(guest));
            let message = at_guest.seal(&Body::Newer, &roster, &log, &reachable, 0).unwrap();
            let header = decode(&message.header).unwrap();
            assert!(sealing.open(&header, &message, position, &roster).is_ok());
        }
        let counted = ("people whose messages are counted", 2, 3);
        assert!(sealing.held(roster.len()).contains(&counted), "{:?}", sealing.held(roster.len()));
        change(&mut roster, Entry::Remove(guests[0].fingerprint()));
        sealing.new_epoch(&roster);
        assert_eq!(sealing.seen.keys().collect::<Vec<_>>(), [&guests[1].fingerprint()]);
    }

    /// The signature by a key of 16 bits is five times as long as what it signs.
    #[test]
    fn the_records_by_keys_of_every_size_fit_their_frames() {
        for bits in Suite::Textbook.backend().key_bits() {
            let (owner, guest) = (person(*bits), person(*bits));
            let made = new_room(&owner, Suite::Textbook, true, 4, Now::default(), &mut SystemRandom::new());
            let (_, genesis) = made.unwrap();
            let roster = Roster::open(&genesis).unwrap();
            let entry = roster.next_entry(&owner, Entry::Add(guest.bundle()), Now::default()).unwrap();
            let room = ByteArray::new(roster.room().0);
            let knock =
                KnockPayload { sender: guest.fingerprint(), room: roster.room(), time_ms: u64::MAX, version: 1 };
            let knock = Some(sign(guest.signing().as_ref(), Domain::Knock, &knock).unwrap());
            let join = Join { bundle: guest.bundle().clone(), invite_id: None, knock, mac: None, room };
            for frame in [
                Frame::Open(Open { genesis: genesis.clone(), token: None }),
                Frame::JoinAsk(JoinAsk { join: encode(&join).into(), number: u64::MAX }),
                Frame::Join(join),
                Frame::Roster(entry),
                Frame::Welcome(Welcome {
                    genesis,
                    prekey_index: u64::MAX,
                    log_hash: room,
                    chain_number: u64::MAX,
                    position: u64::MAX,
                    roster_length: u64::MAX,
                }),
            ] {
                assert!(frame.fits(), "{bits} bits: {:?} has {} bytes", frame.kind(), frame.to_bytes().len());
            }
        }
    }
}
