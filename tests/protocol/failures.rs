//! What a room's members and its host may get wrong on purpose, payload by payload, made by hand from the
//! specification: the rows of the failure table (docs/protocol.md) that are about keys, signatures,
//! rosters, chains and messages.

use std::sync::Arc;

use conversa::crypto::{CryptoError, Domain, Random, Suite};
use conversa::protocol::limits::DATES_END_MS;
use conversa::protocol::{
    ByeCode, Command, Content, Entry, Event, Fault, Host, HostLimits, Identity, LinkId, OpenPolicy, RefuseCode, RoomId,
    Stop, new_room,
};
use conversa::wire::{ByteArray, Bytes, Frame, FrameKind, ItemKind, Join, Msg, Open, Refuse, Signed, decode, encode};
use openssl::bn::BigNum;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

use crate::forge::{Chain, item, next_position, pad, prekey_of, sign, words};
use crate::net::{Net, START, Seeded, Taped, identity};
use crate::payloads::{Bundle, Common, Genesis, Header, Prekey, Removal, plaintext};
use crate::rogue::Rogue;

const SUITE: Suite = Suite::Classical;

/// Ann's room with Bo in it, and their keys.
fn ann_and_bo() -> (Net, Arc<Identity>, Arc<Identity>) {
    let mut net = Net::new(SUITE, &["ann", "bo"]);
    net.drive();
    let [ann, bo] = ["ann", "bo"].map(|name| Arc::clone(net.people[name].client.identity()));
    (net, ann, bo)
}

fn message_item(net: &Net, message: &Msg) -> Frame {
    item(net, "bo", ItemKind::Msg, encode(message), None)
}

/// Bo with a chain of Ann's that was made by hand and holds.
fn with_chain() -> (Net, Chain, Arc<Identity>) {
    let (mut net, ann, bo) = ann_and_bo();
    let chain = Chain::new(&net, &ann, |_| {});
    let announcement = chain.announcement(&net, &ann, &bo, |_| {});
    assert_eq!(net.inject("bo", &announcement), [], "a good announcement is no news");
    (net, chain, ann)
}

fn said(text: &str) -> Vec<u8> {
    pad(plaintext(1, words(text), START.unix_ms))
}

fn texts(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| if let Event::Message { content, .. } = event { content.words() } else { None })
        .collect()
}

/// What the forgeries below are measured by: made as the specification says, it is read.
#[test]
fn a_chain_made_by_hand_from_the_specification_is_read() {
    let (mut net, mut chain, ann) = with_chain();
    for (number, text) in ["hello", "again"].into_iter().enumerate() {
        let message = chain.message(&net, &said(text), |header| assert_eq!(header.i, number as u64));
        let item = message_item(&net, &message);
        let events = net.inject("bo", &item);
        assert_eq!(texts(&events), [text]);
        assert!(
            matches!(&events[0], Event::Message { from, sent_ms, .. } if *from == ann.fingerprint() && *sent_ms == START.unix_ms)
        );
    }
}

#[test]
fn a_key_packet_that_does_not_open_is_told_alike_and_answered_by_nothing() {
    type Spoil = fn(&mut conversa::wire::Wrap);
    let wraps: [(&str, Spoil); 5] = [
        ("OAEP", |wrap| wrap.rsa[7] ^= 1),
        ("OAEP too short", |wrap| wrap.rsa.truncate(383)),
        ("the seal", |wrap| wrap.sealed[0] ^= 1),
        ("the ephemeral key", |wrap| wrap.ephemeral[0] ^= 1),
        ("a prekey that is not Bo's", |wrap| wrap.prekey_index += 1),
    ];
    for (what, spoil) in wraps {
        let (mut net, ann, bo) = ann_and_bo();
        let mut chain = Chain::new(&net, &ann, |_| {});
        let announcement = chain.announcement(&net, &ann, &bo, spoil);
        assert_eq!(net.inject("bo", &announcement), [Event::Unreadable { from: ann.fingerprint() }], "{what}");
        assert!(!net.has_unsent("bo"), "{what}: the sender must not learn how it failed");
        let message = chain.message(&net, &said("lost"), |_| {});
        let item = message_item(&net, &message);
        assert_eq!(net.inject("bo", &item), [], "{what}");
    }
}

#[test]
fn a_chain_that_is_not_the_one_committed_to_is_not_taken() {
    let (mut net, ann, bo) = ann_and_bo();
    let chain = Chain::new(&net, &ann, |common| common.c = ByteArray::new([9; 32]));
    let announcement = chain.announcement(&net, &ann, &bo, |_| {});
    assert_eq!(net.inject("bo", &announcement), [Event::Unreadable { from: ann.fingerprint() }]);
    assert!(!net.has_unsent("bo"));
}

#[test]
fn an_announcement_for_another_room_epoch_or_time_is_dropped() {
    type Spoil = fn(&mut Common);
    let commons: [(&str, Spoil); 5] = [
        ("room", |common| common.r = RoomId([5; 32])),
        ("the epoch before", |common| common.q -= 1),
        ("a chain number that is past", |common| common.n = 0),
        ("another version", |common| common.v = 2),
        ("somebody else's name", |common| common.a = conversa::crypto::Fingerprint::of(b"eve")),
    ];
    for (what, spoil) in commons {
        let (mut net, ann, bo) = ann_and_bo();
        let mut chain = Chain::new(&net, &ann, spoil);
        let announcement = chain.announcement(&net, &ann, &bo, |_| {});
        assert_eq!(net.inject("bo", &announcement), [], "{what}");
        let message = chain.message(&net, &said("never heard"), |header| header.a = ann.fingerprint());
        let item = message_item(&net, &message);
        assert_eq!(texts(&net.inject("bo", &item)), [""; 0], "{what}");
    }
}

#[test]
fn an_announcement_that_ann_did_not_sign_is_dropped() {
    let (mut net, ann, bo) = ann_and_bo();
    let mut chain = Chain::new(&net, &ann, |_| {});
    let forged = chain.announcement(&net, &bo, &bo, |_| {});
    assert_eq!(net.inject("bo", &forged), []);
    let message = chain.message(&net, &said("not Ann's"), |_| {});
    let item = message_item(&net, &message);
    assert_eq!(net.inject("bo", &item), [Event::Unreadable { from: ann.fingerprint() }], "in no chain of hers");
}

/// Its sender was shown an entry of the roster that we were not.
#[test]
fn an_announcement_for_the_next_epoch_is_a_fork() {
    let (mut net, ann, bo) = ann_and_bo();
    let mut chain = Chain::new(&net, &ann, |common| common.q += 1);
    let announcement = chain.announcement(&net, &ann, &bo, |_| {});
    assert_eq!(net.inject("bo", &announcement), [Event::Fork { from: ann.fingerprint() }]);
    let message = chain.message(&net, &said("never heard"), |_| {});
    let item = message_item(&net, &message);
    assert_eq!(texts(&net.inject("bo", &item)), [""; 0]);
}

/// Two lists of members for one number: the owner or the host shows different things.
#[test]
fn an_announcement_with_another_roster_for_the_same_epoch_is_a_fork() {
    let (mut net, ann, bo) = ann_and_bo();
    let chain = Chain::new(&net, &ann, |common| common.h = ByteArray::new([8; 32]));
    let announcement = chain.announcement(&net, &ann, &bo, |_| {});
    assert_eq!(net.inject("bo", &announcement), [Event::Fork { from: ann.fingerprint() }]);
    let again = chain.announcement(&net, &ann, &bo, |_| {});
    assert_eq!(net.inject("bo", &again), [], "told once");
}

#[test]
fn a_message_with_another_log_is_a_fork_and_is_shown() {
    for (what, position) in [("a position that was seen", None), ("a position that is yet to come", Some(1_000_000))] {
        let (mut net, mut chain, ann) = with_chain();
        let position = position.unwrap_or_else(|| next_position(&net, "bo") - 1);
        let message = chain.message(&net, &said("I saw another"), |header| header.m = position);
        let item = message_item(&net, &message);
        let events = net.inject("bo", &item);
        assert_eq!(events[0], Event::Fork { from: ann.fingerprint() }, "{what}");
        assert_eq!(texts(&events), ["I saw another"], "{what}");
    }
}

#[test]
fn a_message_that_was_changed_or_is_signed_by_another_is_unreadable() {
    type Spoil = fn(&mut Msg);
    let spoils: [(&str, Spoil); 4] = [
        ("ciphertext", |message| message.ciphertext[3] ^= 1),
        ("signature", |message| message.signature[3] ^= 1),
        ("no signature", |message| message.signature = Bytes::new()),
        ("header", |message| {
            let mut header: Header = decode(&message.header).unwrap();
            header.m += 1;
            message.header = encode(&header).into();
        }),
    ];
    for (what, spoil) in spoils {
        let (mut net, mut chain, ann) = with_chain();
        let mut message = chain.message(&net, &said("forged"), |_| {});
        spoil(&mut message);
        let bad = message_item(&net, &message);
        assert_eq!(net.inject("bo", &bad), [Event::Unreadable { from: ann.fingerprint() }], "{what}");
        assert!(!net.has_unsent("bo"), "{what}");
    }
}

#[test]
fn a_message_of_another_room_or_of_nobody_in_it_stops_the_room() {
    type Spoil = fn(&mut Header);
    let spoils: [(&str, Spoil); 3] = [
        ("another room", |header| header.r = RoomId([5; 32])),
        ("nobody", |header| header.a = conversa::crypto::Fingerprint::of(b"eve")),
        ("another version", |header| header.v = 2),
    ];
    for (what, spoil) in spoils {
        let (mut net, mut chain, _) = with_chain();
        let message = chain.message(&net, &said("forged"), spoil);
        let item = message_item(&net, &message);
        assert_eq!(net.inject("bo", &item), [Event::Stopped(Stop::Protocol(Fault::OtherRoom))], "{what}");
    }
}

#[test]
fn a_message_of_another_epoch_is_dropped_and_of_another_chain_unreadable() {
    type Spoil = fn(&mut Header);
    let spoils: [(&str, Spoil, bool); 3] = [
        ("the epoch before", |header| header.q -= 1, false),
        ("the next epoch", |header| header.q += 1, false),
        ("a chain nobody announced", |header| header.h = ByteArray::new([1; 32]), true),
    ];
    for (what, spoil, is_told) in spoils {
        let (mut net, mut chain, _) = with_chain();
        let message = chain.message(&net, &said("too late"), spoil);
        let item = message_item(&net, &message);
        let told = Event::Unreadable { from: net.fingerprint("ann") };
        assert_eq!(net.inject("bo", &item), Vec::from_iter(is_told.then_some(told)), "{what}");
    }
}

#[test]
fn an_index_that_was_seen_is_dropped() {
    let (mut net, mut chain, _) = with_chain();
    let message = chain.message(&net, &said("once"), |_| {});
    let first = message_item(&net, &message);
    assert_eq!(texts(&net.inject("bo", &first)), ["once"]);
    let again = message_item(&net, &message);
    assert_eq!(net.inject("bo", &again), []);
}

#[test]
fn a_gap_is_told_and_an_index_past_the_chains_end_ends_it() {
    for (gap, goes_on) in [(1, true), (998, true), (1_000, false), (1_001, false)] {
        let (mut net, mut chain, ann) = with_chain();
        let from = ann.fingerprint();
        let message = chain.message(&net, &said("after the gap"), |header| header.i = gap);
        let late = message_item(&net, &message);
        let events = net.inject("bo", &late);
        let expected = if goes_on { Event::Lost { from, count: gap } } else { Event::Unreadable { from } };
        assert_eq!(events[0], expected, "{gap}");
        let message = chain.message(&net, &said("next"), |_| {});
        let next = message_item(&net, &message);
        let expected: &[&str] = if goes_on { &["next"] } else { &[] };
        assert_eq!(texts(&net.inject("bo", &next)), expected, "{gap}: a new announcement is waited for");
    }
}

#[test]
fn what_opens_to_nonsense_is_unreadable_and_the_chain_goes_on() {
    let long = plaintext(1, words(&"x".repeat(16 * 1024 + 1)), START.unix_ms);
    let mut long_padded = long.clone();
    long_padded.push(0x80);
    // Padmé: 16 KiB and a bit go up to the next multiple of 512.
    long_padded.resize(long_padded.len().div_ceil(512) * 512, 0);
    let cases: [(&str, Vec<u8>); 7] = [
        ("no mark", vec![0; 256]),
        ("another mark", [words("x"), vec![0x81]].concat()),
        ("padding that is too short", said("short")[..200].to_vec()),
        ("not CBOR", pad(b"hello".to_vec())),
        ("not a text", pad(plaintext(1, b"\xff\xff".to_vec(), START.unix_ms))),
        ("something in a goodbye", pad(plaintext(4, vec![1], START.unix_ms))),
        ("words over the limit", long_padded),
    ];
    for (what, padded) in cases {
        let (mut net, mut chain, ann) = with_chain();
        let message = chain.message(&net, &padded, |_| {});
        let bad = message_item(&net, &message);
        assert_eq!(net.inject("bo", &bad), [Event::Unreadable { from: ann.fingerprint() }], "{what}");
        let message = chain.message(&net, &said("and on"), |_| {});
        let good = message_item(&net, &message);
        assert_eq!(texts(&net.inject("bo", &good)), ["and on"], "{what}");
    }
}

#[test]
fn a_kind_of_a_newer_app_is_told_as_that() {
    for kind in [6, 77, 255] {
        let (mut net, mut chain, ann) = with_chain();
        let message = chain.message(&net, &pad(plaintext(kind, b"whatever".to_vec(), START.unix_ms)), |_| {});
        let item = message_item(&net, &message);
        assert_eq!(net.inject("bo", &item), [Event::Newer { from: ann.fingerprint() }], "{kind}");
    }
}

#[test]
fn names_and_titles_that_must_not_be_and_titles_of_members_are_not_shown() {
    let long = "x".repeat(33);
    let names = [(0, "\u{202e}nnA"), (0, ""), (0, long.as_str()), (2, "a\nb")];
    for (kind, name) in names {
        let (mut net, mut chain, _) = with_chain();
        let message = chain.message(&net, &pad(plaintext(kind, encode(&name), START.unix_ms)), |_| {});
        let item = message_item(&net, &message);
        assert_eq!(net.inject("bo", &item), [], "{kind} {name:?}");
    }
}

/// A clock is shown and nothing hangs on it; what is no date is shown as when it came.
#[test]
fn any_clock_of_a_sender_is_shown_as_it_is_if_it_is_a_date() {
    let no_dates = [DATES_END_MS, (1 << 63) - 1, 1 << 63, u64::MAX];
    for clock_ms in [0, START.unix_ms * 2, DATES_END_MS - 1].into_iter().chain(no_dates) {
        let (mut net, mut chain, _) = with_chain();
        let message = chain.message(&net, &pad(plaintext(1, words("when?"), clock_ms)), |_| {});
        let item = message_item(&net, &message);
        let events = net.inject("bo", &item);
        let shown_ms = if no_dates.contains(&clock_ms) { net.now.unix_ms } else { clock_ms };
        let [.., Event::Message { sent_ms, .. }] = events[..] else { panic!("{events:?}") };
        assert_eq!(sent_ms, shown_ms, "{clock_ms}");
        let is_told = matches!(events[0], Event::ClockDiffers { theirs_ms, .. } if theirs_ms == clock_ms);
        // What comes from the past may have waited.
        assert_eq!(is_told, clock_ms > START.unix_ms && !no_dates.contains(&clock_ms), "{events:?}");
    }
}

fn removal(net: &Net, of: &Identity, change: impl FnOnce(&mut Removal)) -> Removal {
    let (number, hash) = net.known_of("bo");
    let mut removal = Removal {
        d: ByteArray::new(*of.fingerprint().as_bytes()),
        o: 2,
        p: ByteArray::new(hash),
        q: number + 1,
        r: net.host.rooms().next().unwrap(),
        t: 0,
        v: 1,
    };
    change(&mut removal);
    removal
}

#[test]
fn a_roster_that_does_not_hold_together_stops_the_room() {
    type Spoil = fn(&mut Removal);
    let spoils: [(&str, Spoil, Fault); 7] = [
        ("a gap", |entry| entry.q += 1, Fault::BrokenRoster),
        ("another entry before it", |entry| entry.p = ByteArray::new([1; 32]), Fault::BrokenRoster),
        ("other bytes for a number that is taken", |entry| entry.q -= 1, Fault::Fork),
        ("another room", |entry| entry.r = RoomId([5; 32]), Fault::OtherRoom),
        ("another version", |entry| entry.v = 2, Fault::Version),
        ("a member nobody added", |entry| entry.d = ByteArray::new([5; 32]), Fault::BrokenRoster),
        ("an operation nobody knows", |entry| entry.o = 9, Fault::BrokenRoster),
    ];
    for (what, spoil, fault) in spoils {
        let (mut net, ann, bo) = ann_and_bo();
        let entry = sign(&**ann.signing(), Domain::Roster, &removal(&net, &bo, spoil));
        let item = item(&net, "bo", ItemKind::Roster, encode(&entry), None);
        assert_eq!(net.inject("bo", &item), [Event::Stopped(Stop::Protocol(fault))], "{what}");
    }
}

#[test]
fn a_roster_entry_signed_by_another_or_for_another_purpose_stops_the_room() {
    for (by_owner, domain) in [(false, Domain::Roster), (true, Domain::Bundle), (true, Domain::Prekey)] {
        let (mut net, ann, bo) = ann_and_bo();
        let signer = if by_owner { &ann } else { &bo };
        let entry = sign(&**signer.signing(), domain, &removal(&net, &bo, |_| {}));
        let item = item(&net, "bo", ItemKind::Roster, encode(&entry), None);
        let stop = Stop::Protocol(Fault::Crypto(CryptoError::Signature));
        assert_eq!(net.inject("bo", &item), [Event::Stopped(stop)], "{by_owner} {domain:?}");
    }
}

/// Whether Ann would still send to Bo after being given this prekey of his.
fn is_taken(domain: Domain, spoil: impl FnOnce(&mut Prekey)) -> bool {
    let (mut net, _, bo) = ann_and_bo();
    let mut prekey = prekey_of(&net, bo.fingerprint(), "ann");
    let old = prekey.clone();
    let mut random = Seeded::new(5);
    let key = conversa::crypto::x25519::PrivateKey::generate(&mut random).unwrap();
    (prekey.i, prekey.d) = (old.i + 1, ByteArray::new(*key.public()));
    spoil(&mut prekey);
    let signed = sign(&**bo.signing(), domain, &prekey);
    let announced = item(&net, "ann", ItemKind::Prekey, encode(&signed), None);
    let told = net.inject("ann", &announced);
    let is_expected = |event: &Event| matches!(event, Event::ClockDiffers { .. } | Event::MemberReachable { .. });
    assert!(told.iter().all(is_expected), "{told:?}");
    // For whom Ann's next chain is wrapped shows which prekey she knows.
    let packet = next_packet(&mut net);
    packet.is_some_and(|index| index != old.i)
}

/// For which of Bo's prekeys Ann seals what she says next; `None` if her chain still serves.
fn next_packet(net: &mut Net) -> Option<u64> {
    net.send("ann", "for whom?");
    while let Some(output) = net.people.get_mut("ann").unwrap().client.poll_output() {
        if let conversa::protocol::Output::Send(frame) = output
            && let Ok(Frame::SkPacket(packet)) = Frame::decode(FrameKind::SkPacket, &frame[5..])
        {
            return packet.wraps.first().map(|wrap| wrap.prekey_index);
        }
    }
    None
}

#[test]
fn a_prekey_that_does_not_hold_is_dropped() {
    assert!(is_taken(Domain::Prekey, |_| {}), "one that holds is taken");
    for date in [0, 1, START.unix_ms, 1 << 63, u64::MAX] {
        assert!(is_taken(Domain::Prekey, |prekey| prekey.x = date), "no clock is refused: {date}");
    }
    type Spoil = fn(&mut Prekey);
    let spoils: [(&str, Spoil); 6] = [
        ("an index that does not rise", |prekey| prekey.i -= 1),
        ("the zero point", |prekey| prekey.d = ByteArray::new([0; 32])),
        ("a point of low order", |prekey| prekey.d = ByteArray::new(std::array::from_fn(|i| u8::from(i == 0)))),
        ("another room", |prekey| prekey.r = RoomId([5; 32])),
        ("another version", |prekey| prekey.v = 2),
        ("somebody else's", |prekey| prekey.a = conversa::crypto::Fingerprint::of(b"eve")),
    ];
    for (what, spoil) in spoils {
        assert!(!is_taken(Domain::Prekey, spoil), "{what}");
    }
    for domain in [Domain::SenderKey, Domain::Roster, Domain::Bundle] {
        assert!(!is_taken(domain, |_| {}), "signed as {domain:?}");
    }
}

/// An own public key of any kind, for a bundle.
fn spki(bits: i32, exponent: u32) -> Vec<u8> {
    let mut modulus = BigNum::new().unwrap();
    modulus.set_bit(bits - 1).unwrap();
    modulus.set_bit(bits / 2).unwrap();
    modulus.set_bit(0).unwrap();
    let rsa = Rsa::from_public_components(modulus, BigNum::from_u32(exponent).unwrap()).unwrap();
    PKey::from_rsa(rsa).unwrap().public_key_to_der().unwrap()
}

fn bundle(of: &Identity, change: impl FnOnce(&mut Bundle)) -> Bundle {
    let mut bundle = Bundle {
        c: START.unix_ms,
        e: of.decryption().public().spki().to_vec().into(),
        k: of.signing().public().spki().to_vec().into(),
        s: 1,
        v: 1,
        x: START.unix_ms + 1_000_000,
    };
    change(&mut bundle);
    bundle
}

/// What a host with a room that may be knocked at says to a join with this bundle.
fn answer_to(signed: Signed, linked_as: &Identity) -> Option<RefuseCode> {
    let owner = identity(SUITE, 0);
    let mut host = Host::new(OpenPolicy::Only(vec![owner.fingerprint()]), HostLimits::default());
    let (room, genesis) = new_room(&owner, SUITE, true, 8, START, &mut Seeded::new(3)).unwrap();
    Rogue::link(&mut host, LinkId(0), &owner).send(&Frame::Open(Open { genesis, token: None }));
    let mut rogue = Rogue::link(&mut host, LinkId(9), linked_as);
    // The host passes a knock on; its signature is for the owner to check.
    let (knock, room) = (Some(signed.clone()), ByteArray::new(room.0));
    rogue.send(&Frame::Join(Join { bundle: signed, invite_id: None, knock, mac: None, room }));
    assert_eq!(rogue.closed(), None);
    rogue.refused()
}

#[test]
fn a_bundle_that_does_not_hold_is_refused() {
    let (dave, eve) = (identity(SUITE, 3), identity(SUITE, 4));
    let join = |domain, change: &dyn Fn(&mut Bundle)| {
        answer_to(sign(&**dave.signing(), domain, &bundle(&dave, change)), &dave)
    };
    assert_eq!(join(Domain::Bundle, &|_| {}), None, "one that holds waits for the owner");
    let mut longer = dave.decryption().public().spki().to_vec();
    longer.push(0);
    type Spoil<'a> = (&'a str, &'a dyn Fn(&mut Bundle));
    let spoils: [Spoil<'_>; 12] = [
        ("expired", &|bundle| bundle.x = START.unix_ms - 1),
        ("of a time that is yet to come", &|bundle| bundle.c = START.unix_ms + 2 * 24 * 3_600_000),
        ("another version", &|bundle| bundle.v = 2),
        ("another suite", &|bundle| bundle.s = 0),
        ("one key for both", &|bundle| bundle.e = bundle.k.clone()),
        ("1024 bits", &|bundle| bundle.e = spki(1024, 65537).into()),
        ("2048 bits", &|bundle| bundle.e = spki(2048, 65537).into()),
        ("8192 bits", &|bundle| bundle.e = spki(8192, 65537).into()),
        ("e = 3", &|bundle| bundle.e = spki(3072, 3).into()),
        ("odd DER", &|bundle| bundle.e = longer.clone().into()),
        ("no key", &|bundle| bundle.e = Bytes::new()),
        ("a signing key of 2048 bits", &|bundle| bundle.k = spki(2048, 65537).into()),
    ];
    for (what, spoil) in spoils {
        assert_eq!(join(Domain::Bundle, spoil), Some(RefuseCode::Bundle), "{what}");
    }
    assert_eq!(join(Domain::Prekey, &|_| {}), Some(RefuseCode::Bundle), "signed for something else");
    let of_dave = sign(&**dave.signing(), Domain::Bundle, &bundle(&dave, |_| {}));
    assert_eq!(answer_to(of_dave, &eve), Some(RefuseCode::Bundle), "Dave's bundle on Eve's link");
    let by_eve = sign(&**eve.signing(), Domain::Bundle, &bundle(&dave, |_| {}));
    assert_eq!(answer_to(by_eve, &dave), Some(RefuseCode::Bundle), "signed by somebody else");
}

#[test]
fn a_genesis_that_does_not_hold_opens_no_room() {
    let owner = identity(SUITE, 0);
    let good = new_room(&owner, SUITE, true, 8, START, &mut Seeded::new(3)).unwrap().1;
    let opens = |genesis: Signed| {
        let mut host = Host::new(OpenPolicy::Only(vec![owner.fingerprint()]), HostLimits::default());
        let mut rogue = Rogue::link(&mut host, LinkId(0), &owner);
        rogue.send(&Frame::Open(Open { genesis, token: None }));
        let closed = rogue.closed();
        assert_eq!(closed.is_none(), host.rooms().count() == 1);
        closed
    };
    assert_eq!(opens(good.clone()), None);
    type Spoil = fn(&mut Genesis);
    let spoils: [(&str, Spoil); 7] = [
        ("an unknown suite", |genesis| genesis.s = 3),
        ("a suite that the owner's keys are not for", |genesis| genesis.s = 0),
        ("another version", |genesis| genesis.v = 2),
        ("an unknown way to join", |genesis| genesis.j = 2),
        ("nobody fits", |genesis| genesis.m = 0),
        ("more members than any room may have", |genesis| genesis.m = 257),
        ("an owner without a signature", |genesis| genesis.b.signature = Bytes::new()),
    ];
    for (what, spoil) in spoils {
        let mut genesis: Genesis = decode(&good.payload).unwrap();
        spoil(&mut genesis);
        let signed = sign(&**owner.signing(), Domain::Genesis, &genesis);
        assert_eq!(opens(signed), Some(ByeCode::Protocol), "{what}");
    }
    let genesis: Genesis = decode(&good.payload).unwrap();
    let by_another = sign(&**identity(SUITE, 1).signing(), Domain::Genesis, &genesis);
    assert_eq!(opens(by_another), Some(ByeCode::Protocol), "signed by somebody else");
}

/// A room of a suite nobody knows, or of another than was invited to, is none to talk in.
#[test]
fn a_welcome_to_a_room_of_another_suite_is_not_taken() {
    for suite in [0, 2, 3] {
        let mut net = Net::with_owner(SUITE, "ann", false);
        net.tamper = Some(Box::new(move |name, frame| match frame {
            Frame::Welcome(mut welcome) if name == "bo" => {
                let mut genesis: Genesis = decode(&welcome.genesis.payload).unwrap();
                genesis.s = suite;
                welcome.genesis = sign(&**identity(SUITE, 0).signing(), Domain::Genesis, &genesis);
                Some(Frame::Welcome(welcome))
            }
            frame => Some(frame),
        }));
        let invite = net.invite();
        net.add("bo", Entry::Invite(invite), None);
        net.drive();
        let stop = net.stop_of("bo");
        assert!(matches!(stop, Some(Stop::WrongRoom | Stop::Protocol(Fault::Version))), "{suite}: {stop:?}");
    }
}

/// A change of the members overtakes Bo's words on their way: they are sealed again, and arrive once.
#[test]
fn a_stale_message_is_refused_and_sealed_again() {
    let (mut net, ..) = ann_and_bo();
    net.freeze("bo");
    net.send("bo", "overtaken");
    net.invite_and_join("carol");
    net.thaw("bo");
    net.drive();
    let stale = RefuseCode::Stale.code();
    let is_refusal = |taped: &Taped| match taped {
        Taped::ToClient { name: "bo", kind: FrameKind::Refuse, body } => {
            decode::<Refuse>(body).is_ok_and(|refuse| refuse.code == stale)
        }
        _ => false,
    };
    assert!(net.tape.iter().any(is_refusal), "it was on its way");
    assert_eq!(net.inbox("ann"), ["overtaken"]);
    assert_eq!(net.stop_of("bo"), None);
}

#[test]
fn a_message_in_somebody_elses_name_ends_the_link() {
    let (owner, other) = (identity(SUITE, 0), identity(SUITE, 1));
    let (room, genesis) = new_room(&owner, SUITE, true, 8, START, &mut Seeded::new(9)).unwrap();
    for (sender, epoch, closed, refused) in [
        (other.fingerprint(), 0, Some(ByeCode::Protocol), None),
        (owner.fingerprint(), 7, None, Some(RefuseCode::Stale)),
        (owner.fingerprint(), 0, None, None),
    ] {
        let mut host = Host::new(OpenPolicy::Anyone, HostLimits::default());
        let mut rogue = Rogue::link(&mut host, LinkId(1), &owner);
        rogue.send(&Frame::Open(Open { genesis: genesis.clone(), token: None }));
        let zeros = ByteArray::new([0; 32]);
        let header = encode(&Header { a: sender, h: zeros, i: 0, l: zeros, m: 0, q: epoch, r: room, v: 1 });
        let signature = vec![0; 64].into();
        rogue.send(&Frame::Msg(Msg { ciphertext: vec![1].into(), header: header.into(), signature }));
        assert_eq!((rogue.closed(), rogue.refused()), (closed, refused));
    }
}

/// Randomness that has failed.
struct Broken;

impl Random for Broken {
    fn fill(&mut self, _: &mut [u8]) -> conversa::crypto::Result<()> {
        Err(CryptoError::Backend)
    }
}

#[test]
fn without_randomness_nothing_is_sent_and_nothing_weaker_is_used() {
    for suite in [Suite::Classical, Suite::Hybrid] {
        let mut net = Net::new(suite, &["ann", "bo"]);
        net.drive();
        let ask = Command::RefreshKeys;
        let now = net.now;
        net.people.get_mut("ann").unwrap().client.command(ask, now, &mut Broken);
        net.settle();
        assert_eq!(net.stop_of("ann"), Some(Stop::Crypto(CryptoError::Backend)), "{suite:?}");
        // A chain that has to be made needs some too.
        let mut net = Net::new(suite, &["ann", "bo"]);
        let id = conversa::protocol::MessageId([1; 16]);
        net.command("bo", Command::RefreshKeys);
        net.settle();
        let now = net.now;
        let words = Command::Send { id, content: Content::text("secret"), said_ms: 0 };
        net.people.get_mut("ann").unwrap().client.command(words, now, &mut Broken);
        net.settle();
        assert_eq!(net.stop_of("ann"), Some(Stop::Crypto(CryptoError::Backend)), "{suite:?}");
        assert_eq!(net.inbox("bo"), [""; 0], "{suite:?}");
    }
}
