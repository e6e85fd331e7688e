#!/usr/bin/env python3
"""A second client for hybrid rooms, written by docs/protocol.md and the RFCs it names: TLS 1.3 with raw public
keys, the way into a room, chains both ways. It joins by an invite as Bo (with the test keys), introduces himself,
waits for words, answers, waits until the answer has arrived, and leaves. Its lines are JSON, as the app's own.

    second_client.py LINK

It is slow, keeps to no pace, and protects nothing of its own: for tests.
"""

import json
import os
import socket
import sys
import time

from algorithms import (
    aead_open, aead_seal, cbor, ed25519_public, ed25519_sign, hkdf, hkdf_expand, hkdf_extract, hmac,
    ml_kem_decapsulate, ml_kem_encapsulate, ml_kem_keygen, oaep_encrypt, pad, pss_sign, pss_verify, rsa_public,
    rsa_spki, sha256, uncbor, x25519, xor,
)
from reader import Bo, H, Room, holds, labelled, read_invite

PATIENCE_SECONDS = 40


def number(value, size):
    return value.to_bytes(size, "big")


def sized(data, size):
    return number(len(data), size) + data


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


# --- section 3: TLS 1.3 -------------------------------------------------------------------------------------


def expand_label(secret, label, context, length):
    return hkdf_expand(secret, number(length, 2) + sized(b"tls13 " + label, 1) + sized(context, 1), length)


class Direction:
    """One way's keys, and how many records went."""

    def __init__(self, secret):
        self.secret, self.count = secret, 0
        self.key, self.iv = expand_label(secret, b"key", b"", 32), expand_label(secret, b"iv", b"", 12)

    def next_key(self):
        nonce = xor(self.iv, number(self.count, 12))
        self.count += 1
        return self.key + nonce

    def finished(self, transcript):
        return hmac(expand_label(self.secret, b"finished", b"", 32), sha256(transcript))


class Link:
    """A connection to the host whose key has the fingerprint `pin`."""

    def __init__(self, address, pin, sign_key):
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE_SECONDS)
        self.sending = self.receiving = None
        self.frames = b""
        self.shake_hands(pin, sign_key)

    def read_exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            holds(more, "the connection, which was cut")
            data += more
        return data

    def read_record(self):
        header = self.read_exactly(5)
        record = self.read_exactly(int.from_bytes(header[3:], "big"))
        if header[0] == 20:
            return self.read_record()  # A change of cipher spec, for middle boxes only (RFC 8446, D.4).
        if header[0] == 23 and self.receiving:
            inner = aead_open(self.receiving.next_key(), header, record).rstrip(b"\0")
            return inner[-1], inner[:-1]
        return header[0], record

    def write_record(self, kind, content):
        if self.sending is None:
            return self.socket.sendall(bytes([kind]) + b"\x03\x01" + sized(content, 2))
        header = b"\x17\x03\x03" + number(len(content) + 17, 2)
        self.socket.sendall(header + aead_seal(self.sending.next_key(), header, content + bytes([kind])))

    def shake_hands(self, pin, sign_key):
        seed, scalar = os.urandom(64), os.urandom(32)
        hello = self.client_hello(ml_kem_keygen(seed)[0] + x25519(scalar))
        self.write_record(22, hello)
        waiting, transcript = b"", hello

        def message(expected):
            nonlocal waiting, transcript
            while len(waiting) < 4 or len(waiting) < 4 + int.from_bytes(waiting[1:4], "big"):
                kind, content = self.read_record()
                holds(kind == 22, f"the handshake: a record of type {kind} with {content.hex()}")
                waiting += content
            end = 4 + int.from_bytes(waiting[1:4], "big")
            taken, waiting = waiting[:end], waiting[end:]
            holds(taken[0] == expected, f"a handshake message of type {expected}")
            transcript += taken
            return taken[4:]

        share = self.server_share(message(2))
        shared = ml_kem_decapsulate(seed, share[:1_088]) + x25519(scalar, share[1_088:])
        empty, zeros = sha256(b""), bytes(32)
        early = hkdf_extract(zeros, zeros)
        handshake = hkdf_extract(expand_label(early, b"derived", empty, 32), shared)
        secret = lambda of, label: expand_label(of, label, sha256(transcript), 32)
        to_host, to_us = secret(handshake, b"c hs traffic"), secret(handshake, b"s hs traffic")
        self.receiving = Direction(to_us)

        extensions = message(8)
        holds(sized(sized(b"conversa/1", 1), 2) in extensions, "the ALPN")
        request = message(13)
        context = request[1 : 1 + request[0]]
        certificate = message(11)
        length = int.from_bytes(certificate[4:7], "big")
        spki = certificate[7 : 7 + length]
        holds(certificate[0] == 0 and certificate[7 + length :] == b"\0\0", "one raw public key")
        holds(sha256(spki) == pin, "the host's key is the pinned one")
        signed = self.verify_input(b"server", transcript)
        verify = message(15)
        holds(verify[:2] == b"\x08\x04" and pss_verify(rsa_public(spki), signed, verify[4:]), "CertificateVerify")
        finished = self.receiving.finished(transcript)
        holds(message(20) == finished, "the host's Finished")

        master = hkdf_extract(expand_label(handshake, b"derived", empty, 32), zeros)
        then_to_host, then_to_us = secret(master, b"c ap traffic"), secret(master, b"s ap traffic")
        self.sending = Direction(to_host)
        own = sized(rsa_spki(sign_key), 3) + b"\0\0"
        for kind, content in ((11, lambda: sized(context, 1) + sized(own, 3)),
                              (15, lambda: b"\x08\x04" + sized(pss_sign(
                                  sign_key, self.verify_input(b"client", transcript), os.urandom(32)), 2)),
                              (20, lambda: self.sending.finished(transcript))):
            made = bytes([kind]) + sized(content(), 3)
            transcript += made
            self.write_record(22, made)
        self.sending, self.receiving = Direction(then_to_host), Direction(then_to_us)

    @staticmethod
    def client_hello(share):
        extensions = [
            (43, sized(b"\x03\x04", 1)), (10, sized(b"\x11\xec", 2)), (13, sized(b"\x08\x04", 2)),
            (51, sized(b"\x11\xec" + sized(share, 2), 2)), (16, sized(sized(b"conversa/1", 1), 2)),
            (19, sized(b"\2", 1)), (20, sized(b"\2", 1)),
        ]
        joined = b"".join(number(kind, 2) + sized(content, 2) for kind, content in extensions)
        body = b"\x03\x03" + os.urandom(32) + b"\0" + sized(b"\x13\x03", 2) + sized(b"\0", 1) + sized(joined, 2)
        return b"\1" + sized(body, 3)

    @staticmethod
    def server_share(hello):
        at = 35 + hello[34]
        holds(hello[at : at + 3] == b"\x13\x03\0", "the cipher suite")
        extensions, at = hello[at + 5 :], 0
        found = {}
        while at < len(extensions):
            kind, length = (int.from_bytes(extensions[at + x : at + x + 2], "big") for x in (0, 2))
            found[kind], at = extensions[at + 4 : at + 4 + length], at + 4 + length
        holds(found[43] == b"\x03\x04" and found[51][:2] == b"\x11\xec", "TLS 1.3 with X25519MLKEM768")
        return found[51][4:]

    @staticmethod
    def verify_input(side, transcript):
        return b" " * 64 + b"TLS 1.3, " + side + b" CertificateVerify\0" + sha256(transcript)

    # --- section 4: frames ---

    def send(self, kind, body):
        data = number(len(cbor(body)) + 1, 4) + bytes([kind]) + cbor(body)
        for at in range(0, len(data), 16_384):
            self.write_record(23, data[at : at + 16_384])

    def frame(self):
        while len(self.frames) < 4 or len(self.frames) < 4 + int.from_bytes(self.frames[:4], "big"):
            kind, content = self.read_record()
            holds(kind == 23, f"the link: an alert {content.hex()}")
            self.frames += content
        end = 4 + int.from_bytes(self.frames[:4], "big")
        data, self.frames = self.frames[:end], self.frames[end:]
        return data[4], uncbor(data[5:])

    def leave(self):
        self.send(0x22, {"c": 0})
        self.write_record(21, b"\1\0")
        self.socket.shutdown(socket.SHUT_WR)
        while self.socket.recv(4_096):
            pass
        self.socket.close()


# --- sections 5 to 7 ----------------------------------------------------------------------------------------


class Client:
    def __init__(self, link):
        self.invite = read_invite(link)
        self.bo = Bo(os.urandom(32), os.urandom(64))
        self.link = Link(self.invite["a"][0], self.invite["f"], self.bo.sign_key)
        self.room, self.chain, self.said = None, None, {}

    def signed(self, label, payload):
        data = cbor(payload)
        return {"p": data, "s": pss_sign(self.bo.sign_key, labelled(label, data), os.urandom(32))}

    def now(self):
        return time.time_ns() // 1_000_000

    def join(self):
        bundle = self.signed("bundle", {
            "c": self.now(), "e": rsa_spki(self.bo.enc), "k": self.bo.sign, "s": 1, "v": 1,
            "x": self.now() + 730 * 86_400_000,
        })
        secret, room = self.invite["s"], self.invite["r"]
        mac = hmac(hkdf(b"", secret, b"inv-mac", 32), labelled("join", room, sha256(cbor(bundle))))
        self.link.send(0x01, {"b": bundle, "i": hkdf(b"", secret, b"inv-id", 16), "m": mac, "r": room})
        kind, welcome = self.link.frame()
        holds(kind == 0x03, f"a welcome, but this came: {kind:02x} {welcome}")
        self.room = Room(room, welcome["g"])
        self.room.position, self.room.log_hash = welcome["p"], welcome["l"]
        self.room.hashes[welcome["p"]] = welcome["l"]
        for _ in range(welcome["q"]):
            self.take(*self.link.frame())
        holds(self.room.number == welcome["q"] and self.bo.fp in self.room.members, "the roster")
        prekey = self.signed("prekey", {
            "a": self.bo.fp, "d": x25519(self.bo.scalar), "i": welcome["i"] + 1, "m": ml_kem_keygen(self.bo.seed)[0],
            "r": room, "v": 1, "x": self.now() + 86_700_000,
        })
        self.link.send(0x06, prekey)
        self.link.send(0x20, {"n": 1})
        self.next_chain = welcome["n"] + 1
        while self.take(*self.link.frame()) != "Pong":
            pass

    def take(self, kind, body):
        """Does what a frame asks for; what it was, if that matters."""
        if kind == 0x20:
            self.link.send(0x21, body)
        elif kind == 0x21:
            return "Pong"
        elif kind == 0x10:
            return self.item(body)
        else:
            holds(kind == 0x13, f"the link: a frame of type {kind:02x} with {body}")
        return None

    def item(self, item):
        room, exact = self.room, uncbor(item["x"])
        is_new = item["p"] > room.position
        holds(not is_new or item["p"] == room.position + 1, "the next position")
        read = None
        if item["k"] == 1:
            room.roster_entry(exact)
        elif item["k"] == 2:
            room.prekey(exact)
        elif item["k"] == 3 and item["w"]:
            self.bo.open_chain(room, exact, item["w"])
        elif item["k"] == 4:
            sender = uncbor(exact["h"])["a"]
            if sender == self.bo.fp:
                self.said[exact["s"]] = item["p"]
            elif sender in room.chains:
                read = self.bo.open_message(room, exact)
        if is_new:
            room.roll(item["k"], item["x"])
        return (item["p"], read) if read else None

    def announce(self):
        room = self.room
        chain_key, seed = os.urandom(32), os.urandom(32)
        common = self.signed("sk", {
            "a": self.bo.fp, "c": hmac(chain_key, b"\3"), "g": ed25519_public(seed), "h": room.roster_hash,
            "n": self.next_chain, "q": room.number, "r": room.id, "v": 1,
        })
        com_hash = H("com", common["p"])
        others = [fp for fp in room.prekeys if fp != self.bo.fp]
        wraps = [self.wrap(room.members[fp], room.prekeys[fp], com_hash, chain_key) for fp in others]
        self.link.send(0x07, {"c": common, "w": wraps})
        self.chain = {"key": chain_key, "index": 0, "seed": seed, "com_hash": com_hash}

    @staticmethod
    def wrap(member, prekey, com_hash, chain_key):
        scalar, secret = os.urandom(32), os.urandom(32)
        ciphertext, ml_kem_secret = ml_kem_encapsulate(prekey["m"], os.urandom(32))
        context = H("wrap-hybrid", com_hash, member["fp"], sha256(member["enc"]), prekey["d"], x25519(scalar),
                    sha256(prekey["m"]), sha256(ciphertext))
        rsa = oaep_encrypt(rsa_public(member["enc"]), context, secret, os.urandom(32))
        secrets = x25519(scalar, prekey["d"]) + secret + ml_kem_secret
        key = hkdf(context, secrets, b"conversa/1 kw\0" + context + sha256(rsa), 44)
        sealed = aead_seal(key, com_hash, chain_key)
        return {"c": rsa, "e": x25519(scalar), "i": prekey["i"], "m": ciphertext, "t": member["fp"], "w": sealed}

    def say(self, kind, body):
        """Seals and sends; the position it gets."""
        room, chain = self.room, self.chain
        header = cbor({
            "a": self.bo.fp, "h": chain["com_hash"], "i": chain["index"], "l": room.log_hash, "m": room.position,
            "q": room.number, "r": room.id, "v": 1,
        })
        key = hkdf(b"", hmac(chain["key"], b"\1"), b"conversa/1 msg", 44)
        chain["key"], chain["index"] = hmac(chain["key"], b"\2"), chain["index"] + 1
        ciphertext = aead_seal(key, header, pad(cbor({"b": body, "k": kind, "t": self.now()})))
        signature = ed25519_sign(chain["seed"], labelled("msg", number(len(header), 4), header, ciphertext))
        self.link.send(0x08, {"c": ciphertext, "h": header, "s": signature})
        while signature not in self.said:
            self.later.append(self.take(*self.link.frame()))
        return self.said[signature]

    def run(self):
        self.later = []
        self.join()
        tell("ready", members=len(self.room.members))
        self.announce()
        self.say(0, cbor("Bo"))
        answered = None
        while True:
            # What came while something of ours was on its way, first.
            taken = self.later.pop(0) if self.later else self.take(*self.link.frame())
            if not isinstance(taken, tuple):
                continue
            position, read = taken
            body = uncbor(read["b"]) if read["b"] else None
            if read["k"] == 0:
                tell("named", name=body)
            elif read["k"] == 2:
                tell("titled", title=body)
            elif read["k"] == 1:
                tell("message", text=body["t"])
                self.say(3, cbor(position))
                answered = self.say(1, cbor({"i": os.urandom(16), "t": f"I read: {body['t']}"}))
            elif read["k"] == 3 and answered and body >= answered:
                tell("delivered")
                return self.link.leave()


if __name__ == "__main__":
    Client(sys.argv[1]).run()
