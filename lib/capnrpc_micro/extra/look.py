# SPDX-License-Identifier: MIT
"""Layer `layout`: what a struct has set, and the bytes of its fields. Loaded on demand."""

from ..layout import blob, null, on_demand
from ..words import SHIFT, const

_TEXT = const(12)
_DATA = const(13)
_GROUP = const(18)
_ENUM = const(19)


def _pointer(reader, code):
    """Where the pointer of a field stands, or None if it is null."""
    if code >> 5 < reader._n:
        p = (reader._t + reader._d >> 2) + (code >> 5 << 1)
        if not null(reader._m.h, p):
            return p


def is_not_set(reader, at):
    """Whether a field is in a union that holds another."""
    start = reader._type.union_at_
    return at >= start and at != start + 3 * reader._tag()


def has_(reader, name):
    """Whether a field is set: a pointer that is not null, anything else always, but of a union only
    the field that it holds.
    """
    type = reader._type
    at = type.find_(name)
    if is_not_set(reader, at):
        return False
    code = type.table_[at + 1]
    return not _TEXT <= code & 31 < _GROUP or _pointer(reader, code) is not None


def raw_(reader, name):
    """The bytes of a field, a memoryview: of Text (without its NUL) and Data into the message, of a
    number a copy. A Float64 so keeps all its digits on boards whose floats have 32 bits.
    """
    type = reader._type
    at = type.find_(name)
    if is_not_set(reader, at):
        raise on_demand.not_set(reader, name)
    code = type.table_[at + 1]
    extra = type.table_[at + 2]
    kind = code & 31
    if kind == _TEXT or kind == _DATA:
        p = _pointer(reader, code)
        return memoryview(extra or b"") if p is None else blob(reader._m, p, kind == _TEXT)
    if kind > _TEXT and kind != _ENUM or SHIFT[kind] < 3:
        raise TypeError("%s is no number, Text or Data" % name)
    n = 1 << SHIFT[kind] >> 3
    at = reader._t + (code >> 5) * n
    data = bytearray(n)
    if at + n <= reader._t + reader._d:
        data[:] = reader._m.b[at : at + n]
    if isinstance(extra, tuple):
        extra = extra[1]
    for k in range(n):
        if isinstance(extra, bytes):
            data[k] ^= extra[k]
        elif isinstance(extra, int):
            data[k] ^= extra >> 8 * k & 255
    return memoryview(data)
