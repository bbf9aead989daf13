# SPDX-License-Identifier: MIT
"""Layer `layout`: building lists. Loaded on demand."""

from ..layout import CODE, ListReader, fill, new_list, on_demand, put_pointer, put_scalar
from ..words import const

_TEXT = const(12)
_STRUCT = const(15)
_ENUM = const(19)
_COMPOSITE = const(7)  # element size code

_LISTS = (list, tuple, ListReader, bytes, bytearray, memoryview)


def new_struct_list(m, p, type, count):
    """Allocates a list of structs and points p at it. Returns the first one's position."""
    size = type.data_ + type.pointers_
    t = new_list(m, p, _COMPOSITE, count * size)
    m.i[t] = count << 2
    m.h[2 * t + 2] = type.data_
    m.h[2 * t + 3] = type.pointers_
    return t + 2


def put_list(m, p, of, value):
    """Builds a list of elements of a type, `of`, and points p at it. Returns whether the value is
    refused.
    """
    if not isinstance(value, _LISTS):
        return True
    kind = of[0]
    extra = of[1]
    if value.__class__ is ListReader and value._kind == kind and value._extra == extra:
        on_demand.copy_pointer(m, p, value._m, value._p)
        return False
    # The pointer is set last: a list may be made of parts of what it replaces.
    before = bytes(m.b[4 * p : 4 * p + 8])
    if kind == _STRUCT:
        t = new_struct_list(m, p, extra, len(value))
    else:
        t = new_list(m, p, CODE[kind], len(value))
    after = bytes(m.b[4 * p : 4 * p + 8])
    m.b[4 * p : 4 * p + 8] = before
    k = 0
    for item in value:
        if kind == _STRUCT:
            start = t + 2 * k * (extra.data_ + extra.pointers_)
            bad = fill(m, start, start + 2 * extra.data_, extra, item)
        else:
            bad = put_element(m, t, k, kind, extra, item)
        if bad:
            return True
        k += 1
    m.b[4 * p : 4 * p + 8] = after
    return False


def put_element(m, t, k, kind, extra, value):
    """Sets element k of the list at t, not of structs. Returns whether the value is refused."""
    if kind < _TEXT or kind == _ENUM:
        return put_scalar(m, t << 2, kind | k << 5, extra, value)
    return put_pointer(m, t + 2 * k, kind, extra, value)
