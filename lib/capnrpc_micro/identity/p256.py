# SPDX-License-Identifier: MIT
"""Layer `identity`: P-256 keys and signatures (FIPS 186, SEC 1, RFC 6979) in plain Python.

Used once in the life of a key, to make it and its certificate; TLS's own arithmetic is in C. Only
multiples of the base point are ever needed, so there is one function to add points, whose formulas
have no exceptions, and all secret numbers take the same steps through it: no branch and no
early exit depends on their bits. What does depend on them, a little: the time that the
interpreter's big integers take, where a table entry is read from memory, and the copies of
numbers that stay in the heap. Nobody but the one who starts the vat can make it sign, and
it signs one text only.
"""

import gc
from hashlib import sha256

from ..words import MICROPYTHON
from .der import number, sequence
from .entropy import random32
from .hmac import hmac_sha256
from .integers import big

# The field's prime, the order of the base point, the curve's b.
_P = b"\xff\xff\xff\xff\0\0\0\1" + bytes(12) + b"\xff" * 12
_N = (
    b"\xff\xff\xff\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
    b"\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51"
)
_B = (
    b"\x5a\xc6\x35\xd8\xaa\x3a\x93\xe7\xb3\xeb\xbd\x55\x76\x98\x86\xbc"
    b"\x65\x1d\x06\xb0\xcc\x53\xb0\xf6\x3b\xce\x3c\x3e\x27\xd2\x60\x4b"
)
# x and y of the base point times 1, 2**64, 2**128, 2**192.
_BASES = (
    b"\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2"
    b"\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96"
    b"\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16"
    b"\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5"
    b"\x0f\xa8\x22\xbc\x28\x11\xaa\xa5\x84\x92\x59\x2e\x32\x6e\x25\xde"
    b"\x29\x49\x3b\xaa\xad\x65\x1f\x7e\x90\xe7\x5c\xb4\x8e\x14\xdb\x63"
    b"\xbf\xf4\x4a\xe8\xf5\xdb\xa8\x0d\x6f\x4a\xd4\xbc\xb3\xdf\x18\x8b"
    b"\x34\xb1\xa6\x50\x50\xfe\x82\xf5\xe4\x11\x24\x54\x5f\x46\x2e\xe7"
    b"\x44\x7d\x73\x9b\xee\xdb\x5e\x67\xfb\x98\x2f\xd5\x88\xc6\x76\x6e"
    b"\xfc\x35\xff\x7d\xc2\x97\xea\xc3\x57\xc8\x4f\xc9\xd7\x89\xbd\x85"
    b"\x2d\x48\x25\xab\x83\x41\x31\xee\xe1\x2e\x9d\x95\x3a\x4a\xaf\xf7"
    b"\x3d\x34\x9b\x95\xa7\xfa\xe5\x00\x0c\x7e\x33\xc9\x72\xe2\x5b\x32"
    b"\xa6\xd3\x96\x77\xa7\x84\x92\x76\x27\x36\xff\x83\x44\x31\x5f\xc5"
    b"\x96\x43\x95\x91\xa3\xc6\xb9\x4a\x6c\xf2\x0f\xfb\x31\x37\x28\xbe"
    b"\x67\x4f\x84\x74\x9b\x0b\x88\x16\x66\xb8\xba\xbd\x2d\x27\xec\xdf"
    b"\x82\x4a\x92\x0c\x22\x84\x05\x9b\xf2\xba\xb8\x33\xc3\x57\xf5\xf4"
)


class _Curve:
    """Adds points, which are (X, Y, Z) with x = X/Z and y = Y/Z; (0, 1, 0) is the zero."""

    def __init__(self):
        self.p = big(_P)
        self.b = big(_B)

    def add(self, one, other):
        """The sum of any two points, equal ones and zeros among them.

        Algorithm 4 of Renes, Costello, Batina, "Complete addition formulas for prime order elliptic
        curves" (2015).
        """
        p = self.p
        x1, y1, z1 = one
        x2, y2, z2 = other
        xx = x1 * x2 % p
        yy = y1 * y2 % p
        zz = z1 * z2 % p
        xy = ((x1 + y1) * (x2 + y2) - xx - yy) % p
        yz = ((y1 + z1) * (y2 + z2) - yy - zz) % p
        xz = ((x1 + z1) * (x2 + z2) - xx - zz) % p
        t = 3 * (xz - self.b * zz) % p
        minus = yy - t
        plus = yy + t
        zz *= 3
        t = 3 * (self.b * xz - zz - xx) % p
        xx = 3 * xx - zz
        return (
            (xy * plus - yz * t) % p,
            (plus * minus + xx * t) % p,
            (yz * minus + xy * xx) % p,
        )

    def times(self, scalar):
        """x and y of the base point times a number, 32 bytes, 0 < number < order."""
        sums = [(0, 1, 0)]
        for at in range(0, 256, 64):
            base = (big(_BASES[at : at + 32]), big(_BASES[at + 32 : at + 64]), 1)
            sums += [self.add(base, other) for other in sums]
        point = sums[0]
        for bit in range(63, -1, -1):
            index = 0
            for quarter in range(4):  # of the number, the lowest first
                index |= (scalar[31 - 8 * quarter - (bit >> 3)] >> (bit & 7) & 1) << quarter
            point = self.add(self.add(point, point), sums[index])
            if MICROPYTHON and not bit & 7:
                gc.collect()  # allocating takes longer the more garbage there is
        x, y, z = point
        z = pow(z, self.p - 2, self.p)
        return x * z % self.p, y * z % self.p


def new():
    """A new secret number, 32 bytes. Raises RuntimeError without random numbers."""
    while True:
        scalar = random32()
        if bytes(32) < scalar < _N:
            return scalar


def public(scalar):
    """The public point, 65 bytes, of a secret number, 32 bytes.

    Raises ValueError if that is no valid one, NotImplementedError without big integers.
    """
    if not bytes(32) < scalar < _N:
        raise ValueError("the key's number is out of range")
    x, y = _Curve().times(scalar)
    return b"\4" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def sign(scalar, message):
    """The ECDSA signature with SHA-256, DER, of a message by a secret number.

    The same for the same message: the nonce is that of RFC 6979, made from both, so none serves for
    two messages, and it needs no random numbers. Raises as public() does.
    """
    order = big(_N)
    digest = sha256(message).digest()
    for nonce in _nonces(scalar, (big(digest) % order).to_bytes(32, "big")):
        r = _Curve().times(nonce)[0] % order
        inverse = pow(big(nonce), order - 2, order)
        s = inverse * (big(digest) + r * big(scalar)) % order
        if r and s:
            return sequence(number(r.to_bytes(32, "big")), number(s.to_bytes(32, "big")))


def _nonces(scalar, digest):
    """The candidates of RFC 6979, section 3.2; practically always the first one serves."""
    key = bytes(32)
    value = b"\1" * 32
    for step in (b"\0", b"\1"):
        key = hmac_sha256(key, value + step + scalar + digest)
        value = hmac_sha256(key, value)
    while True:
        value = hmac_sha256(key, value)
        if bytes(32) < value < _N:
            yield value
        key = hmac_sha256(key, value + b"\0")
        value = hmac_sha256(key, value)
