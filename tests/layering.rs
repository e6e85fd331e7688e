//! The house's layers, held: imports go down only, and each layer lacks what it must not have.
//! Reads the sources, so that no compiler is needed to see a breach.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which other layers a layer may name. Whatever is not listed here is no layer.
const MAY_NAME: [(&str, &[&str]); 7] = [
    ("crypto", &[]),
    ("wire", &["crypto"]),
    ("protocol", &["crypto", "wire"]),
    ("net", &["crypto", "wire", "protocol"]),
    ("app", &["crypto", "wire", "protocol", "net"]),
    ("gui", &["crypto", "protocol", "app"]),
    ("cli", &["crypto", "protocol", "app"]),
];

/// What only some layers may say, and why.
const ONLY_IN: [(&str, &[&str], &str); 13] = [
    ("slint::", &["gui"], "only the window knows Slint"),
    ("mio::", &["net"], "only the net waits on sockets"),
    ("rustls::", &["net"], "only the net speaks TLS"),
    ("TcpStream", &["net"], "only the net opens sockets"),
    ("TcpListener", &["net"], "only the net opens sockets"),
    ("UdpSocket", &["net"], "only the net opens sockets"),
    ("openssl::", &["crypto"], "backends are behind CryptoBackend"),
    ("num_bigint", &["crypto"], "backends are behind CryptoBackend"),
    ("ring::", &["crypto"], "algorithms are the crypto layer's"),
    ("SystemTime", &["net", "app", "gui", "cli"], "the pure layers are handed the time"),
    ("Instant::now", &["net", "app", "gui", "cli"], "the pure layers are handed the time"),
    ("std::fs", &["app", "gui", "cli"], "files are the app's business"),
    ("std::thread", &["net", "app", "gui", "cli"], "the pure layers have no threads"),
];

/// Single files that may say more, and why.
const EXEMPT: [(&str, &str, &str); 1] = [("crypto/cost.rs", "Instant::now", "it measures what the suites cost")];

/// A source file without its comments and its tests.
struct Source {
    path: PathBuf,
    layer: String,
    code: String,
}

#[test]
fn imports_go_down_only() {
    let mut breaches = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = MAY_NAME.iter().find(|(layer, _)| *layer == source.layer) else {
            breaches.push(format!("{} is in no layer of the house", source.path.display()));
            continue;
        };
        for (other, _) in MAY_NAME.iter().filter(|(other, _)| *other != source.layer && !allowed.contains(other)) {
            if names_layer(&source.code, other) {
                breaches.push(format!("{} names the layer {other}", source.path.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn each_layer_lacks_what_it_must_not_have() {
    let mut breaches = Vec::new();
    for source in sources() {
        for (word, layers, why) in ONLY_IN {
            let is_exempt = EXEMPT.iter().any(|(path, what, _)| source.path == Path::new(path) && *what == word);
            if !layers.contains(&source.layer.as_str()) && !is_exempt && has_word(&source.code, word) {
                breaches.push(format!("{} says {word}: {why}", source.path.display()));
            }
        }
    }
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn the_relay_never_opens_an_envelope() {
    for source in sources().filter(|source| source.path.starts_with("protocol/host")) {
        for word in
            ["ReceiveChain", "SendChain", "DecryptionKey", "EncryptionKey", "SigningKey", "x25519", "learning::"]
        {
            assert!(!has_word(&source.code, word), "{} says {word}", source.path.display());
        }
    }
}

#[test]
fn the_protocol_names_no_backend_and_draws_no_randomness() {
    for source in sources().filter(|source| matches!(source.layer.as_str(), "protocol" | "wire")) {
        for word in ["OpensslRsa", "TextbookRsa", "SystemRandom", "rand::"] {
            assert!(!has_word(&source.code, word), "{} says {word}", source.path.display());
        }
    }
}

#[test]
fn suites_meet_their_backends_in_one_place() {
    let places: Vec<PathBuf> = sources()
        .filter(|source| has_word(&source.code, "OpensslRsa") && has_word(&source.code, "TextbookRsa"))
        .map(|source| source.path)
        .collect();
    assert_eq!(places, [PathBuf::from("crypto/mod.rs")]);
}

/// Words of types and fields that are secrets in themselves. A type that wraps one of them writes its
/// own `Debug` and compares in constant time, or does neither.
const SECRETS: [&str; 14] = [
    "Zeroizing<",
    "PKey<Private>",
    "Ed25519KeyPair",
    "dyn SigningKey",
    "dyn DecryptionKey",
    "PrivateKey",
    "PrivatePrekey",
    "DecapsulationKey",
    "SharedSecret",
    "private_exponent: ",
    "secret: [",
    "token: Option<[",
    "passphrase: String",
    "seed: [",
];

#[test]
fn what_holds_a_secret_derives_neither_debug_nor_comparison() {
    let breaches: Vec<String> = sources()
        .flat_map(|source| {
            let path = source.path.display().to_string();
            careless(&source.code).into_iter().map(move |item| format!("{path}: {item}")).collect::<Vec<_>>()
        })
        .collect();
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn secrets_are_compared_by_what_takes_the_same_time() {
    let words = ["mac", "secret", "commitment", "chain_key", "seed", "passphrase", "scalar"];
    let mut breaches = Vec::new();
    for source in sources().filter(|source| matches!(source.layer.as_str(), "crypto" | "wire" | "protocol" | "net")) {
        for line in source.code.lines().filter(|line| line.contains(" == ") || line.contains(" != ")) {
            if words.iter().any(|word| names(line, word)) {
                breaches.push(format!("{}: {}", source.path.display(), line.trim()));
            }
        }
    }
    // Lengths are no secret, and `ct_eq` is what takes the same time.
    breaches.retain(|breach| !breach.contains(".len()") && !breach.contains(".ct_eq("));
    assert!(breaches.is_empty(), "{breaches:#?}");
}

#[test]
fn the_reader_of_types_finds_a_careless_one() {
    let careful = "#[derive(Clone)]\nstruct A {\n    secret: [u8; 32],\n}\n#[derive(Debug)]\nstruct B(u8);\n";
    assert_eq!(careless(careful), Vec::<String>::new());
    let wraps =
        "#[derive(Clone, Debug)]\n#[serde(default)]\npub struct A {\n    x: u8,\n    key: Zeroizing<[u8; 32]>,\n}\n";
    assert_eq!(careless(wraps).len(), 1);
    assert_eq!(careless("#[derive(PartialEq)]\nstruct A(PKey<Private>);\n").len(), 1);
    assert_eq!(careless("#[derive(Debug, ZeroizeOnDrop)]\nstruct A([u8; 32]);\n").len(), 1);
    assert!(names("if mac == *other {", "mac") && !names("machine == other", "mac"));
}

/// Types that hold a secret and derive what would show it, or compare it byte by byte.
fn careless(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, derive) in code.match_indices("#[derive(") {
        let rest = &code[start + derive.len()..];
        let Some((traits, item)) = rest.split_once(")]") else { continue };
        let end = [item.find("\n}"), item.find(";\n")].into_iter().flatten().min().unwrap_or(item.len());
        let item = &item[..end];
        let holds_secret = traits.contains("ZeroizeOnDrop") || SECRETS.iter().any(|word| item.contains(word));
        let derives = traits.split(',').any(|name| matches!(name.trim(), "Debug" | "PartialEq"));
        if holds_secret && derives {
            found.push(format!("{traits}: {}", item.trim().lines().next().unwrap_or_default()));
        }
    }
    found
}

/// Whether the line has the word by itself.
fn names(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(index, _)| {
        let (before, after) = (line[..index].chars().next_back(), line[index + word.len()..].chars().next());
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[test]
fn the_reader_of_sources_sees_through_comments_and_tests() {
    let code = code_of(
        "use a::b; // mio::\n/// rustls::\n/* Instant::now */ let x = 1;\n#[cfg(test)]\nmod tests { use ring::x; }",
    );
    assert!(code.contains("use a::b;") && code.contains("let x = 1;"));
    for hidden in ["mio::", "rustls::", "Instant::now", "ring::"] {
        assert!(!code.contains(hidden), "{hidden}");
    }
    assert!(has_word("use ring::digest;", "ring::") && !has_word("String::new()", "ring::"));
    assert!(
        !has_word("use rustls::crypto::ring::kx_group;", "ring::") && has_word("time::Instant::now()", "Instant::now")
    );
    assert!(names_layer("use crate::app::chat;", "app") && names_layer("use crate::{app, net};", "net"));
    assert!(!names_layer("use crate::application;", "app"));
    assert!(sources().count() > 50, "the sources are found");
}

/// Every source file of the library in a layer.
fn sources() -> impl Iterator<Item = Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    collect(&root, &root, &mut files);
    files.into_iter().filter_map(|(path, text)| {
        let mut parts = path.components();
        let layer = parts.next()?.as_os_str().to_string_lossy().into_owned();
        // lib.rs and main.rs are the map and the composition.
        parts.next()?;
        let is_tests = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
        (!is_tests).then(|| Source { code: code_of(&text), path, layer })
    })
}

fn collect(root: &Path, directory: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            files.insert(path.strip_prefix(root).unwrap().to_owned(), text);
        }
    }
}

/// The text without comments, and without what follows the first module of tests: those stand last.
fn code_of(text: &str) -> String {
    let before_tests = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut code = String::new();
    let mut rest = before_tests;
    while let Some(start) = rest.find("/*") {
        code.push_str(&rest[..start]);
        rest = rest[start..].find("*/").map_or("", |end| &rest[start + end + 2..]);
    }
    code.push_str(rest);
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Whether the code has the word, not as the end of a longer one, nor a crate's name as the end of a
/// path in another crate.
fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(index, _)| {
        let before = code[..index].chars().next_back();
        let in_a_path = word.ends_with("::") && before == Some(':');
        !in_a_path && !before.is_some_and(|before| before.is_alphanumeric() || before == '_')
    })
}

/// Whether the code names a layer of this crate: `crate::layer`, or in a group after `crate::{`.
fn names_layer(code: &str, layer: &str) -> bool {
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let path = format!("crate::{layer}");
    if code.match_indices(&path).any(|(index, _)| is_end(&code[index + path.len()..])) {
        return true;
    }
    code.match_indices("crate::{").any(|(index, start)| {
        let group = code[index + start.len()..].split(';').next().unwrap_or_default();
        group.split([',', '{', '}']).any(|part| part.trim().split("::").next() == Some(layer))
    })
}
