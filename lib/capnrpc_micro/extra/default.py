# SPDX-License-Identifier: MIT
"""Layer `layout`: defaults of pointers and of wide numbers, odd floats. Loaded on demand."""

from struct import pack_into, unpack_from

from ..layout import fits, pointee, segment
from ..message import MessageError
from ..words import FORMAT, SHIFT, const

_FLOAT32 = const(10)
_FLOAT64 = const(11)
_TEXT = const(12)

# Bytes that begin a character, with what may follow, where that is not all from 80 to BF.
_LEADS = (
    (b"\xe0", 0xA0, 0xBF),
    (b"\xed", 0x80, 0x9F),
    (b"\xf0", 0x90, 0xBF),
    (b"\xf4", 0x80, 0x8F),
)
_LEADS += tuple([(bytes((lead,)), 1, 0) for lead in (0xC0, 0xC1) + tuple(range(0xF5, 0x100))])


def text(data):
    """Text that is not plain ASCII as a str. Raises MessageError if it is not UTF-8.

    MicroPython also takes what is too long, surrogates, and numbers beyond Unicode.
    """
    data = bytes(data)
    try:
        value = str(data, "utf-8")
        for lead, low, high in _LEADS:
            at = data.find(lead)
            while at >= 0:
                if not low <= data[at + 1] <= high:
                    raise UnicodeError
                at = data.find(lead, at + 1)
    except UnicodeError:
        raise MessageError("Text is not UTF-8")
    return value


def constant(kind, extra, data):
    """The value of a constant: what the root of a segment points to, or a number's bytes.

    A number that the interpreter has no integers for stays bytes.
    """
    if kind < _TEXT:
        try:
            return unpack_from(FORMAT[kind], data)[0]
        except OverflowError:
            return data
    return pointee(segment(data), 0, 64, kind, extra)


def put_unusual(m, place, default, value):
    """layout.put_scalar() for None, for a float's bytes, and where the default is bytes, with which
    the number is xored in messages. Returns whether the value is refused.
    """
    t, code = place
    kind = code & 31
    if not kind:
        return value is not None
    n = 1 << SHIFT[kind] >> 3
    t += (code >> 5) * n
    b = m.b
    if kind >= _FLOAT32 and isinstance(value, (bytes, bytearray, memoryview)):
        if len(value) != n:
            return True
        b[t : t + n] = value
    elif not fits(kind, value):
        return True
    else:
        pack_into(FORMAT[kind], b, t, value)
    if default:
        for k in range(n):
            b[t + k] ^= default[k]


def with_default(b, place, default):
    """A number whose default is given as bytes, with which it is xored in messages.

    place   its kind | its position in bytes << 5
    """
    kind = place & 31
    at = place >> 5
    data = bytes([b[at + k] ^ default[k] for k in range(len(default))])
    value = unpack_from(FORMAT[kind], data)[0]
    return value if value - value == 0 else not_finite(data, 0, kind, value)


def not_finite(b, at, kind, value):
    """What a float is that has been read as an infinity or as no number.

    An RP2040 makes an infinity of a NaN of 64 bits.
    """
    if kind == _FLOAT64 and b[at + 6] >= 0xF0 and b[at + 7] & 0x7F == 0x7F:
        if b[at + 6] != 0xF0 or any(b[at : at + 6]):
            return value - value
    return value
