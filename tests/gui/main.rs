//! The window, driven as a person drives it, without a display: it runs on the real session and on
//! real loopback hosts. Each test has people with profiles of their own; some have a window, some only
//! a session. Nothing waits longer than it has to, and nothing waits for good.
#![cfg(feature = "window")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say where")]
#![allow(clippy::print_stdout, reason = "the time a frame takes")]

#[path = "../common/accept.rs"]
mod accept;
mod bad_input;
mod catalogue;
mod clicked;
mod codes;
mod direction;
mod drawer;
mod focus;
mod fonts;
#[path = "../common/free_port.rs"]
mod free_port;
mod guest;
#[path = "../common/joined.rs"]
mod joined;
mod joining;
mod keyboard;
mod languages;
mod learning;
mod literals;
mod long_list;
mod long_room;
mod passphrases;
#[path = "../common/patience.rs"]
mod patience;
mod person;
#[path = "../common/profiles.rs"]
mod profiles;
mod remembering;
mod scrolling;
#[path = "../common/sources.rs"]
mod sources;
mod story;
mod talking;
mod texts;
mod translations;
mod trust;
#[path = "../common/until.rs"]
mod until;
