//! The key exchange of every secure link: X25519MLKEM768 (draft-ietf-tls-ecdhe-mlkem). A recording
//! stays closed as long as either half holds, X25519 (RFC 7748) or ML-KEM-768 (FIPS 203).

use rustls::crypto::ring::kx_group::X25519;
use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, SharedSecret, SupportedKxGroup};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, PeerMisbehaved};

use crate::crypto::ml_kem::{CIPHERTEXT_BYTES, DecapsulationKey, ENCAPSULATION_KEY_BYTES, EncapsulationKey};
use crate::crypto::{CryptoError, SystemRandom};

/// The group, for rustls.
#[derive(Debug)]
pub(super) struct X25519MlKem768;

impl SupportedKxGroup for X25519MlKem768 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let ml_kem = DecapsulationKey::generate(&mut SystemRandom::new()).map_err(failed)?;
        let x25519 = X25519.start()?;
        let share = [&ml_kem.encapsulation_key().to_bytes()[..], x25519.pub_key()].concat();
        Ok(Box::new(Started { ml_kem, x25519, share }))
    }

    fn start_and_complete(&self, peer: &[u8]) -> Result<CompletedKeyExchange, Error> {
        let (theirs, their_x25519) = split(peer, ENCAPSULATION_KEY_BYTES)?;
        let theirs = EncapsulationKey::from_bytes(theirs).map_err(|_| invalid_share())?;
        let (ciphertext, secret) = theirs.encapsulate(&mut SystemRandom::new()).map_err(failed)?;
        let x25519 = X25519.start_and_complete(their_x25519)?;
        Ok(CompletedKeyExchange {
            group: self.name(),
            pub_key: [&ciphertext[..], &x25519.pub_key].concat(),
            secret: joined(&secret[..], &x25519.secret),
        })
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// A client's half, until the host has answered.
struct Started {
    ml_kem: DecapsulationKey,
    x25519: Box<dyn ActiveKeyExchange>,
    share: Vec<u8>,
}

impl ActiveKeyExchange for Started {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let (ciphertext, their_x25519) = split(peer, CIPHERTEXT_BYTES)?;
        let secret = self.ml_kem.decapsulate(ciphertext).map_err(|_| invalid_share())?;
        Ok(joined(&secret[..], &self.x25519.complete(their_x25519)?))
    }

    fn pub_key(&self) -> &[u8] {
        &self.share
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519MLKEM768
    }
}

/// A share is ML-KEM's part and then X25519's; the length of the second is checked where it is used.
fn split(share: &[u8], at: usize) -> Result<(&[u8], &[u8]), Error> {
    share.split_at_checked(at).ok_or_else(invalid_share)
}

fn joined(ml_kem: &[u8], x25519: &SharedSecret) -> SharedSecret {
    // rustls clears what it is given.
    SharedSecret::from([ml_kem, x25519.secret_bytes()].concat())
}

fn invalid_share() -> Error {
    PeerMisbehaved::InvalidKeyShare.into()
}

fn failed(error: CryptoError) -> Error {
    Error::General(error.to_string())
}
