# SPDX-License-Identifier: MIT
"""Layer `identity`: what p256 and rsa do, on CPython, by the package `cryptography`.

Faster, and constant-time. Importing this raises ImportError where the package is not installed.
"""

from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
)


def _p256_key(scalar):
    return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())


class p256:
    """The functions of the module p256."""

    @staticmethod
    def new():
        number = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        return number.to_bytes(32, "big")

    @staticmethod
    def public(scalar):
        key = _p256_key(scalar).public_key()
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @staticmethod
    def sign(scalar, message):
        return _p256_key(scalar).sign(message, ec.ECDSA(SHA256()))


class rsa:
    """The function of the module rsa."""

    @staticmethod
    def sign(pkcs1, message):
        key = load_der_private_key(pkcs1, None)
        return key.sign(message, padding.PKCS1v15(), SHA256())
