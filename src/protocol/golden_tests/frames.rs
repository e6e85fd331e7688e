//! Each type of frame: what our encoder makes of its fields, and what our reader makes of the bytes.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Vector, unhex};
use crate::wire::{
    Bye, Frame, FrameReader, Item, Join, JoinAnswer, JoinAsk, Lobby, Look, Msg, Open, Ping, Presence, Refuse, Resume,
    Signed, SkPacket, Welcome, decode,
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
