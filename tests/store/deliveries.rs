//! How own messages stand with the members, what is still to be sent, and which messages came before.

use conversa::protocol::Content;
use conversa::store::{
    Answer, DeliveryState, Held, Placed, Progress, ProgressState, Question, ROWS_MAX, StoredMessage, StoredRow, Write,
};

use crate::harness::{DAY_MS, OTHER_ROOM, Open, Place, ROOM, START_MS, id, message, raw, room, says, sender, words};

/// An own message in this state.
fn own(number: u64, state: ProgressState) -> Write {
    let own = Some(Progress { state, delivered: 0, of: 0 });
    Write::Message(StoredMessage { own, ..message(number, &number.to_string()) })
}

fn stands(number: u64, state: ProgressState, members: &[(u8, DeliveryState)]) -> Write {
    let members = members.iter().map(|(member, state)| (sender(*member), *state)).collect();
    Write::Progress { room: ROOM, id: id(number), sender: sender(7), state, delivered: 1, of: 2, members }
}

fn rows(answer: Answer) -> Vec<StoredRow> {
    let Answer::Rows(rows) = answer else { panic!("{answer:?}") };
    rows
}

fn unsent(open: &Open, from: u64, since_ms: u64) -> Vec<String> {
    words(&rows(open.ask(Question::Unsent { room: ROOM, from, since_ms })))
}

fn owed(open: &Open, member: u8, since_ms: u64) -> Vec<String> {
    words(&rows(open.ask(Question::Owed { room: ROOM, member: sender(member), from: 0, since_ms })))
}

const NOBODY: [&str; 0] = [];

#[test]
fn what_is_not_on_the_host_is_given_in_order_and_no_other() {
    use ProgressState::{Cancelled, OnHost, OutboxFull, Queued, Recalled, Sealed, TooLong};
    let place = Place::new();
    let open = place.open_room();
    let states = [Queued, OnHost, Sealed, Cancelled, Recalled, TooLong, OutboxFull, Queued];
    open.write_all((0..).zip(states).map(|(number, state)| own(number, state)));
    let theirs = StoredMessage { sender: sender(8), ..message(20, "theirs") };
    open.write(Write::Message(theirs));
    assert_eq!(unsent(&open, 0, 0), ["0", "2", "7"]);
    open.write(stands(2, OnHost, &[]));
    open.write(stands(0, Sealed, &[]));
    open.close();
    let open = place.open();
    assert_eq!((unsent(&open, 0, 0), unsent(&open, 1, 0)), (vec!["0".into(), "7".into()], vec!["7".to_owned()]));
    let Held::Message(first) = open.page(0, 1).remove(0).held else { panic!("it is a message") };
    assert_eq!(unsent(&open, 0, first.got_ms + 1).first().map(String::as_str), Some("7"), "not what is too old");
    assert_eq!(rows(open.ask(Question::Unsent { room: OTHER_ROOM, from: 0, since_ms: 0 })), []);
    // More than an answer holds: the next begins behind the last.
    open.write_all((100..600).map(|number| own(number, Queued)));
    let mut all = rows(open.ask(Question::Unsent { room: ROOM, from: 0, since_ms: 0 }));
    assert_eq!(all.len(), usize::from(ROWS_MAX));
    while let Some(last) = all.last() {
        let more = rows(open.ask(Question::Unsent { room: ROOM, from: last.place + 1, since_ms: 0 }));
        if more.is_empty() {
            break;
        }
        all.extend(more);
    }
    assert_eq!(all.len(), 502);
    open.close();
}

#[test]
fn what_a_member_lacks_is_given_in_order_until_they_have_it() {
    use DeliveryState::{Awaited, Confirmed, Missed};
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..4).map(|number| own(number, ProgressState::Sealed)));
    open.write(stands(2, ProgressState::OnHost, &[(8, Missed), (9, Awaited)]));
    open.write(stands(0, ProgressState::OnHost, &[(8, Awaited), (9, Confirmed)]));
    open.write(stands(1, ProgressState::OnHost, &[(8, Confirmed), (9, Confirmed)]));
    // It is not on the host: it will be sent to all.
    open.write(stands(3, ProgressState::Sealed, &[(8, Missed)]));
    assert_eq!((owed(&open, 8, 0), owed(&open, 9, 0)), (vec!["0".into(), "2".into()], vec!["2".to_owned()]));
    assert_eq!(owed(&open, 10, 0), NOBODY, "nobody knows them");
    open.close();

    let open = place.open();
    let members = |row: &StoredRow| row.members.clone();
    let page = open.page(0, 9);
    assert_eq!(members(&page[0]), [(sender(8), Awaited), (sender(9), Confirmed)]);
    assert_eq!(members(&page[2]), [(sender(8), Missed), (sender(9), Awaited)]);
    assert_eq!(open.before(3, 1), page[2..3]);
    assert_eq!(
        rows(open.ask(Question::Owed { room: ROOM, member: sender(8), from: 0, since_ms: 0 })),
        [page[0].clone(), page[2].clone()]
    );
    let later = rows(open.ask(Question::Owed { room: ROOM, member: sender(8), from: 1, since_ms: 0 }));
    assert_eq!(words(&later), ["2"]);
    open.write(stands(2, ProgressState::OnHost, &[(8, Confirmed)]));
    assert_eq!(owed(&open, 8, 0), ["0"]);
    // Whoever has it has it for good.
    open.write(stands(2, ProgressState::OnHost, &[(8, Missed)]));
    assert_eq!(owed(&open, 8, 0), ["0"]);
    let Held::Message(first) = &page[0].held else { panic!("it is a message") };
    assert_eq!(owed(&open, 8, first.got_ms + 1), NOBODY, "not what is too old");
    open.close();
}

#[test]
fn what_came_before_is_known_also_while_it_waits_and_when_it_is_gone() {
    let place = Place::new();
    let open = place.open_room();
    let has = |open: &Open, number| open.store.has(&ROOM, &sender(7), id(number)).unwrap();
    assert!(!has(&open, 1));
    let last = (1..=300).map(|number| {
        let written = open.store.write(says(number, "word")).unwrap();
        assert!(has(&open, number), "{number} was just handed in");
        written
    });
    let last = last.max().unwrap();
    open.until_committed(last);
    assert!((1..=300).all(|number| has(&open, number)) && !has(&open, 301));
    assert!(!open.store.has(&OTHER_ROOM, &sender(7), id(1)).unwrap(), "elsewhere");
    assert!(!open.store.has(&ROOM, &sender(8), id(1)).unwrap(), "of somebody else");
    open.close();
    let open = place.open();
    assert!(has(&open, 1), "after a restart");
    // Kept for its days, and gone.
    open.write(Write::KeepDays { room: ROOM, days: Some(1) });
    open.write(Write::Sweep { now_ms: START_MS + 1_000 * DAY_MS });
    open.until_erased();
    assert!(open.page(0, 9).is_empty() && has(&open, 1));
    open.close();
}

#[test]
fn nothing_of_how_a_message_stood_stays_when_it_goes() {
    let place = Place::new();
    let open = place.open_room();
    open.write(own(1, ProgressState::Sealed));
    open.write(stands(1, ProgressState::OnHost, &[(8, DeliveryState::Missed)]));
    open.write(Write::KeepDays { room: ROOM, days: Some(1) });
    open.write(Write::Sweep { now_ms: START_MS + 1_000 * DAY_MS });
    open.until_erased();
    assert_eq!(owed(&open, 8, 0), NOBODY);
    open.write(own(2, ProgressState::Sealed));
    open.write(stands(2, ProgressState::OnHost, &[(8, DeliveryState::Missed)]));
    open.write(Write::Forget { room: ROOM });
    open.until_erased();
    open.close();
    let deliveries: i64 = raw(&place.path()).query_row("SELECT count(*) FROM delivery", [], |row| row.get(0)).unwrap();
    assert_eq!(deliveries, 0);
}

/// What the first format did not have is added to it, and what it had stays.
#[test]
fn a_store_of_the_first_format_is_brought_up_to_date() {
    let place = Place::new();
    let open = place.open_room();
    open.write_all([own(1, ProgressState::Queued), own(2, ProgressState::OnHost), says(3, "three")]);
    open.close();
    let before = raw(&place.path());
    before.execute_batch("DROP TABLE delivery; DROP INDEX message_unsent; PRAGMA user_version = 1; VACUUM;").unwrap();
    drop(before);
    let open = place.open();
    assert_eq!(words(&open.page(0, 9)), ["1", "2", "three"]);
    assert_eq!(unsent(&open, 0, 0), ["1"]);
    open.write(stands(2, ProgressState::OnHost, &[(8, DeliveryState::Missed)]));
    assert_eq!(owed(&open, 8, 0), ["2"]);
    open.write(room(OTHER_ROOM));
    let content = Content::text("new");
    assert_eq!(open.write(Write::Message(StoredMessage { content, ..message(9, "") })), Some(Placed::New(3)));
    open.close();
    let version: i64 = raw(&place.path()).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}
