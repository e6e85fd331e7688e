//! Who is in a room: a hash chain of changes, each signed by the room's owner.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crypto::primitives::{Digest, labelled_hash};
use crate::crypto::{CryptoBackend, CryptoError, Domain, Fingerprint, Random, Suite};
use crate::protocol::identity::{Bundle, Identity};
use crate::protocol::limits::{MEMBERS_HARD_MAX, ROSTER_ENTRIES_MAX};
use crate::protocol::payload::{Fault, GenesisPayload, RosterPayload, Subject, VERSION, room_of, sign, verify};
use crate::protocol::{Now, RoomId};
use crate::wire::{ByteArray, RosterOperation, Signed, decode};

/// Makes a new room of `suite`: its id and its genesis, signed by the owner.
///
/// `knock` allows join requests without an invite. `members_max` counts the owner.
///
/// # Errors
/// [`CryptoError::WrongSuite`] if the owner's keys are not for that suite, or what randomness or
/// signing gives.
pub fn new_room(
    owner: &Identity,
    suite: Suite,
    knock: bool,
    members_max: u16,
    now: Now,
    random: &mut dyn Random,
) -> Result<(RoomId, Signed), CryptoError> {
    if suite.key_kind() != owner.kind() {
        return Err(CryptoError::WrongSuite);
    }
    let payload = GenesisPayload {
        owner: owner.bundle().clone(),
        created_ms: now.unix_ms,
        joining: u8::from(knock),
        members_max: members_max.clamp(1, MEMBERS_HARD_MAX),
        random: ByteArray::new(random.bytes()?),
        suite: suite.code(),
        version: VERSION,
    };
    let genesis = sign(owner.signing().as_ref(), Domain::Genesis, &payload)?;
    Ok((room_of(&genesis), genesis))
}

/// What a roster entry changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::protocol) enum Change {
    Added(Fingerprint),
    Removed(Fingerprint),
    Updated(Fingerprint),
    Closed,
}

/// A room's members at one number of the chain.
///
/// Large because all that the room's log has shown of its members is one state, and only an entry changes it.
#[derive(Clone)]
pub struct Roster {
    backend: Arc<dyn CryptoBackend>,
    genesis: Signed,
    room: RoomId,
    owner: Bundle,
    knock: bool,
    members_max: u16,
    number: u64,
    hash: Digest,
    entries: Vec<Signed>,
    hashes: Vec<Digest>,
    members: BTreeMap<Fingerprint, Bundle>,
    /// Removed members who have not been re-added, with the number of the entry.
    removed: BTreeMap<Fingerprint, u64>,
    closed: bool,
}

impl Roster {
    /// The roster of a genesis: its owner alone.
    ///
    /// # Errors
    /// A [`Fault`] if the genesis, its suite or its owner's bundle does not hold.
    pub fn open(genesis: &Signed) -> Result<Self, Fault> {
        let unchecked: GenesisPayload = decode(&genesis.payload)?;
        let suite = Suite::from_code(unchecked.suite).ok_or(Fault::Version)?;
        if unchecked.version != VERSION || unchecked.joining > 1 {
            return Err(Fault::Version);
        }
        if !(1..=MEMBERS_HARD_MAX).contains(&unchecked.members_max) {
            return Err(Fault::Limit);
        }
        let backend = suite.backend();
        let owner = Bundle::read(backend.as_ref(), &unchecked.owner)?;
        let payload: GenesisPayload = verify(owner.verifying.as_ref(), Domain::Genesis, genesis)?;
        let room = room_of(genesis);
        Ok(Self {
            backend,
            genesis: genesis.clone(),
            room,
            knock: payload.joining == 1,
            members_max: payload.members_max,
            number: 0,
            hash: room.0,
            entries: Vec::new(),
            hashes: vec![room.0],
            members: BTreeMap::from([(owner.fingerprint, owner.clone())]),
            owner,
            removed: BTreeMap::new(),
            closed: false,
        })
    }

    /// The roster extended by these entries.
    ///
    /// # Errors
    /// A [`Fault`] if one does not follow.
    pub fn with_entries(mut self, entries: &[Signed]) -> Result<Self, Fault> {
        entries.iter().try_for_each(|entry| self.apply(entry).map(drop))?;
        Ok(self)
    }

    /// Applies the next entry, or accepts one that is already there.
    ///
    /// # Errors
    /// [`Fault::Fork`] for different bytes under a number that is taken; another [`Fault`] if the entry does not
    /// follow.
    pub(in crate::protocol) fn apply(&mut self, entry: &Signed) -> Result<Option<Change>, Fault> {
        let payload: RosterPayload = verify(self.owner.verifying.as_ref(), Domain::Roster, entry)?;
        if payload.version != VERSION {
            return Err(Fault::Version);
        }
        if payload.room != self.room {
            return Err(Fault::OtherRoom);
        }
        if payload.number <= self.number {
            return if self.is_known(payload.number, entry) { Ok(None) } else { Err(Fault::Fork) };
        }
        if payload.number != self.number + 1 || *payload.previous != self.hash || self.closed {
            return Err(Fault::BrokenRoster);
        }
        if payload.number > ROSTER_ENTRIES_MAX {
            return Err(Fault::Limit);
        }
        let change = self.change(&payload)?;
        self.number = payload.number;
        self.hash = labelled_hash("roster", &[&entry.payload]);
        self.hashes.push(self.hash);
        self.entries.push(entry.clone());
        Ok(Some(change))
    }

    fn is_known(&self, number: u64, entry: &Signed) -> bool {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| self.entries.get(index)).is_some_and(|known| known.payload == entry.payload)
    }

    fn change(&mut self, payload: &RosterPayload) -> Result<Change, Fault> {
        match (RosterOperation::from_code(payload.operation), &payload.subject) {
            (Some(RosterOperation::Add), Subject::Bundle(signed)) => {
                let bundle = Bundle::read(self.backend.as_ref(), signed)?;
                if self.is_full() || self.members.contains_key(&bundle.fingerprint) {
                    return Err(Fault::BrokenRoster);
                }
                let member = bundle.fingerprint;
                self.members.insert(member, bundle);
                self.removed.remove(&member);
                Ok(Change::Added(member))
            }
            (Some(RosterOperation::Remove), Subject::Member(bytes)) => {
                let member = Fingerprint::from_bytes(**bytes);
                if member == self.owner.fingerprint || self.members.remove(&member).is_none() {
                    return Err(Fault::BrokenRoster);
                }
                self.removed.insert(member, payload.number);
                Ok(Change::Removed(member))
            }
            (Some(RosterOperation::Update), Subject::Bundle(signed)) => {
                let bundle = Bundle::read(self.backend.as_ref(), signed)?;
                let member = bundle.fingerprint;
                let known = self.members.get_mut(&member).ok_or(Fault::BrokenRoster)?;
                *known = bundle;
                Ok(Change::Updated(member))
            }
            (Some(RosterOperation::Close), Subject::Member(bytes)) if **bytes == *self.owner.fingerprint.as_bytes() => {
                self.closed = true;
                Ok(Change::Closed)
            }
            _ => Err(Fault::BrokenRoster),
        }
    }

    /// The owner's next entry, signed: one private RSA operation. It is not applied yet.
    pub(in crate::protocol) fn next_entry(
        &self,
        owner: &Identity,
        change: Entry<'_>,
        now: Now,
    ) -> Result<Signed, CryptoError> {
        let (operation, subject) = match change {
            Entry::Add(bundle) => (RosterOperation::Add, Subject::Bundle(bundle.clone())),
            Entry::Remove(member) => (RosterOperation::Remove, Subject::Member(ByteArray::new(*member.as_bytes()))),
            Entry::Close => {
                (RosterOperation::Close, Subject::Member(ByteArray::new(*self.owner.fingerprint.as_bytes())))
            }
        };
        let payload = RosterPayload {
            subject,
            operation: operation.code(),
            previous: ByteArray::new(self.hash),
            number: self.number + 1,
            room: self.room,
            time_ms: now.unix_ms,
            version: VERSION,
        };
        sign(owner.signing().as_ref(), Domain::Roster, &payload)
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.room
    }

    /// The room's first record.
    #[must_use]
    pub const fn genesis(&self) -> &Signed {
        &self.genesis
    }

    /// The suite the room was made with.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.backend.suite()
    }

    /// The person who made the room.
    #[must_use]
    pub const fn owner(&self) -> Fingerprint {
        self.owner.fingerprint
    }

    /// Whether joiners without an invite may ask.
    #[must_use]
    pub const fn may_knock(&self) -> bool {
        self.knock
    }

    /// How many entries there are; also the epoch.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The hash of the newest entry.
    #[must_use]
    pub const fn hash(&self) -> &Digest {
        &self.hash
    }

    /// The entries since the genesis.
    #[must_use]
    pub fn entries(&self) -> &[Signed] {
        &self.entries
    }

    /// The hash after entry `number`.
    #[must_use]
    pub fn hash_at(&self, number: u64) -> Option<&Digest> {
        usize::try_from(number).ok().and_then(|number| self.hashes.get(number))
    }

    /// Whether somebody was a member and no longer is.
    #[must_use]
    pub fn was_removed(&self, member: &Fingerprint) -> bool {
        self.removed.contains_key(member)
    }

    /// The number of the entry that removed somebody, or closed the room they were in until then.
    pub(in crate::protocol) fn end_of(&self, member: &Fingerprint) -> Option<u64> {
        let closed = (self.closed && self.contains(member)).then_some(self.number);
        self.removed.get(member).copied().or(closed)
    }

    /// The members' fingerprints, in their order.
    pub fn members(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.members.keys().copied()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Never: a room has its owner.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether the room is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.members.len() >= usize::from(self.members_max)
    }

    /// Whether the owner closed the room.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether `member` is in the room.
    #[must_use]
    pub fn contains(&self, member: &Fingerprint) -> bool {
        self.members.contains_key(member)
    }

    pub(in crate::protocol) fn bundle(&self, member: &Fingerprint) -> Option<&Bundle> {
        self.members.get(member)
    }

    pub(in crate::protocol) fn backend(&self) -> &dyn CryptoBackend {
        self.backend.as_ref()
    }
}

/// A change made by the owner.
#[derive(Clone, Copy)]
pub(in crate::protocol) enum Entry<'a> {
    Add(&'a Signed),
    Remove(Fingerprint),
    Close,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SystemRandom;

    fn person() -> Identity {
        let backend = Suite::Textbook.backend();
        let (signing, decryption) = (backend.generate_signing(64).unwrap(), backend.generate_decryption(64).unwrap());
        Identity::new(signing, decryption, Now::default()).unwrap()
    }

    #[test]
    fn a_roster_takes_so_many_entries_and_no_more() {
        let (owner, guest) = (person(), person());
        let (_, genesis) =
            new_room(&owner, Suite::Textbook, false, 4, Now::default(), &mut SystemRandom::new()).unwrap();
        let mut roster = Roster::open(&genesis).unwrap();
        let step = |roster: &mut Roster, number: u64| {
            let change = if number % 2 == 1 { Entry::Add(guest.bundle()) } else { Entry::Remove(guest.fingerprint()) };
            let entry = roster.next_entry(&owner, change, Now::default()).unwrap();
            roster.apply(&entry)
        };
        for number in 1..=ROSTER_ENTRIES_MAX {
            assert!(step(&mut roster, number).is_ok(), "entry {number}");
        }
        assert_eq!(step(&mut roster, ROSTER_ENTRIES_MAX + 1), Err(Fault::Limit));
        assert_eq!(roster.number(), ROSTER_ENTRIES_MAX);
    }

    /// A room for three with its owner, a guest in it, and a stranger.
    struct Room {
        owner: Identity,
        guest: Identity,
        stranger: Identity,
        roster: Roster,
    }

    impl Room {
        fn new() -> Self {
            let (owner, guest, stranger) = (person(), person(), person());
            let made = new_room(&owner, Suite::Textbook, false, 3, Now::default(), &mut SystemRandom::new());
            let mut roster = Roster::open(&made.unwrap().1).unwrap();
            let entry = roster.next_entry(&owner, Entry::Add(guest.bundle()), Now::default()).unwrap();
            assert_eq!(roster.apply(&entry), Ok(Some(Change::Added(guest.fingerprint()))));
            Self { owner, guest, stranger, roster }
        }

        /// The next entry as its owner might sign it.
        fn next(&self, operation: u8, subject: Subject) -> RosterPayload {
            RosterPayload {
                subject,
                operation,
                previous: ByteArray::new(*self.roster.hash()),
                number: self.roster.number() + 1,
                room: self.roster.room(),
                time_ms: 0,
                version: VERSION,
            }
        }

        fn apply(&mut self, payload: &RosterPayload) -> Result<Option<Change>, Fault> {
            let entry = sign(self.owner.signing().as_ref(), Domain::Roster, payload).unwrap();
            self.roster.apply(&entry)
        }
    }

    fn bundle_of(person: &Identity) -> Subject {
        Subject::Bundle(person.bundle().clone())
    }

    fn name_of(person: &Identity) -> Subject {
        Subject::Member(ByteArray::new(*person.fingerprint().as_bytes()))
    }

    #[test]
    fn an_entry_that_does_not_follow_changes_nothing() {
        let mut room = Room::new();
        let good = room.next(1, bundle_of(&room.stranger));
        let follow = [
            (RosterPayload { version: 2, ..good.clone() }, Fault::Version),
            (RosterPayload { room: RoomId([9; 32]), ..good.clone() }, Fault::OtherRoom),
            (RosterPayload { previous: ByteArray::new([9; 32]), ..good.clone() }, Fault::BrokenRoster),
            (RosterPayload { number: good.number + 1, ..good.clone() }, Fault::BrokenRoster),
            (RosterPayload { number: u64::MAX, ..good.clone() }, Fault::BrokenRoster),
            // A different entry under a number that is taken.
            (RosterPayload { number: good.number - 1, ..good.clone() }, Fault::Fork),
            (RosterPayload { number: 0, ..good.clone() }, Fault::Fork),
        ];
        let before = (room.roster.number(), *room.roster.hash(), room.roster.len());
        for (payload, fault) in follow {
            assert_eq!(room.apply(&payload), Err(fault), "{payload:?}");
        }
        let forged = sign(room.guest.signing().as_ref(), Domain::Roster, &good).unwrap();
        assert_eq!(room.roster.apply(&forged), Err(CryptoError::Signature.into()), "only the owner's signature counts");
        assert_eq!((room.roster.number(), *room.roster.hash(), room.roster.len()), before);
        assert_eq!(room.apply(&good), Ok(Some(Change::Added(room.stranger.fingerprint()))));
    }

    #[test]
    fn an_entry_that_makes_no_sense_is_refused() {
        let mut room = Room::new();
        let senseless = [
            (1, bundle_of(&room.guest), "is in it already"),
            (2, name_of(&room.owner), "the owner stays"),
            (2, name_of(&room.stranger), "was never in it"),
            (3, bundle_of(&room.stranger), "nothing of a stranger's to update"),
            (4, name_of(&room.guest), "only an owner closes"),
            (1, name_of(&room.stranger), "a name is no bundle"),
            (2, bundle_of(&room.guest), "a bundle is no name"),
            (0, name_of(&room.guest), "no such operation"),
            (5, name_of(&room.guest), "no such operation"),
        ];
        for (operation, subject, why) in senseless {
            let payload = room.next(operation, subject);
            assert_eq!(room.apply(&payload), Err(Fault::BrokenRoster), "{why}");
        }
        assert_eq!((room.roster.number(), room.roster.len()), (1, 2));
    }

    #[test]
    fn a_room_fills_up_and_empties_and_closes() {
        let mut room = Room::new();
        assert!(!room.roster.is_full() && !room.roster.is_empty());
        let payload = room.next(3, bundle_of(&room.guest));
        assert_eq!(room.apply(&payload), Ok(Some(Change::Updated(room.guest.fingerprint()))));
        let payload = room.next(1, bundle_of(&room.stranger));
        assert_eq!(room.apply(&payload), Ok(Some(Change::Added(room.stranger.fingerprint()))));
        assert!(room.roster.is_full() && room.roster.contains(&room.stranger.fingerprint()));
        let payload = room.next(1, bundle_of(&person()));
        assert_eq!(room.apply(&payload), Err(Fault::BrokenRoster), "nobody more fits");
        let payload = room.next(2, name_of(&room.guest));
        assert_eq!(room.apply(&payload), Ok(Some(Change::Removed(room.guest.fingerprint()))));
        assert!(!room.roster.is_full() && !room.roster.contains(&room.guest.fingerprint()));
        let payload = room.next(4, name_of(&room.owner));
        assert_eq!(room.apply(&payload), Ok(Some(Change::Closed)));
        assert!(room.roster.is_closed());
        let payload = room.next(1, bundle_of(&room.guest));
        assert_eq!(room.apply(&payload), Err(Fault::BrokenRoster), "nothing follows the end");
    }

    #[test]
    fn a_genesis_outside_the_limits_is_refused() {
        let owner = person();
        let genesis = |change: fn(&mut GenesisPayload)| {
            let made = new_room(&owner, Suite::Textbook, true, 3, Now::default(), &mut SystemRandom::new()).unwrap();
            let mut payload: GenesisPayload = decode(&made.1.payload).unwrap();
            change(&mut payload);
            Roster::open(&sign(owner.signing().as_ref(), Domain::Genesis, &payload).unwrap()).map(drop)
        };
        assert_eq!(genesis(|_| ()), Ok(()));
        assert_eq!(genesis(|payload| payload.version = 2), Err(Fault::Version));
        assert_eq!(genesis(|payload| payload.suite = 9), Err(Fault::Version));
        assert_eq!(genesis(|payload| payload.joining = 2), Err(Fault::Version));
        assert_eq!(genesis(|payload| payload.members_max = 0), Err(Fault::Limit));
        assert_eq!(genesis(|payload| payload.members_max = MEMBERS_HARD_MAX), Ok(()));
        assert_eq!(genesis(|payload| payload.members_max = MEMBERS_HARD_MAX + 1), Err(Fault::Limit));
        let other = new_room(&owner, Suite::Classical, true, 3, Now::default(), &mut SystemRandom::new());
        assert_eq!(other.err(), Some(CryptoError::WrongSuite), "a learning key owns no secure room");
    }
}
