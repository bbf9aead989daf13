# SPDX-License-Identifier: MIT
"""Layer `identity`: the forms in which private keys come: PKCS#8, SEC1, PKCS#1.

Two kinds of keys, P-256 and RSA: MicroPython's TLS has no Ed25519, and other curves are slower.
"""

from .der import (
    BITS,
    INTEGER,
    NULL,
    OCTETS,
    OID,
    SEQUENCE,
    Reader,
    bits,
    context,
    element,
    number,
    sequence,
)

PKCS8 = b"PRIVATE KEY"
SEC1 = b"EC PRIVATE KEY"
PKCS1 = b"RSA PRIVATE KEY"

_EC = b"\x2a\x86\x48\xce\x3d\x02\x01"
_P256 = b"\x2a\x86\x48\xce\x3d\x03\x01\x07"
_RSA = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
_EC_P256 = sequence(element(OID, _EC), element(OID, _P256))
_UNKNOWN = "the key is neither P-256 nor RSA"


class PrivateKey:
    """A private key that has been read.

    scalar   of a P-256 key, its number as 32 bytes; None for RSA
    point    of a P-256 key, its public point as 65 bytes; None if the file does not say it
    rsa      of an RSA key, its PKCS#1 form
    """

    scalar = None
    point = None
    rsa = None

    def public_info(self):
        """The public key as SubjectPublicKeyInfo, whose SHA-256 is the key's digest."""
        if self.rsa is None:
            return sequence(_EC_P256, bits(self.point))
        inside = Reader(self.rsa).enter(SEQUENCE)
        inside.number()
        public = sequence(inside.whole(INTEGER), inside.whole(INTEGER))
        return sequence(sequence(element(OID, _RSA), element(NULL)), bits(public))


def ec_to_der(scalar, point):
    """The PKCS#8 form of a P-256 key, as OpenSSL writes it."""
    inner = sequence(number(b"\1"), element(OCTETS, scalar), element(context(1), bits(point)))
    return sequence(number(b""), _EC_P256, element(OCTETS, inner))


def guess(der):
    """What form of a private key this is: PKCS8, SEC1 or PKCS1. Raises ValueError."""
    inside = Reader(der).enter(SEQUENCE)
    inside.number()
    if inside.has(SEQUENCE):
        return PKCS8
    return SEC1 if inside.has(OCTETS) else PKCS1


def read(form, der):
    """The PrivateKey in a DER of this form. Raises ValueError."""
    reader = Reader(der)
    key = PrivateKey()
    if form == PKCS8:
        _read_pkcs8(key, reader)
    elif form == SEC1:
        _read_sec1(key, reader, False)
    elif form == PKCS1:
        _read_pkcs1(key, reader)
    else:
        raise ValueError(_UNKNOWN)
    reader.finish()
    return key


def _read_pkcs8(key, reader):
    inside = reader.enter(SEQUENCE)
    inside.number()
    algorithm = inside.enter(SEQUENCE)
    kind = algorithm.content(OID)
    content = inside.enter(OCTETS)
    if kind == _EC:
        if algorithm.content(OID) != _P256:
            raise ValueError(_UNKNOWN)
        _read_sec1(key, content, True)
    elif kind == _RSA:
        algorithm.whole(NULL)
        _read_pkcs1(key, content)
    else:
        raise ValueError(_UNKNOWN)
    algorithm.finish()
    content.finish()  # attributes may follow, which mean nothing here


def _read_sec1(key, reader, is_p256):
    inside = reader.enter(SEQUENCE)
    if inside.number() != b"\1":
        raise inside.bad()
    scalar = inside.content(OCTETS).lstrip(b"\0")
    if not scalar or len(scalar) > 32:
        raise ValueError(_UNKNOWN)
    key.scalar = bytes(32 - len(scalar)) + scalar
    if inside.has(context(0)):
        curve = inside.enter(context(0))
        is_p256 = curve.has(OID) and curve.content(OID) == _P256
    if not is_p256:
        raise ValueError(_UNKNOWN)
    if inside.has(context(1)):
        point = inside.enter(context(1)).content(BITS)
        if len(point) == 66 and point[:2] == b"\0\4":
            key.point = point[1:]
    inside.finish()


def _read_pkcs1(key, reader):
    start = reader.at
    inside = reader.enter(SEQUENCE)
    if inside.number():
        raise inside.bad()  # more than two primes
    for _ in range(8):
        inside.number()
    inside.finish()
    key.rsa = bytes(reader.data[start : reader.at])
