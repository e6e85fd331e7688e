//! Golden vectors: our code against a second implementation of `docs/protocol.md` in Python, which made
//! `tests/data/protocol/vectors.json`. Deterministic results have to be the same on both sides; what Python made with
//! its own randomness (RSA-PSS, RSA-OAEP) has to be accepted here.

mod frames;
mod payloads;
mod worked_example;

use crate::protocol::Content;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::content::Body;
use super::identity::{Bundle, Identity};
use super::sealing::sender_key;
use super::{MessageId, Now};
use crate::crypto::primitives::sha256;
use crate::crypto::{CryptoBackend, KeyKind, Random, Result, Suite, key_file};
use crate::wire::{Signed, decode};

const FILE: &str = include_str!("../../tests/data/protocol/vectors.json");

/// The hash of the file as first written. New vectors belong in a file of their own.
const FROZEN: &str = "d7eb21bd18a6a319173091fe4af30fdba133b9c22891016fdd0a4a9bd997056a";

/// How many vectors of each kind there are: none may go missing unnoticed.
const KINDS: [(&str, usize); 25] = [
    ("bundle", 5),
    ("certificate-verify", 2),
    ("chain", 2),
    ("common", 2),
    ("fingerprint", 5),
    ("frame", 23),
    ("genesis", 3),
    ("integers", 1),
    ("invite", 3),
    ("labelled-hash", 6),
    ("learning-blocks", 3),
    ("learning-key", 1),
    ("learning-message", 1),
    ("log", 2),
    ("message", 9),
    ("ml-kem", 1),
    ("packet", 2),
    ("padding", 1),
    ("prekey", 4),
    ("refused", 1),
    ("roster", 7),
    ("safety-number", 1),
    ("signed-bytes", 8),
    ("wrap", 3),
    ("x25519", 1),
];

/// When the people of the vectors made their bundles.
const TIME_MS: u64 = 1_748_779_200_000;

#[test]
fn the_file_is_frozen() {
    assert_eq!(HEXLOWER.encode(&sha256(FILE.as_bytes())), FROZEN);
}

#[test]
fn every_vector_holds() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for vector in vectors() {
        check(&vector);
        *seen.entry(vector.kind()).or_default() += 1;
    }
    assert_eq!(seen, KINDS.map(|(kind, count)| (kind.to_owned(), count)).into());
    assert!(seen.values().sum::<usize>() >= 40);
}

fn check(vector: &Vector) {
    match &*vector.kind() {
        "labelled-hash" => payloads::labelled_hash(vector),
        "signed-bytes" => payloads::signed_bytes(vector),
        "integers" => payloads::integers(vector),
        "refused" => payloads::refused(vector),
        "padding" => payloads::padding(vector),
        "fingerprint" => payloads::fingerprint(vector),
        "bundle" => payloads::bundle(vector),
        "genesis" => payloads::genesis(vector),
        "roster" => payloads::roster(vector),
        "prekey" => payloads::prekey(vector),
        "log" => payloads::log(vector),
        "invite" => payloads::invite(vector),
        "safety-number" => payloads::safety_number(vector),
        "certificate-verify" => payloads::certificate_verify(vector),
        "x25519" => payloads::x25519(vector),
        "ml-kem" => payloads::ml_kem(vector),
        "learning-key" => payloads::learning_key(vector),
        "learning-blocks" => payloads::learning_blocks(vector),
        "learning-message" => payloads::learning_message(vector),
        "common" => sender_key::golden_tests::common(vector),
        "wrap" => sender_key::golden_tests::wrap(vector),
        "packet" => sender_key::golden_tests::packet(vector),
        "chain" => sender_key::golden_tests::chain(vector),
        "message" => sender_key::golden_tests::message(vector),
        "frame" => frames::frame(vector),
        kind => panic!("nobody checks vectors of kind {kind}"),
    }
}

/// One vector of the file.
pub(super) struct Vector(Value);

impl Vector {
    pub(super) fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    fn kind(&self) -> String {
        self.text("kind")
    }

    pub(super) fn text(&self, field: &str) -> String {
        self.0[field].as_str().unwrap_or_else(|| panic!("{}: no text {field}", self.name())).to_owned()
    }

    pub(super) fn number(&self, field: &str) -> u64 {
        self.0[field].as_u64().unwrap_or_else(|| panic!("{}: no number {field}", self.name()))
    }

    pub(super) fn byte(&self, field: &str) -> u8 {
        self.number(field).try_into().unwrap()
    }

    pub(super) fn bytes(&self, field: &str) -> Vec<u8> {
        unhex(&self.text(field))
    }

    /// What is absent in some suites.
    pub(super) fn optional(&self, field: &str) -> Option<Vec<u8>> {
        (!self.0[field].is_null()).then(|| self.bytes(field))
    }

    pub(super) fn array<const N: usize>(&self, field: &str) -> [u8; N] {
        self.bytes(field).try_into().unwrap()
    }

    pub(super) fn list(&self, field: &str) -> &[Value] {
        self.0[field].as_array().unwrap()
    }

    pub(super) fn byte_strings(&self, field: &str) -> Vec<Vec<u8>> {
        self.list(field).iter().map(|value| unhex(value.as_str().unwrap())).collect()
    }

    pub(super) fn signed(&self, field: &str) -> Signed {
        decode(&self.bytes(field)).unwrap()
    }

    pub(super) fn suite(&self) -> Suite {
        Suite::from_code(self.byte("suite")).unwrap()
    }

    /// The bundle in `field`, checked.
    pub(super) fn bundle(&self, field: &str, backend: &dyn CryptoBackend) -> Bundle {
        Bundle::read(backend, &self.signed(field)).unwrap()
    }

    /// What a message says; `None` for a kind that we read but never write.
    pub(super) fn body(&self) -> Option<Body> {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Text {
            i: MessageId,
            t: String,
        }
        let body = self.bytes("body");
        Some(match self.number("body_kind") {
            0 => Body::Name(decode(&body).unwrap()),
            1 => {
                let Text { i, t } = decode(&body).unwrap();
                Body::Said { id: i, content: Content::text(t) }
            }
            2 => Body::Title(decode(&body).unwrap()),
            3 => Body::Receipt(decode(&body).unwrap()),
            4 => Body::Leave,
            5 => Body::Missed(decode(&body).unwrap()),
            _ => return None,
        })
    }
}

/// Hands out what it was given, for vectors that fix the randomness.
pub(super) struct Fixed(pub(super) Vec<u8>);

impl Random for Fixed {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        let rest = self.0.split_off(buffer.len());
        buffer.copy_from_slice(&std::mem::replace(&mut self.0, rest));
        Ok(())
    }
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// `milliseconds` after the people of the vectors made their bundles.
pub(super) const fn after(milliseconds: u64) -> Now {
    Now::at(0, TIME_MS + milliseconds)
}

/// The identity of one of the people, made when their bundle was. Reading keys takes time, so each is
/// made once.
pub(super) fn identity(name: &str, suite: Suite) -> Arc<Identity> {
    static MADE: Mutex<Vec<(String, KeyKind, Arc<Identity>)>> = Mutex::new(Vec::new());
    let mut made = MADE.lock().unwrap();
    let kind = suite.key_kind();
    if let Some((.., identity)) = made.iter().find(|(of, made_kind, _)| of == name && *made_kind == kind) {
        return Arc::clone(identity);
    }
    let (backend, [sign, enc]) = (kind.backend(), keys(name, kind));
    let [sign, enc] = [sign, enc].map(|text| key_file::from_pem(text, kind, None).unwrap());
    let (signing, decryption) =
        (backend.signing_from_pkcs8(&sign).unwrap(), backend.decryption_from_pkcs8(&enc).unwrap());
    let identity = Arc::new(Identity::new(signing, decryption, after(0)).unwrap());
    made.push((name.to_owned(), kind, Arc::clone(&identity)));
    identity
}

/// The test keys of one of the people: to sign and to decrypt.
fn keys(name: &str, kind: KeyKind) -> [&'static str; 2] {
    macro_rules! keys {
        ($name:literal, $ending:literal) => {
            [
                include_str!(concat!("../../tests/data/keys/", $name, ".sign", $ending)),
                include_str!(concat!("../../tests/data/keys/", $name, ".enc", $ending)),
            ]
        };
    }
    match (name, kind.is_learning()) {
        ("ann", false) => keys!("ann", ".pem"),
        ("bo", false) => keys!("bo", ".pem"),
        ("carol", false) => keys!("carol", ".pem"),
        ("ann", true) => keys!("ann", ".learning.pem"),
        ("bo", true) => keys!("bo", ".learning.pem"),
        _ => panic!("{name} is not in the vectors"),
    }
}

fn vectors() -> Vec<Vector> {
    let file: Value = serde_json::from_str(FILE).unwrap();
    file["vectors"].as_array().unwrap().iter().cloned().map(Vector).collect()
}
