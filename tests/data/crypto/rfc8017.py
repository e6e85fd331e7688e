#!/usr/bin/env python3
"""Makes rfc8017.json: RSA-OAEP and RSA-PSS by the letter of RFC 8017, with the test keys in ../keys
and nothing but Python's own pow() and hashlib. A second implementation for the secure suite to agree
with, good and bad cases alike. The seed is fixed: running it again gives the same file.
"""

import base64
import hashlib
import json
import pathlib
import random

HERE = pathlib.Path(__file__).parent


def der(data):
    """Splits DER into the contents of its items."""
    items = []
    while data:
        length, at = data[1], 2
        if length >= 128:
            at = 2 + (length & 127)
            length = int.from_bytes(data[2:at], "big")
        items.append(data[at : at + length])
        data = data[at + length :]
    return items


def read_key(name):
    lines = (HERE.parent / "keys" / f"{name}.pem").read_text().splitlines()[1:-1]
    version, algorithm, key = der(der(base64.b64decode("".join(lines)))[0])
    numbers = [int.from_bytes(item, "big") for item in der(der(key)[0])]
    return {"n": numbers[1], "e": numbers[2], "d": numbers[3]}


def mgf1(seed, length, hash_name="sha256"):
    mask = b""
    for counter in range(-(-length // 20)):
        mask += hashlib.new(hash_name, seed + counter.to_bytes(4, "big")).digest()
    return mask[:length]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def oaep(key, label, message, mgf="sha256", first=0, separator=1):
    k = (key["n"].bit_length() + 7) // 8
    block = hashlib.sha256(label).digest() + bytes(k - len(message) - 66) + bytes([separator]) + message
    seed = random.randbytes(32)
    masked = xor(block, mgf1(seed, len(block), mgf))
    encoded = bytes([first]) + xor(seed, mgf1(masked, 32, mgf)) + masked
    return pow(int.from_bytes(encoded, "big"), key["e"], key["n"]).to_bytes(k, "big")


def pss(key, message, salt_bytes=32, mgf="sha256", trailer=0xBC, hash_name="sha256"):
    length = (key["n"].bit_length() + 7) // 8
    salt = random.randbytes(salt_bytes)
    digest = hashlib.new(hash_name, bytes(8) + hashlib.new(hash_name, message).digest() + salt).digest()
    block = bytes(length - len(salt) - len(digest) - 2) + b"\1" + salt
    masked = bytearray(xor(block, mgf1(digest, len(block), mgf)))
    masked[0] &= 0x7F
    encoded = bytes(masked) + digest + bytes([trailer])
    return pow(int.from_bytes(encoded, "big"), key["d"], key["n"]).to_bytes(length, "big")


random.seed("conversa")
encryptions, signatures = [], []
for name in ("ann", "bo", "carol", "dave"):
    key = read_key(f"{name}.enc")

    def case(why, good, label, message, ciphertext):
        encryptions.append(
            {
                "key": f"{name}.enc",
                "why": why,
                "good": good,
                "label": label.hex(),
                "message": message.hex(),
                "ciphertext": ciphertext.hex(),
            }
        )

    secret, label = random.randbytes(32), random.randbytes(32)
    case("as it should be", True, label, secret, oaep(key, label, secret))
    case("an empty label", True, b"", secret, oaep(key, b"", secret))
    case("a secret of zeros", True, label, bytes(32), oaep(key, label, bytes(32)))
    case("another label", False, label, secret, oaep(key, b"other", secret))
    case("a secret of 31 bytes", False, label, secret[1:], oaep(key, label, secret[1:]))
    case("a secret of 33 bytes", False, label, secret + b"x", oaep(key, label, secret + b"x"))
    case("no secret", False, label, b"", oaep(key, label, b""))
    case("MGF1 with SHA-1", False, label, secret, oaep(key, label, secret, mgf="sha1"))
    case("the first byte is not zero", False, label, secret, oaep(key, label, secret, first=1))
    case("the separator is not one", False, label, secret, oaep(key, label, secret, separator=2))
    case("zero", False, label, secret, bytes(384))
    case("the modulus", False, label, secret, key["n"].to_bytes(384, "big"))

    key = read_key(f"{name}.sign")
    message = random.randbytes(100)
    signed = b"conversa/1 roster\0" + message
    for why, good, signature in [
        ("as it should be", True, pss(key, signed)),
        ("another domain", False, pss(key, b"conversa/1 prekey\0" + message)),
        ("no domain", False, pss(key, message)),
        ("no salt", False, pss(key, signed, salt_bytes=0)),
        ("a salt of 20 bytes", False, pss(key, signed, salt_bytes=20)),
        ("a salt of 33 bytes", False, pss(key, signed, salt_bytes=33)),
        ("MGF1 with SHA-1", False, pss(key, signed, mgf="sha1")),
        ("SHA-1", False, pss(key, signed, hash_name="sha1")),
        ("another trailer", False, pss(key, signed, trailer=0xCC)),
        ("zero", False, bytes(384)),
        ("a signature and the modulus", False, (int.from_bytes(pss(key, signed), "big") + key["n"]).to_bytes(385, "big")),
        ("a zero before", False, b"\0" + pss(key, signed)),
    ]:
        signatures.append(
            {
                "key": f"{name}.sign",
                "why": why,
                "good": good,
                "message": message.hex(),
                "signature": signature.hex(),
            }
        )
(HERE / "rfc8017.json").write_text(json.dumps({"oaep": encryptions, "pss": signatures}, indent=1) + "\n")
