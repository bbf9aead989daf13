# SPDX-License-Identifier: MIT
"""Layer `message`: frames received in any pieces, every limit, and messages built one by one."""

from run import needs_micropython
from wirekit import raises, word

from capnrpc_micro.limits import Limits
from capnrpc_micro.message import Builder, MessageError, Receiver

TOO_LARGE = "message of more than 64 words"


def receiver(**changed):
    return Receiver(Limits(message_words=64, receive_bytes=128, segments=4, **changed))


def frame(*sizes, fill=0):
    """A frame whose segments have these sizes; each word counts up from `fill`."""
    table = []
    for size in (len(sizes) - 1,) + sizes:
        table.append(size)
        table.append(0)
    if len(table) % 4:
        table.extend((0, 0))
    data = b"".join(word(*table[k : k + 4]) for k in range(0, len(table), 4))
    for _ in range(sum(sizes)):
        fill += 1
        data += word(fill, fill, fill, fill)
    return data


def shape(m):
    """The segments' contents."""
    bounds = m.segments or [m.lo, m.hi]
    return [bytes(m.b[4 * bounds[k] : 4 * bounds[k + 1]]) for k in range(0, len(bounds), 2)]


def feed(r, data, step=1 << 20):
    """Contents of all messages in a stream that is read at most `step` bytes at a time."""
    found = []
    while data:
        space = r.space()
        assert len(space) > 0
        n = min(len(space), step, len(data))
        space[:n] = data[:n]
        data = data[n:]
        r.filled(n)
        while r.next():
            found.append(shape(r.message))
    return found


def refused(text, data, **changed):
    raises(MessageError, text, feed, receiver(**changed), data)


def test_one_frame():
    r = receiver()
    assert not r.next()
    assert feed(r, frame(3)) == [[frame(3)[8:]]]
    assert r.message.segments is None
    assert not r.next()


def test_several_frames_in_one_read():
    r = receiver()
    space = r.space()
    data = frame(1) + frame(2, fill=10) + frame(3, fill=20)
    space[: len(data)] = data
    r.filled(len(data))
    sizes = []
    while r.next():
        m = r.message
        sizes.append((m.hi - m.lo) // 2)
        assert m.h[2 * m.lo] == (1, 11, 21)[len(sizes) - 1]
    assert sizes == [1, 2, 3]


def test_frames_cut_at_every_byte():
    data = frame(2) + frame(1, 0, 2, fill=10) + frame(4, fill=20) + frame(1, 1, fill=30)
    whole = feed(receiver(), data)
    assert [len(segments) for segments in whole] == [1, 3, 1, 2]
    for cut in range(1, len(data)):
        r = receiver()
        assert feed(r, data[:cut]) + feed(r, data[cut:]) == whole


def test_frames_byte_by_byte():
    data = frame(2) + frame(1, 0, 2, fill=10) + frame(17, fill=20) + frame(64, fill=30)
    assert feed(receiver(), data, 1) == feed(receiver(), data)


def test_long_streams_in_pieces_of_every_size():
    data = b"".join(frame(1 + k % 15, fill=100 * k) for k in range(40))
    whole = feed(receiver(), data)
    assert len(whole) == 40
    for step in range(1, 140, 7):
        assert feed(receiver(), data, step) == whole


def test_segment_tables():
    for sizes in ((1, 1), (1, 0, 2), (5, 0, 0, 1), (1, 63)):
        (segments,) = feed(receiver(), frame(*sizes))
        assert [len(segment) // 8 for segment in segments] == list(sizes)
        assert b"".join(segments) == frame(*sizes)[-8 * sum(sizes) :]


def test_segments_are_forgotten_by_the_next_message():
    r = receiver()
    feed(r, frame(1, 2) + frame(3))
    assert r.message.segments is None
    assert r.message.hi - r.message.lo == 6


def test_frame_larger_than_the_buffer_and_back():
    r = receiver()
    usual = r.space()
    size = len(usual)
    assert feed(r, frame(60)) == [[frame(60)[8:]]]
    assert not r.next()
    assert len(r.space()) == size  # the usual buffer, all of it
    assert feed(r, frame(3)) == [[frame(3)[8:]]]


def test_back_to_the_usual_buffer_with_half_a_frame():
    r = receiver()
    data = frame(60) + frame(40, fill=100) + frame(2, fill=200)
    whole = feed(receiver(), data)
    for cut in range(8 * 60, len(data)):
        r = receiver()
        assert feed(r, data[:cut], 200) + feed(r, data[cut:], 1) == whole
        assert len(r.space()) <= 128


def test_largest_message():
    assert len(feed(receiver(), frame(64))) == 1
    refused(TOO_LARGE, frame(65)[:8])
    assert len(feed(receiver(), frame(1, 63))) == 1
    refused(TOO_LARGE, frame(1, 64)[:16])


def test_sizes_in_all_quarters():
    for high in (0x0FFF, 0x1000, 0x3FFF, 0x4000, 0x7FFF, 0x8000, 0xBFFF, 0xC000, 0xFFFF):
        for low in (0, 1, 0xFFFF):
            refused(TOO_LARGE, word(0, 0, low, high))
            refused(TOO_LARGE, word(1, 0, 1, 0) + word(low, high))


def test_segment_counts_in_all_quarters():
    for high in (1, 0x4000, 0x8000, 0xC000, 0xFFFF):
        refused("more than 4 segments", word(0, high, 1, 0))
    refused("more than 4 segments", word(0xFFFF, 0, 1, 0))
    refused("more than 4 segments", word(4, 0, 1, 0))
    assert len(feed(receiver(), frame(1, 1, 1, 1))) == 1


def test_message_without_a_root_pointer():
    refused("without a root pointer", word(0, 0, 0, 0))
    refused("without a root pointer", frame(0, 1))
    refused("without a root pointer", frame(0, 0))


def test_traversal_limit_starts_anew():
    r = receiver(traversal_words=77)
    feed(r, frame(1))
    assert r.message.left == 77
    r.message.left = 1
    feed(r, frame(1))
    assert r.message.left == 77
    r.message.left = 1
    feed(r, frame(1, 1))
    assert r.message.left == 77


def test_receiving_takes_no_memory():
    needs_micropython()
    import gc

    r = receiver()
    data = frame(5)
    n = len(data)
    r.space()[:n] = data
    before = gc.mem_alloc()
    r.filled(n)
    r.next()
    assert gc.mem_alloc() == before


def test_copy_outlives_the_buffer():
    for sizes in ((3,), (1, 2), (1, 0, 4)):
        r = receiver()
        feed(r, frame(2, fill=50) + frame(*sizes))
        m = r.message
        m.caps = ["cap"]
        m.left = 9
        kept = m.copy()
        whole = shape(m)
        feed(r, frame(12, fill=100))
        assert shape(kept) == whole
        assert kept.left == 9 and kept.caps == ["cap"]
        assert kept.lo == 0


# Building.


def test_frames_are_built_one_after_another():
    m = Builder(64, 1024)
    for size in (0, 2, 20):
        m.begin()
        assert m.i[m.lo] == 0
        at = m.alloc(2 * size)
        for k in range(size):
            m.h[2 * at + 4 * k] = k + 1
        m.end()
    data = bytes(m.b[: 4 * m.hi])
    assert [len(segments[0]) // 8 for segments in feed(receiver(), data)] == [1, 3, 21]


def test_begin_twice():
    m = Builder(64, 1024)
    m.begin()
    raises(RuntimeError, "a message is being built", m.begin)
    m.end()
    m.begin()


def test_begin_with_a_frame():
    m = Builder(16, 1024)
    m.begin()
    m.end()
    at = m.begin_with(frame(3))
    assert at == 4 and m.lo == 6 and m.building
    at = m.alloc(2)
    m.h[2 * at] = 9
    m.end()
    assert bytes(m.b[16 : 4 * m.hi]) == frame(4)[:8] + frame(3)[8:] + word(9)


def test_growing_keeps_contents_and_positions():
    m = Builder(16, 4096)
    m.begin()
    for k in range(100):
        at = m.alloc(2)
        assert at == m.lo + 2 + 2 * k
        assert m.i[at] == m.i[at + 1] == 0
        m.i[at] = k
    for k in range(100):
        assert m.i[m.lo + 2 + 2 * k] == k
    assert len(m.b) <= 4096


def test_limit_of_a_builder():
    m = Builder(16, 64)
    m.begin()
    m.alloc(12)
    assert m.hi << 2 == 64
    raises(MessageError, "output of more than 64 bytes", m.alloc, 2)
    m.rollback()
    m.begin()
    m.alloc(12)


def test_begin_beyond_the_limit_leaves_what_was_built():
    m = Builder(16, 24)
    m.begin()
    m.i[m.lo] = 5
    m.end()
    whole = bytes(m.b[:16])
    for begin in (m.begin, lambda: m.begin_with(frame(3))):
        raises(MessageError, "output of more than 24 bytes", begin)
        m.rollback()
        assert m.hi == 4 and not m.building
        assert bytes(m.b[:16]) == whole


def test_rollback_leaves_zeros():
    m = Builder(16, 1024)
    m.begin()
    m.i[m.lo] = -1
    m.end()
    kept = bytes(m.b[: 4 * m.hi])
    m.begin()
    at = m.alloc(60)
    for k in range(60):
        m.i[at + k] = -1
    m.rollback()
    assert not m.building
    assert bytes(m.b[: len(kept)]) == kept
    assert bytes(m.b[len(kept) :]) == bytes(len(m.b) - len(kept))
    m.begin()
    assert m.i[m.lo] == 0


def test_reset_leaves_zeros():
    m = Builder(16, 1024)
    m.begin()
    at = m.alloc(20)
    m.i[at] = -1
    m.reset()
    assert m.hi == 0 and not m.building
    assert bytes(m.b) == bytes(len(m.b))


def test_header_of_a_long_message():
    m = Builder(64, 64)
    m.begin()
    m.hi = m.lo + 2 * 0x12350  # more words than a half can count
    m.end()
    assert (m.h[0], m.h[1], m.h[2], m.h[3]) == (0, 0, 0x2350, 1)


def test_copy_of_what_was_built():
    m = Builder(16, 1024)
    m.begin()
    m.end()
    m.begin()
    at = m.alloc(2)
    m.i[at] = 5
    copy = m.copy()
    assert shape(copy) == [word() + word(5)]
    assert copy.left == m.left == 1 << 28


def test_limits_by_keyword():
    assert Limits(answers=3).answers == 3
    assert Limits.answers == 64
    raises(TypeError, "no limit is named answer", lambda: Limits(answer=3))
    assert Limits.host(questions=5).questions == 5
    assert Limits.host().message_words > Limits().message_words
