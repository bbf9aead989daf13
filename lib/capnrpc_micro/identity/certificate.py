# SPDX-License-Identifier: MIT
"""Layer `identity`: X.509 certificates: whose key is in one, and self-signed ones.

A certificate only carries a vat's public key into TLS: nobody checks its names, times or
signature. All vats have the same names and times, those of OCaml's capnp-rpc.
"""

from hashlib import sha256

from .der import INTEGER, SEQUENCE, Reader, bits, context, number, sequence

# AlgorithmIdentifiers.
ECDSA_SHA256 = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
RSA_SHA256 = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"

_VERSION_3 = b"\xa0\x03\x02\x01\x02"
_CN_CAPNP = b"\x30\x10\x31\x0e\x30\x0c\x06\x03\x55\x04\x03\x0c\x05capnp"
_ALWAYS = b"\x30\x20\x17\x0d700101010101Z\x18\x0f99991231235959Z"


def public_info(der):
    """The SubjectPublicKeyInfo of a certificate, as it stands there. Raises ValueError."""
    reader = Reader(der)
    signed = reader.enter(SEQUENCE)
    reader.finish()
    signed = signed.enter(SEQUENCE)
    if signed.has(context(0)):
        signed.enter(context(0))  # the version
    signed.enter(INTEGER)  # the serial number
    for _ in range(4):
        signed.enter(SEQUENCE)  # algorithm, issuer, validity, subject
    return signed.whole(SEQUENCE)


def peer_digest(der):
    """The digest, 32 bytes, of the key in a peer's certificate. Raises ValueError.

    It says who the peer is only if the peer has shown in TLS's handshake that it has the key.
    """
    return sha256(public_info(der)).digest()


class WrongKey(OSError):
    """The peer has another key than the one that is expected: it is somebody else."""


def wrong_key(expected, met):
    """A WrongKey that tells both digests; they are no secret."""
    from .address import digest_text

    names = (digest_text(expected), digest_text(met))
    return WrongKey("the key of %s was expected, but the peer is %s" % names)


def self_signed(info, algorithm, sign):
    """A certificate for a key, DER.

    info        the key's SubjectPublicKeyInfo
    algorithm   ECDSA_SHA256 or RSA_SHA256
    sign        a function from bytes to their signature by the key
    """
    # From the key, so that no two keys share a serial number and each always has the same one.
    serial = number(b"\1" + sha256(info).digest()[:15])
    signed = sequence(_VERSION_3, serial, algorithm, _CN_CAPNP, _ALWAYS, _CN_CAPNP, info)
    return sequence(signed, algorithm, bits(sign(signed)))
