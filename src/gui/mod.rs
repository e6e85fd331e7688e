//! The window: the only part of the program that knows Slint.
//!
//! It never sees a key and makes no decision; it shows what it is told and passes on what is asked.

// What the compiler of the `.slint` files writes is not held to the rules of hand-written code.
#[allow(missing_docs, unreachable_pub, unused_qualifications)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::too_many_lines)]
mod generated {
    slint::include_modules!();
}

#[doc(hidden)]
pub use generated::*;
