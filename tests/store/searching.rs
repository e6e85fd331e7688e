//! What is found, and what it costs to look.

use conversa::protocol::Content;
use conversa::store::{Answer, Question, Search, StoredMessage, Write};

use crate::harness::{DAY_MS, OTHER_ROOM, Place, ROOM, START_MS, looking_for, message, raw, room, says, sender};

fn texts(place: &Place, texts: &[&str]) -> crate::harness::Open {
    let open = place.open_room();
    open.write_all(texts.iter().zip(0..).map(|(text, number)| says(number, text)));
    open
}

#[test]
fn words_are_found_whatever_their_case_and_accents() {
    let place = Place::new();
    let open = texts(&place, &["Das Café schließt", "cafeteria", "Ein CAFE\u{301} um acht", "Kaffee", "Ελλάδα", "ВСЁ"]);
    assert_eq!(open.found("cafe"), ["Ein CAFE\u{301} um acht", "cafeteria", "Das Café schließt"], "the newest first");
    assert_eq!(open.found("cafe acht"), ["Ein CAFE\u{301} um acht"], "each word has to be there");
    assert_eq!(open.found("acht cafe"), ["Ein CAFE\u{301} um acht"], "in any order");
    assert_eq!(open.found("ca schließt"), [""; 0], "only the last word may be a beginning");
    assert_eq!(open.found("SCHLIESST"), ["Das Café schließt"]);
    assert_eq!(open.found("ελλαδα"), ["Ελλάδα"]);
    assert_eq!(open.found("всё"), ["ВСЁ"]);
    assert_eq!(open.found("affee"), [""; 0]);
    open.close();
}

#[test]
fn two_signs_are_found_wherever_they_stand() {
    let place = Place::new();
    let all = [
        "明日の会議室を予約した",
        "設定を開いてください",
        "会議",
        "我们下周开会",
        "ファイルサーバーの設定",
        "ประชุมพรุ่งนี้",
    ];
    let open = texts(&place, &all);
    assert_eq!(open.found("会議"), ["会議", "明日の会議室を予約した"]);
    assert_eq!(open.found("設定"), ["ファイルサーバーの設定", "設定を開いてください"]);
    assert_eq!(open.found("会議室"), ["明日の会議室を予約した"]);
    assert_eq!(open.found("議"), ["会議", "明日の会議室を予約した"]);
    assert_eq!(open.found("开会"), ["我们下周开会"]);
    assert_eq!(open.found("会"), ["我们下周开会", "会議", "明日の会議室を予約した"]);
    assert_eq!(open.found("サーバー 設定"), ["ファイルサーバーの設定"]);
    assert_eq!(open.found("ｻｰﾊﾞｰ"), ["ファイルサーバーの設定"]);
    assert_eq!(open.found("พรุ่ง"), ["ประชุมพรุ่งนี้"]);
    assert_eq!(open.found("定設"), [""; 0]);
    open.close();
}

#[test]
fn hits_are_shown_by_their_bytes() {
    let place = Place::new();
    let open = texts(&place, &["Um acht im Café, 会議室 B"]);
    let hits = open.search(&looking_for("cafe 会議 b"));
    let [hit] = &hits[..] else { panic!("one hit") };
    let text = hit.message.content.words().unwrap();
    assert_eq!(hit.ranges.iter().map(|range| &text[range.clone()]).collect::<Vec<_>>(), ["Café", "会議", "B"]);
    assert_eq!((hit.place, hit.message.clone()), (0, message(0, text)));
    open.close();
}

/// A search is somebody's words and no language.
#[test]
fn nothing_that_is_typed_has_a_meaning_of_its_own() {
    let place = Place::new();
    let open = texts(&place, &["alpha beta", "gamma", "near and or not"]);
    for typed in
        ["alpha OR gamma", "alpha NOT beta", "NEAR(alpha beta)", "cut:alpha", "words : alpha", "^alpha -beta +x"]
    {
        assert_eq!(open.found(typed), [""; 0], "{typed}");
    }
    for (typed, found) in [("alp*", 1), ("\"alpha", 1), ("alpha\"", 1), ("(alpha", 1), ("alpha;--", 1), ("NOT", 1)] {
        assert_eq!(open.found(typed).len(), found, "{typed}");
    }
    for empty in ["", "   ", "\"\"", "*", "()", "\0", "\u{301}", "-"] {
        assert_eq!(open.found(empty), [""; 0], "{empty:?}");
    }
    let long = "alpha ".repeat(100_000);
    assert_eq!(open.found(&long).len(), 1);
    assert_eq!(open.found(&"(\"*:^-".repeat(1_000)), [""; 0]);
    assert_eq!(open.found(&"x ".repeat(1_000)), [""; 0]);
    assert_eq!(open.found(&"会 ".repeat(1_000)), [""; 0]);
    open.close();
}

#[test]
fn a_search_keeps_to_a_room_a_sender_and_a_time() {
    let place = Place::new();
    let open = place.open_room();
    open.write(room(OTHER_ROOM));
    open.write_all((0..40).map(|number| {
        Write::Message(StoredMessage {
            room: if number % 2 == 0 { ROOM } else { OTHER_ROOM },
            sender: sender((number % 4) as u8),
            got_ms: START_MS + number * DAY_MS,
            ..message(number, "hello")
        })
    }));
    let numbers = |search: &Search| {
        let hits = open.search(search);
        hits.iter().map(|hit| (hit.message.got_ms - START_MS) / DAY_MS).collect::<Vec<_>>()
    };
    let all = looking_for("hello");
    let down = |step: usize, from: u64| (0..=from).rev().step_by(step).collect::<Vec<u64>>();
    assert_eq!(numbers(&all), down(1, 39));
    assert_eq!(numbers(&Search { room: Some(ROOM), ..all.clone() }), down(2, 38));
    assert_eq!(numbers(&Search { sender: Some(sender(3)), ..all.clone() }), down(4, 39));
    assert_eq!(numbers(&Search { room: Some(ROOM), sender: Some(sender(3)), ..all.clone() }), [0; 0]);
    let at = |day: u64| Some(START_MS + day * DAY_MS);
    assert_eq!(numbers(&Search { from_ms: at(37), ..all.clone() }), [39, 38, 37]);
    assert_eq!(numbers(&Search { to_ms: at(2), ..all.clone() }), [1, 0]);
    assert_eq!(numbers(&Search { from_ms: at(5), to_ms: at(7), limit: 1, ..all.clone() }), [6, 5]);
    assert_eq!(numbers(&Search { room: Some(conversa::protocol::RoomId([9; 32])), ..all.clone() }), [0; 0]);
    // Page by page they are the same, and no page is longer than it may be.
    assert_eq!(numbers(&Search { limit: 7, ..all.clone() }), down(1, 39));
    let Answer::Hits { hits, next } = open.ask(Question::Search(Search { limit: 7, ..all })) else { panic!("hits") };
    assert!(hits.len() == 7 && next.is_some());
    open.close();
}

/// So that nobody waits behind it for long, and it is found all the same.
#[test]
fn a_frequent_word_of_a_rare_sender_is_found_in_several_answers() {
    let place = Place::new();
    let open = place.open_room();
    open.write(Write::Message(StoredMessage { sender: sender(9), ..message(0, "hello") }));
    open.write_all((1..=5_500).map(|number| says(number, "hello")));
    let search = Search { sender: Some(sender(9)), ..looking_for("hello") };
    let Answer::Hits { hits, next } = open.ask(Question::Search(search.clone())) else { panic!("hits") };
    assert!(hits.is_empty() && next.is_some(), "it stops to let others read");
    assert_eq!(open.search(&search).iter().map(|hit| hit.place).collect::<Vec<_>>(), [0]);
    // A search in a room looks at no rows of others.
    open.write(room(OTHER_ROOM));
    let search = Search { room: Some(OTHER_ROOM), ..looking_for("hello") };
    assert_eq!(open.ask(Question::Search(search)), Answer::Hits { hits: vec![], next: None });
    open.close();
}

/// Kept out of the index would be kept from being found for ever.
#[test]
fn the_index_is_what_the_messages_say() {
    let place = Place::new();
    let open = place.open_room();
    open.write_all((0..300).map(|number| {
        let content = Content::text(format!("number {number} 番号{number}"));
        Write::Message(StoredMessage { content, ..message(number, "") })
    }));
    open.close();
    let file = raw(&place.path());
    file.execute("INSERT INTO words(words, rank) VALUES('integrity-check', 1)", []).unwrap();
    let plan: Vec<String> = file
        .prepare(
            "EXPLAIN QUERY PLAN SELECT message.id FROM words CROSS JOIN message ON message.id = words.rowid
             WHERE words MATCH 'a' AND words.rowid < 9 ORDER BY words.rowid DESC",
        )
        .unwrap()
        .query_map([], |row| row.get(3))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(plan[0].starts_with("SCAN words VIRTUAL TABLE"), "{plan:?}");
    assert!(plan[1].starts_with("SEARCH message USING INTEGER PRIMARY KEY"), "{plan:?}");
    assert_eq!(plan.len(), 2, "nothing is sorted: {plan:?}");
}
