# SPDX-License-Identifier: MIT
"""Layer `layout`: Float64 fields on boards whose floats have single precision.

A number that such a board only passes on keeps all its bits if it stays 8 bytes: raw_() gives
them, and a field takes them.
"""

from struct import pack

from kinds import FLOAT32, FLOAT64, LIST, STRUCT
from run import skip
from wirekit import LISTS, built, message, raises, root, struct_ptr, word

from capnrpc_micro.message import Builder
from capnrpc_micro.objects.dispatch import put_results
from capnrpc_micro.schema import Struct

TENTH = word(0x999A, 0x9999, 0x9999, 0x3FB9)
PATTERNS = (
    TENTH,
    word(),
    word(0, 0, 0, 0x8000),  # -0.0
    word(0, 0, 0, 0x3FF0),  # 1.0
    word(1, 0, 0, 0x3FF0),  # the next one
    word(0x2D18, 0x5444, 0x21FB, 0x4009),  # pi
    word(0xFFFF, 0xFFFF, 0xFFFF, 0x7FEF),  # the largest
    word(0, 0, 0, 0x0010),  # the smallest normal one
    word(0xFFFF, 0xFFFF, 0xFFFF, 0x000F),  # the largest subnormal one
    word(1),  # the smallest of all
    word(1, 0, 0, 0x8000),
    word(0, 0, 0, 0x7FF0),  # infinity
    word(0, 0, 0, 0xFFF0),
    word(0, 0, 0, 0x7FF8),  # a quiet NaN
    word(0x5678, 0x1234, 0xABCD, 0xFFFD),  # one that says something
    word(1, 0, 0, 0x7FF0),  # a signalling one
    word(0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF),
)

PLAIN = Struct("Plain", 2, 0, ("x", FLOAT64 | 1 << 5, None))
PI = Struct("Pi", 2, 0, ("x", FLOAT64 | 1 << 5, PATTERNS[5]))
TYPES = (PLAIN, PI)


def needs_single_floats():
    if pack("<d", float("0.1")) == TENTH:
        skip("needs floats of single precision")


def received(type, bits):
    """A reader of a received struct whose field x holds these bits."""
    default = type.table_[2] or bytes(8)
    data = bytes([bits[k] ^ default[k] for k in range(8)])
    return root(message(struct_ptr(0, 2, 0) + bytes(8) + data), type)


def test_floats_lose_digits():
    needs_single_floats()
    for bits in (PATTERNS[0], PATTERNS[4], PATTERNS[5], PATTERNS[6], PATTERNS[9]):
        r = received(PLAIN, bits)
        assert pack("<d", r.x) != bits == bytes(r.raw_("x"))


def test_raw_bytes_are_those_received():
    for type in TYPES:
        for bits in PATTERNS:
            assert bytes(received(type, bits).raw_("x")) == bits


def test_raw_bytes_beyond_the_end_are_the_default():
    for type in TYPES:
        for words in (0, 1):
            r = root(message(struct_ptr(0, words, 0) + bytes(8 * words)), type)
            assert bytes(r.raw_("x")) == (type.table_[2] or bytes(8))


def test_fields_take_raw_bytes():
    for source in TYPES:
        for type in TYPES:
            for bits in PATTERNS:
                raw = received(source, bits).raw_("x")
                b = type.new_message()
                b.x = raw
                assert bytes(b.raw_("x")) == bits
                b.x = bytes(raw)
                assert bytes(b.raw_("x")) == bits
                assert bytes(type.new_message(x=raw).raw_("x")) == bits


def test_results_take_raw_bytes():
    for type in TYPES:
        for bits in PATTERNS:
            raw = received(type, bits).raw_("x")
            m = Builder(64, 1024)
            m.begin()
            put_results(m, m.lo, type, raw)
            assert bytes(root(m, type).raw_("x")) == bits
            assert bytes(root(built(type, (bytearray(bits),)), type).raw_("x")) == bits


def test_lists_take_raw_bytes():
    m = built(LISTS, {"f64s": [TENTH, 2.5, PATTERNS[14]]})
    words = bytes(m.b[4 * m.hi - 24 : 4 * m.hi])
    assert words == TENTH + word(0, 0, 0, 0x4004) + PATTERNS[14]


def test_copies_keep_all_bits():
    for type in TYPES:
        pair = Struct("Pair", 0, 2, ("one", STRUCT, type, "more", LIST | 1 << 5, (STRUCT, type)))
        for bits in PATTERNS:
            r = received(type, bits)
            found = root(built(pair, {"one": r, "more": [r]}), pair)
            assert bytes(found.one.raw_("x")) == bytes(found.more[0].raw_("x")) == bits
            assert bytes(r.as_builder().raw_("x")) == bits


def test_bytes_of_another_length():
    for type in TYPES:
        for size in (0, 4, 7, 9, 16):
            raises(TypeError, type.name_ + ".x", built, type, {"x": bytes(size)})


def test_float32_keeps_its_bits():
    type = Struct("Single", 1, 0, ("x", FLOAT32, None))
    for bits in (b"\1\0\x80\x7f", b"\0\0\0\x80", b"\1\0\0\0", b"\xff\xff\xff\xff"):
        raw = root(message(struct_ptr(0, 1, 0) + bits + bytes(4)), type).raw_("x")
        assert bytes(raw) == bits
        assert bytes(root(built(type, {"x": raw}), type).raw_("x")) == bits
