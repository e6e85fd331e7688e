//! Sender keys: one hash ratchet and one Ed25519 key for each sender and epoch, distributed in a wrap that combines
//! RSA-OAEP and X25519, and in hybrid rooms ML-KEM-768 too. Like Signal's, but the announcement is signed with RSA and
//! commits to the chain, so that everybody gets the same one.

#[cfg(test)]
pub(in crate::protocol) mod golden_tests;
#[cfg(test)]
mod wycheproof_tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::padding::{pad, unpad};
use super::prekey::{PrivatePrekey, PublicPrekey};
use super::{Unsealed, check_size};
use crate::crypto::ml_kem::{DecapsulationKey, SharedSecret};
use crate::crypto::primitives::{
    Digest, ED25519_SIGNATURE_BYTES, Ed25519Key, OneTimeKey, TAG_BYTES, ed25519_verify, hkdf_sha256, hmac_sha256,
    hmac_sha256_verify, labelled_hash, open, prefixed, seal, sha256,
};
use crate::crypto::x25519::{PrivateKey, PublicKey};
use crate::crypto::{CryptoError, Domain, EncryptionKey, Fingerprint, Random};
use crate::protocol::content::Body;
use crate::protocol::identity::{Bundle, Identity};
use crate::protocol::limits::{CHAIN_LIFE_MS, CHAIN_MESSAGES_MAX};
use crate::protocol::payload::{CommonPayload, Fault, HeaderPayload, VERSION, sign, verify};
use crate::protocol::room::roster::Roster;
use crate::protocol::{Now, RoomId};
use crate::wire::{ByteArray, Msg, Signed, SkPacket, Wrap, encode};

/// Which epoch of which room a chain belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::protocol) struct Epoch {
    pub room: RoomId,
    pub number: u64,
    pub roster_hash: Digest,
}

impl Epoch {
    /// The one that `roster` is in.
    pub(in crate::protocol) fn of(roster: &Roster) -> Self {
        Self { room: roster.room(), number: roster.number(), roster_hash: *roster.hash() }
    }
}

/// A member that a chain's key is wrapped for.
#[derive(Clone)]
pub(in crate::protocol) struct Recipient {
    pub member: Fingerprint,
    pub encryption: Arc<dyn EncryptionKey>,
    pub prekey_index: u64,
    pub prekey: PublicPrekey,
}

/// The ratchet both ends share.
struct Ratchet {
    chain_key: Zeroizing<Digest>,
    index: u64,
}

impl Ratchet {
    /// The key of the message at the current index; the chain key advances and the old one is erased.
    fn step(&mut self) -> Result<OneTimeKey, CryptoError> {
        let seed = Zeroizing::new(hmac_sha256(self.chain_key.as_ref(), &[1]));
        self.chain_key = Zeroizing::new(hmac_sha256(self.chain_key.as_ref(), &[2]));
        self.index += 1;
        hkdf_sha256(&[], seed.as_ref(), &[b"conversa/1 msg"])
    }
}

/// One's own chain.
pub(in crate::protocol) struct SendChain {
    ratchet: Ratchet,
    ed25519: Ed25519Key,
    common_hash: Digest,
    epoch: Epoch,
    started_ms: u64,
    recipients: BTreeMap<Fingerprint, u64>,
}

impl SendChain {
    /// Makes a chain and its announcement: one private RSA operation, and for each recipient one public RSA operation,
    /// two X25519 and possibly one ML-KEM.
    pub(in crate::protocol) fn start(
        identity: &Identity,
        epoch: Epoch,
        chain_number: u64,
        recipients: &[Recipient],
        now: Now,
        random: &mut dyn Random,
    ) -> Result<(Self, SkPacket), CryptoError> {
        let chain_key = random.secret::<32>()?;
        let ed25519 = Ed25519Key::from_seed(&random.secret()?)?;
        let common = CommonPayload {
            sender: identity.fingerprint(),
            commitment: ByteArray::new(commitment(&chain_key)),
            ed25519: ByteArray::new(ed25519.public()),
            roster_hash: ByteArray::new(epoch.roster_hash),
            chain_number,
            epoch: epoch.number,
            room: epoch.room,
            version: VERSION,
        };
        let common = sign(identity.signing().as_ref(), Domain::SenderKey, &common)?;
        let common_hash = labelled_hash("com", &[&common.payload]);
        let wraps = recipients.iter().map(|recipient| wrap(recipient, &common_hash, &chain_key, random));
        let packet = SkPacket { common, wraps: wraps.collect::<Result<_, _>>()? };
        let chain = Self {
            ratchet: Ratchet { chain_key, index: 0 },
            ed25519,
            common_hash,
            epoch,
            started_ms: now.passed_ms,
            recipients: recipients.iter().map(|recipient| (recipient.member, recipient.prekey_index)).collect(),
        };
        Ok((chain, packet))
    }

    /// Whether the next message may use this chain: same epoch, young enough, and everybody reachable now has its key.
    pub(in crate::protocol) fn serves(&self, epoch: &Epoch, reachable: &BTreeMap<Fingerprint, u64>, now: Now) -> bool {
        self.epoch == *epoch
            && self.ratchet.index < CHAIN_MESSAGES_MAX
            && now.passed_ms < self.started_ms + CHAIN_LIFE_MS
            && reachable.iter().all(|(member, prekey)| self.recipients.get(member) == Some(prekey))
    }

    /// Seals `body`, said at `said_ms` by our clock, telling the others how far the sender has seen the log. If it fits no frame, the chain is as before.
    pub(in crate::protocol) fn seal(
        &mut self,
        sender: Fingerprint,
        body: &Body,
        log: (u64, &Digest),
        said_ms: u64,
    ) -> Result<Msg, Unsealed> {
        let header = encode(&HeaderPayload {
            sender,
            chain: ByteArray::new(self.common_hash),
            index: self.ratchet.index,
            log_hash: ByteArray::new(*log.1),
            position: log.0,
            epoch: self.epoch.number,
            room: self.epoch.room,
            version: VERSION,
        });
        let mut plaintext = Zeroizing::new(body.to_plaintext(said_ms));
        pad(&mut plaintext);
        // As large as the message will be: no key is drawn for one that cannot go out.
        let (ciphertext, signature) = (vec![0; plaintext.len() + TAG_BYTES], vec![0; ED25519_SIGNATURE_BYTES]);
        let envelope =
            Msg { ciphertext: ciphertext.into(), header: header.clone().into(), signature: signature.into() };
        check_size(body, &envelope)?;
        let key = self.ratchet.step()?;
        let ciphertext = seal(&key, &header, &plaintext)?;
        let signature = self.ed25519.sign(&signed_input(&header, &ciphertext));
        Ok(Msg { ciphertext: ciphertext.into(), header: header.into(), signature: signature.to_vec().into() })
    }
}

/// Another member's chain.
pub(in crate::protocol) struct ReceiveChain {
    ratchet: Ratchet,
    ed25519: [u8; 32],
    common_hash: Digest,
    number: u64,
}

/// A message that was opened, and how many before it never came.
pub(in crate::protocol) struct Opened {
    pub body: Body,
    pub sent_ms: u64,
    pub lost: u64,
}

/// Why a message was not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::protocol) enum Unopened {
    /// Seen already, or not for us: dropped.
    Dropped,
    /// The signature does not hold: the host or the sender forged it.
    Forged,
    /// Too many are missing: the chain is no longer usable.
    Gap,
    /// It does not decrypt, or not to anything sensible: not the chain that was announced.
    Unreadable,
}

impl ReceiveChain {
    /// Opens our wrap of an announcement whose signature has been checked. Every failure gives the same error, and
    /// nothing is ever sent back.
    pub(in crate::protocol) fn open(
        identity: &Identity,
        prekey: &PrivatePrekey,
        announcement: &Announcement,
        wrap: &Wrap,
        local_secret: &[u8; 32],
    ) -> Result<Self, CryptoError> {
        let encapsulated = match (&prekey.ml_kem, &wrap.ml_kem) {
            (Some(key), Some(ciphertext)) => Some(Encapsulated::open(key, ciphertext)?),
            (None, None) => None,
            _ => return Err(CryptoError::Decrypt),
        };
        let context = WrapContext {
            common_hash: &announcement.hash,
            recipient: &identity.fingerprint(),
            encryption_spki: identity.decryption().public().spki(),
            prekey: &prekey.public(),
            ephemeral: &wrap.ephemeral,
            encapsulated: encapsulated.as_ref(),
        }
        .hash();
        // Implicit rejection: on failure, go on with a secret that nobody knows, so that the seal fails in the same
        // way. It is always computed, so that the timing reveals nothing either.
        let rejected = Zeroizing::new(hmac_sha256(local_secret, &wrap.rsa));
        let decrypted = identity.decryption().decrypt(&context, &wrap.rsa).ok();
        let decrypted = decrypted.as_ref().and_then(|secret| <&Digest>::try_from(secret.as_slice()).ok());
        let secret = decrypted.unwrap_or(&rejected);
        let agreed = prekey.x25519.agree(&wrap.ephemeral)?;
        let key = wrap_key(&context, [&agreed[..], secret, secret_of(encapsulated.as_ref())], &wrap.rsa)?;
        let opened = open(&key, &announcement.hash, wrap.sealed.as_slice())?;
        let chain_key: Digest = opened.as_slice().try_into().map_err(|_| CryptoError::Decrypt)?;
        let chain_key = Zeroizing::new(chain_key);
        if !commits_to(announcement.common.commitment.as_slice(), &chain_key) {
            return Err(CryptoError::Decrypt);
        }
        Ok(Self {
            ratchet: Ratchet { chain_key, index: 0 },
            ed25519: announcement.common.ed25519.into_array(),
            common_hash: announcement.hash,
            number: announcement.common.chain_number,
        })
    }

    pub(in crate::protocol) const fn number(&self) -> u64 {
        self.number
    }

    /// Checks, steps and opens, in the order of the specification.
    pub(in crate::protocol) fn receive(&mut self, header: &HeaderPayload, message: &Msg) -> Result<Opened, Unopened> {
        // An honest host delivers a chain before the messages in it.
        if *header.chain != self.common_hash {
            return Err(Unopened::Unreadable);
        }
        let input = signed_input(&message.header, &message.ciphertext);
        ed25519_verify(&self.ed25519, &input, &message.signature).map_err(|_| Unopened::Forged)?;
        let lost = header.index.checked_sub(self.ratchet.index).ok_or(Unopened::Dropped)?;
        if header.index >= CHAIN_MESSAGES_MAX {
            return Err(Unopened::Gap);
        }
        for _ in 0..lost {
            self.ratchet.step().map_err(|_| Unopened::Unreadable)?;
        }
        let key = self.ratchet.step().map_err(|_| Unopened::Unreadable)?;
        let padded = open(&key, &message.header, &message.ciphertext).map_err(|_| Unopened::Unreadable)?;
        let plaintext = unpad(&padded).ok_or(Unopened::Unreadable)?;
        let (body, sent_ms) = Body::from_plaintext(plaintext).map_err(|_| Unopened::Unreadable)?;
        Ok(Opened { body, sent_ms, lost })
    }
}

/// A chain's announcement with a valid signature.
pub(in crate::protocol) struct Announcement {
    pub common: CommonPayload,
    pub hash: Digest,
}

impl Announcement {
    /// Reads `common` and checks that it comes from `sender`.
    pub(in crate::protocol) fn read(sender: &Bundle, common: &Signed) -> Result<Self, Fault> {
        let payload: CommonPayload = verify(sender.verifying.as_ref(), Domain::SenderKey, common)?;
        if payload.version != VERSION {
            return Err(Fault::Version);
        }
        if payload.sender != sender.fingerprint {
            return Err(CryptoError::Signature.into());
        }
        Ok(Self { common: payload, hash: labelled_hash("com", &[&common.payload]) })
    }
}

fn wrap(
    recipient: &Recipient,
    common_hash: &Digest,
    chain_key: &Zeroizing<Digest>,
    random: &mut dyn Random,
) -> Result<Wrap, CryptoError> {
    let ephemeral = PrivateKey::generate(random)?;
    let secret = random.secret::<32>()?;
    let encapsulated = Encapsulated::make(&recipient.prekey, random)?;
    let context = WrapContext {
        common_hash,
        recipient: &recipient.member,
        encryption_spki: recipient.encryption.spki(),
        prekey: &recipient.prekey,
        ephemeral: ephemeral.public(),
        encapsulated: encapsulated.as_ref(),
    }
    .hash();
    let rsa = recipient.encryption.encrypt(&context, secret.as_ref())?;
    let agreed = ephemeral.agree(&recipient.prekey.x25519)?;
    let key = wrap_key(&context, [&agreed[..], secret.as_ref(), secret_of(encapsulated.as_ref())], &rsa)?;
    let sealed = seal(&key, common_hash, chain_key.as_ref())?;
    Ok(Wrap {
        rsa: rsa.into(),
        ephemeral: ByteArray::new(*ephemeral.public()),
        prekey_index: recipient.prekey_index,
        ml_kem: encapsulated.map(|encapsulated| encapsulated.ciphertext.into()),
        recipient: recipient.member,
        sealed: ByteArray::new(sealed.try_into().map_err(|_| CryptoError::Backend)?),
    })
}

/// An ML-KEM secret and its ciphertext.
struct Encapsulated {
    ciphertext: Vec<u8>,
    secret: SharedSecret,
}

impl Encapsulated {
    /// A new secret for `prekey`, in a hybrid room.
    fn make(prekey: &PublicPrekey, random: &mut dyn Random) -> Result<Option<Self>, CryptoError> {
        let Some(key) = &prekey.ml_kem else { return Ok(None) };
        let (ciphertext, secret) = key.encapsulate(random)?;
        Ok(Some(Self { ciphertext, secret }))
    }

    fn open(key: &DecapsulationKey, ciphertext: &[u8]) -> Result<Self, CryptoError> {
        Ok(Self { ciphertext: ciphertext.to_vec(), secret: key.decapsulate(ciphertext)? })
    }
}

/// The ML-KEM secret, or nothing where there is none.
fn secret_of(encapsulated: Option<&Encapsulated>) -> &[u8] {
    encapsulated.map_or(&[], |encapsulated| encapsulated.secret.as_ref())
}

/// What a wrap is bound to: the announcement, the recipient and every public value in it.
struct WrapContext<'a> {
    common_hash: &'a Digest,
    recipient: &'a Fingerprint,
    encryption_spki: &'a [u8],
    prekey: &'a PublicPrekey,
    ephemeral: &'a PublicKey,
    encapsulated: Option<&'a Encapsulated>,
}

impl WrapContext<'_> {
    /// All parts have fixed lengths, and a label of its own tells a hybrid room's from the others.
    fn hash(&self) -> Digest {
        let spki = sha256(self.encryption_spki);
        let common: [&[u8]; 5] =
            [self.common_hash, self.recipient.as_bytes(), &spki, &self.prekey.x25519, self.ephemeral];
        let Some((key, sent)) = self.prekey.ml_kem.as_ref().zip(self.encapsulated) else {
            return labelled_hash("wrap", &common);
        };
        let (key, sent) = (sha256(&key.to_bytes()), sha256(&sent.ciphertext));
        labelled_hash("wrap-hybrid", &[&common.concat(), &key, &sent])
    }
}

/// Combines the secrets, each of 32 bytes and the last absent outside hybrid rooms: any one of them
/// alone keeps the key secret.
fn wrap_key(context: &Digest, secrets: [&[u8]; 3], rsa: &[u8]) -> Result<OneTimeKey, CryptoError> {
    let joined = Zeroizing::new(secrets.concat());
    hkdf_sha256(context, &joined, &[b"conversa/1 kw\0", context, &sha256(rsa)])
}

fn commitment(chain_key: &Zeroizing<Digest>) -> Digest {
    hmac_sha256(chain_key.as_ref(), &[3])
}

/// Whether `commitment` is that of the chain key, in constant time.
fn commits_to(commitment: &[u8], chain_key: &Zeroizing<Digest>) -> bool {
    hmac_sha256_verify(chain_key.as_ref(), &[3], commitment)
}

fn signed_input(header: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes();
    prefixed("msg", &[&length, header, ciphertext])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Suite, SystemRandom};

    fn at(monotonic_ms: u64) -> Now {
        Now::at(monotonic_ms, 0)
    }

    /// Every reason for a chain to end, one at a time.
    #[test]
    fn a_chain_serves_its_epoch_its_people_and_its_time_only() {
        let backend = Suite::Textbook.backend();
        let (signing, decryption) = (backend.generate_signing(512).unwrap(), backend.generate_decryption(64).unwrap());
        let identity = Identity::new(signing, decryption, at(0)).unwrap();
        let epoch = Epoch { room: RoomId([1; 32]), number: 3, roster_hash: [2; 32] };
        let (chain, _) = SendChain::start(&identity, epoch, 1, &[], at(0), &mut SystemRandom::new()).unwrap();
        let bo = Fingerprint::of(b"bo");
        let mut chain = SendChain { recipients: BTreeMap::from([(bo, 7)]), ..chain };
        let with = |index| BTreeMap::from([(bo, index)]);
        assert!(chain.serves(&epoch, &with(7), at(0)));
        assert!(chain.serves(&epoch, &BTreeMap::new(), at(0)), "who is away is no reason");
        assert!(!chain.serves(&epoch, &with(8), at(0)), "Bo has another prekey");
        assert!(!chain.serves(&epoch, &BTreeMap::from([(Fingerprint::of(b"carol"), 1)]), at(0)), "Carol is new");
        assert!(!chain.serves(&Epoch { number: 4, ..epoch }, &with(7), at(0)), "the members changed");
        assert!(!chain.serves(&Epoch { roster_hash: [3; 32], ..epoch }, &with(7), at(0)), "another roster");
        assert!(chain.serves(&epoch, &with(7), at(CHAIN_LIFE_MS - 1)));
        assert!(!chain.serves(&epoch, &with(7), at(CHAIN_LIFE_MS)), "a day is over");
        chain.ratchet.index = CHAIN_MESSAGES_MAX - 1;
        assert!(chain.serves(&epoch, &with(7), at(0)));
        chain.ratchet.index = CHAIN_MESSAGES_MAX;
        assert!(!chain.serves(&epoch, &with(7), at(0)), "a thousand words");
    }
}
