//! Each type of frame: what our encoder makes of its fields, and what our reader makes of the bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Vector, unhex};
use crate::crypto::{Domain, Fingerprint};
use crate::protocol::RoomId;
use crate::protocol::payload::KnockPayload;
use crate::wire::{
    Bye, ByteArray, Frame, FrameReader, Item, Join, JoinAnswer, JoinAsk, Lobby, Look, Msg, Open, Ping, Presence,
    Refuse, Resume, Signed, SkPacket, Welcome, decode, encode,
};

pub(super) fn frame(vector: &Vector) {
    let frame = built(vector);
    assert_eq!(frame.kind().code(), vector.byte("code"), "{}", vector.name());
    assert_eq!(frame.to_bytes()[..], vector.bytes("bytes"), "{}", vector.name());
    let mut reader = FrameReader::new(usize::MAX);
    reader.push(&vector.bytes("bytes"));
    assert_eq!(reader.next_frame(), Ok(Some(frame)), "{}", vector.name());
    assert!(reader.is_empty());
}

/// The frame of the vector's fields.
fn built(vector: &Vector) -> Frame {
    match &*vector.text("type") {
        "Join" => Frame::Join(Join {
            bundle: field(vector, "b"),
            invite_id: field(vector, "i"),
            knock: field(vector, "k"),
            mac: field(vector, "m"),
            room: field(vector, "r"),
        }),
        "Resume" => Frame::Resume(Resume {
            log_hash: field(vector, "l"),
            position: field(vector, "p"),
            room: field(vector, "r"),
        }),
        "Welcome" => Frame::Welcome(Welcome {
            genesis: field(vector, "g"),
            prekey_index: field(vector, "i"),
            log_hash: field(vector, "l"),
            chain_number: field(vector, "n"),
            position: field(vector, "p"),
            roster_length: field(vector, "q"),
        }),
        "Refuse" => Frame::Refuse(Refuse { code: field(vector, "c") }),
        "Roster" => Frame::Roster(signed(vector)),
        "Prekey" => Frame::Prekey(signed(vector)),
        "SkPacket" => Frame::SkPacket(SkPacket { common: field(vector, "c"), wraps: field(vector, "w") }),
        "Msg" => Frame::Msg(Msg {
            ciphertext: field(vector, "c"),
            header: field(vector, "h"),
            signature: field(vector, "s"),
        }),
        "Look" => Frame::Look(Look { room: field(vector, "r") }),
        "Lobby" => Frame::Lobby(Lobby { rooms: field(vector, "g"), members: field(vector, "n") }),
        "Open" => Frame::Open(Open { genesis: field(vector, "g"), token: field(vector, "t") }),
        "Item" => Frame::Item(Item {
            kind: field(vector, "k"),
            position: field(vector, "p"),
            wrap: field(vector, "w"),
            exact: field(vector, "x"),
        }),
        "JoinAsk" => Frame::JoinAsk(JoinAsk { join: field(vector, "j"), number: field(vector, "n") }),
        "JoinAnswer" => Frame::JoinAnswer(JoinAnswer { answer: field(vector, "a"), number: field(vector, "n") }),
        "Presence" => Frame::Presence(Presence { member: field(vector, "f"), state: field(vector, "s") }),
        "Ping" => Frame::Ping(Ping { number: field(vector, "n") }),
        "Pong" => Frame::Pong(Ping { number: field(vector, "n") }),
        "Bye" => Frame::Bye(Bye { code: field(vector, "c") }),
        other => panic!("no frame is called {other}"),
    }
}

fn signed(vector: &Vector) -> Signed {
    Signed { payload: field(vector, "p"), signature: field(vector, "s") }
}

/// A field: a number, nothing, or something in CBOR.
fn field<T: Serialize + DeserializeOwned>(vector: &Vector, name: &str) -> T {
    match &vector.0["fields"][name] {
        serde_json::Value::String(hex) => decode(&unhex(hex)).unwrap(),
        value => serde_json::from_value(value.clone()).unwrap(),
    }
}

/// Added after the file was frozen: the request of a joiner without an invite, between the keys `i` and `m`.
#[test]
fn a_join_has_a_knock_or_no_key_for_one() {
    let signed = Signed { payload: vec![1].into(), signature: vec![2].into() };
    let join =
        |knock| Join { bundle: signed.clone(), invite_id: None, knock, mac: None, room: ByteArray::new([7; 32]) };
    let room = [&[0x61, b'r', 0x58, 32][..], &[7; 32]].concat();
    let part = [0xa2, 0x61, b'p', 0x41, 1, 0x61, b's', 0x41, 2];
    let head = [&[0x61, b'b'][..], &part, &[0x61, b'i', 0xf6]].concat();
    let without = [&[0xa4][..], &head, &[0x61, b'm', 0xf6], &room].concat();
    let with = [&[0xa5][..], &head, &[0x61, b'k'], &part, &[0x61, b'm', 0xf6], &room].concat();
    let null = [&[0xa5][..], &head, &[0x61, b'k', 0xf6, 0x61, b'm', 0xf6], &room].concat();
    assert_eq!(encode(&join(None)), without);
    assert_eq!(encode(&join(Some(signed.clone()))), with);
    assert_eq!((decode(&without), decode(&with)), (Ok(join(None)), Ok(join(Some(signed.clone())))));
    assert!(decode::<Join>(&null).is_err(), "absent, and not null");
    let payload =
        KnockPayload { sender: Fingerprint::from_bytes([5; 32]), room: RoomId([7; 32]), time_ms: 9, version: 1 };
    let bytes = [&[0xa4, 0x61, b'a', 0x58, 32][..], &[5; 32], &room, &[0x61, b't', 9, 0x61, b'v', 1]].concat();
    assert_eq!(encode(&payload), bytes);
    assert_eq!(Domain::Knock.label(), Some("knock"));
}
