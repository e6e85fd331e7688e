//! Many writes to a commit, and no more waiting than may.

use std::sync::mpsc::{Receiver, Sender, channel};

use conversa::protocol::Private;
use conversa::store::{Full, News, Placed, Question, Store, Write};

use crate::harness::{Place, ROOM, key, open, places, room, says};
use crate::next::next_before;
use crate::patience::{PATIENCE, deadline};
use crate::until::until;

/// The most that may wait, as the document has it.
const WRITES_MAX: usize = 4_096;
const BYTES_MAX: usize = 16 * 1024 * 1024;
const QUESTIONS_MAX: usize = 256;

/// A store whose threads stop at the news of the first commit until they are let go.
fn stopped(place: &Place) -> (Store, Receiver<News>, Sender<()>) {
    let ((sender, news), (go, gate)) = (channel(), channel());
    let store = Store::open(&place.path(), &key(), move |told| {
        let is_first = told == News::Committed(1);
        let _ = sender.send(told);
        if is_first {
            let _ = next_before::<()>(&gate, deadline());
        }
    });
    let store = store.unwrap();
    store.write(room(ROOM)).unwrap();
    until_committed(&news, 1);
    (store, news, go)
}

/// How many commits were told until that of the last.
fn until_committed(news: &Receiver<News>, last: u64) -> usize {
    let mut commits = 0;
    loop {
        if let News::Committed(number) = next_before(news, deadline()).unwrap() {
            commits += 1;
            if number >= last {
                return commits;
            }
        }
    }
}

#[test]
fn what_waits_shares_its_commits() {
    let place = Place::new();
    let (store, news, go) = stopped(&place);
    let last = (0..2_000).map(|number| store.write(says(number, "hello")).unwrap()).max().unwrap();
    assert_eq!(last, 2_001);
    go.send(()).unwrap();
    let commits = until_committed(&news, last);
    assert!(commits < 1_000, "{commits} commits of 2000 writes");
    store.close(PATIENCE).unwrap();
}

#[test]
fn so_many_writes_wait_and_no_more() {
    let place = Place::new();
    let (store, news, go) = stopped(&place);
    (0..WRITES_MAX as u64).for_each(|number| _ = store.write(says(number, "hello")).unwrap());
    let one_more = says(9_999, "hello");
    assert_eq!(store.write(one_more.clone()), Err(Full(Box::new(one_more))));
    go.send(()).unwrap();
    until_committed(&news, WRITES_MAX as u64 + 1);
    store.write(says(9_999, "hello")).unwrap();
    store.close(PATIENCE).unwrap();
    let open = place.open();
    assert_eq!(open.rooms()[0].count, WRITES_MAX as u64 + 1, "what was refused took no place");
    open.close();
}

#[test]
fn so_many_bytes_wait_and_no_more() {
    let place = Place::new();
    let (store, news, go) = stopped(&place);
    let large = "x".repeat(16 * 1024);
    let taken = (0..WRITES_MAX as u64).take_while(|number| store.write(says(*number, &large)).is_ok()).count();
    assert!(taken * large.len() <= BYTES_MAX && (taken + 16) * large.len() > BYTES_MAX, "{taken} fit");
    go.send(()).unwrap();
    until_committed(&news, taken as u64 + 1);
    store.close(PATIENCE).unwrap();
}

#[test]
fn so_many_questions_wait_and_no_more() {
    let place = Place::new();
    let (store, _news, go) = stopped(&place);
    // One is taken, and waits until its answer can be told.
    let asked = (0..).take_while(|number| store.ask(*number, Question::Rooms).is_ok()).count();
    assert!((QUESTIONS_MAX..=QUESTIONS_MAX + 1).contains(&asked), "{asked} wait");
    go.send(()).unwrap();
    store.close(PATIENCE).unwrap();
}

/// It would be refused however often it is tried, and everybody behind it would wait for ever.
#[test]
fn what_can_never_be_stored_holds_up_nobody() {
    let place = Place::new();
    let open = place.open_room();
    let huge = Write::Draft { room: ROOM, text: Some(Private::new("x".repeat(5 * 1024 * 1024))) };
    let placed = open.write_all([says(1, "before"), huge.clone(), huge, says(2, "after")]);
    assert_eq!(placed, [Placed::New(0), Placed::Refused, Placed::Refused, Placed::New(1)]);
    assert_eq!(places(&open.page(0, 9)), [0, 1]);
    open.close();
}

#[test]
fn closed_or_dropped_it_writes_what_was_handed_in() {
    let place = Place::new();
    let open_one = place.open_room();
    (0..2_000).for_each(|number| _ = open_one.store.write(says(number, "hello")).unwrap());
    open_one.close();
    let open_two = place.open();
    assert_eq!(open_two.rooms()[0].count, 2_000);
    (2_000..4_000).for_each(|number| _ = open_two.store.write(says(number, "hello")).unwrap());
    drop(open_two);
    let open_three = until("the end of the one that was dropped", || open(&place.path()).ok());
    assert_eq!(open_three.rooms()[0].count, 4_000);
    open_three.close();
}

/// It takes ten seconds, in which others test something else.
#[test]
fn the_journal_is_emptied_when_nobody_writes() {
    let place = Place::new();
    let open = place.open_room();
    let mut name = place.path().into_os_string();
    name.push("-wal");
    let size = || std::fs::metadata(&name).unwrap().len();
    assert!(size() > 0);
    until("the end of the journal", || (size() == 0).then_some(()));
    assert_eq!(open.rooms().len(), 1);
    open.close();
}
