//! No letter of the window's own words is a box, whatever fonts the system has.

use std::collections::BTreeSet;

use conversa::gui::{AppWindow, Emoji, add_fonts};
use slint::fontique_011::fontique::{
    Blob, Collection, FallbackKey, FamilyId, GenericFamily, QueryFamily, QueryStatus, Script, SourceCache,
};
use slint::fontique_011::shared_collection;

use crate::catalogue::{directory, languages};

/// Fonts that are part of the program.
const FAMILIES: [&str; 3] = ["Inter", "Conversa Arabic", "Conversa Japanese"];

/// The system's fonts for a script, and what comes behind them.
fn fallbacks(script: [u8; 4]) -> Vec<FamilyId> {
    let mut collection = shared_collection();
    // The script that was asked for last is remembered, whatever is changed meanwhile.
    collection.fallback_families(FallbackKey::new(Script::from_bytes(*b"Latn"), None)).for_each(drop);
    collection.fallback_families(FallbackKey::new(Script::from_bytes(script), None)).collect()
}

fn has_picture(collection: &mut Collection, cache: &mut SourceCache, letter: char) -> bool {
    let mut query = collection.query(cache);
    query.set_families(FAMILIES.map(QueryFamily::Named));
    let mut found = false;
    query.matches_with(|font| {
        found |= font.charmap().and_then(|map| map.map(u32::from(letter))).is_some();
        if found { QueryStatus::Stop } else { QueryStatus::Continue }
    });
    found
}

#[test]
fn every_letter_of_every_language_has_a_picture() {
    i_slint_backend_testing::init_no_event_loop();
    let _app = AppWindow::new().unwrap();
    let scripts = [*b"Arab", *b"Hira", *b"Kana", *b"Hani"];
    let before = scripts.map(fallbacks);
    add_fonts(Emoji::OfTheSystem);
    let mut collection = shared_collection();
    for (script, system) in scripts.into_iter().zip(before) {
        let ours = collection.family_id(FAMILIES[if script == *b"Arab" { 1 } else { 2 }]).unwrap();
        assert_eq!(fallbacks(script), [system, vec![ours]].concat(), "{script:?}: the system's fonts come first");
    }

    let inter = std::fs::read(directory().join("../fonts/Inter-Regular.otf")).unwrap();
    collection.register_fonts(Blob::from(inter), None);
    let mut letters: BTreeSet<char> = "日本語العربية".chars().collect();
    for tag in languages() {
        let catalogue = directory().join(tag).join("LC_MESSAGES/conversa.po");
        letters.extend(std::fs::read_to_string(catalogue).unwrap().chars());
    }
    assert!(letters.len() > 500, "the languages are found");
    // Marks of direction are not to be seen.
    letters
        .retain(|letter| !letter.is_control() && !matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}'));
    let mut cache = SourceCache::default();
    letters.retain(|letter| !has_picture(&mut collection, &mut cache, *letter));
    assert!(letters.is_empty(), "packaging/subset-fonts adds what is missing: {letters:?}");
}

#[test]
fn emoji_have_a_picture_that_the_renderer_can_draw() {
    i_slint_backend_testing::init_no_event_loop();
    let _app = AppWindow::new().unwrap();
    let mut collection = shared_collection();
    let emoji = |collection: &mut Collection| collection.generic_families(GenericFamily::Emoji).collect::<Vec<_>>();
    let system = emoji(&mut collection);
    add_fonts(Emoji::OfTheSystem);
    let ours = collection.family_id("Conversa Emoji").unwrap();
    let first = [system, vec![ours]].concat();
    assert!(emoji(&mut collection).starts_with(&first), "the system's have colours");
    add_fonts(Emoji::Outlines);
    assert_eq!(emoji(&mut collection).first(), Some(&ours), "the software renderer cannot draw those");
    let mut cache = SourceCache::default();
    let mut query = collection.query(&mut cache);
    query.set_families([QueryFamily::Id(ours)]);
    query.matches_with(|font| {
        let letters = font.charmap().unwrap();
        for letter in "😀😂❤👍🎉🙏🔥✅🚀🫠🥹".chars() {
            assert!(letters.map(u32::from(letter)).is_some(), "{letter}");
        }
        QueryStatus::Stop
    });
}
