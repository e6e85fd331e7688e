//! The lines that a terminal shows, in forms that no name and no message can imitate.
//!
//! * `<Bo> hello`: somebody says something. Only such lines begin with `<`.
//! * `* <Bo> joined.`: something happened with somebody. Only such lines begin with `*`.
//! * `2026-11-30 14:05 <Bo> hello`: one of these from before. Only such lines begin with a date.
//! * Every other line is the program's own, and begins with one of its words or with digits of a key.
//!
//! A name is always shown between `<` and `>`, and contains neither; later lines of a message are indented.
//! Right-to-left text is isolated, so that it does not change places with the rest of its line.

use unicode_bidi::{BidiClass, bidi_class};

use crate::protocol::{is_unseen, look_of};

/// What stands at the beginning of each later line of a message.
const SET_IN: &str = "\n    ";
/// What stands for a character that a terminal would act on.
const REPLACEMENT: char = '\u{fffd}';

/// What looks like the ends of a name.
const BRACKETS: [char; 20] =
    ['<', '>', '‹', '›', '«', '»', '≪', '≫', '⟨', '⟩', '⟪', '⟫', '〈', '〉', '《', '》', '❮', '❯', '⧼', '⧽'];

/// What somebody says.
pub(super) fn said(name: &str, text: &str) -> String {
    format!("{} {}", called(name), printable(text))
}

/// What happened with somebody.
pub(super) fn happened(name: &str, what: &str) -> String {
    format!("* {} {what}", called(name))
}

/// One of these lines, of which somebody reads later: with its date, and with what we say about it, if anything, where
/// nobody else can write.
pub(super) fn from_before(date: &str, remark: Option<&str>, line: &str) -> String {
    remark.map_or_else(|| format!("{date} {line}"), |remark| format!("{date} ({remark}) {line}"))
}

/// A name or a title that others chose, as it stands in a line.
pub(super) fn called(name: &str) -> String {
    // Where `>` is a letter, as in Inuktitut, it stays one.
    let has_latin = name.chars().any(|c| c.is_ascii_alphabetic());
    let bracket =
        |c: char| !c.is_ascii_alphanumeric() && look_of(c).contains(BRACKETS) && (!c.is_alphabetic() || has_latin);
    let name: String = name.chars().map(|c| if bracket(c) || breaks_line(c) { REPLACEMENT } else { c }).collect();
    format!("<{}>", isolated(&name.chars().filter_map(harmless).collect::<String>()))
}

/// A text of others as it can stand on a terminal: without characters that a terminal acts on, and with later
/// lines set in, so that none of them looks like a line of its own.
pub(super) fn printable(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let lines = text.split(breaks_line).map(|line| isolated(&line.chars().filter_map(harmless).collect::<String>()));
    lines.collect::<Vec<_>>().join(SET_IN)
}

/// What some terminal or other begins a new line at.
const fn breaks_line(character: char) -> bool {
    matches!(character, '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A character as it can stand on a terminal; none where it has no use there.
fn harmless(character: char) -> Option<char> {
    match character {
        '\t' => Some(character),
        _ if character.is_control() => Some(REPLACEMENT),
        // Marks of direction would reach past the text; joiners and variants make other letters and pictures.
        '\u{200c}' | '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Some(character),
        '\u{e0020}'..='\u{e007f}' => Some(character),
        _ if is_unseen(character) => Some(REPLACEMENT),
        _ => Some(character),
    }
}

/// A text with letters that are read from the right, between characters that keep it apart (UAX 9).
fn isolated(text: &str) -> String {
    let is_from_right = |c| matches!(bidi_class(c), BidiClass::R | BidiClass::AL | BidiClass::AN);
    if text.chars().any(is_from_right) { format!("\u{2068}{text}\u{2069}") } else { text.to_owned() }
}

/// A JSON line with escapes for all that a terminal acts on or does not show. The values are the same.
pub(super) fn escaped(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        // Beyond ASCII there is nothing but what strings hold.
        if is_unseen(character) {
            let units =
                character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
            line.push_str(&units);
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::check_name;

    /// Names that pose as other lines.
    const HOSTILE: [&str; 24] = [
        "Bo: hello",
        "Bo> hello <Ann",
        "<Bo>",
        "<Bo> hello",
        "* <Bo> joined.",
        "* Bo",
        "conversa",
        "conversa: The host",
        "Invite",
        "Invite: conversa:2:aaaa",
        "Next invite",
        "[12:00] Bo",
        "12:00 Bo",
        "Bo (03b0d307)",
        "-> Bo",
        "Bo›",
        "«Bo»",
        "Boᐳ hi",
        "Bo＞ hi",
        "Bo〉 hi",
        "Bo\u{2192} hi",
        "אבא: שלום",
        "> אב",
        "〈Bo〉",
    ];

    /// Texts that pose as other lines.
    const WORDS: [&str; 12] = [
        "hello",
        "a\n<Ann> b",
        "a\r\n* <Ann> joined.",
        "a\u{2028}<Ann> b",
        "a\u{85}<Ann> b",
        "a\u{b}<Ann> b",
        "a\r<Ann> b",
        "a\u{1b}[2K\u{1b}[1G<Ann> b",
        "> <Ann> b",
        "שלום",
        "\u{202e}a",
        "\nconversa: b",
    ];

    /// Who speaks in a line, as somebody reads it: what stands before the first `>`.
    fn speaker(line: &str) -> Option<&str> {
        line.strip_prefix('<')?.split_once('>').map(|(name, _)| name)
    }

    #[test]
    fn no_name_and_no_words_make_the_line_of_somebody_else() {
        for name in HOSTILE {
            let name = check_name(name).unwrap();
            let shown = called(&name);
            let inside = shown.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap();
            assert!(!inside.contains(['<', '>', '\n', '\r']), "{shown:?}");
            for text in WORDS {
                let said = said(&name, text);
                let mut lines = said.split(|c| breaks_line(c) || c == '\r');
                assert_eq!(lines.next().and_then(speaker), Some(inside), "{said:?}");
                assert!(lines.all(|line| line.starts_with("    ")), "{said:?}");
                assert!(!said.contains(['\u{1b}', '\u{202e}']));
                for remark in [None, Some("not sent")] {
                    let saved = from_before("2026-11-30 14:05", remark, &said);
                    let ours = if remark.is_some() { "2026-11-30 14:05 (not sent) " } else { "2026-11-30 14:05 " };
                    assert_eq!(saved.strip_prefix(ours), Some(said.as_str()));
                }
            }
            let happened = happened(&name, "joined.");
            assert_eq!(happened, format!("* <{inside}> joined."));
            assert_eq!(happened.lines().count(), 1);
        }
        // Of all characters that a name may have, none opens or closes it.
        for character in ('\0'..='\u{ffff}').filter(|c| *c != ' ') {
            let Ok(name) = check_name(&format!("a{character}b")) else { continue };
            let shown = called(&name);
            assert!(shown.starts_with('<') && shown.ends_with('>'), "{shown}");
            assert_eq!(shown.matches(['<', '>']).count(), 2, "{shown}");
        }
        assert_eq!(called("ᐳᓚ"), "<ᐳᓚ>", "a letter of Inuktitut among others");
    }

    #[test]
    fn what_is_read_from_the_right_does_not_change_places_with_the_rest() {
        assert_eq!(said("אב", "שלום"), "<\u{2068}אב\u{2069}> \u{2068}שלום\u{2069}");
        assert_eq!(said("Bo", "hi\nשלום"), "<Bo> hi\n    \u{2068}שלום\u{2069}");
    }

    #[test]
    fn strangers_cannot_move_the_cursor_or_pose_as_others() {
        assert_eq!(printable("plain ü 👨\u{200d}👩 ❤\u{fe0f}"), "plain ü 👨\u{200d}👩 ❤\u{fe0f}");
        assert_eq!(printable("a\x1b[2Jb\u{202e}\u{9b}\x7f"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(printable("hi\nAnn: bye"), "hi\n    Ann: bye");
        assert_eq!(printable("a\tb\rc"), "a\tb\u{fffd}c");
        for character in ('\0'..=char::MAX).filter(|c| *c != '\n' && *c != '\t') {
            assert!(
                !printable(&character.to_string()).contains(char::is_control) || breaks_line(character),
                "{character:?}"
            );
        }
    }

    #[test]
    fn a_json_line_has_nothing_that_a_terminal_acts_on_and_the_same_values() {
        for character in ('\0'..='\u{3ffff}').chain('\u{e0000}'..='\u{e0fff}') {
            let value = serde_json::json!({ "text": format!("a{character}b") });
            let line = escaped(&value.to_string());
            assert!(!line.chars().any(is_unseen), "{character:?}");
            if !character.is_ascii() && !is_unseen(character) {
                continue;
            }
            assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), value, "{character:?}");
        }
        let dangerous = "\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}\u{2029}\u{feff}\u{e0041}";
        assert!(escaped(&serde_json::json!(dangerous).to_string()).is_ascii());
        assert_eq!(escaped("\"ü 山 🎉\""), "\"ü 山 🎉\"", "what can be seen stays as it is");
    }
}
