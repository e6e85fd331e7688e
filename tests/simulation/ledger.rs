//! The world's own account of who is in the room and what was sealed for whom, made from what people
//! decided and what their clients put on the wire. Each entry is a promise kept, or a panic.

use std::collections::{BTreeMap, BTreeSet};

use super::replica::{Arriving, Replica};
use crate::crypto::Fingerprint;
use crate::crypto::primitives::{Digest, labelled_hash, sha256};
use crate::protocol::limits::{PREKEY_LIFE_MS, PREKEY_OLD_MS};
use crate::protocol::payload::{BundlePayload, CommonPayload, HeaderPayload, PrekeyPayload, RosterPayload, Subject};
use crate::protocol::{Content, MessageId, Now, RoomId};
use crate::wire::{Msg, Signed, SkPacket, decode};

/// The members as of one roster entry.
struct Epoch {
    hash: Digest,
    members: BTreeSet<Fingerprint>,
    entry: Option<Signed>,
}

/// A chain as it was announced.
struct Chain {
    from: Fingerprint,
    epoch: u64,
    readers: BTreeSet<Fingerprint>,
    /// The index that its next message has.
    next: u64,
}

/// A message as it was sealed. In a learning room it is for all members.
struct Sealed {
    from: Fingerprint,
    epoch: u64,
    readers: BTreeSet<Fingerprint>,
}

/// What somebody said.
pub(super) struct Said {
    pub(super) from: Fingerprint,
    pub(super) content: Content,
}

pub(super) struct Ledger {
    /// By the number of the entry; the room begins with its owner alone.
    epochs: Vec<Epoch>,
    chains: BTreeMap<Digest, Chain>,
    /// By the hash of the exact bytes.
    sealed: BTreeMap<Digest, Sealed>,
    pub(super) said: BTreeMap<MessageId, Said>,
    /// When each prekey ends, by its member and index.
    prekeys: BTreeMap<(Fingerprint, u64), u64>,
    /// How often the owner's person let somebody in who is not in yet, by a new invite or an answer.
    let_in: BTreeMap<Fingerprint, u32>,
    /// Whom the owner's person wanted out, or who left; the owner, if the room is to be closed.
    put_out: BTreeSet<Fingerprint>,
    /// Where the room's log has each message, as long as the host is honest.
    places: BTreeMap<Digest, u64>,
}

impl Ledger {
    pub(super) fn new(room: RoomId, owner: Fingerprint) -> Self {
        let first = Epoch { hash: room.0, members: BTreeSet::from([owner]), entry: None };
        Self {
            epochs: vec![first],
            chains: BTreeMap::new(),
            sealed: BTreeMap::new(),
            said: BTreeMap::new(),
            prekeys: BTreeMap::new(),
            let_in: BTreeMap::new(),
            put_out: BTreeSet::new(),
            places: BTreeMap::new(),
        }
    }

    /// The number and hash of the newest roster entry.
    pub(super) fn newest(&self) -> (u64, Digest) {
        ((self.epochs.len() - 1) as u64, self.epochs.last().unwrap().hash)
    }

    pub(super) fn members(&self) -> &BTreeSet<Fingerprint> {
        &self.epochs.last().unwrap().members
    }

    fn epoch(&self, number: u64) -> &Epoch {
        let epoch = usize::try_from(number).ok().and_then(|number| self.epochs.get(number));
        epoch.unwrap_or_else(|| panic!("nobody made entry {number} of the roster"))
    }

    pub(super) fn is_member_at(&self, member: Fingerprint, number: u64) -> bool {
        self.epoch(number).members.contains(&member)
    }

    /// Whether somebody is a member now, and was all the time since an entry.
    pub(super) fn was_member_since(&self, member: Fingerprint, number: u64) -> bool {
        let since = usize::try_from(number).unwrap_or(usize::MAX);
        self.epochs.iter().skip(since).all(|epoch| epoch.members.contains(&member))
    }

    /// The owner's person lets somebody in, once.
    pub(super) fn lets_in(&mut self, member: Fingerprint) {
        *self.let_in.entry(member).or_default() += 1;
    }

    /// The owner's person wants somebody out, or they leave.
    pub(super) fn puts_out(&mut self, member: Fingerprint) {
        self.put_out.insert(member);
    }

    /// Whether the owner ever signed, or wanted to, that somebody is no member any more.
    pub(super) fn was_put_out(&self, member: &Fingerprint) -> bool {
        self.put_out.contains(member)
    }

    /// The owner sends an entry: the only one for its number, and as the owner's person wanted.
    pub(super) fn entry_sent(&mut self, entry: &Signed) {
        let payload: RosterPayload = decode(&entry.payload).unwrap();
        let (newest, hash) = self.newest();
        if payload.number <= newest {
            let known = self.epoch(payload.number).entry.as_ref();
            return assert_eq!(known, Some(entry), "two entries for number {}", payload.number);
        }
        assert_eq!((payload.number, *payload.previous), (newest + 1, hash), "an entry that does not follow");
        let mut members = self.members().clone();
        match &payload.subject {
            Subject::Bundle(bundle) => {
                let bundle: BundlePayload = decode(&bundle.payload).unwrap();
                let member = Fingerprint::of(&bundle.signing_spki);
                let left = self.let_in.get_mut(&member).filter(|left| **left > 0);
                *left.unwrap_or_else(|| panic!("{member:?} was let in by nobody")) -= 1;
                assert!(members.insert(member), "{member:?} was added twice");
            }
            Subject::Member(member) => {
                let member = Fingerprint::from_bytes(**member);
                assert!(self.put_out.contains(&member), "{member:?} was put out by nobody");
                // The owner's own key closes the room, which leaves the members as they are.
                let is_removal = payload.operation == 2;
                assert!(!is_removal || members.remove(&member), "{member:?} was removed twice");
            }
        }
        let hash = labelled_hash("roster", &[&entry.payload]);
        self.epochs.push(Epoch { hash, members, entry: Some(entry.clone()) });
    }

    /// Somebody's client believes an entry: it is the one that the owner made.
    pub(super) fn believed(&self, number: u64, entry: &Signed, hash: &Digest) {
        let epoch = self.epoch(number);
        let truth = epoch.entry.as_ref().map(|entry| &entry.payload);
        assert!(truth == Some(&entry.payload) && epoch.hash == *hash, "entry {number} is not the owner's");
    }

    /// A prekey is made, at this true time.
    pub(super) fn prekey_sent(&mut self, payload: &PrekeyPayload, now: Now) {
        let until_ms = now.passed_ms + PREKEY_LIFE_MS + PREKEY_OLD_MS;
        self.prekeys.insert((payload.sender, payload.index), until_ms);
    }

    /// A chain's key goes to members of its epoch who have a live prekey or are seen, and to nobody else.
    pub(super) fn packet_sent(&mut self, packet: &SkPacket, now: Now, is_seen: impl Fn(&Fingerprint) -> bool) {
        let common: CommonPayload = decode(&packet.common.payload).unwrap();
        let epoch = self.epoch(common.epoch);
        assert_eq!(epoch.hash, *common.roster_hash, "a chain for another roster than the owner made");
        assert!(epoch.members.contains(&common.sender), "a chain of no member");
        let readers: BTreeSet<Fingerprint> = packet.wraps.iter().map(|wrap| wrap.recipient).collect();
        assert_eq!(readers.len(), packet.wraps.len(), "two wraps for one");
        for wrap in &packet.wraps {
            assert!(epoch.members.contains(&wrap.recipient), "a key for {:?}, who is no member", wrap.recipient);
            let until = self.prekeys.get(&(wrap.recipient, wrap.prekey_index));
            let is_live = until.is_some_and(|until| *until > now.passed_ms || is_seen(&wrap.recipient));
            let (of, index) = (wrap.recipient, wrap.prekey_index);
            let over_ms = until.map(|until| now.passed_ms.saturating_sub(*until));
            assert!(is_live, "a key under the prekey {index} of {of:?}, over since {over_ms:?} ms");
        }
        let hash = labelled_hash("com", &[&packet.common.payload]);
        self.chains.insert(hash, Chain { from: common.sender, epoch: common.epoch, readers, next: 0 });
    }

    /// A message goes out: in a chain of its sender's, each index once, and saying truly which log
    /// its sender was shown.
    pub(super) fn message_sent(&mut self, sender: Fingerprint, message: &Msg, exact: &[u8], log: &Replica) {
        let header: HeaderPayload = decode(&message.header).unwrap();
        assert_eq!(header.sender, sender, "words under another's name");
        let shown = (header.position, *header.log_hash);
        assert_eq!(shown, (log.position, log.hash), "it says of another log than it was shown");
        let epoch = header.epoch;
        let readers = match self.chains.get_mut(&*header.chain) {
            Some(chain) => {
                assert_eq!((chain.from, chain.epoch, chain.next), (sender, epoch, header.index));
                chain.next += 1;
                chain.readers.clone()
            }
            // A learning room has no chains.
            None => {
                assert_eq!(*header.chain, [0; 32], "a chain that was never announced");
                self.epoch(epoch).members.iter().copied().filter(|member| *member != sender).collect()
            }
        };
        self.sealed.insert(sha256(exact), Sealed { from: sender, epoch, readers });
    }

    /// Somebody was shown what a message says: it was sealed, by that sender, for that reader, and both
    /// were members then.
    pub(super) fn opened(&self, reader: Fingerprint, from: Fingerprint, arriving: &Arriving) {
        let sealed = self.sealed.get(&arriving.item).expect("words that nobody sealed were shown");
        assert_eq!(sealed.from, from, "somebody else's words");
        assert!(sealed.readers.contains(&reader), "opened by {reader:?}, for whom it was not sealed");
        assert!(self.is_member_at(reader, sealed.epoch), "opened by {reader:?}, who was no member then");
        assert!(self.is_member_at(from, sealed.epoch), "sealed by {from:?}, who was no member then");
    }

    /// The words are those that were said under that name.
    pub(super) fn read(&self, id: MessageId, from: Fingerprint, content: &Content) {
        let said = self.said.get(&id).expect("words that nobody said");
        assert!(said.from == from && said.content == *content, "other words than were said");
    }

    /// Whom a message of one's own was sealed for, now that it is in the log; `without` is who of the
    /// members were left out, as the sender was told.
    pub(super) fn readers_of(
        &self,
        item: &Digest,
        without: &[Fingerprint],
        is_learning: bool,
    ) -> BTreeSet<Fingerprint> {
        let sealed = self.sealed.get(item).expect("nobody sealed this");
        let mut others = self.epoch(sealed.epoch).members.clone();
        others.remove(&sealed.from);
        without.iter().for_each(|member| assert!(others.remove(member), "left out somebody who was no member"));
        // Somebody who had the chain's key and said goodbye is left out all the same.
        let is_true = is_learning || others.is_subset(&sealed.readers);
        assert!(is_true, "a sender was told that words reach somebody for whom they were not sealed");
        others
    }

    /// An honest host has one place for each message, the same for everybody.
    pub(super) fn placed(&mut self, arriving: &Arriving) {
        let place = *self.places.entry(arriving.item).or_insert(arriving.position);
        assert_eq!(place, arriving.position, "two places in the log for one message");
    }
}
