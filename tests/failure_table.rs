//! The failure table of docs/protocol.md names its tests, and they exist: whoever reads a row can run it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "common/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fs;

use self::sources::{files, root};

/// Fewer rows or tests than these mean that the table was cut short.
const ROWS_MIN: usize = 45;
const TESTS_MIN: usize = 90;

/// The table's rows: what comes, what happens, and the names of its tests.
fn rows() -> Vec<(String, String, Vec<String>)> {
    let text = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let section = text.split("\n## ").find(|section| section.contains("What happens when something is wrong\n"));
    let lines = section.unwrap().lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what comes"));
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [comes, happens, tests] = cells[..] else { panic!("not three cells: {line}") };
        let names = tests.split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect();
        (comes.to_owned(), happens.to_owned(), names)
    };
    lines.map(row).collect()
}

/// Every test there is, by name.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["src", "tests"].iter().flat_map(|place| files(place, "rs")) {
        let text = fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") {
                is_test = true;
            } else if let Some(function) = line.strip_prefix("fn ") {
                if is_test && let Some((name, _)) = function.split_once('(') {
                    names.insert(name.to_owned());
                }
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn every_row_of_the_failure_table_names_tests_that_exist() {
    let (rows, tests) = (rows(), tests());
    let mut named = BTreeSet::new();
    for (comes, happens, names) in &rows {
        assert!(!happens.is_empty() && !names.is_empty(), "{comes}");
        for name in names {
            assert!(tests.contains(name), "“{comes}” names `{name}`, which is no test");
            named.insert(name);
        }
    }
    assert!(rows.len() >= ROWS_MIN, "{} rows", rows.len());
    assert!(named.len() >= TESTS_MIN, "{} tests", named.len());
}
