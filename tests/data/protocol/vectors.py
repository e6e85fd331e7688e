#!/usr/bin/env python3
"""Golden vectors of Conversa's own payloads, frames and key schedule: a second implementation of
docs/protocol.md for ours to agree with. It shares no code with the crate; the algorithms are in algorithms.py.

    vectors.py --check      says whether vectors.json, and the worked example in docs/protocol.md, are what
                            this script computes (exit code 1 if not)
    vectors.py --write      writes both

vectors.json is frozen: what is in it never changes as long as the protocol is version 1, and a test of ours
holds its hash. Everything that would be random is SHAKE-256 of a name, so each run gives the same bytes.
The keys are the test keys in ../keys.
"""

import base64
import hashlib
import json
import pathlib
import re
import sys

from algorithms import (
    aead_seal, cbor, ed25519_public, ed25519_sign, hkdf, hkdf_extract, hmac, learning_blocks, learning_private,
    learning_spki, ml_kem_decapsulate, ml_kem_encapsulate, ml_kem_keygen, oaep_encrypt, pad, padded_length,
    pem_bytes, pss_sign, rsa_private, rsa_spki, sha256, short_bytes, x25519,
)

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE / "vectors.json"
DOCUMENT = HERE.parents[2] / "docs" / "protocol.md"
BEGIN, END = "<!-- worked example: made by tests/data/protocol/vectors.py -->", "<!-- end of the worked example -->"

CLASSICAL, HYBRID, LEARNING = 1, 2, 0
TIME = 1_748_779_200_000  # 2025-06-01 12:00 UTC
BUNDLE_LIFE = 2 * 365 * 86_400_000
PREKEY_LIFE = 86_400_000 + 300_000


def random(name, size=32):
    return hashlib.shake_256(b"conversa vectors: " + name.encode()).digest(size)


def prefixed(label, *parts):
    return b"conversa/1 " + label.encode() + b"\0" + b"".join(parts)


def H(label, *parts):
    return sha256(prefixed(label, *parts))


def u32(value):
    return value.to_bytes(4, "big")


def hex_groups(data):
    text = data.hex()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


# --- people -------------------------------------------------------------------------------------------------


class Person:
    """Somebody with the test keys NAME.sign and NAME.enc, of the secure suites or for learning."""

    def __init__(self, name, learning=False):
        self.name, self.learning = name, learning
        ending = ".learning.pem" if learning else ".pem"
        read = lambda use: pem_bytes((HERE.parent / "keys" / f"{name}.{use}{ending}").read_text())
        load, spki = (learning_private, learning_spki) if learning else (rsa_private, rsa_spki)
        self.sign_key, self.enc_key = load(read("sign")), load(read("enc"))
        self.sign_spki, self.enc_spki = spki(self.sign_key), spki(self.enc_key)
        self.fp = sha256(self.sign_spki)
        self.bundle_payload = self.make_bundle(TIME)
        self.bundle = self.sign("bundle", self.bundle_payload)

    def make_bundle(self, created):
        suite = LEARNING if self.learning else CLASSICAL
        return {
            "c": created, "e": self.enc_spki, "k": self.sign_spki, "s": suite, "v": 1, "x": created + BUNDLE_LIFE,
        }

    def signature(self, label, data):
        if self.learning:
            return learning_blocks(self.sign_key, "d", prefixed(label, data))
        return pss_sign(self.sign_key, prefixed(label, data), random(f"salt {self.name} {label} {sha256(data).hex()}"))

    def sign(self, label, payload):
        """SIGNED: the payload's exact bytes and the signature over them."""
        data = cbor(payload)
        return {"p": data, "s": self.signature(label, data)}


ANN, BO, CAROL = Person("ann"), Person("bo"), Person("carol")
LEARNING_ANN, LEARNING_BO = Person("ann", True), Person("bo", True)


# --- the room's records -------------------------------------------------------------------------------------


def genesis(owner, suite, knock):
    return {
        "b": owner.bundle, "c": TIME + 1_000, "j": knock, "m": 64, "r": random(f"genesis {suite} {knock}"), "s": suite,
        "v": 1,
    }


class Room:
    """A room's genesis and roster, and its log as the host numbers it."""

    def __init__(self, owner, suite, knock):
        self.owner, self.suite = owner, suite
        self.genesis_payload = genesis(owner, suite, knock)
        self.genesis = owner.sign("genesis", self.genesis_payload)
        self.id = H("room", self.genesis["p"])
        self.entries, self.roster_hash = [], self.id
        self.log, self.log_hash = [], [self.id]

    def entry(self, operation, subject):
        number = len(self.entries) + 1
        payload = {
            "d": subject, "o": operation, "p": self.roster_hash, "q": number, "r": self.id,
            "t": TIME + 60_000 * number, "v": 1,
        }
        before = [cbor(entry) for entry in self.entries]
        signed = self.owner.sign("roster", payload)
        self.entries.append(signed)
        self.roster_hash = H("roster", signed["p"])
        return payload, signed, before

    def item(self, kind, exact):
        """Logs an item; its position."""
        self.log.append((kind, exact))
        self.log_hash.append(H("log", self.log_hash[-1], bytes([kind]), sha256(exact)))
        return len(self.log)


class Prekey:
    def __init__(self, person, room, index):
        name = f"{person.name} prekey {room.suite}"
        self.person, self.index = person, index
        self.scalar, self.public = random(name), x25519(random(name))
        self.seed = random(name + " ml-kem", 64) if room.suite == HYBRID else None
        self.ml_kem = ml_kem_keygen(self.seed)[0] if self.seed else None
        self.payload = {"a": person.fp, "d": self.public, "i": index, "r": room.id, "v": 1, "x": TIME + PREKEY_LIFE}
        if self.ml_kem:
            self.payload["m"] = self.ml_kem
        self.signed = person.sign("prekey", self.payload)


class Chain:
    """A sender's chain and its announcement to those with prekeys."""

    def __init__(self, sender, room, number, prekeys):
        name = f"{sender.name} chain {room.suite}"
        self.sender, self.room, self.epoch = sender, room, len(room.entries)
        self.chain_key, self.seed = random(name), random(name + " ed25519")
        self.ed25519 = ed25519_public(self.seed)
        self.commitment = hmac(self.chain_key, b"\3")
        self.payload = {
            "a": sender.fp, "c": self.commitment, "g": self.ed25519, "h": room.roster_hash, "n": number,
            "q": self.epoch, "r": room.id, "v": 1,
        }
        self.common = sender.sign("sk", self.payload)
        self.com_hash = H("com", self.common["p"])
        self.wraps = [self.wrap(prekey) for prekey in prekeys]
        self.packet = {"c": self.common, "w": [wrap["wrap"] for wrap in self.wraps]}

    def wrap(self, prekey):
        """One recipient's wrap, with every value on the way."""
        person, name = prekey.person, f"wrap {self.room.suite} {prekey.person.name}"
        w = {"ephemeral_scalar": random(name), "secret": random(name + " secret"), "oaep_seed": random(name + " oaep")}
        w["ephemeral"] = x25519(w["ephemeral_scalar"])
        w["agreed"] = x25519(w["ephemeral_scalar"], prekey.public)
        parts = [self.com_hash, person.fp, sha256(person.enc_spki), prekey.public, w["ephemeral"]]
        if prekey.ml_kem:
            w["ml_kem_message"] = random(name + " ml-kem")
            w["ml_kem_ciphertext"], w["ml_kem_secret"] = ml_kem_encapsulate(prekey.ml_kem, w["ml_kem_message"])
            parts += [sha256(prekey.ml_kem), sha256(w["ml_kem_ciphertext"])]
        w["context"] = H("wrap-hybrid" if prekey.ml_kem else "wrap", *parts)
        w["rsa"] = oaep_encrypt(person.enc_key, w["context"], w["secret"], w["oaep_seed"])
        secrets = w["agreed"] + w["secret"] + w.get("ml_kem_secret", b"")
        w["extracted"] = hkdf_extract(w["context"], secrets)
        info = b"conversa/1 kw\0" + w["context"] + sha256(w["rsa"])
        w["key"] = hkdf(w["context"], secrets, info, 44)
        w["sealed"] = aead_seal(w["key"], self.com_hash, self.chain_key)
        w["wrap"] = {"c": w["rsa"], "e": w["ephemeral"], "i": prekey.index, "t": person.fp, "w": w["sealed"]}
        if prekey.ml_kem:
            w["wrap"]["m"] = w["ml_kem_ciphertext"]
        return w

    def steps(self, count):
        chain_key, steps = self.chain_key, []
        for _ in range(count):
            seed = hmac(chain_key, b"\1")
            key = hkdf(b"", seed, b"conversa/1 msg", 44)
            steps.append({"chain_key": chain_key, "seed": seed, "key": key[:32], "nonce": key[32:]})
            chain_key = hmac(chain_key, b"\2")
        return steps

    def message(self, index, kind, body, seen):
        """A sealed message, with every value on the way."""
        step = self.steps(index + 1)[-1]
        header = cbor({
            "a": self.sender.fp, "h": self.com_hash, "i": index, "l": self.room.log_hash[seen], "m": seen,
            "q": self.epoch, "r": self.room.id, "v": 1,
        })
        plaintext = cbor({"b": body, "k": kind, "t": TIME + 120_000 + index})
        ciphertext = aead_seal(step["key"] + step["nonce"], header, pad(plaintext))
        signed = prefixed("msg", u32(len(header)), header, ciphertext)
        signature = ed25519_sign(self.seed, signed)
        msg = {"c": ciphertext, "h": header, "s": signature}
        return {
            **step, "index": index, "kind": kind, "body": body, "time": TIME + 120_000 + index, "header": header,
            "plaintext": plaintext, "signed": signed, "ciphertext": ciphertext, "signature": signature, "msg": msg,
        }


NAME, TEXT, TITLE, RECEIPT, LEAVE = range(5)
TEXT_ID = random("message id", 16)
BODIES = [
    ("a display name", NAME, cbor("Ann")),
    ("a room title", TITLE, cbor("Friday")),
    ("a text", TEXT, cbor({"i": TEXT_ID, "t": "Good evening, Bo! \U0001f511"})),
    ("a receipt", RECEIPT, cbor(300)),
    ("a goodbye", LEAVE, b""),
    ("a kind of a newer app", 9, cbor({"z": 1})),
]


# --- frames and links ---------------------------------------------------------------------------------------

FRAMES = {
    "Join": 0x01, "Resume": 0x02, "Welcome": 0x03, "Refuse": 0x04, "Roster": 0x05, "Prekey": 0x06, "SkPacket": 0x07,
    "Msg": 0x08, "Look": 0x09, "Lobby": 0x0A, "Open": 0x0B, "Item": 0x10, "JoinAsk": 0x11, "JoinAnswer": 0x12,
    "Presence": 0x13, "Ping": 0x20, "Pong": 0x21, "Bye": 0x22,
}


def frame(name, body):
    body = cbor(body)
    return u32(len(body) + 1) + bytes([FRAMES[name]]) + body


SCHEMES = {CLASSICAL: "conversa:1:", HYBRID: "conversa:2:", LEARNING: "conversa-learning:1:"}


def base32(data):
    return base64.b32encode(data).decode().rstrip("=").lower()


def invite(suite, host, room_id, bundle):
    secret = random(f"invite {suite}")
    payload = {
        "a": ["192.168.1.7:9000", "[2001:db8::7]:9000"], "f": host.fp, "r": room_id, "s": secret,
        "x": TIME + 86_400_000,
    }
    mac_key = hkdf(b"", secret, b"inv-mac", 32)
    return {
        "payload": payload, "link": SCHEMES[suite] + base32(cbor(payload)), "id": hkdf(b"", secret, b"inv-id", 16),
        "mac_key": mac_key, "mac": hmac(mac_key, prefixed("join", room_id, sha256(cbor(bundle)))),
    }


def safety_half(spki):
    digest = hashlib.sha512(b"\0\1" + spki + sha256(spki) + spki).digest()
    for _ in range(5_199):
        digest = hashlib.sha512(digest + spki).digest()
    return "".join(f"{int.from_bytes(digest[at : at + 5], 'big') % 100_000:05}" for at in range(0, 30, 5))


def check_code(own, other):
    return "conversa-check:1:" + base32(b"\1" + own + other)


# --- the vectors --------------------------------------------------------------------------------------------


def plain(value):
    """What JSON can hold: byte strings in hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def basic_vectors(add):
    for label in ("room", "roster", "log", "com", "wrap", "wrap-hybrid"):
        parts = [random("part one"), random("part two")]
        add(f"the hash H of label {label}", "labelled-hash", label=label, parts=parts, output=H(label, *parts))
    for label in ("bundle", "genesis", "roster", "prekey", "sk", "learning", "msg", "join"):
        add(f"what is signed for {label}", "signed-bytes", label=label, message=b"payload",
            output=prefixed(label, b"payload"))
    numbers = [0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**64 - 1]
    add("integers in CBOR", "integers", numbers=[str(n) for n in numbers], encodings=[cbor(n) for n in numbers])
    good = cbor({"n": 7})
    bad = ["a1616e07" + "00", "a1616e1807", "bf616e07ff", "a1616ec24107", "a1616ed82a07", "a2616e07616e07",
           "a1616ef94700", "a2616e07617807", "a0", "a1416e07", "a1616e20", "a1616e"]
    add("other encodings of a Ping's body, all refused", "refused", good=good, bad=[bytes.fromhex(b) for b in bad])
    for length in (0, 1, 255, 256, 257, 300, 511, 512, 1_000, 4_095, 4_096, 10_000, 16_384, 60_000):
        assert len(pad(bytes(length))) == padded_length(length + 1)
    lengths = [0, 254, 255, 256, 257, 300, 511, 512, 1_000, 4_095, 4_096, 10_000, 16_384, 60_000]
    add("padded lengths", "padding", lengths=lengths, padded=[padded_length(length + 1) for length in lengths])
    scalar, peer = random("x25519"), random("x25519 peer")
    add("an X25519 agreement", "x25519", scalar=scalar, public=x25519(scalar), peer=x25519(peer),
        shared=x25519(scalar, x25519(peer)))
    seed, message = random("ml-kem", 64), random("ml-kem message")
    key, (ciphertext, secret) = ml_kem_keygen(seed)[0], ml_kem_encapsulate(ml_kem_keygen(seed)[0], message)
    other = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    add("an ML-KEM-768 encapsulation, and a foreign ciphertext", "ml-kem", seed=seed, key=key, message=message,
        ciphertext=ciphertext, secret=secret, other=other, other_secret=ml_kem_decapsulate(seed, other))
    for side, words in (("host", b"server"), ("client", b"client")):
        message = b" " * 64 + b"TLS 1.3, " + words + b" CertificateVerify\0" + random(f"transcript {side}")
        signature = pss_sign(ANN.sign_key, message, random(f"salt tls {side}"))
        add(f"a CertificateVerify of a {side}", "certificate-verify", side=side, spki=ANN.sign_spki, message=message,
            signature=signature)


def people_vectors(add):
    for person in (ANN, BO, CAROL, LEARNING_ANN, LEARNING_BO):
        kind = "learning " if person.learning else ""
        add(f"the fingerprint of {kind}{person.name}", "fingerprint", spki=person.sign_spki,
            digits=person.fp.hex(), groups=hex_groups(person.fp), tag=person.fp.hex()[:8])
        add(f"the bundle of {kind}{person.name}", "bundle", suite=person.bundle_payload["s"],
            created=person.bundle_payload["c"], not_after=person.bundle_payload["x"],
            encryption_spki=person.enc_spki, signing_spki=person.sign_spki, payload=person.bundle["p"],
            signed=cbor(person.bundle), fingerprint=person.fp)
    halves = sorted([safety_half(ANN.sign_spki), safety_half(BO.sign_spki)])
    add("the safety number of Ann and Bo", "safety-number", own=ANN.sign_spki, other=BO.sign_spki, half=safety_half(ANN.sign_spki),
        digits="".join(halves), code=check_code(ANN.fp, BO.fp), other_code=check_code(BO.fp, ANN.fp))


def genesis_vector(add, name, room):
    payload = room.genesis_payload
    add(name, "genesis", suite=payload["s"], owner=cbor(payload["b"]), created=payload["c"], joining=payload["j"],
        members_max=payload["m"], random=payload["r"], payload=room.genesis["p"], signed=cbor(room.genesis),
        room=room.id)


def roster_vector(add, name, room, operation, subject):
    payload, signed, before = room.entry(operation, subject)
    add(name, "roster", genesis=cbor(room.genesis), before=before, operation=operation, subject=cbor(subject),
        previous=payload["p"], number=payload["q"], time=payload["t"], room=room.id, payload=signed["p"],
        signed=cbor(signed), hash=room.roster_hash)


def prekey_vector(add, name, prekey, room):
    add(name, "prekey", suite=room.suite, person=prekey.person.name, scalar=prekey.scalar, seed=prekey.seed,
        public=prekey.public, ml_kem=prekey.ml_kem, sender=prekey.person.fp, index=prekey.index, room=room.id,
        not_after=prekey.payload["x"], payload=prekey.signed["p"], signed=cbor(prekey.signed))


def chain_vectors(add, of, chain, prekeys):
    add(f"the announcement {of}", "common", sender=chain.sender.fp, sender_bundle=cbor(chain.sender.bundle),
        chain_key=chain.chain_key, seed=chain.seed, commitment=chain.commitment, ed25519=chain.ed25519,
        roster_hash=chain.payload["h"], chain_number=chain.payload["n"], epoch=chain.epoch, room=chain.room.id,
        payload=chain.common["p"], signed=cbor(chain.common), com_hash=chain.com_hash)
    for prekey, wrap in zip(prekeys, chain.wraps):
        values = {**wrap, "wrap": cbor(wrap["wrap"])}
        values.setdefault("ml_kem_ciphertext", None)
        values.setdefault("ml_kem_message", None)
        values.setdefault("ml_kem_secret", None)
        add(f"the wrap for {prekey.person.name} {of}", "wrap", suite=chain.room.suite, person=prekey.person.name,
            sender_bundle=cbor(chain.sender.bundle), common=cbor(chain.common), com_hash=chain.com_hash,
            chain_key=chain.chain_key, scalar=prekey.scalar, seed=prekey.seed, prekey_index=prekey.index, **values)
    add(f"the packet {of}", "packet", packet=cbor(chain.packet), common=cbor(chain.common),
        wraps=[cbor(wrap["wrap"]) for wrap in chain.wraps])
    add(f"the steps {of}", "chain", steps=chain.steps(4))


def message_vector(add, name, chain, message, seen):
    add(name, "message", sender=chain.sender.fp, chain_key=chain.chain_key, seed=chain.seed,
        roster_hash=chain.payload["h"], chain_number=chain.payload["n"], epoch=chain.epoch, room=chain.room.id,
        com_hash=chain.com_hash, position=seen, log_hash=chain.room.log_hash[seen], index=message["index"],
        body_kind=message["kind"], body=message["body"], time=message["time"], header=message["header"],
        plaintext=message["plaintext"], padded=pad(message["plaintext"]), key=message["key"] + message["nonce"],
        ciphertext=message["ciphertext"], signed=message["signed"], signature=message["signature"],
        msg=cbor(message["msg"]))


def invite_vector(add, name, suite, host, room_id, bundle):
    made = invite(suite, host, room_id, bundle)
    payload = made["payload"]
    add(name, "invite", suite=suite, addresses=payload["a"], host=payload["f"], room=room_id, secret=payload["s"],
        expires=payload["x"], payload=cbor(payload), link=made["link"], id=made["id"], mac_key=made["mac_key"],
        bundle=cbor(bundle), mac_input=prefixed("join", room_id, sha256(cbor(bundle))), mac=made["mac"])


def classical_vectors(add):
    room = Room(ANN, CLASSICAL, 1)
    genesis_vector(add, "the genesis of a classical room that may be knocked at", room)
    roster_vector(add, "the roster takes in Bo", room, 1, BO.bundle)
    roster_vector(add, "the roster takes in Carol", room, 1, CAROL.bundle)
    prekeys = [Prekey(BO, room, 1), Prekey(CAROL, room, 7)]
    for prekey in prekeys:
        prekey_vector(add, f"a classical prekey of {prekey.person.name}", prekey, room)
    for entry in room.entries:
        room.item(1, cbor(entry))
    for prekey in prekeys:
        room.item(2, cbor(prekey.signed))
    chain = Chain(ANN, room, 3, prekeys)
    chain_vectors(add, "of a classical chain", chain, prekeys)
    room.item(3, cbor(chain.common))
    for index, (name, kind, body) in enumerate(BODIES):
        seen = len(room.log)
        message = chain.message(index, kind, body, seen)
        message_vector(add, f"{name} in a classical room", chain, message, seen)
        room.item(4, cbor(message["msg"]))
    add("the log of a classical room", "log", room=room.id, kinds=[kind for kind, _ in room.log],
        exact=[exact for _, exact in room.log], hashes=room.log_hash[1:])
    later = BO.sign("bundle", BO.make_bundle(TIME + 86_400_000))
    roster_vector(add, "the roster renews Bo's bundle", room, 3, later)
    roster_vector(add, "the roster removes Carol", room, 2, CAROL.fp)
    roster_vector(add, "the roster closes the room", room, 4, ANN.fp)
    invite_vector(add, "an invite to a classical room", CLASSICAL, ANN, room.id, BO.bundle)
    return room


def learning_vectors(add):
    room = Room(LEARNING_ANN, LEARNING, 0)
    genesis_vector(add, "the genesis of a learning room", room)
    roster_vector(add, "a learning room's roster takes in Bo", room, 1, LEARNING_BO.bundle)
    invite_vector(add, "an invite to a learning room", LEARNING, LEARNING_ANN, room.id, LEARNING_BO.bundle)
    key = LEARNING_BO.enc_key
    private = pem_bytes((HERE.parent / "keys" / "bo.enc.learning.pem").read_text())
    add("a learning key", "learning-key", private=private, public=LEARNING_BO.enc_spki,
        modulus=short_bytes(key["n"]), exponent=short_bytes(key["e"]))
    for text in (b"", b"\0\0", b"Words of more than one block, with zeros\0 in them; 63 bytes each."):
        add(f"{len(text)} bytes in raw blocks", "learning-blocks", private=private, message=text,
            ciphertext=learning_blocks(key, "e", text), signature=learning_blocks(key, "d", prefixed("learning", text)))
    header = cbor({
        "a": LEARNING_ANN.fp, "h": bytes(32), "i": 0, "l": room.id, "m": 0, "q": 1, "r": room.id, "v": 1,
    })
    plaintext = cbor({"b": cbor({"i": TEXT_ID, "t": "anyone can read this"}), "k": TEXT, "t": TIME + 120_000})
    copies = [{"c": learning_blocks(LEARNING_BO.enc_key, "e", plaintext), "t": LEARNING_BO.fp}]
    signed = u32(len(header)) + header + cbor(copies)
    msg = {"c": cbor(copies), "h": header, "s": LEARNING_ANN.signature("learning", signed)}
    add("a message of a learning room", "learning-message", sender_bundle=cbor(LEARNING_ANN.bundle),
        recipient_bundle=cbor(LEARNING_BO.bundle), room=room.id, id=TEXT_ID, text="anyone can read this",
        time=TIME + 120_000, header=header, plaintext=plaintext, signed=signed, msg=cbor(msg))


def frame_vectors(add, room, example):
    """One of each type, with the fields it was made of."""
    join = {"b": BO.bundle, "i": example["invite id"], "m": example["MAC"], "r": room.id}
    knock = {"b": BO.bundle, "i": None, "m": None, "r": room.id}
    wrap = example["packet"]["w"][0]
    frames = [
        ("Join", join), ("Join", knock), ("Resume", {"l": room.log_hash[7], "p": 7, "r": room.id}),
        ("Welcome", {"g": room.genesis, "i": 3, "l": room.log_hash[2], "n": 5, "p": 2, "q": 1}),
        ("Refuse", {"c": 6}), ("Roster", room.entries[0]), ("Prekey", example["prekey"]),
        ("SkPacket", example["packet"]), ("Msg", example["msg"]), ("Look", {"r": None}), ("Look", {"r": room.id}),
        ("Lobby", {"g": [room.genesis], "n": [2]}), ("Lobby", {"g": [], "n": []}),
        ("Open", {"g": room.genesis, "t": None}), ("Open", {"g": room.genesis, "t": random("token")}),
        ("Item", {"k": 4, "p": 300, "w": None, "x": cbor(example["msg"])}),
        ("Item", {"k": 3, "p": 4, "w": wrap, "x": cbor(example["packet"]["c"])}),
        ("JoinAsk", {"j": cbor(join), "n": 1}), ("JoinAnswer", {"a": 2, "n": 1}),
        ("Presence", {"f": BO.fp, "s": 1}), ("Ping", {"n": 70_000}), ("Pong", {"n": 70_000}), ("Bye", {"c": 5}),
    ]
    for number, (name, body) in enumerate(frames):
        fields = {key: value if value is None or isinstance(value, int) else cbor(value) for key, value in body.items()}
        add(f"frame {number}: {name}", "frame", type=name, code=FRAMES[name], fields=fields, bytes=frame(name, body))


# --- the worked example -------------------------------------------------------------------------------------


def worked_example(add):
    """A hybrid room from its invite to the first message read, in the order in which it happens."""
    steps, values = [], {}

    def step(title, words, **named):
        named = [(value_name(name), value) for name, value in named.items()]
        values.update(named)
        steps.append((title, words, named))

    room = Room(ANN, HYBRID, 0)
    genesis_vector(add, "the genesis of a hybrid room", room)
    step("Ann makes a room and opens it",
         "Her own app is the host. The genesis carries her bundle; its hash is the room's id, T_0 and R_0.",
         Anns_fingerprint=ANN.fp, Anns_bundle_payload=ANN.bundle["p"], Anns_bundle=cbor(ANN.bundle),
         genesis_payload=room.genesis["p"], genesis=cbor(room.genesis), room=room.id,
         Open_frame=frame("Open", {"g": room.genesis, "t": None}),
         Welcome_frame_to_Ann=frame("Welcome", {"g": room.genesis, "i": 0, "l": room.id, "n": 0, "p": 0, "q": 0}))

    anns = Prekey(ANN, room, 1)
    prekey_vector(add, "a hybrid prekey of ann", anns, room)
    room.item(2, cbor(anns.signed))
    step("Ann's prekey", "She sends it although she is alone; it is the log's first item. "
         "She also asks for a sign of life (`Ping`), whose answer says that she is up to date.",
         Anns_prekey_frame=frame("Prekey", anns.signed), T_1=room.log_hash[1])

    made = invite(HYBRID, ANN, room.id, BO.bundle)
    invite_vector(add, "an invite to a hybrid room", HYBRID, ANN, room.id, BO.bundle)
    step("Ann makes an invite", "It goes to Bo by some other way. The link is the scheme and base32 of the payload.",
         invite_secret=made["payload"]["s"], invite_payload=cbor(made["payload"]), link=made["link"].encode(),
         invite_id=made["id"], MAC_key=made["mac_key"])

    join = {"b": BO.bundle, "i": made["id"], "m": made["mac"], "r": room.id}
    step("Bo asks to join", "His bundle's hash is in the MAC. The host passes the body of his `Join` on to Ann.",
         Bos_fingerprint=BO.fp, Bos_bundle_payload=BO.bundle["p"], Bos_bundle=cbor(BO.bundle),
         MAC_input=prefixed("join", room.id, sha256(cbor(BO.bundle))), MAC=made["mac"], Join_frame=frame("Join", join),
         JoinAsk_frame=frame("JoinAsk", {"j": cbor(join), "n": 1}))

    payload, entry, _ = room.entry(1, BO.bundle)
    add("a hybrid room's roster takes in Bo", "roster", genesis=cbor(room.genesis), before=[], operation=1,
        subject=cbor(BO.bundle), previous=payload["p"], number=1, time=payload["t"], room=room.id, payload=entry["p"],
        signed=cbor(entry), hash=room.roster_hash)
    room.item(1, cbor(entry))
    roster_item = frame("Item", {"k": 1, "p": 2, "w": None, "x": cbor(entry)})
    prekey_item = frame("Item", {"k": 2, "p": 1, "w": None, "x": cbor(anns.signed)})
    step("Ann takes him in", "The entry is signed, sent, and logged as the second item; epoch 1 begins.",
         roster_payload=entry["p"], Roster_frame=frame("Roster", entry), R_1=room.roster_hash, T_2=room.log_hash[2])
    step("Bo is welcomed", "`Welcome`, then what he cannot have seen: the roster's entries, then the live prekeys of "
         "the others, each with the position it had; then who is connected.",
         Welcome_frame_to_Bo=frame("Welcome", {
             "g": room.genesis, "i": 0, "l": room.log_hash[2], "n": 0, "p": 2, "q": 1}),
         Item_frame_2=roster_item, Item_frame_1=prekey_item, Presence_frame=frame("Presence", {"f": ANN.fp, "s": 1}))

    bos = Prekey(BO, room, 1)
    prekey_vector(add, "a hybrid prekey of bo", bos, room)
    room.item(2, cbor(bos.signed))
    step("Bo's prekey", "An X25519 key from 32 random bytes, an ML-KEM-768 key from the 64 of its seed d || z.",
         Bos_X25519_scalar=bos.scalar, Bos_ML_KEM_seed=bos.seed, Bos_X25519_key=bos.public, Bos_ML_KEM_key=bos.ml_kem,
         Bos_prekey_payload=bos.signed["p"], Bos_prekey_frame=frame("Prekey", bos.signed),
         Item_frame_3=frame("Item", {"k": 2, "p": 3, "w": None, "x": cbor(bos.signed)}), T_3=room.log_hash[3])

    chain = Chain(ANN, room, 1, [bos])
    wrap = chain.wraps[0]
    chain_vectors(add, "of a hybrid chain", chain, [bos])
    room.item(3, cbor(chain.common))
    step("Ann's chain, announced", "One chain key and one Ed25519 key for the epoch; the part that all members get.",
         CK_0=chain.chain_key, Ed25519_seed=chain.seed, Ed25519_key=chain.ed25519, commitment=chain.commitment,
         common_payload=chain.common["p"], common=cbor(chain.common), com_hash=chain.com_hash)
    step("The chain's key, wrapped for Bo",
         "The X25519 secret, s and the ML-KEM secret together give the key and the nonce that seal CK_0.",
         ephemeral_scalar=wrap["ephemeral_scalar"], ephemeral_key=wrap["ephemeral"], X25519_secret=wrap["agreed"],
         s=wrap["secret"], ML_KEM_message=wrap["ml_kem_message"], ML_KEM_ciphertext=wrap["ml_kem_ciphertext"],
         ML_KEM_secret=wrap["ml_kem_secret"], ctx=wrap["context"], OAEP_seed=wrap["oaep_seed"], rct=wrap["rsa"],
         HKDF_prk=wrap["extracted"], wrap_key=wrap["key"][:32], wrap_nonce=wrap["key"][32:], w=wrap["sealed"],
         SkPacket_frame=frame("SkPacket", chain.packet),
         Item_frame_4=frame("Item", {"k": 3, "p": 4, "w": wrap["wrap"], "x": cbor(chain.common)}),
         T_4=room.log_hash[4])

    words = [
        ("Her name, first in the chain", "She has seen the log up to position 3.", 3),
        ("The room's title", "Only the owner's counts.", 3),
        ("Words", "Bo reads: “Good evening, Bo! \U0001f511”", 6),
    ]
    for index, ((title, say, seen), (name, kind, body)) in enumerate(zip(words, BODIES)):
        message = chain.message(index, kind, body, seen)
        message_vector(add, f"{name} in a hybrid room", chain, message, seen)
        position = room.item(4, cbor(message["msg"]))
        named = {
            f"CK_{index}": message["chain_key"], f"seed_{index}": message["seed"], f"key_{index}": message["key"],
            f"nonce_{index}": message["nonce"], f"header_{index}": message["header"],
            f"plaintext_{index}": message["plaintext"], f"ciphertext_{index}": message["ciphertext"],
            f"signature_{index}": message["signature"], f"Msg_frame_{index}": frame("Msg", message["msg"]),
            f"Item_frame_{position}": frame("Item", {"k": 4, "p": position, "w": None, "x": cbor(message["msg"])}),
            f"T_{position}": room.log_hash[position],
        }
        if not index:
            del named["CK_0"]
        step(title, say, **named)
    add("the log of a hybrid room", "log", room=room.id, kinds=[kind for kind, _ in room.log],
        exact=[exact for _, exact in room.log], hashes=room.log_hash[1:])
    handed_on = {**values, "packet": chain.packet, "msg": message["msg"], "prekey": bos.signed}
    frame_vectors(add, room, handed_on)
    return steps


def value_name(name):
    """`Anns_bundle` as Ann's bundle, and `T_1` as it is."""
    spaced = re.sub(r"_(?!\d)", " ", name).replace("ML KEM", "ML-KEM")
    return re.sub(r"^(Ann|Bo)s ", r"\1's ", spaced)


def pieces(value, known):
    """A value as hex and, in braces, the names of long ones before it that it contains."""
    for name, part in sorted(known.items(), key=lambda item: -len(item[1])):
        at = value.find(part)
        if at >= 0:
            return [*pieces(value[:at], known), f"{{{name}}}", *pieces(value[at + len(part) :], known)]
    digits = value.hex()
    return [digits[at : at + 96] for at in range(0, len(digits), 96)]


def example_text(steps):
    lines, known = [BEGIN, ""], {}
    for number, (title, words, named) in enumerate(steps, 1):
        lines += [f"**{number}. {title}.** {words}", "", "```text"]
        for name, value in named:
            if name == "link":
                lines += ["link", f"  {value.decode()}"]
                continue
            lines.append(f"{name}, {len(value)} bytes")
            lines += [f"  {piece}" for piece in pieces(value, known)]
            if len(value) >= 64:
                known[name] = value
        lines += ["```", ""]
    return "\n".join([*lines, END])


def make():
    vectors = []

    def add(name, kind, **fields):
        assert all(vector["name"] != name for vector in vectors), name
        vectors.append({"name": name, "kind": kind, **plain(fields)})

    basic_vectors(add)
    people_vectors(add)
    classical_vectors(add)
    learning_vectors(add)
    steps = worked_example(add)
    example = {name: plain(value) for _, _, named in steps for name, value in named}
    file = json.dumps({"vectors": vectors, "example": example}, indent=1, ensure_ascii=False) + "\n"
    return len(vectors), file, example_text(steps)


def main():
    count, file, example = make()
    document = DOCUMENT.read_text()
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    if sys.argv[1:] == ["--write"]:
        VECTORS.write_text(file)
        DOCUMENT.write_text(before + example + after)
    elif sys.argv[1:] == ["--check"]:
        if VECTORS.read_text() != file:
            sys.exit("vectors.json is not what vectors.py computes")
        if before + example + after != document:
            sys.exit("the worked example in docs/protocol.md is not what vectors.py computes")
    else:
        sys.exit(__doc__)
    print(f"{count} vectors, and a worked example of {len(example.splitlines())} lines")


if __name__ == "__main__":
    main()
