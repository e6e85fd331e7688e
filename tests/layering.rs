//! The house's layers, held: imports go down only and never in a circle, and each layer lacks what it must not have.
//! Reads the sources, so that no compiler is needed to see a breach.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a test program has no outside")]

#[path = "layering/circles.rs"]
mod circles;
#[path = "common/sources.rs"]
mod project;
#[path = "layering/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::path::PathBuf;

use self::sources::{Parsed, Source, code_of, weight};

/// Which other layers a layer may name. Whatever is not listed here is no layer.
const MAY_NAME: [(&str, &[&str]); 8] = [
    ("crypto", &[]),
    ("wire", &["crypto"]),
    ("protocol", &["crypto", "wire"]),
    ("store", &["crypto", "wire", "protocol"]),
    ("net", &["crypto", "wire", "protocol"]),
    ("app", &["crypto", "wire", "protocol", "store", "net"]),
    ("gui", &["crypto", "protocol", "app"]),
    ("cli", &["crypto", "protocol", "app"]),
];

/// What only some layers may say, and why.
const ONLY_IN: [(&str, &[&str], &str); 14] = [
    ("slint::", &["gui"], "only the window knows Slint"),
    ("mio::", &["net"], "only the net waits on sockets"),
    ("rustls::", &["net"], "only the net speaks TLS"),
    ("TcpStream", &["net"], "only the net opens sockets"),
    ("TcpListener", &["net"], "only the net opens sockets"),
    ("UdpSocket", &["net"], "only the net opens sockets"),
    ("openssl::", &["crypto"], "backends are behind CryptoBackend"),
    ("rusqlite::", &["store"], "only the store speaks SQL, and the hosted rooms' logs"),
    ("num_bigint", &["crypto"], "backends are behind CryptoBackend"),
    ("ring::", &["crypto"], "algorithms are the crypto layer's"),
    ("SystemTime", &["net", "app", "gui", "cli"], "the pure layers are handed the time"),
    ("Instant::now", &["store", "net", "app", "gui", "cli"], "the pure layers are handed the time"),
    ("std::fs", &["store", "app", "gui", "cli"], "files are the app's business, but for the store's one"),
    ("std::thread", &["store", "net", "app", "gui", "cli"], "the pure layers have no threads"),
];

/// Single files and folders that may say more, and why.
const EXEMPT: [(&str, &str, &str); 3] = [
    ("crypto/cost.rs", "Instant::now", "it measures what the suites cost"),
    ("net/log", "rusqlite::", "a host answers for what it numbered, and has no store: it is nobody's app"),
    ("net/log", "std::fs", "these are files like those, of what a host knows"),
];

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
            let is_exempt = EXEMPT.iter().any(|(path, what, _)| source.path.starts_with(path) && *what == word);
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

/// Whether a room has sender keys is asked where its `Sealing` is made, and by its host, who has to tell absences apart.
#[test]
fn a_client_never_knows_how_its_room_is_sealed() {
    for source in sources().filter(|source| source.path.starts_with("protocol/client")) {
        let sealers = ["learning::", "SenderKeys", "Learning", "SendChain", "ReceiveChain", "PrivatePrekey"];
        for word in sealers.into_iter().chain(["has_sender_keys", "has_ml_kem"]) {
            assert!(!has_word(&source.code, word), "{} says {word}", source.path.display());
        }
    }
}

/// Where a client may ask whether a room is for learning, and why. None of these is about sealing.
const ASKS_FOR_LEARNING: [(&str, &str); 2] = [
    ("protocol/client/commands.rs", "no safety number where everybody can read along: it would promise too much"),
    ("protocol/client/entering.rs", "a secure suite is chosen in the lobby, a learning room by a person's consent"),
];

/// The choice is made once, with the `Sealing`. Each place of the list asks once; one that asks no more fails too.
#[test]
fn a_client_asks_whether_its_room_is_for_learning_where_that_is_listed() {
    let client = sources().filter(|source| source.path.starts_with("protocol/client"));
    let asks = client.flat_map(|source| {
        assert!(!names(&source.code, "Textbook"), "{} names the suite itself", source.path.display());
        let times = source.code.matches("is_learning").count();
        std::iter::repeat_n(source.path.display().to_string(), times)
    });
    let mut asks: Vec<String> = asks.collect();
    asks.sort_unstable();
    assert_eq!(asks, ASKS_FOR_LEARNING.map(|(file, _)| file));
}

/// What the conversation understands of an event, the window and the terminal show alike.
#[test]
fn the_terminal_reads_the_conversation_and_not_the_events_it_is_made_of() {
    for source in sources().filter(|source| source.layer == "cli") {
        for word in ["MembershipEvent", "Event"] {
            assert!(!names(&source.code, word), "{} says {word}", source.path.display());
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

/// Words of types and fields that are secrets in themselves. A type that wraps one of them keeps it in a `Private`, or
/// writes its own `Debug` and compares in constant time, or does neither.
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
    "private_exponent:",
    "secret:[",
    "token:Option<[",
    "passphrase:String",
    "seed:[",
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
        for line in source.code.lines().filter(|line| line.contains("==") || line.contains("!=")) {
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
    let careless = |text: &str| careless(&read(text)).len();
    assert_eq!(
        careless("#[derive(Clone)]\nstruct A {\n    secret: [u8; 32],\n}\n#[derive(Debug)]\nstruct B(u8);\n"),
        0
    );
    assert_eq!(careless("#[derive(Debug)] #[serde(default)] pub struct A { x: u8, key: Zeroizing<[u8; 32]> }"), 1);
    assert_eq!(careless("#[derive(Debug)] enum A { B { x: u8 }, C { token: Option<[u8; 32]> } }"), 1);
    assert_eq!(careless("#[derive(PartialEq)] struct A(PKey<Private>);"), 1);
    assert_eq!(careless("#[derive(Debug, ZeroizeOnDrop)] struct A([u8; 32]);"), 1);
    assert_eq!(careless("#[derive(Debug)] struct A { x: Private<Option<Zeroizing<[u8; 32]>>>, y: u8 }"), 0);
    assert_eq!(careless("#[derive(Debug)] struct A { x: Private<u8>, y: Zeroizing<[u8; 32]> }"), 1);
    assert_eq!(careless("#[derive(Debug)] struct A(NotPrivate<Zeroizing<String>>);"), 1);
    assert!(names("if mac == *other {", "mac") && !names("machine == other", "mac"));
}

/// Types that hold a secret and derive what would show it, or compare it byte by byte.
fn careless(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, derive) in code.match_indices("#[derive(") {
        let rest = &code[start + derive.len()..];
        let Some((traits, item)) = rest.split_once(")]") else { continue };
        let item = &item[..end_of_type(item)];
        let open = without_private(item);
        let holds_secret = traits.contains("ZeroizeOnDrop") || SECRETS.iter().any(|word| open.contains(word));
        let derives = traits.split(',').any(|name| matches!(name.trim(), "Debug" | "PartialEq"));
        if holds_secret && derives {
            found.push(format!("{traits}: {}", item.trim().lines().next().unwrap_or_default()));
        }
    }
    found
}

/// A type without what it keeps in a `Private`, which shows nothing and compares in the same time, or not at all.
fn without_private(item: &str) -> String {
    let mut pieces = item.split("Private<");
    let mut open = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_another = open.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let mut depth = 1_usize;
        let end = piece.find(|sign| {
            depth = if sign == '<' { depth + 1 } else { depth - usize::from(sign == '>') };
            depth == 0
        });
        open.push_str(if is_another { piece } else { &piece[end.unwrap_or(piece.len())..] });
    }
    open
}

/// Behind the braces of a type, or the semicolon of one that has none.
fn end_of_type(item: &str) -> usize {
    let mut depth = 0_usize;
    for (at, sign) in item.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' if depth <= 1 => return at,
            '}' => depth -= 1,
            ';' if depth == 0 && item[at..].starts_with(";\n") => return at,
            _ => {}
        }
    }
    item.len()
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
fn the_reader_of_sources_leaves_out_tests_and_comments_and_nothing_else() {
    let code = read(
        "//! mio::\nuse a::b; // mio::\n/// rustls::\n/* Instant::now */ let x = 1;\n#[cfg(test)]\nmod golden_tests;\n\
         #[cfg(test)]\nuse ring::x;\n#[cfg(test)]\n#[allow(unused)]\nimpl A { fn f() { ring::x(); } }\n\
         struct B { #[cfg(test)] counter: ring::C, kept: D }\n#[cfg(not(test))]\nfn g() { std::fs::read(\"//\"); }\n\
         #[cfg(test)]\nmod tests { use ring::x; }\nfn last() { std::thread::spawn(|| ()); }",
    );
    for kept in ["use a::b;", "let x=1;", "kept:D", "std::fs::read(\"//\")", "std::thread::spawn"] {
        assert!(code.contains(kept), "{kept} in {code}");
    }
    for hidden in ["mio::", "rustls::", "Instant::now", "ring::", "golden_tests"] {
        assert!(!code.contains(hidden), "{hidden} in {code}");
    }
    assert!(has_word("use ring::digest;", "ring::") && !has_word("String::new()", "ring::"));
    assert!(
        !has_word("use rustls::crypto::ring::kx_group;", "ring::") && has_word("time::Instant::now()", "Instant::now")
    );
    assert!(names_layer("use crate::app::conversation;", "app") && names_layer("use crate::{app, net};", "net"));
    assert!(!names_layer("use crate::application;", "app"));
}

/// A file that nobody reads could say anything.
#[test]
fn every_file_is_read_or_belongs_to_tests_alone() {
    let tree = sources::tree();
    let read: BTreeSet<PathBuf> = tree.sources.iter().map(|source| source.path.clone()).collect();
    let both: BTreeSet<PathBuf> = read.union(&tree.of_tests).cloned().collect();
    let unread: Vec<PathBuf> = sources::files().difference(&both).cloned().collect();
    assert!(unread.is_empty(), "no module declares {unread:?}");
    for source in &tree.sources {
        // Documentation is looked at nowhere, and a file may have more of it than of code.
        let text = sources::text(&source.path);
        let code = text.lines().filter(|line| !["//!", "///"].iter().any(|sign| line.trim_start().starts_with(sign)));
        let code = code.collect::<Vec<_>>().join("\n");
        let whole: Vec<_> = code.parse::<proc_macro2::TokenStream>().unwrap().into_iter().collect();
        let (kept, all) = (weight(&source.tokens), weight(&whole));
        assert!(kept * 4 >= all, "only {kept} of {all} words of {} are looked at", source.path.display());
    }
}

/// Wherever in a file it stands: before the tests, between them, behind them.
#[test]
fn a_breach_is_seen_in_every_file() {
    for source in sources() {
        let text = sources::text(&source.path);
        let behind = read(&format!("{text}\nfn planted() {{ planted::here(); }}\n"));
        assert!(has_word(&behind, "planted::"), "behind {}", source.path.display());
        for (at, _) in text.match_indices("\n#[cfg(test)]") {
            let before = read(&format!("{}\nfn planted() {{ planted::here(); }}\n{}", &text[..at], &text[at..]));
            assert!(has_word(&before, "planted::"), "in {}", source.path.display());
        }
    }
}

#[test]
fn no_imports_go_in_a_circle() {
    let found = circles::circles(&sources::tree().sources);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_finder_of_circles_follows_what_a_parent_passes_on() {
    let module = |path: &str, module: &[&str], text: &str| {
        let tokens = Parsed::of(text).tokens;
        let (code, module) = (code_of(&tokens), module.iter().map(ToString::to_string).collect());
        Source { path: PathBuf::from(path), layer: "a".into(), module, code, tokens }
    };
    let parent =
        || module("a/mod.rs", &["a"], "mod b; mod c; pub use self::b::{B, Other as Alias}; fn f() { c::go() }");
    let leaf = |name: &str, text| module(&format!("a/{name}.rs"), &["a", name], text);
    let found = |b, c| circles::circles(&[parent(), leaf("b", b), leaf("c", c)]);
    let circle = || BTreeSet::from([vec!["a/b.rs".to_owned(), "a/c.rs".to_owned()]]);
    assert_eq!(found("use super::shared; fn f() { super::g() }", "use super::B;"), BTreeSet::new());
    assert_eq!(found("use super::c::C;", "use super::B;"), circle());
    assert_eq!(found("use crate::a::c;", "fn f(x: crate::a::Alias) {}"), circle());
    assert_eq!(found("fn f() { macro!(super::c::C) }", "use super::{self, b::{x, B as Y}};"), circle());
}

/// Every source file of the library in a layer.
fn sources() -> impl Iterator<Item = Source> {
    // lib.rs and main.rs are the map and the composition.
    sources::tree().sources.into_iter().filter(|source| !source.layer.is_empty())
}

/// The code of a file's text.
fn read(text: &str) -> String {
    code_of(&Parsed::of(text).tokens)
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
