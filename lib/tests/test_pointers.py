# SPDX-License-Identifier: MIT
"""Layer `layout`: bounds, far pointers, the limits on reading, and known advisories by name."""

from kinds import STRUCT, TEXT, UINT8, VOID
from wirekit import (
    ALL,
    NODE,
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

from capnrpc_micro.layout import _NULL, follow, list_at, struct_at
from capnrpc_micro.message import MessageError
from capnrpc_micro.schema import Struct

OUTSIDE = "pointer out of bounds"
QUARTERS = (0x1FFF, 0x2000, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xBFFF, 0xC000, 0xDFFF, 0xFFF0)
EMPTY = Struct("Empty", 0, 0)


def refused(text, fn, *segments, left=1 << 16):
    """fn on a message of these segments raises MessageError."""
    m = message(*segments, left=left)
    raises(MessageError, text, fn, m, m.lo)


def node(m, p):
    return struct_at(m, p, 64, NODE)


def bytes_at(m, p):
    return list_at(m, p, 64, UINT8, None)


def voids_at(m, p):
    return list_at(m, p, 64, VOID, None)


def nodes_at(m, p):
    return list_at(m, p, 64, STRUCT, NODE)


# Bounds.


def test_null():
    m = message(word())
    assert follow(m, m.lo) == (m.lo, m.lo + 2)
    assert node(m, m.lo).value == 0 and len(bytes_at(m, m.lo)) == 0


def test_struct_bounds():
    for data, pointers in ((2, 0), (0, 2), (1, 1), (0xFFFF, 0), (0, 0xFFFF), (0x8000, 0x8000)):
        refused(OUTSIDE, node, struct_ptr(0, data, pointers) + bytes(8))
    for offset in (1, 100, -2, -3, 1 << 28, -1 << 28, (1 << 29) - 1, -1 << 29):
        refused(OUTSIDE, node, struct_ptr(offset, 1, 0) + bytes(8))
    assert node(*at_root(struct_ptr(0, 1, 0) + word(5))).value == 5


def at_root(*segments):
    m = message(*segments)
    return m, m.lo


def test_struct_may_overlap_its_pointer():
    m, p = at_root(struct_ptr(-1, 1, 0))
    assert node(m, p).value == -4


def test_struct_does_not_reach_into_neighbours():
    # The message is surrounded by other bytes of the same buffer.
    refused(OUTSIDE, node, struct_ptr(0, 1, 0))
    refused(OUTSIDE, node, struct_ptr(-2, 1, 0))
    refused(OUTSIDE, bytes_at, list_ptr(0, 2, 1))
    refused(OUTSIDE, bytes_at, list_ptr(-2, 2, 1))
    refused(OUTSIDE, nodes_at, list_ptr(0, 7, 0))


def test_empty_structs_have_to_be_inside():
    m, p = at_root(struct_ptr(-1, 0, 0))
    assert node(m, p).value == 0
    assert node(*at_root(struct_ptr(0, 0, 0)[:4] + bytes(4))).value == 0
    for offset in (1, 2, -3, 1 << 20):
        refused(OUTSIDE, node, struct_ptr(offset, 0, 0))
        refused(OUTSIDE, voids_at, list_ptr(offset, 0, 3))


def test_pointers_of_other_kinds():
    for pointer in (list_ptr(0, 2, 0), cap_ptr(0), word(3, 1), word(0xFFFF, 0xFFFF)):
        refused("another kind of object", node, pointer + bytes(8))
    for pointer in (struct_ptr(0, 1, 0), cap_ptr(0), word(7, 0x8000)[:2] + bytes(6)):
        refused("another kind of object", bytes_at, pointer + bytes(8))
    for almost_null in (word(0, 0, 1), word(0, 0, 0, 1), word(4)):
        refused("another kind of object", bytes_at, almost_null + bytes(8))
    refused("", node, word(0xFFFF, 0xBFFF, 0, 0))
    refused("", bytes_at, word(0xFFFF, 0xBFFF, 0, 0))


# Far pointers.


def test_far_pointer():
    m, p = at_root(far_ptr(1, 1), word(9) + struct_ptr(0, 1, 0) + word(5))
    assert node(m, p).value == 5
    m, p = at_root(far_ptr(1, 1), word(9) + list_ptr(-2, 2, 3) + word(5))
    assert list(bytes_at(m, p)) == [9, 0, 0]


def test_far_pointer_into_its_own_segment():
    assert node(*at_root(far_ptr(0, 1) + struct_ptr(0, 1, 0) + word(5))).value == 5
    assert node(*at_root(far_ptr(0, 1) + struct_ptr(0, 1, 0) + word(5), word())).value == 5


def test_double_far_pointer():
    segments = (
        far_ptr(1, 1, True),
        word() + far_ptr(2, 1) + struct_ptr(0, 1, 0),
        word() + word(6),
    )
    assert node(*at_root(*segments)).value == 6
    segments = (
        far_ptr(2, 0, True),
        word() + word(0x0201),
        far_ptr(1, 1) + list_ptr(0, 2, 2),
    )
    assert list(bytes_at(*at_root(*segments))) == [1, 2]


def test_objects_at_the_start_of_a_segment():
    m, p = at_root(far_ptr(1, 0, True), far_ptr(2, 0) + struct_ptr(0, 1, 0), word(6))
    assert node(m, p).value == 6
    m, p = at_root(far_ptr(1, 0, True), far_ptr(2, 0) + list_ptr(0, 2, 1), word(6))
    assert list(bytes_at(m, p)) == [6]
    m, p = at_root(far_ptr(1, 1), word(7) + struct_ptr(-2, 1, 0))
    assert node(m, p).value == 7


def test_pointers_stay_in_their_segment():
    two = (struct_ptr(0, 1, 0), word(5))
    refused(OUTSIDE, node, *two)
    refused(OUTSIDE, bytes_at, list_ptr(0, 2, 1), word(5))
    refused(OUTSIDE, node, far_ptr(1, 0), struct_ptr(0, 1, 0), word(5))
    refused(OUTSIDE, node, far_ptr(1, 0), struct_ptr(-2, 1, 0), word(5))
    refused(OUTSIDE, nodes_at, far_ptr(1, 0), list_ptr(0, 7, 1) + tag(1, 1, 0), word(5))


def test_pointers_in_later_segments():
    m, p = at_root(
        far_ptr(1, 0),
        struct_ptr(0, 1, 2) + word(1) + list_ptr(1, 2, 2) + far_ptr(2, 0) + padded(b"n"),
        struct_ptr(0, 1, 0) + word(2),
    )
    first = node(m, p)
    assert (first.value, first.name, first.next.value) == (1, "n", 2)


def test_positions_behind_an_empty_segment():
    m, p = at_root(far_ptr(2, 0), b"", struct_ptr(0, 1, 2) + word(1) + list_ptr(1, 2, 2) + bytes(8)
                   + padded(b"n"), b"")  # fmt: skip
    assert (node(m, p).value, node(m, p).name) == (1, "n")
    refused("far pointer out of bounds", node, far_ptr(1, 0), b"", struct_ptr(0, 1, 0) + word(1))


def test_far_pointers_in_all_quarters():
    pad = struct_ptr(0, 1, 0) + word(5)
    for high in QUARTERS:
        for low in (2, 6, 0xFFFA, 0xFFFE):
            refused("pointer", node, word(low, high, 1), pad)
            refused("pointer", node, word(6, 0, 1), word(low & 0xFFFA, high, 1) + pad)


def test_far_pointer_to_a_far_pointer():
    pad = struct_ptr(0, 1, 0) + word(5)
    refused("another kind of object", node, far_ptr(1, 0), far_ptr(2, 0), pad)
    refused("another kind of object", bytes_at, far_ptr(1, 0), far_ptr(1, 0))
    # the first word of a double-far pad must be a plain far pointer, the second an object's tag
    refused("bad double-far pointer", node, far_ptr(1, 0, True), far_ptr(2, 0, True) + pad, pad)
    refused("bad double-far pointer", node, far_ptr(1, 0, True), struct_ptr(0, 0, 0) + pad, pad)
    refused("another kind of object", node, far_ptr(1, 0, True), far_ptr(2, 0) * 2, pad)
    refused("another kind of object", node, far_ptr(1, 0, True), far_ptr(2, 0) + cap_ptr(0), pad)


def test_composite_list_through_a_double_far_pointer():
    items = tag(2, 1, 0) + word(1) + word(2)
    m, p = at_root(far_ptr(1, 0, True), far_ptr(2, 0) + list_ptr(0, 7, 2), items)
    assert [item.value for item in nodes_at(m, p)] == [1, 2]


# Limits.


def test_circular_structs_end():
    m = message(struct_ptr(-1, 0, 1), left=40)
    loop = Struct("Loop", 0, 1)
    loop.fields_(("next", STRUCT, loop))
    reader = struct_at(m, m.lo, 1000, loop)
    for _ in range(39):
        reader = reader.next
    raises(MessageError, "traversal limit", lambda: reader.next)


def test_traversal_limit_counts_what_is_followed():
    data = struct_ptr(0, 1, 2) + word(1) + list_ptr(1, 2, 9) + word() + b"12345678" + word()
    m = message(data, left=7)
    r = root(m, NODE)
    assert m.left == 4
    assert r.value == 1 and m.left == 4
    assert r.name == "12345678" and m.left == 2
    assert r.name == "12345678" and m.left == 0
    raises(MessageError, "traversal limit", lambda: r.name)
    assert r.value == 1
    raises(MessageError, "traversal limit", root, m, NODE)


def test_traversal_limit_holds_after_an_error():
    m = message(list_ptr(0, 0, (1 << 29) - 1) + list_ptr(0, 2, 8) + word(1), left=10)
    for _ in range(5):
        raises(MessageError, "traversal limit", voids_at, m, m.lo)
    assert m.left == 10
    for _ in range(10):
        assert bytes_at(m, m.lo + 2)[0] == 1
    for _ in range(5):
        raises(MessageError, "traversal limit", bytes_at, m, m.lo + 2)


def test_null_pointers_are_free():
    m = message(struct_ptr(0, 1, 2) + bytes(24), left=3)
    r = root(m, NODE)
    for _ in range(100):
        assert r.next.value == 0 and r.name == ""
    assert m.left == 0


def test_defaults_can_be_read_for_ever():
    kind = Struct("S", 0, 1, ("node", STRUCT, NODE, "text", TEXT, b"x"))
    r = root(message(word()), kind)
    assert r.node.value == 0
    left = _NULL.left
    for _ in range(10):
        assert r.node.value == 0 and r.text == "x" and r.node.next.name == ""
    assert _NULL.left == left


def test_all_pointers_of_a_struct_are_checked_one_by_one():
    m = message(struct_ptr(0, 7, 6) + bytes(56) + b"\xff" * 48)
    r = root(m, ALL)
    for name in ("text", "data", "node", "numbers", "cap"):
        raises(MessageError, "", getattr, r, name)
    assert r.u8 == 0
