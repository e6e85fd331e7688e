//! Every reason that a host gives, by `Refuse` or `Bye`, in every phase of a client: what the client does, and
//! what a person is told.

use std::collections::BTreeSet;

use conversa::app::{Code, Problem};
use conversa::crypto::Suite;
use conversa::protocol::limits::{RETRY_MAX_MS, RETRY_SOON_MAX_MS, RETRY_SOON_MS};
use conversa::protocol::{ByeCode, Entry, Event, LinkError, RefuseCode, Stop};
use conversa::wire::{Bye, Frame, Refuse};

use crate::findings::restart;
use crate::net::Net;

/// Where Bo is on his way into Ann's room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Looking,
    Joining,
    /// A member, after a restart of the app.
    Returning,
    /// A member, after a cut.
    Resuming,
    Syncing,
    Settling,
    Live,
}

impl Phase {
    const ALL: [Self; 7] =
        [Self::Looking, Self::Joining, Self::Returning, Self::Resuming, Self::Syncing, Self::Settling, Self::Live];

    /// Whether Bo was in the room, or comes back to it.
    const fn is_member(self) -> bool {
        !matches!(self, Self::Looking | Self::Joining)
    }

    /// Whether Bo has just asked to be let in.
    const fn is_entering(self) -> bool {
        matches!(self, Self::Joining | Self::Returning | Self::Resuming)
    }
}

/// What the host says next is what the test says: its own answer from here on is lost.
fn hold(net: &mut Net, first_lost: fn(&Frame) -> bool) {
    let mut is_lost = false;
    net.tamper = Some(Box::new(move |name, frame| {
        is_lost |= name == "bo" && first_lost(&frame);
        let is_reason = matches!(frame, Frame::Refuse(_) | Frame::Bye(_));
        (name != "bo" || !is_lost || is_reason).then_some(frame)
    }));
}

fn bo_in(phase: Phase) -> Net {
    let mut net = Net::with_owner(Suite::Textbook, "ann", false);
    let entry = Entry::Invite(net.invite());
    let is_welcome = |frame: &Frame| matches!(frame, Frame::Welcome(_));
    match phase {
        Phase::Looking => {
            hold(&mut net, |frame| matches!(frame, Frame::Lobby(_)));
            net.add_looking("bo", entry);
            net.settle();
            return net;
        }
        Phase::Joining => hold(&mut net, is_welcome),
        _ => {}
    }
    net.add("bo", entry, None);
    net.drive();
    match phase {
        Phase::Looking | Phase::Joining | Phase::Live => {}
        Phase::Returning => {
            hold(&mut net, is_welcome);
            restart(&mut net, "bo");
        }
        Phase::Resuming => hold(&mut net, is_welcome),
        Phase::Syncing => hold(&mut net, |frame| matches!(frame, Frame::Item(_))),
        Phase::Settling => hold(&mut net, |frame| matches!(frame, Frame::Pong(_))),
    }
    if matches!(phase, Phase::Resuming | Phase::Syncing | Phase::Settling) {
        net.people.get_mut("bo").unwrap().online = false;
        net.cut("bo");
        net.send("ann", "meanwhile");
        net.drive();
        net.people.get_mut("bo").unwrap().online = true;
        net.wait(RETRY_SOON_MAX_MS);
    }
    net.settle();
    net.people.get_mut("bo").unwrap().events.clear();
    net
}

/// What Bo is told when the host says `frame` and goes.
fn told(phase: Phase, frame: &Frame, closes: bool) -> Vec<Event> {
    let mut net = bo_in(phase);
    net.slip_to("bo", frame);
    net.settle();
    if closes {
        net.cut("bo");
        net.settle();
    }
    net.people["bo"].events.clone()
}

fn offline(events: &[Event]) -> Option<LinkError> {
    events.iter().find_map(|event| if let Event::Offline { error, .. } = event { Some(error.clone()) } else { None })
}

fn stopped(events: &[Event]) -> Option<Stop> {
    events.iter().find_map(|event| if let Event::Stopped(stop) = event { Some(stop.clone()) } else { None })
}

#[test]
fn every_goodbye_keeps_its_reason_in_every_phase() {
    for phase in Phase::ALL {
        for code in (0..=9).chain([77, u8::MAX]).map(ByeCode::from_code) {
            let events = told(phase, &Frame::Bye(Bye { code: code.code() }), true);
            let at = format!("{phase:?}, {code:?}: {events:?}");
            match code {
                ByeCode::Replaced => assert_eq!(stopped(&events), Some(Stop::Replaced), "{at}"),
                _ if phase.is_member() => assert_eq!(offline(&events), Some(LinkError::Goodbye(code)), "{at}"),
                _ => assert_eq!(stopped(&events), Some(Stop::Unreachable(LinkError::Goodbye(code))), "{at}"),
            }
        }
    }
}

#[test]
fn every_refusal_keeps_its_reason_in_every_phase() {
    for phase in Phase::ALL {
        for code in (0..=12).chain([77, u8::MAX]).map(RefuseCode::from_code) {
            let events = told(phase, &Frame::Refuse(Refuse { code: code.code() }), false);
            let at = format!("{phase:?}, {code:?}: {events:?}");
            let is_for_now =
                matches!(code, RefuseCode::NoRoom | RefuseCode::NoKnocking | RefuseCode::OwnerAway | RefuseCode::Busy);
            let asks_anew = phase == Phase::Resuming && matches!(code, RefuseCode::Gone | RefuseCode::NoRoom);
            if asks_anew {
                // It asked to join on the same link; the host, which said nothing of the kind, ends that.
                assert_eq!(offline(&events), Some(LinkError::Goodbye(ByeCode::Protocol)), "{at}");
            } else if !phase.is_entering() {
                assert_eq!((offline(&events), stopped(&events)), (None, None), "{at}");
            } else if phase.is_member() && is_for_now {
                assert_eq!(offline(&events), Some(LinkError::TurnedAway(code)), "{at}");
            } else {
                assert_eq!(stopped(&events), Some(Stop::Refused(code)), "{at}");
            }
        }
    }
}

/// A person reads why, and a script tells one reason from another.
#[test]
fn every_reason_has_a_sentence_and_a_code_of_its_own() {
    let goodbyes = (0..=8).chain([77]).map(ByeCode::from_code);
    let refusals = (1..=11).chain([77]).map(RefuseCode::from_code);
    let mut told: Vec<(String, Problem)> = Vec::new();
    for code in goodbyes {
        told.push((format!("{code:?}"), Problem::from(&LinkError::Goodbye(code))));
    }
    for code in refusals {
        told.push((format!("{code:?}"), Problem::from(code)));
        told.push((format!("{code:?} for now"), Problem::from(&LinkError::TurnedAway(code))));
    }
    for (code, problem) in &told {
        let is_leaving = matches!(code.as_str(), "Leaving" | "GoingAway");
        assert_eq!(is_leaving, problem.code == Code::HostClosed, "{code}: {problem}");
        assert_eq!(is_leaving, problem.text().contains("went offline"), "{code}: {problem}");
        assert!((3..=6).contains(&problem.code.exit()) || problem.code == Code::Unexpected, "{code}: {problem}");
    }
    let goodbyes: BTreeSet<&str> = told.iter().take(10).map(|(_, problem)| problem.code.as_str()).collect();
    assert_eq!(goodbyes.len(), 9, "0 and 5 alone mean the same: {goodbyes:?}");
    let texts: BTreeSet<String> = told.iter().map(|(_, problem)| problem.text()).collect();
    assert_eq!(texts.len(), 23, "{texts:#?}");
    assert!(Problem::from(&LinkError::Goodbye(ByeCode::Other(77))).text().contains("77"));
    assert!(Problem::from(RefuseCode::Other(77)).text().contains("77"));
}

#[test]
fn in_the_first_minute_it_is_tried_again_every_three_seconds_and_then_less_and_less_often() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo"]);
    net.people.get_mut("bo").unwrap().online = false;
    net.people.get_mut("bo").unwrap().events.clear();
    let lost_ms = net.now.monotonic_ms;
    net.cut("bo");
    let mut tries: Vec<u64> = Vec::new();
    while net.now.monotonic_ms < lost_ms + 5 * RETRY_SOON_MS {
        let known = net.people["bo"].events.len();
        net.advance(50);
        net.settle();
        let tried = net.people["bo"].events[known..].iter().filter(|event| matches!(event, Event::Connecting)).count();
        tries.extend((0..tried).map(|_| net.now.monotonic_ms - lost_ms));
    }
    let waits: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (soon, later): (Vec<_>, Vec<_>) = tries.iter().zip(&waits).partition(|(at, _)| **at < RETRY_SOON_MS);
    assert!(tries[0] <= 1_050 && soon.iter().all(|(_, wait)| **wait <= RETRY_SOON_MAX_MS + 50), "{tries:?}");
    assert!(later.iter().all(|(_, wait)| **wait <= RETRY_MAX_MS + 50), "{tries:?}");
    assert!(later.iter().any(|(_, wait)| **wait > RETRY_MAX_MS / 2), "{tries:?}");
    let different: BTreeSet<u64> = waits.iter().copied().collect();
    assert!(different.len() > waits.len() / 3, "not everybody comes back at once: {waits:?}");
}

/// A host counts what somebody announces, whatever their app knows of it, and each new run announces twice:
/// a script that sends one message a run, as fast as it goes, is slowed down and not turned away.
#[test]
fn a_script_that_comes_back_for_each_message_is_slowed_down_and_told_why() {
    let mut net = Net::new(Suite::Classical, &["ann", "bo"]);
    let (mut waited, mut longest_ms) = (0, 0);
    for round in 0..20 {
        let began_ms = net.now.monotonic_ms;
        restart(&mut net, "bo");
        let id = net.send("bo", &round.to_string());
        while !net.saw("bo", &Event::OnHost { id, without: Vec::new() }) {
            net.advance(50);
            net.settle();
            assert!(net.now.monotonic_ms < began_ms + 30_000, "message {round}: {:?}", net.people["bo"].events);
        }
        longest_ms = longest_ms.max(net.now.monotonic_ms - began_ms);
        match offline(&net.people["bo"].events) {
            None => {}
            Some(error) => {
                assert_eq!(error, LinkError::Goodbye(ByeCode::Rate));
                waited += 1;
            }
        }
    }
    assert!(waited > 5, "the host never minded");
    assert!(longest_ms <= 3 * RETRY_SOON_MAX_MS, "{longest_ms} ms");
    assert_eq!(net.inbox("ann"), (0..20).map(|round| round.to_string()).collect::<Vec<_>>());
}
