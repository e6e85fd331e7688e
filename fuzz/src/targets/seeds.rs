//! The inputs that fuzzing begins with, from the kept rooms: what people there really send, and short stories for the
//! machines. Signatures of the secure suites are salted, so made anew they differ; everything else is the same.

use conversa::crypto::{Suite, key_file};
use conversa::protocol::{Invite, MessageId};
use conversa::wire::{Frame, FrameKind, Item, Signed, SkPacket, decode, encode};
use zeroize::Zeroizing;

use super::chains::given;
use super::client_harness::{ClientHarness, newest_prekey, welcome};
use super::desk::Desk;
use super::made_up::Source;
use super::payloads::{Genesis, Prekey, RosterEntry, Subject, bundle};
use super::people::{ANN, BO, CAROL, DAVE, PEOPLE, START, fingerprint, identity};
use super::rooms::{self, room};
use super::sender::{Sender, padded};
use super::words::{copies, header, signed, text};

/// A seed: its target, its name, its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// The kept rooms, made anew: their files' names and bytes. No other seed fits them any more.
pub fn rooms() -> Vec<(&'static str, Vec<u8>)> {
    let named = [(Suite::Classical, "secure.cbor"), (Suite::Hybrid, "hybrid.cbor"), (Suite::Textbook, "learning.cbor")];
    named.into_iter().map(|(suite, name)| (name, rooms::make(suite))).collect()
}

/// Every seed.
pub fn all() -> Vec<Seed> {
    let mut seeds = Vec::new();
    for suite in Suite::ALL {
        frames(suite, &mut seeds);
        payloads(suite, &mut seeds);
        packets(suite, &mut seeds);
        items(suite, &mut seeds);
        links(suite, &mut seeds);
    }
    files(&mut seeds);
    messages(&mut seeds);
    stories(&mut seeds);
    seeds
}

fn block(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a seed is short").to_be_bytes();
    [&length, bytes].concat()
}

fn source(suite: Suite, person: usize, signs: bool) -> Vec<u8> {
    vec![Source { suite, person, signs }.code()]
}

/// One frame of each kind that is on the way in a room, and the whole of it.
fn frames(suite: Suite, seeds: &mut Vec<Seed>) {
    let (desk, links) = Desk::with_room(room(suite));
    let mut seen: Vec<Frame> = ClientHarness::live(suite, BO).sent;
    seen.extend(desk.lines[&links[BO]].frames.iter().cloned());
    seen.push(welcome(room(suite), 2));
    if !suite.is_learning() {
        let (wraps, common) = (vec![given(suite).wrap.clone()], given(suite).sender.common.clone());
        seen.push(Frame::SkPacket(SkPacket { common, wraps }));
    }
    seen.push(Frame::Msg(signed(CAROL, vec![1, 2, 3], vec![4, 5, 6])));
    let stream: Vec<u8> = seen.iter().flat_map(|frame| frame.to_bytes().to_vec()).collect();
    seeds.push(("frame", format!("stream-{suite:?}"), [&[1, 63], stream.as_slice()].concat()));
    for kind in FrameKind::ALL {
        if let Some(frame) = seen.iter().find(|frame| frame.kind() == *kind) {
            seeds.push(("frame", format!("{kind:?}-{suite:?}"), [&[1, 200], &frame.to_bytes()[..]].concat()));
        }
    }
}

/// A signed payload as it is, and its bytes for us to sign.
fn push(seeds: &mut Vec<Seed>, (target, name): (&'static str, &str), suite: Suite, person: usize, signed: &Signed) {
    // Of prekeys an input may have several.
    let wrap = |bytes: &[u8]| if target == "prekey" { block(bytes) } else { bytes.to_vec() };
    let raw = [source(suite, person, false), wrap(&encode(signed))].concat();
    let payload = [source(suite, person, true), wrap(&signed.payload)].concat();
    seeds.push((target, format!("{name}-{suite:?}"), raw));
    seeds.push((target, format!("{name}-payload-{suite:?}"), payload));
}

/// Bundles, geneses, roster entries and prekeys: as they are, and their payloads for us to sign.
fn payloads(suite: Suite, seeds: &mut Vec<Seed>) {
    if suite != Suite::Hybrid {
        for person in 0..PEOPLE {
            push(seeds, ("bundle", &format!("person-{person}")), suite, person, &bundle(suite, person));
        }
    }
    push(seeds, ("genesis", "room"), suite, ANN, &room(suite).genesis);
    for (name, joining, places) in [("invites-only", 0, 64), ("alone", 1, 1), ("too-large", 1, 257)] {
        let genesis: Genesis = decode(&room(suite).genesis.payload).expect("a genesis reads back");
        let payload = encode(&Genesis { j: joining, m: places, ..genesis });
        seeds.push(("genesis", format!("{name}-{suite:?}"), [source(suite, ANN, true), payload].concat()));
    }
    if let Some(prekey) = newest_prekey(&ClientHarness::live(suite, BO).sent) {
        push(seeds, ("prekey", "bo"), suite, BO, prekey);
        // Bo's in a learning room too, which announces none but reads them.
        let learning = Prekey {
            a: fingerprint(Suite::Textbook, BO),
            r: room(Suite::Textbook).id,
            ..decode(&prekey.payload).expect("a prekey reads back")
        };
        let late = Prekey { x: START.unix_ms, ..learning.clone() };
        let payload = [source(Suite::Textbook, BO, true), block(&encode(&late))].concat();
        seeds.push(("prekey", format!("late-as-of-{suite:?}"), payload));
        let payload =
            [source(Suite::Textbook, BO, true), block(&encode(&learning)), block(&encode(&learning))].concat();
        seeds.push(("prekey", format!("bo-twice-as-of-{suite:?}"), payload));
    }
    for (number, entry) in room(suite).entries.iter().enumerate() {
        let script = [source(suite, ANN, false), vec![255], block(&encode(entry))].concat();
        seeds.push(("roster", format!("repeated-{number}-{suite:?}"), script));
        let changed = RosterEntry { q: 3, ..decode(&entry.payload).expect("an entry reads back") };
        let script = [source(suite, ANN, true), vec![180], block(&encode(&changed))].concat();
        seeds.push(("roster", format!("payload-{number}-{suite:?}"), script));
    }
    // Dave comes, Carol goes, Carol comes back, Dave's keys are renewed, the room is closed.
    let story = [[1, DAVE], [2, CAROL], [1, CAROL], [3, DAVE], [4, ANN]];
    for length in 1..=story.len() {
        let actions =
            story[..length].iter().flat_map(|[operation, person]| [*operation as u8, *person as u8, 0, 0, 0, 0, 0, 0]);
        let script = [source(suite, ANN, true), actions.collect()].concat();
        seeds.push(("roster", format!("story-{length}-{suite:?}"), script));
    }
}

/// Announcements: payloads for us to sign, real ones, and a good wrap changed here and there.
fn packets(suite: Suite, seeds: &mut Vec<Seed>) {
    for person in [ANN, BO, CAROL] {
        for number in [1, 2] {
            let sender = Sender::announce(room(suite), person, number);
            let raw = [source(suite, person, false), block(&encode(&sender.common)), block(&[0x80])].concat();
            seeds.push(("skpacket", format!("person-{person}-{number}-{suite:?}"), raw));
            let twice = [block(&sender.common.payload), block(&[0x80])].concat().repeat(2);
            if suite.is_learning() {
                let payload = [source(suite, person, true), twice].concat();
                seeds.push(("skpacket", format!("payload-{person}-{number}"), payload));
            }
        }
    }
    if suite.is_learning() {
        return;
    }
    let given = given(suite);
    let raw = [block(&encode(&given.sender.common)), block(&encode(&vec![given.wrap.clone()]))].concat();
    seeds.push(("skpacket", format!("wrapped-{suite:?}"), [source(suite, CAROL, false), raw].concat()));
    let bends: [&[u8]; 4] = [&[0], &[1, 1], &[3, 0, 40, 1], &[3, 1, 200, 128]];
    for (number, bend) in bends.into_iter().enumerate() {
        let changed = [source(suite, CAROL, true), bend.to_vec()].concat();
        seeds.push(("skpacket", format!("changed-{number}-{suite:?}"), changed));
    }
}

/// Items of each kind, in their order.
fn items(suite: Suite, seeds: &mut Vec<Seed>) {
    let choice = [Suite::Textbook, Suite::Textbook, Suite::Classical, Suite::Hybrid].iter().position(|of| *of == suite);
    let choice = choice.unwrap_or_default() as u8;
    let sk = encode(&Sender::announce(room(suite), CAROL, 1).common);
    let message = |index: u64| {
        let header = header(room(suite).id, CAROL, index, 2, (10, [0x33; 32]));
        encode(&signed(CAROL, encode(&header), copies(BO, &text(MessageId([index as u8; 16]), "hello"))))
    };
    let prekey = newest_prekey(&ClientHarness::live(suite, CAROL).sent).map(encode).unwrap_or_default();
    let entry =
        rooms::entry(suite, room(suite).id, Subject::Bundle(bundle(suite, DAVE)), 1, (3, room(suite).roster_hash()));
    // The kind's number is one above the choice; then the right place.
    let of = |kind: u8, exact: &[u8]| [vec![kind - 1, 0], block(exact)].concat();
    let all = [("roster", of(1, &encode(&entry))), ("prekey", of(2, &prekey)), ("sk", of(3, &sk))];
    let all = all
        .into_iter()
        .chain([("msg", of(4, &message(1))), ("msgs", [of(4, &message(1)), of(4, &message(2))].concat())]);
    for (name, script) in all {
        seeds.push(("item", format!("{name}-{suite:?}"), [vec![choice], script].concat()));
    }
    if !suite.is_learning() {
        let whole = encode(&Item { kind: 3, position: 11, wrap: Some(given(suite).wrap.clone()), exact: sk.into() });
        seeds.push(("item", format!("whole-{suite:?}"), [vec![choice, 255], block(&whole)].concat()));
    }
}

/// Links with one address and with as many as there may be.
fn links(suite: Suite, seeds: &mut Vec<Seed>) {
    for addresses in
        [vec!["127.0.0.1:9000"], vec!["[2001:db8::1]:65535"; 6], vec!["chat.example.org:443", "10.0.0.2:1"]]
    {
        let invite = Invite {
            suite,
            host: fingerprint(suite, ANN),
            room: room(suite).id,
            secret: Zeroizing::new([8; 32]),
            expires_ms: START.unix_ms + 1,
            addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        };
        let link = invite.to_string();
        let count = addresses.len();
        seeds.push(("invite_link", format!("{count}-{suite:?}"), link.clone().into_bytes()));
        seeds.push(("invite_link", format!("{count}-shouted-{suite:?}"), link.to_uppercase().into_bytes()));
        let broken: Vec<String> =
            link.as_bytes().chunks(60).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        seeds.push(("invite_link", format!("{count}-lines-{suite:?}"), broken.join("\r\n").into_bytes()));
    }
}

/// Key files and what is in them; those under a passphrase come of the `openssl` command (see the README).
fn files(seeds: &mut Vec<Seed>) {
    for (suite, odd) in [(Suite::Classical, 0), (Suite::Textbook, 1)] {
        let identity = identity(suite, ANN);
        let keys = [identity.signing().to_pkcs8().unwrap(), identity.decryption().to_pkcs8().unwrap()];
        for (number, key) in keys.iter().enumerate() {
            let text = key_file::to_pem(key, suite.key_kind(), None).unwrap();
            seeds.push(("key_files", format!("file-{number}-{suite:?}"), [&[odd], text.as_bytes()].concat()));
            seeds.push(("key_files", format!("private-{number}-{suite:?}"), [&[4 + odd], key.as_slice()].concat()));
        }
        let (signing, encryption) = (identity.signing().public(), identity.decryption().public());
        for (number, key) in [signing.spki(), encryption.spki()].into_iter().enumerate() {
            seeds.push(("key_files", format!("public-{number}-{suite:?}"), [&[4 + odd], key].concat()));
            let text = key_file::public_pem(key, suite.key_kind()).unwrap();
            seeds.push(("key_files", format!("public-file-{number}-{suite:?}"), [&[odd], text.as_bytes()].concat()));
        }
    }
}

/// What Carol may say, in each kind of room: right, and wrong in one place.
fn messages(seeds: &mut Vec<Seed>) {
    // The header as it is; words with a name; the copy as it is; the message as it is.
    let words = |id: u8, words: &str| [vec![0, 1, id], block(words.as_bytes()), vec![0, 0, 0]].concat();
    let name = [vec![0, 128], block(b"Carol"), vec![0, 0, 0]].concat();
    let receipt = vec![0, 160, 0, 0, 0, 0];
    let other = [vec![0, 192], block(b"\x00"), vec![5, 0, 0, 0]].concat();
    let none = [vec![0, 255], block(&[0xa0]), vec![0, 0, 0]].concat();
    let long = vec![0, 127, 1, 0, 0, 0];
    let lost = [vec![8, 2, 1, 1], block(b"after a gap"), vec![0, 0, 0]].concat();
    let far = [vec![8, 200, 1, 1], block(b"after too large a gap"), vec![0, 0, 0]].concat();
    let forked = [vec![2, 3, 5, 1, 1], block(b"another log"), vec![0, 0, 0]].concat();
    let stories: [(&str, Vec<u8>); 10] = [
        ("words", words(1, "hello")),
        ("twice", [words(1, "hello"), words(1, "hello")].concat()),
        ("talk", [name.clone(), words(1, "hello"), words(2, "Grüße 👋"), receipt.clone()].concat()),
        ("name", name),
        ("receipt", receipt),
        ("newer", other),
        ("no-body", none),
        ("too-long", long),
        ("gaps", [lost, far].concat()),
        ("forked", forked),
    ];
    for (choice, suite) in [(0, "learning"), (3, "secure"), (4, "hybrid")] {
        for (name, story) in &stories {
            seeds.push(("msg", format!("{name}-{suite}"), [&[choice], story.as_slice()].concat()));
        }
    }
    let padding = padded(&[1, 2, 3]);
    seeds.push(("msg", "raw-plaintext".to_owned(), [vec![3, 0, 255], block(&padding), vec![255, 0, 0]].concat()));
}

/// Short stories for the machines, as the choices they read.
fn stories(seeds: &mut Vec<Seed>) {
    host_stories(seeds);
    client_stories(seeds);
    differential_stories(seeds);
}

/// Each action of the host's target once, in a room with three members, and longer ones.
fn host_stories(seeds: &mut Vec<Seed>) {
    let mut push = |name: &str, script: Vec<u8>| seeds.push(("host", name.to_owned(), script));
    let dave_comes = vec![0, 3, 0, 1];
    let dave_knocks = vec![5, 3, 0, 0, 0];
    let ann_adds_dave = vec![8, 0, 3, 15, 0, 0];
    let say = |link: u8, words: &[u8]| [vec![13, link, 0, 0, 0], block(words)].concat();
    push("knock", [vec![2], dave_comes.clone(), dave_knocks.clone()].concat());
    push("declined", [vec![2], dave_comes.clone(), dave_knocks.clone(), vec![15, 0, 2, 1]].concat());
    let admitted = [vec![2], dave_comes.clone(), dave_knocks.clone(), ann_adds_dave].concat();
    push("admitted", [admitted.clone(), say(3, b"thanks")].concat());
    push("removed", [admitted.clone(), say(3, b"hi"), vec![8, 0, 3, 1, 0, 0], say(1, b"gone")].concat());
    push("closed", [admitted, vec![8, 0, 0, 0, 0, 0]].concat());
    push("talk", [vec![2], say(0, b"one"), say(1, b"two"), say(2, b"three")].concat());
    push("keys", vec![2, 10, 1, 0, 5, 0, 0, 0, 0, 11, 1, 0, 0, 0, 0, 0, 2, 0, 8, 0, 0, 0, 0, 9, 0, 0, 2]);
    push("large-wrap", vec![2, 11, 1, 0, 0, 0, 0, 0, 1, 255, 0, 0, 0]);
    push("cut", [vec![2, 2, 1, 0, 0, 1, 0, 1, 7, 2, 0, 0], say(2, b"back")].concat());
    push("resumed", [vec![2], say(0, b"one"), vec![2, 1, 0, 0, 1, 0, 1, 7, 2, 0, 0], say(2, b"back")].concat());
    push("replaced", vec![2, 0, 1, 0, 1, 5, 3, 0, 0, 0]);
    push("quiet", vec![2, 1, 4, 1, 5, 17, 0, 1, 4, 1, 7]);
    push("flood", [vec![2], say(1, b"again").repeat(50)].concat());
    push("opens", vec![1, 0, 0, 0, 1, 4, 0, 0, 0, 0, 1, 8, 1, 16, 0, 0]);
    push("relay", vec![0, 0, 1, 0, 1, 4, 0, 1, 0, 1, 2, 8, 0]);
    push("guesses", [vec![2], dave_comes, [5, 3, 0, 2, 0, 15, 0, 0, 1].repeat(6)].concat());
    push("raw", [vec![2, 3, 1, 7], block(&[0xa1])].concat());
    push("looks", [vec![2, 0, 3, 0, 1], [16, 3, 1, 16, 3, 0].repeat(10)].concat());
}

fn client_stories(seeds: &mut Vec<Seed>) {
    // Two frames in the log before: a word from Carol, or Bo's own.
    let hear = |id: u8, words: &[u8]| [vec![8, 0, 0, 1, id], block(words), vec![0, 0, 0]].concat();
    let say = |id: u8, words: &[u8]| [vec![24, id, 0], block(words)].concat();
    for (choice, suite) in [(0, "learning"), (3, "secure"), (4, "hybrid")] {
        let mut push = |name: &str, script: &[u8]| {
            seeds.push(("client", format!("{name}-{suite}"), [&[choice], script].concat()));
        };
        let live = 128;
        push("enters", &[16, 0, 2, 2, 0, 3, 0, 5, 4]);
        push("is-invited", &[10, 0, 0, 2, 2, 0, 3, 0, 4]);
        push("knocks", &[0, 0, 1, 24, 0, 17, 0, 0, 2, 19, 1, 0, 0, 24, 0, 18, 0, 0, 2, 16, 7]);
        push("hears", &[vec![live, 11, 0, 0], hear(1, b"hello"), hear(2, b"again"), vec![23, 5]].concat());
        push("says", &[vec![live], say(1, b"hello"), vec![5, 23, 5, 23, 5]].concat());
        push(
            "talks",
            &[vec![live, 11, 0, 0], hear(1, b"hello"), say(1, b"yes"), vec![5], hear(2, b"so"), vec![23, 5]].concat(),
        );
        push(
            "is-cut",
            &[vec![live], say(1, b"hello"), vec![0, 5, 1, 3, 0, 2, 2, 255, 1, 0, 0, 0, 0, 0, 0, 4, 5]].concat(),
        );
        push("refreshes", &[live, 24, 0, 15, 5, 1, 6, 24, 0, 15, 5]);
        push("waits", &[live, 1, 7, 1, 4, 18, 1, 5, 23]);
        push("leaves", &[live, 24, 0, 19, 0, 23, 5, 23]);
        push("is-removed", &[live, 13, 1, 1, 0, 0]);
        push("roster", &[live, 13, 3, 7, 0, 0, 13, 2, 1, 0, 0, 5]);
        push("owns", &[live + 1, 24, 0, 7, 1, 0, 20, 0, 3, 0, 1, 24, 0, 9, 3, 1, 24, 0, 13, 5]);
        push("owner-removes", &[live + 1, 24, 0, 10, 2, 24, 0, 13, 5, 24, 0, 12, 24, 0, 13, 5]);
        push("presence", &[live, 15, 2, 0, 15, 2, 1, 15, 0, 2, 12, 5, 0, 23]);
        push("raw", &[vec![live, 22, 11], block(&[0xa4, 0x61, 0x6b])].concat());
    }
}

fn differential_stories(seeds: &mut Vec<Seed>) {
    let say = |side: u8, words: &[u8]| [vec![side * 128, 0, words.len() as u8], words.to_vec()].concat();
    let all = vec![16_u8];
    let wait = vec![12_u8, 3];
    // Names and chains have gone out; both have spoken.
    let begun =
        [wait.clone(), all.clone(), say(0, b"hello"), say(1, b"hi"), all.clone(), wait.clone(), all.clone()].concat();
    for (choice, suite) in [(0, "learning"), (3, "secure"), (4, "hybrid")] {
        let mut push = |name: &str, script: &[&[u8]]| {
            seeds.push(("differential", format!("{name}-{suite}"), [&[choice], script.concat().as_slice()].concat()));
        };
        push("honest", &[&begun]);
        push("honest-removal", &[&begun, &[19], &all, &say(0, b"only us"), &all, &wait]);
        push("honest-cut", &[&begun, &say(0, b"before"), &[18, 0], &say(1, b"after"), &all]);
        push("drops", &[&begun, &say(0, b"lost"), &[22 + 128], &say(0, b"next"), &all, &say(1, b"?"), &all]);
        push("shows-one", &[&begun, &say(0, b"for you only"), &[20 + 128], &say(1, b"yes"), &all, &wait, &all]);
        push("swaps", &[&begun, &say(0, b"one"), &say(0, b"two"), &[24 + 128], &all]);
        push("repeats", &[&begun, &say(0, b"once"), &all, &[25 + 128, 6], &[25 + 128, 5], &[25, 4], &all]);
        push("forges", &[&begun, &say(0, b"pay Bo 10"), &[26 + 128, 3, 0, 90, 1], &all]);
        push("wraps", &[&wait, &[29 + 128, 1], &all, &say(0, b"hello"), &all]);
        push("lies", &[&begun, &[28, 0], &say(0, b"anybody?"), &[28, 1], &all, &wait, &all]);
        push("stale", &[&begun, &say(1, b"for the old epoch"), &[19], &all, &wait, &all]);
    }
}
