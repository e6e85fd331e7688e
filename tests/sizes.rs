//! How large a thing may grow, held: the fields and functions of a type, the lines of a file. What is larger says why at
//! its own head, and a reason that is not needed any more fails too.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a test program has no outside")]

#[path = "common/sources.rs"]
mod project;
#[allow(dead_code, reason = "the layers need more of it")]
#[path = "layering/sources.rs"]
mod sources;

use std::fmt;
use std::fs;

use proc_macro2::{Delimiter, Group, TokenTree};

use self::sources::{Parsed, Source, is_punct, is_word};

/// More than this, and nobody has all fields of a type in mind.
const FIELDS_MAX: usize = 12;
/// More than this, and a type does several things.
const FUNCTIONS_MAX: usize = 40;
/// More than this, and a file has several subjects.
const LINES_MAX: usize = 500;

/// How a paragraph begins that says why its type, or its file, is larger.
const REASON: &str = "Large because ";

#[test]
fn a_type_is_small_or_says_why_it_is_not() {
    let types = types(&sources::tree().sources);
    assert!(types.len() > 300, "the types are found");
    let mut wrong = Vec::new();
    for found in &types {
        match (found.is_large(), gives_reason(&sources::text(found.file.as_ref()), &found.name)) {
            (true, false) => wrong.push(format!("divide it, or say “{REASON}…” above it: {found:?}")),
            (false, true) => wrong.push(format!("it is small, and says why it is large: {found:?}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Above something else, such as a function, a reason would excuse nothing and never be missed.
    let reasons = |source: &Source| sources::text(&source.path).lines().filter(|line| is_reason(line)).count();
    let of_types = types.iter().filter(|found| found.is_large()).count();
    assert_eq!(sources::tree().sources.iter().map(reasons).sum::<usize>(), of_types, "each is above a large type");
}

#[test]
fn a_file_is_short_or_says_why_it_is_not() {
    let files = [project::files("src", "rs"), project::files("ui", "slint")].concat();
    assert!(files.len() > 150, "the files are found");
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let (lines, file) = (text.lines().count(), file.strip_prefix(project::root()).unwrap().display());
        match (lines > LINES_MAX, file_gives_reason(&text)) {
            (true, false) => wrong.push(format!("divide it, or say “{REASON}…” at its head: {file}, {lines} lines")),
            (false, true) => wrong.push(format!("it is short, and says why it is long: {file}, {lines} lines")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Clippy counts their lines; here it is held that it is asked to, and that nobody asks it to look away.
#[test]
fn a_function_is_short_without_exception() {
    let read = |file: &str| fs::read_to_string(project::root().join(file)).unwrap();
    assert!(read("clippy.toml").contains("too-many-lines-threshold = 70"));
    assert!(read("Cargo.toml").contains("too_many_lines = \"warn\""));
    let tree = sources::tree();
    let excused = tree.sources.iter().filter(|source| source.code.contains("too_many_lines"));
    let excused: Vec<String> = excused.map(|source| source.path.display().to_string()).collect();
    assert_eq!(excused, ["gui/mod.rs"], "what the compiler of the window writes is excused there");
}

/// A global of the window is a type like others, and is in no source of Rust.
#[test]
fn a_global_of_the_window_is_small() {
    for file in project::files("ui/globals", "slint") {
        let text = fs::read_to_string(&file).unwrap();
        let count = |what: &str| text.lines().filter(|line| line.trim_start().starts_with(what)).count();
        let properties = count("in property ") + count("in-out property ") + count("out property ");
        let callbacks = count("callback ") + count("pure callback ");
        let file = file.display();
        assert!(properties <= FIELDS_MAX, "{file} has {properties} properties");
        assert!(callbacks <= FIELDS_MAX, "{file} has {callbacks} callbacks");
        assert!(count("export global ") <= 1, "{file} is not about one topic");
    }
}

#[test]
fn fields_and_functions_are_counted_where_they_are() {
    let file = |path: &str, module: &[&str], text: &str| {
        let tokens = Parsed::of(text).tokens;
        let module = module.iter().map(ToString::to_string).collect();
        Source { path: path.into(), layer: "a".into(), module, code: String::new(), tokens }
    };
    let one = "struct Room<T: Into<u8>> where T: Fn(u8) -> u8 { #[x(a, b)] pub a: Map<u8, u16>, b: fn(u8) -> (u8, u8), }\n\
               struct Pair(pub Map<u8, u8>, [u8; 2]); struct Empty; enum Kind { A { x: u8 } }\n\
               impl<T> Room<T> { fn f() -> Vec<u8> { fn inner() {} } pub const fn g(x: fn(u8)) {} const C: u8 = 1; }\n\
               impl Kind { fn k() {} }\n\
               impl Show for Room<u8> { fn show() {} }\n\
               #[cfg(test)] mod tests { struct Hidden; impl Room { fn h() {} } }";
    let two = "struct Room { x: u8 } impl super::Room<u8> { fn far() {} }";
    let beside = "impl super::Pair { fn p() {} } impl<'a> From<&'a u8> for Room { fn from() {} }";
    let found =
        types(&[file("a/mod.rs", &["a"], one), file("b/mod.rs", &["b"], two), file("a/c.rs", &["a", "c"], beside)]);
    let counts: Vec<(&str, &str, usize, usize)> =
        found.iter().map(|found| (found.file.as_str(), found.name.as_str(), found.fields, found.functions)).collect();
    assert_eq!(
        counts,
        [
            ("a/mod.rs", "Empty", 0, 0),
            ("a/mod.rs", "Kind", 0, 1),
            ("a/mod.rs", "Pair", 2, 1),
            ("a/mod.rs", "Room", 2, 2),
            ("b/mod.rs", "Room", 1, 1),
        ]
    );
}

#[test]
fn a_reason_stands_above_its_type_alone() {
    let text =
        "/// A.\n///\n/// Large because it is.\n#[derive(Debug)]\npub struct Long {\n}\n\n/// B.\nstruct Longer;\n";
    assert!(gives_reason(text, "Long") && !gives_reason(text, "Longer"));
    assert!(gives_reason("/// A.\n// Large because so.\n#[x]\nstruct Long;", "Long"), "where no documentation fits");
    assert!(!gives_reason("// Large because no.\n\nstruct Long;", "Long"), "it is of something else");
    assert!(!gives_reason("//! Large because no.\nstruct Long;", "Long"), "it is of the file");
}

#[test]
fn a_reason_stands_at_the_head_of_its_file() {
    let in_slint = "import { A } from \"a.slint\";\n\n// A list.\n// Large because it is.\nexport global B {\n}\n";
    assert!(file_gives_reason(in_slint) && file_gives_reason("//! A list.\n//!\n//! Large because it is.\n\nuse a;\n"));
    assert!(!file_gives_reason("//! A.\n\n/// B.\n///\n/// Large because it is.\nstruct B;\n"), "it is of a type");
    assert!(!file_gives_reason("//! A.\n\n/// B.\n// Large because it is.\nstruct B;\n"), "it is of a type");
    assert!(!file_gives_reason("// A.\nexport global A {\n}\n\n// Large because no.\n"), "it is not at the head");
}

/// A type of the crate, with all that is counted.
struct Type {
    /// Below `src`.
    file: String,
    module: Vec<String>,
    name: String,
    fields: usize,
    /// In all `impl`s of its own, wherever they stand.
    functions: usize,
}

impl Type {
    fn is_large(&self) -> bool {
        self.fields > FIELDS_MAX || self.functions > FUNCTIONS_MAX
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, name, fields, functions, .. } = self;
        write!(formatter, "{name} of {file}, with {fields} fields and {functions} functions")
    }
}

/// Every type, by file and name.
fn types(sources: &[Source]) -> Vec<Type> {
    let mut types: Vec<Type> = sources.iter().flat_map(types_in).collect();
    types.sort_by(|a, b| (&a.file, &a.name).cmp(&(&b.file, &b.name)));
    for source in sources {
        for (name, functions) in functions_in(&source.tokens) {
            // Several layers have a `Room`: the one that is nearest in the tree of modules is meant.
            let nearness = |found: &Type| found.module.iter().zip(&source.module).take_while(|(a, b)| a == b).count();
            let named = types.iter_mut().filter(|found| found.name == name);
            if let Some(nearest) = named.max_by_key(|found| nearness(found)) {
                nearest.functions += functions;
            }
        }
    }
    types
}

fn types_in(source: &Source) -> Vec<Type> {
    let tokens = &source.tokens;
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_struct = is_word(Some(token), "struct");
        if let (true, Some(TokenTree::Ident(name))) = (is_struct || is_word(Some(token), "enum"), tokens.get(at + 1)) {
            found.push(Type {
                file: source.path.display().to_string(),
                module: source.module.clone(),
                name: name.to_string(),
                fields: if is_struct { fields_of(&tokens[at + 2..]) } else { 0 },
                functions: 0,
            });
        }
    }
    found
}

/// The fields of a struct whose name was just read.
fn fields_of(tokens: &[TokenTree]) -> usize {
    let mut is_bounded = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return parts(group),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis && !is_bounded => {
                return parts(group);
            }
            token if is_punct(Some(token), ';') => return 0,
            // Parentheses there are of a bound such as `Fn(u8)`.
            token if is_word(Some(token), "where") || is_punct(Some(token), '<') => is_bounded = true,
            token if is_punct(Some(token), '>') => is_bounded = false,
            _ => {}
        }
    }
    0
}

/// What stands between commas, but for those between `<` and `>`.
fn parts(group: &Group) -> usize {
    let (mut parts, mut depth, mut is_empty) = (0, 0_usize, true);
    let mut before = ' ';
    for token in group.stream() {
        let sign = if let TokenTree::Punct(sign) = &token { sign.as_char() } else { ' ' };
        match sign {
            '<' => depth += 1,
            '>' if before != '-' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if sign == ',' && depth == 0 {
            is_empty = true;
        } else if std::mem::take(&mut is_empty) {
            parts += 1;
        }
        before = sign;
    }
    parts
}

/// The types of the `impl`s that are of no trait, and how many functions each has.
fn functions_in(tokens: &[TokenTree]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| is_word(Some(token), "impl")) {
        let rest = &tokens[at + 1..];
        let body =
            |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let Some(end) = rest.iter().position(body) else { continue };
        let Some(name) = implemented(&rest[..end]) else { continue };
        let TokenTree::Group(body) = &rest[end] else { continue };
        let inner: Vec<TokenTree> = body.stream().into_iter().collect();
        let is_function = |pair: &[TokenTree]| is_word(pair.first(), "fn") && matches!(pair[1], TokenTree::Ident(_));
        found.push((name, inner.windows(2).filter(|pair| is_function(pair)).count()));
    }
    found
}

/// The type between `impl` and its braces; `None` if it is for a trait.
fn implemented(head: &[TokenTree]) -> Option<String> {
    let (mut depth, mut before, mut name) = (0_usize, ' ', None);
    for token in head {
        let sign = if let TokenTree::Punct(sign) = token { sign.as_char() } else { ' ' };
        match token {
            _ if sign == '<' => depth += 1,
            _ if sign == '>' && before != '-' => depth = depth.saturating_sub(1),
            TokenTree::Ident(word) if depth == 0 && word == "for" => return None,
            TokenTree::Ident(word) if depth == 0 && word == "where" => break,
            TokenTree::Ident(word) if depth == 0 => name = Some(word.to_string()),
            _ => {}
        }
        before = sign;
    }
    name
}

/// Whether what stands above a type has a paragraph with the reason: its documentation, or a comment where that would
/// be read by others.
fn gives_reason(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let is_of = |line: &str| {
        let words: Vec<&str> = line.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        words.windows(2).any(|pair| matches!(pair[0], "struct" | "enum") && pair[1] == name)
    };
    let declared = lines.iter().position(|line| !line.trim_start().starts_with("//") && is_of(line));
    let above = declared.map_or(&[][..], |at| &lines[..at]);
    let is_above = |line: &&&str| {
        let line = line.trim_start();
        (line.starts_with("//") && !line.starts_with("//!")) || line.starts_with('#')
    };
    above.iter().rev().take_while(is_above).any(|line| is_reason(line))
}

/// Whether a line gives the reason of a type.
fn is_reason(line: &str) -> bool {
    let line = line.trim_start();
    let text = line.strip_prefix("/// ").or_else(|| line.strip_prefix("// "));
    text.is_some_and(|text| text.starts_with(REASON))
}

/// Whether the comment at the head of a file has a paragraph with the reason. It begins with `//!`, or in the window's
/// files stands below the imports.
fn file_gives_reason(text: &str) -> bool {
    let is_of_rust = text.starts_with("//!");
    let is_before = |line: &&str| line.is_empty() || line.starts_with("import ");
    let mut head = text.lines().skip_while(is_before).take_while(|line| line.starts_with("//"));
    head.any(|line| {
        let text = line.strip_prefix(if is_of_rust { "//! " } else { "// " });
        text.is_some_and(|text| text.starts_with(REASON))
    })
}
