# SPDX-License-Identifier: MIT
"""Layer `layout`: structs and lists built from Python values; every value that does not fit."""

from kinds import (
    BOOL,
    ENUM,
    FLOAT32,
    FLOAT64,
    GROUP,
    INT8,
    INT16,
    INT32,
    INT64,
    LIST,
    STRUCT,
    UINT8,
    UINT16,
    UINT32,
    UINT64,
)
from run import needs_big_integers, power
from wirekit import (
    ALL,
    COLOR,
    ECHO,
    LISTS,
    NODE,
    SHAPE,
    VALUES,
    Cap,
    again,
    built,
    list_ptr,
    message,
    padded,
    raises,
    root,
    struct_ptr,
    tag,
    word,
)

from capnrpc_micro.layout import fill, list_at, new_struct, put_blob, put_field, put_struct
from capnrpc_micro.message import Builder, MessageError
from capnrpc_micro.schema import Struct


def words_of(m):
    """The words of the message built last."""
    return bytes(m.b[4 * m.lo : 4 * m.hi])


def test_every_kind():
    r = again(ALL, VALUES)
    for name in VALUES:
        value = getattr(r, name)
        assert (list(value) if name == "numbers" else value) == VALUES[name], name
    assert r.node.value == 0 and r.cap is None


def test_each_field_alone():
    for name in VALUES:
        r = again(ALL, {name: VALUES[name]})
        for other in VALUES:
            value = getattr(r, other)
            value = list(value) if other == "numbers" else value
            if other == name:
                assert value == VALUES[name]
            else:
                assert not value or value == "red", (name, other)


def test_the_encoding():
    m = built(NODE, {"value": 5, "name": "ab", "next": {"value": -1}})
    assert words_of(m) == (
        struct_ptr(0, 1, 2)
        + word(5)
        + list_ptr(1, 2, 3)
        + struct_ptr(1, 1, 2)
        + padded(b"ab")
        + word(0xFFFF, 0xFFFF)
        + bytes(16)
    )
    assert bytes(m.b[:8]) == word(0, 0, 8)


def test_tuples():
    assert again(NODE, (7, "x", None)).value == 7
    node = again(NODE, (7, "x", (8, "y", {"value": 9})))
    assert (node.next.name, node.next.next.value) == ("y", 9)
    raises(TypeError, "Node: it has 3 fields, not 2", built, NODE, (7, "x"))
    raises(TypeError, "Shape: it has a union: give a dict", built, SHAPE, (1, 2))


def test_no_fields():
    empty = Struct("Empty", 0, 0)
    m = built(empty, {})
    assert words_of(m) == struct_ptr(-1, 0, 0)
    assert words_of(built(empty, ())) == struct_ptr(-1, 0, 0)
    outer = Struct("Outer", 0, 1, ("e", STRUCT, empty))
    assert words_of(built(outer, {"e": {}})) == struct_ptr(0, 0, 1) + struct_ptr(-1, 0, 0)
    raises(TypeError, "Empty: a dict, or a tuple", built, empty, None)


def test_none_keeps_the_default_of_a_pointer():
    m = built(ALL, {"text": None, "data": None, "node": None, "numbers": None, "cap": None})
    assert words_of(m)[8:] == bytes(13 * 8)


SMALL = (
    (INT8, -128, 127),
    (UINT8, 0, 255),
    (INT16, -32768, 32767),
    (UINT16, 0, 65535),
)


def one(kind, extra=None):
    return Struct("One", 1, 1, ("x", kind, extra))


def test_range_of_small_integers():
    for kind, least, most in SMALL:
        for default in (None, 5, most, least):
            for value in (least, least + 1, 0, 1, most - 1, most):
                assert again(one(kind, default), {"x": value}).x == value
            for value in (least - 1, most + 1, 1 << 20, -1 << 20):
                raises(
                    ValueError, "One.x: %d is out of range" % value, built, one(kind), {"x": value}
                )


def test_range_of_large_integers():
    needs_big_integers(80)
    for kind, bits in ((INT32, 31), (UINT32, 32), (INT64, 63), (UINT64, 64)):
        signed = bits & 1
        most = (1 << bits) - 1
        least = -(1 << bits) if signed else 0
        size = 4 if bits < 40 else 8
        for default in (None, 5, b"\xfe" * size):
            for value in (least, least + 1, 0, 1, most - 1, most):
                assert again(one(kind, default), {"x": value}).x == value
        for value in (least - 1, most + 1, power(70), -power(70)):
            raises(ValueError, "is out of range", built, one(kind), {"x": value})


def test_negative_numbers_for_unsigned_fields():
    for kind in (UINT8, UINT16, UINT32, UINT64):
        raises(ValueError, "One.x: -1 is out of range", built, one(kind), {"x": -1})


def test_bools():
    for default in (None, True):
        for value in (False, True, 0, 1):
            assert again(one(BOOL, default), {"x": value}).x is bool(value)
    for value in (2, -1):
        raises(TypeError, "One.x: a bool is expected, not int", built, one(BOOL), {"x": value})
    assert again(one(UINT8), {"x": True}).x == 1


def test_a_field_set_again():
    m = Builder(64, 1024)
    m.begin()
    kind = Struct("S", 1, 0, ("a", BOOL, True, "b", UINT16 | 1 << 5, 7, "c", BOOL | 1 << 5, None))
    t = new_struct(m, m.lo, 1, 0)
    for a, b, c in ((True, 7, True), (False, 65535, False), (True, 0, True)):
        assert not fill(m, t, t + 2, kind, (a, b, c))
        r = root(m, kind)
        # a default is xored in on writing, so what stood there must not matter
        assert (r.a, r.b, r.c) == (a, b, c)


def test_floats():
    for kind, default in (
        (FLOAT32, None),
        (FLOAT32, b"\0\0\xc0\xbf"),
        (FLOAT64, None),
        (FLOAT64, b"\0\0\0\0\0\0\4\x40"),
    ):
        for value in (0.0, -0.0, 1.5, -1.5, 2.5, float("inf"), -float("inf"), 3, True):
            assert again(one(kind, default), {"x": value}).x == value
        nan = again(one(kind, default), {"x": float("nan")}).x
        assert nan != nan


def test_enums():
    kind = Struct("S", 1, 0, ("a", ENUM, COLOR, "b", ENUM | 1 << 5, (COLOR, 2)))
    for value in ("red", "green", "blue", 3, 65535):
        r = again(kind, {"a": value, "b": value})
        assert r.a == value and r.b == value
    assert again(kind, {"a": COLOR.green, "b": 1}).b == "green"
    assert words_of(built(kind, {"b": "blue"})) == struct_ptr(0, 1, 0) + word()
    raises(ValueError, "S.a: Color has no value pink", built, kind, {"a": "pink"})
    raises(ValueError, "S.b: 65536 is out of range", built, kind, {"b": 65536})
    raises(
        TypeError, "S.a: a name or a number is expected, not NoneType", built, kind, {"a": None}
    )


def test_wrong_types():
    for name, value, expected in (
        ("flag", "yes", "bool is expected, not str"),
        ("flag", None, "bool is expected, not NoneType"),
        ("i8", "1", "an int is expected, not str"),
        ("u16", 1.0, "an int is expected, not float"),
        ("i32", None, "an int is expected, not NoneType"),
        ("i64", b"1", "an int is expected, not bytes"),
        ("f32", "1.5", "a float or its bytes is expected, not str"),
        ("f64", None, "a float or its bytes is expected, not NoneType"),
        ("color", 1.5, "a name or a number is expected, not float"),
        ("nothing", 0, "None is expected, not int"),
        ("text", b"bytes", "str is expected, not bytes"),
        ("text", 5, "str is expected, not int"),
        ("data", "str", "bytes is expected, not str"),
        ("data", [1, 2], "bytes is expected, not list"),
        ("data", 3, "bytes is expected, not int"),
        ("node", 5, "a dict, or a tuple of all fields is expected, not int"),
        ("node", [1], "a dict, or a tuple of all fields is expected, not list"),
        ("numbers", 5, "a list or tuple is expected, not int"),
        ("numbers", "12", "a list or tuple is expected, not str"),
        ("numbers", {1: 2}, "a list or tuple is expected, not dict"),
        ("numbers", ["1"], "an int is expected, not str"),
    ):
        raises(TypeError, "All.%s: " % name, built, ALL, {name: value})
        raises(TypeError, expected, built, ALL, {name: value})


def test_errors_name_the_field_of_the_inner_struct():
    raises(AttributeError, "Node has no field nome", built, ALL, {"node": {"nome": "x"}})
    raises(TypeError, "Node.name: a str", built, ALL, {"node": {"name": 5}})
    deep = {"node": {"next": {"next": {"value": 1.5}}}}
    raises(TypeError, "Node.value: an int", built, ALL, deep)


def test_unnamed_structs_in_errors():
    results = Struct("", 1, 0, ("x", UINT8, None))
    raises(ValueError, "x: 256 is out of range", built, results, (256,))
    raises(TypeError, "the struct: it has 1 fields, not 2", built, results, (1, 2))
    raises(AttributeError, "the struct has no field y", built, results, {"y": 2})


# Unions and groups.


def test_unnamed_union():
    for name, value in (("none", None), ("size", -3), ("label", "x")):
        r = again(SHAPE, {"id": 1, name: value})
        assert r.which_() == name and getattr(r, name) == value
    r = again(SHAPE, {"child": {"value": 4}})
    assert r.which_() == "child" and r.child.value == 4
    r = again(SHAPE, {"label": None})
    assert r.which_() == "label" and r.label == "?"


def test_a_union_set_again():
    m = Builder(128, 1024)
    m.begin()
    t = new_struct(m, m.lo, SHAPE.data_, SHAPE.pointers_)
    for name, value in (("size", 5), ("none", None), ("label", "x"), ("size", 6)):
        assert not fill(m, t, t + 2 * SHAPE.data_, SHAPE, {name: value})
        r = root(m, SHAPE)
        assert r.which_() == name and getattr(r, name) == value


def test_two_members_of_one_union():
    raises(ValueError, "are in one union", built, SHAPE, {"size": 1, "label": "x"})
    raises(ValueError, "are in one union", built, SHAPE, {"group": {"off": None, "level": 1}})


def test_groups():
    r = again(SHAPE, {"group": {"x": 8, "inner": {"b": "deep"}}, "size": 3})
    assert r.size == 3 and r.group.x == 8 and r.group.inner.b == "deep"
    r = again(SHAPE, {"group": {"level": 500}})
    assert r.group.level == 500 and r.group.x == 7
    pair = Struct("", 1, 0, ("a", UINT8, None, "b", UINT8 | 1 << 5, None))
    both = Struct("Both", 1, 0, ("pair", GROUP, pair))
    r = again(both, {"pair": (3, 4)})
    assert (r.pair.a, r.pair.b) == (3, 4)
    raises(ValueError, "a: 300 is out of range", built, both, {"pair": (300, 4)})


# Lists.

LISTED = {
    "voids": [None, None, None],
    "bools": [True, False, True, True, False, True, True, True, True],
    "i8s": [-128, 127, 0],
    "u8s": [255, 0, 1],
    "i16s": [-32768, 32767],
    "u16s": [65535, 1, 2, 3, 4],
    "i32s": [-0x4000 << 16, 5, 6],
    "u32s": [0x3FFF << 16],
    "i64s": [-1, 7],
    "u64s": [1, 2, 3],
    "f32s": [1.5, -2.5, 0.0],
    "f64s": [0.5],
    "colors": ["red", "blue", 77],
    "texts": ["", "a", "grün"],
    "datas": [b"", b"\0", b"12345678"],
}


def test_every_kind_of_list():
    r = again(LISTS, LISTED)
    for name in LISTED:
        assert list(getattr(r, name)) == LISTED[name], name


def test_lists_of_every_length():
    for name in LISTED:
        for n in range(20):
            value = (LISTED[name] * 20)[:n]
            assert list(getattr(again(LISTS, {name: value}), name)) == value


def test_null_elements():
    r = again(LISTS, {"texts": [None, "x"], "datas": (None,), "caps": [None]})
    assert list(r.texts) == ["", "x"] and list(r.datas) == [b""] and list(r.caps) == [None]


def test_struct_lists():
    nodes = [{"value": 1}, (2, "two", None), {}]
    m = built(LISTS, {"nodes": nodes})
    r = root(m, LISTS)
    assert [(node.value, node.name) for node in r.nodes] == [(1, ""), (2, "two"), (0, "")]
    at = 8 * 19
    assert words_of(m)[at : at + 16] == tag(3, 1, 2) + word(1)
    assert len(again(LISTS, {"nodes": []}).nodes) == 0


def test_lists_of_empty_structs():
    empty = Struct("Empty", 0, 0)
    kind = Struct("S", 0, 1, ("es", LIST, (STRUCT, empty)))
    many = list_at(message(list_ptr(0, 7, 0) + tag(20000, 0, 0)), 2, 64, STRUCT, empty)
    assert len(again(kind, {"es": many}).es) == 20000
    assert len(again(kind, {"es": [{}] * 3}).es) == 3


def test_lists_in_lists():
    grid = [[[1, 2], []], [], [[3]]]
    found = again(LISTS, {"grid": grid}).grid
    assert [[list(row) for row in rows] for rows in found] == grid


def test_lists_of_capabilities():
    one, two = Cap("one"), Cap("two")
    m = built(LISTS, {"caps": [one, None, two, one]})
    assert m.caps == [one, two, one]
    found = list(root(m, LISTS).caps)
    assert found == [("one", ECHO), None, ("two", ECHO), ("one", ECHO)]


def test_lists_from_other_sequences():
    r = again(
        LISTS,
        {"u8s": b"\1\2", "u16s": (3, 4), "i16s": bytearray(b"\5"), "i32s": memoryview(b"\6")},
    )
    assert list(r.u8s) == [1, 2] and list(r.u16s) == [3, 4]
    assert list(r.i16s) == [5] and list(r.i32s) == [6]


def test_lists_from_a_reader():
    first = again(LISTS, LISTED)
    second = again(LISTS, {name: getattr(first, name) for name in LISTED})
    for name in LISTED:
        assert list(getattr(second, name)) == LISTED[name]


def test_elements_that_do_not_fit():
    raises(
        ValueError, "Lists.u8s: element 1: 256 is out of range", built, LISTS, {"u8s": [1, 256]}
    )
    raises(TypeError, "Lists.texts: element 0: a str is expected", built, LISTS, {"texts": [b"x"]})
    raises(TypeError, "Lists.voids: element 0: None is expected", built, LISTS, {"voids": [0]})
    raises(
        ValueError,
        "Lists.colors: element 0: Color has no value x",
        built,
        LISTS,
        {"colors": ["x"]},
    )
    raises(TypeError, "Node.name: a str", built, LISTS, {"nodes": [{"name": 1}]})
    raises(TypeError, "Lists.nodes: element 0: a dict", built, LISTS, {"nodes": [None]})


# Space.


def test_building_grows_the_buffer():
    text = "x" * 3000
    for size in (0, 8, 64, 4096):
        m = built(NODE, {"name": text, "next": {"name": text}}, size)
        r = root(m, NODE)
        assert r.name == text and r.next.name == text


def test_limit_while_building():
    raises(
        MessageError, "output of more than 256 bytes", built, NODE, {"name": "x" * 300}, 64, 256
    )
    raises(
        MessageError,
        "output of more than 256 bytes",
        built,
        LISTS,
        {"u64s": list(range(40))},
        64,
        256,
    )


def test_rollback_after_a_value_that_does_not_fit():
    m = Builder(64, 1024)
    m.begin()
    raises(TypeError, "Node.name", put_struct, m, m.lo, NODE, {"value": 1, "name": 2})
    m.rollback()
    assert m.hi == 0 and bytes(m.b) == bytes(len(m.b))


def test_put_field_and_put_blob():
    m = Builder(16, 1024)
    m.begin()
    t = new_struct(m, m.lo, NODE.data_, NODE.pointers_)
    put_field(m, t, t + 2, NODE, NODE.find_("value"), 3)
    put_blob(m, t + 2, b"raw", 1)
    r = root(m, NODE)
    assert r.value == 3 and r.name == "raw"
    put_blob(m, t + 2, b"")
    raises(MessageError, "lacks NUL", lambda: r.name)


def test_readers_while_building():
    m = Builder(16, 1 << 16)
    m.begin()
    t = new_struct(m, m.lo, NODE.data_, NODE.pointers_)
    r = root(m, NODE)
    assert not fill(m, t, t + 2, NODE, {"value": 3, "name": "x" * 500})
    assert r.value == 3 and len(r.name) == 500  # positions stay when the buffer grows
