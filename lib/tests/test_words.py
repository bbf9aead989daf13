# SPDX-License-Identifier: MIT
"""Layers `words` and `rpc`: the views of one buffer, and table keys."""

from run import needs_big_integers, needs_micropython, power

from capnrpc_micro.rpc.wire import key, put_key
from capnrpc_micro.words import FORMAT, SHIFT, clear, new_views, view, views

# Halves in all four quarters of their range, and the edges between them.
HALVES = (0, 1, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xBFFF, 0xC000, 0xFFFF)


def three(v):
    """The views that are always made: words, halves and bytes."""
    return v[6], v[5], v[3]


def test_views_show_the_same_memory():
    buffer = bytearray(range(1, 9))
    i, h, b = three(views(buffer))
    assert (h[0], h[1], h[2], h[3]) == (0x0201, 0x0403, 0x0605, 0x0807)
    assert (i[0], i[1]) == (0x04030201, 0x08070605)
    assert bytes(b) == bytes(buffer)
    h[3] = 0
    i[0] = -1
    b[4] = 9
    assert bytes(buffer) == b"\xff\xff\xff\xff\x09\x06\x00\x00"


def test_views_on_demand():
    v = new_views(16)
    for kind in (2, 4, 7):
        assert v[kind] is None
        made = view(v, kind)
        assert v[kind] is made
        v[3][:] = b"\x85\x01" * 8
        assert made[0] == (-123 if kind == 2 else 0x0185 if kind == 4 else 0x0185 << 16 | 0x0185)
        last = (16 << 3 >> SHIFT[kind]) - 1
        made[last] = 1
        assert v[3][last * (1 << SHIFT[kind] >> 3)] == 1
        try:
            made[last + 1]
        except IndexError:
            continue
        raise AssertionError("read beyond the end")


def test_formats_and_shifts_agree():
    from struct import calcsize

    for kind in range(2, 12):  # the numbers
        assert 8 * calcsize(FORMAT[kind]) == 1 << SHIFT[kind]


def test_words_are_signed():
    i, h, _ = three(new_views(8))
    h[0] = 0
    h[1] = 0xC000
    assert i[0] == -power(29) - power(29)
    h[1] = 0x3FFF
    h[0] = 0xFFFF
    assert i[0] == (1 << 29) - 1 + (1 << 29)


def test_words_outside_31_bits():
    big = needs_big_integers(31)
    i, h, _ = three(new_views(8))
    h[1] = 0x8000
    assert i[0] == -big
    h[1] = 0x7FFF
    assert i[0] == 0x7FFF * power(16)


def test_words_outside_31_bits_overflow_without_big_integers():
    i, h, _ = three(new_views(8))
    h[1] = 0x8000
    try:
        assert i[0] < -power(29) - power(29)
    except OverflowError:
        pass


def test_size_is_rounded_up_to_words():
    for size, rounded in ((0, 0), (1, 8), (7, 8), (8, 8), (9, 16)):
        assert len(new_views(size)[3]) == rounded


def test_views_keep_their_memory():
    import gc

    i, h, b = three(new_views(64))
    i[3] = 77
    b = None
    gc.collect()
    for _ in range(40):  # would be given the freed memory
        b = bytearray(64)
        b[12] = 1
    assert i[3] == 77 and h[6] == 77


def test_index_beyond_the_end():
    i, h, b = three(new_views(8))
    for each, end in ((i, 2), (h, 4), (b, 8)):
        try:
            each[end]
        except IndexError:
            continue
        raise AssertionError("read beyond the end")


def test_clear():
    for start, end in ((0, 0), (0, 8), (3, 5), (8, 264), (1, 1000), (300, 1024)):
        b = memoryview(bytearray(b"\xff" * 1024))
        clear(b, start, end)
        assert bytes(b[:start]) == b"\xff" * start
        assert bytes(b[start:end]) == bytes(end - start)
        assert bytes(b[end:]) == b"\xff" * (1024 - end)


def test_key_is_the_number_below_2_to_30():
    h = new_views(8)[5]
    h[2], h[3] = 0xFFFF, 0x3FFF
    assert key(h, 2) == (0x3FFF << 16 | 0xFFFF)
    h[2], h[3] = 5, 0
    assert key(h, 2) == 5


def test_key_is_bytes_from_2_to_30():
    h = new_views(8)[5]
    h[2], h[3] = 0x0201, 0x4000
    assert key(h, 2) == b"\x01\x02\x00\x40"
    h[2], h[3] = 0xFFFF, 0xFFFF
    assert key(h, 2) == b"\xff\xff\xff\xff"


def test_keys_of_all_quarters_come_back():
    _, h, b = three(new_views(16))
    keys = set()
    for low in HALVES:
        for high in HALVES:
            h[0], h[1] = low, high
            h[4], h[5] = 0xAAAA, 0x5555
            found = key(h, 0)
            put_key(h, 4, found)
            assert bytes(b[:4]) == bytes(b[8:12])
            keys.add(found)
    assert len(keys) == len(HALVES) * len(HALVES)
    assert bytes(b[12:]) == bytes(4)


def test_key_below_2_to_30_takes_no_memory():
    needs_micropython()
    import gc

    h = new_views(8)[5]
    h[0], h[1] = 0xFFFF, 0x3FFF
    before = gc.mem_alloc()
    for _ in range(10):
        key(h, 0)
        put_key(h, 2, 7)
    assert gc.mem_alloc() == before
