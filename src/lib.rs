#![allow(missing_docs)]
#[cfg(feature = "window")]
pub mod gui;
