//! How long each side waits for a sign of life from the other, and what it does then.

use conversa::crypto::Suite;
use conversa::protocol::limits::{
    ANSWER_PING_MS, DEAD_AFTER_MS, LOOK_AFTER_SAYING_MS, PING_AFTER_MS, PING_AFTER_SAYING_MS,
};
use conversa::protocol::{ByeCode, Event, Host, HostLimits, LinkError, LinkId, OpenPolicy, new_room};
use conversa::wire::{Bye, Frame, FrameReader, Open};

use crate::net::{Net, START, Seeded, identity};
use crate::rogue::Rogue;

#[test]
fn a_client_asks_a_quiet_host_twice_and_gives_it_up_after_the_third_wait() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo"]);
    net.send("ann", "the last sign of life");
    net.settle();
    // Until all that Bo said to that is known to have arrived.
    net.wait(20_000);
    // The host hears Bo, and Bo hears nothing.
    net.tamper = Some(Box::new(|name, frame| (name != "bo").then_some(frame)));
    net.sent_by = Some(("bo", Vec::new()));
    let known = net.people["bo"].events.len();
    net.wait_in_steps(DEAD_AFTER_MS - 20_000, 100);
    assert!(!is_offline(&net.people["bo"].events[known..]), "not dead yet");
    for _ in 0..200 {
        if !is_offline(&net.people["bo"].events[known..]) {
            net.wait_in_steps(100, 100);
        }
    }
    assert!(is_offline(&net.people["bo"].events[known..]));
    let asked = net.sent_by.unwrap().1.into_iter().filter(|(_, frame)| is_ping(frame));
    let asked_ms: Vec<u64> = asked.map(|(sent_ms, _)| sent_ms).collect();
    assert_eq!(asked_ms.len(), 2);
    assert!((PING_AFTER_MS..PING_AFTER_MS + 100).contains(&(asked_ms[1] - asked_ms[0])), "{asked_ms:?}");
}

fn is_offline(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Offline { error: LinkError::Cut, .. }))
}

fn is_ping(frame: &[u8]) -> bool {
    let mut reader = FrameReader::new(usize::MAX);
    reader.push(frame);
    matches!(reader.next_frame(), Ok(Some(Frame::Ping(_))))
}

#[test]
fn a_host_asks_a_quiet_member_twice_and_gives_it_up_after_the_third_wait() {
    let owner = identity(Suite::Textbook, 0);
    let mut host = Host::new(OpenPolicy::Anyone, HostLimits::default());
    let (_, genesis) = new_room(&owner, Suite::Textbook, false, 4, START, &mut Seeded::new(5)).unwrap();
    let mut member = Rogue::link(&mut host, LinkId(1), &owner);
    member.send(&Frame::Open(Open { genesis, token: None }));
    // What it was told at the start arrived.
    member.wait(LOOK_AFTER_SAYING_MS);
    member.wait(PING_AFTER_SAYING_MS);
    let Some(Frame::Ping(ping)) = member.frames().pop() else { panic!("not asked") };
    member.send(&Frame::Pong(ping));
    member.outputs.clear();
    let asked = |member: &Rogue<'_>| member.frames().iter().filter(|frame| matches!(frame, Frame::Ping(_))).count();
    for (wait_ms, times) in [(PING_AFTER_MS - 1, 0), (1, 1), (PING_AFTER_MS - 1, 1), (1, 2), (PING_AFTER_MS - 1, 2)] {
        member.wait(wait_ms);
        assert_eq!((asked(&member), member.closed()), (times, None));
        assert!(member.next_timeout().is_some_and(|due| due > member.now.monotonic_ms), "it sleeps in between");
    }
    member.wait(1);
    assert_eq!(member.closed(), Some(ByeCode::TimedOut));
}

/// The most that either side waits for a sign of life once it has said something short.
const NOTICED_MS: u64 = LOOK_AFTER_SAYING_MS + PING_AFTER_SAYING_MS + ANSWER_PING_MS;

/// A member that vanished without a word: a cable pulled, a process stopped.
#[test]
fn who_speaks_to_a_member_that_vanished_sees_that_within_ten_seconds() {
    const { assert!(NOTICED_MS < 10_000) };
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.wait(20_000);
        net.freeze("bo");
        net.wait(20_000);
        let away = Event::MemberAway { member: net.fingerprint("bo"), cut: true };
        assert!(!net.saw("ann", &away), "{suite:?}: nobody said anything, so a nap is forgiven");
        net.send("ann", "are you there?");
        net.wait(NOTICED_MS + 100);
        assert!(net.saw("ann", &away) && net.saw("carol", &away), "{suite:?}");
        assert!(!net.saw("ann", &Event::MemberAway { member: net.fingerprint("carol"), cut: true }), "{suite:?}");
        net.thaw("bo");
        net.wait(60_000);
        assert_eq!(net.inbox("bo").last().map(String::as_str), Some("are you there?"), "{suite:?}");
    }
}

/// The same the other way round: whoever speaks to a host that is gone hears of it soon.
#[test]
fn who_speaks_to_a_host_that_vanished_knows_within_ten_seconds() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.wait(20_000);
        net.tamper = Some(Box::new(|name, frame| (name != "bo").then_some(frame)));
        net.wait(20_000);
        assert!(!is_offline(&net.people["bo"].events), "{suite:?}: not a word was said");
        net.send("bo", "are you there?");
        net.wait(NOTICED_MS + 100);
        assert!(is_offline(&net.people["bo"].events), "{suite:?}");
    }
}

/// What was said before the link broke counts.
#[test]
fn a_goodbye_is_one_even_if_the_link_breaks_after_it() {
    for says_goodbye in [false, true] {
        let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
        if says_goodbye {
            net.slip_in("bo", &Frame::Bye(Bye { code: ByeCode::Leaving.code() }));
            net.settle();
        }
        net.people.get_mut("bo").unwrap().online = false;
        net.cut("bo");
        net.settle();
        assert!(net.saw("ann", &Event::MemberAway { member: net.fingerprint("bo"), cut: !says_goodbye }));
    }
}
