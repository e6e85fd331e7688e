//! The promises of the crypto backends: those that every suite keeps, the fixed numbers each must
//! give, and what the secure suite says to keys, and to OpenSSL's own command line.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

mod contract;
mod interop;
mod key_files;
#[path = "../common/keys.rs"]
mod keys;
#[path = "../common/output.rs"]
mod output;
#[path = "../common/patience.rs"]
mod patience;
mod policy;
mod primitives;
#[path = "../common/until.rs"]
mod until;
mod vectors;

use std::path::Path;
use std::sync::Arc;

use conversa::crypto::{CryptoBackend, DecryptionKey, SigningKey, Suite};

use self::keys::key_bytes;

/// A file under `tests/data`.
fn data(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)).unwrap()
}

fn signing(suite: Suite, name: &str) -> Box<dyn SigningKey> {
    suite.backend().signing_from_pkcs8(&key_bytes(suite, &format!("{name}.sign"))).unwrap()
}

fn decryption(suite: Suite, name: &str) -> Box<dyn DecryptionKey> {
    suite.backend().decryption_from_pkcs8(&key_bytes(suite, &format!("{name}.enc"))).unwrap()
}

/// All backends, for tests that compare them.
fn backends() -> [Arc<dyn CryptoBackend>; Suite::ALL.len()] {
    Suite::ALL.map(Suite::backend)
}

fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}
