# SPDX-License-Identifier: MIT
"""Layer `identity`: PEM (RFC 7468), the text form of DER."""

import binascii

_BEGIN = b"-----BEGIN "
_END = b"-----END "
_DASHES = b"-----"


def encode(label, data):
    """A PEM block, bytes, with a label, bytes."""
    lines = [_BEGIN + label + _DASHES]
    for at in range(0, len(data), 48):
        lines.append(binascii.b2a_base64(data[at : at + 48])[:-1])
    lines.append(_END + label + _DASHES + b"\n")
    return b"\n".join(lines)


def decode(text):
    """The blocks of a text, bytes, in their order, as a list of (label, data).

    What stands around blocks is skipped. Raises ValueError, whose text has nothing of the blocks.
    """
    blocks = []
    at = text.find(_BEGIN)
    while at >= 0:
        start = at + len(_BEGIN)
        stop = text.find(_DASHES, start)
        label = bytes(text[start:stop])
        stop += len(_DASHES)
        end = text.find(_END + label + _DASHES, stop)
        if end < 0:
            raise ValueError("bad PEM: a block does not end")
        blocks.append((label, _content(text[stop:end])))
        at = text.find(_BEGIN, end)
    return blocks


def _content(text):
    if b":" in text:
        raise ValueError("bad PEM: a block with headers; an encrypted key must be decrypted first")
    text = b"".join(text.split())
    try:
        data = binascii.a2b_base64(text)
        if binascii.b2a_base64(data)[:-1] == text:
            return data
    except ValueError:
        pass  # said below
    raise ValueError("bad PEM: not base64")
