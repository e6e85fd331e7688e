//! The keys in `tests/data/keys`: two each, for signing and for encryption, of ann, bo, carol and dave.

use std::path::Path;

use conversa::crypto::{Suite, key_file};

/// The plain encoding of a key, such as `ann.sign`.
pub(crate) fn key_bytes(suite: Suite, name: &str) -> Vec<u8> {
    let ending = if suite.is_learning() { ".learning.pem" } else { ".pem" };
    key_file::from_pem(&key_text(&format!("{name}{ending}")), suite.key_kind(), None).unwrap().to_vec()
}

/// The text of a key file.
pub(crate) fn key_text(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/keys").join(file)).unwrap()
}
