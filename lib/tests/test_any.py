# SPDX-License-Identifier: MIT
"""Layer `layout`: AnyPointer, AnyStruct, AnyList and type parameters, read and set."""

from kinds import ANYPOINTER, INT16, LIST, STRUCT, TEXT, UINT8
from wirekit import (
    ALL,
    ECHO,
    LISTS,
    NODE,
    Cap,
    again,
    built,
    cap_ptr,
    far_ptr,
    list_ptr,
    message,
    padded,
    raises,
    root,
    struct_ptr,
    tag,
    word,
)

from capnrpc_micro.message import MessageError
from capnrpc_micro.schema import Capability, Struct
from capnrpc_micro.types import (
    AnyPointer,
    Bool,
    Data,
    Float64,
    Int16,
    Int32,
    Int64,
    List,
    Text,
    UInt8,
    UInt16,
    Void,
)

# fmt: off
BOX = Struct("Box", 1, 4, (
    "any", ANYPOINTER | 0 << 5, None,
    "aStruct", ANYPOINTER | 1 << 5, STRUCT,
    "aList", ANYPOINTER | 2 << 5, LIST,
    "anies", LIST | 3 << 5, (ANYPOINTER, None),
    "count", UINT8, None,
))
# fmt: on


def boxed(pointer, *more):
    """What the pointer reads as."""
    return root(message(struct_ptr(0, 0, 1) + pointer + b"".join(more)), BOX).any


# Reading.


def test_null():
    r = root(message(word()), BOX)
    assert r.any is None and r.aStruct is None and r.aList is None and len(r.anies) == 0
    assert boxed(word()) is None


def test_as_what_it_is():
    text = (list_ptr(0, 2, 3), padded(b"ab"))
    assert boxed(*text).as_(Text) == "ab"
    assert boxed(*text).as_(Data) == b"ab\0"
    assert list(boxed(*text).as_(List(UInt8))) == [97, 98, 0]
    node = boxed(struct_ptr(0, 1, 2), word(5), list_ptr(1, 2, 2), word(), padded(b"n")).as_(NODE)
    assert node.value == 5 and node.name == "n"
    halves = boxed(list_ptr(0, 3, 2), word(1, 0xFFFF)).as_(List(Int16))
    assert list(halves) == [1, -1]
    nodes = boxed(list_ptr(0, 7, 2), tag(2, 1, 0), word(1), word(2)).as_(List(NODE))
    assert [item.value for item in nodes] == [1, 2]
    grid = boxed(list_ptr(0, 6, 2), list_ptr(1, 2, 2), word(), word(0x0201)).as_(List(List(UInt8)))
    assert [list(row) for row in grid] == [[1, 2], []]
    assert list(boxed(list_ptr(0, 1, 3), word(5)).as_(List(Bool))) == [True, False, True]
    assert len(boxed(list_ptr(0, 0, 7)).as_(List(Void))) == 7
    assert boxed(*text).as_(AnyPointer).as_(Text) == "ab"


def test_capability():
    m = message(struct_ptr(0, 0, 1) + cap_ptr(0))
    m.caps = [Cap("one")]
    assert root(m, BOX).any.as_(ECHO) == ("one", ECHO)
    assert root(m, BOX).any.as_(Capability) == ("one", Capability)
    raises(MessageError, "another kind", root(m, BOX).any.as_, Text)
    raises(MessageError, "another kind", root(m, BOX).any.as_, NODE)


def test_something_else():
    raises(MessageError, "another kind", boxed(struct_ptr(-1, 0, 0)).as_, Text)
    raises(MessageError, "another kind", boxed(struct_ptr(-1, 0, 0)).as_, List(UInt8))
    raises(MessageError, "another kind", boxed(list_ptr(0, 2, 1), word()).as_, NODE)
    raises(MessageError, "not a capability", boxed(list_ptr(0, 2, 1), word()).as_, ECHO)
    raises(MessageError, "other elements", boxed(list_ptr(0, 3, 1), word()).as_, Text)
    raises(MessageError, "other elements", boxed(list_ptr(0, 3, 1), word()).as_, List(Int64))
    raises(MessageError, "out of bounds", boxed(list_ptr(0, 3, 9), word()).as_, List(Int16))
    raises(MessageError, "out of bounds", boxed(struct_ptr(9, 1, 0)).as_, NODE)


def test_as_what_no_pointer_leads_to():
    for kind in (Void, Bool, Int16, Float64):
        raises(TypeError, "", boxed(list_ptr(0, 2, 1), word()).as_, kind)


def test_far_pointers():
    m = message(struct_ptr(0, 0, 1) + far_ptr(1, 0), struct_ptr(0, 1, 0) + word(5))
    assert root(m, BOX).any.as_(NODE).value == 5


def test_limits_hold():
    m = message(struct_ptr(0, 0, 1) + list_ptr(0, 2, 16) + bytes(16), left=5)
    any = root(m, BOX).any
    assert len(any.as_(Data)) == len(any.as_(Data)) == 16
    raises(MessageError, "traversal limit", any.as_, Data)
    loop = Struct("Loop", 0, 1, ("any", ANYPOINTER, None))
    reader = root(message(struct_ptr(-1, 0, 1)), loop)
    for _ in range(63):
        reader = reader.any.as_(loop)
    raises(MessageError, "nesting limit", reader.any.as_, loop)


def test_list_of_any_pointers():
    words = struct_ptr(0, 0, 4) + bytes(24) + list_ptr(0, 6, 3)
    words += struct_ptr(2, 1, 0) + word() + list_ptr(1, 2, 2) + word(5) + padded(b"x")
    anies = root(message(words), BOX).anies
    assert anies[0].as_(NODE).value == 5 and anies[1] is None and anies[2].as_(Text) == "x"


# Setting.


def test_values():
    node = again(NODE, {"value": 5, "name": "n"})
    numbers = again(LISTS, {"i16s": [1, -2], "nodes": [{"value": 7}]})
    cap = Cap("one")
    for value, type, expected in (
        ("grün", Text, "grün"),
        ("", Text, ""),
        (b"\xff\0", Data, b"\xff\0"),
        (bytearray(b"a"), Data, b"a"),
        (memoryview(b"b"), Data, b"b"),
        (node, NODE, "n"),
        (node.as_builder(), NODE, "n"),
        (numbers.i16s, List(Int16), [1, -2]),
        (numbers.as_builder().i16s, List(Int16), [1, -2]),
        (numbers.nodes, List(NODE), [7]),
        (cap, ECHO, ("one", ECHO)),
    ):
        b = BOX.new_message(any="old")
        b.any = value
        c = BOX.new_message(any=value)
        for each in (b, c, root(built(BOX, {"any": value}), BOX)):
            found = each.any.as_(type)
            if type is NODE:
                found = found.name
            elif expected.__class__ is list:
                found = [getattr(item, "value", item) for item in found]
            assert found == expected, (value, found)


def test_from_another_message():
    for value, type in (("x", Text), (b"y", Data)):
        r = again(BOX, {"any": value, "count": 3})
        b = BOX.new_message(any=r.any)
        assert b.any.as_(type) == value
        assert b.as_builder().any.as_(type) == value
        b.anies = r.anies
        assert len(b.anies) == 0
    cap = Cap("one")
    b = BOX.new_message(any=BOX.new_message(any=cap).any)
    assert b.any.as_(ECHO) == ("one", ECHO)


def test_none_and_null_lists():
    b = BOX.new_message(any="x", aStruct=again(NODE, {}), aList=b"y")
    for name in ("any", "aStruct", "aList"):
        assert b.has_(name)
        setattr(b, name, None)
        assert not b.has_(name) and getattr(b, name) is None
    b.any = "x"
    b.clear_("any")
    assert b.any is None
    b.any = "x"
    b.any = again(LISTS, {}).u8s
    assert b.any is None or len(b.any.as_(List(UInt8))) == 0


def test_the_same_message():
    cap = Cap("one")
    for value, type, expected in (("x", Text, "x"), (cap, ECHO, ("one", ECHO))):
        b = BOX.new_message(any=value, anies=[value, None])
        b.any = b.any
        assert b.any.as_(type) == expected
        b.anies[1] = b.any
        b.anies[0] = b.anies[1]
        assert b.anies[0].as_(type) == b.anies[1].as_(type) == expected


def test_what_does_not_fit():
    b = BOX.new_message(any="x")
    for value in (1, True, 1.5, [1], (1,), {"value": 1}):
        raises(
            TypeError, "Box.any: a str, bytes, a reader or a capability", setattr, b, "any", value
        )
        assert b.any.as_(Text) == "x"


def test_kinds_that_are_asked_for():
    node = again(NODE, {"value": 5})
    numbers = again(LISTS, {"i16s": [1]}).i16s
    b = BOX.new_message(aStruct=node, aList=numbers)
    assert b.aStruct.as_(NODE).value == 5 and list(b.aList.as_(List(Int16))) == [1]
    b.aList = b"x"
    assert b.aList.as_(Data) == b"x"
    for value in ("x", b"x", Cap("one"), numbers, 5):
        raises(TypeError, "Box.aStruct: ", setattr, b, "aStruct", value)
    for value in (node, Cap("one"), 5):
        raises(TypeError, "Box.aList: ", setattr, b, "aList", value)
    assert b.aStruct.as_(NODE).value == 5


def test_init():
    b = BOX.new_message()
    b.init_("any", NODE).value = 5
    assert b.any.as_(NODE).value == 5
    numbers = b.init_("any", List(Int32), 2)
    numbers[1] = -1
    assert list(b.any.as_(List(Int32))) == [0, -1]
    nodes = b.init_("any", List(NODE), 2)
    nodes[1].name = "n"
    assert b.any.as_(List(NODE))[1].name == "n"
    for r in (b, BOX.from_bytes(b.to_bytes())):
        assert [node.name for node in r.any.as_(List(NODE))] == ["", "n"]
    raises(ValueError, "takes its length", b.init_, "any", List(UInt16))
    for bad in (None, Text, Data, Int16, ECHO, 5):
        raises(TypeError, "any", b.init_, "any", bad)


def test_init_in_a_union():
    kind = Struct("U", 1, 1, ("n", UINT8, None, "any", ANYPOINTER, None), 0, 2)
    b = kind.new_message(n=3)
    b.init_("any", NODE).value = 4
    assert b.which_() == "any" and b.any.as_(NODE).value == 4
    b.n = 3
    b.any = "x"
    assert b.which_() == "any" and b.any.as_(Text) == "x"


def test_list_of_any_pointers_is_built():
    b = BOX.new_message()
    anies = b.init_("anies", 3)
    anies[0] = "x"
    anies[1] = again(NODE, {"value": 2})
    b.anies[2] = again(LISTS, {"u8s": [1, 2]}).u8s
    for r in (b, BOX.from_bytes(b.to_bytes())):
        assert r.anies[0].as_(Text) == "x" and r.anies[1].as_(NODE).value == 2
        assert list(r.anies[2].as_(List(UInt8))) == [1, 2]
    anies[0] = None
    assert b.anies[0] is None
    raises(TypeError, "a str, bytes, a reader or a capability", anies.__setitem__, 0, 5)
    assert [item is None for item in BOX.new_message(anies=["x", None]).anies] == [False, True]


def test_what_is_behind_it_is_copied_whole():
    inner = again(ALL, {"node": {"value": 3, "next": {"name": "deep"}}, "cap": Cap("one")})
    b = BOX.new_message(any=inner)
    copy = b.as_builder()
    found = copy.any.as_(ALL)
    assert found.node.next.name == "deep" and found.cap == ("one", ECHO)


def test_to_dict_and_text():
    b = BOX.new_message(any="x", count=3)
    assert b.to_dict()["any"].as_(Text) == "x"
    again = BOX.from_dict(b.to_dict())
    assert again.any.as_(Text) == "x" and again.count == 3
    assert "count = 3" in repr(b) and "any = " in repr(b)
    assert " at 0x" not in repr(b)


GENERIC = Struct("Generic", 0, 2, ("first", ANYPOINTER, None, "name", TEXT | 1 << 5, None))


def test_type_parameters():
    b = GENERIC.new_message(first=again(NODE, {"value": 1}), name="x")
    assert b.first.as_(NODE).value == 1
    bound = Struct("Generic", 0, 2, ("first", STRUCT, NODE, "name", TEXT | 1 << 5, None))
    assert bound.from_bytes(b.to_bytes()).first.value == 1
    assert list(BOX.new_message(any=again(LISTS, {"i16s": [3]}).i16s).any.as_(List(Int16))) == [3]
    assert INT16 == Int16.kind_[0]
