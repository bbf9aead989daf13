# SPDX-License-Identifier: MIT
"""Layer `message`: the packed encoding, in which zero bytes take no room.

A word is a tag byte, whose bits say which of its bytes are not zero, and those bytes. After the
tag 0x00 stands how many more words are zero, after the word of tag 0xff how many more words stand
there as they are. The segment table and each segment are packed by themselves, as the C++
implementation does: no run goes beyond them.

Encoding: https://capnproto.org/encoding.html#packing
"""

from ..message import MessageError
from .files import fill


def unpack(stream, view, end=False):
    """Fills the view, zeros up to now and whole words, from a packed stream; else like `fill`.

    Takes no byte from the stream before it is needed.
    """
    byte = bytearray(1)
    at = 0
    while at < len(view):
        if not fill(stream, byte, end):
            return False
        end = False
        tag = byte[0]
        for bit in range(8):
            if tag >> bit & 1:
                fill(stream, view[at : at + 1])
            at += 1
        if tag in (0, 255):
            fill(stream, byte)
            start = at
            at += byte[0] << 3
            if at > len(view):
                raise MessageError("packed run beyond its segment")
            if tag:
                fill(stream, view[start:at])
    return True


def pack(data):
    """Yields bytes-like data, whole words, packed, in pieces of up to 2 KB."""
    size = len(data)
    if size & 7:
        raise MessageError("not whole words")
    out = bytearray()
    at = 0
    while at < size:
        start = len(out)
        out.append(0)
        tag = 0
        for value in data[at : at + 8]:
            tag >>= 1
            if value:
                out.append(value)
                tag |= 128
        out[start] = tag
        run = at = at + 8
        if tag in (0, 255):
            while at < min(size, run + 2040):
                zeros = bytes(data[at : at + 8]).count(b"\0")
                if zeros > 1 if tag else zeros < 8:
                    break
                at += 8
            out.append((at - run) >> 3)
            if tag:
                out.extend(data[run:at])
        if len(out) > 50 or at == size:
            yield out
            out = bytearray()
