//! What is owed to members of one room: own messages that came to the host and that they have not confirmed. When one of
//! them can read again, the messages are sent again, some at a time.
//!
//! Not here: which messages those are, which the store says, and sending them, which the outbox does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::crypto::Fingerprint;
use crate::protocol::MessageId;

/// How many messages are sent again at a time: what is said meanwhile waits behind them.
pub(super) const AT_A_TIME: usize = 64;
/// How long after a try that was not confirmed the next one begins: whoever comes and goes without confirming anything
/// makes everybody receive it each time. It is twice as long after each such try, up to the longest: a program that ended
/// in the middle of it, once or twice, is no reason to wait.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How far it is with one member.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Stage {
    /// The store is to be asked: not before then, and when it has everything up to this write.
    Due { at: Instant, after: u64 },
    /// The store was asked.
    Asked,
    /// These are on their way.
    UnderWay(BTreeSet<MessageId>),
}

/// See the head of this file. It has at most an entry for each member who ever could read in this run.
#[derive(Default)]
pub(super) struct Owed {
    stages: BTreeMap<Fingerprint, Stage>,
    /// Who can read now.
    reachable: BTreeSet<Fingerprint>,
    /// When the last try began, and how long the next one waits from then, of those who did not confirm all of it.
    tried: BTreeMap<Fingerprint, (Instant, Duration)>,
}

impl Owed {
    /// A member can read what is sent from now on. What was handed to the store before is known once it has the write
    /// `after`.
    pub(super) fn can_read(&mut self, member: Fingerprint, after: u64, now: Instant) {
        self.reachable.insert(member);
        let at = self.tried.get(&member).map_or(now, |(tried, pause)| (*tried + *pause).max(now));
        self.stages.insert(member, Stage::Due { at, after });
    }

    /// Somebody new came, so that what is under way may not go out any more, or somebody went for whom something did not.
    pub(super) fn roster_changed(&mut self, after: u64, now: Instant) {
        let is_asked =
            |member: &&Fingerprint| matches!(self.stages.get(*member), Some(Stage::Due { .. } | Stage::Asked));
        let members: Vec<Fingerprint> = self.reachable.iter().filter(|member| !is_asked(member)).copied().collect();
        members.into_iter().for_each(|member| self.can_read(member, after, now));
    }

    /// A member cannot read any more, for now.
    pub(super) fn is_away(&mut self, member: &Fingerprint) {
        self.reachable.remove(member);
        self.stages.remove(member);
    }

    /// A message came to the host, and was not sealed for these.
    pub(super) fn was_not_for(&mut self, without: &[Fingerprint], after: u64, now: Instant) {
        for member in without {
            // What is under way is followed by another question.
            if self.reachable.contains(member) && !matches!(self.stages.get(member), Some(Stage::UnderWay(_))) {
                self.can_read(*member, after, now);
            }
        }
    }

    /// A member has a message.
    pub(super) fn has(&mut self, member: &Fingerprint, message: &MessageId, after: u64, now: Instant) {
        let Some(Stage::UnderWay(left)) = self.stages.get_mut(member) else { return };
        if left.remove(message) && left.is_empty() {
            self.tried.remove(member);
            // There may be more.
            self.can_read(*member, after, now);
        }
    }

    /// About whom the store is to be asked now, which has everything up to the write `committed`.
    pub(super) fn take_due(&mut self, committed: u64, now: Instant) -> Vec<Fingerprint> {
        let is_due = |stage: &Stage| matches!(stage, Stage::Due { at, after } if *at <= now && *after <= committed);
        let due: Vec<Fingerprint> =
            self.stages.iter().filter(|(_, stage)| is_due(stage)).map(|(member, _)| *member).collect();
        for member in &due {
            self.stages.insert(*member, Stage::Asked);
        }
        due
    }

    /// The store said what is owed to a member. Whether that is to be sent; not if they have gone meanwhile.
    pub(super) fn begins(&mut self, member: Fingerprint, messages: &BTreeSet<MessageId>, now: Instant) -> bool {
        if self.stages.get(&member) != Some(&Stage::Asked) {
            return false;
        }
        if messages.is_empty() {
            self.stages.remove(&member);
            return false;
        }
        let pause = self.tried.get(&member).map_or(PAUSE_FIRST, |(_, pause)| (*pause * 2).min(PAUSE_MAX));
        self.tried.insert(member, (now, pause));
        self.stages.insert(member, Stage::UnderWay(messages.clone()));
        true
    }

    /// The store has no answer.
    pub(super) fn was_not_answered(&mut self, member: &Fingerprint) {
        self.stages.remove(member);
    }

    /// When a store that has everything up to the write `committed` is to be asked next. What waits for a later write has
    /// no time of its own: the store tells when it has that.
    pub(super) fn next_due(&self, committed: u64) -> Option<Instant> {
        let times = self.stages.values().filter_map(|stage| match stage {
            Stage::Due { at, after } if *after <= committed => Some(*at),
            _ => None,
        });
        times.min()
    }
}

#[cfg(test)]
impl Owed {
    /// Whether the store is still to be asked about somebody.
    pub(super) fn is_to_ask(&self) -> bool {
        self.stages.values().any(|stage| matches!(stage, Stage::Due { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patience::deadline;

    const BO: Fingerprint = Fingerprint::from_bytes([2; 32]);
    const CY: Fingerprint = Fingerprint::from_bytes([3; 32]);

    fn ids(numbers: &[u8]) -> BTreeSet<MessageId> {
        numbers.iter().map(|number| MessageId([*number; 16])).collect()
    }

    #[test]
    fn whoever_comes_back_gets_some_at_a_time_until_nothing_is_left() {
        let (mut owed, now) = (Owed::default(), deadline());
        owed.can_read(BO, 7, now);
        assert_eq!((owed.take_due(6, now), owed.next_due(6)), (vec![], None), "not everything is in the store yet");
        assert_eq!(owed.next_due(7), Some(now));
        assert_eq!((owed.take_due(7, now), owed.take_due(7, now)), (vec![BO], vec![]));
        assert!(owed.begins(BO, &ids(&[1, 2]), now));
        owed.has(&BO, &MessageId([2; 16]), 9, now);
        owed.has(&CY, &MessageId([1; 16]), 9, now);
        assert_eq!(owed.next_due(9), None);
        owed.has(&BO, &MessageId([1; 16]), 9, now);
        assert_eq!(owed.take_due(9, now), [BO], "there may be more, and nobody waits for it");
        assert!(!owed.begins(BO, &ids(&[]), now));
        assert_eq!(owed.next_due(9), None);
    }

    #[test]
    fn whoever_confirms_nothing_waits_longer_before_each_try_up_to_a_minute() {
        let (mut owed, mut now) = (Owed::default(), deadline());
        let mut pauses = Vec::new();
        owed.can_read(BO, 0, now);
        for _ in 0..8 {
            assert_eq!(owed.take_due(0, now), [BO]);
            assert!(owed.begins(BO, &ids(&[1]), now));
            owed.is_away(&BO);
            owed.can_read(BO, 0, now);
            assert_eq!(owed.take_due(0, now), []);
            let next = owed.next_due(9).unwrap();
            pauses.push((next - now).as_secs());
            now = next;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        owed.take_due(0, now);
        owed.begins(BO, &ids(&[1]), now);
        owed.has(&BO, &MessageId([1; 16]), 0, now);
        assert_eq!(owed.take_due(0, now), [BO], "who confirms it waits for nothing");
        owed.begins(BO, &ids(&[2]), now);
        owed.can_read(BO, 0, now);
        assert_eq!(owed.next_due(9), Some(now + PAUSE_FIRST));
    }

    #[test]
    fn what_was_not_sealed_for_somebody_who_can_read_by_now_is_owed() {
        let (mut owed, now) = (Owed::default(), deadline());
        owed.was_not_for(&[BO, CY], 1, now);
        assert_eq!(owed.next_due(9), None, "they are away");
        owed.can_read(BO, 0, now);
        owed.take_due(0, now);
        assert!(!owed.begins(BO, &ids(&[]), now));
        owed.was_not_for(&[BO, CY], 1, now);
        assert_eq!(owed.take_due(1, now), [BO]);
        owed.is_away(&BO);
        assert!(!owed.begins(BO, &ids(&[1]), now), "they have gone meanwhile");
    }
}
