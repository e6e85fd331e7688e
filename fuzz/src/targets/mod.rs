//! The bodies of the fuzz targets: ordinary functions of bytes that panic when something does not hold. libFuzzer
//! calls them through `fuzz_targets/`, and `tests/fuzz_corpora.rs` calls them with every input that is kept.

mod chains;
mod client_harness;
mod desk;
mod input;
mod log;
mod made_up;
mod payloads;
mod people;
mod rooms;
mod sender;
mod words;

pub mod bundle;
pub mod client;
pub mod differential;
pub mod frame;
pub mod genesis;
pub mod host;
pub mod invite_link;
pub mod item;
pub mod key_files;
pub mod msg;
pub mod prekey;
pub mod roster;
pub mod seeds;
pub mod skpacket;

/// A target's name, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target there is.
pub const ALL: [Target; 13] = [
    ("frame", frame::run),
    ("bundle", bundle::run),
    ("genesis", genesis::run),
    ("roster", roster::run),
    ("prekey", prekey::run),
    ("skpacket", skpacket::run),
    ("msg", msg::run),
    ("item", item::run),
    ("invite_link", invite_link::run),
    ("key_files", key_files::run),
    ("host", host::run),
    ("client", client::run),
    ("differential", differential::run),
];
