//! What a name looks like: Unicode's own rules (UTS 39), and beyond them what a glance cannot tell apart.

use unicode_bidi::{BidiClass, BidiInfo, Level, bidi_class};
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_script::Script;
use unicode_security::confusable_detection::skeleton;
use unicode_security::mixed_script::AugmentedScriptSet;
use unicode_segmentation::UnicodeSegmentation;

/// How many passes bring a text to its plainest form. Four are enough for every character of Unicode 18.
const STEPS_MAX: usize = 8;
/// Hebrew letters with a point in them, and with the point it can be mistaken for.
const POINTED: [(&str, &str); 3] =
    [("\u{5d0}\u{5bc}", "\u{5d0}\u{5b7}"), ("\u{5d9}\u{5bc}", "\u{5d9}\u{5b4}"), ("\u{5e9}\u{5bc}", "\u{5e9}\u{5c1}")];
/// The digits of a key's tag.
const TAG_DIGITS: usize = 8;

/// What a name looks like. Two names look alike if they share a form: as written or in capitals, and, with
/// right-to-left letters, in each order in which a screen may show them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Likeness {
    forms: Vec<String>,
    may_mislead: bool,
}

impl Likeness {
    /// What this name looks like.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let mut forms = Vec::new();
        for shown in shown_orders(name) {
            let capitals = shown.nfkc().collect::<String>().to_uppercase();
            forms.extend([essence(&shown), essence(&capitals)]);
        }
        forms.sort_unstable();
        forms.dedup();
        Self { forms, may_mislead: mixes_scripts(name) || looks_tagged(name) }
    }

    /// Whether both can look the same.
    pub(super) fn is_shared_with(&self, other: &Self) -> bool {
        self.forms.iter().any(|form| other.forms.contains(form))
    }

    pub(super) const fn may_mislead(&self) -> bool {
        self.may_mislead
    }
}

/// Letters, digits and marks of a text in their plainest form; for a text without any, everything visible.
fn essence(text: &str) -> String {
    let plainest = plainest(text);
    let kept: String = plainest.chars().filter(|c| c.is_alphanumeric() || is_mark(*c)).collect();
    if kept.chars().all(is_mark) { plainest.chars().filter(|c| !c.is_whitespace()).collect() } else { kept }
}

/// A character as the plainest one, or several, that it can be mistaken for.
#[must_use]
pub fn look_of(character: char) -> String {
    plainest(character.encode_utf8(&mut [0; 4]))
}

/// A text in lower case, each letter as the plainest one that it can be mistaken for.
fn plainest(text: &str) -> String {
    let mut text: String = text.nfc().map(whole).collect();
    for (pointed, other) in POINTED {
        text = text.replace(pointed, other);
    }
    for _ in 0..STEPS_MAX {
        let closer: String = skeleton(&text).nfkd().collect::<String>().to_lowercase();
        if closer == text {
            break;
        }
        text = closer;
    }
    text.chars().map(as_latin).collect()
}

/// What a letter can be mistaken for as a whole, which Unicode's rule misses because it decomposes the letter first,
/// and what an earlier version of its table had and later ones lack.
fn whole(letter: char) -> String {
    match letter {
        'ȧ' => "å",
        'Ȧ' => "Å",
        'ẚ' => "ả",
        'ǵ' => "ģ",
        'ơ' => "o'",
        'Ơ' | 'Ꭴ' => "O'",
        'Ő' => "Ö",
        'Й' => "Ѝ",
        'ѝ' => "й",
        'Ҋ' => "Ѝ\u{326}",
        'ώ' => "ῴ",
        'ῶ' => "Ꮿ",
        '˛' => "i",
        'ᶟ' => "ᵋ",
        '𐔜' => "C",
        '𑣄' => "z",
        'ഐ' => "എെ",
        'ꓭ' => "ᙠ",
        '郞' => "郎",
        '隸' => "隷",
        '\u{302c}' => "\u{309}",
        '\u{5b8}' => "\u{5b7}",
        other => return other.to_string(),
    }
    .to_owned()
}

/// Small capitals as the capitals they look like; white letters on black and those of flags, which Unicode never
/// decomposes; and letters that its table maps to one of two forms by case alone: I to l, but i to itself.
fn as_latin(letter: char) -> char {
    let nth = |first: char| char::from_u32(u32::from('a') + u32::from(letter) - u32::from(first)).unwrap_or(letter);
    match letter {
        '\u{1f150}'..='\u{1f169}' => as_latin(nth('\u{1f150}')),
        '\u{1f170}'..='\u{1f189}' => as_latin(nth('\u{1f170}')),
        '\u{1f1e6}'..='\u{1f1ff}' => as_latin(nth('\u{1f1e6}')),
        'i' | 'ɪ' => 'l',
        'ᴀ' => 'a',
        'ʙ' | 'ß' => 'b',
        'ᴄ' => 'c',
        'ᴅ' => 'd',
        'ᴇ' | 'ꞓ' => 'e',
        'ꜰ' => 'f',
        'ɢ' => 'g',
        'ʜ' => 'h',
        'ᴊ' => 'j',
        'ᴋ' | 'ĸ' => 'k',
        'ʟ' => 'l',
        'ɴ' => 'n',
        'ᴏ' | 'σ' => 'o',
        'ᴘ' => 'p',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ᴛ' => 't',
        'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        // A hamza beside a letter or above it.
        '\u{674}' => '\u{654}',
        other => other,
    }
}

fn is_mark(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Mark
}

/// The orders in which a name's characters can appear on a screen: as they are, and if some are read from the right,
/// as a left-to-right line shows them and as a right-to-left line does.
fn shown_orders(name: &str) -> Vec<String> {
    let mut orders = vec![name.to_owned()];
    if name.chars().any(|c| matches!(bidi_class(c), BidiClass::R | BidiClass::AL | BidiClass::AN)) {
        orders.extend([Level::ltr(), Level::rtl()].map(|level| as_shown(name, level)));
    }
    orders
}

/// A name's characters from left to right on the screen, with marks after their base (UAX 9, L2 and L3).
fn as_shown(name: &str, base: Level) -> String {
    let bidi = BidiInfo::new(name, Some(base));
    let mut shown = String::new();
    for paragraph in &bidi.paragraphs {
        let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let Some(text) = name.get(run.clone()) else { continue };
            if levels.get(run.start).is_some_and(Level::is_rtl) {
                shown.extend(text.graphemes(true).rev());
            } else {
                shown.push_str(text);
            }
        }
    }
    shown
}

/// Whether the letters are from scripts that no language mixes (UTS 39, below *moderately restrictive*): Latin may be
/// mixed with any other but Greek and Cyrillic, and Japanese, Korean and Chinese have their own combinations.
fn mixes_scripts(name: &str) -> bool {
    let (mut all, mut others) = (AugmentedScriptSet::default(), AugmentedScriptSet::default());
    for letter in name.chars() {
        let scripts = AugmentedScriptSet::for_char(letter);
        all.intersect_with(scripts);
        if !scripts.base.contains_script(Script::Latin) {
            others.intersect_with(scripts);
        }
    }
    let looks_latin = others.base.contains_script(Script::Greek) || others.base.contains_script(Script::Cyrillic);
    all.is_empty() && (others.is_empty() || looks_latin)
}

/// Whether a name could be read as one with a tag beside it, as a tag alone, or as more than one name: it has
/// brackets, or as many digits of a key, one of them a number at least.
fn looks_tagged(name: &str) -> bool {
    let is_bracket = |c: char| !c.is_alphanumeric() && look_of(c).contains(['(', ')', '<', '>']);
    if name.chars().any(is_bracket) {
        return true;
    }
    let plainest = plainest(name);
    let has_number = name.chars().any(|c| c.general_category() == GeneralCategory::DecimalNumber);
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f' | 'l' | 'o');
    has_number && plainest.split(|c| !is_digit(c)).any(|run| run.len() >= TAG_DIGITS)
}
