//! Messages that did not reach somebody, as far as this client knows: a member who comes back is told how many, and
//! since when. The messages themselves are not kept.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::crypto::Fingerprint;
use crate::protocol::content::Missed;

/// Messages whose positions are remembered, so that absent members can be told how many there were: 56 bytes each. If
/// there were more, they are told "at least this many".
pub(super) const WORDS_REMEMBERED: usize = 4_096;

/// Returns of one member that are remembered until it has heard what it missed. Only the member knows at which of them
/// it last restarted: to others, a new key may look the same. More than two rarely happen before it hears.
const RETURNS_REMEMBERED: usize = 4;

/// A message in the log, one's own or another member's.
struct Word {
    position: u64,
    /// How far its sender had seen the log.
    seen: u64,
    from: Fingerprint,
    /// When it arrived here, in milliseconds since 1970.
    came_ms: u64,
}

/// How many messages, and when the first of them arrived.
#[derive(Clone, Copy)]
struct Count {
    words: u64,
    since_ms: u64,
}

/// A member came back.
struct Return {
    /// What it missed, if it has nothing that was said since it left.
    missed: Missed,
    /// Where in the log it was told so.
    told_at: Option<u64>,
}

#[derive(Default)]
pub(super) struct Absences {
    words: VecDeque<Word>,
    /// The position up to which each member has everything: it said so, or joined there.
    has_until: BTreeMap<Fingerprint, u64>,
    /// Members who were admitted and have not connected yet: what is said before that is not for them.
    new: BTreeSet<Fingerprint>,
    /// What members missed of a log that was lost with its host.
    of_before: BTreeMap<Fingerprint, Count>,
    /// Each member's returns, the latest last, since it heard what it missed.
    returns: BTreeMap<Fingerprint, VecDeque<Return>>,
    /// The ones among them who have not been told yet.
    untold: BTreeSet<Fingerprint>,
    /// Who sends again what others missed of theirs: that is not counted. What was said before somebody new came is not
    /// sent again, for they would read it.
    send_again: BTreeSet<Fingerprint>,
    newcomer_at: u64,
}

impl Absences {
    /// There is a message in the log whose sender had `seen` the log up to there. Members who came back in between are
    /// told of it too.
    pub(super) fn said(&mut self, from: Fingerprint, position: u64, seen: u64, came_ms: u64) {
        let is_lost = !self.send_again.contains(&from);
        for (member, returns) in self.returns.iter_mut().filter(|(member, _)| is_lost && **member != from) {
            for Return { missed, told_at } in returns {
                if position > missed.until && seen < missed.until {
                    if missed.all() == 0 {
                        missed.since_ms = came_ms;
                    }
                    missed.crossed = missed.crossed.saturating_add(1);
                    *told_at = None;
                    self.untold.insert(*member);
                }
            }
        }
        if self.words.len() == WORDS_REMEMBERED {
            self.words.pop_front();
        }
        self.words.push_back(Word { position, seen, from, came_ms });
    }

    /// A member has everything up to `position`.
    pub(super) fn has(&mut self, member: Fingerprint, position: u64) {
        let known = self.has_until.entry(member).or_default();
        *known = position.max(*known);
    }

    /// A member was admitted, at this position.
    pub(super) fn is_new(&mut self, member: Fingerprint, position: u64) {
        self.new.insert(member);
        self.newcomer_at = position;
    }

    /// These members send again what somebody missed of theirs.
    pub(super) fn will_be_sent_again(&mut self, by: BTreeSet<Fingerprint>) {
        self.send_again = by;
    }

    /// A member becomes reachable at `position`, where its prekey is.
    pub(super) fn is_back(&mut self, member: Fingerprint, position: u64) {
        if self.new.remove(&member) {
            self.has(member, position);
        }
        let has_until = self.has_until.get(&member).copied().unwrap_or_default();
        let mut returns = self.returns.remove(&member).unwrap_or_default();
        if returns.back().is_some_and(|last| last.told_at.is_some_and(|at| at <= has_until)) {
            returns.clear();
        }
        let unheard = returns.back().and_then(|last| self.unheard(last, has_until));
        let before = sum(self.of_before.remove(&member), unheard);
        let count = sum(before, self.count(member, position)).unwrap_or(Count { words: 0, since_ms: 0 });
        self.has(member, position);
        let missed = Missed { member, count: count.words, crossed: 0, until: position, since_ms: count.since_ms };
        if returns.len() == RETURNS_REMEMBERED {
            returns.pop_front();
        }
        returns.push_back(Return { missed, told_at: None });
        self.returns.insert(member, returns);
        if count.words > 0 {
            self.untold.insert(member);
        }
    }

    /// What a member was told at `position` of the log, in a message that it can read: once it has the log up to
    /// there, it has heard it. There may be more to tell since.
    pub(super) fn told(&mut self, told: &Missed, position: u64) {
        let mut returns = self.returns.get_mut(&told.member).into_iter().flatten();
        if let Some(known) = returns.find(|known| known.missed == *told) {
            known.told_at = Some(position);
        }
    }

    /// What to tell those of `readers` who have not been told yet.
    pub(super) fn take_untold(&mut self, readers: &BTreeMap<Fingerprint, u64>) -> Vec<Missed> {
        let readers: Vec<Fingerprint> =
            self.untold.iter().filter(|member| readers.contains_key(member)).copied().collect();
        self.untold.retain(|member| !readers.contains(member));
        let returns = readers.iter().filter_map(|member| self.returns.get(member)).flatten();
        let untold = returns.filter(|known| known.told_at.is_none()).map(|known| known.missed);
        untold.filter(|missed| missed.all() > 0).collect()
    }

    /// The host has begun a new log. Whoever was present is assumed to have had all of the old one.
    pub(super) fn new_log(
        mut self,
        members: impl Iterator<Item = Fingerprint>,
        were_there: &BTreeSet<Fingerprint>,
    ) -> Self {
        let mut of_before = BTreeMap::new();
        for member in members.filter(|member| !were_there.contains(member)) {
            let before = self.of_before.remove(&member);
            if let Some(count) = sum(before, self.count(member, u64::MAX)) {
                of_before.insert(member, count);
            }
        }
        Self { of_before, new: self.new, ..Self::default() }
    }

    /// What a member missed until it came back, plus what crossed its return, up to `has_until`: it has the log up to
    /// there, but could not read those messages.
    fn unheard(&self, last: &Return, has_until: u64) -> Option<Count> {
        let Missed { count, until, since_ms, member, .. } = last.missed;
        let before = (count > 0).then_some(Count { words: count, since_ms });
        let has_crossed = |word: &Word| word.seen < until && word.position > until && word.position <= has_until;
        sum(before, self.count_where(member, has_crossed))
    }

    /// Others' messages before `position` that `member` does not have.
    fn count(&self, member: Fingerprint, position: u64) -> Option<Count> {
        let has_until = self.has_until.get(&member).copied().unwrap_or_default();
        self.count_where(member, |word| word.position > has_until && word.position < position)
    }

    fn count_where(&self, member: Fingerprint, is_missed: impl Fn(&Word) -> bool) -> Option<Count> {
        let comes_again = |word: &Word| word.position > self.newcomer_at && self.send_again.contains(&word.from);
        let is_lost = |word: &&Word| word.from != member && !comes_again(word);
        let mut missed = self.words.iter().filter(is_lost).filter(|word| is_missed(word));
        let first = missed.next()?;
        let words = u64::try_from(missed.count()).unwrap_or(u64::MAX).saturating_add(1);
        Some(Count { words, since_ms: first.came_ms })
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        let returns = self.returns.values().map(VecDeque::len).sum::<usize>().div_ceil(RETURNS_REMEMBERED);
        let of_members = [self.new.len(), self.has_until.len(), self.of_before.len(), returns, self.untold.len()];
        let of_members = of_members.into_iter().chain([self.send_again.len()]);
        (self.words.len(), of_members.max().unwrap_or_default())
    }

    /// A member has left the roster.
    pub(super) fn forget(&mut self, member: &Fingerprint) {
        self.new.remove(member);
        self.has_until.remove(member);
        self.of_before.remove(member);
        self.returns.remove(member);
        self.untold.remove(member);
        self.send_again.remove(member);
    }
}

/// What this member was told it missed, since it came back.
#[derive(Default)]
pub(super) struct Heard {
    count: u64,
    crossed: u64,
}

impl Heard {
    /// A member reports how much was missed. All count the same messages, but late arrivals have not seen all of them,
    /// so the largest count is right. Returns the new count if it is higher than before.
    pub(super) fn take_in(&mut self, missed: &Missed) -> Option<u64> {
        let known = self.all();
        self.count = self.count.max(missed.count);
        self.crossed = self.crossed.max(missed.crossed);
        Some(self.all()).filter(|all| *all > known)
    }

    const fn all(&self) -> u64 {
        self.count.saturating_add(self.crossed)
    }
}

fn sum(before: Option<Count>, after: Option<Count>) -> Option<Count> {
    match (before, after) {
        (Some(before), Some(after)) => {
            Some(Count { words: before.words.saturating_add(after.words), since_ms: before.since_ms })
        }
        (before, after) => before.or(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: u8) -> Fingerprint {
        Fingerprint::from_bytes([name; 32])
    }

    fn told(absences: &mut Absences, member: u8) -> Option<(u64, u64, u64)> {
        taken(absences, member).last().map(|missed| (missed.all(), missed.since_ms, missed.until))
    }

    fn taken(absences: &mut Absences, member: u8) -> Vec<Missed> {
        absences.take_untold(&BTreeMap::from([(person(member), 1)]))
    }

    const ANN: u8 = 1;
    const BO: u8 = 2;

    #[test]
    fn whoever_comes_back_is_told_once_how_many_words_of_others_came_since() {
        let mut absences = Absences::default();
        for (position, from) in [(1, ANN), (2, ANN), (4, BO), (5, ANN), (9, ANN)] {
            absences.said(person(from), position, position - 1, 100 * position);
        }
        absences.has(person(BO), 1);
        absences.is_back(person(BO), 9);
        assert_eq!(told(&mut absences, ANN), None);
        let missed = taken(&mut absences, BO);
        assert_eq!(missed, [Missed { member: person(BO), count: 2, crossed: 0, until: 9, since_ms: 200 }]);
        assert_eq!(told(&mut absences, BO), None);
        absences.told(&missed[0], 10);
        absences.has(person(BO), 11);
        absences.is_back(person(BO), 20);
        assert_eq!(told(&mut absences, BO), None, "it has everything up to there");
    }

    #[test]
    fn what_a_member_went_before_it_heard_is_told_again() {
        let mut absences = Absences::default();
        absences.said(person(ANN), 1, 0, 100);
        absences.is_back(person(BO), 3);
        let first = taken(&mut absences, BO);
        absences.told(&first[0], 5);
        absences.said(person(ANN), 6, 5, 600);
        absences.is_back(person(BO), 7);
        let second = taken(&mut absences, BO);
        assert_eq!(second.len(), 1, "the first was told and may have been heard");
        assert_eq!((second[0].all(), second[0].until), (2, 7), "nothing says that it had the item at 5");
        absences.told(&second[0], 9);
        absences.has(person(BO), 9);
        absences.said(person(ANN), 10, 9, 1_000);
        absences.is_back(person(BO), 11);
        assert_eq!(told(&mut absences, BO), Some((1, 1_000, 11)));
    }

    #[test]
    fn whoever_only_seemed_to_come_back_is_told_of_each_return() {
        let mut absences = Absences::default();
        absences.said(person(ANN), 1, 0, 100);
        for until in 3..3 + RETURNS_REMEMBERED as u64 {
            absences.is_back(person(BO), until);
        }
        let told = taken(&mut absences, BO);
        assert_eq!(
            told.iter().map(|missed| (missed.all(), missed.until)).collect::<Vec<_>>(),
            [(1, 3), (1, 4), (1, 5), (1, 6)]
        );
        absences.is_back(person(BO), 20);
        assert_eq!(absences.held().1, 1, "no more are remembered");
        assert_eq!(taken(&mut absences, BO).len(), RETURNS_REMEMBERED);
    }

    #[test]
    fn what_was_told_of_before_counts_for_that_alone() {
        let mut absences = Absences::default();
        absences.said(person(ANN), 1, 0, 100);
        absences.is_back(person(BO), 3);
        let first = taken(&mut absences, BO);
        absences.said(person(ANN), 4, 2, 400);
        absences.told(&first[0], 5);
        absences.has(person(BO), 6);
        absences.is_back(person(BO), 7);
        assert_eq!(told(&mut absences, BO), Some((2, 100, 7)), "there was one more than it was told");
    }

    #[test]
    fn words_that_cross_a_return_are_told_on_top() {
        let mut absences = Absences::default();
        absences.is_back(person(BO), 9);
        assert_eq!(told(&mut absences, BO), None, "there was nothing to miss");
        absences.said(person(ANN), 10, 9, 40);
        absences.said(person(BO), 11, 1, 45);
        assert_eq!(told(&mut absences, BO), None, "who had seen Bo's prekey sealed for him");
        absences.said(person(ANN), 12, 8, 50);
        assert_eq!(told(&mut absences, BO), Some((1, 50, 9)));
        absences.said(person(3), 13, 2, 60);
        assert_eq!(told(&mut absences, BO), Some((2, 50, 9)));
    }

    #[test]
    fn several_count_the_same_words_and_the_most_is_right() {
        let told = |count, crossed| Missed { member: person(BO), count, crossed, until: 9, since_ms: 1 };
        let mut heard = Heard::default();
        assert_eq!(heard.take_in(&told(3, 0)), Some(3));
        assert_eq!(heard.take_in(&told(2, 0)), None);
        assert_eq!(heard.take_in(&told(2, 1)), Some(4), "which the first one did not know of yet");
        assert_eq!(heard.take_in(&told(3, 1)), None);
        assert_eq!(heard.take_in(&told(5, 1)), Some(6));
        assert_eq!(heard.take_in(&told(0, u64::MAX)), Some(u64::MAX));
    }

    #[test]
    fn what_was_missed_of_a_log_that_is_gone_is_told_by_the_next() {
        let mut absences = Absences::default();
        absences.said(person(ANN), 1, 0, 100);
        absences.said(person(ANN), 2, 1, 200);
        let members = || [person(ANN), person(BO), person(3)].into_iter();
        let mut absences = absences.new_log(members(), &BTreeSet::from([person(ANN), person(3)]));
        absences.said(person(ANN), 1, 0, 300);
        let mut absences = absences.new_log(members(), &BTreeSet::from([person(ANN), person(3)]));
        absences.is_back(person(3), 2);
        assert_eq!(told(&mut absences, 3), None, "it was there when the host went");
        absences.said(person(ANN), 3, 2, 400);
        absences.is_back(person(BO), 4);
        assert_eq!(told(&mut absences, BO), Some((4, 100, 4)));
    }

    #[test]
    fn so_many_words_are_remembered_and_no_more() {
        let mut absences = Absences::default();
        for position in 1..=WORDS_REMEMBERED as u64 + 10 {
            absences.said(person(ANN), position, position - 1, position);
        }
        assert_eq!(absences.held().0, WORDS_REMEMBERED);
        absences.is_back(person(BO), u64::MAX);
        assert_eq!(told(&mut absences, BO), Some((WORDS_REMEMBERED as u64, 11, u64::MAX)), "at least so many");
        absences.forget(&person(BO));
        assert_eq!(absences.held().1, 0);
    }
}
