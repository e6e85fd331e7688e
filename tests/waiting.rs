//! How the tests wait, held: each wait has a deadline, nothing is asserted of how long something took, each sleep has its
//! reason, and what is left out is told. Reads the sources of the tests, of those inside `src` too, so a breach needs no
//! bad luck to be seen.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "layering/sources.rs"]
#[allow(dead_code, unreachable_pub, reason = "it is read here which files of `src` belong to tests alone")]
mod library;
#[path = "common/sources.rs"]
mod project;
#[path = "common/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use self::project::{files, root};
use self::skip::skip;

/// Calls that may wait for ever, and what waits up to a deadline.
const ENDLESS: [(&str, &str); 10] = [
    ("recv()", "common/next.rs"),
    ("recv_blocking()", "common/events.rs"),
    ("wait()", "common/ended.rs"),
    ("wait_with_output()", "common/output.rs"),
    ("output()", "common/output.rs"),
    ("status()", "common/output.rs"),
    ("join()", "common/joined.rs"),
    ("accept()", "common/accept.rs"),
    ("incoming()", "nothing: accept as many as are awaited"),
    ("read_line(", "common/lines.rs"),
];

/// What measures time, which depends on what else the computer does.
const TIMED: [&str; 2] = ["elapsed()", "Instant::now()"];

/// Where such a word may stand all the same.
const EXEMPT: [(&str, &str, &str); 14] = [
    ("src/cli/ending.rs", "Instant::now()", "a moment like any other, from which others are reckoned"),
    ("tests/common/accept.rs", "accept()", "the listener does not wait"),
    ("tests/common/front_end.rs", "recv_blocking()", "on a thread of its own, which ends with the session"),
    ("tests/common/joined.rs", "join()", "the thread has ended"),
    ("tests/common/next.rs", "Instant::now()", "it says what is left of a deadline"),
    ("tests/common/patience.rs", "Instant::now()", "it makes the deadlines"),
    ("tests/common/until.rs", "Instant::now()", "it holds them"),
    ("tests/erasure.rs", "read_line(", "it ends with the process that it waits for"),
    ("tests/full_door.rs", "Instant::now()", "hostile peers speak now and then"),
    ("tests/full_door.rs", "elapsed()", "how long honest peers wait is printed and not asserted"),
    ("tests/headless/refusals.rs", "incoming()", "on a thread of its own, which nothing waits for"),
    ("tests/layering.rs", "Instant::now()", "it looks for the word"),
    ("tests/net_support/mod.rs", "incoming()", "on a thread of its own, which nothing waits for"),
    ("tests/simulation/cheap.rs", "join()", "the thread computes and waits for nothing"),
];

#[test]
fn each_wait_has_a_deadline_and_nothing_is_timed() {
    let (mut breaches, mut used) = (Vec::new(), BTreeSet::new());
    for (file, text) in tests() {
        for (line, word, instead) in endless_or_timed(&text) {
            match EXEMPT.iter().position(|(exempt, of, _)| *exempt == file && *of == word) {
                Some(exempt) => drop(used.insert(exempt)),
                None => breaches.push(format!("{file}:{line}: {word}; {instead}")),
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
    let unused = EXEMPT.iter().enumerate().filter(|(index, _)| !used.contains(index));
    assert_eq!(
        unused.map(|(_, exempt)| exempt).collect::<Vec<_>>(),
        [].iter().collect::<Vec<_>>(),
        "exempt for nothing"
    );
}

#[test]
fn each_sleep_has_its_reason_above_it() {
    let of_file = |(file, text): (String, String)| {
        sleeps_without_reason(&text).into_iter().map(move |line| format!("{file}:{line}")).collect::<Vec<_>>()
    };
    let breaches: Vec<String> = tests().into_iter().flat_map(of_file).collect();
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn a_test_that_ends_early_says_what_it_skips() {
    let mut breaches = Vec::new();
    for (file, text) in tests() {
        let silent = silent_returns(&text.parse::<TokenStream>().unwrap().into_iter().collect::<Vec<_>>());
        breaches.extend(silent.into_iter().map(|test| format!("{file}: {test}")));
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

/// What is written for other systems, or for the window in a build without it, is compiled nowhere here, so nothing else
/// could tell that it is left out.
#[test]
fn what_this_system_leaves_out_is_told() {
    for (file, text) in tests() {
        for (condition, module) in conditions(&text) {
            if !holds(&condition) {
                let place = module.map_or_else(
                    || file.clone(),
                    |module| Path::new(&file).with_file_name(module + ".rs").to_string_lossy().into_owned(),
                );
                skip(&format!("what {place} has under cfg({condition})"));
            }
        }
    }
}

#[test]
fn the_reader_of_tests_finds_what_it_is_to_find() {
    let words = |text: &str| endless_or_timed(text).into_iter().map(|(_, word, _)| word).collect::<Vec<_>>();
    assert_eq!(words("fn f() { a.recv().unwrap(); b.recv_timeout(t); c.join(\"x\"); d.wait(5); }"), ["recv()"]);
    assert_eq!(words("fn f() { let x = vec![child.wait()]; thread.join().unwrap(); }"), ["wait()", "join()"]);
    assert_eq!(words("fn f() { Command::new(\"a\").output().unwrap(); output.status.success(); }"), ["output()"]);
    assert_eq!(words("fn f() { assert!(start.elapsed() < MOST); // start.elapsed()\n}"), ["elapsed()"]);
    assert_eq!(words("fn f() { let end = std::time::Instant::now() + SOON; }"), ["Instant::now()"]);
    let source = "fn f() { a.recv(); }\n#[cfg(test)]\nmod tests {\n    fn g() { b.recv(); }\n}\n";
    assert_eq!(endless_or_timed(&inner_tests(source)).iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [4]);
    assert_eq!(inner_tests("fn f() { a.recv(); }").trim(), "");
    assert_eq!(sleeps_without_reason("a();\nthread::sleep(x);\n// Why.\nthread::sleep(x);\n"), [2]);
    let silent = |text: &str| silent_returns(&text.parse::<TokenStream>().unwrap().into_iter().collect::<Vec<_>>());
    assert_eq!(silent("#[test] fn a() { if x { return; } b(); } fn c() { return; }"), ["a"]);
    assert_eq!(silent("mod m { #[test] #[ignore = \"x\"] fn a() { let Some(x) = y else { return }; } }"), ["a"]);
    assert!(silent("#[test] fn a() { if x { return skip(\"b\"); } }").is_empty());
    assert!(silent("#[test] fn a() { all.for_each(|one| { if one { return; } b(one); }); }").is_empty());
    let text =
        "#![cfg(feature = \"window\")]\n#[cfg(unix)] // Why.\nmod a;\n#[cfg(not(windows))]\n#[test]\nfn b() {}\n";
    let found = conditions(text);
    let found: Vec<_> = found.iter().map(|(condition, module)| (condition.as_str(), module.as_deref())).collect();
    assert_eq!(found, [("feature = \"window\"", None), ("unix", Some("a")), ("not(windows)", None)]);
    assert!(holds("not(windows)") != holds("windows"));
}

/// Every source of the tests, by its path below the project: what is in `tests`, and what `src` has for tests alone.
fn tests() -> Vec<(String, String)> {
    let mut found: Vec<_> = files("tests", "rs")
        .into_iter()
        .map(|path| (named(&path), fs::read_to_string(&path).unwrap()))
        // It says all these words itself.
        .filter(|(name, _)| name != "tests/waiting.rs")
        .collect();
    assert!(found.len() > 100, "the tests are found");
    let outside = found.len();
    let of_tests = library::tree().of_tests;
    for path in files("src", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let is_whole = of_tests.contains(path.strip_prefix(root().join("src")).unwrap());
        let inside = if is_whole { text.clone() } else { inner_tests(&text) };
        let count = |text: &str| text.lines().filter(|line| line.trim() == "#[test]").count();
        assert_eq!(count(&inside), count(&text), "a test of {} is read by nobody", path.display());
        found.push((named(&path), inside));
    }
    assert!(found.len() > outside + 100, "the tests inside are found");
    found
}

fn named(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/")
}

/// The module of tests that a source ends with, on the lines where it stands; nothing else.
fn inner_tests(text: &str) -> String {
    let start = text.lines().position(|line| line == "mod tests {").unwrap_or(usize::MAX);
    let kept = text.lines().enumerate().map(|(at, line)| if at < start { "" } else { line });
    kept.collect::<Vec<_>>().join("\n")
}

/// A line, what stands there, and what belongs there.
type Found = (usize, &'static str, &'static str);

/// The calls of a file that may wait for ever, and the words that measure time.
fn endless_or_timed(text: &str) -> Vec<Found> {
    let endless = ENDLESS.map(|(word, instead)| (word, format!(".{word}"), instead));
    let timed = TIMED.map(|word| (word, word.to_owned(), "common/patience.rs, or what is counted"));
    let words: Vec<_> = endless.into_iter().chain(timed).collect();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap();
        let said = words.iter().filter(|(_, call, _)| code.contains(call.as_str()));
        found.extend(said.map(|(word, _, instead)| (index + 1, *word, *instead)));
    }
    found
}

/// The lines on which something sleeps without a comment above.
fn sleeps_without_reason(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let sleeps = (0..lines.len()).filter(|at| lines[*at].contains("thread::sleep(") && !lines[*at].contains('"'));
    sleeps.filter(|at| *at == 0 || !lines[at - 1].starts_with("//")).map(|at| at + 1).collect()
}

/// The names of tests that return nothing before their end.
fn silent_returns(tokens: &[TokenTree]) -> Vec<String> {
    let (mut found, mut is_test) = (Vec::new(), false);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                is_test |= group.stream().to_string() == "test";
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let body: Vec<TokenTree> = group.stream().into_iter().collect();
                let name = tokens[..at].iter().rev().find(|token| matches!(token, TokenTree::Ident(_)));
                if is_test && returns_nothing(&body) {
                    found.extend(name.map(ToString::to_string));
                }
                if !is_test {
                    found.extend(silent_returns(&body));
                }
                is_test = false;
            }
            _ => {}
        }
    }
    found
}

/// Whether there is a `return` without a value in these tokens, closures aside, whose end is not the test's.
fn returns_nothing(tokens: &[TokenTree]) -> bool {
    let is_sign =
        |token: &TokenTree, signs: &str| matches!(token, TokenTree::Punct(it) if signs.contains(it.as_char()));
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(word) => *word == "return" && tokens.get(at + 1).is_none_or(|next| is_sign(next, ";,")),
        TokenTree::Group(group) => {
            let is_closure = at > 0 && is_sign(&tokens[at - 1], "|");
            !is_closure && returns_nothing(&group.stream().into_iter().collect::<Vec<_>>())
        }
        _ => false,
    })
}

/// Each `cfg` of a file, and the module that it decides about, if it is one in a file of its own.
fn conditions(text: &str) -> Vec<(String, Option<String>)> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let attribute = line.strip_prefix("#![cfg(").or_else(|| line.strip_prefix("#[cfg("));
        let Some((condition, _)) = attribute.and_then(|rest| rest.rsplit_once(")]")) else { continue };
        let next = lines[at + 1..].iter().find(|line| !line.starts_with('#') && !line.starts_with("//"));
        let is_whole = line.starts_with("#!");
        let module = next.filter(|_| !is_whole).and_then(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        let is_item = next.is_some_and(|line| line.starts_with("mod ") || line.starts_with("fn "));
        if is_whole || is_item {
            found.push((condition.to_owned(), module.map(str::to_owned)));
        }
    }
    found
}

/// Whether a condition of `cfg` holds in this build.
fn holds(condition: &str) -> bool {
    match condition {
        "unix" => cfg!(unix),
        "windows" => cfg!(windows),
        "target_os = \"linux\"" => cfg!(target_os = "linux"),
        "feature = \"window\"" => cfg!(feature = "window"),
        other => match other.strip_prefix("not(").and_then(|rest| rest.strip_suffix(')')) {
            Some(inner) => !holds(inner),
            None => panic!("this test does not know cfg({other})"),
        },
    }
}
