//! The thread that writes: many writes to a commit, in their order, each until it is done.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::error::{StoreError, is_of_the_row};
use super::file::{Access, StoreFile, empty_journal, meaning, require_sealed, rewrite};
use super::names::Names;
use super::queue::{Item, Limits, Next, Queue};
use super::write::{Placed, Progress, Write};
use super::{News, Teller, erase, messages, people, rooms};

/// What may wait: about a second's work, and messages of the largest size for as many members as a room may have.
pub(super) const LIMITS: Limits = Limits { items: 4_096, bytes: 16 * 1024 * 1024 };
/// The most writes of one commit: more make it no cheaper for each.
const BATCH_MAX: usize = 512;
/// The longest that a commit goes on taking writes: whoever wrote the first one waits for it.
const BATCH_TIME: Duration = Duration::from_millis(4);
/// How long to wait before a commit that failed is tried again: a full disk does not get room at once.
const RETRY: Duration = Duration::from_secs(5);
/// After so long without a write the journal is emptied.
const IDLE: Duration = Duration::from_secs(10);

/// The thread's own.
pub(super) struct Writer {
    connection: Connection,
    access: Arc<Access>,
    queue: Arc<Queue<Write>>,
    unwritten: Arc<Names>,
    tell: Teller,
    /// Held until nothing is written any more.
    _lock: File,
    /// Whether a failure was told, and no success since.
    is_failing: bool,
    /// Whether the journal may hold something.
    is_dirty: bool,
    erasing: Erasing,
}

/// What is being erased.
#[derive(Default)]
struct Erasing {
    /// Whether rooms were forgotten.
    forgets: bool,
    /// The date of a sweep.
    sweep_ms: Option<u64>,
    /// How many messages went so far.
    messages: u64,
    /// Whether it is done but for the journal.
    is_over: bool,
}

impl Erasing {
    const fn is_going_on(&self) -> bool {
        self.forgets || self.sweep_ms.is_some() || self.is_over
    }
}

/// A batch that was written.
struct Written {
    placed: Vec<(u64, Placed)>,
    forgets: bool,
    sweep_ms: Option<u64>,
}

/// Why a batch was not written.
enum Fault {
    /// This one of it never can be.
    Of(usize),
    /// The file, or the disk.
    File(rusqlite::Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::File(error)
    }
}

impl Writer {
    pub(super) fn new(file: StoreFile, queue: Arc<Queue<Write>>, unwritten: Arc<Names>, tell: Teller) -> Self {
        let StoreFile { writer: connection, lock, access, .. } = file;
        let forgets = erase::is_forgetting(&connection).unwrap_or_default();
        let erasing = Erasing { forgets, ..Erasing::default() };
        Self { connection, access, queue, unwritten, tell, _lock: lock, is_failing: false, is_dirty: false, erasing }
    }

    /// Writes until the end is asked for and everything is done, or cannot be done.
    pub(super) fn run(mut self) {
        loop {
            match self.queue.next(self.patience()) {
                Next::Item(first) => {
                    if !self.write(first) {
                        break;
                    }
                    // Others do not wait long for what is erased, but it goes on however much they write.
                    self.erase();
                }
                Next::Nothing if self.erasing.is_going_on() => self.erase(),
                Next::Nothing => self.empty_journal(),
                Next::End => break,
            }
        }
        self.empty_journal();
    }

    /// How long to wait for something to write before something else is done.
    fn patience(&self) -> Option<Duration> {
        match (self.erasing.is_going_on(), self.is_dirty) {
            (true, _) if self.is_failing => Some(RETRY),
            (true, _) => Some(Duration::ZERO),
            (false, true) => Some(IDLE),
            (false, false) => None,
        }
    }

    /// Writes one and what waits behind it; tries until it is done. Gives up only at the end: `false`.
    fn write(&mut self, first: Item<Write>) -> bool {
        let mut batch = vec![first];
        let mut refused = vec![];
        loop {
            match self.commit(&mut batch, &refused) {
                Ok(written) => {
                    self.tell_written(&batch, written);
                    return true;
                }
                Err(Fault::Of(at)) => refused.push(at),
                Err(Fault::File(error)) => {
                    self.has_failed(error);
                    if self.queue.is_ending() {
                        return false;
                    }
                    self.queue.pause(RETRY);
                }
            }
        }
    }

    /// One transaction. A batch that failed before grows no more.
    fn commit(&mut self, batch: &mut Vec<Item<Write>>, refused: &[usize]) -> Result<Written, Fault> {
        let may_grow = !self.is_failing && refused.is_empty();
        let until = Instant::now() + BATCH_TIME;
        self.is_dirty = true;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut written = Written { placed: Vec::new(), forgets: false, sweep_ms: None };
        let mut at = 0;
        loop {
            if at == batch.len() && may_grow && at < BATCH_MAX && Instant::now() < until {
                batch.extend(self.queue.next_now());
            }
            let Some(item) = batch.get(at) else { break };
            let done = if refused.contains(&at) { Ok(Some(Placed::Refused)) } else { apply(&transaction, &item.what) };
            let placed = match done {
                Err(error) if is_of_the_row(&error) => {
                    log::error!("write {} is refused by the store: {error}", item.number);
                    return Err(Fault::Of(at));
                }
                done => done?,
            };
            written.placed.extend(placed.map(|placed| (item.number, placed)));
            match item.what {
                Write::Forget { .. } => written.forgets |= placed.is_none(),
                Write::Sweep { now_ms } => written.sweep_ms = Some(now_ms),
                _ => {}
            }
            at += 1;
        }
        require_sealed(&transaction)?;
        transaction.commit()?;
        Ok(written)
    }

    fn tell_written(&mut self, batch: &[Item<Write>], written: Written) {
        self.has_succeeded();
        self.erasing.forgets |= written.forgets;
        self.erasing.sweep_ms = written.sweep_ms.or(self.erasing.sweep_ms);
        self.queue.finish(batch);
        self.unwritten.are_written(batch.iter().map(|item| &item.what));
        if !written.placed.is_empty() {
            self.tell.tell(News::Placed(written.placed));
        }
        if let Some(last) = batch.last() {
            self.tell.tell(News::Committed(last.number));
        }
    }

    /// One slice of what is to be erased, and at its end the journal, where old pages are.
    fn erase(&mut self) {
        if !self.erasing.is_going_on() {
            return;
        }
        match self.erase_slice() {
            Ok(()) => self.has_succeeded(),
            // A long answer is being read. The next try waits for it, too.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                log::debug!("the store's journal is being read");
            }
            Err(error) => {
                // What is damaged cannot be erased, however often that is tried.
                if self.has_failed(error) == StoreError::Damaged {
                    self.erasing = Erasing::default();
                }
            }
        }
    }

    fn erase_slice(&mut self) -> rusqlite::Result<()> {
        if self.erasing.forgets || self.erasing.sweep_ms.is_some() {
            self.is_dirty = true;
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let slice = match self.erasing.sweep_ms {
                Some(now_ms) if !self.erasing.forgets => erase::sweep(&transaction, now_ms)?,
                _ => erase::forget(&transaction)?,
            };
            require_sealed(&transaction)?;
            transaction.commit()?;
            self.erasing.messages = self.erasing.messages.saturating_add(slice.messages);
            if !slice.is_more {
                let is_sweep = !std::mem::take(&mut self.erasing.forgets);
                if is_sweep {
                    self.erasing.sweep_ms = None;
                }
            }
            self.erasing.is_over = !self.erasing.forgets && self.erasing.sweep_ms.is_none();
        }
        if self.erasing.is_over {
            self.is_dirty = true;
            let messages = self.erasing.messages;
            let rewritten = messages == 0 || self.rewrite();
            empty_journal(&self.connection)?;
            (self.is_dirty, self.erasing) = (false, Erasing::default());
            self.tell.tell(News::Erased { messages, rewritten });
        }
        Ok(())
    }

    /// Writes the file anew, if it can be done.
    fn rewrite(&self) -> bool {
        rewrite(&self.connection).unwrap_or_else(|error| {
            log::warn!("the store cannot be written anew: {error}");
            false
        })
    }

    /// Moves the journal into the file. If that cannot be now, it is done another time: nothing is lost by it.
    fn empty_journal(&mut self) {
        if !self.is_dirty {
            return;
        }
        match empty_journal(&self.connection) {
            Ok(()) => self.is_dirty = false,
            Err(error) => log::warn!("the store's journal cannot be emptied: {error}"),
        }
    }

    fn has_failed(&mut self, error: rusqlite::Error) -> StoreError {
        log::warn!("the store cannot be written to: {error}");
        let error = meaning(&self.connection, error);
        if error == StoreError::Damaged {
            match self.access.writer() {
                Ok(connection) => self.connection = connection,
                Err(error) => log::warn!("the store cannot be opened again to write: {error}"),
            }
        }
        if !std::mem::replace(&mut self.is_failing, true) {
            self.tell.tell(News::Failed(error.clone()));
        }
        error
    }

    fn has_succeeded(&mut self) {
        if std::mem::take(&mut self.is_failing) {
            self.tell.tell(News::Recovered);
        }
    }
}

/// Does one write. `None` where nothing is to be told of it.
fn apply(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<Option<Placed>> {
    let is_there = match write {
        Write::Message(message) => return messages::add(transaction, message).map(Some),
        Write::Room { room, title, suite, entered_ms } => {
            rooms::put(transaction, room, title, *suite, *entered_ms)?;
            true
        }
        Write::Progress { room, id, sender, state, delivered, of, members } => {
            let progress = Progress { state: *state, delivered: *delivered, of: *of };
            messages::note_progress(transaction, room, sender, *id, progress, members)?;
            true
        }
        Write::Name { room, member, name } => people::call(transaction, room, member, name)?,
        Write::ReadUpTo { room, sender, id } => rooms::read_up_to(transaction, room, sender, *id)?,
        Write::Draft { room, text } => rooms::draft(transaction, room, text.as_ref().map(|text| text.as_str()))?,
        Write::KeepDays { room, days } => rooms::keep_days(transaction, room, *days)?,
        Write::Forget { room } => rooms::forget(transaction, room)?,
        Write::Sweep { .. } => true,
    };
    Ok((!is_there).then_some(Placed::NoRoom))
}
