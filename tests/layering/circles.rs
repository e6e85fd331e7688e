//! Who imports whom, file by file, and where that goes round in a circle.
//!
//! A module may lean on those it is a part of: `super` from a child is no arrow. What a parent only passes on (`use
//! self::room::RoomState`) is an arrow to where it comes from.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenTree;

use super::sources::{Source, is_punct, is_word};

type Path = Vec<String>;

/// Groups of files that need each other, each sorted, by their paths below `src`.
pub fn circles(sources: &[Source]) -> BTreeSet<Vec<String>> {
    let modules = Modules::of(sources);
    let arrows: BTreeMap<&Path, BTreeSet<Path>> =
        sources.iter().map(|source| (&source.module, modules.leans_on(source))).collect();
    let reached: BTreeMap<&Path, BTreeSet<Path>> =
        arrows.keys().map(|&module| (module, reached_from(module, &arrows))).collect();
    let name = |module: &Path| modules.file_of[module].clone();
    let mut found = BTreeSet::new();
    for (&module, reach) in &reached {
        let back = |other: &&Path| reached.get(*other).is_some_and(|reach| reach.contains(module));
        let mut circle: Vec<String> = reach.iter().filter(back).map(&name).collect();
        if !circle.is_empty() {
            circle.push(name(module));
            circle.sort();
            circle.dedup();
            found.insert(circle);
        }
    }
    found
}

fn reached_from(module: &Path, arrows: &BTreeMap<&Path, BTreeSet<Path>>) -> BTreeSet<Path> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![module.clone()];
    while let Some(next) = waiting.pop() {
        for other in arrows.get(&next).into_iter().flatten() {
            if reached.insert(other.clone()) {
                waiting.push(other.clone());
            }
        }
    }
    reached
}

struct Modules {
    file_of: BTreeMap<Path, String>,
    /// Names that a module has by `use`, with the path that each stands for.
    imports: BTreeMap<Path, BTreeMap<String, Path>>,
}

impl Modules {
    fn of(sources: &[Source]) -> Self {
        let mut modules = Self { file_of: BTreeMap::new(), imports: BTreeMap::new() };
        for source in sources {
            modules.file_of.insert(source.module.clone(), source.path.display().to_string());
            let names = uses(&source.tokens).into_iter().map(|import| (import.name, import.path)).collect();
            modules.imports.insert(source.module.clone(), names);
        }
        modules
    }

    /// The other modules whose names the source says, without those that it is a part of.
    fn leans_on(&self, source: &Source) -> BTreeSet<Path> {
        let mut found = BTreeSet::new();
        for path in paths(&source.tokens) {
            if let Some(module) = self.home_of(&source.module, &path, 0)
                && !source.module.starts_with(&module)
            {
                found.insert(module);
            }
        }
        found
    }

    /// The module in which what the path names is at home; `None` where it leads out of the crate.
    fn home_of(&self, from: &Path, path: &[String], depth: usize) -> Option<Path> {
        let (first, mut rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Path::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            _ => {
                rest = path;
                from.clone()
            }
        };
        let is_relative = std::ptr::eq(rest, path);
        for (index, name) in rest.iter().enumerate() {
            if name == "super" {
                at.pop();
                continue;
            }
            let child: Path = at.iter().chain([name]).cloned().collect();
            if self.file_of.contains_key(&child) {
                at = child;
                continue;
            }
            let import = self.imports.get(&at).and_then(|imports| imports.get(name));
            // A name may stand for itself (`use super::x::y; y::z()`), but not for ever.
            if let Some(import) = import.filter(|_| depth < 8) {
                let whole: Path = import.iter().chain(&rest[index + 1..]).cloned().collect();
                return self.home_of(&at, &whole, depth + 1);
            }
            return (!is_relative || index > 0).then_some(at);
        }
        Some(at)
    }
}

struct Import {
    name: String,
    path: Path,
}

/// What the `use` items of a module bring in.
fn uses(tokens: &[TokenTree]) -> Vec<Import> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_word(tokens.get(at), "use") {
            let end = (at..tokens.len()).find(|&end| is_punct(tokens.get(end), ';')).unwrap_or(tokens.len());
            expand(&tokens[at + 1..end], &Path::new(), &mut found);
            at = end;
        }
        at += 1;
    }
    found
}

/// The leaves of a tree of imports.
fn expand(tokens: &[TokenTree], prefix: &Path, found: &mut Vec<Import>) {
    for part in tokens.split(|token| is_punct(Some(token), ',')) {
        let mut path = prefix.clone();
        let mut name = None;
        for (at, token) in part.iter().enumerate() {
            match token {
                TokenTree::Ident(word) if word == "as" => {
                    name = part.get(at + 1).map(ToString::to_string);
                    break;
                }
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    expand(&group.stream().into_iter().collect::<Vec<_>>(), &path, found);
                    path.clear();
                }
                _ => {}
            }
        }
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(last) = path.last().cloned() {
            found.push(Import { name: name.unwrap_or(last), path });
        }
    }
}

/// Every path that the tokens say, imported or in place.
fn paths(tokens: &[TokenTree]) -> Vec<Path> {
    let mut found: Vec<Path> = uses(tokens).into_iter().map(|import| import.path).collect();
    let mut at = 0;
    while at < tokens.len() {
        let mut path = Path::new();
        while let Some(TokenTree::Ident(word)) = tokens.get(at) {
            path.push(word.to_string());
            at += 1;
            if !(is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')) {
                break;
            }
            at += 2;
        }
        if path.len() > 1 {
            found.push(path);
            continue;
        }
        if let Some(TokenTree::Group(group)) = tokens.get(at) {
            found.extend(paths(&group.stream().into_iter().collect::<Vec<_>>()));
        }
        if path.is_empty() {
            at += 1;
        }
    }
    found
}
