//! Every language says all that the window says, and says it with the same values.

use std::collections::BTreeSet;

use conversa::app::Language;

use crate::catalogue::{Catalogue, Entry, Key, languages, messages_of_the_sources};

/// What sets a value apart from the line it stands in, whatever its own direction: FIRST STRONG ISOLATE and
/// POP DIRECTIONAL ISOLATE (UAX 9).
const ISOLATE: (char, char) = ('\u{2068}', '\u{2069}');
/// RIGHT-TO-LEFT MARK: a line that begins with it is read from right to left.
const RIGHT_TO_LEFT_MARK: char = '\u{200f}';

#[test]
fn the_template_holds_what_the_sources_say() {
    let template: Vec<Key> = Catalogue::template().entries.into_iter().map(|entry| entry.key).collect();
    let unique: BTreeSet<&Key> = template.iter().collect();
    assert_eq!(unique.len(), template.len(), "each message is there once");
    let sources = messages_of_the_sources();
    assert!(sources.len() > 500, "the messages are found");
    same(&sources, &template, "ui/lang/conversa.pot; docs/translating.md tells how to renew it");
}

#[test]
fn each_language_that_is_offered_has_a_catalogue() {
    let mut offered: Vec<&str> = Language::ALL.into_iter().filter_map(Language::tag).collect();
    offered.retain(|&tag| tag != "en");
    offered.sort_unstable();
    assert_eq!(languages(), offered);
}

#[test]
fn no_language_lacks_a_message() {
    let sources = messages_of_the_sources();
    for tag in languages() {
        let catalogue = Catalogue::of_language(&tag);
        let keys: Vec<Key> = catalogue.entries.iter().map(|entry| entry.key.clone()).collect();
        same(&sources, &keys, &tag);
        assert!(!catalogue.has_leftovers, "{tag} keeps messages that nobody says");
        let problems: Vec<String> =
            catalogue.entries.iter().filter_map(|entry| problem(entry, catalogue.plural_forms())).collect();
        assert!(problems.is_empty(), "{tag}: {problems:#?}");
    }
}

#[test]
fn values_keep_their_direction_in_a_line_from_right_to_left() {
    let mut checked = 0;
    for tag in languages() {
        let catalogue = Catalogue::of_language(&tag);
        if catalogue.entries.iter().all(|entry| entry.texts != ["right-to-left"]) {
            continue;
        }
        for text in catalogue.entries.iter().filter(|entry| entry.key.1 != "left-to-right").flat_map(|e| &e.texts) {
            let (opened, closed) = ISOLATE;
            for (at, _) in text.match_indices('{').filter(|(at, _)| !text[*at..].starts_with("{n}")) {
                let end = at + text[at..].find('}').unwrap() + 1;
                let is_apart = text[..at].ends_with(opened) && text[end..].starts_with(closed);
                // As “RSA-{}” and “{} ms” are one word each.
                let is_latin = text[..at].trim_end_matches([' ', '-']).ends_with(|c: char| c.is_ascii_alphabetic())
                    || text[end..].trim_start().starts_with(|c: char| c.is_ascii_alphabetic() || c == '%');
                assert!(
                    is_apart != is_latin,
                    "{tag}: a value is not set apart, or part of a Latin word is, in “{text}”"
                );
                checked += 1;
            }
            let own = text.split(opened).flat_map(|part| part.split_once(closed).map_or(part, |(_, own)| own).chars());
            let first = own.into_iter().find(|letter| letter.is_alphabetic() || *letter == RIGHT_TO_LEFT_MARK);
            let is_right_to_left = first.is_none_or(|letter| letter == RIGHT_TO_LEFT_MARK || letter >= '\u{590}');
            assert!(is_right_to_left, "{tag}: “{text}” has to begin with a right-to-left mark");
        }
    }
    assert!(checked > 100, "there is such a language");
}

fn same(sources: &[Key], found: &[Key], place: &str) {
    let (sources, found): (BTreeSet<&Key>, BTreeSet<&Key>) = (sources.iter().collect(), found.iter().collect());
    let missing: Vec<_> = sources.difference(&found).collect();
    let stale: Vec<_> = found.difference(&sources).collect();
    assert!(missing.is_empty() && stale.is_empty(), "{place}: missing {missing:#?}, stale {stale:#?}");
}

/// What is wrong with a translation, as far as a program can tell.
fn problem(entry: &Entry, plural_forms: usize) -> Option<String> {
    let (_, id, plural) = &entry.key;
    let forms = if plural.is_empty() { 1 } else { plural_forms };
    let most = if plural.is_empty() { id } else { plural };
    let last = entry.texts.len().saturating_sub(1);
    let is_off = |(form, text): (usize, &String)| {
        let mut wanted = values(most);
        // “One” and “two” may be said in words.
        if form < last && !text.contains("{n}") {
            wanted.remove("n");
        }
        values(text) != wanted
    };
    let edges = |text: &str| (text.starts_with(char::is_whitespace), text.ends_with(char::is_whitespace));
    let what = if entry.fuzzy {
        "is not sure"
    } else if entry.texts.len() != forms {
        "has another number of plural forms than its language"
    } else if entry.texts.iter().any(|text| text.trim().is_empty()) {
        "is missing"
    } else if entry.texts.iter().enumerate().any(is_off) {
        "has other values"
    } else if entry.texts.iter().any(|text| edges(text) != edges(id)) {
        "begins or ends with other white space"
    } else if entry.texts.iter().any(|text| text.lines().count() != id.lines().count()) {
        "has another number of lines"
    } else {
        return None;
    };
    Some(format!("“{id}” {what}: {:?}", entry.texts))
}

/// The values of a text: their numbers, whether or not they are written, and the count as `n`.
fn values(text: &str) -> BTreeSet<String> {
    let mut next = 0;
    let names = text.split('{').skip(1).map(|part| part.split('}').next().unwrap_or_default());
    let numbered = names.map(|name| {
        let place = next;
        next += usize::from(name.is_empty());
        if name.is_empty() { place.to_string() } else { name.to_owned() }
    });
    numbered.collect()
}

#[test]
fn what_a_program_can_tell_is_told() {
    let entry = |id: &str, plural: &str, texts: &[&str]| Entry {
        key: (String::new(), id.into(), plural.into()),
        texts: texts.iter().map(|&text| text.into()).collect(),
        fuzzy: false,
    };
    for (id, plural, texts) in [
        ("{} of {}", "", &["{1}: {0}"][..]),
        ("{n} room", "{n} rooms", &["ein Raum", "{n} Räume"]),
        ("{n} from {}", "{n} from {}", &["{0}: {n}", "{n}, {}"]),
    ] {
        assert_eq!(problem(&entry(id, plural, texts), 2), None, "{id}");
    }
    for (id, plural, texts) in [
        ("Name", "", &[""][..]),
        ("Name", "", &["Name", "Namen"]),
        ("{} of {}", "", &["{} von"]),
        ("{} of {}", "", &["{0}: {0}"]),
        ("{n} room", "{n} rooms", &["ein Raum"]),
        ("{n} room", "{n} rooms", &["ein Raum", "Räume"]),
        ("a\nb", "", &["a b"]),
        ("a", "", &["a "]),
    ] {
        assert!(problem(&entry(id, plural, texts), 2).is_some(), "{id}: {texts:?}");
    }
    assert!(problem(&Entry { fuzzy: true, ..entry("a", "", &["a"]) }, 2).is_some());
}
