//! Messages of a learning room as its specification says, and plaintexts of all rooms.

use conversa::crypto::{Domain, Suite};
use conversa::protocol::{MessageId, RoomId};
use conversa::wire::{ByteArray, Msg, encode};

use super::payloads::{Header, LearningCopy, Plaintext, Text};
use super::people::{START, fingerprint, identity, signing};

/// The plaintext of words.
pub(super) fn text(id: MessageId, words: &str) -> Vec<u8> {
    let text = Text { i: id, t: words.to_owned() };
    encode(&Plaintext { b: encode(&text).into(), k: 1, t: START.unix_ms })
}

/// The header of a person's message `index` in a learning room, for a log at a position with a hash.
pub(super) fn header(room: RoomId, person: usize, index: u64, epoch: u64, log: (u64, [u8; 32])) -> Header {
    Header {
        a: fingerprint(Suite::Textbook, person),
        h: ByteArray::new([0; 32]),
        i: index,
        l: ByteArray::new(log.1),
        m: log.0,
        q: epoch,
        r: room,
        v: 1,
    }
}

/// A plaintext for one recipient, in RSA blocks.
pub(super) fn copies(recipient: usize, plaintext: &[u8]) -> Vec<u8> {
    let identity = identity(Suite::Textbook, recipient);
    let ciphertext = identity.decryption().public().encrypt(&[], plaintext).unwrap();
    encode(&vec![LearningCopy { c: ciphertext.into(), t: identity.fingerprint() }])
}

/// Signs whatever a message consists of.
pub(super) fn signed(person: usize, header: Vec<u8>, ciphertext: Vec<u8>) -> Msg {
    let length = u32::try_from(header.len()).unwrap().to_be_bytes();
    let input = [&length, header.as_slice(), &ciphertext].concat();
    let signature = signing(Suite::Textbook, person).sign(Domain::Learning, &input).unwrap();
    Msg { ciphertext: ciphertext.into(), header: header.into(), signature: signature.into() }
}
