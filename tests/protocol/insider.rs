//! A member with good keys who breaks the rules: the others see no more of it than they should, and
//! nobody's word is put into another's mouth.

use conversa::crypto::{Domain, Suite};
use conversa::protocol::limits::{CHAIN_MESSAGES_MAX, TEXT_BYTES_MAX};
use conversa::protocol::{Event, RoomId, Stop};
use conversa::wire::{Frame, Item, ItemKind, Msg, Signed, Wrap, decode, encode};

use crate::announcer::{Announcer, Chain, Flaw};
use crate::net::{Net, identity};
use crate::payloads::{Common, text};

/// Ann with a chain of her own making, which Bo has taken.
fn insider(suite: Suite) -> (Net, Announcer, Chain) {
    let (mut net, mut ann) = Announcer::in_a_room(suite);
    let (packet, chain) = ann.announce(Flaw::None, &mut net.random);
    pass(&mut net, &Frame::SkPacket(packet));
    (net, ann, chain)
}

fn pass(net: &mut Net, frame: &Frame) {
    net.slip_in("ann", frame);
    net.settle();
}

/// How often Bo was told so.
fn told(net: &Net, event: &Event) -> usize {
    net.people["bo"].events.iter().filter(|told| *told == event).count()
}

fn unreadable(net: &Net) -> usize {
    told(net, &Event::Unreadable { from: net.fingerprint("ann") })
}

#[test]
fn what_follows_the_specification_is_read() {
    for suite in [Suite::Classical, Suite::Hybrid] {
        let (mut net, ann, mut chain) = insider(suite);
        pass(&mut net, &Frame::Msg(ann.say(&mut chain, 1, text([1; 16], "by hand"))));
        assert_eq!(net.inbox("bo"), ["by hand"], "{suite:?}");
        assert_eq!(unreadable(&net), 0);
    }
}

#[test]
fn words_of_one_name_are_shown_once() {
    let (mut net, ann, mut chain) = insider(Suite::Classical);
    for words in ["first", "and again"] {
        pass(&mut net, &Frame::Msg(ann.say(&mut chain, 1, text([1; 16], words))));
    }
    assert_eq!(net.inbox("bo"), ["first"]);
}

#[test]
fn a_message_that_was_taken_is_not_taken_again() {
    let (mut net, ann, mut chain) = insider(Suite::Classical);
    let message = ann.say(&mut chain, 1, text([1; 16], "once"));
    for _ in 0..3 {
        pass(&mut net, &Frame::Msg(message.clone()));
    }
    assert_eq!((net.inbox("bo"), unreadable(&net)), (vec!["once".to_owned()], 0));
    assert_eq!(net.stop_of("bo"), None);
}

#[test]
fn missing_messages_are_counted_up_to_the_last_of_a_chain_and_beyond_it_the_chain_is_over() {
    let (mut net, ann, mut chain) = insider(Suite::Classical);
    let skip = |chain: &mut Chain, count: u64| (0..count).for_each(|_| _ = ann.say(chain, 1, Vec::new()));
    let most = CHAIN_MESSAGES_MAX - 1;
    skip(&mut chain, most);
    pass(&mut net, &Frame::Msg(ann.say(&mut chain, 1, text([1; 16], "far ahead"))));
    assert_eq!(net.inbox("bo"), ["far ahead"]);
    assert_eq!(told(&net, &Event::Lost { from: net.fingerprint("ann"), count: most }), 1);
    pass(&mut net, &Frame::Msg(ann.say(&mut chain, 1, text([2; 16], "too far"))));
    pass(&mut net, &Frame::Msg(ann.say(&mut chain, 1, text([3; 16], "and on"))));
    assert_eq!((net.inbox("bo").len(), unreadable(&net)), (1, 1), "nothing of the chain is read any more");
}

#[test]
fn words_over_the_limit_are_not_shown_by_others_either() {
    let (mut net, ann, mut chain) = insider(Suite::Classical);
    let words = "x".repeat(TEXT_BYTES_MAX);
    pass(&mut net, &Frame::Msg(ann.say(&mut chain, 1, text([1; 16], &words))));
    assert_eq!((net.inbox("bo"), unreadable(&net)), (vec![words.clone()], 0));
    pass(&mut net, &Frame::Msg(ann.say(&mut chain, 1, text([2; 16], &(words + "x")))));
    assert_eq!((net.inbox("bo").len(), unreadable(&net)), (1, 1));
}

#[test]
fn a_kind_from_a_newer_app_is_told_and_a_malformed_one_too() {
    let (mut net, ann, mut chain) = insider(Suite::Classical);
    pass(&mut net, &Frame::Msg(ann.say(&mut chain, 6, vec![1, 2, 3])));
    assert_eq!(told(&net, &Event::Newer { from: net.fingerprint("ann") }), 1);
    // Words that are none, a goodbye with something in it, and nothing that says what was missed.
    for kind in [1, 4, 5] {
        pass(&mut net, &Frame::Msg(ann.say(&mut chain, kind, vec![1, 2, 3])));
    }
    assert_eq!(unreadable(&net), 3);
    assert_eq!(told(&net, &Event::MemberLeft { member: net.fingerprint("ann") }), 0);
}

#[test]
fn a_name_that_nobody_may_have_is_not_taken() {
    let (mut net, ann, mut chain) = insider(Suite::Classical);
    let before = net.people["bo"].events.len();
    for name in ["", "a\u{202e}b", "two\nlines"] {
        pass(&mut net, &Frame::Msg(ann.say(&mut chain, 0, encode(&name))));
        pass(&mut net, &Frame::Msg(ann.say(&mut chain, 2, encode(&name))));
    }
    let events = &net.people["bo"].events[before..];
    assert!(
        !events.iter().any(|event| matches!(event, Event::MemberNamed { .. } | Event::Titled { .. })),
        "{events:?}"
    );
}

#[test]
fn another_list_of_members_is_seen_as_a_fork() {
    let (mut net, mut ann, _) = insider(Suite::Classical);
    ann.roster.1 = [9; 32];
    let (packet, _) = ann.announce(Flaw::None, &mut net.random);
    // An honest host knows better, and refuses it.
    deliver(&mut net, ItemKind::SkPacket, Some(packet.wraps[0].clone()), encode(&packet.common));
    assert_eq!(told(&net, &Event::Fork { from: net.fingerprint("ann") }), 1);
}

#[test]
fn a_chain_of_an_older_number_is_not_taken_up_again() {
    let (mut net, mut ann, mut chain) = insider(Suite::Classical);
    ann.chain_number -= 1;
    let (packet, mut again) = ann.announce(Flaw::None, &mut net.random);
    deliver(&mut net, ItemKind::SkPacket, Some(packet.wraps[0].clone()), encode(&packet.common));
    let message = ann.say(&mut again, 1, text([1; 16], "of another chain"));
    deliver(&mut net, ItemKind::Msg, None, encode(&message));
    let message = ann.say(&mut chain, 1, text([2; 16], "of the one before"));
    deliver(&mut net, ItemKind::Msg, None, encode(&message));
    assert_eq!(net.inbox("bo"), ["of the one before"]);
}

#[test]
fn a_chain_is_not_taken_for_another_members_or_rooms() {
    for change in [claim_to_be_bo as fn(&mut Common), |common| common.r = RoomId([9; 32]), |common| common.v = 2] {
        let (mut net, mut ann) = Announcer::in_a_room(Suite::Classical);
        let (packet, mut chain) = ann.announce(Flaw::None, &mut net.random);
        let mut common: Common = decode(&packet.common.payload).unwrap();
        change(&mut common);
        let payload = encode(&common);
        let signature = ann.keys.signing().sign(Domain::SenderKey, &payload).unwrap();
        let common = Signed { payload: payload.into(), signature: signature.into() };
        let before = net.people["bo"].events.len();
        deliver(&mut net, ItemKind::SkPacket, Some(packet.wraps[0].clone()), encode(&common));
        let message = ann.say(&mut chain, 1, text([1; 16], "whose?"));
        deliver(&mut net, ItemKind::Msg, None, encode(&message));
        let told = Event::Unreadable { from: net.fingerprint("ann") };
        assert_eq!(net.people["bo"].events[before..], [told], "not shown, and told as words in no chain of Ann's");
        assert_eq!(net.stop_of("bo"), None);
    }
}

#[test]
fn a_message_of_another_room_or_version_ends_the_room_for_whoever_is_shown_it() {
    for field in ["r", "v"] {
        let (mut net, ann, mut chain) = insider(Suite::Classical);
        let Msg { ciphertext, header, signature } = ann.say(&mut chain, 1, text([1; 16], "elsewhere"));
        let mut header = header.into_vec();
        // The room's bytes end where the version's key begins; the version is the last byte.
        let end = header.len() - 1;
        header[if field == "v" { end } else { end - 3 }] ^= 3;
        let message = Msg { ciphertext, header: header.into(), signature };
        deliver(&mut net, ItemKind::Msg, None, encode(&message));
        assert!(matches!(net.stop_of("bo"), Some(Stop::Protocol(_))), "{field}: {:?}", net.stop_of("bo"));
    }
}

fn claim_to_be_bo(common: &mut Common) {
    common.a = identity(Suite::Classical, 1).fingerprint();
}

/// Gives Bo an item that his host should have refused.
fn deliver(net: &mut Net, kind: ItemKind, wrap: Option<Wrap>, exact: Vec<u8>) {
    let position = net.log_end("bo") + 1;
    let frame = Frame::Item(Item { kind: kind.code(), position, wrap, exact: exact.into() });
    net.slip_to("bo", &frame);
    net.settle();
}
