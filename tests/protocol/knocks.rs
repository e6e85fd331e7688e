//! Whoever asks to be let in says so themselves, of one room, at one time, and once: no host makes anybody ask.

use conversa::crypto::Suite;
use conversa::protocol::{Command, Entry, Event, Host, HostLimits, LinkId, OpenPolicy, RefuseCode, RoomId, new_room};
use conversa::wire::{ByteArray, Frame, FrameKind, Join, JoinAsk, Open, decode, encode};

use crate::net::{Net, START, Seeded, Taped, identity};
use crate::rogue::Rogue;

const DAY_MS: i64 = 24 * 3_600_000;

/// Somebody knocks; what they sent.
fn knock(net: &mut Net, name: &'static str) -> Join {
    let (room, host) = (net.host.rooms().next().unwrap(), net.host_fingerprint());
    net.add(name, Entry::Knock, Some(host));
    net.drive();
    net.command(name, Command::Knock(room));
    net.drive();
    let sent = net.tape.iter().rev().find_map(|taped| match taped {
        Taped::ToHost { name: of, kind: FrameKind::Join, body, .. } if *of == name => Some(decode(body).unwrap()),
        _ => None,
    });
    sent.unwrap()
}

/// Whether the owner's person is asked when her host shows her this.
fn asks(net: &mut Net, join: &Join, number: u64) -> bool {
    let told = net.inject("ann", &Frame::JoinAsk(JoinAsk { join: encode(join).into(), number }));
    told.iter().any(|event| matches!(event, Event::Knock { .. }))
}

#[test]
fn a_knock_counts_for_one_room_and_time_and_once() {
    for suite in Suite::ALL {
        let room = || Net::with_owner(suite, "ann", true);
        let mut net = room();
        let join = knock(&mut net, "eve");
        let carols = knock(&mut net, "carol");
        let asked = net.people["ann"].events.iter().filter(|event| matches!(event, Event::Knock { .. })).count();
        assert_eq!(asked, 2, "{suite:?}");
        assert!(!asks(&mut net, &join, 90), "{suite:?}: for the second time");
        // The same room in another run of the owner's app, who has seen none of it.
        assert!(asks(&mut room(), &join, 91), "{suite:?}");
        assert!(!asks(&mut room(), &Join { knock: None, ..join.clone() }, 92), "{suite:?}: nothing signed");
        assert!(!asks(&mut room(), &Join { knock: carols.knock, ..join.clone() }, 93), "{suite:?}: Carol's");
        let mut bent = join.clone();
        bent.knock.as_mut().unwrap().signature[5] ^= 1;
        assert!(!asks(&mut room(), &bent, 94), "{suite:?}");
        // It was signed a moment after the beginning, so a day before that is too long.
        for (days, is_near) in [(-2, false), (-1, false), (1, true), (2, false)] {
            let mut then = room();
            then.now.unix_ms = then.now.unix_ms.saturating_add_signed(days * DAY_MS);
            assert_eq!(asks(&mut then, &join, 95), is_near, "{suite:?}: {days} days later");
        }
        let mut elsewhere = Net::with_places(suite, "ann", true, 7);
        let other = elsewhere.host.rooms().next().unwrap();
        assert_ne!(join.room.into_array(), other.0);
        assert!(!asks(&mut elsewhere, &Join { room: ByteArray::new(other.0), ..join.clone() }, 96), "{suite:?}");
        assert!(!asks(&mut elsewhere, &join, 97), "{suite:?}");
    }
}

/// Whoever comes back and is not on the roster does not turn into somebody who asks.
#[test]
fn a_join_without_invite_and_knock_asks_nobody() {
    let suite = Suite::Classical;
    let owner = identity(suite, 0);
    let mut host = Host::new(OpenPolicy::Only(vec![owner.fingerprint()]), HostLimits::default());
    let (room, genesis) = new_room(&owner, suite, true, 8, START, &mut Seeded::new(3)).unwrap();
    Rogue::link(&mut host, LinkId(0), &owner).send(&Frame::Open(Open { genesis, token: None }));
    let mut net = Net::with_owner(suite, "ann", true);
    let join = knock(&mut net, "eve");
    let mut rogue = Rogue::link(&mut host, LinkId(9), &identity(suite, 1));
    let RoomId(room) = room;
    rogue.send(&Frame::Join(Join { knock: None, room: ByteArray::new(room), ..join }));
    assert_eq!((rogue.refused(), rogue.closed()), (Some(RefuseCode::NoKnocking), None));
}
