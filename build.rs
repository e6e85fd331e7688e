//! Compiles the window's Slint files.

fn main() {}
