//! Every input that the fuzz targets keep, through the same bodies: what a fuzzer found once stays found, without a
//! fuzzer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the last input it names is the one that failed")]

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/targets/mod.rs"]
#[allow(unreachable_pub, reason = "the fuzz crate exports them")]
mod targets;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The inputs in a directory, in the order of their names.
fn inputs(directory: &str, target: &str) -> Vec<PathBuf> {
    let directory = fuzz().join(directory).join(target);
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn replay(target: &str) {
    let (_, body) = targets::ALL.into_iter().find(|(name, _)| *name == target).unwrap();
    let corpus = inputs("corpus", target);
    assert!(corpus.len() >= 8, "{target} has a corpus");
    for file in corpus.into_iter().chain(inputs("regressions", target)) {
        println!("{}", file.display());
        body(&fs::read(file).unwrap());
    }
}

macro_rules! replays {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*
    };
}

replays! {
    frame bundle genesis roster prekey skpacket msg item invite_link key_files host client differential
}

#[test]
#[ignore = "writes fuzz/rooms anew, which no input fits any more that is kept"]
fn write_rooms() {
    for (name, bytes) in targets::seeds::rooms() {
        fs::write(fuzz().join("rooms").join(name), bytes).unwrap();
    }
}

#[test]
#[ignore = "writes the seeds of fuzz/corpus anew"]
fn write_seeds() {
    for (target, name, bytes) in targets::seeds::all() {
        let directory = fuzz().join("corpus").join(target);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(name), bytes).unwrap();
    }
}
