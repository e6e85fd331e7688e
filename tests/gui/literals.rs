//! The string literals of source files, Rust and Slint, with the code before each.

use std::fs;
use std::path::PathBuf;

use crate::sources::{files, root};

/// A string literal.
pub(crate) struct Literal {
    /// The file, below the directory that was read.
    pub(crate) file: String,
    pub(crate) line: usize,
    /// All code before it, without comments and white space at its end, and with `""` for every literal.
    pub(crate) before: String,
    /// What it says.
    pub(crate) text: String,
}

impl Literal {
    /// Whether it has words, beside what is put into it.
    pub(crate) fn has_letters(&self) -> bool {
        let mut depth = 0;
        self.text.chars().any(|letter| {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0 && letter.is_alphabetic()
        })
    }

    pub(crate) fn follows(&self, code: &str) -> bool {
        self.before.ends_with(code)
    }
}

impl std::fmt::Debug for Literal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}: {:?}", self.file, self.line, self.text)
    }
}

/// The literals of all files with this extension in a directory of the project and below it.
pub(crate) fn of_directory(directory: &str, extension: &str) -> Vec<Literal> {
    let of_file = |path: PathBuf| {
        let name = path.strip_prefix(root().join(directory)).unwrap().to_string_lossy().replace('\\', "/");
        of_text(&name, &fs::read_to_string(&path).unwrap())
    };
    // Tests that fill a file of their own say what no window shows.
    let is_read = |path: &PathBuf| path.file_name().is_none_or(|name| name != "tests.rs");
    files(directory, extension).into_iter().filter(is_read).flat_map(of_file).collect()
}

/// The literals of a file, without those of its tests, which stand last.
fn of_text(file: &str, text: &str) -> Vec<Literal> {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    let (mut found, mut before, mut at) = (Vec::new(), String::new(), 0);
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = length_of_character(rest) {
            length
        } else if next == '"' {
            let length = length_of_string(rest);
            let text_of = unescape(&rest[1..length - 1]);
            let line = text[..at].lines().count();
            found.push(Literal { file: file.to_owned(), line, before: before.trim_end().to_owned(), text: text_of });
            before.push_str("\"\"");
            length
        } else {
            before.push(next);
            next.len_utf8()
        };
        at += length;
    }
    found
}

/// A character literal such as `'"'` or `'\''`: no lifetime.
fn length_of_character(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let first = inside.chars().next()?;
    let end = if first == '\\' { 1 + inside[1..].char_indices().nth(1)?.0 } else { first.len_utf8() };
    inside[end..].starts_with('\'').then_some(end + 2)
}

/// The string that begins here, with both its quotes.
fn length_of_string(rest: &str) -> usize {
    let mut escaped = true;
    for (index, letter) in rest.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    panic!("a string without an end");
}

/// What a string says. A line that ends in a backslash goes on in the next, without its indentation.
fn unescape(text: &str) -> String {
    let mut said = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, (letter == '\\').then(|| letters.next()).flatten()) {
            ('\\', Some('n')) => said.push('\n'),
            ('\\', Some('\n')) => while letters.next_if(|next| next.is_whitespace()).is_some() {},
            ('\\', Some(other)) => said.push(other),
            (letter, _) => said.push(letter),
        }
    }
    said
}

#[test]
fn literals_are_found_with_what_stands_before_them() {
    let source = "a(\"one\") // \"no\"\n/* \"no\" */ b!(\n  \"t\\\"w\\\n   o\\n\", 'c', '\\'', '\"', &'a x, \"{three} ü\")\n#[cfg(test)] \"no\"";
    let found = of_text("file", source);
    let texts: Vec<&str> = found.iter().map(|literal| literal.text.as_str()).collect();
    assert_eq!(texts, ["one", "t\"wo\n", "{three} ü"]);
    assert!(found[0].follows("a(") && found[1].follows("a(\"\") \n b!("));
    assert!(found[0].has_letters() && found[2].has_letters());
    assert!(!of_text("file", "\"{name}-{0}\"")[0].has_letters());
    assert!(
        of_directory("ui", "slint").len() > 300 && of_directory("src/app", "rs").len() > 100,
        "the files are found"
    );
}
