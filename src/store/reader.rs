//! The thread that answers questions, on a connection that cannot write.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, InterruptHandle};

use super::error::StoreError;
use super::file::{Access, meaning, require_sealed};
use super::question::{Answer, Question, StoredRoom};
use super::queue::{Item, Limits, Next, Queue};
use super::{News, Teller, messages, people, rooms, search};

/// What may wait: more than a person can ask for, and a program that asks without end is told so.
pub(super) const LIMITS: Limits = Limits { items: 256, bytes: 1024 * 1024 };

/// A question with the number that its answer gets.
pub(super) type Request = (u64, Question);

/// Ends what the reader is doing, from another thread.
#[derive(Clone)]
pub(super) struct Interrupt(Arc<Mutex<InterruptHandle>>);

impl Interrupt {
    fn of(connection: &Connection) -> Self {
        Self(Arc::new(Mutex::new(connection.get_interrupt_handle())))
    }

    fn follow(&self, connection: &Connection) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = connection.get_interrupt_handle();
    }

    pub(super) fn now(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).interrupt();
    }
}

/// The thread's own.
pub(super) struct Reader {
    connection: Connection,
    access: Arc<Access>,
    interrupt: Interrupt,
    queue: Arc<Queue<Request>>,
    tell: Teller,
}

impl Reader {
    pub(super) fn new(connection: Connection, access: Arc<Access>, queue: Arc<Queue<Request>>, tell: Teller) -> Self {
        Self { interrupt: Interrupt::of(&connection), connection, access, queue, tell }
    }

    pub(super) fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// Answers until the end is asked for. Nobody waits for the answers to what is left then.
    pub(super) fn run(mut self) {
        while let Next::Item(item) = self.queue.next(None) {
            if self.queue.is_ending() {
                break;
            }
            self.answer(&item);
        }
    }

    fn answer(&mut self, item: &Item<Request>) {
        let (request, question) = &item.what;
        let answer = answer(&self.connection, question);
        let sealed = answer.and_then(|answer| require_sealed(&self.connection).map(|()| answer));
        let answer = sealed.unwrap_or_else(|error| {
            log::warn!("a question to the store has no answer: {error}");
            let error = meaning(&self.connection, error);
            if error == StoreError::Damaged {
                self.connect();
            }
            Answer::Failed(error)
        });
        self.queue.finish([item]);
        self.tell.tell(News::Answer { request: *request, answer });
    }

    /// Goes on with another connection: one damaged page is not to hide the rest.
    fn connect(&mut self) {
        match self.access.reader() {
            Ok(connection) => {
                self.interrupt.follow(&connection);
                self.connection = connection;
            }
            Err(error) => log::warn!("the store cannot be opened again to read: {error}"),
        }
    }
}

fn answer(connection: &Connection, question: &Question) -> rusqlite::Result<Answer> {
    Ok(match question {
        Question::Rooms => Answer::Rooms(all_rooms(connection)?),
        Question::Names { room } => Answer::Names(people::names(connection, room)?),
        Question::Unread { room } => {
            let (from, count) = rooms::unread(connection, room)?;
            Answer::Unread { from, count }
        }
        Question::Page { room, from, count } => Answer::Rows(messages::page(connection, *room, *from, *count)?),
        Question::Before { room, place, count } => Answer::Rows(messages::before(connection, *room, *place, *count)?),
        Question::Unsent { room, from, since_ms } => {
            Answer::Rows(messages::unsent(connection, *room, *from, *since_ms)?)
        }
        Question::Owed { room, member, from, since_ms } => {
            Answer::Rows(messages::owed(connection, *room, member, *from, *since_ms)?)
        }
        Question::PlaceOf { room, day_ms } => Answer::Place(messages::place_of(connection, room, *day_ms)?),
        Question::Search(search) => search::answer(connection, search)?,
    })
}

/// The rooms, each with its newest row.
fn all_rooms(connection: &Connection) -> rusqlite::Result<Vec<StoredRoom>> {
    let with_newest = |(id, mut room): (i64, StoredRoom)| {
        room.newest = messages::newest(connection, id, room.room)?;
        Ok(room)
    };
    rooms::all(connection)?.into_iter().map(with_newest).collect()
}
