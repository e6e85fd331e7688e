//! What the library logs at `trace`, its dependencies included, holds no secret: no words, no names,
//! no invite, no private key, no chain key. Rooms of every suite are run through the state machines,
//! where every random byte is known, and over real sockets.

#![allow(dead_code, reason = "the supports are shared with tests that use more of them")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "common/events.rs"]
mod events;
#[path = "common/kept_log.rs"]
mod kept_log;
#[path = "common/keys.rs"]
mod keys;
#[path = "protocol/net.rs"]
mod net;
mod net_support;
#[path = "common/next.rs"]
mod next;
#[path = "common/patience.rs"]
mod patience;
#[path = "common/until.rs"]
mod until;

use conversa::crypto::{Random, Suite};
use conversa::protocol::{Command, Content, Event, MessageId};
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER, HEXUPPER};
use log::LevelFilter;

use self::kept_log::KeptLog;
use self::net::{Net, Seeded};
use self::net_support::World;

const NAMES: [&str; 3] = ["Annabel Quincewick", "Bohumil Zelenka", "Kestrel Friday"];
const WORDS: [&str; 2] = ["the goldcrest has flown", "then bring the nightjar"];

static LOG: KeptLog = KeptLog::of("");

/// One test: there is one logger in a process.
#[test]
fn nothing_secret_is_logged() {
    LOG.begin(LevelFilter::Trace);
    let mut secrets: Vec<String> = [&NAMES[..], &WORDS[..]].concat().into_iter().map(str::to_owned).collect();
    for suite in Suite::ALL {
        secrets.extend(talk_through_the_machines(suite));
        secrets.extend(talk_over_sockets(suite));
        secrets.extend(private_keys(suite));
    }
    let log = LOG.text();
    for expected in ["TRACE mio", "DEBUG conversa::net", "DEBUG conversa::protocol"] {
        assert!(log.contains(expected), "{expected} is not logged, so nothing is shown by this:\n{log}");
    }
    let found: Vec<&String> = secrets.iter().filter(|secret| log.contains(*secret)).collect();
    assert!(found.is_empty(), "{found:?} in:\n{log}");
}

/// Chains, prekeys, an invite, a removal and a host that cheats; gives all that was drawn at random
/// and is nobody else's business.
fn talk_through_the_machines(suite: Suite) -> Vec<String> {
    let mut net = Net::new(suite, &["ann", "bo"]);
    net.command("ann", Command::Retitle(NAMES[2].to_owned()));
    net.command("bo", Command::Rename(NAMES[1].to_owned()));
    net.send("ann", WORDS[0]);
    net.send("bo", WORDS[1]);
    net.drive();
    assert_eq!(net.inbox("bo"), [WORDS[0]]);
    let invite = net.invite();
    net.command("bo", Command::RefreshKeys);
    net.drive();
    net.tamper = Some(Box::new(|_, frame| match frame {
        conversa::wire::Frame::Item(mut item) => {
            item.position += 1;
            Some(conversa::wire::Frame::Item(item))
        }
        frame => Some(frame),
    }));
    net.send("ann", WORDS[0]);
    net.drive();
    let link = invite.to_string();
    let mut secrets = vec![link.rsplit(':').next().unwrap().to_owned()];
    secrets.extend(forms(&invite.secret[..]));
    // The same generators again give everything that was drawn: the machines have no others.
    for place in net.people.values().map(|person| person.random.place()) {
        let (seed, count) = (place >> 32, place & 0xffff_ffff);
        let replay: &mut dyn Random = &mut Seeded::new(seed);
        for _ in 0..count {
            // The first half of each is enough to know it by.
            secrets.extend(forms(&replay.bytes::<32>().unwrap()[..16]));
        }
    }
    secrets
}

fn talk_over_sockets(suite: Suite) -> Vec<String> {
    let mut world = World::new(suite);
    let address = world.host();
    world.open(address);
    let invite = world.invite(address);
    world.add("bo", conversa::protocol::Entry::Invite(invite.clone()), None, &[&address.to_string()]);
    world.ready("bo");
    world.command("ann", Command::Rename(NAMES[0].to_owned()));
    world.command("ann", Command::Retitle(NAMES[2].to_owned()));
    for (from, to, words, id) in [("ann", "bo", WORDS[0], [101; 16]), ("bo", "ann", WORDS[1], [102; 16])] {
        world.command(from, Command::Send { id: MessageId(id), content: Content::text(words), said_ms: 0 });
        world.told_to(to, "the words", |event| match event {
            Event::Message { content, .. } if content.words() == Some(words) => Some(()),
            _ => None,
        });
    }
    forms(&invite.secret[..])
}

fn private_keys(suite: Suite) -> Vec<String> {
    let mut secrets = Vec::new();
    for name in ["ann", "bo"] {
        let identity = net_support::identity(suite, name);
        for der in [identity.signing().to_pkcs8().unwrap(), identity.decryption().to_pkcs8().unwrap()] {
            // What comes after the public numbers, in pieces that a log line could hold.
            der[der.len() / 2..].chunks_exact(16).for_each(|piece| secrets.extend(forms(piece)));
        }
    }
    secrets
}

/// The forms in which a log could show bytes.
fn forms(bytes: &[u8]) -> Vec<String> {
    let decimals: Vec<String> = bytes.iter().map(u8::to_string).collect();
    // The last characters of a piece depend on what follows.
    let base32 = BASE32_NOPAD.encode(bytes)[..bytes.len() * 8 / 5].to_ascii_lowercase();
    let base64 = BASE64.encode(bytes)[..bytes.len() * 8 / 6].to_owned();
    vec![HEXLOWER.encode(bytes), HEXUPPER.encode(bytes), decimals.join(", "), base32, base64]
}
