//! `{:?}` shows no secret, in whatever type it is wrapped: what is logged, or printed by a panic, may
//! be any of these.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Debug;

use conversa::app::conversation::{Change, Chat, Room};
use conversa::app::{
    HostPlace, HostRequest, HostedAt, JoinRequest, JoinTarget, Keys, MembershipEvent, MembershipId, Passphrase, Record,
    Session, SessionEvent,
};
use conversa::crypto::primitives::{Ed25519Key, OneTimeKey};
use conversa::crypto::textbook::KeyPair;
use conversa::crypto::{DecryptionKey, Fingerprint, SigningKey, Suite, ml_kem, x25519};
use conversa::net::{self, ClientId};
use conversa::protocol::{
    Body, Client, Command, Content, Entry, Event, Host, Identity, Invite, Keep, MessageId, Now, OpenPolicy, Output,
    Private, RelayToken, RoomId,
};
use conversa::store::{
    Answer, FileKey, Full, Held, Hit, News, Question, Search, StoredMessage, StoredRoom, StoredRow, Write,
};
use conversa::wire::{Bytes, Frame, Open, Signed};
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER, HEXUPPER};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const WORDS: &str = "the goldcrest has flown";

/// 32 bytes like no others.
fn secret() -> [u8; 32] {
    core::array::from_fn(|index| 201 + index as u8)
}

fn invite() -> Invite {
    Invite {
        suite: Suite::Hybrid,
        addresses: vec!["192.168.1.7:9000".to_owned()],
        host: Fingerprint::of(b"host"),
        room: RoomId([7; 32]),
        secret: Zeroizing::new(secret()),
        expires_ms: 1_800_000_000_000,
    }
}

fn token() -> RelayToken {
    RelayToken::new(secret())
}

fn signed() -> Signed {
    Signed { payload: Bytes::from(vec![1]), signature: Bytes::from(vec![2]) }
}

/// Fails if either form of `{:?}` has the secret or the words in it, in any notation of bytes.
fn shows_nothing(what: &str, value: &dyn Debug) {
    let notations = [
        HEXLOWER.encode(&secret()),
        HEXUPPER.encode(&secret()),
        BASE64.encode(&secret())[..40].to_owned(),
        BASE32_NOPAD.encode(&secret())[..50].to_owned(),
        invite().to_string().rsplit(':').next().unwrap().to_owned(),
        secret()[..4].iter().map(u8::to_string).collect::<Vec<_>>().join(","),
        secret()[..4].iter().map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>().join(","),
        WORDS.to_owned(),
    ];
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        let closed_up: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
        for notation in &notations {
            assert!(!shown.contains(notation) && !closed_up.contains(notation), "{what} shows {notation}: {shown}");
        }
    }
}

#[test]
fn the_check_would_find_a_secret() {
    for leak in [&secret() as &dyn Debug, &HEXLOWER.encode(&secret()), &invite().to_string(), &WORDS, &vec![secret()]] {
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shows_nothing("a leak", leak))).is_err());
    }
}

#[test]
fn invites_tokens_and_passphrases_are_not_shown() {
    shows_nothing("an invite", &invite());
    shows_nothing("a token", &token());
    shows_nothing("a passphrase", &Passphrase::new(WORDS.to_owned()));
    let open = Open { genesis: signed(), token: Some(token()) };
    shows_nothing("the frame that opens a room", &Frame::Open(open.clone()));
    shows_nothing("the body of it", &open);
    let entries = [
        Entry::Invite(invite()),
        Entry::Open { genesis: signed(), roster: vec![signed()], token: Some(token()), title: WORDS.to_owned() },
    ];
    entries.iter().for_each(|entry| shows_nothing("an entry", entry));
    let place = HostPlace::Relay { address: "relay:9000".to_owned(), token: Some(token()), pin: None };
    shows_nothing("a place to host at", &place);
    let hosted_at = HostedAt::Relay(Some(token()));
    shows_nothing("where a room is hosted", &hosted_at);
    shows_nothing("a room's record", &Record::new(RoomId([7; 32]), Suite::Hybrid, signed(), hosted_at));
    let target = JoinTarget::Invite(Box::new(invite()));
    shows_nothing("a room to join", &JoinRequest { target, learning: None, pin: None, look: false });
}

#[test]
fn commands_events_and_outputs_show_neither_words_nor_invites() {
    let id = MessageId([1; 16]);
    let commands = [
        Command::Send { id, content: Content::text(WORDS), said_ms: 0 },
        Command::Rename(WORDS.to_owned()),
        Command::Retitle(WORDS.to_owned()),
    ];
    commands.iter().for_each(|command| shows_nothing("a command", command));
    let member = Fingerprint::of(b"ann");
    let events = [
        Event::InviteMade(invite()),
        Event::Message { id, from: member, content: Content::text(WORDS), sent_ms: 1 },
        Event::MemberNamed { member, name: WORDS.to_owned() },
        Event::Titled { title: WORDS.to_owned() },
    ];
    for event in events {
        shows_nothing("an event", &event);
        shows_nothing("an output", &Output::Event(event.clone()));
        shows_nothing("an event of the net", &net::Event::Client { id: ClientId(1), event: event.clone() });
        let event = MembershipEvent::Protocol(event);
        shows_nothing("an event of a session", &SessionEvent::Membership { membership: MembershipId(1), event });
    }
    shows_nothing("an own message", &MembershipEvent::Sent { id, content: Content::text(WORDS), sent_ms: 1 });
    let what = Keep::OpenInvites(vec![invite()]);
    shows_nothing("an event of the net", &net::Event::Keep { id: ClientId(1), number: 1, what: what.clone() });
    shows_nothing("what is kept", &Output::Keep { number: 1, what });
    let open = Frame::Open(Open { genesis: signed(), token: Some(token()) });
    shows_nothing("a frame to send", &Output::Send(open.to_bytes()));
    for body in
        [Body::Said { id, content: Content::text(WORDS) }, Body::Name(WORDS.to_owned()), Body::Title(WORDS.to_owned())]
    {
        shows_nothing("a body", &body);
    }
}

#[test]
fn what_a_store_takes_and_tells_shows_no_words() {
    let (room, sender, text) = (RoomId([7; 32]), Fingerprint::of(b"ann"), || Private::new(WORDS.to_owned()));
    let mut key = Zeroizing::new([0; FileKey::BYTES]);
    key[..32].copy_from_slice(&secret());
    shows_nothing("a key of a store", &FileKey::from_bytes(key));
    let message = StoredMessage {
        room,
        sender,
        id: MessageId([1; 16]),
        content: Content::text(WORDS),
        sent_ms: 1,
        got_ms: 2,
        own: None,
    };
    let writes = [
        Write::Room { room, title: WORDS.to_owned(), suite: Suite::Hybrid, entered_ms: 1 },
        Write::Message(message.clone()),
        Write::Draft { room, text: Some(text()) },
    ];
    for write in writes {
        shows_nothing("a write", &write);
        shows_nothing("a write that finds no room", &Full(Box::new(write)));
    }
    let (from_ms, to_ms, before) = (None, None, None);
    let search = Search { room: None, text: text(), sender: None, from_ms, to_ms, before, limit: 1 };
    shows_nothing("a question", &Question::Search(search));
    let row = StoredRow { place: 0, held: Held::Message(message.clone()), members: Vec::new() };
    let stored = StoredRoom {
        room,
        title: WORDS.to_owned(),
        suite: None,
        entered_ms: 1,
        count: 1,
        first: 0,
        read_up_to: 0,
        draft: Some(text()),
        keep_days: None,
        newest: Some(row.clone()),
    };
    let hit = Hit { place: 0, message, ranges: vec![0..3, 4..5] };
    let answers = [Answer::Rows(vec![row]), Answer::Rooms(vec![stored]), Answer::Hits { hits: vec![hit], next: None }];
    for answer in answers {
        shows_nothing("an answer", &News::Answer { request: 1, answer });
    }
}

#[test]
fn key_pairs_show_their_fingerprint_at_most() {
    let backend = Suite::Textbook.backend();
    let keys =
        Keys { signing: backend.generate_signing(256).unwrap(), decryption: backend.generate_decryption(256).unwrap() };
    let private = [keys.signing.to_pkcs8().unwrap(), keys.decryption.to_pkcs8().unwrap()];
    let fingerprint = Fingerprint::of(keys.signing.public().spki());
    let shown_keys = format!("{keys:?}");
    let identity = Identity::new(keys.signing, keys.decryption, Now::default()).unwrap();
    assert_eq!(format!("{identity:?}"), format!("Identity {{ fingerprint: {fingerprint:?}, .. }}"));
    for shown in [shown_keys, format!("{identity:#?}")] {
        assert!(shown.len() < 100, "{shown}");
        for der in &private {
            assert!(!shown.contains(&HEXLOWER.encode(&der[der.len() - 8..])), "{shown}");
        }
    }
}

/// The rest cannot be shown at all: this fails to compile once one of them can.
macro_rules! cannot_be_shown {
    ($($type:ty),* $(,)?) => {
        $(const _: fn() = || {
            trait Ambiguous<Which> { fn choose() {} }
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + Debug> Ambiguous<u8> for T {}
            <$type as Ambiguous<_>>::choose();
        };)*
    };
}

cannot_be_shown!(
    x25519::PrivateKey,
    ml_kem::DecapsulationKey,
    Ed25519Key,
    KeyPair,
    dyn SigningKey,
    dyn DecryptionKey,
    OpenPolicy,
    Client,
    Host,
    HostRequest,
    Session,
);

/// What is cleared when it is dropped; where a type is OpenSSL's, OpenSSL clears it.
#[test]
fn secrets_are_cleared_when_they_are_dropped() {
    fn is_cleared<T: ZeroizeOnDrop>() {}
    is_cleared::<RelayToken>();
    is_cleared::<OneTimeKey>();
    is_cleared::<ml_kem::SharedSecret>();
    is_cleared::<ml_kem::DecapsulationKey>();
    let mut token = token();
    token.zeroize();
    assert_eq!(token, RelayToken::new([0; 32]));
    let mut invite = invite();
    invite.secret.zeroize();
    assert_eq!(*invite.secret, [0; 32]);
}

/// A conversation's state holds the invite that is shown on screen.
#[test]
fn a_conversation_does_not_show_its_invite() {
    let mut chat = Chat::default();
    let info = conversa::app::MembershipInfo {
        room: None,
        suite: Suite::Hybrid,
        title: String::new(),
        addresses: Vec::new(),
        owned: true,
        hosted_here: true,
        knocking: false,
    };
    let membership = MembershipId(1);
    let tell = |chat: &mut Chat, event| chat.apply(&SessionEvent::Membership { membership, event }, 1);
    tell(&mut chat, MembershipEvent::Begun(info));
    let changes: Vec<Change> = tell(&mut chat, MembershipEvent::Protocol(Event::InviteMade(invite())));
    let room: Option<&Room> = chat.room(membership);
    assert!(room.is_some_and(|room| room.invite.is_some()));
    shows_nothing("a conversation", &room);
    shows_nothing("its change", &changes);
    shows_nothing("all conversations", &chat);
}
