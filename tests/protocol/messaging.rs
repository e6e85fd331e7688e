//! What members say arrives, in order, at whom it should, on every suite.

use std::sync::Arc;

use conversa::crypto::Suite;
use conversa::protocol::limits::{BYTES_BURST, TEXT_BYTES_MAX};
use conversa::protocol::{Client, Command, Entry, Event, Identity, Stop};
use conversa::wire::FrameKind;

use crate::findings::restart;
use crate::net::{Net, START, crypto, identity};

#[test]
fn three_people_talk() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.send("ann", "hello");
        net.drive();
        net.send("bo", "hi Ann");
        net.send("bo", "");
        net.drive();
        assert_eq!(net.inbox("ann"), ["hi Ann", ""], "{suite:?}");
        assert_eq!(net.inbox("bo"), ["hello"]);
        assert_eq!(net.inbox("carol"), ["hello", "hi Ann", ""]);
    }
}

/// A program that is killed has only what is stored.
#[test]
fn what_is_not_stored_is_not_confirmed_whatever_is_said_meanwhile() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann"]);
        let invite = net.invite();
        net.add_keeping("bo", Entry::Invite(invite));
        net.drive();
        let stored = |net: &mut Net| net.command("bo", Command::Stored(net.people["bo"].keep_number));
        let [first, second] = ["one", "two"].map(|text| {
            let id = net.send("ann", text);
            Event::Delivered { id, to: net.fingerprint("bo") }
        });
        net.drive();
        assert_eq!(net.inbox("bo"), ["one", "two"]);
        net.send("bo", "words of his own");
        net.drive();
        assert!(!net.saw("ann", &first), "{suite:?}");
        stored(&mut net);
        net.send("ann", "three");
        net.drive();
        assert_eq!(net.inbox("bo").len(), 3);
        assert!(net.saw("ann", &first) && net.saw("ann", &second), "{suite:?}");
        let delivered = |net: &Net| {
            net.people["ann"].events.iter().filter(|event| matches!(event, Event::Delivered { .. })).count()
        };
        assert_eq!(delivered(&net), 2, "{suite:?}: a receipt is of what was stored, and not of all that came");
        stored(&mut net);
        net.drive();
        assert_eq!(delivered(&net), 3);
    }
}

#[test]
fn names_and_the_title_arrive_without_a_word_being_said() {
    for suite in Suite::ALL {
        let net = Net::new(suite, &["ann", "bo", "carol"]);
        for reader in ["ann", "bo", "carol"] {
            for other in ["ann", "bo", "carol"].into_iter().filter(|other| *other != reader) {
                let named = Event::MemberNamed { member: net.fingerprint(other), name: other.to_owned() };
                assert!(net.saw(reader, &named), "{suite:?}: {reader} does not know {other}");
            }
            assert!(net.saw(reader, &Event::Titled { title: "Friday".to_owned() }), "{suite:?}: {reader}");
        }
    }
}

#[test]
fn names_and_the_title_arrive_again_at_whoever_begins_anew() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        restart(&mut net, "bo");
        net.drive();
        for other in ["ann", "carol"] {
            let named = Event::MemberNamed { member: net.fingerprint(other), name: other.to_owned() };
            assert!(net.saw("bo", &named), "{suite:?}: Bo does not know {other}");
        }
        assert!(net.saw("bo", &Event::Titled { title: "Friday".to_owned() }), "{suite:?}");
    }
}

/// Nobody would listen to the title from others.
#[test]
fn who_is_no_owner_introduces_itself_with_a_name_alone() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.sent_by = Some(("bo", Vec::new()));
        restart(&mut net, "ann");
        net.drive();
        let messages = net.sent_by.unwrap().1.iter().filter(|(_, frame)| frame[4] == FrameKind::Msg.code()).count();
        assert_eq!(messages, 1, "{suite:?}");
    }
}

#[test]
fn a_name_comes_before_the_first_words() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.add_and_join("carol");
        net.send("carol", "me first");
        net.settle();
        for reader in ["ann", "bo"] {
            let events = &net.people[reader].events;
            let carol = net.fingerprint("carol");
            let named =
                events.iter().position(|event| matches!(event, Event::MemberNamed { member, .. } if *member == carol));
            let said = events.iter().position(|event| matches!(event, Event::Message { .. }));
            assert!(said.is_some() && named < said && named.is_some(), "{suite:?}: {reader}: {named:?} {said:?}");
        }
    }
}

#[test]
fn delivery_is_told_for_each_reader() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let id = net.send("ann", "hello");
        assert!(!net.saw("ann", &Event::OnHost { id, without: Vec::new() }));
        net.drive();
        net.drive();
        assert!(net.saw("ann", &Event::OnHost { id, without: Vec::new() }), "{suite:?}");
        for reader in ["bo", "carol"] {
            assert!(net.saw("ann", &Event::Delivered { id, to: net.fingerprint(reader) }), "{suite:?}: {reader}");
        }
    }
}

#[test]
fn words_to_nobody_wait_until_somebody_comes() {
    for suite in Suite::ALL {
        let mut net = Net::with_owner(suite, "ann", false);
        let id = net.send("ann", "anybody?");
        net.drive();
        assert!(net.saw("ann", &Event::Queued { id }));
        assert!(!net.saw("ann", &Event::OnHost { id, without: Vec::new() }));
        net.invite_and_join("bo");
        net.drive();
        assert_eq!(net.inbox("bo"), ["anybody?"], "{suite:?}");
    }
}

#[test]
fn whoever_is_away_is_named_beside_the_message() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.command("carol", Command::GoOffline);
        net.drive();
        assert_eq!(net.stop_of("carol"), Some(Stop::Offline));
        assert!(net.saw("ann", &Event::MemberAway { member: net.fingerprint("carol"), cut: false }), "{suite:?}");
        let id = net.send("ann", "hello");
        net.drive();
        assert!(net.saw("ann", &Event::OnHost { id, without: vec![net.fingerprint("carol")] }), "{suite:?}");
        assert_eq!(net.inbox("bo"), ["hello"]);
    }
}

#[test]
fn a_removed_member_reads_nothing_more() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.send("bo", "before");
        net.drive();
        let bo = net.fingerprint("bo");
        net.command("ann", Command::Remove(bo));
        net.drive();
        assert_eq!(net.stop_of("bo"), Some(Stop::Removed), "{suite:?}");
        assert!(net.saw("carol", &Event::MemberRemoved { member: bo }));
        net.send("ann", "after");
        net.drive();
        assert_eq!(net.inbox("carol"), ["before", "after"]);
        assert_eq!(net.inbox("bo"), Vec::<String>::new());
    }
}

#[test]
fn what_an_owner_wishes_in_vain_is_dropped_and_what_follows_is_done() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo", "carol"]);
    let (ann, bo, carol) = (net.fingerprint("ann"), net.fingerprint("bo"), net.fingerprint("carol"));
    let stranger = identity(Suite::Textbook, 9).fingerprint();
    for member in [ann, stranger, bo, bo, carol] {
        net.command("ann", Command::Remove(member));
    }
    net.drive();
    assert_eq!(net.stop_of("ann"), None);
    for member in [bo, carol] {
        let removed = Event::MemberRemoved { member };
        assert_eq!(net.people["ann"].events.iter().filter(|event| **event == removed).count(), 1);
    }
}

#[test]
fn leaving_for_good_is_told_and_is_not_a_removal() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        let bo = net.fingerprint("bo");
        net.command("bo", Command::Leave);
        net.drive();
        assert_eq!(net.stop_of("bo"), Some(Stop::Left), "{suite:?}");
        for reader in ["ann", "carol"] {
            assert!(net.saw(reader, &Event::MemberLeft { member: bo }), "{suite:?}: {reader}");
            assert!(!net.saw(reader, &Event::MemberRemoved { member: bo }), "{suite:?}: {reader}");
        }
    }
}

#[test]
fn a_goodbye_that_the_host_does_not_answer_ends_after_five_seconds() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.freeze("bo");
        net.command("bo", Command::Leave);
        net.wait_in_steps(4_900, 100);
        assert_eq!(net.stop_of("bo"), None, "{suite:?}");
        net.wait_in_steps(200, 100);
        assert_eq!(net.stop_of("bo"), Some(Stop::Left), "{suite:?}");
    }
}

#[test]
fn a_closed_room_is_closed_for_everybody() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.command("ann", Command::CloseRoom);
        net.drive();
        assert_eq!(net.stop_of("ann"), Some(Stop::Closed), "{suite:?}");
        assert_eq!(net.stop_of("bo"), Some(Stop::Closed), "{suite:?}");
        assert_eq!(net.host.rooms().count(), 0);
    }
}

#[test]
fn after_a_cut_everything_missed_arrives_once() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.send("ann", "one");
        net.drive();
        net.people.get_mut("bo").unwrap().online = false;
        net.cut("bo");
        net.drive();
        assert!(net.saw("ann", &Event::MemberAway { member: net.fingerprint("bo"), cut: true }), "{suite:?}");
        net.send("bo", "from the tunnel");
        net.send("carol", "two");
        net.drive();
        net.people.get_mut("bo").unwrap().online = true;
        for _ in 0..20 {
            net.drive();
        }
        assert_eq!(net.inbox("ann"), ["two", "from the tunnel"], "{suite:?}");
        let missed: &[&str] = if suite.is_learning() { &["one"] } else { &["one", "two"] };
        assert_eq!(net.inbox("bo"), missed, "{suite:?}: a learning room encrypts for whoever is connected");
    }
}

#[test]
fn a_message_cut_off_on_its_way_is_sent_again_once() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        for round in 0..5 {
            net.send("bo", &format!("round {round}"));
            net.cut("bo");
            for _ in 0..10 {
                net.drive();
            }
        }
        assert_eq!(net.inbox("ann"), (0..5).map(|round| format!("round {round}")).collect::<Vec<_>>(), "{suite:?}");
    }
}

#[test]
fn a_host_that_starts_again_gets_its_room_and_its_members_back() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo", "carol"]);
        net.send("ann", "before");
        net.drive();
        net.restart_host();
        for _ in 0..20 {
            net.drive();
        }
        net.send("carol", "after");
        net.drive();
        net.send("ann", "me too");
        net.drive();
        assert_eq!(net.inbox("bo"), ["before", "after", "me too"], "{suite:?}");
        assert_eq!(net.inbox("ann"), ["after"], "{suite:?}");
    }
}

#[test]
fn a_burst_is_slowed_down_not_thrown_out() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        for index in 0..200 {
            net.send("bo", &index.to_string());
        }
        for _ in 0..40 {
            net.drive();
        }
        assert_eq!(net.inbox("ann"), (0..200).map(|index| index.to_string()).collect::<Vec<_>>(), "{suite:?}");
    }
}

/// In learning rooms words become many bytes, and a host counts those too.
#[test]
fn a_burst_of_long_words_is_slowed_down_by_its_bytes() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo", "carol"]);
    let long = |index: usize| format!("{index} {}", "x".repeat(11_700));
    net.sent_by = Some(("bo", Vec::new()));
    for index in 0..40 {
        net.send("bo", &long(index));
    }
    net.settle();
    let at_once: usize = net.sent_by.take().unwrap().1.iter().map(|(_, frame)| frame.len()).sum();
    let most = usize::try_from(BYTES_BURST).unwrap() * 3 / 4;
    assert!((most / 2..=most).contains(&at_once), "{at_once} of {most} bytes");
    net.wait_in_steps(5_000, 50);
    assert_eq!(net.inbox("ann"), (0..40).map(long).collect::<Vec<_>>());
}

#[test]
fn too_long_words_are_refused_with_the_limit() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let id = net.send("ann", &"x".repeat(16 * 1024 + 1));
        net.drive();
        assert!(net.saw("ann", &Event::Rejected { id, limit: 16 * 1024 }), "{suite:?}");
        net.send("ann", &"y".repeat(4_000));
        net.drive();
        assert_eq!(net.inbox("bo"), ["y".repeat(4_000)], "{suite:?}");
    }
}

/// Whatever is handed to a client as a name or a title, its frame never leaves this computer.
#[test]
fn a_name_that_fits_no_frame_costs_nobody_a_link() {
    for suite in Suite::ALL {
        let mut net = Net::new(suite, &["ann", "bo"]);
        let long = "x".repeat(FrameKind::Msg.limit());
        let entry = Entry::Invite(net.invite());
        net.bring("carol", Client::new(identity(suite, 2), crypto(suite), long.clone(), entry, None));
        net.drive();
        net.command("bo", Command::Rename(long.clone()));
        net.command("ann", Command::Retitle(long));
        net.drive();
        let everybody = ["ann", "bo", "carol"];
        for name in everybody {
            net.send(name, name);
            net.drive();
        }
        for name in everybody {
            let others: Vec<&str> = everybody.into_iter().filter(|other| *other != name).collect();
            assert_eq!(net.inbox(name), others, "{suite:?}: {name}");
            let is_trouble = |event: &&Event| matches!(event, Event::Lost { .. } | Event::Offline { .. });
            let trouble = net.people[name].events.iter().find(is_trouble);
            assert_eq!(trouble, None, "{suite:?}: {name}: what was not sent is not missed");
        }
    }
}

/// Each reader gets a copy of their own there, so the limit that is told is what so many copies leave.
#[test]
fn words_too_long_for_a_large_learning_room_are_refused_with_a_limit_that_holds() {
    let mut net = Net::new(Suite::Textbook, &["ann", "bo", "carol", "dave", "erin"]);
    let limit_for = |net: &mut Net, bytes: usize| {
        let id = net.send("ann", &"x".repeat(bytes));
        net.drive();
        net.people["ann"].events.iter().find_map(|event| match event {
            Event::Rejected { id: rejected, limit } if *rejected == id => Some(*limit),
            _ => None,
        })
    };
    let limit = limit_for(&mut net, TEXT_BYTES_MAX).unwrap();
    assert_eq!(limit_for(&mut net, limit), None, "{limit} bytes fit");
    assert_eq!(net.inbox("erin"), ["x".repeat(limit)]);
    assert!(limit_for(&mut net, limit + limit / 4).is_some(), "and not much more");
    net.send("ann", "well");
    net.drive();
    assert_eq!(net.inbox("erin").last().map(String::as_str), Some("well"));
    let is_lost = |event: &Event| matches!(event, Event::Lost { .. });
    assert!(!net.people["erin"].events.iter().any(is_lost), "what was refused was never sent");
}

/// What they sign becomes so many blocks that there is no signature at all.
#[test]
fn words_too_long_for_the_smallest_keys_are_refused_and_the_room_goes_on() {
    let mut net = Net::new(Suite::Textbook, &["ann", "carol", "dave", "erin"]);
    let backend = Suite::Textbook.backend();
    let keys = Identity::new(backend.generate_signing(16).unwrap(), backend.generate_decryption(256).unwrap(), START);
    let entry = Entry::Invite(net.invite());
    let bo = Client::new(Arc::new(keys.unwrap()), crypto(Suite::Textbook), "bo".to_owned(), entry, None);
    net.bring("bo", bo);
    net.drive();
    let mut bytes = TEXT_BYTES_MAX;
    let refused = std::iter::from_fn(|| {
        let id = net.send("bo", &"x".repeat(bytes));
        net.drive();
        bytes = net.people["bo"].events.iter().find_map(|event| match event {
            Event::Rejected { id: rejected, limit } if *rejected == id => Some(*limit),
            _ => None,
        })?;
        Some(bytes)
    });
    assert_eq!(refused.count(), 2, "the second limit is exact");
    assert_eq!(net.stop_of("bo"), None);
    assert_eq!(net.inbox("ann"), ["x".repeat(bytes)]);
}
