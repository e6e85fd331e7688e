//! Where the rows of a conversation are: today in memory, the newest of them within a number and a size, or those of the
//! last event alone. What a front end shows it asks for in pages, so that a store can take this place.

use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::mem::size_of;

use super::delivery::Delivery;
use super::row::{Message, Notice, Row, RowId, RowKind};
use crate::crypto::Fingerprint;
use crate::protocol::MessageId;

/// Rows kept of a room; the oldest go first. A busy day has about a thousand.
pub const ROWS_MAX: usize = 50_000;
/// What the rows of a room may take in bytes, by `Row::bytes`. A member within the rates fills a longer
/// list with messages of 16 KiB in minutes; 50,000 rows of an ordinary talk take about as much.
pub const ROWS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a row costs beside its words: its place here, and its share of the index and the allocator.
const ROW_BYTES: usize = size_of::<Row>() + 96;

/// Which rows are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// The newest there are.
    Newest,
    /// The newest of those before this one.
    Before(RowId),
    /// Those from this place on, counted from the oldest.
    From(usize),
}

/// Keeps the rows of one room, in the order in which they came.
pub(super) trait Rows: Debug + Send {
    /// The next event comes, for those that keep only the rows of one.
    fn next_event(&mut self);

    /// Adds a row; gives its id, and those of the oldest that went for it.
    fn push(&mut self, at_ms: u64, kind: RowKind) -> (RowId, Vec<RowId>);

    /// Adds rows from before all others: when each came, and what it is, the oldest first. Those for which there is no
    /// room are left out, the oldest first; returns how many were added.
    fn put_before(&mut self, rows: Vec<(u64, RowKind)>) -> usize;

    /// A row, if it is still kept.
    fn get(&self, id: RowId) -> Option<&Row>;

    /// How many there are.
    fn count(&self) -> usize;

    /// How many are older than this one, which need not be kept any more: its place, counted from the oldest.
    fn older_than(&self, id: RowId) -> usize;

    /// At most `count` rows, the oldest first.
    fn page(&self, page: Page, count: usize) -> Vec<&Row>;

    /// Puts `notice` in the place of the newest row, if that says the same of less; says which it is.
    fn renew_newest(&mut self, notice: &Notice) -> Option<RowId>;

    /// An own message, if it is still kept.
    fn own(&self, id: &MessageId) -> Option<&Row>;

    /// Changes an own message, if it is still kept, and says which row it is.
    fn change_own(&mut self, id: &MessageId, change: &mut dyn FnMut(&mut Message)) -> Option<RowId>;

    /// One's own messages are from `me`: it may not have been known when they were typed.
    fn own_are_from(&mut self, me: Fingerprint);
}

/// Rows that are gone with the program.
#[derive(Debug)]
pub(super) struct MemoryRows {
    rows: VecDeque<Row>,
    /// Whether they stay when the next event comes.
    stay: bool,
    bytes: usize,
    /// The id of the next row. Those kept have the ids right before it, without a gap.
    next: i64,
    /// One's own messages. An id is its sender's choice, so another member's message of the same id is another
    /// message, and nothing is ever looked up for it.
    own: HashMap<MessageId, RowId>,
}

impl MemoryRows {
    /// None yet. With `stay` they are kept, or else those of the last event alone.
    pub(super) fn new(stay: bool) -> Self {
        Self { rows: VecDeque::new(), stay, bytes: 0, next: 0, own: HashMap::new() }
    }

    fn is_over_full(&self) -> bool {
        self.rows.len() > ROWS_MAX || self.bytes > ROWS_BYTES_MAX
    }

    fn oldest(&self) -> i64 {
        self.next.saturating_sub_unsigned(self.rows.len() as u64)
    }

    /// Finds an own message by its id from now on.
    fn index_own(&mut self, row: &Row) {
        if let RowKind::Message(message) = &row.kind
            && message.is_mine()
        {
            self.own.insert(message.id, row.id);
        }
    }

    /// Drops the oldest row if there are too many; never the newest.
    fn drop_oldest(&mut self) -> Option<RowId> {
        let is_full = self.is_over_full();
        let oldest = if is_full && self.rows.len() > 1 { self.rows.pop_front() } else { None }?;
        self.bytes = self.bytes.saturating_sub(oldest.bytes());
        if let RowKind::Message(message) = &oldest.kind
            && self.own.get(&message.id) == Some(&oldest.id)
        {
            self.own.remove(&message.id);
        }
        Some(oldest.id)
    }

    fn index_of(&self, id: RowId) -> Option<usize> {
        usize::try_from(id.0.checked_sub(self.rows.front()?.id.0)?).ok()
    }
}

impl Rows for MemoryRows {
    fn next_event(&mut self) {
        if !self.stay {
            self.rows.clear();
            self.own.clear();
            self.bytes = 0;
        }
    }

    fn push(&mut self, at_ms: u64, kind: RowKind) -> (RowId, Vec<RowId>) {
        let row = Row { id: RowId(self.next), at_ms, kind };
        self.next += 1;
        let id = row.id;
        self.index_own(&row);
        self.bytes += row.bytes();
        self.rows.push_back(row);
        (id, std::iter::from_fn(|| self.drop_oldest()).collect())
    }

    fn put_before(&mut self, rows: Vec<(u64, RowKind)>) -> usize {
        let mut added = 0;
        let rows = if self.stay { rows } else { Vec::new() };
        for (at_ms, kind) in rows.into_iter().rev() {
            let row = Row { id: RowId(self.oldest().saturating_sub(1)), at_ms, kind };
            let bytes = row.bytes();
            if self.rows.len() >= ROWS_MAX || self.bytes + bytes > ROWS_BYTES_MAX {
                break;
            }
            self.index_own(&row);
            self.bytes += bytes;
            self.rows.push_front(row);
            added += 1;
        }
        added
    }

    fn get(&self, id: RowId) -> Option<&Row> {
        self.rows.get(self.index_of(id)?)
    }

    fn count(&self) -> usize {
        self.rows.len()
    }

    fn older_than(&self, id: RowId) -> usize {
        let place = id.0.saturating_sub(self.oldest()).max(0);
        usize::try_from(place).unwrap_or(usize::MAX).min(self.rows.len())
    }

    fn page(&self, page: Page, count: usize) -> Vec<&Row> {
        let all = self.rows.len();
        let (start, end) = match page {
            Page::Newest => (all.saturating_sub(count), all),
            Page::Before(row) => {
                let end = self.older_than(row);
                (end.saturating_sub(count), end)
            }
            Page::From(place) => (place.min(all), place.saturating_add(count).min(all)),
        };
        self.rows.range(start..end).collect()
    }

    fn renew_newest(&mut self, notice: &Notice) -> Option<RowId> {
        let newest = self.rows.back_mut()?;
        match (&newest.kind, notice) {
            (RowKind::Notice(Notice::Missed { .. }), Notice::Missed { .. }) => {
                newest.kind = RowKind::Notice(notice.clone());
                Some(newest.id)
            }
            _ => None,
        }
    }

    fn own(&self, id: &MessageId) -> Option<&Row> {
        self.get(*self.own.get(id)?)
    }

    fn change_own(&mut self, id: &MessageId, change: &mut dyn FnMut(&mut Message)) -> Option<RowId> {
        let id = *self.own.get(id)?;
        let index = self.index_of(id)?;
        let row = self.rows.get_mut(index)?;
        let before = row.bytes();
        if let RowKind::Message(message) = &mut row.kind {
            change(message);
        }
        self.bytes = self.bytes.saturating_sub(before) + row.bytes();
        Some(id)
    }

    fn own_are_from(&mut self, me: Fingerprint) {
        for row in &mut self.rows {
            if let RowKind::Message(message) = &mut row.kind
                && message.is_mine()
            {
                message.from = me;
            }
        }
    }
}

impl Row {
    /// What it takes in memory, about.
    fn bytes(&self) -> usize {
        let of_words = match &self.kind {
            RowKind::Message(message) => {
                let told = message
                    .delivery
                    .iter()
                    .flat_map(|Delivery { to, awaited, without, missed, .. }| [to, awaited, without, missed]);
                message.content.size() + told.map(|members| members.len() * size_of::<Fingerprint>()).sum::<usize>()
            }
            RowKind::Notice(Notice::Renamed { before, now, .. }) => before.len() + now.len(),
            RowKind::Notice(Notice::Titled(title)) => title.len(),
            RowKind::Notice(_) => 0,
        };
        ROW_BYTES + of_words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(rows: &MemoryRows, page: Page, count: usize) -> Vec<i64> {
        rows.page(page, count).iter().map(|row| row.id.0).collect()
    }

    fn rows(count: u64) -> MemoryRows {
        let mut rows = MemoryRows::new(true);
        (0..count).for_each(|at_ms| drop(rows.push(at_ms, RowKind::Notice(Notice::Entered))));
        rows
    }

    #[test]
    fn pages_are_in_order_and_stop_where_the_rows_do() {
        let rows = rows(10);
        assert_eq!(ids(&rows, Page::Newest, 3), [7, 8, 9]);
        assert_eq!(ids(&rows, Page::Before(RowId(5)), 3), [2, 3, 4]);
        assert_eq!(ids(&rows, Page::Before(RowId(2)), 3), [0, 1]);
        assert_eq!(ids(&rows, Page::Before(RowId(0)), 3), [0_i64; 0]);
        assert_eq!(ids(&rows, Page::From(0), 3), [0, 1, 2]);
        assert_eq!(ids(&rows, Page::From(6), 3), [6, 7, 8]);
        assert_eq!(ids(&rows, Page::From(9), 3), [9]);
        assert_eq!(ids(&rows, Page::From(10), 3), [0_i64; 0]);
        assert_eq!(ids(&rows, Page::From(usize::MAX), usize::MAX), [0_i64; 0]);
        assert_eq!(ids(&rows, Page::Newest, usize::MAX).len(), rows.count());
    }

    #[test]
    fn pages_go_on_where_rows_are_gone() {
        let full = rows(ROWS_MAX as u64 + 5);
        assert_eq!(full.count(), ROWS_MAX);
        assert_eq!(ids(&full, Page::From(0), 2), [5, 6]);
        assert_eq!(ids(&full, Page::Before(RowId(3)), 2), [0_i64; 0], "what is gone is not asked for in vain");
        assert_eq!(ids(&full, Page::Before(RowId(6)), 2), [5]);
        let mut last = MemoryRows::new(false);
        last.push(1, RowKind::Notice(Notice::Entered));
        last.next_event();
        last.push(2, RowKind::Notice(Notice::Entered));
        assert_eq!((ids(&last, Page::Newest, 9), ids(&last, Page::From(0), 9)), (vec![1], vec![1]));
    }

    #[test]
    fn a_place_is_that_of_the_row_in_the_page_from_there() {
        let full = rows(ROWS_MAX as u64 + 5);
        for place in [0, 1, 100, ROWS_MAX - 1] {
            let row = full.page(Page::From(place), 1)[0].id;
            assert_eq!(full.older_than(row), place);
        }
        assert_eq!(full.older_than(RowId(2)), 0, "it is gone");
        assert_eq!(full.older_than(RowId(i64::MIN)), 0);
        assert_eq!(full.older_than(RowId(i64::MAX)), ROWS_MAX, "it is not there yet");
    }

    #[test]
    fn rows_from_before_stand_above_the_others() {
        let mut rows = rows(3);
        let before = |from: u64| (from..from + 4).map(|at_ms| (at_ms, RowKind::Notice(Notice::Entered))).collect();
        assert_eq!((rows.put_before(before(14)), rows.put_before(before(10))), (4, 4));
        assert_eq!(ids(&rows, Page::Newest, 99), (-8..3).collect::<Vec<_>>());
        let times: Vec<u64> = rows.page(Page::From(0), 9).iter().map(|row| row.at_ms).collect();
        assert_eq!(times, [10, 11, 12, 13, 14, 15, 16, 17, 0]);
        assert_eq!((rows.older_than(RowId(-8)), rows.older_than(RowId(0)), rows.count()), (0, 8, 11));
        assert_eq!(rows.get(RowId(-1)).map(|row| row.at_ms), Some(17));
        assert_eq!(rows.push(99, RowKind::Notice(Notice::Entered)), (RowId(3), Vec::new()));
    }

    #[test]
    fn as_many_rows_come_from_before_as_there_is_room_for() {
        let mut full = rows(ROWS_MAX as u64 - 2);
        let before = |count: u64| (0..count).map(|at_ms| (at_ms, RowKind::Notice(Notice::Entered))).collect();
        assert_eq!((full.put_before(before(5)), full.put_before(before(1))), (2, 0));
        assert_eq!(full.page(Page::From(0), 2).iter().map(|row| row.at_ms).collect::<Vec<_>>(), [3, 4], "the newest");
        let mut large = rows(1);
        let title = "t".repeat(ROWS_BYTES_MAX / 4);
        let titled = |_| (0, RowKind::Notice(Notice::Titled(title.clone())));
        assert_eq!(large.put_before((0..9).map(titled).collect()), 3);
        let mut passing = MemoryRows::new(false);
        assert_eq!((passing.put_before(before(5)), passing.count()), (0, 0), "nobody looks at them");
    }
}
