//! The start of a learning link: what replaces TLS where, on purpose, nothing is protected.
//!
//! ```text
//! both ways     CONVERSA-LEARNING/1\n
//! host, client  u32 length | public signing key        the host first
//! both ways     frames
//! ```
//!
//! All of it goes in the clear and nobody proves that the key is theirs: that is the lesson, and the reason for the
//! banner at the start, where a wire tap sees it. This module does no I/O.

use std::sync::Arc;

use crate::crypto::{CryptoBackend, Fingerprint, VerifyingKey};
use crate::net::limits::LEARNING_KEY_BYTES_MAX;

/// The first bytes of a learning link, both ways.
pub const LEARNING_BANNER: &[u8] = b"CONVERSA-LEARNING/1\n";

/// The first byte of a TLS alert (RFC 8446, 5.1): what a secure host answers to the banner.
const TLS_ALERT: u8 = 0x15;
/// Bytes before a key: its length.
const LENGTH_BYTES: usize = 4;

/// Why a learning link could not be established.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::net) enum LearningFault {
    /// The peer answered with TLS.
    Secure,
    /// The peer speaks something else.
    Foreign,
    /// The peer's key is too long, damaged, or of a size not meant for learning.
    Key,
    /// The host's key is not the pinned one.
    Unexpected(Fingerprint),
    /// The host's key was seen, which is all a probe wants.
    Probed(Fingerprint),
}

/// Which side of the link this is.
enum Side {
    Host,
    Client { pin: Option<Fingerprint> },
}

/// What is waited for.
enum Step {
    Banner,
    Key,
}

/// A learning link until both sides know the other's key.
pub(in crate::net) struct LearningHandshake {
    side: Side,
    step: Step,
    backend: Arc<dyn CryptoBackend>,
    key: Vec<u8>,
    received: Vec<u8>,
}

/// What the handshake wants after processing bytes.
#[derive(PartialEq, Eq, Debug, Default)]
pub(in crate::net) struct Progress {
    /// Bytes to send.
    pub(in crate::net) output: Option<Vec<u8>>,
    /// The peer's key, at the end of the handshake.
    pub(in crate::net) peer: Option<Fingerprint>,
    /// Bytes after the handshake: the first frames.
    pub(in crate::net) rest: Vec<u8>,
}

impl LearningHandshake {
    /// The host's side; `key` is its public signing key.
    pub(in crate::net) fn host(key: &dyn VerifyingKey) -> Self {
        Self::new(Side::Host, key)
    }

    /// The client's side, for the host with the fingerprint `pin`, or to see which key it has.
    pub(in crate::net) fn client(key: &dyn VerifyingKey, pin: Option<Fingerprint>) -> Self {
        Self::new(Side::Client { pin }, key)
    }

    fn new(side: Side, key: &dyn VerifyingKey) -> Self {
        let backend = key.kind().backend();
        Self { side, step: Step::Banner, backend, key: encoded(key.spki()), received: Vec::new() }
    }

    /// Processes received bytes.
    pub(in crate::net) fn push(&mut self, bytes: &[u8]) -> Result<Progress, LearningFault> {
        self.received.extend_from_slice(bytes);
        let mut progress = Progress::default();
        if matches!(self.step, Step::Banner) {
            if !self.take_banner()? {
                return Ok(progress);
            }
            self.step = Step::Key;
            if matches!(self.side, Side::Host) {
                progress.output = Some(std::mem::take(&mut self.key));
            }
        }
        let Some(peer) = self.take_key()? else { return Ok(progress) };
        if let Side::Client { pin } = self.side {
            match pin {
                None => return Err(LearningFault::Probed(peer)),
                Some(pin) if pin != peer => return Err(LearningFault::Unexpected(peer)),
                Some(_) => progress.output = Some(std::mem::take(&mut self.key)),
            }
        }
        progress.peer = Some(peer);
        progress.rest = std::mem::take(&mut self.received);
        Ok(progress)
    }

    fn take_banner(&mut self) -> Result<bool, LearningFault> {
        let length = self.received.len().min(LEARNING_BANNER.len());
        if self.received.get(..length) != LEARNING_BANNER.get(..length) {
            let alert = self.received.first() == Some(&TLS_ALERT);
            return Err(if alert { LearningFault::Secure } else { LearningFault::Foreign });
        }
        let whole = length == LEARNING_BANNER.len();
        if whole {
            self.received.drain(..length);
        }
        Ok(whole)
    }

    fn take_key(&mut self) -> Result<Option<Fingerprint>, LearningFault> {
        let Some((length, rest)) = self.received.split_first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > LEARNING_KEY_BYTES_MAX {
            return Err(LearningFault::Key);
        }
        let Some(key) = rest.get(..length) else { return Ok(None) };
        let key = self.backend.verifying_from_spki(key).map_err(|_| LearningFault::Key)?;
        self.received.drain(..LENGTH_BYTES + length);
        Ok(Some(Fingerprint::of(key.spki())))
    }
}

fn encoded(key: &[u8]) -> Vec<u8> {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), key].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Suite;

    fn key() -> Arc<dyn VerifyingKey> {
        Suite::Textbook.backend().generate_signing(256).unwrap().public()
    }

    /// The host's and the client's result, whatever the size of the pieces in between.
    fn meet(
        host_key: &dyn VerifyingKey,
        client_key: &dyn VerifyingKey,
        pin: Option<Fingerprint>,
        piece: usize,
    ) -> (Option<Fingerprint>, Result<Option<Fingerprint>, LearningFault>) {
        let mut host = LearningHandshake::host(host_key);
        let mut client = LearningHandshake::client(client_key, pin);
        let (mut to_host, mut to_client) = (LEARNING_BANNER.to_vec(), LEARNING_BANNER.to_vec());
        let (mut host_saw, mut client_saw) = (None, Ok(None));
        while !(to_host.is_empty() && to_client.is_empty()) {
            for bytes in std::mem::take(&mut to_host).chunks(piece) {
                let progress = host.push(bytes).unwrap();
                to_client.extend(progress.output.unwrap_or_default());
                host_saw = host_saw.or(progress.peer);
            }
            for bytes in std::mem::take(&mut to_client).chunks(piece) {
                match client.push(bytes) {
                    Err(fault) => return (host_saw, Err(fault)),
                    Ok(progress) => {
                        to_host.extend(progress.output.unwrap_or_default());
                        client_saw = client_saw.map(|seen| progress.peer.or(seen));
                    }
                }
            }
        }
        (host_saw, client_saw)
    }

    #[test]
    fn both_sides_learn_the_others_key_however_the_bytes_are_split() {
        let (host, client) = (key(), key());
        let (host_print, client_print) = (Fingerprint::of(host.spki()), Fingerprint::of(client.spki()));
        for piece in [1, 2, 3, 7, 20, 24, 1000] {
            let seen = meet(&*host, &*client, Some(host_print), piece);
            assert_eq!(seen, (Some(client_print), Ok(Some(host_print))), "pieces of {piece}");
        }
    }

    #[test]
    fn the_wrong_host_and_a_probe_never_see_the_clients_key() {
        let (host, client) = (key(), key());
        let host_print = Fingerprint::of(host.spki());
        let other = Fingerprint::of(client.spki());
        assert_eq!(meet(&*host, &*client, Some(other), 9), (None, Err(LearningFault::Unexpected(host_print))));
        assert_eq!(meet(&*host, &*client, None, 9), (None, Err(LearningFault::Probed(host_print))));
    }

    #[test]
    fn what_does_not_begin_with_the_banner_is_told_apart() {
        let key = key();
        let mut client = LearningHandshake::client(&*key, None);
        assert_eq!(client.push(&[0x15, 3, 3, 0, 2, 2, 50]), Err(LearningFault::Secure));
        let mut host = LearningHandshake::host(&*key);
        assert_eq!(host.push(b"GET / HTTP/1.1\r\n"), Err(LearningFault::Foreign));
        let mut host = LearningHandshake::host(&*key);
        assert!(host.push(LEARNING_BANNER).is_ok());
        assert_eq!(host.push(&[0, 0, 8, 1]), Err(LearningFault::Key), "a key too long is refused before it arrives");
    }

    /// What a peer makes of bytes changed on their way: a key, a fault, or it waits for more.
    fn result(mut side: LearningHandshake, bytes: &[u8]) -> Result<Option<Fingerprint>, LearningFault> {
        side.push(bytes).map(|progress| progress.peer)
    }

    /// Cut, flipped and doubled at every byte, in both directions. A client with a pin notices another key; a host
    /// believes any key, which is the lesson.
    #[test]
    fn a_handshake_changed_at_every_byte_is_noticed_only_by_who_has_a_pin() {
        let (host_key, client_key) = (key(), key());
        let pin = Fingerprint::of(host_key.spki());
        let client_print = Fingerprint::of(client_key.spki());
        let (mut unnoticed, mut refused) = (0, 0);
        for (to_host, sent) in [(true, &client_key), (false, &host_key)] {
            let whole = [LEARNING_BANNER, &encoded(sent.spki())].concat();
            let side = || match to_host {
                true => LearningHandshake::host(&*host_key),
                false => LearningHandshake::client(&*client_key, Some(pin)),
            };
            let right = if to_host { client_print } else { pin };
            assert_eq!(result(side(), &whole), Ok(Some(right)));
            for offset in 0..whole.len() {
                assert_eq!(result(side(), &whole[..offset]), Ok(None), "cut at {offset}: it waits");
                let (mut flipped, mut doubled) = (whole.clone(), whole.clone());
                flipped[offset] ^= 1 << (offset % 8);
                doubled.insert(offset, whole[offset]);
                for changed in [flipped, doubled].iter().filter(|changed| !changed.starts_with(&whole)) {
                    match result(side(), changed) {
                        Ok(Some(seen)) => {
                            assert!(to_host && seen != client_print, "byte {offset}: a pinned host is another");
                            unnoticed += 1;
                        }
                        Ok(None) => {}
                        Err(_) => refused += 1,
                    }
                }
            }
        }
        assert!(unnoticed > 20 && refused > 60, "{unnoticed} unnoticed, {refused} refused");
    }
}
