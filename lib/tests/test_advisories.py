# SPDX-License-Identifier: MIT
"""Advisories about other implementations of Cap'n Proto, and the rules that came of them, by name.

Each test receives bytes as from a stream, reads them through readers, and copies them: no copy may
be read that could not be read itself.
"""

from kinds import (
    DATA,
    ENUM,
    FLOAT32,
    FLOAT64,
    INT8,
    INT32,
    INT64,
    INTERFACE,
    LIST,
    STRUCT,
    TEXT,
    UINT8,
    UINT16,
    UINT64,
    VOID,
)
from wirekit import (
    COLOR,
    ECHO,
    NODE,
    built,
    cap_ptr,
    far_ptr,
    list_ptr,
    padded,
    raises,
    root,
    struct_ptr,
    tag,
    word,
)

from capnrpc_micro.layout import ListReader
from capnrpc_micro.limits import Limits
from capnrpc_micro.message import Builder, MessageError, Receiver
from capnrpc_micro.schema import Struct

OUTSIDE = "pointer"  # out of bounds; just bad if the interpreter has no integer for its offset
TRAVERSAL = "traversal limit"
NESTING = "nesting limit"
TAG = "bad list of structs"
NUL = "lacks NUL"
OTHER = "list of other elements"
MOST = (1 << 29) - 1  # elements that a list pointer can count
# High halves of a pointer's words, around each place where a signed or shifted number turns.
QUARTERS = (0x1FFF, 0x2000, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xBFFF, 0xC000, 0xDFFF, 0xFFF0)

BYTES = (UINT8, None)
VOIDS = (VOID, None)
NODES = (STRUCT, NODE)


def receiver(**limits):
    return Receiver(Limits(message_words=1024, receive_bytes=512, **limits))


def feed(r, data):
    """Gives a Receiver these bytes. Returns its message."""
    while data:
        space = r.space()
        n = min(len(space), len(data))
        space[:n] = data[:n]
        data = data[n:]
        r.filled(n)
        found = r.next()
    assert found
    return r.message


def framed(*segments):
    """A frame of these segments."""
    table = [len(segments) - 1]
    for segment in segments:
        table.append(len(segment) // 8)
    if len(table) % 2:
        table.append(0)
    head = [word(table[k], 0, table[k + 1], 0) for k in range(0, len(table), 2)]
    return b"".join(head) + b"".join(segments)


def holder(kind, extra, *segments, **limits):
    """A received struct whose field `it` is the pointer that the first segment begins with."""
    m = feed(receiver(**limits), framed(struct_ptr(0, 0, 1) + segments[0], *segments[1:]))
    return root(m, Struct("Holder", 0, 1, ("it", kind, extra)), m.nesting)


def copied(reader):
    """A deep copy of a holder."""
    wrapper = Struct("Wrapper", 0, 1, ("holder", STRUCT, reader._type))
    return root(built(wrapper, {"holder": reader}, 64, 1 << 13), wrapper).holder


def read(reader):
    """Reads the field `it`, and its first elements if it is a list."""
    value = reader.it
    if isinstance(value, ListReader):
        for k in range(min(len(value), 100)):
            value[k]


def refused(text, kind, extra, *segments, **limits):
    """The pointer is refused, and also in a copy of the struct if that can be made at all."""
    raises(MessageError, text, read, holder(kind, extra, *segments, **limits))
    source = holder(kind, extra, *segments, **limits)
    raises(MessageError, "", lambda: read(copied(source)))


# Limits: traversal, nesting, sizes.


def test_rule_each_dereference_is_counted():
    """Pointers that share one object let a small message be read, or copied, as a huge one."""
    lists = list_ptr(0, 6, 100) + b"".join([list_ptr(99 - k, 5, 100) for k in range(100)])
    shared = (LIST, (LIST, BYTES), lists + bytes(800))
    seen = 0
    try:
        for inner in holder(*shared, traversal_words=2000).it:
            seen += len(inner)
    except MessageError as error:
        assert TRAVERSAL in str(error)
    assert seen == 1800  # the rest went into the pointers themselves
    raises(MessageError, "", copied, holder(*shared, traversal_words=2000))
    # lists of 20 pointers to the same list, 20 deep: 20**20 leaves
    levels = list_ptr(0, 6, 20)
    for level in range(20):
        for k in range(20):
            levels += list_ptr(19 - k, 6, 20) if level < 19 else word()
    raises(MessageError, "", copied, holder(LIST, VOIDS, levels))


def test_rule_nesting_of_structs():
    """Deep or circular pointers let readers that call themselves run out of stack."""
    for limit in (20, 64):
        reader = holder(STRUCT, LOOP, struct_ptr(-1, 0, 1), nesting=limit).it
        for _ in range(limit - 2):
            reader = reader.it
        raises(MessageError, NESTING, lambda reader=reader: reader.it)
    raises(MessageError, "", copied, holder(STRUCT, LOOP, struct_ptr(-1, 0, 1)))


LOOP = Struct("Loop", 0, 1)
LOOP.fields_(("it", STRUCT, LOOP))


def test_rule_nesting_of_lists():
    """The same with lists in lists."""
    extra = None
    for _ in range(70):
        extra = (LIST, extra)
    for limit in (20, 64):
        reader = holder(LIST, extra, list_ptr(-1, 6, 1), nesting=limit).it
        for _ in range(limit - 2):
            reader = reader[0]
        raises(MessageError, NESTING, lambda reader=reader: reader[0])
    raises(MessageError, "", copied, holder(LIST, extra, list_ptr(-1, 6, 1)))


def test_rule_sizes_are_refused_before_memory_is_taken():
    """Eight bytes that announce a huge message made receivers allocate it."""
    for head in (word(0, 0, 0xFFFF, 0x0FFF), word(1, 0, 1, 0) + word(0xFFFF, 0x0FFF)):
        r = receiver()
        before = len(r.message.b)
        raises(MessageError, "message of ", feed, r, head)
        assert len(r.message.b) == before


def test_rule_no_message_is_sent_beyond_the_limit():
    """A peer drops the connection for a message beyond its limit: the sender sees it first."""
    m = Builder(64, 1024)
    m.begin()
    m.alloc(6)
    raises(MessageError, "message of ", m.end, 3)
    m.rollback()
    assert m.hi == 0
    m.begin()
    m.alloc(4)
    m.end(3)


def test_rule_512_segments():
    """What C++ takes is taken, and no more: each segment costs memory beyond its bytes."""
    limits = Limits.host(receive_bytes=512)
    found = feed(Receiver(limits), framed(word(), *[b""] * 511))
    assert root(found, NODE).value == 0
    more = framed(word(), *[b""] * 512)
    raises(MessageError, "more than 512 segments", feed, Receiver(limits), more)


def test_segment_count_0xffffffff_2026_03_12():
    """C++: the number of segments, sent less one, came round to 0."""
    for head in (word(0xFFFF, 0xFFFF), word(0xFFFF, 0xFFFF, 1, 0) + bytes(64)):
        raises(MessageError, "more than 64 segments", feed, receiver(), head)


def test_java_2021_09_30_1_negative_segment_sizes():
    """Java: a segment's size was signed, so that a negative one made up for others."""
    for head in (
        word(0, 0, 0xFFFF, 0xFFFF),  # -1
        word(1, 0, 2, 0) + word(0xFFFF, 0xFFFF),  # 2 - 1 words in all
        word(2, 0, 1, 0) + word(0, 0x8000, 0, 0x8000),  # 1 + 2**32
    ):
        raises(MessageError, "message of ", feed, receiver(), head)


# Bounds of structs and lists.


def test_cve_2015_2310_offsets_in_all_quarters():
    """C++: a sum or product of numbers in a pointer wrapped, and passed as within bounds."""
    for high in QUARTERS:
        for low in (0, 4, 0xFFFC):
            refused(OUTSIDE, STRUCT, NODE, word(low, high, 1, 0) + bytes(8))
            refused(OUTSIDE, STRUCT, NODE, word(low, high, 0, 0) + bytes(8))
            refused(OUTSIDE, LIST, BYTES, word(low | 1, high, 10, 0) + bytes(8))
            refused(OUTSIDE, LIST, VOIDS, word(low | 1, high, 8, 0) + bytes(8))


def test_cve_2015_2310_list_sizes_in_all_quarters():
    """The same for the size of a list."""
    for high in QUARTERS:
        for code in (1, 2, 3, 4, 5, 6, 7):
            pointer = word(1, 0, 0xFFF8 | code, high)
            refused(OUTSIDE, LIST, (INT32, None), pointer + bytes(64))
            refused(OUTSIDE, LIST, NODES, pointer + bytes(64))


def test_cve_2015_2310_composite_sizes():
    """The same for count times size of structs in a list, 0 or small in 32 bits."""
    for count, data, pointers in (
        (1 << 28, 16, 0),
        (1 << 16, 0x8000, 0x8000),
        (3, 0xFFFF, 0xFFFF),
        (3, 1, 0),
    ):
        refused(
            TAG,
            LIST,
            NODES,
            list_ptr(0, 7, 2) + tag(count, data, pointers) + bytes(16),
        )


def test_java_2021_10_04_0_negative_numbers_in_a_tag():
    """Java: a negative count or size of a list's structs passed every comparison."""
    for count in (-1, -2, -1 << 29, 1 << 29):
        for data, pointers in ((1, 0), (0, 0), (0, 1), (0xFFFF, 0xFFFF)):
            words = list_ptr(0, 7, 1) + tag(count, data, pointers) + bytes(8)
            refused(TAG, LIST, NODES, words)
    for kind in (1, 2, 3):
        words = list_ptr(0, 7, 1) + word(4 | kind, 0, 1) + bytes(8)
        refused(TAG, LIST, NODES, words)
    for data, pointers in ((0x8000, 0), (0, 0x8000), (0xFFFF, 1), (1, 0xFFFF), (0x8000, 0x8000)):
        words = list_ptr(0, 7, 1) + tag(1, data, pointers) + bytes(8)
        refused(TAG, LIST, NODES, words)


def test_cve_2017_7892_bounds_at_the_end_of_memory():
    """C++: a compiler dropped checks for pointers that come round the end of the memory."""
    for offset in (MOST, -1 << 29):
        for size in (0, 1, 0xFFFF):
            refused(OUTSIDE, STRUCT, NODE, struct_ptr(offset, size, 0xFFFF) + bytes(8))
            refused(OUTSIDE, LIST, BYTES, list_ptr(offset, 2, MOST - size) + bytes(8))


def test_rule_landing_pads_of_far_pointers():
    """Far pointers were followed to where no whole landing pad stands."""
    pad = struct_ptr(0, 1, 0) + word(5)
    for offset in (2, 3, 1 << 20, 1 << 28, MOST):
        refused(OUTSIDE, STRUCT, NODE, far_ptr(1, offset), pad)
        refused(OUTSIDE, STRUCT, NODE, far_ptr(1, offset, True), pad)
    # the second word of the pad would be the next segment's first
    halves = (far_ptr(3, 0), struct_ptr(0, 1, 0), word(5))
    refused(OUTSIDE, STRUCT, NODE, far_ptr(1, 0, True), *halves)
    refused(OUTSIDE, STRUCT, NODE, far_ptr(1, 0), b"")
    for low, high in ((2, 0), (0xFFFF, 0), (0, 1), (1, 0x8000), (0xFFFF, 0xFFFF), (0, 0x4000)):
        refused(OUTSIDE, STRUCT, NODE, word(2, 0, low, high), pad)
        refused(OUTSIDE, LIST, BYTES, word(2, 0, low, high), pad)
        refused(OUTSIDE, STRUCT, NODE, word(6, 0, 1), word(2, 0, low, high) + pad)


def test_rule_what_double_far_pointers_lead_to():
    """The object of a double-far pointer was not checked against the segment that it is in."""
    for offset in (1, 2, 1 << 20, (1 << 28) - 1):
        pads = far_ptr(2, offset) + struct_ptr(0, 1, 0)
        refused(OUTSIDE, STRUCT, NODE, far_ptr(1, 0, True), pads, word(5))
        pads = far_ptr(2, offset) + list_ptr(0, 2, 1)
        refused(OUTSIDE, LIST, BYTES, far_ptr(1, 0, True), pads, word(5))
    pads = far_ptr(2, 2) + list_ptr(0, 0, 1)
    refused(OUTSIDE, LIST, VOIDS, far_ptr(1, 0, True), pads, word(5))


def test_rust_constants_are_checked():
    """Rust: constants made from any words were read without the checks of messages."""
    for words in (struct_ptr(0, 2, 0) + word(1), struct_ptr(-2, 1, 0), far_ptr(1, 0), cap_ptr(0)):
        raises(MessageError, "", read, holder(STRUCT, (NODE, words), word()))
    for words in (list_ptr(0, 2, 9) + word(), list_ptr(-2, 2, 8), struct_ptr(-1, 0, 0)):
        raises(MessageError, "", read, holder(LIST, BYTES + (words,), word()))


# Elements of no size.


def test_cve_2015_2312_list_of_voids():
    """C++: 2**29 elements of no size cost 8 bytes, and a loop over them for ever."""
    refused(TRAVERSAL, LIST, VOIDS, list_ptr(0, 0, MOST))
    refused(TRAVERSAL, LIST, VOIDS, list_ptr(0, 0, 1001), traversal_words=1000)
    reader = holder(LIST, VOIDS, list_ptr(0, 0, 999), traversal_words=1000)
    assert len(reader.it) == 999
    raises(MessageError, TRAVERSAL, lambda: reader.it)


def test_cve_2015_2312_list_of_empty_structs():
    """The same with structs of no size."""
    for count in (MOST, (1 << 16) + 1):
        words = list_ptr(0, 7, 0) + tag(count, 0, 0)
        refused(TRAVERSAL, LIST, NODES, words)
        refused(TRAVERSAL, LIST, VOIDS, words)
    reader = holder(LIST, NODES, list_ptr(0, 7, 0) + tag(100, 0, 0), traversal_words=102)
    assert [item.value for item in reader.it] == [0] * 100
    raises(MessageError, TRAVERSAL, lambda: reader.it)


def test_java_2021_09_30_0_huge_empty_lists():
    """Java: the same again, with voids read as structs as well."""
    refused(TRAVERSAL, LIST, NODES, list_ptr(0, 0, MOST))
    refused(TRAVERSAL, LIST, (LIST, VOIDS), list_ptr(0, 7, 0) + tag(MOST, 0, 0))


def test_cve_2015_2313_size_of_empty_elements():
    """C++: adding up what a copy takes went through elements of no size for ever."""
    for words in (
        list_ptr(0, 0, MOST),
        list_ptr(0, 7, 0) + tag(MOST, 0, 0),
        list_ptr(0, 6, 8) + b"".join([list_ptr(7 - k, 7, 0) for k in range(8)]) + tag(60000, 0, 0),
    ):
        raises(MessageError, TRAVERSAL, copied, holder(LIST, VOIDS, words))
    for words in (list_ptr(0, 0, 1000), list_ptr(0, 7, 0) + tag(1000, 0, 0)):
        assert len(copied(holder(LIST, VOIDS, words)).it) == 1000


# Text, and lists of another kind than expected.


def test_cve_2015_2311_text_of_size_0():
    """C++: the size of a Text without even its NUL, less one, was a huge number."""
    refused(NUL, TEXT, None, list_ptr(0, 2, 0) + bytes(8))
    refused(NUL, TEXT, None, list_ptr(-1, 2, 0))
    refused(NUL, LIST, (TEXT, None), list_ptr(0, 6, 1) + list_ptr(0, 2, 0))


def test_rule_text_ends_with_nul():
    """Text without its NUL was handed on to functions that look for one."""
    refused(NUL, TEXT, None, list_ptr(0, 2, 3) + b"abc\0\0\0\0\0")
    refused(NUL, TEXT, None, list_ptr(0, 2, 8) + b"12345678" + bytes(8))


def test_pycapnp_2_2_4_malformed_text():
    """pycapnp: a Text pointer to something else was a null pointer, and followed."""
    refused("another kind of object", TEXT, None, struct_ptr(0, 1, 0) + bytes(8))
    refused("another kind of object", TEXT, None, cap_ptr(0) + bytes(8))
    for code, count in ((0, 3), (3, 3), (6, 1)):
        refused(OTHER, TEXT, None, list_ptr(0, code, count) + bytes(8))


def test_cve_2022_46149_list_of_structs_as_list_of_pointers():
    """C++, Rust: the first pointer of each struct was read, though the structs had none."""
    for words in (
        list_ptr(0, 7, 2) + tag(2, 1, 0) + word(1) + word(2) + cap_ptr(0),
        list_ptr(0, 7, 0) + tag(5, 0, 0) + word(),
    ):
        for item in ((TEXT, None), (DATA, None), (LIST, BYTES), (INTERFACE, ECHO)):
            refused(OTHER, LIST, item, words)
    # the other way about: numbers of structs that have no data
    words = list_ptr(0, 7, 2) + tag(2, 0, 1) + word() + word()
    for kind in (INT8, UINT16, INT32, INT64, UINT64, FLOAT32, FLOAT64):
        refused(OTHER, LIST, (kind, None), words)
    refused(OTHER, LIST, (ENUM, COLOR), words)
    # where the structs have data and pointers, it is their pointers that are read
    words = list_ptr(0, 7, 4) + tag(2, 1, 1) + word(9) + list_ptr(2, 2, 2) + word(9) + word()
    found = holder(LIST, (TEXT, None), words + padded(b"x"))
    assert list(found.it) == list(copied(found).it) == ["x", ""]
