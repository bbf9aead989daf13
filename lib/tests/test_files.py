# SPDX-License-Identifier: MIT
"""Layer `files`: messages from and to bytes, segments and streams, and every limit of them."""

from framekit import Stream, frame, shape, table
from wirekit import NODE, built, message, raises, root, word

from capnrpc_micro.extra.files import from_bytes, from_segments, read, to_bytes, to_segments, write
from capnrpc_micro.limits import Limits
from capnrpc_micro.message import MessageError
from capnrpc_micro.words import MICROPYTHON

SIZES = (
    (1,),
    (2,),
    (300,),
    (1, 1),
    (1, 0),
    (1, 2, 3),
    (3, 0, 0),
    (1, 0, 2, 0),
    (2, 0, 0, 0, 1),
    (1, 1, 1, 1, 1),
    (40, 300, 1),
)
SMALL = Limits(message_words=64, segments=4, receive_bytes=128, traversal_words=77, nesting=9)
CUT = "end inside a message"


def refused(text, data, limits=SMALL):
    """The frame is refused, from bytes and from a stream, before more of it is asked for."""
    raises(MessageError, text, from_bytes, data, limits)
    raises(MessageError, text, read, Stream(data), limits)


def test_the_table_is_padded_to_words():
    assert table(5) == word(0, 0, 5)
    assert table(5, 6) == word(1, 0, 5) + word(6)
    assert table(5, 6, 7) == word(2, 0, 5) + word(6, 0, 7)


def test_from_bytes():
    for sizes in SIZES:
        data = frame(*sizes)
        m = from_bytes(data)
        assert [len(segment) // 8 for segment in shape(m)] == list(sizes)
        assert b"".join(shape(m)) == data[-8 * sum(sizes) :]
        assert (m.segments is None) == (len(sizes) == 1)
        assert bytes(m.b[4 * m.lo : 4 * m.hi]) == shape(m)[0]


def test_all_kinds_of_bytes():
    data = frame(3)
    for given in (bytearray(data), memoryview(data), memoryview(b"xyz" + data + b"x")[3:-1]):
        assert shape(from_bytes(given)) == [data[8:]]


def test_a_message_has_memory_of_its_own():
    for words in (3, 1000):
        data = bytearray(frame(words))
        m = from_bytes(data)
        kept = shape(m)
        for k in range(len(data)):
            data[k] = 0xEE
        assert shape(m) == kept
        assert len(m.b) <= 8 * words + 8  # and not more


def test_what_is_built_is_read():
    m = built(NODE, {"value": 5, "name": "five", "next": {"value": 6}})
    data = to_bytes(m)
    assert data == bytes(m.b[: 4 * m.hi])  # as end() has framed it
    for again in (from_bytes(data), from_segments(to_segments(m)), read(Stream(data))):
        five = root(again, NODE)
        assert (five.value, five.name, five.next.value) == (5, "five", 6)


def test_limits_reach_the_message():
    for data in (frame(1), frame(1, 2), frame(60)):
        m = from_bytes(data, SMALL)
        assert m.left == 77 and m.nesting == 9 and m.caps is None
        assert read(Stream(data), SMALL).left == 77


def test_limits_when_none_are_given():
    words = Limits().message_words
    assert len(to_segments(from_bytes(frame(words)))[0]) == 8 * words
    if MICROPYTHON:
        refused("more than 2048 words", table(words + 1), None)
    else:
        assert from_bytes(frame(words + 1)).left == Limits.host().traversal_words


def test_bytes_after_the_message():
    for n in (1, 7, 8, 16):
        raises(MessageError, "%d bytes after the message" % n, from_bytes, frame(2) + bytes(n))
        raises(MessageError, "%d bytes after" % n, from_bytes, frame(2, 1, 1) + bytes(n))


def test_cut_at_every_byte():
    for sizes in ((3,), (1, 1), (2, 0, 1), (1, 0, 2, 0)):
        data = frame(*sizes)
        for cut in range(len(data)):
            raises(MessageError, CUT, from_bytes, data[:cut])
            if cut:
                raises(MessageError, CUT, read, Stream(data[:cut]))


def test_the_end_of_a_stream():
    stream = Stream(frame(1))
    assert read(stream) is not None
    assert read(stream) is None
    assert read(stream) is None
    raises(MessageError, CUT, lambda: read(stream, end=False))


def test_messages_after_one_another_in_one_stream():
    frames = [frame(*sizes) for sizes in SIZES]
    for step in (1, 3, 8, 1000, 1 << 20):
        stream = Stream(b"".join(frames) + b"rest", step)
        end = 0
        for data in frames:
            assert to_bytes(read(stream)) == data
            end += len(data)
            assert stream.taken == end  # and no byte more


def test_a_stream_without_data_yet_is_not_at_its_end():
    class Nothing:
        def read(self, n):
            return None

    raises(TypeError, "", read, Nothing())


def test_write():
    for sizes in SIZES:
        data = frame(*sizes)
        m = from_bytes(data)
        for step in (1, 7, 1 << 20):
            stream = Stream(step=step)
            write(stream, m)
            assert stream.written == data
        assert to_bytes(m) == data


def test_write_to_a_stream_that_says_nothing():
    class Quiet(Stream):
        def write(self, view):
            self.written += bytes(view)

    stream = Quiet()
    write(stream, from_bytes(frame(3, 1)))
    assert stream.written == frame(3, 1)


def test_a_received_message_among_others():
    first, second = frame(2)[8:], frame(3)[8:]
    assert to_bytes(message(first)) == table(2) + first
    assert to_bytes(message(first, second)) == table(2, 3) + first + second


def test_segments():
    for sizes in SIZES:
        data = frame(*sizes)
        segments = to_segments(from_bytes(data))
        assert [len(segment) for segment in segments] == [8 * size for size in sizes]
        assert to_bytes(from_segments(segments)) == data
        assert to_bytes(from_segments([bytes(segment) for segment in segments])) == data
    assert from_segments([bytearray(16)], SMALL).left == 77


def test_segments_that_make_no_message():
    raises(MessageError, "4 bytes after", from_segments, [bytes(12)])
    raises(MessageError, "8 bytes after", from_segments, [bytes(12), bytes(12)])
    raises(MessageError, "without a root pointer", from_segments, [b""])
    raises(MessageError, "without a root pointer", from_segments, [b"", bytes(8)])
    raises(MessageError, "more than 4 segments", from_segments, [bytes(8)] * 5, SMALL)
    raises(MessageError, "more than 64 words", from_segments, [bytes(8)] * 2 + [bytes(504)], SMALL)
    try:
        from_segments([])
    except (MessageError, OverflowError):
        return
    raise AssertionError("a message of no segment")


def test_number_of_segments():
    assert len(shape(from_bytes(frame(1, 1, 1, 1), SMALL))) == 4
    refused("more than 4 segments", table(1, 1, 1, 1, 1))
    refused("more than 4 segments", word(4))
    many = Limits(segments=512)
    assert len(shape(from_bytes(table(*[1] + [0] * 511) + bytes(8), many))) == 512
    refused("more than 512 segments", word(512, 0, 1), many)
    for limits in (SMALL, many, None):
        for high in (1, 0x4000, 0x8000, 0xC000, 0xFFFF):
            refused("segments", word(0, high, 1), limits)
            refused("segments", word(0xFFFF, high, 1) + bytes(64), limits)


def test_size_of_a_message():
    for sizes in ((64,), (1, 63), (32, 0, 32)):
        assert to_bytes(from_bytes(frame(*sizes), SMALL)) == frame(*sizes)
    for sizes in ((65,), (1, 64), (32, 1, 32)):
        refused("message of more than 64 words", table(*sizes))
    for limits in (SMALL, None):
        for high in (0x0FFF, 0x1000, 0x4000, 0x7FFF, 0x8000, 0xC000, 0xFFFF):
            for low in (0, 0xFFFF):
                refused("more than", word(0, 0, low, high), limits)
                refused("more than", word(1, 0, 1) + word(low, high), limits)
    refused("more than", word(2, 0, 1) + word(0, 0x8000, 0, 0x8000))


def test_empty_first_segment():
    refused("without a root pointer", table(0))
    refused("without a root pointer", table(0, 1))
    refused("without a root pointer", table(0, 0, 0))
