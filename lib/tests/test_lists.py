# SPDX-License-Identifier: MIT
"""Layer `layout`: lists of every kind, and lists read as another kind (upgrades)."""

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
from run import needs_big_integers, needs_micropython
from wirekit import (
    COLOR,
    ECHO,
    LISTS,
    NODE,
    Cap,
    cap_ptr,
    list_ptr,
    message,
    names,
    padded,
    raises,
    root,
    tag,
    word,
)

from capnrpc_micro.layout import list_at
from capnrpc_micro.message import MessageError
from capnrpc_micro.schema import Struct

OTHER = "list of other elements"


def listed(kind, extra, *words, caps=None):
    """The elements of the list that the first word points to."""
    return list(reader(kind, extra, *words, caps=caps))


def reader(kind, extra, *words, caps=None):
    m = message(b"".join(words))
    m.caps = caps
    return list_at(m, m.lo, 64, kind, extra)


def refused(kind, extra, *words):
    raises(MessageError, OTHER, reader, kind, extra, *words)


def test_voids():
    r = reader(VOID, None, list_ptr(0, 0, 3))
    assert len(r) == 3 and list(r) == [None, None, None] and r[2] is None


def test_bools():
    assert listed(BOOL, None, list_ptr(0, 1, 10), word(0x0205)) == (
        [True, False, True] + [False] * 6 + [True]
    )
    assert listed(BOOL, None, list_ptr(0, 1, 65), word(), word(1))[64] is True


def test_bytes():
    assert listed(INT8, None, list_ptr(0, 2, 4), word(0x80FF, 0x017F)) == [-1, -128, 127, 1]
    assert listed(UINT8, None, list_ptr(0, 2, 4), word(0x80FF, 0x017F)) == [255, 128, 127, 1]
    nine = listed(UINT8, None, list_ptr(0, 2, 9), word(1), word(9))
    assert nine == [1, 0, 0, 0, 0, 0, 0, 0, 9]


def test_halves():
    halves = word(0xFFFF, 0x8000, 0x7FFF, 1)
    assert listed(INT16, None, list_ptr(0, 3, 4), halves) == [-1, -32768, 32767, 1]
    assert listed(UINT16, None, list_ptr(0, 3, 4), halves) == [65535, 32768, 32767, 1]
    assert listed(UINT16, None, list_ptr(0, 3, 5), halves, word(5)) == [65535, 32768, 32767, 1, 5]
    assert listed(ENUM, COLOR, list_ptr(0, 3, 3), word(2, 0, 3)) == ["blue", "red", 3]


def test_words():
    assert listed(INT32, None, list_ptr(0, 4, 3), word(0xFFFF, 0xFFFF, 2, 0), word(3)) == [
        -1,
        2,
        3,
    ]
    assert listed(UINT32, None, list_ptr(0, 4, 2), word(1, 1, 2, 0)) == [65537, 2]


def test_long_words():
    negative = word(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)
    assert listed(INT64, None, list_ptr(0, 5, 2), negative, word(2)) == [-1, 2]
    assert listed(UINT64, None, list_ptr(0, 5, 2), word(1), word(2)) == [1, 2]


def test_long_words_of_64_bits():
    big = needs_big_integers(64)
    assert listed(UINT64, None, list_ptr(0, 5, 1), word(0, 0, 0, 0x8000)) == [big // 2]


def test_floats():
    assert listed(FLOAT32, None, list_ptr(0, 4, 2), word(0, 0xBFC0, 0, 0)) == [-1.5, 0]
    assert listed(FLOAT64, None, list_ptr(0, 5, 1), word(0, 0, 0, 0x4004)) == [2.5]


def test_texts_and_datas():
    words = (list_ptr(0, 6, 3), list_ptr(2, 2, 2), word(), list_ptr(1, 2, 3))
    words += (b"a\0\0\0\0\0\0\0", b"bc\0\0\0\0\0\0")
    assert listed(TEXT, None, *words) == ["a", "", "bc"]
    assert listed(DATA, None, *words) == [b"a\0", b"", b"bc\0"]


def test_capabilities():
    words = (list_ptr(0, 6, 3), cap_ptr(1), word(), cap_ptr(0))
    found = listed(INTERFACE, ECHO, *words, caps=[Cap("zero"), Cap("one")])
    assert found == [("one", ECHO), None, ("zero", ECHO)]


def test_lists_in_lists():
    words = (
        list_ptr(0, 6, 3),
        list_ptr(2, 2, 2),
        word(),
        list_ptr(1, 2, 1),
        word(0x0201),
        word(3),
    )
    found = reader(LIST, (UINT8, None), *words)
    assert [list(inner) for inner in found] == [[1, 2], [], [3]]


def test_structs():
    nodes = (
        tag(2, 1, 2),
        word(1),
        list_ptr(4, 2, 2),
        word(),
        word(2),
        word(),
        word(),
        padded(b"x"),
    )
    found = reader(STRUCT, NODE, list_ptr(0, 7, 6), *nodes)
    assert [(node.value, node.name) for node in found] == [(1, "x"), (2, "")]
    assert found[1].next.value == 0


def test_index():
    r = reader(UINT8, None, list_ptr(0, 2, 3), word(0x0201, 3))
    assert (r[0], r[2], r[-1], r[-3]) == (1, 3, 3, 1)
    for k in (3, -4, 1000):
        raises(IndexError, "out of range", lambda k=k: r[k])
    raises(IndexError, "out of range", lambda: reader(VOID, None, word())[0])


def test_null_and_empty_lists():
    r = root(message(word()), LISTS)
    for name in names(LISTS):
        assert len(getattr(r, name)) == 0 and list(getattr(r, name)) == []
    assert listed(STRUCT, NODE, list_ptr(-1, 0, 0)) == []
    assert len(reader(UINT8, None, list_ptr(0, 2, 0))) == 0
    assert listed(STRUCT, NODE, list_ptr(0, 7, 0), tag(0, 1, 2)) == []


# Upgrades: List(number or pointer) read as List(struct) and back.

FIRST8 = Struct("First8", 1, 1, ("v", UINT8, None, "w", UINT8 | 1 << 5, 9, "t", TEXT, b"none"))
FIRST16 = Struct("First16", 1, 0, ("v", UINT16, 5, "w", UINT16 | 1 << 5, None))
FIRST32 = Struct("First32", 1, 0, ("v", INT32, None, "w", INT32 | 1 << 5, 7))
FIRST64 = Struct("First64", 2, 0, ("v", INT64, None, "w", INT64 | 1 << 5, 7))
FIRST_TEXT = Struct("FirstText", 0, 2, ("v", TEXT, None, "w", TEXT | 1 << 5, b"none"))


def test_numbers_read_as_structs():
    for kind, code, words in (
        (FIRST8, 2, (word(0x0201, 3),)),
        (FIRST16, 3, (word(1 ^ 5, 2 ^ 5, 3 ^ 5),)),
        (FIRST32, 4, (word(1, 0, 2, 0), word(3))),
        (FIRST64, 5, (word(1), word(2), word(3))),
    ):
        r = reader(STRUCT, kind, list_ptr(0, code, 3), *words)
        assert [item.v for item in r] == [1, 2, 3]
        assert [item.w for item in r] == [{2: 9, 3: 0, 4: 7, 5: 7}[code]] * 3
    assert [item.t for item in reader(STRUCT, FIRST8, list_ptr(0, 2, 1), word(1))] == ["none"]


def test_floats_read_as_structs():
    short = Struct("F", 1, 0, ("v", FLOAT32, None))
    long = Struct("D", 1, 0, ("v", FLOAT64, None))
    (item,) = reader(STRUCT, short, list_ptr(0, 4, 1), word(0, 0xBFC0))
    assert item.v == -1.5
    (item,) = reader(STRUCT, long, list_ptr(0, 5, 1), word(0, 0, 0, 0x4004))
    assert item.v == 2.5


def test_numbers_are_not_parts_of_fields():
    # No schema that evolved by the rules has such fields; they have their default, as in C++.
    ones = word(0x0101, 0x0101, 0x0101, 0x0101)
    for kind, code, value in (
        (FIRST16, 2, 5),
        (FIRST32, 2, 0),
        (FIRST32, 3, 0),
        (FIRST64, 4, 0),
        (FIRST64, 2, 0),
    ):
        found = listed(STRUCT, kind, list_ptr(0, code, 2), ones)
        assert [item.v for item in found] == [value, value]
    inner = Struct("", 1, 0, ("v", FLOAT32, None))
    group = Struct("S", 1, 0, ("g", GROUP, inner))
    assert listed(STRUCT, group, list_ptr(0, 3, 1), ones)[0].g.v == 0
    union = Struct("U", 1, 0, ("a", UINT8 | 2 << 5, None, "b", VOID, None), 0, 0)
    for item in listed(STRUCT, union, list_ptr(0, 2, 2), word(0x0101)):
        assert item.which_() == "a" and item.a == 0
    assert listed(STRUCT, union, list_ptr(0, 3, 1), word(1))[0].which_() == "b"


def test_voids_read_as_structs():
    assert [item.w for item in reader(STRUCT, FIRST8, list_ptr(0, 0, 2))] == [9, 9]


def test_groups_of_upgraded_elements():
    pair = Struct("", 1, 1, ("v", UINT8, None, "t", TEXT, b"no"))
    kind = Struct("S", 1, 1, ("pair", GROUP, pair))
    (item,) = reader(STRUCT, kind, list_ptr(0, 2, 1), word(0xFF05))
    assert item.pair.v == 5 and item.pair.t == "no"


def test_pointers_read_as_structs():
    words = (list_ptr(0, 6, 2), list_ptr(1, 2, 2), word(), padded(b"x"))
    assert [(item.v, item.w) for item in reader(STRUCT, FIRST_TEXT, *words)] == [
        ("x", "none"),
        ("", "none"),
    ]


def test_bits_are_no_structs():
    refused(STRUCT, FIRST8, list_ptr(0, 1, 3), word(7))


def test_structs_read_as_numbers():
    words = (
        list_ptr(0, 7, 4),
        tag(2, 1, 1),
        word(0xFF01, 0xFFFF, 0xFFFF, 0xFFFF),
        word(),
        word(2),
        word(),
    )
    assert listed(UINT8, None, *words) == [1, 2]
    assert listed(UINT16, None, *words) == [0xFF01, 2]
    assert listed(INT32, None, *words) == [-255, 2]
    assert listed(INT64, None, *words) == [-255, 2]
    assert listed(VOID, None, *words) == [None, None]
    assert listed(ENUM, COLOR, *words) == [0xFF01, "blue"]
    refused(BOOL, None, *words)


def test_structs_read_as_pointers():
    words = (list_ptr(0, 7, 4), tag(2, 1, 1), word(9), list_ptr(2, 2, 2), word(9), word())
    words += (padded(b"x"),)
    assert listed(TEXT, None, *words) == ["x", ""]
    assert [list(inner) for inner in reader(LIST, (UINT8, None), *words)] == [[120, 0], []]


def test_wider_numbers_are_read_from_their_low_bytes():
    words = (list_ptr(0, 5, 2), word(0xFFFE, 0xFFFF, 1, 1), word(2))
    assert listed(INT8, None, *words) == [-2, 2]
    assert listed(UINT8, None, *words) == [254, 2]
    assert listed(UINT16, None, *words) == [65534, 2]
    assert listed(INT32, None, *words) == [-2, 2]
    assert listed(UINT8, None, list_ptr(0, 3, 3), word(0xFF01, 2, 3)) == [1, 2, 3]
    assert listed(INT16, None, list_ptr(0, 4, 2), word(1, 9, 2, 9)) == [1, 2]
    assert listed(VOID, None, *words) == [None, None]


def test_narrower_numbers_are_refused():
    widths = ((UINT8, 2), (UINT16, 3), (INT32, 4), (INT64, 5))
    for kind, code in widths:
        for _, narrower in widths:
            if narrower < code:
                refused(kind, None, list_ptr(0, narrower, 1), word())
        for other in (0, 1, 6):
            refused(kind, None, list_ptr(0, other, 1), word())
    for code in (0, 2, 3, 4, 5, 6):
        refused(BOOL, None, list_ptr(0, code, 1), word())
    for code in range(6):
        refused(TEXT, None, list_ptr(0, code, 1), word())


def test_small_elements_take_no_memory():
    needs_micropython()
    import gc

    r = reader(UINT16, None, list_ptr(0, 3, 4), word(1, 2, 3, 4))
    taken = 0
    for k in range(4):
        before = gc.mem_alloc()
        r[k]
        after = gc.mem_alloc()
        taken += after - before
    assert taken == 0
