//! Which characters a name may have, and where.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};
use unicode_security::confusable_detection::skeleton;

use crate::protocol::limits::NAME_MARKS_MAX;

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
const BRAILLE_BLANK: char = '\u{2800}';
/// Characters that Unicode counts among letters and symbols but that show nothing: OBJECT REPLACEMENT CHARACTER,
/// EGYPTIAN HIEROGLYPH FULL BLANK and HALF BLANK, KHITAN SMALL SCRIPT FILLER, MUSICAL SYMBOL NULL NOTEHEAD.
const UNSEEN: [char; 5] = ['\u{fffc}', '\u{13441}', '\u{13442}', '\u{16fe4}', '\u{1d159}'];
/// The class of a virama, which kills a vowel and may join two consonants.
const VIRAMA: u8 = 9;

/// Whether a character takes up space but shows nothing: a space, or the Braille pattern without dots.
pub(super) fn is_blank(character: char) -> bool {
    character == BRAILLE_BLANK || character.general_category() == GeneralCategory::SpaceSeparator
}

/// Whether Unicode omits a character that cannot be displayed (`Default_Ignorable_Code_Point`): joiners, fillers,
/// variation selectors, tags, controls of direction and the like.
pub(super) fn is_ignorable(character: char) -> bool {
    // Only those leave nothing in the skeleton (UTS 39, section 4).
    skeleton(character.encode_utf8(&mut [0; 4])).next().is_none()
}

/// Whether a character shows nothing and may affect how the text is displayed: controls, direction marks, line
/// separators, and everything ignorable.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    let acts = matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    acts || (!character.is_ascii() && is_ignorable(character))
}

/// Whether a character by itself shows something.
pub(super) fn is_visible(character: char) -> bool {
    is_defined(character) && !is_blank(character) && !is_mark(character)
}

fn is_mark(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Mark
}

/// Whether everybody sees the same character. Private or unassigned ones depend on the font.
fn is_defined(character: char) -> bool {
    let is_nothing = matches!(
        character.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    !is_nothing && !is_ignorable(character) && !UNSEEN.contains(&character)
}

/// Whether each character of a name is defined, or is an ignorable one where Unicode has a use for it.
pub(super) fn have_their_place(characters: &[char]) -> bool {
    characters.iter().enumerate().all(|(index, character)| {
        let (before, after) = characters.split_at(index);
        is_defined(*character) || has_its_place(*character, before, after.get(1..).unwrap_or_default())
    })
}

/// Whether an ignorable character does something between these others.
fn has_its_place(character: char, before: &[char], after: &[char]) -> bool {
    match character {
        ZERO_WIDTH_NON_JOINER => keeps_apart(before, after),
        ZERO_WIDTH_JOINER => joins(before, after),
        // Text or picture.
        '\u{fe0e}' | '\u{fe0f}' => before.last().is_some_and(|c| c.is_emoji_char()),
        // Variants of ideographs, as in Japanese family names.
        '\u{fe00}'..='\u{fe02}' | '\u{e0100}'..='\u{e01ef}' => before.last().is_some_and(|c| c.script() == Script::Han),
        '\u{180b}'..='\u{180f}' => before.last().is_some_and(|c| c.script() == Script::Mongolian),
        '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}' | '\u{e007f}' => is_in_flag(before, after, character),
        _ => false,
    }
}

/// Between letters that would join (UAX 31, A1), or after a virama and before a letter (A2).
fn keeps_apart(before: &[char], after: &[char]) -> bool {
    let letter = before.iter().rev().find(|c| !is_mark(**c)).copied();
    let next = after.iter().find(|c| !is_mark(**c)).copied();
    let (Some(letter), Some(next)) = (letter, next) else { return false };
    let follows = letter.script() == next.script() && is_letter(letter) && is_letter(next);
    follows && (joins_letters(letter.script()) || ends_in_virama(before))
}

/// After a virama (UAX 31, B), or between two emoji (UTS 51).
fn joins(before: &[char], after: &[char]) -> bool {
    let is_part = |c: char| !c.is_ascii() && (c.is_emoji_char() || c.is_emoji_component());
    let emoji = before.iter().rev().find(|c| **c != '\u{fe0f}').copied();
    let is_between_emoji = emoji.is_some_and(is_part) && after.first().copied().is_some_and(is_part);
    is_between_emoji || (ends_in_virama(before) && after.first().is_none_or(|c| !is_mark(*c)))
}

/// Whether the last character, ignoring other kinds of marks, is a virama on a letter of its own script.
fn ends_in_virama(before: &[char]) -> bool {
    let is_virama = |c: &char| canonical_combining_class(*c) == VIRAMA;
    let mut back = before.iter().rev().copied().skip_while(|c| is_mark(*c) && !is_virama(c));
    let Some(virama) = back.next().filter(is_virama) else { return false };
    back.find(|c| !is_mark(*c)).is_some_and(|letter| is_letter(letter) && letter.script() == virama.script())
}

fn is_letter(character: char) -> bool {
    character.general_category_group() == GeneralCategoryGroup::Letter
}

/// The scripts whose letters join (Joining_Type).
const fn joins_letters(script: Script) -> bool {
    matches!(
        script,
        Script::Arabic
            | Script::Syriac
            | Script::Mandaic
            | Script::Mongolian
            | Script::Nko
            | Script::Phags_Pa
            | Script::Adlam
            | Script::Hanifi_Rohingya
    )
}

/// Whether a tag belongs to a regional flag: a black flag, up to six tags, and their end.
fn is_in_flag(before: &[char], after: &[char], character: char) -> bool {
    let is_tag = |c: &&char| matches!(c, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}');
    let ahead = before.iter().rev().take_while(is_tag).count();
    let has_flag = before.iter().rev().nth(ahead) == Some(&'\u{1f3f4}');
    if character == '\u{e007f}' {
        return has_flag && (3..=6).contains(&ahead);
    }
    let behind = after.iter().take_while(is_tag).count();
    has_flag && after.get(behind) == Some(&'\u{e007f}') && ahead + behind < 6
}

/// Whether combining marks have a base, are few, and none repeats on the same base (UTS 39, 5.4): a second one would
/// cover the first.
pub(super) fn marks_hold(name: &str) -> bool {
    if name.chars().next().is_some_and(is_mark) {
        return false;
    }
    let (mut row, mut last) = (0, None);
    for character in name.nfd().filter(|c| !is_ignorable(*c)) {
        let takes_no_room =
            matches!(character.general_category(), GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark);
        row = if takes_no_room { row + 1 } else { 0 };
        if row > NAME_MARKS_MAX || (takes_no_room && last == Some(character)) {
            return false;
        }
        last = Some(character);
    }
    true
}
