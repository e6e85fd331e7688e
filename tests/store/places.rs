//! Each message once, in its place, and what is kept of a room beside.

use std::fs;

use conversa::crypto::Suite;
use conversa::protocol::{Content, Private};
use conversa::store::{
    Answer, Held, Placed, Progress, ProgressState, Question, ROWS_MAX, StoredMessage, StoredRow, UNREAD_MAX, Write,
};

use crate::harness::{
    DAY_MS, OTHER_ROOM, Place, ROOM, START_MS, id, message, open, places, raw, read_up_to, room, says, sender, words,
};

fn row(place: u64, message: StoredMessage) -> StoredRow {
    StoredRow { place, held: Held::Message(message), members: Vec::new() }
}

#[test]
fn a_message_is_stored_once_whoever_sends_it_again() {
    let place = Place::new();
    let open = place.open_room();
    assert_eq!(open.write(says(1, "one")), Some(Placed::New(0)));
    assert_eq!(open.write(says(2, "two")), Some(Placed::New(1)));
    // The same name with other words is the same message.
    assert_eq!(open.write(says(1, "another")), Some(Placed::Known(0)));
    assert_eq!(open.write_all([says(2, "two"), says(3, "three"), says(3, "three")]), {
        [Placed::Known(1), Placed::New(2), Placed::Known(2)]
    });
    // An id is its sender's choice: somebody else's, and one in another room, is another message.
    let of_another = StoredMessage { sender: sender(8), ..message(1, "not the same") };
    let elsewhere = StoredMessage { room: OTHER_ROOM, ..message(1, "elsewhere") };
    assert_eq!(open.write(Write::Message(of_another.clone())), Some(Placed::New(3)));
    assert_eq!(open.write(Write::Message(elsewhere.clone())), Some(Placed::NoRoom));
    open.write(room(OTHER_ROOM));
    assert_eq!(open.write(Write::Message(elsewhere.clone())), Some(Placed::New(0)));
    open.close();

    let open = place.open();
    assert_eq!(open.write(says(3, "three")), Some(Placed::Known(2)), "nor after a restart");
    let stored = [message(1, "one"), message(2, "two"), message(3, "three"), of_another];
    let expected: Vec<_> = stored.into_iter().zip(0..).map(|(message, place)| row(place, message)).collect();
    assert_eq!(open.page(0, 10), expected);
    assert_eq!(open.page_of(OTHER_ROOM, 0, 10), [row(0, elsewhere)]);
    assert_eq!(open.found("not"), ["not the same"]);
    assert_eq!(open.found("another"), [""; 0]);
    open.close();
}

#[test]
fn pages_go_both_ways_and_stop_where_the_rows_do() {
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..500).map(|number| says(number, &format!("{number}"))));
    assert_eq!(words(&open.page(0, 3)), ["0", "1", "2"]);
    assert_eq!(places(&open.page(497, 10)), [497, 498, 499]);
    assert_eq!(places(&open.page(500, 10)), [0_u64; 0]);
    assert_eq!(places(&open.page(u64::MAX, 10)), [0_u64; 0]);
    assert_eq!(words(&open.before(3, 2)), ["1", "2"]);
    assert_eq!(places(&open.before(0, 2)), [0_u64; 0]);
    assert_eq!(places(&open.before(u64::MAX, 2)), [498, 499]);
    // No answer has more rows than that.
    assert_eq!(places(&open.page(10, u16::MAX)), (10..10 + u64::from(ROWS_MAX)).collect::<Vec<_>>());
    assert_eq!(places(&open.before(400, u16::MAX)), (400 - u64::from(ROWS_MAX)..400).collect::<Vec<_>>());
    assert_eq!(open.page_of(OTHER_ROOM, 0, 10), []);
    open.close();
}

#[test]
fn a_day_is_found_by_its_first_message() {
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..10).map(|day| {
        let got_ms = START_MS + day / 2 * DAY_MS + 5;
        Write::Message(StoredMessage { got_ms, ..message(day, "x") })
    }));
    let place_of = |day: u64| open.ask(Question::PlaceOf { room: ROOM, day_ms: START_MS + day * DAY_MS });
    assert_eq!(place_of(0), Answer::Place(Some(0)));
    assert_eq!(place_of(3), Answer::Place(Some(6)));
    assert_eq!(place_of(5), Answer::Place(None));
    assert_eq!(open.ask(Question::PlaceOf { room: OTHER_ROOM, day_ms: 0 }), Answer::Place(None));
    open.close();
}

#[test]
fn how_far_an_own_message_got_is_noted_and_nobody_elses() {
    let place = Place::new();
    let open = place.open_room();
    let queued = Progress { state: ProgressState::Queued, delivered: 0, of: 0 };
    let mine = StoredMessage { own: Some(queued), ..message(1, "mine") };
    let theirs = StoredMessage { sender: sender(8), ..message(1, "theirs") };
    open.write_all([mine.clone(), theirs.clone()].map(Write::Message));
    let progress = |room, sender, state| Write::Progress {
        room,
        id: id(1),
        sender,
        state,
        delivered: 3,
        of: 5,
        members: Vec::new(),
    };
    open.write(progress(ROOM, sender(7), ProgressState::OnHost));
    open.write(progress(ROOM, sender(8), ProgressState::OnHost));
    open.write(progress(OTHER_ROOM, sender(7), ProgressState::Cancelled));
    let on_host = Progress { state: ProgressState::OnHost, delivered: 3, of: 5 };
    assert_eq!(open.page(0, 9), [row(0, StoredMessage { own: Some(on_host), ..mine }), row(1, theirs)]);
    for state in [ProgressState::Cancelled, ProgressState::TooLong, ProgressState::OutboxFull] {
        open.write(progress(ROOM, sender(7), state));
        let Held::Message(message) = open.page(0, 1).remove(0).held else { panic!("it is a message") };
        assert_eq!(message.own.unwrap().state, state);
    }
    open.close();
}

#[test]
fn a_room_keeps_what_is_known_of_it() {
    let place = Place::new();
    let open = place.open_room();
    assert_eq!(open.write(Write::Draft { room: OTHER_ROOM, text: None }), Some(Placed::NoRoom));
    open.write_all((0..3).map(|number| says(number, &format!("{number}"))));
    open.write(Write::Draft { room: ROOM, text: Some(Private::new("half a thought".to_owned())) });
    open.write(Write::KeepDays { room: ROOM, days: Some(30) });
    open.write(read_up_to(1));
    open.write(read_up_to(0));
    open.write(Write::Room { room: ROOM, title: "Saturday".to_owned(), suite: Suite::Textbook, entered_ms: 5 });
    open.write(Write::Room { room: OTHER_ROOM, title: "New".to_owned(), suite: Suite::Textbook, entered_ms: 5 });
    open.close();

    let open = place.open();
    let [first, second] = &open.rooms()[..] else { panic!("two rooms") };
    assert_eq!((first.room, first.title.as_str(), first.suite), (ROOM, "Saturday", Some(Suite::Hybrid)));
    assert_eq!((first.count, first.first, first.read_up_to, first.entered_ms), (3, 0, 2, START_MS));
    assert_eq!((first.draft.as_ref().unwrap().as_str(), first.keep_days), ("half a thought", Some(30)));
    assert_eq!(first.newest, Some(row(2, message(2, "2"))));
    assert_eq!((second.room, second.suite, second.count), (OTHER_ROOM, Some(Suite::Textbook), 0));
    assert_eq!((second.newest.as_ref(), second.draft.as_ref(), second.keep_days), (None, None, None));
    open.write_all([
        Write::Draft { room: ROOM, text: None },
        Write::KeepDays { room: ROOM, days: None },
        read_up_to(2),
    ]);
    let first = open.rooms().remove(0);
    assert_eq!((first.draft, first.keep_days, first.read_up_to), (None, None, 3));
    open.close();
}

#[test]
fn what_others_said_after_what_was_read_is_unread() {
    let place = Place::new();
    let open = place.open_room();
    assert_eq!((open.unread(ROOM), open.unread(OTHER_ROOM)), ((0, 0), (0, 0)));
    let own = Some(Progress { state: ProgressState::Queued, delivered: 0, of: 0 });
    let own = Write::Message(StoredMessage { own, ..message(9, "mine") });
    open.write_all([says(0, "one"), says(1, "two"), own, says(2, "three")]);
    assert_eq!(open.unread(ROOM), (0, 3), "own ones are not");
    // Somebody else's message of that id is another message, and one that is not there is none.
    open.write(Write::ReadUpTo { room: ROOM, sender: sender(8), id: id(2) });
    open.write(read_up_to(77));
    assert_eq!(open.unread(ROOM), (0, 3));
    open.write(read_up_to(0));
    assert_eq!(open.unread(ROOM), (1, 2));
    open.write(read_up_to(9));
    assert_eq!(open.unread(ROOM), (3, 1), "an own message can be read too");
    let other = Write::ReadUpTo { room: OTHER_ROOM, sender: sender(7), id: id(0) };
    assert_eq!(open.write(other), Some(Placed::NoRoom));
    open.write_all((100..100 + u64::from(UNREAD_MAX) + 5).map(|number| says(number, "more")));
    assert_eq!(open.unread(ROOM), (3, u64::from(UNREAD_MAX)), "nobody counts further");
    open.write(read_up_to(99 + u64::from(UNREAD_MAX)));
    assert_eq!(open.unread(ROOM).1, 5);
    open.close();
    assert_eq!(place.open().unread(ROOM).1, 5);
}

/// The sender chose the date, the id and the words.
#[test]
fn whatever_somebody_sends_comes_back_as_it_was() {
    let place = Place::new();
    let open = place.open_room();
    let texts = ["", "\0", "a\0b", "\u{feff}", "' OR 1=1 --", "\u{202e}abc", "\n\r\t", "💬".repeat(4_000).as_str()]
        .map(str::to_owned);
    let sent = [0, 1, u64::MAX, 1 << 63, (1 << 63) - 1, 5, 6, 7];
    let all: Vec<_> = texts
        .into_iter()
        .zip(sent)
        .zip(1..)
        .map(|((text, sent_ms), number)| StoredMessage { sent_ms, ..message(number, &text) })
        .collect();
    open.write_all(all.iter().cloned().map(Write::Message));
    let expected: Vec<_> = all.into_iter().zip(0..).map(|(message, place)| row(place, message)).collect();
    assert_eq!(open.page(0, 20), expected);
    open.close();
}

/// What is in the file is input like any other.
#[test]
fn a_row_of_a_newer_version_is_kept_and_a_wrong_one_is_told() {
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..7).map(|number| says(number, "hello")));
    open.close();
    let file = raw(&place.path());
    for change in [
        "UPDATE message SET kind = 99, body = x'ff' WHERE place = 1",
        "UPDATE message SET body = x'ff' WHERE place = 2",
        "UPDATE message SET name = x'00' WHERE place = 3",
        "UPDATE message SET state = 77, delivered = 0, expected = 0 WHERE place = 4",
        "UPDATE message SET kind = 4711 WHERE place = 5",
        "UPDATE person SET fingerprint = x'01'",
    ] {
        assert_eq!(file.execute(change, []).unwrap(), 1, "{change}");
    }
    drop(file);
    let open = place.open();
    assert!(open.page(0, 10).iter().all(|row| row.held == Held::Unreadable));
    open.close();
    let file = raw(&place.path());
    file.execute("UPDATE person SET fingerprint = ?1", [sender(7).as_bytes()]).unwrap();
    drop(file);

    let open = place.open();
    let rows = open.page(0, 10);
    assert_eq!(places(&rows), [0, 1, 2, 3, 4, 5, 6], "each place is there");
    assert_eq!([&rows[0], &rows[6]], [&row(0, message(0, "hello")), &row(6, message(6, "hello"))]);
    assert_eq!(rows[1].held, Held::Newer { sender: sender(7), got_ms: START_MS + 1_000 });
    assert!(rows[2..6].iter().all(|row| row.held == Held::Unreadable), "{rows:?}");
    // They are found by the index, and not shown as what they are not.
    assert_eq!(open.found("hello").len(), 2);
    open.close();
    let kept: i64 = raw(&place.path()).query_row("SELECT count(*) FROM message", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 7);
    assert_eq!(Content::text("x").words(), Some("x"));
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (file, directory) = (place.path(), place.path().parent().unwrap().to_owned());
    // Somebody else's carelessness is mended before anything is written.
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let open = place.open_room();
    for entry in fs::read_dir(&directory).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    assert_eq!(mode(&directory), 0o700);
    open.close();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    place.open().close();
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn a_store_is_open_once() {
    let place = Place::new();
    let first = place.open_room();
    assert_eq!(open(&place.path()).err(), Some(conversa::store::StoreError::InUse));
    first.close();
    let second = place.open();
    assert_eq!(second.rooms().len(), 1);
    second.close();
    let left: Vec<_> = fs::read_dir(place.path().parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "a.db" && name != "a.db.lock")
        .collect();
    assert_eq!(left, [""; 0], "nothing else stays");
}
