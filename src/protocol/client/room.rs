//! What a client knows of its room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use zeroize::Zeroizing;

use super::absences::{Absences, Heard};
use super::awaited::Awaited;
use super::prekeys::{LivePrekey, OwnPrekey};
use crate::crypto::Fingerprint;
use crate::protocol::MessageId;
use crate::protocol::Now;
#[cfg(test)]
use crate::protocol::limits::PREKEYS_KEPT_MAX;
use crate::protocol::limits::{INTRODUCE_AFTER_MS, PAUSE_MS, PREKEY_OLD_MS, TALKATIVE_MEMBERS_MAX, WAKE_MS};
use crate::protocol::room::log_hash::LogHash;
use crate::protocol::room::roster::Roster;
use crate::protocol::sealing::sender_key::{Epoch, ReceiveChain};

/// Another member's chain, as far as it can be read.
pub(super) enum Chain {
    /// Ours to read.
    Open(Box<ReceiveChain>),
    /// Announced, but without a key for us, or with one that does not open. `told`: we said so.
    Closed { number: u64, told: bool },
}

impl Chain {
    pub(super) const fn number(&self) -> u64 {
        match self {
            Self::Open(chain) => chain.number(),
            Self::Closed { number, .. } => *number,
        }
    }
}

/// An own message that others may still confirm.
pub(super) struct Sent {
    pub id: MessageId,
    pub position: u64,
    pub awaiting: BTreeSet<Fingerprint>,
}

pub(super) struct RoomState {
    pub roster: Roster,
    pub log: LogHash,
    pub resumable: bool,
    /// Another prekey is due: the person asks for one, or the last is past its time.
    pub prekey_wanted: bool,
    /// Whether the others have our newest prekey: it has come back with its place in the log.
    pub prekey_logged: bool,
    pub prekeys: BTreeMap<Fingerprint, LivePrekey>,
    pub present: BTreeSet<Fingerprint>,
    pub chains: BTreeMap<Fingerprint, Chain>,
    pub own_prekeys: Vec<OwnPrekey>,
    pub prekey_index: u64,
    /// When it is to be renewed, in time that passed.
    pub prekey_until_ms: Option<u64>,
    /// The position of our own prekey in the log from which on whoever speaks should seal for us too.
    pub reached_since: Option<u64>,
    /// The index of the prekey that is to bring that about: the first since the others had none of ours.
    pub reaching_index: Option<u64>,
    /// Messages sent in a learning room, where no chain counts them; of others the next that is due, and
    /// the position of the last.
    pub learning_sent: u64,
    pub learning_seen: BTreeMap<Fingerprint, (u64, u64)>,
    /// Who has been told our name there.
    pub learning_told: BTreeSet<Fingerprint>,
    pub forked: BTreeSet<Fingerprint>,
    pub left: BTreeSet<Fingerprint>,
    pub seen: VecDeque<MessageId>,
    pub sent: VecDeque<Sent>,
    /// The newest position with words in it, and the newest that was confirmed.
    pub received: u64,
    pub confirmed: u64,
    /// Words that others missed.
    pub absences: Absences,
    /// Those that one missed oneself before this session.
    pub heard: Heard,
    /// Whom words wait for.
    pub awaited: Awaited,
    pub introduce_at_ms: Option<u64>,
    pub receipt_at_ms: Option<u64>,
    /// When the clocks of the others are compared with ours, in monotonic milliseconds.
    pub clocks_due_ms: Option<u64>,
    pub local_secret: Zeroizing<[u8; 32]>,
}

impl RoomState {
    pub(super) fn new(roster: Roster, log: LogHash) -> Self {
        Self {
            roster,
            log,
            resumable: false,
            prekey_wanted: false,
            prekey_logged: false,
            prekeys: BTreeMap::new(),
            present: BTreeSet::new(),
            chains: BTreeMap::new(),
            own_prekeys: Vec::new(),
            prekey_index: 0,
            prekey_until_ms: None,
            reached_since: None,
            reaching_index: None,
            learning_sent: 0,
            learning_seen: BTreeMap::new(),
            learning_told: BTreeSet::new(),
            forked: BTreeSet::new(),
            left: BTreeSet::new(),
            seen: VecDeque::new(),
            sent: VecDeque::new(),
            received: 0,
            confirmed: 0,
            absences: Absences::default(),
            heard: Heard::default(),
            awaited: Awaited::default(),
            introduce_at_ms: None,
            receipt_at_ms: None,
            clocks_due_ms: None,
            local_secret: Zeroizing::new([0; 32]),
        }
    }

    pub(super) fn next_timeout(&self, now: Now) -> Option<u64> {
        let prekey = self.prekey_until_ms.map(|due| now.awake_at(due));
        let returns = self.prekeys.values().filter_map(|prekey| prekey.renewed_by_ms);
        let returns = returns.filter(|due| *due > now.monotonic_ms).min();
        let waits = [self.introduce_at_ms, self.receipt_at_ms, self.clocks_due_ms, self.awaited.next_timeout(now)];
        waits.into_iter().chain([prekey, returns]).flatten().min()
    }

    /// When the next private prekey is past its time or to be erased, in monotonic milliseconds.
    pub(super) fn next_erasure(&self, now: Now) -> Option<u64> {
        self.own_prekeys.iter().map(|prekey| prekey.erase_at_ms.unwrap_or(now.awake_at(prekey.until_ms))).min()
    }

    /// Erases the private prekeys whose time has come: what was recorded for them stays closed. Each has its last
    /// minutes, in which what is under way can be read, while the program runs.
    pub(super) fn erase_prekeys(&mut self, now: Now) {
        for prekey in self.own_prekeys.iter_mut().filter(|prekey| now.passed_ms >= prekey.until_ms) {
            prekey.erase_at_ms.get_or_insert(now.monotonic_ms.saturating_add(PREKEY_OLD_MS));
        }
        self.own_prekeys.retain(|prekey| prekey.erase_at_ms.is_none_or(|due| now.monotonic_ms < due));
    }

    /// Whether one's own prekey is past its time, and another is due.
    pub(super) fn prekey_is_over(&self, now: Now) -> bool {
        self.prekey_until_ms.is_some_and(|due| now.passed_ms >= due)
    }

    pub(super) fn epoch(&self) -> Epoch {
        Epoch { room: self.roster.room(), number: self.roster.number(), roster_hash: *self.roster.hash() }
    }

    /// The others who would get a message sent now, with the prekey each has.
    pub(super) fn reachable(&self, own: Fingerprint, now: Now) -> BTreeMap<Fingerprint, u64> {
        if self.roster.suite().is_learning() {
            return self.present.iter().filter(|member| **member != own).map(|member| (*member, 0)).collect();
        }
        let others = self.prekeys.iter().filter(|(member, _)| **member != own);
        let live = others.filter(|(member, prekey)| {
            !prekey.is_over(now) || (self.present.contains(*member) && prekey.outlives_date(now))
        });
        live.map(|(member, prekey)| (*member, prekey.index)).collect()
    }

    /// Whether somebody who came back may be about to tell of a new key: what is said before would be without
    /// them. Says until when that may be.
    pub(super) fn awaits_keys(&self, now: Now) -> Option<u64> {
        let returned = self.present.iter().filter_map(|member| self.prekeys.get(member));
        returned.filter(|prekey| prekey.may_be_renewed(now)).filter_map(|prekey| prekey.renewed_by_ms).max()
    }

    /// A member is here no more, or begins anew: what it did not read by now it never can. Says which own
    /// messages it did not confirm.
    pub(super) fn forget_prekey(&mut self, member: Fingerprint) -> Vec<MessageId> {
        self.prekeys.remove(&member);
        if !self.is_talkative() {
            // Nobody confirms there: what came before it went counts as read.
            self.absences.has(member, self.log.position());
        }
        self.sent.iter_mut().filter_map(|sent| sent.awaiting.remove(&member).then_some(sent.id)).collect()
    }

    /// Of so much awake time the program saw nothing: on some systems it counts sleep, too. In a pause nobody could
    /// have told of a new key either, and nothing that came was read.
    pub(super) fn slept(&mut self, ms: u64) {
        if ms >= PAUSE_MS {
            self.prekeys.values_mut().for_each(|prekey| prekey.came_ms = prekey.came_ms.saturating_add(ms));
            let erasures = self.own_prekeys.iter_mut().filter_map(|prekey| prekey.erase_at_ms.as_mut());
            erasures.for_each(|due| *due = due.saturating_add(ms));
        }
    }

    /// A member is connected again. If its key went past its time while it was away, another comes at once.
    pub(super) fn member_is_back(&mut self, member: Fingerprint, now: Now) {
        if let Some(prekey) = self.prekeys.get_mut(&member).filter(|prekey| prekey.is_over(now)) {
            prekey.renewed_by_ms = Some(now.monotonic_ms + WAKE_MS);
        }
    }

    pub(super) fn is_talkative(&self) -> bool {
        self.roster.len() <= TALKATIVE_MEMBERS_MAX
    }

    pub(super) fn introduce_soon(&mut self, now: Now) {
        self.introduce_at_ms.get_or_insert(now.monotonic_ms + INTRODUCE_AFTER_MS);
    }
}

#[cfg(test)]
impl RoomState {
    /// What it keeps, counted, and the most it should keep.
    pub(super) fn held(&self) -> [(&'static str, usize, usize); 10] {
        let members = self.roster.len();
        [
            ("prekeys of one's own", self.own_prekeys.len(), PREKEYS_KEPT_MAX),
            ("prekeys of others", self.prekeys.len(), members),
            ("chains of others", self.chains.len(), members),
            ("people who are there", self.present.len(), members),
            ("names of messages", self.seen.len(), super::receive::SEEN_MAX),
            ("words that others may miss", self.absences.held().0, super::absences::WORDS_REMEMBERED),
            ("people who may miss words", self.absences.held().1, members),
            ("people whom words wait for", self.awaited.held(), members),
            ("messages to be confirmed", self.sent.len(), super::send::SENT_MAX),
            ("hashes of the log", self.log.kept_count(), crate::protocol::limits::LOG_HASHES_KEPT),
        ]
    }
}
