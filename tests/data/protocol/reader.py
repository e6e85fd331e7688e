#!/usr/bin/env python3
"""A second client's eyes: takes Bo's place in the worked example of docs/protocol.md, and reads it by what that
document says. It is given what Bo has (his test keys, the link, the secrets of his prekey) and what came to
him over the link; it checks each signature, hash and context on the way, and opens Ann's words. Nothing
of vectors.py is in it; the algorithms are in algorithms.py.

    reader.py           prints what Bo reads; exit code 1 if anything does not hold
"""

import base64
import pathlib
import re
import sys

from algorithms import (
    aead_open, cbor, ed25519_verify, hkdf, hmac, ml_kem_decapsulate, ml_kem_keygen, oaep_decrypt, pem_bytes,
    pss_verify, rsa_private, rsa_public, rsa_spki, sha256, uncbor, unpad, x25519,
)

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parents[2] / "docs" / "protocol.md"
LIMITS = {0x03: 8 << 10, 0x10: 66 << 10, 0x13: 64}  # section 4, of what comes to a member
HYBRID = 2


def holds(condition, what):
    if not condition:
        sys.exit(f"does not hold: {what}")


def read_document():
    """The example's values by name, and the words that Bo should read."""
    text = DOCUMENT.read_text().partition("## 12. Worked example")[2]
    values, name = {}, None
    for block in re.findall(r"^```text\n(.*?)^```", text, re.M | re.S):
        for line in block.splitlines():
            if not line.startswith("  "):
                name = line.split(", ")[0]
                values[name] = b""
            elif line.startswith("  {"):
                values[name] += values[line[3:-1]]
            else:
                values[name] += line[2:].encode() if name == "link" else bytes.fromhex(line)
    return values, re.search("Bo reads: “(.*)”", text)[1]


# --- section 2 ----------------------------------------------------------------------------------------------


def labelled(label, *parts):
    return b"conversa/1 " + label.encode() + b"\0" + b"".join(parts)


def H(label, *parts):
    return sha256(labelled(label, *parts))


def verified(spki, label, signed):
    """The payload of a SIGNED, once its signature holds."""
    holds(set(signed) == {"p", "s"}, f"a SIGNED {label}")
    holds(pss_verify(rsa_public(spki), labelled(label, signed["p"]), signed["s"]), f"the signature of a {label}")
    payload = uncbor(signed["p"])
    holds(payload["v"] == 1, f"the version of a {label}")
    return payload


# --- sections 4 and 5 ---------------------------------------------------------------------------------------


def body(frame, kind):
    length = int.from_bytes(frame[:4], "big")
    holds(length == len(frame) - 4 and frame[4] == kind and length - 1 <= LIMITS[kind], f"a frame of type {kind:02x}")
    return uncbor(frame[5:])


def bundle(signed):
    payload = verified(uncbor(signed["p"])["k"], "bundle", signed)
    rsa_public(payload["e"])
    holds(payload["s"] == 1 and payload["e"] != payload["k"], "a bundle")
    return {"fp": sha256(payload["k"]), "sign": payload["k"], "enc": payload["e"]}


def read_invite(link):
    scheme, _, code = link.rpartition(":")
    holds(scheme == "conversa:2", "an invite to a hybrid room")
    return uncbor(base64.b32decode(code.upper() + "=" * (-len(code) % 8)))


class Room:
    """What Bo knows of the room: its members, and where its log stands."""

    def __init__(self, expected, genesis):
        owner_bundle = uncbor(genesis["p"])["b"]
        self.owner = bundle(owner_bundle)
        payload = verified(self.owner["sign"], "genesis", genesis)
        self.id = H("room", genesis["p"])
        holds(self.id == expected and payload["s"] == HYBRID, "the room that the invite names")
        self.members = {self.owner["fp"]: self.owner}
        self.number, self.roster_hash = 0, self.id
        self.position, self.log_hash = None, None
        self.hashes, self.prekeys, self.chains = {}, {}, {}

    def roster_entry(self, signed):
        entry = verified(self.owner["sign"], "roster", signed)
        holds(entry["r"] == self.id and entry["q"] == self.number + 1, "a roster entry's place")
        holds(entry["p"] == self.roster_hash, "the roster's chain")
        holds(entry["o"] == 1, "an addition, which is all that this example has")
        member = bundle(entry["d"])
        self.members[member["fp"]] = member
        self.number, self.roster_hash = entry["q"], H("roster", signed["p"])

    def prekey(self, signed):
        payload = uncbor(signed["p"])
        verified(self.members[payload["a"]]["sign"], "prekey", signed)
        holds(payload["r"] == self.id and len(payload["m"]) == 1_184 and len(payload["d"]) == 32, "a hybrid prekey")
        self.prekeys[payload["a"]] = payload

    def roll(self, kind, exact):
        self.position += 1
        self.log_hash = H("log", self.log_hash, bytes([kind]), sha256(exact))
        self.hashes[self.position] = self.log_hash


# --- section 7 ----------------------------------------------------------------------------------------------


class Bo:
    """His long-term keys, and the secrets of his prekey."""

    def __init__(self, scalar, seed):
        read = lambda use: rsa_private(pem_bytes((HERE.parent / "keys" / f"bo.{use}.pem").read_text()))
        self.sign_key, self.enc = read("sign"), read("enc")
        self.sign = rsa_spki(self.sign_key)
        self.fp = sha256(self.sign)
        self.scalar, self.seed = scalar, seed

    def open_chain(self, room, signed, wrap):
        """The chain that an announcement's wrap for Bo carries."""
        common = uncbor(signed["p"])
        verified(room.members[common["a"]]["sign"], "sk", signed)
        holds(common["r"] == room.id and (common["q"], common["h"]) == (room.number, room.roster_hash), "the epoch")
        com_hash = H("com", signed["p"])
        holds(wrap["t"] == self.fp and wrap["i"] == room.prekeys[self.fp]["i"], "a wrap for Bo's prekey")
        ml_kem_key, public = ml_kem_keygen(self.seed)[0], x25519(self.scalar)
        holds((public, ml_kem_key) == (room.prekeys[self.fp]["d"], room.prekeys[self.fp]["m"]), "Bo's prekey")
        context = H("wrap-hybrid", com_hash, self.fp, sha256(rsa_spki(self.enc)), public, wrap["e"],
                    sha256(ml_kem_key), sha256(wrap["m"]))
        secrets = x25519(self.scalar, wrap["e"]) + oaep_decrypt(self.enc, context, wrap["c"])
        secrets += ml_kem_decapsulate(self.seed, wrap["m"])
        key = hkdf(context, secrets, b"conversa/1 kw\0" + context + sha256(wrap["c"]), 44)
        chain_key = aead_open(key, com_hash, wrap["w"])
        holds(hmac(chain_key, b"\3") == common["c"], "the commitment")
        room.chains[common["a"]] = {"key": chain_key, "index": 0, "ed25519": common["g"], "com_hash": com_hash}

    def open_message(self, room, message):
        header = uncbor(message["h"])
        chain = room.chains[header["a"]]
        holds(header["v"] == 1 and header["r"] == room.id and header["q"] == room.number, "a header")
        holds(header["h"] == chain["com_hash"] and header["i"] == chain["index"], "the place in the chain")
        signed = labelled("msg", len(message["h"]).to_bytes(4, "big"), message["h"], message["c"])
        holds(ed25519_verify(chain["ed25519"], signed, message["s"]), "a message's signature")
        if header["m"] in room.hashes:
            holds(header["l"] == room.hashes[header["m"]], "that Ann saw the same log")
        key = hkdf(b"", hmac(chain["key"], b"\1"), b"conversa/1 msg", 44)
        chain["key"], chain["index"] = hmac(chain["key"], b"\2"), chain["index"] + 1
        return uncbor(unpad(aead_open(key, message["h"], message["c"])))


def main():
    values, expected = read_document()
    bo = Bo(values["Bo's X25519 scalar"], values["Bo's ML-KEM seed"])
    # What he proves with the invite (section 6).
    invite = read_invite(values["link"].decode())
    join = uncbor(values["Join frame"][5:])
    mac_key = hkdf(b"", invite["s"], b"inv-mac", 32)
    holds(join["r"] == invite["r"] and cbor(join["b"]) == values["Bo's bundle"], "Bo's Join")
    holds(join["i"] == hkdf(b"", invite["s"], b"inv-id", 16), "the invite's id")
    holds(join["m"] == hmac(mac_key, labelled("join", invite["r"], sha256(cbor(join["b"])))), "the MAC")
    # The welcome and what follows it.
    welcome = body(values["Welcome frame to Bo"], 0x03)
    room = Room(invite["r"], welcome["g"])
    holds(invite["f"] == room.owner["fp"], "that the host is the owner, here")
    room.position, room.log_hash = welcome["p"], welcome["l"]
    room.hashes[welcome["p"]] = welcome["l"]
    read = []
    # The number in an item frame's name is its position; the snapshot's come first.
    for name in [f"Item frame_{position}" for position in (2, 1, 3, 4, 5, 6, 7)]:
        item = body(values[name], 0x10)
        if item["p"] > welcome["p"]:
            holds(item["p"] == room.position + 1, "the next position")
            if item["k"] != 4:
                room.roll(item["k"], item["x"])
        exact = uncbor(item["x"])
        if item["k"] == 1:
            room.roster_entry(exact)
        elif item["k"] == 2:
            room.prekey(exact)
        elif item["k"] == 3:
            bo.open_chain(room, exact, item["w"])
        else:
            read.append(bo.open_message(room, exact))
            room.roll(item["k"], item["x"])
        if f"T_{room.position}" in values and item["p"] == room.position:
            holds(room.log_hash == values[f"T_{room.position}"], "the log's hash")
    holds(room.number == welcome["q"] and bo.fp in room.members, "the roster")
    holds([plaintext["k"] for plaintext in read] == [0, 2, 1], "a name, a title, and words")
    name, title, words = (uncbor(plaintext["b"]) for plaintext in read)
    holds(words["t"] == expected, f"the words that the document gives: {expected}")
    print(f"{title}: {name} says “{words['t']}”")


if __name__ == "__main__":
    main()
