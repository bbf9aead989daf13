# SPDX-License-Identifier: MIT
"""What the tests of the wire layers share: messages made by hand, and a schema of every kind.

Words are written from 16-bit halves, so that no number exceeds a board's 31 bits.
"""

from kinds import (
    BOOL,
    DATA,
    ENUM,
    FLOAT32,
    FLOAT64,
    GROUP,
    INT8,
    INT16,
    INT32,
    INT64,
    INTERFACE,
    LIST,
    STRUCT,
    TEXT,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    VOID,
)

from capnrpc_micro.layout import put_struct, refuse, struct_at
from capnrpc_micro.message import Builder, Message
from capnrpc_micro.schema import Enum, Interface, Struct
from capnrpc_micro.words import views


def word(a=0, b=0, c=0, d=0):
    """A word from four 16-bit halves."""
    return bytes((a & 255, a >> 8, b & 255, b >> 8, c & 255, c >> 8, d & 255, d >> 8))


def padded(data):
    """Bytes filled up to words with zeros."""
    return data + bytes(-len(data) % 8)


def struct_ptr(offset, data_words, pointers):
    """A struct pointer."""
    return word((offset & 0x3FFF) << 2, offset >> 14 & 0xFFFF, data_words, pointers)


def list_ptr(offset, code, count):
    """A list pointer; for composite lists `count` is in words."""
    return word(
        (offset & 0x3FFF) << 2 | 1,
        offset >> 14 & 0xFFFF,
        (count & 0x1FFF) << 3 | code,
        count >> 13 & 0xFFFF,
    )


def tag(count, data_words, pointers):
    """The tag of a composite list."""
    return struct_ptr(count, data_words, pointers)


def far_ptr(segment, offset, double=False):
    """A far pointer to the word at `offset` of a segment."""
    return word((offset & 0x1FFF) << 3 | (6 if double else 2), offset >> 13 & 0xFFFF, segment)


def cap_ptr(index):
    """A capability pointer."""
    return word(3, 0, index)


def message(*segments, left=1 << 16):
    """A Message of segments given as bytes, among other bytes, as in a receive buffer."""
    bounds = []
    buffer = bytearray(b"\xee" * 8)
    for segment in segments:
        assert len(segment) % 8 == 0
        bounds.append(len(buffer) >> 2)
        buffer.extend(segment)
        bounds.append(len(buffer) >> 2)
    buffer.extend(b"\xee" * 8)
    many = bounds if len(segments) > 1 else None
    return Message(views(buffer), bounds[0], bounds[1], many, left)


def root(m, type, left=64):
    """The StructReader of the root."""
    return struct_at(m, m.lo, left, type)


def built(type, value, size=64, limit=1 << 20):
    """The Builder of a message with this root value."""
    m = Builder(size, limit)
    m.begin()
    if put_struct(m, m.lo, type, value):
        refuse(type, None, value)
    m.end()
    return m


def again(type, value):
    """A reader of a message with this root value."""
    return root(built(type, value), type)


def raises(error, text, fn, *args):
    """Asserts that fn(*args) raises exactly this exception, with `text` in its message."""
    try:
        result = fn(*args)
    except Exception as caught:
        if caught.__class__ is not error or text not in str(caught):
            raise
        return
    raise AssertionError("%s was expected, but %r returned" % (error.__name__, result))


def names(type):
    """The names of a struct's fields, a list."""
    return [type.table_[at] for at in range(0, len(type.table_), 3)]


class Cap:
    """Stands for a capability."""

    def __init__(self, name):
        self.name = name

    def cast_as(self, interface):
        """What a reader returns for it."""
        return self.name, interface


COLOR = Enum("Color", ("red", "green", "blue"))
ECHO = Interface("Echo", b"\x01\x02\x03\x04\x05\x06\x07\x88")

# fmt: off
NODE = Struct("Node", 1, 2)
NODE.fields_(
    (
        "value", INT32 | 0 << 5, None,
        "name", TEXT | 0 << 5, None,
        "next", STRUCT | 1 << 5, NODE,
    )
)

# Every kind of field without a default.
ALL = Struct(
    "All",
    7,
    6,
    (
        "flag", BOOL | 0 << 5, None,
        "last", BOOL | 7 << 5, None,
        "i8", INT8 | 1 << 5, None,
        "u8", UINT8 | 2 << 5, None,
        "i16", INT16 | 2 << 5, None,
        "u16", UINT16 | 3 << 5, None,
        "i32", INT32 | 2 << 5, None,
        "u32", UINT32 | 3 << 5, None,
        "i64", INT64 | 2 << 5, None,
        "u64", UINT64 | 3 << 5, None,
        "f32", FLOAT32 | 8 << 5, None,
        "color", ENUM | 18 << 5, COLOR,
        "f64", FLOAT64 | 5 << 5, None,
        "nothing", VOID, None,
        "text", TEXT | 0 << 5, None,
        "data", DATA | 1 << 5, None,
        "node", STRUCT | 2 << 5, NODE,
        "numbers", LIST | 3 << 5, (INT32, None),
        "cap", INTERFACE | 4 << 5, ECHO,
    ),
)

# A union in the struct itself, one in a group, and one in a group of that.
SHAPE_INNER = Struct(
    "inner",
    4,
    2,
    ("a", UINT8 | 20 << 5, None, "b", TEXT | 1 << 5, None),
    0,
    9,
)
SHAPE_GROUP = Struct(
    "group",
    4,
    2,
    (
        "x", INT32 | 3 << 5, 7,
        "off", VOID, None,
        "level", UINT16 | 8 << 5, 500,
        "inner", GROUP, SHAPE_INNER,
    ),
    1,
    4,
)
SHAPE = Struct(
    "Shape",
    4,
    2,
    (
        "id", UINT16 | 0 << 5, None,
        "group", GROUP, SHAPE_GROUP,
        "none", VOID, None,
        "size", INT32 | 1 << 5, None,
        "label", TEXT | 0 << 5, b"?",
        "child", STRUCT | 0 << 5, NODE,
    ),
    2,
    1,
)

# Lists of every kind.
LISTS = Struct(
    "Lists",
    0,
    18,
    (
        "voids", LIST | 0 << 5, (VOID, None),
        "bools", LIST | 1 << 5, (BOOL, None),
        "i8s", LIST | 2 << 5, (INT8, None),
        "u8s", LIST | 3 << 5, (UINT8, None),
        "i16s", LIST | 4 << 5, (INT16, None),
        "u16s", LIST | 5 << 5, (UINT16, None),
        "i32s", LIST | 6 << 5, (INT32, None),
        "u32s", LIST | 7 << 5, (UINT32, None),
        "i64s", LIST | 8 << 5, (INT64, None),
        "u64s", LIST | 9 << 5, (UINT64, None),
        "f32s", LIST | 10 << 5, (FLOAT32, None),
        "f64s", LIST | 11 << 5, (FLOAT64, None),
        "colors", LIST | 12 << 5, (ENUM, COLOR),
        "texts", LIST | 13 << 5, (TEXT, None),
        "datas", LIST | 14 << 5, (DATA, None),
        "nodes", LIST | 15 << 5, (STRUCT, NODE),
        "caps", LIST | 16 << 5, (INTERFACE, ECHO),
        "grid", LIST | 17 << 5, (LIST, (LIST, (UINT8, None))),
    ),
)

# A value of each field of ALL, and of LISTS, at the ends of what every board's integers hold.
VALUES = {
    "flag": True,
    "last": True,
    "i8": -128,
    "u8": 255,
    "i16": -32768,
    "u16": 65535,
    "i32": -0x4000 << 16,
    "u32": 0x3FFF << 16 | 0xFFFF,
    "i64": -0x4000 << 16,
    "u64": 0x3FFF << 16 | 0xFFFF,
    "f32": -1.5,
    "color": "blue",
    "f64": 2.5,
    "nothing": None,
    "text": "grün ✓\0!",
    "data": b"\xff\0",
    "numbers": [1, -2, 3],
}

LISTED = {
    "voids": [None, None],
    "bools": [True, False, True, True, False, True, True, True, True],
    "i8s": [-128, 127],
    "u8s": [255, 0, 1],
    "i16s": [-32768, 32767],
    "u16s": [65535, 1],
    "i32s": [-0x4000 << 16, 5],
    "u32s": [0x3FFF << 16, 1],
    "i64s": [-1, 7],
    "u64s": [1, 2],
    "f32s": [1.5, -2.5],
    "f64s": [0.5, 1.5],
    "colors": ["red", "blue", 77],
    "texts": ["", "a", "grün"],
    "datas": [b"", b"\0", b"12345678"],
}
