# SPDX-License-Identifier: MIT
"""Layer `layout`: deep copies between messages, also of what our schema does not know."""

from kinds import LIST, STRUCT, UINT8
from wirekit import (
    ALL,
    ECHO,
    LISTS,
    NODE,
    SHAPE,
    Cap,
    again,
    built,
    cap_ptr,
    far_ptr,
    list_ptr,
    message,
    names,
    padded,
    raises,
    root,
    struct_ptr,
    tag,
    word,
)

from capnrpc_micro.extra.copy import copy_pointer, copy_struct
from capnrpc_micro.layout import list_at, put_capability
from capnrpc_micro.message import Builder, MessageError
from capnrpc_micro.schema import Struct


def copied(source, limit=1 << 13):
    """The Builder of a message whose root is a copy of another message's."""
    m = Builder(16, limit)
    m.begin()
    copy_pointer(m, m.lo, source, source.lo)
    m.end()
    return m


def words_of(m):
    return bytes(m.b[4 * m.lo : 4 * m.hi])


def refused(text, *segments, limit=1 << 13, left=1 << 16):
    raises(MessageError, text, copied, message(*segments, left=left), limit)


def test_null():
    assert words_of(copied(message(word()))) == word()


def test_what_we_build():
    for type, value in (
        (NODE, {"value": 1, "name": "x", "next": {"value": 2, "next": {"name": "y"}}}),
        (LISTS, {"bools": [True] * 70, "i16s": [1, -2, 3], "voids": [None] * 9, "f64s": [0.5]}),
        (LISTS, {"nodes": [{"value": 1, "name": "a"}, {"next": {"name": "b"}}, {}]}),
        (LISTS, {"grid": [[[1, 2], []], [], [[3]]], "texts": ["a", "", None]}),
        (Struct("Empty", 0, 0), {}),
    ):
        m = built(type, value)
        copy = copied(m)
        assert len(words_of(copy)) == len(words_of(m))
        compare(root(m, type), root(copy, type), type)


def compare(a, b, type):
    for name in names(type):
        x = getattr(a, name)
        y = getattr(b, name)
        if hasattr(x, "_count"):
            compare_lists(x, y)
        elif hasattr(x, "_type"):
            if x._d or x._n:
                compare(x, y, x._type)
        else:
            assert x == y, name


def compare_lists(a, b):
    assert len(a) == len(b)
    for k in range(len(a)):
        x, y = a[k], b[k]
        if hasattr(x, "_count"):
            compare_lists(x, y)
        elif hasattr(x, "_type"):
            compare(x, y, x._type)
        else:
            assert x == y


def test_fields_that_our_schema_does_not_know():
    source = message(
        struct_ptr(0, 3, 3)
        + word(1)
        + word(2)
        + word(3)
        + list_ptr(2, 2, 2)
        + word()
        + struct_ptr(1, 1, 1)
        + padded(b"n")
        + word(9)
        + list_ptr(0, 3, 2)
        + word(5, 6)
    )
    reader = root(source, NODE)
    m = built(ALL, {"node": reader})
    node = root(m, ALL).node
    assert node.value == 1 and node.name == "n"
    newer = Struct("Newer", 3, 3, ("c", UINT8 | 16 << 5, None, "more", STRUCT | 2 << 5, NODE))
    node._type = newer
    assert node.c == 3 and node.more.value == 9


def test_capabilities_are_appended():
    source = message(struct_ptr(0, 0, 5) + bytes(32) + cap_ptr(1))
    source.caps = [Cap("zero"), Cap("one")]
    m = Builder(64, 1024)
    m.begin()
    p = m.alloc(6)
    mine = Cap("mine")
    put_capability(m, p, mine)
    copy_pointer(m, p + 2, source, source.lo)
    copy_pointer(m, p + 4, source, source.lo)
    assert m.caps == [mine, source.caps[1], source.caps[1]]
    copy = copied(built(ALL, {"cap": mine}))
    assert copy.caps == [mine] and root(copy, ALL).cap == ("mine", ECHO)
    raises(MessageError, "no such capability", copied, message(cap_ptr(0)))


def test_struct_of_another_type():
    """Its fields would be read as others."""
    other = Struct("Other", 3, 3, ("value", UINT8, None))
    reader = root(built(NODE, {"value": 1, "name": "n"}), NODE)
    holder = Struct("Holder", 0, 1, ("other", STRUCT, other))
    raises(TypeError, "not a struct Node", built, holder, {"other": reader})
    raises(TypeError, "Holder.other: ", built, holder, {"other": reader})
    items = Struct("Items", 0, 1, ("items", LIST, (STRUCT, other)))
    raises(TypeError, "Items.items: element 0: ", built, items, {"items": [reader]})


def test_null_capabilities():
    source = message(cap_ptr(0))
    source.caps = [None]
    copy = copied(source)
    assert copy.caps == [] and words_of(copy) == word()


def test_several_segments_become_one():
    source = message(
        far_ptr(1, 1),
        word() + struct_ptr(0, 1, 2) + word(1) + far_ptr(2, 0) + far_ptr(3, 0, True),
        list_ptr(0, 2, 2) + padded(b"n"),
        far_ptr(4, 1) + struct_ptr(0, 1, 0),
        word() + word(7),
    )
    copy = copied(source)
    node = root(copy, NODE)
    assert (node.value, node.name, node.next.value) == (1, "n", 7)
    assert len(words_of(copy)) == 8 * 6


def test_lists_of_structs_with_pointers_through_far_pointers():
    items = tag(2, 1, 1) + word(1) + list_ptr(2, 2, 2) + word(2) + word() + padded(b"a")
    source = message(far_ptr(1, 0, True), far_ptr(2, 0) + list_ptr(0, 7, 4), items)
    copy = copied(source)
    found = list_at(copy, copy.lo, 64, STRUCT, NODE)
    assert [(item.value, item.name) for item in found] == [(1, "a"), (2, "")]


def test_padding_is_left_behind():
    source = message(list_ptr(0, 7, 5) + tag(2, 1, 0) + word(1) + word(2) + bytes(24))
    assert words_of(copied(source)) == list_ptr(0, 7, 2) + tag(2, 1, 0) + word(1) + word(2)


def test_struct_of_a_reader():
    source = built(NODE, {"value": 3, "name": "x"})
    reader = root(source, NODE)
    m = Builder(16, 1024)
    m.begin()
    copy_struct(m, m.lo, reader)
    assert root(m, NODE).name == "x" and root(m, NODE).value == 3
    m.end()
    m.begin()
    copy_struct(m, m.lo, root(message(struct_ptr(-1, 0, 0)), NODE))
    assert m.i[m.lo] == -4 and root(m, NODE).value == 0
    m.end()
    m.begin()
    copy_struct(m, m.lo, reader, 3, 4)
    assert root(m, NODE)._d == 24 and root(m, NODE)._n == 4
    assert root(m, NODE).name == "x" and root(m, NODE).value == 3


def test_readers_as_elements():
    # An element of a list has a fixed size: shorter structs are filled up, longer ones cut.
    short = root(message(struct_ptr(0, 1, 0) + word(5)), NODE)
    long = root(
        message(
            struct_ptr(0, 2, 3) + word(6) + word(9) + list_ptr(2, 2, 2) + bytes(16) + padded(b"y")
        ),
        NODE,
    )
    found = again(LISTS, {"nodes": [short, long, {"value": 7}]}).nodes
    assert [(node.value, node.name) for node in found] == [(5, ""), (6, "y"), (7, "")]
    numbers = list_at(message(list_ptr(0, 4, 2) + word(1, 0, 2)), 2, 64, STRUCT, NODE)
    assert [node.value for node in again(LISTS, {"nodes": numbers}).nodes] == [1, 2]


def test_copy_within_the_message_being_built():
    m = Builder(16, 1 << 16)
    m.begin()
    p = m.alloc(4)
    source = built(NODE, {"name": "x" * 100})
    copy_pointer(m, p, source, source.lo)
    copy_pointer(m, p + 2, m, p)
    m.lo = p
    assert root(m, NODE).name == "x" * 100
    m.lo = p + 2
    assert root(m, NODE).name == "x" * 100


def test_unions_are_copied_whole():
    r = again(SHAPE, {"child": {"value": 5}, "group": {"inner": {"a": 3}}})
    wrapper = Struct("Wrapper", 0, 1, ("shape", STRUCT, SHAPE))
    shape = again(wrapper, {"shape": r}).shape
    assert shape.child.value == 5 and shape.group.inner.a == 3


# Hostile sources.


def test_pointers_outside():
    for pointer in (
        struct_ptr(0, 2, 0),
        struct_ptr(-3, 1, 0),
        struct_ptr((1 << 29) - 1, 0xFFFF, 0xFFFF),
        list_ptr(0, 2, 9),
        list_ptr(0, 7, 1),
        list_ptr(-1 << 29, 5, (1 << 29) - 1),
        far_ptr(0, 2),
        far_ptr(1, 0),
        far_ptr(0, 1, True),
        word(2, 0x8000, 0),
        word(2, 0, 0, 1),
        word(0, 0x8000, 1),
        word(1, 0x8000, 2),
        word(7, 0, 0, 0),
        word(3, 1, 0, 0),
    ):
        refused("", pointer + word(1))


def test_bad_tags():
    for bad in (tag(-1, 1, 0), tag(2, 1, 0), tag(1 << 28, 16, 0), word(1, 0, 1), word(6, 0, 1)):
        refused("list of structs", list_ptr(0, 7, 1) + bad + word())


def test_far_pointers_to_far_pointers():
    refused("pointer", far_ptr(0, 1) + far_ptr(0, 1))
    refused("pointer", far_ptr(0, 1) + far_ptr(0, 1) + bytes(64))
    refused("pointer", far_ptr(0, 1), far_ptr(1, 0) + bytes(64))
    refused("pointer", far_ptr(1, 0), far_ptr(0, 0) + bytes(64))
    refused("pointer", far_ptr(0, 1, True) + far_ptr(0, 1) + far_ptr(0, 1))
    refused("not a capability", far_ptr(0, 1) + cap_ptr(0))


def test_copy_beyond_the_limit_of_output():
    refused("output of more than 128 bytes", list_ptr(0, 5, 20) + bytes(160), limit=128)
    refused("output of more than 4096 bytes", struct_ptr(-1, 0, 1), limit=4096)


def test_deep_structures():
    # A linked list of any length, its link being the last pointer, needs no memory for its depth.
    data = b"".join([struct_ptr(0, 1, 2) + word(k) + word() for k in range(150)]) + word()
    copy = copied(message(data))
    m = copy
    node = root(m, NODE, 1000)
    for k in range(150):
        assert node.value == k
        node = node.next
    # Where pointers are left to be copied at each level, the depth is limited.
    chain = struct_ptr(0, 0, 2)
    for _ in range(200):
        chain += struct_ptr(1, 0, 2) + word()
    refused("nesting limit", chain + bytes(16))


def test_nesting_of_64_can_be_copied():
    # 63 levels of lists of two structs of two pointers each, the deepest first
    data = list_ptr(0, 6, 2)
    for _ in range(62):
        data += list_ptr(1, 6, 2) + word()
    data += word() + word()
    kind = (LIST, None)
    for _ in range(62):
        kind = (LIST, kind)
    copy = copied(message(data))
    reader = list_at(copy, copy.lo, 64, *kind)
    for _ in range(62):
        reader = reader[0]
    assert len(reader) == 2
