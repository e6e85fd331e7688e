//! Carol's chain in the kept rooms, as Bo is given it: announced and wrapped once, because that takes milliseconds.

use std::sync::LazyLock;

use conversa::crypto::Suite;
use conversa::wire::{ItemKind, Wrap, decode, encode};

use super::client_harness::{ClientHarness, newest_prekey};
use super::payloads::Prekey;
use super::people::{BO, CAROL};
use super::rooms::room;
use super::sender::Sender;

/// A chain and its key for Bo.
pub(super) struct Given {
    pub sender: Sender,
    pub wrap: Wrap,
}

/// Carol's first chain in the kept room of a suite with chains.
pub(super) fn given(suite: Suite) -> &'static Given {
    static SECURE: LazyLock<Given> = LazyLock::new(|| make(Suite::Classical));
    static HYBRID: LazyLock<Given> = LazyLock::new(|| make(Suite::Hybrid));
    match suite {
        Suite::Hybrid => &HYBRID,
        _ => &SECURE,
    }
}

/// Bo's first prekey comes of the randomness he is handed, which is always the same.
fn make(suite: Suite) -> Given {
    let harness = ClientHarness::live(suite, BO);
    let prekey: Prekey = decode(&newest_prekey(&harness.sent).expect("Bo has a prekey").payload).unwrap();
    let sender = Sender::announce(room(suite), CAROL, 1);
    let wrap = sender.wrap(suite, BO, &prekey);
    Given { sender, wrap }
}

/// Bo, and Carol's chain which he can read.
pub(super) fn listening(suite: Suite) -> (ClientHarness, Sender) {
    let mut harness = ClientHarness::live(suite, BO);
    let given = given(suite);
    harness.item(ItemKind::SkPacket, encode(&given.sender.common), Some(given.wrap.clone()));
    (harness, given.sender.clone())
}
