//! Clients of sessions that keep what is said: nothing is confirmed before it is stored, and what comes again or is
//! missed is known as that.

use std::collections::BTreeSet;

use conversa::crypto::Suite;
use conversa::protocol::limits::TALKATIVE_MEMBERS_MAX;
use conversa::protocol::{Command, Content, Event, Keep, MessageId};

use crate::crowd::names;
use crate::findings::restart;
use crate::net::Net;

const SECURE: [Suite; 2] = [Suite::Classical, Suite::Hybrid];

/// A room of these, whose sessions keep what is said.
fn room_of(suite: Suite, names: &[&'static str]) -> Net {
    let mut net = Net::new(suite, names);
    names.iter().for_each(|name| keep(&mut net, name));
    net
}

fn keep(net: &mut Net, name: &'static str) {
    let mut person = net.people.remove(name).unwrap();
    person.client = person.client.keeping_messages();
    net.people.insert(name, person);
}

/// Everything that somebody was told until now is stored.
fn store(net: &mut Net, name: &'static str) {
    net.command(name, Command::Stored(net.people[name].keep_number));
}

/// Who has a message, as its sender knows.
fn has(net: &Net, sender: &str, id: MessageId) -> Vec<Event> {
    let told = net.people[sender].events.iter();
    told.filter(|event| matches!(event, Event::Delivered { id: of, .. } if *of == id)).cloned().collect()
}

fn count(net: &Net, name: &str, is_it: impl Fn(&Event) -> bool) -> usize {
    net.people[name].events.iter().filter(|event| is_it(event)).count()
}

#[test]
fn what_is_not_stored_is_not_confirmed_whatever_happens() {
    for suite in Suite::ALL {
        let mut net = room_of(suite, &["ann", "bo", "carol"]);
        let id = net.send("ann", "one");
        net.drive();
        assert_eq!(net.inbox("bo"), ["one"], "{suite:?}: it is shown at once");
        assert_eq!(net.people["bo"].keeps.last(), Some(&Keep::Received));
        assert_eq!(has(&net, "ann", id), [], "{suite:?}");
        // Carol goes without having stored it, and Bo stores it.
        net.command("carol", Command::GoOffline);
        store(&mut net, "bo");
        net.drive();
        let to = net.fingerprint("bo");
        assert_eq!(has(&net, "ann", id), [Event::Delivered { id, to }], "{suite:?}");
        let by = net.fingerprint("carol");
        assert!(net.saw("ann", &Event::MissedBy { id, by }), "{suite:?}");
        // A number of before confirms nothing new.
        let again = net.send("ann", "two");
        net.drive();
        net.command("bo", Command::Stored(net.people["bo"].keep_number - 1));
        net.drive();
        assert_eq!(has(&net, "ann", again), [], "{suite:?}");
        store(&mut net, "bo");
        net.drive();
        assert_eq!(has(&net, "ann", again).len(), 1, "{suite:?}");
    }
}

#[test]
fn what_comes_again_is_shown_once_and_confirmed_again() {
    for suite in Suite::ALL {
        let mut net = room_of(suite, &["ann", "bo"]);
        let id = net.send("ann", "one");
        net.drive();
        store(&mut net, "bo");
        net.drive();
        // Ann's session does not know that Bo has it.
        let content = Content::text("one");
        net.command("ann", Command::Send { id, content: content.clone(), said_ms: 5 });
        net.command("ann", Command::Send { id, content, said_ms: 5 });
        net.drive();
        assert_eq!(net.inbox("bo"), ["one"], "{suite:?}");
        assert_eq!(has(&net, "ann", id).len(), 1, "{suite:?}: not stored again yet");
        store(&mut net, "bo");
        net.drive();
        let on_host = count(&net, "ann", |event| matches!(event, Event::OnHost { id: of, .. } if *of == id));
        assert_eq!((has(&net, "ann", id).len(), on_host), (2, 2), "{suite:?}: and it went out once more, not twice");
    }
}

#[test]
fn what_was_said_earlier_is_told_as_of_then_and_is_no_wrong_clock() {
    for suite in Suite::ALL {
        let mut net = room_of(suite, &["ann", "bo"]);
        let said_ms = net.now.unix_ms - 10 * 24 * 3_600_000;
        let id = MessageId([9; 16]);
        net.command("ann", Command::Send { id, content: Content::text("long ago"), said_ms });
        net.drive();
        assert_eq!(
            count(&net, "bo", |event| matches!(event, Event::Message { sent_ms, .. } if *sent_ms == said_ms)),
            1
        );
        assert_eq!(count(&net, "bo", |event| matches!(event, Event::ClockDiffers { .. })), 0, "{suite:?}");
    }
}

#[test]
fn whoever_can_read_again_is_told_and_nothing_is_counted_that_comes_again() {
    for suite in SECURE {
        let mut net = room_of(suite, &["ann", "bo", "carol"]);
        let bo = net.fingerprint("bo");
        let reachable =
            |net: &Net, name: &str| count(net, name, |event| *event == Event::MemberReachable { member: bo });
        net.drive();
        let before = reachable(&net, "ann");
        assert!(before > 0, "{suite:?}");
        net.send("ann", "with Bo");
        net.drive();
        assert_eq!(reachable(&net, "ann"), before, "{suite:?}: once");
        for name in ["bo", "carol"] {
            store(&mut net, name);
        }
        net.drive();
        net.command("bo", Command::GoOffline);
        net.drive();
        net.send("ann", "one");
        net.send("carol", "two");
        net.drive();
        restart(&mut net, "bo");
        keep(&mut net, "bo");
        net.drive();
        assert!(reachable(&net, "ann") > before && reachable(&net, "carol") > 0, "{suite:?}");
        assert_eq!(count(&net, "bo", |event| matches!(event, Event::Missed { .. })), 0, "{suite:?}: both are here");
        // Whoever is away sends nothing again for now.
        net.command("bo", Command::GoOffline);
        net.drive();
        net.send("carol", "three");
        net.send("ann", "four");
        net.drive();
        net.command("carol", Command::GoOffline);
        net.drive();
        restart(&mut net, "bo");
        net.drive();
        let counts = count(&net, "bo", |event| matches!(event, Event::Missed { count: 1, .. }));
        assert_eq!(counts, 1, "{suite:?}: {:?}", net.people["bo"].events);
    }
}

#[test]
fn what_was_said_before_somebody_new_came_is_counted() {
    for suite in SECURE {
        let mut net = room_of(suite, &["ann", "bo", "carol"]);
        net.command("bo", Command::GoOffline);
        net.drive();
        net.send("ann", "one");
        net.send("ann", "two");
        net.drive();
        net.add_and_join("dave");
        net.send("ann", "three");
        net.drive();
        restart(&mut net, "bo");
        net.drive();
        let counts = count(&net, "bo", |event| matches!(event, Event::Missed { count: 2, .. }));
        assert_eq!(counts, 1, "{suite:?}: {:?}", net.people["bo"].events);
    }
}

/// In a large room nobody confirms, so nobody knows what to send again.
#[test]
fn in_a_large_room_what_was_missed_is_counted_as_ever() {
    let mut names = names(TALKATIVE_MEMBERS_MAX + 1);
    let mut net = Net::with_places(Suite::Classical, names[0], false, 20);
    names[1..].iter().for_each(|name| net.add_and_join(name));
    net.drive();
    names.iter().for_each(|name| keep(&mut net, name));
    let last = names.pop().unwrap();
    net.command(last, Command::GoOffline);
    net.drive();
    net.send(names[0], "one");
    net.drive();
    restart(&mut net, last);
    net.wait(2_000);
    assert_eq!(count(&net, last, |event| matches!(event, Event::Missed { count: 1, .. })), 1);
}

/// What somebody saw of the log when they spoke says nothing of what they stored.
#[test]
fn whoever_speaks_confirms_nothing_by_it() {
    for suite in Suite::ALL {
        let mut net = room_of(suite, &["ann", "bo"]);
        let id = net.send("ann", "one");
        net.drive();
        net.send("bo", "two");
        net.drive();
        assert_eq!((net.inbox("ann"), has(&net, "ann", id)), (vec!["two".to_owned()], vec![]), "{suite:?}");
        store(&mut net, "bo");
        net.drive();
        assert_eq!(has(&net, "ann", id).len(), 1, "{suite:?}");
    }
}

/// Somebody comes between the command and its turn.
#[test]
fn what_is_sent_again_is_kept_from_whoever_came_since() {
    for suite in SECURE {
        let mut net = room_of(suite, &["ann", "bo"]);
        let id = net.send("ann", "one");
        net.drive();
        let readers = BTreeSet::from([net.fingerprint("bo")]);
        let again = || Command::SendAgain { id, content: Content::text("one"), said_ms: 5, readers: readers.clone() };
        net.command("ann", again());
        net.drive();
        let on_host = |net: &Net| count(net, "ann", |event| matches!(event, Event::OnHost { .. }));
        assert_eq!(on_host(&net), 2, "{suite:?}");
        // It is on its way when the roster changes.
        net.stop_host();
        net.command("ann", again());
        net.continue_host();
        net.add_and_join("carol");
        net.command("ann", again());
        net.drive();
        assert_eq!(net.inbox("carol"), Vec::<String>::new(), "{suite:?}");
        assert!(!net.has_unsent("ann"), "{suite:?}");
    }
}
