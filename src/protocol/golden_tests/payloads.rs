//! Payloads, hashes, and what people compare.

use std::str::FromStr;

use zeroize::Zeroizing;

use super::{Fixed, Vector, after, identity};
use crate::crypto::ml_kem::{DecapsulationKey, EncapsulationKey};
use crate::crypto::primitives::{self, hmac_sha256, sha256};
use crate::crypto::{CryptoError, Domain, Fingerprint, Suite, x25519};
use crate::protocol::content::Body;
use crate::protocol::identity::Bundle;
use crate::protocol::invite::Invite;
use crate::protocol::limits::BUNDLE_LIFE_MS;
use crate::protocol::payload::{
    BundlePayload, GenesisPayload, HeaderPayload, PrekeyPayload, RosterPayload, VERSION, verify,
};
use crate::protocol::room::log_hash::LogHash;
use crate::protocol::room::roster::Roster;
use crate::protocol::safety_number::{Comparison, SafetyNumber};
use crate::protocol::sealing::learning;
use crate::protocol::sealing::padding::{pad, unpad};
use crate::protocol::sealing::prekey::{PrivatePrekey, PublicPrekey};
use crate::protocol::{Content, MessageId, RoomId};
use crate::wire::{ByteArray, ItemKind, Msg, Ping, Signed, decode, encode};

pub(super) fn labelled_hash(vector: &Vector) {
    let parts = vector.byte_strings("parts");
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    assert_eq!(primitives::labelled_hash(&vector.text("label"), &parts), vector.array("output"), "{}", vector.name());
}

pub(super) fn signed_bytes(vector: &Vector) {
    let bytes = primitives::prefixed(&vector.text("label"), &[&vector.bytes("message")]);
    assert_eq!(bytes, vector.bytes("output"), "{}", vector.name());
}

pub(super) fn integers(vector: &Vector) {
    for (number, encoding) in vector.list("numbers").iter().zip(vector.byte_strings("encodings")) {
        let number: u64 = number.as_str().unwrap().parse().unwrap();
        assert_eq!(encode(&number), encoding, "{number}");
        assert_eq!(decode(&encoding), Ok(number));
    }
}

pub(super) fn refused(vector: &Vector) {
    assert_eq!(decode(&vector.bytes("good")), Ok(Ping { number: 7 }));
    for bytes in vector.byte_strings("bad") {
        assert!(decode::<Ping>(&bytes).is_err(), "{bytes:02x?}");
    }
}

pub(super) fn padding(vector: &Vector) {
    for (length, padded) in vector.list("lengths").iter().zip(vector.list("padded")) {
        let plaintext = vec![7; usize::try_from(length.as_u64().unwrap()).unwrap()];
        let mut bytes = plaintext.clone();
        pad(&mut bytes);
        assert_eq!(bytes.len() as u64, padded.as_u64().unwrap(), "{length}");
        assert_eq!(unpad(&bytes), Some(&*plaintext));
    }
}

pub(super) fn fingerprint(vector: &Vector) {
    let fingerprint = Fingerprint::of(&vector.bytes("spki"));
    assert_eq!(fingerprint.to_string(), vector.text("digits"));
    assert_eq!(fingerprint.grouped(), vector.text("groups"));
    assert_eq!(fingerprint.tag(), vector.text("tag"));
}

pub(super) fn bundle(vector: &Vector) {
    let payload = BundlePayload {
        created_ms: vector.number("created"),
        encryption_spki: vector.bytes("encryption_spki").into(),
        signing_spki: vector.bytes("signing_spki").into(),
        suite: vector.byte("suite"),
        version: VERSION,
        not_after_ms: vector.number("not_after"),
    };
    let signed = vector.signed("signed");
    assert_eq!(encode(&payload), vector.bytes("payload"), "{}", vector.name());
    assert_eq!(*signed.payload, vector.bytes("payload"));
    assert_eq!(payload.not_after_ms, payload.created_ms + BUNDLE_LIFE_MS);
    let bundle = Bundle::read(&*vector.suite().backend(), &signed).unwrap();
    assert_eq!(*bundle.fingerprint.as_bytes(), vector.array("fingerprint"));
    assert!(bundle.is_current(after(0)));
    let name = vector.name().rsplit(' ').next().unwrap();
    let own = identity(name, vector.suite());
    assert_eq!(own.bundle().payload, signed.payload, "what the keys' owner signs");
}

pub(super) fn genesis(vector: &Vector) {
    let payload = GenesisPayload {
        owner: vector.signed("owner"),
        created_ms: vector.number("created"),
        joining: vector.byte("joining"),
        members_max: vector.number("members_max").try_into().unwrap(),
        random: ByteArray::new(vector.array("random")),
        suite: vector.byte("suite"),
        version: VERSION,
    };
    assert_eq!(encode(&payload), vector.bytes("payload"), "{}", vector.name());
    let roster = Roster::open(&vector.signed("signed")).unwrap();
    assert_eq!(*vector.signed("signed").payload, vector.bytes("payload"));
    assert_eq!(roster.room(), RoomId(vector.array("room")));
    assert_eq!(*roster.hash(), roster.room().0, "R_0");
    assert_eq!(roster.suite(), vector.suite());
    assert_eq!(roster.may_knock(), vector.number("joining") == 1);
}

pub(super) fn roster(vector: &Vector) {
    let mut roster = Roster::open(&vector.signed("genesis")).unwrap();
    for entry in vector.byte_strings("before") {
        let entry: Signed = decode(&entry).unwrap();
        assert!(matches!(roster.apply(&entry), Ok(Some(_))));
    }
    assert_eq!(*roster.hash(), vector.array("previous"));
    let payload = RosterPayload {
        subject: decode(&vector.bytes("subject")).unwrap(),
        operation: vector.byte("operation"),
        previous: ByteArray::new(vector.array("previous")),
        number: vector.number("number"),
        room: RoomId(vector.array("room")),
        time_ms: vector.number("time"),
        version: VERSION,
    };
    let signed = vector.signed("signed");
    assert_eq!(encode(&payload), vector.bytes("payload"), "{}", vector.name());
    assert_eq!(*signed.payload, vector.bytes("payload"));
    assert!(matches!(roster.apply(&signed), Ok(Some(_))), "{}", vector.name());
    assert_eq!(*roster.hash(), vector.array("hash"));
    assert_eq!(roster.is_closed(), payload.operation == 4);
}

pub(super) fn prekey(vector: &Vector) {
    let (suite, person) = (vector.suite(), vector.text("person"));
    let drawn = [vector.bytes("scalar"), vector.optional("seed").unwrap_or_default()].concat();
    let private = PrivatePrekey::generate(&*suite.backend(), &mut Fixed(drawn)).unwrap();
    let public = private.public();
    assert_eq!(public.x25519, vector.array("public"));
    assert_eq!(public.ml_kem.as_ref().map(EncapsulationKey::to_bytes), vector.optional("ml_kem"));
    let payload = PrekeyPayload {
        sender: Fingerprint::from_bytes(vector.array("sender")),
        public: ByteArray::new(public.x25519),
        index: vector.number("index"),
        ml_kem: public.ml_kem.map(|key| key.to_bytes().into()),
        room: RoomId(vector.array("room")),
        version: VERSION,
        not_after_ms: vector.number("not_after"),
    };
    assert_eq!(encode(&payload), vector.bytes("payload"), "{}", vector.name());
    let key = identity(&person, suite).signing().public();
    assert_eq!(verify(key.as_ref(), Domain::Prekey, &vector.signed("signed")), Ok(payload.clone()));
    assert!(PublicPrekey::read(&*suite.backend(), &payload).is_ok());
}

pub(super) fn log(vector: &Vector) {
    let mut log = LogHash::new(RoomId(vector.array("room")));
    let items = vector.list("kinds").iter().zip(vector.byte_strings("exact"));
    for ((kind, exact), hash) in items.zip(vector.byte_strings("hashes")) {
        log.roll(ItemKind::from_code(kind.as_u64().unwrap().try_into().unwrap()).unwrap(), &exact);
        assert_eq!(log.hash()[..], hash, "{} at {}", vector.name(), log.position());
    }
}

pub(super) fn invite(vector: &Vector) {
    let addresses = vector.list("addresses").iter().map(|address| address.as_str().unwrap().to_owned());
    let invite = Invite {
        suite: vector.suite(),
        addresses: addresses.collect(),
        host: Fingerprint::from_bytes(vector.array("host")),
        room: RoomId(vector.array("room")),
        secret: Zeroizing::new(vector.array("secret")),
        expires_ms: vector.number("expires"),
    };
    let link = vector.text("link");
    assert_eq!(invite.to_string(), link);
    assert_eq!(Invite::from_str(&link), Ok(invite.clone()));
    let bundle = vector.signed("bundle");
    assert_eq!(invite.id(), Ok(vector.array("id")));
    assert_eq!(hmac_sha256(&vector.bytes("mac_key"), &vector.bytes("mac_input")), vector.array("mac"));
    assert_eq!(invite.mac(&bundle), Ok(vector.array("mac")));
    assert_eq!(invite.proves(&bundle, &vector.array("mac")), Ok(true));
}

pub(super) fn safety_number(vector: &Vector) {
    let backend = Suite::Classical.backend();
    let [own, other] = ["own", "other"].map(|side| backend.verifying_from_spki(&vector.bytes(side)).unwrap());
    let number = SafetyNumber::between(&*own, &*other);
    assert_eq!(number.groups().collect::<String>(), vector.text("digits"));
    assert!(vector.text("digits").contains(&vector.text("half")));
    assert_eq!(number.code(), vector.text("code"));
    assert_eq!(number.compare(&vector.text("other_code")), Comparison::Same);
    assert_eq!(number.compare(&vector.text("code")), Comparison::Own);
}

pub(super) fn certificate_verify(vector: &Vector) {
    let key = Suite::Classical.backend().verifying_from_spki(&vector.bytes("spki")).unwrap();
    let (message, signature) = (vector.bytes("message"), vector.bytes("signature"));
    let (domain, other) = match &*vector.text("side") {
        "host" => (Domain::TlsHost, Domain::TlsClient),
        _ => (Domain::TlsClient, Domain::TlsHost),
    };
    assert_eq!(key.verify(domain, &message, &signature), Ok(()));
    assert_eq!(key.verify(other, &message, &signature), Err(CryptoError::Signature));
    assert_eq!(key.verify(Domain::Bundle, &message, &signature), Err(CryptoError::Signature));
}

pub(super) fn x25519(vector: &Vector) {
    let key = x25519::PrivateKey::from_scalar(&Zeroizing::new(vector.array("scalar"))).unwrap();
    assert_eq!(*key.public(), vector.array("public"));
    assert_eq!(*key.agree(&vector.array("peer")).unwrap(), vector.array("shared"));
}

pub(super) fn ml_kem(vector: &Vector) {
    let key = DecapsulationKey::from_seed(&Zeroizing::new(vector.array("seed")));
    assert_eq!(key.encapsulation_key().to_bytes(), vector.bytes("key"));
    let public = EncapsulationKey::from_bytes(&vector.bytes("key")).unwrap();
    let (ciphertext, secret) = public.encapsulate(&mut Fixed(vector.bytes("message"))).unwrap();
    assert_eq!((ciphertext, *secret), (vector.bytes("ciphertext"), vector.array("secret")));
    assert_eq!(*key.decapsulate(&vector.bytes("ciphertext")).unwrap(), vector.array("secret"));
    assert_eq!(*key.decapsulate(&vector.bytes("other")).unwrap(), vector.array("other_secret"), "implicit rejection");
}

pub(super) fn learning_key(vector: &Vector) {
    let key = Suite::Textbook.backend().decryption_from_pkcs8(&vector.bytes("private")).unwrap();
    assert_eq!(key.public().spki(), vector.bytes("public"));
    let words = "CONVERSA LEARNING INSECURE PUBLIC KEY".to_owned();
    let [modulus, exponent] = ["modulus", "exponent"].map(|number| crate::wire::Bytes::from(vector.bytes(number)));
    assert_eq!(encode(&(words, modulus, exponent)), vector.bytes("public"));
}

pub(super) fn learning_blocks(vector: &Vector) {
    let backend = Suite::Textbook.backend();
    let (private, message) = (vector.bytes("private"), vector.bytes("message"));
    let decrypts = backend.decryption_from_pkcs8(&private).unwrap();
    assert_eq!(decrypts.public().encrypt(b"", &message), Ok(vector.bytes("ciphertext")));
    assert_eq!(*decrypts.decrypt(b"", &vector.bytes("ciphertext")).unwrap(), message);
    let signs = backend.signing_from_pkcs8(&private).unwrap();
    assert_eq!(signs.sign(Domain::Learning, &message), Ok(vector.bytes("signature")));
}

pub(super) fn learning_message(vector: &Vector) {
    let backend = Suite::Textbook.backend();
    let [ann, bo] = ["ann", "bo"].map(|name| identity(name, Suite::Textbook));
    let [sender, recipient] = ["sender_bundle", "recipient_bundle"].map(|field| vector.bundle(field, &*backend));
    let header: HeaderPayload = decode(&vector.bytes("header")).unwrap();
    let body = Body::Said { id: MessageId(vector.array("id")), content: Content::text(vector.text("text")) };
    let time_ms = vector.number("time");
    assert_eq!(body.to_plaintext(time_ms), vector.bytes("plaintext"));
    let sealed = learning::seal(&ann, [&recipient].into_iter(), &header, &body, time_ms).unwrap();
    assert_eq!(encode(&sealed), vector.bytes("msg"), "nothing in it is random");
    let message: Msg = decode(&vector.bytes("msg")).unwrap();
    let (opened, sent_ms) = learning::open(&bo, &sender, &message).unwrap();
    assert!(opened == body && sent_ms == time_ms);
    assert_eq!(bo.decryption().public().spki(), recipient.encryption.spki());
    assert_eq!(sha256(sender.verifying.spki()), *sender.fingerprint.as_bytes());
}
