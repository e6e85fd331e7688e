//! `docs/json.md` as a program reads it: which events there are, and of which type each of their fields is.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

pub const PAGE: &str = include_str!("../../docs/json.md");

/// Types by the names of fields.
pub type Fields = BTreeMap<String, String>;

pub struct Page {
    /// Fields by the names of events.
    pub events: BTreeMap<String, Fields>,
    /// Fields of what stands in lists, by the names of those.
    pub lists: BTreeMap<String, Fields>,
}

pub fn page() -> &'static Page {
    static READ: OnceLock<Page> = OnceLock::new();
    READ.get_or_init(read)
}

fn read() -> Page {
    let (mut events, mut lists) = (BTreeMap::new(), BTreeMap::new());
    let (mut named, mut list): (Vec<String>, Option<String>) = (Vec::new(), None);
    let output = PAGE.split("\n## Being in a room").nth(1).unwrap().split("\n## Input").next().unwrap();
    for line in output.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            (named, list) = (quoted(heading), None);
            for name in &named {
                assert!(events.insert(name.clone(), Fields::new()).is_none(), "the page has {name} twice");
            }
        } else if line.starts_with("Each of ") {
            let name = quoted(line).remove(0);
            assert!(lists.insert(name.clone(), Fields::new()).is_none(), "the page has {name} twice");
            list = Some(name);
        } else if let Some(row) = line.strip_prefix("| `") {
            let cells: Vec<&str> = row.trim_end_matches(" |").splitn(3, " | ").collect();
            let (field, kind) = (cells[0].trim_end_matches('`').to_owned(), cells[1].to_owned());
            match &list {
                Some(list) => drop(lists.get_mut(list).unwrap().insert(field, kind)),
                None => named.iter().for_each(|name| {
                    events.get_mut(name).unwrap().insert(field.clone(), kind.clone());
                }),
            }
        }
    }
    Page { events, lists }
}

/// What stands in backquotes.
pub fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Holds what a process printed against the page. Lines that are no events are passed over, as those of `--help`.
pub fn hold(line: &str) {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return };
    let Some(name) = event["event"].as_str() else { return };
    let fields = page().events.get(name).unwrap_or_else(|| panic!("docs/json.md has no event {name}"));
    hold_fields(name, &event, fields);
}

fn hold_fields(name: &str, object: &Value, fields: &Fields) {
    for (field, value) in object.as_object().unwrap().iter().filter(|(field, _)| *field != "event") {
        let kind = fields.get(field).unwrap_or_else(|| panic!("docs/json.md has no field {field} in {name}"));
        assert!(is_of(value, kind, field), "{field} of {name} is no {kind}: {value}");
    }
    for (field, kind) in fields {
        assert!(kind.ends_with(" or absent") || object.get(field).is_some(), "{name} has no {field}: {object}");
    }
}

/// Whether a value is of a type of the page. The items of a list have its field's name.
fn is_of(value: &Value, kind: &str, field: &str) -> bool {
    let is_hex =
        |length| value.as_str().is_some_and(|text| text.len() == length && text.bytes().all(|c| c.is_ascii_hexdigit()));
    if let Some(kind) = kind.strip_suffix(" or null") {
        return value.is_null() || is_of(value, kind, field);
    }
    if let Some(kind) = kind.strip_suffix(" or absent") {
        return is_of(value, kind, field);
    }
    if let Some(items) = kind.strip_prefix("list of ") {
        return value.as_array().is_some_and(|list| list.iter().all(|item| is_of(item, items, field)));
    }
    match kind {
        "text" => value.is_string(),
        "number" => value.is_u64(),
        "boolean" => value.is_boolean(),
        "time" => value.as_str().is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok()),
        "id" | "fingerprint" => is_hex(64),
        "message id" => is_hex(32),
        _ => {
            let fields = page().lists.get(field).unwrap_or_else(|| panic!("docs/json.md has no type {kind}"));
            hold_fields(field, value, fields);
            true
        }
    }
}
