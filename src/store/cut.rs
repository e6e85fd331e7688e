//! How words are cut for the index, and found again in a text.
//!
//! A word is cut off by whatever is no letter and no digit, and folded: small letters, one form of each sign (NFKC),
//! Latin and Greek without accents. Scripts without spaces, as Japanese and Thai are written, have no such words: there each pair
//! of neighbouring signs counts, and the last one alone. So a search for two signs finds them wherever they stand, which
//! neither whole runs nor triples would. Emoji count as such signs.
//!
//! The index splits what it is given at spaces, and every character of ours belongs to a word for it. Highlights come
//! from the same cutting of the original text, so they never differ from what was found.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory};
use unicode_script::{Script, UnicodeScript};

/// The most characters of a word that count: no word that anybody looks for is longer.
const WORD_CHARS_MAX: usize = 64;
/// The most characters of a search that count, which bounds what it costs.
const QUERY_CHARS_MAX: usize = 256;

/// Scripts that are written without spaces between words.
const WITHOUT_SPACES: [Script; 16] = [
    Script::Han,
    Script::Hiragana,
    Script::Katakana,
    Script::Bopomofo,
    Script::Yi,
    Script::Thai,
    Script::Lao,
    Script::Khmer,
    Script::Myanmar,
    Script::Tibetan,
    Script::Tai_Le,
    Script::New_Tai_Lue,
    Script::Tai_Viet,
    Script::Javanese,
    Script::Balinese,
    Script::Tangut,
];

/// A word that stands for a room in the index, so that a search in one room meets no rows of others. Nobody can type it: its
/// sign is for private use, and cuts words like a space.
pub(super) fn room_word(room: i64) -> String {
    format!("\u{e000}{room}")
}

/// A piece of a text: a word, or one sign of a run.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Piece {
    /// Where it is in the text, in bytes.
    range: Range<usize>,
    /// What it counts as.
    folded: String,
    is_sign: bool,
    /// Whether it is a sign right behind another.
    is_joined: bool,
}

/// A text in pieces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cutting(Vec<Piece>);

impl Cutting {
    /// Cuts a text.
    pub(super) fn of(text: &str) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut open: Option<(usize, bool)> = None;
        let mut end = 0;
        // The end of the text is a gap like others.
        for (at, class) in text.char_indices().map(|(at, sign)| (at, Class::of(sign))).chain([(text.len(), Class::Gap)])
        {
            let goes_on = match (class, open) {
                (Class::Mark, Some(_)) => true,
                (Class::Word, Some((_, is_sign))) => !is_sign,
                _ => false,
            };
            if !goes_on {
                if let Some((start, is_sign)) = open.take() {
                    let range = start..at;
                    let is_joined = is_sign && end == start && pieces.last().is_some_and(|piece| piece.is_sign);
                    let folded = text.get(range.clone()).map(fold).unwrap_or_default();
                    end = at;
                    if !folded.is_empty() {
                        pieces.push(Piece { range, folded, is_sign, is_joined });
                    }
                }
                open = match class {
                    Class::Word => Some((at, false)),
                    Class::Sign => Some((at, true)),
                    Class::Mark | Class::Gap => None,
                };
            }
        }
        Self(pieces)
    }

    /// What the index holds of a text: words and pairs, with spaces between them.
    pub(super) fn for_index(text: &str) -> String {
        let pieces = Self::of(text).0;
        let mut cut = String::with_capacity(text.len());
        let next = pieces.iter().skip(1).map(Some).chain([None]);
        for (piece, next) in pieces.iter().zip(next) {
            if !cut.is_empty() {
                cut.push(' ');
            }
            cut.push_str(&piece.folded);
            if let Some(next) = next.filter(|next| next.is_joined) {
                cut.push_str(&next.folded);
            }
        }
        cut
    }
}

/// What is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Query(Vec<Term>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Term {
    /// A word; the last of a query may be the beginning of one.
    Word { folded: String, is_prefix: bool },
    /// Signs in a row.
    Run(Vec<String>),
}

impl Query {
    /// Reads what somebody typed.
    pub(super) fn of(text: &str) -> Self {
        let text = text.char_indices().nth(QUERY_CHARS_MAX).and_then(|(end, _)| text.get(..end)).unwrap_or(text);
        let mut terms = Vec::new();
        for piece in Cutting::of(text).0 {
            match terms.last_mut() {
                Some(Term::Run(signs)) if piece.is_joined => signs.push(piece.folded),
                _ if piece.is_sign => terms.push(Term::Run(vec![piece.folded])),
                _ => terms.push(Term::Word { folded: piece.folded, is_prefix: false }),
            }
        }
        if let Some(Term::Word { is_prefix, .. }) = terms.last_mut() {
            *is_prefix = true;
        }
        Self(terms)
    }

    /// The query in the language of FTS5; `None` if there is nothing to look for. Each term stands in quotes, and has
    /// none in it, so nothing that was typed is a word of that language.
    pub(super) fn expression(&self) -> Option<String> {
        let terms: Vec<String> = self.0.iter().map(Term::expression).collect();
        (!terms.is_empty()).then(|| terms.join(" AND "))
    }

    /// Where the terms are in a text: ranges of bytes, in order, none touching another.
    pub(super) fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let pieces = Cutting::of(text).0;
        let mut found: Vec<Range<usize>> = Vec::new();
        for start in 0..pieces.len() {
            let rest = pieces.get(start..).unwrap_or_default();
            for range in self.0.iter().filter_map(|term| term.range_at(rest)) {
                match found.last_mut() {
                    Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                    _ => found.push(range),
                }
            }
        }
        found
    }
}

impl Term {
    fn expression(&self) -> String {
        match self {
            Self::Word { folded, is_prefix } => format!("\"{folded}\"{}", if *is_prefix { " *" } else { "" }),
            Self::Run(signs) if signs.len() > 1 => {
                let pairs: Vec<String> = signs.windows(2).map(<[String]>::concat).collect();
                format!("\"{}\" *", pairs.join(" "))
            }
            Self::Run(signs) => format!("\"{}\" *", signs.concat()),
        }
    }

    /// Where the term is, if the pieces begin with it.
    fn range_at(&self, pieces: &[Piece]) -> Option<Range<usize>> {
        let first = pieces.first()?;
        match self {
            Self::Word { folded, is_prefix } => {
                let is_it = if *is_prefix { first.folded.starts_with(folded) } else { first.folded == *folded };
                (!first.is_sign && is_it).then(|| first.range.clone())
            }
            Self::Run(signs) => {
                let run = pieces.get(..signs.len())?;
                let (last, before) = run.split_last()?;
                let (last_sign, signs_before) = signs.split_last()?;
                let is_run = first.is_sign && run.iter().skip(1).all(|piece| piece.is_joined);
                let is_it = before.iter().zip(signs_before).all(|(piece, sign)| piece.folded == *sign)
                    && last.folded.starts_with(last_sign);
                (is_run && is_it).then_some(first.range.start..last.range.end)
            }
        }
    }
}

/// What a character is to the cutting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Class {
    /// Part of a word.
    Word,
    /// Of a script without spaces.
    Sign,
    /// Belongs to what is before it.
    Mark,
    /// Between words.
    Gap,
}

impl Class {
    fn of(sign: char) -> Self {
        if sign.is_ascii() {
            return if sign.is_ascii_alphanumeric() { Self::Word } else { Self::Gap };
        }
        if is_mark(sign) || is_joiner(sign) {
            return Self::Mark;
        }
        // The long vowel of Japanese belongs to two scripts, and so to none.
        let is_long_vowel = matches!(sign, '\u{30fc}' | '\u{ff70}');
        let is_letter = sign.is_alphanumeric();
        if is_long_vowel || is_letter && WITHOUT_SPACES.contains(&sign.script()) || !is_letter && sign.is_emoji_char() {
            return Self::Sign;
        }
        if is_letter { Self::Word } else { Self::Gap }
    }
}

/// What a piece counts as.
fn fold(piece: &str) -> String {
    if piece.is_ascii() {
        return piece.chars().take(WORD_CHARS_MAX).map(|sign| sign.to_ascii_lowercase()).collect();
    }
    let (mut folded, mut has_accents) = (String::with_capacity(piece.len()), false);
    for sign in piece.nfkd() {
        if is_mark(sign) {
            if !has_accents && !is_left_out(sign) {
                folded.push(sign);
            }
            continue;
        }
        has_accents = matches!(sign.script(), Script::Latin | Script::Greek);
        match sign {
            'ß' | 'ẞ' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            _ if is_joiner(sign) || is_left_out(sign) => {}
            _ if sign.is_alphanumeric() || sign.is_emoji_char() && !sign.is_ascii() => {
                folded.extend(sign.to_lowercase())
            }
            _ => {}
        }
    }
    folded.nfc().take(WORD_CHARS_MAX).collect()
}

/// Accents, vowel signs, and the marks of voiced sounds of half-width Katakana.
fn is_mark(sign: char) -> bool {
    !sign.is_ascii()
        && (sign.general_category_group() == GeneralCategoryGroup::Mark || matches!(sign, '\u{ff9e}' | '\u{ff9f}'))
}

/// Joins characters to one sign, or keeps them apart, and is not seen itself.
const fn is_joiner(sign: char) -> bool {
    matches!(sign, '\u{200c}' | '\u{200d}')
}

/// What many leave out where they write: the points of Hebrew and Arabic, the stroke that makes an Arabic word longer, and
/// how an emoji is to be drawn.
const fn is_left_out(sign: char) -> bool {
    matches!(
        sign,
        '\u{591}'..='\u{5c7}'
            | '\u{640}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{6d6}'..='\u{6dc}'
            | '\u{6df}'..='\u{6ed}'
            | '\u{fe00}'..='\u{fe0f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(query: &str, text: &'a str) -> Vec<&'a str> {
        Query::of(query).ranges(text).into_iter().map(|range| &text[range]).collect()
    }

    fn expression(query: &str) -> String {
        Query::of(query).expression().unwrap_or_default()
    }

    #[test]
    fn words_are_folded_and_pairs_are_cut() {
        for (text, cut) in [
            ("Hello, World!", "hello world"),
            ("Café CAFÉ cafe\u{301}", "cafe cafe cafe"),
            ("don't 3.14", "don t 3 14"),
            ("Straße ΟΔΟΣ", "strasse οδοσ"),
            ("会議", "会議 議"),
            ("設定を開く", "設定 定を を開 開く く"),
            ("Slackで会議", "slack で会 会議 議"),
            ("ﾌｧｲﾙ ガ ｶﾞ", "ファ ァイ イル ル ガ ガ"),
            ("ファイルサーバー", "ファ ァイ イル ルサ サー ーバ バー ー"),
            ("我们 开会", "我们 们 开会 会"),
            ("한국어 회의", "한국어 회의"),
            ("мой Ёж", "мой ёж"),
            ("हिन्दी में", "हिन्दी में"),
            ("👍🏽 ok", "👍🏽 🏽 ok"),
            ("שָׁלוֹם كـتـاب", "שלום كتاب"),
            ("⑴ ½", "1 12"),
            ("", ""),
            (" \u{301}?", ""),
        ] {
            assert_eq!(Cutting::for_index(text), cut, "{text}");
        }
        // Thai has vowels above and below, which belong to their consonant.
        assert_eq!(Cutting::for_index("ที่นี่"), "ที่นี่ นี่");
    }

    #[test]
    fn what_is_cut_is_within_its_limits_and_has_no_sign_of_the_index() {
        let long = "x".repeat(1_000);
        assert_eq!(Cutting::for_index(&long).len(), WORD_CHARS_MAX);
        assert_eq!(found(&long[..100], &long), [long.as_str()]);
        let every: String = (0..=u32::from(char::MAX)).filter_map(char::from_u32).flat_map(|c| [c, ' ']).collect();
        let cut = Cutting::for_index(&every);
        assert!(cut.chars().all(|c| c == ' ' || !c.is_ascii() || c.is_ascii_alphanumeric()));
        assert!(Query::of(&"a ".repeat(10_000)).0.len() <= QUERY_CHARS_MAX);
    }

    #[test]
    fn what_is_typed_never_speaks_to_the_index() {
        assert_eq!(expression("hello"), "\"hello\" *");
        assert_eq!(expression("Hello wor"), "\"hello\" AND \"wor\" *");
        assert_eq!(expression("会"), "\"会\" *");
        assert_eq!(expression("会議室"), "\"会議 議室\" *");
        assert_eq!(expression("a\" OR cut:b* NEAR(c) ^d -e"), {
            "\"a\" AND \"or\" AND \"cut\" AND \"b\" AND \"near\" AND \"c\" AND \"d\" AND \"e\" *"
        });
        assert_eq!(Query::of("\"*()").expression(), None);
    }

    #[test]
    fn nobody_can_type_the_word_of_a_room() {
        assert_eq!(Cutting::for_index(&room_word(17)), "17");
        assert_eq!(expression(&room_word(17)), "\"17\" *");
    }

    #[test]
    fn hits_are_shown_in_the_original_text() {
        assert_eq!(found("cafe", "Das Café, und ein CAFE\u{301}."), ["Café", "CAFE\u{301}"]);
        assert_eq!(found("ken wor", "Kent's ken has words and sword"), ["ken", "words"]);
        assert_eq!(found("会議", "明日の会議室、会議"), ["会議", "会議"]);
        assert_eq!(found("議", "会議室"), ["議"]);
        assert_eq!(found("ファイル", "ﾌｧｲﾙをファイル"), ["ﾌｧｲﾙ", "ファイル"]);
        assert_eq!(found("会議", "会、議"), [""; 0], "signs apart are no pair");
        assert_eq!(found("aa a", "aa bb aa"), ["aa", "aa"]);
        assert_eq!(found("会議 議室", "会議室"), ["会議室"], "what overlaps is one range");
    }
}
