//! The messages of the sources, and what the catalogues in `ui/lang` make of them: the little of gettext's
//! format that this project uses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::literals::{Literal, of_directory};

/// What tells one message from another: its context, its words, and its words for more than one.
pub(crate) type Key = (String, String, String);

/// A message in one language.
#[derive(Default, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    /// One text, or one for each plural form.
    pub(crate) texts: Vec<String>,
    /// Whether somebody has to look at it again.
    pub(crate) fuzzy: bool,
}

/// A catalogue: what stands at its head, and its messages.
pub(crate) struct Catalogue {
    head: String,
    pub(crate) entries: Vec<Entry>,
    /// Whether it keeps messages that are in no source any more.
    pub(crate) has_leftovers: bool,
}

/// Every `@tr` of the window.
pub(crate) fn messages_of_the_sources() -> Vec<Key> {
    let mut found: BTreeMap<String, Vec<Key>> = BTreeMap::new();
    for literal in of_directory("ui", "slint") {
        let messages = found.entry(literal.file.clone()).or_default();
        match place_in_translation(&literal).as_deref() {
            Some("") => messages.push((String::new(), literal.text, String::new())),
            Some("\"\" =>") => {
                let message = messages.last_mut().unwrap();
                message.0 = std::mem::replace(&mut message.1, literal.text);
            }
            Some("\"\" |" | "\"\" => \"\" |") => messages.last_mut().unwrap().2 = literal.text,
            _ => {}
        }
    }
    let mut all: Vec<Key> = found.into_values().flatten().collect();
    all.sort();
    all.dedup();
    all
}

/// What stands between the `@tr(` before a literal and the literal.
pub(crate) fn place_in_translation(literal: &Literal) -> Option<String> {
    let (_, inside) = literal.before.rsplit_once("@tr(")?;
    Some(inside.split_whitespace().collect::<Vec<_>>().join(" "))
}

impl Catalogue {
    pub(crate) fn of_language(tag: &str) -> Self {
        Self::read(&directory().join(tag).join("LC_MESSAGES/conversa.po"))
    }

    pub(crate) fn template() -> Self {
        Self::read(&directory().join("conversa.pot"))
    }

    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let has_leftovers = text.lines().any(|line| line.starts_with("#~"));
        let mut entries: Vec<Entry> = text.split("\n\n").filter_map(Entry::parse).collect();
        assert_eq!(entries[0].key, Key::default(), "{}: a head comes first", path.display());
        let head = entries.remove(0).texts.remove(0);
        Self { head, entries, has_leftovers }
    }

    /// How many plural forms its language has.
    pub(crate) fn plural_forms(&self) -> usize {
        let (_, after) = self.head.split_once("nplurals=").unwrap();
        after.split(';').next().unwrap().trim().parse().unwrap()
    }

    /// What a message without values is in this language.
    pub(crate) fn text(&self, context: &str, id: &str) -> &str {
        let entry = self.entries.iter().find(|entry| entry.key.0 == context && entry.key.1 == id);
        &entry.unwrap_or_else(|| panic!("no “{id}”")).texts[0]
    }
}

/// The tags of the languages that have a catalogue.
pub(crate) fn languages() -> Vec<String> {
    let places = std::fs::read_dir(directory()).unwrap().map(Result::unwrap);
    let places = places.filter(|place| place.path().is_dir());
    let mut tags: Vec<String> = places.map(|place| place.file_name().into_string().unwrap()).collect();
    tags.sort();
    tags
}

/// Where the catalogues are.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/lang")
}

impl Entry {
    fn parse(block: &str) -> Option<Self> {
        let mut entry = Self::default();
        let mut field = None;
        for line in block.lines().filter(|line| !line.is_empty()) {
            if let Some(comment) = line.strip_prefix('#') {
                entry.fuzzy |= comment.starts_with(',') && comment.contains("fuzzy");
                continue;
            }
            let (name, text) = line.split_once('"').unwrap_or_else(|| panic!("what is this? {line}"));
            let text = unescape(text.strip_suffix('"').unwrap_or_else(|| panic!("no end: {line}")));
            match name.trim() {
                "msgctxt" => field = Some(0),
                "msgid" => field = Some(1),
                "msgid_plural" => field = Some(2),
                "" => {}
                translated => {
                    assert!(translated == "msgstr" || translated == format!("msgstr[{}]", entry.texts.len()), "{line}");
                    entry.texts.push(String::new());
                    field = None;
                }
            }
            let end = match field {
                Some(0) => &mut entry.key.0,
                Some(1) => &mut entry.key.1,
                Some(_) => &mut entry.key.2,
                None => entry.texts.last_mut().unwrap(),
            };
            end.push_str(&text);
        }
        (!entry.texts.is_empty()).then_some(entry)
    }
}

fn unescape(text: &str) -> String {
    text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\")
}
