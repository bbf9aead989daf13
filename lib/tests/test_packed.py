# SPDX-License-Identifier: MIT
"""Layer `files`: the packed encoding byte by byte, hostile packed messages, and packed streams."""

from framekit import Stream, frame, shape, table
from wirekit import raises, word

from capnrpc_micro.extra import files
from capnrpc_micro.extra.packed import pack, unpack
from capnrpc_micro.limits import Limits
from capnrpc_micro.message import MessageError

ZERO = bytes(8)
FULL = bytes(range(1, 9))
ONE_ZERO = b"\1\2\3\0\5\6\7\x08"
TWO_ZEROS = b"\0\2\3\4\0\6\7\x08"
CUT = "end inside a message"

# Words, and what they are packed. By hand, from the rules of the encoding.
VECTORS = (
    (b"", b""),
    (ZERO, b"\0\0"),
    (ZERO * 4, b"\0\3"),
    (ZERO * 256, b"\0\xff"),
    (ZERO * 257, b"\0\xff\0\0"),
    (ZERO * 600, b"\0\xff\0\xff\0\x57"),
    (b"\0\0\0\0\0\0\0\x09", b"\x80\x09"),
    (b"\x09\0\0\0\0\0\0\0", b"\x01\x09"),
    (word(8, 0, 3, 2) + word(0x19, 0, 0x1AA), b"\x51\x08\3\2\x31\x19\xaa\1"),
    (ONE_ZERO, b"\xf7\1\2\3\5\6\7\x08"),
    (FULL, b"\xff" + FULL + b"\0"),
    (FULL * 3, b"\xff" + FULL + b"\2" + FULL * 2),
    (FULL * 256, b"\xff" + FULL + b"\xff" + FULL * 255),
    (FULL * 257, b"\xff" + FULL + b"\xff" + FULL * 255 + b"\xff" + FULL + b"\0"),
    # in a run a word may have one zero byte, not two
    (FULL + ONE_ZERO + FULL, b"\xff" + FULL + b"\2" + ONE_ZERO + FULL),
    (FULL + TWO_ZEROS, b"\xff" + FULL + b"\0\xee\2\3\4\6\7\x08"),
    (FULL + ONE_ZERO + ZERO, b"\xff" + FULL + b"\1" + ONE_ZERO + b"\0\0"),
    # a run of zeros ends at any other word
    (ZERO * 2 + FULL + ZERO, b"\0\1\xff" + FULL + b"\0\0\0"),
    (ZERO + word(1) + ZERO, b"\0\0\1\1\0\0"),
)


def packed(data):
    return b"".join([bytes(piece) for piece in pack(data)])


def unpacked(data, size, step=1 << 20):
    """`size` bytes out of a packed stream, and how many bytes of it were taken."""
    stream = Stream(data, step)
    out = bytearray(size)
    assert unpack(stream, memoryview(out))
    return bytes(out), stream.taken


def message(*sizes):
    """A packed message of frame(*sizes)."""
    return files.to_bytes(files.from_bytes(frame(*sizes)), pack)


def read(data, limits=None):
    """The frame of a packed message, the same from bytes and from a stream."""
    m = files.from_bytes(data, limits, unpack)
    assert shape(files.read(Stream(data), limits, unpack)) == shape(m)
    return files.to_bytes(m)


def refused(text, data, limits=None):
    raises(MessageError, text, files.from_bytes, data, limits, unpack)
    raises(MessageError, text, files.read, Stream(data), limits, unpack)


def random_words(count, seed):
    """Words of random bytes, of which random shares are zero."""
    data = bytearray(8 * count)
    zeros = 0
    for k in range(len(data)):
        if k % 64 == 0:
            zeros = seed % 5
        seed = (seed * 109 + 1021) & 0xFFFF
        if seed >> 4 & 3 >= zeros:
            data[k] = seed >> 8
    return bytes(data)


def test_vectors():
    for data, expected in VECTORS:
        assert packed(data) == expected
        assert packed(memoryview(bytearray(data))) == expected
        for step in (1, 5, 1 << 20):
            assert unpacked(expected + b"rest", len(data), step) == (data, len(expected))


def test_every_tag():
    for tag in range(256):
        data = bytes([k + 1 if tag >> k & 1 else 0 for k in range(8)])
        expected = bytes([tag]) + bytes([k + 1 for k in range(8) if tag >> k & 1])
        if tag in (0, 255):
            expected += b"\0"
        assert packed(data) == expected
        assert unpacked(expected, 8) == (data, len(expected))


def test_random_words():
    for seed in range(40):
        data = random_words(1 + 17 * seed, seed)
        small = packed(data)
        assert unpacked(small, len(data), 13) == (data, len(small))


def test_pieces_are_small():
    for data in (bytes(8000), FULL * 1000, random_words(1000, 3)):
        assert max([len(piece) for piece in pack(data)]) < 2200


def test_only_whole_words_are_packed():
    for n in (1, 4, 7, 9, 15):
        raises(MessageError, "not whole words", packed, bytes(n))


def test_other_encodings_of_the_same_words():
    for data, other in (
        (ZERO, b"\xff" + ZERO + b"\0"),
        (ZERO, b"\x01\0"),
        (ZERO * 3, b"\0\0\0\0\0\0"),
        (ZERO * 3, b"\xff" + ZERO + b"\2" + ZERO * 2),
        (FULL * 2, b"\xff" + FULL + b"\0\xff" + FULL + b"\0"),
        (TWO_ZEROS, b"\xff" + TWO_ZEROS + b"\0"),
    ):
        assert unpacked(other, len(data)) == (data, len(other))


def test_messages():
    for sizes in ((1,), (300,), (1, 1), (2, 0, 3), (1, 0, 2, 0), (3, 0, 0, 0, 1), (40, 300)):
        assert read(message(*sizes)) == frame(*sizes)


def test_table_and_segments_are_packed_by_themselves():
    m = files.from_bytes(table(1, 2, 0) + ZERO * 3)
    assert files.to_bytes(m, pack) == b"\x11\2\1" + b"\x01\2" + b"\0\0" + b"\0\1"
    m = files.from_bytes(table(1, 1) + FULL * 2)
    assert files.to_bytes(m, pack) == b"\x11\1\1" + b"\x01\1" + (b"\xff" + FULL + b"\0") * 2


def test_runs_over_segments():
    """They are read over the ends of segments, as by the C++ implementation."""
    assert read(b"\x11\2\1\x01\2" + b"\0\2") == table(1, 2, 0) + ZERO * 3
    assert read(b"\x11\1\1\x01\1" + b"\xff" + FULL + b"\1" + FULL) == table(1, 1) + FULL * 2


def test_runs_beyond_the_message():
    for run in (2, 3, 255):
        start = b"\x10\2" + bytes([0, run])
        refused("packed run beyond its segment", start)
        refused("packed run beyond its segment", start + bytes(1000))
        refused("packed run beyond its segment", b"\x10\2\xff" + FULL + bytes([run]) + FULL * 255)
    # out of the table into the segments
    refused("packed run beyond its segment", b"\x11\3\1" + b"\0\2")
    refused("packed run beyond its segment", b"\xff\1\0\0\0\1\0\0\0\1" + b"\1\0\0\0\0\0\0\0\0\0")


def test_cut_at_every_byte():
    for data in (message(12), message(3, 0, 2), b"\x10\4\xff" + FULL + b"\3" + FULL * 3):
        assert read(data)
        for cut in range(len(data)):
            raises(MessageError, CUT, files.from_bytes, data[:cut], None, unpack)
            if cut:
                raises(MessageError, CUT, files.read, Stream(data[:cut]), None, unpack)


def test_the_end_before_the_first_word():
    view = memoryview(bytearray(16))
    assert not unpack(Stream(), view, True)
    raises(MessageError, CUT, unpack, Stream(), view)
    raises(MessageError, CUT, unpack, Stream(b"\0\0"), view, True)


def test_bytes_after_the_message():
    raises(MessageError, "1 bytes after", files.from_bytes, message(3) + b"\0", None, unpack)


def test_sizes_are_refused_before_anything_is_unpacked():
    small = Limits(message_words=64, segments=4)
    bomb = b"\0\xff" * 100
    refused("message of more than 64 words", b"\x10\x41" + bomb, small)
    for limits in (small, None):
        refused("message of more than", b"\xf0\xff\xff\xff\xff" + bomb, limits)
        refused("message of more than", b"\xf0\xff\xff\xff\x0f" + bomb, limits)
        refused("segments", b"\x1f\xff\xff\xff\xff\1" + bomb, limits)
        refused("without a root pointer", b"\0\0" + bomb, limits)
    assert len(read(b"\x10\x40\0\x3f", small)) == 8 * 65


def test_streams():
    frames = [frame(*sizes) for sizes in ((1,), (40, 2), (300,), (1, 0, 1))]
    sink = Stream(step=11)
    ends = []
    for data in frames:
        files.write(sink, files.from_bytes(data), pack)
        ends.append(len(sink.written))
    for step in (1, 6, 1 << 20):
        stream = Stream(sink.written + b"rest", step)
        for k in range(len(frames)):
            assert files.to_bytes(files.read(stream, None, unpack)) == frames[k]
            assert stream.taken == ends[k]  # and no byte more
    stream = Stream(sink.written)
    for _ in frames:
        assert files.read(stream, None, unpack)
    assert files.read(stream, None, unpack) is None
    raises(MessageError, CUT, files.read, stream, None, unpack, False)
