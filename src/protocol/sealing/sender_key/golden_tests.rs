//! The golden vectors of the key schedule: announcements, wraps, chains and messages, with every intermediate value.

use zeroize::Zeroizing;

use crate::crypto::Suite;
use crate::protocol::golden_tests::{Fixed, Vector, after, identity, unhex};
use crate::protocol::sealing::sender_key::*;
use crate::wire::decode;

/// The announcement's common part.
pub(in crate::protocol) fn common(vector: &Vector) {
    let chain_key = Zeroizing::new(vector.array("chain_key"));
    let ed25519 = Ed25519Key::from_seed(&Zeroizing::new(vector.array("seed"))).unwrap();
    assert_eq!(commitment(&chain_key), vector.array("commitment"));
    assert_eq!(ed25519.public(), vector.array("ed25519"));
    let payload = CommonPayload {
        sender: Fingerprint::from_bytes(vector.array("sender")),
        commitment: ByteArray::new(commitment(&chain_key)),
        ed25519: ByteArray::new(ed25519.public()),
        roster_hash: ByteArray::new(vector.array("roster_hash")),
        chain_number: vector.number("chain_number"),
        epoch: vector.number("epoch"),
        room: RoomId(vector.array("room")),
        version: VERSION,
    };
    assert_eq!(encode(&payload), vector.bytes("payload"), "{}", vector.name());
    let sender = vector.bundle("sender_bundle", &*Suite::Classical.backend());
    let announcement = Announcement::read(&sender, &vector.signed("signed")).unwrap();
    assert_eq!(announcement.hash, vector.array("com_hash"));
    let drawn = [vector.bytes("chain_key"), vector.bytes("seed")].concat();
    let identity = identity("ann", Suite::Classical);
    let (chain, packet) =
        SendChain::start(&identity, epoch(vector), payload.chain_number, &[], after(0), &mut Fixed(drawn)).unwrap();
    assert_eq!(*packet.common.payload, vector.bytes("payload"));
    assert_eq!(chain.common_hash, vector.array("com_hash"));
}

/// One recipient's wrap, from both sides.
pub(in crate::protocol) fn wrap(vector: &Vector) {
    let (suite, name) = (vector.suite(), vector.text("person"));
    let drawn = [vector.bytes("scalar"), vector.optional("seed").unwrap_or_default()].concat();
    let private = PrivatePrekey::generate(&*suite.backend(), &mut Fixed(drawn)).unwrap();
    let prekey = private.public();
    let message = vector.optional("ml_kem_message").unwrap_or_default();
    let encapsulated = Encapsulated::make(&prekey, &mut Fixed(message)).unwrap();
    assert_eq!(encapsulated.as_ref().map(|made| made.ciphertext.clone()), vector.optional("ml_kem_ciphertext"));
    assert_eq!(encapsulated.as_ref().map(|made| made.secret.to_vec()), vector.optional("ml_kem_secret"));
    let ephemeral = PrivateKey::from_scalar(&Zeroizing::new(vector.array("ephemeral_scalar"))).unwrap();
    assert_eq!(*ephemeral.public(), vector.array("ephemeral"));
    let agreed = ephemeral.agree(&prekey.x25519).unwrap();
    assert_eq!(*agreed, vector.array("agreed"));

    let identity = identity(&name, Suite::Classical);
    let decryption = identity.decryption();
    let context = WrapContext {
        common_hash: &vector.array("com_hash"),
        recipient: &identity.fingerprint(),
        encryption_spki: decryption.public().spki(),
        prekey: &prekey,
        ephemeral: ephemeral.public(),
        encapsulated: encapsulated.as_ref(),
    }
    .hash();
    assert_eq!(context, vector.array("context"), "{}", vector.name());
    let rsa = vector.bytes("rsa");
    assert_eq!(*decryption.decrypt(&context, &rsa).unwrap(), vector.bytes("secret"));
    let secrets = [&agreed[..], &vector.bytes("secret"), secret_of(encapsulated.as_ref())];
    assert_eq!(hmac_sha256(&context, &secrets.concat()), vector.array("extracted"));
    let key = wrap_key(&context, secrets, &rsa).unwrap();
    assert_eq!(*key, vector.array("key"));
    assert_eq!(seal(&key, &vector.bytes("com_hash"), &vector.bytes("chain_key")), Ok(vector.bytes("sealed")));

    let wrap = Wrap {
        rsa: rsa.into(),
        ephemeral: ByteArray::new(*ephemeral.public()),
        prekey_index: vector.number("prekey_index"),
        ml_kem: encapsulated.map(|made| made.ciphertext.into()),
        recipient: identity.fingerprint(),
        sealed: ByteArray::new(vector.array("sealed")),
    };
    assert_eq!(encode(&wrap), vector.bytes("wrap"), "{}", vector.name());
    let sender = vector.bundle("sender_bundle", &*Suite::Classical.backend());
    let announcement = Announcement::read(&sender, &vector.signed("common")).unwrap();
    let chain = ReceiveChain::open(&identity, &private, &announcement, &wrap, &[0; 32]).unwrap();
    assert_eq!(*chain.ratchet.chain_key, vector.array("chain_key"));
}

/// An announcement as it goes to the host.
pub(in crate::protocol) fn packet(vector: &Vector) {
    let wraps = vector.byte_strings("wraps").iter().map(|wrap| decode(wrap).unwrap()).collect();
    let packet = SkPacket { common: vector.signed("common"), wraps };
    assert_eq!(encode(&packet), vector.bytes("packet"), "{}", vector.name());
    assert_eq!(decode(&vector.bytes("packet")), Ok(packet));
}

/// The ratchet, step by step.
pub(in crate::protocol) fn chain(vector: &Vector) {
    let field = |step: &serde_json::Value, name: &str| unhex(step[name].as_str().unwrap());
    let steps = vector.list("steps");
    let mut ratchet = ratchet(&field(&steps[0], "chain_key"));
    for step in steps {
        assert_eq!(ratchet.chain_key[..], field(step, "chain_key"));
        assert_eq!(hmac_sha256(&*ratchet.chain_key, &[1])[..], field(step, "seed"));
        let key = ratchet.step().unwrap();
        assert_eq!(key[..], [field(step, "key"), field(step, "nonce")].concat());
    }
}

/// A sealed message, from both sides.
pub(in crate::protocol) fn message(vector: &Vector) {
    let header = HeaderPayload {
        sender: Fingerprint::from_bytes(vector.array("sender")),
        chain: ByteArray::new(vector.array("com_hash")),
        index: vector.number("index"),
        log_hash: ByteArray::new(vector.array("log_hash")),
        position: vector.number("position"),
        epoch: vector.number("epoch"),
        room: RoomId(vector.array("room")),
        version: VERSION,
    };
    assert_eq!(encode(&header), vector.bytes("header"), "{}", vector.name());
    let mut ratchet = ratchet(&vector.bytes("chain_key"));
    let key = (0..=header.index).map(|_| ratchet.step().unwrap()).last().unwrap();
    assert_eq!(*key, vector.array("key"));
    let mut padded = vector.bytes("plaintext");
    pad(&mut padded);
    assert_eq!(padded, vector.bytes("padded"));
    assert_eq!(seal(&key, &vector.bytes("header"), &padded), Ok(vector.bytes("ciphertext")));
    let signed = signed_input(&vector.bytes("header"), &vector.bytes("ciphertext"));
    assert_eq!(signed, vector.bytes("signed"));
    let ed25519 = Ed25519Key::from_seed(&Zeroizing::new(vector.array("seed"))).unwrap();
    assert_eq!(ed25519.sign(&signed), vector.array("signature"));

    let message: Msg = decode(&vector.bytes("msg")).unwrap();
    let opened = receive_chain(vector, ed25519.public()).receive(&header, &message).unwrap();
    assert_eq!((opened.sent_ms, opened.lost), (vector.number("time"), header.index));
    let Some(body) = vector.body() else {
        return assert!(opened.body == Body::Newer, "{}", vector.name());
    };
    assert!(opened.body == body, "{}", vector.name());
    assert_eq!(body.to_plaintext(opened.sent_ms), vector.bytes("plaintext"));
    assert_eq!(encode(&sealed_by_us(vector, &body)), vector.bytes("msg"), "{}", vector.name());
}

/// The same message, by our own chain: nothing in it is random.
fn sealed_by_us(vector: &Vector, body: &Body) -> Msg {
    let drawn = [vector.bytes("chain_key"), vector.bytes("seed")].concat();
    let (identity, number) = (identity("ann", Suite::Classical), vector.number("chain_number"));
    let (mut chain, _) = SendChain::start(&identity, epoch(vector), number, &[], after(0), &mut Fixed(drawn)).unwrap();
    let mut seal = |body: &Body| {
        let said_ms = vector.number("time");
        let log = (vector.number("position"), &vector.array("log_hash"));
        chain.seal(identity.fingerprint(), body, log, said_ms).unwrap()
    };
    (0..vector.number("index")).for_each(|_| drop(seal(&Body::Leave)));
    seal(body)
}

fn receive_chain(vector: &Vector, ed25519: [u8; 32]) -> ReceiveChain {
    let (common_hash, number) = (vector.array("com_hash"), vector.number("chain_number"));
    ReceiveChain { ratchet: ratchet(&vector.bytes("chain_key")), ed25519, common_hash, number }
}

fn ratchet(chain_key: &[u8]) -> Ratchet {
    Ratchet { chain_key: Zeroizing::new(chain_key.try_into().unwrap()), index: 0 }
}

fn epoch(vector: &Vector) -> Epoch {
    Epoch {
        room: RoomId(vector.array("room")),
        number: vector.number("epoch"),
        roster_hash: vector.array("roster_hash"),
    }
}
