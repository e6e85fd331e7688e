#!/usr/bin/env python3
"""Makes textbook.json, and the learning keys in ../keys, with nothing but Python's own pow().

This is a second implementation of the textbook suite's formats, so that the tests compare two. The
seed is fixed: running it again gives the same files. TEST KEYS ONLY: everyone knows them.
"""

import base64
import json
import math
import pathlib
import random
import textwrap

HERE = pathlib.Path(__file__).parent
PUBLIC_WORDS = "CONVERSA LEARNING INSECURE PUBLIC KEY"
PRIVATE_WORDS = "CONVERSA LEARNING INSECURE KEY"
SIGNED_PREFIX = b"conversa/1 learning\0"


def head(major, value):
    """The head of a CBOR item (RFC 8949, 3)."""
    if value < 24:
        return bytes([major << 5 | value])
    for extra, size in ((24, 1), (25, 2), (26, 4)):
        if value < 256**size:
            return bytes([major << 5 | extra]) + value.to_bytes(size, "big")
    raise ValueError(value)


def cbor(value):
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    return head(4, len(value)) + b"".join(map(cbor, value))


def number(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def is_prime(n):
    if n < 4:
        return n > 1
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(40):
        power = pow(random.randrange(2, n - 1), odd, n)
        if power in (1, n - 1):
            continue
        for _ in range(twos - 1):
            power = pow(power, 2, n)
            if power == n - 1:
                break
        else:
            return False
    return n % 2 == 1


def prime(bits, e):
    while True:
        p = random.getrandbits(bits) | 3 << (bits - 2) | 1
        if (p - 1) % e and is_prime(p):
            return p


def make_key(bits, e):
    p = prime((bits + 1) // 2, e)
    while (q := prime(bits // 2, e)) == p:
        pass
    return {"n": p * q, "e": e, "d": pow(e, -1, math.lcm(p - 1, q - 1)), "p": p, "q": q}


def public(key):
    return cbor([PUBLIC_WORDS, number(key["n"]), number(key["e"])])


def private(key):
    return cbor([PRIVATE_WORDS] + [number(key[name]) for name in ("n", "e", "d", "p", "q")])


def blocks(key, exponent, message):
    n = key["n"]
    width, step = (n.bit_length() + 7) // 8, (n.bit_length() - 1) // 8
    chunks = [message[i : i + step] for i in range(0, len(message), step)]
    powers = [pow(int.from_bytes(chunk, "big"), exponent, n) for chunk in chunks]
    return cbor([[len(chunk), power.to_bytes(width, "big")] for chunk, power in zip(chunks, powers)])


def vector(bits, e):
    key = make_key(bits, e)
    messages = [b"", b"\0", b"\0\0\0", b"\xff", b"hello", b"\0leading zeros, and trailing\0\0", bytes(range(64))]
    return {
        "bits": bits,
        "public": public(key).hex(),
        "private": private(key).hex(),
        "messages": [
            {
                "message": message.hex(),
                "ciphertext": blocks(key, key["e"], message).hex(),
                "signature": blocks(key, key["d"], SIGNED_PREFIX + message).hex(),
            }
            for message in messages
        ],
    }


def pem(label, data):
    lines = textwrap.wrap(base64.b64encode(data).decode(), 64)
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


random.seed("conversa")
shapes = [(16, 3), (17, 65537), (24, 3), (41, 65537), (64, 65537), (129, 3), (512, 3), (1024, 65537), (2048, 65537)]
vectors = [vector(bits, e) for bits, e in shapes]
(HERE / "textbook.json").write_text(json.dumps(vectors, indent=1) + "\n")
for person in ("ann", "bo", "carol", "dave"):
    for use in ("sign", "enc"):
        path = HERE.parent / "keys" / f"{person}.{use}.learning.pem"
        path.write_text(pem(PRIVATE_WORDS, private(make_key(512, 65537))))
