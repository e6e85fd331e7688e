//! Full rooms and full hosts.

use conversa::crypto::Suite;
use conversa::protocol::limits::{MEMBERS_DEFAULT_MAX, ROOMS_MAX, TALKATIVE_MEMBERS_MAX};
use conversa::protocol::{Event, Host, HostEvent, HostLimits, HostOutput, LinkId, OpenPolicy, RefuseCode, new_room};
use conversa::wire::{Frame, Open};

use crate::findings::restart;
use crate::net::{Net, START, Seeded, identity};
use crate::rogue::Rogue;

/// The names of so many.
pub(crate) fn names(count: usize) -> Vec<&'static str> {
    (0..count).map(|number| &*Box::leak(format!("p{number:02}").into_boxed_str())).collect()
}

/// Members that join one after another, as in a class.
fn full_room(suite: Suite) {
    let names = names(usize::from(MEMBERS_DEFAULT_MAX));
    let mut net = Net::with_places(suite, names[0], false, MEMBERS_DEFAULT_MAX);
    names[1..].iter().for_each(|name| net.add_and_join(name));
    for _ in 0..4 {
        net.drive();
    }
    let members = usize::from(MEMBERS_DEFAULT_MAX);
    let everybody = |event: &Event| matches!(event, Event::Members(all) if all.len() == members);
    assert!(net.people[names[members - 1]].events.iter().any(everybody), "{suite:?}: the last one sees all");
    net.send(names[0], "first");
    net.send(names[members - 1], "last");
    for _ in 0..4 {
        net.drive();
    }
    for name in &names[1..members - 1] {
        let mut words = net.inbox(name);
        words.sort();
        assert_eq!(words, ["first", "last"], "{suite:?}: {name}");
    }
}

#[test]
fn sixty_four_members_talk_in_a_secure_room() {
    full_room(Suite::Classical);
}

#[test]
fn sixty_four_members_talk_in_a_learning_room() {
    full_room(Suite::Textbook);
}

/// Each introduction is an announcement for every member: in a large room the owner's must do.
#[test]
fn in_a_large_room_only_the_owner_greets_whoever_begins_anew() {
    for members in [TALKATIVE_MEMBERS_MAX, TALKATIVE_MEMBERS_MAX + 1] {
        let names = names(members);
        let mut net = Net::with_places(Suite::Classical, names[0], false, MEMBERS_DEFAULT_MAX);
        names[1..].iter().for_each(|name| net.add_and_join(name));
        net.wait(30_000);
        let last = names[members - 1];
        restart(&mut net, last);
        net.drive();
        let knows = |name: &&&str| {
            net.saw(last, &Event::MemberNamed { member: net.fingerprint(name), name: (**name).to_owned() })
        };
        let expected = if members > TALKATIVE_MEMBERS_MAX { &names[..1] } else { &names[..members - 1] };
        assert_eq!(names.iter().filter(knows).copied().collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_host_has_thirty_two_rooms_and_no_more() {
    let owner = identity(Suite::Textbook, 0);
    let mut host = Host::new(OpenPolicy::Only(vec![owner.fingerprint()]), HostLimits::default());
    let mut random = Seeded::new(1);
    for number in 0..=ROOMS_MAX as u64 {
        let (room, genesis) = new_room(&owner, Suite::Textbook, false, 4, START, &mut random).unwrap();
        let mut link = Rogue::link(&mut host, LinkId(number), &owner);
        link.send(&Frame::Open(Open { genesis, token: None }));
        if number < ROOMS_MAX as u64 {
            assert!(link.outputs.contains(&HostOutput::Event(HostEvent::RoomOpened(room))));
        } else {
            assert_eq!(link.refused(), Some(RefuseCode::Busy));
        }
    }
    assert_eq!(host.rooms().count(), ROOMS_MAX);
}
