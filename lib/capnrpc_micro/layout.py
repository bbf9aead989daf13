# SPDX-License-Identifier: MIT
"""Layer `layout`: pointers, and readers of structs and lists driven by field tables.

Nothing is copied or checked before it is asked for, and every pointer is checked when it is
followed: bounds of its segment, nesting, and a count of the words followed (a limit on
amplification).

Reading a message, whatever its bytes, raises nothing but
    MessageError    what is read is malformed, beyond a limit, or Text that is not UTF-8
    OverflowError   a number is too big for an interpreter without big integers
    AttributeError  the field is in a union that holds another, or is not in the schema
    IndexError      the list has no such element

A field table is a flat tuple of triples (name, code, extra), as the schema compiler writes it:
code = kind | offset << 5, with the offset in multiples of the field's own size (bits for Bool,
pointers for pointers); extra is the default or the type, see `schema`.

Encoding: https://capnproto.org/encoding.html
"""

import struct

from .message import Message, MessageError
from .words import const, new_views

VOID = const(0)
BOOL = const(1)
INT8 = const(2)
UINT8 = const(3)
INT16 = const(4)
UINT16 = const(5)
INT32 = const(6)
UINT32 = const(7)
INT64 = const(8)
UINT64 = const(9)
FLOAT32 = const(10)
FLOAT64 = const(11)
TEXT = const(12)
DATA = const(13)
LIST = const(14)
STRUCT = const(15)
INTERFACE = const(16)
ANYPOINTER = const(17)
GROUP = const(18)
ENUM = const(19)

# Element size codes of list pointers.
_BIT = const(1)
_BYTE = const(2)
_POINTER = const(6)
_COMPOSITE = const(7)

# By element size code: a word has 1 << shift elements; bytes of one. Not for void and composite.
_SHIFT = b"\0\6\3\2\1\0\0\0"
_BYTES = b"\0\0\1\2\4\x08\x08\0"
# Element size code by kind.
_CODE = b"\0\1\2\2\3\3\4\4\5\5\4\5\6\6\6\7\6\6\0\3"
# Format of `struct` by kind. Fields are aligned, so that the native format is the right one.
_FORMAT = "  bBhHiIqQfd"

# MicroPython finds a module's names ten times as fast as built-in ones.
_len = len
_bytes = bytes
_str = str
_isinstance = isinstance
_unpack_from = struct.unpack_from

# It also keeps the names and temporaries of a function on the C stack only up to 11 words, and
# else searches the heap for room at each call. So what is called often has few names here.


def _far(m, p):
    """(tag, content, lo, hi) of the far pointer at p. Raises MessageError, OverflowError."""
    i = m.i
    h = m.h
    v = i[p]
    lo, hi = m.segment(h[2 * p + 3] << 16 | h[2 * p + 2])
    tag = lo + 2 * (v >> 3)
    if v < 0 or tag + (4 if v & 4 else 2) > hi:
        raise MessageError("far pointer outside its segment")
    if not v & 4:
        return tag, tag + 2 + 2 * (i[tag] >> 2), lo, hi
    v = i[tag]
    if v & 7 != 2 or v < 0:
        raise MessageError("landing pad of a double-far pointer is not a far pointer")
    lo, hi = m.segment(h[2 * tag + 3] << 16 | h[2 * tag + 2])
    return tag + 2, lo + 2 * (v >> 3), lo, hi


def _locate(m, p, kind):
    """(tag, content, lo, hi) of an object by the pointer at p, whatever segments they are in.

    Raises MessageError, OverflowError.
    """
    if m.h[2 * p] & 3 == 2:
        tag, t, lo, hi = _far(m, p)
    else:
        tag = p
        t = p + 2 + 2 * (m.i[p] >> 2)
        lo, hi = m.segment_of(p) if m.segments else (m.lo, m.hi)
    if m.h[2 * tag] & 3 != kind:
        raise MessageError(
            "pointer to something else where a %s is expected" % ("list" if kind else "struct")
        )
    return tag, t, lo, hi


def _locate_struct(m, p):
    tag, t, lo, hi = _locate(m, p, 0)
    if t < lo or t + 2 * (m.h[2 * tag + 2] + m.h[2 * tag + 3]) > hi:
        raise MessageError("struct pointer outside the message")
    return tag, t


def follow(m, p):
    """(tag, content): where the sizes and where the content of the struct at pointer p stand.

    Its data words are h[2 * tag + 2], its pointers h[2 * tag + 3]: both 0 for a null pointer.
    Raises MessageError.
    """
    try:
        if m.i[p] & 3 or m.segments is not None:
            return _locate_struct(m, p)
        return _near_struct(m, p, p + 2 + (m.i[p] >> 1))
    except OverflowError:
        raise MessageError("pointer outside the message")


def _near_struct(m, p, t):
    if t < m.lo or m.h[2 * p + 2] + m.h[2 * p + 3] > (m.hi - t) >> 1:
        raise MessageError("struct pointer outside the message")
    return p, t


def _follow_list(m, p):
    """(tag, content) of the list at pointer p, charged for, or None if p is null.

    Its element size code is h[2 * tag + 2] & 7; for the count see _count().
    """
    try:
        if m.i[p] & 3 != 1 or m.segments is not None:
            if not m.i[p] and not m.h[2 * p + 2] and not m.h[2 * p + 3]:
                return None
            return _locate_list(m, p)
        return _near_list(m, p, p + 2 + (m.i[p] >> 2 << 1))
    except OverflowError:
        raise MessageError("pointer outside the message")


def _near_list(m, p, t):
    if t < m.lo:
        raise MessageError("list pointer outside the message")
    _check_list(m, p, (m.hi - t) >> 1)
    return p, t


def _locate_list(m, p):
    tag, t, lo, hi = _locate(m, p, 1)
    if t < lo:
        raise MessageError("list pointer outside the message")
    _check_list(m, tag, (hi - t) >> 1)
    return tag, t


def _check_list(m, tag, room):
    """Checks that the list whose sizes stand at tag fits `room` words, and charges for it."""
    code = m.h[2 * tag + 2] & 7
    count = _count(m.h, tag)
    words = _words(code, count)
    if words > room:
        raise MessageError("list pointer outside the message")
    charge(
        m, words or count
    )  # elements of no size cost their count: else 8 bytes buy 2**29 of them


def _count(h, tag):
    """How many elements (composite: words) the list has whose sizes stand at tag."""
    return h[2 * tag + 3] << 13 | h[2 * tag + 2] >> 3


def _words(code, count):
    """Words that a list takes."""
    if code == _COMPOSITE:
        return count + 1
    shift = _SHIFT[code]
    return (count + (1 << shift) - 1) >> shift if code else 0


def _items(m, t, words):
    """How many structs the composite list has whose tag word is at t. Charges those of no size."""
    h = m.h
    t += t
    if h[t] & 3 or h[t + 1] > 0x7FFF:
        raise MessageError("list of structs without a valid tag")
    count = h[t + 1] << 14 | h[t] >> 2
    size = h[t + 2] + h[t + 3]
    if not size:
        charge(m, count)
    elif count > words // size:
        raise MessageError("list of structs outside its bounds")
    return count


def charge(m, words):
    """Counts words that are followed against the traversal limit of message m."""
    if words > m.left:
        raise MessageError("message asks to follow more words than the traversal limit allows")
    m.left -= words


def blob(m, p, text):
    """The bytes of the Data (Text: without its NUL) at pointer p, a memoryview; None if null."""
    found = _follow_list(m, p)
    if found is None:
        return None
    tag, start = found
    if m.h[2 * tag + 2] & 7 != _BYTE:
        raise MessageError("list of other elements where Text or Data is expected")
    start <<= 2
    end = start + _count(m.h, tag)
    if text:
        end -= 1
        if end < start or m.b[end]:
            raise MessageError("Text without a NUL at its end")
    return m.b[start:end]


def _text(data):
    try:
        return _str(data, "utf-8")
    except UnicodeError:
        raise MessageError("Text that is not UTF-8")


def capability(m, p):
    """The capability at pointer p, an element of m.caps; None if null. Raises MessageError."""
    h = m.h
    p += p
    if not (h[p] or h[p + 1] or h[p + 2] or h[p + 3]):
        return None
    if h[p] != 3 or h[p + 1]:
        raise MessageError("pointer to something else where a capability is expected")
    if h[p + 3] or not m.caps or h[p + 2] >= _len(m.caps):
        raise MessageError(
            "capability that the capability table has not, or has no more: it may be released"
        )
    return m.caps[h[p + 2]]


def _nest(left):
    if not left:
        raise MessageError("message is nested deeper than the limit")
    return left - 1


def _default_message(data):
    """A constant single-segment message (a pointer's default value) as a Message."""
    views = new_views(_len(data))
    views[2][:] = data
    return Message(views, 0, _len(data) >> 2, None, 1 << 28)


def struct_at(m, p, left, type, default=None):
    """StructReader of the struct at pointer p; of the default (or of an empty struct) if null."""
    tag, t = follow(m, p)
    h = m.h
    d = h[2 * tag + 2]
    n = h[2 * tag + 3]
    if d or n:
        charge(m, d + n)
    elif default is not None and not m.i[p]:
        return struct_at(_default_message(default), 0, left, type)
    return StructReader(m, t, d + d, n, _nest(left), type)


def list_at(m, p, left, kind, extra, default=None):
    """ListReader of the list at pointer p; of the default (or of an empty list) if null."""
    found = _follow_list(m, p)
    if found is None:
        if default is not None:
            return list_at(_default_message(default), 0, left, kind, extra)
        return ListReader(m, 0, 0, 0, 0, 0, left, kind, extra)
    tag, t = found
    h = m.h
    code = h[2 * tag + 2] & 7
    count = _count(h, tag)
    d = n = 0
    want = _CODE[kind]
    if code == _COMPOSITE:
        count = _items(m, t, count)
        d = 2 * h[2 * t + 2]
        n = h[2 * t + 3]
        t += 2
        if want == _POINTER:
            t += d  # the first pointer of each struct is read
            bad = not n
        else:
            bad = want == _BIT or _BIT < want < _POINTER and not d
    elif code == _POINTER:  # like structs of one pointer
        n = 1
        bad = want < _POINTER
    elif want == _COMPOSITE:
        bad = code == _BIT or not _whole_fields(extra, _BYTES[code])
    elif want == _BIT or want == _POINTER:
        bad = code != want
    else:  # wider numbers are read from their low bytes
        bad = code < want
    if bad:
        raise MessageError("list of other elements than expected")
    return ListReader(m, t, count, code, d, n, _nest(left), kind, extra)


def _whole_fields(type, size):
    """Whether numbers of this many bytes can be read as structs: no field may have a part of one.

    Not if no type is given: then the caller reads words itself.
    """
    if type is None or size == 1 and type.tag_ == 0:
        return False
    table = type.table_
    for at in range(1, _len(table), 3):
        kind = table[at] & 31
        if kind == GROUP:
            if not _whole_fields(table[at + 1], size):
                return False
        elif (kind < TEXT or kind == ENUM) and not table[at] >> 5:
            if 0 < size < _BYTES[_CODE[kind]]:
                return False
    return True


def scalar(m, t, d, code, extra):
    """The value of one field that is not a pointer or a group; see read()."""
    kind = code & 31
    code >>= 5  # the offset; from here on the value
    if kind == INT32:
        code = m.i[t + code] if code < d else 0
    elif kind == UINT16 or kind == INT16 or kind == ENUM:
        code = m.h[2 * t + code] if code < d + d else 0
        if kind == ENUM:
            return _enumerant(code, extra)
        if kind == INT16 and code > 32767:
            code -= 65536
    elif kind == BOOL:
        code = m.b[4 * t + (code >> 3)] >> (code & 7) & 1 if code >> 5 < d else 0
        return (not code) != (not extra)
    elif kind == UINT8 or kind == INT8:
        code = m.b[4 * t + code] if code < 4 * d else 0
        if kind == INT8 and code > 127:
            code -= 256
    elif kind == UINT32:
        t += code
        code = m.h[2 * t + 1] << 16 | m.h[2 * t] if code < d else 0
    elif kind == INT64 or kind == UINT64:
        code += code
        t = 4 * (t + code)
        code = _unpack_from(_FORMAT[kind], m.b, t)[0] if code < d else 0
    elif kind == VOID:
        return None
    else:
        if kind == FLOAT64:
            code += code
        return _float(m.b, t + code if code < d else -1, kind, extra)
    if extra is None:
        return code
    if _isinstance(extra, _bytes):  # a default that has more than 31 bits
        extra = _unpack_from(_FORMAT[kind], extra, 0)[0]
    return code ^ extra


def _float(b, at, kind, extra):
    """The float at position `at`; 0 if that is negative."""
    if at < 0:
        if extra is None:
            return 0.0
        b = extra
        at = 0
    elif extra is not None:
        at <<= 2
        b = _bytes([b[at + j] ^ extra[j] for j in range(_len(extra))])
        at = 0
    at <<= 2
    value = _unpack_from(_FORMAT[kind], b, at)[0]
    if kind == FLOAT64 and value * 0 != 0 and b[at + 6] >= 0xF0 and b[at + 7] & 0x7F == 0x7F:
        # An RP2040 makes an infinity of a NaN of 64 bits.
        if b[at + 6] != 0xF0 or any(b[at : at + 6]):
            return value - value
    return value


def _enumerant(v, extra):
    if _isinstance(extra, tuple):
        extra, default = extra
        v ^= default
    return extra.names_[v] if v < _len(extra.names_) else v


def read(m, t, d, n, left, code, extra):
    """The value of one field.

    m, t, d, n   message, position of the struct, its 32-bit words of data, its number of pointers
    left         how much deeper pointers may nest
    code, extra  from the field table
    Fields beyond the struct's end have their default.
    """
    kind = code & 31
    if kind == INT32 and extra is None:
        code >>= 5
        return m.i[t + code] if code < d else 0
    if kind < TEXT or kind > GROUP:
        return scalar(m, t, d, code, extra)
    if kind == GROUP:
        return StructReader(m, t, d, n, left, extra)
    code >>= 5
    if code < n:
        p = t + d + code + code
    else:
        m = _NULL
        p = 0
    if kind == TEXT:
        v = blob(m, p, True)
        return _text(v if v is not None else extra or b"")
    if kind == DATA:
        v = blob(m, p, False)
        return _bytes(v) if v is not None else extra or b""
    if kind == STRUCT:
        if _isinstance(extra, tuple):
            return struct_at(m, p, left, *extra)
        return struct_at(m, p, left, extra)
    if kind == LIST:
        return list_at(m, p, left, *extra)
    v = capability(m, p)
    return v and v.as_(extra)


class StructReader:
    """A struct in a message. Fields are attributes with their schema names.

    Reading a field of a union that is not the one set raises AttributeError; `which_()` tells.
    """

    def __init__(self, m, t, d, n, left, type):
        self._m = m
        self._t = t
        self._d = d
        self._n = n
        self._left = left
        self._type = type

    def __getattr__(self, name):
        type = self._type
        at = type.index_
        at = at[name] if name in at else type.find_(name)
        if at >= type.union_at_ and at != type.union_at_ + 3 * self._tag():
            raise AttributeError(
                "%s: %s is asked for, but the union holds %s" % (type.name_, name, self.which_())
            )
        type = type.table_
        name = type[at + 1]
        type = type[at + 2]
        at = name & 31
        if at == INT32 and type is None:
            name >>= 5
            return self._m.i[self._t + name] if name < self._d else 0
        if at < TEXT or at > GROUP:
            return scalar(self._m, self._t, self._d, name, type)
        return self._read(name, type)

    def _read(self, code, extra):
        return read(self._m, self._t, self._d, self._n, self._left, code, extra)

    def _tag(self):
        tag = self._type.tag_
        return self._m.h[2 * self._t + tag] if tag < 2 * self._d else 0

    def which_(self):
        """The name of the union's field that is set; its number if our schema does not know it."""
        type = self._type
        if type.tag_ is None:
            raise TypeError("%s has no union" % type.name_)
        at = type.union_at_ + 3 * self._tag()
        return type.table_[at] if at < _len(type.table_) else self._tag()


class ListReader:
    """A list in a message: len(), index and iteration."""

    def __init__(self, m, t, count, code, d, n, left, kind, extra):
        self._m = m
        self._t = t
        self._count = count
        self._code = code  # element size code on the wire
        self._d = d  # of composite elements
        self._n = n
        self._left = left
        self._kind = kind  # of the elements, by our schema
        self._extra = extra

    def __len__(self):
        return self._count

    def __iter__(self):
        for k in range(self._count):
            yield self[k]

    def __getitem__(self, k):
        if k < 0:
            k += self._count
        if not 0 <= k < self._count:
            raise IndexError("list index out of range")
        m = self._m
        t = self._t
        kind = self._kind
        code = self._code
        if code >= _POINTER:
            t += k * (self._d + 2 * self._n)
            if kind == STRUCT:
                return StructReader(m, t, self._d, self._n, self._left, self._extra)
            if _CODE[kind] == _POINTER:
                return read(m, t, 0, 1, self._left, kind, self._extra)
            return scalar(m, t, self._d, kind, self._extra)
        if kind == STRUCT:
            return self._upgraded(k)
        if kind == VOID:
            return None
        if code == _BIT:
            return m.b[4 * t + (k >> 3)] >> (k & 7) & 1 == 1
        k *= _BYTES[code]
        kind |= (k & 3) // _BYTES[_CODE[kind]] << 5
        return scalar(m, t + (k >> 2), 2, kind, self._extra)

    def _upgraded(self, k):
        """Element k of a list of numbers as the first field of a struct."""
        size = _BYTES[self._code]
        views = new_views(8)
        at = 4 * self._t + k * size
        views[2][:size] = self._m.b[at : at + size]
        return StructReader(Message(views, 0, 2, None, 0), 0, 2, 0, self._left, self._extra)


_NULL = _default_message(bytes(8))
