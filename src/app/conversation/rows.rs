//! The rows of a conversation, the newest of them, within a number and a size.

use std::collections::{HashMap, VecDeque};
use std::mem::size_of;

use super::row::{Message, Notice, Row, RowKind};
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
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: VecDeque<Row>,
    bytes: usize,
    /// How many were dropped: a row keeps its number.
    dropped: u64,
    /// The numbers of one's own messages. An id is its sender's choice, so another member's message of
    /// the same id is another message, and nothing is ever looked up for it.
    own: HashMap<MessageId, u64>,
}

impl Rows {
    /// Adds a row, and says how many of the oldest went for it.
    pub(super) fn push(&mut self, row: Row) -> usize {
        let number = self.dropped + u64::try_from(self.rows.len()).unwrap_or(u64::MAX);
        if let RowKind::Message(message) = &row.kind
            && message.is_mine()
        {
            self.own.insert(message.id, number);
        }
        self.bytes += row.bytes();
        self.rows.push_back(row);
        std::iter::from_fn(|| self.drop_oldest()).count()
    }

    /// Drops the oldest row if there are too many; never the newest.
    fn drop_oldest(&mut self) -> Option<()> {
        let is_full = self.rows.len() > ROWS_MAX || self.bytes > ROWS_BYTES_MAX;
        let oldest = if is_full && self.rows.len() > 1 { self.rows.pop_front() } else { None }?;
        self.bytes = self.bytes.saturating_sub(oldest.bytes());
        if let RowKind::Message(message) = &oldest.kind
            && self.own.get(&message.id) == Some(&self.dropped)
        {
            self.own.remove(&message.id);
        }
        self.dropped += 1;
        Some(())
    }

    pub(super) const fn all(&self) -> &VecDeque<Row> {
        &self.rows
    }

    /// Puts `notice` in the place of the newest row, if that says the same of less; says where it is.
    pub(super) fn renew_newest(&mut self, notice: &Notice) -> Option<usize> {
        let newest = self.rows.back_mut()?;
        match (&newest.kind, notice) {
            (RowKind::Notice(Notice::Missed { .. }), Notice::Missed { .. }) => {
                newest.kind = RowKind::Notice(notice.clone());
                self.rows.len().checked_sub(1)
            }
            _ => None,
        }
    }

    /// Where an own message is, if it is still kept.
    pub(super) fn index_of_own(&self, id: &MessageId) -> Option<usize> {
        usize::try_from(self.own.get(id)?.checked_sub(self.dropped)?).ok()
    }

    /// Changes an own message, if it is still kept, and says where it is.
    pub(super) fn change_own(&mut self, id: &MessageId, change: impl FnOnce(&mut Message)) -> Option<usize> {
        let index = self.index_of_own(id)?;
        let row = self.rows.get_mut(index)?;
        let before = row.bytes();
        if let RowKind::Message(message) = &mut row.kind {
            change(message);
        }
        self.bytes = self.bytes.saturating_sub(before) + row.bytes();
        Some(index)
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
