//! Names checked against Unicode's own tables, and against what people and attackers use.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use super::*;

/// UTS 39's own file, of an earlier version than the crate's table: two witnesses.
const CONFUSABLES: &str = include_str!("../../../tests/data/unicode/confusables.txt");

/// Each character of Unicode's table, and the sequence that it can be mistaken for.
pub(crate) fn confusable_pairs() -> impl Iterator<Item = (char, String)> {
    let character = |code: &str| u32::from_str_radix(code, 16).ok().and_then(char::from_u32).unwrap();
    CONFUSABLES.lines().filter(|line| !line.starts_with('#')).map(move |line| {
        let (source, target) = line.split_once(';').unwrap();
        (character(source), target.split(' ').map(character).collect())
    })
}

fn look_alike(one: &str, other: &str) -> bool {
    Name::kept(one).looks_like(&Name::kept(other))
}

#[test]
fn names_are_short_visible_and_trimmed() {
    assert_eq!(check_name("  Ann "), Ok("Ann".to_owned()));
    assert_eq!(check_name("\u{3000}山田\u{3000}太郎\u{a0}"), Ok("山田 太郎".to_owned()));
    assert_eq!(check_name("Ann \u{2800} \u{2003}B."), Ok("Ann B.".to_owned()));
    assert_eq!(check_name("أمينة خليل"), Ok("أمينة خليل".to_owned()));
    assert_eq!(check_name(" \t"), Err(NameError::Empty));
    assert_eq!(check_name(&"x".repeat(33)), Err(NameError::TooLong));
    assert_eq!(check_name(&"ü".repeat(32)), Ok("ü".repeat(32)));
    assert_eq!(check_name(&"u\u{308}".repeat(32)), Ok("ü".repeat(32)), "counted as people count");
    let family = "👨\u{200d}👩\u{200d}👧\u{200d}👦";
    assert_eq!(check_name(&family.repeat(20)), Ok(family.repeat(20)));
    assert_eq!(check_name(&family.repeat(21)), Err(NameError::TooLong), "and in bytes");
    for disguise in
        ["a\nb", "a\tb", "a\u{202e}b", "a\u{200b}b", "a\u{7}", "a\u{2066}b", "a\u{2028}b", "\u{feff}a", "a\u{61c}"]
    {
        assert_eq!(check_name(disguise), Err(NameError::Invisible), "{disguise:?}");
    }
}

#[test]
fn a_name_that_shows_nothing_is_none() {
    let nothing = "\u{3164}\u{1160}\u{115f}\u{ffa0}\u{ad}\u{2800}\u{180e}\u{34f}\u{fe0f}\u{17b4}\u{e0020}\u{301}\u{20dd}\u{903}\
        \u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{e0100}\u{1d173}\u{1d159}\u{13441}\u{fffc}\u{e000}\u{10fffd}\u{378}\u{ffff}\u{7}";
    for one in nothing.chars() {
        for other in nothing.chars() {
            assert_eq!(check_name(&format!("{one}{other}")), Err(NameError::Empty), "{one:?} {other:?}");
        }
    }
    // All planes with something in them.
    for character in ('\0'..='\u{3ffff}').chain('\u{e0000}'..='\u{e0fff}') {
        let Ok(name) = check_name(character.encode_utf8(&mut [0; 4])) else { continue };
        let group = name.chars().next().unwrap().general_category_group();
        let shows = !matches!(
            group,
            GeneralCategoryGroup::Mark | GeneralCategoryGroup::Separator | GeneralCategoryGroup::Other
        );
        assert!(shows && !name.chars().any(is_unseen), "{character:?}");
    }
}

#[test]
fn joiners_stand_where_unicode_has_a_use_for_them_and_nowhere_else() {
    for name in [
        "علی\u{200c}رضا",
        "محمد\u{200c}رضا",
        "می\u{64f}\u{200c}خواهم",
        "ශ\u{dca}\u{200d}රී ලංකා",
        "මිත\u{dca}\u{200d}ර",
        "മോഹന\u{d4d}\u{200d}",
        "क\u{94d}\u{200d}ष",
        "क\u{94d}\u{200c}ष",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "👩🏽\u{200d}🚀 Mae",
        "❤\u{fe0f}\u{200d}🔥",
        "🏳\u{fe0f}\u{200d}🌈",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "1\u{fe0f}\u{20e3}",
        "🇮🇷",
        "葛\u{e0100}飾",
        "ᠮᠣᠩᠭᠣᠯ\u{180e}ᠠ",
    ] {
        assert_eq!(check_name(name).as_deref(), Ok(name), "{name:?}");
    }
    for name in [
        "a\u{200d}b",
        "An\u{200c}n",
        "Ann\u{200d}",
        "\u{200d}Ann",
        "\u{200c}علی",
        "علی\u{200c}",
        "علی\u{200c} رضا",
        "علی\u{200c}\u{200c}رضا",
        "ن\u{200d}",
        "И\u{200c}ван",
        "山\u{200d}田",
        "👨\u{200d}",
        "\u{200d}👨",
        "👨\u{200d}\u{200d}👩",
        "1\u{200d}2",
        "a\u{94d}\u{200d}b",
        "क\u{94d}\u{200d}\u{93f}",
        "A\u{fe0f}nn",
        "Ann\u{e0100}",
        "🏴\u{e0067}\u{e0062}",
        "Ann\u{e0067}\u{e0062}\u{e0065}\u{e007f}",
        "👨\u{e0067}\u{e0062}\u{e0065}\u{e007f}",
        "A\u{180b}nn",
        "A\u{34f}nn",
    ] {
        assert_eq!(check_name(name), Err(NameError::Invisible), "{name:?}");
    }
}

#[test]
fn marks_stand_on_something_and_are_few() {
    for name in ["Nguyễn Thị Hằng", "שָׁלוֹם", "བོད་ཡིག", "ก่ำ", "a\u{301}\u{302}\u{303}\u{304}"]
    {
        assert!(check_name(name).is_ok(), "{name:?}");
    }
    for name in
        ["\u{301}Ann", "A\u{301}\u{301}nn", "á\u{301}", "A\u{302}\u{303}\u{304}\u{305}\u{306}nn", "A\u{20dd}\u{20dd}"]
    {
        assert_eq!(check_name(name), Err(NameError::Marks), "{name:?}");
    }
}

#[test]
fn a_name_is_kept_in_one_form_whatever_form_it_comes_in() {
    for (come, kept) in [
        ("Jose\u{301}", "Jos\u{e9}"),
        ("Bjo\u{308}rn", "Bj\u{f6}rn"),
        ("\u{212b}sa", "\u{c5}sa"),
        ("\u{1112}\u{1161}\u{11ab}", "\u{d55c}"),
        ("Ann\u{2003}\u{2002}B", "Ann B"),
    ] {
        assert_eq!(check_name(come).as_deref(), Ok(kept));
        assert_eq!(Name::kept(come).as_str(), kept);
        assert_eq!(search_key(come), search_key(kept));
    }
    // Once kept, nothing changes it again.
    for (character, target) in confusable_pairs() {
        let Ok(kept) = check_name(&format!("a{character}{target} b")) else { continue };
        assert_eq!(check_name(&kept).as_ref(), Ok(&kept));
        assert!(unicode_normalization::is_nfc(&kept));
    }
}

#[test]
fn whatever_unicode_calls_confusable_looks_alike() {
    let (mut tried, mut told_apart) = (0, Vec::new());
    for (character, target) in confusable_pairs() {
        let (one, other) = (format!("An{character}e"), format!("An{target}e"));
        if !look_alike(&one, &other) {
            told_apart.push(format!("{:04x} {}", u32::from(character), target.escape_unicode()));
        }
        tried += usize::from(check_name(&one).is_ok());
    }
    assert!(told_apart.is_empty(), "{told_apart:#?}");
    assert!(tried > 6_000, "{tried}");
}

#[test]
fn another_case_and_another_width_look_alike() {
    let mut tried = 0;
    for character in '\0'..='\u{1ffff}' {
        let name = character.to_string();
        let forms = [name.to_lowercase(), name.to_uppercase(), name.nfkc().collect()];
        for form in forms.iter().filter(|form| **form != name) {
            assert!(look_alike(&format!("An{name}e"), &format!("An{form}e")), "{name:?} {form:?}");
            tried += 1;
        }
    }
    assert!(tried > 5_000, "{tried}");
}

#[test]
fn whoever_poses_as_ann_looks_like_her() {
    for pose in [
        "ann",
        "ANN ",
        "Ann.",
        "Аnn",
        "Αnn",
        "Ａｎｎ",
        "𝐀𝐧𝐧",
        "𝔸𝕟𝕟",
        "ⓐⓝⓝ",
        "🄰🄽🄽",
        "🅐🅝🅝",
        "🅰nn",
        "🇦nn",
        "ₐₙₙ",
        "ᴀɴɴ",
        "A\u{2800}n\u{2800}n",
        "A\u{3164}nn",
        "A\u{200b}nn",
        "Ann\u{e0020}",
        "A\u{34f}nn",
        "Ann ✓",
        "“Ann”",
        "A n n",
    ] {
        assert!(look_alike("Ann", pose), "{pose:?}");
    }
    for other in ["Anna", "Anne", "Bo", "Änn", "Nan", "An"] {
        assert!(!look_alike("Ann", other), "{other}");
    }
    for (one, other) in [
        ("Paul", "Pau1"),
        ("Ian", "ian"),
        ("Bo", "Во"),
        ("Bo", "8o "),
        ("Amy", "Arny"),
        ("Otto", "0тt0"),
        ("ΕΛΕΝΗ", "ελενη"),
        ("мария", "MAPИЯ"),
        ("Straße", "STRASSE"),
        ("א1", "1א"),
        ("👩🏽\u{200d}🚀", "👩🏽🚀"),
    ] {
        let is_alike = look_alike(one, other);
        assert_eq!(is_alike, one != "Bo" || other == "Во", "{one} {other}");
    }
    for (one, other) in [("🎉", "🔥"), ("!", "?"), ("山田", "山本"), ("José", "Josè"), ("علي", "ليع"), ("12", "21")]
    {
        assert!(!look_alike(one, other), "{one} {other}");
    }
}

#[test]
fn a_name_misleads_by_mixed_alphabets_or_by_a_tag_of_its_own() {
    for name in [
        "Αnn",
        "Boб",
        "Ж2Ann",
        "Ann\u{561}",
        "Bo (03b0d307)",
        "Bo（03b0d307）",
        "03b0d307",
        "Bo> hi",
        "Bo O3bOd3O7",
        "αб",
    ] {
        let is_two = name == "Ann\u{561}";
        assert_eq!(Name::kept(name).may_mislead(), !is_two, "{name}");
    }
    for name in [
        "Ann",
        "Jürgen",
        "Иван",
        "山田太郎",
        "カナとかな ABC",
        "한국 Kim",
        "陳 Chen ㄅ",
        "Mary علی",
        "नमस्ते Ravi",
        "Bill Cole",
        "Ann 🎉",
        "🎉",
        "R2D2",
        "2026",
        "Tamás №1",
        "ᐃᓄᒃ",
        "ⵜⵉⴼⵉⵏⴰⵖ",
        "Decade",
        "3 Cafés",
    ] {
        assert!(!Name::kept(name).may_mislead(), "{name}");
    }
}

#[test]
fn rooms_and_people_are_found_in_any_case_and_form() {
    for (typed, kept) in [
        ("friday ", "Friday"),
        ("FRIDAY", "Friday"),
        ("Ｆｒｉｄａｙ", "Friday"),
        ("ΟΔΟΣ", "οδος"),
        ("STRASSE", "Straße"),
    ] {
        assert_eq!(search_key(typed), search_key(kept), "{typed}");
    }
    assert_ne!(search_key("Fridаy"), search_key("Friday"), "the first one has a Cyrillic letter");
}
