# SPDX-License-Identifier: MIT
"""Layer `layout`: every kind of field from words made by hand; defaults, evolution, unions."""

from kinds import (
    BOOL,
    DATA,
    ENUM,
    FLOAT32,
    FLOAT64,
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
from run import needs_big_integers, power
from wirekit import (
    ALL,
    COLOR,
    ECHO,
    NODE,
    SHAPE,
    Cap,
    cap_ptr,
    list_ptr,
    message,
    padded,
    raises,
    root,
    struct_ptr,
    word,
)

from capnrpc_micro.message import MessageError
from capnrpc_micro.schema import Struct


def whole(*words):
    """A reader of ALL with these data words (the others zero) and no pointers."""
    data = b"".join(words)
    return root(message(struct_ptr(0, 7, 0) + data + bytes(56 - len(data))), ALL)


def field(code, extra, *words):
    """The value of a field of a struct with these data words."""
    kind = Struct("S", len(words), 0, ("x", code, extra))
    return root(message(struct_ptr(0, len(words), 0) + b"".join(words)), kind).x


def test_bools():
    r = whole(word(0x81))
    assert r.flag is True and r.last is True
    r = whole(word(0x7E))
    assert r.flag is False and r.last is False
    assert field(BOOL | 63 << 5, None, word(0, 0, 0, 0x8000)) is True
    assert field(BOOL | 64 << 5, None, word(0, 0, 0, 0x8000)) is False


def test_bytes():
    r = whole(word(0xFF00, 0xFF))
    assert r.i8 == -1 and r.u8 == 255
    r = whole(word(0x8000, 0x80))
    assert r.i8 == -128 and r.u8 == 128
    assert whole(word(0x7F00)).i8 == 127


def test_halves():
    r = whole(word(0, 0, 0x8000, 0x8000))
    assert r.i16 == -32768 and r.u16 == 32768
    r = whole(word(0, 0, 0xFFFF, 0xFFFF))
    assert r.i16 == -1 and r.u16 == 65535


def test_words():
    r = whole(word(), word(0xFFFF, 0xFFFF, 0xFFFF, 0x3FFF))
    assert r.i32 == -1
    assert r.u32 == (0x3FFF << 16 | 0xFFFF)
    r = whole(word(), word(0, 0xC000))
    assert r.i32 == -0x4000 * power(16)


def test_words_of_32_bits():
    needs_big_integers(32)
    r = whole(word(), word(0, 0x8000, 0xFFFF, 0xFFFF))
    assert r.i32 == -0x8000 * power(16)
    assert r.u32 == power(32) - 1


def test_long_words_with_small_values():
    r = whole(word(), word(), word(0xFFFE, 0xFFFF, 0xFFFF, 0xFFFF), word(5))
    assert r.i64 == -2 and r.u64 == 5
    r = whole(word(), word(), word(0, 0xC000, 0xFFFF, 0xFFFF), word(0xFFFF, 0x3FFF))
    assert r.i64 == -0x4000 * power(16)
    assert r.u64 == (0x3FFF << 16 | 0xFFFF)


def test_long_words_of_64_bits():
    big = needs_big_integers(64)
    r = whole(word(), word(), word(0, 0, 0, 0x8000), word(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF))
    assert r.i64 == -(big // 2) and r.u64 == big - 1
    r = whole(word(), word(), word(0, 0, 1, 0), word(0, 0, 0, 0x8000))
    assert r.i64 == power(32) and r.u64 == big // 2
    r = whole(word(), word(), word(0, 0xBFFF, 0xFFFF, 0xFFFF))
    assert r.i64 == -0x4001 * power(16)


def test_values_beyond_the_interpreter_overflow():
    r = whole(
        word(), word(0, 0x8000, 0, 0x8000), word(0, 0, 0, 0x8000), word(0xFFFF, 0xFFFF, 0, 0xFFFF)
    )
    for name in ("i32", "u32", "i64", "u64"):
        try:
            assert isinstance(getattr(r, name), int)
        except OverflowError:
            pass


def test_floats():
    zero = (word(), word(), word(), word())
    r = whole(*zero, word(0, 0xBFC0, 0, 0), word(0, 0, 0, 0x4004))
    assert r.f32 == -1.5 and r.f64 == 2.5
    r = whole(*zero, word(0, 0x7F80), word(0, 0, 0, 0xFFF0))
    assert r.f32 == float("inf") and r.f64 == -float("inf")
    r = whole(*zero, word(0, 0x7FC0), word(0, 0, 0, 0x7FF8))
    assert r.f32 != r.f32 and r.f64 != r.f64
    r = whole()
    assert r.f32 == 0 and isinstance(r.f32, float)
    assert r.f64 == 0 and isinstance(r.f64, float)


def test_enums():
    zero = (word(), word(), word(), word())
    assert whole().color == "red" == COLOR.red
    assert whole(*zero, word(0, 0, 2)).color == "blue" == COLOR.blue
    for unknown in (3, 0x7FFF, 0x8000, 0xFFFF):
        assert whole(*zero, word(0, 0, unknown)).color == unknown
    assert field(ENUM, (COLOR, 1), word(0)) == "green"
    assert field(ENUM, (COLOR, 1), word(1)) == "red"
    assert field(ENUM, (COLOR, 1), word(3)) == "blue"
    assert field(ENUM, (COLOR, 1), word(0xFFFF)) == 0xFFFE
    assert field(ENUM | 4 << 5, (COLOR, 2), word()) == "blue"


def test_void():
    assert whole().nothing is None


def test_text():
    text = "grün ✓".encode() + b"\0"
    data = text + bytes(-len(text) % 8)
    m = message(struct_ptr(0, 0, 1) + list_ptr(0, 2, len(text)) + data)
    assert root(m, ALL).text == "grün ✓"
    assert root(message(struct_ptr(0, 0, 1) + list_ptr(0, 2, 1) + word()), ALL).text == ""
    assert root(message(struct_ptr(0, 0, 1) + word()), ALL).text == ""


def test_text_keeps_nul_inside():
    m = message(struct_ptr(0, 0, 1) + list_ptr(0, 2, 4) + b"a\0b\0\0\0\0\0")
    assert root(m, ALL).text == "a\0b"


def text(pointer, data):
    return root(message(struct_ptr(0, 0, 1) + pointer + data), ALL).text


def test_text_that_is_not_utf8():
    for bad in (b"\xff\0", b"ab\x80\0", b"\xc3\0", b"\xe2\x82\0"):
        data = bad + bytes(8 - len(bad))
        raises(MessageError, "not UTF-8", text, list_ptr(0, 2, len(bad)), data)


def test_data():
    m = message(struct_ptr(0, 0, 2) + word() + list_ptr(0, 2, 3) + b"\xff\0\1\0\0\0\0\0")
    r = root(m, ALL)
    assert r.data == b"\xff\0\1" and isinstance(r.data, bytes)
    assert root(message(struct_ptr(0, 0, 2) + word() + list_ptr(0, 2, 0)), ALL).data == b""
    assert root(message(struct_ptr(0, 0, 2) + word() + word()), ALL).data == b""


def test_struct_field():
    m = message(struct_ptr(0, 0, 3) + word() + word() + struct_ptr(0, 1, 2) + word(7) + bytes(16))
    node = root(m, ALL).node
    assert node.value == 7 and node.name == "" and node.next.value == 0


def test_null_structs_have_defaults_all_the_way():
    node = root(message(word()), ALL).node
    for _ in range(20):
        node = node.next
        assert node.value == 0 and node.name == ""


def test_capability():
    m = message(struct_ptr(0, 0, 5) + bytes(32) + cap_ptr(1))
    m.caps = [None, Cap("one")]
    assert root(m, ALL).cap == ("one", ECHO)
    m = message(struct_ptr(0, 0, 5) + bytes(32) + cap_ptr(0))
    m.caps = [None]
    assert root(m, ALL).cap is None
    assert root(message(struct_ptr(0, 0, 5) + bytes(40)), ALL).cap is None


def test_capabilities_that_are_not_there():
    for index in (2, 0x7FFF, 0x8000, 0xFFFF):
        m = message(struct_ptr(0, 0, 5) + bytes(32) + cap_ptr(index))
        m.caps = [None, Cap("one")]
        r = root(m, ALL)
        raises(MessageError, "no such capability", lambda r=r: r.cap)
    for high in (1, 0x8000, 0xFFFF):
        m = message(struct_ptr(0, 0, 5) + bytes(32) + word(3, 0, 0, high))
        m.caps = [None]
        raises(MessageError, "no such capability", getattr, root(m, ALL), "cap")
    m = message(struct_ptr(0, 0, 5) + bytes(32) + cap_ptr(0))
    r = root(m, ALL)
    raises(MessageError, "no such capability", lambda: r.cap)


def test_pointers_that_are_no_capabilities():
    structs = (word(0, 0, 1), word(0, 0, 0, 1), word(0, 1), word(4))
    for pointer in structs + (word(7), word(3, 1), word(3, 0x8000)):
        m = message(struct_ptr(0, 0, 5) + bytes(32) + pointer)
        m.caps = [Cap("one")]
        r = root(m, ALL)
        raises(MessageError, "not a capability", lambda r=r: r.cap)


# Defaults are exclusive-or: zero bits mean the default.

SMALL_DEFAULTS = (
    (BOOL, True, True),
    (INT8, -5, -5),
    (UINT8, 200, 200),
    (INT16, -300, -300),
    (UINT16, 60000, 60000),
    (INT32, -70000, -70000),
    (UINT32, 70000, 70000),
    (INT64, -70000, -70000),
    (UINT64, 70000, 70000),
    (FLOAT32, b"\0\0\xc0\xbf", -1.5),
    (FLOAT64, b"\0\0\0\0\0\0\4\x40", 2.5),
)


def test_defaults():
    for kind, extra, value in SMALL_DEFAULTS:
        assert field(kind, extra, word()) == value
        assert field(kind, extra) == value  # beyond the struct's end


def test_values_of_fields_with_defaults():
    assert field(BOOL, True, word(1)) is False
    assert field(INT8, -5, word(0x00FA)) == 1  # -5 ^ 1
    assert field(UINT8, 200, word(200)) == 0
    assert field(INT16, -300, word(0xFFFF)) == 299
    assert field(UINT16, 60000, word(60000 ^ 7)) == 7
    assert field(INT32, -70000, word(0xFFFF, 0xFFFF)) == 69999
    assert field(UINT32, 70000, word(70000 & 0xFFFF, 1)) == 0
    assert field(INT64, -70000, word(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)) == 69999
    assert field(UINT64, 70000, word(70000 & 0xFFFF, 1)) == 0
    assert field(FLOAT32, b"\0\0\xc0\xbf", word(0, 0xBFC0)) == 0
    assert field(FLOAT64, b"\0\0\0\0\0\0\4\x40", word(0, 0, 0, 0x4004 ^ 0x4008)) == 3


def test_float_default_whose_difference_is_a_signalling_nan():
    # 0x7F800001 ^ 0x3F800000 = 0x40000001: must not pass through a float register.
    value = field(FLOAT32, b"\0\0\x80\x3f", word(1, 0x7F80))
    assert 2 < value < 2.000001 or value == 2


def test_defaults_of_more_than_31_bits():
    big = needs_big_integers(64)
    cases = (
        (INT32, b"\xff\xff\xff\x7f", power(31) - 1),
        (INT32, b"\0\0\0\x80", -power(31)),
        (UINT32, b"\xff\xff\xff\xff", power(32) - 1),
        (INT64, b"\0\0\0\0\0\0\0\x80", -(big >> 1)),
        (INT64, b"\0\0\0\0\1\0\0\0", power(32)),
        (UINT64, b"\xff\xff\xff\xff\xff\xff\xff\xff", big - 1),
    )
    for kind, extra, value in cases:
        assert field(kind, extra, word()) == value
        assert field(kind, extra) == value
        assert field(kind, extra, word(1)) == value ^ 1
    assert field(INT32, b"\xff\xff\xff\x7f", word(0xFFFF, 0xFFFF)) == -power(31)
    assert field(INT32, b"\0\0\0\x80", word(0, 0x8000)) == 0
    assert field(UINT64, b"\xff" * 8, word(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF)) == 0


POINTER_DEFAULTS = Struct(
    "Defaults",
    0,
    4,
    # fmt: off
    (
        "text",
        TEXT | 0 << 5,
        b"hello",
        "data",
        DATA | 1 << 5,
        b"\xff\0",
        "node",
        STRUCT | 2 << 5,
        (NODE, struct_ptr(0, 1, 2) + word(42) + list_ptr(1, 2, 2) + word() + b"x\0\0\0\0\0\0\0"),
        "list",
        LIST | 3 << 5,
        (INT16, None, list_ptr(0, 3, 3) + word(1, 0xFFFF, 3)),
    ),
    # fmt: on
)


def test_defaults_of_pointers():
    for m in (message(word()), message(struct_ptr(0, 0, 4) + bytes(32))):
        for _ in range(2):
            r = root(m, POINTER_DEFAULTS)
            assert r.text == "hello" and r.data == b"\xff\0"
            assert r.node.value == 42 and r.node.name == "x" and r.node.next.value == 0
            assert list(r.list) == [1, -1, 3]


def test_pointers_that_are_set_hide_their_default():
    m = message(
        struct_ptr(0, 0, 4)
        + list_ptr(3, 2, 1)
        + list_ptr(2, 2, 0)
        + struct_ptr(-1, 0, 0)
        + list_ptr(0, 3, 0)
        + word()
    )
    r = root(m, POINTER_DEFAULTS)
    assert r.text == "" and r.data == b"" and r.node.value == 0 and len(r.list) == 0


# Evolution.


def test_shorter_struct_than_our_schema():
    for words in range(7):
        r = root(message(struct_ptr(0, words, 0) + b"\xff" * 8 * words), ALL)
        assert r.flag is (words > 0)
        assert r.u16 == (65535 if words > 0 else 0)
        assert r.i32 == (-1 if words > 1 else 0)
        assert r.i64 == (-1 if words > 2 else 0)
        assert (r.f32 != r.f32) is (words > 4)
        assert r.color == (65535 if words > 4 else "red")
        assert (r.f64 != r.f64) is (words > 5)
        assert r.text == "" and len(r.numbers) == 0 and r.cap is None


def test_fields_do_not_reach_into_the_pointers():
    r = root(message(struct_ptr(0, 0, 1) + list_ptr(0, 2, 1) + word()), ALL)
    assert (r.flag, r.i8, r.u16, r.i32, r.i64, r.f32) == (False, 0, 0, 0, 0, 0)


def test_fields_just_beyond_the_end():
    for kind, size in (
        (INT8, 1),
        (UINT8, 1),
        (INT16, 2),
        (UINT16, 2),
        (INT32, 4),
        (UINT32, 4),
        (INT64, 8),
        (UINT64, 8),
        (FLOAT32, 4),
        (FLOAT64, 8),
    ):
        for words in ((), (word(1),), (word(1), word(2))):
            at = 8 * len(words) // size
            assert field(kind | at << 5, None, *words) == 0
            more = word(3)
            if kind in (FLOAT32, FLOAT64):
                # 2.0 or near: a board's floats may know no denormal numbers
                more = word(0, 0x4000, 0, 0x4000)
            assert field(kind | at << 5, None, *words, more) != 0
    assert field(BOOL | 64 << 5, None, word()) is False
    assert field(BOOL | 64 << 5, None, word(), word(1)) is True


def test_longer_struct_than_our_schema():
    m = message(struct_ptr(0, 2, 3) + word(7) + word(0xFFFF) + word() + word() + list_ptr(0, 2, 1))
    r = root(m, NODE)
    assert r.value == 7 and r.name == "" and r.next.value == 0


# Unions.


def test_unnamed_union():
    def shape(which, *pointer):
        data = word(5, which, 0xFFFE, 0xFFFF) + bytes(24)
        return root(
            message(struct_ptr(0, 4, 1) + data + (pointer[0] if pointer else word())), SHAPE
        )

    r = shape(0)
    assert r.which_() == "none" and r.none is None and r.id == 5
    r = shape(1)
    assert r.which_() == "size" and r.size == -2
    raises(AttributeError, "Shape.none: the union holds size", lambda: r.none)
    raises(AttributeError, "Shape.label: the union holds size", lambda: r.label)
    assert shape(2).label == "?"
    assert shape(3).child.value == 0
    raises(MessageError, "out of bounds", lambda: shape(3, struct_ptr(9, 1, 0)).child)


def test_unknown_union_member():
    for tag in (4, 0x7FFF, 0x8000, 0xFFFF):
        r = root(message(struct_ptr(0, 4, 2) + word(1, tag) + bytes(40)), SHAPE)
        assert r.which_() == tag and r.id == 1
        for name in ("none", "size", "label", "child"):
            raises(AttributeError, "the union holds %d" % tag, getattr, r, name)


def test_union_of_a_short_struct_holds_its_first_field():
    r = root(message(struct_ptr(0, 0, 0)), SHAPE)
    assert r.which_() == "none" and r.group.which_() == "off"
    assert r.group.x == 7


def test_named_union_and_groups_in_groups():
    data = word(0, 0) + word(2, 0, 9 ^ 7, 0) + word(0, 1, 300) + word()
    r = root(
        message(struct_ptr(0, 4, 2) + data + bytes(8) + list_ptr(0, 2, 2) + b"b" + bytes(7)), SHAPE
    )
    group = r.group
    assert group.x == 9 and group.which_() == "inner"
    assert group.inner.which_() == "b" and group.inner.b == "b"
    raises(AttributeError, "the union holds inner", lambda: group.level)
    raises(AttributeError, "inner.a: the union holds b", lambda: group.inner.a)
    data = word(0, 0) + word(1, 0, 0, 0) + word(500 ^ 3) + word()
    assert root(message(struct_ptr(0, 4, 0) + data), SHAPE).group.level == 3


def test_names():
    r = whole()
    raises(AttributeError, "All has no field absent", lambda: r.absent)
    raises(TypeError, "has no union", r.which_)
    keyword = Struct("K", 1, 0, ("class", UINT8, None))
    assert root(message(struct_ptr(0, 1, 0) + word(3)), keyword).class_ == 3


def test_data_and_pointers_of_one_struct():
    # fmt: off
    kind = Struct("S", 1, 2, (
        "third", UINT16 | 2 << 5, None, "text", TEXT, None, "more", TEXT | 1 << 5, b"none",
        "cap", INTERFACE | 1 << 5, ECHO, "nothing", VOID, None))
    # fmt: on
    r = root(
        message(struct_ptr(0, 1, 1) + word(1, 2, 3, 4) + list_ptr(0, 2, 2) + padded(b"x")), kind
    )
    assert (r.third, r.text, r.more, r.cap, r.nothing) == (3, "x", "none", None, None)


SMALL = ("flag", "i8", "u8", "i16", "u16", "i32", "u32", "color", "nothing")


def test_text_beyond_utf8():
    """What MicroPython's own decoder takes is refused as well: too long forms, surrogates, beyond Unicode."""
    for data in (
        b"\x80",
        b"a\xff",
        b"\xc3",
        b"\xc0\x80",
        b"\xc1\xbf",
        b"\xe0\x80\x80",
        b"\xe0\x9f\xbf",
    ):
        raises(MessageError, "UTF-8", text, list_ptr(0, 2, len(data) + 1), padded(data + b"\0"))
    for data in (b"\xed\xa0\x80", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80"):
        raises(MessageError, "UTF-8", text, list_ptr(0, 2, len(data) + 1), padded(data + b"\0"))
    for value in ("\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff"):
        data = value.encode()
        assert text(list_ptr(0, 2, len(data) + 1), padded(data + b"\0")) == value
