# SPDX-License-Identifier: MIT
"""Layer `identity`: RSA signatures (RFC 8017, RSASSA-PKCS1-v1_5) in plain Python.

For the certificate of an RSA key that was made elsewhere, once in its life. Not constant-time: big
integers take what time they take. TLS's own arithmetic is in C.
"""

from hashlib import sha256

from .der import SEQUENCE, Reader
from .integers import big

_SHA256 = b"\0\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\0\x04\x20"


def sign(pkcs1, message):
    """The signature with SHA-256 of a message by a key in its PKCS#1 form.

    Raises ValueError for a damaged key, NotImplementedError without big integers.
    """
    reader = Reader(pkcs1).enter(SEQUENCE)
    reader.number()  # the version
    numbers = [reader.number() for _ in range(8)]
    size = len(numbers[0])
    content = _SHA256 + sha256(message).digest()
    padding = b"\xff" * (size - 2 - len(content))
    if len(padding) < 8:
        raise ValueError("the RSA key is too short")
    text = big(b"\0\1" + padding + content)
    modulus, public, _, p, q, by_p, by_q, q_inverse = [big(number) for number in numbers]
    if not (p > 1 and q > 1 and modulus == p * q):
        raise ValueError("the numbers of the RSA key do not fit together")
    part = pow(text, by_q, q)
    signature = part + q * (q_inverse * (pow(text, by_p, p) - part) % p)
    # A wrong signature could betray the key.
    if pow(signature, public, modulus) != text:
        raise ValueError("the numbers of the RSA key do not fit together")
    return signature.to_bytes(size, "big")
