//! The library's sources as tokens, with only the test items left out: comments cannot hide code, nor can code hide
//! behind a test. Modules are followed from the crate's two roots, as the compiler does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::project;

/// A source file without comments and without test items.
pub struct Source {
    /// Below `src`.
    pub path: PathBuf,
    /// The first directory of the path; empty for the crate's roots.
    pub layer: String,
    /// Names of the module, from the crate's root.
    pub module: Vec<String>,
    /// The code, one statement or item a line, without spaces between signs.
    pub code: String,
    /// The code's tokens.
    pub tokens: Vec<TokenTree>,
}

/// What following the modules has found.
pub struct Tree {
    /// Every module that is compiled into the library or the program.
    pub sources: Vec<Source>,
    /// Files that belong to tests only.
    pub of_tests: BTreeSet<PathBuf>,
}

/// Reads every module below `src`.
pub fn tree() -> Tree {
    let mut tree = Tree { sources: Vec::new(), of_tests: BTreeSet::new() };
    for start in ["lib.rs", "main.rs"] {
        follow(Path::new(start), Path::new(""), Vec::new(), &mut tree);
    }
    tree
}

/// Every file below `src`, whoever names it.
pub fn files() -> BTreeSet<PathBuf> {
    let below = |path: PathBuf| path.strip_prefix(root()).unwrap().to_owned();
    project::files("src", "rs").into_iter().map(below).collect()
}

/// The text of a file below `src`.
pub fn text(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    project::root().join("src")
}

/// Takes a file and all modules that it declares. `directory` is where those lie.
fn follow(path: &Path, directory: &Path, module: Vec<String>, tree: &mut Tree) {
    let parsed = Parsed::of(&text(path));
    for child in &parsed.modules {
        let (child_path, child_directory) = place(directory, child);
        if child.is_test {
            if root().join(&child_path).exists() {
                mark_as_test(&child_path, &child_directory, &mut tree.of_tests);
            }
        } else {
            let names = module.iter().chain([&child.name]).cloned().collect();
            follow(&child_path, &child_directory, names, tree);
        }
    }
    let mut parts = path.components();
    let first = parts.next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default();
    let layer = if parts.next().is_some() { first } else { String::new() };
    tree.sources.push(Source {
        path: path.to_owned(),
        layer,
        module,
        code: code_of(&parsed.tokens),
        tokens: parsed.tokens,
    });
}

fn mark_as_test(path: &Path, directory: &Path, of_tests: &mut BTreeSet<PathBuf>) {
    for child in Parsed::of(&text(path)).modules {
        let (child_path, child_directory) = place(directory, &child);
        mark_as_test(&child_path, &child_directory, of_tests);
    }
    of_tests.insert(path.to_owned());
}

/// The file of a declared module, and the directory of its own modules.
fn place(directory: &Path, child: &Declared) -> (PathBuf, PathBuf) {
    if let Some(path) = &child.path {
        let path = directory.join(path);
        let directory = path.parent().unwrap_or(directory).to_owned();
        return (path, directory);
    }
    let inside = directory.join(&child.name);
    let flat = directory.join(format!("{}.rs", child.name));
    (if root().join(&flat).exists() { flat } else { inside.join("mod.rs") }, inside)
}

/// A `mod name;`.
struct Declared {
    name: String,
    path: Option<String>,
    is_test: bool,
}

/// A file's tokens without its test items, and the modules that it declares.
pub struct Parsed {
    pub tokens: Vec<TokenTree>,
    modules: Vec<Declared>,
}

impl Parsed {
    pub fn of(text: &str) -> Self {
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("no Rust: {error}"));
        let mut modules = Vec::new();
        let tokens = without_tests(stream, Some(&mut modules));
        Self { tokens, modules }
    }
}

/// Leaves out documentation and each item, statement or field under `#[cfg(test)]`.
fn without_tests(stream: TokenStream, mut modules: Option<&mut Vec<Declared>>) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (attributes, start) = attributes_at(&tokens, at);
        let is_test = attributes.iter().any(|attribute| attribute.to_string().replace(' ', "") == "cfg(test)");
        if let (Some(modules), Some(name)) = (&mut modules, declared_module(&tokens, start)) {
            let path = attributes.iter().find_map(path_of);
            modules.push(Declared { name, path, is_test });
            let end = end_of_item(&tokens, start);
            kept.extend_from_slice(if is_test { &[] } else { &tokens[start..end] });
            at = end;
            continue;
        }
        if is_test {
            at = end_of_item(&tokens, start);
            continue;
        }
        for attribute in attributes.iter().filter(|attribute| !attribute.to_string().starts_with("doc =")) {
            kept.push(TokenTree::Punct(proc_macro2::Punct::new('#', proc_macro2::Spacing::Alone)));
            let inner = without_tests(attribute.clone(), None).into_iter().collect();
            kept.push(TokenTree::Group(Group::new(Delimiter::Bracket, inner)));
        }
        match tokens.get(start) {
            Some(TokenTree::Group(group)) => {
                let inner = without_tests(group.stream(), None).into_iter().collect();
                kept.push(TokenTree::Group(Group::new(group.delimiter(), inner)));
            }
            Some(token) => kept.push(token.clone()),
            None => {}
        }
        at = start + 1;
    }
    kept
}

/// The attributes that begin here, outer and inner, and where they end.
fn attributes_at(tokens: &[TokenTree], mut at: usize) -> (Vec<TokenStream>, usize) {
    let mut found = Vec::new();
    while is_punct(tokens.get(at), '#') {
        let group = if is_punct(tokens.get(at + 1), '!') { at + 2 } else { at + 1 };
        let Some(TokenTree::Group(attribute)) = tokens.get(group) else { break };
        found.push(attribute.stream());
        at = group + 1;
    }
    (found, at)
}

/// The name in `mod name;`, with whatever visibility.
fn declared_module(tokens: &[TokenTree], mut at: usize) -> Option<String> {
    if is_word(tokens.get(at), "pub") {
        at += 1;
        if matches!(tokens.get(at), Some(TokenTree::Group(_))) {
            at += 1;
        }
    }
    let is_declaration = is_word(tokens.get(at), "mod") && is_punct(tokens.get(at + 2), ';');
    is_declaration.then(|| tokens.get(at + 1).map(ToString::to_string)).flatten()
}

fn path_of(attribute: &TokenStream) -> Option<String> {
    let attribute = attribute.to_string();
    let path = attribute.strip_prefix("path = \"")?;
    Some(path.trim_end_matches('"').to_owned())
}

/// Past an item, a statement, a field or an arm: its `;` or `,`, or the braces that end it.
fn end_of_item(tokens: &[TokenTree], start: usize) -> usize {
    let ends_by_sign = ["use", "const", "static", "let", "type"];
    let by_sign =
        ends_by_sign.iter().any(|word| is_word(tokens.get(start), word)) && !is_word(tokens.get(start + 1), "fn");
    for (at, token) in tokens.iter().enumerate().skip(start) {
        let braces = matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if (braces && !by_sign) || is_punct(Some(token), ';') || is_punct(Some(token), ',') {
            return at + 1;
        }
    }
    tokens.len()
}

/// Whether the token is this word.
pub fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(found)) if found == word)
}

/// Whether the token is this sign.
pub fn is_punct(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == sign)
}

/// The tokens as text: a space only where two words would grow together, a line for each statement and item.
pub fn code_of(tokens: &[TokenTree]) -> String {
    let mut code = String::new();
    write_code(tokens, false, &mut code);
    code
}

fn write_code(tokens: &[TokenTree], in_brackets: bool, code: &mut String) {
    let is_part_of_word = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '"';
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => ("{\n", "}\n"),
                    Delimiter::None => ("", ""),
                };
                code.push_str(open);
                let in_brackets = group.delimiter() == Delimiter::Bracket;
                write_code(&group.stream().into_iter().collect::<Vec<_>>(), in_brackets, code);
                code.push_str(close);
            }
            // Not in `[u8; 32]`.
            TokenTree::Punct(sign) if sign.as_char() == ';' => code.push_str(if in_brackets { ";" } else { ";\n" }),
            token => {
                let text = token.to_string();
                if code.ends_with(is_part_of_word) && text.starts_with(is_part_of_word) {
                    code.push(' ');
                }
                code.push_str(&text);
            }
        }
    }
}

/// How many words and values the tokens hold.
pub fn weight(tokens: &[TokenTree]) -> usize {
    tokens
        .iter()
        .map(|token| match token {
            TokenTree::Group(group) => weight(&group.stream().into_iter().collect::<Vec<_>>()),
            TokenTree::Punct(_) => 0,
            TokenTree::Ident(_) | TokenTree::Literal(_) => 1,
        })
        .sum()
}
