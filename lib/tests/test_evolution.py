# SPDX-License-Identifier: MIT
"""Layer `layout`: builders made from readers and given readers; messages of other schemas."""

from kinds import INT32, LIST, STRUCT, TEXT, UINT16, VOID
from wirekit import (
    ALL,
    ECHO,
    LISTED,
    LISTS,
    NODE,
    SHAPE,
    again,
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
from capnrpc_micro.schema import Struct

# Copies.


def test_adopt_is_assignment():
    r = again(NODE, {"value": 3, "name": "x", "next": {"value": 4}})
    b = ALL.new_message()
    b.adopt_("node", r)
    c = ALL.new_message()
    c.node = r
    assert b.to_bytes() == c.to_bytes()
    assert b.node.next.value == 4
    b.node.value = 5
    assert r.value == 3


def test_lists_from_readers():
    r = again(LISTS, dict(LISTED, nodes=[{"value": 1, "name": "x"}], grid=[[[1, 2]], []]))
    for source in (r, r.as_builder()):
        b = LISTS.new_message()
        for name in r.to_dict():
            setattr(b, name, getattr(source, name))
        assert b.to_dict() == r.to_dict()
        b.nodes[0].value = 2
        b.u8s[0] = 3
        assert r.nodes[0].value == 1 and r.u8s[0] == 255


def test_a_null_list_replaces_what_was_there():
    r = again(LISTS, {})
    b = LISTS.new_message(u8s=[1, 2], nodes=[{}], texts=["x"])
    for name in ("u8s", "nodes", "texts"):
        setattr(b, name, getattr(r, name))
        assert len(getattr(b, name)) == 0, name


def test_parts_of_the_same_message():
    b = NODE.new_message(value=1, next={"value": 2, "next": {"value": 3, "name": "end"}})
    b.next = b.next.next
    assert b.next.value == 3 and b.next.name == "end"
    b.next = b.next
    assert b.next.value == 3 and b.next.name == "end"
    b.name = b.next.name
    assert b.name == "end"
    lists = LISTS.new_message(u8s=[1, 2], nodes=[{"value": 1, "name": "x"}, {"value": 2}])
    lists.u8s = lists.u8s
    lists.nodes = lists.nodes
    lists.nodes[1] = lists.nodes[0]
    assert list(lists.u8s) == [1, 2]
    assert [(node.value, node.name) for node in lists.nodes] == [(1, "x"), (1, "x")]


def test_an_element_set_to_itself():
    b = LISTS.new_message(nodes=[{"value": 1, "name": "x"}], texts=["a"], grid=[[[1, 2]]])
    b.nodes[0] = b.nodes[0]
    b.texts[0] = b.texts[0]
    b.grid[0] = b.grid[0]
    b.grid[0][0] = b.grid[0][0]
    assert b.nodes[0].value == 1 and b.nodes[0].name == "x"
    assert b.texts[0] == "a" and list(b.grid[0][0]) == [1, 2]


def test_builders_stay_valid_while_the_message_grows():
    b = NODE.new_message()
    inner = b.init_("next")
    numbers = LISTS.new_message().init_("u16s", 2)
    for _ in range(5):
        b.name = "x" * 500
        inner.name = "y" * 700
    inner.value = 7
    numbers[1] = 7
    assert b.next.value == 7 and b.next.name == "y" * 700 and b.name == "x" * 500
    assert list(numbers) == [0, 7]


def test_as_builder_is_a_message_of_its_own():
    r = again(NODE, {"value": 1, "next": {"value": 2, "name": "n"}})
    for source in (r, r.as_builder()):
        b = source.next.as_builder()
        assert b.value == 2 and b.name == "n"
        b.value = 9
        assert source.next.value == 2
        assert NODE.from_bytes(b.to_bytes()).value == 9
        # What is no root of a message of its own is copied into one.
        assert NODE.from_bytes(source.next.to_bytes()).value == 2


def test_whole_messages():
    b = NODE.new_message(value=1, name="x" * 40, next={"value": 2})
    (segment,) = b.to_segments()
    for r in (
        NODE.from_bytes(b.to_bytes()),
        NODE.from_bytes_packed(b.to_bytes_packed()),
        NODE.from_segments([segment]),
    ):
        assert r.value == 1 and r.name == "x" * 40 and r.next.value == 2
        assert repr(r) == repr(b)
    assert len(b.to_bytes_packed()) < len(b.to_bytes())
    raises(MessageError, "1 bytes after", NODE.from_bytes, b.to_bytes() + b"\0")


# Capabilities.


class Object(ECHO.Server):
    """An object that serves an interface."""


def test_capabilities():
    one, two = Object(), Object()
    b = ALL.new_message(cap=one)
    assert b.cap is one
    b.cap = two
    assert b.cap is two and b.has_("cap")
    b.cap = None
    assert b.cap is None and not b.has_("cap")


def test_lists_of_capabilities():
    one, two = Object(), Object()
    b = LISTS.new_message()
    caps = b.init_("caps", 3)
    caps[0] = one
    caps[2] = two
    assert caps[0] is one and caps[1] is None and caps[2] is two
    assert list(b.caps) == [one, None, two]


def test_capabilities_of_inner_structs():
    one = Object()
    holder = Struct("Holder", 0, 1, ("all", STRUCT, ALL))
    b = holder.new_message(all={"cap": one})
    assert b.all.cap is one
    assert b.all.as_builder().cap is one
    assert b.all.to_dict()["cap"] is one
    assert b.to_dict()["all"]["cap"] is one
    assert "cap = " in repr(b)


# Evolution.

# fmt: off
NEWER = Struct("Newer", 3, 4, (
    "value", INT32 | 0 << 5, None,
    "more", UINT16 | 11 << 5, None,
    "name", TEXT | 0 << 5, None,
    "next", STRUCT | 1 << 5, NODE,
    "note", TEXT | 3 << 5, None,
    "nodes", LIST | 2 << 5, (STRUCT, NODE),
))
# fmt: on
NEW_VALUES = {
    "value": 1,
    "more": 77,
    "name": "old",
    "next": {"value": 5},
    "note": "new",
    "nodes": [{"value": 0, "name": "n"}],
}


def test_what_our_schema_does_not_know_is_kept():
    r = NODE.from_bytes(NEWER.from_dict(NEW_VALUES).to_bytes())
    b = r.as_builder()
    b.name = "changed"
    assert NEWER.from_bytes(b.to_bytes()).to_dict() == dict(NEW_VALUES, name="changed")
    holder = Struct("Holder", 0, 1, ("node", STRUCT, NODE))
    newer_holder = Struct("Holder", 0, 1, ("node", STRUCT, NEWER))
    for build in (
        lambda: holder.new_message(node=r),
        lambda: holder.from_dict({"node": b}),
    ):
        copy = build()
        copy.node.value = 6
        found = newer_holder.from_bytes(copy.to_bytes()).node
        assert found.value == 6 and found.more == 77 and found.note == "new"
        assert found.nodes[0].name == "n"


def test_unknown_members_of_a_union_are_kept():
    data = word(5, 9, 0xFFFE, 0xFFFF) + bytes(24)
    r = root(message(struct_ptr(0, 4, 1) + data + list_ptr(0, 2, 1) + word(7)), SHAPE)
    b = r.as_builder()
    b.id = 6
    assert b.which_() == 9
    assert b.to_bytes()[16:48] == word(6, 9, 0xFFFE, 0xFFFF) + bytes(24)
    assert b.to_bytes()[-8:] == word(7)
    b.size = 1
    assert b.which_() == "size"


def test_shorter_structs_grow():
    # a root without its second pointer, and inside it a struct without any
    data = struct_ptr(0, 1, 2) + word(1) + word() + struct_ptr(0, 1, 0) + word(2)
    r = root(message(data), NODE)
    assert r.next.name == "" and r.next.next.value == 0
    b = r.as_builder()
    b.next.name = "grown"
    b.next.next.value = 3
    again = NODE.from_bytes(b.to_bytes())
    assert (again.value, again.next.value, again.next.name) == (1, 2, "grown")
    assert again.next.next.value == 3
    r = root(message(struct_ptr(0, 0, 1) + list_ptr(0, 2, 2) + padded(b"x")), NODE)
    b = r.as_builder()
    b.value = 4
    b.next.value = 5
    assert (b.value, b.name, b.next.value) == (4, "x", 5)


def test_a_struct_in_a_union_grows():
    data = struct_ptr(0, 4, 1) + word(0, 3) + bytes(24) + struct_ptr(0, 1, 0) + word(2)
    b = root(message(data), SHAPE).as_builder()
    b.child.name = "grown"
    assert b.which_() == "child" and b.child.value == 2 and b.child.name == "grown"


def test_lists_of_shorter_structs_are_not_changed():
    data = struct_ptr(0, 0, 18) + bytes(15 * 8) + list_ptr(2, 7, 2) + bytes(16)
    data += tag(2, 1, 0) + word(1) + word(2)
    r = root(message(data), LISTS)
    b = r.as_builder()
    raises(ValueError, "older schema: make it anew", lambda: b.nodes[0])
    assert [node.value for node in r.nodes] == [1, 2]
    assert b.to_dict()["nodes"] == [{"value": 1}, {"value": 2}]
    b.nodes = [{"value": node.value, "name": "x"} for node in r.nodes]
    b.nodes[1].value = 3
    assert [(node.value, node.name) for node in b.nodes] == [(1, "x"), (3, "x")]


def test_numbers_of_another_width_can_be_changed():
    # a list of Int64 that our schema calls one of Int32, and one of numbers as structs
    data = struct_ptr(0, 0, 18) + bytes(6 * 8) + list_ptr(11, 5, 2) + bytes(11 * 8)
    b = root(message(data + word(1, 0, 9) + word(2)), LISTS).as_builder()
    assert list(b.i32s) == [1, 2]
    b.i32s[1] = -1
    assert list(b.i32s) == [1, -1]
    assert b.to_bytes()[-16:] == word(1, 0, 9) + word(0xFFFF, 0xFFFF)


def test_elements_from_an_older_schema():
    numbers = root(message(struct_ptr(0, 0, 1) + list_ptr(0, 3, 2) + word(5, 6)), UPGRADED).items
    assert [item.n for item in numbers] == [5, 6]
    b = UPGRADED.new_message(items=[numbers[1], {"n": 1}])
    assert [(item.n, item.t) for item in b.items] == [(6, ""), (1, "")]
    b.items[0].t = "x"
    assert b.items[0].t == "x" and b.items[0].n == 6
    b.items[1] = numbers[0]
    assert b.items[1].n == 5 and numbers[1].as_builder().n == 6


ITEM = Struct("Item", 1, 1, ("n", UINT16, None, "v", VOID, None, "t", TEXT, None))
UPGRADED = Struct("Upgraded", 0, 1, ("items", LIST, (STRUCT, ITEM)))


def test_parts_of_a_message_set_to_itself():
    """They are copied as they were before, and the message stays small."""
    b = NODE.new_message(value=1, name="a", next={"value": 2})
    b.next = b
    assert b.to_dict() == {
        "value": 1, "name": "a", "next": {"value": 1, "name": "a", "next": {"value": 2}}
    }  # fmt: skip
    b.next.next = b.next
    assert b.next.next.next.value == 2
    tree = Struct("Tree", 1, 1)
    tree.fields_(("n", INT32, None, "kids", LIST, (STRUCT, tree)))
    t = tree.new_message(n=1, kids=[{"n": 2}])
    t.kids = [t, t.kids[0]]
    assert [kid.n for kid in t.kids] == [1, 2] and [kid.n for kid in t.kids[0].kids] == [2]
    t.kids[0].kids = t.kids
    assert [kid.n for kid in t.kids[0].kids] == [1, 2]
    assert len(t.to_bytes()) < 1000


def test_what_fails_takes_no_room():
    b = LISTS.new_message(texts=["kept"], grid=[[[1]]])
    size = len(b.to_bytes())
    for name, value in (
        ("texts", ["x" * 100, 5]),
        ("nodes", [{"name": "x" * 100}, {"value": "x"}]),
    ):
        raises(TypeError, "", setattr, b, name, value)
    raises(ValueError, "", b.grid.__setitem__, 0, [[1, 2], [300]])
    assert len(b.to_bytes()) == size and b.to_dict() == {"texts": ["kept"], "grid": [[[1]]]}
