//! `docs/json.md` is the whole contract: what the sources of the headless front end can print, take and end with is in
//! the page, and nothing else is. The types are held by every test here, for each line that a process prints.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use conversa::app::Code;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::page::{PAGE, page, quoted};

type Names = BTreeSet<String>;

#[test]
fn the_page_has_every_event_and_field_that_can_be_printed_and_no_other() {
    let printed = Printed::by_the_sources();
    let written: BTreeMap<String, Names> =
        page().events.iter().map(|(name, fields)| (name.clone(), fields.keys().cloned().collect())).collect();
    assert!(printed.events.len() > 40, "the events are found: {:?}", printed.events);
    let flat = |events: &BTreeMap<String, Names>| -> Names {
        let fields = |(name, fields): (&String, &Names)| {
            let of_it: Vec<String> = fields.iter().map(|field| format!("{name}.{field}")).collect();
            of_it.into_iter().chain([name.clone()])
        };
        events.iter().flat_map(fields).collect()
    };
    let (written, printed_names) = (flat(&written), flat(&printed.events));
    let unwritten: Vec<_> = printed_names.difference(&written).collect();
    assert!(unwritten.is_empty(), "docs/json.md lacks {unwritten:?}");
    let unprinted: Vec<_> = written.difference(&printed_names).collect();
    assert!(unprinted.is_empty(), "docs/json.md has {unprinted:?}, which nothing prints");
    let lists: BTreeSet<Names> = page().lists.values().map(|fields| fields.keys().cloned().collect()).collect();
    assert_eq!(lists, printed.inside, "what stands in lists");
}

#[test]
fn the_page_has_every_command_and_no_other() {
    let source = source("json_input.rs");
    let command = function(source, "command").to_string();
    // Each field stands in a pattern, as in `[("send", Value::String(text))]`.
    let understood: Names =
        command.split("(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
    let input = PAGE.split("\n## Input").nth(1).unwrap().split("\n## ").next().unwrap();
    let commands = input.lines().filter_map(|line| line.strip_prefix("| `{")).map(|row| row.split('}').next().unwrap());
    let fields =
        commands.flat_map(|command| command.split(", ").map(|field| field.split('"').nth(1).unwrap().to_owned()));
    assert!(understood.len() > 10, "{understood:?}");
    assert_eq!(fields.collect::<Names>(), understood);
}

#[test]
fn the_page_has_every_code_with_its_exit_and_no_other() {
    let rows = |heading: &str| -> Vec<(String, String)> {
        let section = PAGE.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| ")).skip(1);
        rows.map(|row| row.split(" | ").map(str::to_owned).collect::<Vec<_>>())
            .map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone()))
            .collect()
    };
    let codes: Vec<_> = Code::ALL.iter().map(|code| (code.as_str().to_owned(), code.exit().to_string())).collect();
    assert_eq!(rows("\n## Error codes"), codes);
    let exits: Names = rows("\n## Exit codes").into_iter().map(|(exit, _)| exit).collect();
    let known: Names = codes.into_iter().map(|(_, exit)| exit).chain(["0".to_owned()]).collect();
    assert_eq!(exits, known);
}

#[test]
fn the_help_names_the_events_of_the_page() {
    let (_, help, _) = crate::person::Profile::empty().run(&["host", "--help"]);
    let with_fields = help.split("\"event\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let missing: Vec<&str> = with_fields.filter(|name| !page().events.contains_key(*name)).collect();
    assert!(missing.is_empty() && help.contains("{\"event\":\"hosting\""), "{missing:?}");
}

/// What the sources print: the fields of each event, and those of objects inside of events.
#[derive(Default)]
struct Printed {
    events: BTreeMap<String, Names>,
    inside: BTreeSet<Names>,
}

impl Printed {
    fn by_the_sources() -> Self {
        let mut printed = Self::default();
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli");
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        // What each kind of content adds to a message is read where a message is printed.
        let is_read = |path: &PathBuf| path.extension().is_some_and(|end| end == "rs") && !path.ends_with("content.rs");
        let mut files: Vec<_> = entries.filter(is_read).collect();
        files.sort();
        let mut made = Vec::new();
        for file in files {
            let mut reader = Reader::default();
            reader.read(source(file.file_name().unwrap().to_str().unwrap()), &mut printed);
            made.extend(reader.made);
        }
        // What was made and is no event stands inside of one.
        made.retain(|made| !printed.events.values().any(|fields| fields == made));
        printed.inside = made.into_iter().collect();
        printed
    }

    fn add(&mut self, event: &str, fields: &Names) {
        self.events.entry(event.to_owned()).or_default().extend(fields.iter().cloned());
    }
}

/// Reads one file from its beginning to its end.
#[derive(Default)]
struct Reader {
    /// Objects of `json!` that no event has taken.
    made: Vec<Names>,
    /// What the last `let fields =` is.
    fields: Names,
}

impl Reader {
    fn read(&mut self, tokens: TokenStream, printed: &mut Printed) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (place, token) in tokens.iter().enumerate() {
            if let Some(object) = object_at(&tokens, place) {
                if is_word(&tokens, place.wrapping_sub(2), "fields") {
                    self.fields = object;
                } else {
                    self.made.push(object);
                }
                continue;
            }
            let TokenTree::Group(group) = token else { continue };
            let is_call = group.delimiter() == Delimiter::Parenthesis;
            let called = place.checked_sub(1).filter(|_| is_call).map(|before| tokens[before].to_string());
            match (called.as_deref(), first_text(group)) {
                (Some("event" | "event_after_hosting"), Some(name)) => self.event(&name, group, printed),
                // It passes on what another call named: `tell`, or what an owner is told later.
                (Some("event"), None) => {}
                // It has two fields, whoever it tells of.
                (Some("tell"), Some(name)) => printed.add(&name, &names(&["member", "name"])),
                _ => self.read(group.stream(), printed),
            }
        }
    }

    /// The arguments of a call that prints an event.
    fn event(&self, name: &str, arguments: &Group, printed: &mut Printed) {
        let tokens: Vec<TokenTree> = arguments.stream().into_iter().collect();
        let inline = (0..tokens.len()).find_map(|place| object_at(&tokens, place));
        let fields = match inline {
            Some(fields) => fields,
            None if arguments.to_string().contains("outgoing") => {
                let body: Vec<TokenTree> = function(source("outgoing.rs"), "fields").into_iter().collect();
                (0..body.len()).find_map(|place| object_at(&body, place)).unwrap()
            }
            // What a message says is its kind's affair.
            None if arguments.to_string().contains("content") => {
                let of_kinds = objects_of_kinds(function(source("content.rs"), "fields"));
                of_kinds.into_iter().flatten().chain(self.fields.clone()).collect()
            }
            None => self.fields.clone(),
        };
        printed.add(name, &fields);
    }
}

/// The keys of a `json!({…})` that begins here.
fn object_at(tokens: &[TokenTree], place: usize) -> Option<Names> {
    if !is_word(tokens, place, "json") || tokens.get(place + 1)?.to_string() != "!" {
        return None;
    }
    let TokenTree::Group(call) = tokens.get(place + 2)? else { return None };
    let Some(TokenTree::Group(object)) = call.stream().into_iter().next() else { return None };
    if object.delimiter() != Delimiter::Brace {
        return None;
    }
    let inside: Vec<TokenTree> = object.stream().into_iter().collect();
    let keys = inside.windows(2).filter(|pair| pair[1].to_string() == ":").filter_map(|pair| text(&pair[0]));
    Some(keys.collect())
}

/// The objects of each kind that the program has; some exist in its own tests alone.
fn objects_of_kinds(tokens: TokenStream) -> Vec<Names> {
    let (mut found, mut is_of_tests) = (Vec::new(), false);
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (place, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                found.extend(objects_of_kinds(group.stream()));
            }
            TokenTree::Group(group) if group.to_string().contains("cfg") => is_of_tests = true,
            _ => {}
        }
        if let Some(object) = object_at(&tokens, place)
            && !std::mem::take(&mut is_of_tests)
        {
            found.push(object);
        }
    }
    found
}

fn is_word(tokens: &[TokenTree], place: usize, word: &str) -> bool {
    matches!(tokens.get(place), Some(TokenTree::Ident(found)) if found == word)
}

fn first_text(group: &Group) -> Option<String> {
    text(&group.stream().into_iter().next()?)
}

fn text(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else { return None };
    Some(literal.to_string().strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

fn names(names: &[&str]) -> Names {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A file of the headless front end without its tests.
fn source(file: &str) -> TokenStream {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    text.split("\n#[cfg(test)]").next().unwrap().parse().unwrap()
}

/// The body of the first function of this name.
fn function(tokens: TokenStream, name: &str) -> TokenStream {
    let found = find_function(&tokens, name);
    found.unwrap_or_else(|| panic!("there is no function {name}"))
}

fn find_function(tokens: &TokenStream, name: &str) -> Option<TokenStream> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    for (place, token) in tokens.iter().enumerate() {
        if is_word(&tokens, place, "fn") && is_word(&tokens, place + 1, name) {
            return tokens[place..].iter().find_map(|token| match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
                _ => None,
            });
        }
        if let TokenTree::Group(group) = token
            && let Some(found) = find_function(&group.stream(), name)
        {
            return Some(found);
        }
    }
    None
}

#[test]
fn an_event_that_is_not_in_the_page_is_noticed() {
    let source = r#"fn a(&self) { let fields = json!({ "b": 1, "c": f(|| json!({ "d": 2 })) }); self.console.event("new", &fields);
        self.tell("other", x); self.event_after_hosting("held", json!({ "e": {} }), y); }"#;
    let mut printed = Printed::default();
    let mut reader = Reader::default();
    reader.read(source.parse().unwrap(), &mut printed);
    let events = [("held", names(&["e"])), ("new", names(&["b", "c"])), ("other", names(&["member", "name"]))];
    assert_eq!(printed.events, events.into_iter().map(|(name, fields)| (name.to_owned(), fields)).collect());
    assert_eq!(quoted("### `a`, `b`"), ["a", "b"]);
}
