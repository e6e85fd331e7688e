//! The rows of a conversation: the newest of them, within a number and a size, or those of the last event alone.

use std::collections::{HashMap, VecDeque};
use std::mem::size_of;

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

/// The rows, the oldest first.
#[derive(Debug)]
pub(super) struct Rows {
    rows: VecDeque<Row>,
    /// Whether they stay when the next event comes.
    stay: bool,
    bytes: usize,
    /// The id of the next row. Those kept have the ids right before it, without a gap.
    next: u64,
    /// One's own messages. An id is its sender's choice, so another member's message of the same id is another
    /// message, and nothing is ever looked up for it.
    own: HashMap<MessageId, RowId>,
}

impl Rows {
    pub(super) fn new(stay: bool) -> Self {
        Self { rows: VecDeque::new(), stay, bytes: 0, next: 0, own: HashMap::new() }
    }

    /// The next event comes: its rows take the place of those before, unless they stay.
    pub(super) fn next_event(&mut self) {
        if !self.stay {
            self.rows.clear();
            self.own.clear();
            self.bytes = 0;
        }
    }

    /// Adds a row; gives its id, and those of the oldest that went for it.
    pub(super) fn push(&mut self, at_ms: u64, kind: RowKind) -> (RowId, Vec<RowId>) {
        let row = Row { id: RowId(self.next), at_ms, kind };
        self.next += 1;
        let id = row.id;
        if let RowKind::Message(message) = &row.kind
            && message.is_mine()
        {
            self.own.insert(message.id, id);
        }
        self.bytes += row.bytes();
        self.rows.push_back(row);
        (id, std::iter::from_fn(|| self.drop_oldest()).collect())
    }

    /// Drops the oldest row if there are too many; never the newest.
    fn drop_oldest(&mut self) -> Option<RowId> {
        let is_full = self.rows.len() > ROWS_MAX || self.bytes > ROWS_BYTES_MAX;
        let oldest = if is_full && self.rows.len() > 1 { self.rows.pop_front() } else { None }?;
        self.bytes = self.bytes.saturating_sub(oldest.bytes());
        if let RowKind::Message(message) = &oldest.kind
            && self.own.get(&message.id) == Some(&oldest.id)
        {
            self.own.remove(&message.id);
        }
        Some(oldest.id)
    }

    pub(super) const fn all(&self) -> &VecDeque<Row> {
        &self.rows
    }

    /// A row, if it is still kept.
    pub(super) fn get(&self, id: RowId) -> Option<&Row> {
        self.rows.get(self.index_of(id)?)
    }

    fn index_of(&self, id: RowId) -> Option<usize> {
        usize::try_from(id.0.checked_sub(self.rows.front()?.id.0)?).ok()
    }

    /// Puts `notice` in the place of the newest row, if that says the same of less; says which it is.
    pub(super) fn renew_newest(&mut self, notice: &Notice) -> Option<RowId> {
        let newest = self.rows.back_mut()?;
        match (&newest.kind, notice) {
            (RowKind::Notice(Notice::Missed { .. }), Notice::Missed { .. }) => {
                newest.kind = RowKind::Notice(notice.clone());
                Some(newest.id)
            }
            _ => None,
        }
    }

    /// An own message, if it is still kept.
    pub(super) fn own(&self, id: &MessageId) -> Option<&Row> {
        self.get(*self.own.get(id)?)
    }

    /// Changes an own message, if it is still kept, and says which row it is.
    pub(super) fn change_own(&mut self, id: &MessageId, change: impl FnOnce(&mut Message)) -> Option<RowId> {
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

    /// One's own messages are from `me`: it may not have been known when they were typed.
    pub(super) fn own_are_from(&mut self, me: Fingerprint) {
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
                let told =
                    message.delivery.iter().flat_map(|delivery| [&delivery.to, &delivery.without, &delivery.missed]);
                message.content.size() + told.map(|members| members.len() * size_of::<Fingerprint>()).sum::<usize>()
            }
            RowKind::Notice(Notice::Renamed { before, now, .. }) => before.len() + now.len(),
            RowKind::Notice(Notice::Titled(title)) => title.len(),
            RowKind::Notice(_) => 0,
        };
        ROW_BYTES + of_words
    }
}
