# SPDX-License-Identifier: MIT
"""Layer `layout`: structs and lists that are built step by step."""

from kinds import BOOL, DATA, FLOAT32, GROUP, INT16, INT32, LIST, STRUCT, TEXT, UINT8, UINT16
from wirekit import (
    ALL,
    LISTED,
    LISTS,
    NODE,
    SHAPE,
    VALUES,
    Cap,
    again,
    list_ptr,
    names,
    padded,
    raises,
    struct_ptr,
    word,
)

from capnrpc_micro.schema import Struct


def plain(value):
    """A list for a list."""
    return list(value) if hasattr(value, "_count") else value


def refused(error, text, b, name, value):
    """Setting a field raises, names the field, and changes nothing."""
    before = repr(b)
    raises(error, text, setattr, b, name, value)
    raises(error, b._type.name_ + "." + name, setattr, b, name, value)
    assert repr(b) == before, (name, value, repr(b))


# Fields.


def test_every_kind_is_set_and_read():
    b = ALL.new_message()
    for name in VALUES:
        setattr(b, name, VALUES[name])
    b.node = {"value": 3, "next": {"name": "deep"}}
    for each in (b, ALL.from_bytes(b.to_bytes())):
        for name in VALUES:
            assert plain(getattr(each, name)) == VALUES[name], name
        assert each.node.value == 3 and each.node.next.name == "deep"


def test_each_field_alone():
    for name in VALUES:
        b = ALL.new_message()
        setattr(b, name, VALUES[name])
        for other in VALUES:
            if other != name:
                value = plain(getattr(b, other))
                assert not value or value == "red", (name, other)


def test_new_message_takes_values():
    b = ALL.new_message(**VALUES)
    c = ALL.from_dict(VALUES)
    assert repr(b) == repr(c) == repr(again(ALL, VALUES))
    assert ALL.new_message().to_bytes() == ALL.from_dict({}).to_bytes()
    raises(ValueError, "All.u8: 256 is out of range", lambda: ALL.new_message(u8=256))
    raises(AttributeError, "All has no field u7", lambda: ALL.new_message(u7=2))


def test_fields_may_have_any_name():
    names = ("type", "values", "self", "name", "m", "function", "args", "value", "class")
    fields = ()
    for k, name in enumerate(names):
        fields += (name, UINT8 | k << 5, None)
    kind = Struct("Names", 2, 0, fields)
    values = {name: k + 1 for k, name in enumerate(names)}
    assert kind.from_dict(values).to_dict() == values
    assert kind.new_message(**values).to_dict() == values
    b = kind.new_message()
    b.class_ = 9
    assert b.class_ == 9
    b.clear_("class")
    assert b.class_ == 0


def test_the_encoding():
    b = NODE.new_message()
    b.value = 5
    b.name = "ab"
    b.init_("next").value = -1
    assert b.to_bytes() == (
        word(0, 0, 8)
        + struct_ptr(0, 1, 2)
        + word(5)
        + list_ptr(1, 2, 3)
        + struct_ptr(1, 1, 2)
        + padded(b"ab")
        + word(0xFFFF, 0xFFFF)
        + bytes(16)
    )
    assert Struct("Empty", 0, 0).new_message().to_segments() == [struct_ptr(-1, 0, 0)]


# fmt: off
_NODE = struct_ptr(0, 1, 2) + word(42) + list_ptr(1, 2, 2) + word() + padded(b"x")
DEFAULTS = Struct("Defaults", 2, 4, (
    "flag", BOOL, True,
    "small", UINT8 | 1 << 5, 200,
    "half", INT16 | 1 << 5, -300,
    "float", FLOAT32 | 1 << 5, b"\0\0\xc0\xbf",
    "wide", INT32 | 2 << 5, b"\1\0\0\x30",
    "text", TEXT | 0 << 5, b"hello",
    "data", DATA | 1 << 5, b"\xff\0",
    "node", STRUCT | 2 << 5, (NODE, _NODE),
    "list", LIST | 3 << 5, (INT16, None, list_ptr(0, 3, 3) + word(1, 0xFFFF, 3)),
))
# fmt: on
SET = {
    "flag": (True, False),
    "small": (200, 7),
    "half": (-300, 32767),
    "float": (-1.5, 8.0),
    "wide": (0x3000 << 16 | 1, -1),
    "text": ("hello", "x"),
    "data": (b"\xff\0", b""),
    "list": ([1, -1, 3], [5]),
}


def test_defaults():
    b = DEFAULTS.new_message()
    for name in SET:
        default, value = SET[name]
        assert plain(getattr(b, name)) == default
        setattr(b, name, value)
        assert plain(getattr(b, name)) == value
        setattr(b, name, default)
        assert plain(getattr(b, name)) == default
        setattr(b, name, value)
        b.clear_(name)
        assert plain(getattr(b, name)) == default
    assert b.node.value == 42


def test_defaults_are_copied_to_be_changed():
    b = DEFAULTS.new_message()
    b.node.value = 43
    b.list[1] = 7
    for each in (b, DEFAULTS.from_bytes(b.to_bytes())):
        assert each.node.value == 43 and each.node.name == "x"
        assert list(each.list) == [1, 7, 3]
    other = DEFAULTS.new_message()
    assert other.node.value == 42 and list(other.list) == [1, -1, 3]


def test_null_structs_are_made_to_be_changed():
    b = NODE.new_message()
    b.next.next.value = 5
    assert b.next.next.value == 5 and b.next.value == 0


def test_clear():
    b = ALL.new_message(**VALUES)
    b.node = {"value": 1}
    b.cap = Cap("one")
    for name in names(ALL):
        b.clear_(name)
    assert (
        b.to_bytes()[: 8 * 15]
        == ALL.new_message().to_bytes()[:4]
        + b.to_bytes()[4:8]
        + (ALL.new_message().to_bytes()[8:])
    )
    assert b.cap is None and b.node.value == 0 and len(b.numbers) == 0


def test_none_clears_a_pointer():
    b = ALL.new_message(text="x", data=b"y", node={"value": 1}, numbers=[1], cap=Cap("one"))
    for name in ("text", "data", "node", "numbers", "cap"):
        assert b.has_(name)
        setattr(b, name, None)
        assert not b.has_(name)


# Structs, groups and lists in structs.


def test_init_of_a_struct():
    b = NODE.new_message()
    first = b.init_("next")
    first.name = "first"
    assert b.next.name == "first"
    again = b.init_("next")
    assert b.next.name == "" and not again.has_("name")
    again.value = 3
    assert b.next.value == 3


def test_init_of_a_list():
    b = LISTS.new_message()
    for name in LISTED:
        new = b.init_(name, len(LISTED[name]))
        for k in range(len(new)):
            new[k] = LISTED[name][k]
        assert list(new) == LISTED[name], name
    for each in (b, LISTS.from_bytes(b.to_bytes())):
        for name in LISTED:
            assert list(getattr(each, name)) == LISTED[name], name
    assert len(b.init_("u8s", 0)) == 0 and len(b.u8s) == 0


def test_init_refuses():
    b = ALL.new_message(text="x", u8=1)
    for name in ("text", "data", "u8", "cap", "nothing"):
        raises(TypeError, name, b.init_, name)
    for count in (None, -1, 1.5, "2", 1 << 28):
        raises(ValueError, "takes its length", b.init_, "numbers", count)
    raises(AttributeError, "All has no field absent", b.init_, "absent")
    assert b.text == "x" and b.u8 == 1 and not b.has_("numbers")


def test_lists_of_structs():
    b = LISTS.new_message()
    nodes = b.init_("nodes", 4)
    assert [node.value for node in nodes] == [0, 0, 0, 0]
    nodes[0].value = 1
    nodes[1] = {"value": 2, "name": "two"}
    nodes[2] = (3, "three", {"value": 9})
    nodes[3] = again(NODE, {"value": 4, "name": "four"})
    for each in (b, LISTS.from_bytes(b.to_bytes())):
        found = [(node.value, node.name) for node in each.nodes]
        assert found == [(1, ""), (2, "two"), (3, "three"), (4, "four")]
        assert each.nodes[2].next.value == 9
    nodes[1] = {"value": 5}
    assert nodes[1].value == 5 and nodes[1].name == ""
    b.nodes[-1].value = 6
    assert nodes[3].value == 6


def test_lists_of_lists():
    b = LISTS.new_message()
    grid = b.init_("grid", 3)
    rows = grid.init_(0, 2)
    rows[0] = [1, 2]
    cells = rows.init_(1, 3)
    cells[2] = 9
    grid[1] = [[3], []]
    assert len(grid[2]) == 0
    for each in (b, LISTS.from_bytes(b.to_bytes())):
        found = [[list(row) for row in rows] for rows in each.grid]
        assert found == [[[1, 2], [0, 0, 9]], [[3], []], []]
    grid[1][0][0] = 4
    assert b.grid[1][0][0] == 4
    raises(IndexError, "out of range", grid.init_, 3, 1)
    raises(TypeError, "no lists", cells.init_, 0, 1)


def test_elements_that_do_not_fit():
    b = LISTS.new_message(nodes=[{"value": 1, "name": "x"}], grid=[[[1]]], **LISTED)
    before = repr(b)
    for name, error, text, value in (
        ("voids", TypeError, "None is expected", 0),
        ("bools", TypeError, "a bool is expected", 2),
        ("i8s", ValueError, "128 is out of range (-2**7 to 2**7 - 1)", 128),
        ("u8s", ValueError, "-1 is out of range (0 to 2**8 - 1)", -1),
        ("u16s", TypeError, "an int is expected, not str", "1"),
        ("f64s", TypeError, "a float", "1"),
        ("colors", ValueError, "Color has no value pink", "pink"),
        ("texts", TypeError, "a str is expected, not bytes", b"x"),
        ("datas", TypeError, "bytes is expected, not str", "x"),
        ("nodes", TypeError, "a dict", 5),
        ("nodes", TypeError, "not a struct Shape", again(SHAPE, {})),
        ("nodes", TypeError, "Node.value: an int", {"name": "y", "value": 1.5}),
        ("nodes", AttributeError, "Node has no field absent", {"name": "y", "absent": 1}),
        ("grid", TypeError, "list", 5),
        ("grid", ValueError, "256 is out of range", [[256]]),
    ):
        values = getattr(b, name)
        raises(error, text, values.__setitem__, 0, value)
        assert repr(b) == before, (name, value)


def test_indexes_of_elements():
    for name in LISTED:
        values = LISTS.new_message(**LISTED).init_(name, 3)
        value = LISTED[name][1]
        for k in (3, 1000, -4):
            raises(IndexError, "out of range", values.__setitem__, k, value)
        values[-1] = value
        assert values[2] == values[-1] == value


# Unions and groups.


def test_setting_selects():
    b = SHAPE.new_message(id=5)
    assert b.which_() == "none" and b.none is None
    for name, value in (("size", -3), ("label", "x"), ("none", None), ("size", 4)):
        setattr(b, name, value)
        assert b.which_() == name and getattr(b, name) == value
        for other in ("none", "size", "label", "child"):
            if other != name:
                raises(AttributeError, "the union holds " + name, getattr, b, other)
    b.child = {"value": 4}
    assert b.which_() == "child" and b.child.value == 4
    b.label = None
    assert b.which_() == "label" and b.label == "?"
    b.init_("child").value = 6
    assert b.which_() == "child" and b.child.value == 6
    b.clear_("size")
    assert b.which_() == "size" and b.size == 0
    assert b.id == 5


def test_a_list_in_a_union():
    kind = Struct("U", 1, 1, ("n", UINT8, None, "l", LIST, (UINT8, None)), 0, 2)
    b = kind.new_message(n=3)
    b.init_("l", 2)[1] = 8
    assert b.which_() == "l" and list(b.l) == [0, 8]
    b.n = 4
    b.l = [1]
    assert b.which_() == "l" and list(b.l) == [1]


def test_refused_values_select_nothing():
    b = SHAPE.new_message(size=3)
    refused(TypeError, "a str is expected", b, "label", 5)
    refused(TypeError, "None is expected", b, "none", 0)
    refused(TypeError, "a dict", b, "child", 5)
    raises(AttributeError, "has no field absent", setattr, b, "child", {"absent": 1})
    assert b.which_() == "size" and b.size == 3
    b.label = "x"
    refused(TypeError, "an int is expected", b, "size", 1.5)
    assert b.label == "x"


def test_groups():
    b = SHAPE.new_message()
    assert b.group.x == 7 and b.group.which_() == "off"
    b.group.x = 8
    b.group.level = 300
    raises(AttributeError, "group.inner: the union holds level", lambda: b.group.inner)
    b.group.init_("inner").b = "deep"
    assert b.group.which_() == "inner" and b.group.inner.b == "deep" and b.group.x == 8
    b.group = {"level": 9}
    assert b.group.level == 9 and b.group.x == 8
    r = SHAPE.from_bytes(b.to_bytes())
    assert r.group.level == 9 and r.group.x == 8
    b.clear_("group")
    assert b.group.x == 7 and b.group.which_() == "off"


CIRCLE = Struct("circle", 2, 1, ("radius", UINT16 | 2 << 5, None, "name", TEXT, None))
SQUARE = Struct("square", 2, 1, ("side", UINT16 | 2 << 5, 9, "label", TEXT, None))
FORM = Struct(
    "Form",
    2,
    1,
    ("id", UINT16 | 1 << 5, None, "circle", GROUP, CIRCLE, "square", GROUP, SQUARE),
    1,
    0,
)


def test_a_group_selected_anew_is_empty():
    b = FORM.new_message(id=4, circle={"radius": 5, "name": "c"})
    square = b.init_("square")
    assert b.which_() == "square" and b.square.side == 9 and square.label == ""
    square.label = "s"
    b.circle = {"radius": 2}
    assert b.circle.radius == 2 and b.circle.name == "" and b.id == 4
    b.circle = {"name": "d"}
    assert b.circle.radius == 0 and b.circle.name == "d"
    b.square = {}
    assert b.square.side == 9 and b.square.label == ""


def test_a_group_set_to_itself():
    b = FORM.new_message(id=4, circle={"radius": 5, "name": "c"})
    b.circle = b.circle
    assert b.circle.radius == 5 and b.circle.name == "c"


def test_groups_from_readers():
    r = again(FORM, {"circle": {"radius": 5, "name": "c"}})
    b = FORM.new_message(square={"label": "s"})
    b.circle = r.circle
    assert b.which_() == "circle" and b.circle.radius == 5 and b.circle.name == "c"
    s = SHAPE.new_message(group={"inner": {"b": "deep"}, "x": 3}, id=6)
    s.group = again(SHAPE, {"group": {"level": 5}, "size": 3, "id": 7}).group
    assert s.group.level == 5 and s.group.x == 7 and s.id == 6 and s.which_() == "none"


def test_a_group_given_a_reader_is_copied_whole():
    pair = Struct("pair", 0, 2, ("a", TEXT, None, "b", TEXT | 1 << 5, None))
    kind = Struct("Pairs", 0, 2, ("pair", GROUP, pair))
    b = kind.new_message(pair={"a": "old", "b": "old"})
    b.pair = again(kind, {"pair": {"a": "new"}}).pair
    assert b.pair.a == "new" and b.pair.b == ""


# Values that do not fit.


def test_values_that_do_not_fit():
    b = ALL.new_message(node={"value": 1, "name": "n"}, **VALUES)
    for name, error, text, value in (
        ("flag", TypeError, "a bool is expected, not str", "yes"),
        ("i8", ValueError, "128 is out of range (-2**7 to 2**7 - 1)", 128),
        ("u16", ValueError, "65536 is out of range (0 to 2**16 - 1)", 65536),
        ("u64", ValueError, "-1 is out of range (0 to 2**64 - 1)", -1),
        ("i32", TypeError, "an int is expected, not NoneType", None),
        ("f32", TypeError, "a float or its bytes is expected, not bytes", b"123"),
        ("f64", TypeError, "a float or its bytes is expected, not str", "1"),
        ("color", ValueError, "Color has no value pink; it has red, green, blue", "pink"),
        ("nothing", TypeError, "None is expected, not int", 0),
        ("text", TypeError, "a str is expected, not bytes", b"x"),
        ("data", TypeError, "bytes is expected, not str", "x"),
        ("node", TypeError, "a dict", 5),
        ("node", TypeError, "not a struct All", b),
        ("numbers", TypeError, "list or tuple is expected, not dict", {}),
    ):
        refused(error, text, b, name, value)


def test_values_that_do_not_fit_inside():
    b = ALL.new_message(node={"value": 1, "name": "n"}, **VALUES)
    refused(TypeError, "element 1: an int is expected, not str", b, "numbers", [5, "x"])
    before = repr(b)
    raises(TypeError, "Node.name: a str", setattr, b, "node", {"value": 2, "name": 5})
    raises(AttributeError, "has no field absent", setattr, b, "node", {"value": 2, "absent": 5})
    assert repr(b) == before
    b = FORM.new_message(circle={"radius": 5, "name": "c"})
    before = repr(b)
    raises(TypeError, "side: an int", setattr, b, "square", {"side": "x"})
    raises(TypeError, "circle", setattr, b, "circle", 5)
    raises(TypeError, "name: a str", setattr, b, "circle", {"name": 5})
    assert repr(b) == before
