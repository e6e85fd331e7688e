//! `docs/protocol.md` says what is built: its tables of frames, codes and limits are the code's, and
//! each hexadecimal digit of its worked example is that of the golden vectors.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

#[path = "common/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use conversa::net::NetLimits;
use conversa::protocol::{ByeCode, RefuseCode, limits};
use conversa::wire::FrameKind;
use serde_json::Value;

use self::sources::files;

const DOCUMENT: &str = include_str!("../docs/protocol.md");
const LIMITS: &str = include_str!("../src/protocol/limits.rs");
const VECTORS: &str = include_str!("data/protocol/vectors.json");

/// The lines from a heading to the next of its kind or above.
fn section(heading: &str) -> Vec<&'static str> {
    let level = heading.split(' ').next().unwrap().len();
    let ends = |line: &&str| !(line.starts_with('#') && line.split(' ').next().unwrap().len() <= level);
    let lines: Vec<_> =
        DOCUMENT.lines().skip_while(|line| !line.starts_with(heading)).skip(1).take_while(ends).collect();
    assert!(!lines.is_empty(), "there is no {heading}");
    lines
}

/// The cells of the tables in a section.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let rows = section(heading).into_iter().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(str::trim).collect()).collect()
}

/// The values under names in backticks, in a section's tables.
fn named_numbers(heading: &str) -> BTreeMap<String, u64> {
    let named = rows(heading).into_iter().filter_map(|row| {
        let name = row[0].strip_prefix('`')?.strip_suffix('`')?.to_owned();
        Some((name, row[1].replace(',', "").parse().unwrap()))
    });
    named.collect()
}

macro_rules! values {
    (limits::; $($name:ident),* $(,)?) => {
        [$((stringify!($name).to_owned(), u64::try_from(limits::$name).unwrap()),)*]
    };
    ($of:expr; $($name:ident),* $(,)?) => {
        [$((stringify!($name).to_owned(), u64::try_from($of.$name).unwrap()),)*]
    };
}

#[test]
fn the_limits_are_those_of_the_code() {
    let ours = values![limits::;
        MEMBERS_HARD_MAX, MEMBERS_DEFAULT_MAX, ROOMS_MAX, ROSTER_ENTRIES_MAX, TEXT_BYTES_MAX, NAME_BYTES_MAX,
        NAME_CHARS_MAX, NAME_MARKS_MAX, WRAP_BYTES_MAX, JOINER_BODY_BYTES_MAX, MEMBER_BODY_BYTES_MAX,
        CHAIN_MESSAGES_MAX, CHAIN_LIFE_MS, PREKEY_LIFE_MS, PREKEY_OLD_MS, PREKEYS_KEPT_MAX,
        LOG_HASHES_KEPT, LOG_ITEMS_KEPT, LOG_BYTES_KEPT, LOG_RETRY_MS,
        INVITE_LIFE_MS, INVITES_MAX, INVITE_ADDRESSES_MAX,
        ADDRESS_BYTES_MAX, BUNDLE_LIFE_MS, CLOCK_SKEW_MS, INVITED_WAITING_MAX, INVITED_AN_ADDRESS_MAX,
        KNOCKS_WAITING_MAX, KNOCKS_AN_ADDRESS_MAX, WAITING_MS, FIRST_FRAME_MS, WRONG_INVITES_MAX,
        WRONG_INVITES_WAIT_MS, WRONG_INVITES_MS, WRONG_INVITES_AN_ADDRESS_MAX, WRONG_INVITES_AN_ADDRESS_MS, WRONG_INVITES_KEPT, MESSAGES_A_SECOND, MESSAGES_BURST, BYTES_A_SECOND, BYTES_BURST,
        KEYS_BURST, QUESTIONS_BURST, PING_AFTER_MS, DEAD_AFTER_MS, PING_AFTER_SAYING_MS, ANSWER_PING_MS,
        SLOW_LINE_BYTES_A_MS, LATE_MS, LOOK_AFTER_SAYING_MS, ANSWER_MS, SYNC_MS, RETRY_FIRST_MS, RETRY_MAX_MS,
        RETRY_SOON_MS, RETRY_SOON_MAX_MS, RETURN_MS, RETURN_UNKNOWN_MS, OUTBOX_MAX, IN_FLIGHT_MAX, TALKATIVE_MEMBERS_MAX, INTRODUCE_AFTER_MS,
        RECEIPT_AFTER_MS, KNOCKS_REMEMBERED, OLDER_ROSTER_MS, PAUSE_MS, WAKE_MS, JUMP_MS, CLOCK_DIFFERS_MS,
        CLOCKS_TOLD_MAX, DATES_END_MS,
    ];
    let net = NetLimits::default();
    let nets = values![net;
        unauthenticated_max, queued_max, handshakes_a_second, first_flight_ms, handshake_ms, connect_ms, lookup_ms, queue_frames_max, queue_bytes_max, goodbye_ms,
    ];
    let written = LIMITS.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    let written: BTreeSet<String> = written.map(str::to_owned).collect();
    assert_eq!(ours.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), written, "this test names them all");
    let ours: BTreeMap<String, u64> = ours.into_iter().chain(nets).collect();
    assert_eq!(named_numbers("## 11. Limits"), ours);
}

#[test]
fn the_frames_are_those_of_the_code() {
    let bytes = |text: &str| match text.split_once(' ').unwrap() {
        (number, "KiB") => number.parse::<usize>().unwrap() * 1024,
        (number, _) => number.parse().unwrap(),
    };
    let table = rows("## 4. Frames").into_iter().filter(|row| row.len() == 5 && u8::from_str_radix(row[0], 16).is_ok());
    let table: Vec<_> =
        table.map(|row| (u8::from_str_radix(row[0], 16).unwrap(), row[1].to_owned(), bytes(row[3]))).collect();
    let ours: Vec<_> = FrameKind::ALL.iter().map(|kind| (kind.code(), format!("{kind:?}"), kind.limit())).collect();
    assert_eq!(table, ours);
}

#[test]
fn the_codes_are_those_of_the_code() {
    let numbers = |first: &str| -> BTreeSet<u8> {
        let after = rows("### Codes").into_iter().skip_while(|row| row[0] != first).skip(1);
        after.map_while(|row| row[0].parse().ok()).collect()
    };
    let known = |known: &dyn Fn(u8) -> bool| -> BTreeSet<u8> { (0..=u8::MAX).filter(|code| known(*code)).collect() };
    assert_eq!(numbers("Refuse"), known(&|code| !matches!(RefuseCode::from_code(code), RefuseCode::Other(_))));
    assert_eq!(numbers("Bye"), known(&|code| !matches!(ByeCode::from_code(code), ByeCode::Other(_))));
}

/// What parts each label's hash has is written down, for two lists of parts must not be hashed alike.
#[test]
fn the_labels_of_hashes_are_those_of_the_code() {
    let mut said = BTreeSet::new();
    for path in files("src/protocol", "rs") {
        let text = std::fs::read_to_string(path).unwrap();
        said.extend(text.split("labelled_hash(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    // No other program ever sees this one.
    assert!(said.remove("seen"));
    let line = section("## 2. Conventions").join(" ");
    let written = line.split("No two lists of parts are hashed alike:").nth(1).unwrap().split(". ").next().unwrap();
    let written: BTreeSet<String> = written.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(written, said);
}

/// The values of the worked example as the document has them, in hexadecimal.
fn example() -> BTreeMap<String, String> {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    let (mut name, mut inside) = (String::new(), false);
    for line in section("## 12. Worked example") {
        if line.starts_with("```") {
            inside = !inside;
        } else if let Some(piece) = line.strip_prefix("  ").filter(|_| inside) {
            let piece = match piece.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(earlier) => values[earlier].clone(),
                None if name == "link" => piece.bytes().map(|byte| format!("{byte:02x}")).collect(),
                None => piece.to_owned(),
            };
            values.get_mut(&name).unwrap().push_str(&piece);
        } else if inside {
            name = line.split(", ").next().unwrap().to_owned();
            assert_eq!(values.insert(name.clone(), String::new()), None, "{name} is there once");
        }
    }
    values
}

#[test]
fn the_worked_example_is_that_of_the_vectors() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors: BTreeMap<String, String> = serde_json::from_value(vectors["example"].clone()).unwrap();
    let written = example();
    assert!(written.len() >= 90, "{}", written.len());
    for (name, value) in &vectors {
        assert_eq!(written.get(name), Some(value), "{name}");
    }
    assert_eq!(written.len(), vectors.len());
}

#[test]
fn the_lengths_beside_the_names_are_right() {
    let values = example();
    let lengths = section("## 12. Worked example").into_iter().filter_map(|line| line.strip_suffix(" bytes"));
    let mut count = 0;
    for (name, length) in lengths.filter_map(|line| line.rsplit_once(", ")) {
        assert_eq!(values[name].len(), length.parse::<usize>().unwrap() * 2, "{name}");
        count += 1;
    }
    assert_eq!(count, values.len() - 1, "all but the link");
}
