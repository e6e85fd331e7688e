"""The algorithms of docs/protocol.md, section 2, from their specifications and Python's standard library
alone. Slow, not in constant time, and without any check of who calls: for vectors of test keys only.

Beside SHA-2, SHA-3 and HMAC, which Python has: canonical CBOR (RFC 8949, 4.2), HKDF (RFC 5869),
ChaCha20-Poly1305 (RFC 8439), X25519 (RFC 7748), Ed25519 (RFC 8032), ML-KEM-768 (FIPS 203), RSA-OAEP and
RSA-PSS (RFC 8017), Padmé, and the blocks of textbook RSA.
"""

import base64
import hashlib
import hmac as hmac_module
import struct

# --- CBOR ---------------------------------------------------------------------------------------------------


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 256**size:
            return bytes([major << 5 | extra]) + value.to_bytes(size, "big")
    raise ValueError(value)


def cbor(value):
    """None, unsigned integers, byte strings, text, lists, and maps with one-letter keys."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(key) + cbor(value[key]) for key in sorted(value))


def uncbor(data):
    """The value of `data`, which must be the one encoding there is for it."""
    value, end = read_item(data, 0, 0)
    if end != len(data) or cbor(value) != data:
        raise ValueError("not the canonical encoding")
    return value


def read_item(data, at, depth):
    major, extra = data[at] >> 5, data[at] & 31
    at += 1
    if depth > 8:
        raise ValueError("too deep")
    if data[at - 1] == 0xF6:
        return None, at
    if extra < 24:
        length = extra
    else:
        size = {24: 1, 25: 2, 26: 4, 27: 8}[extra]
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    if major == 0:
        return length, at
    if major in (2, 3):
        text = data[at : at + length]
        return (text if major == 2 else text.decode()), at + length
    items = []
    for _ in range(length * {4: 1, 5: 2}[major]):
        item, at = read_item(data, at, depth + 1)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at


# --- hashes and keys from them ------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac(key, data):
    return hmac_module.new(key, data, hashlib.sha256).digest()


def hkdf_extract(salt, secret):
    return hmac(salt or bytes(32), secret)


def hkdf_expand(prk, info, length):
    block, output = b"", b""
    while len(output) < length:
        block = hmac(prk, block + info + bytes([len(output) // 32 + 1]))
        output += block
    return output[:length]


def hkdf(salt, secret, info, length):
    return hkdf_expand(hkdf_extract(salt, secret), info, length)


# --- ChaCha20-Poly1305 --------------------------------------------------------------------------------------


def rotate(value, count):
    return (value << count | value >> (32 - count)) & 0xFFFFFFFF


def quarter_round(s, a, b, c, d):
    for x, y, z, count in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        s[z] = rotate(s[z] ^ s[x], count)


def chacha20_block(key, nonce, counter):
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    s = list(start)
    for _ in range(10):
        for column in range(4):
            quarter_round(s, column, column + 4, column + 8, column + 12)
        for column in range(4):
            quarter_round(s, column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<16I", *((x + y) & 0xFFFFFFFF for x, y in zip(s, start)))


def chacha20(key, nonce, data):
    stream = b"".join(chacha20_block(key, nonce, 1 + i) for i in range(-(-len(data) // 64)))
    return bytes(x ^ y for x, y in zip(data, stream))


def poly1305_tag(key, nonce, aad, ciphertext):
    once = chacha20_block(key, nonce, 0)
    r = int.from_bytes(once[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    padded = b"".join(part + bytes(-len(part) % 16) for part in (aad, ciphertext))
    padded += struct.pack("<QQ", len(aad), len(ciphertext))
    total = 0
    for at in range(0, len(padded), 16):
        total = (total + int.from_bytes(padded[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(once[16:32], "little")) % 2**128).to_bytes(16, "little")


def aead_seal(key_and_nonce, aad, plaintext):
    key, nonce = key_and_nonce[:32], key_and_nonce[32:]
    ciphertext = chacha20(key, nonce, plaintext)
    return ciphertext + poly1305_tag(key, nonce, aad, ciphertext)


def aead_open(key_and_nonce, aad, sealed):
    key, nonce = key_and_nonce[:32], key_and_nonce[32:]
    if poly1305_tag(key, nonce, aad, sealed[:-16]) != sealed[-16:]:
        raise ValueError("not sealed with this key")
    return chacha20(key, nonce, sealed[:-16])


# --- X25519 and Ed25519 -------------------------------------------------------------------------------------

P = 2**255 - 19


def x25519(scalar, point=(9).to_bytes(32, "little")):
    k = int.from_bytes(scalar, "little") & ~7 & (2**254 - 1) | 2**254
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b = (x2 + z2) % P, (x2 - z2) % P
        aa, bb = a * a % P, b * b % P
        e = (aa - bb) % P
        da, cb = (x3 - z3) * a % P, (x3 + z3) * b % P
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


D = -121665 * pow(121666, -1, P) % P
L = 2**252 + 27742317777372353535851937790883648493


def edwards_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def edwards_multiply(scalar, p):
    q = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            q = edwards_add(q, p)
        p, scalar = edwards_add(p, p), scalar >> 1
    return q


def edwards_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        raise ValueError("not a point")
    return P - x if x & 1 != sign else x


BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = edwards_x(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def edwards_encode(p):
    inverse = pow(p[2], -1, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def edwards_decode(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    x = edwards_x(y, sign)
    return (x, y, 1, x * y % P)


def sha512_number(data):
    return int.from_bytes(hashlib.sha512(data).digest(), "little")


def ed25519_secret(seed):
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & ~7 & (2**254 - 1) | 2**254, digest[32:]


def ed25519_public(seed):
    return edwards_encode(edwards_multiply(ed25519_secret(seed)[0], BASE))


def ed25519_sign(seed, message):
    a, prefix = ed25519_secret(seed)
    r = sha512_number(prefix + message) % L
    big_r = edwards_encode(edwards_multiply(r, BASE))
    k = sha512_number(big_r + ed25519_public(seed) + message) % L
    return big_r + ((r + k * a) % L).to_bytes(32, "little")


def ed25519_verify(public, message, signature):
    s = int.from_bytes(signature[32:], "little")
    k = sha512_number(signature[:32] + public + message) % L
    right = edwards_add(edwards_decode(signature[:32]), edwards_multiply(k, edwards_decode(public)))
    return len(signature) == 64 and s < L and edwards_encode(edwards_multiply(s, BASE)) == edwards_encode(right)


# --- ML-KEM-768 ---------------------------------------------------------------------------------------------

Q, K = 3329, 3
BITREV = [int(f"{i:07b}"[::-1], 2) for i in range(128)]
ZETAS = [pow(17, BITREV[i], Q) for i in range(128)]
GAMMAS = [pow(17, 2 * BITREV[i] + 1, Q) for i in range(128)]


def ntt(f):
    f, i, length = list(f), 1, 128
    while length >= 2:
        for start in range(0, 256, 2 * length):
            for j in range(start, start + length):
                t = ZETAS[i] * f[j + length]
                f[j], f[j + length] = (f[j] + t) % Q, (f[j] - t) % Q
            i += 1
        length //= 2
    return f


def inverse_ntt(f):
    f, i, length = list(f), 127, 2
    while length <= 128:
        for start in range(0, 256, 2 * length):
            for j in range(start, start + length):
                t = f[j]
                f[j], f[j + length] = (t + f[j + length]) % Q, ZETAS[i] * (f[j + length] - t) % Q
            i -= 1
        length *= 2
    return [x * 3303 % Q for x in f]


def ntt_product(f, g):
    h = []
    for i in range(128):
        a0, a1, b0, b1 = f[2 * i], f[2 * i + 1], g[2 * i], g[2 * i + 1]
        h += [(a0 * b0 + a1 * b1 * GAMMAS[i]) % Q, (a0 * b1 + a1 * b0) % Q]
    return h


def poly_sum(*polys):
    return [sum(column) % Q for column in zip(*polys)]


def byte_encode(d, f):
    bits = sum(x << d * i for i, x in enumerate(f))
    return bits.to_bytes(32 * d, "little")


def byte_decode(d, data):
    bits = int.from_bytes(data, "little")
    return [bits >> d * i & (1 << d) - 1 for i in range(256)]


def compress(d, f):
    return [((x << d + 1) + Q) // (2 * Q) % (1 << d) for x in f]


def decompress(d, f):
    return [(x * Q + (1 << d - 1)) >> d for x in f]


def sample_ntt(seed):
    data, a = hashlib.shake_128(seed).digest(3 * 512), []
    for at in range(0, len(data), 3):
        b0, b1, b2 = data[at : at + 3]
        a += [x for x in (b0 + 256 * (b1 % 16), b1 // 16 + 16 * b2) if x < Q]
    return a[:256]


def sample_cbd2(seed, number):
    bits = byte_decode(4, hashlib.shake_256(seed + bytes([number])).digest(128))
    return [((x & 1) + (x >> 1 & 1) - (x >> 2 & 1) - (x >> 3)) % Q for x in bits]


def ml_kem_matrix(rho):
    return [[sample_ntt(rho + bytes([j, i])) for j in range(K)] for i in range(K)]


def ml_kem_keygen(seed):
    """From the seed d || z: the encapsulation key and what decapsulating needs."""
    digest = hashlib.sha3_512(seed[:32] + bytes([K])).digest()
    rho, sigma = digest[:32], digest[32:]
    a = ml_kem_matrix(rho)
    s = [ntt(sample_cbd2(sigma, n)) for n in range(K)]
    e = [ntt(sample_cbd2(sigma, K + n)) for n in range(K)]
    t = [poly_sum(e[i], *(ntt_product(a[i][j], s[j]) for j in range(K))) for i in range(K)]
    return b"".join(byte_encode(12, x) for x in t) + rho, (s, seed[32:])


def ml_kem_encrypt(ek, m, r):
    t = [byte_decode(12, ek[384 * i : 384 * (i + 1)]) for i in range(K)]
    a = ml_kem_matrix(ek[384 * K :])
    y = [ntt(sample_cbd2(r, n)) for n in range(K)]
    u = []
    for i in range(K):
        product = inverse_ntt(poly_sum(*(ntt_product(a[j][i], y[j]) for j in range(K))))
        u.append(poly_sum(product, sample_cbd2(r, K + i)))
    v = inverse_ntt(poly_sum(*(ntt_product(t[j], y[j]) for j in range(K))))
    v = poly_sum(v, sample_cbd2(r, 2 * K), decompress(1, byte_decode(1, m)))
    return b"".join(byte_encode(10, compress(10, x)) for x in u) + byte_encode(4, compress(4, v))


def ml_kem_encapsulate(ek, m):
    """The ciphertext and the shared secret, from 32 random bytes."""
    digest = hashlib.sha3_512(m + hashlib.sha3_256(ek).digest()).digest()
    return ml_kem_encrypt(ek, m, digest[32:]), digest[:32]


def ml_kem_decapsulate(seed, ciphertext):
    ek, (s, z) = ml_kem_keygen(seed)
    u = [decompress(10, byte_decode(10, ciphertext[320 * i : 320 * (i + 1)])) for i in range(K)]
    v = decompress(4, byte_decode(4, ciphertext[320 * K :]))
    noise = inverse_ntt(poly_sum(*(ntt_product(s[j], ntt(u[j])) for j in range(K))))
    m = byte_encode(1, compress(1, [(x - y) % Q for x, y in zip(v, noise)]))
    again, secret = ml_kem_encapsulate(ek, m)
    return secret if again == ciphertext else hashlib.shake_256(z + ciphertext).digest(32)


# --- RSA ----------------------------------------------------------------------------------------------------


def der_items(data):
    items = []
    while data:
        length, at = data[1], 2
        if length >= 128:
            at = 2 + (length & 127)
            length = int.from_bytes(data[2:at], "big")
        items.append(data[at : at + length])
        data = data[at + length :]
    return items


def der(tag, content):
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 128 | size]) + length.to_bytes(size, "big") + content


def der_number(value):
    return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def pem_bytes(text):
    return base64.b64decode("".join(line for line in text.splitlines() if "-----" not in line))


def rsa_private(pkcs8):
    version, algorithm, key = der_items(der_items(pkcs8)[0])
    numbers = [int.from_bytes(item, "big") for item in der_items(der_items(key)[0])]
    return {"n": numbers[1], "e": numbers[2], "d": numbers[3]}


def rsa_spki(key):
    algorithm = der(0x30, bytes.fromhex("06092a864886f70d010101") + bytes.fromhex("0500"))
    numbers = der(0x30, der_number(key["n"]) + der_number(key["e"]))
    return der(0x30, algorithm + der(3, b"\0" + numbers))


def rsa_public(spki):
    algorithm, bits = der_items(der_items(spki)[0])
    numbers = [int.from_bytes(item, "big") for item in der_items(der_items(bits[1:])[0])]
    key = {"n": numbers[0], "e": numbers[1]}
    if rsa_spki(key) != spki or key["e"] != 65537 or key["n"].bit_length() not in (3072, 4096):
        raise ValueError("not a key of the secure suites")
    return key


def mgf1(seed, length):
    blocks = (sha256(seed + counter.to_bytes(4, "big")) for counter in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def modulus_bytes(key):
    return (key["n"].bit_length() + 7) // 8


def rsa_raise(key, exponent, data):
    return pow(int.from_bytes(data, "big"), key[exponent], key["n"]).to_bytes(modulus_bytes(key), "big")


def oaep_encrypt(key, label, message, seed):
    block = sha256(label) + bytes(modulus_bytes(key) - len(message) - 66) + b"\1" + message
    masked = xor(block, mgf1(seed, len(block)))
    return rsa_raise(key, "e", b"\0" + xor(seed, mgf1(masked, 32)) + masked)


def oaep_decrypt(key, label, ciphertext):
    encoded = rsa_raise(key, "d", ciphertext)
    seed = xor(encoded[1:33], mgf1(encoded[33:], 32))
    block = xor(encoded[33:], mgf1(seed, len(encoded) - 33))
    padding, _, message = block[32:].partition(b"\1")
    if encoded[0] or block[:32] != sha256(label) or any(padding):
        raise ValueError("not for this key and label")
    return message


def pss_hash(message, salt):
    return sha256(bytes(8) + sha256(message) + salt)


def pss_sign(key, message, salt):
    digest = pss_hash(message, salt)
    block = bytes(modulus_bytes(key) - 66) + b"\1" + salt
    masked = bytearray(xor(block, mgf1(digest, len(block))))
    masked[0] &= 0x7F
    return rsa_raise(key, "d", bytes(masked) + digest + b"\xbc")


def pss_verify(key, message, signature):
    if len(signature) != modulus_bytes(key) or int.from_bytes(signature, "big") >= key["n"]:
        return False
    encoded = rsa_raise(key, "e", signature)
    masked, digest = encoded[:-33], encoded[-33:-1]
    block = bytearray(xor(masked, mgf1(digest, len(masked))))
    block[0] &= 0x7F
    if encoded[-1] != 0xBC or encoded[0] & 0x80 or block[:-32] != bytes(len(block) - 33) + b"\1":
        return False
    return pss_hash(message, bytes(block[-32:])) == digest


# --- padding ------------------------------------------------------------------------------------------------


def padded_length(length):
    """Padmé (Nikitin et al., 2019) of a length that has the mark's byte in it."""
    if length <= 256:
        return 256
    exponent = length.bit_length() - 1
    step = 1 << exponent - exponent.bit_length()
    return -(-length // step) * step


def pad(plaintext):
    marked = plaintext + b"\x80"
    return marked + bytes(padded_length(len(marked)) - len(marked))


def unpad(padded):
    plaintext = padded.rstrip(b"\0")
    if plaintext[-1:] != b"\x80" or pad(plaintext[:-1]) != padded:
        raise ValueError("not this padding")
    return plaintext[:-1]


# --- textbook RSA -------------------------------------------------------------------------------------------

LEARNING_PUBLIC_WORDS = "CONVERSA LEARNING INSECURE PUBLIC KEY"


def short_bytes(value):
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def learning_private(encoded):
    words, n, e, d, p, q = uncbor(encoded)
    return {name: int.from_bytes(value, "big") for name, value in zip("nedpq", (n, e, d, p, q))}


def learning_spki(key):
    return cbor([LEARNING_PUBLIC_WORDS, short_bytes(key["n"]), short_bytes(key["e"])])


def learning_blocks(key, exponent, message):
    step = (key["n"].bit_length() - 1) // 8
    chunks = [message[at : at + step] for at in range(0, len(message), step)]
    return cbor([[len(chunk), rsa_raise(key, exponent, chunk)] for chunk in chunks])


def learning_join(key, exponent, blocks):
    opened = [(length, rsa_raise(key, exponent, block)) for length, block in uncbor(blocks)]
    return b"".join(block[len(block) - length :] for length, block in opened)
