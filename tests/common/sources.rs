//! The project's own files, for tests that read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file with this extension at or below a place of the project, in the order of their names.
pub(crate) fn files(place: &str, extension: &str) -> Vec<PathBuf> {
    files_where(place, |path| path.extension().is_some_and(|known| known == extension))
}

/// Every file at or below a place of the project that is wanted, in the order of their names.
pub(crate) fn files_where(place: &str, is_wanted: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![root().join(place)]);
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if is_wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}
