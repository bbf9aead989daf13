# SPDX-License-Identifier: MIT
"""Layer `identity`: base64url without padding (RFC 4648, section 5)."""

import binascii


def encode(data):
    """Bytes as str."""
    text = binascii.b2a_base64(data).decode().rstrip("=\n")
    return text.replace("+", "-").replace("/", "_")


def decode(text):
    """The bytes that encode() gives this str for.

    Raises ValueError for every other text: wrong letters, padding, a length or last bits that
    encode() never makes. It does not repeat the text, which may be a secret.
    """
    try:
        plain = text.replace("-", "+").replace("_", "/")
        data = binascii.a2b_base64(plain + "=" * (-len(text) % 4))
        if encode(data) == text:
            return data
    except ValueError:
        pass  # said below
    raise ValueError("not base64url without padding")
