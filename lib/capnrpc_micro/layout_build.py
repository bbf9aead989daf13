# SPDX-License-Identifier: MIT
"""Layer `layout`: building structs and lists from Python values, and copying them from messages.

Values: a struct is a dict by field names, a tuple of all fields in order, or a StructReader; a
list is a list, tuple, bytes-like or ListReader; a void field takes None; an enum its name or
number; a capability whatever the layers above accept (it goes to the message's `caps`). Fields
that are not given, and None for a pointer, keep their default.

Building raises TypeError, ValueError and AttributeError on values that do not fit, naming the
field, and MessageError on a message beyond a limit. It is left half built, to be rolled back.
"""

from struct import pack_into

from .layout import (
    _BYTES,
    _CODE,
    _FORMAT,
    ListReader,
    StructReader,
    _count,
    _far,
    _follow_list,
    _isinstance,
    _items,
    _len,
    _words,
    capability,
    charge,
    follow,
)
from .message import MessageError
from .words import const

_NUMBERS = (int, bool)  # MicroPython's bool is no int
_BYTES_LIKE = (bytes, bytearray, memoryview)
_LISTS = (list, tuple, ListReader) + _BYTES_LIKE
# The kinds, as in `layout`: private constants cost nothing at run time.
_VOID = const(0)
_BOOL = const(1)
_UINT16 = const(5)
_FLOAT32 = const(10)
_FLOAT64 = const(11)
_TEXT = const(12)
_DATA = const(13)
_LIST = const(14)
_STRUCT = const(15)
_INTERFACE = const(16)
_GROUP = const(18)
_ENUM = const(19)
# Element size codes.
_POINTER = const(6)
_COMPOSITE = const(7)
_MOST_TODO = const(640)  # 64 deep: for each a list and one of its structs, of five numbers each


def new_struct(m, p, data_words, pointers):
    """Allocates a struct and points p at it. Returns its position."""
    t = m.alloc(2 * (data_words + pointers))
    # An empty struct has offset -1: else its pointer would be a null pointer.
    m.i[p] = (t - p - 2) << 1 if data_words or pointers else -4
    h = m.h
    h[2 * p + 2] = data_words
    h[2 * p + 3] = pointers
    return t


def _new_list(m, p, code, count):
    """Allocates a list and points p at it. For composites count is the number of words."""
    if count >= 1 << 28:
        raise ValueError("%d elements are too many for one list" % count)
    t = m.alloc(2 * _words(code, count))
    m.i[p] = (t - p - 2) << 1 | 1
    m.h[2 * p + 2] = (count & 0x1FFF) << 3 | code
    m.h[2 * p + 3] = count >> 13
    return t


def put_capability(m, p, value):
    """Points p at a capability, which is appended to m.caps."""
    index = _len(m.caps)
    m.caps.append(value)
    m.i[p] = 3
    m.h[2 * p + 2] = index
    m.h[2 * p + 3] = 0


def put_blob(m, p, data, nul=0):
    """Points p at a copy of a bytes-like object, followed by `nul` NUL bytes that count."""
    size = _len(data)
    t = _new_list(m, p, 2, size + nul) << 2
    m.b[t : t + size] = data


def _check_type(reader, type):
    if reader._type is not type:
        raise TypeError(
            "a struct %s is expected, not a struct %s"
            % (type.name_ or "of this method", reader._type.name_ or "of another method")
        )


def put_struct(m, p, type, value):
    """Builds a struct from a value and points p at it."""
    if _isinstance(value, StructReader):
        _check_type(value, type)
        copy_struct(m, p, value._m, value._t, value._d, value._n)
    else:
        fill(m, new_struct(m, p, type.data_, type.pointers_), type, value)


def fill(m, t, type, value):
    """Sets the fields of the struct at t from a dict or a tuple.

    TypeError, ValueError and AttributeError name the field.
    """
    table = type.table_
    if _isinstance(value, dict):
        chosen = None
        for name in value:
            at = type.find_(name)
            if at >= type.union_at_:
                if (
                    chosen is not None
                ):  # a dict may have no order, so that neither would be the last
                    raise ValueError("%s and %s are in one union" % (chosen, name))
                chosen = name
            put_field(m, t, type, at, value[name])
        return
    if not _isinstance(value, tuple):
        raise TypeError(
            "%s: a dict or a tuple of all fields is expected, not %s"
            % (type.name_ or "struct", value.__class__.__name__)
        )
    if type.tag_ is not None:
        raise TypeError("%s has a union: give a dict" % (type.name_ or "the struct"))
    if 3 * _len(value) != _len(table):
        raise TypeError(
            "%s has %d fields, not %d"
            % (type.name_ or "the struct", _len(table) // 3, _len(value))
        )
    for k in range(_len(value)):
        put_field(m, t, type, 3 * k, value[k])


def put_field(m, t, type, at, value):
    """Sets the field whose triple is at `at` in the table, and the tag if that is of the union.

    TypeError and ValueError name the field.
    """
    table = type.table_
    try:
        put(m, t, t + 2 * type.data_, table[at + 1], table[at + 2], value)
    except (TypeError, ValueError, OverflowError) as error:
        if _isinstance(error, MessageError):
            raise
        raise (TypeError if _isinstance(error, TypeError) else ValueError)(
            "%s%s: %s" % (type.name_ and type.name_ + ".", table[at], error)
        )
    if at >= type.union_at_:
        m.h[2 * t + type.tag_] = (at - type.union_at_) // 3


def put(m, t, pointers, code, extra, value):
    """Sets one field of the struct at t whose pointers begin at `pointers`."""
    kind = code & 31
    k = code >> 5
    if kind >= _TEXT and kind < _GROUP:
        if value is not None:
            _put_pointer(m, pointers + 2 * k, kind, extra, value)
    elif kind == _GROUP:
        fill(m, t, extra, value)
    elif kind == _VOID:
        if value is not None:
            raise TypeError("a void field takes None")
    else:
        _put_number(m, t, kind, k, extra, value)


def _put_pointer(m, p, kind, extra, value):
    if kind == _DATA:
        _expect(value, _BYTES_LIKE, "bytes")
        put_blob(m, p, value)
    elif kind == _TEXT:
        _expect(value, str, "str")
        put_blob(m, p, value.encode(), 1)
    elif kind == _STRUCT:
        put_struct(m, p, extra[0] if _isinstance(extra, tuple) else extra, value)
    elif kind == _LIST:
        _expect(value, _LISTS, "list")
        _put_list(m, p, extra[0], extra[1], value)
    elif kind == _INTERFACE:
        put_capability(m, p, value)
    else:
        raise TypeError("fields of this kind cannot be set")


def _expect(value, types, name):
    if not _isinstance(value, types):
        raise TypeError("%s is expected, not %s" % (name, value.__class__.__name__))


def _put_list(m, p, kind, extra, value):
    count = _len(value)
    code = _CODE[kind]
    if code == _COMPOSITE:
        size = extra.data_ + extra.pointers_
        t = _new_list(m, p, code, count * size)
        m.h[2 * t] = (count & 0x3FFF) << 2
        m.h[2 * t + 1] = count >> 14
        m.h[2 * t + 2] = extra.data_
        m.h[2 * t + 3] = extra.pointers_
        t += 2
        for item in value:
            if _isinstance(item, StructReader):
                _check_type(item, extra)
                _copy_into(m, t, extra, item)
            else:
                fill(m, t, extra, item)
            t += 2 * size
        return
    t = _new_list(m, p, code, count)
    if kind != _ENUM and code != _POINTER:
        extra = None
    for k in range(count):
        put(m, t, t, kind | k << 5, extra, value[k])


def _put_number(m, t, kind, k, extra, value):
    if kind == _ENUM:
        kind = _UINT16
        names = extra
        extra = None
        if _isinstance(names, tuple):
            names, extra = names
        if _isinstance(value, str):
            if value not in names.names_:
                raise ValueError(
                    "%s has no value %s; it has %s" % (names.name_, value, ", ".join(names.names_))
                )
            value = names.names_.index(value)
    if kind == _FLOAT32 or kind == _FLOAT64:
        _expect(value, (float,) + _NUMBERS, "float")
    else:
        _expect(value, _NUMBERS, "bool" if kind == _BOOL else "int")
        signed = 1 - (kind & 1)  # the kinds INT8 to INT64 are even
        rest = value >> (1 if kind == _BOOL else 8 * _BYTES[_CODE[kind]] - signed)
        if rest and not (signed and rest == -1):
            raise ValueError("%d is out of range" % value)
    b = m.b
    if kind == _BOOL:
        t = 4 * t + (k >> 3)
        bit = 1 << (k & 7)
        b[t] = b[t] & 255 - bit if (not value) == (not extra) else b[t] | bit
        return
    size = _BYTES[_CODE[kind]]
    t = 4 * t + k * size
    pack_into(_FORMAT[kind], b, t, value)
    if extra:
        for k in range(size):
            b[t + k] ^= extra[k] if _isinstance(extra, bytes) else extra >> 8 * k & 255


def copy_struct(m, p, source, t, d, n):
    """Points p of the message being built at a deep copy of a struct of another message.

    t, d, n are its position, 32-bit words of data and number of pointers. Fields that our schema
    does not know are copied as well; capabilities are appended to m.caps.
    """
    new = new_struct(m, p, d >> 1, n)
    _copy_words(m, new, source, t, d)
    _copy_pointers(m, source, [new + d, t + d, n, 2, 0])


def _copy_into(m, t, type, reader):
    """Copies a struct over a list element, whose size is fixed."""
    source = reader._m
    _copy_words(m, t, source, reader._t, min(reader._d, 2 * type.data_))
    n = min(reader._n, type.pointers_)
    t += 2 * type.data_
    _copy_pointers(m, source, [t, reader._t + reader._d, n, 2, 0])


def copy_pointer(m, p, source, q):
    """Points p at a deep copy of what pointer q of the message `source` points to."""
    _copy_pointers(m, source, [p, q, 1, 2, 0])


def _copy_words(m, new, source, t, size):
    m.b[4 * new : 4 * (new + size)] = source.b[4 * t : 4 * (t + size)]


def _copy_pointers(m, source, todo):
    """Copies what pointers lead to, walking a list instead of calling itself: stacks are small.

    todo has fives p, q, count, step, n: `count` sections to be copied from q to p, `step` apart,
    each one pointer (n is 0) or a struct's n pointers. It grows with the nesting only, which is
    limited. What shared and circular pointers can blow up to is bounded by the source's traversal
    limit.
    """
    while todo:
        n = todo.pop()
        step = todo.pop()
        count = todo.pop()
        q = todo.pop()
        p = todo.pop()
        if count > 1:
            if _len(todo) > _MOST_TODO:
                raise MessageError("message is nested deeper than the limit")
            todo.extend((p + step, q + step, count - 1, step, n))
        if count and n:
            todo.extend((p, q, n, 2, 0))
        elif count:
            _copy_object(m, p, source, q, todo)


def _copy_object(m, p, source, q, todo):
    h = source.h
    kind = h[2 * q] & 3
    if not (h[2 * q] or h[2 * q + 1] or h[2 * q + 2] or h[2 * q + 3]):
        return
    if kind == 2:
        try:
            kind = h[2 * _far(source, q)[0]] & 3
        except OverflowError:
            raise MessageError("pointer outside the message")
    if kind == 0:
        tag, t = follow(source, q)
        d = h[2 * tag + 2]
        n = h[2 * tag + 3]
        charge(source, 1 + d + n)
        new = new_struct(m, p, d, n)
        d += d
        _copy_words(m, new, source, t, d)
        todo.extend((new + d, t + d, n, 2, 0))
    elif kind == 1:
        _copy_list(m, p, source, q, todo)
    elif kind == 3:
        hook = capability(source, q)
        if hook is not None:  # an entry of the table may stand for no capability
            put_capability(m, p, hook)
    else:
        raise MessageError("far pointer to a far pointer")


def _copy_list(m, p, source, q, todo):
    h = source.h
    tag, t = _follow_list(source, q)
    code = h[2 * tag + 2] & 7
    count = _count(h, tag)
    if code != _COMPOSITE:
        new = _new_list(m, p, code, count)
        _copy_words(m, new, source, t, 2 * _words(code, count))
        if code == _POINTER:
            todo.extend((new, t, count, 2, 0))
        return
    items = _items(source, t, count)
    d = h[2 * t + 2]
    n = h[2 * t + 3]
    size = d + n
    new = _new_list(m, p, code, items * size)
    _copy_words(m, new, source, t, 2 * (1 + items * size))
    if n:
        d += d + 2
        todo.extend((new + d, t + d, items, 2 * size, n))
