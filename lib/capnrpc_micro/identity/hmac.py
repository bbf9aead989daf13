# SPDX-License-Identifier: MIT
"""Layer `identity`: HMAC-SHA256 (RFC 2104), which MicroPython has no module for."""

from hashlib import sha256


def hmac_sha256(key, message):
    """The code of a message under a key, 32 bytes."""
    if len(key) > 64:
        key = sha256(key).digest()
    key += bytes(64 - len(key))
    inner = sha256(bytes([b ^ 0x36 for b in key]))
    inner.update(message)
    outer = sha256(bytes([b ^ 0x5C for b in key]))
    outer.update(inner.digest())
    return outer.digest()
