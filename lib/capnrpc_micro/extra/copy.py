# SPDX-License-Identifier: MIT
"""Layer `layout`: deep copies from one message into another that is being built. Loaded on demand.

What our schema does not know is copied as well. Capabilities are appended to the new message's
`caps`. What shared and circular pointers can blow up to is bounded by the source's traversal limit.
"""

from ..layout import (
    ListReader,
    StructReader,
    capability,
    charge,
    follow,
    items,
    new_list,
    new_struct,
    null,
    put_blob,
    put_capability,
    words,
)
from ..message import Message, MessageError
from ..words import const, views
from .any import AnyReader
from .far import kind_of

_LIST = const(14)
_STRUCT = const(15)
# Element size codes.
_POINTER = const(6)
_COMPOSITE = const(7)
_MOST_WAITING = const(640)  # 64 deep: for each a list and one of its structs, of five numbers each


def copy_pointer(m, p, source, q):
    """Points p at a deep copy of what pointer q of the message `source` points to."""
    if null(source.h, q):
        m.i[p] = m.i[p + 1] = 0
        return
    _copy(m, _apart(m, source), [p, q, 1, 2, 0])


def _apart(m, source):
    """The source; a copy of it if it is the message being built: else what is copied would grow."""
    if source is not m:
        return source
    same = Message(views(bytearray(m.b)), m.lo, m.hi, None, 1 << 28)
    same.caps = m.caps
    return same


def copy_typed(m, p, type, reader):
    """Points p at a copy of a struct of a type, with room for all of its fields. Returns whether it
    is refused, being of another.
    """
    if reader._type is not type:
        return True
    copy_struct(m, p, reader, type.data_, type.pointers_)


def copy_struct(m, p, reader, data=0, pointers=0):
    """Points p at a copy of a struct, with room for at least that many words and pointers."""
    d = max(reader._d + 7 >> 3, data)
    pointers = max(reader._n, pointers)
    source = _apart(m, reader._m)
    t = new_struct(m, p, d, pointers)
    _copy_into(m, t, t + 2 * d, pointers, reader, source)


def copy_into(m, t, p, pointers, reader):
    """Copies what fits of a struct over one at t, whose pointers begin at p."""
    _copy_into(m, t, p, pointers, reader, _apart(m, reader._m))


def _copy_into(m, t, p, pointers, reader, source):
    size = min(reader._d, (p - t) << 2)
    m.b[4 * t : 4 * t + size] = source.b[reader._t : reader._t + size]
    n = min(reader._n, pointers)
    _copy(m, source, [p, reader._t + reader._d >> 2, n, 2, 0])


def _words(m, new, source, t, size):
    m.b[4 * new : 4 * (new + size)] = source.b[4 * t : 4 * (t + size)]


def _copy(m, source, todo):
    """Copies what pointers lead to, walking a list instead of calling itself: stacks are small.

    todo has fives p, q, count, step, n: `count` sections to be copied from q to p, `step` apart,
    each one pointer (n is 0) or a struct's n pointers. It grows with the nesting only, which is
    limited.
    """
    while todo:
        n = todo.pop()
        step = todo.pop()
        left = todo.pop()
        q = todo.pop()
        p = todo.pop()
        if left > 1:
            if len(todo) > _MOST_WAITING:
                raise MessageError("nesting limit exceeded")
            todo.extend((p + step, q + step, left - 1, step, n))
        if left and n:
            todo.extend((p, q, n, 2, 0))
        elif left and not null(source.h, q):
            _copy_object(m, p, source, q, todo)


def _copy_object(m, p, source, q, todo):
    h = source.h
    kind = h[2 * q] & 3
    if kind == 2:
        kind = kind_of(source, q)
    if kind == 3:
        hook = capability(source, q)
        m.i[p] = m.i[p + 1] = 0
        if hook is not None:  # an entry of the table may stand for no capability
            put_capability(m, p, hook)
        return
    tag, t = follow(source, q, kind)
    d = h[2 * tag + 2]
    n = h[2 * tag + 3]
    left = 1
    if kind:
        left = n << 13 | d >> 3
        code = d & 7
        n = words(code, left)
        charge(source, n or left)
        if code != _COMPOSITE:
            new = new_list(m, p, code, left)
            _words(m, new, source, t, 2 * n)
            if code == _POINTER:
                todo.extend((new, t, left, 2, 0))
            return
        left = items(source, t, left)
        d = h[2 * t + 2]
        n = h[2 * t + 3]
        if not d and not n:
            charge(source, left)
        new = new_list(m, p, code, left * (d + n)) + 2
        _words(m, new - 2, source, t, 2)
        t += 2
    else:
        charge(source, 1 + d + n)
        new = new_struct(m, p, d, n)
    _words(m, new, source, t, 2 * left * (d + n))
    if n:
        todo.extend((new + 2 * d, t + 2 * d, left, 2 * (d + n), n))


def put_any(m, p, extra, value):
    """Points p, an AnyPointer, at a copy of a value. Returns whether it is refused.

    extra is None, or the kind that is asked for: STRUCT for AnyStruct, LIST for AnyList.
    """
    met = None
    if isinstance(value, StructReader):
        met = _STRUCT
    elif isinstance(value, (str, bytes, bytearray, memoryview, ListReader)):
        met = _LIST
    elif isinstance(value, AnyReader):
        met = (_STRUCT, _LIST, None, None)[kind_of(value._m, value._p)]
    elif not hasattr(value, "cast_as"):
        return True
    if extra and extra != met:
        return True
    if isinstance(value, (ListReader, AnyReader)):
        copy_pointer(m, p, value._m, value._p)
    elif isinstance(value, str):
        put_blob(m, p, value.encode(), 1)
    elif met == _STRUCT:
        copy_struct(m, p, value)
    elif met:
        put_blob(m, p, value)
    else:
        put_capability(m, p, value)
    return False
