# SPDX-License-Identifier: MIT
"""Layer `words`: memory as bytes, 16-bit halves and 32-bit words; what differs by interpreter.

Everything above sees memory through three views of one buffer and so is the same source on CPython
and MicroPython:

    b   bytes (a memoryview)
    h   unsigned 16-bit halves: any value that a peer chooses fits a small integer of every board
    i   signed 32-bit words: fastest, for pointers, whose valid values fit 31 bits. Where the
        interpreter has no big integers a word outside that range raises OverflowError on reading;
        `layout` turns that, and the same range elsewhere, into the malformed-message error.

All machines that we know of and that run MicroPython are little-endian, as the wire format is.
"""

import sys

MICROPYTHON = sys.implementation.name == "micropython"

if MICROPYTHON:
    import uctypes
    from micropython import const

    def views(buffer):
        """The (i, h, b) views of a bytearray, which they keep alive; its length is in words."""
        address = uctypes.addressof(buffer)
        size = len(buffer)
        return (
            uctypes.struct(address, (uctypes.ARRAY | 0, uctypes.INT32 | size >> 2)),
            uctypes.struct(address, (uctypes.ARRAY | 0, uctypes.UINT16 | size >> 1)),
            memoryview(buffer),
        )

else:

    def const(value):
        """MicroPython's compiler folds const(); elsewhere it is the identity."""
        return value

    def views(buffer):
        """The (i, h, b) views of a bytearray, which they keep alive; its length is in words."""
        view = memoryview(buffer)
        return view.cast("i"), view.cast("H"), view


def new_views(size):
    """The (i, h, b) views of `size` zero bytes; `size` is rounded up to a multiple of 8."""
    return views(bytearray((size + 7) & ~7))


_ZEROS = memoryview(bytes(256))


def clear(b, start, end):
    """Sets bytes start..end of the view b to zero."""
    while start < end:
        n = min(end - start, 256)
        b[start : start + n] = _ZEROS[:n]
        start += n


def key(h, at):
    """A table key for the 32-bit number in halves at, at + 1 of the view h.

    A small int below 2**30, else its four bytes, so that no big integer is ever made.
    """
    high = h[at + 1]
    if high < 0x4000:
        return high << 16 | h[at]
    low = h[at]
    return bytes((low & 255, low >> 8, high & 255, high >> 8))


def put_key(h, at, key):
    """Writes a table key (see `key`) as the 32-bit number in halves at, at + 1 of the view h."""
    if isinstance(key, int):
        h[at] = key & 0xFFFF
        h[at + 1] = key >> 16
    else:
        h[at] = key[0] | key[1] << 8
        h[at + 1] = key[2] | key[3] << 8
