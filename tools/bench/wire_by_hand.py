# SPDX-License-Identifier: MIT
"""What one writes by hand with `struct` to read the messages of wire.py. Runs on MicroPython.

Each function is given the buffer, where in it the struct's data begins and how many bytes of data
the struct has: a peer with an older schema sends a shorter one, whose missing fields are 0.
"""

from struct import unpack_from


def bool_(buffer, at, size):
    """Bit 65."""
    return unpack_from("<B", buffer, at + 8)[0] & 2 != 0 if size >= 9 else False


def int8(buffer, at, size):
    return unpack_from("<b", buffer, at + 9)[0] if size >= 10 else 0


def uint8(buffer, at, size):
    return unpack_from("<B", buffer, at + 9)[0] if size >= 10 else 0


def int16(buffer, at, size):
    return unpack_from("<h", buffer, at + 10)[0] if size >= 12 else 0


def uint16(buffer, at, size):
    return unpack_from("<H", buffer, at + 10)[0] if size >= 12 else 0


def int32(buffer, at, size):
    return unpack_from("<i", buffer, at + 12)[0] if size >= 16 else 0


def uint32(buffer, at, size):
    return unpack_from("<I", buffer, at + 12)[0] if size >= 16 else 0


def int64(buffer, at, size):
    return unpack_from("<q", buffer, at + 8)[0] if size >= 16 else 0


def uint64(buffer, at, size):
    return unpack_from("<Q", buffer, at + 8)[0] if size >= 16 else 0


def float32(buffer, at, size):
    return unpack_from("<f", buffer, at + 12)[0] if size >= 16 else 0.0


def float64(buffer, at, size):
    return unpack_from("<d", buffer, at + 8)[0] if size >= 16 else 0.0


def ten(buffer, at, size):
    """The ten fields of wire.TEN."""
    return [
        unpack_from("<i", buffer, at)[0] if size >= 4 else 0,
        unpack_from("<I", buffer, at + 4)[0] if size >= 8 else 0,
        unpack_from("<q", buffer, at + 8)[0] if size >= 16 else 0,
        unpack_from("<d", buffer, at + 16)[0] if size >= 24 else 0.0,
        unpack_from("<f", buffer, at + 24)[0] if size >= 28 else 0.0,
        unpack_from("<h", buffer, at + 28)[0] if size >= 30 else 0,
        unpack_from("<H", buffer, at + 30)[0] if size >= 32 else 0,
        unpack_from("<b", buffer, at + 32)[0] if size >= 33 else 0,
        unpack_from("<B", buffer, at + 33)[0] if size >= 34 else 0,
        unpack_from("<B", buffer, at + 34)[0] & 1 != 0 if size >= 35 else False,
    ]
