//! A process that writes is killed, again and again: what it was told is there, nothing twice, and in order.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::RecvTimeoutError;

use conversa::store::{News, Placed};

use crate::harness::{Place, ROOM, open, places, room, says, words};
use crate::lines::lines_of;
use crate::next::next_before;
use crate::patience::deadline;
use crate::skip::skip;
use crate::until::until;

/// Tells the other process where its file is, and with which message to go on.
const PATH: &str = "CONVERSA_STORE_PATH";
const FROM: &str = "CONVERSA_STORE_FROM";
/// How often it is killed.
const RUNS: u64 = 20;

#[test]
fn whatever_was_told_is_there_after_a_kill() {
    let place = Place::new();
    place.open_room().close();
    let (mut stored, mut more) = (0, 0);
    for run in 0..RUNS {
        // It sends the last ones again, as whoever does not know whether they arrived does.
        let told = told_by_one_that_is_killed(&place, stored.max(30) - 30, 1 + run * 7 % 23);
        let open = place.open();
        let count = open.rooms()[0].count;
        assert!(count >= told, "run {run}: {told} were told, and {count} are there");
        more += count - told;
        let mut from = 0;
        while from < count {
            let rows = open.page(from, 200);
            let next = from + rows.len() as u64;
            assert_eq!(places(&rows), (from..next).collect::<Vec<_>>());
            let expected: Vec<_> = (from..next).map(|number| format!("number {number}")).collect();
            assert_eq!(words(&rows), expected, "each once, in order");
            from = next;
        }
        assert_eq!(open.search(&crate::harness::looking_for("number")).len() as u64, count, "the index has each");
        open.close();
        stored = count;
    }
    assert!(stored > RUNS, "it wrote something");
    let told = format!("{stored} messages in {RUNS} runs, {more} of them stored and not yet told");
    writeln!(std::io::stdout(), "{told}").unwrap();
}

/// Runs the other process until so many commits were told, and kills it. Gives how many messages that were.
fn told_by_one_that_is_killed(place: &Place, from: u64, commits: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::the_writer_that_is_killed", "--ignored", "--nocapture", "--test-threads=1"])
        .env(PATH, place.path())
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = lines_of(child.stdout.take().unwrap());
    let (end, mut told, mut seen) = (deadline(), 0, 0);
    loop {
        match next_before(&lines, end) {
            Ok(line) => {
                if let Some(number) = line.strip_prefix("told ") {
                    told = number.parse().unwrap();
                    seen += 1;
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("the process did not go on"),
        }
        if seen == commits {
            child.kill().unwrap();
        }
    }
    until("the end of the process", || child.try_wait().unwrap());
    assert!(seen >= commits, "it ended by itself after {seen}");
    told
}

#[test]
#[ignore = "the other process of the test above"]
fn the_writer_that_is_killed() {
    let Ok(path) = std::env::var(PATH) else {
        return skip("the process that `tests/store/killed.rs` kills, which that test begins by itself");
    };
    let from: u64 = std::env::var(FROM).unwrap().parse().unwrap();
    let open = open(path.as_ref()).unwrap();
    open.store.write(room(ROOM)).unwrap();
    let (mut written, mut committed) = (from, 0);
    loop {
        // Some wait, so that many are in the middle of something.
        while written < from + committed + 200 {
            open.store.write(says(written, &format!("number {written}"))).unwrap();
            written += 1;
        }
        match open.next() {
            News::Committed(number) => {
                committed = number - 1;
                writeln!(std::io::stdout(), "told {}", from + committed).unwrap();
            }
            News::Placed(placed) => {
                let is_in_order = |(write, placed): &(u64, Placed)| match placed {
                    Placed::New(place) | Placed::Known(place) => *place == from + write - 2,
                    _ => false,
                };
                assert!(placed.iter().all(is_in_order), "{placed:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}
