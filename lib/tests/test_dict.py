# SPDX-License-Identifier: MIT
"""Layer `layout`: structs as dictionaries and as text; whether fields are set; their bytes."""

from kinds import ENUM, FLOAT32, FLOAT64, INT8, INT32, LIST, STRUCT, TEXT, UINT8, UINT16, UINT64
from run import needs_big_integers
from wirekit import (
    ALL,
    COLOR,
    LISTS,
    NODE,
    SHAPE,
    Cap,
    again,
    list_ptr,
    message,
    names,
    padded,
    raises,
    root,
    struct_ptr,
    word,
)

from capnrpc_micro.message import MessageError
from capnrpc_micro.schema import Struct

VALUES = {
    "flag": True,
    "last": False,
    "i8": -128,
    "u8": 255,
    "i16": -32768,
    "u16": 65535,
    "i32": -7,
    "u32": 1 << 29,
    "i64": -1,
    "u64": 9,
    "f32": -1.5,
    "color": "blue",
    "f64": 2.5,
    "nothing": None,
    "text": "Ada",
    "data": b"\xff\0",
    "node": {"value": 1, "name": "n", "next": {"value": 2}},
    "numbers": [1, -2],
}
LISTED = {
    "voids": [None, None],
    "bools": [True, False],
    "i8s": [-1],
    "u8s": [255, 0],
    "i16s": [-1],
    "u16s": [1],
    "i32s": [-1],
    "u32s": [1],
    "i64s": [-1],
    "u64s": [1],
    "f32s": [0.5],
    "f64s": [-0.5],
    "colors": ["red", 7],
    "texts": ["a", ""],
    "datas": [b"", b"x"],
    "nodes": [{"value": 1}, {"value": 0, "name": "n"}],
    "grid": [[[1, 2], []], []],
}
POINTERS = ("text", "data", "node", "numbers", "cap")


# has_()


def test_has():
    empty = again(ALL, {})
    full = again(ALL, dict(VALUES, cap=Cap("one")))
    for r in (empty, full, empty.as_builder(), full.as_builder()):
        for name in names(ALL):
            assert r.has_(name) is (name not in POINTERS or r is full or r.has_("cap")), name
    short = root(message(word()), ALL)
    assert not short.has_("text") and short.has_("f64")
    raises(AttributeError, "All has no field absent", empty.has_, "absent")


def test_has_of_a_union():
    r = again(SHAPE, {"size": 1})
    assert r.has_("size") and r.has_("id") and r.has_("group")
    for name in ("none", "label", "child"):
        assert not r.has_(name)
    r = again(SHAPE, {"label": None})
    assert not r.has_("label") and r.which_() == "label"
    assert again(SHAPE, {"child": {}}).has_("child")
    r = root(message(struct_ptr(0, 4, 2) + word(1, 9) + bytes(40)), SHAPE)
    assert not [name for name in ("none", "size", "label", "child") if r.has_(name)]


# raw_()


def test_raw_text_and_data():
    r = again(ALL, {"text": "grün", "data": b"\0\1"})
    assert bytes(r.raw_("text")) == "grün".encode() and bytes(r.raw_("data")) == b"\0\1"
    assert isinstance(r.raw_("text"), memoryview)
    r = again(ALL, {})
    assert bytes(r.raw_("text")) == bytes(r.raw_("data")) == b""
    kind = Struct("S", 0, 1, ("t", TEXT, b"hello"))
    assert bytes(again(kind, {}).raw_("t")) == b"hello"
    not_utf8 = message(struct_ptr(0, 0, 1) + list_ptr(0, 2, 2) + b"\xff" + bytes(7))
    assert bytes(root(not_utf8, ALL).raw_("text")) == b"\xff"
    bad = message(struct_ptr(0, 0, 1) + list_ptr(0, 2, 9) + word())
    raises(MessageError, "out of bounds", root(bad, ALL).raw_, "text")


RAW = {
    "i8": b"\x80",
    "u8": b"\xff",
    "i16": b"\0\x80",
    "u16": b"\xff\xff",
    "i32": b"\xf9\xff\xff\xff",
    "u32": b"\0\0\0\x20",
    "i64": b"\xff" * 8,
    "u64": b"\x09" + bytes(7),
    "f32": b"\0\0\xc0\xbf",
    "f64": b"\0\0\0\0\0\0\x04\x40",
    "color": b"\2\0",
}


def test_raw_numbers():
    r = again(ALL, VALUES)
    short = root(message(word()), ALL)
    for name in RAW:
        assert bytes(r.raw_(name)) == RAW[name], name
        assert bytes(short.raw_(name)) == bytes(len(RAW[name])), name
    for name in ("flag", "nothing", "node", "numbers", "cap"):
        raises(TypeError, name, r.raw_, name)


def test_raw_numbers_with_defaults():
    # fmt: off
    kind = Struct("S", 4, 0, (
        "a", INT8, -5, "b", UINT16 | 1 << 5, 60000, "c", INT32 | 1 << 5, -70000,
        "d", UINT64 | 1 << 5, b"\1\2\3\4\5\6\7\x88", "e", FLOAT32 | 4 << 5, b"\0\0\xc0\xbf",
        "f", FLOAT64 | 3 << 5, b"\0\0\0\0\0\0\4\x40", "g", ENUM | 10 << 5, (COLOR, 2)))
    # fmt: on
    for m in (message(word()), message(struct_ptr(0, 4, 0) + bytes(32))):
        r = root(m, kind)
        assert bytes(r.raw_("a")) == b"\xfb" and bytes(r.raw_("b")) == b"\x60\xea"
        assert bytes(r.raw_("c")) == b"\x90\xee\xfe\xff"
        assert bytes(r.raw_("d")) == b"\1\2\3\4\5\6\7\x88"
        assert bytes(r.raw_("e")) == b"\0\0\xc0\xbf"
        assert bytes(r.raw_("f")) == b"\0\0\0\0\0\0\4\x40" and bytes(r.raw_("g")) == b"\2\0"
    assert bytes(again(kind, {"a": 3, "g": "red"}).raw_("a")) == b"\3"
    assert bytes(again(kind, {"g": "red"}).raw_("g")) == b"\0\0"


def test_raw_floats_keep_every_bit():
    for data in (b"\1\2\3\4\5\6\7\x40", b"\1\0\0\0\0\0\xf0\x7f", b"\1" + bytes(7)):
        b = ALL.new_message(f64=data)
        assert bytes(b.raw_("f64")) == data
        assert bytes(ALL.new_message(f64=b.raw_("f64")).raw_("f64")) == data
    assert bytes(ALL.new_message(f32=b"\1\0\x80\x7f").raw_("f32")) == b"\1\0\x80\x7f"
    defaults = Struct("S", 1, 0, ("f", FLOAT64, b"\0\0\0\0\0\0\4\x40"))
    for data in (b"\1\2\3\4\5\6\7\x40", b"\0\0\0\0\0\0\4\x40"):
        assert bytes(defaults.new_message(f=data).raw_("f")) == data


def test_raw_is_of_the_field_that_the_union_holds():
    r = again(SHAPE, {"label": "x"})
    assert bytes(r.raw_("label")) == b"x"
    raises(AttributeError, "Shape.size: the union holds label", r.raw_, "size")
    raises(AttributeError, "Shape.label: the union holds size", again(SHAPE, {"size": 5}).raw_,
           "label")  # fmt: skip


def test_raw_of_a_part_of_a_field():
    kind = Struct("S", 1, 0, ("a", UINT8, None, "b", UINT16, 5, "c", INT32, None))
    lists = Struct("L", 0, 1, ("all", LIST, (STRUCT, kind)))
    m = message(struct_ptr(0, 0, 1) + list_ptr(0, 2, 8) + b"\1\2\3\4\5\6\7\x08")
    item = root(m, lists).all[7]
    assert (item.a, item.b, item.c) == (8, 5, 0)
    assert bytes(item.raw_("a")) == b"\x08"
    assert bytes(item.raw_("b")) == b"\5\0" and bytes(item.raw_("c")) == bytes(4)


# to_dict() and back


def test_to_dict():
    assert again(ALL, VALUES).to_dict() == VALUES
    assert again(LISTS, LISTED).to_dict() == LISTED
    assert again(ALL, VALUES).as_builder().to_dict() == VALUES
    assert list(again(NODE, {}).to_dict()) == ["value"]
    cap = Cap("one")
    assert again(ALL, {"cap": cap}).to_dict()["cap"][0] == "one"


def test_from_dict_of_to_dict():
    for type, value in ((ALL, VALUES), (LISTS, LISTED)):
        r = again(type, value)
        assert repr(again(type, r.to_dict())) == repr(r)
        assert type.from_dict(r.to_dict()).to_dict() == value


def test_dicts_of_unions():
    for value in (
        {"id": 5, "group": {"x": 7, "off": None}, "none": None},
        {"id": 5, "group": {"x": 1, "level": 2}, "size": 6},
        {"id": 0, "group": {"x": 1, "inner": {"a": 3}}, "label": "x"},
        {"id": 0, "group": {"x": 1, "inner": {"b": "deep"}}, "child": {"value": 3}},
    ):
        r = again(SHAPE, value)
        assert r.to_dict() == value
        assert repr(again(SHAPE, r.to_dict())) == repr(r)


def test_to_dict_of_big_numbers():
    big = needs_big_integers(64)
    value = {"i64": -(big >> 1), "u64": big - 1}
    assert ALL.from_dict(again(ALL, value).to_dict()).u64 == big - 1
    assert again(ALL, value).to_dict()["i64"] == -(big >> 1)


def test_deep_messages_end_cleanly():
    value = {"value": 1}
    for _ in range(20):
        value = {"value": 1, "next": value}
    assert again(NODE, value).to_dict() == value
    m = message(struct_ptr(0, 1, 2) + word(1) + word() + struct_ptr(-3, 1, 2))
    try:
        root(m, NODE).to_dict()
    except (MessageError, RuntimeError):
        return
    raise AssertionError("a circle came to an end")


# Text


def test_text():
    for value, expected in (
        ({}, "(value = 0)"),
        ({"value": -1, "name": ""}, '(value = -1, name = "")'),
        ({"name": "Ada", "next": {"name": "x"}},
         '(value = 0, name = "Ada", next = (value = 0, name = "x"))'),
    ):  # fmt: skip
        for r in (again(NODE, value), NODE.from_dict(value)):
            assert repr(r) == str(r) == r.to_text() == expected


def test_text_of_every_kind():
    text = repr(again(ALL, VALUES))
    for name, expected in (
        ("flag", "true"),
        ("last", "false"),
        ("i8", "-128"),
        ("f32", "-1.5"),
        ("color", "blue"),
        ("nothing", "void"),
        ("text", '"Ada"'),
        ("data", '0x"ff 00"'),
        ("node", '(value = 1, name = "n", next = (value = 2))'),
        ("numbers", "[1, -2]"),
    ):
        assert name + " = " + expected in text, (name, text)
    assert "cap" not in text
    assert "cap = " in repr(again(ALL, {"cap": Cap("one")}))


def test_text_of_lists():
    r = again(LISTS, LISTED)
    for name, expected in (
        ("voids", "[void, void]"),
        ("bools", "[true, false]"),
        ("colors", "[red, 7]"),
        ("texts", '["a", ""]'),
        ("datas", '[0x"", 0x"78"]'),
        ("nodes", '[(value = 1), (value = 0, name = "n")]'),
        ("grid", "[[[1, 2], []], []]"),
    ):
        for each in (r, r.as_builder()):
            assert repr(getattr(each, name)) == getattr(each, name).to_text() == expected
        assert name + " = " + expected in repr(r)
    assert repr(again(LISTS, {}).u8s) == "[]" and repr(again(LISTS, {})) == "()"


def test_text_is_quoted():
    for value, expected in (
        ('say "hi"', '"say \\"hi\\""'),
        ("it's", '"it\\\'s"'),
        ("both \" and '", '"both \\" and \\\'"'),
        ("back\\slash", '"back\\\\slash"'),
        ("line\nend\t", '"line\\nend\\t"'),
        ('\\"', '"\\\\\\""'),
        ("\0", '"\\x00"'),
    ):
        assert repr(again(NODE, {"name": value})) == "(value = 0, name = %s)" % expected


def test_text_of_unions_and_groups():
    r = again(SHAPE, {"id": 1, "group": {"inner": {"a": 3}}, "size": 2})
    assert repr(r) == "(id = 1, group = (x = 7, inner = (a = 3)), size = 2)"
    assert repr(r.group) == "(x = 7, inner = (a = 3))"
    unknown = root(message(struct_ptr(0, 4, 2) + word(1, 9) + bytes(40)), SHAPE)
    assert repr(unknown) == "(id = 1, group = (x = 7, off = void))"


def test_methods_that_are_not_there():
    r = again(NODE, {"name": "x"})
    for name in ("to_byte", "init_", "to_", "_x", "__len__"):
        raises(AttributeError, name, getattr, r, name)
    for name in ("to_dict", "init_", "to_", "_x"):
        raises(AttributeError, name, getattr, again(LISTS, {}).nodes, name)
    raises(AttributeError, "to_dict", getattr, NODE, "to_dict")
    raises(AttributeError, "has_", getattr, again(LISTS, {"u8s": [1]}).u8s, "has_")
    keyword = Struct("K", 1, 1, ("class", UINT8, None, "from", TEXT | 0 << 5, None))
    data = struct_ptr(0, 1, 1) + word(3) + list_ptr(0, 2, 2) + padded(b"y")
    assert root(message(data), keyword).class_ == 3
    assert root(message(data), keyword).from_ == "y"
