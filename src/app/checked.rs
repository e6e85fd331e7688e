//! Files with a checksum, and a second copy of each: disk damage is noticed, and usually repaired.
//!
//! ```text
//! "conversa file 2\n" || SHA-256(content) || content
//! ```
//!
//! Every change writes both copies, one after the other, so a crash leaves at least one intact, at most one change
//! behind. A file from before there were checksums has neither; it is read as it is, and gets both with the next
//! change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::files;
use crate::crypto::primitives::sha256;

/// How a file with a checksum starts. No CBOR does.
const MAGIC: &[u8] = b"conversa file 2\n";
/// Bytes of the checksum after it.
const CHECKSUM_BYTES: usize = 32;
/// The file name suffix of a second copy.
pub(super) const COPY: &str = "copy";

/// What is found in a file's place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// What was written.
    Whole(Vec<u8>),
    /// It does not start like a file with a checksum: it is older than those, or something else.
    Unchecked(Vec<u8>),
    /// Not what was written.
    Damaged,
    /// Nothing.
    Missing,
}

/// Reads what is at `path`, and checks it.
pub(super) fn read(path: &Path) -> io::Result<Found> {
    Ok(match files::read(path)? {
        None => Found::Missing,
        Some(bytes) => check(bytes),
    })
}

fn check(bytes: Vec<u8>) -> Found {
    let Some(rest) = bytes.strip_prefix(MAGIC) else { return Found::Unchecked(bytes) };
    match rest.split_at_checked(CHECKSUM_BYTES) {
        Some((checksum, content)) if checksum == sha256(content) => Found::Whole(content.to_vec()),
        _ => Found::Damaged,
    }
}

/// Replaces the file at `path` and then its copy.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let bytes = [MAGIC, &sha256(content), content].concat();
    files::write(path, &bytes)?;
    files::write(&copy_of(path), &bytes)
}

/// Removes the file at `path` and its copy, if they exist.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    for file in [path, &copy_of(path)] {
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Where the second copy of the file at `path` is.
pub(super) fn copy_of(path: &Path) -> PathBuf {
    path.with_extension(COPY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bit_and_no_cut_goes_unnoticed_in_either_copy() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file.cbor");
        assert_eq!(read(&path).unwrap(), Found::Missing);
        write(&path, b"what was written").unwrap();
        let good = fs::read(&path).unwrap();
        for copy in [path.clone(), copy_of(&path)] {
            assert_eq!(read(&copy).unwrap(), Found::Whole(b"what was written".to_vec()));
            for place in 0..good.len() * 8 {
                let mut bytes = good.clone();
                bytes[place / 8] ^= 1 << (place % 8);
                let is_in_head = place < MAGIC.len() * 8;
                let expected = if is_in_head { Found::Unchecked(bytes.clone()) } else { Found::Damaged };
                fs::write(&copy, &bytes).unwrap();
                assert_eq!(read(&copy).unwrap(), expected, "bit {place}");
            }
            for length in 0..good.len() {
                fs::write(&copy, &good[..length]).unwrap();
                assert!(!matches!(read(&copy).unwrap(), Found::Whole(_) | Found::Missing), "cut at {length}");
            }
        }
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
