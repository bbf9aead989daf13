# SPDX-License-Identifier: MIT
"""Layer `layout`: structs and lists in messages, driven by field tables: read, and built from values.

Nothing is copied or checked before it is asked for, and every pointer is checked when it is
followed: bounds of its segment, nesting, and a count of the words followed (a limit on
amplification). Reading a message, whatever its bytes, raises nothing but
    MessageError    what is read is malformed, beyond a limit, or Text that is not UTF-8
    OverflowError   a number is too big for an interpreter without big integers
    AttributeError  the field is in a union that holds another, or is not in the schema
    IndexError      the list has no such element

A field table is a flat tuple of triples (name, code, extra), as the schema compiler writes it:
code = kind | offset << 5, with the offset in multiples of the field's own size (bits for Bool,
pointers for pointers); extra is the default or the type, see `schema`.

Pointers stand at positions in 32-bit words (`p`); structs and elements of lists in bytes (`t`),
because a list of numbers may be read as one of structs. `d` bytes of data and `n` pointers follow.

Values to build from: a struct is a dict by field names, a tuple of all fields in order, or a
StructReader; a list is a list, tuple, bytes-like or ListReader; a void field takes None; an enum its
name or number; a float also its bytes; a capability whatever the layers above accept (it goes to the
message's `caps`); AnyPointer a str, bytes-like, reader or capability. Fields that are not given, and
None for a pointer, keep their default. Building raises TypeError, ValueError and AttributeError on
values that do not fit, naming the field, and MessageError on a message beyond a limit. It is left
half built, to be rolled back.
"""

from struct import pack_into, unpack_from

from .message import Message, MessageError
from .words import FORMAT, SHIFT, const, new_views, view

# The kinds. Other modules repeat those they need: private constants cost nothing at run time.
_VOID = const(0)
_BOOL = const(1)
_INT8 = const(2)
_UINT8 = const(3)
_INT16 = const(4)
_UINT16 = const(5)
_INT32 = const(6)
_UINT32 = const(7)
_INT64 = const(8)
_UINT64 = const(9)
_FLOAT32 = const(10)
_FLOAT64 = const(11)
_TEXT = const(12)
_DATA = const(13)
_LIST = const(14)
_STRUCT = const(15)
_INTERFACE = const(16)
_ANYPOINTER = const(17)
_GROUP = const(18)
_ENUM = const(19)

# Element size codes of list pointers.
_BIT = const(1)
_BYTE = const(2)
_POINTER = const(6)
_COMPOSITE = const(7)

# By kind: how far an integer is shifted until only its sign is left.
_BITS = b"\0\1\7\x08\x0f\x10\x1f\x20\x3f\x40"

# By element size code: the binary logarithm of how many elements a word has; bytes of one. The code
# by kind.
_PER_WORD = b"\0\6\3\2\1\0\0"
_BYTES = b"\0\0\1\2\4\x08\0"
CODE = b"\0\1\2\2\3\3\4\4\5\5\4\5\6\6\6\7\6\6\0\3"

_TOO_DEEP = "nesting limit exceeded"

_INTEGERS = (int, bool)  # MicroPython's bool is no int
_NUMBERS = (int, bool, float)
_BYTES_LIKE = (bytes, bytearray, memoryview)

# MicroPython finds a module's names ten times as fast as built-in ones.
_len = len
_bytes = bytes
_str = str
_tuple = tuple
_isinstance = isinstance

# It also keeps the names and temporaries of a function on the C stack only up to 11 words, and
# else searches the heap for room at each call. So what is called often has few names here.


class _OnDemand:
    """What few messages need: its attributes are loaded when they are first used, see `extra`."""

    def __getattr__(self, name):
        from .extra import load

        value = load(name)
        setattr(self, name, value)
        return value


on_demand = _OnDemand()


def null(h, p):
    """Whether the pointer at p is null."""
    p += p
    return not (h[p] or h[p + 1] or h[p + 2] or h[p + 3])


def follow(m, p, kind=0):
    """(tag, content): where the sizes and where the content of the struct at pointer p stand.

    Its data words are h[2 * tag + 2], its pointers h[2 * tag + 3]: both 0 for a null pointer. With
    kind 1 the same for a list that is not null: its element size code is h[2 * tag + 2] & 7, for
    the count see `list_at`. Both in words of 32 bits. Raises MessageError.
    """
    # What makes no small integer of a board in m.i is far beyond any message.
    if m.segments is None and m.h[p + p] & 3 == kind and not m.h[p + p + 1] + 0x4000 & 0x8000:
        return inside(m, p, p + 2 + (m.i[p] >> 2 << 1), m.lo, m.hi)
    return on_demand.locate(m, p, kind)


def inside(m, tag, t, lo, hi):
    """(tag, t), after checking that what the sizes at tag say lies within lo and hi."""
    m = m.h
    hi -= t
    hi >>= 1
    if t >= lo:
        lo = m[2 * tag + 3]
        if m[2 * tag] & 3:
            lo = words(m[2 * tag + 2] & 7, lo << 13 | m[2 * tag + 2] >> 3)
        else:
            lo += m[2 * tag + 2]
        if lo <= hi:
            return tag, t
    raise MessageError("pointer out of bounds")


def words(code, count):
    """Words that a list takes."""
    if code == _COMPOSITE:
        return count + 1
    shift = _PER_WORD[code]
    return (count + (1 << shift) - 1) >> shift if code else 0


def items(m, t, words):
    """How many structs the composite list has whose tag word is at t. Raises MessageError."""
    h = m.h
    t += t
    count = h[t + 1] << 14 | h[t] >> 2
    size = h[t + 2] + h[t + 3]
    if h[t] & 3 or h[t + 1] > 0x7FFF or size and count > words // size:
        raise MessageError("bad list of structs")
    return count


def charge(m, words):
    """Counts words that are followed against the traversal limit of message m."""
    if words > m.left:
        raise MessageError("traversal limit exceeded")
    m.left -= words


def blob(m, p, text):
    """The bytes of the Data (Text: without its NUL) at pointer p, a memoryview; None if null."""
    h = m.h
    if not h[p + p] & 3 and null(h, p):
        return None
    p, start = follow(m, p, 1)
    if h[2 * p + 2] & 7 != _BYTE:
        raise MessageError("list of other elements")
    start <<= 2
    p = h[2 * p + 3] << 13 | h[2 * p + 2] >> 3
    charge(m, p + 7 >> 3)
    p += start
    if text:
        p -= 1
        if p < start or m.b[p]:
            raise MessageError("Text lacks NUL")
    return m.b[start:p]


def capability(m, p):
    """The capability at pointer p, an element of m.caps; None if null. Raises MessageError."""
    h = m.h
    if null(h, p):
        return None
    p += p
    if h[p] != 3 or h[p + 1]:
        raise MessageError("not a capability")
    if h[p + 3] or not m.caps or h[p + 2] >= _len(m.caps):
        raise MessageError("no such capability, or released")
    return m.caps[h[p + 2]]


def segment(data):
    """A message of one segment, given as bytes; all of it may be read."""
    v = new_views(_len(data))
    v[3][:] = data
    return Message(v, 0, _len(data) >> 2, None, 1 << 28)


def new_struct(m, p, data_words, pointers):
    """Allocates a struct and points p at it. Returns its position."""
    t = m.alloc(2 * (data_words + pointers))
    # An empty struct has offset -1: else its pointer would be a null pointer.
    m.i[p] = (t - p - 2) << 1 if data_words or pointers else -4
    h = m.h
    h[2 * p + 2] = data_words
    h[2 * p + 3] = pointers
    return t


def new_list(m, p, code, count):
    """Allocates a list and points p at it. For composites count is the number of words."""
    t = m.alloc(2 * words(code, count))
    m.i[p] = (t - p - 2) << 1 | 1
    m.h[2 * p + 2] = (count & 0x1FFF) << 3 | code
    m.h[2 * p + 3] = count >> 13
    return t


def put_capability(m, p, value):
    """Points p at a capability, which is appended to m.caps."""
    m.i[p] = 3
    m.i[p + 1] = _len(m.caps)
    m.caps.append(value)


def put_blob(m, p, data, nul=0):
    """Points p at a copy of a bytes-like object, followed by `nul` NUL bytes that count."""
    nul += _len(data)
    t = new_list(m, p, _BYTE, nul) << 2
    m.b[t : t + _len(data)] = data


def struct_at(m, p, left, type):
    """StructReader of the struct at pointer p; of an empty one if it is null."""
    if not left:
        raise MessageError(_TOO_DEEP)
    p, t = follow(m, p)
    h = m.h
    p += p
    charge(m, h[p + 2] + h[p + 3])
    return StructReader(m, t << 2, h[p + 2] << 3, h[p + 3], left - 1, type)


def list_at(m, p, left, kind, extra):
    """ListReader of the list at pointer p; of an empty one if it is null.

    kind, extra   of the elements, as in field tables
    """
    h = m.h
    if null(h, p):
        return ListReader(m, p, 0, 0, 0, 0, left, kind, extra)
    tag, t = follow(m, p, 1)
    code = h[2 * tag + 2] & 7
    n = h[2 * tag + 3] << 13 | h[2 * tag + 2] >> 3
    # Elements of no size cost their count: else 8 bytes buy 2**29 of them.
    charge(m, words(code, n) or n)
    if code == _COMPOSITE:
        return _list(m, p, t, items(m, t, n), code, left, kind, extra)
    return _list(m, p, t, n, code, left, kind, extra)


def _list(m, p, t, count, code, left, kind, extra):
    want = CODE[kind]
    d = n = 0
    if code == _COMPOSITE:
        n = m.h[2 * t + 3]
        d = m.h[2 * t + 2] << 3
        t += 2
        if not d and not n:
            charge(m, count)
    elif code == _POINTER:
        n = 1
    else:
        d = _BYTES[code]
    if want == _POINTER:
        bad = not n
    elif want == _COMPOSITE:
        bad = code == _BIT
    elif want == _BIT:
        bad = code != _BIT
        d = (count + 7) >> 3
    else:
        bad = d < _BYTES[want]
    if bad:
        raise MessageError("list of other elements")
    if not left:
        raise MessageError(_TOO_DEEP)
    return ListReader(m, p, t << 2, count, d, n, left - 1, kind, extra)


def scalar(m, t, d, code, extra):
    """The value of one field that is no pointer and no group, of the struct at byte t."""
    kind = code & 31
    code >>= 5  # the offset; then the position in units of the field's size; then the value
    if code < d << 3 >> SHIFT[kind]:
        code += t << 3 >> SHIFT[kind]
    else:
        m = _NULL
        code = 0
    if extra.__class__ is _bytes:
        code = code << SHIFT[kind] >> 3 << 5 | kind
        return on_demand.with_default(m.b, code, extra)
    if kind == _ENUM:
        code = m.h[code]
        if extra.__class__ is _tuple:
            code ^= extra[1]
            extra = extra[0]
        return extra.names_[code] if code < _len(extra.names_) else code
    if _BOOL < kind < _INT64:
        code = (m.v[kind] or view(m.v, kind))[code]
    else:
        code = number(m, code, kind)
    if not extra:
        return code
    return not code if kind == _BOOL else code ^ extra


def number(m, at, kind):
    """A number of one of the less frequent kinds, by its position in units of its size."""
    if kind == _BOOL:
        return m.b[at >> 3] >> (at & 7) & 1 == 1
    if kind >= _FLOAT32:
        value = (m.v[kind] or view(m.v, kind))[at]
        if value - value != 0:
            return on_demand.not_finite(m.b, at << 3, kind, value)
        return value
    if kind:
        at += at
        value = m.i[at]
        if m.i[at + 1] == value >> 31 and (value >= 0 or kind == _INT64):
            return value  # no object if it needs none
        return unpack_from(FORMAT[kind], m.b, at << 2)[0]


def pointee(m, p, left, kind, extra):
    """The value of the pointer at p, of a kind from TEXT to ANYPOINTER."""
    if kind <= _DATA:
        m = blob(m, p, kind == _TEXT)
        if m is None:
            m = extra or b""
        if kind == _DATA:
            return _bytes(m)
        try:
            extra = _str(m, "utf-8")
            if _len(extra) == _len(m):
                return extra
        except UnicodeError:
            pass  # told by text(); MicroPython misses some
        return on_demand.text(m)
    if extra.__class__ is _tuple and extra[-1].__class__ is _bytes:
        if null(m.h, p):
            m = segment(extra[-1])
            p = 0
        if kind == _STRUCT:
            extra = extra[0]
    if kind == _STRUCT:
        return struct_at(m, p, left, extra)
    if kind == _LIST:
        kind = extra[0]
        extra = extra[1]
        return list_at(m, p, left, kind, extra)
    if kind == _INTERFACE:
        m = capability(m, p)
        return m and m.cast_as(extra)
    if null(m.h, p):
        return None
    return on_demand.AnyReader(m, p, left)


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
        if name in at:
            at = at[name]
            if at >= 0:  # a number without a default: what follows is the most frequent by far
                name = at >> 5 & 0x7FFF
                at &= 31
                type = self._m
                if name < self._d << 3 >> SHIFT[at]:
                    name += self._t << 3 >> SHIFT[at]
                else:
                    type = _NULL
                    name = 0
                if _BOOL < at < _INT64:
                    return (type.v[at] or view(type.v, at))[name]
                return number(type, name, at)
        if "_" in name:
            return on_demand.bound(self, name)
        at = type.find_(name)
        if at >= type.union_at_ and at != type.union_at_ + 3 * self._tag():
            raise on_demand.not_set(self, name)
        return self._read(type.table_[at + 1], type.table_[at + 2])

    def _read(self, code, extra):
        """The value of a field, by its code and extra in the table."""
        kind = code & 31
        if kind < _TEXT or kind == _ENUM:
            return scalar(self._m, self._t, self._d, code, extra)
        if kind == _GROUP:
            return StructReader(self._m, self._t, self._d, self._n, self._left, extra)
        code >>= 5
        if code < self._n:
            code += code + (self._t + self._d >> 2)
            return pointee(self._m, code, self._left, kind, extra)
        return pointee(_NULL, 0, self._left, kind, extra)

    def _tag(self):
        tag = self._type.tag_
        if tag is None:
            raise TypeError("the struct has no union")
        return self._m.h[(self._t >> 1) + tag] if 2 * tag + 1 < self._d else 0

    def which_(self):
        """The name of the union's field that is set; its number if our schema does not know it."""
        type = self._type
        at = type.union_at_ + 3 * self._tag()
        return type.table_[at] if at < _len(type.table_) else self._tag()

    def __repr__(self):
        return self.to_text()


class ListReader:
    """A list in a message: len(), index and iteration."""

    def __init__(self, m, p, t, count, d, n, left, kind, extra):
        self._m = m
        self._p = p  # the pointer to it
        self._t = t
        self._count = count
        self._d = d  # of one element; of all for Bool
        self._n = n
        self._left = left
        self._kind = kind  # of the elements, by our schema
        self._extra = extra

    def __len__(self):
        return self._count

    def __getitem__(self, k):
        if k < 0:
            k += self._count
        if not 0 <= k < self._count:
            raise IndexError("list index out of range")
        t = self._t
        kind = self._kind
        if kind == _BOOL:
            return scalar(self._m, t, self._d, _BOOL | k << 5, None)
        t += k * (self._d + (self._n << 3))
        if kind == _STRUCT:
            return StructReader(self._m, t, self._d, self._n, self._left, self._extra)
        if CODE[kind] != _POINTER:
            return scalar(self._m, t, self._d, kind, self._extra)
        return pointee(self._m, t + self._d >> 2, self._left, kind, self._extra)

    def __repr__(self):
        return self.to_text()

    def __getattr__(self, name):
        return on_demand.bound(self, name)


def put_struct(m, p, type, value):
    """Builds a struct from a value and points p at it. Returns whether the value is refused."""
    if _isinstance(value, StructReader):
        return on_demand.copy_typed(m, p, type, value)
    t = new_struct(m, p, type.data_, type.pointers_)
    return fill(m, t, t + 2 * type.data_, type, value)


def fill(m, t, p, type, value, group=False):
    """Sets the fields of the struct at t, whose pointers begin at p, from a value.

    Returns whether the value is refused; errors about its fields name them.
    """
    if (
        not _isinstance(value, _tuple)
        or type.tag_ is not None
        or 3 * _len(value) != _len(type.table_)
    ):
        return on_demand.fill_other(m, t, p, type, value, group)
    at = 0
    for item in value:
        put_field(m, t, p, type, at, item)
        at += 3


def put_field(m, t, p, type, at, value):
    """Sets the field whose triple is at `at` in the table, and the tag if that is of the union.

    TypeError and ValueError name the field.
    """
    code = type.table_[at + 1]
    extra = type.table_[at + 2]
    kind = code & 31
    if kind < _TEXT or kind == _ENUM:
        bad = put_scalar(m, t << 2, code, extra, value)
    elif kind == _GROUP:
        bad = fill(m, t, p, extra, value, True)
    else:
        bad = put_pointer(m, p + (code >> 5 << 1), kind, extra, value)
    if bad:
        refuse(type, at, value)
    if at >= type.union_at_:
        m.h[2 * t + type.tag_] = (at - type.union_at_) // 3


def refuse(type, at, value):
    """Raises the TypeError or ValueError that tells why a field does not take a value."""
    raise on_demand.refusal(type, at, value)


def put_pointer(m, p, kind, extra, value):
    """Points p at a value of a kind from TEXT to ANYPOINTER. Returns whether it is refused."""
    if value is None:
        m.i[p] = m.i[p + 1] = 0
    elif kind == _TEXT:
        if not _isinstance(value, str):
            return True
        put_blob(m, p, value.encode(), 1)
    elif kind == _DATA:
        if not _isinstance(value, _BYTES_LIKE):
            return True
        put_blob(m, p, value)
    elif kind == _STRUCT:
        return put_struct(m, p, extra[0] if extra.__class__ is _tuple else extra, value)
    elif kind == _LIST:
        return on_demand.put_list(m, p, extra, value)
    elif kind == _INTERFACE:
        if not hasattr(value, "cast_as"):
            return True
        put_capability(m, p, value)
    else:
        return on_demand.put_any(m, p, extra, value)


def put_scalar(m, t, code, extra, value):
    """Sets a number of the struct at byte t. Returns whether it is refused."""
    if code & 31 == _ENUM:
        code += _UINT16 - _ENUM
        if extra.__class__ is _tuple:
            value = _ordinal(extra[0].names_, value)
            extra = extra[1]
        else:
            value = _ordinal(extra.names_, value)
            extra = None
    if extra.__class__ is _bytes or not fits(code & 31, value):
        t = t, code
        return on_demand.put_unusual(m, t, extra, value)
    t = (t << 3 >> SHIFT[code & 31]) + (code >> 5)
    code &= 31
    if code == _BOOL:
        code = 1 << (t & 7)
        t >>= 3
        m.b[t] = m.b[t] | code if value != (extra or 0) else m.b[t] & ~code
        return False
    if extra:
        value ^= extra
    if code >> 1 == _INT64 >> 1:
        pack_into(FORMAT[code], m.b, t << 3, value)
    else:
        (m.v[code] or view(m.v, code))[t] = value


def _ordinal(names, value):
    return names.index(value) if value in names else value


def fits(kind, value):
    """Whether a number fits a kind."""
    if kind >= _FLOAT32:
        return _isinstance(value, _NUMBERS)
    if not kind or not _isinstance(value, _INTEGERS):
        return False
    # The kinds INT8 to INT64 are even. What is left of a number that fits is its sign.
    value >>= _BITS[kind]
    return not value or value == (kind & 1) - 1


_NULL = segment(bytes(8))
