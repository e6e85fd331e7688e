//! Messages of a learning room: the words in raw RSA blocks, once for each member, under a
//! textbook signature. No chain, no padding, no forward secrecy: that is the lesson.

use std::collections::LinkedList;

use serde::{Deserialize, Serialize};

use super::sender_key::Unopened;
use crate::crypto::{CryptoError, Domain, Fingerprint};
use crate::protocol::content::Body;
use crate::protocol::identity::{Bundle, Identity};
use crate::protocol::payload::HeaderPayload;
use crate::wire::{Bytes, Msg, decode, encode};

/// The words for one member.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    #[serde(rename = "c")]
    ciphertext: Bytes,
    #[serde(rename = "t")]
    recipient: Fingerprint,
}

/// Encrypts `body` for each of `recipients` and signs the lot.
pub(in crate::protocol) fn seal<'a>(
    identity: &Identity,
    recipients: impl Iterator<Item = &'a Bundle>,
    header: &HeaderPayload,
    body: &Body,
    time_ms: u64,
) -> Result<Msg, CryptoError> {
    let plaintext = body.to_plaintext(time_ms);
    let copies = recipients.map(|recipient| {
        let ciphertext = recipient.encryption.encrypt(&[], &plaintext)?;
        Ok(Copy { ciphertext: ciphertext.into(), recipient: recipient.fingerprint })
    });
    let ciphertext = encode(&copies.collect::<Result<Vec<_>, CryptoError>>()?);
    let header = encode(header);
    let signature = identity.signing().sign(Domain::Learning, &signed_input(&header, &ciphertext))?;
    Ok(Msg { ciphertext: ciphertext.into(), header: header.into(), signature: signature.into() })
}

/// Checks the signature and opens one's own copy: the body and the sender's clock.
pub(in crate::protocol) fn open(identity: &Identity, sender: &Bundle, message: &Msg) -> Result<(Body, u64), Unopened> {
    let input = signed_input(&message.header, &message.ciphertext);
    sender.verifying.verify(Domain::Learning, &input, &message.signature).map_err(|_| Unopened::Forged)?;
    // Not a `Vec`, which would make room for as many as the message claims.
    let copies: LinkedList<Copy> = decode(&message.ciphertext).map_err(|_| Unopened::Unreadable)?;
    let own = copies.iter().find(|copy| copy.recipient == identity.fingerprint()).ok_or(Unopened::Dropped)?;
    let plaintext = identity.decryption().decrypt(&[], &own.ciphertext).map_err(|_| Unopened::Unreadable)?;
    Body::from_plaintext(&plaintext).map_err(|_| Unopened::Unreadable)
}

fn signed_input(header: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length, header, ciphertext].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Domain;
    use crate::crypto::{Suite, SystemRandom};
    use crate::protocol::payload::{KnockPayload, sign};
    use crate::protocol::room::roster::{Entry, Roster};
    use crate::protocol::{Now, new_room};
    use crate::wire::{ByteArray, Frame, Join, JoinAsk, Open, Welcome};

    fn person(bits: u32) -> Identity {
        let backend = Suite::Textbook.backend();
        let signing = backend.generate_signing(bits).unwrap();
        // Of the smallest there are so few that both may be the same, which no bundle may have.
        let mut decryption = std::iter::repeat_with(|| backend.generate_decryption(bits).unwrap());
        let decryption = decryption.find(|key| key.public().spki() != signing.public().spki()).unwrap();
        Identity::new(signing, decryption, Now::default()).unwrap()
    }

    /// The signature by a key of 16 bits is five times as long as what it signs.
    #[test]
    fn the_records_by_keys_of_every_size_fit_their_frames() {
        for bits in Suite::Textbook.backend().key_bits() {
            let (owner, guest) = (person(*bits), person(*bits));
            let made = new_room(&owner, Suite::Textbook, true, 4, Now::default(), &mut SystemRandom::new());
            let (_, genesis) = made.unwrap();
            let roster = Roster::open(&genesis).unwrap();
            let entry = roster.next_entry(&owner, Entry::Add(guest.bundle()), Now::default()).unwrap();
            let room = ByteArray::new(roster.room().0);
            let knock =
                KnockPayload { sender: guest.fingerprint(), room: roster.room(), time_ms: u64::MAX, version: 1 };
            let knock = Some(sign(guest.signing().as_ref(), Domain::Knock, &knock).unwrap());
            let join = Join { bundle: guest.bundle().clone(), invite_id: None, knock, mac: None, room };
            for frame in [
                Frame::Open(Open { genesis: genesis.clone(), token: None }),
                Frame::JoinAsk(JoinAsk { join: encode(&join).into(), number: u64::MAX }),
                Frame::Join(join),
                Frame::Roster(entry),
                Frame::Welcome(Welcome {
                    genesis,
                    prekey_index: u64::MAX,
                    log_hash: room,
                    chain_number: u64::MAX,
                    position: u64::MAX,
                    roster_length: u64::MAX,
                }),
            ] {
                assert!(frame.fits(), "{bits} bits: {:?} has {} bytes", frame.kind(), frame.to_bytes().len());
            }
        }
    }
}
