//! Rooms whose logs are kept, over real sockets and on a real disk. It stands by itself, for it reads what is logged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

#[path = "common/events.rs"]
mod events;
#[path = "common/kept_log.rs"]
mod kept_log;
#[path = "common/keys.rs"]
mod keys;
mod net_support;
#[path = "common/next.rs"]
mod next;
#[path = "common/patience.rs"]
mod patience;
#[path = "common/until.rs"]
mod until;

use conversa::crypto::Suite;
use conversa::net::{Command, ListenerId, NetLimits};
use conversa::protocol;
use log::LevelFilter;

use self::kept_log::KeptLog;
use self::net_support::World;

static LOG: KeptLog = KeptLog::of("conversa::net::hosted_logs");

/// What is said when a member is not read for a while.
const PAUSE: &str = "is not read until more is on the disk";

#[test]
fn rooms_are_kept_wherever_they_are_hosted_and_nobody_is_read_while_too_much_waits_for_the_disk() {
    LOG.begin(LevelFilter::Debug);
    let place = tempfile::tempdir().unwrap();
    let logs = place.path().join("host");
    let mut world = World::new(Suite::Classical);
    // With the usual limits nobody has to wait.
    let first = world.host_keeping(&logs, NetLimits::default());
    let genesis = world.open(first);
    world.join("bo", first);
    world.says("ann", &["bo"]);
    world.says("bo", &["ann"]);
    assert!(!LOG.text().contains(PAUSE), "{}", LOG.text());
    // The same rooms at another listener, which holds back nothing that it need not.
    world.handle.send(Command::Unlisten(ListenerId(1)));
    for name in ["ann", "bo"] {
        world.told_to(name, "offline", |event| matches!(event, protocol::Event::Offline { .. }).then_some(()));
    }
    world.handle.send(Command::Remove(net_support::id("ann")));
    let second = world.host_keeping(&logs, NetLimits { held_bytes_max: 0, ..NetLimits::default() });
    assert_ne!(first, second);
    let addresses = vec![second.to_string()];
    world.handle.send(Command::Addresses { id: net_support::id("bo"), addresses });
    world.reopen(second, genesis, Vec::new());
    world.ready("bo");
    world.join("carol", second);
    for _ in 0..5 {
        world.says("ann", &["bo", "carol"]);
        world.says("bo", &["ann", "carol"]);
        world.says("carol", &["ann", "bo"]);
    }
    assert!(LOG.text().contains(PAUSE), "{}", LOG.text());
}
