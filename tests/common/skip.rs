//! What a test does where it cannot be done: it says so.

use std::io::Write;

/// Tells that something is not tested here, and why. `.ci/run` lists and counts these lines, so they go past what
/// catches the output of tests that pass.
pub(crate) fn skip(reason: &str) {
    // In one piece, for other tests print beside this one.
    std::io::stdout().write_all(format!("\nSKIPPED: {reason}\n").as_bytes()).unwrap();
}
