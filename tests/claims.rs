//! What the documents and `Cargo.toml` say of the project, held against the project.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::sources::{files, files_where, root};

#[test]
fn each_dependency_has_its_reason_above_it() {
    let manifest = read("Cargo.toml");
    let without = dependencies_without_reason(&manifest);
    assert!(without.is_empty(), "Cargo.toml gives no reason for {without:?}");
    assert!(manifest.matches("\nopenssl = ").count() == 1, "the dependencies are found");
}

#[test]
fn the_reader_of_the_manifest_finds_a_missing_reason() {
    let manifest = "[dependencies]\n# Why.\na = \"1\"\nb = { version = \"1\", features = [\n    \"x\",\n] }\n\n\
                    [target.'cfg(unix)'.dependencies]\nc = \"1\"\n[features]\nd = []\n";
    assert_eq!(dependencies_without_reason(manifest), ["b", "c"]);
}

#[test]
fn unsafe_code_is_denied_and_nothing_asks_for_it() {
    let manifest = read("Cargo.toml");
    let lints = manifest.split("[lints.rust]").nth(1).unwrap().split('[').next().unwrap();
    assert!(lints.lines().any(|line| line == "unsafe_code = \"deny\""));
    let sources = rust_files(&["src", "build.rs"]);
    assert!(sources.len() > 100, "the sources are found");
    for (path, text) in sources {
        let code = text.lines().map(|line| line.split("//").next().unwrap());
        for word in code.flat_map(|line| line.split(|c| !is_name(c))) {
            assert!(!matches!(word, "unsafe" | "unsafe_code"), "{} says {word}", path.display());
        }
    }
}

/// The threat model names tests, models and their variants in backquotes: whatever looks like one must be there.
#[test]
fn what_the_threat_model_points_to_is_there() {
    let document = read("docs/threat-model.md");
    let tests = functions();
    let models: String = fs::read_dir(root().join("docs/model"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    let (mut tests_named, mut variants_named) = (0, 0);
    for quoted in document.split('`').skip(1).step_by(2) {
        if quoted.contains('_') && quoted != "close_notify" && quoted.chars().all(|c| is_name(c) && !c.is_uppercase()) {
            assert!(tests.contains(quoted), "there is no test {quoted}");
            tests_named += 1;
            continue;
        }
        for flag in quoted.split(' ').filter(|word| is_flag(word)) {
            assert!(models.contains(flag), "no model has a variant {flag}");
            variants_named += 1;
        }
        let model = quoted.split(' ').next().unwrap();
        if quoted.split(' ').nth(1).is_some_and(is_flag) && model != "model" {
            let here = |extension: &str| root().join(format!("docs/model/{model}.{extension}"));
            assert!(here("vp").exists() || here("pv.in").exists(), "there is no model {model}");
        }
    }
    assert!(tests_named > 40 && variants_named > 20, "{tests_named} tests, {variants_named} variants are named");
}

/// Each invariant is held by a test, or by all the lints that the manifest sets.
#[test]
fn every_invariant_of_the_architecture_names_tests_that_exist() {
    let (document, tests) = (read("docs/architecture.md"), functions());
    let table = document.split("## Invariants").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 10, "the invariants are found");
    for row in rows {
        let held_by = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named: Vec<&str> = held_by.split('`').skip(1).step_by(2).filter(|name| name.contains('_')).collect();
        assert!(!named.is_empty(), "nothing holds: {row}");
        for test in named {
            assert!(tests.contains(test), "there is no test {test}");
        }
    }
}

/// Each promise and each limit of the store is held by a test, and the limits are those of the code.
#[test]
fn what_the_store_promises_is_tested() {
    let (document, tests) = (read("docs/store.md"), functions());
    let rows = |heading: &str| {
        let table = document.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
        table.lines().filter(|line| line.starts_with("| ")).skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let (promises, limits) = (rows("## What is promised"), rows("## Limits"));
    assert!(promises.len() > 20 && limits.len() > 8, "{} promises, {} limits", promises.len(), limits.len());
    for row in promises.iter().chain(&limits) {
        let named: Vec<&str> = row.rsplit(" | ").next().unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "nothing holds: {row}");
        for test in named {
            assert!(tests.contains(test), "there is no test {test}");
        }
    }
    for row in limits {
        let [file, code] = quoted(row.split(" | ").nth(1).unwrap())[..] else { panic!("{row}") };
        assert!(read(file).contains(code), "{file} does not say {code}");
    }
}

fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The names of all functions, tests among them.
fn functions() -> BTreeSet<String> {
    let files = rust_files(&["src", "tests"]);
    files.iter().flat_map(|(_, text)| text.split("fn ").skip(1).map(name_at_start).collect::<Vec<_>>()).collect()
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut links = 0;
    let documents =
        text_files(&["README.md", ".github", "docs"], |path| path.extension().is_some_and(|end| end == "md"));
    assert!(documents.len() > 20, "{} documents are found", documents.len());
    for (document, text) in documents {
        let directory = document.parent().unwrap().to_owned();
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().to_owned()) {
            let path = target.split('#').next().unwrap();
            if !path.is_empty() && !path.contains("://") {
                assert!(directory.join(path).exists(), "{} leads to {path}, which is not there", document.display());
                links += 1;
            }
        }
    }
    assert!(links > 20, "{links} links are found");
}

/// Tags of actions can be moved, and a server can give another file tomorrow: neither is to reach a build unnoticed.
#[test]
fn whatever_a_build_takes_from_elsewhere_is_pinned() {
    let workflows =
        text_files(&[".github/workflows"], |path| path.extension().is_some_and(|extension| extension == "yml"));
    let actions: usize = workflows.iter().map(|(_, text)| text.matches("uses: ").count()).sum();
    assert!(workflows.len() > 1 && actions > 10, "{actions} actions in {} workflows are found", workflows.len());
    let scripts =
        text_files(&[".ci", "packaging", "fuzz/run", "docs/model"], |path| !path.ends_with("packaging/fetch"));
    for (path, text) in workflows.iter().chain(&scripts) {
        let found = unpinned(text);
        assert!(found.is_empty(), "{} takes without a hash: {found:?}", path.display());
    }
    let fetched: usize =
        workflows.iter().chain(&scripts).map(|(_, text)| text.matches("packaging/fetch").count()).sum();
    assert!(fetched > 3, "{fetched} downloads are found");
}

#[test]
fn the_reader_of_workflows_and_scripts_finds_what_is_not_pinned() {
    let hash = "0123456789abcdef".repeat(4);
    let action = &hash[..40];
    for fine in [
        format!("  - uses: actions/checkout@{action} # v7.0.1"),
        format!("packaging/fetch https://example.org \\\n    {hash} file"),
        format!("packaging/fetch \\\n    \"$server/file\" \\\n    {hash} file"),
        "packaging/fetch \"$server/file\" \"$expected\" file".to_owned(),
        "install_packages curl".to_owned(),
        "# One could take curl https://example.org".to_owned(),
        "  - uses: ./.github/actions/ours".to_owned(),
    ] {
        assert!(unpinned(&fine).is_empty(), "{fine}");
    }
    for bad in [
        "  - uses: actions/checkout@v7".to_owned(),
        "  - uses: actions/checkout".to_owned(),
        format!("  - uses: actions/checkout@{}", &action[1..]),
        format!("  - uses: actions/checkout@{action}"),
        "curl --fail https://example.org -o file".to_owned(),
        "    - run: sudo wget https://example.org".to_owned(),
        "x=$(curl https://example.org)".to_owned(),
        "packaging/fetch https://example.org file".to_owned(),
    ] {
        assert_eq!(unpinned(&bad).len(), 1, "{bad}");
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// A dependency's line that does not follow a comment, in any of the tables of dependencies.
fn dependencies_without_reason(manifest: &str) -> Vec<&str> {
    let (mut without, mut is_dependency, mut before) = (Vec::new(), false, "");
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependency = line.ends_with("dependencies]");
        } else if is_dependency && line.starts_with(|c: char| c.is_ascii_lowercase()) && !before.starts_with("# ") {
            without.push(line.split([' ', '=', '.']).next().unwrap());
        }
        before = line;
    }
    without
}

/// The lines that use an action without the hash of a commit and its version in a comment, or download a file in
/// another way than by `packaging/fetch` with a hash, written there or held in `$expected`.
fn unpinned(text: &str) -> Vec<String> {
    let is_hex = |word: &str, length: usize| word.len() == length && word.chars().all(|c| c.is_ascii_hexdigit());
    let is_fine = |line: &str| {
        if let Some((_, action)) = line.split_once("uses: ") {
            let (action, version) = action.split_once(" # v").unwrap_or((action, ""));
            let hash = action.split_once('@').map_or("", |(_, hash)| hash);
            return action.starts_with("./") || is_hex(hash, 40) && !version.is_empty();
        }
        let mut words = line.split(|c: char| c.is_whitespace() || "\"'$();&|".contains(c));
        if line.contains("packaging/fetch") {
            return words.any(|word| is_hex(word, 64) || word == "expected");
        }
        let installs = line.contains("install_packages") || line.contains("apt-get install");
        installs || !words.any(|word| matches!(word, "curl" | "wget"))
    };
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.filter(|line| !is_fine(line)).map(|line| line.trim().to_owned()).collect()
}

/// How the models write their variants.
fn is_flag(word: &str) -> bool {
    let is_capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    word.len() > 3 && word.chars().all(is_capital)
}

fn name_at_start(text: &str) -> String {
    text.chars().take_while(|c| is_name(*c)).collect()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every Rust file at or below these places, with its text.
fn rust_files(places: &[&str]) -> Vec<(PathBuf, String)> {
    let paths = places.iter().flat_map(|place| files(place, "rs"));
    paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Every file of text at or below these places that is wanted.
fn text_files(places: &[&str], is_wanted: impl Fn(&Path) -> bool) -> Vec<(PathBuf, String)> {
    let wanted = places.iter().flat_map(|place| files_where(place, &is_wanted));
    wanted.filter_map(|path| fs::read_to_string(&path).ok().map(|text| (path, text))).collect()
}
